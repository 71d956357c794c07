//! The desk over HTTP on real nodes: a document that is larger than what is taken in from memory, parts of what arrived, the work list.

use std::time::{Duration, Instant};

use inro_contracts::category::Category;
use inro_tests::asker::Asker;
use inro_tests::cluster::{Cluster, PATIENCE};
use inro_tests::treatment::{Kept, ask_for_treatment, facility, keep, register, wait_ready};
use serde_json::Value;

/// More than the 64 MiB up to which a body is taken in from memory.
const LARGE: usize = (64 << 20) + 12_345;

/// Bytes of which each part is told from every other.
fn document(length: usize) -> Vec<u8> {
    (0..length as u64 / 8 + 1)
        .flat_map(|number| (number.wrapping_mul(0x9e37_79b9_7f4a_7c15)).to_le_bytes())
        .take(length)
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_larger_than_memory_may_hold_is_taken_in_and_read_in_parts() {
    let cluster = Cluster::of_four().await;
    let (custodian, reader) = (facility(&cluster, 0).await, facility(&cluster, 1).await);
    let kept = Kept::open(&cluster, 0).await;
    kept.consent(&custodian, &reader).await.expect("the patient consents");
    let document = document(LARGE);
    let path = cluster.folder().join("image.bin");
    std::fs::write(&path, &document).expect("the cluster's folder is writable");
    let file = std::fs::File::open(&path).expect("it was written");
    let taken = custodian.desk.take_in_file(&kept.account, "image.bin", Some(Category::Image), None, file, |_| {}).await;
    let mut items = taken.expect("any file can be taken in");
    let record = items.remove(0).record;
    assert!(items.is_empty() && record.size == LARGE as u64 && record.category == Category::Image);
    let id = record.id;
    register(&custodian, kept.account, record).await.expect("the custodian may register");

    let access = ask_for_treatment(&reader, kept.account).await.expect("the ledger grants it");
    wait_ready(&reader.desk, &access, PATIENCE).await.expect("the payload arrives");
    let (asker, key) = (Asker::at(cluster.client(1)).await, &cluster.consortium.members[1].practitioner);
    let path = format!("/v1/accesses/{}/records/{}", access.to_hex(), id.to_hex());
    let whole = asker.get(key, &path, &[]).await;
    assert!((whole.status, whole.body == document) == (200, true), "{} with {} bytes", whole.status, whole.body.len());
    assert_eq!(whole.header("accept-ranges"), "bytes");
    let (tag, last) = (whole.header("etag"), LARGE - 1);

    let parts = [
        ("bytes=0-0".to_owned(), 0..1),
        ("bytes=0-1048575".to_owned(), 0..1 << 20),
        ("bytes=33554000-33554999".to_owned(), 33_554_000..33_555_000),
        (format!("bytes={}-", LARGE - 10), LARGE - 10..LARGE),
        (format!("bytes={last}-{}", LARGE + 99), last..LARGE),
        ("bytes=-70000".to_owned(), LARGE - 70_000..LARGE),
    ];
    for (range, expected) in parts {
        let part = asker.get(key, &path, &[("range", &range), ("if-range", tag)]).await;
        assert_eq!(part.status, 206, "{range}: {}", part.text());
        assert!(part.body == document[expected.clone()], "{range} brings other bytes");
        let place = format!("bytes {}-{}/{LARGE}", expected.start, expected.end - 1);
        assert_eq!((part.header("content-range"), part.header("etag")), (place.as_str(), tag), "{range}");
    }
    for range in [format!("bytes={LARGE}-"), "bytes=-0".to_owned(), format!("bytes={}-{}", LARGE + 1, LARGE + 2)] {
        let part = asker.get(key, &path, &[("range", &range)]).await;
        assert_eq!((part.status, part.header("content-range")), (416, format!("bytes */{LARGE}").as_str()), "{range}");
        assert_eq!(part.header("content-type"), "application/problem+json");
    }
    // What is no single range of bytes, or a part of something else, is answered with everything.
    for (range, of) in [("bytes=0-1,5-6", tag), ("lines=1-2", tag), ("bytes=9-3", tag), ("bytes=0-1", "\"another\"")] {
        let all = asker.get(key, &path, &[("range", range), ("if-range", of)]).await;
        assert_eq!((all.status, all.body.len()), (200, LARGE), "{range}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_body_that_is_not_what_was_signed_leaves_nothing_behind() {
    let cluster = Cluster::of_four().await;
    let custodian = facility(&cluster, 0).await;
    let kept = Kept::open(&cluster, 0).await;
    let path = cluster.folder().join("image.bin");
    std::fs::write(&path, document(LARGE)).expect("the cluster's folder is writable");
    // The file is changed after its hash was signed and its beginning was sent.
    let (file, changing) = (std::fs::File::open(&path).expect("it was written"), path.clone());
    let mut changed = false;
    let progress = move |_| {
        if !std::mem::replace(&mut changed, true) {
            use std::os::unix::fs::FileExt;
            let file = std::fs::File::options().write(true).open(&changing).expect("it is ours");
            file.write_all_at(b"something else", LARGE as u64 - 100).expect("it is ours");
        }
    };
    let refused = custodian.desk.take_in_file(&kept.account, "image.bin", None, None, file, progress).await;
    let sentence = refused.expect_err("it is refused").to_string();
    assert!(sentence.contains("hash is not the one that was signed"), "{sentence}");
    for part in ["vault/keys", "payloads"] {
        let folder = cluster.nodes[0].data().join(part);
        assert!(folder.is_dir(), "the vault is where it is looked for");
        assert_eq!(files_in(&folder), 0, "{part} holds something of it");
    }
}

fn files_in(folder: &std::path::Path) -> usize {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| if entry.path().is_dir() { files_in(&entry.path()) } else { 1 }).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_work_list_names_what_was_granted_and_not_handed_over_until_it_is() {
    let cluster = Cluster::of_four().await;
    let (custodian, reader) = (facility(&cluster, 0).await, facility(&cluster, 1).await);
    let kept = Kept::open(&cluster, 0).await;
    kept.consent(&custodian, &reader).await.expect("the patient consents");
    let record = keep(&custodian, kept.account, Category::Chart, document(5_000)).await.expect("it can be kept").id;
    let access = ask_for_treatment(&reader, kept.account).await.expect("the ledger grants it");
    let lists = |worklist: &Value, list: &str| {
        let entries = worklist[list].as_array().expect("it is a list");
        entries.iter().any(|entry| entry["access"] == access.to_hex())
    };
    // Nobody has fetched it: both facilities see that, and nobody else.
    cluster.wait_level(&[0, 1, 2]).await;
    for side in [&custodian, &reader] {
        let worklist = side.desk.worklist().await.expect("a practitioner sees it");
        assert!(lists(&worklist, "undisclosed") && !lists(&worklist, "unacknowledged"), "{worklist}");
    }
    let stranger = facility(&cluster, 2).await;
    let worklist = stranger.desk.worklist().await.expect("a practitioner sees it");
    assert!(!lists(&worklist, "undisclosed"), "{worklist}");

    wait_ready(&reader.desk, &access, PATIENCE).await.expect("the payload arrives");
    kept.wait_accounted_for(&custodian, access, &[record]).await;
    let began = Instant::now();
    loop {
        let worklist = reader.desk.worklist().await.expect("a practitioner sees it");
        if !lists(&worklist, "undisclosed") && !lists(&worklist, "unacknowledged") {
            break;
        }
        assert!(began.elapsed() < PATIENCE, "{worklist}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
