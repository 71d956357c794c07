//! Prints vectors of all lies (`tests/src/liars`), for the second verifier to catch: on a small journal at every pair of positions, on an
//! entry, and on a journal of 2,500 events at random positions. True files stand between them, so that a verifier that refuses
//! everything does not pass.
//!
//! `cargo run -p inro-evidence --example lies SEED > FILE`, then `INRO_VECTORS=FILE scripts/test-browser`, which does both by itself.
//!
//! A file is written as its difference from another one: `base` is the other's number in `bases`, `parts` are what it is made of, each
//! hexadecimal or a stretch `[from, length]` of the other.

#![allow(clippy::disallowed_methods, reason = "a program reads its arguments")]

#[path = "../tests/dice.rs"]
#[allow(dead_code)]
mod dice;
#[path = "../../../tests/src/liars/mod.rs"]
#[allow(dead_code)]
mod liars;
#[path = "../tests/world.rs"]
#[allow(dead_code)]
mod world;

use std::collections::BTreeMap;
use std::error::Error;

use dice::Dice;
use inro_contracts::bytes::{Canonical, encode};
use inro_evidence::{Anchor, Evidence, verify};
use liars::{Lie, Stock, certified_fork, lies_at, lies_everywhere, stale};
use serde_json::{Value, json};
use world::{large, story};

const EVENTS: u64 = 2_500;
const PLACES: usize = 4;
/// A true file stands before so many false ones.
const TRUE_EVERY: usize = 50;
const WINDOW: usize = 32;

fn main() -> Result<(), Box<dyn Error>> {
    let seed = std::env::args().nth(1).and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let mut dice = Dice(seed);
    let story = story();
    let anchor = story.world.anchor();
    let mut printed = Printed { anchor, bases: Vec::new(), cases: Vec::new() };
    for (what, stock) in [("a journal", story.journal_stock()), ("an entry", story.entry_stock())] {
        printed.add(what, &stock, lies_everywhere(&stock, true))?;
    }
    let (world, stock) = large(EVENTS);
    if world.anchor() != printed.anchor {
        return Err("the ledgers have not one founding".into());
    }
    let mut lies = Vec::new();
    for _ in 0..PLACES {
        let (place, other) = (dice.below(EVENTS) as usize, dice.below(EVENTS) as usize);
        let named = lies_at(&stock, place, other).into_iter();
        lies.extend(named.map(|(name, lie)| (format!("{name} {place} {other}, seed {seed}: {}", lie.how), lie)));
    }
    printed.add("a large journal", &stock, lies)?;
    let document = &world.consortium.document;
    let validators = encode(&document.check()?);
    let Printed { bases, cases, .. } = printed;
    println!(
        "{}",
        json!({ "genesis": hex::encode(document.to_bytes()), "chain": world.consortium.chain, "validators": hex::encode(validators),
                "bases": bases, "cases": cases })
    );
    Ok(())
}

struct Printed {
    anchor: Anchor,
    bases: Vec<String>,
    cases: Vec<Value>,
}

impl Printed {
    /// Lies about one statement, and what is true of it.
    fn add(&mut self, what: &str, stock: &Stock, lies: Vec<(String, Lie)>) -> Result<(), String> {
        let honest = Base::new(&stock.honest, self.bases.len());
        self.bases.push(hex::encode(&honest.bytes));
        let mut truths =
            [&stock.honest, &stale(stock), &stock.other, &certified_fork(stock)].map(Evidence::to_bytes).into_iter().cycle();
        for (number, (name, lie)) in lies.into_iter().enumerate() {
            let group = format!("lies about {what}: {}", name.split(' ').next().unwrap_or_default());
            if number % TRUE_EVERY == 0
                && let Some(truth) = truths.next()
            {
                self.case(&honest, &format!("the truth before {name}"), &group, &truth, true)?;
            }
            self.case(&honest, &name, &group, &lie.told.to_bytes(), false)?;
        }
        Ok(())
    }

    fn case(&mut self, base: &Base, name: &str, group: &str, file: &[u8], is_true: bool) -> Result<(), String> {
        let mut case = json!({ "name": name, "group": group, "base": base.number, "parts": base.parts(file) });
        match verify(file, &self.anchor) {
            Ok(proved) if is_true => case["proved"] = json!(proved.summary()),
            Err(fault) if !is_true => {
                case["step"] = json!(fault.step);
                case["malformed"] = json!(fault.is_malformed());
            }
            Ok(_) => return Err(format!("{name}: it was believed")),
            Err(fault) => return Err(format!("{name}: {fault}")),
        }
        self.cases.push(case);
        Ok(())
    }
}

/// A file that others differ from.
struct Base {
    number: usize,
    bytes: Vec<u8>,
    /// Where a stretch of the file begins, by its bytes.
    windows: BTreeMap<[u8; WINDOW], usize>,
}

impl Base {
    fn new(evidence: &Evidence, number: usize) -> Self {
        let bytes = evidence.to_bytes();
        let window = |(place, window): (usize, &[u8])| Some((window.try_into().ok()?, place * WINDOW));
        let windows = bytes.chunks_exact(WINDOW).enumerate().filter_map(window).collect();
        Self { number, bytes, windows }
    }

    /// What a file is made of.
    fn parts(&self, file: &[u8]) -> Vec<Value> {
        let (mut parts, mut fresh, mut place) = (Vec::new(), Vec::new(), 0);
        while place < file.len() {
            let window = file.get(place..place + WINDOW).and_then(|window| window.try_into().ok());
            match window.and_then(|window: [u8; WINDOW]| self.windows.get(&window)) {
                None => {
                    fresh.push(file[place]);
                    place += 1;
                }
                Some(&from) => {
                    let same = self.bytes[from..].iter().zip(&file[place..]).take_while(|(a, b)| a == b).count();
                    // What came before it was the same, too, as far as it was.
                    let before = self.bytes[..from].iter().rev().zip(fresh.iter().rev()).take_while(|(a, b)| a == b).count();
                    fresh.truncate(fresh.len() - before);
                    parts.extend((!fresh.is_empty()).then(|| json!(hex::encode(&fresh))));
                    fresh.clear();
                    parts.push(json!([from - before, same + before]));
                    place += same;
                }
            }
        }
        parts.extend((!fresh.is_empty()).then(|| json!(hex::encode(&fresh))));
        parts
    }
}
