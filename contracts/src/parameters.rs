//! What the consortium can change by a vote without changing the program.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use crate::bytes::Canonical;

/// The ledger's parameters.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// Most transactions in one block.
    pub block_transactions_max: u32,
    /// Most bytes of transactions in one block.
    pub block_bytes_max: u32,
    /// A transaction's `void_after` may lie this far after the block's time, in milliseconds (rule L-9).
    pub void_after_ms_max: u64,
    /// A validator refuses a block whose time lies further than this from its own clock, in milliseconds (rule L-6).
    pub clock_drift_ms_max: u64,
    /// Time between blocks when nothing happens, in milliseconds (rule L-7).
    pub heartbeat_ms: u64,
    /// How long a governance proposal can be voted on, in milliseconds.
    pub proposal_ms: u64,
    /// How long the old key can veto a recovery, in milliseconds.
    pub recovery_delay_ms: u64,
    /// Fewest validators that a proposal may leave.
    pub validators_min: u16,
    /// Most peers of one organisation.
    pub peers_max: u16,
    /// How long a granted access can be made use of, in milliseconds (rule X-1).
    pub access_ms: u64,
    /// How many emergency accesses an organisation has a day; each overdue review takes one away.
    pub emergency_quota: u16,
    /// Within how long an emergency access is to be reviewed, in milliseconds.
    pub review_ms: u64,
    /// How often a grant can be passed on, one consult under the other.
    pub consult_depth_max: u8,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            block_transactions_max: 4_000,
            block_bytes_max: 4 * 1024 * 1024,
            void_after_ms_max: 10 * 60 * 1000,
            clock_drift_ms_max: 5_000,
            heartbeat_ms: 15_000,
            proposal_ms: 14 * 24 * 3600 * 1000,
            recovery_delay_ms: 72 * 3600 * 1000,
            validators_min: 4,
            peers_max: 16,
            access_ms: 15 * 60 * 1000,
            emergency_quota: 50,
            review_ms: 72 * 3600 * 1000,
            consult_depth_max: 3,
        }
    }
}

impl Parameters {
    /// The first bound that these parameters break, in words; `None` when they can be used.
    pub fn fault(&self) -> Option<&'static str> {
        let checks: [(bool, &'static str); 13] = [
            ((1..=50_000).contains(&self.block_transactions_max), "block_transactions_max must lie in 1..=50,000"),
            ((65_536..=16_777_216).contains(&self.block_bytes_max), "block_bytes_max must lie in 64 KiB..=16 MiB"),
            ((10_000..=600_000).contains(&self.void_after_ms_max), "void_after_ms_max must lie in 10 s..=10 min"),
            ((100..=60_000).contains(&self.clock_drift_ms_max), "clock_drift_ms_max must lie in 0.1 s..=60 s"),
            ((1_000..=60_000).contains(&self.heartbeat_ms), "heartbeat_ms must lie in 1 s..=60 s"),
            ((1_000..=31_536_000_000).contains(&self.proposal_ms), "proposal_ms must lie in 1 s..=365 days"),
            ((1_000..=2_592_000_000).contains(&self.recovery_delay_ms), "recovery_delay_ms must lie in 1 s..=30 days"),
            ((1..=200).contains(&self.validators_min), "validators_min must lie in 1..=200"),
            ((1..=256).contains(&self.peers_max), "peers_max must lie in 1..=256"),
            ((1_000..=86_400_000).contains(&self.access_ms), "access_ms must lie in 1 s..=24 h"),
            (self.emergency_quota >= 1, "emergency_quota must be at least 1"),
            ((1_000..=2_592_000_000).contains(&self.review_ms), "review_ms must lie in 1 s..=30 days"),
            ((1..=16).contains(&self.consult_depth_max), "consult_depth_max must lie in 1..=16"),
        ];
        checks.into_iter().find(|(holds, _)| !holds).map(|(_, fault)| fault)
    }
}

impl Canonical for Parameters {
    const BYTES_MAX: usize = 256;
}
