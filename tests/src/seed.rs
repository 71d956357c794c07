//! Random choices that can be repeated: a failed run prints its seed, and `INRO_SEED=… ./scripts/test NAME` replays it.

use rand::rngs::{OsRng, StdRng};
use rand::{Rng, SeedableRng};

/// A source of random choices, from `INRO_SEED` if it is set. The seed is printed.
pub fn random() -> StdRng {
    let seed = match std::env::var("INRO_SEED") {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("INRO_SEED is a number; found {text:?}")),
        Err(_) => OsRng.r#gen(),
    };
    println!("seed {seed} (INRO_SEED={seed} repeats these choices)");
    StdRng::seed_from_u64(seed)
}
