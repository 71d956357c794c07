//! Measures what the store costs for each transaction: `cargo run --example store_bench -p inro-node -- [blocks] [transactions
//! in a block] [accounts] [recent ids kept]`.
//!
//! One account is opened per transaction until there are enough; then each transaction registers a record in an account taken
//! at random, as a clinic's day does. Signatures are not checked here. Times are this thread's processor time, so that other
//! programs disturb them less; waiting for the disk is in the slowest block's time only.

use std::time::{Duration, Instant};

use inro_contracts::block::BlockContext;
use inro_contracts::fixture::{Consortium, FOUNDED, label};
use inro_contracts::machine;
use inro_contracts::state::StateReader;
use inro_contracts::time::Time;
use inro_contracts::transaction::{ParsedTransaction, SignedTransaction, VerifiedTransaction};
use inro_node::store::{Store, StoreOptions};

fn main() {
    let argument = |place: usize, default: u64| {
        std::env::args().nth(place).map_or(default, |text| text.parse().expect("arguments are numbers"))
    };
    let (blocks, block_size) = (argument(1, 30), argument(2, 4000));
    let defaults = StoreOptions::default();
    let accounts = argument(3, 40_000);
    let recent_ids_max = argument(4, defaults.recent_ids_max as u64) as usize;
    let folder = std::env::var_os("STORE_BENCH_DIR").map_or_else(std::env::temp_dir, Into::into);
    let folder = folder.join(format!("store-bench-{}", std::process::id()));
    let consortium = Consortium::new(4);
    let options = StoreOptions { recent_ids_max, ..defaults };
    let store = Store::open(&folder, &options).expect("the folder is new");
    store.found(&consortium.founding(), &[]).expect("nothing is founded yet");

    let mut number = 0;
    let mut random = 1u64;
    let mut spent = Spent::default();
    let (mut background, mut written) = (Duration::ZERO, 0);
    let opening_blocks = accounts.div_ceil(block_size);
    for block in 1..=opening_blocks + blocks {
        let now = FOUNDED.plus_ms(block * 500);
        let transactions: Vec<_> = (0..block_size)
            .map(|_| {
                number += 1;
                random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                transaction(
                    &consortium,
                    number,
                    (number > accounts).then_some(1 + (random >> 33) % accounts),
                    now.plus_ms(120_000),
                )
            })
            .collect();
        let took = commit(&store, &consortium, now, &transactions);
        if block > opening_blocks {
            spent.add(took);
        }
        if block == opening_blocks {
            println!("{accounts} accounts opened");
            (background, written) = (background_time(), written_bytes());
        }
    }
    spent.print(blocks * block_size, blocks);
    let (background, written) = (background_time() - background, written_bytes() - written);
    let transactions = (blocks * block_size) as f64;
    println!(
        "  background   {:8.3} (flushing and compacting, in other threads)",
        background.as_nanos() as f64 / 1000.0 / transactions
    );
    println!("  {:.0} bytes written for each transaction", written as f64 / transactions);
    println!("on disk {} MiB, resident {} MiB", store.bytes_on_disk().expect("the store works") >> 20, resident_mib());
    let started = Instant::now();
    let tip = store.tip().expect("founded");
    drop(store);
    println!("closed in {:?}", started.elapsed());
    let started = Instant::now();
    let store = Store::open(&folder, &options).expect("it opens again");
    println!("opened in {:?}", started.elapsed());
    let started = Instant::now();
    let report = store.check().expect("it is sound");
    println!("checked {} headers and {} entries in {:?}", report.headers, report.entries, started.elapsed());
    assert_eq!(store.tip().expect("founded"), tip);
    drop(store);
    std::fs::remove_dir_all(&folder).expect("the folder is ours");
}

fn transaction(consortium: &Consortium, number: u64, account: Option<u64>, void_after: Time) -> VerifiedTransaction {
    let member = &consortium.organisations[number as usize % 4];
    let action = match account {
        None => consortium.account_opening(number as usize % 4, number),
        Some(account) => consortium.register_record(account as usize % 4, label(account), number),
    };
    let signer = account.map_or(member, |account| &consortium.organisations[account as usize % 4]);
    let signed: SignedTransaction = consortium.sign(action, &signer.practitioner, void_after);
    ParsedTransaction::from(signed).with_claims_checked()
}

/// Time spent on blocks.
#[derive(Default)]
struct Spent {
    replays: Duration,
    build: Duration,
    commit: Duration,
    slowest_commit: Duration,
}

impl Spent {
    fn add(&mut self, other: Spent) {
        self.replays += other.replays;
        self.build += other.build;
        self.commit += other.commit;
        self.slowest_commit = self.slowest_commit.max(other.slowest_commit);
    }

    fn print(&self, transactions: u64, blocks: u64) {
        let each = |spent: Duration| spent.as_nanos() as f64 / 1000.0 / transactions as f64;
        println!("{transactions} transactions in {blocks} blocks; microseconds for each transaction:");
        println!("  replay check {:8.3}", each(self.replays));
        println!("  build        {:8.3} (execution and trees, with the store's reads)", each(self.build));
        println!("  commit       {:8.3} (slowest block {:?})", each(self.commit), self.slowest_commit);
    }
}

fn commit(store: &Store, consortium: &Consortium, now: Time, transactions: &[VerifiedTransaction]) -> Spent {
    let snapshot = store.snapshot().expect("the store works");
    let tip = snapshot.tip();
    let started = processor_time();
    for transaction in transactions {
        assert!(!snapshot.is_committed(&transaction.id()).expect("the store works"));
    }
    let replays = processor_time() - started;
    let context = BlockContext { chain: consortium.chain, height: tip.height.next(), time: now };
    let started = processor_time();
    let proposer = consortium.organisations[0].validator.public();
    let built = machine::build(&snapshot, &tip, &context, proposer, transactions).expect("the block is sound");
    let build = processor_time() - started;
    assert!(built.outcomes.iter().all(|outcome| *outcome == inro_contracts::entry::Outcome::Applied));
    drop(snapshot);
    let certificate = consortium.certificate(&built.header, 0);
    let (began, started) = (Instant::now(), processor_time());
    store.commit(&built, transactions, &certificate).expect("the store works");
    Spent { replays, build, commit: processor_time() - started, slowest_commit: began.elapsed() }
}

/// How long this thread has run.
fn processor_time() -> Duration {
    time_of(std::path::Path::new("/proc/thread-self"))
}

/// How long all other threads have run.
fn background_time() -> Duration {
    let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    threads.map(|thread| time_of(&thread.path())).sum::<Duration>().saturating_sub(processor_time())
}

fn time_of(thread: &std::path::Path) -> Duration {
    let statistics = std::fs::read_to_string(thread.join("schedstat")).unwrap_or_default();
    Duration::from_nanos(statistics.split(' ').next().and_then(|nanos| nanos.parse().ok()).unwrap_or_default())
}

/// What this process has written to the disk, in bytes.
fn written_bytes() -> u64 {
    let statistics = std::fs::read_to_string("/proc/self/io").unwrap_or_default();
    let line = statistics.lines().find_map(|line| line.strip_prefix("write_bytes: "));
    line.and_then(|bytes| bytes.parse().ok()).unwrap_or_default()
}

fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or_default() >> 10
}
