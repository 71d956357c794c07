//! Streams over established connections: the one piece of libp2p behaviour that is ours.
//!
//! Each connection has its own handler with its own limits: how many streams of each protocol the peer may have open. What
//! exceeds them is reset in the handler, in the connection's own task, and never reaches the rest of the node. The crate
//! `libp2p-stream` hands all peers' streams over through one slot, where a peer that floods makes the others' streams
//! vanish; that is why it is not used here.

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use libp2p::core::transport::PortUse;
use libp2p::core::upgrade::{InboundUpgrade, OutboundUpgrade, UpgradeInfo};
use libp2p::core::{Endpoint, Multiaddr};
use libp2p::swarm::behaviour::{ConnectionClosed, DialFailure, FromSwarm, ListenFailure};
use libp2p::swarm::handler::{ConnectionEvent, DialUpgradeError, FullyNegotiatedInbound, FullyNegotiatedOutbound};
use libp2p::swarm::{
    ConnectionDenied, ConnectionHandler, ConnectionHandlerEvent, ConnectionId, NetworkBehaviour, SubstreamProtocol, THandler,
    THandlerInEvent, THandlerOutEvent, ToSwarm,
};
use libp2p::{PeerId, Stream, StreamProtocol};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

/// How many requests to open a stream wait at one connection.
const OPENINGS_MAX: usize = 16;
/// After so many refused streams on one connection within [`REFUSED_WITHIN`] the peer is reported.
const REFUSED_MAX: u32 = 256;
/// The time after which refused streams are forgotten.
const REFUSED_WITHIN: Duration = Duration::from_secs(60);

/// A protocol that this node accepts, and how many streams of it one peer may have open.
#[derive(Debug, Clone)]
pub(crate) struct Offer {
    /// The protocol's name.
    pub protocol: StreamProtocol,
    /// The limit for each connection.
    pub streams_max: usize,
}

/// A stream that a peer opened. The peer may open another one when the permit is dropped.
#[derive(Debug)]
pub(crate) struct Incoming {
    /// The stream.
    pub stream: Stream,
    /// Its protocol.
    pub protocol: StreamProtocol,
    /// Its place among the peer's streams of this protocol.
    pub permit: OwnedSemaphorePermit,
}

/// What happens on a connection.
#[derive(Debug)]
pub(crate) enum Happening {
    /// The peer opened a stream.
    Incoming(Incoming),
    /// A stream was refused because the peer has too many.
    Refused,
    /// The peer does not stop opening streams.
    Flood,
}

/// What happened, and where.
#[derive(Debug)]
pub(crate) struct Event {
    /// With which peer.
    pub peer: PeerId,
    /// On which connection.
    pub connection: ConnectionId,
    /// What.
    pub happening: Happening,
}

/// Opens streams on one connection.
#[derive(Debug, Clone)]
pub(crate) struct Opener(mpsc::Sender<Opening>);

/// The stream could not be opened: the connection is gone, or the peer does not know the protocol.
#[derive(Debug)]
pub(crate) struct NotOpened;

type Reply = oneshot::Sender<Result<Stream, NotOpened>>;

#[derive(Debug)]
struct Opening {
    protocol: StreamProtocol,
    reply: Reply,
}

impl Opener {
    /// Opens a stream of a protocol.
    pub async fn open(&self, protocol: StreamProtocol) -> Result<Stream, NotOpened> {
        let (reply, answer) = oneshot::channel();
        self.0.send(Opening { protocol, reply }).await.map_err(|_| NotOpened)?;
        answer.await.unwrap_or(Err(NotOpened))
    }
}

/// The behaviour: makes a handler for each connection and passes on what happens there.
pub(crate) struct Behaviour {
    offers: Arc<[Offer]>,
    openers: HashMap<ConnectionId, Opener>,
    events: VecDeque<Event>,
    waker: Option<Waker>,
}

impl Behaviour {
    /// Accepts streams of these protocols.
    pub fn new(offers: Vec<Offer>) -> Self {
        Self { offers: offers.into(), openers: HashMap::new(), events: VecDeque::new(), waker: None }
    }

    /// Who opens streams on a connection that was just established.
    pub fn opener(&mut self, connection: ConnectionId) -> Option<Opener> {
        self.openers.remove(&connection)
    }

    fn handler(&mut self, connection: ConnectionId) -> Handler {
        let (sender, openings) = mpsc::channel(OPENINGS_MAX);
        self.openers.insert(connection, Opener(sender));
        let places = self.offers.iter().map(|offer| Arc::new(Semaphore::new(offer.streams_max))).collect();
        Handler {
            offers: self.offers.clone(),
            places,
            openings,
            happenings: VecDeque::new(),
            refused: 0,
            refused_since: Instant::now(),
        }
    }
}

impl NetworkBehaviour for Behaviour {
    type ConnectionHandler = Handler;
    type ToSwarm = Event;

    fn handle_established_inbound_connection(
        &mut self,
        connection: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(self.handler(connection))
    }

    fn handle_established_outbound_connection(
        &mut self,
        connection: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(self.handler(connection))
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionClosed(ConnectionClosed { connection_id, .. })
            | FromSwarm::DialFailure(DialFailure { connection_id, .. })
            | FromSwarm::ListenFailure(ListenFailure { connection_id, .. }) => {
                self.openers.remove(&connection_id);
            }
            _ => {}
        }
    }

    fn on_connection_handler_event(&mut self, peer: PeerId, connection: ConnectionId, happening: THandlerOutEvent<Self>) {
        self.events.push_back(Event { peer, connection, happening });
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        if let Some(event) = self.events.pop_front() {
            return Poll::Ready(ToSwarm::GenerateEvent(event));
        }
        self.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

/// One connection's streams.
pub(crate) struct Handler {
    offers: Arc<[Offer]>,
    places: Vec<Arc<Semaphore>>,
    openings: mpsc::Receiver<Opening>,
    happenings: VecDeque<Happening>,
    refused: u32,
    refused_since: Instant,
}

impl Handler {
    fn accept(&mut self, stream: Stream, protocol: StreamProtocol) {
        let place = self.offers.iter().position(|offer| offer.protocol == protocol);
        let permit = place.and_then(|place| self.places[place].clone().try_acquire_owned().ok());
        match permit {
            Some(permit) => self.happenings.push_back(Happening::Incoming(Incoming { stream, protocol, permit })),
            None => self.refuse(stream),
        }
    }

    fn refuse(&mut self, stream: Stream) {
        drop(stream);
        if self.refused_since.elapsed() > REFUSED_WITHIN {
            (self.refused, self.refused_since) = (0, Instant::now());
        }
        if self.refused < REFUSED_MAX {
            self.refused += 1;
            let last = self.refused == REFUSED_MAX;
            self.happenings.push_back(if last { Happening::Flood } else { Happening::Refused });
        }
    }
}

impl ConnectionHandler for Handler {
    type FromBehaviour = Infallible;
    type ToBehaviour = Happening;
    type InboundProtocol = Upgrade;
    type OutboundProtocol = Upgrade;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = Reply;

    fn listen_protocol(&self) -> SubstreamProtocol<Upgrade, ()> {
        SubstreamProtocol::new(Upgrade(self.offers.iter().map(|offer| offer.protocol.clone()).collect()), ())
    }

    fn connection_keep_alive(&self) -> bool {
        true
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<ConnectionHandlerEvent<Upgrade, Reply, Happening>> {
        if let Some(happening) = self.happenings.pop_front() {
            return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(happening));
        }
        match self.openings.poll_recv(context) {
            Poll::Ready(Some(Opening { protocol, reply })) => {
                let protocol = SubstreamProtocol::new(Upgrade(vec![protocol]), reply);
                Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol })
            }
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }

    fn on_behaviour_event(&mut self, event: Infallible) {
        match event {}
    }

    fn on_connection_event(&mut self, event: ConnectionEvent<'_, Upgrade, Upgrade, (), Reply>) {
        match event {
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound { protocol: (stream, protocol), .. }) => {
                self.accept(stream, protocol);
            }
            // Whoever asked for the stream may have gone; then the stream is dropped, which resets it.
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound { protocol: (stream, _), info: reply }) => {
                let _ = reply.send(Ok(stream));
            }
            ConnectionEvent::DialUpgradeError(DialUpgradeError { info: reply, .. }) => {
                let _ = reply.send(Err(NotOpened));
            }
            _ => {}
        }
    }
}

/// Agrees on one of some protocols and hands the bare stream over.
pub(crate) struct Upgrade(Vec<StreamProtocol>);

impl UpgradeInfo for Upgrade {
    type Info = StreamProtocol;
    type InfoIter = std::vec::IntoIter<StreamProtocol>;

    fn protocol_info(&self) -> Self::InfoIter {
        self.0.clone().into_iter()
    }
}

impl InboundUpgrade<Stream> for Upgrade {
    type Output = (Stream, StreamProtocol);
    type Error = Infallible;
    type Future = Ready<Result<Self::Output, Infallible>>;

    fn upgrade_inbound(self, stream: Stream, protocol: StreamProtocol) -> Self::Future {
        ready(Ok((stream, protocol)))
    }
}

impl OutboundUpgrade<Stream> for Upgrade {
    type Output = (Stream, StreamProtocol);
    type Error = Infallible;
    type Future = Ready<Result<Self::Output, Infallible>>;

    fn upgrade_outbound(self, stream: Stream, protocol: StreamProtocol) -> Self::Future {
        ready(Ok((stream, protocol)))
    }
}
