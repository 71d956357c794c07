//! Prints the vectors: `cargo run -p inro-evidence --example vectors > contracts/evidence/vectors/evidence.json`. Making them anew is a
//! decision that the commit states.

#[path = "../../../tests/src/liars/mod.rs"]
#[allow(dead_code)]
mod liars;
#[path = "../tests/vectors.rs"]
#[allow(dead_code)]
mod vectors;
#[path = "../tests/world.rs"]
#[allow(dead_code)]
mod world;

fn main() {
    print!("{}", vectors::text());
}
