//! `inro-node export`: writes a copy of the ledger, in the form of `docs/spec/export.md`, from the data folder of a node that does
//! not run, or from a copy of such a folder.
//!
//! What it refuses: to overwrite a file, and to leave half a file under the name that was asked for. It reads no key.

use std::fs::{self, OpenOptions};
use std::io::{self, BufWriter, IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressStyle};
use inro_audit::export::{Block, ExportFault, Writer};
use inro_contracts::bytes::Canonical;
use inro_contracts::genesis::GenesisDocument;
use inro_contracts::time::Height;

use crate::store::{Store, StoreError, StoreOptions};

/// Where standard output is meant.
const STANDARD_OUTPUT: &str = "-";

/// Why a ledger was not exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// No node's data.
    #[error("{0} holds no ledger: name the folder that stands as `data` in a node's configuration, or a copy of it")]
    NoLedger(PathBuf),
    /// Not everything is there.
    #[error(
        "{path} is pruned: it has whole blocks from {whole_from} on only (store.keep_blocks), so it can be neither exported nor audited \
         as a whole; take the data folder of a member that keeps everything"
    )]
    Pruned {
        /// The folder.
        path: PathBuf,
        /// The first block that is whole.
        whole_from: Height,
    },
    /// The file is there.
    #[error("{0} is there already, and is not overwritten: name another file")]
    Exists(PathBuf),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Writing.
    #[error("the export cannot be written: {0}")]
    Export(#[from] ExportFault),
    /// The file's system.
    #[error("{path} cannot be written: {why}")]
    System {
        /// The file.
        path: PathBuf,
        /// The system's words.
        why: io::Error,
    },
}

impl ExportError {
    /// Could the input not be understood, or not be found?
    pub fn is_bad_input(&self) -> bool {
        matches!(self, Self::NoLedger(_) | Self::Exists(_) | Self::Pruned { .. })
    }
}

/// Exports the ledger in a node's data folder to a new file, or to standard output if `to` is `-`. Says in a sentence what was
/// written.
pub fn export(data: &Path, to: &Path) -> Result<String, ExportError> {
    let ledger = [data.join("ledger"), data.to_owned()].into_iter().find(|folder| folder.join("FORMAT").is_file());
    let ledger = ledger.ok_or_else(|| ExportError::NoLedger(data.to_owned()))?;
    let to_standard_output = to.as_os_str() == STANDARD_OUTPUT;
    if !to_standard_output && to.exists() {
        return Err(ExportError::Exists(to.to_owned()));
    }
    // Nothing is written but what the database does when it opens.
    let store = Store::open(ledger, &StoreOptions { reserve_mib: 0, ..StoreOptions::default() })?;
    let whole_from = store.whole_from()?;
    if whole_from > Height(1) {
        return Err(ExportError::Pruned { path: data.to_owned(), whole_from });
    }
    let blocks = if to_standard_output { write(&store, io::stdout().lock())? } else { write_file(&store, to)? };
    Ok(format!("Exported {blocks} blocks of ledger {}.", store.chain()?.to_hex()))
}

/// Writes beside the file first: whoever finds the file finds the whole of it.
fn write_file(store: &Store, to: &Path) -> Result<u64, ExportError> {
    let mut name = to.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    let part = to.with_file_name(name);
    let failed = |why| ExportError::System { path: part.clone(), why };
    // Whoever can read it learns who was where in treatment, though no names.
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part).map_err(|why| match why.kind() {
        io::ErrorKind::AlreadyExists => ExportError::Exists(part.clone()),
        _ => failed(why),
    })?;
    let written = write(store, &file).and_then(|blocks| {
        file.sync_all().map_err(failed)?;
        if to.exists() {
            return Err(ExportError::Exists(to.to_owned()));
        }
        fs::rename(&part, to).map_err(|why| ExportError::System { path: to.to_owned(), why })?;
        Ok(blocks)
    });
    if written.is_err() {
        // Nobody can use the beginning of a copy.
        let _ = fs::remove_file(&part);
    }
    written
}

/// Writes the ledger as of its last block; returns how many blocks it has.
fn write(store: &Store, out: impl Write) -> Result<u64, ExportError> {
    let damaged = |what: &str| StoreError::Damaged { what: what.into() };
    let genesis = store.genesis()?.ok_or(StoreError::NotFounded)?;
    let document = GenesisDocument::from_bytes(&genesis).map_err(|_| damaged("the founding document does not parse"))?;
    let snapshot = store.snapshot()?;
    let blocks = snapshot.tip().height.0;
    let bar = progress(blocks);
    let mut writer = Writer::begin(BufWriter::with_capacity(1 << 20, out), &document, blocks)?;
    for height in 1..=blocks {
        let stored = snapshot.block(Height(height))?.ok_or_else(|| damaged("a block is missing"))?;
        writer.block(&Block { header: stored.header, certificate: stored.certificate, entries: stored.entries })?;
        bar.inc(1);
    }
    writer.end()?;
    bar.finish_and_clear();
    Ok(blocks)
}

/// A bar for so many blocks; nothing where nobody sees it.
fn progress(blocks: u64) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    // The template has no field that does not exist.
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {eta}");
    ProgressBar::new(blocks).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
