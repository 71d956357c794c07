//! Commands that read the ledger through a node.

use clap::Subcommand;
use inro_client::model::{At, TransactionStatus};
use inro_client::{ClientError, NodeClient, verify};
use inro_contracts::id::TransactionId;
use serde_json::json;

use super::act;
use crate::arguments::Common;
use crate::fault::Fault;
use crate::output::Console;
use crate::words::Word;

#[derive(Debug, Subcommand)]
pub enum ReadCommand {
    /// How the node stands.
    #[command(after_help = "Example:\n  inro status")]
    Status,
    /// A block with its entries; its parts are checked against its id.
    #[command(after_help = "Example:\n  inro block latest")]
    Block {
        /// A height, or `latest`.
        height: At,
    },
    /// A block's header.
    #[command(after_help = "Example:\n  inro header 12 --json")]
    Header {
        /// A height, or `latest`.
        height: At,
    },
    /// A block's certificate, verified against the founding document.
    #[command(after_help = "Example:\n  inro certificate latest --genesis genesis.json")]
    Certificate {
        /// A height, or `latest`.
        height: At,
    },
    /// All members of the consortium.
    #[command(after_help = "Example:\n  inro organisations")]
    Organisations,
    /// All proposals and their votes.
    #[command(after_help = "Example:\n  inro proposals")]
    Proposals,
    /// All registered machines.
    #[command(after_help = "Example:\n  inro peers")]
    Peers,
    /// The validators of the next block.
    #[command(after_help = "Example:\n  inro validators")]
    Validators,
    /// The ledger's parameters.
    #[command(after_help = "Example:\n  inro parameters")]
    Parameters,
    /// Where a transaction is and what became of it.
    #[command(after_help = "Example:\n  inro transaction 5c… --wait")]
    Transaction {
        /// Its id.
        id: TransactionId,
        /// Wait until it is committed.
        #[arg(long)]
        wait: bool,
        /// How long to wait, in seconds.
        #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
        timeout_s: u64,
    },
}

pub async fn run(common: &Common, console: &Console, command: ReadCommand) -> Result<(), Fault> {
    let node = common.connect(None).await?;
    match command {
        ReadCommand::Status => {
            let status = node.status().await?;
            act::expect_chain(common, &status.chain)?;
            console.print_object(&status)
        }
        ReadCommand::Block { height } => {
            let block = node.block(height).await?;
            act::expect_chain(common, &block.header.chain)?;
            verify::block(&block)?;
            console.print_object(&block)
        }
        ReadCommand::Header { height } => {
            let header = node.header(height).await?;
            act::expect_chain(common, &header.chain)?;
            console.print_object(&header)
        }
        ReadCommand::Certificate { height } => certificate(console, &node, height).await,
        ReadCommand::Organisations => console.print_object(&node.organisations().await?),
        ReadCommand::Proposals => console.print_object(&node.proposals().await?),
        ReadCommand::Peers => console.print_object(&node.peers().await?),
        ReadCommand::Validators => console.print_object(&node.validators().await?),
        ReadCommand::Parameters => console.print_object(&node.parameters().await?),
        ReadCommand::Transaction { id, wait, timeout_s } => transaction(console, &node, id, wait.then_some(timeout_s)).await,
    }
}

async fn certificate(console: &Console, node: &NodeClient, height: At) -> Result<(), Fault> {
    let certified = node.certified(height).await?;
    let sentence = match node.light().await {
        None => console.say(Word::CertificateWithoutGenesis, &[]),
        Some(mut light) => {
            let signed = light.believe(node, &certified).await.map_err(ClientError::from)?;
            console.say(Word::CertificateVerified, &[&signed.power, &signed.total])
        }
    };
    let certificate = certified.certificate;
    let mut lines = vec![sentence];
    lines.extend([
        format!("height            {}", certificate.height),
        format!("block             {}", certificate.block.to_hex()),
    ]);
    lines.push(format!("round             {}", certificate.round));
    lines.extend(certificate.signatures.iter().map(|part| format!("signed by         {}", part.validator.to_hex())));
    console.print(&lines, &json!({ "certificate": certificate }));
    Ok(())
}

async fn transaction(console: &Console, node: &NodeClient, id: TransactionId, wait_s: Option<u64>) -> Result<(), Fault> {
    if let Some(seconds) = wait_s {
        let spinner = console.spinner();
        let committed = node.wait_committed(&id, std::time::Duration::from_secs(seconds)).await;
        spinner.finish_and_clear();
        return act::report(console, committed?, &[]);
    }
    let answer = node.transaction(&id).await?;
    if let Some(committed) = answer.committed() {
        return act::report(console, committed, &[]);
    }
    let word = if answer.status == TransactionStatus::Pending { Word::Pending } else { Word::UnknownTransaction };
    console.print(&[console.say(word, &[])], &json!(answer));
    Ok(())
}
