//! Where somebody sits and types commands: a folder, a passphrase, and the program.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

pub const PASSPHRASE: &str = "a long passphrase";

/// A folder of its own in which commands run.
pub struct Desk {
    folder: tempfile::TempDir,
    node: Option<String>,
}

/// What a command answered.
#[derive(Debug)]
pub struct Answer {
    pub status: i32,
    pub out: String,
    pub err: String,
}

impl Desk {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), node: None }
    }

    pub fn with_node(folder: tempfile::TempDir, node: &str) -> Self {
        Self { folder, node: Some(node.into()) }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Runs `inro` with arguments split at spaces.
    pub fn run(&self, line: &str) -> Answer {
        self.run_with(line, |_| ())
    }

    /// The same, with something else in its environment.
    pub fn run_with(&self, line: &str, environment: impl FnOnce(&mut Command)) -> Answer {
        let mut command = Command::new(env!("CARGO_BIN_EXE_inro"));
        command.args(line.split_whitespace()).current_dir(self.folder.path()).env("INRO_PASSPHRASE", PASSPHRASE);
        command.env("INRO_STATE", self.folder.path().join("state"));
        for name in ["LANG", "LC_ALL", "LC_MESSAGES", "INRO_KEY", "INRO_CHAIN", "INRO_NODE", "INRO_GENESIS"] {
            command.env_remove(name);
        }
        if let Some(node) = &self.node {
            command.env("INRO_NODE", node);
        }
        environment(&mut command);
        let output = command.stdin(std::process::Stdio::null()).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Answer { status: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Runs a command that has to succeed.
    pub fn ok(&self, line: &str) -> String {
        let answer = self.run(line);
        assert_eq!(answer.status, 0, "inro {line}: {answer:?}");
        answer.out
    }

    /// Runs a command with `--json` that has to succeed.
    pub fn json(&self, line: &str) -> Value {
        serde_json::from_str(&self.ok(&format!("{line} --json"))).unwrap()
    }

    /// Runs a command that has to fail with this status; gives its sentence.
    pub fn fails(&self, status: i32, line: &str) -> String {
        let answer = self.run(line);
        assert_eq!(answer.status, status, "inro {line}: {answer:?}");
        answer.err
    }
}

/// The error in what a command said with `--json`: it stands in the last line, after what was remarked.
pub fn error(err: &str) -> Value {
    serde_json::from_str::<Value>(err.trim_end().lines().last().unwrap()).unwrap()["error"].clone()
}
