//! Making a decision's statement from a ledger that was replayed block by block. Which objects and which earlier entries a decision
//! needs is asked of the verifier itself, until it misses nothing.

use inro_contracts::access::{Basis, Reader};
use inro_contracts::account::Account;
use inro_contracts::bytes::{Canonical, List, Malformed};
use inro_contracts::entry::Entry;
use inro_contracts::id::{Label, PractitionerId};
use inro_contracts::journal::Event;
use inro_contracts::memory::{MemoryBlock, MemoryLedger};
use inro_contracts::merkle::{EntryTree, leaf_hash};
use inro_contracts::organisation::Practitioner;
use inro_contracts::state::{StateFault, StateKey};
use inro_contracts::transaction::Action;

use crate::certified::Certified;
use crate::decision::missing;
use crate::file::{DecisionStatement, FACTS_MAX, Fact, FactObject, Located};
use crate::step::Fault;

/// Why a statement cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unmade {
    /// The ledger at hand does not fit.
    #[error("the replayed ledger does not fit: {0}")]
    Ledger(String),
    /// There is no such entry in the block.
    #[error("the block has no entry with this number")]
    NoEntry,
    /// The entry is no access.
    #[error("the entry is no access: only accesses are decided")]
    NoAccess,
    /// More than a file holds.
    #[error("more than an evidence file holds: {0}")]
    TooLarge(#[from] Malformed),
    /// The verifier refuses what was made.
    #[error(transparent)]
    Refused(#[from] Fault),
}

impl From<StateFault> for Unmade {
    fn from(fault: StateFault) -> Self {
        Self::Ledger(fault.0)
    }
}

/// The entry at `index` of a block, with its path.
pub fn located(block: &MemoryBlock, index: u32) -> Result<Located, Unmade> {
    let leaves: Vec<_> = block.entries.iter().map(|entry| leaf_hash(entry)).collect();
    located_with(block, &EntryTree::new(&leaves), index)
}

fn located_with(block: &MemoryBlock, tree: &EntryTree, index: u32) -> Result<Located, Unmade> {
    let bytes = block.entries.get(index as usize).ok_or(Unmade::NoEntry)?;
    let path = tree.prove(index as usize).ok_or(Unmade::NoEntry)?;
    Ok(Located { index, entry: Entry::from_bytes(bytes)?, path })
}

/// The events of an account's journal.
pub fn events<const MAX: usize>(ledger: &MemoryLedger, label: &Label) -> Result<List<Event, MAX>, Unmade> {
    let events = ledger.journal(label).iter().map(|bytes| Event::from_bytes(bytes)).collect::<Result<_, _>>()?;
    Ok(List::new(events)?)
}

/// The decision of the access at `index` of the last block of `after`; `before` is the same ledger one block earlier.
pub fn decision(before: &MemoryLedger, after: &MemoryLedger, head: Certified, index: u32) -> Result<DecisionStatement, Unmade> {
    let block = after.block(head.header.height).filter(|block| block.header == head.header);
    let block = block.ok_or_else(|| Unmade::Ledger("its last block is another one".into()))?;
    let parent = before.header(before.tip().height).cloned();
    let parent = parent.ok_or_else(|| Unmade::Ledger("the first block's decisions have no parent to be made from".into()))?;
    let leaves: Vec<_> = block.entries.iter().map(|entry| leaf_hash(entry)).collect();
    let tree = EntryTree::new(&leaves);
    let access = located_with(block, &tree, index)?;
    let Action::Access(request) = &access.entry.transaction.transaction.action else { return Err(Unmade::NoAccess) };
    let label = request.account;
    let (account, proof) = after.prove(&StateKey::Account(label))?;
    let account = account.map(|bytes| Account::from_bytes(&bytes)).transpose()?;
    let (facts, earlier) = (List::default(), List::default());
    let mut made = DecisionStatement { head, parent, access, account, proof, events: events(after, &label)?, facts, earlier };
    let candidates: Vec<u32> = (0..index).filter(|number| may_change_facts(block, *number)).collect();
    // Each round adds a fact or an entry, or is the last one.
    for _ in 0..=FACTS_MAX + candidates.len() {
        if let Some(key) = missing(&made)? {
            add_fact(before, &mut made, key)?;
            continue;
        }
        let known = |number: &u32| made.earlier.iter().any(|earlier| earlier.index == *number);
        let next = candidates.iter().copied().filter(|number| !known(number));
        let next = next.map(|number| located_with(block, &tree, number)).collect::<Result<Vec<_>, _>>()?;
        match next.into_iter().find(|located| concerns(before, &made, &located.entry)) {
            Some(located) => add_earlier(&mut made, located)?,
            None => return Ok(made),
        }
    }
    Err(Unmade::Ledger("the decision reads more than a file holds".into()))
}

fn may_change_facts(block: &MemoryBlock, number: u32) -> bool {
    let entry = block.entries.get(number as usize).and_then(|bytes| Entry::from_bytes(bytes).ok());
    entry.is_some_and(|entry| crate::decision::changes_facts(&entry))
}

/// Does an earlier entry change a fact that was read?
fn concerns(before: &MemoryLedger, made: &DecisionStatement, entry: &Entry) -> bool {
    let has = |key: StateKey| made.facts.iter().any(|fact| fact.object.key() == key);
    let organisation_of = |id: &PractitionerId| -> Option<StateKey> {
        let reader: Practitioner = before.object(&StateKey::Practitioner(*id)).ok()??;
        Some(StateKey::EmergencyDesk(reader.organisation))
    };
    match &entry.transaction.transaction.action {
        Action::RegisterPractitioner { key, .. } => has(StateKey::Practitioner(Practitioner::id_of(key))),
        Action::RenewPractitioner { practitioner, .. }
        | Action::RotatePractitioner { practitioner, .. }
        | Action::SetPractitionerStanding { practitioner, .. } => has(StateKey::Practitioner(*practitioner)),
        Action::Access(request) => match (&request.basis, &request.reader) {
            (Basis::Emergency(_), Reader::Practitioner(reader)) => organisation_of(reader).is_some_and(has),
            _ => false,
        },
        Action::CloseReview { .. } => made.facts.iter().any(|fact| matches!(fact.object, FactObject::EmergencyDesk(..))),
        _ => false,
    }
}

fn add_fact(before: &MemoryLedger, made: &mut DecisionStatement, key: StateKey) -> Result<(), Unmade> {
    let (_, proof) = before.prove(&key)?;
    let object = match &key {
        StateKey::Parameters => FactObject::Parameters(before.object(&key)?),
        StateKey::Disasters => FactObject::Disasters(before.object(&key)?),
        StateKey::Organisation(id) => FactObject::Organisation(*id, before.object(&key)?),
        StateKey::Practitioner(id) => FactObject::Practitioner(*id, before.object(&key)?),
        StateKey::EmergencyDesk(id) => FactObject::EmergencyDesk(*id, before.object(&key)?),
        _ => return Err(Unmade::Ledger("the decision reads what no file holds".into())),
    };
    let mut facts = std::mem::take(&mut made.facts).into_vec();
    facts.push(Fact { object, proof });
    facts.sort_by_key(|fact| fact.object.key().to_bytes());
    made.facts = List::new(facts)?;
    Ok(())
}

fn add_earlier(made: &mut DecisionStatement, located: Located) -> Result<(), Unmade> {
    let mut earlier = std::mem::take(&mut made.earlier).into_vec();
    earlier.push(located);
    earlier.sort_by_key(|located| located.index);
    made.earlier = List::new(earlier)?;
    Ok(())
}
