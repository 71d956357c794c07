//! What a node says to proposals, with a real store, mempool, admission and exchange network under it.

use inro_contracts::fixture::Consortium;
use inro_contracts::id::Hash;
use inro_network::{Network, NetworkConfig, TransactionSource};

use super::*;
use crate::mempool::Limits;
use crate::store::StoreOptions;

/// Nobody asks this node for anything.
struct Silent;

impl TransactionSource for Silent {
    fn transactions(&self, ids: &[TransactionId]) -> Vec<Option<Bytes>> {
        vec![None; ids.len()]
    }
    fn standing(&self) -> Bytes {
        Bytes::new()
    }
}

/// A founded validator that is alone in the world.
struct Node {
    consensus: ForConsensus,
    consortium: Consortium,
    _folder: tempfile::TempDir,
}

impl Node {
    async fn new() -> Self {
        let consortium = Consortium::new(4);
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().join("ledger"), &StoreOptions::default()).unwrap();
        store.found(&consortium.founding(), &consortium.document.to_bytes()).unwrap();
        Self { consensus: start(&consortium, store).await, consortium, _folder: folder }
    }

    /// The same data after the process was killed: everything in memory is gone.
    async fn restarted(self) -> Self {
        let store = self.consensus.ledger.store.clone();
        Self { consensus: start(&self.consortium, store).await, ..self }
    }

    /// A block by another member on this node's tip, with a time relative to this node's clock.
    fn block_from_another(&self, offset_ms: i64, transactions: &[VerifiedTransaction]) -> (Header, Bytes) {
        let time = Time(wall_clock().0.saturating_add_signed(offset_ms));
        let proposer = self.consortium.organisations[1].validator.public();
        let built = self.consensus.ledger.execute(&Claimed { time, proposer }, transactions).unwrap();
        (built.header, block::body_of(transactions).into())
    }

    async fn judge(&self, round: u32, (header, body): (Header, Bytes)) -> Verdict {
        let from = header.proposer;
        self.consensus.judge(round, header, body, from).await.unwrap()
    }

    fn account_opening(&self) -> VerifiedTransaction {
        let member = &self.consortium.organisations[1];
        let action = self.consortium.account_opening(1, 1);
        self.consortium.verified(action, &member.practitioner, wall_clock().plus_ms(60_000))
    }
}

async fn start(consortium: &Consortium, store: Store) -> ForConsensus {
    let member = &consortium.organisations[0];
    let limits = Limits { room: Room { transactions: 1_000, bytes: 1 << 20 }, organisation_share_percent: 100 };
    let pool = Arc::new(Pool::new(limits));
    let config = NetworkConfig::new(member.peer.clone(), "/ip4/127.0.0.1/tcp/0");
    let (network, _events) = Network::start(config, consortium.chain, Arc::new(Silent)).await.unwrap();
    let identity = Identity { peer: member.peer.clone(), validator: Some(member.validator.public()) };
    let metrics = Arc::new(Metrics::new());
    let ledger = Arc::new(Ledger::new(store, Arc::clone(&pool), network, identity, Arc::clone(&metrics)).unwrap());
    let (sink, _sunk) = tokio::sync::mpsc::channel(1);
    let admission = Admission::start(ledger.clone(), pool, Arc::new(wall_clock), metrics, sink).unwrap();
    let (evidence, _reports) = tokio::sync::mpsc::unbounded_channel();
    ForConsensus::new(ledger, admission, evidence)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proposal_with_equal_roots_is_valid_and_one_with_other_roots_is_not() {
    let node = Node::new().await;
    let sound = node.block_from_another(0, &[node.account_opening()]);
    let mut other = sound.clone();
    other.0.state_root = Hash([9; 32]);
    assert_eq!(node.judge(0, other).await, Verdict::Invalid);
    assert_eq!(node.judge(0, sound).await, Verdict::Valid);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proposal_with_a_falsely_signed_transaction_is_invalid() {
    let node = Node::new().await;
    let transaction = node.account_opening();
    let (header, _) = node.block_from_another(0, std::slice::from_ref(&transaction));
    let mut bytes = transaction.bytes().to_vec();
    *bytes.last_mut().unwrap() ^= 1;
    let body = inro_contracts::bytes::encode(&vec![block::Item::Full(bytes)]);
    assert_eq!(node.judge(0, (header, body.into())).await, Verdict::Invalid);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proposal_whose_transactions_nobody_has_is_not_voted_for() {
    let node = Node::new().await;
    let transaction = node.account_opening();
    let (header, _) = node.block_from_another(0, std::slice::from_ref(&transaction));
    let body = inro_contracts::bytes::encode(&vec![block::Item::Known(transaction.id())]);
    assert_eq!(node.judge(0, (header, body.into())).await, Verdict::Unavailable);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proposal_ahead_of_the_clock_is_refused_in_every_round() {
    let node = Node::new().await;
    for round in [0, 1, 7] {
        assert_eq!(node.judge(round, node.block_from_another(60_000, &[])).await, Verdict::Invalid);
    }
    assert_eq!(node.judge(0, node.block_from_another(3_000, &[])).await, Verdict::Valid);
}

/// All validators were away for a minute while two of them were locked on a block of the first round. Its time was by then too
/// far behind the clocks; it was refused in every later round, and the locked two accepted no other: the ledger stood still.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_block_from_before_an_outage_is_accepted_in_a_later_round_and_stays_valid_after_a_restart() {
    let node = Node::new().await;
    let old = node.block_from_another(-60_000, &[]);
    assert_eq!(node.judge(0, old.clone()).await, Verdict::Invalid);
    assert_eq!(node.judge(1, old.clone()).await, Verdict::Valid);
    let node = node.restarted().await;
    assert_eq!(node.judge(0, old.clone()).await, Verdict::Valid);
    let kept = node.consensus.undecided(Height(1)).await.unwrap();
    assert_eq!(kept.iter().map(|kept| (kept.round, kept.header.clone())).collect::<Vec<_>>(), [(1, old.0)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_validator_proposes_the_same_block_again_after_a_restart() {
    let node = Node::new().await;
    let first = node.consensus.propose(Height(1), 0).await.unwrap();
    let node = node.restarted().await;
    let again = node.consensus.propose(Height(1), 0).await.unwrap();
    assert_eq!((first.header, first.body), (again.header, again.body));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standing_is_worth_what_its_certificate_proves() {
    let node = Node::new().await;
    let (header, _) = node.block_from_another(0, &[]);
    let (chain, validators) = (node.consortium.chain, node.consensus.ledger.view().validators);
    let certificate = node.consortium.certificate(&header, 0);
    let read = |header: &Header, certificate: &Certificate| {
        let bytes = inro_contracts::bytes::encode(&Some((header.clone(), certificate.clone())));
        Standing::read(&bytes).unwrap().worth(&chain, &validators)
    };
    assert_eq!(read(&header, &certificate), Some(Worth::Proved(Height(1))));

    let mut unsigned = certificate.clone();
    unsigned.signatures = inro_contracts::bytes::List::default();
    assert_eq!(read(&header, &unsigned), None);

    let mut unknown_set = header.clone();
    unknown_set.validators = Hash([3; 32]);
    let claimed = node.consortium.certificate(&unknown_set, 0);
    assert_eq!(read(&unknown_set, &claimed), Some(Worth::Claimed(Height(1))));

    let mut another = header;
    another.height = Height(900);
    assert_eq!(read(&another, &certificate), None);
}
