//! The patient's word: grants, seals and consults (rules C-1 to C-20).

use super::trust::{acting_practitioner, active_organisation};
use super::{Call, Effect, Refusal, require};
use crate::account::{Account, Powers};
use crate::bytes::List;
use crate::category::Categories;
use crate::consent::{
    Against, Consent, Consult, ConsultTerms, Grant, GrantTerms, Grantee, Parent, Party, SUCCESSORS_MAX, Seal, SealTarget,
    SealTerms,
};
use crate::decision::consult_holds;
use crate::id::{ConsultId, GrantId, Label, PractitionerId, RecordId, SealId};
use crate::organisation::{OrganisationKind, Practitioner, Role};
use crate::purpose::Purpose;
use crate::record::RecordStatus;
use crate::rule::Rule;
use crate::state::{ConsultPlace, StateKey, Working};
use crate::time::Time;

/// The account, if the signer may speak for it with this power: its controller, or a guardian.
pub(super) fn speaker(state: &Working<'_>, call: &Call<'_>, label: &Label, power: Powers) -> Result<Account, Refusal> {
    let account = state.account(label)?.ok_or(Rule::UnknownAccount)?;
    let guardian = || account.guardian(&call.signer);
    let guardian_may = || guardian().is_some_and(|found| found.powers.include(power) && found.validity.holds_at(call.now()));
    require(account.controller == call.signer || guardian_may(), Rule::MayNotConsent)?;
    Ok(account)
}

fn consent_of(state: &Working<'_>, label: &Label) -> Result<Consent, Refusal> {
    Ok(state.load(&StateKey::Consent(*label))?.unwrap_or_default())
}

pub(super) fn grant(state: &mut Working<'_>, call: &Call<'_>, label: &Label, terms: &GrantTerms) -> Result<Effect, Refusal> {
    let account = speaker(state, call, label, Powers::GRANT)?;
    require(!terms.categories.is_empty(), Rule::NoCategories)?;
    require(!terms.validity.is_empty() && terms.validity.until > call.now(), Rule::EmptyValidity)?;
    grantee_exists(state, &terms.grantee)?;
    let mut consent = consent_of(state, label)?;
    if consent.grants.push(new_grant(call, terms)).is_err() {
        // Those that ended make room.
        consent.grants.retain(|grant| grant.revoked.is_none() && call.now() < grant.terms.validity.until);
        consent.grants.push(new_grant(call, terms)).map_err(|_| Rule::TooManyGrants)?;
    }
    state.save(StateKey::Consent(*label), &consent);
    Ok(Effect::spoken(*label, &account, call))
}

fn new_grant(call: &Call<'_>, terms: &GrantTerms) -> Grant {
    Grant { id: GrantId(call.id.0), terms: *terms, revoked: None }
}

/// The grantee is a member or a registered practitioner. A suspended one too: the grant waits until it may act again.
fn grantee_exists(state: &Working<'_>, grantee: &Grantee) -> Result<(), Refusal> {
    match grantee {
        Grantee::Organisation(organisation) | Grantee::Role { organisation, .. } => {
            require(state.organisation(organisation)?.is_some(), Rule::UnknownOrganisation)
        }
        Grantee::Practitioner(practitioner) => require(state.practitioner(practitioner)?.is_some(), Rule::UnknownPractitioner),
    }
}

pub(super) fn revoke(state: &mut Working<'_>, call: &Call<'_>, label: &Label, id: &GrantId) -> Result<Effect, Refusal> {
    let account = speaker(state, call, label, Powers::GRANT)?;
    let mut consent = consent_of(state, label)?;
    let grant = consent.grants.iter_mut().find(|grant| grant.id == *id).ok_or(Rule::UnknownGrant)?;
    require(grant.revoked.is_none(), Rule::GrantEnded)?;
    grant.revoked = Some(call.now());
    consent.close_under(Parent::Grant(*id), call.now());
    state.save(StateKey::Consent(*label), &consent);
    Ok(Effect::spoken(*label, &account, call))
}

pub(super) fn seal(state: &mut Working<'_>, call: &Call<'_>, label: &Label, terms: &SealTerms) -> Result<Effect, Refusal> {
    let account = speaker(state, call, label, Powers::SEAL)?;
    require(account.controller == call.signer || !terms.hidden_from_guardians, Rule::HiddenFromGuardians)?;
    match &terms.target {
        SealTarget::Records(records) => {
            require(!records.is_empty(), Rule::EmptySeal)?;
            for record in records {
                require(state.record(label, record)?.is_some(), Rule::UnknownRecord)?;
            }
        }
        SealTarget::Categories(categories) => require(!categories.is_empty(), Rule::EmptySeal)?,
        SealTarget::Everything => {}
    }
    if let Against::Named(parties) = &terms.against {
        require(!parties.is_empty(), Rule::EmptySeal)?;
        for party in parties {
            match party {
                Party::Organisation(id) => require(state.organisation(id)?.is_some(), Rule::UnknownOrganisation)?,
                Party::Practitioner(id) => require(state.practitioner(id)?.is_some(), Rule::UnknownPractitioner)?,
            }
        }
    }
    let successors = successors_of(state, label, &terms.target)?;
    let mut consent = consent_of(state, label)?;
    let seal = Seal { id: SealId(call.id.0), terms: terms.clone(), successors, lifted_until: None };
    consent.seals.push(seal).map_err(|_| Rule::TooManySeals)?;
    state.save(StateKey::Consent(*label), &consent);
    Ok(Effect::spoken(*label, &account, call))
}

/// What has superseded chosen records already: a correction that reaches the ledger just before the seal opens nothing.
fn successors_of(state: &Working<'_>, label: &Label, target: &SealTarget) -> Result<List<RecordId, SUCCESSORS_MAX>, Refusal> {
    let mut successors = List::default();
    if let SealTarget::Records(chosen) = target {
        for record in chosen {
            let mut current = *record;
            while let Some(RecordStatus::Superseded(newer)) = state.record(label, &current)?.map(|record| record.status) {
                if chosen.contains(&newer) || successors.contains(&newer) {
                    // From there on it is, or will be, followed already.
                    break;
                }
                successors.push(newer).map_err(|_| Rule::SealIsFull)?;
                current = newer;
            }
        }
    }
    Ok(successors)
}

/// The seal is known, and not out of a guardian's hands.
fn own_seal<'a>(consent: &'a mut Consent, account: &Account, call: &Call<'_>, id: &SealId) -> Result<&'a mut Seal, Refusal> {
    let seal = consent.seals.iter_mut().find(|seal| seal.id == *id).ok_or(Rule::UnknownSeal)?;
    require(account.controller == call.signer || !seal.terms.hidden_from_guardians, Rule::HiddenFromGuardians)?;
    Ok(seal)
}

/// Lifts a seal until a block time, or puts it back in force at once if that time is not to come.
pub(super) fn lift_seal(
    state: &mut Working<'_>,
    call: &Call<'_>,
    label: &Label,
    id: &SealId,
    until: Time,
) -> Result<Effect, Refusal> {
    let account = speaker(state, call, label, Powers::SEAL)?;
    let mut consent = consent_of(state, label)?;
    let seal = own_seal(&mut consent, &account, call, id)?;
    let lifted_until = (until > call.now()).then_some(until);
    require(seal.lifted_until != lifted_until, Rule::NoChange)?;
    seal.lifted_until = lifted_until;
    state.save(StateKey::Consent(*label), &consent);
    Ok(Effect::spoken(*label, &account, call))
}

pub(super) fn unseal(state: &mut Working<'_>, call: &Call<'_>, label: &Label, id: &SealId) -> Result<Effect, Refusal> {
    let account = speaker(state, call, label, Powers::SEAL)?;
    let mut consent = consent_of(state, label)?;
    own_seal(&mut consent, &account, call, id)?;
    consent.seals.retain(|seal| seal.id != *id);
    state.save(StateKey::Consent(*label), &consent);
    Ok(Effect::spoken(*label, &account, call))
}

/// Seals on a record that is superseded cover its successor too.
pub(super) fn seals_follow(state: &mut Working<'_>, label: &Label, old: &RecordId, new: &RecordId) -> Result<(), Refusal> {
    let mut consent = consent_of(state, label)?;
    let mut followed = false;
    for seal in consent.seals.iter_mut() {
        let chosen = matches!(&seal.terms.target, SealTarget::Records(records) if records.contains(old));
        if chosen || seal.successors.contains(old) {
            seal.successors.push(*new).map_err(|_| Rule::SealIsFull)?;
            followed = true;
        }
    }
    if followed {
        state.save(StateKey::Consent(*label), &consent);
    }
    Ok(())
}

pub(super) fn open_consult(
    state: &mut Working<'_>,
    call: &Call<'_>,
    label: &Label,
    opener: &PractitionerId,
    terms: &ConsultTerms,
) -> Result<Effect, Refusal> {
    let practitioner = acting_practitioner(state, call, opener)?;
    state.account(label)?.ok_or(Rule::UnknownAccount)?;
    let mut consent = consent_of(state, label)?;
    let parent = parent_of(state, &consent, &terms.parent, call.now())?;
    require(parent.may_pass_on, Rule::NotPassedOn)?;
    require(parent.is_held_by(opener, &practitioner), Rule::NotTheHolder)?;
    let reader = state.practitioner(&terms.reader)?.ok_or(Rule::UnknownPractitioner)?;
    active_organisation(state, &reader.organisation)?;
    require(terms.reader != *opener, Rule::ConsultsItself)?;
    require(!terms.categories.is_empty() && terms.categories.within(parent.categories), Rule::ConsultTooWide)?;
    let narrower = parent.records.is_empty()
        || (!terms.records.is_empty() && terms.records.iter().all(|record| parent.records.contains(record)));
    require(narrower, Rule::ConsultTooWide)?;
    require(call.now() < terms.until && terms.until <= parent.until, Rule::ConsultTooWide)?;
    let depth = parent.depth.saturating_add(1);
    require(depth <= state.parameters()?.consult_depth_max, Rule::ConsultTooDeep)?;
    let consult =
        Consult { id: ConsultId(call.id.0), terms: terms.clone(), opener: *opener, purpose: parent.purpose, depth, closed: None };
    if consent.consults.push(consult.clone()).is_err() {
        // Those that ended make room.
        consent.consults.retain(|known| known.holds_at(call.now()));
        consent.consults.push(consult).map_err(|_| Rule::TooManyConsults)?;
    }
    state.save(StateKey::Consent(*label), &consent);
    state.save(StateKey::Consult(ConsultId(call.id.0)), &ConsultPlace { account: *label });
    Ok(Effect::on(*label))
}

/// What a grant or a consult lets its holder pass on.
struct Holding<'a> {
    may_pass_on: bool,
    holder: Holder<'a>,
    categories: Categories,
    records: Vec<RecordId>,
    purpose: Purpose,
    until: Time,
    depth: u8,
}

enum Holder<'a> {
    Grantee(&'a Grantee),
    Reader(&'a PractitionerId),
}

impl Holding<'_> {
    fn is_held_by(&self, id: &PractitionerId, practitioner: &Practitioner) -> bool {
        match self.holder {
            Holder::Grantee(grantee) => grantee.includes(id, practitioner),
            Holder::Reader(reader) => reader == id,
        }
    }
}

fn parent_of<'a>(state: &Working<'_>, consent: &'a Consent, parent: &Parent, now: Time) -> Result<Holding<'a>, Refusal> {
    match parent {
        Parent::Grant(id) => {
            let grant = consent.grant(id).ok_or(Rule::UnknownGrant)?;
            require(grant.holds_at(now), Rule::GrantEnded)?;
            Ok(Holding {
                may_pass_on: grant.terms.may_pass_on,
                holder: Holder::Grantee(&grant.terms.grantee),
                categories: grant.terms.categories,
                records: Vec::new(),
                purpose: grant.terms.purpose,
                until: grant.terms.validity.until,
                depth: 0,
            })
        }
        Parent::Consult(id) => {
            let consult = consent.consult(id).ok_or(Rule::UnknownConsult)?;
            require(consult_holds(state, consent, consult, now)?, Rule::ConsultClosed)?;
            Ok(Holding {
                may_pass_on: consult.terms.may_pass_on,
                holder: Holder::Reader(&consult.terms.reader),
                categories: consult.terms.categories,
                records: consult.terms.records.to_vec(),
                purpose: consult.purpose,
                until: consult.terms.until,
                depth: consult.depth,
            })
        }
    }
}

/// Closed by its opener, its reader, or whoever may revoke for the patient.
pub(super) fn close_consult(
    state: &mut Working<'_>,
    call: &Call<'_>,
    label: &Label,
    id: &ConsultId,
    practitioner: Option<&PractitionerId>,
) -> Result<Effect, Refusal> {
    let effect = match practitioner {
        None => Effect::spoken(*label, &speaker(state, call, label, Powers::GRANT)?, call),
        Some(practitioner) => {
            acting_practitioner(state, call, practitioner)?;
            state.account(label)?.ok_or(Rule::UnknownAccount)?;
            Effect::on(*label)
        }
    };
    let mut consent = consent_of(state, label)?;
    let consult = consent.consults.iter_mut().find(|consult| consult.id == *id).ok_or(Rule::UnknownConsult)?;
    let takes_part = practitioner.is_none_or(|who| *who == consult.opener || *who == consult.terms.reader);
    require(takes_part, Rule::NotOfTheConsult)?;
    require(consult.closed.is_none(), Rule::ConsultClosed)?;
    consult.closed = Some(call.now());
    consent.close_under(Parent::Consult(*id), call.now());
    state.save(StateKey::Consent(*label), &consent);
    Ok(effect)
}

/// The reader of an open consult commits to the answer that travels back.
pub(super) fn answer_consult(
    state: &mut Working<'_>,
    call: &Call<'_>,
    label: &Label,
    id: &ConsultId,
    practitioner: &PractitionerId,
) -> Result<Effect, Refusal> {
    acting_practitioner(state, call, practitioner)?;
    state.account(label)?.ok_or(Rule::UnknownAccount)?;
    let consent = consent_of(state, label)?;
    let consult = consent.consult(id).ok_or(Rule::UnknownConsult)?;
    require(consult.terms.reader == *practitioner, Rule::NotOfTheConsult)?;
    require(consult_holds(state, &consent, consult, call.now())?, Rule::ConsultClosed)?;
    Ok(Effect::on(*label))
}

/// A guardian or an auditor is about to read the account's journal; that is itself an event in it. The controller reads
/// without saying so.
pub(super) fn read_journal(
    state: &mut Working<'_>,
    call: &Call<'_>,
    label: &Label,
    practitioner: Option<&PractitionerId>,
) -> Result<Effect, Refusal> {
    match practitioner {
        None => {
            let account = state.account(label)?.ok_or(Rule::UnknownAccount)?;
            let guardian = account.guardian(&call.signer);
            let may =
                guardian.is_some_and(|found| found.powers.include(Powers::READ_JOURNAL) && found.validity.holds_at(call.now()));
            require(may, Rule::MayNotReadJournal)?;
        }
        Some(id) => {
            let auditor = acting_practitioner(state, call, id)?;
            state.account(label)?.ok_or(Rule::UnknownAccount)?;
            let kind = active_organisation(state, &auditor.organisation)?.profile.kind;
            let office = auditor.role == Role::Auditor && kind == OrganisationKind::Regulator;
            require(office, Rule::MayNotReadJournal)?;
        }
    }
    Ok(Effect::on(*label))
}
