//! `evasive_giver`: a member that answers another question than the one asked, or with bytes that mean nothing.

use inro_contracts::key::PublicKey;

use super::payload_giver::{self, After};
use crate::cluster::Node;

/// Says that something is done.
pub async fn join_with_done(nodes: &[Node]) -> PublicKey {
    payload_giver::join(nodes, vec![1, 0, 0, 0, 4], After::Stay).await
}

/// Says something that is no answer.
pub async fn join_with_garbage(nodes: &[Node]) -> PublicKey {
    payload_giver::join(nodes, vec![3, 0, 0, 0, 0xff, 0xee, 0xdd], After::Stay).await
}

/// Announces an answer without end.
pub async fn join_with_endless_answer(nodes: &[Node]) -> PublicKey {
    payload_giver::join(nodes, u32::MAX.to_le_bytes().to_vec(), After::Stay).await
}
