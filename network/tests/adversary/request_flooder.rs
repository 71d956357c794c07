//! `request_flooder`: a member that asks for the largest answers, again and again, and reads none of them.

use std::time::Duration;

use futures::AsyncWriteExt;
use libp2p::PeerId;
use libp2p_stream::Control;

use super::protocol;
use crate::cluster::{Node, stored};

pub struct RequestFlooder {
    control: Control,
    node: PeerId,
}

pub async fn join(nodes: &[Node]) -> RequestFlooder {
    let (control, node, ()) = super::join(nodes, |_| ()).await;
    RequestFlooder { control, node }
}

impl RequestFlooder {
    /// Opens streams until one fails; says how many requests went out.
    pub async fn ask_without_reading(mut self, requests: usize) -> usize {
        let ids = vec![stored(1).0; 4096];
        let content = borsh::to_vec(&ids).unwrap();
        let mut request = (content.len() as u32).to_le_bytes().to_vec();
        request.extend(content);
        let mut open = Vec::new();
        for asked in 0..requests {
            let opening = self.control.open_stream(self.node, protocol("fetch"));
            let Ok(Ok(mut stream)) = tokio::time::timeout(Duration::from_secs(2), opening).await else { return asked };
            let _ = tokio::time::timeout(Duration::from_millis(100), stream.write_all(&request)).await;
            open.push(stream);
        }
        requests
    }
}
