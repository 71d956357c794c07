//! Facilities whose validator lies.

use std::time::Duration;

use inro_tests::cluster::{Cluster, PATIENCE};
use inro_tests::invariants::Verdict;
use inro_tests::load::{Load, Pace};

mod equivocating_validator;
mod silent_validator;

const HONEST: [usize; 3] = [0, 1, 2];
const LIAR: usize = 3;

/// Four validators, the last of which lies in this way from the start; load on the honest ones for some seconds.
async fn cluster_with_a_liar(lies: &[&str], seconds: u64) -> (Cluster, inro_tests::load::Told) {
    under_load(start_with_a_liar(lies).await, seconds).await
}

async fn start_with_a_liar(lies: &[&str]) -> Cluster {
    let mut cluster = Cluster::found(&inro_tests::cluster::Shape::default());
    cluster.replace_program(LIAR, "inro-adversary", lies);
    cluster.start_all().await;
    cluster
}

/// The same, with a liar that comes when the honest three have begun. Whoever comes when a block is decided already waits for the
/// next one before it votes: an honest validator that waits beside one that keeps its votes to itself leaves the others too few.
async fn cluster_with_a_late_liar(lies: &[&str], seconds: u64) -> (Cluster, inro_tests::load::Told) {
    let mut cluster = Cluster::found(&inro_tests::cluster::Shape::default());
    cluster.replace_program(LIAR, "inro-adversary", lies);
    for node in HONEST {
        cluster.launch(node);
    }
    for node in HONEST {
        cluster.wait_ready(node).await;
    }
    cluster.wait_height(0, 1, PATIENCE).await;
    cluster.restart(LIAR).await;
    under_load(cluster, seconds).await
}

async fn under_load(cluster: Cluster, seconds: u64) -> (Cluster, inro_tests::load::Told) {
    let load = Load::start(&cluster, &HONEST, Pace::PerSecond(50)).await;
    let before = cluster.height(0).await;
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    cluster.wait_height(0, before + 5, PATIENCE).await;
    // The honest three serve their clients.
    load.wait_accepted(seconds as usize * 30).await;
    (cluster, load.finish().await)
}

/// What holds among the honest, whatever the liar does.
fn the_honest_hold(cluster: &Cluster, verdict: &Verdict<'_>, told: &inro_tests::load::Told) {
    let liar = cluster.consortium.members[LIAR].validator.as_ref().expect("the liar votes").public();
    verdict.every_acknowledged_transaction_is_committed_on_every_node(&told.acknowledged(cluster));
    verdict.what_was_served_as_committed_stands_at_its_height(told);
    verdict.equal_blocks_and_state_roots_at_every_height();
    verdict.one_certificate_per_height_and_it_verifies();
    verdict.no_key_signed_twice(&[liar]);
    verdict.no_panic_and_no_canary_in_any_log();
}
