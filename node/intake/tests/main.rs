//! What intake promises: every resource in exactly one record, the right category and flags, and a clear word about broken input.

mod categories;
mod dicom;
mod hostile;
mod properties;
mod samples;
mod splitting;

use bytes::Bytes;
use inro_intake::{Hint, Intake, Item, Limits, Problem, read};

fn take(input: impl Into<Bytes>) -> Result<Intake, Problem> {
    read(input.into(), &Hint::default(), &Limits::default())
}

/// The items of input that is sound.
fn items(input: impl Into<Bytes>) -> Vec<Item> {
    take(input).expect("the input is sound").items
}

/// What is wrong with input that is not.
fn problem(input: impl Into<Bytes>) -> Problem {
    take(input).expect_err("the input is broken")
}

fn json(item: &Item) -> serde_json::Value {
    serde_json::from_slice(&item.payload.to_bytes().expect("it is in memory")).expect("an item's bytes are JSON")
}
