//! All tests of evidence, as one program.

mod world;

use inro_evidence::verify;

#[test]
fn every_kind_of_evidence_is_true_and_encodes_back_to_its_bytes() {
    let story = world::story();
    for (name, evidence) in story.all() {
        let bytes = evidence.to_bytes();
        match verify(&bytes, &story.world.anchor()) {
            Ok(proved) => println!("{name}: {} bytes: {}", bytes.len(), serde_json::to_string(&proved.summary()).unwrap()),
            Err(fault) => panic!("{name}: {fault}"),
        }
    }
}
