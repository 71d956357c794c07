//! The whole-system tests' tools: a cluster of real nodes, people who act on it, load, and the invariants that hold after
//! whatever was done to it. Nothing here is part of a program that a facility runs.

pub mod asker;
pub mod bench;
pub mod cheats;
pub mod cluster;
pub mod consortium;
pub mod forgery;
pub mod forked_node;
pub mod front;
pub mod invariants;
pub mod liars;
pub mod load;
pub mod lying_node;
pub mod metrics;
pub mod play;
pub mod ports;
pub mod process;
pub mod race;
pub mod reading;
pub mod revocation;
pub mod seed;
pub mod treatment;
pub mod witnesses;
