//! The benchmarks: a real cluster on one machine, measured as its users would.
//!
//! Four validator processes share the machine's cores with the generator. Transactions are signed before the clock starts, each
//! with a key of its own sender (1,024 practitioners of four organisations, on 2,048 accounts), and submitted to all four nodes
//! evenly. Every validator checks every signature, executes every block, and syncs it before anybody is told. A signature
//! ceiling and a disk probe are measured in the same run, because a shared machine's speed drifts: compare figures of one run
//! only. Progress goes to standard error, figures to standard output.

mod bulk;
mod ceiling;
mod disk;
mod evidence;
mod exchange;
mod ledger;
mod machine;
mod people;
mod report;
mod traffic;
mod watch;

use std::process::ExitCode;
use std::time::Duration;

pub use bulk::{GIVE_BARE, give_bare};

/// How the program is used.
pub const USAGE: &str = "\
usage: bench [--seconds N] [--runs N] [--quick] [GROUP…]
  GROUP        what to measure: ledger, exchange, evidence (all groups without one)
  --seconds N  length of each run under load (10)
  --runs N     how often throughput is measured; medians are printed (3)
  --quick      short runs, for a first look: 3 s each, 8 s idle, payloads of 128 MiB instead of 1 GiB";

/// The groups of measures.
const GROUPS: [&str; 3] = ["ledger", "exchange", "evidence"];

/// What to measure, and how long.
#[derive(Debug, Clone)]
pub struct Options {
    /// Which groups.
    pub groups: Vec<&'static str>,
    /// Length of each run under load.
    pub load: Duration,
    /// Length of the run at 200 transactions a second.
    pub steady: Duration,
    /// Length of the idle measurement.
    pub idle: Duration,
    /// How often throughput is measured.
    pub runs: usize,
}

impl Options {
    /// Reads the arguments; `None` if help is asked for.
    pub fn parse(arguments: impl Iterator<Item = String>) -> Result<Option<Self>, String> {
        let seconds = Duration::from_secs;
        let mut options = Self { groups: Vec::new(), load: seconds(10), steady: seconds(20), idle: seconds(20), runs: 3 };
        let mut arguments = arguments.peekable();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--help" | "-h" => return Ok(None),
                "--quick" => (options.load, options.steady, options.idle) = (seconds(3), seconds(5), seconds(8)),
                "--seconds" => options.load = seconds(number(&argument, arguments.next(), 1..=120)?),
                "--runs" => options.runs = number(&argument, arguments.next(), 1..=20)? as usize,
                group => match GROUPS.iter().find(|known| **known == group) {
                    Some(known) => options.groups.push(known),
                    None => return Err(format!("{group:?} is neither an option nor a group")),
                },
            }
        }
        if options.groups.is_empty() {
            options.groups = GROUPS.to_vec();
        }
        Ok(Some(options))
    }
}

fn number(option: &str, value: Option<String>, bounds: std::ops::RangeInclusive<u64>) -> Result<u64, String> {
    let parsed = value.as_deref().and_then(|text| text.parse().ok()).filter(|number| bounds.contains(number));
    parsed.ok_or_else(|| format!("{option} takes a number from {} to {}", bounds.start(), bounds.end()))
}

/// Measures. Fails if something accepted was lost.
pub async fn run(options: &Options) -> ExitCode {
    let mut sound = true;
    for group in &options.groups {
        sound &= match *group {
            "ledger" => ledger::run(options).await,
            "exchange" => exchange::run(options).await,
            "evidence" => evidence::run(options).await,
            other => unreachable!("{other} is not among the groups"),
        };
    }
    if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Option<Options>, String> {
        Options::parse(arguments.iter().map(|argument| (*argument).to_owned()))
    }

    #[test]
    fn without_a_group_all_are_measured() {
        assert_eq!(parse(&[]).unwrap().unwrap().groups, GROUPS);
        assert_eq!(parse(&["ledger", "--seconds", "4"]).unwrap().unwrap().load, Duration::from_secs(4));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for arguments in [&["records"][..], &["--seconds"], &["--seconds", "0"], &["--runs", "x"], &["--fast"]] {
            assert!(parse(arguments).is_err(), "{arguments:?}");
        }
        assert!(parse(&["--help"]).unwrap().is_none());
    }
}
