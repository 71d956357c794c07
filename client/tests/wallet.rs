//! `inro wallet` as people use it.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::desk::{Answer, Desk};
use crate::stand_in_node::StandIn;

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn secret_file(desk: &Desk, name: &str, content: &str) {
    fs::write(desk.path(name), content).unwrap();
    fs::set_permissions(desk.path(name), fs::Permissions::from_mode(0o600)).unwrap();
}

/// Makes a wallet and gives its words.
fn new_wallet(desk: &Desk, name: &str) -> String {
    text(&desk.json(&format!("wallet new --wallet {name} --genesis genesis.json --words-language en --yes"))["words"])
}

fn open_account(desk: &Desk, wallet: &str, facility: u16) -> String {
    text(&desk.json(&format!("account open --wallet {wallet} --key {facility}/practitioner-1.pem"))["account"])
}

/// The labels of a wallet's accounts, each with the number of the key that speaks for it.
fn accounts(desk: &Desk, wallet: &str) -> Vec<(String, Option<u64>)> {
    let accounts = desk.json(&format!("wallet accounts --wallet {wallet}"));
    let mut accounts: Vec<_> = accounts
        .as_array()
        .unwrap()
        .iter()
        .map(|account| {
            assert_eq!(account["open"], true);
            (text(&account["label"]), account["key"].as_u64())
        })
        .collect();
    accounts.sort();
    accounts
}

#[test]
fn a_patient_opens_accounts_with_a_wallet_loses_it_and_has_them_again_from_the_words() {
    let node = StandIn::new();
    let desk = &node.desk;
    let words = new_wallet(desk, "hanako.wallet");
    assert_eq!(words.split(' ').count(), 24);
    let labels = [open_account(desk, "hanako.wallet", 1), open_account(desk, "hanako.wallet", 2)];
    let again = open_account(desk, "hanako.wallet", 1);
    assert_eq!(desk.json(&format!("account {again}"))["custodial"], false);
    desk.ok(&format!("wallet rotate {} --wallet hanako.wallet", labels[1]));
    let before = accounts(desk, "hanako.wallet");
    assert_eq!(before.len(), 3);
    assert!(before.contains(&(labels[1].clone(), Some(1))) && before.contains(&(again, Some(0))));

    fs::remove_file(desk.path("hanako.wallet")).unwrap();
    secret_file(desk, "words", &words.replace(' ', "\n"));
    let restored = desk.json("wallet restore --wallet again.wallet --words-file words --genesis genesis.json");
    assert_eq!((restored["found"].as_u64(), restored["members"].as_u64()), (Some(3), Some(4)));
    assert_eq!(accounts(desk, "again.wallet"), before);
    desk.ok(&format!("wallet rotate {} --wallet again.wallet", labels[1]));
    assert!(accounts(desk, "again.wallet").contains(&(labels[1].clone(), Some(2))));
    let all = desk.json("wallet rotate --all --wallet again.wallet");
    assert_eq!(all.as_array().unwrap().len(), 3);
    let keys: Vec<_> = accounts(desk, "again.wallet").into_iter().map(|(_, key)| key.unwrap()).collect();
    assert_eq!(keys.iter().sum::<u64>(), 2 + 3, "{keys:?}");
    let sentence = desk.ok("wallet scan --wallet again.wallet --genesis genesis.json");
    assert!(sentence.contains("3 accounts") && sentence.contains("proved"), "{sentence}");
    assert!(desk.ok("wallet scan --wallet again.wallet --genesis genesis.json --lang ja").contains("アカウント 3 件"));
}

#[test]
fn the_agreement_can_be_made_where_the_wallet_is_and_the_account_opened_elsewhere() {
    let node = StandIn::new();
    let desk = &node.desk;
    new_wallet(desk, "hanako.wallet");
    let custodian = text(&desk.json("key show 1/authority.pem")["organisation"]);
    let agreed = desk.json(&format!("wallet agree {custodian} --wallet hanako.wallet"));
    let label = text(&agreed["account"]);
    let sentence = desk.fails(1, &format!("wallet rotate {label} --wallet hanako.wallet"));
    assert!(sentence.contains("not open yet"), "{sentence}");
    desk.ok(&format!(
        "account open --first-key {} --agreement {} --key 1/practitioner-1.pem",
        text(&agreed["first_key"]),
        text(&agreed["agreement"])
    ));
    desk.ok("wallet scan --wallet hanako.wallet --genesis genesis.json");
    assert_eq!(accounts(desk, "hanako.wallet"), [(label.clone(), Some(0))]);
    let line = desk.ok(&format!("wallet name {label} Clinic --wallet hanako.wallet"));
    assert!(line.contains("open  Clinic"), "{line}");
}

#[test]
fn a_facility_keeps_wallets_for_patients_without_a_device() {
    let node = StandIn::new();
    let desk = &node.desk;
    let make = || desk.json("wallet new --store wallets --genesis genesis.json --nickname P-17");
    let (first, second) = (make(), make());
    assert_eq!(first["words"], Value::Null);
    let path = text(&first["file"]);
    assert_ne!(path, text(&second["file"]));
    let opened = desk.json(&format!("account open --wallet {path} --key 1/practitioner-1.pem"));
    let label = text(&opened["account"]);
    assert_eq!(desk.json(&format!("account {label}"))["custodial"], true);
    let listed = desk.json("wallet accounts --store wallets");
    assert_eq!((listed[0]["label"].as_str(), listed[0]["file"].as_str()), (Some(label.as_str()), Some(path.as_str())));
    assert!(desk.ok("wallet accounts --store wallets").contains("kept by the facility"));
    let rotated = desk.json(&format!("wallet rotate {label} --wallet {path}"));
    assert_eq!(rotated["outcome"], "applied-custodially");
    assert_eq!(desk.json(&format!("account {label}"))["custodial"], true);
    let shown = desk.json("wallet new --store wallets --genesis genesis.json --words --yes");
    assert_eq!(text(&shown["words"]).split(' ').count(), 24);
    let sentence = desk.fails(1, &format!("wallet change-passphrase --wallet {path}"));
    assert!(sentence.contains("inro key change-passphrase wallets/store.pem"), "{sentence}");
    new_wallet(desk, "own.wallet");
    let sentence = desk.fails(2, "account open --custodial --wallet own.wallet --key 1/practitioner-1.pem");
    assert!(sentence.contains("own wallet"), "{sentence}");
}

#[test]
fn a_guardian_and_a_recovery_by_another_wallet() {
    let node = StandIn::new();
    let desk = &node.desk;
    new_wallet(desk, "hanako.wallet");
    new_wallet(desk, "ichiro.wallet");
    let label = open_account(desk, "hanako.wallet", 1);
    let guardian = text(&desk.json(&format!("wallet guardian-key {label} --wallet ichiro.wallet"))["guardian"]);
    assert_eq!(desk.json(&format!("wallet guardian-key {label} --wallet ichiro.wallet"))["guardian"], guardian.as_str());
    assert_eq!(desk.json("wallet show --wallet ichiro.wallet")["guardianships"][0]["ward"], label.as_str());

    let words = new_wallet(desk, "hanako-2.wallet");
    let adopted = desk.json(&format!("wallet adopt {label} --wallet hanako-2.wallet"));
    for number in [1, 2] {
        desk.ok(&format!(
            "account attest-recovery {label} --new-public {} --possession {} --key {number}/practitioner-1.pem",
            text(&adopted["new_public"]),
            text(&adopted["possession"])
        ));
    }
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    desk.ok(&format!("wallet complete-recovery {label} --wallet hanako-2.wallet"));
    assert_eq!(accounts(desk, "hanako-2.wallet"), [(label.clone(), Some(0))]);
    desk.ok(&format!("wallet rotate {label} --wallet hanako-2.wallet"));
    let lost = desk.json("wallet scan --wallet hanako.wallet --genesis genesis.json");
    assert_eq!((lost["found"].as_u64(), lost["lost"].as_u64()), (Some(0), Some(1)));
    assert!(desk.fails(1, &format!("wallet rotate {label} --wallet hanako.wallet")).contains("another key"));
    secret_file(desk, "words", &words);
    desk.ok(&format!("wallet restore --wallet third.wallet --words-file words --genesis genesis.json --account {label}"));
    assert_eq!(accounts(desk, "third.wallet"), [(label, Some(1))]);
}

#[test]
fn what_cannot_be_done_is_refused_with_a_sentence_and_a_status() {
    let node = StandIn::new();
    let desk = &node.desk;
    let words = new_wallet(desk, "hanako.wallet");
    open_account(desk, "hanako.wallet", 1);
    let restore = "wallet restore --wallet other.wallet --genesis genesis.json --words-file words";
    let wrong = [
        (2, "24 words; found 2", "zoo zoo".to_owned()),
        (2, "word 24 is in none", format!("{} wavy", words.rsplit_once(' ').unwrap().0)),
        (2, "do not belong together", ["zoo"; 24].join(" ")),
    ];
    for (status, part, text) in wrong {
        secret_file(desk, "words", &text);
        let sentence = desk.fails(status, restore);
        assert!(sentence.contains(part) && !sentence.contains("zoo") && !sentence.contains("wavy"), "{sentence}");
    }
    secret_file(desk, "words", &words);
    fs::set_permissions(desk.path("words"), fs::Permissions::from_mode(0o644)).unwrap();
    assert!(desk.fails(1, restore).contains("chmod 600"));
    secret_file(desk, "words", &words);
    node.hide(true);
    let sentence = desk.fails(1, restore);
    assert!(sentence.contains("do not trust this node"), "{sentence}");
    assert!(desk.fails(1, &format!("{restore} --lang ja")).contains("信用せず"));
    node.hide(false);
    assert!(!desk.path("other.wallet").exists());
    assert!(desk.fails(1, "wallet new --wallet hanako.wallet --genesis genesis.json --yes").contains("not overwritten"));
    assert!(desk.fails(2, "wallet new --wallet x.wallet --genesis genesis.json").contains("--yes"));
    assert!(desk.fails(2, "wallet new --genesis genesis.json --yes").contains("--wallet"));
    assert!(desk.fails(2, "wallet show --wallet hanako.wallet --words").contains("--yes"));
    assert!(desk.fails(2, "wallet show --wallet 1/authority.pem").contains("not a wallet file"));
    let wrong_passphrase = desk.run_with("wallet show --wallet hanako.wallet", |command| {
        command.env("INRO_WALLET_PASSPHRASE", "another one");
    });
    assert!(wrong_passphrase.status == 1 && wrong_passphrase.err.contains("does not open"), "{wrong_passphrase:?}");
    let mut bytes = fs::read(desk.path("hanako.wallet")).unwrap();
    bytes[100] ^= 1;
    fs::write(desk.path("hanako.wallet"), &bytes).unwrap();
    assert!(desk.fails(1, "wallet show --wallet hanako.wallet").contains("damaged"));
}

#[test]
fn the_passphrase_of_a_wallet_can_be_another_than_that_of_keys_and_be_changed() {
    let node = StandIn::new();
    let desk = &node.desk;
    let with = |line: &str, passphrase: &str| {
        let answer = desk.run_with(line, |command| {
            command.env("INRO_WALLET_PASSPHRASE", passphrase).env("INRO_NEW_PASSPHRASE", "from now on");
        });
        assert_eq!(answer.status, 0, "{line}: {answer:?}");
    };
    with("wallet new --wallet hanako.wallet --genesis genesis.json --yes", "the patient's own");
    with("account open --wallet hanako.wallet --key 1/practitioner-1.pem", "the patient's own");
    with("wallet change-passphrase --wallet hanako.wallet", "the patient's own");
    with("wallet show --wallet hanako.wallet", "from now on");
    assert!(desk.fails(1, "wallet show --wallet hanako.wallet").contains("does not open"));
    secret_file(desk, "wallet-passphrase", "from now on\n");
    desk.ok("wallet show --wallet hanako.wallet --wallet-passphrase-file wallet-passphrase");
}

#[test]
fn japanese_words_restore_too_and_a_passphrase_of_the_words_makes_another_wallet() {
    let node = StandIn::new();
    let desk = &node.desk;
    secret_file(desk, "extension", "ひみつのことば\n");
    let new = desk
        .json("wallet new --wallet ja.wallet --genesis genesis.json --words-language ja --words-passphrase-file extension --yes");
    let label = open_account(desk, "ja.wallet", 3);
    secret_file(desk, "words", &text(&new["words"]).replace(' ', "\u{3000}"));
    let restore = |name: &str, more: &str| {
        desk.json(&format!("wallet restore --wallet {name} --words-file words --genesis genesis.json {more}"))
    };
    assert_eq!(restore("without.wallet", "")["found"], 0);
    assert_eq!(restore("with.wallet", "--words-passphrase-file extension")["accounts"][0]["label"], label.as_str());
    let shown = desk.ok("wallet show --wallet ja.wallet --words --yes");
    assert!(text(&new["words"]).split(' ').all(|word| shown.contains(word)), "{shown}");
}

#[test]
fn no_word_and_no_secret_is_printed_or_written_in_clear() {
    let node = StandIn::new();
    let desk = &node.desk;
    let words = new_wallet(desk, "hanako.wallet");
    let label = open_account(desk, "hanako.wallet", 1);
    let lines = [
        "wallet show --wallet hanako.wallet".to_owned(),
        "wallet accounts --wallet hanako.wallet".to_owned(),
        "wallet scan --wallet hanako.wallet --genesis genesis.json".to_owned(),
        format!("wallet rotate {label} --wallet hanako.wallet"),
        format!("wallet guardian-key {label} --wallet hanako.wallet"),
        "wallet show --wallet hanako.wallet --words".to_owned(),
        "wallet restore --wallet hanako.wallet --genesis genesis.json".to_owned(),
    ];
    let secret = inro_client::wallet::Words::parse(&words).unwrap();
    let secret = inro_client::wallet::WalletSecret::new(&secret, "");
    let custodian = text(&desk.json("key show 1/authority.pem")["organisation"]).parse().unwrap();
    let seeds: Vec<String> = (0..2).map(|key| hex::encode(secret.account_key(&node.chain, &custodian, 0, key).seed())).collect();
    // Two words in a row do not stand in a text by accident.
    let pair = words.split(' ').take(2).collect::<Vec<_>>().join(" ");
    let is_clean = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        !text.contains(&pair) && seeds.iter().all(|seed| !text.contains(seed))
    };
    for line in lines {
        for line in [line.clone(), format!("{line} --json")] {
            let Answer { out, err, .. } = desk.run(&line);
            assert!(is_clean(out.as_bytes()) && is_clean(err.as_bytes()), "inro {line}");
        }
    }
    let mut waiting = vec![desk.folder().to_path_buf()];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else {
                assert!(is_clean(&fs::read(&path).unwrap()), "{}", path.display());
            }
        }
    }
}
