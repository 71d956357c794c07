//! What must hold of consent whatever happened before: each test is a sentence, tried on random histories
//! (`consent_histories.rs`). A fork of the history's ledger gets one change more; the same questions are asked in both.

use std::collections::BTreeSet;

use inro_contracts::access::{Access, AccessRequest, Basis, Decision, Denial, Reader};
use inro_contracts::account::Account;
use inro_contracts::category::{Categories, Category};
use inro_contracts::consent::{
    Against, Consent, ConsultTerms, GrantTerms, Grantee, InEmergency, Parent, Party, SealTarget, SealTerms, Visibility,
};
use inro_contracts::decision::{decide, still_granted};
use inro_contracts::fixture::{list, text};
use inro_contracts::id::{Label, PractitionerId, RecordId, SealId, SealingKey};
use inro_contracts::key::PublicKey;
use inro_contracts::proposal::Change;
use inro_contracts::purpose::Purpose;
use inro_contracts::record::ErasureReason;
use inro_contracts::state::{StateKey, Working};
use inro_contracts::time::{Time, Validity};
use inro_contracts::transaction::Action;

use crate::consent_histories::{Dice, HOUR, KINDS, Run, Telltale, emergency, first_history, history, manifest, world};

/// How many histories each sentence is tried on.
const HISTORIES: u64 = 60;

/// A question to the ledger: who asks for what.
#[derive(Debug, Clone)]
struct Probe {
    signer: PublicKey,
    request: AccessRequest,
}

impl Probe {
    fn new(signer: PublicKey, account: Label, reader: Reader, basis: Basis, purpose: Purpose) -> Self {
        let (categories, records, after, reply_key) = (Categories::ALL, list(vec![]), None, SealingKey([1; 32]));
        Self { signer, request: AccessRequest { account, reader, basis, purpose, categories, records, after, reply_key } }
    }

    /// The same question for these records only.
    fn naming(&self, records: &[RecordId]) -> Self {
        let named = list(records.iter().copied().take(64).collect());
        Self { signer: self.signer, request: AccessRequest { records: named, ..self.request.clone() } }
    }

    fn is_emergency(&self) -> bool {
        matches!(self.request.basis, Basis::Emergency(_))
    }

    fn reader(&self) -> Option<PractitionerId> {
        match self.request.reader {
            Reader::Practitioner(id) => Some(id),
            Reader::Person => None,
        }
    }
}

/// Every question of everybody who is known: to each account, on each basis.
fn probes(run: &Run, account: Label) -> Vec<Probe> {
    let mut probes = Vec::new();
    let mut purposes: BTreeSet<_> = run.naive.grants(&account).into_iter().map(|(_, terms, _)| terms.purpose).collect();
    purposes.insert(Purpose::Treatment);
    for id in &world().people {
        let Some(person) = run.naive.person(id) else { continue };
        let reader = Reader::Practitioner(*id);
        let ask = |basis, purpose| Probe::new(person.key, account, reader, basis, purpose);
        probes.push(ask(Basis::Own, Purpose::Treatment));
        probes.push(ask(emergency(), Purpose::BreakTheGlass));
        probes.extend(purposes.iter().map(|purpose| ask(Basis::Grant, *purpose)));
    }
    for consult in consent(run, &account).consults.iter().take(20) {
        let Some(person) = run.naive.person(&consult.terms.reader) else { continue };
        let reader = Reader::Practitioner(consult.terms.reader);
        probes.push(Probe::new(person.key, account, reader, Basis::Consult(consult.id), consult.purpose));
    }
    if let Some(known) = run.naive.account(&account) {
        probes.push(Probe::new(known.controller, account, Reader::Person, Basis::Own, Purpose::PatientRequest));
        let guardians = known.guardians.iter().map(|guardian| guardian.key);
        probes.extend(guardians.map(|key| Probe::new(key, account, Reader::Person, Basis::Own, Purpose::FamilyRequest)));
    }
    probes
}

fn consent(run: &Run, account: &Label) -> Consent {
    run.ledger.object(&StateKey::Consent(*account)).expect("readable").unwrap_or_default()
}

fn decision(run: &Run, probe: &Probe, now: u64) -> Decision {
    decide(&Working::new(&run.ledger), &probe.signer, &probe.request, Time(now)).expect("the state can be read")
}

/// All records that the question brings, page by page, and whether something sealed shows.
fn seen(run: &Run, probe: &Probe, now: u64) -> (BTreeSet<RecordId>, bool) {
    let (mut records, mut sealed, mut probe) = (BTreeSet::new(), false, probe.clone());
    loop {
        match decision(run, &probe, now) {
            Decision::Denied(denial) => return (records, sealed || denial == Denial::Sealed),
            Decision::Granted(granted) => {
                sealed |= granted.sealed;
                records.extend(granted.records.iter().copied());
                if !granted.more {
                    return (records, sealed);
                }
                probe.request.after = granted.records.last().copied();
            }
        }
    }
}

/// The ledger with one transaction more, if that takes effect.
fn fork(run: &Run, signer: PublicKey, action: Action) -> Option<Run> {
    let mut fork = run.clone();
    fork.add(signer, action);
    let built = fork.close_block().unwrap_or_else(|fault| panic!("{fault}"));
    built.outcomes[0].is_applied().then_some(fork)
}

/// Like [`fork`], signed by whichever practitioner of the custodian may.
fn fork_by_custodian(run: &Run, account: &Label, action: impl Fn(PractitionerId) -> Action) -> Option<(Run, PractitionerId)> {
    let custodian = run.naive.account(account)?.custodian;
    world().people.iter().find_map(|id| {
        let person = run.naive.person(id).filter(|person| person.organisation == custodian)?;
        Some((fork(run, person.key, action(*id))?, *id))
    })
}

fn controller(run: &Run, account: &Label) -> PublicKey {
    run.naive.account(account).expect("it was opened").controller
}

/// The accounts that exist.
fn accounts() -> &'static [Label] {
    &world().labels[..3]
}

/// Tries a sentence on random histories; `check` says how often the sentence was put to the test.
fn in_all_histories(check: impl Fn(&Run, &mut Dice) -> usize) {
    let first = first_history();
    println!("histories {first} to {} (INRO_SEED={first} repeats them)", first + HISTORIES - 1);
    let mut tried = 0;
    for number in first..first + HISTORIES {
        let _telltale = Telltale(number);
        let mut run = history(number);
        run.now += 1000;
        tried += check(&run, &mut Dice(number ^ 0xC0FF_EE00));
    }
    println!("tried {tried} times");
    assert!(tried > HISTORIES as usize, "only {tried} trials");
}

/// Nobody sees a record after the change that was not shown before it; says how many questions brought fewer.
fn never_more(before: &Run, after: &Run, account: Label) -> usize {
    let now = before.now + 1;
    let mut fewer = 0;
    let known: Vec<_> = before.naive.records(&account).into_keys().collect();
    for probe in probes(before, account) {
        for probe in [probe.naming(&known), probe] {
            let (earlier, later) = (seen(before, &probe, now).0, seen(after, &probe, now).0);
            assert!(later.is_subset(&earlier), "more is shown to {probe:?}");
            fewer += usize::from(later.len() < earlier.len());
        }
    }
    fewer
}

#[test]
fn adding_a_seal_never_grants_more() {
    in_all_histories(|run, dice| {
        let account = accounts()[dice.below(3)];
        let forks = (0..4).filter_map(|_| {
            let terms = run.seal_terms(dice, &account);
            fork(run, controller(run, &account), Action::Seal { account, terms })
        });
        forks.map(|sealed| never_more(run, &sealed, account)).sum()
    });
}

#[test]
fn revoking_never_grants_more() {
    in_all_histories(|run, dice| {
        let mut fewer = 0;
        for account in accounts() {
            let grants = run.naive.grants(account);
            for grant in (0..2).filter_map(|_| dice.pick(&grants)) {
                let action = Action::Revoke { account: *account, grant: grant.0 };
                fewer += fork(run, controller(run, account), action).map_or(0, |run_on| never_more(run, &run_on, *account));
            }
        }
        fewer
    });
}

/// A history in which somebody may pass a grant on.
fn with_a_grant_to_pass_on(run: &Run, dice: &mut Dice, account: Label) -> Option<Run> {
    let reader = world().people[4 + dice.below(3)];
    let validity = Validity { from: Time(run.now), until: Time(run.now + 100 * HOUR) };
    let terms = GrantTerms {
        grantee: Grantee::Practitioner(reader),
        categories: Categories::ALL,
        purpose: Purpose::Treatment,
        validity,
        may_pass_on: true,
    };
    let mut granted = fork(run, controller(run, &account), Action::Grant { account, terms })?;
    granted.now += 1000;
    Some(granted)
}

/// Opens some consult; valid ones only.
fn consulting(run: &Run, dice: &mut Dice, account: Label) -> Option<(Run, PractitionerId, ConsultTerms)> {
    (0..30).find_map(|_| {
        let (practitioner, terms) = run.consult_terms(dice, &account);
        let signer = run.naive.person(&practitioner)?.key;
        let opened = fork(run, signer, Action::OpenConsult { account, practitioner, terms: terms.clone() })?;
        Some((opened, practitioner, terms))
    })
}

/// What the newest consult of the account brings its reader.
fn newest_brings(run: &Run, account: Label, now: u64) -> BTreeSet<RecordId> {
    let consent = consent(run, &account);
    let consult = consent.consults.last().expect("one was opened");
    let key = run.naive.person(&consult.terms.reader).expect("registered").key;
    let reader = Reader::Practitioner(consult.terms.reader);
    seen(run, &Probe::new(key, account, reader, Basis::Consult(consult.id), consult.purpose), now).0
}

#[test]
fn narrowing_a_consult_never_grants_more() {
    in_all_histories(|run, dice| {
        let mut fewer = 0;
        for account in accounts() {
            let Some(run) = with_a_grant_to_pass_on(run, dice, *account) else { continue };
            let Some((wide, practitioner, terms)) = consulting(&run, dice, *account) else { continue };
            for _ in 0..4 {
                let mut narrow = terms.clone();
                match dice.below(3) {
                    0 => narrow.categories = narrow.categories.and(Categories::only(&[KINDS[dice.below(5)], Category::Chart])),
                    1 => {
                        let all: Vec<_> = run.naive.records(account).into_keys().collect();
                        let from = if narrow.records.is_empty() { &all[..] } else { &narrow.records[..] };
                        narrow.records = list((0..2).filter_map(|_| dice.pick(from)).collect());
                    }
                    _ => narrow.until = Time(run.now + 1 + (terms.until.0 - run.now) / 2),
                }
                let signer = run.naive.person(&practitioner).expect("registered").key;
                let action = Action::OpenConsult { account: *account, practitioner, terms: narrow.clone() };
                let Some(narrowed) = fork(&run, signer, action) else { continue };
                for now in [run.now + 1, narrow.until.0 - 1, narrow.until.0, terms.until.0 - 1, terms.until.0] {
                    let (earlier, later) = (newest_brings(&wide, *account, now), newest_brings(&narrowed, *account, now));
                    assert!(later.is_subset(&earlier));
                    fewer += usize::from(later.len() < earlier.len());
                }
            }
        }
        fewer
    });
}

#[test]
fn closing_a_consult_never_grants_more_and_ends_what_follows_from_it() {
    in_all_histories(|run, dice| {
        let mut fewer = 0;
        for account in accounts() {
            let Some(run) = with_a_grant_to_pass_on(run, dice, *account) else { continue };
            let Some((mut run, ..)) = consulting(&run, dice, *account) else { continue };
            run.now += 1000;
            // One that follows from it, if it may be passed on.
            if let Some((deeper, ..)) = consulting(&run, dice, *account) {
                run = deeper;
                run.now += 1000;
            }
            let consults = run.naive.consults(account);
            for closed in consults.iter().rev().take(3) {
                let action = Action::CloseConsult { account: *account, consult: closed.id, practitioner: None };
                let Some(after) = fork(&run, controller(&run, account), action) else { continue };
                fewer += never_more(&run, &after, *account);
                for consult in consults.iter().filter(|one| one.id == closed.id || one.terms.parent == Parent::Consult(closed.id))
                {
                    let key = run.naive.person(&consult.terms.reader).expect("registered").key;
                    let reader = Reader::Practitioner(consult.terms.reader);
                    let probe = Probe::new(key, *account, reader, Basis::Consult(consult.id), Purpose::Treatment);
                    assert!(seen(&after, &probe, after.now + 1).0.is_empty());
                }
            }
        }
        fewer
    });
}

#[test]
fn suspending_an_organisation_never_grants_more_and_its_people_nothing() {
    in_all_histories(|run, dice| {
        let mut fewer = 0;
        for _ in 0..2 {
            let (organisation, ..) = world().organisations[1 + dice.below(5)];
            if run.naive.organisation(&organisation).is_none_or(|known| known.suspended) {
                continue;
            }
            let mut after = run.clone();
            let (founder, authority, _) = world().organisations[0];
            after.decide(founder, authority, Change::SuspendOrganisation { organisation, reason: text("a reason") });
            after.close_block().expect("the members decide");
            for account in accounts() {
                fewer += never_more(run, &after, *account);
                for probe in probes(&after, *account) {
                    let theirs =
                        probe.reader().and_then(|id| after.naive.person(&id)).is_some_and(|p| p.organisation == organisation);
                    if theirs {
                        assert_eq!(decision(&after, &probe, after.now + 1), Decision::Denied(Denial::SuspendedOrganisation));
                    }
                }
            }
        }
        fewer
    });
}

#[test]
fn erasing_never_grants_more_and_the_erased_record_to_nobody() {
    in_all_histories(|run, dice| {
        let mut fewer = 0;
        for account in accounts() {
            let records: Vec<_> = run.naive.records(account).into_keys().collect();
            let Some(record) = dice.pick(&records) else { continue };
            let reason = ErasureReason::LegalOrder;
            let erase = |practitioner| Action::EraseRecord { account: *account, practitioner, record, reason };
            let Some((after, _)) = fork_by_custodian(run, account, erase) else { continue };
            fewer += never_more(run, &after, *account);
            for probe in probes(&after, *account) {
                assert!(seen(&after, &probe.naming(&[record]), after.now + 1).0.is_empty());
            }
        }
        fewer
    });
}

/// What one reader sees of one record: 2 the record, 1 that something is sealed, 0 nothing.
fn sight(run: &Run, probe: &Probe, record: RecordId, now: u64) -> u8 {
    let (records, sealed) = seen(run, &probe.naming(&[record]), now);
    if records.contains(&record) { 2 } else { u8::from(sealed) }
}

#[test]
fn a_wider_seal_after_a_narrower_one_never_shows_more() {
    in_all_histories(|run, dice| {
        let mut tried = 0;
        for account in accounts() {
            let records: Vec<_> = run.naive.records(account).into_keys().collect();
            let Some(record) = dice.pick(&records) else { continue };
            let mut narrow = run.seal_terms(dice, account);
            narrow.target = SealTarget::Records(list(vec![record]));
            let speaker = controller(run, account);
            let Some(mut before) = fork(run, speaker, Action::Seal { account: *account, terms: narrow }) else { continue };
            before.now += 1000;
            let mut wide = run.seal_terms(dice, account);
            // Wider than all others, too: a seal on categories wins over one on everything.
            let all = before.naive.seals(account).iter().any(|seal| seal.terms.target == SealTarget::Everything);
            let widest = all || dice.chance(50);
            wide.target = if widest { SealTarget::Everything } else { SealTarget::Categories(Categories::ALL) };
            let Some(after) = fork(&before, speaker, Action::Seal { account: *account, terms: wide }) else { continue };
            for probe in probes(&before, *account) {
                let now = after.now + 1;
                let (earlier, later) = (sight(&before, &probe, record, now), sight(&after, &probe, record, now));
                assert!(later <= earlier, "{later} after {earlier} to {probe:?}");
                tried += 1;
            }
        }
        tried
    });
}

#[test]
fn time_passing_over_a_grants_end_never_grants_more() {
    in_all_histories(|run, _| {
        let mut fewer = 0;
        for account in accounts() {
            let grants = run.naive.grants(account);
            let ends: BTreeSet<_> = grants.iter().map(|(_, terms, _)| terms.validity.until.0).collect();
            for end in ends.into_iter().filter(|end| *end > run.now).take(6) {
                // Unless something else begins in that millisecond.
                let people: Vec<_> = world().people.iter().filter_map(|id| run.naive.person(id)).collect();
                let begins = |validity: &Validity| validity.from.0 == end;
                let somebody = people.iter().any(|person| begins(&person.validity));
                if somebody || grants.iter().any(|(_, terms, _)| begins(&terms.validity)) {
                    continue;
                }
                for probe in
                    probes(run, *account).iter().filter(|probe| matches!(probe.request.basis, Basis::Grant | Basis::Consult(_)))
                {
                    let (earlier, later) = (seen(run, probe, end - 1).0, seen(run, probe, end).0);
                    assert!(later.is_subset(&earlier), "more is shown to {probe:?}");
                    fewer += usize::from(later.len() < earlier.len());
                }
            }
        }
        fewer
    });
}

#[test]
fn a_denied_access_changes_nothing_but_the_journal() {
    in_all_histories(|run, dice| {
        let mut tried = 0;
        for account in &world().labels {
            let probes = probes(run, *account);
            for _ in 0..8 {
                let Some(mut probe) = dice.pick(&probes) else { continue };
                if dice.chance(30) {
                    probe.signer = PublicKey([0x77; 32]);
                }
                let mut after = run.clone();
                after.add(probe.signer, Action::Access(probe.request.clone()));
                let built = after.close_block().unwrap_or_else(|fault| panic!("{fault}"));
                if built.outcomes[0].is_applied() {
                    continue;
                }
                tried += 1;
                let known: Option<Account> = run.ledger.object(&StateKey::Account(*account)).expect("readable");
                let changed: Vec<_> = built.state.keys().cloned().collect();
                let Some(known) = known else {
                    assert_eq!(changed, [StateKey::Clock]);
                    continue;
                };
                assert_eq!(changed, [StateKey::Clock, StateKey::Account(*account)]);
                let now: Account = after.ledger.object(&StateKey::Account(*account)).expect("readable").expect("known");
                assert_eq!(now.journal_length, known.journal_length + 1);
                assert_ne!(now.journal_head, known.journal_head);
                let (journal_length, journal_head) = (known.journal_length, known.journal_head);
                assert_eq!(Account { journal_length, journal_head, ..now }, known);
            }
        }
        tried
    });
}

/// Is the seal against this practitioner, who is not the records' author?
fn is_against(run: &Run, account: &Label, against: &Against, id: &PractitionerId) -> bool {
    let Some(person) = run.naive.person(id) else { return false };
    let custodian = run.naive.account(account).map(|known| known.custodian);
    match against {
        Against::Outside => Some(person.organisation) != custodian,
        Against::AllButAuthor => true,
        Against::Named(parties) => {
            parties.contains(&Party::Practitioner(*id)) || parties.contains(&Party::Organisation(person.organisation))
        }
    }
}

/// The questions of those against whom a seal holds, `author` being the author of what it covers.
fn meant_by(run: &Run, account: Label, terms: &SealTerms, author: PractitionerId) -> Vec<Probe> {
    let mut meant = probes(run, account);
    let controller = controller(run, &account);
    meant.retain(|probe| match probe.reader() {
        None => terms.hidden_from_guardians && probe.signer != controller,
        Some(id) if id == author && terms.against == Against::AllButAuthor => false,
        Some(id) => is_against(run, &account, &terms.against, &id),
    });
    meant.retain(|probe| terms.in_emergency == InEmergency::Never || !probe.is_emergency());
    meant
}

#[test]
fn an_answer_with_a_silently_sealed_record_is_the_answer_without_the_record() {
    in_all_histories(|run, dice| {
        let mut tried = 0;
        for account in accounts() {
            let mut terms = run.seal_terms(dice, account);
            terms.visibility = Visibility::Silent;
            let record = manifest(900_000 + dice.below(1000) as u64, KINDS[dice.below(5)], 0);
            let id = record.id;
            // A narrower seal that shows would win over a wide silent one.
            let by_category = |seal: &crate::consent_model::Sealing| matches!(seal.terms.target, SealTarget::Categories(_));
            let wide = dice.chance(40) && !run.naive.seals(account).iter().any(by_category);
            terms.target = if wide { SealTarget::Everything } else { SealTarget::Records(list(vec![id])) };
            let seal = Action::Seal { account: *account, terms: terms.clone() };
            let register = |practitioner| Action::RegisterRecord { account: *account, practitioner, record: record.clone() };
            let speaker = controller(run, account);
            // Both worlds have the wide seal; only one has the record.
            let start = if wide { fork(run, speaker, seal.clone()) } else { Some(run.clone()) };
            let Some(mut without) = start else { continue };
            without.now += 1000;
            let Some((mut with, author)) = fork_by_custodian(&without, account, register) else { continue };
            with.now += 1000;
            if !wide {
                let Some(sealed) = fork(&with, speaker, seal) else { continue };
                with = sealed;
            }
            let now = with.now + 1;
            for probe in meant_by(run, *account, &terms, author) {
                let mut by_category = probe.clone();
                by_category.request.categories = Categories::only(&[record.category]);
                let mut from = probe.clone();
                from.request.after = Some(id);
                for probe in [probe.naming(&[id]), by_category, from, probe] {
                    assert_eq!(decision(&with, &probe, now), decision(&without, &probe, now), "{probe:?}");
                    tried += 1;
                }
            }
        }
        tried
    });
}

/// Adds a seal, and asks those against whom it holds for what it covers.
fn nothing_sealed_is_shown(run: &Run, account: Label, terms: &SealTerms, only: impl Fn(&Probe) -> bool) -> usize {
    let Some(sealed) = fork(run, controller(run, &account), Action::Seal { account, terms: terms.clone() }) else { return 0 };
    let records = run.naive.records(&account);
    let covered = |id: &RecordId| match &terms.target {
        SealTarget::Everything => true,
        SealTarget::Categories(categories) => categories.holds(records[id].category),
        SealTarget::Records(chosen) => chosen.contains(id),
    };
    let mut tried = 0;
    for author in &world().people {
        let theirs: Vec<_> = records.iter().filter(|(_, record)| record.author == *author).map(|(id, _)| *id).collect();
        for probe in meant_by(&sealed, account, terms, *author).into_iter().filter(&only) {
            let (now, sought) = (sealed.now + 1, theirs.iter().filter(|id| covered(id)).copied().collect::<Vec<_>>());
            if sought.is_empty() {
                continue;
            }
            tried += usize::from(!seen(run, &probe.naming(&sought), now).0.is_empty());
            for probe in [probe.naming(&sought), probe] {
                assert!(seen(&sealed, &probe, now).0.iter().all(|id| !sought.contains(id)), "{probe:?}");
            }
        }
    }
    tried
}

#[test]
fn an_emergency_never_opens_a_seal_that_says_never() {
    in_all_histories(|run, dice| {
        let mut tried = 0;
        for account in accounts() {
            let mut terms = run.seal_terms(dice, account);
            terms.in_emergency = InEmergency::Never;
            tried += nothing_sealed_is_shown(run, *account, &terms, Probe::is_emergency);
        }
        tried
    });
}

#[test]
fn a_guardian_never_sees_or_changes_what_is_hidden_from_guardians() {
    in_all_histories(|run, dice| {
        let mut tried = 0;
        for account in accounts() {
            let speaker = controller(run, account);
            // Somebody whom it concerns.
            let guardian = inro_contracts::account::Guardian {
                key: world().guardians[dice.below(4)],
                powers: inro_contracts::account::Powers::ALL,
                validity: Validity { from: Time(run.now), until: Time(run.now + HOUR) },
            };
            let key = guardian.key;
            let dismissed = fork(run, speaker, Action::DismissGuardian { account: *account, guardian: key });
            let mut start = dismissed.unwrap_or_else(|| run.clone());
            start.now += 1000;
            let Some(mut start) = fork(&start, speaker, Action::AppointGuardian { account: *account, guardian }) else {
                continue;
            };
            start.now += 1000;
            let mut terms = run.seal_terms(dice, account);
            terms.hidden_from_guardians = true;
            tried += nothing_sealed_is_shown(&start, *account, &terms, |probe| probe.reader().is_none());
            let Some(mut sealed) = fork(&start, speaker, Action::Seal { account: *account, terms: terms.clone() }) else {
                continue;
            };
            sealed.now += 1000;
            let seal = consent(&sealed, account).seals.last().map_or(SealId([0; 32]), |seal| seal.id);
            let until = Time(sealed.now + HOUR);
            assert!(fork(&sealed, key, Action::LiftSeal { account: *account, seal, until }).is_none());
            assert!(fork(&sealed, key, Action::Unseal { account: *account, seal }).is_none());
            assert!(fork(&sealed, key, Action::Seal { account: *account, terms }).is_none());
        }
        tried
    });
}

/// Takes something away: a seal, a revocation, a closing, a suspension, an erasure.
fn withdraw(run: &Run, dice: &mut Dice, account: Label) -> Option<Run> {
    let speaker = controller(run, &account);
    match dice.below(5) {
        0 => {
            let terms = run.seal_terms(dice, &account);
            fork(run, speaker, Action::Seal { account, terms })
        }
        1 => {
            let (grant, ..) = dice.pick(&run.naive.grants(&account))?;
            fork(run, speaker, Action::Revoke { account, grant })
        }
        2 => {
            let consult = dice.pick(&run.naive.consults(&account))?.id;
            fork(run, speaker, Action::CloseConsult { account, consult, practitioner: None })
        }
        3 => {
            let (founder, authority, _) = world().organisations[0];
            let (organisation, ..) = world().organisations[1 + dice.below(5)];
            run.naive.organisation(&organisation).filter(|known| !known.suspended)?;
            let mut after = run.clone();
            after.decide(founder, authority, Change::SuspendOrganisation { organisation, reason: text("a reason") });
            after.close_block().ok().map(|_| after)
        }
        _ => {
            let record = dice.pick(&run.naive.records(&account).into_keys().collect::<Vec<_>>())?;
            let reason = ErasureReason::LegalOrder;
            let erase = |practitioner| Action::EraseRecord { account, practitioner, record, reason };
            fork_by_custodian(run, &account, erase).map(|(after, _)| after)
        }
    }
}

#[test]
fn at_release_all_that_was_granted_is_handed_over_and_after_withdrawals_never_more() {
    in_all_histories(|run, dice| {
        let mut tried = 0;
        for account in accounts() {
            let probes = probes(run, *account);
            for _ in 0..6 {
                let Some(probe) = dice.pick(&probes) else { continue };
                let mut after = run.clone();
                let id = after.add(probe.signer, Action::Access(probe.request.clone()));
                after.close_block().unwrap_or_else(|fault| panic!("{fault}"));
                let found: Option<Access> = after.ledger.object(&StateKey::Access(id)).expect("readable");
                let Some(access) = found.filter(|access| !access.records.is_empty()) else { continue };
                let now = Time(after.now + 60_000);
                let still = |run: &Run| still_granted(&Working::new(&run.ledger), &access, now).expect("readable");
                let mut held = still_granted(&Working::new(&after.ledger), &access, Time(after.now)).expect("readable");
                assert_eq!(held, access.records.to_vec(), "something is withheld although nothing was withdrawn");
                for _ in 0..3 {
                    after.now += 1000;
                    let Some(withdrawn) = withdraw(&after, dice, *account) else { continue };
                    let left = still(&withdrawn);
                    assert!(left.iter().all(|record| held.contains(record)), "a withdrawal brought {probe:?} more");
                    // Nor anything that the ledger would not grant if it were asked for it by name now.
                    if !left.is_empty() && !probe.is_emergency() {
                        let asked = probe.naming(&left);
                        let granted = seen(&withdrawn, &asked, now.0).0;
                        assert!(left.iter().take(64).all(|record| granted.contains(record)));
                    }
                    tried += usize::from(left.len() < held.len());
                    (after, held) = (withdrawn, left);
                }
            }
        }
        tried
    });
}
