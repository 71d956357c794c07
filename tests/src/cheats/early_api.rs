//! A front before a node's API that acknowledges a revocation at once and hands it on later: what a write-behind queue, or a gateway
//! that answers for its node, would do. Everything else it passes on as it is.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use axum::Json;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use inro_client::NodeClient;
use inro_client::model::{TransactionAnswer, TransactionStatus};
use inro_contracts::bytes::Canonical;
use inro_contracts::entry::Outcome;
use inro_contracts::id::TransactionId;
use inro_contracts::transaction::{Action, SignedTransaction};
use serde_json::json;

use crate::consortium::id_of;
use crate::front::{Front, Teller};

/// For how long a revocation is held back after it was acknowledged.
pub const HOLD_BACK: Duration = Duration::from_secs(3);

/// The running front. It ends when this is dropped.
pub struct EarlyApi(Front);

struct Early {
    node: NodeClient,
    acknowledged: Mutex<BTreeSet<TransactionId>>,
}

impl EarlyApi {
    /// Stands before a node.
    pub async fn before(node: &NodeClient) -> Self {
        let early = Early { node: node.clone(), acknowledged: Mutex::default() };
        Self(Front::before(node, Arc::new(early)).await)
    }

    /// A client that believes it speaks with the node.
    pub fn client(&self) -> &NodeClient {
        self.0.client()
    }
}

#[async_trait]
impl Teller for Early {
    async fn answer(&self, method: &Method, path: &str, body: &[u8]) -> Option<Response> {
        if *method == Method::POST && path == "/v1/transactions" {
            return revocation_in(body).map(|revocation| self.acknowledge(revocation));
        }
        Some(self.say_committed(self.acknowledged_in(path)?).await)
    }
}

fn revocation_in(body: &[u8]) -> Option<SignedTransaction> {
    let transaction = SignedTransaction::from_bytes(body).ok()?;
    matches!(transaction.transaction.action, Action::Revoke { .. }).then_some(transaction)
}

impl Early {
    /// Accepts a revocation, and hands it on when nobody thinks of it any more.
    fn acknowledge(&self, revocation: SignedTransaction) -> Response {
        let id = id_of(&revocation);
        let node = self.node.clone();
        self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
        tokio::spawn(async move {
            tokio::time::sleep(HOLD_BACK).await;
            if let Err(error) = node.submit(&revocation).await {
                println!("the front lost a revocation: {error}");
            }
        });
        (StatusCode::ACCEPTED, Json(json!({ "id": id }))).into_response()
    }

    /// The transaction that this path asks about, if it was acknowledged here.
    fn acknowledged_in(&self, path: &str) -> Option<TransactionId> {
        let id = path.strip_prefix("/v1/transactions/")?.split('?').next()?.parse().ok()?;
        self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner).contains(&id).then_some(id)
    }

    /// In the next block, it says, whatever that will hold.
    async fn say_committed(&self, id: TransactionId) -> Response {
        let Ok(status) = self.node.status().await else { return StatusCode::BAD_GATEWAY.into_response() };
        let (height, outcome) = (Some(status.height.next()), Some(Outcome::Applied));
        let answer = TransactionAnswer { id, status: TransactionStatus::Committed, height, index: Some(0), outcome };
        Json(answer).into_response()
    }
}
