//! What the tests share: a vault in a folder of its own, and ways to look at its files.

use std::path::{Path, PathBuf};

use inro_contracts::category::Category;
use inro_contracts::id::{ChainId, Label, OrganisationId, RecordId, TransactionId};
use inro_contracts::key::SecretKey;
use inro_contracts::record::{ProviderFlags, RecordManifest};
use inro_contracts::time::Time;
use inro_payload::{Handover, OneTimeSecret};
use inro_vault::{Description, FacilityKey, Settings, StoreSettings, Vault, VaultError};
use serde_json::json;

pub const LABEL: Label = Label(*b"a label that must show nowhere!!");
pub const NOW: Time = Time(1_700_000_000_000);
pub const SEGMENT: usize = inro_payload::SEGMENT_BYTES;

pub struct World {
    pub folder: PathBuf,
    _kept: Option<tempfile::TempDir>,
}

pub fn facility(seed: u8) -> FacilityKey {
    FacilityKey::of(&SecretKey::from_seed(&[seed; 32]))
}

pub fn description() -> Description {
    Description {
        label: LABEL,
        category: Category::Chart,
        flags: ProviderFlags::UNINFORMED,
        media_type: "text/plain".parse().unwrap(),
        details: json!({ "title": "a title that must show nowhere" }),
    }
}

/// Bytes that differ everywhere.
pub fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|index| (index.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

pub fn one_time() -> OneTimeSecret {
    OneTimeSecret::from_bytes([3; 32])
}

pub fn handover(record: RecordId) -> Handover {
    Handover {
        chain: ChainId([1; 32]),
        access: TransactionId([2; 32]),
        record,
        custodian: OrganisationId([4; 32]),
        requester: OrganisationId([5; 32]),
        reply_key: one_time().public(),
    }
}

impl World {
    pub fn new() -> Self {
        let kept = tempfile::tempdir().unwrap();
        Self { folder: kept.path().into(), _kept: Some(kept) }
    }

    pub fn at(folder: &Path) -> Self {
        Self { folder: folder.into(), _kept: None }
    }

    pub fn settings(&self) -> Settings {
        let folder = self.folder.join("vault");
        Settings { folder, store: StoreSettings::Local { folder: self.objects() } }
    }

    pub fn objects(&self) -> PathBuf {
        self.folder.join("objects")
    }

    pub async fn open(&self) -> Vault {
        Vault::open(&self.settings(), facility(1)).await.unwrap()
    }

    /// Every file there is.
    pub fn files(&self) -> Vec<PathBuf> {
        files_in(&self.folder)
    }

    /// The record's only object of this kind.
    pub fn object(&self, part: &str) -> PathBuf {
        let found: Vec<_> = files_in(&self.objects()).into_iter().filter(|path| path.ends_with(part)).collect();
        assert_eq!(found.len(), 1, "one {part}");
        found[0].clone()
    }

    pub fn copy_to(&self, other: &Path) {
        for file in self.files() {
            let to = other.join(file.strip_prefix(&self.folder).unwrap());
            std::fs::create_dir_all(to.parent().unwrap()).unwrap();
            std::fs::copy(&file, &to).unwrap();
        }
    }
}

pub fn files_in(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(files_in(&path)) } else { files.push(path) }
    }
    files.sort();
    files
}

/// Staged and kept.
pub async fn kept(vault: &Vault, payload: &[u8]) -> RecordManifest {
    let manifest = vault.stage(description(), payload, NOW).await.unwrap();
    vault.keep(LABEL, manifest.id).await.unwrap();
    manifest
}

pub async fn read(vault: &Vault, record: RecordId) -> Result<Vec<u8>, VaultError> {
    vault.open_record(LABEL, record).await?.bytes(u64::MAX).await
}
