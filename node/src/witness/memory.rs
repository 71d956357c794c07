//! What a witness remembers, in one file: the last header that it cosigned, the path that gives its checkpoint, and the changes of
//! the validator set that lead to it from the founding document. All of it is checked again when it is read, so that a damaged or
//! foreign file is refused and not believed.
//!
//! The file is replaced in one step and is on the disk before a cosignature is given out. One witness at a time uses it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use borsh::{BorshDeserialize, BorshSerialize};
use inro_contracts::bytes::{List, encode};
use inro_contracts::genesis::Founding;
use inro_contracts::id::ChainId;
use inro_contracts::key::PublicKey;
use inro_evidence::checkpoint::Checkpoint;
use inro_evidence::{Certified, Change, HistoryPath, Walk};
use inro_genesis::files::{self, Audience, FileFault};

const MAGIC: [u8; 8] = *b"INROWITN";
const VERSION: u16 = 1;
const FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;
const CHANGES_MAX: usize = 16_384;

/// Why the memory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MemoryFault {
    /// The file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileFault),
    /// Another witness uses it.
    #[error("another witness uses {}; two would cosign two histories: stop it, or give each its own key and file", .0.display())]
    InUse(PathBuf),
    /// The lock cannot be had.
    #[error("{} cannot be locked: {why}; check its owner and its mode", .path.display())]
    Lock {
        /// The file.
        path: PathBuf,
        /// The system's words.
        why: io::Error,
    },
    /// It is another witness's or another ledger's, or damaged.
    #[error(
        "{} is not this witness's memory ({what}); restore the file from a copy. Without its newest memory a witness can cosign a \
         second history: if there is none, make a new key",
        .path.display()
    )]
    Unsound {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// More changes than the file takes.
    #[error("the validator set has changed more than {CHANGES_MAX} times, which is more than a witness's file holds")]
    TooManyChanges,
}

/// Where the memory lies. While this exists, no other witness opens it.
#[derive(Debug)]
pub(super) struct MemoryFile {
    path: PathBuf,
    chain: ChainId,
    key: PublicKey,
    _lock: File,
}

/// The last header that was cosigned.
#[derive(Debug, Clone)]
pub(super) struct Last {
    pub(super) certified: Certified,
    pub(super) path: HistoryPath,
    pub(super) checkpoint: Checkpoint,
}

#[derive(BorshSerialize, BorshDeserialize)]
struct Written {
    magic: [u8; 8],
    version: u16,
    chain: ChainId,
    key: PublicKey,
    changes: List<Change, CHANGES_MAX>,
    head: Certified,
    path: HistoryPath,
}

impl MemoryFile {
    /// Takes the file for this witness; it need not be there yet.
    pub(super) fn take(path: &Path, chain: ChainId, key: PublicKey) -> Result<Self, MemoryFault> {
        let beside = beside(path, "lock");
        let fault = |why: io::Error| MemoryFault::Lock { path: beside.clone(), why };
        let lock = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&beside).map_err(fault)?;
        lock.try_lock().map_err(|refusal| match refusal {
            TryLockError::WouldBlock => MemoryFault::InUse(path.into()),
            TryLockError::Error(why) => fault(why),
        })?;
        Ok(Self { path: path.into(), chain, key, _lock: lock })
    }

    /// Where evidence of a fork is kept: a witness beside which it lies cosigns nothing.
    pub(super) fn fork_path(&self) -> PathBuf {
        beside(&self.path, "fork")
    }

    /// Reads what was written last, and checks all of it from the founding document on.
    pub(super) fn read(&self, founding: &Founding) -> Result<Option<(Walk, Last)>, MemoryFault> {
        if !self.path.exists() {
            return Ok(None);
        }
        let bytes = files::read(&self.path, FILE_BYTES_MAX, Audience::Owner)?;
        let unsound = |what: String| MemoryFault::Unsound { path: self.path.clone(), what };
        let written: Written = borsh::from_slice(&bytes).map_err(|error| unsound(error.to_string()))?;
        if (written.magic, written.version) != (MAGIC, VERSION) {
            return Err(unsound("it is no memory of version 1".into()));
        }
        if (written.chain, written.key) != (self.chain, self.key) {
            return Err(unsound("it is of another ledger or another witness's key".into()));
        }
        let (certified, path) = (written.head, written.path);
        let mut walk = Walk::from_genesis(founding.chain, founding.validators.clone());
        walk.follow(written.changes.into_vec(), &certified.header).map_err(|fault| unsound(fault.to_string()))?;
        walk.certify_older(&certified).map_err(|fault| unsound(fault.to_string()))?;
        let checkpoint = Checkpoint::of(&certified.header, &path).map_err(|fault| unsound(fault.to_string()))?;
        Ok(Some((walk, Last { certified, path, checkpoint })))
    }

    /// Writes what is to be remembered. When this returns, a crash cannot lose it.
    pub(super) fn write(&self, walk: &Walk, last: &Last) -> Result<(), MemoryFault> {
        let written = Written {
            magic: MAGIC,
            version: VERSION,
            chain: self.chain,
            key: self.key,
            changes: List::new(walk.changes().to_vec()).map_err(|_| MemoryFault::TooManyChanges)?,
            head: last.certified.clone(),
            path: last.path.clone(),
        };
        Ok(files::replace(&self.path, &encode(&written), Audience::Owner)?)
    }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}
