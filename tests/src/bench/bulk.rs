//! A large payload, from the custodian's vault to the reader's disk: how fast it moves beside as many bytes over a bare libp2p
//! stream, and how much memory each side takes for it.
//!
//! The payload is read and decrypted from the vault, checked, sealed to the access, carried, checked again and written sealed, by two
//! nodes of the cluster. The bare stream carries bytes from memory to nowhere, between two processes of their own; each round measures
//! both, one right after the other, because a shared machine's speed drifts.

use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use inro_contracts::category::Category;
use inro_network::bare::{Giving, Taking};
use rand::{RngCore, SeedableRng};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use super::machine;
use super::report::{Report, progress};
use crate::cluster::Cluster;
use crate::play::Facility;
use crate::process::program;
use crate::treatment::{Kept, ask_for_treatment, register, wait_ready};

const MIB: u64 = 1 << 20;
/// The word with which the measuring program is started to give a bare stream.
pub const GIVE_BARE: &str = "give-bare";
/// How long nodes that were started settle down.
const SETTLING: Duration = Duration::from_secs(3);
/// How long one transfer may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// Custodian and reader of the payload, and the processes of their nodes.
pub struct Sides<'a> {
    /// The cluster that their nodes belong to.
    pub cluster: &'a mut Cluster,
    /// Who keeps it, by the place in the cluster.
    pub custodian: (usize, &'a Facility),
    /// Who reads it.
    pub reader: (usize, &'a Facility),
}

/// Measures with a payload of so many MiB, so many times.
pub async fn run(sides: &mut Sides<'_>, mib: u64, rounds: usize, report: &Report) {
    progress(&format!("a payload of {mib} MiB, {rounds} times, each beside a bare stream"));
    let kept = sides.keep_payload(mib).await;
    sides.restart().await;
    let (mut ratios, mut rates, mut bare_rates) = (Vec::new(), Vec::new(), Vec::new());
    let mut extra = [Vec::new(), Vec::new()];
    for _ in 0..rounds {
        let bare = bare_rate(mib).await;
        let moved = sides.transfer(&kept, mib).await;
        ratios.push(moved.mib_per_second / bare);
        rates.push(moved.mib_per_second);
        bare_rates.push(bare);
        extra[0].push(moved.custodian_extra_mib);
        extra[1].push(moved.reader_extra_mib);
    }
    let note = format!(
        "{mib} MiB from the vault to the reader's file, checked twice, over the rate of a bare libp2p stream of as many bytes"
    );
    report.figures("exchange.bulk_rate_vs_bare_stream", "ratio", &ratios, &note);
    report.figures("exchange.bulk_mib_per_second", "MiB/s", &rates, "the payload's rate of the figure above");
    report.figures("exchange.bare_mib_per_second", "MiB/s", &bare_rates, "the bare stream's rate of the figure above");
    let note =
        "the larger of both sides' peaks of resident memory during a transfer, less what each, freshly started, had before";
    let peak = extra.iter().flatten().copied().fold(0.0, f64::max);
    report.figure("exchange.bulk_peak_extra_mib", "MiB", peak, note);
    report.figures("exchange.bulk_custodian_extra_mib", "MiB", &extra[0], "the custodian's node of the figure above");
    report.figures("exchange.bulk_reader_extra_mib", "MiB", &extra[1], "the reader's node of the figure above");
}

/// One transfer.
struct Moved {
    mib_per_second: f64,
    custodian_extra_mib: f64,
    reader_extra_mib: f64,
}

impl Sides<'_> {
    async fn keep_payload(&self, mib: u64) -> Kept {
        let (place, custodian) = self.custodian;
        let kept = Kept::open(self.cluster, place).await;
        kept.consent(custodian, self.reader.1).await.expect("the patient consents");
        let path = self.cluster.folder().join("image.bin");
        write_random(&path, mib);
        let file = std::fs::File::open(&path).expect("what was written can be read");
        let taken = custodian.desk.take_in_file(&kept.account, "image.bin", Some(Category::Image), None, file, |_| {}).await;
        let item = taken.expect("any file can be taken in").remove(0);
        register(custodian, kept.account, item.record).await.expect("the custodian may register");
        std::fs::remove_file(&path).expect("the file is ours");
        kept
    }

    /// Both nodes begin anew, so that memory which they kept from earlier work does not hide what a transfer takes.
    async fn restart(&mut self) {
        let nodes = [self.custodian.0, self.reader.0];
        for node in nodes {
            self.cluster.terminate(node).await;
            self.cluster.restart(node).await;
        }
        self.cluster.wait_level(&nodes).await;
        tokio::time::sleep(SETTLING).await;
    }

    async fn transfer(&self, kept: &Kept, mib: u64) -> Moved {
        let (place, reader) = self.reader;
        let id = ask_for_treatment(reader, kept.account).await.expect("the patient has consented");
        let memory = [self.custodian.0, place].map(|node| Memory::mark(self.process(node)));
        let began = Instant::now();
        wait_ready(&reader.desk, &id, PATIENCE).await.expect("the payload arrives");
        let took = began.elapsed();
        let [custodian_extra_mib, reader_extra_mib] = memory.map(|memory| memory.extra_mib());
        // It is shown no more, and takes a GiB.
        for arrived in std::fs::read_dir(self.cluster.nodes[place].data().join("desk/arrivals")).into_iter().flatten().flatten() {
            let _ = std::fs::remove_file(arrived.path());
        }
        Moved { mib_per_second: mib as f64 / took.as_secs_f64(), custodian_extra_mib, reader_extra_mib }
    }

    fn process(&self, node: usize) -> u32 {
        self.cluster.nodes[node].process_id().expect("the cluster runs")
    }
}

/// A process's memory from a moment on.
struct Memory {
    process: u32,
    before_mib: f64,
}

impl Memory {
    fn mark(process: u32) -> Self {
        machine::forget_peak(process);
        Self { process, before_mib: machine::resident_mib(process) }
    }

    fn extra_mib(self) -> f64 {
        (machine::peak_mib(self.process) - self.before_mib).max(0.0)
    }
}

/// MiB a second over a bare stream from a process of its own to this one.
async fn bare_rate(mib: u64) -> f64 {
    let mut command = Command::new(program("inro-bench"));
    command.args([GIVE_BARE, &(mib * MIB).to_string()]).stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut giver = command.spawn().expect("this program can be started once more");
    let output = giver.stdout.take().expect("its output is ours");
    let line = BufReader::new(output).lines().next_line().await.expect("it speaks").expect("it says where it is");
    let taking = Taking::connect(line.parse().expect("it says an address")).await;
    let (taken, took) = taking.take().await;
    assert_eq!(taken, mib * MIB, "the bare stream broke off");
    let _ = giver.kill().await;
    mib as f64 / took.as_secs_f64()
}

/// Gives so many bytes to whoever connects, and says where on standard output.
pub async fn give_bare(bytes: u64) {
    let giving = Giving::listen(bytes).await;
    println!("{}", giving.address());
    giving.give().await;
}

/// Bytes that no disk and no file system can make shorter.
fn write_random(path: &Path, mib: u64) {
    let mut file = std::fs::File::create(path).expect("the cluster's folder is writable");
    let (mut random, mut piece) = (rand::rngs::StdRng::seed_from_u64(mib), vec![0; MIB as usize]);
    for _ in 0..mib {
        random.fill_bytes(&mut piece);
        file.write_all(&piece).expect("the disk has room");
    }
}
