//! How fast a sealed payload moves between two nodes, beside the same bytes over a bare libp2p stream.
//!
//! `cargo run -p inro-network --features bare-stream --example payload_rate -- [MiB] [rounds]`
//!
//! Giver and taker are processes of their own on this machine. In each round the bare stream comes first, then the payload;
//! medians are printed as one line of JSON, with the memory that each side took beyond what it had before the transfer
//! (`VmHWM` less `VmRSS`), and how long a transaction takes to the giver and back, while nothing else moves and beside the
//! transfer.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use inro_contracts::id::{ChainId, ConsultId, TransactionId};
use inro_contracts::key::{PublicKey, SecretKey};
use inro_network::*;

const CHAIN: ChainId = ChainId([1; 32]);
const OBJECT: ObjectId = ObjectId::ConsultAnswer { consult: ConsultId([1; 32]) };
const MIB: u64 = 1 << 20;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, usual: u64| arguments.get(at).and_then(|text| text.parse().ok()).unwrap_or(usual);
    match arguments.first().map(String::as_str) {
        Some("give-bare") => give_bare(number(1, 1_024) * MIB).await,
        Some("give") => give(number(1, 1_024) * MIB, &arguments[2]).await,
        _ => compare(number(0, 1_024), number(1, 3)).await,
    }
}

async fn compare(mib: u64, rounds: u64) {
    let (mut bare, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..rounds.max(1) {
        bare.push(take_bare(mib).await);
        ours.push(take(mib).await);
    }
    let median = |runs: &[Run], value: fn(&Run) -> f64| {
        let mut values: Vec<f64> = runs.iter().map(value).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let (bare_rate, our_rate) = (median(&bare, |run| run.mib_per_second), median(&ours, |run| run.mib_per_second));
    println!(
        concat!(
            r#"{{"mib":{},"rounds":{},"bare_mib_per_second":{:.0},"payload_mib_per_second":{:.0},"payload_vs_bare":{:.2},"#,
            r#""bare_giver_extra_mib":{:.1},"bare_taker_extra_mib":{:.1},"#,
            r#""giver_extra_mib":{:.1},"taker_extra_mib":{:.1},"#,
            r#""gossip_idle_ms_p50":{:.2},"gossip_idle_ms_p99":{:.2},"gossip_beside_ms_p50":{:.2},"gossip_beside_ms_p99":{:.2}}}"#
        ),
        mib,
        bare.len(),
        bare_rate,
        our_rate,
        our_rate / bare_rate,
        median(&bare, |run| run.giver_extra_mib),
        median(&bare, |run| run.taker_extra_mib),
        median(&ours, |run| run.giver_extra_mib),
        median(&ours, |run| run.taker_extra_mib),
        median(&ours, |run| run.gossip_idle_ms.0),
        median(&ours, |run| run.gossip_idle_ms.1),
        median(&ours, |run| run.gossip_beside_ms.0),
        median(&ours, |run| run.gossip_beside_ms.1),
    );
}

#[derive(Default)]
struct Run {
    mib_per_second: f64,
    giver_extra_mib: f64,
    taker_extra_mib: f64,
    gossip_idle_ms: (f64, f64),
    gossip_beside_ms: (f64, f64),
}

// The bare stream.

async fn give_bare(total: u64) {
    let giving = bare::Giving::listen(total).await;
    say(&giving.address().to_string());
    report_memory(tokio::spawn(giving.give())).await;
}

async fn take_bare(mib: u64) -> Run {
    let mut giver = Giver::start(&["give-bare".into(), mib.to_string()]);
    let address: Multiaddr = giver.line().parse().expect("the giver's address");
    let taking = bare::Taking::connect(address).await;
    giver.mark();
    let memory = Memory::mark();
    let (taken, took) = taking.take().await;
    assert_eq!(taken, mib * MIB);
    let taker_extra_mib = memory.extra_mib();
    Run { mib_per_second: rate(mib, took), giver_extra_mib: giver.end(), taker_extra_mib, ..Run::default() }
}

// The payload.

struct Nothing;

impl TransactionSource for Nothing {
    fn transactions(&self, ids: &[TransactionId]) -> Vec<Option<Bytes>> {
        vec![None; ids.len()]
    }

    fn standing(&self) -> Bytes {
        Bytes::new()
    }
}

/// Gives the same 64 KiB again and again, as a sealed stream comes in parts.
struct Door(u64);

struct Source {
    part: Bytes,
    left: u64,
    total: u64,
}

#[async_trait]
impl PayloadDoor for Door {
    async fn open(&self, _: &PublicKey, _: &ObjectId, offset: u64) -> Result<Opened, Refusal> {
        let left = self.0.checked_sub(offset).ok_or(Refusal::BadOffset)?;
        let source = Box::new(Source { part: Bytes::from(vec![7; 65_552]), left, total: self.0 });
        Ok(Opened { authorisation: Authorisation::default(), source })
    }

    async fn keep(&self, _: &PublicKey, _: &Deposit) -> Result<Box<dyn SealedSink>, Refusal> {
        Err(Refusal::NoRoom)
    }

    async fn holdings(&self, _: &PublicKey, _: &Holding) -> Result<Holdings, Refusal> {
        Ok(Holdings::default())
    }

    async fn taken(&self, _: &PublicKey, _: &ObjectId) -> Result<(), Refusal> {
        Ok(())
    }
}

#[async_trait]
impl SealedSource for Source {
    fn total(&self) -> u64 {
        self.total
    }

    async fn next(&mut self, most: usize) -> Result<Bytes, Refusal> {
        let length = self.part.len().min(most).min(self.left as usize);
        self.left -= length as u64;
        Ok(self.part.slice(..length))
    }
}

fn key(seed: u8) -> SecretKey {
    SecretKey::from_seed(&[seed; 32])
}

async fn node(seed: u8) -> (NetworkHandle, tokio::sync::mpsc::Receiver<NetworkEvent>) {
    let config = NetworkConfig::new(key(seed), "/ip4/127.0.0.1/tcp/0");
    Network::start(config, CHAIN, Arc::new(Nothing)).await.expect("the node starts")
}

async fn give(total: u64, taker: &str) {
    let (handle, mut events) = node(2).await;
    handle.open_door(Arc::new(Door(total)));
    handle.set_peers(vec![AllowedPeer { key: key(1).public(), address: taker.to_owned() }]);
    say(&handle.listen_addresses()[0].to_string());
    let echoing = tokio::spawn(async move {
        while let Some(NetworkEvent::Transactions { from, transactions }) = events.recv().await {
            handle.send(&from, &transactions);
        }
    });
    report_memory(echoing).await;
}

async fn take(mib: u64) -> Run {
    let (handle, events) = node(1).await;
    let mut giver = Giver::start(&["give".into(), mib.to_string(), handle.listen_addresses()[0].to_string()]);
    let peer = key(2).public();
    handle.set_peers(vec![AllowedPeer { key: peer, address: giver.line() }]);
    while handle.connected().is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut echoes = Echoes { handle: handle.clone(), peer, events };
    let gossip_idle_ms = echoes.measure(async { tokio::time::sleep(Duration::from_secs(1)).await }).await;
    giver.mark();
    let memory = Memory::mark();
    let began = Instant::now();
    let mut took = Duration::ZERO;
    let transfer = async {
        let mut payload = handle.fetch_payload(&peer, &OBJECT, 0).await.expect("the giver has it");
        while payload.next().await.expect("the giver goes on").is_some() {}
        assert_eq!(payload.offset(), mib * MIB);
        took = began.elapsed();
    };
    let gossip_beside_ms = echoes.measure(transfer).await;
    let taker_extra_mib = memory.extra_mib();
    let giver_extra_mib = giver.end();
    handle.shutdown().await;
    Run { mib_per_second: rate(mib, took), giver_extra_mib, taker_extra_mib, gossip_idle_ms, gossip_beside_ms }
}

/// Sends a transaction every 5 ms and waits for it to come back.
struct Echoes {
    handle: NetworkHandle,
    peer: PublicKey,
    events: tokio::sync::mpsc::Receiver<NetworkEvent>,
}

impl Echoes {
    /// Median and 99th percentile of the way to the giver and back, in milliseconds, while `meanwhile` runs.
    async fn measure(&mut self, meanwhile: impl Future<Output = ()>) -> (f64, f64) {
        let mut meanwhile = std::pin::pin!(meanwhile);
        let mut times = Vec::new();
        loop {
            tokio::select! {
                () = &mut meanwhile => break,
                time = Self::one(&self.handle, &self.peer, &mut self.events) => times.push(time.as_secs_f64() * 1e3),
            }
        }
        times.sort_by(f64::total_cmp);
        let at = |share: f64| times.get((times.len() as f64 * share) as usize).copied().unwrap_or(f64::NAN);
        (at(0.5), at(0.99))
    }

    async fn one(handle: &NetworkHandle, peer: &PublicKey, events: &mut tokio::sync::mpsc::Receiver<NetworkEvent>) -> Duration {
        let began = Instant::now();
        handle.send(peer, &[Bytes::from_static(&[9; 300])]);
        events.recv().await.expect("the giver sends it back");
        let took = began.elapsed();
        tokio::time::sleep(Duration::from_millis(5)).await;
        took
    }
}

// The giver's process, and memory.

struct Giver {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Giver {
    fn start(arguments: &[String]) -> Self {
        let program = std::env::current_exe().expect("this program");
        let mut command = Command::new(program);
        let mut child = command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a second process");
        let (input, output) = (child.stdin.take().expect("piped"), child.stdout.take().expect("piped"));
        Self { child, input, output: BufReader::new(output) }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("the giver speaks");
        line.trim().to_owned()
    }

    /// From now on the giver's memory counts.
    fn mark(&mut self) {
        writeln!(self.input, "mark").expect("the giver listens");
        self.line();
    }

    /// The giver's extra memory, in MiB.
    fn end(mut self) -> f64 {
        writeln!(self.input, "end").expect("the giver listens");
        let extra = self.line().parse().expect("a number");
        self.child.wait().expect("the giver ends");
        extra
    }
}

fn say(line: &str) {
    println!("{line}");
    std::io::stdout().flush().expect("the taker listens");
}

/// Obeys `mark` and `end`, one a line.
async fn report_memory(work: tokio::task::JoinHandle<()>) {
    let reporting = tokio::task::spawn_blocking(|| {
        let mut memory = Memory::mark();
        for line in std::io::stdin().lines() {
            match line.as_deref() {
                Ok("mark") => {
                    memory = Memory::mark();
                    say("marked");
                }
                _ => return say(&format!("{:.3}", memory.extra_mib())),
            }
        }
    });
    reporting.await.expect("it only reads and prints");
    work.abort();
}

struct Memory {
    before_kib: f64,
}

impl Memory {
    /// Forgets earlier peaks.
    fn mark() -> Self {
        // Where the kernel does not offer this, the peak since the start counts, which is more.
        let _ = std::fs::write("/proc/self/clear_refs", "5");
        Self { before_kib: status("VmRSS:") }
    }

    fn extra_mib(&self) -> f64 {
        (status("VmHWM:") - self.before_kib) / 1024.0
    }
}

fn status(name: &str) -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).unwrap_or(f64::NAN)
}

fn rate(mib: u64, took: Duration) -> f64 {
    mib as f64 / took.as_secs_f64()
}
