//! The desk: where payloads leave this facility and where they arrive (rules ).
//!
//! As a **custodian** it hands a record over only for an access that the ledger granted, to the organisation that asked, within
//! the access's lifetime, and only while nothing that was committed since took the right away ([`door`]). It states on the ledger
//! what it handed over, and what it did not.
//!
//! As a **reader** it fetches what an access grants, from the custodian or from an intermediate, takes nothing without the proof
//! that the ledger authorises it ([`authorisation`]), checks every byte against the commitment on the ledger, and shows nothing before
//! all of it was checked ([`arrivals`]). It states on the ledger what arrived, and what was wrong.
//!
//! As an **intermediate** (中間サーバ) it keeps sealed bytes that it cannot read, for a bounded time ([`deposits`]).
//!
//! What it refuses to do: to decide anything that the ledger has not decided, and to write one readable byte of a payload.

mod arrivals;
mod authorisation;
#[cfg(feature = "byzantine")]
mod byzantine;
mod deposits;
mod door;
mod erasures;
mod fault;
mod outbox;
mod reply_keys;
mod watch;

use std::path::Path;
use std::sync::Arc;

use inro_contracts::access::Access;
use inro_contracts::id::{ChainId, OrganisationId, TransactionId};
use inro_contracts::key::{PublicKey, SecretKey};
use inro_contracts::state::{StateKey, Working, load};
use inro_contracts::time::Time;
use inro_network::{NetworkHandle, PayloadDoor};
use inro_vault::Vault;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::admission::{Admission, wall_clock};
use crate::config;
use crate::ledger::Ledger;
use crate::store::{Snapshot, Store};

pub use arrivals::{Arrival, ArrivalState, Fetching};
pub(crate) use authorisation::entry_statement;
pub use door::{Asker, NotHandedOver, Release};
pub use fault::DeskFault;

/// The desk of one node. Clones share it.
#[derive(Clone)]
pub struct Desk(Arc<Inner>);

pub(crate) struct Inner {
    chain: ChainId,
    ledger: Arc<Ledger>,
    network: NetworkHandle,
    vault: Vault,
    machine: PublicKey,
    outbox: outbox::Outbox,
    reply_keys: reply_keys::ReplyKeys,
    arrivals: arrivals::Arrivals,
    authorisations: authorisation::Authorisations,
    erasures: erasures::Erasures,
    deposits: Option<deposits::Deposits>,
    settings: config::Desk,
    stopping: CancellationToken,
}

/// Makes a door that stands in the place of this node's own, for tests of the others. It is given the desk and the honest door.
#[cfg(feature = "byzantine")]
pub type OtherDoor = Arc<dyn Fn(Desk, Arc<dyn PayloadDoor>) -> Arc<dyn PayloadDoor> + Send + Sync>;

/// A running desk.
pub struct Running {
    desk: Desk,
    tasks: JoinSet<()>,
}

impl Running {
    /// Ends its tasks. What was handed over and not yet stated on the ledger is stated after the next start.
    pub async fn stop(mut self) {
        self.desk.0.stopping.cancel();
        while self.tasks.join_next().await.is_some() {}
        self.desk.0.arrivals.stop().await;
    }
}

impl Desk {
    /// Opens the desk in `folder` and starts its work.
    pub fn start(
        folder: &Path,
        settings: config::Desk,
        ledger: Arc<Ledger>,
        network: NetworkHandle,
        vault: Vault,
        machine: SecretKey,
        admission: Admission,
    ) -> Result<(Self, Running), DeskFault> {
        let stopping = CancellationToken::new();
        let deposits = match &settings.intermediate {
            Some(intermediate) => Some(deposits::Deposits::open(&folder.join("deposits"), intermediate)?),
            None => None,
        };
        let desk = Self(Arc::new(Inner {
            chain: ledger.chain_id(),
            outbox: outbox::Outbox::open(&folder.join("outbox"), machine.clone(), ledger.chain_id())?,
            reply_keys: reply_keys::ReplyKeys::open(&folder.join("reply-keys"), &machine)?,
            arrivals: arrivals::Arrivals::open(&folder.join("arrivals"))?,
            authorisations: authorisation::Authorisations::default(),
            erasures: erasures::Erasures::open(&folder.join("erasures"))?,
            machine: machine.public(),
            ledger,
            network: network.clone(),
            vault,
            deposits,
            settings,
            stopping,
        }));
        network.open_door(desk.door());
        let mut tasks = JoinSet::new();
        tasks.spawn(outbox::run(desk.clone(), admission));
        tasks.spawn(watch::follow_blocks(desk.clone()));
        tasks.spawn(watch::keep_house(desk.clone()));
        Ok((desk.clone(), Running { desk, tasks }))
    }

    /// The door that the network opens to members.
    pub(crate) fn door(&self) -> Arc<dyn PayloadDoor> {
        Arc::new(door::Door(self.clone()))
    }

    /// The vault.
    pub fn vault(&self) -> &Vault {
        &self.0.vault
    }

    /// The organisation that runs this node, as the ledger knows it.
    pub fn organisation(&self) -> Result<OrganisationId, DeskFault> {
        let peer = Working::new(&self.snapshot()?).peer(&self.0.machine)?;
        peer.map(|peer| peer.organisation).ok_or(DeskFault::NotRegistered)
    }

    /// A granted access; `None` if this node's ledger does not have it.
    pub fn access(&self, id: &TransactionId) -> Result<Option<Access>, DeskFault> {
        Ok(load(&self.snapshot()?, &StateKey::Access(*id))?)
    }

    pub(crate) fn store(&self) -> &Store {
        self.0.ledger.store()
    }

    pub(crate) fn snapshot(&self) -> Result<Snapshot<'_>, DeskFault> {
        Ok(self.store().snapshot()?)
    }

    /// The later of the last block's time and this machine's clock: neither a slow clock nor an idle ledger makes a right last.
    pub(crate) fn now(&self) -> Time {
        self.0.ledger.view().tip.time.max(wall_clock())
    }
}
