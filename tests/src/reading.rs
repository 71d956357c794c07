//! The stage of whole-system tests about reading: one patient with records at the first facility, and a reader at the second.

use std::time::{Duration, Instant};

use inro_client::desk::{AccessAnswer, Decided, Desk};
use inro_client::model::Committed;
use inro_contracts::access::{AccessRequest, Basis, PayloadFault, Reader};
use inro_contracts::bytes::List;
use inro_contracts::category::{Categories, Category};
use inro_contracts::entry::Outcome;
use inro_contracts::id::{GrantId, Label, OrganisationId, RecordId, TransactionId};
use inro_contracts::journal::Event;
use inro_contracts::key::SecretKey;
use inro_contracts::purpose::Purpose;
use inro_contracts::transaction::Action;

use crate::cluster::{Cluster, PATIENCE};
use crate::consortium::{label_of, patient};
use crate::play::Facility;
use crate::treatment::consent_to;

/// The custodian's node.
pub const CUSTODIAN: usize = 0;
/// The reader's node.
pub const READER: usize = 1;
/// How long a grant on this stage lasts, in milliseconds.
const GRANTED_FOR_MS: u64 = 3_600_000;

/// Who is there and what they have.
pub struct Reading {
    /// The nodes.
    pub cluster: Cluster,
    /// Keeps the records.
    pub custodian: Facility,
    /// Asks for them.
    pub reader: Facility,
    /// The patient's key.
    pub patient: SecretKey,
    /// The patient's account at the custodian.
    pub account: Label,
    /// The records, in the order in which they were handed in.
    pub records: Vec<RecordId>,
}

impl Reading {
    /// Opens the account and registers a chart for each text.
    pub async fn begin(cluster: Cluster, texts: &[&[u8]]) -> Self {
        let (custodian, reader) = (facility(&cluster, CUSTODIAN).await, facility(&cluster, READER).await);
        let patient = patient();
        let account = label_of(&patient);
        cluster.apply(CUSTODIAN, &cluster.consortium.open_account(CUSTODIAN, &patient)).await;
        let mut records = Vec::new();
        for text in texts {
            let items = custodian.desk.take_in(&account, "chart.txt", Some(Category::Chart), None, text.to_vec()).await;
            let record = items.expect("a text can be taken in").remove(0).record;
            records.push(record.id);
            let action = Action::RegisterRecord { account, practitioner: custodian.physician, record };
            assert_eq!(custodian.desk.act(action).await.expect("it is committed").outcome, Outcome::Applied);
        }
        Self { cluster, custodian, reader, patient, account, records }
    }

    /// The patient at the custodian's node.
    pub fn own(&self) -> Desk {
        self.custodian.desk.with_key(self.patient.clone())
    }

    /// The patient lets the reader's organisation read everything.
    pub async fn grant(&self) -> Committed {
        self.grant_to(self.reader.id).await
    }

    /// The patient lets an organisation read everything.
    pub async fn grant_to(&self, organisation: OrganisationId) -> Committed {
        let terms = consent_to(organisation, GRANTED_FOR_MS);
        let committed = self.own().act(Action::Grant { account: self.account, terms }).await.expect("it is committed");
        assert_eq!(committed.outcome, Outcome::Applied);
        committed
    }

    /// What takes a grant away.
    pub fn revocation(&self, grant: &Committed) -> Action {
        Action::Revoke { account: self.account, grant: GrantId(grant.id.0) }
    }

    /// A request for some of the records, with a new one-time key.
    pub async fn request(&self, records: &[RecordId]) -> AccessRequest {
        AccessRequest {
            account: self.account,
            reader: Reader::Practitioner(self.reader.physician),
            basis: Basis::Grant,
            purpose: Purpose::Treatment,
            categories: Categories::ALL,
            records: List::new(records.to_vec()).expect("a stage has few records"),
            after: None,
            reply_key: self.reader.desk.make_reply_key().await.expect("the reader's node makes keys"),
        }
    }

    /// An access to some of the records that the ledger grants; the custodian's node has it too.
    pub async fn granted(&self, records: &[RecordId]) -> TransactionId {
        match self.reader.desk.ask(self.request(records).await).await.expect("the ledger decides") {
            Decided::Granted { id, granted } => {
                assert_eq!(granted.records.len(), records.len());
                let custodian = self.cluster.client(CUSTODIAN);
                custodian.wait_committed(&id, PATIENCE).await.expect("the custodian's node gets every block");
                id
            }
            Decided::Denied { denial, .. } => panic!("{denial}"),
        }
    }

    /// Lets the reader's node fetch what an access grants, until everything is settled.
    pub async fn fetch(&self, access: &TransactionId) -> AccessAnswer {
        let start = Instant::now();
        loop {
            let answer = self.reader.desk.access(access, Duration::from_secs(20)).await.expect("the access is known");
            if answer.records.iter().all(|record| matches!(record.state.as_str(), "ready" | "failed")) {
                return answer;
            }
            assert!(start.elapsed() < PATIENCE, "the reader's node settles nothing: {answer:?}");
        }
    }

    /// Waits until the reader's node is connected with all others.
    pub async fn wait_connected(&self) {
        self.cluster.wait_peers(READER, self.cluster.nodes.len() as u64 - 1).await;
    }

    /// The account's whole journal, as the patient reads it.
    pub async fn journal(&self) -> Vec<Event> {
        let own = self.own();
        let mut journal = Vec::new();
        loop {
            let from = journal.len() as u64 + 1;
            let page = own.journal(&self.account, from, 1000).await.expect("the patient reads the own journal");
            let count = page.len();
            journal.extend(page);
            if count < 1000 {
                return journal;
            }
        }
    }

    /// Waits until an event in the journal satisfies `holds`.
    pub async fn wait_journal(&self, what: &str, holds: impl Fn(&Event) -> bool) -> Event {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if let Some(event) = self.journal().await.into_iter().find(|event| holds(event)) {
                return event;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("the journal does not tell: {what}");
    }

    /// What was reported about the payloads of an access, so far.
    pub async fn reports(&self, of: &TransactionId) -> Vec<PayloadFault> {
        let journal = self.journal().await;
        let reports = journal.iter().filter_map(|event| match event.entry.transaction.transaction.action {
            Action::ReportPayload { access, fault, .. } if access == *of && event.entry.outcome.is_applied() => Some(fault),
            _ => None,
        });
        reports.collect()
    }
}

async fn facility(cluster: &Cluster, index: usize) -> Facility {
    let member = &cluster.consortium.members[index];
    let (authority, physician) = (member.authority.clone(), member.practitioner.clone());
    let facility = Facility::at(&member.name, &member.name, member.id, authority, physician, cluster.client(index).clone()).await;
    facility.expect("every node says who it is")
}
