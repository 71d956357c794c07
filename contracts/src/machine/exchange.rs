//! Accesses, disclosures, and the reviews of emergencies (rules E-1 to E-7).

use super::trust::{acting_practitioner, active_organisation};
use super::{Call, Effect, Refusal, require};
use crate::access::{Access, AccessRequest, Basis, Decision, GRANTED_MAX, Granted, Reader};
use crate::bytes::List;
use crate::decision::decide;
use crate::emergency::{EmergencyDesk, Finding, OpenReview, Review};
use crate::entry::Outcome;
use crate::id::{Label, OrganisationId, PractitionerId, RecordId, TransactionId};
use crate::organisation::{OrganisationKind, Peer, Role};
use crate::rule::Rule;
use crate::state::{StateFault, StateKey, Working};

/// Decides a request. A denial is an event too: attempts are part of the audit.
pub(super) fn access(state: &mut Working<'_>, call: &Call<'_>, request: &AccessRequest) -> Result<Effect, Refusal> {
    let outcome = match decide(state, &call.signer, request, call.now())? {
        Decision::Denied(denial) => Outcome::Denied(denial),
        Decision::Granted(granted) => {
            keep(state, call, request, &granted)?;
            Outcome::Granted(granted)
        }
    };
    match state.account(&request.account)? {
        Some(account) if account.is_custodial_key(&call.signer) => {
            Ok(Effect { accounts: vec![request.account], outcome: outcome.custodially() })
        }
        Some(_) => Ok(Effect { accounts: vec![request.account], outcome }),
        // An account that does not exist has no journal.
        None => Ok(Effect { accounts: Vec::new(), outcome }),
    }
}

fn keep(state: &mut Working<'_>, call: &Call<'_>, request: &AccessRequest, granted: &Granted) -> Result<(), Refusal> {
    let account = state.account(&request.account)?.ok_or_else(|| StateFault("a decision on no account".into()))?;
    let organisation = match &request.reader {
        Reader::Practitioner(id) => state.practitioner(id)?.map(|practitioner| practitioner.organisation),
        Reader::Person => None,
    };
    if let (Basis::Emergency(_), Reader::Practitioner(practitioner), Some(organisation)) =
        (&request.basis, &request.reader, organisation)
    {
        open_review(state, call, request.account, organisation, *practitioner)?;
    }
    let access = Access {
        request: request.clone(),
        signer: call.signer,
        custodian: account.custodian,
        organisation,
        at: call.now(),
        records: granted.records.clone(),
        disclosed: 0,
        acknowledged: 0,
    };
    state.save(StateKey::Access(call.id), &access);
    Ok(())
}

fn open_review(
    state: &mut Working<'_>,
    call: &Call<'_>,
    account: Label,
    organisation: OrganisationId,
    practitioner: PractitionerId,
) -> Result<(), Refusal> {
    let deadline = call.now().plus_ms(state.parameters()?.review_ms);
    let review = Review { account, organisation, practitioner, at: call.now(), deadline, closed: None };
    state.save(StateKey::Review(call.id), &review);
    let key = StateKey::EmergencyDesk(organisation);
    let mut desk: EmergencyDesk = state.load(&key)?.unwrap_or_default();
    desk.count(call.now(), OpenReview { access: call.id, deadline });
    state.save(key, &desk);
    Ok(())
}

fn known(state: &Working<'_>, label: &Label, id: &TransactionId) -> Result<Access, Refusal> {
    let access: Access = state.load(&StateKey::Access(*id))?.ok_or(Rule::UnknownAccess)?;
    require(access.request.account == *label, Rule::UnknownAccess)?;
    Ok(access)
}

/// The signer is a registered machine of this active organisation.
fn machine_of(state: &Working<'_>, call: &Call<'_>, organisation: &OrganisationId, rule: Rule) -> Result<(), Refusal> {
    let peer: Peer = state.load(&StateKey::Peer(call.signer))?.ok_or(Rule::UnknownPeer)?;
    active_organisation(state, &peer.organisation)?;
    require(peer.organisation == *organisation, rule)
}

/// The signer is a machine of the custodian.
fn custodian_side(state: &Working<'_>, call: &Call<'_>, label: &Label, access: &Access) -> Result<Effect, Refusal> {
    machine_of(state, call, &access.custodian, Rule::NotTheCustodiansMachine)?;
    Ok(Effect::on(*label))
}

/// The signer is a machine of the reader's organisation, or the person who asked.
fn reader_side(state: &Working<'_>, call: &Call<'_>, label: &Label, access: &Access) -> Result<Effect, Refusal> {
    match &access.organisation {
        Some(organisation) => {
            machine_of(state, call, organisation, Rule::NotTheReadersMachine)?;
            Ok(Effect::on(*label))
        }
        None => {
            require(access.signer == call.signer, Rule::NotTheReadersMachine)?;
            let account = state.account(label)?.ok_or(Rule::UnknownAccount)?;
            Ok(Effect::spoken(*label, &account, call))
        }
    }
}

/// The custodian states that it handed records over.
pub(super) fn disclose(
    state: &mut Working<'_>,
    call: &Call<'_>,
    label: &Label,
    id: &TransactionId,
    records: &List<RecordId, GRANTED_MAX>,
) -> Result<Effect, Refusal> {
    let mut access = known(state, label, id)?;
    let effect = custodian_side(state, call, label, &access)?;
    let bits = access.bits(records).ok_or(Rule::NotGranted)?;
    mark(&mut access.disclosed, bits)?;
    state.save(StateKey::Access(*id), &access);
    Ok(effect)
}

/// The reader states that records arrived.
pub(super) fn acknowledge(
    state: &mut Working<'_>,
    call: &Call<'_>,
    label: &Label,
    id: &TransactionId,
    records: &List<RecordId, GRANTED_MAX>,
) -> Result<Effect, Refusal> {
    let mut access = known(state, label, id)?;
    let effect = reader_side(state, call, label, &access)?;
    let bits = access.bits(records).ok_or(Rule::NotGranted)?;
    mark(&mut access.acknowledged, bits)?;
    state.save(StateKey::Access(*id), &access);
    Ok(effect)
}

fn mark(marked: &mut u128, bits: u128) -> Result<(), Refusal> {
    require(*marked | bits != *marked, Rule::NoChange)?;
    *marked |= bits;
    Ok(())
}

/// The reader states that a payload was wrong, or did not come.
pub(super) fn report_payload(
    state: &mut Working<'_>,
    call: &Call<'_>,
    label: &Label,
    id: &TransactionId,
    record: &RecordId,
) -> Result<Effect, Refusal> {
    let access = known(state, label, id)?;
    let effect = reader_side(state, call, label, &access)?;
    access.bits(&[*record]).ok_or(Rule::NotGranted)?;
    Ok(effect)
}

/// The custodian states that it does not hand a record over.
pub(super) fn refuse_disclosure(
    state: &mut Working<'_>,
    call: &Call<'_>,
    label: &Label,
    id: &TransactionId,
    record: &RecordId,
) -> Result<Effect, Refusal> {
    let access = known(state, label, id)?;
    let effect = custodian_side(state, call, label, &access)?;
    access.bits(&[*record]).ok_or(Rule::NotGranted)?;
    Ok(effect)
}

/// A review is closed by somebody else than the reader: of the reader's organisation, of the custodian, or an auditor.
pub(super) fn close_review(
    state: &mut Working<'_>,
    call: &Call<'_>,
    label: &Label,
    id: &TransactionId,
    reviewer_id: &PractitionerId,
    finding: Finding,
) -> Result<Effect, Refusal> {
    let reviewer = acting_practitioner(state, call, reviewer_id)?;
    let account = state.account(label)?.ok_or(Rule::UnknownAccount)?;
    let mut review: Review = state.load(&StateKey::Review(*id))?.ok_or(Rule::UnknownReview)?;
    require(review.account == *label, Rule::UnknownReview)?;
    require(review.closed.is_none(), Rule::ReviewClosed)?;
    let kind = active_organisation(state, &reviewer.organisation)?.profile.kind;
    let auditor = kind == OrganisationKind::Regulator && reviewer.role == Role::Auditor;
    let concerned = reviewer.organisation == review.organisation || reviewer.organisation == account.custodian;
    require(*reviewer_id != review.practitioner && (concerned || auditor), Rule::NotAReviewer)?;
    review.closed = Some((*reviewer_id, call.now(), finding));
    state.save(StateKey::Review(*id), &review);
    let key = StateKey::EmergencyDesk(review.organisation);
    let mut desk: EmergencyDesk = state.load(&key)?.unwrap_or_default();
    desk.open.retain(|open| open.access != *id);
    state.save(key, &desk);
    Ok(Effect::on(*label))
}
