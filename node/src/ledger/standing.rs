//! How far a node is, as it tells the others: its last block's header with the certificate.
//!
//! A validator's own memory can be older than what its key has signed: its folder may have been restored from a backup. So
//! before it votes, it asks the others how far they are, and does not sign at heights that they may be deciding with an earlier
//! signature of its own.

use borsh::{BorshDeserialize, BorshSerialize};
use inro_contracts::block::Header;
use inro_contracts::bytes::{Canonical, Malformed};
use inro_contracts::certificate::Certificate;
use inro_contracts::id::ChainId;
use inro_contracts::time::Height;
use inro_contracts::validator::ValidatorSet;

use crate::store::{Store, StoreError};

/// How far a node is. Nothing before the first block.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Standing(Option<(Header, Certificate)>);

impl Canonical for Standing {
    const BYTES_MAX: usize = inro_network::STANDING_BYTES_MAX;
}

/// What a peer's standing is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Worth {
    /// It has committed this height.
    Proved(Height),
    /// It says so, with a certificate of another validator set than the one known here.
    Claimed(Height),
}

impl Standing {
    /// This node's own.
    pub fn of(store: &Store) -> Result<Self, StoreError> {
        let height = store.tip()?.height;
        let header = store.header(height)?;
        let certificate = store.certificate(height)?;
        Ok(Self(header.zip(certificate)))
    }

    /// Reads a peer's standing.
    pub fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        Self::from_bytes(bytes)
    }

    /// What it is worth to a node that knows these validators; `None` if it is false.
    pub fn worth(&self, chain: &ChainId, validators: &ValidatorSet) -> Option<Worth> {
        let Some((header, certificate)) = &self.0 else { return Some(Worth::Proved(Height(0))) };
        if header.chain != *chain || certificate.block != header.id() || certificate.height != header.height {
            return None;
        }
        if header.validators != validators.hash() {
            return Some(Worth::Claimed(header.height));
        }
        certificate.check(chain, validators).ok().map(|()| Worth::Proved(header.height))
    }
}
