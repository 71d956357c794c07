//! The sentences that `inro` says, in English and Japanese. `{}` is filled in from left to right.

use inro_client::ClientError;
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
        "未検証: 検証するには --genesis FILE で設立文書を指定してください。";
    CertificateOtherValidators: "Not verified: the validators have changed since the founding, so the founding document is not enough.",
        "未検証: 設立後に検証者が変わったため、設立文書だけでは検証できません。";
    Waiting: "waiting for the block …", "ブロックへの記録を待っています …";
    CommittedIn: "Committed in block {}.", "ブロック {} に記録されました。";
    Submitted: "Submitted; not waited for.", "送信しました（記録は待っていません）。";
    TransactionIs: "transaction       {}", "トランザクション   {}";
    Pending: "Waiting to be committed.", "記録待ちです。";
    UnknownTransaction: "The node does not know this transaction.", "このノードはこのトランザクションを知りません。";
    RejectedBy: "Committed in block {}, but it changed nothing: rule {}", "ブロック {} に記録されましたが、何も変わりませんでした。規則 {}";
    NothingThere: "(none)", "（なし）";
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
        ClientError::Problem(problem) => format!("ノードが拒みました: {problem}"),
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
