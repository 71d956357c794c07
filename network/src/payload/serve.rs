//! Answering a peer: one stream, one question. The node decides through its door; here the limits are kept.

use std::sync::Arc;
use std::time::Duration;

use libp2p::Stream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::door::{Opened, PayloadDoor, SealedSink};
use super::flow::{Broken, Giver, Taker, conclude, linger, stop, within};
use super::frames::{self, Ask, Deposit, ObjectId, Refusal, Say};
use crate::peers::{Peer, Shared};
use crate::streams::Incoming;

/// How long a transfer waits for a place before the peer is told that this node is busy. The peer may have given its last
/// place back a moment ago.
const PLACE_PATIENCE: Duration = Duration::from_millis(500);
/// When to ask a busy node again.
const RETRY_AFTER_MS: u32 = 1_000;
const BUSY: Refusal = Refusal::Busy { retry_after_ms: RETRY_AFTER_MS };

/// How a stream ended well.
enum Served {
    /// Everything that was asked for was given.
    Whole,
    /// The answer was no.
    Refused(Refusal),
}

/// Answers one question of a peer.
pub(crate) async fn serve(shared: Arc<Shared>, peer: Arc<Peer>, incoming: Incoming) {
    let Incoming { mut stream, permit: _place, .. } = incoming;
    let counters = &shared.counters;
    match answer(&shared, &peer, &mut stream).await {
        Ok(Served::Whole) => counters.payload_questions_served.one(),
        Ok(Served::Refused(refusal)) => {
            counters.payload_questions_refused.one();
            tracing::debug!(peer = peer.name(), reason = refusal.number(), "refused a peer's question about payloads");
        }
        Err(Broken::Misbehaved(what)) => shared.report(&peer, what).await,
        Err(broken) => {
            counters.payload_transfers_broken.one();
            tracing::debug!(peer = peer.name(), ?broken, "a transfer with a peer was broken off");
        }
    }
}

async fn answer(shared: &Shared, peer: &Peer, stream: &mut Stream) -> Result<Served, Broken> {
    let idle = shared.payloads.idle;
    let ask: Ask = within(idle, frames::read(stream)).await?;
    let Some(door) = shared.payloads.door() else { return refuse(stream, BUSY, idle).await };
    match ask {
        Ask::Fetch { object, offset } => give(shared, peer, stream, &*door, &object, offset).await,
        Ask::Deposit(deposit) => keep(shared, peer, stream, &*door, &deposit).await,
        Ask::Held(question) => match door.holdings(&peer.key, &question).await {
            Ok(holdings) if holdings.answers(&question) => last(stream, &Say::Holdings(holdings), idle).await,
            Ok(_) => {
                tracing::error!("this node listed what it keeps in another order than it should; report this as a bug");
                refuse(stream, Refusal::Fault, idle).await
            }
            Err(refusal) => refuse(stream, refusal, idle).await,
        },
        Ask::Taken { object } => match door.taken(&peer.key, &object).await {
            Ok(()) => last(stream, &Say::Done, idle).await,
            Err(refusal) => refuse(stream, refusal, idle).await,
        },
    }
}

async fn give(
    shared: &Shared,
    peer: &Peer,
    stream: &mut Stream,
    door: &dyn PayloadDoor,
    object: &ObjectId,
    offset: u64,
) -> Result<Served, Broken> {
    let idle = shared.payloads.idle;
    let Some(_places) = places(shared, peer).await else { return refuse(stream, BUSY, idle).await };
    let Opened { authorisation, mut source } = match door.open(&peer.key, object, offset).await {
        Ok(opened) => opened,
        Err(refusal) => return refuse(stream, refusal, idle).await,
    };
    let total = source.total();
    let Some(length) = total.checked_sub(offset) else { return refuse(stream, Refusal::BadOffset, idle).await };
    within(idle, frames::write(stream, &Say::Found { total, authorisation })).await?;
    let given =
        Giver::new(length, idle, &shared.payloads.pace).give(stream, &mut *source, &shared.counters.payload_bytes_sent).await;
    drop(source);
    if matches!(given, Ok(()) | Err(Broken::Own(_))) {
        // The place is taken until the peer has read everything.
        linger(stream, idle).await;
    }
    given.map(|()| Served::Whole)
}

async fn keep(
    shared: &Shared,
    peer: &Peer,
    stream: &mut Stream,
    door: &dyn PayloadDoor,
    deposit: &Deposit,
) -> Result<Served, Broken> {
    let idle = shared.payloads.idle;
    let Some(_places) = places(shared, peer).await else { return refuse(stream, BUSY, idle).await };
    let mut sink = match door.keep(&peer.key, deposit).await {
        Ok(sink) => sink,
        Err(refusal) => return refuse(stream, refusal, idle).await,
    };
    let held = sink.held();
    let Some(length) = deposit.total.checked_sub(held) else { return refuse(stream, Refusal::BadOffset, idle).await };
    within(idle, frames::write(stream, &Say::Continue { held })).await?;
    let mut taker = Taker::new(length, idle);
    match take(shared, stream, &mut *sink, &mut taker).await {
        Ok(()) => {
            within(idle, conclude(stream, &Say::Done)).await?;
            linger(stream, idle).await;
            Ok(Served::Whole)
        }
        Err(Broken::Own(refusal)) => {
            within(idle, stop(stream, refusal)).await?;
            linger(stream, idle).await;
            Err(Broken::Own(refusal))
        }
        Err(broken) => Err(broken),
    }
}

async fn take(shared: &Shared, stream: &mut Stream, sink: &mut dyn SealedSink, taker: &mut Taker) -> Result<(), Broken> {
    while let Some(piece) = taker.next(stream, &shared.counters.payload_bytes_received).await? {
        sink.append(piece).await.map_err(Broken::Own)?;
    }
    sink.finish().await.map_err(Broken::Own)
}

/// A place among this node's transfers and one among the peer's; `None` if none becomes free soon.
async fn places(shared: &Shared, peer: &Peer) -> Option<(OwnedSemaphorePermit, OwnedSemaphorePermit)> {
    let place = |places: &Arc<Semaphore>| places.clone().acquire_owned();
    let both = async {
        // Neither semaphore is ever closed. The peer's own place comes first, so that a peer with too many waits for itself.
        let own = place(&peer.payload_places.serving).await.ok()?;
        let any = place(&shared.payloads.places.serving).await.ok()?;
        Some((own, any))
    };
    tokio::time::timeout(PLACE_PATIENCE, both).await.ok().flatten()
}

async fn refuse(stream: &mut Stream, refusal: Refusal, idle: Duration) -> Result<Served, Broken> {
    last(stream, &Say::Refused(refusal), idle).await?;
    Ok(Served::Refused(refusal))
}

/// Says the one thing that there is to say, and waits until the peer has read it.
async fn last(stream: &mut Stream, say: &Say, idle: Duration) -> Result<Served, Broken> {
    within(idle, async {
        frames::write(stream, say).await?;
        futures::AsyncWriteExt::close(stream).await
    })
    .await?;
    linger(stream, idle).await;
    Ok(Served::Whole)
}
