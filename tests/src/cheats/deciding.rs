//! Custodians whose bytes are right and whose decision is not: one that decides nothing, and the planted bugs that the revocation
//! checker has to find.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use inro_contracts::access::Access;
use inro_contracts::id::{Label, OrganisationId, RecordId};
use inro_contracts::state::{StateKey, load};
use inro_network::{Refusal, SealedSource};
use inro_node::store::Snapshot;
use inro_payload::Handover;

use super::greedy_member::agreed_secret;
use super::premises::{InMemory, Premises, access_in, failed, look_at, require_still_granted};
use super::{Asked, Custodian};

/// How far [`Lagging`] is behind.
pub const LAG: Duration = Duration::from_secs(2);
/// For how long [`Pausing`] pauses.
pub const PAUSE: Duration = Duration::from_secs(6);
/// How often [`Lagging`] looks at the ledger.
const LOOKS_EVERY: Duration = Duration::from_millis(100);
/// The most that a transfer takes from an honest source at once.
const PIECE_BYTES: usize = 256 * 1024;

/// Hands every record to every member who asks. What the ledger shows no access for is sealed to a key that the two agreed on.
pub(super) struct OpenHanded;

#[async_trait]
impl Custodian for OpenHanded {
    async fn open(&self, premises: &Premises, asked: Asked) -> Result<Box<dyn SealedSource>, Refusal> {
        let known: Option<Access> = load(&premises.ledger_now()?, &StateKey::Access(asked.access)).map_err(failed)?;
        let reply_key = known.map_or_else(|| agreed_secret(&asked.access).public(), |access| access.request.reply_key);
        let handover = Handover {
            chain: premises.ledger_now()?.chain(),
            access: asked.access,
            record: asked.record,
            custodian: premises.desk().organisation().map_err(failed)?,
            requester: premises.organisation_of(&asked.peer)?,
            reply_key,
        };
        Ok(InMemory::from(premises.seal(asked.account, asked.record, &handover).await?, asked.offset))
    }
}

/// Decides from its own copy of the patient's consent, made when it first heard of the account.
#[derive(Default)]
pub(super) struct Remembering(Mutex<BTreeMap<Label, Snapshot<'static>>>);

impl Remembering {
    fn decide(&self, premises: &Premises, asked: &Asked) -> Result<Access, Refusal> {
        let current = premises.ledger_now()?;
        let access = access_in(&current, premises.organisation_of(&asked.peer)?, asked)?;
        let mut copies = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let copy = copies.entry(asked.account).or_insert(current);
        require_still_granted(copy, &access, &asked.record)?;
        Ok(access)
    }
}

#[async_trait]
impl Custodian for Remembering {
    async fn open(&self, premises: &Premises, asked: Asked) -> Result<Box<dyn SealedSource>, Refusal> {
        let access = self.decide(premises, &asked)?;
        premises.hand_over(&asked, &access).await
    }
}

/// Decides once for each organisation and record.
#[derive(Default)]
pub(super) struct Caching(Mutex<BTreeSet<(OrganisationId, RecordId)>>);

impl Caching {
    fn decide(&self, premises: &Premises, asked: &Asked) -> Result<Access, Refusal> {
        let current = premises.ledger_now()?;
        let asker = premises.organisation_of(&asked.peer)?;
        let access = access_in(&current, asker, asked)?;
        let mut decided = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !decided.contains(&(asker, asked.record)) {
            require_still_granted(&current, &access, &asked.record)?;
            decided.insert((asker, asked.record));
        }
        Ok(access)
    }
}

#[async_trait]
impl Custodian for Caching {
    async fn open(&self, premises: &Premises, asked: Asked) -> Result<Box<dyn SealedSource>, Refusal> {
        let access = self.decide(premises, &asked)?;
        premises.hand_over(&asked, &access).await
    }
}

/// What was seen of the ledger, oldest first.
type Looks = Arc<Mutex<VecDeque<(Instant, Snapshot<'static>)>>>;

/// Decides from what the ledger said [`LAG`] ago.
pub(super) struct Lagging(Looks);

impl Lagging {
    pub(super) fn new(premises: &Premises) -> Self {
        let (looks, store) = (Looks::default(), premises.store());
        let kept = Arc::clone(&looks);
        // Ends with the process, as the node does.
        std::thread::spawn(move || {
            while let Ok(snapshot) = look_at(store) {
                let mut looks = kept.lock().unwrap_or_else(PoisonError::into_inner);
                looks.push_back((Instant::now(), snapshot));
                // The first is the newest that is old enough.
                while looks.get(1).is_some_and(|(at, _)| at.elapsed() >= LAG) {
                    looks.pop_front();
                }
                drop(looks);
                std::thread::sleep(LOOKS_EVERY);
            }
        });
        Self(looks)
    }

    fn decide(&self, premises: &Premises, asked: &Asked) -> Result<Access, Refusal> {
        let looks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, then) = looks.front().ok_or(Refusal::NotOnLedger)?;
        let access = access_in(then, premises.organisation_of(&asked.peer)?, asked)?;
        require_still_granted(then, &access, &asked.record)?;
        Ok(access)
    }
}

#[async_trait]
impl Custodian for Lagging {
    async fn open(&self, premises: &Premises, asked: Asked) -> Result<Box<dyn SealedSource>, Refusal> {
        let access = self.decide(premises, &asked)?;
        premises.hand_over(&asked, &access).await
    }
}

/// Decides as an honest custodian does, pauses, and sends without deciding again.
pub(super) struct Pausing;

#[async_trait]
impl Custodian for Pausing {
    async fn open(&self, premises: &Premises, asked: Asked) -> Result<Box<dyn SealedSource>, Refusal> {
        let mut source = premises.honest().open(&asked.peer, &asked.object(), 0).await?.source;
        let mut bytes = Vec::new();
        while (bytes.len() as u64) < source.total() {
            bytes.extend_from_slice(&source.next(PIECE_BYTES).await?);
        }
        tokio::time::sleep(PAUSE).await;
        Ok(InMemory::from(bytes, asked.offset))
    }
}
