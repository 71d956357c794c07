//! Two headers of one ledger, or of one that was forked: steps V-28 to V-31. Both headers are believed here.

use inro_contracts::history::{check_consistency, check_inclusion};
use inro_contracts::key::PublicKey;

use crate::file::ConsistencyStatement;
use crate::step::{Fault, Step};
use crate::trust::Signed;

/// Steps V-28 to V-30.
pub(crate) fn continues(statement: &ConsistencyStatement) -> Result<(), Fault> {
    let (older, newer) = (&statement.older.header, &statement.newer.header);
    let (old, new) = (older.height.0, newer.height.0);
    Step::Older.require(old < new, || format!("block {old} is not older than block {new}"))?;
    check_inclusion(&newer.history_root, new, old, &older.id(), &statement.inclusion)
        .map_err(|error| Step::Inclusion.failed(error))?;
    check_consistency(&newer.history_root, new, &older.history_root, old, &statement.consistency)
        .map_err(|error| Step::Consistency.failed(error))
}

/// Step V-31.
pub(crate) fn is_fork(first: &Signed, second: &Signed) -> Result<(), Fault> {
    let sound = first.height == second.height && first.block < second.block;
    Step::Fork.require(sound, || format!("blocks of height {} and {} are no fork", first.height, second.height))
}

/// Who signed both blocks of a fork.
pub fn double_signers(first: &Signed, second: &Signed) -> Vec<PublicKey> {
    first.signers.iter().filter(|key| second.signers.contains(key)).copied().collect()
}
