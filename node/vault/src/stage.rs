//! Writing a record.
//!
//! Order, so that a crash anywhere leaves nothing visible or all of it: the staged mark; payload and hash tree, encrypted, while
//! they pass by; the description; all of it durable; last the data key, at once. Before that the key is in memory only, so
//! leftovers open for nobody, and the mark tells the next start where they are.

use std::sync::Arc;

use inro_contracts::id::RecordId;
use inro_contracts::record::RecordManifest;
use inro_contracts::time::Time;
use inro_payload::{PayloadDigest, Salt, TreeBuilder};
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::error::VaultError;
use crate::keys::{DataKey, StagedMark, random};
use crate::names::Name;
use crate::object::ObjectWriter;
use crate::objects::{Part, blocking};
use crate::record::{About, Description};
use crate::vault::{UnderWay, Vault};

/// How much of a payload is read at once.
const READ_BYTES: usize = 256 * 1024;

impl Vault {
    /// Writes a record and says what the ledger must be told: its random id, its salted commitment, its size. It can be opened
    /// after [`Vault::keep`]. Of a payload that cannot be read to its end nothing stays.
    pub async fn stage(
        &self,
        description: Description,
        payload: impl AsyncRead + Unpin,
        now: Time,
    ) -> Result<RecordManifest, VaultError> {
        description.check()?;
        let key = DataKey::generate(description.label, RecordId(random()));
        let name = self.0.keys.name(&key.label, &key.record);
        // Held by whatever may still write when the caller has stopped waiting, so that no purge comes between.
        let under_way = Arc::new(self.0.begin(name));
        let (inner, held) = (self.0.clone(), under_way.clone());
        blocking(move || inner.keys.mark_staged(&name, StagedMark { since: now }).map(|()| drop(held))).await?;
        let written = self.write(under_way, key, description, payload, now).await;
        if written.is_err() {
            // If this fails too, the mark stays, and a purge or the next start does it.
            let _ = self.remove_staged(name).await;
        }
        written
    }

    async fn write(
        &self,
        under_way: Arc<UnderWay>,
        key: DataKey,
        description: Description,
        payload: impl AsyncRead + Unpin,
        now: Time,
    ) -> Result<RecordManifest, VaultError> {
        let name = &under_way.name();
        let PayloadDigest { root, length } = self.write_payload(name, &key, payload).await?;
        let about = About { record: key.record, description, salt: Salt(random()), root, length, staged: now };
        let mut writer = ObjectWriter::new(&self.0.objects, &key, name, Part::About);
        // Writing into memory does not fail, and the details are bounded.
        writer.write(&borsh::to_vec(&about).expect("memory takes a short description")).await?;
        writer.finish().await?;
        self.0.objects.sync(name).await?;
        let inner = self.0.clone();
        blocking(move || inner.keys.keep(&under_way.name(), &key)).await?;
        Ok(about.manifest())
    }

    async fn write_payload(
        &self,
        name: &Name,
        key: &DataKey,
        payload: impl AsyncRead + Unpin,
    ) -> Result<PayloadDigest, VaultError> {
        let mut writers = [Part::Payload, Part::Outboard].map(|part| ObjectWriter::new(&self.0.objects, key, name, part));
        let written = copy(payload, &mut writers).await;
        if written.is_err() {
            for writer in &mut writers {
                writer.abandon().await;
            }
        }
        written
    }
}

/// Hashes and writes the payload while it passes by.
async fn copy(
    mut payload: impl AsyncRead + Unpin,
    [bytes_writer, outboard_writer]: &mut [ObjectWriter; 2],
) -> Result<PayloadDigest, VaultError> {
    let (mut tree, mut outboard, mut buffer) = (TreeBuilder::new(), Vec::new(), vec![0; READ_BYTES]);
    loop {
        let count = payload.read(&mut buffer).await.map_err(VaultError::Input)?;
        if count == 0 {
            break;
        }
        tree.push(&buffer[..count], &mut outboard).map_err(VaultError::Input)?;
        bytes_writer.write(&buffer[..count]).await?;
        outboard_writer.write(&outboard).await?;
        outboard.clear();
    }
    let digest = tree.finish(&mut outboard).map_err(VaultError::Input)?;
    outboard_writer.write(&outboard).await?;
    bytes_writer.finish().await?;
    outboard_writer.finish().await?;
    Ok(digest)
}
