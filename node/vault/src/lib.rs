//! A custodian's vault: where the payloads lie that never go onto the ledger (rule X-6).
//!
//! What it refuses to do: to write one readable byte of a record, to name a file after anybody, to hold a large payload in
//! memory, to show a record that is only half there, and to open one whose key was destroyed.
//!
//! # What lies where
//!
//! ```text
//! FOLDER/lock                      one program at a time
//! FOLDER/vault                     the vault's own secrets, wrapped by the facility's key
//! FOLDER/keys/AAAA/ACCOUNT-RECORD  a record's data key, its label and its id, wrapped by the vault's wrapping key
//! FOLDER/staged/ACCOUNT-RECORD     a record that the ledger does not show yet, or that was not written to its end
//! FOLDER/erased/ACCOUNT-RECORD     a record whose key was destroyed; it stays destroyed if a backup brings the key back
//! STORE/RR/RECORD/payload          the payload, in segments of 64 KiB under a key of its own
//! STORE/RR/RECORD/outboard         its hash tree, likewise
//! STORE/RR/RECORD/about            what the node knows of it, likewise
//! ```
//!
//! `FOLDER` is local; `STORE` is a local folder or an S3-compatible bucket. ACCOUNT and RECORD are keyed digests of label and
//! record id; so nothing that a patient, a clinician or a peer says can become part of a path. The store sees one digest per
//! record and does not see which records are of one account.
//!
//! # One record's life
//!
//! [`Vault::stage`] writes it and says what the ledger must be told; [`Vault::keep`] is called when the ledger shows the
//! registration; [`Vault::open_record`] reads it; [`Vault::erase`] destroys its key, then its bytes, and checks that nothing opens any
//! more. A record's key file is written last and at once, so a program that is killed leaves a complete record or leftovers that
//! the next start removes.
//!
//! # Keys and backups
//!
//! A copy of `STORE` alone never opens: the keys are in `FOLDER`. A copy of `FOLDER` opens only with the facility's key. So
//! backups of `STORE` may be kept for long; a record that was erased stays closed in all of them. Backups of `FOLDER` hold wrapped
//! keys: keep them short, and after erasures that must reach them too give the facility a new key with [`Vault::rotate`] and
//! destroy the old one.

mod check;
mod erase;
mod error;
mod facility;
mod files;
mod keys;
mod names;
mod object;
mod objects;
mod open;
mod record;
mod settings;
mod stage;
mod staged;
mod tags;
mod vault;

pub use check::{CheckReport, FAULTS_MAX, Fault};
pub use erase::{ErasedObject, ErasureChecks, ErasureProof};
pub use error::VaultError;
pub use facility::FacilityKey;
pub use object::RecordReader;
pub use open::OpenRecord;
pub use record::{About, DETAILS_BYTES_MAX, Description};
pub use settings::{Settings, StoreSettings};
pub use vault::{Held, Standing, Vault};
