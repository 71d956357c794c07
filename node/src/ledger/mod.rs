//! The ledger on this node: committed state in the store, transactions in the pool, and what consensus asks of them.
//!
//! Execution comes before voting (rule L-5): a proposal is executed, compared with its header and kept durably before this node
//! votes for it, and a decision writes what was computed then, in one synced batch (rule L-8).

mod block;
mod peers;
mod resolve;
mod standing;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use inro_contracts::block::{BlockContext, Header, Tip};
use inro_contracts::bytes::Canonical;
use inro_contracts::certificate::Certificate;
use inro_contracts::entry::Outcome;
use inro_contracts::id::{BlockId, ChainId, TransactionId};
use inro_contracts::key::{PublicKey, SecretKey, all_hold};
use inro_contracts::machine::{self, BlockFault, Built};
use inro_contracts::parameters::Parameters;
use inro_contracts::state::{StateFault, StateKey, StateReader, load};
use inro_contracts::time::{Height, Time};
use inro_contracts::transaction::{Action, Lane, ParsedTransaction, SignedTransaction, Transaction, VerifiedTransaction};
use inro_contracts::validator::ValidatorSet;
use inro_contracts::vote::DoubleSign;
use inro_engine::{Application, Fault, Next, Proposed, SyncVerdict, Undecided, Verdict};
use inro_network::NetworkHandle;
use tokio::sync::watch;
use tracing::{debug, info, warn};

use crate::admission::{Admission, LedgerView, wall_clock};
use crate::mempool::{Pool, Room};
use crate::metrics::Metrics;
use crate::store::{Store, StoreError};
pub use block::{body_bytes_max, transaction_part};
pub use peers::{Directory, KnownPeer};
use resolve::{Unresolved, resolve};
pub use standing::{Standing, Worth};

/// A proposal that leaves out a guard transaction which waited longer than this, though it had room, is refused (rule L-10).
const SKIPPED_MS_MAX: u64 = 15_000;
/// Blocks of one height that are kept while it is undecided.
const CANDIDATES_MAX: usize = 16;

/// What the rest of the node may see of the ledger at any time.
#[derive(Debug, Clone)]
pub struct View {
    /// The last committed block.
    pub tip: Tip,
    /// Who votes on the next block.
    pub validators: Arc<ValidatorSet>,
    /// The parameters now.
    pub parameters: Arc<Parameters>,
    /// Who may connect now.
    pub directory: Arc<Directory>,
}

/// Whose node this is.
#[derive(Clone)]
pub struct Identity {
    /// The machine's key: it signs evidence.
    pub peer: SecretKey,
    /// The consensus key, if this node may vote.
    pub validator: Option<PublicKey>,
}

/// The ledger of this node.
pub struct Ledger {
    chain: ChainId,
    store: Store,
    pool: Arc<Pool>,
    network: NetworkHandle,
    identity: Identity,
    metrics: Arc<Metrics>,
    view: RwLock<View>,
    committed: watch::Sender<Tip>,
    candidates: Mutex<BTreeMap<BlockId, Arc<Candidate>>>,
    /// When the last block was committed, for the metrics.
    last_block: Mutex<Instant>,
}

/// A block that was executed and waits for its decision.
struct Candidate {
    built: Built,
    transactions: Vec<VerifiedTransaction>,
}

impl Ledger {
    /// The ledger over a founded store.
    pub fn new(
        store: Store,
        pool: Arc<Pool>,
        network: NetworkHandle,
        identity: Identity,
        metrics: Arc<Metrics>,
    ) -> Result<Self, Fault> {
        let chain = store.chain().map_err(fault)?;
        let view = read_view(&store)?;
        let committed = watch::Sender::new(view.tip);
        Ok(Self {
            chain,
            store,
            pool,
            network,
            identity,
            metrics,
            view: RwLock::new(view),
            committed,
            candidates: Mutex::default(),
            last_block: Mutex::new(Instant::now()),
        })
    }

    /// The ledger's id.
    pub fn chain_id(&self) -> ChainId {
        self.chain
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// What is committed now.
    pub fn view(&self) -> View {
        self.view.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Tells of every committed block.
    pub fn committed(&self) -> watch::Receiver<Tip> {
        self.committed.subscribe()
    }

    fn candidates(&self) -> MutexGuard<'_, BTreeMap<BlockId, Arc<Candidate>>> {
        self.candidates.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn candidate(&self, block: &BlockId) -> Option<Arc<Candidate>> {
        self.candidates().get(block).cloned()
    }

    fn keep(&self, candidate: Candidate) -> Arc<Candidate> {
        let candidate = Arc::new(candidate);
        let mut candidates = self.candidates();
        if candidates.len() >= CANDIDATES_MAX {
            candidates.clear();
        }
        candidates.insert(candidate.built.id, Arc::clone(&candidate));
        candidate
    }

    /// Executes transactions on the last committed block.
    fn execute(&self, header: &Claimed, transactions: &[VerifiedTransaction]) -> Result<Built, BlockFault> {
        let tip = self.view().tip;
        let context = BlockContext { chain: self.chain, height: tip.height.next(), time: header.time };
        let started = Instant::now();
        let snapshot = self.store.snapshot().map_err(|error| StateFault(error.to_string()))?;
        let built = machine::build(&snapshot, &tip, &context, header.proposer, transactions);
        self.metrics.execution_seconds.observe(started.elapsed().as_secs_f64());
        built
    }

    /// Builds this node's block for the next height.
    fn propose_now(&self, round: u32, proposer: PublicKey) -> Result<Arc<Candidate>, Fault> {
        let view = self.view();
        let time = Time(wall_clock().0.max(view.tip.time.0 + 1));
        let room = Room::of_block(&view.parameters);
        let taken = self.pool.with(|pool| {
            pool.expire(time);
            pool.take_for_block(room, time, &self.chain, &view.parameters)
        });
        let mut transactions: Vec<VerifiedTransaction> = taken.iter().map(|taken| (**taken).clone()).collect();
        let claimed = Claimed { time, proposer };
        let built = loop {
            match self.execute(&claimed, &transactions) {
                Ok(built) => break built,
                // Committed meanwhile, or void: it does not belong into a block.
                Err(BlockFault::Transaction { id, fault }) => {
                    debug!(%fault, "a waiting transaction cannot stand in a block and is dropped");
                    transactions.retain(|transaction| transaction.id() != id);
                    self.pool.with(|pool| pool.remove_committed([&id]));
                }
                Err(fault) => return Err(Fault(fault.to_string())),
            }
        };
        self.put_undecided(round, &built, &transactions)?;
        Ok(self.keep(Candidate { built, transactions }))
    }

    fn put_undecided(&self, round: u32, built: &Built, transactions: &[VerifiedTransaction]) -> Result<(), Fault> {
        let bytes = block::waiting_bytes(&built.header, transactions);
        self.store.put_undecided(built.header.height, round, &built.id, &bytes).map_err(fault)?;
        self.metrics.synced_writes.inc();
        Ok(())
    }

    /// What is wrong with a proposed header before its transactions are looked at; `None` if nothing is.
    ///
    /// Rule L-6: never ahead of this node's clock by more than the drift. Behind it only in rounds after the first, where a block
    /// that some validators are locked on comes again, however long all of them were away: refusing it for its age would halt
    /// the ledger. Its time still lies after its parent's.
    fn header_fault(&self, header: &Header, round: u32, now: Time) -> Option<String> {
        let view = self.view();
        let drift = view.parameters.clock_drift_ms_max;
        if header.chain != self.chain || header.height != view.tip.height.next() || header.parent != view.tip.block {
            Some("it does not follow this ledger's last block".into())
        } else if header.time > now.plus_ms(drift) {
            Some(format!("its time is {} ms ahead of this node's clock; {drift} are allowed", header.time.0 - now.0))
        } else if round == 0 && header.time.plus_ms(drift) < now {
            Some(format!("its time is {} ms behind this node's clock; {drift} are allowed", now.0 - header.time.0))
        } else if view.validators.find(&header.proposer).is_none() {
            Some("its proposer does not vote".into())
        } else {
            None
        }
    }

    /// Did the proposal leave out a guard transaction that waited long, though there was room (rule L-10)?
    fn skips_waiting_guard(&self, header: &Header, transactions: &[VerifiedTransaction], now: Time) -> bool {
        let view = self.view();
        let bytes: usize = transactions.iter().map(|transaction| transaction.bytes().len()).sum();
        let room = Room::of_block(&view.parameters);
        if transactions.len() * 2 > room.transactions || bytes * 2 > room.bytes {
            return false;
        }
        // Judged as of the block's own time: one that comes again after an outage could not hold what arrived since.
        let before = Time(now.min(header.time).0.saturating_sub(SKIPPED_MS_MAX));
        let overdue = self.pool.with(|pool| pool.overdue(Lane::Guard, before, 64));
        overdue.iter().any(|waiting| {
            machine::admissible(waiting.transaction(), &self.chain, header.time, &view.parameters).is_ok()
                && !transactions.iter().any(|transaction| transaction.id() == waiting.id())
        })
    }

    /// Writes a decided block.
    fn commit_now(&self, certificate: &Certificate) -> Result<(), Fault> {
        let view = self.view();
        if certificate.height <= view.tip.height {
            return Ok(());
        }
        certificate
            .check(&self.chain, &view.validators)
            .map_err(|error| Fault(format!("the engine decided block {} with a bad certificate: {error}", certificate.height)))?;
        let candidate = match self.candidate(&certificate.block) {
            Some(candidate) => candidate,
            None => self.candidate_from_store(certificate)?,
        };
        let started = Instant::now();
        self.store.commit(&candidate.built, &candidate.transactions, certificate).map_err(fault)?;
        self.metrics.commit_seconds.observe(started.elapsed().as_secs_f64());
        self.metrics.synced_writes.inc();
        let ids: Vec<TransactionId> = candidate.transactions.iter().map(VerifiedTransaction::id).collect();
        self.pool.with(|pool| pool.remove_committed(&ids));
        self.note_committed(&candidate)?;
        Ok(())
    }

    fn candidate_from_store(&self, certificate: &Certificate) -> Result<Arc<Candidate>, Fault> {
        let kept = self.store.undecided(certificate.height).map_err(fault)?;
        let bytes = kept.into_iter().find(|(_, block, _)| *block == certificate.block).map(|(_, _, bytes)| bytes);
        let bytes = bytes.ok_or_else(|| {
            Fault(format!("block {} was decided, but this node does not have it; start again to catch up", certificate.height))
        })?;
        self.restore(&bytes).map(|candidate| self.keep(candidate))
    }

    /// Executes a kept block again. Its signatures were checked before it was kept.
    fn restore(&self, bytes: &[u8]) -> Result<Candidate, Fault> {
        let (header, transactions) =
            block::waiting_of(bytes).map_err(|error| Fault(format!("a kept block is damaged: {error}")))?;
        let parsed = block::parse_all(transactions).map_err(|error| Fault(format!("a kept block is damaged: {error}")))?;
        let transactions: Vec<_> = parsed.into_iter().map(ParsedTransaction::with_claims_checked).collect();
        let built = self.execute(&Claimed::of(&header), &transactions).map_err(|error| Fault(error.to_string()))?;
        if built.header != header {
            return Err(Fault(format!("a kept block of height {} no longer gives the roots that it had", header.height)));
        }
        Ok(Candidate { built, transactions })
    }

    fn note_committed(&self, candidate: &Candidate) -> Result<(), Fault> {
        let built = &candidate.built;
        let tip = Tip { height: built.header.height, block: built.id, time: built.header.time };
        let touches = |test: fn(&StateKey) -> bool| built.state.keys().any(test);
        let members_changed = touches(|key| {
            matches!(key, StateKey::Organisation(_) | StateKey::Peer(_) | StateKey::Validators | StateKey::Members)
        });
        let parameters_changed = touches(|key| matches!(key, StateKey::Parameters));
        {
            let mut view = self.view.write().unwrap_or_else(PoisonError::into_inner);
            view.tip = tip;
            if *view.validators != built.next_validators {
                info!(height = %tip.height, validators = built.next_validators.validators().len(), "the validator set changed");
                view.validators = Arc::new(built.next_validators.clone());
            }
            if parameters_changed {
                view.parameters = Arc::new(read(&self.store.snapshot().map_err(fault)?, &StateKey::Parameters)?);
            }
            if members_changed {
                view.directory = Arc::new(Directory::read(&self.store.snapshot().map_err(fault)?)?);
            }
        }
        if members_changed {
            self.connect_members();
        }
        self.candidates().clear();
        self.note_metrics(built);
        self.committed.send_replace(tip);
        Ok(())
    }

    fn note_metrics(&self, built: &Built) {
        let metrics = &self.metrics;
        let mut last = self.last_block.lock().unwrap_or_else(PoisonError::into_inner);
        metrics.block_interval_seconds.observe(last.elapsed().as_secs_f64());
        *last = Instant::now();
        metrics.height.set(i64::try_from(built.header.height.0).unwrap_or(i64::MAX));
        metrics.block_transactions.observe(f64::from(built.header.entries));
        metrics.transactions_committed.inc_by(u64::from(built.header.entries));
        for outcome in &built.outcomes {
            if let Outcome::Rejected(rule) = outcome {
                metrics.count_rejected(*rule);
            }
        }
    }

    /// Tells the exchange network who may connect (rule X-7).
    pub fn connect_members(&self) {
        self.network.set_peers(self.view().directory.allowed(&self.identity.peer.public()));
    }

    fn next_now(&self) -> Next {
        let view = self.view();
        Next {
            height: view.tip.height.next(),
            validators: (*view.validators).clone(),
            heartbeat: Duration::from_millis(view.parameters.heartbeat_ms),
            peers: view.directory.consensus_peers(),
        }
    }

    /// Makes this node's report of a validator that signed twice.
    fn report(&self, evidence: DoubleSign) -> SignedTransaction {
        let view = self.view();
        let transaction = Transaction {
            chain: self.chain,
            signer: self.identity.peer.public(),
            void_after: view.tip.time.plus_ms(view.parameters.void_after_ms_max / 2),
            nonce: evidence.height().0,
            action: Action::ReportDoubleSign { evidence },
        };
        transaction.sign(&self.identity.peer)
    }
}

/// What a header claims that execution takes as given.
struct Claimed {
    time: Time,
    proposer: PublicKey,
}

impl Claimed {
    fn of(header: &Header) -> Self {
        Self { time: header.time, proposer: header.proposer }
    }
}

/// Checks the signatures of a block's transactions in one batch; `None` if one is false.
fn verify_all(parsed: Vec<ParsedTransaction>) -> Option<Vec<VerifiedTransaction>> {
    let claims: Vec<_> = parsed.iter().flat_map(ParsedTransaction::claims).collect();
    let all = claims.is_empty() || all_hold(&claims, rand::rngs::OsRng);
    all.then(|| parsed.into_iter().map(ParsedTransaction::with_claims_checked).collect())
}

fn read_view(store: &Store) -> Result<View, Fault> {
    let snapshot = store.snapshot().map_err(fault)?;
    Ok(View {
        tip: snapshot.tip(),
        validators: Arc::new(read(&snapshot, &StateKey::Validators)?),
        parameters: Arc::new(read(&snapshot, &StateKey::Parameters)?),
        directory: Arc::new(Directory::read(&snapshot)?),
    })
}

/// Reads an object that every founded ledger has.
fn read<T: Canonical>(state: &dyn StateReader, key: &StateKey) -> Result<T, Fault> {
    let object = load(state, key).map_err(|error| Fault(error.to_string()))?;
    object.ok_or_else(|| Fault(format!("{key:?} is missing from the store: it is damaged; restore it or start afresh")))
}

fn fault(error: StoreError) -> Fault {
    Fault(error.to_string())
}

/// Runs store and execution work where it may block.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Fault> + Send + 'static) -> Result<T, Fault> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(Fault(format!("execution ended early: {error}"))))
}

impl LedgerView for Ledger {
    fn chain(&self) -> ChainId {
        self.chain
    }

    fn tip(&self) -> Tip {
        self.view().tip
    }

    fn parameters(&self) -> Arc<Parameters> {
        self.view().parameters
    }

    fn reader(&self) -> Result<Box<dyn StateReader + '_>, StateFault> {
        let snapshot = self.store.snapshot().map_err(|error| StateFault(error.to_string()))?;
        Ok(Box::new(snapshot))
    }
}

/// The ledger as consensus sees it.
#[derive(Clone)]
pub struct ForConsensus {
    ledger: Arc<Ledger>,
    admission: Admission,
    evidence: tokio::sync::mpsc::UnboundedSender<SignedTransaction>,
}

impl ForConsensus {
    /// `evidence` takes this node's reports of validators that signed twice.
    pub fn new(
        ledger: Arc<Ledger>,
        admission: Admission,
        evidence: tokio::sync::mpsc::UnboundedSender<SignedTransaction>,
    ) -> Self {
        Self { ledger, admission, evidence }
    }
}

#[async_trait]
impl Application for ForConsensus {
    fn chain(&self) -> ChainId {
        self.ledger.chain
    }

    async fn next(&self) -> Result<Next, Fault> {
        Ok(self.ledger.next_now())
    }

    async fn propose(&self, height: Height, round: u32) -> Result<Proposed, Fault> {
        let ledger = Arc::clone(&self.ledger);
        let candidate = blocking(move || {
            let proposer = ledger.identity.validator.ok_or_else(|| Fault("an observer was asked to propose".into()))?;
            // After a restart the same block is proposed again, or the key would sign two proposals for one step.
            for (kept_round, _, bytes) in ledger.store.undecided(height).map_err(fault)? {
                let own = block::waiting_of(&bytes).is_ok_and(|(header, _)| header.proposer == proposer);
                if kept_round == round && own {
                    return ledger.restore(&bytes).map(|candidate| ledger.keep(candidate));
                }
            }
            ledger.propose_now(round, proposer)
        })
        .await?;
        Ok(Proposed { header: candidate.built.header.clone(), body: block::body_of(&candidate.transactions).into() })
    }

    async fn judge(&self, round: u32, header: Header, body: Bytes, _from: PublicKey) -> Result<Verdict, Fault> {
        let ledger = &self.ledger;
        let id = header.id();
        // Judged before, perhaps before a restart: a block that was valid stays valid.
        if self.kept(header.height, id).await?.is_some() {
            return Ok(Verdict::Valid);
        }
        let now = wall_clock();
        if let Some(reason) = ledger.header_fault(&header, round, now) {
            warn!(height = %header.height, reason, "a proposal is refused");
            return Ok(Verdict::Invalid);
        }
        let transactions = match resolve(ledger, &self.admission, &body, &header.proposer).await {
            Ok(transactions) => transactions,
            Err(Unresolved::Bad(reason)) => {
                warn!(height = %header.height, reason, "a proposal is refused");
                return Ok(Verdict::Invalid);
            }
            Err(Unresolved::Unavailable) => {
                warn!(height = %header.height, "a proposal's transactions could not be had in time");
                return Ok(Verdict::Unavailable);
            }
        };
        if ledger.skips_waiting_guard(&header, &transactions, now) {
            warn!(height = %header.height, "a proposal is refused: it leaves out a revocation or seal that waited long");
            return Ok(Verdict::Invalid);
        }
        let ledger = Arc::clone(ledger);
        blocking(move || {
            let built = match ledger.execute(&Claimed::of(&header), &transactions) {
                Ok(built) if built.header == header => built,
                Ok(_) => {
                    warn!(height = %header.height, "a proposal is refused: its roots are not what its transactions give");
                    return Ok(Verdict::Invalid);
                }
                Err(BlockFault::State(error)) => return Err(Fault(error.to_string())),
                Err(error) => {
                    warn!(height = %header.height, %error, "a proposal is refused");
                    return Ok(Verdict::Invalid);
                }
            };
            ledger.put_undecided(round, &built, &transactions)?;
            ledger.keep(Candidate { built, transactions });
            Ok(Verdict::Valid)
        })
        .await
    }

    async fn undecided(&self, height: Height) -> Result<Vec<Undecided>, Fault> {
        let ledger = Arc::clone(&self.ledger);
        blocking(move || {
            if height != ledger.view().tip.height.next() {
                return Ok(Vec::new());
            }
            let kept = ledger.store.undecided(height).map_err(fault)?;
            let header = |bytes: &[u8]| block::waiting_of(bytes).ok().map(|(header, _)| header);
            Ok(kept.iter().filter_map(|(round, _, bytes)| Some(Undecided { round: *round, header: header(bytes)? })).collect())
        })
        .await
    }

    async fn body(&self, height: Height, block: &BlockId) -> Result<Option<Proposed>, Fault> {
        let kept = self.kept(height, *block).await?;
        Ok(kept.map(|candidate| Proposed {
            header: candidate.built.header.clone(),
            body: block::body_of(&candidate.transactions).into(),
        }))
    }

    async fn commit(&self, certificate: Certificate) -> Result<(), Fault> {
        let ledger = Arc::clone(&self.ledger);
        blocking(move || ledger.commit_now(&certificate)).await
    }

    async fn finalise(&self, certificate: Certificate, evidence: Vec<DoubleSign>) -> Result<Next, Fault> {
        let ledger = Arc::clone(&self.ledger);
        blocking(move || ledger.store.raise_certificate(certificate.height, &certificate).map(drop).map_err(fault)).await?;
        if !evidence.is_empty() {
            self.note_evidence(evidence).await?;
        }
        Ok(self.ledger.next_now())
    }

    async fn work(&self) {
        let mut occupied = self.ledger.pool.occupied();
        if occupied.wait_for(|occupied| *occupied).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    async fn decided(&self, height: Height) -> Result<Option<(Bytes, Certificate)>, Fault> {
        let ledger = Arc::clone(&self.ledger);
        blocking(move || {
            let stored = match ledger.store.block(height) {
                Ok(Some(stored)) => stored,
                Ok(None) | Err(StoreError::Pruned { .. }) => return Ok(None),
                Err(error) => return Err(fault(error)),
            };
            let bytes = block::synced_bytes(&stored.header, &stored.entries)
                .map_err(|error| Fault(format!("block {height} is damaged in the store: {error}")))?;
            Ok(Some((bytes.into(), stored.certificate)))
        })
        .await
    }

    async fn whole_from(&self) -> Result<Height, Fault> {
        let ledger = Arc::clone(&self.ledger);
        blocking(move || ledger.store.whole_from().map_err(fault)).await
    }

    async fn judge_synced(&self, height: Height, bytes: Bytes) -> Result<SyncVerdict, Fault> {
        if height != self.ledger.view().tip.height.next() {
            return Ok(SyncVerdict::TryAgain);
        }
        let Ok((header, transactions)) = block::waiting_of(&bytes) else { return Ok(SyncVerdict::PeerFault) };
        let Ok(parsed) = block::parse_all(transactions) else { return Ok(SyncVerdict::PeerFault) };
        let ledger = Arc::clone(&self.ledger);
        blocking(move || {
            let Some(transactions) = verify_all(parsed) else { return Ok(SyncVerdict::PeerFault) };
            match ledger.execute(&Claimed::of(&header), &transactions) {
                Ok(built) if built.header == header => {
                    ledger.keep(Candidate { built, transactions });
                    Ok(SyncVerdict::Valid(Box::new(header)))
                }
                Err(BlockFault::State(error)) => Err(Fault(error.to_string())),
                _ => Ok(SyncVerdict::PeerFault),
            }
        })
        .await
    }
}

impl ForConsensus {
    /// A block of the next height that this node proposed or judged valid before.
    async fn kept(&self, height: Height, block: BlockId) -> Result<Option<Arc<Candidate>>, Fault> {
        if let Some(candidate) = self.ledger.candidate(&block) {
            return Ok(Some(candidate));
        }
        let ledger = Arc::clone(&self.ledger);
        blocking(move || {
            if height != ledger.view().tip.height.next() {
                return Ok(None);
            }
            let kept = ledger.store.undecided(height).map_err(fault)?.into_iter().find(|(_, id, _)| *id == block);
            kept.map(|(_, _, bytes)| ledger.restore(&bytes).map(|candidate| ledger.keep(candidate))).transpose()
        })
        .await
    }

    /// Keeps evidence until a block takes it, and reports it.
    async fn note_evidence(&self, evidence: Vec<DoubleSign>) -> Result<(), Fault> {
        for found in &evidence {
            warn!(height = %found.height(), "a validator signed twice; this node reports it");
            self.ledger.metrics.double_signs_reported.inc();
        }
        let ledger = Arc::clone(&self.ledger);
        blocking(move || evidence.iter().try_for_each(|found| ledger.store.put_evidence(found).map_err(fault))).await?;
        self.report_pending().await
    }

    /// Reports evidence that no block has taken yet, also what was found before a restart.
    pub async fn report_pending(&self) -> Result<(), Fault> {
        let ledger = Arc::clone(&self.ledger);
        for evidence in blocking(move || ledger.store.pending_evidence().map_err(fault)).await? {
            // The daemon listens for as long as the engine runs.
            let _ = self.evidence.send(self.ledger.report(evidence));
        }
        Ok(())
    }
}
