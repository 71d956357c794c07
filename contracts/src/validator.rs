//! The validator set: whose signatures make a certificate.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use crate::bytes::{Canonical, List, encode};
use crate::id::{Hash, OrganisationId};
use crate::key::PublicKey;
use crate::tag::Tag;

/// One validator.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Validator {
    /// The key that signs votes; also the validator's address.
    pub key: PublicKey,
    /// Its organisation.
    pub organisation: OrganisationId,
    /// Its voting power, at least 1.
    pub power: u32,
}

/// All validators, sorted by key, each key once.
#[derive(Debug, Clone, PartialEq, Eq, Default, BorshSerialize, Serialize)]
#[serde(transparent)]
pub struct ValidatorSet(List<Validator, 256>);

/// Why validators do not make a set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadValidatorSet {
    /// Nobody votes.
    #[error("a validator set has at least one validator")]
    Empty,
    /// More than 256.
    #[error("a validator set has at most 256 validators")]
    TooMany,
    /// A key stands twice.
    #[error("validator key {0:?} stands twice")]
    Duplicate(PublicKey),
    /// No voting power.
    #[error("validator {0:?} has no voting power")]
    Powerless(PublicKey),
}

impl ValidatorSet {
    /// Sorts the validators and checks that each key stands once, with power.
    pub fn new(mut validators: Vec<Validator>) -> Result<Self, BadValidatorSet> {
        validators.sort_by_key(|validator| validator.key);
        if validators.is_empty() {
            return Err(BadValidatorSet::Empty);
        }
        if let Some(pair) = validators.windows(2).find(|pair| pair[0].key == pair[1].key) {
            return Err(BadValidatorSet::Duplicate(pair[0].key));
        }
        if let Some(validator) = validators.iter().find(|validator| validator.power == 0) {
            return Err(BadValidatorSet::Powerless(validator.key));
        }
        List::new(validators).map(Self).map_err(|_| BadValidatorSet::TooMany)
    }

    /// The validators, sorted by key.
    pub fn validators(&self) -> &[Validator] {
        &self.0
    }

    /// The validator with this key.
    pub fn find(&self, key: &PublicKey) -> Option<&Validator> {
        self.0.binary_search_by_key(key, |validator| validator.key).ok().map(|index| &self.0[index])
    }

    /// All voting power together.
    pub fn power(&self) -> u64 {
        self.0.iter().map(|validator| u64::from(validator.power)).sum()
    }

    /// Does `power` exceed two thirds of all voting power?
    pub fn is_quorum(&self, power: u64) -> bool {
        power.saturating_mul(3) > self.power().saturating_mul(2)
    }

    /// The set's hash, as it stands in headers.
    pub fn hash(&self) -> Hash {
        Tag::VALIDATORS.hash(&[&encode(self)])
    }
}

impl BorshDeserialize for ValidatorSet {
    fn deserialize_reader<R: std::io::Read>(reader: &mut R) -> std::io::Result<Self> {
        let list = List::<Validator, 256>::deserialize_reader(reader)?;
        let sorted = list.windows(2).all(|pair| pair[0].key < pair[1].key);
        if !sorted {
            return Err(crate::bytes::invalid("validators are not sorted by key"));
        }
        Self::new(list.into_vec()).map_err(|error| crate::bytes::invalid(&error.to_string()))
    }
}

impl<'de> Deserialize<'de> for ValidatorSet {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(<Vec<_> as serde::Deserialize>::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl Canonical for ValidatorSet {
    const BYTES_MAX: usize = 4 + 256 * 68;
}
