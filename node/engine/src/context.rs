//! Our types in the engine's terms. The engine's traits cannot be implemented on types of other crates, so each type here
//! wraps one of `inro-contracts`.

use std::fmt;

use borsh::{BorshDeserialize, BorshSerialize};
use bytes::Bytes;
use inro_contracts::block::Header;
use inro_contracts::certificate::{Certificate, CommitSignature};
use inro_contracts::id::{BlockId, ChainId};
use inro_contracts::key::{PublicKey, SecretKey, Signature};
use inro_contracts::validator::{Validator, ValidatorSet};
use inro_contracts::vote::{ProposalStatement, VoteKind, VoteStatement};
use malachite_core_types as engine;
use malachite_core_types::{CommitCertificate, LinearTimeouts, NilOrVal, Round, SignedExtension, SigningScheme, VoteType};

/// Our choice of types for the engine.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Context;

/// A height.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, BorshSerialize, BorshDeserialize)]
pub(crate) struct Height(pub u64);

/// A validator's address: its consensus key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub(crate) struct Address(pub PublicKey);

/// The value that is decided: a block's header. Headers are compared by their ids.
#[derive(Debug, Clone, BorshSerialize)]
pub(crate) struct Value {
    pub header: Header,
    #[borsh(skip)]
    id: ValueId,
}

/// A block's id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub(crate) struct ValueId(pub BlockId);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    address: Address,
    power: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Members {
    members: Vec<Member>,
    power: u64,
}

/// One part of a proposed block.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) enum Part {
    /// The first part: which block this is.
    Init { height: Height, round: u32, header: Box<Header>, body_bytes: u32 },
    /// A piece of the body.
    Data(Vec<u8>),
}

#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct Proposal {
    pub height: Height,
    pub round: Round,
    pub value: Value,
    pub pol_round: Round,
    pub address: Address,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub(crate) struct Vote {
    pub kind: VoteType,
    pub height: Height,
    pub round: Round,
    pub value: NilOrVal<ValueId>,
    pub address: Address,
}

/// The signature scheme's name for the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ed25519;

impl Value {
    pub fn new(header: Header) -> Self {
        let id = ValueId(header.id());
        Self { header, id }
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}
impl Eq for Value {}
impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Value {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.id.cmp(&other.id)
    }
}
impl BorshDeserialize for Value {
    fn deserialize_reader<R: std::io::Read>(reader: &mut R) -> std::io::Result<Self> {
        Header::deserialize_reader(reader).map(Self::new)
    }
}
impl engine::Value for Value {
    type Id = ValueId;
    fn id(&self) -> ValueId {
        self.id
    }
}

impl fmt::Debug for ValueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_hex()[..12])
    }
}
impl fmt::Display for ValueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_hex()[..12])
    }
}
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
impl engine::Address for Address {}

impl fmt::Display for Height {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
impl engine::Height for Height {
    const ZERO: Self = Self(0);
    const INITIAL: Self = Self(1);
    fn increment_by(&self, n: u64) -> Self {
        Self(self.0.saturating_add(n))
    }
    fn decrement_by(&self, n: u64) -> Option<Self> {
        self.0.checked_sub(n).map(Self)
    }
    fn as_u64(&self) -> u64 {
        self.0
    }
}

impl engine::Validator<Context> for Member {
    fn address(&self) -> &Address {
        &self.address
    }
    fn public_key(&self) -> &PublicKey {
        &self.address.0
    }
    fn voting_power(&self) -> u64 {
        self.power
    }
}

impl From<&ValidatorSet> for Members {
    fn from(validators: &ValidatorSet) -> Self {
        let member = |validator: &Validator| Member { address: Address(validator.key), power: validator.power.into() };
        Self { members: validators.validators().iter().map(member).collect(), power: validators.power() }
    }
}
impl engine::ValidatorSet<Context> for Members {
    fn count(&self) -> usize {
        self.members.len()
    }
    fn total_voting_power(&self) -> u64 {
        self.power
    }
    fn get_by_address(&self, address: &Address) -> Option<&Member> {
        self.members.binary_search_by_key(address, |member| member.address).ok().map(|index| &self.members[index])
    }
    fn get_by_index(&self, index: usize) -> Option<&Member> {
        self.members.get(index)
    }
}

impl engine::ProposalPart<Context> for Part {
    fn is_first(&self) -> bool {
        matches!(self, Self::Init { .. })
    }
    fn is_last(&self) -> bool {
        false
    }
}

impl engine::Proposal<Context> for Proposal {
    fn height(&self) -> Height {
        self.height
    }
    fn round(&self) -> Round {
        self.round
    }
    fn value(&self) -> &Value {
        &self.value
    }
    fn take_value(self) -> Value {
        self.value
    }
    fn pol_round(&self) -> Round {
        self.pol_round
    }
    fn validator_address(&self) -> &Address {
        &self.address
    }
}

impl Proposal {
    pub fn statement(&self, chain: &ChainId) -> Option<ProposalStatement> {
        Some(ProposalStatement {
            chain: *chain,
            height: inro_contracts::time::Height(self.height.0),
            round: self.round.as_u32()?,
            valid_round: self.pol_round.as_u32(),
            block: self.value.id.0,
            validator: self.address.0,
        })
    }
}

impl engine::Vote<Context> for Vote {
    fn height(&self) -> Height {
        self.height
    }
    fn round(&self) -> Round {
        self.round
    }
    fn value(&self) -> &NilOrVal<ValueId> {
        &self.value
    }
    fn take_value(self) -> NilOrVal<ValueId> {
        self.value
    }
    fn vote_type(&self) -> VoteType {
        self.kind
    }
    fn validator_address(&self) -> &Address {
        &self.address
    }
    // The ledger has no vote extensions.
    fn extension(&self) -> Option<&SignedExtension<Context>> {
        None
    }
    fn take_extension(&mut self) -> Option<SignedExtension<Context>> {
        None
    }
    fn extend(self, _extension: SignedExtension<Context>) -> Self {
        self
    }
}

impl Vote {
    /// What is signed; `None` for a vote outside any round, which nobody signs.
    pub fn statement(&self, chain: &ChainId) -> Option<VoteStatement> {
        Some(VoteStatement {
            chain: *chain,
            kind: match self.kind {
                VoteType::Prevote => VoteKind::Prevote,
                VoteType::Precommit => VoteKind::Precommit,
            },
            height: inro_contracts::time::Height(self.height.0),
            round: self.round.as_u32()?,
            block: match self.value {
                NilOrVal::Nil => None,
                NilOrVal::Val(id) => Some(id.0),
            },
            validator: self.address.0,
        })
    }
}

/// A signature or key whose bytes have the wrong length.
#[derive(Debug, thiserror::Error)]
#[error("wrong length")]
pub(crate) struct WrongLength;

impl SigningScheme for Ed25519 {
    type DecodingError = WrongLength;
    type Signature = Signature;
    type PublicKey = PublicKey;
    type PrivateKey = SecretKey;
    fn decode_signature(bytes: &[u8]) -> Result<Signature, WrongLength> {
        bytes.try_into().map(Signature).map_err(|_| WrongLength)
    }
    fn encode_signature(signature: &Signature) -> Vec<u8> {
        signature.0.to_vec()
    }
    fn decode_public_key(bytes: &[u8]) -> Result<PublicKey, WrongLength> {
        bytes.try_into().map(PublicKey).map_err(|_| WrongLength)
    }
    fn encode_public_key(key: &PublicKey) -> Vec<u8> {
        key.0.to_vec()
    }
}

impl engine::Context for Context {
    type Address = Address;
    type Height = Height;
    type ProposalPart = Part;
    type Proposal = Proposal;
    type Validator = Member;
    type ValidatorSet = Members;
    type Timeouts = LinearTimeouts;
    type Value = Value;
    type Vote = Vote;
    type Extension = Bytes;
    type SigningScheme = Ed25519;

    /// Validators take turns, by height and round.
    fn select_proposer<'a>(&self, validators: &'a Members, height: Height, round: Round) -> &'a Member {
        let turn = height.0.wrapping_add(u64::from(round.as_u32().unwrap_or(0)));
        // A validator set is never empty (`ValidatorSet::new`), so the remainder is a place in it.
        &validators.members[(turn % validators.members.len() as u64) as usize]
    }

    fn new_proposal(&self, height: Height, round: Round, value: Value, pol_round: Round, address: Address) -> Proposal {
        Proposal { height, round, value, pol_round, address }
    }

    fn new_prevote(&self, height: Height, round: Round, value: NilOrVal<ValueId>, address: Address) -> Vote {
        Vote { kind: VoteType::Prevote, height, round, value, address }
    }

    fn new_precommit(&self, height: Height, round: Round, value: NilOrVal<ValueId>, address: Address) -> Vote {
        Vote { kind: VoteType::Precommit, height, round, value, address }
    }
}

/// The engine's certificate as ours; `None` if it has no round or too many signatures, which the engine never makes.
pub(crate) fn certificate_from(engine: &CommitCertificate<Context>) -> Option<Certificate> {
    let mut signatures: Vec<CommitSignature> = engine
        .commit_signatures
        .iter()
        .map(|part| CommitSignature { validator: part.address.0, signature: part.signature })
        .collect();
    signatures.sort_by_key(|part| part.validator);
    signatures.dedup_by_key(|part| part.validator);
    Some(Certificate {
        height: inro_contracts::time::Height(engine.height.0),
        round: engine.round.as_u32()?,
        block: engine.value_id.0,
        signatures: inro_contracts::bytes::List::new(signatures).ok()?,
    })
}
