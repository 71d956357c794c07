//! Reading: `inro access`, `emergency` and `fetch`. The ledger decides; the payloads come to this machine.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use inro_client::desk::{ArrivingRecord, Desk};
use inro_client::transfer::{SealedRead, Shelf, TransferFault};
use inro_client::{ClientError, NodeClient};
use inro_contracts::access::{AccessRequest, Basis, Denial, Granted, Reader};
use inro_contracts::account::Account;
use inro_contracts::bytes::List;
use inro_contracts::category::Categories;
use inro_contracts::emergency::{EmergencyClaim, EmergencyReason};
use inro_contracts::entry::Outcome;
use inro_contracts::id::{ConsultId, Hash, Label, PractitionerId, RecordId, TransactionId};
use inro_contracts::organisation::Practitioner;
use inro_contracts::purpose::Purpose;
use inro_contracts::record::RecordManifest;
use inro_contracts::transaction::Action;
use inro_genesis::files::{self, Audience};
use inro_payload::{Handover, OneTimeSecret};
use rand::Rng;
use rand::rngs::OsRng;
use serde_json::{Value, json};

use super::act;
use super::kept::{KeptText, confirm};
use super::receipt::{self, Receipted};
use super::speaker::{Means, Speaker, Speaking};
use crate::arguments::{Common, Signing, desk_at, desk_of, word};
use crate::fault::Fault;
use crate::output::Console;
use crate::terms::{categories, denial_in_japanese, purpose, say_fault};
use crate::words::{Language, Word};

/// For so long nothing may come before the command gives up; what comes later can be fetched later.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long the node holds an answer back while payloads arrive.
const WAIT: Duration = Duration::from_secs(2);

#[derive(Debug, Subcommand)]
pub enum ReadingCommand {
    /// Ask to read a patient's records. The ledger decides; what it grants comes to the reader's facility.
    #[command(
        after_help = "Example:\n  inro access --account 8c… --purpose TREAT --fetch records --key keys/practitioner-1.pem\n  \
        inro access --account 8c… --purpose TREAT --consult 4b… --key keys/practitioner-2.pem"
    )]
    Access(AccessArguments),
    /// Read without the patient's word, in an emergency (break-glass). The patient is told at once, and it is reviewed.
    #[command(
        after_help = "Example:\n  inro emergency --account 8c… --reason unconscious --text-file reason.txt --fetch records \\\n    \
        --key keys/practitioner-1.pem"
    )]
    Emergency(EmergencyArguments),
    /// Fetch the payloads of an access that was granted; a person: read the own records.
    #[command(after_help = "Example:\n  inro fetch 5c… --out records --key keys/practitioner-1.pem\n  \
        inro fetch --wallet hanako.wallet --account 8c… --out my-records --node http://a-clinic.example:8500")]
    Fetch(FetchArguments),
}

/// What is asked for.
#[derive(Debug, Clone, Args)]
pub struct Asked {
    /// The account.
    #[arg(long, value_name = "LABEL")]
    account: Label,
    /// Which categories, with commas between; otherwise all.
    #[arg(long, value_delimiter = ',')]
    category: Vec<String>,
    /// Only these records, with commas between.
    #[arg(long, value_name = "HEX", value_delimiter = ',')]
    record: Vec<RecordId>,
    /// Go on after this record of an earlier answer.
    #[arg(long, value_name = "HEX")]
    after: Option<RecordId>,
    /// Fetch every payload into this folder, and the receipt.
    #[arg(long, value_name = "DIR")]
    fetch: Option<PathBuf>,
    /// The practitioner who asks; otherwise the one whose first key it is.
    #[arg(long, value_name = "HEX")]
    practitioner: Option<PractitionerId>,
    #[command(flatten)]
    signing: Signing,
}

#[derive(Debug, Args)]
pub struct AccessArguments {
    #[command(flatten)]
    asked: Asked,
    /// What for: TREAT (treatment), COC (coordination of care), HRESCH (research) and so on.
    #[arg(long, value_parser = purpose)]
    purpose: Purpose,
    /// As the reader of this consult, by its linked ID; otherwise by the patient's grants.
    #[arg(long, value_name = "HEX", conflicts_with = "own")]
    consult: Option<ConsultId>,
    /// As the custodian's own practitioner.
    #[arg(long)]
    own: bool,
}

#[derive(Debug, Args)]
pub struct EmergencyArguments {
    #[command(flatten)]
    asked: Asked,
    /// Why: unconscious, danger-to-life, incapable, danger-to-others, disaster or other.
    #[arg(long, value_parser = word::<EmergencyReason>)]
    reason: EmergencyReason,
    /// What for: BTG (breaking the glass), ETREAT (emergency treatment) or DISASTER.
    #[arg(long, value_parser = purpose, default_value = "BTG")]
    purpose: Purpose,
    #[command(flatten)]
    text: KeptText,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
}

#[derive(Debug, Args)]
pub struct FetchArguments {
    /// The access that was granted; a person may leave it out, and asks for access at once.
    #[arg(value_name = "ACCESS")]
    access: Option<TransactionId>,
    /// The folder for the payloads (mode 0700); it is made if there is none.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Only these records, with commas between.
    #[arg(long, value_name = "HEX", value_delimiter = ',')]
    record: Vec<RecordId>,
    /// A person: only these categories, with commas between.
    #[arg(long, value_delimiter = ',')]
    category: Vec<String>,
    /// A guardian: FAMRQT (a family member's request) or PWATRNY (a power of attorney).
    #[arg(long, value_parser = purpose)]
    purpose: Option<Purpose>,
    #[command(flatten)]
    speaking: Speaking,
}

pub async fn run(common: &Common, console: &Console, command: ReadingCommand) -> Result<(), Fault> {
    match command {
        ReadingCommand::Access(arguments) => {
            let basis = match (arguments.consult, arguments.own) {
                (Some(consult), _) => Basis::Consult(consult),
                (None, true) => Basis::Own,
                (None, false) => Basis::Grant,
            };
            let desk = arguments.asked.signing.desk(common).await?;
            ask(console, &desk, &arguments.asked, arguments.purpose, basis, &[]).await
        }
        ReadingCommand::Emergency(arguments) => emergency(common, console, arguments).await,
        ReadingCommand::Fetch(arguments) => fetch(common, console, arguments).await,
    }
}

async fn emergency(common: &Common, console: &Console, arguments: EmergencyArguments) -> Result<(), Fault> {
    let EmergencyArguments { asked, reason, purpose, text, yes } = arguments;
    if !purpose.is_emergency() {
        return Err(Fault::bad_input("an emergency's purpose is BTG, ETREAT or DISASTER"));
    }
    let node = common.connect(None).await?;
    let parameters = node.parameters().await?;
    let hours = parameters.review_ms.div_ceil(3_600_000);
    let warning = console.say(Word::EmergencyWarning, &[&hours, &parameters.emergency_quota]);
    confirm(console, &warning, &console.say(Word::EmergencyQuestion, &[]), yes)?;
    let (hash, kept) = text.keep("emergency")?;
    let basis = Basis::Emergency(EmergencyClaim { reason, text: hash });
    let facts = [("text kept in", json!(kept))];
    let desk = desk_of(common, node, &asked.signing.key).await?;
    ask(console, &desk, &asked, purpose, basis, &facts).await
}

/// A practitioner asks.
async fn ask(
    console: &Console,
    desk: &Desk,
    asked: &Asked,
    purpose: Purpose,
    basis: Basis,
    facts: &[(&str, Value)],
) -> Result<(), Fault> {
    let categories = categories(&asked.category).map_err(Fault::bad_input)?;
    let records = named_records(&asked.record)?;
    let practitioner = asked.practitioner.unwrap_or_else(|| Practitioner::id_of(&desk.key()));
    let shelf = asked.fetch.as_deref().map(Shelf::new).transpose()?;
    let request = AccessRequest {
        account: asked.account,
        reader: Reader::Practitioner(practitioner),
        basis,
        purpose,
        categories,
        records,
        after: asked.after,
        reply_key: desk.make_reply_key().await?,
    };
    let (id, granted) = decision(console, desk, request, asked.signing.timeout()).await?;
    let mut lines = granted_lines(console, &id, &granted);
    lines.extend(facts.iter().map(|(name, value)| format!("{name:<16}  {}", value.as_str().unwrap_or_default())));
    let mut value = granted_value(&id, &granted);
    for (name, fact) in facts {
        value[name.replace(' ', "_")] = fact.clone();
    }
    let Some(shelf) = shelf else {
        console.print(&lines, &value);
        return Ok(());
    };
    let fetched = fetch_arriving(console, desk, &shelf, &id, &granted.records).await?;
    lines.extend(fetched.lines);
    value["payloads"] = fetched.rows.into();
    let kept = receipt::keep(console, desk, shelf.folder(), Receipted::Access(id)).await;
    conclude(console, lines, value, kept, fetched.failed, granted.records.len())
}

/// Prints what came and where its receipt is. A receipt that did not come, or is false, fails the command, though payloads came.
fn conclude(
    console: &Console,
    mut lines: Vec<String>,
    mut value: Value,
    kept: Result<(PathBuf, String), Fault>,
    failed: usize,
    all: usize,
) -> Result<(), Fault> {
    let missing = match kept {
        Ok((path, line)) => {
            lines.push(line);
            value["receipt"] = json!(path);
            None
        }
        Err(fault) => Some(fault),
    };
    console.print(&lines, &value);
    all_came(failed, all)?;
    missing.map_or(Ok(()), Err)
}

fn named_records(records: &[RecordId]) -> Result<List<RecordId, 64>, Fault> {
    List::new(records.to_vec()).map_err(|error| Fault::bad_input(format!("--record: {error}")))
}

/// Asks the ledger; a denial is a failure that says its number.
async fn decision(
    console: &Console,
    desk: &Desk,
    request: AccessRequest,
    timeout: Duration,
) -> Result<(TransactionId, Granted), Fault> {
    let spinner = console.spinner();
    let committed = desk.node().commit(&desk.sign(Action::Access(request)), timeout).await;
    spinner.finish_and_clear();
    let committed = committed?;
    match committed.outcome {
        Outcome::Granted(granted) | Outcome::GrantedCustodially(granted) => Ok((committed.id, granted)),
        Outcome::Denied(denial) | Outcome::DeniedCustodially(denial) => Err(denied(&committed.id, denial)),
        _ => {
            act::report(console, committed, &[])?;
            Err(Fault::refused("the node answered without a decision; is it an Inro node of this version?"))
        }
    }
}

fn denied(id: &TransactionId, denial: Denial) -> Fault {
    let (code, access) = (denial.code(), id.to_hex());
    let japanese = format!("閲覧は拒否されました。{code}: {} （アクセス {access}）", denial_in_japanese(denial));
    let sentence = format!("denied by rule {code}: {} (access {access}, in the account's journal)", denial.text());
    Fault { japanese: Some(japanese), rule: Some(code.into()), ..Fault::refused(sentence) }
}

fn granted_lines(console: &Console, id: &TransactionId, granted: &Granted) -> Vec<String> {
    let mut lines = vec![console.say(Word::AccessGranted, &[&granted.records.len()])];
    lines.push(console.say(Word::AccessIs, &[&id.to_hex()]));
    lines.extend(granted.records.iter().map(|record| format!("  {}", record.to_hex())));
    if granted.sealed {
        lines.push(console.say(Word::SomethingSealed, &[]));
    }
    if let (true, Some(last)) = (granted.more, granted.records.last()) {
        lines.push(console.say(Word::MoreRecords, &[&last.to_hex()]));
    }
    lines
}

fn granted_value(id: &TransactionId, granted: &Granted) -> Value {
    json!({
        "access": id, "decision": "granted", "records": granted.records, "more": granted.more, "sealed": granted.sealed,
    })
}

/// What came of payloads.
#[derive(Default)]
struct Fetched {
    lines: Vec<String>,
    rows: Vec<Value>,
    failed: usize,
}

impl Fetched {
    fn came(&mut self, record: &RecordId, path: &Path) {
        self.lines.push(format!("  {}  {}", record.to_hex(), path.display()));
        self.rows.push(json!({ "record": record, "state": "fetched", "file": path }));
    }

    fn failed(&mut self, record: &RecordId, state: &str, why: &str) {
        self.failed += 1;
        self.lines.push(format!("  {}  {why}", record.to_hex()));
        self.rows.push(json!({ "record": record, "state": state, "detail": why }));
    }
}

fn all_came(failed: usize, all: usize) -> Result<(), Fault> {
    match failed {
        0 => Ok(()),
        _ => Err(Fault::refused(format!("{failed} of {all} payloads did not come; the lines above say why"))
            .in_japanese(format!("{all} 件中 {failed} 件のデータが届きませんでした。理由は上の行をご覧ください。"))),
    }
}

/// Fetches what arrives at the reader's facility, as it arrives.
async fn fetch_arriving(
    console: &Console,
    desk: &Desk,
    shelf: &Shelf,
    id: &TransactionId,
    wanted: &[RecordId],
) -> Result<Fetched, Fault> {
    let bar = console.transfer();
    let (mut fetched, mut open) = (Fetched::default(), wanted.to_vec());
    let (mut came, mut arrived, mut last_news) = (0, BTreeMap::<RecordId, u64>::new(), Instant::now());
    while !open.is_empty() {
        let answer = match desk.access(id, WAIT).await {
            // The node may be restarting.
            Err(ClientError::Unreachable { .. }) if last_news.elapsed() <= PATIENCE => {
                tokio::time::sleep(Duration::from_millis(500)).await;
                continue;
            }
            answer => answer?,
        };
        for arriving in answer.records.iter().filter(|arriving| wanted.contains(&arriving.record)) {
            let before = arrived.insert(arriving.record, arriving.bytes);
            if before != Some(arriving.bytes) {
                last_news = Instant::now();
            }
        }
        let total: u64 = answer.records.iter().map(|arriving| arriving.total.max(arriving.bytes)).sum();
        bar.set_length(total);
        for arriving in answer.records.iter().filter(|arriving| is_settled(arriving)) {
            let Some(place) = open.iter().position(|record| *record == arriving.record) else { continue };
            open.swap_remove(place);
            last_news = Instant::now();
            if arriving.state == "failed" {
                fetched.failed(&arriving.record, "failed", &why_failed(console, arriving));
                continue;
            }
            let path = shelf.fetch(desk, id, arriving, |bytes| bar.set_position(came + bytes)).await;
            came += arriving.bytes;
            bar.set_position(came);
            match path {
                Ok(path) => fetched.came(&arriving.record, &path),
                Err(TransferFault::Client(error)) if open.is_empty() && wanted.len() == 1 => return Err(error.into()),
                Err(fault) => fetched.failed(&arriving.record, "ready", &fault.to_string()),
            }
        }
        if last_news.elapsed() > PATIENCE {
            for record in open.drain(..) {
                fetched.failed(&record, "waiting", &console.say(Word::FetchLater, &[&id.to_hex()]));
            }
        }
    }
    bar.finish_and_clear();
    Ok(fetched)
}

fn is_settled(arriving: &ArrivingRecord) -> bool {
    matches!(arriving.state.as_str(), "ready" | "failed")
}

fn why_failed(console: &Console, arriving: &ArrivingRecord) -> String {
    let fault = arriving.fault.as_deref().and_then(|fault| word(fault).ok()).map(|fault| say_fault(fault, console.language()));
    match (fault, &arriving.detail) {
        (Some(fault), Some(detail)) if console.language() == Language::En => format!("{fault}: {detail}"),
        (Some(fault), _) => fault.to_owned(),
        (None, detail) => detail.clone().unwrap_or_else(|| "it did not come".into()),
    }
}

async fn fetch(common: &Common, console: &Console, arguments: FetchArguments) -> Result<(), Fault> {
    let means = arguments.speaking.means()?;
    match (&means, arguments.access) {
        (Means::Key(key), Some(access)) if !arguments.speaking.names_accounts() => {
            let desk = desk_at(common, key).await?;
            let shelf = Shelf::new(&arguments.out)?;
            let granted = desk.granted(&access).await?;
            let wanted = wanted_of(&granted, &arguments.record)?;
            let fetched = fetch_arriving(console, &desk, &shelf, &access, &wanted).await?;
            let kept = receipt::keep(console, &desk, shelf.folder(), Receipted::Access(access)).await;
            let value = json!({ "access": access, "payloads": fetched.rows });
            conclude(console, fetched.lines, value, kept, fetched.failed, wanted.len())
        }
        (Means::Key(_), None) if !arguments.speaking.names_accounts() => {
            Err(Fault::bad_input("name the access that was granted; to read your own records, name the account with --account"))
        }
        _ => fetch_own(common, console, arguments, &means).await,
    }
}

fn wanted_of(granted: &[RecordId], named: &[RecordId]) -> Result<Vec<RecordId>, Fault> {
    match named.iter().any(|record| !granted.contains(record)) {
        true => Err(Fault::refused("a record that is named is not among those that the access grants")),
        false if named.is_empty() => Ok(granted.to_vec()),
        false => Ok(named.to_vec()),
    }
}

/// A person, or a guardian, who reads at the custodian's node.
struct OwnReader<'a> {
    console: &'a Console,
    speaker: Speaker<'a>,
    desk: Desk,
    label: Label,
    account: Account,
    manifests: BTreeMap<RecordId, RecordManifest>,
    shelf: Shelf,
}

async fn fetch_own(common: &Common, console: &Console, arguments: FetchArguments, means: &Means) -> Result<(), Fault> {
    let categories = categories(&arguments.category).map_err(Fault::bad_input)?;
    let records = named_records(&arguments.record)?;
    let speaker = Speaker::new(common, console, &arguments.speaking, means).await?;
    let label = speaker.one_account()?;
    let desk = speaker.desk(&label).await?;
    let account = speaker.node.account(&label).await?;
    expect_custodian(&speaker.node, &account).await?;
    let manifests = desk.records(&label).await?.into_iter().map(|listed| (listed.id, listed.record.manifest)).collect();
    let shelf = Shelf::new(&arguments.out)?;
    let purpose = arguments.purpose.unwrap_or(match account.controller == desk.key() {
        true => Purpose::PatientRequest,
        false => Purpose::FamilyRequest,
    });
    let timeout = Duration::from_secs(arguments.speaking.timeout_s);
    let reader = OwnReader { console, speaker, desk, label, account, manifests, shelf };
    match arguments.access {
        Some(access) => reader.resume(&access, &records).await,
        None => reader.read(categories, records, purpose, timeout).await,
    }
}

/// Only the custodian's node has the payloads.
async fn expect_custodian(node: &NodeClient, account: &Account) -> Result<(), Fault> {
    match node.status().await?.organisation {
        Some(organisation) if organisation != account.custodian => Err(Fault::refused(format!(
            "{} is the node of another organisation; a person reads at the node of the account's custodian ({}): name it with --node",
            node.url(),
            account.custodian.to_hex()
        ))
        .in_japanese("これは別の組織のノードです。本人の閲覧は保管施設のノードで行います。--node で指定してください。")),
        _ => Ok(()),
    }
}

impl OwnReader<'_> {
    /// Asks for access and reads, one page of records after the other.
    async fn read(
        &self,
        categories: Categories,
        records: List<RecordId, 64>,
        purpose: Purpose,
        timeout: Duration,
    ) -> Result<(), Fault> {
        let (mut fetched, mut accesses, mut after, mut count) = (Fetched::default(), Vec::new(), None, 0);
        loop {
            let name: [u8; 32] = OsRng.r#gen();
            let secret = self.secret(&name);
            let request = AccessRequest {
                account: self.label,
                reader: Reader::Person,
                basis: Basis::Own,
                purpose,
                categories,
                records: records.clone(),
                after,
                reply_key: secret.public(),
            };
            let (id, granted) = decision(self.console, &self.desk, request, timeout).await?;
            accesses.push(id);
            count += granted.records.len();
            if self.speaker.wallet().is_some() {
                // From the wallet and this name the one-time key follows again, should the transfer break off.
                let name = Hash(name).to_hex();
                files::create(&self.shelf.beside(&reading_name(&id)), name.as_bytes(), Audience::Owner)?;
            }
            self.fetch_all(&id, &secret, &granted.records, false, &mut fetched).await?;
            after = granted.records.last().copied();
            if !granted.more || after.is_none() {
                break;
            }
        }
        self.print(&accesses, fetched, count).await
    }

    /// Goes on with an access whose transfer broke off.
    async fn resume(&self, id: &TransactionId, named: &[RecordId]) -> Result<(), Fault> {
        let path = self.shelf.beside(&reading_name(id));
        if self.speaker.wallet().is_none() {
            return Err(Fault::bad_input(
                "with a key file the one-time key is not kept; leave the access out to ask for a new one",
            ));
        }
        let name = files::read(&path, 64, Audience::Owner)?;
        let name: Option<Hash> = std::str::from_utf8(&name).ok().and_then(|name| name.trim().parse().ok());
        let name = name.ok_or_else(|| Fault::refused(format!("{} is damaged; ask for a new access", path.display())))?;
        let committed = self.speaker.node.transaction(id).await?.committed();
        let Some(granted) = committed.as_ref().and_then(|committed| committed.outcome.granted()) else {
            return Err(Fault::refused("the node knows no access with this id that was granted"));
        };
        let wanted = wanted_of(&granted.records, named)?;
        let mut fetched = Fetched::default();
        self.fetch_all(id, &self.secret(&name.0), &wanted, true, &mut fetched).await?;
        self.print(&[*id], fetched, wanted.len()).await
    }

    fn secret(&self, name: &[u8; 32]) -> OneTimeSecret {
        let of_wallet = self.speaker.reading_key(&self.label, name);
        of_wallet.unwrap_or_else(|| OneTimeSecret::generate(&mut rand::rngs::OsRng))
    }

    /// Fetches, opens, checks, and tells the ledger what came and what was wrong. A file that is there already came with this
    /// access only if it is resumed.
    async fn fetch_all(
        &self,
        id: &TransactionId,
        secret: &OneTimeSecret,
        wanted: &[RecordId],
        resumed: bool,
        fetched: &mut Fetched,
    ) -> Result<(), Fault> {
        let bar = self.console.transfer();
        let size = |record: &RecordId| self.manifests.get(record).map_or(0, |manifest| manifest.size);
        bar.set_length(wanted.iter().map(size).sum());
        let (mut came, mut failed, mut arrived) = (0, 0, Vec::new());
        for record in wanted {
            if let Some(path) = self.shelf.holds(record)? {
                fetched.came(record, &path);
                arrived.extend(resumed.then_some(*record));
                continue;
            }
            let Some(manifest) = self.manifests.get(record) else {
                failed += 1;
                fetched.failed(record, "unknown", &self.console.say(Word::NotRegistered, &[]));
                continue;
            };
            let read = SealedRead {
                secret: secret.clone(),
                handover: self.handover(id, record, secret),
                commitment: manifest.commitment,
                size: manifest.size,
            };
            let path = self.shelf.fetch_sealed(&self.desk, read, |bytes| bar.set_position(came + bytes)).await;
            came += manifest.size;
            bar.set_position(came);
            match path {
                Ok(path) => {
                    fetched.came(record, &path);
                    arrived.push(*record);
                }
                Err(fault) => {
                    failed += 1;
                    fetched.failed(record, "failed", &fault.to_string());
                    self.tell(id, record, &fault).await?;
                }
            }
        }
        bar.finish_and_clear();
        if !arrived.is_empty() {
            // As many as the access grants, and that is the list's bound.
            let records = List::new(arrived).unwrap_or_default();
            let committed = self.desk.act(Action::Acknowledge { account: self.label, access: *id, records }).await?;
            if let Outcome::Rejected(rule) = &committed.outcome
                && *rule != inro_contracts::rule::Rule::NoChange
            {
                return Err(Fault {
                    rule: Some(rule.code().into()),
                    ..Fault::refused(format!("the payloads came, but the ledger did not take that statement: rule {rule}"))
                });
            }
        }
        if failed == 0 {
            // Its key is of no use any more.
            let _ = std::fs::remove_file(self.shelf.beside(&reading_name(id)));
        }
        Ok(())
    }

    fn handover(&self, id: &TransactionId, record: &RecordId, secret: &OneTimeSecret) -> Handover {
        Handover::of_record(self.speaker.chain, *id, *record, self.account.custodian, None, secret.public())
    }

    /// A wrong payload is reported to the ledger; a transfer that broke off is not a wrong payload.
    async fn tell(&self, id: &TransactionId, record: &RecordId, fault: &TransferFault) -> Result<(), Fault> {
        if let Some(fault) = fault.payload_fault() {
            self.desk.act(Action::ReportPayload { account: self.label, access: *id, record: *record, fault }).await?;
        }
        Ok(())
    }

    async fn print(&self, accesses: &[TransactionId], fetched: Fetched, count: usize) -> Result<(), Fault> {
        let mut lines: Vec<String> =
            accesses.iter().map(|access| self.console.say(Word::AccessIs, &[&access.to_hex()])).collect();
        lines.extend(fetched.lines);
        if count == 0 {
            lines.push(self.console.say(Word::NothingThere, &[]));
        }
        let (mut receipts, mut missing) = (Vec::new(), None);
        for access in accesses {
            match receipt::keep(self.console, &self.desk, self.shelf.folder(), Receipted::Access(*access)).await {
                Ok((path, line)) => {
                    lines.push(line);
                    receipts.push(path);
                }
                Err(fault) => missing = Some(fault),
            }
        }
        let rows = fetched.rows;
        let value = json!({ "account": self.label, "accesses": accesses, "payloads": rows, "receipts": receipts });
        self.console.print(&lines, &value);
        all_came(fetched.failed, count)?;
        missing.map_or(Ok(()), Err)
    }
}

fn reading_name(access: &TransactionId) -> String {
    format!("{}.reading", access.to_hex())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_granted_can_be_wanted() {
        let (one, other) = (RecordId([1; 32]), RecordId([2; 32]));
        assert_eq!(wanted_of(&[one, other], &[]).unwrap(), [one, other]);
        assert_eq!(wanted_of(&[one, other], &[other]).unwrap(), [other]);
        assert!(!wanted_of(&[one], &[other]).unwrap_err().is_bad_input);
    }

    #[test]
    fn a_denial_says_its_number_in_both_languages() {
        let fault = denied(&TransactionId([1; 32]), Denial::Ended);
        assert_eq!(fault.status(), 1);
        assert_eq!(fault.rule.as_deref(), Some("D-1.7"));
        assert!(fault.sentence.contains("D-1.7") && fault.japanese.unwrap().contains("D-1.7"));
    }
}
