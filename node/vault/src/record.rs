//! What the vault knows of a record besides its payload.

use std::fmt;
use std::io::{self, Read, Write};

use borsh::{BorshDeserialize, BorshSerialize};
use inro_contracts::category::Category;
use inro_contracts::id::{Commitment, Label, RecordId};
use inro_contracts::record::{ProviderFlags, RecordManifest};
use inro_contracts::time::Time;
use inro_payload::{MediaType, Root, Salt, commitment};
use serde_json::Value;

use crate::error::VaultError;

/// The most bytes of a description's details, as JSON.
pub const DETAILS_BYTES_MAX: usize = 64 * 1024;

/// What the node says of a record when it stages it.
#[derive(Clone, PartialEq)]
pub struct Description {
    /// Whose it is.
    pub label: Label,
    /// What it holds.
    pub category: Category,
    /// The provider's flags at registration.
    pub flags: ProviderFlags,
    /// What kind of bytes it is.
    pub media_type: MediaType,
    /// Whatever else the node wants to find again: at most [`DETAILS_BYTES_MAX`] as JSON.
    pub details: Value,
}

/// What the vault knows of a record; encrypted at rest like its payload.
#[derive(Clone, PartialEq, BorshSerialize, BorshDeserialize)]
pub struct About {
    /// The record's id.
    pub record: RecordId,
    /// What the node said of it.
    pub description: Description,
    /// The commitment's salt.
    pub salt: Salt,
    /// The BLAKE3 hash of the payload.
    pub root: Root,
    /// The payload's length in bytes.
    pub length: u64,
    /// When it was staged.
    pub staged: Time,
}

impl Description {
    pub(crate) fn check(&self) -> Result<(), VaultError> {
        let text = self.details.to_string();
        if text.len() > DETAILS_BYTES_MAX {
            return Err(VaultError::DetailsTooLong(text.len()));
        }
        // What would not be read back is refused now: values nested deeper than a reader goes.
        serde_json::from_str::<Value>(&text).map(drop).map_err(|_| VaultError::DetailsTooDeep)
    }
}

impl About {
    /// What the ledger knows of the payload.
    pub fn commitment(&self) -> Commitment {
        commitment(&self.salt, &self.root, self.length)
    }

    /// What the registration on the ledger says.
    pub fn manifest(&self) -> RecordManifest {
        RecordManifest {
            id: self.record,
            category: self.description.category,
            commitment: self.commitment(),
            size: self.length,
            flags: self.description.flags,
        }
    }
}

impl BorshSerialize for Description {
    fn serialize<W: Write>(&self, writer: &mut W) -> io::Result<()> {
        (self.label, self.category, self.flags, &self.media_type, self.details.to_string()).serialize(writer)
    }
}

impl BorshDeserialize for Description {
    fn deserialize_reader<R: Read>(reader: &mut R) -> io::Result<Self> {
        let (label, category, flags, media_type, details): (_, _, _, _, String) = BorshDeserialize::deserialize_reader(reader)?;
        let details = serde_json::from_str(&details)?;
        Ok(Self { label, category, flags, media_type, details })
    }
}

impl fmt::Debug for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Description(…)")
    }
}

impl fmt::Debug for About {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("About(…)")
    }
}
