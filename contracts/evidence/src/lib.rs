//! Evidence: what a ledger proves to somebody who holds only its founding document.
//!
//! A file states one thing: a transaction and its outcome, an account's complete journal, an account's absence, a decision with the
//! state that it was made from, two headers' consistency, a validator set's history, or a fork. [`verify`] takes the numbered
//! steps of `docs/spec/evidence.md` one after the other; the first that fails names the fault, and tells a *malformed* file from a
//! *false* one. Nothing is asked of anybody.
//!
//! [`Walk`] follows the validator sets without any file, for whoever follows a living ledger. [`checkpoint`] and [`policy`] are the
//! forms in which witnesses vouch for its history.
//!
//! What it refuses to do: to read a file, to ask the time, to say whether a proof is recent enough, to pass over a byte.

mod certified;
pub mod checkpoint;
mod decision;
mod file;
mod follow;
mod history;
mod journal;
pub mod make;
pub mod policy;
mod proved;
mod step;
mod trust;

pub use certified::{Certified, Change};
pub use file::{
    AbsenceStatement, CHANGES_MAX, ConsistencyStatement, DecisionStatement, EARLIER_MAX, EVENTS_MAX, EntryStatement, Evidence,
    FACTS_MAX, FILE_BYTES_MAX, Fact, FactObject, ForkStatement, HISTORY_PATH_MAX, HistoryPath, JournalStatement, Located, MAGIC,
    Start, Statement, VERSION,
};
pub use follow::{Followed, Unfollowed};
pub use history::double_signers;
pub use journal::{account_of, journal_head, signatures_hold, transaction_id};
pub use proved::{Kind, Proved, Summary};
pub use step::{Fault, Step, Verdict};
pub use trust::{Anchor, InForce, Signed, Walk};

use inro_contracts::account::Account;
use inro_contracts::block::Header;
use inro_contracts::id::{ChainId, Label};
use inro_contracts::journal::Event;
use inro_contracts::tree::StateProof;

/// Verifies a file: all steps, in their order.
pub fn verify(bytes: &[u8], anchor: &Anchor) -> Result<Proved, Fault> {
    verify_evidence(Evidence::from_bytes(bytes)?, anchor)
}

/// Verifies what was parsed already: the steps from V-4 on.
pub fn verify_evidence(evidence: Evidence, anchor: &Anchor) -> Result<Proved, Fault> {
    let Evidence { chain, start, changes, statement } = evidence;
    Step::Chain.require(chain == anchor.chain, || "the file is of another ledger".into())?;
    let mut walk = begin(start, anchor)?;
    for change in changes.into_vec() {
        walk.step(change)?;
    }
    let signed = certify(&walk, &statement)?;
    check(&chain, &statement, &signed)?;
    Ok(Proved { chain, statement, sets: walk.sets().to_vec(), signed })
}

/// Steps V-16 to V-20 by themselves, for whoever believes a header already: is this all that happened to the account?
pub fn check_journal(
    header: &Header,
    label: &Label,
    account: &Account,
    proof: &StateProof,
    events: &[Event],
) -> Result<(), Fault> {
    journal::account_is(header, label, Some(account), proof)?;
    journal::is_complete(header, label, account, events)
}

/// Steps V-13 to V-15 by themselves, for whoever believes a header already: does this entry stand in its block?
pub fn check_entry(chain: &ChainId, header: &Header, entry: &Located) -> Result<(), Fault> {
    journal::stands_in(header, entry)?;
    journal::signatures_hold(chain, &entry.entry.transaction)
}

/// For fuzzers: takes any bytes, with no header believed and with every header believed. It must return.
pub fn survives(bytes: &[u8]) {
    let Ok(evidence) = Evidence::from_bytes(bytes) else { return };
    let signed: Vec<_> = evidence.statement.heads().into_iter().map(unsigned).collect();
    let _ = check(&evidence.chain, &evidence.statement, &signed);
    if let Some(change) = evidence.changes.first() {
        let anchor = Anchor { chain: evidence.chain, validators: change.set.clone(), pinned: None };
        let _ = verify_evidence(evidence, &anchor);
    }
}

/// Step V-5.
fn begin(start: Start, anchor: &Anchor) -> Result<Walk, Fault> {
    match start {
        Start::Genesis => Ok(Walk::from_genesis(anchor.chain, anchor.validators.clone())),
        Start::Pinned { header, set } => {
            let trusted = anchor.pinned == Some(header.id());
            Step::Start.require(trusted, || format!("block {} was not named as trusted", header.height))?;
            Walk::from_header(anchor.chain, &header, set)
        }
    }
}

fn certify(walk: &Walk, statement: &Statement) -> Result<Vec<Signed>, Fault> {
    match statement {
        Statement::Consistency(consistency) => {
            Ok(vec![walk.certify_older(&consistency.older)?, walk.certify(&consistency.newer)?])
        }
        _ => statement.heads().into_iter().map(|head| walk.certify(head)).collect(),
    }
}

/// The statement's own steps; its headers are believed.
fn check(chain: &ChainId, statement: &Statement, signed: &[Signed]) -> Result<(), Fault> {
    match statement {
        Statement::Entry(statement) => check_entry(chain, &statement.head.header, &statement.entry),
        Statement::Journal(statement) => {
            let JournalStatement { head, label, account, proof, events } = statement.as_ref();
            check_journal(&head.header, label, account, proof, events)
        }
        Statement::Absence(statement) => journal::account_is(&statement.head.header, &statement.label, None, &statement.proof),
        Statement::Decision(statement) => decision::check(chain, statement),
        Statement::Consistency(statement) => history::continues(statement),
        Statement::Validators(_) => Ok(()),
        Statement::Fork(_) => match signed {
            [first, second] => history::is_fork(first, second),
            _ => Err(Step::Fork.failed("a fork has two headers")),
        },
    }
}

fn unsigned(certified: &Certified) -> Signed {
    let Header { height, time, .. } = certified.header;
    let (block, round) = (certified.header.id(), certified.certificate.round);
    Signed { block, height, time, round, signers: Vec::new(), power: 0, total: 0 }
}
