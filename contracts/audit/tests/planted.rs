//! Violations planted by a dishonest quorum, each sealed so well that only its own rule catches it; and by somebody without keys.

use std::collections::BTreeMap;

use inro_audit::export::Block;
use inro_audit::finding::Step;
use inro_audit::report::Report;
use inro_contracts::access::{AccessRequest, Basis, Reader};
use inro_contracts::account::AccountOpening;
use inro_contracts::bytes::{Canonical, List};
use inro_contracts::category::Categories;
use inro_contracts::entry::Entry;
use inro_contracts::fixture::{self, Consortium, FOUNDED, label, patient};
use inro_contracts::id::SealingKey;
use inro_contracts::key::SecretKey;
use inro_contracts::purpose::Purpose;
use inro_contracts::time::{Height, Time};
use inro_contracts::transaction::{Action, SignedTransaction};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::forgery::{Crime, Scribe, expected, forge, one_of_each};
use crate::ledger::{audited, audited_with_roots};

const MINUTE: u64 = 60_000;

/// What was found: height, and step.
fn found(report: &Report) -> Vec<(u64, Step)> {
    let mut found: Vec<_> = report.findings.listed.iter().map(|finding| (finding.height.0, finding.step)).collect();
    found.sort();
    found
}

/// A ledger in memory: each block opens an account and registers two records, some in an account that does not exist. From block 30 on
/// persons whose keys the facility keeps read, too: what is their own, and what is denied to them.
struct Small {
    consortium: Consortium,
    validators: Vec<SecretKey>,
    blocks: Vec<Block>,
}

impl Small {
    fn new(length: u64) -> Self {
        let consortium = Consortium::new(4);
        let validators: Vec<_> = consortium.organisations.iter().map(|member| member.validator.clone()).collect();
        let mut scribe = Scribe::at_founding(&consortium.document, &validators);
        let blocks = (1..=length)
            .map(|number| {
                let time = FOUNDED.plus_ms(number * MINUTE);
                let member = &consortium.organisations[0];
                let actions = [
                    consortium.account_opening(0, number),
                    consortium.register_record(0, fixture::label(number), number),
                    consortium.register_record(0, fixture::label(number + number % 3), number + 1_000),
                ];
                let void_after = time.plus_ms(5 * MINUTE);
                let signed = |action| consortium.verified(action, &member.practitioner, void_after);
                let mut transactions = actions.map(signed).to_vec();
                if number >= 30 && number % 2 == 0 {
                    let purpose = if number % 4 == 0 { Purpose::PatientRequest } else { Purpose::Treatment };
                    let person = 10_000 + number;
                    transactions.push(signed(custodial_opening(&consortium, person)));
                    transactions.push(consortium.verified(own_reading(person, purpose), &patient(person), void_after));
                }
                scribe.write(time, &transactions)
            })
            .collect();
        assert_eq!(scribe.ledger().tip().height, Height(length));
        Self { consortium, validators, blocks }
    }

    fn custodial(&self) -> usize {
        let outcomes = self.blocks.iter().flat_map(|block| &block.entries);
        outcomes.filter(|bytes| Entry::from_bytes(bytes).expect("it was written here").outcome.is_custodial()).count()
    }

    fn added(&self, time: Time) -> Box<SignedTransaction> {
        let action = self.consortium.register_record(0, fixture::label(1), 9_999);
        Box::new(self.consortium.sign(action, &self.consortium.organisations[0].practitioner, time.plus_ms(MINUTE)))
    }

    fn forged(&self, crimes: &BTreeMap<u64, Crime>) -> Vec<Block> {
        forge(&self.consortium.document, &self.validators, &self.blocks, crimes)
    }
}

fn custodial_opening(consortium: &Consortium, person: u64) -> Action {
    let (member, secret) = (&consortium.organisations[0], patient(person));
    let (custodian, first_key) = (member.id, secret.public());
    let agreed = AccountOpening { chain: consortium.chain, custodian, first_key, custodial: true };
    let (practitioner, agreement) = (member.practitioner_id, agreed.sign(&secret));
    Action::OpenAccount { practitioner, custodian, first_key, custodial: true, agreement }
}

fn own_reading(person: u64, purpose: Purpose) -> Action {
    Action::Access(AccessRequest {
        account: label(person),
        reader: Reader::Person,
        basis: Basis::Own,
        purpose,
        categories: Categories::ALL,
        records: List::default(),
        after: None,
        reply_key: SealingKey([9; 32]),
    })
}

#[test]
fn readings_with_keys_that_a_facility_keeps_are_counted_and_their_marks_are_replayed() {
    let small = Small::new(40);
    let report = audited(&small.consortium.document, small.blocks.clone(), false);
    assert!(report.is_clean, "{:?}", report.findings);
    assert_eq!((report.totals.custodial, small.custodial()), (6, 6));
    // Whoever takes such a mark away is found: of what was granted, and of what was denied.
    for height in [32, 30] {
        let crimes = BTreeMap::from([(height, Crime::CustodyHidden)]);
        let report = audited(&small.consortium.document, small.forged(&crimes), false);
        assert_eq!(found(&report), [(height, Step::Outcome)]);
    }
}

#[test]
fn a_sound_ledger_is_found_sound() {
    let small = Small::new(20);
    let mut roots = Vec::new();
    let report = audited_with_roots(&small.consortium.document, small.blocks.clone(), false, |_, root| roots.push(root));
    assert!(report.is_clean, "{:?}", report.findings);
    assert_eq!(roots, small.blocks.iter().map(|block| block.header.state_root).collect::<Vec<_>>());
    assert_eq!((report.totals.blocks, report.totals.entries), (20, 60));
    assert_eq!(report.totals.signatures, 20 * 4 + 20 * 4, "four votes a block; three transactions, one with an agreement");
}

#[test]
fn each_crime_alone_is_found_where_it_is_and_nothing_else_is() {
    let small = Small::new(40);
    for (height, crime) in one_of_each(5, &small.blocks, |time| small.added(time)) {
        let crimes = BTreeMap::from([(height, crime)]);
        let report = audited(&small.consortium.document, small.forged(&crimes), false);
        assert_eq!(found(&report), expected(&crimes), "{crimes:?}: {:?}", report.findings);
        assert!(!report.is_clean && report.unchecked.is_empty());
    }
}

#[test]
fn one_report_shows_all_planted_violations() {
    let small = Small::new(40);
    let crimes = one_of_each(5, &small.blocks, |time| small.added(time));
    assert!(crimes.len() >= 10);
    let report = audited(&small.consortium.document, small.forged(&crimes), false);
    assert_eq!(found(&report), expected(&crimes), "{:?}", report.findings);
    let indexes: Vec<_> = report.findings.listed.iter().filter_map(|finding| Some((finding.step, finding.index?))).collect();
    assert_eq!(indexes, [(Step::Outcome, 0), (Step::Signature, 0), (Step::Replayed, 3), (Step::Outcome, 4), (Step::Outcome, 4)]);
}

/// Without keys nothing can be sealed anew: whatever is altered in a copy disagrees with something that was signed.
#[test]
fn whatever_is_altered_in_a_copy_without_keys_is_found() {
    let small = Small::new(8);
    let mut rng = StdRng::seed_from_u64(4);
    for turn in 0..120 {
        let mut blocks = small.blocks.clone();
        let at = rng.gen_range(0..blocks.len());
        let entries = &mut blocks[at].entries;
        match turn % 6 {
            0 => drop(entries.remove(rng.gen_range(0..entries.len()))),
            1 => entries.swap(0, 1 + turn % 2),
            2 => {
                let (place, bit) = (rng.gen_range(0..entries.len()), rng.gen_range(0..8));
                let byte = rng.gen_range(0..entries[place].len());
                entries[place][byte] ^= 1 << bit;
            }
            3 => {
                let again = entries[0].clone();
                entries.push(again);
            }
            4 => blocks[at].header.time = Time(blocks[at].header.time.0 + 1 + turn as u64),
            // The last block can be left out: a shorter ledger was sound, and the export says how many there are.
            _ => drop(blocks.remove(rng.gen_range(0..small.blocks.len() - 1))),
        }
        let report = audited(&small.consortium.document, blocks, false);
        assert!(report.findings.total > 0, "turn {turn}, block {}", at + 1);
    }
}

#[test]
fn blocks_that_are_missing_are_named_and_the_rest_is_checked_as_far_as_it_can_be() {
    let small = Small::new(20);
    let mut blocks = small.forged(&BTreeMap::from([(15, Crime::BelowQuorum), (17, Crime::SignatureAltered)]));
    blocks.drain(8..10);
    let report = audited(&small.consortium.document, blocks, false);
    assert_eq!(found(&report), [(11, Step::Height), (15, Step::CertificateQuorum), (17, Step::Signature)]);
    assert_eq!(report.unchecked.len(), 1);
    assert_eq!(report.unchecked[0].from, Height(9));
    assert_eq!(report.as_of.height, Height(8), "the state is known up to there");
}
