//! A race of accesses and transfers against a revocation, as a history for the revocation checker.
//!
//! The patient grants; the reader makes accesses. Then, all at once: some of their payloads are fetched, further accesses are made
//! through other nodes, and the patient revokes at the custodian's own node. As soon as that is acknowledged the other payloads
//! are fetched and still more accesses are made. In the end every outcome and every statement is looked up on the ledger.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures::future::join_all;
use inro_client::NodeClient;
use inro_contracts::entry::Outcome;
use inro_contracts::id::TransactionId;
use inro_contracts::transaction::{Action, SignedTransaction};

use crate::cluster::PATIENCE;
use crate::consortium::id_of;
use crate::reading::{READER, Reading};
use crate::revocation::{Deed, Operation, Place};

/// How many take part.
#[derive(Debug, Clone, Copy)]
pub struct Course {
    /// Payloads that are fetched long before, so that whoever remembers has something to remember.
    pub fetched_before: usize,
    /// Payloads that are fetched while the revocation is under way.
    pub fetched_beside: usize,
    /// Payloads that are fetched as soon as it is acknowledged.
    pub fetched_after: usize,
    /// Accesses made while it is under way, and as many again as soon as it is acknowledged.
    pub accesses: usize,
    /// For how long everything was quiet before.
    pub quiet: Duration,
    /// How long after the first transfers the revocation is sent.
    pub head_start: Duration,
}

/// How long the custodian's statements are waited for.
const STATEMENTS_MAX: Duration = Duration::from_secs(10);

/// Runs one race for the stage's first record and returns what happened. The patient revokes through `revoking`.
pub async fn run(reading: &Reading, course: Course, revoking: &NodeClient) -> Vec<Operation> {
    let mut history = Vec::new();
    let called = Instant::now();
    let grant = reading.grant().await;
    let place = Some((grant.height.0, grant.index));
    history.push(Operation { id: grant.id, deed: Deed::Permit, called, returned: Some(Instant::now()), place });

    let before = ask(reading, course.fetched_before).await;
    let (beside, after) = (ask(reading, course.fetched_beside).await, ask(reading, course.fetched_after).await);
    let mut accesses = [&before[..], &beside, &after].concat();
    let mut released = fetch(reading, &before).await;
    tokio::time::sleep(course.quiet).await;

    let template = reading.request(&reading.records[..1]).await;
    let signed = || reading.reader.desk.sign(Action::Access(template.clone()));
    let made_beside: Vec<_> = (0..course.accesses).map(|_| signed()).collect();
    let made_after: Vec<_> = (0..course.accesses).map(|_| signed()).collect();
    let revocation = reading.own().sign(reading.revocation(&grant));
    let revoke = async {
        tokio::time::sleep(course.head_start).await;
        let called = Instant::now();
        let committed = revoking.commit(&revocation, PATIENCE).await.expect("the revocation is acknowledged");
        assert_eq!(committed.outcome, Outcome::Applied);
        let returned = Some(Instant::now());
        let withdrawal = Operation { id: committed.id, deed: Deed::Withdraw, called, returned, place: None };
        let (fetched, made) = tokio::join!(fetch(reading, &after), submit(reading, &made_after));
        (withdrawal, fetched, made)
    };
    let (fetched, made, (mut withdrawal, fetched_after, made_later)) =
        tokio::join!(fetch(reading, &beside), submit(reading, &made_beside), revoke);
    released.extend(fetched.into_iter().chain(fetched_after));
    accesses.extend(made.into_iter().chain(made_later));

    // What a node said of a place is not believed: the ledger is asked, at another node.
    withdrawal.place = Some(place_of(reading, &withdrawal.id).await.0);
    history.push(withdrawal);
    for access in &mut accesses {
        let (place, outcome) = place_of(reading, &access.id).await;
        access.place = Some(place);
        access.deed = Deed::Access { granted: outcome.granted().is_some() };
    }
    history.extend(accesses);
    let statements = statements_about(reading, &released).await;
    for release in &mut released {
        release.place = statements.get(&release.id).copied();
    }
    history.extend(released);
    history
}

/// In a history: accesses that were granted, accesses that were denied, payloads that came.
pub fn tally(history: &[Operation]) -> (usize, usize, usize) {
    let count = |deed| history.iter().filter(|operation| operation.deed == deed).count();
    (count(Deed::Access { granted: true }), count(Deed::Access { granted: false }), count(Deed::Released))
}

/// Accesses with a key each, made one beside the other, waited for until the reader's own node has them.
async fn ask(reading: &Reading, count: usize) -> Vec<Operation> {
    let asking = (0..count).map(|_| async {
        let called = Instant::now();
        let id = reading.granted(&reading.records[..1]).await;
        Operation { id, deed: Deed::Access { granted: true }, called, returned: Some(Instant::now()), place: None }
    });
    join_all(asking).await
}

/// Accesses that are not waited for.
async fn submit(reading: &Reading, signed: &[SignedTransaction]) -> Vec<Operation> {
    let called = Instant::now();
    let nodes = reading.cluster.nodes.len();
    let sending = (0..nodes).map(|node| {
        let part: Vec<_> = signed.iter().skip(node).step_by(nodes).cloned().collect();
        reading.cluster.client(node).submit_batch(part)
    });
    for answers in join_all(sending).await {
        assert!(answers.expect("the nodes answer").iter().all(|answer| answer.accepted), "the nodes have room");
    }
    let operation = |signed| {
        let deed = Deed::Access { granted: false };
        Operation { id: id_of(signed), deed, called, returned: None, place: None }
    };
    signed.iter().map(operation).collect()
}

/// Fetches each access's payload; those that came.
async fn fetch(reading: &Reading, accesses: &[Operation]) -> Vec<Operation> {
    let fetching = accesses.iter().map(|access| async {
        let called = Instant::now();
        let answer = reading.fetch(&access.id).await;
        let returned = Some(Instant::now());
        let came = answer.records.iter().all(|record| record.state == "ready");
        came.then_some(Operation { id: access.id, deed: Deed::Released, called, returned, place: None })
    });
    join_all(fetching).await.into_iter().flatten().collect()
}

/// Where a transaction stands, as the reader's own node has it.
async fn place_of(reading: &Reading, id: &TransactionId) -> (Place, Outcome) {
    let committed = reading.cluster.client(READER).wait_committed(id, PATIENCE).await.expect("what was accepted is committed");
    ((committed.height.0, committed.index), committed.outcome)
}

/// The custodian's statements, by access; waits a while until there is one about each release.
async fn statements_about(reading: &Reading, released: &[Operation]) -> BTreeMap<TransactionId, Place> {
    let start = Instant::now();
    loop {
        let journal = reading.journal().await;
        let statements: BTreeMap<_, _> = journal
            .iter()
            .filter_map(|event| match event.entry.transaction.transaction.action {
                Action::Disclose { access, .. } => Some((access, (event.height.0, event.index))),
                _ => None,
            })
            .collect();
        if released.iter().all(|release| statements.contains_key(&release.id)) || start.elapsed() > STATEMENTS_MAX {
            return statements;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
