//! A bounded cache of values under keys. What is used stays; what is not used for a while goes.
//!
//! Two halves: whatever is stored or found moves to the young half; when the young half is full it becomes the old one, and
//! what was left in the old one is dropped. That is close to dropping the least recently used, at the cost of one look-up.
//!
//! Each value has a version, and is found only by whoever asks for that version.

use std::collections::HashMap;

use foldhash::fast::RandomState;

/// What an entry costs beyond its key and value: two allocations and its place in the table, in bytes.
const ENTRY_OVERHEAD_BYTES: usize = 96;

/// A bounded cache.
#[derive(Debug)]
pub struct Cache {
    half_bytes_max: usize,
    young_bytes: usize,
    young: HashMap<Box<[u8]>, Versioned, RandomState>,
    old: HashMap<Box<[u8]>, Versioned, RandomState>,
}

#[derive(Debug)]
struct Versioned {
    version: u64,
    value: Box<[u8]>,
}

impl Cache {
    /// An empty cache that keeps at most about `bytes_max` bytes.
    pub fn new(bytes_max: usize) -> Self {
        Self { half_bytes_max: bytes_max / 2, young_bytes: 0, young: HashMap::default(), old: HashMap::default() }
    }

    /// This version of the value under `key`, if it is kept.
    pub fn find(&mut self, key: &[u8], version: u64) -> Option<Vec<u8>> {
        if let Some(found) = self.young.get(key) {
            return (found.version == version).then(|| found.value.to_vec());
        }
        let (key, found) = self.old.remove_entry(key)?;
        let value = (found.version == version).then(|| found.value.to_vec());
        self.insert(key, found);
        value
    }

    /// Keeps a value, in place of the one before.
    pub fn keep(&mut self, key: &[u8], version: u64, value: &[u8]) {
        if !self.replace(key, version, value) {
            self.insert(key.into(), Versioned { version, value: value.into() });
        }
    }

    /// Keeps a value only if one is kept under this key already. Says whether it does.
    pub fn replace(&mut self, key: &[u8], version: u64, value: &[u8]) -> bool {
        if let Some(kept) = self.young.get_mut(key) {
            self.young_bytes = self.young_bytes - kept.value.len() + value.len();
            kept.version = version;
            if kept.value.len() == value.len() {
                kept.value.copy_from_slice(value);
            } else {
                kept.value = value.into();
            }
            return true;
        }
        let kept = self.old.remove_entry(key);
        if let Some((key, _)) = kept {
            self.insert(key, Versioned { version, value: value.into() });
            return true;
        }
        false
    }

    /// Drops the value under `key`.
    pub fn forget(&mut self, key: &[u8]) {
        if let Some((key, kept)) = self.young.remove_entry(key) {
            self.young_bytes -= weight(&key, &kept);
        }
        self.old.remove(key);
    }

    fn insert(&mut self, key: Box<[u8]>, kept: Versioned) {
        let weight = weight(&key, &kept);
        if self.young_bytes + weight > self.half_bytes_max {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        if weight <= self.half_bytes_max {
            self.young_bytes += weight;
            self.young.insert(key, kept);
        }
    }
}

fn weight(key: &[u8], kept: &Versioned) -> usize {
    key.len() + kept.value.len() + ENTRY_OVERHEAD_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(cache: &Cache) -> usize {
        cache.young.iter().chain(&cache.old).map(|(key, kept)| weight(key, kept)).sum()
    }

    #[test]
    fn a_cache_returns_the_last_value_kept() {
        let mut cache = Cache::new(10_000);
        cache.keep(b"a", 0, b"1");
        cache.keep(b"a", 0, b"22");
        assert_eq!(cache.find(b"a", 0), Some(b"22".to_vec()));
        assert_eq!(cache.young_bytes, held(&cache));
        cache.forget(b"a");
        assert_eq!(cache.find(b"a", 0), None);
        assert_eq!(cache.young_bytes, 0);
    }

    #[test]
    fn another_version_of_a_value_is_not_found() {
        let mut cache = Cache::new(10_000);
        cache.keep(b"a", 7, b"seven");
        assert_eq!(cache.find(b"a", 6), None);
        cache.keep(b"a", 8, b"eight");
        assert_eq!(cache.find(b"a", 7), None);
        assert_eq!(cache.find(b"a", 8), Some(b"eight".to_vec()));
    }

    #[test]
    fn replacing_keeps_nothing_new() {
        let mut cache = Cache::new(10_000);
        assert!(!cache.replace(b"a", 0, b"1"));
        assert_eq!(cache.find(b"a", 0), None);
    }

    #[test]
    fn a_cache_never_holds_more_than_its_bound() {
        let mut cache = Cache::new(10_000);
        for number in 0..1_000u32 {
            cache.keep(&number.to_be_bytes(), 0, &[7; 50]);
            assert!(held(&cache) <= 10_000);
        }
        cache.keep(b"huge", 0, &[0; 20_000]);
        assert_eq!(cache.find(b"huge", 0), None);
        assert!(held(&cache) <= 10_000);
    }

    #[test]
    fn what_is_used_again_and_again_stays() {
        let mut cache = Cache::new(10_000);
        cache.keep(b"hot", 0, b"value");
        for number in 0..1_000u32 {
            cache.keep(&number.to_be_bytes(), 0, &[7; 50]);
            assert!(cache.find(b"hot", 0).is_some());
        }
        assert_eq!(cache.find(&0u32.to_be_bytes(), 0), None);
    }

    #[test]
    fn a_changed_value_is_not_found_in_the_old_half() {
        let mut cache = Cache::new(1_000);
        cache.keep(b"a", 0, b"1");
        cache.keep(b"fill", 0, &[0; 350]);
        cache.keep(b"a", 0, b"2");
        cache.keep(b"fill again", 0, &[0; 350]);
        assert_ne!(cache.find(b"a", 0), Some(b"1".to_vec()));
    }
}
