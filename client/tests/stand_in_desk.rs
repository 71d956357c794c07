//! The part of the stand-in that takes documents in and hands payloads over: a vault in memory, and every transfer breaks off once.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Cursor, Read};
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use inro_contracts::access::Access;
use inro_contracts::bytes::Canonical;
use inro_contracts::category::Category;
use inro_contracts::consent::Consent;
use inro_contracts::id::{Commitment, ConsultId, Label, RecordId, SealingKey, TransactionId};
use inro_contracts::record::{ProviderFlags, Record, RecordManifest};
use inro_contracts::state::{ConsultPlace, StateKey, StateReader, load};
use inro_payload::{Handover, Payload, Salt, SealedReader, SealingSecret, commitment, digest};
use rand::Rng;
use rand::rngs::OsRng;
use serde_json::{Value, json};

use crate::stand_in_node::{Id, Node, Shared, StandIn, answer, parse, problem};

/// What the node has of payloads.
#[derive(Default)]
pub(crate) struct Vault {
    payloads: BTreeMap<RecordId, Vec<u8>>,
    answers: BTreeMap<ConsultId, Vec<u8>>,
    /// Transfers that broke off already.
    broke_off: BTreeSet<(TransactionId, RecordId)>,
    /// Does the custodian send something else than what was registered?
    substitutes: bool,
    /// The access whose receipt is given out for every other one.
    receipt: Option<TransactionId>,
}

impl StandIn {
    /// From now on, the custodian sends something else.
    pub fn substitute(&self) {
        self.shared.vault.lock().unwrap().substitutes = true;
    }

    /// From now on, the receipt of this access is given out for every other one.
    pub fn mix_receipts_up(&self, access: TransactionId) {
        self.shared.vault.lock().unwrap().receipt = Some(access);
    }
}

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/v1/accounts/{id}/consent", get(consent))
        .route("/v1/accounts/{id}/records", get(records))
        .route("/v1/accounts/{id}/intake", post(intake))
        .route("/v1/desk/keys", post(async || (StatusCode::CREATED, axum::Json(json!({ "reply_key": a_key() })))))
        .route("/v1/accesses/{id}", get(access))
        .route("/v1/accesses/{id}/receipt", get(receipt))
        .route("/v1/consults/{id}/receipt", get(receipt))
        .route("/v1/accesses/{id}/records/{record}", get(payload))
        .route("/v1/accesses/{id}/records/{record}/sealed", get(sealed))
        .route("/v1/consults/{id}", get(consult))
        .route("/v1/consults/{id}/answer", get(read_answer).post(give_answer))
        .route("/v1/worklist", get(async || axum::Json(json!({ "undisclosed": [], "unacknowledged": [], "reviews": [] }))))
}

fn a_key() -> SealingKey {
    inro_payload::OneTimeSecret::generate(&mut rand::rngs::OsRng).public()
}

fn object<T: Canonical>(node: &Node, key: StateKey) -> Option<T> {
    load(&*node.ledger.lock().unwrap(), &key).unwrap()
}

async fn consent(node: Node, id: Id, headers: HeaderMap) -> Response {
    if !headers.contains_key(header::AUTHORIZATION) {
        return problem(StatusCode::UNAUTHORIZED, "Unsigned", "The request is not signed.", None);
    }
    answer(Some(json!(object::<Consent>(&node, StateKey::Consent(parse(&id))).unwrap_or_default())))
}

async fn records(node: Node, id: Id, query: extract::RawQuery) -> Response {
    if query.0.unwrap_or_default().contains("after=") {
        return answer(Some(json!([])));
    }
    let rows = node.ledger.lock().unwrap().scan(&StateKey::records_prefix(&parse::<Label>(&id)), None, 1_000).unwrap();
    let record =
        |key: &[u8], bytes: &[u8]| json!({ "id": hex::encode(&key[33..]), "record": Record::from_bytes(bytes).unwrap() });
    answer(Some(Value::Array(rows.iter().map(|(key, bytes)| record(key, bytes)).collect())))
}

#[derive(serde::Deserialize)]
struct Named {
    name: String,
    category: Option<Category>,
}

fn committed(bytes: &[u8]) -> (Commitment, inro_payload::Root, Vec<u8>) {
    let mut outboard = Vec::new();
    let found = digest(bytes, &mut outboard).unwrap();
    (commitment(&Salt([3; 32]), &found.root, found.length), found.root, outboard)
}

/// One item per line.
async fn intake(node: Node, _: Id, named: extract::Query<Named>, headers: HeaderMap, body: Bytes) -> Response {
    let stated = headers.get("inro-body").unwrap().to_str().unwrap().to_owned();
    assert_eq!(stated, inro_contracts::request::body_hash(&body).to_hex());
    assert!(named.name.starts_with("document"), "a file's own name stays where it is");
    if body.starts_with(b"{broken") {
        return problem(StatusCode::UNPROCESSABLE_ENTITY, "Not taken in", "Line 1, column 2: not JSON.", None);
    }
    let mut items = Vec::new();
    for line in body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let id = RecordId(OsRng.r#gen());
        let category = named.category.unwrap_or(Category::Other);
        let (size, flags) = (line.len() as u64, ProviderFlags::default());
        let record = RecordManifest { id, category, commitment: committed(line).0, size, flags };
        node.vault.lock().unwrap().payloads.insert(id, line.to_vec());
        items.push(json!({ "record": record, "media_type": "text/plain", "about": {} }));
    }
    (StatusCode::CREATED, axum::Json(json!({ "items": items }))).into_response()
}

async fn access(node: Node, id: Id) -> Response {
    let Some(access) = object::<Access>(&node, StateKey::Access(parse(&id))) else { return answer(None) };
    let vault = node.vault.lock().unwrap();
    let ready = |record: &RecordId| json!({ "record": record, "state": "ready", "bytes": vault.payloads[record].len(), "media_type": "text/plain" });
    answer(Some(json!({ "access": access, "records": access.records.iter().map(ready).collect::<Vec<_>>() })))
}

async fn receipt(node: Node, id: Id) -> Response {
    let id = node.vault.lock().unwrap().receipt.unwrap_or(parse(&id));
    match node.ledger.lock().unwrap().receipt(&id) {
        Some(bytes) => bytes.into_response(),
        None => answer(None),
    }
}

type Place = extract::Path<(String, String)>;

async fn payload(node: Node, place: Place, headers: HeaderMap) -> Response {
    let (id, record): (TransactionId, RecordId) = (parse(&place.0.0), parse(&place.0.1));
    let bytes = node.vault.lock().unwrap().payloads[&record].clone();
    let range = headers.get(header::RANGE).map(|range| range.to_str().unwrap().to_owned());
    let from = range.as_ref().map_or(0, |range| range.strip_prefix("bytes=").unwrap().trim_end_matches('-').parse().unwrap());
    let status = if range.is_some() { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
    (status, in_two_parts(&node, (id, record), bytes[from..].to_vec())).into_response()
}

async fn sealed(node: Node, place: Place, query: extract::Query<BTreeMap<String, usize>>) -> Response {
    let (id, record): (TransactionId, RecordId) = (parse(&place.0.0), parse(&place.0.1));
    let Some(access) = object::<Access>(&node, StateKey::Access(id)) else { return answer(None) };
    let (mut bytes, substitutes) = {
        let vault = node.vault.lock().unwrap();
        (vault.payloads[&record].clone(), vault.substitutes)
    };
    if substitutes {
        bytes[0] ^= 1;
    }
    let chain = node.ledger.lock().unwrap().chain;
    let handover = Handover::of_record(chain, id, record, access.custodian, None, access.request.reply_key);
    let (length, (_, root, outboard)) = (bytes.len() as u64, committed(&bytes));
    let (salt, media_type) = (Salt([3; 32]), "text/plain".parse().unwrap());
    let payload = Payload { bytes: Cursor::new(bytes), outboard: Cursor::new(outboard), salt, root, length, media_type };
    let mut all = Vec::new();
    SealedReader::new(payload, &handover, &SealingSecret::from_bytes([7; 32])).unwrap().read_to_end(&mut all).unwrap();
    in_two_parts(&node, (id, record), all[query["offset"]..].to_vec())
}

/// The first time, only half of it comes.
fn in_two_parts(node: &Node, transfer: (TransactionId, RecordId), bytes: Vec<u8>) -> Response {
    let length = bytes.len();
    let whole = !node.vault.lock().unwrap().broke_off.insert(transfer);
    let pieces: Vec<std::io::Result<Vec<u8>>> =
        if whole { vec![Ok(bytes)] } else { vec![Ok(bytes[..length / 2].to_vec()), Err(std::io::Error::other("cut"))] };
    ([(header::CONTENT_LENGTH, length)], Body::from_stream(futures::stream::iter(pieces))).into_response()
}

async fn consult(node: Node, id: Id) -> Response {
    let id: ConsultId = parse(&id);
    let Some(place) = object::<ConsultPlace>(&node, StateKey::Consult(id)) else { return answer(None) };
    let consent = object::<Consent>(&node, StateKey::Consent(place.account)).unwrap();
    answer(Some(json!({ "account": place.account, "consult": consent.consult(&id) })))
}

async fn give_answer(node: Node, id: Id, body: Bytes) -> Response {
    let (found, size) = (committed(&body).0, body.len());
    node.vault.lock().unwrap().answers.insert(parse(&id), body.to_vec());
    (StatusCode::CREATED, axum::Json(json!({ "commitment": found, "size": size }))).into_response()
}

async fn read_answer(node: Node, id: Id) -> Response {
    match node.vault.lock().unwrap().answers.get(&parse(&id)) {
        Some(bytes) => ([(header::CONTENT_TYPE, "text/plain")], bytes.clone()).into_response(),
        None => problem(StatusCode::SERVICE_UNAVAILABLE, "Not there yet", "It has not come yet.", None),
    }
}
