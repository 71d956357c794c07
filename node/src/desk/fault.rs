//! What can go wrong at the desk.

use std::io;
use std::path::{Path, PathBuf};

use inro_contracts::state::StateFault;
use inro_genesis::files::FileFault;
use inro_vault::VaultError;

use crate::store::StoreError;

/// What went wrong at the desk. No message names a label, a record or a key.
#[derive(Debug, thiserror::Error)]
pub enum DeskFault {
    /// The ledger's store.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The ledger's state.
    #[error("{0}")]
    State(#[from] StateFault),
    /// The vault.
    #[error("{0}")]
    Vault(#[from] VaultError),
    /// A file of the desk.
    #[error("{} cannot be {act}: {error}; check its owner, its mode and the disk", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What was tried.
        act: &'static str,
        /// What the system said.
        error: io::Error,
    },
    /// A folder of the desk.
    #[error("{0}")]
    Folder(#[from] FileFault),
    /// A kept key does not open.
    #[error("{} was altered or belongs to another machine; delete it, and ask for the access again", .0.display())]
    Damaged(PathBuf),
    /// This machine is on no organisation's list.
    #[error("the ledger does not know this machine; register it with `inro peer register`")]
    NotRegistered,
}

impl DeskFault {
    pub(crate) fn file(path: &Path, act: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::File { path: path.into(), act, error }
    }
}
