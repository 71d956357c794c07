//! The receipt of an access: kept beside its payloads, so that whoever reads them can show for ever that the ledger let them.

use std::path::PathBuf;

use inro_client::desk::Desk;
use inro_client::evidence::check_receipt;
use inro_client::transfer::Shelf;
use inro_contracts::id::TransactionId;
use inro_evidence::FILE_BYTES_MAX;
use inro_genesis::files::{self, Audience};

use crate::fault::Fault;
use crate::output::Console;
use crate::words::Word;

/// Keeps the receipt of an access in the folder of its payloads, and gives its file and the line that says so. Where the
/// ledger is known, by its founding document or its id, it is verified before it is kept. One that lies there already is looked at and
/// stays.
pub async fn keep(console: &Console, desk: &Desk, shelf: &Shelf, access: &TransactionId) -> Result<(PathBuf, String), Fault> {
    let path = shelf.beside(&format!("{}.receipt.inro", access.to_hex()));
    let kept = path.exists();
    let bytes = match kept {
        true => files::read(&path, FILE_BYTES_MAX as u64, Audience::Owner)?.to_vec(),
        false => desk.receipt(access).await?,
    };
    let founding = desk.node().light().await.map(|light| light.founding());
    check_receipt(&bytes, access, founding.as_deref())?;
    if !kept {
        files::create(&path, &bytes, Audience::Owner)?;
    }
    let word = if founding.is_some() { Word::ReceiptVerified } else { Word::ReceiptUnverified };
    let line = console.say(word, &[&path.display()]);
    Ok((path, line))
}
