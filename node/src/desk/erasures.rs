//! What the vault showed of each record that it destroyed (rule X-6), kept for whoever asks whether it is really gone.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use inro_contracts::id::{Label, RecordId};
use inro_contracts::tag::Tag;
use inro_genesis::files::secret_folder;
use inro_vault::ErasureProof;
use serde_json::Value;

use super::DeskFault;

/// The proofs, a file each. Nothing in them opens anything, and no file's name tells whose record it was.
pub(super) struct Erasures {
    folder: PathBuf,
}

impl Erasures {
    pub(super) fn open(folder: &Path) -> Result<Self, DeskFault> {
        secret_folder(folder)?;
        Ok(Self { folder: folder.into() })
    }

    /// Keeps a proof, durably. Waits for the disk.
    pub(super) fn keep(&self, account: &Label, record: &RecordId, proof: &ErasureProof) -> Result<(), DeskFault> {
        let path = self.path(account, record);
        let part = path.with_extension("part");
        let writing = || -> io::Result<()> {
            let mut file = File::create(&part)?;
            file.write_all(&serde_json::to_vec(proof)?)?;
            file.sync_data()?;
            fs::rename(&part, &path)
        };
        writing().map_err(DeskFault::file(&path, "written"))
    }

    /// The proof for a record; `None` if none was kept.
    pub(super) fn find(&self, account: &Label, record: &RecordId) -> Result<Option<Value>, DeskFault> {
        let path = self.path(account, record);
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|error| DeskFault::file(&path, "read")(error.into())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(DeskFault::file(&path, "read")(error)),
        }
    }

    fn path(&self, account: &Label, record: &RecordId) -> PathBuf {
        self.folder.join(Tag::TEXT.hash(&[b"erasure", &account.0, &record.0]).to_hex())
    }
}
