//! Asking a peer how far it is. A validator that was away asks the others before it votes again, because its own memory may be
//! older than what its key has signed.
//!
//! The asker opens a stream and writes nothing; the answer is one frame whose content only the node understands.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::AsyncWriteExt;
use libp2p::Stream;

use crate::error::FetchError;
use crate::fetch::TransactionSource;
use crate::peers::{Peer, Shared};
use crate::question::{self, Question};
use crate::streams::Incoming;

/// The longest answer, in bytes: a header and a certificate of 256 validators fit.
pub const STANDING_BYTES_MAX: usize = 32 << 10;
/// How long a peer may take to read the answer.
const SERVING_MAX: Duration = Duration::from_secs(10);

/// Asks a connected peer; gives up after `timeout`.
pub(crate) async fn ask(shared: &Shared, peer: &Arc<Peer>, timeout: Duration) -> Result<Bytes, FetchError> {
    let question = Question {
        protocol: &shared.protocols.standing,
        content: Bytes::new(),
        answer_bytes_max: STANDING_BYTES_MAX,
        places: None,
    };
    question::ask(shared, peer, question, timeout, Ok).await
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
