//! Honest nodes on the loopback interface, and what tests ask of them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use inro_contracts::id::{ChainId, TransactionId};
use inro_contracts::key::{PublicKey, SecretKey};
use inro_contracts::tag::Tag;
use inro_network::{AllowedPeer, Network, NetworkConfig, NetworkError, NetworkEvent, NetworkHandle, TransactionSource};
use tokio::sync::mpsc;

/// The ledger of all tests.
pub const CHAIN: ChainId = ChainId([0xc5; 32]);
/// How long anything that has to come true may take.
pub const PATIENCE: Duration = Duration::from_secs(8);

/// One honest node.
pub struct Node {
    pub handle: NetworkHandle,
    pub events: mpsc::Receiver<NetworkEvent>,
    pub address: String,
    seed: u8,
}

/// Holds the transactions `stored(0)` to `stored(99)`.
struct Store(BTreeMap<TransactionId, Bytes>);

impl TransactionSource for Store {
    fn transactions(&self, ids: &[TransactionId]) -> Vec<Option<Bytes>> {
        ids.iter().map(|id| self.0.get(id).cloned()).collect()
    }

    fn standing(&self) -> Bytes {
        Bytes::from_static(b"how far")
    }
}

/// A transaction that every node can be asked for.
pub fn stored(n: u8) -> (TransactionId, Bytes) {
    let bytes = Bytes::from(vec![n; 300]);
    (Tag::TRANSACTION_ID.hash(&[&bytes]).into(), bytes)
}

/// Transactions of 300 bytes that say who sent them, in which round, at which place.
pub fn batch(writer: u8, round: u32, count: u32) -> Vec<Bytes> {
    let transaction = |place: u32| {
        let mut bytes = vec![writer; 300];
        bytes[1..5].copy_from_slice(&round.to_le_bytes());
        bytes[5..9].copy_from_slice(&place.to_le_bytes());
        Bytes::from(bytes)
    };
    (0..count).map(transaction).collect()
}

impl Node {
    pub async fn try_start(seed: u8, chain: ChainId, change: impl Fn(&mut NetworkConfig)) -> Result<Self, NetworkError> {
        let mut config = NetworkConfig::new(SecretKey::from_seed(&[seed + 1; 32]), "/ip4/127.0.0.1/tcp/0");
        config.dial_patience = Duration::from_millis(300);
        change(&mut config);
        let store = Store((0..100).map(stored).collect());
        let (handle, events) = Network::start(config, chain, Arc::new(store)).await?;
        let address = handle.listen_addresses()[0].to_string();
        Ok(Self { handle, events, address, seed })
    }

    pub async fn start(seed: u8, chain: ChainId, change: impl Fn(&mut NetworkConfig)) -> Self {
        Self::try_start(seed, chain, change).await.expect("the node starts")
    }

    /// The same key on the same address, after the old one was shut down.
    pub async fn restart(self) -> Self {
        let address = self.address.clone();
        Self::start(self.seed, CHAIN, |config| config.listen = address.clone()).await
    }

    pub fn key(&self) -> PublicKey {
        SecretKey::from_seed(&[self.seed + 1; 32]).public()
    }

    pub fn name(&self) -> String {
        self.key().to_hex()[..8].to_owned()
    }

    pub fn peer(&self) -> AllowedPeer {
        AllowedPeer { key: self.key(), address: self.address.clone() }
    }

    pub fn allow(&self, peers: &[&Node]) {
        self.handle.set_peers(peers.iter().map(|peer| peer.peer()).collect());
    }

    pub fn sees(&self, other: &Node) -> bool {
        self.handle.connected().contains(&other.key())
    }

    pub async fn next(&mut self) -> (PublicKey, Vec<Bytes>) {
        match self.events.recv().await {
            Some(NetworkEvent::Transactions { from, transactions }) => (from, transactions),
            other => panic!("{other:?}"),
        }
    }
}

/// So many nodes that know nobody yet.
pub async fn nodes(count: u8) -> Vec<Node> {
    nodes_with(count, |_| {}).await
}

/// The same with other limits.
pub async fn nodes_with(count: u8, change: impl Fn(&mut NetworkConfig)) -> Vec<Node> {
    let mut nodes = Vec::new();
    for seed in 0..count {
        nodes.push(Node::start(seed, CHAIN, &change).await);
    }
    nodes
}

/// All may connect to all; returns when they have.
pub async fn mesh(nodes: &[Node]) {
    let everybody: Vec<AllowedPeer> = nodes.iter().map(Node::peer).collect();
    nodes.iter().for_each(|node| node.handle.set_peers(everybody.clone()));
    eventually("all nodes are connected", || nodes.iter().all(|node| node.handle.connected().len() + 1 == nodes.len())).await;
}

/// Receives at least so many transactions, sorted by sender.
pub async fn receive(node: &mut Node, count: usize) -> BTreeMap<PublicKey, Vec<Bytes>> {
    let mut received: BTreeMap<PublicKey, Vec<Bytes>> = BTreeMap::new();
    let receiving = async {
        while received.values().map(Vec::len).sum::<usize>() < count {
            let (from, transactions) = node.next().await;
            received.entry(from).or_default().extend(transactions);
        }
    };
    if tokio::time::timeout(PATIENCE, receiving).await.is_err() {
        panic!("only {} of {count} transactions arrived", received.values().map(Vec::len).sum::<usize>());
    }
    received
}

/// Nothing arrives for so long.
pub async fn receive_nothing(node: &mut Node, duration: Duration) {
    if let Ok(event) = tokio::time::timeout(duration, node.next()).await {
        panic!("{} transactions arrived", event.1.len());
    }
}

/// Waits until `holds`, for 8 seconds at most.
pub async fn eventually(what: &str, holds: impl Fn() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, waiting).await.is_ok(), "it never came true that {what}");
}
