//! A node of an Inro ledger: its storage, its mempool, its API and the daemon that runs them; and a witness, which holds no data.

pub mod admission;
pub mod api;
pub mod config;
pub mod daemon;
pub mod desk;
pub mod export;
pub mod ledger;
pub mod logging;
pub mod mempool;
pub mod metrics;
pub mod store;
pub mod witness;
