//! What an audit reports. Everything in it follows from the copy; times are block times. Accounts are named only if that was
//! asked for, and records never.

use std::collections::BTreeMap;

use inro_contracts::access::PayloadFault;
use inro_contracts::emergency::Finding as ReviewFinding;
use inro_contracts::id::{BlockId, ChainId, Hash, Label, OrganisationId, PractitionerId, TransactionId};
use inro_contracts::key::PublicKey;
use inro_contracts::organisation::Role;
use inro_contracts::time::{Height, Time};
use serde::Serialize;

use crate::finding::{Finding, Unchecked};

/// Most rows of one list; the list says how many there are.
pub const LISTED_MAX: usize = 1_000;

/// A list that is not longer than [`LISTED_MAX`], and how long it would be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listed<T> {
    /// How many there are.
    pub total: u64,
    /// The first of them.
    pub listed: Vec<T>,
}

impl<T> Default for Listed<T> {
    fn default() -> Self {
        Self { total: 0, listed: Vec::new() }
    }
}

impl<T> Listed<T> {
    /// Adds a row.
    pub fn push(&mut self, row: T) {
        self.total += 1;
        if self.listed.len() < LISTED_MAX {
            self.listed.push(row);
        }
    }
}

/// The whole report.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The ledger's name.
    pub ledger: String,
    /// Its id.
    pub chain: ChainId,
    /// Nothing is wrong, and nothing was left unchecked.
    pub is_clean: bool,
    /// The last block that was checked.
    pub as_of: AsOf,
    /// What is wrong.
    pub findings: Listed<Finding>,
    /// What could not be checked.
    pub unchecked: Vec<Unchecked>,
    /// The ledger in numbers.
    pub totals: Totals,
    /// Emergency accesses and their reviews.
    pub emergencies: Emergencies,
    /// Granted accesses whose lifetime is over, and of which records were neither handed over nor openly refused.
    pub undisclosed: Listed<OpenAccess>,
    /// Granted accesses of which records were handed over, and neither acknowledged nor reported as faulty.
    pub unacknowledged: Listed<OpenAccess>,
    /// Payloads that readers reported as wrong.
    pub payload_faults: Listed<ReportedPayload>,
    /// What suspended members tried.
    pub suspended_attempts: Listed<SuspendedAttempt>,
    /// Readers far outside the others of their role.
    pub unusual_readers: UnusualReaders,
    /// Validators that signed twice, by evidence on the ledger.
    pub double_signers: Vec<DoubleSigner>,
}

/// Up to where a report goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct AsOf {
    /// The last block's height; 0 if there is none.
    pub height: Height,
    /// Its time.
    pub time: Time,
    /// Its id.
    pub block: BlockId,
    /// The state root that follows from the ledger's transactions.
    pub state_root: Hash,
}

/// The ledger in numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Blocks that were checked.
    pub blocks: u64,
    /// Their entries.
    pub entries: u64,
    /// Signatures that were checked.
    pub signatures: u64,
    /// Members, suspended ones included.
    pub organisations: u64,
    /// Members that are suspended.
    pub suspended: u64,
    /// Practitioners.
    pub practitioners: u64,
    /// Validators now.
    pub validators: u64,
    /// Accounts.
    pub accounts: u64,
    /// Records.
    pub records: u64,
    /// Entries by what they ask for.
    pub actions: BTreeMap<&'static str, u64>,
    /// Entries that took effect.
    pub applied: u64,
    /// Accesses that were granted.
    pub granted: u64,
    /// Accesses that were denied, by reason.
    pub denied: BTreeMap<&'static str, u64>,
    /// Entries that broke a rule, by rule.
    pub rejected: BTreeMap<&'static str, u64>,
    /// Entries that a facility signed with a key that it keeps for a person, and that were not rejected.
    pub custodial: u64,
}

/// An organisation, with its public name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Party {
    /// Its id.
    pub id: OrganisationId,
    /// Its public name.
    pub name: String,
}

/// Emergency accesses.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Emergencies {
    /// All of them, the overdue ones first, then the open ones, then the closed ones; within these by time.
    pub accesses: Listed<Emergency>,
    /// Reviews that are open and past their deadline.
    pub overdue: u64,
    /// Reviews that are open and within their deadline.
    pub open: u64,
    /// Reviews that were closed.
    pub closed: u64,
    /// Of those, closed after the deadline.
    pub closed_late: u64,
    /// Of those, emergencies that were found not to be one.
    pub not_justified: u64,
}

/// One emergency access and its review.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Emergency {
    /// The access.
    pub access: TransactionId,
    /// For whom the reader acted.
    pub organisation: Party,
    /// Who read.
    pub practitioner: PractitionerId,
    /// When.
    pub at: Time,
    /// Until when it was to be reviewed.
    pub deadline: Time,
    /// How the review stands.
    pub standing: ReviewStanding,
    /// Whose records.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<Label>,
}

/// How a review stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReviewStanding {
    /// Open, past its deadline.
    Overdue,
    /// Open, within its deadline.
    Open,
    /// Closed.
    Closed {
        /// When.
        at: Time,
        /// What was found.
        finding: ReviewFinding,
        /// After the deadline.
        late: bool,
    },
}

/// A granted access that was not brought to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OpenAccess {
    /// The access.
    pub access: TransactionId,
    /// When it was granted.
    pub at: Time,
    /// Where the payloads are.
    pub custodian: Party,
    /// For whom the reader acted; none for the person and guardians.
    pub reader: Option<Party>,
    /// How many records it grants.
    pub records: u32,
    /// How many of them the custodian stated to have handed over.
    pub disclosed: u32,
    /// How many of them the custodian stated not to hand over.
    pub refused: u32,
    /// How many of them the reader stated to have received.
    pub acknowledged: u32,
    /// Whose records.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<Label>,
}

/// A payload that a reader reported as wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReportedPayload {
    /// The block with the report.
    pub height: Height,
    /// Its time.
    pub at: Time,
    /// The access.
    pub access: TransactionId,
    /// Who was to hand it over.
    pub custodian: Party,
    /// Who reported it; none for the person and guardians.
    pub reader: Option<Party>,
    /// What was wrong.
    pub fault: PayloadFault,
    /// Whose record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<Label>,
}

/// Something that a suspended member tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SuspendedAttempt {
    /// The block.
    pub height: Height,
    /// The entry's place in it.
    pub index: u32,
    /// Its time.
    pub at: Time,
    /// Whose attempt, as far as its key or its practitioner tells.
    pub organisation: Option<Party>,
    /// What was tried.
    pub action: &'static str,
}

/// Readers who were compared, and those far outside. The rule stands in `activity.rs`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct UnusualReaders {
    /// How many readers were compared with others.
    pub compared: u64,
    /// How many were too few of their kind to be compared.
    pub too_few: u64,
    /// Those far outside.
    pub readers: Listed<UnusualReader>,
}

/// A reader far outside the others of the same role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnusualReader {
    /// Who.
    pub practitioner: PractitionerId,
    /// The role.
    pub role: Role,
    /// For whom.
    pub organisation: Party,
    /// In what.
    pub measure: Measure,
    /// The reader's value.
    pub value: u64,
    /// The highest value that is not far outside.
    pub fence: u64,
    /// Requests to read.
    pub requests: u64,
    /// Of those, denied.
    pub denied: u64,
    /// Accounts asked for.
    pub accounts: u64,
}

/// In what readers are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Measure {
    /// Distinct accounts.
    Accounts,
    /// Denied requests of a thousand.
    DeniedPermille,
    /// Emergency accesses.
    Emergencies,
}

/// A validator that signed twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DoubleSigner {
    /// Its key.
    pub validator: PublicKey,
    /// The height at which it signed twice.
    pub height: Height,
    /// Whose validator.
    pub organisation: Party,
}
