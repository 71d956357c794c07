//! The audit: the check of a whole ledger from a copy of it, by somebody who has the founding document and trusts nobody.
//!
//! [`audit`] takes the blocks of a copy in order and checks of each what the specification asks: header, certificate, form and
//! signatures of every transaction, replay protection; it applies every transaction by the rules, on a state of its own, and compares
//! every outcome and root. It goes on after whatever it finds, and says from where on something could not be checked. The
//! [`report`] also lists what a regulator looks for in a ledger that is sound: emergencies without a review, records that were
//! granted and never handed over, readers unlike the others.
//!
//! A reader is *unusual* by the rule that stands in `activity.rs` and in `docs/guide/regulator.md`.
//!
//! [`export`] is the form of a copy. A copy's blocks are read once, in order; what is kept is the state, not the chain.
//!
//! What it refuses to do: to open a file, to ask a clock, to believe a header because many follow it.

mod activity;
mod auditor;
mod check;
pub mod export;
pub mod finding;
mod replay;
pub mod report;

use std::num::NonZeroUsize;
use std::sync::mpsc;

use inro_contracts::genesis::{FoundingFault, GenesisDocument};
use inro_contracts::id::Hash;
use inro_contracts::state::StateFault;
use inro_contracts::time::{Height, Time};
use rand_core::{CryptoRng, RngCore};

use auditor::Auditor;
use export::Block;
use report::Report;

/// How an audit is done.
#[derive(Debug, Clone)]
pub struct Options {
    /// How many threads check signatures.
    pub threads: NonZeroUsize,
    /// What time it is, if blocks of the future are to be found.
    pub now: Option<Time>,
    /// Whether the report names accounts.
    pub name_accounts: bool,
}

/// How far an audit is: said after each block.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// The block.
    pub height: Height,
    /// Entries so far.
    pub entries: u64,
    /// The state root that follows from the ledger's transactions.
    pub state_root: Hash,
}

/// What came of an audit.
#[derive(Debug)]
pub struct Audited<E> {
    /// The report on all blocks that came.
    pub report: Report,
    /// Why no more came, if the copy broke off.
    pub broke_off: Option<E>,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum AuditFault {
    /// The founding document founds nothing.
    #[error("the founding document does not hold: {0}")]
    Founding(#[from] FoundingFault),
    /// Our own bug: a block could be neither replayed nor left out.
    #[error("the ledger cannot be replayed: {0}. This is a fault of the program: tell its makers")]
    State(#[from] StateFault),
}

/// Blocks whose signatures are checked together have about so many entries: the more, the oftener one key signed several of them,
/// which is checked in less time.
const LOT_ENTRIES: usize = 4_096;
/// They take no more memory than this, but for the last of them, in bytes.
const LOT_BYTES: usize = 8 << 20;
/// They are no more than this.
const LOT_BLOCKS: usize = 256;

/// Audits the blocks of a copy, in order. `random` gives each thread a generator that makers of signatures cannot foresee.
pub fn audit<R: RngCore + CryptoRng, E>(
    document: &GenesisDocument,
    blocks: impl IntoIterator<Item = Result<Block, E>>,
    options: &Options,
    random: &(dyn Fn() -> R + Sync),
    on_block: &mut dyn FnMut(Progress),
) -> Result<Audited<E>, AuditFault> {
    let mut auditor = Auditor::new(document, options)?;
    let chain = auditor.chain();
    let mut lots = Lots { blocks: blocks.into_iter(), broke_off: None, ended: false };
    std::thread::scope(|scope| {
        // Lots are dealt out in turn, so they come back in turn. The threads last: memory that one has had is used again.
        let checkers: Vec<_> = (0..options.threads.get())
            .map(|_| {
                let ((lots, to_check), (done, checked)) = (mpsc::channel::<Vec<Block>>(), mpsc::channel());
                scope.spawn(move || {
                    let mut random = random();
                    to_check.iter().map(|lot| check::check(&chain, lot, &mut random)).try_for_each(|checked| done.send(checked))
                });
                (lots, checked)
            })
            .collect();
        let (mut giving, mut taking) = (checkers.iter().cycle(), checkers.iter().cycle());
        let mut under_way = 0;
        loop {
            // One more than there are threads, so that none waits while this one replays.
            while under_way <= checkers.len()
                && let Some(lot) = lots.next_lot()
                && let Some((checker, _)) = giving.next()
                && checker.send(lot).is_ok()
            {
                under_way += 1;
            }
            if under_way == 0 {
                return Ok(());
            }
            // A thread that is gone has panicked, and so does this one at the end of the scope.
            let Some(Ok(checked)) = taking.next().map(|(_, checked)| checked.recv()) else { return Ok(()) };
            under_way -= 1;
            for block in checked {
                auditor.judge(block)?;
                on_block(auditor.progress());
            }
        }
    })
    .map_err(AuditFault::State)?;
    let report = auditor.conclude(lots.broke_off.is_some())?;
    Ok(Audited { report, broke_off: lots.broke_off })
}

/// Blocks that are checked together.
struct Lots<I, E> {
    blocks: I,
    broke_off: Option<E>,
    ended: bool,
}

impl<I: Iterator<Item = Result<Block, E>>, E> Lots<I, E> {
    fn next_lot(&mut self) -> Option<Vec<Block>> {
        let (mut lot, mut entries, mut bytes) = (Vec::new(), 0, 0);
        while !self.ended && entries < LOT_ENTRIES && bytes < LOT_BYTES && lot.len() < LOT_BLOCKS {
            match self.blocks.next() {
                Some(Ok(block)) => {
                    entries += block.entries.len();
                    bytes += block.entries.iter().map(Vec::len).sum::<usize>();
                    lot.push(block);
                }
                Some(Err(error)) => (self.ended, self.broke_off) = (true, Some(error)),
                None => self.ended = true,
            }
        }
        if lot.is_empty() { None } else { Some(lot) }
    }
}
