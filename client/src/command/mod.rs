//! The commands: what can be asked for, and which file answers it.

mod access;
mod account;
mod act;
mod audit;
mod audit_report;
mod consent;
mod consult;
mod evidence;
mod genesis;
mod govern;
mod guardian;
mod history;
mod kept;
mod key;
mod parties;
mod practitioner;
mod read;
mod receipt;
mod record;
mod review;
mod speaker;
mod wallet;
mod witnesses;

use clap::{Parser, Subcommand};

use crate::arguments::Common;
use crate::fault::Fault;
use crate::output::Console;

pub use act::expect_chain;
pub use witnesses::read_policy;

/// Make keys, found a ledger, read it through a node, and act on it.
#[derive(Debug, Parser)]
#[command(name = "inro", version, after_help = "Example:\n  inro status --node http://127.0.0.1:8500")]
pub struct Cli {
    #[command(flatten)]
    pub common: Common,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make and look at keys.
    #[command(subcommand)]
    Key(key::KeyCommand),
    /// Found a ledger: declare at home, join, verify.
    #[command(subcommand)]
    Genesis(genesis::GenesisCommand),
    #[command(flatten)]
    Read(read::ReadCommand),
    #[command(flatten)]
    Govern(govern::GovernCommand),
    /// Practitioners of an organisation.
    #[command(subcommand)]
    Practitioner(practitioner::PractitionerCommand),
    /// Accounts: look at one, or act on it.
    Account(account::AccountArguments),
    /// Wallets: one secret for all of a person's accounts.
    #[command(subcommand)]
    Wallet(wallet::WalletCommand),
    /// Records: take documents in at the custodian, and what the ledger knows of payloads.
    #[command(subcommand)]
    Record(record::RecordCommand),
    /// Guardians and carers: who else may speak for an account.
    #[command(subcommand)]
    Guardian(guardian::GuardianCommand),
    #[command(flatten)]
    Consent(consent::ConsentCommand),
    #[command(flatten)]
    Reading(access::ReadingCommand),
    /// Consults: advice from a named colleague under a linked ID (連結ID).
    #[command(subcommand)]
    Consult(consult::ConsultCommand),
    /// Reviews of emergency accesses.
    #[command(subcommand)]
    Review(review::ReviewCommand),
    /// What waits at the own organisation: payloads on their way, and reviews.
    Worklist(review::WorklistArguments),
    /// An account's journal for people: who did what, when, why, and was it granted or denied.
    History(history::HistoryArguments),
    /// Check a whole ledger from a copy of it, trusting only the founding document: for regulators, offline.
    Audit(audit::AuditArguments),
    /// Files that prove something about the ledger to anybody, without a network.
    #[command(subcommand)]
    Evidence(evidence::EvidenceCommand),
    /// Is the newest block witnessed as a policy asks? Says which witnesses cosigned it, or which did not and why.
    Witnesses(witnesses::WitnessesArguments),
    /// Check an evidence file: what it proves, by whose signatures, up to which time. Reads no network.
    Verify(evidence::VerifyArguments),
}

/// Does what was asked for.
pub fn run(cli: Cli, console: &Console) -> Result<(), Fault> {
    let Cli { common, command } = cli;
    match command {
        Command::Key(command) => online(key::run(&common, console, command)),
        Command::Genesis(command) => genesis::run(&common, console, command),
        Command::Read(command) => online(read::run(&common, console, command)),
        Command::Govern(command) => online(govern::run(&common, console, command)),
        Command::Practitioner(command) => online(practitioner::run(&common, console, command)),
        Command::Account(arguments) => online(account::run(&common, console, arguments)),
        Command::Wallet(command) => online(wallet::run(&common, console, command)),
        Command::Record(command) => online(record::run(&common, console, command)),
        Command::Guardian(command) => online(guardian::run(&common, console, command)),
        Command::Consent(command) => online(consent::run(&common, console, command)),
        Command::Reading(command) => online(access::run(&common, console, command)),
        Command::Consult(command) => online(consult::run(&common, console, command)),
        Command::Review(command) => online(review::run(&common, console, command)),
        Command::Worklist(arguments) => online(review::worklist(&common, console, arguments)),
        Command::History(arguments) => online(history::run(&common, console, arguments)),
        Command::Audit(arguments) => audit::run(&common, console, &arguments),
        Command::Evidence(command) => online(evidence::run(&common, console, command)),
        Command::Witnesses(arguments) => online(witnesses::run(&common, console, arguments)),
        Command::Verify(arguments) => evidence::run_verify(&common, console, &arguments),
    }
}

/// Runs a command that may use the network.
fn online(work: impl Future<Output = Result<(), Fault>>) -> Result<(), Fault> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Fault::refused(format!("the system gives no timers or sockets: {error}")))?
        .block_on(work)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent_and_every_command_has_an_example() {
        let mut root = super::Cli::command();
        root.build();
        root.clone().debug_assert();
        let mut waiting = vec![root];
        while let Some(command) = waiting.pop() {
            let leaf = command.get_subcommands().all(|below| below.get_name() == "help");
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(!leaf || command.get_name() == "help" || help.contains("Example:\n  inro "), "{}", command.get_name());
            waiting.extend(command.get_subcommands().filter(|below| below.get_name() != "help").cloned());
        }
    }
}
