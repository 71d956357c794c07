//! `inro audit`: the check of a whole ledger from a copy of it: an exported file, or the data folder of a node that does not run.
//!
//! It reads no network and believes nothing but the founding document. A data folder is read by the program `inro-node`, which
//! writes the copy into a pipe: this program knows no database. It exits with 0 if everything was checked and nothing is wrong, with
//! 1 if something is wrong, and with 2 if the copy cannot be read or goes no further than a part.

use std::fs::File;
use std::io::{BufReader, Read};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use clap::Args;
use inro_audit::export::{ExportFault, Reader};
use inro_audit::{Audited, Options};
use inro_contracts::genesis::GenesisDocument;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::json;

use super::audit_report;
use crate::arguments::{Common, now};
use crate::fault::Fault;
use crate::output::Console;

/// The program that reads data folders.
const NODE: &str = "inro-node";
/// How much of that program's complaint is repeated, in bytes.
const COMPLAINT_BYTES_MAX: u64 = 4 * 1024;

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  inro audit ledger.inro --genesis genesis.json")]
pub struct AuditArguments {
    /// The copy: a file made by `inro-node export`, or the data folder of a node that does not run. Have the founding document
    /// (--genesis), or its chain id (--chain), from somebody else than the copy.
    copy: PathBuf,
    /// Name accounts in the report, so that single cases can be followed up.
    #[arg(long)]
    accounts: bool,
    /// How many threads check signatures; otherwise one for each core.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
}

pub fn run(common: &Common, console: &Console, arguments: &AuditArguments) -> Result<(), Fault> {
    let document = common.require_document()?;
    let chain = document.chain();
    if let Some(expected) = common.chain.filter(|expected| *expected != chain) {
        let (expected, found) = (expected.to_hex(), chain.to_hex());
        return Err(Fault::bad_input(format!(
            "the founding document's chain id is {found}, not {expected}; nothing was audited"
        )));
    }
    let path = &arguments.copy;
    let audited = if path.is_dir() {
        let mut node = exporting(path)?;
        let audited = match node.stdout.take() {
            Some(copy) => audit(console, arguments, &document, path, copy),
            None => Err(unreadable(path, &"its bytes do not come")),
        };
        // What the program says explains whatever the copy lacks.
        complaint(path, node)?;
        audited?
    } else {
        audit(console, arguments, &document, path, File::open(path).map_err(|error| unreadable(path, &error))?)?
    };
    conclude(console, path, &audited)
}

/// Prints the report, and says whether all is well.
fn conclude(console: &Console, path: &Path, audited: &Audited<ExportFault>) -> Result<(), Fault> {
    let report = &audited.report;
    console.print(&audit_report::lines(report, console.language()), &json!(report));
    match &audited.broke_off {
        Some(fault) => Err(unreadable(path, fault)),
        None if report.is_clean => Ok(()),
        None => {
            let (found, unchecked) = (report.findings.total, report.unchecked.len());
            let sentence = format!("the ledger is not sound: {found} findings, {unchecked} parts not checked");
            let japanese = format!("台帳に問題があります（指摘 {found} 件、未検査 {unchecked} か所）。");
            Err(Fault::refused(sentence).in_japanese(japanese))
        }
    }
}

fn audit(
    console: &Console,
    arguments: &AuditArguments,
    document: &GenesisDocument,
    path: &Path,
    copy: impl Read,
) -> Result<Audited<ExportFault>, Fault> {
    let copy = Reader::begin(BufReader::with_capacity(1 << 20, copy)).map_err(|fault| unreadable(path, &fault))?;
    if copy.document() != document {
        let (expected, found) = (document.chain().to_hex(), copy.document().chain().to_hex());
        let sentence =
            format!("{} is of another ledger (chain {found}); the founding document founds {expected}", path.display());
        let japanese = format!("{} は別の台帳（{found}）のものです。設立文書の台帳は {expected} です。", path.display());
        return Err(Fault::bad_input(sentence).in_japanese(japanese));
    }
    let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let threads = arguments.threads.and_then(|threads| NonZeroUsize::new(usize::from(threads))).unwrap_or(cores);
    let options = Options { threads, now: Some(now()), name_accounts: arguments.accounts };
    let bar = console.progress();
    bar.set_length(copy.blocks());
    let audited = inro_audit::audit(document, copy, &options, &StdRng::from_entropy, &mut |progress| {
        bar.inc(1);
        bar.set_message(progress.entries.to_string());
    });
    bar.finish_and_clear();
    audited.map_err(|fault| Fault::bad_input(fault.to_string()))
}

/// The program that writes a data folder's copy into a pipe.
fn exporting(data: &Path) -> Result<Child, Fault> {
    let beside = std::env::current_exe().ok().map(|own| own.with_file_name(NODE)).filter(|program| program.is_file());
    let program = beside.unwrap_or_else(|| NODE.into());
    let mut command = Command::new(&program);
    command.args(["export", "--to", "-", "--data"]).arg(data);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().map_err(|error| {
        let sentence = format!(
            "{} cannot be started ({error}); it reads data folders. Put it beside this program or on the PATH, or run \
             `inro-node export` where the node is and audit the file",
            program.display()
        );
        let japanese = format!(
            "{} を起動できません（{error}）。データフォルダの読み取りに必要です。ノードの側で `inro-node export` を実行し、そのファイルを監査することもできます。",
            program.display()
        );
        Fault::bad_input(sentence).in_japanese(japanese)
    })
}

/// Waits for the program's end; an error if it could not write the copy.
fn complaint(path: &Path, mut node: Child) -> Result<(), Fault> {
    let mut said = String::new();
    if let Some(errors) = node.stderr.take() {
        // Whatever is not text is not repeated.
        let _ = errors.take(COMPLAINT_BYTES_MAX).read_to_string(&mut said);
    }
    match node.wait() {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err(unreadable(path, &said.trim())),
        Err(error) => Err(unreadable(path, &error)),
    }
}

fn unreadable(path: &Path, why: &dyn std::fmt::Display) -> Fault {
    Fault::bad_input(format!("{} cannot be audited: {why}", path.display()))
        .in_japanese(format!("{} を監査できません: {why}", path.display()))
}
