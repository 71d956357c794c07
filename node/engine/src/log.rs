//! A look into the engine's log before the engine opens it: does it still hold what the key signed?
//!
//! The engine cuts off whatever it cannot read, and forgets a lost lock without a word. So the log is compared with the sign
//! guard first: a signature that the guard knows and the log does not means that the log lost something, and the key must not
//! sign at that height any more.

use std::collections::BTreeSet;
use std::path::Path;

use inro_contracts::id::{ChainId, Hash};
use inro_contracts::key::PublicKey;
use inro_contracts::time::Height;
use malachite::app::engine::wal::log_entries;
use malachite::app::wal::Log;
use malachite_core_consensus::Input;
use sha2::{Digest, Sha256};
use tracing::warn;

use crate::codec::Wire;
use crate::context::Context;
use crate::guard::{Guard, GuardFault, Memory, Refused};
use crate::run::wal_path;

/// Why a validator cannot know what it signed.
#[derive(Debug, thiserror::Error)]
pub enum RecallFault {
    /// The guard's file.
    #[error(transparent)]
    Guard(#[from] GuardFault),
    /// The guard could not be written.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The engine's log could not be read or moved.
    #[error("the engine's log in {folder} cannot be examined: {why}")]
    Log {
        /// The folder.
        folder: String,
        /// The system's words.
        why: std::io::Error,
    },
}

/// Opens the guard of `key` and raises its floor to the next height if anything that the key signed may be forgotten: the guard
/// is damaged, or missing beside a ledger that has blocks, or the engine's log lost a vote. `tip` is the last committed height.
pub fn recall(folder: &Path, chain: &ChainId, key: PublicKey, tip: Height) -> Result<Guard, RecallFault> {
    let fault = |why| RecallFault::Log { folder: folder.display().to_string(), why };
    std::fs::create_dir_all(folder).map_err(fault)?;
    let (mut guard, memory) = Guard::open(folder, key)?;
    let log = wal_path(folder);
    let log_exists = log.exists();
    let forgotten = match memory {
        Memory::Whole => false,
        Memory::Damaged => true,
        Memory::New => tip > Height(0) || log_exists,
    };
    let intact = match log_exists {
        true => votes_in(&log, chain, &key).map_err(fault)?,
        false => Some(BTreeSet::new()),
    };
    let next = tip.next();
    // The last step may be missing from the log: the guard is written first, and the vote never left.
    let known = guard.signed().split_last().map_or(&[][..], |(_, before)| before);
    let lost =
        guard.height() >= next && intact.as_ref().is_none_or(|votes| known.iter().any(|signed| !votes.contains(&signed.digest)));
    if intact.is_none() || lost {
        let aside = folder.join(format!("engine.wal.damaged-at-{next}"));
        if log_exists {
            std::fs::rename(&log, &aside).map_err(fault)?;
        }
        warn!(height = %next, "the engine's log lost something; this node follows until the others have decided this height");
    }
    if forgotten || lost || intact.is_none() {
        guard.raise_floor(next.max(guard.height()))?;
    }
    Ok(guard)
}

/// The digests of `key`'s own signed messages in the log; `None` if the log cannot be read to its end. Reads a copy, because
/// opening a log cuts it.
fn votes_in(log: &Path, chain: &ChainId, key: &PublicKey) -> std::io::Result<Option<BTreeSet<Hash>>> {
    let copy = log.with_extension("wal.examined");
    std::fs::copy(log, &copy)?;
    let votes = read_votes(&copy, chain, key);
    std::fs::remove_file(&copy)?;
    Ok(votes)
}

fn read_votes(log: &Path, chain: &ChainId, key: &PublicKey) -> Option<BTreeSet<Hash>> {
    let mut log = Log::open(log).ok()?;
    if log.is_empty() {
        return Some(BTreeSet::new());
    }
    let mut votes = BTreeSet::new();
    for entry in log_entries::<Context, _>(&mut log, &Wire).ok()? {
        let message = match entry.ok()? {
            Input::Vote(vote) if vote.message.address.0 == *key => vote.message.statement(chain)?.message(),
            Input::Proposal(proposal) if proposal.message.address.0 == *key => proposal.message.statement(chain)?.message(),
            _ => continue,
        };
        votes.insert(Hash(Sha256::digest(&message).into()));
    }
    Some(votes)
}
