//! The group `exchange`: how long a reader waits, how soon a seal holds, and how fast a large payload moves, on four validators and an
//! observer.

use std::time::{Duration, Instant};

use inro_contracts::category::Category;
use inro_contracts::consent::{SealTarget, Visibility};
use inro_contracts::id::{SealId, TransactionId};
use inro_contracts::transaction::Action;
use rand::distributions::{Alphanumeric, DistString};

use super::Options;
use super::bulk::{self, Sides};
use super::report::{Report, median, progress, quantile};
use crate::cluster::{Cluster, Shape};
use crate::play::Facility;
use crate::treatment::{Kept, apply, ask_for_treatment, facility, keep, seal_against_outside};

const FACILITIES: usize = 5;
/// Whose physician reads.
const READER: usize = 1;
/// Who keeps the large payload.
const CUSTODIAN: usize = 0;
/// Records at each facility, and how long each is.
const RECORDS: usize = 8;
const RECORD_BYTES: usize = 8 * 1024;
const WAIT: Duration = Duration::from_secs(20);

struct World {
    cluster: Cluster,
    facilities: Vec<Facility>,
    /// One account at each facility.
    accounts: Vec<Kept>,
}

/// Measures the group.
pub async fn run(options: &Options) -> bool {
    let report = Report::new(FACILITIES);
    progress("founding a ledger of five facilities, with records");
    let mut world = World::found().await;
    let repeats = if options.load < Duration::from_secs(10) { 60 } else { 300 };

    progress(&format!("one record, {repeats} times"));
    let mut first = Vec::with_capacity(repeats);
    for _ in 0..repeats {
        first.push(world.first_byte().await);
    }
    let note = "from the physician's request to the first byte of a record of 8 KiB at another facility, one at a time";
    report.figure("exchange.first_byte_ms_p50", "ms", median(&first).unwrap_or_default(), note);
    report.figure("exchange.first_byte_ms_p99", "ms", quantile(&first, 0.99).unwrap_or_default(), note);

    progress("all records of five facilities");
    let mut all = Vec::new();
    for _ in 0..repeats / 10 {
        all.push(world.all_records().await);
    }
    let note = "40 records of 8 KiB at five facilities in one call: asked, decided, fetched, checked, read";
    report.figures("exchange.all_records_ms", "ms", &all, note);

    progress(&format!("{repeats} seals"));
    let mut seals = Vec::with_capacity(repeats);
    for _ in 0..repeats {
        seals.push(world.seal_effect().await);
    }
    let note = "from a seal's submission until every facility's node has committed it";
    report.figure("exchange.seal_effect_ms_p50", "ms", median(&seals).unwrap_or_default(), note);
    report.figure("exchange.seal_effect_ms_p99", "ms", quantile(&seals, 0.99).unwrap_or_default(), note);

    let custodian = (CUSTODIAN, &world.facilities[CUSTODIAN]);
    let mut sides = Sides { cluster: &mut world.cluster, custodian, reader: (READER, &world.facilities[READER]) };
    let mib = if options.load < Duration::from_secs(10) { 128 } else { 1_024 };
    bulk::run(&mut sides, mib, options.runs, &report).await;
    true
}

impl World {
    async fn found() -> Self {
        let cluster = Cluster::start(Shape { observers: 1, ..Shape::default() }).await;
        let (mut facilities, mut accounts) = (Vec::new(), Vec::new());
        for index in 0..FACILITIES {
            facilities.push(facility(&cluster, index).await);
        }
        for (index, facility) in facilities.iter().enumerate() {
            let kept = Kept::open(&cluster, index).await;
            for _ in 0..RECORDS {
                let text = Alphanumeric.sample_string(&mut rand::thread_rng(), RECORD_BYTES);
                keep(facility, kept.account, Category::Chart, text.into_bytes()).await.expect("a text can be kept");
            }
            kept.consent(facility, &facilities[READER]).await.expect("the patient consents");
            accounts.push(kept);
        }
        Self { cluster, facilities, accounts }
    }

    /// Asks for what an account has.
    async fn ask(&self, kept: &Kept) -> TransactionId {
        ask_for_treatment(&self.facilities[READER], kept.account).await.expect("the patient has consented")
    }

    async fn first_byte(&self) -> f64 {
        let began = Instant::now();
        let desk = &self.facilities[READER].desk;
        let id = self.ask(&self.accounts[0]).await;
        let answer = desk.access(&id, WAIT).await.expect("the access is known");
        let record = answer.records.first().expect("there are records").record;
        let mut payload = desk.payload_from(&id, &record, 0).await.expect("the payload is ready");
        payload.chunk().await.expect("the payload can be read").expect("it has bytes");
        began.elapsed().as_secs_f64() * 1e3
    }

    async fn all_records(&self) -> f64 {
        let began = Instant::now();
        let desk = &self.facilities[READER].desk;
        let reading = self.accounts.iter().map(|account| async move {
            let id = self.ask(account).await;
            let answer = desk.access(&id, WAIT).await.expect("the access is known");
            for record in &answer.records {
                let payload = desk.payload(&id, &record.record).await.expect("the payload is ready");
                assert_eq!(payload.bytes.len(), RECORD_BYTES);
            }
            answer.records.len()
        });
        let read: usize = futures::future::join_all(reading).await.into_iter().sum();
        assert_eq!(read, FACILITIES * RECORDS);
        began.elapsed().as_secs_f64() * 1e3
    }

    async fn seal_effect(&self) -> f64 {
        let kept = &self.accounts[2];
        let (patient, account) = (kept.desk(&self.facilities[2]), kept.account);
        let terms = seal_against_outside(SealTarget::Everything, Visibility::Silent);
        let began = Instant::now();
        let sealed = apply(&patient, Action::Seal { account, terms }).await.expect("the patient may seal");
        let everywhere = (0..FACILITIES).map(|node| self.cluster.client(node).wait_committed(&sealed.id, WAIT));
        for committed in futures::future::join_all(everywhere).await {
            committed.expect("every node commits it");
        }
        let taken = began.elapsed().as_secs_f64() * 1e3;
        apply(&patient, Action::Unseal { account, seal: SealId(sealed.id.0) }).await.expect("the patient may unseal");
        taken
    }
}
