//! The ceremony as four facilities hold it: keys at home, declarations, one document, and what goes wrong.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use inro_contracts::genesis::{BadGenesis, GenesisDocument, SignedDeclaration};
use inro_contracts::organisation::{OrganisationKind, PeerKind, Role};
use inro_contracts::parameters::Parameters;
use inro_contracts::time::{Time, Validity};
use inro_genesis::ceremony::{self, CeremonyFault, Plan, PlannedPeer, PlannedPractitioner};
use inro_genesis::keyfile::{self, KeyFault, Passphrase};

fn passphrase() -> Passphrase {
    Passphrase::new("a long passphrase")
}

fn plan(number: u16) -> Plan {
    Plan {
        ledger: "Shonan".into(),
        organisation: format!("第{number}病院"),
        kind: OrganisationKind::Hospital,
        institution_number: format!("141{number:07}"),
        validator_power: Some(1),
        peers: vec![PlannedPeer {
            kind: PeerKind::Validator,
            consensus_address: format!("/ip4/127.0.0.1/tcp/{}", 7000 + number),
            exchange_address: format!("/ip4/127.0.0.1/tcp/{}", 7100 + number),
        }],
        practitioners: vec![PlannedPractitioner {
            role: Role::Physician,
            licence_number: "123456".into(),
            validity: Validity { from: Time(1_000), until: Time(2_000_000) },
        }],
    }
}

fn declaration_at_home(home: &Path, number: u16) -> SignedDeclaration {
    let keys = ceremony::make_keys(&home.join("keys"), &plan(number), &passphrase(), false).unwrap();
    ceremony::declare(&plan(number), &keys).unwrap()
}

/// A declaration with keys that are in no file.
fn declaration(plan: &Plan) -> SignedDeclaration {
    let keys = ceremony::Keys {
        authority: keyfile::fresh(),
        validator: plan.validator_power.map(|_| keyfile::fresh()),
        peers: plan.peers.iter().map(|_| keyfile::fresh()).collect(),
        practitioners: plan
            .practitioners
            .iter()
            .map(|planned| (keyfile::fresh(), inro_genesis::licence::Licence::new(planned.licence_number.clone())))
            .collect(),
    };
    ceremony::declare(plan, &keys).unwrap()
}

fn four() -> Vec<(PathBuf, SignedDeclaration)> {
    (1..=4).map(|number| (PathBuf::from(format!("{number}.json")), declaration(&plan(number)))).collect()
}

fn joined(parts: Vec<(PathBuf, SignedDeclaration)>) -> Result<GenesisDocument, CeremonyFault> {
    ceremony::join(parts, Parameters::default(), Time(1_000))
}

#[test]
fn four_facilities_found_a_ledger_and_each_finds_its_declaration_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    for number in 1..=4 {
        let home = folder.path().join(number.to_string());
        fs::create_dir(&home).unwrap();
        let file = folder.path().join(format!("{number}.json"));
        ceremony::write_declaration(&file, &declaration_at_home(&home, number)).unwrap();
        files.push(file);
    }
    let parts = |files: &[PathBuf]| -> Vec<_> {
        files.iter().map(|file| (file.clone(), ceremony::read_declaration(file).unwrap())).collect()
    };
    let document = joined(parts(&files)).unwrap();
    let path = folder.path().join("genesis.json");
    ceremony::write_genesis(&path, &document).unwrap();
    let read = ceremony::read_genesis(&path).unwrap();
    assert_eq!(read, document);
    let founding = ceremony::verify(&read).unwrap();
    assert_eq!(founding.validators.validators().len(), 4);
    assert_eq!(founding.chain, document.chain());
    for (_, mine) in parts(&files) {
        ceremony::contains(&read, &mine).unwrap();
    }
    files.reverse();
    assert_eq!(joined(parts(&files)).unwrap().chain(), document.chain(), "the order of the files does not matter");
    let summary = ceremony::Summary::of(&read).to_string();
    assert!(summary.contains(&document.chain().to_hex()) && summary.contains("第1病院 (hospital)"), "{summary}");
}

#[test]
fn every_secret_stays_in_the_folder_of_keys_and_only_its_owner_can_read_it() {
    let folder = tempfile::tempdir().unwrap();
    declaration_at_home(folder.path(), 1);
    let keys = folder.path().join("keys");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&keys), 0o700);
    let mut names: Vec<_> = fs::read_dir(&keys).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    let expected = ["authority.pem", "peer.pem", "practitioner-1.licence.json", "practitioner-1.pem", "validator.pem"];
    assert_eq!(names, expected);
    assert!(names.iter().all(|name| mode(&keys.join(name)) == 0o600));
    assert!(keyfile::open(&keys.join(ceremony::VALIDATOR_FILE), &passphrase()).is_ok());
}

#[test]
fn keys_that_exist_are_never_replaced_but_can_be_used_again() {
    let folder = tempfile::tempdir().unwrap();
    let first = declaration_at_home(folder.path(), 1);
    let keys = folder.path().join("keys");
    let fault = ceremony::make_keys(&keys, &plan(1), &passphrase(), false).unwrap_err();
    assert!(matches!(fault, CeremonyFault::KeyExists(_)), "{fault}");
    let fault = ceremony::make_keys(&keys, &plan(1), &Passphrase::new("another passphrase"), true).unwrap_err();
    assert!(matches!(fault, CeremonyFault::Key(KeyFault::WrongPassphrase(_))), "{fault}");
    let again = ceremony::make_keys(&keys, &plan(1), &passphrase(), true).unwrap();
    assert_eq!(ceremony::declare(&plan(1), &again).unwrap(), first);
}

#[test]
fn a_tampered_declaration_is_refused_by_file_and_organisation() {
    let mut parts = four();
    let mut other = plan(3);
    other.organisation = "偽病院".into();
    parts[2].1.declaration.organisation.name = declaration(&other).declaration.organisation.name.clone();
    let sentence = joined(parts).unwrap_err().to_string();
    assert!(sentence.contains("3.json") && sentence.contains("偽病院") && sentence.contains("does not verify"), "{sentence}");
}

#[test]
fn a_declaration_for_another_ledger_is_refused() {
    let mut parts = four();
    let mut other = plan(2);
    other.ledger = "Shonan 2".into();
    parts[1].1 = declaration(&other);
    let fault = joined(parts).unwrap_err();
    assert!(matches!(&fault, CeremonyFault::Part { error: BadGenesis::OtherLedger { .. }, .. }), "{fault}");
}

#[test]
fn three_validators_do_not_found_a_ledger_that_asks_for_four() {
    let mut parts = four();
    parts.pop();
    let sentence = joined(parts.clone()).unwrap_err().to_string();
    assert!(sentence.contains("3 validators; the parameters ask for 4"), "{sentence}");
    let parameters = Parameters { validators_min: 3, ..Parameters::default() };
    assert!(ceremony::join(parts, parameters, Time(1_000)).is_ok());
    assert!(matches!(joined(Vec::new()), Err(CeremonyFault::NoParts)));
}

#[test]
fn an_organisation_stands_once_and_shares_no_key() {
    let mut parts = four();
    parts.push(("again.json".into(), parts[1].1.clone()));
    let sentence = joined(parts).unwrap_err().to_string();
    assert!(sentence.contains("2.json") && sentence.contains("again.json"), "{sentence}");
}

#[test]
fn a_part_that_is_missing_or_changed_in_the_document_is_noticed() {
    let parts = four();
    let document = joined(parts.clone()).unwrap();
    let stranger = declaration(&plan(5));
    assert!(matches!(ceremony::contains(&document, &stranger), Err(CeremonyFault::Absent { .. })));
    let mut mine = parts[0].1.clone();
    mine.declaration.validator = None;
    let sentence = ceremony::contains(&document, &mine).unwrap_err().to_string();
    assert!(sentence.contains("第1病院") && sentence.contains("validator"), "{sentence}");
}

#[test]
fn a_document_with_an_unknown_field_or_in_disorder_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let document = joined(four()).unwrap();
    let mut value = serde_json::to_value(&document).unwrap();
    value["declarations"].as_array_mut().unwrap().reverse();
    let path = folder.path().join("disorder.json");
    fs::write(&path, value.to_string()).unwrap();
    let fault = ceremony::verify(&ceremony::read_genesis(&path).unwrap()).unwrap_err();
    assert!(matches!(fault, CeremonyFault::Whole(BadGenesis::Order)), "{fault}");
    value["declarations"][0]["declaration"]["practitioners"][0]["validity"]["note"] = "x".into();
    let path = folder.path().join("unknown.json");
    fs::write(&path, value.to_string()).unwrap();
    let sentence = ceremony::read_genesis(&path).unwrap_err().to_string();
    assert!(sentence.contains("unknown.json") && sentence.contains("note"), "{sentence}");
    let path = folder.path().join("deep.json");
    fs::write(&path, "[".repeat(100_000)).unwrap();
    assert!(matches!(ceremony::read_genesis(&path), Err(CeremonyFault::Form { .. })));
}

#[test]
fn parameters_are_read_over_the_defaults_and_stay_within_bounds() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("parameters.toml");
    let read = |text: &str| {
        fs::write(&path, text).unwrap();
        ceremony::read_parameters(&path, &Parameters::default())
    };
    let expected = Parameters { heartbeat_ms: 2_000, ..Parameters::default() };
    assert_eq!(read("heartbeat_ms = 2000\n").unwrap(), expected);
    assert!(read("heartbeat_ms = 1\n").unwrap_err().to_string().contains("heartbeat_ms must lie"));
    assert!(read("heart = 1\n").unwrap_err().to_string().contains("heart"));
    assert!(read("heartbeat_ms = \"x\"\n").unwrap_err().is_bad_input());
}

#[test]
fn a_plan_that_cannot_be_declared_is_refused_before_a_key_is_made() {
    let mut bad = plan(1);
    bad.peers[0].consensus_address = "/dns4/example.org/tcp/1".into();
    assert!(ceremony::check_plan(&bad).unwrap_err().is_bad_input());
    let mut bad = plan(1);
    bad.organisation = "x".repeat(121);
    assert!(ceremony::check_plan(&bad).unwrap_err().to_string().contains("name"));
    ceremony::check_plan(&plan(1)).unwrap();
}
