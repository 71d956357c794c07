//! A practitioner's licence on the ledger: only a salted hash. Number and salt stay with the organisation, which can show them
//! to whoever has to check.

use std::path::Path;

use inro_contracts::id::Hash;
use inro_contracts::tag::Tag;
use rand::RngCore;
use serde::{Deserialize, Serialize};

use crate::files::{self, Audience, FileFault};

const LICENCE_FILE_BYTES_MAX: u64 = 4 * 1024;

/// A licence number with its salt. Both are secret to the organisation.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Licence {
    number: String,
    salt: Hash,
}

/// Why a licence file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LicenceFault {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] FileFault),
    /// The file does not hold a licence.
    #[error("it does not hold a licence number and its salt ({0})")]
    Form(serde_json::Error),
}

impl Licence {
    /// A licence with a fresh salt. The number may be empty: then the hash stands for a licence that was not stated, and nobody
    /// can tell it from any other.
    pub fn new(number: impl Into<String>) -> Self {
        let mut salt = [0; 32];
        rand::rngs::OsRng.fill_bytes(&mut salt);
        Self { number: number.into(), salt: Hash(salt) }
    }

    /// What stands on the ledger: `SHA-256(tag ‖ salt ‖ number)`.
    pub fn hash(&self) -> Hash {
        Tag::LICENCE.hash(&[&self.salt.0, self.number.as_bytes()])
    }

    /// Writes number and salt to a new file for its owner only.
    pub fn write(&self, path: &Path) -> Result<(), FileFault> {
        let mut text = serde_json::json!({ "number": self.number, "salt": self.salt }).to_string();
        text.push('\n');
        files::create(path, text.as_bytes(), Audience::Owner)
    }

    /// Reads a file that [`Self::write`] made.
    pub fn read(path: &Path) -> Result<Self, LicenceFault> {
        let bytes = files::read(path, LICENCE_FILE_BYTES_MAX, Audience::Owner)?;
        serde_json::from_slice(&bytes).map_err(LicenceFault::Form)
    }
}

impl std::fmt::Debug for Licence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Licence(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_licence_is_read_back_from_a_file_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("licence.json");
        let licence = Licence::new("123456");
        licence.write(&path).unwrap();
        assert_eq!(Licence::read(&path).unwrap().hash(), licence.hash());
    }

    #[test]
    fn equal_licences_have_different_hashes_and_show_nothing() {
        let (one, two) = (Licence::new("123456"), Licence::new("123456"));
        assert_ne!(one.hash(), two.hash());
        assert_eq!(one.hash(), one.clone().hash());
        assert!(!format!("{one:?}").contains("123456"));
    }
}
