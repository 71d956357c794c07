// Everything that the page says, in Japanese and English. Medical and legal words are the ledger's own (docs/spec).

export type Language = 'ja' | 'en';

/** One sentence in both languages; `{}` stands for what is filled in, in order. */
export interface Sentence {
  readonly ja: string;
  readonly en: string;
}

/** The sentence in a language, filled in. */
export function say(language: Language, sentence: Sentence, ...parts: readonly (string | number | bigint)[]): string {
  let next = 0;
  return sentence[language].replaceAll('{}', () => String(parts[next++] ?? ''));
}

function both(ja: string, en: string): Sentence {
  return { ja, en };
}

export const PAGE = {
  title: both('証拠ファイルの検証', 'Verify an evidence file'),
  lead: both(
    'このページは、選ばれたファイルをこの端末の中だけで検証します。通信は行わず、何も保存しません。',
    'This page verifies the files that you choose on this device only. It uses no network and keeps nothing.',
  ),
  language: both('表示言語', 'Language'),
  genesis: both('創設文書(genesis.json)', 'Founding document (genesis.json)'),
  genesisHelp: both(
    '台帳の信頼の出発点です。別の経路(電話・書面など)でハッシュ値を確かめたものを選んでください。',
    'Trust begins here. Choose the one whose hash you compared over another channel, by telephone or on paper.',
  ),
  evidence: both('証拠ファイル', 'Evidence file'),
  evidenceHelp: both('確かめたいファイルを選んでください。', 'The file that you want to check.'),
  pinned: both('既に信頼しているブロックの識別子(任意)', 'Id of a block that you trust already (optional)'),
  pinnedHelp: both(
    '特定のブロックから始まる証拠ファイルにだけ必要です。16進数64桁。',
    'Only for evidence that begins at such a block. 64 hexadecimal digits.',
  ),
  verify: both('検証する', 'Verify'),
  verifying: both('検証しています…', 'Verifying…'),
  chooseBoth: both('創設文書と証拠ファイルの両方を選んでください。', 'Choose both the founding document and the evidence file.'),
  badPinned: both('ブロックの識別子は16進数64桁です。', 'A block id has 64 hexadecimal digits.'),
  badGenesis: both('創設文書を使えません: {}', 'The founding document cannot be used: {}'),
  unreadable: both('ファイルを読み取れませんでした: {}', 'A file could not be read: {}'),
  proved: both('検証できました', 'Verified'),
  malformed: both('証拠ファイルではありません', 'This is no evidence file'),
  false: both('証明になっていません', 'This file does not prove what it states'),
  doNotTrust: both('このファイルの内容は何も信用しないでください。', 'Do not believe anything that this file says.'),
  failedStep: both('失敗した手順 {}: {}', 'Step {} failed: {}'),
  found: both('見つかったこと(英語): {}', 'What was found: {}'),
  ledger: both('台帳', 'Ledger'),
  chain: both('台帳の識別子(創設文書のハッシュ値)', 'Id of the ledger (hash of the founding document)'),
  upTo: both('どの時点まで', 'Up to'),
  upToValue: both('ブロック {}、{}', 'block {}, {}'),
  notTheLatest: both(
    'これより後に起きたことは、このファイルからは分かりません。',
    'What happened after that does not follow from this file.',
  ),
  signedBy: both('署名', 'Signatures'),
  signedByValue: both('検証者 {} 者、議決権 {} のうち {}(三分の二を超える)', '{} validators, of all voting power {} they have {} (more than two thirds)'),
  changes: both('検証者の組の変更', 'Changes of the validators'),
  changesValue: both('出発点から {} 回', '{} since the start'),
  transaction: both('取引の識別子', 'Transaction'),
  action: both('内容', 'What'),
  outcome: both('結果', 'Outcome'),
  account: both('口座(仮名)', 'Account (pseudonym)'),
  signer: both('署名した鍵', 'Signed by key'),
  reader: both('閲覧者', 'Reader'),
  practitioner: both('医療従事者 {}', 'practitioner {}'),
  person: both('本人または代理人', 'the person or a guardian'),
  basis: both('根拠', 'Basis'),
  purpose: both('目的', 'Purpose'),
  records: both('許可された記録', 'Records granted'),
  accessFor: both('閲覧の請求(目的: {}、根拠: {})', 'Access (for {}, by {})'),
  custodial: both('(施設が本人のために預かる鍵による)', ' (by a key that the facility keeps for the person)'),
  recordsMore: both('(続きあり)', ' (and others)'),
  recordsSealed: both('(封印されたものあり)', ' (something is sealed)'),
  events: both('できごと', 'Events'),
  eventsCaption: both('口座の全履歴(新しい順)', 'The whole history of the account, the newest first'),
  showMore: both('さらに表示({} 件)', 'Show more ({})'),
  when: both('日時', 'When'),
  block: both('ブロック', 'Block'),
  older: both('古い方のブロック', 'Older block'),
  rounds: both('ラウンド', 'Rounds'),
  doubleSigners: both('両方に署名した検証者の鍵', 'Keys of the validators who signed both'),
  sets: both('検証者の組', 'Sets of validators'),
  setFrom: both('ブロック {} から: {}', 'From block {}: {}'),
} as const;

export const KINDS: Readonly<Record<string, Sentence>> = {
  entry: both('この取引が、この結果で台帳に記録されたことが証明されました。', 'It is proved that this transaction was committed with this outcome.'),
  journal: both(
    'この口座の履歴は、示された時点までの {} 件で全部です。隠されたもの、足されたもの、順序や日時を変えられたものはありません。',
    'The history of this account is complete: {} events up to the time shown. None is left out, added, moved or dated otherwise.',
  ),
  absence: both('この口座は、示された時点で存在しないことが証明されました。', 'It is proved that there is no such account at the time shown.'),
  decision: both(
    'この閲覧の判断が台帳に記録され、規則に従ってやり直しても同じ結果になることが証明されました。',
    'It is proved that this access was decided as shown; made again by the rules, the decision is the same.',
  ),
  consistency: both(
    '新しいブロックは古いブロックと同じ台帳の続きであることが証明されました。',
    'It is proved that the newer block continues the ledger of the older one.',
  ),
  validators: both('これらの検証者の組が順に台帳を担ったことが証明されました。', 'It is proved that these sets of validators voted, one after the other.'),
  fork: both(
    '警告: 同じ高さに二つの確定ブロックがあります。台帳が分岐したことが証明されました。',
    'Warning: one height has two certified blocks. It is proved that the ledger was forked.',
  ),
};

export const OUTCOMES: Readonly<Record<string, Sentence>> = {
  applied: both('有効', 'Applied'),
  'applied-custodially': both('有効', 'Applied'),
  rejected: both('却下(規則 {})', 'Rejected (rule {})'),
  granted: both('閲覧を許可(記録 {} 件)', 'Access granted (records: {})'),
  denied: both('閲覧を拒否({}: {})', 'Access denied ({}: {})'),
};

export const BASES: Readonly<Record<string, Sentence>> = {
  own: both('自らの権限', 'own right'),
  grant: both('患者の同意', "the patient's grant"),
  consult: both('コンサルト(連結ID)', 'a consult (linked ID)'),
  emergency: both('緊急', 'an emergency'),
};

export const DENIALS: Readonly<Record<number, Sentence>> = {
  1: both('登録されていない、または別の鍵で署名した', 'the requester is not registered, or signs with another key'),
  2: both('所属機関が停止中', "the requester's organisation is suspended"),
  3: both('資格が有効でない', 'the practitioner is not active, or outside the validity'),
  4: both('口座が存在しない', 'the account does not exist'),
  5: both('閲覧を許すものがない', 'nothing permits this requester to read'),
  6: both('許可がまだ始まっていない', 'what permits the reading is not in force yet'),
  7: both('許可が取り消された、閉じられた、または期限切れ', 'what permitted the reading was revoked, closed, or has expired'),
  8: both('許可の目的が異なる', 'what permits the reading is for another purpose'),
  9: both('求めた種類は許可の外', 'the categories asked for lie outside what is permitted'),
  10: both('患者が封印している', 'the patient has sealed what was asked for'),
  11: both('緊急閲覧の残り回数がない', 'no emergency accesses are left today'),
  12: both('この職種は緊急閲覧ができない', 'this role may not break the glass'),
};

export const ACTIONS: Readonly<Record<number, Sentence>> = {
  1: both('変更の提案', 'Proposal of a change'),
  2: both('提案への投票', 'Vote on a proposal'),
  3: both('機関の代表鍵の交換', "Rotation of an organisation's authority key"),
  4: both('検証者の鍵の交換', "Rotation of a validator's key"),
  5: both('機器の登録', 'Registration of a machine'),
  6: both('機器の抹消', 'Removal of a machine'),
  7: both('医療従事者の登録', 'Registration of a practitioner'),
  8: both('医療従事者の期間更新', "Renewal of a practitioner's validity"),
  9: both('医療従事者の鍵の交換', "Rotation of a practitioner's key"),
  10: both('医療従事者の停止・再開', 'Suspension or reinstatement of a practitioner'),
  11: both('二重署名の通報', 'Report of a double signature'),
  40: both('口座の開設', 'Opening of the account'),
  41: both('本人の鍵の交換', "Rotation of the person's key"),
  42: both('代理人の指定', 'Appointment of a guardian'),
  43: both('代理人の解任', 'Dismissal of a guardian'),
  44: both('鍵の復旧のための本人確認', 'Identity check for a recovery'),
  45: both('鍵の復旧の拒否', 'Veto of a recovery'),
  46: both('鍵の復旧の完了', 'Completion of a recovery'),
  70: both('記録の登録', 'Registration of a record'),
  71: both('記録の訂正', 'Correction of a record'),
  72: both('記録の消去', 'Erasure of a record'),
  73: both('提供者の印(未告知・未提供)の変更', "Change of the provider's flags"),
  100: both('同意', 'Grant'),
  101: both('同意の取り消し', 'Revocation of a grant'),
  102: both('封印', 'Seal'),
  103: both('封印の一時解除', 'Lifting of a seal'),
  104: both('封印の解除', 'Removal of a seal'),
  105: both('閲覧の請求', 'Access'),
  106: both('引き渡し', 'Disclosure'),
  107: both('受領', 'Acknowledgement'),
  108: both('引き渡しの不備の報告', 'Report of a payload'),
  109: both('引き渡しの拒否', 'Refusal to disclose'),
  110: both('コンサルトの開始', 'Opening of a consult'),
  111: both('コンサルトの終了', 'Closing of a consult'),
  112: both('コンサルトへの回答', 'Answer to a consult'),
  113: both('緊急閲覧の事後審査', 'Review of an emergency'),
  114: both('履歴の閲覧の告知', 'Announcement that the journal is read'),
};

export const PURPOSES: Readonly<Record<string, Sentence>> = {
  TREAT: both('診療', 'treatment'),
  ETREAT: both('救急診療', 'emergency treatment'),
  BTG: both('緊急の例外的閲覧', 'breaking the glass'),
  COC: both('医療の連携', 'coordination of care'),
  CAREMGT: both('介護・療養の管理', 'care management'),
  PATRQT: both('本人の求め', "the patient's request"),
  FAMRQT: both('家族の求め', "a family member's request"),
  PWATRNY: both('代理人の求め', 'a power of attorney'),
  PUBHLTH: both('公衆衛生', 'public health'),
  DISASTER: both('災害', 'a disaster'),
  HRESCH: both('研究', 'research'),
  CLINTRCH: both('治験', 'a clinical trial'),
  HQUALIMP: both('質の改善', 'improvement of quality'),
  PATSFTY: both('患者安全', 'patient safety'),
};

/** What each step asks, for whoever reads that it failed. */
export const STEPS: Readonly<Record<number, Sentence>> = {
  1: both('ファイルが大きすぎます。', 'The file is too large.'),
  2: both('証拠ファイルの印、または版が違います。', 'It does not begin as an evidence file of a known version.'),
  3: both('ファイルの形式が正しくありません。', 'Its form is not the one form that an evidence file has.'),
  4: both('別の台帳の証拠です。', 'It is of another ledger than the founding document.'),
  5: both('信頼の出発点とされたブロックは、信頼すると指定されたものではありません。', 'It begins at a block that you did not name as trusted.'),
  6: both('ブロックが別の台帳のものです。', 'A block is of another ledger.'),
  7: both('ブロックの順序が正しくありません。', 'A block does not stand in its place.'),
  8: both('ブロックが、その時の検証者の組とは別の組を名指しています。', 'A block names another set of validators than the one in force.'),
  9: both('証明書が別のブロックのものです。', 'A certificate is for another block.'),
  10: both('検証者の三分の二を超える署名がありません。', 'Not more than two thirds of the validators signed.'),
  11: both('検証者の署名が正しくありません。', "A validator's signature does not verify."),
  12: both('検証者の組の変更が、ブロックの示すものと違います。', 'A change of the validators is not the one that its block names.'),
  13: both('取引の位置の証明の形が正しくありません。', "The proof of an entry's place has not the form that it needs."),
  14: both('取引がそのブロックに記録されたものではありません。', 'The entry does not stand in its block.'),
  15: both('取引の署名が正しくありません。', 'A signature of the transaction does not verify.'),
  16: both('口座の状態が台帳のものではありません。', "The account's state is not the ledger's."),
  17: both('できごとの数が合いません。', 'The number of events is wrong: some are missing or were added.'),
  18: both('できごとの順序または日時が正しくありません。', 'The events are not in order, or dated otherwise.'),
  19: both('この口座のものではないできごとがあります。', "An event is none of this account's."),
  20: both('できごとが隠され、移され、または書き換えられています。', 'An event was left out, moved or changed.'),
  21: both('直前のブロックではありません。', 'The block before is another one.'),
  22: both('閲覧のできごとではありません。', 'The entry is no access of this journal.'),
  23: both('判断のもとになった事実が、その時の台帳のものではありません。', "A fact is not the ledger's at that time."),
  24: both('同じブロックの先の取引が正しくありません。', 'An earlier entry of the block is not what it has to be.'),
  25: both('履歴をたどっても、この口座の状態になりません。', "The journal does not lead to the account's state."),
  26: both('判断をやり直すのに必要な事実が足りません。', 'A fact that the decision needs is missing.'),
  27: both('規則に従ってやり直すと、別の結果になります。', 'Made again by the rules, the decision is another one.'),
  28: both('古い方のブロックが、新しい方より前のものではありません。', 'The older block is not older.'),
  29: both('古いブロックが、新しいブロックの歴史に含まれていません。', "The older block does not stand in the newer one's history."),
  30: both('古いブロックの歴史が、新しいブロックの歴史の始まりではありません。', "The older block's history is not the beginning of the newer one's."),
  31: both('二つのブロックは分岐ではありません。', 'The two blocks are no fork.'),
};
