//! The entries root (rule L-2): an RFC 6962 Merkle tree over a block's entries, by `rs_merkle` with a hasher that keeps
//! leaves and nodes apart (its own hasher does not, which allows a second preimage).
//!
//! A proof's bytes are never an identifier: they are malleable. The number of leaves comes from the header, and
//! [`InclusionProof::check`] demands the exact number of hashes for it.

use borsh::{BorshDeserialize, BorshSerialize};
use rs_merkle::{Hasher, MerkleProof, MerkleTree};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::bytes::{Canonical, List};
use crate::id::Hash;

/// RFC 6962 hashing: `0x00` before a leaf, `0x01` before two nodes.
#[derive(Debug, Clone)]
struct Rfc6962;

impl Hasher for Rfc6962 {
    type Hash = [u8; 32];

    fn hash(data: &[u8]) -> [u8; 32] {
        leaf_hash(data).0
    }

    fn concat_and_hash(left: &[u8; 32], right: Option<&[u8; 32]>) -> [u8; 32] {
        match right {
            Some(right) => Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into(),
            None => *left,
        }
    }
}

/// A leaf's hash.
pub fn leaf_hash(bytes: &[u8]) -> Hash {
    Hash(Sha256::new().chain_update([0]).chain_update(bytes).finalize().into())
}

/// The root over leaf hashes; the hash of nothing for no leaves, as RFC 6962 has it.
pub fn root(leaves: &[Hash]) -> Hash {
    if leaves.is_empty() {
        return Hash(Sha256::digest([]).into());
    }
    let mut tree = MerkleTree::<Rfc6962>::new();
    tree.append(&mut leaves.iter().map(|leaf| leaf.0).collect());
    tree.commit();
    // A committed tree with leaves has a root.
    tree.root().map_or(Hash([0; 32]), Hash)
}

/// A proof that one leaf stands at one place of a tree.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct InclusionProof {
    /// Sibling hashes from the leaf up.
    pub path: List<Hash, 32>,
}

/// Why an inclusion proof proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadInclusion {
    /// The leaf lies outside the tree.
    #[error("malformed proof: leaf {index} of {count}")]
    Outside {
        /// The leaf's index.
        index: u64,
        /// How many leaves there are.
        count: u64,
    },
    /// Too many or too few hashes.
    #[error("malformed proof: {found} hashes where {expected} are needed")]
    Length {
        /// How many are needed.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// Another root.
    #[error("false proof: it leads to another root")]
    Root,
}

/// Makes the proof for leaf `index`; `None` outside the tree. For many proofs of one tree, make an [`EntryTree`].
pub fn prove(leaves: &[Hash], index: usize) -> Option<InclusionProof> {
    EntryTree::new(leaves).prove(index)
}

/// The whole tree over a block's entries, for whoever makes many proofs of it.
#[derive(Clone)]
pub struct EntryTree(MerkleTree<Rfc6962>);

impl EntryTree {
    /// The tree over these leaf hashes.
    pub fn new(leaves: &[Hash]) -> Self {
        let mut tree = MerkleTree::new();
        tree.append(&mut leaves.iter().map(|leaf| leaf.0).collect());
        tree.commit();
        Self(tree)
    }

    /// Makes the proof for leaf `index`; `None` outside the tree.
    pub fn prove(&self, index: usize) -> Option<InclusionProof> {
        if index >= self.0.leaves_len() {
            return None;
        }
        let path = self.0.proof(&[index]).proof_hashes().iter().map(|hash| Hash(*hash)).collect();
        List::new(path).ok().map(|path| InclusionProof { path })
    }
}

impl std::fmt::Debug for EntryTree {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "EntryTree({} leaves)", self.0.leaves_len())
    }
}

/// How many sibling hashes the proof of leaf `index` of `count` has.
fn path_length(mut index: u64, mut count: u64) -> usize {
    let mut length = 0;
    while count > 1 {
        // The last node of an odd layer has no sibling and moves up as it is.
        if index ^ 1 < count {
            length += 1;
        }
        index /= 2;
        count = count.div_ceil(2);
    }
    length
}

impl InclusionProof {
    /// Checks that `leaf` stands at `index` of the tree of `count` leaves with this `root`.
    pub fn check(&self, root: &Hash, leaf: &Hash, index: u64, count: u64) -> Result<(), BadInclusion> {
        if index >= count {
            return Err(BadInclusion::Outside { index, count });
        }
        let expected = path_length(index, count);
        if self.path.len() != expected {
            return Err(BadInclusion::Length { expected, found: self.path.len() });
        }
        let (Ok(index), Ok(count)) = (usize::try_from(index), usize::try_from(count)) else {
            return Err(BadInclusion::Outside { index, count });
        };
        let proof = MerkleProof::<Rfc6962>::new(self.path.iter().map(|hash| hash.0).collect());
        if proof.verify(root.0, &[index], &[leaf.0], count) { Ok(()) } else { Err(BadInclusion::Root) }
    }
}

impl Canonical for InclusionProof {
    const BYTES_MAX: usize = 4 + 32 * 32;
}
