//! Two certified headers of one ledger: either the one continues the other, or there is proof that validators signed twice.

use std::path::PathBuf;

use inro_contracts::history::{check_consistency, check_inclusion};
use inro_contracts::id::Hash;
use inro_contracts::key::PublicKey;
use inro_contracts::time::Height;
use inro_evidence::{Anchor, Certified, Fault, Statement, Step, Walk, verify_evidence};

use crate::model::HistoryAnswer;

/// One height with two certified blocks: an evidence file that proves it to anybody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fork {
    /// The evidence file's bytes (kind 7).
    pub evidence: Vec<u8>,
    /// The height.
    pub height: Height,
    /// Who signed both blocks.
    pub double_signers: Vec<PublicKey>,
    /// Where the evidence was kept, if it was.
    pub kept: Option<PathBuf>,
}

impl std::fmt::Display for Fork {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (height, signers) = (self.height, self.double_signers.len());
        write!(
            f,
            "the ledger is forked: block {height} exists twice, and {signers} validators signed both; believe no node, and give the \
             evidence to the consortium and its regulator"
        )?;
        match &self.kept {
            Some(path) => write!(f, " ({})", path.display()),
            None => Ok(()),
        }
    }
}

/// Proves that two certified blocks are of one height.
pub(super) fn prove(anchor: &Anchor, walk: &Walk, one: &Certified, other: &Certified) -> Result<Fork, Fault> {
    let evidence = walk.file(Statement::fork(one.clone(), other.clone())).map_err(|error| Step::Form.failed(error))?;
    let bytes = evidence.to_bytes();
    let double_signers = verify_evidence(evidence, anchor)?.double_signers();
    Ok(Fork { evidence: bytes, height: one.header.height, double_signers, kept: None })
}

/// Does the newer header continue the older one's ledger, as these proofs show?
pub(super) fn continues(older: &Certified, newer: &Certified, proofs: &HistoryAnswer) -> bool {
    let (older, newer) = (&older.header, &newer.header);
    let (root, size): (&Hash, u64) = (&newer.history_root, newer.height.0);
    let (old_root, old_size) = (&older.history_root, older.height.0);
    check_inclusion(root, size, old_size, &older.id(), &proofs.inclusion).is_ok()
        && check_consistency(root, size, old_root, old_size, &proofs.consistency).is_ok()
}
