//! What happens, step by step.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use inro_client::desk::{Decided, Desk};
use inro_contracts::access::{AccessRequest, Basis, Denial, Reader};
use inro_contracts::bytes::List;
use inro_contracts::category::{Categories, Category};
use inro_contracts::consent::{ConsultTerms, GrantTerms, Parent, SealTarget, SealTerms, Visibility};
use inro_contracts::id::{ConsultId, GrantId, RecordId, SealId, TransactionId};
use inro_contracts::purpose::Purpose;
use inro_contracts::time::Time;
use inro_contracts::transaction::Action;
use inro_payload::{Handover, OneTimeSecret, Opener};
use rand::rngs::OsRng;

use super::Play;
use crate::treatment::{Failure, ask, consent_to, denied, register, request, said, seal_against_outside};

/// How long payloads are waited for.
const PAYLOADS: Duration = Duration::from_secs(20);
const DAY_MS: u64 = 24 * 3600 * 1000;

/// What later steps need of earlier ones.
#[derive(Default)]
pub(super) struct Memory {
    /// The records of each facility, with their payload's length.
    pub records: Vec<Vec<RecordId>>,
    /// What is sealed at the first facility: silently, and with a notice.
    pub silent: Option<RecordId>,
    pub noticed: Option<RecordId>,
    /// The consent to the second facility on each account.
    pub grants: Vec<GrantId>,
    /// The consult, its account's place, and the one record that it names.
    pub consult: Option<(ConsultId, usize, RecordId)>,
    /// The chart of this visit.
    pub chart: Option<RecordId>,
}

pub(super) fn require(holds: bool, why: &str) -> Result<(), Failure> {
    if holds { Ok(()) } else { Err(why.to_owned()) }
}

pub(super) fn expect_denial(decided: &Decided, expected: Denial) -> Result<(), Failure> {
    match decided {
        Decided::Denied { denial, .. } if *denial == expected => Ok(()),
        Decided::Denied { denial, .. } => Err(format!("denied by {} instead of {}", denial.code(), expected.code())),
        Decided::Granted { granted, .. } => Err(format!("{} records were granted", granted.records.len())),
    }
}

/// Everything that an access grants, fetched: how many payloads and bytes, and when the first byte was there.
pub(super) async fn read_all(desk: &Desk, id: &TransactionId) -> Result<(Vec<RecordId>, usize, Duration), Failure> {
    let began = Instant::now();
    let answer = desk.access(id, PAYLOADS).await.map_err(said)?;
    let (mut records, mut bytes, mut first) = (Vec::new(), 0, None);
    for record in &answer.records {
        if record.state != "ready" {
            return Err(format!("a payload is {}: {}", record.state, record.detail.clone().unwrap_or_default()));
        }
        let payload = desk.payload(id, &record.record).await.map_err(said)?;
        first.get_or_insert(began.elapsed());
        require(payload.bytes.len() as u64 == record.bytes, "a payload has another length than was said")?;
        bytes += payload.bytes.len();
        records.push(record.record);
    }
    Ok((records, bytes, first.unwrap_or_default()))
}

fn files_in(folder: &Path) -> Vec<PathBuf> {
    let (mut files, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    files
}

impl Play {
    pub(super) fn now(&self) -> Time {
        crate::consortium::now()
    }

    pub(super) fn physician(&self, facility: usize) -> Reader {
        Reader::Practitioner(self.facilities[facility].physician)
    }

    /// The patient's own desk for one account, at its custodian's node.
    pub(super) fn patient_at(&self, facility: usize) -> Result<Desk, Failure> {
        let key = self.patient.wallet.controller(&self.patient.accounts[facility]).map_err(said)?;
        Ok(self.facilities[facility].desk.with_key(key))
    }

    /// Each facility opens an account with the patient and hands in all documents of its folder.
    pub(super) async fn take_in_documents(&mut self) -> Result<String, Failure> {
        let (mut documents, mut items) = (0, 0);
        let mut categories = BTreeMap::<&'static str, usize>::new();
        for facility in self.facilities.clone() {
            let agreement = self.patient.wallet.agree(&facility.id).map_err(said)?;
            let opened = facility.desk.act(Action::OpenAccount {
                practitioner: facility.physician,
                custodian: facility.id,
                first_key: agreement.opening.first_key,
                custodial: agreement.opening.custodial,
                agreement: agreement.signature,
            });
            let opened = opened.await.map_err(said)?;
            require(opened.outcome.is_applied(), "the account was not opened")?;
            self.patient.wallet.note_open(&agreement.label).map_err(said)?;
            self.patient.accounts.push(agreement.label);
            let mut records = Vec::new();
            for path in files_in(&self.documents.join(&facility.slug)) {
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let bytes = std::fs::read(&path).map_err(said)?;
                let taken = facility.desk.take_in(&agreement.label, &name, None, None, bytes).await;
                let taken = taken.map_err(|error| format!("{name}: {error}"))?;
                documents += 1;
                for item in taken {
                    register(&facility, agreement.label, item.record.clone()).await?;
                    *categories.entry(item.record.category.name()).or_default() += 1;
                    records.push(item.record.id);
                    items += 1;
                }
            }
            self.memory.records.push(records);
        }
        let kinds = categories.len();
        Ok(format!(
            "{documents} documents became {items} records of {kinds} categories; the ledger has their salted commitments only."
        ))
    }

    pub(super) async fn patient_sees_own_records(&mut self) -> Result<String, Failure> {
        let (mut seen, mut places) = (0, 0);
        for facility in 0..self.facilities.len() {
            let records = self.patient_at(facility)?.records(&self.patient.accounts[facility]).await.map_err(said)?;
            places += usize::from(!records.is_empty());
            seen += records.len();
        }
        let registered: usize = self.memory.records.iter().map(Vec::len).sum();
        require(seen <= registered && seen > 0, "the patient sees other records than were registered")?;
        let read = self.read_own(0).await?;
        Ok(format!("{seen} records at {places} facilities; one of {read} bytes was opened and checked on the patient's side."))
    }

    /// The patient reads one own record: sealed to a key that only the patient has, opened here.
    async fn read_own(&self, facility: usize) -> Result<usize, Failure> {
        let desk = self.patient_at(facility)?;
        let account = self.patient.accounts[facility];
        let secret = OneTimeSecret::generate(&mut OsRng);
        let reply_key = secret.public();
        let own = AccessRequest { reply_key, ..request(account, Reader::Person, Basis::Own, Purpose::PatientRequest) };
        let (id, granted) = match desk.ask(own).await.map_err(said)? {
            Decided::Granted { id, granted } => (id, granted),
            Decided::Denied { denial, .. } => return Err(format!("the patient is denied the own records: {denial}")),
        };
        let record = *granted.records.first().ok_or("the patient is shown none of the own records")?;
        let listed = desk.records(&account).await.map_err(said)?;
        let listed = listed.into_iter().find(|listed| listed.id == record).ok_or("a granted record is not listed")?;
        let handover = Handover::of_record(desk.chain(), id, record, self.facilities[facility].id, None, reply_key);
        let sealed = desk.sealed(&id, &record, 0).await.map_err(said)?.bytes().await.map_err(said)?;
        let mut opener = Opener::new(secret, handover, listed.record.manifest.commitment);
        let mut payload = Vec::new();
        opener.push(&sealed, &mut payload).map_err(said)?;
        opener.finish().map_err(said)?;
        let done = Action::Acknowledge { account, access: id, records: List::new(vec![record]).map_err(said)? };
        require(desk.act(done).await.map_err(said)?.outcome.is_applied(), "the patient's acknowledgement was refused")?;
        Ok(payload.len())
    }

    pub(super) async fn patient_seals(&mut self) -> Result<String, Failure> {
        let records = &self.memory.records[0];
        require(records.len() >= 3, "the first facility needs at least three records")?;
        let (silent, noticed) = (records[0], records[1]);
        let mut slowest = Duration::ZERO;
        for (record, visibility) in [(silent, Visibility::Silent), (noticed, Visibility::Notice)] {
            let terms = seal_against_outside(SealTarget::Records(List::new(vec![record]).map_err(said)?), visibility);
            let began = Instant::now();
            self.seal(0, terms).await?;
            slowest = slowest.max(began.elapsed());
        }
        (self.memory.silent, self.memory.noticed) = (Some(silent), Some(noticed));
        Ok(format!("One silently, one with a notice; in force after {} ms at the latest.", slowest.as_millis()))
    }

    pub(super) async fn seal(&self, facility: usize, terms: SealTerms) -> Result<SealId, Failure> {
        let action = Action::Seal { account: self.patient.accounts[facility], terms };
        let sealed = self.patient_at(facility)?.act(action).await.map_err(said)?;
        require(sealed.outcome.is_applied(), "the seal was refused")?;
        Ok(SealId(sealed.id.0))
    }

    pub(super) async fn grant(&self, facility: usize, terms: GrantTerms) -> Result<GrantId, Failure> {
        let action = Action::Grant { account: self.patient.accounts[facility], terms };
        let granted = self.patient_at(facility)?.act(action).await.map_err(said)?;
        require(granted.outcome.is_applied(), "the grant was refused")?;
        Ok(GrantId(granted.id.0))
    }

    /// A day's consent for treatment, everything.
    pub(super) fn visit(&self, to: usize) -> GrantTerms {
        GrantTerms { may_pass_on: true, ..consent_to(self.facilities[to].id, DAY_MS) }
    }

    pub(super) async fn patient_consents(&mut self) -> Result<String, Failure> {
        let terms = self.visit(1);
        let giving = (0..self.facilities.len()).map(|facility| self.grant(facility, terms));
        let mut grants = Vec::new();
        for grant in futures::future::join_all(giving).await {
            grants.push(grant?);
        }
        self.memory.grants = grants;
        let count = self.memory.grants.len();
        Ok(format!("{count} consents for 24 h, one on each account; nothing on the ledger ties them together."))
    }

    pub(super) async fn physician_reads_everywhere(&mut self) -> Result<String, Failure> {
        let began = Instant::now();
        let (desk, physician) = (&self.facilities[1].desk, self.physician(1));
        let reading = self.patient.accounts.iter().map(|account| async move {
            let wanted = request(*account, physician, Basis::Grant, Purpose::Treatment);
            match ask(desk, wanted).await? {
                Decided::Granted { id, granted } => {
                    let read = read_all(desk, &id).await?;
                    require(read.0.len() == granted.records.len(), "not every granted record arrived")?;
                    Ok((read, granted.sealed))
                }
                Decided::Denied { denial, .. } => Err(denied(denial)),
            }
        });
        let (mut payloads, mut bytes, mut noticed) = (0, 0, 0);
        let mut first = Duration::MAX;
        for (facility, read) in futures::future::join_all(reading).await.into_iter().enumerate() {
            let ((records, length, first_byte), sealed) =
                read.map_err(|why| format!("{}: {why}", self.facilities[facility].name))?;
            for hidden in [self.memory.silent, self.memory.noticed].into_iter().flatten() {
                require(!records.contains(&hidden), "a sealed record was shown")?;
            }
            payloads += records.len();
            bytes += length;
            noticed += usize::from(sealed);
            first = first.min(first_byte);
        }
        require(noticed == 1, "the notice of the sealed record does not show, or shows where it should not")?;
        let (all, count) = (began.elapsed().as_millis(), self.facilities.len());
        Ok(format!(
            "{payloads} records, {} KiB from {count} facilities in {all} ms; the sealed ones are not among them.",
            bytes / 1024
        ))
    }

    pub(super) async fn physician_writes_chart(&mut self) -> Result<String, Failure> {
        let facility = &self.facilities[1];
        let account = self.patient.accounts[1];
        let text = "Chart of today's visit. Findings: hoarseness for three weeks. Plan: ask a specialist.".as_bytes();
        let items = facility.desk.take_in(&account, "chart.txt", Some(Category::Chart), Some("text/plain"), text.to_vec());
        let item = items.await.map_err(said)?.into_iter().next().ok_or("the chart became no record")?;
        let id = item.record.id;
        register(facility, account, item.record).await?;
        // Governed at once: the third facility has no consent on this account.
        let wanted = request(account, self.physician(2), Basis::Grant, Purpose::Treatment);
        expect_denial(&ask(&self.facilities[2].desk, wanted).await?, Denial::NoBasis)?;
        self.memory.chart = Some(id);
        Ok(format!("{} registered it; {} may not read it.", facility.name, self.facilities[2].name))
    }

    pub(super) async fn physician_opens_consult(&mut self) -> Result<String, Failure> {
        let desk = &self.facilities[1].desk;
        let record = self.memory.chart.ok_or("there is no chart yet")?;
        let terms = ConsultTerms {
            parent: Parent::Grant(self.memory.grants[1]),
            reader: self.facilities[2].physician,
            categories: Categories::only(&[Category::Chart]),
            records: List::new(vec![record]).map_err(said)?,
            until: self.now().plus_ms(DAY_MS / 4),
            may_pass_on: false,
            reply_key: desk.make_reply_key().await.map_err(said)?,
        };
        let action = Action::OpenConsult { account: self.patient.accounts[1], practitioner: self.facilities[1].physician, terms };
        let opened = desk.act(action).await.map_err(said)?;
        require(opened.outcome.is_applied(), "the consult was refused")?;
        self.memory.consult = Some((ConsultId(opened.id.0), 1, record));
        Ok(format!("Linked ID {}…: one chart, six hours, one reader.", &opened.id.to_hex()[..8]))
    }

    pub(super) async fn specialist_reads_and_answers(&mut self) -> Result<String, Failure> {
        let (consult, _, record) = self.memory.consult.ok_or("there is no consult yet")?;
        let desk = &self.facilities[2].desk;
        // It was opened at another node.
        desk.node().wait_committed(&TransactionId(consult.0), PAYLOADS).await.map_err(said)?;
        let placed = desk.consult(&consult).await.map_err(said)?;
        let wanted = request(placed.account, self.physician(2), Basis::Consult(consult), Purpose::Treatment);
        let read = match ask(desk, wanted).await? {
            Decided::Granted { id, .. } => read_all(desk, &id).await?,
            Decided::Denied { denial, .. } => return Err(denied(denial)),
        };
        require(read.0 == [record], "the consult shows something else than the chart")?;
        let answer = "Evaluation: vocal cord palsy is likely; image the neck.".as_bytes().to_vec();
        let answered = desk.answer_consult(&placed, "text/plain", answer.clone()).await.map_err(said)?;
        require(answered.outcome.is_applied(), "the answer was refused")?;
        let arrived = self.facilities[1].desk.answer(&consult, PAYLOADS).await.map_err(said)?;
        require(arrived.bytes == answer, "another answer arrived")?;
        Ok(format!(
            "{} read the one chart without a name, and the answer arrived at {}.",
            self.facilities[2].name, self.facilities[1].name
        ))
    }

    pub(super) async fn physician_closes(&mut self) -> Result<String, Failure> {
        let (consult, place, _) = self.memory.consult.ok_or("there is no consult yet")?;
        let account = self.patient.accounts[place];
        let facility = &self.facilities[1];
        let plan = "Diagnosis: vocal cord palsy. Plan: CT of the neck and chest.".as_bytes().to_vec();
        let items = facility.desk.take_in(&account, "plan.txt", Some(Category::Plan), Some("text/plain"), plan).await;
        for item in items.map_err(said)? {
            register(facility, account, item.record).await?;
        }
        let closing = Action::CloseConsult { account, consult, practitioner: Some(facility.physician) };
        let closed = facility.desk.act(closing).await.map_err(said)?;
        require(closed.outcome.is_applied(), "the consult did not close")?;
        let wanted = request(account, self.physician(2), Basis::Consult(consult), Purpose::Treatment);
        expect_denial(&ask(&self.facilities[2].desk, wanted).await?, Denial::Ended)?;
        Ok(format!("Its rights ended in block {}.", closed.height))
    }
}
