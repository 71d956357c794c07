//! What a running node answers: the size of an access's receipt, and how many complete histories with their proofs it serves.
//!
//! Client and node share the machine, so the client does next to nothing: requests are signed before, threads with a socket each
//! write them and count the bytes that come back. Some answers are kept and verified when the clock has stopped.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use inro_client::evidence::Maker;
use inro_client::light::Light;
use inro_contracts::bytes::{List, encode};
use inro_contracts::id::{Label, TransactionId};
use inro_contracts::key::SecretKey;
use inro_contracts::request::{RequestStatement, body_hash};
use inro_evidence::{Anchor, CHANGES_MAX, Change, MAGIC, Start, Statement, VERSION, verify};
use tokio::runtime::Handle;

use crate::bench::Options;
use crate::bench::report::{Report, progress, quantile};
use crate::cluster::Cluster;
use crate::consortium::{label_of, now, patient};
use crate::treatment::{Kept, ask_for_treatment, facility};

/// The node that is asked.
const NODE: usize = 0;
/// Records that the access of the receipt names.
const RECORDS: usize = 8;
/// Accounts whose histories are served, and how many events each has; each event stands in a block of its own.
const ACCOUNTS: usize = 64;
const EVENTS: usize = 100;
/// Connections that ask as fast as they are answered, and those that keep to the moderate rate.
const CONNECTIONS: usize = 4;
const MODERATE_PER_S: f64 = 200.0;
/// Of so many answers one is verified.
const SAMPLE: usize = 256;
/// The kind of a journal's statement, in a file.
const KIND: u8 = 2;
/// How much may come before an answer's body.
const HEAD_BYTES_MAX: u64 = 16 * 1024;
/// A node signs nothing here; an answer that takes longer ends the measurement.
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);

/// Measures a running cluster of four validators.
pub fn measure(report: &Report, options: &Options) -> bool {
    let runtime = Handle::current();
    progress("founding a ledger of four validators");
    let cluster = runtime.block_on(Cluster::of_four());
    let size = runtime.block_on(receipt_bytes(&cluster));
    let note = format!("an evidence file of kind 1: an access that grants {RECORDS} records, at four validators");
    report.figure("evidence.receipt_bytes", "B", size as f64, &note);

    progress(&format!("{ACCOUNTS} accounts of {EVENTS} events"));
    let people: Vec<SecretKey> = (0..ACCOUNTS).map(|_| patient()).collect();
    runtime.block_on(fill(&cluster, &people));
    let served = Served { cluster: &cluster, people: &people };

    let (mut rates, mut tails, mut answers) = (Vec::new(), Vec::new(), Vec::new());
    for number in 1..=options.runs {
        progress(&format!("histories as fast as they come, {number} of {}", options.runs));
        let run = served.ask(None, options.load);
        rates.push(run.latencies_ms.len() as f64 / options.load.as_secs_f64());
        answers.push(run);
    }
    let note = format!(
        "complete histories of {EVENTS} events with proof a second, from one node of four on this machine: signed requests, {CONNECTIONS} \
         connections, {ACCOUNTS} accounts, each event in a block of its own; client and nodes share the machine"
    );
    report.figures("evidence.serve_per_s", "1/s", &rates, &note);
    for number in 1..=options.runs {
        progress(&format!("{MODERATE_PER_S} histories a second, {number} of {}", options.runs));
        let run = served.ask(Some(MODERATE_PER_S), options.load);
        tails.push(quantile(&run.latencies_ms, 0.99).unwrap_or(f64::INFINITY));
        answers.push(run);
    }
    let note = format!("the same at {MODERATE_PER_S} a second, from the moment when each request was due until its last byte");
    report.figures("evidence.serve_100_ms_p99", "ms", &tails, &note);
    answers.iter().all(|run| served.is_sound(run))
}

/// The size of the receipt that a clinician gets for an access.
async fn receipt_bytes(cluster: &Cluster) -> usize {
    let (custodian, reader) = (facility(cluster, 0).await, facility(cluster, 1).await);
    let kept = Kept::open(cluster, 0).await;
    for _ in 0..RECORDS {
        cluster.apply(0, &cluster.consortium.register_record(0, kept.account)).await;
    }
    kept.consent(&custodian, &reader).await.expect("the patient consents");
    let access: TransactionId = ask_for_treatment(&reader, kept.account).await.expect("the access is granted");
    cluster.wait_level(&[0, 1]).await;
    let node = cluster.client(NODE).clone().verified_by(Light::new(&cluster.founding));
    let maker = Maker::new(&node).expect("the node's answers are proved");
    maker.entry(&access).await.expect("the node proves it").bytes.len()
}

/// Opens the accounts, and registers a record in each, block after block.
async fn fill(cluster: &Cluster, people: &[SecretKey]) {
    let labels: Vec<Label> = people.iter().map(label_of).collect();
    for number in 0..EVENTS {
        let batch = people.iter().zip(&labels).map(|(person, label)| match number {
            0 => cluster.consortium.open_account(NODE, person),
            _ => cluster.consortium.register_record(NODE, *label),
        });
        let submitted = cluster.client(NODE).submit_batch(batch.collect()).await.expect("the node takes a batch");
        assert!(submitted.iter().all(|one| one.accepted), "a quiet node takes everything");
        cluster.wait_idle(NODE).await;
    }
}

/// What is asked for.
struct Served<'a> {
    cluster: &'a Cluster,
    people: &'a [SecretKey],
}

/// What was answered.
#[derive(Default)]
struct Run {
    latencies_ms: Vec<f64>,
    /// By the account's number: bodies that are still to be verified.
    samples: Vec<(usize, Vec<u8>)>,
    /// The shortest and the longest body.
    lengths: Option<(usize, usize)>,
    failures: usize,
}

impl Served<'_> {
    /// The requests, signed now: one for each account, in the bytes that go over the wire.
    fn signed(&self) -> Vec<Vec<u8>> {
        let port = self.cluster.nodes[NODE].api_port;
        let (chain, node) = (self.cluster.consortium.chain, self.cluster.consortium.members[NODE].peer.public());
        let sign = |person: &SecretKey| {
            let path = format!("/v1/accounts/{}/history", label_of(person).to_hex());
            let statement =
                RequestStatement { chain, node, method: "GET".into(), path: path.clone(), body: body_hash(&[]), time: now() };
            let authorization = statement.authorization(person);
            format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: {authorization}\r\n\r\n").into_bytes()
        };
        self.people.iter().map(sign).collect()
    }

    /// Asks for `time`: as fast as answers come, or so often a second.
    fn ask(&self, per_second: Option<f64>, time: Duration) -> Run {
        let (requests, next) = (self.signed(), AtomicUsize::new(0));
        let port = self.cluster.nodes[NODE].api_port;
        let start = Instant::now();
        let connection = || {
            let mut run = Run::default();
            let Ok(mut wire) = Wire::open(port) else { return Run { failures: 1, ..run } };
            while start.elapsed() < time {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let due = per_second.map_or_else(Instant::now, |rate| start + Duration::from_secs_f64(number as f64 / rate));
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
                let account = number % requests.len();
                match wire.ask(&requests[account]) {
                    Ok(body) => run.note(account, body, number % SAMPLE == 0, due),
                    Err(_) => return Run { failures: run.failures + 1, ..run },
                }
            }
            run
        };
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..CONNECTIONS).map(|_| scope.spawn(connection)).collect();
            let runs = threads.into_iter().map(|thread| thread.join().expect("no connection panics"));
            runs.fold(Run::default(), Run::and)
        })
    }

    /// Was everything answered, with bodies of the length that such histories have, and do the samples prove what they should?
    fn is_sound(&self, run: &Run) -> bool {
        let anchor = Anchor::from(&self.cluster.founding);
        let proves = |(account, body): &(usize, Vec<u8>)| {
            // What makes the statement a file: no change of the validator set, and the kind.
            let begin = encode(&(MAGIC, VERSION, anchor.chain, Start::Genesis, List::<Change, CHANGES_MAX>::default(), KIND));
            let proved = verify(&[begin, body.clone()].concat(), &anchor);
            proved.is_ok_and(|proved| match proved.statement() {
                Statement::Journal(journal) => {
                    journal.label == label_of(&self.people[*account]) && journal.events.len() == EVENTS
                }
                _ => false,
            })
        };
        let sampled = run.samples.first().map_or(0, |(_, body)| body.len());
        // Histories of one shape differ in signatures under the block and hashes in the proof only.
        let of_one_shape = run.lengths.is_some_and(|(least, most)| most - least < 1_024 && least <= sampled && sampled <= most);
        if run.failures > 0 {
            progress(&format!("{} connections failed", run.failures));
        }
        run.failures == 0 && of_one_shape && run.samples.iter().all(proves)
    }
}

impl Run {
    fn note(&mut self, account: usize, body: &[u8], is_sample: bool, due: Instant) {
        self.latencies_ms.push(due.elapsed().as_secs_f64() * 1e3);
        let (least, most) = self.lengths.unwrap_or((body.len(), body.len()));
        self.lengths = Some((least.min(body.len()), most.max(body.len())));
        if is_sample {
            self.samples.push((account, body.to_vec()));
        }
    }

    fn and(mut self, other: Self) -> Self {
        self.latencies_ms.extend(other.latencies_ms);
        self.samples.extend(other.samples);
        self.failures += other.failures;
        self.lengths = match (self.lengths, other.lengths) {
            (Some(one), Some(two)) => Some((one.0.min(two.0), one.1.max(two.1))),
            (one, two) => one.or(two),
        };
        self
    }
}

/// A connection that is kept.
struct Wire {
    reader: BufReader<TcpStream>,
    body: Vec<u8>,
}

impl Wire {
    fn open(port: u16) -> io::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(ANSWERS_WITHIN))?;
        Ok(Self { reader: BufReader::with_capacity(128 * 1024, stream), body: Vec::new() })
    }

    /// Asks, and reads the whole answer; anything but 200 is an error.
    fn ask(&mut self, request: &[u8]) -> io::Result<&[u8]> {
        self.reader.get_mut().write_all(request)?;
        let mut length = None;
        let mut line = String::new();
        let mut head = (&mut self.reader).take(HEAD_BYTES_MAX);
        head.read_line(&mut line)?;
        let is_ok = line.split(' ').nth(1) == Some("200");
        while line != "\r\n" {
            line.clear();
            if head.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().ok();
            }
        }
        let length = length.filter(|_| is_ok).ok_or(io::ErrorKind::InvalidData)?;
        self.body.resize(length, 0);
        self.reader.read_exact(&mut self.body)?;
        Ok(&self.body)
    }
}
