//! Frames of transactions, out to a peer and in from a peer: two tasks for each connection.

use std::sync::Arc;
use std::time::Duration;

use futures::AsyncWriteExt;
use libp2p::Stream;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::frame::{self, FRAME_BYTES_MAX, NoFrame};
use crate::handle::NetworkEvent;
use crate::peers::{Peer, Shared};
use crate::streams::{Incoming, Opener};

/// How long to wait before a stream that the peer refused is opened again.
const REOPEN_AFTER: Duration = Duration::from_millis(250);

/// Writes what waits for the peer, until its link ends: one write for each frame.
pub(crate) async fn send(shared: Arc<Shared>, peer: Arc<Peer>, opener: Opener, link: CancellationToken) {
    loop {
        if let Ok(stream) = opener.open(shared.protocols.transactions.clone()).await {
            shared.mark_connected(&peer, &link);
            write_frames(&shared, &peer, stream).await;
            tracing::debug!(peer = peer.name(), "the peer ended our stream of transactions");
        }
        tokio::time::sleep(REOPEN_AFTER).await;
    }
}

/// Ends when the stream breaks. The frame that could not be written whole is lost; the peer fetches what it lacks.
async fn write_frames(shared: &Shared, peer: &Peer, mut stream: Stream) {
    loop {
        let frame = peer.queue.next().await;
        if stream.write_all(&frame.bytes).await.is_err() || stream.flush().await.is_err() {
            return;
        }
        shared.counters.frames_sent.one();
        shared.counters.bytes_sent.add(frame.bytes.len() as u64);
        shared.counters.transactions_sent.add(u64::from(frame.transactions));
    }
}

/// Reads the peer's frames until its stream or link ends. While the node has no time for more, this stream is not read, and
/// the peer's writing stops.
pub(crate) async fn receive(shared: Arc<Shared>, peer: Arc<Peer>, incoming: Incoming, events: mpsc::Sender<NetworkEvent>) {
    let Incoming { mut stream, permit: _place, .. } = incoming;
    loop {
        let content = match frame::read(&mut stream, FRAME_BYTES_MAX).await {
            Ok(content) => content,
            Err(NoFrame::Ended) => return,
            Err(NoFrame::Misbehaved(what)) => return shared.report(&peer, what).await,
        };
        shared.counters.frames_received.one();
        shared.counters.bytes_received.add(4 + content.len() as u64);
        let transactions = match frame::transactions(content) {
            Ok(transactions) => transactions,
            Err(what) => return shared.report(&peer, what).await,
        };
        shared.counters.transactions_received.add(transactions.len() as u64);
        if events.send(NetworkEvent::Transactions { from: peer.key, transactions }).await.is_err() {
            return;
        }
    }
}
