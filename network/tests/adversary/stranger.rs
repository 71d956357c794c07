//! `stranger`: holds a key that is in nobody's set, knows a node's address, and tries to get in.

use std::time::Duration;

use futures::{AsyncReadExt, StreamExt};
use libp2p::identity::Keypair;
use libp2p::swarm::SwarmEvent;

use super::{address, protocol, swarm};
use crate::cluster::Node;

/// What became of the attempt.
pub struct Outcome {
    /// The node ended the connection.
    pub refused: bool,
    /// How many bytes of any protocol of the ledger it saw.
    pub bytes_seen: usize,
}

/// Dials the node three times and asks for each protocol, both ways.
pub async fn knocks(node: &Node) -> Outcome {
    let mut swarm = swarm(Keypair::generate_ed25519());
    let mut outcome = Outcome { refused: false, bytes_seen: 0 };
    for _ in 0..3 {
        let mut control = swarm.behaviour().streams.new_control();
        let mut incoming = swarm.behaviour().streams.new_control().accept(protocol("transactions")).unwrap();
        let node_id = inro_network::peer_id(&node.key());
        swarm.dial(address(node)).unwrap();
        let attempt = async {
            let mut asking = std::pin::pin!(async {
                let mut bytes = [0; 64];
                match control.open_stream(node_id, protocol("fetch")).await {
                    Ok(mut stream) => stream.read(&mut bytes).await.unwrap_or(0),
                    Err(_) => 0,
                }
            });
            let mut asked = false;
            loop {
                tokio::select! {
                    read = &mut asking, if !asked => { outcome.bytes_seen += read; asked = true; }
                    Some((_, mut stream)) = incoming.next() => outcome.bytes_seen += 1 + stream.read(&mut [0; 64]).await.unwrap_or(0),
                    event = swarm.select_next_some() => {
                        if matches!(event, SwarmEvent::ConnectionClosed { .. } | SwarmEvent::OutgoingConnectionError { .. }) {
                            outcome.refused = true;
                            break;
                        }
                    }
                }
            }
        };
        if tokio::time::timeout(Duration::from_secs(2), attempt).await.is_err() {
            outcome.refused = false;
            break;
        }
    }
    outcome
}
