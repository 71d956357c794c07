//! Every derivation and every encryption of this crate begins with one of these; none is used twice. The list is append-only.

/// The key that wraps the vault's own secrets, from the facility's key file.
pub const FACILITY: &[u8] = b"inro/1/vault-facility-key";
/// The wrapped secrets of the vault.
pub const MASTER: &[u8] = b"inro/1/vault-master";
/// A record's wrapped data key.
pub const DATA_KEY: &[u8] = b"inro/1/vault-data-key";
/// A mark that a record is staged.
pub const STAGED: &[u8] = b"inro/1/vault-staged";
/// A mark that a record was erased.
pub const ERASED: &[u8] = b"inro/1/vault-erased";
/// An object's key, from its record's data key.
pub const OBJECT: &[u8] = b"inro/1/vault-object";
/// An account's name in the vault.
pub const ACCOUNT_NAME: &[u8] = b"inro/1/vault-account";
/// A record's name in the vault.
pub const RECORD_NAME: &[u8] = b"inro/1/vault-record";
