//! The worker: takes batches from the queue, checks them, and puts what holds into the mempool.

use std::sync::{Arc, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use inro_contracts::id::OrganisationId;
use inro_contracts::key::{Claim, hold_each};
use inro_contracts::machine::{Inadmissible, admissible};
use inro_contracts::parameters::Parameters;
use inro_contracts::state::StateReader;
use inro_contracts::time::Time;
use inro_contracts::transaction::{Transaction, VerifiedTransaction};
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::queue::{Job, Reply};
use super::{Refusal, Shared};
use crate::mempool::{BadSender, Refused, sender};

/// Works until the queue is closed.
pub(super) fn run(shared: &Shared) {
    while let Some(batch) = shared.queue.next_batch() {
        work(shared, batch);
    }
}

/// A job whose signatures are to be checked. Without a sender it can be verified, but not wait in the mempool.
struct Candidate {
    job: Job,
    sender: Option<OrganisationId>,
}

fn work(shared: &Shared, batch: Vec<Job>) {
    let now = (shared.clock)();
    // Read before the state is: a block committed in between is then noticed when the batch is inserted.
    let commits = shared.pool.with(|mempool| mempool.commits());
    let mut candidates = Vec::with_capacity(batch.len());
    match shared.ledger.reader() {
        Ok(state) => {
            let parameters = shared.ledger.parameters();
            for job in batch {
                if let Some(candidate) = screen(shared, state.as_ref(), &parameters, now, job) {
                    candidates.push(candidate);
                }
            }
        }
        Err(_) => {
            for job in batch {
                match job.reply {
                    Reply::Missing(..) => candidates.push(Candidate { job, sender: None }),
                    Reply::Local(..) | Reply::Peer(_) => shared.refuse(job, Refusal::Fault),
                }
            }
        }
    }
    let verified = verify(shared, candidates);
    insert(shared, verified, commits, now);
}

/// Answers what needs no signature check, and returns what does.
fn screen(shared: &Shared, state: &dyn StateReader, parameters: &Parameters, now: Time, job: Job) -> Option<Candidate> {
    let id = job.transaction.id();
    if let Some(known) = shared.pool.with(|mempool| mempool.get(&id)) {
        match job.reply {
            Reply::Local(ticket, index) => ticket.answer(index, Ok(id)),
            Reply::Peer(_) => {}
            Reply::Missing(ticket, index) => ticket.answer(index, Some(known)),
        }
        return None;
    }
    match (may_wait(shared, state, parameters, now, &job), &job.reply) {
        (Ok(sender), _) => Some(Candidate { job, sender: Some(sender) }),
        (Err(_), Reply::Missing(..)) => Some(Candidate { job, sender: None }),
        (Err(refusal), Reply::Local(..) | Reply::Peer(_)) => {
            shared.refuse(job, refusal);
            None
        }
    }
}

fn may_wait(
    shared: &Shared,
    state: &dyn StateReader,
    parameters: &Parameters,
    now: Time,
    job: &Job,
) -> Result<OrganisationId, Refusal> {
    let transaction = job.transaction.transaction();
    timely(shared, transaction, parameters, now)?;
    if state.is_committed(&job.transaction.id()).map_err(|_| Refusal::Fault)? {
        return Err(Inadmissible::Committed.into());
    }
    let sender = sender(state, transaction, now).map_err(|bad| match bad {
        BadSender::Rule(rule) => Refusal::Rule(rule),
        BadSender::State(_) => Refusal::Fault,
    })?;
    let (lane, bytes) = (transaction.action.lane(), job.transaction.bytes().len());
    shared.pool.with(|mempool| mempool.has_room(lane, Some(&sender), bytes)).map_err(Refusal::Full)?;
    Ok(sender)
}

/// Is the transaction for this ledger, and neither void nor too far ahead? Judged by our clock, because the last block may be a
/// heartbeat old; members' clocks differ, so a little further ahead is let in and waits.
fn timely(shared: &Shared, transaction: &Transaction, parameters: &Parameters, now: Time) -> Result<(), Inadmissible> {
    let chain = shared.ledger.chain();
    let earliest = now.max(shared.ledger.tip().time);
    match admissible(transaction, &chain, earliest, parameters) {
        Err(Inadmissible::TooFarAhead) => {
            admissible(transaction, &chain, earliest.plus_ms(parameters.clock_drift_ms_max), parameters)
        }
        verdict => verdict,
    }
}

fn verify(shared: &Shared, candidates: Vec<Candidate>) -> Vec<(Arc<VerifiedTransaction>, Option<OrganisationId>, Reply)> {
    if candidates.is_empty() {
        return Vec::new();
    }
    let start = Instant::now();
    let claims: Vec<Vec<Claim>> = candidates.iter().map(|candidate| candidate.job.transaction.claims()).collect();
    let groups: Vec<&[Claim]> = claims.iter().map(Vec::as_slice).collect();
    // Seeded by the operating system for each batch: nobody can foresee it, and one system call serves a batch.
    let verdicts = hold_each(&groups, &mut StdRng::from_entropy());
    shared.metrics.verify_batch.observe(candidates.len() as f64);
    shared.metrics.verify_seconds.observe(start.elapsed().as_secs_f64());
    let mut verified = Vec::with_capacity(candidates.len());
    for (Candidate { job, sender }, holds) in candidates.into_iter().zip(verdicts) {
        if holds {
            verified.push((Arc::new(job.transaction.with_claims_checked()), sender, job.reply));
        } else {
            shared.refuse(job, Refusal::BadSignature);
        }
    }
    verified
}

pub(super) fn insert(
    shared: &Shared,
    verified: Vec<(Arc<VerifiedTransaction>, Option<OrganisationId>, Reply)>,
    commits: u64,
    now: Time,
) {
    if verified.is_empty() {
        return;
    }
    let verdicts: Vec<Result<(), Refusal>> = shared.pool.with(|mempool| {
        // A block was committed since we looked: look again, under the lock, so that nothing committed comes to wait.
        let stale = mempool.commits() != commits;
        let state = if stale { Some(shared.ledger.reader()) } else { None };
        verified
            .iter()
            .map(|(transaction, sender, _)| {
                let Some(sender) = sender else { return Ok(()) };
                match &state {
                    Some(Ok(state)) if state.is_committed(&transaction.id()) == Ok(false) => {}
                    Some(Ok(state)) if state.is_committed(&transaction.id()) == Ok(true) => {
                        return Err(Inadmissible::Committed.into());
                    }
                    Some(_) => return Err(Refusal::Fault),
                    None => {}
                }
                match mempool.insert(Arc::clone(transaction), *sender, now) {
                    Ok(()) => Ok(()),
                    Err(Refused::Void) => Err(Inadmissible::Void.into()),
                    Err(refused) => Err(Refusal::Full(refused)),
                }
            })
            .collect()
    });
    // Announced before it is answered: when the client hears of it, it is on its way to the other members.
    let accepted = verified.iter().zip(&verdicts).filter(|((.., reply), verdict)| verdict.is_ok() && reply.is_local());
    announce(shared, &accepted.map(|((transaction, ..), _)| transaction).collect::<Vec<_>>(), now);
    let mut from_peers = 0;
    for ((transaction, _, reply), verdict) in verified.into_iter().zip(verdicts) {
        match (reply, verdict) {
            (Reply::Missing(ticket, index), _) => ticket.answer(index, Some(transaction)),
            (Reply::Local(ticket, index), Ok(())) => ticket.answer(index, Ok(transaction.id())),
            // It came twice in one batch, or from a peer at the same moment.
            (Reply::Local(ticket, index), Err(Refusal::Full(Refused::Duplicate))) => ticket.answer(index, Ok(transaction.id())),
            (Reply::Local(ticket, index), Err(refusal)) => ticket.answer(index, Err(refusal)),
            (Reply::Peer(_), Ok(())) => from_peers += 1,
            (Reply::Peer(_), Err(Refusal::Full(Refused::Duplicate))) => {}
            (Reply::Peer(_), Err(refusal)) => shared.metrics.count_refused(refusal.cause()),
        }
    }
    shared.metrics.count_accepted("peer", from_peers);
}

/// Hands accepted local transactions to whoever sends them to the other members. If that one is behind, they are announced
/// again a little later.
fn announce(shared: &Shared, accepted: &[&Arc<VerifiedTransaction>], now: Time) {
    if accepted.is_empty() {
        return;
    }
    shared.metrics.count_accepted("local", accepted.len() as u64);
    let mut own = shared.own.lock().unwrap_or_else(PoisonError::into_inner);
    own.extend(accepted.iter().map(|transaction| (now, transaction.id())));
    drop(own);
    let bytes = accepted.iter().map(|transaction| Bytes::copy_from_slice(transaction.bytes())).collect();
    let _ = shared.sink.try_send(bytes);
}
