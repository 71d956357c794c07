//! The queue before the verifying worker, and the tickets on which answers come back.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use inro_contracts::key::PublicKey;
use inro_contracts::transaction::{ParsedTransaction, VerifiedTransaction};
use tokio::sync::oneshot;

use super::Submitted;
use crate::mempool::policy;

/// Most transactions in the queue; each lane may fill its share of it.
pub(super) const QUEUE_MAX: usize = 16_384;
/// Peers may fill this part of a lane's share, in percent: what they send they keep, a local client has nobody else.
const PEER_SHARE_PERCENT: usize = 75;
/// Most transactions that are verified together. More would save little and make the first one wait.
const BATCH_MAX: usize = 1_024;
/// Under load, wait until this many have arrived…
const BATCH_ENOUGH: usize = 256;
/// …or until this much time has passed.
const LINGER: Duration = Duration::from_millis(2);

/// A transaction to be checked, and where the answer goes.
pub(super) struct Job {
    pub(super) transaction: ParsedTransaction,
    pub(super) reply: Reply,
}

/// Where an answer goes.
pub(super) enum Reply {
    /// To a local client.
    Local(Arc<Ticket<Submitted>>, usize),
    /// Nowhere; only faults are counted.
    Peer(PublicKey),
    /// To whoever checks a proposal.
    Missing(Arc<Ticket<Option<Arc<VerifiedTransaction>>>>, usize),
}

impl Reply {
    pub(super) fn is_local(&self) -> bool {
        matches!(self, Self::Local(..))
    }
}

/// Jobs in order of arrival; urgent ones first.
pub(super) struct Queue {
    jobs: Mutex<Jobs>,
    arrived: Condvar,
}

#[derive(Default)]
struct Jobs {
    urgent: VecDeque<Job>,
    usual: VecDeque<Job>,
    /// Did more than one job make up the last batch? Then waiting a moment makes the next one larger.
    busy: bool,
    closed: bool,
}

impl Queue {
    pub(super) fn new() -> Self {
        Self { jobs: Mutex::default(), arrived: Condvar::new() }
    }

    /// Queues jobs and returns those for which there is no room.
    pub(super) fn push(&self, new: Vec<Job>) -> Vec<Job> {
        let mut jobs = self.lock();
        let mut refused = Vec::new();
        for job in new {
            if jobs.closed || jobs.usual.len() >= limit(&job) {
                refused.push(job);
            } else {
                jobs.usual.push_back(job);
            }
        }
        self.arrived.notify_one();
        refused
    }

    /// Queues jobs before all others, without a bound. A closed queue drops them, and with them their tickets.
    pub(super) fn push_urgent(&self, new: Vec<Job>) {
        let mut jobs = self.lock();
        if !jobs.closed {
            jobs.urgent.extend(new);
            self.arrived.notify_one();
        }
    }

    /// Waits for jobs. One that arrives alone goes at once; under load a batch gathers for a moment. `None` when closed.
    pub(super) fn next_batch(&self) -> Option<Vec<Job>> {
        let mut jobs = self.lock();
        while jobs.is_empty() && !jobs.closed {
            jobs.busy = false;
            jobs = self.arrived.wait(jobs).unwrap_or_else(PoisonError::into_inner);
        }
        if jobs.busy {
            let until = Instant::now() + LINGER;
            while jobs.urgent.is_empty() && jobs.usual.len() < BATCH_ENOUGH && !jobs.closed {
                let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) else { break };
                jobs = self.arrived.wait_timeout(jobs, left).unwrap_or_else(PoisonError::into_inner).0;
            }
        }
        if jobs.closed {
            *jobs = Jobs { closed: true, ..Jobs::default() };
            return None;
        }
        // Urgent jobs go by themselves: a proposal must not wait for the signatures of others.
        let chosen = if jobs.urgent.is_empty() { &mut jobs.usual } else { &mut jobs.urgent };
        let count = chosen.len().min(BATCH_MAX);
        let batch: Vec<Job> = chosen.drain(..count).collect();
        jobs.busy = count > 1;
        Some(batch)
    }

    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_all();
    }

    pub(super) fn len(&self) -> usize {
        let jobs = self.lock();
        jobs.urgent.len() + jobs.usual.len()
    }

    fn lock(&self) -> MutexGuard<'_, Jobs> {
        // Nothing in this file panics while it holds the lock.
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Jobs {
    fn is_empty(&self) -> bool {
        self.urgent.is_empty() && self.usual.is_empty()
    }
}

fn limit(job: &Job) -> usize {
    let lane = job.transaction.transaction().action.lane();
    let share = QUEUE_MAX * usize::from(policy(lane).queue_share_percent) / 100;
    match job.reply {
        Reply::Peer(_) => share * PEER_SHARE_PERCENT / 100,
        Reply::Local(..) | Reply::Missing(..) => share,
    }
}

/// Collects the answers to one submission and hands them over together: one wake-up for a whole batch.
pub(super) struct Ticket<T> {
    state: Mutex<Answers<T>>,
}

struct Answers<T> {
    answers: Vec<Option<T>>,
    done: Option<oneshot::Sender<Vec<Option<T>>>>,
}

impl<T> Ticket<T> {
    /// A ticket for this many answers, and the future that has them once the ticket's last holder is gone. An answer that
    /// was never given is `None`.
    pub(super) fn new(count: usize) -> (Arc<Self>, impl Future<Output = Vec<Option<T>>>) {
        let (done, answers) = oneshot::channel();
        let state = Answers { answers: std::iter::repeat_with(|| None).take(count).collect(), done: Some(done) };
        let verdicts = async move { answers.await.unwrap_or_default() };
        (Arc::new(Self { state: Mutex::new(state) }), verdicts)
    }

    /// Gives one answer.
    pub(super) fn answer(&self, index: usize, answer: T) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = state.answers.get_mut(index) {
            *place = Some(answer);
        }
    }
}

impl<T> Drop for Ticket<T> {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(done) = state.done.take() {
            // Nobody may wait any more.
            let _ = done.send(std::mem::take(&mut state.answers));
        }
    }
}
