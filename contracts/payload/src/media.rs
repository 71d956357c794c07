//! Media types, as far as a sealed payload carries them.

use std::fmt;
use std::str::FromStr;

use borsh::{BorshDeserialize, BorshSerialize};

/// The most bytes of a media type.
pub const MEDIA_TYPE_BYTES_MAX: usize = 255;

/// A media type such as `application/fhir+json`: 3 to 255 printable ASCII characters with a slash among them.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize)]
pub struct MediaType(String);

/// Why a text is not a media type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a media type has 3 to {MEDIA_TYPE_BYTES_MAX} printable ASCII characters and a slash, such as application/fhir+json")]
pub struct NotAMediaType;

impl MediaType {
    /// The media type's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What is said of bytes of which nothing is known.
    pub fn unknown() -> Self {
        Self("application/octet-stream".into())
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, NotAMediaType> {
        let slash = bytes.iter().position(|byte| *byte == b'/').ok_or(NotAMediaType)?;
        let printable = bytes.iter().all(|byte| (b' '..=b'~').contains(byte));
        if !printable || slash == 0 || slash + 1 == bytes.len() || bytes.len() > MEDIA_TYPE_BYTES_MAX {
            return Err(NotAMediaType);
        }
        String::from_utf8(bytes.to_vec()).map(Self).map_err(|_| NotAMediaType)
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for MediaType {
    type Err = NotAMediaType;
    fn from_str(text: &str) -> Result<Self, NotAMediaType> {
        Self::from_bytes(text.as_bytes())
    }
}

impl BorshDeserialize for MediaType {
    fn deserialize_reader<R: std::io::Read>(reader: &mut R) -> std::io::Result<Self> {
        String::deserialize_reader(reader)?
            .parse()
            .map_err(|error: NotAMediaType| std::io::Error::new(std::io::ErrorKind::InvalidData, error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_media_type_is_short_printable_and_has_a_slash() {
        for good in ["text/plain", "application/dicom", "text/plain; charset=utf-8", "a/b"] {
            assert_eq!(good.parse::<MediaType>().unwrap().as_str(), good);
        }
        let long = format!("a/{}", "b".repeat(254));
        for bad in ["", "/", "text", "/plain", "text/", "text/pläin", "text/\nplain", "text/\0", long.as_str()] {
            assert_eq!(bad.parse::<MediaType>(), Err(NotAMediaType), "{bad:?}");
        }
    }
}
