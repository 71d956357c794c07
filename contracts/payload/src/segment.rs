//! Segments of 64 KiB, each encrypted by itself, so that a stream can be read from any of them: the STREAM construction over
//! AES-256-GCM (RFC 5116), with the counter stated instead of counted.

use std::fmt;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

/// The bytes of a segment before it is encrypted; the last one may be shorter.
pub const SEGMENT_BYTES: usize = 64 * 1024;
/// What encryption adds to each segment.
pub const TAG_BYTES: usize = 16;

/// The bytes are not what was encrypted with this key, at this position, with this associated data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a segment does not open: another key, another position, or altered bytes")]
pub struct NotAuthentic;

/// The key of one stream of segments. Each stream has a key of its own: two streams under one key would share nonces.
pub struct SegmentKey {
    key: LessSafeKey,
    prefix: [u8; 7],
}

impl SegmentKey {
    /// A stream's key, and how its nonces begin.
    pub fn new(key: &[u8; 32], prefix: [u8; 7]) -> Self {
        // The only thing that can be wrong with a key is its length, and AES-256 takes 32 bytes.
        let key = UnboundKey::new(&AES_256_GCM, key).expect("AES-256 takes keys of 32 bytes");
        Self { key: LessSafeKey::new(key), prefix }
    }

    /// Encrypts the bytes of `buffer` from `from` on as segment `index`, in place, and puts the tag behind them.
    pub fn seal(&self, index: u32, last: bool, associated: &[u8], buffer: &mut Vec<u8>, from: usize) {
        let nonce = self.nonce(index, last);
        let tag = self.key.seal_in_place_separate_tag(nonce, Aad::from(associated), &mut buffer[from..]);
        // GCM refuses messages beyond 64 GiB; a segment is far shorter.
        let tag = tag.expect("a segment is within GCM's limit");
        buffer.extend_from_slice(tag.as_ref());
    }

    /// Opens segment `index` in place; its bytes then stand at the beginning of what is returned, without the tag.
    pub fn open<'a>(
        &self,
        index: u32,
        last: bool,
        associated: &[u8],
        buffer: &'a mut [u8],
    ) -> Result<&'a mut [u8], NotAuthentic> {
        self.key.open_in_place(self.nonce(index, last), Aad::from(associated), buffer).map_err(|_| NotAuthentic)
    }

    fn nonce(&self, index: u32, last: bool) -> Nonce {
        let mut nonce = [0; 12];
        nonce[..7].copy_from_slice(&self.prefix);
        nonce[7..11].copy_from_slice(&index.to_be_bytes());
        nonce[11] = last.into();
        Nonce::assume_unique_for_key(nonce)
    }
}

impl fmt::Debug for SegmentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SegmentKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aead::stream::{NewStream, StreamBE32, StreamPrimitive};
    use aes_gcm::{Aes256Gcm, KeyInit};

    #[test]
    fn segments_are_those_of_the_stream_construction_as_another_library_makes_them() {
        let other = StreamBE32::from_aead(Aes256Gcm::new(&[9; 32].into()), &[5; 7].into());
        let ours = SegmentKey::new(&[9; 32], [5; 7]);
        for (index, last, text) in [(0, false, &b"one"[..]), (7, false, b""), (u32::MAX, true, b"the end")] {
            let mut buffer = text.to_vec();
            ours.seal(index, last, b"about", &mut buffer, 0);
            let payload = aead::Payload { msg: text, aad: b"about" };
            assert_eq!(buffer, other.encrypt(index, last, payload).unwrap());
            assert_eq!(ours.open(index, last, b"about", &mut buffer).unwrap(), text);
        }
    }

    #[test]
    fn a_segment_opens_only_where_it_belongs() {
        let key = SegmentKey::new(&[1; 32], [0; 7]);
        let mut sealed = b"text".to_vec();
        key.seal(3, false, b"about", &mut sealed, 0);
        let opens = |key: &SegmentKey, index, last, about: &[u8]| key.open(index, last, about, &mut sealed.clone()).is_ok();
        assert!(opens(&key, 3, false, b"about"));
        assert!(!opens(&key, 2, false, b"about"));
        assert!(!opens(&key, 3, true, b"about"));
        assert!(!opens(&key, 3, false, b"other"));
        assert!(!opens(&SegmentKey::new(&[1; 32], [1; 7]), 3, false, b"about"));
        assert!(key.open(3, false, b"about", &mut []).is_err());
    }
}
