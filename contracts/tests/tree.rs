//! The state tree (L-3) against its definition in words, and proofs that must not pass.

use std::collections::BTreeMap;

use inro_contracts::fixture::{Consortium, FOUNDED};
use inro_contracts::id::{Hash, Label};
use inro_contracts::key::PublicKey;
use inro_contracts::memory::MemoryLedger;
use inro_contracts::state::{StateFault, StateKey};
use inro_contracts::time::Height;
use inro_contracts::tree::{self, StateProof, TreeStore};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

fn sha(parts: &[&[u8]]) -> [u8; 32] {
    Sha256::digest(parts.concat()).into()
}

/// The root by its definition in `docs/spec/ledger.md`: an empty place, a lone leaf at the top of its subtree, or two halves.
pub fn plain_root<'a>(objects: impl IntoIterator<Item = (&'a StateKey, &'a Vec<u8>)>) -> Hash {
    let tag = b"inro/1/state-key";
    let mut leaves: Vec<([u8; 32], [u8; 32])> = objects
        .into_iter()
        .filter(|(key, _)| !matches!(key, StateKey::Record(..) | StateKey::Key(_)))
        .map(|(key, value)| (sha(&[&[tag.len() as u8], tag, &key.to_bytes()]), sha(&[value])))
        .collect();
    leaves.sort();
    Hash(plain_subtree(&leaves, 0))
}

fn plain_subtree(leaves: &[([u8; 32], [u8; 32])], depth: usize) -> [u8; 32] {
    match leaves {
        [] => *b"SPARSE_MERKLE_PLACEHOLDER_HASH__",
        [(key, value)] => sha(&[b"JMT::LeafNode", key, value]),
        _ => {
            let bit = |key: &[u8; 32]| key[depth / 8] >> (7 - depth % 8) & 1;
            let middle = leaves.partition_point(|(key, _)| bit(key) == 0);
            let (left, right) = leaves.split_at(middle);
            sha(&[b"JMT::IntrnalNode", &plain_subtree(left, depth + 1), &plain_subtree(right, depth + 1)])
        }
    }
}

#[derive(Default)]
struct Store(BTreeMap<Vec<u8>, Vec<u8>>);

impl TreeStore for Store {
    fn tree_node(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateFault> {
        Ok(self.0.get(key).cloned())
    }
}

fn account(number: u8) -> StateKey {
    StateKey::Account(Label([number; 32]))
}

/// Writes per height: which of 40 accounts, and its new bytes or its removal.
type Writes = Vec<Vec<(u8, Option<Vec<u8>>)>>;

fn writes() -> impl Strategy<Value = Writes> {
    let value = prop::option::weighted(0.7, prop::collection::vec(any::<u8>(), 0..4));
    prop::collection::vec(prop::collection::vec((0u8..40, value), 1..12), 1..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn roots_follow_the_definition_and_each_height_stays_provable(writes in writes(), asked in prop::collection::vec(0u8..45, 6)) {
        let mut store = Store::default();
        let mut objects = BTreeMap::new();
        let mut heights = Vec::new();
        for (height, writes) in writes.into_iter().enumerate() {
            let mut changes = BTreeMap::from([(StateKey::Clock, Some(vec![height as u8]))]);
            changes.extend(writes.into_iter().map(|(number, value)| (account(number), value)));
            let (root, update) = tree::update(&store, Height(height as u64), &changes).expect("stored");
            store.0.extend(update.nodes);
            for (key, value) in changes {
                match value {
                    Some(value) => objects.insert(key, value),
                    None => objects.remove(&key),
                };
            }
            prop_assert_eq!(root, plain_root(&objects));
            heights.push((root, objects.clone()));
        }
        for (height, (root, objects)) in heights.iter().enumerate() {
            for number in &asked {
                let key = account(*number);
                let value = objects.get(&key).map(Vec::as_slice);
                let proof = tree::prove(&store, Height(height as u64), &key, value).expect("stored");
                prop_assert_eq!(proof.check(root, &key, value), Ok(()));
                prop_assert_eq!(StateProof::from_bytes(&proof.to_bytes()), Ok(proof.clone()));
                prop_assert!(proof.check(root, &key, Some(b"something else")).is_err());
                prop_assert!(proof.check(&Hash([7; 32]), &key, value).is_err());
                if value.is_some() {
                    prop_assert!(proof.check(root, &key, None).is_err());
                }
                let other = account(number ^ 64);
                prop_assert!(proof.check(root, &other, Some(b"x")).is_err());
            }
        }
    }

    #[test]
    fn no_altered_proof_proves_something_else(place: prop::sample::Index, bit in 0u8..8, cut: prop::sample::Index, number in 0u64..6) {
        let (ledger, keys) = ledger();
        let key = &keys[number as usize % keys.len()];
        let (value, proof) = ledger.prove(key).expect("provable");
        let bytes = proof.to_bytes();
        let mut altered = bytes.clone();
        altered[place.index(bytes.len())] ^= 1 << bit;
        let mut shorter = bytes.clone();
        shorter.truncate(cut.index(bytes.len()));
        for hostile in [altered, shorter] {
            if let Ok(hostile) = StateProof::from_bytes(&hostile) {
                prop_assert!(hostile.check(&ledger.state_root(), key, Some(b"forged")).is_err());
                if value.is_some() {
                    prop_assert!(hostile.check(&ledger.state_root(), key, None).is_err());
                }
            }
        }
    }

    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(proof) = StateProof::from_bytes(&bytes) {
            prop_assert_eq!(proof.to_bytes(), bytes);
            prop_assert!(proof.check(&Hash([7; 32]), &StateKey::Clock, Some(b"x")).is_err());
        }
    }
}

fn ledger() -> (MemoryLedger, Vec<StateKey>) {
    let consortium = Consortium::new(4);
    let mut ledger = consortium.ledger();
    let member = &consortium.organisations[0];
    let now = FOUNDED.plus_ms(1);
    let transaction = consortium.verified(consortium.account_opening(0, 1), &member.practitioner, now);
    ledger.append(now, member.validator.public(), &[transaction]).expect("the block stands");
    let keys = vec![
        StateKey::Clock,
        StateKey::Parameters,
        StateKey::Organisation(member.id),
        StateKey::Account(inro_contracts::fixture::label(1)),
        StateKey::Account(inro_contracts::fixture::label(2)),
        StateKey::Peer(PublicKey([1; 32])),
    ];
    (ledger, keys)
}

#[test]
fn the_root_in_the_header_is_the_root_over_all_proved_objects() {
    let (ledger, keys) = ledger();
    assert_eq!(ledger.state_root(), plain_root(ledger.objects()));
    assert_eq!(ledger.header(Height(1)).map(|header| header.state_root), Some(ledger.state_root()));
    for key in keys {
        let (value, proof) = ledger.prove(&key).expect("provable");
        assert_eq!(proof.check(&ledger.state_root(), &key, value.as_deref()), Ok(()));
    }
}

#[test]
fn a_node_missing_from_the_store_is_an_error_and_no_panic() {
    let mut store = Store::default();
    let changes: BTreeMap<_, _> = (0..60).map(|number| (account(number), Some(vec![number]))).collect();
    let (root, update) = tree::update(&store, Height(0), &changes).expect("stored");
    store.0.extend(update.nodes);
    for missing in store.0.keys().cloned().collect::<Vec<_>>() {
        let damaged =
            Store(store.0.iter().filter(|(key, _)| **key != missing).map(|(key, node)| (key.clone(), node.clone())).collect());
        let mut faults = 0;
        for number in 0..70 {
            let value = (number < 60).then(|| vec![number]);
            match tree::prove(&damaged, Height(0), &account(number), value.as_deref()) {
                Ok(proof) => assert_eq!(proof.check(&root, &account(number), value.as_deref()), Ok(())),
                Err(_) => faults += 1,
            }
        }
        assert!(faults > 0, "every node is needed for some proof");
        for number in 0..60 {
            let change = BTreeMap::from([(account(number), None)]);
            let _ = tree::update(&damaged, Height(1), &change);
        }
    }
}

#[test]
fn a_proof_of_17_kib_is_not_looked_at() {
    assert!(StateProof::from_bytes(&vec![0; 17 * 1024]).is_err());
}
