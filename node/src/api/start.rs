//! Starting and stopping the API in a running node.

use std::sync::Arc;

use inro_contracts::bytes::Canonical;
use inro_contracts::genesis::GenesisDocument;
use inro_contracts::key::PublicKey;
use inro_network::NetworkHandle;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{CannotListen, Live, Parts, bind, serve, serve_metrics};
use crate::admission::{Admission, wall_clock};
use crate::config::Config;
use crate::desk::Desk;
use crate::ledger::Ledger;
use crate::mempool::Pool;
use crate::metrics::Metrics;
use crate::store::StoreError;

/// A node that has seen no block for this many heartbeats is behind the others, or the ledger stands still.
const HEARTBEATS_MISSED: u64 = 3;

/// Why the API does not start.
#[derive(Debug, thiserror::Error)]
pub enum ApiFault {
    /// A port is not to be had.
    #[error(transparent)]
    Listen(#[from] CannotListen),
    /// The founding document cannot be read back.
    #[error("{0}")]
    Store(#[from] StoreError),
}

/// This node's public keys.
#[derive(Debug, Clone, Copy)]
pub struct OwnKeys {
    /// The network identity.
    pub peer: PublicKey,
    /// The consensus key, if the node may vote.
    pub validator: Option<PublicKey>,
}

/// A running API. Dropping it does not stop it.
#[derive(Debug)]
pub struct Running {
    stopping: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

impl Running {
    /// Lets requests under way end, at most a few seconds, and stops.
    pub async fn stop(self) {
        self.stopping.cancel();
        for task in self.tasks {
            // A task that failed has said so in the log.
            let _ = task.await;
        }
    }
}

/// Opens the ports and serves.
#[allow(clippy::too_many_arguments, reason = "each is a part of the node, and the API serves all of them")]
pub async fn start(
    config: &Config,
    ledger: Arc<Ledger>,
    pool: Arc<Pool>,
    admission: Admission,
    network: NetworkHandle,
    metrics: Arc<Metrics>,
    keys: OwnKeys,
    desk: Option<Desk>,
) -> Result<Running, ApiFault> {
    let listener = bind("API", config.api.listen).await?;
    let own_port = config.metrics.listen.filter(|_| config.metrics.enabled);
    let figures = match own_port {
        Some(address) => Some(bind("metrics port", address).await?),
        None => None,
    };
    let live: Arc<dyn Live> = Arc::new(Node { ledger: Arc::clone(&ledger), network });
    let parts = Parts {
        store: ledger.store().clone(),
        admission,
        pool,
        metrics: Arc::clone(&metrics),
        committed: ledger.committed(),
        live: Arc::clone(&live),
        chain: ledger.chain_id(),
        ledger: ledger_name(&ledger)?,
        peer: keys.peer,
        validator: keys.validator,
        desk,
        limits: config.api.limits.clone(),
        serve_metrics: config.metrics.enabled && own_port.is_none(),
    };
    let stopping = CancellationToken::new();
    let mut tasks = vec![spawn("API", serve(listener, parts, stopping.clone()))];
    if let Some(listener) = figures {
        tasks.push(spawn("metrics port", serve_metrics(listener, metrics, live, stopping.clone())));
    }
    Ok(Running { stopping, tasks })
}

fn spawn(what: &'static str, serving: impl Future<Output = std::io::Result<()>> + Send + 'static) -> JoinHandle<()> {
    tokio::spawn(async move {
        if let Err(error) = serving.await {
            tracing::error!(%error, "the {what} ended early");
        }
    })
}

fn ledger_name(ledger: &Ledger) -> Result<String, StoreError> {
    let document = ledger.store().genesis()?.and_then(|bytes| GenesisDocument::from_bytes(&bytes).ok());
    Ok(document.map(|document| document.ledger.as_str().to_owned()).unwrap_or_default())
}

struct Node {
    ledger: Arc<Ledger>,
    network: NetworkHandle,
}

impl Live for Node {
    fn peers_connected(&self) -> usize {
        self.network.connected().len()
    }

    fn syncing(&self) -> bool {
        let view = self.ledger.view();
        let patience = view.parameters.heartbeat_ms.saturating_mul(HEARTBEATS_MISSED);
        view.tip.time.plus_ms(patience) < wall_clock()
    }

    fn engine_metrics(&self) -> String {
        inro_engine::metrics_text()
    }
}
