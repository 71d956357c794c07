//! Watches one node's blocks as a client sees them: when each could be read, and how much it holds.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use inro_client::NodeClient;
use inro_client::model::At;
use inro_contracts::time::Height;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How often it is asked for the next header. Times are late by half of it on average.
pub const EVERY: Duration = Duration::from_millis(10);

/// A block that was seen.
#[derive(Debug, Clone, Copy)]
pub struct Seen {
    /// Its height.
    pub height: u64,
    /// Its transactions.
    pub entries: u64,
    /// When its header was first read.
    pub at: Instant,
}

/// Reads every header as soon as it is there, until it is finished.
#[derive(Debug)]
pub struct Watcher {
    stop: watch::Sender<bool>,
    committed: Arc<AtomicU64>,
    task: JoinHandle<Vec<Seen>>,
}

impl Watcher {
    /// Watches for blocks after this height.
    pub fn start(client: NodeClient, after: u64) -> Self {
        let (stop, stopped) = watch::channel(false);
        let committed = Arc::new(AtomicU64::new(0));
        let task = tokio::spawn(follow(client, after, Arc::clone(&committed), stopped));
        Self { stop, committed, task }
    }

    /// Transactions in the blocks seen until now.
    pub fn committed(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.committed)
    }

    /// Stops; returns the blocks.
    pub async fn finish(self) -> Vec<Seen> {
        self.stop.send_replace(true);
        self.task.await.expect("the watcher does not panic")
    }
}

async fn follow(client: NodeClient, after: u64, committed: Arc<AtomicU64>, stopped: watch::Receiver<bool>) -> Vec<Seen> {
    let mut seen = Vec::new();
    let mut next = after + 1;
    while !*stopped.borrow() {
        match client.header(At::Height(Height(next))).await {
            Ok(header) => {
                let entries = u64::from(header.entries);
                seen.push(Seen { height: next, entries, at: Instant::now() });
                committed.fetch_add(entries, Ordering::Relaxed);
                next += 1;
            }
            Err(_) => tokio::time::sleep(EVERY).await,
        }
    }
    seen
}
