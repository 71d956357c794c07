//! The ceremony: each organisation makes its keys at home ([`make_keys`]) and signs its declaration ([`declare`]); anyone joins
//! the signed declarations into the founding document ([`join`]); everyone verifies it and finds the own declaration in it
//! ([`contains`]).
//!
//! Declarations and the document are JSON: every key, address and signature can be read by a person, and unknown fields are
//! refused. What is signed and hashed are the canonical bytes, so the layout of the JSON does not matter.

use std::fmt;
use std::path::{Path, PathBuf};

use inro_contracts::bytes::{Canonical, List, Malformed, Text};
use inro_contracts::genesis::{
    BadGenesis, Declaration, DeclaredPractitioner, DeclaredValidator, Founding, FoundingFault, GenesisDocument, SignedDeclaration,
};
use inro_contracts::id::{ChainId, OrganisationId};
use inro_contracts::key::SecretKey;
use inro_contracts::organisation::{OrganisationKind, OrganisationProfile, PeerKind, PeerRecord, Role};
use inro_contracts::parameters::Parameters;
use inro_contracts::time::{Time, Validity};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::files::{self, Audience, FileFault};
use crate::keyfile::{self, KeyFault, Passphrase};
use crate::licence::Licence;

/// The file of the authority key in a folder of keys.
pub const AUTHORITY_FILE: &str = "authority.pem";
/// The file of the validator's consensus key in a folder of keys.
pub const VALIDATOR_FILE: &str = "validator.pem";

const DECLARATION_FILE_BYTES_MAX: u64 = 256 * 1024;
const GENESIS_FILE_BYTES_MAX: u64 = 32 * 1024 * 1024;
const PARAMETERS_FILE_BYTES_MAX: u64 = 64 * 1024;

/// The file of the `number`-th peer's key in a folder of keys, counted from 1: `peer.pem`, `peer-2.pem` …
pub fn peer_file(number: usize) -> String {
    if number == 1 { "peer.pem".into() } else { format!("peer-{number}.pem") }
}

/// The file of the `number`-th practitioner's key in a folder of keys, counted from 1: `practitioner-1.pem` …
pub fn practitioner_file(number: usize) -> String {
    format!("practitioner-{number}.pem")
}

/// The file beside it with the licence's number and salt.
pub fn licence_file(number: usize) -> String {
    format!("practitioner-{number}.licence.json")
}

/// What an organisation brings to the founding, before it has keys.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The ledger's name.
    pub ledger: String,
    /// The organisation's public name.
    pub organisation: String,
    /// What it is.
    pub kind: OrganisationKind,
    /// Its institution number, or empty.
    pub institution_number: String,
    /// Its validator's voting power, if it runs one.
    pub validator_power: Option<u32>,
    /// Its machines, the first one first.
    pub peers: Vec<PlannedPeer>,
    /// Its practitioners.
    pub practitioners: Vec<PlannedPractitioner>,
}

/// A machine in a [`Plan`].
#[derive(Debug, Clone)]
pub struct PlannedPeer {
    /// What it does.
    pub kind: PeerKind,
    /// Where its consensus engine listens.
    pub consensus_address: String,
    /// Where it exchanges transactions and payloads.
    pub exchange_address: String,
}

/// A practitioner in a [`Plan`].
#[derive(Debug, Clone)]
pub struct PlannedPractitioner {
    /// The role.
    pub role: Role,
    /// The licence number; may be empty.
    pub licence_number: String,
    /// When the practitioner may act.
    pub validity: Validity,
}

/// An organisation's secrets at the founding.
#[derive(Debug)]
pub struct Keys {
    /// Speaks for the organisation.
    pub authority: SecretKey,
    /// Signs votes.
    pub validator: Option<SecretKey>,
    /// One for each planned peer.
    pub peers: Vec<SecretKey>,
    /// One for each planned practitioner, with the licence.
    pub practitioners: Vec<(SecretKey, Licence)>,
}

/// Why the ceremony stops. The sentence names the file or the organisation at fault.
#[derive(Debug, thiserror::Error)]
pub enum CeremonyFault {
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileFault),
    /// A key cannot be made or opened.
    #[error(transparent)]
    Key(#[from] KeyFault),
    /// A key that is not replaced.
    #[error(
        "{} exists and is not overwritten; use the keys that are there with --reuse-keys, or choose another folder",
        .0.display()
    )]
    KeyExists(PathBuf),
    /// What was asked for cannot be declared.
    #[error("{what}: {error}")]
    Plan {
        /// Which part of the plan.
        what: &'static str,
        /// What is wrong with it.
        error: String,
    },
    /// A file does not have the form that is expected.
    #[error("{} is not {what}: {error}", .path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// What was expected.
        what: &'static str,
        /// What was found.
        error: String,
    },
    /// A file's content does not hold.
    #[error("{}: {error}; nothing was written; ask the organisation for its declaration again", .path.display())]
    Part {
        /// The file.
        path: PathBuf,
        /// What does not hold.
        error: BadGenesis,
    },
    /// Two declarations of one organisation.
    #[error(
        "{} and {} are both declarations of {organisation:?} (the same authority key); leave one of them out",
        .first.display(), .second.display()
    )]
    Twice {
        /// Whose.
        organisation: String,
        /// One file.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
    /// Two declarations share a key.
    #[error("{} and {} declare the same key; each organisation makes keys of its own", .first.display(), .second.display())]
    SharedKey {
        /// One file.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
    /// The parts do not make a ledger.
    #[error("these declarations do not found a ledger: {0}")]
    Whole(BadGenesis),
    /// Nothing to join.
    #[error("no declaration was given; name the organisations' declaration files")]
    NoParts,
    /// A declaration is not in the document.
    #[error("the declaration of {organisation:?} is missing from the document; do not start with it, ask who joined it")]
    Absent {
        /// Whose.
        organisation: String,
    },
    /// A declaration in the document is another one.
    #[error(
        "the declaration of {organisation:?} in the document differs from this one in: {fields}; do not start with it, ask who \
         joined it"
    )]
    Changed {
        /// Whose.
        organisation: String,
        /// Which of its fields.
        fields: String,
    },
    /// Our own bug: the founding could not be computed.
    #[error(transparent)]
    Founding(#[from] FoundingFault),
}

impl CeremonyFault {
    /// Could the input not be understood at all? Otherwise it was understood and refused.
    pub fn is_bad_input(&self) -> bool {
        match self {
            Self::File(fault) => fault.is_bad_input(),
            Self::Key(fault) => fault.is_bad_input(),
            Self::Plan { .. } | Self::Form { .. } | Self::NoParts => true,
            _ => false,
        }
    }
}

/// Makes the plan's keys in `folder`, encrypted, each in a new file. With `reuse`, key files that are there already are opened
/// and used; without it, one that is there stops the ceremony before anything is written.
pub fn make_keys(folder: &Path, plan: &Plan, passphrase: &Passphrase, reuse: bool) -> Result<Keys, CeremonyFault> {
    files::secret_folder(folder)?;
    if !reuse && let Some(existing) = key_files(plan).into_iter().map(|name| folder.join(name)).find(|path| path.exists()) {
        return Err(CeremonyFault::KeyExists(existing));
    }
    let key = |name: &str| -> Result<SecretKey, KeyFault> {
        let path = folder.join(name);
        if reuse && path.exists() { keyfile::open(&path, passphrase) } else { keyfile::generate(&path, passphrase) }
    };
    Ok(Keys {
        authority: key(AUTHORITY_FILE)?,
        validator: plan.validator_power.map(|_| key(VALIDATOR_FILE)).transpose()?,
        peers: (1..=plan.peers.len()).map(|number| key(&peer_file(number))).collect::<Result<_, _>>()?,
        practitioners: plan
            .practitioners
            .iter()
            .zip(1..)
            .map(|(planned, number)| {
                let secret = key(&practitioner_file(number))?;
                Ok((secret, make_licence(&folder.join(licence_file(number)), planned, reuse)?))
            })
            .collect::<Result<_, CeremonyFault>>()?,
    })
}

/// Writes the organisation's declaration and signs it with every key in it.
pub fn declare(plan: &Plan, keys: &Keys) -> Result<SignedDeclaration, CeremonyFault> {
    let declaration = Declaration {
        ledger: text("the ledger's name", &plan.ledger)?,
        organisation: OrganisationProfile {
            name: text("the organisation's name", &plan.organisation)?,
            kind: plan.kind,
            institution_number: text("the institution number", &plan.institution_number)?,
            authority: keys.authority.public(),
        },
        validator: keys
            .validator
            .as_ref()
            .zip(plan.validator_power)
            .map(|(secret, power)| DeclaredValidator { key: secret.public(), power }),
        peers: list("the peers", plan.peers.iter().zip(&keys.peers).map(declared_peer).collect::<Result<_, _>>()?)?,
        practitioners: list(
            "the practitioners",
            plan.practitioners.iter().zip(&keys.practitioners).map(declared_practitioner).collect(),
        )?,
    };
    let secrets = std::iter::once(&keys.authority)
        .chain(&keys.validator)
        .chain(&keys.peers)
        .chain(keys.practitioners.iter().map(|(secret, _)| secret));
    let signatures = list("the signatures", secrets.map(|secret| declaration.sign(secret)).collect())?;
    let signed = SignedDeclaration { declaration, signatures };
    match signed.check() {
        Ok(()) => Ok(signed),
        Err(error) => Err(CeremonyFault::Plan { what: "the declaration cannot be made", error: error.to_string() }),
    }
}

/// Checks a plan before any key is made for it.
pub fn check_plan(plan: &Plan) -> Result<(), CeremonyFault> {
    let throwaway = Keys {
        authority: keyfile::fresh(),
        validator: plan.validator_power.map(|_| keyfile::fresh()),
        peers: plan.peers.iter().map(|_| keyfile::fresh()).collect(),
        practitioners: plan.practitioners.iter().map(|_| (keyfile::fresh(), Licence::new(""))).collect(),
    };
    if plan.ledger.trim().is_empty() {
        return Err(CeremonyFault::Plan { what: "the ledger's name", error: "it is empty".into() });
    }
    declare(plan, &throwaway).map(drop)
}

/// Joins declarations, each with the file it came from, into the founding document. The order in which they are given does not
/// matter; time and parameters do, so one organisation joins and the others verify.
pub fn join(
    parts: Vec<(PathBuf, SignedDeclaration)>,
    parameters: Parameters,
    time: Time,
) -> Result<GenesisDocument, CeremonyFault> {
    let ledger = parts.first().ok_or(CeremonyFault::NoParts)?.1.declaration.ledger.clone();
    for (path, signed) in &parts {
        let part = |error| CeremonyFault::Part { path: path.clone(), error };
        signed.check().map_err(part)?;
        if signed.declaration.ledger != ledger {
            let organisation = name_of(signed);
            let (expected, found) = (ledger.as_str().to_owned(), signed.declaration.ledger.as_str().to_owned());
            return Err(part(BadGenesis::OtherLedger { organisation, expected, found }));
        }
    }
    check_apart(&parts)?;
    let mut declarations: Vec<_> = parts.into_iter().map(|(_, signed)| signed).collect();
    declarations.sort_by_key(id_of);
    let declarations = list("the declarations", declarations)?;
    let document = GenesisDocument { ledger, time, parameters, declarations };
    document.check().map_err(CeremonyFault::Whole)?;
    Ok(document)
}

/// Checks every part of the document and the whole, and computes what a node starts from.
pub fn verify(document: &GenesisDocument) -> Result<Founding, CeremonyFault> {
    document.check().map_err(CeremonyFault::Whole)?;
    Ok(document.found()?)
}

/// Does the document hold this declaration unchanged?
pub fn contains(document: &GenesisDocument, mine: &SignedDeclaration) -> Result<(), CeremonyFault> {
    let organisation = name_of(mine);
    let Some(theirs) = document.declarations.iter().find(|signed| id_of(signed) == id_of(mine)) else {
        return Err(CeremonyFault::Absent { organisation });
    };
    let (mine_declared, theirs_declared) = (&mine.declaration, &theirs.declaration);
    let differences = [
        ("ledger", mine_declared.ledger != theirs_declared.ledger),
        ("organisation", mine_declared.organisation != theirs_declared.organisation),
        ("validator", mine_declared.validator != theirs_declared.validator),
        ("peers", mine_declared.peers != theirs_declared.peers),
        ("practitioners", mine_declared.practitioners != theirs_declared.practitioners),
        ("signatures", mine.signatures != theirs.signatures),
    ];
    let fields: Vec<_> = differences.into_iter().filter(|(_, differs)| *differs).map(|(field, _)| field).collect();
    if fields.is_empty() { Ok(()) } else { Err(CeremonyFault::Changed { organisation, fields: fields.join(", ") }) }
}

/// Reads a declaration file. The declaration is not checked yet.
pub fn read_declaration(path: &Path) -> Result<SignedDeclaration, CeremonyFault> {
    read_json(path, "a signed declaration", DECLARATION_FILE_BYTES_MAX)
}

/// Writes a declaration to a new file.
pub fn write_declaration(path: &Path, signed: &SignedDeclaration) -> Result<(), CeremonyFault> {
    write_json(path, signed)
}

/// Reads a founding document. It is not checked yet.
pub fn read_genesis(path: &Path) -> Result<GenesisDocument, CeremonyFault> {
    let document: GenesisDocument = read_json(path, "a founding document", GENESIS_FILE_BYTES_MAX)?;
    match document.to_bytes().len() {
        found if found > GenesisDocument::BYTES_MAX => {
            let error = Malformed::TooLong { limit: GenesisDocument::BYTES_MAX, found }.to_string();
            Err(CeremonyFault::Form { path: path.into(), what: "a founding document", error })
        }
        _ => Ok(document),
    }
}

/// Writes a founding document to a new file.
pub fn write_genesis(path: &Path, document: &GenesisDocument) -> Result<(), CeremonyFault> {
    write_json(path, document)
}

/// Reads parameters from a TOML file: what it names replaces `base`; what it does not name stays.
pub fn read_parameters(path: &Path, base: &Parameters) -> Result<Parameters, CeremonyFault> {
    let form = |error: String| CeremonyFault::Form { path: path.into(), what: "a file of parameters", error };
    let bytes = files::read(path, PARAMETERS_FILE_BYTES_MAX, Audience::Everybody)?;
    let text = std::str::from_utf8(&bytes).map_err(|error| form(error.to_string()))?;
    let named: serde_json::Map<String, serde_json::Value> = toml::from_str(text).map_err(|error| form(error.to_string()))?;
    let mut all = serde_json::to_value(base).map_err(|error| form(error.to_string()))?;
    if let Some(all) = all.as_object_mut() {
        all.extend(named);
    }
    let parameters: Parameters = serde_json::from_value(all).map_err(|error| form(error.to_string()))?;
    parameters.fault().map_or(Ok(parameters), |fault| Err(form(fault.into())))
}

/// A founding document in a few lines for people, or as JSON for programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// The chain's id: what the founders compare by voice.
    pub chain: ChainId,
    /// The ledger's name.
    pub ledger: String,
    /// The founding's time.
    pub time: Time,
    /// All voting power.
    pub power: u64,
    /// The organisations, in the document's order.
    pub organisations: Vec<OrganisationSummary>,
}

/// One organisation of a [`Summary`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OrganisationSummary {
    /// Its id.
    pub id: OrganisationId,
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: OrganisationKind,
    /// Its validator's voting power; 0 without a validator.
    pub power: u32,
    /// The consensus addresses of its peers.
    pub peers: Vec<String>,
    /// How many practitioners it brings.
    pub practitioners: usize,
}

impl Summary {
    /// The document's summary.
    pub fn of(document: &GenesisDocument) -> Self {
        let organisations: Vec<_> = document.declarations.iter().map(OrganisationSummary::of).collect();
        Self {
            chain: document.chain(),
            ledger: document.ledger.as_str().into(),
            time: document.time,
            power: organisations.iter().map(|organisation| u64::from(organisation.power)).sum(),
            organisations,
        }
    }
}

impl OrganisationSummary {
    fn of(signed: &SignedDeclaration) -> Self {
        let declaration = &signed.declaration;
        Self {
            id: declaration.organisation.id(),
            name: declaration.organisation.name.as_str().into(),
            kind: declaration.organisation.kind,
            power: declaration.validator.as_ref().map_or(0, |validator| validator.power),
            peers: declaration.peers.iter().map(|peer| peer.consensus_address.as_str().into()).collect(),
            practitioners: declaration.practitioners.len(),
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "ledger         {}", self.ledger)?;
        writeln!(f, "chain id       {}", self.chain.to_hex())?;
        writeln!(f, "time           {} ms since 1970", self.time.0)?;
        writeln!(f, "voting power   {}", self.power)?;
        for organisation in &self.organisations {
            writeln!(f, "organisation   {} ({})", organisation.name, word_of(organisation.kind))?;
            writeln!(f, "  id             {}", organisation.id.to_hex())?;
            writeln!(f, "  power          {}", organisation.power)?;
            writeln!(f, "  peers          {}", organisation.peers.join(", "))?;
            writeln!(f, "  practitioners  {}", organisation.practitioners)?;
        }
        Ok(())
    }
}

/// The kind as it is written in files.
fn word_of(kind: OrganisationKind) -> String {
    serde_json::to_value(kind).ok().and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_else(|| format!("{kind:?}"))
}

fn key_files(plan: &Plan) -> Vec<String> {
    let mut names = vec![AUTHORITY_FILE.to_owned()];
    names.extend(plan.validator_power.map(|_| VALIDATOR_FILE.to_owned()));
    names.extend((1..=plan.peers.len()).map(peer_file));
    names.extend((1..=plan.practitioners.len()).flat_map(|number| [practitioner_file(number), licence_file(number)]));
    names
}

fn make_licence(path: &Path, planned: &PlannedPractitioner, reuse: bool) -> Result<Licence, CeremonyFault> {
    if reuse && path.exists() {
        return Licence::read(path).map_err(|error| CeremonyFault::Form {
            path: path.into(),
            what: "a licence file",
            error: error.to_string(),
        });
    }
    let licence = Licence::new(planned.licence_number.clone());
    licence.write(path)?;
    Ok(licence)
}

fn declared_peer((planned, secret): (&PlannedPeer, &SecretKey)) -> Result<PeerRecord, CeremonyFault> {
    Ok(PeerRecord {
        key: secret.public(),
        kind: planned.kind,
        consensus_address: text("the consensus address", &planned.consensus_address)?,
        exchange_address: text("the exchange address", &planned.exchange_address)?,
    })
}

fn declared_practitioner((planned, (secret, licence)): (&PlannedPractitioner, &(SecretKey, Licence))) -> DeclaredPractitioner {
    DeclaredPractitioner { key: secret.public(), role: planned.role, licence: licence.hash(), validity: planned.validity }
}

/// No organisation stands twice, and no key.
fn check_apart(parts: &[(PathBuf, SignedDeclaration)]) -> Result<(), CeremonyFault> {
    for (index, (second, signed)) in parts.iter().enumerate() {
        let keys = signed.declaration.keys();
        for (first, earlier) in &parts[..index] {
            let (first, second) = (first.clone(), second.clone());
            if id_of(earlier) == id_of(signed) {
                return Err(CeremonyFault::Twice { organisation: name_of(signed), first, second });
            }
            if earlier.declaration.keys().iter().any(|key| keys.contains(key)) {
                return Err(CeremonyFault::SharedKey { first, second });
            }
        }
    }
    Ok(())
}

fn id_of(signed: &SignedDeclaration) -> OrganisationId {
    signed.declaration.organisation.id()
}

fn name_of(signed: &SignedDeclaration) -> String {
    signed.declaration.organisation.name.as_str().into()
}

fn text<const MAX: usize>(what: &'static str, text: &str) -> Result<Text<MAX>, CeremonyFault> {
    Text::new(text).map_err(|error| CeremonyFault::Plan { what, error: error.to_string() })
}

fn list<T, const MAX: usize>(what: &'static str, elements: Vec<T>) -> Result<List<T, MAX>, CeremonyFault> {
    let found = elements.len();
    List::new(elements).map_err(|_| CeremonyFault::Plan { what, error: format!("{found} are more than the {MAX} allowed") })
}

fn read_json<T: DeserializeOwned>(path: &Path, what: &'static str, limit: u64) -> Result<T, CeremonyFault> {
    let bytes = files::read(path, limit, Audience::Everybody)?;
    serde_json::from_slice(&bytes).map_err(|error| CeremonyFault::Form { path: path.into(), what, error: error.to_string() })
}

fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<(), CeremonyFault> {
    let form = |error: serde_json::Error| CeremonyFault::Form { path: path.into(), what: "writable", error: error.to_string() };
    let mut bytes = serde_json::to_vec_pretty(value).map_err(form)?;
    bytes.push(b'\n');
    Ok(files::create(path, &bytes, Audience::Everybody)?)
}
