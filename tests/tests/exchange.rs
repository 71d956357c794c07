//! The patient's word on a running cluster: the whole scenario with real documents, and what must hold around it.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use inro_client::desk::Decided;
use inro_client::model::Submission;
use inro_contracts::access::{AccessRequest, Basis, Reader};
use inro_contracts::category::Category;
use inro_contracts::entry::Outcome;
use inro_contracts::id::{GrantId, RecordId, TransactionId};
use inro_contracts::purpose::Purpose;
use inro_contracts::record::ErasureReason;
use inro_contracts::transaction::Action;
use inro_tests::cluster::{Cluster, PATIENCE, Shape, eventually};
use inro_tests::consortium::id_of;
use inro_tests::play::{Facility, Patient, Play};
use inro_tests::revocation::{Deed, Operation, check};
use inro_tests::treatment::{self, Kept, apply, ask, keep, request};

pub const SLUGS: [&str; 5] = ["a-clinic", "kamakura-clinic", "e-medical-centre", "pharmacy", "phr"];

/// A facility with the folder of its sample documents.
pub async fn facility(cluster: &Cluster, index: usize) -> Facility {
    Facility { slug: SLUGS[index % SLUGS.len()].into(), ..treatment::facility(cluster, index).await }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_scenario_p1_to_p8_runs_and_every_forbidden_read_fails() {
    let cluster = Cluster::start(Shape { observers: 1, ..Shape::default() }).await;
    let mut facilities = Vec::new();
    for index in 0..SLUGS.len() {
        facilities.push(facility(&cluster, index).await);
    }
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    let patient = Patient::new(cluster.consortium.chain);
    let mut play = Play::new(facilities, patient, &samples, |shown, title| {
        println!("{title}: {} ({} ms) {}", if shown.ok { "ok" } else { "FAILED" }, shown.millis, shown.detail);
    });
    assert!(play.all().await, "{:?}", play.shown.last());
}

/// One patient with one record at the first facility, and a consent to the second.
struct Case {
    cluster: Cluster,
    custodian: Facility,
    reader: Facility,
    kept: Kept,
    record: RecordId,
    grant: GrantId,
}

impl Case {
    async fn new(payload: &[u8]) -> Self {
        let cluster = Cluster::of_four().await;
        let (custodian, reader) = (facility(&cluster, 0).await, facility(&cluster, 1).await);
        let kept = Kept::open(&cluster, 0).await;
        let record = keep(&custodian, kept.account, Category::Chart, payload.to_vec()).await.expect("a text can be kept").id;
        let grant = kept.consent(&custodian, &reader).await.expect("the patient consents");
        // What the patient signs is refused by a node that does not have the account yet.
        cluster.wait_level(&[0, 1, 2, 3]).await;
        Self { cluster, custodian, reader, kept, record, grant }
    }

    fn revoking(&self) -> Action {
        Action::Revoke { account: self.kept.account, grant: self.grant }
    }

    fn request(&self) -> AccessRequest {
        let reader = Reader::Practitioner(self.reader.physician);
        request(self.kept.account, reader, Basis::Grant, Purpose::Treatment)
    }

    async fn granted_access(&self) -> TransactionId {
        match ask(&self.reader.desk, self.request()).await.expect("the ledger decides") {
            Decided::Granted { id, granted } => {
                assert_eq!(granted.records.to_vec(), [self.record]);
                id
            }
            Decided::Denied { denial, .. } => panic!("{denial}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_granted_is_not_handed_over_after_a_revocation_and_the_journal_says_so() {
    let case = Case::new(b"hoarse for three weeks, and nobody else's business").await;
    let access = case.granted_access().await;
    apply(&case.kept.desk(&case.custodian), case.revoking()).await.expect("the patient may revoke");
    case.cluster.wait_level(&[0, 1]).await;
    // Only now does the reader's node ask for it.
    let answer = case.reader.desk.access(&access, Duration::from_secs(10)).await.expect("the access is known");
    assert_eq!(answer.records[0].state, "failed", "{answer:?}");
    assert!(case.reader.desk.payload(&access, &case.record).await.is_err(), "nothing is shown");
    let refuses = |action: &Action| matches!(action, Action::RefuseDisclosure { .. });
    case.kept.wait_journal(&case.custodian, "the custodian's refusal", refuses).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erased_record_is_gone_from_the_vault_and_cannot_be_read_again() {
    let case = Case::new(b"entered by mistake").await;
    let access = case.granted_access().await;
    let before = case.reader.desk.access(&access, Duration::from_secs(10)).await.expect("the access is known");
    assert_eq!(before.records[0].state, "ready", "{before:?}");
    let reason = ErasureReason::EnteredInError;
    let practitioner = case.custodian.physician;
    let erasing = Action::EraseRecord { account: case.kept.account, practitioner, record: case.record, reason };
    apply(&case.custodian.desk, erasing).await.expect("the custodian may erase");
    let own = case.kept.desk(&case.custodian);
    let account = &case.kept.account;
    let shown = async || own.erasure(account, &case.record).await.ok();
    let proof = eventually("the custodian shows the patient that it is gone", shown).await;
    assert_eq!(count_files(&case.cluster.nodes[0].data().join("vault/keys")), 0, "the record's key is still in the vault");
    let checks = proof["checks"].as_object().expect("the proof names what was tried");
    assert!(!checks.is_empty() && checks.values().all(|held| held == true), "{proof}");
    assert!(case.reader.desk.erasure(account, &case.record).await.is_err(), "it is not everybody's to know");
    match ask(&case.reader.desk, case.request()).await.expect("the ledger decides") {
        Decided::Granted { granted, .. } => assert!(granted.records.is_empty(), "an erased record is granted"),
        Decided::Denied { denial, .. } => panic!("{denial}"),
    }
}

/// The transactions that a node took in.
fn accepted<E: std::fmt::Debug>(answers: Vec<Result<Vec<Submission>, E>>) -> BTreeSet<TransactionId> {
    let answers = answers.into_iter().flat_map(|answer| answer.expect("the nodes answer"));
    answers.filter(|submission| submission.accepted).filter_map(|submission| submission.id).collect()
}

fn count_files(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| if entry.path().is_dir() { count_files(&entry.path()) } else { 1 }).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn accesses_around_a_revocation_are_decided_by_their_place_on_the_ledger() {
    const AROUND: usize = 1_500;
    let case = Case::new(b"read or not read").await;
    let reply_key = case.reader.desk.make_reply_key().await.expect("the reader's node makes keys");
    let template = AccessRequest { reply_key, ..case.request() };
    let signed: Vec<_> = (0..2 * AROUND).map(|_| case.reader.desk.sign(Action::Access(template.clone()))).collect();
    let (before, after) = signed.split_at(AROUND);
    let mut operations = Vec::new();

    // Half of them together with the revocation, through different nodes; the others as soon as it has returned.
    let revocation = case.kept.desk(&case.custodian).sign(case.revoking());
    let flood = async {
        let called = Instant::now();
        let pieces = before.chunks(AROUND / 3).enumerate();
        let sending = pieces.map(|(index, piece)| case.cluster.client(1 + index % 3).submit_batch(piece.to_vec()));
        (called, accepted(futures::future::join_all(sending).await))
    };
    let revoking = async {
        tokio::time::sleep(Duration::from_millis(60)).await;
        let called = Instant::now();
        let committed = case.cluster.commit(3, &revocation).await;
        let (returned, late_called) = (Instant::now(), Instant::now());
        let sending = after.chunks(AROUND / 4).enumerate().map(|(index, piece)| {
            let client = case.cluster.client(index % 4);
            client.submit_batch(piece.to_vec())
        });
        let late = accepted(futures::future::join_all(sending).await);
        assert_eq!(committed.outcome, Outcome::Applied);
        let place = Some((committed.height.0, committed.index));
        (Operation { id: committed.id, deed: Deed::Withdraw, called, returned: Some(returned), place }, late_called, late)
    };
    let ((flood_called, mut waiting), (withdrawal, late_called, late)) = tokio::join!(flood, revoking);
    operations.push(withdrawal);
    waiting.extend(late);

    // Every outcome is looked up on the ledger.
    let (mut granted, mut denied) = (0, 0);
    for (index, transaction) in signed.iter().enumerate() {
        let id = id_of(transaction);
        if !waiting.contains(&id) {
            continue;
        }
        let committed = case.cluster.client(0).wait_committed(&id, PATIENCE).await.expect("what was accepted is committed");
        let was_granted = matches!(committed.outcome, Outcome::Granted(_));
        if was_granted {
            granted += 1
        } else {
            denied += 1
        }
        let called = if index < AROUND { flood_called } else { late_called };
        let place = Some((committed.height.0, committed.index));
        let deed = Deed::Access { granted: was_granted };
        operations.push(Operation { id, deed, called, returned: None, place });
    }
    let permit = Operation {
        id: TransactionId(case.grant.0),
        deed: Deed::Permit,
        called: flood_called,
        returned: None,
        place: Some((0, 0)),
    };
    operations.push(permit);
    let own = case.kept.desk(&case.custodian);
    let account = case.cluster.client(0).account(&case.kept.account).await.expect("the account is there");
    let mut released = Vec::new();
    let mut from = 1;
    while from <= account.journal_length {
        let page = own.journal(&case.kept.account, from, 1000).await.expect("the patient reads the own journal");
        from += page.len() as u64;
        released.extend(page.iter().filter_map(|event| match event.entry.transaction.transaction.action {
            Action::Disclose { access, .. } => Some(access),
            _ => None,
        }));
    }
    println!("{granted} granted, {denied} denied, {} released", released.len());
    assert!(denied >= AROUND / 2, "the late half was decided");
    assert_eq!(check(&operations, &released), []);
}
