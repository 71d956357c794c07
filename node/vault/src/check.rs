//! The integrity sweep: every record is read to its end and hashed again.

use std::io::{self, Read, Write};

use inro_contracts::id::{Label, RecordId};
use inro_payload::TreeBuilder;

use crate::error::VaultError;
use crate::keys::DataKey;
use crate::names::Name;
use crate::object::RecordReader;
use crate::objects::{Part, blocking};
use crate::open::{OpenRecord, read_fault};
use crate::vault::Vault;

/// How many faults are listed; more are counted.
pub const FAULTS_MAX: usize = 1_000;
const READ_BYTES: usize = 256 * 1024;

/// What an integrity sweep found.
#[derive(Debug, Default)]
pub struct CheckReport {
    /// How many records were read.
    pub records: u64,
    /// How many payload bytes they have.
    pub bytes: u64,
    /// The first [`FAULTS_MAX`] faults.
    pub faults: Vec<Fault>,
    /// How many faults there are.
    pub faults_count: u64,
}

/// What is wrong with a record.
#[derive(Debug)]
pub struct Fault {
    /// Whose it is and which; absent if its key file does not open.
    pub record: Option<(Label, RecordId)>,
    /// What is wrong.
    pub error: VaultError,
}

impl CheckReport {
    fn note(&mut self, record: Option<(Label, RecordId)>, error: VaultError) {
        self.faults_count += 1;
        if self.faults.len() < FAULTS_MAX {
            self.faults.push(Fault { record, error });
        }
    }
}

impl Vault {
    /// Reads every record to its end: keys, descriptions, payloads, hash trees. `progress` hears the report so far after each
    /// record. A record that is erased meanwhile is no fault.
    pub async fn check(&self, mut progress: impl FnMut(&CheckReport)) -> Result<CheckReport, VaultError> {
        let mut report = CheckReport::default();
        let inner = self.0.clone();
        for folder in blocking(move || inner.keys.folders()).await? {
            for path in blocking(move || crate::files::list(&folder)).await? {
                let Some(name) = Name::of_file(&path) else { continue };
                let inner = self.0.clone();
                match blocking(move || inner.keys.data_key(&name)).await {
                    Ok(Some(key)) => self.check_record(name, key, &mut report).await,
                    Ok(None) => continue,
                    Err(error) => report.note(None, error),
                }
                progress(&report);
            }
        }
        Ok(report)
    }

    async fn check_record(&self, name: Name, key: DataKey, report: &mut CheckReport) {
        let whose = (key.label, key.record);
        report.records += 1;
        let read = match self.open_with(name, key).await {
            Ok(record) => read_all(&record).await,
            Err(error) => Err(error),
        };
        match read {
            Ok(bytes) => report.bytes += bytes,
            Err(error) => {
                let inner = self.0.clone();
                let still_there = blocking(move || inner.keys.has_key(&name)).await.unwrap_or(true);
                if still_there {
                    report.note(Some(whose), error);
                }
            }
        }
    }
}

async fn read_all(record: &OpenRecord) -> Result<u64, VaultError> {
    let (mut payload, outboard) = (record.payload().await?, record.outboard().await?);
    let (root, length) = (record.about().root, record.about().length);
    blocking(move || {
        let (mut tree, mut buffer) = (TreeBuilder::new(), vec![0; READ_BYTES]);
        let mut outboard = Same { stored: outboard, buffer: Vec::new() };
        loop {
            let count = payload.read(&mut buffer).map_err(read_fault)?;
            if count == 0 {
                break;
            }
            tree.push(&buffer[..count], &mut outboard).map_err(read_fault)?;
        }
        let digest = tree.finish(&mut outboard).map_err(read_fault)?;
        // Nothing is left; of an empty one, this reads its only segment.
        io::copy(&mut outboard.stored, &mut io::sink()).map_err(read_fault)?;
        let same = digest.root == root && digest.length == length;
        if same { Ok(length) } else { Err(VaultError::Damaged { what: Part::Payload.what() }) }
    })
    .await
}

/// Compares what is written with what is stored.
struct Same {
    stored: RecordReader,
    buffer: Vec<u8>,
}

impl Write for Same {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.resize(bytes.len(), 0);
        self.stored.read_exact(&mut self.buffer)?;
        if self.buffer != bytes {
            return Err(io::Error::new(io::ErrorKind::InvalidData, VaultError::Damaged { what: Part::Outboard.what() }));
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
