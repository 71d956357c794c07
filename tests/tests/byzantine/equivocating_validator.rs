//! A validator that signs two votes for one step, and two proposals for one round.

use inro_tests::invariants::Verdict;

use super::{HONEST, LIAR, cluster_with_a_liar, the_honest_hold};

#[tokio::test(flavor = "multi_thread")]
async fn a_validator_that_signs_conflicting_votes_neither_stops_nor_forks_the_others_and_the_evidence_is_committed() {
    let (cluster, told) = cluster_with_a_liar(&["--equivocate-votes", "0.5"], 8).await;
    let verdict = Verdict::of(&cluster, &HONEST).await;
    the_honest_hold(&cluster, &verdict, &told);
    let liar = cluster.consortium.members[LIAR].validator.as_ref().expect("the liar votes").public();
    let evidence = verdict.evidence();
    assert!(!evidence.is_empty(), "the evidence is on the ledger");
    for (_, found) in &evidence {
        assert_eq!(found.validator(), liar);
        assert!(found.conflicts(&cluster.consortium.chain) && found.claims().iter().all(|claim| claim.holds()));
    }
    println!("{} pieces of evidence are committed", evidence.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proposer_that_signs_conflicting_proposals_neither_stops_nor_forks_the_others() {
    let (cluster, told) = cluster_with_a_liar(&["--equivocate-proposals", "always"], 8).await;
    the_honest_hold(&cluster, &Verdict::of(&cluster, &HONEST).await, &told);
}
