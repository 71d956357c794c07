//! What a true file proves: the statement itself, and by whose signatures it is believed.

use inro_contracts::entry::Outcome;
use inro_contracts::id::{BlockId, ChainId, Label, TransactionId};
use inro_contracts::journal::Event;
use inro_contracts::key::PublicKey;
use inro_contracts::time::{Height, Time};
use serde::Serialize;

use crate::file::{Located, Statement};
use crate::history::double_signers;
use crate::journal::{account_of, signatures_hold, transaction_id};
use crate::step::Fault;
use crate::trust::{InForce, Signed};

/// What was proved. Only the verifier makes one.
#[derive(Debug, Clone)]
pub struct Proved {
    pub(crate) chain: ChainId,
    pub(crate) statement: Statement,
    pub(crate) sets: Vec<InForce>,
    pub(crate) signed: Vec<Signed>,
}

impl Proved {
    /// The ledger.
    pub fn chain(&self) -> ChainId {
        self.chain
    }

    /// The statement, which is true.
    pub fn statement(&self) -> &Statement {
        &self.statement
    }

    /// The validator sets from the start up to the header.
    pub fn sets(&self) -> &[InForce] {
        &self.sets
    }

    /// The statement's headers, in their order in the file: one, or two for consistency and fork. The last one says up to which
    /// height and time something is proved, and by whose signatures.
    pub fn signed(&self) -> &[Signed] {
        &self.signed
    }

    /// The (newer) header.
    pub fn head(&self) -> &Signed {
        // Every statement has at least one header, and the verifier keeps them all.
        &self.signed[self.signed.len() - 1]
    }

    /// The entry that is proved, for an entry and a decision.
    pub fn entry(&self) -> Option<&Located> {
        match &self.statement {
            Statement::Entry(statement) => Some(&statement.entry),
            Statement::Decision(statement) => Some(&statement.access),
            _ => None,
        }
    }

    /// All events of the account up to the header, for a journal and a decision; none for an absence.
    pub fn events(&self) -> Option<&[Event]> {
        match &self.statement {
            Statement::Journal(statement) => Some(&statement.events),
            Statement::Decision(statement) => Some(&statement.events),
            Statement::Absence(_) => Some(&[]),
            _ => None,
        }
    }

    /// The account that is concerned, if the statement is about one.
    pub fn account(&self) -> Option<Label> {
        match &self.statement {
            Statement::Journal(statement) => Some(statement.label),
            Statement::Absence(statement) => Some(statement.label),
            _ => account_of(&self.entry()?.entry.transaction.transaction.action).copied(),
        }
    }

    /// Who signed both blocks of a fork.
    pub fn double_signers(&self) -> Vec<PublicKey> {
        match (&self.statement, self.signed.as_slice()) {
            (Statement::Fork(_), [first, second]) => double_signers(first, second),
            _ => Vec::new(),
        }
    }

    /// Checks what the proof believes a quorum for: every signature inside the events.
    pub fn check_event_signatures(&self) -> Result<(), Fault> {
        let mut events = self.events().unwrap_or_default().iter();
        events.try_for_each(|event| signatures_hold(&self.chain, &event.entry.transaction))
    }

    /// What was proved, for JSON.
    pub fn summary(&self) -> Summary {
        let head = self.head();
        let entry = self.entry().map(|located| &located.entry);
        let (is_fork, is_older) =
            (matches!(self.statement, Statement::Fork(_)), matches!(self.statement, Statement::Consistency(_)));
        Summary {
            kind: self.kind(),
            height: head.height,
            time: head.time,
            block: head.block,
            signers: head.signers.len(),
            power: head.power,
            total: head.total,
            changes: self.sets.len() - 1,
            transaction: entry.map(|entry| transaction_id(&entry.transaction)),
            outcome: entry.map(|entry| entry.outcome.clone()),
            account: self.account(),
            events: self.events().map(<[Event]>::len),
            older: is_older.then(|| self.signed[0].height),
            rounds: is_fork.then(|| self.signed.iter().map(|one| one.round).collect()),
            double_signers: is_fork.then(|| self.double_signers()),
        }
    }

    fn kind(&self) -> Kind {
        match &self.statement {
            Statement::Entry(_) => Kind::Entry,
            Statement::Journal(_) => Kind::Journal,
            Statement::Absence(_) => Kind::Absence,
            Statement::Decision(_) => Kind::Decision,
            Statement::Consistency(_) => Kind::Consistency,
            Statement::Validators(_) => Kind::Validators,
            Statement::Fork(_) => Kind::Fork,
        }
    }
}

/// What kind of statement was proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A transaction with its outcome.
    Entry,
    /// A complete journal.
    Journal,
    /// That an account does not exist.
    Absence,
    /// A decision, made again.
    Decision,
    /// That a newer block continues an older one's ledger.
    Consistency,
    /// The validator sets.
    Validators,
    /// Two certified blocks of one height.
    Fork,
}

/// What was proved, in few fields; those that do not apply are left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// The kind of statement.
    pub kind: Kind,
    /// Up to which height.
    pub height: Height,
    /// Up to which time.
    pub time: Time,
    /// The header's block.
    pub block: BlockId,
    /// How many validators signed it.
    pub signers: usize,
    /// With what power.
    pub power: u64,
    /// Of what power.
    pub total: u64,
    /// How often the validator set changed since the start.
    pub changes: usize,
    /// The transaction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transaction: Option<TransactionId>,
    /// What became of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// The account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<Label>,
    /// How many events it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events: Option<usize>,
    /// The older block's height.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub older: Option<Height>,
    /// In which rounds a fork's blocks were decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rounds: Option<Vec<u32>>,
    /// Who signed both.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub double_signers: Option<Vec<PublicKey>>,
}
