//! How people write and read durations, moments, categories, purposes and denials.

use std::str::FromStr;

use chrono::{DateTime, FixedOffset, SecondsFormat};
use inro_contracts::access::{Denial, DisclosureRefusal, PayloadFault};
use inro_contracts::category::{Categories, Category};
use inro_contracts::emergency::{EmergencyReason, Finding};
use inro_contracts::organisation::Role;
use inro_contracts::purpose::Purpose;
use inro_contracts::time::Time;

use crate::words::Language;

const MINUTE_MS: u64 = 60 * 1000;
const DAY_MS: u64 = 24 * 60 * MINUTE_MS;
/// A longer consent is a slip of the keyboard.
const SPAN_MS_MAX: u64 = 100 * 366 * DAY_MS;

/// A length of time, such as `30m`, `24h`, `7d` or `2w`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// In milliseconds.
    pub ms: u64,
}

impl FromStr for Span {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("{text:?} is not a length of time; write 90s, 30m, 24h, 7d or 2w");
        let unit = text.chars().last().ok_or_else(bad)?;
        let unit_ms = match unit {
            's' => 1000,
            'm' => MINUTE_MS,
            'h' => 60 * MINUTE_MS,
            'd' => DAY_MS,
            'w' => 7 * DAY_MS,
            _ => return Err(bad()),
        };
        let number = &text[..text.len() - 1];
        let count: u64 = number.parse().ok().filter(|_| number.bytes().all(|byte| byte.is_ascii_digit())).ok_or_else(bad)?;
        match count.checked_mul(unit_ms) {
            Some(0) => Err(format!("{text:?} is no time at all; write how long it is to last, such as 24h")),
            Some(ms) if ms <= SPAN_MS_MAX => Ok(Self { ms }),
            _ => Err(format!("{text:?} is longer than a hundred years; check the unit")),
        }
    }
}

/// A moment: `2026-12-31`, `2026-12-31T17:00+09:00`, or milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment(pub Time);

impl FromStr for Moment {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if text.len() > 9 && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return text.parse().map(|ms| Self(Time(ms))).map_err(|_| format!("{text} milliseconds are beyond the end of time"));
        }
        written_moment(text).map(|ms| Self(Time(ms))).ok_or_else(|| {
            format!(
                "{text:?} is not a moment; write 2026-12-31T17:00+09:00, 2026-12-31T08:00Z, or 2026-12-31 for the beginning of \
                 that day in Japan"
            )
        })
    }
}

/// RFC 3339, with or without seconds. A date alone begins at midnight in Japan.
fn written_moment(text: &str) -> Option<u64> {
    let whole = match text.split_at_checked(16) {
        None if text.len() == 10 => format!("{text}T00:00:00+09:00"),
        Some((minute, zone)) if zone.starts_with(['Z', '+', '-']) => format!("{minute}:00{zone}"),
        _ => text.to_owned(),
    };
    let moment = DateTime::parse_from_rfc3339(&whole).ok()?;
    u64::try_from(moment.timestamp_millis()).ok()
}

/// A moment for people: in Japan's time for those who read Japanese, otherwise in UTC; the offset always stands behind it.
pub fn moment(time: Time, language: Language) -> String {
    // The end of the year 9999 is far enough for people.
    let ms = time.0.min(253_402_300_799_999) as i64;
    let Some(utc) = DateTime::from_timestamp_millis(ms) else { return format!("{ms} ms") };
    match (language, FixedOffset::east_opt(9 * 3600)) {
        (Language::Ja, Some(japan)) => utc.with_timezone(&japan).to_rfc3339_opts(SecondsFormat::Secs, true),
        _ => utc.to_rfc3339_opts(SecondsFormat::Secs, true),
    }
}

/// `all`, or categories by name.
pub fn categories(words: &[String]) -> Result<Categories, String> {
    if words.is_empty() || words.iter().any(|word| word == "all") {
        return if words.len() > 1 { Err("`all` stands alone: it has every category".into()) } else { Ok(Categories::ALL) };
    }
    let found: Vec<Category> = words.iter().map(|word| category(word)).collect::<Result<_, _>>()?;
    Ok(Categories::only(&found))
}

/// One category by name.
pub fn category(word: &str) -> Result<Category, String> {
    word.parse().map_err(|_| {
        let names: Vec<&str> = Category::ALL.into_iter().map(Category::name).collect();
        format!("no category is called {word:?}; categories are all, {}", names.join(", "))
    })
}

/// A purpose by its code.
pub fn purpose(word: &str) -> Result<Purpose, String> {
    word.parse().map_err(|_| format!("{word:?}: {}", inro_contracts::purpose::NoPurpose))
}

/// Categories for people.
pub fn say_categories(categories: Categories, language: Language) -> String {
    match (categories.list(), language) {
        (None, Language::En) => "all categories".into(),
        (None, Language::Ja) => "すべての種類".into(),
        (Some(list), _) => list.into_iter().map(|category| say_category(category, language)).collect::<Vec<_>>().join(", "),
    }
}

/// A category for people.
pub fn say_category(category: Category, language: Language) -> &'static str {
    if language == Language::En {
        return category.name();
    }
    match category {
        Category::Referral => "診療情報提供書",
        Category::DischargeSummary => "退院時サマリー",
        Category::CheckUp => "健康診断結果報告書",
        Category::Diagnosis => "傷病名",
        Category::Allergy => "アレルギー情報",
        Category::Infection => "感染症情報",
        Category::DrugContraindication => "薬剤禁忌情報",
        Category::EmergencyTest => "救急時に有用な検査",
        Category::LifestyleTest => "生活習慣病関連の検査",
        Category::Prescription => "処方情報",
        Category::Chart => "カルテ",
        Category::Dispensing => "調剤の記録",
        Category::PersonalHealthRecord => "PHRデータ",
        Category::TreatmentHistory => "治療歴",
        Category::TestResult => "検査結果等",
        Category::Image => "画像",
        Category::VitalSigns => "測定された生体情報等",
        Category::SelfRecorded => "本人が記録したデータ",
        Category::Evaluation => "評価",
        Category::Plan => "診断・治療方針",
        Category::Other => "その他",
    }
}

/// A purpose for people.
pub fn say_purpose(purpose: Purpose, language: Language) -> &'static str {
    let (english, japanese) = match purpose {
        Purpose::Treatment => ("treatment", "診療"),
        Purpose::EmergencyTreatment => ("emergency treatment", "救急診療"),
        Purpose::BreakTheGlass => ("breaking the glass", "緊急時の開示"),
        Purpose::CoordinationOfCare => ("coordination of care", "医療・介護の連携"),
        Purpose::CareManagement => ("care management", "ケアマネジメント"),
        Purpose::PatientRequest => ("the patient's own request", "本人の求め"),
        Purpose::FamilyRequest => ("a family member's request", "家族の求め"),
        Purpose::PowerOfAttorney => ("a holder of a power of attorney", "代理人の求め"),
        Purpose::PublicHealth => ("public health", "公衆衛生"),
        Purpose::Disaster => ("a disaster", "災害"),
        Purpose::Research => ("research", "研究"),
        Purpose::ClinicalTrial => ("a clinical trial", "治験"),
        Purpose::Quality => ("improvement of quality", "医療の質の向上"),
        Purpose::PatientSafety => ("patients' safety", "医療安全"),
    };
    if language == Language::En { english } else { japanese }
}

/// A role for people.
pub fn say_role(role: Role, language: Language) -> &'static str {
    let (english, japanese) = match role {
        Role::Physician => ("physician", "医師"),
        Role::Dentist => ("dentist", "歯科医師"),
        Role::Pharmacist => ("pharmacist", "薬剤師"),
        Role::Nurse => ("nurse", "看護師"),
        Role::PublicHealthNurse => ("public health nurse", "保健師"),
        Role::Midwife => ("midwife", "助産師"),
        Role::RadiologicalTechnologist => ("radiological technologist", "診療放射線技師"),
        Role::LaboratoryTechnologist => ("laboratory technologist", "臨床検査技師"),
        Role::CareWorker => ("care worker", "介護福祉士・介護支援専門員"),
        Role::RecordsAdministrator => ("records administrator", "医療事務・診療情報管理士"),
        Role::Auditor => ("auditor", "監査担当"),
    };
    if language == Language::En { english } else { japanese }
}

/// An emergency's reason for people.
pub fn say_reason(reason: EmergencyReason, language: Language) -> &'static str {
    let (english, japanese) = match reason {
        EmergencyReason::Unconscious => ("the patient cannot speak", "患者が意思表示できない"),
        EmergencyReason::DangerToLife => ("danger to life", "生命の危険"),
        EmergencyReason::Incapable => ("the patient cannot decide now", "患者が判断できない"),
        EmergencyReason::DangerToOthers => ("danger to others", "他者への危険"),
        EmergencyReason::Disaster => ("a disaster", "災害"),
        EmergencyReason::Other => ("another reason", "その他の理由"),
    };
    if language == Language::En { english } else { japanese }
}

/// A review's finding for people.
pub fn say_finding(finding: Finding, language: Language) -> &'static str {
    let (english, japanese) = match finding {
        Finding::Justified => ("justified", "正当"),
        Finding::NotJustified => ("not justified", "正当でない"),
        Finding::Unclear => ("unclear", "不明"),
    };
    if language == Language::En { english } else { japanese }
}

/// A wrong payload for people.
pub fn say_fault(fault: PayloadFault, language: Language) -> &'static str {
    let (english, japanese) = match fault {
        PayloadFault::Substituted => ("it is not what was registered", "登録されたものと違う"),
        PayloadFault::Truncated => ("it ended early", "途中で終わった"),
        PayloadFault::Withheld => ("it did not come", "届かなかった"),
        PayloadFault::NotForThisAccess => ("it was not sealed for this access", "この閲覧のために封じられていない"),
        PayloadFault::Malformed => ("it is not a sealed payload", "封じられたデータではない"),
        PayloadFault::Unauthorised => {
            ("the custodian did not show that the ledger authorises it", "保管施設が台帳による許可の証拠を示さなかった")
        }
    };
    if language == Language::En { english } else { japanese }
}

/// Why nothing was handed over, for people.
pub fn say_refusal(refusal: DisclosureRefusal, language: Language) -> &'static str {
    let (english, japanese) = match refusal {
        DisclosureRefusal::WithdrawnSince => ("the patient revoked or sealed it meanwhile", "その後に撤回または封印された"),
        DisclosureRefusal::TooOld => ("the access's lifetime is over", "閲覧の有効時間が過ぎた"),
        DisclosureRefusal::Erased => ("it is erased", "消去済み"),
        DisclosureRefusal::Unreadable => ("it cannot be read", "読み出せない"),
    };
    if language == Language::En { english } else { japanese }
}

/// A denial's sentence in Japanese.
pub fn denial_in_japanese(denial: Denial) -> &'static str {
    match denial {
        Denial::UnknownRequester => "閲覧者が登録されていないか、別の鍵で署名しています。",
        Denial::SuspendedOrganisation => "閲覧者の組織は停止されています。",
        Denial::PractitionerNotValid => "従事者が停止中か、有効期間外です。",
        Denial::UnknownAccount => "アカウントがありません。",
        Denial::NoBasis => "この閲覧を許すもの（許可・コンサルト・緊急）がありません。",
        Denial::NotYet => "許可はまだ始まっていません。",
        Denial::Ended => "許可は撤回されたか、閉じられたか、期限が切れました。",
        Denial::OtherPurpose => "許可は別の目的のためのものです。",
        Denial::OtherCategory => "求めた種類は許可の外です。",
        Denial::Sealed => "求めたものは患者が封印しています。",
        Denial::EmergencyQuota => "この組織の本日の緊急閲覧は残っていません。期限を過ぎた事後審査があると減ります。",
        Denial::RoleMayNot => "この職種は緊急閲覧ができません。",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_of_time_has_a_number_and_a_unit() {
        let ms = |text: &str| text.parse::<Span>().map(|span| span.ms);
        assert_eq!(ms("90s"), Ok(90_000));
        assert_eq!(ms("30m"), Ok(1_800_000));
        assert_eq!(ms("24h"), Ok(DAY_MS));
        assert_eq!(ms("7d"), ms("1w"));
        for bad in ["", "h", "24", "24 h", "-1h", "+1h", "1.5h", "0h", "36601d", "99999999999999999999d", "24時", "５h", "1y"] {
            assert!(ms(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_moment_is_read_as_it_is_written() {
        let ms = |text: &str| text.parse::<Moment>().map(|moment| moment.0.0);
        assert_eq!(ms("1970-01-01T00:00:00Z"), Ok(0));
        assert_eq!(ms("2000-02-29T12:00Z"), Ok(951_825_600_000));
        assert_eq!(ms("2026-11-22T17:00+09:00"), ms("2026-11-22T08:00Z"));
        assert_eq!(ms("2026-11-22"), ms("2026-11-21T15:00Z"));
        assert_eq!(ms("1764000000000"), Ok(1_764_000_000_000));
        for bad in [
            "",
            "tomorrow",
            "2026",
            "2026-02-29",
            "2026-13-01",
            "2026-00-10",
            "2026-01-00",
            "2026-11-22T25:00Z",
            "2026-11-22T10:00",
            "2026-11-22x",
            "2026-11-22T10:00Zx",
            "1969-01-01T00:00Z",
            "2026-1-1",
            "あいうえおかきくけこ",
            "2026-11-22T+9:00",
            "99999999999999999999",
        ] {
            assert!(ms(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_moment_is_written_with_its_offset_and_read_back() {
        for ms in [0, 951_825_600_000, 1_764_000_000_000, 4_102_444_799_000, 68_169_600_000, 253_402_300_799_000] {
            let written = moment(Time(ms), Language::En);
            assert_eq!(written.parse::<Moment>().unwrap().0.0, ms, "{written}");
        }
        assert_eq!(moment(Time(951_825_600_000), Language::Ja), "2000-02-29T21:00:00+09:00");
        assert_eq!(moment(Time(u64::MAX), Language::En), "9999-12-31T23:59:59Z");
    }

    #[test]
    fn categories_are_all_or_some_and_a_wrong_name_is_answered_with_the_right_ones() {
        let read = |words: &[&str]| categories(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        assert_eq!(read(&[]), Ok(Categories::ALL));
        assert_eq!(read(&["all"]), Ok(Categories::ALL));
        assert_eq!(read(&["image", "chart"]), Ok(Categories::only(&[Category::Image, Category::Chart])));
        assert!(read(&["all", "image"]).is_err());
        assert!(read(&["images"]).unwrap_err().contains("vital-signs"));
        assert!(purpose("TREAT").is_ok() && purpose("treat").is_ok() && purpose("FUN").unwrap_err().contains("HRESCH"));
    }
}
