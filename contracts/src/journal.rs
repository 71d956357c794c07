//! Journals (rule J-1): the complete, ordered list of everything that happened to one account.
//!
//! `head(n) = SHA-256(tag ‖ head(n-1) ‖ event bytes)`; the head before the first event is all zeros. The account's leaf in the
//! state tree holds the number of events and the head, so whoever holds a certified header, the leaf's proof and the events
//! has all of them: leaving one out changes the head.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use crate::bytes::{Canonical, encode};
use crate::entry::Entry;
use crate::id::Hash;
use crate::tag::Tag;
use crate::time::{Height, Time};

/// The head of a journal without events.
pub const EMPTY_HEAD: Hash = Hash([0; 32]);

/// One event of an account's journal: a committed entry, and where and when it was committed.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Event {
    /// The block's height.
    pub height: Height,
    /// The block's time.
    pub time: Time,
    /// The entry's place in the block.
    pub index: u32,
    /// The entry.
    pub entry: Entry,
}

impl Canonical for Event {
    const BYTES_MAX: usize = Entry::BYTES_MAX + 20;
}

/// An event's canonical bytes from an entry's canonical bytes.
pub fn event_bytes(height: Height, time: Time, index: u32, entry: &[u8]) -> Vec<u8> {
    let mut bytes = encode(&(height, time, index));
    bytes.extend_from_slice(entry);
    bytes
}

/// The head after one more event.
pub fn next_head(head: &Hash, event: &[u8]) -> Hash {
    Tag::JOURNAL.hash(&[&head.0, event])
}
