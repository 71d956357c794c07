//! Copies that somebody made to break the audit: whatever stands in them, there is a report.

use inro_contracts::bytes::List;
use inro_contracts::fixture;
use inro_contracts::id::{BlockId, ChainId, Hash};
use inro_contracts::key::{PublicKey, Signature};
use inro_contracts::time::{Height, Time};
use proptest::prelude::*;

use crate::ledger::{Ledger, audited};

fn small() -> Ledger {
    let mut ledger = Ledger::new();
    for number in 0..5 {
        let secret = ledger.consortium.organisations[0].practitioner.clone();
        ledger.act(ledger.consortium.account_opening(0, number), &secret);
        ledger.act(ledger.consortium.register_record(0, fixture::label(number), number), &secret);
        ledger.block(1_000);
    }
    ledger
}

fn edge() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), Just(1), Just(u64::MAX), Just(u64::MAX - 1), 0u64..12, any::<u64>()]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn any_header_certificate_and_entries_give_a_report(
        blows in prop::collection::vec((0usize..5, 0u8..16, edge(), prop::collection::vec(any::<u8>(), 0..300)), 1..6),
    ) {
        let ledger = small();
        let mut blocks = ledger.blocks.clone();
        for (at, kind, number, bytes) in blows {
            let at = at % blocks.len();
            let block = &mut blocks[at];
            let hash = Hash([number as u8; 32]);
            match kind {
                0 => block.header.height = Height(number),
                1 => block.header.time = Time(number),
                2 => block.header.chain = ChainId(hash.0),
                3 => block.header.parent = BlockId(hash.0),
                4 => block.header.entries = number as u32,
                5 => block.header.validators = hash,
                6 => block.header.next_validators = hash,
                7 => block.header.proposer = PublicKey(hash.0),
                8 => block.certificate.height = Height(number),
                9 => block.certificate.signatures = List::default(),
                10 => {
                    let mut parts = block.certificate.signatures.to_vec();
                    if let Some(part) = parts.first_mut() {
                        part.signature = Signature([number as u8; 64]);
                    }
                    parts.reverse();
                    block.certificate.signatures = List::new(parts).unwrap();
                }
                11 => block.entries.push(bytes),
                12 => block.entries = vec![bytes; (number % 4) as usize],
                13 => {
                    if let (Some(entry), Some(place)) = (block.entries.first_mut(), number.checked_rem(300)) {
                        let place = place as usize % entry.len().max(1);
                        entry.truncate(place);
                    }
                }
                14 => {
                    let again = blocks[at].clone();
                    blocks.insert(at, again);
                }
                _ => drop(blocks.remove(at)),
            }
            if blocks.is_empty() {
                break;
            }
        }
        let untouched = blocks == ledger.blocks[..blocks.len().min(ledger.blocks.len())];
        let report = audited(&ledger.consortium.document, blocks, true);
        prop_assert_eq!(report.is_clean, untouched, "{:?}", report.findings);
    }
}

#[test]
fn a_block_larger_than_allowed_is_named_and_the_ledger_goes_on_without_it() {
    let mut ledger = small();
    let limit = inro_contracts::parameters::Parameters::default().block_transactions_max as usize;
    let entry = ledger.blocks[2].entries[0].clone();
    let mut many = Vec::with_capacity(limit + 1);
    let action = ledger.consortium.register_record(0, fixture::label(0), 1);
    let secret = ledger.consortium.organisations[0].practitioner.clone();
    for nonce in 0..=limit as u64 {
        let void_after = ledger.blocks[2].header.time.plus_ms(60_000);
        let signed = ledger.consortium.sign_with_nonce(action.clone(), &secret, void_after, nonce);
        let outcome = inro_contracts::entry::Outcome::Applied;
        many.push(inro_contracts::bytes::encode(&inro_contracts::entry::Entry { transaction: signed, outcome }));
    }
    assert_ne!(many[0], entry);
    ledger.blocks[2].entries = many;
    let report = ledger.audited(false);
    let steps: Vec<_> = report.findings.listed.iter().map(|finding| finding.step.word()).collect();
    assert!(steps.contains(&"size"), "{steps:?}");
    assert_eq!(report.unchecked.len(), 1);
    assert_eq!(report.as_of.height, Height(5));
}
