//! The receipt of an access or of a consult: kept beside what was read, so that whoever reads it can show for ever that the ledger let
//! them.

use std::path::{Path, PathBuf};

use inro_client::ClientError;
use inro_client::desk::Desk;
use inro_client::evidence::check_receipt;
use inro_contracts::id::{ConsultId, TransactionId};
use inro_evidence::FILE_BYTES_MAX;
use inro_genesis::files::{self, Audience};

use crate::fault::Fault;
use crate::output::Console;
use crate::words::Word;

/// What a receipt is of.
#[derive(Debug, Clone, Copy)]
pub enum Receipted {
    Access(TransactionId),
    Consult(ConsultId),
}

impl Receipted {
    /// The transaction that the receipt proves.
    fn id(self) -> TransactionId {
        match self {
            Self::Access(id) => id,
            Self::Consult(id) => TransactionId(id.0),
        }
    }

    async fn ask(self, desk: &Desk) -> Result<Vec<u8>, ClientError> {
        match self {
            Self::Access(id) => desk.receipt(&id).await,
            Self::Consult(id) => desk.consult_receipt(&id).await,
        }
    }
}

/// Keeps a receipt in the folder of what it let be read, and gives its file and the line that says so. Where the ledger is known, by
/// its founding document or its id, it is verified before it is kept. One that lies there already is looked at and stays.
pub async fn keep(console: &Console, desk: &Desk, folder: &Path, of: Receipted) -> Result<(PathBuf, String), Fault> {
    let path = folder.join(format!("{}.receipt.inro", of.id().to_hex()));
    let kept = path.exists();
    let bytes = match kept {
        true => files::read(&path, FILE_BYTES_MAX as u64, Audience::Owner)?.to_vec(),
        false => of.ask(desk).await?,
    };
    let founding = desk.node().light().await.map(|light| light.founding());
    check_receipt(&bytes, &of.id(), founding.as_deref())?;
    if !kept {
        files::create(&path, &bytes, Audience::Owner)?;
    }
    let word = if founding.is_some() { Word::ReceiptVerified } else { Word::ReceiptUnverified };
    let line = console.say(word, &[&path.display()]);
    Ok((path, line))
}
