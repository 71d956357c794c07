//! Random histories, most of them with many invalid transactions, run by the machine and by the naive model side by side:
//! equal outcomes, equal state, complete journals, and the same blocks give the same roots wherever they are replayed.

use std::sync::OnceLock;

use inro_contracts::account::{Account, Guardian, Powers};
use inro_contracts::bytes::Canonical;
use inro_contracts::entry::Outcome;
use inro_contracts::fixture::{self, Consortium, FOUNDED, Member, text};
use inro_contracts::genesis::Founding;
use inro_contracts::id::{BlockId, ChainId, Hash, Label, OrganisationId, PractitionerId, ProposalId, RecordId};
use inro_contracts::key::{PublicKey, Signature};
use inro_contracts::machine::Built;
use inro_contracts::memory::MemoryLedger;
use inro_contracts::organisation::{Organisation, OrganisationKind, Peer, PeerKind, PeerRecord, Practitioner, Role, Standing};
use inro_contracts::parameters::Parameters;
use inro_contracts::proposal::{Change, Proposal, ProposalStatus};
use inro_contracts::record::{ErasureReason, ProviderFlags, Record, RecordManifest, RecordStatus};
use inro_contracts::state::{Clock, EvidenceTaken, KeyUse, Members, StateKey};
use inro_contracts::time::{Height, Time, Validity};
use inro_contracts::transaction::{Action, ParsedTransaction, SignedTransaction, Transaction, VerifiedTransaction};
use inro_contracts::validator::ValidatorSet;
use inro_contracts::vote::{DoubleSign, ProposalStatement, VoteKind, VoteStatement};
use proptest::prelude::*;

use crate::journals::check_journals;
use crate::model::{Around, Model};

const HOUR: u64 = 3_600_000;
const SIGNATURE: Signature = Signature([0; 64]);
const BAD_ADDRESSES: [&str; 4] = ["", "/dns/a/tcp/1", "/ip4/127.0.0.1/tcp/+1", "/ip4/127.0.0.1/udp/1"];

/// Which actions a history favours.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Taste {
    Governance,
    Care,
}

/// Random numbers from which one step is made, with the model's state as a guide.
type Step = [u8; 12];

/// What all histories share; building it costs signatures.
struct World {
    consortium: Consortium,
    founding: Founding,
    /// Keys that anybody may try to register or to sign with; the last three are weak.
    keys: Vec<PublicKey>,
    weak: Vec<PublicKey>,
    /// Where accounts live.
    labels: Vec<Label>,
}

fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| {
        let parameters = Parameters {
            validators_min: 3,
            peers_max: 3,
            recovery_delay_ms: 72 * HOUR + HOUR / 2,
            proposal_ms: 50 * HOUR + HOUR / 2,
            ..Parameters::default()
        };
        let consortium = Consortium::with_parameters(5, parameters);
        let (zero, mut one, mut no_point) = ([0; 32], [0; 32], [0; 32]);
        (one[0], no_point[0]) = (1, 2);
        let weak = vec![PublicKey(zero), PublicKey(one), PublicKey(no_point)];
        assert!(weak.iter().all(PublicKey::is_weak));
        let mut keys: Vec<_> = (0..14).map(|number| fixture::secret("universe", number).public()).collect();
        for Member { authority, validator, peer, practitioner, .. } in &consortium.organisations {
            keys.extend([authority.public(), validator.public(), peer.public(), practitioner.public()]);
        }
        keys.extend(&weak);
        let labels = (0..6).map(|number| Account::label_of(&keys[number])).collect();
        World { founding: consortium.founding(), consortium, keys, weak, labels }
    })
}

/// A history in the making: the machine's ledger and the model's, and the blocks so far.
struct Run {
    ledger: MemoryLedger,
    model: Model,
    now: u64,
    nonce: u64,
    blocks: Vec<(Built, Vec<VerifiedTransaction>)>,
    pending: Vec<VerifiedTransaction>,
    expected: Vec<Result<bool, &'static str>>,
}

impl Run {
    fn new() -> Self {
        let world = world();
        let bad = BAD_ADDRESSES.iter().map(|address| (*address).to_owned()).collect();
        Self {
            ledger: MemoryLedger::found(&world.founding),
            model: Model::found(&world.consortium.document, world.weak.clone(), bad),
            now: FOUNDED.0 + HOUR,
            nonce: 0,
            blocks: Vec::new(),
            pending: Vec::new(),
            expected: Vec::new(),
        }
    }

    fn add(&mut self, signer: PublicKey, action: Action) {
        self.nonce += 1;
        let transaction =
            Transaction { chain: world().founding.chain, signer, void_after: Time(self.now + 60_000), nonce: self.nonce, action };
        let signed = SignedTransaction { transaction, signature: SIGNATURE };
        // Signatures are another test's matter: here all that counts is what the machine does with a verified transaction.
        let verified = ParsedTransaction::from(signed).with_claims_checked();
        let around = Around {
            chain: world().founding.chain.0,
            height: self.ledger.tip().height.0 + 1,
            now: self.now,
            id: verified.id().0,
            signer,
        };
        self.expected.push(self.model.run(around, &verified.transaction().action));
        self.pending.push(verified);
    }

    fn close_block(&mut self) {
        let transactions = std::mem::take(&mut self.pending);
        let expected = std::mem::take(&mut self.expected);
        let proposer = world().keys[0];
        let built = self.ledger.append(Time(self.now), proposer, &transactions).expect("the block stands");
        for ((transaction, outcome), expected) in transactions.iter().zip(&built.outcomes).zip(&expected) {
            let found = match outcome {
                Outcome::Applied => Ok(false),
                Outcome::AppliedCustodially => Ok(true),
                Outcome::Rejected(rule) => Err(rule.code()),
                decided => panic!("nobody asks to read here: {decided:?}"),
            };
            assert_eq!(found, *expected, "{:?}", transaction.transaction());
        }
        if expected.iter().all(Result::is_err) {
            assert_eq!(built.state.keys().collect::<Vec<_>>(), [&StateKey::Clock], "a rejected transaction changed something");
            assert!(built.journal.is_empty());
        }
        self.blocks.push((built, transactions));
    }

    fn step(&mut self, taste: Taste, step: Step) {
        if step[10] < 90 && !self.pending.is_empty() {
            self.close_block();
            self.now += [1000, HOUR, 7 * HOUR, 30 * HOUR, 80 * HOUR, 200 * HOUR][usize::from(step[10]) % 6];
        }
        let governance = step[0] < if taste == Taste::Governance { 215 } else { 50 };
        if governance { self.governance(step) } else { self.care(step) }
    }

    /// Mostly `right`; now and then any key at all.
    fn signer(&self, step: Step, right: Option<PublicKey>) -> PublicKey {
        right.filter(|_| step[2] < 232).unwrap_or_else(|| any_key(step[2]))
    }

    fn organisation(&self, byte: u8) -> OrganisationId {
        let known: Vec<_> = self.model.organisations.keys().collect();
        if byte > 250 { OrganisationId([byte; 32]) } else { *known[usize::from(byte) % known.len()] }
    }

    fn authority(&self, step: Step, id: &OrganisationId) -> PublicKey {
        self.signer(step, self.model.organisations.get(id).map(|org| org.profile.authority))
    }

    fn person(&self, byte: u8) -> PractitionerId {
        let known: Vec<_> = self.model.people.keys().collect();
        if byte > 250 { PractitionerId([byte; 32]) } else { *known[usize::from(byte) % known.len()] }
    }

    fn person_of(&self, organisation: &OrganisationId, byte: u8) -> PractitionerId {
        let own: Vec<_> = self.model.people.iter().filter(|(_, person)| person.organisation == *organisation).collect();
        if own.is_empty() || byte > 230 { self.person(byte) } else { *own[usize::from(byte) % own.len()].0 }
    }

    fn key_of_person(&self, step: Step, id: &PractitionerId) -> PublicKey {
        self.signer(step, self.model.people.get(id).map(|person| person.key))
    }

    fn validator(&self, organisation: &OrganisationId, byte: u8) -> PublicKey {
        let own = self.model.validators.iter().find(|(_, (owner, _))| owner == organisation);
        own.filter(|_| byte < 200).map_or_else(|| any_key(byte), |(key, _)| *key)
    }

    fn peer(&self, organisation: &OrganisationId, byte: u8) -> PublicKey {
        let own: Vec<_> = self.model.peers.iter().filter(|(_, (owner, _))| owner == organisation).collect();
        if own.is_empty() || byte > 200 { any_key(byte) } else { *own[usize::from(byte) % own.len()].0 }
    }

    fn validity(&self, byte: u8) -> Validity {
        let (from, until) = match byte % 6 {
            0 => (self.now, self.now),
            1 => (self.now - HOUR, self.now),
            2 => (self.now + 10 * HOUR, self.now + 100 * HOUR),
            3 => (self.now, self.now + 2000),
            _ => (self.now - HOUR, self.now + 300 * HOUR),
        };
        Validity { from: Time(from), until: Time(until) }
    }

    fn governance(&mut self, step: Step) {
        let organisation = self.organisation(step[3]);
        let signer = self.authority(step, &organisation);
        let key = any_key(step[4]);
        let action = match step[1] % 24 {
            0..=6 => return self.motion(step, organisation, signer),
            7..=9 => {
                let known: Vec<_> = self.model.motions.keys().collect();
                let proposal = match known.len() {
                    0 => ProposalId([step[5]; 32]),
                    count => *known[usize::from(step[5]) % count],
                };
                Action::Vote { organisation, proposal, approve: step[6] < 128 }
            }
            10 => Action::RotateAuthority { organisation, key, possession: SIGNATURE },
            11 | 12 => {
                let old = self.validator(&organisation, step[5]);
                Action::RotateValidator { organisation, old, key, possession: SIGNATURE }
            }
            13 | 14 => {
                let key = if step[5] < 60 { self.peer(&organisation, step[6]) } else { key };
                Action::RegisterPeer { organisation, peer: peer_record(key, step[7], step[8]), possession: SIGNATURE }
            }
            15 => Action::RemovePeer { organisation, peer: self.peer(&organisation, step[5]) },
            16 | 17 => Action::RegisterPractitioner {
                organisation,
                key,
                possession: SIGNATURE,
                role: Role::Nurse,
                licence: Hash([step[5]; 32]),
                validity: self.validity(step[6]),
            },
            18 => {
                let practitioner = self.person_of(&organisation, step[5]);
                Action::RenewPractitioner { organisation, practitioner, validity: self.validity(step[6]) }
            }
            19 => {
                let practitioner = self.person(step[5]);
                let signer = if step[7] < 128 { self.key_of_person(step, &practitioner) } else { signer };
                return self.add(signer, Action::RotatePractitioner { practitioner, key, possession: SIGNATURE });
            }
            20 | 21 => {
                let practitioner = self.person_of(&organisation, step[5]);
                Action::SetPractitionerStanding { organisation, practitioner, active: step[6] < 128 }
            }
            _ => {
                let signer = self.signer(step, Some(self.peer(&organisation, step[5])));
                return self.add(signer, Action::ReportDoubleSign { evidence: self.evidence(step) });
            }
        };
        self.add(signer, action);
    }

    /// Proposes a change, and most times lets everybody vote on it at once.
    fn motion(&mut self, step: Step, organisation: OrganisationId, signer: PublicKey) {
        let subject = self.organisation(step[5]);
        let key = any_key(step[4]);
        let change = match step[6] % 14 {
            0 | 1 | 12 => {
                let kind = if step[7] < 128 { OrganisationKind::Clinic } else { OrganisationKind::Company };
                let profile = inro_contracts::organisation::OrganisationProfile { kind, ..fixture::profile(0, &key) };
                Change::AdmitOrganisation { profile, possession: SIGNATURE }
            }
            2 | 3 => Change::SuspendOrganisation { organisation: subject, reason: text("a reason") },
            4 | 5 => Change::ReinstateOrganisation { organisation: subject },
            6 => Change::ReplaceAuthority { organisation: subject, key, possession: SIGNATURE },
            7 | 8 => {
                let key = if step[8] < 90 { self.validator(&subject, step[7]) } else { key };
                let power = [0, 1, 5, 10, 10, 10, 12, u32::MAX][usize::from(step[9]) % 8];
                Change::SetValidator { organisation: subject, key, power, possession: SIGNATURE }
            }
            9 | 10 => Change::RemoveValidator { key: self.validator(&subject, step[7]) },
            11 => Change::DeclareDisaster {
                area: text(if step[7] < 20 { "" } else { "the whole bay" }),
                organisations: fixture::list(if step[8] < 20 { vec![] } else { vec![organisation, subject] }),
                duration_ms: [0, 999, 1000, HOUR, 50 * HOUR, 200 * HOUR, 31 * 24 * HOUR, 31 * 24 * HOUR + 1]
                    [usize::from(step[9]) % 8],
            },
            _ => {
                let mut parameters = self.model.parameters.clone();
                match step[7] % 4 {
                    0 => parameters.validators_min = u16::from(step[8] % 7),
                    1 => parameters.peers_max = u16::from(step[8] % 4),
                    2 => parameters.recovery_delay_ms = u64::from(step[8]) * HOUR + HOUR / 2,
                    _ => {}
                }
                Change::SetParameters(parameters)
            }
        };
        let admitted = match &change {
            Change::AdmitOrganisation { profile, .. } => Some(profile.id()),
            _ => None,
        };
        self.add(signer, Action::Propose { organisation, change });
        let Some(proposal) = self.pending.last().map(|transaction| ProposalId(transaction.id().0)) else { return };
        if step[11] < 170 {
            for (number, voter) in self.model.organisations.clone().into_iter().enumerate() {
                let approve = step[11] >> (number % 8) & 1 == 0 || step[11] < 100;
                self.add(voter.1.profile.authority, Action::Vote { organisation: voter.0, proposal, approve });
            }
        }
        // A new member soon has somebody who acts for it.
        if let Some(organisation) = admitted.filter(|id| self.model.organisations.contains_key(id)) {
            let register = Action::RegisterPractitioner {
                organisation,
                key: any_key(step[5]),
                possession: SIGNATURE,
                role: Role::Physician,
                licence: Hash([step[5]; 32]),
                validity: self.validity(step[9]),
            };
            self.add(key, register);
        }
    }

    fn evidence(&self, step: Step) -> DoubleSign {
        let chain = if step[6] < 240 { world().founding.chain } else { ChainId([9; 32]) };
        let validator = self.validator(&self.organisation(step[7]), step[8]);
        let height = Height([0, 1, 1_000_000][usize::from(step[9]) % 3]);
        let block = |byte: u8| BlockId([byte % 2; 32]);
        if step[6] < 128 {
            let vote = |byte| VoteStatement {
                chain,
                kind: VoteKind::Prevote,
                height,
                round: u32::from(byte > 250),
                block: Some(block(byte)),
                validator,
            };
            let (first, second) = (vote(step[4]), vote(step[11]));
            DoubleSign::Votes { first, first_signature: SIGNATURE, second, second_signature: SIGNATURE }
        } else {
            let statement = |byte: u8| ProposalStatement {
                chain,
                height,
                round: 0,
                valid_round: (byte < 85).then_some(0),
                block: block(byte),
                validator,
            };
            let (first, second) = (statement(step[4]), statement(step[11]));
            DoubleSign::Proposals { first, first_signature: SIGNATURE, second, second_signature: SIGNATURE }
        }
    }

    /// Now and then an account that nobody opened, so that the actions on accounts meet one.
    fn unopened(&self, step: Step) -> Option<crate::model::Acc> {
        let custodian = self.organisation(step[4]);
        let controller = any_key(step[6]);
        (step[3] > 247).then_some(crate::model::Acc {
            custodian,
            controller,
            custodial: false,
            guardians: vec![],
            recovery: None,
            events: 0,
        })
    }

    fn care(&mut self, step: Step) {
        let number = usize::from(step[3]) % world().labels.len();
        let account = if step[3] > 247 { Label([step[3]; 32]) } else { world().labels[number] };
        let known = self.model.accounts.get(&account).cloned();
        let custodian = known.as_ref().map_or_else(|| self.organisation(step[4]), |account| account.custodian);
        let practitioner = self.person_of(&custodian, step[5]);
        let by_practitioner = self.key_of_person(step, &practitioner);
        let by_controller = self.signer(step, known.as_ref().map(|account| account.controller));
        let key = any_key(step[6]);
        let own: Vec<_> = self.model.records.keys().filter(|(label, _)| *label == account).map(|(_, id)| *id).collect();
        let record = match own.len() {
            0 => RecordId([step[7]; 32]),
            count => own[usize::from(step[7]) % count],
        };
        let manifest = RecordManifest { id: RecordId([step[8] % 16; 32]), flags: flags(step[9]), ..fixture::manifest(1) };
        let Some(known) = known.filter(|_| step[1] > 12).or_else(|| self.unopened(step)) else {
            // Mostly by somebody of the custodian, whatever kind of organisation that is.
            let custodian = self.model.people.get(&practitioner).map_or(custodian, |person| person.organisation);
            let custodian = if step[8] < 230 { custodian } else { self.organisation(step[4]) };
            let first_key = if step[9] < 235 { world().keys[number] } else { any_key(step[9]) };
            let opening =
                Action::OpenAccount { practitioner, custodian, first_key, custodial: step[6] < 128, agreement: SIGNATURE };
            return self.add(by_practitioner, opening);
        };
        let (signer, action) = match step[1] % 16 {
            0 => {
                let custodial = step[7] < 128;
                (by_controller, Action::RotateController { account, key, custodial, possession: SIGNATURE })
            }
            1 | 2 => {
                let powers =
                    [Powers::ALL, Powers::READ_JOURNAL, Powers::VETO_RECOVERY, Powers(0), Powers(32)][usize::from(step[7]) % 5];
                let guardian = Guardian { key, powers, validity: self.validity(step[8]) };
                (by_controller, Action::AppointGuardian { account, guardian })
            }
            3 => {
                let guardian = known.guardians.first().map_or(key, |guardian| guardian.key);
                let signer = if step[7] < 128 { by_controller } else { self.signer(step, Some(guardian)) };
                (signer, Action::DismissGuardian { account, guardian })
            }
            4..=7 => {
                let practitioner = self.person(step[7]);
                let pending = known.recovery.as_ref().map(|recovery| recovery.key);
                let new_key = pending.filter(|_| step[8] < 170).unwrap_or(key);
                let action = Action::AttestRecovery { account, practitioner, new_key, possession: SIGNATURE };
                (self.key_of_person(step, &practitioner), action)
            }
            8 => {
                let guardian = known.guardians.last().map(|guardian| guardian.key);
                let signer = if step[7] < 128 { by_controller } else { self.signer(step, guardian) };
                (signer, Action::VetoRecovery { account })
            }
            9 | 10 => {
                let signer = self.signer(step, known.recovery.as_ref().map(|recovery| recovery.key));
                (signer, Action::CompleteRecovery { account })
            }
            11 | 12 => (by_practitioner, Action::RegisterRecord { account, practitioner, record: manifest }),
            13 => (by_practitioner, Action::SupersedeRecord { account, practitioner, old: record, record: manifest }),
            14 => {
                let reason = ErasureReason::PatientRequest;
                (by_practitioner, Action::EraseRecord { account, practitioner, record, reason })
            }
            _ => {
                let flags = flags(step[9]);
                (by_practitioner, Action::SetProviderFlags { account, practitioner, record, flags })
            }
        };
        self.add(signer, action);
    }
}

fn any_key(byte: u8) -> PublicKey {
    world().keys[usize::from(byte) % world().keys.len()]
}

fn flags(byte: u8) -> ProviderFlags {
    ProviderFlags(if byte > 240 { 4 } else { byte % 4 })
}

fn peer_record(key: PublicKey, byte: u8, other: u8) -> PeerRecord {
    let address = |byte: u8| {
        let bad = BAD_ADDRESSES.get(usize::from(byte) % 24).map(|bad| (*bad).to_owned());
        text(&bad.unwrap_or_else(|| format!("/ip4/10.0.0.1/tcp/{}", 1 + u16::from(byte % 3))))
    };
    PeerRecord { key, kind: PeerKind::Observer, consensus_address: address(byte), exchange_address: address(other) }
}

/// Runs a history and returns it with its last block closed.
fn run(taste: Taste, steps: &[Step]) -> Run {
    let mut run = Run::new();
    for step in steps {
        run.step(taste, *step);
    }
    run.close_block();
    run
}

fn object<T: Canonical>(ledger: &MemoryLedger, key: StateKey) -> T {
    ledger.object(&key).expect("readable").unwrap_or_else(|| panic!("{key:?} is missing"))
}

/// The machine's state holds what the model holds, and nothing else.
fn compare(ledger: &MemoryLedger, model: &Model, now: u64) {
    let standing = |suspended: bool| if suspended { Standing::Suspended } else { Standing::Active };
    let mut objects = 4;
    assert_eq!(object::<Clock>(ledger, StateKey::Clock), Clock { height: ledger.tip().height, time: Time(now) });
    assert_eq!(object::<Parameters>(ledger, StateKey::Parameters), model.parameters);
    let members: Vec<_> = model.organisations.keys().copied().collect();
    assert_eq!(object::<Members>(ledger, StateKey::Members).0.to_vec(), members);
    let validators = object::<ValidatorSet>(ledger, StateKey::Validators);
    let validators: Vec<_> = validators.validators().iter().map(|one| (one.key, (one.organisation, one.power))).collect();
    assert_eq!(validators, model.validators.clone().into_iter().collect::<Vec<_>>());
    for (id, org) in &model.organisations {
        let found: Organisation = object(ledger, StateKey::Organisation(*id));
        let peers = model.peers.values().filter(|(owner, _)| owner == id).count() as u16;
        let (profile, since) = (org.profile.clone(), Height(org.since));
        assert_eq!(found, Organisation { profile, standing: standing(org.suspended), since, peers });
        objects += 1;
    }
    for (id, person) in &model.people {
        let found: Practitioner = object(ledger, StateKey::Practitioner(*id));
        let expected = Practitioner {
            organisation: person.organisation,
            key: person.key,
            role: person.role,
            licence: person.licence,
            validity: person.validity,
            standing: standing(person.suspended),
        };
        assert_eq!(found, expected);
        objects += 1;
    }
    for (key, (owner, record)) in &model.peers {
        let found: Peer = object(ledger, StateKey::Peer(*key));
        assert_eq!(found, Peer { organisation: *owner, record: record.clone() });
        objects += 1;
    }
    for (id, motion) in &model.motions {
        let found: Proposal = object(ledger, StateKey::Proposal(*id));
        let status = match found.status {
            ProposalStatus::Open => "open",
            ProposalStatus::Accepted => "accepted",
            ProposalStatus::Refused => "refused",
            ProposalStatus::Impossible => "impossible",
        };
        let votes: Vec<_> = found.votes.iter().map(|ballot| (ballot.organisation, ballot.approve)).collect();
        assert_eq!((found.proposer, &found.change, found.until.0), (motion.proposer, &motion.change, motion.until));
        assert_eq!((votes, status), (motion.votes.clone(), motion.status));
        objects += 1;
    }
    for ((key, height), organisation) in &model.evidence {
        let found: EvidenceTaken = object(ledger, StateKey::Evidence(*key, Height(*height)));
        assert_eq!(found.organisation, *organisation);
        objects += 1;
    }
    for (key, owner) in &model.keys {
        let found = match object(ledger, StateKey::Key(*key)) {
            KeyUse::Authority(id) => ('a', id.0),
            KeyUse::Practitioner(id) => ('h', id.0),
            KeyUse::Peer(id) => ('p', id.0),
            KeyUse::Validator(id) => ('v', id.0),
        };
        assert_eq!(found, *owner);
        objects += 1;
    }
    for (label, account) in &model.accounts {
        let found: Account = object(ledger, StateKey::Account(*label));
        assert_eq!((found.custodian, found.controller), (account.custodian, account.controller));
        assert_eq!((found.custodial, found.journal_length), (account.custodial, account.events));
        assert_eq!(found.guardians.to_vec(), account.guardians);
        let recovery = found.recovery.map(|recovery| crate::model::Check {
            key: recovery.new_key,
            first: recovery.first,
            second: recovery.second.map(|(second, from)| (second, from.0)),
        });
        assert_eq!(recovery, account.recovery);
        objects += 1;
    }
    for ((label, id), record) in &model.records {
        let found: Record = object(ledger, StateKey::Record(*label, *id));
        let (superseded_by, erased) = match found.status {
            RecordStatus::Current => (None, false),
            RecordStatus::Superseded(by) => (Some(by), false),
            RecordStatus::Erased => (None, true),
        };
        assert_eq!((&found.manifest, found.author), (&record.manifest, record.author));
        assert_eq!((found.registered.0, superseded_by, erased), (record.registered, record.superseded_by, record.erased));
        objects += 1;
    }
    let disasters: Option<inro_contracts::emergency::Disasters> = ledger.object(&StateKey::Disasters).expect("readable");
    assert_eq!(disasters.map(|disasters| disasters.0.to_vec()), model.disasters);
    objects += usize::from(model.disasters.is_some());
    assert_eq!(ledger.objects().len(), objects, "the state holds an object that the model does not know");
}

/// What must hold in every state that can be reached.
fn check_invariants(ledger: &MemoryLedger, model: &Model) {
    let validators = ledger.validators().expect("readable");
    assert!(inro_contracts::genesis::validators_fault(&validators).is_none());
    for validator in validators.validators() {
        assert!(!model.organisations[&validator.organisation].suspended, "a suspended organisation votes on blocks");
    }
    for account in model.accounts.values() {
        assert!(account.guardians.iter().all(|guardian| guardian.key != account.controller));
    }
    assert!(model.organisations.values().any(|organisation| !organisation.suspended));
    assert_eq!(ledger.state_root(), crate::tree::plain_root(ledger.objects()));
}

/// The same blocks on another machine give the same headers; a block's transactions give the same outcomes when each stands
/// in a block of its own.
fn replay(run: &Run) {
    let founding = &world().founding;
    let (mut again, mut split) = (MemoryLedger::found(founding), MemoryLedger::found(founding));
    for (built, transactions) in &run.blocks {
        let same = again.append(built.header.time, built.header.proposer, transactions).expect("the block stands");
        assert_eq!((&same.header, same.id), (&built.header, built.id));
        for (number, (transaction, outcome)) in transactions.iter().zip(&built.outcomes).enumerate() {
            let time = built.header.time.plus_ms(number as u64);
            let alone = split.append(time, built.header.proposer, std::slice::from_ref(transaction)).expect("the block stands");
            assert_eq!(alone.outcomes, std::slice::from_ref(outcome));
        }
    }
    for label in run.ledger.accounts() {
        assert_eq!(split.journal(label).len(), run.ledger.journal(label).len());
    }
    assert_eq!(again.state_root(), run.ledger.state_root());
}

fn steps(longest: usize) -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(any::<Step>(), 1..longest)
}

fn check(taste: Taste, steps: &[Step]) {
    let run = run(taste, steps);
    compare(&run.ledger, &run.model, run.now);
    check_invariants(&run.ledger, &run.model);
    check_journals(&run.ledger);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn governance_agrees_with_the_model(steps in steps(50)) {
        check(Taste::Governance, &steps);
    }

    #[test]
    fn accounts_and_records_agree_with_the_model(steps in steps(70)) {
        check(Taste::Care, &steps);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn the_same_blocks_give_the_same_roots(steps in steps(40)) {
        replay(&run(Taste::Care, &steps));
        replay(&run(Taste::Governance, &steps));
    }
}

/// The histories would prove little if they never got far: every rule of trust, accounts and records that can be broken is
/// broken in them, and every action of theirs takes effect.
#[test]
fn random_histories_reach_every_action_and_every_rule() {
    use rand::{Rng, SeedableRng};
    let named = crate::pages::rules_of_actions();
    let mut rules = std::collections::BTreeMap::<&str, u32>::new();
    let mut applied = std::collections::BTreeMap::<u8, u32>::new();
    for seed in 0..800 {
        let mut random = rand::rngs::StdRng::seed_from_u64(seed);
        let steps: Vec<Step> = (0..60).map(|_| random.r#gen()).collect();
        let run = run(if seed % 2 == 0 { Taste::Governance } else { Taste::Care }, &steps);
        for (built, transactions) in &run.blocks {
            for (outcome, transaction) in built.outcomes.iter().zip(transactions) {
                match outcome {
                    Outcome::Applied | Outcome::AppliedCustodially => {
                        let action = inro_contracts::bytes::encode(&transaction.transaction().action)[0];
                        *applied.entry(action).or_default() += 1;
                    }
                    Outcome::Rejected(rule) => {
                        let action = inro_contracts::bytes::encode(&transaction.transaction().action)[0];
                        assert!(named[&action].contains(rule.code()), "the page does not name {rule} for action {action}");
                        *rules.entry(rule.code()).or_default() += 1;
                    }
                    decided => panic!("nobody asks to read here: {decided:?}"),
                }
            }
        }
    }
    let actions: std::collections::BTreeSet<u8> =
        crate::samples::actions().iter().map(|action| inro_contracts::bytes::encode(action)[0]).filter(|n| *n < 100).collect();
    assert_eq!(applied.keys().copied().collect::<std::collections::BTreeSet<_>>(), actions);
    // T-5 and A-4 make a transaction invalid; A-6 and T-28 need more guardians and members than these histories have.
    let elsewhere = ["T-5", "A-4", "A-6", "T-28"];
    let missing: Vec<_> = inro_contracts::rule::Rule::ALL
        .iter()
        .map(|rule| rule.code())
        .filter(|code| ["T-", "A-", "R-"].iter().any(|domain| code.starts_with(domain)))
        .filter(|code| !elsewhere.contains(code) && !rules.contains_key(code))
        .collect();
    assert!(missing.is_empty(), "no history broke {missing:?}");
}
