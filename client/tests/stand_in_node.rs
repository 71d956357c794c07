//! A node that stands in for a real one: the ledger's own rules over a state in memory, one block per transaction, certified by
//! the validators' keys. It has no consensus and no network of peers.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use inro_client::NodeClient;
use inro_contracts::account::Account;
use inro_contracts::block::{BlockContext, Tip};
use inro_contracts::bytes::{Canonical, List, encode};
use inro_contracts::certificate::{Certificate, CommitSignature};
use inro_contracts::entry::Entry;
use inro_contracts::genesis::GenesisDocument;
use inro_contracts::history::{self, HistoryReader};
use inro_contracts::id::{ChainId, Hash, Label, TransactionId};
use inro_contracts::journal::Event;
use inro_contracts::key::SecretKey;
use inro_contracts::machine::{self, BlockFault, Built};
use inro_contracts::merkle::{EntryTree, leaf_hash};
use inro_contracts::organisation::{Organisation, OrganisationKind, Peer, PeerKind, Practitioner, Role};
use inro_contracts::parameters::Parameters;
use inro_contracts::proposal::Proposal;
use inro_contracts::state::{Members, Row, StateFault, StateKey, StateReader, load};
use inro_contracts::tag::Tag;
use inro_contracts::time::{Time, Validity};
use inro_contracts::transaction::{ParsedTransaction, VerifiedTransaction};
use inro_contracts::tree::{self, TreeStore};
use inro_contracts::validator::ValidatorSet;
use inro_contracts::vote::{VoteKind, VoteStatement};
use inro_evidence::{Certified, EntryStatement, Evidence, JournalStatement, Located, Start, Statement};
use inro_genesis::ceremony::{self, Plan, PlannedPeer, PlannedPractitioner};
use inro_genesis::keyfile::Passphrase;
use serde::Serialize;
use serde_json::{Value, json};

use crate::desk::{Desk, PASSPHRASE};
use crate::stand_in_desk::{self, Vault};

/// A ledger that four hospitals founded, its node, and a desk at which all their key files lie: `1/authority.pem` and so on.
pub struct StandIn {
    pub desk: Desk,
    pub client: NodeClient,
    pub chain: ChainId,
    pub(crate) shared: Arc<Shared>,
    runtime: tokio::runtime::Runtime,
}

pub(crate) struct Shared {
    pub(crate) ledger: Mutex<Ledger>,
    /// What it has of payloads.
    pub(crate) vault: Mutex<Vault>,
    /// How many submissions are still answered with 503.
    busy: AtomicU32,
    /// Does the node say that what is proved does not exist?
    hides: AtomicBool,
}

impl StandIn {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (document, secrets) = found(folder.path());
        ceremony::write_genesis(&folder.path().join("genesis.json"), &document).unwrap();
        let ledger = Ledger::new(&document, secrets);
        let chain = ledger.chain;
        let shared = Arc::new(Shared {
            ledger: Mutex::new(ledger),
            vault: Mutex::default(),
            busy: AtomicU32::new(0),
            hides: AtomicBool::new(false),
        });
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = router(shared.clone());
        runtime.spawn(async move { axum::serve(listener, router).await });
        let client = NodeClient::new(&url).unwrap();
        Self { desk: Desk::with_node(folder, &url), client, chain, shared, runtime }
    }

    /// The next submissions are answered with 503.
    pub fn be_busy(&self, times: u32) {
        self.shared.busy.store(times, Ordering::SeqCst);
    }

    /// How many submissions are still answered with 503.
    pub fn busy(&self) -> u32 {
        self.shared.busy.load(Ordering::SeqCst)
    }

    /// From now on, proved answers say that there is nothing.
    pub fn hide(&self, hides: bool) {
        self.shared.hides.store(hides, Ordering::SeqCst);
    }

    /// Exchanges a signature of a block's certificate for another one.
    pub fn forge_certificate(&self, height: usize) {
        let mut ledger = self.shared.ledger.lock().unwrap();
        let certificate = &mut ledger.blocks[height - 1].certificate;
        let other = certificate.signatures[1].signature;
        certificate.signatures.iter_mut().next().unwrap().signature = other;
    }

    /// Waits for the SDK.
    pub fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }
}

fn found(folder: &Path) -> (GenesisDocument, Vec<SecretKey>) {
    let mut parts = Vec::new();
    let mut secrets = Vec::new();
    for number in 1..=4 {
        let plan = plan(number);
        let home = folder.join(number.to_string());
        let keys = ceremony::make_keys(&home, &plan, &Passphrase::new(PASSPHRASE), false).unwrap();
        parts.push((home.join("declaration.json"), ceremony::declare(&plan, &keys).unwrap()));
        secrets.push(keys.validator.unwrap());
    }
    let parameters = Parameters { validators_min: 3, recovery_delay_ms: 1_000, ..Parameters::default() };
    (ceremony::join(parts, parameters, now()).unwrap(), secrets)
}

fn now() -> Time {
    Time(std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as u64)
}

fn plan(number: u16) -> Plan {
    Plan {
        ledger: "Shonan".into(),
        organisation: format!("Hospital {number}"),
        kind: OrganisationKind::Hospital,
        institution_number: String::new(),
        validator_power: Some(1),
        peers: vec![PlannedPeer {
            kind: PeerKind::Validator,
            consensus_address: format!("/ip4/127.0.0.1/tcp/{}", 7000 + number),
            exchange_address: format!("/ip4/127.0.0.1/tcp/{}", 7100 + number),
        }],
        practitioners: vec![PlannedPractitioner {
            role: Role::Physician,
            licence_number: String::new(),
            validity: Validity { from: Time(0), until: Time(u64::MAX) },
        }],
    }
}

struct Block {
    built: Built,
    certificate: Certificate,
    transactions: Vec<VerifiedTransaction>,
}

pub(crate) struct Ledger {
    pub(crate) chain: ChainId,
    name: String,
    tip: Tip,
    secrets: Vec<SecretKey>,
    objects: BTreeMap<StateKey, Vec<u8>>,
    nodes: BTreeMap<Vec<u8>, Vec<u8>>,
    hashes: BTreeMap<u64, Hash>,
    committed: BTreeSet<TransactionId>,
    blocks: Vec<Block>,
    journals: BTreeMap<Label, Vec<Event>>,
    document: Vec<u8>,
}

impl StateReader for Ledger {
    fn read(&self, key: &StateKey) -> Result<Option<Vec<u8>>, StateFault> {
        Ok(self.objects.get(key).cloned())
    }
    fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Row>, StateFault> {
        let rows = self.objects.iter().map(|(key, value)| (key.to_bytes(), value.clone()));
        let fits = |key: &[u8]| key.starts_with(prefix) && after.is_none_or(|after| key > after);
        let mut rows: Vec<Row> = rows.filter(|(key, _)| fits(key)).collect();
        rows.sort();
        rows.truncate(limit);
        Ok(rows)
    }
    fn is_committed(&self, id: &TransactionId) -> Result<bool, StateFault> {
        Ok(self.committed.contains(id))
    }
}

impl TreeStore for Ledger {
    fn tree_node(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateFault> {
        Ok(self.nodes.get(key).cloned())
    }
}

impl HistoryReader for Ledger {
    fn history_hash(&self, index: u64) -> Option<Hash> {
        self.hashes.get(&index).copied()
    }
}

impl Ledger {
    fn new(document: &GenesisDocument, secrets: Vec<SecretKey>) -> Self {
        let founding = document.found().unwrap();
        let objects = founding.state.into_iter().filter_map(|(key, bytes)| Some((key, bytes?))).collect();
        Self {
            chain: founding.chain,
            name: document.ledger.as_str().into(),
            tip: founding.tip,
            secrets,
            objects,
            nodes: founding.tree.nodes.into_iter().collect(),
            hashes: founding.history.into_iter().collect(),
            committed: BTreeSet::new(),
            blocks: Vec::new(),
            journals: BTreeMap::new(),
            document: document.to_bytes(),
        }
    }

    fn commit(&mut self, transaction: VerifiedTransaction) -> Result<(), BlockFault> {
        let time = now().max(self.tip.time.plus_ms(1));
        let context = BlockContext { chain: self.chain, height: self.tip.height.next(), time };
        let proposer = self.secrets[0].public();
        let transactions = vec![transaction];
        let built = machine::build(self, &self.tip, &context, proposer, &transactions)?;
        for (key, bytes) in built.state.clone() {
            match bytes {
                Some(bytes) => self.objects.insert(key, bytes),
                None => self.objects.remove(&key),
            };
        }
        self.nodes.extend(built.tree.nodes.iter().cloned());
        self.hashes.extend(built.history.iter().copied());
        self.committed.extend(transactions.iter().map(VerifiedTransaction::id));
        for append in &built.journal {
            let outcome = built.outcomes[append.index as usize].clone();
            let bytes = inro_contracts::entry::entry_bytes(transactions[append.index as usize].bytes(), &outcome);
            let entry = Entry::from_bytes(&bytes).unwrap();
            let event = Event { height: context.height, time, index: append.index, entry };
            self.journals.entry(append.account).or_default().push(event);
        }
        self.tip = Tip { height: context.height, block: built.id, time };
        let certificate = self.certificate(&built);
        self.blocks.push(Block { built, certificate, transactions });
        Ok(())
    }

    fn certificate(&self, built: &Built) -> Certificate {
        let vote = |secret: &SecretKey| {
            let validator = secret.public();
            let statement = VoteStatement {
                chain: self.chain,
                kind: VoteKind::Precommit,
                height: built.header.height,
                round: 0,
                block: Some(built.id),
                validator,
            };
            CommitSignature { validator, signature: secret.sign(Tag::VOTE, &encode(&statement)) }
        };
        let mut signatures: Vec<_> = self.secrets.iter().map(vote).collect();
        signatures.sort_by_key(|part| part.validator);
        Certificate { height: built.header.height, round: 0, block: built.id, signatures: List::new(signatures).unwrap() }
    }

    fn all<T: Canonical + Serialize>(&self, pick: impl Fn(&StateKey) -> Option<[u8; 32]>) -> Vec<Value> {
        let mut all = Vec::new();
        for (key, bytes) in &self.objects {
            if let Some(id) = pick(key) {
                let mut value = json!(T::from_bytes(bytes).unwrap());
                value["id"] = Hash(id).to_hex().into();
                all.push(value);
            }
        }
        all
    }

    fn block(&self, height: &str) -> Option<&Block> {
        match height {
            "latest" => self.blocks.last(),
            _ => self.blocks.get(height.parse::<usize>().ok()?.checked_sub(1)?),
        }
    }

    fn transaction(&self, id: &str) -> Value {
        for block in &self.blocks {
            let place = block.transactions.iter().position(|transaction| transaction.id().to_hex() == id);
            if let Some(index) = place {
                let (height, outcome) = (block.built.header.height, &block.built.outcomes[index]);
                return json!({ "id": id, "status": "committed", "height": height, "index": index, "outcome": outcome });
            }
        }
        json!({ "id": id, "status": "unknown" })
    }

    /// The evidence that a transaction was committed.
    pub(crate) fn receipt(&self, id: &TransactionId) -> Option<Vec<u8>> {
        let block = self.blocks.iter().find(|block| block.transactions[0].id() == *id)?;
        let bytes = inro_contracts::entry::entry_bytes(block.transactions[0].bytes(), &block.built.outcomes[0]);
        let entry = Entry::from_bytes(&bytes).unwrap();
        let entry = Located { index: 0, entry, path: EntryTree::new(&[leaf_hash(&bytes)]).prove(0).unwrap() };
        let head = Certified { header: block.built.header.clone(), certificate: block.certificate.clone() };
        let statement = Statement::Entry(Box::new(EntryStatement { head, entry }));
        Some(Evidence { chain: self.chain, start: Start::Genesis, changes: List::default(), statement }.to_bytes())
    }

    fn status(&self) -> Value {
        let state_root = self.blocks.last().map_or(Hash([0; 32]), |block| block.built.header.state_root);
        json!({
            "chain": self.chain, "ledger": self.name, "height": self.tip.height, "time": self.tip.time, "block": self.tip.block,
            "state_root": state_root, "validator": true, "organisation": null, "peer": self.secrets[0].public(),
            "syncing": false, "whole_from": 1, "peers_connected": 3, "mempool": { "transactions": 0, "bytes": 0 }, "version": "0.1.0",
        })
    }
}

pub(crate) type Node = extract::State<Arc<Shared>>;

fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/v1/status", get(async |node: Node| answer(Some(node.ledger.lock().unwrap().status()))))
        .route("/v1/parameters", get(async |node: Node| object::<Parameters>(&node, StateKey::Parameters)))
        .route("/v1/validators", get(async |node: Node| object::<ValidatorSet>(&node, StateKey::Validators)))
        .route("/v1/organisations", get(organisations))
        .route("/v1/proposals", get(proposals))
        .route("/v1/peers", get(peers))
        .route(
            "/v1/organisations/{id}",
            get(async |node: Node, id: Id| object::<Organisation>(&node, StateKey::Organisation(parse(&id)))),
        )
        .route(
            "/v1/practitioners/{id}",
            get(async |node: Node, id: Id| object::<Practitioner>(&node, StateKey::Practitioner(parse(&id)))),
        )
        .route("/v1/proposals/{id}", get(async |node: Node, id: Id| object::<Proposal>(&node, StateKey::Proposal(parse(&id)))))
        .route("/v1/validators/{hash}", get(validator_set))
        .route("/v1/genesis", get(async |node: Node| node.ledger.lock().unwrap().document.clone()))
        .route("/v1/changes", get(changes))
        .route("/v1/state/{key}/proof", get(state))
        .route("/v1/history/{older}/{newer}", get(ids_before))
        .route("/v1/members", get(async |node: Node| proved::<Members>(&node, StateKey::Members)))
        .route("/v1/accounts/{id}", get(account))
        .route("/v1/accounts/{id}/journal", get(journal))
        .route("/v1/accounts/{id}/history", get(whole_journal))
        .route("/v1/transactions/{id}/proof", get(entry))
        .route("/v1/blocks/{height}", get(block))
        .route("/v1/headers/{height}", get(header))
        .route("/v1/certificates/{height}", get(certificate))
        .route(
            "/v1/transactions/{id}",
            get(async |node: Node, id: Id| answer(Some(node.ledger.lock().unwrap().transaction(&id)))),
        )
        .route("/v1/transactions", post(submit))
        .route("/v1/transactions/batch", post(submit_batch))
        .merge(stand_in_desk::routes())
        .with_state(shared)
}

pub(crate) type Id = extract::Path<String>;

pub(crate) fn parse<T: std::str::FromStr<Err = impl std::fmt::Debug>>(id: &str) -> T {
    id.parse().unwrap()
}

pub(crate) fn answer(value: Option<Value>) -> Response {
    match value {
        Some(value) => axum::Json(value).into_response(),
        None => problem(StatusCode::NOT_FOUND, "Not found", "It does not exist.", None),
    }
}

pub(crate) fn problem(status: StatusCode, title: &str, detail: &str, rule: Option<&str>) -> Response {
    let body = json!({ "type": "about:blank", "title": title, "status": status.as_u16(), "detail": detail, "rule": rule });
    (status, [("content-type", "application/problem+json")], body.to_string()).into_response()
}

fn object<T: Canonical + Serialize>(node: &Node, key: StateKey) -> Response {
    answer(load::<T>(&*node.ledger.lock().unwrap(), &key).unwrap().map(|object| json!(object)))
}

/// What the state has under a key, with its proof. A node that hides accounts says that there is none.
fn proved<T: Canonical + Serialize>(node: &Node, key: StateKey) -> Response {
    let ledger = node.ledger.lock().unwrap();
    let Some(block) = ledger.blocks.last() else { return answer(None) };
    let bytes = ledger.objects.get(&key);
    let proof = tree::prove(&*ledger, ledger.tip.height, &key, bytes.map(Vec::as_slice)).unwrap();
    let object = bytes.map(|bytes| T::from_bytes(bytes).unwrap()).filter(|_| !node.hides.load(Ordering::SeqCst));
    let proof = hex::encode(proof.to_bytes());
    answer(Some(json!({ "object": object, "header": block.built.header, "certificate": block.certificate, "proof": proof })))
}

/// The same for any object, by its key's bytes.
async fn state(node: Node, key: Id) -> Response {
    let key: StateKey = borsh::from_slice(&hex::decode(&*key).unwrap()).unwrap();
    let ledger = node.ledger.lock().unwrap();
    let Some(block) = ledger.blocks.last() else { return answer(None) };
    let bytes = ledger.objects.get(&key);
    let proof = tree::prove(&*ledger, ledger.tip.height, &key, bytes.map(Vec::as_slice)).unwrap();
    let object = bytes.filter(|_| !node.hides.load(Ordering::SeqCst)).map(hex::encode);
    let proof = hex::encode(proof.to_bytes());
    answer(Some(json!({ "object": object, "header": block.built.header, "certificate": block.certificate, "proof": proof })))
}

/// Nobody's rotation is tested here, so the validators never change but by governance.
async fn changes(node: Node, after: extract::Query<BTreeMap<String, u64>>) -> Response {
    let ledger = node.ledger.lock().unwrap();
    let changed = |block: &&Block| {
        block.built.header.next_validators != block.built.header.validators && block.built.header.height.0 > after["after"]
    };
    let change = |block: &Block| json!({ "header": block.built.header, "certificate": block.certificate, "set": block.built.next_validators });
    answer(Some(Value::Array(ledger.blocks.iter().filter(changed).map(change).collect())))
}

async fn ids_before(node: Node, heights: extract::Path<(u64, u64)>) -> Response {
    let (ledger, (older, newer)) = (node.ledger.lock().unwrap(), *heights);
    let inclusion = history::prove_inclusion(&*ledger, newer, older).unwrap();
    let consistency = history::prove_consistency(&*ledger, newer, older).unwrap();
    answer(Some(json!({ "inclusion": inclusion, "consistency": consistency })))
}

async fn entry(node: Node, id: Id) -> Response {
    let ledger = node.ledger.lock().unwrap();
    let place = |block: &Block| block.transactions.iter().position(|transaction| transaction.id().to_hex() == *id);
    let Some((block, index)) = ledger.blocks.iter().find_map(|block| Some((block, place(block)?))) else { return answer(None) };
    let bytes = machine::entries(&block.transactions, &block.built.outcomes).collect::<Vec<_>>();
    let leaves: Vec<Hash> = bytes.iter().map(|entry| leaf_hash(entry)).collect();
    let path = EntryTree::new(&leaves).prove(index).unwrap().path;
    let (entry, header) = (hex::encode(&bytes[index]), &block.built.header);
    answer(Some(json!({ "index": index, "entry": entry, "path": path, "header": header, "certificate": block.certificate })))
}

async fn whole_journal(node: Node, id: Id) -> Response {
    let ledger = node.ledger.lock().unwrap();
    let (label, key) = (parse::<Label>(&id), StateKey::Account(parse(&id)));
    let (Some(block), Some(bytes)) = (ledger.blocks.last(), ledger.objects.get(&key)) else { return answer(None) };
    let proof = tree::prove(&*ledger, ledger.tip.height, &key, Some(bytes)).unwrap();
    let account = Account::from_bytes(bytes).unwrap();
    let head = Certified { header: block.built.header.clone(), certificate: block.certificate.clone() };
    let events = if node.hides.load(Ordering::SeqCst) { Vec::new() } else { ledger.journals[&label].clone() };
    encode(&JournalStatement { head, label, account, proof, events: List::new(events).unwrap() }).into_response()
}

async fn account(node: Node, id: Id, query: extract::RawQuery) -> Response {
    let key = StateKey::Account(parse(&id));
    if query.0.as_deref() == Some("proof") { proved::<Account>(&node, key) } else { object::<Account>(&node, key) }
}

async fn validator_set(node: Node, hash: Id) -> Response {
    let ledger = node.ledger.lock().unwrap();
    let sets = ledger.blocks.iter().map(|block| &block.built.next_validators);
    let found = sets.filter(|set| set.hash() == parse(&hash)).map(|set| json!(set)).next();
    answer(found)
}

async fn organisations(node: Node) -> Response {
    let pick = |key: &StateKey| if let StateKey::Organisation(id) = key { Some(id.0) } else { None };
    answer(Some(node.ledger.lock().unwrap().all::<Organisation>(pick).into()))
}

async fn proposals(node: Node) -> Response {
    let pick = |key: &StateKey| if let StateKey::Proposal(id) = key { Some(id.0) } else { None };
    answer(Some(node.ledger.lock().unwrap().all::<Proposal>(pick).into()))
}

async fn peers(node: Node) -> Response {
    let pick = |key: &StateKey| if let StateKey::Peer(id) = key { Some(id.0) } else { None };
    answer(Some(node.ledger.lock().unwrap().all::<Peer>(pick).into()))
}

#[derive(serde::Deserialize)]
struct Part {
    from: usize,
    limit: usize,
}

async fn journal(node: Node, id: Id, part: extract::Query<Part>) -> Response {
    let ledger = node.ledger.lock().unwrap();
    let journal = ledger.journals.get(&parse::<Label>(&id)).cloned().unwrap_or_default();
    answer(Some(json!(journal.iter().skip(part.from - 1).take(part.limit).collect::<Vec<_>>())))
}

async fn block(node: Node, height: Id) -> Response {
    let ledger = node.ledger.lock().unwrap();
    answer(ledger.block(&height).map(|block| {
        let entries = block.transactions.iter().zip(&block.built.outcomes).map(|(transaction, outcome)| {
            let parsed = ParsedTransaction::parse(transaction.bytes().to_vec()).unwrap();
            let signature = hex::encode(&parsed.bytes()[parsed.bytes().len() - 64..]);
            json!({ "id": parsed.id(), "transaction": parsed.transaction(), "signature": signature, "outcome": outcome })
        });
        let entries: Vec<_> = entries.collect();
        json!({ "header": block.built.header, "id": block.built.id, "certificate": block.certificate, "entries": entries })
    }))
}

async fn header(node: Node, height: Id) -> Response {
    answer(node.ledger.lock().unwrap().block(&height).map(|block| json!(block.built.header)))
}

async fn certificate(node: Node, height: Id) -> Response {
    answer(node.ledger.lock().unwrap().block(&height).map(|block| json!(block.certificate)))
}

async fn submit(node: Node, body: Bytes) -> Response {
    if node.busy.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |times| times.checked_sub(1)).is_ok() {
        let busy = problem(StatusCode::SERVICE_UNAVAILABLE, "Busy", "Too much waits.", None);
        return ([("retry-after", "1")], busy).into_response();
    }
    match take(&node, body.to_vec()) {
        Ok(id) => (StatusCode::ACCEPTED, axum::Json(json!({ "id": id }))).into_response(),
        Err((rule, detail)) => problem(StatusCode::UNPROCESSABLE_ENTITY, "Refused", &detail, rule),
    }
}

async fn submit_batch(node: Node, body: Bytes) -> Response {
    let batch: Vec<Vec<u8>> = borsh::from_slice(&body).unwrap();
    let results: Vec<_> = batch
        .into_iter()
        .map(|bytes| match take(&node, bytes) {
            Ok(id) => json!({ "id": id, "accepted": true }),
            Err((rule, detail)) => {
                let problem = json!({ "title": "Refused", "status": 422, "detail": detail, "rule": rule });
                json!({ "id": null, "accepted": false, "problem": problem })
            }
        })
        .collect();
    (StatusCode::ACCEPTED, axum::Json(json!({ "results": results }))).into_response()
}

/// Commits a transaction a moment later, as a real node would.
fn take(node: &Node, bytes: Vec<u8>) -> Result<TransactionId, (Option<&'static str>, String)> {
    let parsed = ParsedTransaction::parse(bytes).map_err(|error| (None, error.to_string()))?;
    let verified = parsed.verify().map_err(|error| (None, error.to_string()))?;
    let id = verified.id();
    {
        let ledger = node.ledger.lock().unwrap();
        let parameters = load::<Parameters>(&*ledger, &StateKey::Parameters).unwrap().unwrap();
        machine::admissible(verified.transaction(), &ledger.chain, now(), &parameters)
            .map_err(|fault| (Some(fault.code()), fault.to_string()))?;
    }
    let shared = node.0.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(50)).await;
        shared.ledger.lock().unwrap().commit(verified).unwrap();
    });
    Ok(id)
}
