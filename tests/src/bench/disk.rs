//! How long a synced write takes where the nodes write, quiet and under load.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const BLOCK_BYTES: usize = 4096;
/// The probe overwrites blocks of a file of this size, so that only data is synced, as in a preallocated log.
const BLOCKS: u64 = 256;

/// Writes and syncs 4 KiB again and again.
#[derive(Debug)]
pub struct Probe {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Vec<f64>>,
}

impl Probe {
    /// Starts probing in this folder, one write each `pause`.
    pub fn start(folder: &Path, pause: Duration) -> Self {
        let file = new_file(folder);
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut times = Vec::new();
            while !stopped.load(Ordering::Relaxed) {
                times.push(one(&file, times.len() as u64 % BLOCKS));
                std::thread::sleep(pause);
            }
            times
        });
        Self { stop, thread }
    }

    /// Stops; returns the times in milliseconds.
    pub fn finish(self) -> Vec<f64> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("the probe does not panic")
    }
}

/// Times of this many synced writes with nothing else going on, in milliseconds.
pub fn quiet(folder: &Path, count: u64) -> Vec<f64> {
    let file = new_file(folder);
    (0..count).map(|number| one(&file, number % BLOCKS)).collect()
}

fn new_file(folder: &Path) -> File {
    let path = folder.join("disk-probe");
    let file = File::create(&path).unwrap_or_else(|error| panic!("{} cannot be made: {error}", path.display()));
    file.write_all_at(&vec![1; BLOCK_BYTES * BLOCKS as usize], 0).expect("the probe's file can be written");
    file.sync_all().expect("the probe's file can be synced");
    file
}

fn one(file: &File, number: u64) -> f64 {
    let start = Instant::now();
    file.write_all_at(&[7; BLOCK_BYTES], number * BLOCK_BYTES as u64).expect("the probe's file can be written");
    file.sync_data().expect("the probe's file can be synced");
    start.elapsed().as_secs_f64() * 1000.0
}
