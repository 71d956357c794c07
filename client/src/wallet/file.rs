//! A wallet's encrypted file: readable by its owner only, written in one step and durably.
//!
//! Several programs may use one file: [`WalletFile::update`] reads it anew under a lock, so that no change is lost.

use std::fs::File;
use std::path::{Path, PathBuf};

use inro_contracts::key::SecretKey;
use inro_genesis::files::{self, Audience, FileFault};
use inro_genesis::keyfile::{self, Passphrase};

use super::sealed::{self, Lock, Parsed, Protection, Unsealable};
use super::store::STORE_KEY;
use super::{Wallet, WalletFault};

/// An open wallet file.
pub struct WalletFile {
    path: PathBuf,
    lock: Lock,
    wallet: Wallet,
}

impl std::fmt::Debug for WalletFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WalletFile").field("path", &self.path).finish_non_exhaustive()
    }
}

impl WalletFile {
    /// Writes a new file that a passphrase opens. An existing file is never touched.
    pub fn create(path: &Path, wallet: Wallet, passphrase: &Passphrase) -> Result<Self, WalletFault> {
        passphrase.check_new()?;
        Self::create_with(path, wallet, Lock::of_passphrase(passphrase))
    }

    /// Opens a file: with its own passphrase, or, when it lies in a facility's store, with that of the store's key.
    pub fn open(path: &Path, passphrase: &Passphrase) -> Result<Self, WalletFault> {
        let bytes = read(path)?;
        let parsed = parse(path, &bytes)?;
        let lock = match parsed.protection() {
            Protection::Passphrase => parsed.lock_of_passphrase(passphrase),
            Protection::Store => parsed.lock_of_store(&keyfile::open(&store_key_of(path), passphrase)?),
        };
        Ok(Self { path: path.into(), wallet: open(path, &parsed, &lock)?, lock })
    }

    pub(super) fn create_in_store(path: &Path, wallet: Wallet, store: &SecretKey) -> Result<Self, WalletFault> {
        Self::create_with(path, wallet, Lock::of_store(store))
    }

    pub(super) fn open_in_store(path: &Path, store: &SecretKey) -> Result<Self, WalletFault> {
        let bytes = read(path)?;
        let parsed = parse(path, &bytes)?;
        if parsed.protection() != Protection::Store {
            return Err(WalletFault::OtherStore(path.into()));
        }
        let lock = parsed.lock_of_store(store);
        Ok(Self { path: path.into(), wallet: open(path, &parsed, &lock)?, lock })
    }

    fn create_with(path: &Path, wallet: Wallet, lock: Lock) -> Result<Self, WalletFault> {
        files::create(path, &lock.seal(&wallet), Audience::Owner)?;
        Ok(Self { path: path.into(), lock, wallet })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The wallet.
    pub fn wallet(&self) -> &Wallet {
        &self.wallet
    }

    /// Changes the wallet as the file has it now, and writes it in one step. When the change is refused, or cannot be written,
    /// nothing is changed.
    pub fn update<T>(&mut self, change: impl FnOnce(&mut Wallet) -> Result<T, WalletFault>) -> Result<T, WalletFault> {
        let _held = hold_folder_of(&self.path)?;
        let bytes = read(&self.path)?;
        let parsed = parse(&self.path, &bytes)?;
        if !self.lock.is_of(&parsed) {
            return Err(WalletFault::Changed(self.path.clone()));
        }
        let mut wallet = open(&self.path, &parsed, &self.lock)?;
        let answer = change(&mut wallet)?;
        files::replace(&self.path, &self.lock.seal(&wallet), Audience::Owner)?;
        self.wallet = wallet;
        Ok(answer)
    }

    /// Refuses a file that lies in a facility's store, and so has no passphrase of its own.
    pub fn expect_own_passphrase(&self) -> Result<(), WalletFault> {
        match self.lock.protection() {
            Protection::Passphrase => Ok(()),
            Protection::Store => Err(WalletFault::KeptInStore { path: self.path.clone(), key: store_key_of(&self.path) }),
        }
    }

    /// Encrypts the file anew under another passphrase, in one step.
    pub fn change_passphrase(&mut self, new: &Passphrase) -> Result<(), WalletFault> {
        self.expect_own_passphrase()?;
        new.check_new()?;
        let _held = hold_folder_of(&self.path)?;
        let bytes = read(&self.path)?;
        let parsed = parse(&self.path, &bytes)?;
        if !self.lock.is_of(&parsed) {
            return Err(WalletFault::Changed(self.path.clone()));
        }
        let wallet = open(&self.path, &parsed, &self.lock)?;
        let lock = Lock::of_passphrase(new);
        files::replace(&self.path, &lock.seal(&wallet), Audience::Owner)?;
        (self.wallet, self.lock) = (wallet, lock);
        Ok(())
    }
}

fn read(path: &Path) -> Result<Vec<u8>, WalletFault> {
    Ok(files::read(path, sealed::FILE_BYTES_MAX, Audience::Owner)?.to_vec())
}

fn parse<'a>(path: &Path, bytes: &'a [u8]) -> Result<Parsed<'a>, WalletFault> {
    Parsed::parse(bytes).map_err(|error| fault(path, error, Protection::Passphrase))
}

fn open(path: &Path, parsed: &Parsed<'_>, lock: &Lock) -> Result<Wallet, WalletFault> {
    parsed.open(lock).map_err(|error| fault(path, error, parsed.protection()))
}

fn fault(path: &Path, error: Unsealable, protection: Protection) -> WalletFault {
    let path = path.to_path_buf();
    match (error, protection) {
        (Unsealable::NotAWallet, _) => WalletFault::NotAWallet(path),
        (Unsealable::Version(found), _) => WalletFault::Version { path, found, readable: sealed::VERSION },
        (Unsealable::Damaged, _) => WalletFault::Damaged(path),
        (Unsealable::TooCostly, _) => WalletFault::TooCostly(path),
        (Unsealable::WrongKey, Protection::Passphrase) => WalletFault::WrongPassphrase(path),
        (Unsealable::WrongKey, Protection::Store) => WalletFault::OtherStore(path),
    }
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.into(),
        _ => PathBuf::from("."),
    }
}

fn store_key_of(path: &Path) -> PathBuf {
    folder_of(path).join(STORE_KEY)
}

/// Keeps other programs from writing a wallet in the same folder until the returned file is dropped.
fn hold_folder_of(path: &Path) -> Result<File, WalletFault> {
    let folder = folder_of(path);
    let fault = |act, error: std::io::Error| FileFault::System { path: folder.clone(), act, error };
    let held = File::open(&folder).map_err(|error| fault("read", error))?;
    held.lock().map_err(|error| fault("locked", error))?;
    Ok(held)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use inro_contracts::bytes::Text;
    use inro_contracts::id::ChainId;

    use super::*;
    use crate::wallet::tests::a_wallet;

    fn passphrase() -> Passphrase {
        Passphrase::new("correct horse")
    }

    fn a_file() -> (tempfile::TempDir, PathBuf, WalletFile) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hanako.wallet");
        let file = WalletFile::create(&path, a_wallet(1, ChainId([1; 32])), &passphrase()).unwrap();
        (folder, path, file)
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn a_wallet_file_is_for_its_owner_and_never_overwritten() {
        let (_folder, path, _) = a_file();
        assert_eq!(mode(&path), 0o600);
        let again = WalletFile::create(&path, a_wallet(2, ChainId([1; 32])), &passphrase()).unwrap_err();
        assert!(matches!(again, WalletFault::File(FileFault::Exists(_))));
        let short = WalletFile::create(&path, a_wallet(2, ChainId([1; 32])), &Passphrase::new("short")).unwrap_err();
        assert!(short.is_bad_input());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let fault = WalletFile::open(&path, &passphrase()).unwrap_err().to_string();
        assert!(fault.contains("chmod 600"), "{fault}");
    }

    #[test]
    fn two_programs_lose_no_change_of_each_other() {
        let (_folder, path, mut one) = a_file();
        let mut other = WalletFile::open(&path, &passphrase()).unwrap();
        let name = |text: &str| Text::new(text).unwrap();
        one.update(|wallet| {
            wallet.set_nickname(name("Hanako"));
            Ok(())
        })
        .unwrap();
        other
            .update(|wallet| {
                wallet.set_nodes(["http://127.0.0.1:8500"]);
                Ok(())
            })
            .unwrap();
        let wallet = WalletFile::open(&path, &passphrase()).unwrap().wallet;
        assert_eq!((wallet.nickname().as_str(), wallet.nodes().count()), ("Hanako", 1));
        assert_eq!(mode(&path), 0o600);
    }

    #[test]
    fn a_refused_change_writes_nothing_and_a_leftover_of_a_crash_is_no_hindrance() {
        let (_folder, path, mut file) = a_file();
        let before = fs::read(&path).unwrap();
        let refused: Result<(), _> = file.update(|wallet| {
            wallet.set_nickname(Text::new("x").unwrap());
            Err(WalletFault::UnknownAccount)
        });
        assert!(refused.is_err());
        assert_eq!(fs::read(&path).unwrap(), before);
        assert_eq!(file.wallet().nickname().as_str(), "");
        fs::write(path.with_extension("wallet.new"), b"half").unwrap();
        file.update(|wallet| {
            wallet.set_nickname(Text::new("x").unwrap());
            Ok(())
        })
        .unwrap();
        assert_eq!(WalletFile::open(&path, &passphrase()).unwrap().wallet().nickname().as_str(), "x");
        assert!(!path.with_extension("wallet.new").exists());
    }

    #[test]
    fn a_changed_passphrase_opens_the_file_and_the_old_one_does_not() {
        let (_folder, path, mut file) = a_file();
        let mut other = WalletFile::open(&path, &passphrase()).unwrap();
        assert!(file.change_passphrase(&Passphrase::new("short")).unwrap_err().is_bad_input());
        let new = Passphrase::new("battery staple");
        file.change_passphrase(&new).unwrap();
        assert!(matches!(WalletFile::open(&path, &passphrase()), Err(WalletFault::WrongPassphrase(_))));
        WalletFile::open(&path, &new).unwrap();
        assert!(matches!(other.update(|_| Ok(())), Err(WalletFault::Changed(_))));
        file.update(|_| Ok(())).unwrap();
    }

    #[test]
    fn what_is_no_wallet_or_damaged_is_named_as_such() {
        let (folder, path, _) = a_file();
        let write = |bytes: &[u8]| {
            let path = folder.path().join("other");
            let _ = fs::remove_file(&path);
            files::create(&path, bytes, Audience::Owner).unwrap();
            WalletFile::open(&path, &passphrase()).unwrap_err()
        };
        assert!(matches!(write(b""), WalletFault::NotAWallet(_)));
        assert!(matches!(write(b"-----BEGIN"), WalletFault::NotAWallet(_)));
        let bytes = fs::read(&path).unwrap();
        assert!(matches!(write(&bytes[..bytes.len() / 2]), WalletFault::Damaged(_)));
        let mut newer = bytes.clone();
        newer[8] = 2;
        assert!(matches!(write(&newer), WalletFault::Version { found: 2, .. }));
        assert!(matches!(write(&vec![0; 1 << 21]), WalletFault::File(FileFault::TooLong { .. })));
        let missing = WalletFile::open(&folder.path().join("missing"), &passphrase()).unwrap_err();
        assert!(missing.is_bad_input());
    }

    #[test]
    fn no_word_and_no_seed_stands_in_the_file() {
        let (_folder, path, file) = a_file();
        let bytes = fs::read(&path).unwrap();
        let secret = file.wallet().secret();
        let finds = |needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
        assert!(!finds(&secret.seed()[..16]) && !finds(&[1; 16]));
        assert!(!finds(secret.words().word(1).unwrap().as_bytes()));
    }
}
