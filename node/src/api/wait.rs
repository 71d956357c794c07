//! Where a transaction stands, and waiting for its block.

use std::time::Duration;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use inro_contracts::entry::Outcome;
use inro_contracts::id::TransactionId;
use serde::Deserialize;
use serde_json::json;
use tokio::time::{Instant, timeout_at};

use super::problem::Problem;
use super::read::parse;
use super::{Api, WaitedLong};
use crate::store::Location;

/// Longest wait, in milliseconds.
const WAIT_MS_MAX: u64 = 30_000;

/// How long to wait.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Wait {
    wait_ms: Option<u64>,
}

enum Standing {
    Committed(Location, Outcome),
    Pending,
    Unknown,
}

/// `GET /v1/transactions/{id}`: with `wait_ms` the answer comes when the transaction is committed, or when the time is over.
pub(super) async fn transaction(
    State(api): State<Api>,
    Path(id): Path<String>,
    wait: Result<Query<Wait>, QueryRejection>,
) -> Result<Response, Problem> {
    let id: TransactionId = parse(&id)?;
    let Query(Wait { wait_ms }) = wait?;
    // A long poll ends before the time limit that every request has.
    let longest = WAIT_MS_MAX.min(api.0.parts.limits.request_ms_max.saturating_sub(500));
    let until = Instant::now() + Duration::from_millis(wait_ms.unwrap_or(0).min(longest));
    let mut committed = api.0.parts.committed.clone();
    loop {
        // Marked as seen before the look-up, so a block that comes meanwhile ends the next wait at once.
        committed.borrow_and_update();
        let standing = look_up(&api, id).await?;
        if let Standing::Committed(..) = standing {
            return Ok(answer(id, &standing, wait_ms));
        }
        let more = async {
            tokio::select! {
                changed = committed.changed() => changed.is_ok(),
                () = api.0.stopping.cancelled() => false,
            }
        };
        if !timeout_at(until, more).await.unwrap_or(false) {
            return Ok(answer(id, &standing, wait_ms));
        }
    }
}

/// The mempool is asked first: a transaction that leaves it for a block can be read from the store by then.
async fn look_up(api: &Api, id: TransactionId) -> Result<Standing, Problem> {
    let waits = api.0.parts.pool.with(|mempool| mempool.contains(&id));
    let outcome = api.read(move |snapshot| Ok(snapshot.outcome(&id)?)).await?;
    Ok(match outcome {
        Some((location, outcome)) => Standing::Committed(location, outcome),
        None if waits => Standing::Pending,
        None => Standing::Unknown,
    })
}

fn answer(id: TransactionId, standing: &Standing, wait_ms: Option<u64>) -> Response {
    let body = match standing {
        Standing::Committed(Location { height, index }, outcome) => {
            json!({ "id": id, "status": "committed", "height": height, "index": index, "outcome": outcome })
        }
        Standing::Pending => json!({ "id": id, "status": "pending" }),
        Standing::Unknown => json!({ "id": id, "status": "unknown" }),
    };
    let mut response = Json(body).into_response();
    if wait_ms.is_some() {
        response.extensions_mut().insert(WaitedLong);
    }
    response
}
