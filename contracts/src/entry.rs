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
}

impl Outcome {
    /// Did it take effect?
    pub fn is_applied(&self) -> bool {
        !matches!(self, Self::Rejected(_) | Self::Denied(_))
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
