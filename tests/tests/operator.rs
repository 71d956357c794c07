//! What an operator can get wrong at night: each time a clear sentence that names cause and remedy, a non-zero exit status, and
//! nothing lost.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::{Duration, Instant};

use inro_tests::cluster::{Cluster, PATIENCE, Shape, encrypt_anew};
use inro_tests::invariants::Verdict;
use inro_tests::load::{Load, Pace, Told};

const WHO: usize = 1;

/// Starts a node that must not start; returns what it said.
async fn refusal(cluster: &mut Cluster) -> String {
    let before = cluster.nodes[WHO].log().len();
    cluster.launch(WHO);
    let status = cluster.wait_ended(WHO, Duration::from_secs(20)).await.expect("the node ends by itself");
    assert!(!status.success(), "it ends with {status}");
    let said = cluster.nodes[WHO].log()[before..].to_owned();
    assert!(!said.contains("panicked at"), "{said}");
    said.lines().find(|line| line.starts_with("inro-node: ")).unwrap_or_else(|| panic!("no sentence in: {said}")).to_owned()
}

/// Writes to a file until the disk takes no more.
fn fill(ballast: &std::path::Path) {
    let mut file = fs::OpenOptions::new().create(true).append(true).open(ballast).expect("the file can be opened");
    let mut bytes = 128 << 20;
    while bytes > 1 << 16 {
        if std::io::Write::write_all(&mut file, &vec![7; bytes]).is_err() {
            bytes /= 2;
        }
    }
}

fn says(sentence: &str, words: &[&str]) {
    for word in words {
        assert!(sentence.contains(word), "{sentence:?} lacks {word:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_passphrase_genesis_and_ports_that_cannot_be_used_are_named_with_their_remedy_and_nothing_is_lost() {
    let mut cluster = Cluster::of_four().await;
    let label = cluster.open_accounts(0, 0, 1).await[0];
    cluster.terminate(WHO).await;
    let home = cluster.nodes[WHO].home.clone();
    let key = home.join("keys/validator.pem");

    let sound = fs::read(&key).expect("the key file can be read");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).expect("the owner sets modes");
    says(&refusal(&mut cluster).await, &["validator.pem", "0644", "chmod 600"]);
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("the owner sets modes");

    fs::remove_file(&key).expect("the key file is there");
    says(&refusal(&mut cluster).await, &["validator.pem"]);

    fs::write(&key, b"no key at all").expect("the folder is writable");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("the owner sets modes");
    says(&refusal(&mut cluster).await, &["validator.pem", "is not a key file"]);

    fs::write(&key, &sound).expect("the folder is writable");
    encrypt_anew(&key, "another passphrase");
    says(&refusal(&mut cluster).await, &["the passphrase does not open", "validator.pem"]);
    fs::write(&key, &sound).expect("the folder is writable");

    let other = Cluster::found(&Shape::default());
    let genesis = other.folder().join("genesis.json").display().to_string();
    cluster.configure(WHO, |config| drop(config.insert("genesis".into(), genesis.into())));
    says(&refusal(&mut cluster).await, &["ledger"]);
    drop(other);
    let broken = home.join("broken.json");
    fs::write(&broken, b"{}").expect("the folder is writable");
    cluster.configure(WHO, |config| drop(config.insert("genesis".into(), "broken.json".into())));
    says(&refusal(&mut cluster).await, &["founding document", "broken.json"]);
    cluster.configure(WHO, |config| drop(config.insert("genesis".into(), "../genesis.json".into())));

    let ports = [cluster.nodes[WHO].api_port, cluster.nodes[WHO].consensus_port, cluster.nodes[WHO].exchange_port];
    for port in ports {
        let taken = TcpListener::bind(("127.0.0.1", port)).expect("the node does not run");
        says(&refusal(&mut cluster).await, &[&port.to_string(), "another"]);
        drop(taken);
    }

    cluster.configure(WHO, |config| drop(config.insert("colour".into(), "blue".into())));
    says(&refusal(&mut cluster).await, &["node.toml", "colour"]);
    cluster.configure(WHO, |config| drop(config.remove("colour")));

    cluster.apply(0, &cluster.consortium.register_record(0, label)).await;
    cluster.restart(WHO).await;
    cluster.wait_voting(WHO, PATIENCE).await;
    Verdict::of(&cluster, &[0, 1, 2, 3]).await.everything_holds(&Told::default());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_never_share_a_data_folder() {
    let mut cluster = Cluster::of_four().await;
    let folder = cluster.nodes[0].data().display().to_string();
    cluster.terminate(WHO).await;
    let own = cluster.nodes[WHO].data().display().to_string();
    cluster.configure(WHO, |config| drop(config.insert("data".into(), folder.into())));
    let sentence = refusal(&mut cluster).await;
    says(&sentence, &["another"]);
    cluster.configure(WHO, |config| drop(config.insert("data".into(), own.into())));
    cluster.restart(WHO).await;
    Verdict::of(&cluster, &[0, 1, 2, 3]).await.everything_holds(&Told::default());
}

/// A small disk that is unmounted when this is dropped.
struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    fn mount(path: &std::path::Path, mib: u32) -> Option<Self> {
        fs::create_dir_all(path).ok()?;
        let size = format!("size={mib}m");
        let status = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(path).output().ok()?.status;
        status.success().then(|| Self(path.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_stops_the_node_with_a_sentence_and_it_goes_on_when_there_is_room_again() {
    let mut cluster = Cluster::found(&Shape::default());
    let Some(disk) = SmallDisk::mount(&cluster.nodes[WHO].data(), 96) else {
        println!("skipped: a small disk can be mounted by root only");
        return;
    };
    cluster.configure(WHO, |config| {
        let mut store = toml::Table::new();
        store.insert("reserve_mib".into(), 16.into());
        config.insert("store".into(), store.into());
    });
    cluster.start_all().await;
    let load = Load::start(&cluster, &[0, 2, 3], Pace::PerSecond(50)).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let ballast = disk.0.join("ballast");
    // Another program fills the disk.
    fill(&ballast);
    let status = cluster.wait_ended(WHO, PATIENCE).await.expect("the node stops before it writes half a block");
    assert!(!status.success(), "it ends with {status}");
    let said = cluster.nodes[WHO].log();
    let sentence = said.lines().find(|line| line.starts_with("inro-node: ")).expect("it says why");
    says(&sentence.to_lowercase(), &["disk", "free"]);
    assert!(!said.contains("panicked at"));
    // Opening may make room, because the database drops logs that it no longer needs; the other program takes that too.
    let before = said.len();
    cluster.launch(WHO);
    let start = Instant::now();
    let status = loop {
        fill(&ballast);
        if let Some(status) = cluster.wait_ended(WHO, Duration::from_millis(500)).await {
            break status;
        }
        assert!(start.elapsed() < PATIENCE, "the node does not run on a full disk");
    };
    assert!(!status.success(), "it ends with {status}");
    let said = cluster.nodes[WHO].log()[before..].to_owned();
    let sentence = said.lines().find(|line| line.starts_with("inro-node: ")).expect("it says why");
    says(&sentence.to_lowercase(), &["disk", "free"]);
    fs::remove_file(&ballast).expect("there is room again");
    let start = Instant::now();
    cluster.restart(WHO).await;
    cluster.wait_voting(WHO, PATIENCE).await;
    println!("voting again {:?} after there was room", start.elapsed());
    let told = load.finish().await;
    Verdict::of(&cluster, &[0, 1, 2, 3]).await.everything_holds(&told);
    for node in 0..4 {
        cluster.kill(node);
    }
    drop(disk);
}
