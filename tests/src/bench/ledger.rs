//! The group `ledger`: throughput, latency, cost, idle life, catching up and starting, of four validators on one machine.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use inro_client::model::At;
use inro_contracts::id::TransactionId;
use inro_contracts::parameters::Parameters;
use inro_contracts::time::Height;

use super::ceiling::Ceiling;
use super::people::{ACCOUNTS, PRACTITIONERS, People};
use super::report::{Report, median, progress, quantile};
use super::traffic::{self, BATCH, Flow, Told};
use super::watch::{self, Seen, Watcher};
use super::{Options, disk, machine};
use crate::cluster::{Cluster, Shape};

const VALIDATORS: usize = 4;
/// Transactions under way at saturation: one block is decided while the next one gathers.
const WINDOW: usize = 6_000;
/// Not measured at a run's beginning.
const WARM_UP: Duration = Duration::from_secs(2);
/// The rate at which latency is measured.
const STEADY_RATE: f64 = 200.0;
/// More than this machine can commit in a second; as many are signed ahead for each second under load.
const PER_SECOND_MAX: usize = 12_000;
const PROBE_PAUSE: Duration = Duration::from_millis(50);
const CATCH_UP_WITHIN: Duration = Duration::from_secs(90);
const DRAIN_WITHIN: Duration = Duration::from_secs(120);

/// What a run under load gave.
struct Run {
    committed_per_s: f64,
    committed: u64,
    blocks: u64,
    latencies_ms: Vec<f64>,
    node_cpu_ms: f64,
    generator_cpu_ms: f64,
    synced_writes: f64,
    sync_ms: Vec<f64>,
    told: Told,
}

/// How fast signatures are checked, a second and core.
struct Speed {
    one_core: f64,
    all_cores: f64,
}

impl Speed {
    fn of(ceiling: &Ceiling, cores: usize) -> Self {
        let length = Duration::from_millis(700);
        Self { one_core: ceiling.one_core(length), all_cores: ceiling.on_cores(cores, length) }
    }
}

/// Measures the group; false if something accepted was lost.
pub async fn run(options: &Options) -> bool {
    let report = Report::new(VALIDATORS);
    let ceiling = Ceiling::new();
    let mut speeds = vec![Speed::of(&ceiling, report.cores())];
    progress("founding a ledger of four validators");
    let parameters = Parameters::default();
    let mut cluster = Cluster::start(Shape { validators: VALIDATORS, observers: 0, parameters }).await;
    wait_height(&cluster, 1).await;
    let disk_at_start = disk_use(&cluster);

    idle(&report, &cluster, options).await;
    let quiet = disk::quiet(cluster.folder(), 200);

    let people = People::of(&cluster);
    progress(&format!("registering {PRACTITIONERS} practitioners and opening {ACCOUNTS} accounts"));
    settle(&cluster, &people.registrations()).await;
    settle(&cluster, &people.openings()).await;

    steady(&report, &cluster, &people, options).await;
    let (accepted, committed_per_s) = saturation(&report, &cluster, &people, options, &ceiling, &mut speeds, &quiet).await;
    let sound = overload(&report, &cluster, &people, options, committed_per_s, accepted).await;

    let transactions = transactions_on(&cluster).await;
    space(&report, &cluster, disk_at_start, transactions);
    start_up(&report, &mut cluster, &people).await;
    catch_up(&report, &mut cluster).await;
    sound
}

async fn wait_height(cluster: &Cluster, height: u64) {
    for node in 0..VALIDATORS {
        cluster.wait_height(node, height, Duration::from_secs(60)).await;
    }
}

/// Commits what a measurement needs, and waits until all nodes have it.
async fn settle(cluster: &Cluster, ready: &[super::people::Ready]) {
    traffic::send_all(cluster, ready).await;
    drain(cluster).await;
}

/// Waits until nothing waits at any node and all have the same height.
async fn drain(cluster: &Cluster) {
    let start = Instant::now();
    loop {
        let mut waiting = 0;
        let mut heights = HashSet::new();
        for node in 0..VALIDATORS {
            let status = cluster.status(node).await;
            waiting += status.mempool.transactions;
            heights.insert(status.height);
        }
        if waiting == 0 && heights.len() == 1 {
            return;
        }
        assert!(start.elapsed() < DRAIN_WITHIN, "{waiting} transactions still wait after {DRAIN_WITHIN:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn processes(cluster: &Cluster) -> Vec<u32> {
    cluster.nodes.iter().take(VALIDATORS).filter_map(crate::cluster::Node::process_id).collect()
}

fn nodes_cpu_ms(cluster: &Cluster) -> f64 {
    processes(cluster).into_iter().map(machine::cpu_ms).sum()
}

fn disk_use(cluster: &Cluster) -> u64 {
    cluster.nodes.iter().take(VALIDATORS).map(|node| machine::disk_bytes(&node.data())).sum()
}

async fn transactions_on(cluster: &Cluster) -> u64 {
    // Counted by the node since its start, and it was not restarted.
    cluster.figures(0).await.sum("inro_transactions_committed_total") as u64
}

async fn idle(report: &Report, cluster: &Cluster, options: &Options) {
    progress(&format!("idle for {} s", options.idle.as_secs()));
    tokio::time::sleep(Duration::from_secs(2)).await;
    let before: Vec<f64> = processes(cluster).into_iter().map(machine::cpu_ms).collect();
    let start = Instant::now();
    tokio::time::sleep(options.idle).await;
    let length = start.elapsed().as_secs_f64() * 1000.0;
    let after = processes(cluster).into_iter().map(machine::cpu_ms);
    let percents: Vec<f64> = after.zip(before).map(|(after, before)| (after - before) * 100.0 / length).collect();
    let heartbeat = Parameters::default().heartbeat_ms / 1000;
    let note = format!(
        "of one core, per node, over {} s without transactions and without requests; a block each {heartbeat} s",
        options.idle.as_secs()
    );
    report.figures("node.idle_cpu_percent", "%", &percents, &note);
    let memory: Vec<f64> = processes(cluster).into_iter().map(machine::resident_mib).collect();
    report.figures("node.idle_rss_mib", "MiB", &memory, "resident memory per node soon after its start");
}

async fn steady(report: &Report, cluster: &Cluster, people: &People, options: &Options) {
    let rate = STEADY_RATE;
    progress(&format!("{rate} transactions a second for {} s", options.steady.as_secs()));
    let warm_up = (WARM_UP.as_secs_f64() * rate) as usize;
    let count = (options.steady.as_secs_f64() * rate) as usize + warm_up;
    let cpu = nodes_cpu_ms(cluster);
    let started = Instant::now();
    let probe = disk::Probe::start(cluster.folder(), PROBE_PAUSE);
    let (times, lost) = traffic::send_singly(cluster, people.records(count), rate).await;
    let sync_ms = median(&probe.finish()).unwrap_or(0.0);
    let cores = (nodes_cpu_ms(cluster) - cpu) / (started.elapsed().as_secs_f64() * 1000.0);
    let times = &times[warm_up.min(times.len())..];
    let note = format!(
        "open loop, {rate} single submissions a second to the four nodes in turn; from just before the POST until a long poll \
         (GET /v1/transactions/{{id}}?wait_ms=) at the same node answers that it is committed; {} transactions, {lost} not \
         committed; the nodes took {cores:.2} cores; 4 KiB fdatasync meanwhile {sync_ms:.2} ms at the median",
        times.len()
    );
    report.figure("ledger.commit_ms_p50_at_200", "ms", quantile(times, 0.5).unwrap_or(-1.0), &note);
    report.figure("ledger.commit_ms_p99_at_200", "ms", quantile(times, 0.99).unwrap_or(-1.0), &note);
}

/// Throughput at saturation, repeated. Returns what was accepted, and the median rate.
async fn saturation(
    report: &Report,
    cluster: &Cluster,
    people: &People,
    options: &Options,
    ceiling: &Ceiling,
    speeds: &mut Vec<Speed>,
    quiet: &[f64],
) -> (Vec<TransactionId>, f64) {
    let mut runs = Vec::new();
    for number in 1..=options.runs {
        progress(&format!("saturation, run {number} of {}: {} s", options.runs, options.load.as_secs()));
        runs.push(under_load(cluster, people, Flow::Window(WINDOW), options.load).await);
        drain(cluster).await;
        speeds.push(Speed::of(ceiling, report.cores()));
    }
    let each = |figure: fn(&Run) -> f64| runs.iter().map(figure).collect::<Vec<f64>>();
    let rates = each(|run| run.committed_per_s);
    let share_of_machine = report.cores() as f64 / VALIDATORS as f64;
    let ceilings: Vec<f64> = speeds.iter().map(|speed| speed.all_cores * share_of_machine).collect();
    let top = median(&ceilings).unwrap_or(f64::INFINITY);
    let blocks = each(|run| run.committed as f64 / run.blocks.max(1) as f64);
    let note = format!(
        "register-record transactions of {PRACTITIONERS} practitioners' keys on {ACCOUNTS} accounts of four organisations, each \
         signed singly and checked by every validator, executed, synced; {} s each after {} s; {WINDOW} under way, in batches of \
         {BATCH} over HTTP to all four nodes evenly; {:.0} transactions a block at the median",
        options.load.as_secs(),
        WARM_UP.as_secs(),
        median(&blocks).unwrap_or(0.0)
    );
    report.figures("ledger.committed_tx_per_s", "1/s", &rates, &note);
    report.figures(
        "ledger.verify_ceiling_tx_per_s",
        "1/s",
        &ceilings,
        "batched verifications a second and core with all cores at it (inro_contracts::key::all_hold, 1,024 different keys), \
         times cores, divided by validators; before, between and after the runs, with idle nodes",
    );
    let alone: Vec<f64> = speeds.iter().map(|speed| speed.one_core).collect();
    report.figures("machine.verifications_per_s_one_core", "1/s", &alone, "the same on one core while the others rest");
    let shares: Vec<f64> = rates.iter().map(|rate| rate / top).collect();
    report.figures("ledger.share_of_ceiling", "1", &shares, "committed_tx_per_s divided by verify_ceiling_tx_per_s");
    let note = format!(
        "from just before the POST of its batch until its block's header was read at node 0, asked each {} ms; all transactions",
        watch::EVERY.as_millis()
    );
    let at = |part: f64| runs.iter().filter_map(|run| quantile(&run.latencies_ms, part)).collect::<Vec<f64>>();
    report.figures("ledger.commit_ms_p50_at_saturation", "ms", &at(0.5), &note);
    report.figures("ledger.commit_ms_p99_at_saturation", "ms", &at(0.99), &note);
    let cpu = each(|run| run.node_cpu_ms / run.committed.max(1) as f64);
    report.figures(
        "ledger.cpu_ms_per_tx",
        "ms",
        &cpu,
        "user and system time of all four node processes, per committed transaction",
    );
    let own = each(|run| run.generator_cpu_ms / run.committed.max(1) as f64);
    report.figures(
        "ledger.generator_cpu_ms_per_tx",
        "ms",
        &own,
        "the generator's and the disk probe's own time, per committed transaction",
    );
    let writes = each(|run| run.synced_writes / run.blocks.max(1) as f64 / VALIDATORS as f64);
    report.figures(
        "ledger.sync_writes_per_block",
        "1",
        &writes,
        "synced writes per node and block, as the nodes count them at /metrics: store and sign guard; the engine's own log is not among them",
    );
    report.figure("disk.fdatasync_ms_p50", "ms", median(quiet).unwrap_or(-1.0), "4 KiB in the nodes' folder, with idle nodes");
    let sync = runs.iter().filter_map(|run| median(&run.sync_ms)).collect::<Vec<f64>>();
    report.figures("disk.fdatasync_ms_p50_under_load", "ms", &sync, "the same while the nodes are saturated");
    let accepted = runs.into_iter().flat_map(|run| run.told.accepted).map(|(id, _)| id).collect();
    (accepted, median(&rates).unwrap_or(0.0))
}

async fn under_load(cluster: &Cluster, people: &People, flow: Flow, length: Duration) -> Run {
    let count = PER_SECOND_MAX * (length + WARM_UP).as_secs() as usize;
    let count = match flow {
        Flow::Window(_) => count,
        Flow::PerSecond(rate) => count.max((rate * (length + WARM_UP).as_secs_f64()) as usize + BATCH),
    };
    let ready = people.records(count);
    let watcher = Watcher::start(cluster.client(0).clone(), cluster.height(0).await);
    let probe = disk::Probe::start(cluster.folder(), PROBE_PAUSE);
    let committed = watcher.committed();
    let measuring = async {
        tokio::time::sleep(WARM_UP).await;
        let before = Usage::of(cluster).await;
        tokio::time::sleep(length - Duration::from_millis(200)).await;
        (before, Usage::of(cluster).await)
    };
    let (told, (before, after)) =
        tokio::join!(traffic::send(cluster, ready, flow, length + WARM_UP, committed.clone()), measuring);
    let sync_ms = probe.finish();
    let accepted = told.accepted.len() as u64;
    let start = Instant::now();
    while committed.load(Ordering::Relaxed) < accepted && start.elapsed() < DRAIN_WITHIN {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let seen = watcher.finish().await;
    // From one block to another, so that no block is counted in part.
    let inside: Vec<&Seen> = seen.iter().filter(|seen| seen.at >= before.at && seen.at <= after.at).collect();
    let (first, last) = match (inside.first(), inside.last()) {
        (Some(first), Some(last)) => (**first, **last),
        _ => panic!("no block was committed within {length:?} under load; the nodes' logs are in {}", cluster.folder().display()),
    };
    let counted: u64 = inside.iter().skip(1).map(|seen| seen.entries).sum();
    let committed_per_s = counted as f64 / (last.at - first.at).as_secs_f64().max(0.001);
    let latencies_ms = latencies(cluster, &told, &inside).await;
    let window = (after.at - before.at).as_secs_f64();
    Run {
        committed_per_s,
        committed: (committed_per_s * window) as u64,
        blocks: inside.len() as u64,
        latencies_ms,
        node_cpu_ms: after.nodes_cpu_ms - before.nodes_cpu_ms,
        generator_cpu_ms: after.own_cpu_ms - before.own_cpu_ms,
        synced_writes: after.synced_writes - before.synced_writes,
        sync_ms,
        told,
    }
}

/// What was used until a moment.
struct Usage {
    at: Instant,
    nodes_cpu_ms: f64,
    own_cpu_ms: f64,
    synced_writes: f64,
}

impl Usage {
    async fn of(cluster: &Cluster) -> Self {
        let mut synced_writes = 0.0;
        for node in 0..VALIDATORS {
            synced_writes += cluster.figures(node).await.sum("inro_synced_writes_total");
        }
        let own_cpu_ms = machine::cpu_ms(std::process::id());
        Self { at: Instant::now(), nodes_cpu_ms: nodes_cpu_ms(cluster), own_cpu_ms, synced_writes }
    }
}

/// How long each transaction of these blocks took.
async fn latencies(cluster: &Cluster, told: &Told, blocks: &[&Seen]) -> Vec<f64> {
    let sent: HashMap<TransactionId, Instant> = told.accepted.iter().copied().collect();
    let mut times = Vec::new();
    for seen in blocks {
        for id in ids_of(cluster, seen.height).await {
            if let Some(sent) = sent.get(&id) {
                times.push((seen.at - *sent).as_secs_f64() * 1000.0);
            }
        }
    }
    times
}

async fn ids_of(cluster: &Cluster, height: u64) -> Vec<TransactionId> {
    match cluster.client(0).block(At::Height(Height(height))).await {
        Ok(block) => block.entries.iter().map(|entry| entry.id).collect(),
        Err(error) => panic!("block {height} of node 0: {error}"),
    }
}

/// Twice the saturation is offered: whatever is accepted must be committed. Returns whether it was.
async fn overload(
    report: &Report,
    cluster: &Cluster,
    people: &People,
    options: &Options,
    saturation: f64,
    accepted_before: Vec<TransactionId>,
) -> bool {
    let rate = saturation * 2.0;
    progress(&format!("overload: {rate:.0} transactions a second offered for {} s", options.load.as_secs()));
    let from = cluster.height(0).await;
    let run = under_load(cluster, people, Flow::PerSecond(rate), options.load).await;
    drain(cluster).await;
    let (offered, refused) = (run.told.offered, run.told.refused);
    let failed: u64 = run.told.failed.values().sum();
    let note = format!(
        "{rate:.0} transactions a second offered in an open loop for {} s, in batches of {BATCH}: {offered} sent, {} accepted, \
         {refused} refused for now (429 or 503), {failed} without a proper answer {:?}",
        options.load.as_secs() + WARM_UP.as_secs(),
        run.told.accepted.len(),
        run.told.failed
    );
    report.figure("ledger.overload_committed_tx_per_s", "1/s", run.committed_per_s, &note);
    report.figure("ledger.overload_refused_share", "1", refused as f64 / offered.max(1) as f64, &note);
    report.figure("ledger.commit_ms_p99_at_overload", "ms", quantile(&run.latencies_ms, 0.99).unwrap_or(-1.0), &note);

    progress("reading all blocks back");
    let mut missing: HashSet<TransactionId> = run.told.accepted.iter().map(|(id, _)| *id).collect();
    let tip = cluster.height(0).await;
    for height in from + 1..=tip {
        for id in ids_of(cluster, height).await {
            missing.remove(&id);
        }
    }
    let lost = missing.len();
    let lost_before = missing_of(cluster, accepted_before).await;
    let note = format!(
        "accepted transactions that are in no block: of {} under twice the saturation load, found by reading all blocks back, \
         and of a sample of those accepted at saturation",
        run.told.accepted.len()
    );
    report.figure("ledger.accepted_then_lost", "1", (lost + lost_before) as f64, &note);
    lost + lost_before == 0
}

/// Of a sample of these, how many are not committed.
async fn missing_of(cluster: &Cluster, ids: Vec<TransactionId>) -> usize {
    let step = (ids.len() / 2_000).max(1);
    let mut missing = 0;
    for (number, id) in ids.iter().step_by(step).enumerate() {
        let answer = cluster.client(number % VALIDATORS).transaction(id).await;
        missing += usize::from(!answer.is_ok_and(|answer| answer.committed().is_some()));
    }
    missing
}

fn space(report: &Report, cluster: &Cluster, at_start: u64, transactions: u64) {
    let grown = disk_use(cluster).saturating_sub(at_start) as f64 / VALIDATORS as f64;
    let note = format!(
        "growth of one node's data folder (blocks on disk, logs included) over {transactions} transactions, divided by them"
    );
    report.figure("ledger.disk_bytes_per_tx", "B", grown / transactions.max(1) as f64, &note);
}

/// Stops a validator and starts it again, with the chain of this run and light traffic.
async fn start_up(report: &Report, cluster: &mut Cluster, people: &People) {
    let node = VALIDATORS - 1;
    let (mut answering, mut voting) = (Vec::new(), Vec::new());
    for number in 1..=3 {
        progress(&format!("start-up, {number} of 3"));
        cluster.terminate(node).await;
        let start = Instant::now();
        cluster.launch(node);
        let client = cluster.client(node).clone();
        while client.status().await.is_err() {
            assert!(
                start.elapsed() < Duration::from_secs(60),
                "the node does not answer; its log is in {}",
                cluster.folder().display()
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        answering.push(start.elapsed().as_secs_f64() * 1000.0);
        // A validator can only vote when there is something to vote on.
        let (clients, ready) = (cluster.clients(), people.records(2_000));
        let traffic = tokio::spawn(async move {
            for (number, ready) in ready.into_iter().enumerate() {
                let signed = inro_contracts::bytes::Canonical::from_bytes(&ready.bytes).expect("signed bytes are canonical");
                // Some may be refused; the next one comes at once.
                let _ = clients[number % (VALIDATORS - 1)].submit(&signed).await;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        cluster.wait_voting(node, Duration::from_secs(60)).await;
        voting.push(start.elapsed().as_secs_f64() * 1000.0);
        traffic.abort();
    }
    drain(cluster).await;
    let note = "from the process's start until GET /v1/status answers, with the chain of this run, after SIGTERM";
    report.figures("node.start_ms", "ms", &answering, note);
    let note = "from the process's start until a certificate with its signature was read at another node, with 50 transactions a second; asked each 50 ms";
    report.figures("node.start_to_vote_ms", "ms", &voting, note);
}

/// A validator loses its data folder and catches up from the others.
async fn catch_up(report: &Report, cluster: &mut Cluster) {
    let node = VALIDATORS - 1;
    progress("a validator without data catches up");
    cluster.terminate(node).await;
    std::fs::remove_dir_all(cluster.nodes[node].data()).expect("the data folder can be removed");
    let tip = cluster.height(0).await;
    let transactions = transactions_on(cluster).await;
    let start = Instant::now();
    cluster.launch(node);
    cluster.wait_ready(node).await;
    let mut reached = 0;
    while reached < tip && start.elapsed() < CATCH_UP_WITHIN {
        tokio::time::sleep(Duration::from_millis(20)).await;
        reached = cluster.height(node).await;
    }
    let length = start.elapsed().as_secs_f64();
    let transactions = match reached >= tip {
        true => transactions,
        false => cluster.figures(node).await.sum("inro_transactions_committed_total") as u64,
    };
    let note = format!(
        "a validator whose data folder was removed, from its process's start until it had {reached} of {tip} blocks with \
         {transactions} transactions ({length:.1} s); signatures are checked and blocks executed again; asked each 20 ms"
    );
    let tip = reached;
    report.figure("sync.blocks_per_s", "1/s", tip as f64 / length, &note);
    report.figure("sync.tx_per_s", "1/s", transactions as f64 / length, &note);
}
