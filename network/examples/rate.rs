//! How fast four nodes in one process exchange transactions, and how much processor time one transaction costs.
//!
//! `cargo run -p inro-network --example rate -- [transactions a second] [seconds] [transactions a batch]`
//!
//! Each node broadcasts a quarter of the transactions (300 bytes each) to its three peers. Processor time is the whole
//! process's, from `/proc/self/stat`, so it covers sending and receiving at all four nodes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use inro_contracts::id::{ChainId, TransactionId};
use inro_contracts::key::SecretKey;
use inro_network::{AllowedPeer, Network, NetworkConfig, NetworkEvent, NetworkHandle, TransactionSource};

const NODES: u8 = 4;

struct Empty;

impl TransactionSource for Empty {
    fn transactions(&self, ids: &[TransactionId]) -> Vec<Option<Bytes>> {
        vec![None; ids.len()]
    }

    fn standing(&self) -> Bytes {
        Bytes::from_static(b"how far")
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let numbers: Vec<u64> = std::env::args().skip(1).filter_map(|text| text.parse().ok()).collect();
    let rate = numbers.first().copied().unwrap_or(7_000);
    let seconds = numbers.get(1).copied().unwrap_or(5).clamp(1, 60);
    let size = numbers.get(2).copied().unwrap_or(50).clamp(1, 3_000);

    let (nodes, mut received) = start().await;
    let batch = vec![Bytes::from(vec![7; 300]); size as usize];
    let batches = (rate * seconds / size / u64::from(NODES)).max(1);
    let pause = Duration::from_secs(seconds) / batches as u32;
    let expected = batches * size * u64::from(NODES) * u64::from(NODES - 1);
    let (began, cpu_before) = (Instant::now(), cpu_time());
    for node in nodes.clone() {
        let batch = batch.clone();
        tokio::spawn(async move {
            let mut clock = tokio::time::interval(pause);
            for _ in 0..batches {
                clock.tick().await;
                node.broadcast(&batch);
            }
        });
    }
    let mut delivered = 0;
    while delivered < expected {
        match tokio::time::timeout(Duration::from_secs(5), received.recv()).await {
            Ok(Some(count)) => delivered += count,
            _ => break,
        }
    }
    let (took, cpu) = (began.elapsed().as_secs_f64(), (cpu_time() - cpu_before).as_secs_f64());
    let frames: u64 = nodes.iter().map(|node| node.counters().frames_sent).sum();
    let dropped: u64 = nodes.iter().map(|node| node.counters().frames_dropped).sum();
    let broadcast = batches * size * u64::from(NODES);
    println!(
        "{broadcast} transactions in batches of {size}: {:.0} a second to 3 peers each, {:.0} frames a second",
        broadcast as f64 / took,
        frames as f64 / took
    );
    println!("{delivered} of {expected} deliveries, {dropped} frames dropped");
    println!(
        "{:.1} us of processor time a transaction for all four nodes, {:.1} us a node, {:.0} % of one core",
        cpu * 1e6 / broadcast as f64,
        cpu * 1e6 / broadcast as f64 / f64::from(NODES),
        cpu * 100.0 / took
    );
    for node in nodes {
        node.shutdown().await;
    }
}

/// Four connected nodes, and a channel that tells how many transactions arrived.
async fn start() -> (Vec<NetworkHandle>, tokio::sync::mpsc::Receiver<u64>) {
    let (count, counted) = tokio::sync::mpsc::channel(1024);
    let (mut nodes, mut peers) = (Vec::new(), Vec::new());
    for seed in 1..=NODES {
        let key = SecretKey::from_seed(&[seed; 32]);
        let config = NetworkConfig::new(key.clone(), "/ip4/127.0.0.1/tcp/0");
        let (handle, mut events) = Network::start(config, ChainId([1; 32]), Arc::new(Empty)).await.expect("the node starts");
        peers.push(AllowedPeer { key: key.public(), address: handle.listen_addresses()[0].to_string() });
        nodes.push(handle);
        let count = count.clone();
        tokio::spawn(async move {
            while let Some(NetworkEvent::Transactions { transactions, .. }) = events.recv().await {
                if count.send(transactions.len() as u64).await.is_err() {
                    return;
                }
            }
        });
    }
    nodes.iter().for_each(|node| node.set_peers(peers.clone()));
    while nodes.iter().any(|node| node.connected().len() + 1 < usize::from(NODES)) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    (nodes, counted)
}

/// Processor time of this process; a tick of `/proc` is 10 ms.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks: u64 = after_name.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}
