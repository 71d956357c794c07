//! Whoever makes a journal's evidence holds all of it, and changes one thing: an event hidden, moved, altered, repeated, dated
//! otherwise. On a small journal at every position; on a large one at random positions.

use inro_contracts::account::Account;
use inro_contracts::bytes::{Canonical, List};
use inro_contracts::entry::Outcome;
use inro_contracts::fixture::{label, patient};
use inro_contracts::journal::{EMPTY_HEAD, Event, next_head};
use inro_contracts::state::StateKey;
use inro_contracts::time::{Height, Time};
use inro_evidence::{Anchor, Evidence, JournalStatement, Statement, Step, verify_evidence};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::vectors::forged_state;
use crate::world::{World, seal_of, story};

/// A node that changes one event of the journal that it serves.
struct LyingNode {
    sound: Evidence,
    anchor: Anchor,
}

impl LyingNode {
    fn serves(&self, change: impl FnOnce(&mut JournalStatement, &mut Vec<Event>)) -> Result<(), Step> {
        let mut evidence = self.sound.clone();
        if let Statement::Journal(statement) = &mut evidence.statement {
            let mut events = std::mem::take(&mut statement.events).into_vec();
            change(statement, &mut events);
            statement.events = List::new(events).expect("not many more than before");
        }
        verify_evidence(evidence, &self.anchor).map(drop).map_err(|fault| fault.step)
    }

    fn events(&self) -> usize {
        match &self.sound.statement {
            Statement::Journal(statement) => statement.events.len(),
            _ => 0,
        }
    }

    /// Everything that can be done to one event, or to one event and another place.
    fn tries(&self, place: usize, other: usize) {
        let refused = |what: &str, answer: Result<(), Step>| {
            assert!(answer.is_err(), "{what} at {place} (with {other}) was not noticed");
        };
        refused("hiding", self.serves(|_, events| drop(events.remove(place))));
        refused(
            "hiding and counting anew",
            self.serves(|statement, events| {
                events.remove(place);
                statement.account.journal_length -= 1;
            }),
        );
        refused(
            "hiding and chaining anew",
            self.serves(|statement, events| {
                events.remove(place);
                statement.account = chained_anew(&statement.account, events);
            }),
        );
        refused("cutting off", self.serves(|_, events| events.truncate(place)));
        refused("repeating", self.serves(|_, events| events.insert(other, events[place].clone())));
        refused(
            "replacing",
            self.serves(|_, events| {
                if place != other {
                    events[place] = events[other].clone();
                } else {
                    events[place].index += 1;
                }
            }),
        );
        if place != other {
            refused("swapping", self.serves(|_, events| events.swap(place, other)));
            refused(
                "moving",
                self.serves(|_, events| {
                    let event = events.remove(place);
                    events.insert(other, event);
                }),
            );
        }
        refused("postdating by a millisecond", self.serves(|_, events| events[place].time = Time(events[place].time.0 + 1)));
        refused("antedating by a millisecond", self.serves(|_, events| events[place].time = Time(events[place].time.0 - 1)));
        refused("postdating by a block", self.serves(|_, events| events[place].height = events[place].height.next()));
        refused("another place in the block", self.serves(|_, events| events[place].index += 1));
        refused("another nonce", self.serves(|_, events| events[place].entry.transaction.transaction.nonce ^= 1));
        refused(
            "another signer",
            self.serves(|_, events| {
                events[place].entry.transaction.transaction.signer = patient(77).public();
            }),
        );
        refused("another signature", self.serves(|_, events| events[place].entry.transaction.signature.0[0] ^= 1));
        refused(
            "another outcome",
            self.serves(|_, events| {
                let outcome = &mut events[place].entry.outcome;
                *outcome = if *outcome == Outcome::Applied { Outcome::AppliedCustodially } else { Outcome::Applied };
            }),
        );
    }
}

fn chained_anew(account: &Account, events: &[Event]) -> Account {
    let head = events.iter().fold(EMPTY_HEAD, |head, event| next_head(&head, &event.to_bytes()));
    Account { journal_length: events.len() as u64, journal_head: head, ..account.clone() }
}

#[test]
fn every_tampering_with_every_event_of_a_small_journal_is_noticed() {
    let story = story();
    let sound = story.world.journal(story.world.height(), label(1));
    let node = LyingNode { sound, anchor: story.world.anchor() };
    assert_eq!(node.serves(|_, _| {}), Ok(()));
    for place in 0..node.events() {
        for other in 0..node.events() {
            node.tries(place, other);
        }
    }
}

#[test]
fn a_journal_of_another_account_or_of_an_older_block_does_not_pass_for_this_one() {
    let story = story();
    let (world, last) = (&story.world, story.world.height());
    let sound = world.journal(last, label(1));
    let Statement::Journal(older) = world.journal(Height(6), label(1)).statement else { unreachable!("it is a journal") };
    let node = LyingNode { sound, anchor: world.anchor() };
    // What was true at block 6 under the header of the last block: everything since is hidden.
    let served = node.serves(|statement, events| {
        (statement.account, statement.proof) = (older.account.clone(), older.proof.clone());
        *events = older.events.to_vec();
    });
    assert_eq!(served, Err(Step::State));
    // And as evidence of block 6 it is true, and says so: whoever reads judges whether that is new enough.
    let proved = verify_evidence(world.journal(Height(6), label(1)), &world.anchor()).expect("it was true");
    assert_eq!((proved.head().height, proved.events().map(<[_]>::len)), (Height(6), Some(10)));
}

/// A journal with many events, all of them in one ledger's last state.
pub fn large(count: u64) -> (World, Evidence) {
    let mut world = World::founded();
    let (_, clerk) = crate::world::practitioner(&world, 0);
    let mut actions = vec![(world.consortium.account_opening(0, 1), clerk.clone())];
    actions.extend((1..count - 1).map(|seed| (world.consortium.register_record(0, label(1), seed), clerk.clone())));
    for block in actions.chunks(2_000) {
        world.block(block.to_vec());
    }
    let seal = inro_contracts::transaction::Action::Seal { account: label(1), terms: seal_of(1) };
    world.block(vec![(seal, patient(1))]);
    let evidence = world.journal(world.height(), label(1));
    (world, evidence)
}

#[test]
fn tampering_with_events_of_a_large_journal_is_noticed_wherever_it_is_tried() {
    let (world, sound) = large(1_500);
    let node = LyingNode { sound, anchor: world.anchor() };
    assert_eq!(node.serves(|_, _| {}), Ok(()));
    let config = ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(place: Index, other: Index)| {
        node.tries(place.index(node.events()), other.index(node.events()));
    });
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
