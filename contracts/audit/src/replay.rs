//! The state in memory on which a ledger is replayed. It keeps what later blocks can read and nothing else: current objects, the
//! tree's current nodes, the history's frontier, and the ids of transactions that are not void yet.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

use foldhash::fast::RandomState;
use inro_contracts::block::{BlockContext, Header, Tip};
use inro_contracts::bytes::Canonical;
use inro_contracts::entry::Outcome;
use inro_contracts::genesis::Founding;
use inro_contracts::history::{self, HistoryReader};
use inro_contracts::id::{BlockId, ChainId, Hash, Label, RecordId, TransactionId};
use inro_contracts::machine::{self, BlockFault, Built};
use inro_contracts::state::{Row, StateFault, StateKey, StateReader, load};
use inro_contracts::time::Time;
use inro_contracts::transaction::VerifiedTransaction;
use inro_contracts::tree::TreeStore;

/// Ids are forgotten by the earliest of so many block times: one false time must not make the replay forget.
const TIMES_KEPT: usize = 16;

/// The state after the last block.
#[derive(Debug)]
pub struct Replay {
    chain: ChainId,
    tip: Tip,
    objects: HashMap<StateKey, Vec<u8>, RandomState>,
    /// Each account's records: the only objects that are read in a row.
    records: HashMap<Label, BTreeSet<RecordId>, RandomState>,
    nodes: HashMap<Vec<u8>, Vec<u8>, RandomState>,
    history: BTreeMap<u64, Hash>,
    recent: HashSet<TransactionId, RandomState>,
    ending: BTreeMap<Time, Vec<TransactionId>>,
    times: VecDeque<Time>,
}

impl Replay {
    /// The state right after the founding.
    pub fn found(founding: &Founding) -> Self {
        let mut replay = Self {
            chain: founding.chain,
            tip: founding.tip,
            objects: HashMap::default(),
            records: HashMap::default(),
            nodes: founding.tree.nodes.iter().cloned().collect(),
            history: founding.history.iter().copied().collect(),
            recent: HashSet::default(),
            ending: BTreeMap::new(),
            times: VecDeque::new(),
        };
        founding.state.iter().for_each(|(key, value)| replay.put(key.clone(), value.clone()));
        replay
    }

    fn put(&mut self, key: StateKey, value: Option<Vec<u8>>) {
        if let StateKey::Record(account, record) = &key {
            let records = self.records.entry(*account).or_default();
            if value.is_some() {
                records.insert(*record)
            } else {
                records.remove(record)
            };
        }
        match value {
            Some(bytes) => self.objects.insert(key, bytes),
            None => self.objects.remove(&key),
        };
    }

    /// The last block.
    pub fn tip(&self) -> Tip {
        self.tip
    }

    /// One object of the state.
    pub fn object<T: Canonical>(&self, key: &StateKey) -> Result<Option<T>, StateFault> {
        load(self, key)
    }

    /// Every object of the state, in the order of keys.
    pub fn objects(&self) -> Vec<(&StateKey, &Vec<u8>)> {
        let mut objects: Vec<_> = self.objects.iter().collect();
        objects.sort_unstable_by_key(|(key, _)| *key);
        objects
    }

    /// What these transactions give in a block with this header's time and proposer. A time that is not after its parent's has
    /// been found before, and does not keep the block from being replayed.
    pub fn build(&self, header: &Header, transactions: &[VerifiedTransaction]) -> Result<Built, BlockFault> {
        let time = Time(header.time.0.max(1));
        let context = BlockContext { chain: self.chain, height: self.tip.height.next(), time };
        let before = Time(self.tip.time.0.min(time.0 - 1));
        machine::build(self, &Tip { time: before, ..self.tip }, &context, header.proposer, transactions)
    }

    /// Goes on to a block that was built here; `id` is the one under which the ledger goes on. Gives what became of the transactions.
    pub fn advance(
        &mut self,
        built: Built,
        id: BlockId,
        transactions: &[VerifiedTransaction],
    ) -> Result<Vec<Outcome>, StateFault> {
        let Built { header, state, tree, outcomes, .. } = built;
        state.into_iter().for_each(|(key, value)| self.put(key, value));
        self.nodes.extend(tree.nodes);
        for key in &tree.stale {
            self.nodes.remove(key);
        }
        let Header { height, time, .. } = header;
        let appended = history::append(self, height.0, &id).map_err(|fault| StateFault(fault.to_string()))?;
        self.history.extend(appended);
        let needed = history::frontier(height.0.saturating_add(1));
        self.history.retain(|index, _| needed.contains(index));
        self.remember(time, transactions);
        self.tip = Tip { height, block: id, time };
        Ok(outcomes)
    }

    fn remember(&mut self, time: Time, transactions: &[VerifiedTransaction]) {
        for transaction in transactions {
            self.recent.insert(transaction.id());
            self.ending.entry(transaction.transaction().void_after).or_default().push(transaction.id());
        }
        self.times.push_back(time);
        if self.times.len() > TIMES_KEPT {
            self.times.pop_front();
        }
        let earliest = self.times.iter().min().copied().unwrap_or(time);
        let still = self.ending.split_off(&earliest);
        for id in std::mem::replace(&mut self.ending, still).into_values().flatten() {
            self.recent.remove(&id);
        }
    }
}

impl StateReader for Replay {
    fn read(&self, key: &StateKey) -> Result<Option<Vec<u8>>, StateFault> {
        Ok(self.objects.get(key).cloned())
    }

    fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Row>, StateFault> {
        // Execution scans the records of one account and nothing else.
        let start = after.unwrap_or(prefix);
        let mut first = start.to_vec();
        first.resize(start.len().max(65), 0);
        let first: StateKey = borsh::from_slice(&first).map_err(|error| StateFault(error.to_string()))?;
        let StateKey::Record(account, first) = first else {
            return Err(StateFault("only the records of an account are read in a row".into()));
        };
        let ids = self.records.get(&account).into_iter().flat_map(|records| records.range(first..));
        let rows = ids.map(|id| StateKey::Record(account, *id)).filter_map(|key| Some((key.to_bytes(), self.objects.get(&key)?)));
        let fits = |key: &[u8]| key.starts_with(prefix) && after.is_none_or(|after| key > after);
        Ok(rows.filter(|(key, _)| fits(key)).take(limit).map(|(key, value)| (key, value.clone())).collect())
    }

    fn is_committed(&self, id: &TransactionId) -> Result<bool, StateFault> {
        Ok(self.recent.contains(id))
    }
}

impl TreeStore for Replay {
    fn tree_node(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateFault> {
        Ok(self.nodes.get(key).cloned())
    }
}

impl HistoryReader for Replay {
    fn history_hash(&self, index: u64) -> Option<Hash> {
        self.history.get(&index).copied()
    }
}

#[cfg(test)]
mod tests {
    use inro_contracts::fixture::{self, Consortium, FOUNDED};
    use inro_contracts::memory::MemoryLedger;

    use super::*;

    #[test]
    fn what_a_replay_keeps_gives_the_headers_of_a_ledger_that_keeps_everything() {
        let consortium = Consortium::new(4);
        let founding = consortium.founding();
        let (mut whole, mut replay) = (MemoryLedger::found(&founding), Replay::found(&founding));
        let member = &consortium.organisations[0];
        for number in 1..=70u64 {
            let time = FOUNDED.plus_ms(number * 60_000);
            let actions = [
                consortium.account_opening(0, number),
                consortium.register_record(0, fixture::label(1 + number / 3), number),
                consortium.register_record(0, fixture::label(number), number + 1_000),
            ];
            let transactions = actions.map(|action| consortium.verified(action, &member.practitioner, time.plus_ms(120_000)));
            let expected = whole.append(time, member.validator.public(), &transactions).unwrap();
            let built = replay.build(&expected.header, &transactions).unwrap();
            assert_eq!(built.header, expected.header, "block {number}");
            let id = built.id;
            replay.advance(built, id, &transactions).unwrap();
            assert!(replay.recent.len() <= 3 * (TIMES_KEPT + 3), "ids are forgotten when they are void");
            assert!(replay.history.len() <= 8);
        }
        // No node is kept that the last root does not need: leaves and what is above them.
        let leaves = replay.objects.keys().filter(|key| key.is_proved()).count();
        assert!(replay.nodes.len() < 2 * leaves + 2, "{} nodes for {leaves} leaves", replay.nodes.len());
    }
}
