//! The house keeps its arrows (ARCHITECTURE.md): who may use whom, and what the pure crate may use.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Which crates of ours each crate may use in its programs.
const ARROWS: [(&str, &[&str]); 12] = [
    ("inro-contracts", &[]),
    ("inro-audit", &["inro-contracts"]),
    ("inro-evidence", &["inro-contracts"]),
    ("inro-payload", &["inro-contracts"]),
    ("inro-network", &["inro-contracts"]),
    ("inro-genesis", &["inro-contracts"]),
    ("inro-engine", &["inro-contracts"]),
    ("inro-intake", &["inro-contracts"]),
    ("inro-vault", &["inro-contracts", "inro-payload", "inro-genesis"]),
    (
        "inro-node",
        &[
            "inro-contracts",
            "inro-audit",
            "inro-evidence",
            "inro-payload",
            "inro-network",
            "inro-genesis",
            "inro-engine",
            "inro-intake",
            "inro-vault",
        ],
    ),
    ("inro-client", &["inro-contracts", "inro-audit", "inro-evidence", "inro-payload", "inro-genesis"]),
    (
        "inro-tests",
        &[
            "inro-contracts",
            "inro-audit",
            "inro-evidence",
            "inro-payload",
            "inro-network",
            "inro-genesis",
            "inro-engine",
            "inro-intake",
            "inro-vault",
            "inro-node",
            "inro-client",
        ],
    ),
];

/// What the pure crates may use: encodings, hashes, trees, signatures. No clock, no input or output, no threads, no randomness of
/// its own.
const PURE: [&str; 15] = [
    "anyhow",
    "base64",
    "blake3",
    "borsh",
    "ed25519-dalek",
    "ed25519-zebra",
    "hex",
    "jmt",
    "rand_core",
    "rs_merkle",
    "serde",
    "sha2",
    "thiserror",
    "tlog_tiles",
    "zeroize",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests lie in the workspace").to_owned()
}

/// By crate: the names of what its programs use.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".into()))
        .args(["metadata", "--offline", "--no-deps", "--format-version", "1"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo answers in JSON");
    let packages = metadata["packages"].as_array().expect("there are packages");
    let name = |value: &Value| value["name"].as_str().expect("everything has a name").to_owned();
    packages
        .iter()
        .map(|package| {
            let all = package["dependencies"].as_array().expect("a package lists its dependencies");
            (name(package), all.iter().filter(|found| found["kind"].is_null()).map(name).collect())
        })
        .collect()
}

#[test]
fn the_arrows_between_crates_hold() {
    let found = dependencies();
    let known: BTreeSet<_> = ARROWS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(found.keys().cloned().collect::<BTreeSet<_>>(), known, "every crate has its arrows");
    for (name, allowed) in ARROWS {
        for used in found[name].iter().filter(|used| used.starts_with("inro-")) {
            assert!(allowed.contains(&used.as_str()), "{name} uses {used}");
        }
    }
}

#[test]
fn the_pure_crates_use_only_what_is_pure() {
    let found = dependencies();
    for name in ["inro-contracts", "inro-evidence"] {
        for used in found[name].iter().filter(|used| *used != "inro-contracts") {
            assert!(PURE.contains(&used.as_str()), "{name} uses {used}, which is not on the list of what is pure");
        }
    }
}

#[test]
fn nothing_is_left_for_later_in_silence() {
    let output = Command::new("git").args(["ls-files", "-z", "*.rs"]).current_dir(root()).output();
    let listed = output.ok().filter(|output| output.status.success()).map(|output| output.stdout).unwrap_or_default();
    let files: Vec<_> = String::from_utf8(listed).expect("names are text").split('\0').map(str::to_owned).collect();
    // The words are put together here, so that this file does not contain them.
    let words = [["TO", "DO"].concat(), ["FIX", "ME"].concat()];
    for file in files.iter().filter(|file| !file.is_empty()) {
        let Ok(text) = std::fs::read_to_string(root().join(file)) else { continue };
        for (number, line) in text.lines().enumerate() {
            let left = words.iter().find(|word| line.contains(word.as_str()));
            assert!(left.is_none(), "{file}:{}: {line}", number + 1);
        }
    }
}
