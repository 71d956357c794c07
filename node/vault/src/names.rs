//! Names of files and objects: keyed digests, so that a path shows nothing and nobody chooses one.

use std::fmt;
use std::path::{Path, PathBuf};

use inro_contracts::id::{Label, RecordId};

use crate::tags;

const ACCOUNT_BYTES: usize = 16;
const RECORD_BYTES: usize = 32;

/// A record's name in the vault. It is what an observer of the disk sees, so it may be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name {
    account: [u8; ACCOUNT_BYTES],
    record: [u8; RECORD_BYTES],
}

impl Name {
    pub fn new(key: &[u8; 32], label: &Label, record: &RecordId) -> Self {
        Self { account: account(key, label), record: *digest(key, tags::RECORD_NAME, &[&label.0, &record.0]).as_bytes() }
    }

    /// The name that a file has; `None`: it is no file of ours.
    pub fn of_file(path: &Path) -> Option<Self> {
        let (account, record) = path.file_name()?.to_str()?.split_once('-')?;
        let mut name = Self { account: [0; ACCOUNT_BYTES], record: [0; RECORD_BYTES] };
        read_hex(account, &mut name.account)?;
        read_hex(record, &mut name.record)?;
        Some(name)
    }

    pub fn record(&self) -> &[u8; 32] {
        &self.record
    }

    pub fn file(&self) -> String {
        format!("{}-{}", Hex(&self.account), Hex(&self.record))
    }

    /// Within `keys`: 65,536 folders, so that ten million records make some 150 files in each.
    pub fn key_file(&self, keys: &Path) -> PathBuf {
        keys.join(Hex(&self.account[..2]).to_string()).join(self.file())
    }

    /// Within the object store.
    pub fn object_folder(&self) -> String {
        format!("{}/{}", Hex(&self.record[..1]), Hex(&self.record))
    }
}

/// The folder of an account's key files, and how their names begin.
pub fn account_files(key: &[u8; 32], keys: &Path, label: &Label) -> (PathBuf, String) {
    let account = account(key, label);
    (keys.join(Hex(&account[..2]).to_string()), format!("{}-", Hex(&account)))
}

fn account(key: &[u8; 32], label: &Label) -> [u8; ACCOUNT_BYTES] {
    let mut account = [0; ACCOUNT_BYTES];
    account.copy_from_slice(&digest(key, tags::ACCOUNT_NAME, &[&label.0]).as_bytes()[..ACCOUNT_BYTES]);
    account
}

fn digest(key: &[u8; 32], tag: &[u8], parts: &[&[u8]]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new_keyed(key);
    hasher.update(&[tag.len() as u8]).update(tag);
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize()
}

struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

fn read_hex(text: &str, out: &mut [u8]) -> Option<()> {
    let small = |byte: &u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte);
    if text.len() != out.len() * 2 || !text.as_bytes().iter().all(small) {
        return None;
    }
    for (index, byte) in out.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * index..2 * index + 2], 16).ok()?;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_back_from_its_file_and_shows_neither_label_nor_id() {
        let (label, record) = (Label([7; 32]), RecordId([8; 32]));
        let name = Name::new(&[1; 32], &label, &record);
        let file = name.key_file(Path::new("keys"));
        assert_eq!(Name::of_file(&file), Some(name));
        assert!(!file.to_str().unwrap().contains("0707") && !file.to_str().unwrap().contains("0808"));
        let (folder, beginning) = account_files(&[1; 32], Path::new("keys"), &label);
        assert_eq!(file.parent(), Some(&*folder));
        assert!(name.file().starts_with(&beginning));
    }

    #[test]
    fn names_differ_by_vault_label_and_record() {
        let (label, record) = (Label([7; 32]), RecordId([8; 32]));
        let name = Name::new(&[1; 32], &label, &record);
        assert_ne!(name, Name::new(&[2; 32], &label, &record));
        assert_ne!(name, Name::new(&[1; 32], &Label([9; 32]), &record));
        assert_ne!(name, Name::new(&[1; 32], &label, &RecordId([9; 32])));
        assert_ne!(name.record(), Name::new(&[1; 32], &Label([9; 32]), &record).record());
    }

    #[test]
    fn files_of_others_have_no_name() {
        let good = Name::new(&[1; 32], &Label([7; 32]), &RecordId([8; 32])).file();
        for other in ["", "-", "..", "lost+found", &good[1..], &good.to_uppercase(), &format!("{good}.new"), "é-é"] {
            assert_eq!(Name::of_file(Path::new(other)), None, "{other}");
        }
    }
}
