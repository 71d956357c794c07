//! Why an answer is not believed.

use inro_contracts::id::{BlockId, ChainId, Label};
use inro_contracts::time::Height;
use inro_contracts::tree::FalseStateProof;
use inro_evidence::Unfollowed;

use super::fork::Fork;
use super::witness::NotWitnessed;
use crate::ClientError;
use crate::verify::FalseAnswer;

/// Why an answer is not believed.
#[derive(Debug, thiserror::Error)]
pub enum Distrust {
    /// The node could not be asked.
    #[error(transparent)]
    Client(ClientError),
    /// A header, a certificate or an entry is false.
    #[error("{0}; do not trust this node: ask another one and tell its operator")]
    Answer(#[from] FalseAnswer),
    /// A state proof is not one, or does not lead to the header's state root.
    #[error("{0}; do not trust this node: ask another one and tell its operator")]
    Proof(#[from] FalseStateProof),
    /// A proof's bytes cannot be read.
    #[error("malformed proof; do not trust this node: ask another one and tell its operator")]
    MalformedProof,
    /// The headers do not lead from the validators known to those that signed.
    #[error("the headers before block {height} do not lead from one validator set to the next; do not trust this node")]
    Validators {
        /// Where.
        height: Height,
    },
    /// The last block is old: the node may be cut off, or hide what happened since.
    #[error(
        "the node's last block ({height}) is {minutes} minutes old; it may be cut off or hide newer ones: ask another node, or \
         allow old blocks with --allow-old"
    )]
    Old {
        /// The block.
        height: Height,
        /// Its age.
        minutes: u64,
    },
    /// The node shows an older ledger than was seen before, here or at another node.
    #[error(
        "the node shows the ledger up to block {height}, but block {newest} was seen before; it may be cut off or hide newer \
         blocks: ask another node"
    )]
    Behind {
        /// What it shows.
        height: Height,
        /// What was seen.
        newest: Height,
    },
    /// Two certified blocks at one height.
    #[error("{0}")]
    Fork(Box<Fork>),
    /// Two certified headers, and no proof that the one continues the other.
    #[error(
        "block {newer} does not continue the ledger of block {older}, although validators signed both: one of the nodes shows \
         another ledger; believe neither, keep both answers, and tell the consortium"
    )]
    Discontinued {
        /// The older block's height.
        older: Height,
        /// The newer one's.
        newer: Height,
    },
    /// The block that was to be trusted is not the one that the node has.
    #[error("block {height} of the node is not the one to be trusted ({}); check --pin, and ask another node", .expected.to_hex())]
    Pin {
        /// Where.
        height: Height,
        /// What was to be trusted.
        expected: BlockId,
    },
    /// The node is of another ledger.
    #[error("the node is of the ledger {}, not {}; check --node and --chain", .found.to_hex(), .expected.to_hex())]
    OtherLedger {
        /// The ledger that was named.
        expected: ChainId,
        /// The node's.
        found: ChainId,
    },
    /// The node's founding document is none.
    #[error("the node's founding document does not found a ledger; ask another node, or name the document with --genesis")]
    Genesis,
    /// Too few of the witnesses that a policy names cover the block.
    #[error(transparent)]
    NotWitnessed(Box<NotWitnessed>),
    /// A journal is proved, and its events do not follow from each other.
    #[error("the journal of account {} is proved, but {why}: this program is older than the ledger, or the ledger is at fault", .label.to_hex())]
    Unfollowed {
        /// Whose.
        label: Label,
        /// Why not.
        why: Unfollowed,
    },
    /// No node was named, or none answers.
    #[error("none of the nodes answers; check --node")]
    NoNode,
}

impl From<ClientError> for Distrust {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Distrust(distrust) => *distrust,
            error => Self::Client(error),
        }
    }
}

impl From<NotWitnessed> for Distrust {
    fn from(fault: NotWitnessed) -> Self {
        Self::NotWitnessed(Box::new(fault))
    }
}

impl From<inro_evidence::Fault> for Distrust {
    fn from(fault: inro_evidence::Fault) -> Self {
        Self::Answer(fault.into())
    }
}

impl From<Distrust> for ClientError {
    fn from(distrust: Distrust) -> Self {
        match distrust {
            Distrust::Client(error) => error,
            distrust => Self::Distrust(Box::new(distrust)),
        }
    }
}
