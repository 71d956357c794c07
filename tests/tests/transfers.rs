//! Payloads on their way when a process dies (rules ): whoever is killed, the transfer goes on where it was, the bytes are
//! right, and everything that was handed over and read stands in the journal.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use inro_contracts::category::Category;
use inro_contracts::id::{RecordId, TransactionId};
use inro_contracts::parameters::Parameters;
use inro_tests::cluster::{Cluster, PATIENCE, Shape};
use inro_tests::invariants::Verdict;
use inro_tests::load::Told;
use inro_tests::play::Facility;
use inro_tests::treatment::{Kept, ask_for_treatment, facility, keep, wait_ready};

const MIB: u64 = 1 << 20;
const CUSTODIAN: usize = 0;
const READER: usize = 1;
const INTERMEDIATE: usize = 2;
const BYSTANDER: usize = 3;

/// Long enough that a process which is killed when the first part is there is killed in the middle.
const LARGE: u64 = 192 * MIB;
const FIRST_PART: u64 = 8 * MIB;
/// What may be under way when a transfer breaks off, and is sent again: a window, pieces on their way to the disk, lengths.
const SENT_AGAIN_MAX: u64 = 4 * MIB;
/// Every line of a document begins with this, so a search finds any readable part of it.
const CANARY: &str = "nobody on the way may read this line";

/// A text of at least so many bytes, every line another.
fn document(bytes: u64) -> Vec<u8> {
    let mut text = Vec::with_capacity(bytes as usize + 64);
    let mut line = 0u64;
    while (text.len() as u64) < bytes {
        text.extend_from_slice(format!("{CANARY} {line:011}\n").as_bytes());
        line += 1;
    }
    text
}

/// A custodian that keeps documents of one patient, a reader to whom the patient has consented, and an intermediate for both.
struct Case {
    cluster: Cluster,
    custodian: Facility,
    reader: Facility,
    kept: Kept,
}

impl Case {
    async fn new(access_ms: Option<u64>) -> Self {
        let usual = Shape::default();
        let access_ms = access_ms.unwrap_or(usual.parameters.access_ms);
        let mut cluster = Cluster::found(&Shape { parameters: Parameters { access_ms, ..usual.parameters.clone() }, ..usual });
        let intermediate = cluster.consortium.members[INTERMEDIATE].peer.public().to_hex();
        for node in [CUSTODIAN, READER] {
            let chosen = toml::Value::Array(vec![intermediate.clone().into()]);
            cluster.configure(node, |config| set_desk(config, "intermediates", chosen));
        }
        let room = toml::Table::from_iter([("bytes_max".to_owned(), toml::Value::Integer(1 << 30))]);
        cluster.configure(INTERMEDIATE, |config| set_desk(config, "intermediate", room.into()));
        cluster.start_all().await;
        let (custodian, reader) = (facility(&cluster, CUSTODIAN).await, facility(&cluster, READER).await);
        let kept = Kept::open(&cluster, CUSTODIAN).await;
        kept.consent(&custodian, &reader).await.expect("the patient consents");
        Self { cluster, custodian, reader, kept }
    }

    async fn keep(&self, document: &[u8]) -> RecordId {
        keep(&self.custodian, self.kept.account, Category::Image, document.to_vec()).await.expect("it can be kept").id
    }

    /// The reader asks, and is granted everything.
    async fn access(&self) -> TransactionId {
        ask_for_treatment(&self.reader, self.kept.account).await.expect("the ledger grants it")
    }

    /// The reader's node is asked where the payloads stand, and so begins to fetch them.
    async fn begin(&self, access: &TransactionId) {
        self.reader.desk.access(access, Duration::ZERO).await.expect("the access is known");
    }

    async fn is_read(&self, access: &TransactionId, record: &RecordId, document: &[u8]) {
        wait_ready(&self.reader.desk, access, PATIENCE).await.expect("the payload arrives");
        let read = self.reader.desk.payload(access, record).await.expect("it is shown");
        assert!(read.bytes == document, "other bytes arrived");
    }

    /// What holds after everything (`inro_tests::invariants`), with all nodes running again, and no log tells of the document.
    async fn everything_holds(mut self) {
        self.cluster.start_all().await;
        Verdict::of(&self.cluster, &[CUSTODIAN, READER, INTERMEDIATE, BYSTANDER]).await.everything_holds(&Told::default());
        assert!(self.cluster.nodes.iter().all(|node| !node.log().contains(CANARY)), "a log tells what a document says");
    }

    fn arrivals(&self) -> PathBuf {
        self.cluster.nodes[READER].data().join("desk/arrivals")
    }

    fn deposits(&self) -> PathBuf {
        self.cluster.nodes[INTERMEDIATE].data().join("desk/deposits")
    }

    /// Bytes of sealed payloads that a node has received since it started. It counts them once a second.
    async fn received(&self, node: usize) -> u64 {
        tokio::time::sleep(Duration::from_millis(1_200)).await;
        let figures = self.cluster.figures(node).await;
        figures.get("inro_payload_bytes_total{direction=\"received\"}").unwrap_or_default() as u64
    }
}

fn set_desk(config: &mut toml::Table, name: &str, value: toml::Value) {
    let desk = config.entry("desk").or_insert_with(|| toml::Table::new().into());
    desk.as_table_mut().expect("the desk's settings are a table").insert(name.into(), value);
}

/// The bytes of the files in a folder whose names end so.
fn bytes_in(folder: &Path, ending: &str) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let wanted = entries.filter(|entry| entry.file_name().to_string_lossy().ends_with(ending));
    wanted.filter_map(|entry| entry.metadata().ok()).map(|data| data.len()).sum()
}

async fn wait_until(what: &str, within: Duration, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < within, "not within {within:?}: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Does any file under this folder hold these bytes?
fn holds_bytes(folder: &Path, needle: &[u8]) -> bool {
    std::fs::read_dir(folder).into_iter().flatten().flatten().any(|entry| {
        let path = entry.path();
        if path.is_dir() {
            return holds_bytes(&path, needle);
        }
        let bytes = std::fs::read(&path).unwrap_or_default();
        bytes.iter().enumerate().any(|(at, byte)| *byte == needle[0] && bytes[at..].starts_with(needle))
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_is_killed_in_mid_transfer_goes_on_where_it_was() {
    let mut case = Case::new(None).await;
    let document = document(LARGE);
    let record = case.keep(&document).await;
    let access = case.access().await;
    case.begin(&access).await;
    let arrivals = case.arrivals();
    wait_until("the first part arrives", PATIENCE, || bytes_in(&arrivals, "") >= FIRST_PART).await;
    case.cluster.kill(READER);
    let held = bytes_in(&arrivals, "");
    assert!(held < LARGE, "the kill came too late: {held} bytes were there");
    case.cluster.restart(READER).await;

    case.is_read(&access, &record, &document).await;
    let (sealed, anew) = (bytes_in(&arrivals, ""), case.received(READER).await);
    println!("{held} of {sealed} sealed bytes were there; {anew} came after the restart");
    assert!(anew + held <= sealed + SENT_AGAIN_MAX, "{anew} bytes were fetched anew although {held} of {sealed} were there");
    assert!(!holds_bytes(&arrivals, CANARY.as_bytes()), "what arrived lies readable on the disk");
    case.kept.wait_accounted_for(&case.custodian, access, &[record]).await;
    case.everything_holds().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_custodian_that_is_killed_in_mid_transfer_is_asked_for_the_rest_only() {
    let mut case = Case::new(None).await;
    let document = document(LARGE);
    let record = case.keep(&document).await;
    // The intermediate is away, so that the custodian is the only one who has it.
    case.cluster.kill(INTERMEDIATE);
    let access = case.access().await;
    case.begin(&access).await;
    let arrivals = case.arrivals();
    wait_until("the first part arrives", PATIENCE, || bytes_in(&arrivals, "") >= FIRST_PART).await;
    case.cluster.kill(CUSTODIAN);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let held = bytes_in(&arrivals, "");
    assert!(held < LARGE, "the kill came too late: {held} bytes were there");
    let answer = case.reader.desk.access(&access, Duration::ZERO).await.expect("the access is known");
    assert_eq!((answer.records[0].state.as_str(), answer.records[0].bytes), ("arriving", held));
    assert!(case.reader.desk.payload(&access, &record).await.is_err(), "a part is shown");
    case.cluster.restart(CUSTODIAN).await;
    case.cluster.restart(INTERMEDIATE).await;

    case.is_read(&access, &record, &document).await;
    let (sealed, received) = (bytes_in(&arrivals, ""), case.received(READER).await);
    println!("{held} of {sealed} sealed bytes were there; {received} came in all");
    assert!(received <= sealed + SENT_AGAIN_MAX, "{received} bytes came for {sealed}");
    case.kept.wait_accounted_for(&case.custodian, access, &[record]).await;
    case.everything_holds().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_intermediate_that_is_killed_while_it_takes_and_while_it_gives_goes_on_and_reads_nothing() {
    let mut case = Case::new(None).await;
    let document = document(LARGE);
    let record = case.keep(&document).await;
    let access = case.access().await;
    let deposits = case.deposits();

    // While it takes: the custodian deposits by itself.
    wait_until("the first part is deposited", PATIENCE, || bytes_in(&deposits, ".sealed") >= FIRST_PART).await;
    case.cluster.kill(INTERMEDIATE);
    let held = bytes_in(&deposits, ".sealed");
    assert!(held < LARGE, "the kill came too late: {held} bytes were there");
    case.cluster.restart(INTERMEDIATE).await;
    wait_until("the deposit goes on", PATIENCE, || bytes_in(&deposits, ".sealed") > held).await;
    wait_until("all is deposited", PATIENCE, || bytes_in(&deposits, ".sealed") > LARGE).await;
    // What is handed over is stated, also when it goes to an intermediate; by then the deposit is whole.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (sealed, anew) = (bytes_in(&deposits, ".sealed"), case.received(INTERMEDIATE).await);
    println!("{held} of {sealed} sealed bytes were deposited; {anew} came after the restart");
    assert!(anew + held <= sealed + SENT_AGAIN_MAX, "{anew} bytes were deposited anew although {held} of {sealed} were there");
    let home = case.cluster.nodes[INTERMEDIATE].data();
    assert!(!holds_bytes(&home, CANARY.as_bytes()), "the intermediate can read the payload");

    // While it gives: the custodian is away, so the reader takes it from the intermediate.
    case.cluster.kill(CUSTODIAN);
    case.begin(&access).await;
    let arrivals = case.arrivals();
    wait_until("the first part arrives", PATIENCE, || bytes_in(&arrivals, "") >= FIRST_PART).await;
    case.cluster.kill(INTERMEDIATE);
    let held = bytes_in(&arrivals, "");
    assert!(held < LARGE, "the kill came too late: {held} bytes were there");
    case.cluster.restart(INTERMEDIATE).await;
    case.is_read(&access, &record, &document).await;
    let received = case.received(READER).await;
    assert!(received <= sealed + SENT_AGAIN_MAX, "{received} bytes came for {sealed}");

    wait_until("the deposit is gone", PATIENCE, || bytes_in(&deposits, "") == 0).await;
    case.cluster.restart(CUSTODIAN).await;
    case.kept.wait_accounted_for(&case.custodian, access, &[record]).await;
    assert_eq!(bytes_in(&deposits, ""), 0, "what was taken is deposited once more");
    case.everything_holds().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deposit_that_nobody_takes_is_gone_when_the_accesss_lifetime_is_over() {
    const LIFETIME_MS: u64 = 10_000;
    let mut case = Case::new(Some(LIFETIME_MS)).await;
    case.keep(&document(MIB)).await;
    let (began, deposits) = (Instant::now(), case.deposits());
    case.access().await;
    wait_until("it is deposited", Duration::from_secs(8), || bytes_in(&deposits, ".sealed") > MIB).await;
    wait_until("it has expired", Duration::from_secs(25), || bytes_in(&deposits, "") == 0).await;
    assert!(began.elapsed() >= Duration::from_millis(LIFETIME_MS), "it was deleted before its time");

    // Nor does it outlive its time where the intermediate did not run when it ended.
    case.access().await;
    wait_until("it is deposited", Duration::from_secs(8), || bytes_in(&deposits, ".sealed") > MIB).await;
    case.cluster.kill(INTERMEDIATE);
    tokio::time::sleep(Duration::from_millis(LIFETIME_MS + 500)).await;
    assert!(bytes_in(&deposits, "") > 0);
    case.cluster.restart(INTERMEDIATE).await;
    wait_until("it has expired", Duration::from_secs(15), || bytes_in(&deposits, "") == 0).await;
    case.everything_holds().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_handed_over_and_read_stands_in_the_journal_though_both_sides_are_killed_before_they_can_say_so() {
    let mut case = Case::new(None).await;
    let mut records = Vec::new();
    for _ in 0..3 {
        records.push(case.keep(&document(100_000)).await);
    }
    // Nothing is deposited; and without two of four nothing can be committed, and nobody else hears of the statements.
    case.cluster.kill(INTERMEDIATE);
    let access = case.access().await;
    case.cluster.wait_level(&[CUSTODIAN, READER]).await;
    case.cluster.kill(BYSTANDER);
    wait_ready(&case.reader.desk, &access, PATIENCE).await.expect("the payloads arrive without a new block");
    case.cluster.kill(CUSTODIAN);
    case.cluster.kill(READER);
    for node in [CUSTODIAN, READER] {
        let outbox = case.cluster.nodes[node].data().join("desk/outbox");
        assert!(bytes_in(&outbox, "") > 0, "node {node} has not kept what it has to state");
    }
    case.cluster.start_all().await;
    case.kept.wait_accounted_for(&case.custodian, access, &records).await;
    case.cluster.wait_level(&[CUSTODIAN, READER]).await;
    let worklist = case.reader.desk.worklist().await.expect("the reader sees the work list");
    for open in ["undisclosed", "unacknowledged"] {
        let listed = worklist[open].as_array().expect("it is a list");
        assert!(!listed.iter().any(|entry| entry["access"] == access.to_hex()), "{open}: {listed:?}");
    }
    case.everything_holds().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_arrived_before_a_restart_is_shown_though_the_custodian_is_away() {
    let mut case = Case::new(None).await;
    let document = document(3 * MIB);
    let record = case.keep(&document).await;
    case.cluster.kill(INTERMEDIATE);
    let access = case.access().await;
    case.is_read(&access, &record, &document).await;
    case.kept.wait_accounted_for(&case.custodian, access, &[record]).await;
    case.cluster.kill(READER);
    case.cluster.kill(CUSTODIAN);
    case.cluster.restart(READER).await;
    case.is_read(&access, &record, &document).await;
    case.everything_holds().await;
}
