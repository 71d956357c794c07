//! The patient's word on a running cluster: the whole scenario with real documents, and what must hold around it.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use inro_client::desk::Decided;
use inro_client::model::Submission;
use inro_contracts::access::{AccessRequest, Basis, Reader};
use inro_contracts::bytes::List;
use inro_contracts::category::{Categories, Category};
use inro_contracts::consent::{GrantTerms, Grantee};
use inro_contracts::entry::Outcome;
use inro_contracts::id::{GrantId, Label, RecordId, TransactionId};
use inro_contracts::key::SecretKey;
use inro_contracts::purpose::Purpose;
use inro_contracts::record::ErasureReason;
use inro_contracts::time::{Time, Validity};
use inro_contracts::transaction::Action;
use inro_tests::cluster::{Cluster, PATIENCE, Shape};
use inro_tests::consortium::{id_of, label_of, now, patient};
use inro_tests::play::{Facility, Patient, Play};
use inro_tests::revocation::{Deed, Operation, check};

pub const SLUGS: [&str; 5] = ["a-clinic", "kamakura-clinic", "e-medical-centre", "pharmacy", "phr"];

pub async fn facility(cluster: &Cluster, index: usize) -> Facility {
    let member = &cluster.consortium.members[index];
    let (authority, physician) = (member.authority.clone(), member.practitioner.clone());
    let slug = SLUGS[index % SLUGS.len()];
    let facility = Facility::at(slug, slug, member.id, authority, physician, cluster.client(index).clone()).await;
    facility.expect("every node says who it is")
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
    patient: SecretKey,
    account: Label,
    record: RecordId,
}

impl Case {
    async fn new(cluster: Cluster, payload: &[u8]) -> Self {
        let (custodian, reader) = (facility(&cluster, 0).await, facility(&cluster, 1).await);
        let patient = patient();
        let account = label_of(&patient);
        cluster.apply(0, &cluster.consortium.open_account(0, &patient)).await;
        let items = custodian.desk.take_in(&account, "chart.txt", Some(Category::Chart), None, payload.to_vec()).await;
        let manifest = items.expect("a text can be taken in").remove(0).record;
        let record = manifest.id;
        let action = Action::RegisterRecord { account, practitioner: custodian.physician, record: manifest };
        assert_eq!(custodian.desk.act(action).await.expect("it is committed").outcome, Outcome::Applied);
        Self { cluster, custodian, reader, patient, account, record }
    }

    fn granting(&self) -> Action {
        let terms = GrantTerms {
            grantee: Grantee::Organisation(self.reader.id),
            categories: Categories::ALL,
            purpose: Purpose::Treatment,
            validity: Validity { from: Time(0), until: now().plus_ms(3_600_000) },
            may_pass_on: false,
        };
        Action::Grant { account: self.account, terms }
    }

    async fn grant(&self) -> GrantId {
        let committed = self.custodian.desk.with_key(self.patient.clone()).act(self.granting()).await.expect("it is committed");
        assert_eq!(committed.outcome, Outcome::Applied);
        GrantId(committed.id.0)
    }

    fn revoking(&self, grant: GrantId) -> Action {
        Action::Revoke { account: self.account, grant }
    }

    async fn request(&self) -> AccessRequest {
        AccessRequest {
            account: self.account,
            reader: Reader::Practitioner(self.reader.physician),
            basis: Basis::Grant,
            purpose: Purpose::Treatment,
            categories: Categories::ALL,
            records: List::default(),
            after: None,
            reply_key: self.reader.desk.make_reply_key().await.expect("the reader's node makes keys"),
        }
    }

    async fn granted_access(&self) -> TransactionId {
        match self.reader.desk.ask(self.request().await).await.expect("the ledger decides") {
            Decided::Granted { id, granted } => {
                assert_eq!(granted.records.to_vec(), [self.record]);
                id
            }
            Decided::Denied { denial, .. } => panic!("{denial}"),
        }
    }

    /// What the account's journal tells, waiting until something in it holds.
    async fn wait_journal(&self, what: &str, holds: impl Fn(&Action) -> bool) {
        let own = self.custodian.desk.with_key(self.patient.clone());
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            let journal = own.journal(&self.account, 1, 1000).await.expect("the patient reads the own journal");
            if journal.iter().any(|event| holds(&event.entry.transaction.transaction.action)) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("the journal does not tell: {what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_granted_is_not_handed_over_after_a_revocation_and_the_journal_says_so() {
    let case = Case::new(Cluster::of_four().await, b"hoarse for three weeks, and nobody else's business").await;
    let grant = case.grant().await;
    let access = case.granted_access().await;
    let own = case.custodian.desk.with_key(case.patient.clone());
    assert_eq!(own.act(case.revoking(grant)).await.expect("it is committed").outcome, Outcome::Applied);
    case.cluster.wait_level(&[0, 1]).await;
    // Only now does the reader's node ask for it.
    let answer = case.reader.desk.access(&access, Duration::from_secs(10)).await.expect("the access is known");
    assert_eq!(answer.records[0].state, "failed", "{answer:?}");
    assert!(case.reader.desk.payload(&access, &case.record).await.is_err(), "nothing is shown");
    case.wait_journal("the custodian's refusal", |action| matches!(action, Action::RefuseDisclosure { .. })).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erased_record_is_gone_from_the_vault_and_cannot_be_read_again() {
    let case = Case::new(Cluster::of_four().await, b"entered by mistake").await;
    case.grant().await;
    let access = case.granted_access().await;
    let before = case.reader.desk.access(&access, Duration::from_secs(10)).await.expect("the access is known");
    assert_eq!(before.records[0].state, "ready", "{before:?}");
    let reason = ErasureReason::EnteredInError;
    let practitioner = case.custodian.physician;
    let erasing = Action::EraseRecord { account: case.account, practitioner, record: case.record, reason };
    assert_eq!(case.custodian.desk.act(erasing).await.expect("it is committed").outcome, Outcome::Applied);
    let keys = case.cluster.nodes[0].data().join("vault/keys");
    let start = Instant::now();
    while count_files(&keys) > 0 {
        assert!(start.elapsed() < PATIENCE, "the record's key is still in the vault");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let own = case.custodian.desk.with_key(case.patient.clone());
    let proof = own.erasure(&case.account, &case.record).await.expect("the custodian shows the patient that it is gone");
    let checks = proof["checks"].as_object().expect("the proof names what was tried");
    assert!(!checks.is_empty() && checks.values().all(|held| held == true), "{proof}");
    assert!(case.reader.desk.erasure(&case.account, &case.record).await.is_err(), "it is not everybody's to know");
    match case.reader.desk.ask(case.request().await).await.expect("the ledger decides") {
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
    let case = Case::new(Cluster::of_four().await, b"read or not read").await;
    let grant = case.grant().await;
    let template = case.request().await;
    let signed: Vec<_> = (0..2 * AROUND).map(|_| case.reader.desk.sign(Action::Access(template.clone()))).collect();
    let (before, after) = signed.split_at(AROUND);
    let mut operations = Vec::new();

    // Half of them together with the revocation, through different nodes; the others as soon as it has returned.
    let revocation = case.custodian.desk.with_key(case.patient.clone()).sign(case.revoking(grant));
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
        (called, Instant::now(), committed)
    };
    let ((flood_called, mut waiting), (called, returned, committed)) = tokio::join!(flood, revoking);
    assert_eq!(committed.outcome, Outcome::Applied);
    let place = Some((committed.height.0, committed.index));
    operations.push(Operation { id: committed.id, deed: Deed::Withdraw, called, returned: Some(returned), place });
    let late_called = Instant::now();
    assert!(late_called.duration_since(returned) < Duration::from_millis(200));
    let sending = after.chunks(AROUND / 4).enumerate().map(|(index, piece)| {
        let client = case.cluster.client(index % 4);
        client.submit_batch(piece.to_vec())
    });
    waiting.extend(accepted(futures::future::join_all(sending).await));

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
    let permit =
        Operation { id: TransactionId(grant.0), deed: Deed::Permit, called: flood_called, returned: None, place: Some((0, 0)) };
    operations.push(permit);
    let own = case.custodian.desk.with_key(case.patient.clone());
    let account = case.cluster.client(0).account(&case.account).await.expect("the account is there");
    let mut released = Vec::new();
    let mut from = 1;
    while from <= account.journal_length {
        let page = own.journal(&case.account, from, 1000).await.expect("the patient reads the own journal");
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
