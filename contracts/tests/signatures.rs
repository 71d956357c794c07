//! Rule L-11: crafted signatures get one verdict, one by one and in batches; ordinary ones get the right one.

use curve25519_dalek::constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION};
use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::scalar::Scalar;
use inro_contracts::key::{Claim, PublicKey, Signature, all_hold, hold_each};
use inro_contracts::tag::Tag;
use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::StdRng;
use sha2::{Digest, Sha512};

use crate::samples::secret;

/// ZIP-215's verdict on a claim whatever way it is asked for; panics if the ways disagree.
fn verdict(claim: &Claim) -> bool {
    let alone = claim.holds();
    let mut random = StdRng::seed_from_u64(1);
    let honest = Claim::new(secret(9).public(), Tag::VOTE, b"honest", secret(9).sign(Tag::VOTE, b"honest"));
    for _ in 0..3 {
        assert_eq!(all_hold([claim], &mut random), alone, "a batch of one disagrees about {claim:?}");
        assert_eq!(all_hold([claim, &honest, claim], &mut random), alone, "a batch disagrees about {claim:?}");
        assert_eq!(all_hold([&honest, claim], &mut random), alone, "a batch disagrees about {claim:?}");
    }
    alone
}

/// All 14 encodings of the eight points of small order, the six non-canonical ones included.
fn small_order_encodings() -> Vec<[u8; 32]> {
    let p_plus = |low: u8| {
        let mut bytes = [0xFF; 32];
        bytes[0] = 0xED + low;
        bytes[31] = 0x7F;
        bytes
    };
    let with_sign = |mut bytes: [u8; 32]| {
        bytes[31] |= 0x80;
        bytes
    };
    let mut one = [0; 32];
    one[0] = 1;
    let mut minus_one = [0xFF; 32];
    (minus_one[0], minus_one[31]) = (0xEC, 0x7F);
    let mut encodings: Vec<_> = EIGHT_TORSION.iter().map(|point| point.compress().to_bytes()).collect();
    encodings.extend([p_plus(0), with_sign(p_plus(0)), p_plus(1), with_sign(p_plus(1)), with_sign(one), with_sign(minus_one)]);
    encodings
}

fn challenge(r: &[u8; 32], key: &[u8; 32], message: &[u8]) -> Scalar {
    let digest: [u8; 64] = Sha512::new().chain_update(r).chain_update(key).chain_update(message).finalize().into();
    Scalar::from_bytes_mod_order_wide(&digest)
}

fn signature(r: [u8; 32], s: [u8; 32]) -> Signature {
    let mut bytes = [0; 64];
    bytes[..32].copy_from_slice(&r);
    bytes[32..].copy_from_slice(&s);
    Signature(bytes)
}

/// Signs with torsion added to the key and to the nonce point: valid by the cofactored equation, false without the cofactor.
fn torsioned(a: u64, r: u64, key_torsion: EdwardsPoint, r_torsion: EdwardsPoint, message: &[u8]) -> Claim {
    let (a, r) = (Scalar::from(a), Scalar::from(r));
    let key = (ED25519_BASEPOINT_POINT * a + key_torsion).compress().to_bytes();
    let point = (ED25519_BASEPOINT_POINT * r + r_torsion).compress().to_bytes();
    let s = r + challenge(&point, &key, message) * a;
    Claim { key: PublicKey(key), message: message.to_vec(), signature: signature(point, s.to_bytes()) }
}

#[test]
fn small_order_keys_and_points_in_every_encoding_get_one_verdict() {
    let encodings = small_order_encodings();
    assert_eq!(encodings.len(), 14);
    for key in &encodings {
        for r in &encodings {
            let claim = Claim { key: PublicKey(*key), message: b"Zcash".to_vec(), signature: signature(*r, [0; 32]) };
            assert!(verdict(&claim), "ZIP-215 accepts every one of these 196");
        }
    }
}

#[test]
fn keys_of_small_order_and_no_points_are_weak_and_ordinary_keys_are_not() {
    for key in small_order_encodings() {
        assert!(PublicKey(key).is_weak());
    }
    let no_points: Vec<_> =
        (2..=255).map(|byte| PublicKey([byte; 32])).filter(|key| !key.verifies(b"", &Signature([0; 64]))).collect();
    assert!(no_points.iter().any(|key| key.is_weak()), "about half of all encodings are no point");
    assert!((1..=20).all(|byte| !secret(byte).public().is_weak()));
}

#[test]
fn torsion_in_the_key_or_the_point_changes_no_verdict() {
    for key_torsion in EIGHT_TORSION {
        for r_torsion in EIGHT_TORSION {
            assert!(verdict(&torsioned(1234, 5678, key_torsion, r_torsion, b"a message")));
        }
    }
}

#[test]
fn a_scalar_that_is_not_reduced_is_refused() {
    let mut claim = torsioned(1234, 5678, EIGHT_TORSION[0], EIGHT_TORSION[0], b"a message");
    assert!(verdict(&claim));
    // The group's order, little-endian; s + order is the same scalar in another encoding.
    let order = (Scalar::ZERO - Scalar::ONE).to_bytes();
    let mut carry = 1u16;
    for (byte, add) in claim.signature.0[32..].iter_mut().zip(order) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        *byte = sum as u8;
        carry = sum >> 8;
    }
    assert!(!verdict(&claim));
}

#[test]
fn what_is_no_point_never_verifies_and_never_spoils_a_neighbour() {
    let no_point = (2..=255)
        .map(|byte| [byte; 32])
        .find(|bytes| curve25519_dalek::edwards::CompressedEdwardsY(*bytes).decompress().is_none());
    let no_point = no_point.expect("about half of all encodings are no point");
    let good = Claim::new(secret(1).public(), Tag::VOTE, b"x", secret(1).sign(Tag::VOTE, b"x"));
    let bad_key = Claim { key: PublicKey(no_point), ..good.clone() };
    let bad_r = Claim { signature: signature(no_point, [0; 32]), ..good.clone() };
    assert!(!verdict(&bad_key) && !verdict(&bad_r));
    let (good, bad_key, bad_r) = ([good], [bad_key], [bad_r]);
    let groups = [&good[..], &bad_key, &good, &bad_r, &good];
    let mut random = StdRng::seed_from_u64(2);
    assert_eq!(hold_each(&groups, &mut random), [true, false, true, false, true]);
}

#[test]
fn a_tag_keeps_one_statement_from_serving_as_another() {
    let signature = secret(1).sign(Tag::VOTE, b"statement");
    assert!(Claim::new(secret(1).public(), Tag::VOTE, b"statement", signature).holds());
    for tag in Tag::ALL.iter().filter(|tag| **tag != Tag::VOTE) {
        assert!(!Claim::new(secret(1).public(), *tag, b"statement", signature).holds());
    }
}

#[test]
fn no_groups_and_empty_groups_hold() {
    let mut random = StdRng::seed_from_u64(3);
    assert_eq!(hold_each(&[], &mut random), Vec::<bool>::new());
    assert_eq!(hold_each(&[&[], &[]], &mut random), [true, true]);
}

/// How a claim is made, and whether it must hold.
fn crafted(kind: u8, number: u8, bytes: [u8; 64]) -> (Claim, bool) {
    let message = [number; 5].to_vec();
    let honest = |message: &[u8]| {
        let secret = secret(number);
        Claim::new(secret.public(), Tag::TRANSACTION, message, secret.sign(Tag::TRANSACTION, message))
    };
    let torsion = |byte: u8| EIGHT_TORSION[usize::from(byte % 8)];
    match kind % 6 {
        0 | 1 => (honest(&message), true),
        2 => (torsioned(u64::from(number) + 2, 77, torsion(bytes[0]), torsion(bytes[1]), &message), true),
        3 => (Claim { signature: Signature(bytes), ..honest(&message) }, false),
        4 => {
            let mut claim = honest(&message);
            claim.message.push(0);
            (claim, false)
        }
        _ => {
            let mut claim = honest(&message);
            claim.signature.0[usize::from(bytes[0] % 64)] ^= 1 << (bytes[1] % 8);
            (claim, false)
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn hold_each_finds_exactly_the_false_groups(
        seed: u64,
        groups in prop::collection::vec(prop::collection::vec((any::<u8>(), any::<u8>(), any::<[u8; 64]>()), 0..4), 0..12),
    ) {
        let made: Vec<Vec<(Claim, bool)>> =
            groups.into_iter().map(|group| group.into_iter().map(|(kind, number, bytes)| crafted(kind, number, bytes)).collect()).collect();
        for (claim, expected) in made.iter().flatten() {
            prop_assert_eq!(verdict(claim), *expected);
        }
        let expected: Vec<bool> = made.iter().map(|group| group.iter().all(|(_, holds)| *holds)).collect();
        let claims: Vec<Vec<Claim>> =
            made.into_iter().map(|group| group.into_iter().map(|(claim, _)| claim).collect()).collect();
        let groups: Vec<&[Claim]> = claims.iter().map(Vec::as_slice).collect();
        prop_assert_eq!(hold_each(&groups, &mut StdRng::seed_from_u64(seed)), expected);
    }
}
