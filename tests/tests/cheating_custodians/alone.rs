//! Serving without a record: it takes two, a custodian that hands over and a reader that takes. Either of them alone fails against
//! an honest other; the two together get around the ledger, which the README says openly, and the checker sees it.

use std::time::{Duration, Instant};

use inro_contracts::access::{AccessRequest, Reader};
use inro_contracts::entry::Outcome;
use inro_contracts::id::{RecordId, TransactionId};
use inro_contracts::transaction::Action;
use inro_network::{Deposit, ObjectId, PayloadError, Refusal};
use inro_payload::{Handover, Opener};
use inro_tests::cheats::{Cheat, GreedyMember, agreed_secret, machine_of};
use inro_tests::cluster::{Cluster, Shape, eventually};
use inro_tests::consortium::now;
use inro_tests::reading::{CUSTODIAN, READER, Reading};
use inro_tests::revocation::{Deed, Operation, Violation, check};
use rand::Rng;
use rand::rngs::OsRng;

use super::{
    CANARY, assert_no_canary, assert_nothing_is_shown, assert_the_ledger_holds, be_impatient, become_a_cheat, chart, contains,
    replace_custodian,
};

/// A member whose machine is run by somebody greedy.
const GREEDY: usize = 4;

/// Four facilities, the first of which cheats, and a fifth member's machine that asks for everything.
async fn stage(cheat: Cheat) -> (Reading, GreedyMember) {
    let mut cluster = Cluster::found(&Shape { observers: 1, ..Shape::default() });
    become_a_cheat(&mut cluster, cheat, 1);
    be_impatient(&mut cluster);
    cluster.configure(READER, |config| {
        let desk = config.get_mut("desk").and_then(toml::Value::as_table_mut).expect("the desk has settings");
        desk.insert("intermediate".into(), toml::Table::new().into());
    });
    for node in 0..GREEDY {
        cluster.launch(node);
    }
    for node in 0..GREEDY {
        cluster.wait_ready(node).await;
    }
    let mut reading = Reading::begin(cluster, &[&chart("first"), &chart("second")]).await;
    let greedy = GreedyMember::in_the_place_of(&mut reading.cluster, GREEDY, &[CUSTODIAN, READER]).await;
    (reading, greedy)
}

/// The greedy member's practitioner asks the ledger for a record.
async fn ask_the_ledger(reading: &Reading, record: RecordId) -> Operation {
    let member = &reading.cluster.consortium.members[GREEDY];
    let reader = Reader::Practitioner(member.practitioner_id);
    let request = AccessRequest { reader, ..reading.request(&[record]).await };
    let called = Instant::now();
    let asking = reading.cluster.consortium.sign(Action::Access(request), &member.practitioner);
    let committed = reading.cluster.commit(READER, &asking).await;
    let granted = matches!(committed.outcome, Outcome::Granted(_));
    assert!(granted || matches!(committed.outcome, Outcome::Denied(_)));
    let (deed, place) = (Deed::Access { granted }, Some((committed.height.0, committed.index)));
    Operation { id: committed.id, deed, called, returned: Some(Instant::now()), place }
}

fn object(reading: &Reading, access: TransactionId, record: RecordId) -> ObjectId {
    ObjectId::Record { access, account: reading.account, record }
}

fn refusal<T: std::fmt::Debug>(answer: Result<T, PayloadError>) -> Refusal {
    match answer {
        Err(PayloadError::Refused { refusal, .. }) => refusal,
        other => panic!("not refused: {:?}", other.map(|_| "something came")),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_served_without_a_record_needs_a_dishonest_reader_too_and_the_checker_sees_it() {
    let (mut reading, greedy) = stage(Cheat::OpenHanded).await;
    let (first, second) = (reading.records[0], reading.records[1]);
    let custodian = machine_of(&reading.cluster, CUSTODIAN);

    // An honest reader whose access was denied is shown nothing, however open the custodian's hand is.
    let request = reading.request(&[first]).await;
    let denied = reading.reader.desk.act(Action::Access(request)).await.expect("the ledger decides");
    assert!(matches!(denied.outcome, Outcome::Denied(_)));
    assert!(reading.reader.desk.access(&denied.id, Duration::ZERO).await.is_err(), "there is nothing to fetch");
    assert_nothing_is_shown(&reading, &denied.id, &first).await;

    // Two who are both dishonest get around the ledger.
    let attempt = ask_the_ledger(&reading, first).await;
    assert_eq!(attempt.deed, Deed::Access { granted: false });
    let called = Instant::now();
    let sealed = greedy.ask(&custodian, &object(&reading, attempt.id, first)).await.expect("the hand is open");
    let came = Operation { deed: Deed::Released, called, returned: Some(Instant::now()), place: None, ..attempt };
    assert!(opened(&reading, attempt.id, first, &sealed).await == chart("first"), "the two agreed on a key");
    let violations = check(&[attempt, came], &[]);
    let expected = [Violation::ReleasedWithoutAccess(attempt.id), Violation::ReleasedInSilence(attempt.id)];
    assert_eq!(violations, expected, "the checker sees what they did");
    let denial = Outcome::Denied(denial_of(&denied.outcome));
    reading.wait_journal("the attempt", |event| event.entry.outcome == denial).await;

    // What came so cannot be left with an honest node, under its own name or under that of an access that was granted.
    let reader = machine_of(&reading.cluster, READER);
    reading.grant().await;
    let granted = reading.granted(&[first]).await;
    let member = &reading.cluster.consortium.members;
    let deposit = |access, requester: usize| Deposit {
        object: object(&reading, access, first),
        requester: member[requester].id,
        total: sealed.len() as u64,
        expires: now().plus_ms(60_000),
    };
    assert_eq!(refusal(greedy.push(&reader, &deposit(attempt.id, GREEDY), sealed.clone()).await), Refusal::NotOnLedger);
    assert_eq!(refusal(greedy.push(&reader, &deposit(granted, READER), sealed.clone()).await), Refusal::NotGranted);
    assert_no_canary(&reading.cluster.nodes[READER].home);

    // An honest custodian refuses the greedy: what was denied, what nobody asked for, what is another's, what was not named.
    replace_custodian(&mut reading, None).await;
    greedy.wait_connected(&custodian).await;
    reading.grant_to(reading.cluster.consortium.members[GREEDY].id).await;
    let own = ask_the_ledger(&reading, first).await;
    assert_eq!(own.deed, Deed::Access { granted: true });
    reading.cluster.wait_level(&[READER, CUSTODIAN]).await;
    let asked = [
        (attempt.id, first, Refusal::NotOnLedger),
        (TransactionId(OsRng.r#gen()), first, Refusal::NotOnLedger),
        (granted, first, Refusal::OtherOrganisation),
        (own.id, second, Refusal::NotGranted),
    ];
    for (access, record, expected) in asked {
        assert_eq!(refusal(greedy.ask(&custodian, &object(&reading, access, record)).await), expected);
    }

    // And hands over to the honest, and even to the greedy, what the ledger grants.
    let answer = reading.fetch(&granted).await;
    assert_eq!(answer.records[0].state, "ready", "{answer:?}");
    let payload = reading.reader.desk.payload(&granted, &first).await.expect("the payload is there");
    assert!(payload.bytes == chart("first"));
    assert!(
        greedy.ask(&custodian, &object(&reading, own.id, first)).await.is_ok_and(|bytes| !contains(&bytes, CANARY.as_bytes()))
    );
    greedy.leave().await;
    assert_the_ledger_holds(&reading, &[0, 1, 2, 3]).await;
}

/// Right after its start, a silent custodian was a block behind the reader. It promised a payload whose access it did not have yet,
/// and so could not authorise: that was reported, instead of what it was there to show.
#[tokio::test(flavor = "multi_thread")]
async fn a_silent_custodian_promises_only_what_its_ledger_grants() {
    let (reading, greedy) = stage(Cheat::Silent).await;
    let custodian = machine_of(&reading.cluster, CUSTODIAN);
    let unknown = object(&reading, TransactionId(OsRng.r#gen()), reading.records[0]);
    // Two that dial each other at the same moment close one of their two links.
    let asking = async || match greedy.ask(&custodian, &unknown).await {
        Err(error) if !matches!(error, PayloadError::Refused { .. }) => None,
        answer => Some(refusal(answer)),
    };
    assert_eq!(eventually("it is refused", asking).await, Refusal::NotOnLedger);
    greedy.leave().await;
}

fn denial_of(outcome: &Outcome) -> inro_contracts::access::Denial {
    match outcome {
        Outcome::Denied(denial) => *denial,
        other => panic!("not denied: {other:?}"),
    }
}

/// Opens what came for an access that the ledger does not show, with the key that the two agreed on.
async fn opened(reading: &Reading, access: TransactionId, record: RecordId, sealed: &[u8]) -> Vec<u8> {
    let members = &reading.cluster.consortium.members;
    let secret = agreed_secret(&access);
    let handover = Handover {
        chain: reading.cluster.consortium.chain,
        access,
        record,
        custodian: members[CUSTODIAN].id,
        requester: members[GREEDY].id,
        reply_key: secret.public(),
    };
    let records = reading.custodian.desk.records(&reading.account).await.expect("the custodian sees its records");
    let found = records.iter().find(|found| found.id == record).expect("the record is on the ledger");
    let mut opener = Opener::new(secret, handover, found.record.manifest.commitment);
    let mut bytes = Vec::new();
    opener.push(sealed, &mut bytes).expect("it opens");
    opener.finish().expect("all of it is there");
    bytes
}
