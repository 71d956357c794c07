//! The daemon: puts the node's parts together, keeps consensus running in the right role, and takes everything down in order.
//!
//! This is the only place that knows all parts. A validator votes only while it knows what its key signed before; otherwise it
//! follows the others until they have decided beyond that, and then votes again by itself.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use inro_contracts::bytes::{Canonical, encode};
use inro_contracts::id::{ChainId, TransactionId};
use inro_contracts::key::SecretKey;
use inro_contracts::time::Height;
use inro_contracts::transaction::SignedTransaction;
use inro_engine::{Engine, EngineConfig, EngineFault, RecallFault, Timeouts};
use inro_genesis::ceremony::{self, CeremonyFault};
use inro_genesis::keyfile::{self, KeyFault, PassphraseSource};
use inro_network::{Network, NetworkConfig, NetworkError, NetworkEvent, NetworkHandle, TransactionSource};
use inro_vault::{FacilityKey, Settings, StoreSettings, Vault, VaultError};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tracing::{info, warn};

use crate::admission::{Admission, wall_clock};
use crate::config::{Config, Passphrase, multiaddress};
use crate::desk::{Desk, DeskFault};
use crate::ledger::{ForConsensus, Identity, Ledger, Standing, Worth, body_bytes_max};
use crate::mempool::{Limits, Pool, Room};
use crate::metrics::Metrics;
use crate::store::{Store, StoreError, StoreOptions};

/// Pause between two pieces of pruning: whoever waits to write a block comes first.
const PRUNING_PAUSE: Duration = Duration::from_millis(10);

/// Why the node does not run, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum DaemonFault {
    /// The founding document.
    #[error("the founding document: {0}")]
    Genesis(#[from] CeremonyFault),
    /// A key file or its passphrase.
    #[error("{0}")]
    Key(#[from] KeyFault),
    /// The store.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The exchange network.
    #[error("{0}")]
    Network(#[from] NetworkError),
    /// The consensus engine, or the ledger under it.
    #[error("{0}")]
    Engine(#[from] EngineFault),
    /// The sign guard or the engine's log.
    #[error("{0}")]
    Recall(#[from] RecallFault),
    /// The vault.
    #[error("the vault: {0}")]
    Vault(#[from] VaultError),
    /// The desk.
    #[error("the desk: {0}")]
    Desk(#[from] DeskFault),
    /// The API.
    #[error("{0}")]
    Api(#[from] crate::api::ApiFault),
    /// The peer key is not one that the ledger knows, and the ledger has blocks from before this machine.
    #[error("{what} cannot be started: {why}")]
    System {
        /// What.
        what: &'static str,
        /// The system's words.
        why: std::io::Error,
    },
    /// The ledger failed.
    #[error("{0}")]
    Ledger(#[from] inro_engine::Fault),
    /// A port is taken.
    #[error(
        "{what} cannot listen on {address}: another program uses this port; end it, or choose another port in the configuration"
    )]
    Occupied {
        /// Which part.
        what: &'static str,
        /// Where.
        address: String,
    },
}

impl DaemonFault {
    /// Is it something in what the operator gave, rather than in how things stand?
    pub fn is_bad_input(&self) -> bool {
        match self {
            Self::Genesis(fault) => fault.is_bad_input(),
            Self::Key(fault) => fault.is_bad_input(),
            _ => false,
        }
    }
}

/// A deviation from the protocol, for tests of the others.
#[derive(Clone, Default)]
pub struct Adversary {
    /// How the engine lies.
    #[cfg(feature = "byzantine")]
    pub engine: Option<inro_engine::ByzantineConfig>,
    /// What stands in the place of its desk's door.
    #[cfg(feature = "byzantine")]
    pub door: Option<crate::desk::OtherDoor>,
}

/// Runs a node until `stop` says so or something fails. Everything acknowledged is durable before this returns.
pub async fn run(config: Config, adversary: Adversary, stop: watch::Receiver<bool>) -> Result<(), DaemonFault> {
    let document = ceremony::read_genesis(&config.genesis)?;
    let founding = ceremony::verify(&document)?;
    let keys = open_keys(&config)?;
    require_free_port("the consensus engine", &config.consensus.listen)?;
    let store = open_store(&config, &founding, &document.to_bytes())?;
    let outcome = run_over(&config, founding.chain, keys, store.clone(), adversary, stop).await;
    close(store).await;
    outcome
}

/// Waits until nobody else holds the store, so that the database is closed before the process ends: one that is closed while it
/// ends can crash it.
async fn close(store: Store) {
    for _ in 0..100 {
        if store.is_held_alone() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    warn!("a part of the node still uses the store; it is safe on disk, but was not closed");
    // Whoever drops the last handle now would close it at the worst moment.
    std::mem::forget(store);
}

async fn run_over(
    config: &Config,
    chain: ChainId,
    keys: Keys,
    store: Store,
    adversary: Adversary,
    stop: watch::Receiver<bool>,
) -> Result<(), DaemonFault> {
    let metrics = Arc::new(Metrics::new());
    let limits = Limits {
        room: Room { transactions: config.mempool.transactions_max, bytes: config.mempool.bytes_max },
        organisation_share_percent: config.mempool.organisation_share_percent,
    };
    let pool = Arc::new(Pool::new(limits));
    let source = Arc::new(Source { pool: Arc::clone(&pool), store: store.clone() });
    let listen = multiaddress(&config.exchange.listen);
    let (network, events) = Network::start(NetworkConfig::new(keys.peer.clone(), listen), chain, source).await?;
    let identity = Identity { peer: keys.peer.clone(), validator: keys.validator.as_ref().map(SecretKey::public) };
    let ledger = Arc::new(Ledger::new(store.clone(), Arc::clone(&pool), network.clone(), identity, Arc::clone(&metrics))?);
    ledger.connect_members();

    let (announce, announcements) = mpsc::channel(1024);
    let admission = Admission::start(ledger.clone(), Arc::clone(&pool), Arc::new(wall_clock), Arc::clone(&metrics), announce)
        .map_err(|why| DaemonFault::System { what: "the thread that checks signatures", why })?;
    let (report, reports) = mpsc::unbounded_channel();
    // Dropped on every way out, which ends them.
    let mut tasks = JoinSet::new();
    tasks.spawn(announce_to_members(network.clone(), announcements));
    tasks.spawn(take_from_members(admission.clone(), events));
    tasks.spawn(submit_reports(admission.clone(), reports));
    if config.store.keep_blocks > 0 {
        tasks.spawn(prune(ledger.clone()));
    }
    tasks.spawn(keep_house(ledger.clone(), pool.clone(), network.clone(), admission.clone(), metrics.clone()));
    let vault = open_vault(config, &keys.passphrase).await?;
    let desk_folder = config.data.join("desk");
    let (desk, running_desk) = Desk::start(
        &desk_folder,
        config.desk.clone(),
        Arc::clone(&ledger),
        network.clone(),
        vault,
        keys.peer.clone(),
        admission.clone(),
    )?;
    #[cfg(feature = "byzantine")]
    if let Some(other) = &adversary.door {
        network.open_door(other(desk.clone(), desk.door()));
    }
    let api = crate::api::start(
        config,
        Arc::clone(&ledger),
        Arc::clone(&pool),
        admission.clone(),
        network.clone(),
        metrics.clone(),
        keys.public(),
        Some(desk),
    )
    .await?;
    info!(height = %ledger.view().tip.height, "the node runs");

    let consensus = Consensus { config, keys: &keys, ledger: &ledger, network: &network, metrics: &metrics, adversary };
    let outcome = consensus.keep_running(ForConsensus::new(Arc::clone(&ledger), admission, report), stop).await;

    api.stop().await;
    running_desk.stop().await;
    network.shutdown().await;
    tasks.shutdown().await;
    info!(height = %ledger.view().tip.height, "the node has stopped");
    outcome
}

/// Reads everything that a start reads, and says in a sentence what it found.
pub fn check(config: &Config) -> Result<String, DaemonFault> {
    let document = ceremony::read_genesis(&config.genesis)?;
    let founding = ceremony::verify(&document)?;
    let keys = open_keys(config)?;
    let role = match &keys.validator {
        Some(key) if founding.validators.find(&key.public()).is_some() => "a founding validator",
        Some(_) => "a validator that joined or will join by a vote",
        None => "an observer",
    };
    Ok(format!(
        "Configuration, founding document and keys are sound: {role} of ledger {:?}, chain {:?}.",
        document.ledger.as_str(),
        founding.chain
    ))
}

/// Lets a validator vote at heights that its sign guard forbids, on the operator's word that the key signed nothing there. Needed
/// only when so many validators wait at once that nobody is left to decide.
pub fn allow_voting(config: &Config) -> Result<String, DaemonFault> {
    let keys = open_keys(config)?;
    let Some(validator) = &keys.validator else { return Ok("This node has no consensus key: there is nothing to allow.".into()) };
    let document = ceremony::read_genesis(&config.genesis)?;
    let founding = ceremony::verify(&document)?;
    // The store's lock keeps a running node's guard out of reach.
    let store = open_store(config, &founding, &document.to_bytes())?;
    let folder = config.data.join("consensus");
    let mut guard = inro_engine::recall(&folder, &founding.chain, validator.public(), store.tip()?.height)?;
    let floor = guard.floor();
    guard.clear_floor().map_err(EngineFault::Refused)?;
    Ok(format!(
        "This key may vote again at every height after {}; the floor was {floor}. What the guard knows stays forbidden.",
        guard.height()
    ))
}

/// The keys of this node, open.
struct Keys {
    peer: SecretKey,
    validator: Option<SecretKey>,
    passphrase: inro_genesis::keyfile::Passphrase,
}

impl Keys {
    fn public(&self) -> crate::api::OwnKeys {
        crate::api::OwnKeys { peer: self.peer.public(), validator: self.validator.as_ref().map(SecretKey::public) }
    }
}

fn open_keys(config: &Config) -> Result<Keys, DaemonFault> {
    let source = match &config.keys.passphrase {
        Passphrase::File(path) => PassphraseSource::File(path.clone()),
        Passphrase::Environment(name) => PassphraseSource::Environment(name.clone()),
        Passphrase::Prompt => PassphraseSource::Prompt,
    };
    let passphrase = source.read("the node's keys")?;
    let validator = config.keys.validator.as_ref().map(|path| keyfile::open(path, &passphrase)).transpose()?;
    Ok(Keys { peer: keyfile::open(&config.keys.peer, &passphrase)?, validator, passphrase })
}

/// Opens the facility's vault; its key is made at the first start.
async fn open_vault(config: &Config, passphrase: &inro_genesis::keyfile::Passphrase) -> Result<Vault, DaemonFault> {
    let path = config.vault.key.clone().unwrap_or_else(|| config.data.join("vault.key"));
    let facility = if path.exists() {
        FacilityKey::open(&path, passphrase)?
    } else {
        info!("the facility's key is made; keep a copy of its file elsewhere");
        FacilityKey::create(&path, passphrase)?
    };
    let folder = config.vault.folder.clone().unwrap_or_else(|| config.data.join("vault"));
    let store = config.vault.store.clone();
    let store = store.unwrap_or_else(|| StoreSettings::Local { folder: config.data.join("payloads") });
    Ok(Vault::open(&Settings { folder, store }, facility).await?)
}

/// The engine's own words about a taken port are hard to act on, and come late.
fn require_free_port(what: &'static str, address: &std::net::SocketAddr) -> Result<(), DaemonFault> {
    match std::net::TcpListener::bind(address) {
        Ok(_) => Ok(()),
        Err(why) if why.kind() == std::io::ErrorKind::AddrInUse => {
            Err(DaemonFault::Occupied { what, address: address.to_string() })
        }
        Err(why) => Err(DaemonFault::System { what, why }),
    }
}

fn open_store(config: &Config, founding: &inro_contracts::genesis::Founding, document: &[u8]) -> Result<Store, DaemonFault> {
    // The configured memory is shared out among the database's block cache and the two caches above it.
    let mib = config.store.cache_mib as usize;
    let options = StoreOptions {
        reserve_mib: config.store.reserve_mib,
        block_cache_mib: mib / 2,
        tree_cache_mib: mib / 4,
        state_cache_mib: mib / 4,
        keep_blocks: config.store.keep_blocks,
        ..StoreOptions::default()
    };
    let store = Store::open(config.data.join("ledger"), &options)?;
    if store.is_founded() {
        store.require_chain(&founding.chain)?;
        store.check()?;
    } else {
        store.found(founding, document)?;
    }
    Ok(store)
}

/// Where other members' nodes find transactions that they miss.
struct Source {
    pool: Arc<Pool>,
    store: Store,
}

impl TransactionSource for Source {
    fn transactions(&self, ids: &[TransactionId]) -> Vec<Option<Bytes>> {
        let waiting: Vec<_> = self.pool.with(|pool| ids.iter().map(|id| pool.get(id)).collect());
        let find = |(id, waiting): (&TransactionId, Option<Arc<inro_contracts::transaction::VerifiedTransaction>>)| match waiting
        {
            Some(waiting) => Some(Bytes::copy_from_slice(waiting.bytes())),
            None => self.committed(id),
        };
        ids.iter().zip(waiting).map(find).collect()
    }

    fn standing(&self) -> Bytes {
        Standing::of(&self.store).map_or_else(|_| Bytes::new(), |standing| encode(&standing).into())
    }
}

impl Source {
    /// A transaction that was committed a moment ago, which a slower member may still miss.
    fn committed(&self, id: &TransactionId) -> Option<Bytes> {
        let snapshot = self.store.snapshot().ok()?;
        let place = snapshot.transaction(id).ok()??;
        let entry = snapshot.entry(place.height, place.index).ok()??;
        crate::ledger::transaction_part(&entry).ok().map(Bytes::copy_from_slice)
    }
}

/// Joins what clients submitted in the same moment into one frame for the other members.
async fn announce_to_members(network: NetworkHandle, mut announcements: mpsc::Receiver<Vec<Bytes>>) {
    let mut batches = Vec::new();
    while announcements.recv_many(&mut batches, 64).await > 0 {
        let together: Vec<Bytes> = batches.drain(..).flatten().collect();
        network.broadcast(&together);
    }
}

async fn take_from_members(admission: Admission, mut events: mpsc::Receiver<NetworkEvent>) {
    while let Some(event) = events.recv().await {
        if let NetworkEvent::Transactions { from, transactions } = event {
            admission.submit_from_peer(from, transactions);
        }
    }
}

/// Puts this node's reports of double signatures on the ledger.
async fn submit_reports(admission: Admission, mut reports: mpsc::UnboundedReceiver<SignedTransaction>) {
    while let Some(report) = reports.recv().await {
        for refusal in admission.submit_local(vec![report.to_bytes()]).await.into_iter().filter_map(Result::err) {
            warn!(%refusal, "a report of a double signature was not accepted");
        }
    }
}

/// Drops what need not be kept of old blocks, a little after each block and a little again while there is more.
async fn prune(ledger: Arc<Ledger>) {
    let mut committed = ledger.committed();
    loop {
        committed.borrow_and_update();
        let store = ledger.store().clone();
        match tokio::task::spawn_blocking(move || store.prune()).await {
            Ok(Ok(true)) => tokio::time::sleep(PRUNING_PAUSE).await,
            Ok(Ok(false)) if committed.changed().await.is_ok() => {}
            Ok(Err(error)) => return warn!(%error, "old blocks are no longer pruned"),
            _ => return,
        }
    }
}

/// What has to be done about once a second.
async fn keep_house(ledger: Arc<Ledger>, pool: Arc<Pool>, network: NetworkHandle, admission: Admission, metrics: Arc<Metrics>) {
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    let mut counted = network.counters();
    let mut guard_writes_before = 0;
    loop {
        ticks.tick().await;
        admission.announce_again();
        let now = wall_clock();
        let expired = pool.with(|pool| {
            let expired = pool.expire(now);
            metrics.note_mempool(pool);
            expired
        });
        metrics.mempool_expired.inc_by(expired as u64);
        metrics.peers_connected.set(network.connected().len() as i64);
        let guard_writes = inro_engine::guard::synced_writes();
        metrics.synced_writes.inc_by(guard_writes - guard_writes_before);
        guard_writes_before = guard_writes;
        let counters = network.counters();
        metrics.count_connections_refused("not-a-member", counters.connections_refused - counted.connections_refused);
        metrics.count_connections_refused("too-many", counters.connections_over_limit - counted.connections_over_limit);
        metrics.count_payload_bytes("sent", counters.payload_bytes_sent - counted.payload_bytes_sent);
        metrics.count_payload_bytes("received", counters.payload_bytes_received - counted.payload_bytes_received);
        counted = counters;
        if let Ok(free) = ledger.store().free_bytes() {
            metrics.disk_free_bytes.set(i64::try_from(free).unwrap_or(i64::MAX));
        }
    }
}

/// Keeps the engine running, as a validator or as a follower.
struct Consensus<'a> {
    config: &'a Config,
    keys: &'a Keys,
    ledger: &'a Arc<Ledger>,
    network: &'a NetworkHandle,
    metrics: &'a Metrics,
    #[cfg_attr(not(feature = "byzantine"), allow(dead_code))]
    adversary: Adversary,
}

/// How long a node that cannot check others' claims to be ahead waits for their blocks.
const CLAIMS_BELIEVED: Duration = Duration::from_secs(30);

/// How far the others are.
#[derive(Debug, Clone, Copy, Default)]
struct Heard {
    /// Did validators answer that make two thirds of the voting power together with this one?
    quorum: bool,
    /// The highest height that somebody proved.
    proved: Height,
    /// The highest height that somebody proved or claimed.
    claimed: Height,
}

/// The last height at which a key must not sign because others proved a block that this node does not have: its memory may come
/// from an older copy. A guard that remembers signing at that height is no such copy. Whoever decided the block are more than two
/// thirds, and each of them remembers it, so they never all wait for each other.
fn floor_for(tip: Height, signed: Height, proved: Height) -> Height {
    if proved > tip.max(signed) { proved.next() } else { Height(0) }
}

/// In which role the engine runs.
enum Role {
    /// It votes.
    Validator(inro_engine::guard::Guard),
    /// It has a consensus key, and must not use it at or below this height.
    Waiting(Height),
    /// It has no consensus key.
    Observer,
}

impl Consensus<'_> {
    async fn keep_running(&self, application: ForConsensus, mut stop: watch::Receiver<bool>) -> Result<(), DaemonFault> {
        let mut heard = self.ask_members(&mut stop).await;
        application.report_pending().await?;
        let mut floor = Height(0);
        loop {
            let (guard, waits_beyond) = match self.role(floor, &heard)? {
                Role::Validator(guard) => (Some(guard), None),
                Role::Waiting(floor) => {
                    info!(%floor, "this validator follows without voting until the others have decided beyond this height");
                    (None, Some(floor))
                }
                Role::Observer => (None, None),
            };
            let application = Arc::new(application.clone());
            let mut engine = inro_engine::start(self.engine_config(), application, guard).await?;
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return Ok(engine.stop().await?),
                fault = engine.ended() => match fault {
                    EngineFault::Refused(refused) => {
                        self.metrics.sign_guard_refusals.inc();
                        warn!(%refused, "this validator stops voting at this height");
                        floor = self.ledger.view().tip.height.next();
                    }
                    fault => return Err(fault.into()),
                },
                newly = self.may_vote(waits_beyond) => {
                    info!("the others have decided beyond what this key may have signed; this validator votes again");
                    self.stop_engine(engine).await;
                    heard = newly;
                }
            }
        }
    }

    async fn stop_engine(&self, engine: Engine) {
        if let Err(fault) = engine.stop().await {
            warn!(%fault, "the engine ended with a fault when it was told to stop");
        }
    }

    /// May this node vote now? The guard's floor is raised to `floor`, to what the guard and the engine's log ask, and beyond
    /// the height that others are deciding if they are ahead.
    fn role(&self, floor: Height, heard: &Heard) -> Result<Role, DaemonFault> {
        let Some(validator) = &self.keys.validator else { return Ok(Role::Observer) };
        let tip = self.ledger.view().tip.height;
        let mut guard = inro_engine::recall(&self.folder(), &self.ledger.chain_id(), validator.public(), tip)?;
        let ahead = floor_for(tip, guard.height(), heard.proved);
        guard.raise_floor(floor.max(ahead)).map_err(EngineFault::Refused)?;
        Ok(match heard.quorum && heard.claimed <= tip.next() && guard.floor() <= tip {
            true => Role::Validator(guard),
            false => Role::Waiting(guard.floor().max(tip)),
        })
    }

    /// Returns when the ledger has passed the floor and nobody is ahead any more; never, if this node does not wait to vote.
    async fn may_vote(&self, waits_beyond: Option<Height>) -> Heard {
        let Some(floor) = waits_beyond else { return std::future::pending().await };
        let mut claims_until = tokio::time::Instant::now() + CLAIMS_BELIEVED;
        let mut last = self.ledger.view().tip.height;
        loop {
            tokio::time::sleep(Duration::from_millis(500)).await;
            let tip = self.ledger.view().tip.height;
            if tip > last {
                last = tip;
                claims_until = tokio::time::Instant::now() + CLAIMS_BELIEVED;
            }
            if tip < floor {
                continue;
            }
            let mut heard = self.hear().await;
            if tokio::time::Instant::now() > claims_until {
                // Nobody could show blocks beyond this one: who claims more with unknown validators is not believed.
                heard.claimed = heard.proved;
            }
            let tip = self.ledger.view().tip.height;
            // One block may have been decided while the answers were on their way.
            if heard.quorum && heard.proved <= tip.next() && heard.claimed <= tip.next() {
                return heard;
            }
        }
    }

    /// Asks the members how far they are, until enough have answered or the configured time is over.
    async fn ask_members(&self, stop: &mut watch::Receiver<bool>) -> Heard {
        let until = tokio::time::Instant::now() + Duration::from_millis(self.config.consensus.start_wait_ms);
        loop {
            let heard = self.hear().await;
            if heard.quorum || self.keys.validator.is_none() || *stop.borrow() {
                return heard;
            }
            if tokio::time::Instant::now() > until {
                warn!("fewer than two thirds of the validators answer; this node follows without voting until they do");
                return heard;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Asks each connected machine of a validator how far it is.
    async fn hear(&self) -> Heard {
        let view = self.ledger.view();
        let own = self.keys.validator.as_ref().map(SecretKey::public);
        let connected = self.network.connected();
        let mut heard = Heard::default();
        let mut power = 0;
        for validator in view.validators.validators() {
            if Some(validator.key) == own {
                power += u64::from(validator.power);
                continue;
            }
            let machines = view.directory.machines_of_validator(&validator.key);
            for machine in machines.iter().filter(|machine| connected.contains(machine)) {
                let answer = self.network.ask_standing(machine, Duration::from_millis(500)).await;
                let standing = answer.ok().and_then(|bytes| Standing::read(&bytes).ok());
                match standing.and_then(|standing| standing.worth(&self.ledger.chain_id(), &view.validators)) {
                    Some(Worth::Proved(height)) => heard.proved = heard.proved.max(height),
                    Some(Worth::Claimed(height)) => heard.claimed = heard.claimed.max(height),
                    None => continue,
                }
                power += u64::from(validator.power);
                break;
            }
        }
        heard.quorum = view.validators.is_quorum(power);
        heard.claimed = heard.claimed.max(heard.proved);
        heard
    }

    fn folder(&self) -> PathBuf {
        self.config.data.join("consensus")
    }

    fn engine_config(&self) -> EngineConfig {
        let consensus = &self.config.consensus;
        let ms = Duration::from_millis;
        EngineConfig {
            chain: self.ledger.chain_id(),
            peer_secret: self.keys.peer.clone(),
            validator_secret: self.keys.validator.clone(),
            folder: self.folder(),
            listen: multiaddress(&consensus.listen),
            timeouts: Timeouts {
                propose: ms(consensus.propose_ms),
                prevote: ms(consensus.prevote_ms),
                precommit: ms(consensus.precommit_ms),
                round_step: ms(consensus.round_step_ms),
            },
            body_bytes_max: body_bytes_max(),
            #[cfg(feature = "byzantine")]
            adversary: self.adversary.engine.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All validators of a ledger were killed in the moment in which two of four had committed block 176 and two had not yet. Back
    /// again, the two that lacked it had signed it, and yet waited until the others would decide block 177 without them. Nobody ever
    /// did: a power cut at the wrong moment would have stopped the ledger for good.
    #[test]
    fn validators_that_remember_signing_the_newest_block_vote_again_although_they_lack_it() {
        let (tip, proved) = (Height(175), Height(176));
        assert_eq!(floor_for(tip, Height(176), proved), Height(0));
        assert_eq!(floor_for(proved, Height(176), proved), Height(0));
        assert_eq!(floor_for(tip, Height(175), proved), Height(177), "the guard may come from a copy made before");
        assert_eq!(floor_for(tip, Height(176), Height(177)), Height(178), "the others went on without this key's memory");
    }
}
