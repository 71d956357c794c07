//! Folders that cannot be used, and disks without space.

use std::path::Path;
use std::process::Command;

use inro_contracts::id::BlockId;
use inro_contracts::time::Height;
use inro_node::store::{Store, StoreError, StoreOptions};

use super::{Story, next_random, open};

#[test]
fn a_folder_in_use_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let _first = open(folder.path());
    let error = Store::open(folder.path(), &StoreOptions::default()).unwrap_err();
    assert!(matches!(error, StoreError::Locked { .. }), "{error}");
}

#[test]
fn a_file_in_place_of_the_folder_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    std::fs::write(&path, "").unwrap();
    let error = Store::open(&path, &StoreOptions::default()).unwrap_err();
    assert!(matches!(error, StoreError::NotWritable { .. }), "{error}");
}

#[test]
fn a_folder_that_is_read_only_is_refused() {
    let Some(disk) = SmallDisk::new(32) else { return };
    let story = Story::new();
    let store = Store::open(disk.path().join("node"), &disk.options(0)).unwrap();
    store.found(&story.consortium.founding(), b"").unwrap();
    drop(store);
    disk.remount("ro");
    let error = Store::open(disk.path().join("node"), &disk.options(0)).unwrap_err();
    assert!(matches!(error, StoreError::NotWritable { .. }), "{error}");
    let error = Store::open(disk.path().join("other"), &disk.options(0)).unwrap_err();
    assert!(matches!(error, StoreError::NotWritable { .. }), "{error}");
}

#[test]
fn nothing_is_written_while_less_than_the_reserve_is_free() {
    let folder = tempfile::tempdir().unwrap();
    let options = StoreOptions { reserve_mib: u64::MAX >> 21, ..StoreOptions::default() };
    let error = Store::open(folder.path(), &options).unwrap_err();
    assert!(matches!(error, StoreError::DiskNearlyFull { .. }), "{error}");
}

#[test]
fn when_the_reserve_is_reached_blocks_are_refused_and_reading_goes_on_until_there_is_space() {
    let Some(disk) = SmallDisk::new(48) else { return };
    let story = Story::new();
    let store = Store::open(disk.path().join("node"), &disk.options(8)).unwrap();
    store.found(&story.consortium.founding(), b"").unwrap();
    story.append_until(&store, 2);
    disk.fill(6 << 10);
    let error = story.try_append(&store).unwrap_err();
    assert!(matches!(error, StoreError::DiskNearlyFull { .. }), "{error}");
    story.compare(&store, &story.in_memory(2)).unwrap();
    disk.free();
    story.append(&store);
    story.compare(&store, &story.in_memory(3)).unwrap();
}

/// The database wrote messages about the full disk onto the full disk; the second of them failed an assertion and ended the
/// process before the store could say anything.
#[test]
fn a_full_disk_stops_the_store_and_loses_nothing_that_it_acknowledged() {
    let Some(disk) = SmallDisk::new(48) else { return };
    let story = Story::new();
    let path = disk.path().join("node");
    let store = Store::open(&path, &disk.options(0)).unwrap();
    store.found(&story.consortium.founding(), b"").unwrap();
    story.append_until(&store, 2);
    disk.fill(0);
    let mut acknowledged = 2;
    let error = loop {
        match story.try_append(&store) {
            Ok(built) => acknowledged = built.header.height.0,
            Err(error) => break error,
        }
        assert!(acknowledged < 2_000, "the disk never became full");
    };
    assert!(matches!(error, StoreError::DiskFull { .. }), "{error}");
    assert!(matches!(store.tip(), Err(StoreError::Stopped { .. })));
    assert!(matches!(story.try_append(&store), Err(StoreError::Stopped { .. })));
    drop(store);
    disk.free();
    let store = Store::open(&path, &disk.options(0)).unwrap();
    store.check().unwrap();
    let tip = store.tip().unwrap().height.0;
    assert!(tip == acknowledged || tip == acknowledged + 1, "acknowledged {acknowledged}, found {tip}");
    story.compare(&store, &story.in_memory(tip)).unwrap();
    story.append(&store);
}

/// The database moves what was written into tables in the background and at every start, and finds the disk full there too.
#[test]
fn a_disk_that_fills_up_under_the_database_stops_the_store_and_starts_on_it_are_refused_until_there_is_space() {
    for free_kib in [100, 5 << 10, 30 << 10] {
        let Some(disk) = SmallDisk::new(96) else { return };
        let story = Story::new();
        let path = disk.path().join("node");
        let store = Store::open(&path, &disk.options(0)).unwrap();
        store.found(&story.consortium.founding(), b"").unwrap();
        disk.fill(free_kib);
        let mut seed = free_kib;
        // It cannot be compressed: a table needs as much space as the log.
        let proposal: Vec<u8> = std::iter::repeat_with(|| next_random(&mut seed) as u8).take(200_000).collect();
        let mut kept = 0;
        let error = loop {
            match store.put_undecided(Height(1), kept, &BlockId([1; 32]), &proposal) {
                Ok(()) => kept += 1,
                Err(error) => break error,
            }
            assert!(kept < 1_000, "the disk never became full");
        };
        assert!(matches!(error, StoreError::DiskFull { .. }), "{error}");
        drop(store);
        for free_kib in [0, 4, 64, 1_000] {
            disk.fill(free_kib);
            let error = Store::open(&path, &disk.options(0)).unwrap_err();
            assert!(matches!(error, StoreError::DiskFull { .. }), "{error}");
            let error = Store::open(&path, &disk.options(16)).unwrap_err();
            assert!(matches!(error, StoreError::DiskFull { .. } | StoreError::DiskNearlyFull { .. }), "{error}");
        }
        disk.free();
        disk.remount("size=256m");
        let store = Store::open(&path, &disk.options(0)).unwrap();
        store.check().unwrap();
        let found = store.undecided(Height(1)).unwrap().len() as u32;
        assert!(found == kept || found == kept + 1, "kept {kept}, found {found}");
        story.append(&store);
    }
}

/// A disk of its own in memory, of some MiB. Only root can make one.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn new(mib: u32) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = run("mount", &["-t", "tmpfs", "-o", &format!("size={mib}m"), "tmpfs", &folder.path().to_string_lossy()]);
        if let Err(reason) = mounted {
            println!("skipped: a small disk cannot be mounted here ({reason})");
            return None;
        }
        Some(Self(folder))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn options(&self, reserve_mib: u64) -> StoreOptions {
        StoreOptions { reserve_mib, ..StoreOptions::default() }
    }

    fn remount(&self, option: &str) {
        run("mount", &["-o", &format!("remount,{option}"), &self.path().to_string_lossy()]).unwrap();
    }

    /// Fills the disk until only so much is free.
    fn fill(&self, free_kib: u64) {
        use std::io::Write;
        let mut file = std::fs::File::options().create(true).append(true).open(self.path().join("filler")).unwrap();
        while file.write_all(&[0; 4 * 1024]).is_ok() {}
        let bytes = file.metadata().unwrap().len();
        file.set_len(bytes.saturating_sub(free_kib << 10)).unwrap();
    }

    fn free(&self) {
        std::fs::remove_file(self.path().join("filler")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // The folder cannot be removed while it is mounted; whatever still has a file open there keeps it a moment longer.
        let _ = run("umount", &["-l", &self.path().to_string_lossy()]);
    }
}

fn run(program: &str, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new(program).args(arguments).output().map_err(|error| error.to_string())?;
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()) }
}
