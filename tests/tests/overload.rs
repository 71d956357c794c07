//! More than the cluster can take: what is accepted is committed, the rest is told to come back later.

use std::time::Duration;

use inro_tests::cluster::{Cluster, PATIENCE};
use inro_tests::invariants::Verdict;
use inro_tests::load::{Load, Pace};

#[tokio::test(flavor = "multi_thread")]
async fn under_twice_the_saturation_load_accepted_means_committed_and_the_rest_is_told_to_wait() {
    let mut cluster = Cluster::found(&inro_tests::cluster::Shape::default());
    for node in 0..4 {
        cluster.configure(node, |config| {
            let mut mempool = toml::Table::new();
            mempool.insert("transactions_max".into(), 4_000.into());
            config.insert("mempool".into(), mempool.into());
        });
    }
    cluster.start_all().await;
    let nodes = [0, 1, 2, 3];
    let load = Load::start(&cluster, &nodes, Pace::Flood { batch: 400, clients: 2 }).await;
    let before = cluster.height(0).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    // Blocks go on, also under the flood.
    cluster.wait_height(0, before + 6, PATIENCE).await;
    let told = load.finish().await;
    println!("{} accepted, {} told to wait, {} unanswered", told.accepted.len(), told.too_busy(), told.unanswered);
    assert!(told.too_busy() as usize > told.accepted.len() / 4, "more was offered than could be taken");
    assert!(told.refused.keys().all(|status| [429, 503].contains(status)), "{:?}", told.refused);
    let verdict = Verdict::of(&cluster, &nodes).await;
    verdict.everything_holds(&told);
}
