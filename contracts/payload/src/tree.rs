//! A payload's hash tree: BLAKE3 over chunk groups of 64 KiB, its inner nodes kept beside the payload (the *outboard*), so that
//! any part can be checked without the rest. The shapes are those of `bao-tree`; the outboard is its post-order form, which can
//! be written while the payload passes by, before its length is known.

use std::io::{self, Read, Write};

use bao_tree::iter::ResponseIter;
use bao_tree::{BaoTree, BlockSize, ChunkNum, ChunkRanges, TreeNode};
use blake3::hazmat::{HasherExt, Mode, merge_subtrees_non_root, merge_subtrees_root};

use crate::commitment::Root;

/// The bytes of a chunk group; the last one may be shorter.
pub const GROUP_BYTES: usize = 64 * 1024;
/// The longest payload: 16 TiB.
pub const LENGTH_MAX: u64 = 1 << 44;

/// The bytes of a hash pair.
pub(crate) const PAIR_BYTES: usize = 64;
const GROUP: BlockSize = BlockSize::from_chunk_log(6);
const GROUP_CHUNKS: u64 = 64;

/// A payload's root and length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PayloadDigest {
    /// The BLAKE3 hash of the bytes.
    pub root: Root,
    /// How many there are.
    pub length: u64,
}

/// Hashes a payload as it passes by and writes its outboard; holds one chunk group and a few hashes.
pub struct TreeBuilder {
    group: Vec<u8>,
    /// Chunk groups that were hashed.
    groups: u64,
    /// The hashes of complete subtrees, largest first, that wait for their right sibling.
    subtrees: Vec<[u8; 32]>,
}

impl TreeBuilder {
    /// Nothing hashed yet.
    pub fn new() -> Self {
        Self { group: Vec::with_capacity(GROUP_BYTES), groups: 0, subtrees: Vec::new() }
    }

    /// The bytes so far.
    pub fn length(&self) -> u64 {
        self.groups * GROUP_BYTES as u64 + self.group.len() as u64
    }

    /// Takes the next bytes. Refuses what goes beyond [`LENGTH_MAX`].
    pub fn push(&mut self, mut bytes: &[u8], outboard: &mut impl Write) -> io::Result<()> {
        if self.length() + bytes.len() as u64 > LENGTH_MAX {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a payload has at most 16 TiB; split it"));
        }
        while !bytes.is_empty() {
            // A full group is hashed only when more follows: a payload's only group is hashed as the root.
            if self.group.len() == GROUP_BYTES {
                self.hash_group(outboard)?;
            }
            let (now, later) = bytes.split_at(bytes.len().min(GROUP_BYTES - self.group.len()));
            self.group.extend_from_slice(now);
            bytes = later;
        }
        Ok(())
    }

    /// There is no more: the root and the length.
    pub fn finish(mut self, outboard: &mut impl Write) -> io::Result<PayloadDigest> {
        let length = self.length();
        if self.groups == 0 {
            return Ok(PayloadDigest { root: Root(group_hash(0, &self.group, true)), length });
        }
        self.hash_group(outboard)?;
        while self.subtrees.len() > 1 {
            self.join(self.subtrees.len() == 2, outboard)?;
        }
        Ok(PayloadDigest { root: Root(self.subtrees[0]), length })
    }

    fn hash_group(&mut self, outboard: &mut impl Write) -> io::Result<()> {
        while self.subtrees.len() > self.groups.count_ones() as usize {
            self.join(false, outboard)?;
        }
        self.subtrees.push(group_hash(self.groups * GROUP_CHUNKS, &self.group, false));
        self.groups += 1;
        self.group.clear();
        Ok(())
    }

    fn join(&mut self, is_root: bool, outboard: &mut impl Write) -> io::Result<()> {
        if let (Some(right), Some(left)) = (self.subtrees.pop(), self.subtrees.pop()) {
            outboard.write_all(&left)?;
            outboard.write_all(&right)?;
            self.subtrees.push(pair_hash(&left, &right, is_root));
        }
        Ok(())
    }
}

impl Default for TreeBuilder {
    fn default() -> Self {
        Self::new()
    }
}

/// Hashes everything that `payload` gives and writes the outboard.
pub fn digest(mut payload: impl Read, outboard: &mut impl Write) -> io::Result<PayloadDigest> {
    let mut builder = TreeBuilder::new();
    let mut buffer = vec![0; GROUP_BYTES];
    loop {
        match payload.read(&mut buffer) {
            Ok(0) => return builder.finish(outboard),
            Ok(count) => builder.push(&buffer[..count], outboard)?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// How long a payload's outboard is.
pub fn outboard_length(length: u64) -> u64 {
    (groups(length) - 1) * PAIR_BYTES as u64
}

/// How long a payload is when the hash pairs stand between its chunk groups.
pub(crate) fn encoded_length(length: u64) -> u64 {
    length + outboard_length(length)
}

/// What comes next in the encoded form, from a chunk group on; before the first of it, the pairs on the way to it.
pub(crate) fn items_from(length: u64, group: u64) -> ResponseIter {
    ResponseIter::new(BaoTree::new(length, GROUP), ChunkRanges::from(ChunkNum(group * GROUP_CHUNKS)..))
}

/// Where a node's pair stands in the outboard, in bytes.
pub(crate) fn outboard_offset(length: u64, node: TreeNode) -> Option<u64> {
    Some(BaoTree::new(length, GROUP).post_order_offset(node)?.value() * PAIR_BYTES as u64)
}

/// Does this node begin before this chunk group? Its pair then stands before the group before this one.
pub(crate) fn begins_before(node: TreeNode, group: u64) -> bool {
    node.chunk_range().start.0 < group * GROUP_CHUNKS
}

/// The chunk group to which the byte at `offset` of the encoded form belongs (with the pairs that stand before it), and where in
/// the encoded form those begin.
pub(crate) fn group_at(length: u64, offset: u64) -> (u64, u64) {
    let groups = groups(length);
    let (mut low, mut high) = (0, groups - 1);
    while low < high {
        let middle = high - (high - low) / 2;
        if encoded_start(groups, middle) <= offset { low = middle } else { high = middle - 1 }
    }
    (low, encoded_start(groups, low))
}

/// The hash of a chunk group (or of all, if it is the only one).
pub(crate) fn group_hash(start_chunk: u64, bytes: &[u8], is_root: bool) -> [u8; 32] {
    if is_root {
        return blake3::hash(bytes).into();
    }
    let mut hasher = blake3::Hasher::new();
    hasher.set_input_offset(start_chunk * blake3::CHUNK_LEN as u64);
    hasher.update(bytes);
    hasher.finalize_non_root()
}

/// The hash of a pair.
pub(crate) fn pair_hash(left: &[u8; 32], right: &[u8; 32], is_root: bool) -> [u8; 32] {
    if is_root { merge_subtrees_root(left, right, Mode::Hash).into() } else { merge_subtrees_non_root(left, right, Mode::Hash) }
}

/// A pair's two hashes.
pub(crate) fn split_pair(pair: &[u8; PAIR_BYTES]) -> ([u8; 32], [u8; 32]) {
    let (mut left, mut right) = ([0; 32], [0; 32]);
    left.copy_from_slice(&pair[..32]);
    right.copy_from_slice(&pair[32..]);
    (left, right)
}

fn groups(length: u64) -> u64 {
    length.div_ceil(GROUP_BYTES as u64).max(1)
}

fn encoded_start(groups: u64, group: u64) -> u64 {
    group * GROUP_BYTES as u64 + group.checked_sub(1).map_or(0, |before| pairs_up_to(groups, before)) * PAIR_BYTES as u64
}

/// How many pairs stand before this chunk group in the encoded form.
fn pairs_up_to(mut groups: u64, mut group: u64) -> u64 {
    let mut pairs = 0;
    while groups > 1 {
        pairs += 1;
        let left = groups.next_power_of_two() / 2;
        if group < left {
            groups = left;
        } else {
            pairs += left - 1;
            group -= left;
            groups -= left;
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;
    use bao_tree::io::outboard::PostOrderMemOutboard;
    use bao_tree::iter::BaoChunk;

    fn bytes(length: usize) -> Vec<u8> {
        (0..length).map(|index| (index / 7 + index / 4099) as u8).collect()
    }

    #[test]
    fn root_and_outboard_are_those_that_blake3_and_bao_tree_compute() {
        let group = GROUP_BYTES;
        for length in [0, 1, 1023, 1024, 1025, group - 1, group, group + 1, 2 * group, 3 * group, 5 * group + 9, 33 * group + 1] {
            let payload = bytes(length);
            let mut outboard = Vec::new();
            let found = digest(&payload[..], &mut outboard).unwrap();
            let expected = PostOrderMemOutboard::create(&payload, GROUP);
            assert_eq!(found.root.0, *blake3::hash(&payload).as_bytes(), "{length}");
            assert_eq!(found.root.0, *expected.root.as_bytes(), "{length}");
            assert_eq!((found.length, outboard.len() as u64), (length as u64, outboard_length(length as u64)));
            assert_eq!(outboard, expected.data, "{length}");
        }
    }

    #[test]
    fn bytes_may_come_in_any_pieces() {
        let payload = bytes(3 * GROUP_BYTES + 77);
        for piece in [1000, GROUP_BYTES - 1, GROUP_BYTES, GROUP_BYTES + 1, 2 * GROUP_BYTES, payload.len()] {
            let (mut builder, mut outboard) = (TreeBuilder::new(), Vec::new());
            payload.chunks(piece).for_each(|piece| builder.push(piece, &mut outboard).unwrap());
            assert_eq!(builder.length(), payload.len() as u64);
            assert_eq!(builder.finish(&mut outboard).unwrap().root.0, *blake3::hash(&payload).as_bytes());
        }
    }

    #[test]
    fn the_group_of_every_place_in_the_encoded_form_is_found() {
        for groups in [1u64, 2, 3, 4, 5, 7, 8, 9, 31, 100] {
            let length = groups * GROUP_BYTES as u64 - 5;
            let (mut offset, mut group, mut start) = (0, 0, 0);
            for item in items_from(length, 0) {
                assert_eq!(group_at(length, offset), (group, start), "{groups} groups, {offset}");
                match item {
                    BaoChunk::Parent { node, .. } => {
                        assert!(!begins_before(node, group) && begins_before(node, group + 1));
                        offset += PAIR_BYTES as u64;
                    }
                    BaoChunk::Leaf { size, start_chunk, .. } => {
                        assert_eq!(start_chunk.0, group * GROUP_CHUNKS);
                        assert_eq!(group_at(length, offset + size as u64 - 1), (group, start));
                        offset += size as u64;
                        (group, start) = (group + 1, offset);
                    }
                }
            }
            assert_eq!((offset, group), (encoded_length(length), groups));
        }
    }
}
