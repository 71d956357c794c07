//! The ceiling: what this machine could commit if checking signatures were all there is to do.
//!
//! Every validator checks every signature, so it is the batched verifications a second of one core, times the cores, divided by
//! the validators.

use std::time::{Duration, Instant};

use inro_contracts::id::ChainId;
use inro_contracts::key::{Claim, SecretKey, all_hold};
use inro_contracts::tag::Tag;
use rand::Rng;
use rand::rngs::OsRng;

/// Different keys, each with one signature; also the size of a batch.
const KEYS: usize = 1024;
/// As long as a transaction that registers a record.
const STATEMENT_BYTES: usize = 240;

/// Signatures to check.
#[derive(Debug)]
pub struct Ceiling {
    claims: Vec<Claim>,
}

impl Ceiling {
    /// One signature of each of 1,024 keys.
    pub fn new() -> Self {
        let claims = (0..KEYS).map(|_| {
            let secret = SecretKey::from_seed(&OsRng.r#gen());
            let mut statement = ChainId(OsRng.r#gen()).0.to_vec();
            statement.resize(STATEMENT_BYTES, 7);
            Claim::new(secret.public(), Tag::TRANSACTION, &statement, secret.sign(Tag::TRANSACTION, &statement))
        });
        Self { claims: claims.collect() }
    }

    /// Verifications a second on one core while the others rest, the median of several batches.
    pub fn one_core(&self, length: Duration) -> f64 {
        self.on_cores(1, length)
    }

    /// Verifications a second and core while so many cores are at it, the median of several batches. Cores that share a
    /// physical one, or a budget of heat, are slower together than alone, and validators work on all of them.
    pub fn on_cores(&self, cores: usize, length: Duration) -> f64 {
        let work = || {
            let start = Instant::now();
            let mut rates = Vec::new();
            while start.elapsed() < length || rates.len() < 5 {
                let batch = Instant::now();
                assert!(all_hold(&self.claims, rand::rngs::OsRng), "sound signatures hold");
                rates.push(KEYS as f64 / batch.elapsed().as_secs_f64());
            }
            super::report::median(&rates).expect("at least five batches were checked")
        };
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
            let rates: Vec<f64> = threads.into_iter().map(|thread| thread.join().expect("checking does not panic")).collect();
            rates.iter().sum::<f64>() / cores as f64
        })
    }
}
