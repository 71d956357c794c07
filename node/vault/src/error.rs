//! Why the vault cannot do what was asked. No message names a label, a record or a key: paths hold keyed digests only.

use std::io;
use std::path::{Path, PathBuf};

use inro_contracts::time::Time;

use crate::record::DETAILS_BYTES_MAX;

/// Why the vault cannot do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// There is no such record here.
    #[error("the vault holds no such record of this account")]
    Unknown,
    /// It is written, and the ledger's registration was not reported yet.
    #[error("the record is staged only; it can be opened once the ledger shows its registration")]
    OnlyStaged,
    /// Its key was destroyed.
    #[error("the record was erased at {} (milliseconds since 1970); its key is destroyed", .0.0)]
    Erased(Time),
    /// Something stored is not what was written.
    #[error("{what} was altered or damaged; restore it from a backup, and find out who or what wrote there")]
    Damaged {
        /// What it is.
        what: &'static str,
    },
    /// A part of a record is not there.
    #[error("{what} is missing in the store; restore it from a backup")]
    Missing {
        /// What it is.
        what: &'static str,
    },
    /// The vault belongs to another facility key.
    #[error("the vault is under another facility key (its id is {found}); name that key's file")]
    AnotherFacilityKey {
        /// The id of the key that opens it.
        found: String,
    },
    /// There are keys and nothing that opens them.
    #[error("{} is missing, though there are records; restore it from a backup", .0.display())]
    NoMaster(PathBuf),
    /// Another program uses it.
    #[error("another program uses the vault in {}; end it first", .0.display())]
    InUse(PathBuf),
    /// A file of the vault cannot be read or written.
    #[error("{} cannot be {act}: {error}; check its owner, its mode and the disk", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What was tried.
        act: &'static str,
        /// What the system said.
        error: io::Error,
    },
    /// The folder is open to others.
    #[error(transparent)]
    Folder(#[from] inro_genesis::files::FileFault),
    /// The object store refused.
    #[error("the object store refused: {0}; check its settings, its space and the way to it")]
    Store(#[from] object_store::Error),
    /// The settings cannot be used.
    #[error("the vault's settings cannot be used: {0}")]
    Settings(String),
    /// The payload that was to be staged cannot be read.
    #[error("the payload could not be read to its end: {0}; nothing was kept of it")]
    Input(io::Error),
    /// What is known of the record is too much.
    #[error("the record's details have {0} bytes; the most is {DETAILS_BYTES_MAX}, so leave out what the payload says itself")]
    DetailsTooLong(usize),
    /// What is known of the record is nested too deeply.
    #[error("the record's details are nested deeper than they could be read again; make them flatter")]
    DetailsTooDeep,
    /// It is longer than the caller will take.
    #[error("the payload has {length} bytes, and at most {limit} were asked for; read it in pieces")]
    TooLong {
        /// Its length.
        length: u64,
        /// The caller's limit.
        limit: u64,
    },
    /// The reply key is of no use.
    #[error(transparent)]
    Seal(#[from] inro_payload::SealError),
    /// Our own bug: a task of the vault panicked.
    #[error("a task of the vault ended early: {0}; see the log")]
    Task(String),
}

impl VaultError {
    pub(crate) fn file(path: &Path, act: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::File { path: path.into(), act, error }
    }
}
