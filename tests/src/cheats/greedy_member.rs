//! A member's machine that asks for what was not granted, and pushes what was not asked for. It has the member's real key and speaks
//! the real protocol; it has no ledger and no conscience.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use inro_contracts::id::TransactionId;
use inro_contracts::key::PublicKey;
use inro_network::{
    AllowedPeer, Deposit, Network, NetworkConfig, NetworkEvent, NetworkHandle, ObjectId, PayloadError, TransactionSource,
};
use inro_payload::OneTimeSecret;
use tokio::sync::mpsc;

use super::premises::InMemory;
use crate::cluster::{Cluster, PATIENCE};
use crate::consortium::address;

/// The key that [`Cheat::OpenHanded`](super::Cheat::OpenHanded) and a reader agreed on for an access that the ledger does not show.
pub fn agreed_secret(access: &TransactionId) -> OneTimeSecret {
    OneTimeSecret::from_bytes(access.0)
}

/// A member's machine that is run by somebody greedy.
pub struct GreedyMember {
    network: NetworkHandle,
    /// Nobody reads them; dropped, they would end the network.
    _events: mpsc::Receiver<NetworkEvent>,
}

impl GreedyMember {
    /// Takes the place of a node that does not run, with its keys and at its address, and connects to others.
    pub async fn in_the_place_of(cluster: &mut Cluster, node: usize, others: &[usize]) -> Self {
        assert!(!cluster.nodes[node].is_running(), "two machines cannot have one key");
        let key = cluster.consortium.members[node].peer.clone();
        let mut config = NetworkConfig::new(key, address(cluster.nodes[node].exchange_port));
        config.dial_patience = Duration::from_millis(200);
        let chain = cluster.consortium.chain;
        let (network, events) = Network::start(config, chain, Arc::new(NoLedger)).await.expect("the node's port is free");
        let peer = |other: &usize| AllowedPeer {
            key: machine_of(cluster, *other),
            address: address(cluster.nodes[*other].exchange_port),
        };
        network.set_peers(others.iter().map(peer).collect());
        let member = Self { network, _events: events };
        for other in others {
            member.wait_connected(&machine_of(cluster, *other)).await;
        }
        member
    }

    /// Waits until a machine is connected.
    pub async fn wait_connected(&self, to: &PublicKey) {
        let start = Instant::now();
        while !self.network.connected().contains(to) {
            assert!(start.elapsed() < PATIENCE, "a member's machine is let in");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Asks a machine for an object; all of its sealed bytes.
    pub async fn ask(&self, from: &PublicKey, object: &ObjectId) -> Result<Vec<u8>, PayloadError> {
        let mut payload = self.network.fetch_payload(from, object, 0).await?;
        let mut bytes = Vec::new();
        while let Some(piece) = payload.next().await? {
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes)
    }

    /// Leaves bytes at a machine.
    pub async fn push(&self, to: &PublicKey, deposit: &Deposit, bytes: Vec<u8>) -> Result<(), PayloadError> {
        self.network.deposit_payload(to, deposit, |held| async move { Ok(InMemory::from(bytes, held)) }).await
    }

    /// Leaves the network.
    pub async fn leave(self) {
        self.network.shutdown().await;
    }
}

/// The network identity of a cluster's node.
pub fn machine_of(cluster: &Cluster, node: usize) -> PublicKey {
    cluster.consortium.members[node].peer.public()
}

struct NoLedger;

impl TransactionSource for NoLedger {
    fn transactions(&self, ids: &[TransactionId]) -> Vec<Option<Bytes>> {
        vec![None; ids.len()]
    }

    fn standing(&self) -> Bytes {
        Bytes::new()
    }
}
