//! Reading from anywhere, and the sealed form of what lies in the vault.

use std::io::{Read, Seek, SeekFrom};

use inro_payload::Opener;
use rand::{RngCore, SeedableRng};

use crate::world::*;

#[tokio::test(flavor = "multi_thread")]
async fn reading_from_anywhere_gives_the_right_bytes() {
    let world = World::new();
    let vault = world.open().await;
    let payload = bytes(40 * SEGMENT + 123);
    let manifest = kept(&vault, &payload).await;
    let mut reader = vault.open_record(LABEL, manifest.id).await.unwrap().payload().await.unwrap();
    assert_eq!(reader.length(), payload.len() as u64);
    let read = move || {
        let mut random = rand::rngs::StdRng::seed_from_u64(7);
        for _ in 0..300 {
            let place = random.next_u64() as usize % payload.len();
            let count = (random.next_u64() as usize % (3 * SEGMENT)).min(payload.len() - place);
            let mut part = vec![0; count];
            reader.seek(SeekFrom::Start(place as u64)).unwrap();
            reader.read_exact(&mut part).unwrap();
            assert!(part == payload[place..place + count]);
        }
        assert_eq!(reader.seek(SeekFrom::End(5)).unwrap(), payload.len() as u64 + 5);
        assert_eq!(reader.read(&mut [0; 9]).unwrap(), 0);
        assert!(reader.seek(SeekFrom::Current(-i64::MAX)).is_err());
    };
    tokio::task::spawn_blocking(read).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lies_in_the_vault_travels_sealed_and_goes_on_after_a_restart_with_the_same_bytes() {
    let world = World::new();
    let payload = bytes(37 * SEGMENT + 5);
    let vault = world.open().await;
    let manifest = kept(&vault, &payload).await;
    let handover = handover(manifest.id);
    let mut first = vault.open_record(LABEL, manifest.id).await.unwrap().sealed(&handover).await.unwrap();
    let half = first.sealed_length() / 2;
    let (first, first_half) = tokio::task::spawn_blocking(move || {
        let mut bytes = vec![0; half as usize];
        first.read_exact(&mut bytes).unwrap();
        (first, bytes)
    })
    .await
    .unwrap();
    drop((first, vault));
    let vault = world.open().await;
    let mut second = vault.open_record(LABEL, manifest.id).await.unwrap().sealed(&handover).await.unwrap();
    let second_half = tokio::task::spawn_blocking(move || {
        let mut bytes = Vec::new();
        second.seek(SeekFrom::Start(half)).unwrap();
        second.read_to_end(&mut bytes).unwrap();
        bytes
    })
    .await
    .unwrap();
    let (mut opener, mut out) = (Opener::new(one_time(), handover, manifest.commitment), Vec::new());
    opener.push(&first_half, &mut out).unwrap();
    opener.push(&second_half, &mut out).unwrap();
    assert_eq!(opener.finish().unwrap().media_type.as_str(), "text/plain");
    assert!(out == payload);
}
