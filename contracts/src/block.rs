//! Blocks: the header that validators sign, and what it binds (rules L-1 to L-6).

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use crate::bytes::{Canonical, encode};
use crate::id::{BlockId, ChainId, Hash};
use crate::key::PublicKey;
use crate::tag::Tag;
use crate::time::{Height, Time};

/// A block's header (rule L-1). Its hash is the block's id, and that is what validators sign.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// The ledger.
    pub chain: ChainId,
    /// The block's number.
    pub height: Height,
    /// The block's time.
    pub time: Time,
    /// The block before. For the first block: the genesis, whose block id equals the chain's id.
    pub parent: BlockId,
    /// How many entries the block has.
    pub entries: u32,
    /// The Merkle root over them (rule L-2).
    pub entries_root: Hash,
    /// The state tree's root after the block (rule L-3).
    pub state_root: Hash,
    /// The root over all earlier block ids, the genesis first (rule L-4).
    pub history_root: Hash,
    /// The hash of the validator set that votes on this block.
    pub validators: Hash,
    /// The hash of the validator set that votes on the next block.
    pub next_validators: Hash,
    /// Who proposed it.
    pub proposer: PublicKey,
}

impl Header {
    /// The block's id.
    pub fn id(&self) -> BlockId {
        Tag::HEADER.hash(&[&encode(self)]).into()
    }
}

impl Canonical for Header {
    const BYTES_MAX: usize = 276;
}

/// What execution may know of the block around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockContext {
    /// The ledger.
    pub chain: ChainId,
    /// The block's number.
    pub height: Height,
    /// The block's time.
    pub time: Time,
}

/// The last committed block, as far as the next one needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Tip {
    /// Its height; 0 for the genesis.
    pub height: Height,
    /// Its id.
    pub block: BlockId,
    /// Its time.
    pub time: Time,
}
