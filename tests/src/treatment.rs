//! What the parties of a treatment do again and again: a facility at its node, a patient's account with records, consent to a
//! facility, a request to read. The play, the measurements and the tests act with these.

use std::time::{Duration, Instant};

use inro_client::desk::{AccessAnswer, Decided, Desk};
use inro_client::model::Committed;
use inro_contracts::access::{AccessRequest, Basis, Denial, Reader};
use inro_contracts::bytes::List;
use inro_contracts::category::{Categories, Category};
use inro_contracts::consent::{Against, GrantTerms, Grantee, InEmergency, SealTarget, SealTerms, Visibility};
use inro_contracts::id::{GrantId, Label, OrganisationId, RecordId, SealId, SealingKey, TransactionId};
use inro_contracts::key::SecretKey;
use inro_contracts::purpose::Purpose;
use inro_contracts::record::RecordManifest;
use inro_contracts::time::{Time, Validity};
use inro_contracts::transaction::Action;

use crate::cluster::{Cluster, PATIENCE};
use crate::consortium::{label_of, now, patient};
use crate::play::Facility;

/// What did not happen as it should, in a sentence.
pub type Failure = String;

const HOUR_MS: u64 = 3_600_000;
const POLL: Duration = Duration::from_millis(20);

/// What an error says, as a failure.
pub fn said(error: impl std::fmt::Display) -> Failure {
    error.to_string()
}

/// The member that runs a node of the cluster, at that node.
pub async fn facility(cluster: &Cluster, index: usize) -> Facility {
    let member = &cluster.consortium.members[index];
    let (authority, physician) = (member.authority.clone(), member.practitioner.clone());
    let node = cluster.client(index).clone();
    Facility::at(&member.name, &member.name, member.id, authority, physician, node).await.expect("every node says who it is")
}

/// A request to read all current records. The one-time key is put in by [`ask`].
pub fn request(account: Label, reader: Reader, basis: Basis, purpose: Purpose) -> AccessRequest {
    AccessRequest {
        account,
        reader,
        basis,
        purpose,
        categories: Categories::ALL,
        records: List::default(),
        after: None,
        reply_key: SealingKey([0; 32]),
    }
}

/// Asks with a fresh one-time key of the node.
pub async fn ask(desk: &Desk, request: AccessRequest) -> Result<Decided, Failure> {
    let reply_key = desk.make_reply_key().await.map_err(said)?;
    desk.ask(AccessRequest { reply_key, ..request }).await.map_err(said)
}

/// Asks on the patient's grants, for a treatment, and must be granted it.
pub async fn ask_for_treatment(reader: &Facility, account: Label) -> Result<TransactionId, Failure> {
    let wanted = request(account, Reader::Practitioner(reader.physician), Basis::Grant, Purpose::Treatment);
    match ask(&reader.desk, wanted).await? {
        Decided::Granted { id, .. } => Ok(id),
        Decided::Denied { denial, .. } => Err(denied(denial)),
    }
}

/// A denial as a failure.
pub fn denied(denial: Denial) -> Failure {
    format!("denied by {}", denial.code())
}

/// Consent to an organisation: everything, for treatment, from a minute ago on.
pub fn consent_to(organisation: OrganisationId, for_ms: u64) -> GrantTerms {
    let now = now();
    GrantTerms {
        grantee: Grantee::Organisation(organisation),
        categories: Categories::ALL,
        purpose: Purpose::Treatment,
        validity: Validity { from: Time(now.0.saturating_sub(60_000)), until: now.plus_ms(for_ms) },
        may_pass_on: false,
    }
}

/// A seal against everybody outside the custodian that an emergency never opens.
pub fn seal_against_outside(target: SealTarget, visibility: Visibility) -> SealTerms {
    let (against, in_emergency) = (Against::Outside, InEmergency::Never);
    SealTerms { target, against, visibility, in_emergency, hidden_from_guardians: false }
}

/// Commits an action that has to take effect.
pub async fn apply(desk: &Desk, action: Action) -> Result<Committed, Failure> {
    let committed = desk.act(action).await.map_err(said)?;
    if committed.outcome.is_applied() { Ok(committed) } else { Err(format!("the ledger refused it: {:?}", committed.outcome)) }
}

/// Hands one document in and registers what became of it, under the category that is named.
pub async fn keep(
    custodian: &Facility,
    account: Label,
    category: Category,
    document: Vec<u8>,
) -> Result<RecordManifest, Failure> {
    let items = custodian.desk.take_in(&account, "document.bin", Some(category), None, document).await.map_err(said)?;
    let record = items.into_iter().next().ok_or("the document became no record")?.record;
    register(custodian, account, record.clone()).await?;
    Ok(record)
}

/// Registers a record that was taken in.
pub async fn register(custodian: &Facility, account: Label, record: RecordManifest) -> Result<Committed, Failure> {
    apply(&custodian.desk, Action::RegisterRecord { account, practitioner: custodian.physician, record }).await
}

/// A patient's account at one custodian, with the patient's own key.
#[derive(Debug, Clone)]
pub struct Kept {
    /// Speaks for the account.
    pub patient: SecretKey,
    /// The account.
    pub account: Label,
}

impl Kept {
    /// A new patient's account at the member that runs this node.
    pub async fn open(cluster: &Cluster, custodian: usize) -> Self {
        let patient = patient();
        let account = label_of(&patient);
        cluster.apply(custodian, &cluster.consortium.open_account(custodian, &patient)).await;
        Self { patient, account }
    }

    /// The patient's desk at a facility's node.
    pub fn desk(&self, at: &Facility) -> Desk {
        at.desk.with_key(self.patient.clone())
    }

    /// The patient consents to a facility for an hour.
    pub async fn consent(&self, at: &Facility, to: &Facility) -> Result<GrantId, Failure> {
        let terms = consent_to(to.id, HOUR_MS);
        let granted = apply(&self.desk(at), Action::Grant { account: self.account, terms }).await?;
        Ok(GrantId(granted.id.0))
    }

    /// The patient seals.
    pub async fn seal(&self, at: &Facility, terms: SealTerms) -> Result<SealId, Failure> {
        let sealed = apply(&self.desk(at), Action::Seal { account: self.account, terms }).await?;
        Ok(SealId(sealed.id.0))
    }

    /// Waits until something in the account's journal holds.
    pub async fn wait_journal(&self, at: &Facility, what: &str, holds: impl Fn(&Action) -> bool) {
        let (own, began) = (self.desk(at), Instant::now());
        while began.elapsed() < PATIENCE {
            let journal = own.journal(&self.account, 1, 1000).await.unwrap_or_default();
            if journal.iter().any(|event| holds(&event.entry.transaction.transaction.action)) {
                return;
            }
            tokio::time::sleep(POLL * 5).await;
        }
        panic!("the journal does not tell: {what}");
    }

    /// Waits until the journal tells that the custodian handed these records of an access over, and that they arrived.
    pub async fn wait_accounted_for(&self, at: &Facility, of: TransactionId, records: &[RecordId]) {
        for record in records {
            self.wait_journal(at, "the disclosure", |action| match action {
                Action::Disclose { access, records, .. } => *access == of && records.contains(record),
                _ => false,
            })
            .await;
            self.wait_journal(at, "the acknowledgement", |action| match action {
                Action::Acknowledge { access, records, .. } => *access == of && records.contains(record),
                _ => false,
            })
            .await;
        }
    }
}

/// Waits until all payloads of an access are ready; fails at the first that failed.
pub async fn wait_ready(desk: &Desk, id: &TransactionId, within: Duration) -> Result<AccessAnswer, Failure> {
    let began = Instant::now();
    loop {
        let answer = desk.access(id, Duration::from_secs(10).min(within)).await.map_err(said)?;
        if let Some(failed) = answer.records.iter().find(|record| record.state == "failed") {
            return Err(format!("a payload failed: {}", failed.detail.clone().unwrap_or_default()));
        }
        if answer.records.iter().all(|record| record.state == "ready") {
            return Ok(answer);
        }
        if began.elapsed() > within {
            return Err(format!("not all payloads are there after {within:?}"));
        }
    }
}
