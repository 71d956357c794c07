//! The wallets of patients without a device, kept by their facility: a folder with one encrypted file per patient.
//!
//! File names are random, so the folder does not tell who is a patient. One key, `store.pem`, opens all of the folder's files; it
//! is a key file like any other, with its passphrase. Accounts opened with these wallets are marked as custodial on the ledger.

use std::path::{Path, PathBuf};

use inro_contracts::id::Label;
use inro_contracts::key::SecretKey;
use inro_genesis::files::{self, FileFault};
use inro_genesis::keyfile::{self, Passphrase};
use rand::RngCore;

use super::{Wallet, WalletFault, WalletFile};

/// The name of a store's key in its folder.
pub const STORE_KEY: &str = "store.pem";
/// How the names of wallet files end.
pub const WALLET_ENDING: &str = "wallet";

/// A facility's store of wallets.
#[derive(Debug)]
pub struct WalletStore {
    folder: PathBuf,
    key: SecretKey,
}

impl WalletStore {
    /// Opens a store.
    pub fn open(folder: &Path, passphrase: &Passphrase) -> Result<Self, WalletFault> {
        Ok(Self { folder: folder.into(), key: keyfile::open(&folder.join(STORE_KEY), passphrase)? })
    }

    /// Is there a store in this folder?
    pub fn exists(folder: &Path) -> bool {
        folder.join(STORE_KEY).exists()
    }

    /// Makes a store: its folder, readable by its owner only, and its key.
    pub fn create(folder: &Path, passphrase: &Passphrase) -> Result<Self, WalletFault> {
        passphrase.check_new()?;
        files::secret_folder(folder)?;
        Ok(Self { folder: folder.into(), key: keyfile::generate(&folder.join(STORE_KEY), passphrase)? })
    }

    /// Puts a patient's wallet into a new file.
    pub fn add(&self, wallet: Wallet) -> Result<WalletFile, WalletFault> {
        let mut name = [0; 16];
        rand::rngs::OsRng.fill_bytes(&mut name);
        let path = self.folder.join(format!("{}.{WALLET_ENDING}", hex::encode(name)));
        WalletFile::create_in_store(&path, wallet, &self.key)
    }

    /// The wallet files, sorted by name, unopened.
    pub fn files(&self) -> Result<Vec<PathBuf>, WalletFault> {
        let fault = |error| FileFault::System { path: self.folder.clone(), act: "read", error };
        let mut paths = Vec::new();
        for entry in std::fs::read_dir(&self.folder).map_err(fault)? {
            let path = entry.map_err(fault)?.path();
            if path.extension().is_some_and(|ending| ending == WALLET_ENDING) {
                paths.push(path);
            }
        }
        paths.sort();
        Ok(paths)
    }

    /// Opens one of the store's files.
    pub fn wallet(&self, path: &Path) -> Result<WalletFile, WalletFault> {
        WalletFile::open_in_store(path, &self.key)
    }

    /// The wallet that has an account.
    pub fn find(&self, account: &Label) -> Result<WalletFile, WalletFault> {
        for path in self.files()? {
            let file = self.wallet(&path)?;
            if file.wallet().account(account).is_ok() {
                return Ok(file);
            }
        }
        Err(WalletFault::UnknownAccount)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use inro_contracts::id::{ChainId, OrganisationId};

    use super::*;
    use crate::wallet::{WalletSecret, WordList, Words};

    fn wallet(number: u8) -> Wallet {
        let secret = WalletSecret::new(&Words::of_entropy(&[number; 32], WordList::Japanese), "");
        Wallet::new(secret, ChainId([1; 32]), true)
    }

    #[test]
    fn a_store_keeps_many_wallets_under_one_passphrase_and_finds_them_by_account() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("wallets");
        let passphrase = Passphrase::new("correct horse");
        assert!(!WalletStore::exists(&folder));
        let store = WalletStore::create(&folder, &passphrase).unwrap();
        let mut labels = Vec::new();
        for number in 1..=5 {
            let mut file = store.add(wallet(number)).unwrap();
            let agreement = file.update(|wallet| wallet.agree(&OrganisationId([1; 32]))).unwrap();
            assert!(agreement.opening.custodial);
            labels.push(agreement.label);
            assert_eq!(fs::metadata(file.path()).unwrap().permissions().mode() & 0o777, 0o600);
        }
        let store = WalletStore::open(&folder, &passphrase).unwrap();
        assert_eq!(store.files().unwrap().len(), 5);
        for label in &labels {
            let found = store.find(label).unwrap();
            assert!(WalletFile::open(found.path(), &passphrase).unwrap().wallet().account(label).is_ok());
        }
        assert!(matches!(store.find(&Label([9; 32])), Err(WalletFault::UnknownAccount)));
        assert!(WalletStore::open(&folder, &Passphrase::new("another one")).is_err());
        assert!(WalletStore::create(&folder, &passphrase).is_err());
    }

    #[test]
    fn a_file_in_another_store_does_not_open_and_has_no_passphrase_of_its_own() {
        let root = tempfile::tempdir().unwrap();
        let passphrase = Passphrase::new("correct horse");
        let stores = ["a", "b"].map(|name| WalletStore::create(&root.path().join(name), &passphrase).unwrap());
        let mut file = stores[0].add(wallet(1)).unwrap();
        let moved = root.path().join("b").join("moved.wallet");
        fs::copy(file.path(), &moved).unwrap();
        assert!(matches!(stores[1].wallet(&moved), Err(WalletFault::OtherStore(_))));
        assert!(matches!(WalletFile::open(&moved, &passphrase), Err(WalletFault::OtherStore(_))));
        assert!(matches!(file.change_passphrase(&passphrase), Err(WalletFault::KeptInStore { .. })));
        let own = root.path().join("a").join("own.wallet");
        WalletFile::create(&own, wallet(2), &passphrase).unwrap();
        assert!(matches!(stores[0].wallet(&own), Err(WalletFault::OtherStore(_))));
    }
}
