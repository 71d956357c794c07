//! Accesses: the request to read, the ledger's decision, and what became of the payloads.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use crate::bytes::{Canonical, List};
use crate::category::Categories;
use crate::emergency::EmergencyClaim;
use crate::id::{ConsultId, Label, OrganisationId, PractitionerId, RecordId, SealingKey};
use crate::key::PublicKey;
use crate::numbered::numbered;
use crate::purpose::Purpose;
use crate::time::Time;

/// Most records that one access grants; for more, ask again after the last one.
pub const GRANTED_MAX: usize = 128;
/// Most records that one access names.
pub const ASKED_MAX: usize = 64;

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Reader {
    /// A practitioner; signed with the practitioner's key.
    Practitioner(PractitionerId) = 1,
    /// The person, or a guardian; signed with the controller's or the guardian's key.
    Person = 2,
}

/// On what the request rests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Basis {
    /// The reader's own: the custodian's practitioner, the person, or a guardian.
    Own = 1,
    /// The patient's grants to the reader, whichever fit.
    Grant = 2,
    /// A consult, by its linked ID.
    Consult(ConsultId) = 3,
    /// An emergency (break-glass).
    Emergency(EmergencyClaim) = 4,
}

/// A request to read.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessRequest {
    /// Whose records.
    pub account: Label,
    /// Who asks.
    pub reader: Reader,
    /// On what it rests.
    pub basis: Basis,
    /// For what.
    pub purpose: Purpose,
    /// Which categories.
    pub categories: Categories,
    /// Only these records; empty: all in the categories.
    pub records: List<RecordId, ASKED_MAX>,
    /// Go on after this record of an earlier answer.
    pub after: Option<RecordId>,
    /// The one-time key to which the payloads travel sealed (rule X-2).
    pub reply_key: SealingKey,
}

/// What a granted access may read.
#[derive(Debug, Clone, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Granted {
    /// The records, in the order of their ids.
    pub records: List<RecordId, GRANTED_MAX>,
    /// There are more after the last one.
    pub more: bool,
    /// Something that was asked for is sealed, and the patient lets that show.
    pub sealed: bool,
}

numbered! {
    /// Why an access is denied. The first reason in the order of rule D-1 is named.
    Denial:
    UnknownRequester = 1, "D-1.1", "The requester is not registered, or signs with another key.";
    SuspendedOrganisation = 2, "D-1.2", "The requester's organisation is suspended.";
    PractitionerNotValid = 3, "D-1.3", "The practitioner is not active, or outside the validity.";
    UnknownAccount = 4, "D-1.4", "The account does not exist.";
    NoBasis = 5, "D-1.5", "Nothing permits this requester to read: no grant, no consult, no emergency.";
    NotYet = 6, "D-1.6", "What permits the reading is not in force yet.";
    Ended = 7, "D-1.7", "What permitted the reading was revoked, closed, or has expired.";
    OtherPurpose = 8, "D-1.8", "What permits the reading is for another purpose.";
    OtherCategory = 9, "D-1.9", "The categories asked for lie outside what is permitted.";
    Sealed = 10, "D-1.10", "The patient has sealed what was asked for.";
    EmergencyQuota = 11, "D-1.11", "The organisation has no emergency accesses left today; overdue reviews lower their number.";
    RoleMayNot = 12, "D-1.12", "The requester's role may not break the glass.";
}

/// The ledger's answer to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// These records may be read.
    Granted(Granted),
    /// Nothing may be read.
    Denied(Denial),
}

/// A granted access in the ledger's state: what the custodian hands over, and what has become of it. Follows from the
/// account's journal.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Access {
    /// The request that was granted.
    pub request: AccessRequest,
    /// Who signed it.
    pub signer: PublicKey,
    /// Where the payloads are.
    pub custodian: OrganisationId,
    /// For whom the reader acts; `None` for the person and for guardians.
    pub organisation: Option<OrganisationId>,
    /// When it was granted.
    pub at: Time,
    /// The records that it grants.
    pub records: List<RecordId, GRANTED_MAX>,
    /// Which of them the custodian stated to have handed over: a bit each, the first record's lowest.
    pub disclosed: u128,
    /// Which of them the reader stated to have received.
    pub acknowledged: u128,
}

impl Access {
    /// The bits of these records; `None` if one of them is not granted.
    pub fn bits(&self, records: &[RecordId]) -> Option<u128> {
        records.iter().try_fold(0u128, |bits, record| {
            let place = self.records.iter().position(|granted| granted == record)?;
            Some(bits | (1 << place))
        })
    }

    /// The bits of all its records.
    pub fn all(&self) -> u128 {
        // At most 128 records; a shift by 128 would be none at all.
        u128::MAX.checked_shr(128 - self.records.len() as u32).unwrap_or(0)
    }
}

/// What was wrong with a payload, or that none came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum PayloadFault {
    /// It is not what was committed to when the record was registered.
    Substituted = 1,
    /// It ended early.
    Truncated = 2,
    /// It did not come.
    Withheld = 3,
    /// It was not sealed for this access.
    NotForThisAccess = 4,
    /// It is not a sealed payload at all.
    Malformed = 5,
    /// It was offered without evidence that the ledger authorises it, or with false evidence; nothing of it was taken.
    Unauthorised = 6,
}

/// Why a custodian hands nothing over although the access was granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum DisclosureRefusal {
    /// The patient revoked or sealed after the access was granted.
    WithdrawnSince = 1,
    /// The access's lifetime is over.
    TooOld = 2,
    /// The payload is erased.
    Erased = 3,
    /// The payload cannot be read.
    Unreadable = 4,
}

impl Canonical for Access {
    const BYTES_MAX: usize = 8 * 1024;
}
