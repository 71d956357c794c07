//! Governance: what members propose and vote on.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use crate::bytes::{Canonical, List, Text};
use crate::id::OrganisationId;
use crate::key::{PublicKey, Signature};
use crate::organisation::OrganisationProfile;
use crate::parameters::Parameters;
use crate::time::Time;

/// A change that needs the members' consent: more than two thirds of the active organisations.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[repr(u8)]
pub enum Change {
    /// Admit a new organisation.
    AdmitOrganisation {
        /// What it says of itself.
        profile: OrganisationProfile,
        /// Its authority key's proof of possession.
        possession: Signature,
    } = 1,
    /// Cut an organisation off: its practitioners, peers and validators.
    SuspendOrganisation {
        /// Which.
        organisation: OrganisationId,
        /// Why, in words that name no person.
        reason: Text<200>,
    } = 2,
    /// Let a suspended organisation act again.
    ReinstateOrganisation {
        /// Which.
        organisation: OrganisationId,
    } = 3,
    /// Give an organisation that lost its authority key a new one.
    ReplaceAuthority {
        /// Which.
        organisation: OrganisationId,
        /// The new authority key.
        key: PublicKey,
        /// The new key's proof of possession.
        possession: Signature,
    } = 4,
    /// Add a validator, or change its voting power.
    SetValidator {
        /// Whose validator.
        organisation: OrganisationId,
        /// Its consensus key.
        key: PublicKey,
        /// Its voting power, at least 1.
        power: u32,
        /// The consensus key's proof of possession.
        possession: Signature,
    } = 5,
    /// Take a validator out of the set.
    RemoveValidator {
        /// Its consensus key.
        key: PublicKey,
    } = 6,
    /// Change the parameters.
    SetParameters(Parameters) = 7,
    /// Declare a disaster: the emergency accesses of these organisations have no quota until it ends by itself.
    DeclareDisaster {
        /// Where.
        area: Text<60>,
        /// Whose.
        organisations: List<OrganisationId, 64>,
        /// How long, from the deciding vote on, in milliseconds.
        duration_ms: u64,
    } = 8,
}

/// A proposal in the ledger's state.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Proposal {
    /// Who proposed it.
    pub proposer: OrganisationId,
    /// What is to change.
    pub change: Change,
    /// From this block time on it can no longer be voted on.
    pub until: Time,
    /// Who voted, and how, in the order of voting.
    pub votes: List<Ballot, 1024>,
    /// Where it stands.
    pub status: ProposalStatus,
}

/// One organisation's vote.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Ballot {
    /// Who.
    pub organisation: OrganisationId,
    /// For or against.
    pub approve: bool,
}

/// Where a proposal stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum ProposalStatus {
    /// Votes are counted.
    Open = 1,
    /// Accepted, and in force from the next transaction on; a new validator set votes from the next block on.
    Accepted = 2,
    /// So many are against it that it can no longer be accepted.
    Refused = 3,
    /// Accepted by votes, but its change was no longer possible in that block.
    Impossible = 4,
}

impl Canonical for Change {
    const BYTES_MAX: usize = 3 * 1024;
}

impl Canonical for Proposal {
    const BYTES_MAX: usize = 64 * 1024;
}
