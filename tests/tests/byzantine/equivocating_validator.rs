//! A validator that signs two votes for one step, and two proposals for one round.

use std::time::Duration;

use inro_contracts::transaction::Action;
use inro_tests::cluster::{Cluster, PATIENCE, eventually};
use inro_tests::invariants::Verdict;
use inro_tests::load::{Load, Pace};

use super::{HONEST, LIAR, cluster_with_a_liar, start_with_a_liar, the_honest_hold};

#[tokio::test(flavor = "multi_thread")]
async fn a_validator_that_signs_conflicting_votes_neither_stops_nor_forks_the_others_and_the_evidence_is_committed() {
    let cluster = start_with_a_liar(&["--equivocate-votes", "0.5"]).await;
    cluster.wait_voting(LIAR, PATIENCE).await;
    let load = Load::start(&cluster, &HONEST, Pace::PerSecond(50)).await;
    tokio::time::sleep(Duration::from_secs(8)).await;
    // Votes that come when the block is decided already are no evidence, and a slow machine's often do.
    let mut seen = 0;
    eventually("the evidence is on the ledger", async || has_evidence(&cluster, &mut seen).await.then_some(())).await;
    let told = load.finish().await;
    let verdict = Verdict::of(&cluster, &HONEST).await;
    the_honest_hold(&cluster, &verdict, &told);
    let liar = cluster.consortium.members[LIAR].validator.as_ref().expect("the liar votes").public();
    let evidence = verdict.evidence();
    assert!(!evidence.is_empty());
    for (_, found) in &evidence {
        assert_eq!(found.validator(), liar);
        assert!(found.conflicts(&cluster.consortium.chain) && found.claims().iter().all(|claim| claim.holds()));
    }
    println!("{} pieces of evidence are committed", evidence.len());
}

/// Is there evidence in a block after the `seen`th? Those without it count as seen.
async fn has_evidence(cluster: &Cluster, seen: &mut u64) -> bool {
    let blocks = cluster.blocks(HONEST[0], *seen + 1).await;
    *seen += blocks.len() as u64;
    let mut actions = blocks.iter().flat_map(|block| &block.entries).map(|entry| &entry.transaction.action);
    actions.any(|action| matches!(action, Action::ReportDoubleSign { .. }))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proposer_that_signs_conflicting_proposals_neither_stops_nor_forks_the_others() {
    let (cluster, told) = cluster_with_a_liar(&["--equivocate-proposals", "always"], 8).await;
    the_honest_hold(&cluster, &Verdict::of(&cluster, &HONEST).await, &told);
}
