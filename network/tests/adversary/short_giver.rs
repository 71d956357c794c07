//! `short_giver`: a member that announces more bytes than it then gives.

use inro_contracts::key::PublicKey;

use super::payload_giver::{self, After, found, piece};
use crate::cluster::Node;

pub async fn join(nodes: &[Node]) -> PublicKey {
    let answer = [found(10 << 20), piece(256 << 10), piece(256 << 10)].concat();
    payload_giver::join(nodes, answer, After::End).await
}
