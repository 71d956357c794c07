//! The patient's word holds: grants, seals, consults, emergencies, guardians and what becomes of accesses, as stories in which
//! everybody really signs.

use inro_contracts::access::{
    Access, AccessRequest, Basis, Denial, DisclosureRefusal, GRANTED_MAX, Granted, PayloadFault, Reader,
};
use inro_contracts::account::{AccountOpening, Powers};
use inro_contracts::category::{Categories, Category};
use inro_contracts::consent::{
    Against, Consent, ConsultTerms, GrantTerms, Grantee, InEmergency, Parent, Party, SUCCESSORS_MAX, SealTarget, SealTerms,
    Visibility,
};
use inro_contracts::decision::{VERSIONS_MAX, still_granted};
use inro_contracts::emergency::{
    DISASTER_MS_MAX, EmergencyClaim, EmergencyDesk, EmergencyReason, Finding, OPEN_REVIEWS_MAX, OpenReview, Review,
};
use inro_contracts::entry::Outcome;
use inro_contracts::fixture::{self, Consortium, label, list, text};
use inro_contracts::id::{
    Commitment, ConsultId, GrantId, Hash, Label, OrganisationId, PractitionerId, RecordId, SealId, SealingKey, TransactionId,
};
use inro_contracts::key::SecretKey;
use inro_contracts::organisation::{OrganisationKind, OrganisationProfile, Practitioner, Role};
use inro_contracts::parameters::Parameters;
use inro_contracts::proposal::{Change, ProposalStatus};
use inro_contracts::purpose::Purpose;
use inro_contracts::record::{ErasureReason, ProviderFlags, RecordManifest};
use inro_contracts::rule::Rule;
use inro_contracts::state::{StateKey, Working};
use inro_contracts::time::{Time, Validity};
use inro_contracts::transaction::Action;
use proptest::prelude::*;

use crate::journals::check_journals;
use crate::story::{HOUR, SECOND, Story, rejected};

const DAY: u64 = 24 * HOUR;
/// The patient's account, at organisation 0.
const ACCOUNT: u64 = 1;

/// A story about one account at organisation 0; the physicians of the others ask to read.
struct Case {
    story: Story,
}

/// The answer that shows these records.
fn shows(records: &[u64], sealed: bool) -> Outcome {
    let mut ids: Vec<_> = records.iter().map(|seed| fixture::record_id(*seed)).collect();
    ids.sort();
    Outcome::Granted(Granted { records: list(ids), more: false, sealed })
}

fn denied(denial: Denial) -> Outcome {
    Outcome::Denied(denial)
}

fn chosen(records: &[u64]) -> SealTarget {
    SealTarget::Records(list(records.iter().map(|seed| fixture::record_id(*seed)).collect()))
}

/// A seal against everyone outside that shows, and that nothing opens.
fn seal_on(target: SealTarget) -> SealTerms {
    SealTerms {
        target,
        against: Against::Outside,
        visibility: Visibility::Notice,
        in_emergency: InEmergency::Never,
        hidden_from_guardians: false,
    }
}

/// Asks for everything.
fn request(reader: Reader, basis: Basis, purpose: Purpose) -> AccessRequest {
    AccessRequest {
        account: label(ACCOUNT),
        reader,
        basis,
        purpose,
        categories: Categories::ALL,
        records: list(vec![]),
        after: None,
        reply_key: SealingKey([7; 32]),
    }
}

fn emergency() -> Basis {
    Basis::Emergency(EmergencyClaim { reason: EmergencyReason::Unconscious, text: Hash([8; 32]) })
}

fn guardian(seed: u64) -> SecretKey {
    fixture::secret("guardian", seed)
}

impl Case {
    /// Five organisations, an account, and prescriptions with the numbers 1 to `records`.
    fn new(records: u64) -> Self {
        Self::of(Consortium::new(5), records)
    }

    fn with_parameters(parameters: Parameters, records: u64) -> Self {
        Self::of(Consortium::with_parameters(5, parameters), records)
    }

    fn of(consortium: Consortium, records: u64) -> Self {
        let mut story = Story::of(consortium);
        assert_eq!(story.open(0, ACCOUNT), Outcome::Applied);
        for seed in 1..=records {
            assert_eq!(story.register(0, ACCOUNT, seed), Outcome::Applied);
        }
        Self { story }
    }

    fn physician(&self, index: usize) -> PractitionerId {
        self.story.member(index).practitioner_id
    }

    /// The physician of the custodian registers a record.
    fn register(&mut self, seed: u64, category: Category, flags: ProviderFlags) {
        let member = self.story.member(0);
        let record = RecordManifest { category, flags, ..fixture::manifest(seed) };
        let action = Action::RegisterRecord { account: label(ACCOUNT), practitioner: member.practitioner_id, record };
        self.story.does(&member.practitioner, action);
    }

    fn superseding(&self, old: u64, new: u64, flags: ProviderFlags) -> Action {
        Action::SupersedeRecord {
            account: label(ACCOUNT),
            practitioner: self.physician(0),
            old: fixture::record_id(old),
            record: RecordManifest { flags, ..fixture::manifest(new) },
        }
    }

    fn supersede(&mut self, old: u64, new: u64) -> Outcome {
        let action = self.superseding(old, new, ProviderFlags::default());
        let secret = self.story.member(0).practitioner;
        self.story.act(&secret, action)
    }

    /// Another practitioner of an organisation.
    fn colleague(&mut self, index: usize, number: u64, role: Role) -> (SecretKey, PractitionerId) {
        let member = self.story.member(index);
        self.employ(member.id, &member.authority, number, role)
    }

    fn employ(
        &mut self,
        organisation: OrganisationId,
        authority: &SecretKey,
        number: u64,
        role: Role,
    ) -> (SecretKey, PractitionerId) {
        let secret = fixture::secret("colleague", number);
        let register = Action::RegisterPractitioner {
            organisation,
            key: secret.public(),
            possession: self.story.consortium.possession(organisation.0, &secret),
            role,
            licence: Hash([0; 32]),
            validity: fixture::one_year(),
        };
        self.story.does(authority, register);
        let id = Practitioner::id_of(&secret.public());
        (secret, id)
    }

    /// A new member of this kind; its authority's key.
    fn admit(&mut self, kind: OrganisationKind, number: u64) -> (OrganisationId, SecretKey) {
        let authority = fixture::secret("newcomer", number);
        let profile = OrganisationProfile { kind, ..fixture::profile(0, &authority.public()) };
        let id = profile.id();
        let possession = self.story.consortium.possession(id.0, &authority);
        let change = Change::AdmitOrganisation { profile, possession };
        assert_eq!(self.story.decide(0, &[1, 2, 3], change).1, ProposalStatus::Accepted);
        (id, authority)
    }

    fn patient(&mut self, action: Action) -> Outcome {
        self.story.act(&fixture::patient(ACCOUNT), action)
    }

    /// The patient's word, which must take effect.
    fn word(&mut self, action: Action) -> TransactionId {
        self.story.does(&fixture::patient(ACCOUNT), action)
    }

    fn terms(&self, grantee: Grantee) -> GrantTerms {
        GrantTerms {
            grantee,
            categories: Categories::ALL,
            purpose: Purpose::Treatment,
            validity: Validity { from: self.story.now, until: self.story.now.plus_ms(DAY) },
            may_pass_on: true,
        }
    }

    /// The patient permits organisation `index` to read everything for a day, and to pass it on.
    fn grant(&mut self, index: usize) -> GrantId {
        let terms = self.terms(Grantee::Organisation(self.story.member(index).id));
        self.grant_with(terms)
    }

    fn grant_with(&mut self, terms: GrantTerms) -> GrantId {
        GrantId(self.word(Action::Grant { account: label(ACCOUNT), terms }).0)
    }

    fn revoke(&mut self, grant: GrantId) {
        self.word(Action::Revoke { account: label(ACCOUNT), grant });
    }

    fn seal(&mut self, terms: SealTerms) -> SealId {
        SealId(self.word(Action::Seal { account: label(ACCOUNT), terms }).0)
    }

    fn unseal(&mut self, seal: SealId) {
        self.word(Action::Unseal { account: label(ACCOUNT), seal });
    }

    fn lift(&mut self, seal: SealId, until: Time) {
        self.word(Action::LiftSeal { account: label(ACCOUNT), seal, until });
    }

    fn appoint(&mut self, seed: u64, powers: Powers) {
        self.word(Action::AppointGuardian { account: label(ACCOUNT), guardian: fixture::guardian(seed, powers) });
    }

    /// What the physician of organisation `index` asks for: everything, on the patient's grants, for treatment.
    fn everything(&self, index: usize) -> AccessRequest {
        request(Reader::Practitioner(self.physician(index)), Basis::Grant, Purpose::Treatment)
    }

    fn own(&self) -> AccessRequest {
        AccessRequest { basis: Basis::Own, ..self.everything(0) }
    }

    fn in_emergency(&self, index: usize) -> AccessRequest {
        AccessRequest { basis: emergency(), purpose: Purpose::BreakTheGlass, ..self.everything(index) }
    }

    fn by_consult(&self, index: usize, consult: ConsultId) -> AccessRequest {
        AccessRequest { basis: Basis::Consult(consult), ..self.everything(index) }
    }

    /// The physician of organisation `index` asks.
    fn ask(&mut self, index: usize, request: AccessRequest) -> Outcome {
        let secret = self.story.member(index).practitioner;
        self.story.act(&secret, Action::Access(request))
    }

    fn ask_with_id(&mut self, index: usize, request: AccessRequest) -> (Outcome, TransactionId) {
        let secret = self.story.member(index).practitioner;
        let (outcome, id) = self.story.act_with_id(&secret, Action::Access(request));
        (outcome, TransactionId(id.0))
    }

    /// The person or a guardian asks.
    fn person_asks(&mut self, secret: &SecretKey, purpose: Purpose) -> Outcome {
        self.story.act(secret, Action::Access(request(Reader::Person, Basis::Own, purpose)))
    }

    /// Everything that the parent permits, for an hour, or as long as the parent consult.
    fn passing_on(&self, parent: Parent, to: usize) -> ConsultTerms {
        let consent: Consent = self.story.object(StateKey::Consent(label(ACCOUNT)));
        let until = match parent {
            Parent::Consult(id) => consent.consult(&id).map(|parent| parent.terms.until),
            Parent::Grant(_) => None,
        };
        ConsultTerms {
            parent,
            reader: self.physician(to),
            categories: Categories::ALL,
            records: list(vec![]),
            until: until.unwrap_or(self.story.now.plus_ms(HOUR)),
            may_pass_on: true,
            reply_key: SealingKey([9; 32]),
        }
    }

    fn open(&mut self, by: usize, terms: ConsultTerms) -> Outcome {
        let member = self.story.member(by);
        let action = Action::OpenConsult { account: label(ACCOUNT), practitioner: member.practitioner_id, terms };
        self.story.act(&member.practitioner, action)
    }

    /// A consult that must open.
    fn consult(&mut self, by: usize, terms: ConsultTerms) -> ConsultId {
        let member = self.story.member(by);
        let action = Action::OpenConsult { account: label(ACCOUNT), practitioner: member.practitioner_id, terms };
        ConsultId(self.story.does(&member.practitioner, action).0)
    }

    fn close(&mut self, by: Option<usize>, consult: ConsultId) -> Outcome {
        let practitioner = by.map(|index| self.physician(index));
        let secret = by.map_or_else(|| fixture::patient(ACCOUNT), |index| self.story.member(index).practitioner);
        self.story.act(&secret, Action::CloseConsult { account: label(ACCOUNT), consult, practitioner })
    }

    fn still(&self, access: TransactionId) -> Vec<RecordId> {
        let access: Access = self.story.object(StateKey::Access(access));
        still_granted(&Working::new(&self.story.ledger), &access, self.story.now).expect("readable")
    }

    fn journal(&self) -> usize {
        self.story.ledger.journal(&label(ACCOUNT)).len()
    }
}

fn one(seed: u64) -> inro_contracts::bytes::List<RecordId, 64> {
    list(vec![fixture::record_id(seed)])
}

// The order of denials (D-1).

#[test]
fn the_first_reason_in_the_order_names_the_denial() {
    let mut case = Case::new(1);
    let (account, member) = (label(ACCOUNT), case.story.member(4));
    let (organisation, practitioner) = (member.id, member.practitioner_id);
    // Everything is wrong; one thing after the other is put right.
    let mut asked = AccessRequest {
        account: label(77),
        reader: Reader::Practitioner(PractitionerId([1; 32])),
        categories: Categories::only(&[Category::Image]),
        purpose: Purpose::Research,
        ..case.everything(4)
    };
    let change = case.story.suspend(4);
    let standing = |active| Action::SetPractitionerStanding { organisation, practitioner, active };
    case.story.does(&member.authority, standing(false));
    assert_eq!(case.story.decide(0, &[1, 2, 3], change).1, ProposalStatus::Accepted);
    assert_eq!(case.ask(4, asked.clone()), denied(Denial::UnknownRequester));
    asked.reader = Reader::Practitioner(practitioner);
    assert_eq!(case.ask(3, asked.clone()), denied(Denial::UnknownRequester), "signed with another key");
    assert_eq!(case.ask(4, asked.clone()), denied(Denial::SuspendedOrganisation));
    let reinstate = Change::ReinstateOrganisation { organisation };
    assert_eq!(case.story.decide(0, &[1, 2], reinstate).1, ProposalStatus::Accepted);
    assert_eq!(case.ask(4, asked.clone()), denied(Denial::PractitionerNotValid));
    case.story.does(&member.authority, standing(true));
    assert_eq!(case.ask(4, asked.clone()), denied(Denial::UnknownAccount));
    asked.account = account;
    assert_eq!(case.ask(4, asked.clone()), denied(Denial::NoBasis));
    let own = AccessRequest { basis: Basis::Own, ..asked.clone() };
    assert_eq!(case.ask(4, own), denied(Denial::NoBasis), "only the custodian's practitioners read on their own");
    let mut terms = case.terms(Grantee::Practitioner(practitioner));
    terms.categories = Categories::only(&[Category::Prescription]);
    terms.validity = Validity { from: case.story.now.plus_ms(HOUR), until: case.story.now.plus_ms(2 * HOUR) };
    case.grant_with(terms);
    assert_eq!(case.ask(4, asked.clone()), denied(Denial::NotYet));
    case.story.wait(HOUR);
    let seal = case.seal(seal_on(SealTarget::Everything));
    assert_eq!(case.ask(4, asked.clone()), denied(Denial::OtherPurpose));
    asked.purpose = Purpose::Treatment;
    assert_eq!(case.ask(4, asked.clone()), denied(Denial::OtherCategory));
    asked.categories = Categories::ALL;
    assert_eq!(case.ask(4, asked.clone()), denied(Denial::Sealed));
    case.unseal(seal);
    assert_eq!(case.ask(4, asked.clone()), shows(&[1], false));
    case.story.wait(HOUR);
    asked.purpose = Purpose::Research;
    assert_eq!(case.ask(4, asked.clone()), denied(Denial::Ended), "it is over");
    let grant = case.grant(4);
    case.revoke(grant);
    assert_eq!(case.ask(4, asked), denied(Denial::Ended), "it is revoked");
    check_journals(&case.story.ledger);
}

#[test]
fn an_emergency_asks_for_the_role_then_the_purpose_then_the_quota() {
    let parameters = Parameters { emergency_quota: 1, ..Parameters::default() };
    let mut case = Case::with_parameters(parameters, 1);
    let (secret, clerk) = case.colleague(1, 1, Role::RecordsAdministrator);
    let asked = AccessRequest { purpose: Purpose::Research, ..case.in_emergency(1) };
    assert_eq!(case.ask(1, case.in_emergency(1)), shows(&[1], false));
    let by_clerk = AccessRequest { reader: Reader::Practitioner(clerk), ..asked.clone() };
    assert_eq!(case.story.act(&secret, Action::Access(by_clerk)), denied(Denial::RoleMayNot));
    assert_eq!(case.ask(1, asked), denied(Denial::OtherPurpose));
    let disaster = AccessRequest { purpose: Purpose::Disaster, ..case.in_emergency(1) };
    assert_eq!(case.ask(1, disaster), denied(Denial::OtherPurpose), "no disaster is declared");
    let nothing = AccessRequest { categories: Categories::only(&[]), ..case.in_emergency(1) };
    assert_eq!(case.ask(1, nothing.clone()), denied(Denial::EmergencyQuota));
    case.story.wait(DAY);
    assert_eq!(case.ask(1, nothing), denied(Denial::OtherCategory));
}

#[test]
fn a_denied_access_is_an_event_of_the_journal_and_changes_nothing_else() {
    let mut case = Case::new(1);
    case.grant(1);
    case.seal(seal_on(SealTarget::Everything));
    let stranger = fixture::secret("stranger", 1);
    let unknown = request(Reader::Practitioner(PractitionerId([1; 32])), Basis::Grant, Purpose::Treatment);
    let questions = [
        (stranger.clone(), unknown.clone(), Denial::UnknownRequester),
        (stranger, request(Reader::Person, Basis::Own, Purpose::PatientRequest), Denial::NoBasis),
        (case.story.member(1).practitioner, case.everything(1), Denial::Sealed),
        (case.story.member(1).practitioner, case.in_emergency(1), Denial::Sealed),
    ];
    for (secret, asked, denial) in questions {
        let (before, events) = (case.story.ledger.objects().clone(), case.journal());
        assert_eq!(case.story.act(&secret, Action::Access(asked)), denied(denial));
        assert_eq!(case.journal(), events + 1);
        let after = case.story.ledger.objects();
        let changed: Vec<_> = after.iter().filter(|(key, value)| before.get(key) != Some(value)).map(|(key, _)| key).collect();
        assert_eq!(changed, [&StateKey::Clock, &StateKey::Account(label(ACCOUNT))]);
    }
    // An account that does not exist has no journal that could tell.
    let events = case.journal();
    for asked in [AccessRequest { account: label(9), ..unknown }, AccessRequest { account: label(9), ..case.everything(1) }] {
        assert!(matches!(case.ask(1, asked), Outcome::Denied(Denial::UnknownRequester | Denial::UnknownAccount)));
    }
    assert_eq!(case.journal(), events);
    check_journals(&case.story.ledger);
}

// Grants.

#[test]
fn a_grant_reaches_the_organisation_the_person_or_the_role_that_it_names_and_nobody_else() {
    let mut case = Case::new(1);
    let (secret, nurse) = case.colleague(1, 1, Role::Nurse);
    let organisation = case.story.member(1).id;
    let as_nurse = AccessRequest { reader: Reader::Practitioner(nurse), ..case.everything(1) };
    let cases = [
        (Grantee::Organisation(organisation), true, true),
        (Grantee::Practitioner(nurse), true, false),
        (Grantee::Role { organisation, role: Role::Nurse }, true, false),
        (Grantee::Role { organisation, role: Role::Physician }, false, true),
        (Grantee::Role { organisation: case.story.member(2).id, role: Role::Nurse }, false, false),
    ];
    for (grantee, to_nurse, to_physician) in cases {
        let terms = case.terms(grantee);
        let grant = case.grant_with(terms);
        let by_nurse = case.story.act(&secret, Action::Access(as_nurse.clone()));
        assert_eq!(by_nurse == shows(&[1], false), to_nurse, "{grantee:?}");
        let by_physician = case.ask(1, case.everything(1));
        assert_eq!(by_physician == shows(&[1], false), to_physician, "{grantee:?}");
        case.revoke(grant);
    }
}

#[test]
fn grants_that_fit_count_together_and_others_do_not() {
    let mut case = Case::new(1);
    case.register(2, Category::Image, ProviderFlags::default());
    case.register(3, Category::Allergy, ProviderFlags::default());
    for (category, purpose) in [
        (Category::Prescription, Purpose::Treatment),
        (Category::Image, Purpose::Treatment),
        (Category::Allergy, Purpose::Research),
    ] {
        let terms = case.terms(Grantee::Organisation(case.story.member(1).id));
        case.grant_with(GrantTerms { categories: Categories::only(&[category]), purpose, ..terms });
    }
    assert_eq!(case.ask(1, case.everything(1)), shows(&[1, 2], false));
    let images = AccessRequest { categories: Categories::only(&[Category::Image]), ..case.everything(1) };
    assert_eq!(case.ask(1, images), shows(&[2], false));
    let for_research = AccessRequest { purpose: Purpose::Research, ..case.everything(1) };
    assert_eq!(case.ask(1, for_research), shows(&[3], false));
    let by_name = AccessRequest { records: one(3), ..case.everything(1) };
    assert_eq!(case.ask(1, by_name), shows(&[], false), "naming a record permits nothing");
}

#[test]
fn a_revocation_works_from_the_block_that_commits_it() {
    let mut case = Case::new(1);
    let grant = case.grant(1);
    let physician = case.story.member(1).practitioner;
    let asked = Action::Access(case.everything(1));
    let before = case.story.transaction(&physician, asked.clone());
    let revocation = case.story.transaction(&fixture::patient(ACCOUNT), Action::Revoke { account: label(ACCOUNT), grant });
    let after = case.story.transaction(&physician, asked);
    let outcomes = case.story.block(&[before, revocation, after]);
    assert_eq!(outcomes, [shows(&[1], false), Outcome::Applied, denied(Denial::Ended)]);
}

#[test]
fn rules_of_grants_in_their_order() {
    let mut case = Case::new(1);
    let (account, member) = (label(ACCOUNT), case.story.member(1));
    let good = case.terms(Grantee::Organisation(member.id));
    let grant = |terms| Action::Grant { account, terms };
    let nothing = GrantTerms { categories: Categories::only(&[]), ..good };
    let over = GrantTerms { validity: Validity { from: Time(0), until: case.story.now }, ..good };
    assert_eq!(case.patient(Action::Grant { account: label(9), terms: nothing }), rejected(Rule::UnknownAccount));
    assert_eq!(case.story.act(&member.practitioner, grant(nothing)), rejected(Rule::MayNotConsent));
    assert_eq!(case.patient(grant(nothing)), rejected(Rule::NoCategories));
    assert_eq!(case.patient(grant(over)), rejected(Rule::EmptyValidity));
    let organisation = OrganisationId([9; 32]);
    for (grantee, rule) in [
        (Grantee::Organisation(organisation), Rule::UnknownOrganisation),
        (Grantee::Role { organisation, role: Role::Nurse }, Rule::UnknownOrganisation),
        (Grantee::Practitioner(PractitionerId([9; 32])), Rule::UnknownPractitioner),
    ] {
        assert_eq!(case.patient(grant(GrantTerms { grantee, ..good })), rejected(rule));
    }
    let revoke = |grant| Action::Revoke { account, grant };
    let id = case.grant_with(good);
    assert_eq!(case.story.act(&member.practitioner, revoke(id)), rejected(Rule::MayNotConsent));
    assert_eq!(case.patient(revoke(GrantId([9; 32]))), rejected(Rule::UnknownGrant));
    case.revoke(id);
    assert_eq!(case.patient(revoke(id)), rejected(Rule::GrantEnded));
}

#[test]
fn sixty_four_grants_are_enough_and_those_that_ended_make_room() {
    let mut case = Case::new(1);
    let ids: Vec<_> = (0..64).map(|_| case.grant(1)).collect();
    let terms = case.terms(Grantee::Organisation(case.story.member(1).id));
    assert_eq!(case.patient(Action::Grant { account: label(ACCOUNT), terms }), rejected(Rule::TooManyGrants));
    case.revoke(ids[7]);
    let new = case.grant(1);
    let consent: Consent = case.story.object(StateKey::Consent(label(ACCOUNT)));
    assert_eq!(consent.grants.len(), 64);
    assert!(consent.grant(&ids[7]).is_none() && consent.grant(&new).is_some());
}

// Seals.

/// Who asks in the test of all dimensions.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Asker {
    Author,
    Colleague,
    /// The physician of organisation 1, 2 or 3, on a grant.
    Granted(usize),
    Emergency(usize),
    Patient,
    Guardian,
}

/// Every combination of the dimensions of a seal, against everybody who may ask, with the answer written down plainly.
#[test]
fn a_seal_holds_in_every_dimension() {
    let parameters = Parameters { emergency_quota: u16::MAX, ..Parameters::default() };
    let mut case = Case::with_parameters(parameters, 1);
    let (secret, colleague) = case.colleague(0, 1, Role::Nurse);
    // Record 1 is a prescription by the physician, record 2 an infection by the nurse.
    let record = RecordManifest { category: Category::Infection, ..fixture::manifest(2) };
    case.story.does(&secret, Action::RegisterRecord { account: label(ACCOUNT), practitioner: colleague, record });
    case.appoint(1, Powers::READ_RECORDS);
    for index in 1..4 {
        case.grant(index);
    }
    let named = vec![Party::Practitioner(case.physician(1)), Party::Organisation(case.story.member(2).id)];
    let targets = [chosen(&[1]), SealTarget::Categories(Categories::only(&[Category::Prescription])), SealTarget::Everything];
    let all_against = [Against::Outside, Against::AllButAuthor, Against::Named(list(named))];
    let askers = [
        Asker::Author,
        Asker::Colleague,
        Asker::Granted(1),
        Asker::Granted(2),
        Asker::Granted(3),
        Asker::Emergency(1),
        Asker::Emergency(3),
        Asker::Patient,
        Asker::Guardian,
    ];
    for number in 0..3 * 3 * 2 * 2 * 2 * 3 {
        let [target, against] = [number % 3, number / 3 % 3];
        let visibility = if number / 9 % 2 == 0 { Visibility::Notice } else { Visibility::Silent };
        let in_emergency = if number / 18 % 2 == 0 { InEmergency::MayOpen } else { InEmergency::Never };
        let hidden_from_guardians = number / 36 % 2 == 0;
        let lifted = number / 72;
        let (target, against) = (targets[target].clone(), all_against[against].clone());
        let terms = SealTerms { target, against, visibility, in_emergency, hidden_from_guardians };
        let seal = case.seal(terms.clone());
        match lifted {
            0 => {}
            1 => case.lift(seal, case.story.now.plus_ms(HOUR)),
            _ => {
                case.lift(seal, case.story.now.plus_ms(2 * SECOND));
                case.story.wait(2 * SECOND);
            }
        }
        for asker in askers {
            let outcome = match asker {
                Asker::Author => case.ask(0, case.own()),
                Asker::Colleague => {
                    let asked = AccessRequest { reader: Reader::Practitioner(colleague), ..case.own() };
                    case.story.act(&secret, Action::Access(asked))
                }
                Asker::Granted(index) => case.ask(index, case.everything(index)),
                Asker::Emergency(index) => case.ask(index, case.in_emergency(index)),
                Asker::Patient => case.person_asks(&fixture::patient(ACCOUNT), Purpose::PatientRequest),
                Asker::Guardian => case.person_asks(&guardian(1), Purpose::FamilyRequest),
            };
            let is_sealed = |record: u64| {
                let covered = record == 1 || terms.target == SealTarget::Everything;
                let opened = matches!(asker, Asker::Emergency(_)) && in_emergency == InEmergency::MayOpen;
                let meant = match (asker, &terms.against) {
                    (Asker::Patient, _) => false,
                    (Asker::Guardian, _) => hidden_from_guardians,
                    (Asker::Author | Asker::Colleague, Against::Outside) => false,
                    (_, Against::Outside) => true,
                    (Asker::Author, Against::AllButAuthor) => record != 1,
                    (Asker::Colleague, Against::AllButAuthor) => record != 2,
                    (_, Against::AllButAuthor) => true,
                    (asker, Against::Named(_)) => [Asker::Granted(1), Asker::Granted(2), Asker::Emergency(1)].contains(&asker),
                };
                covered && meant && !opened && lifted != 1
            };
            let shown: Vec<u64> = [1, 2].into_iter().filter(|record| !is_sealed(*record)).collect();
            let noticed = visibility == Visibility::Notice && shown.len() < 2;
            let expected = if noticed && shown.is_empty() { denied(Denial::Sealed) } else { shows(&shown, noticed) };
            assert_eq!(outcome, expected, "{asker:?}, {terms:?}, lifting {lifted}");
        }
        case.unseal(seal);
    }
}

#[test]
fn of_several_seals_on_a_record_the_narrowest_says_whether_something_shows_and_silence_wins_a_tie() {
    let mut case = Case::new(1);
    case.grant(1);
    let category = || SealTarget::Categories(Categories::only(&[Category::Prescription]));
    let (notice, silent) = (Visibility::Notice, Visibility::Silent);
    for (seals, sealed) in [
        ([(SealTarget::Everything, silent), (category(), notice)], true),
        ([(SealTarget::Everything, notice), (category(), silent)], false),
        ([(category(), silent), (chosen(&[1]), notice)], true),
        ([(category(), notice), (chosen(&[1]), silent)], false),
        ([(category(), notice), (category(), silent)], false),
        ([(category(), silent), (category(), notice)], false),
        ([(chosen(&[1]), notice), (chosen(&[1]), notice)], true),
    ] {
        let ids = seals.clone().map(|(target, visibility)| case.seal(SealTerms { visibility, ..seal_on(target) }));
        let expected = if sealed { denied(Denial::Sealed) } else { shows(&[], false) };
        assert_eq!(case.ask(1, case.everything(1)), expected, "{seals:?}");
        for id in ids {
            case.unseal(id);
        }
    }
}

#[test]
fn a_seal_works_from_the_block_that_commits_it_and_a_lifting_ends_when_it_says_or_at_once() {
    let mut case = Case::new(1);
    case.grant(1);
    let physician = case.story.member(1).practitioner;
    let asked = Action::Access(case.everything(1));
    let sealing = Action::Seal { account: label(ACCOUNT), terms: seal_on(SealTarget::Everything) };
    let block = [
        case.story.transaction(&physician, asked.clone()),
        case.story.transaction(&fixture::patient(ACCOUNT), sealing),
        case.story.transaction(&physician, asked),
    ];
    assert_eq!(case.story.block(&block), [shows(&[1], false), Outcome::Applied, denied(Denial::Sealed)]);
    let seal = SealId(block[1].id().0);
    let until = case.story.now.plus_ms(HOUR);
    case.lift(seal, until);
    assert_eq!(case.ask(1, case.everything(1)), shows(&[1], false));
    let again = Action::LiftSeal { account: label(ACCOUNT), seal, until };
    assert_eq!(case.patient(again), rejected(Rule::NoChange));
    case.lift(seal, Time(0));
    assert_eq!(case.ask(1, case.everything(1)), denied(Denial::Sealed), "it was put back in force");
    case.lift(seal, until);
    case.story.now = Time(until.0 - 1);
    assert_eq!(case.ask(1, case.everything(1)), shows(&[1], false));
    case.story.now = until;
    assert_eq!(case.ask(1, case.everything(1)), denied(Denial::Sealed), "it is over");
}

#[test]
fn a_seal_covers_what_is_registered_later_in_its_categories() {
    let mut case = Case::new(1);
    case.grant(1);
    case.seal(seal_on(SealTarget::Categories(Categories::only(&[Category::Infection]))));
    assert_eq!(case.ask(1, case.everything(1)), shows(&[1], false));
    case.register(2, Category::Infection, ProviderFlags::default());
    assert_eq!(case.ask(1, case.everything(1)), shows(&[1], true));
}

#[test]
fn a_correction_never_opens_what_the_patient_closed() {
    let mut case = Case::new(2);
    case.grant(1);
    case.seal(seal_on(chosen(&[1])));
    for (old, new) in [(1, 11), (11, 12)] {
        assert_eq!(case.supersede(old, new), Outcome::Applied);
        assert_eq!(case.ask(1, case.everything(1)), shows(&[2], true));
    }
    for version in [1, 11, 12] {
        let by_name = AccessRequest { records: one(version), ..case.everything(1) };
        assert_eq!(case.ask(1, by_name), denied(Denial::Sealed));
    }
}

/// The patient sealed a record that the wallet still showed as current; its correction reached the ledger one transaction
/// before the seal. The seal covered the old version only, and the new one stayed open.
#[test]
fn a_seal_that_arrives_just_after_a_correction_covers_the_correction() {
    let mut case = Case::new(1);
    case.grant(1);
    let physician = case.story.member(0).practitioner;
    let correction = case.superseding(1, 11, ProviderFlags::default());
    let sealing = Action::Seal { account: label(ACCOUNT), terms: seal_on(chosen(&[1])) };
    let block = [case.story.transaction(&physician, correction), case.story.transaction(&fixture::patient(ACCOUNT), sealing)];
    assert_eq!(case.story.block(&block), [Outcome::Applied, Outcome::Applied]);
    assert_eq!(case.ask(1, case.everything(1)), denied(Denial::Sealed));
    assert_eq!(case.supersede(11, 12), Outcome::Applied);
    assert_eq!(case.ask(1, case.everything(1)), denied(Denial::Sealed));
}

/// A patient sealed what the portal listed, the current version. Whoever still knew the id of an older version, which says
/// nearly the same, could name it and read it.
#[test]
fn an_old_version_is_read_by_name_only_as_long_as_the_current_one_may_be_read() {
    let mut case = Case::new(1);
    case.grant(1);
    assert_eq!(case.supersede(1, 11), Outcome::Applied);
    assert_eq!(case.supersede(11, 12), Outcome::Applied);
    let by_name = |case: &Case| AccessRequest { records: one(1), ..case.everything(1) };
    assert_eq!(case.ask(1, by_name(&case)), shows(&[1], false));
    assert_eq!(case.ask(1, case.everything(1)), shows(&[12], false));
    let seal = case.seal(seal_on(chosen(&[12])));
    assert_eq!(case.ask(1, by_name(&case)), denied(Denial::Sealed));
    case.unseal(seal);
    let seal = case.seal(SealTerms { visibility: Visibility::Silent, ..seal_on(chosen(&[11])) });
    assert_eq!(case.ask(1, by_name(&case)), shows(&[], false));
    case.unseal(seal);
    let custodian = case.story.member(0);
    let (account, practitioner) = (label(ACCOUNT), custodian.practitioner_id);
    let flag =
        Action::SetProviderFlags { account, practitioner, record: fixture::record_id(12), flags: ProviderFlags::UNINFORMED };
    let patient = fixture::patient(ACCOUNT);
    let person = AccessRequest { records: one(1), ..request(Reader::Person, Basis::Own, Purpose::PatientRequest) };
    assert_eq!(case.story.act(&patient, Action::Access(person.clone())), shows(&[1], false));
    case.story.does(&custodian.practitioner, flag);
    assert_eq!(case.story.act(&patient, Action::Access(person)), shows(&[], false));
    assert_eq!(case.ask(1, by_name(&case)), shows(&[1], false));
    let erase =
        Action::EraseRecord { account, practitioner, record: fixture::record_id(11), reason: ErasureReason::PatientRequest };
    case.story.does(&custodian.practitioner, erase);
    assert_eq!(case.ask(1, by_name(&case)), shows(&[], false), "nobody knows any more what came after it");
}

#[test]
fn versions_far_behind_are_not_shown() {
    let mut case = Case::new(1);
    let newest = VERSIONS_MAX as u64 + 2;
    for version in 2..=newest {
        assert_eq!(case.supersede(version - 1, version), Outcome::Applied);
    }
    for (version, expected) in [(1, shows(&[], false)), (2, shows(&[2], false)), (newest, shows(&[newest], false))] {
        let by_name = AccessRequest { records: one(version), ..case.own() };
        assert_eq!(case.ask(0, by_name), expected, "version {version} of {newest}");
    }
}

#[test]
fn rules_of_seals_in_their_order() {
    let mut case = Case::new(1);
    let (account, member) = (label(ACCOUNT), case.story.member(1));
    case.appoint(1, Powers::SEAL);
    let seal = |terms| Action::Seal { account, terms };
    let hidden = SealTerms { hidden_from_guardians: true, ..seal_on(chosen(&[])) };
    assert_eq!(case.story.act(&member.practitioner, seal(hidden.clone())), rejected(Rule::MayNotConsent));
    assert_eq!(case.story.act(&guardian(1), seal(hidden)), rejected(Rule::HiddenFromGuardians));
    assert_eq!(case.patient(seal(seal_on(chosen(&[])))), rejected(Rule::EmptySeal));
    assert_eq!(case.patient(seal(seal_on(SealTarget::Categories(Categories::only(&[]))))), rejected(Rule::EmptySeal));
    assert_eq!(case.patient(seal(seal_on(chosen(&[1, 9])))), rejected(Rule::UnknownRecord));
    let named = |parties| SealTerms { against: Against::Named(list(parties)), ..seal_on(SealTarget::Everything) };
    assert_eq!(case.patient(seal(named(vec![]))), rejected(Rule::EmptySeal));
    let nobody = Party::Organisation(OrganisationId([9; 32]));
    assert_eq!(case.patient(seal(named(vec![nobody]))), rejected(Rule::UnknownOrganisation));
    let nobody = Party::Practitioner(PractitionerId([9; 32]));
    assert_eq!(case.patient(seal(named(vec![nobody]))), rejected(Rule::UnknownPractitioner));
    let unknown = SealId([9; 32]);
    assert_eq!(case.patient(Action::Unseal { account, seal: unknown }), rejected(Rule::UnknownSeal));
    assert_eq!(case.patient(Action::LiftSeal { account, seal: unknown, until: Time(0) }), rejected(Rule::UnknownSeal));
    let id = case.seal(seal_on(SealTarget::Everything));
    assert_eq!(case.story.act(&member.practitioner, Action::Unseal { account, seal: id }), rejected(Rule::MayNotConsent));
    let lift = Action::LiftSeal { account, seal: id, until: case.story.now.plus_ms(HOUR) };
    assert_eq!(case.story.act(&member.practitioner, lift), rejected(Rule::MayNotConsent));
    for _ in 1..64 {
        case.seal(seal_on(SealTarget::Everything));
    }
    assert_eq!(case.patient(seal(seal_on(SealTarget::Everything))), rejected(Rule::TooManySeals));
    case.unseal(id);
    case.seal(seal_on(SealTarget::Everything));
}

#[test]
fn a_seal_that_can_follow_no_more_corrections_stops_them_rather_than_open() {
    let mut case = Case::new(1);
    case.seal(seal_on(chosen(&[1])));
    let last = 1 + SUCCESSORS_MAX as u64;
    for version in 2..=last {
        assert_eq!(case.supersede(version - 1, version), Outcome::Applied);
    }
    assert_eq!(case.supersede(last, last + 1), rejected(Rule::SealIsFull));
    // So many corrections can have happened before the sealing too: then the current version is sealed.
    let consent: Consent = case.story.object(StateKey::Consent(label(ACCOUNT)));
    case.unseal(consent.seals[0].id);
    assert_eq!(case.supersede(last, last + 1), Outcome::Applied);
    let late = |target| Action::Seal { account: label(ACCOUNT), terms: seal_on(target) };
    assert_eq!(case.patient(late(chosen(&[1]))), rejected(Rule::SealIsFull));
    assert_eq!(case.patient(late(chosen(&[last + 1]))), Outcome::Applied);
}

// Guardians.

#[test]
fn a_guardian_does_what_the_powers_say_and_no_more() {
    let mut case = Case::new(1);
    let account = label(ACCOUNT);
    for (seed, powers) in [(1, Powers::GRANT), (2, Powers::SEAL), (3, Powers::READ_RECORDS), (4, Powers::READ_JOURNAL)] {
        case.appoint(seed, powers);
    }
    let terms = case.terms(Grantee::Organisation(case.story.member(1).id));
    let deeds = [
        (Action::Grant { account, terms }, 1, Rule::MayNotConsent),
        (Action::Seal { account, terms: seal_on(chosen(&[1])) }, 2, Rule::MayNotConsent),
        (Action::ReadJournal { account, practitioner: None }, 4, Rule::MayNotReadJournal),
    ];
    for (deed, able, rule) in deeds {
        for seed in 1..=4 {
            let expected = if seed == able { Outcome::Applied } else { rejected(rule) };
            assert_eq!(case.story.act(&guardian(seed), deed.clone()), expected, "guardian {seed}: {deed:?}");
        }
    }
    for seed in 1..=4 {
        let expected = if seed == 3 { shows(&[1], false) } else { denied(Denial::NoBasis) };
        assert_eq!(case.person_asks(&guardian(seed), Purpose::FamilyRequest), expected);
    }
    assert_eq!(case.person_asks(&guardian(3), Purpose::PowerOfAttorney), shows(&[1], false));
    assert_eq!(case.person_asks(&guardian(3), Purpose::PatientRequest), denied(Denial::OtherPurpose));
    assert_eq!(case.person_asks(&fixture::patient(ACCOUNT), Purpose::FamilyRequest), denied(Denial::OtherPurpose));
    let on_a_grant = request(Reader::Person, Basis::Grant, Purpose::PatientRequest);
    assert_eq!(case.patient(Action::Access(on_a_grant)), denied(Denial::NoBasis));
}

#[test]
fn a_guardians_powers_begin_and_end_by_block_time() {
    let mut case = Case::new(1);
    let account = label(ACCOUNT);
    let mut later = fixture::guardian(1, Powers::ALL);
    later.validity = Validity { from: case.story.now.plus_ms(HOUR), until: case.story.now.plus_ms(2 * HOUR) };
    case.word(Action::AppointGuardian { account, guardian: later });
    let terms = seal_on(SealTarget::Everything);
    let seal = Action::Seal { account, terms };
    let journal = Action::ReadJournal { account, practitioner: None };
    let before = [Denial::NotYet, Denial::Ended];
    for (round, denial) in before.into_iter().enumerate() {
        assert_eq!(case.story.act(&guardian(1), seal.clone()), rejected(Rule::MayNotConsent));
        assert_eq!(case.story.act(&guardian(1), journal.clone()), rejected(Rule::MayNotReadJournal));
        assert_eq!(case.person_asks(&guardian(1), Purpose::FamilyRequest), denied(denial));
        if round == 0 {
            case.story.wait(HOUR);
            assert_eq!(case.story.act(&guardian(1), seal.clone()), Outcome::Applied);
            assert_eq!(case.person_asks(&guardian(1), Purpose::FamilyRequest), shows(&[1], false));
            case.story.wait(HOUR);
        }
    }
}

#[test]
fn a_seal_that_is_hidden_from_guardians_holds_against_them_and_is_out_of_their_hands() {
    let mut case = Case::new(2);
    let account = label(ACCOUNT);
    case.appoint(1, Powers::ALL);
    let hidden = SealTerms { hidden_from_guardians: true, visibility: Visibility::Silent, ..seal_on(chosen(&[1])) };
    let seal = case.seal(hidden);
    assert_eq!(case.person_asks(&guardian(1), Purpose::FamilyRequest), shows(&[2], false));
    let lift = Action::LiftSeal { account, seal, until: case.story.now.plus_ms(HOUR) };
    for deed in [lift, Action::Unseal { account, seal }] {
        assert_eq!(case.story.act(&guardian(1), deed), rejected(Rule::HiddenFromGuardians));
    }
    let open = case.seal(seal_on(chosen(&[2])));
    assert_eq!(case.person_asks(&guardian(1), Purpose::FamilyRequest), shows(&[2], false), "it is not against guardians");
    assert_eq!(case.story.act(&guardian(1), Action::Unseal { account, seal: open }), Outcome::Applied);
    assert_eq!(case.person_asks(&fixture::patient(ACCOUNT), Purpose::PatientRequest), shows(&[1, 2], false));
}

#[test]
fn a_journal_is_read_by_a_regulators_auditor_and_the_reading_is_an_event_in_it() {
    let mut case = Case::new(1);
    let account = label(ACCOUNT);
    let (regulator, authority) = case.admit(OrganisationKind::Regulator, 1);
    let (auditor_key, auditor) = case.employ(regulator, &authority, 1, Role::Auditor);
    let (clerk_key, clerk) = case.employ(regulator, &authority, 2, Role::RecordsAdministrator);
    let (false_key, false_auditor) = case.colleague(1, 3, Role::Auditor);
    let read = |practitioner| Action::ReadJournal { account, practitioner };
    assert_eq!(case.patient(read(None)), rejected(Rule::MayNotReadJournal), "the controller reads without saying so");
    assert_eq!(case.story.act(&clerk_key, read(Some(clerk))), rejected(Rule::MayNotReadJournal));
    assert_eq!(case.story.act(&false_key, read(Some(false_auditor))), rejected(Rule::MayNotReadJournal));
    assert_eq!(case.story.act(&clerk_key, read(Some(auditor))), rejected(Rule::NotTheKey));
    let events = case.journal();
    assert_eq!(case.story.act(&auditor_key, read(Some(auditor))), Outcome::Applied);
    assert_eq!(case.journal(), events + 1);
    let unknown = Action::ReadJournal { account: label(9), practitioner: Some(auditor) };
    assert_eq!(case.story.act(&auditor_key, unknown), rejected(Rule::UnknownAccount));
}

// Provider flags.

#[test]
fn uninformed_hides_from_person_and_guardians_and_undelivered_from_everybody_else() {
    let mut case = Case::new(1);
    case.register(2, Category::Diagnosis, ProviderFlags::UNINFORMED);
    case.register(3, Category::Diagnosis, ProviderFlags::UNDELIVERED);
    case.appoint(1, Powers::READ_RECORDS);
    case.grant(1);
    assert_eq!(case.person_asks(&fixture::patient(ACCOUNT), Purpose::PatientRequest), shows(&[1], false));
    assert_eq!(case.person_asks(&guardian(1), Purpose::FamilyRequest), shows(&[1], false));
    assert_eq!(case.ask(1, case.everything(1)), shows(&[1, 2], false));
    assert_eq!(case.ask(1, case.in_emergency(1)), shows(&[1, 2], false));
    assert_eq!(case.ask(0, case.own()), shows(&[1, 2, 3], false));
    let named = AccessRequest { records: one(3), ..case.everything(1) };
    assert_eq!(case.ask(1, named), shows(&[], false));
    // A flag comes before a seal: what is not to be seen at all is not noticed either.
    case.seal(seal_on(chosen(&[3])));
    assert_eq!(case.ask(1, case.everything(1)), shows(&[1, 2], false));
}

#[test]
fn an_erased_record_is_never_shown() {
    let mut case = Case::new(2);
    let member = case.story.member(0);
    let (account, practitioner) = (label(ACCOUNT), member.practitioner_id);
    let erase = Action::EraseRecord { account, practitioner, record: fixture::record_id(1), reason: ErasureReason::LegalOrder };
    let (_, access) = case.ask_with_id(0, case.own());
    case.story.does(&member.practitioner, erase);
    assert_eq!(case.ask(0, case.own()), shows(&[2], false));
    assert_eq!(case.ask(0, AccessRequest { records: one(1), ..case.own() }), shows(&[], false));
    assert_eq!(case.still(access), [fixture::record_id(2)]);
}

// Consults.

#[test]
fn a_consult_is_read_by_its_linked_id_within_its_bounds() {
    let mut case = Case::new(2);
    case.register(3, Category::Image, ProviderFlags::default());
    let grant = case.grant(1);
    let terms = ConsultTerms {
        categories: Categories::only(&[Category::Prescription]),
        records: list(vec![fixture::record_id(1), fixture::record_id(3)]),
        ..case.passing_on(Parent::Grant(grant), 2)
    };
    let consult = case.consult(1, terms);
    let asked = case.by_consult(2, consult);
    assert_eq!(case.ask(2, asked.clone()), shows(&[1], false));
    let outside = AccessRequest { records: one(2), ..asked.clone() };
    assert_eq!(case.ask(2, outside), shows(&[], false), "outside the consult");
    let images = AccessRequest { categories: Categories::only(&[Category::Image]), ..asked.clone() };
    assert_eq!(case.ask(2, images), denied(Denial::OtherCategory));
    let for_research = AccessRequest { purpose: Purpose::Research, ..asked.clone() };
    assert_eq!(case.ask(2, for_research), denied(Denial::OtherPurpose));
    assert_eq!(case.ask(3, case.by_consult(3, consult)), denied(Denial::NoBasis), "another reader");
    assert_eq!(case.ask(2, case.by_consult(2, ConsultId([9; 32]))), denied(Denial::NoBasis));
    case.story.wait(HOUR);
    assert_eq!(case.ask(2, asked), denied(Denial::Ended));
}

#[test]
fn revoking_the_grant_ends_every_consult_under_it_in_the_same_block() {
    let mut case = Case::new(1);
    let grant = case.grant(1);
    let first = case.consult(1, case.passing_on(Parent::Grant(grant), 2));
    let second = case.consult(2, case.passing_on(Parent::Consult(first), 3));
    let physician = case.story.member(3).practitioner;
    let asked = Action::Access(case.by_consult(3, second));
    let block = [
        case.story.transaction(&physician, asked.clone()),
        case.story.transaction(&fixture::patient(ACCOUNT), Action::Revoke { account: label(ACCOUNT), grant }),
        case.story.transaction(&physician, asked),
    ];
    assert_eq!(case.story.block(&block), [shows(&[1], false), Outcome::Applied, denied(Denial::Ended)]);
    assert_eq!(case.ask(2, case.by_consult(2, first)), denied(Denial::Ended));
    assert!(case.still(block[0].id()).is_empty(), "what was granted before is not handed over any more");
}

#[test]
fn closing_a_consult_ends_those_under_it_and_is_for_its_two_sides_and_the_patient() {
    let mut case = Case::new(1);
    let grant = case.grant(1);
    for closer in [Some(1), Some(2), None] {
        let first = case.consult(1, case.passing_on(Parent::Grant(grant), 2));
        let second = case.consult(2, case.passing_on(Parent::Consult(first), 3));
        assert_eq!(case.close(Some(3), first), rejected(Rule::NotOfTheConsult));
        assert_eq!(case.close(Some(4), first), rejected(Rule::NotOfTheConsult));
        assert_eq!(case.ask(3, case.by_consult(3, second)), shows(&[1], false));
        assert_eq!(case.close(closer, first), Outcome::Applied);
        for (index, consult) in [(2, first), (3, second)] {
            assert_eq!(case.ask(index, case.by_consult(index, consult)), denied(Denial::Ended));
            assert_eq!(
                case.close(closer, consult),
                match (closer, index) {
                    (Some(1), 3) => rejected(Rule::NotOfTheConsult),
                    _ => rejected(Rule::ConsultClosed),
                }
            );
        }
        assert_eq!(case.ask(1, case.everything(1)), shows(&[1], false), "the grant is as it was");
    }
    assert_eq!(case.close(None, ConsultId([9; 32])), rejected(Rule::UnknownConsult));
    let stranger = Action::CloseConsult { account: label(ACCOUNT), consult: ConsultId([9; 32]), practitioner: None };
    assert_eq!(case.story.act(&fixture::secret("stranger", 1), stranger), rejected(Rule::MayNotConsent));
}

#[test]
fn rules_of_consults_in_their_order() {
    let mut case = Case::new(2);
    let grant = {
        let terms = case.terms(Grantee::Organisation(case.story.member(1).id));
        let categories = Categories::only(&[Category::Prescription, Category::Image]);
        case.grant_with(GrantTerms { categories, ..terms })
    };
    let good = ConsultTerms { categories: Categories::only(&[Category::Image]), ..case.passing_on(Parent::Grant(grant), 2) };
    let not_passed_on = {
        let terms = case.terms(Grantee::Organisation(case.story.member(1).id));
        case.grant_with(GrantTerms { may_pass_on: false, ..terms })
    };
    let to_come = {
        let terms = case.terms(Grantee::Organisation(case.story.member(1).id));
        let validity = Validity { from: case.story.now.plus_ms(HOUR), until: case.story.now.plus_ms(DAY) };
        case.grant_with(GrantTerms { validity, ..terms })
    };
    let with_parent = |parent| ConsultTerms { parent, ..good.clone() };
    let second_physician = case.physician(1);
    let stranger = PractitionerId([9; 32]);
    let until = case.story.now.plus_ms(2 * DAY);
    for (terms, rule) in [
        (with_parent(Parent::Grant(GrantId([9; 32]))), Rule::UnknownGrant),
        (with_parent(Parent::Consult(ConsultId([9; 32]))), Rule::UnknownConsult),
        (with_parent(Parent::Grant(to_come)), Rule::GrantEnded),
        (with_parent(Parent::Grant(not_passed_on)), Rule::NotPassedOn),
        (ConsultTerms { reader: stranger, ..good.clone() }, Rule::UnknownPractitioner),
        (ConsultTerms { reader: second_physician, categories: Categories::ALL, ..good.clone() }, Rule::ConsultsItself),
        (ConsultTerms { categories: Categories::ALL, ..good.clone() }, Rule::ConsultTooWide),
        (ConsultTerms { categories: Categories::only(&[]), ..good.clone() }, Rule::ConsultTooWide),
        (ConsultTerms { until, ..good.clone() }, Rule::ConsultTooWide),
        (ConsultTerms { until: Time(0), ..good.clone() }, Rule::ConsultTooWide),
    ] {
        assert_eq!(case.open(1, terms.clone()), rejected(rule), "{terms:?}");
    }
    assert_eq!(case.open(3, good.clone()), rejected(Rule::NotTheHolder));
    let elsewhere = Action::OpenConsult { account: label(9), practitioner: case.physician(1), terms: good.clone() };
    let secret = case.story.member(1).practitioner;
    assert_eq!(case.story.act(&secret, elsewhere), rejected(Rule::UnknownAccount));
    let named = ConsultTerms { records: list(vec![fixture::record_id(1)]), may_pass_on: true, ..good.clone() };
    let consult = case.consult(1, named);
    let under = ConsultTerms { reader: case.physician(3), ..with_parent(Parent::Consult(consult)) };
    for records in [vec![], vec![2], vec![1, 2]] {
        let records = list(records.into_iter().map(fixture::record_id).collect());
        assert_eq!(case.open(2, ConsultTerms { records, ..under.clone() }), rejected(Rule::ConsultTooWide));
    }
    let records = list(vec![fixture::record_id(1)]);
    assert_eq!(case.open(1, ConsultTerms { records: records.clone(), ..under.clone() }), rejected(Rule::NotTheHolder));
    assert_eq!(case.open(2, ConsultTerms { records: records.clone(), ..under.clone() }), Outcome::Applied);
    assert_eq!(case.close(Some(1), consult), Outcome::Applied);
    assert_eq!(case.open(2, ConsultTerms { records, ..under }), rejected(Rule::ConsultClosed));
    let change = case.story.suspend(4);
    assert_eq!(case.story.decide(0, &[1, 2, 3], change).1, ProposalStatus::Accepted);
    let to_suspended = ConsultTerms { reader: case.physician(4), ..good };
    assert_eq!(case.open(1, to_suspended), rejected(Rule::SuspendedOrganisation));
}

#[test]
fn a_grant_is_passed_on_three_times_at_most() {
    let mut case = Case::new(1);
    let grant = case.grant(1);
    let first = case.consult(1, case.passing_on(Parent::Grant(grant), 2));
    let second = case.consult(2, case.passing_on(Parent::Consult(first), 3));
    let third = case.consult(3, case.passing_on(Parent::Consult(second), 4));
    assert_eq!(case.ask(4, case.by_consult(4, third)), shows(&[1], false));
    let fourth = case.passing_on(Parent::Consult(third), 1);
    assert_eq!(case.open(4, fourth), rejected(Rule::ConsultTooDeep));
    // Somebody in the middle may not act any more: what follows from it ends.
    let member = case.story.member(3);
    let standing =
        |active| Action::SetPractitionerStanding { organisation: member.id, practitioner: member.practitioner_id, active };
    case.story.does(&member.authority, standing(false));
    assert_eq!(case.ask(4, case.by_consult(4, third)), denied(Denial::Ended));
    assert_eq!(case.ask(2, case.by_consult(2, first)), shows(&[1], false));
    case.story.does(&member.authority, standing(true));
    assert_eq!(case.ask(4, case.by_consult(4, third)), shows(&[1], false));
}

#[test]
fn sixty_four_consults_are_enough_and_those_that_ended_make_room() {
    let mut case = Case::new(1);
    let grant = case.grant(1);
    let ids: Vec<_> = (0..64).map(|_| case.consult(1, case.passing_on(Parent::Grant(grant), 2))).collect();
    let one_more = case.passing_on(Parent::Grant(grant), 2);
    assert_eq!(case.open(1, one_more), rejected(Rule::TooManyConsults));
    assert_eq!(case.close(Some(1), ids[3]), Outcome::Applied);
    let new = case.consult(1, case.passing_on(Parent::Grant(grant), 2));
    let consent: Consent = case.story.object(StateKey::Consent(label(ACCOUNT)));
    assert!(consent.consult(&ids[3]).is_none() && consent.consult(&new).is_some());
    assert_eq!(case.ask(2, case.by_consult(2, ids[3])), denied(Denial::NoBasis));
}

/// Organisation 1 was named in a seal, which is how a patient denies somebody. Its physician held an older grant, opened a
/// consult with a colleague elsewhere whom the seal did not name, and learned from the answer what was sealed.
#[test]
fn nobody_passes_on_what_is_sealed_against_themselves() {
    let mut case = Case::new(2);
    let grant = case.grant(1);
    let first = case.consult(1, case.passing_on(Parent::Grant(grant), 2));
    let second = case.consult(2, case.passing_on(Parent::Consult(first), 3));
    for party in [
        Party::Organisation(case.story.member(1).id),
        Party::Practitioner(case.physician(1)),
        Party::Practitioner(case.physician(2)),
    ] {
        let terms = SealTerms { against: Against::Named(list(vec![party])), ..seal_on(chosen(&[1])) };
        let seal = case.seal(terms);
        assert_eq!(case.ask(3, case.by_consult(3, second)), shows(&[2], true), "{party:?}");
        case.unseal(seal);
    }
    let terms =
        SealTerms { against: Against::Named(list(vec![Party::Practitioner(case.physician(3))])), ..seal_on(chosen(&[1])) };
    case.seal(terms);
    assert_eq!(case.ask(2, case.by_consult(2, first)), shows(&[1, 2], false), "the right did not go through these hands");
    // The custodian's own physician, asked from outside, reads no more by that consult than outside is permitted.
    let back = case.consult(1, case.passing_on(Parent::Grant(grant), 0));
    case.seal(seal_on(chosen(&[2])));
    assert_eq!(case.ask(0, case.by_consult(0, back)), shows(&[1], true));
    assert_eq!(case.ask(0, case.own()), shows(&[1, 2], false));
}

#[test]
fn the_reader_of_an_open_consult_answers_it() {
    let mut case = Case::new(1);
    let grant = case.grant(1);
    let consult = case.consult(1, case.passing_on(Parent::Grant(grant), 2));
    let account = label(ACCOUNT);
    let answer = |case: &Case, index: usize, consult| Action::AnswerConsult {
        account,
        consult,
        practitioner: case.physician(index),
        commitment: Commitment([1; 32]),
        size: 100,
    };
    let secrets: Vec<_> = (0..3).map(|index| case.story.member(index).practitioner).collect();
    assert_eq!(case.story.act(&secrets[1], answer(&case, 1, consult)), rejected(Rule::NotOfTheConsult));
    assert_eq!(case.story.act(&secrets[2], answer(&case, 2, ConsultId([9; 32]))), rejected(Rule::UnknownConsult));
    assert_eq!(case.story.act(&secrets[2], answer(&case, 2, consult)), Outcome::Applied);
    assert_eq!(case.close(Some(1), consult), Outcome::Applied);
    assert_eq!(case.story.act(&secrets[2], answer(&case, 2, consult)), rejected(Rule::ConsultClosed));
}

// Emergencies.

#[test]
fn an_emergency_opens_the_seals_that_allow_it_and_a_review_with_a_deadline() {
    let mut case = Case::new(3);
    case.seal(SealTerms { in_emergency: InEmergency::MayOpen, ..seal_on(chosen(&[1])) });
    case.seal(SealTerms { visibility: Visibility::Silent, ..seal_on(chosen(&[2])) });
    let (outcome, access) = case.ask_with_id(3, case.in_emergency(3));
    assert_eq!(outcome, shows(&[1, 3], false));
    let review: Review = case.story.object(StateKey::Review(access));
    assert_eq!((review.organisation, review.practitioner), (case.story.member(3).id, case.physician(3)));
    assert_eq!(review.deadline, review.at.plus_ms(Parameters::default().review_ms));
    let desk: EmergencyDesk = case.story.object(StateKey::EmergencyDesk(case.story.member(3).id));
    assert_eq!((desk.used, desk.open.len()), (1, 1));
    // What the custodian hands over is decided again, but the emergency is not counted twice.
    assert_eq!(case.still(access).len(), 2);
}

#[test]
fn an_overdue_review_takes_an_emergency_away_until_it_is_closed() {
    let parameters = Parameters { emergency_quota: 2, ..Parameters::default() };
    let mut case = Case::with_parameters(parameters, 1);
    let asked = case.in_emergency(1);
    let (_, first) = case.ask_with_id(1, asked.clone());
    let (_, second) = case.ask_with_id(1, asked.clone());
    assert_eq!(case.ask(1, asked.clone()), denied(Denial::EmergencyQuota));
    assert_eq!(case.still(second).len(), 1, "the one that used up the quota may be handed over");
    assert_eq!(case.ask(2, case.in_emergency(2)), shows(&[1], false), "another organisation's quota is its own");
    case.story.wait(Parameters::default().review_ms);
    assert_eq!(case.ask(1, asked.clone()), denied(Denial::EmergencyQuota), "two reviews are overdue");
    let (secret, colleague) = case.colleague(1, 1, Role::Nurse);
    let close = |access, practitioner| Action::CloseReview {
        account: label(ACCOUNT),
        access,
        practitioner,
        finding: Finding::Justified,
        report: Hash([0; 32]),
    };
    case.story.does(&secret, close(first, colleague));
    assert_eq!(case.ask(1, asked.clone()), shows(&[1], false));
    assert_eq!(case.ask(1, asked), denied(Denial::EmergencyQuota));
}

#[test]
fn a_review_is_closed_once_by_somebody_else_of_either_side_or_by_an_auditor() {
    let mut case = Case::new(1);
    let account = label(ACCOUNT);
    let (regulator, authority) = case.admit(OrganisationKind::Regulator, 1);
    let (auditor_key, auditor) = case.employ(regulator, &authority, 1, Role::Auditor);
    let (colleague_key, colleague) = case.colleague(1, 2, Role::RecordsAdministrator);
    let custodian = (case.story.member(0).practitioner, case.physician(0));
    let close = |access, practitioner| Action::CloseReview {
        account,
        access,
        practitioner,
        finding: Finding::NotJustified,
        report: Hash([3; 32]),
    };
    assert_eq!(case.story.act(&custodian.0, close(TransactionId([9; 32]), custodian.1)), rejected(Rule::UnknownReview));
    for (key, reviewer) in [custodian.clone(), (auditor_key, auditor), (colleague_key, colleague)] {
        let (_, access) = case.ask_with_id(1, case.in_emergency(1));
        for index in [1, 2] {
            let (secret, id) = (case.story.member(index).practitioner, case.physician(index));
            assert_eq!(case.story.act(&secret, close(access, id)), rejected(Rule::NotAReviewer));
        }
        case.story.does(&key, close(access, reviewer));
        let review: Review = case.story.object(StateKey::Review(access));
        assert_eq!(review.closed.map(|(who, _, finding)| (who, finding)), Some((reviewer, Finding::NotJustified)));
        assert_eq!(case.story.act(&custodian.0, close(access, custodian.1)), rejected(Rule::ReviewClosed));
    }
    let desk: EmergencyDesk = case.story.object(StateKey::EmergencyDesk(case.story.member(1).id));
    assert!(desk.open.is_empty());
    // An access on a grant has no review, and a review belongs to its account.
    case.grant(1);
    let (_, plain) = case.ask_with_id(1, case.everything(1));
    assert_eq!(case.story.act(&custodian.0, close(plain, custodian.1)), rejected(Rule::UnknownReview));
    let (_, access) = case.ask_with_id(1, case.in_emergency(1));
    assert_eq!(case.story.open(0, 2), Outcome::Applied);
    let elsewhere = Action::CloseReview {
        account: label(2),
        access,
        practitioner: custodian.1,
        finding: Finding::Unclear,
        report: Hash([3; 32]),
    };
    assert_eq!(case.story.act(&custodian.0, elsewhere), rejected(Rule::UnknownReview));
}

#[test]
fn an_organisations_desk_has_a_bound_and_its_reviews_none() {
    let mut desk = EmergencyDesk::default();
    let open = OpenReview { access: TransactionId([1; 32]), deadline: Time(5) };
    for _ in 0..OPEN_REVIEWS_MAX + 10 {
        desk.count(Time(3 * DAY), open);
    }
    assert_eq!((desk.used, desk.open.len()), (OPEN_REVIEWS_MAX as u32 + 10, OPEN_REVIEWS_MAX));
    let parameters = Parameters::default();
    assert_eq!(desk.left(Time(3 * DAY), &parameters), 0);
    assert_eq!(EmergencyDesk::default().left(Time(0), &parameters), u32::from(parameters.emergency_quota));
}

#[test]
fn in_a_declared_disaster_emergencies_have_no_quota_until_it_ends_by_itself() {
    let parameters = Parameters { emergency_quota: 1, ..Parameters::default() };
    let mut case = Case::with_parameters(parameters, 1);
    let organisation = case.story.member(1).id;
    let declare = |area: &str, organisations: Vec<OrganisationId>, duration_ms| Change::DeclareDisaster {
        area: text(area),
        organisations: list(organisations),
        duration_ms,
    };
    for change in [
        declare("", vec![organisation], HOUR),
        declare("Kamakura", vec![], HOUR),
        declare("Kamakura", vec![organisation], SECOND - 1),
        declare("Kamakura", vec![organisation], DISASTER_MS_MAX + 1),
    ] {
        assert_eq!(case.story.decide(0, &[], change).0, rejected(Rule::BadDisaster));
    }
    let unknown = declare("Kamakura", vec![OrganisationId([9; 32])], HOUR);
    assert_eq!(case.story.decide(0, &[], unknown).0, rejected(Rule::UnknownOrganisation));
    let good = declare("Kamakura", vec![organisation], HOUR);
    assert_eq!(case.story.decide(0, &[1, 2, 3], good.clone()).1, ProposalStatus::Accepted);
    let end = case.story.now.plus_ms(HOUR - SECOND);
    let asked = AccessRequest { purpose: Purpose::Disaster, ..case.in_emergency(1) };
    for _ in 0..3 {
        assert_eq!(case.ask(1, asked.clone()), shows(&[1], false));
        assert_eq!(case.ask(1, case.in_emergency(1)), shows(&[1], false));
    }
    let elsewhere = AccessRequest { purpose: Purpose::Disaster, ..case.in_emergency(2) };
    assert_eq!(case.ask(2, elsewhere), denied(Denial::OtherPurpose), "it has another area");
    case.story.now = Time(end.0 - 1);
    assert_eq!(case.ask(1, asked.clone()), shows(&[1], false));
    case.story.now = end;
    assert_eq!(case.ask(1, asked), denied(Denial::OtherPurpose));
    assert_eq!(case.ask(1, case.in_emergency(1)), denied(Denial::EmergencyQuota));
    for _ in 0..16 {
        assert_eq!(case.story.decide(0, &[1, 2, 3], good.clone()).1, ProposalStatus::Accepted);
    }
    assert_eq!(case.story.decide(0, &[], good.clone()).0, rejected(Rule::BadDisaster), "sixteen at once");
    case.story.wait(HOUR);
    assert_eq!(case.story.decide(0, &[1, 2, 3], good).1, ProposalStatus::Accepted);
}

// What becomes of an access.

#[test]
fn disclosures_and_acknowledgements_are_kept_by_record_and_signed_by_the_right_machines() {
    let mut case = Case::new(3);
    case.grant(1);
    let (_, access) = case.ask_with_id(1, case.everything(1));
    let account = label(ACCOUNT);
    let (custodian, reader, other) = (case.story.member(0).peer, case.story.member(1).peer, case.story.member(2).peer);
    let kept: Access = case.story.object(StateKey::Access(access));
    assert_eq!((kept.records.len(), kept.all(), kept.disclosed, kept.acknowledged), (3, 0b111, 0, 0));
    let ids = kept.records.to_vec();
    let disclose = |access, records: &[RecordId]| Action::Disclose { account, access, records: list(records.to_vec()) };
    let acknowledge = |access, records: &[RecordId]| Action::Acknowledge { account, access, records: list(records.to_vec()) };
    let unknown = TransactionId([9; 32]);
    assert_eq!(case.story.act(&custodian, disclose(unknown, &ids)), rejected(Rule::UnknownAccess));
    let stranger = fixture::secret("stranger", 1);
    assert_eq!(case.story.act(&stranger, disclose(access, &ids)), rejected(Rule::UnknownPeer));
    assert_eq!(case.story.act(&reader, disclose(access, &ids)), rejected(Rule::NotTheCustodiansMachine));
    assert_eq!(case.story.act(&custodian, disclose(access, &[fixture::record_id(9)])), rejected(Rule::NotGranted));
    assert_eq!(case.story.act(&custodian, disclose(access, &[])), rejected(Rule::NoChange));
    assert_eq!(case.story.act(&custodian, disclose(access, &ids[..1])), Outcome::Applied);
    assert_eq!(case.story.act(&custodian, disclose(access, &ids[..1])), rejected(Rule::NoChange));
    assert_eq!(case.story.act(&custodian, disclose(access, &ids[..2])), Outcome::Applied);
    assert_eq!(case.story.act(&custodian, acknowledge(access, &ids)), rejected(Rule::NotTheReadersMachine));
    assert_eq!(case.story.act(&other, acknowledge(access, &ids)), rejected(Rule::NotTheReadersMachine));
    assert_eq!(case.story.act(&reader, acknowledge(access, &[fixture::record_id(9)])), rejected(Rule::NotGranted));
    assert_eq!(case.story.act(&reader, acknowledge(access, &ids[1..2])), Outcome::Applied);
    assert_eq!(case.story.act(&reader, acknowledge(access, &ids[1..2])), rejected(Rule::NoChange));
    let kept: Access = case.story.object(StateKey::Access(access));
    assert_eq!((kept.disclosed, kept.acknowledged), (0b011, 0b010));
    let report = |record| Action::ReportPayload { account, access, record, fault: PayloadFault::Substituted };
    assert_eq!(case.story.act(&custodian, report(ids[2])), rejected(Rule::NotTheReadersMachine));
    assert_eq!(case.story.act(&reader, report(fixture::record_id(9))), rejected(Rule::NotGranted));
    assert_eq!(case.story.act(&reader, report(ids[2])), Outcome::Applied);
    let refuse = |record| Action::RefuseDisclosure { account, access, record, reason: DisclosureRefusal::WithdrawnSince };
    assert_eq!(case.story.act(&reader, refuse(ids[2])), rejected(Rule::NotTheCustodiansMachine));
    assert_eq!(case.story.act(&custodian, refuse(fixture::record_id(9))), rejected(Rule::NotGranted));
    assert_eq!(case.story.act(&custodian, refuse(ids[2])), Outcome::Applied);
    // A denied access is none, and an access belongs to its account.
    let (_, refused) = case.ask_with_id(2, case.everything(2));
    assert_eq!(case.story.act(&custodian, disclose(refused, &ids)), rejected(Rule::UnknownAccess));
    assert_eq!(case.story.open(0, 2), Outcome::Applied);
    let elsewhere = Action::Disclose { account: label(2), access, records: list(ids) };
    assert_eq!(case.story.act(&custodian, elsewhere), rejected(Rule::UnknownAccess));
    check_journals(&case.story.ledger);
}

#[test]
fn a_person_acknowledges_with_the_key_that_asked() {
    let mut case = Case::new(1);
    case.appoint(1, Powers::READ_RECORDS);
    let asked = Action::Access(request(Reader::Person, Basis::Own, Purpose::FamilyRequest));
    let access = case.story.does(&guardian(1), asked);
    let records = list(vec![fixture::record_id(1)]);
    let acknowledge = Action::Acknowledge { account: label(ACCOUNT), access, records };
    assert_eq!(case.patient(acknowledge.clone()), rejected(Rule::NotTheReadersMachine));
    assert_eq!(case.story.act(&guardian(1), acknowledge), Outcome::Applied);
}

#[test]
fn a_suspended_organisations_machines_state_nothing() {
    let mut case = Case::new(1);
    case.grant(4);
    let (_, access) = case.ask_with_id(4, case.everything(4));
    let change = case.story.suspend(4);
    assert_eq!(case.story.decide(0, &[1, 2, 3], change).1, ProposalStatus::Accepted);
    let machine = case.story.member(4).peer;
    let records = list(vec![fixture::record_id(1)]);
    let acknowledge = Action::Acknowledge { account: label(ACCOUNT), access, records };
    assert_eq!(case.story.act(&machine, acknowledge), rejected(Rule::SuspendedOrganisation));
    assert!(case.still(access).is_empty(), "nothing is handed over to a suspended organisation");
}

#[test]
fn what_was_granted_is_withheld_once_it_is_revoked_sealed_or_flagged_and_by_nothing_else() {
    let mut case = Case::new(3);
    let grant = case.grant(1);
    let (_, access) = case.ask_with_id(1, case.everything(1));
    assert_eq!(case.still(access).len(), 3);
    let seal = case.seal(SealTerms { visibility: Visibility::Silent, ..seal_on(chosen(&[1])) });
    assert_eq!(case.still(access).len(), 2);
    case.unseal(seal);
    assert_eq!(case.supersede(2, 12), Outcome::Applied);
    assert_eq!(case.still(access).len(), 3, "the version that was granted may still be read");
    // Records that come later push nothing out of the answer.
    for seed in 100..100 + GRANTED_MAX as u64 + 1 {
        assert_eq!(case.story.register(0, ACCOUNT, seed), Outcome::Applied);
    }
    assert_eq!(case.still(access).len(), 3);
    let member = case.story.member(0);
    let flag = Action::SetProviderFlags {
        account: label(ACCOUNT),
        practitioner: member.practitioner_id,
        record: fixture::record_id(3),
        flags: ProviderFlags::UNDELIVERED,
    };
    case.story.does(&member.practitioner, flag);
    assert_eq!(case.still(access).len(), 2);
    case.revoke(grant);
    assert!(case.still(access).is_empty());
}

#[test]
fn more_records_than_one_answer_holds_are_read_page_by_page() {
    let mut case = Case::new(0);
    // More than one page of the state is read, too.
    let count = 2 * GRANTED_MAX as u64 + 60;
    for seed in 1..=count {
        assert_eq!(case.story.register(0, ACCOUNT, seed), Outcome::Applied);
    }
    case.grant(1);
    case.seal(SealTerms { visibility: Visibility::Silent, ..seal_on(chosen(&[5, 6, 7])) });
    let mut expected: Vec<_> = (1..=count).filter(|seed| ![5, 6, 7].contains(seed)).map(fixture::record_id).collect();
    expected.sort();
    let (mut found, mut asked, mut pages) = (Vec::new(), case.everything(1), 0);
    loop {
        let (outcome, access) = case.ask_with_id(1, asked.clone());
        let Outcome::Granted(granted) = outcome else { panic!("{outcome:?}") };
        let kept: Access = case.story.object(StateKey::Access(access));
        assert_eq!(kept.records, granted.records);
        assert!(granted.records.len() == GRANTED_MAX || !granted.more);
        found.extend(granted.records.to_vec());
        asked.after = found.last().copied();
        pages += 1;
        if !granted.more {
            break;
        }
    }
    assert_eq!((found, pages), (expected, 3));
    // A full answer's bits.
    let (_, access) = case.ask_with_id(1, case.everything(1));
    let kept: Access = case.story.object(StateKey::Access(access));
    assert_eq!((kept.records.len(), kept.all()), (GRANTED_MAX, u128::MAX));
    let machine = case.story.member(0).peer;
    let disclose = Action::Disclose { account: label(ACCOUNT), access, records: kept.records.clone() };
    assert_eq!(case.story.act(&machine, disclose), Outcome::Applied);
    assert_eq!(case.story.object::<Access>(StateKey::Access(access)).disclosed, u128::MAX);
    // Named records have pages, too.
    let named = AccessRequest { records: list((1..=8).map(fixture::record_id).collect()), ..case.everything(1) };
    let mut five: Vec<_> = [1, 2, 3, 4, 8].map(fixture::record_id).to_vec();
    five.sort();
    let rest = AccessRequest { after: Some(five[1]), ..named };
    let Outcome::Granted(granted) = case.ask(1, rest) else { panic!("granted") };
    assert_eq!(granted.records.to_vec(), five[2..]);
}

#[test]
fn exactly_one_full_answer_has_no_more() {
    let mut case = Case::new(GRANTED_MAX as u64);
    let Outcome::Granted(granted) = case.ask(0, case.own()) else { panic!("granted") };
    assert_eq!((granted.records.len(), granted.more), (GRANTED_MAX, false));
}

// Custodial wallets.

#[test]
fn a_word_given_with_a_key_that_the_facility_keeps_carries_its_mark() {
    let mut case = Case::new(0);
    let (member, patient) = (case.story.member(0), fixture::patient(5));
    let account = label(5);
    let opening =
        AccountOpening { chain: case.story.consortium.chain, custodian: member.id, first_key: patient.public(), custodial: true };
    let open = Action::OpenAccount {
        practitioner: member.practitioner_id,
        custodian: member.id,
        first_key: patient.public(),
        custodial: true,
        agreement: opening.sign(&patient),
    };
    assert_eq!(case.story.act(&member.practitioner, open), Outcome::Applied, "the practitioner signs");
    assert_eq!(case.story.register(0, 5, 1), Outcome::Applied);
    let terms = case.terms(Grantee::Organisation(case.story.member(1).id));
    let (outcome, grant) = case.story.act_with_id(&patient, Action::Grant { account, terms });
    assert_eq!(outcome, Outcome::AppliedCustodially);
    let grant = GrantId(grant.0);
    let (outcome, seal) = case.story.act_with_id(&patient, Action::Seal { account, terms: seal_on(SealTarget::Everything) });
    assert_eq!(outcome, Outcome::AppliedCustodially);
    let seal = SealId(seal.0);
    let asked = AccessRequest { account, ..request(Reader::Person, Basis::Own, Purpose::PatientRequest) };
    let denied = AccessRequest { categories: Categories::only(&[]), ..asked.clone() };
    assert_eq!(case.story.act(&patient, Action::Access(denied)), Outcome::DeniedCustodially(Denial::OtherCategory));
    let (outcome, access) = case.story.act_with_id(&patient, Action::Access(asked));
    let access = TransactionId(access.0);
    let records = list(vec![fixture::record_id(1)]);
    assert_eq!(outcome, Outcome::GrantedCustodially(Granted { records: records.clone(), more: false, sealed: false }));
    let fault = PayloadFault::Truncated;
    let guardian_of = fixture::guardian(1, Powers::ALL);
    for deed in [
        Action::Acknowledge { account, access, records },
        Action::ReportPayload { account, access, record: fixture::record_id(1), fault },
        Action::LiftSeal { account, seal, until: case.story.now.plus_ms(HOUR) },
        Action::Unseal { account, seal },
        Action::Revoke { account, grant },
        Action::AppointGuardian { account, guardian: guardian_of.clone() },
    ] {
        assert_eq!(case.story.act(&patient, deed.clone()), Outcome::AppliedCustodially, "{deed:?}");
    }
    let terms = case.terms(Grantee::Organisation(case.story.member(1).id));
    assert_eq!(case.story.act(&guardian(1), Action::Grant { account, terms }), Outcome::Applied, "a guardian's own key");
    // The person takes the wallet home: the last word with the old key is marked, the first with the new one is not.
    let new = fixture::secret("own device", 1);
    let rotate = case.story.consortium.rotate_controller(account, &new);
    assert_eq!(case.story.act(&patient, rotate), Outcome::AppliedCustodially);
    let dismiss = Action::DismissGuardian { account, guardian: guardian_of.key };
    assert_eq!(case.story.act(&new, dismiss), Outcome::Applied);
    check_journals(&case.story.ledger);
}

// Silence.

/// Two ledgers with the same history, but that one has a record, silently sealed, that the other never had.
#[derive(Debug, Clone)]
struct Twin {
    /// Numbers of the records that both have.
    open: Vec<u64>,
    /// Numbers of the records that only one has, silently sealed.
    hidden: Vec<u64>,
    target: u8,
    against: u8,
    noticed: bool,
}

fn twin() -> impl Strategy<Value = Twin> {
    let records = prop::collection::btree_set(1u64..400, 0..12);
    (records, prop::collection::btree_set(400u64..800, 1..6), 0u8..3, 0u8..3, any::<bool>()).prop_map(
        |(open, hidden, target, against, noticed)| Twin {
            open: open.into_iter().collect(),
            hidden: hidden.into_iter().collect(),
            target,
            against,
            noticed,
        },
    )
}

/// Every answer that the readers get.
fn answers(twin: &Twin, with_hidden: bool) -> Vec<Outcome> {
    let mut case = Case::new(0);
    for seed in &twin.open {
        case.register(*seed, Category::Prescription, ProviderFlags::default());
    }
    if with_hidden {
        for seed in &twin.hidden {
            case.register(*seed, Category::Infection, ProviderFlags::default());
        }
    }
    let named = vec![Party::Organisation(case.story.member(1).id), Party::Organisation(case.story.member(2).id)];
    let against = [Against::Outside, Against::AllButAuthor, Against::Named(list(named))][usize::from(twin.against)].clone();
    let infections = SealTarget::Categories(Categories::only(&[Category::Infection]));
    let silent = |target| SealTerms { against: against.clone(), visibility: Visibility::Silent, ..seal_on(target) };
    let seal = match twin.target {
        // A seal on chosen records can only be made where they are.
        0 => with_hidden.then(|| silent(chosen(&twin.hidden))),
        1 => Some(silent(infections)),
        _ => Some(silent(SealTarget::Everything)),
    };
    if let Some(terms) = seal {
        case.seal(terms);
    }
    if let (true, Some(first)) = (twin.noticed, twin.open.first()) {
        case.seal(seal_on(chosen(&[*first])));
    }
    let grant = case.grant(1);
    let consult = case.consult(1, case.passing_on(Parent::Grant(grant), 2));
    let mut everything: Vec<RecordId> = twin.open.iter().chain(&twin.hidden).map(|seed| fixture::record_id(*seed)).collect();
    everything.sort();
    let mut answers = Vec::new();
    for asked in [
        case.everything(1),
        case.by_consult(2, consult),
        case.in_emergency(2),
        AccessRequest { categories: Categories::only(&[Category::Infection]), ..case.everything(1) },
        AccessRequest { records: list(everything.clone()), ..case.everything(1) },
        AccessRequest { after: everything.get(everything.len() / 2).copied(), ..case.everything(1) },
        AccessRequest { records: one(twin.hidden[0]), ..case.by_consult(2, consult) },
    ] {
        let Reader::Practitioner(reader) = asked.reader else { continue };
        let index = if reader == case.physician(1) { 1 } else { 2 };
        answers.push(case.ask(index, asked));
    }
    answers
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// SILENT: nothing in any answer tells a silently sealed record from one that never existed.
    #[test]
    fn a_silently_sealed_record_answers_like_one_that_never_existed(twin in twin()) {
        prop_assert_eq!(answers(&twin, true), answers(&twin, false));
    }
}

/// A page is cut by what is shown, never by what is hidden.
#[test]
fn hidden_records_do_not_move_the_ends_of_pages() {
    let pages = |hidden: bool| {
        let mut case = Case::new(GRANTED_MAX as u64 + 5);
        if hidden {
            for seed in 500..800 {
                case.register(seed, Category::Infection, ProviderFlags::default());
            }
        }
        let silent = SealTarget::Categories(Categories::only(&[Category::Infection]));
        case.seal(SealTerms { visibility: Visibility::Silent, ..seal_on(silent) });
        case.grant(1);
        let Outcome::Granted(first) = case.ask(1, case.everything(1)) else { panic!("granted") };
        let rest = AccessRequest { after: first.records.last().copied(), ..case.everything(1) };
        (first, case.ask(1, rest))
    };
    assert_eq!(pages(true), pages(false));
}

#[test]
fn an_account_that_nobody_opened_has_no_word() {
    let mut case = Case::new(0);
    let account: Label = label(9);
    let stranger = fixture::secret("stranger", 1);
    for deed in [
        Action::Revoke { account, grant: GrantId([1; 32]) },
        Action::Seal { account, terms: seal_on(SealTarget::Everything) },
        Action::Unseal { account, seal: SealId([1; 32]) },
        Action::LiftSeal { account, seal: SealId([1; 32]), until: Time(0) },
        Action::CloseConsult { account, consult: ConsultId([1; 32]), practitioner: None },
        Action::ReadJournal { account, practitioner: None },
    ] {
        assert_eq!(case.story.act(&stranger, deed), rejected(Rule::UnknownAccount));
    }
}
