//! The group `exchange`: how long a reader waits, and how soon a seal holds, on four validators and an observer.

use std::time::{Duration, Instant};

use inro_client::desk::{Decided, Desk};
use inro_contracts::access::{AccessRequest, Basis, Reader};
use inro_contracts::bytes::List;
use inro_contracts::category::{Categories, Category};
use inro_contracts::consent::{Against, GrantTerms, Grantee, InEmergency, SealTarget, SealTerms, Visibility};
use inro_contracts::id::{Label, SealId, TransactionId};
use inro_contracts::key::SecretKey;
use inro_contracts::purpose::Purpose;
use inro_contracts::time::{Time, Validity};
use inro_contracts::transaction::Action;

use super::Options;
use super::report::{Report, median, progress, quantile};
use crate::cluster::{Cluster, Shape};
use crate::consortium::{label_of, now, patient};
use crate::play::Facility;

const FACILITIES: usize = 5;
/// Records at each facility, and how long each is.
const RECORDS: usize = 8;
const RECORD_BYTES: usize = 8 * 1024;
const WAIT: Duration = Duration::from_secs(20);

struct World {
    cluster: Cluster,
    facilities: Vec<Facility>,
    patients: Vec<SecretKey>,
    accounts: Vec<Label>,
}

/// Measures the group.
pub async fn run(options: &Options) -> bool {
    let report = Report::new(FACILITIES);
    progress("founding a ledger of five facilities, with records");
    let world = World::found().await;
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
    true
}

impl World {
    async fn found() -> Self {
        let cluster = Cluster::start(Shape { observers: 1, ..Shape::default() }).await;
        let (mut facilities, mut patients, mut accounts) = (Vec::new(), Vec::new(), Vec::new());
        for index in 0..FACILITIES {
            let member = &cluster.consortium.members[index];
            let (authority, physician) = (member.authority.clone(), member.practitioner.clone());
            let facility =
                Facility::at(&member.name, &member.name, member.id, authority, physician, cluster.client(index).clone());
            facilities.push(facility.await.expect("every node says who it is"));
        }
        for (index, facility) in facilities.iter().enumerate() {
            let patient = patient();
            let account = label_of(&patient);
            cluster.apply(index, &cluster.consortium.open_account(index, &patient)).await;
            for _ in 0..RECORDS {
                let text: String = (0..RECORD_BYTES).map(|_| char::from(b'a' + rand::random::<u8>() % 26)).collect();
                let items = facility.desk.take_in(&account, "chart.txt", Some(Category::Chart), None, text.into_bytes()).await;
                let record = items.expect("a text can be taken in").remove(0).record;
                act(&facility.desk, Action::RegisterRecord { account, practitioner: facility.physician, record }).await;
            }
            let terms = GrantTerms {
                grantee: Grantee::Organisation(facilities[1].id),
                categories: Categories::ALL,
                purpose: Purpose::Treatment,
                validity: Validity { from: Time(0), until: now().plus_ms(3_600_000) },
                may_pass_on: false,
            };
            act(&facility.desk.with_key(patient.clone()), Action::Grant { account, terms }).await;
            patients.push(patient);
            accounts.push(account);
        }
        Self { cluster, facilities, patients, accounts }
    }

    /// Asks for what an account has, or for the first so many records of it.
    async fn ask(&self, account: Label) -> TransactionId {
        let reader = &self.facilities[1];
        let request = AccessRequest {
            account,
            reader: Reader::Practitioner(reader.physician),
            basis: Basis::Grant,
            purpose: Purpose::Treatment,
            categories: Categories::ALL,
            records: List::default(),
            after: None,
            reply_key: reader.desk.make_reply_key().await.expect("the reader's node makes keys"),
        };
        match reader.desk.ask(request).await.expect("the ledger decides") {
            Decided::Granted { id, .. } => id,
            Decided::Denied { denial, .. } => panic!("{denial}"),
        }
    }

    async fn first_byte(&self) -> f64 {
        let began = Instant::now();
        let desk = &self.facilities[1].desk;
        let id = self.ask(self.accounts[0]).await;
        let answer = desk.access(&id, WAIT).await.expect("the access is known");
        let record = answer.records.first().expect("there are records").record;
        let mut payload = desk.payload_from(&id, &record, 0).await.expect("the payload is ready");
        payload.chunk().await.expect("the payload can be read").expect("it has bytes");
        began.elapsed().as_secs_f64() * 1e3
    }

    async fn all_records(&self) -> f64 {
        let began = Instant::now();
        let desk = &self.facilities[1].desk;
        let reading = self.accounts.iter().map(|account| async move {
            let id = self.ask(*account).await;
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
        let patient = self.facilities[2].desk.with_key(self.patients[2].clone());
        let terms = SealTerms {
            target: SealTarget::Everything,
            against: Against::Outside,
            visibility: Visibility::Silent,
            in_emergency: InEmergency::MayOpen,
            hidden_from_guardians: false,
        };
        let began = Instant::now();
        let sealed = patient.act(Action::Seal { account: self.accounts[2], terms }).await.expect("it is committed");
        assert!(sealed.outcome.is_applied());
        let everywhere = (0..FACILITIES).map(|node| self.cluster.client(node).wait_committed(&sealed.id, WAIT));
        for committed in futures::future::join_all(everywhere).await {
            committed.expect("every node commits it");
        }
        let taken = began.elapsed().as_secs_f64() * 1e3;
        act(&patient, Action::Unseal { account: self.accounts[2], seal: SealId(sealed.id.0) }).await;
        taken
    }
}

async fn act(desk: &Desk, action: Action) {
    let committed = desk.act(action).await.expect("it is committed");
    assert!(committed.outcome.is_applied(), "{:?}", committed.outcome);
}
