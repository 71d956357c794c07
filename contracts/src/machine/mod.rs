//! The machine: the pure function that applies a block.
//!
//! Transactions run one after the other. Each is one action, each action one function in the file of its domain. An action
//! checks its rules in their documented order, and writes only after the last check, so a rejected transaction changes
//! nothing. After an action that touches an account, the machine appends the event to the account's journal (rule J-1).

mod accounts;
mod consent;
mod exchange;
mod records;
mod trust;

use std::collections::{BTreeMap, BTreeSet};

use crate::account::Account;
use crate::block::{BlockContext, Header, Tip};
use crate::entry::{Outcome, entry_bytes};
use crate::history::{self, HistoryReader};
use crate::id::{BlockId, ChainId, Hash, Label, TransactionId};
use crate::journal;
use crate::key::PublicKey;
use crate::merkle;
use crate::parameters::Parameters;
use crate::rule::Rule;
use crate::state::{Clock, StateFault, StateKey, StateReader, Working, load};
use crate::time::{Height, Time};
use crate::transaction::{Action, Transaction, VerifiedTransaction};
use crate::tree::{self, TreeStore, TreeUpdate};
use crate::validator::ValidatorSet;

/// Why a block cannot be: its proposer is at fault, or our own store is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BlockFault {
    /// More transactions than the parameters allow.
    #[error("{found} transactions where at most {limit} are allowed")]
    TooManyTransactions {
        /// The limit.
        limit: u32,
        /// How many there are.
        found: usize,
    },
    /// More bytes than the parameters allow.
    #[error("{found} bytes of transactions where at most {limit} are allowed")]
    TooManyBytes {
        /// The limit.
        limit: u32,
        /// How many there are.
        found: usize,
    },
    /// Time does not move forward.
    #[error("block time {found:?} is not after its parent's {parent:?}")]
    TimeNotAfterParent {
        /// The parent's time.
        parent: Time,
        /// The block's time.
        found: Time,
    },
    /// A transaction cannot stand in this block.
    #[error("transaction {id:?}: {fault}")]
    Transaction {
        /// Which.
        id: TransactionId,
        /// Why.
        fault: Inadmissible,
    },
    /// Our own store failed.
    #[error(transparent)]
    State(#[from] StateFault),
}

/// Why a transaction cannot stand in a block at all (rule L-9); unlike a rejection, nothing is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Inadmissible {
    /// It is for another ledger.
    #[error("it is for another ledger")]
    OtherChain,
    /// Its time is over.
    #[error("it is void: its time is over")]
    Void,
    /// Its time lies further ahead than allowed.
    #[error("its void-after time lies further ahead than allowed")]
    TooFarAhead,
    /// It was committed before, or stands twice in the block.
    #[error("it is committed already")]
    Committed,
}

impl Inadmissible {
    /// The rule's code, as it stands in `docs/spec/rules.md`.
    pub fn code(self) -> &'static str {
        match self {
            Self::OtherChain => "L-9.1",
            Self::Void => "L-9.2",
            Self::TooFarAhead => "L-9.3",
            Self::Committed => "L-9.4",
        }
    }
}

/// Can the transaction stand in a block of this time? Whether it was committed before is asked of the state.
pub fn admissible(transaction: &Transaction, chain: &ChainId, time: Time, parameters: &Parameters) -> Result<(), Inadmissible> {
    if transaction.chain != *chain {
        Err(Inadmissible::OtherChain)
    } else if transaction.void_after < time {
        Err(Inadmissible::Void)
    } else if transaction.void_after > time.plus_ms(parameters.void_after_ms_max) {
        Err(Inadmissible::TooFarAhead)
    } else {
        Ok(())
    }
}

/// One event that a block adds to a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JournalAppend {
    /// Whose journal.
    pub account: Label,
    /// The event's number in the journal, from 1.
    pub position: u64,
    /// The entry's place in the block.
    pub index: u32,
}

/// A block with everything that follows from it.
#[derive(Debug, Clone)]
pub struct Built {
    /// The header.
    pub header: Header,
    /// Its id.
    pub id: BlockId,
    /// What became of each transaction, in order.
    pub outcomes: Vec<Outcome>,
    /// The hash of each entry, in order.
    pub leaves: Vec<Hash>,
    /// What the state changes to; `None` removes an object.
    pub state: BTreeMap<StateKey, Option<Vec<u8>>>,
    /// What the state tree changes.
    pub tree: TreeUpdate,
    /// The history's new hashes.
    pub history: Vec<(u64, Hash)>,
    /// What journals gain.
    pub journal: Vec<JournalAppend>,
    /// The validator set of the next block.
    pub next_validators: ValidatorSet,
}

/// Committed state in all its parts.
pub trait LedgerReader: StateReader + TreeStore + HistoryReader {}
impl<T: StateReader + TreeStore + HistoryReader> LedgerReader for T {}

/// Applies transactions on top of `tip` and computes the block that they make. Whoever proposes and whoever votes calls this;
/// equal inputs give equal headers (rule L-5).
pub fn build<R: LedgerReader>(
    reader: &R,
    tip: &Tip,
    context: &BlockContext,
    proposer: PublicKey,
    transactions: &[VerifiedTransaction],
) -> Result<Built, BlockFault> {
    let parameters: Parameters = load(reader, &StateKey::Parameters)?.ok_or_else(|| StateFault("no parameters".into()))?;
    let validators: ValidatorSet = load(reader, &StateKey::Validators)?.ok_or_else(|| StateFault("no validators".into()))?;
    check_block(reader, tip, context, &parameters, transactions)?;

    let mut state = Working::new(reader);
    let mut outcomes = Vec::with_capacity(transactions.len());
    let mut leaves = Vec::with_capacity(transactions.len());
    let mut journal = Vec::new();
    for (index, transaction) in transactions.iter().enumerate() {
        let index = index as u32;
        let effect = match apply(&mut state, context, transaction) {
            Ok(effect) => effect,
            Err(Refusal::Rule(rule)) => {
                let outcome = Outcome::Rejected(rule);
                leaves.push(merkle::leaf_hash(&entry_bytes(transaction.bytes(), &outcome)));
                outcomes.push(outcome);
                continue;
            }
            Err(Refusal::State(fault)) => return Err(fault.into()),
        };
        let outcome = effect.outcome;
        let entry = entry_bytes(transaction.bytes(), &outcome);
        for account in effect.accounts {
            journal.push(append_event(&mut state, context, account, index, &entry)?);
        }
        leaves.push(merkle::leaf_hash(&entry));
        outcomes.push(outcome);
    }
    state.save(StateKey::Clock, &Clock { height: context.height, time: context.time });
    let next_validators = state.validators()?;
    let state = state.into_writes();

    let (state_root, tree) = tree::update(reader, context.height, &state)?;
    let history_fault = |error: history::HistoryFault| StateFault(error.to_string());
    let header = Header {
        chain: context.chain,
        height: context.height,
        time: context.time,
        parent: tip.block,
        entries: transactions.len() as u32,
        entries_root: merkle::root(&leaves),
        state_root,
        history_root: history::root(reader, context.height.0).map_err(history_fault)?,
        validators: validators.hash(),
        next_validators: next_validators.hash(),
        proposer,
    };
    let id = header.id();
    let history = history::append(reader, context.height.0, &id).map_err(history_fault)?;
    Ok(Built { header, id, outcomes, leaves, state, tree, history, journal, next_validators })
}

fn check_block<R: StateReader>(
    reader: &R,
    tip: &Tip,
    context: &BlockContext,
    parameters: &Parameters,
    transactions: &[VerifiedTransaction],
) -> Result<(), BlockFault> {
    if context.height != tip.height.next() {
        return Err(StateFault(format!("block {} cannot follow block {}", context.height, tip.height)).into());
    }
    if context.time <= tip.time {
        return Err(BlockFault::TimeNotAfterParent { parent: tip.time, found: context.time });
    }
    if transactions.len() > parameters.block_transactions_max as usize {
        let (limit, found) = (parameters.block_transactions_max, transactions.len());
        return Err(BlockFault::TooManyTransactions { limit, found });
    }
    let bytes: usize = transactions.iter().map(|transaction| transaction.bytes().len()).sum();
    if bytes > parameters.block_bytes_max as usize {
        return Err(BlockFault::TooManyBytes { limit: parameters.block_bytes_max, found: bytes });
    }
    let mut seen = BTreeSet::new();
    for transaction in transactions {
        let id = transaction.id();
        let refuse = |fault| BlockFault::Transaction { id, fault };
        admissible(transaction.transaction(), &context.chain, context.time, parameters).map_err(refuse)?;
        if !seen.insert(id) || reader.is_committed(&id)? {
            return Err(refuse(Inadmissible::Committed));
        }
    }
    Ok(())
}

/// What an action did, beyond its writes.
#[derive(Debug)]
struct Effect {
    /// The accounts whose journals gain this event.
    accounts: Vec<Label>,
    /// What became of the transaction.
    outcome: Outcome,
}

impl Effect {
    /// Touches no account.
    const NONE: Effect = Effect { accounts: Vec::new(), outcome: Outcome::Applied };

    /// Touches one account.
    fn on(account: Label) -> Self {
        Self { accounts: vec![account], outcome: Outcome::Applied }
    }

    /// Touches one account, for which its controller or a guardian spoke; `before` is the account as it was. A wallet that a
    /// facility keeps leaves its mark.
    fn spoken(label: Label, before: &Account, call: &Call<'_>) -> Self {
        let outcome = if before.is_custodial_key(&call.signer) { Outcome::Applied.custodially() } else { Outcome::Applied };
        Self { accounts: vec![label], outcome }
    }
}

/// Why an action did not take effect.
#[derive(Debug)]
enum Refusal {
    /// A rule was broken.
    Rule(Rule),
    /// The store failed.
    State(StateFault),
}

impl From<Rule> for Refusal {
    fn from(rule: Rule) -> Self {
        Self::Rule(rule)
    }
}

impl From<StateFault> for Refusal {
    fn from(fault: StateFault) -> Self {
        Self::State(fault)
    }
}

/// What an action may know of the transaction and block around it.
struct Call<'a> {
    block: &'a BlockContext,
    id: TransactionId,
    signer: PublicKey,
}

impl Call<'_> {
    fn now(&self) -> Time {
        self.block.time
    }

    fn height(&self) -> Height {
        self.block.height
    }
}

/// `Ok` if the condition holds, the rule's rejection otherwise.
fn require(holds: bool, rule: Rule) -> Result<(), Refusal> {
    if holds { Ok(()) } else { Err(Refusal::Rule(rule)) }
}

fn apply(state: &mut Working<'_>, block: &BlockContext, transaction: &VerifiedTransaction) -> Result<Effect, Refusal> {
    let signed = transaction.transaction();
    let call = &Call { block, id: transaction.id(), signer: signed.signer };
    match &signed.action {
        Action::Propose { organisation, change } => trust::propose(state, call, organisation, change),
        Action::Vote { organisation, proposal, approve } => trust::vote(state, call, organisation, proposal, *approve),
        Action::RotateAuthority { organisation, key, .. } => trust::rotate_authority(state, call, organisation, key),
        Action::RotateValidator { organisation, old, key, .. } => trust::rotate_validator(state, call, organisation, old, key),
        Action::RegisterPeer { organisation, peer, .. } => trust::register_peer(state, call, organisation, peer),
        Action::RemovePeer { organisation, peer } => trust::remove_peer(state, call, organisation, peer),
        Action::RegisterPractitioner { organisation, key, role, licence, validity, .. } => {
            trust::register_practitioner(state, call, organisation, key, *role, licence, validity)
        }
        Action::RenewPractitioner { organisation, practitioner, validity } => {
            trust::renew_practitioner(state, call, organisation, practitioner, validity)
        }
        Action::RotatePractitioner { practitioner, key, .. } => trust::rotate_practitioner(state, call, practitioner, key),
        Action::SetPractitionerStanding { organisation, practitioner, active } => {
            trust::set_practitioner_standing(state, call, organisation, practitioner, *active)
        }
        Action::ReportDoubleSign { evidence } => trust::report_double_sign(state, call, evidence),
        Action::OpenAccount { practitioner, custodian, first_key, custodial, .. } => {
            accounts::open(state, call, practitioner, custodian, first_key, *custodial)
        }
        Action::RotateController { account, key, custodial, .. } => {
            accounts::rotate_controller(state, call, account, key, *custodial)
        }
        Action::AppointGuardian { account, guardian } => accounts::appoint_guardian(state, call, account, guardian),
        Action::DismissGuardian { account, guardian } => accounts::dismiss_guardian(state, call, account, guardian),
        Action::AttestRecovery { account, practitioner, new_key, .. } => {
            accounts::attest_recovery(state, call, account, practitioner, new_key)
        }
        Action::VetoRecovery { account } => accounts::veto_recovery(state, call, account),
        Action::CompleteRecovery { account } => accounts::complete_recovery(state, call, account),
        Action::RegisterRecord { account, practitioner, record } => records::register(state, call, account, practitioner, record),
        Action::SupersedeRecord { account, practitioner, old, record } => {
            records::supersede(state, call, account, practitioner, old, record)
        }
        Action::EraseRecord { account, practitioner, record, .. } => records::erase(state, call, account, practitioner, record),
        Action::SetProviderFlags { account, practitioner, record, flags } => {
            records::set_flags(state, call, account, practitioner, record, *flags)
        }
        Action::Grant { account, terms } => consent::grant(state, call, account, terms),
        Action::Revoke { account, grant } => consent::revoke(state, call, account, grant),
        Action::Seal { account, terms } => consent::seal(state, call, account, terms),
        Action::LiftSeal { account, seal, until } => consent::lift_seal(state, call, account, seal, *until),
        Action::Unseal { account, seal } => consent::unseal(state, call, account, seal),
        Action::OpenConsult { account, practitioner, terms } => consent::open_consult(state, call, account, practitioner, terms),
        Action::CloseConsult { account, consult, practitioner } => {
            consent::close_consult(state, call, account, consult, practitioner.as_ref())
        }
        Action::AnswerConsult { account, consult, practitioner, .. } => {
            consent::answer_consult(state, call, account, consult, practitioner)
        }
        Action::ReadJournal { account, practitioner } => consent::read_journal(state, call, account, practitioner.as_ref()),
        Action::Access(request) => exchange::access(state, call, request),
        Action::Disclose { account, access, records } => exchange::disclose(state, call, account, access, records),
        Action::Acknowledge { account, access, records } => exchange::acknowledge(state, call, account, access, records),
        Action::ReportPayload { account, access, record, .. } => exchange::report_payload(state, call, account, access, record),
        Action::RefuseDisclosure { account, access, record, .. } => {
            exchange::refuse_disclosure(state, call, account, access, record)
        }
        Action::CloseReview { account, access, practitioner, finding, .. } => {
            exchange::close_review(state, call, account, access, practitioner, *finding)
        }
    }
}

fn append_event(
    state: &mut Working<'_>,
    context: &BlockContext,
    label: Label,
    index: u32,
    entry: &[u8],
) -> Result<JournalAppend, StateFault> {
    let mut account = state.account(&label)?.ok_or_else(|| StateFault("an event for an account that does not exist".into()))?;
    let event = journal::event_bytes(context.height, context.time, index, entry);
    account.journal_head = journal::next_head(&account.journal_head, &event);
    account.journal_length = account.journal_length.saturating_add(1);
    let position = account.journal_length;
    state.save(StateKey::Account(label), &account);
    Ok(JournalAppend { account: label, position, index })
}

/// The bytes of a block's entries, for whoever stores them.
pub fn entries<'a>(transactions: &'a [VerifiedTransaction], outcomes: &'a [Outcome]) -> impl Iterator<Item = Vec<u8>> + 'a {
    transactions.iter().zip(outcomes).map(|(transaction, outcome)| entry_bytes(transaction.bytes(), outcome))
}
