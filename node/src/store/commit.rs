//! What a founding and a block write: every row of them, in one batch.

use std::collections::BTreeMap;

use inro_contracts::block::Tip;
use inro_contracts::bytes::{Canonical, encode};
use inro_contracts::certificate::Certificate;
use inro_contracts::genesis::Founding;
use inro_contracts::id::{ChainId, Hash};
use inro_contracts::machine::{Built, JournalAppend, entries};
use inro_contracts::state::StateKey;
use inro_contracts::time::{Height, Time};
use inro_contracts::transaction::VerifiedTransaction;
use inro_contracts::tree::TreeUpdate;
use rocksdb::{ReadOptions, WriteBatch};

use super::recent::RecentId;
use super::{Floors, Inner, StoreError, keys};

/// How many lists of old heights one block works off at most: more than the one that it adds, so none is left behind, and few
/// enough that no block is slow because an option was changed.
const OLD_LISTS_PER_BLOCK: usize = 2;

/// Refuses a block whose parts do not belong together.
pub(super) fn require_whole(
    built: &Built,
    transactions: &[VerifiedTransaction],
    certificate: &Certificate,
    chain: &ChainId,
) -> Result<(), StoreError> {
    let header = &built.header;
    let refuse = |what| Err(StoreError::Mismatch { what });
    if header.chain != *chain {
        refuse("the header and the ledger")
    } else if certificate.height != header.height || certificate.block != built.id {
        refuse("the certificate and the header")
    } else if transactions.len() != built.outcomes.len() || transactions.len() != header.entries as usize {
        refuse("the transactions and their outcomes")
    } else {
        Ok(())
    }
}

/// The rows of one write.
pub(super) struct Batch<'a> {
    inner: &'a Inner,
    batch: WriteBatch,
}

impl<'a> Batch<'a> {
    /// No rows yet.
    pub(super) fn new(inner: &'a Inner) -> Self {
        Self { inner, batch: WriteBatch::default() }
    }

    /// The rows, to be written.
    pub(super) fn finish(self) -> WriteBatch {
        self.batch
    }

    /// One row.
    pub(super) fn put(&mut self, family: &'static str, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        self.batch.put_cf(self.inner.family(family)?, key, value);
        Ok(())
    }

    /// Many rows, in the order of keys: the database then finds each row's place near the one before, in half the time.
    fn put_sorted<K: AsRef<[u8]> + Ord, V: AsRef<[u8]>>(
        &mut self,
        family: &'static str,
        mut rows: Vec<(K, V)>,
    ) -> Result<(), StoreError> {
        rows.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        let family = self.inner.family(family)?;
        rows.iter().for_each(|(key, value)| self.batch.put_cf(family, key, value));
        Ok(())
    }

    fn remove(&mut self, family: &'static str, key: &[u8]) -> Result<(), StoreError> {
        self.batch.delete_cf(self.inner.family(family)?, key);
        Ok(())
    }

    /// Everything that a founding writes.
    pub(super) fn founding(&mut self, founding: &Founding, genesis: &[u8]) -> Result<(), StoreError> {
        self.put(keys::META, keys::GENESIS, genesis)?;
        self.put(keys::META, keys::CHAIN, &founding.chain.0)?;
        self.put(keys::META, keys::FOUNDING_ROOT, &founding.state_root.0)?;
        self.put(keys::META, &keys::validators(&founding.validators.hash()), &founding.validators.to_bytes())?;
        self.state(&founding.state)?;
        self.tree(&founding.tree)?;
        self.history(&founding.history)?;
        self.tip(founding.tip)
    }

    /// Everything that a block writes.
    pub(super) fn block(
        &mut self,
        built: &Built,
        transactions: &[VerifiedTransaction],
        certificate: &Certificate,
        recent: &[RecentId],
        tip: Tip,
        floors: &mut Floors,
    ) -> Result<(), StoreError> {
        let height = tip.height;
        self.put(keys::HEADERS, &keys::height(height), &built.header.to_bytes())?;
        self.put(keys::CERTIFICATES, &keys::height(height), &certificate.to_bytes())?;
        let entries: Vec<Vec<u8>> = entries(transactions, &built.outcomes).collect();
        for (index, page) in
            (0u32..).step_by(keys::ENTRIES_PER_PAGE as usize).zip(entries.chunks(keys::ENTRIES_PER_PAGE as usize))
        {
            self.put(keys::ENTRIES, &keys::page(height, index).0, &encode(page))?;
        }
        let ids = (0u32..).zip(transactions).map(|(index, transaction)| (transaction.id().0, keys::place(height, index)));
        self.put_sorted(keys::TRANSACTIONS, ids.collect())?;
        let event = |event: &JournalAppend| (keys::journal(&event.account, event.position), keys::place(height, event.index));
        self.put_sorted(keys::JOURNAL, built.journal.iter().map(event).collect())?;
        if built.header.next_validators != built.header.validators {
            let next = built.header.next_validators;
            self.put(keys::META, &keys::validators(&next), &built.next_validators.to_bytes())?;
            self.put(keys::META, &keys::change(height), &next.0)?;
        }
        self.state(&built.state)?;
        self.tree(&built.tree)?;
        self.history(&built.history)?;
        self.recent(height, recent)?;
        self.drop_void(height, tip.time, floors)?;
        self.drop_undecided(height)?;
        self.drop_taken_evidence(&built.state)?;
        self.tip(tip)
    }

    fn state(&mut self, writes: &BTreeMap<StateKey, Option<Vec<u8>>>) -> Result<(), StoreError> {
        let family = self.inner.family(keys::STATE)?;
        for (key, object) in writes {
            match object {
                Some(object) => self.batch.put_cf(family, key.to_bytes(), object),
                None => self.batch.delete_cf(family, key.to_bytes()),
            }
        }
        Ok(())
    }

    /// New nodes take the places of those that they replace; paths on which no node stands any more are removed.
    fn tree(&mut self, update: &TreeUpdate) -> Result<(), StoreError> {
        let mut rows: Vec<(&[u8], Vec<u8>)> = update.nodes.iter().map(|(key, node)| node_row(key, node)).collect();
        rows.sort_unstable_by_key(|(path, _)| *path);
        let family = self.inner.family(keys::TREE)?;
        for (path, row) in &rows {
            self.batch.put_cf(family, path, row);
        }
        for key in &update.stale {
            let (_, path) = keys::version_and_path(key);
            if rows.binary_search_by(|(new, _)| (*new).cmp(path)).is_err() {
                self.batch.delete_cf(family, path);
            }
        }
        Ok(())
    }

    fn history(&mut self, hashes: &[(u64, Hash)]) -> Result<(), StoreError> {
        hashes.iter().try_for_each(|(index, hash)| self.put(keys::HISTORY, &keys::history(*index), &hash.0))
    }

    fn recent(&mut self, height: Height, ids: &[RecentId]) -> Result<(), StoreError> {
        if ids.is_empty() { Ok(()) } else { self.put(keys::RECENT, &keys::height(height), &RecentId::encode(ids)) }
    }

    /// Removes the lists of recent transactions that are all void.
    fn drop_void(&mut self, height: Height, now: Time, floors: &mut Floors) -> Result<(), StoreError> {
        for (listed, ids) in self.old_lists(keys::RECENT, floors.recent, height)? {
            floors.recent = listed;
            let ids =
                RecentId::decode(&ids).ok_or_else(|| StoreError::damaged("a list of recent transactions does not parse"))?;
            if ids.iter().any(|id| id.void_after >= now) {
                break;
            }
            self.remove(keys::RECENT, &keys::height(listed))?;
            floors.recent = listed.next();
        }
        Ok(())
    }

    /// A family's lists of heights from `floor` to before `end`; only some, if there are many.
    fn old_lists(&self, family: &'static str, floor: Height, end: Height) -> Result<Vec<(Height, Vec<u8>)>, StoreError> {
        let until = Some(keys::height(end).to_vec());
        let rows = self.inner.range(family, ReadOptions::default(), &keys::height(floor), until, OLD_LISTS_PER_BLOCK)?;
        rows.into_iter()
            .map(|(key, list)| Ok((keys::height_of(&key).ok_or_else(|| StoreError::damaged("a list's key"))?, list)))
            .collect()
    }

    /// Proposals for this height. Those for earlier heights went with them, and none is kept for a height that is committed.
    fn drop_undecided(&mut self, height: Height) -> Result<(), StoreError> {
        for (row, _) in self.inner.find_prefix(keys::UNDECIDED, &keys::height(height), usize::MAX)? {
            self.remove(keys::UNDECIDED, &row)?;
        }
        Ok(())
    }

    fn drop_taken_evidence(&mut self, writes: &BTreeMap<StateKey, Option<Vec<u8>>>) -> Result<(), StoreError> {
        for key in writes.keys() {
            if let StateKey::Evidence(validator, height) = key {
                self.remove(keys::EVIDENCE_PENDING, &keys::evidence(validator, *height))?;
            }
        }
        Ok(())
    }

    fn tip(&mut self, tip: Tip) -> Result<(), StoreError> {
        self.put(keys::META, keys::TIP, &encode(&tip))?;
        keys::MARKED.into_iter().try_for_each(|family| self.put(family, keys::MARK, &keys::height(tip.height)))
    }
}

/// A node's row in [`keys::TREE`].
fn node_row<'a>(key: &'a [u8], node: &[u8]) -> (&'a [u8], Vec<u8>) {
    let (version, path) = keys::version_and_path(key);
    (path, [&version.to_be_bytes(), node].concat())
}
