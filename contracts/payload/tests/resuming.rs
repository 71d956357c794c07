//! A transfer goes on where it stopped, from the custodian or from a copy (rules ).

use std::io::{Read, Seek, SeekFrom};

use inro_payload::{SealedReader, SealingSecret};

use crate::world::*;

#[test]
fn a_custodian_that_was_killed_gives_the_very_same_bytes() {
    let payload = payload(bytes(5 * GROUP + 3));
    assert!(seal(payload.clone()) == seal(payload));
}

#[test]
fn a_payload_opens_from_one_half_before_the_kill_and_one_half_after() {
    let payload = payload(bytes(7 * GROUP + 3));
    let length = sealer(payload.clone()).sealed_length();
    for cut in [1, 44, 45, 46, 3 * GROUP as u64, length - 1] {
        let (mut opener, mut out, mut half) = (opener(&payload), Vec::new(), Vec::new());
        sealer(payload.clone()).take(cut).read_to_end(&mut half).unwrap();
        let progress = opener.push(&half, &mut out).unwrap();
        let mut restarted = sealer(payload.clone());
        restarted.seek(SeekFrom::Start(progress.sealed)).unwrap();
        half.clear();
        restarted.read_to_end(&mut half).unwrap();
        opener.push(&half, &mut out).unwrap();
        assert_eq!(opener.finish().unwrap().length, payload.length);
        assert!(out == *payload.bytes.get_ref());
    }
}

#[test]
fn other_content_another_salt_media_type_or_vault_gives_another_encapsulated_key() {
    // One key with two plaintexts would give the plaintexts away.
    let first = payload(bytes(1000));
    let mut salted = first.clone();
    salted.salt.0[0] ^= 1;
    let mut typed = first.clone();
    typed.media_type = "text/html".parse().unwrap();
    let mut keys: Vec<_> =
        [first.clone(), payload(bytes(1001)), salted, typed].map(|payload| seal(payload)[5..37].to_vec()).into();
    let mut other_vault = Vec::new();
    SealedReader::new(first, &handover(), &SealingSecret::from_bytes([9; 32])).unwrap().read_to_end(&mut other_vault).unwrap();
    keys.push(other_vault[5..37].to_vec());
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 5);
}

#[test]
fn each_handover_has_a_key_of_its_own() {
    let variants = [
        |it: &mut inro_payload::Handover| it.chain.0[0] ^= 1,
        |it: &mut inro_payload::Handover| it.access.0[0] ^= 1,
        |it: &mut inro_payload::Handover| it.record.0[0] ^= 1,
        |it: &mut inro_payload::Handover| it.custodian.0[0] ^= 1,
        |it: &mut inro_payload::Handover| it.requester.0[0] ^= 1,
        |it: &mut inro_payload::Handover| it.reply_key.0[0] ^= 1,
        |_: &mut inro_payload::Handover| {},
    ];
    let mut keys: Vec<_> = variants
        .iter()
        .map(|change| {
            let (mut handover, mut sealed) = (handover(), Vec::new());
            change(&mut handover);
            SealedReader::new(payload(bytes(10)), &handover, &vault_secret()).unwrap().read_to_end(&mut sealed).unwrap();
            sealed[5..37].to_vec()
        })
        .collect();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), variants.len());
}
