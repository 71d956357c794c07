//! Witnesses of a running ledger: what they cosign, what a policy demands of them, and what they do when validators collude.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use inro_client::light::witness::{NotWitnessed, Uncovered, Witnesses};
use inro_client::model::At;
use inro_contracts::block::Header;
use inro_contracts::id::Hash;
use inro_contracts::time::Height;
use inro_evidence::policy::Policy;
use inro_tests::cluster::{Cluster, PATIENCE};
use inro_tests::forked_node::ForkedNode;
use inro_tests::invariants::Verdict;
use inro_tests::load::Told;
use inro_tests::process::program;
use inro_tests::witnesses::{Witness, all_nodes, policy, policy_text};
use serde_json::Value;

const SHORT: Duration = Duration::from_secs(2);

async fn newest(cluster: &Cluster, node: usize) -> Header {
    cluster.client(node).header(At::Latest).await.expect("the node answers")
}

async fn header(cluster: &Cluster, node: usize, height: u64) -> Header {
    cluster.client(node).header(At::Height(Height(height))).await.expect("the node has the block")
}

/// What `inro` says, as JSON.
fn inro(cluster: &Cluster, arguments: &[&str]) -> (bool, Value) {
    let output = Command::new(program("inro"))
        .args(arguments)
        .args(["--json", "--node", cluster.client(0).url(), "--genesis"])
        .arg(cluster.folder().join("genesis.json"))
        .arg("--state")
        .arg(cluster.folder().join("seen"))
        .output()
        .expect("the command runs");
    let text = if output.status.success() { &output.stdout } else { &output.stderr };
    let value = serde_json::from_slice(text).unwrap_or_else(|_| panic!("{arguments:?}: {}", String::from_utf8_lossy(text)));
    (output.status.success(), value)
}

/// Where [`inro`] remembers the newest block.
fn seen_head(cluster: &Cluster) -> PathBuf {
    cluster.folder().join("seen").join(format!("{}.head.inro", cluster.founding.chain.to_hex()))
}

/// A witness that refuses, and evidence that anybody believes; returns what the evidence proves.
async fn refuses_with_evidence(cluster: &Cluster, witness: &mut Witness, colluding: &[usize]) -> Value {
    let health = witness.wait_health("does not refuse", |health| health["status"] == "refused").await;
    assert!(witness.checkpoint().await.is_none(), "a witness that saw a fork gives no checkpoint");
    let (held, said) = inro(cluster, &["verify", &witness.fork_file().display().to_string()]);
    assert!(held, "{said}");
    let proved = said["proved"].clone();
    assert_eq!((&proved["kind"], &health["standing"]["fork"]["double_signers"]), (&"fork".into(), &proved["double_signers"]));
    let named = proved["double_signers"].as_array().expect("a fork names its signers");
    let keys: Vec<_> = colluding.iter().map(|member| &cluster.consortium.members[*member]).collect();
    let keys: Vec<_> = keys.iter().map(|member| member.validator.as_ref().expect("it votes").public().to_hex()).collect();
    // Two quorums of four have at least two validators in common; whoever signed only one block is not named.
    assert!(named.len() >= 2 && named.iter().all(|key| keys.iter().any(|colluding| key == colluding)), "{named:?}");
    proved
}

#[tokio::test(flavor = "multi_thread")]
async fn two_of_three_witnesses_are_enough_and_one_is_not_and_a_restarted_one_goes_on() {
    let cluster = Cluster::of_four().await;
    let mut witnesses = Witness::start_all(&cluster, &["north", "south", "east"]);
    cluster.wait_height(0, 3, PATIENCE).await;
    let client = Witnesses::new(policy(&witnesses, 2)).expect("the addresses are sound");
    let file = cluster.folder().join("policy.txt");
    std::fs::write(&file, policy_text(&witnesses, 2)).expect("the folder is writable");
    let command = ["witnesses", &file.display().to_string(), "--patience-s"];

    let block = newest(&cluster, 0).await;
    let covers = client.require(cluster.client(0), &block).await.expect("three witnesses cover the block");
    assert!(covers.len() >= 2 && covers.iter().all(|cover| cover.size > block.height.0), "{covers:?}");
    assert!(client.require(cluster.client(3), &header(&cluster, 3, 1).await).await.is_ok(), "an old block is covered too");
    let (held, said) = inro(&cluster, &[&command[..], &["60"]].concat());
    assert!(held && said["witnessed_by"].as_array().is_some_and(|by| by.len() >= 2), "{said}");
    // A witness that signs with another key than the policy names is as good as none.
    let swapped = policy_text(&witnesses, 3).replace(&witnesses[0].url, &witnesses[1].url);
    let swapped = Policy::from_bytes(swapped.as_bytes()).expect("the policy is sound");
    let swapped = Witnesses::new(swapped).expect("the addresses are sound").with_patience(PATIENCE);
    let refusal = swapped.require(cluster.client(0), &block).await.expect_err("north's address is south's");
    assert!(matches!(&refusal.missing[0], (name, Uncovered::False(_)) if name == "north"), "{refusal}");
    // What is cosigned is what the next header carries.
    for witness in &mut witnesses {
        let checkpoint = witness.wait_size(3).await.checkpoint;
        cluster.wait_height(0, checkpoint.size, PATIENCE).await;
        assert_eq!(header(&cluster, 0, checkpoint.size).await.history_root, checkpoint.root);
    }

    witnesses[1].kill();
    cluster.wait_height(0, block.height.0 + 2, PATIENCE).await;
    let covers = client.require(cluster.client(0), &newest(&cluster, 0).await).await.expect("two witnesses cover the block");
    assert_eq!(covers.iter().map(|cover| cover.witness.as_str()).collect::<Vec<_>>(), ["north", "east"]);

    let before = witnesses[2].checkpoint().await.expect("it runs").checkpoint;
    witnesses[2].kill();
    cluster.wait_height(0, before.size + 1, PATIENCE).await;
    witnesses[0].wait_size(newest(&cluster, 0).await.height.0 + 1).await;
    let hasty = client.clone().with_patience(SHORT);
    let refusal = hasty.require(cluster.client(0), &newest(&cluster, 0).await).await.expect_err("one witness is not enough");
    assert_eq!(refusal.needed, "2 of (north, south, east)");
    let missing: Vec<_> = refusal.missing.iter().map(|(name, why)| (name.as_str(), why)).collect();
    assert!(
        matches!(missing.as_slice(), [("south", Uncovered::Unreachable(_)), ("east", Uncovered::Unreachable(_))]),
        "{refusal}"
    );
    let (held, said) = inro(&cluster, &[&command[..], &["5"]].concat());
    let sentence = said["error"]["detail"].as_str().expect("a sentence");
    assert!(!held && sentence.contains("south does not answer") && sentence.contains("east does not answer"), "{sentence}");

    // What a policy refuses is not shown by any command, and not remembered: the ledger went on, the memory did not.
    let seen = std::fs::read(seen_head(&cluster)).expect("it remembers");
    cluster.wait_height(0, newest(&cluster, 0).await.height.0 + 1, PATIENCE).await;
    let (held, said) = inro(&cluster, &["organisations", "--witness-policy", &file.display().to_string()]);
    assert!(!held && said["error"]["detail"].as_str().is_some_and(|said| said.contains("not witnessed")), "{said}");
    assert!(std::fs::read(seen_head(&cluster)).is_ok_and(|now| now == seen), "what no witness covers is not remembered");

    // An older block than the one it went away with is as well covered as before, as soon as it is back.
    witnesses[2].start(&all_nodes(&cluster));
    let after = witnesses[2].wait_size(before.size + 1).await.checkpoint;
    assert!(after.size > before.size);
    client.require(cluster.client(0), &newest(&cluster, 0).await).await.expect("two witnesses cover the block again");
    Verdict::of(&cluster, &[0, 1, 2, 3]).await.everything_holds(&Told::default());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_witness_that_is_shown_a_fork_refuses_for_good_and_keeps_evidence_that_names_the_double_signers() {
    let cluster = Cluster::of_four().await;
    let mut witness = Witness::settle(&cluster, "north");
    witness.start(&all_nodes(&cluster));
    let size = witness.wait_size(6).await.checkpoint.size;
    witness.kill();
    // Three of four validators sign another history, which begins before what the witness cosigned and is longer.
    let fork = ForkedNode::serve(&cluster, 0, size - 4, 20, &[0, 1, 2]).await;
    witness.start(&[fork.url().to_owned()]);
    let proved = refuses_with_evidence(&cluster, &mut witness, &[0, 1, 2]).await;
    let height = proved["height"].as_u64().expect("a height");
    assert!(height >= size - 3, "block {height} of the fork is the consortium's");

    // It does not forget, and honest nodes do not make it go on.
    witness.kill();
    witness.start(&all_nodes(&cluster));
    refuses_after_restart(&mut witness).await;
    assert!(witness.log().contains("nothing is cosigned any more"));
    Verdict::of(&cluster, &[0, 1, 2, 3]).await.everything_holds(&Told::default());
}

async fn refuses_after_restart(witness: &mut Witness) {
    let health = witness.wait_health("does not refuse", |health| health["status"] == "refused").await;
    assert!(health["standing"]["fork"]["double_signers"].as_array().is_some_and(|signers| signers.len() >= 2), "{health}");
    assert!(health["standing"]["fork"]["evidence"].as_str().is_some_and(|path| Path::new(path).ends_with("witness.state.fork")));
    assert!(witness.checkpoint().await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_witness_that_was_alone_with_a_fork_is_named_by_the_policy_and_refuses_when_it_sees_an_honest_node() {
    let cluster = Cluster::of_four().await;
    let mut witnesses = Witness::start_all(&cluster, &["north", "south"]);
    cluster.wait_height(0, 4, PATIENCE).await;
    let fork = ForkedNode::serve(&cluster, 0, 2, 3, &[1, 2, 3]).await;
    let mut deceived = Witness::settle(&cluster, "east");
    deceived.start(&[fork.url().to_owned()]);
    let forked = deceived.wait_size(6).await.checkpoint;
    witnesses.push(deceived);

    for witness in &mut witnesses[..2] {
        witness.wait_size(5).await;
    }
    // It covers the fork for nobody: two others do not. And an honest block is covered by those two, not by it.
    let two = Witnesses::new(policy(&witnesses, 2)).expect("the addresses are sound").with_patience(SHORT);
    let shown = inro_client::NodeClient::new(fork.url()).expect("a sound address");
    let refusal = two.require(&shown, &fork.header(5)).await.expect_err("no two witnesses cover the fork");
    assert_names(&refusal, &["north", "south"]);
    let honest = header(&cluster, 0, 4).await;
    two.require(cluster.client(0), &honest).await.expect("two witnesses cover the honest block");
    let three = Witnesses::new(policy(&witnesses, 3)).expect("the addresses are sound").with_patience(PATIENCE);
    let refusal = three.require(cluster.client(0), &honest).await.expect_err("the third is on another history");
    let is_elsewhere = |(name, why): &(String, Uncovered)| name == "east" && matches!(why, Uncovered::OtherHistory(6));
    assert!(refusal.missing.iter().any(is_elsewhere), "{refusal}");

    let mut deceived = witnesses.pop().expect("it is the last");
    deceived.kill();
    let mut nodes = all_nodes(&cluster);
    nodes.push(fork.url().to_owned());
    deceived.start(&nodes);
    refuses_with_evidence(&cluster, &mut deceived, &[1, 2, 3]).await;
    assert_eq!(forked.size, 6, "the fork was not cosigned any further");
    Verdict::of(&cluster, &[0, 1, 2, 3]).await.everything_holds(&Told::default());
}

fn assert_names(refusal: &NotWitnessed, names: &[&str]) {
    let named: Vec<_> = refusal.missing.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(named, names, "{refusal}");
    // They are behind, or, once they are further than the forked node, it proves nothing about them or something false.
    let all_elsewhere = refusal
        .missing
        .iter()
        .all(|(_, why)| matches!(why, Uncovered::Behind(_) | Uncovered::Unproved(_) | Uncovered::OtherHistory(_)));
    assert!(all_elsewhere, "{refusal}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_size_ever_has_two_roots_even_if_a_witness_is_set_back_to_an_older_copy_of_its_memory() {
    let cluster = Cluster::of_four().await;
    let mut witness = Witness::settle(&cluster, "north");
    let mut roots = BTreeMap::new();
    witness.start(&all_nodes(&cluster));
    note_until(&mut witness, 4, &mut roots).await;
    let copy = std::fs::read(witness.state()).expect("it remembers");
    let newest = note_until(&mut witness, 8, &mut roots).await;
    witness.kill();
    std::fs::write(witness.state(), &copy).expect("the folder is writable");
    witness.start(&all_nodes(&cluster));
    let size = note_until(&mut witness, newest + 2, &mut roots).await;

    // Set back once more, and shown a fork that begins after the copy, beside the honest nodes.
    witness.kill();
    std::fs::write(witness.state(), &copy).expect("the folder is writable");
    let fork = ForkedNode::serve(&cluster, 0, size - 2, 1, &[0, 1, 2]).await;
    witness.start(&[cluster.client(1).url().to_owned(), fork.url().to_owned()]);
    while witness.health().await.is_none_or(|health| health["status"] != "refused") {
        assert!(witness.is_running());
        note(&witness, &mut roots).await;
    }
    refuses_with_evidence(&cluster, &mut witness, &[0, 1, 2]).await;
    for (size, root) in roots {
        cluster.wait_height(0, size, PATIENCE).await;
        assert_eq!(header(&cluster, 0, size).await.history_root, root, "at size {size}");
    }
    Verdict::of(&cluster, &[0, 1, 2, 3]).await.everything_holds(&Told::default());
}

/// Writes down every tree that the witness gives out, until one is this large.
async fn note_until(witness: &mut Witness, size: u64, roots: &mut BTreeMap<u64, Hash>) -> u64 {
    for _ in 0..PATIENCE.as_millis() / 20 {
        if let Some(found) = note(witness, roots).await.filter(|found| *found >= size) {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the witness has not cosigned {size} blocks:\n{}", witness.log());
}

async fn note(witness: &Witness, roots: &mut BTreeMap<u64, Hash>) -> Option<u64> {
    let checkpoint = witness.checkpoint().await?.checkpoint;
    let before = roots.insert(checkpoint.size, checkpoint.root);
    assert!(before.is_none_or(|root| root == checkpoint.root), "size {} has two roots", checkpoint.size);
    Some(checkpoint.size)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_witness_follows_a_change_of_the_validators_and_remembers_it() {
    let cluster = Cluster::of_four().await;
    let mut witness = Witness::settle(&cluster, "north");
    witness.start(&all_nodes(&cluster));
    witness.wait_size(2).await;
    let member = cluster.consortium.members[3].clone();
    let (old, new) = (member.validator.clone().expect("it votes"), member.new_key("validator-2.pem"));
    let rotated = cluster.apply(0, &cluster.consortium.rotate_validator(&member, old.public(), &new)).await.height;
    witness.wait_size(rotated.0 + 2).await;
    witness.kill();
    let mut late = Witness::settle(&cluster, "south");
    for witness in [&mut witness, &mut late] {
        cluster.wait_height(0, rotated.0 + 3, PATIENCE).await;
        witness.start(&[cluster.client(1).url().to_owned()]);
        witness.wait_size(rotated.0 + 4).await;
    }
    let witnesses = [witness, late];
    let both = Witnesses::new(policy(&witnesses, 2)).expect("the addresses are sound");
    both.require(cluster.client(0), &newest(&cluster, 0).await).await.expect("both cover the newest block");
    Verdict::of(&cluster, &[0, 1, 2]).await.everything_holds(&Told::default());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_witness_believes_no_block_without_a_quorum_and_no_memory_but_its_own() {
    let cluster = Cluster::of_four().await;
    cluster.wait_height(0, 3, PATIENCE).await;
    let liar = ForkedNode::serve(&cluster, 0, 2, 5, &[0, 1]).await;
    let mut witness = Witness::settle(&cluster, "north");
    witness.start(&[liar.url().to_owned()]);
    let doubts = |health: &Value| health["standing"]["nodes"][0]["fault"].as_str().is_some_and(|fault| fault.contains("V-10"));
    let health = witness.wait_health("does not doubt the block", doubts).await;
    assert_eq!((&health["status"], &health["standing"]["size"]), (&"waiting".into(), &0.into()));
    assert!(witness.checkpoint().await.is_none() && !witness.state().exists());
    witness.kill();
    witness.start(&[liar.url().to_owned(), cluster.client(1).url().to_owned()]);
    witness.wait_size(4).await;

    // A second one on the same memory does not start; neither does one on another's, on a damaged one, or on another ledger's.
    let mut second = Witness::settle(&cluster, "south");
    std::fs::remove_file(second.home.join("witness.pem")).expect("the folder is writable");
    std::fs::copy(witness.home.join("witness.pem"), second.home.join("witness.pem")).expect("the folder is writable");
    std::os::unix::fs::symlink(witness.home.join("witness.state.lock"), second.home.join("witness.state.lock"))
        .expect("likewise");
    second.start(&all_nodes(&cluster));
    assert_eq!(second.ended().await.code(), Some(1));
    assert!(second.log().contains("another witness uses"), "{}", second.log());
    witness.kill();
    let memory = std::fs::read(witness.state()).expect("it remembers");
    let mut other = Witness::settle(&cluster, "east");
    let mut damaged = memory.clone();
    let place = damaged.len() - 40;
    damaged[place] ^= 1;
    for (witness, bytes) in [(&mut other, &memory), (&mut witness, &damaged), (&mut second, &memory[..60].to_vec())] {
        write_for_owner(&witness.state(), bytes);
        let _ = std::fs::remove_file(witness.home.join("witness.state.lock"));
        witness.start(&all_nodes(&cluster));
        assert_eq!(witness.ended().await.code(), Some(1));
        assert!(witness.log().contains("is not this witness's memory"), "{}", witness.log());
    }
    other.start(&["https://127.0.0.1".to_owned()]);
    assert_eq!(other.ended().await.code(), Some(2));
}

fn write_for_owner(path: &Path, bytes: &[u8]) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, bytes).expect("the folder is writable");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).expect("the file is ours");
}
