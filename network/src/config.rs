//! What the node tells the network before it starts, and who may connect.

use std::fmt;
use std::time::Duration;

use inro_contracts::key::{PublicKey, SecretKey};
use inro_contracts::organisation::PeerRecord;

/// How this node takes part in the exchange network.
#[derive(Clone)]
pub struct NetworkConfig {
    /// The node's peer key.
    pub key: SecretKey,
    /// Where to listen: `/ip4/…/tcp/…` or `/ip6/…/tcp/…`; port 0 lets the system choose.
    pub listen: String,
    /// How many bytes wait for one peer that reads slowly; beyond it that peer's oldest frames are dropped.
    pub queue_bytes_max: usize,
    /// How many received frames, from all peers together, wait for the node; beyond it peers are no longer read.
    pub events_max: usize,
    /// For how long a peer that misbehaved is kept out.
    pub exclusion: Duration,
    /// How long the peer with the larger key waits for the other to dial before it dials itself.
    pub dial_patience: Duration,
    /// Established connections, all peers together.
    pub connections_max: u32,
    /// Connections on which Noise has not yet proved who comes.
    pub handshakes_max: u32,
    /// Transfers of payloads that this node serves at once, and as many that it asks for. Each takes at most 3 MiB.
    pub transfers_max: usize,
    /// The same with one peer.
    pub transfers_per_peer_max: usize,
    /// How many bytes of payloads a second this node gives, all peers together; `None` for as many as there is room for. On a
    /// slow line this keeps room for the ledger's own traffic. Fewer than 1 MiB count as 1 MiB.
    pub transfer_bytes_per_second_max: Option<u64>,
    /// A transfer in which nothing moves for so long is broken off.
    pub transfer_idle: Duration,
}

impl NetworkConfig {
    /// The usual limits: 8 MiB waiting for a peer, 64 frames waiting for the node, one minute of exclusion, 32
    /// transfers of payloads, 8 with one peer.
    pub fn new(key: SecretKey, listen: impl Into<String>) -> Self {
        Self {
            key,
            listen: listen.into(),
            queue_bytes_max: 8 << 20,
            events_max: 64,
            exclusion: Duration::from_secs(60),
            dial_patience: Duration::from_secs(1),
            connections_max: 1024,
            handshakes_max: 128,
            transfers_max: 32,
            transfers_per_peer_max: 8,
            transfer_bytes_per_second_max: None,
            transfer_idle: Duration::from_secs(30),
        }
    }
}

impl fmt::Debug for NetworkConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NetworkConfig").field("listen", &self.listen).finish_non_exhaustive()
    }
}

/// A peer that may connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedPeer {
    /// Its peer key.
    pub key: PublicKey,
    /// Where it listens, `/ip4/…/tcp/…` or `/ip6/…/tcp/…`. A peer whose address has another form may connect but is not
    /// dialled.
    pub address: String,
}

impl From<&PeerRecord> for AllowedPeer {
    fn from(record: &PeerRecord) -> Self {
        Self { key: record.key, address: record.exchange_address.as_str().to_owned() }
    }
}
