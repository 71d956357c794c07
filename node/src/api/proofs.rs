//! Proofs: an object of the state, an entry in its block, one block in the history of another, and what leads from the founding
//! document to the validators of today. Whoever has them need not believe this node.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use inro_contracts::id::TransactionId;
use inro_contracts::state::StateKey;
use inro_contracts::time::Height;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Api;
use super::problem::Problem;
use super::read::{json_of, parse, within};
use crate::store::ProvedObject;

/// Most changes of the validator set in one answer.
const CHANGES_MAX: usize = 100;

/// `GET /v1/genesis`: the founding document's bytes. Their hash is the ledger's id.
pub(super) async fn genesis(State(api): State<Api>) -> Result<impl IntoResponse, Problem> {
    let store = api.0.parts.store.clone();
    let document = api.read(move |_| Ok(store.genesis()?)).await?.ok_or_else(|| Problem::not_found("founding document"))?;
    Ok(([(CONTENT_TYPE, "application/octet-stream")], document))
}

/// Which changes.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Rows {
    /// Those in blocks after this height.
    after: Option<u64>,
    /// How many.
    limit: Option<usize>,
}

/// `GET /v1/changes`: each block that named another validator set as the next one, with its certificate and that set.
pub(super) async fn changes(State(api): State<Api>, rows: Result<Query<Rows>, QueryRejection>) -> Result<Json<Value>, Problem> {
    let Query(Rows { after, limit }) = rows?;
    let limit = within(limit, CHANGES_MAX, CHANGES_MAX)?;
    api.read(move |snapshot| json_of(&snapshot.changes(Height(after.unwrap_or(0)), limit)?)).await
}

/// `GET /v1/state/{key}/proof`: an object of the state by its key's bytes, or that there is none, as of the last block.
pub(super) async fn object(State(api): State<Api>, Path(key): Path<String>) -> Result<Json<Value>, Problem> {
    let bad = || Problem::bad_request("A state key is the hexadecimal of its canonical bytes.");
    let bytes = hex::decode(&key).map_err(|_| bad())?;
    let key: StateKey = borsh::from_slice(&bytes).map_err(|_| bad())?;
    if !key.is_proved() {
        return Err(Problem::bad_request(
            "This kind of object is not proved by the state; it follows from the account's journal.",
        ));
    }
    api.read(move |snapshot| {
        let head = snapshot.certified(snapshot.tip().height)?.ok_or_else(|| Problem::not_found("block"))?;
        let ProvedObject { object, proof, .. } = snapshot.prove(&key)?;
        Ok(Json(json!({
            "object": object.map(hex::encode),
            "header": head.header,
            "certificate": head.certificate,
            "proof": hex::encode(proof.to_bytes()),
        })))
    })
    .await
}

/// `GET /v1/transactions/{id}/proof`: the entry with the path to its header's entries root.
pub(super) async fn entry(State(api): State<Api>, Path(id): Path<String>) -> Result<Json<Value>, Problem> {
    let id: TransactionId = parse(&id)?;
    api.read(move |snapshot| {
        let missing = || Problem::not_found("committed transaction");
        let location = snapshot.transaction(&id)?.ok_or_else(missing)?;
        let proved = snapshot.prove_entry(location)?.ok_or_else(missing)?;
        let certificate = snapshot.certificate(location.height)?.ok_or_else(missing)?;
        Ok(Json(json!({
            "index": location.index,
            "entry": hex::encode(proved.entry),
            "path": proved.proof.path,
            "header": proved.header,
            "certificate": certificate,
        })))
    })
    .await
}

/// `GET /v1/history/{older}/{newer}`: that the older block is in the newer header's history, and that the older header's history
/// is the beginning of it. The newer header may be the next one, which does not exist yet: its history follows from the last one.
pub(super) async fn history(
    State(api): State<Api>,
    Path((older, newer)): Path<(String, String)>,
) -> Result<Json<Value>, Problem> {
    let (older, newer) = (height(&older)?, height(&newer)?);
    if older >= newer {
        return Err(Problem::bad_request("The older height stands first, and is less than the newer one."));
    }
    api.read(move |snapshot| {
        let missing = || Problem::not_found("block");
        if newer > snapshot.tip().height.next() {
            return Err(missing());
        }
        let inclusion = snapshot.prove_history(newer, older)?.ok_or_else(missing)?;
        let consistency = snapshot.prove_consistency(newer, older)?.ok_or_else(missing)?;
        Ok(Json(json!({ "inclusion": inclusion, "consistency": consistency })))
    })
    .await
}

fn height(text: &str) -> Result<Height, Problem> {
    let number = text.parse().ok().filter(|number| *number > 0);
    number.map(Height).ok_or_else(|| Problem::bad_request("A height is a number, from 1 on."))
}
