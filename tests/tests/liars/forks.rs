//! What one answer alone does not show: an old ledger, and a fork that a quorum signed. It shows beside another node's answer, or beside
//! what `inro` remembers; and a fork leaves evidence that names who signed twice.

use std::process::Output;
use std::time::{Duration, Instant};

use inro_tests::cluster::PATIENCE;
use inro_tests::consortium::{label_of, patient};
use inro_tests::liars::{certified_fork, stale};
use inro_tests::lying_node::LyingNode;
use inro_tests::reading::CUSTODIAN;
use serde_json::Value;

use super::stage::Stage;

/// A node that is so far behind is not believed to show the ledger as it is.
const BEHIND_MS: u64 = 60_000;

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn history(stage: &Stage, nodes: &[&str], memory: &str) -> Output {
    let speaking = stage.speaking();
    let arguments: Vec<_> = std::iter::once("history").chain(speaking.iter().map(String::as_str)).collect();
    stage.inro(&nodes.join(","), &stage.memory(memory), &arguments)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fork_that_a_quorum_signed_is_found_between_two_nodes_and_in_memory_and_its_evidence_names_the_double_signers() {
    let stage = Stage::set().await;
    let node = LyingNode::before(stage.reading.cluster.client(CUSTODIAN)).await;
    let (liar, honest) = (node.client().url().to_owned(), stage.honest().to_owned());
    let stock = stage.journal_stock().await;
    node.tells(Some(certified_fork(&stock)));

    for (nodes, memory) in [([&*liar, &*honest], "liar first"), ([&*honest, &*liar], "honest first")] {
        let output = history(&stage, &nodes, memory);
        assert_eq!(output.status.code(), Some(1), "{}", said(&output));
        assert!(output.stdout.is_empty() && said(&output).contains("forked"), "{}", said(&output));
        let kept = kept_fork(&stage, memory);
        let checked = stage.inro("http://127.0.0.1:9", &stage.memory("nobody"), &["verify", &kept]);
        assert!(checked.status.success(), "{}", said(&checked));
        let proved: Value = serde_json::from_slice(&checked.stdout).expect("it says JSON");
        let named = proved["proved"]["double_signers"].as_array().expect("they are named").clone();
        let voting: Vec<_> = stock.validators.iter().map(|validator| Value::from(validator.public().to_hex())).collect();
        assert!(named.len() >= 3 && named.iter().all(|key| voting.contains(key)), "{named:?}");
    }

    // And whoever asked an honest node before does not believe the fork alone.
    assert!(history(&stage, &[&honest], "remembering").status.success());
    let output = history(&stage, &[&liar], "remembering");
    assert_eq!((output.status.code(), output.stdout.is_empty()), (Some(1), true), "{}", said(&output));
    // That a memory was changed is said, and a new one begins.
    let files = std::fs::read_dir(stage.memory("remembering")).expect("it remembers").flatten();
    let head = files.map(|file| file.path()).find(|path| path.display().to_string().ends_with(".head.inro"));
    std::fs::write(head.expect("a head is remembered"), b"INROEVID and nothing else").expect("the folder is writable");
    let output = history(&stage, &[&honest], "remembering");
    assert!(output.status.success() && said(&output).contains("is forgotten"), "{}", said(&output));
    let output = history(&stage, &[&honest], "remembering");
    assert!(output.status.success() && !said(&output).contains("is forgotten"), "{}", said(&output));
}

/// The evidence of a fork that lies where `inro` remembers.
fn kept_fork(stage: &Stage, memory: &str) -> String {
    let files = std::fs::read_dir(stage.memory(memory)).expect("it remembers").flatten();
    let mut forks = files.map(|file| file.path().display().to_string()).filter(|path| path.contains(".fork-"));
    forks.next().expect("the fork was kept")
}

/// The ledger's time, as the honest node has it.
async fn ledger_time(stage: &Stage) -> u64 {
    stage.reading.cluster.status(CUSTODIAN).await.time.0
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_shows_an_old_ledger_is_refused_by_whoever_has_seen_a_newer_one() {
    let stage = Stage::set().await;
    let newcomer = patient();
    let absent = stage.absence(&label_of(&newcomer)).await;
    let cluster = &stage.reading.cluster;
    cluster.apply(CUSTODIAN, &cluster.consortium.open_account(CUSTODIAN, &newcomer)).await;
    let node = LyingNode::before(cluster.client(CUSTODIAN)).await;
    let (liar, honest) = (node.client().url().to_owned(), stage.honest().to_owned());
    let old = stale(&stage.journal_stock().await);
    let began = Instant::now();
    while ledger_time(&stage).await < absent.statement.heads()[0].header.time.0 + BEHIND_MS + 1 {
        assert!(began.elapsed() < 2 * PATIENCE, "the ledger stands still");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }

    node.tells(Some(old));
    // Beside an honest node, and by whoever remembers, it is not taken for the ledger as it is.
    let beside = history(&stage, &[&liar, &honest], "beside");
    assert!(said(&beside).contains(&liar), "the stale node is named: {}", said(&beside));
    assert!(history(&stage, &[&honest], "remembering").status.success());
    for output in [beside, history(&stage, &[&liar], "remembering")] {
        assert_eq!((output.status.code(), output.stdout.is_empty()), (Some(1), true), "{}", said(&output));
    }
    // Nor that an account does not exist, which has been opened since.
    node.tells(Some(absent));
    let (label, out) = (label_of(&newcomer).to_hex(), stage.memory("never").display().to_string());
    let output = stage.inro(&liar, &stage.memory("remembering"), &["evidence", "absence", &label, "--out", &out]);
    assert_eq!((output.status.code(), output.stdout.is_empty()), (Some(1), true), "{}", said(&output));
}
