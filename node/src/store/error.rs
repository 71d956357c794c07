//! What can go wrong with the store. Every sentence says what happened, why, and what to do. None shows a key of the store:
//! keys hold labels.

use std::path::{Path, PathBuf};

use inro_contracts::id::{BlockId, ChainId};
use inro_contracts::state::StateFault;
use inro_contracts::time::Height;

/// Why the store did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The folder cannot be written to.
    #[error("cannot write to {}: {cause}; give the node's user write permission there, or set another data folder", path.display())]
    NotWritable {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        cause: String,
    },
    /// The folder is in use.
    #[error("another inro-node uses this folder: {}; stop it, or give this node a data folder of its own", path.display())]
    Locked {
        /// The folder.
        path: PathBuf,
    },
    /// The folder holds something else.
    #[error("{} is not a store of this program: it says {found:?}, this program knows {known:?}; use the program that wrote it, or another data folder", path.display())]
    UnknownFormat {
        /// The folder.
        path: PathBuf,
        /// The version that it states.
        found: String,
        /// The version that this program knows.
        known: &'static str,
    },
    /// What is stored is not what was written.
    #[error(
        "the store is damaged: {what}; move the data folder away and start the node with an empty one: it fetches every block again from the other nodes"
    )]
    Damaged {
        /// What was found.
        what: String,
    },
    /// No space is left.
    #[error("the disk of {} is full; free some space and start the node again: nothing acknowledged is lost", path.display())]
    DiskFull {
        /// The folder.
        path: PathBuf,
    },
    /// The reserve is reached, and nothing was written.
    #[error("the disk of {} is nearly full: {free_mib} MiB are free and {reserve_mib} MiB are kept in reserve, so no block is written; free some space", path.display())]
    DiskNearlyFull {
        /// The folder.
        path: PathBuf,
        /// What is free, in MiB.
        free_mib: u64,
        /// What is kept in reserve, in MiB.
        reserve_mib: u64,
    },
    /// The folder belongs to another ledger.
    #[error(
        "this folder holds the ledger {found:?}, but the genesis file founds {expected:?}; check the genesis file, or set another data folder"
    )]
    OtherLedger {
        /// The ledger asked for.
        expected: ChainId,
        /// The ledger stored.
        found: ChainId,
    },
    /// No ledger is stored yet.
    #[error("no ledger is founded in this folder yet; start the node with its genesis file")]
    NotFounded,
    /// This ledger is stored already.
    #[error("this ledger is founded in this folder already; nothing was changed")]
    AlreadyFounded,
    /// A block that does not come next.
    #[error("block {found} was to be committed after block {tip}; the blocks between them are needed first")]
    Gap {
        /// The last block stored.
        tip: Height,
        /// The block brought.
        found: Height,
    },
    /// Two blocks for one height. Either more than a third of the voting power broke the protocol, or this store is of another history.
    #[error(
        "block {height} is committed as {committed:?}, but {brought:?} was brought as its certified content or parent; stop the node and compare it with the other members' nodes before anything else"
    )]
    Fork {
        /// The height.
        height: Height,
        /// What is stored.
        committed: BlockId,
        /// What was brought.
        brought: BlockId,
    },
    /// The caller's parts of a block do not belong together: a bug of this program.
    #[error(
        "this program has a bug: the parts of a block do not belong together ({what}); nothing was written; please report it"
    )]
    Mismatch {
        /// Which parts.
        what: &'static str,
    },
    /// The object is not in the state tree, so nothing can be proved of it there.
    #[error("objects of this kind are not proved by the state tree; they follow from the account's journal")]
    NotProved,
    /// An entry was dropped.
    #[error("this node no longer keeps all of block {height} (store.keep_blocks): ask a member that keeps everything")]
    Pruned {
        /// The block.
        height: Height,
    },
    /// An earlier write failed.
    #[error(
        "the store stopped after a failed write ({cause}); repair that and start the node again: nothing acknowledged is lost"
    )]
    Stopped {
        /// The failure.
        cause: String,
    },
    /// The system failed in another way.
    #[error("the store could not {act}: {cause}")]
    Failed {
        /// What was tried.
        act: &'static str,
        /// What the system said.
        cause: String,
    },
}

impl StoreError {
    /// Damage, in words.
    pub(super) fn damaged(what: impl Into<String>) -> Self {
        Self::Damaged { what: what.into() }
    }

    /// Whose fault an error of the database is. It tells its errors apart by its messages only, so this does as well.
    pub(super) fn of_database(path: &Path, act: &'static str, error: &rocksdb::Error) -> Self {
        let message = error.as_ref();
        let path = path.to_owned();
        if message.contains("No space left") {
            Self::DiskFull { path }
        } else if message.contains("lock hold by current process") || message.contains("While lock file") {
            Self::Locked { path }
        } else if message.contains("Permission denied") || message.contains("Read-only file system") {
            Self::NotWritable { path, cause: message.to_owned() }
        } else if error.kind() == rocksdb::ErrorKind::Corruption
            || message.contains("No such file or directory")
            || message.contains("create_if_missing is false")
            || message.contains("Column families not opened")
        {
            Self::damaged(message)
        } else {
            Self::Failed { act, cause: message.to_owned() }
        }
    }

    /// Whose fault an error of the file system is.
    pub(super) fn of_system(path: &Path, act: &'static str, error: &std::io::Error) -> Self {
        use std::io::ErrorKind;
        let path = path.to_owned();
        match error.kind() {
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => Self::NotWritable { path, cause: error.to_string() },
            ErrorKind::NotADirectory | ErrorKind::AlreadyExists => Self::NotWritable { path, cause: "it is not a folder".into() },
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::DiskFull { path },
            _ => Self::Failed { act, cause: error.to_string() },
        }
    }
}

impl From<StoreError> for StateFault {
    fn from(error: StoreError) -> Self {
        StateFault(error.to_string())
    }
}
