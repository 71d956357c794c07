//! `greedy_granter`: a member that grants far more than it has taken, so that everything comes at once.

use super::payload_asker::{PayloadAsker, fetch};

pub async fn ask(asker: &mut PayloadAsker, n: u8) -> Option<libp2p::Stream> {
    asker.say(&[fetch(n), u32::MAX.to_le_bytes().to_vec(), u32::MAX.to_le_bytes().to_vec()].concat()).await
}
