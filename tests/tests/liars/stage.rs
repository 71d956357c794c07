//! The stage: a running cluster whose validators changed once, a patient with a dozen events of many kinds, and what a liar before the
//! custodian's node has.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use inro_client::NodeClient;
use inro_client::desk::{Decided, Desk};
use inro_client::light::Light;
use inro_client::model::{At, Committed};
use inro_contracts::account::{Guardian, Powers};
use inro_contracts::bytes::{Canonical, List};
use inro_contracts::consent::{SealTarget, Visibility};
use inro_contracts::entry::Entry;
use inro_contracts::id::{Label, TransactionId};
use inro_contracts::key::SecretKey;
use inro_contracts::merkle::InclusionProof;
use inro_contracts::time::{Time, Validity};
use inro_contracts::transaction::Action;
use inro_contracts::tree::StateProof;
use inro_evidence::{AbsenceStatement, Certified, Change, EntryStatement, Evidence, JournalStatement, Located, Start, Statement};
use inro_genesis::keyfile::{self, Passphrase};
use inro_tests::cluster::{Cluster, PATIENCE};
use inro_tests::consortium::{PASSPHRASE, label_of, now, patient};
use inro_tests::liars::Stock;
use inro_tests::process::program;
use inro_tests::reading::{CUSTODIAN, Reading};
use inro_tests::treatment::seal_against_outside;

/// Everything that the tests of this folder need.
pub struct Stage {
    pub reading: Reading,
    /// A granted access of the reader's, and a later one that was denied.
    pub granted: TransactionId,
    pub denied: TransactionId,
    /// The patient's journal as it was before the denied access.
    pub earlier: Evidence,
    key: PathBuf,
    other: SecretKey,
    truth: Truth,
    validators: Vec<SecretKey>,
}

impl Stage {
    pub async fn set() -> Self {
        let cluster = Cluster::of_four().await;
        let (change, validators) = change_of_validators(&cluster).await;
        let truth = Truth { node: cluster.client(CUSTODIAN).clone(), change };
        let reading = Reading::begin(cluster, &[b"hoarse", b"hoarse still", b"better"]).await;
        let key = reading.cluster.folder().join("patient.pem");
        keyfile::create(&key, &reading.patient, &Passphrase::new(PASSPHRASE)).expect("the folder is writable");
        let other = patient();
        reading.cluster.apply(CUSTODIAN, &reading.cluster.consortium.open_account(CUSTODIAN, &other)).await;
        let grant = reading.grant().await;
        let granted = reading.granted(&reading.records).await;
        reading.fetch(&granted).await;
        let acknowledges = |action: &Action| matches!(action, Action::Acknowledge { .. });
        reading.wait_journal("the acknowledgement", |event| acknowledges(&event.entry.transaction.transaction.action)).await;
        let earlier = truth.journal(&reading.own(), &reading.account).await;
        let denied = go_on(&reading, &grant).await;
        // It was decided at the reader's node.
        truth.node.wait_committed(&denied, PATIENCE).await.expect("the custodian's node gets every block");
        Self { reading, granted, denied, earlier, key, other, truth, validators }
    }

    /// What a liar has to tell of the patient's journal, as of now: whoever verifies does not take an old block.
    pub async fn journal_stock(&self) -> Stock {
        let other = self.reading.own().with_key(self.other.clone());
        Stock {
            honest: self.truth.journal(&self.reading.own(), &self.reading.account).await,
            earlier: self.earlier.clone(),
            other: self.truth.journal(&other, &label_of(&self.other)).await,
            validators: self.validators.clone(),
        }
    }

    /// What a liar has to tell of the denied access.
    pub async fn entry_stock(&self) -> Stock {
        let earlier = self.truth.entry(&self.granted).await;
        Stock {
            honest: self.truth.entry(&self.denied).await,
            other: earlier.clone(),
            earlier,
            validators: self.validators.clone(),
        }
    }

    /// What a liar has to tell of the granted access.
    pub async fn granted_stock(&self) -> Stock {
        let Stock { honest: other, earlier: honest, validators, .. } = self.entry_stock().await;
        Stock { earlier: other.clone(), honest, other, validators }
    }

    /// That an account does not exist, as of now.
    pub async fn absence(&self, label: &Label) -> Evidence {
        self.truth.absence(label).await
    }

    /// The honest node of the custodian.
    pub fn honest(&self) -> &str {
        self.reading.cluster.client(CUSTODIAN).url()
    }

    /// The same node, every answer proved.
    pub fn light_client(&self) -> NodeClient {
        let light = Light::new(&self.reading.cluster.founding);
        NodeClient::new(self.honest()).expect("it is an address").verified_by(light)
    }

    /// A file with the key of a member's physician.
    pub fn physicians_key(&self, member: usize) -> String {
        let path = self.reading.cluster.folder().join(format!("physician-{member}.pem"));
        let physician = &self.reading.cluster.consortium.members[member].practitioner;
        keyfile::create(&path, physician, &Passphrase::new(PASSPHRASE)).expect("the folder is writable");
        path.display().to_string()
    }

    /// A folder where `inro` remembers what it saw; an empty one for each name.
    pub fn memory(&self, name: &str) -> PathBuf {
        self.reading.cluster.folder().join("memories").join(name)
    }

    /// `inro`, as the patient uses it, with a memory.
    pub fn inro(&self, nodes: &str, memory: &Path, arguments: &[&str]) -> Output {
        let folder = self.reading.cluster.folder();
        Command::new(program("inro"))
            .args(arguments)
            .args(["--json", "--node", nodes, "--genesis"])
            .arg(folder.join("genesis.json"))
            .arg("--passphrase-file")
            .arg(folder.join("passphrase"))
            .env("INRO_STATE", memory)
            .env_remove("INRO_WALLET")
            .env_remove("INRO_KEY")
            .output()
            .expect("the command runs")
    }

    /// Who speaks, and for which account.
    pub fn speaking(&self) -> [String; 4] {
        ["--key".into(), self.key.display().to_string(), "--account".into(), self.reading.account.to_hex()]
    }
}

/// An honest node's answers, as evidence.
struct Truth {
    node: NodeClient,
    change: Change,
}

impl Truth {
    async fn journal(&self, desk: &Desk, label: &Label) -> Evidence {
        let answer = self.node.proved_account(label).await.expect("the node answers");
        let account = answer.object.expect("the account exists");
        let proof = StateProof::from_bytes(&hex::decode(&answer.proof).expect("it is hexadecimal")).expect("it is a proof");
        let mut events = desk.journal(label, 1, 1_000).await.expect("the person reads the own journal");
        events.truncate(account.journal_length as usize);
        let head = Certified { header: answer.header, certificate: answer.certificate };
        let events = List::new(events).expect("few events");
        self.file(Statement::Journal(Box::new(JournalStatement { head, label: *label, account, proof, events })))
    }

    async fn absence(&self, label: &Label) -> Evidence {
        let answer = self.node.proved_account(label).await.expect("the node answers");
        let proof = StateProof::from_bytes(&hex::decode(&answer.proof).expect("it is hexadecimal")).expect("it is a proof");
        let head = Certified { header: answer.header, certificate: answer.certificate };
        self.file(Statement::Absence(Box::new(AbsenceStatement { head, label: *label, proof })))
    }

    async fn entry(&self, id: &TransactionId) -> Evidence {
        let answer = self.node.proved_entry(id).await.expect("it was committed");
        let entry = Entry::from_bytes(&hex::decode(&answer.entry).expect("it is hexadecimal")).expect("it is an entry");
        let entry = Located { index: answer.index, entry, path: InclusionProof { path: answer.path } };
        let head = Certified { header: answer.header, certificate: answer.certificate };
        self.file(Statement::Entry(Box::new(EntryStatement { head, entry })))
    }

    fn file(&self, statement: Statement) -> Evidence {
        let changes = List::new(vec![self.change.clone()]).expect("one change");
        Evidence { chain: self.change.certified.header.chain, start: Start::Genesis, changes, statement }
    }
}

/// The last member's validator gets another key; gives the change, and the keys of all that vote from then on.
async fn change_of_validators(cluster: &Cluster) -> (Change, Vec<SecretKey>) {
    let member = &cluster.consortium.members[3];
    let old = member.validator.as_ref().expect("it votes");
    let new = member.new_key("validator-2.pem");
    let rotated = cluster.apply(CUSTODIAN, &cluster.consortium.rotate_validator(member, old.public(), &new)).await;
    let (node, at) = (cluster.client(CUSTODIAN), At::Height(rotated.height));
    let header = node.header(at).await.expect("the node has the block");
    let certificate = node.certificate(at).await.expect("the node has its certificate");
    let set = node.validator_set(&header.next_validators).await.expect("the node has the set");
    let mut keys: Vec<_> = cluster.consortium.members.iter().filter_map(|member| member.validator.clone()).collect();
    keys[3] = new;
    keys.sort_by_key(SecretKey::public);
    (Change { certified: Certified { header, certificate }, set }, keys)
}

/// What happens after the earlier journal: a guardian, a seal, a revocation, and an access that is denied.
async fn go_on(reading: &Reading, grant: &Committed) -> TransactionId {
    let (own, account) = (reading.own(), reading.account);
    let validity = Validity { from: Time(0), until: now().plus_ms(3_600_000) };
    let guardian = Guardian { key: patient().public(), powers: Powers::ALL, validity };
    let sealed = seal_against_outside(SealTarget::Everything, Visibility::Notice);
    for action in
        [Action::AppointGuardian { account, guardian }, Action::Seal { account, terms: sealed }, reading.revocation(grant)]
    {
        assert!(own.act(action).await.expect("it is committed").outcome.is_applied());
    }
    match reading.reader.desk.ask(reading.request(&reading.records).await).await.expect("the ledger decides") {
        Decided::Denied { id, .. } => id,
        Decided::Granted { .. } => panic!("what was revoked is granted"),
    }
}
