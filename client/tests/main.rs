//! The command as people use it, and the SDK, against a node that stands in for a real one: it executes every transaction by the
//! rules of the ledger, in memory, one block each.

mod acting;
mod ceremony;
mod desk;
mod reading;
mod stand_in_node;
