//! Identifiers: 32 bytes each, told apart by their types, written in hexadecimal for people.

use std::fmt;
use std::str::FromStr;

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Why a text is not an identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} is written as {expected} hexadecimal digits; found {found} characters or another alphabet")]
pub struct BadHex {
    /// What was to be read.
    pub what: &'static str,
    /// How many digits it has.
    pub expected: usize,
    /// How many characters were found.
    pub found: usize,
}

macro_rules! byte_array {
    ($(#[$doc:meta])* $name:ident, $length:literal, $debug:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
        pub struct $name(pub [u8; $length]);

        impl $name {
            /// The bytes.
            pub fn as_bytes(&self) -> &[u8; $length] {
                &self.0
            }

            /// The bytes in hexadecimal.
            pub fn to_hex(&self) -> String {
                hex::encode(self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                if $debug { f.write_str(&self.to_hex()) } else { f.write_str(concat!(stringify!($name), "(…)")) }
            }
        }

        impl FromStr for $name {
            type Err = $crate::id::BadHex;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let mut bytes = [0; $length];
                hex::decode_to_slice(text, &mut bytes).map_err(|_| $crate::id::BadHex {
                    what: stringify!($name), expected: $length * 2, found: text.chars().count(),
                })?;
                Ok(Self(bytes))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.to_hex())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                <String as serde::Deserialize>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use byte_array;

byte_array!(
    /// Any SHA-256 value.
    Hash, 32, true
);
byte_array!(
    /// The ledger's id: the hash of its founding document.
    ChainId, 32, true
);
byte_array!(
    /// A block's id: the hash of its header.
    BlockId, 32, true
);
byte_array!(
    /// A signed transaction's id.
    TransactionId, 32, true
);
byte_array!(
    /// An organisation's id: the hash of its first authority key.
    OrganisationId, 32, true
);
byte_array!(
    /// A practitioner's id: the hash of the practitioner's first key. A pseudonym.
    PractitionerId, 32, true
);
byte_array!(
    /// A governance proposal's id: the hash of the transaction that made it.
    ProposalId, 32, true
);
byte_array!(
    /// A grant's id: the id of the transaction that made it.
    GrantId, 32, true
);
byte_array!(
    /// A seal's id: the id of the transaction that made it.
    SealId, 32, true
);
byte_array!(
    /// A consult's id, the linked ID (連結ID): the id of the transaction that opened it.
    ConsultId, 32, true
);
byte_array!(
    /// A one-time X25519 public key, to which payloads travel sealed (rule X-2).
    SealingKey, 32, true
);
byte_array!(
    /// An account's name on the ledger: the hash of the account's first public key. Its `Debug` shows nothing, so that no log
    /// line can carry one.
    Label, 32, false
);
byte_array!(
    /// A record's id, chosen at random by its custodian, unique within its account. Its `Debug` shows nothing.
    RecordId, 32, false
);
byte_array!(
    /// A record's commitment: `SHA-256(tag ‖ salt ‖ BLAKE3 root of the bytes ‖ length)`.
    Commitment, 32, false
);

macro_rules! from_hash {
    ($($name:ident),*) => { $(impl From<Hash> for $name { fn from(hash: Hash) -> Self { Self(hash.0) } })* };
}
from_hash!(ChainId, BlockId, TransactionId, OrganisationId, PractitionerId, ProposalId, Label, Commitment);
