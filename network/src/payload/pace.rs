//! A rate that all givers of this node share.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The slowest rate: slower, and transfers that share it would seem to have stopped.
const SLOWEST: u64 = 1 << 20;

/// Lets so many bytes a second pass, in the order in which they come.
pub(crate) struct Pace {
    bytes_per_second_max: Option<u64>,
    /// When the bytes that have come until now have all passed.
    free: Mutex<Instant>,
}

impl Pace {
    /// This rate, or none.
    pub fn new(bytes_per_second_max: Option<u64>) -> Self {
        let bytes_per_second_max = bytes_per_second_max.map(|rate| rate.max(SLOWEST));
        Self { bytes_per_second_max, free: Mutex::new(Instant::now()) }
    }

    /// Waits until so many more bytes may pass.
    pub async fn pass(&self, bytes: u64) {
        if let Some(rate) = self.bytes_per_second_max {
            tokio::time::sleep_until(self.reserve(bytes, rate)).await;
        }
    }

    fn reserve(&self, bytes: u64, rate: u64) -> Instant {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let mine = (*free).max(Instant::now());
        *free = mine + Duration::from_secs_f64(bytes as f64 / rate as f64);
        mine
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn bytes_pass_at_the_rate_whoever_brings_them() {
        let pace = Pace::new(Some(10 << 20));
        let began = Instant::now();
        let pass = || async {
            for _ in 0..4 {
                pace.pass(256 << 10).await;
            }
        };
        futures::join!(pass(), pass());
        let took = began.elapsed();
        // Eight quarters of a MiB; the first passes at once.
        assert!(took >= Duration::from_millis(174) && took < Duration::from_secs(2), "{took:?}");
    }

    #[tokio::test]
    async fn without_a_rate_nothing_waits() {
        let began = Instant::now();
        Pace::new(None).pass(u64::MAX).await;
        assert!(began.elapsed() < Duration::from_secs(1));
    }
}
