//! The liar about whom an answer is of: another account's proof, object or journal in the place of this one's; or, for an entry, another
//! entry's.

use inro_evidence::{AbsenceStatement, JournalStatement, Located, Statement, Step};

use super::{Lie, Stock};

/// Serves what is true of somebody else.
pub(super) fn serves_a_proof_for_another_account(stock: &Stock, _: usize, _: usize) -> Vec<Lie> {
    match &stock.other.statement {
        Statement::Journal(other) => of_another_account(stock, other),
        Statement::Entry(other) => of_another_entry(stock, &other.entry),
        _ => unreachable!("liars are given journals and entries"),
    }
}

fn of_another_account(stock: &Stock, other: &JournalStatement) -> Vec<Lie> {
    let by_state: &[Step] = &[Step::State];
    let tried = [
        stock.journal("another's proof", by_state, |journal| journal.proof = other.proof.clone()),
        stock.journal("another's account", by_state, |journal| {
            (journal.account, journal.proof) = (other.account.clone(), other.proof.clone());
        }),
        stock.journal("another's account and journal", by_state, |journal| {
            *journal = JournalStatement { head: journal.head.clone(), label: journal.label, ..other.clone() };
        }),
        stock.journal("another's events", &[Step::JournalLength, Step::JournalAccount], |journal| {
            journal.events = other.events.clone();
        }),
        stock.journal("this one's journal as another's", by_state, |journal| journal.label = other.label),
        Some(stock.told("another's proof, and that this one does not exist", by_state, |told| {
            if let Statement::Journal(journal) = &told.statement {
                let absence = AbsenceStatement { head: journal.head.clone(), label: journal.label, proof: other.proof.clone() };
                told.statement = Statement::Absence(Box::new(absence));
            }
        })),
    ];
    tried.into_iter().flatten().collect()
}

fn of_another_entry(stock: &Stock, other: &Located) -> Vec<Lie> {
    let by_root: &[Step] = &[Step::EntryPlace, Step::EntryRoot];
    let tried = [
        stock.entry("another's path", by_root, |entry| entry.path = other.path.clone()),
        stock.entry("another's place", by_root, |entry| entry.index = other.index),
        stock.entry("another's content", by_root, |entry| entry.entry = other.entry.clone()),
    ];
    tried.into_iter().flatten().collect()
}
