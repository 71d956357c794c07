//! The auditor: takes checked blocks in order, replays them, and keeps what is wrong.
//!
//! **Going on.** The replay applies the transactions that stand in the copy, whatever the headers say of them; those with a false
//! signature too. Where a certificate proves another block id than the header's, the ledger goes on from the proved one. So a
//! finding in one block makes no findings in the next, unless the state itself is another one: then state roots disagree until they
//! agree again, which is one finding, and an agreeing root proves the whole state. When blocks are missing, what needs the state is no longer
//! checked.

use std::collections::{BTreeMap, HashSet};

use foldhash::fast::RandomState;
use inro_contracts::block::Header;
use inro_contracts::certificate::BadCertificate;
use inro_contracts::entry::Outcome;
use inro_contracts::genesis::GenesisDocument;
use inro_contracts::id::{BlockId, ChainId, Hash, TransactionId};
use inro_contracts::machine::{self, BlockFault, Built, Inadmissible};
use inro_contracts::parameters::Parameters;
use inro_contracts::state::{StateFault, StateKey, StateReader};
use inro_contracts::time::{Height, Time};
use inro_contracts::transaction::VerifiedTransaction;
use inro_contracts::validator::ValidatorSet;

use crate::activity::{Activity, Place};
use crate::check::{Checked, CheckedEntry};
use crate::finding::{Finding, Gap, Step, Unchecked};
use crate::replay::Replay;
use crate::report::{AsOf, LISTED_MAX, Listed, Report};
use crate::{AuditFault, Options, Progress};

/// Everything that an audit knows between two blocks.
pub struct Auditor {
    ledger: String,
    chain: ChainId,
    replay: Replay,
    activity: Activity,
    now: Option<Time>,
    findings: Listed<Finding>,
    unchecked: Vec<Unchecked>,
    /// The block before, as the copy has it.
    height: Height,
    id: BlockId,
    time: Time,
    state_root: Hash,
    /// Blocks are missing: the state is no longer followed.
    lost: bool,
    /// Since when the headers' state roots are not the replay's.
    diverged: Option<Height>,
    /// By step: where in the list its last finding stands, and up to which height it was found without a break.
    runs: BTreeMap<Step, (usize, Height)>,
}

/// What was found in one block, before it is known whether it may follow from something earlier.
#[derive(Default)]
struct Found(Vec<(Option<u32>, Step, String, String)>);

impl Found {
    fn block(&mut self, step: Step, expected: impl ToString, found: impl ToString) {
        self.0.push((None, step, expected.to_string(), found.to_string()));
    }

    fn entry(&mut self, index: u32, step: Step, expected: impl ToString, found: impl ToString) {
        self.0.push((Some(index), step, expected.to_string(), found.to_string()));
    }

    fn compare(&mut self, step: Step, expected: &Hash, found: &Hash) {
        if expected != found {
            self.block(step, expected.to_hex(), found.to_hex());
        }
    }
}

/// A block's transactions as they are replayed, each with its place and what the copy says became of it.
#[derive(Default)]
struct Taken {
    transactions: Vec<VerifiedTransaction>,
    claimed: Vec<(u32, Outcome)>,
}

impl Auditor {
    /// An auditor before the first block.
    pub fn new(document: &GenesisDocument, options: &Options) -> Result<Self, AuditFault> {
        let founding = document.found()?;
        Ok(Self {
            ledger: document.ledger.as_str().to_owned(),
            chain: founding.chain,
            replay: Replay::found(&founding),
            activity: Activity::new(options.name_accounts),
            now: options.now,
            findings: Listed::default(),
            unchecked: Vec::new(),
            height: founding.tip.height,
            id: founding.tip.block,
            time: founding.tip.time,
            state_root: founding.state_root,
            lost: false,
            diverged: None,
            runs: BTreeMap::new(),
        })
    }

    /// The ledger's id.
    pub fn chain(&self) -> ChainId {
        self.chain
    }

    /// How far it is.
    pub fn progress(&self) -> Progress {
        Progress { height: self.height, entries: self.activity.totals.entries, state_root: self.state_root }
    }

    /// Judges the next block.
    pub fn judge(&mut self, block: Checked) -> Result<(), StateFault> {
        let mut found = Found::default();
        let expected = self.height.next();
        let (stated, voted) = (block.header.height, block.certificate.height);
        // A block's place is told by header and certificate; if they disagree, the one that fits is believed.
        let height = if stated == expected || voted == expected { expected } else { stated };
        if stated != expected {
            found.block(Step::Height, expected, stated);
        }
        self.activity.totals.blocks += 1;
        self.activity.totals.entries += block.entries.len() as u64;
        self.activity.totals.signatures += block.signatures;
        if height < expected {
            // It stands twice, or in the wrong place: the ledger goes on without it.
            self.keep(expected, found);
            return Ok(());
        }
        if height > expected && !self.lost {
            self.lost = true;
            self.unchecked.push(Unchecked { from: expected, until: None, why: Gap::BlocksMissing });
        }
        self.header(&block.header, height == expected, &mut found)?;
        let id = self.certificate(&block, height, &mut found)?;
        self.entries(&block, &mut found);
        let time = block.header.time;
        if self.lost {
            self.keep(height, found);
        } else {
            self.replay(block, id, height, found)?;
        }
        (self.height, self.id, self.time) = (height, id, time);
        Ok(())
    }

    fn header(&self, header: &Header, follows: bool, found: &mut Found) -> Result<(), StateFault> {
        if header.chain != self.chain {
            found.block(Step::Chain, self.chain.to_hex(), header.chain.to_hex());
        }
        if follows && header.parent != self.id {
            found.block(Step::Parent, self.id.to_hex(), header.parent.to_hex());
        }
        if header.time <= self.time {
            found.block(Step::Time, format!("after {}", self.time.0), header.time.0);
        }
        let drift = self.required::<Parameters>(&StateKey::Parameters)?.clock_drift_ms_max;
        if let Some(now) = self.now.filter(|now| header.time > now.plus_ms(drift)) {
            found.block(Step::Clock, format!("not after {}", now.0), header.time.0);
        }
        Ok(())
    }

    /// Checks the certificate; returns the id under which the ledger goes on.
    fn certificate(&self, block: &Checked, height: Height, found: &mut Found) -> Result<BlockId, StateFault> {
        let Checked { header, certificate, id, .. } = block;
        let set: ValidatorSet = self.required(&StateKey::Validators)?;
        if self.lost && set.hash() != header.validators {
            // Who voted then does not follow from what is here.
            return Ok(*id);
        }
        if !self.lost {
            found.compare(Step::Validators, &set.hash(), &header.validators);
            if set.find(&header.proposer).is_none() {
                found.block(Step::Proposer, "a validator of this height", header.proposer.to_hex());
            }
        }
        if certificate.block != *id || certificate.height != height {
            let found_there = format!("block {} at height {}", certificate.block.to_hex(), certificate.height);
            found.block(Step::CertificateBlock, format!("block {} at height {height}", id.to_hex()), found_there);
        }
        let false_vote = block.false_vote.and_then(|index| certificate.signatures.get(index));
        let fault = certificate
            .check_power(&set)
            .and(false_vote.map_or(Ok(()), |part| Err(BadCertificate::Signature(part.validator))))
            .err();
        match &fault {
            Some(fault) => found.block(Step::of_certificate(fault), "a certificate that holds", fault),
            // The header may be altered; what more than two thirds signed is the block.
            None if certificate.height == height => return Ok(certificate.block),
            None => {}
        }
        Ok(*id)
    }

    fn entries(&self, block: &Checked, found: &mut Found) {
        let (expected, here) = (block.header.entries as usize, block.entries.len());
        if expected != here {
            found.block(Step::EntriesCount, expected, here);
        }
        found.compare(Step::EntriesRoot, &block.header.entries_root, &block.entries_root);
        for (index, entry) in (0..).zip(&block.entries) {
            match entry {
                CheckedEntry::Malformed(why) => found.entry(index, Step::Entry, "an entry", why),
                CheckedEntry::Parsed(_, _, Some(place)) => {
                    found.entry(index, Step::Signature, "signatures that hold", format!("signature {place} does not hold"));
                }
                CheckedEntry::Parsed(_, _, None) => {}
            }
        }
    }

    fn replay(&mut self, block: Checked, id: BlockId, height: Height, mut found: Found) -> Result<(), StateFault> {
        let Checked { header, entries, .. } = block;
        let mut taken = self.admitted(&header, entries, &mut found)?;
        let built = match self.replay.build(&header, &taken.transactions) {
            Ok(built) => built,
            Err(BlockFault::State(fault)) => return Err(fault),
            // Larger than allowed: what its transactions would have done is not said by the rules.
            Err(fault) => {
                found.block(Step::Size, "a block within the parameters", &fault);
                self.unchecked.push(Unchecked { from: height, until: Some(height), why: Gap::NotReplayed });
                taken = Taken::default();
                self.replay.build(&header, &[]).map_err(|fault| StateFault(fault.to_string()))?
            }
        };
        self.compare(&header, &built, &taken, &mut found);
        self.keep(height, found);
        if built.header.state_root != header.state_root {
            self.diverged.get_or_insert(height);
        }
        self.state_root = built.header.state_root;
        let outcomes = self.replay.advance(built, id, &taken.transactions)?;
        for ((transaction, outcome), (index, _)) in taken.transactions.iter().zip(&outcomes).zip(&taken.claimed) {
            let place = Place { height, index: *index, time: header.time };
            self.activity.take(&self.replay, place, transaction.transaction(), outcome)?;
        }
        Ok(())
    }

    /// The transactions that can stand in the block (rule L-9).
    fn admitted(&self, header: &Header, entries: Vec<CheckedEntry>, found: &mut Found) -> Result<Taken, StateFault> {
        let parameters: Parameters = self.required(&StateKey::Parameters)?;
        let (mut taken, mut seen) = (Taken::default(), HashSet::<TransactionId, RandomState>::default());
        for (index, entry) in (0..).zip(entries) {
            let CheckedEntry::Parsed(transaction, outcome, _) = entry else { continue };
            let mut verdict = machine::admissible(transaction.transaction(), &self.chain, header.time, &parameters);
            if !seen.insert(transaction.id()) || self.replay.is_committed(&transaction.id())? {
                verdict = Err(Inadmissible::Committed);
            }
            match verdict {
                Ok(()) => {
                    taken.transactions.push(transaction);
                    taken.claimed.push((index, outcome));
                }
                Err(fault) => found.entry(index, Step::of_inadmissible(fault), "a transaction that may stand here", fault),
            }
        }
        Ok(taken)
    }

    fn compare(&mut self, header: &Header, built: &Built, taken: &Taken, found: &mut Found) {
        for (expected, (index, claimed)) in built.outcomes.iter().zip(&taken.claimed) {
            if expected != claimed {
                let (right, mut wrong) = (said(expected), said(claimed));
                if right == wrong {
                    wrong.push_str(" (others)");
                }
                found.entry(*index, Step::Outcome, right, wrong);
            }
        }
        if built.header.state_root == header.state_root {
            self.diverged = None;
        }
        found.compare(Step::StateRoot, &built.header.state_root, &header.state_root);
        found.compare(Step::HistoryRoot, &built.header.history_root, &header.history_root);
        found.compare(Step::NextValidators, &built.header.next_validators, &header.next_validators);
    }

    /// Keeps what was found, in the order of steps. What is wrong with blocks in a row is one finding.
    fn keep(&mut self, height: Height, Found(mut found): Found) {
        found.sort_by_key(|(index, step, ..)| (*step, *index));
        for (index, step, expected, what) in found {
            let before = Height(height.0.saturating_sub(1));
            if index.is_none()
                && let Some((at, last)) = self.runs.get_mut(&step).filter(|(_, last)| *last == before)
            {
                *last = height;
                if let Some(finding) = self.findings.listed.get_mut(*at) {
                    finding.until = Some(height);
                }
                continue;
            }
            if index.is_none() {
                let at = if self.findings.total < LISTED_MAX as u64 { self.findings.listed.len() } else { usize::MAX };
                self.runs.insert(step, (at, height));
            }
            let may_follow_from = self.diverged.filter(|_| step.needs_state());
            let (found, rule) = (what, step.rule());
            self.findings.push(Finding { height, until: None, index, step, rule, expected, found, may_follow_from });
        }
    }

    fn required<T: inro_contracts::bytes::Canonical>(&self, key: &StateKey) -> Result<T, StateFault> {
        self.replay.object(key)?.ok_or_else(|| StateFault(format!("{key:?} is missing")))
    }

    /// The report. `broke_off`: the copy goes no further although it should.
    pub fn conclude(mut self, broke_off: bool) -> Result<Report, StateFault> {
        if broke_off {
            self.unchecked.push(Unchecked { from: self.height.next(), until: None, why: Gap::CopyEnds });
        }
        let tip = self.replay.tip();
        let mut report = Report {
            ledger: self.ledger,
            chain: self.chain,
            is_clean: self.findings.total == 0 && self.unchecked.is_empty(),
            as_of: AsOf { height: tip.height, time: tip.time, block: tip.block, state_root: self.state_root },
            findings: self.findings,
            unchecked: self.unchecked,
            totals: Default::default(),
            emergencies: Default::default(),
            undisclosed: Listed::default(),
            unacknowledged: Listed::default(),
            payload_faults: Listed::default(),
            suspended_attempts: Listed::default(),
            unusual_readers: Default::default(),
            double_signers: Vec::new(),
        };
        self.activity.conclude(&self.replay, &mut report)?;
        Ok(report)
    }
}

/// An outcome in words that name no record.
fn said(outcome: &Outcome) -> String {
    let said = match outcome {
        Outcome::Applied | Outcome::AppliedCustodially => "applied".into(),
        Outcome::Rejected(rule) => format!("rejected by {}", rule.code()),
        Outcome::Denied(denial) | Outcome::DeniedCustodially(denial) => format!("denied by {}", denial.code()),
        Outcome::Granted(granted) | Outcome::GrantedCustodially(granted) => {
            let more = if granted.more { ", and there are more" } else { "" };
            let sealed = if granted.sealed { ", something is sealed" } else { "" };
            format!("granted {} records{more}{sealed}", granted.records.len())
        }
    };
    if outcome.is_custodial() { format!("{said}, with a key that the facility keeps") } else { said }
}
