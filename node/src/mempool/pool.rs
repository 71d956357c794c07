//! The mempool as the node's parts share it: behind a lock, with a signal for consensus when something waits.

use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

use super::{Limits, Mempool};

/// A shared mempool.
#[derive(Debug)]
pub struct Pool {
    mempool: Mutex<Mempool>,
    occupied: watch::Sender<bool>,
}

impl Pool {
    /// Nothing waits.
    pub fn new(limits: Limits) -> Self {
        Self { mempool: Mutex::new(Mempool::new(limits)), occupied: watch::Sender::new(false) }
    }

    /// Works on the mempool. Keep it short: everybody else waits.
    pub fn with<T>(&self, work: impl FnOnce(&mut Mempool) -> T) -> T {
        // The mempool's own code does not panic half-way; if a caller's closure did, what it left is still whole.
        let mut mempool = self.mempool.lock().unwrap_or_else(PoisonError::into_inner);
        let result = work(&mut mempool);
        let occupied = !mempool.is_empty();
        self.occupied.send_if_modified(|known| std::mem::replace(known, occupied) != occupied);
        result
    }

    /// Says whether anything waits, and when that changes. Consensus holds the next height back until it says yes (rule L-7).
    pub fn occupied(&self) -> watch::Receiver<bool> {
        self.occupied.subscribe()
    }
}
