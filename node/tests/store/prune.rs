//! A store that is pruned keeps every journal and every proof of what it keeps, whatever stops it in the middle.

use inro_contracts::fixture::label;
use inro_contracts::time::Height;
use inro_node::store::{Location, Store, StoreError, StoreOptions};

use super::{Story, copy_folder, files, open};

fn open_keeping(path: &std::path::Path, keep_blocks: u64) -> Store {
    Store::open(path, &StoreOptions { keep_blocks, ..StoreOptions::default() }).unwrap()
}

/// Prunes until nothing is left to do; says how many pieces it took.
fn prune_all(store: &Store) -> usize {
    (1..1_000).find(|_| !store.prune().unwrap()).expect("it comes to an end")
}

/// Blocks of some 40 pages, unpruned.
fn forty_blocks(story: &Story, folder: &std::path::Path) {
    story.append_until(&story.found(folder), 40);
}

#[test]
fn only_what_no_journal_needs_goes_and_only_from_blocks_before_the_last_ones() {
    let (story, folder) = (Story::new(), tempfile::tempdir().unwrap());
    drop(story.found(folder.path()));
    let store = open_keeping(folder.path(), 5);
    assert!(!store.prune().unwrap());
    story.append_until(&store, 5);
    assert!(!store.prune().unwrap());
    assert_eq!(store.whole_from().unwrap(), Height(1));
    story.append_until(&store, 20);
    prune_all(&store);
    assert_eq!(store.whole_from().unwrap(), Height(16));
    story.compare(&store, &story.in_memory(20)).unwrap();
    let snapshot = store.snapshot().unwrap();
    let (height, gone) = (Height(3), story.transactions(3).len() as u32 - 1);
    assert_eq!(store.block(height), Err(StoreError::Pruned { height }));
    assert_eq!(snapshot.entry(height, gone), Err(StoreError::Pruned { height }));
    assert_eq!(snapshot.prove_entry(Location { height, index: gone }), Err(StoreError::Pruned { height }));
    let rejected = story.transactions(3)[gone as usize].id();
    assert_eq!(store.transaction(&rejected).unwrap(), Some(Location { height, index: gone }));
    assert_eq!(snapshot.outcome(&rejected), Err(StoreError::Pruned { height }));
    assert!(snapshot.outcome(&story.transactions(3)[0].id()).unwrap().is_some(), "an event's outcome is still known");
    store.check().unwrap();
}

#[test]
fn pruning_keeps_up_with_the_ledger_and_takes_nothing_back() {
    let (story, folder) = (Story::new(), tempfile::tempdir().unwrap());
    drop(story.found(folder.path()));
    let store = open_keeping(folder.path(), 3);
    for height in 1..=12 {
        story.append(&store);
        store.prune().unwrap();
        assert_eq!(store.whole_from().unwrap(), Height((height + 1u64).saturating_sub(3).max(1)));
    }
    drop(store);
    for keep_blocks in [0, 8] {
        let store = open_keeping(folder.path(), keep_blocks);
        assert!(!store.prune().unwrap());
        assert_eq!(store.whole_from().unwrap(), Height(10));
        story.compare(&store, &story.in_memory(12)).unwrap();
    }
}

#[test]
fn a_snapshot_from_before_sees_what_is_pruned_meanwhile() {
    let (story, folder) = (Story::new(), tempfile::tempdir().unwrap());
    forty_blocks(&story, folder.path());
    let store = open_keeping(folder.path(), 10);
    let before = store.snapshot().unwrap();
    prune_all(&store);
    assert_eq!(before.whole_from().unwrap(), Height(1));
    assert!(before.block(Height(3)).unwrap().is_some());
    assert!(store.block(Height(3)).is_err());
    assert_eq!(store.snapshot().unwrap().journal(&label(1), 1, 100), before.journal(&label(1), 1, 100));
}

#[test]
fn pruning_that_is_stopped_between_two_pieces_goes_on_after_the_start() {
    let (story, folder) = (Story::new(), tempfile::tempdir().unwrap());
    forty_blocks(&story, folder.path());
    let (memory, mut floor) = (story.in_memory(40), Height(1));
    loop {
        let store = open_keeping(folder.path(), 10);
        let is_more = store.prune().unwrap();
        drop(store);
        let store = open(folder.path());
        store.check().unwrap();
        story.compare(&store, &memory).unwrap();
        assert!(store.whole_from().unwrap() > floor, "a piece goes further than the one before");
        floor = store.whole_from().unwrap();
        if !is_more {
            break;
        }
    }
    assert_eq!(floor, Height(31));
}

/// A power cut takes back any part of what was not synced.
#[test]
fn a_log_cut_off_while_old_blocks_are_pruned_opens_at_a_piece_and_goes_on() {
    let (story, folder) = (Story::new(), tempfile::tempdir().unwrap());
    forty_blocks(&story, folder.path());
    let store = open_keeping(folder.path(), 10);
    let log_bytes = || files(folder.path(), ".log").last().unwrap().metadata().unwrap().len();
    let mut ends = vec![log_bytes()];
    while store.prune().unwrap() {
        ends.push(log_bytes());
    }
    ends.push(log_bytes());
    drop(store);
    let (memory, after) = (story.in_memory(40), story.in_memory(41));
    let cuts = ends.windows(2).flat_map(|pair| [pair[0], pair[0] + 1, (pair[0] + pair[1]) / 2, pair[1] - 1, pair[1]]);
    for cut in cuts {
        let copy = tempfile::tempdir().unwrap();
        copy_folder(folder.path(), copy.path());
        let log = files(copy.path(), ".log").pop().unwrap();
        let bytes = std::fs::read(&log).unwrap();
        std::fs::write(&log, &bytes[..cut as usize]).unwrap();
        let store = open_keeping(copy.path(), 10);
        store.check().unwrap();
        story.compare(&store, &memory).unwrap();
        prune_all(&store);
        story.append(&store);
        story.compare(&store, &after).unwrap();
        assert_eq!(store.whole_from().unwrap(), Height(31), "cut at {cut}");
    }
}
