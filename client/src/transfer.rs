//! Payloads into files: taken up again where they broke off, and under their final name only when they are whole and checked.
//!
//! What a facility's node hands to its practitioner was checked by the node; what a person fetches from the custodian comes
//! sealed, and is opened and checked here. Files are for their owner only, and nothing is overwritten.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use inro_contracts::access::PayloadFault;
use inro_contracts::id::{Commitment, RecordId, TransactionId};
use inro_genesis::files::{self, FileFault};
use inro_payload::{Handover, OneTimeSecret, OpenError, Opener};
use reqwest::{Response, StatusCode};

use crate::desk::{ArrivingRecord, Desk};
use crate::problem::ClientError;

/// No byte for so long: the transfer broke off.
const STALLED_AFTER: Duration = Duration::from_secs(30);
/// So many times in a row nothing may come.
const ATTEMPTS: u32 = 6;
const PAUSE: Duration = Duration::from_millis(500);
const PIECE: usize = 256 * 1024;

/// Why a payload does not lie in its file.
#[derive(Debug, thiserror::Error)]
pub enum TransferFault {
    /// The node could not be asked, or refused.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileFault),
    /// The sealed payload does not open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// It broke off again and again.
    #[error("the transfer broke off {ATTEMPTS} times without a further byte; what came is kept: run the command again to go on")]
    BrokeOff,
    /// More bytes than the payload has.
    #[error("the node sends more than the {0} bytes that the payload can have; nothing of it is shown, tell its operator")]
    TooLong(u64),
}

impl TransferFault {
    /// What is to be reported to the ledger, if the payload itself was wrong.
    pub fn payload_fault(&self) -> Option<PayloadFault> {
        match self {
            Self::Open(error) => error.payload_fault(),
            Self::TooLong(_) => Some(PayloadFault::Malformed),
            _ => None,
        }
    }
}

/// A sealed payload that a person reads.
#[derive(Debug)]
pub struct SealedRead {
    /// The secret half of the access's one-time key.
    pub secret: OneTimeSecret,
    /// What it is sealed for.
    pub handover: Handover,
    /// What the ledger has of it.
    pub commitment: Commitment,
    /// The payload's length in bytes, as registered.
    pub size: u64,
}

/// A folder (mode 0700) into which payloads are put.
#[derive(Debug, Clone)]
pub struct Shelf {
    folder: PathBuf,
}

impl Shelf {
    /// Makes the folder if there is none.
    pub fn new(folder: &Path) -> Result<Self, FileFault> {
        files::secret_folder(folder)?;
        Ok(Self { folder: folder.into() })
    }

    /// Where a record's payload lies when it is there.
    pub fn path(&self, record: &RecordId, media_type: &str) -> PathBuf {
        self.folder.join(format!("{}.{}", record.to_hex(), suffix_of(media_type)))
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Another file of the folder.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The file with a record's payload, if it is there already.
    pub fn holds(&self, record: &RecordId) -> Result<Option<PathBuf>, FileFault> {
        let fault = |error| system(&self.folder, "read", error);
        let (beginning, unfinished) = (format!("{}.", record.to_hex()), [".part", ".sealed"]);
        for entry in fs::read_dir(&self.folder).map_err(fault)? {
            let entry = entry.map_err(fault)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with(&beginning) && !unfinished.iter().any(|ending| name.ends_with(ending)) {
                return Ok(Some(entry.path()));
            }
        }
        Ok(None)
    }

    /// Fetches a payload that is ready at the facility's node. `progress` hears how many bytes are there.
    pub async fn fetch(
        &self,
        desk: &Desk,
        access: &TransactionId,
        ready: &ArrivingRecord,
        progress: impl FnMut(u64),
    ) -> Result<PathBuf, TransferFault> {
        let media_type = ready.media_type.as_deref().unwrap_or_default();
        let path = self.path(&ready.record, media_type);
        if is_there(&path, ready.bytes)? {
            return Ok(path);
        }
        let part = self.folder.join(format!("{}.part", ready.record.to_hex()));
        let mut part = Part::open(&part)?;
        let get = async |from| desk.payload_from(access, &ready.record, from).await;
        part.fill(get, Length { exactly: Some(ready.bytes), most: ready.bytes }, progress).await?;
        part.become_file(&path)?;
        Ok(path)
    }

    /// Fetches a person's sealed payload from the custodian's node, opens and checks it. `progress` hears how many sealed bytes
    /// are there.
    pub async fn fetch_sealed(&self, desk: &Desk, read: SealedRead, progress: impl FnMut(u64)) -> Result<PathBuf, TransferFault> {
        let Handover { access, record, .. } = read.handover;
        let name = format!("{}.{}", record.to_hex(), &access.to_hex()[..16]);
        let sealed = self.folder.join(format!("{name}.sealed"));
        // A sealed payload is about a thousandth longer than the payload.
        let length = Length { exactly: None, most: read.size.saturating_add(read.size / 64).saturating_add(1 << 20) };
        let mut part = Part::open(&sealed)?;
        part.fill(async |from| desk.sealed(&access, &record, from).await, length, progress).await?;
        drop(part);
        let opened = self.open_sealed(&sealed, &self.folder.join(format!("{name}.part")), read);
        if !matches!(opened, Err(TransferFault::File(_))) {
            // Opened, or never to be opened; what cannot be removed is sealed and of no use to anybody.
            let _ = fs::remove_file(&sealed);
        }
        opened
    }

    fn open_sealed(&self, sealed: &Path, part: &Path, read: SealedRead) -> Result<PathBuf, TransferFault> {
        let record = read.handover.record;
        let _ = fs::remove_file(part);
        let opening = || -> Result<String, TransferFault> {
            let mut source = File::open(sealed).map_err(|error| system(sealed, "read", error))?;
            let mut out = BufWriter::new(options().create_new(true).open(part).map_err(|error| system(part, "written", error))?);
            let mut opener = Opener::new(read.secret, read.handover, read.commitment);
            let mut piece = vec![0; PIECE];
            loop {
                let count = source.read(&mut piece).map_err(|error| system(sealed, "read", error))?;
                if count == 0 {
                    break;
                }
                opener.push(&piece[..count], &mut out)?;
            }
            let opened = opener.finish()?;
            let file = out.into_inner().map_err(|error| system(part, "written", error.into_error()))?;
            file.sync_all().map_err(|error| system(part, "written", error))?;
            Ok(opened.media_type.as_str().to_owned())
        };
        let named = opening().and_then(|media_type| {
            let path = self.path(&record, &media_type);
            rename(part, &path)?;
            Ok(path)
        });
        if named.is_err() {
            // Nothing that has no final name is left behind.
            let _ = fs::remove_file(part);
        }
        named
    }
}

/// How long a file may become.
struct Length {
    exactly: Option<u64>,
    most: u64,
}

/// A file that is not whole yet.
struct Part {
    path: PathBuf,
    file: File,
    length: u64,
}

impl Part {
    fn open(path: &Path) -> Result<Self, FileFault> {
        let fault = |error| system(path, "written", error);
        let file = options().create(true).append(true).open(path).map_err(fault)?;
        let length = file.metadata().map_err(fault)?.len();
        Ok(Self { path: path.into(), file, length })
    }

    /// Asks for what is missing until it is all there.
    async fn fill(
        &mut self,
        get: impl AsyncFn(u64) -> Result<Response, ClientError>,
        expected: Length,
        mut progress: impl FnMut(u64),
    ) -> Result<(), TransferFault> {
        if self.length > expected.most {
            self.empty()?;
        }
        let mut failed = 0;
        while expected.exactly.is_none_or(|exactly| self.length < exactly) {
            let before = self.length;
            if self.go_on(get(self.length).await, &expected, &mut progress).await? {
                break;
            }
            failed = if self.length > before { 0 } else { failed + 1 };
            if failed == ATTEMPTS {
                return Err(TransferFault::BrokeOff);
            }
            tokio::time::sleep(PAUSE).await;
        }
        self.file.sync_all().map_err(|error| system(&self.path, "written", error))?;
        Ok(())
    }

    /// Takes one answer; true: it came to its end.
    async fn go_on(
        &mut self,
        answer: Result<Response, ClientError>,
        expected: &Length,
        progress: &mut impl FnMut(u64),
    ) -> Result<bool, TransferFault> {
        let mut answer = match answer {
            Ok(answer) => answer,
            Err(ClientError::Unreachable { .. }) => return Ok(false),
            Err(ClientError::Problem(problem)) if problem.is_passing() => {
                tokio::time::sleep(problem.pause()).await;
                return Ok(false);
            }
            Err(error) => return Err(error.into()),
        };
        if expected.exactly.is_some() && self.length > 0 && answer.status() != StatusCode::PARTIAL_CONTENT {
            self.empty()?;
        }
        loop {
            match tokio::time::timeout(STALLED_AFTER, answer.chunk()).await {
                Ok(Ok(Some(piece))) => {
                    self.length += piece.len() as u64;
                    if self.length > expected.most {
                        self.empty()?;
                        return Err(TransferFault::TooLong(expected.most));
                    }
                    self.file.write_all(&piece).map_err(|error| system(&self.path, "written", error))?;
                    progress(self.length);
                }
                Ok(Ok(None)) => return Ok(expected.exactly.is_none_or(|exactly| exactly == self.length)),
                Ok(Err(_)) | Err(_) => return Ok(false),
            }
        }
    }

    fn empty(&mut self) -> Result<(), FileFault> {
        self.file.set_len(0).map_err(|error| system(&self.path, "written", error))?;
        self.length = 0;
        Ok(())
    }

    fn become_file(self, path: &Path) -> Result<(), FileFault> {
        rename(&self.path, path)
    }
}

/// A file that is whole already is not fetched again; another one of that name is not overwritten.
fn is_there(path: &Path, length: u64) -> Result<bool, FileFault> {
    match fs::metadata(path) {
        Ok(found) if found.is_file() && found.len() == length => Ok(true),
        Ok(_) => Err(FileFault::Exists(path.into())),
        Err(_) => Ok(false),
    }
}

fn rename(part: &Path, path: &Path) -> Result<(), FileFault> {
    if path.exists() {
        return Err(FileFault::Exists(path.into()));
    }
    fs::rename(part, path).map_err(|error| system(path, "written", error))
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).mode(0o600);
    options
}

fn system(path: &Path, act: &'static str, error: io::Error) -> FileFault {
    FileFault::System { path: path.into(), act, error }
}

/// How a file with such a payload ends.
pub fn suffix_of(media_type: &str) -> &'static str {
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.as_str() {
        "application/fhir+json" => "fhir.json",
        "application/json" => "json",
        "application/dicom" => "dcm",
        "application/pdf" => "pdf",
        "application/xml" | "text/xml" => "xml",
        "image/jpeg" => "jpg",
        "image/png" => "png",
        "image/gif" => "gif",
        "image/tiff" => "tiff",
        "image/bmp" => "bmp",
        "image/webp" => "webp",
        "text/plain" => "txt",
        "text/csv" => "csv",
        "text/html" => "html",
        "application/zip" => "zip",
        _ => "bin",
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use inro_contracts::id::{ChainId, OrganisationId};

    use super::*;

    fn a_read(secret: &OneTimeSecret) -> SealedRead {
        let (chain, access, record) = (ChainId([1; 32]), TransactionId([2; 32]), RecordId([3; 32]));
        let handover = Handover::of_record(chain, access, record, OrganisationId([4; 32]), None, secret.public());
        SealedRead { secret: secret.clone(), handover, commitment: Commitment([5; 32]), size: 3 }
    }

    #[test]
    fn a_file_ends_as_its_media_type_says() {
        assert_eq!(suffix_of("application/fhir+json; charset=utf-8"), "fhir.json");
        assert_eq!(suffix_of("Image/PNG"), "png");
        assert_eq!(suffix_of("../../etc/passwd"), "bin");
        assert_eq!(suffix_of(""), "bin");
    }

    #[test]
    fn what_does_not_open_leaves_nothing_and_says_what_to_report() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::new(&folder.path().join("out")).unwrap();
        let secret = OneTimeSecret::generate(&mut rand::rngs::OsRng);
        let (sealed, part) = (shelf.beside("a.sealed"), shelf.beside("a.part"));
        for (bytes, expected) in [(&b"inro"[..], PayloadFault::Truncated), (&[7; 100], PayloadFault::Malformed)] {
            fs::write(&sealed, bytes).unwrap();
            let fault = shelf.open_sealed(&sealed, &part, a_read(&secret)).unwrap_err();
            assert_eq!(fault.payload_fault(), Some(expected), "{fault}");
            assert!(!part.exists());
        }
        assert_eq!(fs::read_dir(folder.path().join("out")).unwrap().count(), 1);
    }

    #[test]
    fn a_part_is_for_its_owner_and_becomes_a_file_that_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let (path, file) = (folder.path().join("x.part"), folder.path().join("x.txt"));
        let mut part = Part::open(&path).unwrap();
        part.file.write_all(b"abc").unwrap();
        assert_eq!(Part::open(&path).unwrap().length, 3);
        part.become_file(&file).unwrap();
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(is_there(&file, 3).unwrap());
        assert!(matches!(is_there(&file, 4), Err(FileFault::Exists(_))));
        assert!(matches!(Part::open(&path).unwrap().become_file(&file), Err(FileFault::Exists(_))));
    }
}
