//! Adversaries: members (or strangers) that speak libp2p but not as an honest node does.

pub mod crooked_giver;
pub mod endless_sender;
pub mod evasive_giver;
pub mod false_answerer;
pub mod garbage_asker;
pub mod garbage_sender;
pub mod greedy_granter;
pub mod overfull_depositor;
pub mod overfull_giver;
pub mod oversized_announcer;
pub mod payload_asker;
pub mod payload_giver;
pub mod request_flooder;
pub mod short_giver;
pub mod silent_giver;
pub mod stalled_reader;
pub mod stalled_taker;
pub mod stranger;

use futures::StreamExt;
use inro_network::{AllowedPeer, PeerId, peer_id, public_key};
use libp2p::identity::Keypair;
use libp2p::swarm::{NetworkBehaviour, SwarmEvent};
use libp2p::{Multiaddr, StreamProtocol, Swarm};
use libp2p_stream::Control;

use crate::cluster::{CHAIN, Node, eventually};

/// The key of the one adversary that is a member.
pub fn member() -> Keypair {
    Keypair::ed25519_from_bytes([200; 32]).unwrap()
}

/// A protocol of the tests' ledger, written out as on the wire.
pub fn protocol(name: &str) -> StreamProtocol {
    let version = if name == "payload" { 2 } else { 1 };
    StreamProtocol::try_from_owned(format!("/inro/{}/{name}/{version}", &CHAIN.to_hex()[..16])).unwrap()
}

/// Streams, and the pings without which a node believes that its peer is gone.
#[derive(NetworkBehaviour)]
pub struct Behaviour {
    pub streams: libp2p_stream::Behaviour,
    ping: libp2p::ping::Behaviour,
}

/// A bare libp2p node.
pub fn swarm(keys: Keypair) -> Swarm<Behaviour> {
    libp2p::SwarmBuilder::with_existing_identity(keys)
        .with_tokio()
        .with_tcp(Default::default(), libp2p::noise::Config::new, libp2p::yamux::Config::default)
        .unwrap()
        .with_behaviour(|_| Behaviour { streams: libp2p_stream::Behaviour::new(), ping: libp2p::ping::Behaviour::default() })
        .unwrap()
        .with_swarm_config(|config| config.with_idle_connection_timeout(std::time::Duration::from_secs(60)))
        .build()
}

/// The adversary becomes a member and is connected to node 0; the honest nodes form a mesh. `prepare` registers what the
/// adversary accepts before anybody connects.
pub async fn join<T>(nodes: &[Node], prepare: impl FnOnce(&mut Control) -> T) -> (Control, PeerId, T) {
    let mut swarm = swarm(member());
    let mut control = swarm.behaviour().streams.new_control();
    let prepared = prepare(&mut control);
    swarm.listen_on("/ip4/127.0.0.1/tcp/0".parse().unwrap()).unwrap();
    let address = loop {
        if let SwarmEvent::NewListenAddr { address, .. } = swarm.select_next_some().await {
            break address.to_string();
        }
    };
    let (inside, admitted) = tokio::sync::oneshot::channel();
    let mut inside = Some(inside);
    tokio::spawn(async move {
        loop {
            if let SwarmEvent::ConnectionEstablished { .. } = swarm.select_next_some().await {
                let _ = inside.take().map(|inside| inside.send(()));
            }
        }
    });
    let key = public_key(&member().public().to_peer_id()).unwrap();
    let mut everybody: Vec<AllowedPeer> = nodes.iter().map(Node::peer).collect();
    for node in &nodes[1..] {
        node.handle.set_peers(everybody.clone());
    }
    everybody.push(AllowedPeer { key, address });
    nodes[0].handle.set_peers(everybody);
    let links = nodes.len() as u64;
    eventually("node 0 is connected to the adversary and the honest nodes", || {
        nodes[0].handle.counters().links_opened >= links && nodes[0].handle.connected().len() + 1 >= nodes.len()
    })
    .await;
    admitted.await.expect("the adversary is connected");
    (control, peer_id(&nodes[0].key()), prepared)
}

/// Where a node listens, for dialling it.
pub fn address(node: &Node) -> Multiaddr {
    format!("{}/p2p/{}", node.address, peer_id(&node.key())).parse().unwrap()
}
