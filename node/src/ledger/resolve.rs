//! From a proposal's body to verified transactions: most wait in the mempool already; the rest stand in the body, or are fetched
//! from the proposer's machines, and go through admission's verification ahead of everything else, so that no signature is
//! checked twice.

use std::time::{Duration, Instant};

use bytes::Bytes;
use inro_contracts::id::TransactionId;
use inro_contracts::key::PublicKey;
use inro_contracts::tag::Tag;
use inro_contracts::transaction::VerifiedTransaction;

use super::Ledger;
use super::block::{self, Item};
use crate::admission::Admission;

/// How long missing transactions of a proposal may take to arrive before this node gives up voting for it.
const FETCH_MS_MAX: u64 = 400;

/// Why a proposal's transactions could not be had.
pub(super) enum Unresolved {
    /// The body is not a body, or a signature in it is false.
    Bad(String),
    /// Nobody had them in time.
    Unavailable,
}

/// A transaction that this node has to find and check, and its place in the block.
type Missing = (usize, TransactionId);

/// The transactions of a body, in their order.
pub(super) async fn resolve(
    ledger: &Ledger,
    admission: &Admission,
    body: &[u8],
    proposer: &PublicKey,
) -> Result<Vec<VerifiedTransaction>, Unresolved> {
    let items = block::items_of(body).map_err(|error| Unresolved::Bad(error.to_string()))?;
    let ids: Vec<TransactionId> = items.iter().map(id_of).collect();
    let mut places: Vec<Option<VerifiedTransaction>> =
        ledger.pool.with(|pool| ids.iter().map(|id| pool.get(id).map(|waiting| (*waiting).clone())).collect());

    let mut found: Vec<(usize, Bytes)> = Vec::new();
    let mut missing: Vec<Missing> = Vec::new();
    for (place, item) in items.into_iter().enumerate().filter(|(place, _)| places[*place].is_none()) {
        match item {
            Item::Known(id) => missing.push((place, id)),
            Item::Full(bytes) => found.push((place, bytes.into())),
        }
    }
    if !missing.is_empty() {
        ledger.metrics.transactions_fetched.inc_by(missing.len() as u64);
        found.extend(fetch(ledger, missing, proposer).await?);
    }
    if !found.is_empty() {
        let (of, bytes): (Vec<usize>, Vec<Bytes>) = found.into_iter().unzip();
        for (place, verified) in of.into_iter().zip(admission.verify_missing(bytes).await) {
            let verified =
                verified.ok_or_else(|| Unresolved::Bad("a transaction in it is malformed or falsely signed".into()))?;
            places[place] = Some((*verified).clone());
        }
    }
    places.into_iter().collect::<Option<Vec<_>>>().ok_or(Unresolved::Unavailable)
}

fn id_of(item: &Item) -> TransactionId {
    match item {
        Item::Known(id) => *id,
        Item::Full(bytes) => Tag::TRANSACTION_ID.hash(&[bytes]).into(),
    }
}

/// Asks the proposer's machines, then others, for transactions that this node does not have.
async fn fetch(ledger: &Ledger, mut missing: Vec<Missing>, proposer: &PublicKey) -> Result<Vec<(usize, Bytes)>, Unresolved> {
    let deadline = Instant::now() + Duration::from_millis(FETCH_MS_MAX);
    let connected = ledger.network.connected();
    let mut sources = ledger.view().directory.machines_of_validator(proposer);
    sources.retain(|source| connected.contains(source));
    sources.extend(connected.iter().copied().filter(|source| !sources.contains(source)).collect::<Vec<_>>());
    let mut found = Vec::with_capacity(missing.len());
    for source in sources {
        let mut still_missing = Vec::new();
        for part in missing.chunks(inro_network::FETCH_IDS_MAX) {
            let ids: Vec<TransactionId> = part.iter().map(|(_, id)| *id).collect();
            let left = deadline.saturating_duration_since(Instant::now());
            // A peer that does not answer leaves them missing; the next one is asked.
            let mut answers = ledger.network.fetch(&source, &ids, left).await.unwrap_or_default().into_iter();
            for (place, id) in part {
                match answers.next().flatten() {
                    Some(bytes) => found.push((*place, bytes)),
                    None => still_missing.push((*place, *id)),
                }
            }
        }
        missing = still_missing;
        if missing.is_empty() {
            return Ok(found);
        }
    }
    Err(Unresolved::Unavailable)
}
