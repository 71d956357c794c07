//! A wallet file's bytes (docs/spec/wallet.md): a header in clear, the wallet encrypted, a checksum.
//!
//! The checksum tells a damaged file from a wrong passphrase; it protects nothing else. What is encrypted is padded to whole
//! steps of 4 KiB, so a file's length does not tell how many accounts a person has.

use chacha20poly1305::aead::{AeadInPlace, KeyInit};
use chacha20poly1305::{Tag, XChaCha20Poly1305};
use inro_contracts::bytes::Canonical;
use inro_contracts::key::SecretKey;
use inro_genesis::keyfile::Passphrase;
use rand::RngCore;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::{Wallet, derive};

/// The version that is written and read.
pub(super) const VERSION: u8 = 1;
/// The longest file.
pub(super) const FILE_BYTES_MAX: u64 = (HEADER + Wallet::BYTES_MAX + STEP + TAG + CHECKSUM) as u64;

const MAGIC: &[u8; 8] = b"INRO-WLT";
const HEADER: usize = 53;
const SALT: std::ops::Range<usize> = 13..29;
const NONCE: std::ops::Range<usize> = 29..53;
const TAG: usize = 16;
const CHECKSUM: usize = 32;
const STEP: usize = 4096;
const CHECKSUM_TAG: &[u8] = b"\x16inro/1/wallet/checksum";

const BY_PASSPHRASE: u8 = 1;
const BY_STORE: u8 = 2;

/// scrypt's cost for new files: 64 MiB, some tenths of a second. The file records it, so it can grow.
const SCRYPT: Scrypt = Scrypt { log_n: 16, r: 8, p: 1 };
/// The most that opening a file may cost: 256 MiB, four times.
const SCRYPT_MEMORY_MAX: u64 = 256 * 1024 * 1024;
const SCRYPT_PARALLELIZATION_MAX: u8 = 4;

/// Why bytes are not a wallet that can be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unsealable {
    NotAWallet,
    Version(u8),
    Damaged,
    TooCostly,
    WrongKey,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Scrypt {
    log_n: u8,
    r: u8,
    p: u8,
}

/// What opens a file: the key, and what the header says of where it comes from.
#[derive(Clone)]
pub(super) struct Lock {
    by: Option<Scrypt>,
    salt: [u8; 16],
    key: Zeroizing<[u8; 32]>,
}

/// What protects a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protection {
    Passphrase,
    Store,
}

impl Lock {
    /// A lock that a passphrase opens.
    pub(super) fn of_passphrase(passphrase: &Passphrase) -> Self {
        Self::stretched(passphrase, SCRYPT, fresh())
    }

    /// A lock that a facility's store key opens.
    pub(super) fn of_store(store: &SecretKey) -> Self {
        let salt = fresh();
        Self { by: None, salt, key: derive::store_key(store, &salt) }
    }

    fn stretched(passphrase: &Passphrase, cost: Scrypt, salt: [u8; 16]) -> Self {
        let mut output = Zeroizing::new([0; 32]);
        // The parameters were checked when they were read, or are this file's own; 32 bytes are not too much to ask for.
        if let Ok(parameters) = scrypt::Params::new(cost.log_n, u32::from(cost.r), u32::from(cost.p), 32) {
            let _ = scrypt::scrypt(passphrase.as_bytes(), &salt, &parameters, &mut *output);
        }
        Self { by: Some(cost), salt, key: derive::file_key(&output) }
    }

    /// What it is opened by.
    pub(super) fn protection(&self) -> Protection {
        if self.by.is_some() { Protection::Passphrase } else { Protection::Store }
    }

    /// Is this the lock of that file?
    pub(super) fn is_of(&self, file: &Parsed<'_>) -> bool {
        self.by == file.by && self.salt == file.salt
    }

    /// Encrypts a wallet, under a fresh nonce.
    pub(super) fn seal(&self, wallet: &Wallet) -> Vec<u8> {
        let content = Zeroizing::new(encode(wallet));
        let padded = (4 + content.len()).div_ceil(STEP) * STEP;
        let mut file = Vec::with_capacity(HEADER + padded + TAG + CHECKSUM);
        file.extend_from_slice(MAGIC);
        match self.by {
            Some(Scrypt { log_n, r, p }) => file.extend_from_slice(&[VERSION, BY_PASSPHRASE, log_n, r, p]),
            None => file.extend_from_slice(&[VERSION, BY_STORE, 0, 0, 0]),
        }
        file.extend_from_slice(&self.salt);
        // 192 random bits: no two files under one key share a nonce.
        file.extend_from_slice(&fresh::<24>());
        let mut body = Zeroizing::new(vec![0; padded]);
        body[..4].copy_from_slice(&(content.len() as u32).to_le_bytes());
        body[4..4 + content.len()].copy_from_slice(&content);
        let cipher = XChaCha20Poly1305::new((&*self.key).into());
        // The cipher refuses only what is longer than 256 GiB.
        let tag = cipher.encrypt_in_place_detached(file[NONCE].into(), &file, &mut body).unwrap_or_default();
        file.extend_from_slice(&body);
        file.extend_from_slice(&tag);
        let checksum = checksum(&file);
        file.extend_from_slice(&checksum);
        file
    }
}

/// A file whose outer form is right. What is inside may still not open.
#[derive(Clone, Copy)]
pub(super) struct Parsed<'a> {
    bytes: &'a [u8],
    by: Option<Scrypt>,
    salt: [u8; 16],
}

impl<'a> Parsed<'a> {
    /// Checks the outer form and what opening would cost.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, Unsealable> {
        if !bytes.starts_with(MAGIC) {
            return Err(Unsealable::NotAWallet);
        }
        match bytes.get(8) {
            Some(&VERSION) => {}
            Some(other) => return Err(Unsealable::Version(*other)),
            None => return Err(Unsealable::Damaged),
        }
        let body = bytes.len().saturating_sub(HEADER + TAG + CHECKSUM);
        if body == 0
            || !body.is_multiple_of(STEP)
            || checksum(&bytes[..bytes.len() - CHECKSUM]) != bytes[bytes.len() - CHECKSUM..]
        {
            return Err(Unsealable::Damaged);
        }
        let by = match (bytes[9], bytes[10], bytes[11], bytes[12]) {
            (BY_PASSPHRASE, log_n, r, p) => Some(Scrypt { log_n, r, p }.bounded()?),
            (BY_STORE, 0, 0, 0) => None,
            _ => return Err(Unsealable::Damaged),
        };
        let mut salt = [0; 16];
        salt.copy_from_slice(&bytes[SALT]);
        Ok(Self { bytes, by, salt })
    }

    /// What protects the file.
    pub(super) fn protection(&self) -> Protection {
        if self.by.is_some() { Protection::Passphrase } else { Protection::Store }
    }

    /// The lock that a passphrase gives for this file.
    pub(super) fn lock_of_passphrase(&self, passphrase: &Passphrase) -> Lock {
        Lock::stretched(passphrase, self.by.unwrap_or(SCRYPT), self.salt)
    }

    /// The lock that a store's key gives for this file.
    pub(super) fn lock_of_store(&self, store: &SecretKey) -> Lock {
        Lock { by: None, salt: self.salt, key: derive::store_key(store, &self.salt) }
    }

    /// Decrypts the wallet.
    pub(super) fn open(&self, lock: &Lock) -> Result<Wallet, Unsealable> {
        let end = self.bytes.len() - CHECKSUM;
        let (header, body, tag) = (&self.bytes[..HEADER], &self.bytes[HEADER..end - TAG], &self.bytes[end - TAG..end]);
        let mut body = Zeroizing::new(body.to_vec());
        let cipher = XChaCha20Poly1305::new((&*lock.key).into());
        let opened = cipher.decrypt_in_place_detached(header[NONCE].into(), header, &mut body, Tag::from_slice(tag));
        opened.map_err(|_| Unsealable::WrongKey)?;
        let (length, rest) = body.split_at(4);
        let length = u32::from_le_bytes([length[0], length[1], length[2], length[3]]) as usize;
        let content = rest.get(..length).filter(|_| rest[length..].iter().all(|byte| *byte == 0)).ok_or(Unsealable::Damaged)?;
        let steps_hold = (4 + length).div_ceil(STEP) * STEP == body.len();
        Wallet::from_bytes(content).ok().filter(|_| steps_hold).ok_or(Unsealable::Damaged)
    }
}

impl Scrypt {
    /// A stranger's file must not decide how much memory and time it takes to open it.
    fn bounded(self) -> Result<Self, Unsealable> {
        let memory = 1_u64.checked_shl(u32::from(self.log_n)).unwrap_or(u64::MAX).saturating_mul(128 * u64::from(self.r));
        let sound = self.log_n > 0 && self.r > 0 && self.p > 0;
        if memory > SCRYPT_MEMORY_MAX || self.log_n > 63 || self.p > SCRYPT_PARALLELIZATION_MAX {
            return Err(Unsealable::TooCostly);
        }
        let usable = scrypt::Params::new(self.log_n, u32::from(self.r), u32::from(self.p), 32).is_ok();
        if sound && usable { Ok(self) } else { Err(Unsealable::Damaged) }
    }
}

/// The wallet's bytes, in one piece: no copy of the secret stays behind where a vector grew.
fn encode(wallet: &Wallet) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(Wallet::BYTES_MAX);
    // A vector takes every write.
    let _ = borsh::BorshSerialize::serialize(wallet, &mut bytes);
    bytes
}

/// What a file ends with.
pub(super) fn checksum(bytes: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update(CHECKSUM_TAG).chain_update(bytes).finalize().into()
}

fn fresh<const LENGTH: usize>() -> [u8; LENGTH] {
    let mut bytes = [0; LENGTH];
    rand::rngs::OsRng.fill_bytes(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use inro_contracts::id::{ChainId, OrganisationId};
    use proptest::prelude::*;

    use super::*;
    use crate::wallet::tests::a_wallet;

    const LIGHT: Scrypt = Scrypt { log_n: 4, r: 8, p: 1 };

    fn lock(word: &str) -> Lock {
        Lock::stretched(&Passphrase::new(word), LIGHT, [3; 16])
    }

    fn reopened(bytes: &[u8], word: &str) -> Result<Wallet, Unsealable> {
        let file = Parsed::parse(bytes)?;
        file.open(&file.lock_of_passphrase(&Passphrase::new(word)))
    }

    fn with_accounts(count: u8) -> Wallet {
        let mut wallet = a_wallet(1, ChainId([1; 32]));
        for custodian in 0..count {
            wallet.agree(&OrganisationId([custodian; 32])).unwrap();
        }
        wallet
    }

    /// Puts the right checksum under changed bytes.
    fn with_checksum(mut bytes: Vec<u8>) -> Vec<u8> {
        bytes.truncate(bytes.len() - CHECKSUM);
        let sum = checksum(&bytes);
        bytes.extend_from_slice(&sum);
        bytes
    }

    #[test]
    fn a_sealed_wallet_opens_with_its_passphrase_only() {
        let wallet = with_accounts(3);
        let bytes = lock("right").seal(&wallet);
        assert_eq!(reopened(&bytes, "right").unwrap().to_bytes(), wallet.to_bytes());
        assert_eq!(reopened(&bytes, "wrong").unwrap_err(), Unsealable::WrongKey);
        let store = SecretKey::from_seed(&[5; 32]);
        let bytes = Lock::of_store(&store).seal(&wallet);
        let file = Parsed::parse(&bytes).unwrap();
        assert_eq!(file.protection(), Protection::Store);
        assert_eq!(file.open(&file.lock_of_store(&store)).unwrap().to_bytes(), wallet.to_bytes());
        let other = file.lock_of_store(&SecretKey::from_seed(&[6; 32]));
        assert_eq!(file.open(&other).unwrap_err(), Unsealable::WrongKey);
    }

    #[test]
    fn the_length_of_a_file_does_not_tell_how_many_accounts_there_are() {
        let lengths: Vec<_> = [0, 1, 5, 20].map(|count| lock("x").seal(&with_accounts(count)).len()).into();
        assert_eq!(lengths, vec![HEADER + STEP + TAG + CHECKSUM; 4]);
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let bytes = lock("x").seal(&with_accounts(1));
        for place in (0..HEADER + 8).chain(bytes.len() - TAG - CHECKSUM - 8..bytes.len()) {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[place] ^= 1 << bit;
                let expected = match place {
                    0..8 => Unsealable::NotAWallet,
                    8 => Unsealable::Version(flipped[8]),
                    _ => Unsealable::Damaged,
                };
                assert_eq!(reopened(&flipped, "x").unwrap_err(), expected, "byte {place}, bit {bit}");
                if place >= HEADER && place < bytes.len() - CHECKSUM {
                    assert_eq!(reopened(&with_checksum(flipped), "x").unwrap_err(), Unsealable::WrongKey);
                }
            }
        }
        for length in (0..HEADER + 8).chain(bytes.len() - STEP..bytes.len()) {
            let expected = if length < 8 { Unsealable::NotAWallet } else { Unsealable::Damaged };
            assert_eq!(reopened(&bytes[..length], "x").unwrap_err(), expected, "{length} bytes");
        }
    }

    #[test]
    fn a_file_that_would_cost_too_much_is_refused_before_anything_is_computed() {
        let bytes = lock("x").seal(&with_accounts(0));
        let with = |log_n, r, p| {
            let mut changed = bytes.clone();
            changed[10..13].copy_from_slice(&[log_n, r, p]);
            Parsed::parse(&with_checksum(changed)).map(|_| ()).unwrap_err()
        };
        for (log_n, r, p) in [(19, 8, 1), (63, 8, 1), (64, 1, 1), (255, 255, 255), (14, 255, 1), (14, 8, 5)] {
            assert_eq!(with(log_n, r, p), Unsealable::TooCostly, "{log_n} {r} {p}");
        }
        for (log_n, r, p) in [(0, 8, 1), (14, 0, 1), (14, 8, 0)] {
            assert_eq!(with(log_n, r, p), Unsealable::Damaged, "{log_n} {r} {p}");
        }
    }

    #[test]
    fn content_that_is_not_the_canonical_form_is_refused() {
        let key = lock("x");
        let reseal = |change: &dyn Fn(&mut Vec<u8>)| {
            let mut bytes = key.seal(&with_accounts(1));
            let end = bytes.len() - CHECKSUM;
            let cipher = XChaCha20Poly1305::new((&*key.key).into());
            let (header, tag) = (bytes[..HEADER].to_vec(), bytes[end - TAG..end].to_vec());
            let mut body = bytes[HEADER..end - TAG].to_vec();
            cipher.decrypt_in_place_detached(header[NONCE].into(), &header, &mut body, Tag::from_slice(&tag)).unwrap();
            change(&mut body);
            let tag = cipher.encrypt_in_place_detached(header[NONCE].into(), &header, &mut body).unwrap();
            bytes = [header, body, tag.to_vec(), vec![0; CHECKSUM]].concat();
            reopened(&with_checksum(bytes), "x")
        };
        assert!(reseal(&|_| ()).is_ok());
        type Change = dyn Fn(&mut Vec<u8>);
        let changes: [&Change; 5] = [
            &|body| body[..4].copy_from_slice(&u32::MAX.to_le_bytes()),
            &|body| body[0] ^= 1,
            &|body| *body.last_mut().unwrap() = 1,
            &|body| body[4 + 32] = 9,
            &|body| body.extend_from_slice(&[0; STEP]),
        ];
        for (number, change) in changes.into_iter().enumerate() {
            assert_eq!(reseal(change).unwrap_err(), Unsealable::Damaged, "change {number}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..6000), shape in 0..4_u8) {
            let mut file = bytes;
            if shape > 0 {
                file.splice(..file.len().min(10), *b"INRO-WLT\x01\x02");
            }
            if shape > 1 {
                file.resize(HEADER + STEP + TAG + CHECKSUM, 7);
                file[10..13].fill(0);
            }
            if shape > 2 {
                file = with_checksum(file);
            }
            if let Ok(parsed) = Parsed::parse(&file) {
                prop_assert_eq!(parsed.open(&parsed.lock_of_store(&SecretKey::from_seed(&[1; 32]))).unwrap_err(), Unsealable::WrongKey);
            }
        }

        #[test]
        fn no_content_makes_the_decoder_panic_and_what_it_reads_encodes_back(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let mut sound = with_accounts(1).to_bytes();
            let start = bytes.len().min(sound.len());
            sound.truncate(start);
            for candidate in [bytes.clone(), [sound, bytes].concat()] {
                if let Ok(wallet) = Wallet::from_bytes(&candidate) {
                    prop_assert_eq!(wallet.to_bytes(), candidate);
                }
            }
        }
    }
}
