//! How every key of a wallet follows from its secret. All derivations of the wallet stand in this file.
//!
//! `PRK = HKDF-Extract(salt = "inro/1/wallet", BIP-39 seed)`; each secret is `HKDF-Expand(PRK, info, 32)` with SHA-256, where
//! `info = length of tag ‖ tag ‖ chain id ‖ …`, numbers in four little-endian bytes. What stands behind a tag has a fixed length,
//! so no two derivations share an info. Nobody without the secret can tell that two keys come from one wallet.

use hkdf::Hkdf;
use inro_contracts::id::{ChainId, Label, OrganisationId};
use inro_contracts::key::SecretKey;
use inro_payload::OneTimeSecret;
use sha2::Sha256;
use zeroize::{Zeroize, Zeroizing};

use super::WalletSecret;

const SALT: &[u8] = b"inro/1/wallet";
/// Keys of the accounts that the wallet opened: `chain ‖ custodian ‖ account number ‖ key number`.
const ACCOUNT: &str = "inro/1/wallet/account";
/// Keys for an account that another secret opened and that this wallet recovers: `chain ‖ label ‖ key number`.
const ADOPTED: &str = "inro/1/wallet/adopted";
/// Keys of a guardian: `chain ‖ the ward's label ‖ key number`.
const GUARDIAN: &str = "inro/1/wallet/guardian";
/// One-time keys to which payloads are sealed for the reader: `chain ‖ label ‖ 32 bytes that name the access`.
const READING: &str = "inro/1/wallet/reading";
/// The key of a wallet file, from scrypt's output.
const FILE: &str = "inro/1/wallet/file";
/// The key of a wallet file in a facility's store, from the seed of the store's key.
const STORE: &str = "inro/1/wallet/store";

impl WalletSecret {
    /// A key of an account that this wallet opened: number 0 is the first key, whose hash is the label; the later ones are for
    /// rotations.
    pub fn account_key(&self, chain: &ChainId, custodian: &OrganisationId, account: u32, key: u32) -> SecretKey {
        self.signing_key(ACCOUNT, &[&chain.0, &custodian.0, &account.to_le_bytes(), &key.to_le_bytes()])
    }

    /// A key for an account that another secret opened: it follows from the label, so words and label are enough to find it again.
    pub fn adopted_key(&self, chain: &ChainId, account: &Label, key: u32) -> SecretKey {
        self.signing_key(ADOPTED, &[&chain.0, &account.0, &key.to_le_bytes()])
    }

    /// The key with which this wallet's holder is the guardian of somebody else's account.
    pub fn guardian_key(&self, chain: &ChainId, ward: &Label, key: u32) -> SecretKey {
        self.signing_key(GUARDIAN, &[&chain.0, &ward.0, &key.to_le_bytes()])
    }

    /// A one-time key for one access. `access` is never used twice: 32 random bytes, which the reader keeps until it has the
    /// payload.
    pub fn reading_key(&self, chain: &ChainId, account: &Label, access: &[u8; 32]) -> OneTimeSecret {
        OneTimeSecret::from_bytes(*self.expand(READING, &[&chain.0, &account.0, access]))
    }

    fn signing_key(&self, tag: &str, parts: &[&[u8]]) -> SecretKey {
        SecretKey::from_seed(&self.expand(tag, parts))
    }

    fn expand(&self, tag: &str, parts: &[&[u8]]) -> Zeroizing<[u8; 32]> {
        expand(Hkdf::new(Some(SALT), self.seed()), tag, parts)
    }
}

/// The key of a wallet file that a passphrase opens, from scrypt's output.
pub(super) fn file_key(stretched: &[u8; 32]) -> Zeroizing<[u8; 32]> {
    expand(Hkdf::new(Some(SALT), stretched), FILE, &[])
}

/// The key of a wallet file in a facility's store.
pub(super) fn store_key(store: &SecretKey, salt: &[u8; 16]) -> Zeroizing<[u8; 32]> {
    let mut seed = store.seed();
    let key = expand(Hkdf::new(Some(SALT), &seed), STORE, &[salt]);
    seed.zeroize();
    key
}

fn expand(hkdf: Hkdf<Sha256>, tag: &str, parts: &[&[u8]]) -> Zeroizing<[u8; 32]> {
    let length = [tag.len() as u8];
    let info: Vec<&[u8]> = [&length[..], tag.as_bytes()].into_iter().chain(parts.iter().copied()).collect();
    let mut output = Zeroizing::new([0; 32]);
    // HKDF gives up to 255 blocks of 32 bytes, so one block is never too much.
    let _ = hkdf.expand_multi_info(&info, &mut *output);
    output
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::wallet::secret::{WordList, Words};

    const CHAIN: ChainId = ChainId([1; 32]);
    const CUSTODIAN: OrganisationId = OrganisationId([2; 32]);
    const LABEL: Label = Label([2; 32]);

    fn secret() -> WalletSecret {
        WalletSecret::new(&Words::of_entropy(&[0; 32], WordList::English), "")
    }

    /// A second way to the same bytes: HMAC as RFC 5869 writes it.
    fn by_hand(info: &[u8]) -> [u8; 32] {
        let hmac = |key: &[u8], message: &[u8]| {
            use sha2::Digest;
            let mut padded = [0; 64];
            padded[..key.len()].copy_from_slice(key);
            let inner = Sha256::new().chain_update(padded.map(|byte| byte ^ 0x36)).chain_update(message).finalize();
            <[u8; 32]>::from(Sha256::new().chain_update(padded.map(|byte| byte ^ 0x5c)).chain_update(inner).finalize())
        };
        hmac(&hmac(SALT, secret().seed()), &[info, &[1]].concat())
    }

    #[test]
    fn an_account_key_is_derived_as_the_specification_writes_it() {
        let info = [&[21][..], b"inro/1/wallet/account", &[1; 32], &[2; 32], &[3, 0, 0, 0], &[4, 0, 0, 0]].concat();
        assert_eq!(secret().account_key(&CHAIN, &CUSTODIAN, 3, 4).seed(), by_hand(&info));
        let info = [&[22][..], b"inro/1/wallet/guardian", &[1; 32], &[2; 32], &[4, 0, 0, 0]].concat();
        assert_eq!(secret().guardian_key(&CHAIN, &LABEL, 4).seed(), by_hand(&info));
        let info = [&[21][..], b"inro/1/wallet/adopted", &[1; 32], &[2; 32], &[4, 0, 0, 0]].concat();
        assert_eq!(secret().adopted_key(&CHAIN, &LABEL, 4).seed(), by_hand(&info));
        let info = [&[21][..], b"inro/1/wallet/reading", &[1; 32], &[2; 32], &[5; 32]].concat();
        assert_eq!(*secret().reading_key(&CHAIN, &LABEL, &[5; 32]).to_bytes(), by_hand(&info));
    }

    #[test]
    fn golden_keys_do_not_change() {
        let secret = secret();
        let public = |key: SecretKey| key.public().to_hex();
        let golden = [
            (
                "account 0, key 0",
                public(secret.account_key(&CHAIN, &CUSTODIAN, 0, 0)),
                "cbf299918cecee3534038e84ec7499bd2b55f4f6f7a46d15a22c2ca70a9a21db",
            ),
            (
                "account 0, key 1",
                public(secret.account_key(&CHAIN, &CUSTODIAN, 0, 1)),
                "5988c26869bd856109a5de55fbb61b34b2ebf3596fed1f7cc933c509b2eaa683",
            ),
            (
                "account 1, key 0",
                public(secret.account_key(&CHAIN, &CUSTODIAN, 1, 0)),
                "14514c1fa69b9e38555211fa706dd2b6f0432c4110aef9c12d157dace7ae3dcf",
            ),
            (
                "adopted, key 0",
                public(secret.adopted_key(&CHAIN, &LABEL, 0)),
                "26126d02b7d8f56b4521f5b5602e5e6da38c523236e4de14f7cbfe27974b660b",
            ),
            (
                "guardian, key 0",
                public(secret.guardian_key(&CHAIN, &LABEL, 0)),
                "7b7b5e7e46fdd55aa29a544d958eb09eab9047efc81e39eed38a43d6faec8b8b",
            ),
            (
                "reading",
                secret.reading_key(&CHAIN, &LABEL, &[5; 32]).public().to_hex(),
                "e8307ba41a7634c30d4d43166ad46c68824116df36991921e6022bf563b3ee42",
            ),
        ];
        for (name, found, expected) in golden {
            assert_eq!(found, expected, "{name}");
        }
    }

    #[test]
    fn no_two_derivations_give_the_same_key() {
        let secret = secret();
        let mut seeds = BTreeSet::new();
        let (chains, ids) = ([CHAIN, ChainId([2; 32])], [[1; 32], [2; 32]]);
        for chain in chains {
            for id in ids {
                for number in 0..3 {
                    for key in 0..3 {
                        seeds.insert(secret.account_key(&chain, &OrganisationId(id), number, key).seed());
                    }
                    seeds.insert(secret.adopted_key(&chain, &Label(id), number).seed());
                    seeds.insert(secret.guardian_key(&chain, &Label(id), number).seed());
                    seeds.insert(*secret.reading_key(&chain, &Label(id), &[number as u8; 32]).to_bytes());
                }
            }
        }
        assert_eq!(seeds.len(), 2 * 2 * 3 * (3 + 3));
    }
}
