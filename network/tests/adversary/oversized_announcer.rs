//! `oversized_announcer`: a member that announces a frame longer than any frame may be.

use futures::AsyncWriteExt;
use libp2p::PeerId;
use libp2p_stream::Control;

use super::protocol;
use crate::cluster::Node;

pub struct OversizedAnnouncer {
    control: Control,
    node: PeerId,
}

pub async fn join(nodes: &[Node]) -> OversizedAnnouncer {
    let (control, node, ()) = super::join(nodes, |_| ()).await;
    OversizedAnnouncer { control, node }
}

impl OversizedAnnouncer {
    pub async fn announce(mut self, length: u32) {
        let mut stream = self.control.open_stream(self.node, protocol("transactions")).await.unwrap();
        stream.write_all(&length.to_le_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        tokio::spawn(async move {
            // Holds the stream open; the node must not wait for the announced bytes.
            tokio::time::sleep(std::time::Duration::from_secs(8)).await;
            drop((stream, self.control));
        });
    }
}
