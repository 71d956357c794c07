//! What a sealed payload is bound to, and the keys at both ends.

use std::fmt;

use hkdf::Hkdf;
use hpke::aead::AesGcm256;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use inro_contracts::access::Access;
use inro_contracts::id::{ChainId, ConsultId, OrganisationId, RecordId, SealingKey, TransactionId};
use rand_chacha::ChaCha20Rng;
use rand_core::{CryptoRng, RngCore, SeedableRng};
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::segment::SegmentKey;
use crate::tags;

pub(crate) const VERSION: u8 = 1;
pub(crate) const ENCAPSULATED_BYTES: usize = 32;

type Suite = X25519HkdfSha256;
type SecretPart = <Suite as Kem>::PrivateKey;
type PublicPart = <Suite as Kem>::PublicKey;

/// One handing over: what a sealed payload is bound to. It opens for these and for no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Handover {
    /// The ledger.
    pub chain: ChainId,
    /// The granted access: the id of its transaction.
    pub access: TransactionId,
    /// The record.
    pub record: RecordId,
    /// Who hands over.
    pub custodian: OrganisationId,
    /// Whose practitioner asked.
    pub requester: OrganisationId,
    /// The one-time key that the access names.
    pub reply_key: SealingKey,
}

/// A reader's half of a one-time key: made for one access, gone when it was read. Never printed, wiped when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct OneTimeSecret([u8; 32]);

/// The secret of a custodian's vault from which the randomness of sealed payloads is derived. Never printed, wiped when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct SealingSecret([u8; 32]);

impl OneTimeSecret {
    /// A new key.
    pub fn generate<R: RngCore + CryptoRng>(random: &mut R) -> Self {
        let mut bytes = [0; 32];
        random.fill_bytes(&mut bytes);
        Self(bytes)
    }

    /// A key that was kept, from its bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes, for whoever keeps the key encrypted until the transfer is done.
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0)
    }

    /// The public half, which the access names.
    pub fn public(&self) -> SealingKey {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(&Suite::sk_to_pk(&self.secret_part()).to_bytes());
        SealingKey(bytes)
    }

    fn secret_part(&self) -> SecretPart {
        // Any 32 bytes are an X25519 secret (RFC 7748, section 5).
        SecretPart::from_bytes(&self.0).expect("an X25519 secret is any 32 bytes")
    }
}

impl SealingSecret {
    /// The secret with these bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for OneTimeSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OneTimeSecret(…)")
    }
}

impl fmt::Debug for SealingSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealingSecret(…)")
    }
}

impl Handover {
    /// A record for an access. A person who reads has no organisation: 32 zero bytes stand for it.
    pub fn of_record(
        chain: ChainId,
        access: TransactionId,
        record: RecordId,
        custodian: OrganisationId,
        requester: Option<OrganisationId>,
        reply_key: SealingKey,
    ) -> Self {
        Self { chain, access, record, custodian, requester: requester.unwrap_or(OrganisationId([0; 32])), reply_key }
    }

    /// A record for an access as the ledger's state has it.
    pub fn of_access(chain: ChainId, id: TransactionId, access: &Access, record: RecordId) -> Self {
        Self::of_record(chain, id, record, access.custodian, access.organisation, access.request.reply_key)
    }

    /// The answer to a consult, which stands in the place of access and record: `custodian` is the organisation that answers,
    /// `requester` the one that asked.
    pub fn of_answer(
        chain: ChainId,
        consult: ConsultId,
        custodian: OrganisationId,
        requester: OrganisationId,
        reply_key: SealingKey,
    ) -> Self {
        Self { chain, access: TransactionId(consult.0), record: RecordId(consult.0), custodian, requester, reply_key }
    }

    /// The custodian's end: the encapsulated key and the segments' key. `inner_header` stands for the payload: salt, root, length
    /// and media type. `None`: the reply key is of small order, so everybody could open what is sealed to it.
    pub(crate) fn seal(&self, secret: &SealingSecret, inner_header: &[u8]) -> Option<([u8; ENCAPSULATED_BYTES], SegmentKey)> {
        let mut seed = Zeroizing::new([0; 32]);
        let about = [tags::EPHEMERAL, &self.info(), &self.reply_key.0, inner_header];
        Hkdf::<Sha256>::new(None, &secret.0).expand_multi_info(&about, &mut *seed).ok()?;
        let mut random = ChaCha20Rng::from_seed(*seed);
        let recipient = PublicPart::from_bytes(&self.reply_key.0).ok()?;
        let (encapsulated, context) =
            hpke::setup_sender::<AesGcm256, HkdfSha256, Suite, _>(&OpModeS::Base, &recipient, &self.info(), &mut random).ok()?;
        let mut bytes = [0; ENCAPSULATED_BYTES];
        bytes.copy_from_slice(&encapsulated.to_bytes());
        Some((bytes, segment_key(|out| context.export(tags::SEGMENTS, out))?))
    }

    /// The reader's end: the segments' key. `None`: no honest custodian encapsulates so.
    pub(crate) fn open(&self, secret: &OneTimeSecret, encapsulated: &[u8; ENCAPSULATED_BYTES]) -> Option<SegmentKey> {
        let encapsulated = <Suite as Kem>::EncappedKey::from_bytes(encapsulated).ok()?;
        let context = hpke::setup_receiver::<AesGcm256, HkdfSha256, Suite>(
            &OpModeR::Base,
            &secret.secret_part(),
            &encapsulated,
            &self.info(),
        );
        let context = context.ok()?;
        segment_key(|out| context.export(tags::SEGMENTS, out))
    }

    /// Every part has a fixed length, so no two handovers have the same.
    fn info(&self) -> Vec<u8> {
        let parts: [&[u8]; 8] = [
            &[tags::SEALED.len() as u8],
            tags::SEALED,
            &[VERSION],
            &self.chain.0,
            &self.access.0,
            &self.record.0,
            &self.custodian.0,
            &self.requester.0,
        ];
        parts.concat()
    }
}

fn segment_key(export: impl FnOnce(&mut [u8]) -> Result<(), hpke::HpkeError>) -> Option<SegmentKey> {
    let mut exported = Zeroizing::new([0; 39]);
    export(&mut *exported).ok()?;
    let (mut key, mut prefix) = (Zeroizing::new([0; 32]), [0; 7]);
    key.copy_from_slice(&exported[..32]);
    prefix.copy_from_slice(&exported[32..]);
    Some(SegmentKey::new(&key, prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_shows_in_debug_output() {
        let shown = format!("{:?} {:?}", OneTimeSecret::from_bytes([0xab; 32]), SealingSecret::from_bytes([0xab; 32]));
        assert_eq!(shown, "OneTimeSecret(…) SealingSecret(…)");
    }

    #[test]
    fn a_kept_secret_has_the_same_public_half() {
        let secret = OneTimeSecret::generate(&mut rand::rngs::OsRng);
        assert_eq!(OneTimeSecret::from_bytes(*secret.to_bytes()).public(), secret.public());
    }

    #[test]
    fn the_public_half_is_the_one_of_rfc_7748() {
        let mut secret = [0; 32];
        hex::decode_to_slice("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb", &mut secret).unwrap();
        let public = OneTimeSecret::from_bytes(secret).public();
        assert_eq!(public.to_hex(), "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
    }
}
