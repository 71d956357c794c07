//! Any bytes as an evidence file: the verifier returns, whatever they are, with no header believed and with every header believed.

#![no_main]

use inro_evidence::{Evidence, survives};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(evidence) = Evidence::from_bytes(bytes) {
        assert!(evidence.to_bytes() == bytes, "another form of the same file was taken");
    }
    survives(bytes);
});
