//! Accounts: one patient at one custodian, under a pseudonym of its own.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use crate::bytes::{Canonical, List, encode};
use crate::id::{ChainId, Hash, Label, OrganisationId};
use crate::key::{PublicKey, SecretKey, Signature};
use crate::tag::Tag;
use crate::time::{Time, Validity};

/// What a guardian or carer may do for an account. Bits outside [`Powers::ALL`] are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Powers(pub u16);

impl Powers {
    /// May read the account's journal.
    pub const READ_JOURNAL: Powers = Powers(1);
    /// May grant and revoke.
    pub const GRANT: Powers = Powers(2);
    /// May seal and lift seals.
    pub const SEAL: Powers = Powers(4);
    /// May take part in recovery by vetoing it.
    pub const VETO_RECOVERY: Powers = Powers(8);
    /// May read records, as far as no seal is hidden from guardians.
    pub const READ_RECORDS: Powers = Powers(16);
    /// Every power.
    pub const ALL: Powers = Powers(31);

    /// Are all of `other`'s powers among these?
    pub fn include(self, other: Powers) -> bool {
        self.0 & other.0 == other.0
    }

    /// At least one power, and none that does not exist.
    pub fn is_valid(self) -> bool {
        self.0 != 0 && Self::ALL.include(self)
    }
}

/// A guardian or carer: a further controller with powers, a start and an end.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Guardian {
    /// The guardian's key.
    pub key: PublicKey,
    /// What the guardian may do.
    pub powers: Powers,
    /// When, by block time.
    pub validity: Validity,
}

/// A recovery under way: one or two identity checks for a new key.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Recovery {
    /// The key that will control the account.
    pub new_key: PublicKey,
    /// The organisation that checked first.
    pub first: OrganisationId,
    /// The organisation that checked second, and the block time from which the recovery can be completed.
    pub second: Option<(OrganisationId, Time)>,
}

/// An account's leaf in the state tree. Everything else about the account follows from its journal.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Account {
    /// The custodian at which the person has this account.
    pub custodian: OrganisationId,
    /// The key that speaks for the account now.
    pub controller: PublicKey,
    /// Is the wallet kept by the facility, for a person without a device?
    pub custodial: bool,
    /// Guardians and carers.
    pub guardians: List<Guardian, 16>,
    /// A recovery under way.
    pub recovery: Option<Recovery>,
    /// How many events the journal has (rule J-1).
    pub journal_length: u64,
    /// The journal's head.
    pub journal_head: Hash,
}

impl Account {
    /// The label of the account whose first key this is.
    pub fn label_of(first_key: &PublicKey) -> Label {
        Tag::LABEL.hash(&[&first_key.0]).into()
    }

    /// Is this the controller's key, kept by the facility for a person without a device?
    pub fn is_custodial_key(&self, key: &PublicKey) -> bool {
        self.custodial && self.controller == *key
    }

    /// The guardian who holds this key.
    pub fn guardian(&self, key: &PublicKey) -> Option<&Guardian> {
        self.guardians.iter().find(|guardian| guardian.key == *key)
    }
}

/// What the patient signs when an account is opened.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct AccountOpening {
    /// The ledger.
    pub chain: ChainId,
    /// The custodian.
    pub custodian: OrganisationId,
    /// The patient's first key for this account.
    pub first_key: PublicKey,
    /// Is the wallet kept by the facility?
    pub custodial: bool,
}

impl AccountOpening {
    /// The patient's agreement.
    pub fn sign(&self, secret: &SecretKey) -> Signature {
        secret.sign(Tag::ACCOUNT_OPENING, &encode(self))
    }
}

/// What the holder of a new key signs, so that nobody registers a key that is not theirs.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Possession {
    /// The ledger; all zeros in a declaration before the founding.
    pub chain: ChainId,
    /// What the key will belong to: an organisation's, a practitioner's or an account's id.
    pub subject: Hash,
    /// The key.
    pub key: PublicKey,
}

impl Possession {
    /// The proof of possession.
    pub fn sign(&self, secret: &SecretKey) -> Signature {
        secret.sign(Tag::POSSESSION, &encode(self))
    }
}

impl Canonical for Account {
    const BYTES_MAX: usize = 2048;
}
