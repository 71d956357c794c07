//! Nothing opens but what was sealed for this access and committed on the ledger (rules ).

use std::io::{self, Cursor, Read, Write};

use inro_contracts::id::SealingKey;
use inro_payload::{Handover, OneTimeSecret, OpenError, Opener, Payload, Salt, SealError, SealedReader, commitment};

use sha2::{Digest, Sha256};

use crate::world::*;

#[test]
fn every_single_flipped_bit_is_refused_and_nothing_wrong_comes_out() {
    let payload = payload(bytes(300));
    let sealed = seal(payload.clone());
    for bit in 0..sealed.len() * 8 {
        let mut flipped = sealed.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let (verdict, out) = open(opener(&payload), &flipped);
        assert!(verdict.is_err(), "bit {bit}");
        assert!(out.is_empty(), "bit {bit}");
    }
}

#[test]
fn a_flip_in_a_later_segment_is_named_and_only_checked_bytes_came_out_before() {
    let payload = payload(bytes(4 * GROUP));
    let mut sealed = seal(payload.clone());
    sealed[45 + 2 * (GROUP + 16) + 5] ^= 1;
    let (verdict, out) = open(opener(&payload), &sealed);
    assert!(matches!(verdict, Err(OpenError::Altered(2))), "{verdict:?}");
    assert!(!out.is_empty() && payload.bytes.get_ref().starts_with(&out));
}

#[test]
fn what_is_cut_at_any_byte_is_truncated() {
    let payload = payload(bytes(300));
    let sealed = seal(payload.clone());
    for length in 0..sealed.len() {
        let (verdict, out) = open(opener(&payload), &sealed[..length]);
        let expected = (length >= 45).then_some(sealed.len() as u64);
        match verdict {
            Err(OpenError::Truncated { expected: said, found }) => assert_eq!((said, found), (expected, length as u64)),
            other => panic!("{length}: {other:?}"),
        }
        assert!(out.is_empty());
    }
}

#[test]
fn whole_segments_that_are_left_out_swapped_or_repeated_are_refused() {
    let payload = payload(bytes(6 * GROUP));
    let sealed = seal(payload.clone());
    let segment = |index: usize| sealed[45 + index * (GROUP + 16)..].chunks(GROUP + 16).next().unwrap();
    let header = &sealed[..45];
    for order in [vec![0, 2, 3, 4, 5], vec![1, 0, 2, 3, 4, 5], vec![0, 0, 1, 2, 3, 4], vec![0, 1, 2, 6], vec![6]] {
        let crafted: Vec<u8> = [header].into_iter().chain(order.iter().map(|index| segment(*index))).flatten().copied().collect();
        assert!(open(opener(&payload), &crafted).0.is_err(), "{order:?}");
    }
}

#[test]
fn bytes_after_the_end_are_refused() {
    let payload = payload(bytes(300));
    let mut sealed = seal(payload.clone());
    sealed.push(0);
    assert!(matches!(open(opener(&payload), &sealed).0, Err(OpenError::Malformed(_))));
}

#[test]
fn another_access_record_chain_custodian_requester_or_key_does_not_open() {
    let payload = payload(bytes(300));
    let sealed = seal(payload.clone());
    let changes: [fn(&mut Handover); 5] = [
        |it| it.chain.0[31] ^= 1,
        |it| it.access.0[31] ^= 1,
        |it| it.record.0[31] ^= 1,
        |it| it.custodian.0[31] ^= 1,
        |it| it.requester.0[31] ^= 1,
    ];
    for change in changes {
        let mut other = handover();
        change(&mut other);
        let (verdict, out) = open(Opener::new(reader_secret(), other, payload.commitment()), &sealed);
        assert!(matches!(verdict, Err(OpenError::WrongKey)) && out.is_empty(), "{verdict:?}");
    }
    let stranger = Opener::new(OneTimeSecret::from_bytes([77; 32]), handover(), payload.commitment());
    assert!(matches!(open(stranger, &sealed).0, Err(OpenError::WrongKey)));
}

#[test]
fn a_payload_that_was_not_committed_is_told_apart_from_a_wrong_key() {
    let committed = payload(b"what the ledger knows".to_vec());
    for substitute in [payload(b"something else".to_vec()), Payload { salt: Salt([6; 32]), ..committed.clone() }] {
        let (verdict, out) = open(opener(&committed), &seal(substitute));
        assert!(matches!(verdict, Err(OpenError::Substituted(_))) && out.is_empty(), "{verdict:?}");
    }
}

#[test]
fn a_custodian_whose_payload_changed_seals_none_of_the_changed_part() {
    let honest = payload(bytes(3 * GROUP));
    let mut changed = honest.clone();
    changed.bytes.get_mut()[GROUP + 5] ^= 1;
    let mut sealed = Vec::new();
    let error = sealer(changed).read_to_end(&mut sealed).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    assert!(seal(honest.clone()).starts_with(&sealed));
    let mut broken = honest;
    broken.outboard.get_mut()[64] ^= 1;
    assert_eq!(sealer(broken).read_to_end(&mut Vec::new()).unwrap_err().kind(), io::ErrorKind::InvalidData);
}

#[test]
fn a_payload_that_is_shorter_than_it_says_is_an_error_and_no_panic() {
    let mut short = payload(bytes(2 * GROUP));
    short.bytes.get_mut().truncate(GROUP);
    assert_eq!(sealer(short).read_to_end(&mut Vec::new()).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
}

#[test]
fn a_reader_that_failed_once_gives_right_bytes_when_its_source_is_well_again() {
    struct Sometimes(Cursor<Vec<u8>>, std::rc::Rc<std::cell::Cell<bool>>);
    impl Read for Sometimes {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            if self.1.replace(false) { Err(io::ErrorKind::TimedOut.into()) } else { self.0.read(out) }
        }
    }
    impl io::Seek for Sometimes {
        fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
            self.0.seek(to)
        }
    }
    let whole = payload(bytes(4 * GROUP));
    let expected = seal(whole.clone());
    let fails = std::rc::Rc::new(std::cell::Cell::new(false));
    let Payload { bytes, outboard, salt, root, length, media_type } = whole;
    let bytes = Sometimes(bytes, fails.clone());
    let payload = Payload { bytes, outboard, salt, root, length, media_type };
    let mut reader = SealedReader::new(payload, &handover(), &vault_secret()).unwrap();
    let mut sealed = vec![0; expected.len()];
    let mut done = 0;
    while done < sealed.len() {
        fails.set(done / 50_000 % 2 == 0 && done > 0);
        let end = (done + 50_000).min(sealed.len());
        match reader.read(&mut sealed[done..end]) {
            Ok(count) => done += count,
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::TimedOut),
        }
        fails.set(false);
        let count = reader.read(&mut sealed[done..end]).unwrap();
        done += count;
    }
    assert!(sealed == expected);
}

#[test]
fn a_reply_key_of_small_order_is_refused_at_both_ends() {
    let weak = Handover { reply_key: SealingKey([0; 32]), ..handover() };
    let refused = SealedReader::new(payload(bytes(3)), &weak, &vault_secret()).unwrap_err();
    assert_eq!(refused, SealError::WeakReplyKey);
    let payload = payload(bytes(3));
    let mut sealed = seal(payload.clone());
    sealed[5..37].fill(0);
    assert!(matches!(open(opener(&payload), &sealed).0, Err(OpenError::Malformed(_))));
}

#[test]
fn a_length_that_no_payload_has_is_refused_before_anything_is_reserved() {
    let long = Payload { length: u64::MAX, ..payload(Vec::new()) };
    assert!(matches!(SealedReader::new(long, &handover(), &vault_secret()), Err(SealError::TooLong(u64::MAX))));
    let payload = payload(Vec::new());
    for length in [0, 72, 1 << 45, u64::MAX] {
        let mut sealed = seal(payload.clone());
        sealed[37..45].copy_from_slice(&u64::to_le_bytes(length));
        assert!(matches!(open(opener(&payload), &sealed).0, Err(OpenError::Malformed(_))), "{length}");
    }
}

#[test]
fn other_bytes_than_a_sealed_payload_and_later_versions_are_named() {
    let payload = payload(bytes(3));
    assert!(matches!(open(opener(&payload), &[b'x'; 45]).0, Err(OpenError::Malformed(_))));
    let mut later = seal(payload.clone());
    later[4] = 2;
    assert!(matches!(open(opener(&payload), &later).0, Err(OpenError::Version(2))));
}

#[test]
fn an_opener_that_refused_takes_nothing_more() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let payload = payload(bytes(300));
    let sealed = seal(payload.clone());
    let mut opener = opener(&payload);
    assert!(matches!(opener.push(&sealed, &mut Full), Err(OpenError::Output(_))));
    assert!(matches!(opener.push(&sealed, &mut Vec::new()), Err(OpenError::Stopped)));
    assert!(matches!(opener.finish(), Err(OpenError::Stopped)));
}

#[test]
fn the_commitment_hides_and_binds_salt_root_and_length() {
    let payload = payload(bytes(10));
    let first = commitment(&payload.salt, &payload.root, 10);
    assert_eq!(first, payload.commitment());
    assert_ne!(first, commitment(&Salt([6; 32]), &payload.root, 10));
    assert_ne!(first, commitment(&payload.salt, &payload.root, 11));
    let statement = [&[17][..], b"inro/1/commitment", &[5; 32], &payload.root.0, &[10, 0, 0, 0, 0, 0, 0, 0]].concat();
    assert_eq!(first.0, <[u8; 32]>::from(Sha256::digest(statement)));
}

#[test]
fn no_error_or_debug_output_shows_a_payload() {
    let payload = payload(b"particular".to_vec());
    let shown = format!("{payload:?} {:?} {:?} {:?}", sealer(payload.clone()), opener(&payload), payload.salt);
    assert!(!shown.contains("particular") && !shown.contains("112, 97"), "{shown}");
}
