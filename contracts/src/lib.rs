//! What all parties of an Inro ledger must agree on, byte for byte: identifiers, encodings, rules, decisions and proofs.
//!
//! This crate is pure. It has no clock, no randomness, no input or output, no threads, no floating point, no maps with a
//! random order and no `unsafe`. Time and height arrive in a [`block::BlockContext`]; salts arrive inside transactions.
//! Two honest nodes on different machines compute the same bytes from the same blocks.
//!
//! What it refuses to do: to read a file, to ask the time, to decide anything that two nodes could decide differently.

pub mod access;
pub mod account;
pub mod block;
pub mod bytes;
pub mod category;
pub mod certificate;
pub mod consent;
pub mod decision;
pub mod emergency;
pub mod entry;
#[cfg(any(test, feature = "fixture"))]
pub mod fixture;
pub mod genesis;
pub mod history;
pub mod id;
pub mod journal;
pub mod key;
pub mod machine;
pub mod memory;
pub mod merkle;
mod numbered;
pub mod organisation;
pub mod parameters;
pub mod proposal;
pub mod purpose;
pub mod record;
pub mod request;
pub mod rule;
pub mod state;
pub mod tag;
pub mod time;
pub mod transaction;
pub mod tree;
pub mod validator;
pub mod vote;
