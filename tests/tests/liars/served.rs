//! Lies over HTTP: a liar before the custodian's node, and `inro`, which knows the founding document and asks nobody else. Every lie is
//! refused aloud, and nothing of it is shown or written.

use std::path::Path;
use std::process::Output;

use inro_client::desk::{Desk, ListedRecord};
use inro_evidence::Evidence;
use inro_tests::liars::{LIARS, Lie, lies_at};
use inro_tests::lying_node::LyingNode;
use inro_tests::reading::{CUSTODIAN, READER};
use inro_tests::seed;
use rand::Rng;
use serde_json::Value;

use super::stage::Stage;

/// The command failed, said why, and showed nothing.
fn refused(output: &Output, name: &str, lie: Option<&Lie>) {
    let (shown, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{name}: {shown} {said}");
    assert!(shown.is_empty(), "{name} is shown: {shown}");
    assert!(said.contains("\"error\""), "{name}: {said}");
    if let Some(lie) = lie {
        let named = lie.fails.iter().any(|step| said.contains(&format!("{} ", step.code())));
        assert!(named || said.contains("do not trust this node") || said.contains("ask another node"), "{name}: {said}");
    }
}

struct Asked<'a> {
    stage: &'a Stage,
    node: LyingNode,
}

impl Asked<'_> {
    /// A liar before this member's node.
    async fn before(stage: &Stage, member: usize) -> Asked<'_> {
        Asked { stage, node: LyingNode::before(stage.reading.cluster.client(member)).await }
    }

    /// `inro` with an empty memory.
    fn inro(&self, arguments: &[&str]) -> Output {
        let memory = tempfile::tempdir().expect("a temporary folder can be made");
        self.stage.inro(self.node.client().url(), memory.path(), arguments)
    }

    fn refuses(&self, name: &str, lie: &Lie, arguments: &[&str]) {
        self.node.tells(Some(lie.told.clone()));
        refused(&self.inro(arguments), &format!("{} {name}: {}", arguments[0], lie.how), Some(lie));
    }

    fn accepts(&self, told: Option<Evidence>, arguments: &[&str]) -> Output {
        self.node.tells(told);
        let output = self.inro(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        output
    }

    /// All commands that ask for the journal.
    fn refuses_everywhere(&self, name: &str, lie: &Lie) {
        let out = self.stage.memory("never");
        let path = out.display().to_string();
        let speaking = self.stage.speaking();
        let speaking: Vec<_> = speaking.iter().map(String::as_str).collect();
        for command in [&["history"][..], &["consent"], &["evidence", "journal", "--out", &path], &["fetch", "--out", &path]] {
            self.refuses(name, lie, &[command, &speaking].concat());
            assert!(!holds_anything(&out), "{command:?}, {name}: something was written");
        }
    }
}

fn holds_anything(path: &Path) -> bool {
    path.is_file() || std::fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_some())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_lies_about_any_event_or_about_its_block_is_refused_by_every_command_that_reads_the_journal() {
    let stage = Stage::set().await;
    let asked = Asked::before(&stage, CUSTODIAN).await;
    let mut random = seed::random();
    let speaking = stage.speaking();
    let speaking: Vec<_> = speaking.iter().map(String::as_str).collect();
    let history = [&["history"][..], &speaking].concat();
    let events = stage.journal_stock().await.events();
    assert!(events >= 12, "{events} events");
    for place in 0..events {
        // Whoever asks does not take what is a minute older than what they saw.
        let stock = stage.journal_stock().await;
        asked.accepts(Some(stock.honest.clone()), &history);
        let other = random.gen_range(0..events);
        for (name, lie) in lies_at(&stock, place, other) {
            let by_place = LIARS.iter().any(|liar| liar.name == name && liar.by_place);
            if by_place || place == 0 {
                asked.refuses(&format!("{name} {place} {other}"), &lie, &history);
            }
        }
    }
    // And the other commands at one place.
    let stock = stage.journal_stock().await;
    let (place, other) = (random.gen_range(0..events), random.gen_range(0..events));
    for (name, lie) in lies_at(&stock, place, other) {
        asked.refuses_everywhere(&format!("{name} {place} {other}"), &lie);
    }
    let shelf = stage.memory("shelf").display().to_string();
    asked.accepts(Some(stage.journal_stock().await.honest), &history);
    asked.accepts(None, &[&["fetch", "--out", &shelf][..], &speaking].concat());
    let is_payload = |entry: &std::fs::DirEntry| !entry.file_name().to_string_lossy().ends_with(".receipt.inro");
    let payloads = std::fs::read_dir(&shelf).expect("it was made").flatten().filter(is_payload).count();
    assert_eq!(payloads, stage.reading.records.len(), "the truth can be fetched");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_persons_consent_and_records_follow_from_the_proved_journal_and_what_is_a_nodes_word_says_so() {
    let stage = Stage::set().await;
    let said = stage.reading.own();
    let proved = Desk::at(stage.light_client(), stage.reading.patient.clone()).await.expect("the node answers");
    let account = &stage.reading.account;
    let consent = proved.consent(account).await.expect("it is proved");
    assert_eq!(consent, said.consent(account).await.expect("the node answers"), "an honest node says what is proved");
    assert_eq!((consent.grants.len(), consent.seals.len()), (1, 1));
    let listed = |records: Vec<ListedRecord>| records.into_iter().map(|listed| (listed.id, listed.record)).collect::<Vec<_>>();
    let records = listed(proved.records(account).await.expect("they are proved"));
    assert_eq!(records, listed(said.records(account).await.expect("the node answers")));
    assert_eq!(records.len(), stage.reading.records.len());
    assert!(proved.node().is_all_proved());
    assert!(!said.node().is_all_proved());

    let shown = |arguments: &[&str]| {
        let output = stage.inro(stage.honest(), &stage.memory("shown"), arguments);
        let (told, remarked) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{arguments:?}: {remarked}");
        (serde_json::from_str::<Value>(&told).expect("it is JSON"), remarked.contains("the node's word"))
    };
    let speaking = stage.speaking();
    let speaking: Vec<_> = speaking.iter().map(String::as_str).collect();
    let (own, remarked) = shown(&[&["consent", "--ended"][..], &speaking].concat());
    assert_eq!((&own[0]["verified"], remarked), (&Value::Bool(true), false));
    assert_eq!(own[0]["consent"], serde_json::json!(consent));
    let (worklist, remarked) = shown(&["worklist", "--key", &stage.physicians_key(CUSTODIAN)]);
    assert_eq!((&worklist["verified"], remarked), (&Value::Bool(false), true));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_lies_about_an_entry_or_serves_another_one_is_refused() {
    let stage = Stage::set().await;
    let asked = Asked::before(&stage, CUSTODIAN).await;
    let stock = stage.entry_stock().await;
    let (id, out) = (stage.denied.to_hex(), stage.memory("never").display().to_string());
    let (transaction, entry) = (["transaction", &id], ["evidence", "entry", &id, "--out", &out]);
    let told = asked.accepts(Some(stock.honest.clone()), &transaction);
    assert!(String::from_utf8_lossy(&told.stdout).contains("D-1.7"), "the truth is shown");
    for (name, lie) in lies_at(&stock, 0, 0) {
        for command in [&transaction[..], &entry] {
            asked.refuses(name, &lie, command);
        }
    }
    // What is true of another transaction is no answer about this one.
    asked.node.tells(Some(stock.other.clone()));
    for command in [&transaction[..], &entry] {
        refused(&asked.inro(command), "another transaction's proof", None);
    }
    assert!(!Path::new(&out).exists(), "nothing was written");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_readers_node_that_lies_about_what_an_access_grants_gives_nothing_to_keep() {
    let stage = Stage::set().await;
    let asked = Asked::before(&stage, READER).await;
    let stock = stage.granted_stock().await;
    let (out, key) = (stage.memory("never"), stage.physicians_key(READER));
    let (id, folder) = (stage.granted.to_hex(), out.display().to_string());
    let fetch = ["fetch", &id, "--key", &key, "--out", &folder];
    for (name, lie) in lies_at(&stock, 0, 0) {
        asked.refuses(name, &lie, &fetch);
        assert!(!holds_anything(&out), "{name}: something was written");
    }
    asked.node.tells(Some(stock.other.clone()));
    refused(&asked.inro(&fetch), "another access", None);
    let told: Value = serde_json::from_slice(&asked.accepts(None, &fetch).stdout).expect("it is JSON");
    assert_eq!(told["verified"], true);
    assert_eq!(told["payloads"].as_array().map(Vec::len), Some(stage.reading.records.len()));
    let receipt = told["receipt"].as_str().expect("the receipt is kept");
    assert!(asked.inro(&["verify", receipt]).status.success());
}
