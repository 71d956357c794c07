//! The vault itself: its start, and the steps of a record's life that are not in files of their own.

use std::collections::HashSet;
use std::fmt;
use std::fs::File;
use std::sync::{Arc, Mutex, PoisonError};

use inro_contracts::id::{Label, RecordId};
use inro_contracts::time::Time;

use crate::error::VaultError;
use crate::facility::FacilityKey;
use crate::keys::{DataKey, Keys};
use crate::names::Name;
use crate::objects::{Objects, blocking};
use crate::settings::Settings;

/// A custodian's vault. Clones are the same vault.
#[derive(Clone)]
pub struct Vault(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub keys: Keys,
    pub objects: Objects,
    /// What is being staged now.
    under_way: Mutex<HashSet<Name>>,
    /// Open as long as the vault is: it carries the lock.
    _lock: File,
}

/// A record in the vault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// Its id.
    pub record: RecordId,
    /// Where it stands.
    pub standing: Standing,
}

/// Where a record in the vault stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The ledger's registration was not reported yet. Staged at that time.
    Staged(Time),
    /// It can be opened.
    Kept,
}

impl Vault {
    /// Opens a vault, or makes one where there is none. What an earlier program left half done (a record, an erasure, a new
    /// facility key) is finished or removed first.
    pub async fn open(settings: &Settings, facility: FacilityKey) -> Result<Self, VaultError> {
        let objects = Objects::open(&settings.store)?;
        let folder = settings.folder.clone();
        let (keys, lock) = blocking(move || {
            inro_genesis::files::secret_folder(&folder)?;
            let path = folder.join("lock");
            let mut options = File::options();
            let lock = options.write(true).create(true).truncate(false).open(&path).map_err(VaultError::file(&path, "opened"))?;
            lock.try_lock().map_err(|_| VaultError::InUse(folder.clone()))?;
            Ok((Keys::open(&folder, &facility)?, lock))
        })
        .await?;
        let vault = Self(Arc::new(Inner { keys, objects, under_way: Mutex::default(), _lock: lock }));
        vault.sweep().await?;
        Ok(vault)
    }

    /// The ledger shows the record's registration: from now on it can be opened. Saying so twice is the same as once.
    pub async fn keep(&self, label: Label, record: RecordId) -> Result<(), VaultError> {
        let inner = self.0.clone();
        blocking(move || {
            let name = inner.keys.name(&label, &record);
            inner.data_key(&name)?;
            inner.keys.unmark_staged(&name)
        })
        .await
    }

    /// All of an account's records here, in the order of their ids.
    pub async fn of_account(&self, label: Label) -> Result<Vec<Held>, VaultError> {
        let inner = self.0.clone();
        blocking(move || {
            let mut held = Vec::new();
            for name in inner.keys.of_account(&label)? {
                // Erased since the names were listed.
                let Some(key) = inner.keys.data_key(&name)? else { continue };
                let staged = inner.keys.staged(&name)?;
                let standing = staged.map_or(Standing::Kept, |mark| Standing::Staged(mark.since));
                held.push(Held { record: key.record, standing });
            }
            held.sort_by_key(|held| held.record);
            Ok(held)
        })
        .await
    }

    /// Destroys what was staged before a time and never kept; says how many records.
    pub async fn purge_staged(&self, older_than: Time) -> Result<u64, VaultError> {
        let inner = self.0.clone();
        let old = blocking(move || {
            let mut old = Vec::new();
            for name in inner.keys.all_staged()? {
                let mark = inner.keys.staged(&name)?;
                if mark.is_some_and(|mark| mark.since < older_than) && !inner.is_under_way(&name) {
                    old.push(name);
                }
            }
            Ok(old)
        })
        .await?;
        for name in &old {
            self.remove_staged(*name).await?;
        }
        Ok(old.len() as u64)
    }

    /// Puts the vault under another facility key and wraps every record's key anew; says how many. Payloads are not touched, and
    /// reading and writing go on. As soon as this has begun, the vault opens with the new key; if it fails on the way, the next
    /// start with the new key finishes it. The old key then opens nothing but old copies of the vault's folder: destroy it.
    pub async fn rotate(&self, facility: FacilityKey) -> Result<u64, VaultError> {
        let inner = self.0.clone();
        blocking(move || inner.keys.rotate(&facility)).await
    }

    /// What a program that was killed left behind.
    async fn sweep(&self) -> Result<(), VaultError> {
        let inner = self.0.clone();
        let (halves, erasures) = blocking(move || {
            let mut halves = Vec::new();
            for name in inner.keys.all_staged()? {
                if !inner.keys.has_key(&name)? {
                    halves.push(name);
                }
            }
            let mut erasures = Vec::new();
            for name in inner.keys.all_erased()? {
                match inner.keys.erased(&name)? {
                    Some(mark) if !mark.done || inner.keys.has_key(&name)? => erasures.push((name, mark)),
                    _ => {}
                }
            }
            Ok((halves, erasures))
        })
        .await?;
        for name in &halves {
            self.remove_staged(*name).await?;
        }
        for (name, mark) in &erasures {
            self.destroy(*name, mark.at).await?;
        }
        if !halves.is_empty() || !erasures.is_empty() {
            tracing::info!(halves = halves.len(), erasures = erasures.len(), "the vault removed what was left half done");
        }
        Ok(())
    }

    /// The key goes first: what remains of a crash in between opens no more.
    pub(crate) async fn remove_staged(&self, name: Name) -> Result<(), VaultError> {
        let inner = self.0.clone();
        blocking(move || inner.keys.destroy_key(&name).map(drop)).await?;
        self.0.objects.remove(&name).await?;
        let inner = self.0.clone();
        blocking(move || inner.keys.unmark_staged(&name)).await
    }
}

impl Inner {
    /// The data key of a record that exists.
    pub fn data_key(&self, name: &Name) -> Result<DataKey, VaultError> {
        if let Some(mark) = self.keys.erased(name)? {
            return Err(VaultError::Erased(mark.at));
        }
        self.keys.data_key(name)?.ok_or(VaultError::Unknown)
    }

    pub fn begin(self: &Arc<Self>, name: Name) -> UnderWay {
        self.names_under_way().insert(name);
        UnderWay { inner: self.clone(), name }
    }

    fn is_under_way(&self, name: &Name) -> bool {
        self.names_under_way().contains(name)
    }

    // Whoever panicked while holding it left a set that is still one.
    fn names_under_way(&self) -> std::sync::MutexGuard<'_, HashSet<Name>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A record that is being staged; when this is dropped, it no longer is.
pub(crate) struct UnderWay {
    inner: Arc<Inner>,
    name: Name,
}

impl UnderWay {
    pub fn name(&self) -> Name {
        self.name
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.inner.names_under_way().remove(&self.name);
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault(…)")
    }
}
