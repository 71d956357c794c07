//! One-time keys of this node's readers: made for one access, kept encrypted, forgotten when it was read.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use inro_contracts::id::SealingKey;
use inro_contracts::key::SecretKey;
use inro_genesis::files::secret_folder;
use inro_payload::OneTimeSecret;
use rand::RngCore;
use rand::rngs::OsRng;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::fault::DeskFault;

/// For what the encrypting key is derived from the machine's.
const INFO: &[u8] = b"inro/1/desk/reply-keys";
const NONCE_BYTES: usize = 24;

/// The keys that were made and not forgotten.
pub(super) struct ReplyKeys {
    folder: PathBuf,
    cipher: XChaCha20Poly1305,
}

impl ReplyKeys {
    pub(super) fn open(folder: &Path, machine: &SecretKey) -> Result<Self, DeskFault> {
        secret_folder(folder)?;
        let seed = Zeroizing::new(machine.seed());
        let mut key = Zeroizing::new([0; 32]);
        // 32 bytes are far below what HKDF can give, so this cannot fail.
        Hkdf::<Sha256>::new(None, seed.as_ref()).expand(INFO, key.as_mut()).expect("HKDF gives 32 bytes");
        Ok(Self { folder: folder.into(), cipher: XChaCha20Poly1305::new(key.as_ref().into()) })
    }

    /// Makes a key and keeps its secret.
    pub(super) fn make(&self) -> Result<SealingKey, DeskFault> {
        let secret = OneTimeSecret::generate(&mut OsRng);
        let public = secret.public();
        let path = self.path(&public);
        let mut nonce = [0; NONCE_BYTES];
        OsRng.fill_bytes(&mut nonce);
        let bytes = secret.to_bytes();
        let message = Payload { msg: bytes.as_ref(), aad: &public.0 };
        // Fails only for messages of many gigabytes.
        let sealed = self.cipher.encrypt(XNonce::from_slice(&nonce), message).map_err(|_| DeskFault::Damaged(path.clone()))?;
        fs::write(&path, [&nonce[..], &sealed].concat()).map_err(DeskFault::file(&path, "written"))?;
        Ok(public)
    }

    /// The secret of a key that was made here; `None` if it was not, or is forgotten.
    pub(super) fn secret(&self, public: &SealingKey) -> Result<Option<OneTimeSecret>, DeskFault> {
        let path = self.path(public);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(DeskFault::file(&path, "read")(error)),
        };
        let damaged = || DeskFault::Damaged(path.clone());
        let (nonce, sealed) = bytes.split_at_checked(NONCE_BYTES).ok_or_else(damaged)?;
        let message = Payload { msg: sealed, aad: &public.0 };
        let secret = self.cipher.decrypt(XNonce::from_slice(nonce), message).map_err(|_| damaged())?;
        let secret = Zeroizing::new(<[u8; 32]>::try_from(secret).map_err(|_| damaged())?);
        Ok(Some(OneTimeSecret::from_bytes(*secret)))
    }

    /// Forgets keys that were made longer ago than this.
    pub(super) fn forget_older_than(&self, age: Duration) {
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let made = entry.metadata().and_then(|data| data.modified());
            if made.is_ok_and(|made| SystemTime::now().duration_since(made).is_ok_and(|since| since > age)) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    fn path(&self, public: &SealingKey) -> PathBuf {
        self.folder.join(public.to_hex())
    }
}
