//! Load: practitioners who register records, as fast as they are told to or as fast as they can, and a list of what they were
//! promised.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use inro_client::model::At;
use inro_client::{ClientError, NodeClient};
use inro_contracts::id::{Label, TransactionId};
use inro_contracts::time::Height;
use rand::Rng;
use rand::rngs::OsRng;
use tokio::task::JoinHandle;

use crate::cluster::{Cluster, Node, eventually};
use crate::consortium::{Consortium, id_of};

const TICK: Duration = Duration::from_millis(50);
/// So soon a node has told the others what it accepted.
const TELLING_MAX: Duration = Duration::from_secs(2);
/// So soon it is in a block, also when a round is lost.
const WAITING_MAX: Duration = Duration::from_secs(5);

/// How much is submitted.
#[derive(Debug, Clone, Copy)]
pub enum Pace {
    /// So many transactions a second, over all nodes together.
    PerSecond(u32),
    /// Batches of this size, one after the other, from so many clients per node; nobody waits when refused.
    Flood {
        /// Transactions in a batch.
        batch: usize,
        /// Clients per node.
        clients: usize,
    },
}

/// A transaction that a node accepted.
#[derive(Debug, Clone, Copy)]
pub struct Accepted {
    /// Which.
    pub id: TransactionId,
    /// By which node.
    pub node: usize,
    /// When the answer arrived.
    pub at: Instant,
}

/// What the submitters were told.
#[derive(Debug, Clone, Default)]
pub struct Told {
    /// Accepted by a node.
    pub accepted: Vec<Accepted>,
    /// Found in a block that a node served.
    pub committed: BTreeMap<TransactionId, Height>,
    /// Refused, by HTTP status.
    pub refused: BTreeMap<u16, u64>,
    /// Sent without getting an answer.
    pub unanswered: u64,
}

impl Told {
    /// Accepted by a node that kept running long enough to tell the others, one of which kept running long enough for a block: what
    /// waits for one is in memory only. These must be committed, and so must everything that a node served as committed.
    pub fn acknowledged(&self, cluster: &Cluster) -> Vec<TransactionId> {
        let runs_on =
            |node: &Node, from: Instant, long: Duration| !node.stops().iter().any(|stop| (from..from + long).contains(stop));
        let is_promised = |accepted: &&Accepted| {
            let is_told = runs_on(&cluster.nodes[accepted.node], accepted.at, TELLING_MAX);
            is_told && cluster.nodes.iter().any(|node| runs_on(node, accepted.at, WAITING_MAX))
        };
        let mut ids: Vec<_> = self.accepted.iter().filter(is_promised).map(|accepted| accepted.id).collect();
        ids.extend(self.committed.keys());
        ids.sort();
        ids.dedup();
        ids
    }

    /// Refused because the node was too busy.
    pub fn too_busy(&self) -> u64 {
        [429, 503].iter().filter_map(|status| self.refused.get(status)).sum()
    }
}

/// Running load. Dropping it stops it.
#[derive(Debug)]
pub struct Load {
    stop: Arc<AtomicBool>,
    told: Arc<Mutex<Told>>,
    submitters: Vec<JoinHandle<()>>,
    readers: Vec<JoinHandle<()>>,
}

/// Who submits, to whom.
#[derive(Clone)]
struct Submitter {
    consortium: Arc<Consortium>,
    accounts: Arc<Vec<(usize, Label)>>,
    node: usize,
    client: NodeClient,
    stop: Arc<AtomicBool>,
    told: Arc<Mutex<Told>>,
}

impl Load {
    /// Starts load on these nodes: members register records in accounts that are opened first, through the first of the nodes.
    pub async fn start(cluster: &Cluster, nodes: &[usize], pace: Pace) -> Self {
        let mut accounts = Vec::new();
        let validators = cluster.consortium.members.iter().take(4).filter(|member| member.validator.is_some()).count();
        for member in 0..validators {
            accounts.extend(cluster.open_accounts(nodes[0], member, 4).await.into_iter().map(|label| (member, label)));
        }
        Self::with_accounts(cluster, nodes, pace, accounts)
    }

    /// Starts load on these nodes: each member registers records in its accounts.
    pub fn with_accounts(cluster: &Cluster, nodes: &[usize], pace: Pace, accounts: Vec<(usize, Label)>) -> Self {
        let (stop, told) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Told::default())));
        let (consortium, accounts) = (Arc::new(cluster.consortium.clone()), Arc::new(accounts));
        let submitter = |node: usize| Submitter {
            consortium: Arc::clone(&consortium),
            accounts: Arc::clone(&accounts),
            node,
            client: cluster.client(node).clone(),
            stop: Arc::clone(&stop),
            told: Arc::clone(&told),
        };
        let mut submitters = Vec::new();
        for node in nodes {
            match pace {
                Pace::PerSecond(rate) => {
                    let per_tick = f64::from(rate) * TICK.as_secs_f64() / nodes.len() as f64;
                    submitters.push(tokio::spawn(submitter(*node).submit_steadily(per_tick)));
                }
                Pace::Flood { batch, clients } => {
                    submitters.extend((0..clients).map(|_| tokio::spawn(submitter(*node).flood(batch))));
                }
            }
        }
        // Reading every block back costs more than making it; a flood is checked afterwards.
        let is_steady = matches!(pace, Pace::PerSecond(_));
        let readers = nodes.iter().filter(|_| is_steady).map(|node| tokio::spawn(submitter(*node).read_back())).collect();
        Self { stop, told, submitters, readers }
    }

    /// How many transactions were accepted until now.
    pub fn accepted(&self) -> usize {
        self.told.lock().expect("no holder of this lock panics").accepted.len()
    }

    /// Waits until so many were accepted.
    pub async fn wait_accepted(&self, count: usize) {
        eventually(&format!("{count} are accepted"), async || (self.accepted() >= count).then_some(())).await;
    }

    /// Stops, and says what was promised.
    pub async fn finish(mut self) -> Told {
        self.stop.store(true, Ordering::Relaxed);
        for task in self.submitters.drain(..).chain(self.readers.drain(..)) {
            task.await.expect("submitters do not panic");
        }
        self.told.lock().expect("no holder of this lock panics").clone()
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        for task in self.submitters.iter().chain(&self.readers) {
            task.abort();
        }
    }
}

impl Submitter {
    fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    async fn submit_steadily(self, per_tick: f64) {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        let mut due = 0.0;
        while !self.is_over() {
            ticks.tick().await;
            due += per_tick;
            if due >= 1.0 {
                self.submit(due as usize).await;
                due = due.fract();
            }
        }
    }

    async fn flood(self, batch: usize) {
        while !self.is_over() {
            if self.submit(batch).await == 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }

    /// Submits so many new records in one request; returns how many were accepted.
    async fn submit(&self, count: usize) -> usize {
        let transactions: Vec<_> = (0..count)
            .map(|_| {
                let (member, label) = self.accounts[OsRng.r#gen::<usize>() % self.accounts.len()];
                self.consortium.register_record(member, label)
            })
            .collect();
        let ids: Vec<_> = transactions.iter().map(id_of).collect();
        let answer = self.client.submit_batch(transactions).await;
        let at = Instant::now();
        let mut told = self.told.lock().expect("no holder of this lock panics");
        match answer {
            Ok(submissions) => {
                let before = told.accepted.len();
                for (submission, id) in submissions.iter().zip(ids) {
                    if submission.accepted {
                        told.accepted.push(Accepted { id, node: self.node, at });
                    } else {
                        let status = submission.problem.as_ref().map_or(0, |problem| problem.status);
                        *told.refused.entry(status).or_default() += 1;
                    }
                }
                told.accepted.len() - before
            }
            Err(ClientError::Problem(problem)) => {
                *told.refused.entry(problem.status).or_default() += count as u64;
                0
            }
            Err(_) => {
                told.unanswered += count as u64;
                0
            }
        }
    }

    /// Reads the node's blocks as they are committed, until everything stops and the node's tip is reached.
    async fn read_back(self) {
        let Ok(status) = self.client.status().await else { return };
        let mut next = status.height.0;
        loop {
            let is_last = self.is_over();
            let tip = self.client.status().await.map_or(0, |status| status.height.0);
            while next <= tip {
                let Ok(block) = self.client.block(At::Height(Height(next))).await else { break };
                let mut told = self.told.lock().expect("no holder of this lock panics");
                told.committed.extend(block.entries.iter().map(|entry| (entry.id, block.header.height)));
                next += 1;
            }
            if is_last {
                return;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}
