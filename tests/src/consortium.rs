//! The people of a test: organisations with their secrets, as the ceremony made them, and what they sign.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use inro_contracts::account::{Account, AccountOpening, Possession};
use inro_contracts::bytes::Text;
use inro_contracts::category::Category;
use inro_contracts::genesis::{GenesisDocument, SignedDeclaration};
use inro_contracts::id::{ChainId, Commitment, Hash, Label, OrganisationId, PractitionerId, ProposalId, RecordId, TransactionId};
use inro_contracts::key::{PublicKey, SecretKey, Signature};
use inro_contracts::organisation::{OrganisationKind, OrganisationProfile, PeerKind, PeerRecord, Practitioner, Role};
use inro_contracts::proposal::Change;
use inro_contracts::record::{ProviderFlags, RecordManifest};
use inro_contracts::time::{Time, Validity};
use inro_contracts::transaction::{Action, ParsedTransaction, SignedTransaction, Transaction};
use inro_genesis::ceremony::{self, Plan, PlannedPeer, PlannedPractitioner};
use inro_genesis::keyfile::{self, Passphrase};
use rand::Rng;
use rand::rngs::OsRng;

/// The passphrase of every key in a test.
pub const PASSPHRASE: &str = "four facilities by the sea";
/// The ledger's name in tests.
pub const LEDGER: &str = "Shonan test";
/// How long a transaction of a test may wait for its block, in milliseconds.
const VALID_FOR_MS: u64 = 300_000;
const YEAR_MS: u64 = 365 * 24 * 3600 * 1000;

/// One organisation with all its secrets.
#[derive(Debug, Clone)]
pub struct Member {
    /// Its public name.
    pub name: String,
    /// What it is.
    pub kind: OrganisationKind,
    /// Its id.
    pub id: OrganisationId,
    /// Speaks for it.
    pub authority: SecretKey,
    /// Signs votes; none for an observer.
    pub validator: Option<SecretKey>,
    /// Its machine's identity.
    pub peer: SecretKey,
    /// Its physician's key.
    pub practitioner: SecretKey,
    /// Its physician's id.
    pub practitioner_id: PractitionerId,
    /// The folder with its key files.
    pub keys: PathBuf,
}

impl Member {
    /// Makes an organisation's keys in `home/keys` and its declaration, as it does at home before a founding.
    pub fn at_home(
        home: &Path,
        name: &str,
        kind: OrganisationKind,
        power: Option<u32>,
        consensus: u16,
        exchange: u16,
    ) -> (Self, SignedDeclaration) {
        let plan = plan(name, kind, power, consensus, exchange);
        let keys_folder = home.join("keys");
        let passphrase = Passphrase::new(PASSPHRASE);
        let keys = ceremony::make_keys(&keys_folder, &plan, &passphrase, false).expect("keys are made in an empty folder");
        let declaration = ceremony::declare(&plan, &keys).expect("the plan can be declared");
        let (peer, practitioner) = (keys.peers[0].clone(), keys.practitioners[0].0.clone());
        let member = Self {
            name: name.into(),
            kind,
            id: declaration.declaration.organisation.id(),
            practitioner_id: Practitioner::id_of(&practitioner.public()),
            authority: keys.authority,
            validator: keys.validator,
            peer,
            practitioner,
            keys: keys_folder,
        };
        (member, declaration)
    }

    /// Makes a further key of this organisation, in a file of its own.
    pub fn new_key(&self, file: &str) -> SecretKey {
        keyfile::generate(&self.keys.join(file), &Passphrase::new(PASSPHRASE)).expect("a new key file can be written")
    }

    /// What it says of itself when it joins.
    pub fn profile(&self) -> OrganisationProfile {
        let institution_number = text("");
        OrganisationProfile { name: text(&self.name), kind: self.kind, institution_number, authority: self.authority.public() }
    }
}

/// Everybody, and the ledger they founded.
#[derive(Debug, Clone)]
pub struct Consortium {
    /// The founding document.
    pub document: GenesisDocument,
    /// The ledger's id.
    pub chain: ChainId,
    /// The organisations: first those with validators, then the observers, then whoever joined later.
    pub members: Vec<Member>,
}

impl Consortium {
    /// Signs an action.
    pub fn sign(&self, action: Action, secret: &SecretKey) -> SignedTransaction {
        let void_after = now().plus_ms(VALID_FOR_MS);
        Transaction { chain: self.chain, signer: secret.public(), void_after, nonce: OsRng.r#gen(), action }.sign(secret)
    }

    /// The proof that somebody holds `secret`, for a key that will belong to `subject`.
    pub fn possession(&self, subject: [u8; 32], secret: &SecretKey) -> Signature {
        Possession { chain: self.chain, subject: Hash(subject), key: secret.public() }.sign(secret)
    }

    /// A member opens the account of a patient's key.
    pub fn open_account(&self, member: usize, patient: &SecretKey) -> SignedTransaction {
        let member = &self.members[member];
        let first_key = patient.public();
        let opening = AccountOpening { chain: self.chain, custodian: member.id, first_key, custodial: false };
        let action = Action::OpenAccount {
            practitioner: member.practitioner_id,
            custodian: member.id,
            first_key,
            custodial: false,
            agreement: opening.sign(patient),
        };
        self.sign(action, &member.practitioner)
    }

    /// A member registers a new record in an account.
    pub fn register_record(&self, member: usize, account: Label) -> SignedTransaction {
        let member = &self.members[member];
        let record = manifest();
        self.sign(Action::RegisterRecord { account, practitioner: member.practitioner_id, record }, &member.practitioner)
    }

    /// A member proposes a change.
    pub fn propose(&self, member: usize, change: Change) -> (SignedTransaction, ProposalId) {
        let member = &self.members[member];
        let signed = self.sign(Action::Propose { organisation: member.id, change }, &member.authority);
        let id = id_of(&signed);
        (signed, ProposalId(id.0))
    }

    /// A member votes for a proposal.
    pub fn approve(&self, member: usize, proposal: ProposalId) -> SignedTransaction {
        let member = &self.members[member];
        self.sign(Action::Vote { organisation: member.id, proposal, approve: true }, &member.authority)
    }

    /// The change that admits an organisation.
    pub fn admission(&self, newcomer: &Member) -> Change {
        Change::AdmitOrganisation { profile: newcomer.profile(), possession: self.possession(newcomer.id.0, &newcomer.authority) }
    }

    /// The change that gives an organisation a validator.
    pub fn validator(&self, member: &Member, secret: &SecretKey, power: u32) -> Change {
        let possession = self.possession(member.id.0, secret);
        Change::SetValidator { organisation: member.id, key: secret.public(), power, possession }
    }

    /// An organisation registers its machine.
    pub fn register_peer(&self, member: &Member, kind: PeerKind, consensus: u16, exchange: u16) -> SignedTransaction {
        let peer = PeerRecord {
            key: member.peer.public(),
            kind,
            consensus_address: text(&address(consensus)),
            exchange_address: text(&address(exchange)),
        };
        let possession = self.possession(member.id.0, &member.peer);
        self.sign(Action::RegisterPeer { organisation: member.id, peer, possession }, &member.authority)
    }

    /// An organisation replaces its validator's key.
    pub fn rotate_validator(&self, member: &Member, old: PublicKey, new: &SecretKey) -> SignedTransaction {
        let possession = self.possession(member.id.0, new);
        let action = Action::RotateValidator { organisation: member.id, old, key: new.public(), possession };
        self.sign(action, &member.authority)
    }
}

/// This machine's clock.
pub fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is after 1970");
    Time(since.as_millis() as u64)
}

/// A transaction's id.
pub fn id_of(transaction: &SignedTransaction) -> TransactionId {
    ParsedTransaction::from(transaction.clone()).id()
}

/// A new patient's key.
pub fn patient() -> SecretKey {
    keyfile::fresh()
}

/// The label of the account that this key opens.
pub fn label_of(patient: &SecretKey) -> Label {
    Account::label_of(&patient.public())
}

/// A record that does not exist yet.
pub fn manifest() -> RecordManifest {
    RecordManifest {
        id: RecordId(OsRng.r#gen()),
        category: Category::Chart,
        commitment: Commitment(OsRng.r#gen()),
        size: 48_213,
        flags: ProviderFlags::default(),
    }
}

/// A loopback address as the ledger writes it.
pub fn address(port: u16) -> String {
    format!("/ip4/127.0.0.1/tcp/{port}")
}

fn plan(name: &str, kind: OrganisationKind, power: Option<u32>, consensus: u16, exchange: u16) -> Plan {
    Plan {
        ledger: LEDGER.into(),
        organisation: name.into(),
        kind,
        institution_number: String::new(),
        validator_power: power,
        peers: vec![PlannedPeer {
            kind: if power.is_some() { PeerKind::Validator } else { PeerKind::Observer },
            consensus_address: address(consensus),
            exchange_address: address(exchange),
        }],
        practitioners: vec![PlannedPractitioner {
            role: Role::Physician,
            licence_number: String::new(),
            validity: Validity { from: Time(0), until: now().plus_ms(YEAR_MS) },
        }],
    }
}

fn text<const MAX: usize>(text: &str) -> Text<MAX> {
    Text::new(text).expect("the tests' texts are short")
}
