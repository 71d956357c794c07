//! A front before a node's API that acknowledges a revocation at once and hands it on later: what a write-behind queue, or a gateway
//! that answers for its node, would do. Everything else it passes on as it is.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use inro_client::NodeClient;
use inro_client::model::{TransactionAnswer, TransactionStatus};
use inro_contracts::bytes::Canonical;
use inro_contracts::entry::Outcome;
use inro_contracts::id::TransactionId;
use inro_contracts::transaction::{Action, SignedTransaction};
use serde_json::json;
use tokio::task::JoinHandle;

use crate::consortium::id_of;

/// For how long a revocation is held back after it was acknowledged.
pub const HOLD_BACK: Duration = Duration::from_secs(3);
const BODY_BYTES_MAX: usize = 1 << 20;

/// The running front. It ends when this is dropped.
pub struct EarlyApi {
    client: NodeClient,
    serving: JoinHandle<()>,
}

struct Front {
    node: NodeClient,
    http: reqwest::Client,
    acknowledged: Mutex<BTreeSet<TransactionId>>,
}

impl EarlyApi {
    /// Stands before a node.
    pub async fn before(node: &NodeClient) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a loopback port is free");
        let address = listener.local_addr().expect("a listener has an address");
        let http = reqwest::Client::builder().no_proxy().build().expect("a client needs no settings");
        let front = Arc::new(Front { node: node.clone(), http, acknowledged: Mutex::default() });
        let routes = Router::new().fallback(answer).with_state(front);
        let serving = tokio::spawn(async move {
            // It serves until the test ends.
            let _ = axum::serve(listener, routes).await;
        });
        let client = NodeClient::new(&format!("http://{address}")).expect("a loopback address is a node's address");
        Self { client, serving }
    }

    /// A client that believes it speaks with the node.
    pub fn client(&self) -> &NodeClient {
        &self.client
    }
}

impl Drop for EarlyApi {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn answer(State(front): State<Arc<Front>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let Ok(body) = axum::body::to_bytes(body, BODY_BYTES_MAX).await else { return StatusCode::PAYLOAD_TOO_LARGE.into_response() };
    if head.method == Method::POST
        && path == "/v1/transactions"
        && let Some(revocation) = revocation_in(&body)
    {
        return front.acknowledge(revocation);
    }
    if let Some(id) = front.acknowledged_in(&path) {
        return front.say_committed(id).await;
    }
    front.pass_on(head.method, &path, head.headers, body).await
}

fn revocation_in(body: &[u8]) -> Option<SignedTransaction> {
    let transaction = SignedTransaction::from_bytes(body).ok()?;
    matches!(transaction.transaction.action, Action::Revoke { .. }).then_some(transaction)
}

impl Front {
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

    async fn pass_on(&self, method: Method, path: &str, mut headers: header::HeaderMap, body: Bytes) -> Response {
        headers.remove(header::HOST);
        let sending = self.http.request(method, format!("{}{path}", self.node.url())).headers(headers).body(body).send();
        let Ok(answer) = sending.await else { return StatusCode::BAD_GATEWAY.into_response() };
        let (status, headers) = (answer.status(), answer.headers().clone());
        let Ok(bytes) = answer.bytes().await else { return StatusCode::BAD_GATEWAY.into_response() };
        let mut response = Response::new(Body::from(bytes));
        *response.status_mut() = status;
        if let Some(media_type) = headers.get(header::CONTENT_TYPE) {
            response.headers_mut().insert(header::CONTENT_TYPE, media_type.clone());
        }
        response
    }
}
