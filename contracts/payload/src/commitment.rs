//! What the ledger knows of a payload's content (rule X-3).

use std::fmt;

use borsh::{BorshDeserialize, BorshSerialize};
use inro_contracts::id::Commitment;
use inro_contracts::tag::Tag;

macro_rules! hidden_bytes {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
        pub struct $name(pub [u8; 32]);

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }
    };
}

hidden_bytes!(
    /// What makes a commitment unguessable. It travels with the payload and stands nowhere else; its `Debug` shows nothing.
    Salt
);
hidden_bytes!(
    /// The BLAKE3 hash of a payload's bytes. Whoever knows it can test guesses at the payload, so its `Debug` shows nothing.
    Root
);

/// A payload's commitment: `SHA-256(tag ‖ salt ‖ BLAKE3 root of the bytes ‖ length as 8 bytes, little endian)`.
pub fn commitment(salt: &Salt, root: &Root, length: u64) -> Commitment {
    Tag::COMMITMENT.hash(&[&salt.0, &root.0, &length.to_le_bytes()]).into()
}
