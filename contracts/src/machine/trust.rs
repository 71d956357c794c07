//! Trust: organisations, practitioners, peers, validators and the votes that change them (rules T-1 to T-27).
//!
//! Proofs of possession and evidence signatures are part of a transaction's validity and were checked with its signature.

use super::{Call, Effect, Refusal, require};
use crate::bytes::List;
use crate::emergency::{DISASTER_MS_MAX, DISASTERS_MAX, Disaster, Disasters};
use crate::genesis::{is_peer_address, validators_fault};
use crate::id::{Hash, OrganisationId, PractitionerId, ProposalId};
use crate::key::PublicKey;
use crate::organisation::{Organisation, OrganisationProfile, Peer, PeerRecord, Practitioner, Role, Standing};
use crate::parameters::Parameters;
use crate::proposal::{Ballot, Change, Proposal, ProposalStatus};
use crate::rule::Rule;
use crate::state::{EvidenceTaken, KeyUse, MEMBERS_MAX, StateFault, StateKey, Working};
use crate::time::Validity;
use crate::validator::{Validator, ValidatorSet};
use crate::vote::DoubleSign;

/// The organisation, if it is an active member.
pub(super) fn active_organisation(state: &Working<'_>, id: &OrganisationId) -> Result<Organisation, Refusal> {
    let organisation = state.organisation(id)?.ok_or(Rule::UnknownOrganisation)?;
    require(organisation.standing == Standing::Active, Rule::SuspendedOrganisation)?;
    Ok(organisation)
}

/// Is this an active member?
pub(super) fn is_active(state: &Working<'_>, id: &OrganisationId) -> Result<bool, StateFault> {
    Ok(state.organisation(id)?.is_some_and(|organisation| organisation.standing == Standing::Active))
}

/// The practitioner, if valid now, acting for an active organisation, and the transaction's signer.
pub(super) fn acting_practitioner(state: &Working<'_>, call: &Call<'_>, id: &PractitionerId) -> Result<Practitioner, Refusal> {
    let practitioner = state.practitioner(id)?.ok_or(Rule::UnknownPractitioner)?;
    active_organisation(state, &practitioner.organisation)?;
    require(practitioner.is_valid_at(call.now()), Rule::PractitionerNotValid)?;
    require(practitioner.key == call.signer, Rule::NotTheKey)?;
    Ok(practitioner)
}

fn authority(state: &Working<'_>, call: &Call<'_>, id: &OrganisationId) -> Result<Organisation, Refusal> {
    let organisation = active_organisation(state, id)?;
    require(organisation.profile.authority == call.signer, Rule::NotTheAuthority)?;
    Ok(organisation)
}

fn fresh_key(state: &Working<'_>, key: &PublicKey) -> Result<(), Refusal> {
    require(!key.is_weak(), Rule::WeakKey)?;
    require(state.load::<KeyUse>(&StateKey::Key(*key))?.is_none(), Rule::KeyInUse)
}

fn lasting(call: &Call<'_>, validity: &Validity) -> Result<(), Refusal> {
    require(!validity.is_empty() && validity.until > call.now(), Rule::EmptyValidity)
}

pub(super) fn propose(state: &mut Working<'_>, call: &Call<'_>, id: &OrganisationId, change: &Change) -> Result<Effect, Refusal> {
    authority(state, call, id)?;
    change_is_possible(state, call, change)?;
    let until = call.now().plus_ms(state.parameters()?.proposal_ms);
    let proposal =
        Proposal { proposer: *id, change: change.clone(), until, votes: List::default(), status: ProposalStatus::Open };
    cast(state, call, ProposalId(call.id.0), proposal, Ballot { organisation: *id, approve: true })
}

pub(super) fn vote(
    state: &mut Working<'_>,
    call: &Call<'_>,
    id: &OrganisationId,
    proposal_id: &ProposalId,
    approve: bool,
) -> Result<Effect, Refusal> {
    authority(state, call, id)?;
    let proposal = state.proposal(proposal_id)?.ok_or(Rule::UnknownProposal)?;
    require(proposal.status == ProposalStatus::Open && call.now() < proposal.until, Rule::ProposalClosed)?;
    require(!proposal.votes.iter().any(|ballot| ballot.organisation == *id), Rule::AlreadyVoted)?;
    cast(state, call, *proposal_id, proposal, Ballot { organisation: *id, approve })
}

/// Counts a vote and, when it decides, carries out the change. Only members active now count, on both sides.
fn cast(
    state: &mut Working<'_>,
    call: &Call<'_>,
    id: ProposalId,
    mut proposal: Proposal,
    ballot: Ballot,
) -> Result<Effect, Refusal> {
    // There are at most as many voters as members, and the list of members has the same bound.
    proposal.votes.push(ballot).map_err(|_| Rule::ProposalClosed)?;
    let (mut active, mut approving, mut refusing) = (0u64, 0u64, 0u64);
    for member in &state.members()?.0 {
        if is_active(state, member)? {
            active += 1;
            match proposal.votes.iter().find(|ballot| ballot.organisation == *member) {
                Some(Ballot { approve: true, .. }) => approving += 1,
                Some(Ballot { approve: false, .. }) => refusing += 1,
                None => {}
            }
        }
    }
    if approving * 3 > active * 2 {
        proposal.status = match change_is_possible(state, call, &proposal.change) {
            Ok(()) => {
                carry_out(state, call, &proposal.change)?;
                ProposalStatus::Accepted
            }
            Err(Refusal::Rule(_)) => ProposalStatus::Impossible,
            Err(fault) => return Err(fault),
        };
    } else if (active - refusing) * 3 <= active * 2 {
        proposal.status = ProposalStatus::Refused;
    }
    state.save(StateKey::Proposal(id), &proposal);
    Ok(Effect::NONE)
}

fn change_is_possible(state: &Working<'_>, call: &Call<'_>, change: &Change) -> Result<(), Refusal> {
    match change {
        Change::AdmitOrganisation { profile, .. } => {
            require(state.organisation(&profile.id())?.is_none(), Rule::AlreadyMember)?;
            require(state.members()?.0.len() < MEMBERS_MAX, Rule::TooManyMembers)?;
            fresh_key(state, &profile.authority)
        }
        Change::SuspendOrganisation { organisation, .. } => {
            active_organisation(state, organisation)?;
            // A suspended organisation does not vote on blocks. Where that would leave too few validators, members first
            // admit another validator or lower `validators_min`: no vote about one member silently takes away fault tolerance.
            validators_without(state, organisation).map(drop)
        }
        Change::ReinstateOrganisation { organisation } => {
            let organisation = state.organisation(organisation)?.ok_or(Rule::UnknownOrganisation)?;
            require(organisation.standing == Standing::Suspended, Rule::NotSuspended)
        }
        Change::ReplaceAuthority { organisation, key, .. } => {
            // A suspended organisation too: one whose key was stolen gets a new key before it is reinstated.
            require(state.organisation(organisation)?.is_some(), Rule::UnknownOrganisation)?;
            fresh_key(state, key)
        }
        Change::SetValidator { organisation, key, power, .. } => validators_with(state, organisation, key, *power).map(drop),
        Change::RemoveValidator { key } => validators_removing(state, key).map(drop),
        Change::SetParameters(parameters) => {
            require(parameters.fault().is_none(), Rule::BadParameters)?;
            require(*parameters != state.parameters()?, Rule::NoChange)?;
            let validators = state.validators()?.validators().len();
            require(validators >= usize::from(parameters.validators_min), Rule::TooFewValidators)
        }
        Change::DeclareDisaster { area, organisations, duration_ms } => {
            require(!area.as_str().is_empty() && !organisations.is_empty(), Rule::BadDisaster)?;
            require((1_000..=DISASTER_MS_MAX).contains(duration_ms), Rule::BadDisaster)?;
            for organisation in organisations {
                require(state.organisation(organisation)?.is_some(), Rule::UnknownOrganisation)?;
            }
            require(disasters(state, call)?.0.len() < DISASTERS_MAX, Rule::BadDisaster)
        }
    }
}

/// Writes a change that [`change_is_possible`].
fn carry_out(state: &mut Working<'_>, call: &Call<'_>, change: &Change) -> Result<(), Refusal> {
    match change {
        Change::AdmitOrganisation { profile, .. } => admit(state, call, profile),
        Change::SuspendOrganisation { organisation, .. } => {
            let validators = validators_without(state, organisation)?;
            state.save(StateKey::Validators, &validators);
            set_standing(state, organisation, Standing::Suspended)
        }
        Change::ReinstateOrganisation { organisation } => set_standing(state, organisation, Standing::Active),
        Change::ReplaceAuthority { organisation, key, .. } => replace_authority(state, organisation, key),
        Change::SetValidator { organisation, key, power, .. } => {
            let validators = validators_with(state, organisation, key, *power)?;
            state.save(StateKey::Validators, &validators);
            state.save(StateKey::Key(*key), &KeyUse::Validator(*organisation));
            Ok(())
        }
        Change::RemoveValidator { key } => {
            let validators = validators_removing(state, key)?;
            state.save(StateKey::Validators, &validators);
            Ok(())
        }
        Change::SetParameters(parameters) => {
            state.save::<Parameters>(StateKey::Parameters, parameters);
            Ok(())
        }
        Change::DeclareDisaster { area, organisations, duration_ms } => {
            let mut disasters = disasters(state, call)?;
            let until = call.now().plus_ms(*duration_ms);
            let disaster = Disaster { area: area.clone(), organisations: organisations.clone(), until };
            disasters.0.push(disaster).map_err(|_| Rule::BadDisaster)?;
            state.save(StateKey::Disasters, &disasters);
            Ok(())
        }
    }
}

/// The disaster windows that are not over.
fn disasters(state: &Working<'_>, call: &Call<'_>) -> Result<Disasters, StateFault> {
    let mut disasters: Disasters = state.load(&StateKey::Disasters)?.unwrap_or_default();
    disasters.0.retain(|disaster| call.now() < disaster.until);
    Ok(disasters)
}

fn admit(state: &mut Working<'_>, call: &Call<'_>, profile: &OrganisationProfile) -> Result<(), Refusal> {
    let id = profile.id();
    let mut members = state.members()?;
    let mut ids = members.0.into_vec();
    ids.push(id);
    ids.sort();
    members.0 = List::new(ids).map_err(|_| Rule::TooManyMembers)?;
    let organisation = Organisation { profile: profile.clone(), standing: Standing::Active, since: call.height(), peers: 0 };
    state.save(StateKey::Members, &members);
    state.save(StateKey::Organisation(id), &organisation);
    state.save(StateKey::Key(profile.authority), &KeyUse::Authority(id));
    Ok(())
}

fn set_standing(state: &mut Working<'_>, id: &OrganisationId, standing: Standing) -> Result<(), Refusal> {
    let mut organisation = state.organisation(id)?.ok_or(Rule::UnknownOrganisation)?;
    organisation.standing = standing;
    state.save(StateKey::Organisation(*id), &organisation);
    Ok(())
}

fn replace_authority(state: &mut Working<'_>, id: &OrganisationId, key: &PublicKey) -> Result<(), Refusal> {
    let mut organisation = state.organisation(id)?.ok_or(Rule::UnknownOrganisation)?;
    organisation.profile.authority = *key;
    state.save(StateKey::Organisation(*id), &organisation);
    state.save(StateKey::Key(*key), &KeyUse::Authority(*id));
    Ok(())
}

/// The set without an organisation's validators.
fn validators_without(state: &Working<'_>, id: &OrganisationId) -> Result<ValidatorSet, Refusal> {
    let validators = state.validators()?;
    if !validators.validators().iter().any(|validator| validator.organisation == *id) {
        return Ok(validators);
    }
    let left = validators.validators().iter().filter(|validator| validator.organisation != *id).cloned().collect();
    sound_set(state, left)
}

/// The set without one validator.
fn validators_removing(state: &Working<'_>, key: &PublicKey) -> Result<ValidatorSet, Refusal> {
    let validators = state.validators()?;
    require(validators.find(key).is_some(), Rule::UnknownValidator)?;
    let left = validators.validators().iter().filter(|validator| validator.key != *key).cloned().collect();
    sound_set(state, left)
}

/// The set with a validator added, or its power changed.
fn validators_with(state: &Working<'_>, id: &OrganisationId, key: &PublicKey, power: u32) -> Result<ValidatorSet, Refusal> {
    active_organisation(state, id)?;
    require(power >= 1, Rule::BadPower)?;
    let mut validators = state.validators()?.validators().to_vec();
    match validators.iter_mut().find(|validator| validator.key == *key) {
        Some(validator) => {
            require(validator.organisation == *id, Rule::ValidatorOfAnother)?;
            require(validator.power != power, Rule::NoChange)?;
            validator.power = power;
        }
        None => {
            require(!key.is_weak(), Rule::WeakKey)?;
            let key_use = state.load::<KeyUse>(&StateKey::Key(*key))?;
            // A validator that was removed, or whose organisation was suspended, comes back with its own key.
            require(key_use.is_none_or(|key_use| key_use == KeyUse::Validator(*id)), Rule::KeyInUse)?;
            validators.push(Validator { key: *key, organisation: *id, power });
        }
    }
    sound_set(state, validators)
}

fn sound_set(state: &Working<'_>, validators: Vec<Validator>) -> Result<ValidatorSet, Refusal> {
    require(validators.len() >= usize::from(state.parameters()?.validators_min), Rule::TooFewValidators)?;
    let validators = ValidatorSet::new(validators).map_err(|_| Rule::BadPower)?;
    require(validators_fault(&validators).is_none(), Rule::BadPower)?;
    Ok(validators)
}

pub(super) fn rotate_authority(
    state: &mut Working<'_>,
    call: &Call<'_>,
    id: &OrganisationId,
    key: &PublicKey,
) -> Result<Effect, Refusal> {
    authority(state, call, id)?;
    fresh_key(state, key)?;
    replace_authority(state, id, key)?;
    Ok(Effect::NONE)
}

pub(super) fn rotate_validator(
    state: &mut Working<'_>,
    call: &Call<'_>,
    id: &OrganisationId,
    old: &PublicKey,
    key: &PublicKey,
) -> Result<Effect, Refusal> {
    authority(state, call, id)?;
    let mut validators = state.validators()?.validators().to_vec();
    let validator = validators.iter_mut().find(|validator| validator.key == *old).ok_or(Rule::UnknownValidator)?;
    require(validator.organisation == *id, Rule::ValidatorOfAnother)?;
    fresh_key(state, key)?;
    validator.key = *key;
    let validators = ValidatorSet::new(validators).map_err(|_| Rule::BadPower)?;
    state.save(StateKey::Validators, &validators);
    state.save(StateKey::Key(*key), &KeyUse::Validator(*id));
    Ok(Effect::NONE)
}

pub(super) fn register_peer(
    state: &mut Working<'_>,
    call: &Call<'_>,
    id: &OrganisationId,
    record: &PeerRecord,
) -> Result<Effect, Refusal> {
    let mut organisation = authority(state, call, id)?;
    let known = state.peer(&record.key)?;
    match &known {
        Some(peer) => {
            require(peer.organisation == *id, Rule::KeyInUse)?;
            require(peer.record != *record, Rule::NoChange)?;
        }
        None => {
            require(!record.key.is_weak(), Rule::WeakKey)?;
            let key_use = state.load::<KeyUse>(&StateKey::Key(record.key))?;
            require(key_use.is_none_or(|key_use| key_use == KeyUse::Peer(*id)), Rule::KeyInUse)?;
            require(organisation.peers < state.parameters()?.peers_max, Rule::TooManyPeers)?;
        }
    }
    let addresses = [&record.consensus_address, &record.exchange_address];
    require(addresses.iter().all(|address| is_peer_address(address.as_str())), Rule::BadAddress)?;
    if known.is_none() {
        organisation.peers += 1;
        state.save(StateKey::Organisation(*id), &organisation);
        state.save(StateKey::Key(record.key), &KeyUse::Peer(*id));
    }
    state.save(StateKey::Peer(record.key), &Peer { organisation: *id, record: record.clone() });
    Ok(Effect::NONE)
}

pub(super) fn remove_peer(
    state: &mut Working<'_>,
    call: &Call<'_>,
    id: &OrganisationId,
    key: &PublicKey,
) -> Result<Effect, Refusal> {
    let mut organisation = authority(state, call, id)?;
    let peer = state.peer(key)?.ok_or(Rule::UnknownPeer)?;
    require(peer.organisation == *id, Rule::UnknownPeer)?;
    organisation.peers = organisation.peers.saturating_sub(1);
    state.save(StateKey::Organisation(*id), &organisation);
    state.remove(StateKey::Peer(*key));
    Ok(Effect::NONE)
}

pub(super) fn register_practitioner(
    state: &mut Working<'_>,
    call: &Call<'_>,
    organisation: &OrganisationId,
    key: &PublicKey,
    role: Role,
    licence: &Hash,
    validity: &Validity,
) -> Result<Effect, Refusal> {
    authority(state, call, organisation)?;
    fresh_key(state, key)?;
    lasting(call, validity)?;
    let id = Practitioner::id_of(key);
    let practitioner = Practitioner {
        organisation: *organisation,
        key: *key,
        role,
        licence: *licence,
        validity: *validity,
        standing: Standing::Active,
    };
    state.save(StateKey::Practitioner(id), &practitioner);
    state.save(StateKey::Key(*key), &KeyUse::Practitioner(id));
    Ok(Effect::NONE)
}

fn practitioner_of(state: &Working<'_>, id: &OrganisationId, practitioner: &PractitionerId) -> Result<Practitioner, Refusal> {
    let found = state.practitioner(practitioner)?.ok_or(Rule::UnknownPractitioner)?;
    require(found.organisation == *id, Rule::PractitionerOfAnother)?;
    Ok(found)
}

pub(super) fn renew_practitioner(
    state: &mut Working<'_>,
    call: &Call<'_>,
    organisation: &OrganisationId,
    id: &PractitionerId,
    validity: &Validity,
) -> Result<Effect, Refusal> {
    authority(state, call, organisation)?;
    let mut practitioner = practitioner_of(state, organisation, id)?;
    lasting(call, validity)?;
    practitioner.validity = *validity;
    state.save(StateKey::Practitioner(*id), &practitioner);
    Ok(Effect::NONE)
}

pub(super) fn rotate_practitioner(
    state: &mut Working<'_>,
    call: &Call<'_>,
    id: &PractitionerId,
    key: &PublicKey,
) -> Result<Effect, Refusal> {
    let mut practitioner = state.practitioner(id)?.ok_or(Rule::UnknownPractitioner)?;
    let organisation = active_organisation(state, &practitioner.organisation)?;
    // The practitioner while active, or the organisation's authority: a suspended one must not slip away to a new key.
    let own = practitioner.key == call.signer && practitioner.standing == Standing::Active;
    require(own || organisation.profile.authority == call.signer, Rule::NotTheKey)?;
    fresh_key(state, key)?;
    practitioner.key = *key;
    state.save(StateKey::Practitioner(*id), &practitioner);
    state.save(StateKey::Key(*key), &KeyUse::Practitioner(*id));
    Ok(Effect::NONE)
}

pub(super) fn set_practitioner_standing(
    state: &mut Working<'_>,
    call: &Call<'_>,
    organisation: &OrganisationId,
    id: &PractitionerId,
    active: bool,
) -> Result<Effect, Refusal> {
    authority(state, call, organisation)?;
    let mut practitioner = practitioner_of(state, organisation, id)?;
    let standing = if active { Standing::Active } else { Standing::Suspended };
    require(practitioner.standing != standing, Rule::NoChange)?;
    practitioner.standing = standing;
    state.save(StateKey::Practitioner(*id), &practitioner);
    Ok(Effect::NONE)
}

pub(super) fn report_double_sign(state: &mut Working<'_>, call: &Call<'_>, evidence: &DoubleSign) -> Result<Effect, Refusal> {
    let reporter = state.peer(&call.signer)?.ok_or(Rule::UnknownPeer)?;
    active_organisation(state, &reporter.organisation)?;
    require(evidence.conflicts(&call.block.chain) && evidence.height() <= call.height(), Rule::NoConflict)?;
    let key_use = state.load::<KeyUse>(&StateKey::Key(evidence.validator()))?;
    let Some(KeyUse::Validator(organisation)) = key_use else {
        return Err(Rule::UnknownValidator.into());
    };
    let key = StateKey::Evidence(evidence.validator(), evidence.height());
    require(state.load::<EvidenceTaken>(&key)?.is_none(), Rule::EvidenceKnown)?;
    state.save(key, &EvidenceTaken { transaction: call.id, height: call.height(), organisation });
    Ok(Effect::NONE)
}
