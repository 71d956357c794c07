//! Scans against a real ledger in memory: real headers, certificates by the validators of each height, real proofs. And against
//! nodes that lie.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use inro_client::NodeClient;
use inro_client::light::{Distrust, Freshness, Light};
use inro_client::wallet::scan::{self, Progress, ScanFault, Scanned};
use inro_client::wallet::{Wallet, WalletSecret, WordList, Words};
use inro_contracts::account::Account;
use inro_contracts::bytes::{Canonical, encode};
use inro_contracts::certificate::{Certificate, CommitSignature};
use inro_contracts::fixture::{Consortium, FOUNDED, list, secret};
use inro_contracts::key::SecretKey;
use inro_contracts::memory::MemoryLedger;
use inro_contracts::state::{Members, StateKey};
use inro_contracts::tag::Tag;
use inro_contracts::time::{Height, Time};
use inro_contracts::transaction::Action;
use inro_contracts::validator::ValidatorSet;
use inro_contracts::vote::{VoteKind, VoteStatement};
use serde_json::{Value, json};

/// What a lying node changes in its proved answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lie {
    None,
    HiddenObject,
    ChangedObject,
    OtherProof,
    ForgedCertificate,
    ChangedHeader,
    HiddenMember,
    OtherSet,
}

struct Node {
    consortium: Consortium,
    /// The validators' secrets now.
    validators: Vec<SecretKey>,
    ledger: MemoryLedger,
    certificates: Vec<Certificate>,
    sets: Vec<ValidatorSet>,
    lie: Lie,
}

impl Node {
    fn new() -> Self {
        let consortium = Consortium::new(4);
        let ledger = consortium.ledger();
        let validators = consortium.organisations.iter().map(|member| member.validator.clone()).collect();
        let sets = vec![ledger.validators().unwrap()];
        Self { consortium, validators, ledger, certificates: Vec::new(), sets, lie: Lie::None }
    }

    fn now(&self) -> Time {
        FOUNDED.plus_ms(1_000 * (self.ledger.tip().height.0 + 1))
    }

    fn commit(&mut self, signed: &[(Action, SecretKey)]) {
        let now = self.now();
        let verified: Vec<_> =
            signed.iter().map(|(action, secret)| self.consortium.verified(action.clone(), secret, now.plus_ms(60_000))).collect();
        let proposer = self.validators[0].public();
        let built = self.ledger.append(now, proposer, &verified).unwrap();
        assert!(built.outcomes.iter().all(|outcome| outcome.is_applied()), "{:?}", built.outcomes);
        self.certificates.push(self.certificate(&built.header));
        self.sets.push(built.next_validators);
    }

    fn certificate(&self, header: &inro_contracts::block::Header) -> Certificate {
        let (chain, height, block) = (header.chain, header.height, header.id());
        let sign = |secret: &SecretKey| {
            let (validator, kind) = (secret.public(), VoteKind::Precommit);
            let vote = VoteStatement { chain, kind, height, round: 0, block: Some(block), validator };
            CommitSignature { validator, signature: secret.sign(Tag::VOTE, &encode(&vote)) }
        };
        let mut signatures: Vec<_> = self.validators.iter().map(sign).collect();
        signatures.sort_by_key(|part| part.validator);
        Certificate { height, round: 0, block, signatures: list(signatures) }
    }

    /// Organisation `index` opens the account that the wallet agrees to.
    fn open(&mut self, wallet: &mut Wallet, index: usize) {
        let member = self.consortium.organisations[index].clone();
        let agreement = wallet.agree(&member.id).unwrap();
        let action = Action::OpenAccount {
            practitioner: member.practitioner_id,
            custodian: member.id,
            first_key: agreement.opening.first_key,
            custodial: agreement.opening.custodial,
            agreement: agreement.signature,
        };
        self.commit(&[(action, member.practitioner)]);
        wallet.note_open(&agreement.label).unwrap();
    }

    fn rotate_account(&mut self, wallet: &mut Wallet, place: usize) {
        let label = wallet.accounts()[place].label;
        let (action, number) = wallet.rotation(&label).unwrap();
        let secret = wallet.controller(&label).unwrap();
        self.commit(&[(action, secret)]);
        wallet.note_key(&label, number).unwrap();
    }

    /// Organisation `index` replaces its validator's key; the new set votes from the next block on.
    fn rotate_validator(&mut self, index: usize, number: u64) {
        let member = self.consortium.organisations[index].clone();
        let new = secret("rotated-validator", number);
        let old = self.validators[index].public();
        let possession = self.consortium.possession(member.id.0, &new);
        let action = Action::RotateValidator { organisation: member.id, old, key: new.public(), possession };
        self.commit(&[(action, member.authority)]);
        self.validators[index] = new;
    }

    fn proved<T: Canonical + serde::Serialize>(&self, key: &StateKey) -> Response {
        let Some(header) = self.ledger.header(self.ledger.tip().height) else { return missing() };
        let (bytes, mut proof) = self.ledger.prove(key).unwrap();
        let mut object = json!(bytes.map(|bytes| T::from_bytes(&bytes).unwrap()));
        let (mut header, mut certificate) = (header.clone(), self.certificates.last().unwrap().clone());
        match self.lie {
            Lie::HiddenObject if !matches!(key, StateKey::Members) => object = Value::Null,
            Lie::ChangedObject if object["custodian"].is_string() => object["controller"] = json!(secret("thief", 1).public()),
            Lie::OtherProof => proof = self.ledger.prove(&StateKey::Clock).unwrap().1,
            Lie::ForgedCertificate => {
                let other = certificate.signatures[1].signature;
                certificate.signatures.iter_mut().next().unwrap().signature = other;
            }
            Lie::ChangedHeader => header.state_root = inro_contracts::id::Hash([1; 32]),
            Lie::HiddenMember if matches!(key, StateKey::Members) => object = json!(object.as_array().unwrap()[1..]),
            _ => {}
        }
        let proof = hex::encode(proof.to_bytes());
        axum::Json(json!({ "object": object, "header": header, "certificate": certificate, "proof": proof })).into_response()
    }
}

fn missing() -> Response {
    (StatusCode::NOT_FOUND, axum::Json(json!({ "title": "Not found", "status": 404 }))).into_response()
}

type Shared = Arc<Mutex<Node>>;

fn one(value: Option<Value>) -> Response {
    value.map_or_else(missing, |value| axum::Json(value).into_response())
}

async fn changes(State(node): State<Shared>) -> Response {
    let node = node.lock().unwrap();
    let headers = (1..=node.ledger.tip().height.0).map(|height| node.ledger.header(Height(height)).unwrap());
    let change = |header: &inro_contracts::block::Header| {
        let place = header.height.0 as usize;
        let set = if node.lie == Lie::OtherSet { &node.sets[0] } else { &node.sets[place] };
        json!({ "header": header, "certificate": node.certificates[place - 1], "set": set })
    };
    let changed = headers.filter(|header| header.next_validators != header.validators);
    one(Some(Value::Array(changed.map(change).collect())))
}

async fn serve(node: &Shared) -> NodeClient {
    let router = Router::new()
        .route("/v1/members", get(async |State(node): State<Shared>| node.lock().unwrap().proved::<Members>(&StateKey::Members)))
        .route(
            "/v1/accounts/{label}",
            get(async |State(node): State<Shared>, Path(label): Path<String>| {
                node.lock().unwrap().proved::<Account>(&StateKey::Account(label.parse().unwrap()))
            }),
        )
        .route("/v1/changes", get(changes))
        .with_state(Arc::clone(node));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = NodeClient::new(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    client
}

fn secret_of(number: u8) -> WalletSecret {
    WalletSecret::new(&Words::of_entropy(&[number; 32], WordList::English), "")
}

fn wallet(node: &Node) -> Wallet {
    Wallet::new(secret_of(1), node.consortium.chain, false)
}

fn light(node: &Shared) -> Light {
    Light::new(&node.lock().unwrap().consortium.founding())
}

async fn scan_anew(node: &Shared, client: &NodeClient) -> Result<(Wallet, Scanned), ScanFault> {
    let mut found = wallet(&node.lock().unwrap());
    let scanned = scan::scan(&mut found, std::slice::from_ref(client), &mut light(node), &[], |_| ()).await?;
    Ok((found, scanned))
}

/// What a wallet knows of its accounts, in the order of labels.
fn known(wallet: &Wallet) -> Vec<(String, Option<u32>, bool)> {
    let mut known: Vec<_> =
        wallet.accounts().iter().map(|account| (account.label.to_hex(), account.key, account.custodial)).collect();
    known.sort();
    known
}

#[tokio::test]
async fn the_words_alone_find_every_account_with_the_key_that_speaks_for_it() {
    let mut node = Node::new();
    let mut lost = wallet(&node);
    for index in [0, 1, 0, 3, 0, 0] {
        node.open(&mut lost, index);
    }
    node.rotate_account(&mut lost, 1);
    node.rotate_account(&mut lost, 1);
    node.rotate_account(&mut lost, 4);
    let mut stranger = Wallet::new(secret_of(2), node.consortium.chain, false);
    node.open(&mut stranger, 2);
    let node = Arc::new(Mutex::new(node));
    let clients = [serve(&node).await, serve(&node).await];
    let mut found = wallet(&node.lock().unwrap());
    let mut progress = Vec::new();
    let scanned = scan::scan(&mut found, &clients, &mut light(&node), &[], |step| progress.push(step)).await.unwrap();
    assert_eq!(known(&found), known(&lost));
    assert_eq!((scanned.members, scanned.found, scanned.lost, scanned.height), (4, 6, 0, Height(10)));
    assert_eq!(progress.first(), Some(&Progress { done: 0, of: 4, found: 0 }));
    assert_eq!(progress.last(), Some(&Progress { done: 4, of: 4, found: 6 }));
    for account in found.all_accounts() {
        let controller = found.controller(&account.label).unwrap().public();
        assert_eq!(controller, lost.controller(&account.label).unwrap().public());
    }
    let again = scan::scan(&mut found, &clients, &mut light(&node), &[], |_| ()).await.unwrap();
    assert_eq!((again.found, known(&found)), (6, known(&lost)));
}

#[tokio::test]
async fn an_account_that_another_key_controls_is_found_and_not_spoken_for() {
    let mut node = Node::new();
    let mut lost = wallet(&node);
    node.open(&mut lost, 0);
    node.open(&mut lost, 1);
    let label = lost.accounts()[0].label;
    let thief = secret("thief", 1);
    let action = node.consortium.rotate_controller(label, &thief);
    node.commit(&[(action, lost.controller(&label).unwrap())]);
    let node = Arc::new(Mutex::new(node));
    let (found, scanned) = scan_anew(&node, &serve(&node).await).await.unwrap();
    assert_eq!((scanned.found, scanned.lost), (1, 1));
    assert_eq!(found.account(&label).unwrap().key, None);
}

#[tokio::test]
async fn validators_that_changed_since_the_founding_are_followed() {
    let mut node = Node::new();
    let mut lost = wallet(&node);
    for _ in 0..5 {
        node.commit(&[]);
    }
    for number in 0..7 {
        node.rotate_validator(number as usize % 4, number);
        if number % 3 == 0 {
            node.commit(&[]);
            node.commit(&[]);
        }
    }
    node.open(&mut lost, 2);
    let node = Arc::new(Mutex::new(node));
    let client = serve(&node).await;
    let (found, scanned) = scan_anew(&node, &client).await.unwrap();
    assert_eq!((known(&found), scanned.found), (known(&lost), 1));
    node.lock().unwrap().lie = Lie::OtherSet;
    let fault = scan_anew(&node, &client).await.unwrap_err();
    assert!(matches!(fault, ScanFault::Distrust(Distrust::Validators { .. })), "{fault}");
}

#[tokio::test]
async fn a_node_that_lies_is_found_out() {
    let mut node = Node::new();
    let mut lost = wallet(&node);
    node.open(&mut lost, 0);
    let node = Arc::new(Mutex::new(node));
    let client = serve(&node).await;
    let lies =
        [Lie::HiddenObject, Lie::ChangedObject, Lie::OtherProof, Lie::ForgedCertificate, Lie::ChangedHeader, Lie::HiddenMember];
    for lie in lies {
        node.lock().unwrap().lie = lie;
        let fault = scan_anew(&node, &client).await.unwrap_err();
        let found_out = match lie {
            Lie::ForgedCertificate | Lie::ChangedHeader => matches!(fault, ScanFault::Distrust(Distrust::Answer(_))),
            _ => matches!(fault, ScanFault::Distrust(Distrust::Proof(_))),
        };
        assert!(found_out, "{lie:?}: {fault}");
        assert!(fault.to_string().contains("do not trust"), "{fault}");
    }
    node.lock().unwrap().lie = Lie::None;
    assert_eq!(scan_anew(&node, &client).await.unwrap().1.found, 1);
}

#[tokio::test]
async fn an_old_block_and_another_ledger_are_refused() {
    let mut node = Node::new();
    node.commit(&[]);
    let chain = node.consortium.chain;
    let node = Arc::new(Mutex::new(node));
    let client = [serve(&node).await];
    let fresh = |ms| Freshness { now: FOUNDED.plus_ms(ms), age_ms_max: 600_000 };
    let mut found = wallet(&node.lock().unwrap());
    let mut young = light(&node).with_freshness(fresh(601_000));
    scan::scan(&mut found, &client, &mut young, &[], |_| ()).await.unwrap();
    let mut old = light(&node).with_freshness(fresh(661_000));
    let fault = scan::scan(&mut found, &client, &mut old, &[], |_| ()).await.unwrap_err();
    assert!(matches!(fault, ScanFault::Distrust(Distrust::Old { height: Height(1), minutes: 11 })), "{fault}");
    let mut other = Wallet::new(secret_of(1), inro_contracts::id::ChainId([1; 32]), false);
    let fault = scan::scan(&mut other, &client, &mut light(&node), &[], |_| ()).await.unwrap_err();
    assert!(matches!(fault, ScanFault::OtherLedger { found, .. } if found == chain));
    let fault = scan::scan(&mut found, &[], &mut light(&node), &[], |_| ()).await.unwrap_err();
    assert!(matches!(fault, ScanFault::NoNode));
}
