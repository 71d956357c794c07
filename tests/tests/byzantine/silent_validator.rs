//! A validator that keeps its votes or proposals to itself, at random or always.

use inro_tests::invariants::Verdict;

use super::{HONEST, cluster_with_a_late_liar, the_honest_hold};

#[tokio::test(flavor = "multi_thread")]
async fn a_validator_that_drops_votes_and_proposals_neither_stops_nor_forks_the_others() {
    let (cluster, told) = cluster_with_a_late_liar(&["--drop-votes", "0.5", "--drop-proposals", "0.5"], 8).await;
    the_honest_hold(&cluster, &Verdict::of(&cluster, &HONEST).await, &told);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_validator_that_forgets_its_locks_neither_stops_nor_forks_the_others() {
    let (cluster, told) = cluster_with_a_late_liar(&["--ignore-locks", "always", "--drop-proposals", "0.3"], 8).await;
    the_honest_hold(&cluster, &Verdict::of(&cluster, &HONEST).await, &told);
}
