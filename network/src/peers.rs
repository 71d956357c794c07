//! The set of peers that may connect, and what all tasks of the network share.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use inro_contracts::key::PublicKey;
use libp2p::{Multiaddr, PeerId};
use tokio::sync::{Notify, Semaphore, mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::address::exchange_address;
use crate::config::{AllowedPeer, NetworkConfig};
use crate::counters::Counters;
use crate::error::Misbehaviour;
use crate::fetch::ASKING_MAX;
use crate::identity::{peer_id, short};
use crate::payload::{Pace, PayloadDoor};
use crate::protocol::Protocols;
use crate::queue::Queue;
use crate::streams::Opener;

/// A peer for as long as it stays in the set. A peer that leaves and returns is another `Peer`.
pub(crate) struct Peer {
    /// Its key.
    pub key: PublicKey,
    /// The same key as libp2p names it.
    pub id: PeerId,
    /// What waits to be sent to it.
    pub queue: Queue,
    /// Places for our requests to it.
    pub asking: Semaphore,
    /// Places for transfers of payloads with it.
    pub payload_places: Places,
    /// Cancelled when it leaves the set; ends every task that serves it.
    pub cut: CancellationToken,
    opener: Mutex<Option<Opener>>,
}

impl Peer {
    /// How a log line names it.
    pub fn name(&self) -> String {
        short(&self.key)
    }

    /// Who opens streams to it, while it is connected.
    pub fn opener(&self) -> Option<Opener> {
        self.opener.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// It is connected, or no longer.
    pub fn set_opener(&self, opener: Option<Opener>) {
        *self.opener.lock().unwrap_or_else(PoisonError::into_inner) = opener;
    }
}

/// Places for transfers of payloads.
pub(crate) struct Places {
    /// For those that we asked for.
    pub asking: Arc<Semaphore>,
    /// For those that were asked of us.
    pub serving: Arc<Semaphore>,
}

impl Places {
    fn new(transfers_max: usize) -> Self {
        let places = || Arc::new(Semaphore::new(transfers_max.clamp(1, Semaphore::MAX_PERMITS)));
        Self { asking: places(), serving: places() }
    }
}

/// What all transfers of payloads share.
pub(crate) struct Payloads {
    /// Places for transfers with all peers together.
    pub places: Places,
    /// A transfer in which nothing moves for so long is broken off.
    pub idle: Duration,
    /// Keeps what all transfers together give within its rate.
    pub pace: Pace,
    per_peer_max: usize,
    door: Mutex<Option<Arc<dyn PayloadDoor>>>,
}

impl Payloads {
    /// What answers peers, once the node has said so.
    pub fn door(&self) -> Option<Arc<dyn PayloadDoor>> {
        self.door.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From now on this answers peers.
    pub fn set_door(&self, door: Option<Arc<dyn PayloadDoor>>) {
        // The old door is dropped after the lock is given back: it may hold a handle of this network.
        let _old = std::mem::replace(&mut *self.door.lock().unwrap_or_else(PoisonError::into_inner), door);
    }
}

/// A peer of the set and where to dial it.
#[derive(Clone)]
pub(crate) struct Entry {
    /// The peer.
    pub peer: Arc<Peer>,
    /// Where it listens, if the set says so in a form that can be dialled.
    pub address: Option<Multiaddr>,
    written_address: String,
}

/// A peer sent what no honest node sends.
pub(crate) struct Report {
    /// Which peer.
    pub peer: Arc<Peer>,
    /// What it did.
    pub what: Misbehaviour,
}

/// What the handle and all tasks share.
pub(crate) struct Shared {
    /// This node's peer key.
    pub me: PublicKey,
    /// The ledger's protocols.
    pub protocols: Protocols,
    /// What is counted.
    pub counters: Counters,
    /// Which peers accept our transactions now.
    pub connected: watch::Sender<BTreeSet<PublicKey>>,
    /// Told when the set of peers has changed.
    pub changed: Notify,
    /// Cancelled when the network stops.
    pub stop: CancellationToken,
    /// Every task of the network.
    pub tasks: TaskTracker,
    /// Where misbehaviour is reported.
    pub reports: mpsc::Sender<Report>,
    /// What all transfers of payloads share.
    pub payloads: Payloads,
    queue_bytes_max: usize,
    peers: RwLock<BTreeMap<PublicKey, Entry>>,
}

impl Shared {
    /// A network without peers.
    pub fn new(config: &NetworkConfig, protocols: Protocols, reports: mpsc::Sender<Report>) -> Self {
        let payloads = Payloads {
            places: Places::new(config.transfers_max),
            idle: config.transfer_idle,
            pace: Pace::new(config.transfer_bytes_per_second_max),
            per_peer_max: config.transfers_per_peer_max,
            door: Mutex::default(),
        };
        Self {
            me: config.key.public(),
            protocols,
            counters: Counters::default(),
            connected: watch::Sender::default(),
            changed: Notify::new(),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            reports,
            payloads,
            queue_bytes_max: config.queue_bytes_max,
            peers: RwLock::default(),
        }
    }

    /// Replaces the set. Peers that are no longer in it are cut off before this returns.
    pub fn set_peers(&self, allowed: Vec<AllowedPeer>) {
        let mut peers = self.write();
        let mut left = std::mem::take(&mut *peers);
        let mut changed = false;
        for allowed in allowed.into_iter().filter(|allowed| allowed.key != self.me) {
            let entry = match left.remove(&allowed.key) {
                Some(entry) if entry.written_address == allowed.address => entry,
                Some(entry) => {
                    changed = true;
                    self.entry(entry.peer, allowed.address)
                }
                None if peers.contains_key(&allowed.key) => continue,
                None => {
                    changed = true;
                    self.entry(Arc::new(self.peer(allowed.key)), allowed.address)
                }
            };
            peers.insert(allowed.key, entry);
        }
        for entry in left.values() {
            self.cut_off(&entry.peer);
        }
        changed |= !left.is_empty();
        drop(peers);
        if changed {
            self.changed.notify_one();
        }
    }

    /// The peer with this key, if it is in the set.
    pub fn find(&self, key: &PublicKey) -> Option<Arc<Peer>> {
        self.read().get(key).map(|entry| entry.peer.clone())
    }

    /// Calls `act` with every peer of the set.
    pub fn for_each(&self, mut act: impl FnMut(&Peer)) {
        self.read().values().for_each(|entry| act(&entry.peer));
    }

    /// The whole set.
    pub fn entries(&self) -> Vec<Entry> {
        self.read().values().cloned().collect()
    }

    /// The peer accepts our transactions, unless `link` has ended meanwhile.
    pub fn mark_connected(&self, peer: &Peer, link: &CancellationToken) {
        self.connected.send_if_modified(|connected| !link.is_cancelled() && connected.insert(peer.key));
    }

    /// The peer is no longer connected. Its link's token is cancelled before this is called.
    pub fn mark_disconnected(&self, peer: &Peer) {
        self.connected.send_if_modified(|connected| connected.remove(&peer.key));
    }

    /// Reports a peer to the task that can disconnect it.
    pub async fn report(&self, peer: &Arc<Peer>, what: Misbehaviour) {
        // The receiver is gone only while the network stops; then nobody has to be disconnected any more.
        let _ = self.reports.send(Report { peer: peer.clone(), what }).await;
    }

    fn cut_off(&self, peer: &Peer) {
        peer.cut.cancel();
        peer.set_opener(None);
        self.mark_disconnected(peer);
        self.counters.peers_cut_off.one();
        tracing::info!(peer = peer.name(), "peer left the set and is cut off");
    }

    fn peer(&self, key: PublicKey) -> Peer {
        Peer {
            key,
            id: peer_id(&key),
            queue: Queue::new(self.queue_bytes_max),
            asking: Semaphore::new(ASKING_MAX),
            payload_places: Places::new(self.payloads.per_peer_max),
            cut: self.stop.child_token(),
            opener: Mutex::default(),
        }
    }

    fn entry(&self, peer: Arc<Peer>, written_address: String) -> Entry {
        let address = exchange_address(&written_address).ok();
        if address.is_none() {
            tracing::warn!(peer = peer.name(), "this peer's exchange address cannot be dialled; it may still connect to us");
        }
        Entry { peer, address, written_address }
    }

    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<PublicKey, Entry>> {
        self.peers.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, BTreeMap<PublicKey, Entry>> {
        self.peers.write().unwrap_or_else(PoisonError::into_inner)
    }
}
