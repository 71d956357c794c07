//! The shapes of a node's answers. What is on the ledger has the types of `inro-contracts`.

use std::fmt;
use std::str::FromStr;

use inro_contracts::block::Header;
use inro_contracts::bytes::List;
use inro_contracts::certificate::Certificate;
use inro_contracts::entry::{Entry, Outcome};
use inro_contracts::id::{BlockId, ChainId, Hash, OrganisationId, ProposalId, TransactionId};
use inro_contracts::key::{PublicKey, Signature};
use inro_contracts::organisation::Organisation;
use inro_contracts::proposal::Proposal;
use inro_contracts::time::{Height, Time};
use inro_contracts::transaction::{SignedTransaction, Transaction};
use serde::{Deserialize, Serialize};

use crate::problem::Problem;

/// Which block is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// The last one.
    Latest,
    /// The one of this height.
    Height(Height),
}

impl At {
    /// May a block of this height be what was asked for?
    pub fn is(self, height: Height) -> bool {
        match self {
            Self::Latest => true,
            Self::Height(asked) => asked == height,
        }
    }
}

impl FromStr for At {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "latest" => Ok(Self::Latest),
            _ => text.parse().map(|height| Self::Height(Height(height))).map_err(|_| "a height is a number or `latest`".into()),
        }
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latest => f.write_str("latest"),
            Self::Height(height) => height.fmt(f),
        }
    }
}

/// How a node stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The ledger's id.
    pub chain: ChainId,
    /// The ledger's name.
    pub ledger: String,
    /// The last block's height.
    pub height: Height,
    /// From this block on the node keeps every block whole: 1 if it keeps everything.
    pub whole_from: Height,
    /// The last block's time.
    pub time: Time,
    /// The last block's id.
    pub block: BlockId,
    /// The state's root after it.
    pub state_root: Hash,
    /// Does the node vote?
    pub validator: bool,
    /// Whose node it is.
    pub organisation: Option<OrganisationId>,
    /// Its network identity.
    pub peer: PublicKey,
    /// Is it still fetching older blocks?
    pub syncing: bool,
    /// How many peers it is connected to.
    pub peers_connected: u64,
    /// What waits to be committed.
    pub mempool: MempoolStatus,
    /// The program's version.
    pub version: String,
}

/// What waits to be committed at a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MempoolStatus {
    /// How many transactions.
    pub transactions: u64,
    /// Their bytes together.
    pub bytes: u64,
}

/// An organisation with its id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrganisationAnswer {
    /// Its id.
    pub id: OrganisationId,
    /// What the ledger says of it.
    #[serde(flatten)]
    pub organisation: Organisation,
}

/// A proposal with its id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProposalAnswer {
    /// Its id.
    pub id: ProposalId,
    /// What the ledger says of it.
    #[serde(flatten)]
    pub proposal: Proposal,
}

/// A block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockAnswer {
    /// Its header.
    pub header: Header,
    /// Its id.
    pub id: BlockId,
    /// The proof that it was committed.
    pub certificate: Certificate,
    /// What it holds.
    pub entries: Vec<EntryAnswer>,
}

/// A committed transaction in a block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryAnswer {
    /// The transaction's id.
    pub id: TransactionId,
    /// What was signed.
    pub transaction: Transaction,
    /// By its signer.
    pub signature: Signature,
    /// What became of it.
    pub outcome: Outcome,
}

impl EntryAnswer {
    /// The entry as it stands on the ledger.
    pub fn entry(&self) -> Entry {
        let transaction = SignedTransaction { transaction: self.transaction.clone(), signature: self.signature };
        Entry { transaction, outcome: self.outcome.clone() }
    }
}

/// What the state has under a key, with all that is needed to check it without believing the node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProvedAnswer<T> {
    /// The object, or `None` if there is none.
    pub object: Option<T>,
    /// The header whose state root the proof leads to.
    pub header: Header,
    /// The proof that this header's block was committed.
    pub certificate: Certificate,
    /// The state proof's bytes in hexadecimal.
    pub proof: String,
}

/// A committed entry with all that is needed to check that it stands in its block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProvedEntryAnswer {
    /// Its place in the block.
    pub index: u32,
    /// Its bytes in hexadecimal.
    pub entry: String,
    /// The path to the header's entries root.
    pub path: List<Hash, 32>,
    /// The block's header.
    pub header: Header,
    /// The proof that the block was committed.
    pub certificate: Certificate,
}

/// That a newer block continues an older one's ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryAnswer {
    /// That the older block is in the newer header's history.
    pub inclusion: List<Hash, 64>,
    /// That the older header's history is the beginning of the newer one's.
    pub consistency: List<Hash, 64>,
}

/// Where a transaction is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TransactionStatus {
    /// In a block.
    Committed,
    /// Waiting.
    Pending,
    /// The node has not seen it, or has forgotten it.
    Unknown,
}

/// What a node knows of a transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransactionAnswer {
    /// Which.
    pub id: TransactionId,
    /// Where it is.
    pub status: TransactionStatus,
    /// In which block, once committed.
    #[serde(default)]
    pub height: Option<Height>,
    /// At which place of the block.
    #[serde(default)]
    pub index: Option<u32>,
    /// What became of it.
    #[serde(default)]
    pub outcome: Option<Outcome>,
}

/// A transaction that is in a block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Committed {
    /// Which.
    pub id: TransactionId,
    /// In which block.
    pub height: Height,
    /// At which place of the block.
    pub index: u32,
    /// What became of it.
    pub outcome: Outcome,
}

impl TransactionAnswer {
    /// The transaction's place, once it is committed.
    pub fn committed(&self) -> Option<Committed> {
        let (height, index, outcome) = (self.height?, self.index?, self.outcome.clone()?);
        (self.status == TransactionStatus::Committed).then_some(Committed { id: self.id, height, index, outcome })
    }
}

/// What became of one transaction of a batch when it was submitted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submission {
    /// Its id, if it could be read.
    #[serde(default)]
    pub id: Option<TransactionId>,
    /// Was it taken?
    pub accepted: bool,
    /// Why not.
    #[serde(default)]
    pub problem: Option<Problem>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_height_is_a_number_or_the_word_latest() {
        assert_eq!("latest".parse(), Ok(At::Latest));
        assert_eq!("12".parse(), Ok(At::Height(Height(12))));
        assert!("-1".parse::<At>().is_err());
        assert_eq!(At::Height(Height(12)).to_string(), "12");
    }

    #[test]
    fn only_a_complete_answer_counts_as_committed() {
        let text = r#"{"id":"0707070707070707070707070707070707070707070707070707070707070707","status":"committed",
            "height":3,"index":0,"outcome":{"rejected":"T-6"}}"#;
        let answer: TransactionAnswer = serde_json::from_str(text).unwrap();
        assert_eq!(answer.committed().unwrap().height, Height(3));
        assert!(TransactionAnswer { status: TransactionStatus::Pending, ..answer.clone() }.committed().is_none());
        assert!(TransactionAnswer { outcome: None, ..answer }.committed().is_none());
    }
}
