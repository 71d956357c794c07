//! The state: every object under one key. All keys of the ledger stand in this file.
//!
//! Objects marked *proved* are leaves of the state tree (rule L-3). The others follow from journals or from proved objects,
//! and are kept only so that execution finds them.

use std::collections::BTreeMap;
use std::ops::Bound;

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use crate::account::Account;
use crate::bytes::{Canonical, List};
use crate::id::{ConsultId, Hash, Label, OrganisationId, PractitionerId, ProposalId, RecordId, TransactionId};
use crate::key::PublicKey;
use crate::organisation::{Organisation, Peer, Practitioner};
use crate::parameters::Parameters;
use crate::proposal::Proposal;
use crate::record::Record;
use crate::tag::Tag;
use crate::time::{Height, Time};
use crate::validator::ValidatorSet;

/// Where an object of the state stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum StateKey {
    /// The last block's height and time ([`Clock`]). Proved.
    Clock = 1,
    /// The parameters ([`Parameters`]). Proved.
    Parameters = 2,
    /// The validator set of the next block ([`ValidatorSet`]). Proved.
    Validators = 3,
    /// The ids of all members, suspended ones too ([`Members`]). Proved.
    Members = 4,
    /// Disaster windows ([`Disasters`]). Proved.
    Disasters = 5,
    /// An organisation ([`Organisation`]). Proved.
    Organisation(OrganisationId) = 10,
    /// A practitioner ([`Practitioner`]). Proved.
    Practitioner(PractitionerId) = 11,
    /// A peer ([`Peer`]). Proved.
    Peer(PublicKey) = 12,
    /// A governance proposal ([`Proposal`]). Proved.
    Proposal(ProposalId) = 13,
    /// Evidence against a validator for a height ([`EvidenceTaken`]). Proved.
    Evidence(PublicKey, Height) = 14,
    /// An organisation's emergencies ([`EmergencyDesk`]). Proved.
    EmergencyDesk(OrganisationId) = 15,
    /// An account ([`Account`]). Proved.
    Account(Label) = 40,
    /// A record ([`Record`]). Follows from the account's journal.
    Record(Label, RecordId) = 70,
    /// An account's grants, seals and consults ([`Consent`]). Follows from the account's journal.
    Consent(Label) = 71,
    /// On which account a consult is ([`ConsultPlace`]). Follows from the account's journal.
    Consult(ConsultId) = 72,
    /// A granted access ([`Access`]). Follows from the account's journal.
    Access(TransactionId) = 73,
    /// The review of an emergency access ([`Review`]). Follows from the account's journal.
    Review(TransactionId) = 74,
    /// To what a registered key belongs ([`KeyUse`]).
    Key(PublicKey) = 100,
}

impl StateKey {
    /// The key's bytes in a store: one byte for the kind, then the ids.
    pub fn to_bytes(&self) -> Vec<u8> {
        crate::bytes::encode(self)
    }

    /// Is the object a leaf of the state tree?
    pub fn is_proved(&self) -> bool {
        !matches!(self, Self::Record(..) | Self::Consent(_) | Self::Consult(_) | Self::Access(_) | Self::Review(_) | Self::Key(_))
    }

    /// Where the object stands in the state tree.
    pub fn tree_key(&self) -> Hash {
        Tag::STATE_KEY.hash(&[&self.to_bytes()])
    }

    /// The prefix of all organisations' keys in a store.
    pub const ORGANISATION_PREFIX: u8 = 10;
    /// The prefix of all practitioners' keys in a store.
    pub const PRACTITIONER_PREFIX: u8 = 11;
    /// The prefix of all peers' keys in a store.
    pub const PEER_PREFIX: u8 = 12;
    /// The prefix of all proposals' keys in a store.
    pub const PROPOSAL_PREFIX: u8 = 13;
    /// The prefix of all evidence's keys in a store.
    pub const EVIDENCE_PREFIX: u8 = 14;

    /// The prefix of all granted accesses' keys in a store.
    pub const ACCESS_PREFIX: u8 = 73;
    /// The prefix of all reviews' keys in a store.
    pub const REVIEW_PREFIX: u8 = 74;

    /// The prefix of the keys of one account's records in a store.
    pub fn records_prefix(account: &Label) -> Vec<u8> {
        let mut prefix = vec![70];
        prefix.extend_from_slice(&account.0);
        prefix
    }
}

/// The last block's height and time, as a leaf: it gives every block a change, so tree versions are heights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Clock {
    /// The block's height.
    pub height: Height,
    /// The block's time.
    pub time: Time,
}

/// Most members of a consortium, suspended ones included.
pub const MEMBERS_MAX: usize = 1024;

/// The ids of all members, sorted.
#[derive(Debug, Clone, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Members(pub List<OrganisationId, MEMBERS_MAX>);

/// On which account a consult is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct ConsultPlace {
    /// The account.
    pub account: Label,
}

/// To what a key belongs (rule T-6). Account keys are not listed: nothing may tie two accounts together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyUse {
    /// An organisation's authority, now or once.
    Authority(OrganisationId),
    /// A practitioner's key, now or once.
    Practitioner(PractitionerId),
    /// A peer's network identity.
    Peer(OrganisationId),
    /// A validator's consensus key, now or once.
    Validator(OrganisationId),
}

/// That evidence against a validator for a height was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct EvidenceTaken {
    /// The transaction that brought it.
    pub transaction: TransactionId,
    /// The block that took it.
    pub height: Height,
    /// Whose validator it was.
    pub organisation: OrganisationId,
}

impl Canonical for Clock {
    const BYTES_MAX: usize = 16;
}
impl Canonical for Members {
    const BYTES_MAX: usize = 4 + MEMBERS_MAX * 32;
}
impl Canonical for ConsultPlace {
    const BYTES_MAX: usize = 32;
}
impl Canonical for KeyUse {
    const BYTES_MAX: usize = 33;
}
impl Canonical for EvidenceTaken {
    const BYTES_MAX: usize = 72;
}

/// The store failed, or holds bytes that are not what they should be. The node stops: it must not guess.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the state cannot be read: {0}")]
pub struct StateFault(pub String);

/// A stored key's bytes and its object's bytes.
pub type Row = (Vec<u8>, Vec<u8>);

/// Committed state, as execution reads it.
pub trait StateReader {
    /// The object's bytes under `key` ([`StateKey::to_bytes`]).
    fn read(&self, key: &StateKey) -> Result<Option<Vec<u8>>, StateFault>;

    /// The objects under the keys that begin with `prefix` and come after `after`, in the order of their keys' bytes: at most
    /// `limit` of them.
    fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Row>, StateFault>;

    /// Was this transaction committed in a block whose time is not yet past the transaction's `void_after`?
    fn is_committed(&self, id: &TransactionId) -> Result<bool, StateFault>;
}

/// Reads one object from committed state.
pub fn load<T: Canonical>(reader: &(impl StateReader + ?Sized), key: &StateKey) -> Result<Option<T>, StateFault> {
    match reader.read(key)? {
        None => Ok(None),
        Some(bytes) => T::from_bytes(&bytes).map(Some).map_err(|error| StateFault(format!("{key:?}: {error}"))),
    }
}

/// Committed state plus what the block under execution has written so far.
pub struct Working<'a> {
    reader: &'a dyn StateReader,
    writes: BTreeMap<StateKey, Option<Vec<u8>>>,
}

impl<'a> Working<'a> {
    /// Nothing written yet.
    pub fn new(reader: &'a dyn StateReader) -> Self {
        Self { reader, writes: BTreeMap::new() }
    }

    /// What was written, in the order of keys; `None` removes the object.
    pub fn into_writes(self) -> BTreeMap<StateKey, Option<Vec<u8>>> {
        self.writes
    }

    /// Reads one object.
    pub fn load<T: Canonical>(&self, key: &StateKey) -> Result<Option<T>, StateFault> {
        match self.writes.get(key) {
            Some(None) => Ok(None),
            Some(Some(bytes)) => T::from_bytes(bytes).map(Some).map_err(|error| StateFault(format!("{key:?}: {error}"))),
            None => load(self.reader, key),
        }
    }

    /// Writes one object.
    pub fn save<T: Canonical>(&mut self, key: StateKey, value: &T) {
        self.writes.insert(key, Some(value.to_bytes()));
    }

    /// Removes one object.
    pub fn remove(&mut self, key: StateKey) {
        self.writes.insert(key, None);
    }

    /// Reads the parameters, which every founded ledger has.
    pub fn parameters(&self) -> Result<Parameters, StateFault> {
        self.load(&StateKey::Parameters)?.ok_or_else(|| StateFault("no parameters".into()))
    }

    /// Reads the validator set, which every founded ledger has.
    pub fn validators(&self) -> Result<ValidatorSet, StateFault> {
        self.load(&StateKey::Validators)?.ok_or_else(|| StateFault("no validators".into()))
    }

    /// Reads the members, which every founded ledger has.
    pub fn members(&self) -> Result<Members, StateFault> {
        self.load(&StateKey::Members)?.ok_or_else(|| StateFault("no members".into()))
    }

    /// Reads an organisation.
    pub fn organisation(&self, id: &OrganisationId) -> Result<Option<Organisation>, StateFault> {
        self.load(&StateKey::Organisation(*id))
    }

    /// Reads a practitioner.
    pub fn practitioner(&self, id: &PractitionerId) -> Result<Option<Practitioner>, StateFault> {
        self.load(&StateKey::Practitioner(*id))
    }

    /// Reads a peer.
    pub fn peer(&self, key: &PublicKey) -> Result<Option<Peer>, StateFault> {
        self.load(&StateKey::Peer(*key))
    }

    /// Reads a proposal.
    pub fn proposal(&self, id: &ProposalId) -> Result<Option<Proposal>, StateFault> {
        self.load(&StateKey::Proposal(*id))
    }

    /// Reads an account.
    pub fn account(&self, label: &Label) -> Result<Option<Account>, StateFault> {
        self.load(&StateKey::Account(*label))
    }

    /// Reads a record.
    pub fn record(&self, account: &Label, id: &RecordId) -> Result<Option<Record>, StateFault> {
        self.load(&StateKey::Record(*account, *id))
    }

    /// Up to `limit` of an account's records in the order of their ids, those after `after` if it is given.
    pub fn records(
        &self,
        account: &Label,
        after: Option<&RecordId>,
        limit: usize,
    ) -> Result<Vec<(RecordId, Record)>, StateFault> {
        let prefix = StateKey::records_prefix(account);
        let start = after.map(|id| StateKey::Record(*account, *id));
        let from = start
            .as_ref()
            .map_or(Bound::Included(StateKey::Record(*account, RecordId([0; 32]))), |key| Bound::Excluded(key.clone()));
        let to = Bound::Included(StateKey::Record(*account, RecordId([0xFF; 32])));
        // What this block has written stands over what was committed. Records are never removed.
        let mut found: BTreeMap<StateKey, Vec<u8>> =
            self.writes.range((from, to)).filter_map(|(key, value)| Some((key.clone(), value.clone()?))).take(limit).collect();
        for (key, value) in self.reader.scan(&prefix, start.map(|key| key.to_bytes()).as_deref(), limit)? {
            let key: StateKey = borsh::from_slice(&key).map_err(|error| StateFault(error.to_string()))?;
            found.entry(key).or_insert(value);
        }
        let mut records = Vec::with_capacity(found.len().min(limit));
        for (key, value) in found.into_iter().take(limit) {
            let StateKey::Record(_, id) = key else { continue };
            let record = Record::from_bytes(&value).map_err(|error| StateFault(error.to_string()))?;
            records.push((id, record));
        }
        Ok(records)
    }
}
