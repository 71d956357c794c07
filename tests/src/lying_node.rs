//! A node that lies: a front before a real node that answers from the evidence that a liar tells ([`crate::liars`]), consistently on
//! every route that concerns it, and lets the node answer everything else.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use axum::Json;
use axum::http::{Method, header};
use axum::response::{IntoResponse, Response};
use inro_client::NodeClient;
use inro_client::model::{ProvedAnswer, ProvedEntryAnswer, Status, TransactionAnswer, TransactionStatus};
use inro_contracts::account::Account;
use inro_contracts::block::Header;
use inro_contracts::bytes::Canonical;
use inro_contracts::state::StateKey;
use inro_contracts::tree::StateProof;
use inro_evidence::{Certified, Change, Evidence, JournalStatement, Located, Statement, transaction_id};
use serde::Serialize;
use serde_json::json;

use crate::front::{Front, Teller};

/// The running node. It ends when this is dropped.
pub struct LyingNode {
    front: Front,
    liar: Arc<Told>,
}

struct Told {
    node: NodeClient,
    told: Mutex<Option<Evidence>>,
}

impl LyingNode {
    /// Stands before a node; honest until it is told what to tell.
    pub async fn before(node: &NodeClient) -> Self {
        let liar = Arc::new(Told { node: node.clone(), told: Mutex::default() });
        Self { front: Front::before(node, liar.clone()).await, liar }
    }

    /// A client of it.
    pub fn client(&self) -> &NodeClient {
        self.front.client()
    }

    /// From now on it tells this; `None` makes it honest.
    pub fn tells(&self, told: Option<Evidence>) {
        *self.liar.told.lock().unwrap_or_else(PoisonError::into_inner) = told;
    }
}

#[async_trait]
impl Teller for Told {
    async fn answer(&self, method: &Method, path: &str, _: &[u8]) -> Option<Response> {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let parts: Vec<&str> = path.split('/').skip(2).collect();
        let head = told.statement.heads()[0];
        if *method != Method::GET {
            return None;
        }
        match (parts.as_slice(), &told.statement) {
            (["status"], _) => self.status(head).await,
            (["headers", height], _) => Some(json_of(&certified(&told, height)?.header)),
            (["certificates", height], _) => Some(json_of(&certified(&told, height)?.certificate)),
            (["validators", hash], _) => {
                let set = told.changes.iter().map(|change| &change.set).find(|set| set.hash().to_hex() == *hash)?;
                Some(json_of(set))
            }
            (["changes"], _) => Some(changes(&told, number(query, "after").unwrap_or(0))),
            (["accounts", _], Statement::Journal(journal)) if query.starts_with("proof") => {
                Some(proved(head, Some(&journal.account), &journal.proof))
            }
            (["accounts", _], Statement::Journal(journal)) => Some(json_of(&journal.account)),
            (["accounts", _], Statement::Absence(absence)) if query.starts_with("proof") => {
                Some(proved(head, None, &absence.proof))
            }
            (["state", key, "proof"], _) => state(&told.statement, key),
            (["accounts", _, "journal"], Statement::Journal(journal)) => Some(page(journal, query)),
            (["accounts", _, "history"], Statement::Journal(journal)) => {
                Some(octets(inro_contracts::bytes::encode(journal.as_ref())))
            }
            (["transactions", _, "proof"], Statement::Entry(entry)) => Some(proved_entry(head, &entry.entry)),
            (["transactions", _], Statement::Entry(entry)) => Some(committed(&head.header, &entry.entry)),
            _ => None,
        }
    }
}

impl Told {
    /// As of the header that it tells of.
    async fn status(&self, head: &Certified) -> Option<Response> {
        let Header { height, time, state_root, .. } = head.header;
        let status = self.node.status().await.ok()?;
        Some(json_of(&Status { height, time, block: head.header.id(), state_root, ..status }))
    }
}

/// The header of this height that it tells of, if it does.
fn certified<'a>(told: &'a Evidence, height: &str) -> Option<&'a Certified> {
    let head = told.statement.heads()[0];
    let mut all = told.changes.iter().map(|change| &change.certified).chain([head]);
    if height == "latest" { Some(head) } else { all.find(|one| one.header.height.to_string() == height) }
}

fn changes(told: &Evidence, after: u64) -> Response {
    let row = |Change { certified: Certified { header, certificate }, set }: &Change| json!({ "header": header, "certificate": certificate, "set": set });
    let rows: Vec<_> = told.changes.iter().filter(|change| change.certified.header.height.0 > after).map(row).collect();
    json_of(&rows)
}

fn proved(head: &Certified, account: Option<&Account>, proof: &StateProof) -> Response {
    let Certified { header, certificate } = head.clone();
    json_of(&ProvedAnswer { object: account.cloned(), header, certificate, proof: hex::encode(proof.to_bytes()) })
}

/// The account's object, if that is what is asked for.
fn state(statement: &Statement, key: &str) -> Option<Response> {
    let (label, object, proof) = match statement {
        Statement::Journal(journal) => (journal.label, Some(hex::encode(journal.account.to_bytes())), &journal.proof),
        Statement::Absence(absence) => (absence.label, None, &absence.proof),
        _ => return None,
    };
    let Certified { header, certificate } = statement.heads()[0].clone();
    let answer = ProvedAnswer { object, header, certificate, proof: hex::encode(proof.to_bytes()) };
    (key == hex::encode(StateKey::Account(label).to_bytes())).then(|| json_of(&answer))
}

fn page(journal: &JournalStatement, query: &str) -> Response {
    let from = number(query, "from").unwrap_or(1).saturating_sub(1) as usize;
    let limit = number(query, "limit").unwrap_or(100) as usize;
    json_of(&journal.events.iter().skip(from).take(limit).collect::<Vec<_>>())
}

fn proved_entry(head: &Certified, located: &Located) -> Response {
    let Certified { header, certificate } = head.clone();
    let (index, entry, path) = (located.index, hex::encode(located.entry.to_bytes()), located.path.path.clone());
    json_of(&ProvedEntryAnswer { index, entry, path, header, certificate })
}

fn committed(header: &Header, located: &Located) -> Response {
    let id = transaction_id(&located.entry.transaction);
    let (height, index, outcome) = (Some(header.height), Some(located.index), Some(located.entry.outcome.clone()));
    json_of(&TransactionAnswer { id, status: TransactionStatus::Committed, height, index, outcome })
}

fn number(query: &str, name: &str) -> Option<u64> {
    query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')?.parse().ok())
}

fn json_of(value: &impl Serialize) -> Response {
    Json(value).into_response()
}

fn octets(bytes: Vec<u8>) -> Response {
    ([(header::CONTENT_TYPE, "application/octet-stream")], bytes).into_response()
}
