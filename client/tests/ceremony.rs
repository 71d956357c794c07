//! The founding ceremony on the command line.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::desk::{Desk, PASSPHRASE};

fn declare(desk: &Desk, number: u16) -> String {
    format!(
        "genesis declare --ledger Shonan --organisation Hospital-{number} --kind hospital --institution-number 141000000{number} \
         --consensus-address /ip4/127.0.0.1/tcp/{} --exchange-address /ip4/127.0.0.1/tcp/{} --practitioners 1 \
         --practitioner nurse:987654 --keys {} --out {number}.json",
        7000 + number,
        7100 + number,
        desk.path(&format!("home-{number}")).display()
    )
}

fn four_declarations(desk: &Desk) {
    for number in 1..=4 {
        desk.ok(&declare(desk, number));
    }
}

#[test]
fn four_facilities_declare_join_and_verify() {
    let desk = Desk::new();
    four_declarations(&desk);
    desk.ok("genesis declare --ledger Shonan --organisation Pharmacy --kind pharmacy --observer --consensus-address \
         /ip4/127.0.0.1/tcp/7005 --exchange-address /ip4/127.0.0.1/tcp/7105 --keys home-5 --out 5.json");
    assert!(!desk.path("home-5/validator.pem").exists());
    let joined = desk.json("genesis join 1.json 2.json 3.json 4.json 5.json --out genesis.json");
    assert_eq!(joined["power"], 4);
    let chain = joined["chain"].as_str().unwrap().to_owned();
    let verified = desk.ok(&format!("genesis verify genesis.json --declaration 1.json --declaration 5.json --chain {chain}"));
    assert!(verified.contains(&chain) && verified.contains("Hospital-1 is in it, unchanged"), "{verified}");
    assert!(desk.ok("genesis show genesis.json --lang ja").contains("検証はしていません"));
    let other = "00".repeat(32);
    assert!(desk.fails(1, &format!("genesis verify genesis.json --chain {other}")).contains(&chain));
}

#[test]
fn secrets_lie_in_the_folder_of_keys_only() {
    let desk = Desk::new();
    desk.ok(&declare(&desk, 1));
    let mut names: Vec<_> =
        fs::read_dir(desk.path("home-1")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    let expected = [
        "authority.pem",
        "peer.pem",
        "practitioner-1.licence.json",
        "practitioner-1.pem",
        "practitioner-2.licence.json",
        "practitioner-2.pem",
        "validator.pem",
    ];
    assert_eq!(names, expected);
    for name in names {
        assert_eq!(fs::metadata(desk.path("home-1").join(name)).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let outside: Vec<_> = fs::read_dir(desk.folder()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(outside.len(), 2, "the folder of keys and the declaration: {outside:?}");
    let declaration = fs::read_to_string(desk.path("1.json")).unwrap();
    assert!(!declaration.contains("987654") && !declaration.contains("PRIVATE"), "{declaration}");
}

#[test]
fn a_tampered_declaration_stops_the_joining() {
    let desk = Desk::new();
    four_declarations(&desk);
    let text = fs::read_to_string(desk.path("3.json")).unwrap().replace("tcp/7003", "tcp/9003");
    fs::write(desk.path("3.json"), text).unwrap();
    let sentence = desk.fails(1, "genesis join 1.json 2.json 3.json 4.json --out genesis.json");
    assert!(sentence.contains("3.json") && sentence.contains("Hospital-3"), "{sentence}");
    assert!(!desk.path("genesis.json").exists());
}

#[test]
fn a_document_with_a_part_missing_or_changed_is_noticed_by_its_owner() {
    let desk = Desk::new();
    four_declarations(&desk);
    desk.ok(&declare(&desk, 5));
    desk.ok("genesis join 1.json 2.json 3.json 4.json --out genesis.json");
    let sentence = desk.fails(1, "genesis verify genesis.json --declaration 5.json");
    assert!(sentence.contains("Hospital-5") && sentence.contains("missing"), "{sentence}");
    let again = declare(&desk, 1).replace("1.json", "1b.json").replace("tcp/7001", "tcp/9001");
    assert!(desk.fails(1, &again).contains("exists and is not overwritten"));
    desk.ok(&format!("{again} --reuse-keys"));
    let sentence = desk.fails(1, "genesis verify genesis.json --declaration 1b.json");
    assert!(sentence.contains("Hospital-1") && sentence.contains("peers"), "{sentence}");
    let text = fs::read_to_string(desk.path("genesis.json")).unwrap().replace("tcp/7001", "tcp/9001");
    fs::write(desk.path("forged.json"), text).unwrap();
    assert!(desk.fails(1, "genesis verify forged.json").contains("does not verify"));
    assert!(desk.fails(1, "genesis join 1.json 2.json 3.json --out few.json").contains("3 validators"));
    fs::write(desk.path("parameters.toml"), "validators_min = 3\nheartbeat_ms = 2000\n").unwrap();
    desk.ok("genesis join 1.json 2.json 3.json --out few.json --parameters parameters.toml --time 1000");
}

#[test]
fn a_wrong_passphrase_and_a_key_that_others_can_read_are_named_with_the_remedy() {
    let desk = Desk::new();
    desk.ok("key new a.pem");
    let answer = desk.run_with("key show a.pem --open", |command| {
        command.env("INRO_PASSPHRASE", "not the passphrase");
    });
    assert_eq!((answer.status, answer.err.contains("passphrase does not open a.pem")), (1, true), "{answer:?}");
    fs::set_permissions(desk.path("a.pem"), fs::Permissions::from_mode(0o644)).unwrap();
    assert!(desk.fails(1, "key show a.pem").contains("chmod 600 a.pem"));
    fs::write(desk.path("passphrase"), format!("{PASSPHRASE}\n")).unwrap();
    fs::set_permissions(desk.path("passphrase"), fs::Permissions::from_mode(0o644)).unwrap();
    assert!(desk.fails(1, "key new b.pem --passphrase-file passphrase").contains("chmod 600 passphrase"));
    fs::set_permissions(desk.path("passphrase"), fs::Permissions::from_mode(0o600)).unwrap();
    desk.ok("key new b.pem --passphrase-file passphrase");
    desk.ok("key show b.pem --open");
}

#[test]
fn bad_input_exits_with_2_and_a_refusal_with_1() {
    let desk = Desk::new();
    for line in [
        "",
        "key",
        "key show missing.pem",
        "genesis join --out x.json",
        "genesis join missing.json --out x.json",
        "genesis declare --ledger L --organisation O --kind shop --keys k",
        "genesis declare --ledger L --organisation O --kind clinic --keys k",
        "genesis declare --ledger L --organisation O --kind clinic --keys k --consensus-address /dns4/a/tcp/1 \
         --exchange-address /ip4/127.0.0.1/tcp/1",
        "block minus-one",
        "status --node https://127.0.0.1:1",
        "transaction 12",
        "vote 12 --approve --key a.pem",
    ] {
        let answer = desk.run(line);
        assert_eq!(answer.status, 2, "inro {line}: {answer:?}");
        assert!(!answer.err.is_empty(), "inro {line}");
    }
    assert!(!desk.path("k").exists(), "nothing is made for a plan that cannot be declared");
    let short = desk.run_with("key new c.pem", |command| {
        command.env("INRO_PASSPHRASE", "short");
    });
    assert_eq!((short.status, short.err.contains("at least 8 characters")), (2, true), "{short:?}");
    let nobody = desk.run_with("key new c.pem", |command| {
        command.env("INRO_PASSPHRASE", "");
    });
    assert_eq!((nobody.status, nobody.err.contains("is empty")), (2, true), "{nobody:?}");
    desk.ok("key new a.pem");
    assert!(desk.fails(1, "key new a.pem").contains("not overwritten"));
    let sentence = desk.fails(1, "status --node http://127.0.0.1:9");
    assert!(sentence.contains("no answer from http://127.0.0.1:9"), "{sentence}");
    let json = desk.fails(1, "key new a.pem --json");
    assert_eq!(serde_json::from_str::<serde_json::Value>(&json).unwrap()["error"]["kind"], "refused");
}

#[test]
fn a_passphrase_is_changed_and_the_key_stays_the_same() {
    let desk = Desk::new();
    let made = desk.json("key new a.pem");
    let changed = desk.run_with("key change-passphrase a.pem", |command| {
        command.env("INRO_NEW_PASSPHRASE", "another passphrase");
    });
    assert_eq!(changed.status, 0, "{changed:?}");
    desk.fails(1, "key show a.pem --open");
    assert_eq!(desk.json("key show a.pem")["public"], made["public"]);
    let answer = desk.run_with("key show a.pem --open", |command| {
        command.env("INRO_PASSPHRASE", "another passphrase");
    });
    assert_eq!(answer.status, 0, "{answer:?}");
}

#[test]
fn answers_are_in_japanese_where_the_locale_is() {
    let desk = Desk::new();
    let answer = desk.run_with("key new a.pem", |command| {
        command.env("LANG", "ja_JP.UTF-8");
    });
    assert!(answer.out.contains("鍵を暗号化して a.pem に保存しました"), "{answer:?}");
    assert!(desk.fails(1, "key new a.pem --lang ja").starts_with("エラー: a.pem は既にあり"));
    assert!(desk.fails(1, "status --node http://127.0.0.1:9 --lang ja").contains("応答がありません"));
}
