//! `overfull_depositor`: a member that deposits more bytes than it announced, or pieces of another length.

use super::payload_asker::{PayloadAsker, deposit};
use super::payload_giver::piece;

pub async fn deposit_too_much(asker: &mut PayloadAsker) -> Option<libp2p::Stream> {
    asker.say(&[deposit(1, 100), piece(100), piece(100)].concat()).await
}

pub async fn deposit_a_long_piece(asker: &mut PayloadAsker) -> Option<libp2p::Stream> {
    asker.say(&[deposit(1, 100), (1u32 << 30).to_le_bytes().to_vec()].concat()).await
}
