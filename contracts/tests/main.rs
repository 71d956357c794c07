//! Tests of the public face of `inro-contracts`, in one program. Each file proves one part of the ledger's definition.

mod certificates;
mod consent_histories;
mod consent_model;
mod consent_rules;
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
mod patients_word;
mod samples;
mod signatures;
mod story;
mod tree;
