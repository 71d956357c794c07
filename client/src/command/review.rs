//! `inro review`: after an emergency, somebody else looks whether it was one; and `inro worklist`, what waits at a facility.

use clap::{Args, Subcommand};
use inro_contracts::emergency::Finding;
use inro_contracts::id::{Label, PractitionerId, TransactionId};
use inro_contracts::transaction::Action;
use serde_json::json;

use super::act::Actor;
use super::kept::KeptText;
use crate::arguments::{Acting, Common, Signing, word};
use crate::fault::Fault;
use crate::output::Console;

#[derive(Debug, Subcommand)]
pub enum ReviewCommand {
    /// List the reviews that are open at the own organisation; an auditor sees everybody's.
    #[command(after_help = "Example:\n  inro review list --key keys/practitioner-1.pem")]
    List {
        #[command(flatten)]
        signing: Signing,
    },
    /// Close the review of an emergency access. Signed by somebody else than the reader.
    #[command(after_help = "Example:\n  inro review close 5c… --account 8c… --finding justified --text-file report.txt \\\n    \
        --key keys/practitioner-2.pem")]
    Close(CloseArguments),
}

#[derive(Debug, Args)]
pub struct CloseArguments {
    /// The emergency access.
    access: TransactionId,
    /// The account.
    #[arg(long, value_name = "LABEL")]
    account: Label,
    /// What was found: justified, not-justified or unclear.
    #[arg(long, value_parser = word::<Finding>)]
    finding: Finding,
    #[command(flatten)]
    report: KeptText,
    /// The practitioner who signs; otherwise the one whose first key it is.
    #[arg(long, value_name = "HEX")]
    practitioner: Option<PractitionerId>,
    #[command(flatten)]
    acting: Acting,
}

/// What waits for somebody.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  inro worklist --key keys/practitioner-1.pem")]
pub struct WorklistArguments {
    #[command(flatten)]
    signing: Signing,
}

pub async fn run(common: &Common, console: &Console, command: ReviewCommand) -> Result<(), Fault> {
    match command {
        ReviewCommand::List { signing } => {
            let worklist = signing.desk(common).await?.worklist().await?;
            console.print_object(worklist.get("reviews").unwrap_or(&serde_json::Value::Null))
        }
        ReviewCommand::Close(arguments) => {
            let CloseArguments { access, account, finding, report, practitioner, acting } = arguments;
            let actor = Actor::new(common, console, &acting).await?;
            let practitioner = actor.practitioner(practitioner);
            let (report, kept) = report.keep("review")?;
            let action = Action::CloseReview { account, access, practitioner, finding, report };
            actor.act(action, &[("text_kept_in", json!(kept))]).await
        }
    }
}

/// What waits at the own organisation: accesses that were not disclosed or acknowledged, and reviews.
pub async fn worklist(common: &Common, console: &Console, arguments: WorklistArguments) -> Result<(), Fault> {
    console.print_object(&arguments.signing.desk(common).await?.worklist().await?)
}
