//! Admission against a small ledger in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::RwLock;
use std::sync::atomic::{AtomicU64, Ordering};

use inro_contracts::account::Account;
use inro_contracts::bytes::{Canonical, List, Text};
use inro_contracts::category::Category;
use inro_contracts::id::{BlockId, Commitment, Hash, Label, OrganisationId, PractitionerId, RecordId};
use inro_contracts::key::{SecretKey, Signature};
use inro_contracts::organisation::{Organisation, OrganisationKind, OrganisationProfile, Practitioner, Role, Standing};
use inro_contracts::record::{ProviderFlags, RecordManifest};
use inro_contracts::state::StateKey;
use inro_contracts::time::{Height, Validity};
use inro_contracts::transaction::{Action, SignedTransaction, Transaction};

use super::*;
use crate::mempool::{Limits, Room};

const CHAIN: ChainId = ChainId([7; 32]);
const START: u64 = 1_000_000;

#[derive(Default)]
struct MemoryLedger {
    state: RwLock<BTreeMap<StateKey, Vec<u8>>>,
    committed: RwLock<BTreeSet<TransactionId>>,
}

struct View<'a>(&'a MemoryLedger);

impl StateReader for View<'_> {
    fn read(&self, key: &StateKey) -> Result<Option<Vec<u8>>, StateFault> {
        Ok(self.0.state.read().unwrap().get(key).cloned())
    }
    fn scan(&self, _: &[u8], _: Option<&[u8]>, _: usize) -> Result<Vec<(Vec<u8>, Vec<u8>)>, StateFault> {
        Err(StateFault("admission does not scan".into()))
    }
    fn is_committed(&self, id: &TransactionId) -> Result<bool, StateFault> {
        Ok(self.0.committed.read().unwrap().contains(id))
    }
}

impl LedgerView for MemoryLedger {
    fn chain(&self) -> ChainId {
        CHAIN
    }
    fn tip(&self) -> Tip {
        Tip { height: Height(1), block: BlockId([1; 32]), time: Time(START - 20_000) }
    }
    fn parameters(&self) -> Arc<Parameters> {
        Arc::new(Parameters {
            block_transactions_max: 10_000,
            block_bytes_max: 4 << 20,
            void_after_ms_max: 60_000,
            clock_drift_ms_max: 500,
            heartbeat_ms: 10_000,
            proposal_ms: 60_000,
            recovery_delay_ms: 10_000,
            validators_min: 1,
            peers_max: 8,
            ..Parameters::default()
        })
    }
    fn reader(&self) -> Result<Box<dyn StateReader + '_>, StateFault> {
        Ok(Box::new(View(self)))
    }
}

struct House {
    ledger: Arc<MemoryLedger>,
    pool: Arc<Pool>,
    metrics: Arc<Metrics>,
    admission: Admission,
    announced: mpsc::Receiver<Vec<Bytes>>,
    now: Arc<AtomicU64>,
    clinic: OrganisationId,
    doctor: SecretKey,
}

fn house(transactions_max: usize) -> House {
    let (authority, doctor) = (SecretKey::from_seed(&[1; 32]), SecretKey::from_seed(&[2; 32]));
    let ledger = Arc::new(MemoryLedger::default());
    let profile = OrganisationProfile {
        name: Text::new("Kamakura Clinic").unwrap(),
        kind: OrganisationKind::Clinic,
        institution_number: Text::default(),
        authority: authority.public(),
    };
    let clinic = profile.id();
    let organisation = Organisation { profile, standing: Standing::Active, since: Height(0), peers: 1 };
    let practitioner = Practitioner {
        organisation: clinic,
        key: doctor.public(),
        role: Role::Physician,
        licence: Hash([0; 32]),
        validity: Validity { from: Time(0), until: Time(u64::MAX) },
        standing: Standing::Active,
    };
    let mut state = ledger.state.write().unwrap();
    state.insert(StateKey::Organisation(clinic), organisation.to_bytes());
    state.insert(StateKey::Practitioner(Practitioner::id_of(&doctor.public())), practitioner.to_bytes());
    drop(state);
    let room = Room { transactions: transactions_max, bytes: 64 << 20 };
    let pool = Arc::new(Pool::new(Limits { room, organisation_share_percent: 100 }));
    let metrics = Arc::new(Metrics::new());
    let now = Arc::new(AtomicU64::new(START));
    let clock: Clock = Arc::new({
        let now = Arc::clone(&now);
        move || Time(now.load(Ordering::SeqCst))
    });
    let (sink, announced) = mpsc::channel(64);
    let admission = Admission::start(ledger.clone(), Arc::clone(&pool), clock, Arc::clone(&metrics), sink).unwrap();
    House { ledger, pool, metrics, admission, announced, now, clinic, doctor }
}

impl House {
    fn record(&self, nonce: u64) -> Transaction {
        let record = RecordManifest {
            id: RecordId([nonce as u8; 32]),
            category: Category::Chart,
            commitment: Commitment([0; 32]),
            size: 1,
            flags: ProviderFlags::default(),
        };
        let practitioner = Practitioner::id_of(&self.doctor.public());
        let action = Action::RegisterRecord { account: Label([5; 32]), practitioner, record };
        Transaction { chain: CHAIN, signer: self.doctor.public(), void_after: Time(START + 30_000), nonce, action }
    }

    fn signed(&self, nonce: u64) -> Vec<u8> {
        self.record(nonce).sign(&self.doctor).to_bytes()
    }

    async fn refusal(&self, transaction: Vec<u8>) -> Refusal {
        self.admission.submit_local(vec![transaction]).await.pop().unwrap().unwrap_err()
    }

    fn waiting(&self) -> usize {
        self.pool.with(|mempool| mempool.len())
    }

    async fn wait_until_checked(&self, accepted: usize) {
        for _ in 0..500 {
            if self.waiting() == accepted && self.admission.queued() == 0 {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("{} wait where {accepted} were expected", self.waiting());
    }
}

fn id(bytes: &[u8]) -> TransactionId {
    ParsedTransaction::parse(bytes.to_vec()).unwrap().id()
}

#[tokio::test]
async fn an_accepted_transaction_waits_is_announced_and_wakes_consensus() {
    let mut house = house(1_000);
    let mut occupied = house.pool.occupied();
    let bytes = house.signed(1);
    assert_eq!(house.admission.submit_local(vec![bytes.clone()]).await, [Ok(id(&bytes))]);
    assert!(*occupied.wait_for(|occupied| *occupied).await.unwrap());
    assert!(house.pool.with(|mempool| mempool.contains(&id(&bytes))));
    assert_eq!(house.announced.try_recv().unwrap(), [Bytes::from(bytes.clone())]);
    // Sent again, it is accepted again and announced once.
    assert_eq!(house.admission.submit_local(vec![bytes.clone()]).await, [Ok(id(&bytes))]);
    assert!(house.announced.try_recv().is_err());
    assert_eq!(house.waiting(), 1);
}

#[tokio::test]
async fn each_broken_condition_has_its_own_refusal() {
    let house = house(1_000);
    assert!(matches!(house.refusal(vec![1, 2, 3]).await, Refusal::Malformed(_)));
    assert!(matches!(
        house.refusal(vec![0; SignedTransaction::BYTES_MAX + 1]).await,
        Refusal::Malformed(Malformed::TooLong { .. })
    ));

    let other = Transaction { chain: ChainId([8; 32]), ..house.record(1) };
    assert_eq!(house.refusal(other.sign(&house.doctor).to_bytes()).await, Refusal::Inadmissible(Inadmissible::OtherChain));
    let void = Transaction { void_after: Time(START - 1), ..house.record(1) };
    assert_eq!(house.refusal(void.sign(&house.doctor).to_bytes()).await.rule(), Some("L-9.2"));
    let far = Transaction { void_after: Time(START + 60_501), ..house.record(1) };
    assert_eq!(house.refusal(far.sign(&house.doctor).to_bytes()).await.rule(), Some("L-9.3"));
    let drifted = Transaction { void_after: Time(START + 60_500), ..house.record(1) };
    assert!(house.admission.submit_local(vec![drifted.sign(&house.doctor).to_bytes()]).await[0].is_ok());

    let committed = house.signed(2);
    house.ledger.committed.write().unwrap().insert(id(&committed));
    assert_eq!(house.refusal(committed).await, Refusal::Inadmissible(Inadmissible::Committed));

    let stranger = SecretKey::from_seed(&[9; 32]);
    let strange = Transaction { signer: stranger.public(), ..house.record(3) };
    assert_eq!(house.refusal(strange.sign(&stranger).to_bytes()).await, Refusal::Rule(Rule::NotTheKey));
    let mut unknown = house.record(3);
    if let Action::RegisterRecord { practitioner, .. } = &mut unknown.action {
        *practitioner = PractitionerId([9; 32]);
    }
    assert_eq!(house.refusal(unknown.sign(&house.doctor).to_bytes()).await, Refusal::Rule(Rule::UnknownPractitioner));

    let mut forged = house.signed(4);
    let last = forged.len() - 1;
    forged[last] ^= 1;
    assert_eq!(house.refusal(forged).await, Refusal::BadSignature);
    assert_eq!(house.waiting(), 1);
}

#[tokio::test]
async fn a_suspended_organisation_is_refused_but_its_patients_are_not() {
    let house = house(1_000);
    let patient = SecretKey::from_seed(&[3; 32]);
    let label = Account::label_of(&patient.public());
    let account = Account {
        custodian: house.clinic,
        controller: patient.public(),
        custodial: false,
        guardians: List::default(),
        recovery: None,
        journal_length: 0,
        journal_head: Hash([0; 32]),
    };
    {
        let mut state = house.ledger.state.write().unwrap();
        state.insert(StateKey::Account(label), account.to_bytes());
        let bytes = state.get(&StateKey::Organisation(house.clinic)).unwrap();
        let mut organisation = Organisation::from_bytes(bytes).unwrap();
        organisation.standing = Standing::Suspended;
        state.insert(StateKey::Organisation(house.clinic), organisation.to_bytes());
    }
    assert_eq!(house.refusal(house.signed(1)).await, Refusal::Rule(Rule::SuspendedOrganisation));
    let veto = Transaction { signer: patient.public(), action: Action::VetoRecovery { account: label }, ..house.record(1) };
    assert!(house.admission.submit_local(vec![veto.clone().sign(&patient).to_bytes()]).await[0].is_ok());
    let stranger = Transaction { signer: house.doctor.public(), ..veto };
    assert_eq!(house.refusal(stranger.sign(&house.doctor).to_bytes()).await, Refusal::Rule(Rule::NoVeto));
}

#[tokio::test]
async fn a_batch_gets_one_answer_each_in_order() {
    let mut house = house(10_000);
    let mut batch: Vec<Vec<u8>> = (0..1_500).map(|nonce| house.signed(nonce)).collect();
    let last = batch[700].len() - 1;
    batch[700][last] ^= 1;
    batch[701] = vec![1];
    batch[702] = batch[3].clone();
    let answers = house.admission.submit_local(batch.clone()).await;
    assert_eq!(answers.len(), batch.len());
    for (index, (bytes, answer)) in batch.iter().zip(&answers).enumerate() {
        match index {
            700 => assert_eq!(*answer, Err(Refusal::BadSignature)),
            701 => assert!(matches!(answer, Err(Refusal::Malformed(_)))),
            _ => assert_eq!(*answer, Ok(id(bytes))),
        }
    }
    assert_eq!(house.waiting(), 1_497);
    let mut announced = 0;
    while let Ok(batch) = house.announced.try_recv() {
        announced += batch.len();
    }
    assert_eq!(announced, 1_497);
    let text = house.metrics.text("");
    assert!(text.contains("inro_admission_accepted_total{origin=\"local\"} 1497"), "{text}");
    assert!(text.contains("inro_admission_refused_total{cause=\"bad-signature\"} 1"), "{text}");
}

#[tokio::test]
async fn what_peers_send_is_taken_in_not_sent_on_and_faults_are_counted() {
    let mut house = house(1_000);
    let peer = PublicKey([4; 32]);
    let mut forged = house.signed(5);
    forged[10] ^= 1;
    let last = forged.len() - 1;
    let mut false_signature = house.signed(6);
    false_signature[last] ^= 1;
    let batch = vec![house.signed(1), house.signed(2), forged, false_signature, vec![9; 10]];
    house.admission.submit_from_peer(peer, batch.into_iter().map(Bytes::from).collect());
    house.wait_until_checked(2).await;
    for _ in 0..100 {
        if house.admission.faults_of(&peer) == 2 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    // The changed chain id is a refusal, not a fault: a peer may be ahead of us, but its bytes and signatures are its own.
    assert_eq!(house.admission.faults_of(&peer), 2);
    assert!(house.announced.try_recv().is_err());
}

#[tokio::test]
async fn missing_transactions_of_a_proposal_are_verified_even_if_they_may_not_wait() {
    let house = house(1_000);
    let stranger = SecretKey::from_seed(&[9; 32]);
    let strange = Transaction { signer: stranger.public(), ..house.record(1) }.sign(&stranger).to_bytes();
    let mut forged = house.signed(2);
    let last = forged.len() - 1;
    forged[last] ^= 1;
    let known = house.signed(3);
    house.admission.submit_local(vec![known.clone()]).await;
    let fetched = [house.signed(1), strange, forged, vec![1], known];
    let verified = house.admission.verify_missing(fetched.iter().cloned().map(Bytes::from).collect()).await;
    let found: Vec<bool> = verified.iter().map(Option::is_some).collect();
    assert_eq!(found, [true, true, false, false, true]);
    assert_eq!(verified[0].as_ref().unwrap().bytes(), fetched[0]);
    assert_eq!(house.waiting(), 2, "the stranger's does not wait");
}

#[tokio::test]
async fn a_full_mempool_refuses_bulk_at_once_and_throws_nothing_out() {
    let house = house(100);
    let batch = (0..200).map(|nonce| house.signed(nonce)).collect();
    let answers = house.admission.submit_local(batch).await;
    let accepted: Vec<_> = answers.iter().filter_map(|answer| answer.as_ref().ok()).collect();
    assert_eq!(accepted.len(), 75);
    let refusal = house.refusal(house.signed(900)).await;
    assert_eq!(refusal.rule(), Some("L-10"));
    assert_eq!(refusal.retry_after_ms(), Some(RETRY_AFTER_MS));
    assert!(accepted.iter().all(|id| house.pool.with(|mempool| mempool.contains(id))));
    // What waits already is still accepted when it is sent again.
    assert!(house.admission.submit_local(vec![house.signed(0)]).await[0].is_ok());
}

#[tokio::test]
async fn what_was_committed_while_its_signature_was_checked_does_not_wait() {
    let house = house(1_000);
    let bytes = house.signed(1);
    let verified = Arc::new(ParsedTransaction::parse(bytes.clone()).unwrap().verify().unwrap());
    let (ticket, verdicts) = Ticket::new(1);
    let commits = house.pool.with(|mempool| mempool.commits());
    // The block that commits it arrives between the look-up and the insertion.
    house.ledger.committed.write().unwrap().insert(verified.id());
    house.pool.with(|mempool| mempool.remove_committed(&[verified.id()]));
    let waiting = vec![(verified, Some(house.clinic), Reply::Local(ticket, 0))];
    worker::insert(&house.admission.0.shared, waiting, commits, Time(START));
    assert_eq!(verdicts.await, [Some(Err(Refusal::Inadmissible(Inadmissible::Committed)))]);
    assert_eq!(house.waiting(), 0);
}

#[tokio::test]
async fn what_still_waits_is_announced_again() {
    let mut house = house(1_000);
    let bytes = [house.signed(1), house.signed(2)];
    house.admission.submit_local(bytes.to_vec()).await;
    house.announced.recv().await.unwrap();
    house.admission.announce_again();
    assert!(house.announced.try_recv().is_err(), "too early");
    house.pool.with(|mempool| mempool.remove_committed(&[id(&bytes[0])]));
    house.now.fetch_add(ANNOUNCE_AGAIN_MS, Ordering::SeqCst);
    house.admission.announce_again();
    assert_eq!(house.announced.try_recv().unwrap(), [Bytes::from(bytes[1].clone())]);
    house.admission.announce_again();
    assert!(house.announced.try_recv().is_err());
}

#[test]
fn under_overload_bulk_is_turned_away_before_seals() {
    let house_signer = SecretKey::from_seed(&[2; 32]);
    let job = |action: Action, reply: Reply| {
        let transaction = Transaction { chain: CHAIN, signer: house_signer.public(), void_after: Time(START), nonce: 0, action };
        let signed = inro_contracts::transaction::SignedTransaction { transaction, signature: Signature([0; 64]) };
        Job { transaction: signed.into(), reply }
    };
    let bulk = || Action::CompleteRecovery { account: Label([1; 32]) };
    let guard = || Action::VetoRecovery { account: Label([1; 32]) };
    let (ticket, _verdicts) = Ticket::<Submitted>::new(1);
    let local = || Reply::Local(Arc::clone(&ticket), 0);
    let peer = || Reply::Peer(PublicKey([1; 32]));
    let queue = Queue::new();
    let count = |action: &dyn Fn() -> Action, reply: &dyn Fn() -> Reply| {
        let before = queue.len();
        queue.push((0..queue::QUEUE_MAX).map(|_| job(action(), reply())).collect());
        queue.len() - before
    };
    let bulk_from_peers = count(&bulk, &peer);
    let bulk_from_clients = count(&bulk, &local);
    let seals = count(&guard, &local);
    assert_eq!(bulk_from_peers, queue::QUEUE_MAX * 80 / 100 * 75 / 100);
    assert_eq!(bulk_from_peers + bulk_from_clients, queue::QUEUE_MAX * 80 / 100);
    assert_eq!(bulk_from_peers + bulk_from_clients + seals, queue::QUEUE_MAX);
}

/// The worker once outlived the last handle by a moment and closed the database itself, while the program was ending around it:
/// the program had done its work, and crashed.
#[tokio::test]
async fn the_worker_has_ended_when_the_last_handle_is_gone_and_leaves_no_client_waiting() {
    for nonce in 0..50 {
        let house = house(1_000);
        let (other, transaction) = (house.admission.clone(), house.signed(nonce));
        drop(house.admission);
        assert!(other.submit_local(vec![vec![1]]).await[0].is_err());
        assert!(other.submit_local(vec![transaction]).await[0].is_ok());
        drop(other);
        assert_eq!(Arc::strong_count(&house.ledger), 1, "nobody else holds the ledger");
    }
}
