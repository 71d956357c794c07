//! The two headers of a sealed payload.

use crate::commitment::{Root, Salt};
use crate::handover::{ENCAPSULATED_BYTES, VERSION};
use crate::media::{MEDIA_TYPE_BYTES_MAX, MediaType};
use crate::segment::{SEGMENT_BYTES, TAG_BYTES};
use crate::tree::{LENGTH_MAX, encoded_length};

const MAGIC: &[u8; 4] = b"inro";
const ENCAPSULATED_AT: usize = MAGIC.len() + 1;
const LENGTH_AT: usize = ENCAPSULATED_AT + ENCAPSULATED_BYTES;
/// The bytes before the first segment.
pub const HEADER_BYTES: usize = LENGTH_AT + 8;
/// The part of the inner header that has a fixed length; the last byte says how long the media type behind it is.
pub const INNER_FIXED_BYTES: usize = 32 + 32 + 8 + 1;
const SEGMENT: u64 = SEGMENT_BYTES as u64;

/// What stands in clear before the segments; every segment has it as its associated data.
pub struct Header {
    pub encapsulated: [u8; ENCAPSULATED_BYTES],
    pub inner_length: u64,
}

/// Why bytes are not a header.
pub enum HeaderFault {
    NotSealed,
    Version(u8),
    Length,
}

impl Header {
    pub fn to_bytes(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..MAGIC.len()].copy_from_slice(MAGIC);
        bytes[MAGIC.len()] = VERSION;
        bytes[ENCAPSULATED_AT..LENGTH_AT].copy_from_slice(&self.encapsulated);
        bytes[LENGTH_AT..].copy_from_slice(&self.inner_length.to_le_bytes());
        bytes
    }

    pub fn from_bytes(bytes: &[u8; HEADER_BYTES]) -> Result<Self, HeaderFault> {
        if &bytes[..MAGIC.len()] != MAGIC {
            return Err(HeaderFault::NotSealed);
        }
        if bytes[MAGIC.len()] != VERSION {
            return Err(HeaderFault::Version(bytes[MAGIC.len()]));
        }
        let inner_length = eight(&bytes[LENGTH_AT..]);
        let longest = encoded_length(LENGTH_MAX) + (INNER_FIXED_BYTES + MEDIA_TYPE_BYTES_MAX) as u64;
        if inner_length < INNER_FIXED_BYTES as u64 || inner_length > longest {
            return Err(HeaderFault::Length);
        }
        let mut encapsulated = [0; ENCAPSULATED_BYTES];
        encapsulated.copy_from_slice(&bytes[ENCAPSULATED_AT..LENGTH_AT]);
        Ok(Self { encapsulated, inner_length })
    }
}

/// What the payload's tree is checked against, and what the custodian says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InnerHeader {
    pub salt: Salt,
    pub root: Root,
    pub length: u64,
    pub media_type: MediaType,
}

impl InnerHeader {
    pub fn to_bytes(&self) -> Vec<u8> {
        let media_type = self.media_type.as_str().as_bytes();
        // A media type has at most 255 bytes, so its length fits into one.
        let parts = [&self.salt.0[..], &self.root.0, &self.length.to_le_bytes(), &[media_type.len() as u8], media_type];
        parts.concat()
    }

    /// How many bytes the inner header has, once its fixed part is there.
    pub fn length_of(fixed: &[u8]) -> Option<usize> {
        Some(INNER_FIXED_BYTES + usize::from(*fixed.get(INNER_FIXED_BYTES - 1)?))
    }

    /// Reads all of it; `None`: too short, a length that nothing has, or something that is not a media type.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (fixed, media_type) = bytes.split_at_checked(INNER_FIXED_BYTES)?;
        let (mut salt, mut root) = ([0; 32], [0; 32]);
        salt.copy_from_slice(&fixed[..32]);
        root.copy_from_slice(&fixed[32..64]);
        let length = eight(&fixed[64..72]);
        let media_type = MediaType::from_bytes(media_type).ok()?;
        (length <= LENGTH_MAX).then_some(Self { salt: Salt(salt), root: Root(root), length, media_type })
    }

    /// How many bytes the header and the tree have together.
    pub fn inner_length(&self) -> u64 {
        (INNER_FIXED_BYTES + self.media_type.as_str().len()) as u64 + encoded_length(self.length)
    }
}

/// How many segments carry so many bytes: at least one. They are counted in 32 bits; [`LENGTH_MAX`] needs 28 of them.
pub fn segments(inner_length: u64) -> u64 {
    inner_length.div_ceil(SEGMENT).max(1)
}

/// How many bytes segment `index` carries.
pub fn segment_length(inner_length: u64, index: u64) -> usize {
    inner_length.saturating_sub(index * SEGMENT).min(SEGMENT) as usize
}

/// How long all of it is.
pub fn sealed_length(inner_length: u64) -> u64 {
    HEADER_BYTES as u64 + inner_length + segments(inner_length) * TAG_BYTES as u64
}

fn eight(bytes: &[u8]) -> u64 {
    let mut eight = [0; 8];
    eight.copy_from_slice(&bytes[..8]);
    u64::from_le_bytes(eight)
}
