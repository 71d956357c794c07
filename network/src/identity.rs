//! A node's identity: its Ed25519 peer key on the ledger, and the same key as libp2p writes it.

use inro_contracts::key::{PublicKey, SecretKey};
use libp2p::PeerId;
use libp2p::identity::Keypair;

/// What stands before the 32 bytes of an Ed25519 key in its peer id: the multihash `identity` of 36 bytes, then the key's
/// protobuf (field 1: type Ed25519; field 2: 32 bytes). From the libp2p specification of peer ids.
const PREFIX: [u8; 6] = [0x00, 0x24, 0x08, 0x01, 0x12, 0x20];

/// The libp2p name of a peer key.
pub fn peer_id(key: &PublicKey) -> PeerId {
    let mut bytes = [0; 38];
    bytes[..6].copy_from_slice(&PREFIX);
    bytes[6..].copy_from_slice(key.as_bytes());
    // The prefix announces a multihash `identity` of exactly the 36 bytes that follow, which `from_bytes` accepts always.
    PeerId::from_bytes(&bytes).expect("an identity multihash of 36 bytes is a peer id")
}

/// The peer key behind a libp2p name; `None` if the name is not that of an Ed25519 key.
pub fn public_key(peer: &PeerId) -> Option<PublicKey> {
    let bytes = peer.to_bytes();
    let key = bytes.strip_prefix(&PREFIX)?;
    Some(PublicKey(key.try_into().ok()?))
}

/// The key pair with which this node proves its identity.
pub(crate) fn key_pair(key: &SecretKey) -> Keypair {
    // Every 32 bytes are an Ed25519 seed, and 32 bytes is what a `SecretKey` gives.
    Keypair::ed25519_from_bytes(key.seed()).expect("32 bytes are an Ed25519 seed")
}

/// How a log line names a peer: the first 8 digits of its key.
pub(crate) fn short(key: &PublicKey) -> String {
    let mut name = key.to_hex();
    name.truncate(8);
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_key_and_its_libp2p_name_are_the_same_identity() {
        for seed in 0..50u8 {
            let secret = SecretKey::from_seed(&[seed; 32]);
            let named = key_pair(&secret).public().to_peer_id();
            assert_eq!(peer_id(&secret.public()), named);
            assert_eq!(public_key(&named), Some(secret.public()));
        }
    }

    #[test]
    fn bytes_that_are_no_curve_point_have_a_name_too_and_cause_no_panic() {
        let key = PublicKey([0xff; 32]);
        assert_eq!(public_key(&peer_id(&key)), Some(key));
    }

    #[test]
    fn a_name_of_another_kind_of_key_is_not_a_peer_key() {
        assert_eq!(public_key(&PeerId::random()), None);
    }
}
