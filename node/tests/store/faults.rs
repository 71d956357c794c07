//! A store that fails at any one read makes execution and proofs fail; it never makes them panic or give another answer.

use std::cell::Cell;

use inro_contracts::block::BlockContext;
use inro_contracts::fixture::{FOUNDED, label};
use inro_contracts::history::HistoryReader;
use inro_contracts::id::{Hash, TransactionId};
use inro_contracts::machine;
use inro_contracts::memory::MemoryLedger;
use inro_contracts::state::{Row, StateFault, StateKey, StateReader};
use inro_contracts::transaction::Action;
use inro_contracts::tree::{self, TreeStore};

use super::Story;

/// Fails at one read, by its number.
struct FailsOnce<'a> {
    ledger: &'a MemoryLedger,
    reads: Cell<u64>,
    fails_at: u64,
}

impl FailsOnce<'_> {
    fn read(&self) -> Result<(), StateFault> {
        self.reads.set(self.reads.get() + 1);
        if self.reads.get() == self.fails_at { Err(StateFault("a planted fault".into())) } else { Ok(()) }
    }
}

impl StateReader for FailsOnce<'_> {
    fn read(&self, key: &StateKey) -> Result<Option<Vec<u8>>, StateFault> {
        self.read()?;
        self.ledger.read(key)
    }

    fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Row>, StateFault> {
        self.read()?;
        self.ledger.scan(prefix, after, limit)
    }

    fn is_committed(&self, id: &TransactionId) -> Result<bool, StateFault> {
        self.read()?;
        self.ledger.is_committed(id)
    }
}

impl TreeStore for FailsOnce<'_> {
    fn tree_node(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateFault> {
        self.read()?;
        self.ledger.tree_node(key)
    }
}

impl HistoryReader for FailsOnce<'_> {
    fn history_hash(&self, index: u64) -> Option<Hash> {
        self.read().ok()?;
        self.ledger.history_hash(index)
    }
}

/// Calls `attempt` with a store that fails at its first read, then at its second, and so on, until none fails.
fn at_every_read(ledger: &MemoryLedger, mut attempt: impl FnMut(&FailsOnce<'_>) -> bool) {
    for fails_at in 1.. {
        let reader = FailsOnce { ledger, reads: Cell::new(0), fails_at };
        let succeeded = attempt(&reader);
        let failed = reader.reads.get() >= fails_at;
        assert_eq!(succeeded, !failed, "read {fails_at}");
        if !failed {
            return;
        }
    }
}

#[test]
fn a_proof_fails_at_whatever_read_the_store_fails() {
    let ledger = Story::new().in_memory(5);
    for key in (0..12).map(|number| StateKey::Account(label(number))).chain([StateKey::Clock, StateKey::Account(label(999))]) {
        let object = StateReader::read(&ledger, &key).unwrap();
        at_every_read(&ledger, |reader| tree::prove(reader, ledger.tip().height, &key, object.as_deref()).is_ok());
    }
}

#[test]
fn a_block_fails_at_whatever_read_the_store_fails() {
    let story = Story::new();
    let ledger = story.in_memory(5);
    let mut transactions = story.transactions(6);
    // Removing a peer takes a leaf out of the tree, which goes other ways through it than adding one.
    for member in &story.consortium.organisations {
        let action = Action::RemovePeer { organisation: member.id, peer: member.peer.public() };
        transactions.push(story.consortium.verified(action, &member.authority, FOUNDED.plus_ms(60_000)));
    }
    let tip = ledger.tip();
    let context = BlockContext { chain: story.consortium.chain, height: tip.height.next(), time: story.time(6) };
    let proposer = story.consortium.organisations[0].validator.public();
    let expected = machine::build(&ledger, &tip, &context, proposer, &transactions).unwrap();
    at_every_read(&ledger, |reader| match machine::build(reader, &tip, &context, proposer, &transactions) {
        Ok(built) => {
            assert_eq!(built.header, expected.header);
            true
        }
        Err(_) => false,
    });
}
