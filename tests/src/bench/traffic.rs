//! The generator: signed transactions sent to the nodes, in turn and evenly, and what was answered.
//!
//! It uses the API as any client may. Batches are answered in one byte per transaction, so that the generator takes little of
//! the processor that the nodes need.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use inro_client::NodeClient;
use inro_contracts::bytes::Canonical;
use inro_contracts::id::TransactionId;
use inro_contracts::transaction::SignedTransaction;
use reqwest::header::{ACCEPT, CONTENT_TYPE};

use super::people::Ready;
use crate::cluster::Cluster;

const OCTETS: &str = "application/octet-stream";
/// Transactions in one request.
pub const BATCH: usize = 125;
/// Clients of each node that send at the same time.
const CLIENTS: usize = 3;

/// How much is sent.
#[derive(Debug, Clone, Copy)]
pub enum Flow {
    /// As much as can be committed: so many transactions are under way, and when some are committed, as many follow.
    Window(usize),
    /// So many a second, whatever becomes of them.
    PerSecond(f64),
}

/// What the generator was told.
#[derive(Debug, Default)]
pub struct Told {
    /// Sent.
    pub offered: u64,
    /// Accepted, and just before which moment they were sent.
    pub accepted: Vec<(TransactionId, Instant)>,
    /// Refused for now, with 429 or 503 or inside a batch.
    pub refused: u64,
    /// Other answers and none, by cause.
    pub failed: BTreeMap<String, u64>,
}

/// Transactions to be sent, taken in order by all clients.
#[derive(Debug)]
struct Supply {
    ready: Vec<Ready>,
    next: AtomicUsize,
    refused: AtomicU64,
}

impl Supply {
    fn take(&self, count: usize) -> &[Ready] {
        let start = self.next.fetch_add(count, Ordering::Relaxed).min(self.ready.len());
        &self.ready[start..(start + count).min(self.ready.len())]
    }
}

/// Sends for `length`; `committed` counts what is in blocks.
pub async fn send(cluster: &Cluster, ready: Vec<Ready>, flow: Flow, length: Duration, committed: Arc<AtomicU64>) -> Told {
    let supply = Arc::new(Supply { ready, next: AtomicUsize::new(0), refused: AtomicU64::new(0) });
    let http = reqwest::Client::builder().no_proxy().build().expect("a client without TLS can be made");
    let start = Instant::now();
    let before = committed.load(Ordering::Relaxed);
    let mut clients = Vec::new();
    // Interleaved, so that the turns of an open loop go round the nodes.
    for number in 0..CLIENTS * 4 {
        let url = format!("http://127.0.0.1:{}/v1/transactions/batch", cluster.nodes[number % 4].api_port);
        let (supply, http, committed) = (Arc::clone(&supply), http.clone(), Arc::clone(&committed));
        clients.push(tokio::spawn(async move {
            let mut told = Told::default();
            let mut turn = 0;
            while start.elapsed() < length {
                match flow {
                    Flow::Window(window) => {
                        let sent = supply.next.load(Ordering::Relaxed) as u64;
                        let refused = supply.refused.load(Ordering::Relaxed);
                        let done = committed.load(Ordering::Relaxed) - before;
                        if sent.saturating_sub(refused + done) >= window as u64 {
                            tokio::time::sleep(Duration::from_millis(2)).await;
                            continue;
                        }
                    }
                    Flow::PerSecond(rate) => {
                        let due = (turn * CLIENTS * 4 + number) as f64 * BATCH as f64 / rate;
                        turn += 1;
                        tokio::time::sleep_until((start + Duration::from_secs_f64(due)).into()).await;
                    }
                }
                let batch = supply.take(BATCH);
                if batch.is_empty() {
                    break;
                }
                let refused_before = told.refused;
                submit(&http, &url, batch, &mut told).await;
                supply.refused.fetch_add(told.refused - refused_before, Ordering::Relaxed);
            }
            told
        }));
    }
    let mut all = Told::default();
    for client in clients {
        all.add(client.await.expect("a client does not panic"));
    }
    all
}

/// Sends everything to one node after the other, until all is accepted.
pub async fn send_all(cluster: &Cluster, ready: &[Ready]) {
    let http = reqwest::Client::builder().no_proxy().build().expect("a client without TLS can be made");
    for (number, batch) in ready.chunks(BATCH).enumerate() {
        let url = format!("http://127.0.0.1:{}/v1/transactions/batch", cluster.nodes[number % 4].api_port);
        let mut told = Told::default();
        submit(&http, &url, batch, &mut told).await;
        assert_eq!(told.accepted.len(), batch.len(), "an idle node accepts what is needed for the measurement: {told:?}");
    }
}

async fn submit(http: &reqwest::Client, url: &str, batch: &[Ready], told: &mut Told) {
    let at = Instant::now();
    told.offered += batch.len() as u64;
    let request = http.post(url).header(ACCEPT, OCTETS).header(CONTENT_TYPE, OCTETS).body(body(batch));
    let answer = match request.send().await {
        Ok(answer) => (answer.status().as_u16(), answer.bytes().await),
        Err(error) => (0, Err(error)),
    };
    let count = batch.len() as u64;
    match answer {
        (202 | 503, Ok(verdicts)) if verdicts.len() == batch.len() && verdicts.iter().all(|verdict| *verdict <= 1) => {
            for (ready, verdict) in batch.iter().zip(&verdicts) {
                if *verdict == 1 {
                    told.accepted.push((ready.id, at));
                } else {
                    told.refused += 1;
                }
            }
        }
        (429 | 503, Ok(_)) => told.refused += count,
        (0, Err(error)) => *told.failed.entry(format!("no answer: {error}")).or_default() += count,
        (status, _) => *told.failed.entry(format!("status {status}")).or_default() += count,
    }
}

/// A batch as the API takes it: a count, then each transaction's length and bytes.
fn body(batch: &[Ready]) -> Vec<u8> {
    let mut body = Vec::with_capacity(4 + batch.iter().map(|ready| ready.bytes.len() + 4).sum::<usize>());
    body.extend_from_slice(&(batch.len() as u32).to_le_bytes());
    for ready in batch {
        body.extend_from_slice(&(ready.bytes.len() as u32).to_le_bytes());
        body.extend_from_slice(&ready.bytes);
    }
    body
}

/// Sends single transactions, so many a second whatever becomes of them, each to the next node, and waits for each one's block
/// by long polls. Returns milliseconds from just before the submission until the answer that it is committed, in the order of
/// sending, and how many were not committed.
pub async fn send_singly(cluster: &Cluster, ready: Vec<Ready>, per_second: f64) -> (Vec<f64>, usize) {
    let clients: Vec<NodeClient> = cluster.clients();
    let start = Instant::now();
    let mut waiting = Vec::new();
    for (number, ready) in ready.into_iter().enumerate() {
        tokio::time::sleep_until((start + Duration::from_secs_f64(number as f64 / per_second)).into()).await;
        let client = clients[number % 4].clone();
        waiting.push(tokio::spawn(async move {
            let signed = SignedTransaction::from_bytes(&ready.bytes).expect("a signed transaction's bytes are canonical");
            let sent = Instant::now();
            client.submit(&signed).await.ok()?;
            client.wait_committed(&ready.id, Duration::from_secs(20)).await.ok()?;
            Some(sent.elapsed().as_secs_f64() * 1000.0)
        }));
    }
    let (mut times, mut lost) = (Vec::new(), 0);
    for answer in waiting {
        match answer.await.expect("a client does not panic") {
            Some(time) => times.push(time),
            None => lost += 1,
        }
    }
    (times, lost)
}

impl Told {
    fn add(&mut self, other: Told) {
        self.offered += other.offered;
        self.accepted.extend(other.accepted);
        self.refused += other.refused;
        for (cause, count) in other.failed {
            *self.failed.entry(cause).or_default() += count;
        }
    }
}
