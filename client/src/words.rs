//! The sentences that `inro` says, in English and Japanese. `{}` is filled in from left to right.

use inro_client::ClientError;
use inro_client::evidence::NoEvidence;
use inro_client::light::witness::{NotWitnessed, Uncovered};
use inro_client::light::{Distrust, Remark};
use inro_client::wallet::{BadWords, WORDS, WalletFault};
use inro_genesis::ceremony::CeremonyFault;
use inro_genesis::files::FileFault;
use inro_genesis::keyfile::{KeyFault, PASSPHRASE_CHARACTERS_MIN};

/// A language for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Language {
    /// English.
    En,
    /// 日本語.
    Ja,
}

impl Language {
    /// The language of the environment's locale.
    pub fn of_environment() -> Self {
        let locale =
            ["LC_ALL", "LC_MESSAGES", "LANG"].iter().filter_map(|name| std::env::var(name).ok()).find(|set| !set.is_empty());
        if locale.is_some_and(|locale| locale.starts_with("ja")) { Self::Ja } else { Self::En }
    }
}

macro_rules! words {
    ($($name:ident: $en:literal, $ja:literal;)*) => {
        /// A sentence.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Word { $(#[doc = $en] $name,)* }

        impl Word {
            #[cfg(test)]
            const ALL: &'static [Word] = &[$(Word::$name),*];

            /// The sentence with its gaps.
            pub fn text(self, language: Language) -> &'static str {
                match (self, language) {
                    $((Self::$name, Language::En) => $en, (Self::$name, Language::Ja) => $ja,)*
                }
            }
        }
    };
}

words! {
    Error: "error: {}", "エラー: {}";
    KeyMade: "The key is in {}, encrypted. Its public key: {}", "鍵を暗号化して {} に保存しました。公開鍵: {}";
    KeyOpened: "The passphrase opens the key.", "パスフレーズで鍵を開けました。";
    PassphraseChanged: "The passphrase of {} is changed.", "{} のパスフレーズを変更しました。";
    PublicKey: "public key        {}", "公開鍵             {}";
    AsOrganisation: "as organisation   {}", "組織IDとして       {}";
    AsPractitioner: "as practitioner   {}", "従事者IDとして     {}";
    AsAccount: "as account        {}", "アカウントとして   {}";
    Declared: "The declaration of {} is in {}. Send this file to whoever joins the ledger; keep {} secret and backed up.",
        "{} の申告書を {} に保存しました。このファイルを取りまとめ役に送ってください。{} は秘密にして控えを取ってください。";
    Joined: "{} declarations are joined in {}. Send it to every founder.", "{} 件の申告書を {} にまとめました。設立者全員に送ってください。";
    CompareChain: "Every founder runs `inro genesis verify` and compares this chain id by voice: {}",
        "設立者はそれぞれ `inro genesis verify` を実行し、次のチェーンIDを口頭で照合してください: {}";
    GenesisHolds: "The founding document holds: every declaration, every signature, and the whole.",
        "設立文書は有効です（すべての申告書、すべての署名、全体）。";
    DeclarationFound: "The declaration of {} is in it, unchanged.", "{} の申告書は変更されずに含まれています。";
    NotChecked: "Not checked; `inro genesis verify` does that.", "検証はしていません。`inro genesis verify` で検証できます。";
    CertificateVerified: "Verified: signed by {} of {} voting power.", "検証済み: 議決権 {} / {} の署名があります。";
    CertificateWithoutGenesis: "Not verified: give the founding document with --genesis FILE to verify it.",
        "未検証: 検証するには --genesis で設立文書、または --chain で台帳のIDを指定してください。";
    ReceiptVerified: "Receipt, verified: {}", "閲覧の受領証（検証済み）: {}";
    ReceiptUnverified: "Receipt, not verified (name the founding document with --genesis, or the ledger's id with --chain): {}",
        "閲覧の受領証（未検証。検証するには --genesis で設立文書、または --chain で台帳のIDを指定してください）: {}";
    Witnessed: "Block {} is witnessed as the policy asks: {}.", "ブロック {} は方針の求める証人に確認されています: {}";
    WitnessedBy: "cosigned by       {} ({} blocks)", "連署した証人       {}（{} ブロック）";
    Waiting: "waiting for the block …", "ブロックへの記録を待っています …";
    CommittedIn: "Committed in block {}.", "ブロック {} に記録されました。";
    Submitted: "Submitted; not waited for.", "送信しました（記録は待っていません）。";
    TransactionIs: "transaction       {}", "トランザクション   {}";
    Pending: "Waiting to be committed.", "記録待ちです。";
    UnknownTransaction: "The node does not know this transaction.", "このノードはこのトランザクションを知りません。";
    RejectedBy: "Committed in block {}, but it changed nothing: rule {}", "ブロック {} に記録されましたが、何も変わりませんでした。規則 {}";
    NothingThere: "(none)", "（なし）";
    WalletMade: "The wallet is in {}, encrypted. Its ledger: {}", "ウォレットを暗号化して {} に保存しました。台帳: {}";
    WalletWords: "Write these words down in this order, and show them to nobody. Whoever has them has the wallet:",
        "次の言葉をこの順に書き留め、誰にも見せないでください。この言葉を持つ人がウォレットを使えます:";
    WalletRepeat: "Word {}, please:", "{} 番目の言葉を入力してください:";
    WalletTypeWords: "The 24 words:", "24個の言葉:";
    WalletShowWords: "Does nobody else see this screen? Type yes to show the words:",
        "他の人に画面が見えていませんか。言葉を表示するには「はい」と入力してください:";
    WalletRestored: "The wallet is restored in {}.", "ウォレットを {} に復元しました。";
    WalletScanning: "{} accounts found", "アカウント {} 件を発見";
    WalletScanned: "{} organisations were searched: {} accounts, as of block {}. Every answer was proved.",
        "{} 組織を調べました。アカウント {} 件（ブロック {} 時点）。すべての応答を証明で確認しました。";
    WalletLost: "For {} further accounts another key speaks now; if that is wrong, ask two facilities to recover them.",
        "このほか {} 件は別の鍵が管理しています。心当たりがなければ、二つの施設に復旧を依頼してください。";
    AccountOpen: "open", "開設済み";
    AccountAgreed: "agreed, not open", "同意済み・未開設";
    AccountLost: "another key speaks for it", "別の鍵が管理";
    AccountCustodial: "open, kept by the facility", "開設済み・施設が保管";
    GrantHolds: "{} may read {} for {} until {}", "{} に許可: {}（目的: {}）{} まで";
    GrantToCome: "{} may read {} for {}, not in force yet, until {}", "{} に許可（開始前）: {}（目的: {}）{} まで";
    GrantOver: "{} might read {} for {}, over since {}", "{} への許可（期限切れ）: {}（目的: {}）{} に終了";
    GrantRevoked: "{} might read {} for {}, revoked {}", "{} への許可（撤回済み）: {}（目的: {}）{} に撤回";
    ConsultHolds: "{} asks {} for advice on {} until {}", "{} から {} へのコンサルト: {} {} まで";
    ConsultOver: "{} asked {} for advice on {}, over since {}", "{} から {} へのコンサルト（終了）: {} {} に終了";
    RoleAt: "every {} of {}", "{} 全員（{}）";
    SealHolds: "sealed: {} against {}", "封印: {} 対象: {}";
    SealSilent: "silent", "封印の存在も伏せる";
    SealNever: "not even an emergency opens it", "緊急時にも開かない";
    SealHidden: "hidden from guardians", "代理人にも伏せる";
    SealLifted: "lifted until {}", "{} まで一時解除";
    Everything: "everything", "すべて";
    RecordsNamed: "records {}", "記録 {}";
    AgainstOutside: "everyone outside the custodian", "保管施設の外の全員";
    AgainstAllButAuthor: "everyone but the author", "作成者以外の全員";
    AccessGranted: "Granted: {} records.", "許可されました: 記録 {} 件";
    AccessIs: "access            {}", "アクセス           {}";
    SomethingSealed: "Something that was asked for is sealed by the patient.", "求めたものの一部は患者が封印しています。";
    MoreRecords: "There are more: ask again with --after {}", "続きがあります。--after {} を付けて再度求めてください。";
    FetchLater: "not there yet; fetch it later with `inro fetch {} --out DIR`", "まだ届いていません。後で `inro fetch {} --out DIR` を実行してください。";
    NotRegistered: "the custodian's node does not list this record", "保管施設のノードにこの記録の登録が見当たりません";
    EmergencyWarning: "This reads without the patient's word. The patient is told at once; it stands in the journal for ever; somebody else reviews it within {} hours; the facility has {} a day.",
        "患者の許可なしに閲覧します。患者に直ちに通知され、履歴に永久に残り、{} 時間以内に別の人が審査します。施設の上限は一日 {} 件です。";
    EmergencyQuestion: "Is it an emergency? Type yes to go on:", "緊急ですか。続けるには「はい」と入力してください:";
    AnswerIn: "The answer is in {} ({}).", "回答を {} に保存しました（{}）。";
    TakenIn: "{}  {} items", "{}  {} 件";
    TakingIn: "taking in {}", "{} を取り込み中";
    Registering: "registering", "台帳に登録中";
    HistoryProved: "Verified: these {} events are complete up to block {} ({}); nothing is left out or changed.",
        "検証済み: この {} 件で、ブロック {}（{}）までのすべてです。抜けも改変もありません。";
    HistoryNotProved: "Not verified: {} events up to block {} ({}), an unbroken chain that only the node vouches for; name the founding document with --genesis FILE.",
        "未検証: {} 件、ブロック {}（{}）まで。連鎖は途切れていませんが、ノードの言葉だけです。--genesis FILE で設立文書を指定してください。";
    NotVerified: "Not verified: what follows is the node's word. Name the founding document with --genesis FILE, or the ledger with --chain ID, to have it proved.",
        "未検証: 以下はノードの言葉であり、証明されていません。--genesis FILE で設立文書を、または --chain ID で台帳を指定してください。";
    PartlyVerified: "Not all of this is proved: part of it is the node's word, because it follows from a journal that may not be read, or from a list that could be longer.",
        "一部は証明されていません。閲覧できない記録に基づく内容や、件数を確かめられない一覧は、ノードの申告です。";
    HandedOver: "; {} handed over", "（うち引き渡し {} 件）";
    NothingHandedOver: "; {} handed over so far", "（引き渡しはまだ {} 件）";
    NodeSilent: "{} does not answer; it was not compared with the others.", "{} から応答がなく、他のノードと比べられませんでした。";
    NodeStale: "{} is behind: its last block is {}, and block {} was seen elsewhere.", "{} は遅れています。最新ブロックは {} ですが、ブロック {} が既にあります。";
    Forgotten: "{} cannot be read or is not true any more: what was seen of this ledger before is forgotten. Compare with other nodes (--node A,B), and find out who changed the file.",
        "{} を読めないか、内容が正しくありません。以前に確認した台帳の記憶は失われました。他のノードと比べ（--node A,B）、誰が変更したか確かめてください。";
    NotRemembered: "What was seen cannot be remembered for the next time: {}", "確認した最新ブロックを保存できません: {}";
    You: "you", "あなた";
    ThePerson: "the person", "本人";
    TheCustodian: "the custodian", "保管施設";
    TheReader: "the reader's side", "閲覧した側";
    GuardianCalled: "guardian {}", "代理人 {}";
    Custodially: "(by the wallet that the facility keeps)", "（施設が保管するウォレットによる）";
    DidOpenAccount: "opened the account", "アカウントを開設";
    DidRotate: "replaced the account's key", "アカウントの鍵を交換";
    DidAppoint: "appointed guardian {} until {}", "代理人 {} を任命（{} まで）";
    DidDismiss: "dismissed guardian {}", "代理人 {} を解任";
    DidAttest: "checked the person's identity for a new key", "新しい鍵のために本人確認";
    DidVeto: "stopped a recovery", "復旧を中止";
    DidComplete: "completed a recovery", "復旧を完了";
    DidRegister: "registered a record: {} {}", "記録を登録: {} {}";
    DidSupersede: "replaced record {} by {} {}", "記録 {} を更新: {} {}";
    DidErase: "erased record {}", "記録 {} を消去";
    DidFlag: "set the flags of record {}", "記録 {} の提供条件を変更";
    DidGrant: "permitted {} to read {} for {} until {}", "{} に許可: {}（目的: {}）{} まで";
    DidRevoke: "revoked grant {}", "許可 {} を撤回";
    DidSeal: "sealed {} against {}", "封印: {} 対象: {}";
    DidLift: "lifted seal {} until {}", "封印 {} を {} まで一時解除";
    DidUnseal: "took seal {} away", "封印 {} を解除";
    DidRead: "asked to read for {}: granted, {} records", "閲覧を求めた（目的: {}）: 許可、記録 {} 件";
    DidNotRead: "asked to read for {}: denied, {}: {}", "閲覧を求めた（目的: {}）: 拒否 {}: {}";
    InEmergency: "; emergency: {}", "（緊急: {}）";
    InConsult: "; consult {}", "（コンサルト {}）";
    DidDisclose: "handed {} records over", "記録 {} 件を引き渡し";
    DidAcknowledge: "received {} records", "記録 {} 件を受領";
    DidReport: "reported the payload of record {}: {}", "記録 {} のデータの異常を報告: {}";
    DidRefuse: "did not hand record {} over: {}", "記録 {} を引き渡さず: {}";
    DidConsult: "asked {} for advice on {} until {}", "{} へのコンサルトを開始: {} {} まで";
    DidCloseConsult: "closed consult {}", "コンサルト {} を終了";
    DidAnswer: "answered consult {}", "コンサルト {} に回答";
    DidReview: "reviewed an emergency access: {}", "緊急閲覧を審査: {}";
    DidReadJournal: "was about to read this history", "この履歴の閲覧を通知";
    DidOther: "did something else", "その他の操作";
    EvidenceIn: "The evidence is in {} ({} bytes). Whoever has the founding document can check it with `inro verify`.",
        "証拠を {} に保存しました（{} バイト）。設立文書があれば誰でも `inro verify` で確かめられます。";
    EvidenceEntry: "Proved: transaction {} stands in block {}. Outcome: {}.", "証明されました: トランザクション {} はブロック {} にあります。結果: {}。";
    EvidenceJournal: "Proved: these {} events are all that happened to account {}: none is left out, added, moved or changed.",
        "証明されました: {} 件の履歴がアカウント {} に起きたことのすべてです（抜け、追加、入れ替え、改変なし）。";
    EvidenceAbsence: "Proved: there is no account {}.", "証明されました: アカウント {} は存在しません。";
    EvidenceDecision: "Proved: access {} in block {} was decided as the rules say. Outcome: {}.",
        "証明されました: アクセス {}（ブロック {}）は規則どおりに判定されました。結果: {}。";
    EvidenceFollowed: "The decision was made again from the state before it and the {} events of account {}.",
        "判定は、その直前の状態と履歴 {} 件（アカウント {}）からやり直して確かめました。";
    EvidenceConsistency: "Proved: block {} continues the ledger of block {}; nothing before was rewritten.",
        "証明されました: ブロック {} はブロック {} の台帳の続きで、それ以前は書き換えられていません。";
    EvidenceValidators: "Proved: these validator sets voted, one after the other.", "証明されました: 検証者は次の順に交代しました。";
    ValidatorsFrom: "from block {}: {} validators with a voting power of {}", "ブロック {} から: 検証者 {} 者、議決権 {}";
    EvidenceFork: "Proved: block {} was decided twice. The ledger is forked; whoever signed both broke the rules.",
        "証明されました: ブロック {} が二重に確定しています。台帳が分岐しており、両方に署名した検証者は規則に違反しました。";
    ForkBlock: "  block {}, {}, round {}", "  ブロック {}、{}、ラウンド {}";
    ForkSigners: "These validators signed both:", "両方に署名した検証者:";
    ForkRounds: "The rounds differ: among these are those who broke the rules, and there may be others who did not.",
        "ラウンドが異なるため、違反者はこの中にいますが、全員とは限りません。";
    EvidenceSigned: "Signed by {} validators with {} of {} voting power, of ledger {}.", "署名: 検証者 {} 者、議決権 {} / {}、台帳 {}。";
    EvidenceChanges: "The validators changed {} times since the start; each change was checked.", "検証者は開始から {} 回交代し、すべての交代を確かめました。";
    EvidenceUpTo: "It proves how the ledger stood at block {}, {}, and nothing about what came later.",
        "ブロック {}（{}）時点の証明であり、それより後のことは示しません。";
    OutcomeApplied: "it took effect", "有効";
    OutcomeRejected: "it broke rule {} and changed nothing", "規則 {} に反し、何も変わりませんでした";
    OutcomeGranted: "granted, {} records", "許可、記録 {} 件";
    OutcomeDenied: "denied, {}: {}", "拒否 {}: {}";
}

/// A sentence with its gaps filled.
pub fn say(word: Word, language: Language, values: &[&dyn std::fmt::Display]) -> String {
    let mut parts = word.text(language).split("{}");
    let mut sentence = parts.next().unwrap_or_default().to_owned();
    for (part, value) in parts.zip(values) {
        sentence.push_str(&value.to_string());
        sentence.push_str(part);
    }
    sentence
}

/// What is wrong with a file, for those faults that have a Japanese sentence.
pub fn file_fault_in_japanese(fault: &FileFault) -> Option<String> {
    Some(match fault {
        FileFault::Missing(path) => format!("{} がありません。パスを確認してください。", path.display()),
        FileFault::System { path, error, .. } => {
            format!("{} を扱えません（{error}）。所有者、モード、ディスクの空きを確認してください。", path.display())
        }
        FileFault::NotAFile(path) => format!("{} はファイルではありません。", path.display()),
        FileFault::TooLong { path, limit } => {
            format!("{} は {limit} バイトを超えています。別のファイルではありませんか。", path.display())
        }
        FileFault::Exists(path) => {
            format!("{} は既にあり、上書きしません。移動するか、別の名前にしてください。", path.display())
        }
        FileFault::OpenToOthers { path, mode } => {
            let path = path.display();
            format!("{path} は他の利用者が読めます（モード {mode:04o}）。実行してください: chmod 600 {path}")
        }
    })
}

/// Which witnesses do not cover a block, and why.
pub fn not_witnessed_in_japanese(fault: &NotWitnessed) -> String {
    let because = |why: &Uncovered| match why {
        Uncovered::Unasked => "問い合わせていません".into(),
        Uncovered::NoAddress => "方針ファイルにアドレスがありません".into(),
        Uncovered::Unreachable(why) => format!("応答がありません（{why}）"),
        Uncovered::Refuses(status) => format!("チェックポイントを出しません（状態 {status}）。理由は /health にあります"),
        Uncovered::False(bad) => format!("署名または形式が正しくありません（{bad}）"),
        Uncovered::OtherLedger => "別の台帳の証人です".into(),
        Uncovered::Behind(size) => format!("まだ追いついていません（{size} ブロックまで連署）"),
        Uncovered::Unproved(why) => format!("ノードより先に進んでいて、ノードが証明を出しません（{why}）"),
        Uncovered::OtherHistory(size) => {
            format!("別の履歴に連署しています（ノードの証明では、その {size} ブロックにこのブロックがありません）")
        }
    };
    let missing: Vec<_> = fault.missing.iter().map(|(name, why)| format!("{name}: {}", because(why))).collect();
    let (height, needed) = (fault.height, &fault.needed);
    format!(
        "ブロック {height} は方針の求める証人（{needed}）に確認されていません。{}。この応答に頼らず、別のノードに問い合わせてください。\
         別の履歴に連署した証人がいれば、その運営者に連絡してください。",
        missing.join("、")
    )
}

/// What is wrong with a key, for those faults that have a Japanese sentence.
pub fn key_fault_in_japanese(fault: &KeyFault) -> Option<String> {
    Some(match fault {
        KeyFault::File(fault) => return file_fault_in_japanese(fault),
        KeyFault::NotAKeyFile { path, .. } => format!("{} は鍵ファイルではありません。", path.display()),
        KeyFault::Unencrypted(path) => {
            format!("{} の鍵は暗号化されていません。漏れたものとみなし、新しい鍵に取り替えてください。", path.display())
        }
        KeyFault::WrongPassphrase(path) => {
            format!("パスフレーズで {} を開けません。この鍵のパスフレーズを確認してください。", path.display())
        }
        KeyFault::EmptyPassphrase { .. } => "パスフレーズが空です。鍵は必ずパスフレーズで保護します。".into(),
        KeyFault::ShortPassphrase(_) => format!("新しいパスフレーズは {PASSPHRASE_CHARACTERS_MIN} 文字以上にしてください。"),
        KeyFault::NoTerminal(_) => {
            "パスフレーズを尋ねる端末がありません。--passphrase-file か変数 INRO_PASSPHRASE を使ってください。".into()
        }
        KeyFault::PassphrasesDiffer => "二つのパスフレーズが違います。何も書き込んでいません。".into(),
        _ => return None,
    })
}

/// Why a wallet cannot do what is asked, for those faults that have a Japanese sentence.
pub fn wallet_fault_in_japanese(fault: &WalletFault) -> Option<String> {
    Some(match fault {
        WalletFault::Words(BadWords::Count(found)) => format!("ウォレットの言葉は {WORDS} 個です。{found} 個ありました。"),
        WalletFault::Words(BadWords::Unknown(place)) => {
            format!("{place} 番目の言葉は単語表（英語・日本語）にありません。綴りを確認してください。")
        }
        WalletFault::Words(BadWords::Checksum) => "言葉の組み合わせが正しくありません。どれかが違うか、順番が違います。".into(),
        WalletFault::NotAWallet(path) => format!("{} はウォレットファイルではありません。", path.display()),
        WalletFault::Version { path, found, .. } => {
            format!("{} は新しい形式（{found}）のウォレットです。新しいプログラムを使ってください。", path.display())
        }
        WalletFault::Damaged(path) => {
            format!("{} は壊れています。控えを使うか、`inro wallet restore` で言葉から復元してください。", path.display())
        }
        WalletFault::WrongPassphrase(path) => {
            format!("パスフレーズで {} を開けません。このウォレットのパスフレーズを確認してください。", path.display())
        }
        WalletFault::OtherLedger { expected, found } => {
            format!("このウォレットは台帳 {} のもので、{} ではありません。", expected.to_hex(), found.to_hex())
        }
        WalletFault::UnknownAccount => "このウォレットにそのアカウントはありません。`inro wallet scan` で探せます。".into(),
        WalletFault::NotTheController => "このアカウントは今、別の鍵が管理しています。".into(),
        WalletFault::NotOpenYet => {
            "このアカウントはまだ開設されていません。施設が開設した後に `inro wallet scan` を実行してください。".into()
        }
        WalletFault::Changed(path) => format!("{} は他のプログラムが変更しました。もう一度実行してください。", path.display()),
        _ => return None,
    })
}

/// Why a node's answer is not believed, for those causes that have a Japanese sentence.
pub fn distrust_in_japanese(distrust: &Distrust) -> Option<String> {
    Some(match distrust {
        Distrust::Client(error) => return client_error_in_japanese(error),
        Distrust::Old { height, minutes } => {
            format!(
                "ノードの最新ブロック（{height}）は {minutes} 分前のものです。別のノードに尋ねるか、--allow-old を付けてください。"
            )
        }
        Distrust::Behind { height, newest } => format!(
            "ノードの台帳はブロック {height} までですが、ブロック {newest} が既に確認されています。別のノードに尋ねてください。"
        ),
        Distrust::Fork(fork) => {
            let kept = fork.kept.as_ref().map(|path| format!("（証拠: {}）", path.display())).unwrap_or_default();
            format!(
                "台帳が分岐しています。ブロック {} が二つあり、{} の検証者が両方に署名しました。どのノードも信用せず、証拠を参加組織と監督機関に渡してください{kept}。",
                fork.height,
                fork.double_signers.len()
            )
        }
        Distrust::Discontinued { older, newer } => format!(
            "ブロック {newer} はブロック {older} の台帳の続きではありません。どちらのノードも信用せず、参加組織に知らせてください。"
        ),
        Distrust::NotWitnessed(fault) => not_witnessed_in_japanese(fault),
        Distrust::Unfollowed { label, .. } => format!(
            "アカウント {} の記録は証明されましたが、内容がつながりません。このプログラムを更新するか、参加組織に知らせてください。",
            label.to_hex()
        ),
        Distrust::NoNode => "どのノードからも応答がありません。--node を確認してください。".into(),
        _ => "ノードの応答は証明と合いません。このノードを信用せず、別のノードに尋ねてください。".into(),
    })
}

/// What there is to say about nodes.
pub fn remark_told(remark: &Remark, language: Language) -> String {
    match remark {
        Remark::Silent { node } => say(Word::NodeSilent, language, &[node]),
        Remark::Stale { node, height, newest } => say(Word::NodeStale, language, &[node, height, newest]),
        Remark::Forgotten { path } => say(Word::Forgotten, language, &[&path.display()]),
        Remark::NotRemembered { why } => say(Word::NotRemembered, language, &[why]),
    }
}

/// Why no evidence was made.
pub fn no_evidence_in_japanese(fault: &NoEvidence) -> String {
    match fault {
        NoEvidence::UnknownLedger => {
            "台帳が分からないと証明できません。--genesis で設立文書を、または --chain で台帳IDを指定してください。".into()
        }
        NoEvidence::AccountExists => "このアカウントは存在します。`inro evidence journal` で履歴の証拠を作れます。".into(),
        NoEvidence::TooLarge(_) => "証拠ファイルに収まらない大きさです。".into(),
        NoEvidence::Unmade(_) => {
            "ノードのブロックから判定をやり直せません。結果の証拠は `inro evidence entry` で作れます。".into()
        }
        _ => "ノードの応答からは証拠になりません。このノードを信用せず、別のノードに尋ねてください。".into(),
    }
}

/// Which step of the verifier an evidence file fails.
pub fn evidence_fault_in_japanese(fault: &inro_evidence::Fault) -> String {
    let code = fault.step.code();
    if fault.is_malformed() {
        format!("証拠ファイルの形式が正しくありません（手順 {code}）。壊れているか、証拠ファイルではありません。")
    } else {
        format!("この証拠は偽りです。述べていることは証明されません（手順 {code}: {}）。", fault.step.text())
    }
}

/// Why the ceremony stops, for those faults that have a Japanese sentence.
pub fn ceremony_fault_in_japanese(fault: &CeremonyFault) -> Option<String> {
    Some(match fault {
        CeremonyFault::KeyExists(path) => {
            format!("{} は既にあり、上書きしません。--reuse-keys で使うか、別のフォルダを選んでください。", path.display())
        }
        CeremonyFault::Absent { organisation } => {
            format!("設立文書に {organisation} の申告書がありません。使わずに、取りまとめ役に確認してください。")
        }
        CeremonyFault::Changed { organisation, fields } => {
            format!(
                "設立文書にある {organisation} の申告書は手元のものと違います（{fields}）。使わずに、取りまとめ役に確認してください。"
            )
        }
        _ => return None,
    })
}

/// Why a node did not do what was asked, for those errors that have a Japanese sentence.
pub fn client_error_in_japanese(error: &ClientError) -> Option<String> {
    Some(match error {
        ClientError::Unreachable { url, why } => {
            format!("{url} から応答がありません（{why}）。ノードが動いているか、アドレス（--node）が正しいか確認してください。")
        }
        ClientError::Problem(problem) if problem.is_pruned() => {
            "このノードは台帳のこの部分をもう保存していません。すべてを保存している会員のノードに尋ねてください。".into()
        }
        ClientError::Problem(problem) => format!("ノードが拒みました: {problem}"),
        ClientError::Distrust(distrust) => return distrust_in_japanese(distrust),
        ClientError::NotCommittedYet { id, .. } => {
            let id = id.to_hex();
            format!("トランザクション {id} は時間内に記録されませんでした。`inro transaction {id} --wait` で後から確認できます。")
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_languages_leave_the_same_gaps() {
        for word in Word::ALL {
            let gaps = |language| word.text(language).matches("{}").count();
            assert_eq!(gaps(Language::En), gaps(Language::Ja), "{word:?}");
        }
    }

    #[test]
    fn gaps_are_filled_from_left_to_right() {
        assert_eq!(say(Word::CertificateVerified, Language::En, &[&3, &4]), "Verified: signed by 3 of 4 voting power.");
    }
}
