//! Erasing a record: its data key is destroyed, so that no copy of its bytes opens any more, backups included (rule X-6).
//!
//! Order, so that a crash anywhere ends in an erased record: the mark, from which on it cannot be opened; the key; the objects;
//! the mark that all is done. The mark stays: if a backup brings the key file back, the next start destroys it again.

use bytes::Bytes;
use inro_contracts::id::{Commitment, Hash, Label, RecordId};
use inro_contracts::time::Time;
use inro_payload::SEGMENT_BYTES;
use serde::Serialize;

use crate::error::VaultError;
use crate::keys::ErasedMark;
use crate::names::Name;
use crate::object::Cipher;
use crate::objects::{Part, blocking};
use crate::vault::Vault;

/// What was destroyed, and what was then tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ErasureProof {
    /// The record.
    pub record: RecordId,
    /// What the ledger knows of its payload; absent if its description was damaged already.
    pub commitment: Option<Commitment>,
    /// When it was erased.
    pub erased: Time,
    /// The SHA-256 of the wrapped key that was destroyed.
    pub wrapped_key: Hash,
    /// The encrypted objects that were removed.
    pub objects: Vec<ErasedObject>,
    /// What was tried afterwards.
    pub checks: ErasureChecks,
}

/// An encrypted object that was removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ErasedObject {
    /// Which part of the record.
    pub part: &'static str,
    /// Its length at rest.
    pub bytes: u64,
}

/// What was tried after an erasure. All of it is true, or the erasure was not complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ErasureChecks {
    /// There is no key for the record.
    pub key_is_gone: bool,
    /// Opening it is refused.
    pub opening_is_refused: bool,
    /// The store has none of its objects.
    pub objects_are_gone: bool,
    /// A copy of its description and of its first segments, made before, does not open with what the vault still has.
    pub copy_does_not_open: bool,
}

impl ErasureChecks {
    /// Is it erased?
    pub fn hold(&self) -> bool {
        self.key_is_gone && self.opening_is_refused && self.objects_are_gone && self.copy_does_not_open
    }
}

impl Vault {
    /// Destroys a record, staged or kept: its key first, then its bytes. If this fails on the way, the record is closed already,
    /// and the next start finishes it.
    pub async fn erase(&self, label: Label, record: RecordId, now: Time) -> Result<ErasureProof, VaultError> {
        let inner = self.0.clone();
        let (name, key) = blocking(move || {
            let name = inner.keys.name(&label, &record);
            Ok((name, inner.data_key(&name)?))
        })
        .await?;
        let (objects, copies) = self.copies(&name).await?;
        // A record whose description is damaged must still be erasable.
        let commitment = self.open_with(name, key).await.ok().map(|open| open.about().commitment());
        let wrapped_key = self.destroy(name, now).await?.ok_or(VaultError::Unknown)?;
        let checks = self.erasure_checks(name, label, record, copies).await?;
        Ok(ErasureProof { record, commitment, erased: now, wrapped_key, objects, checks })
    }

    /// Destroys what is left of a record; says the hash of its wrapped key, if that was still there.
    pub(crate) async fn destroy(&self, name: Name, at: Time) -> Result<Option<Hash>, VaultError> {
        let inner = self.0.clone();
        let wrapped_key = blocking(move || {
            inner.keys.mark_erased(&name, ErasedMark { at, done: false })?;
            inner.keys.destroy_key(&name)
        })
        .await?;
        self.0.objects.remove(&name).await?;
        let inner = self.0.clone();
        blocking(move || {
            inner.keys.unmark_staged(&name)?;
            inner.keys.mark_erased(&name, ErasedMark { at, done: true })
        })
        .await?;
        Ok(wrapped_key)
    }

    /// What a backup would hold: the objects' beginnings.
    async fn copies(&self, name: &Name) -> Result<(Vec<ErasedObject>, Vec<(Part, Bytes)>), VaultError> {
        let (mut objects, mut copies) = (Vec::new(), Vec::new());
        for part in Part::ALL {
            let bytes = match self.0.objects.length(name, part).await {
                Err(VaultError::Missing { .. }) => continue,
                length => length?,
            };
            let copied = bytes.min(2 * SEGMENT_BYTES as u64);
            copies.push((part, self.0.objects.range(name, part, 0..copied).await?));
            objects.push(ErasedObject { part: part.text(), bytes });
        }
        Ok((objects, copies))
    }

    async fn erasure_checks(
        &self,
        name: Name,
        label: Label,
        record: RecordId,
        copies: Vec<(Part, Bytes)>,
    ) -> Result<ErasureChecks, VaultError> {
        let mut objects_are_gone = true;
        for part in Part::ALL {
            objects_are_gone &= matches!(self.0.objects.length(&name, part).await, Err(VaultError::Missing { .. }));
        }
        let opening_is_refused = matches!(self.open_record(label, record).await, Err(VaultError::Erased(_)));
        let inner = self.0.clone();
        blocking(move || {
            // Past the mark that says it was erased: only the key counts.
            let key = inner.keys.data_key(&name)?;
            let opens = |(part, copy): &(Part, Bytes)| {
                key.as_ref().is_some_and(|key| Cipher::new(key, &name, *part).begins_to_open(copy, *part))
            };
            let copy_does_not_open = !copies.iter().any(opens);
            Ok(ErasureChecks { key_is_gone: key.is_none(), opening_is_refused, objects_are_gone, copy_does_not_open })
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facility::FacilityKey;
    use crate::record::Description;
    use crate::settings::{Settings, StoreSettings};
    use inro_contracts::category::Category;
    use inro_contracts::key::SecretKey;
    use inro_contracts::record::ProviderFlags;

    #[tokio::test]
    async fn an_erasure_that_a_crash_cut_short_is_finished_at_the_next_start() {
        let folder = tempfile::tempdir().unwrap();
        let store = StoreSettings::Local { folder: folder.path().join("objects") };
        let settings = Settings { folder: folder.path().join("vault"), store };
        let open = || Vault::open(&settings, FacilityKey::of(&SecretKey::from_seed(&[1; 32])));
        let label = Label([1; 32]);
        for key_was_destroyed in [false, true] {
            let vault = open().await.unwrap();
            let description = Description {
                label,
                category: Category::Chart,
                flags: ProviderFlags::default(),
                media_type: inro_payload::MediaType::unknown(),
                details: serde_json::Value::Null,
            };
            let manifest = vault.stage(description, &b"chart"[..], Time(1)).await.unwrap();
            let name = vault.0.keys.name(&label, &manifest.id);
            vault.0.keys.mark_erased(&name, ErasedMark { at: Time(2), done: false }).unwrap();
            if key_was_destroyed {
                vault.0.keys.destroy_key(&name).unwrap();
            }
            assert!(matches!(vault.open_record(label, manifest.id).await, Err(VaultError::Erased(Time(2)))));
            drop(vault);
            let vault = open().await.unwrap();
            assert!(!vault.0.keys.has_key(&name).unwrap());
            assert!(matches!(vault.0.objects.length(&name, Part::Payload).await, Err(VaultError::Missing { .. })));
            assert!(vault.0.keys.erased(&name).unwrap().is_some_and(|mark| mark.done && mark.at == Time(2)));
            assert!(vault.0.keys.staged(&name).unwrap().is_none());
        }
    }
}
