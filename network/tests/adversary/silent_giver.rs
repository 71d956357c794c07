//! `silent_giver`: a member that promises a payload and then says nothing more, or trickles single bytes.

use inro_contracts::key::PublicKey;

use super::payload_giver::{self, After, found};
use crate::cluster::Node;

pub async fn join(nodes: &[Node]) -> PublicKey {
    payload_giver::join(nodes, found(10 << 20), After::Stay).await
}

pub async fn join_trickling(nodes: &[Node]) -> PublicKey {
    let answer = [found(10 << 20), (256u32 << 10).to_le_bytes().to_vec()].concat();
    payload_giver::join(nodes, answer, After::Trickle).await
}
