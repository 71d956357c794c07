//! The vault's keys at rest. The facility's key wraps the vault's own secrets; one of these, the wrapping key, wraps each
//! record's data key. Everything small is wrapped with XChaCha20-Poly1305 under a random nonce, its place as associated data.
//!
//! Rotation makes a new wrapping key under a new facility key, wraps every data key anew, and only then forgets the old wrapping
//! key. The step that decides is the first: from then on the vault is under the new facility key, and a start finishes what a
//! crash left undone.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

use borsh::{BorshDeserialize, BorshSerialize};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use inro_contracts::id::{Hash, Label, RecordId};
use inro_contracts::time::Time;
use inro_payload::SealingSecret;
use rand::RngCore;
use rand::rngs::OsRng;
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::error::VaultError;
use crate::facility::FacilityKey;
use crate::files::{self, Workbench};
use crate::names::{self, Name};
use crate::tags;

const VERSION: u8 = 1;
const NONCE_BYTES: usize = 24;

/// The key from which the keys of a record's objects are derived, and whose record it is.
#[derive(BorshSerialize, BorshDeserialize, Zeroize, ZeroizeOnDrop)]
pub struct DataKey {
    pub key: [u8; 32],
    #[zeroize(skip)]
    pub label: Label,
    #[zeroize(skip)]
    pub record: RecordId,
}

impl DataKey {
    pub fn generate(label: Label, record: RecordId) -> Self {
        Self { key: random(), label, record }
    }
}

/// A record that is not registered yet.
#[derive(Debug, Clone, Copy, BorshSerialize, BorshDeserialize)]
pub struct StagedMark {
    pub since: Time,
}

/// A record that is no more.
#[derive(Debug, Clone, Copy, BorshSerialize, BorshDeserialize)]
pub struct ErasedMark {
    pub at: Time,
    /// Its objects are gone too.
    pub done: bool,
}

/// The folder of wrapped keys and marks.
pub struct Keys {
    folder: PathBuf,
    workbench: Workbench,
    master: RwLock<Master>,
    /// Held while a key file is written, wrapped anew or destroyed, so that none comes back that was destroyed.
    changing: Mutex<()>,
}

/// The vault's own secrets.
#[derive(Clone, BorshSerialize, BorshDeserialize, Zeroize, ZeroizeOnDrop)]
struct Master {
    names: [u8; 32],
    marks: [u8; 32],
    sealing: [u8; 32],
    current: WrappingKey,
    /// Still needed for what was not wrapped anew yet.
    previous: Option<WrappingKey>,
}

#[derive(Clone, BorshSerialize, BorshDeserialize, Zeroize, ZeroizeOnDrop)]
struct WrappingKey {
    generation: u32,
    key: [u8; 32],
}

impl Keys {
    /// Opens the folder, or makes the keys of a new vault. A rotation that was not finished is finished.
    pub fn open(folder: &Path, facility: &FacilityKey) -> Result<Self, VaultError> {
        let workbench = Workbench::open(folder.join("temporary"))?;
        for part in ["keys", "staged", "erased"] {
            let part = folder.join(part);
            std::fs::create_dir_all(&part).map_err(VaultError::file(&part, "created"))?;
        }
        let master_file = folder.join("vault");
        let master = match files::read(&master_file)? {
            Some(bytes) => unwrap_master(&bytes, facility)?,
            None if files::list(&folder.join("keys"))?.is_empty() => {
                let current = WrappingKey { generation: 1, key: random() };
                let master = Master { names: random(), marks: random(), sealing: random(), current, previous: None };
                workbench.put(&master_file, &wrap_master(&master, facility))?;
                master
            }
            None => return Err(VaultError::NoMaster(master_file)),
        };
        let unfinished = master.previous.is_some();
        let keys = Self { folder: folder.into(), workbench, master: RwLock::new(master), changing: Mutex::new(()) };
        if unfinished {
            keys.finish_rotation(facility)?;
        }
        Ok(keys)
    }

    /// A record's name.
    pub fn name(&self, label: &Label, record: &RecordId) -> Name {
        Name::new(&self.master().names, label, record)
    }

    /// From what sealed payloads take their randomness.
    pub fn sealing_secret(&self) -> SealingSecret {
        SealingSecret::from_bytes(self.master().sealing)
    }

    /// Keeps a data key: from now on its record exists.
    pub fn keep(&self, name: &Name, key: &DataKey) -> Result<(), VaultError> {
        let _changing = self.change();
        self.put_key(name, key)
    }

    /// A record's data key; `None`: there is none.
    pub fn data_key(&self, name: &Name) -> Result<Option<DataKey>, VaultError> {
        let Some(bytes) = files::read(&self.key_file(name))? else { return Ok(None) };
        let (_, key) = self.unwrap_key(name, &bytes)?;
        Ok(Some(key))
    }

    /// Is there a data key?
    pub fn has_key(&self, name: &Name) -> Result<bool, VaultError> {
        Ok(files::read(&self.key_file(name))?.is_some())
    }

    /// Destroys a data key; says the hash of what was destroyed, if there was any.
    pub fn destroy_key(&self, name: &Name) -> Result<Option<Hash>, VaultError> {
        let _changing = self.change();
        let path = self.key_file(name);
        let wrapped = files::read(&path)?;
        files::destroy(&path)?;
        Ok(wrapped.map(|bytes| Hash(Sha256::digest(bytes).into())))
    }

    /// The names of an account's records.
    pub fn of_account(&self, label: &Label) -> Result<Vec<Name>, VaultError> {
        let (folder, beginning) = names::account_files(&self.master().names, &self.folder.join("keys"), label);
        let names = files::list(&folder)?.into_iter().filter_map(|path| Name::of_file(&path));
        Ok(names.filter(|name| name.file().starts_with(&beginning)).collect())
    }

    /// The folders whose key files together are all of them.
    pub fn folders(&self) -> Result<Vec<PathBuf>, VaultError> {
        files::list(&self.folder.join("keys"))
    }

    /// The mark of a staged record.
    pub fn staged(&self, name: &Name) -> Result<Option<StagedMark>, VaultError> {
        self.mark(tags::STAGED, &self.staged_file(name), name)
    }

    /// Marks a record as staged.
    pub fn mark_staged(&self, name: &Name, mark: StagedMark) -> Result<(), VaultError> {
        self.put_mark(tags::STAGED, &self.staged_file(name), name, &mark)
    }

    /// Takes the mark away.
    pub fn unmark_staged(&self, name: &Name) -> Result<(), VaultError> {
        files::remove(&self.staged_file(name))
    }

    /// All names with a staged mark.
    pub fn all_staged(&self) -> Result<Vec<Name>, VaultError> {
        Ok(files::list(&self.folder.join("staged"))?.iter().filter_map(|path| Name::of_file(path)).collect())
    }

    /// The mark of an erased record.
    pub fn erased(&self, name: &Name) -> Result<Option<ErasedMark>, VaultError> {
        self.mark(tags::ERASED, &self.erased_file(name), name)
    }

    /// Marks a record as erased.
    pub fn mark_erased(&self, name: &Name, mark: ErasedMark) -> Result<(), VaultError> {
        self.put_mark(tags::ERASED, &self.erased_file(name), name, &mark)
    }

    /// All names with an erased mark.
    pub fn all_erased(&self) -> Result<Vec<Name>, VaultError> {
        Ok(files::list(&self.folder.join("erased"))?.iter().filter_map(|path| Name::of_file(path)).collect())
    }

    /// Puts the vault under another facility key and wraps every data key anew; says how many. Payloads are not touched. When
    /// this fails after its first step, the vault is under the new key already, and the next start finishes the rest.
    pub fn rotate(&self, facility: &FacilityKey) -> Result<u64, VaultError> {
        {
            let _changing = self.change();
            let mut master = self.master().clone();
            if master.previous.is_none() {
                let current = WrappingKey { generation: master.current.generation + 1, key: random() };
                master.previous = Some(std::mem::replace(&mut master.current, current));
            }
            self.replace_master(master, facility)?;
        }
        self.finish_rotation(facility)
    }

    fn finish_rotation(&self, facility: &FacilityKey) -> Result<u64, VaultError> {
        let mut count = 0;
        for folder in self.folders()? {
            for path in files::list(&folder)? {
                count += u64::from(self.wrap_anew(&path)?);
            }
        }
        let _changing = self.change();
        let mut master = self.master().clone();
        master.previous = None;
        self.replace_master(master, facility)?;
        Ok(count)
    }

    /// Wraps one data key under the current wrapping key; says whether it was under the previous one.
    fn wrap_anew(&self, path: &Path) -> Result<bool, VaultError> {
        let Some(name) = Name::of_file(path) else { return Ok(false) };
        let _changing = self.change();
        // It may have been erased since the folder was listed.
        let Some(bytes) = files::read(path)? else { return Ok(false) };
        let (generation, key) = self.unwrap_key(&name, &bytes)?;
        let old = generation != self.master().current.generation;
        if old {
            self.put_key(&name, &key)?;
        }
        Ok(old)
    }

    fn replace_master(&self, master: Master, facility: &FacilityKey) -> Result<(), VaultError> {
        self.workbench.put(&self.folder.join("vault"), &wrap_master(&master, facility))?;
        *self.master.write().unwrap_or_else(PoisonError::into_inner) = master;
        Ok(())
    }

    fn put_key(&self, name: &Name, key: &DataKey) -> Result<(), VaultError> {
        let current = self.master().current.clone();
        let head = [&[VERSION][..], &current.generation.to_le_bytes()].concat();
        let wrapped = wrap(&current.key, tags::DATA_KEY, &[&head, name.file().as_bytes()], key);
        self.workbench.put(&self.key_file(name), &[head, wrapped].concat())
    }

    fn unwrap_key(&self, name: &Name, bytes: &[u8]) -> Result<(u32, DataKey), VaultError> {
        const WHAT: &str = "a record's key file";
        let damaged = VaultError::Damaged { what: WHAT };
        let Some((head, wrapped)) = bytes.split_at_checked(5) else { return Err(damaged) };
        let generation = u32::from_le_bytes([head[1], head[2], head[3], head[4]]);
        let master = self.master();
        let key =
            [Some(&master.current), master.previous.as_ref()].into_iter().flatten().find(|key| key.generation == generation);
        let Some(key) = key else { return Err(damaged) };
        let opened: DataKey = unwrap(&key.key, tags::DATA_KEY, &[head, name.file().as_bytes()], wrapped, WHAT)?;
        Ok((generation, opened))
    }

    fn mark<T: BorshDeserialize>(&self, tag: &[u8], path: &Path, name: &Name) -> Result<Option<T>, VaultError> {
        let Some(bytes) = files::read(path)? else { return Ok(None) };
        unwrap(&self.master().marks, tag, &[name.file().as_bytes()], &bytes, "a record's mark").map(Some)
    }

    fn put_mark(&self, tag: &[u8], path: &Path, name: &Name, mark: &impl BorshSerialize) -> Result<(), VaultError> {
        let wrapped = wrap(&self.master().marks, tag, &[name.file().as_bytes()], mark);
        self.workbench.put(path, &wrapped)
    }

    fn key_file(&self, name: &Name) -> PathBuf {
        name.key_file(&self.folder.join("keys"))
    }

    fn staged_file(&self, name: &Name) -> PathBuf {
        self.folder.join("staged").join(name.file())
    }

    fn erased_file(&self, name: &Name) -> PathBuf {
        self.folder.join("erased").join(name.file())
    }

    // A thread that panicked while it held one of the two locks left whole files and a whole value: each changes in one step.

    fn master(&self) -> std::sync::RwLockReadGuard<'_, Master> {
        self.master.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// 32 bytes from the operating system's generator.
pub fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    OsRng.fill_bytes(&mut bytes);
    bytes
}

fn wrap_master(master: &Master, facility: &FacilityKey) -> Vec<u8> {
    let head = [&[VERSION][..], &facility.id().0].concat();
    let wrapped = wrap(facility.bytes(), tags::MASTER, &[&head], master);
    [head, wrapped].concat()
}

fn unwrap_master(bytes: &[u8], facility: &FacilityKey) -> Result<Master, VaultError> {
    const WHAT: &str = "the vault's own key file";
    let (head, wrapped) = bytes.split_at_checked(33).ok_or(VaultError::Damaged { what: WHAT })?;
    let opened = unwrap(facility.bytes(), tags::MASTER, &[head], wrapped, WHAT);
    // The id stands in clear, so it only explains why the file does not open.
    let named = &head[1..] == facility.id().as_bytes();
    opened.map_err(|damaged| {
        let mut found = inro_contracts::key::PublicKey([0; 32]);
        found.0.copy_from_slice(&head[1..]);
        if named { damaged } else { VaultError::AnotherFacilityKey { found: found.to_hex() } }
    })
}

fn wrap(key: &[u8; 32], tag: &[u8], place: &[&[u8]], value: &impl BorshSerialize) -> Vec<u8> {
    // Writing into memory does not fail, and what is wrapped here has a fixed, small size.
    let plain = Zeroizing::new(borsh::to_vec(value).expect("memory takes a small value"));
    let mut nonce = [0; NONCE_BYTES];
    OsRng.fill_bytes(&mut nonce);
    let payload = Payload { msg: &plain, aad: &associated(tag, place) };
    // XChaCha20-Poly1305 refuses only messages beyond 256 GiB.
    let sealed = XChaCha20Poly1305::new(key.into()).encrypt(XNonce::from_slice(&nonce), payload).expect("a small message");
    [&nonce[..], &sealed].concat()
}

fn unwrap<T: BorshDeserialize>(
    key: &[u8; 32],
    tag: &[u8],
    place: &[&[u8]],
    bytes: &[u8],
    what: &'static str,
) -> Result<T, VaultError> {
    let damaged = || VaultError::Damaged { what };
    let (nonce, sealed) = bytes.split_at_checked(NONCE_BYTES).ok_or_else(damaged)?;
    let payload = Payload { msg: sealed, aad: &associated(tag, place) };
    let plain = XChaCha20Poly1305::new(key.into()).decrypt(XNonce::from_slice(nonce), payload).map_err(|_| damaged())?;
    T::try_from_slice(&Zeroizing::new(plain)).map_err(|_| damaged())
}

/// The tag and the place, each behind its length, so that no two are the same bytes.
fn associated(tag: &[u8], place: &[&[u8]]) -> Vec<u8> {
    let parts = [tag].into_iter().chain(place.iter().copied());
    parts.flat_map(|part| (part.len() as u32).to_le_bytes().into_iter().chain(part.iter().copied())).collect()
}
