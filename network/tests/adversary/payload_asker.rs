//! What all false askers share: a member that opens payload streams and writes what it likes.

use futures::AsyncWriteExt;
use libp2p::{PeerId, Stream};
use libp2p_stream::Control;

use super::protocol;
use crate::cluster::Node;

pub struct PayloadAsker {
    control: Control,
    node: PeerId,
}

pub async fn join(nodes: &[Node]) -> PayloadAsker {
    let (control, node, ()) = super::join(nodes, |_| ()).await;
    PayloadAsker { control, node }
}

impl PayloadAsker {
    /// Opens a stream and writes these bytes.
    pub async fn say(&mut self, bytes: &[u8]) -> Option<Stream> {
        let mut stream = self.control.open_stream(self.node, protocol("payload")).await.ok()?;
        stream.write_all(bytes).await.ok()?;
        stream.flush().await.ok()?;
        Some(stream)
    }
}

/// The question for record `n` of the tests' custodian, from its first byte, written out as on the wire.
pub fn fetch(n: u8) -> Vec<u8> {
    frame(&[&[0, 0][..], &[n; 32], &[0xac; 32], &[n; 32], &0u64.to_le_bytes()].concat())
}

/// The announcement of a deposit of so many bytes under the same name.
pub fn deposit(n: u8, total: u64) -> Vec<u8> {
    let organisation = [1; 32];
    let numbers = [total.to_le_bytes(), u64::MAX.to_le_bytes()].concat();
    frame(&[&[1, 0][..], &[n; 32], &[0xac; 32], &[n; 32], &organisation, &numbers].concat())
}

fn frame(content: &[u8]) -> Vec<u8> {
    [&(content.len() as u32).to_le_bytes(), content].concat()
}
