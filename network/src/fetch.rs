//! Fetching transactions by id: the question, and the answer to a peer's question.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::AsyncWriteExt;
use inro_contracts::id::TransactionId;
use libp2p::Stream;

use crate::error::FetchError;
use crate::frame::{self, NoFrame};
use crate::peers::{Peer, Shared};
use crate::question::{self, Question};
use crate::streams::Incoming;

/// The most ids in one request.
pub const FETCH_IDS_MAX: usize = 4096;
/// The longest content of an answer, in bytes. What does not fit is answered as absent; the asker asks again.
const ANSWER_BYTES_MAX: usize = 8 << 20;
/// How many of our requests one peer has at once: fewer than it allows, so that an honest node is never refused.
pub(crate) const ASKING_MAX: usize = 3;
/// How long a peer may take to send its request, and to read the answer.
const SERVING_MAX: Duration = Duration::from_secs(30);
/// An answer is written in pieces of about this size.
const PIECE_BYTES: usize = 64 << 10;

/// Where the node looks up what peers ask for.
pub trait TransactionSource: Send + Sync + 'static {
    /// The canonical bytes of each transaction, in the order of `ids`; `None` for those that the node does not have. Called
    /// on a thread where it may block, at most a few times at once for each peer.
    fn transactions(&self, ids: &[TransactionId]) -> Vec<Option<Bytes>>;

    /// How far this node is, in the node's own encoding, at most [`STANDING_BYTES_MAX`](crate::STANDING_BYTES_MAX) bytes.
    /// Called on a thread where it may block.
    fn standing(&self) -> Bytes;
}

/// Asks a connected peer; gives up after `timeout`.
pub(crate) async fn ask(
    shared: &Shared,
    peer: &Arc<Peer>,
    ids: &[TransactionId],
    timeout: Duration,
) -> Result<Vec<Option<Bytes>>, FetchError> {
    let question = Question {
        protocol: &shared.protocols.fetch,
        content: frame::request(ids),
        answer_bytes_max: ANSWER_BYTES_MAX,
        places: Some(&peer.asking),
    };
    question::ask(shared, peer, question, timeout, |answer| frame::answers(answer, ids)).await
}

/// Answers one request of a peer.
pub(crate) async fn serve(shared: Arc<Shared>, peer: Arc<Peer>, incoming: Incoming, source: Arc<dyn TransactionSource>) {
    let Incoming { mut stream, permit, .. } = incoming;
    let served = tokio::time::timeout(SERVING_MAX, answer(&shared, &mut stream, source)).await;
    drop(permit);
    match served {
        Ok(Ok(())) => {
            shared.counters.fetches_served.one();
            // The peer has its answer; an error at the stream's end changes nothing.
            let _ = tokio::time::timeout(SERVING_MAX, stream.close()).await;
        }
        Ok(Err(NoFrame::Misbehaved(what))) => shared.report(&peer, what).await,
        Ok(Err(NoFrame::Ended)) | Err(_) => {}
    }
}

async fn answer(shared: &Shared, stream: &mut Stream, source: Arc<dyn TransactionSource>) -> Result<(), NoFrame> {
    let request = frame::read(stream, frame::request_bytes(FETCH_IDS_MAX)).await?;
    shared.counters.bytes_received.add(4 + request.len() as u64);
    let ids = frame::ids(request).map_err(NoFrame::Misbehaved)?;
    let asked = ids.len();
    let found = tokio::task::spawn_blocking(move || source.transactions(&ids)).await.map_err(|_| NoFrame::Ended)?;
    if found.len() != asked {
        tracing::error!(
            asked,
            found = found.len(),
            "this node's transaction source answered to another number of ids; report this as a bug"
        );
        return Err(NoFrame::Ended);
    }
    write_answer(shared, stream, &within_budget(found)).await.map_err(|_| NoFrame::Ended)
}

/// The answers that are transactions by their length, as long as they fit; the rest as absent.
fn within_budget(mut answers: Vec<Option<Bytes>>) -> Vec<Option<Bytes>> {
    let mut room = ANSWER_BYTES_MAX - 4 - answers.len();
    for answer in &mut answers {
        answer.take_if(|bytes| !frame::is_sendable(bytes));
        let more = frame::answer_bytes(answer.as_ref()) - 1;
        if more <= room {
            room -= more;
        } else {
            *answer = None;
        }
    }
    answers
}

async fn write_answer(shared: &Shared, stream: &mut Stream, answers: &[Option<Bytes>]) -> std::io::Result<()> {
    let content_bytes = 4 + answers.iter().map(|answer| frame::answer_bytes(answer.as_ref())).sum::<usize>();
    let mut piece = Vec::with_capacity(content_bytes.min(PIECE_BYTES) + 8192);
    piece.extend_from_slice(&(content_bytes as u32).to_le_bytes());
    piece.extend_from_slice(&(answers.len() as u32).to_le_bytes());
    for answer in answers {
        frame::put_answer(answer.as_ref(), &mut piece);
        if piece.len() >= PIECE_BYTES {
            stream.write_all(&piece).await?;
            piece.clear();
        }
    }
    stream.write_all(&piece).await?;
    stream.flush().await?;
    shared.counters.bytes_sent.add(4 + content_bytes as u64);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use inro_contracts::bytes::Canonical;
    use inro_contracts::transaction::SignedTransaction;

    #[test]
    fn what_no_asker_would_accept_is_answered_as_absent() {
        let too_long = Bytes::from(vec![0; SignedTransaction::BYTES_MAX + 1]);
        let answers = within_budget(vec![Some(Bytes::new()), Some(too_long), Some(Bytes::from_static(b"x"))]);
        assert_eq!(answers, [None, None, Some(Bytes::from_static(b"x"))]);
    }

    #[test]
    fn an_answer_keeps_within_its_limit_and_says_absent_for_the_rest() {
        let answers = within_budget(vec![Some(Bytes::from(vec![1; 4096])); FETCH_IDS_MAX]);
        assert_eq!(answers.len(), FETCH_IDS_MAX);
        let bytes = 4 + answers.iter().map(|answer| frame::answer_bytes(answer.as_ref())).sum::<usize>();
        assert!(bytes <= ANSWER_BYTES_MAX && bytes > ANSWER_BYTES_MAX - 8192);
    }
}
