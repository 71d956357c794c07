//! `inro key`: keys at rest, and signatures that their holder makes where the key is.

use std::path::PathBuf;

use clap::Subcommand;
use inro_contracts::account::{Account, AccountOpening, Possession};
use inro_contracts::id::{ChainId, Hash, OrganisationId};
use inro_contracts::key::PublicKey;
use inro_contracts::organisation::Practitioner;
use inro_contracts::tag::Tag;
use inro_evidence::checkpoint::VerifierKey;
use inro_genesis::keyfile::{self, KeyFault};
use serde_json::json;

use crate::arguments::{Common, source_of};
use crate::fault::Fault;
use crate::output::Console;
use crate::words::Word;

const NEW_PASSPHRASE_VARIABLE: &str = "INRO_NEW_PASSPHRASE";

#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Make a key in a new, encrypted file.
    #[command(after_help = "Example:\n  inro key new keys/practitioner-2.pem --passphrase-file passphrase")]
    New {
        /// Where the key goes. An existing file is never overwritten.
        file: PathBuf,
    },
    /// Show a key's public side: its hexadecimal form and the ids that follow from it.
    #[command(after_help = "Example:\n  inro key show keys/authority.pem")]
    Show {
        /// The key file.
        file: PathBuf,
        /// Also open it, to check the passphrase.
        #[arg(long)]
        open: bool,
    },
    /// Show a witness's key as policies name it. The key signs nothing else and is used by no other witness.
    #[command(after_help = "Example:\n  inro key vkey witness.pem --name witness.example.org/1")]
    Vkey {
        /// The key file.
        file: PathBuf,
        /// The witness's name: the same as for `inro-node witness`.
        #[arg(long)]
        name: String,
    },
    /// Encrypt a key file under another passphrase.
    #[command(after_help = "Example:\n  inro key change-passphrase keys/authority.pem --new-passphrase-file new-passphrase")]
    ChangePassphrase {
        /// The key file.
        file: PathBuf,
        /// A file (mode 0600) with the new passphrase. Otherwise the variable INRO_NEW_PASSPHRASE, otherwise a prompt.
        #[arg(long, value_name = "FILE")]
        new_passphrase_file: Option<PathBuf>,
    },
    /// Sign the proof that somebody holds a new key, where that key is.
    #[command(after_help = "Example:\n  inro key possess --chain 3f… --subject 9a… --key new-authority.pem")]
    Possess {
        /// What the key will belong to: the id of an organisation, a practitioner or an account, in hexadecimal; or
        /// `new-organisation` for the authority key of one that is to be admitted.
        #[arg(long, value_name = "HEX")]
        subject: String,
        /// The key file.
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
    },
    /// Sign a patient's agreement to the opening of an account, where the patient's key is.
    #[command(after_help = "Example:\n  inro key agree --chain 3f… --custodian 9a… --key account.pem")]
    Agree {
        /// The organisation that will keep the account's records.
        #[arg(long, value_name = "HEX")]
        custodian: OrganisationId,
        /// The account's first key.
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// The wallet is kept by the facility.
        #[arg(long)]
        custodial: bool,
    },
}

pub async fn run(common: &Common, console: &Console, command: KeyCommand) -> Result<(), Fault> {
    match command {
        KeyCommand::New { file } => new(common, console, file),
        KeyCommand::Show { file, open } => show(common, console, file, open),
        KeyCommand::Vkey { file, name } => vkey(common, console, file, &name),
        KeyCommand::ChangePassphrase { file, new_passphrase_file } => change(common, console, file, new_passphrase_file),
        KeyCommand::Possess { subject, key } => possess(common, console, subject, key).await,
        KeyCommand::Agree { custodian, key, custodial } => agree(common, console, custodian, key, custodial).await,
    }
}

fn new(common: &Common, console: &Console, file: PathBuf) -> Result<(), Fault> {
    if file.exists() {
        return Err(inro_genesis::files::FileFault::Exists(file).into());
    }
    let passphrase = common.passphrase().read_new(&file.display().to_string())?;
    let public = keyfile::generate(&file, &passphrase)?.public();
    let line = console.say(Word::KeyMade, &[&file.display(), &public.to_hex()]);
    console.print(&[line], &json!({ "file": file, "public": public }));
    Ok(())
}

fn show(common: &Common, console: &Console, file: PathBuf, open: bool) -> Result<(), Fault> {
    let mut lines = Vec::new();
    let public = match (open, keyfile::public_key(&file)) {
        (false, Ok(public)) => public,
        (true, _) | (_, Err(KeyFault::NoPublicKey(_))) => {
            lines.push(console.say(Word::KeyOpened, &[]));
            common.open(&file)?.public()
        }
        (_, Err(fault)) => return Err(fault.into()),
    };
    let organisation: OrganisationId = Tag::ORGANISATION.hash(&[&public.0]).into();
    let (practitioner, account) = (Practitioner::id_of(&public), Account::label_of(&public));
    lines.extend([
        console.say(Word::PublicKey, &[&public.to_hex()]),
        console.say(Word::AsOrganisation, &[&organisation.to_hex()]),
        console.say(Word::AsPractitioner, &[&practitioner.to_hex()]),
        console.say(Word::AsAccount, &[&account.to_hex()]),
    ]);
    let value = json!({ "public": public, "organisation": organisation, "practitioner": practitioner, "account": account });
    console.print(&lines, &value);
    Ok(())
}

/// The key is opened: what goes into others' policies must be the key that the witness will sign with.
fn vkey(common: &Common, console: &Console, file: PathBuf, name: &str) -> Result<(), Fault> {
    let public = common.open(&file)?.public();
    let vkey = VerifierKey::new(name, public).map_err(|error| Fault::bad_input(error.to_string()))?.to_string();
    console.print(std::slice::from_ref(&vkey), &json!({ "name": name, "public": public, "vkey": vkey }));
    Ok(())
}

fn change(common: &Common, console: &Console, file: PathBuf, new: Option<PathBuf>) -> Result<(), Fault> {
    let old = common.passphrase().read(&file.display().to_string())?;
    // The old one first, so that nobody invents a new one in vain.
    keyfile::open(&file, &old)?;
    let new = source_of(new.as_ref(), NEW_PASSPHRASE_VARIABLE).read_new(&format!("{} from now on", file.display()))?;
    keyfile::change_passphrase(&file, &old, &new)?;
    console.print(&[console.say(Word::PassphraseChanged, &[&file.display()])], &json!({ "file": file }));
    Ok(())
}

async fn possess(common: &Common, console: &Console, subject: String, key: PathBuf) -> Result<(), Fault> {
    let chain = chain(common).await?;
    let secret = common.open(&key)?;
    let key = secret.public();
    let subject = match subject.as_str() {
        "new-organisation" => Tag::ORGANISATION.hash(&[&key.0]),
        hex => hex.parse::<Hash>().map_err(|error| Fault::bad_input(format!("--subject: {error}")))?,
    };
    let possession = Possession { chain, subject, key }.sign(&secret);
    print_signature(console, &key, "possession", possession.to_hex(), &chain)
}

async fn agree(
    common: &Common,
    console: &Console,
    custodian: OrganisationId,
    key: PathBuf,
    custodial: bool,
) -> Result<(), Fault> {
    let chain = chain(common).await?;
    let secret = common.open(&key)?;
    let first_key = secret.public();
    let agreement = AccountOpening { chain, custodian, first_key, custodial }.sign(&secret);
    print_signature(console, &first_key, "agreement", agreement.to_hex(), &chain)
}

fn print_signature(console: &Console, key: &PublicKey, name: &str, signature: String, chain: &ChainId) -> Result<(), Fault> {
    console.print_object(&json!({ "public": key, name: signature, "chain": chain }))
}

/// The chain named, otherwise the node's.
async fn chain(common: &Common) -> Result<ChainId, Fault> {
    match common.chain {
        Some(chain) => Ok(chain),
        None => Ok(common.connect(None).await?.status().await?.chain),
    }
}
