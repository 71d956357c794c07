//! Proofs of what was committed long ago: an entry in its block, and one block in the history of another. Whoever has them and a
//! certified header need not believe this node.

use axum::Json;
use axum::extract::{Path, State};
use inro_contracts::id::TransactionId;
use inro_contracts::time::Height;
use serde_json::{Value, json};

use super::Api;
use super::problem::Problem;
use super::read::parse;

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
/// is the beginning of it.
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
        if newer > snapshot.tip().height {
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
