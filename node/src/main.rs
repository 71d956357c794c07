//! `inro-node`: runs a node of an Inro ledger, or a witness of its history.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use inro_genesis::keyfile::PassphraseSource;
use inro_node::config::{Config, Log};
use inro_node::witness::{self, Settings};
use inro_node::{daemon, logging};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

const PASSPHRASE_VARIABLE: &str = "INRO_PASSPHRASE";

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
    /// Vouches for the ledger's history without holding its data: checks the nodes' headers from the founding document on and
    /// serves a cosigned checkpoint (C2SP `tlog-cosignature`) until it is told to stop.
    ///
    /// Example: inro-node witness --genesis genesis.json --name witness.example.org/1 --key witness.pem --state witness.state --node http://10.0.0.1:8500 --node http://10.0.1.1:8500 --listen 0.0.0.0:8600
    Witness(WitnessArguments),
}

/// What a witness is told.
#[derive(Args)]
struct WitnessArguments {
    /// The founding document.
    #[arg(long, value_name = "FILE")]
    genesis: PathBuf,
    /// The witness's name, as policies and cosignatures carry it. The address without its scheme is usual.
    #[arg(long)]
    name: String,
    /// The key file, made with `inro key new`. The key signs nothing else and is used by no other witness.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// A file (mode 0600) with the passphrase of the key file. Otherwise the variable INRO_PASSPHRASE, otherwise a prompt.
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// The file in which the witness remembers what it cosigned. Never go back to an older copy of it.
    #[arg(long, value_name = "FILE")]
    state: PathBuf,
    /// A node to ask; several, of different members, are better.
    #[arg(long = "node", value_name = "URL", required = true)]
    nodes: Vec<String>,
    /// Where the cosigned checkpoint is served.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8600")]
    listen: SocketAddr,
    /// How long to wait between two looks at the nodes, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(50..=3_600_000))]
    every: u64,
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
        Command::Witness(arguments) => run_witness(arguments),
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
    match until_stopped(|stop| daemon::run(config, daemon::Adversary::default(), stop)) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(fault)) => complain(&fault, if fault.is_bad_input() { 2 } else { 1 }),
        Err(error) => complain(&error, 1),
    }
}

fn run_witness(arguments: WitnessArguments) -> ExitCode {
    let WitnessArguments { genesis, name, key, passphrase_file, state, nodes, listen, every } = arguments;
    let passphrase = match passphrase_file {
        Some(path) => PassphraseSource::File(path),
        None if std::env::var_os(PASSPHRASE_VARIABLE).is_some() => PassphraseSource::Environment(PASSPHRASE_VARIABLE.into()),
        None => PassphraseSource::Prompt,
    };
    if let Err(error) = logging::start(&Log::default()) {
        return complain(&error, 1);
    }
    let settings = Settings { genesis, name, key, passphrase, state, nodes, listen, every: Duration::from_millis(every) };
    match until_stopped(|stop| witness::run(settings, stop)) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(fault)) => complain(&fault, if fault.is_bad_input() { 2 } else { 1 }),
        Err(error) => complain(&error, 1),
    }
}

/// Runs something until it ends or a signal tells it to.
fn until_stopped<F: Future>(work: impl FnOnce(watch::Receiver<bool>) -> F) -> std::io::Result<F::Output> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(async {
        let (stop, stopped) = watch::channel(false);
        tokio::spawn(async move {
            wait_for_signal().await;
            stop.send_replace(true);
        });
        work(stopped).await
    });
    runtime.shutdown_timeout(Duration::from_secs(5));
    Ok(outcome)
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
