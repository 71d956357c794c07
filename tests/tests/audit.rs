//! The regulator's audit, by the programs that a regulator runs: of a real cluster's ledger, and of that ledger as a dishonest quorum
//! would have written it. Each single crime is in the tests of `inro-audit`.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::{Command, Output};

use inro_audit::export::{Block, Reader, Writer};
use inro_audit::report::Report;
use inro_audit::{Audited, Options};
use inro_client::model::At;
use inro_contracts::access::{Basis, Reader as ReaderKind};
use inro_contracts::account::AccountOpening;
use inro_contracts::genesis::GenesisDocument;
use inro_contracts::id::{Hash, Label};
use inro_contracts::purpose::Purpose;
use inro_contracts::time::Height;
use inro_contracts::transaction::Action;
use inro_tests::cluster::{Cluster, Shape};
use inro_tests::consortium::{label_of, patient};
use inro_tests::forgery::{expected, forge, one_of_each};
use inro_tests::play::{Patient, Play};
use inro_tests::process::program;
use inro_tests::treatment::request;
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::exchange::{SLUGS, facility};

const MINUTE: u64 = 60_000;

fn audited(document: &GenesisDocument, blocks: &[Block], mut on_root: impl FnMut(Height, Hash)) -> Report {
    let options = Options { threads: NonZeroUsize::new(2).unwrap(), now: None, name_accounts: false };
    let copy = blocks.iter().cloned().map(Ok::<_, Infallible>);
    let said = &mut |progress: inro_audit::Progress| on_root(progress.height, progress.state_root);
    let Audited { report, broke_off } =
        inro_audit::audit(document, copy, &options, &StdRng::from_entropy, said).expect("the founding document founds");
    assert!(broke_off.is_none());
    report
}

fn write(document: &GenesisDocument, blocks: &[Block]) -> Vec<u8> {
    let mut writer = Writer::begin(Vec::new(), document, blocks.len() as u64).expect("memory takes everything");
    for block in blocks {
        writer.block(block).expect("a ledger's blocks can be exported");
    }
    writer.end().expect("every block was written")
}

fn run(program_name: &str, arguments: &[&str]) -> Output {
    Command::new(program(program_name)).args(arguments).output().expect("the program starts")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("the tests' paths are text")
}

/// A person whose key the facility keeps reads what is granted, and asks for what is not; between them, other blocks.
async fn custodial_readings(cluster: &Cluster, other: Label) {
    let (person, member) = (patient(), &cluster.consortium.members[0]);
    let (custodian, first_key) = (member.id, person.public());
    let agreed = AccountOpening { chain: cluster.consortium.chain, custodian, first_key, custodial: true };
    let (practitioner, agreement) = (member.practitioner_id, agreed.sign(&person));
    let opening = Action::OpenAccount { practitioner, custodian, first_key, custodial: true, agreement };
    cluster.commit(0, &cluster.consortium.sign(opening, &member.practitioner)).await;
    for purpose in [Purpose::PatientRequest, Purpose::Treatment] {
        let wanted = request(label_of(&person), ReaderKind::Person, Basis::Own, purpose);
        let outcome = cluster.commit(0, &cluster.consortium.sign(Action::Access(wanted), &person)).await.outcome;
        assert!(outcome.is_custodial(), "{outcome:?}");
        for _ in 0..2 {
            cluster.commit(0, &cluster.consortium.register_record(0, other)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audit_of_a_clusters_ledger_agrees_with_its_nodes_and_finds_every_planted_violation() {
    let mut cluster = Cluster::start(Shape { observers: 1, ..Shape::default() }).await;
    // Blocks with several entries, and one that breaks a rule.
    let other = cluster.open_accounts(0, 0, 1).await[0];
    for number in 0..3 {
        let custodian = if number == 2 { 1 } else { 0 };
        let batch = (0..6).map(|_| cluster.consortium.register_record(custodian, other)).collect();
        cluster.client(0).submit_batch(batch).await.expect("the node takes records");
        cluster.wait_idle(0).await;
    }
    let mut facilities = Vec::new();
    for index in 0..SLUGS.len() {
        facilities.push(facility(&cluster, index).await);
    }
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    let mut play = Play::new(facilities, Patient::new(cluster.consortium.chain), &samples, |_, _| {});
    assert!(play.all().await, "{:?}", play.shown.last());
    let account: Label = play.patient.accounts[0];
    custodial_readings(&cluster, other).await;
    cluster.wait_level(&[0, 1, 2, 3]).await;
    cluster.terminate(3).await;

    // The programs, as a regulator uses them: a file, then the data folder.
    let folder = cluster.folder().to_owned();
    let (genesis, file, data) = (folder.join("genesis.json"), folder.join("ledger.inro"), cluster.nodes[3].data());
    let config = cluster.nodes[3].config_path();
    let exported = run("inro-node", &["export", "--config", text(&config), "--to", text(&file)]);
    assert!(exported.status.success(), "{}", String::from_utf8_lossy(&exported.stderr));
    let again = run("inro-node", &["export", "--data", text(&data), "--to", text(&file)]);
    assert_eq!(again.status.code(), Some(2), "a file is never overwritten");
    let sound = run("inro", &["audit", text(&file), "--genesis", text(&genesis), "--json"]);
    assert_eq!(sound.status.code(), Some(0), "{}", String::from_utf8_lossy(&sound.stderr));
    let told: serde_json::Value = serde_json::from_slice(&sound.stdout).expect("the report is JSON");
    assert_eq!(told["emergencies"]["open"], 1, "{told}");
    assert_eq!(told["emergencies"]["overdue"], 0);
    assert!(told["suspended_attempts"]["total"].as_u64() >= Some(1), "{told}");
    assert_eq!(told["totals"]["custodial"], 2, "{told}");
    assert!(told["totals"]["denied"]["D-1.10"].as_u64() >= Some(1), "{told}");
    assert!(!String::from_utf8_lossy(&sound.stdout).contains(&account.to_hex()), "accounts are named only when asked for");
    let of_folder = run("inro", &["audit", text(&data), "--genesis", text(&genesis), "--lang", "ja", "--accounts"]);
    assert_eq!(of_folder.status.code(), Some(0), "{}", String::from_utf8_lossy(&of_folder.stderr));
    let japanese = String::from_utf8_lossy(&of_folder.stdout);
    assert!(japanese.contains("問題なし") && japanese.contains(&account.to_hex()), "{japanese}");

    // Every root is the running nodes' root.
    let copy = std::fs::read(&file).expect("the export can be read");
    let reader = Reader::begin(copy.as_slice()).expect("the export has the form of one");
    assert_eq!(*reader.document(), cluster.consortium.document);
    let blocks: Vec<Block> = reader.collect::<Result<_, _>>().expect("the export is whole");
    let mut roots = BTreeMap::new();
    let report = audited(&cluster.consortium.document, &blocks, |height, root| {
        roots.insert(height, root);
    });
    assert!(report.is_clean);
    for (height, root) in roots {
        let header = cluster.client(0).header(At::Height(height)).await.expect("the node has this block");
        assert_eq!(header.state_root, root, "block {height}");
    }

    // A dishonest quorum's ledger, and copies that are not whole.
    let validators: Vec<_> = cluster.consortium.members.iter().filter_map(|member| member.validator.clone()).collect();
    let crimes = one_of_each(2, &blocks, |time| {
        let member = &cluster.consortium.members[0];
        let signed = cluster.consortium.register_record(0, other).transaction;
        let void_after = time.plus_ms(MINUTE);
        Box::new(inro_contracts::transaction::Transaction { void_after, ..signed }.sign(&member.practitioner))
    });
    let forged = forge(&cluster.consortium.document, &validators, &blocks, &crimes);
    let bad = folder.join("forged.inro");
    std::fs::write(&bad, write(&cluster.consortium.document, &forged)).expect("the folder is writable");
    let caught = run("inro", &["audit", text(&bad), "--genesis", text(&genesis), "--json"]);
    assert_eq!(caught.status.code(), Some(1), "{}", String::from_utf8_lossy(&caught.stderr));
    let told: serde_json::Value = serde_json::from_slice(&caught.stdout).expect("the report is JSON");
    let mut listed: Vec<_> = told["findings"]["listed"]
        .as_array()
        .expect("findings are listed")
        .iter()
        .map(|finding| (finding["height"].as_u64().unwrap_or(0), finding["step"].as_str().unwrap_or("").to_owned()))
        .collect();
    listed.sort();
    let mut planted: Vec<_> = expected(&crimes).into_iter().map(|(height, step)| (height, step.word().to_owned())).collect();
    planted.sort();
    assert_eq!(listed, planted);

    std::fs::write(&bad, &copy[..copy.len() * 2 / 3]).expect("the folder is writable");
    let cut = run("inro", &["audit", text(&bad), "--genesis", text(&genesis)]);
    assert_eq!(cut.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&cut.stderr).contains("ends early"), "{}", String::from_utf8_lossy(&cut.stderr));
    let none = run("inro", &["audit", text(&folder), "--genesis", text(&genesis)]);
    assert_eq!(none.status.code(), Some(2), "a folder without a ledger cannot be audited");
    let other = run("inro", &["audit", text(&file), "--genesis", text(&genesis), "--chain", &"ab".repeat(32)]);
    assert_eq!(other.status.code(), Some(2), "another ledger than the one that was asked for");
}
