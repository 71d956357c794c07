//! Consent, reading, consults, emergencies and history as people use them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::Value;

use crate::desk::{Desk, error};
use crate::stand_in_node::StandIn;

/// How the name of a receipt ends.
const RECEIPT: &str = ".receipt.inro";
const NOTE: &str = "blood pressure 120/80, and a text long enough to break off in the middle of it";

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn organisation(desk: &Desk, number: u16) -> String {
    text(&desk.json(&format!("key show {number}/authority.pem"))["organisation"])
}

fn practitioner(desk: &Desk, number: u16) -> String {
    text(&desk.json(&format!("key show {number}/practitioner-1.pem"))["practitioner"])
}

/// A patient with an account at the first two hospitals: the wallet's file, and the labels.
fn hanako(desk: &Desk) -> [String; 2] {
    desk.ok("wallet new --wallet hanako.wallet --genesis genesis.json --words-language en --yes");
    [1, 2].map(|number| {
        text(&desk.json(&format!("account open --wallet hanako.wallet --key {number}/practitioner-1.pem"))["account"])
    })
}

/// A record at the first hospital.
fn chart(desk: &Desk, label: &str) -> String {
    fs::write(desk.path("Hanako Sato.txt"), NOTE).unwrap();
    fs::rename(desk.path("Hanako Sato.txt"), desk.path("chart.txt")).unwrap();
    let added = desk.json(&format!("record add {label} chart.txt --category chart --key 1/practitioner-1.pem"));
    text(&added[0]["records"][0]["record"])
}

/// The only payload in a folder; receipts lie beside it.
fn only_file(folder: &Path, ending: &str) -> String {
    let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.retain(|name| !name.to_str().unwrap().ends_with(RECEIPT));
    assert_eq!(names.len(), 1, "{names:?}");
    assert!(names[0].to_str().unwrap().ends_with(ending), "{names:?}");
    assert_eq!(fs::metadata(&names[0]).unwrap().permissions().mode() & 0o777, 0o600);
    fs::read_to_string(&names[0]).unwrap()
}

#[test]
fn a_patient_grants_seals_and_revokes_at_all_facilities_in_one_step() {
    let node = StandIn::new();
    let desk = &node.desk;
    let [label, _] = hanako(desk);
    chart(desk, &label);
    let clinic = organisation(desk, 3);
    let access = |more: &str| desk.run(&format!("access --account {label} {more} --key 3/practitioner-1.pem --json"));
    let denied = |more: &str, rule: &str| {
        let answer = access(more);
        assert_eq!((answer.status, &error(&answer.err)["rule"]), (1, &Value::from(rule)), "{answer:?}");
    };

    denied("--purpose TREAT", "D-1.5");
    let granted = desk.json(&format!("grant --all --to {clinic} --for 24h --purpose TREAT --wallet hanako.wallet"));
    assert_eq!(granted.as_array().unwrap().len(), 2);
    assert!(granted[0]["grant"] == granted[0]["id"] && granted[0]["grant"] != granted[1]["grant"]);
    denied("--purpose HRESCH", "D-1.8");
    let answer = access("--purpose TREAT --fetch records");
    assert_eq!(answer.status, 0, "{answer:?}");
    assert_eq!(only_file(&desk.path("records"), ".txt"), NOTE);
    let id = text(&serde_json::from_str::<Value>(&answer.out).unwrap()["access"]);
    desk.ok(&format!("fetch {id} --out later --key 3/practitioner-1.pem"));
    assert_eq!(only_file(&desk.path("later"), ".txt"), NOTE);

    let sealed = desk.json(&format!("seal --category chart --account {label} --wallet hanako.wallet"));
    let seal = text(&sealed[0]["seal"]);
    denied("--purpose TREAT", "D-1.10");
    desk.ok(&format!("seal lift {seal} --for 2h --wallet hanako.wallet --all"));
    assert_eq!(access("--purpose TREAT").status, 0);
    desk.ok(&format!("seal lift {seal} --end --wallet hanako.wallet --all"));
    denied("--purpose TREAT", "D-1.10");
    let shown = desk.ok("consent --all --wallet hanako.wallet");
    assert!(
        shown.contains("Hospital 3 may read all categories for treatment until") && shown.contains("sealed: chart"),
        "{shown}"
    );
    desk.ok(&format!("unseal {seal} --wallet hanako.wallet --all"));
    assert_eq!(access("--purpose TREAT").status, 0);

    let revoked = desk.json(&format!("revoke --to {clinic} --all --wallet hanako.wallet"));
    assert_eq!(revoked.as_array().unwrap().len(), 2);
    denied("--purpose TREAT", "D-1.7");
    let history = desk.ok(&format!("history --account {label} --wallet hanako.wallet --genesis genesis.json"));
    for part in
        ["you: permitted Hospital 3", "physician", "of Hospital 3: asked to read for treatment: denied, D-1.7", "Verified"]
    {
        assert!(history.contains(part), "{part} in {history}");
    }
    let japanese = desk.ok(&format!("history --last 1 --account {label} --wallet hanako.wallet --lang ja"));
    assert!(japanese.contains("拒否 D-1.7") && japanese.contains("+09:00"), "{japanese}");
}

#[test]
fn a_person_reads_the_own_records_and_what_was_substituted_is_not_shown_but_reported() {
    let node = StandIn::new();
    let desk = &node.desk;
    let [label, _] = hanako(desk);
    let record = chart(desk, &label);
    let fetch = format!("fetch --wallet hanako.wallet --account {label} --genesis genesis.json");
    let fetched = desk.json(&format!("{fetch} --out mine"));
    assert_eq!(fetched["payloads"][0]["record"], record.as_str());
    assert_eq!(only_file(&desk.path("mine"), &format!("{record}.txt")), NOTE);
    let history = desk.ok(&format!("history --account {label} --wallet hanako.wallet"));
    assert!(history.contains("the reader's side: received 1 records"), "{history}");

    desk.ok(&format!("wallet name {label} Clinic --wallet hanako.wallet"));
    node.substitute();
    let answer = desk.run("fetch --wallet hanako.wallet --account Clinic --out false --json");
    assert_eq!(answer.status, 1, "{answer:?}");
    let left: Vec<_> = fs::read_dir(desk.path("false")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    let is_no_payload = |name: &str| name.ends_with(".reading") || name.ends_with(RECEIPT);
    assert!(left.iter().all(|name| is_no_payload(name.to_str().unwrap())), "{left:?}");
    let history = desk.ok(&format!("history --account {label} --wallet hanako.wallet"));
    assert!(history.contains("it is not what was registered"), "{history}");
}

#[test]
fn a_receipt_is_kept_beside_the_payloads_verified_against_the_founding_document_and_a_false_one_is_not() {
    let node = StandIn::new();
    let desk = &node.desk;
    let [label, _] = hanako(desk);
    chart(desk, &label);
    let clinic = organisation(desk, 3);
    desk.ok(&format!("grant --to {clinic} --for 24h --purpose TREAT --account {label} --wallet hanako.wallet"));
    let ask = format!("access --account {label} --purpose TREAT --key 3/practitioner-1.pem");
    let read = desk.json(&format!("{ask} --fetch records --genesis genesis.json"));
    let (id, receipt) = (text(&read["access"]), text(&read["receipt"]));
    assert!(receipt.ends_with(RECEIPT) && receipt.contains(&id), "{receipt}");
    let proved = desk.json(&format!("verify {receipt} --genesis genesis.json"));
    assert_eq!((&proved["proved"]["kind"], &proved["proved"]["transaction"]), (&"entry".into(), &Value::from(id.as_str())));

    let fetch = format!("fetch {id} --key 3/practitioner-1.pem");
    assert!(desk.ok(&format!("{fetch} --out later")).contains("Receipt, not verified"));
    assert!(desk.ok(&format!("{fetch} --out later --genesis genesis.json --lang ja")).contains("検証済み"));
    let own = desk.json(&format!("fetch --wallet hanako.wallet --account {label} --genesis genesis.json --out mine"));
    assert_eq!(own["receipts"].as_array().unwrap().len(), 1);

    // The payloads come all the same; that their receipt is another access's is said, and it is not kept.
    let other = text(&desk.json(&ask)["access"]);
    node.mix_receipts_up(other.parse().unwrap());
    let sentence = desk.fails(1, &format!("{fetch} --out mixed"));
    assert!(sentence.contains("not the receipt that was asked for"), "{sentence}");
    assert_eq!(only_file(&desk.path("mixed"), ".txt"), NOTE);
    assert_eq!(fs::read_dir(desk.path("mixed")).unwrap().count(), 1);
    // Who names another ledger gets nothing at all.
    let elsewhere = StandIn::new();
    let foreign = elsewhere.desk.path("genesis.json").display().to_string();
    desk.fails(1, &format!("fetch {other} --key 3/practitioner-1.pem --out foreign --genesis {foreign}"));
    assert!(!desk.path("foreign").exists());
}

#[test]
fn a_patient_without_a_wallet_acts_with_the_accounts_key() {
    let node = StandIn::new();
    let desk = &node.desk;
    desk.ok("key new account.pem");
    let label = text(&desk.json("account open --account-key account.pem --key 1/practitioner-1.pem")["account"]);
    chart(desk, &label);
    let physician = practitioner(desk, 4);
    let grant = format!("--to-practitioner {physician} --category chart,image --until 2099-12-31 --purpose TREAT");
    let granted = desk.json(&format!("grant {grant} --account {label} --key account.pem"));
    desk.ok(&format!("access --account {label} --purpose TREAT --category chart --key 4/practitioner-1.pem"));
    desk.ok(&format!("fetch --account {label} --key account.pem --out mine"));
    assert_eq!(only_file(&desk.path("mine"), ".txt"), NOTE);
    let id = text(&granted[0]["grant"]);
    desk.ok(&format!("revoke {id} --account {label} --key account.pem"));
    let again = desk.run(&format!("revoke {id} --account {label} --key account.pem --json"));
    assert_eq!((again.status, &error(&again.err)["rule"]), (1, &Value::from("C-5")), "{again:?}");
}

#[test]
fn a_guardian_acts_within_the_powers_and_the_account_is_told_who_reads_its_history() {
    let node = StandIn::new();
    let desk = &node.desk;
    let [label, _] = hanako(desk);
    chart(desk, &label);
    desk.ok("wallet new --wallet ichiro.wallet --genesis genesis.json --words-language en --yes");
    let key = text(&desk.json(&format!("wallet guardian-key {label} --wallet ichiro.wallet"))["guardian"]);
    desk.ok("key new daughter.pem");
    let daughter = text(&desk.json("key show daughter.pem")["public"]);
    let appoint = format!("guardian appoint {daughter} --powers seal --account {label}");
    assert!(desk.fails(1, &format!("{appoint} --key daughter.pem")).contains("A-5"));
    desk.ok(&format!("{appoint} --for 30d --wallet hanako.wallet"));
    let powers = "grant,read-records,read-journal";
    desk.ok(&format!("guardian appoint {key} --powers {powers} --account {label} --wallet hanako.wallet"));
    let listed = desk.json(&format!("guardian list --account {label} --wallet hanako.wallet"));
    assert_eq!(listed[0]["guardians"][0]["powers"], serde_json::json!(["seal"]));
    let clinic = organisation(desk, 3);
    let grant = format!("grant --to {clinic} --for 1h --purpose TREAT --account {label}");
    desk.ok(&format!("{grant} --wallet ichiro.wallet"));
    assert!(desk.fails(1, &format!("{grant} --key daughter.pem")).contains("C-1"));
    let seal = text(&desk.json(&format!("seal --everything --account {label} --key daughter.pem"))[0]["seal"]);
    assert!(desk.fails(1, &format!("history --account {label} --key daughter.pem")).contains("C-20"));
    let history = desk.ok(&format!("history --account {label} --wallet ichiro.wallet"));
    assert!(history.contains("was about to read this history") && history.contains("the person"), "{history}");
    desk.ok(&format!("unseal {seal} --account {label} --wallet hanako.wallet"));
    desk.ok(&format!("fetch --account {label} --wallet ichiro.wallet --out ward"));
    assert_eq!(only_file(&desk.path("ward"), ".txt"), NOTE);
    desk.ok(&format!("guardian dismiss {daughter} --account {label} --key daughter.pem"));
    assert!(desk.fails(1, &format!("seal --everything --account {label} --key daughter.pem")).contains("C-1"));
}

#[test]
fn what_the_physician_has_not_spoken_of_does_not_show_to_the_person() {
    let node = StandIn::new();
    let desk = &node.desk;
    let [label, _] = hanako(desk);
    let record = chart(desk, &label);
    desk.ok(&format!("record flags {label} {record} --flags uninformed --key 1/practitioner-1.pem"));
    let history = || desk.ok(&format!("history --account {label} --wallet hanako.wallet"));
    assert!(!history().contains("record"), "{}", history());
    let beginning = &record[..8];
    let json = desk.ok(&format!("history --account {label} --wallet hanako.wallet --json"));
    assert!(!json.contains(beginning));
    desk.ok(&format!("record flags {label} {record} --key 1/practitioner-1.pem"));
    assert!(history().contains(&format!("registered a record: chart {beginning}")), "{}", history());
}

#[test]
fn a_consult_is_opened_read_answered_and_closed() {
    let node = StandIn::new();
    let desk = &node.desk;
    let [label, _] = hanako(desk);
    chart(desk, &label);
    let (clinic, colleague) = (organisation(desk, 3), practitioner(desk, 4));
    let open = format!("consult open --account {label} --reader {colleague} --for 1h --key 3/practitioner-1.pem");
    assert!(desk.fails(1, &open).contains("may be passed on"));
    desk.ok(&format!("grant --account {label} --to {clinic} --for 24h --purpose TREAT --may-pass-on --wallet hanako.wallet"));
    let id = text(&desk.json(&open)["consult"]);
    assert_eq!(desk.json(&format!("consult show {id} --key 4/practitioner-1.pem"))["account"], label.as_str());
    let read = format!("access --account {label} --purpose TREAT --consult {id} --key 4/practitioner-1.pem");
    desk.ok(&format!("{read} --fetch advice"));
    assert_eq!(only_file(&desk.path("advice"), ".txt"), NOTE);
    fs::write(desk.path("evaluation.txt"), "all is well").unwrap();
    desk.ok(&format!("consult answer {id} evaluation.txt --key 4/practitioner-1.pem"));
    let answered = desk.json(&format!("consult read {id} --out answers --key 3/practitioner-1.pem --genesis genesis.json"));
    let proved = desk.json(&format!("verify {} --genesis genesis.json", text(&answered["receipt"])));
    assert_eq!(proved["proved"]["transaction"], id.as_str());
    assert_eq!(only_file(&desk.path("answers"), ".txt"), "all is well");
    desk.ok(&format!("consult close {id} --account {label} --wallet hanako.wallet"));
    assert!(desk.fails(1, &read).contains("D-1.7"));
    assert!(desk.fails(1, &format!("consult close {id} --key 3/practitioner-1.pem")).contains("C-18"));
}

#[test]
fn an_emergency_keeps_its_text_here_and_is_reviewed_by_somebody_else() {
    let node = StandIn::new();
    let desk = &node.desk;
    let [label, _] = hanako(desk);
    chart(desk, &label);
    fs::write(desk.path("reason.txt"), "found unconscious at the station").unwrap();
    let emergency = format!("emergency --account {label} --reason unconscious --text-file reason.txt --key 3/practitioner-1.pem");
    assert!(desk.fails(2, &emergency).contains("--yes"));
    let read = desk.json(&format!("{emergency} --yes --keep kept.json --fetch urgent"));
    assert_eq!(only_file(&desk.path("urgent"), ".txt"), NOTE);
    let kept = fs::read_to_string(desk.path("kept.json")).unwrap();
    assert!(kept.contains("at the station") && kept.contains("salt"));
    let id = text(&read["access"]);
    let close =
        |key: u16| format!("review close {id} --account {label} --finding justified --text ok --key {key}/practitioner-1.pem");
    assert!(desk.fails(1, &close(3)).contains("E-7"));
    desk.ok(&close(1));
    assert!(desk.fails(1, &close(1)).contains("E-6"));
    let history = desk.ok(&format!("history --account {label} --wallet hanako.wallet"));
    assert!(
        history.contains("emergency: the patient cannot speak") && history.contains("reviewed an emergency access: justified")
    );
    assert!(!history.contains("station"));
    assert!(desk.ok("review list --key 3/practitioner-1.pem").contains("(none)"));
}

#[test]
fn many_documents_are_taken_in_and_a_broken_one_does_not_keep_the_others_out() {
    let node = StandIn::new();
    let desk = &node.desk;
    let [label, _] = hanako(desk);
    fs::write(desk.path("many.ndjson"), "one\ntwo\nthree\n").unwrap();
    fs::write(desk.path("broken.json"), "{broken").unwrap();
    let add = |files: &str| desk.run(&format!("record add {label} {files} --key 1/practitioner-1.pem"));
    let answer = add("many.ndjson broken.json");
    assert_eq!(answer.status, 1, "{answer:?}");
    assert!(answer.out.contains("many.ndjson  3 items") && answer.out.contains("Line 1, column 2"), "{answer:?}");
    assert_eq!(add("broken.json").status, 1);
    assert_eq!(add("missing.json").status, 2);
    assert_eq!(add(".").status, 2);
}

#[test]
fn bad_input_is_answered_with_a_sentence_and_status_2() {
    let node = StandIn::new();
    let desk = &node.desk;
    let [label, other] = hanako(desk);
    let (clinic, speaker) = (organisation(desk, 3), "--wallet hanako.wallet --all");
    for (line, sentence) in [
        (format!("grant --to {clinic} --for 24 --purpose TREAT {speaker}"), "not a length of time"),
        (format!("grant --to {clinic} --for 1h --purpose FUN {speaker}"), "purposes are TREAT"),
        (format!("grant --to {clinic} --for 1h --purpose TREAT --category x-ray {speaker}"), "no category is called"),
        (format!("grant --to {clinic} --until 2001-01-01 --purpose TREAT {speaker}"), "is over already"),
        (format!("grant --to Nowhere --for 1h --purpose TREAT {speaker}"), "no organisation is called"),
        (format!("grant --for 1h --purpose TREAT {speaker}"), "--to"),
        (format!("grant --to {clinic} --purpose TREAT {speaker}"), "--for"),
        (format!("grant --to {clinic} --for 1h --purpose TREAT --wallet hanako.wallet"), "has 2 accounts"),
        (format!("grant --to {clinic} --for 1h --purpose TREAT --wallet hanako.wallet --account Zushi"), "neither a label nor"),
        (format!("grant --to {clinic} --for 1h --purpose TREAT"), "say who speaks"),
        (format!("grant --to {clinic} --for 1h --purpose TREAT --all --key 1/authority.pem"), "--account"),
        (format!("grant --to {clinic} --for 1h --purpose TREAT --account {label} --key missing.pem"), "does not exist"),
        (format!("revoke {speaker}"), "<GRANT>"),
        (format!("revoke 12 {speaker}"), "64 hexadecimal digits"),
        (format!("seal {speaker}"), "say what is to be sealed"),
        (format!("seal --everything --category chart {speaker}"), "cannot be used with"),
        (format!("seal --record {clinic} {speaker}"), "one account at a time"),
        (format!("seal lift {clinic} {speaker}"), "--for"),
        (format!("unseal {speaker}"), "SEAL"),
        (format!("access --account {label} --key 3/practitioner-1.pem"), "--purpose"),
        ("access --account 8c --purpose TREAT --key 3/practitioner-1.pem".to_owned(), "64 hexadecimal digits"),
        (format!("emergency --account {label} --reason bored --text x --yes --key 3/practitioner-1.pem"), "unconscious"),
        (format!("emergency --account {label} --reason other --yes --key 3/practitioner-1.pem"), "--text"),
        (format!("emergency --account {label} --reason other --text x --purpose TREAT --yes --key 3/practitioner-1.pem"), "BTG"),
        ("fetch --out x --key 3/practitioner-1.pem".into(), "name the access"),
        (format!("fetch --out x {speaker}"), "one account at a time"),
        (format!("consult open --account {label} --key 3/practitioner-1.pem"), "--reader"),
        (format!("review close {clinic} --account {label} --finding fine --text x --key 3/practitioner-1.pem"), "not-justified"),
        (format!("history --account {label} --key missing.pem"), "does not exist"),
    ] {
        let err = desk.fails(2, &line);
        assert!(err.contains(sentence), "inro {line}: {err}");
    }
    // Understood, but not in the right state.
    for (line, sentence) in [
        (format!("revoke {clinic} --account {label} --wallet hanako.wallet"), "C-4"),
        (format!("revoke {clinic} {speaker}"), "no grant or seal"),
        (format!("revoke --to {clinic} {speaker}"), "no such grant is in force"),
        (format!("unseal {clinic} --account {other} --wallet hanako.wallet"), "C-9"),
        (format!("grant --to {clinic} --for 1h --purpose TREAT --account {label} --key 1/practitioner-1.pem"), "C-1"),
        (format!("grant --to {} --for 1h --purpose TREAT --account {label} --wallet hanako.wallet", "ab".repeat(32)), "T-1"),
        (format!("grant --to {clinic} --for 1h --purpose TREAT --account {clinic} --wallet hanako.wallet"), "no such account"),
        (format!("consult show {clinic} --key 3/practitioner-1.pem"), "does not exist"),
        (format!("review close {clinic} --account {label} --finding unclear --text x --key 3/practitioner-1.pem"), "E-5"),
    ] {
        let err = desk.fails(1, &line);
        assert!(err.contains(sentence), "inro {line}: {err}");
    }
}
