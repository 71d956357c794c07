//! A question to a peer that is answered in one frame: the part that all such questions share.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::{AsyncReadExt, AsyncWriteExt};
use libp2p::StreamProtocol;
use tokio::sync::Semaphore;

use crate::error::{FetchError, Misbehaviour};
use crate::frame::{self, NoFrame};
use crate::peers::{Peer, Shared};

/// What is asked, and how.
pub(crate) struct Question<'a> {
    /// The protocol of its stream.
    pub protocol: &'a StreamProtocol,
    /// What is written to the stream; may be nothing.
    pub content: Bytes,
    /// The longest answer, in bytes.
    pub answer_bytes_max: usize,
    /// Where the question waits for a place, if there may be too many of its kind at once.
    pub places: Option<&'a Semaphore>,
}

/// Asks a connected peer on a stream of its own, and lets `judge` parse the answer. Gives up after `timeout`; a peer whose
/// answer no honest node sends is reported.
pub(crate) async fn ask<T>(
    shared: &Shared,
    peer: &Arc<Peer>,
    question: Question<'_>,
    timeout: Duration,
    judge: impl FnOnce(Bytes) -> Result<T, Misbehaviour>,
) -> Result<T, FetchError> {
    let asking = async {
        let answer = exchange(shared, peer, question).await?;
        judge(answer).map_err(|what| FetchError::Misbehaved { peer: peer.name(), what })
    };
    match tokio::time::timeout(timeout, peer.cut.run_until_cancelled(asking)).await {
        Ok(Some(Err(FetchError::Misbehaved { peer: name, what }))) => {
            shared.report(peer, what.clone()).await;
            Err(FetchError::Misbehaved { peer: name, what })
        }
        Ok(Some(result)) => result,
        Ok(None) => Err(FetchError::NotConnected { peer: peer.name() }),
        Err(_) => Err(FetchError::Timeout { peer: peer.name(), timeout_ms: timeout.as_millis() as u64 }),
    }
}

async fn exchange(shared: &Shared, peer: &Peer, question: Question<'_>) -> Result<Bytes, FetchError> {
    let Question { protocol, content, answer_bytes_max, places } = question;
    let not_connected = || FetchError::NotConnected { peer: peer.name() };
    let refused = |_| FetchError::Refused { peer: peer.name() };
    let misbehaved = |what| FetchError::Misbehaved { peer: peer.name(), what };
    let _place = match places {
        // The semaphore is never closed, so a place is always given in the end.
        Some(places) => places.acquire().await.ok(),
        None => None,
    };
    let opener = peer.opener().ok_or_else(not_connected)?;
    let mut stream = opener.open(protocol.clone()).await.map_err(|_| not_connected())?;
    stream.write_all(&content).await.map_err(refused)?;
    // The protocol is agreed on with the first bytes; a stream on which nothing is written would wait for ever.
    stream.flush().await.map_err(refused)?;
    shared.counters.bytes_sent.add(content.len() as u64);
    let answer = frame::read(&mut stream, answer_bytes_max).await.map_err(|no_frame| match no_frame {
        NoFrame::Ended => FetchError::Refused { peer: peer.name() },
        NoFrame::Misbehaved(what) => misbehaved(what),
    })?;
    shared.counters.bytes_received.add(4 + answer.len() as u64);
    // The peer gives our place back before it ends the stream; waiting for the end means that our next question finds it.
    if matches!(stream.read(&mut [0]).await, Ok(1..)) {
        return Err(misbehaved(Misbehaviour::Malformed("bytes after the answer")));
    }
    Ok(answer)
}
