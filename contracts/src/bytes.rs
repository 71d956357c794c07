//! Canonical bytes: the one encoding for everything that is hashed, signed or stored in common.
//!
//! The encoding is [Borsh](https://borsh.io). A decoder here has a limit, leaves no byte over, and encodes back to its
//! input. Collections and texts carry their bound in their type, so a length read from a stranger is compared with it
//! before anything is allocated.

use std::fmt;
use std::io::{self, Read, Write};
use std::ops::Deref;

use borsh::{BorshDeserialize, BorshSerialize};

/// Why bytes are not the canonical form of the type that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// More bytes than the type may ever have.
    #[error("{found} bytes where at most {limit} are allowed")]
    TooLong {
        /// The limit, in bytes.
        limit: usize,
        /// What arrived, in bytes.
        found: usize,
    },
    /// The bytes end early, carry a value outside its range, or go on after the value's end.
    #[error("not canonical bytes: {0}")]
    Decode(String),
}

/// A type with one canonical encoding.
pub trait Canonical: BorshSerialize + BorshDeserialize {
    /// The longest encoding that a decoder looks at, in bytes.
    const BYTES_MAX: usize;

    /// The canonical bytes.
    fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// Parses canonical bytes; refuses anything that would not encode back to the same bytes.
    fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        if bytes.len() > Self::BYTES_MAX {
            return Err(Malformed::TooLong { limit: Self::BYTES_MAX, found: bytes.len() });
        }
        borsh::from_slice(bytes).map_err(|error| Malformed::Decode(error.to_string()))
    }
}

/// The canonical bytes of any encodable value. Writing to memory cannot fail, and no type here refuses to be written.
pub fn encode<T: BorshSerialize + ?Sized>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(256);
    // A `Vec` accepts every write and every length here fits u32 (all collections are bounded), so the error is never taken.
    let _ = value.serialize(&mut bytes);
    bytes
}

/// Text of at most `MAX` bytes of UTF-8, without control characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Text<const MAX: usize>(String);

impl<const MAX: usize> Text<MAX> {
    /// Accepts text within the bound and without control characters.
    pub fn new(text: impl Into<String>) -> Result<Self, Malformed> {
        let text = text.into();
        if text.len() > MAX {
            return Err(Malformed::TooLong { limit: MAX, found: text.len() });
        }
        if text.chars().any(char::is_control) {
            return Err(Malformed::Decode("text holds a control character".into()));
        }
        Ok(Self(text))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> fmt::Debug for Text<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl<const MAX: usize> fmt::Display for Text<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<const MAX: usize> BorshSerialize for Text<MAX> {
    fn serialize<W: Write>(&self, writer: &mut W) -> io::Result<()> {
        self.0.serialize(writer)
    }
}

impl<const MAX: usize> BorshDeserialize for Text<MAX> {
    fn deserialize_reader<R: Read>(reader: &mut R) -> io::Result<Self> {
        let bytes = read_bounded(reader, MAX)?;
        let text = String::from_utf8(bytes).map_err(|_| invalid("text is not UTF-8"))?;
        Self::new(text).map_err(|error| invalid(&error.to_string()))
    }
}

impl<const MAX: usize> serde::Serialize for Text<MAX> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de, const MAX: usize> serde::Deserialize<'de> for Text<MAX> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(<String as serde::Deserialize>::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// A list of at most `MAX` elements.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct List<T, const MAX: usize>(Vec<T>);

impl<T, const MAX: usize> List<T, MAX> {
    /// Accepts at most `MAX` elements.
    pub fn new(elements: Vec<T>) -> Result<Self, Malformed> {
        if elements.len() > MAX {
            return Err(Malformed::TooLong { limit: MAX, found: elements.len() });
        }
        Ok(Self(elements))
    }

    /// Adds an element, unless the list is full.
    pub fn push(&mut self, element: T) -> Result<(), Malformed> {
        if self.0.len() >= MAX {
            return Err(Malformed::TooLong { limit: MAX, found: self.0.len() + 1 });
        }
        self.0.push(element);
        Ok(())
    }

    /// Keeps only the elements for which `keep` holds.
    pub fn retain(&mut self, keep: impl FnMut(&T) -> bool) {
        self.0.retain(keep);
    }

    /// The elements, to be changed in place.
    pub fn iter_mut(&mut self) -> std::slice::IterMut<'_, T> {
        self.0.iter_mut()
    }

    /// The elements.
    pub fn into_vec(self) -> Vec<T> {
        self.0
    }
}

impl<T, const MAX: usize> Default for List<T, MAX> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T, const MAX: usize> Deref for List<T, MAX> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<'a, T, const MAX: usize> IntoIterator for &'a List<T, MAX> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<T: fmt::Debug, const MAX: usize> fmt::Debug for List<T, MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T: BorshSerialize, const MAX: usize> BorshSerialize for List<T, MAX> {
    fn serialize<W: Write>(&self, writer: &mut W) -> io::Result<()> {
        self.0.serialize(writer)
    }
}

impl<T: BorshDeserialize, const MAX: usize> BorshDeserialize for List<T, MAX> {
    fn deserialize_reader<R: Read>(reader: &mut R) -> io::Result<Self> {
        let count = u32::deserialize_reader(reader)? as usize;
        if count > MAX {
            return Err(invalid(&format!("{count} elements where at most {MAX} are allowed")));
        }
        let mut elements = Vec::with_capacity(count.min(1024));
        for _ in 0..count {
            elements.push(T::deserialize_reader(reader)?);
        }
        Ok(Self(elements))
    }
}

impl<T: serde::Serialize, const MAX: usize> serde::Serialize for List<T, MAX> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de, T: serde::Deserialize<'de>, const MAX: usize> serde::Deserialize<'de> for List<T, MAX> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(<Vec<_> as serde::Deserialize>::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// An error of a decoder, with the sentence that says what was wrong.
pub(crate) fn invalid(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.to_owned())
}

fn read_bounded<R: Read>(reader: &mut R, max: usize) -> io::Result<Vec<u8>> {
    let length = u32::deserialize_reader(reader)? as usize;
    if length > max {
        return Err(invalid(&format!("{length} bytes where at most {max} are allowed")));
    }
    let mut bytes = vec![0; length];
    reader.read_exact(&mut bytes)?;
    Ok(bytes)
}
