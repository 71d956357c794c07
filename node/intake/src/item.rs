//! What an input becomes: items, each the payload of one record. An item's description is for the facility alone, which answers
//! FHIR searches with it; none of it goes on the ledger, and `Debug` shows none of it.

use std::fmt;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::sync::Arc;

use base64::Engine;
use bytes::Bytes;
use inro_contracts::category::Category;
use inro_contracts::record::ProviderFlags;
use serde::{Deserialize, Serialize};

use crate::problem::Place;

/// All that was found in one input.
#[derive(Debug, Default)]
pub struct Intake {
    /// In the input's order.
    pub items: Vec<Item>,
    /// What was left out, or is worth knowing.
    pub notes: Vec<Note>,
}

/// Something to know about an input that was taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Where.
    pub place: Place,
    /// What; never the input's own words.
    pub what: &'static str,
}

/// The payload of one record.
pub struct Item {
    /// What it holds.
    pub category: Category,
    /// Flags that the sender set.
    pub flags: ProviderFlags,
    /// The payload's media type: what its content says it is, not its name.
    pub media_type: String,
    /// The bytes.
    pub payload: Payload,
    /// For later answers.
    pub description: Description,
    /// Images and files inside the payload, and those it refers to elsewhere.
    pub attachments: Vec<Attachment>,
    /// SHA-256 of the payload.
    pub sha256: [u8; 32],
    /// Where it was found.
    pub place: Place,
}

/// Where an item's bytes are.
#[derive(Clone)]
pub enum Payload {
    /// In memory: a part of the input, as it was sent.
    Part(Bytes),
    /// Put together on demand from parts of the input.
    Extract(Extract),
    /// This range of the source that was read; nothing of it is held.
    Source(Range<u64>),
}

/// A collection Bundle of one clinical resource and those it refers to, each in the bytes it was sent in.
#[derive(Clone)]
pub struct Extract {
    pub(crate) collection: Arc<Collection>,
    pub(crate) resources: Box<[u32]>,
}

/// The input that extracts are taken from.
pub(crate) struct Collection {
    pub(crate) input: Bytes,
    /// `"meta":{…},"timestamp":…,` as it stands in every extract.
    pub(crate) head: Bytes,
    pub(crate) parts: Vec<Part>,
}

/// One entry: where its `fullUrl` (quotes included) and its resource stand in the input.
pub(crate) struct Part {
    pub(crate) url: Option<Range<usize>>,
    pub(crate) resource: Range<usize>,
}

/// What is needed to answer a search for the item. No titles, no names, no texts.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Description {
    /// FHIR resource type; of a document, `Bundle`.
    pub resource_type: Option<String>,
    /// Its logical id.
    pub resource_id: Option<String>,
    /// Its profiles; of a document, the Bundle's and the Composition's.
    pub profiles: Vec<String>,
    /// Its status.
    pub status: Option<String>,
    /// What it is about: codes of `code`, `type`, the medication, the vaccine; DICOM modality.
    pub codes: Vec<Code>,
    /// Its categories.
    pub categories: Vec<Code>,
    /// When, as the sender wrote it.
    pub date: Option<String>,
    /// From when until when, as the sender wrote it.
    pub period: Option<Period>,
    /// Who it is about, for matching at the facility only.
    pub patients: Vec<Identifier>,
    /// References to a Patient that the input does not hold.
    pub patient_references: Vec<String>,
    /// What a DICOM file says of itself.
    pub dicom: Option<DicomIdentity>,
}

/// A code of a system.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Code {
    /// The system, if one is named.
    pub system: Option<String>,
    /// The code.
    pub code: String,
}

/// A time span; either end may be open.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Period {
    /// From.
    pub start: Option<String>,
    /// Until.
    pub end: Option<String>,
}

/// A patient's identifier.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Identifier {
    /// Who gave it; empty where the sender does not say.
    pub system: String,
    /// The number.
    pub value: String,
}

/// The identity of a DICOM object.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DicomIdentity {
    /// Study instance UID.
    pub study: Option<String>,
    /// Series instance UID.
    pub series: Option<String>,
    /// SOP instance UID.
    pub instance: Option<String>,
    /// SOP class UID.
    pub class: Option<String>,
    /// Transfer syntax UID.
    pub transfer_syntax: Option<String>,
    /// Modality, such as CT.
    pub modality: Option<String>,
    /// Accession number.
    pub accession: Option<String>,
    /// Number of frames, rows and columns.
    pub frames: Option<u32>,
    /// Rows.
    pub rows: Option<u16>,
    /// Columns.
    pub columns: Option<u16>,
}

/// A file inside a payload, or one that it refers to.
#[derive(Clone)]
pub struct Attachment {
    /// As the sender declares it, or as its content shows.
    pub media_type: String,
    /// JSON pointer in the input.
    pub pointer: String,
    /// The bytes or the address.
    pub content: Content,
}

/// An attachment's content.
#[derive(Clone)]
pub enum Content {
    /// Inside the payload, in base64 that was found sound.
    Inline {
        /// The base64, spaces and line ends included.
        base64: Bytes,
        /// Length of the decoded bytes.
        size: u64,
    },
    /// Elsewhere; for a DICOM instance `urn:oid:` and its UID.
    Reference(String),
}

impl Item {
    /// The payload's length in bytes.
    pub fn size(&self) -> u64 {
        self.payload.size()
    }

    /// The SHA-256 in hexadecimal digits.
    pub fn sha256_hex(&self) -> String {
        hex::encode(self.sha256)
    }
}

impl Payload {
    /// Length in bytes.
    pub fn size(&self) -> u64 {
        match self {
            Payload::Part(bytes) => bytes.len() as u64,
            Payload::Extract(extract) => extract.pieces().map(|piece| piece.len() as u64).sum(),
            Payload::Source(range) => range.end.saturating_sub(range.start),
        }
    }

    /// Writes the bytes. `source` is what was read; only [`Payload::Source`] needs it.
    pub fn write_to<R: Read + Seek>(&self, source: &mut R, to: &mut impl Write) -> io::Result<()> {
        match self {
            Payload::Part(bytes) => to.write_all(bytes),
            Payload::Extract(extract) => extract.pieces().try_for_each(|piece| to.write_all(&piece)),
            Payload::Source(range) => {
                source.seek(SeekFrom::Start(range.start))?;
                let copied = io::copy(&mut source.take(self.size()), to)?;
                if copied == self.size() { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
            }
        }
    }

    /// The bytes, if they are not only in the source.
    pub fn to_bytes(&self) -> Option<Bytes> {
        match self {
            Payload::Part(bytes) => Some(bytes.clone()),
            Payload::Extract(extract) => {
                let mut all = Vec::with_capacity(self.size() as usize);
                extract.pieces().for_each(|piece| all.extend_from_slice(&piece));
                Some(all.into())
            }
            Payload::Source(_) => None,
        }
    }

    /// The bytes piece by piece, if they are not only in the source.
    pub fn pieces(&self) -> Option<Box<dyn Iterator<Item = Bytes> + '_>> {
        match self {
            Payload::Part(bytes) => Some(Box::new(std::iter::once(bytes.clone()))),
            Payload::Extract(extract) => Some(Box::new(extract.pieces())),
            Payload::Source(_) => None,
        }
    }
}

impl Extract {
    fn pieces(&self) -> impl Iterator<Item = Bytes> + '_ {
        let collection = &*self.collection;
        let open = [
            Bytes::from_static(br#"{"resourceType":"Bundle","#),
            collection.head.clone(),
            Bytes::from_static(br#""type":"collection","entry":["#),
        ];
        let entries = self.resources.iter().enumerate().flat_map(move |(place, index)| {
            // The indexes were made from this very list.
            let part = &collection.parts[*index as usize];
            let start: &'static [u8] = match (place, &part.url) {
                (0, Some(_)) => br#"{"fullUrl":"#,
                (_, Some(_)) => br#",{"fullUrl":"#,
                (0, None) => br#"{"resource":"#,
                (_, None) => br#",{"resource":"#,
            };
            let url = part.url.clone().map(|url| [collection.input.slice(url), Bytes::from_static(br#","resource":"#)]);
            let resource = [collection.input.slice(part.resource.clone()), Bytes::from_static(b"}")];
            std::iter::once(Bytes::from_static(start)).chain(url.into_iter().flatten()).chain(resource)
        });
        open.into_iter().chain(entries).chain(std::iter::once(Bytes::from_static(b"]}")))
    }
}

impl Attachment {
    /// The decoded bytes, if the attachment is inside the payload.
    pub fn bytes(&self) -> Option<Vec<u8>> {
        let Content::Inline { base64, .. } = &self.content else { return None };
        let compact: Vec<u8> = base64.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
        LENIENT.decode(compact).ok()
    }
}

/// Encoders exist that leave waste in the last character's unused bits; the bytes are the same.
const LENIENT: base64::engine::GeneralPurpose = base64::engine::GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    base64::engine::GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

impl fmt::Debug for Item {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_struct("Item")
            .field("category", &self.category)
            .field("flags", &self.flags)
            .field("size", &self.size())
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "Payload of {} bytes", self.size())
    }
}

impl fmt::Debug for Description {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("Description")
    }
}

impl fmt::Debug for Identifier {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("Identifier")
    }
}

impl fmt::Debug for Attachment {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("Attachment")
    }
}
