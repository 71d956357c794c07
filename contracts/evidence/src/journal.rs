//! Entries and journals: steps V-13 to V-20. Headers are believed here; that is the caller's matter.

use inro_contracts::account::Account;
use inro_contracts::block::Header;
use inro_contracts::bytes::encode;
use inro_contracts::entry::Outcome;
use inro_contracts::id::{ChainId, Hash, Label, TransactionId};
use inro_contracts::journal::{EMPTY_HEAD, Event, next_head};
use inro_contracts::merkle::{self, BadInclusion};
use inro_contracts::state::StateKey;
use inro_contracts::tag::Tag;
use inro_contracts::transaction::{Action, ParsedTransaction, SignedTransaction};
use inro_contracts::tree::StateProof;

use crate::file::Located;
use crate::step::{Fault, Step};

/// Steps V-13 and V-14: the entry stands at its place in the header's block.
pub(crate) fn stands_in(header: &Header, located: &Located) -> Result<(), Fault> {
    let leaf = merkle::leaf_hash(&encode(&located.entry));
    let checked = located.path.check(&header.entries_root, &leaf, u64::from(located.index), u64::from(header.entries));
    checked.map_err(|error| match error {
        BadInclusion::Outside { .. } | BadInclusion::Length { .. } => Step::EntryPlace.failed(error),
        BadInclusion::Root => Step::EntryRoot.failed(error),
    })
}

/// Step V-15: the transaction is for this ledger, and all its signatures hold.
pub fn signatures_hold(chain: &ChainId, transaction: &SignedTransaction) -> Result<(), Fault> {
    let of_this_ledger = transaction.transaction.chain == *chain;
    Step::EntrySignatures.require(of_this_ledger, || "the transaction is for another ledger".into())?;
    let claims = ParsedTransaction::from(transaction.clone()).claims();
    match claims.iter().position(|claim| !claim.holds()) {
        None => Ok(()),
        Some(position) => Err(Step::EntrySignatures.failed(format!("signature {position} does not verify"))),
    }
}

/// The id of a transaction.
pub fn transaction_id(transaction: &SignedTransaction) -> TransactionId {
    Tag::TRANSACTION_ID.hash(&[&encode(transaction)]).into()
}

/// Step V-16: the state after the header has this account, or none.
pub(crate) fn account_is(header: &Header, label: &Label, account: Option<&Account>, proof: &StateProof) -> Result<(), Fault> {
    let value = account.map(encode);
    let checked = proof.check(&header.state_root, &StateKey::Account(*label), value.as_deref());
    checked.map_err(|error| Step::State.failed(error))
}

/// Steps V-17 to V-20: these are all events of the account, in their order.
pub(crate) fn is_complete(header: &Header, label: &Label, account: &Account, events: &[Event]) -> Result<(), Fault> {
    let (found, expected) = (events.len() as u64, account.journal_length);
    Step::JournalLength.require(found == expected, || format!("{found} events where the account has {expected}"))?;
    in_order(header, events)?;
    Step::JournalAccount.require(!events.is_empty(), || "an account without the event that opened it".into())?;
    for (event, number) in events.iter().zip(1..) {
        belongs(label, event, number)?;
    }
    Step::JournalHead.require(journal_head(events) == account.journal_head, || "an event is left out, moved or changed".into())
}

/// The end of the chain of hashes over a journal's events (rule J-1).
pub fn journal_head(events: &[Event]) -> Hash {
    events.iter().fold(EMPTY_HEAD, |head, event| next_head(&head, &encode(event)))
}

fn in_order(header: &Header, events: &[Event]) -> Result<(), Fault> {
    for (pair, number) in events.windows(2).zip(2..) {
        let [earlier, later] = pair else { continue };
        let sound = if earlier.height == later.height {
            earlier.index < later.index && earlier.time == later.time
        } else {
            earlier.height < later.height && earlier.time < later.time
        };
        Step::JournalOrder.require(sound, || format!("event {number} does not come after the one before"))?;
    }
    let Some(last) = events.last() else { return Ok(()) };
    let sound = if last.height == header.height {
        last.time == header.time
    } else {
        last.height < header.height && last.time < header.time
    };
    Step::JournalOrder.require(sound, || format!("the last event is not of block {} or an earlier one", header.height))
}

fn belongs(label: &Label, event: &Event, number: u64) -> Result<(), Fault> {
    let action = &event.entry.transaction.transaction.action;
    let own = match action {
        Action::OpenAccount { first_key, .. } => number == 1 && Account::label_of(first_key) == *label,
        _ => number != 1 && account_of(action) == Some(label),
    };
    let rejected = matches!(event.entry.outcome, Outcome::Rejected(_));
    Step::JournalAccount.require(own && !rejected, || format!("event {number} is none of this account's journal"))
}

/// The account that an action names. An opening names none: its account follows from the first key.
pub fn account_of(action: &Action) -> Option<&Label> {
    match action {
        Action::RotateController { account, .. }
        | Action::AppointGuardian { account, .. }
        | Action::DismissGuardian { account, .. }
        | Action::AttestRecovery { account, .. }
        | Action::VetoRecovery { account }
        | Action::CompleteRecovery { account }
        | Action::RegisterRecord { account, .. }
        | Action::SupersedeRecord { account, .. }
        | Action::EraseRecord { account, .. }
        | Action::SetProviderFlags { account, .. }
        | Action::Grant { account, .. }
        | Action::Revoke { account, .. }
        | Action::Seal { account, .. }
        | Action::LiftSeal { account, .. }
        | Action::Unseal { account, .. }
        | Action::Disclose { account, .. }
        | Action::Acknowledge { account, .. }
        | Action::ReportPayload { account, .. }
        | Action::RefuseDisclosure { account, .. }
        | Action::OpenConsult { account, .. }
        | Action::CloseConsult { account, .. }
        | Action::AnswerConsult { account, .. }
        | Action::CloseReview { account, .. }
        | Action::ReadJournal { account, .. } => Some(account),
        Action::Access(request) => Some(&request.account),
        Action::OpenAccount { .. }
        | Action::Propose { .. }
        | Action::Vote { .. }
        | Action::RotateAuthority { .. }
        | Action::RotateValidator { .. }
        | Action::RegisterPeer { .. }
        | Action::RemovePeer { .. }
        | Action::RegisterPractitioner { .. }
        | Action::RenewPractitioner { .. }
        | Action::RotatePractitioner { .. }
        | Action::SetPractitionerStanding { .. }
        | Action::ReportDoubleSign { .. } => None,
    }
}
