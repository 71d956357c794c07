//! Connections: whom to dial and when, whom to let in, which of two connections to keep, when to cut one off.
//!
//! One task owns the libp2p swarm. It decides; the connections' own tasks carry the bytes and never wait for it.
//!
//! * Of each pair, the peer with the smaller key dials at once, the other only after a while, so that two dials seldom cross.
//!   If they do, the connection that the smaller key dialled stays.
//! * A second connection to a peer that we have been connected to for a while means that the peer lost the first one: the
//!   new one stays.
//! * A connection that was ended here counts as gone at once, even while the peer delays its closing.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use inro_contracts::key::PublicKey;
use libp2p::allow_block_list::{self, AllowedPeers, NotAllowed};
use libp2p::connection_limits::{self, ConnectionLimits};
use libp2p::core::transport::{Boxed, Transport, TransportError};
use libp2p::core::upgrade::Version;
use libp2p::core::{ConnectedPoint, Multiaddr, muxing::StreamMuxerBox};
use libp2p::identity::Keypair;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::swarm::{ConnectionDenied, ConnectionId, DialError, ListenError, NetworkBehaviour, Swarm, SwarmEvent};
use libp2p::{PeerId, noise, ping, tcp, yamux};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::backoff::Backoff;
use crate::config::NetworkConfig;
use crate::dissemination;
use crate::error::{Misbehaviour, NetworkError};
use crate::fetch::{self, TransactionSource};
use crate::handle::{ListenAddresses, NetworkEvent};
use crate::identity::{key_pair, public_key, short};
use crate::payload;
use crate::peers::{Entry, Peer, Report, Shared};
use crate::standing;
use crate::streams::{self, Happening, Incoming};

/// How long TCP, Noise and Yamux together may take.
const HANDSHAKE_MAX: Duration = Duration::from_secs(5);
/// A peer is asked this often whether it is there.
const PING_EVERY: Duration = Duration::from_secs(5);
/// A peer that does not answer a ping for so long, twice, is gone.
const PING_TIMEOUT: Duration = Duration::from_secs(10);
/// Two connections established within this time are two dials that crossed.
const CROSSING: Duration = Duration::from_secs(3);
/// A connection that lasted so long was a good one: dialling starts again without delay.
const LASTING: Duration = Duration::from_secs(10);
/// Connections of one peer: the one that is used, one that replaces it, one that is closing.
const CONNECTIONS_PER_PEER: u32 = 3;
/// Dials under way at once.
const DIALS_MAX: u32 = 64;
/// How long the system may take to say where we listen.
const LISTEN_MAX: Duration = Duration::from_secs(5);

/// Where this node listens, as the handle reads it.
pub(crate) type Listening = Arc<ListenAddresses>;

/// The swarm's behaviour. The order matters: whoever may not connect is refused before a handler for streams exists.
#[derive(NetworkBehaviour)]
pub(crate) struct Behaviour {
    allowed: allow_block_list::Behaviour<AllowedPeers>,
    limits: connection_limits::Behaviour,
    ping: ping::Behaviour,
    streams: streams::Behaviour,
}

/// The task that owns the swarm.
pub(crate) struct Links {
    swarm: Swarm<Behaviour>,
    shared: Arc<Shared>,
    listening: Listening,
    members: HashMap<PeerId, Member>,
    source: Arc<dyn TransactionSource>,
    events: mpsc::Sender<NetworkEvent>,
    reports: mpsc::Receiver<Report>,
    exclusion: Duration,
    dial_patience: Duration,
}

/// A peer of the set as this task sees it.
struct Member {
    entry: Entry,
    link: Option<Link>,
    dial: Dial,
    excluded_until: Option<Instant>,
}

/// The connection to a peer that is in use.
struct Link {
    connection: ConnectionId,
    dialled_here: bool,
    since: Instant,
    /// Ends the link's tasks.
    end: CancellationToken,
}

/// When to dial a peer.
struct Dial {
    running: Option<ConnectionId>,
    next: Instant,
    backoff: Backoff,
}

impl Links {
    /// A swarm that neither listens nor dials yet.
    pub fn new(
        config: &NetworkConfig,
        shared: Arc<Shared>,
        listening: Listening,
        source: Arc<dyn TransactionSource>,
        events: mpsc::Sender<NetworkEvent>,
        reports: mpsc::Receiver<Report>,
    ) -> Result<Self, NetworkError> {
        let keys = key_pair(&config.key);
        let id = keys.public().to_peer_id();
        let limits = ConnectionLimits::default()
            .with_max_pending_incoming(Some(config.handshakes_max))
            .with_max_pending_outgoing(Some(DIALS_MAX))
            .with_max_established(Some(config.connections_max))
            .with_max_established_per_peer(Some(CONNECTIONS_PER_PEER));
        let behaviour = Behaviour {
            allowed: allow_block_list::Behaviour::default(),
            limits: connection_limits::Behaviour::new(limits),
            ping: ping::Behaviour::new(ping::Config::new().with_interval(PING_EVERY).with_timeout(PING_TIMEOUT)),
            streams: streams::Behaviour::new(shared.protocols.offers()),
        };
        let tasks = libp2p::swarm::Config::with_executor(Tasks(shared.tasks.clone()));
        let swarm = Swarm::new(transport(&keys)?, behaviour, id, tasks);
        Ok(Self {
            swarm,
            shared,
            listening,
            members: HashMap::new(),
            source,
            events,
            reports,
            exclusion: config.exclusion,
            dial_patience: config.dial_patience,
        })
    }

    /// Begins to listen; returns when the system has said where.
    pub async fn listen(&mut self, address: Multiaddr) -> io::Result<()> {
        self.swarm.listen_on(address).map_err(|error| match error {
            TransportError::Other(error) => error.downcast::<io::Error>().unwrap_or_else(io::Error::other),
            TransportError::MultiaddrNotSupported(_) => io::Error::from(io::ErrorKind::Unsupported),
        })?;
        tokio::time::timeout(LISTEN_MAX, async {
            loop {
                match self.swarm.select_next_some().await {
                    SwarmEvent::NewListenAddr { address, .. } => {
                        self.add_listen_address(address);
                        return Ok(());
                    }
                    SwarmEvent::ListenerClosed { reason: Err(error), .. } | SwarmEvent::ListenerError { error, .. } => {
                        return Err(error);
                    }
                    _ => {}
                }
            }
        })
        .await
        .unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut)))
    }

    /// Runs until the network stops.
    pub async fn run(mut self) {
        let shared = self.shared.clone();
        loop {
            let due = self.act_on_time();
            tokio::select! {
                () = shared.stop.cancelled() => break,
                () = shared.changed.notified() => self.take_over_peers(),
                Some(Report { peer, what }) = self.reports.recv() => self.exclude(&peer, &what),
                event = self.swarm.select_next_some() => self.on_event(event),
                () = tokio::time::sleep_until(due) => {}
            }
        }
        self.members.values().for_each(|member| member.entry.peer.set_opener(None));
        shared.connected.send_replace(Default::default());
        shared.payloads.set_door(None);
        tracing::info!("the exchange network stopped");
    }

    fn on_event(&mut self, event: SwarmEvent<BehaviourEvent>) {
        match event {
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, endpoint, .. } => {
                self.on_established(peer_id, connection_id, &endpoint)
            }
            SwarmEvent::ConnectionClosed { peer_id, connection_id, .. } => self.on_closed(&peer_id, connection_id),
            SwarmEvent::OutgoingConnectionError { peer_id: Some(peer), connection_id, error } => {
                self.on_dial_failed(&peer, connection_id, &error)
            }
            SwarmEvent::IncomingConnectionError { error: ListenError::Denied { cause }, peer_id, .. } => {
                self.on_refused(&cause, peer_id)
            }
            SwarmEvent::Behaviour(BehaviourEvent::Streams(event)) => self.on_streams(event),
            SwarmEvent::Behaviour(BehaviourEvent::Ping(ping::Event { peer, connection, result: Err(_) })) => {
                self.on_silence(&peer, connection)
            }
            SwarmEvent::NewListenAddr { address, .. } => self.add_listen_address(address),
            SwarmEvent::ExpiredListenAddr { address, .. } => self.addresses(|all| all.retain(|one| *one != address)),
            SwarmEvent::ListenerClosed { reason, .. } => {
                tracing::error!(?reason, "the listener closed: peers can no longer connect to this node; restart it");
            }
            _ => {}
        }
    }

    /// Takes over the set that the handle was given: cuts off, lets in, dials.
    fn take_over_peers(&mut self) {
        let entries = self.shared.entries();
        let stays = |peer: &Arc<Peer>| entries.iter().any(|entry| Arc::ptr_eq(&entry.peer, peer));
        let gone: Vec<PeerId> = self.members.iter().filter(|(_, member)| !stays(&member.entry.peer)).map(|(id, _)| *id).collect();
        for id in gone {
            if let Some(mut member) = self.members.remove(&id) {
                self.swarm.behaviour_mut().allowed.disallow_peer(id);
                end_link(&self.shared, &mut member);
            }
        }
        for entry in entries {
            match self.members.get_mut(&entry.peer.id) {
                Some(member) if member.entry.address == entry.address => {}
                Some(member) => {
                    member.entry = entry;
                    member.dial.backoff.reset();
                    member.dial.next = Instant::now();
                }
                None => {
                    self.swarm.behaviour_mut().allowed.allow_peer(entry.peer.id);
                    let next = Instant::now() + patience(&self.shared.me, &entry.peer.key, self.dial_patience);
                    let dial = Dial { running: None, next, backoff: Backoff::default() };
                    self.members.insert(entry.peer.id, Member { entry, link: None, dial, excluded_until: None });
                }
            }
        }
    }

    /// Ends exclusions and dials whoever is due; says when the next one is.
    fn act_on_time(&mut self) -> Instant {
        let now = Instant::now();
        let mut next = now + Duration::from_secs(3600);
        for (id, member) in &mut self.members {
            if let Some(until) = member.excluded_until {
                if until > now {
                    next = next.min(until);
                    continue;
                }
                member.excluded_until = None;
                member.dial.next = now;
                self.swarm.behaviour_mut().allowed.allow_peer(*id);
            }
            if member.link.is_some() || member.dial.running.is_some() {
                continue;
            }
            let Some(address) = &member.entry.address else { continue };
            if member.dial.next <= now {
                let opts = DialOpts::peer_id(*id)
                    .condition(PeerCondition::Always)
                    .addresses(vec![address.clone()])
                    .allocate_new_port()
                    .build();
                self.shared.counters.dials.one();
                let connection = opts.connection_id();
                match self.swarm.dial(opts) {
                    Ok(()) => member.dial.running = Some(connection),
                    Err(_) => {
                        self.shared.counters.dials_failed.one();
                        postpone(&self.shared.me, member, self.dial_patience);
                    }
                }
            }
            if member.dial.running.is_none() {
                next = next.min(member.dial.next);
            }
        }
        next
    }

    fn on_established(&mut self, id: PeerId, connection: ConnectionId, endpoint: &ConnectedPoint) {
        let opener = self.swarm.behaviour_mut().streams.opener(connection);
        let member = self.members.get_mut(&id).filter(|member| !member.entry.peer.cut.is_cancelled());
        let (Some(opener), Some(member)) = (opener, member) else {
            self.swarm.close_connection(connection);
            return;
        };
        if member.dial.running == Some(connection) {
            member.dial.running = None;
        }
        let dialled_here = endpoint.is_dialer();
        let peer = member.entry.peer.clone();
        if let Some(old) = &member.link {
            let crossed = old.since.elapsed() < CROSSING && old.dialled_here != dialled_here;
            if crossed && dialled_here != (self.shared.me < peer.key) {
                self.swarm.close_connection(connection);
                return;
            }
            let old = old.connection;
            end_link(&self.shared, member);
            self.swarm.close_connection(old);
        }
        let end = peer.cut.child_token();
        peer.set_opener(Some(opener.clone()));
        member.link = Some(Link { connection, dialled_here, since: Instant::now(), end: end.clone() });
        self.shared.counters.links_opened.one();
        tracing::info!(peer = peer.name(), dialled_here, "connected");
        let send = dissemination::send(self.shared.clone(), peer, opener, end.clone());
        self.shared.tasks.spawn(end.run_until_cancelled_owned(send));
    }

    fn on_closed(&mut self, id: &PeerId, connection: ConnectionId) {
        if let Some(member) = self.members.get_mut(id)
            && member.link.as_ref().is_some_and(|link| link.connection == connection)
        {
            tracing::info!(peer = member.entry.peer.name(), "disconnected");
            lose_link(&self.shared, member, self.dial_patience);
        }
    }

    /// A peer does not answer pings (a peer that knows no pings is none of ours).
    fn on_silence(&mut self, id: &PeerId, connection: ConnectionId) {
        self.on_closed(id, connection);
        self.swarm.close_connection(connection);
    }

    fn on_dial_failed(&mut self, id: &PeerId, connection: ConnectionId, error: &DialError) {
        if let Some(member) = self.members.get_mut(id)
            && member.dial.running == Some(connection)
        {
            member.dial.running = None;
            self.shared.counters.dials_failed.one();
            postpone(&self.shared.me, member, self.dial_patience);
            if member.dial.backoff.failed_once() {
                tracing::info!(
                    peer = member.entry.peer.name(),
                    reason = reason(error),
                    "cannot reach a peer; trying again until it is there"
                );
            }
        }
    }

    fn on_refused(&self, cause: &ConnectionDenied, id: Option<PeerId>) {
        if cause.downcast_ref::<NotAllowed>().is_some() {
            self.shared.counters.connections_refused.one();
            let key = id.as_ref().and_then(public_key);
            tracing::debug!(key = key.as_ref().map(short), "refused a connection: the key is not one of the set's");
        } else {
            self.shared.counters.connections_over_limit.one();
        }
    }

    fn on_streams(&mut self, event: streams::Event) {
        let streams::Event { peer: id, connection, happening } = event;
        let Some(member) = self.members.get(&id) else { return };
        let peer = member.entry.peer.clone();
        match (happening, &member.link) {
            (Happening::Incoming(incoming), Some(link)) if link.connection == connection => {
                self.attend(peer, incoming, &link.end)
            }
            // A stream on a connection that is closing ends with it.
            (Happening::Incoming(_), _) => {}
            (Happening::Refused, _) => self.shared.counters.streams_refused.one(),
            (Happening::Flood, _) => self.exclude(&peer, &Misbehaviour::StreamFlood),
        }
    }

    /// Starts the task of a stream that a peer opened.
    fn attend(&self, peer: Arc<Peer>, incoming: Incoming, end: &CancellationToken) {
        let (shared, end) = (self.shared.clone(), end.clone());
        if incoming.protocol == shared.protocols.transactions {
            let receive = dissemination::receive(shared, peer, incoming, self.events.clone());
            self.shared.tasks.spawn(end.run_until_cancelled_owned(receive));
        } else if incoming.protocol == shared.protocols.fetch {
            let serve = fetch::serve(shared, peer, incoming, self.source.clone());
            self.shared.tasks.spawn(end.run_until_cancelled_owned(serve));
        } else if incoming.protocol == shared.protocols.standing {
            let serve = standing::serve(incoming, self.source.clone());
            self.shared.tasks.spawn(end.run_until_cancelled_owned(serve));
        } else if incoming.protocol == shared.protocols.payload {
            let serve = payload::serve(shared, peer, incoming);
            self.shared.tasks.spawn(end.run_until_cancelled_owned(serve));
        }
    }

    /// Keeps a peer out for a while.
    fn exclude(&mut self, peer: &Arc<Peer>, what: &Misbehaviour) {
        let Some(member) = self.members.get_mut(&peer.id) else { return };
        if member.excluded_until.is_some() || !Arc::ptr_eq(&member.entry.peer, peer) {
            return;
        }
        tracing::warn!(peer = peer.name(), %what, seconds = self.exclusion.as_secs(), "a peer misbehaved and is kept out for a while");
        self.shared.counters.exclusions.one();
        self.swarm.behaviour_mut().allowed.disallow_peer(peer.id);
        end_link(&self.shared, member);
        member.excluded_until = Some(Instant::now() + self.exclusion);
    }

    fn add_listen_address(&self, address: Multiaddr) {
        tracing::info!(%address, "the exchange network listens");
        self.addresses(|all| all.push(address));
    }

    fn addresses(&self, change: impl FnOnce(&mut Vec<Multiaddr>)) {
        change(&mut self.listening.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Ends a link's tasks and forgets it; whether its connection closes is another matter.
fn end_link(shared: &Shared, member: &mut Member) {
    if let Some(link) = member.link.take() {
        link.end.cancel();
        member.entry.peer.set_opener(None);
        shared.mark_disconnected(&member.entry.peer);
        shared.counters.links_lost.one();
    }
}

/// Ends a link that broke and plans the next dial.
fn lose_link(shared: &Shared, member: &mut Member, dial_patience: Duration) {
    if member.link.as_ref().is_some_and(|link| link.since.elapsed() > LASTING) {
        member.dial.backoff.reset();
    }
    end_link(shared, member);
    postpone(&shared.me, member, dial_patience);
}

/// Plans the next dial after a failure.
fn postpone(me: &PublicKey, member: &mut Member, dial_patience: Duration) {
    let wait = member.dial.backoff.failed(&mut rand::thread_rng()) + patience(me, &member.entry.peer.key, dial_patience);
    member.dial.next = Instant::now() + wait;
}

/// Why a dial failed, for the operator.
fn reason(error: &DialError) -> &'static str {
    match error {
        DialError::WrongPeerId { .. } => "a node with another key answers at its address",
        DialError::Transport(_) => "nobody answers at its address, or the encrypted handshake failed",
        DialError::Denied { .. } => "this node has too many connections, or the peer has left the set",
        _ => "the dial was abandoned",
    }
}

/// How long this node lets the other one dial first.
fn patience(me: &PublicKey, other: &PublicKey, dial_patience: Duration) -> Duration {
    if me < other { Duration::ZERO } else { dial_patience }
}

/// TCP without delay, Noise, Yamux. Yamux keeps its own defaults: setting any of its deprecated options would replace it by
/// an older version.
fn transport(keys: &Keypair) -> Result<Boxed<(PeerId, StreamMuxerBox)>, NetworkError> {
    let noise = noise::Config::new(keys).map_err(|error| NetworkError::Transport(error.to_string()))?;
    let transport = tcp::tokio::Transport::new(tcp::Config::default().nodelay(true))
        .upgrade(Version::V1)
        .authenticate(noise)
        .multiplex(yamux::Config::default())
        .timeout(HANDSHAKE_MAX);
    Ok(transport.boxed())
}

/// Runs the swarm's own tasks where shutting down can wait for them.
struct Tasks(TaskTracker);

impl libp2p::swarm::Executor for Tasks {
    fn exec(&self, task: Pin<Box<dyn Future<Output = ()> + Send>>) {
        self.0.spawn(task);
    }
}
