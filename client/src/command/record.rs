//! `inro record`: what the ledger knows of payloads. The payloads themselves are not touched here.

use clap::{Args, Subcommand};
use inro_contracts::category::Category;
use inro_contracts::id::{Commitment, Label, PractitionerId, RecordId};
use inro_contracts::record::{ErasureReason, ProviderFlags, RecordManifest};
use inro_contracts::transaction::Action;
use serde_json::json;

use super::act::Actor;
use crate::arguments::{Acting, Common, word};
use crate::fault::Fault;
use crate::output::Console;

#[derive(Debug, Subcommand)]
pub enum RecordCommand {
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
            id: self.id.unwrap_or_else(|| RecordId(rand::random())),
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
        RecordCommand::Register { signer, .. }
        | RecordCommand::Supersede { signer, .. }
        | RecordCommand::Erase { signer, .. }
        | RecordCommand::Flags { signer, .. } => signer,
    };
    let actor = Actor::new(common, console, &signer.acting).await?;
    let practitioner = actor.practitioner(signer.practitioner);
    let (action, record) = match &command {
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
