//! The same blocks lead to the same roots, wherever and however often they are applied.

use inro_contracts::entry::Outcome;
use inro_contracts::id::{BlockId, ChainId};
use inro_contracts::time::Height;
use inro_node::store::{Committed, Store, StoreError, StoreOptions};

use super::{Story, open};

#[test]
fn the_same_blocks_give_the_same_roots_in_memory_on_disk_and_after_a_restart() {
    let (story, folder) = (Story::new(), tempfile::tempdir().unwrap());
    let memory = story.in_memory(12);
    let store = story.found(folder.path());
    for height in 1..=6 {
        assert_eq!(&story.append(&store).header, memory.header(Height(height)).unwrap());
    }
    drop(store);
    let store = open(folder.path());
    assert_eq!(store.check().unwrap().height, Height(6));
    for height in 7..=12 {
        assert_eq!(&story.append(&store).header, memory.header(Height(height)).unwrap());
    }
    story.compare(&store, &memory).unwrap();
    drop(store);
    let store = open(folder.path());
    let report = store.check().unwrap();
    assert_eq!((report.height, report.headers), (Height(12), 12));
    story.compare(&store, &memory).unwrap();
}

#[test]
fn some_outcomes_of_the_story_are_applied_and_some_rejected() {
    let (story, folder) = (Story::new(), tempfile::tempdir().unwrap());
    let store = story.found(folder.path());
    story.append(&store);
    let built = story.append(&store);
    assert!(built.outcomes.contains(&Outcome::Applied));
    assert!(built.outcomes.iter().any(|outcome| matches!(outcome, Outcome::Rejected(_))));
}

#[test]
fn replaying_the_stored_blocks_from_the_genesis_reproduces_every_root() {
    let (story, folder) = (Story::new(), tempfile::tempdir().unwrap());
    let store = story.found(folder.path());
    story.append_until(&store, 10);
    let mut memory = story.consortium.ledger();
    for height in 1..=10 {
        let block = store.block(Height(height)).unwrap().unwrap();
        let transactions: Vec<_> = block
            .entries
            .iter()
            .map(|entry| <inro_contracts::entry::Entry as inro_contracts::bytes::Canonical>::from_bytes(entry).unwrap())
            .map(|entry| inro_contracts::transaction::ParsedTransaction::from(entry.transaction).verify().unwrap())
            .collect();
        let built = memory.append(block.header.time, block.header.proposer, &transactions).unwrap();
        assert_eq!(built.header, block.header);
    }
}

#[test]
fn roots_do_not_depend_on_what_is_cached() {
    let story = Story::new();
    let memory = story.in_memory(12);
    let small = StoreOptions { tree_cache_mib: 0, state_cache_mib: 0, recent_ids_max: 0, ..StoreOptions::default() };
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), &small).unwrap();
    store.found(&story.consortium.founding(), b"").unwrap();
    story.append_until(&store, 8);
    drop(store);
    let store = Store::open(folder.path(), &small).unwrap();
    story.append_until(&store, 12);
    story.compare(&store, &memory).unwrap();
    store.check().unwrap();
}

#[test]
fn a_block_that_is_committed_already_changes_nothing() {
    let (story, folder) = (Story::new(), tempfile::tempdir().unwrap());
    let store = story.found(folder.path());
    let transactions = story.transactions(1);
    let built = story.append(&store);
    let certificate = story.consortium.certificate(&built.header, 0);
    assert_eq!(store.commit(&built, &transactions, &certificate), Ok(Committed::AlreadyCommitted));
    story.append(&store);
    assert_eq!(store.commit(&built, &transactions, &certificate), Ok(Committed::AlreadyCommitted));
    story.compare(&store, &story.in_memory(2)).unwrap();
}

#[test]
fn a_gap_a_fork_and_parts_that_do_not_belong_together_are_refused() {
    let (story, folder, other) = (Story::new(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = story.found(folder.path());
    let ahead = story.found(other.path());
    story.append_until(&ahead, 2);
    let third = story.build(&ahead, &story.transactions(3));
    let certificate = story.consortium.certificate(&third.header, 0);
    let gap = StoreError::Gap { tip: Height(0), found: Height(3) };
    assert_eq!(store.commit(&third, &story.transactions(3), &certificate), Err(gap));

    let first = story.append(&store);
    let mut forked = first.clone();
    forked.header.proposer = story.consortium.organisations[1].validator.public();
    forked.id = forked.header.id();
    let certificate = story.consortium.certificate(&forked.header, 0);
    let fork = StoreError::Fork { height: Height(1), committed: first.id, brought: forked.id };
    assert_eq!(store.commit(&forked, &story.transactions(1), &certificate), Err(fork));

    let transactions = story.transactions(2);
    let mut second = story.build(&store, &transactions);
    let certificate = story.consortium.certificate(&second.header, 0);
    let mismatch = |result| assert!(matches!(result, Err(StoreError::Mismatch { .. })));
    mismatch(store.commit(&second, &transactions[1..], &certificate));
    mismatch(store.commit(&second, &transactions, &story.consortium.certificate(&first.header, 0)));
    second.header.parent = BlockId([9; 32]);
    second.id = second.header.id();
    let certificate = story.consortium.certificate(&second.header, 0);
    let fork = StoreError::Fork { height: Height(1), committed: first.id, brought: BlockId([9; 32]) };
    assert_eq!(store.commit(&second, &transactions, &certificate), Err(fork));
    story.compare(&store, &story.in_memory(1)).unwrap();
}

#[test]
fn a_folder_is_founded_once_and_keeps_its_ledger() {
    let (story, folder) = (Story::new(), tempfile::tempdir().unwrap());
    let store = open(folder.path());
    assert_eq!(store.tip(), Err(StoreError::NotFounded));
    assert_eq!(store.genesis(), Ok(None));
    store.found(&story.consortium.founding(), b"the founding document").unwrap();
    assert_eq!(store.found(&story.consortium.founding(), b""), Err(StoreError::AlreadyFounded));
    drop(store);
    let store = open(folder.path());
    assert_eq!(store.genesis(), Ok(Some(b"the founding document".to_vec())));
    let other = inro_contracts::fixture::Consortium::new(5);
    let refused = StoreError::OtherLedger { expected: other.chain, found: story.consortium.chain };
    assert_eq!(store.found(&other.founding(), b""), Err(refused.clone()));
    assert_eq!(store.require_chain(&other.chain), Err(refused));
    assert_eq!(store.require_chain(&story.consortium.chain), Ok(()));
    assert_ne!(other.chain, ChainId([0; 32]));
}
