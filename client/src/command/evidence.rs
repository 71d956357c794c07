//! `inro evidence` makes files that prove something about the ledger to anybody, and `inro verify` checks one. Verifying reads the
//! file and the founding document, and no network.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use inro_client::evidence::{Made, Maker};
use inro_client::model::At;
use inro_contracts::entry::Outcome;
use inro_contracts::id::{Label, PractitionerId, TransactionId};
use inro_contracts::time::Height;
use inro_evidence::{Anchor, FILE_BYTES_MAX, Proved, Signed, Statement, verify};
use inro_genesis::ceremony;
use inro_genesis::files::{self, Audience};
use serde_json::{Value, json};

use super::act::expect_chain;
use super::history::announced;
use super::speaker::{Speaker, Speaking};
use crate::arguments::Common;
use crate::fault::Fault;
use crate::output::Console;
use crate::terms::{denial_in_japanese, moment};
use crate::words::{Language, Word};

#[derive(Debug, Subcommand)]
pub enum EvidenceCommand {
    /// A transaction and its outcome; for an access, the receipt.
    #[command(after_help = "Example:\n  inro evidence entry 5c… --genesis genesis.json --out receipt.inro")]
    Entry {
        /// The transaction's id.
        id: TransactionId,
        #[command(flatten)]
        making: Making,
    },
    /// All that happened to an account, up to the last block.
    #[command(
        after_help = "Example:\n  inro evidence journal --wallet hanako.wallet --account 8c… --genesis genesis.json --out history.inro"
    )]
    Journal {
        /// An auditor: the practitioner who reads; otherwise the one whose first key it is.
        #[arg(long, value_name = "HEX")]
        practitioner: Option<PractitionerId>,
        #[command(flatten)]
        speaking: Speaking,
        #[command(flatten)]
        making: Making,
    },
    /// That an account does not exist.
    #[command(after_help = "Example:\n  inro evidence absence 8c… --genesis genesis.json --out absence.inro")]
    Absence {
        /// The account's label.
        label: Label,
        #[command(flatten)]
        making: Making,
    },
    /// An access's decision with the state that it was made from, so that anybody can make it again.
    #[command(after_help = "Example:\n  inro evidence decision 5c… --genesis genesis.json --out decision.inro")]
    Decision {
        /// The access's id.
        id: TransactionId,
        #[command(flatten)]
        making: Making,
    },
    /// That a newer block continues an older one's ledger.
    #[command(after_help = "Example:\n  inro evidence consistency 100 2000 --genesis genesis.json --out consistency.inro")]
    Consistency {
        /// The older block's height.
        #[arg(value_parser = clap::value_parser!(u64).range(1..))]
        older: u64,
        /// The newer block's height.
        #[arg(value_parser = clap::value_parser!(u64).range(2..))]
        newer: u64,
        #[command(flatten)]
        making: Making,
    },
    /// Which validators voted, from the founding up to a block.
    #[command(after_help = "Example:\n  inro evidence validators latest --genesis genesis.json --out validators.inro")]
    Validators {
        /// A height, or `latest`.
        height: At,
        #[command(flatten)]
        making: Making,
    },
}

/// From what evidence is made, and where it goes.
#[derive(Debug, Clone, Args)]
pub struct Making {
    /// The file to be written. An existing one is not overwritten.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  inro verify history.inro --genesis genesis.json")]
pub struct VerifyArguments {
    /// The evidence file.
    file: PathBuf,
    /// Check every signature inside a journal too, instead of believing the validators for them.
    #[arg(long)]
    signatures: bool,
}

/// Makes evidence.
pub async fn run(common: &Common, console: &Console, command: EvidenceCommand) -> Result<(), Fault> {
    let making = command.making().clone();
    let made = match command {
        EvidenceCommand::Journal { speaking, practitioner, .. } => {
            let means = speaking.means()?;
            let speaker = Speaker::new(common, console, &speaking, &means).await?;
            let label = speaker.one_account()?;
            let desk = speaker.desk(&label).await?;
            announced(&speaker.node, &desk, &label, practitioner).await?;
            Maker::new(&speaker.node)?.journal(&desk, &label).await?
        }
        command => of_anybody(common, console, command).await?,
    };
    write(console, &making.out, &made)
}

/// Evidence of what anybody may ask a node.
async fn of_anybody(common: &Common, console: &Console, command: EvidenceCommand) -> Result<Made, Fault> {
    let node = common.connect(None).await?;
    let maker = Maker::new(&node)?;
    Ok(match command {
        EvidenceCommand::Entry { id, .. } => maker.entry(&id).await?,
        EvidenceCommand::Absence { label, .. } => maker.absence(&label).await?,
        EvidenceCommand::Decision { id, .. } => {
            let bar = console.progress();
            let made = maker.decision(&id, |block, blocks| {
                bar.set_length(blocks);
                bar.set_position(block);
            });
            let made = made.await;
            bar.finish_and_clear();
            made?
        }
        EvidenceCommand::Consistency { older, newer, .. } => maker.consistency(Height(older), Height(newer)).await?,
        EvidenceCommand::Validators { height, .. } => maker.validators(height).await?,
        EvidenceCommand::Journal { .. } => return Err(Fault::bad_input("say who speaks for the account")),
    })
}

impl EvidenceCommand {
    fn making(&self) -> &Making {
        match self {
            Self::Entry { making, .. }
            | Self::Journal { making, .. }
            | Self::Absence { making, .. }
            | Self::Decision { making, .. }
            | Self::Consistency { making, .. }
            | Self::Validators { making, .. } => making,
        }
    }
}

/// A journal or a receipt says what a person did: it is for its owner's eyes.
fn write(console: &Console, path: &Path, made: &Made) -> Result<(), Fault> {
    files::create(path, &made.bytes, Audience::Owner)?;
    let mut lines = vec![console.say(Word::EvidenceIn, &[&path.display(), &made.bytes.len()])];
    lines.extend(told(console, &made.proved));
    console.print(
        &lines,
        &json!({ "file": path.display().to_string(), "bytes": made.bytes.len(), "proved": made.proved.summary() }),
    );
    Ok(())
}

/// Verifies a file.
pub fn run_verify(common: &Common, console: &Console, arguments: &VerifyArguments) -> Result<(), Fault> {
    let founding = ceremony::verify(&common.require_document()?)?;
    expect_chain(common, &founding.chain)?;
    let bytes = files::read(&arguments.file, FILE_BYTES_MAX as u64, Audience::Everybody)?;
    let anchor = Anchor { pinned: common.pin.map(|pin| pin.block), ..Anchor::from(&founding) };
    let proved = verify(&bytes, &anchor)?;
    if arguments.signatures {
        proved.check_event_signatures()?;
    }
    let summary = serde_json::to_value(proved.summary()).unwrap_or(Value::Null);
    console.print(&told(console, &proved), &json!({ "verified": true, "chain": proved.chain(), "proved": summary }));
    Ok(())
}

/// What was proved, by whose signatures, up to which time.
fn told(console: &Console, proved: &Proved) -> Vec<String> {
    let mut lines = statement(console, proved);
    let head = proved.head();
    lines.push(console.say(Word::EvidenceSigned, &[&head.signers.len(), &head.power, &head.total, &proved.chain().to_hex()]));
    let changes = proved.sets().len() - 1;
    if changes > 0 {
        lines.push(console.say(Word::EvidenceChanges, &[&changes]));
    }
    if !matches!(proved.statement(), Statement::Fork(_)) {
        lines.push(console.say(Word::EvidenceUpTo, &[&head.height, &moment(head.time, console.language())]));
    }
    lines
}

fn statement(console: &Console, proved: &Proved) -> Vec<String> {
    let language = console.language();
    let (head, summary) = (proved.head(), proved.summary());
    let label = proved.account().map(|label| label.to_hex()).unwrap_or_default();
    let id = summary.transaction.map(|id| id.to_hex()).unwrap_or_default();
    let events = summary.events.unwrap_or_default();
    let outcome = summary.outcome.as_ref().map(|outcome| outcome_told(console, outcome)).unwrap_or_default();
    match proved.statement() {
        Statement::Entry(_) => vec![console.say(Word::EvidenceEntry, &[&id, &head.height, &outcome])],
        Statement::Journal(_) => vec![console.say(Word::EvidenceJournal, &[&events, &label])],
        Statement::Absence(_) => vec![console.say(Word::EvidenceAbsence, &[&label])],
        Statement::Decision(_) => vec![
            console.say(Word::EvidenceDecision, &[&id, &head.height, &outcome]),
            console.say(Word::EvidenceFollowed, &[&events, &label]),
        ],
        Statement::Consistency(_) => {
            let older = proved.signed().first().map_or(Height(0), |older| older.height);
            vec![console.say(Word::EvidenceConsistency, &[&head.height, &older])]
        }
        Statement::Validators(_) => validators_told(console, proved),
        Statement::Fork(_) => fork_told(console, proved, language),
    }
}

fn outcome_told(console: &Console, outcome: &Outcome) -> String {
    let told = match (outcome.granted(), outcome.denial(), outcome) {
        (Some(granted), ..) => console.say(Word::OutcomeGranted, &[&granted.records.len()]),
        (_, Some(denial), _) => {
            let because = if console.language() == Language::Ja { denial_in_japanese(denial) } else { denial.text() };
            console.say(Word::OutcomeDenied, &[&denial.code(), &because])
        }
        (.., Outcome::Rejected(rule)) => console.say(Word::OutcomeRejected, &[rule]),
        _ => console.say(Word::OutcomeApplied, &[]),
    };
    if outcome.is_custodial() { format!("{told} {}", console.say(Word::Custodially, &[])) } else { told }
}

fn validators_told(console: &Console, proved: &Proved) -> Vec<String> {
    let mut lines = vec![console.say(Word::EvidenceValidators, &[])];
    for set in proved.sets() {
        let validators = set.set.validators();
        lines.push(console.say(Word::ValidatorsFrom, &[&set.from, &validators.len(), &set.set.power()]));
        lines.extend(validators.iter().map(|validator| format!("  {}  {}", validator.key.to_hex(), validator.power)));
    }
    lines
}

fn fork_told(console: &Console, proved: &Proved, language: Language) -> Vec<String> {
    let told = |signed: &Signed| {
        let time = moment(signed.time, language);
        console.say(Word::ForkBlock, &[&signed.block.to_hex(), &time, &signed.round])
    };
    let mut lines = vec![console.say(Word::EvidenceFork, &[&proved.head().height])];
    lines.extend(proved.signed().iter().map(told));
    lines.push(console.say(Word::ForkSigners, &[]));
    lines.extend(proved.double_signers().iter().map(|key| format!("  {}", key.to_hex())));
    let rounds: Vec<_> = proved.signed().iter().map(|signed| signed.round).collect();
    if rounds.windows(2).any(|pair| pair[0] != pair[1]) {
        lines.push(console.say(Word::ForkRounds, &[]));
    }
    lines
}
