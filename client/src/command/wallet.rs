//! `inro wallet`: the patient's secret, and the accounts that follow from it.
//!
//! What it refuses to do: to show the words unless that is asked for by name, and to overwrite a wallet.

use std::io::{BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand};
use inro_client::model::Committed;
use inro_client::wallet::scan::{self, Scanned};
use inro_client::wallet::unlinked::{self, Timing};
use inro_client::wallet::{WORDS, Wallet, WalletAccount, WalletFile, WalletSecret, WalletStore, WordList, Words};
use inro_client::{ClientError, NodeClient};
use inro_contracts::bytes::Text;
use inro_contracts::entry::Outcome;
use inro_contracts::id::{ChainId, Label, OrganisationId};
use inro_contracts::parameters::Parameters;
use inro_contracts::time::Time;
use inro_contracts::transaction::{Action, SignedTransaction};
use inro_genesis::files::{self, Audience, FileFault};
use inro_genesis::keyfile::PassphraseSource;
use rand::seq::SliceRandom;
use serde_json::json;
use tokio::task::JoinSet;
use zeroize::Zeroizing;

use super::act;
use crate::arguments::{Common, now, source_of};
use crate::fault::Fault;
use crate::output::Console;
use crate::words::{self, Language, Word};

/// The variable with the passphrase of wallets, where it is another one than that of key files.
const WALLET_PASSPHRASE_VARIABLE: &str = "INRO_WALLET_PASSPHRASE";
const NEW_PASSPHRASE_VARIABLE: &str = "INRO_NEW_PASSPHRASE";
const WORDS_FILE_BYTES_MAX: u64 = 4096;
/// So many words have to be repeated when a wallet is made.
const WORDS_REPEATED: usize = 3;

#[derive(Debug, Subcommand)]
pub enum WalletCommand {
    /// Make a wallet and show its 24 words, once.
    #[command(after_help = "Example:\n  inro wallet new --wallet hanako.wallet --genesis genesis.json")]
    New {
        #[command(flatten)]
        target: Target,
        /// The words' language; otherwise that of the answers.
        #[arg(long, value_enum)]
        words_language: Option<WordsLanguage>,
        #[command(flatten)]
        extension: Extension,
        /// What the wallet is called; only its holder sees it.
        #[arg(long, value_name = "TEXT")]
        nickname: Option<String>,
        /// Also show the words of a wallet in a store, so that the patient can take them home.
        #[arg(long, requires = "store")]
        words: bool,
        /// Do not ask to repeat some of the words.
        #[arg(long)]
        yes: bool,
    },
    /// Make a wallet from its 24 words again, and find its accounts on the ledger.
    #[command(after_help = "Example:\n  inro wallet restore --wallet hanako.wallet --genesis genesis.json")]
    Restore {
        #[command(flatten)]
        target: Target,
        /// A file (mode 0600) with the words. Otherwise they are asked for.
        #[arg(long, value_name = "FILE")]
        words_file: Option<PathBuf>,
        #[command(flatten)]
        extension: Extension,
        #[command(flatten)]
        scanning: Scanning,
    },
    /// Look for the wallet's accounts on the ledger, and bring what it knows of them up to date.
    #[command(after_help = "Example:\n  inro wallet scan --wallet hanako.wallet --genesis genesis.json")]
    Scan {
        #[command(flatten)]
        wallet: WalletArguments,
        #[command(flatten)]
        scanning: Scanning,
    },
    /// Show a wallet: its ledger, how many accounts it has, and no secret.
    #[command(after_help = "Example:\n  inro wallet show --wallet hanako.wallet")]
    Show {
        #[command(flatten)]
        wallet: WalletArguments,
        /// Show the words too. Whoever sees them has the wallet.
        #[arg(long)]
        words: bool,
        /// Do not ask whether nobody else sees the screen.
        #[arg(long)]
        yes: bool,
    },
    /// List a wallet's accounts, or those of all wallets in a facility's store.
    #[command(after_help = "Example:\n  inro wallet accounts --wallet hanako.wallet")]
    Accounts {
        #[command(flatten)]
        target: Target,
        /// Only those at this custodian.
        #[arg(long, value_name = "HEX")]
        custodian: Option<OrganisationId>,
    },
    /// Give an account a name that only the wallet's holder sees.
    #[command(after_help = "Example:\n  inro wallet name 8c… \"A Clinic\" --wallet hanako.wallet")]
    Name {
        /// The account.
        label: Label,
        /// The name.
        nickname: String,
        #[command(flatten)]
        wallet: WalletArguments,
    },
    /// Encrypt the wallet under another passphrase.
    #[command(
        after_help = "Example:\n  inro wallet change-passphrase --wallet hanako.wallet --new-passphrase-file new-passphrase"
    )]
    ChangePassphrase {
        #[command(flatten)]
        wallet: WalletArguments,
        /// A file (mode 0600) with the new passphrase. Otherwise the variable INRO_NEW_PASSPHRASE, otherwise a prompt.
        #[arg(long, value_name = "FILE")]
        new_passphrase_file: Option<PathBuf>,
    },
    /// Agree to the opening of an account, where the wallet is; the facility opens it with `inro account open`.
    #[command(after_help = "Example:\n  inro wallet agree 9a… --wallet hanako.wallet")]
    Agree {
        /// The organisation that will keep the account's records.
        custodian: OrganisationId,
        #[command(flatten)]
        wallet: WalletArguments,
    },
    /// Replace the key of an account, or of all accounts, by the wallet's next one.
    #[command(
        after_help = "Example:\n  inro wallet rotate 8c… --wallet hanako.wallet\n  inro wallet rotate --all --wallet hanako.wallet"
    )]
    Rotate {
        /// The account.
        #[arg(required_unless_present = "all")]
        label: Option<Label>,
        /// All accounts that the wallet speaks for, in transactions that cannot be linked.
        #[arg(long, conflicts_with = "label")]
        all: bool,
        #[command(flatten)]
        acting: WalletActing,
    },
    /// Show the key with which the wallet's holder can be appointed as the guardian of an account.
    #[command(after_help = "Example:\n  inro wallet guardian-key 8c… --wallet ichiro.wallet")]
    GuardianKey {
        /// The account of the person who is looked after.
        label: Label,
        #[command(flatten)]
        wallet: WalletArguments,
    },
    /// Make a key for an account whose words are lost; two facilities have to attest it (`inro account attest-recovery`).
    #[command(after_help = "Example:\n  inro wallet adopt 8c… --wallet hanako-2.wallet")]
    Adopt {
        /// The account.
        label: Label,
        #[command(flatten)]
        wallet: WalletArguments,
    },
    /// End the recovery of an account by the key of `inro wallet adopt`, after its delay.
    #[command(after_help = "Example:\n  inro wallet complete-recovery 8c… --wallet hanako-2.wallet")]
    CompleteRecovery {
        /// The account.
        label: Label,
        #[command(flatten)]
        acting: WalletActing,
    },
}

/// In which language the words are.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub enum WordsLanguage {
    /// English.
    En,
    /// 日本語.
    Ja,
}

/// One wallet.
#[derive(Debug, Clone, Args)]
pub struct WalletArguments {
    /// The wallet's file.
    #[arg(long, env = "INRO_WALLET", value_name = "FILE")]
    pub wallet: PathBuf,
    /// A file (mode 0600) with its passphrase. Otherwise the variable INRO_WALLET_PASSPHRASE, otherwise as for key files.
    #[arg(long, value_name = "FILE")]
    pub wallet_passphrase_file: Option<PathBuf>,
}

impl WalletArguments {
    /// Opens the wallet; one that lies in a facility's store, with the passphrase of the store's key.
    pub fn open(&self, common: &Common) -> Result<WalletFile, Fault> {
        open(common, &self.wallet, self.wallet_passphrase_file.as_ref())
    }
}

/// Opens a wallet file.
pub fn open(common: &Common, path: &Path, passphrase_file: Option<&PathBuf>) -> Result<WalletFile, Fault> {
    let passphrase = wallet_passphrase(common, passphrase_file).read(&path.display().to_string())?;
    Ok(WalletFile::open(path, &passphrase)?)
}

fn wallet_passphrase(common: &Common, file: Option<&PathBuf>) -> PassphraseSource {
    match source_of(file, WALLET_PASSPHRASE_VARIABLE) {
        PassphraseSource::Prompt => common.passphrase(),
        source => source,
    }
}

/// A wallet's own file, or a facility's store of wallets.
#[derive(Debug, Args)]
pub struct Target {
    /// The wallet's file.
    #[arg(long, env = "INRO_WALLET", value_name = "FILE", required_unless_present = "store")]
    wallet: Option<PathBuf>,
    /// The facility's folder of wallets for patients without a device; it is made if there is none.
    #[arg(long, value_name = "FOLDER")]
    store: Option<PathBuf>,
    /// A file (mode 0600) with the passphrase. Otherwise the variable INRO_WALLET_PASSPHRASE, otherwise as for key files.
    #[arg(long, value_name = "FILE")]
    wallet_passphrase_file: Option<PathBuf>,
}

impl Target {
    fn is_store(&self) -> bool {
        self.store.is_some()
    }

    /// Refuses what would be overwritten, before anybody types a word.
    fn check_free(&self) -> Result<(), Fault> {
        match (&self.store, &self.wallet) {
            (None, Some(path)) if path.exists() => Err(FileFault::Exists(path.clone()).into()),
            _ => Ok(()),
        }
    }

    fn write(&self, common: &Common, wallet: Wallet) -> Result<WalletFile, Fault> {
        let source = wallet_passphrase(common, self.wallet_passphrase_file.as_ref());
        match (&self.store, &self.wallet) {
            (Some(folder), _) if WalletStore::exists(folder) => Ok(self.open_store(common, folder)?.add(wallet)?),
            (Some(folder), _) => Ok(WalletStore::create(folder, &source.read_new(&folder.display().to_string())?)?.add(wallet)?),
            (None, Some(path)) => Ok(WalletFile::create(path, wallet, &source.read_new(&path.display().to_string())?)?),
            (None, None) => Err(Fault::bad_input("name the wallet with --wallet FILE, or a store with --store FOLDER")),
        }
    }

    fn open_store(&self, common: &Common, folder: &Path) -> Result<WalletStore, Fault> {
        let source = wallet_passphrase(common, self.wallet_passphrase_file.as_ref());
        Ok(WalletStore::open(folder, &source.read(&folder.display().to_string())?)?)
    }

    fn open_all(&self, common: &Common) -> Result<Vec<WalletFile>, Fault> {
        match (&self.store, &self.wallet) {
            (Some(folder), _) => {
                let store = self.open_store(common, folder)?;
                Ok(store.files()?.iter().map(|path| store.wallet(path)).collect::<Result<_, _>>()?)
            }
            (None, Some(path)) => Ok(vec![open(common, path, self.wallet_passphrase_file.as_ref())?]),
            (None, None) => Err(Fault::bad_input("name the wallet with --wallet FILE, or a store with --store FOLDER")),
        }
    }
}

/// BIP-39's optional passphrase.
#[derive(Debug, Args)]
pub struct Extension {
    /// A file (mode 0600) with a passphrase that extends the words. Without it, the words alone restore the wallet.
    #[arg(long, value_name = "FILE")]
    words_passphrase_file: Option<PathBuf>,
}

impl Extension {
    fn secret(&self, words: &Words) -> Result<WalletSecret, Fault> {
        let Some(path) = &self.words_passphrase_file else { return Ok(WalletSecret::new(words, "")) };
        let passphrase = PassphraseSource::File(path.clone()).read("the words")?;
        // It was read as text.
        Ok(WalletSecret::new(words, std::str::from_utf8(passphrase.as_bytes()).unwrap_or_default()))
    }
}

/// How the ledger is searched.
#[derive(Debug, Args)]
pub struct Scanning {
    /// A further node to ask, so that no single one learns all of a person's accounts. May stand several times.
    #[arg(long, value_name = "URL")]
    also_node: Vec<String>,
    /// An account that was opened with other words and recovered by these. May stand several times.
    #[arg(long, value_name = "HEX")]
    account: Vec<Label>,
}

impl Scanning {
    async fn scan(&self, common: &Common, console: &Console, wallet: &mut Wallet) -> Result<Scanned, Fault> {
        let first = common.connect(Some(wallet.chain())).await?;
        let nodes = nodes(&first, &self.also_node, wallet).await?;
        let mut light = first.light().await.ok_or_else(|| Fault::refused("the ledger is not known; name it with --genesis"))?;
        let bar = console.progress();
        let scanned = scan::scan(wallet, &nodes, &mut light, &self.account, |progress| {
            bar.set_length(progress.of as u64);
            bar.set_position(progress.done as u64);
            bar.set_message(console.say(Word::WalletScanning, &[&progress.found]));
        });
        let scanned = scanned.await;
        bar.finish_and_clear();
        let scanned = scanned?;
        wallet.set_nodes(nodes.iter().map(NodeClient::url));
        Ok(scanned)
    }
}

/// The nodes that were named, and those remembered that answer and are of the wallet's ledger.
async fn nodes(first: &NodeClient, also: &[String], wallet: &Wallet) -> Result<Vec<NodeClient>, Fault> {
    let mut nodes = vec![first.clone()];
    for url in also {
        nodes.push(first.beside(url)?);
    }
    let mut asked = JoinSet::new();
    for node in wallet.nodes().filter(|url| nodes.iter().all(|node| node.url() != *url)) {
        let Ok(node) = first.beside(node) else { continue };
        asked.spawn(async move { node.unverified().status().await.ok().map(|status| (status.chain, node)) });
    }
    while let Some(answer) = asked.join_next().await {
        if let Ok(Some((chain, node))) = answer
            && chain == wallet.chain()
        {
            nodes.push(node);
        }
    }
    Ok(nodes)
}

pub async fn run(common: &Common, console: &Console, command: WalletCommand) -> Result<(), Fault> {
    match command {
        WalletCommand::New { target, words_language, extension, nickname, words, yes } => {
            let chain = chain(common).await?;
            let list = word_list(words_language, common.language());
            new(common, console, chain, list, &target, &extension, nickname, words, yes)
        }
        WalletCommand::Restore { target, words_file, extension, scanning } => {
            restore(common, console, &target, words_file.as_deref(), &extension, &scanning).await
        }
        WalletCommand::Scan { wallet, scanning } => rescan(common, console, &wallet, &scanning).await,
        WalletCommand::Show { wallet, words, yes } => show(console, &wallet.open(common)?, words, yes),
        WalletCommand::Accounts { target, custodian } => accounts(common, console, &target, custodian),
        WalletCommand::Name { label, nickname, wallet } => {
            let nickname = act::text("the name", &nickname)?;
            let mut file = wallet.open(common)?;
            file.update(|wallet| wallet.set_account_nickname(&label, nickname))?;
            print_account(console, file.wallet().account(&label)?)
        }
        WalletCommand::ChangePassphrase { wallet, new_passphrase_file } => {
            change_passphrase(common, console, &wallet, new_passphrase_file.as_ref())
        }
        WalletCommand::Agree { custodian, wallet } => {
            let agreement = wallet.open(common)?.update(|wallet| wallet.agree(&custodian))?;
            let opening = agreement.opening;
            console.print_object(&json!({
                "account": agreement.label, "custodian": opening.custodian, "first_key": opening.first_key,
                "custodial": opening.custodial, "agreement": agreement.signature, "chain": opening.chain,
            }))
        }
        WalletCommand::Rotate { label: Some(label), acting, .. } => rotate(common, console, &label, &acting).await,
        WalletCommand::Rotate { label: None, acting, .. } => rotate_all(common, console, &acting).await,
        WalletCommand::GuardianKey { label, wallet } => {
            let key = wallet.open(common)?.update(|wallet| wallet.guardian_key(&label))?;
            console.print_object(&json!({ "account": label, "guardian": key }))
        }
        WalletCommand::Adopt { label, wallet } => {
            let mut file = wallet.open(common)?;
            let node = common.connect(Some(file.wallet().chain())).await?;
            file.wallet().expect_chain(&node.status().await?.chain)?;
            let custodian = node.account(&label).await?.custodian;
            let (key, possession) = file.update(|wallet| wallet.adopt(&label, &custodian))?;
            console.print_object(&json!({ "account": label, "new_public": key, "possession": possession }))
        }
        WalletCommand::CompleteRecovery { label, acting } => {
            let mut actor = WalletActor::new(common, console, &acting).await?;
            let committed = actor.commit(&actor.file.wallet().sign_recovery(&label, actor.void_after())?).await?;
            if committed.outcome.is_applied() {
                actor.file.update(|wallet| wallet.note_key(&label, 0))?;
            }
            act::report(console, committed, &[("account", json!(label))])
        }
    }
}

#[allow(clippy::too_many_arguments, reason = "each is an option of the command")]
fn new(
    common: &Common,
    console: &Console,
    chain: ChainId,
    list: WordList,
    target: &Target,
    extension: &Extension,
    nickname: Option<String>,
    show_words: bool,
    yes: bool,
) -> Result<(), Fault> {
    target.check_free()?;
    let nickname: Text<64> = act::text("--nickname", &nickname.unwrap_or_default())?;
    let words = Words::fresh(list);
    let mut wallet = Wallet::new(extension.secret(&words)?, chain, target.is_store());
    wallet.set_nickname(nickname);
    let shown = show_words || !target.is_store();
    if shown && !yes {
        if console.is_json() || !std::io::stdin().is_terminal() {
            return Err(Fault::bad_input("no terminal to ask whether the words are written down; say so with --yes"));
        }
        console.print(&word_lines(console, &words), &json!(null));
        repeat_some(console, &words)?;
    }
    let file = target.write(common, wallet)?;
    let mut lines = Vec::new();
    let mut value = json!({ "file": file.path(), "chain": chain, "custodial": target.is_store() });
    if shown && yes {
        lines.extend(word_lines(console, &words));
        value["words"] = json!(words.text().as_str());
    }
    lines.push(console.say(Word::WalletMade, &[&file.path().display(), &chain.to_hex()]));
    console.print(&lines, &value);
    Ok(())
}

async fn restore(
    common: &Common,
    console: &Console,
    target: &Target,
    words_file: Option<&Path>,
    extension: &Extension,
    scanning: &Scanning,
) -> Result<(), Fault> {
    target.check_free()?;
    let chain = named_chain(common)?.ok_or_else(|| {
        Fault::bad_input("name the ledger: its founding document with --genesis FILE, or its id with --chain HEX")
            .in_japanese("台帳を指定してください: --genesis FILE（設立文書）または --chain HEX（台帳ID）")
    })?;
    let words = read_words(console, words_file)?;
    let mut wallet = Wallet::new(extension.secret(&words)?, chain, target.is_store());
    let scanned = scanning.scan(common, console, &mut wallet).await?;
    let file = target.write(common, wallet)?;
    print_scan(console, &file, &scanned, Some(Word::WalletRestored))
}

async fn rescan(common: &Common, console: &Console, wallet: &WalletArguments, scanning: &Scanning) -> Result<(), Fault> {
    let mut file = wallet.open(common)?;
    let mut found = file.wallet().clone();
    let scanned = scanning.scan(common, console, &mut found).await?;
    // What another program changed in the meantime stays: only what the ledger says is taken over.
    file.update(|wallet| wallet.take_over(&found))?;
    print_scan(console, &file, &scanned, None)
}

fn print_scan(console: &Console, file: &WalletFile, scanned: &Scanned, word: Option<Word>) -> Result<(), Fault> {
    let mut lines: Vec<String> = word.iter().map(|word| console.say(*word, &[&file.path().display()])).collect();
    lines.push(console.say(Word::WalletScanned, &[&scanned.members, &scanned.found, &scanned.height]));
    if scanned.lost > 0 {
        lines.push(console.say(Word::WalletLost, &[&scanned.lost]));
    }
    let value = json!({
        "file": file.path(), "members": scanned.members, "found": scanned.found, "lost": scanned.lost,
        "height": scanned.height, "time": scanned.time, "accounts": file.wallet().accounts(),
    });
    lines.extend(account_lines(console, file.wallet().accounts().iter()));
    console.print(&lines, &value);
    Ok(())
}

fn show(console: &Console, file: &WalletFile, words: bool, yes: bool) -> Result<(), Fault> {
    let wallet = file.wallet();
    let secret = wallet.secret();
    let mut value = json!({
        "file": file.path(),
        "nickname": wallet.nickname(),
        "chain": wallet.chain(),
        "custodial": wallet.is_custodial(),
        "words_language": match secret.list() { WordList::English => "en", WordList::Japanese => "ja" },
        "words_have_passphrase": secret.is_extended(),
        "accounts": wallet.all_accounts().count(),
        "accounts_not_open": wallet.accounts().iter().filter(|account| !account.open).count(),
        "accounts_lost": wallet.accounts().iter().filter(|account| account.key.is_none()).count(),
        "guardianships": wallet.guardianships(),
        "marks": wallet.marks().len(),
        "nodes": wallet.nodes().collect::<Vec<_>>(),
    });
    if !words {
        return console.print_object(&value);
    }
    if !yes {
        let answer = ask(&console.say(Word::WalletShowWords, &[]))?;
        if !matches!(answer.trim(), "yes" | "はい") {
            return Err(Fault::refused("the words were not shown"));
        }
    }
    let words = secret.words();
    value["words"] = json!(words.text().as_str());
    console.print(&word_lines(console, &words), &value);
    Ok(())
}

fn accounts(common: &Common, console: &Console, target: &Target, custodian: Option<OrganisationId>) -> Result<(), Fault> {
    let files = target.open_all(common)?;
    let is_asked = |account: &&WalletAccount| custodian.is_none_or(|custodian| account.custodian == custodian);
    let (mut lines, mut values) = (Vec::new(), Vec::new());
    for file in &files {
        let accounts = file.wallet().accounts().iter().filter(is_asked);
        if target.is_store() {
            lines.push(format!("{}  {}", file.path().display(), file.wallet().nickname()));
        }
        lines.extend(account_lines(console, accounts.clone()));
        values.extend(accounts.map(|account| account_value(file, account)));
    }
    if lines.is_empty() {
        lines.push(console.say(Word::NothingThere, &[]));
    }
    console.print(&lines, &values.into());
    Ok(())
}

fn account_value(file: &WalletFile, account: &WalletAccount) -> serde_json::Value {
    let mut value = json!(account);
    value["file"] = json!(file.path());
    value
}

fn account_lines<'a>(console: &Console, accounts: impl Iterator<Item = &'a WalletAccount>) -> Vec<String> {
    accounts
        .map(|account| {
            let word = match (account.open, account.key, account.custodial) {
                (false, ..) => Word::AccountAgreed,
                (true, None, _) => Word::AccountLost,
                (true, Some(_), true) => Word::AccountCustodial,
                (true, Some(_), false) => Word::AccountOpen,
            };
            let state = console.say(word, &[]);
            format!("{}  @{}  {state}  {}", account.label.to_hex(), &account.custodian.to_hex()[..8], account.nickname)
                .trim_end()
                .to_owned()
        })
        .collect()
}

fn print_account(console: &Console, account: &WalletAccount) -> Result<(), Fault> {
    console.print(&account_lines(console, std::iter::once(account)), &json!(account));
    Ok(())
}

fn change_passphrase(common: &Common, console: &Console, wallet: &WalletArguments, new: Option<&PathBuf>) -> Result<(), Fault> {
    let mut file = wallet.open(common)?;
    file.expect_own_passphrase()?;
    let what = format!("{} from now on", file.path().display());
    let new = source_of(new, NEW_PASSPHRASE_VARIABLE).read_new(&what)?;
    file.change_passphrase(&new)?;
    console.print(&[console.say(Word::PassphraseChanged, &[&file.path().display()])], &json!({ "file": file.path() }));
    Ok(())
}

async fn rotate(common: &Common, console: &Console, label: &Label, acting: &WalletActing) -> Result<(), Fault> {
    let mut actor = WalletActor::new(common, console, acting).await?;
    let (action, number) = actor.file.wallet().rotation(label)?;
    let committed = actor.commit(&actor.file.wallet().sign(label, action, actor.void_after())?).await?;
    if committed.outcome.is_applied() {
        actor.file.update(|wallet| wallet.note_key(label, number))?;
    }
    let controller = actor.file.wallet().controller(label)?.public();
    act::report(console, committed, &[("account", json!(label)), ("controller", json!(controller))])
}

async fn rotate_all(common: &Common, console: &Console, acting: &WalletActing) -> Result<(), Fault> {
    let mut actor = WalletActor::new(common, console, acting).await?;
    let mut rotations = Vec::new();
    for account in actor.file.wallet().all_accounts() {
        let (action, number) = actor.file.wallet().rotation(&account.label)?;
        rotations.push((account.label, action, number));
    }
    let find = |label: &Label| rotations.iter().find(|(account, ..)| account == label);
    let actions = rotations.iter().map(|(label, action, _)| (*label, action.clone())).collect();
    let answers = actor.commit_unlinked(actions).await?;
    actor.file.update(|wallet| {
        for (label, answer) in &answers {
            let applied = answer.as_ref().is_ok_and(|committed| committed.outcome.is_applied());
            if let (true, Some((_, _, number))) = (applied, find(label)) {
                wallet.note_key(label, *number)?;
            }
        }
        Ok(())
    })?;
    report_all(console, &answers)
}

/// Says what became of several transactions. One that failed, or broke a rule, is a failure of the whole.
pub fn report_all(console: &Console, answers: &[(Label, Result<Committed, ClientError>)]) -> Result<(), Fault> {
    let (mut lines, mut values, mut failed) = (Vec::new(), Vec::new(), 0);
    for (label, answer) in answers {
        let (line, value) = match answer {
            Ok(committed) if committed.outcome.is_applied() => {
                (console.say(Word::CommittedIn, &[&committed.height]), json!({ "account": label, "committed": committed }))
            }
            Ok(committed) => {
                failed += 1;
                let line = match &committed.outcome {
                    Outcome::Rejected(rule) => console.say(Word::RejectedBy, &[&committed.height, rule]),
                    _ => console.say(Word::CommittedIn, &[&committed.height]),
                };
                (line, json!({ "account": label, "committed": committed }))
            }
            Err(error) => {
                failed += 1;
                let japanese = words::client_error_in_japanese(error).filter(|_| console.language() == Language::Ja);
                (japanese.unwrap_or_else(|| error.to_string()), json!({ "account": label, "error": error.to_string() }))
            }
        };
        lines.push(format!("{}  {line}", label.to_hex()));
        values.push(value);
    }
    if lines.is_empty() {
        lines.push(console.say(Word::NothingThere, &[]));
    }
    console.print(&lines, &values.into());
    match failed {
        0 => Ok(()),
        _ => Err(Fault::refused(format!("{failed} of {} accounts were not done; the lines above say why", answers.len()))),
    }
}

/// The chain named, otherwise the node's.
async fn chain(common: &Common) -> Result<ChainId, Fault> {
    match named_chain(common)? {
        Some(chain) => Ok(chain),
        None => Ok(common.connect(None).await?.status().await?.chain),
    }
}

/// The founding document's chain, otherwise the one that is named by its id.
fn named_chain(common: &Common) -> Result<Option<ChainId>, Fault> {
    Ok(common.founding()?.map(|founding| founding.chain).or(common.chain))
}

fn word_list(named: Option<WordsLanguage>, language: Language) -> WordList {
    match (named, language) {
        (Some(WordsLanguage::Ja), _) | (None, Language::Ja) => WordList::Japanese,
        (Some(WordsLanguage::En), _) | (None, Language::En) => WordList::English,
    }
}

/// The words, four in a line, each with its number.
fn word_lines(console: &Console, words: &Words) -> Vec<String> {
    let numbered: Vec<String> = words.iter().enumerate().map(|(index, word)| format!("{:>2} {word:<12}", index + 1)).collect();
    let mut lines = vec![console.say(Word::WalletWords, &[])];
    lines.extend(numbered.chunks(4).map(|row| row.join(" ").trim_end().to_owned()));
    lines
}

/// Asks for some of the words, so that they are not only written down, but written down right.
fn repeat_some(console: &Console, words: &Words) -> Result<(), Fault> {
    let mut places: Vec<usize> = (1..=WORDS).collect();
    places.shuffle(&mut rand::rngs::OsRng);
    for place in places.into_iter().take(WORDS_REPEATED) {
        let typed = ask(&console.say(Word::WalletRepeat, &[&place]))?;
        if !words.word_is(place, &typed) {
            return Err(Fault::refused(format!("word {place} is another one; nothing was written: make a new wallet")));
        }
    }
    Ok(())
}

fn read_words(console: &Console, file: Option<&Path>) -> Result<Words, Fault> {
    let text = match file {
        Some(path) => {
            let bytes = files::read(path, WORDS_FILE_BYTES_MAX, Audience::Owner)?;
            let text = std::str::from_utf8(&bytes).map_err(|_| Fault::bad_input(format!("{} is not text", path.display())))?;
            Zeroizing::new(text.to_owned())
        }
        None => {
            if !std::io::stdin().is_terminal() {
                return Err(Fault::bad_input("no terminal to ask for the words; name a file (mode 0600) with --words-file"));
            }
            ask(&console.say(Word::WalletTypeWords, &[]))?
        }
    };
    Ok(Words::parse(&text).map_err(inro_client::wallet::WalletFault::from)?)
}

/// Asks at the terminal.
fn ask(question: &str) -> Result<Zeroizing<String>, Fault> {
    if !std::io::stdin().is_terminal() {
        return Err(Fault::bad_input("no terminal to ask; confirm with --yes"));
    }
    let failed = |error: std::io::Error| Fault::refused(format!("the terminal failed: {error}"));
    let mut out = std::io::stderr().lock();
    write!(out, "{question} ").and_then(|()| out.flush()).map_err(failed)?;
    let mut line = Zeroizing::new(String::with_capacity(1024));
    std::io::stdin().lock().read_line(&mut line).map_err(failed)?;
    Ok(line)
}

/// Who signs with a wallet, and how long to wait.
#[derive(Debug, Clone, Args)]
pub struct WalletActing {
    #[command(flatten)]
    pub wallet: WalletArguments,
    /// A further node to send to, so that no single one sees all of a person's accounts. May stand several times.
    #[arg(long, value_name = "URL")]
    pub also_node: Vec<String>,
    /// How long to wait for the block, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub timeout_s: u64,
}

/// Somebody who acts with a wallet.
pub struct WalletActor<'a> {
    /// The node.
    pub node: NodeClient,
    /// The last block's time, or this machine's if that is later.
    pub now: Time,
    /// The ledger's parameters.
    pub parameters: Parameters,
    /// The wallet.
    pub file: WalletFile,
    console: &'a Console,
    acting: &'a WalletActing,
}

impl<'a> WalletActor<'a> {
    /// Opens the wallet and asks the node how the ledger stands.
    pub async fn new(common: &'a Common, console: &'a Console, acting: &'a WalletActing) -> Result<Self, Fault> {
        let file = acting.wallet.open(common)?;
        let node = common.connect(Some(file.wallet().chain())).await?;
        let status = node.status().await?;
        file.wallet().expect_chain(&status.chain)?;
        let parameters = node.parameters().await?;
        Ok(Self { node, now: now().max(status.time), parameters, file, console, acting })
    }

    /// Until when a transaction made now can be committed.
    pub fn void_after(&self) -> Time {
        self.now.plus_ms(Timing::usual(self.now, &self.parameters).holds_ms)
    }

    /// Sends a transaction and waits for its block; [`act::report`] says what became of it.
    pub async fn commit(&self, signed: &SignedTransaction) -> Result<Committed, Fault> {
        let spinner = self.console.spinner();
        let committed = self.node.commit(signed, Duration::from_secs(self.acting.timeout_s)).await;
        spinner.finish_and_clear();
        Ok(committed?)
    }

    /// Sends one transaction per account so that nobody can tell that they come from one person, and waits for all of them;
    /// [`report_all`] says what became of them.
    pub async fn commit_unlinked(
        &self,
        actions: Vec<(Label, Action)>,
    ) -> Result<Vec<(Label, Result<Committed, ClientError>)>, Fault> {
        let wallet = self.file.wallet();
        let timing = Timing::usual(self.now, &self.parameters);
        let mut signed = Vec::with_capacity(actions.len());
        for planned in unlinked::plan(actions.iter().map(|(label, _)| *label), timing) {
            for (_, action) in actions.iter().filter(|(label, _)| *label == planned.account) {
                let transaction = wallet.sign(&planned.account, action.clone(), planned.void_after)?;
                signed.push((planned.clone(), transaction));
            }
        }
        let nodes = nodes(&self.node, &self.acting.also_node, wallet).await?;
        let bar = self.console.progress();
        bar.set_length(signed.len() as u64);
        let timeout = Duration::from_secs(self.acting.timeout_s);
        let answers = unlinked::send(&nodes, signed, timeout, |done| bar.set_position(done as u64)).await;
        bar.finish_and_clear();
        Ok(answers)
    }
}
