//! Receipts: what an honest exchange leaves to whoever reads, and what anybody can check of it for ever with the founding document alone.

use std::path::Path;

use inro_contracts::id::TransactionId;
use inro_tests::asker::Asker;
use inro_tests::cluster::{Cluster, Shape};
use inro_tests::consortium::patient;
use inro_tests::invariants::Verdict;
use inro_tests::load::Told;
use inro_tests::reading::{CUSTODIAN, READER, Reading};
use serde_json::Value;

use super::evidence::{Inro, NOWHERE};

/// A receipt of four validators has at most so many bytes (README, *Figures*).
const RECEIPT_BYTES_MAX: usize = 4_096;

/// Where the header begins in a receipt without changes: after magic, version, chain, start, changes and kind.
const HEADER_AT: usize = 8 + 2 + 32 + 1 + 4 + 1;

/// Fetches an access's payloads with the command; where the receipt lies, and its bytes.
fn fetch(inro: &Inro<'_>, key: &Path, access: &TransactionId) -> (String, Vec<u8>) {
    let (access, out) = (access.to_hex(), inro.folder.join(access.to_hex()).display().to_string());
    let url = inro.cluster.client(READER).url();
    let (held, said) = inro.run(url, &["fetch", &access, "--out", &out, "--key", &key.display().to_string()]);
    assert!(held, "{said}");
    assert!(said["payloads"].as_array().is_some_and(|rows| rows.iter().all(|row| row["state"] == "fetched")), "{said}");
    let receipt = said["receipt"].as_str().expect("a receipt is kept").to_owned();
    let bytes = std::fs::read(&receipt).expect("the receipt lies where the command says");
    (receipt, bytes)
}

/// What a receipt proves to somebody who asks nobody.
fn proved(inro: &Inro<'_>, receipt: &str) -> Value {
    let (held, said) = inro.run(NOWHERE, &["verify", receipt]);
    assert!(held, "{said}");
    said["proved"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_honest_exchange_leaves_a_receipt_under_4_kib_that_holds_offline_also_after_a_validators_key_was_replaced() {
    let reading = Reading::begin(Cluster::start(Shape::default()).await, &[b"hoarse for three weeks", b"much better"]).await;
    reading.grant().await;
    reading.wait_connected().await;
    let cluster = &reading.cluster;
    let folder = cluster.folder().join("receipts");
    std::fs::create_dir(&folder).expect("the folder is writable");
    let (inro, key) = (Inro { cluster, folder }, cluster.consortium.members[READER].keys.join("practitioner-1.pem"));
    let access = reading.granted(&reading.records).await;
    let (receipt, bytes) = fetch(&inro, &key, &access);
    println!("a receipt has {} bytes", bytes.len());
    assert!(bytes.len() < RECEIPT_BYTES_MAX, "a receipt has {} bytes", bytes.len());
    let said = proved(&inro, &receipt);
    assert_eq!((&said["kind"], &said["transaction"]), (&"entry".into(), &Value::from(access.to_hex())));
    assert_eq!(said["outcome"]["granted"]["records"].as_array().map(Vec::len), Some(2));
    assert_eq!(said["changes"], 0);

    // Answers with a payload name it, and those whom the access concerns may have it.
    let path = format!("/v1/accesses/{}/receipt", access.to_hex());
    let (here, at_custodian) = (Asker::at(cluster.client(READER)).await, Asker::at(cluster.client(CUSTODIAN)).await);
    let physician = |member: usize| &cluster.consortium.members[member].practitioner;
    let payload = format!("/v1/accesses/{}/records/{}", access.to_hex(), reading.records[0].to_hex());
    let link = here.get(physician(READER), &payload, &[]).await.header("link").to_owned();
    assert_eq!(link, format!("<{path}>; rel=\"describedby\"; type=\"application/octet-stream\""));
    for (asker, who, status) in [
        (&here, physician(READER), 200),
        (&here, &reading.patient, 200),
        (&at_custodian, &reading.patient, 200),
        (&at_custodian, physician(CUSTODIAN), 404),
        (&here, physician(CUSTODIAN), 403),
        (&here, &patient(), 403),
    ] {
        let answer = asker.get(who, &path, &[]).await;
        assert_eq!(answer.status, status, "{}", answer.text());
        assert!(status != 200 || answer.header("content-type") == "application/octet-stream");
    }
    let unknown = here.get(physician(READER), &format!("/v1/accesses/{}/receipt", "11".repeat(32)), &[]).await;
    assert_eq!(unknown.status, 404);

    // A receipt of a later block tells how the validators changed; the earlier one holds as before.
    let member = cluster.consortium.members[3].clone();
    let (old, new) = (member.validator.clone().expect("it votes"), member.new_key("validator-2.pem"));
    cluster.apply(0, &cluster.consortium.rotate_validator(&member, old.public(), &new)).await;
    let later = reading.granted(&reading.records[..1]).await;
    let (second, _) = fetch(&inro, &key, &later);
    assert_eq!(proved(&inro, &second)["changes"], 1);
    assert_eq!(proved(&inro, &receipt), said);

    // Whoever alters it has no receipt.
    let mut spoiled = bytes;
    spoiled[HEADER_AT] ^= 1;
    let file = inro.folder.join("spoiled");
    std::fs::write(&file, spoiled).expect("the folder is writable");
    assert_eq!(inro.refusal(&file), "V-6");
    cluster.wait_level(&[0, 1, 2]).await;
    Verdict::of(cluster, &[0, 1, 2]).await.everything_holds(&Told::default());
}
