//! Planted bugs in when a payload is handed over, in running programs: the revocation checker finds each of them, and finds nothing
//! in the honest program.

use std::time::Duration;

use inro_contracts::id::TransactionId;
use inro_contracts::transaction::Action;
use inro_tests::cheats::{Cheat, EarlyApi, LAG};
use inro_tests::race::{self, Course, tally};
use inro_tests::reading::{CUSTODIAN, Reading};
use inro_tests::revocation::{Operation, Violation, check};

use super::{assert_the_ledger_holds, chart, found};

/// So few that none waits for another: a peer serves eight at once.
const PLANTED: Course = Course {
    fetched_before: 1,
    fetched_beside: 4,
    fetched_after: 4,
    accesses: 40,
    quiet: LAG.saturating_add(Duration::from_secs(1)),
    head_start: Duration::from_millis(20),
};
/// The transfers have begun when the revocation is sent.
const UNPREPARED: Course = Course { fetched_before: 0, quiet: Duration::ZERO, head_start: Duration::from_secs(1), ..PLANTED };
const HONEST: Course = Course { fetched_beside: 16, fetched_after: 16, accesses: 400, quiet: Duration::ZERO, ..PLANTED };

async fn stage(cheat: Option<Cheat>) -> Reading {
    let mut cluster = found(cheat);
    cluster.start_all().await;
    let reading = Reading::begin(cluster, &[&chart("first")]).await;
    reading.wait_connected().await;
    reading
}

/// Runs a race against a custodian with a bug; what the checker finds.
async fn found_with(cheat: Cheat, course: Course) -> Vec<Violation> {
    let reading = stage(Some(cheat)).await;
    let history = race::run(&reading, course, reading.cluster.client(CUSTODIAN)).await;
    verdict(&history, &[])
}

fn verdict(history: &[Operation], stated: &[TransactionId]) -> Vec<Violation> {
    let (granted, denied, came) = tally(history);
    let violations = check(history, stated);
    println!("{granted} granted, {denied} denied, {came} came, {} stated; {} violations", stated.len(), violations.len());
    violations
}

fn is_after(violation: &Violation) -> bool {
    matches!(violation, Violation::ReleasedAfterWithdrawal(..))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_race_against_a_revocation_with_honest_nodes_has_no_violation() {
    let reading = stage(None).await;
    let mut history = Vec::new();
    for _ in 0..3 {
        history.extend(race::run(&reading, HONEST, reading.cluster.client(CUSTODIAN)).await);
    }
    let journal = reading.journal().await;
    let actions = journal.iter().map(|event| &event.entry.transaction.transaction.action);
    let stated: Vec<_> =
        actions.filter_map(|action| if let Action::Disclose { access, .. } = action { Some(*access) } else { None }).collect();
    assert_eq!(verdict(&history, &stated), []);
    let (_, denied, came) = tally(&history);
    assert!(came >= 3 && denied >= 3 * HONEST.accesses, "the race was run");
    let mut accused = journal.iter().map(|event| &event.entry.transaction.transaction.action);
    assert!(!accused.any(|action| matches!(action, Action::ReportPayload { .. })), "nobody complains of an honest custodian");
    assert_the_ledger_holds(&reading, &[0, 1, 2, 3]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_custodian_that_decides_from_a_copy_of_its_own_is_found() {
    let violations = found_with(Cheat::Remembering, PLANTED).await;
    assert!(!violations.is_empty() && violations.iter().all(is_after), "{violations:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_custodian_that_keeps_its_decisions_is_found() {
    let violations = found_with(Cheat::Caching, PLANTED).await;
    assert!(!violations.is_empty() && violations.iter().all(is_after), "{violations:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_custodian_that_reads_from_a_follower_that_is_behind_is_found() {
    let violations = found_with(Cheat::Lagging, PLANTED).await;
    assert!(!violations.is_empty() && violations.iter().all(is_after), "{violations:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_custodian_that_pauses_between_check_and_send_is_found() {
    let violations = found_with(Cheat::Pausing, UNPREPARED).await;
    let is_late = |violation: &Violation| matches!(violation, Violation::ReleasedLate(..));
    assert!(!violations.is_empty() && violations.iter().all(is_late), "{violations:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_that_acknowledges_a_revocation_before_it_is_committed_is_found() {
    let reading = stage(None).await;
    let early = EarlyApi::before(reading.cluster.client(CUSTODIAN)).await;
    let history = race::run(&reading, PLANTED, early.client()).await;
    let violations = verdict(&history, &[]);
    assert!(violations.iter().any(|violation| matches!(violation, Violation::AgainstRealTime(..))), "{violations:?}");
    assert!(violations.iter().any(is_after), "{violations:?}");
}
