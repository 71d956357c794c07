//! Reading through a node, with the command and with the SDK.

use std::time::Duration;

use inro_client::ClientError;
use inro_client::model::At;
use inro_contracts::entry::Outcome;
use inro_contracts::id::{OrganisationId, TransactionId};
use inro_contracts::key::SecretKey;
use inro_contracts::rule::Rule;
use inro_contracts::time::{Height, Time};
use inro_contracts::transaction::{Action, Transaction};
use rand::Rng;
use rand::rngs::OsRng;

use crate::stand_in_node::StandIn;

/// A transaction that is committed and changes nothing: nobody's peer is removed by a stranger.
fn harmless(node: &StandIn, void_after: Time) -> inro_contracts::transaction::SignedTransaction {
    let secret = SecretKey::from_seed(&[9; 32]);
    let action = Action::RemovePeer { organisation: OrganisationId([1; 32]), peer: secret.public() };
    Transaction { chain: node.chain, signer: secret.public(), void_after, nonce: OsRng.r#gen(), action }.sign(&secret)
}

fn soon() -> Time {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as u64;
    Time(now).plus_ms(60_000)
}

#[test]
fn the_sdk_submits_waits_and_reads_what_was_committed() {
    let node = StandIn::new();
    node.wait(async {
        let client = &node.client;
        let committed = client.commit(&harmless(&node, soon()), Duration::from_secs(10)).await.unwrap();
        assert_eq!((committed.height, committed.index), (Height(1), 0));
        assert_eq!(committed.outcome, Outcome::Rejected(Rule::UnknownOrganisation));
        let status = client.status().await.unwrap();
        assert_eq!((status.height, status.chain, status.ledger.as_str()), (Height(1), node.chain, "Shonan"));
        let block = client.block(At::Latest).await.unwrap();
        inro_client::verify::block(&block).unwrap();
        assert_eq!(block.entries[0].id, committed.id);
        assert_eq!(client.header(At::Height(Height(1))).await.unwrap(), block.header);
        assert_eq!(client.certificate(At::Latest).await.unwrap(), block.certificate);
        assert_eq!(client.organisations().await.unwrap().len(), 4);
        assert_eq!(client.peers().await.unwrap().len(), 4);
        assert_eq!(client.validators().await.unwrap().validators().len(), 4);
        let first = client.organisations().await.unwrap().remove(0);
        assert_eq!(client.organisation(&first.id).await.unwrap(), first.organisation);
        assert!(client.proposals().await.unwrap().is_empty());
    });
}

#[test]
fn the_sdk_submits_a_batch_and_tells_what_was_refused_and_why() {
    let node = StandIn::new();
    node.wait(async {
        let batch = vec![harmless(&node, soon()), harmless(&node, Time(5))];
        let results = node.client.submit_batch(batch).await.unwrap();
        assert_eq!((results[0].accepted, results[1].accepted), (true, false));
        assert_eq!(results[1].problem.as_ref().unwrap().rule.as_deref(), Some("L-9.2"));
        node.client.wait_committed(&results[0].id.unwrap(), Duration::from_secs(10)).await.unwrap();
        let error = node.client.submit(&harmless(&node, Time(5))).await.unwrap_err();
        assert_eq!(error.problem().unwrap().rule.as_deref(), Some("L-9.2"), "{error}");
    });
}

#[test]
fn the_sdk_tries_a_busy_node_again_and_gives_up_in_time() {
    let node = StandIn::new();
    node.wait(async {
        node.be_busy(1);
        node.client.commit(&harmless(&node, soon()), Duration::from_secs(10)).await.unwrap();
        assert_eq!(node.busy(), 0);
        node.be_busy(1_000);
        let error = node.client.commit(&harmless(&node, soon()), Duration::from_millis(1_500)).await.unwrap_err();
        assert_eq!(error.problem().unwrap().retry_after, Some(1), "{error}");
        let never = TransactionId([3; 32]);
        let error = node.client.wait_committed(&never, Duration::from_millis(200)).await.unwrap_err();
        assert!(matches!(error, ClientError::NotCommittedYet { .. }), "{error}");
    });
}

#[test]
fn every_reading_command_answers_people_and_programs() {
    let node = StandIn::new();
    node.wait(node.client.commit(&harmless(&node, soon()), Duration::from_secs(10))).unwrap();
    let desk = &node.desk;
    assert_eq!(desk.json("status")["chain"], node.chain.to_hex());
    assert!(desk.ok("status").contains("peers_connected"));
    assert_eq!(desk.json("block latest")["entries"][0]["outcome"]["rejected"], "T-1");
    assert_eq!(desk.json("header 1")["height"], 1);
    for line in ["organisations", "peers", "validators", "parameters", "proposals", "block 1", "header latest"] {
        assert!(!desk.ok(line).is_empty(), "{line}");
    }
    assert!(desk.ok("organisations").contains("Hospital 3"));
    assert!(desk.fails(1, "block 2").contains("Not found"));
    assert!(desk.fails(1, &format!("account {}", "00".repeat(32))).contains("Not found"));
    assert!(desk.fails(1, &format!("status --chain {}", "00".repeat(32))).contains(&node.chain.to_hex()));
}

#[test]
fn a_certificate_is_verified_against_the_founding_document_only() {
    let node = StandIn::new();
    node.wait(node.client.commit(&harmless(&node, soon()), Duration::from_secs(10))).unwrap();
    let desk = &node.desk;
    assert_eq!(desk.json("certificate 1 --genesis genesis.json")["verified"], true);
    assert!(desk.ok("certificate latest --genesis genesis.json").contains("signed by 4 of 4 voting power"));
    assert_eq!(desk.json("certificate 1")["verified"], false);
    assert!(desk.ok("certificate 1").contains("Not verified"));
    node.forge_certificate(1);
    let sentence = desk.fails(1, "certificate 1 --genesis genesis.json");
    assert!(sentence.contains("does not verify") && sentence.contains("do not trust this node"), "{sentence}");
    let other = StandIn::new();
    let foreign = other.desk.path("genesis.json");
    let sentence = desk.fails(1, &format!("certificate 1 --genesis {}", foreign.display()));
    assert!(sentence.contains("another ledger"), "{sentence}");
}

#[test]
fn every_object_says_whether_it_is_proved() {
    let node = StandIn::new();
    node.wait(node.client.commit(&harmless(&node, soon()), Duration::from_secs(10))).unwrap();
    let desk = &node.desk;
    let verified = |line: &str| {
        let shown = desk.json(line);
        let objects = shown.as_array().cloned().unwrap_or_else(|| vec![shown]);
        assert!(!objects.is_empty(), "{line}");
        let mut marks: Vec<_> = objects.iter().map(|object| object["verified"].as_bool().unwrap()).collect();
        marks.dedup();
        assert_eq!(marks.len(), 1, "{line}");
        marks[0]
    };
    for line in ["status", "organisations", "validators", "parameters", "block 1", "header latest", "certificate 1"] {
        assert!(!verified(line), "{line}");
        assert!(verified(&format!("{line} --genesis genesis.json")), "{line}");
    }
    // Each machine is proved, and a list of them could be longer.
    assert!(!verified("peers --genesis genesis.json"));
    let answer = desk.run("peers --genesis genesis.json");
    assert!(answer.err.contains("part of it is the node's word"), "{answer:?}");
    assert!(desk.run("parameters --genesis genesis.json").err.is_empty());
}

#[test]
fn a_transaction_is_looked_up_and_waited_for() {
    let node = StandIn::new();
    let committed = node.wait(node.client.commit(&harmless(&node, soon()), Duration::from_secs(10))).unwrap();
    let desk = &node.desk;
    let sentence = desk.fails(1, &format!("transaction {} --wait", committed.id.to_hex()));
    assert!(sentence.contains("changed nothing: rule T-1"), "{sentence}");
    let unknown = "11".repeat(32);
    assert!(desk.ok(&format!("transaction {unknown}")).contains("does not know"));
    assert!(desk.fails(1, &format!("transaction {unknown} --wait --timeout-s 1")).contains("was not committed within 1 s"));
}

#[test]
fn a_list_longer_than_a_page_is_read_to_its_end() {
    use axum::extract::Query;
    use serde_json::json;
    use std::collections::HashMap;

    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let row = |number: u64| {
            let key = format!("{number:064x}");
            let address = "/ip4/127.0.0.1/tcp/1";
            let record = json!({ "key": key, "kind": "observer", "consensus_address": address, "exchange_address": address });
            json!({ "organisation": "00".repeat(32), "record": record })
        };
        let page = async move |Query(query): Query<HashMap<String, String>>| {
            let after = query.get("after").map_or(0, |after| u64::from_str_radix(after, 16).unwrap());
            let limit: u64 = query["limit"].parse().unwrap();
            axum::Json((after + 1..=2_500.min(after + limit)).map(row).collect::<Vec<_>>())
        };
        let router = axum::Router::new().route("/v1/peers", axum::routing::get(page));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let peers = inro_client::NodeClient::new(&url).unwrap().peers().await.unwrap();
        assert_eq!(peers.len(), 2_500);
        assert!(peers.windows(2).all(|pair| pair[0].record.key < pair[1].record.key));
    });
}
