//! Where everything stands in the store: the column families, and every key in them. Numbers are big-endian, so keys sort as
//! the numbers do. `docs/decisions` and this file are the only places that may change the layout, with a new [`FORMAT`].

use inro_contracts::id::{BlockId, Hash, Label};
use inro_contracts::key::PublicKey;
use inro_contracts::time::Height;

/// How many entries stand in one row of [`ENTRIES`].
pub const ENTRIES_PER_PAGE: u32 = 16;

/// The layout's version, as it stands in the file beside the database.
pub const FORMAT: &str = "inro store 3";

/// The ledger's genesis, chain id, tip, founding root, validator sets by their hash, and the heights at which the set changed.
pub const META: &str = "meta";
/// State key → object bytes.
pub const STATE: &str = "state";
/// Path → version and node bytes of the state tree, as of the last block. A snapshot sees the tree of its own block, so replaced
/// nodes need not be kept.
pub const TREE: &str = "tree";
/// Index → hash of the history tree.
pub const HISTORY: &str = "history";
/// Height → header.
pub const HEADERS: &str = "headers";
/// Height → certificate.
pub const CERTIFICATES: &str = "certificates";
/// Height, page → entries of a block, [`ENTRIES_PER_PAGE`] to a page: fewer rows to write, and as quick to read, since the
/// database reads whole blocks of rows from the disk anyway. Where a pruned entry stood stands its leaf hash, 32 bytes.
pub const ENTRIES: &str = "entries";
/// Transaction id → height, index.
pub const TRANSACTIONS: &str = "transactions";
/// Height → beginnings of ids with their void-after times, while they can still be replayed.
pub const RECENT: &str = "recent";
/// Label, position → height, index.
pub const JOURNAL: &str = "journal";
/// Height, round, block id → a proposal that is not decided.
pub const UNDECIDED: &str = "undecided";
/// Validator, height → a double signature that is not on the ledger yet.
pub const EVIDENCE_PENDING: &str = "evidence_pending";

/// All column families.
pub const FAMILIES: [&str; 12] =
    [META, STATE, TREE, HISTORY, HEADERS, CERTIFICATES, ENTRIES, TRANSACTIONS, RECENT, JOURNAL, UNDECIDED, EVIDENCE_PENDING];

/// The families that every block writes; each holds its last block's height under [`MARK`].
pub const MARKED: [&str; 9] = [META, STATE, TREE, HISTORY, HEADERS, CERTIFICATES, ENTRIES, TRANSACTIONS, JOURNAL];

/// In every family of [`MARKED`]: the height of the last block. No other key of these families is this short and begins so.
pub const MARK: &[u8] = &[0xff];

/// In [`META`]: the founding document's bytes.
pub const GENESIS: &[u8] = b"genesis";
/// In [`META`]: the chain's id.
pub const CHAIN: &[u8] = b"chain";
/// In [`META`]: the last block.
pub const TIP: &[u8] = b"tip";
/// In [`META`]: height and number of the page of [`ENTRIES`] with which pruning goes on; absent before it began.
pub const PRUNED: &[u8] = b"pruned";
/// In [`META`]: the state root of height 0.
pub const FOUNDING_ROOT: &[u8] = b"founding-root";

/// In [`META`]: the validator set with this hash.
pub fn validators(hash: &Hash) -> Vec<u8> {
    [b"validators/".as_slice(), &hash.0].concat()
}

/// In [`META`]: the block at this height names another validator set as the next one. The value is that set's hash.
pub fn change(at: Height) -> Vec<u8> {
    [CHANGE_PREFIX, &height(at)].concat()
}

/// The prefix of [`change`].
pub const CHANGE_PREFIX: &[u8] = b"change/";

/// In [`HEADERS`], [`CERTIFICATES`], [`RECENT`]; the prefix of a block's keys in [`ENTRIES`] and [`UNDECIDED`].
pub fn height(height: Height) -> [u8; 8] {
    height.0.to_be_bytes()
}

/// The height in a key of [`height`]; `None` for any other key.
pub fn height_of(key: &[u8]) -> Option<Height> {
    key.try_into().ok().map(|bytes| Height(u64::from_be_bytes(bytes)))
}

/// In [`HISTORY`].
pub fn history(index: u64) -> [u8; 8] {
    index.to_be_bytes()
}

/// The key in [`ENTRIES`] of the page on which the entry stands, and its place there.
pub fn page(at: Height, index: u32) -> ([u8; 12], usize) {
    (place(at, index / ENTRIES_PER_PAGE), (index % ENTRIES_PER_PAGE) as usize)
}

/// The value in [`TRANSACTIONS`], [`JOURNAL`] and under [`PRUNED`].
pub fn place(at: Height, index: u32) -> [u8; 12] {
    let mut key = [0; 12];
    key[..8].copy_from_slice(&height(at));
    key[8..].copy_from_slice(&index.to_be_bytes());
    key
}

/// The height and index in [`place`]'s bytes; `None` for other bytes.
pub fn place_of(bytes: &[u8]) -> Option<(Height, u32)> {
    let (at, index) = bytes.split_at_checked(8)?;
    Some((height_of(at)?, u32::from_be_bytes(index.try_into().ok()?)))
}

/// In [`JOURNAL`].
pub fn journal(account: &Label, position: u64) -> [u8; 40] {
    let mut key = [0; 40];
    key[..32].copy_from_slice(&account.0);
    key[32..].copy_from_slice(&position.to_be_bytes());
    key
}

/// In [`UNDECIDED`].
pub fn undecided(at: Height, round: u32, block: &BlockId) -> [u8; 44] {
    let mut key = [0; 44];
    key[..12].copy_from_slice(&place(at, round));
    key[12..].copy_from_slice(&block.0);
    key
}

/// The round and block in a key of [`UNDECIDED`]; `None` for another key.
pub fn undecided_of(key: &[u8]) -> Option<(u32, BlockId)> {
    let (place, block) = key.split_at_checked(12)?;
    Some((place_of(place)?.1, BlockId(block.try_into().ok()?)))
}

/// A node key of the state tree in its parts: version and path. The path is the key in [`TREE`], and the version stands first in the
/// value there.
pub fn version_and_path(node: &[u8]) -> (u64, &[u8]) {
    match node.split_first_chunk() {
        Some((version, path)) => (u64::from_be_bytes(*version), path),
        None => (0, node),
    }
}

/// In [`EVIDENCE_PENDING`].
pub fn evidence(validator: &PublicKey, at: Height) -> [u8; 40] {
    let mut key = [0; 40];
    key[..32].copy_from_slice(&validator.0);
    key[32..].copy_from_slice(&height(at));
    key
}

/// The first key after all keys with this prefix; `None` if there is none.
pub fn after_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return Some(end);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_key_holds_can_be_read_back() {
        assert_eq!(height_of(&height(Height(7))), Some(Height(7)));
        assert_eq!(place_of(&place(Height(7), 9)), Some((Height(7), 9)));
        assert_eq!(undecided_of(&undecided(Height(7), 2, &BlockId([5; 32]))), Some((2, BlockId([5; 32]))));
        assert_eq!(height_of(MARK), None);
        assert_eq!(place_of(&[0; 11]), None);
        assert_eq!(undecided_of(&[0; 43]), None);
    }

    #[test]
    fn the_end_of_a_prefix_is_after_each_of_its_keys_and_before_any_other() {
        assert_eq!(after_prefix(&[10]), Some(vec![11]));
        assert_eq!(after_prefix(&[10, 255]), Some(vec![11]));
        assert_eq!(after_prefix(&[255, 255]), None);
    }

    #[test]
    fn keys_sort_as_their_numbers_do() {
        assert!(place(Height(255), 70_000) < place(Height(256), 0));
        assert!(place(Height(1), 255) < place(Height(1), 256));
    }
}
