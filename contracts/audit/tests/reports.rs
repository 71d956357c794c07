//! What a report lists of a sound ledger.

use inro_audit::report::{Measure, Report, ReviewStanding};
use inro_contracts::access::{AccessRequest, Basis, DisclosureRefusal, PayloadFault, Reader};
use inro_contracts::bytes::{List, Text};
use inro_contracts::category::Categories;
use inro_contracts::consent::{GrantTerms, Grantee};
use inro_contracts::emergency::{EmergencyClaim, EmergencyReason, Finding};
use inro_contracts::fixture::{self, label, patient, record_id, secret};
use inro_contracts::id::{Hash, PractitionerId, ProposalId, SealingKey, TransactionId};
use inro_contracts::key::SecretKey;
use inro_contracts::organisation::{Practitioner, Role};
use inro_contracts::proposal::Change;
use inro_contracts::purpose::Purpose;
use inro_contracts::time::Validity;
use inro_contracts::transaction::Action;

use crate::ledger::Ledger;

const SECOND: u64 = 1_000;
const HOUR: u64 = 3_600 * SECOND;
const PATIENTS: u64 = 12;

/// Twelve patients of organisation 0, each with a record, whose consent organisation 1 has.
fn ledger() -> Ledger {
    let mut ledger = Ledger::new();
    let (custodian, reader) = (ledger.consortium.organisations[0].clone(), ledger.consortium.organisations[1].id);
    for number in 0..PATIENTS {
        ledger.act(ledger.consortium.account_opening(0, number), &custodian.practitioner);
        ledger.act(ledger.consortium.register_record(0, label(number), number), &custodian.practitioner);
        let terms = GrantTerms {
            grantee: Grantee::Organisation(reader),
            categories: Categories::ALL,
            purpose: Purpose::Treatment,
            validity: fixture::one_year(),
            may_pass_on: false,
        };
        ledger.act(Action::Grant { account: label(number), terms }, &patient(number));
    }
    ledger.block(SECOND);
    ledger
}

fn request(account: u64, reader: PractitionerId, basis: Basis, purpose: Purpose) -> Action {
    Action::Access(AccessRequest {
        account: label(account),
        reader: Reader::Practitioner(reader),
        basis,
        purpose,
        categories: Categories::ALL,
        records: List::default(),
        after: None,
        reply_key: SealingKey([9; 32]),
    })
}

fn ask(ledger: &mut Ledger, account: u64, reader: (PractitionerId, &SecretKey), purpose: Purpose) -> TransactionId {
    ledger.act(request(account, reader.0, Basis::Grant, purpose), reader.1)
}

fn emergency(ledger: &mut Ledger, account: u64) -> TransactionId {
    let member = ledger.consortium.organisations[2].clone();
    let claim = EmergencyClaim { reason: EmergencyReason::Unconscious, text: Hash([7; 32]) };
    let action = request(account, member.practitioner_id, Basis::Emergency(claim), Purpose::EmergencyTreatment);
    ledger.act(action, &member.practitioner)
}

fn sound(ledger: &Ledger) -> Report {
    let report = ledger.audited(true);
    assert!(report.is_clean, "{:?}", report.findings);
    report
}

#[test]
fn emergencies_are_listed_with_their_reviews_and_the_overdue_ones_first() {
    let mut ledger = ledger();
    let (first, second, third) = (emergency(&mut ledger, 0), emergency(&mut ledger, 1), emergency(&mut ledger, 2));
    ledger.block(SECOND);
    let reviewer = ledger.consortium.organisations[0].clone();
    let (practitioner, report) = (reviewer.practitioner_id, Hash([1; 32]));
    let close = |account, access, finding| Action::CloseReview { account: label(account), access, practitioner, finding, report };
    ledger.act(close(0, first, Finding::NotJustified), &reviewer.practitioner);
    ledger.block(SECOND);
    ledger.block(80 * HOUR);
    ledger.act(close(1, second, Finding::Justified), &reviewer.practitioner);
    ledger.block(SECOND);
    let fourth = emergency(&mut ledger, 3);
    ledger.block(SECOND);
    ledger.block(24 * HOUR);

    let emergencies = sound(&ledger).emergencies;
    let counts = (emergencies.overdue, emergencies.open, emergencies.closed, emergencies.closed_late, emergencies.not_justified);
    assert_eq!(counts, (1, 1, 2, 1, 1));
    let order: Vec<_> = emergencies.accesses.listed.iter().map(|one| one.access).collect();
    assert_eq!(order[..2], [third, fourth]);
    assert_eq!(emergencies.accesses.listed[0].standing, ReviewStanding::Overdue);
    assert_eq!(emergencies.accesses.listed[0].account, Some(label(2)));
    assert_eq!(ledger.audited(false).emergencies.accesses.listed[0].account, None, "accounts are named only when asked for");
}

#[test]
fn what_was_granted_and_not_brought_to_its_end_is_listed_when_its_time_is_over() {
    let mut ledger = ledger();
    let (custodian, reader) = (ledger.consortium.organisations[0].clone(), ledger.consortium.organisations[1].clone());
    let accesses: Vec<_> = (0..6)
        .map(|account| ask(&mut ledger, account, (reader.practitioner_id, &reader.practitioner), Purpose::Treatment))
        .collect();
    ledger.block(SECOND);
    let records = |number: u64| List::new(vec![record_id(number)]).unwrap();
    // 0: nothing happens. 1: refused openly. 2: handed over only. 3: handed over and faulty. 4: handed over and acknowledged.
    let refusal = DisclosureRefusal::WithdrawnSince;
    let refused = Action::RefuseDisclosure { account: label(1), access: accesses[1], record: record_id(1), reason: refusal };
    ledger.act(refused, &custodian.peer);
    for number in 2..5 {
        let account = label(number);
        let action = Action::Disclose { account, access: accesses[number as usize], records: records(number) };
        ledger.act(action, &custodian.peer);
    }
    ledger.block(SECOND);
    let fault = PayloadFault::Substituted;
    let faulty = Action::ReportPayload { account: label(3), access: accesses[3], record: record_id(3), fault };
    ledger.act(faulty, &reader.peer);
    let acknowledged = Action::Acknowledge { account: label(4), access: accesses[4], records: records(4) };
    ledger.act(acknowledged, &reader.peer);
    ledger.block(SECOND);
    let early = sound(&ledger);
    assert_eq!((early.undisclosed.total, early.unacknowledged.total), (0, 0), "what is on its way still has time");
    assert_eq!(early.payload_faults.total, 1);

    ledger.block(HOUR);
    let report = sound(&ledger);
    let undisclosed: Vec<_> = report.undisclosed.listed.iter().map(|row| row.access).collect();
    let mut expected = vec![accesses[0], accesses[5]];
    expected.sort();
    assert_eq!(undisclosed, expected);
    let unacknowledged: Vec<_> = report.unacknowledged.listed.iter().map(|row| row.access).collect();
    assert_eq!(unacknowledged, [accesses[2]]);
    assert_eq!(report.payload_faults.listed[0].fault, fault);
    assert_eq!(report.payload_faults.listed[0].custodian.id, custodian.id);
    assert_eq!((report.totals.granted, report.totals.records, report.totals.accounts), (6, PATIENTS, PATIENTS));
}

#[test]
fn what_a_suspended_member_tries_is_listed_under_its_name() {
    let mut ledger = ledger();
    let members = ledger.consortium.organisations.clone();
    // Four validators are needed unless the parameters ask for fewer, so the suspended one brings none.
    let mut parameters = ledger.consortium.document.parameters.clone();
    parameters.validators_min = 3;
    for change in [
        Change::SetParameters(parameters),
        Change::SuspendOrganisation { organisation: members[3].id, reason: Text::new("reads what it should not").unwrap() },
    ] {
        let proposal = ProposalId(ledger.act(Action::Propose { organisation: members[0].id, change }, &members[0].authority).0);
        for member in &members[1..3] {
            ledger.act(Action::Vote { organisation: member.id, proposal, approve: true }, &member.authority);
        }
        ledger.block(SECOND);
    }
    ask(&mut ledger, 0, (members[3].practitioner_id, &members[3].practitioner), Purpose::Treatment);
    let vote = Action::Vote { organisation: members[3].id, proposal: ProposalId([1; 32]), approve: true };
    ledger.act(vote, &members[3].authority);
    // A suspended organisation's validators vote no longer; the fixture's certificates have everybody's signature.
    let validators: Vec<_> = members[..3].iter().map(|member| member.validator.public()).collect();
    ledger.block(SECOND);
    let last = ledger.blocks.last_mut().unwrap();
    let mut parts = last.certificate.signatures.to_vec();
    parts.retain(|part| validators.contains(&part.validator));
    last.certificate.signatures = List::new(parts).unwrap();

    let report = sound(&ledger);
    let tried: Vec<_> = report.suspended_attempts.listed.iter().map(|one| (one.action, one.organisation.clone())).collect();
    assert_eq!(tried.iter().map(|(action, _)| *action).collect::<Vec<_>>(), ["access", "vote"]);
    assert!(tried.iter().all(|(_, organisation)| organisation.as_ref().is_some_and(|party| party.id == members[3].id)));
    assert_eq!((report.totals.suspended, report.totals.validators), (1, 3));
}

#[test]
fn a_reader_unlike_the_others_of_the_role_is_named() {
    let mut ledger = ledger();
    let member = ledger.consortium.organisations[1].clone();
    let nurses: Vec<SecretKey> = (0..10).map(|number| secret("nurse", number)).collect();
    for nurse in &nurses {
        let possession = ledger.consortium.possession(member.id.0, nurse);
        let validity = Validity { from: fixture::FOUNDED, until: fixture::one_year().until };
        let (organisation, key, licence) = (member.id, nurse.public(), Hash([3; 32]));
        let action = Action::RegisterPractitioner { organisation, key, possession, role: Role::Nurse, licence, validity };
        ledger.act(action, &member.authority);
    }
    ledger.block(SECOND);
    let id = |nurse: &SecretKey| Practitioner::id_of(&nurse.public());
    for (number, nurse) in nurses.iter().enumerate() {
        for account in 0..2 + number as u64 % 2 {
            ask(&mut ledger, account, (id(nurse), nurse), Purpose::Treatment);
        }
    }
    // One reads everybody; another one is refused again and again; a stranger who claims to be a third one changes nothing.
    for account in 0..PATIENTS {
        ask(&mut ledger, account, (id(&nurses[8]), &nurses[8]), Purpose::Treatment);
        ask(&mut ledger, account % 2, (id(&nurses[9]), &nurses[9]), Purpose::Research);
        ask(&mut ledger, account, (id(&nurses[0]), &secret("stranger", 0)), Purpose::Treatment);
    }
    ledger.block(SECOND);

    let unusual = sound(&ledger).unusual_readers;
    assert_eq!((unusual.compared, unusual.too_few), (10, 0));
    let named: Vec<_> = unusual.readers.listed.iter().map(|one| (one.practitioner, one.measure, one.value)).collect();
    assert_eq!(named, [(id(&nurses[8]), Measure::Accounts, 12), (id(&nurses[9]), Measure::DeniedPermille, 12_000 / 15)]);
}

#[test]
fn too_few_readers_are_not_compared() {
    let mut ledger = ledger();
    let member = ledger.consortium.organisations[1].clone();
    for account in 0..PATIENTS {
        ask(&mut ledger, account, (member.practitioner_id, &member.practitioner), Purpose::Treatment);
    }
    ledger.block(SECOND);
    let unusual = sound(&ledger).unusual_readers;
    assert_eq!((unusual.compared, unusual.too_few, unusual.readers.total), (0, 1, 0));
}
