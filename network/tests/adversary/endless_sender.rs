//! `endless_sender`: a member that sends well-formed frames of the largest size as fast as they go out.

use std::time::Duration;

use futures::AsyncWriteExt;
use libp2p::PeerId;
use libp2p_stream::Control;

use super::protocol;
use crate::cluster::{Node, batch};

pub struct EndlessSender {
    control: Control,
    node: PeerId,
}

pub async fn join(nodes: &[Node]) -> EndlessSender {
    let (control, node, ()) = super::join(nodes, |_| ()).await;
    EndlessSender { control, node }
}

impl EndlessSender {
    pub async fn send_for(mut self, duration: Duration) {
        let transactions: Vec<Vec<u8>> = batch(66, 0, 3_000).iter().map(|bytes| bytes.to_vec()).collect();
        let content = borsh::to_vec(&transactions).unwrap();
        let mut frame = (content.len() as u32).to_le_bytes().to_vec();
        frame.extend(content);
        let mut stream = self.control.open_stream(self.node, protocol("transactions")).await.unwrap();
        let sending = async { while stream.write_all(&frame).await.is_ok() {} };
        let _ = tokio::time::timeout(duration, sending).await;
        // The stream stays open, so that the node sees no end.
        tokio::time::sleep(Duration::from_secs(8)).await;
    }
}
