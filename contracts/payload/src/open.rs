//! The reader's end: sealed bytes come in as they arrive, checked payload bytes go out.

use std::fmt;
use std::io::{self, Write};

use bao_tree::iter::{BaoChunk, ResponseIter};
use inro_contracts::access::PayloadFault;
use inro_contracts::id::Commitment;

use crate::commitment::commitment;
use crate::handover::{Handover, OneTimeSecret};
use crate::media::MediaType;
use crate::segment::{SEGMENT_BYTES, SegmentKey, TAG_BYTES};
use crate::tree::{self, GROUP_BYTES, PAIR_BYTES};
use crate::wire::{self, HEADER_BYTES, Header, HeaderFault, INNER_FIXED_BYTES, InnerHeader};

/// Why sealed bytes do not open. After any of these the opener takes nothing more.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Not the sealed form at all.
    #[error("these bytes are not a sealed payload: {0}; ask the custodian's node for them again")]
    Malformed(&'static str),
    /// Sealed by a later program.
    #[error("the payload is sealed in version {0}, which this program does not know; update it")]
    Version(u8),
    /// The first segment does not open.
    #[error("the sealed payload does not open: it is sealed to another key or for another access or record, or it was altered")]
    WrongKey,
    /// A later segment does not open.
    #[error("segment {0} of the sealed payload was altered, moved or taken from elsewhere; fetch it again from there")]
    Altered(u64),
    /// It opened, and holds something else than the ledger's commitment says.
    #[error("the custodian sent something else than what was registered ({0}); nothing of it is shown, report the mismatch")]
    Substituted(&'static str),
    /// It ended too early.
    #[error("the sealed payload ends after {found} bytes{}; resume the transfer there", .expected.map_or(String::new(), |all| format!(" of {all}")))]
    Truncated {
        /// How many sealed bytes there should be, if that was said.
        expected: Option<u64>,
        /// How many there were.
        found: u64,
    },
    /// The checked bytes could not be written.
    #[error("the opened payload could not be written: {0}")]
    Output(#[from] io::Error),
    /// Something was wrong before.
    #[error("an earlier part was refused, so nothing more is taken; begin anew")]
    Stopped,
}

impl OpenError {
    /// What a reader reports to the ledger; `None` if the payload is not to blame.
    pub fn payload_fault(&self) -> Option<PayloadFault> {
        match self {
            Self::Substituted(_) => Some(PayloadFault::Substituted),
            Self::WrongKey => Some(PayloadFault::NotForThisAccess),
            Self::Truncated { .. } => Some(PayloadFault::Truncated),
            Self::Malformed(_) | Self::Version(_) | Self::Altered(_) => Some(PayloadFault::Malformed),
            Self::Output(_) | Self::Stopped => None,
        }
    }
}

/// How far an [`Opener`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Sealed bytes taken: where a transfer goes on.
    pub sealed: u64,
    /// Sealed bytes in all, once the header is there. Not protected before the first segment opened.
    pub sealed_length: Option<u64>,
    /// Payload bytes given out.
    pub payload: u64,
    /// Payload bytes in all, once the commitment was checked.
    pub payload_length: Option<u64>,
    /// Everything is there and was checked.
    pub complete: bool,
}

/// What was opened, completely.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// How many payload bytes there were.
    pub length: u64,
    /// What they are, as the custodian says.
    pub media_type: MediaType,
}

/// Opens one sealed payload. Takes its bytes in order, in any pieces; holds two segments.
pub struct Opener {
    secret: OneTimeSecret,
    handover: Handover,
    commitment: Commitment,
    taken: u64,
    header: [u8; HEADER_BYTES],
    sealed: Option<Sealed>,
    stopped: bool,
}

impl Opener {
    /// An opener for what `handover` names, with the secret half of its reply key, against the ledger's commitment.
    pub fn new(secret: OneTimeSecret, handover: Handover, commitment: Commitment) -> Self {
        Self { secret, handover, commitment, taken: 0, header: [0; HEADER_BYTES], sealed: None, stopped: false }
    }

    /// Takes the next sealed bytes and writes what could be checked to `out`.
    pub fn push(&mut self, bytes: &[u8], out: &mut impl Write) -> Result<Progress, OpenError> {
        if self.stopped {
            return Err(OpenError::Stopped);
        }
        self.stopped = true;
        self.take(bytes, out)?;
        self.stopped = false;
        Ok(self.progress())
    }

    /// How far it is.
    pub fn progress(&self) -> Progress {
        let inner = self.sealed.as_ref().map(|sealed| &sealed.inner);
        Progress {
            sealed: self.taken,
            sealed_length: self.sealed.as_ref().map(|sealed| wire::sealed_length(sealed.inner_length)),
            payload: inner.map_or(0, |inner| inner.given),
            payload_length: inner.and_then(|inner| inner.header.as_ref()).map(|header| header.length),
            complete: self.sealed.as_ref().is_some_and(Sealed::is_complete),
        }
    }

    /// What the custodian says the bytes are, once the commitment was checked.
    pub fn media_type(&self) -> Option<&MediaType> {
        Some(&self.sealed.as_ref()?.inner.header.as_ref()?.media_type)
    }

    /// There is no more: was it all?
    pub fn finish(self) -> Result<Opened, OpenError> {
        let progress = self.progress();
        match self.sealed.and_then(|sealed| sealed.inner.header) {
            _ if self.stopped => Err(OpenError::Stopped),
            Some(header) if progress.complete => Ok(Opened { length: header.length, media_type: header.media_type }),
            _ => Err(OpenError::Truncated { expected: progress.sealed_length, found: progress.sealed }),
        }
    }

    fn take(&mut self, mut bytes: &[u8], out: &mut impl Write) -> Result<(), OpenError> {
        while !bytes.is_empty() {
            let sealed = match &mut self.sealed {
                Some(sealed) => sealed,
                None => {
                    let at = self.taken as usize;
                    let count = bytes.len().min(HEADER_BYTES - at);
                    self.header[at..at + count].copy_from_slice(&bytes[..count]);
                    self.taken += count as u64;
                    bytes = &bytes[count..];
                    if self.taken < HEADER_BYTES as u64 {
                        return Ok(());
                    }
                    self.sealed.insert(Sealed::new(&self.header, &self.handover, &self.secret)?)
                }
            };
            let count = sealed.take(bytes, &self.header, &self.commitment, out)?;
            self.taken += count as u64;
            bytes = &bytes[count..];
        }
        Ok(())
    }
}

impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opener").field("progress", &self.progress()).finish_non_exhaustive()
    }
}

/// The segments.
struct Sealed {
    key: SegmentKey,
    inner_length: u64,
    index: u64,
    segment: Vec<u8>,
    inner: Inner,
}

impl Sealed {
    fn new(header: &[u8; HEADER_BYTES], handover: &Handover, secret: &OneTimeSecret) -> Result<Self, OpenError> {
        let Header { encapsulated, inner_length } = Header::from_bytes(header).map_err(|fault| match fault {
            HeaderFault::NotSealed => OpenError::Malformed("they begin with something else"),
            HeaderFault::Version(version) => OpenError::Version(version),
            HeaderFault::Length => OpenError::Malformed("the length in the header is none that a payload has"),
        })?;
        let key = handover.open(secret, &encapsulated).ok_or(OpenError::Malformed("the encapsulated key is of small order"))?;
        let segment = Vec::with_capacity(SEGMENT_BYTES + TAG_BYTES);
        Ok(Self { key, inner_length, index: 0, segment, inner: Inner::new() })
    }

    fn is_complete(&self) -> bool {
        self.index == wire::segments(self.inner_length) && self.inner.is_complete()
    }

    /// Takes bytes of one segment; says how many.
    fn take(&mut self, bytes: &[u8], header: &[u8], commitment: &Commitment, out: &mut impl Write) -> Result<usize, OpenError> {
        let segments = wire::segments(self.inner_length);
        if self.index == segments {
            return Err(OpenError::Malformed("bytes follow after the end"));
        }
        let whole = wire::segment_length(self.inner_length, self.index) + TAG_BYTES;
        let count = bytes.len().min(whole - self.segment.len());
        self.segment.extend_from_slice(&bytes[..count]);
        if self.segment.len() == whole {
            let last = self.index + 1 == segments;
            // The header's length is at most that of LENGTH_MAX, which has 2^28 segments and a few.
            let opened = self.key.open(self.index as u32, last, header, &mut self.segment);
            let fault = if self.index == 0 { OpenError::WrongKey } else { OpenError::Altered(self.index) };
            self.inner.take(opened.map_err(|_| fault)?, self.inner_length, commitment, out)?;
            self.segment.clear();
            self.index += 1;
        }
        Ok(count)
    }
}

/// What stands inside the segments: the inner header, then the tree.
struct Inner {
    header: Option<InnerHeader>,
    items: Option<ResponseIter>,
    next: Option<BaoChunk>,
    /// What the next items must hash to, the next on top.
    expected: Vec<[u8; 32]>,
    item: Vec<u8>,
    given: u64,
}

impl Inner {
    fn new() -> Self {
        Self { header: None, items: None, next: None, expected: Vec::new(), item: Vec::with_capacity(GROUP_BYTES), given: 0 }
    }

    fn is_complete(&self) -> bool {
        self.header.is_some() && self.next.is_none()
    }

    fn take(
        &mut self,
        mut bytes: &[u8],
        inner_length: u64,
        commitment: &Commitment,
        out: &mut impl Write,
    ) -> Result<(), OpenError> {
        if self.header.is_none() {
            bytes = self.take_header(bytes, inner_length, commitment)?;
        }
        while let Some(next) = &self.next {
            let size = match next {
                BaoChunk::Parent { .. } => PAIR_BYTES,
                BaoChunk::Leaf { size, .. } => *size,
            };
            let count = bytes.len().min(size - self.item.len());
            self.item.extend_from_slice(&bytes[..count]);
            bytes = &bytes[count..];
            if self.item.len() < size {
                return Ok(());
            }
            self.check_item(out)?;
        }
        // The lengths were compared when the inner header was read.
        Ok(())
    }

    /// The inner header lies within the first segment, which is the only one that comes here.
    fn take_header<'a>(&mut self, bytes: &'a [u8], inner_length: u64, expected: &Commitment) -> Result<&'a [u8], OpenError> {
        const SHORT: OpenError = OpenError::Substituted("its inner header is cut short");
        let fixed = bytes.get(..INNER_FIXED_BYTES).ok_or(SHORT)?;
        let length = InnerHeader::length_of(fixed).ok_or(SHORT)?;
        let (header, rest) = bytes.split_at_checked(length).ok_or(SHORT)?;
        let header = InnerHeader::from_bytes(header).ok_or(OpenError::Substituted("its inner header makes no sense"))?;
        if commitment(&header.salt, &header.root, header.length) != *expected {
            return Err(OpenError::Substituted("its salt, hash and length do not make the ledger's commitment"));
        }
        if header.inner_length() != inner_length {
            return Err(OpenError::Substituted("it has another length than its own header says"));
        }
        self.expected = vec![header.root.0];
        let mut items = tree::items_from(header.length, 0);
        self.next = items.next();
        self.items = Some(items);
        self.header = Some(header);
        Ok(rest)
    }

    fn check_item(&mut self, out: &mut impl Write) -> Result<(), OpenError> {
        let expected = self.expected.pop();
        let found = match self.next {
            Some(BaoChunk::Parent { is_root, left, right, .. }) => {
                let mut pair = [0; PAIR_BYTES];
                pair.copy_from_slice(&self.item);
                let (left_hash, right_hash) = tree::split_pair(&pair);
                self.expected.extend(right.then_some(right_hash));
                self.expected.extend(left.then_some(left_hash));
                Some(tree::pair_hash(&left_hash, &right_hash, is_root))
            }
            Some(BaoChunk::Leaf { start_chunk, is_root, .. }) => Some(tree::group_hash(start_chunk.0, &self.item, is_root)),
            None => None,
        };
        if found.is_none() || found != expected {
            return Err(OpenError::Substituted("its bytes do not hash to what was committed"));
        }
        if let Some(BaoChunk::Leaf { .. }) = self.next {
            out.write_all(&self.item)?;
            self.given += self.item.len() as u64;
        }
        self.item.clear();
        self.next = self.items.as_mut().and_then(Iterator::next);
        Ok(())
    }
}
