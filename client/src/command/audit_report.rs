//! An audit's report in lines for people, in English and Japanese. Programs read the same report in JSON.

use inro_audit::finding::{Finding, Gap, Step, Unchecked};
use inro_audit::report::{
    Emergency, Listed, Measure, OpenAccess, Party, Report, ReportedPayload, ReviewStanding, SuspendedAttempt, UnusualReader,
};
use inro_contracts::id::Label;

use crate::terms::{moment, say_fault, say_finding, say_role};
use crate::words::Language;

/// How many rows of a list are shown to people; all that the report has are in the JSON.
const ROWS_MAX: usize = 50;

/// The report.
pub fn lines(report: &Report, language: Language) -> Vec<String> {
    let mut page = Page { language, lines: Vec::new() };
    page.head(report);
    page.list("Findings", "指摘", &report.findings, Page::finding);
    let unchecked = Listed { total: report.unchecked.len() as u64, listed: report.unchecked.clone() };
    page.list("Not checked", "未検査", &unchecked, Page::unchecked);
    page.totals(report);
    page.emergencies(report);
    page.list("Granted and not handed over", "許可されたが提供されていない閲覧", &report.undisclosed, Page::open_access);
    page.list("Handed over and not acknowledged", "提供されたが受領されていない閲覧", &report.unacknowledged, Page::open_access);
    page.list("Payloads reported as wrong", "不備の報告", &report.payload_faults, Page::payload);
    page.list("Attempts of suspended members", "停止中の組織による試み", &report.suspended_attempts, Page::attempt);
    page.unusual(report);
    page.double_signers(report);
    page.lines
}

struct Page {
    language: Language,
    lines: Vec<String>,
}

impl Page {
    fn say<'a>(&self, english: &'a str, japanese: &'a str) -> &'a str {
        if self.language == Language::En { english } else { japanese }
    }

    fn line(&mut self, english: String, japanese: String) {
        self.lines.push(if self.language == Language::En { english } else { japanese });
    }

    fn list<T>(&mut self, english: &str, japanese: &str, list: &Listed<T>, row: fn(&Self, &T) -> String) {
        let title = self.say(english, japanese);
        self.lines.push(format!("{title}: {}", list.total));
        let rows: Vec<_> = list.listed.iter().take(ROWS_MAX).map(|one| format!("  {}", row(self, one))).collect();
        let more = list.total - rows.len() as u64;
        self.lines.extend(rows);
        if more > 0 {
            self.line(format!("  … and {more} more (--json lists more)"), format!("  … ほか {more} 件（--json で多く表示）"));
        }
    }

    fn head(&mut self, report: &Report) {
        let (height, at) = (report.as_of.height, moment(report.as_of.time, self.language));
        let (chain, root) = (report.chain.to_hex(), report.as_of.state_root.to_hex());
        let ledger = &report.ledger;
        self.line(format!("Audit of the ledger {ledger} ({chain})"), format!("台帳「{ledger}」（{chain}）の監査"));
        self.line(
            format!("up to block {height}, {at}; state root {root}"),
            format!("ブロック {height}（{at}）まで。状態ルート {root}"),
        );
        if report.is_clean {
            self.line(
                "Sound: every header, certificate, signature, outcome and root was checked.".into(),
                "問題なし: すべてのヘッダー、証明書、署名、判定結果、ルートを検査しました。".into(),
            );
        } else {
            self.line("NOT SOUND, or not all of it was checked.".into(), "問題があるか、検査できない部分があります。".into());
        }
    }

    fn finding(&self, finding: &Finding) -> String {
        let place = match (finding.until, finding.index) {
            (Some(until), _) => format!("{}–{until}", finding.height),
            (None, Some(index)) => format!("{}/{index}", finding.height),
            (None, None) => finding.height.to_string(),
        };
        let step = if self.language == Language::En { finding.step.text() } else { step_in_japanese(finding.step) };
        let (block, expected, found) =
            (self.say("block", "ブロック"), self.say("expected", "あるべき値"), self.say("found", "実際"));
        let follows = finding.may_follow_from.map_or(String::new(), |from| match self.language {
            Language::En => format!(" (may only follow from block {from})"),
            Language::Ja => format!("（ブロック {from} の影響の可能性）"),
        });
        let Finding { rule, expected: right, found: wrong, .. } = finding;
        format!("{block} {place}: {rule} {step} {expected}: {right}; {found}: {wrong}{follows}")
    }

    fn unchecked(&self, unchecked: &Unchecked) -> String {
        let until = unchecked.until.map_or(String::new(), |until| until.to_string());
        let why = match unchecked.why {
            Gap::CopyEnds => self.say("the copy ends here", "写しがここで終わっている"),
            Gap::BlocksMissing => self.say(
                "blocks are missing: outcomes, roots of the state and new validators could not be checked",
                "ブロックが欠けているため、判定結果・状態ルート・検証者の変更を検査できない",
            ),
            Gap::NotReplayed => {
                self.say("larger than allowed: it was replayed without its entries", "許容より大きいため、中身なしで再実行した")
            }
        };
        format!("{} {}–{until}: {why}", self.say("block", "ブロック"), unchecked.from)
    }

    fn totals(&mut self, report: &Report) {
        let t = &report.totals;
        let denied: u64 = t.denied.values().sum();
        let rejected: u64 = t.rejected.values().sum();
        self.line(
            format!("Ledger: {} blocks, {} entries, {} signatures checked", t.blocks, t.entries, t.signatures),
            format!("台帳: ブロック {}、記載 {}、検査した署名 {}", t.blocks, t.entries, t.signatures),
        );
        self.line(
            format!(
                "  {} organisations ({} suspended), {} validators, {} practitioners, {} accounts, {} records",
                t.organisations, t.suspended, t.validators, t.practitioners, t.accounts, t.records
            ),
            format!(
                "  組織 {}（停止中 {}）、検証者 {}、従事者 {}、アカウント {}、記録 {}",
                t.organisations, t.suspended, t.validators, t.practitioners, t.accounts, t.records
            ),
        );
        let (denials, rules) = (by(&t.denied), by(&t.rejected));
        self.line(
            format!(
                "  {} applied, {} accesses granted, {denied} denied{denials}, {rejected} rejected by a rule{rules}; {} signed with keys \
                 that facilities keep for people",
                t.applied, t.granted, t.custodial
            ),
            format!(
                "  反映 {}、閲覧許可 {}、閲覧拒否 {denied}{denials}、規則による却下 {rejected}{rules}、うち施設が保管する鍵による署名 {}",
                t.applied, t.granted, t.custodial
            ),
        );
    }

    fn emergencies(&mut self, report: &Report) {
        let e = &report.emergencies;
        self.list("Emergency accesses", "緊急閲覧", &e.accesses, Self::emergency);
        self.line(
            format!(
                "  reviews: {} overdue, {} open, {} closed ({} late, {} not justified)",
                e.overdue, e.open, e.closed, e.closed_late, e.not_justified
            ),
            format!(
                "  事後審査: 期限超過 {}、審査中 {}、完了 {}（遅延 {}、不当 {}）",
                e.overdue, e.open, e.closed, e.closed_late, e.not_justified
            ),
        );
    }

    fn emergency(&self, one: &Emergency) -> String {
        let at = moment(one.at, self.language);
        let standing = match one.standing {
            ReviewStanding::Overdue => {
                format!("{} {}", self.say("REVIEW OVERDUE since", "審査期限超過"), moment(one.deadline, self.language))
            }
            ReviewStanding::Open => format!("{} {}", self.say("review due", "審査期限"), moment(one.deadline, self.language)),
            ReviewStanding::Closed { finding, late, .. } => {
                let late = if late { self.say(", late", "・遅延") } else { "" };
                format!("{} {}{late}", self.say("reviewed:", "審査済み:"), say_finding(finding, self.language))
            }
        };
        let (name, practitioner, access) = (&one.organisation.name, one.practitioner.to_hex(), one.access.to_hex());
        format!("{at} {name} {practitioner} {access}: {standing}{}", self.account(one.account))
    }

    fn open_access(&self, one: &OpenAccess) -> String {
        let (at, access) = (moment(one.at, self.language), one.access.to_hex());
        let counts = match self.language {
            Language::En => format!(
                "{} of {} records handed over, {} refused, {} acknowledged",
                one.disclosed, one.records, one.refused, one.acknowledged
            ),
            Language::Ja => {
                format!("{} 件中 提供 {}、提供拒否 {}、受領 {}", one.records, one.disclosed, one.refused, one.acknowledged)
            }
        };
        format!("{at} {} → {} {access}: {counts}{}", one.custodian.name, self.reader(&one.reader), self.account(one.account))
    }

    fn payload(&self, one: &ReportedPayload) -> String {
        let (at, access, fault) = (moment(one.at, self.language), one.access.to_hex(), say_fault(one.fault, self.language));
        format!("{at} {} → {} {access}: {fault}{}", one.custodian.name, self.reader(&one.reader), self.account(one.account))
    }

    fn attempt(&self, one: &SuspendedAttempt) -> String {
        let at = moment(one.at, self.language);
        let name = one.organisation.as_ref().map_or("?", |organisation| organisation.name.as_str());
        format!("{at} {name}: {} ({} {}/{})", one.action, self.say("block", "ブロック"), one.height, one.index)
    }

    fn unusual(&mut self, report: &Report) {
        let unusual = &report.unusual_readers;
        self.list("Unusual readers", "他と大きく異なる閲覧者", &unusual.readers, Self::unusual_reader);
        self.line(
            format!(
                "  {} readers were compared with others of their role; {} had too few like them",
                unusual.compared, unusual.too_few
            ),
            format!("  同じ職種の中で比較した閲覧者 {}、比較できる相手が足りない閲覧者 {}", unusual.compared, unusual.too_few),
        );
    }

    fn unusual_reader(&self, one: &UnusualReader) -> String {
        let what = match (one.measure, self.language) {
            (Measure::Accounts, Language::En) => format!("{} accounts, where {} would not stand out", one.value, one.fence),
            (Measure::Accounts, Language::Ja) => format!("アカウント {} 件（目立たない上限 {}）", one.value, one.fence),
            (Measure::DeniedPermille, Language::En) => {
                format!("{}‰ of {} requests denied, where {}‰ would not stand out", one.value, one.requests, one.fence)
            }
            (Measure::DeniedPermille, Language::Ja) => {
                format!("{} 件の請求のうち {}‰ が拒否（目立たない上限 {}‰）", one.requests, one.value, one.fence)
            }
            (Measure::Emergencies, Language::En) => {
                format!("{} emergency accesses, where {} would not stand out", one.value, one.fence)
            }
            (Measure::Emergencies, Language::Ja) => format!("緊急閲覧 {} 件（目立たない上限 {}）", one.value, one.fence),
        };
        let role = say_role(one.role, self.language);
        format!("{} {role} {}: {what}", one.organisation.name, one.practitioner.to_hex())
    }

    fn double_signers(&mut self, report: &Report) {
        if report.double_signers.is_empty() {
            return;
        }
        let title = self.say("Validators that signed twice", "二重に署名した検証者").to_owned();
        self.lines.push(format!("{title}: {}", report.double_signers.len()));
        for one in &report.double_signers {
            self.line(
                format!("  {} {} at height {}", one.organisation.name, one.validator.to_hex(), one.height),
                format!("  {} {} 高さ {}", one.organisation.name, one.validator.to_hex(), one.height),
            );
        }
    }

    fn reader<'a>(&'a self, reader: &'a Option<Party>) -> &'a str {
        reader.as_ref().map_or(self.say("the person", "本人側"), |party| party.name.as_str())
    }

    fn account(&self, account: Option<Label>) -> String {
        account.map_or(String::new(), |label| format!(" ({} {})", self.say("account", "アカウント"), label.to_hex()))
    }
}

/// ` (D-1.5: 3, D-1.10: 1)`, or nothing.
fn by(counts: &std::collections::BTreeMap<&'static str, u64>) -> String {
    if counts.is_empty() {
        return String::new();
    }
    let counts: Vec<_> = counts.iter().map(|(code, count)| format!("{code}: {count}")).collect();
    format!(" ({})", counts.join(", "))
}

fn step_in_japanese(step: Step) -> &'static str {
    match step {
        Step::Height => "ブロックの高さは直前の次である。",
        Step::Chain => "ヘッダーはこの台帳を指す。",
        Step::Parent => "ヘッダーは直前のブロックを指す。",
        Step::Time => "ブロックの時刻は直前より後である。",
        Step::Clock => "ブロックの時刻は未来ではない。",
        Step::Proposer => "提案者は検証者である。",
        Step::Validators => "ヘッダーの検証者集合は台帳から導かれるものである。",
        Step::NextValidators => "ヘッダーの次の検証者集合は台帳から導かれるものである。",
        Step::CertificateBlock => "証明書はそのブロックのヘッダーに対するものである。",
        Step::CertificateOrder => "証明書の署名は決まった順に並ぶ。",
        Step::CertificateStranger => "証明書の署名者はその高さの検証者である。",
        Step::CertificateSignature => "証明書の署名は正しい。",
        Step::CertificateQuorum => "証明書は議決権の三分の二を超える。",
        Step::EntriesCount => "記載の数はヘッダーのとおりである。",
        Step::EntriesRoot => "記載はヘッダーのルートに一致する。",
        Step::Entry => "記載は正しい形式である。",
        Step::Signature => "トランザクションの署名は正しい。",
        Step::OtherChain => "トランザクションはこの台帳を指す。",
        Step::Void => "期限の過ぎたトランザクションは記録されない。",
        Step::TooFarAhead => "トランザクションの期限は許容より先ではない。",
        Step::Replayed => "トランザクションは一度だけ記録される。",
        Step::Size => "ブロックは許容の大きさに収まる。",
        Step::Outcome => "判定結果は規則どおりである。",
        Step::StateRoot => "状態ルートはトランザクションから導かれるものである。",
        Step::HistoryRoot => "履歴ルートはそれまでの全ブロックのものである。",
    }
}
