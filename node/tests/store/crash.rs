//! A node that is killed, or whose power is cut, comes back at a block boundary with everything it acknowledged.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use inro_contracts::time::Height;
use inro_node::store::{Store, StoreOptions};

use super::{Story, copy_folder, files, next_random, open};

const CHILD_FOLDER: &str = "INRO_STORE_TEST_FOLDER";
/// How many of the last blocks the killed process keeps whole; it prunes after each block.
const KEEP_BLOCKS: u64 = 4;

/// Not a test of its own: the process that [`a_killed_node_has_lost_nothing_that_it_acknowledged`] starts and kills.
#[test]
#[ignore = "started and killed by another test"]
fn child_that_commits_until_it_is_killed() {
    let Some(folder) = std::env::var_os(CHILD_FOLDER) else { return };
    let options = StoreOptions { keep_blocks: KEEP_BLOCKS, ..StoreOptions::default() };
    let (story, store) = (Story::new(), Store::open(folder, &options).unwrap());
    while store.tip().unwrap().height < Height(60) {
        let built = story.append(&store);
        store.prune().unwrap();
        println!("acknowledged {}", built.header.height);
    }
}

#[test]
fn a_killed_node_has_lost_nothing_that_it_acknowledged() {
    let (story, folder) = (Story::new(), tempfile::tempdir().unwrap());
    drop(story.found(folder.path()));
    let mut seed = 7;
    let mut before = 0;
    for _ in 0..5 {
        let name = "store::crash::child_that_commits_until_it_is_killed";
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name, "--ignored", "--nocapture", "--test-threads=1"])
            .env(CHILD_FOLDER, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let enough = before + 1 + next_random(&mut seed) % 8;
        let mut acknowledged = before;
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            acknowledged = line.split("acknowledged ").nth(1).and_then(|text| text.parse().ok()).unwrap_or(acknowledged);
            if acknowledged >= enough {
                // Not on the boundary: somewhere within the next block.
                std::thread::sleep(std::time::Duration::from_micros(next_random(&mut seed) % 3_000));
                child.kill().unwrap();
                break;
            }
        }
        child.wait().unwrap();
        let store = open(folder.path());
        store.check().unwrap();
        let tip = store.tip().unwrap().height.0;
        assert!(tip >= acknowledged, "block {acknowledged} was acknowledged, but the store ends at {tip}");
        story.compare(&store, &story.in_memory(tip)).unwrap();
        let pruned = (tip + 1).saturating_sub(KEEP_BLOCKS).max(1);
        assert!((pruned.saturating_sub(1)..=pruned).contains(&store.whole_from().unwrap().0));
        before = tip;
    }
}

#[test]
fn a_copy_taken_between_two_blocks_of_a_running_node_opens_at_that_block() {
    let (story, folder) = (Story::new(), tempfile::tempdir().unwrap());
    let store = story.found(folder.path());
    for height in 1..=5 {
        story.append(&store);
        let copy = tempfile::tempdir().unwrap();
        copy_folder(folder.path(), copy.path());
        let copied = open(copy.path());
        copied.check().unwrap();
        story.compare(&copied, &story.in_memory(height)).unwrap();
    }
}

/// A store of some blocks whose write-ahead log was never flushed, and where each block ends in the log.
fn store_with_log(story: &Story, folder: &std::path::Path) -> Vec<u64> {
    let store = story.found(folder);
    let log_bytes = || files(folder, ".log").iter().map(|path| path.metadata().unwrap().len()).sum();
    let mut ends = vec![log_bytes()];
    for _ in 0..8 {
        story.append(&store);
        ends.push(log_bytes());
    }
    ends
}

/// Opens a copy of the folder after `harm` was done to its log.
fn open_harmed(folder: &std::path::Path, harm: impl FnOnce(&mut Vec<u8>)) -> (tempfile::TempDir, Store) {
    let copy = tempfile::tempdir().unwrap();
    copy_folder(folder, copy.path());
    let log = files(copy.path(), ".log").pop().unwrap();
    let mut bytes = std::fs::read(&log).unwrap();
    harm(&mut bytes);
    std::fs::write(&log, bytes).unwrap();
    let store = open(copy.path());
    (copy, store)
}

#[test]
fn a_log_cut_off_anywhere_opens_at_the_last_whole_block() {
    let (story, folder) = (Story::new(), tempfile::tempdir().unwrap());
    let ends = store_with_log(&story, folder.path());
    let last = *ends.last().unwrap();
    let mut offsets: Vec<u64> = ends.iter().flat_map(|end| [end - 8, end - 1, *end, end + 1, end + 7, end + 60]).collect();
    let mut seed = 11;
    offsets.extend((0..24).map(|_| next_random(&mut seed) % last));
    offsets.push(0);
    for offset in offsets.into_iter().filter(|offset| *offset <= last) {
        let (_copy, store) = open_harmed(folder.path(), |log| log.truncate(offset as usize));
        let whole = ends.iter().filter(|end| **end <= offset).count();
        if whole == 0 {
            assert!(!store.is_founded(), "cut at {offset}");
            continue;
        }
        let tip = store.tip().unwrap().height.0;
        assert_eq!(tip, whole as u64 - 1, "cut at {offset}");
        store.check().unwrap();
        story.compare(&store, &story.in_memory(tip)).unwrap();
        story.append_until(&store, 9);
        assert_eq!(store.tip().unwrap(), story.in_memory(9).tip());
    }
}

/// A power cut during a write can leave later pages on the disk and not earlier ones.
#[test]
fn a_log_with_a_hole_in_its_last_block_opens_at_the_block_before() {
    let (story, folder) = (Story::new(), tempfile::tempdir().unwrap());
    let ends = store_with_log(&story, folder.path());
    let (start, end) = (ends[7] as usize, ends[8] as usize);
    for (from, until) in [(start, end), (start, start + 100), (start + 50, end - 50), (end - 20, end)] {
        let (_copy, store) = open_harmed(folder.path(), |log| log[from..until].fill(0));
        assert_eq!(store.tip().unwrap().height, Height(7), "zeros from {from} to {until}");
        store.check().unwrap();
        story.compare(&store, &story.in_memory(7)).unwrap();
    }
}

#[test]
fn a_log_with_a_flipped_bit_opens_at_a_whole_block_before_it() {
    let (story, folder) = (Story::new(), tempfile::tempdir().unwrap());
    let ends = store_with_log(&story, folder.path());
    let mut seed = 13;
    for _ in 0..16 {
        let offset = ends[0] + next_random(&mut seed) % (ends[8] - ends[0]);
        let (_copy, store) = open_harmed(folder.path(), |log| log[offset as usize] ^= 1 << (offset % 8));
        let tip = store.tip().unwrap().height.0;
        assert_eq!(tip, ends.iter().filter(|end| **end <= offset).count() as u64 - 1, "flipped at {offset}");
        store.check().unwrap();
        story.compare(&store, &story.in_memory(tip)).unwrap();
    }
}
