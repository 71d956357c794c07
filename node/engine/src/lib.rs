//! The consensus engine behind a narrow seam.
//!
//! Ordering comes from Malachite (Tendermint). This crate is the only one that knows it: it gives the engine our types
//! ([`context`]), our encoding ([`codec`]) and our signatures behind a guard against signing twice ([`guard`], [`signing`]),
//! carries block bodies in proposal parts ([`parts`]), and answers the engine's messages by asking an [`Application`]
//! ([`run`]). It knows nothing of what a block means.

#[cfg(feature = "byzantine")]
mod adversary;
mod codec;
mod context;
pub mod guard;
mod log;
mod parts;
mod run;
mod signing;

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use inro_contracts::block::Header;
use inro_contracts::certificate::Certificate;
use inro_contracts::id::{BlockId, ChainId};
use inro_contracts::key::{PublicKey, SecretKey};
use inro_contracts::time::Height;
use inro_contracts::validator::ValidatorSet;
use inro_contracts::vote::DoubleSign;

#[cfg(feature = "byzantine")]
pub use malachite_byzantine::{ByzantineConfig, Trigger};

pub use log::{RecallFault, recall};
pub use run::{Engine, EngineFault, start};

/// The engine's own figures, as Prometheus text.
pub fn metrics_text() -> String {
    let mut text = String::new();
    malachite::app::metrics::export(&mut text);
    text
}

/// What the engine asks of the ledger. A returned [`Fault`] stops the node: it must not guess.
#[async_trait]
pub trait Application: Send + Sync + 'static {
    /// The ledger's id.
    fn chain(&self) -> ChainId;

    /// The next height to decide, and who votes on it.
    async fn next(&self) -> Result<Next, Fault>;

    /// Builds a block on the last committed one and keeps it durably. Called when it is this node's turn to propose.
    async fn propose(&self, height: Height, round: u32) -> Result<Proposed, Fault>;

    /// Executes a proposed block and keeps it durably if it is valid; only then may the node vote for it.
    async fn judge(&self, round: u32, header: Header, body: Bytes, from: PublicKey) -> Result<Verdict, Fault>;

    /// Blocks of this height that were proposed or judged valid before, also before a restart.
    async fn undecided(&self, height: Height) -> Result<Vec<Undecided>, Fault>;

    /// A block kept by [`Self::propose`] or [`Self::judge`], to be sent again.
    async fn body(&self, height: Height, block: &BlockId) -> Result<Option<Proposed>, Fault>;

    /// Writes a decided block. Returns when it is durable. Does nothing for a height that is committed already.
    async fn commit(&self, certificate: Certificate) -> Result<(), Fault>;

    /// Takes the certificate with late signatures, and evidence of validators that signed twice.
    async fn finalise(&self, certificate: Certificate, evidence: Vec<DoubleSign>) -> Result<Next, Fault>;

    /// Returns when there is something to put in a block.
    async fn work(&self);

    /// From this height on every committed block can be had from [`Self::decided`].
    async fn whole_from(&self) -> Result<Height, Fault>;

    /// A committed block for a node that catches up: its bytes and certificate; `None` if it is not here, or not whole any more.
    async fn decided(&self, height: Height) -> Result<Option<(Bytes, Certificate)>, Fault>;

    /// Executes a block received while catching up. The engine checks the certificate.
    async fn judge_synced(&self, height: Height, block: Bytes) -> Result<SyncVerdict, Fault>;
}

/// What comes next.
#[derive(Debug, Clone)]
pub struct Next {
    /// The height.
    pub height: Height,
    /// Who votes on it.
    pub validators: ValidatorSet,
    /// The longest time without a block (rule L-7).
    pub heartbeat: Duration,
    /// The peers of the consensus network now: network identity and address.
    pub peers: Vec<(PublicKey, String)>,
}

/// A block as its proposer sends it: the header, and a body that lets every validator find its transactions.
#[derive(Debug, Clone)]
pub struct Proposed {
    /// The header.
    pub header: Header,
    /// The body, opaque to the engine.
    pub body: Bytes,
}

/// A block that waits for its decision.
#[derive(Debug, Clone)]
pub struct Undecided {
    /// The round in which it was proposed.
    pub round: u32,
    /// The header.
    pub header: Header,
}

/// What became of a proposed block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Executed, with equal roots, and kept.
    Valid,
    /// It breaks a rule; the node votes against it.
    Invalid,
    /// Its transactions could not be had in time; the node does not vote for it.
    Unavailable,
}

/// What became of a block received while catching up.
#[derive(Debug, Clone)]
pub enum SyncVerdict {
    /// Executed, with equal roots, and kept.
    Valid(Box<Header>),
    /// The peer sent something else than a block of the ledger.
    PeerFault,
    /// This node could not judge it now.
    TryAgain,
}

/// The ledger failed; the sentence says how.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct Fault(pub String);

/// Everything the engine needs to start.
pub struct EngineConfig {
    /// The ledger.
    pub chain: ChainId,
    /// This machine's network identity.
    pub peer_secret: SecretKey,
    /// The consensus key; none for an observer.
    pub validator_secret: Option<SecretKey>,
    /// The folder for the engine's log and the sign guard.
    pub folder: PathBuf,
    /// Where to listen: `/ip4/…/tcp/…`.
    pub listen: String,
    /// Timeouts of one round.
    pub timeouts: Timeouts,
    /// The largest block body in bytes.
    pub body_bytes_max: usize,
    /// How a validator lies, in tests of the others.
    #[cfg(feature = "byzantine")]
    pub adversary: Option<malachite_byzantine::ByzantineConfig>,
}

/// How long a step of a round waits before the next round begins.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// For the proposal.
    pub propose: Duration,
    /// For prevotes, after two thirds voted without agreeing.
    pub prevote: Duration,
    /// For precommits, after two thirds voted without agreeing.
    pub precommit: Duration,
    /// By how much each further round lengthens these.
    pub round_step: Duration,
}
