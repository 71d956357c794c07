//! Every single bit of a small file of each kind is flipped: none is irrelevant. And bytes that nobody meant as evidence are refused
//! without a panic.

use inro_contracts::fixture::label;
use inro_contracts::time::Height;
use inro_evidence::{Anchor, Evidence, MAGIC, VERSION, survives, verify};
use proptest::prelude::*;

use crate::world::{Story, story};

fn no_bit_is_irrelevant(evidence: impl FnOnce(&Story) -> Evidence) {
    let story = story();
    let (mut bytes, anchor) = (evidence(&story).to_bytes(), story.world.anchor());
    verify(&bytes, &anchor).expect("it is sound");
    for bit in 0..bytes.len() * 8 {
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(verify(&bytes, &anchor).is_err(), "bit {} of byte {} changes nothing", bit % 8, bit / 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
}

#[test]
fn every_bit_of_an_entrys_file_matters() {
    no_bit_is_irrelevant(|story| story.world.entry(Height(3), 0));
}

#[test]
fn every_bit_of_a_journals_file_matters() {
    no_bit_is_irrelevant(|story| story.world.journal(Height(1), label(2)));
}

/// Whatever is proved of another label is true of that one: the file says another thing, and says which.
#[test]
fn every_bit_of_an_absences_file_matters_or_names_another_account_that_does_not_exist() {
    let story = story();
    let ledger = &story.world.ledgers[2];
    let (mut bytes, anchor) = (story.world.absence(Height(2), label(9)).to_bytes(), story.world.anchor());
    let place = bytes.windows(32).position(|window| window == label(9).0).expect("the label is in the file");
    for bit in 0..bytes.len() * 8 {
        bytes[bit / 8] ^= 1 << (bit % 8);
        if let Ok(proved) = verify(&bytes, &anchor) {
            assert!((place..place + 32).contains(&(bit / 8)), "bit {} of byte {} changes nothing", bit % 8, bit / 8);
            let named = proved.account().expect("an absence names an account");
            assert!(named != label(9) && ledger.journal(&named).is_empty());
        }
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
}

#[test]
fn every_bit_of_a_decisions_file_matters() {
    no_bit_is_irrelevant(|story| story.world.decision(&story.granted));
}

#[test]
fn every_bit_of_a_decisions_file_with_earlier_entries_and_no_account_matters() {
    no_bit_is_irrelevant(|story| story.world.decision(&story.nobody));
}

#[test]
fn every_bit_of_a_consistencys_file_matters() {
    no_bit_is_irrelevant(|story| story.world.consistency(Height(2), Height(4)));
}

#[test]
fn every_bit_of_a_validator_sets_file_matters() {
    no_bit_is_irrelevant(|story| story.world.validators(Height(6)));
}

#[test]
fn every_bit_of_a_forks_file_matters() {
    no_bit_is_irrelevant(|story| story.world.fork(Height(3)));
}

#[test]
fn every_bit_of_a_pinned_start_matters() {
    let story = story();
    let sound = story.world.validators(Height(3));
    let mut bytes = story.world.file_from(Height(2), Height(3), sound.statement).to_bytes();
    let anchor = story.world.anchor().pinned(story.world.head(Height(2)).header.id());
    verify(&bytes, &anchor).expect("it is sound");
    for bit in 0..bytes.len() * 8 {
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(verify(&bytes, &anchor).is_err(), "bit {} of byte {} changes nothing", bit % 8, bit / 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
}

/// Never panics, whatever the bytes.
fn must_return(bytes: &[u8], anchor: &Anchor) {
    let _ = verify(bytes, anchor);
    survives(bytes);
}

#[test]
fn arbitrary_bytes_are_refused_without_a_panic() {
    let story = story();
    let anchor = story.world.anchor();
    let files: Vec<Vec<u8>> = story.all().into_iter().map(|(_, evidence)| evidence.to_bytes()).collect();
    let config = ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() };
    let bytes = || prop::collection::vec(any::<u8>(), 0..600);
    proptest!(config.clone(), |(bytes in bytes())| {
        must_return(&bytes, &anchor);
        let headed = [MAGIC.as_slice(), &VERSION.to_le_bytes(), &bytes].concat();
        must_return(&headed, &anchor);
    });
    // Files with stretches that were overwritten, cut out or repeated: most of them parse a good way.
    let edit =
        (any::<prop::sample::Index>(), any::<prop::sample::Index>(), prop::collection::vec(any::<u8>(), 0..80), 0usize..80);
    proptest!(config, |(file: prop::sample::Index, (from, take, put, cut) in edit)| {
        let mut bytes = file.get(&files).clone();
        let from = from.index(bytes.len());
        let end = (from + take.index(cut + 1)).min(bytes.len());
        bytes.splice(from..end, put);
        must_return(&bytes, &anchor);
    });
}

#[test]
fn a_file_cut_off_anywhere_is_malformed() {
    let story = story();
    let anchor = story.world.anchor();
    for (name, evidence) in story.all() {
        let bytes = evidence.to_bytes();
        for length in (0..bytes.len()).step_by(7) {
            let fault = verify(&bytes[..length], &anchor).expect_err(name);
            assert!(fault.is_malformed(), "{name}, {length} bytes: {fault}");
        }
    }
}

#[test]
fn counts_beyond_their_bounds_are_refused_before_anything_is_made_of_them() {
    let story = story();
    let mut bytes = story.world.journal(Height(1), label(2)).to_bytes();
    // The changes' count stands after magic, version, chain and start.
    bytes[43..47].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(verify(&bytes, &story.world.anchor()).expect_err("too many").is_malformed());
}
