//! When to dial again: 100 ms after the first failure, twice as long after each further one, 5 s at most, spread by chance
//! so that nodes that lost the same peer do not return in step.

use std::time::Duration;

use rand::Rng;

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);

/// How often in a row a peer could not be reached.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The time to wait after one more failure.
    pub fn failed(&mut self, random: &mut impl Rng) -> Duration {
        let whole = FIRST.saturating_mul(1 << self.failures.min(6)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        whole.mul_f64(random.gen_range(0.5..=1.0))
    }

    /// Was the last failure the first one since the peer was reached?
    pub fn failed_once(&self) -> bool {
        self.failures == 1
    }

    /// The peer was reached.
    pub fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn waiting_grows_from_a_tenth_of_a_second_to_five_seconds_and_starts_again_after_success() {
        let mut random = rand::rngs::StdRng::seed_from_u64(7);
        let mut backoff = Backoff::default();
        let waits: Vec<_> = (0..100).map(|_| backoff.failed(&mut random)).collect();
        assert!(waits[0] >= FIRST / 2 && waits[0] <= FIRST);
        assert!(waits[20..].iter().all(|wait| *wait >= LONGEST / 2 && *wait <= LONGEST));
        backoff.reset();
        assert!(backoff.failed(&mut random) <= FIRST);
    }
}
