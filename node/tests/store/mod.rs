//! Tests of the store from outside, on real folders.

mod crash;
mod damage;
mod disk;
mod faults;
mod prune;
mod reading;
mod roots;

use std::path::Path;

use inro_contracts::block::BlockContext;
use inro_contracts::fixture::{Consortium, FOUNDED, label};
use inro_contracts::machine::{self, Built};
use inro_contracts::memory::{MemoryBlock, MemoryLedger};
use inro_contracts::merkle::leaf_hash;
use inro_contracts::time::{Height, Time};
use inro_contracts::transaction::{Action, ParsedTransaction, VerifiedTransaction};
use inro_node::store::{Committed, Location, Snapshot, Store, StoreError, StoreOptions};

/// How many accounts each of the first blocks opens.
const ACCOUNTS_PER_BLOCK: u64 = 3;

/// A consortium and the blocks that it makes: block `n` is the same in every run.
pub struct Story {
    pub consortium: Consortium,
}

impl Story {
    pub fn new() -> Self {
        Self { consortium: Consortium::new(4) }
    }

    pub fn time(&self, height: u64) -> Time {
        FOUNDED.plus_ms(height * 1_000)
    }

    /// Opens accounts, registers records in earlier ones, and tries one thing that the rules refuse.
    pub fn transactions(&self, height: u64) -> Vec<VerifiedTransaction> {
        let consortium = &self.consortium;
        let void_after = self.time(height).plus_ms(60_000);
        let member = |number: u64| (number % 4) as usize;
        let signed = |number: u64, action: Action| {
            let signed = consortium.sign(action, &consortium.organisations[member(number)].practitioner, void_after);
            ParsedTransaction::from(signed).with_claims_checked()
        };
        let mut transactions = Vec::new();
        for number in (height - 1) * ACCOUNTS_PER_BLOCK..height * ACCOUNTS_PER_BLOCK {
            transactions.push(signed(number, consortium.account_opening(member(number), number)));
        }
        for number in 0..(height - 1) * ACCOUNTS_PER_BLOCK {
            if (number + height).is_multiple_of(3) {
                let record = number * 1_000 + height;
                transactions.push(signed(number, consortium.register_record(member(number), label(number), record)));
            }
        }
        transactions.push(signed(height, consortium.account_opening(member(height), 0)));
        transactions
    }

    pub fn found(&self, path: &Path) -> Store {
        let store = open(path);
        store.found(&self.consortium.founding(), b"the founding document").unwrap();
        store
    }

    /// What block `height` becomes on top of the store's tip.
    pub fn build(&self, store: &Store, transactions: &[VerifiedTransaction]) -> Built {
        let snapshot = store.snapshot().unwrap();
        let tip = snapshot.tip();
        let height = tip.height.next();
        let context = BlockContext { chain: self.consortium.chain, height, time: self.time(height.0) };
        let proposer = self.consortium.organisations[0].validator.public();
        machine::build(&snapshot, &tip, &context, proposer, transactions).unwrap()
    }

    pub fn try_append(&self, store: &Store) -> Result<Built, StoreError> {
        let transactions = self.transactions(store.tip()?.height.0 + 1);
        let built = self.build(store, &transactions);
        let certificate = self.consortium.certificate(&built.header, 0);
        assert_eq!(store.commit(&built, &transactions, &certificate)?, Committed::Written);
        Ok(built)
    }

    /// Commits the next block.
    pub fn append(&self, store: &Store) -> Built {
        self.try_append(store).unwrap()
    }

    pub fn append_until(&self, store: &Store, height: u64) {
        while store.tip().unwrap().height.0 < height {
            self.append(store);
        }
    }

    /// The same ledger in memory.
    pub fn in_memory(&self, height: u64) -> MemoryLedger {
        let mut ledger = self.consortium.ledger();
        for height in 1..=height {
            let proposer = self.consortium.organisations[0].validator.public();
            ledger.append(self.time(height), proposer, &self.transactions(height)).unwrap();
        }
        ledger
    }

    /// A pruned block: all but the last entry, which the rules refused, is there with its path. Where pruning is in the middle of a
    /// block, so may that one be.
    fn compare_events(&self, snapshot: &Snapshot<'_>, expected: &MemoryBlock) -> Result<(), StoreError> {
        let (height, count) = (expected.header.height, expected.header.entries);
        let (header, left) = snapshot.events_of(height)?.unwrap();
        assert_eq!(header, expected.header);
        assert!(expected.entries.starts_with(&left) && left.len() as u32 >= count - 1, "{} of {count}", left.len());
        for (index, entry) in (0..).zip(&left) {
            let proved = snapshot.prove_entry(Location { height, index })?.unwrap();
            assert_eq!((&proved.header, &proved.entry), (&header, entry));
            proved.proof.check(&header.entries_root, &leaf_hash(entry), u64::from(index), u64::from(count)).unwrap();
        }
        Ok(())
    }

    /// Everything that can be read, against the same ledger in memory. An error of the store is returned, anything else that
    /// differs fails the test.
    pub fn compare(&self, store: &Store, memory: &MemoryLedger) -> Result<(), StoreError> {
        let snapshot = store.snapshot()?;
        assert_eq!(snapshot.tip(), memory.tip());
        assert_eq!(snapshot.state_root()?, memory.state_root());
        for height in 1..=memory.tip().height.0 {
            let expected = memory.block(Height(height)).unwrap();
            assert_eq!(snapshot.certificate(Height(height))?, Some(self.consortium.certificate(&expected.header, 0)));
            if Height(height) < snapshot.whole_from()? {
                self.compare_events(&snapshot, expected)?;
            } else {
                let block = snapshot.block(Height(height))?.unwrap();
                assert_eq!((&block.header, &block.entries), (&expected.header, &expected.entries));
            }
            for (index, transaction) in self.transactions(height).iter().enumerate() {
                let location = snapshot.transaction(&transaction.id())?.expect("every committed transaction is found");
                assert_eq!((location.height, location.index as usize), (Height(height), index));
            }
        }
        for (key, object) in memory.objects() {
            if key.is_proved() {
                let proved = snapshot.prove(key)?;
                assert_eq!(proved.object.as_ref(), Some(object));
                proved.proof.check(&memory.state_root(), key, Some(object)).unwrap();
            }
        }
        for account in memory.accounts() {
            let events = snapshot.journal(account, 1, 10_000)?;
            let events: Vec<_> = events.iter().map(inro_contracts::bytes::Canonical::to_bytes).collect();
            assert_eq!(events, memory.journal(account));
        }
        Ok(())
    }
}

pub fn open(path: &Path) -> Store {
    Store::open(path, &StoreOptions::default()).unwrap()
}

pub fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for file in std::fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        let target = to.join(file.file_name());
        if file.file_type().unwrap().is_dir() {
            copy_folder(&file.path(), &target);
        } else {
            std::fs::copy(file.path(), target).unwrap();
        }
    }
}

/// The database's files whose names end so.
pub fn files(store: &Path, ending: &str) -> Vec<std::path::PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(store.join("db")).unwrap().map(|file| file.unwrap().path()).collect();
    files.retain(|path| path.file_name().unwrap().to_string_lossy().ends_with(ending));
    files.sort();
    files
}

/// The next of a row of numbers that look random and are the same in every run.
pub fn next_random(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
    *seed >> 33
}
