//! `overfull_giver`: a member that gives more bytes than it announced.

use inro_contracts::key::PublicKey;

use super::payload_giver::{self, After, found, piece};
use crate::cluster::Node;

pub async fn join(nodes: &[Node]) -> PublicKey {
    let answer = [found(100), piece(100), piece(100)].concat();
    payload_giver::join(nodes, answer, After::Stay).await
}
