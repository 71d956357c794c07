//! What is staged: looking at it before the ledger shows it, and giving it up.

use inro_contracts::id::{Label, RecordId};
use inro_contracts::time::Time;

use crate::error::VaultError;
use crate::objects::blocking;
use crate::open::OpenRecord;
use crate::vault::Vault;

impl Vault {
    /// All records that were staged and not kept, with the time when each was; those that are being written are not among them.
    pub async fn staged(&self) -> Result<Vec<(Label, RecordId, Time)>, VaultError> {
        let inner = self.0.clone();
        blocking(move || {
            let mut staged = Vec::new();
            for name in inner.keys.all_staged()? {
                // Kept, or given up, since the names were listed.
                let (Some(mark), Some(key)) = (inner.keys.staged(&name)?, inner.keys.data_key(&name)?) else { continue };
                staged.push((key.label, key.record, mark.since));
            }
            Ok(staged)
        })
        .await
    }

    /// Opens a record for whoever staged it, before it is kept too.
    pub async fn open_staged(&self, label: Label, record: RecordId) -> Result<OpenRecord, VaultError> {
        let inner = self.0.clone();
        let (name, key) = blocking(move || {
            let name = inner.keys.name(&label, &record);
            let key = inner.data_key(&name)?;
            Ok((name, key))
        })
        .await?;
        self.open_with(name, key).await
    }

    /// Gives up a record that was staged and not kept: destroys its key and its bytes. A kept one stays.
    pub async fn discard(&self, label: Label, record: RecordId) -> Result<(), VaultError> {
        let inner = self.0.clone();
        let staged = blocking(move || {
            let name = inner.keys.name(&label, &record);
            Ok(inner.keys.staged(&name)?.map(|_| name))
        })
        .await?;
        match staged {
            Some(name) => self.remove_staged(name).await,
            None => Ok(()),
        }
    }
}
