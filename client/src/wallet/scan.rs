//! Finding a wallet's accounts on the ledger, from the words alone.
//!
//! For every member of the ledger, and these are proved to be all, the labels of accounts 0, 1, 2 … are derived, and nodes are
//! asked for each with its proof. After [`GAP_LIMIT`] labels in a row that are proved absent, a member has no more. Every answer
//! is checked against the founding document, so a node can neither invent an account nor hide one from the block it shows.
//!
//! The node that answers learns which labels belong together. So each custodian's labels are asked of one node, drawn anew
//! each time from those given, in a random order; whoever wants no node to learn it asks the node of each custodian.

use inro_contracts::account::Account;
use inro_contracts::id::{ChainId, Label, OrganisationId};
use inro_contracts::state::{Members, StateKey};
use inro_contracts::time::{Height, Time};
use rand::Rng;
use rand::seq::SliceRandom;

use super::{Origin, Wallet, WalletAccount, WalletFault};
use crate::NodeClient;
use crate::light::{Distrust, Light};

/// So many labels in a row have to be absent before a custodian is done. Accounts are numbered without gaps: a number that was
/// agreed to is used for the next opening until that is committed.
pub const GAP_LIMIT: u32 = 3;

/// Why a scan stops.
#[derive(Debug, thiserror::Error)]
pub enum ScanFault {
    /// An answer was not given, or is not believed.
    #[error(transparent)]
    Distrust(#[from] Distrust),
    /// The wallet cannot take what was found.
    #[error(transparent)]
    Wallet(#[from] WalletFault),
    /// The founding document is of another ledger than the wallet.
    #[error("the founding document is of another ledger ({}) than the wallet ({}); use the right one", .found.to_hex(), .expected.to_hex())]
    OtherLedger {
        /// The wallet's.
        expected: ChainId,
        /// The document's.
        found: ChainId,
    },
    /// No node was named.
    #[error("no node to ask; name one with --node")]
    NoNode,
}

/// How far a scan is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Members that are done.
    pub done: usize,
    /// All members.
    pub of: usize,
    /// Accounts found.
    pub found: usize,
}

/// What a scan found. The labels are in the wallet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scanned {
    /// Members that were looked at.
    pub members: usize,
    /// Accounts found that the wallet speaks for.
    pub found: usize,
    /// Accounts found that another key speaks for.
    pub lost: usize,
    /// As of this block or a later one.
    pub height: Height,
    /// That block's time.
    pub time: Time,
}

/// Looks for all accounts of a wallet and brings what it knows of them up to date. `adopted` are accounts that were opened with
/// another secret and recovered by this one: their labels do not follow from the words.
pub async fn scan(
    wallet: &mut Wallet,
    nodes: &[NodeClient],
    light: &mut Light,
    adopted: &[Label],
    mut progress: impl FnMut(Progress),
) -> Result<Scanned, ScanFault> {
    if light.chain() != wallet.chain() {
        return Err(ScanFault::OtherLedger { expected: wallet.chain(), found: light.chain() });
    }
    let first = nodes.choose(&mut rand::thread_rng()).ok_or(ScanFault::NoNode)?;
    let answer = first.proved_members().await.map_err(Distrust::from)?;
    let members: Members = light.object(first, &StateKey::Members, answer).await?.unwrap_or_default();
    let mut members = members.0.into_vec();
    members.shuffle(&mut rand::thread_rng());
    let (of, mut found) = (members.len(), 0);
    progress(Progress { done: 0, of, found });
    for (index, member) in members.iter().enumerate() {
        let node = &nodes[rand::thread_rng().gen_range(0..nodes.len())];
        found += scan_custodian(wallet, node, light, member).await?;
        progress(Progress { done: index + 1, of, found });
    }
    let known = wallet.accounts().iter().filter(|account| account.origin == Origin::Adopted).map(|account| account.label);
    let mut adopted: Vec<Label> = known.chain(adopted.iter().copied()).collect();
    adopted.sort_unstable();
    adopted.dedup();
    for label in adopted {
        let node = &nodes[rand::thread_rng().gen_range(0..nodes.len())];
        let state = look(node, light, &label).await?.ok_or(WalletFault::UnknownAccount)?;
        wallet.adopt(&label, &state.custodian)?;
        wallet.note(&label, &state)?;
        found += 1;
    }
    let speaks_for = wallet.all_accounts().count();
    let (height, time) = light.oldest().unwrap_or_default();
    Ok(Scanned { members: of, found: speaks_for, lost: found.saturating_sub(speaks_for), height, time })
}

/// All accounts at one custodian; says how many there are.
async fn scan_custodian(
    wallet: &mut Wallet,
    node: &NodeClient,
    light: &mut Light,
    custodian: &OrganisationId,
) -> Result<usize, ScanFault> {
    let (mut number, mut absent, mut found) = (0, 0, 0);
    while absent < GAP_LIMIT {
        let label = wallet.own_label(custodian, number);
        match look(node, light, &label).await? {
            None => absent += 1,
            Some(state) => {
                wallet.remember_own(&label, custodian, number)?;
                wallet.note(&label, &state)?;
                (absent, found) = (0, found + 1);
            }
        }
        number += 1;
    }
    Ok(found)
}

async fn look(node: &NodeClient, light: &mut Light, label: &Label) -> Result<Option<Account>, Distrust> {
    let answer = node.proved_account(label).await?;
    light.object(node, &StateKey::Account(*label), answer).await
}

impl Wallet {
    /// The label of an account that this wallet opened or may open.
    pub fn own_label(&self, custodian: &OrganisationId, number: u32) -> Label {
        Account::label_of(&self.secret.account_key(&self.chain, custodian, number, 0).public())
    }

    fn remember_own(&mut self, label: &Label, custodian: &OrganisationId, number: u32) -> Result<(), WalletFault> {
        if self.account(label).is_ok() {
            return Ok(());
        }
        let (custodian, origin, custodial) = (*custodian, Origin::Own(number), self.custodial);
        self.add(WalletAccount {
            label: *label,
            custodian,
            origin,
            key: None,
            open: true,
            custodial,
            nickname: super::Nickname::default(),
        })
    }
}
