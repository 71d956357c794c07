//! A certificate: signatures of more than two thirds of the voting power over one block's header.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use crate::bytes::{Canonical, List};
use crate::id::{BlockId, ChainId};
use crate::key::{Claim, PublicKey, Signature};
use crate::time::Height;
use crate::validator::ValidatorSet;
use crate::vote::{VoteKind, VoteStatement};

/// One validator's part of a certificate.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommitSignature {
    /// Who signed.
    pub validator: PublicKey,
    /// The precommit's signature.
    pub signature: Signature,
}

/// The proof that a block was committed.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// The block's height.
    pub height: Height,
    /// The round in which it was decided.
    pub round: u32,
    /// The block.
    pub block: BlockId,
    /// The precommits, sorted by validator, each validator once.
    pub signatures: List<CommitSignature, 256>,
}

/// Why a certificate proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadCertificate {
    /// Signatures are not sorted by validator, or one stands twice.
    #[error("malformed certificate: signatures are not in strict order of validators")]
    Order,
    /// Signed by somebody who does not vote.
    #[error("false certificate: {0:?} is not in the validator set")]
    Stranger(PublicKey),
    /// A signature does not verify.
    #[error("false certificate: the signature of {0:?} does not verify")]
    Signature(PublicKey),
    /// Not more than two thirds.
    #[error("false certificate: signed by {found} of {total} voting power; more than two thirds are needed")]
    Quorum {
        /// Voting power that signed.
        found: u64,
        /// All voting power.
        total: u64,
    },
}

impl Certificate {
    /// Checks the certificate against the validator set of its height.
    pub fn check(&self, chain: &ChainId, validators: &ValidatorSet) -> Result<(), BadCertificate> {
        self.check_power(validators)?;
        match self.claims(chain).into_iter().find(|claim| !claim.holds()) {
            Some(claim) => Err(BadCertificate::Signature(claim.key)),
            None => Ok(()),
        }
    }

    /// Everything that [`Self::check`] checks but the signatures themselves, for whoever checks those in a batch.
    pub fn check_power(&self, validators: &ValidatorSet) -> Result<(), BadCertificate> {
        if !self.signatures.windows(2).all(|pair| pair[0].validator < pair[1].validator) {
            return Err(BadCertificate::Order);
        }
        let mut power = 0u64;
        for part in &self.signatures {
            let validator = validators.find(&part.validator).ok_or(BadCertificate::Stranger(part.validator))?;
            power = power.saturating_add(u64::from(validator.power));
        }
        if !validators.is_quorum(power) {
            return Err(BadCertificate::Quorum { found: power, total: validators.power() });
        }
        Ok(())
    }

    /// The signatures to check, for whoever checks many certificates in one batch.
    pub fn claims(&self, chain: &ChainId) -> Vec<Claim> {
        let vote = |part: &CommitSignature| VoteStatement {
            chain: *chain,
            kind: VoteKind::Precommit,
            height: self.height,
            round: self.round,
            block: Some(self.block),
            validator: part.validator,
        };
        self.signatures
            .iter()
            .map(|part| Claim { key: part.validator, message: vote(part).message(), signature: part.signature })
            .collect()
    }
}

impl Canonical for Certificate {
    const BYTES_MAX: usize = 64 + 256 * 96;
}
