//! `inro witnesses`: is the ledger's newest block witnessed as a policy asks?

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use inro_client::light::witness::Witnesses;
use inro_client::model::At;
use inro_evidence::policy::{POLICY_BYTES_MAX, Policy};
use inro_genesis::files::{self, Audience};
use serde_json::json;

use crate::arguments::Common;
use crate::fault::Fault;
use crate::output::Console;
use crate::words::Word;

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  inro witnesses policy.txt --genesis genesis.json")]
pub struct WitnessesArguments {
    /// The policy: whom you trust to witness, and how many of them are needed (C2SP tlog-policy).
    policy: PathBuf,
    /// How long witnesses may take, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 20, value_parser = clap::value_parser!(u64).range(0..=3600))]
    patience_s: u64,
}

pub async fn run(common: &Common, console: &Console, arguments: WitnessesArguments) -> Result<(), Fault> {
    let witnesses = Witnesses::new(read_policy(&arguments.policy)?)?;
    let witnesses = witnesses.with_patience(Duration::from_secs(arguments.patience_s));
    if common.chain.is_none() {
        // A block that is not proved is nothing to ask witnesses about.
        common.require_document()?;
    }
    let node = common.connect(None).await?;
    let header = node.header(At::Latest).await?;
    let covers = witnesses.require(&node, &header).await?;
    let mut lines = vec![console.say(Word::Witnessed, &[&header.height, &witnesses.policy().needed()])];
    lines.extend(covers.iter().map(|cover| console.say(Word::WitnessedBy, &[&cover.witness, &cover.size])));
    let by = covers.iter().map(|cover| json!({ "witness": cover.witness, "size": cover.size, "cosigned_s": cover.cosigned_s }));
    let by: Vec<_> = by.collect();
    console.print(&lines, &json!({ "height": header.height, "block": header.id(), "witnessed_by": by }));
    Ok(())
}

/// Reads a policy file.
pub fn read_policy(path: &Path) -> Result<Policy, Fault> {
    let bytes = files::read(path, POLICY_BYTES_MAX as u64, Audience::Everybody)?;
    Policy::from_bytes(&bytes).map_err(|error| Fault::bad_input(format!("{}: {error}", path.display())))
}
