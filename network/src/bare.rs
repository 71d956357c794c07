//! A bare libp2p stream over TCP, Noise and Yamux, with which transfers are compared: the same transports and as many bytes, and
//! nothing else. No frames, no grants, no peers' rights: it is for measuring, and no node speaks it.

use std::time::{Duration, Instant};

use futures::{AsyncReadExt, AsyncWriteExt, StreamExt};
use libp2p::multiaddr::Protocol;
use libp2p::swarm::SwarmEvent;
use libp2p::{Multiaddr, PeerId, StreamProtocol, Swarm};
use libp2p_stream::{Behaviour, Control, IncomingStreams};
use tokio::task::JoinHandle;

use crate::PIECE_BYTES;

const BARE: StreamProtocol = StreamProtocol::new("/bare");
/// How long a connection may take.
const CONNECTING: Duration = Duration::from_millis(300);

/// The side that gives, on a free port of this machine.
pub struct Giving {
    address: Multiaddr,
    total: u64,
    streams: IncomingStreams,
    swarm: JoinHandle<()>,
}

impl Giving {
    /// Listens for a taker of so many bytes.
    pub async fn listen(total: u64) -> Self {
        let mut swarm = swarm();
        let streams = swarm.behaviour().new_control().accept(BARE).expect("nobody else accepts it");
        swarm.listen_on("/ip4/127.0.0.1/tcp/0".parse().expect("an address")).expect("a free port");
        let address = loop {
            if let SwarmEvent::NewListenAddr { address, .. } = swarm.select_next_some().await {
                break address.with(Protocol::P2p(*swarm.local_peer_id()));
            }
        };
        Self { address, total, streams, swarm: tokio::spawn(run(swarm)) }
    }

    /// Where the taker finds it.
    pub fn address(&self) -> &Multiaddr {
        &self.address
    }

    /// Gives everything to the first who opens a stream; then keeps the connection until it is dropped.
    pub async fn give(mut self) {
        let (_, mut stream) = self.streams.next().await.expect("the taker opens a stream");
        let piece = vec![7; PIECE_BYTES];
        let mut left = self.total;
        while left > 0 {
            let length = left.min(PIECE_BYTES as u64);
            stream.write_all(&piece[..length as usize]).await.expect("the taker reads");
            left -= length;
        }
        stream.close().await.expect("the taker reads");
        // Ends when the process does, or when nobody waits for this any longer.
        let _ = self.swarm.await;
    }
}

/// The side that takes, connected.
pub struct Taking {
    giver: PeerId,
    control: Control,
    swarm: JoinHandle<()>,
}

impl Taking {
    /// Connects to a giver.
    pub async fn connect(giver: Multiaddr) -> Self {
        let Some(Protocol::P2p(peer)) = giver.iter().last() else { panic!("an address without a peer") };
        let mut swarm = swarm();
        let control = swarm.behaviour().new_control();
        swarm.dial(giver).expect("it can be dialled");
        let swarm = tokio::spawn(run(swarm));
        tokio::time::sleep(CONNECTING).await;
        Self { giver: peer, control, swarm }
    }

    /// Takes everything: how many bytes came, and how long it took from opening the stream.
    pub async fn take(mut self) -> (u64, Duration) {
        let began = Instant::now();
        let mut stream = self.control.open_stream(self.giver, BARE).await.expect("the giver accepts");
        stream.flush().await.expect("the giver is there");
        let mut piece = vec![0; PIECE_BYTES];
        let mut taken = 0;
        while let Ok(read @ 1..) = stream.read(&mut piece).await {
            taken += read as u64;
        }
        let took = began.elapsed();
        self.swarm.abort();
        (taken, took)
    }
}

fn swarm() -> Swarm<Behaviour> {
    libp2p::SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_tcp(libp2p::tcp::Config::default().nodelay(true), libp2p::noise::Config::new, libp2p::yamux::Config::default)
        .expect("TCP, Noise and Yamux can be set up")
        .with_behaviour(|_| Behaviour::new())
        .expect("the behaviour needs nothing")
        .with_swarm_config(|config| config.with_idle_connection_timeout(Duration::from_secs(60)))
        .build()
}

async fn run(mut swarm: Swarm<Behaviour>) {
    loop {
        swarm.select_next_some().await;
    }
}
