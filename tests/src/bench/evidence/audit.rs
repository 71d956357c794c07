//! The audit of a whole ledger: entries a second, over the signatures that all cores could check in that time if there were nothing
//! else to do. The copy is read, every signature checked, every transaction replayed, every root compared.

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use inro_audit::Options as AuditOptions;
use inro_audit::export::{Reader, Writer};
use inro_contracts::transaction::{ParsedTransaction, VerifiedTransaction};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::bench::Options;
use crate::bench::ceiling::Ceiling;
use crate::bench::people::{People, Ready};
use crate::bench::report::{Report, median, progress};
use crate::cluster::{Cluster, Shape};
use crate::forgery::Scribe;

/// Records on the ledger that is audited, and how many of them stand in a block: as many as under load.
const RECORDS: usize = 100_000;
const RECORDS_QUICK: usize = 30_000;
const BLOCK: usize = 2_000;
/// Time between two blocks.
const PACE_MS: u64 = 250;
const CEILING: Duration = Duration::from_secs(2);

/// Measures the audit of a ledger that the founders of a cluster write in memory.
pub fn measure(report: &Report, options: &Options) -> bool {
    let records = if options.load < Duration::from_secs(10) { RECORDS_QUICK } else { RECORDS };
    progress(&format!("writing a ledger of {records} records"));
    let cluster = Cluster::found(&Shape::default());
    let document = &cluster.consortium.document;
    let (copy, entries) = copy_of(&cluster, records);
    let ceiling = Ceiling::new();
    let cores = report.cores();
    let (mut rates, mut ceilings, mut shares, mut sound) = (Vec::new(), Vec::new(), Vec::new(), true);
    for number in 1..=options.runs {
        progress(&format!("audit of {entries} entries, {number} of {}", options.runs));
        let before = ceiling.on_cores(cores, CEILING);
        let threads = NonZeroUsize::new(cores).unwrap_or(NonZeroUsize::MIN);
        let how = AuditOptions { threads, now: None, name_accounts: false };
        let start = Instant::now();
        let reader = Reader::begin(copy.as_slice()).expect("what was written can be read");
        let audited = inro_audit::audit(document, reader, &how, &StdRng::from_entropy, &mut |_| {});
        let rate = entries as f64 / start.elapsed().as_secs_f64();
        let after = ceiling.on_cores(cores, CEILING);
        sound &= audited.is_ok_and(|audited| audited.report.is_clean && audited.report.totals.entries == entries as u64);
        let all_cores = median(&[before, after]).unwrap_or(before) * cores as f64;
        rates.push(rate);
        ceilings.push(all_cores);
        shares.push(rate / all_cores);
    }
    let note = format!(
        "a copy of {} MB in memory: {entries} entries in blocks of {BLOCK}, 1,024 signers, 2,048 accounts, four votes a block; \
         {cores} threads check signatures while one replays",
        copy.len() / 1_000_000
    );
    report.figures("evidence.audit_entries_per_s", "1/s", &rates, &note);
    let note = "batched verifications a second of all cores, with nothing else to do";
    report.figures("evidence.verify_ceiling_per_s", "1/s", &ceilings, note);
    let note = "audited entries a second, over batched verifications a second of all cores, measured before and after each audit";
    report.figures("evidence.audit_vs_verify_ceiling", "1", &shares, note);
    sound
}

/// The ledger as an export, and how many entries it has.
fn copy_of(cluster: &Cluster, records: usize) -> (Vec<u8>, usize) {
    let people = People::of(cluster);
    let validators: Vec<_> = cluster.consortium.members.iter().filter_map(|member| member.validator.clone()).collect();
    let mut scribe = Scribe::at_founding(&cluster.consortium.document, &validators);
    let (mut blocks, mut entries) = (Vec::new(), 0);
    for all in [people.registrations(), people.openings(), people.records(records)] {
        for part in all.chunks(BLOCK) {
            let transactions: Vec<VerifiedTransaction> = part.iter().map(parsed).collect();
            let time = scribe.ledger().tip().time.plus_ms(PACE_MS);
            blocks.push(scribe.write(time, &transactions));
            entries += part.len();
        }
    }
    let document = &cluster.consortium.document;
    let mut writer = Writer::begin(Vec::new(), document, blocks.len() as u64).expect("memory takes everything");
    blocks.iter().try_for_each(|block| writer.block(block)).expect("these blocks can be exported");
    (writer.end().expect("every block was written"), entries)
}

fn parsed(ready: &Ready) -> VerifiedTransaction {
    // They were signed here a moment ago.
    ParsedTransaction::parse(ready.bytes.clone()).expect("signed transactions are canonical").with_claims_checked()
}
