//! A cluster of real nodes on loopback: a real ceremony, key files, configurations, processes, ports and data folders of their
//! own. Whatever is still running is killed when the cluster is dropped; after a failed test its folder stays, and is named.

use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use inro_client::NodeClient;
use inro_client::model::{At, BlockAnswer, Committed, Status};
use inro_contracts::entry::Outcome;
use inro_contracts::genesis::Founding;
use inro_contracts::id::Label;
use inro_contracts::organisation::{OrganisationKind, PeerKind};
use inro_contracts::parameters::Parameters;
use inro_contracts::proposal::Change;
use inro_contracts::time::Height;
use inro_contracts::transaction::SignedTransaction;
use inro_genesis::ceremony;
use inro_genesis::files::{self, Audience};
use inro_genesis::keyfile::{self, Passphrase};
use tempfile::TempDir;

use crate::consortium::{Consortium, Member, PASSPHRASE, label_of, now, patient};
use crate::metrics::Figures;
use crate::ports::free_port;
use crate::process::{Process, program};

/// How long anything that has to happen may take before a test fails.
pub const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(50);
const HONEST_PROGRAM: &str = "inro-node";
const HONEST_ARGUMENTS: [&str; 3] = ["run", "--config", "node.toml"];
const NAMES: [(&str, OrganisationKind); 4] = [
    ("A Clinic", OrganisationKind::Clinic),
    ("Kamakura Clinic", OrganisationKind::Clinic),
    ("E Medical Centre", OrganisationKind::Hospital),
    ("Hase Pharmacy", OrganisationKind::Pharmacy),
];

/// What a cluster looks like.
#[derive(Debug, Clone)]
pub struct Shape {
    /// Organisations with one validator each.
    pub validators: usize,
    /// Organisations with one observer each.
    pub observers: usize,
    /// The ledger's parameters.
    pub parameters: Parameters,
}

impl Default for Shape {
    /// Four validators, no observer; a block at least every two seconds.
    fn default() -> Self {
        Self { validators: 4, observers: 0, parameters: Parameters { heartbeat_ms: 2_000, ..Parameters::default() } }
    }
}

/// A node of a cluster: its files, its ports, and its process while it runs.
#[derive(Debug)]
pub struct Node {
    /// Its folder: `node.toml`, `node.log`, `keys/`, `data/`.
    pub home: PathBuf,
    /// Where its API listens.
    pub api_port: u16,
    /// Where its engine listens.
    pub consensus_port: u16,
    /// Where it exchanges transactions.
    pub exchange_port: u16,
    /// A client of its API.
    pub client: NodeClient,
    program: PathBuf,
    arguments: Vec<String>,
    process: Option<Process>,
    /// When it was last killed, or told to stop.
    stopped: Vec<Instant>,
}

impl Node {
    /// Its configuration file.
    pub fn config_path(&self) -> PathBuf {
        self.home.join("node.toml")
    }

    /// Its data folder.
    pub fn data(&self) -> PathBuf {
        self.home.join("data")
    }

    /// Everything that it printed.
    pub fn log(&self) -> String {
        std::fs::read(self.home.join("node.log")).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// Does its process run?
    pub fn is_running(&mut self) -> bool {
        self.process.as_mut().is_some_and(|process| process.ended().is_none())
    }

    /// Its process's id.
    pub fn process_id(&self) -> Option<u32> {
        self.process.as_ref().map(Process::id)
    }

    /// When it was stopped, each time.
    pub fn stops(&self) -> &[Instant] {
        &self.stopped
    }
}

/// The nodes and their people.
#[derive(Debug)]
pub struct Cluster {
    /// Who founded the ledger, with their secrets. Member `n` runs node `n`.
    pub consortium: Consortium,
    /// The nodes: validators first, then observers, then whoever joined later.
    pub nodes: Vec<Node>,
    /// What the ledger started from.
    pub founding: Founding,
    folder: Option<TempDir>,
    path: PathBuf,
}

impl Cluster {
    /// Holds the ceremony in a new folder and writes every node's files. Nothing runs yet.
    pub fn found(shape: &Shape) -> Self {
        let folder = tempfile::Builder::new().prefix("inro-cluster-").tempdir().expect("a temporary folder can be made");
        let path = folder.path().to_owned();
        files::create(&path.join("passphrase"), PASSPHRASE.as_bytes(), Audience::Owner).expect("a new folder is writable");
        let (mut members, mut nodes, mut parts) = (Vec::new(), Vec::new(), Vec::new());
        for number in 0..shape.validators + shape.observers {
            let is_validator = number < shape.validators;
            let (name, kind) = name_of(number, is_validator);
            let (member, declaration, node) = settle(&path, number, &name, kind, is_validator.then_some(10));
            write_config(&node, is_validator);
            let file = path.join(format!("declaration-{number}.json"));
            ceremony::write_declaration(&file, &declaration).expect("a new folder is writable");
            parts.push((file.clone(), ceremony::read_declaration(&file).expect("what was written can be read")));
            members.push(member);
            nodes.push(node);
        }
        let validators_min = shape.parameters.validators_min.min(u16::try_from(shape.validators).unwrap_or(u16::MAX));
        let parameters = Parameters { validators_min, ..shape.parameters.clone() };
        let document = ceremony::join(parts, parameters, now()).expect("the declarations make a ledger");
        ceremony::write_genesis(&path.join("genesis.json"), &document).expect("a new folder is writable");
        let founding = ceremony::verify(&document).expect("the joined document verifies");
        let consortium = Consortium { chain: document.chain(), document, members };
        Self { consortium, nodes, founding, folder: Some(folder), path }
    }

    /// A founded cluster, all nodes running and ready.
    pub async fn start(shape: Shape) -> Self {
        let mut cluster = Self::found(&shape);
        cluster.start_all().await;
        cluster
    }

    /// Four validators, running and ready.
    pub async fn of_four() -> Self {
        Self::start(Shape::default()).await
    }

    /// The cluster's folder: `genesis.json`, `passphrase`, and a folder per node.
    pub fn folder(&self) -> &Path {
        &self.path
    }

    /// A client of a node.
    pub fn client(&self, node: usize) -> &NodeClient {
        &self.nodes[node].client
    }

    /// Clients of all nodes.
    pub fn clients(&self) -> Vec<NodeClient> {
        self.nodes.iter().map(|node| node.client.clone()).collect()
    }

    /// Nodes that run now.
    pub fn running(&mut self) -> Vec<usize> {
        (0..self.nodes.len()).filter(|index| self.nodes[*index].is_running()).collect()
    }

    // Processes.

    /// Starts every node that does not run, and waits until each answers.
    pub async fn start_all(&mut self) {
        for index in 0..self.nodes.len() {
            if !self.nodes[index].is_running() {
                self.launch(index);
            }
        }
        for index in 0..self.nodes.len() {
            self.wait_ready(index).await;
        }
    }

    /// Starts a node's process; does not wait for it.
    pub fn launch(&mut self, node: usize) {
        let node = &mut self.nodes[node];
        assert!(!node.is_running(), "the node in {} runs already", node.home.display());
        node.process = Some(Process::start(&node.program, &node.arguments, &node.home, &node.home.join("node.log")));
    }

    /// Starts a node's process and waits until it answers.
    pub async fn restart(&mut self, node: usize) {
        self.launch(node);
        self.wait_ready(node).await;
    }

    /// Ends a node as a crash would (`kill -9`).
    pub fn kill(&mut self, node: usize) {
        let node = &mut self.nodes[node];
        node.process.take().expect("only a running node is killed").kill();
        node.stopped.push(Instant::now());
    }

    /// Tells a node to stop and waits until it has (SIGTERM).
    pub async fn terminate(&mut self, node: usize) -> ExitStatus {
        let node = &mut self.nodes[node];
        node.stopped.push(Instant::now());
        node.process.take().expect("only a running node is stopped").terminate(Duration::from_secs(30)).await
    }

    /// Halts a node where it stands (SIGSTOP).
    pub fn pause(&self, node: usize) {
        self.nodes[node].process.as_ref().expect("only a running node is paused").pause();
    }

    /// Lets a paused node go on (SIGCONT).
    pub fn resume(&self, node: usize) {
        self.nodes[node].process.as_ref().expect("only a running node is resumed").resume();
    }

    /// Waits until a node has ended by itself; `None` if it has not in time.
    pub async fn wait_ended(&mut self, node: usize, within: Duration) -> Option<ExitStatus> {
        let status = self.nodes[node].process.as_mut().expect("the node was started").wait(within).await;
        if status.is_some() {
            self.nodes[node].process = None;
        }
        status
    }

    /// From its next start on, the node is this program with further arguments after `--config FILE`.
    pub fn replace_program(&mut self, node: usize, name: &str, further: &[&str]) {
        let node = &mut self.nodes[node];
        node.program = program(name);
        node.arguments = vec!["--config".into(), "node.toml".into()];
        node.arguments.extend(further.iter().map(|argument| (*argument).to_owned()));
    }

    /// From its next start on, the node is the honest one again.
    pub fn restore_program(&mut self, node: usize) {
        let node = &mut self.nodes[node];
        node.program = program(HONEST_PROGRAM);
        node.arguments = HONEST_ARGUMENTS.map(str::to_owned).to_vec();
    }

    /// Changes a node's configuration, from its next start on.
    pub fn configure(&mut self, node: usize, change: impl FnOnce(&mut toml::Table)) {
        let path = self.nodes[node].config_path();
        let text = std::fs::read_to_string(&path).expect("the node has a configuration");
        let mut table: toml::Table = text.parse().expect("the configuration is TOML");
        change(&mut table);
        std::fs::write(&path, table.to_string()).expect("the configuration is writable");
    }

    // Waiting.

    /// Waits until a node answers.
    pub async fn wait_ready(&mut self, index: usize) {
        let start = Instant::now();
        loop {
            if self.client(index).status().await.is_ok() {
                return;
            }
            let node = &mut self.nodes[index];
            assert!(node.is_running(), "node {index} ended instead of starting:\n{}", tail(&node.log()));
            assert!(start.elapsed() < PATIENCE, "node {index} does not answer:\n{}", tail(&node.log()));
            tokio::time::sleep(POLL).await;
        }
    }

    /// How a node stands.
    pub async fn status(&self, node: usize) -> Status {
        match self.client(node).status().await {
            Ok(status) => status,
            Err(error) => panic!("node {node}: {error}\n{}", tail(&self.nodes[node].log())),
        }
    }

    /// A node's last height.
    pub async fn height(&self, node: usize) -> u64 {
        self.status(node).await.height.0
    }

    /// Waits until a node has committed a height.
    pub async fn wait_height(&self, node: usize, height: u64, within: Duration) {
        let start = Instant::now();
        let mut last = None;
        while start.elapsed() < within {
            if let Ok(status) = self.client(node).status().await {
                if status.height.0 >= height {
                    return;
                }
                last = Some(status.height.0);
            }
            tokio::time::sleep(POLL).await;
        }
        panic!("node {node} has not reached height {height} within {within:?} (at {last:?})\n{}", tail(&self.nodes[node].log()));
    }

    /// Waits until these nodes have all committed the height that the highest of them has now; returns it.
    pub async fn wait_level(&self, nodes: &[usize]) -> u64 {
        let mut highest = 0;
        for node in nodes {
            highest = highest.max(self.height(*node).await);
        }
        for node in nodes {
            self.wait_height(*node, highest, PATIENCE).await;
        }
        highest
    }

    /// Waits until a node is connected with so many others, or more.
    pub async fn wait_peers(&self, node: usize, count: u64) {
        let is_connected = async || (self.status(node).await.peers_connected >= count).then_some(());
        eventually(&format!("node {node} is connected with {count} others"), is_connected).await;
    }

    /// Waits until nobody is connected with a node any more.
    pub async fn wait_cut_off(&self, node: usize) {
        let is_alone = async || (self.status(node).await.peers_connected == 0).then_some(());
        eventually(&format!("nobody is connected with node {node}"), is_alone).await;
    }

    /// Waits until nothing waits for a block at a node.
    pub async fn wait_idle(&self, node: usize) {
        let start = Instant::now();
        loop {
            let waiting = self.status(node).await.mempool.transactions;
            if waiting == 0 {
                return;
            }
            assert!(start.elapsed() < PATIENCE, "{waiting} transactions wait at node {node} for ever");
            tokio::time::sleep(POLL).await;
        }
    }

    /// Waits until a node's validator signs certificates again: one of the next blocks carries its signature.
    pub async fn wait_voting(&self, node: usize, within: Duration) {
        let key = self.consortium.members[node].validator.as_ref().expect("the node has a validator").public();
        let start = Instant::now();
        let reader = (0..self.nodes.len()).find(|other| *other != node).expect("there is another node");
        let mut seen = self.height(reader).await;
        while start.elapsed() < within {
            let height = self.height(reader).await;
            for at in seen + 1..=height {
                let certificate = self.client(reader).certificate(At::Height(Height(at))).await;
                if certificate.is_ok_and(|found| found.signatures.iter().any(|part| part.validator == key)) {
                    return;
                }
            }
            seen = height;
            tokio::time::sleep(POLL).await;
        }
        panic!("node {node} does not vote again within {within:?}\n{}", tail(&self.nodes[node].log()));
    }

    // Acting.

    /// Commits a transaction through a node. Its outcome is in the answer.
    pub async fn commit(&self, node: usize, transaction: &SignedTransaction) -> Committed {
        match self.client(node).commit(transaction, PATIENCE).await {
            Ok(committed) => committed,
            Err(error) => panic!("a transaction through node {node}: {error}\n{}", tail(&self.nodes[node].log())),
        }
    }

    /// Commits a transaction that has to take effect.
    pub async fn apply(&self, node: usize, transaction: &SignedTransaction) -> Committed {
        let committed = self.commit(node, transaction).await;
        assert_eq!(committed.outcome, Outcome::Applied, "the transaction takes effect");
        committed
    }

    /// A member opens accounts for new patients; returns their labels.
    pub async fn open_accounts(&self, node: usize, member: usize, count: usize) -> Vec<Label> {
        let patients: Vec<_> = (0..count).map(|_| patient()).collect();
        let openings: Vec<_> = patients.iter().map(|patient| self.consortium.open_account(member, patient)).collect();
        let commits = openings.iter().map(|opening| self.apply(node, opening));
        for commit in commits.collect::<Vec<_>>() {
            commit.await;
        }
        patients.iter().map(label_of).collect()
    }

    /// Member `proposer` proposes a change and as many others vote for it as are needed, each through the node given. Returns
    /// the height that accepted it.
    pub async fn decide(&self, node: usize, change: Change, proposer: usize, voters: &[usize]) -> Height {
        let (proposing, proposal) = self.consortium.propose(proposer, change);
        let mut last = self.apply(node, &proposing).await;
        for voter in voters {
            last = self.apply(node, &self.consortium.approve(*voter, proposal)).await;
        }
        let found = self.client(node).proposal(&proposal).await.expect("the proposal is on the ledger");
        let accepted = inro_contracts::proposal::ProposalStatus::Accepted;
        assert_eq!(found.status, accepted, "the votes of {proposer} and {voters:?} are enough");
        last.height
    }

    // Reading.

    /// A node's figures.
    pub async fn figures(&self, node: usize) -> Figures {
        let url = format!("http://127.0.0.1:{}/metrics", self.nodes[node].api_port);
        let answer = reqwest::get(&url).await.unwrap_or_else(|error| panic!("{url}: {error}"));
        Figures::parse(&answer.text().await.unwrap_or_else(|error| panic!("{url}: {error}")))
    }

    /// All blocks of a node from height `from` to its tip.
    pub async fn blocks(&self, node: usize, from: u64) -> Vec<BlockAnswer> {
        let tip = self.height(node).await;
        let mut blocks = Vec::new();
        for height in from..=tip {
            match self.client(node).block(At::Height(Height(height))).await {
                Ok(block) => blocks.push(block),
                Err(error) => panic!("block {height} of node {node}: {error}"),
            }
        }
        blocks
    }

    // Joining later.

    /// A further organisation makes its keys and its node's files; it is not a member yet, and its node has no validator key in
    /// its configuration. Returns its number.
    pub fn add_newcomer(&mut self, name: &str, kind: OrganisationKind) -> usize {
        let number = self.nodes.len();
        let (member, _, node) = settle(&self.path, number, name, kind, Some(10));
        write_config(&node, false);
        self.consortium.members.push(member);
        self.nodes.push(node);
        number
    }

    /// The first members admit a newcomer, which registers its machine through another node than the one that admitted it. Its node
    /// does not run yet. Returns its number.
    pub async fn admit(&mut self, name: &str, kind: OrganisationKind, machine: PeerKind) -> usize {
        let number = self.add_newcomer(name, kind);
        let newcomer = &self.consortium.members[number];
        let admitted = self.decide(0, self.consortium.admission(newcomer), 0, &[1, 2]).await;
        let Node { consensus_port, exchange_port, .. } = self.nodes[number];
        let registration = self.consortium.register_peer(newcomer, machine, consensus_port, exchange_port);
        // A node that is a block behind does not know the newcomer yet.
        self.wait_height(1, admitted.0, PATIENCE).await;
        self.apply(1, &registration).await;
        number
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for node in &mut self.nodes {
            node.process = None;
        }
        if std::thread::panicking()
            && let Some(folder) = self.folder.take()
        {
            println!("the cluster's folder is kept: {}", folder.keep().display());
        }
    }
}

/// Asks until there is an answer, for as long as patience lasts.
pub async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(start.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(POLL).await;
    }
}

/// The last lines of a log.
pub fn tail(log: &str) -> String {
    let lines: Vec<_> = log.lines().collect();
    lines[lines.len().saturating_sub(25)..].join("\n")
}

/// Encrypts a key again under another passphrase, for tests of the wrong one.
pub fn encrypt_anew(path: &Path, other: &str) {
    let secret = keyfile::open(path, &Passphrase::new(PASSPHRASE)).expect("the tests' passphrase opens it");
    std::fs::remove_file(path).expect("the key file can be removed");
    keyfile::create(path, &secret, &Passphrase::new(other)).expect("a key file can be written");
}

fn name_of(number: usize, is_validator: bool) -> (String, OrganisationKind) {
    if !is_validator {
        return (format!("PHR operator {number}"), OrganisationKind::PhrOperator);
    }
    let (name, kind) = NAMES[number % NAMES.len()];
    if number < NAMES.len() { (name.into(), kind) } else { (format!("{name} {number}"), kind) }
}

/// An organisation's home, keys, declaration and node.
fn settle(
    folder: &Path,
    number: usize,
    name: &str,
    kind: OrganisationKind,
    power: Option<u32>,
) -> (Member, inro_contracts::genesis::SignedDeclaration, Node) {
    let home = folder.join(format!("node-{number}"));
    std::fs::create_dir(&home).expect("a new folder is writable");
    let (consensus_port, exchange_port, api_port) = (free_port(), free_port(), free_port());
    let (member, declaration) = Member::at_home(&home, name, kind, power, consensus_port, exchange_port);
    let node = Node {
        home,
        api_port,
        consensus_port,
        exchange_port,
        client: NodeClient::new(&format!("http://127.0.0.1:{api_port}")).expect("a loopback address is a node's address"),
        program: program(HONEST_PROGRAM),
        arguments: HONEST_ARGUMENTS.map(str::to_owned).to_vec(),
        process: None,
        stopped: Vec::new(),
    };
    (member, declaration, node)
}

fn write_config(node: &Node, is_validator: bool) {
    let validator = if is_validator { "validator = \"keys/validator.pem\"\n" } else { "" };
    let (consensus, exchange, api) = (node.consensus_port, node.exchange_port, node.api_port);
    // A test is one client with many requests; a production node would limit them.
    let text = format!(
        r#"data = "data"
genesis = "../genesis.json"

[keys]
{validator}peer = "keys/peer.pem"
passphrase = {{ file = "../passphrase" }}

[consensus]
listen = "127.0.0.1:{consensus}"

[exchange]
listen = "127.0.0.1:{exchange}"

[api]
listen = "127.0.0.1:{api}"

[api.limits]
requests_per_second = 1000000

[log]
level = "info"
"#
    );
    std::fs::write(node.config_path(), text).expect("a new folder is writable");
}
