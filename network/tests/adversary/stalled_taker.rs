//! `stalled_taker`: a member that asks for payloads, as many as it can, and reads none of them.

use super::payload_asker::{PayloadAsker, fetch};

/// Asks so often; holds the streams.
pub async fn ask(asker: &mut PayloadAsker, n: u8, times: usize) -> Vec<libp2p::Stream> {
    let mut held = Vec::new();
    for _ in 0..times {
        held.extend(asker.say(&fetch(n)).await);
    }
    held
}
