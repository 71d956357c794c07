//! A small ledger with real keys, certified block by block, and honest makers of every kind of evidence about it. Its dishonest
//! parts are in `vectors.rs` and `tampering.rs`.

use std::collections::BTreeMap;

use inro_contracts::access::{AccessRequest, Basis, Reader};
use inro_contracts::account::{Account, AccountOpening, Powers};
use inro_contracts::block::Header;
use inro_contracts::bytes::{Canonical, List};
use inro_contracts::category::{Categories, Category};
use inro_contracts::consent::{
    Against, ConsultTerms, GrantTerms, Grantee, InEmergency, Parent, SealTarget, SealTerms, Visibility,
};
use inro_contracts::emergency::{EmergencyClaim, EmergencyReason};
use inro_contracts::fixture::{Consortium, FOUNDED, certificate_by, guardian, label, one_year, patient, record_id, secret};
use inro_contracts::history;
use inro_contracts::id::{ConsultId, GrantId, Hash, Label, PractitionerId, SealingKey, TransactionId};
use inro_contracts::key::{PublicKey, SecretKey};
use inro_contracts::memory::MemoryLedger;
use inro_contracts::purpose::Purpose;
use inro_contracts::state::StateKey;
use inro_contracts::time::{Height, Time};
use inro_contracts::transaction::{Action, VerifiedTransaction};
use inro_contracts::validator::ValidatorSet;
use inro_evidence::{
    AbsenceStatement, Anchor, Certified, Change, ConsistencyStatement, EntryStatement, Evidence, ForkStatement, JournalStatement,
    Start, Statement, make,
};

use crate::liars::Stock;

/// Milliseconds between blocks.
const STEP_MS: u64 = 10_000;

/// The ledger, as it was after every block.
pub struct World {
    pub consortium: Consortium,
    /// By height, the genesis first.
    pub ledgers: Vec<MemoryLedger>,
    pub changes: Vec<Change>,
    secrets: BTreeMap<PublicKey, SecretKey>,
    nonce: u64,
}

impl World {
    /// A founded ledger of four organisations without blocks.
    pub fn founded() -> Self {
        let consortium = Consortium::new(4);
        let ledgers = vec![consortium.ledger()];
        let secrets = consortium.organisations.iter().map(|member| (member.validator.public(), member.validator.clone()));
        let secrets = secrets.collect();
        Self { consortium, ledgers, changes: Vec::new(), secrets, nonce: 0 }
    }

    pub fn anchor(&self) -> Anchor {
        Anchor::from(&self.consortium.founding())
    }

    pub fn tip(&self) -> &MemoryLedger {
        self.ledgers.last().expect("the genesis is there from the start")
    }

    pub fn height(&self) -> Height {
        self.tip().tip().height
    }

    /// The time of the next block.
    pub fn now(&self) -> Time {
        FOUNDED.plus_ms(STEP_MS * self.ledgers.len() as u64)
    }

    pub fn learn(&mut self, secret: SecretKey) {
        self.secrets.insert(secret.public(), secret);
    }

    /// Signs an action for the next block.
    pub fn signed(&mut self, action: Action, secret: &SecretKey) -> VerifiedTransaction {
        self.nonce += 1;
        let signed = self.consortium.sign_with_nonce(action, secret, self.now(), self.nonce);
        inro_contracts::transaction::ParsedTransaction::from(signed).verify().expect("real keys sign")
    }

    /// Signs and commits actions in one block; returns the ids of their transactions.
    pub fn block(&mut self, actions: Vec<(Action, SecretKey)>) -> Vec<TransactionId> {
        let transactions: Vec<_> = actions.into_iter().map(|(action, secret)| self.signed(action, &secret)).collect();
        let mut next = self.tip().clone();
        let before = next.validators().expect("there are validators");
        let proposer = before.validators()[0].key;
        let built = next.append(self.now(), proposer, &transactions).expect("the block stands");
        for (transaction, outcome) in transactions.iter().zip(&built.outcomes) {
            let rejected = matches!(outcome, inro_contracts::entry::Outcome::Rejected(_));
            assert!(!rejected, "{:?}: {outcome:?}", transaction.transaction().action);
        }
        if built.header.next_validators != built.header.validators {
            let certified = self.certify(&built.header, &before);
            self.changes.push(Change { certified, set: built.next_validators.clone() });
        }
        self.ledgers.push(next);
        transactions.iter().map(VerifiedTransaction::id).collect()
    }

    /// Three of four validators sign, so that a quorum is no larger than it has to be.
    pub fn certify(&self, header: &Header, set: &ValidatorSet) -> Certified {
        let signers: Vec<_> = set.validators().iter().skip(1).map(|validator| validator.key).collect();
        self.certify_by(header, &signers)
    }

    pub fn certify_by(&self, header: &Header, signers: &[PublicKey]) -> Certified {
        let secrets: Vec<_> = signers.iter().map(|validator| self.secrets[validator].clone()).collect();
        Certified { header: header.clone(), certificate: certificate_by(header, 0, &secrets) }
    }

    /// What a liar needs who tells of the last block: the keys of all that vote on it.
    pub fn stock(&self, honest: Evidence, earlier: Evidence, other: Evidence) -> Stock {
        let set = self.set_at(self.height());
        let validators = set.validators().iter().map(|validator| self.secrets[&validator.key].clone()).collect();
        Stock { honest, earlier, other, validators }
    }

    /// The set that votes at a height.
    pub fn set_at(&self, height: Height) -> ValidatorSet {
        self.ledgers[height.0 as usize - 1].validators().expect("there are validators")
    }

    pub fn head(&self, height: Height) -> Certified {
        let header = self.tip().header(height).expect("the block is there");
        self.certify(header, &self.set_at(height))
    }

    /// A file about a header of this height.
    pub fn file(&self, height: Height, statement: Statement) -> Evidence {
        let changes = self.changes.iter().filter(|change| change.certified.header.height < height).cloned().collect();
        let changes = List::new(changes).expect("few changes");
        Evidence { chain: self.consortium.chain, start: Start::Genesis, changes, statement }
    }

    /// The same, beginning with a header that the verifier is told to trust.
    pub fn file_from(&self, pinned: Height, height: Height, statement: Statement) -> Evidence {
        let header = Box::new(self.tip().header(pinned).expect("the block is there").clone());
        let changes = self.changes.iter().filter(|change| (pinned.0 + 1..height.0).contains(&change.certified.header.height.0));
        let changes = List::new(changes.cloned().collect()).expect("few changes");
        let start = Start::Pinned { header, set: self.set_at(pinned.next()) };
        Evidence { chain: self.consortium.chain, start, changes, statement }
    }

    pub fn entry(&self, height: Height, index: u32) -> Evidence {
        let block = self.tip().block(height).expect("the block is there");
        let entry = make::located(block, index).expect("the entry is there");
        self.file(height, Statement::Entry(Box::new(EntryStatement { head: self.head(height), entry })))
    }

    pub fn journal(&self, height: Height, label: Label) -> Evidence {
        let ledger = &self.ledgers[height.0 as usize];
        let (account, proof) = ledger.prove(&StateKey::Account(label)).expect("the tree is whole");
        let account = Account::from_bytes(&account.expect("the account exists")).expect("the account parses");
        let events = make::events(ledger, &label).expect("the events parse");
        let statement = JournalStatement { head: self.head(height), label, account, proof, events };
        self.file(height, Statement::Journal(Box::new(statement)))
    }

    pub fn absence(&self, height: Height, label: Label) -> Evidence {
        let (none, proof) = self.ledgers[height.0 as usize].prove(&StateKey::Account(label)).expect("the tree is whole");
        assert_eq!(none, None);
        self.file(height, Statement::Absence(Box::new(AbsenceStatement { head: self.head(height), label, proof })))
    }

    pub fn decision(&self, access: &TransactionId) -> Evidence {
        let (height, index) = self.tip().place_of(access).expect("the access was committed");
        let (before, after) = (&self.ledgers[height.0 as usize - 1], &self.ledgers[height.0 as usize]);
        let made = make::decision(before, after, self.head(height), index).expect("the decision is made again");
        self.file(height, Statement::Decision(Box::new(made)))
    }

    pub fn consistency(&self, older: Height, newer: Height) -> Evidence {
        let inclusion = history::prove_inclusion(self.tip(), newer.0, older.0).expect("the history is whole");
        let consistency = history::prove_consistency(self.tip(), newer.0, older.0).expect("the history is whole");
        let statement = ConsistencyStatement {
            older: self.head(older),
            newer: self.head(newer),
            inclusion: List::new(inclusion).expect("a short path"),
            consistency: List::new(consistency).expect("a short path"),
        };
        self.file(newer, Statement::Consistency(Box::new(statement)))
    }

    pub fn validators(&self, height: Height) -> Evidence {
        self.file(height, Statement::Validators(Box::new(self.head(height))))
    }

    /// Two blocks of one height: validators signed a second header too.
    pub fn fork(&self, height: Height) -> Evidence {
        let sound = self.head(height);
        let other = Header { time: sound.header.time.plus_ms(1), ..sound.header.clone() };
        let keys: Vec<_> = self.set_at(height).validators().iter().take(3).map(|validator| validator.key).collect();
        let other = self.certify_by(&other, &keys);
        let (first, second) = if sound.header.id() < other.header.id() { (sound, other) } else { (other, sound) };
        self.file(height, Statement::Fork(Box::new(ForkStatement { first, second })))
    }
}

pub fn practitioner(world: &World, index: usize) -> (PractitionerId, SecretKey) {
    let member = &world.consortium.organisations[index];
    (member.practitioner_id, member.practitioner.clone())
}

pub fn request(account: Label, reader: Reader, basis: Basis, purpose: Purpose) -> AccessRequest {
    AccessRequest {
        account,
        reader,
        basis,
        purpose,
        categories: Categories::ALL,
        records: List::default(),
        after: None,
        reply_key: SealingKey([7; 32]),
    }
}

pub fn grant_to(practitioner: PractitionerId, may_pass_on: bool) -> GrantTerms {
    GrantTerms {
        grantee: Grantee::Practitioner(practitioner),
        categories: Categories::only(&[Category::Prescription]),
        purpose: Purpose::Treatment,
        validity: one_year(),
        may_pass_on,
    }
}

pub fn seal_of(record: u64) -> SealTerms {
    SealTerms {
        target: SealTarget::Records(List::new(vec![record_id(record)]).expect("one record")),
        against: Against::Outside,
        visibility: Visibility::Notice,
        in_emergency: InEmergency::MayOpen,
        hidden_from_guardians: false,
    }
}

pub fn emergency() -> Basis {
    Basis::Emergency(EmergencyClaim { reason: EmergencyReason::Unconscious, text: Hash([3; 32]) })
}

/// What happened in [`story`], for whoever makes evidence of it.
pub struct Story {
    pub world: World,
    /// A granted access on a grant.
    pub granted: TransactionId,
    /// A denied one, after a revocation.
    pub denied: TransactionId,
    /// One in a consult, of records some of which are sealed.
    pub consult: TransactionId,
    /// The second emergency of one organisation in one block.
    pub emergency: TransactionId,
    /// One by a practitioner who was suspended earlier in its block.
    pub suspended: TransactionId,
    /// One on an account that does not exist.
    pub nobody: TransactionId,
    /// One by a guardian, after the controller's key was replaced.
    pub guardian: TransactionId,
    /// One by a person whose wallet the facility keeps, in the block that opened the account.
    pub custodial: TransactionId,
    /// A block without anything on the account.
    pub quiet: Height,
}

/// Two accounts; grants, seals, a consult, emergencies; a validator's key and a person's key replaced on the way.
pub fn story() -> Story {
    let mut world = World::founded();
    let ((_, nurse), (reader, reader_key), (third, third_key)) =
        (practitioner(&world, 0), practitioner(&world, 1), practitioner(&world, 2));
    let hanako = label(1);
    let on_grant = |purpose| Action::Access(request(hanako, Reader::Practitioner(reader), Basis::Grant, purpose));

    let opening = |world: &World, seed| world.consortium.account_opening(0, seed);
    let register = |world: &World, seed| world.consortium.register_record(0, hanako, seed);
    world.block(vec![
        (opening(&world, 1), nurse.clone()),
        (opening(&world, 2), nurse.clone()),
        (register(&world, 1), nurse.clone()),
        (register(&world, 2), nurse.clone()),
    ]);
    let grants = world.block(vec![
        (Action::Grant { account: hanako, terms: grant_to(reader, true) }, patient(1)),
        (Action::Grant { account: hanako, terms: grant_to(third, false) }, patient(1)),
    ]);
    let granted = world.block(vec![(on_grant(Purpose::Treatment), reader_key.clone())])[0];

    // One validator's key is replaced.
    let member = world.consortium.organisations[2].clone();
    let fresh = secret("validator again", 2);
    let possession = world.consortium.possession(member.id.0, &fresh);
    let (old, key) = (member.validator.public(), fresh.public());
    world.learn(fresh);
    let rotate = Action::RotateValidator { organisation: member.id, old, key, possession };
    world.block(vec![(rotate, member.authority.clone())]);

    let terms = ConsultTerms {
        parent: Parent::Grant(GrantId(grants[0].0)),
        reader: third,
        categories: Categories::only(&[Category::Prescription]),
        records: List::default(),
        until: FOUNDED.plus_ms(24 * 3600 * 1000),
        may_pass_on: false,
        reply_key: SealingKey([5; 32]),
    };
    let opened = world.block(vec![
        (Action::OpenConsult { account: hanako, practitioner: reader, terms }, reader_key.clone()),
        (Action::Seal { account: hanako, terms: seal_of(1) }, patient(1)),
    ]);
    let in_consult = Basis::Consult(ConsultId(opened[0].0));
    let asked = Action::Access(request(hanako, Reader::Practitioner(third), in_consult, Purpose::Treatment));
    let superseding = Action::SupersedeRecord {
        account: hanako,
        practitioner: practitioner(&world, 0).0,
        old: record_id(1),
        record: inro_contracts::fixture::manifest(3),
    };
    let consult = world.block(vec![(superseding, nurse.clone()), (asked, third_key.clone())])[1];

    let glass = |account, who| request(account, Reader::Practitioner(who), emergency(), Purpose::EmergencyTreatment);
    let broken = world.block(vec![
        (Action::Access(glass(label(2), third)), third_key.clone()),
        (Action::Access(glass(hanako, third)), third_key.clone()),
    ]);

    let quiet = world.height().next();
    world.block(vec![]);

    let revoke = Action::Revoke { account: hanako, grant: GrantId(grants[0].0) };
    let denied = world.block(vec![(revoke, patient(1)), (on_grant(Purpose::Treatment), reader_key.clone())])[1];

    // The person's key is replaced, a guardian appointed.
    let fresh = secret("patient again", 1);
    let rotated = world.consortium.rotate_controller(hanako, &fresh);
    let appoint = Action::AppointGuardian { account: hanako, guardian: guardian(1, Powers::ALL) };
    world.block(vec![(rotated, patient(1)), (appoint, fresh)]);
    let by_guardian = Action::Access(request(hanako, Reader::Person, Basis::Own, Purpose::FamilyRequest));
    let guardian = world.block(vec![(by_guardian, secret("guardian", 1))])[0];

    let custodian = world.consortium.organisations[0].clone();
    let first_key = patient(4).public();
    let agreed = AccountOpening { chain: world.consortium.chain, custodian: custodian.id, first_key, custodial: true };
    let open = Action::OpenAccount {
        practitioner: custodian.practitioner_id,
        custodian: custodian.id,
        first_key,
        custodial: true,
        agreement: agreed.sign(&patient(4)),
    };
    let own = Action::Access(request(label(4), Reader::Person, Basis::Own, Purpose::PatientRequest));
    let custodial = world.block(vec![(open, nurse), (own, patient(4))])[1];

    let member = world.consortium.organisations[2].clone();
    let suspend = Action::SetPractitionerStanding { organisation: member.id, practitioner: third, active: false };
    let asked = Action::Access(request(hanako, Reader::Practitioner(third), Basis::Grant, Purpose::Treatment));
    let nobody = Action::Access(request(label(9), Reader::Practitioner(reader), Basis::Grant, Purpose::Treatment));
    let last = world.block(vec![(suspend, member.authority.clone()), (asked, third_key), (nobody, reader_key)]);
    Story {
        granted,
        denied,
        consult,
        emergency: broken[1],
        suspended: last[1],
        nobody: last[2],
        guardian,
        custodial,
        quiet,
        world,
    }
}

impl Story {
    /// Evidence of every kind, with its name.
    pub fn all(&self) -> Vec<(&'static str, Evidence)> {
        let world = &self.world;
        let last = world.height();
        let (height, index) = world.tip().place_of(&self.granted).expect("it was committed");
        vec![
            ("an entry before the validators changed", world.entry(height, index)),
            ("an entry after the validators changed", world.entry(last, 1)),
            ("an entry alone in its block", world.entry(Height(4), 0)),
            ("a whole journal", world.journal(last, label(1))),
            ("a journal that ended blocks ago", world.journal(self.quiet, label(2))),
            ("an account that does not exist", world.absence(last, label(9))),
            ("a granted access", world.decision(&self.granted)),
            ("a denied access", world.decision(&self.denied)),
            ("an access in a consult", world.decision(&self.consult)),
            ("the second emergency of a block", world.decision(&self.emergency)),
            ("an access after a suspension in its block", world.decision(&self.suspended)),
            ("an access on an account that does not exist", world.decision(&self.nobody)),
            ("an access by a guardian", world.decision(&self.guardian)),
            ("an access with a key that the facility keeps", world.decision(&self.custodial)),
            ("two headers far apart", world.consistency(Height(2), last)),
            ("two neighbouring headers", world.consistency(Height(6), Height(7))),
            ("the validators up to the last block", world.validators(last)),
            ("a fork", world.fork(last)),
        ]
    }

    /// What a liar has to tell of Hanako's journal.
    pub fn journal_stock(&self) -> Stock {
        let (world, last) = (&self.world, self.world.height());
        let journal = |height, seed| world.journal(height, label(seed));
        world.stock(journal(last, 1), journal(Height(6), 1), journal(last, 2))
    }

    /// What a liar has to tell of an entry.
    pub fn entry_stock(&self) -> Stock {
        let (world, last) = (&self.world, self.world.height());
        world.stock(world.entry(last, 1), world.entry(Height(6), 0), world.entry(last, 2))
    }
}

/// A journal with many events, in blocks of a thousand but the last one, and what a liar has to tell of it.
pub fn large(count: u64) -> (World, Stock) {
    let mut world = World::founded();
    let (_, clerk) = practitioner(&world, 0);
    let openings = [1, 2].map(|seed| (world.consortium.account_opening(0, seed), clerk.clone()));
    let records = (1..count - 1).map(|seed| (world.consortium.register_record(0, label(1), seed), clerk.clone()));
    let actions: Vec<_> = openings.into_iter().chain(records).collect();
    for block in actions.chunks(1_000) {
        world.block(block.to_vec());
    }
    let earlier = world.journal(world.height(), label(1));
    world.block(vec![(Action::Seal { account: label(1), terms: seal_of(1) }, patient(1))]);
    let journal = |seed| world.journal(world.height(), label(seed));
    let stock = world.stock(journal(1), earlier, journal(2));
    (world, stock)
}
