//! Reading: a view of the store as of one block.

use std::sync::Arc;

use inro_contracts::block::{Header, Tip};
use inro_contracts::certificate::Certificate;
use inro_contracts::entry::{Entry, Outcome};
use inro_contracts::history::{self, HistoryFault, HistoryReader};
use inro_contracts::id::{ChainId, Hash, Label, TransactionId};
use inro_contracts::journal::{Event, event_bytes};
use inro_contracts::merkle::{EntryTree, InclusionProof};
use inro_contracts::state::{StateFault, StateKey, StateReader};
use inro_contracts::time::Height;
use inro_contracts::tree::{self, StateProof, TreeStore};
use inro_contracts::validator::ValidatorSet;
use inro_evidence::{Certified, Change};
use rocksdb::ReadOptions;

use super::prune::{self, Slot, slot_at, slots};
use super::{Inner, Row, StoreError, decode, keys, lock};

/// A block as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBlock {
    /// The header.
    pub header: Header,
    /// The certificate.
    pub certificate: Certificate,
    /// The entries' bytes, in order.
    pub entries: Vec<Vec<u8>>,
}

/// Where a transaction was committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Location {
    /// The block.
    pub height: Height,
    /// The entry's place in the block.
    pub index: u32,
}

/// An object of the state, with the proof of it or of its absence.
#[derive(Debug, Clone, PartialEq)]
pub struct ProvedObject {
    /// The header's height; its state root is what the proof leads to.
    pub height: Height,
    /// The object's bytes, or `None` if there is no such object.
    pub object: Option<Vec<u8>>,
    /// The proof.
    pub proof: StateProof,
}

/// An entry, with the proof that it stands in its block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvedEntry {
    /// The block's header; its entries root is what the proof leads to.
    pub header: Header,
    /// The entry's bytes.
    pub entry: Vec<u8>,
    /// The proof.
    pub proof: InclusionProof,
}

/// A block's header, and the bytes of the entries that pruning has left of it.
pub type Remains = (Header, Vec<Vec<u8>>);

/// How many events [`Snapshot::journal`] and rows [`Snapshot::list`] return at most.
const PAGE_ROWS_MAX: usize = 10_000;
/// For how many blocks the tree over the entries is kept in memory.
const ENTRY_TREES_MAX: usize = 4;

/// The store as of one block.
pub struct Snapshot<'a> {
    inner: &'a Inner,
    view: rocksdb::Snapshot<'a>,
    options: ReadOptions,
    chain: ChainId,
    tip: Tip,
}

impl std::fmt::Debug for Snapshot<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot").field("tip", &self.tip).finish_non_exhaustive()
    }
}

impl<'a> Snapshot<'a> {
    /// The tip is read from the view, not from memory, so it is the view's own whatever is being committed.
    pub(super) fn new(inner: &'a Inner) -> Result<Self, StoreError> {
        let chain = inner.require_ledger()?.chain;
        let view = inner.db.snapshot();
        let mut options = ReadOptions::default();
        options.set_snapshot(&view);
        let tip = inner.find_tip(&options)?.ok_or_else(|| StoreError::damaged("the last block's number is missing"))?;
        Ok(Self { inner, view, options, chain, tip })
    }

    /// The ledger's id.
    pub fn chain(&self) -> ChainId {
        self.chain
    }

    /// The last block that this snapshot sees.
    pub fn tip(&self) -> Tip {
        self.tip
    }

    /// The state root after the last block.
    pub fn state_root(&self) -> Result<Hash, StoreError> {
        if self.tip.height == Height(0) {
            let root = self.find(keys::META, keys::FOUNDING_ROOT)?.and_then(|bytes| bytes.try_into().ok());
            return root.map(Hash).ok_or_else(|| StoreError::damaged("the founding's state root is missing"));
        }
        Ok(self.require_header(self.tip.height)?.state_root)
    }

    /// A block's header; `None` for height 0 and for heights not committed.
    pub fn header(&self, height: Height) -> Result<Option<Header>, StoreError> {
        self.find(keys::HEADERS, &keys::height(height))?.map(|bytes| decode(&bytes, "a header")).transpose()
    }

    /// A block's certificate.
    pub fn certificate(&self, height: Height) -> Result<Option<Certificate>, StoreError> {
        self.find(keys::CERTIFICATES, &keys::height(height))?.map(|bytes| decode(&bytes, "a certificate")).transpose()
    }

    /// A block's header with its certificate.
    pub fn certified(&self, height: Height) -> Result<Option<Certified>, StoreError> {
        let Some(header) = self.header(height)? else { return Ok(None) };
        let missing = || StoreError::damaged(format!("the certificate of block {height} is missing"));
        let certificate = self.certificate(height)?.ok_or_else(missing)?;
        Ok(Some(Certified { header, certificate }))
    }

    /// The validator set with this hash: each that ever voted can be found by the hash in its headers.
    pub fn validator_set(&self, hash: &Hash) -> Result<Option<ValidatorSet>, StoreError> {
        self.find(keys::META, &keys::validators(hash))?.map(|bytes| decode(&bytes, "a validator set")).transpose()
    }

    /// The changes of the validator set in blocks after `after`, the oldest first; at most `limit` and at most 10,000.
    pub fn changes(&self, after: Height, limit: usize) -> Result<Vec<Change>, StoreError> {
        // The next key after any key is that key and a zero byte.
        let from = [keys::change(after), vec![0]].concat();
        let until = keys::after_prefix(keys::CHANGE_PREFIX);
        let rows = self.range(keys::META, &from, until, limit.min(PAGE_ROWS_MAX))?;
        rows.iter().map(|(key, hash)| self.change(key, hash)).collect()
    }

    fn change(&self, key: &[u8], hash: &[u8]) -> Result<Change, StoreError> {
        let damaged = || StoreError::damaged("a change of the validator set does not parse or is not whole");
        let height = key.strip_prefix(keys::CHANGE_PREFIX).and_then(keys::height_of).ok_or_else(damaged)?;
        let hash = hash.try_into().map(Hash).map_err(|_| damaged())?;
        let certified = self.certified(height)?.ok_or_else(damaged)?;
        let set = self.validator_set(&hash)?.ok_or_else(damaged)?;
        Ok(Change { certified, set })
    }

    /// From this block on every block is whole: 1 unless old blocks were pruned.
    pub fn whole_from(&self) -> Result<Height, StoreError> {
        self.inner.alive()?;
        prune::whole_from(self.inner, &self.options)
    }

    /// The entries of a block that pruning has left, for whoever looks for events of journals; `None` for heights not committed.
    pub fn events_of(&self, height: Height) -> Result<Option<Remains>, StoreError> {
        let Some(header) = self.header(height)? else { return Ok(None) };
        let left = self.slots(&header)?.into_iter().filter_map(|slot| slot.whole(height).ok()).collect();
        Ok(Some((header, left)))
    }

    /// A whole block; an error if something of it was pruned.
    pub fn block(&self, height: Height) -> Result<Option<StoredBlock>, StoreError> {
        let Some(Certified { header, certificate }) = self.certified(height)? else { return Ok(None) };
        let entries = self.entries(&header)?;
        Ok(Some(StoredBlock { header, certificate, entries }))
    }

    /// One entry's bytes; an error if it was pruned.
    pub fn entry(&self, height: Height, index: u32) -> Result<Option<Vec<u8>>, StoreError> {
        let (page, place) = keys::page(height, index);
        self.inner.alive()?;
        let Some(page) = self.inner.find_pinned(&self.options, keys::ENTRIES, &page)? else { return Ok(None) };
        slot_at(&page, place)?.map(|slot| slot.whole(height)).transpose()
    }

    /// Where a transaction was committed.
    pub fn transaction(&self, id: &TransactionId) -> Result<Option<Location>, StoreError> {
        let Some(place) = self.find(keys::TRANSACTIONS, &id.0)? else { return Ok(None) };
        let place = keys::place_of(&place).ok_or_else(|| StoreError::damaged("a transaction's place does not parse"))?;
        Ok(Some(Location { height: place.0, index: place.1 }))
    }

    /// Where a transaction was committed, and what became of it.
    pub fn outcome(&self, id: &TransactionId) -> Result<Option<(Location, Outcome)>, StoreError> {
        let Some(location) = self.transaction(id)? else { return Ok(None) };
        let entry: Entry = decode(&self.require_entry(location)?, "an entry")?;
        Ok(Some((location, entry.outcome)))
    }

    /// Events of an account's journal, from number `from` (the first is 1), in order; at most `limit` and at most 10,000.
    pub fn journal(&self, account: &Label, from: u64, limit: usize) -> Result<Vec<Event>, StoreError> {
        self.journal_bytes(account, from, limit)?.iter().map(|event| decode(event, "an event")).collect()
    }

    /// The same in their canonical bytes: whoever passes them on need not parse them.
    pub fn journal_bytes(&self, account: &Label, from: u64, limit: usize) -> Result<Vec<Vec<u8>>, StoreError> {
        let until = keys::after_prefix(&account.0);
        let rows = self.range(keys::JOURNAL, &keys::journal(account, from), until, limit.min(PAGE_ROWS_MAX))?;
        let mut header: Option<Header> = None;
        rows.iter()
            .map(|(_, place)| {
                let damaged = || StoreError::damaged("an event's place does not parse");
                let (height, index) = keys::place_of(place).ok_or_else(damaged)?;
                let time = match &header {
                    Some(header) if header.height == height => header.time,
                    _ => header.insert(self.require_header(height)?).time,
                };
                Ok(event_bytes(height, time, index, &self.require_entry(Location { height, index })?))
            })
            .collect()
    }

    /// State objects whose key begins with `prefix`, in the order of keys, from `after` on if given (exclusive); at most `limit`
    /// and at most 10,000.
    pub fn list(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Row>, StoreError> {
        // The next key after any key is that key and a zero byte.
        let from = after.map(|after| [after, &[0]].concat()).unwrap_or_default().max(prefix.to_vec());
        let mut rows = self.range(keys::STATE, &from, keys::after_prefix(prefix), limit.min(PAGE_ROWS_MAX))?;
        rows.retain(|(key, _)| key != keys::MARK);
        Ok(rows)
    }

    /// An object of the state, with the proof of it or of its absence, for the state root of the last block.
    pub fn prove(&self, key: &StateKey) -> Result<ProvedObject, StoreError> {
        if !key.is_proved() {
            return Err(StoreError::NotProved);
        }
        let object = self.object(key)?;
        let proof = tree::prove(self, self.tip.height, key, object.as_deref()).map_err(|fault| self.at_fault(fault))?;
        Ok(ProvedObject { height: self.tip.height, object, proof })
    }

    /// An entry with the proof that it stands in its block; `None` if there is no such entry.
    pub fn prove_entry(&self, location: Location) -> Result<Option<ProvedEntry>, StoreError> {
        let Some(header) = self.header(location.height)? else { return Ok(None) };
        let Some(entry) = self.entry(location.height, location.index)? else { return Ok(None) };
        let tree = self.entry_tree(&header)?;
        Ok(tree.prove(location.index as usize).map(|proof| ProvedEntry { header, entry, proof }))
    }

    /// Proves that the block id at `height` (0 is the genesis) is among those under the history root of the header at `at`.
    /// `None` unless `height` is before `at`, and `at` is at most the next block's height.
    pub fn prove_history(&self, at: Height, height: Height) -> Result<Option<Vec<Hash>>, StoreError> {
        if height >= at || at > self.tip.height.next() {
            return Ok(None);
        }
        self.history_proof(history::prove_inclusion(self, at.0, height.0))
    }

    /// Proves that the history under the header at `old` is the beginning of the one under the header at `at`. `None` unless
    /// `old` is 1 or more and at most `at`, and `at` is at most the next block's height.
    pub fn prove_consistency(&self, at: Height, old: Height) -> Result<Option<Vec<Hash>>, StoreError> {
        if old == Height(0) || old > at || at > self.tip.height.next() {
            return Ok(None);
        }
        self.history_proof(history::prove_consistency(self, at.0, old.0))
    }

    pub(super) fn require_header(&self, height: Height) -> Result<Header, StoreError> {
        self.header(height)?.ok_or_else(|| StoreError::damaged(format!("the header of block {height} is missing")))
    }

    /// All of a block's entries; an error if one was pruned.
    pub(super) fn entries(&self, header: &Header) -> Result<Vec<Vec<u8>>, StoreError> {
        self.slots(header)?.into_iter().map(|slot| slot.whole(header.height)).collect()
    }

    /// The leaf hashes of all of a block's entries, pruned ones too.
    pub(super) fn leaves(&self, header: &Header) -> Result<Vec<Hash>, StoreError> {
        Ok(self.slots(header)?.iter().map(Slot::leaf).collect())
    }

    /// What stands in the places of a block's entries; damage if one is missing.
    fn slots(&self, header: &Header) -> Result<Vec<Slot>, StoreError> {
        let from = keys::height(header.height);
        let mut all = Vec::with_capacity(header.entries as usize);
        for (_, page) in self.range(keys::ENTRIES, &from, keys::after_prefix(&from), usize::MAX)? {
            all.append(&mut slots(&page)?);
        }
        if all.len() != header.entries as usize {
            let what = format!("block {} has {} entries, but {} are stored", header.height, header.entries, all.len());
            return Err(StoreError::damaged(what));
        }
        Ok(all)
    }

    fn require_entry(&self, location: Location) -> Result<Vec<u8>, StoreError> {
        let Location { height, index } = location;
        let missing = || StoreError::damaged(format!("entry {index} of block {height} is missing"));
        self.entry(height, index)?.ok_or_else(missing)
    }

    /// The tree over a block's entries: making it takes milliseconds for a large block, and after a block many ask for it.
    fn entry_tree(&self, header: &Header) -> Result<Arc<EntryTree>, StoreError> {
        let kept = |trees: &[(Height, Arc<EntryTree>)]| {
            trees.iter().find(|(height, _)| *height == header.height).map(|(_, tree)| Arc::clone(tree))
        };
        if let Some(tree) = kept(&lock(&self.inner.entry_trees)) {
            return Ok(tree);
        }
        let tree = Arc::new(EntryTree::new(&self.leaves(header)?));
        let mut trees = lock(&self.inner.entry_trees);
        if kept(&trees).is_none() {
            if trees.len() >= ENTRY_TREES_MAX {
                trees.remove(0);
            }
            trees.push((header.height, Arc::clone(&tree)));
        }
        Ok(tree)
    }

    fn object(&self, key: &StateKey) -> Result<Option<Vec<u8>>, StoreError> {
        let key = key.to_bytes();
        let mut hot = lock(&self.inner.hot);
        if hot.height == self.tip.height
            && let Some(object) = hot.state.find(&key, 0)
        {
            return Ok(Some(object));
        }
        drop(hot);
        let object = self.find(keys::STATE, &key)?;
        if let Some(object) = &object {
            let mut hot = lock(&self.inner.hot);
            // A block may have been committed since; what this snapshot sees is then no longer the state.
            if hot.height == self.tip.height {
                hot.state.keep(&key, 0, object);
            }
        }
        Ok(object)
    }

    fn node(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let (version, path) = keys::version_and_path(key);
        // A node never changes under its key, so whoever asks for this version may have it.
        if let Some(node) = lock(&self.inner.hot).nodes.find(path, version) {
            return Ok(Some(node));
        }
        let Some(row) = self.find(keys::TREE, path)? else { return Ok(None) };
        let Some((stored, node)) = row.split_first_chunk() else {
            return Err(StoreError::damaged("a tree node's row is too short"));
        };
        if u64::from_be_bytes(*stored) != version {
            return Ok(None);
        }
        let mut hot = lock(&self.inner.hot);
        // An old snapshot must not put back what a later block replaced.
        if hot.height == self.tip.height {
            hot.nodes.keep(path, version, node);
        }
        Ok(Some(node.to_vec()))
    }

    fn committed(&self, id: &TransactionId) -> Result<bool, StoreError> {
        let hot = lock(&self.inner.hot);
        if hot.height == self.tip.height && !hot.recent.may_hold(id) {
            return Ok(false);
        }
        drop(hot);
        Ok(self.find(keys::TRANSACTIONS, &id.0)?.is_some())
    }

    fn find(&self, family: &'static str, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.inner.alive()?;
        self.inner.find_as_of(&self.options, family, key)
    }

    fn range(&self, family: &'static str, from: &[u8], until: Option<Vec<u8>>, limit: usize) -> Result<Vec<Row>, StoreError> {
        self.inner.alive()?;
        let mut options = ReadOptions::default();
        options.set_snapshot(&self.view);
        self.inner.range(family, options, from, until, limit)
    }

    fn history_proof(&self, proof: Result<Vec<Hash>, HistoryFault>) -> Result<Option<Vec<Hash>>, StoreError> {
        proof.map(Some).map_err(|fault| self.at_fault(StateFault(fault.to_string())))
    }

    /// What a fault under a proof means: the store stopped, or it is damaged.
    fn at_fault(&self, fault: StateFault) -> StoreError {
        self.inner.alive().err().unwrap_or_else(|| StoreError::damaged(fault.0))
    }
}

impl StateReader for Snapshot<'_> {
    fn read(&self, key: &StateKey) -> Result<Option<Vec<u8>>, StateFault> {
        Ok(self.object(key)?)
    }

    fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Row>, StateFault> {
        Ok(self.list(prefix, after, limit)?)
    }

    fn is_committed(&self, id: &TransactionId) -> Result<bool, StateFault> {
        Ok(self.committed(id)?)
    }
}

impl TreeStore for Snapshot<'_> {
    fn tree_node(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateFault> {
        Ok(self.node(key)?)
    }
}

impl HistoryReader for Snapshot<'_> {
    fn history_hash(&self, index: u64) -> Option<Hash> {
        // A hash that cannot be read is reported as missing: the caller stops either way.
        let bytes = self.find(keys::HISTORY, &keys::history(index)).ok()??;
        bytes.try_into().ok().map(Hash)
    }
}
