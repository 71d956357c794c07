//! Copies of ledgers, what an audit finds in them, and the reports.

mod export;
// The same dishonest quorum as that of the whole-system tests.
#[path = "../../../tests/src/forgery.rs"]
mod forgery;
mod hostile;
mod ledger;
mod planted;
mod reports;
