//! An exported ledger: the form of a copy that is audited (`docs/spec/export.md`).
//!
//! A file says at its beginning how many blocks follow, and each part carries a check over everything before it, so a file that was
//! cut off, or damaged by accident, is seen at once. Whether what it says is *true* is not this file's matter: that is the audit's.
//!
//! [`Writer`] writes, [`Reader`] reads; neither opens a file. The reader believes no length: it takes no more memory than bytes
//! have come.

use std::io::{self, Read, Write};

use borsh::BorshDeserialize;
use inro_contracts::block::Header;
use inro_contracts::bytes::{Canonical, encode};
use inro_contracts::certificate::Certificate;
use inro_contracts::entry::Entry;
use inro_contracts::genesis::GenesisDocument;
use inro_contracts::id::BlockId;
use inro_contracts::time::Height;

/// The first bytes of every export.
pub const MAGIC: [u8; 12] = *b"inro/export\n";
/// The version of the form.
pub const VERSION: u32 = 1;
/// The longest part that holds a block, in bytes: more than the most transactions of the largest size with the longest outcomes.
pub const BLOCK_BYTES_MAX: usize = 256 << 20;
/// Most entries that a block's part lists.
pub const ENTRIES_MAX: u32 = 50_000;

const FOUNDING: u8 = 1;
const BLOCK: u8 = 2;
const END: u8 = 3;
/// How much of a part is asked for at once: a length is believed no further than this before its bytes have come.
const PIECE: usize = 1 << 20;

/// One block of a copy. Nothing in it is checked but its form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The header.
    pub header: Header,
    /// The signatures of those who voted for it.
    pub certificate: Certificate,
    /// The entries' bytes, in order.
    pub entries: Vec<Vec<u8>>,
}

/// Why a file is not an export, or not a whole one.
#[derive(Debug, thiserror::Error)]
pub enum ExportFault {
    /// The file cannot be read or written.
    #[error("the system says: {0}")]
    System(#[from] io::Error),
    /// It begins with other bytes.
    #[error("this is not an exported ledger: it does not begin with the letters of one")]
    NotAnExport,
    /// A newer form.
    #[error("the export has the form {found}; this program reads form {VERSION}. Use a newer program")]
    Version {
        /// The form found.
        found: u32,
    },
    /// It ends too early.
    #[error("the file ends early, after block {after} of {blocks}: copy it again, or export it again")]
    Truncated {
        /// The last whole block.
        after: u64,
        /// How many blocks the file says it has.
        blocks: u64,
    },
    /// A check does not agree with the bytes before it.
    #[error(
        "the file is damaged behind block {after}: its check does not agree with its bytes. Copy it again, or export it again"
    )]
    Damaged {
        /// The last whole block.
        after: u64,
    },
    /// A part's form is wrong.
    #[error("the file is malformed behind block {after}: {why}")]
    Malformed {
        /// The last whole block.
        after: u64,
        /// What is wrong.
        why: String,
    },
}

/// Writes an export.
#[derive(Debug)]
pub struct Writer<W: Write> {
    out: W,
    check: crc32fast::Hasher,
    blocks: u64,
    written: u64,
    last: BlockId,
}

impl<W: Write> Writer<W> {
    /// Begins an export of so many blocks.
    pub fn begin(mut out: W, document: &GenesisDocument, blocks: u64) -> Result<Self, ExportFault> {
        let mut check = crc32fast::Hasher::new();
        for bytes in [&MAGIC[..], &VERSION.to_le_bytes()] {
            check.update(bytes);
            out.write_all(bytes)?;
        }
        let last = BlockId(document.chain().0);
        let mut writer = Self { out, check, blocks, written: 0, last };
        let mut body = blocks.to_le_bytes().to_vec();
        body.extend_from_slice(&document.to_bytes());
        writer.part(FOUNDING, &body)?;
        Ok(writer)
    }

    /// Writes the next block.
    pub fn block(&mut self, block: &Block) -> Result<(), ExportFault> {
        let malformed = |after, why: &str| ExportFault::Malformed { after, why: why.into() };
        if self.written >= self.blocks {
            return Err(malformed(self.written, "more blocks than the export was begun with"));
        }
        let entries: usize = block.entries.iter().map(|entry| entry.len() + 4).sum();
        let mut body = encode(&block.header);
        body.reserve(Certificate::BYTES_MAX.min(4096) + entries);
        body.extend_from_slice(&encode(&block.certificate));
        body.extend_from_slice(&(block.entries.len() as u32).to_le_bytes());
        for entry in &block.entries {
            body.extend_from_slice(&(entry.len() as u32).to_le_bytes());
            body.extend_from_slice(entry);
        }
        if block.entries.len() > ENTRIES_MAX as usize || body.len() > BLOCK_BYTES_MAX {
            return Err(malformed(self.written, "a block larger than any ledger allows"));
        }
        self.part(BLOCK, &body)?;
        self.written += 1;
        self.last = block.header.id();
        Ok(())
    }

    /// Ends the export; every block must have been written.
    pub fn end(mut self) -> Result<W, ExportFault> {
        if self.written != self.blocks {
            return Err(ExportFault::Truncated { after: self.written, blocks: self.blocks });
        }
        let last = self.last;
        self.part(END, &last.0)?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn part(&mut self, kind: u8, body: &[u8]) -> Result<(), ExportFault> {
        let mut head = vec![kind];
        head.extend_from_slice(&(body.len() as u32).to_le_bytes());
        for bytes in [&head, body] {
            self.check.update(bytes);
            self.out.write_all(bytes)?;
        }
        let check = self.check.clone().finalize().to_le_bytes();
        self.check.update(&check);
        self.out.write_all(&check)?;
        Ok(())
    }
}

/// Reads an export: an iterator of its blocks. After an error it ends.
#[derive(Debug)]
pub struct Reader<R: Read> {
    input: R,
    check: crc32fast::Hasher,
    document: GenesisDocument,
    blocks: u64,
    read: u64,
    bytes: u64,
    last: BlockId,
    ended: bool,
}

impl<R: Read> Reader<R> {
    /// Reads the beginning: what the file is, and of which ledger. Give it a buffered reader.
    pub fn begin(mut input: R) -> Result<Self, ExportFault> {
        let (mut check, mut bytes) = (crc32fast::Hasher::new(), 0);
        let mut start = [0; 16];
        input.read_exact(&mut start).map_err(|error| cut(error, ExportFault::NotAnExport))?;
        bytes += start.len() as u64;
        check.update(&start);
        let (magic, version) = start.split_at(MAGIC.len());
        if magic != MAGIC {
            return Err(ExportFault::NotAnExport);
        }
        let found = version.iter().rev().fold(0u32, |number, byte| number << 8 | u32::from(*byte));
        if found != VERSION {
            return Err(ExportFault::Version { found });
        }
        let mut source = Source { input: &mut input, check: &mut check, bytes: &mut bytes, after: 0, blocks: 0 };
        let body = source.part(FOUNDING, 8 + GenesisDocument::BYTES_MAX)?;
        let malformed = |why: String| ExportFault::Malformed { after: 0, why };
        let (blocks, document) = body.split_first_chunk().ok_or_else(|| malformed("the founding part is too short".into()))?;
        let document = GenesisDocument::from_bytes(document)
            .map_err(|error| malformed(format!("the founding document does not parse ({error})")))?;
        let last = BlockId(document.chain().0);
        Ok(Self { input, check, document, blocks: u64::from_le_bytes(*blocks), read: 0, bytes, last, ended: false })
    }

    /// The founding document in the file. Whoever audits compares it with the one that was had another way.
    pub fn document(&self) -> &GenesisDocument {
        &self.document
    }

    /// How many blocks the file says it has.
    pub fn blocks(&self) -> u64 {
        self.blocks
    }

    /// How many bytes were read so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    fn next_part(&mut self) -> Result<Option<Block>, ExportFault> {
        let (after, blocks) = (self.read, self.blocks);
        let (input, check, bytes) = (&mut self.input, &mut self.check, &mut self.bytes);
        let mut source = Source { input, check, bytes, after, blocks };
        let malformed = |why: &str| ExportFault::Malformed { after, why: why.into() };
        if after < blocks {
            let body = source.part(BLOCK, BLOCK_BYTES_MAX)?;
            let block = parse_block(&body).map_err(|why| malformed(&why))?;
            self.read += 1;
            self.last = block.header.id();
            return Ok(Some(block));
        }
        let body = source.part(END, 32)?;
        if body != self.last.0 {
            return Err(malformed("its end names another last block"));
        }
        let mut further = [0];
        loop {
            match self.input.read(&mut further) {
                Ok(0) => return Ok(None),
                Ok(_) => return Err(malformed("bytes follow its end")),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl<R: Read> Iterator for Reader<R> {
    type Item = Result<Block, ExportFault>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.next_part();
        self.ended = !matches!(next, Ok(Some(_)));
        next.transpose()
    }
}

/// Where parts come from, and how far it was read.
struct Source<'a, R: Read> {
    input: &'a mut R,
    check: &'a mut crc32fast::Hasher,
    bytes: &'a mut u64,
    after: u64,
    blocks: u64,
}

impl<R: Read> Source<'_, R> {
    /// The next part, which has to be of this kind and at most this long.
    fn part(&mut self, expected: u8, longest: usize) -> Result<Vec<u8>, ExportFault> {
        let head = self.take(5)?;
        let malformed = |why: String| ExportFault::Malformed { after: self.after, why };
        let (kind, length) = match head.as_slice() {
            [kind, a, b, c, d] => (*kind, u32::from_le_bytes([*a, *b, *c, *d]) as usize),
            _ => return Err(malformed("a part without a head".into())),
        };
        if kind != expected {
            return Err(malformed(format!("a part of kind {kind} where one of kind {expected} has to stand")));
        }
        if length > longest {
            return Err(malformed(format!("a part of {length} bytes where at most {longest} are allowed")));
        }
        let body = self.take(length)?;
        let check = self.check.clone().finalize().to_le_bytes();
        if self.take(4)? != check {
            return Err(ExportFault::Damaged { after: self.after });
        }
        Ok(body)
    }

    /// So many bytes.
    fn take(&mut self, length: usize) -> Result<Vec<u8>, ExportFault> {
        let mut bytes = Vec::new();
        while bytes.len() < length {
            let start = bytes.len();
            bytes.resize((start + PIECE).min(length), 0);
            let cut_off = ExportFault::Truncated { after: self.after, blocks: self.blocks };
            self.input.read_exact(&mut bytes[start..]).map_err(|error| cut(error, cut_off))?;
        }
        self.check.update(&bytes);
        *self.bytes += length as u64;
        Ok(bytes)
    }
}

/// What an error of reading means: the file's end, or the system's fault.
fn cut(error: io::Error, early: ExportFault) -> ExportFault {
    if error.kind() == io::ErrorKind::UnexpectedEof { early } else { error.into() }
}

fn parse_block(body: &[u8]) -> Result<Block, String> {
    let mut rest = body;
    let said = |what: &'static str| move |error: io::Error| format!("{what} does not parse ({error})");
    let header = Header::deserialize(&mut rest).map_err(said("a block's header"))?;
    let certificate = Certificate::deserialize(&mut rest).map_err(said("a block's certificate"))?;
    let count = u32::deserialize(&mut rest).map_err(said("a block's number of entries"))?;
    if count > ENTRIES_MAX {
        return Err(format!("a block with {count} entries where at most {ENTRIES_MAX} are allowed"));
    }
    let mut entries = Vec::with_capacity((count as usize).min(rest.len() / 4));
    for _ in 0..count {
        let length = u32::deserialize(&mut rest).map_err(said("an entry's length"))? as usize;
        if length > Entry::BYTES_MAX || length > rest.len() {
            return Err(format!("an entry of {length} bytes where at most {} are allowed", Entry::BYTES_MAX.min(rest.len())));
        }
        let (entry, after) = rest.split_at(length);
        entries.push(entry.to_vec());
        rest = after;
    }
    if rest.is_empty() { Ok(Block { header, certificate, entries }) } else { Err("bytes follow a block's entries".into()) }
}

impl ExportFault {
    /// The last block that was read whole.
    pub fn after(&self) -> Option<Height> {
        match self {
            Self::Truncated { after, .. } | Self::Damaged { after } | Self::Malformed { after, .. } => Some(Height(*after)),
            Self::System(_) | Self::NotAnExport | Self::Version { .. } => None,
        }
    }
}
