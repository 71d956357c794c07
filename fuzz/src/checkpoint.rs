//! Any bytes as a checkpoint that witnesses signed: what is taken is written back the same, and can be asked for a signature.

#![no_main]

use inro_evidence::checkpoint::{SignedCheckpoint, VerifierKey};

/// The key that signed the seed.
const WITNESS: &str = "witness.example/w1+aa4a09d1+BOpKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs";

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(signed) = SignedCheckpoint::from_bytes(bytes) else { return };
    assert!(signed.to_string().as_bytes() == bytes, "another form of the same checkpoint was taken");
    let witness: VerifierKey = WITNESS.parse().expect("it is a witness's key");
    let _ = signed.cosigned_by(&witness);
});
