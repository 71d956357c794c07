//! Tests of the public face of `inro-contracts`, in one program. Each file proves one part of the ledger's definition.

mod certificates;
mod decoding;
mod genesis;
mod golden;
mod histories;
mod history;
mod journals;
mod machine;
mod merkle;
mod model;
mod pages;
mod samples;
mod signatures;
mod tree;
