//! The decision (rule D-1): who may read what, as a pure function of state, request and block time.
//!
//! The order of checks is part of the rule, and the first broken one names the denial: unknown requester, suspended
//! organisation, practitioner not valid, unknown account, no basis, basis not in force yet, basis ended, other purpose, other
//! category, sealed. What is left is granted with the list of records.
//!
//! **Seals.** A record is shown only if no seal in force covers it against this reader. Of several seals on one record the
//! narrowest says whether something shows; of two equally narrow ones the silent one. Nothing in an answer (no count, no
//! flag, no page) depends on a record that is hidden.
//!
//! **Versions.** A superseded record is shown only when it is named, and only as far as the versions that came after it, up to
//! the current one, are shown too: an old version says nearly what the new one says, which may be sealed or flagged.
//!
//! **Consults.** Nobody passes on what is sealed against themselves: in a consult, a seal against anybody through whose hands
//! the right went holds against the reader.
//!
//! The ledger decides with [`decide`] when it commits an access. A custodian asks [`still_granted`] when it hands over, on
//! what has been committed since: that can only withhold more, never give more.

use std::collections::BTreeSet;

use crate::access::{Access, AccessRequest, Basis, Decision, Denial, GRANTED_MAX, Granted, Reader};
use crate::account::{Account, Powers};
use crate::bytes::List;
use crate::category::Categories;
use crate::consent::{Against, CONSENTS_MAX, Consent, Consult, InEmergency, Parent, Party, SealTerms, Visibility};
use crate::emergency::{Disasters, EmergencyDesk};
use crate::id::{ConsultId, Label, OrganisationId, PractitionerId, RecordId};
use crate::key::PublicKey;
use crate::organisation::{Practitioner, Role, Standing};
use crate::purpose::Purpose;
use crate::record::{ProviderFlags, Record, RecordStatus};
use crate::state::{StateFault, StateKey, Working};
use crate::time::Time;

/// How many records are read from the state at once.
const PAGE: usize = 256;
/// An old version with more newer versions than this is not shown.
pub const VERSIONS_MAX: usize = 32;

/// Decides a request that is signed by `signer`.
pub fn decide(state: &Working<'_>, signer: &PublicKey, request: &AccessRequest, now: Time) -> Result<Decision, StateFault> {
    let asker = match Asker::new(state, signer, request, now)? {
        Ok(asker) => asker,
        Err(denial) => return Ok(Decision::Denied(denial)),
    };
    match asker.permit(request, Quota::Asked)? {
        Ok(permit) => asker.select(request, &permit),
        Err(denial) => Ok(Decision::Denied(denial)),
    }
}

/// Which records of a granted access may still be handed over: those that the same request would be granted now. An
/// emergency has been counted when it was granted, so its quota is not asked again. The access's lifetime is the caller's
/// matter (rule X-1).
pub fn still_granted(state: &Working<'_>, access: &Access, now: Time) -> Result<Vec<RecordId>, StateFault> {
    let Ok(asker) = Asker::new(state, &access.signer, &access.request, now)? else { return Ok(Vec::new()) };
    let Ok(permit) = asker.permit(&access.request, Quota::Counted)? else { return Ok(Vec::new()) };
    let mut still = Vec::new();
    for id in &access.records {
        if let Some(record) = state.record(&access.request.account, id)?
            && permit.permits(id, &record)
            && asker.sight(&permit, id, &record)? == Sight::Shown
        {
            still.push(*id);
        }
    }
    Ok(still)
}

/// The practitioner who asks; `None` for the person and for guardians.
type Requester = Option<(PractitionerId, Practitioner)>;

fn requester(
    state: &Working<'_>,
    signer: &PublicKey,
    request: &AccessRequest,
    now: Time,
) -> Result<Result<Requester, Denial>, StateFault> {
    let Reader::Practitioner(id) = request.reader else { return Ok(Ok(None)) };
    let Some(practitioner) = state.practitioner(&id)? else { return Ok(Err(Denial::UnknownRequester)) };
    if practitioner.key != *signer {
        return Ok(Err(Denial::UnknownRequester));
    }
    Ok(match fitness(state, &practitioner, now)? {
        Some(denial) => Err(denial),
        None => Ok(Some((id, practitioner))),
    })
}

/// Why this practitioner may not act now, if so.
fn fitness(state: &Working<'_>, practitioner: &Practitioner, now: Time) -> Result<Option<Denial>, StateFault> {
    let active = state.organisation(&practitioner.organisation)?.is_some_and(|found| found.standing == Standing::Active);
    Ok(if !active {
        Some(Denial::SuspendedOrganisation)
    } else if !practitioner.is_valid_at(now) {
        Some(Denial::PractitionerNotValid)
    } else {
        None
    })
}

/// What a basis permits, before seals.
struct Permit {
    categories: Categories,
    /// Only these records; empty: all.
    records: Vec<RecordId>,
    /// Through whose hands the right went, from the grantee to the reader's own consult.
    through: Vec<(PractitionerId, Practitioner)>,
    emergency: bool,
}

impl Permit {
    fn of(categories: Categories) -> Self {
        Self { categories, records: Vec::new(), through: Vec::new(), emergency: false }
    }

    fn permits(&self, id: &RecordId, record: &Record) -> bool {
        record.status != RecordStatus::Erased
            && self.categories.holds(record.manifest.category)
            && (self.records.is_empty() || self.records.contains(id))
    }
}

/// Is an emergency's quota still to be asked for?
#[derive(Clone, Copy, PartialEq)]
enum Quota {
    Asked,
    Counted,
}

struct Asker<'a> {
    state: &'a Working<'a>,
    signer: &'a PublicKey,
    requester: Requester,
    label: Label,
    account: Account,
    consent: Consent,
    now: Time,
}

impl<'a> Asker<'a> {
    fn new(
        state: &'a Working<'a>,
        signer: &'a PublicKey,
        request: &AccessRequest,
        now: Time,
    ) -> Result<Result<Self, Denial>, StateFault> {
        let requester = match requester(state, signer, request, now)? {
            Ok(requester) => requester,
            Err(denial) => return Ok(Err(denial)),
        };
        let label = request.account;
        let Some(account) = state.account(&label)? else { return Ok(Err(Denial::UnknownAccount)) };
        let consent: Consent = state.load(&StateKey::Consent(label))?.unwrap_or_default();
        Ok(Ok(Self { state, signer, requester, label, account, consent, now }))
    }

    fn permit(&self, request: &AccessRequest, quota: Quota) -> Result<Result<Permit, Denial>, StateFault> {
        let permit = match (&self.requester, &request.basis) {
            (None, Basis::Own) => self.as_person(request.purpose),
            (Some((_, practitioner)), Basis::Own) => self.as_custodian(practitioner),
            (Some((id, practitioner)), Basis::Grant) => self.by_grants(id, practitioner, request.purpose),
            (Some((id, _)), Basis::Consult(consult)) => self.by_consult(id, consult, request.purpose)?,
            (Some((_, practitioner)), Basis::Emergency(_)) => self.by_emergency(practitioner, request.purpose, quota)?,
            (None, _) => Err(Denial::NoBasis),
        };
        Ok(permit.and_then(|permit| {
            let categories = permit.categories.and(request.categories);
            if categories.is_empty() { Err(Denial::OtherCategory) } else { Ok(Permit { categories, ..permit }) }
        }))
    }

    fn is_guardian(&self) -> bool {
        self.requester.is_none() && self.account.controller != *self.signer
    }

    fn as_person(&self, purpose: Purpose) -> Result<Permit, Denial> {
        if self.account.controller == *self.signer {
            return match purpose {
                Purpose::PatientRequest => Ok(Permit::of(Categories::ALL)),
                _ => Err(Denial::OtherPurpose),
            };
        }
        let guardian = self.account.guardian(self.signer).filter(|guardian| guardian.powers.include(Powers::READ_RECORDS));
        let guardian = guardian.ok_or(Denial::NoBasis)?;
        if self.now < guardian.validity.from {
            Err(Denial::NotYet)
        } else if !guardian.validity.holds_at(self.now) {
            Err(Denial::Ended)
        } else if matches!(purpose, Purpose::FamilyRequest | Purpose::PowerOfAttorney) {
            Ok(Permit::of(Categories::ALL))
        } else {
            Err(Denial::OtherPurpose)
        }
    }

    fn as_custodian(&self, practitioner: &Practitioner) -> Result<Permit, Denial> {
        if practitioner.organisation == self.account.custodian { Ok(Permit::of(Categories::ALL)) } else { Err(Denial::NoBasis) }
    }

    /// All grants that fit count together.
    fn by_grants(&self, id: &PractitionerId, practitioner: &Practitioner, purpose: Purpose) -> Result<Permit, Denial> {
        let mine = || self.consent.grants.iter().filter(|grant| grant.terms.grantee.includes(id, practitioner));
        if mine().next().is_none() {
            return Err(Denial::NoBasis);
        }
        let (mut any, mut categories) = (false, Categories::only(&[]));
        for grant in mine().filter(|grant| grant.holds_at(self.now)) {
            any = true;
            if grant.terms.purpose == purpose {
                categories = categories.or(grant.terms.categories);
            }
        }
        if !any {
            let to_come = mine().any(|grant| grant.revoked.is_none() && self.now < grant.terms.validity.from);
            return Err(if to_come { Denial::NotYet } else { Denial::Ended });
        }
        if categories.is_empty() { Err(Denial::OtherPurpose) } else { Ok(Permit::of(categories)) }
    }

    fn by_consult(
        &self,
        reader: &PractitionerId,
        id: &ConsultId,
        purpose: Purpose,
    ) -> Result<Result<Permit, Denial>, StateFault> {
        let Some(consult) = self.consent.consult(id).filter(|consult| consult.terms.reader == *reader) else {
            return Ok(Err(Denial::NoBasis));
        };
        let Some(through) = openers(self.state, &self.consent, consult, self.now)? else { return Ok(Err(Denial::Ended)) };
        if consult.purpose != purpose {
            return Ok(Err(Denial::OtherPurpose));
        }
        let records = consult.terms.records.to_vec();
        Ok(Ok(Permit { categories: consult.terms.categories, records, through, emergency: false }))
    }

    fn by_emergency(
        &self,
        practitioner: &Practitioner,
        purpose: Purpose,
        quota: Quota,
    ) -> Result<Result<Permit, Denial>, StateFault> {
        let organisation = &practitioner.organisation;
        let disasters: Disasters = self.state.load(&StateKey::Disasters)?.unwrap_or_default();
        let in_disaster = disasters.include(organisation, self.now);
        let glass = Permit { emergency: true, ..Permit::of(Categories::ALL) };
        let permitted = if quota == Quota::Counted {
            Ok(glass)
        } else if !may_break_the_glass(practitioner.role) {
            Err(Denial::RoleMayNot)
        } else if !purpose.is_emergency() || (purpose == Purpose::Disaster && !in_disaster) {
            Err(Denial::OtherPurpose)
        } else if !in_disaster && self.emergencies_left(organisation)? == 0 {
            Err(Denial::EmergencyQuota)
        } else {
            Ok(glass)
        };
        Ok(permitted)
    }

    fn emergencies_left(&self, organisation: &OrganisationId) -> Result<u32, StateFault> {
        let desk: EmergencyDesk = self.state.load(&StateKey::EmergencyDesk(*organisation))?.unwrap_or_default();
        Ok(desk.left(self.now, &self.state.parameters()?))
    }

    /// The records that are shown, and whether something sealed lets that show.
    fn select(&self, request: &AccessRequest, permit: &Permit) -> Result<Decision, StateFault> {
        let mut seen = Seen::default();
        match only_these(request, permit) {
            Some(named) => {
                for id in named {
                    if let Some(record) = self.state.record(&self.label, &id)? {
                        self.look(request, permit, &id, &record, &mut seen)?;
                    }
                }
            }
            None => {
                let mut after = request.after;
                loop {
                    let page = self.state.records(&self.label, after.as_ref(), PAGE)?;
                    for (id, record) in &page {
                        self.look(request, permit, id, record, &mut seen)?;
                        if seen.shown.len() > GRANTED_MAX {
                            break;
                        }
                    }
                    if page.len() < PAGE || seen.shown.len() > GRANTED_MAX {
                        break;
                    }
                    after = page.last().map(|(id, _)| *id);
                }
            }
        }
        let Seen { mut shown, sealed } = seen;
        if shown.is_empty() && sealed {
            return Ok(Decision::Denied(Denial::Sealed));
        }
        let more = shown.len() > GRANTED_MAX;
        shown.truncate(GRANTED_MAX);
        let records = List::new(shown).map_err(|error| StateFault(error.to_string()))?;
        Ok(Decision::Granted(Granted { records, more, sealed }))
    }

    fn look(
        &self,
        request: &AccessRequest,
        permit: &Permit,
        id: &RecordId,
        record: &Record,
        seen: &mut Seen,
    ) -> Result<(), StateFault> {
        let asked_for = match record.status {
            RecordStatus::Current => request.records.is_empty() || request.records.contains(id),
            RecordStatus::Superseded(_) => request.records.contains(id),
            RecordStatus::Erased => false,
        };
        if asked_for && permit.permits(id, record) {
            match self.sight(permit, id, record)? {
                Sight::Shown => seen.shown.push(*id),
                Sight::Noticed => seen.sealed = true,
                Sight::Hidden => {}
            }
        }
        Ok(())
    }

    /// What the reader sees of a record: the least that any version sees to it, from this one to the current one.
    fn sight(&self, permit: &Permit, id: &RecordId, record: &Record) -> Result<Sight, StateFault> {
        let mut sight = self.sight_of_version(permit, id, record);
        let mut status = record.status;
        for _ in 0..=VERSIONS_MAX {
            let RecordStatus::Superseded(newer) = status else {
                // Behind an erased version nobody knows what came after it.
                return Ok(if status == RecordStatus::Current { sight } else { Sight::Hidden });
            };
            let Some(record) = self.state.record(&self.label, &newer)? else { return Ok(Sight::Hidden) };
            sight = sight.max(self.sight_of_version(permit, &newer, &record));
            status = record.status;
        }
        Ok(Sight::Hidden)
    }

    fn sight_of_version(&self, permit: &Permit, id: &RecordId, record: &Record) -> Sight {
        let flags = record.manifest.flags;
        let own_house = self.requester.as_ref().is_some_and(|(_, reader)| reader.organisation == self.account.custodian);
        let undelivered = flags.include(ProviderFlags::UNDELIVERED) && !own_house;
        let uninformed = flags.include(ProviderFlags::UNINFORMED) && self.requester.is_none();
        if undelivered || uninformed {
            return Sight::Hidden;
        }
        let covering = self.consent.seals.iter().filter(|seal| {
            seal.holds_at(self.now)
                && !(permit.emergency && seal.terms.in_emergency == InEmergency::MayOpen)
                && seal.covers(id, record.manifest.category)
                && self.is_meant(permit, &seal.terms, record)
        });
        // The narrowest decides whether it shows; of equally narrow ones, the silent one.
        match covering.max_by_key(|seal| (seal.terms.target.narrowness(), seal.terms.visibility == Visibility::Silent)) {
            None => Sight::Shown,
            Some(seal) if seal.terms.visibility == Visibility::Notice => Sight::Noticed,
            Some(_) => Sight::Hidden,
        }
    }

    /// Does a seal hold against the one who asks, or against somebody through whose hands the right went?
    fn is_meant(&self, permit: &Permit, terms: &SealTerms, record: &Record) -> bool {
        let Some(reader) = &self.requester else { return terms.hidden_from_guardians && self.is_guardian() };
        std::iter::once(reader).chain(&permit.through).any(|(id, practitioner)| match &terms.against {
            Against::Outside => practitioner.organisation != self.account.custodian,
            Against::AllButAuthor => record.author != *id,
            Against::Named(parties) => parties.iter().any(|party| match party {
                Party::Organisation(organisation) => practitioner.organisation == *organisation,
                Party::Practitioner(person) => id == person,
            }),
        })
    }
}

/// What a reader sees of one record, the most first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Sight {
    Shown,
    Noticed,
    Hidden,
}

/// What was seen so far.
#[derive(Default)]
struct Seen {
    shown: Vec<RecordId>,
    sealed: bool,
}

/// The records that can come into question at all, if request or basis names them: then no others are looked at.
fn only_these(request: &AccessRequest, permit: &Permit) -> Option<BTreeSet<RecordId>> {
    let named: &[RecordId] = if request.records.is_empty() { &permit.records } else { &request.records };
    let follows = |id: &RecordId| request.after.is_none_or(|after| *id > after);
    (!named.is_empty()).then(|| named.iter().copied().filter(follows).collect())
}

/// Is the consult open, and all that it follows from in force? Whoever passed it on must still be able to act.
pub fn consult_holds(state: &Working<'_>, consent: &Consent, consult: &Consult, now: Time) -> Result<bool, StateFault> {
    Ok(openers(state, consent, consult, now)?.is_some())
}

/// Those through whose hands an open consult went, if all that it follows from is in force.
fn openers(
    state: &Working<'_>,
    consent: &Consent,
    consult: &Consult,
    now: Time,
) -> Result<Option<Vec<(PractitionerId, Practitioner)>>, StateFault> {
    let (mut current, mut openers) = (consult, Vec::new());
    // Parents are older than their children, so the way up ends; the bound only says so.
    for _ in 0..=CONSENTS_MAX {
        let Some(opener) = state.practitioner(&current.opener)? else { return Ok(None) };
        if !current.holds_at(now) || fitness(state, &opener, now)?.is_some() {
            return Ok(None);
        }
        openers.push((current.opener, opener));
        match &current.terms.parent {
            Parent::Grant(grant) => {
                let holds = consent.grant(grant).is_some_and(|grant| grant.holds_at(now));
                return Ok(holds.then_some(openers));
            }
            Parent::Consult(parent) => match consent.consult(parent) {
                Some(parent) => current = parent,
                None => return Ok(None),
            },
        }
    }
    Ok(None)
}

fn may_break_the_glass(role: Role) -> bool {
    matches!(role, Role::Physician | Role::Dentist | Role::Pharmacist | Role::Nurse | Role::PublicHealthNurse | Role::Midwife)
}
