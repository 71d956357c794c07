//! The command as people use it, and the SDK, against a node that stands in for a real one: it executes every transaction by the
//! rules of the ledger, in memory, one block each.

mod acting;
mod ceremony;
mod consenting;
mod desk;
mod reading;
mod stand_in_desk;
mod stand_in_node;
mod wallet;
mod wallet_scan;
