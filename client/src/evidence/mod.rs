//! Making evidence: what a node is asked for, put together into files that prove it to anybody (`docs/spec/evidence.md`). Every file
//! is verified before it is given out, so a node's false answer becomes an error here and not a false file.

mod replay;

use inro_contracts::bytes::Malformed;
use inro_contracts::genesis::Founding;
use inro_contracts::id::{Label, TransactionId};
use inro_contracts::state::StateKey;
use inro_contracts::time::Height;
use inro_contracts::transaction::Action;
use inro_contracts::tree::StateProof;
use inro_evidence::make::Unmade;
use inro_evidence::{
    AbsenceStatement, Anchor, Certified, ConsistencyStatement, EntryStatement, Evidence, Fault, Proved, Statement,
    transaction_id, verify_evidence,
};
use tokio::sync::MutexGuard;

use crate::desk::Desk;
use crate::light::{Distrust, Light};
use crate::model::{At, HistoryAnswer};
use crate::{ClientError, NodeClient};

/// Why no evidence was made.
#[derive(Debug, thiserror::Error)]
pub enum NoEvidence {
    /// The node's answers are not believed, or it could not be asked.
    #[error(transparent)]
    Distrust(#[from] Distrust),
    /// What was put together proves nothing.
    #[error("the node's answers make no evidence: {0}; do not trust this node: ask another one and tell its operator")]
    Refused(#[from] Fault),
    /// A decision cannot be made again.
    #[error(
        "the decision cannot be made again from the node's blocks: {0}; `inro evidence entry` proves its outcome all the same"
    )]
    Unmade(#[from] Unmade),
    /// Larger than a file.
    #[error("it is more than an evidence file holds: {0}")]
    TooLarge(#[from] Malformed),
    /// It is not known which ledger is asked, so nothing can be proved.
    #[error(
        "nothing can be proved without knowing the ledger; name its founding document with --genesis, or its id with --chain"
    )]
    UnknownLedger,
    /// The account exists.
    #[error("the account exists; `inro evidence journal` makes evidence of all that happened to it")]
    AccountExists,
}

impl From<ClientError> for NoEvidence {
    fn from(error: ClientError) -> Self {
        Self::Distrust(error.into())
    }
}

/// A file, with what it proves.
#[derive(Debug)]
pub struct Made {
    /// The file's bytes.
    pub bytes: Vec<u8>,
    /// What they prove.
    pub proved: Proved,
}

/// Makes evidence from one node's answers, which its light client checks.
#[derive(Debug, Clone)]
pub struct Maker<'a> {
    node: &'a NodeClient,
}

impl<'a> Maker<'a> {
    /// Asks this node, which must be one whose answers are proved.
    pub fn new(node: &'a NodeClient) -> Result<Self, NoEvidence> {
        if node.is_verified() { Ok(Self { node }) } else { Err(NoEvidence::UnknownLedger) }
    }

    /// That a transaction was committed, and with what outcome.
    pub async fn entry(&self, id: &TransactionId) -> Result<Made, NoEvidence> {
        let (statement, _) = self.light().await?.entry(self.node, id).await?;
        self.finish(Statement::Entry(Box::new(statement))).await
    }

    /// All that happened to an account up to the last block; `desk` may read its journal.
    pub async fn journal(&self, desk: &Desk, label: &Label) -> Result<Made, NoEvidence> {
        let (statement, _) = self.light().await?.history(desk, label).await?;
        self.finish(Statement::Journal(Box::new(statement))).await
    }

    /// That an account does not exist, as of the last block.
    pub async fn absence(&self, label: &Label) -> Result<Made, NoEvidence> {
        let answer = self.node.proved_account(label).await?;
        // A node that is behind may not know yet that the account was opened.
        let proved = self.light().await?.object(self.node, &StateKey::Account(*label), answer.clone()).await?;
        if proved.is_some() {
            return Err(NoEvidence::AccountExists);
        }
        let proof = hex::decode(&answer.proof).map_err(|_| Distrust::MalformedProof)?;
        let proof = StateProof::from_bytes(&proof).map_err(|_| Distrust::MalformedProof)?;
        let head = Certified { header: answer.header, certificate: answer.certificate };
        self.finish(Statement::Absence(Box::new(AbsenceStatement { head, label: *label, proof }))).await
    }

    /// That an access was decided as the rules say. Every block up to the access is read and executed again; `seen` is told how
    /// many of how many.
    pub async fn decision(&self, id: &TransactionId, seen: impl FnMut(u64, u64)) -> Result<Made, NoEvidence> {
        let (founding, EntryStatement { head, entry }) = {
            let mut light = self.light().await?;
            (light.founding(), light.entry(self.node, id).await?.0)
        };
        let statement = replay::decision(&self.node.unverified(), &founding, head, entry.index, seen).await?;
        self.finish(Statement::Decision(Box::new(statement))).await
    }

    /// That the newer block continues the older one's ledger.
    pub async fn consistency(&self, older: Height, newer: Height) -> Result<Made, NoEvidence> {
        let HistoryAnswer { inclusion, consistency } = self.node.proved_history(older, newer).await?;
        let (older, newer) = (self.node.certified(At::Height(older)).await?, self.node.certified(At::Height(newer)).await?);
        let statement = ConsistencyStatement { older, newer, inclusion, consistency };
        self.finish(Statement::Consistency(Box::new(statement))).await
    }

    /// Which validator sets voted up to a block.
    pub async fn validators(&self, at: At) -> Result<Made, NoEvidence> {
        let head = self.node.certified(at).await?;
        self.finish(Statement::Validators(Box::new(head))).await
    }

    /// Puts the changes of the validator set before the statement, and verifies the whole.
    async fn finish(&self, statement: Statement) -> Result<Made, NoEvidence> {
        let mut light = self.light().await?;
        if let Some(head) = statement.heads().last() {
            light.believe(self.node, head).await?;
        }
        let evidence = light.walk().file(statement)?;
        let bytes = evidence.to_bytes();
        let proved = verify_evidence(evidence, light.anchor())?;
        Ok(Made { bytes, proved })
    }

    async fn light(&self) -> Result<MutexGuard<'_, Light>, NoEvidence> {
        self.node.light().await.ok_or(NoEvidence::UnknownLedger)
    }
}

/// Why a receipt is none.
#[derive(Debug, thiserror::Error)]
pub enum NoReceipt {
    /// It proves nothing.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// It is about something else.
    #[error("this is not the receipt that was asked for; do not trust whoever gave it out, and tell the node's operator")]
    OfAnother,
}

/// Is this the receipt of an access that was granted, or of a consult that was opened? Without the founding document only its form
/// and what it speaks of are looked at; with it, all that it states is verified.
pub fn check_receipt(bytes: &[u8], id: &TransactionId, founding: Option<&Founding>) -> Result<(), NoReceipt> {
    let evidence = Evidence::from_bytes(bytes)?;
    let Statement::Entry(statement) = &evidence.statement else { return Err(NoReceipt::OfAnother) };
    let entry = &statement.entry.entry;
    let lets_read = match &entry.transaction.transaction.action {
        Action::OpenConsult { .. } => entry.outcome.is_applied(),
        _ => entry.outcome.granted().is_some(),
    };
    if transaction_id(&entry.transaction) != *id || !lets_read {
        return Err(NoReceipt::OfAnother);
    }
    if let Some(founding) = founding {
        verify_evidence(evidence, &Anchor::from(founding))?;
    }
    Ok(())
}
