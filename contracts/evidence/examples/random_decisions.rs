//! Prints vectors of random histories' decisions: every access of a ledger on which people grant, seal, correct, pass on and break
//! the glass at random. A second verifier that passes them decides as this one does.
//!
//! `cargo run -p inro-evidence --example random_decisions SEED > FILE`, then `INRO_VECTORS=FILE scripts/test-browser`.

#![allow(clippy::disallowed_methods, reason = "a program reads its arguments")]

#[path = "../tests/dice.rs"]
mod dice;
#[path = "../../../tests/src/liars/mod.rs"]
#[allow(dead_code)]
mod liars;
#[path = "../tests/world.rs"]
#[allow(dead_code)]
mod world;

use std::error::Error;

use dice::Dice;
use inro_contracts::access::{Basis, Reader};
use inro_contracts::account::{Guardian, Powers};
use inro_contracts::bytes::{Canonical, List, encode};
use inro_contracts::category::{Categories, Category};
use inro_contracts::consent::{
    Against, ConsultTerms, GrantTerms, Grantee, InEmergency, Parent, Party, SealTarget, SealTerms, Visibility,
};
use inro_contracts::emergency::Finding;
use inro_contracts::entry::Outcome;
use inro_contracts::fixture::{guardian, label, manifest, patient, record_id, secret};
use inro_contracts::id::{ConsultId, GrantId, Hash, Label, RecordId, SealId, SealingKey, TransactionId};
use inro_contracts::key::SecretKey;
use inro_contracts::organisation::Role;
use inro_contracts::purpose::Purpose;
use inro_contracts::record::{ErasureReason, ProviderFlags, RecordManifest};
use inro_contracts::time::{Time, Validity};
use inro_contracts::transaction::{Action, VerifiedTransaction};
use inro_evidence::verify;
use serde_json::{Value, json};
use world::{World, emergency, practitioner, request};

const BLOCKS: usize = 40;
const KINDS: [Category; 4] = [Category::Prescription, Category::Chart, Category::Infection, Category::Other];
const PURPOSES: [Purpose; 6] = [
    Purpose::Treatment,
    Purpose::EmergencyTreatment,
    Purpose::BreakTheGlass,
    Purpose::PatientRequest,
    Purpose::FamilyRequest,
    Purpose::Disaster,
];

/// What can be named: ids of transactions that made something.
#[derive(Default)]
struct Made {
    grants: Vec<TransactionId>,
    seals: Vec<TransactionId>,
    consults: Vec<TransactionId>,
    emergencies: Vec<TransactionId>,
    records: u64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let seed = std::env::args().nth(1).and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let mut dice = Dice(seed);
    let mut world = World::founded();
    let mut made = Made { records: 3, ..Made::default() };
    let nurse = practitioner(&world, 0).1;
    let openings = [1, 2].map(|seed| (world.consortium.account_opening(0, seed), nurse.clone()));
    let records = [1, 2, 3].map(|seed| (world.consortium.register_record(0, label(1), seed), nurse.clone()));
    world.block(openings.into_iter().chain(records).collect());
    let mut cases = Vec::new();
    for _ in 0..BLOCKS {
        let mut actions = Vec::new();
        for _ in 0..1 + dice.below(5) {
            actions.push(if dice.chance(45) { access(&mut dice, &world, &made) } else { action(&mut dice, &world, &mut made) });
        }
        let accesses = commit(&mut world, actions, &mut made)?;
        for id in accesses {
            let file = world.decision(&id).to_bytes();
            let proved = verify(&file, &world.anchor())?;
            cases.push(json!({ "name": format!("access {} of history {seed}", cases.len()), "evidence": hex::encode(&file), "proved": proved.summary() }));
        }
    }
    let document = &world.consortium.document;
    let validators = encode(&document.check()?);
    let all: Value = json!({ "genesis": hex::encode(document.to_bytes()), "chain": world.consortium.chain, "validators": hex::encode(validators), "cases": cases });
    println!("{all}");
    Ok(())
}

/// Commits a block in which anything may be rejected; returns its accesses.
fn commit(world: &mut World, actions: Vec<(Action, SecretKey)>, made: &mut Made) -> Result<Vec<TransactionId>, Box<dyn Error>> {
    let transactions: Vec<_> = actions.into_iter().map(|(action, secret)| world.signed(action, &secret)).collect();
    let mut next = world.tip().clone();
    let proposer = next.validators()?.validators()[0].key;
    let built = next.append(world.now(), proposer, &transactions)?;
    world.ledgers.push(next);
    let mut accesses = Vec::new();
    for (transaction, outcome) in transactions.iter().zip(&built.outcomes) {
        let id = VerifiedTransaction::id(transaction);
        match (&transaction.transaction().action, outcome) {
            (_, Outcome::Rejected(_)) => {}
            (Action::Grant { .. }, _) => made.grants.push(id),
            (Action::Seal { .. }, _) => made.seals.push(id),
            (Action::OpenConsult { .. }, _) => made.consults.push(id),
            (Action::Access(request), outcome) => {
                if matches!(request.basis, Basis::Emergency(_)) && outcome.is_applied() {
                    made.emergencies.push(id);
                }
                accesses.push(id);
            }
            _ => {}
        }
    }
    Ok(accesses)
}

fn somebody(dice: &mut Dice, world: &World) -> (inro_contracts::id::PractitionerId, SecretKey) {
    practitioner(world, dice.below(4) as usize)
}

fn access(dice: &mut Dice, world: &World, made: &Made) -> (Action, SecretKey) {
    let account = if dice.chance(4) { label(9) } else { label(1) };
    let (id, key) = somebody(dice, world);
    let (reader, key) = match dice.below(10) {
        0 => (Reader::Person, patient(1)),
        1 => (Reader::Person, secret("guardian", 1)),
        2 => (Reader::Practitioner(id), patient(1)),
        _ => (Reader::Practitioner(id), key),
    };
    let basis = match dice.below(10) {
        0 | 1 => Basis::Own,
        2 | 3 => emergency(),
        4 | 5 if !made.consults.is_empty() => Basis::Consult(ConsultId(dice.pick(&made.consults).0)),
        _ => Basis::Grant,
    };
    let purpose = match basis {
        Basis::Own if reader == Reader::Person => dice.pick(&[Purpose::PatientRequest, Purpose::FamilyRequest]),
        Basis::Emergency(_) if dice.chance(80) => dice.pick(&[Purpose::EmergencyTreatment, Purpose::BreakTheGlass]),
        _ if dice.chance(80) => Purpose::Treatment,
        _ => dice.pick(&PURPOSES),
    };
    let mut asked = request(account, reader, basis, purpose);
    asked.categories = some_categories(dice);
    if dice.chance(40) {
        asked.records = some_records(dice, made, 4);
    }
    asked.after = dice.chance(10).then(|| record_id(1 + dice.below(made.records)));
    (Action::Access(asked), key)
}

fn action(dice: &mut Dice, world: &World, made: &mut Made) -> (Action, SecretKey) {
    let account = label(1);
    let (custodian, nurse) = practitioner(world, 0);
    let speaker = if dice.chance(25) { secret("guardian", 1) } else { patient(1) };
    match dice.below(16) {
        0 | 1 => (Action::Grant { account, terms: grant_terms(dice, world) }, speaker),
        2 if !made.grants.is_empty() => (Action::Revoke { account, grant: GrantId(dice.pick(&made.grants).0) }, speaker),
        3..=5 => (Action::Seal { account, terms: seal_terms(dice, world, made) }, speaker),
        6 if !made.seals.is_empty() => {
            let until = world.now().plus_ms(dice.below(60_000));
            (Action::LiftSeal { account, seal: SealId(dice.pick(&made.seals).0), until }, speaker)
        }
        7 if !made.seals.is_empty() => (Action::Unseal { account, seal: SealId(dice.pick(&made.seals).0) }, speaker),
        8 => {
            let until = world.now().plus_ms(100_000 + dice.below(1_000_000));
            let validity = Validity { from: Time(world.now().0 - 30_000 + dice.below(60_000)), until };
            (
                Action::AppointGuardian {
                    account,
                    guardian: Guardian { validity, ..guardian(1, Powers(dice.below(32) as u16)) },
                },
                patient(1),
            )
        }
        9 if dice.chance(50) => (Action::DismissGuardian { account, guardian: secret("guardian", 1).public() }, patient(1)),
        10 => {
            let record = new_record(dice, made);
            (Action::SupersedeRecord { account, practitioner: custodian, old: a_record(dice, made), record }, nurse)
        }
        11 if dice.chance(30) => {
            let record = a_record(dice, made);
            (Action::EraseRecord { account, practitioner: custodian, record, reason: ErasureReason::PatientRequest }, nurse)
        }
        12 => {
            let (record, flags) = (a_record(dice, made), ProviderFlags(dice.below(4) as u8));
            (Action::SetProviderFlags { account, practitioner: custodian, record, flags }, nurse)
        }
        13 if !made.grants.is_empty() => consult(dice, world, made, account),
        14 => standing(dice, world, made, account),
        _ => (Action::RegisterRecord { account, practitioner: custodian, record: new_record(dice, made) }, nurse),
    }
}

fn consult(dice: &mut Dice, world: &World, made: &Made, account: Label) -> (Action, SecretKey) {
    let (opener, key) = somebody(dice, world);
    let parent = match made.consults.is_empty() || dice.chance(60) {
        true => Parent::Grant(GrantId(dice.pick(&made.grants).0)),
        false => Parent::Consult(ConsultId(dice.pick(&made.consults).0)),
    };
    let terms = ConsultTerms {
        parent,
        reader: somebody(dice, world).0,
        categories: Categories::only(&[dice.pick(&KINDS)]),
        records: if dice.chance(30) { some_records(dice, made, 3) } else { List::default() },
        until: world.now().plus_ms(20_000 + dice.below(400_000)),
        may_pass_on: dice.chance(70),
        reply_key: SealingKey([5; 32]),
    };
    (Action::OpenConsult { account, practitioner: opener, terms }, key)
}

fn standing(dice: &mut Dice, world: &World, made: &Made, account: Label) -> (Action, SecretKey) {
    if !made.consults.is_empty() && dice.chance(25) {
        let consult = ConsultId(dice.pick(&made.consults).0);
        return (Action::CloseConsult { account, consult, practitioner: None }, patient(1));
    }
    if !made.emergencies.is_empty() && dice.chance(30) {
        let (who, key) = somebody(dice, world);
        let access = dice.pick(&made.emergencies);
        return (
            Action::CloseReview { account, access, practitioner: who, finding: Finding::Justified, report: Hash([1; 32]) },
            key,
        );
    }
    let member = world.consortium.organisations[dice.below(4) as usize].clone();
    let (organisation, practitioner) = (member.id, member.practitioner_id);
    let action = match dice.below(3) {
        0 => {
            let validity = Validity { from: Time(0), until: world.now().plus_ms(10_000 + dice.below(300_000)) };
            Action::RenewPractitioner { organisation, practitioner, validity }
        }
        _ => Action::SetPractitionerStanding { organisation, practitioner, active: dice.chance(65) },
    };
    (action, member.authority)
}

fn grant_terms(dice: &mut Dice, world: &World) -> GrantTerms {
    let member = &world.consortium.organisations[dice.below(4) as usize];
    let grantee = match dice.below(3) {
        0 => Grantee::Organisation(member.id),
        1 => Grantee::Practitioner(member.practitioner_id),
        _ => Grantee::Role { organisation: member.id, role: dice.pick(&[Role::Physician, Role::Nurse]) },
    };
    let from = Time(world.now().0 - 20_000 + dice.below(50_000));
    GrantTerms {
        grantee,
        categories: some_categories(dice),
        purpose: if dice.chance(85) { Purpose::Treatment } else { Purpose::CareManagement },
        validity: Validity { from, until: world.now().plus_ms(30_000 + dice.below(600_000)) },
        may_pass_on: dice.chance(80),
    }
}

fn seal_terms(dice: &mut Dice, world: &World, made: &Made) -> SealTerms {
    let member = &world.consortium.organisations[dice.below(4) as usize];
    SealTerms {
        target: match dice.below(5) {
            0 => SealTarget::Everything,
            1 => SealTarget::Categories(some_categories(dice)),
            _ => SealTarget::Records(some_records(dice, made, 2)),
        },
        against: match dice.below(4) {
            0 => Against::Outside,
            1 => Against::AllButAuthor,
            2 => Against::Named(List::new(vec![Party::Organisation(member.id)]).expect("one")),
            _ => Against::Named(List::new(vec![Party::Practitioner(member.practitioner_id)]).expect("one")),
        },
        visibility: if dice.chance(50) { Visibility::Notice } else { Visibility::Silent },
        in_emergency: if dice.chance(50) { InEmergency::MayOpen } else { InEmergency::Never },
        hidden_from_guardians: dice.chance(30),
    }
}

fn some_categories(dice: &mut Dice) -> Categories {
    if dice.chance(50) { Categories::ALL } else { Categories::only(&[dice.pick(&KINDS), dice.pick(&KINDS)]) }
}

fn a_record(dice: &mut Dice, made: &Made) -> RecordId {
    record_id(1 + dice.below(made.records))
}

fn some_records<const MAX: usize>(dice: &mut Dice, made: &Made, most: u64) -> List<RecordId, MAX> {
    let records = (0..1 + dice.below(most)).map(|_| a_record(dice, made)).collect();
    List::new(records).expect("few records")
}

fn new_record(dice: &mut Dice, made: &mut Made) -> RecordManifest {
    made.records += 1;
    RecordManifest {
        category: dice.pick(&KINDS),
        flags: ProviderFlags(if dice.chance(15) { 1 + dice.below(3) as u8 } else { 0 }),
        ..manifest(made.records)
    }
}
