//! What validators sign: one pure function from a vote to its bytes, so that a browser can check a certificate without the
//! consensus engine.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use crate::bytes::{Canonical, encode};
use crate::id::{BlockId, ChainId};
use crate::key::{Claim, PublicKey, Signature};
use crate::tag::Tag;
use crate::time::Height;

/// The two kinds of vote of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum VoteKind {
    /// First vote of a round.
    Prevote = 1,
    /// Second vote of a round; more than two thirds of these make a certificate.
    Precommit = 2,
}

/// One validator's vote.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VoteStatement {
    /// The ledger.
    pub chain: ChainId,
    /// Prevote or precommit.
    pub kind: VoteKind,
    /// The block's height.
    pub height: Height,
    /// The round within the height.
    pub round: u32,
    /// The block voted for, or none.
    pub block: Option<BlockId>,
    /// Who votes.
    pub validator: PublicKey,
}

impl VoteStatement {
    /// What the validator signs, tag included.
    pub fn message(&self) -> Vec<u8> {
        Tag::VOTE.message(&encode(self))
    }
}

/// What a proposer signs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProposalStatement {
    /// The ledger.
    pub chain: ChainId,
    /// The block's height.
    pub height: Height,
    /// The round within the height.
    pub round: u32,
    /// The round in which the block was locked, if it was.
    pub valid_round: Option<u32>,
    /// The block proposed.
    pub block: BlockId,
    /// Who proposes.
    pub validator: PublicKey,
}

impl ProposalStatement {
    /// What the proposer signs, tag included.
    pub fn message(&self) -> Vec<u8> {
        Tag::PROPOSAL.message(&encode(self))
    }
}

/// Two signatures that no honest validator gives: for the same step, over different statements.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DoubleSign {
    /// Two votes.
    Votes {
        /// The first vote.
        first: VoteStatement,
        /// Its signature.
        first_signature: Signature,
        /// The second vote.
        second: VoteStatement,
        /// Its signature.
        second_signature: Signature,
    },
    /// Two proposals.
    Proposals {
        /// The first proposal.
        first: ProposalStatement,
        /// Its signature.
        first_signature: Signature,
        /// The second proposal.
        second: ProposalStatement,
        /// Its signature.
        second_signature: Signature,
    },
}

impl DoubleSign {
    /// Who signed twice.
    pub fn validator(&self) -> PublicKey {
        match self {
            Self::Votes { first, .. } => first.validator,
            Self::Proposals { first, .. } => first.validator,
        }
    }

    /// At which height.
    pub fn height(&self) -> Height {
        match self {
            Self::Votes { first, .. } => first.height,
            Self::Proposals { first, .. } => first.height,
        }
    }

    /// Are these two different statements by one validator for one step of `chain`? Signatures are in [`Self::claims`].
    pub fn conflicts(&self, chain: &ChainId) -> bool {
        match self {
            Self::Votes { first: a, second: b, .. } => {
                a.chain == *chain
                    && b.chain == *chain
                    && a != b
                    && (a.kind, a.height, a.round, a.validator) == (b.kind, b.height, b.round, b.validator)
            }
            Self::Proposals { first: a, second: b, .. } => {
                a.chain == *chain
                    && b.chain == *chain
                    && a != b
                    && (a.height, a.round, a.validator) == (b.height, b.round, b.validator)
            }
        }
    }

    /// The two signatures to check.
    pub fn claims(&self) -> [Claim; 2] {
        match self {
            Self::Votes { first, first_signature, second, second_signature } => [
                Claim { key: first.validator, message: first.message(), signature: *first_signature },
                Claim { key: second.validator, message: second.message(), signature: *second_signature },
            ],
            Self::Proposals { first, first_signature, second, second_signature } => [
                Claim { key: first.validator, message: first.message(), signature: *first_signature },
                Claim { key: second.validator, message: second.message(), signature: *second_signature },
            ],
        }
    }
}

impl Canonical for DoubleSign {
    const BYTES_MAX: usize = 512;
}

impl Canonical for VoteStatement {
    const BYTES_MAX: usize = 160;
}

impl Canonical for ProposalStatement {
    const BYTES_MAX: usize = 160;
}
