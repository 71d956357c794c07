//! What a witness tells: its cosigned checkpoint, and how it is. Anybody may ask; nothing here is secret.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use inro_contracts::key::PublicKey;
use inro_contracts::time::Height;
use serde::Serialize;
use serde_json::json;
use tokio::sync::watch;

/// How a witness is.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Standing {
    /// Its key, as policies name it.
    pub(super) witness: String,
    /// The cosigned checkpoint.
    #[serde(skip)]
    pub(super) note: Option<String>,
    /// The checkpoint's size.
    pub(super) size: u64,
    /// When it was cosigned, in seconds since 1970.
    pub(super) cosigned: u64,
    /// The nodes that it asks.
    pub(super) nodes: Vec<NodeStanding>,
    /// Why nothing is cosigned any more.
    pub(super) fork: Option<ForkStanding>,
    /// What keeps it from cosigning now.
    pub(super) fault: Option<String>,
}

/// How a node is that the witness asks.
#[derive(Debug, Clone, Serialize)]
pub(super) struct NodeStanding {
    pub(super) url: String,
    /// Its last block.
    pub(super) height: Option<Height>,
    /// Why its last block is not known, or is not proved.
    pub(super) fault: Option<String>,
}

/// A fork that was found.
#[derive(Debug, Clone, Serialize)]
pub(super) struct ForkStanding {
    /// At which height; unknown after a restart without sound evidence.
    pub(super) height: Option<Height>,
    /// Who signed both blocks.
    pub(super) double_signers: Vec<PublicKey>,
    /// Where the evidence lies.
    pub(super) evidence: Option<String>,
}

impl Standing {
    fn status(&self) -> &'static str {
        let nobody_answers = self.nodes.iter().all(|node| node.height.is_none());
        match self {
            Self { fork: Some(_), .. } => "refused",
            Self { fault: Some(_), .. } => "failing",
            Self { note: None, .. } => "waiting",
            _ if nobody_answers => "waiting",
            _ => "ok",
        }
    }
}

pub(super) fn router(standing: watch::Receiver<Standing>) -> Router {
    Router::new().route("/checkpoint", get(checkpoint)).route("/health", get(health)).with_state(standing)
}

async fn checkpoint(State(standing): State<watch::Receiver<Standing>>) -> impl IntoResponse {
    let standing = standing.borrow();
    let (status, text) = match (&standing.fork, &standing.note) {
        (Some(_), _) => (StatusCode::SERVICE_UNAVAILABLE, "This witness saw a fork and cosigns nothing; see /health.\n".into()),
        (None, Some(note)) => (StatusCode::OK, note.clone()),
        (None, None) => (StatusCode::SERVICE_UNAVAILABLE, "This witness has cosigned nothing yet; see /health.\n".into()),
    };
    (status, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text)
}

async fn health(State(standing): State<watch::Receiver<Standing>>) -> impl IntoResponse {
    let standing = standing.borrow().clone();
    let status = standing.status();
    let code = if status == "ok" { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, Json(json!({ "status": status, "standing": standing })))
}
