//! Entries: a transaction and what became of it. One inclusion proof shows both (rule L-2).

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use crate::access::{Denial, Granted};
use crate::bytes::{Canonical, encode};
use crate::rule::Rule;
use crate::transaction::SignedTransaction;

/// What became of a transaction.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Outcome {
    /// It took effect.
    Applied = 1,
    /// It broke a rule and changed nothing.
    Rejected(Rule) = 2,
    /// It took effect; the key that signed it is kept by the facility, for a person without a device.
    AppliedCustodially = 3,
    /// An access that the ledger grants.
    Granted(Granted) = 4,
    /// An access that the ledger denies. Unlike a rejection it is an event of the account's journal.
    Denied(Denial) = 5,
    /// [`Granted`](Self::Granted) to a key that the facility keeps for a person.
    GrantedCustodially(Granted) = 6,
    /// [`Denied`](Self::Denied) to a key that the facility keeps for a person.
    DeniedCustodially(Denial) = 7,
}

impl Outcome {
    /// Did it take effect?
    pub fn is_applied(&self) -> bool {
        !matches!(self, Self::Rejected(_) | Self::Denied(_) | Self::DeniedCustodially(_))
    }

    /// What an access may read, if it is one that was granted.
    pub fn granted(&self) -> Option<&Granted> {
        match self {
            Self::Granted(granted) | Self::GrantedCustodially(granted) => Some(granted),
            _ => None,
        }
    }

    /// Why an access was denied, if it is one that was.
    pub fn denial(&self) -> Option<Denial> {
        match self {
            Self::Denied(denial) | Self::DeniedCustodially(denial) => Some(*denial),
            _ => None,
        }
    }

    /// Was it signed with a key that a facility keeps for a person without a device?
    pub fn is_custodial(&self) -> bool {
        matches!(self, Self::AppliedCustodially | Self::GrantedCustodially(_) | Self::DeniedCustodially(_))
    }

    /// The same with the mark of a key that a facility keeps.
    pub fn custodially(self) -> Self {
        match self {
            Self::Applied => Self::AppliedCustodially,
            Self::Granted(granted) => Self::GrantedCustodially(granted),
            Self::Denied(denial) => Self::DeniedCustodially(denial),
            marked => marked,
        }
    }
}

/// A committed transaction with its outcome.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Entry {
    /// The transaction.
    pub transaction: SignedTransaction,
    /// What became of it.
    pub outcome: Outcome,
}

impl Canonical for Entry {
    const BYTES_MAX: usize = SignedTransaction::BYTES_MAX + 8 * 1024;
}

/// An entry's canonical bytes from a transaction's canonical bytes: the encoding is the one after the other.
pub fn entry_bytes(transaction: &[u8], outcome: &Outcome) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(transaction.len() + 8);
    bytes.extend_from_slice(transaction);
    bytes.extend_from_slice(&encode(outcome));
    bytes
}
