//! The history root (L-4): every size up to 70 against a plain RFC 6962 tree, and proofs that must not pass.

use std::collections::BTreeMap;

use inro_contracts::history::{
    HistoryReader, append, check_consistency, check_inclusion, leaf_index, prove_consistency, prove_inclusion, root, root_after,
};
use inro_contracts::id::{BlockId, Hash};
use inro_contracts::merkle::leaf_hash;
use proptest::prelude::*;

use crate::merkle::plain_root;

#[derive(Default)]
struct Store(BTreeMap<u64, Hash>);

impl HistoryReader for Store {
    fn history_hash(&self, index: u64) -> Option<Hash> {
        self.0.get(&index).copied()
    }
}

fn block(number: u64) -> BlockId {
    BlockId(leaf_hash(&number.to_le_bytes()).0)
}

fn store(size: u64) -> Store {
    let mut store = Store::default();
    for number in 0..size {
        let hashes = append(&store, number, &block(number)).expect("all earlier hashes are stored");
        store.0.extend(hashes);
    }
    store
}

#[test]
fn roots_are_those_of_rfc_6962() {
    let store = store(70);
    let leaves: Vec<Hash> = (0..70).map(|number| leaf_hash(&block(number).0)).collect();
    for size in 1..=70 {
        assert_eq!(root(&store, size as u64), Ok(plain_root(&leaves[..size])));
        assert_eq!(store.0.get(&leaf_index(size as u64 - 1)), Some(&leaves[size - 1]));
    }
}

#[test]
fn the_next_root_follows_from_a_root_its_subtrees_and_one_more_block_and_from_nothing_else() {
    let store = store(70);
    for size in 1..70 {
        let old = root(&store, size).expect("stored");
        let path = prove_inclusion(&store, size + 1, size).expect("stored");
        assert_eq!(root_after(&old, size, &block(size), &path), root(&store, size + 1));
        assert_ne!(root_after(&old, size, &block(99), &path), root(&store, size + 1));
        assert!(root_after(&old, size, &block(size), &path[1..]).is_err());
        assert!(root_after(&old, size | 1 << 20, &block(size), &path).is_err(), "a size with another number of subtrees");
        let longer = [path.as_slice(), &[old]].concat();
        assert!(root_after(&old, size, &block(size), &longer).is_err());
        for place in 0..path.len() {
            let mut altered = path.clone();
            altered[place].0[7] ^= 1;
            assert!(root_after(&old, size, &block(size), &altered).is_err());
        }
    }
    assert!(root_after(&Hash([0; 32]), 0, &block(0), &[]).is_err(), "the history begins with the genesis");
    assert!(root_after(&Hash([0; 32]), u64::MAX, &block(0), &[Hash([0; 32]); 64]).is_err());
}

#[test]
fn an_old_block_is_proved_from_any_newer_header_and_no_other_block_is() {
    let store = store(40);
    for size in 1..=40 {
        let root = root(&store, size).expect("stored");
        for position in 0..size {
            let proof = prove_inclusion(&store, size, position).expect("stored");
            assert_eq!(check_inclusion(&root, size, position, &block(position), &proof), Ok(()));
            assert!(check_inclusion(&root, size, position, &block(99), &proof).is_err());
            assert!(check_inclusion(&root, size, (position + 1) % size, &block(position), &proof).is_err() || size == 1);
            for place in 0..proof.len() {
                let mut altered = proof.clone();
                altered[place].0[3] ^= 4;
                assert!(check_inclusion(&root, size, position, &block(position), &altered).is_err());
                altered.remove(place);
                assert!(check_inclusion(&root, size, position, &block(position), &altered).is_err());
            }
            let surplus = [proof.clone(), vec![Hash([0; 32])]].concat();
            assert!(check_inclusion(&root, size, position, &block(position), &surplus).is_err());
        }
        assert!(prove_inclusion(&store, size, size).is_err());
    }
}

#[test]
fn two_headers_of_one_ledger_are_consistent_and_a_rewritten_one_is_not() {
    let store = store(40);
    for size in 1..=40 {
        let new = root(&store, size).expect("stored");
        for old_size in 1..=size {
            let old = root(&store, old_size).expect("stored");
            let proof = prove_consistency(&store, size, old_size).expect("stored");
            assert_eq!(check_consistency(&new, size, &old, old_size, &proof), Ok(()));
            assert!(check_consistency(&new, size, &Hash([9; 32]), old_size, &proof).is_err());
            assert!(check_consistency(&Hash([9; 32]), size, &old, old_size, &proof).is_err());
            for place in 0..proof.len() {
                let mut altered = proof.clone();
                altered[place].0[3] ^= 4;
                assert!(check_consistency(&new, size, &old, old_size, &altered).is_err());
            }
        }
    }
    assert!(prove_consistency(&store, 10, 0).is_err());
    assert!(prove_consistency(&store, 10, 11).is_err());
}

#[test]
fn a_damaged_store_is_an_error_and_no_panic() {
    let mut store = store(40);
    store.0.remove(&leaf_index(38));
    assert!(prove_inclusion(&store, 40, 39).is_err());
    assert!(root(&store, 39).is_err());
    assert!(root(&store, u64::MAX).is_err());
    assert!(append(&store, u64::MAX, &block(1)).is_err());
    assert!(prove_inclusion(&store, u64::MAX, 7).is_err());
    assert!(prove_consistency(&store, u64::MAX, 7).is_err());
}

proptest! {
    #[test]
    fn any_proof_of_any_size_is_answered(size: u64, position: u64, proof in prop::collection::vec(any::<[u8; 32]>(), 0..70)) {
        let proof: Vec<Hash> = proof.into_iter().map(Hash).collect();
        for size in [size, size % 1000, u64::MAX, 1 << 48] {
            prop_assert!(check_inclusion(&Hash([1; 32]), size, position, &block(0), &proof).is_err());
            prop_assert!(check_inclusion(&Hash([1; 32]), size, position % size.max(1), &block(0), &proof).is_err());
            prop_assert!(check_consistency(&Hash([1; 32]), size, &Hash([2; 32]), position, &proof).is_err());
            prop_assert!(check_consistency(&Hash([1; 32]), size, &Hash([2; 32]), position % size.max(1), &proof).is_err());
        }
    }
}
