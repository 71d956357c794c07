//! Copies of a ledger: backups, audits, replays.

use std::time::Duration;

use inro_contracts::bytes::Canonical;
use inro_contracts::entry::Entry;
use inro_contracts::memory::MemoryLedger;
use inro_contracts::time::Height;
use inro_contracts::transaction::ParsedTransaction;
use inro_node::store::{Store, StoreOptions};
use inro_tests::cluster::{Cluster, PATIENCE};
use inro_tests::invariants::{Verdict, replay};
use inro_tests::load::{Load, Pace};

use crate::memory_of_signatures::copy_folder;

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_a_data_folder_taken_while_the_node_runs_opens_and_replays_to_the_same_roots() {
    let cluster = Cluster::of_four().await;
    let load = Load::start(&cluster, &[0, 1, 2, 3], Pace::PerSecond(100)).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let copy = cluster.folder().join("copy");
    // The node stands still for the moment of the copy, as it does for a snapshot of its disk.
    cluster.pause(1);
    copy_folder(&cluster.nodes[1].data(), &copy);
    cluster.resume(1);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let told = load.finish().await;

    let store = Store::open(copy.join("ledger"), &StoreOptions::default()).expect("the copy opens");
    store.require_chain(&cluster.consortium.chain).expect("it is of this ledger");
    store.check().expect("it is whole");
    let tip = store.tip().expect("it has a tip");
    assert!(tip.height > Height(3), "the copy has blocks");
    let mut ledger = MemoryLedger::found(&cluster.founding);
    for height in 1..=tip.height.0 {
        let header = store.header(Height(height)).expect("it can be read").expect("the block is there");
        let snapshot = store.snapshot().expect("it can be read");
        let transactions: Vec<_> = (0..header.entries)
            .map(|index| {
                let bytes = snapshot.entry(Height(height), index).expect("it can be read").expect("the entry is there");
                let entry = Entry::from_bytes(&bytes).expect("an entry is canonical");
                ParsedTransaction::from(entry.transaction).verify().expect("committed signatures hold")
            })
            .collect();
        let built = ledger.append(header.time, header.proposer, &transactions).expect("the block stands");
        assert_eq!(built.header, header, "replaying block {height} gives its header");
    }
    assert_eq!(ledger.state_root(), store.state_root().expect("it can be read"));

    let verdict = Verdict::of(&cluster, &[0, 1, 2, 3]).await;
    verdict.everything_holds(&told);
    assert_eq!(verdict.chains[&0][tip.height.0 as usize - 1].id, tip.block, "the copy's tip is a block of the ledger");
}

#[tokio::test(flavor = "multi_thread")]
async fn replaying_the_chain_from_genesis_gives_the_same_roots_before_and_after_a_restart() {
    let mut cluster = Cluster::of_four().await;
    let load = Load::start(&cluster, &[0, 1, 2, 3], Pace::PerSecond(100)).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let told = load.finish().await;
    replay(&cluster, &cluster.blocks(2, 1).await);
    // Without two of them there are no more blocks; what was accepted is in one by then.
    for node in 0..4 {
        cluster.wait_idle(node).await;
    }
    let height = cluster.height(2).await;
    for node in 0..4 {
        cluster.terminate(node).await;
    }
    cluster.start_all().await;
    cluster.wait_height(2, height + 2, PATIENCE).await;
    replay(&cluster, &cluster.blocks(2, 1).await);
    Verdict::of(&cluster, &[0, 1, 2, 3]).await.everything_holds(&told);
}
