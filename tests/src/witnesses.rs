//! Witnesses of a cluster's ledger, as processes.

use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use inro_evidence::checkpoint::{SignedCheckpoint, VerifierKey};
use inro_evidence::policy::Policy;
use inro_genesis::keyfile::{self, Passphrase};
use serde_json::Value;

use crate::cluster::{Cluster, PATIENCE, tail};
use crate::consortium::PASSPHRASE;
use crate::ports::free_port;
use crate::process::{Process, program};

const POLL: Duration = Duration::from_millis(50);

/// A witness: its files, its port, and its process while it runs.
#[derive(Debug)]
pub struct Witness {
    /// What policies call it; also the name of its key.
    pub name: String,
    /// Its public key.
    pub key: VerifierKey,
    /// Where it serves.
    pub url: String,
    /// Its folder: `witness.pem`, `witness.state`, `witness.log`.
    pub home: PathBuf,
    port: u16,
    process: Option<Process>,
}

impl Witness {
    /// A witness with a new key and a folder of its own in the cluster's. It does not run yet.
    pub fn settle(cluster: &Cluster, name: &str) -> Self {
        let home = cluster.folder().join(name);
        std::fs::create_dir(&home).expect("the cluster's folder is writable");
        let secret =
            keyfile::generate(&home.join("witness.pem"), &Passphrase::new(PASSPHRASE)).expect("a new folder is writable");
        let key = VerifierKey::new(name, secret.public()).expect("the name is sound");
        let port = free_port();
        Self { name: name.into(), key, url: format!("http://127.0.0.1:{port}"), home, port, process: None }
    }

    /// Several witnesses of all nodes of a cluster, running.
    pub fn start_all(cluster: &Cluster, names: &[&str]) -> Vec<Self> {
        let mut witnesses: Vec<_> = names.iter().map(|name| Self::settle(cluster, name)).collect();
        witnesses.iter_mut().for_each(|witness| witness.start(&all_nodes(cluster)));
        witnesses
    }

    /// Starts it; it asks these nodes.
    pub fn start(&mut self, nodes: &[String]) {
        assert!(!self.is_running(), "{} runs already", self.name);
        let mut arguments: Vec<String> =
            ["witness", "--genesis", "../genesis.json", "--name", &self.name, "--key", "witness.pem"]
                .into_iter()
                .chain(["--passphrase-file", "../passphrase", "--state", "witness.state", "--every", "250", "--listen"])
                .map(str::to_owned)
                .collect();
        arguments.push(format!("127.0.0.1:{}", self.port));
        arguments.extend(nodes.iter().flat_map(|node| ["--node".to_owned(), node.clone()]));
        self.process = Some(Process::start(&program("inro-node"), &arguments, &self.home, &self.home.join("witness.log")));
    }

    /// Does its process run?
    pub fn is_running(&mut self) -> bool {
        self.process.as_mut().is_some_and(|process| process.ended().is_none())
    }

    /// Ends it as a crash would.
    pub fn kill(&mut self) {
        self.process.take().expect("only a running witness is killed").kill();
    }

    /// Waits until it has ended by itself.
    pub async fn ended(&mut self) -> ExitStatus {
        let process = self.process.as_mut().expect("the witness was started");
        process.wait(PATIENCE).await.unwrap_or_else(|| panic!("{} goes on:\n{}", self.name, tail(&self.log())))
    }

    /// What it remembers, on disk.
    pub fn state(&self) -> PathBuf {
        self.home.join("witness.state")
    }

    /// Where it keeps the evidence of a fork.
    pub fn fork_file(&self) -> PathBuf {
        self.home.join("witness.state.fork")
    }

    /// Everything that it printed.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.home.join("witness.log")).unwrap_or_default()
    }

    /// Its cosigned checkpoint, whose signature holds; `None` while it gives none.
    pub async fn checkpoint(&self) -> Option<SignedCheckpoint> {
        let answer = reqwest::get(format!("{}/checkpoint", self.url)).await.ok()?;
        if !answer.status().is_success() {
            return None;
        }
        let note = SignedCheckpoint::from_bytes(&answer.bytes().await.ok()?).expect("a witness gives a sound checkpoint");
        note.cosigned_by(&self.key).expect("a witness's signature holds");
        Some(note)
    }

    /// What it says of itself.
    pub async fn health(&self) -> Option<Value> {
        reqwest::get(format!("{}/health", self.url)).await.ok()?.json().await.ok()
    }

    /// Waits until it has cosigned a tree of this size, and returns the tree.
    pub async fn wait_size(&mut self, size: u64) -> SignedCheckpoint {
        let start = Instant::now();
        loop {
            if let Some(note) = self.checkpoint().await.filter(|note| note.checkpoint.size >= size) {
                return note;
            }
            self.still_in_time(start, &format!("has not cosigned {size} blocks"));
            tokio::time::sleep(POLL).await;
        }
    }

    /// Waits until what it says of itself is so.
    pub async fn wait_health(&mut self, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let start = Instant::now();
        loop {
            if let Some(health) = self.health().await.filter(|health| is_so(health)) {
                return health;
            }
            self.still_in_time(start, what);
            tokio::time::sleep(POLL).await;
        }
    }

    fn still_in_time(&mut self, start: Instant, what: &str) {
        assert!(self.is_running(), "{} ended: {}", self.name, tail(&self.log()));
        assert!(start.elapsed() < PATIENCE, "{} {what}:\n{}", self.name, tail(&self.log()));
    }
}

/// The addresses of all nodes of a cluster.
pub fn all_nodes(cluster: &Cluster) -> Vec<String> {
    cluster.nodes.iter().map(|node| node.client.url().to_owned()).collect()
}

/// A policy's text: `needed` of these witnesses.
pub fn policy_text(witnesses: &[Witness], needed: usize) -> String {
    let lines = witnesses.iter().map(|one| format!("witness {} {} {}\n", one.name, one.key, one.url));
    let names: Vec<_> = witnesses.iter().map(|one| one.name.as_str()).collect();
    format!("{}group enough {needed} {}\nquorum enough\n", lines.collect::<String>(), names.join(" "))
}

/// The same, as clients use it.
pub fn policy(witnesses: &[Witness], needed: usize) -> Policy {
    Policy::from_bytes(policy_text(witnesses, needed).as_bytes()).expect("the policy is sound")
}
