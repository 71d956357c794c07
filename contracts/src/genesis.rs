//! The founding: what each organisation declares and signs at home, the document that joins the declarations, and the state
//! that follows from it. The document's hash is the chain's id.

use std::collections::{BTreeMap, BTreeSet};

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use crate::block::Tip;
use crate::bytes::{Canonical, List, Text, encode};
use crate::history::HistoryReader;
use crate::id::{BlockId, ChainId, Hash};
use crate::key::{Claim, PublicKey, SecretKey, Signature};
use crate::organisation::{Organisation, OrganisationProfile, Peer, PeerRecord, Practitioner, Role, Standing};
use crate::parameters::Parameters;
use crate::state::{Clock, KeyUse, Members, StateFault, StateKey};
use crate::tag::Tag;
use crate::time::{Height, Time, Validity};
use crate::tree::{self, TreeStore, TreeUpdate};
use crate::validator::{Validator, ValidatorSet};

/// The validator that an organisation brings to the founding.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeclaredValidator {
    /// Its consensus key.
    pub key: PublicKey,
    /// Its voting power.
    pub power: u32,
}

/// A practitioner that an organisation brings to the founding.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeclaredPractitioner {
    /// The practitioner's first key.
    pub key: PublicKey,
    /// The role.
    pub role: Role,
    /// A salted hash of the licence.
    pub licence: Hash,
    /// When the practitioner may act.
    pub validity: Validity,
}

/// What one organisation brings to the founding.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Declaration {
    /// The name of the ledger that is being founded.
    pub ledger: Text<64>,
    /// The organisation.
    pub organisation: OrganisationProfile,
    /// Its validator, if it runs one.
    pub validator: Option<DeclaredValidator>,
    /// Its machines.
    pub peers: List<PeerRecord, 16>,
    /// Its practitioners.
    pub practitioners: List<DeclaredPractitioner, 64>,
}

impl Declaration {
    /// Every key in the declaration, the authority first, in the order in which they stand.
    pub fn keys(&self) -> Vec<PublicKey> {
        let mut keys = vec![self.organisation.authority];
        keys.extend(self.validator.iter().map(|validator| validator.key));
        keys.extend(self.peers.iter().map(|peer| peer.key));
        keys.extend(self.practitioners.iter().map(|practitioner| practitioner.key));
        keys
    }

    /// One key's signature of the declaration.
    pub fn sign(&self, secret: &SecretKey) -> Signature {
        secret.sign(Tag::DECLARATION, &encode(self))
    }
}

impl Canonical for Declaration {
    const BYTES_MAX: usize = 32 * 1024;
}

/// A declaration that every key in it has signed, so nobody declares a key that is not theirs.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedDeclaration {
    /// What is declared.
    pub declaration: Declaration,
    /// One signature for each of [`Declaration::keys`], in that order.
    pub signatures: List<Signature, 96>,
}

impl Canonical for SignedDeclaration {
    const BYTES_MAX: usize = 40 * 1024;
}

impl SignedDeclaration {
    /// Checks the declaration by itself: its keys, its addresses, its signatures.
    pub fn check(&self) -> Result<(), BadGenesis> {
        let declaration = &self.declaration;
        let name = declaration.organisation.name.as_str().to_owned();
        let fault = |what: String| BadGenesis::Declaration { organisation: name.clone(), what };
        if declaration.organisation.name.as_str().trim().is_empty() {
            return Err(fault("the organisation has no name".into()));
        }
        let keys = declaration.keys();
        if keys.iter().collect::<BTreeSet<_>>().len() != keys.len() {
            return Err(fault("a key stands twice".into()));
        }
        if let Some(key) = keys.iter().find(|key| key.is_weak()) {
            return Err(fault(format!("key {key:?} is not a sound Ed25519 key")));
        }
        if declaration.validator.as_ref().is_some_and(|validator| validator.power == 0) {
            return Err(fault("the validator has no voting power".into()));
        }
        for peer in &declaration.peers {
            for address in [&peer.consensus_address, &peer.exchange_address] {
                if !is_peer_address(address.as_str()) {
                    return Err(fault(format!("{address:?} is not /ip4/…/tcp/… or /ip6/…/tcp/…")));
                }
            }
        }
        if declaration.practitioners.iter().any(|practitioner| practitioner.validity.is_empty()) {
            return Err(fault("a practitioner's validity ends before it begins".into()));
        }
        if self.signatures.len() != keys.len() {
            return Err(fault(format!("{} signatures for {} keys", self.signatures.len(), keys.len())));
        }
        let statement = encode(declaration);
        for (key, signature) in keys.iter().zip(&self.signatures) {
            if !Claim::new(*key, Tag::DECLARATION, &statement, *signature).holds() {
                return Err(fault(format!("the signature of key {key:?} does not verify")));
            }
        }
        Ok(())
    }
}

/// Is this `/ip4/a.b.c.d/tcp/n` or `/ip6/…/tcp/n` (rule T-14)? Names are refused: peers are found by address only.
pub fn is_peer_address(address: &str) -> bool {
    let parts: Vec<&str> = address.split('/').collect();
    let [empty, family, host, tcp, port] = parts.as_slice() else { return false };
    let host_is_sound = match *family {
        "ip4" => host.parse::<std::net::Ipv4Addr>().is_ok(),
        "ip6" => host.parse::<std::net::Ipv6Addr>().is_ok(),
        _ => false,
    };
    // The port in one spelling: no sign, no leading zero.
    let port_is_sound = port.parse::<u16>().is_ok_and(|number| number != 0 && number.to_string() == *port);
    empty.is_empty() && host_is_sound && *tcp == "tcp" && port_is_sound
}

/// The founding document.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenesisDocument {
    /// The ledger's name.
    pub ledger: Text<64>,
    /// The founding's time; no block is earlier.
    pub time: Time,
    /// The parameters from the start.
    pub parameters: Parameters,
    /// The founders' declarations, sorted by organisation id.
    pub declarations: List<SignedDeclaration, 256>,
}

impl Canonical for GenesisDocument {
    const BYTES_MAX: usize = 8 * 1024 * 1024;
}

/// Why declarations do not found a ledger.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadGenesis {
    /// One declaration is at fault.
    #[error("declaration of {organisation:?}: {what}")]
    Declaration {
        /// Whose.
        organisation: String,
        /// What is wrong with it.
        what: String,
    },
    /// A declaration is for another ledger.
    #[error("declaration of {organisation:?} is for the ledger {found:?}; this one is {expected:?}")]
    OtherLedger {
        /// Whose.
        organisation: String,
        /// The ledger being founded.
        expected: String,
        /// The ledger named.
        found: String,
    },
    /// Declarations are not sorted, or an organisation stands twice.
    #[error("declarations are not in strict order of organisation ids (an organisation may stand twice)")]
    Order,
    /// Two declarations share a key.
    #[error("key {0:?} stands in two declarations")]
    SharedKey(PublicKey),
    /// The parameters break a bound.
    #[error("parameters: {0}")]
    Parameters(&'static str),
    /// The validators do not make a set that can be trusted.
    #[error("validators: {0}")]
    Validators(String),
}

impl GenesisDocument {
    /// The chain's id.
    pub fn chain(&self) -> ChainId {
        Tag::GENESIS.hash(&[&self.to_bytes()]).into()
    }

    /// Checks every part and the whole; returns the first validator set.
    pub fn check(&self) -> Result<ValidatorSet, BadGenesis> {
        if let Some(fault) = self.parameters.fault() {
            return Err(BadGenesis::Parameters(fault));
        }
        let mut keys = BTreeSet::new();
        let mut validators = Vec::new();
        for signed in &self.declarations {
            signed.check()?;
            let declaration = &signed.declaration;
            let name = declaration.organisation.name.as_str().to_owned();
            if declaration.ledger != self.ledger {
                let (expected, found) = (self.ledger.as_str().to_owned(), declaration.ledger.as_str().to_owned());
                return Err(BadGenesis::OtherLedger { organisation: name, expected, found });
            }
            if declaration.peers.len() > usize::from(self.parameters.peers_max) {
                return Err(BadGenesis::Declaration { organisation: name, what: "more peers than peers_max".into() });
            }
            if let Some(key) = declaration.keys().into_iter().find(|key| !keys.insert(*key)) {
                return Err(BadGenesis::SharedKey(key));
            }
            let organisation = declaration.organisation.id();
            validators.extend(declaration.validator.iter().map(|validator| Validator {
                key: validator.key,
                organisation,
                power: validator.power,
            }));
        }
        if !self.declarations.windows(2).all(|pair| pair[0].declaration.organisation.id() < pair[1].declaration.organisation.id())
        {
            return Err(BadGenesis::Order);
        }
        let validators = ValidatorSet::new(validators).map_err(|error| BadGenesis::Validators(error.to_string()))?;
        let (found, needed) = (validators.validators().len(), usize::from(self.parameters.validators_min));
        if found < needed {
            return Err(BadGenesis::Validators(format!("{found} validators; the parameters ask for {needed}")));
        }
        match validators_fault(&validators) {
            Some(fault) => Err(BadGenesis::Validators(fault.into())),
            None => Ok(validators),
        }
    }

    /// The state of height 0. Call [`Self::check`] first.
    pub fn state(&self, validators: &ValidatorSet) -> BTreeMap<StateKey, Option<Vec<u8>>> {
        let mut writes = BTreeMap::new();
        let mut members = Vec::new();
        let mut put = |key: StateKey, bytes: Vec<u8>| writes.insert(key, Some(bytes));
        for signed in &self.declarations {
            let declaration = &signed.declaration;
            let id = declaration.organisation.id();
            members.push(id);
            let organisation = Organisation {
                profile: declaration.organisation.clone(),
                standing: Standing::Active,
                since: Height(0),
                peers: declaration.peers.len() as u16,
            };
            put(StateKey::Organisation(id), organisation.to_bytes());
            put(StateKey::Key(declaration.organisation.authority), KeyUse::Authority(id).to_bytes());
            if let Some(validator) = &declaration.validator {
                put(StateKey::Key(validator.key), KeyUse::Validator(id).to_bytes());
            }
            for record in &declaration.peers {
                put(StateKey::Key(record.key), KeyUse::Peer(id).to_bytes());
                put(StateKey::Peer(record.key), Peer { organisation: id, record: record.clone() }.to_bytes());
            }
            for declared in &declaration.practitioners {
                let practitioner_id = Practitioner::id_of(&declared.key);
                let practitioner = Practitioner {
                    organisation: id,
                    key: declared.key,
                    role: declared.role,
                    licence: declared.licence,
                    validity: declared.validity,
                    standing: Standing::Active,
                };
                put(StateKey::Key(declared.key), KeyUse::Practitioner(practitioner_id).to_bytes());
                put(StateKey::Practitioner(practitioner_id), practitioner.to_bytes());
            }
        }
        // At most 256 declarations, so the list of members takes them all.
        put(StateKey::Members, Members(List::new(members).unwrap_or_default()).to_bytes());
        put(StateKey::Parameters, self.parameters.to_bytes());
        put(StateKey::Validators, validators.to_bytes());
        put(StateKey::Clock, Clock { height: Height(0), time: self.time }.to_bytes());
        writes
    }

    /// Everything a node stores before its first block.
    pub fn found(&self) -> Result<Founding, FoundingFault> {
        let validators = self.check()?;
        let chain = self.chain();
        let state = self.state(&validators);
        let (state_root, tree) = tree::update(&Nothing, Height(0), &state)?;
        let block = BlockId(chain.0);
        let history = crate::history::append(&Nothing, 0, &block).map_err(|error| StateFault(error.to_string()))?;
        let tip = Tip { height: Height(0), block, time: self.time };
        Ok(Founding { chain, tip, validators, state, state_root, tree, history })
    }
}

/// What is wrong with a validator set as a whole (rule T-23). Among four or more validators none may hold a third of the
/// power, and among four or more organisations none may hold it with all its validators together: it could halt the ledger
/// alone.
pub fn validators_fault(validators: &ValidatorSet) -> Option<&'static str> {
    let mut organisations = BTreeMap::<_, u64>::new();
    for validator in validators.validators() {
        *organisations.entry(validator.organisation).or_default() += u64::from(validator.power);
    }
    // At most 256 powers of 32 bits each: three times their sum fits 64 bits.
    let reaches_a_third = |power: u64| power * 3 >= validators.power();
    if validators.validators().len() >= 4 && validators.validators().iter().any(|one| reaches_a_third(u64::from(one.power))) {
        Some("one validator holds a third of the voting power or more")
    } else if organisations.len() >= 4 && organisations.values().any(|power| reaches_a_third(*power)) {
        Some("one organisation's validators hold a third of the voting power or more")
    } else {
        None
    }
}

/// What a node stores before its first block.
#[derive(Debug, Clone)]
pub struct Founding {
    /// The chain's id.
    pub chain: ChainId,
    /// Height 0.
    pub tip: Tip,
    /// The first validator set.
    pub validators: ValidatorSet,
    /// The state's objects.
    pub state: BTreeMap<StateKey, Option<Vec<u8>>>,
    /// The state tree's root.
    pub state_root: Hash,
    /// The state tree's nodes.
    pub tree: TreeUpdate,
    /// The history's hashes.
    pub history: Vec<(u64, Hash)>,
}

/// Why a founding cannot be computed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FoundingFault {
    /// The document is at fault.
    #[error(transparent)]
    Genesis(#[from] BadGenesis),
    /// Our own bug: an empty tree could not be extended.
    #[error(transparent)]
    State(#[from] StateFault),
}

/// The store before the founding.
struct Nothing;

impl TreeStore for Nothing {
    fn tree_node(&self, _key: &[u8]) -> Result<Option<Vec<u8>>, StateFault> {
        Ok(None)
    }
}

impl HistoryReader for Nothing {
    fn history_hash(&self, _index: u64) -> Option<Hash> {
        None
    }
}
