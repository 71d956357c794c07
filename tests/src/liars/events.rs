//! Liars about an account's events: one hidden, moved, altered, repeated or dated otherwise. Each tries it plainly, then with an account
//! whose chain fits, then with a state and a header of its own making.

use inro_contracts::access::{Denial, Granted};
use inro_contracts::entry::{Entry, Outcome};
use inro_contracts::fixture::patient;
use inro_contracts::id::Label;
use inro_contracts::journal::Event;
use inro_contracts::rule::Rule;
use inro_contracts::time::Time;
use inro_contracts::transaction::Action;
use inro_evidence::{Statement, Step};

use super::{Lie, Stock};

/// What an event's place or time cannot be without being noticed: by the order, or by the chain.
const BY_ORDER: &[Step] = &[Step::JournalOrder, Step::JournalHead];
const BY_CHAIN: &[Step] = &[Step::JournalHead];
const BY_COUNT: &[Step] = &[Step::JournalLength];

/// Leaves an event out.
pub(super) fn hides_an_event(stock: &Stock, place: usize, _: usize) -> Vec<Lie> {
    let hide = |events: &mut Vec<Event>| drop(events.remove(place));
    let counted = stock.with_events("the account counts one less", &[Step::State], hide).map(|mut lie| {
        if let Statement::Journal(journal) = &mut lie.told.statement {
            journal.account.journal_length -= 1;
        }
        lie
    });
    let tried = [
        stock.with_events("it is left out", BY_COUNT, hide),
        counted,
        stock.with_chain("the chain is made anew", hide),
        stock.with_seal("state and header are made anew", hide),
        stock.with_events("it is left out with all after it", BY_COUNT, |events| events.truncate(place)),
        stock.with_chain("it is left out with all after it, and the chain is made anew", |events| events.truncate(place)),
    ];
    tried.into_iter().flatten().collect()
}

/// Changes the order of two events.
pub(super) fn reorders_events(stock: &Stock, place: usize, other: usize) -> Vec<Lie> {
    if place == other {
        return Vec::new();
    }
    let entries = |events: &mut Vec<Event>| {
        let (first, second) = (events[place].entry.clone(), events[other].entry.clone());
        (events[place].entry, events[other].entry) = (second, first);
    };
    let order: &[Step] = &[Step::JournalOrder];
    let opening: &[Step] = if place.min(other) == 0 { &[Step::JournalAccount] } else { BY_CHAIN };
    let tried = [
        stock.with_events("they change places", order, |events| events.swap(place, other)),
        stock.with_events("one is moved to the other's place", order, |events| {
            let event = events.remove(place);
            events.insert(other, event);
        }),
        stock.with_events("their contents change places", opening, entries),
        stock.with_chain("their contents change places, and the chain is made anew", entries),
        stock.with_seal("their contents change places; state and header are made anew", entries),
    ];
    tried.into_iter().flatten().collect()
}

/// Changes one thing in an event, or in a proved entry.
pub(super) fn alters_an_event(stock: &Stock, place: usize, _: usize) -> Vec<Lie> {
    let event = |how, fails, change: fn(&mut Event)| stock.with_events(how, fails, |events| change(&mut events[place]));
    let entry = |how, change: fn(&mut Entry)| stock.entry(how, &[Step::EntryRoot], |located| change(&mut located.entry));
    let nonce = |events: &mut Vec<Event>| events[place].entry.transaction.transaction.nonce ^= 1;
    let tried = [
        event("another nonce", BY_CHAIN, |event| event.entry.transaction.transaction.nonce ^= 1),
        event("another signer", BY_CHAIN, |event| event.entry.transaction.transaction.signer = patient(77).public()),
        event("another signature", BY_CHAIN, |event| event.entry.transaction.signature.0[0] ^= 1),
        event("granted becomes denied, and anything else granted", BY_CHAIN, |event| turn(&mut event.entry.outcome)),
        event("the facility's key becomes the person's", BY_CHAIN, |event| {
            let custodial = event.entry.outcome == Outcome::AppliedCustodially;
            event.entry.outcome = if custodial { Outcome::Applied } else { Outcome::AppliedCustodially };
        }),
        event("it was rejected", &[Step::JournalAccount], |event| event.entry.outcome = Outcome::Rejected(Rule::NoChange)),
        event("it becomes the reading of another account", &[Step::JournalAccount], |event| {
            event.entry.transaction.transaction.action = Action::ReadJournal { account: Label([0xaa; 32]), practitioner: None };
        }),
        stock.with_chain("another nonce, and the chain is made anew", nonce),
        stock.with_seal("another nonce; state and header are made anew", nonce),
        entry("granted becomes denied, and anything else granted", |entry| turn(&mut entry.outcome)),
        entry("another nonce", |entry| entry.transaction.transaction.nonce ^= 1),
        entry("another signature", |entry| entry.transaction.signature.0[0] ^= 1),
    ];
    tried.into_iter().flatten().collect()
}

fn turn(outcome: &mut Outcome) {
    *outcome = match outcome.granted() {
        Some(_) => Outcome::Denied(Denial::NoBasis),
        None => Outcome::Granted(Granted::default()),
    };
}

/// Tells an event twice.
pub(super) fn duplicates_an_event(stock: &Stock, place: usize, other: usize) -> Vec<Lie> {
    let again = |events: &mut Vec<Event>| events.insert(other, events[place].clone());
    let next = |events: &mut Vec<Event>| {
        let mut copy = events[place].clone();
        copy.index = copy.index.saturating_add(1_000);
        events.insert(place + 1, copy);
    };
    let mut tried = vec![
        stock.with_events("it is repeated", BY_COUNT, again),
        stock.with_chain("it is repeated, and the chain is made anew", again),
        stock.with_events("it stands again at the end of its block", BY_COUNT, next),
        stock.with_chain("it stands again at the end of its block, and the chain is made anew", next),
        stock.with_seal("it stands again at the end of its block; state and header are made anew", next),
    ];
    if place != other {
        let order: &[Step] = &[Step::JournalOrder];
        tried.push(stock.with_events("it takes another one's place", order, |events| events[other] = events[place].clone()));
    }
    tried.into_iter().flatten().collect()
}

/// Dates an event otherwise, or the block that it stands in.
pub(super) fn postdates_an_event(stock: &Stock, place: usize, _: usize) -> Vec<Lie> {
    let later = |events: &mut Vec<Event>| events[place].time = events[place].time.plus_ms(1);
    let whole_block = |events: &mut Vec<Event>| {
        let height = events[place].height;
        events.iter_mut().filter(|event| event.height == height).for_each(|event| event.time = event.time.plus_ms(1));
    };
    let event = |how, change: fn(&mut Event)| stock.with_events(how, BY_ORDER, |events| change(&mut events[place]));
    let tried = [
        stock.with_events("a millisecond later", BY_ORDER, later),
        event("a millisecond earlier", |event| event.time = Time(event.time.0 - 1)),
        event("an hour later", |event| event.time = event.time.plus_ms(3_600_000)),
        event("a block later", |event| event.height = event.height.next()),
        event("later in its block", |event| event.index += 1),
        stock.with_events("a millisecond later, with all of its block", BY_ORDER, whole_block),
        stock.with_chain("a millisecond later, and the chain is made anew", later),
        stock.with_seal("a millisecond later, with all of its block; state and header are made anew", whole_block),
        Some(stock.under("the last block an hour later", &[Step::CertificateBlock], |head| {
            head.header.time = head.header.time.plus_ms(3_600_000);
        })),
        Some(stock.under("the last block an hour later, and the certificate names it", &[Step::Signatures], |head| {
            head.header.time = head.header.time.plus_ms(3_600_000);
            head.certificate.block = head.header.id();
        })),
    ];
    tried.into_iter().flatten().collect()
}
