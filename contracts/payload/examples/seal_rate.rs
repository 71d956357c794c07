//! How fast payloads are sealed and opened on one core, beside a bare copy and the bare cipher:
//! `cargo run -p inro-payload --example seal_rate`.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "a measurement needs a clock")]

use std::error::Error;
use std::io::{self, Cursor, Read, Write};
use std::time::Instant;

use inro_contracts::id::{ChainId, OrganisationId, RecordId, TransactionId};
use inro_payload::{
    Handover, MediaType, OneTimeSecret, Opener, Payload, SEGMENT_BYTES, Salt, SealedReader, SealingSecret, SegmentKey, digest,
};

const BYTES: usize = 1 << 30;

fn main() -> Result<(), Box<dyn Error>> {
    let bytes: Vec<u8> = (0..BYTES).map(|index| (index.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let mut copy = vec![0; SEGMENT_BYTES];
    rate("copy", || {
        bytes.chunks(SEGMENT_BYTES).for_each(|chunk| copy[..chunk.len()].copy_from_slice(std::hint::black_box(chunk)));
        Ok(())
    })?;
    let key = SegmentKey::new(&[1; 32], [0; 7]);
    rate("copy and cipher", || {
        for (index, chunk) in (0..).zip(bytes.chunks(SEGMENT_BYTES)) {
            copy.clear();
            copy.extend_from_slice(chunk);
            key.seal(index, false, b"", &mut copy, 0);
        }
        Ok(())
    })?;
    let mut outboard = Vec::new();
    let summary = rate("hash", || digest(&bytes[..], &mut outboard))?;

    let secret = OneTimeSecret::generate(&mut rand::rngs::OsRng);
    let handover = Handover {
        chain: ChainId([1; 32]),
        access: TransactionId([2; 32]),
        record: RecordId([3; 32]),
        custodian: OrganisationId([4; 32]),
        requester: OrganisationId([5; 32]),
        reply_key: secret.public(),
    };
    let payload = Payload {
        bytes: Cursor::new(&bytes),
        outboard: Cursor::new(outboard),
        salt: Salt([6; 32]),
        root: summary.root,
        length: summary.length,
        media_type: MediaType::unknown(),
    };
    let commitment = payload.commitment();
    let mut reader = SealedReader::new(payload, &handover, &SealingSecret::from_bytes([7; 32]))?;
    let mut sealed = vec![0; reader.sealed_length() as usize];
    rate("seal", || reader.read_exact(&mut sealed))?;
    let mut opener = Opener::new(secret, handover, commitment);
    rate("open", || {
        let pushed = sealed.chunks(SEGMENT_BYTES).try_for_each(|chunk| opener.push(chunk, &mut Nowhere).map(drop));
        pushed.map_err(io::Error::other)
    })?;
    opener.finish()?;
    Ok(())
}

fn rate<T>(what: &str, act: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let start = Instant::now();
    let result = act()?;
    println!("{what:16} {:6.2} GB/s", BYTES as f64 / start.elapsed().as_secs_f64() / 1e9);
    Ok(result)
}

struct Nowhere;

impl Write for Nowhere {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(std::hint::black_box(bytes).len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
