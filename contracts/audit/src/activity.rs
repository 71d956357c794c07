//! What was done on the ledger, as far as a regulator asks: gathered entry by entry while the ledger is replayed, and from the
//! state at the end.
//!
//! **Unusual readers.** Compared are practitioners who asked to read, each with those of the same role; where a role has fewer than
//! [`READERS_MIN`] readers, with all readers of such roles together, and if these are fewer too, with nobody. For each measure, Q1 and Q3 are
//! the lower and the upper quartile of the group. A reader is far outside whose value is above the fence Q3 + 3 × (Q3 − Q1) and not
//! below the measure's least: ten accounts; five denied requests of at least ten; three emergencies. A statistic is no verdict:
//! who is named reads more, or is refused more, than others of the role, for whatever reason.

use std::collections::{BTreeMap, BTreeSet};

use inro_contracts::access::{Access, AccessRequest, Basis, Denial, Reader};
use inro_contracts::bytes::Canonical;
use inro_contracts::emergency::Review;
use inro_contracts::entry::Outcome;
use inro_contracts::id::{Label, OrganisationId, PractitionerId, TransactionId};
use inro_contracts::key::PublicKey;
use inro_contracts::organisation::{Organisation, Practitioner, Role, Standing};
use inro_contracts::parameters::Parameters;
use inro_contracts::rule::Rule;
use inro_contracts::state::{EvidenceTaken, KeyUse, StateFault, StateKey};
use inro_contracts::time::{Height, Time};
use inro_contracts::transaction::{Action, Transaction};
use inro_contracts::validator::ValidatorSet;

use crate::replay::Replay;
use crate::report::{
    DoubleSigner, Emergencies, Emergency, Listed, Measure, OpenAccess, Party, Report, ReportedPayload, ReviewStanding,
    SuspendedAttempt, Totals, UnusualReader, UnusualReaders,
};

/// With fewer readers than this nobody is compared.
pub const READERS_MIN: usize = 8;

/// What was gathered so far.
#[derive(Debug, Default)]
pub struct Activity {
    /// The ledger in numbers, so far.
    pub totals: Totals,
    /// Whether accounts are named.
    name_accounts: bool,
    readers: BTreeMap<PractitionerId, Reading>,
    /// By access: the records that the custodian stated not to hand over, and those that the reader reported as faulty.
    answered: BTreeMap<TransactionId, Answered>,
    payload_faults: Listed<ReportedPayload>,
    suspended_attempts: Listed<SuspendedAttempt>,
}

/// How much a practitioner asked to read.
#[derive(Debug, Default)]
struct Reading {
    requests: u64,
    denied: u64,
    emergencies: u64,
    accounts: BTreeSet<Label>,
}

#[derive(Debug, Default)]
struct Answered {
    refused: u128,
    faulty: u128,
}

/// Where an entry stands.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// The block.
    pub height: Height,
    /// The entry's place in it.
    pub index: u32,
    /// The block's time.
    pub time: Time,
}

impl Activity {
    /// Nothing gathered yet.
    pub fn new(name_accounts: bool) -> Self {
        Self { name_accounts, ..Self::default() }
    }

    /// Takes an entry in, after its block was replayed; the outcome is the replay's.
    pub fn take(
        &mut self,
        replay: &Replay,
        place: Place,
        transaction: &Transaction,
        outcome: &Outcome,
    ) -> Result<(), StateFault> {
        let Transaction { signer, action, .. } = transaction;
        *self.totals.actions.entry(word(action)).or_default() += 1;
        self.totals.custodial += u64::from(outcome.is_custodial());
        match outcome {
            Outcome::Applied | Outcome::AppliedCustodially => self.totals.applied += 1,
            Outcome::Granted(_) | Outcome::GrantedCustodially(_) => self.totals.granted += 1,
            Outcome::Denied(denial) | Outcome::DeniedCustodially(denial) => {
                *self.totals.denied.entry(denial.code()).or_default() += 1;
            }
            Outcome::Rejected(rule) => *self.totals.rejected.entry(rule.code()).or_default() += 1,
        }
        let suspended =
            *outcome == Outcome::Rejected(Rule::SuspendedOrganisation) || outcome.denial() == Some(Denial::SuspendedOrganisation);
        if suspended {
            let organisation = speaker(replay, signer)?.map(|id| party(replay, id)).transpose()?;
            let (Place { height, index, time: at }, action) = (place, word(action));
            self.suspended_attempts.push(SuspendedAttempt { height, index, at, organisation, action });
        }
        match action {
            Action::Access(request) => self.asked(request, outcome),
            Action::RefuseDisclosure { access, record, .. } if outcome.is_applied() => {
                if let Some(found) = replay.object::<Access>(&StateKey::Access(*access))? {
                    self.answered.entry(*access).or_default().refused |= found.bits(&[*record]).unwrap_or(0);
                }
            }
            Action::ReportPayload { access, record, fault, account } if outcome.is_applied() => {
                if let Some(found) = replay.object::<Access>(&StateKey::Access(*access))? {
                    self.answered.entry(*access).or_default().faulty |= found.bits(&[*record]).unwrap_or(0);
                    let row = ReportedPayload {
                        height: place.height,
                        at: place.time,
                        access: *access,
                        custodian: party(replay, found.custodian)?,
                        reader: found.organisation.map(|id| party(replay, id)).transpose()?,
                        fault: *fault,
                        account: self.name(account),
                    };
                    self.payload_faults.push(row);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn asked(&mut self, request: &AccessRequest, outcome: &Outcome) {
        let Reader::Practitioner(id) = request.reader else { return };
        // Anybody can name a practitioner in a request; it counts for those who signed it.
        if outcome.denial() == Some(Denial::UnknownRequester) {
            return;
        }
        let reading = self.readers.entry(id).or_default();
        reading.requests += 1;
        reading.denied += u64::from(outcome.denial().is_some());
        reading.emergencies += u64::from(matches!(request.basis, Basis::Emergency(_)) && outcome.granted().is_some());
        reading.accounts.insert(request.account);
    }

    fn name(&self, account: &Label) -> Option<Label> {
        self.name_accounts.then_some(*account)
    }

    /// Puts everything into the report, as of its last block.
    pub fn conclude(mut self, replay: &Replay, report: &mut Report) -> Result<(), StateFault> {
        let now = report.as_of.time;
        let lifetime = replay.object::<Parameters>(&StateKey::Parameters)?.unwrap_or_default().access_ms;
        let mut emergencies = Vec::new();
        for (key, bytes) in replay.objects() {
            match key {
                StateKey::Organisation(_) => {
                    let organisation: Organisation = parse(bytes)?;
                    self.totals.organisations += 1;
                    self.totals.suspended += u64::from(organisation.standing == Standing::Suspended);
                }
                StateKey::Validators => self.totals.validators = parse::<ValidatorSet>(bytes)?.validators().len() as u64,
                StateKey::Practitioner(_) => self.totals.practitioners += 1,
                StateKey::Account(_) => self.totals.accounts += 1,
                StateKey::Record(..) => self.totals.records += 1,
                StateKey::Evidence(validator, height) => {
                    let taken: EvidenceTaken = parse(bytes)?;
                    let organisation = party(replay, taken.organisation)?;
                    report.double_signers.push(DoubleSigner { validator: *validator, height: *height, organisation });
                }
                StateKey::Access(id) => self.access(replay, id, &parse(bytes)?, now, lifetime, report)?,
                StateKey::Review(id) => emergencies.push(self.emergency(replay, *id, &parse(bytes)?, now)?),
                _ => {}
            }
        }
        report.emergencies = summed(emergencies);
        report.unusual_readers = self.unusual(replay)?;
        report.payload_faults = self.payload_faults;
        report.suspended_attempts = self.suspended_attempts;
        report.totals = self.totals;
        Ok(())
    }

    fn access(
        &self,
        replay: &Replay,
        id: &TransactionId,
        access: &Access,
        now: Time,
        lifetime: u64,
        report: &mut Report,
    ) -> Result<(), StateFault> {
        // What is on its way still has time.
        if access.at.plus_ms(lifetime) > now {
            return Ok(());
        }
        let none = Answered::default();
        let answered = self.answered.get(id).unwrap_or(&none);
        let undisclosed = access.all() & !access.disclosed & !answered.refused;
        let unacknowledged = access.disclosed & !access.acknowledged & !answered.faulty;
        if undisclosed == 0 && unacknowledged == 0 {
            return Ok(());
        }
        let row = OpenAccess {
            access: *id,
            at: access.at,
            custodian: party(replay, access.custodian)?,
            reader: access.organisation.map(|id| party(replay, id)).transpose()?,
            records: access.records.len() as u32,
            disclosed: access.disclosed.count_ones(),
            refused: answered.refused.count_ones(),
            acknowledged: access.acknowledged.count_ones(),
            account: self.name(&access.request.account),
        };
        if undisclosed != 0 {
            report.undisclosed.push(row.clone());
        }
        if unacknowledged != 0 {
            report.unacknowledged.push(row);
        }
        Ok(())
    }

    fn emergency(&self, replay: &Replay, access: TransactionId, review: &Review, now: Time) -> Result<Emergency, StateFault> {
        let standing = match review.closed {
            Some((_, at, finding)) => ReviewStanding::Closed { at, finding, late: at > review.deadline },
            None if review.deadline <= now => ReviewStanding::Overdue,
            None => ReviewStanding::Open,
        };
        Ok(Emergency {
            access,
            organisation: party(replay, review.organisation)?,
            practitioner: review.practitioner,
            at: review.at,
            deadline: review.deadline,
            standing,
            account: self.name(&review.account),
        })
    }

    fn unusual(&self, replay: &Replay) -> Result<UnusualReaders, StateFault> {
        let mut by_role = BTreeMap::<Role, Vec<(PractitionerId, Practitioner, &Reading)>>::new();
        for (id, reading) in &self.readers {
            if let Some(practitioner) = replay.object::<Practitioner>(&StateKey::Practitioner(*id))? {
                by_role.entry(practitioner.role).or_default().push((*id, practitioner, reading));
            }
        }
        let (mut groups, few): (Vec<_>, Vec<_>) = by_role.into_values().partition(|group| group.len() >= READERS_MIN);
        let few: Vec<_> = few.into_iter().flatten().collect();
        let mut unusual = UnusualReaders::default();
        if few.len() >= READERS_MIN {
            groups.push(few);
        } else {
            unusual.too_few = few.len() as u64;
        }
        let mut rows = Vec::new();
        for group in groups {
            unusual.compared += group.len() as u64;
            for measure in [Measure::Accounts, Measure::DeniedPermille, Measure::Emergencies] {
                let values: Vec<u64> = group.iter().map(|(.., reading)| reading.value(measure)).collect();
                let Some(fence) = fence(&values) else { continue };
                for (id, practitioner, reading) in &group {
                    let value = reading.value(measure);
                    if value > fence && reading.is_enough(measure) {
                        let Reading { requests, denied, .. } = **reading;
                        rows.push(UnusualReader {
                            practitioner: *id,
                            role: practitioner.role,
                            organisation: party(replay, practitioner.organisation)?,
                            measure,
                            value,
                            fence,
                            requests,
                            denied,
                            accounts: reading.accounts.len() as u64,
                        });
                    }
                }
            }
        }
        rows.sort_by_key(|row| (row.measure, std::cmp::Reverse(row.value), row.practitioner));
        rows.into_iter().for_each(|row| unusual.readers.push(row));
        Ok(unusual)
    }
}

impl Reading {
    fn value(&self, measure: Measure) -> u64 {
        match measure {
            Measure::Accounts => self.accounts.len() as u64,
            Measure::DeniedPermille => self.denied * 1_000 / self.requests.max(1),
            Measure::Emergencies => self.emergencies,
        }
    }

    fn is_enough(&self, measure: Measure) -> bool {
        match measure {
            Measure::Accounts => self.accounts.len() >= 10,
            Measure::DeniedPermille => self.denied >= 5 && self.requests >= 10,
            Measure::Emergencies => self.emergencies >= 3,
        }
    }
}

/// The highest value that is not far outside: Q3 + 3 × (Q3 − Q1). `None` of fewer than [`READERS_MIN`].
fn fence(values: &[u64]) -> Option<u64> {
    if values.len() < READERS_MIN {
        return None;
    }
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    // The quartile is the value at that place of the order, rounded down: no value is made up.
    let place = |quarter: usize| sorted.get((sorted.len() - 1) * quarter / 4).copied();
    let (lower, upper) = (place(1)?, place(3)?);
    Some(upper + 3 * (upper - lower))
}

fn summed(mut emergencies: Vec<Emergency>) -> Emergencies {
    let mut sum = Emergencies::default();
    emergencies.sort_by_key(|one| {
        let turn = match one.standing {
            ReviewStanding::Overdue => 0,
            ReviewStanding::Open => 1,
            ReviewStanding::Closed { .. } => 2,
        };
        (turn, one.at, one.access)
    });
    for one in emergencies {
        match one.standing {
            ReviewStanding::Overdue => sum.overdue += 1,
            ReviewStanding::Open => sum.open += 1,
            ReviewStanding::Closed { finding, late, .. } => {
                sum.closed += 1;
                sum.closed_late += u64::from(late);
                sum.not_justified += u64::from(finding == inro_contracts::emergency::Finding::NotJustified);
            }
        }
        sum.accesses.push(one);
    }
    sum
}

/// For whom a key speaks, as far as keys are registered.
fn speaker(replay: &Replay, key: &PublicKey) -> Result<Option<OrganisationId>, StateFault> {
    Ok(match replay.object::<KeyUse>(&StateKey::Key(*key))? {
        Some(KeyUse::Authority(id) | KeyUse::Peer(id) | KeyUse::Validator(id)) => Some(id),
        Some(KeyUse::Practitioner(id)) => {
            replay.object::<Practitioner>(&StateKey::Practitioner(id))?.map(|practitioner| practitioner.organisation)
        }
        None => None,
    })
}

fn party(replay: &Replay, id: OrganisationId) -> Result<Party, StateFault> {
    let organisation = replay.object::<Organisation>(&StateKey::Organisation(id))?;
    Ok(Party { id, name: organisation.map(|found| found.profile.name.as_str().to_owned()).unwrap_or_default() })
}

fn parse<T: Canonical>(bytes: &[u8]) -> Result<T, StateFault> {
    T::from_bytes(bytes).map_err(|error| StateFault(error.to_string()))
}

/// An action's word: that of the JSON form of transactions.
pub fn word(action: &Action) -> &'static str {
    match action {
        Action::Propose { .. } => "propose",
        Action::Vote { .. } => "vote",
        Action::RotateAuthority { .. } => "rotate-authority",
        Action::RotateValidator { .. } => "rotate-validator",
        Action::RegisterPeer { .. } => "register-peer",
        Action::RemovePeer { .. } => "remove-peer",
        Action::RegisterPractitioner { .. } => "register-practitioner",
        Action::RenewPractitioner { .. } => "renew-practitioner",
        Action::RotatePractitioner { .. } => "rotate-practitioner",
        Action::SetPractitionerStanding { .. } => "set-practitioner-standing",
        Action::ReportDoubleSign { .. } => "report-double-sign",
        Action::OpenAccount { .. } => "open-account",
        Action::RotateController { .. } => "rotate-controller",
        Action::AppointGuardian { .. } => "appoint-guardian",
        Action::DismissGuardian { .. } => "dismiss-guardian",
        Action::AttestRecovery { .. } => "attest-recovery",
        Action::VetoRecovery { .. } => "veto-recovery",
        Action::CompleteRecovery { .. } => "complete-recovery",
        Action::RegisterRecord { .. } => "register-record",
        Action::SupersedeRecord { .. } => "supersede-record",
        Action::EraseRecord { .. } => "erase-record",
        Action::SetProviderFlags { .. } => "set-provider-flags",
        Action::Grant { .. } => "grant",
        Action::Revoke { .. } => "revoke",
        Action::Seal { .. } => "seal",
        Action::LiftSeal { .. } => "lift-seal",
        Action::Unseal { .. } => "unseal",
        Action::Access(_) => "access",
        Action::Disclose { .. } => "disclose",
        Action::Acknowledge { .. } => "acknowledge",
        Action::ReportPayload { .. } => "report-payload",
        Action::RefuseDisclosure { .. } => "refuse-disclosure",
        Action::OpenConsult { .. } => "open-consult",
        Action::CloseConsult { .. } => "close-consult",
        Action::AnswerConsult { .. } => "answer-consult",
        Action::CloseReview { .. } => "close-review",
        Action::ReadJournal { .. } => "read-journal",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_far_outside_does_not_move_the_fence_that_shows_it() {
        let mut values = vec![4, 5, 6, 5, 4, 6, 5, 5, 4, 6, 5];
        values.push(400);
        assert_eq!(fence(&values), Some(6 + 3 * (6 - 4)));
        assert_eq!(fence(&values[..READERS_MIN - 1]), None);
    }
}
