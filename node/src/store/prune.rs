//! Pruning: a node that need not keep everything drops, of its old blocks, the entries that no journal needs; a little at a time, in
//! batches of its own. `docs/decisions/17-pruning.md` says why it is done so.
//!
//! An entry that is dropped leaves its leaf hash in its place, so every path in its block can still be made. What it refuses to
//! drop: an event of a journal, whatever its age, and anything of the last blocks.

use inro_contracts::bytes::encode;
use inro_contracts::entry::{Entry, Outcome};
use inro_contracts::id::Hash;
use inro_contracts::merkle::leaf_hash;
use inro_contracts::time::Height;
use inro_contracts::transaction::Action;
use inro_evidence::account_of;
use rocksdb::ReadOptions;

use super::commit::Batch;
use super::{Inner, StoreError, decode, keys};

/// How many pages are gone through at a time: a few milliseconds, in which no block can be written.
const PAGES_AT_A_TIME: usize = 32;

/// What stands in an entry's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Slot {
    /// The entry.
    Whole(Vec<u8>),
    /// Its leaf hash: the entry was dropped.
    Dropped(Hash),
}

impl Slot {
    /// The leaf hash, in either case.
    pub(super) fn leaf(&self) -> Hash {
        match self {
            Self::Whole(entry) => leaf_hash(entry),
            Self::Dropped(leaf) => *leaf,
        }
    }

    /// The entry; an error that says where to find it if it was dropped.
    pub(super) fn whole(self, height: Height) -> Result<Vec<u8>, StoreError> {
        match self {
            Self::Whole(entry) => Ok(entry),
            Self::Dropped(_) => Err(StoreError::Pruned { height }),
        }
    }
}

impl From<Vec<u8>> for Slot {
    /// An entry has a signature of 64 bytes, so what has 32 is a hash.
    fn from(item: Vec<u8>) -> Self {
        match <[u8; 32]>::try_from(item.as_slice()) {
            Ok(leaf) => Self::Dropped(Hash(leaf)),
            Err(_) => Self::Whole(item),
        }
    }
}

/// The slots of a page.
pub(super) fn slots(page: &[u8]) -> Result<Vec<Slot>, StoreError> {
    let items: Vec<Vec<u8>> = borsh::from_slice(page).map_err(|_| unparsed())?;
    Ok(items.into_iter().map(Slot::from).collect())
}

/// The slot at this place of a page, if it has so many. The others are passed over: a journal's events stand on a page each.
pub(super) fn slot_at(page: &[u8], place: usize) -> Result<Option<Slot>, StoreError> {
    let (count, mut rest) = number_of(page).ok_or_else(unparsed)?;
    if place >= count {
        return Ok(None);
    }
    for _ in 0..place {
        rest = number_of(rest).and_then(|(length, rest)| rest.get(length..)).ok_or_else(unparsed)?;
    }
    let item = number_of(rest).and_then(|(length, rest)| rest.get(..length)).ok_or_else(unparsed)?;
    Ok(Some(item.to_vec().into()))
}

/// A length, and what comes after it.
fn number_of(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((u32::from_le_bytes(*number) as usize, rest))
}

fn unparsed() -> StoreError {
    StoreError::damaged("a page of entries does not parse")
}

/// Goes through the next pages of blocks before the last `keep_blocks`; says whether there are more. The caller holds the lock of
/// those who write.
pub(super) fn prune(inner: &Inner, keep_blocks: u64) -> Result<bool, StoreError> {
    let tip = inner.require_ledger()?.tip.height;
    let end = Height((tip.0 + 1).saturating_sub(keep_blocks));
    let (height, page) = reached(inner, &ReadOptions::default())?;
    if keep_blocks == 0 || height >= end {
        return Ok(false);
    }
    inner.require_space()?;
    let mut once = ReadOptions::default();
    once.fill_cache(false);
    let until = Some(keys::height(end).to_vec());
    let pages = inner.range(keys::ENTRIES, once, &keys::place(height, page), until, PAGES_AT_A_TIME)?;
    let mut batch = Batch::new(inner);
    for (key, page) in &pages {
        if let Some(rest) = rest_of(page)? {
            batch.put(keys::ENTRIES, key, &rest)?;
        }
    }
    let last = pages.last().filter(|_| pages.len() == PAGES_AT_A_TIME).map(|(key, _)| keys::place_of(key));
    let next = match last {
        Some(place) => place.map(|(height, page)| (height, page + 1)).ok_or_else(|| StoreError::damaged("a page's key"))?,
        None => (end, 0),
    };
    batch.put(keys::META, keys::PRUNED, &keys::place(next.0, next.1))?;
    // Not synced: what a crash takes back is done again, and gives the same.
    inner.write(batch.finish(), false)?;
    Ok(last.is_some())
}

/// The page that is gone through next: its block, and its number there.
fn reached(inner: &Inner, view: &ReadOptions) -> Result<(Height, u32), StoreError> {
    match inner.find_as_of(view, keys::META, keys::PRUNED)? {
        Some(place) => keys::place_of(&place).ok_or_else(|| StoreError::damaged("how far old blocks are pruned")),
        None => Ok((Height(1), 0)),
    }
}

/// From this block on every block is whole.
pub(super) fn whole_from(inner: &Inner, view: &ReadOptions) -> Result<Height, StoreError> {
    let (height, page) = reached(inner, view)?;
    Ok(if page == 0 { height } else { height.next() })
}

/// The page without what no journal needs; `None` if it stays as it is.
fn rest_of(page: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
    let mut is_changed = false;
    let mut rest = Vec::new();
    for slot in slots(page)? {
        rest.push(match slot {
            Slot::Whole(entry) if is_event(&entry)? => entry,
            Slot::Whole(entry) => {
                is_changed = true;
                leaf_hash(&entry).0.to_vec()
            }
            Slot::Dropped(leaf) => leaf.0.to_vec(),
        });
    }
    Ok(is_changed.then(|| encode(&rest)))
}

/// Can the entry be an event of a journal? All events are; so are a few others, such as an access to an account that there is not.
fn is_event(entry: &[u8]) -> Result<bool, StoreError> {
    let Entry { transaction, outcome } = decode(entry, "an entry")?;
    let action = &transaction.transaction.action;
    let names_account = matches!(action, Action::OpenAccount { .. }) || account_of(action).is_some();
    Ok(names_account && !matches!(outcome, Outcome::Rejected(_)))
}
