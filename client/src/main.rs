//! `inro`: everybody's command. It makes keys, holds the founding ceremony, reads the ledger through a node and acts on it.
//!
//! What it refuses to do: to send a secret anywhere, and to print one. It exits with 0 when it did what was asked, with 1 when
//! that was refused or something is not in the right state, and with 2 when it could not understand what was asked.

mod arguments;
mod command;
mod fault;
mod output;
mod terms;
mod words;

use clap::Parser as _;

/// As `inro-node` has it: an audit allocates much, in many threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    let cli = command::Cli::parse();
    let console = cli.common.console();
    match command::run(cli, &console) {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(fault) => console.fail(&fault),
    }
}
