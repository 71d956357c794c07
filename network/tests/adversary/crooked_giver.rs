//! `crooked_giver`: a member whose pieces have lengths that no honest node sends: endless, or many where one would do.

use inro_contracts::key::PublicKey;

use super::payload_giver::{self, After, found, piece};
use crate::cluster::Node;

pub async fn join_with_endless_piece(nodes: &[Node]) -> PublicKey {
    let answer = [found(u64::MAX), u32::MAX.to_le_bytes().to_vec()].concat();
    payload_giver::join(nodes, answer, After::Stay).await
}

pub async fn join_with_tiny_pieces(nodes: &[Node]) -> PublicKey {
    let answer = [found(100), piece(1), piece(99)].concat();
    payload_giver::join(nodes, answer, After::Stay).await
}
