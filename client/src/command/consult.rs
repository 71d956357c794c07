//! `inro consult`: advice from a named colleague, on records that a grant lets pass on, under a linked ID (連結ID).

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use inro_client::ClientError;
use inro_client::desk::{Desk, ReadPayload};
use inro_client::transfer::suffix_of;
use inro_contracts::bytes::List;
use inro_contracts::consent::{ConsultTerms, Parent};
use inro_contracts::id::{ConsultId, GrantId, Label, PractitionerId, RecordId};
use inro_contracts::organisation::Practitioner;
use inro_contracts::time::Time;
use inro_contracts::transaction::Action;
use inro_genesis::files::{self, Audience};
use serde_json::json;

use super::act;
use super::receipt::{self, Receipted};
use super::speaker::{Means, Speaker, Speaking};
use crate::arguments::{Common, Signing, desk_at, now};
use crate::fault::Fault;
use crate::output::Console;
use crate::terms::{Moment, Span, categories};
use crate::words::Word;

/// Longer texts than this are no evaluation.
const ANSWER_BYTES_MAX: u64 = 64 * 1024 * 1024;
const WAIT: Duration = Duration::from_secs(5);

#[derive(Debug, Subcommand)]
pub enum ConsultCommand {
    /// Open a consult: one named reader, for some of what a grant permits.
    #[command(after_help = "Example:\n  inro consult open --account 8c… --reader 2f… --category image --for 7d \\\n    \
        --key keys/practitioner-1.pem")]
    Open(OpenArguments),
    /// Show a consult, for its opener or reader.
    #[command(after_help = "Example:\n  inro consult show 4b… --key keys/practitioner-2.pem")]
    Show {
        /// The linked ID.
        consult: ConsultId,
        #[command(flatten)]
        signing: Signing,
    },
    /// Answer a consult, as its reader.
    #[command(after_help = "Example:\n  inro consult answer 4b… evaluation.pdf --media-type application/pdf \\\n    \
        --key keys/practitioner-2.pem")]
    Answer {
        /// The linked ID.
        consult: ConsultId,
        /// The answer's file.
        file: PathBuf,
        /// What it is; otherwise as the file's name ends.
        #[arg(long, value_name = "TYPE")]
        media_type: Option<String>,
        #[command(flatten)]
        signing: Signing,
    },
    /// Read the answer to a consult, as its opener.
    #[command(after_help = "Example:\n  inro consult read 4b… --out answers --key keys/practitioner-1.pem")]
    Read {
        /// The linked ID.
        consult: ConsultId,
        /// The folder for the answer (mode 0700); it is made if there is none.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        #[command(flatten)]
        signing: Signing,
    },
    /// Close a consult, with all that follow from it: its opener, its reader, or the patient.
    #[command(after_help = "Example:\n  inro consult close 4b… --key keys/practitioner-1.pem\n  \
        inro consult close 4b… --wallet hanako.wallet --account 8c…")]
    Close {
        /// The linked ID.
        consult: ConsultId,
        /// The practitioner who signs; otherwise the one whose first key it is.
        #[arg(long, value_name = "HEX")]
        practitioner: Option<PractitionerId>,
        #[command(flatten)]
        speaking: Speaking,
    },
}

#[derive(Debug, Args)]
pub struct OpenArguments {
    /// The account.
    #[arg(long, value_name = "LABEL")]
    account: Label,
    /// Who is asked.
    #[arg(long, value_name = "HEX")]
    reader: PractitionerId,
    /// Which categories, with commas between; otherwise all that is permitted.
    #[arg(long, value_delimiter = ',')]
    category: Vec<String>,
    /// Only these records, with commas between.
    #[arg(long, value_name = "HEX", value_delimiter = ',')]
    record: Vec<RecordId>,
    /// For how long: 24h, 7d; otherwise as long as what it follows from.
    #[arg(long = "for", value_name = "SPAN")]
    span: Option<Span>,
    /// Until when.
    #[arg(long, value_name = "MOMENT", conflicts_with = "span")]
    until: Option<Moment>,
    /// From which grant; otherwise the only one that may be passed on.
    #[arg(long, value_name = "HEX")]
    grant: Option<GrantId>,
    /// From which consult that may be passed on.
    #[arg(long, value_name = "HEX", conflicts_with = "grant")]
    consult: Option<ConsultId>,
    /// The reader may ask others in turn.
    #[arg(long)]
    may_pass_on: bool,
    /// The practitioner who signs; otherwise the one whose first key it is.
    #[arg(long, value_name = "HEX")]
    practitioner: Option<PractitionerId>,
    #[command(flatten)]
    signing: Signing,
}

pub async fn run(common: &Common, console: &Console, command: ConsultCommand) -> Result<(), Fault> {
    match command {
        ConsultCommand::Open(arguments) => open(common, console, arguments).await,
        ConsultCommand::Show { consult, signing } => {
            let placed = signing.desk(common).await?.consult(&consult).await?;
            console.print_object(&json!({ "account": placed.account, "consult": placed.consult }))
        }
        ConsultCommand::Answer { consult, file, media_type, signing } => {
            let answer = files::read(&file, ANSWER_BYTES_MAX, Audience::Everybody)?;
            let name = file.extension().and_then(|ending| ending.to_str()).unwrap_or_default().to_lowercase();
            let media_type = media_type.unwrap_or_else(|| media_type_of(&name).into());
            let desk = signing.desk(common).await?;
            let placed = desk.consult(&consult).await?;
            let committed = desk.answer_consult(&placed, &media_type, answer.to_vec()).await?;
            act::report(console, committed, &[("consult", json!(consult))])
        }
        ConsultCommand::Read { consult, out, signing } => read(common, console, consult, out, signing).await,
        ConsultCommand::Close { consult, practitioner, speaking } => {
            close(common, console, consult, practitioner, speaking).await
        }
    }
}

async fn open(common: &Common, console: &Console, arguments: OpenArguments) -> Result<(), Fault> {
    let mut categories = categories(&arguments.category).map_err(Fault::bad_input)?;
    let records = List::new(arguments.record.clone()).map_err(|error| Fault::bad_input(format!("--record: {error}")))?;
    let desk = arguments.signing.desk(common).await?;
    let now = now().max(desk.node().status().await?.time);
    let source = source(&desk, &arguments, now).await?;
    let until = match (arguments.until, arguments.span) {
        (Some(until), _) => until.0,
        (None, Some(span)) => now.plus_ms(span.ms),
        (None, None) => source.until,
    };
    if until <= now {
        return Err(Fault::bad_input("the consult would be over already"));
    }
    if arguments.category.is_empty() {
        categories = source.categories;
    }
    let terms = ConsultTerms {
        parent: source.parent,
        reader: arguments.reader,
        categories,
        records,
        until,
        may_pass_on: arguments.may_pass_on,
        reply_key: desk.make_reply_key().await?,
    };
    let practitioner = arguments.practitioner.unwrap_or_else(|| Practitioner::id_of(&desk.key()));
    let action = Action::OpenConsult { account: arguments.account, practitioner, terms };
    let spinner = console.spinner();
    let committed = desk.node().commit(&desk.sign(action), arguments.signing.timeout()).await;
    spinner.finish_and_clear();
    let committed = committed?;
    let id = ConsultId(committed.id.0);
    act::report(console, committed, &[("consult", json!(id))])
}

/// What a consult is opened from.
struct Source {
    parent: Parent,
    categories: inro_contracts::category::Categories,
    until: Time,
}

async fn source(desk: &Desk, arguments: &OpenArguments, now: Time) -> Result<Source, Fault> {
    let own = desk.own_consent(&arguments.account).await?;
    if let Some(id) = arguments.consult {
        let consult = own.consults.iter().find(|consult| consult.id == id);
        let consult = consult.ok_or_else(|| Fault::refused("no such consult is on this account for this practitioner"))?;
        return Ok(Source { parent: Parent::Consult(id), categories: consult.terms.categories, until: consult.terms.until });
    }
    let open = own.grants.iter().filter(|grant| match arguments.grant {
        Some(id) => grant.id == id,
        None => grant.terms.may_pass_on && grant.holds_at(now),
    });
    let open: Vec<_> = open.collect();
    match open[..] {
        [grant] => {
            Ok(Source { parent: Parent::Grant(grant.id), categories: grant.terms.categories, until: grant.terms.validity.until })
        }
        [] => {
            Err(Fault::refused("no grant on this account is for this practitioner and may be passed on; ask the patient for one"))
        }
        _ => {
            let ids: Vec<_> = open.iter().map(|grant| grant.id.to_hex()).collect();
            Err(Fault::bad_input(format!("several grants may be passed on; name one with --grant: {}", ids.join(", "))))
        }
    }
}

async fn read(common: &Common, console: &Console, consult: ConsultId, out: PathBuf, signing: Signing) -> Result<(), Fault> {
    let desk = signing.desk(common).await?;
    files::secret_folder(&out)?;
    let spinner = console.spinner();
    let answer = answer(&desk, &consult, signing.timeout()).await;
    spinner.finish_and_clear();
    let ReadPayload { media_type, bytes } = answer?;
    let path = out.join(format!("{}.{}", consult.to_hex(), suffix_of(&media_type)));
    files::create(&path, &bytes, Audience::Owner)?;
    let mut lines = vec![console.say(Word::AnswerIn, &[&path.display(), &media_type])];
    let mut value = json!({ "consult": consult, "file": path, "media_type": media_type, "bytes": bytes.len() });
    let kept = receipt::keep(console, &desk, &out, Receipted::Consult(consult)).await.map(|(path, line)| {
        lines.push(line);
        value["receipt"] = json!(path);
    });
    console.print(&lines, &value);
    kept
}

/// Waits for the answer: it may not be given yet, or be on its way.
async fn answer(desk: &Desk, consult: &ConsultId, timeout: Duration) -> Result<ReadPayload, Fault> {
    let start = Instant::now();
    loop {
        match desk.answer(consult, WAIT.min(timeout)).await {
            Err(ClientError::Problem(problem)) if problem.is_passing() && start.elapsed() < timeout => {
                tokio::time::sleep(problem.pause().min(Duration::from_secs(1))).await;
            }
            answer => return Ok(answer?),
        }
    }
}

async fn close(
    common: &Common,
    console: &Console,
    consult: ConsultId,
    practitioner: Option<PractitionerId>,
    speaking: Speaking,
) -> Result<(), Fault> {
    match speaking.means()? {
        Means::Key(key) if !speaking.names_accounts() => {
            let desk = desk_at(common, &key).await?;
            let account = desk.consult(&consult).await?.account;
            let practitioner = Some(practitioner.unwrap_or_else(|| Practitioner::id_of(&desk.key())));
            act::report(console, desk.act(Action::CloseConsult { account, consult, practitioner }).await?, &[])
        }
        means => {
            let speaker = Speaker::new(common, console, &speaking, &means).await?;
            let account = speaker.one_account()?;
            let done = speaker.commit(vec![(account, Action::CloseConsult { account, consult, practitioner })]).await?;
            speaker.report(&done, None)
        }
    }
}

/// What a file with this ending is.
pub fn media_type_of(ending: &str) -> &'static str {
    match ending {
        "json" => "application/json",
        "pdf" => "application/pdf",
        "dcm" => "application/dicom",
        "jpg" | "jpeg" => "image/jpeg",
        "png" => "image/png",
        "tif" | "tiff" => "image/tiff",
        "xml" => "application/xml",
        "csv" => "text/csv",
        "txt" | "text" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_files_ending_says_what_it_is_and_the_other_way_round() {
        for ending in ["json", "pdf", "dcm", "jpg", "png", "tiff", "xml", "csv", "txt"] {
            assert_eq!(suffix_of(media_type_of(ending)), ending);
        }
        assert_eq!(media_type_of("exe"), "application/octet-stream");
    }
}
