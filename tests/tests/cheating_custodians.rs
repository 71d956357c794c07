//! Custodians that cheat, in running nodes: what they hand over is refused, shown to nobody and told on the ledger; and when they
//! hand over what they should not, the revocation checker finds it.

mod alone;
mod decisions;
mod payloads;

use inro_contracts::id::{RecordId, TransactionId};
use inro_tests::cheats::Cheat;
use inro_tests::cluster::{Cluster, Shape};
use inro_tests::invariants::Verdict;
use inro_tests::reading::{CUSTODIAN, READER, Reading};
use std::path::Path;

/// Stands on every line of a payload.
const CANARY: &str = "hoarse-for-three-weeks-and-nobody-elses-business";
/// For how long the reader's node asks for a payload, in milliseconds.
const PATIENCE_MS: i64 = 3_000;

/// A chart of several segments, with the canary all over it.
fn chart(name: &str) -> Vec<u8> {
    let line = |number| format!("{number:05} {name} {CANARY}\n");
    (0..4_000).map(line).collect::<String>().into_bytes()
}

/// Four facilities, the first of which cheats. Nobody waits long for what a cheat gives; an honest custodian may be slow.
fn found(cheat: Option<Cheat>) -> Cluster {
    let mut cluster = Cluster::found(&Shape::default());
    if let Some(cheat) = cheat {
        become_a_cheat(&mut cluster, cheat, 1);
        be_impatient(&mut cluster);
    }
    cluster
}

fn become_a_cheat(cluster: &mut Cluster, cheat: Cheat, seed: u64) {
    println!("the custodian: {}", cheat.sentence());
    cluster.replace_program(CUSTODIAN, "inro-adversary", &["--seed", &seed.to_string(), "--cheat", cheat.name()]);
}

fn be_impatient(cluster: &mut Cluster) {
    configure_desk(cluster, READER, "patience_ms", PATIENCE_MS.into());
}

fn configure_desk(cluster: &mut Cluster, node: usize, setting: &str, value: toml::Value) {
    cluster.configure(node, |config| {
        let desk = config.entry("desk").or_insert_with(|| toml::Table::new().into());
        desk.as_table_mut().expect("the desk's settings are a table").insert(setting.into(), value);
    });
}

/// The custodian's node ends and comes back as another cheat, or honest.
async fn replace_custodian(reading: &mut Reading, cheat: Option<Cheat>) {
    reading.cluster.kill(CUSTODIAN);
    match cheat {
        Some(cheat) => become_a_cheat(&mut reading.cluster, cheat, 1),
        None => reading.cluster.restore_program(CUSTODIAN),
    }
    reading.cluster.restart(CUSTODIAN).await;
    reading.wait_connected().await;
    reading.cluster.wait_level(&[CUSTODIAN, READER]).await;
}

/// Nobody is shown a byte of it: the API refuses, and no file of the reader's node has a readable one.
async fn assert_nothing_is_shown(reading: &Reading, access: &TransactionId, record: &RecordId) {
    let desk = &reading.reader.desk;
    assert!(desk.payload(access, record).await.is_err(), "the payload is shown");
    assert!(desk.payload_from(access, record, 10).await.is_err(), "a part of the payload is shown");
    assert_no_canary(&reading.cluster.nodes[READER].home);
}

fn assert_no_canary(folder: &Path) {
    for entry in std::fs::read_dir(folder).expect("a node has a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            assert_no_canary(&path);
            continue;
        }
        // A file may be gone by now: the store removes what it no longer needs.
        let Ok(bytes) = std::fs::read(&path) else { continue };
        assert!(!contains(&bytes, CANARY.as_bytes()), "{} has a readable byte of the payload", path.display());
    }
}

fn contains(bytes: &[u8], sought: &[u8]) -> bool {
    let first = sought[0];
    bytes.iter().enumerate().any(|(at, byte)| *byte == first && bytes[at..].starts_with(sought))
}

/// With an honest custodian the same record comes, for a new access.
async fn assert_an_honest_custodian_hands_over(reading: &mut Reading, text: &[u8]) {
    replace_custodian(reading, None).await;
    let record = reading.records[0];
    let access = reading.granted(&[record]).await;
    let answer = reading.fetch(&access).await;
    assert_eq!(answer.records[0].state, "ready", "{answer:?}");
    let payload = reading.reader.desk.payload(&access, &record).await.expect("the payload is there");
    assert!(payload.bytes == text, "the payload is the one that was handed in");
    assert_eq!(reading.reports(&access).await, [], "nobody complains of an honest custodian");
    assert_the_ledger_holds(reading, &[0, 1, 2, 3]).await;
}

/// Whatever a custodian did at its desk, the ledger is sound, and no log has a label or a record's id in it.
async fn assert_the_ledger_holds(reading: &Reading, nodes: &[usize]) {
    let verdict = Verdict::of(&reading.cluster, nodes).await;
    verdict.equal_blocks_and_state_roots_at_every_height();
    verdict.one_certificate_per_height_and_it_verifies();
    verdict.no_key_signed_twice(&[]);
    verdict.no_panic_and_no_canary_in_any_log();
}
