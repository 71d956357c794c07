//! Facilities that survive: crashes at any moment.

use std::time::Duration;

use inro_tests::cluster::{Cluster, PATIENCE};
use inro_tests::invariants::Verdict;
use inro_tests::load::{Load, Pace};
use inro_tests::seed;
use rand::Rng;

const ALL: [usize; 4] = [0, 1, 2, 3];

#[tokio::test(flavor = "multi_thread")]
async fn any_one_validator_killed_at_random_moments_under_load_twenty_times_loses_nothing_and_rejoins() {
    let mut random = seed::random();
    let mut cluster = Cluster::of_four().await;
    let load = Load::start(&cluster, &ALL, Pace::PerSecond(100)).await;
    for round in 1..=20 {
        tokio::time::sleep(Duration::from_millis(random.gen_range(100..1_500))).await;
        let victim = random.gen_range(0..4);
        let survivor = (victim + 1) % 4;
        let before = cluster.height(survivor).await;
        println!("round {round}: node {victim} is killed at about height {before}");
        cluster.kill(victim);
        cluster.wait_height(survivor, before + 2, PATIENCE).await;
        tokio::time::sleep(Duration::from_millis(random.gen_range(0..500))).await;
        cluster.restart(victim).await;
        cluster.wait_voting(victim, PATIENCE).await;
    }
    let told = load.finish().await;
    println!("{} accepted, {} unanswered, refused {:?}", told.accepted.len(), told.unanswered, told.refused);
    assert!(told.accepted.len() > 1_000);
    Verdict::of(&cluster, &ALL).await.everything_holds(&told);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_killed_validators_halt_the_ledger_without_a_fork_and_it_goes_on_when_they_are_back() {
    let mut cluster = Cluster::of_four().await;
    let load = Load::start(&cluster, &ALL, Pace::PerSecond(50)).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    cluster.kill(1);
    cluster.kill(2);
    // Votes that were on their way may still complete one height.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let halted = (cluster.height(0).await, cluster.height(3).await);
    tokio::time::sleep(Duration::from_secs(6)).await;
    let later = (cluster.height(0).await, cluster.height(3).await);
    assert!(later.0.max(later.1) <= halted.0.max(halted.1) + 1, "two of four commit nothing: {halted:?}, then {later:?}");
    cluster.start_all().await;
    cluster.wait_height(0, later.0.max(later.1) + 3, PATIENCE).await;
    for node in ALL {
        cluster.wait_voting(node, PATIENCE).await;
    }
    let told = load.finish().await;
    Verdict::of(&cluster, &ALL).await.everything_holds(&told);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_validators_killed_at_once_resume_where_they_were() {
    let mut cluster = Cluster::of_four().await;
    let load = Load::start(&cluster, &ALL, Pace::PerSecond(100)).await;
    for _ in 0..2 {
        tokio::time::sleep(Duration::from_secs(3)).await;
        let before = cluster.height(0).await;
        for node in ALL {
            cluster.kill(node);
        }
        cluster.start_all().await;
        assert!(cluster.height(0).await >= before, "no committed block is lost");
        cluster.wait_height(0, before + 3, PATIENCE).await;
    }
    let told = load.finish().await;
    Verdict::of(&cluster, &ALL).await.everything_holds(&told);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_validator_that_is_told_to_stop_stops_cleanly_and_comes_back() {
    let mut cluster = Cluster::of_four().await;
    let load = Load::start(&cluster, &[1, 2, 3], Pace::PerSecond(50)).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let status = cluster.terminate(0).await;
    assert!(status.success(), "a node that is told to stop ends with {status}");
    tokio::time::sleep(Duration::from_secs(2)).await;
    cluster.restart(0).await;
    cluster.wait_voting(0, PATIENCE).await;
    let told = load.finish().await;
    Verdict::of(&cluster, &ALL).await.everything_holds(&told);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_validator_that_is_halted_for_a_while_catches_up_and_votes_again() {
    let cluster = Cluster::of_four().await;
    let load = Load::start(&cluster, &[1, 2, 3], Pace::PerSecond(50)).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    cluster.pause(0);
    tokio::time::sleep(Duration::from_secs(8)).await;
    cluster.resume(0);
    cluster.wait_voting(0, PATIENCE).await;
    let told = load.finish().await;
    Verdict::of(&cluster, &ALL).await.everything_holds(&told);
}
