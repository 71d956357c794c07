//! The facility's key: it wraps the vault's own secrets, which wrap the records' keys. It lies in an encrypted key file of the
//! same form as every other key of a member.

use std::fmt;
use std::path::Path;

use hkdf::Hkdf;
use inro_contracts::key::{PublicKey, SecretKey};
use inro_genesis::keyfile::{self, KeyFault, Passphrase};
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::tags;

/// A facility's key. Never printed, wiped when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct FacilityKey {
    key: [u8; 32],
    #[zeroize(skip)]
    id: PublicKey,
}

impl FacilityKey {
    /// Makes a new key and writes its file, encrypted under the passphrase; an existing file is never touched.
    pub fn create(path: &Path, passphrase: &Passphrase) -> Result<Self, KeyFault> {
        Ok(Self::of(&keyfile::generate(path, passphrase)?))
    }

    /// Opens a key file.
    pub fn open(path: &Path, passphrase: &Passphrase) -> Result<Self, KeyFault> {
        Ok(Self::of(&keyfile::open(path, passphrase)?))
    }

    /// The facility's key that a secret key stands for. The secret key signs nothing.
    pub fn of(secret: &SecretKey) -> Self {
        let (mut key, seed) = ([0; 32], Zeroizing::new(secret.seed()));
        // HKDF gives up to 8,160 bytes; 32 are asked for.
        Hkdf::<Sha256>::new(None, &*seed).expand(tags::FACILITY, &mut key).expect("32 bytes are within HKDF's limit");
        Self { key, id: secret.public() }
    }

    /// The key's id: the public key that stands in clear in its file.
    pub fn id(&self) -> PublicKey {
        self.id
    }

    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.key
    }
}

impl fmt::Debug for FacilityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FacilityKey({:?}, …)", self.id)
    }
}
