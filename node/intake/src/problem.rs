//! What is wrong with an input: what happened, where, and what to do. Never what the input says: a problem may be printed and
//! logged, and the input is a patient's.

use std::fmt;

/// Why an input gave no records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The kind, for programs.
    pub kind: Kind,
    /// Where.
    pub place: Place,
    /// What happened.
    what: String,
    /// What to do.
    remedy: &'static str,
}

/// The kinds of problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// There is nothing in it.
    Empty,
    /// Larger than a limit.
    TooLarge,
    /// Nested deeper than the limit.
    TooDeep,
    /// More values, entries or elements than the limit.
    TooMany,
    /// It ends before it is complete.
    Truncated,
    /// Not UTF-8.
    Encoding,
    /// Not JSON.
    Syntax,
    /// A key stands twice in one object.
    DuplicateKey,
    /// A number that no reader can hold.
    Number,
    /// JSON, but not a FHIR R4 resource.
    NotFhir,
    /// A Bundle that cannot be taken in.
    Bundle,
    /// An attachment whose base64 is broken.
    Attachment,
    /// A DICOM file that breaks off or contradicts itself.
    Dicom,
    /// The input could not be read.
    Unreadable,
}

/// Where in the input.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    /// JSON pointer (RFC 6901); a part that is no FHIR element name shows as `…`.
    pub pointer: Option<String>,
    /// Line and column, both from 1; the column counts bytes.
    pub line: Option<(usize, usize)>,
    /// Byte offset from 0.
    pub offset: Option<u64>,
}

impl Problem {
    pub(crate) fn new(kind: Kind, place: Place, what: impl Into<String>, remedy: &'static str) -> Self {
        Problem { kind, place, what: what.into(), remedy }
    }
}

impl Place {
    /// At a byte.
    pub(crate) fn byte(offset: u64) -> Self {
        Place { offset: Some(offset), ..Place::default() }
    }

    /// At a byte of a text, told as line and column too.
    pub(crate) fn within(text: &[u8], offset: usize) -> Self {
        let offset = offset.min(text.len());
        let before = &text[..offset];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let column = offset - before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1) + 1;
        Place { pointer: None, line: Some((line, column)), offset: Some(offset as u64) }
    }

    /// The same place with a pointer.
    pub(crate) fn at(self, pointer: impl Into<String>) -> Self {
        Place { pointer: Some(pointer.into()), ..self }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{}{}; {}", self.what, self.place, self.remedy)
    }
}

impl std::error::Error for Problem {}

impl fmt::Display for Place {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if let Some(pointer) = &self.pointer {
            parts.push(if pointer.is_empty() { "at the top".to_owned() } else { format!("at {pointer}") });
        }
        match (self.line, self.offset) {
            (Some((line, column)), _) => parts.push(format!("line {line}, column {column}")),
            (None, Some(offset)) => parts.push(format!("byte {offset}")),
            (None, None) => {}
        }
        if parts.is_empty() { Ok(()) } else { write!(to, " ({})", parts.join(", ")) }
    }
}
