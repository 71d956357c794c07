//! Nodes that lie about what is on the ledger (`inro_tests::liars`), against the programs that people use: `inro verify` is given their
//! files, `inro` asks them over HTTP. The library's and the browser's verifier catch the same lies in `contracts/evidence/tests` and
//! `scripts/test-browser`.

mod files;
mod forks;
mod served;
mod stage;

// What the small ledger of the tests of evidence names.
pub use inro_tests::liars::Stock;
