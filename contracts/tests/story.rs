//! The harness of tests that read like a story: a ledger, the time, and people who really sign what they do.

use inro_contracts::account::Account;
use inro_contracts::bytes::Canonical;
use inro_contracts::entry::Outcome;
use inro_contracts::fixture::{Consortium, FOUNDED, Member, label, text};
use inro_contracts::id::{ProposalId, TransactionId};
use inro_contracts::key::SecretKey;
use inro_contracts::memory::MemoryLedger;
use inro_contracts::proposal::{Change, Proposal, ProposalStatus};
use inro_contracts::rule::Rule;
use inro_contracts::state::StateKey;
use inro_contracts::time::Time;
use inro_contracts::transaction::{Action, ParsedTransaction, VerifiedTransaction};

pub const SECOND: u64 = 1000;
pub const HOUR: u64 = 3600 * SECOND;

/// A ledger and the time, for tests that read like a story. Every transaction is really signed and verified.
pub struct Story {
    pub consortium: Consortium,
    pub ledger: MemoryLedger,
    pub now: Time,
    pub nonce: u64,
}

impl Story {
    pub fn new(organisations: usize) -> Self {
        Self::of(Consortium::new(organisations))
    }

    pub fn of(consortium: Consortium) -> Self {
        Self { ledger: consortium.ledger(), consortium, now: FOUNDED.plus_ms(SECOND), nonce: 0 }
    }

    pub fn wait(&mut self, ms: u64) {
        self.now = self.now.plus_ms(ms);
    }

    pub fn member(&self, index: usize) -> Member {
        self.consortium.organisations[index].clone()
    }

    pub fn transaction(&mut self, secret: &SecretKey, action: Action) -> VerifiedTransaction {
        self.nonce += 1;
        let signed = self.consortium.sign_with_nonce(action, secret, self.now, self.nonce);
        ParsedTransaction::from(signed).verify().expect("the story's signatures hold")
    }

    /// Commits one transaction in a block of its own.
    pub fn act(&mut self, secret: &SecretKey, action: Action) -> Outcome {
        self.act_with_id(secret, action).0
    }

    pub fn act_with_id(&mut self, secret: &SecretKey, action: Action) -> (Outcome, ProposalId) {
        let transaction = self.transaction(secret, action);
        let outcome = self.block(std::slice::from_ref(&transaction)).remove(0);
        (outcome, ProposalId(transaction.id().0))
    }

    /// Commits these transactions in one block.
    pub fn block(&mut self, transactions: &[VerifiedTransaction]) -> Vec<Outcome> {
        let proposer = self.member(0).validator.public();
        let built = self.ledger.append(self.now, proposer, transactions).expect("the block stands");
        self.wait(SECOND);
        built.outcomes
    }

    /// Commits one transaction in a block of its own; it must take effect.
    pub fn does(&mut self, secret: &SecretKey, action: Action) -> TransactionId {
        let transaction = self.transaction(secret, action);
        let outcome = self.block(std::slice::from_ref(&transaction)).remove(0);
        assert!(outcome.is_applied(), "{outcome:?}: {:?}", transaction.transaction().action);
        transaction.id()
    }

    /// Organisation `proposer` proposes and then the voters approve.
    pub fn decide(&mut self, proposer: usize, voters: &[usize], change: Change) -> (Outcome, ProposalStatus) {
        let member = self.member(proposer);
        let (outcome, proposal) = self.act_with_id(&member.authority, Action::Propose { organisation: member.id, change });
        if outcome != Outcome::Applied {
            return (outcome, ProposalStatus::Refused);
        }
        for voter in voters {
            let member = self.member(*voter);
            let vote = Action::Vote { organisation: member.id, proposal, approve: true };
            assert_eq!(self.act(&member.authority, vote), Outcome::Applied);
        }
        (Outcome::Applied, self.object::<Proposal>(StateKey::Proposal(proposal)).status)
    }

    pub fn suspend(&mut self, index: usize) -> Change {
        Change::SuspendOrganisation { organisation: self.member(index).id, reason: text("its journal shows why") }
    }

    pub fn open(&mut self, index: usize, seed: u64) -> Outcome {
        let action = self.consortium.account_opening(index, seed);
        let practitioner = self.member(index).practitioner;
        self.act(&practitioner, action)
    }

    pub fn register(&mut self, index: usize, account: u64, record: u64) -> Outcome {
        let action = self.consortium.register_record(index, label(account), record);
        let practitioner = self.member(index).practitioner;
        self.act(&practitioner, action)
    }

    pub fn attest(&mut self, index: usize, account: u64, new: &SecretKey) -> Outcome {
        let action = self.consortium.attest_recovery(index, label(account), new);
        let practitioner = self.member(index).practitioner;
        self.act(&practitioner, action)
    }

    pub fn complete(&mut self, account: u64, new: &SecretKey) -> Outcome {
        self.act(new, Action::CompleteRecovery { account: label(account) })
    }

    pub fn object<T: Canonical>(&self, key: StateKey) -> T {
        self.ledger.object(&key).expect("readable").expect("it exists")
    }

    pub fn account(&self, seed: u64) -> Account {
        self.object(StateKey::Account(label(seed)))
    }
}

pub fn rejected(rule: Rule) -> Outcome {
    Outcome::Rejected(rule)
}
