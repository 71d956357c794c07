//! What the tests share: payloads, one handover, and both ends of it.

use std::io::{Cursor, Read};

use inro_contracts::id::{ChainId, OrganisationId, RecordId, TransactionId};
use inro_payload::{Handover, OneTimeSecret, OpenError, Opened, Opener, Payload, Salt, SealedReader, SealingSecret, digest};

pub type Bytes = Cursor<Vec<u8>>;
pub const GROUP: usize = inro_payload::GROUP_BYTES;

pub fn reader_secret() -> OneTimeSecret {
    OneTimeSecret::from_bytes([3; 32])
}

pub fn vault_secret() -> SealingSecret {
    SealingSecret::from_bytes([4; 32])
}

pub fn handover() -> Handover {
    Handover {
        chain: ChainId([10; 32]),
        access: TransactionId([11; 32]),
        record: RecordId([12; 32]),
        custodian: OrganisationId([13; 32]),
        requester: OrganisationId([14; 32]),
        reply_key: reader_secret().public(),
    }
}

/// Bytes that differ everywhere.
pub fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|index| (index.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

pub fn payload(bytes: Vec<u8>) -> Payload<Bytes, Bytes> {
    let mut outboard = Vec::new();
    let digest = digest(&bytes[..], &mut outboard).unwrap();
    Payload {
        bytes: Cursor::new(bytes),
        outboard: Cursor::new(outboard),
        salt: Salt([5; 32]),
        root: digest.root,
        length: digest.length,
        media_type: "text/plain".parse().unwrap(),
    }
}

pub fn sealer(payload: Payload<Bytes, Bytes>) -> SealedReader<Bytes, Bytes> {
    SealedReader::new(payload, &handover(), &vault_secret()).unwrap()
}

pub fn seal(payload: Payload<Bytes, Bytes>) -> Vec<u8> {
    let mut sealed = Vec::new();
    sealer(payload).read_to_end(&mut sealed).unwrap();
    sealed
}

pub fn opener(payload: &Payload<Bytes, Bytes>) -> Opener {
    Opener::new(reader_secret(), handover(), payload.commitment())
}

/// Everything in one piece, what came out beside the verdict.
pub fn open(mut opener: Opener, sealed: &[u8]) -> (Result<Opened, OpenError>, Vec<u8>) {
    let mut out = Vec::new();
    let pushed = opener.push(sealed, &mut out);
    (pushed.and_then(|_| opener.finish()), out)
}
