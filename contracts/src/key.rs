//! Keys and signatures: rule L-11, one rule for validity.
//!
//! A signature is valid if and only if it satisfies [ZIP-215](https://zips.z.cash/zip-0215): `s` is canonical and
//! `[8][s]B = [8]R + [8][k]A`. The rule gives the same answer one by one and in batches, so no crafted signature can split
//! the consortium. Keys of small order are refused where a key is registered ([`PublicKey::is_weak`]).

use borsh::{BorshDeserialize, BorshSerialize};
use ed25519_dalek::Signer as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;
use zeroize::ZeroizeOnDrop;

use crate::id::byte_array;
use crate::tag::Tag;

byte_array!(
    /// An Ed25519 public key in its 32 bytes.
    PublicKey, 32, true
);
byte_array!(
    /// An Ed25519 signature in its 64 bytes.
    Signature, 64, true
);

impl PublicKey {
    /// A key that must not be registered: it is not a point of the curve, or a point of small order, for which everybody
    /// can sign.
    pub fn is_weak(&self) -> bool {
        ed25519_dalek::VerifyingKey::from_bytes(&self.0).map_or(true, |key| key.is_weak())
    }

    /// Is `signature` this key's signature of `message`, by rule L-11?
    pub fn verifies(&self, message: &[u8], signature: &Signature) -> bool {
        ed25519_zebra::VerificationKey::try_from(self.0)
            .is_ok_and(|key| key.verify(&ed25519_zebra::Signature::from(signature.0), message).is_ok())
    }
}

/// A secret key. Never printed, wiped when dropped.
#[derive(Clone, ZeroizeOnDrop)]
pub struct SecretKey(ed25519_dalek::SigningKey);

impl SecretKey {
    /// The key of a 32-byte seed.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(seed))
    }

    /// The seed, for whoever stores it encrypted.
    pub fn seed(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// The public key.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    /// Signs `tag ‖ statement`.
    pub fn sign(&self, tag: Tag, statement: &[u8]) -> Signature {
        Signature(self.0.sign(&tag.message(statement)).to_bytes())
    }

    /// Signs bytes as they are, for formats of others that begin with letters of their own (C2SP cosignatures). What is signed
    /// under a tag begins with the tag's length, which is no letter, so neither can be taken for the other.
    pub fn sign_untagged(&self, message: &[u8]) -> Signature {
        Signature(self.0.sign(message).to_bytes())
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(…)")
    }
}

/// One signature to check: by whom, over which bytes.
#[derive(Debug, Clone)]
pub struct Claim {
    /// Who is said to have signed.
    pub key: PublicKey,
    /// The tagged message.
    pub message: Vec<u8>,
    /// The signature.
    pub signature: Signature,
}

impl Claim {
    /// A claim over `tag ‖ statement`.
    pub fn new(key: PublicKey, tag: Tag, statement: &[u8], signature: Signature) -> Self {
        Self { key, message: tag.message(statement), signature }
    }

    /// Is the claim true?
    pub fn holds(&self) -> bool {
        self.key.verifies(&self.message, &self.signature)
    }
}

/// Checks many claims at once: the same answers as [`Claim::holds`] for each, in less time. `random` weighs the equations
/// and must be unpredictable to whoever made the signatures; a poor source can let a false batch pass, so it must come from
/// the operating system's generator, or from a cryptographic one that it seeds.
pub fn all_hold<'a>(claims: impl IntoIterator<Item = &'a Claim>, random: impl rand_core::RngCore + rand_core::CryptoRng) -> bool {
    let mut batch = ed25519_zebra::batch::Verifier::new();
    for claim in claims {
        let key = ed25519_zebra::VerificationKeyBytes::from(claim.key.0);
        let signature = ed25519_zebra::Signature::from(claim.signature.0);
        batch.queue((key, signature, &claim.message));
    }
    batch.verify(random).is_ok()
}

/// Which of the groups of claims hold, in order: one batch when all do; otherwise it halves until the false ones are found.
pub fn hold_each<R: rand_core::RngCore + rand_core::CryptoRng>(groups: &[&[Claim]], random: &mut R) -> Vec<bool> {
    fn search<R: rand_core::RngCore + rand_core::CryptoRng>(groups: &[&[Claim]], random: &mut R, verdicts: &mut Vec<bool>) {
        if groups.is_empty() {
            return;
        }
        if let [one] = groups {
            verdicts.push(one.iter().all(Claim::holds));
        } else if all_hold(groups.iter().copied().flatten(), &mut *random) {
            verdicts.extend(std::iter::repeat_n(true, groups.len()));
        } else {
            let (left, right) = groups.split_at(groups.len() / 2);
            search(left, random, verdicts);
            search(right, random, verdicts);
        }
    }
    let mut verdicts = Vec::with_capacity(groups.len());
    search(groups, random, &mut verdicts);
    verdicts
}
