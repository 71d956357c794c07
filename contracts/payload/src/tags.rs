//! Every derivation of this crate begins with one of these; none is used twice. The list is append-only.

/// What the context of a sealed payload is for; its info begins so.
pub const SEALED: &[u8] = b"inro/1/sealed-payload";
/// The key of a sealed payload's segments, and the beginning of their nonces.
pub const SEGMENTS: &[u8] = b"inro/1/sealed-segments";
/// The randomness of a sealed payload's encapsulated key.
pub const EPHEMERAL: &[u8] = b"inro/1/sealed-ephemeral";
