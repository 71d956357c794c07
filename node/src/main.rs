//! `inro-node`: runs a node of an Inro ledger.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use inro_node::config::Config;
use inro_node::{daemon, logging};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Runs a node of an Inro ledger: a validator, or an observer that follows without voting.
#[derive(Parser)]
#[command(name = "inro-node", version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the node until it is told to stop (SIGTERM or Ctrl-C).
    ///
    /// Example: inro-node run --config /etc/inro/node.toml
    Run {
        /// The configuration file.
        #[arg(long, short)]
        config: PathBuf,
    },
    /// Reads the configuration, the founding document and the keys, says what is wrong with them, and starts nothing.
    ///
    /// Example: inro-node check --config /etc/inro/node.toml
    Check {
        /// The configuration file.
        #[arg(long, short)]
        config: PathBuf,
    },
    /// Lets this validator vote at heights that its sign guard forbids. Only for a ledger that stands still because too many
    /// validators wait at once, and only if you know that this key signed nothing since the guard was lost: two signatures for
    /// one step are evidence against you, and can fork the ledger.
    ///
    /// Example: inro-node allow-voting --config /etc/inro/node.toml --this-key-signed-nothing-since
    AllowVoting {
        /// The configuration file.
        #[arg(long, short)]
        config: PathBuf,
        /// You state it.
        #[arg(long, required = true)]
        this_key_signed_nothing_since: bool,
    },
    /// Writes a copy of the whole ledger into a new file, for `inro audit`. The node must not run; or export from a copy of its
    /// data folder.
    ///
    /// Example: inro-node export --config /etc/inro/node.toml --to ledger.inro
    #[command(group = clap::ArgGroup::new("from").required(true))]
    Export {
        /// The configuration file of the node.
        #[arg(long, short, group = "from")]
        config: Option<PathBuf>,
        /// The node's data folder, or a copy of it.
        #[arg(long, value_name = "DIR", group = "from")]
        data: Option<PathBuf>,
        /// Where the copy goes; `-` is standard output. An existing file is never overwritten.
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
}

/// Nodes allocate much, in many threads; this allocator takes a fraction of the system's time for it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Run { config } => run(&config),
        Command::Check { config } => report(&config, daemon::check),
        Command::AllowVoting { config, .. } => report(&config, daemon::allow_voting),
        Command::Export { config, data, to } => export(config.as_deref(), data, &to),
    }
}

fn export(config: Option<&Path>, data: Option<PathBuf>, to: &Path) -> ExitCode {
    let data = match (config.map(Config::load), data) {
        (Some(Ok(config)), _) => config.data,
        (Some(Err(error)), _) => return complain(&error, 2),
        // Without a configuration there is a folder: one of the two is required.
        (None, data) => data.unwrap_or_default(),
    };
    match inro_node::export::export(&data, to) {
        // Standard output may be the copy.
        Ok(sentence) => {
            eprintln!("{sentence}");
            ExitCode::SUCCESS
        }
        Err(error) => complain(&error, if error.is_bad_input() { 2 } else { 1 }),
    }
}

fn run(path: &Path) -> ExitCode {
    let config = match Config::load(path) {
        Ok(config) => config,
        Err(error) => return complain(&error, 2),
    };
    if let Err(error) = logging::start(&config.log) {
        return complain(&error, 1);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return complain(&error, 1),
    };
    let outcome = runtime.block_on(async {
        let (stop, stopped) = watch::channel(false);
        tokio::spawn(async move {
            wait_for_signal().await;
            stop.send_replace(true);
        });
        daemon::run(config, daemon::Adversary::default(), stopped).await
    });
    runtime.shutdown_timeout(std::time::Duration::from_secs(5));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => complain(&fault, if fault.is_bad_input() { 2 } else { 1 }),
    }
}

/// Does something with the configuration that ends with a sentence.
fn report(path: &Path, act: fn(&Config) -> Result<String, daemon::DaemonFault>) -> ExitCode {
    let config = match Config::load(path) {
        Ok(config) => config,
        Err(error) => return complain(&error, 2),
    };
    match act(&config) {
        Ok(sentence) => {
            println!("{sentence}");
            ExitCode::SUCCESS
        }
        Err(fault) => complain(&fault, if fault.is_bad_input() { 2 } else { 1 }),
    }
}

fn complain(error: &dyn std::fmt::Display, code: u8) -> ExitCode {
    eprintln!("inro-node: {error}");
    ExitCode::from(code)
}

async fn wait_for_signal() {
    // Without handlers the process ends by the signal itself, at a block boundary like after any crash.
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
