//! Organisations, their practitioners and their peers: who may act, and through which machines.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use crate::bytes::{Canonical, Text};
use crate::id::{Hash, OrganisationId, PractitionerId};
use crate::key::PublicKey;
use crate::tag::Tag;
use crate::time::{Height, Time, Validity};

/// What an organisation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum OrganisationKind {
    /// 病院
    Hospital = 1,
    /// クリニック
    Clinic = 2,
    /// 薬局
    Pharmacy = 3,
    /// 介護施設
    CareFacility = 4,
    /// 地域医療クラウドの運営者
    RegionalCloud = 5,
    /// PHR運営事業者
    PhrOperator = 6,
    /// データ管理サービス
    DataManagementService = 7,
    /// 研究機関
    ResearchBody = 8,
    /// 行政機関
    Agency = 9,
    /// 監督機関
    Regulator = 10,
    /// 学会
    AcademicSociety = 11,
    /// 企業
    Company = 12,
}

impl OrganisationKind {
    /// A facility keeps or reads clinical records.
    pub fn is_facility(self) -> bool {
        matches!(
            self,
            Self::Hospital | Self::Clinic | Self::Pharmacy | Self::CareFacility | Self::RegionalCloud | Self::PhrOperator
        )
    }
}

/// Whether an organisation or a practitioner may act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Standing {
    /// May act.
    Active = 1,
    /// Cut off until it is reinstated.
    Suspended = 2,
}

/// What an organisation says of itself when it joins.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrganisationProfile {
    /// Its public name.
    pub name: Text<120>,
    /// What it is.
    pub kind: OrganisationKind,
    /// Its institution number (`[0-4][0-9][1-3][0-9]{7}` in Japan), or empty.
    pub institution_number: Text<16>,
    /// The key that speaks for it in governance and registers its practitioners and peers.
    pub authority: PublicKey,
}

impl OrganisationProfile {
    /// The id that this profile's organisation gets: the hash of its first authority key.
    pub fn id(&self) -> OrganisationId {
        Tag::ORGANISATION.hash(&[&self.authority.0]).into()
    }
}

/// An organisation in the ledger's state.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Organisation {
    /// What it said of itself; `authority` is its key now.
    pub profile: OrganisationProfile,
    /// May it act?
    pub standing: Standing,
    /// The block that admitted it.
    pub since: Height,
    /// How many peers it has registered.
    pub peers: u16,
}

/// A licensed person's role, after HPKI `hcRole` (ISO 17090).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Role {
    /// 医師
    Physician = 1,
    /// 歯科医師
    Dentist = 2,
    /// 薬剤師
    Pharmacist = 3,
    /// 看護師
    Nurse = 4,
    /// 保健師
    PublicHealthNurse = 5,
    /// 助産師
    Midwife = 6,
    /// 診療放射線技師
    RadiologicalTechnologist = 7,
    /// 臨床検査技師
    LaboratoryTechnologist = 8,
    /// 介護福祉士・介護支援専門員
    CareWorker = 9,
    /// 医療事務・診療情報管理士
    RecordsAdministrator = 10,
    /// 監督機関の監査担当
    Auditor = 11,
}

/// A practitioner in the ledger's state: a pseudonym with a role, acting for one organisation.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Practitioner {
    /// For whom the practitioner acts.
    pub organisation: OrganisationId,
    /// The practitioner's key now.
    pub key: PublicKey,
    /// The role.
    pub role: Role,
    /// A salted hash of the licence.
    pub licence: Hash,
    /// When the practitioner may act.
    pub validity: Validity,
    /// May the practitioner act?
    pub standing: Standing,
}

impl Practitioner {
    /// The id that a practitioner with this first key gets.
    pub fn id_of(first_key: &PublicKey) -> PractitionerId {
        Tag::PRACTITIONER.hash(&[&first_key.0]).into()
    }

    /// May the practitioner act now?
    pub fn is_valid_at(&self, now: Time) -> bool {
        self.standing == Standing::Active && self.validity.holds_at(now)
    }
}

/// What a peer does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum PeerKind {
    /// Votes, while its organisation's validator is in the validator set; follows otherwise.
    Validator = 1,
    /// Follows without voting.
    Observer = 2,
}

/// One machine of an organisation that may connect to the others (rule X-7).
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeerRecord {
    /// The machine's network identity.
    pub key: PublicKey,
    /// What it does.
    pub kind: PeerKind,
    /// Where the consensus engine listens: `/ip4/…/tcp/…` or `/ip6/…/tcp/…`.
    pub consensus_address: Text<96>,
    /// Where transactions and payloads are exchanged, in the same form.
    pub exchange_address: Text<96>,
}

/// A peer in the ledger's state.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Peer {
    /// Whose machine it is.
    pub organisation: OrganisationId,
    /// What and where it is.
    pub record: PeerRecord,
}

macro_rules! canonical {
    ($($name:ty = $max:literal),* $(,)?) => { $(impl Canonical for $name { const BYTES_MAX: usize = $max; })* };
}
canonical!(OrganisationProfile = 512, Organisation = 1024, Practitioner = 512, PeerRecord = 512, Peer = 512);
