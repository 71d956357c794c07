//! The history root (rule L-4): an RFC 6962 tree over all block ids, the genesis first. Any old block is proved from any newer
//! header, and two headers are proved consistent, without the blocks between. The algorithm is `tlog_tiles`'; this file gives
//! it our hashes and a store of them.

use tlog_tiles::{HashReader, stored_hash_index, stored_hashes, tree_hash};
use tlog_tiles::{check_record, check_tree, node_hash, prove_record, prove_tree, record_hash, stored_hash_count};

use crate::id::{BlockId, Hash};

/// Reads stored hashes by their index; each was handed out by [`append`].
pub trait HistoryReader {
    /// The hash at `index`, or `None` if it is not stored.
    fn history_hash(&self, index: u64) -> Option<Hash>;
}

/// Why the history cannot be extended or a proof not be made or believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HistoryFault {
    /// A stored hash is missing: the store is damaged.
    #[error("history hash missing from the store: {0}")]
    Missing(String),
    /// A proof does not lead to the root.
    #[error("false history proof: {0}")]
    False(String),
}

/// More block ids than any ledger will have; sizes above it come from a stranger and are refused.
const SIZE_MAX: u64 = 1 << 48;

/// More hashes than a proof in a tree of [`SIZE_MAX`] needs.
const PROOF_MAX: usize = 64;

fn bounded(size: u64, proof: &[Hash]) -> Result<Vec<tlog_tiles::Hash>, HistoryFault> {
    if size > SIZE_MAX || proof.len() > PROOF_MAX {
        return Err(HistoryFault::False(format!("{} hashes for a history of {size} blocks", proof.len())));
    }
    Ok(proof.iter().map(|hash| tlog_tiles::Hash(hash.0)).collect())
}

fn storable(size: u64) -> Result<u64, HistoryFault> {
    if size > SIZE_MAX { Err(HistoryFault::Missing(format!("there are no {size} blocks"))) } else { Ok(size) }
}

struct Reader<'a, R: HistoryReader + ?Sized>(&'a R);

impl<R: HistoryReader + ?Sized> HashReader for Reader<'_, R> {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog_tiles::Hash>, tlog_tiles::Error> {
        indexes
            .iter()
            .map(|index| self.0.history_hash(*index).map(|hash| tlog_tiles::Hash(hash.0)))
            .collect::<Option<Vec<_>>>()
            .ok_or(tlog_tiles::Error::InvalidInput("hash not stored".into()))
    }
}

/// The hashes to store when block id number `position` (the genesis is 0) joins the tree, each with its index.
pub fn append<R: HistoryReader + ?Sized>(reader: &R, position: u64, block: &BlockId) -> Result<Vec<(u64, Hash)>, HistoryFault> {
    let position = storable(position)?;
    let hashes = stored_hashes(position, &block.0, &Reader(reader)).map_err(|error| HistoryFault::Missing(error.to_string()))?;
    let first = stored_hash_count(position);
    Ok(hashes.into_iter().enumerate().map(|(offset, hash)| (first + offset as u64, Hash(hash.0))).collect())
}

/// The root over the first `size` block ids.
pub fn root<R: HistoryReader + ?Sized>(reader: &R, size: u64) -> Result<Hash, HistoryFault> {
    tree_hash(storable(size)?, &Reader(reader)).map(|hash| Hash(hash.0)).map_err(|error| HistoryFault::Missing(error.to_string()))
}

/// Proves that block id number `position` is in the tree of `size`.
pub fn prove_inclusion<R: HistoryReader + ?Sized>(reader: &R, size: u64, position: u64) -> Result<Vec<Hash>, HistoryFault> {
    prove_record(storable(size)?, position, &Reader(reader))
        .map(|proof| proof.into_iter().map(|hash| Hash(hash.0)).collect())
        .map_err(|error| HistoryFault::Missing(error.to_string()))
}

/// Checks [`prove_inclusion`]'s proof.
pub fn check_inclusion(root: &Hash, size: u64, position: u64, block: &BlockId, proof: &[Hash]) -> Result<(), HistoryFault> {
    let proof = bounded(size, proof)?;
    check_record(&proof, size, tlog_tiles::Hash(root.0), position, record_hash(&block.0))
        .map_err(|error| HistoryFault::False(error.to_string()))
}

/// Proves that the tree of `old` block ids is the beginning of the tree of `size`.
pub fn prove_consistency<R: HistoryReader + ?Sized>(reader: &R, size: u64, old: u64) -> Result<Vec<Hash>, HistoryFault> {
    prove_tree(storable(size)?, old, &Reader(reader))
        .map(|proof| proof.into_iter().map(|hash| Hash(hash.0)).collect())
        .map_err(|error| HistoryFault::Missing(error.to_string()))
}

/// Checks [`prove_consistency`]'s proof.
pub fn check_consistency(root: &Hash, size: u64, old_root: &Hash, old: u64, proof: &[Hash]) -> Result<(), HistoryFault> {
    let proof = bounded(size, proof)?;
    check_tree(&proof, size, tlog_tiles::Hash(root.0), old, tlog_tiles::Hash(old_root.0))
        .map_err(|error| HistoryFault::False(error.to_string()))
}

/// The root over `size + 1` block ids, from the root over the first `size` and the id that joins. `path` is the new id's, as
/// [`prove_inclusion`] gives it: the complete subtrees of which the old root is made, the smallest first. So whoever believes a
/// header knows the root that the *next* header will carry.
pub fn root_after(root: &Hash, size: u64, block: &BlockId, path: &[Hash]) -> Result<Hash, HistoryFault> {
    let subtrees = bounded(size, path)?;
    let old = subtrees.iter().copied().reduce(|right, left| node_hash(left, right));
    // As many subtrees as ones in the size: with another number the same root could be cut into other pieces.
    if subtrees.len() as u64 != u64::from(size.count_ones()) || old != Some(tlog_tiles::Hash(root.0)) {
        return Err(HistoryFault::False(format!("the path does not lead to the root over {size} blocks")));
    }
    let new = subtrees.iter().fold(record_hash(&block.0), |right, left| node_hash(*left, right));
    Ok(Hash(new.0))
}

/// The indexes of the stored hashes that everything after the first `size` block ids reads: whoever only goes on, and proves
/// nothing, can forget all others.
pub fn frontier(size: u64) -> Vec<u64> {
    let complete = (0..48u8).filter(|level| (size >> level) & 1 == 1);
    complete.map(|level| stored_hash_index(level, (size >> level) - 1)).collect()
}

/// The index of block id number `position` among the stored hashes.
pub fn leaf_index(position: u64) -> u64 {
    stored_hash_index(0, position)
}
