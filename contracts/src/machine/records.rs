//! Records: registering, superseding, erasing, provider flags (rules ).

use super::consent::seals_follow;
use super::trust::acting_practitioner;
use super::{Call, Effect, Refusal, require};
use crate::id::{Label, PractitionerId, RecordId};
use crate::record::{ProviderFlags, Record, RecordManifest, RecordStatus};
use crate::rule::Rule;
use crate::state::{StateKey, Working};

/// The signer acts for the custodian of an account that exists.
fn for_custodian(state: &Working<'_>, call: &Call<'_>, label: &Label, practitioner: &PractitionerId) -> Result<(), Refusal> {
    let practitioner = acting_practitioner(state, call, practitioner)?;
    let account = state.account(label)?.ok_or(Rule::UnknownAccount)?;
    require(account.custodian == practitioner.organisation, Rule::NotTheCustodian)
}

fn new_record(
    state: &Working<'_>,
    call: &Call<'_>,
    label: &Label,
    author: &PractitionerId,
    manifest: &RecordManifest,
) -> Result<Record, Refusal> {
    require(state.record(label, &manifest.id)?.is_none(), Rule::RecordExists)?;
    require(manifest.flags.is_valid(), Rule::BadFlags)?;
    Ok(Record { manifest: manifest.clone(), author: *author, registered: call.now(), status: RecordStatus::Current })
}

pub(super) fn register(
    state: &mut Working<'_>,
    call: &Call<'_>,
    label: &Label,
    practitioner: &PractitionerId,
    manifest: &RecordManifest,
) -> Result<Effect, Refusal> {
    for_custodian(state, call, label, practitioner)?;
    let record = new_record(state, call, label, practitioner, manifest)?;
    state.save(StateKey::Record(*label, manifest.id), &record);
    Ok(Effect::on(*label))
}

pub(super) fn supersede(
    state: &mut Working<'_>,
    call: &Call<'_>,
    label: &Label,
    practitioner: &PractitionerId,
    old: &RecordId,
    manifest: &RecordManifest,
) -> Result<Effect, Refusal> {
    for_custodian(state, call, label, practitioner)?;
    let mut replaced = state.record(label, old)?.ok_or(Rule::UnknownRecord)?;
    require(replaced.status == RecordStatus::Current, Rule::RecordNotCurrent)?;
    require(*old != manifest.id, Rule::SupersedesItself)?;
    let record = new_record(state, call, label, practitioner, manifest)?;
    seals_follow(state, label, old, &manifest.id)?;
    replaced.status = RecordStatus::Superseded(manifest.id);
    state.save(StateKey::Record(*label, *old), &replaced);
    state.save(StateKey::Record(*label, manifest.id), &record);
    Ok(Effect::on(*label))
}

pub(super) fn erase(
    state: &mut Working<'_>,
    call: &Call<'_>,
    label: &Label,
    practitioner: &PractitionerId,
    id: &RecordId,
) -> Result<Effect, Refusal> {
    for_custodian(state, call, label, practitioner)?;
    let mut record = state.record(label, id)?.ok_or(Rule::UnknownRecord)?;
    // A superseded record can be erased too: its payload still exists.
    require(record.status != RecordStatus::Erased, Rule::RecordErased)?;
    record.status = RecordStatus::Erased;
    state.save(StateKey::Record(*label, *id), &record);
    Ok(Effect::on(*label))
}

pub(super) fn set_flags(
    state: &mut Working<'_>,
    call: &Call<'_>,
    label: &Label,
    practitioner: &PractitionerId,
    id: &RecordId,
    flags: ProviderFlags,
) -> Result<Effect, Refusal> {
    for_custodian(state, call, label, practitioner)?;
    let mut record = state.record(label, id)?.ok_or(Rule::UnknownRecord)?;
    require(record.status == RecordStatus::Current, Rule::RecordNotCurrent)?;
    require(flags.is_valid(), Rule::BadFlags)?;
    require(record.manifest.flags != flags, Rule::NoChange)?;
    record.manifest.flags = flags;
    state.save(StateKey::Record(*label, *id), &record);
    Ok(Effect::on(*label))
}
