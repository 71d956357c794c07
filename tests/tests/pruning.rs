//! A node that is pruned: histories and evidence are what they were, a new node finds its way past it, and nobody takes its data for a
//! whole ledger. In between a validator's key, a person's key and the validator set are replaced.

use std::process::Command;
use std::time::Duration;

use inro_client::model::At;
use inro_contracts::bytes::Canonical;
use inro_contracts::entry::Outcome;
use inro_contracts::id::GrantId;
use inro_contracts::organisation::{OrganisationKind, PeerKind};
use inro_contracts::time::Height;
use inro_contracts::transaction::Action;
use inro_tests::cluster::{Cluster, PATIENCE, Shape};
use inro_tests::consortium::{label_of, patient};
use inro_tests::invariants::Verdict;
use inro_tests::load::{Load, Pace};
use inro_tests::process::program;

use crate::evidence::{Inro, act, grant, key_file, request};

/// The least that a node can be told to keep.
const KEEP_BLOCKS: u64 = 1_000;
/// Who is pruned; the others keep everything.
const PRUNED: usize = 3;
const ALL: [usize; 4] = [0, 1, 2, PRUNED];
/// How long a thousand small blocks may take.
const MANY_BLOCKS: Duration = Duration::from_secs(150);

#[tokio::test(flavor = "multi_thread")]
async fn what_was_proved_before_a_pruning_holds_after_it_and_a_new_node_syncs_past_the_pruned_one() {
    let mut cluster = Cluster::found(&Shape::default());
    cluster.configure(PRUNED, |config| {
        let keep = i64::try_from(KEEP_BLOCKS).expect("it is a small number");
        config.insert("store".into(), toml::Table::from_iter([("keep_blocks".to_owned(), toml::Value::Integer(keep))]).into());
    });
    cluster.start_all().await;

    // Before: one of each kind of evidence, and a transaction that the rules refuse.
    let (person, person_file) = key_file(&cluster, "patient.pem");
    let account = label_of(&person);
    let label = account.to_hex();
    cluster.apply(0, &cluster.consortium.open_account(0, &person)).await;
    cluster.apply(0, &cluster.consortium.register_record(0, account)).await;
    let refused = cluster.commit(0, &cluster.consortium.register_record(1, account)).await;
    assert!(matches!(refused.outcome, Outcome::Rejected(_)), "only the custodian registers records");
    let (refused, refused_at) = (refused.id.to_hex(), refused.height);
    let grant = act(&cluster, grant(&cluster, account), &person).await;
    let physician = cluster.consortium.members[1].practitioner.clone();
    let access = act(&cluster, request(&cluster, account), &physician).await.to_hex();
    cluster.wait_level(&ALL).await;
    let folder = cluster.folder().join("evidence");
    std::fs::create_dir(&folder).expect("the folder is writable");
    let nobody = label_of(&patient()).to_hex();
    let kinds: [(&str, &[&str]); 7] = [
        ("entry", &["entry", &access]),
        ("refused", &["entry", &refused]),
        ("journal", &["journal", "--key", &person_file, "--account", &label]),
        ("absence", &["absence", &nobody]),
        ("decision", &["decision", &access]),
        ("consistency", &["consistency", "1", "4"]),
        ("validators", &["validators", "latest"]),
    ];
    let inro = Inro { cluster: &cluster, folder: folder.clone() };
    let before = kinds.map(|(name, arguments)| inro.evidence(name, arguments));

    // In between: keys are replaced, and a thousand blocks go by.
    let (fresh, fresh_file) = key_file(&cluster, "patient-2.pem");
    let possession = cluster.consortium.possession(account.0, &fresh);
    act(&cluster, Action::RotateController { account, key: fresh.public(), custodial: false, possession }, &person).await;
    act(&cluster, Action::Revoke { account, grant: GrantId(grant.0) }, &fresh).await;
    rotate_validator(&mut cluster, 2).await;
    let last = cluster.height(0).await;
    let load = Load::start(&cluster, &ALL, Pace::PerSecond(60)).await;
    cluster.wait_height(PRUNED, last + KEEP_BLOCKS + 1, MANY_BLOCKS).await;
    let told = load.finish().await;
    let whole_from = wait_pruned(&cluster, Height(last)).await;

    // After: what was proved holds, what happened to accounts is still proved, the rest is said to be elsewhere.
    let inro = Inro { cluster: &cluster, folder };
    for (file, proved) in &before {
        assert_eq!(&inro.verify(file), proved, "{} does not hold any more", file.display());
    }
    let history = |node: usize| {
        let (shown, said) = inro.run(cluster.client(node).url(), &["history", "--key", &fresh_file, "--account", &label]);
        assert!(shown, "{said}");
        (said[0]["proved"].clone(), said[0]["events"].clone())
    };
    assert_eq!(history(PRUNED), history(0));
    assert_eq!(history(PRUNED).0, true, "the pruned node's history is complete and proved");
    let make_from = |nodes: &str, name: &str, arguments: &[&str]| {
        let file = inro.folder.join(name);
        let out = file.display().to_string();
        let (made, said) = inro.run(nodes, &[&["evidence"], arguments, &["--out", &out]].concat());
        if made { Ok(inro.verify(&file)) } else { Err(said["error"]["detail"].as_str().unwrap_or_default().to_owned()) }
    };
    let make = |node: usize, name: &str, arguments: &[&str]| make_from(cluster.client(node).url(), name, arguments);
    let both = [PRUNED, 0].map(|node| cluster.client(node).url()).join(",");
    let again = make(PRUNED, "entry-again", &["entry", &access]).expect("an event is still proved in its block");
    assert_eq!(again["outcome"], before[0].1["outcome"]);
    let journal = ["journal", "--key", &fresh_file, "--account", &label];
    assert_eq!(make(PRUNED, "journal-again", &journal).expect("a journal is still proved")["events"], 6);
    assert_eq!(make(PRUNED, "consistency-again", &["consistency", "1", "4"]).as_ref(), Ok(&before[5].1));
    for (name, arguments) in [("refused-again", ["entry", &refused]), ("decision-again", ["decision", &access])] {
        let sentence = make(PRUNED, name, &arguments).expect_err("it was dropped");
        assert!(sentence.contains("ask a member that keeps everything"), "{name}: {sentence}");
        let elsewhere = make(0, name, &arguments).expect("another node keeps everything");
        let found = make_from(&both, &format!("{name}-from-both"), &arguments);
        let found = found.expect("whoever names another node gets it from there");
        assert_eq!(found["outcome"], elsewhere["outcome"]);
    }
    let gone = cluster.client(PRUNED).block(At::Height(refused_at)).await.expect_err("something of it was dropped");
    assert_eq!(gone.problem().map(|problem| problem.status), Some(410), "{gone}");

    // A new node needs the first blocks, and is connected to the pruned node as well.
    let newcomer = cluster.admit("Zushi Hospital", OrganisationKind::Hospital, PeerKind::Observer).await;
    cluster.restart(newcomer).await;
    cluster.wait_height(newcomer, cluster.height(0).await, PATIENCE).await;
    assert_eq!(cluster.status(newcomer).await.whole_from, Height(1));
    cluster.wait_peers(newcomer, 4).await;

    // Its data are no whole ledger, and it starts with them as before.
    cluster.terminate(PRUNED).await;
    let data = cluster.nodes[PRUNED].data();
    let copy = cluster.folder().join("copy.inro");
    let genesis = cluster.folder().join("genesis.json");
    for arguments in [
        vec!["inro-node".into(), "export".into(), "--data".into(), data.clone(), "--to".into(), copy.clone()],
        vec!["inro".into(), "audit".into(), data, "--genesis".into(), genesis],
    ] {
        let output = Command::new(program(&arguments[0].display().to_string())).args(&arguments[1..]).output();
        let output = output.expect("the program starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("is pruned: it has whole blocks from"), "{said}");
    }
    assert!(!copy.exists());
    cluster.restart(PRUNED).await;
    assert!(cluster.status(PRUNED).await.whole_from >= whole_from);

    let verdict = Verdict::of(&cluster, &[0, 1, 2, newcomer]).await;
    verdict.everything_holds(&told);
    cluster.wait_height(PRUNED, verdict.chains[&0].len() as u64, PATIENCE).await;
    for block in &verdict.chains[&0] {
        let found = cluster.client(PRUNED).header(At::Height(block.header.height)).await;
        assert_eq!(found.expect("headers stay").to_bytes(), block.header.to_bytes());
    }
}

/// A validator's key is replaced, and the new one votes.
async fn rotate_validator(cluster: &mut Cluster, node: usize) {
    let member = cluster.consortium.members[node].clone();
    let (old, new) = (member.validator.clone().expect("it votes"), member.new_key("validator-2.pem"));
    cluster.apply(0, &cluster.consortium.rotate_validator(&member, old.public(), &new)).await;
    cluster.terminate(node).await;
    cluster.configure(node, |config| {
        let keys = config["keys"].as_table_mut().expect("the configuration has keys");
        keys.insert("validator".into(), "keys/validator-2.pem".into());
    });
    cluster.consortium.members[node].validator = Some(new);
    cluster.restart(node).await;
    cluster.wait_voting(node, PATIENCE).await;
}

/// Waits until the pruned node has gone through this block, and says from where on it is whole.
async fn wait_pruned(cluster: &Cluster, height: Height) -> Height {
    for _ in 0..200 {
        let status = cluster.status(PRUNED).await;
        assert!(status.whole_from.0 <= (status.height.0 + 1).saturating_sub(KEEP_BLOCKS).max(1), "it keeps what it was told to");
        if status.whole_from > height {
            return status.whole_from;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("block {height} was not pruned in time");
}
