//! The node's store: everything that is committed, in RocksDB, one synced batch per block (rule L-8).
//!
//! [`Store`] founds, commits and opens; it is cheap to clone and safe to share. [`Snapshot`] reads: it sees one block boundary
//! however long it lives, so an account, its proof and the header agree. Execution reads through a snapshot as well.
//!
//! All calls block; asynchronous callers wrap them. After a failed write the store refuses everything: what is in memory may
//! no longer be what is on disk, and a node must not guess. What it refuses to do: to judge a block. Whoever commits has
//! checked the certificate and computed the block on top of the tip.

mod cache;
mod check;
mod commit;
mod database;
mod error;
mod keys;
mod prune;
mod recent;
mod snapshot;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};

use inro_contracts::block::{Header, Tip};
use inro_contracts::bytes::Canonical;
use inro_contracts::certificate::Certificate;
use inro_contracts::genesis::Founding;
use inro_contracts::id::{BlockId, ChainId, Hash, TransactionId};
use inro_contracts::machine::Built;
use inro_contracts::merkle::EntryTree;
use inro_contracts::time::Height;
use inro_contracts::transaction::VerifiedTransaction;
use inro_contracts::vote::DoubleSign;
use rocksdb::perf::{PerfStatsLevel, set_perf_stats};
use rocksdb::{DB, DBPinnableSlice, Direction, IteratorMode, ReadOptions, WriteBatch, WriteOptions, checkpoint::Checkpoint};

pub use check::CheckReport;
pub use error::StoreError;
pub use snapshot::{Location, ProvedEntry, ProvedObject, Snapshot, StoredBlock};

use cache::Cache;
use commit::Batch;
use recent::{Recent, RecentId};

/// How the store uses memory and disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreOptions {
    /// No block is written while less than this is free on the disk, in MiB.
    pub reserve_mib: u64,
    /// RocksDB's cache of blocks, indexes and filters, in MiB.
    pub block_cache_mib: usize,
    /// The cache of state tree nodes, in MiB.
    pub tree_cache_mib: usize,
    /// The cache of state objects, in MiB.
    pub state_cache_mib: usize,
    /// How many ids of transactions that are not void yet are kept in memory; each takes about 16 bytes.
    pub recent_ids_max: usize,
    /// How many of the last blocks [`Store::prune`] leaves whole; 0 keeps all blocks.
    pub keep_blocks: u64,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            reserve_mib: 256,
            block_cache_mib: 32,
            tree_cache_mib: 32,
            state_cache_mib: 16,
            recent_ids_max: 2_000_000,
            keep_blocks: 0,
        }
    }
}

/// What became of a block that was to be committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Committed {
    /// It is written, and survives a power cut.
    Written,
    /// It was written before; nothing was changed.
    AlreadyCommitted,
}

/// The node's store.
#[derive(Debug, Clone)]
pub struct Store(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    options: StoreOptions,
    db: DB,
    /// The first failed write. Whoever finds it set stops.
    stopped: OnceLock<String>,
    /// Held by the one who writes.
    writing: Mutex<Floors>,
    ledger: RwLock<Option<Ledger>>,
    hot: Mutex<Hot>,
    /// The entries' trees of the blocks that proofs were last asked for.
    entry_trees: Mutex<Vec<(Height, Arc<EntryTree>)>>,
}

/// The height below which lists of recent transactions were removed: to search from there spares every block the walk over what
/// the blocks before it removed.
#[derive(Debug, Default)]
struct Floors {
    recent: Height,
}

/// The ledger in this folder.
#[derive(Debug, Clone, Copy)]
struct Ledger {
    chain: ChainId,
    tip: Tip,
}

/// What is kept in memory as of `height`. Only a snapshot of that height may read it, but for the nodes, whose versions tell
/// them apart.
#[derive(Debug)]
struct Hot {
    height: Height,
    /// State objects that were read lately, under their keys.
    state: Cache,
    /// The tree's nodes under their paths. A new node of a path takes the place of the one that it replaces.
    nodes: Cache,
    recent: Recent,
}

impl Store {
    /// Opens the store in this folder, which is made if it does not exist.
    pub fn open(path: impl AsRef<Path>, options: &StoreOptions) -> Result<Self, StoreError> {
        let path = path.as_ref();
        let known = prepare_folder(path)?;
        // Before the database opens: it may write as much as its log holds.
        require_space(path, options.reserve_mib)?;
        let db = database::open(path, options, !known)?;
        let inner = Inner {
            path: path.to_owned(),
            options: options.clone(),
            db,
            stopped: OnceLock::new(),
            writing: Mutex::new(Floors::default()),
            ledger: RwLock::new(None),
            hot: Mutex::new(Hot {
                height: Height(0),
                state: Cache::new(options.state_cache_mib << 20),
                nodes: Cache::new(options.tree_cache_mib << 20),
                recent: Recent::new(options.recent_ids_max),
            }),
            entry_trees: Mutex::new(Vec::new()),
        };
        inner.load()?;
        if !known {
            write_format(path)?;
        }
        Ok(Self(Arc::new(inner)))
    }

    /// Writes the founding, in one synced batch. `genesis` is the founding document as the node was given it.
    pub fn found(&self, founding: &Founding, genesis: &[u8]) -> Result<(), StoreError> {
        let inner = &*self.0;
        let _writing = inner.write_lock()?;
        if let Some(ledger) = inner.ledger() {
            let (expected, found) = (founding.chain, ledger.chain);
            return Err(if expected == found { StoreError::AlreadyFounded } else { StoreError::OtherLedger { expected, found } });
        }
        inner.require_space()?;
        let mut batch = Batch::new(inner);
        batch.founding(founding, genesis)?;
        inner.write(batch.finish(), true)?;
        inner.advance(founding.chain, founding.tip, &founding.state, &founding.tree, &[]);
        Ok(())
    }

    /// Refuses if this folder holds another ledger, or none.
    pub fn require_chain(&self, expected: &ChainId) -> Result<(), StoreError> {
        let found = self.chain()?;
        if found == *expected { Ok(()) } else { Err(StoreError::OtherLedger { expected: *expected, found }) }
    }

    /// The founding document's bytes, if a ledger is founded.
    pub fn genesis(&self) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.alive()?;
        self.0.find(keys::META, keys::GENESIS)
    }

    /// Is a ledger founded in this folder?
    pub fn is_founded(&self) -> bool {
        self.0.ledger().is_some()
    }

    /// The ledger's id.
    pub fn chain(&self) -> Result<ChainId, StoreError> {
        self.0.require_ledger().map(|ledger| ledger.chain)
    }

    /// The last committed block. From memory.
    pub fn tip(&self) -> Result<Tip, StoreError> {
        self.0.require_ledger().map(|ledger| ledger.tip)
    }

    /// A view of everything as of the last committed block. It keeps seeing that block while others are committed; do not keep
    /// it for minutes, since nothing that it sees can be reclaimed.
    pub fn snapshot(&self) -> Result<Snapshot<'_>, StoreError> {
        Snapshot::new(&self.0)
    }

    /// Writes a block that was computed on top of the tip, with its certificate: one batch, synced before this returns.
    pub fn commit(
        &self,
        built: &Built,
        transactions: &[VerifiedTransaction],
        certificate: &Certificate,
    ) -> Result<Committed, StoreError> {
        let inner = &*self.0;
        let mut floors = inner.write_lock()?;
        let Ledger { chain, tip } = inner.require_ledger()?;
        commit::require_whole(built, transactions, certificate, &chain)?;
        let height = built.header.height;
        if height <= tip.height {
            return self.committed_before(height, built.id);
        }
        if height != tip.height.next() {
            return Err(StoreError::Gap { tip: tip.height, found: height });
        }
        if built.header.parent != tip.block {
            return Err(StoreError::Fork { height: tip.height, committed: tip.block, brought: built.header.parent });
        }
        inner.require_space()?;
        let recent: Vec<RecentId> =
            transactions.iter().map(|signed| RecentId::new(&signed.id(), signed.transaction().void_after)).collect();
        let tip = Tip { height, block: built.id, time: built.header.time };
        let mut batch = Batch::new(inner);
        batch.block(built, transactions, certificate, &recent, tip, &mut floors)?;
        inner.write(batch.finish(), true)?;
        inner.advance(chain, tip, &built.state, &built.tree, &recent);
        Ok(Committed::Written)
    }

    /// Drops some of what no journal needs from blocks that need not stay whole, and says whether there is more. Takes a few
    /// milliseconds, so whoever calls it again and again keeps no block waiting for long.
    pub fn prune(&self) -> Result<bool, StoreError> {
        let _writing = self.0.write_lock()?;
        prune::prune(&self.0, self.0.options.keep_blocks)
    }

    /// From this block on this store has every block whole: 1 unless it was pruned.
    pub fn whole_from(&self) -> Result<Height, StoreError> {
        self.0.alive()?;
        prune::whole_from(&self.0, &ReadOptions::default())
    }

    /// Replaces a block's certificate by one for the same block with more signatures. Says whether it did. Not synced: losing
    /// it costs nothing but the further signatures. Whoever calls has checked the certificate.
    pub fn raise_certificate(&self, height: Height, certificate: &Certificate) -> Result<bool, StoreError> {
        let inner = &*self.0;
        let _writing = inner.write_lock()?;
        let Some(stored) = inner.find(keys::CERTIFICATES, &keys::height(height))? else { return Ok(false) };
        let stored: Certificate = decode(&stored, "a certificate")?;
        if certificate.height != height || certificate.block != stored.block {
            return Err(StoreError::Mismatch { what: "a certificate and the block stored at its height" });
        }
        if certificate.signatures.len() <= stored.signatures.len() {
            return Ok(false);
        }
        let mut batch = Batch::new(inner);
        batch.put(keys::CERTIFICATES, &keys::height(height), &certificate.to_bytes())?;
        inner.write(batch.finish(), false)?;
        Ok(true)
    }

    /// Keeps a proposal for a height that is not decided; synced, since a vote for it may follow. Dropped when the height is
    /// committed; nothing is kept for heights that are.
    pub fn put_undecided(&self, height: Height, round: u32, block: &BlockId, proposal: &[u8]) -> Result<(), StoreError> {
        let inner = &*self.0;
        let _writing = inner.write_lock()?;
        if height <= inner.require_ledger()?.tip.height {
            return Ok(());
        }
        inner.require_space()?;
        let mut batch = Batch::new(inner);
        batch.put(keys::UNDECIDED, &keys::undecided(height, round, block), proposal)?;
        inner.write(batch.finish(), true)
    }

    /// The proposals kept for a height: round, block and bytes, in the order of rounds.
    pub fn undecided(&self, height: Height) -> Result<Vec<(u32, BlockId, Vec<u8>)>, StoreError> {
        self.0.alive()?;
        let rows = self.0.find_prefix(keys::UNDECIDED, &keys::height(height), usize::MAX)?;
        rows.into_iter()
            .map(|(key, proposal)| {
                let (round, block) = keys::undecided_of(&key).ok_or_else(|| StoreError::damaged("a proposal's key"))?;
                Ok((round, block, proposal))
            })
            .collect()
    }

    /// Keeps evidence of a double signature until a block has taken it.
    pub fn put_evidence(&self, evidence: &DoubleSign) -> Result<(), StoreError> {
        let inner = &*self.0;
        let _writing = inner.write_lock()?;
        let mut batch = Batch::new(inner);
        batch.put(keys::EVIDENCE_PENDING, &keys::evidence(&evidence.validator(), evidence.height()), &evidence.to_bytes())?;
        inner.write(batch.finish(), true)
    }

    /// Evidence that no block has taken yet, at most 256 pieces.
    pub fn pending_evidence(&self) -> Result<Vec<DoubleSign>, StoreError> {
        self.0.alive()?;
        let rows = self.0.find_prefix(keys::EVIDENCE_PENDING, &[], 256)?;
        rows.iter().map(|(_, bytes)| decode(bytes, "evidence")).collect()
    }

    /// A block's header; `None` for height 0 and for heights not committed.
    pub fn header(&self, height: Height) -> Result<Option<Header>, StoreError> {
        self.snapshot()?.header(height)
    }

    /// A block's certificate.
    pub fn certificate(&self, height: Height) -> Result<Option<Certificate>, StoreError> {
        self.snapshot()?.certificate(height)
    }

    /// A whole block.
    pub fn block(&self, height: Height) -> Result<Option<StoredBlock>, StoreError> {
        self.snapshot()?.block(height)
    }

    /// Where a transaction was committed.
    pub fn transaction(&self, id: &TransactionId) -> Result<Option<Location>, StoreError> {
        self.snapshot()?.transaction(id)
    }

    /// The state root after the last block.
    pub fn state_root(&self) -> Result<Hash, StoreError> {
        self.snapshot()?.state_root()
    }

    /// Checks that what is stored belongs together: at start-up, before the node says anything to anybody.
    pub fn check(&self) -> Result<CheckReport, StoreError> {
        check::check(&self.snapshot()?)
    }

    /// Writes a copy of the whole store, as of now, into a new folder that [`Store::open`] can open. On the same disk it costs
    /// almost nothing: files are linked.
    pub fn checkpoint(&self, path: impl AsRef<Path>) -> Result<(), StoreError> {
        let (inner, path) = (&*self.0, path.as_ref());
        inner.alive()?;
        inner.require_space()?;
        std::fs::create_dir_all(path).map_err(|error| StoreError::of_system(path, "make the copy's folder", &error))?;
        let failed = |error| StoreError::of_database(path, "write a copy", &error);
        Checkpoint::new(&inner.db).and_then(|copy| copy.create_checkpoint(path.join(DATABASE))).map_err(failed)?;
        write_format(path)
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Is this the only handle left? When it is dropped, the database is closed.
    pub fn is_held_alone(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }

    /// Free bytes on the folder's disk.
    pub fn free_bytes(&self) -> Result<u64, StoreError> {
        free_bytes(&self.0.path)
    }

    /// The disk space that the database's files take, in bytes.
    pub fn bytes_on_disk(&self) -> Result<u64, StoreError> {
        self.0.alive()?;
        let files = self.0.db.live_files().map_err(|error| self.0.failed("list its files", &error))?;
        Ok(files.iter().map(|file| file.size as u64).sum())
    }

    fn committed_before(&self, height: Height, brought: BlockId) -> Result<Committed, StoreError> {
        let committed = match self.header(height)? {
            Some(header) => header.id(),
            None => return Err(StoreError::damaged(format!("the header of block {height} is missing"))),
        };
        if committed == brought { Ok(Committed::AlreadyCommitted) } else { Err(StoreError::Fork { height, committed, brought }) }
    }
}

/// The database's folder inside the store's.
const DATABASE: &str = "db";
/// The file that says which layout the store has.
const FORMAT_FILE: &str = "FORMAT";
/// How much is read of the file that says which layout the store has, in bytes.
const FORMAT_BYTES_MAX: usize = 64;

impl Inner {
    /// Refuses after a failed write.
    fn alive(&self) -> Result<(), StoreError> {
        match self.stopped.get() {
            None => Ok(()),
            Some(cause) => Err(StoreError::Stopped { cause: cause.clone() }),
        }
    }

    fn write_lock(&self) -> Result<MutexGuard<'_, Floors>, StoreError> {
        let guard = lock(&self.writing);
        self.alive()?;
        Ok(guard)
    }

    fn ledger(&self) -> Option<Ledger> {
        *self.ledger.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn require_ledger(&self) -> Result<Ledger, StoreError> {
        self.alive()?;
        self.ledger().ok_or(StoreError::NotFounded)
    }

    fn require_space(&self) -> Result<(), StoreError> {
        require_space(&self.path, self.options.reserve_mib)
    }

    /// Writes a batch; after a failure nothing is written any more.
    fn write(&self, batch: WriteBatch, synced: bool) -> Result<(), StoreError> {
        // The database counts comparisons of keys for each thread unless told not to, and a block makes a hundred thousand.
        set_perf_stats(PerfStatsLevel::Disable);
        let mut options = WriteOptions::default();
        options.set_sync(synced);
        self.db.write_opt(batch, &options).map_err(|error| {
            let error = self.failed("write", &error);
            // Only the first failure is kept; it is the cause of the others.
            let _ = self.stopped.set(error.to_string());
            error
        })
    }

    /// Makes what is in memory agree with what was just written.
    fn advance(
        &self,
        chain: ChainId,
        tip: Tip,
        state: &std::collections::BTreeMap<inro_contracts::state::StateKey, Option<Vec<u8>>>,
        tree: &inro_contracts::tree::TreeUpdate,
        recent: &[RecentId],
    ) {
        let mut hot = lock(&self.hot);
        for (key, node) in &tree.nodes {
            let (version, path) = keys::version_and_path(key);
            hot.nodes.keep(path, version, node);
        }
        for (key, object) in state {
            match object {
                Some(object) => _ = hot.state.replace(&key.to_bytes(), 0, object),
                None => hot.state.forget(&key.to_bytes()),
            }
        }
        hot.recent.add(recent);
        hot.recent.drop_void(tip.time);
        hot.height = tip.height;
        drop(hot);
        *self.ledger.write().unwrap_or_else(PoisonError::into_inner) = Some(Ledger { chain, tip });
    }

    /// Reads what is kept in memory, and refuses families that stand at different heights.
    fn load(&self) -> Result<(), StoreError> {
        let Some(tip) = self.find_tip(&ReadOptions::default())? else {
            for family in keys::MARKED {
                if self.find(family, keys::MARK)?.is_some() {
                    return Err(StoreError::damaged("the last block's number is missing; files may be missing"));
                }
            }
            return Ok(());
        };
        let chain = self.find(keys::META, keys::CHAIN)?.and_then(|bytes| Some(ChainId(bytes.try_into().ok()?)));
        let chain = chain.ok_or_else(|| StoreError::damaged("the ledger's id is missing"))?;
        for family in keys::MARKED {
            let mark = self.find(family, keys::MARK)?.and_then(|mark| keys::height_of(&mark));
            if mark != Some(tip.height) {
                let stands = mark.map_or("none".into(), |height| height.to_string());
                let what =
                    format!("the last block is {}, but the one of {family:?} is {stands}; files may be missing", tip.height);
                return Err(StoreError::damaged(what));
            }
        }
        let mut hot = lock(&self.hot);
        hot.height = tip.height;
        for (_, ids) in self.find_prefix(keys::RECENT, &[], usize::MAX)? {
            let ids = RecentId::decode(&ids).ok_or_else(|| StoreError::damaged("the list of recent transactions"))?;
            hot.recent.add(&ids);
            hot.recent.drop_void(tip.time);
        }
        *self.ledger.write().unwrap_or_else(PoisonError::into_inner) = Some(Ledger { chain, tip });
        Ok(())
    }

    /// The last block as of a view; `None` before the founding.
    fn find_tip(&self, view: &ReadOptions) -> Result<Option<Tip>, StoreError> {
        let tip = self.find_as_of(view, keys::META, keys::TIP)?;
        let tip = tip.map(|bytes| borsh::from_slice(&bytes)).transpose();
        tip.map_err(|_| StoreError::damaged("the last block's number does not parse"))
    }

    fn family(&self, name: &'static str) -> Result<&rocksdb::ColumnFamily, StoreError> {
        self.db.cf_handle(name).ok_or_else(|| StoreError::damaged(format!("the family {name:?} is missing")))
    }

    fn find(&self, family: &'static str, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.find_as_of(&ReadOptions::default(), family, key)
    }

    fn find_as_of(&self, view: &ReadOptions, family: &'static str, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.db.get_cf_opt(self.family(family)?, key, view).map_err(|error| self.failed("read", &error))
    }

    /// The same where the database has it, for what is large and of which a part is wanted.
    fn find_pinned(
        &self,
        view: &ReadOptions,
        family: &'static str,
        key: &[u8],
    ) -> Result<Option<DBPinnableSlice<'_>>, StoreError> {
        self.db.get_pinned_cf_opt(self.family(family)?, key, view).map_err(|error| self.failed("read", &error))
    }

    fn find_prefix(&self, family: &'static str, prefix: &[u8], limit: usize) -> Result<Vec<Row>, StoreError> {
        self.range(family, ReadOptions::default(), prefix, keys::after_prefix(prefix), limit)
    }

    /// Rows from `from` to before `until`, at most `limit`.
    fn range(
        &self,
        family: &'static str,
        mut options: ReadOptions,
        from: &[u8],
        until: Option<Vec<u8>>,
        limit: usize,
    ) -> Result<Vec<Row>, StoreError> {
        if let Some(until) = until {
            options.set_iterate_upper_bound(until);
        }
        let rows = self.db.iterator_cf_opt(self.family(family)?, options, IteratorMode::From(from, Direction::Forward));
        rows.take(limit)
            .map(|row| row.map(|(key, value)| (key.into_vec(), value.into_vec())).map_err(|error| self.failed("read", &error)))
            .collect()
    }

    fn failed(&self, act: &'static str, error: &rocksdb::Error) -> StoreError {
        StoreError::of_database(&self.path, act, error)
    }
}

type Row = (Vec<u8>, Vec<u8>);

/// Takes a lock. A thread that died holding one leaves only caches behind, and these are replaced whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn decode<T: Canonical>(bytes: &[u8], what: &str) -> Result<T, StoreError> {
    T::from_bytes(bytes).map_err(|error| StoreError::damaged(format!("{what} does not parse: {error}")))
}

/// Makes the folder and tries to write to it. Says whether it holds a store of this layout already.
fn prepare_folder(path: &Path) -> Result<bool, StoreError> {
    let failed = |error: &std::io::Error| StoreError::of_system(path, "open its folder", error);
    std::fs::create_dir_all(path.join(DATABASE)).map_err(|error| failed(&error))?;
    let probe = path.join("write-probe");
    std::fs::write(&probe, b"x").and_then(|()| std::fs::remove_file(&probe)).map_err(|error| failed(&error))?;
    match std::fs::read(path.join(FORMAT_FILE)) {
        Ok(text) => {
            let text = String::from_utf8_lossy(&text[..text.len().min(FORMAT_BYTES_MAX)]);
            let found = text.trim_end().to_owned();
            let known = keys::FORMAT;
            if found == known { Ok(true) } else { Err(StoreError::UnknownFormat { path: path.to_owned(), found, known }) }
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(failed(&error)),
    }
}

/// Free bytes on the folder's disk. One system call.
fn free_bytes(path: &Path) -> Result<u64, StoreError> {
    let space = rustix::fs::statvfs(path)
        .map_err(|error| StoreError::Failed { act: "ask how much space is free", cause: error.to_string() })?;
    Ok(space.f_bavail.saturating_mul(space.f_frsize))
}

/// Refuses while less than the reserve is free.
fn require_space(path: &Path, reserve_mib: u64) -> Result<(), StoreError> {
    let free_mib = free_bytes(path)? >> 20;
    if free_mib < reserve_mib {
        return Err(StoreError::DiskNearlyFull { path: path.to_owned(), free_mib, reserve_mib });
    }
    Ok(())
}

/// States the layout, durably. Written after the database was made: a store without it was never acknowledged to anybody.
fn write_format(path: &Path) -> Result<(), StoreError> {
    let write = || {
        let mut file = std::fs::File::create(path.join(FORMAT_FILE))?;
        std::io::Write::write_all(&mut file, format!("{}\n", keys::FORMAT).as_bytes())?;
        file.sync_all()?;
        std::fs::File::open(path)?.sync_all()
    };
    write().map_err(|error| StoreError::of_system(path, "write its folder", &error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use inro_contracts::fixture::Consortium;

    /// A log file is lost after some families were written to files of their own and others were not. Without the marks the
    /// store would open with a state that belongs to no block.
    #[test]
    fn families_that_stand_at_different_heights_are_reported_as_damage() {
        let folder = tempfile::tempdir().unwrap();
        let consortium = Consortium::new(4);
        let store = Store::open(folder.path(), &StoreOptions::default()).unwrap();
        store.found(&consortium.founding(), b"").unwrap();
        for family in [keys::META, keys::STATE] {
            store.0.db.flush_cf(store.0.family(family).unwrap()).unwrap();
        }
        drop(store);
        for file in std::fs::read_dir(folder.path().join(DATABASE)).unwrap() {
            let path = file.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "log") {
                std::fs::remove_file(path).unwrap();
            }
        }
        let error = Store::open(folder.path(), &StoreOptions::default()).unwrap_err();
        assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    }

    /// A store with blocks of one transaction each, a minute apart.
    fn blocks_of_one_opening(folder: &Path, options: &StoreOptions, blocks: u64) -> Store {
        use inro_contracts::block::BlockContext;
        use inro_contracts::fixture::FOUNDED;

        let consortium = Consortium::new(4);
        let store = Store::open(folder, options).unwrap();
        store.found(&consortium.founding(), b"").unwrap();
        let member = &consortium.organisations[0];
        for number in 1..=blocks {
            let (height, time) = (Height(number), FOUNDED.plus_ms(number * 60_000));
            let void_after = time.plus_ms(90_000);
            let opening = consortium.verified(consortium.account_opening(0, number), &member.practitioner, void_after);
            let context = BlockContext { chain: consortium.chain, height, time };
            let (snapshot, tip) = (store.snapshot().unwrap(), store.tip().unwrap());
            let proposer = member.validator.public();
            let built =
                inro_contracts::machine::build(&snapshot, &tip, &context, proposer, std::slice::from_ref(&opening)).unwrap();
            store.commit(&built, &[opening], &consortium.certificate(&built.header, 0)).unwrap();
        }
        store
    }

    /// How many rows some families have after so many blocks.
    fn rows_after(blocks: u64) -> [usize; 2] {
        let folder = tempfile::tempdir().unwrap();
        let store = blocks_of_one_opening(folder.path(), &StoreOptions::default(), blocks);
        store.check().unwrap();
        [keys::TREE, keys::RECENT].map(|family| {
            let rows = store.0.find_prefix(family, &[], usize::MAX).unwrap();
            rows.iter().filter(|(key, _)| key != keys::MARK).count()
        })
    }

    #[test]
    fn what_is_no_longer_needed_is_removed() {
        let (consortium, [nodes, recent]) = (Consortium::new(4), rows_after(20));
        assert_eq!(recent, 2, "a transaction is void two blocks later");
        // A block that opens an account adds its leaf, and now and then a node above it.
        let at_first = consortium.founding().tree.nodes.len();
        assert!((at_first + 20..at_first + 50).contains(&nodes), "{nodes} nodes after {at_first}");
    }

    #[test]
    fn a_pruned_block_that_does_not_lead_to_its_root_any_more_is_reported_as_damage() {
        let folder = tempfile::tempdir().unwrap();
        let options = StoreOptions { keep_blocks: 20, ..StoreOptions::default() };
        let store = blocks_of_one_opening(folder.path(), &options, 41);
        while store.prune().unwrap() {}
        assert_eq!(store.whole_from().unwrap(), Height(22));
        store.check().unwrap();
        let (page, _) = keys::page(Height(21), 0);
        for leaf in [[7; 32].as_slice(), &[7; 100]] {
            store.0.db.put_cf(store.0.family(keys::ENTRIES).unwrap(), page, borsh::to_vec(&vec![leaf]).unwrap()).unwrap();
            assert!(matches!(store.check(), Err(StoreError::Damaged { .. })));
        }
    }

    #[test]
    fn after_a_failed_write_every_call_says_why_it_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let consortium = Consortium::new(4);
        let store = Store::open(folder.path(), &StoreOptions::default()).unwrap();
        store.found(&consortium.founding(), b"").unwrap();
        let snapshot = store.snapshot().unwrap();
        store.0.stopped.set("a failed write".into()).unwrap();
        let stopped = StoreError::Stopped { cause: "a failed write".into() };
        assert_eq!(store.tip().unwrap_err(), stopped);
        assert_eq!(store.genesis().unwrap_err(), stopped);
        assert_eq!(store.undecided(Height(1)).unwrap_err(), stopped);
        assert_eq!(store.put_undecided(Height(1), 0, &BlockId([0; 32]), b"").unwrap_err(), stopped);
        assert_eq!(store.snapshot().unwrap_err(), stopped);
        assert_eq!(snapshot.header(Height(1)).unwrap_err(), stopped);
    }
}
