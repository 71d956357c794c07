//! A node that deviates on purpose, for the tests of the others: its engine lies, or its custodian cheats, or both.
//!
//! `inro-adversary --config FILE [--seed N] [--cheat NAME] LIE…` where each lie is one of `--equivocate-votes`,
//! `--equivocate-proposals`, `--drop-votes`, `--drop-proposals`, `--ignore-locks`, followed by `always` or a probability; the cheats
//! are those of `inro_tests::cheats`.

use std::path::PathBuf;
use std::process::ExitCode;

use inro_engine::{ByzantineConfig, Trigger};
use inro_node::config::Config;
use inro_node::daemon::{self, Adversary};
use inro_tests::cheats::Cheat;
use tokio::sync::watch;

fn main() -> ExitCode {
    let (path, adversary) = match read(std::env::args().skip(1)) {
        Ok(read) => read,
        Err(error) => return complain(&error, 2),
    };
    let config = match Config::load(&path) {
        Ok(config) => config,
        Err(error) => return complain(&error, 2),
    };
    if let Err(error) = inro_node::logging::start(&config.log) {
        return complain(&error, 1);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return complain(&error, 1),
    };
    // Nobody asks it to stop; tests end it.
    let (_stop, stopped) = watch::channel(false);
    match runtime.block_on(daemon::run(config, adversary, stopped)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => complain(&fault, 1),
    }
}

fn read(mut arguments: impl Iterator<Item = String>) -> Result<(PathBuf, Adversary), String> {
    let (mut path, mut cheat, mut lying) = (None, None::<Cheat>, false);
    let mut lies = ByzantineConfig { seed: Some(1), ..ByzantineConfig::default() };
    while let Some(option) = arguments.next() {
        let value = arguments.next().ok_or(format!("{option} needs a value"))?;
        lying |= !matches!(option.as_str(), "--config" | "--seed" | "--cheat");
        match option.as_str() {
            "--config" => path = Some(PathBuf::from(value)),
            "--seed" => lies.seed = Some(value.parse().map_err(|_| format!("--seed is a number; found {value:?}"))?),
            "--cheat" => cheat = Some(value.parse()?),
            "--equivocate-votes" => lies.equivocate_votes = trigger(&value)?,
            "--equivocate-proposals" => lies.equivocate_proposals = trigger(&value)?,
            "--drop-votes" => lies.drop_votes = trigger(&value)?,
            "--drop-proposals" => lies.drop_proposals = trigger(&value)?,
            "--ignore-locks" => lies.ignore_locks = trigger(&value)?,
            _ => return Err(format!("there is no option {option}")),
        }
    }
    lies.validate().map_err(|error| error.to_string())?;
    let door = cheat.map(|cheat| cheat.door(lies.seed.unwrap_or_default()));
    let path = path.ok_or("name the configuration with --config FILE")?;
    Ok((path, Adversary { engine: lying.then_some(lies), door }))
}

fn trigger(text: &str) -> Result<Trigger, String> {
    match text.parse() {
        _ if text == "always" => Ok(Trigger::Always),
        Ok(probability) => Ok(Trigger::Random { probability }),
        Err(_) => Err(format!("a lie happens `always` or with a probability; found {text:?}")),
    }
}

fn complain(error: &dyn std::fmt::Display, code: u8) -> ExitCode {
    eprintln!("inro-adversary: {error}");
    ExitCode::from(code)
}
