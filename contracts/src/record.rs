//! Records: what the ledger knows of one payload. The payload itself stays at its custodian.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use crate::bytes::Canonical;
use crate::category::Category;
use crate::id::{Commitment, PractitionerId, RecordId};
use crate::time::Time;

/// Flags that the provider's side sets beside the patient's seals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProviderFlags(pub u8);

impl ProviderFlags {
    /// 未告知: not to the patient before the physician has spoken.
    pub const UNINFORMED: ProviderFlags = ProviderFlags(1);
    /// 未提供: to nobody else.
    pub const UNDELIVERED: ProviderFlags = ProviderFlags(2);

    /// Only flags that exist.
    pub fn is_valid(self) -> bool {
        self.0 & !3 == 0
    }

    /// Are all of `other`'s flags set?
    pub fn include(self, other: ProviderFlags) -> bool {
        self.0 & other.0 == other.0
    }
}

/// What a custodian registers about a payload.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordManifest {
    /// The record's id, unique within the account.
    pub id: RecordId,
    /// What it holds.
    pub category: Category,
    /// The salted commitment to the payload.
    pub commitment: Commitment,
    /// The payload's length in bytes.
    pub size: u64,
    /// Flags set from the start.
    pub flags: ProviderFlags,
}

/// Where a record stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RecordStatus {
    /// Current.
    Current,
    /// Replaced by a newer record of the same account.
    Superseded(RecordId),
    /// The custodian states that payload and key are destroyed.
    Erased,
}

/// Why a record was erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum ErasureReason {
    /// Its legal retention ended.
    RetentionEnded = 1,
    /// The patient asked for it.
    PatientRequest = 2,
    /// It was entered by mistake.
    EnteredInError = 3,
    /// A court or an authority ordered it.
    LegalOrder = 4,
}

/// A record in the ledger's state. It follows from the account's journal.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Record {
    /// What was registered; `flags` are the flags now.
    pub manifest: RecordManifest,
    /// Who registered it.
    pub author: PractitionerId,
    /// When.
    pub registered: Time,
    /// Where it stands.
    pub status: RecordStatus,
}

impl Canonical for Record {
    const BYTES_MAX: usize = 256;
}
