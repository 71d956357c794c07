//! What kind of clinical content a record holds. The list is open: what is not in it is [`Category::Other`], never refused.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

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
