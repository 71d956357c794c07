//! `inro guardian`: who else may speak for an account, with which powers and until when. With a wallet, or with the account's key.

use clap::{Args, Subcommand};
use inro_contracts::account::{Guardian, Powers};
use inro_contracts::key::PublicKey;
use inro_contracts::time::Validity;
use inro_contracts::transaction::Action;
use serde_json::{Value, json};

use super::account::power_of;
use super::speaker::{Speaker, Speaking};
use crate::arguments::Common;
use crate::fault::Fault;
use crate::output::Console;
use crate::terms::{Span, moment};
use crate::words::Word;

#[derive(Debug, Subcommand)]
pub enum GuardianCommand {
    /// Appoint a guardian or carer. Signed by the controller.
    #[command(
        after_help = "Example:\n  inro guardian appoint 5d… --powers read-journal,grant --for 365d --wallet hanako.wallet --account 8c…"
    )]
    Appoint(AppointArguments),
    /// Dismiss a guardian. Signed by the controller, or by the guardian.
    #[command(after_help = "Example:\n  inro guardian dismiss 5d… --wallet hanako.wallet --account 8c…")]
    Dismiss {
        /// The guardian's key.
        guardian: PublicKey,
        #[command(flatten)]
        speaking: Speaking,
    },
    /// List guardians, their powers, and until when they have them.
    #[command(after_help = "Example:\n  inro guardian list --wallet hanako.wallet --all")]
    List {
        #[command(flatten)]
        speaking: Speaking,
    },
}

#[derive(Debug, Args)]
pub struct AppointArguments {
    /// The guardian's key: one of its own for each account (`inro wallet guardian-key`), so that accounts cannot be linked.
    guardian: PublicKey,
    /// What the guardian may do: read-journal, read-records, grant, seal, veto-recovery.
    #[arg(long, required = true, value_delimiter = ',', value_parser = power_of)]
    powers: Vec<Powers>,
    /// For how long: 30d, 52w.
    #[arg(long = "for", value_name = "SPAN", default_value = "365d")]
    span: Span,
    #[command(flatten)]
    speaking: Speaking,
}

pub async fn run(common: &Common, console: &Console, command: GuardianCommand) -> Result<(), Fault> {
    match command {
        GuardianCommand::Appoint(AppointArguments { guardian, powers, span, speaking }) => {
            let means = speaking.means()?;
            let speaker = Speaker::new(common, console, &speaking, &means).await?;
            let account = speaker.one_account()?;
            let powers = Powers(powers.iter().fold(0, |all, power| all | power.0));
            let validity = Validity { from: speaker.last_block, until: speaker.now.plus_ms(span.ms) };
            let guardian = Guardian { key: guardian, powers, validity };
            let done = speaker.commit(vec![(account, Action::AppointGuardian { account, guardian })]).await?;
            speaker.report(&done, None)
        }
        GuardianCommand::Dismiss { guardian, speaking } => {
            let means = speaking.means()?;
            let speaker = Speaker::new(common, console, &speaking, &means).await?;
            let account = speaker.one_account()?;
            let done = speaker.commit(vec![(account, Action::DismissGuardian { account, guardian })]).await?;
            speaker.report(&done, None)
        }
        GuardianCommand::List { speaking } => list(common, console, &speaking).await,
    }
}

async fn list(common: &Common, console: &Console, speaking: &Speaking) -> Result<(), Fault> {
    let means = speaking.means()?;
    let speaker = Speaker::new(common, console, speaking, &means).await?;
    let (mut lines, mut values) = (Vec::new(), Vec::<Value>::new());
    for label in speaker.accounts() {
        let account = speaker.node.account(label).await?;
        lines.push(label.to_hex());
        if account.guardians.is_empty() {
            lines.push(format!("  {}", console.say(Word::NothingThere, &[])));
        }
        lines.extend(account.guardians.iter().map(|guardian| {
            let until = moment(guardian.validity.until, console.language());
            format!("  {}  {}  {until}", guardian.key.to_hex(), names_of(guardian.powers).join(","))
        }));
        let guardians: Vec<Value> = account
            .guardians
            .iter()
            .map(|guardian| json!({ "key": guardian.key, "powers": names_of(guardian.powers), "validity": guardian.validity }))
            .collect();
        values.push(json!({ "account": label, "guardians": guardians }));
    }
    console.print(&lines, &values.into());
    Ok(())
}

/// The powers as they are written on the command line.
fn names_of(powers: Powers) -> Vec<&'static str> {
    let all = ["read-journal", "read-records", "grant", "seal", "veto-recovery"];
    all.into_iter().filter(|name| power_of(name).is_ok_and(|power| powers.include(power))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_power_has_its_name() {
        assert_eq!(names_of(Powers::ALL).len(), 5);
        assert_eq!(names_of(Powers(Powers::GRANT.0 | Powers::SEAL.0)), ["grant", "seal"]);
    }
}
