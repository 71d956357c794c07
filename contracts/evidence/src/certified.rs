//! A committed header as it is handed around, alone and with the validator set that comes after it.
#![allow(
    clippy::disallowed_types,
    reason = "what serde derives for flattened fields names every kind of number; no field is one"
)]

use borsh::{BorshDeserialize, BorshSerialize};
use inro_contracts::block::Header;
use inro_contracts::certificate::Certificate;
use inro_contracts::validator::ValidatorSet;
use serde::{Deserialize, Serialize};

/// A header with the certificate that its block was committed.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Certified {
    /// The header.
    pub header: Header,
    /// Its certificate.
    pub certificate: Certificate,
}

/// The last header that a validator set votes on, and the set that comes after it.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Change {
    /// The header, which names the next set.
    #[serde(flatten)]
    pub certified: Certified,
    /// The next set.
    pub set: ValidatorSet,
}
