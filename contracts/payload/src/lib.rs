//! What custodian and reader of a payload must agree on, byte for byte: the commitment (rule X-3), the hash tree behind it, and
//! the form in which a payload travels (rules X-2 and X-4).
//!
//! What it refuses to do: to read or write files, to wait, to seal what does not match its own root, and to hand out one byte
//! that was not checked.
//!
//! # The sealed form
//!
//! ```text
//! sealed   := header ‖ segment*
//! header   := "inro" ‖ version (1) ‖ encapsulated key (32) ‖ length of the inner bytes (8, little endian)
//! segment  := AES-256-GCM of at most 64 KiB of the inner bytes, its tag (16) behind
//! inner    := salt (32) ‖ root (32) ‖ length (8, little endian) ‖ length of media type (1) ‖ media type ‖ tree
//! tree     := the payload as Bao writes it: hash pairs and chunk groups of 64 KiB in pre-order
//! ```
//!
//! The key of the segments is exported from an HPKE context (RFC 9180: base mode, X25519, HKDF-SHA256, AES-256-GCM) to the
//! access's one-time key; the context's info names chain, access, record, custodian and requester ([`Handover`]). Segment *i*
//! has the nonce `prefix (7) ‖ i (4, big endian) ‖ is it the last (1)`, as in the STREAM construction, and the header as its
//! associated data. So a segment cannot be moved, left out, repeated or taken from another stream.
//!
//! Every byte follows from the payload, its salt and media type, the handover, and a secret of the custodian's vault
//! ([`SealingSecret`]): a custodian that was killed in the middle goes on with the very same bytes, and so does a copy at an
//! intermediate. The encapsulated key's randomness is derived from all of them, so one key never meets two different plaintexts.
//!
//! The media type is the custodian's word: it is protected on the way, and the commitment does not cover it.

mod commitment;
mod handover;
mod media;
mod open;
mod seal;
mod segment;
mod tags;
mod tree;
mod wire;

pub use commitment::{Root, Salt, commitment};
pub use handover::{Handover, OneTimeSecret, SealingSecret};
pub use media::{MEDIA_TYPE_BYTES_MAX, MediaType, NotAMediaType};
pub use open::{OpenError, Opened, Opener, Progress};
pub use seal::{Payload, SealError, SealedReader};
pub use segment::{NotAuthentic, SEGMENT_BYTES, SegmentKey, TAG_BYTES};
pub use tree::{GROUP_BYTES, LENGTH_MAX, PayloadDigest, TreeBuilder, digest, outboard_length};
