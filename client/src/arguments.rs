//! Arguments that many commands share.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Args;
use inro_client::NodeClient;
use inro_client::desk::Desk;
use inro_client::light::witness::Witnesses;
use inro_client::light::{Freshness, Light, Memory};
use inro_contracts::account::Possession;
use inro_contracts::genesis::{Founding, GenesisDocument};
use inro_contracts::id::{BlockId, ChainId, Hash};
use inro_contracts::key::{PublicKey, SecretKey, Signature};
use inro_contracts::time::{Height, Time, Validity};
use inro_genesis::ceremony;
use inro_genesis::keyfile::{self, PassphraseSource};
use serde::de::DeserializeOwned;

use crate::command::{expect_chain, read_policy};
use crate::fault::Fault;
use crate::output::{AskedNodes, Console};
use crate::words::{self, Language, Word};

/// The variable with the passphrase of key files.
pub const PASSPHRASE_VARIABLE: &str = "INRO_PASSPHRASE";
const DAY_MS: u64 = 24 * 3600 * 1000;
/// A node whose last block is older than this is not believed to show the ledger as it is. An idle ledger makes a block a minute or
/// oftener.
const BLOCK_AGE_MS_MAX: u64 = 10 * 60 * 1000;

/// Understood by every command.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Common options")]
pub struct Common {
    /// Print one JSON document instead of lines for people.
    #[arg(long, global = true)]
    pub json: bool,
    /// The language of the answers; otherwise that of the locale.
    #[arg(long, global = true, value_enum)]
    pub lang: Option<Language>,
    /// The node to ask. Several, with commas between: the first one is asked, and must show the same ledger as the others, which
    /// are asked for what it no longer keeps.
    #[arg(
        long,
        global = true,
        env = "INRO_NODE",
        value_name = "URL",
        value_delimiter = ',',
        default_value = "http://127.0.0.1:8500"
    )]
    pub node: Vec<String>,
    /// The chain's id; a node of another ledger is refused. Answers are proved from the founding, which a node gives and this id
    /// proves.
    #[arg(long, global = true, env = "INRO_CHAIN", value_name = "HEX")]
    pub chain: Option<ChainId>,
    /// The founding document: answers are proved from it.
    #[arg(long, global = true, env = "INRO_GENESIS", value_name = "FILE")]
    pub genesis: Option<PathBuf>,
    /// A block that is trusted already, from which answers are proved instead of from the founding.
    #[arg(long, global = true, env = "INRO_PIN", value_name = "HEIGHT:BLOCK")]
    pub pin: Option<Pin>,
    /// Where the newest block that was seen is remembered; otherwise below XDG_STATE_HOME or the home folder.
    #[arg(long, global = true, env = "INRO_STATE", value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// Also believe a node whose last block is older than ten minutes.
    #[arg(long, global = true)]
    pub allow_old: bool,
    /// A policy of witnesses (C2SP tlog-policy): no block is believed that too few of them cosigned.
    #[arg(long, global = true, env = "INRO_WITNESS_POLICY", value_name = "FILE")]
    pub witness_policy: Option<PathBuf>,
    /// A file (mode 0600) with the passphrase of the key files. Otherwise the variable INRO_PASSPHRASE, otherwise a prompt.
    #[arg(long, global = true, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
    /// The nodes that were connected.
    #[arg(skip)]
    pub asked: AskedNodes,
}

impl Common {
    /// The language of the answers.
    pub fn language(&self) -> Language {
        self.lang.unwrap_or_else(Language::of_environment)
    }

    /// Where the answers go.
    pub fn console(&self) -> Console {
        Console::new(self.json, self.language(), self.asked.clone())
    }

    /// Where passphrases come from.
    pub fn passphrase(&self) -> PassphraseSource {
        source_of(self.passphrase_file.as_ref(), PASSPHRASE_VARIABLE)
    }

    /// The node that is asked first. Its answers are proved if the ledger is known: by its founding document, by its id, or by
    /// `chain`, which a wallet knows. Otherwise they are its word, and that is said.
    pub async fn connect(&self, chain: Option<ChainId>) -> Result<NodeClient, Fault> {
        let nodes = self.node.iter().map(|url| NodeClient::new(url)).collect::<Result<Vec<_>, _>>()?;
        let first = nodes.first().ok_or_else(|| Fault::bad_input("name a node with --node"))?.clone().with_others(&nodes);
        let console = self.console();
        let first = match self.light(&first, chain).await? {
            Some(mut light) => {
                light.compare(&nodes).await?;
                light.take_remarks().iter().for_each(|remark| console.remark(&words::remark_told(remark, self.language())));
                first.verified_by(light)
            }
            None => {
                console.remark(&console.say(Word::NotVerified, &[]));
                first
            }
        };
        self.asked.note(&first);
        Ok(first)
    }

    /// What the founding document founds, if one was named.
    pub fn founding(&self) -> Result<Option<Founding>, Fault> {
        let Some(path) = &self.genesis else { return Ok(None) };
        let founding = ceremony::verify(&ceremony::read_genesis(path)?)?;
        expect_chain(self, &founding.chain)?;
        Ok(Some(founding))
    }

    /// The founding document, where nothing can be done without it.
    pub fn require_document(&self) -> Result<GenesisDocument, Fault> {
        let path = self.genesis.as_ref().ok_or_else(|| {
            Fault::bad_input("name the founding document with --genesis FILE; nothing else is believed")
                .in_japanese("--genesis FILE で設立文書を指定してください。それ以外は信用しません。")
        })?;
        Ok(ceremony::read_genesis(path)?)
    }

    async fn light(&self, node: &NodeClient, chain: Option<ChainId>) -> Result<Option<Light>, Fault> {
        let light = match (self.founding()?, self.chain.or(chain)) {
            (Some(founding), _) => Light::new(&founding),
            (None, Some(chain)) => Light::of_chain(chain, node).await?,
            (None, None) => return Ok(None),
        };
        let light = match &self.pin {
            Some(Pin { height, block }) => light.pinned(*height, *block, node).await?,
            None => light,
        };
        let fresh = Freshness { now: now(), age_ms_max: BLOCK_AGE_MS_MAX };
        let light = if self.allow_old { light } else { light.with_freshness(fresh) };
        let light = match &self.witness_policy {
            Some(path) => light.with_witnesses(Witnesses::new(read_policy(path)?)?),
            None => light,
        };
        Ok(Some(match self.memory_folder() {
            Some(folder) => light.with_memory(Memory::in_folder(folder)),
            None => light,
        }))
    }

    fn memory_folder(&self) -> Option<PathBuf> {
        let variable = |name: &str| std::env::var_os(name).filter(|path| !path.is_empty()).map(PathBuf::from);
        let below = |folder: PathBuf| folder.join("inro");
        let home = || variable("HOME").map(|home| home.join(".local/state"));
        self.state.clone().or_else(|| variable("XDG_STATE_HOME").or_else(home).map(below))
    }

    /// Opens a key file.
    pub fn open(&self, path: &std::path::Path) -> Result<SecretKey, Fault> {
        Ok(keyfile::open(path, &self.passphrase().read(&path.display().to_string())?)?)
    }
}

/// A block that is trusted already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pin {
    /// Its height.
    pub height: Height,
    /// Its id.
    pub block: BlockId,
}

impl FromStr for Pin {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (height, block) = text.split_once(':').ok_or("write the block's height, a colon and its id")?;
        let height = height.parse().map(Height).map_err(|_| "the height is a number")?;
        Ok(Self { height, block: block.parse().map_err(|error: inro_contracts::id::BadHex| error.to_string())? })
    }
}

/// A named file, otherwise a variable that is set, otherwise a prompt.
pub fn source_of(file: Option<&PathBuf>, variable: &str) -> PassphraseSource {
    match file {
        Some(path) => PassphraseSource::File(path.clone()),
        None if std::env::var_os(variable).is_some() => PassphraseSource::Environment(variable.into()),
        None => PassphraseSource::Prompt,
    }
}

/// Who signs, and how long to wait.
#[derive(Debug, Clone, Args)]
pub struct Acting {
    /// The key file that signs.
    #[arg(long, env = "INRO_KEY", value_name = "FILE")]
    pub key: PathBuf,
    /// Do not wait until the transaction is committed.
    #[arg(long)]
    pub no_wait: bool,
    /// How long to wait for it, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub timeout_s: u64,
}

impl Acting {
    /// How long to wait.
    pub fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_s)
    }
}

/// Who signs, where the answer is always waited for.
#[derive(Debug, Clone, Args)]
pub struct Signing {
    /// The key file that signs.
    #[arg(long, env = "INRO_KEY", value_name = "FILE")]
    pub key: PathBuf,
    /// How long to wait for the block, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub timeout_s: u64,
}

impl Signing {
    /// How long to wait.
    pub fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_s)
    }

    /// The node, with this key for signed requests. A node of another ledger than the one that was named is refused.
    pub async fn desk(&self, common: &Common) -> Result<Desk, Fault> {
        desk_at(common, &self.key).await
    }
}

/// The node, with a key file's key for signed requests.
pub async fn desk_at(common: &Common, key: &std::path::Path) -> Result<Desk, Fault> {
    desk_of(common, common.connect(None).await?, key).await
}

/// The same at a node that is connected already.
pub async fn desk_of(common: &Common, node: NodeClient, key: &std::path::Path) -> Result<Desk, Fault> {
    let desk = Desk::at(node, common.open(key)?).await?;
    expect_chain(common, &desk.chain())?;
    Ok(desk)
}

/// A key that is registered, with the proof that somebody holds its secret.
#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = true)]
pub struct NewKey {
    /// The new key's file; it is opened with the same passphrase as --key.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["new_public", "possession"])]
    new_key: Option<PathBuf>,
    /// The new public key, when its secret is elsewhere.
    #[arg(long, value_name = "HEX", requires = "possession")]
    new_public: Option<PublicKey>,
    /// Its proof of possession, made there with `inro key possess`.
    #[arg(long, value_name = "HEX", requires = "new_public")]
    possession: Option<Signature>,
}

impl NewKey {
    /// The key and its proof for `subject`, which may depend on the key.
    pub fn prove(
        &self,
        common: &Common,
        chain: ChainId,
        subject: impl FnOnce(&PublicKey) -> Hash,
    ) -> Result<(PublicKey, Signature), Fault> {
        match (&self.new_key, self.new_public, self.possession) {
            (Some(path), ..) => {
                let secret = common.open(path)?;
                let key = secret.public();
                Ok((key, Possession { chain, subject: subject(&key), key }.sign(&secret)))
            }
            (None, Some(key), Some(possession)) => Ok((key, possession)),
            _ => Err(Fault::bad_input("name the new key with --new-key FILE, or with --new-public and --possession")),
        }
    }
}

/// From when until when somebody may act.
#[derive(Debug, Clone, Copy, Args)]
pub struct Valid {
    /// First moment, in milliseconds since 1970; otherwise now.
    #[arg(long, value_name = "MS")]
    from: Option<u64>,
    /// End, in milliseconds since 1970.
    #[arg(long, value_name = "MS", conflicts_with = "valid_days")]
    until: Option<u64>,
    /// End, in days after the first moment.
    #[arg(long, value_name = "DAYS", default_value_t = 730)]
    valid_days: u32,
}

impl Valid {
    /// The interval.
    pub fn validity(self, now: Time) -> Result<Validity, Fault> {
        let from = self.from.map_or(now, Time);
        let until = self.until.map_or(from.plus_ms(u64::from(self.valid_days) * DAY_MS), Time);
        let validity = Validity { from, until };
        if validity.is_empty() { Err(Fault::bad_input("the validity ends before it begins")) } else { Ok(validity) }
    }
}

/// This machine's clock.
pub fn now() -> Time {
    Time(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64))
}

/// One of the words of a type of the ledger, such as `hospital` or `physician`.
pub fn word<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_value(serde_json::Value::String(text.into())).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use inro_contracts::organisation::OrganisationKind;

    use super::*;

    #[test]
    fn a_word_that_does_not_exist_is_answered_with_those_that_do() {
        assert_eq!(word("care-facility"), Ok(OrganisationKind::CareFacility));
        assert!(word::<OrganisationKind>("shop").unwrap_err().contains("pharmacy"));
    }

    #[test]
    fn a_validity_begins_now_and_lasts_its_days() {
        let valid = Valid { from: None, until: None, valid_days: 1 };
        assert_eq!(valid.validity(Time(5)).unwrap(), Validity { from: Time(5), until: Time(5 + DAY_MS) });
        assert!(Valid { from: Some(9), until: Some(9), valid_days: 1 }.validity(Time(5)).is_err());
    }
}
