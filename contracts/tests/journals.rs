//! Journals (J-1): the leaf in the state tree commits to every event; leaving one out shows.

use inro_contracts::account::Account;
use inro_contracts::bytes::Canonical;
use inro_contracts::entry::{Entry, Outcome};
use inro_contracts::fixture::{self, Consortium, FOUNDED, label};
use inro_contracts::id::{Hash, Label};
use inro_contracts::journal::{EMPTY_HEAD, Event, event_bytes, next_head};
use inro_contracts::memory::MemoryLedger;
use inro_contracts::state::StateKey;
use inro_contracts::time::{Height, Time};
use inro_contracts::transaction::Action;
use sha2::{Digest, Sha256};

/// The head over these events, by the words of the specification.
pub fn plain_head<'a>(events: impl IntoIterator<Item = &'a Vec<u8>>) -> Hash {
    let tag = b"inro/1/journal";
    events
        .into_iter()
        .fold(EMPTY_HEAD, |head, event| Hash(Sha256::digest([&[tag.len() as u8][..], tag, &head.0, event].concat()).into()))
}

/// The journal of every account has the length and head that the state says, and is nothing but the entries that name the
/// account and were not rejected, in order.
pub fn check_journals(ledger: &MemoryLedger) {
    let mut expected = std::collections::BTreeMap::<Label, Vec<Vec<u8>>>::new();
    for height in 1..=ledger.tip().height.0 {
        let block = ledger.block(Height(height)).expect("every height up to the tip has a block");
        for (index, entry) in block.entries.iter().enumerate() {
            let Entry { transaction, outcome } = Entry::from_bytes(entry).expect("entries are canonical");
            let named = account_of(&transaction.transaction.action);
            let label = match outcome {
                Outcome::Rejected(_) => None,
                // An account that was never opened has no journal.
                Outcome::Denied(_) | Outcome::DeniedCustodially(_) => named.filter(|label| expected.contains_key(label)),
                _ => named,
            };
            if let Some(label) = label {
                let mut event = height.to_le_bytes().to_vec();
                event.extend(block.header.time.0.to_le_bytes());
                event.extend((index as u32).to_le_bytes());
                event.extend(entry);
                expected.entry(label).or_default().push(event);
            }
        }
    }
    assert_eq!(ledger.accounts().count(), expected.len());
    for (label, events) in expected {
        assert!(ledger.journal(&label) == events, "the journal is complete and holds nothing else");
        let account: Account = ledger.object(&StateKey::Account(label)).expect("readable").expect("it has a journal");
        assert_eq!((account.journal_length, account.journal_head), (events.len() as u64, plain_head(&events)));
    }
}

fn account_of(action: &Action) -> Option<Label> {
    match action {
        Action::OpenAccount { first_key, .. } => {
            let tag = b"inro/1/label";
            Some(Label(Sha256::digest([&[tag.len() as u8][..], tag, &first_key.0].concat()).into()))
        }
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
        | Action::ReadJournal { account, .. } => Some(*account),
        Action::Access(request) => Some(request.account),
        Action::Propose { .. }
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

fn journal_of_five() -> (Vec<Vec<u8>>, Account) {
    let consortium = Consortium::new(4);
    let mut ledger = consortium.ledger();
    let member = &consortium.organisations[0];
    for step in 0..5 {
        let now = FOUNDED.plus_ms(1000 * (step + 1));
        let action = if step == 0 { consortium.account_opening(0, 1) } else { consortium.register_record(0, label(1), step) };
        let transaction = consortium.verified(action, &member.practitioner, now);
        ledger.append(now, member.validator.public(), &[transaction]).expect("the block stands");
    }
    check_journals(&ledger);
    let account = ledger.object(&StateKey::Account(label(1))).expect("readable").expect("it was opened");
    (ledger.journal(&label(1)).to_vec(), account)
}

#[test]
fn leaving_out_swapping_altering_or_adding_an_event_changes_the_head() {
    let (events, account) = journal_of_five();
    assert_eq!(events.len(), 5);
    assert_eq!(plain_head(&events), account.journal_head);
    for place in 0..events.len() {
        let mut without = events.clone();
        without.remove(place);
        assert_ne!(plain_head(&without), account.journal_head);
        let mut altered = events.clone();
        altered[place][0] ^= 1;
        assert_ne!(plain_head(&altered), account.journal_head);
        let mut swapped = events.clone();
        swapped.swap(place, (place + 1) % 5);
        assert_ne!(plain_head(&swapped), account.journal_head);
        let mut added = events.clone();
        added.insert(place, events[place].clone());
        assert_ne!(plain_head(&added), account.journal_head);
    }
}

#[test]
fn an_event_parses_back_and_its_bytes_are_where_when_and_the_entry() {
    let (events, _) = journal_of_five();
    for (number, bytes) in events.iter().enumerate() {
        let event = Event::from_bytes(bytes).expect("events are canonical");
        assert_eq!((event.height, event.index), (Height(number as u64 + 1), 0));
        assert_eq!(&event_bytes(event.height, event.time, event.index, &event.entry.to_bytes()), bytes);
    }
}

#[test]
fn the_first_head_follows_from_all_zeros() {
    let event = event_bytes(Height(1), Time(2), 3, b"entry");
    assert_eq!(next_head(&EMPTY_HEAD, &event), plain_head([&event]));
    assert_ne!(next_head(&next_head(&EMPTY_HEAD, &event), &event), next_head(&EMPTY_HEAD, &event));
}

#[test]
fn an_account_that_does_not_exist_has_no_journal_and_is_proved_absent() {
    let consortium = Consortium::new(4);
    let ledger = consortium.ledger();
    assert!(ledger.journal(&fixture::label(7)).is_empty());
    let key = StateKey::Account(fixture::label(7));
    let (value, proof) = ledger.prove(&key).expect("provable");
    assert_eq!(value, None);
    proof.check(&ledger.state_root(), &key, None).expect("absent");
}
