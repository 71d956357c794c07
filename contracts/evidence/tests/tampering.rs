//! The liars of `tests/src/liars`, as files: on a small journal at every position and pair of positions, on a large one at random ones;
//! each lie fails at the step that its teller names.

use inro_contracts::bytes::{Canonical, List};
use inro_contracts::fixture::label;
use inro_contracts::state::StateKey;
use inro_contracts::time::Height;
use inro_evidence::{Anchor, Evidence, ForkStatement, JournalStatement, Statement, Step, verify, verify_evidence};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::liars::{Lie, certified_fork, chained_anew, forged_state, lies_at, lies_everywhere, stale};
use crate::world::{large, story};

fn caught(name: &str, lie: Lie, anchor: &Anchor) {
    let fault = verify_evidence(lie.told, anchor).map(drop).expect_err(name);
    assert!(lie.fails.contains(&fault.step), "{name} ({}): {fault}", lie.how);
}

#[test]
fn every_lie_about_every_event_of_a_small_journal_is_caught_at_its_step() {
    let story = story();
    let (stock, anchor) = (story.journal_stock(), story.world.anchor());
    assert!(verify_evidence(stock.honest.clone(), &anchor).is_ok() && stock.events() >= 12);
    for (name, lie) in lies_everywhere(&stock, true) {
        caught(&name, lie, &anchor);
    }
}

#[test]
fn every_lie_about_an_entry_is_caught_at_its_step() {
    let story = story();
    let (stock, anchor) = (story.entry_stock(), story.world.anchor());
    assert!(verify_evidence(stock.honest.clone(), &anchor).is_ok());
    for (name, lie) in lies_everywhere(&stock, true) {
        caught(&name, lie, &anchor);
    }
}

#[test]
fn lies_about_events_of_a_large_journal_are_caught_wherever_they_are_tried() {
    let (world, stock) = large(2_500);
    let anchor = world.anchor();
    assert!(verify_evidence(stock.honest.clone(), &anchor).is_ok());
    let config = ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(place: Index, other: Index)| {
        for (name, lie) in lies_at(&stock, place.index(stock.events()), other.index(stock.events())) {
            caught(name, lie, &anchor);
        }
    });
}

/// An old answer is true of its own block, and the file says which that is: whoever reads judges whether that is new enough.
#[test]
fn what_was_true_once_is_proved_of_the_block_that_it_was_true_of() {
    let story = story();
    let proved = verify_evidence(stale(&story.journal_stock()), &story.world.anchor()).expect("it was true");
    assert_eq!((proved.head().height, proved.events().map(<[_]>::len)), (Height(6), Some(10)));
}

#[test]
fn a_fork_that_a_quorum_signed_shows_beside_the_honest_answer_and_names_who_signed_both() {
    let story = story();
    let anchor = story.world.anchor();
    for stock in [story.journal_stock(), story.entry_stock()] {
        let forked = certified_fork(&stock);
        let head = |evidence: &Evidence| evidence.statement.heads()[0].clone();
        let (mut first, mut second) = (head(&stock.honest), head(&forked));
        assert!(verify_evidence(forked, &anchor).is_ok(), "alone it cannot be told from an honest one");
        if second.header.id() < first.header.id() {
            std::mem::swap(&mut first, &mut second);
        }
        let fork = story.world.file(story.world.height(), Statement::Fork(Box::new(ForkStatement { first, second })));
        let proved = verify(&fork.to_bytes(), &anchor).expect("it is a fork");
        assert_eq!(proved.double_signers().len(), 3, "those who signed the honest block signed the other one too");
    }
}

#[test]
fn an_event_that_its_signer_did_not_sign_is_found_when_it_is_asked_for() {
    let story = story();
    let sound = story.world.journal(story.world.height(), label(1));
    let proved = verify_evidence(sound.clone(), &story.world.anchor()).expect("it is sound");
    assert_eq!(proved.check_event_signatures(), Ok(()));
    // Validators who certify an unsigned event are believed, unless the signatures themselves are looked at.
    let Statement::Journal(mut statement) = sound.statement else { unreachable!("it is a journal") };
    let mut events = std::mem::take(&mut statement.events).into_vec();
    events[7].entry.transaction.signature.0[3] ^= 1;
    let account = chained_anew(&statement.account, &events);
    let (root, mut proofs) = forged_state(&[(StateKey::Account(label(1)), account.to_bytes())]);
    let mut header = statement.head.header.clone();
    header.state_root = root;
    let head = story.world.certify(&header, &story.world.set_at(header.height));
    let events = List::new(events).expect("few events");
    let forged = JournalStatement { head, label: label(1), account, proof: proofs.remove(0), events };
    let forged = story.world.file(header.height, Statement::Journal(Box::new(forged)));
    let proved = verify_evidence(forged, &story.world.anchor()).expect("a quorum signed it");
    assert_eq!(proved.check_event_signatures().map_err(|fault| fault.step), Err(Step::EntrySignatures));
}
