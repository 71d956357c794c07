//! An honest custodian and intermediate: a door in front of objects whose bytes follow from their number.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use bytes::Bytes;
use inro_contracts::bytes::List;
use inro_contracts::id::{Label, OrganisationId, RecordId, TransactionId};
use inro_contracts::key::PublicKey;
use inro_network::{
    AUTHORISATION_BYTES_MAX, Authorisation, Deposit, Held, Holding, Holdings, ObjectId, Opened, PayloadDoor, Refusal, SealedSink,
    SealedSource,
};

/// Whose authorisation an intermediate shows.
pub const KEPT: u8 = 0xde;

/// The name of object `n`.
pub fn object(n: u8) -> ObjectId {
    ObjectId::Record { access: TransactionId([n; 32]), account: Label([0xac; 32]), record: RecordId([n; 32]) }
}

/// The bytes of object `n` in a range: each depends on its place, so that nothing can stand elsewhere unnoticed.
pub fn content(n: u8, from: u64, to: u64) -> Bytes {
    (from..to).map(|at| (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8 ^ (at >> 18) as u8 ^ n).collect()
}

/// What shows that object `n` may be handed over.
pub fn authorisation(n: u8) -> Authorisation {
    let length = if n == u8::MAX { AUTHORISATION_BYTES_MAX } else { 40 * usize::from(n) };
    Authorisation::new(vec![n; length]).unwrap()
}

/// The organisation of a peer, as these doors believe.
pub fn organisation(peer: &PublicKey) -> OrganisationId {
    OrganisationId(*peer.as_bytes())
}

/// A door, and what is behind it. Copies share it, so it outlives its node as a disk does.
#[derive(Clone, Default)]
pub struct Custodian(Arc<Behind>);

#[derive(Default)]
struct Behind {
    objects: Mutex<BTreeMap<ObjectId, Own>>,
    deposits: Mutex<BTreeMap<ObjectId, Kept>>,
    /// Bytes that were read from objects.
    read: AtomicU64,
    /// Sources and sinks that are open.
    open: AtomicU64,
    /// After so many bytes of a deposit there is no more room.
    room: Mutex<Option<usize>>,
}

#[derive(Clone, Copy)]
struct Own {
    n: u8,
    total: u64,
    refusal: Option<Refusal>,
    /// From this offset on the answer is no.
    until: Option<(u64, Refusal)>,
}

struct Kept {
    deposit: Deposit,
    bytes: Vec<u8>,
}

impl Custodian {
    /// Has object `n`.
    pub fn has(self, n: u8, total: u64) -> Self {
        self.put(n, total, None, None)
    }

    /// Has object `n`, and hands it to nobody.
    pub fn refuses(self, n: u8, refusal: Refusal) -> Self {
        self.put(n, 1_000, Some(refusal), None)
    }

    /// Has object `n`, and stops handing it over at an offset.
    pub fn stops(self, n: u8, total: u64, at: u64, refusal: Refusal) -> Self {
        self.put(n, total, None, Some((at, refusal)))
    }

    /// Keeps only so many bytes of a deposit.
    pub fn room_for(&self, bytes: Option<usize>) {
        *self.0.room.lock().unwrap() = bytes;
    }

    /// How many bytes were read from objects.
    pub fn read(&self) -> u64 {
        self.0.read.load(Ordering::SeqCst)
    }

    /// How many transfers are open.
    pub fn open(&self) -> u64 {
        self.0.open.load(Ordering::SeqCst)
    }

    /// What has arrived of a deposit.
    pub fn kept(&self, object: &ObjectId) -> Option<Bytes> {
        self.deposits().get(object).map(|kept| Bytes::copy_from_slice(&kept.bytes))
    }

    pub fn door(&self) -> Arc<dyn PayloadDoor> {
        Arc::new(self.clone())
    }

    fn put(self, n: u8, total: u64, refusal: Option<Refusal>, until: Option<(u64, Refusal)>) -> Self {
        self.0.objects.lock().unwrap().insert(object(n), Own { n, total, refusal, until });
        self
    }

    fn deposits(&self) -> MutexGuard<'_, BTreeMap<ObjectId, Kept>> {
        self.0.deposits.lock().unwrap()
    }

    fn opened(&self) -> Open {
        self.0.open.fetch_add(1, Ordering::SeqCst);
        Open(self.0.clone())
    }
}

/// Counts a transfer for as long as it is open.
struct Open(Arc<Behind>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl PayloadDoor for Custodian {
    async fn open(&self, peer: &PublicKey, object: &ObjectId, offset: u64) -> Result<Opened, Refusal> {
        let own = self.0.objects.lock().unwrap().get(object).copied();
        if let Some(own) = own {
            return match own.refusal {
                Some(refusal) => Err(refusal),
                None => {
                    let source = Box::new(Source { own, offset, _open: self.opened() });
                    Ok(Opened { authorisation: authorisation(own.n), source })
                }
            };
        }
        match self.deposits().get(object) {
            Some(kept) if kept.deposit.requester != organisation(peer) => Err(Refusal::OtherOrganisation),
            Some(kept) if kept.bytes.len() as u64 == kept.deposit.total => {
                let bytes = kept.bytes.clone().into();
                let source = Box::new(KeptSource { bytes, offset: offset as usize, _open: self.opened() });
                Ok(Opened { authorisation: authorisation(KEPT), source })
            }
            _ => Err(Refusal::NotHere),
        }
    }

    async fn keep(&self, _: &PublicKey, deposit: &Deposit) -> Result<Box<dyn SealedSink>, Refusal> {
        let mut deposits = self.deposits();
        let kept = deposits.entry(deposit.object).or_insert(Kept { deposit: *deposit, bytes: Vec::new() });
        if kept.deposit != *deposit {
            return Err(Refusal::BadOffset);
        }
        let held = kept.bytes.len() as u64;
        Ok(Box::new(Sink { custodian: self.clone(), object: deposit.object, held, _open: self.opened() }))
    }

    async fn holdings(&self, peer: &PublicKey, question: &Holding) -> Result<Holdings, Refusal> {
        let deposits = self.deposits();
        let asked = |id: &ObjectId| match (question.access, id) {
            (Some(asked), ObjectId::Record { access, .. }) => asked == *access,
            (Some(_), _) => false,
            (None, _) => true,
        };
        let mine = deposits.iter().filter(|(id, kept)| {
            asked(id) && question.after.is_none_or(|after| **id > after) && kept.deposit.requester == organisation(peer)
        });
        let held = mine.map(|(id, kept)| Held {
            object: *id,
            total: kept.deposit.total,
            arrived: kept.bytes.len() as u64,
            expires: kept.deposit.expires,
        });
        Ok(Holdings { held: List::new(held.collect()).unwrap(), more: false })
    }

    async fn taken(&self, peer: &PublicKey, object: &ObjectId) -> Result<(), Refusal> {
        let mut deposits = self.deposits();
        match deposits.get(object) {
            Some(kept) if kept.deposit.requester != organisation(peer) => Err(Refusal::OtherOrganisation),
            _ => {
                deposits.remove(object);
                Ok(())
            }
        }
    }
}

/// An object's bytes, opened for a deposit by this custodian itself.
pub fn source(custodian: &Custodian, n: u8, total: u64, offset: u64) -> Box<dyn SealedSource> {
    let own = Own { n, total, refusal: None, until: None };
    Box::new(Source { own, offset, _open: custodian.opened() })
}

struct Source {
    own: Own,
    offset: u64,
    _open: Open,
}

#[async_trait]
impl SealedSource for Source {
    fn total(&self) -> u64 {
        self.own.total
    }

    async fn next(&mut self, most: usize) -> Result<Bytes, Refusal> {
        // Parts of another length than the pieces, as a sealed stream's are.
        let end = self.own.total.min(self.offset + (most as u64).min(65_552));
        if let Some((_, refusal)) = self.own.until.filter(|(until, _)| end > *until) {
            return Err(refusal);
        }
        let part = content(self.own.n, self.offset, end);
        self.offset = end;
        self._open.0.read.fetch_add(part.len() as u64, Ordering::SeqCst);
        Ok(part)
    }
}

struct KeptSource {
    bytes: Bytes,
    offset: usize,
    _open: Open,
}

#[async_trait]
impl SealedSource for KeptSource {
    fn total(&self) -> u64 {
        self.bytes.len() as u64
    }

    async fn next(&mut self, most: usize) -> Result<Bytes, Refusal> {
        let end = self.bytes.len().min(self.offset + most);
        let part = self.bytes.slice(self.offset..end);
        self.offset = end;
        Ok(part)
    }
}

struct Sink {
    custodian: Custodian,
    object: ObjectId,
    held: u64,
    _open: Open,
}

#[async_trait]
impl SealedSink for Sink {
    fn held(&self) -> u64 {
        self.held
    }

    async fn append(&mut self, bytes: Bytes) -> Result<(), Refusal> {
        let room = *self.custodian.0.room.lock().unwrap();
        let mut deposits = self.custodian.deposits();
        let kept = deposits.get_mut(&self.object).ok_or(Refusal::NotHere)?;
        if room.is_some_and(|room| kept.bytes.len() + bytes.len() > room) {
            return Err(Refusal::NoRoom);
        }
        kept.bytes.extend_from_slice(&bytes);
        Ok(())
    }

    async fn finish(&mut self) -> Result<(), Refusal> {
        Ok(())
    }
}
