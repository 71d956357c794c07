//! Which transactions were committed and are not void yet, so that a block's check against replays (rule L-9) almost never
//! touches the disk.
//!
//! Eight bytes of each id are kept. "Not here" is certain; "perhaps" is looked up in the database. Ids are grouped by the time
//! at which they become void, and a group is dropped as a whole. When the bound is reached, ids are no longer added, and every
//! answer is "perhaps" until those that were not added are void.

use std::collections::{BTreeMap, HashSet};

use foldhash::fast::RandomState;
use inro_contracts::id::TransactionId;
use inro_contracts::time::Time;

/// How much block time a group spans: void-after times lie at most ten minutes ahead, so there are seven groups at most.
const GROUP_MS: u64 = 120_000;

/// What is kept of one transaction: the beginning of its id, and when it becomes void.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecentId {
    /// The id's first eight bytes.
    pub start: u64,
    /// It is void in blocks later than this.
    pub void_after: Time,
}

impl RecentId {
    /// What is kept of a transaction.
    pub fn new(id: &TransactionId, void_after: Time) -> Self {
        Self { start: start_of(id), void_after }
    }

    /// A block's ids, for the database.
    pub fn encode(ids: &[RecentId]) -> Vec<u8> {
        ids.iter().flat_map(|id| [id.start.to_be_bytes(), id.void_after.0.to_be_bytes()]).flatten().collect()
    }

    /// A block's ids from the database; `None` if these are other bytes.
    pub fn decode(bytes: &[u8]) -> Option<Vec<RecentId>> {
        let pairs = bytes.chunks_exact(16);
        pairs
            .remainder()
            .is_empty()
            .then(|| pairs.map(|pair| RecentId { start: number(&pair[..8]), void_after: Time(number(&pair[8..])) }).collect())
    }
}

/// The committed transactions that are not void yet.
#[derive(Debug)]
pub struct Recent {
    ids_max: usize,
    count: usize,
    groups: BTreeMap<u64, HashSet<u64, RandomState>>,
    /// The latest void-after time of an id that was not added.
    missing_until: Option<Time>,
}

impl Recent {
    /// Nothing yet, and never more than `ids_max` ids.
    pub fn new(ids_max: usize) -> Self {
        Self { ids_max, count: 0, groups: BTreeMap::new(), missing_until: None }
    }

    /// Adds committed transactions.
    pub fn add(&mut self, ids: &[RecentId]) {
        for id in ids {
            if self.count >= self.ids_max {
                self.missing_until = self.missing_until.max(Some(id.void_after));
            } else if self.groups.entry(id.void_after.0 / GROUP_MS).or_default().insert(id.start) {
                self.count += 1;
            }
        }
    }

    /// Drops what is void in every block after one of this time.
    pub fn drop_void(&mut self, tip: Time) {
        while let Some(group) = self.groups.first_entry().filter(|group| *group.key() < tip.0 / GROUP_MS) {
            self.count -= group.remove().len();
        }
        if self.missing_until.is_some_and(|until| until < tip) {
            self.missing_until = None;
        }
    }

    /// Can this transaction have been committed and not be void yet? `false` is certain.
    pub fn may_hold(&self, id: &TransactionId) -> bool {
        let start = start_of(id);
        self.missing_until.is_some() || self.groups.values().any(|group| group.contains(&start))
    }
}

fn start_of(id: &TransactionId) -> u64 {
    number(&id.0[..8])
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u8) -> TransactionId {
        TransactionId([number; 32])
    }

    #[test]
    fn an_id_is_held_until_it_is_void() {
        let mut recent = Recent::new(10);
        recent.add(&[RecentId::new(&id(1), Time(600_000)), RecentId::new(&id(2), Time(700_000))]);
        assert!(recent.may_hold(&id(1)) && recent.may_hold(&id(2)) && !recent.may_hold(&id(3)));
        recent.drop_void(Time(600_000));
        assert!(recent.may_hold(&id(1)), "a block later than 600,000 is not committed yet");
        recent.drop_void(Time(900_000));
        assert!(!recent.may_hold(&id(1)) && !recent.may_hold(&id(2)));
        assert_eq!(recent.count, 0);
    }

    #[test]
    fn when_full_every_id_may_be_held_until_those_left_out_are_void() {
        let mut recent = Recent::new(1);
        recent.add(&[RecentId::new(&id(1), Time(1_000)), RecentId::new(&id(2), Time(600_000))]);
        assert!(recent.may_hold(&id(9)));
        recent.drop_void(Time(600_000));
        assert!(recent.may_hold(&id(2)));
        recent.drop_void(Time(600_001));
        assert!(!recent.may_hold(&id(9)));
    }

    #[test]
    fn a_blocks_ids_read_back_as_they_were_written() {
        let ids = [RecentId::new(&id(1), Time(5)), RecentId::new(&id(2), Time(u64::MAX))];
        assert_eq!(RecentId::decode(&RecentId::encode(&ids)), Some(ids.to_vec()));
        assert_eq!(RecentId::decode(&[0; 17]), None);
    }
}
