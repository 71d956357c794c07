//! The founding of a ledger: keys at rest ([`keyfile`]), what each organisation declares and signs at home, and the document
//! that joins the declarations ([`ceremony`]).
//!
//! What it refuses to do: to write a secret anywhere but into an encrypted key file, to overwrite a file, and to join what does
//! not verify.

pub mod ceremony;
pub mod files;
pub mod keyfile;
pub mod licence;
