//! Making evidence: what a node is asked for, put together into files that prove it to anybody (`docs/spec/evidence.md`). Every file
//! is verified before it is given out, so a node's false answer becomes an error here and not a false file.

mod replay;

use inro_contracts::account::Account;
use inro_contracts::block::Header;
use inro_contracts::bytes::{Canonical, List, Malformed};
use inro_contracts::entry::Entry;
use inro_contracts::genesis::Founding;
use inro_contracts::id::{Label, TransactionId};
use inro_contracts::merkle::InclusionProof;
use inro_contracts::time::Height;
use inro_contracts::tree::StateProof;
use inro_evidence::make::Unmade;
use inro_evidence::{
    AbsenceStatement, Anchor, Certified, ConsistencyStatement, EVENTS_MAX, EntryStatement, Evidence, Fault, JournalStatement,
    Located, Proved, Start, Statement, verify_evidence,
};

use crate::desk::Desk;
use crate::model::{At, ProvedAnswer};
use crate::wallet::trust::{Distrust, Trust};
use crate::{ClientError, NodeClient};

/// Most events that are asked for at once.
const PAGE: u64 = 1_000;

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
    /// The account does not exist.
    #[error("the ledger proves that this account does not exist; `inro evidence absence` makes evidence of that")]
    NoAccount,
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

/// Makes evidence from one node's answers.
#[derive(Debug, Clone)]
pub struct Maker<'a> {
    node: &'a NodeClient,
    founding: &'a Founding,
}

impl<'a> Maker<'a> {
    /// Asks this node; believes the founding document only.
    pub fn new(node: &'a NodeClient, founding: &'a Founding) -> Self {
        Self { node, founding }
    }

    /// That a transaction was committed, and with what outcome.
    pub async fn entry(&self, id: &TransactionId) -> Result<Made, NoEvidence> {
        let answer = self.node.proved_entry(id).await?;
        let bytes = hex::decode(&answer.entry).map_err(|_| Malformed::Decode("the entry is no hexadecimal".into()))?;
        let (entry, path) = (Entry::from_bytes(&bytes)?, InclusionProof { path: answer.path });
        let head = Certified { header: answer.header, certificate: answer.certificate };
        let entry = Located { index: answer.index, entry, path };
        self.finish(head.header.clone(), Statement::Entry(Box::new(EntryStatement { head, entry }))).await
    }

    /// All that happened to an account up to the last block; `desk` may read its journal.
    pub async fn journal(&self, desk: &Desk, label: &Label) -> Result<Made, NoEvidence> {
        let (head, account, proof) = parts(self.node.proved_account(label).await?)?;
        let account: Account = account.ok_or(NoEvidence::NoAccount)?;
        let mut events = Vec::new();
        // What the journal gained since the header was served is not asked for.
        while (events.len() as u64) < account.journal_length && events.len() <= EVENTS_MAX {
            let left = (account.journal_length - events.len() as u64).min(PAGE);
            let page = desk.journal(label, events.len() as u64 + 1, left as u32).await?;
            if page.is_empty() {
                break;
            }
            events.extend(page);
        }
        let (label, events) = (*label, List::new(events)?);
        let statement = JournalStatement { head, label, account, proof, events };
        self.finish(statement.head.header.clone(), Statement::Journal(Box::new(statement))).await
    }

    /// That an account does not exist, as of the last block.
    pub async fn absence(&self, label: &Label) -> Result<Made, NoEvidence> {
        let (head, account, proof) = parts::<Account>(self.node.proved_account(label).await?)?;
        if account.is_some() {
            return Err(NoEvidence::AccountExists);
        }
        let statement = AbsenceStatement { head, label: *label, proof };
        self.finish(statement.head.header.clone(), Statement::Absence(Box::new(statement))).await
    }

    /// That an access was decided as the rules say. Every block up to the access is read and executed again; `seen` is told how
    /// many of how many.
    pub async fn decision(&self, id: &TransactionId, seen: impl FnMut(u64, u64)) -> Result<Made, NoEvidence> {
        let answer = self.node.proved_entry(id).await?;
        let head = Certified { header: answer.header, certificate: answer.certificate };
        let statement = replay::decision(self.node, self.founding, head, answer.index, seen).await?;
        self.finish(statement.head.header.clone(), Statement::Decision(Box::new(statement))).await
    }

    /// That the newer block continues the older one's ledger.
    pub async fn consistency(&self, older: Height, newer: Height) -> Result<Made, NoEvidence> {
        let proofs = self.node.proved_history(older, newer).await?;
        let (older, newer) = (self.certified(At::Height(older)).await?, self.certified(At::Height(newer)).await?);
        let (inclusion, consistency) = (proofs.inclusion, proofs.consistency);
        let statement = ConsistencyStatement { older, newer, inclusion, consistency };
        self.finish(statement.newer.header.clone(), Statement::Consistency(Box::new(statement))).await
    }

    /// Which validator sets voted up to a block.
    pub async fn validators(&self, at: At) -> Result<Made, NoEvidence> {
        let head = self.certified(at).await?;
        self.finish(head.header.clone(), Statement::Validators(Box::new(head))).await
    }

    async fn certified(&self, at: At) -> Result<Certified, NoEvidence> {
        let header = self.node.header(at).await?;
        let certificate = self.node.certificate(At::Height(header.height)).await?;
        Ok(Certified { header, certificate })
    }

    /// Puts the changes of the validator set up to `head` before the statement, and verifies the whole.
    async fn finish(&self, head: Header, statement: Statement) -> Result<Made, NoEvidence> {
        let mut trust = Trust::new(self.founding);
        if let Some(certified) = statement.heads().last() {
            trust.header(self.node, &certified.header, &certified.certificate).await?;
        }
        let before = |height: Height| height < head.height;
        let changes = trust.changes().iter().filter(|change| before(change.certified.header.height)).cloned().collect();
        let chain = self.founding.chain;
        let evidence = Evidence { chain, start: Start::Genesis, changes: List::new(changes)?, statement };
        let bytes = evidence.to_bytes();
        let proved = verify_evidence(evidence, &Anchor::from(self.founding))?;
        Ok(Made { bytes, proved })
    }
}

/// What a proved answer is made of.
fn parts<T>(answer: ProvedAnswer<T>) -> Result<(Certified, Option<T>, StateProof), NoEvidence> {
    let proof = hex::decode(&answer.proof).map_err(|_| Distrust::MalformedProof)?;
    let proof = StateProof::from_bytes(&proof).map_err(|_| Distrust::MalformedProof)?;
    Ok((Certified { header: answer.header, certificate: answer.certificate }, answer.object, proof))
}
