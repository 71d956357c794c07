//! Domain tags: every hash and every signature of the ledger begins with one of these.
//!
//! A tag is written as its length in one byte, then its letters, so no tag is the beginning of another tagged message. The
//! list is append-only; a tag is never reused for another meaning.

use sha2::{Digest, Sha256};

use crate::id::Hash;

/// A domain tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tag(&'static str);

macro_rules! tags {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        impl Tag {
            $($(#[$doc])* pub const $name: Tag = Tag($text);)*

            /// Every tag there is, for the test that no two are equal.
            pub const ALL: &'static [Tag] = &[$(Tag::$name),*];
        }
    };
}

tags! {
    /// The founding document; its hash is the chain's id.
    GENESIS = "inro/1/genesis";
    /// A block's header; its hash is the block's id.
    HEADER = "inro/1/header";
    /// What a transaction's signer signs.
    TRANSACTION = "inro/1/transaction";
    /// A signed transaction's id.
    TRANSACTION_ID = "inro/1/transaction-id";
    /// What a validator signs when it votes.
    VOTE = "inro/1/vote";
    /// What a proposer signs.
    PROPOSAL = "inro/1/proposal";
    /// A validator set's hash.
    VALIDATORS = "inro/1/validators";
    /// A patient's agreement to the opening of an account.
    ACCOUNT_OPENING = "inro/1/account-opening";
    /// A new key's proof that somebody holds its secret.
    POSSESSION = "inro/1/possession";
    /// An account's label.
    LABEL = "inro/1/label";
    /// An organisation's id.
    ORGANISATION = "inro/1/organisation";
    /// A practitioner's id.
    PRACTITIONER = "inro/1/practitioner";
    /// A governance proposal's id.
    GOVERNANCE = "inro/1/governance";
    /// One step of a journal's chain.
    JOURNAL = "inro/1/journal";
    /// A key of the state tree.
    STATE_KEY = "inro/1/state-key";
    /// An organisation's declaration before the ledger's founding.
    DECLARATION = "inro/1/declaration";
    /// A validator's proof that a peer is its machine.
    VALIDATOR_PEER = "inro/1/validator-peer";
    /// A record's commitment.
    COMMITMENT = "inro/1/commitment";
    /// A practitioner's licence number, with its salt.
    LICENCE = "inro/1/licence";
    /// What the signer of a request to a node states.
    REQUEST = "inro/1/request";
    /// The body of a signed request.
    REQUEST_BODY = "inro/1/request-body";
    /// A text that a facility keeps and the ledger only commits to: an emergency's reason, a review's report.
    TEXT = "inro/1/text";
}

impl Tag {
    /// The tag's letters.
    pub const fn text(self) -> &'static str {
        self.0
    }

    /// `SHA-256(length of tag ‖ tag ‖ parts)`. Parts are joined without separators: each caller's parts have fixed lengths but
    /// the last.
    pub fn hash(self, parts: &[&[u8]]) -> Hash {
        let mut hasher = self.hasher();
        for part in parts {
            hasher.update(part);
        }
        Hash(hasher.finalize().into())
    }

    /// A hasher that has taken the tag, for what comes in pieces.
    pub fn hasher(self) -> Sha256 {
        let mut hasher = Sha256::new();
        hasher.update([self.0.len() as u8]);
        hasher.update(self.0.as_bytes());
        hasher
    }

    /// The message that is signed: `length of tag ‖ tag ‖ statement`.
    pub fn message(self, statement: &[u8]) -> Vec<u8> {
        let mut message = Vec::with_capacity(1 + self.0.len() + statement.len());
        message.push(self.0.len() as u8);
        message.extend_from_slice(self.0.as_bytes());
        message.extend_from_slice(statement);
        message
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_tags_are_equal_and_each_fits_its_length_byte() {
        for (index, tag) in Tag::ALL.iter().enumerate() {
            // Below 32 is no printable character: no tagged message begins like a text.
            assert!(!tag.0.is_empty() && tag.0.len() < 32);
            assert!(!Tag::ALL[..index].contains(tag), "{tag:?} stands twice");
        }
    }
}
