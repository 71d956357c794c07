//! `garbage_sender`: a member whose frames have a good length and no meaning.

use futures::AsyncWriteExt;
use libp2p::PeerId;
use libp2p_stream::Control;

use super::protocol;
use crate::cluster::Node;

pub struct GarbageSender {
    control: Control,
    node: PeerId,
}

pub async fn join(nodes: &[Node]) -> GarbageSender {
    let (control, node, ()) = super::join(nodes, |_| ()).await;
    GarbageSender { control, node }
}

impl GarbageSender {
    pub async fn send_garbage(mut self) {
        let mut stream = self.control.open_stream(self.node, protocol("transactions")).await.unwrap();
        let mut frame = 70_000u32.to_le_bytes().to_vec();
        frame.extend(std::iter::successors(Some(1u8), |byte| Some(byte.wrapping_mul(5).wrapping_add(3))).take(70_000));
        // The node may end the stream before all is written.
        let _ = stream.write_all(&frame).await;
        let _ = stream.flush().await;
    }
}
