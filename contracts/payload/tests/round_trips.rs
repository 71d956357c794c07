//! What was sealed opens, whatever its length and however it comes in pieces.

use std::io::{Read, Seek, SeekFrom};

use proptest::prelude::*;

use crate::world::*;

#[test]
fn payloads_of_every_awkward_length_come_back() {
    let megabyte = 1 << 20;
    let segment = inro_payload::SEGMENT_BYTES;
    // 83: what the inner header takes of the first segment.
    for length in [0, 1, 1024, segment - 84, segment - 83, segment - 82, GROUP - 1, GROUP, GROUP + 1, 2 * GROUP, 3 * megabyte + 5]
    {
        let payload = payload(bytes(length));
        let sealed = seal(payload.clone());
        assert_eq!(sealed.len() as u64, sealer(payload.clone()).sealed_length(), "{length}");
        let (opened, out) = open(opener(&payload), &sealed);
        let opened = opened.unwrap();
        assert_eq!((opened.length, opened.media_type.as_str()), (length as u64, "text/plain"));
        assert!(out == bytes(length), "{length}");
    }
}

#[test]
fn progress_says_where_a_transfer_is() {
    let payload = payload(bytes(5 * GROUP));
    let sealed = seal(payload.clone());
    let (mut opener, mut out) = (opener(&payload), Vec::new());
    let start = opener.push(&sealed[..10], &mut out).unwrap();
    assert_eq!((start.sealed, start.sealed_length, start.payload_length, start.complete), (10, None, None, false));
    assert!(opener.media_type().is_none());
    let later = opener.push(&sealed[10..3 * GROUP], &mut out).unwrap();
    assert_eq!((later.sealed, later.sealed_length), (3 * GROUP as u64, Some(sealed.len() as u64)));
    assert_eq!((later.payload, later.payload_length), (out.len() as u64, Some(5 * GROUP as u64)));
    assert!(!later.complete && !out.is_empty());
    assert_eq!(opener.media_type().unwrap().as_str(), "text/plain");
    let end = opener.push(&sealed[3 * GROUP..], &mut out).unwrap();
    assert!(end.complete && end.payload == 5 * GROUP as u64);
}

#[test]
fn the_sealed_form_is_pinned() {
    let sealed = seal(payload(b"Hojo's chart".to_vec()));
    let found = hex::encode(&sealed);
    assert_eq!(found, include_str!("sealed.hex").trim(), "the sealed form changed: every transfer under way would break");
}

#[test]
fn nothing_readable_travels() {
    let text = b"a very particular sentence about a patient".repeat(4000);
    let sealed = seal(payload(text));
    assert!(!sealed.windows(19).any(|window| window == b"particular sentence"));
    assert!(!sealed.windows(10).any(|window| window == b"text/plain"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_payload_comes_back_from_any_pieces(length in 0usize..400_000, piece in 1usize..200_000) {
        let payload = payload(bytes(length));
        let sealed = seal(payload.clone());
        let (mut opener, mut out) = (opener(&payload), Vec::new());
        for piece in sealed.chunks(piece) {
            opener.push(piece, &mut out).unwrap();
        }
        prop_assert_eq!(opener.finish().unwrap().length, length as u64);
        prop_assert!(out == bytes(length));
    }

    #[test]
    fn reading_from_any_place_gives_the_same_bytes(length in 0usize..1_000_000, places in prop::collection::vec((any::<u32>(), 1usize..150_000), 1..12)) {
        let payload = payload(bytes(length));
        let sealed = seal(payload.clone());
        let mut reader = sealer(payload);
        for (place, count) in places {
            let place = place as usize % sealed.len();
            let end = (place + count).min(sealed.len());
            reader.seek(SeekFrom::Start(place as u64)).unwrap();
            let mut part = vec![0; end - place];
            reader.read_exact(&mut part).unwrap();
            prop_assert!(part == sealed[place..end]);
        }
    }
}
