//! Killed at any moment, the vault holds nothing of a record or all of it.

use std::io;
use std::pin::Pin;
use std::process::{Command, Stdio};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use inro_contracts::time::Time;
use inro_vault::{Standing, VaultError};
use tokio::io::{AsyncRead, ReadBuf};

use crate::world::*;

/// Gives some bytes, then an error or nothing ever again.
struct Broken {
    left: usize,
    hangs: bool,
}

impl AsyncRead for Broken {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.left {
            0 if self.hangs => Poll::Pending,
            0 => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            left => {
                let count = left.min(out.remaining()).min(10_000);
                out.put_slice(&bytes(count));
                self.left -= count;
                Poll::Ready(Ok(()))
            }
        }
    }
}

#[tokio::test]
async fn of_a_payload_that_breaks_off_nothing_stays() {
    let world = World::new();
    let vault = world.open().await;
    let before = world.files();
    for left in [0, 1, SEGMENT, 5 * SEGMENT, 3 << 20] {
        let refused = vault.stage(description(), Broken { left, hangs: false }, NOW).await;
        assert!(matches!(refused, Err(VaultError::Input(_))));
        assert_eq!(world.files(), before, "{left}");
    }
    assert!(vault.of_account(LABEL).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_caller_that_stops_waiting_leaves_nothing_visible_and_the_rest_is_swept() {
    let world = World::new();
    let vault = world.open().await;
    let before = world.files();
    for left in [0, SEGMENT, 3 << 20] {
        let staging = vault.stage(description(), Broken { left, hangs: true }, NOW);
        assert!(tokio::time::timeout(Duration::from_secs(1), staging).await.is_err());
        assert!(vault.of_account(LABEL).await.unwrap().is_empty());
    }
    assert_eq!(vault.purge_staged(NOW).await.unwrap(), 0, "they are not older");
    assert_eq!(vault.purge_staged(Time(NOW.0 + 1)).await.unwrap(), 3);
    assert_eq!(world.files(), before);
    let staging = vault.stage(description(), Broken { left: 3 << 20, hangs: true }, NOW);
    assert!(tokio::time::timeout(Duration::from_secs(1), staging).await.is_err());
    drop(vault);
    world.open().await;
    assert_eq!(world.files(), before);
}

#[tokio::test]
async fn a_long_staging_under_way_is_not_purged() {
    let world = World::new();
    let vault = world.open().await;
    let staging = vault.clone();
    let task = tokio::spawn(async move { staging.stage(description(), Broken { left: SEGMENT, hangs: true }, NOW).await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(vault.purge_staged(Time(u64::MAX)).await.unwrap(), 0);
    task.abort();
}

#[tokio::test]
async fn leftovers_of_a_killed_program_are_swept() {
    let world = World::new();
    let vault = world.open().await;
    let manifest = vault.stage(description(), &b"chart"[..], NOW).await.unwrap();
    drop(vault);
    // Killed before the key was written, with files half written in both folders.
    std::fs::remove_file(files_in(&world.folder.join("vault/keys")).remove(0)).unwrap();
    std::fs::write(world.folder.join("vault/temporary/0123456789abcdef"), b"half a key").unwrap();
    let payload = world.object("payload");
    std::fs::write(payload.with_file_name("payload#7"), b"half a payload").unwrap();
    std::fs::remove_file(payload).unwrap();
    let vault = world.open().await;
    assert!(matches!(vault.keep(LABEL, manifest.id).await, Err(VaultError::Unknown)));
    assert!(files_in(&world.objects()).is_empty());
    let left: Vec<_> = world.files().iter().filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect();
    assert_eq!(left, ["lock", "vault"]);
}

/// Not a test of its own: the program that is killed.
#[tokio::test]
#[ignore = "run by the test that kills it"]
async fn child() {
    let Ok(folder) = std::env::var("INRO_VAULT_TO_BE_KILLED") else { return };
    let vault = World::at(folder.as_ref()).open().await;
    for round in 0.. {
        let length = 1 + round * 70_001 % (3 << 20);
        let manifest = vault.stage(description(), &bytes(length)[..], NOW).await.unwrap();
        if round % 3 > 0 {
            vault.keep(LABEL, manifest.id).await.unwrap();
        }
        if round % 5 == 4 {
            assert!(vault.erase(LABEL, manifest.id, NOW).await.unwrap().checks.hold());
        }
    }
}

#[tokio::test]
async fn a_program_killed_at_any_moment_leaves_whole_records_only() {
    let world = World::new();
    let (mut records, mut killed_within) = (0, 0);
    for round in 0..25 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crashes::child", "--ignored", "--nocapture"])
            .env("INRO_VAULT_TO_BE_KILLED", &world.folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // However slowly it starts, it is killed while it works.
        let marks =
            || if world.folder.join("vault/staged").exists() { files_in(&world.folder.join("vault/staged")) } else { vec![] };
        let (before, waited_since) = (marks(), Instant::now());
        while marks() == before && waited_since.elapsed() < Duration::from_secs(60) {
            std::thread::sleep(Duration::from_millis(2));
        }
        std::thread::sleep(Duration::from_millis(round * 11));
        child.kill().unwrap();
        child.wait().unwrap();
        killed_within += u64::from(!files_in(&world.folder.join("vault/staged")).is_empty());
        let vault = world.open().await;
        let report = vault.check(|_| {}).await.unwrap();
        assert_eq!(report.faults_count, 0, "{:?}", report.faults);
        let held = vault.of_account(LABEL).await.unwrap();
        for held in held.iter().filter(|held| held.standing == Standing::Kept) {
            let record = vault.open_record(LABEL, held.record).await.unwrap();
            let length = record.about().length;
            assert!(record.bytes(length).await.unwrap() == bytes(length as usize));
        }
        // Three objects for each record, and nothing else.
        assert_eq!(files_in(&world.objects()).len(), 3 * held.len());
        assert_eq!(files_in(&world.folder.join("vault/keys")).len(), held.len());
        records = held.len();
    }
    println!("{records} records, {killed_within} kills within a record's life");
    assert!(records > 0 && killed_within > 0, "{records} {killed_within}");
}
