//! Who belongs, and whose validator votes: changes under load, each in force from its block on.

use std::time::Duration;

use inro_client::model::At;
use inro_contracts::bytes::Text;
use inro_contracts::entry::Outcome;
use inro_contracts::organisation::{OrganisationKind, PeerKind};
use inro_contracts::proposal::Change;
use inro_contracts::rule::Rule;
use inro_contracts::time::Height;
use inro_tests::cluster::{Cluster, PATIENCE};
use inro_tests::invariants::Verdict;
use inro_tests::load::{Load, Pace};

#[tokio::test(flavor = "multi_thread")]
async fn a_fifth_organisation_joins_under_load_votes_and_its_removal_takes_effect_at_once() {
    let mut cluster = Cluster::of_four().await;
    let load = Load::start(&cluster, &[0, 1, 2, 3], Pace::PerSecond(50)).await;
    let fifth = cluster.admit("Zushi Hospital", OrganisationKind::Hospital, PeerKind::Validator).await;
    let newcomer = cluster.consortium.members[fifth].clone();
    let validator = newcomer.validator.clone().expect("it made a consensus key");
    cluster.configure(fifth, |config| {
        let keys = config["keys"].as_table_mut().expect("the configuration has keys");
        keys.insert("validator".into(), "keys/validator.pem".into());
    });
    cluster.restart(fifth).await;
    cluster.wait_height(fifth, cluster.height(0).await, PATIENCE).await;

    // Five organisations: four of them are more than two thirds.
    let change = cluster.consortium.validator(&newcomer, &validator, 10);
    let joined = cluster.decide(2, change, 1, &[0, 2, 3]).await;
    cluster.wait_voting(fifth, PATIENCE).await;
    cluster.wait_height(3, joined.0, PATIENCE).await;
    let set = cluster.client(3).validators().await.expect("a node serves the validators");
    assert_eq!(set.validators().len(), 5);

    let removal = Change::RemoveValidator { key: validator.public() };
    let left = cluster.decide(3, removal, 0, &[1, 2, 3]).await;
    cluster.wait_height(0, left.0 + 5, PATIENCE).await;
    let told = load.finish().await;
    // The removed validator's node follows like an observer.
    let verdict = Verdict::of(&cluster, &[0, 1, 2, 3, fifth]).await;
    verdict.everything_holds(&told);
    for block in &verdict.chains[&0] {
        let signs = block.certificate.signatures.iter().any(|part| part.validator == validator.public());
        assert!(!signs || (joined < block.header.height && block.header.height <= left), "{} signs", block.header.height);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_validator_key_is_rotated_under_load_and_the_new_one_votes() {
    let mut cluster = Cluster::of_four().await;
    let load = Load::start(&cluster, &[0, 1, 2], Pace::PerSecond(50)).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let member = cluster.consortium.members[3].clone();
    let (old, new) = (member.validator.clone().expect("it votes"), member.new_key("validator-2.pem"));
    let rotated = cluster.apply(0, &cluster.consortium.rotate_validator(&member, old.public(), &new)).await.height;
    cluster.terminate(3).await;
    cluster.configure(3, |config| {
        let keys = config["keys"].as_table_mut().expect("the configuration has keys");
        keys.insert("validator".into(), "keys/validator-2.pem".into());
    });
    cluster.consortium.members[3].validator = Some(new);
    cluster.restart(3).await;
    cluster.wait_voting(3, PATIENCE).await;
    let told = load.finish().await;
    let verdict = Verdict::of(&cluster, &[0, 1, 2, 3]).await;
    verdict.everything_holds(&told);
    for block in verdict.chains[&0].iter().filter(|block| block.header.height > rotated) {
        assert!(block.certificate.signatures.iter().all(|part| part.validator != old.public()), "the old key votes no more");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organisation_suspended_in_a_block_is_cut_off_at_that_block() {
    let cluster = Cluster::start(inro_tests::cluster::Shape {
        validators: 5,
        parameters: inro_contracts::parameters::Parameters {
            heartbeat_ms: 2_000,
            validators_min: 4,
            ..inro_contracts::parameters::Parameters::default()
        },
        ..Default::default()
    })
    .await;
    let load = Load::start(&cluster, &[0, 1, 2, 3], Pace::PerSecond(50)).await;
    let suspended = 4;
    let label = cluster.open_accounts(suspended, suspended, 1).await[0];
    cluster.apply(suspended, &cluster.consortium.register_record(suspended, label)).await;
    let id = cluster.consortium.members[suspended].id;
    let reason = Text::new("an exercise").expect("it is short");
    let change = Change::SuspendOrganisation { organisation: id, reason };
    let (proposing, proposal) = cluster.consortium.propose(0, change);
    cluster.apply(0, &proposing).await;
    cluster.apply(1, &cluster.consortium.approve(1, proposal)).await;
    cluster.apply(2, &cluster.consortium.approve(2, proposal)).await;
    // Around the deciding vote the suspended practitioner keeps submitting, through the own node and through another one.
    let submit = |node: usize| {
        let client = cluster.client(node).clone();
        let consortium = cluster.consortium.clone();
        tokio::spawn(async move {
            for _ in 0..100 {
                let _ = client.submit(&consortium.register_record(suspended, label)).await;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
    };
    let submitters = [submit(0), submit(suspended)];
    tokio::time::sleep(Duration::from_millis(300)).await;
    let cut = cluster.apply(3, &cluster.consortium.approve(3, proposal)).await.height;
    for submitter in submitters {
        submitter.await.expect("submitters do not panic");
    }

    cluster.wait_height(1, cut.0, PATIENCE).await;
    let refusal = cluster.client(1).submit(&cluster.consortium.register_record(suspended, label)).await;
    let problem = refusal.expect_err("a suspended organisation's practitioner is refused");
    assert_eq!(problem.problem().and_then(|problem| problem.rule.clone()).as_deref(), Some("T-2"), "{problem}");
    cluster.wait_height(0, cut.0 + 4, PATIENCE).await;
    // Each of the others cuts it off when it has the block.
    cluster.wait_cut_off(suspended).await;
    let own_height = cluster.height(suspended).await;
    assert!(own_height <= cut.0 + 1, "its node sees no block after {cut}, and is at {own_height}");

    let told = load.finish().await;
    let verdict = Verdict::of(&cluster, &[0, 1, 2, 3]).await;
    verdict.everything_holds(&told);
    let validator = cluster.consortium.members[suspended].validator.as_ref().expect("it voted").public();
    let practitioner = cluster.consortium.members[suspended].practitioner.public();
    let mut applied = 0;
    for block in &verdict.chains[&0] {
        let height = block.header.height;
        let own = block.entries.iter().filter(|entry| entry.transaction.signer == practitioner);
        for entry in own {
            match &entry.outcome {
                Outcome::Applied => {
                    assert!(height <= cut, "applied in block {height}, suspended in block {cut}");
                    applied += 1;
                }
                Outcome::Rejected(rule) => assert_eq!(*rule, Rule::SuspendedOrganisation),
                other => panic!("the load registers records only, and found {other:?}"),
            }
        }
        if height > cut {
            assert!(block.certificate.signatures.iter().all(|part| part.validator != validator), "it votes no more");
            assert_ne!(block.header.proposer, validator);
        }
    }
    assert!(applied > 1, "before the block it could act");
    // Within the block, what stands behind the deciding vote was rejected already.
    let block = cluster.client(0).block(At::Height(Height(cut.0))).await.expect("the block is there");
    let vote =
        block.entries.iter().position(|entry| entry.transaction.signer == cluster.consortium.members[3].authority.public());
    let behind = block.entries.iter().skip(vote.expect("the deciding vote is in it"));
    for entry in behind.filter(|entry| entry.transaction.signer == practitioner) {
        assert_ne!(entry.outcome, Outcome::Applied);
    }
}
