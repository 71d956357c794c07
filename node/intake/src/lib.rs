//! Intake: how clinical input becomes records.
//!
//! [`read`] takes the bytes of one file, [`read_from`] anything that can be read and sought: FHIR R4 JSON (a document, a collection,
//! a search result, a transaction, a resource, one resource a line), DICOM, and any other file as it is. What comes out is a list
//! of [`Item`]s, each the payload of one record with its category, the flags that the sender set, and a description for the
//! facility's own answers; or a [`Problem`] that says what is wrong, where, and what to do. There is nothing between: a file is
//! taken in whole or not at all, and whatever is left out stands in the [`Intake`]'s notes.
//!
//! The rules stand in `docs/spec/intake.md`. The input is not trusted: nothing in it makes this crate panic, decompress, follow an
//! address, or use memory out of proportion to its size. Nothing here writes what an input says into a problem, a note or `Debug`.

mod dicom;
mod fhir;
mod item;
mod json;
mod limits;
mod media;
mod problem;

use std::io::{Read, Seek, SeekFrom};

use bytes::Bytes;
use inro_contracts::record::ProviderFlags;
use sha2::{Digest, Sha256};

pub use item::{Attachment, Code, Content, Description, DicomIdentity, Extract, Identifier, Intake, Item, Note, Payload, Period};
pub use limits::Limits;
pub use media::Hint;
pub use problem::{Kind, Place, Problem};

use media::Form;

/// Takes in one file that is in memory. Every item's bytes are parts of `input` and share its memory.
pub fn read(input: Bytes, hint: &Hint<'_>, limits: &Limits) -> Result<Intake, Problem> {
    if input.is_empty() {
        return Err(empty());
    }
    let form = media::form(&input[..input.len().min(media::HEAD)], hint);
    if let Form::Json | Form::Lines = form {
        check_size(input.len() as u64, limits.json_bytes_max)?;
        return fhir::read(&input, form == Form::Lines, limits);
    }
    let mut intake = read_from(&mut std::io::Cursor::new(&input), hint, limits)?;
    for item in &mut intake.items {
        if let Payload::Source(range) = &item.payload {
            item.payload = Payload::Part(input.slice(range.start as usize..range.end as usize));
        }
    }
    Ok(intake)
}

/// Takes in one file from a source. FHIR JSON is read into memory; anything else is passed by in pieces, and its item names the
/// range of the source.
pub fn read_from<R: Read + Seek>(source: &mut R, hint: &Hint<'_>, limits: &Limits) -> Result<Intake, Problem> {
    let length = source.seek(SeekFrom::End(0)).and_then(|length| source.rewind().map(|()| length)).map_err(|_| unreadable(0))?;
    if length == 0 {
        return Err(empty());
    }
    let mut head = Vec::new();
    source.by_ref().take(media::HEAD as u64).read_to_end(&mut head).map_err(|_| unreadable(0))?;
    source.rewind().map_err(|_| unreadable(0))?;
    match media::form(&head, hint) {
        form @ (Form::Json | Form::Lines) => {
            check_size(length, limits.json_bytes_max)?;
            let mut input = Vec::new();
            source.by_ref().take(length).read_to_end(&mut input).map_err(|_| unreadable(0))?;
            fhir::read(&input.into(), form == Form::Lines, limits)
        }
        Form::Dicom => {
            check_size(length, limits.file_bytes_max)?;
            let description = dicom::describe(source, length, limits)?;
            whole(source, length, media::DICOM.to_owned(), description, false)
        }
        Form::Xml(media_type) => {
            check_size(length, limits.file_bytes_max)?;
            let mut intake = whole(source, length, media_type.to_owned(), Description::default(), true)?;
            if media_type == "application/fhir+xml" {
                let what = "FHIR in XML is kept as it is, in one record under other; send FHIR JSON to have it told apart";
                intake.notes.push(Note { place: Place::default(), what });
            }
            Ok(intake)
        }
        Form::Other(media_type) => {
            check_size(length, limits.file_bytes_max)?;
            whole(source, length, media_type, Description::default(), false)
        }
    }
}

/// One file, one item.
fn whole<R: Read + Seek>(
    source: &mut R,
    length: u64,
    media_type: String,
    description: Description,
    look_for_flags: bool,
) -> Result<Intake, Problem> {
    source.rewind().map_err(|_| unreadable(0))?;
    let mut hash = Sha256::new();
    let mut flags = FlagSearch::default();
    let mut piece = vec![0; PIECE];
    let mut at = 0u64;
    while at < length {
        let wanted = PIECE.min((length - at) as usize);
        source.read_exact(&mut piece[..wanted]).map_err(|_| unreadable(at))?;
        hash.update(&piece[..wanted]);
        if look_for_flags {
            flags.look(&piece[..wanted]);
        }
        at += wanted as u64;
    }
    let item = Item {
        category: fhir::of_media_type(&media_type),
        flags: flags.found(),
        media_type,
        payload: Payload::Source(0..length),
        description,
        attachments: Vec::new(),
        sha256: hash.finalize().into(),
        place: Place::default(),
    };
    Ok(Intake { items: vec![item], notes: Vec::new() })
}

const PIECE: usize = 64 << 10;

/// Looks for the provider's flags in text that is not told apart, so that a flag is not lost with the format.
#[derive(Default)]
struct FlagSearch {
    tail: Vec<u8>,
    seen: [bool; 3],
}

impl FlagSearch {
    const WORDS: [&'static [u8]; 3] = [b"JP_ehrshrs_indication", b"UNINFORMED", b"UNDELIVERED"];

    fn look(&mut self, piece: &[u8]) {
        self.tail.extend_from_slice(piece);
        for (word, seen) in Self::WORDS.iter().zip(&mut self.seen) {
            *seen = *seen || self.tail.windows(word.len()).any(|window| window == *word);
        }
        let keep = self.tail.len().saturating_sub(Self::WORDS[0].len() - 1);
        self.tail.drain(..keep);
    }

    fn found(&self) -> ProviderFlags {
        let [listed, uninformed, undelivered] = self.seen;
        let flag = |seen, flag: ProviderFlags| if listed && seen { flag.0 } else { 0 };
        ProviderFlags(flag(uninformed, ProviderFlags::UNINFORMED) | flag(undelivered, ProviderFlags::UNDELIVERED))
    }
}

fn check_size(length: u64, most: u64) -> Result<(), Problem> {
    if length <= most {
        return Ok(());
    }
    let what = format!("the input has {length} bytes, and at most {most} are taken in");
    Err(Problem::new(Kind::TooLarge, Place::default(), what, "send it in smaller parts, or raise the limit in the configuration"))
}

fn empty() -> Problem {
    Problem::new(Kind::Empty, Place::default(), "the input is empty", "look whether the export has ended")
}

fn unreadable(at: u64) -> Problem {
    Problem::new(Kind::Unreadable, Place::byte(at), "the file could not be read", "look at the disk, then try again")
}
