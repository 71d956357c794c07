//! The check at start-up: that what is stored belongs together, before the node says anything to anybody.

use inro_contracts::block::Header;
use inro_contracts::history;
use inro_contracts::id::BlockId;
use inro_contracts::merkle::{self, leaf_hash};
use inro_contracts::state::{Clock, StateKey, load};
use inro_contracts::time::Height;

use super::{Snapshot, StoreError};

/// How many blocks back links, certificates and history are checked.
const HEADERS_CHECKED: u64 = 32;
/// How many blocks back entries are hashed again, from the last one and from the last pruned one.
const ENTRIES_CHECKED: u64 = 4;

/// What the check covered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckReport {
    /// The last block.
    pub height: Height,
    /// How many headers and certificates were checked.
    pub headers: u64,
    /// How many entries were hashed again.
    pub entries: u64,
}

/// Checks the last blocks, and the state, the tree and the history against the last header.
pub(super) fn check(snapshot: &Snapshot<'_>) -> Result<CheckReport, StoreError> {
    let tip = snapshot.tip();
    check_state(snapshot)?;
    let mut report = CheckReport { height: tip.height, headers: 0, entries: 0 };
    let mut expected = tip.block;
    let mut height = tip.height;
    while height > Height(0) && report.headers < HEADERS_CHECKED {
        let header = snapshot.require_header(height)?;
        require(header.id() == expected, || format!("the header of block {height} is another one than its successor names"))?;
        require(header.height == height, || format!("the header of block {height} says {}", header.height))?;
        check_certificate(snapshot, &header)?;
        if report.headers < ENTRIES_CHECKED {
            report.entries += check_entries(snapshot, &header)?;
        }
        check_history(snapshot, &header)?;
        expected = header.parent;
        height = Height(height.0 - 1);
        report.headers += 1;
    }
    require(height > Height(0) || expected == BlockId(snapshot.chain().0), || {
        "the first block's parent is another genesis".into()
    })?;
    report.entries += check_pruned(snapshot)?;
    Ok(report)
}

/// The blocks that were pruned last still lead to their entries roots.
fn check_pruned(snapshot: &Snapshot<'_>) -> Result<u64, StoreError> {
    let (tip, whole_from) = (snapshot.tip().height, snapshot.whole_from()?);
    require(whole_from <= tip.next(), || format!("blocks before {whole_from} are pruned, but the last one is {tip}"))?;
    let last = whole_from.0.saturating_sub(ENTRIES_CHECKED).max(1)..whole_from.0;
    last.map(|height| check_entries(snapshot, &snapshot.require_header(Height(height))?)).sum()
}

/// The state's central objects lead to the state root, through the tree's nodes.
fn check_state(snapshot: &Snapshot<'_>) -> Result<(), StoreError> {
    let (tip, root) = (snapshot.tip(), snapshot.state_root()?);
    for key in [StateKey::Clock, StateKey::Parameters, StateKey::Validators, StateKey::Members] {
        let proved = snapshot.prove(&key)?;
        require(proved.object.is_some(), || format!("the state has no {key:?}"))?;
        let checked = proved.proof.check(&root, &key, proved.object.as_deref());
        require(checked.is_ok(), || format!("{key:?} of the state does not lead to the state root of block {}", tip.height))?;
    }
    let clock: Option<Clock> = load(snapshot, &StateKey::Clock).map_err(|fault| StoreError::damaged(fault.0))?;
    let agrees = clock.is_some_and(|clock| clock.height == tip.height && clock.time == tip.time);
    require(agrees, || format!("the state's clock does not show block {}", tip.height))
}

fn check_certificate(snapshot: &Snapshot<'_>, header: &Header) -> Result<(), StoreError> {
    let height = header.height;
    let certificate = snapshot.certificate(height)?;
    let certificate = certificate.ok_or_else(|| StoreError::damaged(format!("the certificate of block {height} is missing")))?;
    let validators = snapshot.validator_set(&header.validators)?;
    let validators = validators.ok_or_else(|| StoreError::damaged(format!("the validators of block {height} are missing")))?;
    let names_block = certificate.height == height && certificate.block == header.id();
    require(names_block, || format!("the certificate of block {height} is for another block"))?;
    let checked = certificate.check(&snapshot.chain(), &validators);
    checked.map_err(|bad| StoreError::damaged(format!("the certificate of block {height}: {bad}")))
}

fn check_entries(snapshot: &Snapshot<'_>, header: &Header) -> Result<u64, StoreError> {
    let is_whole = header.height >= snapshot.whole_from()?;
    let leaves = if is_whole {
        snapshot.entries(header)?.iter().map(|entry| leaf_hash(entry)).collect()
    } else {
        snapshot.leaves(header)?
    };
    let agrees = merkle::root(&leaves) == header.entries_root;
    require(agrees, || format!("the entries of block {} do not lead to its entries root", header.height))?;
    Ok(leaves.len() as u64)
}

/// The header's history root, and the place of the block itself in the history.
fn check_history(snapshot: &Snapshot<'_>, header: &Header) -> Result<(), StoreError> {
    let height = header.height;
    let root = |size| history::root(snapshot, size).map_err(|fault| StoreError::damaged(fault.to_string()));
    require(root(height.0)? == header.history_root, || format!("the history does not lead to block {height}'s history root"))?;
    let proof = snapshot.prove_history(height.next(), height)?.unwrap_or_default();
    let checked = history::check_inclusion(&root(height.0 + 1)?, height.0 + 1, height.0, &header.id(), &proof);
    require(checked.is_ok(), || format!("block {height} is not in the history"))
}

fn require(holds: bool, what: impl FnOnce() -> String) -> Result<(), StoreError> {
    if holds { Ok(()) } else { Err(StoreError::damaged(what())) }
}
