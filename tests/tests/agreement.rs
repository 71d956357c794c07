//! Facilities that agree.

use std::time::Duration;

use inro_contracts::organisation::OrganisationKind;
use inro_tests::cluster::{Cluster, Shape, eventually};
use inro_tests::invariants::Verdict;
use inro_tests::load::{Load, Pace, Told};

#[tokio::test(flavor = "multi_thread")]
async fn four_real_processes_agree_on_the_same_roots_and_an_observer_follows() {
    let cluster = Cluster::start(Shape { observers: 1, ..Shape::default() }).await;
    let load = Load::start(&cluster, &[0, 1, 2, 3, 4], Pace::PerSecond(200)).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    load.wait_accepted(500).await;
    let told = load.finish().await;
    assert_eq!(told.unanswered, 0);
    let verdict = Verdict::of(&cluster, &[0, 1, 2, 3, 4]).await;
    verdict.everything_holds(&told);
    let signers: std::collections::BTreeSet<_> =
        verdict.chains[&0].iter().flat_map(|block| block.certificate.signatures.iter().map(|part| part.validator)).collect();
    assert_eq!(signers.len(), 4, "every validator signs");
    assert!(cluster.status(0).await.validator);
    assert!(!cluster.status(4).await.validator, "the observer does not vote");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fifth_unknown_peer_is_refused_and_sees_nothing() {
    let mut cluster = Cluster::of_four().await;
    let stranger = cluster.add_newcomer("Stranger", OrganisationKind::Clinic);
    let refused_before = cluster.figures(0).await.sum("inro_connections_refused_total");
    cluster.restart(stranger).await;
    let label = cluster.open_accounts(0, 0, 1).await[0];
    cluster.apply(1, &cluster.consortium.register_record(0, label)).await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert!(cluster.height(0).await >= 2);
    let status = cluster.status(stranger).await;
    assert_eq!((status.height.0, status.peers_connected), (0, 0), "the stranger sees nothing");
    let refused = async || cluster.figures(0).await.sum("inro_connections_refused_total");
    eventually("the refusals are counted", async || (refused().await > refused_before).then_some(())).await;
    let transaction = cluster.consortium.register_record(0, label);
    // What the stranger takes in from its own clients reaches nobody.
    let _ = cluster.client(stranger).submit(&transaction).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let verdict = Verdict::of(&cluster, &[0, 1, 2, 3]).await;
    let id = inro_tests::consortium::id_of(&transaction);
    assert!(verdict.chains[&0].iter().all(|block| block.entries.iter().all(|entry| entry.id != id)));
    verdict.everything_holds(&Told::default());
}
