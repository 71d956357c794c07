//! A decision, made again: steps V-21 to V-27. The state before the access is put together from proved objects and from the
//! account's journal, and the ledger's own rule (D-1) is asked once more.

use std::cell::RefCell;
use std::collections::BTreeMap;

use inro_contracts::access::{AccessRequest, Basis, Decision, Reader};
use inro_contracts::bytes::Canonical;
use inro_contracts::decision::decide;
use inro_contracts::emergency::{EmergencyDesk, OpenReview};
use inro_contracts::entry::{Entry, Outcome};
use inro_contracts::id::{ChainId, Label, PractitionerId, RecordId, TransactionId};
use inro_contracts::journal::Event;
use inro_contracts::organisation::{Practitioner, Standing};
use inro_contracts::parameters::Parameters;
use inro_contracts::record::Record;
use inro_contracts::state::{Row, StateFault, StateKey, StateReader, Working};
use inro_contracts::time::Time;
use inro_contracts::transaction::Action;

use crate::file::{DecisionStatement, Located};
use crate::follow::Followed;
use crate::journal::{account_is, is_complete, signatures_hold, stands_in, transaction_id};
use crate::step::{Fault, Step};

/// Steps V-13 to V-27 for an access in a block whose header is believed.
pub(crate) fn check(chain: &ChainId, decision: &DecisionStatement) -> Result<(), Fault> {
    let header = &decision.head.header;
    let signed = &decision.access.entry.transaction;
    stands_in(header, &decision.access)?;
    signatures_hold(chain, signed)?;
    let Action::Access(request) = &signed.transaction.action else {
        return Err(Step::AccessEvent.failed("the entry is no access"));
    };
    account_is(header, &request.account, decision.account.as_ref(), &decision.proof)?;
    match &decision.account {
        Some(account) => is_complete(header, &request.account, account, &decision.events)?,
        None => Step::JournalLength.require(decision.events.is_empty(), || "events of an account that does not exist".into())?,
    }
    parent_is_the_block_before(chain, decision)?;
    let before = events_before(decision)?;
    let facts = proved_facts(decision)?;
    for located in &decision.earlier {
        earlier_in_the_block(decision, located)?;
    }
    let again = replay(decision, before, facts)?;
    Step::Outcome.require(again == decision.access.entry.outcome, || "another outcome follows from the rules".into())
}

/// What the decision or an earlier entry reads and the file does not have, if anything; for whoever makes a file.
pub(crate) fn missing(decision: &DecisionStatement) -> Result<Option<StateKey>, Fault> {
    let before = events_before(decision)?;
    let facts = Facts(decision.facts.iter().map(|fact| (fact.object.key(), fact.object.value())).collect());
    match replay(decision, before, facts) {
        Ok(_) => Ok(None),
        Err(Undecided::Missing(key)) => Ok(Some(key)),
        Err(Undecided::Fault(fault)) => Err(fault),
    }
}

/// Why a decision cannot be made again.
enum Undecided {
    /// Something that is read is not in the file.
    Missing(StateKey),
    /// A step failed.
    Fault(Fault),
}

impl From<Fault> for Undecided {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<Undecided> for Fault {
    fn from(undecided: Undecided) -> Self {
        match undecided {
            Undecided::Missing(key) => Step::Replay.failed(format!("{} is not in the file", kind(&key))),
            Undecided::Fault(fault) => fault,
        }
    }
}

/// Steps V-25 and V-26.
fn replay(decision: &DecisionStatement, before: &[Event], mut facts: Facts) -> Result<Outcome, Undecided> {
    let signed = &decision.access.entry.transaction.transaction;
    let Action::Access(request) = &signed.action else { return Err(Step::AccessEvent.failed("the entry is no access").into()) };
    let now = decision.head.header.time;
    let followed = followed(decision, before)?;
    for located in &decision.earlier {
        facts.change(located, now)?;
    }
    let state = Before { label: request.account, followed, facts, missing: RefCell::new(None) };
    let again = decide(&Working::new(&state), &signed.signer, request, now);
    if let Some(key) = state.missing.take() {
        return Err(Undecided::Missing(key));
    }
    let outcome = match again {
        Ok(Decision::Granted(granted)) => Outcome::Granted(granted),
        Ok(Decision::Denied(denial)) => Outcome::Denied(denial),
        Err(fault) => return Err(Step::Replay.failed(fault).into()),
    };
    let custodial = state.followed.as_ref().is_some_and(|found| found.account.is_custodial_key(&signed.signer));
    Ok(if custodial { outcome.custodially() } else { outcome })
}

fn parent_is_the_block_before(chain: &ChainId, decision: &DecisionStatement) -> Result<(), Fault> {
    let (header, parent) = (&decision.head.header, &decision.parent);
    let sound = parent.chain == *chain && parent.height.next() == header.height && parent.id() == header.parent;
    Step::Parent.require(sound, || format!("it is not the parent of block {}", header.height))
}

/// Step V-22: the events before the access, which is an event itself if the account existed.
fn events_before(decision: &DecisionStatement) -> Result<&[Event], Fault> {
    let access = &decision.access;
    let decided = access.entry.outcome.granted().is_some() || access.entry.outcome.denial().is_some();
    Step::AccessEvent.require(decided, || "the access was not decided".into())?;
    let place = (decision.head.header.height, access.index);
    let before = decision.events.partition_point(|event| (event.height, event.index) < place);
    let event = decision.events.get(before).filter(|event| (event.height, event.index) == place);
    let recorded = before == 0 || event.is_some_and(|event| event.entry == access.entry);
    Step::AccessEvent.require(recorded, || "the account's journal has no such event".into())?;
    Ok(&decision.events[..before])
}

fn proved_facts(decision: &DecisionStatement) -> Result<Facts, Fault> {
    let mut facts = BTreeMap::new();
    for fact in &decision.facts {
        let (key, value) = (fact.object.key(), fact.object.value());
        let checked = fact.proof.check(&decision.parent.state_root, &key, value.as_deref());
        checked.map_err(|error| Step::Facts.failed(error))?;
        facts.insert(key, value);
    }
    Ok(Facts(facts))
}

/// Step V-24.
fn earlier_in_the_block(decision: &DecisionStatement, located: &Located) -> Result<(), Fault> {
    let index = located.index;
    Step::Earlier.require(index < decision.access.index, || format!("entry {index} does not come before the access"))?;
    stands_in(&decision.head.header, located).map_err(|fault| match fault.step {
        Step::EntryRoot => Step::Earlier.failed(format!("entry {index}: {}", fault.found)),
        _ => fault,
    })?;
    Step::Earlier.require(changes_facts(&located.entry), || format!("entry {index} changes no fact"))
}

/// Is it an entry that took effect, and of a kind that changes facts?
pub(crate) fn changes_facts(entry: &Entry) -> bool {
    if !entry.outcome.is_applied() {
        return false;
    }
    match &entry.transaction.transaction.action {
        Action::RegisterPractitioner { .. }
        | Action::RenewPractitioner { .. }
        | Action::RotatePractitioner { .. }
        | Action::SetPractitionerStanding { .. }
        | Action::CloseReview { .. } => true,
        Action::Access(request) => is_emergency(request),
        _ => false,
    }
}

fn is_emergency(request: &AccessRequest) -> bool {
    matches!(request.basis, Basis::Emergency(_))
}

/// Step V-25: the account before the access; what the whole journal leads to is the proved account.
fn followed(decision: &DecisionStatement, before: &[Event]) -> Result<Option<Followed>, Fault> {
    let follow = |events: &[Event]| Followed::after(events).map_err(|error| Step::Follow.failed(error));
    let agrees = match (follow(&decision.events)?, &decision.account) {
        (Some(whole), Some(account)) => whole.agrees_with(account),
        (whole, account) => whole.is_none() && account.is_none(),
    };
    Step::Follow.require(agrees, || "the journal leads to another account".into())?;
    follow(before)
}

/// Objects of the state, as the decision finds them.
struct Facts(BTreeMap<StateKey, Option<Vec<u8>>>);

impl Facts {
    /// What an earlier entry of the block does to the facts.
    fn change(&mut self, located: &Located, now: Time) -> Result<(), Undecided> {
        let signed = &located.entry.transaction;
        match &signed.transaction.action {
            Action::RegisterPractitioner { organisation, key, role, licence, validity, .. } => {
                let (organisation, key, role, licence, validity) = (*organisation, *key, *role, *licence, *validity);
                let practitioner = Practitioner { organisation, key, role, licence, validity, standing: Standing::Active };
                self.put(StateKey::Practitioner(Practitioner::id_of(&key)), &practitioner)
            }
            Action::RenewPractitioner { practitioner, validity, .. } => {
                self.practitioner(practitioner, |found| found.validity = *validity)
            }
            Action::RotatePractitioner { practitioner, key, .. } => self.practitioner(practitioner, |found| found.key = *key),
            Action::SetPractitionerStanding { practitioner, active, .. } => {
                let standing = if *active { Standing::Active } else { Standing::Suspended };
                self.practitioner(practitioner, |found| found.standing = standing)
            }
            Action::Access(request) => self.emergency(request, transaction_id(signed), now),
            Action::CloseReview { access, .. } => self.review_closed(access),
            // Step V-24 lets nothing else come here.
            _ => Ok(()),
        }
    }

    fn practitioner(&mut self, id: &PractitionerId, change: impl FnOnce(&mut Practitioner)) -> Result<(), Undecided> {
        let key = StateKey::Practitioner(*id);
        let mut practitioner: Practitioner = self.there(key.clone())?;
        change(&mut practitioner);
        self.put(key, &practitioner)
    }

    fn emergency(&mut self, request: &AccessRequest, access: TransactionId, now: Time) -> Result<(), Undecided> {
        let Reader::Practitioner(reader) = request.reader else { return Ok(()) };
        let reader: Practitioner = self.there(StateKey::Practitioner(reader))?;
        let parameters: Parameters = self.there(StateKey::Parameters)?;
        let key = StateKey::EmergencyDesk(reader.organisation);
        let mut desk: EmergencyDesk = self.object(&key)?.unwrap_or_default();
        desk.count(now, OpenReview { access, deadline: now.plus_ms(parameters.review_ms) });
        self.put(key, &desk)
    }

    fn review_closed(&mut self, access: &TransactionId) -> Result<(), Undecided> {
        let desks: Vec<_> = self.0.keys().filter(|key| matches!(key, StateKey::EmergencyDesk(_))).cloned().collect();
        for key in desks {
            if let Some(mut desk) = self.object::<EmergencyDesk>(&key)? {
                desk.open.retain(|open| open.access != *access);
                self.put(key, &desk)?;
            }
        }
        Ok(())
    }

    fn object<T: Canonical>(&self, key: &StateKey) -> Result<Option<T>, Undecided> {
        let value = self.0.get(key).ok_or_else(|| Undecided::Missing(key.clone()))?;
        Ok(value.as_deref().map(T::from_bytes).transpose().map_err(|error| Step::Replay.failed(error))?)
    }

    fn there<T: Canonical>(&self, key: StateKey) -> Result<T, Undecided> {
        let object = self.object(&key)?;
        Ok(object.ok_or_else(|| Step::Replay.failed(format!("an earlier entry changes {} that is not there", kind(&key))))?)
    }

    /// Only what the file proves can change.
    fn put<T: Canonical>(&mut self, key: StateKey, object: &T) -> Result<(), Undecided> {
        match self.0.get_mut(&key) {
            Some(value) => *value = Some(object.to_bytes()),
            None => return Err(Undecided::Missing(key)),
        }
        Ok(())
    }
}

/// The state before the access.
struct Before {
    label: Label,
    followed: Option<Followed>,
    facts: Facts,
    /// What was asked for and is not there.
    missing: RefCell<Option<StateKey>>,
}

impl StateReader for Before {
    fn read(&self, key: &StateKey) -> Result<Option<Vec<u8>>, StateFault> {
        let followed = self.followed.as_ref();
        match key {
            StateKey::Account(label) if *label == self.label => Ok(followed.map(|found| found.account.to_bytes())),
            StateKey::Consent(label) if *label == self.label => Ok(followed.map(|found| found.consent.to_bytes())),
            StateKey::Record(label, id) if *label == self.label => {
                Ok(followed.and_then(|found| found.records.get(id)).map(Canonical::to_bytes))
            }
            _ => self.facts.0.get(key).cloned().ok_or_else(|| {
                self.missing.borrow_mut().get_or_insert_with(|| key.clone());
                StateFault(format!("{} is not in the file", kind(key)))
            }),
        }
    }

    fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Row>, StateFault> {
        if prefix != StateKey::records_prefix(&self.label) {
            return Err(StateFault("another list than the account's records was asked for".into()));
        }
        let Some(followed) = &self.followed else { return Ok(Vec::new()) };
        let row = |(id, record): (&RecordId, &Record)| (StateKey::Record(self.label, *id).to_bytes(), record.to_bytes());
        let rows = followed.records.iter().map(row);
        Ok(rows.filter(|(key, _)| after.is_none_or(|after| key.as_slice() > after)).take(limit).collect())
    }

    fn is_committed(&self, _id: &TransactionId) -> Result<bool, StateFault> {
        Err(StateFault("a decision does not ask what is committed".into()))
    }
}

fn kind(key: &StateKey) -> &'static str {
    match key {
        StateKey::Parameters => "the parameters",
        StateKey::Disasters => "the disasters",
        StateKey::Organisation(_) => "an organisation",
        StateKey::Practitioner(_) => "a practitioner",
        StateKey::EmergencyDesk(_) => "an organisation's emergencies",
        _ => "an object that no decision reads",
    }
}
