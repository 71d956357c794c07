//! What kind of clinical content a record holds. The list is open: what is not in it is [`Category::Other`], never refused.

use std::io::{self, Read, Write};

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::bytes::invalid;

/// A record's category. The numbers are on the ledger and never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Category {
    /// 診療情報提供書: a referral.
    Referral = 1,
    /// 退院時サマリー: a discharge summary, key images included.
    DischargeSummary = 2,
    /// 健康診断結果報告書: a check-up report.
    CheckUp = 3,
    /// 傷病名: a diagnosis.
    Diagnosis = 10,
    /// アレルギー情報: an allergy.
    Allergy = 11,
    /// 感染症情報: an infection.
    Infection = 12,
    /// 薬剤禁忌情報: a drug contraindication.
    DrugContraindication = 13,
    /// 救急時に有用な検査: a test that helps in an emergency.
    EmergencyTest = 14,
    /// 生活習慣病関連の検査: a test for lifestyle diseases.
    LifestyleTest = 15,
    /// 処方情報: a prescription.
    Prescription = 16,
    /// カルテ: a chart.
    Chart = 20,
    /// 薬局での記録: a dispensing record.
    Dispensing = 21,
    /// PHR data.
    PersonalHealthRecord = 22,
    /// 治療歴: a history of treatment.
    TreatmentHistory = 23,
    /// 検査結果等: any other test result.
    TestResult = 24,
    /// An image.
    Image = 26,
    /// 測定された生体情報等: measured vital signs.
    VitalSigns = 27,
    /// 本人が記録したデータ: what the person recorded.
    SelfRecorded = 28,
    /// 評価: a consultant's evaluation.
    Evaluation = 29,
    /// 診断・治療方針: diagnosis and treatment plan.
    Plan = 30,
    /// Anything else, text or image.
    Other = 255,
}

impl Category {
    /// Every category. A category's place here is its bit in [`Categories`]; the list is append-only.
    pub const ALL: [Category; 21] = [
        Category::Referral,
        Category::DischargeSummary,
        Category::CheckUp,
        Category::Diagnosis,
        Category::Allergy,
        Category::Infection,
        Category::DrugContraindication,
        Category::EmergencyTest,
        Category::LifestyleTest,
        Category::Prescription,
        Category::Chart,
        Category::Dispensing,
        Category::PersonalHealthRecord,
        Category::TreatmentHistory,
        Category::TestResult,
        Category::Image,
        Category::VitalSigns,
        Category::SelfRecorded,
        Category::Evaluation,
        Category::Plan,
        Category::Other,
    ];

    /// The name in JSON and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Referral => "referral",
            Self::DischargeSummary => "discharge-summary",
            Self::CheckUp => "check-up",
            Self::Diagnosis => "diagnosis",
            Self::Allergy => "allergy",
            Self::Infection => "infection",
            Self::DrugContraindication => "drug-contraindication",
            Self::EmergencyTest => "emergency-test",
            Self::LifestyleTest => "lifestyle-test",
            Self::Prescription => "prescription",
            Self::Chart => "chart",
            Self::Dispensing => "dispensing",
            Self::PersonalHealthRecord => "personal-health-record",
            Self::TreatmentHistory => "treatment-history",
            Self::TestResult => "test-result",
            Self::Image => "image",
            Self::VitalSigns => "vital-signs",
            Self::SelfRecorded => "self-recorded",
            Self::Evaluation => "evaluation",
            Self::Plan => "plan",
            Self::Other => "other",
        }
    }

    fn bit(self) -> u64 {
        // Every category stands in the list, whose length is below 64.
        Self::ALL.iter().position(|known| *known == self).map_or(0, |place| 1 << place)
    }
}

/// A text that is no category's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no category has this name")]
pub struct NoCategory;

impl std::str::FromStr for Category {
    type Err = NoCategory;
    fn from_str(text: &str) -> Result<Self, NoCategory> {
        Self::ALL.iter().copied().find(|category| category.name() == text).ok_or(NoCategory)
    }
}

/// A set of categories: all there are and will be, or some.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Categories(u64);

impl Categories {
    /// All categories, those that are added later too.
    pub const ALL: Categories = Categories(u64::MAX);

    /// These categories.
    pub fn only(categories: &[Category]) -> Self {
        Self(categories.iter().fold(0, |bits, category| bits | category.bit()))
    }

    /// None at all.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Does it hold the category?
    pub fn holds(self, category: Category) -> bool {
        self.0 & category.bit() != 0
    }

    /// Are all of these categories also in `wider`?
    pub fn within(self, wider: Self) -> bool {
        self.0 & wider.0 == self.0
    }

    /// Those in both.
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Those in either.
    pub fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The categories by name; `None` means all.
    pub fn list(self) -> Option<Vec<Category>> {
        (self != Self::ALL).then(|| Category::ALL.into_iter().filter(|category| self.holds(*category)).collect())
    }

    fn known() -> u64 {
        (1 << Category::ALL.len()) - 1
    }
}

impl BorshSerialize for Categories {
    fn serialize<W: Write>(&self, writer: &mut W) -> io::Result<()> {
        BorshSerialize::serialize(&self.0, writer)
    }
}

impl BorshDeserialize for Categories {
    fn deserialize_reader<R: Read>(reader: &mut R) -> io::Result<Self> {
        let bits = u64::deserialize_reader(reader)?;
        if bits != u64::MAX && bits & !Self::known() != 0 {
            return Err(invalid("a set names a category that does not exist"));
        }
        Ok(Self(bits))
    }
}

impl Serialize for Categories {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.list() {
            None => serializer.serialize_str("all"),
            Some(list) => Serialize::serialize(&list, serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Categories {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Word(String),
            List(Vec<Category>),
        }
        match Written::deserialize(deserializer)? {
            Written::Word(word) if word == "all" => Ok(Self::ALL),
            Written::Word(_) => Err(serde::de::Error::custom("a set of categories is \"all\" or a list")),
            Written::List(list) => Ok(Self::only(&list)),
        }
    }
}
