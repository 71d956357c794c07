//! Asking a peer how far it is. A validator that was away asks the others before it votes again, because its own memory may be
//! older than what its key has signed.
//!
//! The asker opens a stream and writes nothing; the answer is one frame whose content only the node understands.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::{AsyncReadExt, AsyncWriteExt};
use libp2p::Stream;

use crate::error::{FetchError, Misbehaviour};
use crate::fetch::TransactionSource;
use crate::frame::{self, NoFrame};
use crate::identity::short;
use crate::peers::{Peer, Shared};
use crate::streams::Incoming;

/// The longest answer, in bytes: a header and a certificate of 256 validators fit.
pub const STANDING_BYTES_MAX: usize = 32 << 10;
/// How long a peer may take to read the answer.
const SERVING_MAX: Duration = Duration::from_secs(10);

/// Asks a connected peer; gives up after `timeout`.
pub(crate) async fn ask(shared: &Shared, peer: &Arc<Peer>, timeout: Duration) -> Result<Bytes, FetchError> {
    match tokio::time::timeout(timeout, peer.cut.run_until_cancelled(exchange(shared, peer))).await {
        Ok(Some(Err(FetchError::Misbehaved { peer: name, what }))) => {
            shared.report(peer, what.clone()).await;
            Err(FetchError::Misbehaved { peer: name, what })
        }
        Ok(Some(result)) => result,
        Ok(None) => Err(FetchError::NotConnected { peer: peer.name() }),
        Err(_) => Err(FetchError::Timeout { peer: peer.name(), timeout_ms: timeout.as_millis() as u64 }),
    }
}

async fn exchange(shared: &Shared, peer: &Peer) -> Result<Bytes, FetchError> {
    let name = || short(&peer.key);
    let opener = peer.opener().ok_or_else(|| FetchError::NotConnected { peer: name() })?;
    let stream = opener.open(shared.protocols.standing.clone()).await;
    let mut stream = stream.map_err(|_| FetchError::NotConnected { peer: name() })?;
    // The protocol is agreed on with the first bytes; a stream on which nothing is written would wait for ever.
    stream.flush().await.map_err(|_| FetchError::Refused { peer: name() })?;
    let content = frame::read(&mut stream, STANDING_BYTES_MAX).await.map_err(|no_frame| match no_frame {
        NoFrame::Ended => FetchError::Refused { peer: name() },
        NoFrame::Misbehaved(what) => FetchError::Misbehaved { peer: name(), what },
    })?;
    if matches!(stream.read(&mut [0]).await, Ok(1..)) {
        let what = Misbehaviour::Malformed("bytes after the answer");
        return Err(FetchError::Misbehaved { peer: name(), what });
    }
    Ok(content)
}

/// Answers one question of a peer.
pub(crate) async fn serve(incoming: Incoming, source: Arc<dyn TransactionSource>) {
    let Incoming { mut stream, permit, .. } = incoming;
    // The asker sees an ended stream if this fails, and asks somebody else.
    let _ = tokio::time::timeout(SERVING_MAX, answer(&mut stream, source)).await;
    drop(permit);
    let _ = tokio::time::timeout(SERVING_MAX, stream.close()).await;
}

async fn answer(stream: &mut Stream, source: Arc<dyn TransactionSource>) -> std::io::Result<()> {
    let content = tokio::task::spawn_blocking(move || source.standing()).await.unwrap_or_default();
    let mut bytes = Vec::with_capacity(4 + content.len());
    bytes.extend_from_slice(&(content.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&content);
    stream.write_all(&bytes).await?;
    stream.flush().await
}
