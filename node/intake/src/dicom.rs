//! DICOM: the tags that say what an object is and whose. Elements are stepped over by their lengths, nested ones included, up to
//! and with the pixel data, so that a file that breaks off is noticed; no pixel is decoded, and no value is read but the few that
//! are asked for.

use std::io::{Read, Seek, SeekFrom};

use dicom_core::header::{HasLength, Header, VR};
use dicom_core::{DataElementHeader, Tag};
use dicom_encoding::decode::Decode;
use dicom_encoding::decode::explicit_be::ExplicitVRBigEndianDecoder;
use dicom_encoding::decode::explicit_le::ExplicitVRLittleEndianDecoder;
use dicom_encoding::decode::implicit_le::StandardImplicitVRLittleEndianDecoder;
use dicom_encoding::text::{SpecificCharacterSet, TextCodec};

use crate::item::{Code, Description, DicomIdentity, Identifier};
use crate::limits::Limits;
use crate::problem::{Kind, Place, Problem};

const REMEDY: &str = "export the image again from the modality or the archive";

/// Longest value that is read, in bytes.
const VALUE_MAX: u32 = 4096;

const PIXELS: [Tag; 3] = [Tag(0x7fe0, 0x0008), Tag(0x7fe0, 0x0009), Tag(0x7fe0, 0x0010)];
const ITEM: Tag = Tag(0xfffe, 0xe000);
const ITEM_END: Tag = Tag(0xfffe, 0xe00d);
const SEQUENCE_END: Tag = Tag(0xfffe, 0xe0dd);

const DEFLATED: [&str; 2] = ["1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.8.1"];

/// Does the input begin as a DICOM file, or as one without preamble or without meta information?
pub(crate) fn is_dicom(head: &[u8]) -> bool {
    head.get(128..132) == Some(b"DICM") || head.starts_with(b"DICM") || bare(head).is_some()
}

/// What the file says of itself. `length` is the source's.
pub(crate) fn describe<R: Read + Seek>(source: &mut R, length: u64, limits: &Limits) -> Result<Description, Problem> {
    let mut head = [0; 132];
    let read = read_up_to(source, &mut head).map_err(|_| unreadable(0))?;
    let head = &head[..read];
    let mut walk =
        Walk { source, at: 0, length, steps_left: limits.elements_max, depth_max: limits.depth_max, values: Values::default() };
    if head.get(128..132) == Some(b"DICM") {
        walk.skip_to(132)?;
        walk.meta()?;
    } else if head.starts_with(b"DICM") {
        walk.skip_to(4)?;
        walk.meta()?;
    } else {
        walk.skip_to(0)?;
        if bare(head) == Some(Bare::Meta) {
            walk.meta()?;
        }
    }
    let syntax = walk.values.transfer_syntax.clone();
    if syntax.as_deref().is_some_and(|syntax| DEFLATED.contains(&syntax)) {
        // What is compressed is not opened: it may be a bomb. The meta information has told the class and the instance.
        return Ok(walk.values.description());
    }
    // Files exist whose meta information names another order than their elements have; the elements are right.
    let order = match (syntax.as_deref(), walk.guess()?) {
        (Some("1.2.840.10008.1.2.2"), Order::ExplicitLittle | Order::ExplicitBig) => Order::ExplicitBig,
        (Some(_), Order::ExplicitBig) => Order::ExplicitLittle,
        (_, shown) => shown,
    };
    walk.data(order)?;
    if walk.values.seen == 0 {
        return Err(walk.problem(Kind::Dicom, "this DICOM file holds no element that says what it is"));
    }
    Ok(walk.values.description())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bare {
    Meta,
    Data,
}

/// A file that begins with its first element: group 2 or 8, a representation that exists or a short length.
fn bare(head: &[u8]) -> Option<Bare> {
    let first: [u8; 8] = head.get(..8)?.try_into().ok()?;
    let explicit = VR::from_binary([first[4], first[5]]).is_some();
    let group = u16::from_le_bytes([first[0], first[1]]);
    let element = u16::from_le_bytes([first[2], first[3]]);
    let length = u32::from_le_bytes([first[4], first[5], first[6], first[7]]);
    let short = (2..=64).contains(&length) && length.is_multiple_of(2);
    let big = u16::from_be_bytes([first[0], first[1]]) == 8 && u16::from_be_bytes([first[2], first[3]]) <= 0x60;
    match group {
        2 if explicit && element <= 0x10 => Some(Bare::Meta),
        8 if element <= 0x60 && (explicit || short) => Some(Bare::Data),
        _ if big && explicit => Some(Bare::Data),
        _ => None,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    ImplicitLittle,
    ExplicitLittle,
    ExplicitBig,
}

struct Walk<'r, R> {
    source: &'r mut R,
    at: u64,
    length: u64,
    steps_left: usize,
    depth_max: usize,
    values: Values,
}

#[derive(Default)]
struct Values {
    identity: DicomIdentity,
    transfer_syntax: Option<String>,
    character_set: SpecificCharacterSet,
    patient: Option<String>,
    issuer: Option<String>,
    others: Vec<String>,
    study_date: Option<String>,
    content_date: Option<String>,
    body_part: Option<String>,
    seen: usize,
}

impl<R: Read + Seek> Walk<'_, R> {
    /// The meta information: group 2, always explicit and little-endian.
    fn meta(&mut self) -> Result<(), Problem> {
        loop {
            let start = self.at;
            if self.peek_group(Order::ExplicitLittle)? != Some(2) {
                return self.skip_to(start);
            }
            let header = self.header(Order::ExplicitLittle)?;
            self.value(&header, Order::ExplicitLittle, start)?;
        }
    }

    /// The data set, to the end of the pixel data or of the file.
    fn data(&mut self, order: Order) -> Result<(), Problem> {
        while self.length.saturating_sub(self.at) >= 8 {
            let start = self.at;
            let header = self.header(order)?;
            let tag = header.tag();
            if tag.0 == 0 && tag.1 == 0 && header.length().0 == 0 {
                // Zeros after the last element pad the file to a block.
                return Ok(());
            }
            if header.length().is_undefined() {
                let implicit = header.vr() == VR::UN && order == Order::ExplicitLittle;
                self.nested(if implicit { Order::ImplicitLittle } else { order })?;
            } else {
                self.value(&header, order, start)?;
            }
            if PIXELS.contains(&tag) {
                return Ok(());
            }
        }
        if self.at == self.length || self.values.seen > 0 && self.rest_is_zero()? {
            return Ok(());
        }
        Err(self.problem(Kind::Truncated, "the DICOM file ends in the middle of an element"))
    }

    /// Steps over a sequence of undefined length. Each level is one entry of a list, not one of the program's stack.
    fn nested(&mut self, order: Order) -> Result<(), Problem> {
        let mut levels = vec![order];
        while let Some(order) = levels.last().copied() {
            if levels.len() > self.depth_max {
                return Err(self.problem(Kind::TooDeep, "the DICOM sequences are nested too deep"));
            }
            let start = self.at;
            let header = self.header(order)?;
            match header.tag() {
                ITEM_END | SEQUENCE_END => {
                    levels.pop();
                }
                ITEM if header.length().is_undefined() => levels.push(order),
                _ if header.length().is_undefined() => {
                    let implicit = header.vr() == VR::UN && order == Order::ExplicitLittle;
                    levels.push(if implicit { Order::ImplicitLittle } else { order });
                }
                _ => self.skip(header.length().0, start)?,
            }
        }
        Ok(())
    }

    fn header(&mut self, order: Order) -> Result<DataElementHeader, Problem> {
        self.steps_left = self
            .steps_left
            .checked_sub(1)
            .ok_or_else(|| self.problem(Kind::TooMany, "the DICOM file has more elements than the limit"))?;
        let source = &mut *self.source;
        let read = match order {
            Order::ImplicitLittle => StandardImplicitVRLittleEndianDecoder::new().decode_header(source),
            Order::ExplicitLittle => ExplicitVRLittleEndianDecoder::default().decode_header(source),
            Order::ExplicitBig => ExplicitVRBigEndianDecoder::default().decode_header(source),
        };
        let (header, bytes) =
            read.map_err(|_| self.problem(Kind::Truncated, "the DICOM file ends in the middle of an element"))?;
        self.at += bytes as u64;
        Ok(header)
    }

    fn peek_group(&mut self, order: Order) -> Result<Option<u16>, Problem> {
        let mut group = [0; 2];
        let read = read_up_to(self.source, &mut group).map_err(|_| unreadable(self.at))?;
        self.skip_to(self.at)?;
        let group = if order == Order::ExplicitBig { u16::from_be_bytes(group) } else { u16::from_le_bytes(group) };
        Ok((read == 2).then_some(group))
    }

    /// The order that the first element shows: explicit if its representation exists, big-endian if its group reads so.
    fn guess(&mut self) -> Result<Order, Problem> {
        let start = self.at;
        let mut first = [0; 6];
        let read = read_up_to(self.source, &mut first).map_err(|_| unreadable(start))?;
        self.skip_to(start)?;
        let explicit = read == 6 && VR::from_binary([first[4], first[5]]).is_some();
        Ok(match (explicit, first[0]) {
            (true, 0) => Order::ExplicitBig,
            (true, _) => Order::ExplicitLittle,
            (false, _) => Order::ImplicitLittle,
        })
    }

    /// Reads the value if it is asked for, else steps over it.
    fn value(&mut self, header: &DataElementHeader, order: Order, start: u64) -> Result<(), Problem> {
        let length = header.length().0;
        if u64::from(length) > self.length.saturating_sub(self.at) {
            return Err(self.broken_off(start));
        }
        self.values.seen += 1;
        if length > VALUE_MAX || !is_wanted(header.tag()) {
            return self.skip(length, start);
        }
        let mut bytes = vec![0; length as usize];
        self.source.read_exact(&mut bytes).map_err(|_| self.broken_off(start))?;
        self.at += u64::from(length);
        self.values.take(header.tag(), &bytes, order);
        Ok(())
    }

    fn skip(&mut self, length: u32, start: u64) -> Result<(), Problem> {
        let end = self.at + u64::from(length);
        if end > self.length {
            return Err(self.broken_off(start));
        }
        self.skip_to(end)
    }

    fn skip_to(&mut self, at: u64) -> Result<(), Problem> {
        self.source.seek(SeekFrom::Start(at)).map_err(|_| unreadable(at))?;
        self.at = at;
        Ok(())
    }

    fn rest_is_zero(&mut self) -> Result<bool, Problem> {
        let mut rest = [0; 8];
        let read = read_up_to(self.source, &mut rest).map_err(|_| unreadable(self.at))?;
        Ok(rest[..read].iter().all(|byte| *byte == 0))
    }

    fn broken_off(&self, start: u64) -> Problem {
        let what = "a DICOM element is longer than the rest of the file";
        Problem::new(Kind::Truncated, Place::byte(start), what, "send the whole file again")
    }

    fn problem(&self, kind: Kind, what: &str) -> Problem {
        Problem::new(kind, Place::byte(self.at), what, REMEDY)
    }
}

fn is_wanted(tag: Tag) -> bool {
    matches!(
        (tag.0, tag.1),
        (0x0002, 0x0002 | 0x0003 | 0x0010)
            | (0x0008, 0x0005 | 0x0016 | 0x0018 | 0x0020 | 0x0023 | 0x0050 | 0x0060)
            | (0x0010, 0x0020 | 0x0021 | 0x1000)
            | (0x0018, 0x0015)
            | (0x0020, 0x000d | 0x000e)
            | (0x0028, 0x0008 | 0x0010 | 0x0011)
    )
}

impl Values {
    fn take(&mut self, tag: Tag, bytes: &[u8], order: Order) {
        let short = || {
            let bytes: [u8; 2] = bytes.get(..2)?.try_into().ok()?;
            Some(if order == Order::ExplicitBig { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
        };
        match (tag.0, tag.1) {
            (0x0008, 0x0005) => {
                let first =
                    self.text(bytes).and_then(|text| text.split('\\').rfind(|code| !code.trim().is_empty()).map(str::to_owned));
                self.character_set = first.and_then(|code| SpecificCharacterSet::from_code(code.trim())).unwrap_or_default();
            }
            (0x0002, 0x0010) => {
                self.transfer_syntax = self.text(bytes);
                self.identity.transfer_syntax = self.transfer_syntax.clone();
            }
            (0x0002, 0x0002) | (0x0008, 0x0016) => self.identity.class = self.text(bytes).or(self.identity.class.take()),
            (0x0002, 0x0003) | (0x0008, 0x0018) => self.identity.instance = self.text(bytes).or(self.identity.instance.take()),
            (0x0008, 0x0020) => self.study_date = self.text(bytes).and_then(|date| dashed(&date)),
            (0x0008, 0x0023) => self.content_date = self.text(bytes).and_then(|date| dashed(&date)),
            (0x0008, 0x0050) => self.identity.accession = self.text(bytes),
            (0x0008, 0x0060) => self.identity.modality = self.text(bytes),
            (0x0010, 0x0020) => self.patient = self.text(bytes),
            (0x0010, 0x0021) => self.issuer = self.text(bytes),
            (0x0010, 0x1000) => {
                self.others =
                    self.text(bytes).iter().flat_map(|all| all.split('\\')).map(|one| one.trim().to_owned()).take(16).collect();
            }
            (0x0018, 0x0015) => self.body_part = self.text(bytes),
            (0x0020, 0x000d) => self.identity.study = self.text(bytes),
            (0x0020, 0x000e) => self.identity.series = self.text(bytes),
            (0x0028, 0x0008) => self.identity.frames = self.text(bytes).and_then(|text| text.parse().ok()),
            (0x0028, 0x0010) => self.identity.rows = short(),
            (0x0028, 0x0011) => self.identity.columns = short(),
            _ => {}
        }
    }

    fn text(&self, bytes: &[u8]) -> Option<String> {
        let decoded = if bytes.is_ascii() && !bytes.contains(&0x1b) {
            String::from_utf8(bytes.to_vec()).ok()?
        } else {
            self.character_set.decode(bytes).ok()?
        };
        let text = decoded.trim_matches(|end: char| end == '\0' || end.is_whitespace());
        (!text.is_empty()).then(|| text.to_owned())
    }

    fn description(self) -> Description {
        let system = self.issuer.unwrap_or_default();
        let numbers = self.patient.into_iter().chain(self.others).filter(|value| !value.is_empty());
        let mut patients: Vec<Identifier> = Vec::new();
        for value in numbers {
            let found = Identifier { system: system.clone(), value };
            if !patients.contains(&found) {
                patients.push(found);
            }
        }
        let code = |system: &str, code: String| Code { system: Some(system.to_owned()), code };
        let modality = self.identity.modality.clone().map(|found| code("http://dicom.nema.org/resources/ontology/DCM", found));
        let class = self.identity.class.clone().map(|found| code("urn:ietf:rfc:3986", format!("urn:oid:{found}")));
        Description {
            codes: modality.into_iter().chain(class).collect(),
            categories: self.body_part.map(|found| Code { system: None, code: found }).into_iter().collect(),
            date: self.study_date.or(self.content_date),
            patients,
            dicom: Some(self.identity),
            ..Description::default()
        }
    }
}

/// `20250401` or `2025.04.01` as `2025-04-01`.
fn dashed(date: &str) -> Option<String> {
    let digits: String = date.chars().filter(|found| *found != '.').collect();
    let sound = digits.len() == 8 && digits.bytes().all(|byte| byte.is_ascii_digit());
    sound.then(|| format!("{}-{}-{}", &digits[..4], &digits[4..6], &digits[6..]))
}

fn read_up_to<R: Read>(source: &mut R, to: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < to.len() {
        match source.read(&mut to[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

fn unreadable(at: u64) -> Problem {
    Problem::new(Kind::Unreadable, Place::byte(at), "the file could not be read", "look at the disk, then try again")
}
