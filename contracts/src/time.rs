//! Block time and height.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00Z, by the block's clock (rule L-6).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Time(pub u64);

impl Time {
    /// This time plus some milliseconds; stops at the end of time instead of wrapping.
    pub fn plus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }
}

/// A block's number. The genesis has height 0; the first block has height 1.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Height(pub u64);

impl Height {
    /// The next height.
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl std::fmt::Display for Height {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// An interval of block time: from `from`, inclusive, to `until`, exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Validity {
    /// First millisecond.
    pub from: Time,
    /// First millisecond that no longer counts.
    pub until: Time,
}

impl Validity {
    /// Does the interval hold at `now`?
    pub fn holds_at(&self, now: Time) -> bool {
        self.from <= now && now < self.until
    }

    /// Is there any time at all in it?
    pub fn is_empty(&self) -> bool {
        self.from >= self.until
    }
}
