//! False files, given to `inro verify`: the small ledger of the evidence tests at every position, a large journal at random ones.

use std::path::{Path, PathBuf};
use std::process::Command;

use inro_evidence::Evidence;
use inro_genesis::ceremony;
use inro_tests::liars::{Lie, Stock, certified_fork, lies_at, lies_everywhere, stale};
use inro_tests::process::program;
use inro_tests::seed;
use rand::Rng;
use serde_json::Value;

use crate::world::{World, large, story};

/// Random places of the large journal.
const PLACES: usize = 6;

/// Somebody with the founding document and files from a stranger.
struct Desk {
    folder: tempfile::TempDir,
    genesis: PathBuf,
}

impl Desk {
    fn of(world: &World) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let genesis = folder.path().join("genesis.json");
        ceremony::write_genesis(&genesis, &world.consortium.document).expect("the folder is writable");
        Self { folder, genesis }
    }

    /// What `inro verify` says of a file: what it proves, or the step that fails.
    fn verify(&self, evidence: &Evidence) -> Result<Value, String> {
        let file = self.folder.path().join("evidence.inro");
        std::fs::write(&file, evidence.to_bytes()).expect("the folder is writable");
        let output = Command::new(program("inro"))
            .args([Path::new("verify"), &file, Path::new("--genesis"), &self.genesis, Path::new("--json")])
            .output()
            .expect("the command runs");
        let read = |bytes: &[u8]| -> Value { serde_json::from_slice(bytes).expect("it says JSON") };
        if output.status.success() {
            return Ok(read(&output.stdout)["proved"].clone());
        }
        assert_eq!(
            (output.status.code(), output.stdout.as_slice()),
            (Some(1), [].as_slice()),
            "nothing of a false file is shown"
        );
        Err(read(&output.stderr)["error"]["rule"].as_str().expect("a step is named").to_owned())
    }

    fn catches(&self, name: &str, lie: &Lie) {
        let step = self.verify(&lie.told).expect_err(name);
        assert!(lie.fails.iter().any(|fails| fails.code() == step), "{name}: {step}");
    }

    fn believes_the_truth(&self, stock: &Stock) {
        for truth in [&stock.honest, &stale(stock), &stock.other, &certified_fork(stock)] {
            self.verify(truth).expect("it is true");
        }
    }
}

#[test]
fn inro_verify_refuses_every_lie_about_a_small_journal_and_about_an_entry() {
    let story = story();
    let desk = Desk::of(&story.world);
    for stock in [story.journal_stock(), story.entry_stock()] {
        desk.believes_the_truth(&stock);
        for (name, lie) in lies_everywhere(&stock, false) {
            desk.catches(&name, &lie);
        }
    }
}

#[test]
fn inro_verify_refuses_lies_about_a_large_journal_at_random_places() {
    let mut random = seed::random();
    let (world, stock) = large(2_500);
    let desk = Desk::of(&world);
    desk.believes_the_truth(&stock);
    for _ in 0..PLACES {
        let (place, other) = (random.gen_range(0..stock.events()), random.gen_range(0..stock.events()));
        for (name, lie) in lies_at(&stock, place, other) {
            desk.catches(&format!("{name} {place} {other}: {}", lie.how), &lie);
        }
    }
}
