//! Transactions: what people and machines ask the ledger to record.
//!
//! A transaction names its chain and a block time after which it is void, and is committed at most once (rule L-9). There are
//! no account nonces, so one person's devices never block each other.

use std::sync::Arc;

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use crate::access::{AccessRequest, Basis, DisclosureRefusal, GRANTED_MAX, PayloadFault};
use crate::account::{AccountOpening, Guardian, Possession};
use crate::bytes::{Canonical, List, Malformed, encode};
use crate::consent::{ConsultTerms, GrantTerms, SealTerms};
use crate::emergency::Finding;
use crate::id::{
    ChainId, Commitment, ConsultId, GrantId, Hash, Label, OrganisationId, PractitionerId, ProposalId, RecordId, SealId,
    TransactionId,
};
use crate::key::{Claim, PublicKey, SecretKey, Signature};
use crate::organisation::{PeerRecord, Role};
use crate::proposal::Change;
use crate::record::{ErasureReason, ProviderFlags, RecordManifest};
use crate::tag::Tag;
use crate::time::{Time, Validity};
use crate::vote::DoubleSign;

/// What a transaction asks for. The discriminants are on the ledger and never change.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[repr(u8)]
pub enum Action {
    /// Proposes a change; its proposer votes for it at once. Signed by the organisation's authority.
    Propose {
        /// Who proposes.
        organisation: OrganisationId,
        /// What is to change.
        change: Change,
    } = 1,
    /// Votes on a proposal. Signed by the organisation's authority.
    Vote {
        /// Who votes.
        organisation: OrganisationId,
        /// On what.
        proposal: ProposalId,
        /// For or against.
        approve: bool,
    } = 2,
    /// Replaces an organisation's authority key. Signed by the old one.
    RotateAuthority {
        /// Whose.
        organisation: OrganisationId,
        /// The new key.
        key: PublicKey,
        /// Its proof of possession.
        possession: Signature,
    } = 3,
    /// Replaces a validator's consensus key, keeping its power. Signed by the organisation's authority.
    RotateValidator {
        /// Whose.
        organisation: OrganisationId,
        /// The key to be replaced.
        old: PublicKey,
        /// The new key.
        key: PublicKey,
        /// Its proof of possession.
        possession: Signature,
    } = 4,
    /// Registers a machine. Signed by the organisation's authority.
    RegisterPeer {
        /// Whose.
        organisation: OrganisationId,
        /// The machine. A known key's record is replaced.
        peer: PeerRecord,
        /// The peer key's proof of possession.
        possession: Signature,
    } = 5,
    /// Removes a machine. Signed by the organisation's authority.
    RemovePeer {
        /// Whose.
        organisation: OrganisationId,
        /// Its network identity.
        peer: PublicKey,
    } = 6,
    /// Registers a practitioner. Signed by the organisation's authority.
    RegisterPractitioner {
        /// For whom the practitioner acts.
        organisation: OrganisationId,
        /// The practitioner's first key.
        key: PublicKey,
        /// Its proof of possession.
        possession: Signature,
        /// The role.
        role: Role,
        /// A salted hash of the licence.
        licence: Hash,
        /// When the practitioner may act.
        validity: Validity,
    } = 7,
    /// Sets a practitioner's validity anew, also after it ended. Signed by the organisation's authority.
    RenewPractitioner {
        /// For whom the practitioner acts.
        organisation: OrganisationId,
        /// Who.
        practitioner: PractitionerId,
        /// The new validity.
        validity: Validity,
    } = 8,
    /// Replaces a practitioner's key. Signed by the old key or the organisation's authority.
    RotatePractitioner {
        /// Who.
        practitioner: PractitionerId,
        /// The new key.
        key: PublicKey,
        /// Its proof of possession.
        possession: Signature,
    } = 9,
    /// Suspends a practitioner, or lets a suspended one act again. Signed by the organisation's authority.
    SetPractitionerStanding {
        /// For whom the practitioner acts.
        organisation: OrganisationId,
        /// Who.
        practitioner: PractitionerId,
        /// May the practitioner act?
        active: bool,
    } = 10,
    /// Reports a validator that signed twice. Signed by any registered peer of a member.
    ReportDoubleSign {
        /// The two signatures.
        evidence: DoubleSign,
    } = 11,
    /// Opens an account. Signed by a practitioner of the custodian; carries the patient's agreement.
    OpenAccount {
        /// The practitioner who signs.
        practitioner: PractitionerId,
        /// The custodian.
        custodian: OrganisationId,
        /// The patient's first key for this account.
        first_key: PublicKey,
        /// Is the wallet kept by the facility?
        custodial: bool,
        /// The patient's agreement ([`AccountOpening`]).
        agreement: Signature,
    } = 40,
    /// Replaces the controller. Signed by the controller.
    RotateController {
        /// The account.
        account: Label,
        /// The new key.
        key: PublicKey,
        /// Is the wallet that holds it kept by the facility?
        custodial: bool,
        /// Its proof of possession.
        possession: Signature,
    } = 41,
    /// Appoints a guardian or carer. Signed by the controller.
    AppointGuardian {
        /// The account.
        account: Label,
        /// Who, with which powers, when.
        guardian: Guardian,
    } = 42,
    /// Dismisses a guardian. Signed by the controller, or by the guardian.
    DismissGuardian {
        /// The account.
        account: Label,
        /// The guardian's key.
        guardian: PublicKey,
    } = 43,
    /// One of the two identity checks of a recovery. Signed by a practitioner of the organisation that checked.
    AttestRecovery {
        /// The account.
        account: Label,
        /// The practitioner who signs.
        practitioner: PractitionerId,
        /// The key that is to control the account.
        new_key: PublicKey,
        /// The new key's proof of possession.
        possession: Signature,
    } = 44,
    /// Stops a recovery. Signed by the controller, or by a guardian with that power.
    VetoRecovery {
        /// The account.
        account: Label,
    } = 45,
    /// Ends a recovery after its delay: the new key controls the account. Signed by the new key.
    CompleteRecovery {
        /// The account.
        account: Label,
    } = 46,
    /// Registers a record. Signed by a practitioner of the custodian.
    RegisterRecord {
        /// The account.
        account: Label,
        /// The practitioner who signs.
        practitioner: PractitionerId,
        /// What is registered.
        record: RecordManifest,
    } = 70,
    /// Replaces a record by a newer one. Signed by a practitioner of the custodian.
    SupersedeRecord {
        /// The account.
        account: Label,
        /// The practitioner who signs.
        practitioner: PractitionerId,
        /// The record that is replaced.
        old: RecordId,
        /// The record that replaces it.
        record: RecordManifest,
    } = 71,
    /// States that payload and key are destroyed. Signed by a practitioner of the custodian.
    EraseRecord {
        /// The account.
        account: Label,
        /// The practitioner who signs.
        practitioner: PractitionerId,
        /// Which.
        record: RecordId,
        /// Why.
        reason: ErasureReason,
    } = 72,
    /// Sets the provider's flags anew. Signed by a practitioner of the custodian.
    SetProviderFlags {
        /// The account.
        account: Label,
        /// The practitioner who signs.
        practitioner: PractitionerId,
        /// Which.
        record: RecordId,
        /// The flags now.
        flags: ProviderFlags,
    } = 73,
    /// Permits reading. Signed by the controller, or a guardian with that power.
    Grant {
        /// The account.
        account: Label,
        /// What is permitted.
        terms: GrantTerms,
    } = 100,
    /// Revokes a grant, with all consults that follow from it. Signed by the controller, or a guardian with that power.
    Revoke {
        /// The account.
        account: Label,
        /// Which.
        grant: GrantId,
    } = 101,
    /// Seals (封印). Signed by the controller, or a guardian with that power.
    Seal {
        /// The account.
        account: Label,
        /// What is refused.
        terms: SealTerms,
    } = 102,
    /// Lifts a seal for a time, or ends its lifting. Signed by the controller, or a guardian with that power.
    LiftSeal {
        /// The account.
        account: Label,
        /// Which.
        seal: SealId,
        /// Until when; a time that is over puts it back in force.
        until: Time,
    } = 103,
    /// Takes a seal away. Signed by the controller, or a guardian with that power.
    Unseal {
        /// The account.
        account: Label,
        /// Which.
        seal: SealId,
    } = 104,
    /// Asks to read; the ledger decides. Signed by the practitioner, or by the person or a guardian.
    Access(AccessRequest) = 105,
    /// The custodian's statement that it handed records over. Signed by one of its machines.
    Disclose {
        /// The account.
        account: Label,
        /// The access.
        access: TransactionId,
        /// Which of its records.
        records: List<RecordId, GRANTED_MAX>,
    } = 106,
    /// The reader's statement that records arrived and are what was committed to. Signed by a machine of the reader's
    /// organisation, or by the person who asked.
    Acknowledge {
        /// The account.
        account: Label,
        /// The access.
        access: TransactionId,
        /// Which of its records.
        records: List<RecordId, GRANTED_MAX>,
    } = 107,
    /// The reader's statement that a payload was wrong or did not come. Signed like [`Self::Acknowledge`].
    ReportPayload {
        /// The account.
        account: Label,
        /// The access.
        access: TransactionId,
        /// Which of its records.
        record: RecordId,
        /// What was wrong.
        fault: PayloadFault,
    } = 108,
    /// The custodian's statement that it hands a granted record not over. Signed by one of its machines.
    RefuseDisclosure {
        /// The account.
        account: Label,
        /// The access.
        access: TransactionId,
        /// Which of its records.
        record: RecordId,
        /// Why.
        reason: DisclosureRefusal,
    } = 109,
    /// Passes a grant on to a named reader. Signed by the practitioner who opens the consult.
    OpenConsult {
        /// The account.
        account: Label,
        /// The practitioner who signs.
        practitioner: PractitionerId,
        /// What is passed on.
        terms: ConsultTerms,
    } = 110,
    /// Closes a consult, with all that follow from it. Signed by its opener or reader, or for the patient.
    CloseConsult {
        /// The account.
        account: Label,
        /// The consult.
        consult: ConsultId,
        /// The practitioner who signs; `None` if the controller or a guardian does.
        practitioner: Option<PractitionerId>,
    } = 111,
    /// Commits to the answer of a consult, which travels sealed to its opener. Signed by its reader.
    AnswerConsult {
        /// The account.
        account: Label,
        /// The consult.
        consult: ConsultId,
        /// The practitioner who signs.
        practitioner: PractitionerId,
        /// The salted commitment to the answer.
        commitment: Commitment,
        /// The answer's length in bytes.
        size: u64,
    } = 112,
    /// Closes the review of an emergency access. Signed by the reviewer.
    CloseReview {
        /// The account.
        account: Label,
        /// The emergency access.
        access: TransactionId,
        /// The practitioner who signs.
        practitioner: PractitionerId,
        /// What was found.
        finding: Finding,
        /// The salted hash of the report that the reviewer keeps.
        report: Hash,
    } = 113,
    /// Tells the account that its journal is about to be read. Signed by a guardian, or by a regulator's auditor.
    ReadJournal {
        /// The account.
        account: Label,
        /// The auditor who signs; `None` if a guardian does.
        practitioner: Option<PractitionerId>,
    } = 114,
}

/// In which lane a transaction waits (rule L-10). Earlier lanes have a share of each block kept for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lane {
    /// Governance, revocations, seals, and whatever takes a right away.
    Guard,
    /// Emergencies.
    Emergency,
    /// Accesses and their disclosures.
    Access,
    /// Everything else.
    Bulk,
}

impl Lane {
    /// All lanes, first served first.
    pub const ALL: [Lane; 4] = [Lane::Guard, Lane::Emergency, Lane::Access, Lane::Bulk];
}

impl Action {
    /// The number of [`Action::EraseRecord`].
    pub const ERASE_RECORD: u8 = 72;
    /// The number of [`Action::Access`].
    pub const ACCESS: u8 = 105;

    /// The number of the action in the canonical bytes of a transaction or an entry, for whoever looks for a few of many.
    pub fn number_in(bytes: &[u8]) -> Option<u8> {
        /// After chain, signer, void-after time and nonce.
        const AT: usize = 32 + 32 + 8 + 8;
        bytes.get(AT).copied()
    }

    /// The action's lane.
    pub fn lane(&self) -> Lane {
        match self {
            Self::Propose { .. }
            | Self::Vote { .. }
            | Self::RotateAuthority { .. }
            | Self::RotateValidator { .. }
            | Self::RegisterPeer { .. }
            | Self::RemovePeer { .. }
            | Self::RotatePractitioner { .. }
            | Self::SetPractitionerStanding { .. }
            | Self::ReportDoubleSign { .. }
            | Self::RotateController { .. }
            | Self::DismissGuardian { .. }
            | Self::VetoRecovery { .. }
            | Self::EraseRecord { .. }
            | Self::SetProviderFlags { .. }
            | Self::Revoke { .. }
            | Self::Seal { .. }
            | Self::CloseConsult { .. } => Lane::Guard,
            // Putting a seal back in force takes a right away; lifting one does not, but the ledger sees which only later.
            Self::LiftSeal { .. } => Lane::Guard,
            Self::Access(AccessRequest { basis: Basis::Emergency(_), .. }) => Lane::Emergency,
            Self::Access(_)
            | Self::Grant { .. }
            | Self::Disclose { .. }
            | Self::Acknowledge { .. }
            | Self::ReportPayload { .. }
            | Self::RefuseDisclosure { .. }
            | Self::OpenConsult { .. }
            | Self::AnswerConsult { .. } => Lane::Access,
            Self::RegisterPractitioner { .. }
            | Self::RenewPractitioner { .. }
            | Self::OpenAccount { .. }
            | Self::AppointGuardian { .. }
            | Self::AttestRecovery { .. }
            | Self::CompleteRecovery { .. }
            | Self::RegisterRecord { .. }
            | Self::SupersedeRecord { .. }
            | Self::Unseal { .. }
            | Self::CloseReview { .. }
            | Self::ReadJournal { .. } => Lane::Bulk,
        }
    }

    /// Signatures inside the action, beside the transaction's own. They are part of the transaction's validity: one that does
    /// not hold makes the transaction invalid, like a false outer signature.
    fn inner_claims(&self, chain: &ChainId) -> Vec<Claim> {
        let possession = |subject: [u8; 32], key: &PublicKey, signature: &Signature| {
            let statement = Possession { chain: *chain, subject: Hash(subject), key: *key };
            Claim::new(*key, Tag::POSSESSION, &encode(&statement), *signature)
        };
        match self {
            Self::Propose { change, .. } => match change {
                Change::AdmitOrganisation { profile, possession: proof } => {
                    vec![possession(profile.id().0, &profile.authority, proof)]
                }
                Change::ReplaceAuthority { organisation, key, possession: proof }
                | Change::SetValidator { organisation, key, possession: proof, .. } => {
                    vec![possession(organisation.0, key, proof)]
                }
                _ => Vec::new(),
            },
            Self::RotateAuthority { organisation, key, possession: proof }
            | Self::RotateValidator { organisation, key, possession: proof, .. }
            | Self::RegisterPractitioner { organisation, key, possession: proof, .. } => {
                vec![possession(organisation.0, key, proof)]
            }
            Self::RegisterPeer { organisation, peer, possession: proof } => {
                vec![possession(organisation.0, &peer.key, proof)]
            }
            Self::RotatePractitioner { practitioner, key, possession: proof } => {
                vec![possession(practitioner.0, key, proof)]
            }
            Self::RotateController { account, key, possession: proof, .. }
            | Self::AttestRecovery { account, new_key: key, possession: proof, .. } => {
                vec![possession(account.0, key, proof)]
            }
            Self::OpenAccount { custodian, first_key, custodial, agreement, .. } => {
                let opening =
                    AccountOpening { chain: *chain, custodian: *custodian, first_key: *first_key, custodial: *custodial };
                vec![Claim::new(*first_key, Tag::ACCOUNT_OPENING, &encode(&opening), *agreement)]
            }
            Self::ReportDoubleSign { evidence } => evidence.claims().to_vec(),
            _ => Vec::new(),
        }
    }
}

/// A transaction before it is signed.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transaction {
    /// The ledger that it is for.
    pub chain: ChainId,
    /// Whose key signs it.
    pub signer: PublicKey,
    /// It is void in blocks later than this.
    pub void_after: Time,
    /// Any number; tells two otherwise equal transactions apart.
    pub nonce: u64,
    /// What it asks for.
    pub action: Action,
}

impl Transaction {
    /// Signs the transaction; `secret` must be the secret of `signer`.
    pub fn sign(self, secret: &SecretKey) -> SignedTransaction {
        let signature = secret.sign(Tag::TRANSACTION, &encode(&self));
        SignedTransaction { transaction: self, signature }
    }
}

/// A transaction with its signature. Its canonical bytes are what travels, what is stored and what is hashed.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedTransaction {
    /// What is signed.
    pub transaction: Transaction,
    /// By the signer, over the transaction's canonical bytes under [`Tag::TRANSACTION`].
    pub signature: Signature,
}

impl Canonical for SignedTransaction {
    const BYTES_MAX: usize = 5 * 1024;
}

/// A transaction whose bytes were parsed once and kept. Its signatures are not checked yet.
#[derive(Debug, Clone)]
pub struct ParsedTransaction {
    id: TransactionId,
    bytes: Vec<u8>,
    signed: SignedTransaction,
}

impl ParsedTransaction {
    /// Parses canonical bytes, once.
    pub fn parse(bytes: Vec<u8>) -> Result<Self, Malformed> {
        let signed = SignedTransaction::from_bytes(&bytes)?;
        Ok(Self { id: Tag::TRANSACTION_ID.hash(&[&bytes]).into(), bytes, signed })
    }

    /// The id: the hash of the canonical bytes, signature included.
    pub fn id(&self) -> TransactionId {
        self.id
    }

    /// The canonical bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What was signed.
    pub fn transaction(&self) -> &Transaction {
        &self.signed.transaction
    }

    /// Every signature that has to hold, the signer's own first.
    pub fn claims(&self) -> Vec<Claim> {
        // The signature's 64 bytes stand last, so what was signed is all that stands before them.
        let statement = &self.bytes[..self.bytes.len() - 64];
        let own = Claim::new(self.signed.transaction.signer, Tag::TRANSACTION, statement, self.signed.signature);
        let mut claims = vec![own];
        claims.extend(self.signed.transaction.action.inner_claims(&self.signed.transaction.chain));
        claims
    }

    /// Checks the signatures one by one.
    pub fn verify(self) -> Result<VerifiedTransaction, BadSignature> {
        match self.claims().iter().position(|claim| !claim.holds()) {
            None => Ok(VerifiedTransaction(Arc::new(self))),
            Some(position) => Err(BadSignature { id: self.id, position }),
        }
    }

    /// The caller states that it has checked all of [`Self::claims`], in a batch.
    pub fn with_claims_checked(self) -> VerifiedTransaction {
        VerifiedTransaction(Arc::new(self))
    }
}

impl From<SignedTransaction> for ParsedTransaction {
    fn from(signed: SignedTransaction) -> Self {
        let bytes = signed.to_bytes();
        Self { id: Tag::TRANSACTION_ID.hash(&[&bytes]).into(), bytes, signed }
    }
}

/// A signature that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("signature {position} of transaction {id:?} does not verify (0 is the signer's own)")]
pub struct BadSignature {
    /// The transaction.
    pub id: TransactionId,
    /// Which of its signatures.
    pub position: usize,
}

/// A transaction all of whose signatures hold. Cheap to clone.
#[derive(Debug, Clone)]
pub struct VerifiedTransaction(Arc<ParsedTransaction>);

impl VerifiedTransaction {
    /// The id.
    pub fn id(&self) -> TransactionId {
        self.0.id
    }

    /// The canonical bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0.bytes
    }

    /// What was signed.
    pub fn transaction(&self) -> &Transaction {
        &self.0.signed.transaction
    }
}
