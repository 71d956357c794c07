//! Acting with key files: every command builds a transaction that the ledger's own rules accept.

use serde_json::Value;

use crate::desk::error;
use crate::stand_in_node::StandIn;

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// A proposal's id, after Hospital 1 made it and two others voted for it.
fn decide(node: &StandIn, proposal: &str) -> String {
    let proposed = node.desk.json(&format!("propose {proposal} --key 1/authority.pem"));
    let id = text(&proposed["proposal"]);
    for voter in [2, 3] {
        node.desk.ok(&format!("vote {id} --approve --key {voter}/authority.pem"));
    }
    let proposals = node.desk.json("proposals");
    let decided = proposals.as_array().unwrap().iter().find(|candidate| candidate["id"] == id.as_str()).unwrap();
    assert_eq!(decided["status"], "accepted", "{proposal}");
    id
}

fn organisation(node: &StandIn, number: u16) -> String {
    text(&node.desk.json(&format!("key show {number}/authority.pem"))["organisation"])
}

#[test]
fn members_govern_the_ledger_by_proposals_and_votes() {
    let node = StandIn::new();
    let desk = &node.desk;
    let chain = node.chain.to_hex();
    desk.ok("key new new-authority.pem");
    let possessed = desk.json(&format!("key possess --chain {chain} --subject new-organisation --key new-authority.pem"));
    let (public, possession) = (text(&possessed["public"]), text(&possessed["possession"]));
    decide(&node, &format!("admit --name Clinic-5 --kind clinic --new-public {public} --possession {possession}"));
    let fifth = text(&desk.json("key show new-authority.pem")["organisation"]);
    desk.ok("key new new-validator.pem");
    decide_with_fifth(&node, &format!("set-validator {fifth} --power 1 --new-key new-validator.pem"));
    assert_eq!(desk.json("validators").as_array().unwrap().len(), 5);
    let validator = text(&desk.json("key show new-validator.pem")["public"]);
    decide_with_fifth(&node, &format!("remove-validator {validator}"));
    assert_eq!(desk.json("validators").as_array().unwrap().len(), 4);
    decide_with_fifth(&node, &format!("suspend {fifth} --reason unreachable"));
    decide(&node, &format!("reinstate {fifth}"));
    desk.ok("key new replaced-authority.pem");
    decide_with_fifth(&node, &format!("replace-authority {fifth} --new-key replaced-authority.pem"));
    std::fs::write(desk.path("parameters.toml"), "heartbeat_ms = 5000\n").unwrap();
    let id = text(&desk.json("propose set-parameters parameters.toml --key 1/authority.pem")["proposal"]);
    for voter in ["2/authority.pem", "3/authority.pem", "replaced-authority.pem"] {
        desk.ok(&format!("vote {id} --approve --key {voter}"));
    }
    assert_eq!(desk.json("parameters")["heartbeat_ms"], 5000);
    let refused = text(&desk.json(&format!("propose suspend {fifth} --reason x --key 1/authority.pem"))["proposal"]);
    desk.ok(&format!("vote {refused} --refuse --key 2/authority.pem"));
    let again = desk.fails(1, &format!("vote {refused} --approve --key 2/authority.pem"));
    assert!(again.contains("T-17") && again.contains("votes once"), "{again}");
    let stranger = desk.fails(1, &format!("vote {refused} --approve --key new-authority.pem"));
    assert!(stranger.contains("not the authority key of a member"), "{stranger}");
}

/// With five active members, four have to agree.
fn decide_with_fifth(node: &StandIn, proposal: &str) {
    let id = text(&node.desk.json(&format!("propose {proposal} --key 1/authority.pem"))["proposal"]);
    for voter in [2, 3, 4] {
        node.desk.ok(&format!("vote {id} --approve --key {voter}/authority.pem"));
    }
}

#[test]
fn an_organisation_rotates_its_keys_and_registers_machines() {
    let node = StandIn::new();
    let desk = &node.desk;
    desk.ok("key new authority-2.pem");
    desk.ok("rotate-authority --new-key authority-2.pem --key 1/authority.pem");
    desk.ok("key new validator-2.pem");
    let old = text(&desk.json("key show 1/validator.pem")["public"]);
    assert!(
        desk.fails(1, &format!("rotate-validator --old {old} --new-key validator-2.pem --key 1/authority.pem"))
            .contains("authority")
    );
    desk.ok(&format!("rotate-validator --old {old} --new-key validator-2.pem --key authority-2.pem"));
    let sentence = desk.ok("certificate latest --genesis genesis.json");
    assert!(sentence.contains("Verified"), "the old set voted on this block: {sentence}");
    let first = text(&desk.json("block 1")["id"]);
    assert!(desk.ok(&format!("certificate latest --genesis genesis.json --pin 1:{first}")).contains("Verified"));
    let sentence = desk.fails(1, &format!("certificate latest --genesis genesis.json --pin 1:{}", "00".repeat(32)));
    assert!(sentence.contains("--pin"), "{sentence}");
    assert!(desk.fails(2, "certificate latest --pin 1").contains("a colon"));
    desk.ok("key new peer-2.pem");
    let addresses = "--consensus-address /ip4/127.0.0.1/tcp/7500 --exchange-address /ip4/127.0.0.1/tcp/7501";
    let registered = desk.json(&format!("peer register --kind observer {addresses} --new-key peer-2.pem --key authority-2.pem"));
    // The stand-in goes on signing with the keys of before: those no longer vote.
    let sentence = desk.fails(1, "certificate latest --genesis genesis.json");
    assert!(sentence.contains("V-10"), "{sentence}");
    assert_eq!(desk.json("peers").as_array().unwrap().len(), 5);
    desk.ok(&format!("peer remove {} --key authority-2.pem", text(&registered["peer"])));
    assert_eq!(desk.json("peers").as_array().unwrap().len(), 4);
}

#[test]
fn practitioners_are_registered_renewed_rotated_suspended_and_reinstated() {
    let node = StandIn::new();
    let desk = &node.desk;
    desk.ok("key new nurse.pem");
    let organisation = organisation(&node, 2);
    let possessed = desk.json(&format!("key possess --subject {organisation} --key nurse.pem"));
    let registered = desk.json(&format!(
        "practitioner register --role nurse --licence-file nurse.licence.json --licence-number 987654 --new-public {} --possession {} --key 2/authority.pem",
        text(&possessed["public"]),
        text(&possessed["possession"])
    ));
    let id = text(&registered["practitioner"]);
    assert_eq!(desk.json(&format!("practitioner show {id}"))["role"], "nurse");
    desk.ok(&format!("practitioner renew {id} --valid-days 30 --key 2/authority.pem"));
    desk.ok("key new nurse-2.pem");
    desk.ok(&format!("practitioner rotate {id} --new-key nurse-2.pem --key nurse.pem"));
    desk.ok(&format!("practitioner suspend {id} --key 2/authority.pem"));
    assert_eq!(desk.json(&format!("practitioner show {id}"))["standing"], "suspended");
    desk.ok(&format!("practitioner reinstate {id} --key 2/authority.pem"));
    let sentence = desk.fails(1, &format!("practitioner suspend {id} --key 3/authority.pem --json"));
    assert_eq!(error(&sentence)["rule"], "T-9");
}

#[test]
fn an_account_lives_from_its_opening_to_a_recovery() {
    let node = StandIn::new();
    let desk = &node.desk;
    desk.ok("key new account.pem");
    let custodian = organisation(&node, 1);
    let agreed = desk.json(&format!("key agree --custodian {custodian} --key account.pem"));
    let opened = desk.json(&format!(
        "account open --first-key {} --agreement {} --key 1/practitioner-1.pem",
        text(&agreed["public"]),
        text(&agreed["agreement"])
    ));
    let label = text(&opened["account"]);
    assert_eq!(desk.json(&format!("account {label}"))["custodian"], custodian.as_str());
    desk.ok("key new account-2.pem");
    desk.ok(&format!("account rotate {label} --new-key account-2.pem --key account.pem"));
    desk.ok("key new daughter.pem");
    let guardian = text(&desk.json("key show daughter.pem")["public"]);
    desk.ok(&format!(
        "account appoint-guardian {label} --guardian {guardian} --powers read-journal,veto-recovery --key account-2.pem"
    ));
    assert_eq!(desk.json(&format!("account {label}"))["guardians"][0]["powers"], 9);
    desk.ok("key new recovered.pem");
    let attest = |number: u16| {
        desk.ok(&format!("account attest-recovery {label} --new-key recovered.pem --key {number}/practitioner-1.pem"));
    };
    attest(1);
    desk.ok(&format!("account veto-recovery {label} --key daughter.pem"));
    desk.ok(&format!("account dismiss-guardian {label} --guardian {guardian} --key daughter.pem"));
    attest(1);
    attest(2);
    let early = desk.run(&format!("account complete-recovery {label} --key recovered.pem"));
    if early.status != 0 {
        assert!(early.err.contains("A-13"), "{early:?}");
        std::thread::sleep(std::time::Duration::from_millis(1_100));
        desk.ok(&format!("account complete-recovery {label} --key recovered.pem"));
    }
    let controller = text(&desk.json("key show recovered.pem")["public"]);
    assert_eq!(desk.json(&format!("account {label}"))["controller"], controller.as_str());
}

#[test]
fn records_are_registered_superseded_flagged_and_erased() {
    let node = StandIn::new();
    let desk = &node.desk;
    desk.ok("key new account.pem");
    let opened = desk.json("account open --account-key account.pem --custodial --key 1/practitioner-1.pem");
    let label = text(&opened["account"]);
    let commitment = "ab".repeat(32);
    let payload = format!("--category referral --commitment {commitment} --size 48213");
    let first =
        text(&desk.json(&format!("record register {label} {payload} --flags uninformed --key 1/practitioner-1.pem"))["record"]);
    desk.ok(&format!("record flags {label} {first} --key 1/practitioner-1.pem"));
    let id = "cd".repeat(32);
    desk.ok(&format!("record supersede {label} --old {first} --id {id} {payload} --key 1/practitioner-1.pem"));
    desk.ok(&format!("record erase {label} {id} --reason patient-request --key 1/practitioner-1.pem"));
    let sentence = desk.fails(1, &format!("record register {label} {payload} --key 2/practitioner-1.pem"));
    assert!(sentence.contains("R-1"), "{sentence}");
    let pending = desk.json(&format!("record register {label} {payload} --key 1/practitioner-1.pem --no-wait"));
    assert_eq!(pending["status"], "pending");
    let waited = desk.json(&format!("transaction {} --wait", text(&pending["id"])));
    assert_eq!(waited["outcome"], "applied");
}
