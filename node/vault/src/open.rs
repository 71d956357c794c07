//! Reading a record.

use std::fmt;
use std::io::Read;

use inro_contracts::id::{Label, RecordId};
use inro_payload::{Handover, Payload, SealedReader, outboard_length};

use crate::error::VaultError;
use crate::keys::DataKey;
use crate::names::Name;
use crate::object::{Cipher, RecordReader};
use crate::objects::{Part, blocking};
use crate::record::About;
use crate::vault::Vault;

/// A record that was opened: its description, and its payload from anywhere.
pub struct OpenRecord {
    vault: Vault,
    name: Name,
    key: DataKey,
    about: About,
}

impl Vault {
    /// Opens a record that was kept.
    pub async fn open_record(&self, label: Label, record: RecordId) -> Result<OpenRecord, VaultError> {
        let inner = self.0.clone();
        let (name, key) = blocking(move || {
            let name = inner.keys.name(&label, &record);
            let key = inner.data_key(&name)?;
            match inner.keys.staged(&name)? {
                Some(_) => Err(VaultError::OnlyStaged),
                None => Ok((name, key)),
            }
        })
        .await?;
        self.open_with(name, key).await
    }

    /// Opens what a key opens, staged or kept.
    pub(crate) async fn open_with(&self, name: Name, key: DataKey) -> Result<OpenRecord, VaultError> {
        let damaged = VaultError::Damaged { what: Part::About.what() };
        let objects = &self.0.objects;
        let length = objects.length(&name, Part::About).await?;
        if length > ABOUT_BYTES_MAX {
            return Err(damaged);
        }
        let sealed = objects.range(&name, Part::About, 0..length).await?;
        let plain = Cipher::new(&key, &name, Part::About).open_all(&sealed, Part::About)?;
        let about: About = borsh::from_slice(&plain).map_err(|_| VaultError::Damaged { what: Part::About.what() })?;
        if about.record != key.record || about.description.label != key.label {
            return Err(damaged);
        }
        Ok(OpenRecord { vault: self.clone(), name, key, about })
    }
}

/// Longer than any description: its details, and some 600 bytes, encrypted.
const ABOUT_BYTES_MAX: u64 = crate::record::DETAILS_BYTES_MAX as u64 + 4096;

impl OpenRecord {
    /// What the vault knows of it.
    pub fn about(&self) -> &About {
        &self.about
    }

    /// Its payload, from anywhere.
    pub async fn payload(&self) -> Result<RecordReader, VaultError> {
        self.reader(Part::Payload, self.about.length).await
    }

    /// Its hash tree, from anywhere.
    pub async fn outboard(&self) -> Result<RecordReader, VaultError> {
        self.reader(Part::Outboard, outboard_length(self.about.length)).await
    }

    /// The bytes in which it travels to the reader of one access (rule X-2): the same ones every time, from anywhere. Like
    /// [`RecordReader`], it blocks the thread that reads it.
    pub async fn sealed(&self, handover: &Handover) -> Result<SealedReader<RecordReader, RecordReader>, VaultError> {
        let payload = Payload {
            bytes: self.payload().await?,
            outboard: self.outboard().await?,
            salt: self.about.salt,
            root: self.about.root,
            length: self.about.length,
            media_type: self.about.description.media_type.clone(),
        };
        Ok(SealedReader::new(payload, handover, &self.vault.0.keys.sealing_secret())?)
    }

    /// All of a payload that is not longer than `limit`.
    pub async fn bytes(&self, limit: u64) -> Result<Vec<u8>, VaultError> {
        let length = self.about.length;
        if length > limit {
            return Err(VaultError::TooLong { length, limit });
        }
        let mut reader = self.payload().await?;
        blocking(move || {
            let mut bytes = Vec::with_capacity(length as usize);
            reader.read_to_end(&mut bytes).map_err(read_fault)?;
            Ok(bytes)
        })
        .await
    }

    async fn reader(&self, part: Part, length: u64) -> Result<RecordReader, VaultError> {
        let cipher = Cipher::new(&self.key, &self.name, part);
        let reader = RecordReader::open(&self.vault.0.objects, self.name, part, cipher).await?;
        // An object that was cut between two segments shows here, before its end is read.
        if reader.length() == length { Ok(reader) } else { Err(VaultError::Damaged { what: part.what() }) }
    }
}

/// The vault's own error inside one of a reader.
pub fn read_fault(error: std::io::Error) -> VaultError {
    match error.downcast::<VaultError>() {
        Ok(fault) => fault,
        Err(error) => VaultError::Task(error.to_string()),
    }
}

impl fmt::Debug for OpenRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenRecord").field("length", &self.about.length).finish_non_exhaustive()
    }
}
