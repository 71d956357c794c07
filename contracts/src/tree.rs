//! The state tree (rule L-3): a Jellyfish Merkle tree over the proved objects of the state, by the `jmt` crate with SHA-256.
//! It proves presence and absence. A tree version is a block's height.

use std::cell::RefCell;
use std::io::{self, Read, Write};

use borsh::{BorshDeserialize, BorshSerialize};
use jmt::storage::{LeafNode, Node, NodeKey, TreeReader, TreeUpdateBatch};
use jmt::{JellyfishMerkleTree, KeyHash, OwnedValue, RootHash, ValueHash, Version};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::bytes::{Malformed, encode};
use crate::id::Hash;
use crate::state::{StateFault, StateKey};
use crate::time::Height;

/// Reads tree nodes by the keys that [`update`] handed out.
pub trait TreeStore {
    /// The node's bytes, or `None` if it is not stored.
    fn tree_node(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateFault>;
}

/// What one block changes in the tree.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TreeUpdate {
    /// New nodes: key and bytes, in the order of keys.
    pub nodes: Vec<(Vec<u8>, Vec<u8>)>,
    /// Keys of nodes that no later root needs.
    pub stale: Vec<Vec<u8>>,
}

struct Reader<'a, S: TreeStore + ?Sized> {
    store: &'a S,
    value: Option<&'a [u8]>,
}

/// `jmt` asks for values only while it makes a proof, and then for the one value that the proof is about.
impl<S: TreeStore + ?Sized> TreeReader for Reader<'_, S> {
    fn get_node_option(&self, key: &NodeKey) -> anyhow::Result<Option<Node>> {
        let bytes = self.store.tree_node(&node_key_bytes(key))?;
        Ok(bytes.map(|bytes| borsh::from_slice(&bytes)).transpose()?)
    }

    fn get_value_option(&self, _max_version: Version, _key: KeyHash) -> anyhow::Result<Option<OwnedValue>> {
        Ok(self.value.map(<[u8]>::to_vec))
    }

    fn get_rightmost_leaf(&self) -> anyhow::Result<Option<(NodeKey, LeafNode)>> {
        Ok(None)
    }
}

/// While it makes a proof, `jmt` panics where it cannot read a sibling. This reader gives it a leaf that stands nowhere instead,
/// and keeps the fault: whoever asked for the proof gets that.
struct ProofReader<'a, S: TreeStore + ?Sized> {
    reader: Reader<'a, S>,
    fault: RefCell<Option<anyhow::Error>>,
}

impl<S: TreeStore + ?Sized> TreeReader for ProofReader<'_, S> {
    fn get_node_option(&self, key: &NodeKey) -> anyhow::Result<Option<Node>> {
        let error = match self.reader.get_node_option(key) {
            Ok(Some(node)) => return Ok(Some(node)),
            Ok(None) => anyhow::anyhow!("a node is missing"),
            Err(error) => error,
        };
        self.fault.borrow_mut().get_or_insert(error);
        Ok(Some(Node::Leaf(LeafNode::new(KeyHash([0; 32]), ValueHash([0; 32])))))
    }

    fn get_value_option(&self, max_version: Version, key: KeyHash) -> anyhow::Result<Option<OwnedValue>> {
        self.reader.get_value_option(max_version, key)
    }

    fn get_rightmost_leaf(&self) -> anyhow::Result<Option<(NodeKey, LeafNode)>> {
        Ok(None)
    }
}

/// Applies a block's writes to the tree of the height before (none for height 0) and returns the new root.
pub fn update<'a, S: TreeStore + ?Sized>(
    store: &S,
    height: Height,
    writes: impl IntoIterator<Item = (&'a StateKey, &'a Option<Vec<u8>>)>,
) -> Result<(Hash, TreeUpdate), StateFault> {
    let reader = Reader { store, value: None };
    let tree = JellyfishMerkleTree::<_, Sha256>::new(&reader);
    let changes: Vec<(KeyHash, Option<OwnedValue>)> = writes
        .into_iter()
        .filter(|(key, _)| key.is_proved())
        .map(|(key, value)| (KeyHash(key.tree_key().0), value.clone()))
        .collect();
    let (root, batch) = apply(&tree, height.0, changes).map_err(fault)?;
    let nodes = batch.node_batch.nodes().iter().map(|(key, node)| (node_key_bytes(key), encode(node))).collect();
    let stale = batch.stale_node_index_batch.iter().map(|index| node_key_bytes(&index.node_key)).collect();
    Ok((Hash(root.0), TreeUpdate { nodes, stale }))
}

/// One version's changes. Without removals they are made in one walk over the tree, which hashes each node once; one after the
/// other, every change hashes the nodes above it again. Both give the same tree.
fn apply<R: TreeReader>(
    tree: &JellyfishMerkleTree<'_, R, Sha256>,
    version: Version,
    changes: Vec<(KeyHash, Option<OwnedValue>)>,
) -> anyhow::Result<(RootHash, TreeUpdateBatch)> {
    if changes.is_empty() || changes.iter().any(|(_, value)| value.is_none()) {
        return tree.put_value_set(changes, version);
    }
    let values = changes.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
    let (roots, batch) = tree.batch_put_value_sets(vec![values], None, version)?;
    let root = roots.first().ok_or_else(|| anyhow::anyhow!("the tree has no root"))?;
    Ok((*root, batch))
}

/// The longest proof, in bytes.
const PROOF_BYTES_MAX: usize = 16 * 1024;

/// A proof that an object of the state has certain bytes, or that it does not exist.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StateProof(jmt::proof::SparseMerkleProof<Sha256>);

impl StateProof {
    /// The proof's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(&self.0)
    }

    /// Parses a proof of at most 16 KiB.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        if bytes.len() > PROOF_BYTES_MAX {
            return Err(Malformed::TooLong { limit: PROOF_BYTES_MAX, found: bytes.len() });
        }
        borsh::from_slice(bytes).map(Self).map_err(|error| Malformed::Decode(error.to_string()))
    }

    /// Checks that the state with this root has `value` under `key`; `None` for absence.
    pub fn check(&self, root: &Hash, key: &StateKey, value: Option<&[u8]>) -> Result<(), FalseStateProof> {
        self.0.verify(RootHash(root.0), KeyHash(key.tree_key().0), value).map_err(|error| FalseStateProof(error.to_string()))
    }
}

impl BorshSerialize for StateProof {
    fn serialize<W: Write>(&self, writer: &mut W) -> io::Result<()> {
        BorshSerialize::serialize(&self.0, writer)
    }
}

/// Inside longer bytes a proof ends where it ends; it is not longer there than alone.
impl BorshDeserialize for StateProof {
    fn deserialize_reader<R: Read>(reader: &mut R) -> io::Result<Self> {
        BorshDeserialize::deserialize_reader(&mut reader.take(PROOF_BYTES_MAX as u64)).map(Self)
    }
}

/// A state proof that does not lead to the root.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("false state proof: {0}")]
pub struct FalseStateProof(String);

/// Proves what the state of `height` has under `key`; `value` is that object's bytes, or `None` if there is none.
pub fn prove<S: TreeStore + ?Sized>(
    store: &S,
    height: Height,
    key: &StateKey,
    value: Option<&[u8]>,
) -> Result<StateProof, StateFault> {
    let reader = ProofReader { reader: Reader { store, value }, fault: RefCell::new(None) };
    let tree = JellyfishMerkleTree::<_, Sha256>::new(&reader);
    let proof = tree.get_with_proof(KeyHash(key.tree_key().0), height.0);
    if let Some(error) = reader.fault.take() {
        return Err(fault(error));
    }
    let (_, proof) = proof.map_err(fault)?;
    Ok(StateProof(proof))
}

fn fault(error: anyhow::Error) -> StateFault {
    StateFault(format!("state tree: {error}"))
}

/// A node's key in a store: version in big-endian bytes, then the path, so nodes of one block stand together.
fn node_key_bytes(key: &NodeKey) -> Vec<u8> {
    let mut bytes = key.version().to_be_bytes().to_vec();
    bytes.extend_from_slice(&encode(key.nibble_path()));
    bytes
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::tag::Tag;

    #[derive(Default)]
    struct Nodes(BTreeMap<Vec<u8>, Vec<u8>>);

    impl TreeStore for Nodes {
        fn tree_node(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateFault> {
            Ok(self.0.get(key).cloned())
        }
    }

    proptest! {
        /// Two ways lead through `jmt`: one walk for a whole block, and one change after the other where objects are removed. Were
        /// they to give different trees, a block's root would depend on which of them a node takes.
        #[test]
        fn a_block_in_one_walk_gives_the_tree_that_its_changes_one_by_one_give(
            blocks in prop::collection::vec(prop::collection::btree_map(0u8..80, prop::option::weighted(0.9, any::<u8>()), 1..40), 1..8),
        ) {
            let mut store = Nodes::default();
            for (version, block) in (0..).zip(blocks) {
                let changes: Vec<_> = block
                    .into_iter()
                    .map(|(key, value)| (KeyHash(Tag::STATE_KEY.hash(&[&[key]]).0), value.map(|value| vec![value])))
                    // An empty tree has nothing to remove.
                    .filter(|(_, value)| version > 0 || value.is_some())
                    .collect();
                let reader = Reader { store: &store, value: None };
                let tree = JellyfishMerkleTree::<_, Sha256>::new(&reader);
                let (root, batch) = apply(&tree, version, changes.clone()).unwrap();
                let (expected_root, expected) = tree.put_value_set(changes, version).unwrap();
                prop_assert_eq!(root, expected_root);
                prop_assert_eq!(batch.node_batch.nodes(), expected.node_batch.nodes());
                prop_assert_eq!(&batch.stale_node_index_batch, &expected.stale_node_index_batch);
                store.0.extend(batch.node_batch.nodes().iter().map(|(key, node)| (node_key_bytes(key), encode(node))));
            }
        }
    }
}
