//! The custodian's end: a payload as the bytes that travel, readable from any of them.

use std::fmt;
use std::io::{self, Read, Seek, SeekFrom};

use bao_tree::iter::{BaoChunk, ResponseIter};
use bao_tree::{ChunkNum, TreeNode};
use inro_contracts::id::Commitment;

use crate::commitment::{Root, Salt, commitment};
use crate::handover::{Handover, SealingSecret};
use crate::media::MediaType;
use crate::segment::{SEGMENT_BYTES, SegmentKey, TAG_BYTES};
use crate::tree::{self, GROUP_BYTES, LENGTH_MAX, PAIR_BYTES};
use crate::wire::{self, HEADER_BYTES, Header, InnerHeader};

/// A payload at its custodian.
#[derive(Clone)]
pub struct Payload<P, O> {
    /// Its bytes.
    pub bytes: P,
    /// Its outboard, as [`digest`](crate::digest) writes it.
    pub outboard: O,
    /// The commitment's salt.
    pub salt: Salt,
    /// The BLAKE3 hash of the bytes.
    pub root: Root,
    /// How many bytes there are.
    pub length: u64,
    /// What they are, as the custodian says.
    pub media_type: MediaType,
}

impl<P, O> Payload<P, O> {
    /// What the ledger knows of it.
    pub fn commitment(&self) -> Commitment {
        commitment(&self.salt, &self.root, self.length)
    }
}

impl<P, O> fmt::Debug for Payload<P, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Payload").field("length", &self.length).finish_non_exhaustive()
    }
}

/// Why a payload cannot be sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The access names a key for which everybody could open.
    #[error("the access's reply key is of small order, so anybody could open what is sealed to it; ask again with another key")]
    WeakReplyKey,
    /// Longer than any payload.
    #[error("the payload is said to have {0} bytes; the most is {LENGTH_MAX}")]
    TooLong(u64),
}

/// The sealed bytes of one payload for one handover. Reading from any position gives the same bytes every time; less than 1 MiB
/// is held. What does not match the payload's root ends in an error of kind `InvalidData`, before it is sealed.
pub struct SealedReader<P, O> {
    key: SegmentKey,
    header: [u8; HEADER_BYTES],
    inner: Inner<P, O>,
    inner_length: u64,
    position: u64,
    /// Which segment stands in `segment`.
    held: Option<u64>,
    segment: Vec<u8>,
}

impl<P: Read + Seek, O: Read + Seek> SealedReader<P, O> {
    /// Seals `payload` for `handover`. Nothing of it is read yet.
    pub fn new(payload: Payload<P, O>, handover: &Handover, secret: &SealingSecret) -> Result<Self, SealError> {
        let Payload { bytes, outboard, salt, root, length, media_type } = payload;
        if length > LENGTH_MAX {
            return Err(SealError::TooLong(length));
        }
        let inner_header = InnerHeader { salt, root, length, media_type };
        let inner_length = inner_header.inner_length();
        let head = inner_header.to_bytes();
        let (encapsulated, key) = handover.seal(secret, &head).ok_or(SealError::WeakReplyKey)?;
        let header = Header { encapsulated, inner_length }.to_bytes();
        let tree = Tree::new(bytes, outboard, root, length);
        let inner = Inner { head, tree, position: 0 };
        let segment = Vec::with_capacity(SEGMENT_BYTES + TAG_BYTES);
        Ok(Self { key, header, inner, inner_length, position: 0, held: None, segment })
    }

    /// How many sealed bytes there are.
    pub fn sealed_length(&self) -> u64 {
        wire::sealed_length(self.inner_length)
    }

    fn hold(&mut self, index: u64) -> io::Result<()> {
        if self.held == Some(index) {
            return Ok(());
        }
        self.held = None;
        self.segment.resize(wire::segment_length(self.inner_length, index), 0);
        self.inner.read_at(index * SEGMENT_BYTES as u64, &mut self.segment)?;
        let last = index + 1 == wire::segments(self.inner_length);
        // A payload of LENGTH_MAX has 2^28 segments and a few.
        self.key.seal(index as u32, last, &self.header, &mut self.segment, 0);
        self.held = Some(index);
        Ok(())
    }
}

impl<P: Read + Seek, O: Read + Seek> Read for SealedReader<P, O> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() || self.position >= self.sealed_length() {
            return Ok(0);
        }
        let ready = match self.position.checked_sub(HEADER_BYTES as u64) {
            None => &self.header[self.position as usize..],
            Some(place) => {
                let sealed_segment = (SEGMENT_BYTES + TAG_BYTES) as u64;
                self.hold(place / sealed_segment)?;
                &self.segment[(place % sealed_segment) as usize..]
            }
        };
        let count = ready.len().min(out.len());
        out[..count].copy_from_slice(&ready[..count]);
        self.position += count as u64;
        Ok(count)
    }
}

impl<P: Read + Seek, O: Read + Seek> Seek for SealedReader<P, O> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
            SeekFrom::End(by) => self.sealed_length().checked_add_signed(by),
        };
        self.position = position
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "a position before the beginning or beyond u64"))?;
        Ok(self.position)
    }
}

impl<P, O> fmt::Debug for SealedReader<P, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedReader").field("position", &self.position).finish_non_exhaustive()
    }
}

/// The bytes inside the segments: the inner header, then the tree.
struct Inner<P, O> {
    head: Vec<u8>,
    tree: Tree<P, O>,
    position: u64,
}

impl<P: Read + Seek, O: Read + Seek> Inner<P, O> {
    fn read_at(&mut self, position: u64, out: &mut [u8]) -> io::Result<()> {
        let head_length = self.head.len() as u64;
        if position != self.position || position <= head_length {
            self.tree.go_to(position.saturating_sub(head_length))?;
        }
        // A failed read leaves the tree anywhere: the next one finds its place anew.
        self.position = u64::MAX;
        let head = self.head.get(position.min(head_length) as usize..).unwrap_or_default();
        let from_head = head.len().min(out.len());
        out[..from_head].copy_from_slice(&head[..from_head]);
        self.tree.fill(&mut out[from_head..])?;
        self.position = position + out.len() as u64;
        Ok(())
    }
}

/// The payload as Bao writes it, every part checked against the root before it is given away.
struct Tree<P, O> {
    payload: P,
    outboard: O,
    root: Root,
    length: u64,
    items: ResponseIter,
    /// The chunk group that was gone to: pairs before those that lead to it are checked and not given.
    from_group: u64,
    payload_in_place: bool,
    /// What the next items must hash to, the next on top.
    expected: Vec<[u8; 32]>,
    item: Vec<u8>,
    given: usize,
}

impl<P: Read + Seek, O: Read + Seek> Tree<P, O> {
    fn new(payload: P, outboard: O, root: Root, length: u64) -> Self {
        Self {
            payload,
            outboard,
            root,
            length,
            items: tree::items_from(length, 0),
            from_group: 0,
            payload_in_place: false,
            expected: vec![root.0],
            item: Vec::with_capacity(GROUP_BYTES),
            given: 0,
        }
    }

    fn go_to(&mut self, offset: u64) -> io::Result<()> {
        let (group, start) = tree::group_at(self.length, offset);
        self.items = tree::items_from(self.length, group);
        self.from_group = group;
        self.payload_in_place = false;
        self.expected = vec![self.root.0];
        self.item.clear();
        self.given = 0;
        let mut skip = offset - start;
        while skip > 0 {
            self.next_item()?;
            self.given = self.item.len().min(skip as usize);
            skip -= self.given as u64;
        }
        Ok(())
    }

    fn fill(&mut self, mut out: &mut [u8]) -> io::Result<()> {
        while !out.is_empty() {
            if self.given == self.item.len() {
                self.next_item()?;
            }
            let count = out.len().min(self.item.len() - self.given);
            out[..count].copy_from_slice(&self.item[self.given..self.given + count]);
            self.given += count;
            out = &mut out[count..];
        }
        Ok(())
    }

    fn next_item(&mut self) -> io::Result<()> {
        loop {
            let expected = self.expected.pop();
            match (self.items.next(), expected) {
                (Some(BaoChunk::Parent { node, is_root, left, right, .. }), Some(expected)) => {
                    self.load_pair(node, is_root, expected, left, right)?;
                    if tree::begins_before(node, self.from_group) {
                        continue;
                    }
                }
                (Some(BaoChunk::Leaf { start_chunk, size, is_root, .. }), Some(expected)) => {
                    self.load_group(start_chunk, size, is_root, expected)?;
                }
                // Callers ask for no more than the tree has.
                _ => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
            self.given = 0;
            return Ok(());
        }
    }

    fn load_pair(&mut self, node: TreeNode, is_root: bool, expected: [u8; 32], left: bool, right: bool) -> io::Result<()> {
        let offset = tree::outboard_offset(self.length, node).ok_or(io::ErrorKind::UnexpectedEof)?;
        let mut pair = [0; PAIR_BYTES];
        self.outboard.seek(SeekFrom::Start(offset))?;
        self.outboard.read_exact(&mut pair)?;
        let (left_hash, right_hash) = tree::split_pair(&pair);
        if tree::pair_hash(&left_hash, &right_hash, is_root) != expected {
            return Err(not_what_was_committed());
        }
        self.expected.extend(right.then_some(right_hash));
        self.expected.extend(left.then_some(left_hash));
        self.item.clear();
        self.item.extend_from_slice(&pair);
        Ok(())
    }

    fn load_group(&mut self, start: ChunkNum, size: usize, is_root: bool, expected: [u8; 32]) -> io::Result<()> {
        if !self.payload_in_place {
            self.payload.seek(SeekFrom::Start(start.to_bytes()))?;
            self.payload_in_place = true;
        }
        self.item.resize(size, 0);
        self.payload.read_exact(&mut self.item)?;
        if tree::group_hash(start.0, &self.item, is_root) != expected {
            return Err(not_what_was_committed());
        }
        Ok(())
    }
}

fn not_what_was_committed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the payload is no longer what was committed; it is not handed over")
}
