//! The patient's word: grants, seals, and the consults that follow from grants.
//!
//! What is in force for one account stands in one object, [`Consent`], which follows from the account's journal.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use crate::bytes::{Canonical, List};
use crate::category::{Categories, Category};
use crate::id::{ConsultId, GrantId, OrganisationId, PractitionerId, RecordId, SealId, SealingKey};
use crate::organisation::{Practitioner, Role};
use crate::purpose::Purpose;
use crate::time::{Time, Validity};

/// Most grants, seals and consults of one account that are kept, each.
pub const CONSENTS_MAX: usize = 64;
/// Most records that one seal or consult names.
pub const NAMED_RECORDS_MAX: usize = 32;
/// Most successors of chosen records that one seal follows.
pub const SUCCESSORS_MAX: usize = 224;
/// Most organisations and persons that one seal names.
pub const PARTIES_MAX: usize = 16;

/// To whom a grant is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[repr(u8)]
pub enum Grantee {
    /// Everybody who acts for the organisation.
    Organisation(OrganisationId) = 1,
    /// One person.
    Practitioner(PractitionerId) = 2,
    /// Those of one role at the organisation.
    Role {
        /// The organisation.
        organisation: OrganisationId,
        /// The role.
        role: Role,
    } = 3,
}

impl Grantee {
    /// Is this practitioner meant?
    pub fn includes(&self, id: &PractitionerId, practitioner: &Practitioner) -> bool {
        match self {
            Self::Organisation(organisation) => practitioner.organisation == *organisation,
            Self::Practitioner(person) => id == person,
            Self::Role { organisation, role } => practitioner.organisation == *organisation && practitioner.role == *role,
        }
    }
}

/// What a patient permits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantTerms {
    /// To whom.
    pub grantee: Grantee,
    /// Which categories.
    pub categories: Categories,
    /// For what.
    pub purpose: Purpose,
    /// When, by block time.
    pub validity: Validity,
    /// May the grantee open consults under it?
    pub may_pass_on: bool,
}

/// A grant. A revoked or expired one is kept until its room is needed, so that a denial can say that it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Grant {
    /// The grant's id.
    pub id: GrantId,
    /// What is permitted.
    pub terms: GrantTerms,
    /// When it was revoked.
    pub revoked: Option<Time>,
}

impl Grant {
    /// Does it permit anything at `now`?
    pub fn holds_at(&self, now: Time) -> bool {
        self.revoked.is_none() && self.terms.validity.holds_at(now)
    }
}

/// What a seal covers.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[repr(u8)]
pub enum SealTarget {
    /// Chosen records, and those that supersede them.
    Records(List<RecordId, NAMED_RECORDS_MAX>) = 1,
    /// Categories, also of records that are registered later.
    Categories(Categories) = 2,
    /// Everything, also what is registered later.
    Everything = 3,
}

impl SealTarget {
    /// Is this record covered?
    pub fn covers(&self, record: &RecordId, category: Category) -> bool {
        match self {
            Self::Records(records) => records.contains(record),
            Self::Categories(categories) => categories.holds(category),
            Self::Everything => true,
        }
    }

    /// How narrow it is; the narrower beats the wider.
    pub fn narrowness(&self) -> u8 {
        match self {
            Self::Records(_) => 2,
            Self::Categories(_) => 1,
            Self::Everything => 0,
        }
    }
}

/// Somebody whom a seal names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Party {
    /// Everybody who acts for the organisation.
    Organisation(OrganisationId) = 1,
    /// One person.
    Practitioner(PractitionerId) = 2,
}

/// Against whom a seal holds.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Against {
    /// Everyone outside the custodian.
    Outside = 1,
    /// Everyone but the record's author, the custodian's other practitioners too.
    AllButAuthor = 2,
    /// Those that are named.
    Named(List<Party, PARTIES_MAX>) = 3,
}

/// Whether a reader learns that something is sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Visibility {
    /// A reader learns that something is sealed.
    Notice = 1,
    /// Nothing shows.
    Silent = 2,
}

/// Whether an emergency opens a seal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum InEmergency {
    /// An emergency may open it.
    MayOpen = 1,
    /// Never.
    Never = 2,
}

/// What a patient refuses.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealTerms {
    /// What is covered.
    pub target: SealTarget,
    /// Against whom.
    pub against: Against,
    /// Does it show?
    pub visibility: Visibility,
    /// Does an emergency open it?
    pub in_emergency: InEmergency,
    /// Does it hold against guardians too, and is it out of their hands?
    pub hidden_from_guardians: bool,
}

/// A seal (封印).
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Seal {
    /// The seal's id.
    pub id: SealId,
    /// What is refused.
    pub terms: SealTerms,
    /// Records that supersede chosen ones: a correction never opens what the patient closed.
    pub successors: List<RecordId, SUCCESSORS_MAX>,
    /// It is lifted until this block time.
    pub lifted_until: Option<Time>,
}

impl Seal {
    /// Is this record covered?
    pub fn covers(&self, record: &RecordId, category: Category) -> bool {
        self.terms.target.covers(record, category) || self.successors.contains(record)
    }

    /// Is it in force at `now`?
    pub fn holds_at(&self, now: Time) -> bool {
        self.lifted_until.is_none_or(|until| until <= now)
    }
}

/// What a consult follows from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Parent {
    /// A grant that may be passed on.
    Grant(GrantId) = 1,
    /// A consult that may be passed on.
    Consult(ConsultId) = 2,
}

/// What is passed on.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsultTerms {
    /// From which grant or consult.
    pub parent: Parent,
    /// To whom: one named reader.
    pub reader: PractitionerId,
    /// Which categories, all of them also the parent's.
    pub categories: Categories,
    /// Only these records; empty: all that the parent permits in these categories.
    pub records: List<RecordId, NAMED_RECORDS_MAX>,
    /// Until when, not later than the parent.
    pub until: Time,
    /// May the reader pass it on?
    pub may_pass_on: bool,
    /// The opener's one-time key, to which the answer travels sealed.
    pub reply_key: SealingKey,
}

/// A consult: a narrowed, time-bound passing-on of a grant.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Consult {
    /// The linked ID (連結ID).
    pub id: ConsultId,
    /// What is passed on.
    pub terms: ConsultTerms,
    /// Who opened it.
    pub opener: PractitionerId,
    /// For what: the grant's purpose.
    pub purpose: Purpose,
    /// How far it is from the grant, from 1.
    pub depth: u8,
    /// When it was closed, or ended with its parent.
    pub closed: Option<Time>,
}

impl Consult {
    /// Is it open at `now`, as far as it depends on itself?
    pub fn holds_at(&self, now: Time) -> bool {
        self.closed.is_none() && now < self.terms.until
    }
}

/// The patient's word for one account.
#[derive(Debug, Clone, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Consent {
    /// Grants, the oldest first.
    pub grants: List<Grant, CONSENTS_MAX>,
    /// Seals, the oldest first.
    pub seals: List<Seal, CONSENTS_MAX>,
    /// Consults, the oldest first.
    pub consults: List<Consult, CONSENTS_MAX>,
}

impl Consent {
    /// The grant with this id.
    pub fn grant(&self, id: &GrantId) -> Option<&Grant> {
        self.grants.iter().find(|grant| grant.id == *id)
    }

    /// The seal with this id.
    pub fn seal(&self, id: &SealId) -> Option<&Seal> {
        self.seals.iter().find(|seal| seal.id == *id)
    }

    /// The consult with this id.
    pub fn consult(&self, id: &ConsultId) -> Option<&Consult> {
        self.consults.iter().find(|consult| consult.id == *id)
    }

    /// Closes every consult that follows from `parent`, near or far.
    pub fn close_under(&mut self, parent: Parent, now: Time) {
        let mut ended = vec![parent];
        while let Some(parent) = ended.pop() {
            for consult in self.consults.iter_mut() {
                if consult.terms.parent == parent && consult.closed.is_none() {
                    consult.closed = Some(now);
                    ended.push(Parent::Consult(consult.id));
                }
            }
        }
    }
}

impl Canonical for Consent {
    const BYTES_MAX: usize = 1024 * 1024;
}
