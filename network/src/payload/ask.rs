//! Asking a peer: for an object, to keep one, what it keeps, and to delete what was taken.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use futures::AsyncWriteExt;
use libp2p::Stream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::door::SealedSource;
use super::error::PayloadError;
use super::flow::{Broken, Giver, Taker, within};
use super::frames::{self, Ask, Authorisation, Deposit, Holding, Holdings, ObjectId, Refusal, Say};
use crate::error::Misbehaviour;
use crate::peers::{Peer, Shared};

/// An object on its way here. It comes only as fast as it is asked for; dropping it ends the transfer.
pub struct Payload {
    exchange: Exchange,
    taker: Taker,
    total: u64,
    authorisation: Authorisation,
    offset: u64,
    ended: bool,
}

impl Payload {
    /// The evidence that the peer may hand the object over; to be checked before the first byte is taken.
    pub fn authorisation(&self) -> &Authorisation {
        &self.authorisation
    }

    /// How many bytes the whole object has. The peer says so; whoever sets memory aside compares it with what the ledger
    /// says.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The offset of the next byte: where to go on after an error.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The next bytes, at most 256 KiB; `None` when all are there. Asking for more says that the last ones were consumed: at
    /// most 2 MiB wait here beside them. After an error or the end there is nothing more.
    pub async fn next(&mut self) -> Result<Option<Bytes>, PayloadError> {
        if self.ended {
            return Ok(None);
        }
        let Exchange { shared, peer, stream, .. } = &mut self.exchange;
        let taking = self.taker.next(stream, &shared.counters.payload_bytes_received);
        let taken = peer.cut.run_until_cancelled(taking).await;
        let taken = match taken {
            Some(Ok(piece)) => Ok(piece),
            Some(Err(broken)) => Err(self.exchange.error(broken).await),
            None => Err(PayloadError::NotAllowed { peer: self.exchange.peer.name() }),
        };
        match &taken {
            Ok(Some(piece)) => self.offset += piece.len() as u64,
            Ok(None) => {
                self.ended = true;
                // All is here; if the peer does not see this end, it sees the stream's.
                let _ = within(self.exchange.shared.payloads.idle, self.exchange.stream.close()).await;
            }
            Err(_) => self.ended = true,
        }
        taken
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Payload").field("total", &self.total).field("offset", &self.offset).finish_non_exhaustive()
    }
}

/// Begins to fetch an object from `offset` on.
pub(crate) async fn fetch(
    shared: &Arc<Shared>,
    peer: Arc<Peer>,
    object: &ObjectId,
    offset: u64,
) -> Result<Payload, PayloadError> {
    let (mut exchange, say) = Exchange::begin(shared, peer, Ask::Fetch { object: *object, offset }, true).await?;
    match say {
        Say::Found { total, authorisation } if offset <= total => {
            let taker = Taker::new(total - offset, shared.payloads.idle);
            Ok(Payload { exchange, taker, total, authorisation, offset, ended: false })
        }
        _ => Err(exchange.unexpected().await),
    }
}

/// Leaves an object with an intermediate; `open` opens it at the offset from which the intermediate lacks it.
pub(crate) async fn deposit<F>(
    shared: &Arc<Shared>,
    peer: Arc<Peer>,
    deposit: &Deposit,
    open: impl FnOnce(u64) -> F + Send,
) -> Result<(), PayloadError>
where
    F: Future<Output = Result<Box<dyn SealedSource>, Refusal>> + Send,
{
    let (mut exchange, say) = Exchange::begin(shared, peer, Ask::Deposit(*deposit), true).await?;
    let held = match say {
        Say::Continue { held } if held <= deposit.total => held,
        _ => return Err(exchange.unexpected().await),
    };
    let mut source = open(held).await.map_err(PayloadError::Source)?;
    if source.total() != deposit.total {
        return Err(PayloadError::Source(Refusal::BadOffset));
    }
    let Exchange { peer, stream, .. } = &mut exchange;
    let mut giver = Giver::new(deposit.total - held, shared.payloads.idle, &shared.payloads.pace);
    let giving = async {
        giver.give(stream, &mut *source, &shared.counters.payload_bytes_sent).await?;
        giver.last_word(stream).await
    };
    match peer.cut.run_until_cancelled(giving).await {
        Some(Ok(Say::Done)) => Ok(()),
        Some(Ok(Say::Refused(refusal))) => Err(PayloadError::Refused { peer: exchange.peer.name(), refusal }),
        Some(Ok(_)) => Err(exchange.unexpected().await),
        Some(Err(broken)) => Err(exchange.error(broken).await),
        None => Err(PayloadError::NotAllowed { peer: exchange.peer.name() }),
    }
}

/// Asks what a peer keeps for this node's organisation.
pub(crate) async fn holdings(shared: &Arc<Shared>, peer: Arc<Peer>, question: &Holding) -> Result<Holdings, PayloadError> {
    let (mut exchange, say) = Exchange::begin(shared, peer, Ask::Held(*question), false).await?;
    match say {
        Say::Holdings(holdings) if holdings.answers(question) => Ok(holdings),
        _ => Err(exchange.unexpected().await),
    }
}

/// Tells a peer that the whole object is here and need not be kept any longer.
pub(crate) async fn taken(shared: &Arc<Shared>, peer: Arc<Peer>, object: &ObjectId) -> Result<(), PayloadError> {
    let (mut exchange, say) = Exchange::begin(shared, peer, Ask::Taken { object: *object }, false).await?;
    match say {
        Say::Done => Ok(()),
        _ => Err(exchange.unexpected().await),
    }
}

/// A stream on which something was asked and answered.
struct Exchange {
    shared: Arc<Shared>,
    peer: Arc<Peer>,
    stream: Stream,
    _places: Option<(OwnedSemaphorePermit, OwnedSemaphorePermit)>,
}

impl Exchange {
    /// Asks, and reads the answer; a refusal is an error.
    async fn begin(shared: &Arc<Shared>, peer: Arc<Peer>, ask: Ask, transfer: bool) -> Result<(Self, Say), PayloadError> {
        let places = if transfer { Some(places(shared, &peer).await?) } else { None };
        let not_connected = || PayloadError::NotConnected { peer: peer.name() };
        let opener = peer.opener().ok_or_else(not_connected)?;
        let idle = shared.payloads.idle;
        let opening = tokio::time::timeout(idle, opener.open(shared.protocols.payload.clone()));
        let stream = match peer.cut.run_until_cancelled(opening).await {
            Some(Ok(Ok(stream))) => stream,
            _ => return Err(not_connected()),
        };
        let mut exchange = Self { shared: shared.clone(), peer, stream, _places: places };
        let asking = within(idle, async {
            frames::write(&mut exchange.stream, &ask).await?;
            Ok::<_, Broken>(frames::read::<Say>(&mut exchange.stream).await?)
        });
        match exchange.peer.cut.run_until_cancelled(asking).await {
            Some(Ok(Say::Refused(refusal))) => Err(PayloadError::Refused { peer: exchange.peer.name(), refusal }),
            Some(Ok(say)) => Ok((exchange, say)),
            Some(Err(broken)) => Err(exchange.error(broken).await),
            None => Err(PayloadError::NotAllowed { peer: exchange.peer.name() }),
        }
    }

    /// The error for a transfer that broke; a peer that misbehaved is reported.
    async fn error(&mut self, broken: Broken) -> PayloadError {
        let peer = self.peer.name();
        match broken {
            // The connection closes because the peer was cut off; which of the two is seen first is chance.
            Broken::Ended | Broken::Stalled if self.peer.cut.is_cancelled() => PayloadError::NotAllowed { peer },
            Broken::Ended => PayloadError::Interrupted { peer },
            Broken::Stalled => PayloadError::Stalled { peer, idle_ms: self.shared.payloads.idle.as_millis() as u64 },
            Broken::Refused(refusal) => PayloadError::Refused { peer, refusal },
            Broken::Own(refusal) => PayloadError::Source(refusal),
            Broken::Misbehaved(what) => {
                self.shared.report(&self.peer, what.clone()).await;
                PayloadError::Misbehaved { peer, what }
            }
        }
    }

    /// The answer does not belong to the question.
    async fn unexpected(&mut self) -> PayloadError {
        self.error(Broken::Misbehaved(Misbehaviour::Malformed("an answer to another question"))).await
    }
}

/// Waits for a place among this node's transfers and among those with the peer.
async fn places(shared: &Shared, peer: &Peer) -> Result<(OwnedSemaphorePermit, OwnedSemaphorePermit), PayloadError> {
    let place = |places: &Arc<Semaphore>| places.clone().acquire_owned();
    let both = async {
        let own = place(&peer.payload_places.asking).await.ok()?;
        let any = place(&shared.payloads.places.asking).await.ok()?;
        Some((own, any))
    };
    match peer.cut.run_until_cancelled(tokio::time::timeout(shared.payloads.idle, both)).await {
        Some(Ok(Some(places))) => Ok(places),
        Some(_) => Err(PayloadError::TooManyTransfers),
        None => Err(PayloadError::NotAllowed { peer: peer.name() }),
    }
}
