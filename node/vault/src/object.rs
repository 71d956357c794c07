//! One encrypted object: a short header, then segments of 64 KiB, so that reading can begin anywhere and no more than a window
//! of it is in memory.

use std::fmt;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::mpsc::{Receiver, sync_channel};

use bytes::BytesMut;
use hkdf::Hkdf;
use inro_payload::{SEGMENT_BYTES, SegmentKey, TAG_BYTES};
use object_store::MultipartUpload;
use sha2::Sha256;
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use zeroize::Zeroizing;

use crate::error::VaultError;
use crate::keys::DataKey;
use crate::names::Name;
use crate::objects::{Objects, Part};
use crate::tags;

const MAGIC: &[u8; 4] = b"inrv";
const VERSION: u8 = 1;
const HEADER_BYTES: usize = MAGIC.len() + 2;
const SEALED_SEGMENT_BYTES: usize = SEGMENT_BYTES + TAG_BYTES;
/// How many segments are fetched at once: half a MiB.
const WINDOW_SEGMENTS: u64 = 8;
/// How many pieces may be on their way at once.
const PIECES_UNDER_WAY_MAX: usize = 2;

/// How one object is encrypted.
pub struct Cipher {
    key: SegmentKey,
    /// Every segment's associated data: what object it is of.
    associated: [u8; HEADER_BYTES + 32],
}

impl Cipher {
    pub fn new(key: &DataKey, name: &Name, part: Part) -> Self {
        let mut own = Zeroizing::new([0; 32]);
        // HKDF gives up to 8,160 bytes; 32 are asked for.
        Hkdf::<Sha256>::new(None, &key.key)
            .expand_multi_info(&[tags::OBJECT, &[part as u8]], &mut *own)
            .expect("32 bytes are within HKDF's limit");
        let mut associated = [0; HEADER_BYTES + 32];
        associated[..HEADER_BYTES].copy_from_slice(&header(part));
        associated[HEADER_BYTES..].copy_from_slice(name.record());
        // The key is used for this object only, so its nonces may begin with zeros.
        Self { key: SegmentKey::new(&own, [0; 7]), associated }
    }

    /// Opens a whole short object.
    pub fn open_all(&self, sealed: &[u8], part: Part) -> Result<Vec<u8>, VaultError> {
        let damaged = || VaultError::Damaged { what: part.what() };
        let length = plain_length(sealed.len() as u64, part)?;
        let segments = sealed.strip_prefix(&header(part)).ok_or_else(damaged)?.chunks(SEALED_SEGMENT_BYTES);
        let last = segments.len() - 1;
        let mut plain = Vec::with_capacity(length as usize);
        for (index, segment) in segments.enumerate() {
            let mut segment = segment.to_vec();
            let opened = self.open_segment(index as u64, index == last, &mut segment);
            plain.extend_from_slice(opened.map_err(|_| damaged())?);
        }
        Ok(plain)
    }

    /// Does the first segment of this beginning of an object open?
    pub fn begins_to_open(&self, beginning: &[u8], part: Part) -> bool {
        let Some(body) = beginning.strip_prefix(&header(part)) else { return false };
        let first = &body[..body.len().min(SEALED_SEGMENT_BYTES)];
        [false, true].into_iter().any(|last| self.open_segment(0, last, &mut first.to_vec()).is_ok())
    }

    fn open_segment<'a>(&self, index: u64, last: bool, sealed: &'a mut [u8]) -> Result<&'a mut [u8], inro_payload::NotAuthentic> {
        let index = u32::try_from(index).map_err(|_| inro_payload::NotAuthentic)?;
        self.key.open(index, last, &self.associated, sealed)
    }
}

/// Encrypts an object while it is sent to the store; it is visible there when [`ObjectWriter::finish`] returns. One that fits into
/// a piece is sent at once, a longer one in pieces.
pub struct ObjectWriter {
    objects: Objects,
    name: Name,
    part: Part,
    cipher: Cipher,
    upload: Option<Box<dyn MultipartUpload>>,
    under_way: JoinSet<object_store::Result<()>>,
    index: u32,
    /// What is sent next: sealed segments, then the one that is filled.
    piece: Vec<u8>,
    /// Where the segment that is filled begins.
    open_from: usize,
}

impl ObjectWriter {
    pub fn new(objects: &Objects, key: &DataKey, name: &Name, part: Part) -> Self {
        let (cipher, piece) = (Cipher::new(key, name, part), header(part).to_vec());
        let (objects, open_from) = (objects.clone(), piece.len());
        Self { objects, name: *name, part, cipher, upload: None, under_way: JoinSet::new(), index: 0, piece, open_from }
    }

    pub async fn write(&mut self, mut bytes: &[u8]) -> Result<(), VaultError> {
        while !bytes.is_empty() {
            // A full segment is sealed only when more follows: the last one is marked as such.
            if self.piece.len() - self.open_from == SEGMENT_BYTES {
                self.seal(false);
                self.send_whole_pieces().await?;
            }
            let room = SEGMENT_BYTES - (self.piece.len() - self.open_from);
            let (now, later) = bytes.split_at(bytes.len().min(room));
            self.piece.extend_from_slice(now);
            bytes = later;
        }
        Ok(())
    }

    pub async fn finish(&mut self) -> Result<(), VaultError> {
        self.seal(true);
        if self.upload.is_none() && self.piece.len() <= self.objects.piece_bytes {
            return self.objects.put(&self.name, self.part, std::mem::take(&mut self.piece)).await;
        }
        self.send_whole_pieces().await?;
        if !self.piece.is_empty() {
            let rest = std::mem::take(&mut self.piece);
            self.send(rest).await?;
        }
        while self.one_arrived().await? {}
        if let Some(upload) = &mut self.upload {
            upload.complete().await?;
        }
        Ok(())
    }

    /// Gives up what was sent so far, as well as the store lets it.
    pub async fn abandon(&mut self) {
        self.under_way.shutdown().await;
        if let Some(mut upload) = self.upload.take() {
            // If it refuses, the leftovers open for nobody; a store's own rules or the next start remove them.
            let _ = upload.abort().await;
        }
    }

    fn seal(&mut self, last: bool) {
        self.cipher.key.seal(self.index, last, &self.cipher.associated, &mut self.piece, self.open_from);
        self.open_from = self.piece.len();
        self.index += 1;
    }

    /// All pieces but the last have one length: some stores ask for it.
    async fn send_whole_pieces(&mut self) -> Result<(), VaultError> {
        let piece_bytes = self.objects.piece_bytes;
        while self.piece.len() >= piece_bytes {
            let mut rest = Vec::with_capacity(piece_bytes + SEALED_SEGMENT_BYTES);
            rest.extend_from_slice(&self.piece[piece_bytes..]);
            let mut whole = std::mem::replace(&mut self.piece, rest);
            whole.truncate(piece_bytes);
            self.send(whole).await?;
        }
        self.open_from = self.piece.len();
        Ok(())
    }

    async fn send(&mut self, piece: Vec<u8>) -> Result<(), VaultError> {
        while self.under_way.len() >= PIECES_UNDER_WAY_MAX {
            self.one_arrived().await?;
        }
        let upload = match &mut self.upload {
            Some(upload) => upload,
            none => none.insert(self.objects.upload(&self.name, self.part).await?),
        };
        self.under_way.spawn(upload.put_part(piece.into()));
        Ok(())
    }

    /// Waits for one piece; says whether there was one to wait for.
    async fn one_arrived(&mut self) -> Result<bool, VaultError> {
        match self.under_way.join_next().await {
            None => Ok(false),
            Some(Ok(sent)) => Ok(sent.map(|()| true)?),
            Some(Err(error)) => Err(VaultError::Task(error.to_string())),
        }
    }
}

/// Reads one object of a record from anywhere; holds one window of half a MiB, and fetches the next one while this one is read
/// in order. It blocks the thread: read it where that is allowed (`tokio::task::spawn_blocking`), while the run-time that opened it
/// still runs. Altered bytes end in an error of kind `InvalidData`.
pub struct RecordReader {
    source: Source,
    handle: Handle,
    length: u64,
    position: u64,
    held: Option<Window>,
    coming: Option<(u64, Receiver<Result<BytesMut, VaultError>>)>,
}

#[derive(Clone)]
struct Source {
    objects: Objects,
    name: Name,
    part: Part,
    cipher: std::sync::Arc<Cipher>,
    sealed_length: u64,
}

/// Some segments, opened where they stand: the tags between them are left as they are.
struct Window {
    index: u64,
    bytes: BytesMut,
}

impl RecordReader {
    pub(crate) async fn open(objects: &Objects, name: Name, part: Part, cipher: Cipher) -> Result<Self, VaultError> {
        let sealed_length = objects.length(&name, part).await?;
        let length = plain_length(sealed_length, part)?;
        let source = Source { objects: objects.clone(), name, part, cipher: cipher.into(), sealed_length };
        Ok(Self { source, handle: Handle::current(), length, position: 0, held: None, coming: None })
    }

    /// How many bytes there are.
    pub fn length(&self) -> u64 {
        self.length
    }

    fn hold(&mut self, index: u64) -> io::Result<&Window> {
        let stays = matches!(&self.held, Some(window) if window.index == index);
        if !stays {
            let in_order = self.held.as_ref().map_or(index == 0, |window| window.index + 1 == index);
            self.held = None;
            let receiver = match self.coming.take() {
                Some((coming, receiver)) if coming == index => receiver,
                _ => self.fetch(index),
            };
            if in_order && self.source.has_window(index + 1) {
                self.coming = Some((index + 1, self.fetch(index + 1)));
            }
            let fetched = receiver.recv().map_err(|_| io::Error::other("the run-time that reads the vault has ended"))?;
            let mut bytes = fetched.map_err(into_io)?;
            self.source.open_window(index, &mut bytes)?;
            self.held = Some(Window { index, bytes });
        }
        // Either it was held, or it was just put there.
        Ok(self.held.as_ref().expect("a window is held"))
    }

    fn fetch(&self, index: u64) -> Receiver<Result<BytesMut, VaultError>> {
        let (sender, receiver) = sync_channel(1);
        let source = self.source.clone();
        // Whether anybody still waits for it makes no difference to the store.
        self.handle.spawn(async move { sender.send(source.fetch_window(index).await) });
        receiver
    }
}

impl Read for RecordReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        // Of an empty object, too, the one segment is checked.
        if self.length == 0 {
            self.hold(0)?;
        }
        if out.is_empty() || self.position >= self.length {
            return Ok(0);
        }
        let position = self.position;
        let window = self.hold(position / (WINDOW_SEGMENTS * SEGMENT_BYTES as u64))?;
        let within = (position % (WINDOW_SEGMENTS * SEGMENT_BYTES as u64)) as usize;
        let from = within / SEGMENT_BYTES * SEALED_SEGMENT_BYTES;
        let segment = &window.bytes[from..window.bytes.len().min(from + SEALED_SEGMENT_BYTES)];
        let ready = &segment[within % SEGMENT_BYTES..segment.len() - TAG_BYTES];
        let count = ready.len().min(out.len());
        out[..count].copy_from_slice(&ready[..count]);
        self.position += count as u64;
        Ok(count)
    }
}

impl Seek for RecordReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
            SeekFrom::End(by) => self.length.checked_add_signed(by),
        };
        let refused = || io::Error::new(io::ErrorKind::InvalidInput, "a position before the beginning or beyond u64");
        self.position = position.ok_or_else(refused)?;
        Ok(self.position)
    }
}

impl fmt::Debug for RecordReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordReader").field("length", &self.length).finish_non_exhaustive()
    }
}

impl Source {
    fn has_window(&self, index: u64) -> bool {
        self.window_start(index) < self.sealed_length
    }

    fn window_start(&self, index: u64) -> u64 {
        (HEADER_BYTES as u64).saturating_add(index.saturating_mul(WINDOW_SEGMENTS * SEALED_SEGMENT_BYTES as u64))
    }

    /// The first window brings the header with it and leaves it out when it was checked.
    async fn fetch_window(&self, index: u64) -> Result<BytesMut, VaultError> {
        let start = if index == 0 { 0 } else { self.window_start(index) };
        let end = self.window_start(index + 1).min(self.sealed_length);
        let bytes = self.objects.range(&self.name, self.part, start..end).await?;
        let mut bytes = bytes.try_into_mut().unwrap_or_else(|shared| BytesMut::from(&shared[..]));
        if index == 0 && bytes.split_to(HEADER_BYTES.min(bytes.len()))[..] != header(self.part) {
            return Err(VaultError::Damaged { what: self.part.what() });
        }
        Ok(bytes)
    }

    fn open_window(&self, index: u64, bytes: &mut [u8]) -> io::Result<()> {
        let reaches_end = !self.has_window(index + 1);
        let count = bytes.len().div_ceil(SEALED_SEGMENT_BYTES);
        for (place, segment) in bytes.chunks_mut(SEALED_SEGMENT_BYTES).enumerate() {
            let last = reaches_end && place + 1 == count;
            let opened = self.cipher.open_segment(index * WINDOW_SEGMENTS + place as u64, last, segment);
            opened.map_err(|_| into_io(VaultError::Damaged { what: self.part.what() }))?;
        }
        Ok(())
    }
}

fn header(part: Part) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[..MAGIC.len()].copy_from_slice(MAGIC);
    header[MAGIC.len()] = VERSION;
    header[MAGIC.len() + 1] = part as u8;
    header
}

/// How many bytes an object of some length holds; an object cut where no segment can end is refused at once.
fn plain_length(sealed: u64, part: Part) -> Result<u64, VaultError> {
    let damaged = VaultError::Damaged { what: part.what() };
    let Some(body) = sealed.checked_sub(HEADER_BYTES as u64) else { return Err(damaged) };
    let segments = body.div_ceil(SEALED_SEGMENT_BYTES as u64);
    let last = body - segments.saturating_sub(1) * SEALED_SEGMENT_BYTES as u64;
    if last < TAG_BYTES as u64 { Err(damaged) } else { Ok(body - segments * TAG_BYTES as u64) }
}

/// An error as a reader gives it; what was altered is told apart from what could not be read.
fn into_io(error: VaultError) -> io::Error {
    let kind = match &error {
        VaultError::Damaged { .. } => io::ErrorKind::InvalidData,
        VaultError::Missing { .. } => io::ErrorKind::NotFound,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, error)
}
