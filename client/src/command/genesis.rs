//! `inro genesis`: the founding ceremony.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use inro_contracts::organisation::{OrganisationKind, PeerKind, Role};
use inro_contracts::parameters::Parameters;
use inro_contracts::time::Time;
use inro_genesis::ceremony::{self, Plan, PlannedPeer, PlannedPractitioner, Summary};
use inro_genesis::files::FileFault;
use serde_json::json;

use crate::arguments::{Common, Valid, now, word};
use crate::fault::Fault;
use crate::output::Console;
use crate::words::Word;

#[derive(Debug, Subcommand)]
pub enum GenesisCommand {
    /// Make an organisation's keys at home and sign what it brings to the founding.
    #[command(
        after_help = "Example:\n  inro genesis declare --ledger Shonan --organisation 'A Hospital' --kind hospital \\\n    \
        --consensus-address /ip4/192.0.2.1/tcp/7000 --exchange-address /ip4/192.0.2.1/tcp/7100 \\\n    \
        --keys keys --out a-hospital.json"
    )]
    Declare(Box<Declare>),
    /// Join the organisations' declarations into the founding document.
    #[command(after_help = "Example:\n  inro genesis join a-hospital.json b-clinic.json c-clinic.json d-pharmacy.json \\\n    \
        --out genesis.json")]
    Join {
        /// The declaration files.
        #[arg(required = true, value_name = "DECLARATION")]
        declarations: Vec<PathBuf>,
        /// Where the document goes. An existing file is never overwritten.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// A TOML file with the parameters that are to differ from the defaults.
        #[arg(long, value_name = "FILE")]
        parameters: Option<PathBuf>,
        /// The founding's time, in milliseconds since 1970; otherwise now.
        #[arg(long, value_name = "MS")]
        time: Option<u64>,
    },
    /// Check a founding document, and that declarations are in it unchanged.
    #[command(after_help = "Example:\n  inro genesis verify genesis.json --declaration a-hospital.json")]
    Verify {
        /// The founding document.
        document: PathBuf,
        /// The declaration that has to be in it.
        #[arg(long, value_name = "FILE")]
        declaration: Vec<PathBuf>,
    },
    /// Show a founding document in a few lines, without checking it.
    #[command(after_help = "Example:\n  inro genesis show genesis.json")]
    Show {
        /// The founding document.
        document: PathBuf,
    },
}

#[derive(Debug, Args)]
pub struct Declare {
    /// The name of the ledger that is being founded.
    #[arg(long, value_name = "NAME")]
    ledger: String,
    /// The organisation's public name.
    #[arg(long, value_name = "NAME")]
    organisation: String,
    /// What it is: hospital, clinic, pharmacy, care-facility, regional-cloud, phr-operator, data-management-service,
    /// research-body, agency, regulator, academic-society or company.
    #[arg(long, value_parser = word::<OrganisationKind>)]
    kind: OrganisationKind,
    /// Its institution number, such as 1410000001 (医療機関コード).
    #[arg(long, value_name = "NUMBER", default_value = "")]
    institution_number: String,
    /// Where the machine's consensus engine listens. Give both addresses once more for each further machine; the first one
    /// votes, the others observe.
    #[arg(long, value_name = "/ip4/…/tcp/…")]
    consensus_address: Vec<String>,
    /// Where the machine exchanges transactions and payloads.
    #[arg(long, value_name = "/ip4/…/tcp/…")]
    exchange_address: Vec<String>,
    /// All its machines follow without voting: no validator key is made.
    #[arg(long)]
    observer: bool,
    /// The validator's voting power.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..), conflicts_with = "observer")]
    power: u32,
    /// How many physicians it brings, without licence numbers.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=64))]
    practitioners: u8,
    /// A practitioner it brings: the role (physician, dentist, pharmacist, nurse, public-health-nurse, midwife,
    /// radiological-technologist, laboratory-technologist, care-worker, records-administrator, auditor), and the licence number
    /// behind a colon if it is to be bound; only its salted hash leaves this machine.
    #[arg(long, value_name = "ROLE[:LICENCE]")]
    practitioner: Vec<String>,
    #[command(flatten)]
    valid: Valid,
    /// The folder for the keys, made with mode 0700 if there is none.
    #[arg(long, value_name = "DIR")]
    keys: PathBuf,
    /// Use key files that are in the folder already, to declare anew what was declared wrongly.
    #[arg(long)]
    reuse_keys: bool,
    /// Where the declaration goes. An existing file is never overwritten.
    #[arg(long, value_name = "FILE", default_value = "declaration.json")]
    out: PathBuf,
}

pub fn run(common: &Common, console: &Console, command: GenesisCommand) -> Result<(), Fault> {
    match command {
        GenesisCommand::Declare(declare) => run_declare(common, console, &declare),
        GenesisCommand::Join { declarations, out, parameters, time } => {
            join(console, declarations, &out, parameters.as_deref(), time.map_or_else(now, Time))
        }
        GenesisCommand::Verify { document, declaration } => verify(common, console, &document, &declaration),
        GenesisCommand::Show { document } => {
            let summary = Summary::of(&ceremony::read_genesis(&document)?);
            print_summary(console, &summary, vec![console.say(Word::NotChecked, &[])]);
            Ok(())
        }
    }
}

fn run_declare(common: &Common, console: &Console, declare: &Declare) -> Result<(), Fault> {
    let plan = plan_of(declare)?;
    ceremony::check_plan(&plan)?;
    refuse_existing(&declare.out)?;
    let passphrase = common.passphrase().read_new(&format!("the keys in {}", declare.keys.display()))?;
    let keys = ceremony::make_keys(&declare.keys, &plan, &passphrase, declare.reuse_keys)?;
    let signed = ceremony::declare(&plan, &keys)?;
    ceremony::write_declaration(&declare.out, &signed)?;
    let organisation = signed.declaration.organisation.id();
    let line = console.say(Word::Declared, &[&plan.organisation, &declare.out.display(), &declare.keys.display()]);
    let value = json!({ "organisation": organisation, "declaration": declare.out, "keys": declare.keys });
    console.print(&[line, console.say(Word::AsOrganisation, &[&organisation.to_hex()])], &value);
    Ok(())
}

fn plan_of(declare: &Declare) -> Result<Plan, Fault> {
    if declare.consensus_address.len() != declare.exchange_address.len() {
        return Err(Fault::bad_input("each machine has one --consensus-address and one --exchange-address"));
    }
    if declare.consensus_address.is_empty() && !declare.observer {
        return Err(Fault::bad_input(
            "a validator needs a machine: give --consensus-address and --exchange-address, or --observer for an organisation \
             without a validator",
        ));
    }
    let addresses = declare.consensus_address.iter().zip(&declare.exchange_address).enumerate();
    let peers = addresses.map(|(index, (consensus, exchange))| PlannedPeer {
        kind: if index == 0 && !declare.observer { PeerKind::Validator } else { PeerKind::Observer },
        consensus_address: consensus.clone(),
        exchange_address: exchange.clone(),
    });
    let validity = declare.valid.validity(now())?;
    let physicians = (0..declare.practitioners).map(|_| Ok((Role::Physician, String::new())));
    let practitioners = physicians.chain(declare.practitioner.iter().map(|text| practitioner_of(text)));
    Ok(Plan {
        ledger: declare.ledger.clone(),
        organisation: declare.organisation.clone(),
        kind: declare.kind,
        institution_number: declare.institution_number.clone(),
        validator_power: (!declare.observer).then_some(declare.power),
        peers: peers.collect(),
        practitioners: practitioners
            .map(|practitioner| practitioner.map(|(role, licence_number)| PlannedPractitioner { role, licence_number, validity }))
            .collect::<Result<_, _>>()?,
    })
}

fn practitioner_of(text: &str) -> Result<(Role, String), Fault> {
    let (role, licence) = text.split_once(':').unwrap_or((text, ""));
    let role = word(role).map_err(|error| Fault::bad_input(format!("--practitioner: {error}")))?;
    Ok((role, licence.to_owned()))
}

fn join(console: &Console, files: Vec<PathBuf>, out: &Path, parameters: Option<&Path>, time: Time) -> Result<(), Fault> {
    refuse_existing(out)?;
    let defaults = Parameters::default();
    let parameters = parameters.map_or(Ok(defaults.clone()), |path| ceremony::read_parameters(path, &defaults))?;
    let parts = files
        .into_iter()
        .map(|file| ceremony::read_declaration(&file).map(|signed| (file, signed)))
        .collect::<Result<Vec<_>, _>>()?;
    let count = parts.len();
    let document = ceremony::join(parts, parameters, time)?;
    ceremony::write_genesis(out, &document)?;
    let summary = Summary::of(&document);
    let lines =
        vec![console.say(Word::Joined, &[&count, &out.display()]), console.say(Word::CompareChain, &[&summary.chain.to_hex()])];
    print_summary(console, &summary, lines);
    Ok(())
}

fn verify(common: &Common, console: &Console, document: &Path, declarations: &[PathBuf]) -> Result<(), Fault> {
    let document = ceremony::read_genesis(document)?;
    let founding = ceremony::verify(&document)?;
    if let Some(expected) = common.chain.filter(|expected| *expected != founding.chain) {
        let (expected, found) = (expected.to_hex(), founding.chain.to_hex());
        return Err(Fault::refused(format!("the document's chain id is {found}, not {expected}; do not start with it")));
    }
    let mut lines = vec![console.say(Word::GenesisHolds, &[])];
    for file in declarations {
        let mine = ceremony::read_declaration(file)?;
        ceremony::contains(&document, &mine)?;
        lines.push(console.say(Word::DeclarationFound, &[&mine.declaration.organisation.name]));
    }
    lines.push(console.say(Word::CompareChain, &[&founding.chain.to_hex()]));
    print_summary(console, &Summary::of(&document), lines);
    Ok(())
}

fn print_summary(console: &Console, summary: &Summary, mut lines: Vec<String>) {
    lines.push(summary.to_string().trim_end().to_owned());
    console.print(&lines, &json!(summary));
}

/// Before anything is made, so that nothing has to be undone.
fn refuse_existing(path: &Path) -> Result<(), Fault> {
    if path.exists() { Err(FileFault::Exists(path.into()).into()) } else { Ok(()) }
}
