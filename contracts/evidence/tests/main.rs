//! All tests of evidence, as one program.

mod bits;
mod checkpoints;
// The same liars as those of the whole-system tests.
#[path = "../../../tests/src/liars/mod.rs"]
mod liars;
mod pages;
mod tampering;
mod vectors;
mod world;

/// What verifiers in every language pass.
const VECTORS: &str = include_str!("../vectors/evidence.json");

#[test]
fn every_vector_is_what_it_says_and_every_step_has_one() {
    vectors::check(VECTORS);
}

#[test]
fn the_vectors_are_those_that_the_small_ledger_makes() {
    assert!(vectors::text() == VECTORS, "the vectors changed: every other verifier would have to change with them");
}
