//! Random histories of consent, run by the machine and by the naive model of `consent_model.rs` side by side: every access
//! ends alike (the records, whether there are more, whether something sealed shows, or the denial), and every rejection names
//! the same rule. The metamorphic rules stand in `consent_rules.rs`.
//!
//! `INRO_SEED=N` begins with history N; a failure prints the number of its history and the shortest list of steps that still
//! fails.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "a test may use a seed, threads and a clock")]

use std::collections::BTreeMap;
use std::sync::OnceLock;

use inro_contracts::access::{AccessRequest, Basis, Denial, DisclosureRefusal, PayloadFault, Reader};
use inro_contracts::account::{Account, Guardian, Powers};
use inro_contracts::category::{Categories, Category};
use inro_contracts::consent::{
    Against, ConsultTerms, GrantTerms, Grantee, InEmergency, Parent, Party, SealTarget, SealTerms, Visibility,
};
use inro_contracts::emergency::{EmergencyClaim, EmergencyReason, Finding};
use inro_contracts::entry::Outcome;
use inro_contracts::fixture::{self, Consortium, FOUNDED, list, text};
use inro_contracts::genesis::Founding;
use inro_contracts::id::{
    Commitment, ConsultId, GrantId, Hash, Label, OrganisationId, PractitionerId, ProposalId, RecordId, SealId, SealingKey,
    TransactionId,
};
use inro_contracts::key::{PublicKey, Signature};
use inro_contracts::machine::Built;
use inro_contracts::memory::MemoryLedger;
use inro_contracts::organisation::{OrganisationKind, OrganisationProfile, PeerKind, PeerRecord, Practitioner, Role};
use inro_contracts::parameters::Parameters;
use inro_contracts::proposal::Change;
use inro_contracts::purpose::Purpose;
use inro_contracts::record::{ErasureReason, ProviderFlags, RecordManifest};
use inro_contracts::rule::Rule;
use inro_contracts::time::{Time, Validity};
use inro_contracts::transaction::{Action, ParsedTransaction, SignedTransaction, Transaction, VerifiedTransaction};

use crate::consent_model::{At, Dimensions, Naive, Verdict, dimensions};

pub const HOUR: u64 = 3_600_000;
const SIGNATURE: Signature = Signature([0; 64]);
/// What the records of these histories hold.
pub const KINDS: [Category; 5] = [Category::Prescription, Category::Chart, Category::Infection, Category::Image, Category::Other];

/// Random numbers that all follow from one; splitmix64.
#[derive(Debug, Clone)]
pub struct Dice(pub u64);

impl Dice {
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.number() % bound as u64) as usize
    }

    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub fn pick<T: Clone>(&mut self, from: &[T]) -> Option<T> {
        if from.is_empty() { None } else { Some(from[self.below(from.len())].clone()) }
    }
}

/// What all histories share.
pub struct World {
    /// Keys for whoever needs a new one.
    spare: Vec<PublicKey>,
    pub guardians: Vec<PublicKey>,
    /// The organisations, the founder first, and their authorities' and machines' keys.
    pub organisations: Vec<(OrganisationId, PublicKey, PublicKey)>,
    pub people: Vec<PractitionerId>,
    /// Accounts; the last one is nobody's.
    pub labels: Vec<Label>,
    /// A few records in each account.
    small: Run,
    /// Beside that an account that is full to the brim.
    full: Run,
}

pub fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(found)
}

fn key(purpose: &str, number: u64) -> PublicKey {
    fixture::secret(purpose, number).public()
}

fn found() -> World {
    let parameters =
        Parameters { validators_min: 1, emergency_quota: 1, consult_depth_max: 2, review_ms: 20 * HOUR, ..Parameters::default() };
    let consortium = Consortium::with_parameters(1, parameters);
    let founder = &consortium.organisations[0];
    let founding = consortium.founding();
    let mut run = Run::new(&founding, Naive::found(&consortium.document));
    let kinds = [
        OrganisationKind::Clinic,
        OrganisationKind::Hospital,
        OrganisationKind::Pharmacy,
        OrganisationKind::Company,
        OrganisationKind::Regulator,
    ];
    let mut organisations = vec![(founder.id, founder.authority.public(), founder.peer.public())];
    for (number, kind) in kinds.into_iter().enumerate() {
        let (authority, machine) = (key("admitted", number as u64), key("machine", number as u64));
        let profile = OrganisationProfile { kind, ..fixture::profile(number, &authority) };
        organisations.push((profile.id(), authority, machine));
        run.decide(founder.id, founder.authority.public(), Change::AdmitOrganisation { profile, possession: SIGNATURE });
    }
    for (number, (organisation, authority, machine)) in organisations.clone().into_iter().enumerate().skip(1) {
        let address = format!("/ip4/127.0.0.1/tcp/{}", 30_000 + number);
        let (kind, consensus_address, exchange_address) = (PeerKind::Observer, text(&address), text(&address));
        let peer = PeerRecord { key: machine, kind, consensus_address, exchange_address };
        run.add(authority, Action::RegisterPeer { organisation, peer, possession: SIGNATURE });
    }
    // For whom, in which role, from which hour to which.
    let staff = [
        (1, Role::Physician, 0, 9000),
        (1, Role::Nurse, 0, 9000),
        (1, Role::RecordsAdministrator, 0, 9000),
        (2, Role::Physician, 0, 9000),
        (2, Role::Pharmacist, 0, 60),
        (2, Role::Physician, 40, 9000),
        (3, Role::Pharmacist, 0, 9000),
        (3, Role::CareWorker, 0, 9000),
        (4, Role::Physician, 0, 9000),
        (5, Role::Auditor, 0, 9000),
        (5, Role::Physician, 0, 9000),
    ];
    let mut people = vec![founder.practitioner_id];
    for (number, (of, role, from, until)) in staff.into_iter().enumerate() {
        let (organisation, authority, _) = organisations[of];
        let key = key("staff", number as u64);
        let validity = Validity { from: FOUNDED.plus_ms(from * HOUR), until: FOUNDED.plus_ms(until * HOUR) };
        let (licence, possession) = (Hash([number as u8; 32]), SIGNATURE);
        people.push(Practitioner::id_of(&key));
        run.add(authority, Action::RegisterPractitioner { organisation, key, possession, role, licence, validity });
    }
    let mut labels = Vec::new();
    for (number, (keeper, custodial)) in [(1, false), (4, true), (7, false)].into_iter().enumerate() {
        let first_key = fixture::patient(number as u64).public();
        let practitioner = people[keeper];
        let custodian = run.naive.person(&practitioner).expect("registered").organisation;
        let signer = key("staff", keeper as u64 - 1);
        run.add(signer, Action::OpenAccount { practitioner, custodian, first_key, custodial, agreement: SIGNATURE });
        labels.push(Account::label_of(&first_key));
        for kind in KINDS.into_iter().take(4) {
            let record = manifest(run.next_record(), kind, 0);
            run.add(signer, Action::RegisterRecord { account: labels[number], practitioner, record });
        }
    }
    run.close_block().expect("the world begins");
    labels.push(fixture::label(99));
    run.now += 1000;
    let mut full = run.clone();
    fill(&mut full, labels[0], &people, &organisations);
    World {
        spare: (0..60).map(|number| key("spare", number)).collect(),
        guardians: (0..4).map(|number| key("guardian", number)).collect(),
        organisations,
        people,
        labels,
        small: run,
        full,
    }
}

/// An account with almost as many grants, seals, consults and successors as there may be, and more records than a page and an
/// answer hold.
fn fill(run: &mut Run, account: Label, people: &[PractitionerId], organisations: &[(OrganisationId, PublicKey, PublicKey)]) {
    let patient = fixture::patient(0).public();
    let (practitioner, author) = (people[1], key("staff", 0));
    for number in 0..140 {
        let record = manifest(run.next_record(), KINDS[number % 5], 0);
        run.add(author, Action::RegisterRecord { account, practitioner, record });
    }
    let mut old = *run.naive.records(&account).keys().next().expect("it has records");
    for number in 0..63u64 {
        let until = Time(run.now + if number < 62 { 500 * HOUR } else { 5 * HOUR });
        let validity = Validity { from: Time(run.now), until };
        let grantee = if number % 2 == 0 {
            Grantee::Organisation(organisations[2 + (number % 3) as usize].0)
        } else {
            Grantee::Practitioner(people[4 + (number % 5) as usize])
        };
        let (categories, purpose) = (Categories::ALL, Purpose::Treatment);
        let terms = GrantTerms { grantee, categories, purpose, validity, may_pass_on: true };
        run.add(patient, Action::Grant { account, terms });
        let target = match number {
            0 => SealTarget::Records(list(vec![old])),
            _ => SealTarget::Categories(Categories::only(&[KINDS[(number % 3) as usize]])),
        };
        let against = Against::Named(list(vec![Party::Practitioner(people[3 + (number % 7) as usize])]));
        let terms = SealTerms {
            target,
            against,
            visibility: if number % 2 == 0 { Visibility::Notice } else { Visibility::Silent },
            in_emergency: InEmergency::MayOpen,
            hidden_from_guardians: number % 5 == 0,
        };
        run.add(patient, Action::Seal { account, terms });
    }
    run.close_block().expect("the account fills");
    run.now += 1000;
    let grant = run.naive.grants(&account)[0].0;
    for number in 0..63u64 {
        let until = Time(run.now + if number < 62 { 400 * HOUR } else { 5 * HOUR });
        let terms = ConsultTerms {
            parent: Parent::Grant(grant),
            reader: people[1 + (number % 3) as usize],
            categories: Categories::ALL,
            records: list(vec![]),
            until,
            may_pass_on: true,
            reply_key: SealingKey([7; 32]),
        };
        let opener = people[4];
        run.add(key("staff", 3), Action::OpenConsult { account, practitioner: opener, terms });
    }
    for _ in 0..223 {
        let record = manifest(run.next_record(), Category::Chart, 0);
        let new = record.id;
        run.add(author, Action::SupersedeRecord { account, practitioner, old, record });
        old = new;
    }
    run.last_successor = Some(old);
    run.close_block().expect("the account fills");
    run.now += 1000;
    assert_eq!(run.tally.rejected.values().sum::<u32>(), 0, "{:?}", run.tally.rejected);
}

pub fn manifest(number: u64, category: Category, flags: u8) -> RecordManifest {
    RecordManifest { category, flags: ProviderFlags(flags), ..fixture::manifest(number) }
}

/// How often things happened.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    pub histories: u32,
    pub transactions: u32,
    pub granted: u32,
    pub records: u32,
    pub pages: u32,
    pub denied: BTreeMap<&'static str, u32>,
    pub rejected: BTreeMap<&'static str, u32>,
    pub sealed: BTreeMap<Dimensions, u32>,
    pub met: BTreeMap<Dimensions, u32>,
}

impl Tally {
    fn add(&mut self, other: &Tally) {
        self.histories += other.histories;
        self.transactions += other.transactions;
        self.granted += other.granted;
        self.records += other.records;
        self.pages += other.pages;
        other.denied.iter().for_each(|(code, count)| *self.denied.entry(code).or_default() += count);
        other.rejected.iter().for_each(|(code, count)| *self.rejected.entry(code).or_default() += count);
        other.sealed.iter().for_each(|(kind, count)| *self.sealed.entry(*kind).or_default() += count);
        other.met.iter().for_each(|(kind, count)| *self.met.entry(*kind).or_default() += count);
    }

    fn count(&mut self, action: &Action, outcome: &Outcome) {
        self.transactions += 1;
        match (outcome, action) {
            (Outcome::Rejected(rule), _) => *self.rejected.entry(rule.code()).or_default() += 1,
            (Outcome::Denied(denial) | Outcome::DeniedCustodially(denial), _) => {
                *self.denied.entry(denial.code()).or_default() += 1
            }
            (Outcome::Granted(granted) | Outcome::GrantedCustodially(granted), _) => {
                self.granted += 1;
                self.records += granted.records.len() as u32;
                self.pages += u32::from(granted.more);
            }
            (_, Action::Seal { terms, .. }) => *self.sealed.entry(dimensions(terms, false)).or_default() += 1,
            _ => {}
        }
    }
}

fn verdict(outcome: &Outcome) -> Verdict {
    let custodially = outcome.is_custodial();
    match outcome {
        Outcome::Applied => Verdict::Applied,
        Outcome::AppliedCustodially => Verdict::AppliedCustodially,
        Outcome::Rejected(rule) => Verdict::Rejected(rule.code()),
        Outcome::Denied(denial) | Outcome::DeniedCustodially(denial) => Verdict::Denied(denial.code(), custodially),
        Outcome::Granted(granted) | Outcome::GrantedCustodially(granted) => {
            Verdict::Granted { records: granted.records.to_vec(), more: granted.more, sealed: granted.sealed, custodially }
        }
    }
}

/// A history in the making.
#[derive(Clone)]
pub struct Run {
    pub ledger: MemoryLedger,
    pub naive: Naive,
    pub now: u64,
    chain: inro_contracts::id::ChainId,
    nonce: u64,
    records: u64,
    spare: usize,
    last_successor: Option<RecordId>,
    pending: Vec<VerifiedTransaction>,
    expected: Vec<Verdict>,
    pub tally: Tally,
}

impl Run {
    fn new(founding: &Founding, naive: Naive) -> Self {
        Self {
            ledger: MemoryLedger::found(founding),
            naive,
            now: FOUNDED.0 + HOUR,
            chain: founding.chain,
            nonce: 0,
            records: 0,
            spare: 0,
            last_successor: None,
            pending: Vec::new(),
            expected: Vec::new(),
            tally: Tally::default(),
        }
    }

    fn next_record(&mut self) -> u64 {
        self.records += 1;
        self.records
    }

    /// Puts a transaction into the block in the making.
    pub fn add(&mut self, signer: PublicKey, action: Action) -> TransactionId {
        self.nonce += 1;
        let void_after = Time(self.now + 60_000);
        let transaction = Transaction { chain: self.chain, signer, void_after, nonce: self.nonce, action };
        // Signatures are another test's matter.
        let verified = ParsedTransaction::from(SignedTransaction { transaction, signature: SIGNATURE }).with_claims_checked();
        let id = verified.id();
        let action = &verified.transaction().action;
        let expected = match action {
            Action::Propose { .. } | Action::Vote { .. } => Verdict::Applied,
            action => self.naive.run(At { now: self.now, id: id.0, signer }, action),
        };
        self.expected.push(expected);
        self.pending.push(verified);
        id
    }

    /// The members decide: as many votes as it takes.
    pub fn decide(&mut self, founder: OrganisationId, authority: PublicKey, change: Change) {
        let voters: Vec<_> = self.naive.organisations().into_iter().filter(|id| *id != founder).collect();
        let mut voters: Vec<_> = voters.into_iter().filter_map(|id| Some((id, self.naive.organisation(&id)?))).collect();
        voters.retain(|(_, organisation)| !organisation.suspended);
        let members = voters.len() + 1;
        let proposal = self.add(authority, Action::Propose { organisation: founder, change: change.clone() });
        for (number, (organisation, known)) in voters.into_iter().enumerate() {
            if (number + 1) * 3 > members * 2 {
                break;
            }
            self.add(known.authority, Action::Vote { organisation, proposal: ProposalId(proposal.0), approve: true });
        }
        self.naive.decided(At { now: self.now, id: proposal.0, signer: authority }, change);
    }

    /// Runs the block by the machine; says so where the naive model expects something else.
    pub fn close_block(&mut self) -> Result<Built, String> {
        let transactions = std::mem::take(&mut self.pending);
        let expected = std::mem::take(&mut self.expected);
        let proposer = PublicKey([1; 32]);
        let built = self.ledger.append(Time(self.now), proposer, &transactions).map_err(|fault| fault.to_string())?;
        for ((transaction, outcome), expected) in transactions.iter().zip(&built.outcomes).zip(&expected) {
            let action = &transaction.transaction().action;
            if verdict(outcome) != *expected {
                return Err(format!("the machine says {outcome:?}, the model {expected:?}, of {action:?}"));
            }
            self.tally.count(action, outcome);
        }
        Ok(built)
    }

    /// Closes the block and lets time pass.
    pub fn pass(&mut self, ms: u64) -> Result<(), String> {
        self.close_block()?;
        self.now += ms;
        Ok(())
    }

    /// One step: all its choices follow from one number.
    pub fn step(&mut self, step: u64) -> Result<(), String> {
        let dice = &mut Dice(step);
        if dice.chance(22) {
            let ms = dice.pick(&[1000, HOUR / 3, 2 * HOUR, 2 * HOUR, 9 * HOUR, 30 * HOUR]).unwrap_or(1);
            self.pass(ms)?;
        }
        let place = match dice.below(100) {
            0..55 => 0,
            55..85 => 1,
            85..98 => 2,
            _ => 3,
        };
        let account = world().labels[place];
        if self.last_successor.is_some() && place == 0 && dice.chance(60) {
            // The account that is full: what makes it overflow.
            match dice.below(4) {
                0 => self.grant(dice, account),
                1 => self.seal(dice, account),
                2 => self.open_consult(dice, account),
                _ => self.record(dice, account),
            }
            return Ok(());
        }
        // Without a grant nobody revokes, and so on; mostly.
        let choice = dice.below(100);
        let lacking = dice.chance(95);
        let choice = match choice {
            69..74 if lacking && self.naive.consults(&account).is_empty() => 62,
            choice => choice,
        };
        let choice = match choice {
            12..16 | 62..69 if lacking && self.naive.grants(&account).is_empty() => 0,
            28..36 if lacking && self.naive.seals(&account).is_empty() => 16,
            choice => choice,
        };
        match choice {
            0..12 => self.grant(dice, account),
            12..16 => self.revoke(dice, account),
            16..28 => self.seal(dice, account),
            28..36 => self.lift_or_unseal(dice, account),
            36..62 => self.access(dice, account),
            62..69 => self.open_consult(dice, account),
            69..74 => self.consult(dice, account),
            74..81 => self.statement(dice, account),
            81..84 => self.review(dice, account),
            84..86 => self.read_journal(dice, account),
            86..92 => self.record(dice, account),
            92..95 => self.account(dice, account),
            95..98 => self.practitioner(dice),
            _ => self.govern(dice),
        }
        Ok(())
    }

    fn person(&self, dice: &mut Dice) -> PractitionerId {
        if dice.chance(2) { PractitionerId([0x55; 32]) } else { dice.pick(&world().people).unwrap_or(PractitionerId([0; 32])) }
    }

    fn organisation(&self, dice: &mut Dice) -> OrganisationId {
        let any = || OrganisationId([0x55; 32]);
        if dice.chance(2) { any() } else { dice.pick(&world().organisations).map_or_else(any, |found| found.0) }
    }

    fn any_key(&self, dice: &mut Dice) -> PublicKey {
        let mut keys: Vec<_> = world().guardians.to_vec();
        keys.extend(world().organisations.iter().flat_map(|(_, authority, machine)| [*authority, *machine]));
        keys.extend((0..3).map(|number| fixture::secret("patient", number).seed()).map(PublicKey));
        dice.pick(&keys).unwrap_or(PublicKey([3; 32]))
    }

    /// Mostly the right key.
    fn key_of(&self, dice: &mut Dice, id: &PractitionerId) -> PublicKey {
        let own = self.naive.person(id).map(|person| person.key);
        own.filter(|_| dice.chance(97)).unwrap_or_else(|| self.any_key(dice))
    }

    /// Somebody who may speak for the account, or not.
    fn speaker(&self, dice: &mut Dice, label: &Label) -> PublicKey {
        let account = self.naive.account(label);
        let controller = account.as_ref().map(|known| known.controller);
        let guardians: Vec<_> = account.iter().flat_map(|known| &known.guardians).map(|guardian| guardian.key).collect();
        if dice.chance(3) {
            return self.any_key(dice);
        }
        let guardian = dice.pick(&guardians).filter(|_| dice.chance(30));
        guardian.or(controller).unwrap_or_else(|| self.any_key(dice))
    }

    fn validity(&self, dice: &mut Dice) -> Validity {
        let now = self.now;
        let (from, until) = match dice.below(20) {
            0 => (now, now),
            1 => (now - HOUR, now),
            2..5 => (now + 5 * HOUR, now + 40 * HOUR),
            5..9 => (now, now + 3 * HOUR),
            9..13 => (now - HOUR, now + 20 * HOUR),
            _ => (now, now + 300 * HOUR),
        };
        Validity { from: Time(from), until: Time(until) }
    }

    fn categories(&self, dice: &mut Dice) -> Categories {
        match dice.below(100) {
            0..45 => Categories::ALL,
            45..48 => Categories::only(&[]),
            _ => {
                let chosen: Vec<_> = KINDS.into_iter().filter(|_| dice.chance(50)).collect();
                Categories::only(&if chosen.is_empty() { vec![Category::Chart] } else { chosen })
            }
        }
    }

    fn purpose(&self, dice: &mut Dice) -> Purpose {
        if dice.chance(70) { Purpose::Treatment } else { dice.pick(Purpose::ALL).unwrap_or(Purpose::Treatment) }
    }

    /// Up to `most` records of the account, now and then one that it does not have.
    fn some_records(&self, dice: &mut Dice, label: &Label, most: usize) -> Vec<RecordId> {
        let known: Vec<_> = self.naive.records(label).into_keys().collect();
        let count = 1 + dice.below(most);
        let mut chosen: Vec<_> = (0..count).filter_map(|_| dice.pick(&known)).collect();
        if dice.chance(4) {
            chosen.push(RecordId([0x55; 32]));
        }
        chosen
    }

    pub fn grant_terms(&self, dice: &mut Dice) -> GrantTerms {
        let grantee = match dice.below(10) {
            0..4 => Grantee::Organisation(self.organisation(dice)),
            4..8 => Grantee::Practitioner(self.person(dice)),
            _ => {
                let role = dice.pick(&[Role::Physician, Role::Pharmacist, Role::Nurse]).unwrap_or(Role::Physician);
                Grantee::Role { organisation: self.organisation(dice), role }
            }
        };
        GrantTerms {
            grantee,
            categories: self.categories(dice),
            purpose: self.purpose(dice),
            validity: self.validity(dice),
            may_pass_on: dice.chance(75),
        }
    }

    fn grant(&mut self, dice: &mut Dice, account: Label) {
        let terms = self.grant_terms(dice);
        let signer = self.speaker(dice, &account);
        self.add(signer, Action::Grant { account, terms });
    }

    fn revoke(&mut self, dice: &mut Dice, account: Label) {
        let known: Vec<_> = self.naive.grants(&account).into_iter().map(|(id, ..)| id).collect();
        let grant = dice.pick(&known).filter(|_| dice.chance(97)).unwrap_or(GrantId([0x55; 32]));
        let signer = self.speaker(dice, &account);
        self.add(signer, Action::Revoke { account, grant });
    }

    pub fn seal_terms(&self, dice: &mut Dice, label: &Label) -> SealTerms {
        let target = match dice.below(100) {
            0..42 => SealTarget::Records(list(if dice.chance(2) { vec![] } else { self.some_records(dice, label, 3) })),
            42..72 => SealTarget::Categories(if dice.chance(15) { Categories::ALL } else { self.categories(dice) }),
            _ => SealTarget::Everything,
        };
        let against = match dice.below(100) {
            0..30 => Against::Outside,
            30..55 => Against::AllButAuthor,
            55..57 => Against::Named(list(vec![])),
            _ => {
                let count = 1 + dice.below(2);
                // Whom a grant means, most times: they will ask.
                let grants = self.naive.grants(label);
                let party = |dice: &mut Dice| {
                    let asks = dice.pick(&grants).filter(|_| dice.chance(60)).map(|(_, terms, _)| terms.grantee);
                    match asks {
                        Some(Grantee::Practitioner(id)) => Party::Practitioner(id),
                        Some(Grantee::Organisation(id) | Grantee::Role { organisation: id, .. }) => Party::Organisation(id),
                        None if dice.chance(50) => Party::Organisation(self.organisation(dice)),
                        None => Party::Practitioner(self.person(dice)),
                    }
                };
                Against::Named(list((0..count).map(|_| party(dice)).collect()))
            }
        };
        SealTerms {
            target,
            against,
            visibility: if dice.chance(50) { Visibility::Notice } else { Visibility::Silent },
            in_emergency: if dice.chance(50) { InEmergency::MayOpen } else { InEmergency::Never },
            hidden_from_guardians: dice.chance(40),
        }
    }

    fn seal(&mut self, dice: &mut Dice, account: Label) {
        let terms = self.seal_terms(dice, &account);
        let signer = self.speaker(dice, &account);
        self.add(signer, Action::Seal { account, terms });
    }

    fn lift_or_unseal(&mut self, dice: &mut Dice, account: Label) {
        let known: Vec<_> = self.naive.seals(&account).into_iter().map(|seal| seal.id).collect();
        let seal = dice.pick(&known).filter(|_| dice.chance(96)).unwrap_or(SealId([0x55; 32]));
        let signer = self.speaker(dice, &account);
        let until = Time(self.now + dice.pick(&[0, 1, 3 * HOUR, 30 * HOUR, 300 * HOUR, 300 * HOUR]).unwrap_or(0));
        let action = if dice.chance(75) { Action::LiftSeal { account, seal, until } } else { Action::Unseal { account, seal } };
        self.add(signer, action);
        // Somebody asks at once, most times.
        for _ in 0..dice.below(4) {
            self.access(dice, account);
        }
    }

    fn request(&self, dice: &mut Dice, account: Label, reader: Reader, basis: Basis, purpose: Purpose) -> AccessRequest {
        let known: Vec<_> = self.naive.records(&account).into_keys().collect();
        AccessRequest {
            account,
            reader,
            basis,
            purpose: if dice.chance(92) { purpose } else { self.purpose(dice) },
            categories: self.categories(dice),
            records: list(if dice.chance(25) { self.some_records(dice, &account, 4) } else { vec![] }),
            after: dice.pick(&known).filter(|_| dice.chance(10)),
            reply_key: SealingKey([9; 32]),
        }
    }

    fn access(&mut self, dice: &mut Dice, account: Label) {
        let person = self.person(dice);
        let (signer, reader, basis, purpose) = match dice.below(100) {
            0..40 => {
                // Somebody whom a grant means, most times.
                let grant = dice.pick(&self.naive.grants(&account));
                if grant.is_none() && dice.chance(80) {
                    return self.grant(dice, account);
                }
                let reader = grant.as_ref().and_then(|(_, terms, _)| self.grantee(dice, &terms.grantee)).unwrap_or(person);
                let purpose = grant.map_or(Purpose::Treatment, |(_, terms, _)| terms.purpose);
                (self.key_of(dice, &reader), Reader::Practitioner(reader), Basis::Grant, purpose)
            }
            40..58 => {
                let consult = dice.pick(&self.naive.consults(&account));
                if consult.is_none() && dice.chance(90) {
                    return self.open_consult(dice, account);
                }
                let id = consult.as_ref().map_or(ConsultId([0x55; 32]), |consult| consult.id);
                let reader = consult.map(|consult| consult.terms.reader).filter(|_| dice.chance(92)).unwrap_or(person);
                (self.key_of(dice, &reader), Reader::Practitioner(reader), Basis::Consult(id), Purpose::Treatment)
            }
            58..72 => {
                let purpose = dice.pick(&[Purpose::EmergencyTreatment, Purpose::BreakTheGlass, Purpose::Disaster]);
                (self.key_of(dice, &person), Reader::Practitioner(person), emergency(), purpose.unwrap_or(Purpose::Treatment))
            }
            72..82 => {
                let custodian = self.naive.account(&account).map(|known| Grantee::Organisation(known.custodian));
                let reader = custodian.and_then(|custodian| self.grantee(dice, &custodian)).unwrap_or(person);
                (self.key_of(dice, &reader), Reader::Practitioner(reader), Basis::Own, Purpose::Treatment)
            }
            _ => {
                let signer = self.speaker(dice, &account);
                let own = self.naive.account(&account).is_some_and(|known| known.controller == signer);
                let basis = if dice.chance(95) { Basis::Own } else { Basis::Grant };
                (signer, Reader::Person, basis, if own { Purpose::PatientRequest } else { Purpose::FamilyRequest })
            }
        };
        let request = self.request(dice, account, reader, basis, purpose);
        self.add(signer, Action::Access(request));
    }

    /// Somebody whom this means, most times.
    fn grantee(&self, dice: &mut Dice, grantee: &Grantee) -> Option<PractitionerId> {
        let fits = |id: &PractitionerId| {
            self.naive.person(id).is_some_and(|person| match grantee {
                Grantee::Practitioner(named) => named == id,
                Grantee::Organisation(organisation) | Grantee::Role { organisation, .. } => person.organisation == *organisation,
            })
        };
        let meant: Vec<_> = world().people.iter().copied().filter(fits).collect();
        dice.pick(&meant).filter(|_| dice.chance(92))
    }

    pub fn consult_terms(&self, dice: &mut Dice, account: &Label) -> (PractitionerId, ConsultTerms) {
        let (grants, consults) = (self.naive.grants(account), self.naive.consults(account));
        let deep: Vec<_> = consults.iter().filter(|consult| consult.terms.may_pass_on).cloned().collect();
        let mut terms = ConsultTerms {
            parent: Parent::Grant(GrantId([0x55; 32])),
            reader: self.person(dice),
            categories: Categories::ALL,
            records: list(vec![]),
            until: Time(self.now + 5 * HOUR),
            may_pass_on: dice.chance(80),
            reply_key: SealingKey([8; 32]),
        };
        let mut opener = self.person(dice);
        let (categories, records, until);
        if consults.is_empty() || dice.chance(50) {
            let lasting = |(_, terms, revoked): &&(_, GrantTerms, Option<u64>)| {
                revoked.is_none() && terms.validity.holds_at(Time(self.now)) && terms.may_pass_on
            };
            let useful: Vec<_> = grants.iter().filter(lasting).cloned().collect();
            let grants = if useful.is_empty() || dice.chance(10) { grants } else { useful };
            let Some((id, parent, _)) = dice.pick(&grants).filter(|_| dice.chance(97)) else { return (opener, terms) };
            terms.parent = Parent::Grant(id);
            opener = self.grantee(dice, &parent.grantee).unwrap_or(opener);
            (categories, records, until) = (parent.categories, Vec::new(), parent.validity.until.0);
        } else {
            let parents = if dice.chance(90) { &deep } else { &consults };
            let Some(parent) = parents.last().cloned().filter(|_| dice.chance(60)).or_else(|| dice.pick(parents)) else {
                terms.parent = Parent::Consult(ConsultId([0x55; 32]));
                return (opener, terms);
            };
            terms.parent = Parent::Consult(parent.id);
            opener = if dice.chance(95) { parent.terms.reader } else { opener };
            (categories, records, until) = (parent.terms.categories, parent.terms.records.to_vec(), parent.terms.until.0);
        }
        // The same or narrower, most times.
        terms.categories = match dice.below(10) {
            0..5 => categories,
            5..9 => categories.and(self.categories(dice)),
            _ => self.categories(dice),
        };
        terms.records = list(match dice.below(10) {
            0..5 => records,
            5..7 if records.is_empty() => self.some_records(dice, account, 4),
            5..9 => records.into_iter().filter(|_| dice.chance(70)).collect(),
            _ => self.some_records(dice, account, 4),
        });
        terms.until = Time(match dice.below(20) {
            0 => self.now,
            1 => until + 1,
            2..9 => until,
            _ => until.min(self.now + 1 + dice.below(40) as u64 * HOUR),
        });
        (opener, terms)
    }

    fn open_consult(&mut self, dice: &mut Dice, account: Label) {
        let (practitioner, terms) = self.consult_terms(dice, &account);
        let signer = self.key_of(dice, &practitioner);
        self.add(signer, Action::OpenConsult { account, practitioner, terms });
    }

    /// Closing and answering.
    fn consult(&mut self, dice: &mut Dice, account: Label) {
        let known = dice.pick(&self.naive.consults(&account)).filter(|_| dice.chance(95));
        let consult = known.as_ref().map_or(ConsultId([0x55; 32]), |known| known.id);
        let any = self.person(dice);
        let who = known.map_or(any, |known| if dice.chance(65) { known.terms.reader } else { known.opener });
        let practitioner = if dice.chance(92) { who } else { any };
        let signer = self.key_of(dice, &practitioner);
        match dice.below(10) {
            0..5 => {
                let (commitment, size) = (Commitment([4; 32]), 100);
                self.add(signer, Action::AnswerConsult { account, consult, practitioner, commitment, size });
            }
            5..8 => {
                self.add(signer, Action::CloseConsult { account, consult, practitioner: Some(practitioner) });
            }
            _ => {
                let signer = self.speaker(dice, &account);
                self.add(signer, Action::CloseConsult { account, consult, practitioner: None });
            }
        }
    }

    /// What becomes of payloads.
    fn statement(&mut self, dice: &mut Dice, account: Label) {
        let accesses = self.naive.accesses();
        let Some((on, id, request, granted)) = dice.pick(&accesses) else { return };
        let account = if dice.chance(95) { on } else { account };
        let access = TransactionId(if dice.chance(96) { id } else { [0x55; 32] });
        let machine_of = |organisation: OrganisationId| {
            world().organisations.iter().find(|(id, ..)| *id == organisation).map(|(_, _, machine)| *machine)
        };
        let keeper = self.naive.account(&on).and_then(|known| machine_of(known.custodian));
        let reader = match &request.reader {
            Reader::Practitioner(id) => self.naive.person(id).and_then(|person| machine_of(person.organisation)),
            Reader::Person => Some(self.speaker(dice, &on)),
        };
        let kind = dice.below(4);
        let right = if kind < 2 { keeper } else { reader };
        let signer = right.filter(|_| dice.chance(93)).unwrap_or_else(|| self.any_key(dice));
        let stray = self.some_records(dice, &on, 1);
        let mut records: Vec<_> = granted.into_iter().filter(|_| dice.chance(60)).collect();
        if dice.chance(8) {
            records.extend(&stray);
        }
        records.truncate(128);
        let record = records.first().copied().or(stray.first().copied()).unwrap_or(RecordId([0x55; 32]));
        let records = list(records);
        let action = match kind {
            0 => Action::Disclose { account, access, records },
            1 => Action::RefuseDisclosure { account, access, record, reason: DisclosureRefusal::WithdrawnSince },
            2 => Action::Acknowledge { account, access, records },
            _ => Action::ReportPayload { account, access, record, fault: PayloadFault::Withheld },
        };
        self.add(signer, action);
    }

    fn review(&mut self, dice: &mut Dice, account: Label) {
        let mut accesses = self.naive.accesses();
        if dice.chance(90) {
            accesses.retain(|(_, _, request, _)| matches!(request.basis, Basis::Emergency(_)));
        }
        let Some((on, id, ..)) = dice.pick(&accesses) else { return };
        let account = if dice.chance(95) { on } else { account };
        let practitioner = self.person(dice);
        let signer = self.key_of(dice, &practitioner);
        let (access, finding, report) = (TransactionId(id), Finding::Justified, Hash([6; 32]));
        self.add(signer, Action::CloseReview { account, access, practitioner, finding, report });
    }

    fn read_journal(&mut self, dice: &mut Dice, account: Label) {
        let person = if dice.chance(50) { world().people[10] } else { self.person(dice) };
        let (signer, practitioner) = match dice.chance(50) {
            true => (self.speaker(dice, &account), None),
            false => (self.key_of(dice, &person), Some(person)),
        };
        self.add(signer, Action::ReadJournal { account, practitioner });
    }

    fn record(&mut self, dice: &mut Dice, account: Label) {
        let custodian = self.naive.account(&account).map(|known| Grantee::Organisation(known.custodian));
        let any = self.person(dice);
        let practitioner = custodian.and_then(|custodian| self.grantee(dice, &custodian)).unwrap_or(any);
        let signer = self.key_of(dice, &practitioner);
        let flags = dice.pick(&[0, 0, 0, 0, 0, 0, 1, 2, 3, 4]).unwrap_or(0);
        let known = self.some_records(dice, &account, 1)[..].last().copied().unwrap_or(RecordId([0x55; 32]));
        let mut new = manifest(self.next_record(), KINDS[dice.below(5)], flags);
        if dice.chance(4) {
            new.id = known;
        }
        let old = self.last_successor.filter(|_| dice.chance(60)).unwrap_or(known);
        let action = match dice.below(10) {
            0..4 => Action::RegisterRecord { account, practitioner, record: new },
            4..7 => Action::SupersedeRecord { account, practitioner, old, record: new },
            7 => Action::EraseRecord { account, practitioner, record: known, reason: ErasureReason::PatientRequest },
            _ => Action::SetProviderFlags { account, practitioner, record: known, flags: ProviderFlags(flags) },
        };
        let supersedes = match &action {
            Action::SupersedeRecord { old, record, .. } if Some(*old) == self.last_successor => Some(record.id),
            _ => None,
        };
        self.add(signer, action);
        if self.expected.last() == Some(&Verdict::Applied) && supersedes.is_some() {
            self.last_successor = supersedes;
        }
    }

    fn new_key(&mut self, dice: &mut Dice) -> PublicKey {
        self.spare += 1;
        world().spare.get(self.spare).copied().unwrap_or_else(|| self.any_key(dice))
    }

    fn account(&mut self, dice: &mut Dice, account: Label) {
        let controller = self.naive.account(&account).map(|known| known.controller);
        let signer = controller.filter(|_| dice.chance(93)).unwrap_or_else(|| self.any_key(dice));
        let guardian = dice.pick(&world().guardians).unwrap_or(signer);
        match dice.below(10) {
            0..7 => {
                let powers = dice.pick(&[31, 31, 31, 1, 2, 4, 16, 20, 22, 0]).unwrap_or(31);
                let guardian = Guardian { key: guardian, powers: Powers(powers), validity: self.validity(dice) };
                self.add(signer, Action::AppointGuardian { account, guardian });
            }
            7 => {
                let signer = if dice.chance(30) { guardian } else { signer };
                self.add(signer, Action::DismissGuardian { account, guardian });
            }
            _ => {
                let key = if dice.chance(85) { self.new_key(dice) } else { guardian };
                let custodial = dice.chance(50);
                self.add(signer, Action::RotateController { account, key, custodial, possession: SIGNATURE });
            }
        }
    }

    fn practitioner(&mut self, dice: &mut Dice) {
        let practitioner = self.person(dice);
        let person = self.naive.person(&practitioner);
        let organisation = person.map_or_else(|| self.organisation(dice), |person| person.organisation);
        let authority = world().organisations.iter().find(|(id, ..)| *id == organisation).map(|found| found.1);
        let signer = authority.unwrap_or_else(|| self.any_key(dice));
        let action = match dice.below(10) {
            0..4 => Action::SetPractitionerStanding { organisation, practitioner, active: dice.chance(60) },
            4..8 => Action::RenewPractitioner { organisation, practitioner, validity: self.validity(dice) },
            _ if self.spare + 1 < world().spare.len() => {
                Action::RotatePractitioner { practitioner, key: self.new_key(dice), possession: SIGNATURE }
            }
            _ => return,
        };
        self.add(signer, action);
    }

    fn govern(&mut self, dice: &mut Dice) {
        let Some((organisation, ..)) = dice.pick(&world().organisations[1..]) else { return };
        let suspended = self.naive.organisation(&organisation).is_some_and(|known| known.suspended);
        let change = match dice.below(10) {
            0..4 if self.naive.disasters(self.now) < 16 => {
                let duration_ms = dice.pick(&[2 * HOUR, 40 * HOUR]).unwrap_or(HOUR);
                Change::DeclareDisaster { area: text("the coast"), organisations: list(vec![organisation]), duration_ms }
            }
            _ if suspended => Change::ReinstateOrganisation { organisation },
            _ => Change::SuspendOrganisation { organisation, reason: text("a reason") },
        };
        let (founder, authority, _) = world().organisations[0];
        self.decide(founder, authority, change);
    }
}

pub fn emergency() -> Basis {
    Basis::Emergency(EmergencyClaim { reason: EmergencyReason::Unconscious, text: Hash([5; 32]) })
}

/// The steps of a history, and whether it begins with the full account.
fn plan(number: u64) -> (bool, Vec<u64>) {
    let dice = &mut Dice(number);
    let full = dice.below(40) == 0;
    let count = 20 + dice.below(50);
    (full, (0..count).map(|_| dice.number()).collect())
}

fn start(full: bool) -> Run {
    if full { world().full.clone() } else { world().small.clone() }
}

fn play(full: bool, steps: &[u64]) -> Result<Run, String> {
    let mut run = start(full);
    run.tally = Tally { histories: 1, ..Tally::default() };
    run.naive.met = Default::default();
    for step in steps {
        run.step(*step)?;
    }
    run.close_block()?;
    run.tally.met = run.naive.met.clone();
    Ok(run)
}

/// Leaves out steps as long as it still fails.
fn shortest(full: bool, mut steps: Vec<u64>, mut fault: String) -> (Vec<u64>, String) {
    let mut width = steps.len() / 2;
    while width > 0 {
        let mut start = 0;
        while start < steps.len() {
            let mut fewer = steps.clone();
            fewer.drain(start..(start + width).min(fewer.len()));
            match play(full, &fewer) {
                Err(found) => (steps, fault) = (fewer, found),
                Ok(_) => start += width,
            }
        }
        width /= 2;
    }
    (steps, fault)
}

/// Says which history it was, if a panic ends it.
pub struct Telltale(pub u64);

impl Drop for Telltale {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("history {0} (INRO_SEED={0} begins with it)", self.0);
        }
    }
}

/// One whole history in which machine and model agree. Panics with its number and its shortest form where they do not.
pub fn history(number: u64) -> Run {
    let _telltale = Telltale(number);
    let (full, steps) = plan(number);
    play(full, &steps).unwrap_or_else(|fault| {
        let all = steps.len();
        let (steps, fault) = shortest(full, steps, fault);
        let mut again = start(full);
        let mut story = Vec::new();
        for step in &steps {
            let before = again.nonce;
            if again.step(*step).is_err() {
                break;
            }
            let new = again.pending.len() - (again.nonce - before) as usize..;
            let seconds = (again.now - FOUNDED.0) / 1000;
            let actions = again.pending[new].iter().map(|transaction| &transaction.transaction().action);
            story.extend(actions.map(|action| format!("second {seconds}: {action:?}")));
        }
        panic!("history {number}, {} of {all} steps:\n{}\n{fault}", steps.len(), story.join("\n"))
    })
}

/// The number of the first history: `INRO_SEED`, or any.
pub fn first_history() -> u64 {
    match std::env::var("INRO_SEED") {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("INRO_SEED is a number; found {text:?}")),
        Err(_) => u64::from(rand::random::<u32>()),
    }
}

/// So many histories, on as many threads.
fn histories(count: u64, threads: u64) -> Tally {
    let first = first_history();
    println!("histories {first} to {} (INRO_SEED={first} repeats them)", first + count - 1);
    let mut total = Tally::default();
    let part = |thread: u64| {
        let mut tally = Tally::default();
        (first + thread..first + count).step_by(threads as usize).for_each(|number| tally.add(&history(number).tally));
        tally
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|thread| scope.spawn(move || part(thread))).collect();
        workers.into_iter().for_each(|worker| total.add(&worker.join().expect("its own message says what failed")));
    });
    total
}

/// The histories would prove little if they never got far.
fn check_reach(tally: &Tally) {
    let missing: Vec<_> = Denial::ALL.iter().filter(|denial| !tally.denied.contains_key(denial.code())).collect();
    assert!(missing.is_empty(), "no history met {missing:?}");
    let ours = |rule: &&Rule| rule.code().starts_with("C-") || rule.code().starts_with("E-");
    let missing: Vec<_> = Rule::ALL.iter().filter(ours).filter(|rule| !tally.rejected.contains_key(rule.code())).collect();
    assert!(missing.is_empty(), "no history broke {missing:?}");
    for number in 0..72u8 {
        let of = |bit: u8| 1 + (((number / 9) >> bit) & 1);
        let (target, against) = (1 + number % 3, 1 + number / 3 % 3);
        for lifted in [false, true] {
            let kind: Dimensions = (target, against, of(0), of(1), of(2) == 2, lifted);
            assert!(tally.met.contains_key(&kind), "no seal of the kind {kind:?} stood between a reader and a record");
            assert!(lifted || tally.sealed.contains_key(&kind), "no seal of the kind {kind:?} was made");
        }
    }
    assert!(tally.pages > 0, "no answer had more than one page");
}

#[test]
fn accesses_and_rejections_agree_with_the_naive_model_and_reach_every_rule_denial_and_kind_of_seal() {
    let tally = histories(8_000, 1);
    println!("{tally:#?}");
    check_reach(&tally);
}

/// Run by `cargo test -p inro-contracts --test main one_hundred_thousand -- --ignored --nocapture`.
#[test]
#[ignore = "takes minutes; the ordinary run has a few thousand"]
fn one_hundred_thousand_histories_agree_with_the_naive_model() {
    let started = std::time::Instant::now();
    let threads = std::thread::available_parallelism().map_or(1, |count| count.get() as u64);
    let tally = histories(100_000, threads);
    println!("{tally:#?}\n{:.0} s", started.elapsed().as_secs_f64());
    check_reach(&tally);
}
