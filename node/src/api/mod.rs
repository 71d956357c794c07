//! The HTTP API, `/v1`: submitting transactions and reading what is committed.
//!
//! It reads snapshots of the store and hands transactions to admission; it never calls consensus. Whatever it is sent is
//! bounded, errors are `application/problem+json` with the rule's code, and no log line holds a path.

mod auth;
mod consent;
mod desk;
mod gate;
mod listen;
mod problem;
mod proofs;
mod read;
mod receipt;
mod start;
mod submit;
mod wait;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, State};
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router, middleware};
use inro_contracts::block::Tip;
use inro_contracts::id::ChainId;
use inro_contracts::key::PublicKey;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

use crate::admission::Admission;
use crate::config::ApiLimits;
use crate::desk::Desk;
use crate::mempool::Pool;
use crate::metrics::{self, Metrics};
use crate::store::{Snapshot, Store};

use gate::Gate;
pub(crate) use listen::BoundedListener;
use listen::Client;
pub use listen::{CannotListen, bind};
use problem::Problem;
pub use start::{ApiFault, OwnKeys, Running, start};

/// Requests whose answers are large (whole blocks, journals) that are worked on at once.
const LARGE_ANSWERS_MAX: usize = 8;
/// Where documents are handed in.
const INTAKE: &str = "/v1/accounts/{label}/intake";
/// How long requests may take to end when the node stops.
const STOP_WITHIN: Duration = Duration::from_secs(5);

/// What the API asks of the running node.
pub trait Live: Send + Sync {
    /// How many members' machines are connected.
    fn peers_connected(&self) -> usize;

    /// Does the node know that others are ahead of it?
    fn syncing(&self) -> bool;

    /// The consensus engine's own figures, as Prometheus text.
    fn engine_metrics(&self) -> String;
}

/// What the API is made of.
pub struct Parts {
    /// What is committed.
    pub store: Store,
    /// The way into the mempool.
    pub admission: Admission,
    /// What waits.
    pub pool: Arc<Pool>,
    /// Figures.
    pub metrics: Arc<Metrics>,
    /// Tells of every committed block, after it can be read from the store.
    pub committed: watch::Receiver<Tip>,
    /// The running node.
    pub live: Arc<dyn Live>,
    /// The ledger's id.
    pub chain: ChainId,
    /// The ledger's name, from its founding document.
    pub ledger: String,
    /// This node's network identity.
    pub peer: PublicKey,
    /// This node's consensus key, if it may vote.
    pub validator: Option<PublicKey>,
    /// The desk for payloads, where the node has one.
    pub desk: Option<Desk>,
    /// Limits from the configuration.
    pub limits: ApiLimits,
    /// Are figures served at `/metrics` here?
    pub serve_metrics: bool,
}

/// The API's state; cheap to clone.
#[derive(Clone)]
struct Api(Arc<Inner>);

struct Inner {
    parts: Parts,
    metrics: Arc<Metrics>,
    gate: Gate,
    large: Semaphore,
    stopping: CancellationToken,
}

/// Marks an answer that waited on purpose.
#[derive(Clone, Copy)]
struct WaitedLong;

/// The API as a service. `stopping` ends its long polls.
pub fn router(parts: Parts, stopping: CancellationToken) -> Router {
    let limits = parts.limits.clone();
    let gate = Gate::new(limits.requests_per_second, limits.concurrent_max, limits.request_ms_max);
    let serve_metrics = parts.serve_metrics;
    let metrics = Arc::clone(&parts.metrics);
    let api = Api(Arc::new(Inner { parts, metrics, gate, large: Semaphore::new(LARGE_ANSWERS_MAX), stopping }));
    let mut router = Router::new()
        .route("/health", get(health))
        .route("/v1/status", get(read::status))
        .route("/v1/parameters", get(read::parameters))
        .route("/v1/validators", get(read::validators))
        .route("/v1/validators/{hash}", get(read::validator_set))
        .route("/v1/members", get(read::members))
        .route("/v1/organisations", get(read::organisations))
        .route("/v1/organisations/{id}", get(read::organisation))
        .route("/v1/practitioners/{id}", get(read::practitioner))
        .route("/v1/peers", get(read::peers))
        .route("/v1/proposals", get(read::proposals))
        .route("/v1/proposals/{id}", get(read::proposal))
        .route("/v1/accounts/{label}", get(read::account))
        .route("/v1/accounts/{label}/journal", get(consent::journal))
        .route("/v1/accounts/{label}/history", get(consent::history))
        .route("/v1/accounts/{label}/consent", get(consent::consent))
        .route("/v1/accounts/{label}/records", get(consent::records))
        .route("/v1/consults/{id}", get(consent::consult))
        .route("/v1/consults/{id}/answer", get(desk::answer).post(desk::give_answer).layer(DefaultBodyLimit::disable()))
        .route(INTAKE, post(desk::intake).layer(DefaultBodyLimit::disable()))
        .route("/v1/consults/{id}/receipt", get(receipt::of_consult))
        .route("/v1/desk/keys", post(desk::make_key))
        .route("/v1/accesses/{id}", get(desk::access))
        .route("/v1/accesses/{id}/receipt", get(receipt::of_access))
        .route("/v1/accesses/{id}/records/{record}", get(desk::payload))
        .route("/v1/accesses/{id}/records/{record}/sealed", get(desk::sealed))
        .route("/v1/accounts/{label}/records/{record}/erasure", get(desk::erasure))
        .route("/v1/worklist", get(desk::worklist))
        .route("/v1/blocks/{height}", get(read::block))
        .route("/v1/headers/{height}", get(read::header))
        .route("/v1/certificates/{height}", get(read::certificate))
        .route("/v1/genesis", get(proofs::genesis))
        .route("/v1/changes", get(proofs::changes))
        .route("/v1/state/{key}/proof", get(proofs::object))
        .route("/v1/history/{older}/{newer}", get(proofs::history))
        .route("/v1/transactions/{id}", get(wait::transaction))
        .route("/v1/transactions/{id}/proof", get(proofs::entry))
        .route("/v1/transactions", post(submit::one).layer(DefaultBodyLimit::max(limits.body_bytes_max)))
        .route("/v1/transactions/batch", post(submit::batch).layer(DefaultBodyLimit::max(limits.batch_bytes_max)));
    if serve_metrics {
        router = router.route("/metrics", get(figures));
    }
    router
        .fallback(async || Problem::no_route())
        .method_not_allowed_fallback(async || Problem::method_not_allowed())
        .layer(middleware::from_fn_with_state(api.clone(), gate::pass))
        .with_state(api)
}

/// Serves the API until `stopping` is cancelled; requests under way get a few seconds to end.
pub async fn serve(listener: TcpListener, parts: Parts, stopping: CancellationToken) -> std::io::Result<()> {
    let connections_max = parts.limits.concurrent_max.saturating_mul(2);
    let service = router(parts, stopping.clone()).into_make_service_with_connect_info::<Client>();
    let listener = BoundedListener::new(listener, connections_max);
    let serving = axum::serve(listener, service).with_graceful_shutdown(stopping.clone().cancelled_owned());
    end_in_time(serving.into_future(), stopping).await
}

/// Serves only the figures, on a port of their own.
pub async fn serve_metrics(
    listener: TcpListener,
    metrics: Arc<Metrics>,
    live: Arc<dyn Live>,
    stopping: CancellationToken,
) -> std::io::Result<()> {
    let figures = move || {
        let text = exposition(&metrics, live.as_ref());
        async { text }
    };
    let router = Router::new().route("/metrics", get(figures)).fallback(async || Problem::no_route());
    let listener = BoundedListener::new(listener, 16);
    let serving = axum::serve(listener, router).with_graceful_shutdown(stopping.clone().cancelled_owned());
    end_in_time(serving.into_future(), stopping).await
}

async fn end_in_time(serving: impl Future<Output = std::io::Result<()>>, stopping: CancellationToken) -> std::io::Result<()> {
    let deadline = async {
        stopping.cancelled().await;
        tokio::time::sleep(STOP_WITHIN).await;
    };
    tokio::select! {
        ended = serving => ended,
        () = deadline => Ok(()),
    }
}

impl Api {
    /// Reads a snapshot where it may block.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Snapshot<'_>) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let store = self.0.parts.store.clone();
        let reading = tokio::task::spawn_blocking(move || work(&store.snapshot()?));
        // The work does not panic; if the runtime is ending, there is nobody left to answer.
        reading.await.unwrap_or_else(|_| Err(Problem::store_failed()))
    }
}

/// Is the node able to answer? Used by whoever watches processes; says nothing about the ledger.
async fn health(State(api): State<Api>) -> Result<impl IntoResponse, Problem> {
    api.read(|_| Ok(Json(json!({ "status": "ok" })))).await
}

async fn figures(State(api): State<Api>) -> impl IntoResponse {
    api.0.parts.pool.with(|mempool| api.0.metrics.note_mempool(mempool));
    exposition(&api.0.metrics, api.0.parts.live.as_ref())
}

fn exposition(metrics: &Metrics, live: &dyn Live) -> impl IntoResponse + use<> {
    metrics.peers_connected.set(live.peers_connected() as i64);
    ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], metrics.text(&live.engine_metrics()))
}

#[cfg(test)]
mod tests;
