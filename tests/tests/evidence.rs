//! Evidence from a running cluster: every kind is made by the command, and checked from the file and the founding document alone,
//! also after validators and keys were replaced.

use std::path::{Path, PathBuf};
use std::process::Command;

use inro_contracts::access::{AccessRequest, Basis, Reader};
use inro_contracts::bytes::List;
use inro_contracts::category::Categories;
use inro_contracts::id::{GrantId, Label, SealingKey, TransactionId};
use inro_contracts::key::SecretKey;
use inro_contracts::purpose::Purpose;
use inro_contracts::transaction::Action;
use inro_genesis::keyfile::{self, Passphrase};
use inro_tests::cluster::Cluster;
use inro_tests::consortium::{PASSPHRASE, label_of, patient};
use inro_tests::invariants::Verdict;
use inro_tests::load::Told;
use inro_tests::process::program;
use inro_tests::treatment::consent_to;
use serde_json::Value;

/// Where nobody listens: whoever verifies asks nobody.
pub const NOWHERE: &str = "http://127.0.0.1:9";

/// The command, as people use it.
pub struct Inro<'a> {
    /// Whose founding document and passphrase it uses.
    pub cluster: &'a Cluster,
    /// Where files go.
    pub folder: PathBuf,
}

impl Inro<'_> {
    /// Did the command do it, and what did it say?
    pub fn run(&self, node: &str, arguments: &[&str]) -> (bool, Value) {
        let folder = self.cluster.folder();
        let output = Command::new(program("inro"))
            .args(arguments)
            .args(["--json", "--node", node, "--genesis"])
            .arg(folder.join("genesis.json"))
            .arg("--passphrase-file")
            .arg(folder.join("passphrase"))
            .env_remove("INRO_WALLET")
            .env_remove("INRO_KEY")
            .output()
            .expect("the command runs");
        let (said, failed) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let text = if output.status.success() { said } else { failed };
        let value = serde_json::from_str(text.trim()).unwrap_or_else(|_| panic!("{arguments:?} said {text:?}"));
        if !output.status.success() {
            assert_eq!(output.status.code(), Some(1), "{value}");
        }
        (output.status.success(), value)
    }

    /// Makes evidence and checks it; returns the file and what it proves.
    pub fn evidence(&self, name: &str, arguments: &[&str]) -> (PathBuf, Value) {
        let file = self.folder.join(name);
        let out = file.display().to_string();
        let made = self.run(self.cluster.client(1).url(), &[&["evidence"], arguments, &["--out", &out]].concat());
        assert!(made.0, "{name}: {}", made.1);
        let proved = self.verify(&file);
        assert_eq!(proved, made.1["proved"], "{name}");
        (file, proved)
    }

    /// What a file proves, without any network.
    pub fn verify(&self, file: &Path) -> Value {
        let (held, said) = self.run(NOWHERE, &["verify", &file.display().to_string()]);
        assert!(held, "{}: {said}", file.display());
        said["proved"].clone()
    }

    /// The step that a file fails.
    pub fn refusal(&self, file: &Path) -> String {
        let (held, said) = self.run(NOWHERE, &["verify", &file.display().to_string()]);
        assert!(!held, "{} was believed: {said}", file.display());
        said["error"]["rule"].as_str().expect("a step is named").to_owned()
    }
}

/// The second member may read everything for an hour.
pub fn grant(cluster: &Cluster, account: Label) -> Action {
    Action::Grant { account, terms: consent_to(cluster.consortium.members[1].id, 3_600_000) }
}

pub fn request(cluster: &Cluster, account: Label) -> Action {
    Action::Access(AccessRequest {
        account,
        reader: Reader::Practitioner(cluster.consortium.members[1].practitioner_id),
        basis: Basis::Grant,
        purpose: Purpose::Treatment,
        categories: Categories::ALL,
        records: List::default(),
        after: None,
        reply_key: SealingKey([9; 32]),
    })
}

pub async fn act(cluster: &Cluster, action: Action, secret: &SecretKey) -> TransactionId {
    cluster.commit(0, &cluster.consortium.sign(action, secret)).await.id
}

pub fn key_file(cluster: &Cluster, name: &str) -> (SecretKey, String) {
    let path = cluster.folder().join(name);
    let secret = keyfile::generate(&path, &Passphrase::new(PASSPHRASE)).expect("the folder is writable");
    (secret, path.display().to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn evidence_of_every_kind_is_made_on_a_cluster_and_holds_offline_also_after_keys_were_replaced() {
    let cluster = Cluster::of_four().await;
    let (person, person_file) = key_file(&cluster, "patient.pem");
    let account = label_of(&person);
    let label = account.to_hex();
    cluster.apply(0, &cluster.consortium.open_account(0, &person)).await;
    for _ in 0..3 {
        cluster.apply(0, &cluster.consortium.register_record(0, account)).await;
    }
    let grant = act(&cluster, grant(&cluster, account), &person).await;
    let physician = cluster.consortium.members[1].practitioner.clone();
    let granted = act(&cluster, request(&cluster, account), &physician).await.to_hex();
    cluster.wait_level(&[0, 1, 2, 3]).await;

    let folder = cluster.folder().join("evidence");
    std::fs::create_dir(&folder).expect("the folder is writable");
    let inro = Inro { cluster: &cluster, folder };
    let nobody = label_of(&patient()).to_hex();
    let journal = ["journal", "--key", &person_file, "--account", &label];
    let mut files = Vec::new();
    let mut make = |name: &str, arguments: &[&str]| {
        let (file, proved) = inro.evidence(name, arguments);
        files.push((file, proved.clone()));
        proved
    };
    let receipt = make("receipt", &["entry", &granted]);
    assert_eq!(receipt["outcome"]["granted"]["records"].as_array().map(Vec::len), Some(3));
    assert_eq!(make("journal", &journal)["events"], 6);
    assert_eq!(make("absence", &["absence", &nobody])["account"], nobody.as_str());
    assert_eq!(make("decision", &["decision", &granted])["outcome"], receipt["outcome"]);
    assert_eq!(make("consistency", &["consistency", "1", "4"])["older"], 1);
    assert_eq!(make("validators", &["validators", "latest"])["changes"], 0);
    let size = std::fs::metadata(inro.folder.join("receipt")).expect("it was written").len();
    println!("a receipt has {size} bytes");
    assert!(size < 4_096, "a receipt has {size} bytes");

    // A validator's key is replaced (its node votes no more), and the person's.
    let member = cluster.consortium.members[3].clone();
    let (old, new) = (member.validator.clone().expect("it votes"), member.new_key("validator-2.pem"));
    let rotated = cluster.apply(0, &cluster.consortium.rotate_validator(&member, old.public(), &new)).await.height;
    let (fresh, fresh_file) = key_file(&cluster, "patient-2.pem");
    let possession = cluster.consortium.possession(account.0, &fresh);
    act(&cluster, Action::RotateController { account, key: fresh.public(), custodial: false, possession }, &person).await;
    act(&cluster, Action::Revoke { account, grant: GrantId(grant.0) }, &fresh).await;
    let denied = act(&cluster, request(&cluster, account), &physician).await.to_hex();
    cluster.wait_level(&[0, 1, 2]).await;

    for (file, proved) in &files {
        assert_eq!(&inro.verify(file), proved, "{} does not hold any more", file.display());
    }
    let receipt = inro.evidence("receipt-2", &["entry", &denied]).1;
    assert_eq!((&receipt["outcome"]["denied"], &receipt["changes"]), (&"D-1.7".into(), &1.into()));
    let journal = ["journal", "--key", &fresh_file, "--account", &label, "--signatures"];
    let (whole, proved) = inro.evidence("journal-2", &journal[..5]);
    assert_eq!((&proved["events"], &proved["changes"]), (&9.into(), &1.into()));
    assert!(inro.run(NOWHERE, &["verify", &whole.display().to_string(), journal[5]]).0, "every signature inside holds");
    assert_eq!(inro.evidence("decision-2", &["decision", &denied]).1["outcome"], receipt["outcome"]);
    // The first receipt is of a block before the change, so it needs none.
    assert_eq!(inro.evidence("receipt-3", &["entry", &granted]).1["changes"], 0);
    let newer = (rotated.0 + 1).to_string();
    assert_eq!(inro.evidence("consistency-2", &["consistency", "2", &newer]).1["changes"], 1);
    assert_eq!(inro.evidence("validators-2", &["validators", "latest"]).1["changes"], 1);

    // What is no evidence, or of another ledger, is refused with the step that fails.
    let sound = std::fs::read(&whole).expect("it was written");
    let spoiled = |name: &str, change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = sound.clone();
        change(&mut bytes);
        let file = inro.folder.join(name);
        std::fs::write(&file, bytes).expect("the folder is writable");
        inro.refusal(&file)
    };
    assert_eq!(spoiled("empty", &|bytes| bytes.clear()), "V-2");
    assert_eq!(spoiled("short", &|bytes| bytes.truncate(bytes.len() - 1)), "V-3");
    assert_eq!(spoiled("elsewhere", &|bytes| bytes[10] ^= 1), "V-4");
    let told = Told::default();
    Verdict::of(&cluster, &[0, 1, 2]).await.everything_holds(&told);
}
