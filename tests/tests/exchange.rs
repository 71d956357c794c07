//! The patient's word on a running cluster: the whole scenario, with real documents.

use std::path::Path;

use inro_tests::cluster::{Cluster, Shape};
use inro_tests::play::{Facility, Patient, Play};

const SLUGS: [&str; 5] = ["a-clinic", "kamakura-clinic", "e-medical-centre", "pharmacy", "phr"];

#[tokio::test(flavor = "multi_thread")]
async fn the_scenario_p1_to_p8_runs_and_every_forbidden_read_fails() {
    let cluster = Cluster::start(Shape { observers: 1, ..Shape::default() }).await;
    let mut facilities = Vec::new();
    for (index, slug) in SLUGS.into_iter().enumerate() {
        let member = &cluster.consortium.members[index];
        let (authority, physician) = (member.authority.clone(), member.practitioner.clone());
        let facility = Facility::at(slug, slug, member.id, authority, physician, cluster.client(index).clone()).await;
        facilities.push(facility.expect("every node says who it is"));
    }
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    let patient = Patient::new(cluster.consortium.chain);
    let mut play = Play::new(facilities, patient, &samples, |shown, title| {
        println!("{title}: {} ({} ms) {}", if shown.ok { "ok" } else { "FAILED" }, shown.millis, shown.detail);
    });
    assert!(play.all().await, "{:?}", play.shown.last());
}
