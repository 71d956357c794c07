//! The form of a copy: it is read back as it was written, and a copy that is not whole is never taken for one.

use inro_audit::export::{Block, ExportFault, Reader, Writer};
use inro_contracts::fixture;
use proptest::prelude::*;

use crate::ledger::Ledger;

fn small() -> Ledger {
    let mut ledger = Ledger::new();
    for number in 0..3 {
        let secret = ledger.consortium.organisations[0].practitioner.clone();
        ledger.act(ledger.consortium.account_opening(0, number), &secret);
        ledger.act(ledger.consortium.register_record(0, fixture::label(number), number), &secret);
        ledger.block(1_000);
    }
    ledger.block(15_000);
    ledger
}

fn written(ledger: &Ledger) -> Vec<u8> {
    let mut writer = Writer::begin(Vec::new(), &ledger.consortium.document, ledger.blocks.len() as u64).unwrap();
    for block in &ledger.blocks {
        writer.block(block).unwrap();
    }
    writer.end().unwrap()
}

fn read(bytes: &[u8]) -> Result<Vec<Block>, ExportFault> {
    Reader::begin(bytes)?.collect()
}

#[test]
fn what_is_written_is_read_back() {
    let ledger = small();
    let bytes = written(&ledger);
    let mut reader = Reader::begin(bytes.as_slice()).unwrap();
    assert_eq!(reader.document(), &ledger.consortium.document);
    assert_eq!(reader.blocks(), 4);
    let blocks: Vec<Block> = reader.by_ref().collect::<Result<_, _>>().unwrap();
    assert_eq!(blocks, ledger.blocks);
    assert_eq!(reader.bytes(), bytes.len() as u64);
}

#[test]
fn a_copy_that_is_cut_off_anywhere_is_not_a_whole_one() {
    let bytes = written(&small());
    for length in 0..bytes.len() {
        match read(&bytes[..length]) {
            Err(ExportFault::Truncated { after, .. }) => assert!(after <= 4),
            Err(ExportFault::NotAnExport) => assert!(length < 16),
            other => panic!("cut at {length}: {other:?}"),
        }
    }
}

#[test]
fn a_byte_that_is_changed_anywhere_is_noticed() {
    let bytes = written(&small());
    for place in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[place] ^= 0x10;
        assert!(read(&damaged).is_err(), "byte {place}");
    }
    let longer = [bytes.as_slice(), &[0]].concat();
    assert!(matches!(read(&longer), Err(ExportFault::Malformed { .. })));
}

#[test]
fn an_export_has_the_blocks_that_it_was_begun_with() {
    let ledger = small();
    let mut writer = Writer::begin(Vec::new(), &ledger.consortium.document, 1).unwrap();
    writer.block(&ledger.blocks[0]).unwrap();
    assert!(writer.block(&ledger.blocks[1]).is_err());
    let writer = Writer::begin(Vec::new(), &ledger.consortium.document, 1).unwrap();
    assert!(matches!(writer.end(), Err(ExportFault::Truncated { after: 0, blocks: 1 })));
}

/// One part as it stands in the file, with a check that is right.
fn part(file: &mut Vec<u8>, kind: u8, body: &[u8]) {
    file.push(kind);
    file.extend_from_slice(&(body.len() as u32).to_le_bytes());
    file.extend_from_slice(body);
    let check = crc32fast::hash(file);
    file.extend_from_slice(&check.to_le_bytes());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_are_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(read(&bytes).is_err());
        let begun = [b"inro/export\n\x01\0\0\0".as_slice(), &bytes].concat();
        prop_assert!(read(&begun).is_err());
    }

    /// Behind a right check anything may stand.
    #[test]
    fn parts_with_arbitrary_bodies_are_refused_without_a_panic(
        bodies in prop::collection::vec((1u8..5, prop::collection::vec(any::<u8>(), 0..600)), 1..4),
        cut in 0usize..2_000,
    ) {
        let whole = written(&small());
        let mut file = whole[..16].to_vec();
        let founding = u32::from_le_bytes(whole[17..21].try_into().unwrap()) as usize;
        part(&mut file, 1, &whole[21..21 + founding]);
        // The beginning of a real block, and then something else.
        let start = 21 + founding + 4 + 5;
        let real = &whole[start..start + cut.min(whole.len() - start)];
        for (kind, body) in bodies {
            part(&mut file, kind, &[real, &body].concat());
        }
        prop_assert!(read(&file).is_err());
    }
}
