//! What the node implements: whether a peer may have an object, where its bytes come from, and where deposits go.

use async_trait::async_trait;
use bytes::Bytes;
use inro_contracts::key::PublicKey;

use super::frames::{Authorisation, Deposit, Holding, Holdings, ObjectId, Refusal};

/// The node's side of the payload exchange. Every question names the peer by the key that Noise proved; which organisation
/// it belongs to is in the node's committed state, and nowhere else.
#[async_trait]
pub trait PayloadDoor: Send + Sync + 'static {
    /// Decides from committed state whether the peer may have the object (rule X-1), and opens its sealed bytes at `offset`.
    /// An intermediate opens a deposit that is for the peer's organisation.
    async fn open(&self, peer: &PublicKey, object: &ObjectId, offset: u64) -> Result<Opened, Refusal>;

    /// Decides whether to keep a deposit for a peer, and opens its place. The same deposit again is opened where it was
    /// broken off; while one transfer of it is open, another one is [`Refusal::Busy`].
    async fn keep(&self, peer: &PublicKey, deposit: &Deposit) -> Result<Box<dyn SealedSink>, Refusal>;

    /// What is kept here for the peer's organisation, in ascending order, after the object that the question names.
    async fn holdings(&self, peer: &PublicKey, question: &Holding) -> Result<Holdings, Refusal>;

    /// The peer's organisation has the whole object: deletes the deposit. Answered alike when it is gone already.
    async fn taken(&self, peer: &PublicKey, object: &ObjectId) -> Result<(), Refusal>;
}

/// An object that a peer may have.
pub struct Opened {
    /// The evidence that it may.
    pub authorisation: Authorisation,
    /// Its sealed bytes.
    pub source: Box<dyn SealedSource>,
}

/// Where an object's sealed bytes come from. It is dropped when the transfer ends, however it ends.
#[async_trait]
pub trait SealedSource: Send {
    /// How many sealed bytes the whole object has.
    fn total(&self) -> u64;

    /// The next bytes: at least one, at most `most`. Asked for only as fast as the peer takes them, so this is also where a
    /// node that learns of a revocation in mid-transfer says so. Called again after it was dropped half-way only if the
    /// transfer has ended.
    async fn next(&mut self, most: usize) -> Result<Bytes, Refusal>;
}

/// Where a deposit's sealed bytes go. It is dropped when the transfer ends; what was appended stays, so that the deposit can
/// go on later.
#[async_trait]
pub trait SealedSink: Send {
    /// How many bytes are here already.
    fn held(&self) -> u64;

    /// Appends bytes. The peer sends no more than 2 MiB beyond what this has returned for.
    async fn append(&mut self, bytes: Bytes) -> Result<(), Refusal>;

    /// All bytes are here: makes them durable. Only then is the custodian told.
    async fn finish(&mut self) -> Result<(), Refusal>;
}
