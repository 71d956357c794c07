//! The file's bytes: what stands in it, parsed into types that cannot be wrong in form. What is parsed here encodes back to the
//! same bytes; whether it is true is the other files' matter.

use borsh::{BorshDeserialize, BorshSerialize};
use inro_contracts::account::Account;
use inro_contracts::block::Header;
use inro_contracts::bytes::{Canonical, List, Malformed, encode};
use inro_contracts::emergency::{Disasters, EmergencyDesk};
use inro_contracts::entry::Entry;
use inro_contracts::id::{ChainId, Hash, Label, OrganisationId, PractitionerId};
use inro_contracts::journal::Event;
use inro_contracts::merkle::InclusionProof;
use inro_contracts::organisation::{Organisation, Practitioner};
use inro_contracts::parameters::Parameters;
use inro_contracts::state::StateKey;
use inro_contracts::tree::StateProof;
use inro_contracts::validator::ValidatorSet;

use crate::certified::{Certified, Change};
use crate::step::{Fault, Step};

/// The first bytes of every evidence file.
pub const MAGIC: [u8; 8] = *b"INROEVID";
/// The version of the format.
pub const VERSION: u16 = 1;
/// The largest file, in bytes.
pub const FILE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Most changes of the validator set in one file.
pub const CHANGES_MAX: usize = 1024;
/// Most events in one file.
pub const EVENTS_MAX: usize = 262_144;
/// Most objects that a decision reads.
pub const FACTS_MAX: usize = 64;
/// Most earlier entries of a decision's block.
pub const EARLIER_MAX: usize = 256;
/// Most hashes of a proof over the history.
pub const HISTORY_PATH_MAX: usize = 64;

/// A proof over the history (rule L-4).
pub type HistoryPath = List<Hash, HISTORY_PATH_MAX>;

/// What an evidence file holds.
#[derive(Debug, Clone, PartialEq, BorshSerialize, BorshDeserialize)]
pub struct Evidence {
    /// The ledger.
    pub chain: ChainId,
    /// Where trust begins.
    pub start: Start,
    /// How the validator set changed since.
    pub changes: List<Change, CHANGES_MAX>,
    /// What is stated.
    pub statement: Statement,
}

/// Where trust begins.
#[derive(Debug, Clone, PartialEq, BorshSerialize, BorshDeserialize)]
pub enum Start {
    /// With the founding document's validator set.
    Genesis,
    /// With a header that the verifier was told to trust.
    Pinned {
        /// The header.
        header: Box<Header>,
        /// The validator set that votes on the next block.
        set: ValidatorSet,
    },
}

/// What a file states.
#[derive(Debug, Clone, PartialEq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Statement {
    /// A transaction was committed with this outcome.
    Entry(Box<EntryStatement>) = 1,
    /// This is all that happened to an account.
    Journal(Box<JournalStatement>) = 2,
    /// There is no such account.
    Absence(Box<AbsenceStatement>) = 3,
    /// An access was decided as the rules say.
    Decision(Box<DecisionStatement>) = 4,
    /// A newer block continues an older one's ledger.
    Consistency(Box<ConsistencyStatement>) = 5,
    /// These validator sets voted, one after the other, up to this header.
    Validators(Box<Certified>) = 6,
    /// One height has two certified blocks.
    Fork(Box<ForkStatement>) = 7,
}

/// A committed transaction.
#[derive(Debug, Clone, PartialEq, BorshSerialize, BorshDeserialize)]
pub struct EntryStatement {
    /// Its block.
    pub head: Certified,
    /// The transaction with its outcome.
    pub entry: Located,
}

/// An entry and where it stands in its block.
#[derive(Debug, Clone, PartialEq, BorshSerialize, BorshDeserialize)]
pub struct Located {
    /// Its place, from 0.
    pub index: u32,
    /// The entry.
    pub entry: Entry,
    /// The path to the block's entries root.
    pub path: InclusionProof,
}

/// An account's complete journal.
#[derive(Debug, Clone, PartialEq, BorshSerialize, BorshDeserialize)]
pub struct JournalStatement {
    /// Up to which block.
    pub head: Certified,
    /// Whose.
    pub label: Label,
    /// The account after that block.
    pub account: Account,
    /// Its state proof.
    pub proof: StateProof,
    /// All its events.
    pub events: List<Event, EVENTS_MAX>,
}

/// That an account does not exist.
#[derive(Debug, Clone, PartialEq, BorshSerialize, BorshDeserialize)]
pub struct AbsenceStatement {
    /// As of which block.
    pub head: Certified,
    /// Whose.
    pub label: Label,
    /// The state proof that there is nothing.
    pub proof: StateProof,
}

/// An access's decision with the state that it was made from.
#[derive(Debug, Clone, PartialEq, BorshSerialize, BorshDeserialize)]
pub struct DecisionStatement {
    /// The access's block.
    pub head: Certified,
    /// The block before.
    pub parent: Header,
    /// The access.
    pub access: Located,
    /// The account after the block.
    pub account: Option<Account>,
    /// Its state proof.
    pub proof: StateProof,
    /// All its events up to the block.
    pub events: List<Event, EVENTS_MAX>,
    /// What the decision reads beside the journal, as it was before the block.
    pub facts: List<Fact, FACTS_MAX>,
    /// Earlier entries of the block that changed facts.
    pub earlier: List<Located, EARLIER_MAX>,
}

/// An object of the state, or that there is none, with its proof.
#[derive(Debug, Clone, PartialEq, BorshSerialize, BorshDeserialize)]
pub struct Fact {
    /// Its key and the object.
    pub object: FactObject,
    /// The state proof.
    pub proof: StateProof,
}

/// The kinds of objects that a decision reads; the numbers are those of their state keys.
#[derive(Debug, Clone, PartialEq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum FactObject {
    /// The parameters.
    Parameters(Option<Parameters>) = 2,
    /// Disaster windows.
    Disasters(Option<Disasters>) = 5,
    /// An organisation.
    Organisation(OrganisationId, Option<Organisation>) = 10,
    /// A practitioner.
    Practitioner(PractitionerId, Option<Practitioner>) = 11,
    /// An organisation's emergencies.
    EmergencyDesk(OrganisationId, Option<EmergencyDesk>) = 15,
}

impl FactObject {
    /// Where it stands in the state.
    pub fn key(&self) -> StateKey {
        match self {
            Self::Parameters(_) => StateKey::Parameters,
            Self::Disasters(_) => StateKey::Disasters,
            Self::Organisation(id, _) => StateKey::Organisation(*id),
            Self::Practitioner(id, _) => StateKey::Practitioner(*id),
            Self::EmergencyDesk(id, _) => StateKey::EmergencyDesk(*id),
        }
    }

    /// The object's bytes, if there is one.
    pub fn value(&self) -> Option<Vec<u8>> {
        match self {
            Self::Parameters(object) => object.as_ref().map(encode),
            Self::Disasters(object) => object.as_ref().map(encode),
            Self::Organisation(_, object) => object.as_ref().map(encode),
            Self::Practitioner(_, object) => object.as_ref().map(encode),
            Self::EmergencyDesk(_, object) => object.as_ref().map(encode),
        }
    }
}

/// That a newer block continues an older one's ledger.
#[derive(Debug, Clone, PartialEq, BorshSerialize, BorshDeserialize)]
pub struct ConsistencyStatement {
    /// The older block.
    pub older: Certified,
    /// The newer block.
    pub newer: Certified,
    /// That the older block is in the newer one's history.
    pub inclusion: HistoryPath,
    /// That the older block's history is the beginning of the newer one's.
    pub consistency: HistoryPath,
}

/// Two certified blocks of one height.
#[derive(Debug, Clone, PartialEq, BorshSerialize, BorshDeserialize)]
pub struct ForkStatement {
    /// The block with the smaller id.
    pub first: Certified,
    /// The other one.
    pub second: Certified,
}

/// By itself it shows that a custodian may hand a payload over (`docs/spec/exchange.md`).
impl Canonical for EntryStatement {
    const BYTES_MAX: usize = 64 * 1024;
}

impl Evidence {
    /// A file with those of these changes that come before the statement's (newer) header. It is not verified here.
    pub fn stating(chain: ChainId, start: Start, changes: &[Change], statement: Statement) -> Result<Self, Malformed> {
        let height = statement.heads().last().map(|head| head.header.height);
        let before = changes.iter().filter(|change| height.is_some_and(|height| change.certified.header.height < height));
        Ok(Self { chain, start, changes: List::new(before.cloned().collect())?, statement })
    }

    /// The file's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(&(MAGIC, VERSION, self))
    }

    /// Steps V-1 to V-3: parses a file, or says where it is malformed.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Fault> {
        Step::Size.require(bytes.len() <= FILE_BYTES_MAX, || {
            format!("{} bytes where at most {FILE_BYTES_MAX} are allowed", bytes.len())
        })?;
        let known = encode(&(MAGIC, VERSION));
        let rest = bytes.strip_prefix(known.as_slice());
        let rest = rest.ok_or_else(|| Step::Magic.failed("this is no evidence file of version 1"))?;
        let evidence: Self = borsh::from_slice(rest).map_err(|error| Step::Form.failed(error))?;
        evidence.check_order()?;
        Step::Form.require(encode(&evidence) == rest, || "the bytes are not the only ones for what they say".into())?;
        Ok(evidence)
    }

    /// Lists that have an order stand in it.
    fn check_order(&self) -> Result<(), Fault> {
        let certified = self.changes.iter().map(|change| &change.certified).chain(self.statement.heads());
        for certified in certified {
            let sorted = certified.certificate.signatures.windows(2).all(|pair| pair[0].validator < pair[1].validator);
            Step::Form.require(sorted, || "a certificate's signers are not in strict order".into())?;
        }
        if let Statement::Decision(decision) = &self.statement {
            let keys: Vec<_> = decision.facts.iter().map(|fact| fact.object.key().to_bytes()).collect();
            Step::Form.require(keys.windows(2).all(|pair| pair[0] < pair[1]), || "facts are not in strict order".into())?;
            let sorted = decision.earlier.windows(2).all(|pair| pair[0].index < pair[1].index);
            Step::Form.require(sorted, || "earlier entries are not in strict order".into())?;
        }
        Ok(())
    }
}

impl Statement {
    /// That one height has these two blocks.
    pub fn fork(one: Certified, other: Certified) -> Self {
        let (first, second) = if one.header.id() < other.header.id() { (one, other) } else { (other, one) };
        Self::Fork(Box::new(ForkStatement { first, second }))
    }

    /// The statement's certified headers, in their order in the file.
    pub fn heads(&self) -> Vec<&Certified> {
        match self {
            Self::Entry(entry) => vec![&entry.head],
            Self::Journal(journal) => vec![&journal.head],
            Self::Absence(absence) => vec![&absence.head],
            Self::Decision(decision) => vec![&decision.head],
            Self::Consistency(consistency) => vec![&consistency.older, &consistency.newer],
            Self::Validators(head) => vec![head],
            Self::Fork(fork) => vec![&fork.first, &fork.second],
        }
    }
}
