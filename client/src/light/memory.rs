//! The newest header that was ever believed here, kept from one run to the next: a node cannot show an older ledger, or another
//! one, to somebody who has seen this one. The file is evidence of kind 6, so anybody can check it with `inro verify`.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use inro_contracts::id::ChainId;
use inro_evidence::{Anchor, Certified, Evidence, Start, Statement, Walk, verify_evidence};

use super::Remark;
use super::fork::Fork;

/// More than any sound file of this kind has.
const BYTES_MAX: u64 = 8 * 1024 * 1024;

/// A folder for what light clients remember.
#[derive(Debug, Clone)]
pub struct Memory {
    folder: PathBuf,
}

/// What was remembered of a ledger.
pub(super) struct Remembered {
    pub walk: Walk,
    pub newest: Certified,
}

impl Memory {
    /// In this folder; it is made when something is to be remembered.
    pub fn in_folder(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    fn head(&self, walk: &Walk) -> PathBuf {
        let chain = walk.chain().to_hex();
        self.folder.join(match walk.start() {
            Start::Genesis => format!("{chain}.head.inro"),
            Start::Pinned { header, .. } => format!("{chain}.head-from-{}.inro", header.id().to_hex()),
        })
    }

    /// What was remembered, if anything was; `start` has followed nothing yet. What is there and not true is remarked.
    pub(super) fn recall(&self, anchor: &Anchor, start: &Walk) -> Result<Option<Remembered>, Remark> {
        let (path, mut bytes) = (self.head(start), Vec::new());
        let file = match fs::File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file,
        };
        let read = file.and_then(|file| file.take(BYTES_MAX).read_to_end(&mut bytes));
        read.ok().and_then(|_| parse(&bytes, anchor, start)).map(Some).ok_or(Remark::Forgotten { path })
    }

    /// Keeps the newest header.
    pub(super) fn keep(&self, walk: &Walk, newest: &Certified) -> io::Result<()> {
        let evidence = walk.file(Statement::Validators(Box::new(newest.clone()))).map_err(io::Error::other)?;
        self.write(&self.head(walk), &evidence.to_bytes())
    }

    /// Keeps the evidence of a fork; gives the file's path.
    pub fn keep_fork(&self, chain: &ChainId, fork: &Fork) -> io::Result<PathBuf> {
        let path = self.folder.join(format!("{}.fork-{}.inro", chain.to_hex(), fork.height));
        self.write(&path, &fork.evidence)?;
        Ok(path)
    }

    /// Another run may write at the same time, so each has a file of its own until it is whole.
    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        file.write_all(bytes)?;
        file.persist(path)?;
        Ok(())
    }
}

fn parse(bytes: &[u8], anchor: &Anchor, start: &Walk) -> Option<Remembered> {
    let evidence = Evidence::from_bytes(bytes).ok()?;
    if evidence.start != *start.start() {
        return None;
    }
    verify_evidence(evidence.clone(), anchor).ok()?;
    let Statement::Validators(newest) = evidence.statement else { return None };
    let mut walk = start.clone();
    walk.follow(evidence.changes.into_vec(), &newest.header).ok()?;
    Some(Remembered { walk, newest: *newest })
}
