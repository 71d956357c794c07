//! What is handed over is not what was registered, or nothing is: the reader's node shows nothing and says so on the ledger.

use inro_contracts::access::PayloadFault;
use inro_contracts::transaction::Action;
use inro_tests::cheats::{Cheat, machine_of};
use inro_tests::consortium::patient;
use inro_tests::reading::{CUSTODIAN, READER, Reading};

use super::{
    assert_an_honest_custodian_hands_over, assert_nothing_is_shown, assert_the_ledger_holds, be_impatient, become_a_cheat, chart,
    configure_desk, found, replace_custodian,
};

/// A node that keeps for others what they cannot hand over at once.
const INTERMEDIATE: usize = 2;

async fn stage(cheat: Cheat) -> Reading {
    let mut cluster = found(Some(cheat));
    cluster.start_all().await;
    let reading = Reading::begin(cluster, &[&chart("first"), &chart("second")]).await;
    reading.grant().await;
    reading.wait_connected().await;
    reading
}

/// A new access to the first record ends in one of these faults, which the journal tells; nothing is shown.
async fn assert_caught(reading: &Reading, faults: &[PayloadFault]) -> PayloadFault {
    let record = reading.records[0];
    let access = reading.granted(&[record]).await;
    let answer = reading.fetch(&access).await;
    let shown = &answer.records[0];
    assert_eq!(shown.state, "failed", "{answer:?}");
    let event = reading
        .wait_journal("what was wrong with the payload", |event| {
            matches!(event.entry.transaction.transaction.action, Action::ReportPayload { access: of, .. } if of == access)
        })
        .await;
    let Action::ReportPayload { record: of, fault, .. } = event.entry.transaction.transaction.action else {
        panic!("the event is a report");
    };
    assert!(event.entry.outcome.is_applied() && of == record);
    assert!(faults.contains(&fault), "{fault:?} is reported instead of {faults:?}");
    let named = serde_json::to_value(fault).expect("a fault has a name");
    assert_eq!(named.as_str(), shown.fault.as_deref(), "the reader is told what the ledger is told");
    assert_nothing_is_shown(reading, &access, &record).await;
    assert_eq!(reading.reports(&access).await, [fault], "it is reported once");
    fault
}

#[tokio::test(flavor = "multi_thread")]
async fn another_payload_in_the_place_of_the_registered_one_is_refused_and_reported() {
    let mut reading = stage(Cheat::Inventing).await;
    assert_caught(&reading, &[PayloadFault::Substituted]).await;
    replace_custodian(&mut reading, Some(Cheat::Swapping)).await;
    assert_caught(&reading, &[PayloadFault::Substituted]).await;
    assert_an_honest_custodian_hands_over(&mut reading, &chart("first")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sealed_bytes_of_another_record_or_for_another_access_are_refused_and_reported() {
    let mut reading = stage(Cheat::Misfiling).await;
    assert_caught(&reading, &[PayloadFault::NotForThisAccess]).await;
    replace_custodian(&mut reading, Some(Cheat::Misaddressing)).await;
    assert_caught(&reading, &[PayloadFault::NotForThisAccess]).await;
    assert_an_honest_custodian_hands_over(&mut reading, &chart("first")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_truncated_payload_is_refused_and_reported() {
    let mut reading = stage(Cheat::Truncating).await;
    assert_caught(&reading, &[PayloadFault::Truncated]).await;
    assert_an_honest_custodian_hands_over(&mut reading, &chart("first")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payload_that_is_withheld_is_reported_whatever_the_custodian_says() {
    let mut reading = stage(Cheat::Refusing).await;
    assert_caught(&reading, &[PayloadFault::Withheld]).await;
    // Promised, and never sent: this ends when the transport has waited for a piece for 30 s.
    replace_custodian(&mut reading, Some(Cheat::Silent)).await;
    assert_caught(&reading, &[PayloadFault::Withheld]).await;
    assert_an_honest_custodian_hands_over(&mut reading, &chart("first")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sealed_bytes_of_a_former_access_are_refused_and_reported() {
    let mut reading = stage(Cheat::Replaying).await;
    // For the first access they are the right ones.
    let record = reading.records[0];
    let access = reading.granted(&[record]).await;
    assert_eq!(reading.fetch(&access).await.records[0].state, "ready");
    assert_caught(&reading, &[PayloadFault::NotForThisAccess]).await;
    assert_caught(&reading, &[PayloadFault::NotForThisAccess]).await;
    assert_an_honest_custodian_hands_over(&mut reading, &chart("first")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payload_that_comes_without_the_ledgers_authorisation_or_with_a_false_one_is_not_taken_and_is_reported() {
    let mut reading = stage(Cheat::Unproved).await;
    assert_caught(&reading, &[PayloadFault::Unauthorised]).await;
    for cheat in [Cheat::Embellishing, Cheat::Undersigning, Cheat::Counterfeiting] {
        replace_custodian(&mut reading, Some(cheat)).await;
        assert_caught(&reading, &[PayloadFault::Unauthorised]).await;
    }
    assert_an_honest_custodian_hands_over(&mut reading, &chart("first")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_authorised_another_access_authorises_no_other() {
    let mut reading = stage(Cheat::Borrowing).await;
    // For the first access it is the right one.
    let access = reading.granted(&[reading.records[0]]).await;
    assert_eq!(reading.fetch(&access).await.records[0].state, "ready");
    assert_caught(&reading, &[PayloadFault::Unauthorised]).await;
    assert_caught(&reading, &[PayloadFault::Unauthorised]).await;
    assert_an_honest_custodian_hands_over(&mut reading, &chart("first")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_custodian_offers_without_authorisation_is_taken_from_an_intermediate_that_shows_one() {
    // The reader's node waits as long as usual: what the custodian deposits takes its time.
    let mut cluster = found(None);
    become_a_cheat(&mut cluster, Cheat::Unproved, 1);
    let intermediate: toml::Value = machine_of(&cluster, INTERMEDIATE).to_hex().into();
    for node in [CUSTODIAN, READER] {
        configure_desk(&mut cluster, node, "intermediates", vec![intermediate.clone()].into());
    }
    configure_desk(&mut cluster, INTERMEDIATE, "intermediate", toml::Table::new().into());
    cluster.start_all().await;
    let reading = Reading::begin(cluster, &[&chart("first")]).await;
    reading.grant().await;
    reading.wait_connected().await;
    let access = reading.granted(&reading.records).await;
    let answer = reading.fetch(&access).await;
    assert_eq!(answer.records[0].state, "ready", "{answer:?}");
    let reported = |action: &Action| matches!(action, Action::ReportPayload { access: of, .. } if *of == access);
    reading.wait_journal("the custodian's offer", |event| reported(&event.entry.transaction.transaction.action)).await;
    assert_eq!(reading.reports(&access).await, [PayloadFault::Unauthorised]);
    assert_the_ledger_holds(&reading, &[0, 1, 2, 3]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_flipped_bit_anywhere_is_refused_and_reported() {
    let seed = rand::Rng::r#gen(&mut inro_tests::seed::random());
    let mut cluster = found(None);
    become_a_cheat(&mut cluster, Cheat::Flipping, seed);
    be_impatient(&mut cluster);
    cluster.start_all().await;
    let mut reading = Reading::begin(cluster, &[&chart("first")]).await;
    reading.grant().await;
    reading.wait_connected().await;
    for _ in 0..12 {
        // In the header it is no sealed payload, or one for somebody else; later it is one that was altered.
        assert_caught(&reading, &[PayloadFault::Malformed, PayloadFault::NotForThisAccess]).await;
    }
    assert!(reading.cluster.nodes[CUSTODIAN].process_id().is_some());
    assert_an_honest_custodian_hands_over(&mut reading, &chart("first")).await;
}

/// A machine slept while the patient revoked. It woke, fetched what had been granted to its practitioner before, was refused, found
/// no revocation on its own ledger, which was a few blocks behind, and stated for ever that the custodian withheld a payload.
#[tokio::test(flavor = "multi_thread")]
async fn an_honest_custodian_is_not_accused_by_a_reader_whose_ledger_is_behind() {
    let mut cluster = found(None);
    cluster.start_all().await;
    let reading = Reading::begin(cluster, &[&chart("first")]).await;
    reading.wait_connected().await;
    let grant = reading.grant().await;
    let access = reading.granted(&reading.records).await;
    reading.cluster.pause(READER);
    let meanwhile = async {
        reading.own().act(reading.revocation(&grant)).await.expect("the others commit it");
        for _ in 0..5 {
            let opening = reading.cluster.consortium.open_account(CUSTODIAN, &patient());
            reading.cluster.apply(CUSTODIAN, &opening).await;
        }
        reading.cluster.resume(READER);
    };
    let (answer, ()) = tokio::join!(reading.fetch(&access), meanwhile);
    assert_eq!(answer.records[0].state, "failed", "{answer:?}");
    assert_nothing_is_shown(&reading, &access, &reading.records[0]).await;
    let refused = |action: &Action| matches!(action, Action::RefuseDisclosure { access: of, .. } if *of == access);
    reading.wait_journal("the refusal", |event| refused(&event.entry.transaction.transaction.action)).await;
    // A report would be on the ledger by now.
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    reading.cluster.wait_level(&[CUSTODIAN, READER]).await;
    assert_eq!(reading.reports(&access).await, [], "the refusal was honest");
}
