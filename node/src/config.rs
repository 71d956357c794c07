//! The node's configuration: one TOML file, every field documented here and in `docs/guide/configuration.md`.
//!
//! What it refuses: fields that it does not know, values outside their bounds. A wrong line in a file that an operator wrote at
//! night is found at start, with its number, and not in operation.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize};

/// A configuration file is at most this long, in bytes.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// A node keeps at least this many of the last blocks whole: members that were away for a while catch up from them.
const KEEP_BLOCKS_MIN: u64 = 1_000;

/// Everything that a node's operator can set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The folder that holds the ledger's data. Only one node may use it at a time.
    pub data: PathBuf,
    /// The founding document.
    pub genesis: PathBuf,
    /// Whose keys the node uses.
    pub keys: Keys,
    /// The consensus engine.
    pub consensus: Consensus,
    /// The exchange of transactions and payloads.
    pub exchange: Exchange,
    /// The HTTP API.
    pub api: Api,
    /// Transactions that wait for a block.
    #[serde(default)]
    pub mempool: Mempool,
    /// The database.
    #[serde(default)]
    pub store: Store,
    /// Where payloads lie.
    #[serde(default)]
    pub vault: Vault,
    /// Handing payloads over, and fetching them.
    #[serde(default)]
    pub desk: Desk,
    /// What the node writes about itself.
    #[serde(default)]
    pub log: Log,
    /// Figures for Prometheus.
    #[serde(default)]
    pub metrics: Metrics,
}

/// The node's keys. Key files are encrypted and readable by their owner only (mode 0600).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    /// The consensus key's file. Without it the node is an observer: it follows and does not vote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validator: Option<PathBuf>,
    /// The file of the node's network identity.
    pub peer: PathBuf,
    /// Where the passphrase of the key files comes from.
    pub passphrase: Passphrase,
}

/// Where a passphrase comes from. It never stands in the configuration itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Passphrase {
    /// The first line of a file that only its owner can read: `{ file = "passphrase" }`.
    File(PathBuf),
    /// An environment variable: `{ environment = "INRO_PASSPHRASE" }`.
    Environment(String),
    /// The terminal, at start: `"prompt"`.
    Prompt,
}

/// The consensus engine's settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Consensus {
    /// Where the engine listens for other members' engines.
    pub listen: SocketAddr,
    /// How long to wait for a proposal, in milliseconds. It must exceed the time in which a full block travels.
    #[serde(default = "default::propose_ms", deserialize_with = "bounded::<_, _, 50, 60_000>")]
    pub propose_ms: u64,
    /// How long to wait for more prevotes after two thirds voted without agreeing, in milliseconds.
    #[serde(default = "default::vote_ms", deserialize_with = "bounded::<_, _, 20, 60_000>")]
    pub prevote_ms: u64,
    /// How long to wait for more precommits after two thirds voted without agreeing, in milliseconds.
    #[serde(default = "default::vote_ms", deserialize_with = "bounded::<_, _, 20, 60_000>")]
    pub precommit_ms: u64,
    /// By how much each further round of a height lengthens these times, in milliseconds.
    #[serde(default = "default::round_step_ms", deserialize_with = "bounded::<_, _, 0, 60_000>")]
    pub round_step_ms: u64,
    /// How long to wait at start for two thirds of the validators to be connected before taking part, in milliseconds.
    #[serde(default = "default::start_wait_ms", deserialize_with = "bounded::<_, _, 0, 600_000>")]
    pub start_wait_ms: u64,
}

/// The exchange's settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    /// Where the node listens for other members' transactions and payload requests.
    pub listen: SocketAddr,
}

/// The HTTP API's settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Api {
    /// Where the API listens. It speaks plain HTTP: beyond the machine itself, put it behind a proxy that ends TLS.
    pub listen: SocketAddr,
    /// What one client, and all together, may ask.
    #[serde(default)]
    pub limits: ApiLimits,
}

/// The API's limits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ApiLimits {
    /// Longest request body, in bytes; batches have a limit of their own.
    #[serde(deserialize_with = "bounded::<_, _, 4_096, 16_777_216>")]
    pub body_bytes_max: usize,
    /// Longest body of a batch of transactions, in bytes.
    #[serde(deserialize_with = "bounded::<_, _, 4_096, 16_777_216>")]
    pub batch_bytes_max: usize,
    /// Requests a second that one client address may make. Short bursts of one second's worth are let through.
    #[serde(deserialize_with = "bounded::<_, _, 1, 1_000_000>")]
    pub requests_per_second: u32,
    /// Requests that are answered at the same time; long polls count.
    #[serde(deserialize_with = "bounded::<_, _, 1, 65_536>")]
    pub concurrent_max: usize,
    /// A request that is not answered by then is given up, in milliseconds. Long polls end before it.
    #[serde(deserialize_with = "bounded::<_, _, 1_000, 600_000>")]
    pub request_ms_max: u64,
}

/// The mempool's bounds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mempool {
    /// Most transactions that wait.
    #[serde(deserialize_with = "bounded::<_, _, 100, 10_000_000>")]
    pub transactions_max: usize,
    /// Most bytes of transactions that wait.
    #[serde(deserialize_with = "bounded::<_, _, 1_048_576, 17_179_869_184>")]
    pub bytes_max: usize,
    /// Most of a lane's room that one organisation may fill, in percent.
    #[serde(deserialize_with = "bounded::<_, _, 1, 100>")]
    pub organisation_share_percent: u8,
}

/// The database's settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Store {
    /// Memory for recently read data, in MiB.
    #[serde(deserialize_with = "bounded::<_, _, 8, 1_048_576>")]
    pub cache_mib: u64,
    /// With less free disk than this the node stops before the disk is full, in MiB.
    #[serde(deserialize_with = "bounded::<_, _, 16, 16_777_216>")]
    pub reserve_mib: u64,
    /// How many of the last blocks are kept whole. Of earlier ones only what journals need is kept, which every proof can still be
    /// made of. 0 keeps everything: at least one member has to.
    #[serde(deserialize_with = "zero_or_at_least::<_, KEEP_BLOCKS_MIN>")]
    pub keep_blocks: u64,
}

/// Where the facility's payloads lie, each encrypted under a key of its own.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Vault {
    /// The folder of the wrapped keys; `vault` in the data folder without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folder: Option<PathBuf>,
    /// The file of the facility's key, encrypted like the node's other keys; made at the first start. `vault.key` in the data
    /// folder without it. Keep a copy of it elsewhere: without it no payload opens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<PathBuf>,
    /// Where the encrypted payloads lie: `{ kind = "local", folder = … }` or `{ kind = "s3", bucket = … }`. `payloads` in the
    /// data folder without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store: Option<inro_vault::StoreSettings>,
}

/// Handing payloads over, and fetching them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Desk {
    /// How long a payload that was granted is asked for before it is reported as withheld, in milliseconds.
    #[serde(deserialize_with = "bounded::<_, _, 100, 600_000>")]
    pub patience_ms: u64,
    /// How long what arrived is kept, sealed, beyond the access's lifetime, in milliseconds.
    #[serde(deserialize_with = "bounded::<_, _, 0, 604_800_000>")]
    pub keep_ms: u64,
    /// Machines of other members, by their network identity, with which sealed payloads are left, and which are asked when a
    /// custodian is away.
    pub intermediates: Vec<inro_contracts::key::PublicKey>,
    /// Makes this node an intermediate: it keeps sealed payloads for others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub intermediate: Option<Intermediate>,
}

/// What an intermediate keeps for others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Intermediate {
    /// Most bytes in all.
    #[serde(deserialize_with = "bounded::<_, _, 1_048_576, 1_125_899_906_842_624>")]
    pub bytes_max: u64,
    /// Longest time, in milliseconds.
    #[serde(deserialize_with = "bounded::<_, _, 1_000, 604_800_000>")]
    pub keep_ms_max: u64,
}

impl Default for Desk {
    fn default() -> Self {
        Self { patience_ms: 20_000, keep_ms: 3_600_000, intermediates: Vec::new(), intermediate: None }
    }
}

impl Default for Intermediate {
    fn default() -> Self {
        Self { bytes_max: 16 << 30, keep_ms_max: 86_400_000 }
    }
}

/// What the node writes about itself. No label, record id, name or key is ever in it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// The least important lines that are written.
    pub level: LogLevel,
    /// Lines for people or for machines.
    pub format: LogFormat,
    /// The file to append to; without it, lines go to standard error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
}

/// How important a line must be to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogLevel {
    /// What stops the node or loses something.
    Error,
    /// What an operator should look into.
    Warn,
    /// What an operator may want to know.
    #[default]
    Info,
    /// What a developer wants to know.
    Debug,
    /// Everything.
    Trace,
}

/// How lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Figures for Prometheus.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Metrics {
    /// Are they served?
    pub enabled: bool,
    /// Where; without it, at `/metrics` of the API.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen: Option<SocketAddr>,
}

impl Default for ApiLimits {
    fn default() -> Self {
        Self {
            body_bytes_max: 64 * 1024,
            batch_bytes_max: 4 * 1024 * 1024,
            requests_per_second: 1_000,
            concurrent_max: 1_024,
            request_ms_max: 60_000,
        }
    }
}

impl Default for Mempool {
    fn default() -> Self {
        Self { transactions_max: 50_000, bytes_max: 64 * 1024 * 1024, organisation_share_percent: 50 }
    }
}

impl Default for Store {
    fn default() -> Self {
        Self { cache_mib: 128, reserve_mib: 256, keep_blocks: 0 }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self { enabled: true, listen: None }
    }
}

/// Why there is no configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadConfig {
    /// The file cannot be read.
    #[error(
        "the configuration {file} cannot be read: {why}. Name an existing file with --config and let the node's user read it"
    )]
    Unreadable {
        /// Which file.
        file: String,
        /// What the system says.
        why: String,
    },
    /// A line says something that cannot be.
    #[error(
        "{file}, line {line}: {field}: {why}. Correct that line; docs/guide/configuration.md lists every field with its bounds"
    )]
    Line {
        /// Which file.
        file: String,
        /// Which line, from 1.
        line: usize,
        /// Which field, with its section.
        field: String,
        /// What is wrong.
        why: String,
    },
    /// Two lines contradict each other.
    #[error("{file}: {fields}: {why}")]
    Contradiction {
        /// Which file.
        file: String,
        /// Which fields.
        fields: &'static str,
        /// What is wrong and what to do.
        why: String,
    },
}

impl Config {
    /// Reads a configuration file. Paths in it are relative to its folder.
    pub fn load(path: &Path) -> Result<Self, BadConfig> {
        let file = path.display().to_string();
        let unreadable = |why: String| BadConfig::Unreadable { file: file.clone(), why };
        let length = fs::metadata(path).map_err(|error| unreadable(error.to_string()))?.len();
        if length > FILE_BYTES_MAX {
            return Err(unreadable(format!("it has {length} bytes; at most {FILE_BYTES_MAX} are read")));
        }
        let text = fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
        let mut config = Self::parse(&file, &text)?;
        config.resolve(path.parent().unwrap_or(Path::new("")));
        Ok(config)
    }

    /// Parses a configuration's text; `file` is its name for errors.
    pub fn parse(file: &str, text: &str) -> Result<Self, BadConfig> {
        let config: Self = toml::from_str(text).map_err(|error| line_error(file, text, &error))?;
        config
            .contradiction()
            .map_or(Ok(()), |(fields, why)| Err(BadConfig::Contradiction { file: file.into(), fields, why }))?;
        Ok(config)
    }

    /// Two listeners on one port, or one file for two purposes.
    fn contradiction(&self) -> Option<(&'static str, String)> {
        let listeners = [
            ("consensus.listen", Some(self.consensus.listen)),
            ("exchange.listen", Some(self.exchange.listen)),
            ("api.listen", Some(self.api.listen)),
            ("metrics.listen", self.metrics.listen),
        ];
        for (index, (name, address)) in listeners.iter().enumerate() {
            for (other, other_address) in &listeners[..index] {
                if let (Some(one), Some(two)) = (address, other_address)
                    && one.port() != 0
                    && one == two
                {
                    let why = format!("{other} and {name} are both {one}. Give each a port of its own");
                    return Some(("listen", why));
                }
            }
        }
        if self.keys.validator.as_ref() == Some(&self.keys.peer) {
            let why = "both name the same file. A validator's consensus key and its network identity are two keys".to_owned();
            return Some(("keys.validator, keys.peer", why));
        }
        None
    }

    fn resolve(&mut self, folder: &Path) {
        let mut paths = vec![&mut self.data, &mut self.genesis, &mut self.keys.peer];
        paths.extend(self.keys.validator.as_mut());
        paths.extend(self.log.file.as_mut());
        paths.extend(self.vault.folder.as_mut());
        paths.extend(self.vault.key.as_mut());
        if let Some(inro_vault::StoreSettings::Local { folder }) = &mut self.vault.store {
            paths.push(folder);
        }
        if let Passphrase::File(path) = &mut self.keys.passphrase {
            paths.push(path);
        }
        for path in paths {
            *path = folder.join(&*path);
        }
    }
}

impl LogLevel {
    /// The level's name in a filter.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// An address as libp2p writes it.
pub fn multiaddress(address: &SocketAddr) -> String {
    let family = if address.is_ipv4() { "ip4" } else { "ip6" };
    format!("/{family}/{}/tcp/{}", address.ip(), address.port())
}

mod default {
    pub(super) fn propose_ms() -> u64 {
        1_000
    }
    pub(super) fn vote_ms() -> u64 {
        300
    }
    pub(super) fn round_step_ms() -> u64 {
        500
    }
    pub(super) fn start_wait_ms() -> u64 {
        5_000
    }
}

fn bounded<'de, D, T, const MIN: u64, const MAX: u64>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<u64>,
{
    let refused = |found: &dyn std::fmt::Display| serde::de::Error::custom(format!("{found} does not lie in {MIN}..={MAX}"));
    let found = i64::deserialize(deserializer)?;
    let value = u64::try_from(found).map_err(|_| refused(&found))?;
    if !(MIN..=MAX).contains(&value) {
        return Err(refused(&value));
    }
    T::try_from(value).map_err(|_| refused(&value))
}

fn zero_or_at_least<'de, D: Deserializer<'de>, const MIN: u64>(deserializer: D) -> Result<u64, D::Error> {
    let found = i64::deserialize(deserializer)?;
    let value = u64::try_from(found).ok().filter(|value| *value == 0 || *value >= MIN);
    value.ok_or_else(|| serde::de::Error::custom(format!("{found} is neither 0 (everything) nor {MIN} or more")))
}

fn line_error(file: &str, text: &str, error: &toml::de::Error) -> BadConfig {
    let offset = error.span().map_or(0, |span| span.start).min(text.len());
    let (line, field) = place(text, offset);
    BadConfig::Line { file: file.into(), line, field, why: error.message().trim_end_matches('.').replace('\n', "; ") }
}

/// The line of an offset, and the field that stands there with its section.
fn place(text: &str, offset: usize) -> (usize, String) {
    let before = text.as_bytes().get(..offset).unwrap_or_default();
    let number = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let line = text.lines().nth(number - 1).unwrap_or("").trim();
    let header = |line: &str| line.strip_prefix('[').and_then(|rest| rest.split(']').next()).map(|name| name.trim().to_owned());
    let section = text.lines().take(number).filter_map(|line| header(line.trim())).last();
    let key = line.split_once('=').map(|(key, _)| key.trim().to_owned());
    let field = match (section, key) {
        (Some(section), Some(key)) => format!("{section}.{key}"),
        (Some(section), None) => section,
        (None, Some(key)) => key,
        (None, None) => "the file".into(),
    };
    (number, field)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GUIDE: &str = include_str!("../../docs/guide/configuration.md");

    const SHORT: &str = r#"
data = "data"
genesis = "genesis.json"

[keys]
peer = "peer.key"
passphrase = "prompt"

[consensus]
listen = "0.0.0.0:27000"

[exchange]
listen = "0.0.0.0:27001"

[api]
listen = "127.0.0.1:8500"
"#;

    fn example() -> &'static str {
        GUIDE.split("```toml").nth(1).and_then(|rest| rest.split("```").next()).expect("the guide has an example")
    }

    fn fields(prefix: &str, table: &toml::Table, found: &mut Vec<String>) {
        for (key, value) in table {
            let name = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
            match value {
                toml::Value::Table(table) if name != "keys.passphrase" => fields(&name, table, found),
                _ => found.push(name),
            }
        }
    }

    #[test]
    fn the_guide_documents_every_field_and_its_example_sets_every_field() {
        let config = Config::parse("example", example()).unwrap();
        let mut known = Vec::new();
        fields("", &toml::Table::try_from(&config).unwrap(), &mut known);
        let mut shown = Vec::new();
        fields("", &toml::from_str::<toml::Table>(example()).unwrap(), &mut shown);
        known.sort();
        shown.sort();
        assert_eq!(known, shown, "the example sets every field");
        for optional in ["keys.validator", "log.file", "metrics.listen"] {
            assert!(known.iter().any(|field| field == optional));
        }
        for field in known {
            assert!(GUIDE.contains(&format!("| `{field}` |")), "docs/guide/configuration.md lacks a row for {field}");
        }
    }

    #[test]
    fn the_guide_states_the_defaults_that_the_program_has() {
        let full = Config::parse("example", example()).unwrap();
        let short = Config::parse("short", SHORT).unwrap();
        assert_eq!(full.api.limits, short.api.limits);
        assert_eq!(full.mempool, short.mempool);
        assert_eq!(full.store, short.store);
        assert_eq!(full.consensus.propose_ms, short.consensus.propose_ms);
        assert_eq!(full.consensus.prevote_ms, short.consensus.prevote_ms);
        assert_eq!(full.consensus.precommit_ms, short.consensus.precommit_ms);
        assert_eq!(full.consensus.round_step_ms, short.consensus.round_step_ms);
        assert_eq!(full.consensus.start_wait_ms, short.consensus.start_wait_ms);
        let mut table = Vec::new();
        fields("", &toml::Table::try_from(&full).unwrap(), &mut table);
        let value = |field: &str| {
            let mut value = &toml::Value::Table(toml::Table::try_from(&full).unwrap());
            for part in field.split('.') {
                value = &value[part];
            }
            value.clone()
        };
        for field in table.iter().filter(|field| value(field).is_integer()) {
            let row = GUIDE.lines().find(|line| line.starts_with(&format!("| `{field}` |"))).unwrap();
            let stated: String = row.split('|').nth(2).unwrap().chars().filter(char::is_ascii_digit).collect();
            assert_eq!(stated, value(field).as_integer().unwrap().to_string(), "{field}'s default in the guide");
        }
    }

    #[test]
    fn an_unknown_field_is_refused_with_its_line_and_name() {
        let text = SHORT.replace("[exchange]\n", "[exchange]\nlisten_adress = \"x\"\n");
        let error = Config::parse("inro.toml", &text).unwrap_err().to_string();
        assert!(error.starts_with("inro.toml, line 13: exchange.listen_adress: unknown field `listen_adress`"), "{error}");
    }

    #[test]
    fn a_value_outside_its_bounds_is_refused_with_line_field_and_bounds() {
        let text = format!("{SHORT}\n[mempool]\norganisation_share_percent = 0\n");
        let error = Config::parse("inro.toml", &text).unwrap_err().to_string();
        assert!(error.contains("line 19: mempool.organisation_share_percent: 0 does not lie in 1..=100"), "{error}");
        let text = format!("{SHORT}\n[store]\ncache_mib = -1\n");
        let error = Config::parse("inro.toml", &text).unwrap_err().to_string();
        assert!(error.contains("line 19: store.cache_mib: -1 does not lie in 8..="), "{error}");
        for (blocks, is_allowed) in [(0, true), (999, false), (1_000, true), (-1, false)] {
            let read = Config::parse("inro.toml", &format!("{SHORT}\n[store]\nkeep_blocks = {blocks}\n"));
            match read {
                Ok(config) => assert!(is_allowed && config.store.keep_blocks == blocks as u64),
                Err(error) => {
                    let expected = format!("line 19: store.keep_blocks: {blocks} is neither 0 (everything) nor 1000 or more");
                    assert!(!is_allowed && error.to_string().contains(&expected), "{error}");
                }
            }
        }
    }

    #[test]
    fn a_missing_field_and_a_broken_line_are_named() {
        let error = Config::parse("inro.toml", &SHORT.replace("peer = \"peer.key\"\n", "")).unwrap_err().to_string();
        assert!(error.contains("missing field `peer`") && error.contains("keys"), "{error}");
        let error = Config::parse("inro.toml", &SHORT.replace("[api]", "[api")).unwrap_err().to_string();
        assert!(error.contains("line 15"), "{error}");
        let error = Config::parse("inro.toml", &SHORT.replace("0.0.0.0:27000", "localhost")).unwrap_err().to_string();
        assert!(error.contains("line 10: consensus.listen"), "{error}");
    }

    #[test]
    fn two_listeners_on_one_port_are_refused() {
        let error = Config::parse("inro.toml", &SHORT.replace("27001", "27000")).unwrap_err().to_string();
        assert!(error.contains("consensus.listen and exchange.listen are both 0.0.0.0:27000"), "{error}");
    }

    #[test]
    fn paths_are_relative_to_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("inro.toml");
        fs::write(&path, SHORT.replace("\"prompt\"", "{ file = \"secret\" }").replace("\"genesis.json\"", "\"/etc/genesis\""))
            .unwrap();
        let config = Config::load(&path).unwrap();
        assert_eq!(config.data, folder.path().join("data"));
        assert_eq!(config.genesis, Path::new("/etc/genesis"));
        assert_eq!(config.keys.passphrase, Passphrase::File(folder.path().join("secret")));
    }

    #[test]
    fn a_missing_or_oversized_file_is_a_clear_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("inro.toml");
        let error = Config::load(&path).unwrap_err().to_string();
        assert!(error.contains("cannot be read") && error.contains("--config"), "{error}");
        fs::write(&path, vec![b'#'; FILE_BYTES_MAX as usize + 1]).unwrap();
        assert!(matches!(Config::load(&path), Err(BadConfig::Unreadable { .. })));
    }

    #[test]
    fn a_listener_is_written_as_a_multiaddress() {
        assert_eq!(multiaddress(&"10.0.0.1:27000".parse().unwrap()), "/ip4/10.0.0.1/tcp/27000");
        assert_eq!(multiaddress(&"[::1]:27000".parse().unwrap()), "/ip6/::1/tcp/27000");
    }
}
