//! How long a complete history of 10,000 events takes to be verified from its file, natively and in a browser.

use std::process::{Command, Stdio};
use std::time::Instant;

use inro_contracts::account::Account;
use inro_contracts::bytes::{Canonical, List};
use inro_contracts::state::StateKey;
use inro_contracts::transaction::{ParsedTransaction, SignedTransaction};
use inro_evidence::{Anchor, Certified, Evidence, JournalStatement, Start, Statement, make};
use inro_genesis::ceremony;

use crate::bench::Options;
use crate::bench::report::{Report, progress};
use crate::cluster::{Cluster, Shape};
use crate::consortium::{label_of, patient};
use crate::forgery::Scribe;

const EVENTS: usize = 10_000;
/// Events of one block.
const BLOCK: usize = 100;
/// Time between two blocks.
const PACE_MS: u64 = 250;
const RUNS: usize = 21;

/// Measures both verifiers.
pub fn measure(report: &Report, options: &Options) -> bool {
    let natively = natively(report, options);
    natively & in_a_browser()
}

/// The file is read, the founding document is read and verified, then every step of the verifier is taken.
fn natively(report: &Report, _: &Options) -> bool {
    progress(&format!("writing a history of {EVENTS} events"));
    let cluster = Cluster::found(&Shape::default());
    let (file, genesis) = (cluster.folder().join("history.evidence"), cluster.folder().join("genesis.json"));
    let evidence = history(&cluster);
    std::fs::write(&file, &evidence).expect("the cluster's folder is writable");
    progress(&format!("verifying it, {RUNS} times"));
    let (mut times, mut sound) = (Vec::with_capacity(RUNS), true);
    for _ in 0..RUNS {
        let start = Instant::now();
        let document = ceremony::read_genesis(&genesis).expect("it was written");
        let founding = ceremony::verify(&document).expect("it is sound");
        let proved = inro_evidence::verify(&std::fs::read(&file).expect("it was written"), &Anchor::from(&founding));
        times.push(start.elapsed().as_secs_f64() * 1e3);
        sound &= proved.is_ok();
    }
    let note = format!(
        "a file of {:.1} MB with a journal of {EVENTS} events, read and verified from the founding document on, which is verified too",
        evidence.len() as f64 / 1e6
    );
    report.figures("evidence.verify_10k_ms_native", "ms", &times, &note);
    sound
}

/// The other verifier has a measurement of its own, which prints its line itself.
fn in_a_browser() -> bool {
    progress("the same in a browser");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/bench-browser");
    let ended = Command::new(script).stdin(Stdio::null()).status();
    let well = ended.is_ok_and(|status| status.success());
    if !well {
        progress("the browser's verifier could not be measured; run scripts/bench-browser to see why");
    }
    well
}

/// The history of an account with so many records, written by the founders of a cluster in memory, as a file.
fn history(cluster: &Cluster) -> Vec<u8> {
    let (consortium, person) = (&cluster.consortium, patient());
    let label = label_of(&person);
    let validators: Vec<_> = consortium.members.iter().filter_map(|member| member.validator.clone()).collect();
    let mut scribe = Scribe::at_founding(&consortium.document, &validators);
    let mut write = |transactions: &[SignedTransaction]| {
        let time = scribe.ledger().tip().time.plus_ms(PACE_MS);
        // They were signed here a moment ago.
        let checked = |signed: &SignedTransaction| ParsedTransaction::from(signed.clone()).with_claims_checked();
        scribe.write(time, &transactions.iter().map(checked).collect::<Vec<_>>())
    };
    let mut block = write(&[consortium.open_account(0, &person)]);
    let records: Vec<_> = (1..EVENTS).map(|_| consortium.register_record(0, label)).collect();
    for records in records.chunks(BLOCK) {
        block = write(records);
    }
    let (account, proof) = scribe.ledger().prove(&StateKey::Account(label)).expect("memory does not fail");
    let account = account.and_then(|bytes| Account::from_bytes(&bytes).ok()).expect("the account was opened");
    let head = Certified { header: block.header, certificate: block.certificate };
    let events = make::events(scribe.ledger(), &label).expect("a file holds so many");
    let statement = Statement::Journal(Box::new(JournalStatement { head, label, account, proof, events }));
    Evidence { chain: consortium.chain, start: Start::Genesis, changes: List::default(), statement }.to_bytes()
}
