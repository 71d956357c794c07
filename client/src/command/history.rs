//! `inro history`: an account's journal for people. Who did what, when, why, and was it granted or denied.
//!
//! The whole journal is read with the proof that nothing is missing up to a block whose validators' signatures are checked; if that
//! does not hold, nothing is shown. Where the ledger is not known (no founding document, no wallet), only the journal's own chain is
//! checked, and that is said. What a provider flagged as uninformed (未告知) is not shown to persons before the physician has spoken.

use std::collections::{BTreeMap, BTreeSet};

use clap::Args;
use inro_client::NodeClient;
use inro_client::desk::Desk;
use inro_contracts::access::{AccessRequest, Basis, Reader};
use inro_contracts::account::Account;
use inro_contracts::entry::Outcome;
use inro_contracts::id::{Label, PractitionerId, RecordId, TransactionId};
use inro_contracts::journal::Event;
use inro_contracts::key::PublicKey;
use inro_contracts::organisation::Practitioner;
use inro_contracts::record::ProviderFlags;
use inro_contracts::transaction::Action;
use inro_evidence::transaction_id;
use serde_json::{Value, json};

use super::consent::{against_name, grantee_name, target_name};
use super::parties::{Names, short};
use super::speaker::{Speaker, Speaking};
use crate::arguments::Common;
use crate::fault::Fault;
use crate::output::Console;
use crate::terms::{
    denial_in_japanese, moment, say_categories, say_category, say_fault, say_finding, say_purpose, say_reason, say_refusal,
};
use crate::words::{Language, Word};

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  inro history --wallet hanako.wallet --account 8c… --genesis genesis.json")]
pub struct HistoryArguments {
    /// Only the last events.
    #[arg(long, value_name = "N")]
    last: Option<usize>,
    /// An auditor: the practitioner who reads; otherwise the one whose first key it is.
    #[arg(long, value_name = "HEX")]
    practitioner: Option<PractitionerId>,
    #[command(flatten)]
    speaking: Speaking,
}

pub async fn run(common: &Common, console: &Console, arguments: HistoryArguments) -> Result<(), Fault> {
    let means = arguments.speaking.means()?;
    let speaker = Speaker::new(common, console, &arguments.speaking, &means).await?;
    let mut names = Names::new(&speaker.node, console.language()).await?;
    let (mut lines, mut values) = (Vec::new(), Vec::new());
    for label in speaker.accounts() {
        let desk = speaker.desk(label).await?;
        let viewer = announced(&speaker.node, &desk, label, arguments.practitioner).await?;
        let complete = desk.events(label).await?;
        let rows = rows(console, &mut names, &complete.events, viewer).await;
        let skipped = arguments.last.map_or(0, |last| rows.len().saturating_sub(last));
        if speaker.accounts().len() > 1 {
            lines.push(label.to_hex());
        }
        lines.extend(rows[skipped..].iter().map(|row| row.line.clone()));
        let rows: Vec<Value> = rows.into_iter().skip(skipped).map(|row| row.value).collect();
        let (head, proved) = (&complete.head.header, speaker.node.is_verified());
        let word = if proved { Word::HistoryProved } else { Word::HistoryNotProved };
        lines.push(console.say(word, &[&complete.events.len(), &head.height, &moment(head.time, console.language())]));
        values.push(json!({
            "account": label, "proved": proved, "complete_up_to": { "height": head.height, "time": head.time, "block": head.id() },
            "length": complete.events.len(), "events": rows,
        }));
    }
    console.print(&lines, &values.into());
    Ok(())
}

/// Who looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Viewer {
    Person,
    Guardian,
    Auditor,
}

impl Viewer {
    fn of(account: &Account, key: &PublicKey) -> Self {
        if account.controller == *key {
            Self::Person
        } else if account.guardian(key).is_some() {
            Self::Guardian
        } else {
            Self::Auditor
        }
    }
}

/// Whoever is not the person tells the account first that its journal is about to be read.
pub async fn announced(node: &NodeClient, desk: &Desk, label: &Label, named: Option<PractitionerId>) -> Result<Viewer, Fault> {
    let viewer = Viewer::of(&node.account(label).await?, &desk.key());
    let practitioner = match viewer {
        Viewer::Person => return Ok(viewer),
        Viewer::Guardian => None,
        Viewer::Auditor => Some(named.unwrap_or_else(|| Practitioner::id_of(&desk.key()))),
    };
    let committed = desk.act(Action::ReadJournal { account: *label, practitioner }).await?;
    match committed.outcome {
        Outcome::Rejected(rule) => Err(Fault {
            rule: Some(rule.code().into()),
            ..Fault::refused(format!("this history is not for this key: rule {rule}"))
        }),
        _ => Ok(viewer),
    }
}

/// The records that are flagged as uninformed now.
fn uninformed(events: &[Event]) -> BTreeSet<RecordId> {
    let mut hidden = BTreeSet::new();
    for event in events.iter().filter(|event| event.entry.outcome.is_applied()) {
        let (record, flags) = match &event.entry.transaction.transaction.action {
            Action::RegisterRecord { record, .. } | Action::SupersedeRecord { record, .. } => (record.id, record.flags),
            Action::SetProviderFlags { record, flags, .. } => (*record, *flags),
            _ => continue,
        };
        if flags.include(ProviderFlags::UNINFORMED) {
            hidden.insert(record);
        } else {
            hidden.remove(&record);
        }
    }
    hidden
}

/// Which records each access led to, as the custodian stated.
fn disclosed(events: &[Event]) -> BTreeMap<TransactionId, BTreeSet<RecordId>> {
    let mut disclosed: BTreeMap<TransactionId, BTreeSet<RecordId>> = BTreeMap::new();
    for event in events.iter().filter(|event| event.entry.outcome.is_applied()) {
        if let Action::Disclose { access, records, .. } = &event.entry.transaction.transaction.action {
            disclosed.entry(*access).or_default().extend(records.iter().copied());
        }
    }
    disclosed
}

/// What an event is about: does it show?
fn shows(action: &Action, hidden: &BTreeSet<RecordId>) -> bool {
    match action {
        Action::RegisterRecord { record, .. } | Action::SupersedeRecord { record, .. } => !hidden.contains(&record.id),
        Action::EraseRecord { record, .. }
        | Action::SetProviderFlags { record, .. }
        | Action::ReportPayload { record, .. }
        | Action::RefuseDisclosure { record, .. } => !hidden.contains(record),
        Action::Disclose { records, .. } | Action::Acknowledge { records, .. } => {
            records.is_empty() || records.iter().any(|record| !hidden.contains(record))
        }
        _ => true,
    }
}

struct Row {
    line: String,
    value: Value,
}

async fn rows(console: &Console, names: &mut Names, events: &[Event], viewer: Viewer) -> Vec<Row> {
    let hidden = if viewer == Viewer::Auditor { BTreeSet::new() } else { uninformed(events) };
    let mut people = People { viewer, guardians: BTreeSet::new() };
    let disclosed = disclosed(events);
    let mut rows = Vec::new();
    for event in events {
        let transaction = &event.entry.transaction.transaction;
        if let Action::AppointGuardian { guardian, .. } = &transaction.action {
            people.guardians.insert(guardian.key);
        }
        if !shows(&transaction.action, &hidden) {
            continue;
        }
        let who = people.who(console, names, &transaction.signer, &transaction.action).await;
        let outcome = &event.entry.outcome;
        let mut what = what(console, names, &transaction.action, outcome, &hidden).await;
        let time = moment(event.time, console.language());
        let custodially =
            if outcome.is_custodial() { format!(" {}", console.say(Word::Custodially, &[])) } else { String::new() };
        let id = transaction_id(&event.entry.transaction);
        let handed_over = outcome.granted().map(|granted| {
            let records = disclosed.get(&id).cloned().unwrap_or_default();
            granted.records.iter().filter(|record| !hidden.contains(record) && records.contains(record)).count()
        });
        if let Some(count) = handed_over {
            let word = if count == 0 { Word::NothingHandedOver } else { Word::HandedOver };
            what.push_str(&console.say(word, &[&count]));
        }
        let (decision, denial) = match (outcome.granted(), outcome.denial()) {
            (Some(_), _) => (json!("granted"), Value::Null),
            (_, Some(denial)) => (json!("denied"), json!(denial)),
            _ => (Value::Null, Value::Null),
        };
        let value = json!({
            "id": id, "height": event.height, "time": event.time, "kind": kind(&transaction.action), "who": who, "what": what,
            "decision": decision, "denial": denial, "disclosed": handed_over, "custodially": outcome.is_custodial(),
        });
        rows.push(Row { line: format!("{time}  {who}: {what}{custodially}"), value });
    }
    rows
}

/// Who signed.
struct People {
    viewer: Viewer,
    guardians: BTreeSet<PublicKey>,
}

impl People {
    async fn who(&self, console: &Console, names: &mut Names, signer: &PublicKey, action: &Action) -> String {
        if let Some(practitioner) = practitioner_of(action) {
            return names.practitioner(practitioner).await;
        }
        let person = if self.viewer == Viewer::Person { Word::You } else { Word::ThePerson };
        match action {
            Action::Disclose { .. } | Action::RefuseDisclosure { .. } => console.say(Word::TheCustodian, &[]),
            Action::Acknowledge { .. } | Action::ReportPayload { .. } => console.say(Word::TheReader, &[]),
            Action::CompleteRecovery { .. } => console.say(person, &[]),
            _ if self.guardians.contains(signer) => console.say(Word::GuardianCalled, &[&short(&signer.to_hex())]),
            _ => console.say(person, &[]),
        }
    }
}

fn practitioner_of(action: &Action) -> Option<&PractitionerId> {
    match action {
        Action::OpenAccount { practitioner, .. }
        | Action::AttestRecovery { practitioner, .. }
        | Action::RegisterRecord { practitioner, .. }
        | Action::SupersedeRecord { practitioner, .. }
        | Action::EraseRecord { practitioner, .. }
        | Action::SetProviderFlags { practitioner, .. }
        | Action::OpenConsult { practitioner, .. }
        | Action::AnswerConsult { practitioner, .. }
        | Action::CloseReview { practitioner, .. } => Some(practitioner),
        Action::CloseConsult { practitioner, .. } | Action::ReadJournal { practitioner, .. } => practitioner.as_ref(),
        Action::Access(AccessRequest { reader: Reader::Practitioner(practitioner), .. }) => Some(practitioner),
        _ => None,
    }
}

/// The action's name in JSON.
fn kind(action: &Action) -> Value {
    match serde_json::to_value(action) {
        Ok(Value::Object(fields)) => fields.keys().next().cloned().map_or(Value::Null, Value::String),
        _ => Value::Null,
    }
}

async fn what(console: &Console, names: &mut Names, action: &Action, outcome: &Outcome, hidden: &BTreeSet<RecordId>) -> String {
    let language = console.language();
    let say = |word, values: &[&dyn std::fmt::Display]| console.say(word, values);
    let visible = |records: &[RecordId]| records.iter().filter(|record| !hidden.contains(record)).count();
    match action {
        Action::OpenAccount { .. } => say(Word::DidOpenAccount, &[]),
        Action::RotateController { .. } => say(Word::DidRotate, &[]),
        Action::AppointGuardian { guardian, .. } => {
            let until = moment(guardian.validity.until, language);
            say(Word::DidAppoint, &[&short(&guardian.key.to_hex()), &until])
        }
        Action::DismissGuardian { guardian, .. } => say(Word::DidDismiss, &[&short(&guardian.to_hex())]),
        Action::AttestRecovery { .. } => say(Word::DidAttest, &[]),
        Action::VetoRecovery { .. } => say(Word::DidVeto, &[]),
        Action::CompleteRecovery { .. } => say(Word::DidComplete, &[]),
        Action::RegisterRecord { record, .. } => {
            say(Word::DidRegister, &[&say_category(record.category, language), &short(&record.id.to_hex())])
        }
        Action::SupersedeRecord { old, record, .. } => {
            let (category, old) = (say_category(record.category, language), short(&old.to_hex()));
            say(Word::DidSupersede, &[&old, &category, &short(&record.id.to_hex())])
        }
        Action::EraseRecord { record, .. } => say(Word::DidErase, &[&short(&record.to_hex())]),
        Action::SetProviderFlags { record, .. } => say(Word::DidFlag, &[&short(&record.to_hex())]),
        Action::Grant { terms, .. } => {
            let to = grantee_name(console, names, &terms.grantee).await;
            let (what, why) = (say_categories(terms.categories, language), say_purpose(terms.purpose, language));
            say(Word::DidGrant, &[&to, &what, &why, &moment(terms.validity.until, language)])
        }
        Action::Revoke { grant, .. } => say(Word::DidRevoke, &[&short(&grant.to_hex())]),
        Action::Seal { terms, .. } => {
            let whom = against_name(console, names, &terms.against).await;
            say(Word::DidSeal, &[&target_name(console, &terms.target), &whom])
        }
        Action::LiftSeal { seal, until, .. } => say(Word::DidLift, &[&short(&seal.to_hex()), &moment(*until, language)]),
        Action::Unseal { seal, .. } => say(Word::DidUnseal, &[&short(&seal.to_hex())]),
        Action::Access(request) => access(console, request, outcome, visible),
        Action::Disclose { records, .. } => say(Word::DidDisclose, &[&visible(records)]),
        Action::Acknowledge { records, .. } => say(Word::DidAcknowledge, &[&visible(records)]),
        Action::ReportPayload { record, fault, .. } => {
            say(Word::DidReport, &[&short(&record.to_hex()), &say_fault(*fault, language)])
        }
        Action::RefuseDisclosure { record, reason, .. } => {
            say(Word::DidRefuse, &[&short(&record.to_hex()), &say_refusal(*reason, language)])
        }
        Action::OpenConsult { terms, .. } => {
            let reader = names.practitioner(&terms.reader).await;
            say(Word::DidConsult, &[&reader, &say_categories(terms.categories, language), &moment(terms.until, language)])
        }
        Action::CloseConsult { consult, .. } => say(Word::DidCloseConsult, &[&short(&consult.to_hex())]),
        Action::AnswerConsult { consult, .. } => say(Word::DidAnswer, &[&short(&consult.to_hex())]),
        Action::CloseReview { finding, .. } => say(Word::DidReview, &[&say_finding(*finding, language)]),
        Action::ReadJournal { .. } => say(Word::DidReadJournal, &[]),
        _ => say(Word::DidOther, &[]),
    }
}

fn access(console: &Console, request: &AccessRequest, outcome: &Outcome, visible: impl Fn(&[RecordId]) -> usize) -> String {
    let language = console.language();
    let why = say_purpose(request.purpose, language);
    let mut sentence = match (outcome.granted(), outcome.denial()) {
        (Some(granted), _) => console.say(Word::DidRead, &[&why, &visible(&granted.records)]),
        (_, Some(denial)) => {
            let because = if language == Language::Ja { denial_in_japanese(denial) } else { denial.text() };
            console.say(Word::DidNotRead, &[&why, &denial.code(), &because])
        }
        _ => console.say(Word::DidOther, &[]),
    };
    match &request.basis {
        Basis::Emergency(claim) => sentence.push_str(&console.say(Word::InEmergency, &[&say_reason(claim.reason, language)])),
        Basis::Consult(consult) => sentence.push_str(&console.say(Word::InConsult, &[&short(&consult.to_hex())])),
        Basis::Own | Basis::Grant => {}
    }
    sentence
}

#[cfg(test)]
mod tests {
    use inro_contracts::category::Category;
    use inro_contracts::entry::Entry;
    use inro_contracts::id::{ChainId, Commitment};
    use inro_contracts::key::SecretKey;
    use inro_contracts::record::RecordManifest;
    use inro_contracts::time::{Height, Time};
    use inro_contracts::transaction::Transaction;

    use super::*;

    fn event(action: Action) -> Event {
        let secret = SecretKey::from_seed(&[1; 32]);
        let signer = secret.public();
        let transaction = Transaction { chain: ChainId([1; 32]), signer, void_after: Time(9), nonce: 1, action }.sign(&secret);
        Event { height: Height(1), time: Time(1), index: 0, entry: Entry { transaction, outcome: Outcome::Applied } }
    }

    fn registered(number: u8, flags: ProviderFlags) -> Event {
        let id = RecordId([number; 32]);
        let record = RecordManifest { id, category: Category::Chart, commitment: Commitment([1; 32]), size: 1, flags };
        event(Action::RegisterRecord { account: Label([1; 32]), practitioner: PractitionerId([1; 32]), record })
    }

    #[test]
    fn what_is_uninformed_does_not_show_until_the_physician_has_spoken() {
        let mut events = vec![registered(1, ProviderFlags::UNINFORMED), registered(2, ProviderFlags::default())];
        let hidden = uninformed(&events);
        assert!(hidden.contains(&RecordId([1; 32])) && hidden.len() == 1);
        let action = |number: usize| events[number].entry.transaction.transaction.action.clone();
        assert!(!shows(&action(0), &hidden) && shows(&action(1), &hidden));
        let (account, practitioner) = (Label([1; 32]), PractitionerId([1; 32]));
        let flags = ProviderFlags::default();
        events.push(event(Action::SetProviderFlags { account, practitioner, record: RecordId([1; 32]), flags }));
        assert!(uninformed(&events).is_empty());
    }
}
