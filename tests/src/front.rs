//! A front before a node's API: what its teller does not answer, the node does, and nobody who asks can tell the two apart.

use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use inro_client::NodeClient;
use tokio::task::JoinHandle;

const BODY_BYTES_MAX: usize = 1 << 20;

/// Who answers in the node's place.
#[async_trait]
pub trait Teller: Send + Sync + 'static {
    /// The answer to a request (`path` with its query), or `None` to let the node answer.
    async fn answer(&self, method: &Method, path: &str, body: &[u8]) -> Option<Response>;
}

/// The running front. It ends when this is dropped.
pub struct Front {
    client: NodeClient,
    serving: JoinHandle<()>,
}

struct Stand {
    node: String,
    http: reqwest::Client,
    teller: Arc<dyn Teller>,
}

impl Front {
    /// Stands before a node.
    pub async fn before(node: &NodeClient, teller: Arc<dyn Teller>) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a loopback port is free");
        let address = listener.local_addr().expect("a listener has an address");
        let http = reqwest::Client::builder().no_proxy().build().expect("a client needs no settings");
        let stand = Arc::new(Stand { node: node.url().into(), http, teller });
        let routes = Router::new().fallback(answer).with_state(stand);
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

impl Drop for Front {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn answer(State(stand): State<Arc<Stand>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let Ok(body) = axum::body::to_bytes(body, BODY_BYTES_MAX).await else { return StatusCode::PAYLOAD_TOO_LARGE.into_response() };
    match stand.teller.answer(&head.method, &path, &body).await {
        Some(response) => response,
        None => stand.pass_on(head.method, &path, head.headers, body).await,
    }
}

impl Stand {
    async fn pass_on(&self, method: Method, path: &str, mut headers: HeaderMap, body: Bytes) -> Response {
        headers.remove(header::HOST);
        let sending = self.http.request(method, format!("{}{path}", self.node)).headers(headers).body(body).send();
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
