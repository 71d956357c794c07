//! Admission: from bytes to the mempool.
//!
//! Checks run in a fixed order, the cheap ones first: the bytes are one canonical transaction; its lane has room; it is for this
//! ledger and neither void nor too far ahead (L-9); it is not committed; its signer may act ([`crate::mempool::sender`]); its
//! organisation has room; its signatures hold (L-11). Signatures are checked in batches on a thread of their own, and once:
//! what waits in the mempool is never checked again.
//!
//! **Accepted means:** the transaction waits until a block takes it, or until its void-after time is over. It is never thrown out
//! to make room. Under overload newcomers are refused at once, bulk before seals, with a time after which to try again.

mod queue;
mod worker;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use inro_contracts::block::Tip;
use inro_contracts::bytes::Malformed;
use inro_contracts::id::{ChainId, TransactionId};
use inro_contracts::key::PublicKey;
use inro_contracts::machine::Inadmissible;
use inro_contracts::parameters::Parameters;
use inro_contracts::rule::Rule;
use inro_contracts::state::{StateFault, StateReader};
use inro_contracts::time::Time;
use inro_contracts::transaction::{ParsedTransaction, VerifiedTransaction};
use tokio::sync::mpsc;

use crate::mempool::{Pool, RETRY_AFTER_MS, Refused};
use crate::metrics::Metrics;

use queue::{Job, Queue, Reply, Ticket};

/// After how many transactions parsing lets other work of its thread go first.
const PARSED_AT_ONCE: usize = 128;
/// A transaction that was submitted here and still waits after this time is announced again, in milliseconds.
const ANNOUNCE_AGAIN_MS: u64 = 1_500;
/// Most transactions that are announced again at once.
const ANNOUNCED_AGAIN_MAX: usize = 2_000;

/// What admission reads of the ledger. Implemented by the node's ledger; reading must not wait for whoever works on the
/// mempool, because the mempool's lock may be held here.
pub trait LedgerView: Send + Sync {
    /// The ledger's id.
    fn chain(&self) -> ChainId;

    /// The last committed block.
    fn tip(&self) -> Tip;

    /// The parameters after the last committed block.
    fn parameters(&self) -> Arc<Parameters>;

    /// The state after the last committed block, at one moment.
    fn reader(&self) -> Result<Box<dyn StateReader + '_>, StateFault>;
}

/// Tells the time. The daemon gives [`wall_clock`]; tests give their own.
pub type Clock = Arc<dyn Fn() -> Time + Send + Sync>;

/// The machine's clock.
pub fn wall_clock() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Why a transaction is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The bytes are not one canonical transaction.
    #[error("malformed transaction: {0}")]
    Malformed(#[from] Malformed),
    /// It cannot stand in a block.
    #[error("the transaction cannot stand in a block: {0}")]
    Inadmissible(#[from] Inadmissible),
    /// Its signer may not send it.
    #[error("refused by rule {0}")]
    Rule(Rule),
    /// One of its signatures does not hold.
    #[error("a signature of the transaction does not verify over its canonical bytes")]
    BadSignature,
    /// Its lane is full, or its organisation's share of it.
    #[error("{0}")]
    Full(Refused),
    /// More arrives than can be checked.
    #[error("more arrives than this node can check; try again in {retry_after_ms} ms")]
    Overloaded {
        /// When to try again.
        retry_after_ms: u64,
    },
    /// The node is stopping. The transaction may or may not have been accepted; ask again for its id.
    #[error("the node is stopping; ask another node, or this one later, for the transaction's id before sending it again")]
    Stopping,
    /// Our own store failed.
    #[error("the node cannot read its own state")]
    Fault,
}

impl Refusal {
    /// The rule's code, where there is one.
    pub fn rule(&self) -> Option<&'static str> {
        match self {
            Self::Inadmissible(fault) => Some(fault.code()),
            Self::Rule(rule) => Some(rule.code()),
            Self::BadSignature => Some("L-11"),
            Self::Full(_) => Some("L-10"),
            Self::Malformed(_) | Self::Overloaded { .. } | Self::Stopping | Self::Fault => None,
        }
    }

    /// After how long to try again, where that helps.
    pub fn retry_after_ms(&self) -> Option<u64> {
        match self {
            Self::Full(Refused::MempoolFull { retry_after_ms } | Refused::OverQuota { retry_after_ms })
            | Self::Overloaded { retry_after_ms } => Some(*retry_after_ms),
            Self::Stopping => Some(RETRY_AFTER_MS),
            _ => None,
        }
    }

    /// The cause's name in metrics.
    pub fn cause(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::Inadmissible(fault) => fault.code(),
            Self::Rule(rule) => rule.code(),
            Self::BadSignature => "bad-signature",
            Self::Full(Refused::OverQuota { .. }) => "quota",
            Self::Full(_) => "mempool-full",
            Self::Overloaded { .. } => "overloaded",
            Self::Stopping => "stopping",
            Self::Fault => "state-fault",
        }
    }
}

/// What a transaction submitted here became.
pub type Submitted = Result<TransactionId, Refusal>;

/// A handle to admission; clones share one queue and one worker. Whoever drops the last handle waits until the worker has ended
/// (at most for one batch of signatures), so that nothing here holds the ledger any more.
#[derive(Clone)]
pub struct Admission(Arc<Door>);

struct Door {
    shared: Arc<Shared>,
    worker: Option<JoinHandle<()>>,
}

impl Drop for Door {
    fn drop(&mut self) {
        self.shared.queue.close();
        // A worker that was left to end by itself could be the one that closes the database, while the process ends around it.
        if let Some(worker) = self.worker.take_if(|worker| worker.thread().id() != thread::current().id()) {
            // If it panicked, it has ended as well.
            let _ = worker.join();
        }
    }
}

struct Shared {
    ledger: Arc<dyn LedgerView>,
    pool: Arc<Pool>,
    clock: Clock,
    metrics: Arc<Metrics>,
    queue: Queue,
    sink: mpsc::Sender<Vec<Bytes>>,
    /// What was submitted here, with the time when it was last announced, the earliest first.
    own: Mutex<VecDeque<(Time, TransactionId)>>,
    /// How many of each peer's transactions could not be what they claimed to be.
    faults: Mutex<HashMap<PublicKey, u64>>,
}

impl Admission {
    /// Starts the worker thread. Batches of what is accepted from local clients go to `sink`, for the other members.
    pub fn start(
        ledger: Arc<dyn LedgerView>,
        pool: Arc<Pool>,
        clock: Clock,
        metrics: Arc<Metrics>,
        sink: mpsc::Sender<Vec<Bytes>>,
    ) -> std::io::Result<Self> {
        let (own, faults) = (Mutex::default(), Mutex::default());
        let shared = Arc::new(Shared { ledger, pool, clock, metrics, queue: Queue::new(), sink, own, faults });
        let for_worker = Arc::clone(&shared);
        let worker = thread::Builder::new().name("admission".into()).spawn(move || worker::run(&for_worker))?;
        Ok(Self(Arc::new(Door { shared, worker: Some(worker) })))
    }

    /// Submits transactions of a local client; one answer each, in order. A transaction that waits already is accepted again.
    pub async fn submit_local(&self, transactions: Vec<Vec<u8>>) -> Vec<Submitted> {
        let shared = &self.0.shared;
        let (ticket, verdicts) = Ticket::new(transactions.len());
        let mut parsed = Vec::with_capacity(transactions.len().min(PARSED_AT_ONCE));
        for (index, bytes) in transactions.into_iter().enumerate() {
            match ParsedTransaction::parse(bytes) {
                Ok(transaction) => parsed.push(Job { transaction, reply: Reply::Local(Arc::clone(&ticket), index) }),
                Err(malformed) => ticket.answer(index, Err(malformed.into())),
            }
            if parsed.len() == PARSED_AT_ONCE {
                shared.enqueue(std::mem::take(&mut parsed));
                tokio::task::yield_now().await;
            }
        }
        shared.enqueue(parsed);
        drop(ticket);
        let answers = verdicts.await;
        for refusal in answers.iter().filter_map(|answer| answer.as_ref()?.as_ref().err()) {
            shared.metrics.count_refused(refusal.cause());
        }
        answers.into_iter().map(|answer| answer.unwrap_or(Err(Refusal::Stopping))).collect()
    }

    /// Takes in what another member's machine sent. Nothing is sent on; what cannot be checked in time is dropped, because its
    /// sender keeps it. Does not wait.
    pub fn submit_from_peer(&self, peer: PublicKey, transactions: Vec<Bytes>) {
        let shared = &self.0.shared;
        let mut jobs = Vec::with_capacity(transactions.len());
        for bytes in transactions {
            match ParsedTransaction::parse(bytes.into()) {
                Ok(transaction) => jobs.push(Job { transaction, reply: Reply::Peer(peer) }),
                Err(_) => shared.count_fault(peer, "malformed"),
            }
        }
        shared.enqueue(jobs);
    }

    /// Verifies transactions of a proposal that were fetched, ahead of everything else: `None` for each that is malformed or
    /// has a false signature. Those that may wait are kept in the mempool too. Only signatures are judged; whether the
    /// transactions may stand in the block is for whoever applies it. The caller bounds how many there are.
    pub async fn verify_missing(&self, transactions: Vec<Bytes>) -> Vec<Option<Arc<VerifiedTransaction>>> {
        let shared = &self.0.shared;
        let (ticket, verdicts) = Ticket::new(transactions.len());
        let mut jobs = Vec::with_capacity(transactions.len());
        for (index, bytes) in transactions.into_iter().enumerate() {
            match ParsedTransaction::parse(bytes.into()) {
                Ok(transaction) => jobs.push(Job { transaction, reply: Reply::Missing(Arc::clone(&ticket), index) }),
                Err(_) => ticket.answer(index, None),
            }
        }
        drop(ticket);
        shared.queue.push_urgent(jobs);
        verdicts.await.into_iter().map(Option::flatten).collect()
    }

    /// Announces again what was submitted here a while ago and still waits: a peer may have been away, or too busy. Call it
    /// about once a second.
    pub fn announce_again(&self) {
        let shared = &self.0.shared;
        let now = (shared.clock)();
        let mut own = shared.own.lock().unwrap_or_else(PoisonError::into_inner);
        let mut again = Vec::new();
        while again.len() < ANNOUNCED_AGAIN_MAX
            && let Some((announced, id)) = own.front().copied()
            && announced.plus_ms(ANNOUNCE_AGAIN_MS) <= now
        {
            own.pop_front();
            if let Some(transaction) = shared.pool.with(|mempool| mempool.get(&id)) {
                again.push(Bytes::copy_from_slice(transaction.bytes()));
                own.push_back((now, id));
            }
        }
        if !again.is_empty() {
            let _ = shared.sink.try_send(again);
        }
    }

    /// How many transactions of this peer were malformed or had a false signature. An honest peer has none.
    pub fn faults_of(&self, peer: &PublicKey) -> u64 {
        self.0.shared.faults.lock().unwrap_or_else(PoisonError::into_inner).get(peer).copied().unwrap_or(0)
    }

    /// How many transactions wait to be checked.
    pub fn queued(&self) -> usize {
        self.0.shared.queue.len()
    }
}

impl Shared {
    /// Queues jobs; answers at once where there is no room, before anything costly is done.
    fn enqueue(&self, jobs: Vec<Job>) {
        if jobs.is_empty() {
            return;
        }
        let (jobs, full) = self.pool.with(|mempool| {
            let mut fitting = Vec::with_capacity(jobs.len());
            let mut full = Vec::new();
            for job in jobs {
                let (lane, bytes) = (job.transaction.transaction().action.lane(), job.transaction.bytes().len());
                match mempool.has_room(lane, None, bytes) {
                    Err(refused) if !mempool.contains(&job.transaction.id()) => full.push((job, refused)),
                    _ => fitting.push(job),
                }
            }
            (fitting, full)
        });
        for (job, refused) in full {
            self.refuse(job, Refusal::Full(refused));
        }
        for job in self.queue.push(jobs) {
            self.refuse(job, Refusal::Overloaded { retry_after_ms: RETRY_AFTER_MS });
        }
    }

    fn refuse(&self, job: Job, refusal: Refusal) {
        match job.reply {
            Reply::Local(ticket, index) => ticket.answer(index, Err(refusal)),
            Reply::Peer(peer) if refusal == Refusal::BadSignature => self.count_fault(peer, refusal.cause()),
            Reply::Peer(_) => self.metrics.count_refused(refusal.cause()),
            Reply::Missing(ticket, index) => ticket.answer(index, None),
        }
    }

    fn count_fault(&self, peer: PublicKey, cause: &'static str) {
        self.metrics.count_refused(cause);
        *self.faults.lock().unwrap_or_else(PoisonError::into_inner).entry(peer).or_default() += 1;
    }
}

#[cfg(test)]
mod tests;
