//! Signed requests: how somebody proves to a node, without a session, that the key of an account, a practitioner or a machine
//! is theirs.
//!
//! The signature covers ledger, node, method, path, body and time, so it is of no use to another node, for another question, or
//! later. It travels in the header `Authorization: Inro key=…,time=…,signature=…`.

use borsh::{BorshDeserialize, BorshSerialize};

use crate::bytes::encode;
use crate::id::{ChainId, Hash};
use crate::key::{Claim, PublicKey, SecretKey, Signature};
use crate::tag::Tag;
use crate::time::Time;

/// How far a request's time may lie from the node's clock, in milliseconds.
pub const REQUEST_AGE_MS_MAX: u64 = 60_000;

/// What the signer states.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct RequestStatement {
    /// The ledger.
    pub chain: ChainId,
    /// The node that is asked, by its peer key.
    pub node: PublicKey,
    /// The HTTP method, in capitals.
    pub method: String,
    /// Path and query, as they are sent.
    pub path: String,
    /// [`body_hash`] of the body.
    pub body: Hash,
    /// When it is made.
    pub time: Time,
}

impl RequestStatement {
    /// The header's value.
    pub fn authorization(&self, secret: &SecretKey) -> String {
        let signature = secret.sign(Tag::REQUEST, &encode(self));
        format!("Inro key={},time={},signature={}", secret.public().to_hex(), self.time.0, signature.to_hex())
    }

    /// Does the credential's signature hold for this statement?
    pub fn is_signed_by(&self, credential: &Credential) -> bool {
        Claim::new(credential.key, Tag::REQUEST, &encode(self), credential.signature).holds()
    }
}

/// The hash of a request's body.
pub fn body_hash(body: &[u8]) -> Hash {
    Tag::REQUEST_BODY.hash(&[body])
}

/// [`body_hash`] of a body that comes in pieces.
#[derive(Debug, Clone, Default)]
pub struct BodyHasher(Option<sha2::Sha256>);

impl BodyHasher {
    /// Nothing read yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next piece.
    pub fn update(&mut self, piece: &[u8]) {
        use sha2::Digest;
        self.0.get_or_insert_with(|| Tag::REQUEST_BODY.hasher()).update(piece);
    }

    /// The hash of all pieces.
    pub fn finish(self) -> Hash {
        use sha2::Digest;
        Hash(self.0.unwrap_or_else(|| Tag::REQUEST_BODY.hasher()).finalize().into())
    }
}

/// What stands in the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Credential {
    /// Whose key.
    pub key: PublicKey,
    /// When the request was made.
    pub time: Time,
    /// The signature over the statement.
    pub signature: Signature,
}

/// A header that is no credential.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a signed request carries `Authorization: Inro key=<64 hex digits>,time=<milliseconds>,signature=<128 hex digits>`")]
pub struct NoCredential;

impl std::str::FromStr for Credential {
    type Err = NoCredential;
    fn from_str(text: &str) -> Result<Self, NoCredential> {
        let mut parts = text.strip_prefix("Inro ").ok_or(NoCredential)?.split(',');
        let mut part = |name: &str| parts.next()?.strip_prefix(name)?.strip_prefix('=').map(str::to_owned);
        let (key, time, signature) = (part("key"), part("time"), part("signature"));
        let credential =
            || Some(Self { key: key?.parse().ok()?, time: Time(time?.parse().ok()?), signature: signature?.parse().ok()? });
        credential().filter(|_| parts.next().is_none()).ok_or(NoCredential)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement() -> RequestStatement {
        RequestStatement {
            chain: ChainId([1; 32]),
            node: PublicKey([2; 32]),
            method: "GET".into(),
            path: "/v1/accounts/aa/journal?from=1".into(),
            body: body_hash(b""),
            time: Time(7),
        }
    }

    #[test]
    fn a_request_is_signed_for_one_node_one_question_and_one_time() {
        let secret = SecretKey::from_seed(&[9; 32]);
        let credential: Credential = statement().authorization(&secret).parse().expect("a header");
        assert!(statement().is_signed_by(&credential));
        let others = [
            RequestStatement { chain: ChainId([3; 32]), ..statement() },
            RequestStatement { node: PublicKey([3; 32]), ..statement() },
            RequestStatement { method: "POST".into(), ..statement() },
            RequestStatement { path: "/v1/accounts/ab/journal?from=1".into(), ..statement() },
            RequestStatement { body: body_hash(b"x"), ..statement() },
            RequestStatement { time: Time(8), ..statement() },
        ];
        assert!(others.iter().all(|other| !other.is_signed_by(&credential)));
    }

    #[test]
    fn a_header_that_is_no_credential_is_refused_and_a_body_is_hashed_in_any_pieces() {
        let mut pieces = BodyHasher::new();
        assert_eq!(BodyHasher::new().finish(), body_hash(b""));
        pieces.update(b"ab");
        pieces.update(b"c");
        assert_eq!(pieces.finish(), body_hash(b"abc"));
        for text in ["", "Bearer x", "Inro key=aa,time=1,signature=bb", "Inro time=1"] {
            assert_eq!(text.parse::<Credential>(), Err(NoCredential), "{text}");
        }
        let secret = SecretKey::from_seed(&[9; 32]);
        assert!(format!("{},more=1", statement().authorization(&secret)).parse::<Credential>().is_err());
    }
}
