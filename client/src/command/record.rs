//! `inro record`: documents come in at the custodian's node (`add`); all else is what the ledger knows of them.

use std::fs::File;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use inro_client::desk::{Desk, StagedItem, TakeInFault};
use inro_contracts::category::Category;
use inro_contracts::id::{Commitment, Label, PractitionerId, RecordId};
use inro_contracts::organisation::Practitioner;
use inro_contracts::record::{ErasureReason, ProviderFlags, RecordManifest};
use inro_contracts::transaction::Action;
use inro_genesis::files::FileFault;
use rand::Rng;
use rand::rngs::OsRng;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::act::{self, Actor};
use crate::arguments::{Acting, Common, Signing, word};
use crate::fault::Fault;
use crate::output::Console;
use crate::terms::{category, say_category};
use crate::words::Word;

/// So many items are on their way to the ledger at once.
const REGISTERED_AT_ONCE: usize = 32;

#[derive(Debug, Subcommand)]
pub enum RecordCommand {
    /// Take documents in at the custodian's node, and register each of their items.
    #[command(after_help = "Example:\n  inro record add 8c… referral.json scan.pdf image.dcm --key keys/practitioner-1.pem")]
    Add(AddArguments),
    /// Register a record. Signed by a practitioner of the account's custodian.
    #[command(after_help = "Example:\n  inro record register 8c… --category referral --commitment 3d… --size 48213 \\\n    \
        --key keys/practitioner-1.pem")]
    Register {
        /// The account.
        label: Label,
        #[command(flatten)]
        record: RecordArguments,
        #[command(flatten)]
        signer: Signer,
    },
    /// Replace a record by a newer one.
    #[command(after_help = "Example:\n  inro record supersede 8c… --old 91… --category referral --commitment 3d… \\\n    \
        --size 48213 --key keys/practitioner-1.pem")]
    Supersede {
        /// The account.
        label: Label,
        /// The record that is replaced.
        #[arg(long, value_name = "HEX")]
        old: RecordId,
        #[command(flatten)]
        record: RecordArguments,
        #[command(flatten)]
        signer: Signer,
    },
    /// State that a record's payload and its key are destroyed.
    #[command(after_help = "Example:\n  inro record erase 8c… 91… --reason patient-request --key keys/practitioner-1.pem")]
    Erase {
        /// The account.
        label: Label,
        /// The record.
        record: RecordId,
        /// Why: retention-ended, patient-request, entered-in-error or legal-order.
        #[arg(long, value_parser = word::<ErasureReason>)]
        reason: ErasureReason,
        #[command(flatten)]
        signer: Signer,
    },
    /// Set the provider's flags anew; without --flags, none is set.
    #[command(after_help = "Example:\n  inro record flags 8c… 91… --flags uninformed --key keys/practitioner-1.pem")]
    Flags {
        /// The account.
        label: Label,
        /// The record.
        record: RecordId,
        #[command(flatten)]
        flags: Flags,
        #[command(flatten)]
        signer: Signer,
    },
}

/// What is taken in.
#[derive(Debug, Args)]
pub struct AddArguments {
    /// The account.
    label: Label,
    /// FHIR JSON, DICOM, PDF, images, text, or anything else.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// What they hold, where they do not say it themselves.
    #[arg(long, value_parser = category)]
    category: Option<Category>,
    /// What they are, where their content does not tell.
    #[arg(long, value_name = "TYPE")]
    media_type: Option<String>,
    /// The practitioner who signs; otherwise the one whose first key it is.
    #[arg(long, value_name = "HEX")]
    practitioner: Option<PractitionerId>,
    #[command(flatten)]
    signing: Signing,
}

/// What is registered.
#[derive(Debug, Args)]
pub struct RecordArguments {
    /// The record's id; otherwise one is drawn at random.
    #[arg(long, value_name = "HEX")]
    id: Option<RecordId>,
    /// What it holds, such as referral, discharge-summary, check-up, chart, image or other.
    #[arg(long, value_parser = word::<Category>)]
    category: Category,
    /// The salted commitment to the payload.
    #[arg(long, value_name = "HEX")]
    commitment: Commitment,
    /// The payload's length, in bytes.
    #[arg(long, value_name = "BYTES")]
    size: u64,
    #[command(flatten)]
    flags: Flags,
}

impl RecordArguments {
    fn manifest(&self) -> RecordManifest {
        RecordManifest {
            id: self.id.unwrap_or_else(|| RecordId(OsRng.r#gen())),
            category: self.category,
            commitment: self.commitment,
            size: self.size,
            flags: self.flags.all(),
        }
    }
}

/// The provider's flags.
#[derive(Debug, Args)]
pub struct Flags {
    /// uninformed (未告知: not to the patient before the physician has spoken), undelivered (未提供: to nobody else), or both
    /// with a comma between.
    #[arg(long, value_delimiter = ',', value_parser = flag_of)]
    flags: Vec<ProviderFlags>,
}

impl Flags {
    fn all(&self) -> ProviderFlags {
        ProviderFlags(self.flags.iter().fold(0, |all, flag| all | flag.0))
    }
}

/// Who signs.
#[derive(Debug, Args)]
pub struct Signer {
    /// The practitioner who signs; otherwise the one whose first key it is.
    #[arg(long, value_name = "HEX")]
    practitioner: Option<PractitionerId>,
    #[command(flatten)]
    acting: Acting,
}

fn flag_of(text: &str) -> Result<ProviderFlags, String> {
    match text {
        "uninformed" => Ok(ProviderFlags::UNINFORMED),
        "undelivered" => Ok(ProviderFlags::UNDELIVERED),
        _ => Err("a flag is uninformed or undelivered".into()),
    }
}

pub async fn run(common: &Common, console: &Console, command: RecordCommand) -> Result<(), Fault> {
    let signer = match &command {
        RecordCommand::Add(arguments) => return add(common, console, arguments).await,
        RecordCommand::Register { signer, .. }
        | RecordCommand::Supersede { signer, .. }
        | RecordCommand::Erase { signer, .. }
        | RecordCommand::Flags { signer, .. } => signer,
    };
    let actor = Actor::new(common, console, &signer.acting).await?;
    let practitioner = actor.practitioner(signer.practitioner);
    let (action, record) = match &command {
        RecordCommand::Add(_) => return Ok(()),
        RecordCommand::Register { label, record, .. } => {
            let record = record.manifest();
            let id = record.id;
            (Action::RegisterRecord { account: *label, practitioner, record }, id)
        }
        RecordCommand::Supersede { label, old, record, .. } => {
            let record = record.manifest();
            let id = record.id;
            (Action::SupersedeRecord { account: *label, practitioner, old: *old, record }, id)
        }
        RecordCommand::Erase { label, record, reason, .. } => {
            (Action::EraseRecord { account: *label, practitioner, record: *record, reason: *reason }, *record)
        }
        RecordCommand::Flags { label, record, flags, .. } => {
            (Action::SetProviderFlags { account: *label, practitioner, record: *record, flags: flags.all() }, *record)
        }
    };
    actor.act(action, &[("record", json!(record))]).await
}

/// Takes every file in and registers what is in it. A file that is refused does not keep the others out.
async fn add(common: &Common, console: &Console, arguments: &AddArguments) -> Result<(), Fault> {
    for file in &arguments.files {
        expect_file(file)?;
    }
    let desk = arguments.signing.desk(common).await?;
    let practitioner = arguments.practitioner.unwrap_or_else(|| Practitioner::id_of(&desk.key()));
    let (mut lines, mut values, mut refused, mut first) = (Vec::new(), Vec::new(), 0, None);
    for file in &arguments.files {
        let taken = match take_in(console, &desk, arguments, file).await {
            Ok(items) => register(console, &desk, arguments, practitioner, items).await,
            Err(fault) => Err(fault),
        };
        match taken {
            Ok(items) => {
                lines.push(console.say(Word::TakenIn, &[&file.display(), &items.len()]));
                lines.extend(items.iter().map(|item| {
                    let category = say_category(item.record.category, console.language());
                    format!("  {}  {category}  {}", item.record.id.to_hex(), item.media_type)
                }));
                let records: Vec<Value> = items.iter().map(|item| json!({ "record": item.record.id, "category": item.record.category, "media_type": item.media_type, "size": item.record.size })).collect();
                values.push(json!({ "file": file, "records": records }));
            }
            Err(fault) => {
                refused += 1;
                lines.push(format!("{}  {}", file.display(), fault.sentence));
                values.push(json!({ "file": file, "error": fault.sentence, "rule": fault.rule }));
                first.get_or_insert(fault);
            }
        }
    }
    match (first, arguments.files.len()) {
        (Some(fault), 1) => Err(fault),
        (first, all) => {
            console.print(&lines, &values.into());
            first.map_or(Ok(()), |fault| {
                let sentence = format!("{refused} of {all} files were not taken in; the lines above say why");
                Err(Fault { rule: fault.rule, ..Fault::refused(sentence) })
            })
        }
    }
}

fn expect_file(path: &Path) -> Result<(), FileFault> {
    match std::fs::metadata(path) {
        Ok(found) if found.is_file() => Ok(()),
        Ok(_) => Err(FileFault::NotAFile(path.into())),
        Err(_) => Err(FileFault::Missing(path.into())),
    }
}

async fn take_in(console: &Console, desk: &Desk, arguments: &AddArguments, path: &Path) -> Result<Vec<StagedItem>, Fault> {
    let fault = |error| FileFault::System { path: path.into(), act: "read", error };
    let file = File::open(path).map_err(fault)?;
    let bar = console.transfer();
    bar.set_length(file.metadata().map_err(fault)?.len());
    bar.set_message(console.say(Word::TakingIn, &[&path.display()]));
    // The file's own name may be a patient's: only its ending is told.
    let ending = path.extension().and_then(|ending| ending.to_str()).map(|ending| format!("document.{ending}"));
    let (name, media) = (ending.unwrap_or_else(|| "document".into()), arguments.media_type.as_deref());
    let sent = bar.clone();
    let taken =
        desk.take_in_file(&arguments.label, &name, arguments.category, media, file, move |bytes| sent.set_position(bytes)).await;
    bar.finish_and_clear();
    match taken {
        Ok(items) => Ok(items),
        Err(TakeInFault::Client(error)) => Err(error.into()),
        Err(TakeInFault::File(error)) => Err(fault(error).into()),
    }
}

/// Registers all items. An item that is not registered within an hour is destroyed at the custodian's node.
async fn register(
    console: &Console,
    desk: &Desk,
    arguments: &AddArguments,
    practitioner: PractitionerId,
    items: Vec<StagedItem>,
) -> Result<Vec<StagedItem>, Fault> {
    let bar = console.progress();
    bar.set_length(items.len() as u64);
    bar.set_message(console.say(Word::Registering, &[]));
    let mut fault = None;
    for some in items.chunks(REGISTERED_AT_ONCE) {
        let mut waiting = JoinSet::new();
        for item in some {
            let record = item.record.clone();
            let signed = desk.sign(Action::RegisterRecord { account: arguments.label, practitioner, record });
            let (node, timeout) = (desk.node().clone(), arguments.signing.timeout());
            waiting.spawn(async move { node.commit(&signed, timeout).await });
        }
        while let Some(answer) = waiting.join_next().await {
            bar.inc(1);
            // A task here neither panics nor is aborted.
            let Ok(answer) = answer else { continue };
            let found = match answer {
                Ok(committed) => act::rejected(console, &committed),
                Err(error) => Some(error.into()),
            };
            fault = fault.or(found);
        }
    }
    bar.finish_and_clear();
    fault.map_or(Ok(items), Err)
}
