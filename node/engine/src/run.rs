//! The engine's messages, answered one at a time: each arm asks the [`Application`] and replies.

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use inro_contracts::certificate::Certificate;
use inro_contracts::key::{PublicKey, SecretKey};
use inro_contracts::time;
use inro_contracts::vote::DoubleSign;
use libp2p::Multiaddr;
use malachite::app::config::{
    ConsensusConfig, DiscoveryConfig, NodeConfig, P2pConfig, PubSubProtocol, ValuePayload, ValueSyncConfig,
};
use malachite::app::engine::host::{HeightParams, Next as EngineNext, SyncedValueOutcome};
use malachite::app::engine::network::PersistentPeersOp;
use malachite::app::types::codec::Codec;
use malachite::app::types::sync::RawDecidedValue;
use malachite::app::types::{Keypair, LocallyProposedValue, MisbehaviorEvidence, ProposedValue};
use malachite::{
    AppMsg, Channels, ConsensusContext, EngineBuilder, EngineHandle, NetworkContext, NetworkIdentity, NetworkMsg, NetworkRequest,
    RequestContext, SyncContext, WalContext,
};
use malachite_core_types::{
    CommitCertificate, ExtendedCommitCertificate, ExtendedCommitSignature, LinearTimeouts, Round, Validity,
};
use malachite_signing::Signer;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tracing::{debug, info, warn};

use crate::codec::Wire;
use crate::context::{Address, Context, Height, Members, Value, ValueId, certificate_from};
use crate::guard::{Guard, Refused};
use crate::parts::{Assembled, Assembler, cut};
use crate::signing::{ChainVerifier, GuardedSigner};
use crate::{Application, EngineConfig, Fault, Next, Proposed, SyncVerdict, Timeouts, Verdict};

/// Heights ahead of the ledger for which proposals are kept until their turn.
const EARLY_HEIGHTS: u64 = 2;
/// Most bytes of blocks in one answer to a node that catches up.
const SYNC_BYTES: usize = 6 * 1024 * 1024;

/// How long one part of the engine may take to stop.
const ACTOR_STOPS_WITHIN: Duration = Duration::from_secs(2);

/// Why the engine ended by itself.
#[derive(Debug, Clone, thiserror::Error)]
pub enum EngineFault {
    /// It could not start.
    #[error("the consensus engine cannot start: {0}")]
    Start(String),
    /// The ledger failed.
    #[error(transparent)]
    Application(#[from] Fault),
    /// The guard refused a signature; the node may go on without voting.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The engine stopped without being told to.
    #[error("the consensus engine stopped unexpectedly; its log names the cause")]
    Stopped,
}

/// A running engine.
pub struct Engine {
    stop: watch::Sender<bool>,
    task: JoinHandle<Result<(), EngineFault>>,
}

impl Engine {
    /// Stops the engine and waits until it has ended.
    pub async fn stop(self) -> Result<(), EngineFault> {
        self.stop.send_replace(true);
        self.task.await.unwrap_or(Err(EngineFault::Stopped))
    }

    /// Waits until the engine ends by itself, which is always a fault.
    pub async fn ended(&mut self) -> EngineFault {
        match (&mut self.task).await {
            Ok(Err(fault)) => fault,
            _ => EngineFault::Stopped,
        }
    }
}

/// Starts the engine: as a validator if a guard is given (it must be the guard of the configured consensus key), as a follower
/// that never signs otherwise.
pub async fn start(config: EngineConfig, application: Arc<dyn Application>, guard: Option<Guard>) -> Result<Engine, EngineFault> {
    let first = application.next().await?;
    let (channels, handle, refusals) = build(&config, &first, guard).await?;
    let (stop, stopped) = watch::channel(false);
    let mut driver = Driver {
        application,
        assembler: Assembler::new(config.body_bytes_max),
        early: BTreeMap::new(),
        net: channels.net_requests.clone(),
        parts: channels.network.clone(),
        peers: first.peers.clone(),
        stream: Arc::new(AtomicU64::new(first_stream_number())),
        tip: Height(first.height.0.saturating_sub(1)),
        timeouts: linear(&config.timeouts),
        seen: watch::Sender::new(Height(0)),
        synced: Height(0),
    };
    let log = wal_path(&config.folder);
    let task = tokio::spawn(async move {
        let outcome = driver.run(channels, refusals, stopped).await;
        shut_down(handle).await;
        wait_until_closed(&log).await;
        outcome
    });
    Ok(Engine { stop, task })
}

/// Streams of a restarted node must not be taken for those before: numbers begin with the clock.
fn first_stream_number() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_micros() as u64)
}

/// Stops the engine's actors one after the other, the last started first: its log and its network are still there while
/// consensus ends. Each is taken from its supervisor before, which would otherwise end all the others at once; and each is
/// waited for, because the network has to have closed its connections before another engine of this identity opens new ones: a
/// peer that still holds an old one does not say again what it subscribes to, and would never be sent a vote.
async fn shut_down(handle: EngineHandle) {
    let node = handle.actor.get_cell();
    let mut actors = node.get_children();
    actors.sort_by_key(|actor| std::cmp::Reverse(actor.get_id()));
    for actor in actors {
        actor.unlink(node.clone());
        if actor.stop_and_wait(Some("the node stops".into()), Some(ACTOR_STOPS_WITHIN)).await.is_err() {
            warn!("a part of the consensus engine did not stop within {} s", ACTOR_STOPS_WITHIN.as_secs());
        }
    }
    handle.actor.stop(Some("the node stops".into()));
    if tokio::time::timeout(ACTOR_STOPS_WITHIN, handle.handle).await.is_err() {
        warn!("the consensus engine did not stop within {} s", ACTOR_STOPS_WITHIN.as_secs());
    }
}

/// The engine's log is written by a thread that nobody joins: it closes the log a moment after the actors have ended, and whoever
/// opens it before is refused.
async fn wait_until_closed(log: &Path) {
    let until = tokio::time::Instant::now() + ACTOR_STOPS_WITHIN;
    while tokio::time::Instant::now() < until {
        // The lock that is taken here ends with the file.
        match File::open(log).map(|file| file.try_lock()) {
            Ok(Err(TryLockError::WouldBlock)) => tokio::time::sleep(Duration::from_millis(5)).await,
            _ => return,
        }
    }
    warn!("the consensus engine's log was not closed within {} s", ACTOR_STOPS_WITHIN.as_secs());
}

#[derive(Clone)]
struct Configuration {
    moniker: String,
    consensus: ConsensusConfig,
    sync: ValueSyncConfig,
}

impl NodeConfig for Configuration {
    fn moniker(&self) -> &str {
        &self.moniker
    }
    fn consensus(&self) -> &ConsensusConfig {
        &self.consensus
    }
    fn consensus_mut(&mut self) -> &mut ConsensusConfig {
        &mut self.consensus
    }
    fn value_sync(&self) -> &ValueSyncConfig {
        &self.sync
    }
    fn value_sync_mut(&mut self) -> &mut ValueSyncConfig {
        &mut self.sync
    }
}

fn configuration(config: &EngineConfig, peers: &[(PublicKey, String)]) -> Result<Configuration, EngineFault> {
    let listen_addr = config.listen.parse().map_err(|error| {
        EngineFault::Start(format!("the consensus listen address {:?} is not /ip4/…/tcp/…: {error}", config.listen))
    })?;
    let own = config.peer_secret.public();
    let discovery = DiscoveryConfig {
        enabled: false,
        max_connections_per_ip: 256,
        dial_max_retries: usize::MAX,
        ..DiscoveryConfig::default()
    };
    let size = |bytes: usize| malachite_byte_size(bytes as u64);
    let p2p = P2pConfig {
        listen_addr,
        persistent_peers: peers.iter().filter(|(key, _)| *key != own).filter_map(address_of).collect(),
        persistent_peers_only: true,
        discovery,
        protocol: PubSubProtocol::Broadcast,
        pubsub_max_size: size(1024 * 1024),
        rpc_max_size: size(2 * SYNC_BYTES + config.body_bytes_max),
        ..P2pConfig::default()
    };
    let consensus = ConsensusConfig { p2p, value_payload: ValuePayload::ProposalAndParts, ..ConsensusConfig::default() };
    let sync = ValueSyncConfig {
        status_update_interval: Duration::from_secs(2),
        request_timeout: Duration::from_secs(5),
        max_response_size: size(2 * SYNC_BYTES + config.body_bytes_max),
        batch_size: 32,
        ..ValueSyncConfig::default()
    };
    Ok(Configuration { moniker: own.to_hex()[..8].to_owned(), consensus, sync })
}

fn malachite_byte_size(bytes: u64) -> bytesize::ByteSize {
    bytesize::ByteSize::b(bytes)
}

/// A peer's address with its identity; `None` for one that is not an address, which the ledger's rules exclude.
fn address_of((key, address): &(PublicKey, String)) -> Option<Multiaddr> {
    let address: Multiaddr = address.parse().ok()?;
    let key = libp2p::identity::ed25519::PublicKey::try_from_bytes(&key.0).ok()?;
    address.with_p2p(libp2p::identity::PublicKey::from(key).to_peer_id()).ok()
}

type Built = (Channels<Context>, EngineHandle, watch::Receiver<Option<Refused>>);

async fn build(config: &EngineConfig, first: &Next, guard: Option<Guard>) -> Result<Built, EngineFault> {
    let start = |error: eyre::Report| EngineFault::Start(format!("{error:#}"));
    std::fs::create_dir_all(&config.folder)
        .map_err(|error| EngineFault::Start(format!("cannot make the folder {}: {error}", config.folder.display())))?;
    let keypair = keypair(&config.peer_secret)?;
    let verifier = Box::new(ChainVerifier { chain: config.chain });
    let settings = configuration(config, &first.peers)?;
    let moniker = settings.moniker.clone();
    let wal = WalContext::new(wal_path(&config.folder), Wire);

    let (consensus, identity, refusals) = match (guard, &config.validator_secret) {
        (Some(guard), Some(secret)) => {
            let signer = GuardedSigner::new(config.chain, secret.clone(), Arc::new(Mutex::new(guard)));
            let refusals = signer.refusals();
            let address = Address(secret.public());
            let peer = keypair.public().to_peer_id().to_bytes();
            let proof = signer
                .sign_validator_proof(secret.public().0.to_vec(), peer)
                .await
                .map_err(|error| EngineFault::Start(error.to_string()))?;
            let proof = Wire.encode(&proof).map_err(|error| EngineFault::Start(error.to_string()))?;
            let identity = NetworkIdentity::new_validator(moniker, keypair, address.to_string(), proof);
            (ConsensusContext::new_validator(address, verifier, Box::new(signer)), identity, refusals)
        }
        _ => {
            // A follower's address is its network identity: it is in no validator set.
            let address = Address(config.peer_secret.public());
            let identity = NetworkIdentity::new(moniker, keypair, None);
            let (_, refusals) = watch::channel(None);
            (ConsensusContext::new_full_node(address, verifier), identity, refusals)
        }
    };
    let builder = EngineBuilder::new(Context, settings).with_default_wal(wal);
    #[cfg(feature = "byzantine")]
    if let (Some(adversary), Some(secret)) = (&config.adversary, &config.validator_secret) {
        let lying = crate::adversary::network(identity, config.chain, secret, adversary.clone());
        let builder = builder.with_byzantine_network(lying).await.map_err(start)?;
        let (channels, handle) = builder
            .with_default_sync(SyncContext::new(Wire))
            .with_default_consensus(consensus)
            .with_default_request(RequestContext::new(256))
            .build()
            .await
            .map_err(start)?;
        return Ok((channels, handle, refusals));
    }
    let (channels, handle) = builder
        .with_default_network(NetworkContext::new(identity, Wire))
        .with_default_sync(SyncContext::new(Wire))
        .with_default_consensus(consensus)
        .with_default_request(RequestContext::new(256))
        .build()
        .await
        .map_err(start)?;
    Ok((channels, handle, refusals))
}

/// Where the engine keeps its log.
pub(crate) fn wal_path(folder: &Path) -> std::path::PathBuf {
    folder.join("engine.wal")
}

fn keypair(secret: &SecretKey) -> Result<Keypair, EngineFault> {
    Keypair::ed25519_from_bytes(secret.seed()).map_err(|error| EngineFault::Start(format!("the peer key: {error}")))
}

fn linear(timeouts: &Timeouts) -> LinearTimeouts {
    LinearTimeouts {
        propose: timeouts.propose,
        propose_delta: timeouts.round_step,
        prevote: timeouts.prevote,
        prevote_delta: timeouts.round_step,
        precommit: timeouts.precommit,
        precommit_delta: timeouts.round_step,
        rebroadcast: (timeouts.propose + timeouts.prevote + timeouts.precommit) * 2,
        max_timeout: Duration::from_secs(20),
    }
}

struct Driver {
    application: Arc<dyn Application>,
    assembler: Assembler,
    /// Complete blocks of the next heights, until their turn.
    early: BTreeMap<Height, Vec<Assembled>>,
    net: tokio::sync::mpsc::Sender<NetworkRequest>,
    parts: tokio::sync::mpsc::Sender<NetworkMsg<Context>>,
    peers: Vec<(PublicKey, String)>,
    stream: Arc<AtomicU64>,
    /// The last committed height.
    tip: Height,
    timeouts: LinearTimeouts,
    /// The latest height of which a proposal was seen: a held height starts when its proposal is.
    seen: watch::Sender<Height>,
    /// The latest height that came from a peer while catching up: the next one may follow at once.
    synced: Height,
}

impl Driver {
    async fn run(
        &mut self,
        mut channels: Channels<Context>,
        mut refusals: watch::Receiver<Option<Refused>>,
        mut stopped: watch::Receiver<bool>,
    ) -> Result<(), EngineFault> {
        loop {
            tokio::select! {
                biased;
                () = told_to_stop(&mut stopped) => return Ok(()),
                refused = refusal(&mut refusals) => return Err(EngineFault::Refused(refused)),
                message = channels.consensus.recv() => match message {
                    Some(message) => self.answer(message).await?,
                    None => return Err(EngineFault::Stopped),
                },
            }
        }
    }

    async fn answer(&mut self, message: AppMsg<Context>) -> Result<(), Fault> {
        match message {
            AppMsg::ConsensusReady { reply } => {
                let next = self.application.next().await?;
                send(reply, (Height(next.height.0), self.params(&next)));
            }
            AppMsg::StartedRound { height, round, reply_value, .. } => {
                let values = self.undecided(height, round).await?;
                send(reply_value, values);
            }
            AppMsg::GetValue { height, round, reply, .. } => self.propose(height, round, reply).await?,
            AppMsg::ReceivedProposalPart { from, published_by, part, reply } => {
                let complete = self.assembler.add(published_by.unwrap_or(from), part);
                let value = match complete {
                    Some(assembled) => self.receive(assembled).await?,
                    None => None,
                };
                send(reply, value);
            }
            AppMsg::RestreamProposal { height, round, value_id, .. } => {
                let body = self.application.body(time::Height(height.0), &value_id.0).await?;
                match body {
                    Some(proposed) => self.publish(round.as_u32().unwrap_or(0), &proposed).await,
                    None => debug!(%height, %value_id, "cannot send a block again that this node does not have"),
                }
            }
            AppMsg::Decided { certificate, reply, .. } => {
                self.decide(&certificate).await?;
                send(reply, ());
            }
            AppMsg::Finalized { certificate, evidence, reply, .. } => self.finalise(&certificate, evidence, reply).await?,
            AppMsg::GetDecidedValues { range, reply } => {
                let values = self.serve(*range.start(), *range.end()).await?;
                send(reply, values);
            }
            AppMsg::ProcessSyncedValue { height, round, proposer, value_bytes, reply } => {
                let outcome = self.judge_synced(height, round, proposer, value_bytes).await?;
                send(reply, outcome);
            }
            AppMsg::GetHistoryMinHeight { reply } => {
                let first = self.application.whole_from().await?;
                send(reply, Height(first.0));
            }
            // The ledger has no vote extensions.
            AppMsg::ExtendVote { reply, .. } => send(reply, None),
            AppMsg::VerifyVoteExtensions { extensions, reply, .. } => {
                let refused = malachite_core_consensus::VoteExtensionError::InvalidVoteExtension;
                send(reply, extensions.into_iter().map(|(address, _)| (address, Err(refused.clone()))).collect());
            }
        }
        Ok(())
    }

    fn params(&self, next: &Next) -> HeightParams<Context> {
        HeightParams::new(Members::from(&next.validators), self.timeouts, None)
    }

    /// Blocks of a round that are known already: kept before a restart, or complete before the height began.
    async fn undecided(&mut self, height: Height, round: Round) -> Result<Vec<ProposedValue<Context>>, Fault> {
        self.early.retain(|early, _| *early >= height);
        let mut values = Vec::new();
        for assembled in self.early.remove(&height).unwrap_or_default() {
            values.extend(self.judge(assembled).await?);
        }
        for kept in self.application.undecided(time::Height(height.0)).await? {
            let value = proposed_value(Height(kept.header.height.0), kept.round, Value::new(kept.header), Validity::Valid);
            if value.round == round && !values.contains(&value) {
                values.push(value);
            }
        }
        Ok(values)
    }

    async fn propose(
        &mut self,
        height: Height,
        round: Round,
        reply: oneshot::Sender<LocallyProposedValue<Context>>,
    ) -> Result<(), Fault> {
        let round = round.as_u32().unwrap_or(0);
        let proposed = self.application.propose(time::Height(height.0), round).await?;
        let value = Value::new(proposed.header.clone());
        send(reply, LocallyProposedValue::new(height, Round::new(round), value));
        self.publish(round, &proposed).await;
        Ok(())
    }

    async fn publish(&self, round: u32, proposed: &Proposed) {
        let number = self.stream.fetch_add(1, Ordering::Relaxed);
        for message in cut(number, round, proposed) {
            if self.parts.send(NetworkMsg::PublishProposalPart(message)).await.is_err() {
                // The engine is stopping; the loop sees it next.
                return;
            }
        }
    }

    async fn receive(&mut self, assembled: Assembled) -> Result<Option<ProposedValue<Context>>, Fault> {
        let next = Height(self.tip.0 + 1);
        if assembled.height == next {
            self.seen.send_replace(assembled.height);
            return self.judge(assembled).await;
        }
        if assembled.height > next && assembled.height.0 <= next.0 + EARLY_HEIGHTS {
            let waiting = self.early.entry(assembled.height).or_default();
            if waiting.len() < 4 {
                waiting.push(assembled);
            }
        }
        Ok(None)
    }

    async fn judge(&self, assembled: Assembled) -> Result<Option<ProposedValue<Context>>, Fault> {
        let Assembled { height, round, header, body } = assembled;
        let value = Value::new(header.clone());
        let proposer = header.proposer;
        let validity = match self.application.judge(round, header, body, proposer).await? {
            Verdict::Valid => Validity::Valid,
            Verdict::Invalid => Validity::Invalid,
            Verdict::Unavailable => return Ok(None),
        };
        Ok(Some(proposed_value(height, round, value, validity)))
    }

    async fn decide(&mut self, certificate: &CommitCertificate<Context>) -> Result<(), Fault> {
        self.application.commit(ours(certificate)?).await?;
        self.tip = self.tip.max(certificate.height);
        self.assembler.forget(self.tip);
        Ok(())
    }

    async fn finalise(
        &mut self,
        certificate: &CommitCertificate<Context>,
        evidence: MisbehaviorEvidence<Context>,
        reply: oneshot::Sender<EngineNext<Context>>,
    ) -> Result<(), Fault> {
        let certificate = ours(certificate)?;
        let evidence = self.evidence(evidence);
        let chain_next = self.application.finalise(certificate, evidence).await?;
        self.update_peers(&chain_next).await;
        let start = EngineNext::Start(Height(chain_next.height.0), self.params(&chain_next));
        // A node that catches up asks for the next block now; holding it back would cost a heartbeat for each.
        let catching_up = self.synced.0 + 1 == chain_next.height.0;
        if catching_up || self.early.contains_key(&Height(chain_next.height.0)) {
            send(reply, start);
            return Ok(());
        }
        let (application, mut seen) = (self.application.clone(), self.seen.subscribe());
        let height = Height(chain_next.height.0);
        tokio::spawn(async move {
            tokio::select! {
                () = application.work() => {}
                _ = seen.wait_for(|seen| *seen >= height) => {}
                () = tokio::time::sleep(chain_next.heartbeat) => {}
            }
            send(reply, start);
        });
        Ok(())
    }

    fn evidence(&self, evidence: MisbehaviorEvidence<Context>) -> Vec<DoubleSign> {
        let chain = self.application.chain();
        let mut found = Vec::new();
        for (_, pairs) in evidence.votes {
            found.extend(pairs.into_iter().filter_map(|(first, second)| {
                Some(DoubleSign::Votes {
                    first: first.message.statement(&chain)?,
                    first_signature: first.signature,
                    second: second.message.statement(&chain)?,
                    second_signature: second.signature,
                })
            }));
        }
        for (_, pairs) in evidence.proposals {
            found.extend(pairs.into_iter().filter_map(|(first, second)| {
                Some(DoubleSign::Proposals {
                    first: first.message.statement(&chain)?,
                    first_signature: first.signature,
                    second: second.message.statement(&chain)?,
                    second_signature: second.signature,
                })
            }));
        }
        found
    }

    /// Tells the engine's network who joined and who left.
    async fn update_peers(&mut self, next: &Next) {
        if self.peers == next.peers {
            return;
        }
        let gone = self.peers.iter().filter(|peer| !next.peers.contains(peer)).filter_map(address_of);
        let come = next.peers.iter().filter(|peer| !self.peers.contains(peer)).filter_map(address_of);
        let changes = gone.map(PersistentPeersOp::Remove).chain(come.map(PersistentPeersOp::Add));
        for change in changes {
            let (reply, answer) = oneshot::channel();
            if self.net.send(NetworkRequest::UpdatePersistentPeers(change, reply)).await.is_ok()
                && let Ok(Err(error)) = answer.await
            {
                warn!(%error, "the consensus network did not take a change of peers");
            }
        }
        info!(peers = next.peers.len(), "the consensus network's peers changed");
        self.peers = next.peers.clone();
    }

    async fn serve(&self, first: Height, last: Height) -> Result<Vec<RawDecidedValue<Context>>, Fault> {
        let mut values = Vec::new();
        let mut bytes = 0;
        for height in first.0..=last.0 {
            let Some((block, certificate)) = self.application.decided(time::Height(height)).await? else { break };
            bytes += block.len();
            if bytes > SYNC_BYTES && !values.is_empty() {
                break;
            }
            values.push(RawDecidedValue::new(block, theirs(&certificate)));
        }
        Ok(values)
    }

    async fn judge_synced(
        &mut self,
        height: Height,
        round: Round,
        proposer: Address,
        block: Bytes,
    ) -> Result<SyncedValueOutcome<Context>, Fault> {
        Ok(match self.application.judge_synced(time::Height(height.0), block).await? {
            SyncVerdict::Valid(header) => {
                self.synced = self.synced.max(height);
                let (valid_round, value, validity) = (Round::Nil, Value::new(*header), Validity::Valid);
                SyncedValueOutcome::Verdict(ProposedValue { height, round, valid_round, proposer, value, validity })
            }
            SyncVerdict::PeerFault => SyncedValueOutcome::PeerFault,
            SyncVerdict::TryAgain => SyncedValueOutcome::LocalTransientError,
        })
    }
}

/// Returns when the engine is told to stop; also when nobody is left to tell it.
async fn told_to_stop(stopped: &mut watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stop| *stop).await;
}

/// Returns the guard's first refusal; never, if there is none.
async fn refusal(refusals: &mut watch::Receiver<Option<Refused>>) -> Refused {
    match refusals.wait_for(Option::is_some).await.ok().and_then(|refused| refused.clone()) {
        Some(refused) => refused,
        None => std::future::pending().await,
    }
}

fn proposed_value(height: Height, round: u32, value: Value, validity: Validity) -> ProposedValue<Context> {
    let proposer = Address(value.header.proposer);
    ProposedValue { height, round: Round::new(round), valid_round: Round::Nil, proposer, value, validity }
}

fn ours(certificate: &CommitCertificate<Context>) -> Result<Certificate, Fault> {
    certificate_from(certificate).ok_or_else(|| Fault("the engine made a certificate without a round".into()))
}

fn theirs(certificate: &Certificate) -> ExtendedCommitCertificate<Context> {
    ExtendedCommitCertificate {
        height: Height(certificate.height.0),
        round: Round::new(certificate.round),
        value_id: ValueId(certificate.block),
        commit_signatures: certificate
            .signatures
            .iter()
            .map(|part| ExtendedCommitSignature::new(Address(part.validator), part.signature, None))
            .collect(),
    }
}

/// Replies; an engine that no longer listens is stopping, and the loop sees that next.
fn send<T>(reply: oneshot::Sender<T>, answer: T) {
    let _ = reply.send(answer);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A waiting validator that was told to vote again stopped its engine and started the next one before the first one's log was
    /// closed: "the file is already locked", and the whole node ended.
    #[tokio::test]
    async fn a_log_that_is_still_open_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = wal_path(folder.path());
        let log = File::create(&path).unwrap();
        log.lock().unwrap();
        let closing = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(200));
            drop(log);
        });
        wait_until_closed(&path).await;
        File::open(&path).unwrap().try_lock().unwrap();
        closing.join().unwrap();
        wait_until_closed(&folder.path().join("no log")).await;
    }
}
