//! A whole ledger in memory: the state, its tree, the history, the blocks and the journals.
//!
//! It keeps every tree node, so the state of each height stays provable. Tests run on it, and whoever audits a ledger's
//! exported blocks replays them into it. It refuses what does not continue its last block; it does not check signatures.

use std::collections::BTreeMap;

use crate::block::{BlockContext, Header, Tip};
use crate::bytes::Canonical;
use crate::genesis::Founding;
use crate::history::HistoryReader;
use crate::id::{ChainId, Hash, Label, TransactionId};
use crate::journal::event_bytes;
use crate::key::PublicKey;
use crate::machine::{self, BlockFault, Built};
use crate::state::{Row, StateFault, StateKey, StateReader, load};
use crate::time::{Height, Time};
use crate::transaction::VerifiedTransaction;
use crate::tree::{self, StateProof, TreeStore, TreeUpdate};
use crate::validator::ValidatorSet;

/// A ledger in memory.
#[derive(Debug, Clone)]
pub struct MemoryLedger {
    chain: ChainId,
    tip: Tip,
    state_root: Hash,
    objects: BTreeMap<StateKey, Vec<u8>>,
    nodes: BTreeMap<Vec<u8>, Vec<u8>>,
    history: BTreeMap<u64, Hash>,
    committed: BTreeMap<TransactionId, (Height, u32)>,
    blocks: Vec<MemoryBlock>,
    journals: BTreeMap<Label, Vec<Vec<u8>>>,
}

/// One committed block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemoryBlock {
    /// Its header.
    pub header: Header,
    /// The canonical bytes of its entries, in order.
    pub entries: Vec<Vec<u8>>,
}

impl MemoryLedger {
    /// The ledger right after its founding.
    pub fn found(founding: &Founding) -> Self {
        let mut ledger = Self {
            chain: founding.chain,
            tip: founding.tip,
            state_root: founding.state_root,
            objects: BTreeMap::new(),
            nodes: BTreeMap::new(),
            history: BTreeMap::new(),
            committed: BTreeMap::new(),
            blocks: Vec::new(),
            journals: BTreeMap::new(),
        };
        ledger.write(&founding.state, &founding.tree, &founding.history);
        ledger
    }

    /// Applies transactions in a block of this time and commits it.
    pub fn append(&mut self, time: Time, proposer: PublicKey, transactions: &[VerifiedTransaction]) -> Result<Built, BlockFault> {
        let built = self.build(time, proposer, transactions)?;
        self.commit(&built, transactions)?;
        Ok(built)
    }

    /// The block that these transactions make on top of the tip; nothing is committed.
    pub fn build(&self, time: Time, proposer: PublicKey, transactions: &[VerifiedTransaction]) -> Result<Built, BlockFault> {
        let context = BlockContext { chain: self.chain, height: self.tip.height.next(), time };
        machine::build(self, &self.tip, &context, proposer, transactions)
    }

    /// Commits a block that was built on top of the tip from these transactions.
    pub fn commit(&mut self, built: &Built, transactions: &[VerifiedTransaction]) -> Result<(), StateFault> {
        let header = &built.header;
        if header.height != self.tip.height.next() || header.parent != self.tip.block {
            return Err(StateFault(format!("block {} does not continue block {}", header.height, self.tip.height)));
        }
        if transactions.len() != built.outcomes.len() {
            return Err(StateFault(format!("{} outcomes for {} transactions", built.outcomes.len(), transactions.len())));
        }
        let entries: Vec<_> = machine::entries(transactions, &built.outcomes).collect();
        for append in &built.journal {
            let events = self.journals.entry(append.account).or_default();
            let entry = entries.get(append.index as usize).ok_or_else(|| StateFault("an event without its entry".into()))?;
            if append.position != events.len() as u64 + 1 {
                return Err(StateFault(format!("event {} follows event {}", append.position, events.len())));
            }
            events.push(event_bytes(header.height, header.time, append.index, entry));
        }
        for (index, transaction) in transactions.iter().enumerate() {
            self.committed.insert(transaction.id(), (header.height, index as u32));
        }
        self.write(&built.state, &built.tree, &built.history);
        self.tip = Tip { height: header.height, block: built.id, time: header.time };
        self.state_root = header.state_root;
        self.blocks.push(MemoryBlock { header: header.clone(), entries });
        Ok(())
    }

    /// The ledger's id.
    pub fn chain(&self) -> ChainId {
        self.chain
    }

    /// The last block, or the genesis.
    pub fn tip(&self) -> Tip {
        self.tip
    }

    /// The state tree's root after the last block.
    pub fn state_root(&self) -> Hash {
        self.state_root
    }

    /// The validator set of the next block.
    pub fn validators(&self) -> Result<ValidatorSet, StateFault> {
        self.object(&StateKey::Validators)?.ok_or_else(|| StateFault("no validators".into()))
    }

    /// One object of the state.
    pub fn object<T: Canonical>(&self, key: &StateKey) -> Result<Option<T>, StateFault> {
        load(self, key)
    }

    /// Every object of the state, in the order of keys.
    pub fn objects(&self) -> &BTreeMap<StateKey, Vec<u8>> {
        &self.objects
    }

    /// The block of this height; the genesis has none.
    pub fn block(&self, height: Height) -> Option<&MemoryBlock> {
        let index = usize::try_from(height.0.checked_sub(1)?).ok()?;
        self.blocks.get(index)
    }

    /// The header of this height.
    pub fn header(&self, height: Height) -> Option<&Header> {
        self.block(height).map(|block| &block.header)
    }

    /// The bytes of the entries of this height.
    pub fn entries(&self, height: Height) -> Option<&[Vec<u8>]> {
        self.block(height).map(|block| block.entries.as_slice())
    }

    /// Where a transaction was committed: the block, and its place in it.
    pub fn place_of(&self, id: &TransactionId) -> Option<(Height, u32)> {
        self.committed.get(id).copied()
    }

    /// The bytes of the events of an account's journal; none for an account that does not exist.
    pub fn journal(&self, account: &Label) -> &[Vec<u8>] {
        self.journals.get(account).map_or(&[], Vec::as_slice)
    }

    /// The accounts that have a journal.
    pub fn accounts(&self) -> impl Iterator<Item = &Label> {
        self.journals.keys()
    }

    /// What the state has under `key` now, with its proof against [`Self::state_root`].
    pub fn prove(&self, key: &StateKey) -> Result<(Option<Vec<u8>>, StateProof), StateFault> {
        let value = self.objects.get(key).filter(|_| key.is_proved()).cloned();
        let proof = tree::prove(self, self.tip.height, key, value.as_deref())?;
        Ok((value, proof))
    }

    fn write(&mut self, state: &BTreeMap<StateKey, Option<Vec<u8>>>, tree: &TreeUpdate, history: &[(u64, Hash)]) {
        for (key, value) in state {
            match value {
                Some(bytes) => self.objects.insert(key.clone(), bytes.clone()),
                None => self.objects.remove(key),
            };
        }
        self.nodes.extend(tree.nodes.iter().cloned());
        self.history.extend(history.iter().copied());
    }
}

impl StateReader for MemoryLedger {
    fn read(&self, key: &StateKey) -> Result<Option<Vec<u8>>, StateFault> {
        Ok(self.objects.get(key).cloned())
    }

    fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Row>, StateFault> {
        // Only a record's kind is ever scanned; its keys' order is the order of their bytes.
        let first =
            borsh::from_slice::<StateKey>(&padded(after.unwrap_or(prefix))).map_err(|error| StateFault(error.to_string()))?;
        let rows = self.objects.range(first..).map(|(key, value)| (key.to_bytes(), value.clone()));
        let fits = |key: &[u8]| key.starts_with(prefix) && after.is_none_or(|after| key > after);
        Ok(rows.skip_while(|(key, _)| !fits(key)).take_while(|(key, _)| fits(key)).take(limit).collect())
    }

    fn is_committed(&self, id: &TransactionId) -> Result<bool, StateFault> {
        Ok(self.committed.contains_key(id))
    }
}

/// A record's key from the beginning of one: zeros for what is missing.
fn padded(start: &[u8]) -> Vec<u8> {
    let mut key = start.to_vec();
    key.resize(start.len().max(65), 0);
    key
}

impl TreeStore for MemoryLedger {
    fn tree_node(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateFault> {
        Ok(self.nodes.get(key).cloned())
    }
}

impl HistoryReader for MemoryLedger {
    fn history_hash(&self, index: u64) -> Option<Hash> {
        self.history.get(&index).copied()
    }
}
