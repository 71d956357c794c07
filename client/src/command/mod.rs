//! The commands: what can be asked for, and which file answers it.

mod account;
mod act;
mod genesis;
mod govern;
mod key;
mod practitioner;
mod read;
mod record;

use clap::{Parser, Subcommand};

use crate::arguments::Common;
use crate::fault::Fault;
use crate::output::Console;

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
    /// Records: what the ledger knows of payloads.
    #[command(subcommand)]
    Record(record::RecordCommand),
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
        Command::Record(command) => online(record::run(&common, console, command)),
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
