//! Accounts: opening, controllers, guardians, recovery (rules ).
//!
//! The patient's agreement and proofs of possession are part of a transaction's validity and were checked with its
//! signature.

use super::trust::{acting_practitioner, active_organisation, is_active};
use super::{Call, Effect, Refusal, require};
use crate::account::{Account, Guardian, Powers, Recovery};
use crate::bytes::List;
use crate::id::{Label, OrganisationId, PractitionerId};
use crate::journal::EMPTY_HEAD;
use crate::key::PublicKey;
use crate::rule::Rule;
use crate::state::{StateKey, Working};

fn known(state: &Working<'_>, label: &Label) -> Result<Account, Refusal> {
    Ok(state.account(label)?.ok_or(Rule::UnknownAccount)?)
}

fn controlled(state: &Working<'_>, call: &Call<'_>, label: &Label) -> Result<Account, Refusal> {
    let account = known(state, label)?;
    require(account.controller == call.signer, Rule::NotTheController)?;
    Ok(account)
}

pub(super) fn open(
    state: &mut Working<'_>,
    call: &Call<'_>,
    practitioner: &PractitionerId,
    custodian: &OrganisationId,
    first_key: &PublicKey,
    custodial: bool,
) -> Result<Effect, Refusal> {
    let practitioner = acting_practitioner(state, call, practitioner)?;
    require(practitioner.organisation == *custodian, Rule::PractitionerOfAnother)?;
    require(active_organisation(state, custodian)?.profile.kind.is_facility(), Rule::NotAFacility)?;
    require(!first_key.is_weak(), Rule::WeakKey)?;
    let label = Account::label_of(first_key);
    require(state.account(&label)?.is_none(), Rule::AccountExists)?;
    let account = Account {
        custodian: *custodian,
        controller: *first_key,
        custodial,
        guardians: List::default(),
        recovery: None,
        journal_length: 0,
        journal_head: EMPTY_HEAD,
    };
    state.save(StateKey::Account(label), &account);
    Ok(Effect::on(label))
}

pub(super) fn rotate_controller(
    state: &mut Working<'_>,
    call: &Call<'_>,
    label: &Label,
    key: &PublicKey,
    custodial: bool,
) -> Result<Effect, Refusal> {
    let mut account = controlled(state, call, label)?;
    let effect = Effect::spoken(*label, &account, call);
    require(!key.is_weak(), Rule::WeakKey)?;
    require(account.controller != *key, Rule::NoChange)?;
    require(account.guardian(key).is_none(), Rule::GuardianExists)?;
    account.controller = *key;
    account.custodial = custodial;
    state.save(StateKey::Account(*label), &account);
    Ok(effect)
}

pub(super) fn appoint_guardian(
    state: &mut Working<'_>,
    call: &Call<'_>,
    label: &Label,
    guardian: &Guardian,
) -> Result<Effect, Refusal> {
    let mut account = controlled(state, call, label)?;
    require(!guardian.key.is_weak(), Rule::WeakKey)?;
    require(guardian.powers.is_valid(), Rule::BadPowers)?;
    require(!guardian.validity.is_empty() && guardian.validity.until > call.now(), Rule::EmptyValidity)?;
    // A guardian whose time is over makes room, and can be appointed anew.
    account.guardians.retain(|known| known.validity.until > call.now());
    require(guardian.key != account.controller && account.guardian(&guardian.key).is_none(), Rule::GuardianExists)?;
    account.guardians.push(guardian.clone()).map_err(|_| Rule::TooManyGuardians)?;
    state.save(StateKey::Account(*label), &account);
    Ok(Effect::spoken(*label, &account, call))
}

pub(super) fn dismiss_guardian(
    state: &mut Working<'_>,
    call: &Call<'_>,
    label: &Label,
    guardian: &PublicKey,
) -> Result<Effect, Refusal> {
    let mut account = known(state, label)?;
    require(account.controller == call.signer || *guardian == call.signer, Rule::NotTheController)?;
    require(account.guardian(guardian).is_some(), Rule::UnknownGuardian)?;
    account.guardians.retain(|known| known.key != *guardian);
    state.save(StateKey::Account(*label), &account);
    Ok(Effect::spoken(*label, &account, call))
}

/// One identity check. A check that nothing continues starts the recovery anew: otherwise one organisation, hostile or
/// mistaken, could block the recovery of a patient who lost the key and so cannot veto.
pub(super) fn attest_recovery(
    state: &mut Working<'_>,
    call: &Call<'_>,
    label: &Label,
    practitioner: &PractitionerId,
    new_key: &PublicKey,
) -> Result<Effect, Refusal> {
    let practitioner = acting_practitioner(state, call, practitioner)?;
    let mut account = known(state, label)?;
    require(!new_key.is_weak(), Rule::WeakKey)?;
    require(account.controller != *new_key, Rule::NoChange)?;
    let delay = state.parameters()?.recovery_delay_ms;
    let anew = Recovery { new_key: *new_key, first: practitioner.organisation, second: None };
    account.recovery = Some(match account.recovery.take() {
        Some(recovery) if !checks_count(state, &recovery)? => anew,
        Some(Recovery { second: Some((_, from)), .. }) => {
            // One that nobody completed for as long again as it had to wait makes room.
            require(call.now() > from.plus_ms(delay), Rule::RecoveryUnderWay)?;
            anew
        }
        Some(recovery) if recovery.new_key == *new_key => {
            require(recovery.first != practitioner.organisation, Rule::SameOrganisationTwice)?;
            Recovery { second: Some((practitioner.organisation, call.now().plus_ms(delay))), ..recovery }
        }
        Some(_) | None => anew,
    });
    state.save(StateKey::Account(*label), &account);
    Ok(Effect::on(*label))
}

/// An identity check counts only while the organisation that made it is not suspended.
fn checks_count(state: &Working<'_>, recovery: &Recovery) -> Result<bool, Refusal> {
    for organisation in std::iter::once(&recovery.first).chain(recovery.second.as_ref().map(|(second, _)| second)) {
        if !is_active(state, organisation)? {
            return Ok(false);
        }
    }
    Ok(true)
}

pub(super) fn veto_recovery(state: &mut Working<'_>, call: &Call<'_>, label: &Label) -> Result<Effect, Refusal> {
    let mut account = known(state, label)?;
    let guardian_may = account
        .guardian(&call.signer)
        .is_some_and(|guardian| guardian.powers.include(Powers::VETO_RECOVERY) && guardian.validity.holds_at(call.now()));
    require(account.controller == call.signer || guardian_may, Rule::NoVeto)?;
    require(account.recovery.is_some(), Rule::NoRecovery)?;
    account.recovery = None;
    state.save(StateKey::Account(*label), &account);
    Ok(Effect::spoken(*label, &account, call))
}

pub(super) fn complete_recovery(state: &mut Working<'_>, call: &Call<'_>, label: &Label) -> Result<Effect, Refusal> {
    let mut account = known(state, label)?;
    let recovery = account.recovery.take().ok_or(Rule::NoRecovery)?;
    require(recovery.new_key == call.signer, Rule::NotTheNewKey)?;
    require(recovery.second.is_some_and(|(_, from)| from <= call.now()), Rule::RecoveryTooEarly)?;
    require(checks_count(state, &recovery)?, Rule::SuspendedOrganisation)?;
    account.controller = recovery.new_key;
    // Whoever recovered holds the key; a facility that keeps it says so when it rotates.
    account.custodial = false;
    account.guardians.retain(|guardian| guardian.key != recovery.new_key);
    state.save(StateKey::Account(*label), &account);
    Ok(Effect::on(*label))
}
