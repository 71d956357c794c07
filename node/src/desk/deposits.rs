//! Deposits (データ一時保管): sealed bytes that a custodian leaves for a requester, so that one of the two may be away.
//!
//! An intermediate can read nothing of them, keeps them for a bounded time and within a bounded space, gives them to the
//! requester's organisation only, and deletes them when they were taken or their time is over. A requester that takes them after
//! a revocation gets no more than what the custodian had handed over before it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use inro_contracts::bytes::{List, encode};
use inro_contracts::id::OrganisationId;
use inro_contracts::tag::Tag;
use inro_contracts::time::Time;
use inro_genesis::files::secret_folder;
use inro_network::{Deposit, HOLDINGS_MAX, Held, Holding, Holdings, ObjectId, Refusal, SealedSink, SealedSource};
use tracing::warn;

use super::DeskFault;
use crate::config::Intermediate;

/// All deposits of this node.
pub(super) struct Deposits {
    folder: PathBuf,
    bytes_max: u64,
    keep_ms_max: u64,
    kept: Arc<Mutex<BTreeMap<ObjectId, Kept>>>,
}

#[derive(Clone, Copy)]
struct Kept {
    deposit: Deposit,
    arrived: u64,
    /// Somebody is bringing it now.
    open: bool,
    /// The requester has it, and it was deleted: a custodian that brings it once more is told that everything is here.
    taken: bool,
}

impl Deposits {
    pub(super) fn open(folder: &Path, settings: &Intermediate) -> Result<Self, DeskFault> {
        secret_folder(folder)?;
        let mut kept = BTreeMap::new();
        for entry in fs::read_dir(folder).map_err(DeskFault::file(folder, "read"))?.flatten() {
            let path = entry.path();
            if path.extension().is_none_or(|extension| extension != "deposit") {
                continue;
            }
            let deposit: Option<Deposit> = fs::read(&path).ok().and_then(|bytes| borsh::from_slice(&bytes).ok());
            let bytes = path.with_extension("sealed");
            match (deposit, fs::metadata(&bytes)) {
                (Some(deposit), Ok(data)) if data.len() <= deposit.total => {
                    kept.insert(deposit.object, Kept { deposit, arrived: data.len(), open: false, taken: false });
                }
                _ => {
                    let _ = (fs::remove_file(&path), fs::remove_file(&bytes));
                }
            }
        }
        let kept = Arc::new(Mutex::new(kept));
        Ok(Self { folder: folder.into(), bytes_max: settings.bytes_max, keep_ms_max: settings.keep_ms_max, kept })
    }

    fn kept(&self) -> MutexGuard<'_, BTreeMap<ObjectId, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn path(&self, object: &ObjectId) -> PathBuf {
        self.folder.join(Tag::TEXT.hash(&[b"deposit", &encode(object)]).to_hex()).with_extension("sealed")
    }

    /// Opens a place for a deposit.
    pub(super) async fn keep(&self, deposit: &Deposit, now: Time) -> Result<Box<dyn SealedSink>, Refusal> {
        if deposit.expires <= now || deposit.expires > now.plus_ms(self.keep_ms_max) {
            return Err(Refusal::NoRoom);
        }
        let path = self.path(&deposit.object);
        let arrived = {
            let mut kept = self.kept();
            let known = kept.get(&deposit.object).copied();
            if let Some(known) = known {
                if known.deposit.total != deposit.total || known.deposit.requester != deposit.requester {
                    return Err(Refusal::BadOffset);
                }
                if known.taken {
                    return Ok(Box::new(Taken(deposit.total)));
                }
                if known.open {
                    return Err(Refusal::Busy { retry_after_ms: 1_000 });
                }
            } else {
                let taken_up: u64 = kept.values().filter(|kept| !kept.taken).map(|kept| kept.deposit.total).sum();
                if taken_up.saturating_add(deposit.total) > self.bytes_max {
                    return Err(Refusal::NoRoom);
                }
            }
            let arrived = known.map_or(0, |known| known.arrived);
            kept.insert(deposit.object, Kept { deposit: *deposit, arrived, open: true, taken: false });
            arrived
        };
        let place = Place { kept: Arc::clone(&self.kept), object: deposit.object, path, held: arrived, file: None };
        let place = place.open(deposit, arrived).map_err(|error| {
            warn!(%error, "a deposit could not be written");
            Refusal::Fault
        })?;
        Ok(Box::new(place))
    }

    /// Opens a whole deposit for the organisation that it is for.
    pub(super) async fn open_for(
        &self,
        organisation: OrganisationId,
        object: &ObjectId,
        offset: u64,
    ) -> Result<Box<dyn SealedSource>, Refusal> {
        let kept = self.kept().get(object).copied().ok_or(Refusal::NotHere)?;
        if kept.deposit.requester != organisation {
            return Err(Refusal::OtherOrganisation);
        }
        if kept.taken || kept.arrived < kept.deposit.total {
            return Err(Refusal::NotHere);
        }
        if offset > kept.deposit.total {
            return Err(Refusal::BadOffset);
        }
        let mut file = File::open(self.path(object)).map_err(|_| Refusal::NotHere)?;
        file.seek(SeekFrom::Start(offset)).map_err(|_| Refusal::Fault)?;
        Ok(Box::new(Copy { file: Some(file), total: kept.deposit.total, left: kept.deposit.total - offset }))
    }

    /// What is kept for an organisation.
    pub(super) fn holdings(&self, organisation: OrganisationId, question: &Holding) -> Result<Holdings, Refusal> {
        let of_access = |object: &ObjectId| match (question.access, object) {
            (None, _) => true,
            (Some(access), ObjectId::Record { access: of, .. }) => access == *of,
            (Some(_), ObjectId::ConsultAnswer { .. }) => false,
        };
        let kept = self.kept();
        let mut held: Vec<Held> = kept
            .values()
            .filter(|kept| !kept.taken && kept.deposit.requester == organisation && of_access(&kept.deposit.object))
            .filter(|kept| question.after.is_none_or(|after| kept.deposit.object > after))
            .map(|kept| Held {
                object: kept.deposit.object,
                total: kept.deposit.total,
                arrived: kept.arrived,
                expires: kept.deposit.expires,
            })
            .take(HOLDINGS_MAX + 1)
            .collect();
        let more = held.len() > HOLDINGS_MAX;
        held.truncate(HOLDINGS_MAX);
        Ok(Holdings { held: List::new(held).map_err(|_| Refusal::Fault)?, more })
    }

    /// The organisation that it was for has it.
    pub(super) fn remove_for(&self, organisation: OrganisationId, object: &ObjectId) {
        let mut kept = self.kept();
        if let Some(kept) = kept.get_mut(object).filter(|kept| kept.deposit.requester == organisation) {
            kept.taken = true;
            self.delete(object);
        }
    }

    /// Deletes what has expired.
    pub(super) fn expire(&self, now: Time) {
        let expired: Vec<ObjectId> =
            self.kept().values().filter(|kept| kept.deposit.expires <= now).map(|kept| kept.deposit.object).collect();
        for object in expired {
            self.remove(&object);
        }
    }

    fn remove(&self, object: &ObjectId) {
        self.kept().remove(object);
        self.delete(object);
    }

    fn delete(&self, object: &ObjectId) {
        let path = self.path(object);
        let _ = (fs::remove_file(path.with_extension("deposit")), fs::remove_file(path));
    }
}

/// Where one deposit's bytes go.
struct Place {
    kept: Arc<Mutex<BTreeMap<ObjectId, Kept>>>,
    object: ObjectId,
    path: PathBuf,
    held: u64,
    file: Option<File>,
}

impl Place {
    fn open(mut self, deposit: &Deposit, arrived: u64) -> std::io::Result<Self> {
        let about = self.path.with_extension("deposit");
        File::create(&about).and_then(|mut file| {
            file.write_all(&encode(deposit))?;
            file.sync_data()
        })?;
        let mut file = File::options().create(true).truncate(false).write(true).open(&self.path)?;
        file.set_len(arrived)?;
        file.seek(SeekFrom::Start(arrived))?;
        self.file = Some(file);
        Ok(self)
    }

    fn note(&self, open: bool) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = kept.get_mut(&self.object) {
            (kept.arrived, kept.open) = (self.held, open);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.note(false);
    }
}

#[async_trait]
impl SealedSink for Place {
    fn held(&self) -> u64 {
        self.held
    }

    async fn append(&mut self, bytes: Bytes) -> Result<(), Refusal> {
        let mut file = self.file.take().ok_or(Refusal::Fault)?;
        let length = bytes.len() as u64;
        let written = tokio::task::spawn_blocking(move || file.write_all(&bytes).map(|()| file)).await;
        match written {
            Ok(Ok(file)) => {
                self.file = Some(file);
                self.held += length;
                self.note(true);
                Ok(())
            }
            _ => Err(Refusal::Fault),
        }
    }

    async fn finish(&mut self) -> Result<(), Refusal> {
        let file = self.file.take().ok_or(Refusal::Fault)?;
        match tokio::task::spawn_blocking(move || file.sync_data()).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(Refusal::Fault),
        }
    }
}

/// A deposit that was brought and taken: nothing is missing.
struct Taken(u64);

#[async_trait]
impl SealedSink for Taken {
    fn held(&self) -> u64 {
        self.0
    }

    async fn append(&mut self, _: Bytes) -> Result<(), Refusal> {
        Err(Refusal::BadOffset)
    }

    async fn finish(&mut self) -> Result<(), Refusal> {
        Ok(())
    }
}

/// A deposit's bytes on their way out.
struct Copy {
    file: Option<File>,
    total: u64,
    left: u64,
}

#[async_trait]
impl SealedSource for Copy {
    fn total(&self) -> u64 {
        self.total
    }

    async fn next(&mut self, most: usize) -> Result<Bytes, Refusal> {
        let length = usize::try_from(self.left).map_or(most, |left| left.min(most));
        let mut file = self.file.take().ok_or(Refusal::Fault)?;
        let read = tokio::task::spawn_blocking(move || {
            let mut bytes = vec![0; length];
            file.read_exact(&mut bytes).map(|()| (file, bytes))
        });
        match read.await {
            Ok(Ok((file, bytes))) => {
                self.file = Some(file);
                self.left -= bytes.len() as u64;
                Ok(bytes.into())
            }
            _ => Err(Refusal::Fault),
        }
    }
}
