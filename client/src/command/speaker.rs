//! Who speaks for a patient's accounts: the person or a guardian, with a wallet or with a key file.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use inro_client::desk::Desk;
use inro_client::model::Committed;
use inro_client::wallet::{Mark, MarkKind, Nickname, Wallet, WalletFault};
use inro_client::{ClientError, NodeClient};
use inro_contracts::id::{ChainId, Hash, Label};
use inro_contracts::key::SecretKey;
use inro_contracts::time::Time;
use inro_contracts::transaction::Action;
use inro_payload::OneTimeSecret;
use serde_json::json;

use super::act::{expect_chain, rejected};
use super::wallet::{WalletActing, WalletActor, WalletArguments};
use crate::arguments::{Common, now};
use crate::fault::Fault;
use crate::output::Console;
use crate::words::{self, Language, Word};

const WALLET_VARIABLE: &str = "INRO_WALLET";
const KEY_VARIABLE: &str = "INRO_KEY";

/// Who speaks, and for which accounts.
#[derive(Debug, Clone, Args)]
pub struct Speaking {
    /// The wallet that speaks. Otherwise --key, otherwise the variable INRO_WALLET or INRO_KEY.
    #[arg(long, value_name = "FILE", conflicts_with = "key")]
    wallet: Option<PathBuf>,
    /// A file (mode 0600) with the wallet's passphrase. Otherwise the variable INRO_WALLET_PASSPHRASE, otherwise as for key files.
    #[arg(long, value_name = "FILE")]
    wallet_passphrase_file: Option<PathBuf>,
    /// The key file that speaks: an account's, a guardian's, or a practitioner's.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// The account: its label, or what the wallet calls it. May stand several times.
    #[arg(long, value_name = "LABEL")]
    account: Vec<String>,
    /// All accounts of the wallet, in transactions that cannot be linked.
    #[arg(long, conflicts_with = "account")]
    all: bool,
    /// A further node to send to, so that no single one sees all of a person's accounts. May stand several times.
    #[arg(long, value_name = "URL")]
    also_node: Vec<String>,
    /// How long to wait for the block, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub timeout_s: u64,
}

/// With what somebody speaks.
pub enum Means {
    /// A wallet.
    Wallet(WalletActing),
    /// A key file.
    Key(PathBuf),
}

impl Speaking {
    /// What was named, otherwise what the environment names.
    pub fn means(&self) -> Result<Means, Fault> {
        let from = |name: &str| std::env::var_os(name).filter(|path| !path.is_empty()).map(PathBuf::from);
        let wallet = |wallet| {
            let wallet = WalletArguments { wallet, wallet_passphrase_file: self.wallet_passphrase_file.clone() };
            Means::Wallet(WalletActing { wallet, also_node: self.also_node.clone(), timeout_s: self.timeout_s })
        };
        match (&self.wallet, &self.key) {
            (Some(path), _) => Ok(wallet(path.clone())),
            (None, Some(path)) => Ok(Means::Key(path.clone())),
            (None, None) => from(WALLET_VARIABLE).map(wallet).or_else(|| from(KEY_VARIABLE).map(Means::Key)).ok_or_else(|| {
                Fault::bad_input("say who speaks: name a wallet with --wallet FILE, or a key file with --key FILE")
                    .in_japanese("誰が行うのか指定してください: --wallet FILE（ウォレット）または --key FILE（鍵ファイル）")
            }),
        }
    }

    /// Is any account named?
    pub fn names_accounts(&self) -> bool {
        self.all || !self.account.is_empty()
    }
}

/// Somebody who speaks for accounts.
pub struct Speaker<'a> {
    /// The node.
    pub node: NodeClient,
    /// The ledger.
    pub chain: ChainId,
    /// The last block's time, or this machine's if that is later.
    pub now: Time,
    /// The last block's time: what begins then is in force in the next block.
    pub last_block: Time,
    who: Who<'a>,
    accounts: Vec<Label>,
    console: &'a Console,
    timeout_s: u64,
}

enum Who<'a> {
    Wallet(Box<WalletActor<'a>>),
    Key(Box<SecretKey>),
}

/// What became of one thing that was asked for.
pub struct Done {
    /// For which account.
    pub account: Label,
    /// What.
    pub action: Action,
    /// What became of it.
    pub answer: Result<Committed, ClientError>,
}

impl Done {
    /// The transaction, if it took effect.
    pub fn applied(&self) -> Option<&Committed> {
        self.answer.as_ref().ok().filter(|committed| committed.outcome.is_applied())
    }
}

impl<'a> Speaker<'a> {
    /// Opens wallet or key file, asks the node how the ledger stands, and finds the accounts that are meant.
    pub async fn new(
        common: &'a Common,
        console: &'a Console,
        speaking: &Speaking,
        means: &'a Means,
    ) -> Result<Speaker<'a>, Fault> {
        let named = match means {
            Means::Key(_) => Some(labels_of(speaking)?),
            Means::Wallet(_) => None,
        };
        let who = match means {
            Means::Wallet(acting) => Who::Wallet(Box::new(WalletActor::new(common, console, acting).await?)),
            Means::Key(path) => Who::Key(Box::new(common.open(path)?)),
        };
        let accounts = match (named, &who) {
            (Some(named), _) => named,
            (None, Who::Wallet(actor)) => accounts_of(actor.file.wallet(), speaking)?,
            (None, Who::Key(_)) => Vec::new(),
        };
        let node = match &who {
            Who::Wallet(actor) => actor.node.clone(),
            Who::Key(_) => common.connect(None).await?,
        };
        let status = node.status().await?;
        expect_chain(common, &status.chain)?;
        Ok(Self {
            node,
            chain: status.chain,
            now: now().max(status.time),
            last_block: status.time,
            who,
            accounts,
            console,
            timeout_s: speaking.timeout_s,
        })
    }

    /// The accounts that are meant.
    pub fn accounts(&self) -> &[Label] {
        &self.accounts
    }

    /// The account that is meant, where only one can be.
    pub fn one_account(&self) -> Result<Label, Fault> {
        match self.accounts[..] {
            [account] => Ok(account),
            _ => Err(Fault::bad_input("this is done for one account at a time; name it with --account LABEL")
                .in_japanese("これは一度に一つのアカウントについて行います。--account で指定してください。")),
        }
    }

    /// The wallet that speaks, if one does.
    pub fn wallet(&self) -> Option<&Wallet> {
        match &self.who {
            Who::Wallet(actor) => Some(actor.file.wallet()),
            Who::Key(_) => None,
        }
    }

    /// The key that speaks for an account: the controller's, or a guardian's.
    pub fn secret(&self, account: &Label) -> Result<SecretKey, Fault> {
        match &self.who {
            Who::Key(secret) => Ok(SecretKey::clone(secret)),
            Who::Wallet(actor) => Ok(secret_of(actor.file.wallet(), account)?),
        }
    }

    /// A one-time key that the wallet finds again by `name`.
    pub fn reading_key(&self, account: &Label, name: &[u8; 32]) -> Option<OneTimeSecret> {
        self.wallet().map(|wallet| wallet.reading_key(account, name))
    }

    /// Signed requests for an account.
    pub async fn desk(&self, account: &Label) -> Result<Desk, Fault> {
        Ok(Desk::at(self.node.clone(), self.secret(account)?).await?)
    }

    /// Does all of it, and waits. What is of several accounts of one wallet cannot be linked.
    pub async fn commit(&self, actions: Vec<(Label, Action)>) -> Result<Vec<Done>, Fault> {
        match &self.who {
            Who::Key(secret) => {
                let mut done = Vec::with_capacity(actions.len());
                let desk = Desk::at(self.node.clone(), SecretKey::clone(secret)).await?;
                for (account, action) in actions {
                    let spinner = self.console.spinner();
                    let timeout = Duration::from_secs(self.timeout_s);
                    let answer = self.node.commit(&desk.sign(action.clone()), timeout).await;
                    spinner.finish_and_clear();
                    done.push(Done { account, action, answer });
                }
                Ok(done)
            }
            Who::Wallet(actor) => commit_by_wallet(actor, actions, Duration::from_secs(self.timeout_s)).await,
        }
    }

    /// Remembers grants or seals that were made, under a name that only the wallet's holder sees.
    pub fn remember(&mut self, done: &[Done], kind: MarkKind, nickname: &Nickname) -> Result<(), Fault> {
        let Who::Wallet(actor) = &mut self.who else { return Ok(()) };
        let made: Vec<Mark> = done
            .iter()
            .filter_map(|done| Some((done.account, done.applied()?.id)))
            .map(|(account, id)| Mark { account, kind, id: Hash(id.0), nickname: nickname.clone() })
            .collect();
        if made.is_empty() {
            return Ok(());
        }
        Ok(actor.file.update(|wallet| {
            made.into_iter().for_each(|mark| wallet.add_mark(mark));
            Ok(())
        })?)
    }

    /// Forgets grants or seals that are no more.
    pub fn forget(&mut self, ids: &[Hash]) -> Result<(), Fault> {
        match &mut self.who {
            Who::Wallet(actor) if !ids.is_empty() => Ok(actor.file.update(|wallet| {
                ids.iter().for_each(|id| wallet.remove_mark(id));
                Ok(())
            })?),
            _ => Ok(()),
        }
    }

    /// Of which of the accounts this grant or seal is: as the wallet remembers, otherwise by the accounts' consents.
    pub async fn account_of(&self, id: &Hash) -> Result<Label, Fault> {
        if let [account] = self.accounts[..] {
            return Ok(account);
        }
        let marks = self.wallet().map(Wallet::marks).unwrap_or_default();
        if let Some(mark) = marks.iter().find(|mark| mark.id == *id && self.accounts.contains(&mark.account)) {
            return Ok(mark.account);
        }
        for account in &self.accounts {
            let consent = self.desk(account).await?.consent(account).await?;
            let mut known = consent.grants.iter().map(|grant| grant.id.0).chain(consent.seals.iter().map(|seal| seal.id.0));
            if known.any(|known| known == id.0) {
                return Ok(*account);
            }
        }
        Err(Fault::refused(format!("no grant or seal {} is on these accounts; `inro consent` lists them", id.to_hex())))
    }

    /// Says what became of it all; `named` is what the transactions' ids are the ids of. One that failed is a failure of the whole.
    pub fn report(&self, done: &[Done], named: Option<&str>) -> Result<(), Fault> {
        if let [only] = done
            && only.applied().is_none()
        {
            return Err(failure(self.console, &only.answer));
        }
        let (mut lines, mut values, mut failed) = (Vec::new(), Vec::new(), 0);
        for Done { account, answer, .. } in done {
            match answer {
                Ok(committed) if committed.outcome.is_applied() => {
                    let mut line = format!("{}  {}", account.to_hex(), self.console.say(Word::CommittedIn, &[&committed.height]));
                    let mut value = json!(committed);
                    value["account"] = json!(account);
                    value["status"] = "committed".into();
                    if let Some(name) = named {
                        line.push_str(&format!("  {name} {}", committed.id.to_hex()));
                        value[name] = json!(committed.id);
                    }
                    lines.push(line);
                    values.push(value);
                }
                answer => {
                    failed += 1;
                    let fault = failure(self.console, answer);
                    let shown = fault.japanese.as_ref().filter(|_| self.console.language() == Language::Ja);
                    lines.push(format!("{}  {}", account.to_hex(), shown.unwrap_or(&fault.sentence)));
                    values.push(json!({ "account": account, "error": fault.sentence, "rule": fault.rule }));
                }
            }
        }
        if lines.is_empty() {
            lines.push(self.console.say(Word::NothingThere, &[]));
        }
        self.console.print(&lines, &values.into());
        match failed {
            0 => Ok(()),
            _ => Err(Fault::refused(format!("{failed} of {} were not done; the lines above say why", done.len()))
                .in_japanese(format!("{} 件中 {failed} 件が完了しませんでした。理由は上の行をご覧ください。", done.len()))),
        }
    }
}

/// Why it did not take effect.
fn failure(console: &Console, answer: &Result<Committed, ClientError>) -> Fault {
    match answer {
        Ok(committed) => {
            rejected(console, committed).unwrap_or_else(|| Fault::refused(console.say(Word::CommittedIn, &[&committed.height])))
        }
        Err(error) => Fault {
            rule: error.problem().and_then(|problem| problem.rule.clone()),
            japanese: words::client_error_in_japanese(error),
            ..Fault::refused(error.to_string())
        },
    }
}

async fn commit_by_wallet(actor: &WalletActor<'_>, actions: Vec<(Label, Action)>, timeout: Duration) -> Result<Vec<Done>, Fault> {
    let wallet = actor.file.wallet();
    let mut done = Vec::with_capacity(actions.len());
    let (mut own, wards): (Vec<_>, Vec<_>) = actions.into_iter().partition(|(account, _)| wallet.account(account).is_ok());
    // One of each account at a time, so that what is sent together is of different accounts.
    while !own.is_empty() {
        let mut round: Vec<(Label, Action)> = Vec::new();
        let mut later = Vec::new();
        for (account, action) in own {
            let taken = round.iter().any(|(known, _)| *known == account);
            if taken { &mut later } else { &mut round }.push((account, action));
        }
        let answers = actor.commit_unlinked(round.clone()).await?;
        for (account, answer) in answers {
            if let Some((_, action)) = round.iter().find(|(known, _)| *known == account) {
                done.push(Done { account, action: action.clone(), answer });
            }
        }
        own = later;
    }
    for (account, action) in wards {
        let signed = wallet.sign_as_guardian(&account, action.clone(), actor.void_after())?;
        let answer = actor.node.commit(&signed, timeout).await;
        done.push(Done { account, action, answer });
    }
    Ok(done)
}

/// The controller's key; for the account of somebody else, the guardian's.
fn secret_of(wallet: &Wallet, account: &Label) -> Result<SecretKey, WalletFault> {
    match wallet.guardianships().iter().find(|known| known.ward == *account) {
        Some(known) if wallet.account(account).is_err() => Ok(wallet.secret().guardian_key(&wallet.chain(), account, known.key)),
        _ => wallet.controller(account),
    }
}

fn labels_of(speaking: &Speaking) -> Result<Vec<Label>, Fault> {
    if speaking.all {
        return Err(Fault::bad_input("--all is for wallets; with a key file, name the account with --account LABEL")
            .in_japanese("--all はウォレット用です。鍵ファイルでは --account LABEL でアカウントを指定してください。"));
    }
    let read = |text: &String| text.parse().map_err(|error| Fault::bad_input(format!("--account {text}: {error}")));
    let mut labels: Vec<Label> = speaking.account.iter().map(read).collect::<Result<_, _>>()?;
    let mut seen = std::collections::BTreeSet::new();
    labels.retain(|label| seen.insert(*label));
    if labels.is_empty() {
        Err(Fault::bad_input("name the account with --account LABEL")
            .in_japanese("--account LABEL でアカウントを指定してください。"))
    } else {
        Ok(labels)
    }
}

fn accounts_of(wallet: &Wallet, speaking: &Speaking) -> Result<Vec<Label>, Fault> {
    let all: Vec<Label> = wallet.all_accounts().map(|account| account.label).collect();
    if !speaking.account.is_empty() {
        let mut found: Vec<Label> = Vec::new();
        for named in &speaking.account {
            let label = account_called(wallet, named)?;
            if !found.contains(&label) {
                found.push(label);
            }
        }
        return Ok(found);
    }
    match (all.len(), speaking.all) {
        (0, _) => Err(Fault::refused("the wallet speaks for no open account; `inro wallet scan` looks for them").in_japanese("このウォレットに開設済みのアカウントがありません。`inro wallet scan` で探せます。")),
        (1, _) | (_, true) => Ok(all),
        (count, false) => Err(Fault::bad_input(format!(
            "the wallet has {count} accounts; name one with --account (its label or your name for it), or take all with --all"
        )).in_japanese(format!(
            "このウォレットにはアカウントが {count} 件あります。--account（ラベルまたは自分で付けた名前）か --all で指定してください。"
        ))),
    }
}

fn account_called(wallet: &Wallet, named: &str) -> Result<Label, Fault> {
    if let Ok(label) = named.parse::<Label>() {
        let is_ward = wallet.guardianships().iter().any(|known| known.ward == label);
        return match wallet.account(&label) {
            Ok(_) => Ok(label),
            Err(_) if is_ward => Ok(label),
            Err(fault) => Err(fault.into()),
        };
    }
    let own = wallet.accounts().iter().map(|account| (account.label, &account.nickname));
    let wards = wallet.guardianships().iter().map(|known| (known.ward, &known.nickname));
    let called: Vec<Label> = own.chain(wards).filter(|(_, name)| name.as_str() == named).map(|(label, _)| label).collect();
    match called[..] {
        [label] => Ok(label),
        [] => Err(Fault::bad_input(format!("--account {named}: neither a label nor a name that the wallet gave to an account"))
            .in_japanese(format!("--account {named}: ラベルでも、ウォレットで付けた名前でもありません。"))),
        _ => {
            let labels: Vec<_> = called.iter().map(Label::to_hex).collect();
            Err(Fault::bad_input(format!("several accounts are called {named:?}; write the label of one: {}", labels.join(", "))))
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        speaking: Speaking,
    }

    fn read(line: &str) -> Speaking {
        Line::try_parse_from(std::iter::once("inro").chain(line.split(' '))).unwrap().speaking
    }

    #[test]
    fn with_a_key_file_accounts_are_named_by_their_labels() {
        let label = "ab".repeat(32);
        assert_eq!(labels_of(&read(&format!("--key k --account {label}"))).unwrap().len(), 1);
        for bad in ["--key k", "--key k --all", "--key k --account Hanako"] {
            let fault = labels_of(&read(bad)).unwrap_err();
            assert!(fault.is_bad_input && fault.sentence.contains("--account"), "{bad}: {}", fault.sentence);
        }
        assert!(Line::try_parse_from(["inro", "--key", "k", "--wallet", "w"]).is_err());
        assert!(Line::try_parse_from(["inro", "--all", "--account", "a"]).is_err());
    }
}
