//! The machine, and what processes take from it, as Linux tells in `/proc`.

use std::fs;

use serde::Serialize;

/// The unit in which Linux tells programs of processor time, on every architecture.
const TICKS_PER_SECOND: f64 = 100.0;

/// What a figure was measured on.
#[derive(Debug, Clone, Serialize)]
pub struct Machine {
    /// The processor's name.
    pub cpu: String,
    /// Logical processors.
    pub cores: usize,
    /// The memory, in MiB.
    pub memory_mib: u64,
    /// Does the processor have instructions for SHA-256?
    pub sha_ni: bool,
}

impl Machine {
    /// This one.
    pub fn this() -> Self {
        let processors = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let field = |name: &str| {
            let line = processors.lines().find(|line| line.starts_with(name))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        };
        let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        Self {
            cpu: field("model name").unwrap_or_else(|| "unknown".into()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_mib: kib_of(&memory, "MemTotal:").unwrap_or(0) / 1024,
            sha_ni: field("flags").is_some_and(|flags| flags.split(' ').any(|flag| flag == "sha_ni")),
        }
    }
}

/// The processor time that a process has used until now, its own and the system's for it, in milliseconds.
pub fn cpu_ms(process: u32) -> f64 {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The program's name stands in brackets and may hold anything; the fields after it count from the third.
    let fields: Vec<&str> = text.rsplit_once(')').map_or(Vec::new(), |(_, rest)| rest.split_whitespace().collect());
    let ticks = |number: usize| fields.get(number - 3).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(14) + ticks(15)) * 1000.0 / TICKS_PER_SECOND
}

/// The memory that a process has in use, in MiB.
pub fn resident_mib(process: u32) -> f64 {
    let text = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    kib_of(&text, "VmRSS:").unwrap_or(0) as f64 / 1024.0
}

/// The most memory that a process has had in use since its start, or since [`forget_peak`], in MiB.
pub fn peak_mib(process: u32) -> f64 {
    let text = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    kib_of(&text, "VmHWM:").unwrap_or(0) as f64 / 1024.0
}

/// From now on a process's peak counts anew. Where the kernel does not offer this, the peak since its start counts, which is more.
pub fn forget_peak(process: u32) {
    let _ = fs::write(format!("/proc/{process}/clear_refs"), "5");
}

/// The disk space that a folder's files take, in bytes.
pub fn disk_bytes(folder: &std::path::Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let size = |entry: fs::DirEntry| match entry.metadata() {
        Ok(found) if found.is_dir() => disk_bytes(&entry.path()),
        Ok(found) => found.blocks() * 512,
        Err(_) => 0,
    };
    entries.flatten().map(size).sum()
}

fn kib_of(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_works_uses_processor_time_and_memory() {
        let own = std::process::id();
        let before = cpu_ms(own);
        let start = std::time::Instant::now();
        while start.elapsed() < std::time::Duration::from_millis(100) {
            std::hint::spin_loop();
        }
        assert!(cpu_ms(own) > before);
        assert!(resident_mib(own) > 1.0);
    }
}
