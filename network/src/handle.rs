//! The face of the network: start it, speak through its handle, listen to its events.

use std::collections::BTreeSet;
use std::fmt;
use std::net::TcpListener;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use inro_contracts::id::{ChainId, TransactionId};
use inro_contracts::key::PublicKey;
use libp2p::Multiaddr;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::DropGuard;

use crate::address::listen_address;
use crate::config::{AllowedPeer, NetworkConfig};
use crate::counters::NetworkCounters;
use crate::error::{FetchError, NetworkError};
use crate::fetch::{self, FETCH_IDS_MAX, TransactionSource};
use crate::frame;
use crate::identity::short;
use crate::links::{Links, Listening};
use crate::payload::{self, Deposit, Holding, Holdings, ObjectId, Payload, PayloadDoor, PayloadError, Refusal, SealedSource};
use crate::peers::{Peer, Shared};
use crate::protocol::Protocols;
use crate::queue::Urgency;
use crate::standing;

/// How many reports of misbehaviour wait; who reports more waits itself.
const REPORTS_MAX: usize = 64;
/// How long shutting down waits for tasks.
const SHUTDOWN_MAX: Duration = Duration::from_secs(5);

/// What the network tells the node.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum NetworkEvent {
    /// A peer sent transactions. Their bytes are not parsed; none is empty, and none is longer than a transaction may be. They
    /// share one frame's memory, so whoever keeps a few of them for long copies them.
    Transactions {
        /// The peer that sent them, which need not be who signed them.
        from: PublicKey,
        /// Their canonical bytes, in the order in which they were sent.
        transactions: Vec<Bytes>,
    },
}

/// Says who sent how many, and shows none of their bytes.
impl fmt::Debug for NetworkEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transactions { from, transactions } => {
                write!(f, "{} transactions from peer {}", transactions.len(), short(from))
            }
        }
    }
}

/// The exchange network of this node.
#[derive(Debug)]
pub struct Network;

impl Network {
    /// Listens, and connects to nobody until [`NetworkHandle::set_peers`] names peers. Must be called within a Tokio runtime.
    ///
    /// The network stops when it is shut down or when the last copy of its handle is dropped.
    pub async fn start(
        config: NetworkConfig,
        chain: ChainId,
        source: Arc<dyn TransactionSource>,
    ) -> Result<(NetworkHandle, mpsc::Receiver<NetworkEvent>), NetworkError> {
        let (address, socket) = listen_address(&config.listen)?;
        let unusable = |source: std::io::Error| match source.kind() {
            std::io::ErrorKind::AddrInUse => NetworkError::Occupied { address: config.listen.clone() },
            _ => NetworkError::Listen { address: config.listen.clone(), source },
        };
        // libp2p shares its port with whoever shares theirs, so two nodes could listen on one port and each lose half of its
        // connections. This listener does not share: it fails if anybody listens there.
        TcpListener::bind(socket).map(drop).map_err(unusable)?;

        let (report, reports) = mpsc::channel(REPORTS_MAX);
        let (event, events) = mpsc::channel(config.events_max.max(1));
        let protocols = Protocols::of(&chain);
        let shared = Arc::new(Shared::new(&config, protocols, report));
        let listening: Listening = Arc::default();
        let mut links = Links::new(&config, shared.clone(), listening.clone(), source, event, reports)?;
        links.listen(address).await.map_err(unusable)?;
        shared.tasks.spawn(links.run());
        shared.tasks.close();
        let stop = Arc::new(shared.stop.clone().drop_guard());
        Ok((NetworkHandle { shared, listening, _stop: stop }, events))
    }
}

/// Speaks with the network. Copies speak with the same one.
#[derive(Clone)]
pub struct NetworkHandle {
    shared: Arc<Shared>,
    listening: Listening,
    _stop: Arc<DropGuard>,
}

impl NetworkHandle {
    /// Replaces the set of peers that may connect. New ones are dialled; those that left are cut off before this returns (what
    /// they sent before may still wait among the events). Cheap when nothing has changed, so it may be called after each
    /// block. This node itself may stand in the set.
    pub fn set_peers(&self, peers: Vec<AllowedPeer>) {
        self.shared.set_peers(peers);
    }

    /// Sends transactions to every peer of the set, in the order of the calls. Never waits: what a slow or absent peer cannot
    /// take now waits in that peer's queue, and the oldest frames of a full queue are dropped and counted.
    pub fn broadcast(&self, transactions: &[Bytes]) {
        self.send_to_all(transactions, Urgency::Usual);
    }

    /// Like [`Self::broadcast`], but before everything that waits already: for seals, revocations and governance (rule L-10).
    pub fn broadcast_urgent(&self, transactions: &[Bytes]) {
        self.send_to_all(transactions, Urgency::Urgent);
    }

    /// Sends transactions to one peer; does nothing if the peer is not in the set. Never waits.
    pub fn send(&self, to: &PublicKey, transactions: &[Bytes]) {
        if let Some(peer) = self.shared.find(to) {
            let frames = self.frames(transactions);
            self.push(&peer, &frames, Urgency::Usual);
        }
    }

    /// Asks a peer for transactions by id: at most 4,096, and about 8 MiB. The answer is in the order of `ids`, each
    /// transaction checked against its id; `None` for those that the peer does not have or that did not fit.
    pub async fn fetch(
        &self,
        from: &PublicKey,
        ids: &[TransactionId],
        timeout: Duration,
    ) -> Result<Vec<Option<Bytes>>, FetchError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        if ids.len() > FETCH_IDS_MAX {
            return Err(FetchError::TooManyIds { limit: FETCH_IDS_MAX, found: ids.len() });
        }
        let peer = self.shared.find(from).ok_or_else(|| FetchError::NotAllowed { peer: short(from) })?;
        self.shared.counters.fetches_asked.one();
        let answer = fetch::ask(&self.shared, &peer, ids, timeout).await;
        if answer.is_err() {
            self.shared.counters.fetches_failed.one();
        }
        answer
    }

    /// Asks a peer how far it is: what its [`TransactionSource::standing`] says. The caller judges the answer.
    pub async fn ask_standing(&self, from: &PublicKey, timeout: Duration) -> Result<Bytes, FetchError> {
        let peer = self.shared.find(from).ok_or_else(|| FetchError::NotAllowed { peer: short(from) })?;
        standing::ask(&self.shared, &peer, timeout).await
    }

    /// From now on `door` answers peers' questions about payloads; until then they are told to ask again. It may hold a copy
    /// of this handle; [`Self::shutdown`] lets go of it.
    pub fn open_door(&self, door: Arc<dyn PayloadDoor>) {
        self.shared.payloads.set_door(Some(door));
        if self.shared.stop.is_cancelled() {
            self.shared.payloads.set_door(None);
        }
    }

    /// Fetches an object's sealed bytes from `offset` on, from its custodian or from an intermediate. Waits for a place among
    /// this node's transfers if there are too many. After an error, fetch again from [`Payload::offset`].
    pub async fn fetch_payload(&self, from: &PublicKey, object: &ObjectId, offset: u64) -> Result<Payload, PayloadError> {
        payload::fetch(&self.shared, self.payload_peer(from)?, object, offset).await
    }

    /// Leaves an object's sealed bytes with an intermediate, for a requester that fetches them there. `open` opens them at the
    /// offset from which the intermediate lacks them. When this returns well, the intermediate keeps all of them; after an
    /// error, the same call goes on where the last one was broken off.
    pub async fn deposit_payload<F>(
        &self,
        to: &PublicKey,
        deposit: &Deposit,
        open: impl FnOnce(u64) -> F + Send,
    ) -> Result<(), PayloadError>
    where
        F: Future<Output = Result<Box<dyn SealedSource>, Refusal>> + Send,
    {
        payload::deposit(&self.shared, self.payload_peer(to)?, deposit, open).await
    }

    /// Asks an intermediate what it keeps for this node's organisation.
    pub async fn payload_holdings(&self, at: &PublicKey, question: &Holding) -> Result<Holdings, PayloadError> {
        payload::holdings(&self.shared, self.payload_peer(at)?, question).await
    }

    /// Tells an intermediate that the whole object is here: it deletes its copy.
    pub async fn payload_taken(&self, at: &PublicKey, object: &ObjectId) -> Result<(), PayloadError> {
        payload::taken(&self.shared, self.payload_peer(at)?, object).await
    }

    /// The peers that accept our transactions now.
    pub fn connected(&self) -> Vec<PublicKey> {
        self.shared.connected.borrow().iter().copied().collect()
    }

    /// The same, for whoever waits for a change.
    pub fn watch_connected(&self) -> watch::Receiver<BTreeSet<PublicKey>> {
        self.shared.connected.subscribe()
    }

    /// Where this node listens, with the ports that the system chose.
    pub fn listen_addresses(&self) -> Vec<Multiaddr> {
        self.listening.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What was counted until now.
    pub fn counters(&self) -> NetworkCounters {
        self.shared.counters.snapshot()
    }

    /// Closes all connections and the listener, and returns when every task has ended (or after 5 seconds).
    pub async fn shutdown(&self) {
        self.shared.stop.cancel();
        if tokio::time::timeout(SHUTDOWN_MAX, self.shared.tasks.wait()).await.is_err() {
            tracing::warn!(tasks = self.shared.tasks.len(), "the exchange network stopped, but some of its tasks have not ended");
        }
    }

    fn payload_peer(&self, key: &PublicKey) -> Result<Arc<Peer>, PayloadError> {
        self.shared.find(key).ok_or_else(|| PayloadError::NotAllowed { peer: short(key) })
    }

    fn send_to_all(&self, transactions: &[Bytes], urgency: Urgency) {
        let frames = self.frames(transactions);
        self.shared.for_each(|peer| self.push(peer, &frames, urgency));
    }

    fn frames(&self, transactions: &[Bytes]) -> Vec<frame::Frame> {
        let (frames, left_out) = frame::frames(transactions);
        self.shared.counters.transactions_unsendable.add(left_out);
        frames
    }

    fn push(&self, peer: &Peer, frames: &[frame::Frame], urgency: Urgency) {
        if !frames.is_empty() {
            self.shared.counters.frames_dropped.add(peer.queue.push(frames, urgency));
        }
    }
}

impl fmt::Debug for NetworkHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NetworkHandle").field("counters", &self.counters()).finish_non_exhaustive()
    }
}

/// Where the node listens.
pub(crate) type ListenAddresses = Mutex<Vec<Multiaddr>>;
