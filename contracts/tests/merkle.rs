//! The entries root (L-2) against a plain RFC 6962 tree, and proofs that must not pass.

use inro_contracts::bytes::Canonical;
use inro_contracts::id::Hash;
use inro_contracts::merkle::{BadInclusion, InclusionProof, leaf_hash, prove, root};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

/// RFC 6962, section 2.1, word for word: split at the largest power of two smaller than the number of leaves.
pub fn plain_root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Hash(Sha256::digest([]).into()),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            node(plain_root(left), plain_root(right))
        }
    }
}

fn plain_path(leaves: &[Hash], index: usize) -> Vec<Hash> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let middle = split(leaves.len());
    let (left, right) = leaves.split_at(middle);
    if index < middle {
        [plain_path(left, index), vec![plain_root(right)]].concat()
    } else {
        [plain_path(right, index - middle), vec![plain_root(left)]].concat()
    }
}

fn split(count: usize) -> usize {
    let mut power = 1;
    while power * 2 < count {
        power *= 2;
    }
    power
}

fn node(left: Hash, right: Hash) -> Hash {
    Hash(Sha256::digest([&[1][..], &left.0, &right.0].concat()).into())
}

pub fn leaves(count: usize) -> Vec<Hash> {
    (0..count).map(|number| leaf_hash(&number.to_le_bytes())).collect()
}

fn altered(proof: &InclusionProof, change: impl FnOnce(&mut Vec<Hash>)) -> InclusionProof {
    let mut path = proof.path.to_vec();
    change(&mut path);
    InclusionProof { path: inro_contracts::fixture::list(path) }
}

#[test]
fn roots_and_paths_are_those_of_rfc_6962() {
    for count in 0..=70 {
        let leaves = leaves(count);
        let root = root(&leaves);
        assert_eq!(root, plain_root(&leaves));
        for index in 0..count {
            let proof = prove(&leaves, index).expect("the leaf is in the tree");
            assert_eq!(proof.path.to_vec(), plain_path(&leaves, index), "leaf {index} of {count}");
            assert_eq!(proof.check(&root, &leaves[index], index as u64, count as u64), Ok(()));
            assert_eq!(InclusionProof::from_bytes(&proof.to_bytes()).as_ref(), Ok(&proof));
        }
        assert!(prove(&leaves, count).is_none());
    }
}

#[test]
fn an_altered_surplus_missing_or_misplaced_hash_is_refused() {
    for count in 1..=40 {
        let leaves = leaves(count);
        let root = root(&leaves);
        for index in 0..count {
            let proof = prove(&leaves, index).expect("the leaf is in the tree");
            let check = |proof: &InclusionProof| proof.check(&root, &leaves[index], index as u64, count as u64);
            for place in 0..proof.path.len() {
                assert_eq!(check(&altered(&proof, |path| path[place].0[7] ^= 1)), Err(BadInclusion::Root));
                let missing = check(&altered(&proof, |path| {
                    path.remove(place);
                }));
                assert!(matches!(missing, Err(BadInclusion::Length { .. })));
            }
            let surplus = check(&altered(&proof, |path| path.push(Hash([0; 32]))));
            assert!(matches!(surplus, Err(BadInclusion::Length { .. })));
            assert_eq!(proof.check(&root, &leaf_hash(b"another"), index as u64, count as u64), Err(BadInclusion::Root));
            for other in (0..count as u64).filter(|other| *other != index as u64) {
                assert!(
                    proof.check(&root, &leaves[index], other, count as u64).is_err(),
                    "{index} passes for {other} of {count}"
                );
            }
            let outside = proof.check(&root, &leaves[index], count as u64, count as u64);
            assert!(matches!(outside, Err(BadInclusion::Outside { .. })));
        }
    }
}

#[test]
fn a_node_is_not_taken_for_a_leaf() {
    let leaves = leaves(4);
    let root = root(&leaves);
    let left = node(leaves[0], leaves[1]);
    let right = node(leaves[2], leaves[3]);
    assert_eq!(node(left, right), root);
    // With two leaves claimed instead of four, the path would lead to the root; the header's count forbids it.
    let proof = altered(&prove(&leaves, 0).expect("the leaf is in the tree"), |path| *path = vec![right]);
    assert!(matches!(proof.check(&root, &left, 0, 4), Err(BadInclusion::Length { .. })));
    assert_ne!(leaf_hash(&[leaves[0].0, leaves[1].0].concat()), left);
}

proptest! {
    #[test]
    fn any_proof_of_any_size_is_answered(index: u64, count: u64, path in prop::collection::vec(any::<[u8; 32]>(), 0..=32)) {
        let proof = InclusionProof { path: inro_contracts::fixture::list(path.into_iter().map(Hash).collect()) };
        prop_assert!(proof.check(&Hash([1; 32]), &Hash([2; 32]), index, count).is_err());
        prop_assert!(proof.check(&Hash([1; 32]), &Hash([2; 32]), index % (count | 1), count | 1).is_err());
    }
}
