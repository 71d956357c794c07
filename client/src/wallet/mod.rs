//! The patient's wallet: one secret, from which the key of every account is derived, and what the wallet remembers beside it.
//!
//! Everything but the secret is a cache: [`scan`] finds the accounts again from the words alone, with the ledger's proofs of
//! presence and absence. [`file`] keeps a wallet encrypted; [`store`] keeps the wallets of patients without a device at their
//! facility; [`unlinked`] sends one transaction per account so that nobody can tell that they come from one person.
//!
//! What it refuses to do: to give out a secret other than the words, and to sign for an account that another key speaks for.

mod derive;
mod fault;
pub mod file;
pub mod scan;
mod sealed;
mod secret;
pub mod store;
pub mod unlinked;

use std::fmt;

use borsh::{BorshDeserialize, BorshSerialize};
use inro_contracts::account::{Account, AccountOpening, Possession};
use inro_contracts::bytes::{Canonical, List, Text};
use inro_contracts::id::{ChainId, Hash, Label, OrganisationId};
use inro_contracts::key::{PublicKey, SecretKey, Signature};
use inro_contracts::time::Time;
use inro_contracts::transaction::{Action, SignedTransaction, Transaction};
use inro_payload::OneTimeSecret;
use rand::Rng;
use rand::rngs::OsRng;
use serde::Serialize;

pub use fault::WalletFault;
pub use file::WalletFile;
pub use secret::{BadWords, WORDS, WalletSecret, WordList, Words};
pub use store::WalletStore;

/// So many controller keys of an account are tried when the ledger names one that the wallet did not expect.
pub const KEYS_TRIED: u32 = 256;
/// Most accounts of one wallet.
pub const ACCOUNTS_MAX: usize = 1024;
/// Most grants, seals and other marks that are remembered; the oldest make room, for the ledger has them all.
pub const MARKS_MAX: usize = 4096;

/// A name that only the wallet's holder sees.
pub type Nickname = Text<64>;

/// One account of the wallet.
#[derive(Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct WalletAccount {
    /// Its name on the ledger.
    pub label: Label,
    /// Where it is.
    pub custodian: OrganisationId,
    /// How its keys are derived.
    pub origin: Origin,
    /// Which derived key speaks for it now; `None` if another secret's does.
    pub key: Option<u32>,
    /// Is it on the ledger? Otherwise it is only agreed to.
    pub open: bool,
    /// Is its wallet kept by the facility, as the ledger says?
    pub custodial: bool,
    /// What its holder calls it.
    pub nickname: Nickname,
}

/// How an account's keys are derived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Origin {
    /// Opened with this wallet's key: the number of the account among those at its custodian.
    Own(u32) = 0,
    /// Opened with another secret and recovered by this one.
    Adopted = 1,
}

/// Something that this wallet did on the ledger.
#[derive(Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Mark {
    /// For which account.
    pub account: Label,
    /// What.
    pub kind: MarkKind,
    /// Its id on the ledger.
    pub id: Hash,
    /// What its holder calls it.
    pub nickname: Nickname,
}

/// What a mark is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum MarkKind {
    /// A grant.
    Grant = 0,
    /// A seal.
    Seal = 1,
}

/// An account of somebody else for whom this wallet's holder is a guardian.
#[derive(Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Guardianship {
    /// The ward's account.
    pub ward: Label,
    /// Which derived key was or is to be appointed.
    pub key: u32,
    /// What the holder calls it.
    pub nickname: Nickname,
}

macro_rules! empty_debug {
    ($($name:ident),*) => {
        $(impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        })*
    };
}
empty_debug!(WalletAccount, Mark, Guardianship, Wallet, Agreement);

/// A wallet in memory.
#[derive(Clone, BorshSerialize, BorshDeserialize)]
pub struct Wallet {
    secret: WalletSecret,
    chain: ChainId,
    custodial: bool,
    nickname: Nickname,
    accounts: List<WalletAccount, ACCOUNTS_MAX>,
    marks: List<Mark, MARKS_MAX>,
    guardianships: List<Guardianship, 256>,
    nodes: List<Text<200>, 16>,
}

/// A patient's agreement to the opening of an account.
#[derive(Clone, PartialEq, Eq)]
pub struct Agreement {
    /// The account's label, once it is open.
    pub label: Label,
    /// What is agreed to.
    pub opening: AccountOpening,
    /// The first key's signature.
    pub signature: Signature,
}

impl Wallet {
    /// A wallet that knows no account yet. `custodial`: a facility keeps it for a person without a device.
    pub fn new(secret: WalletSecret, chain: ChainId, custodial: bool) -> Self {
        let (nickname, accounts, marks) = (Nickname::default(), List::default(), List::default());
        Self { secret, chain, custodial, nickname, accounts, marks, guardianships: List::default(), nodes: List::default() }
    }

    /// The ledger.
    pub fn chain(&self) -> ChainId {
        self.chain
    }

    /// The secret.
    pub fn secret(&self) -> &WalletSecret {
        &self.secret
    }

    /// Is the wallet kept by a facility?
    pub fn is_custodial(&self) -> bool {
        self.custodial
    }

    /// What the wallet is called.
    pub fn nickname(&self) -> &Nickname {
        &self.nickname
    }

    /// Calls the wallet something else.
    pub fn set_nickname(&mut self, nickname: Nickname) {
        self.nickname = nickname;
    }

    /// Everything that the wallet remembers of accounts: also those only agreed to, and those another key speaks for.
    pub fn accounts(&self) -> &[WalletAccount] {
        &self.accounts
    }

    /// The accounts that this wallet speaks for.
    pub fn all_accounts(&self) -> impl Iterator<Item = &WalletAccount> {
        self.accounts.iter().filter(|account| account.open && account.key.is_some())
    }

    /// Those of them at one custodian.
    pub fn accounts_at(&self, custodian: &OrganisationId) -> impl Iterator<Item = &WalletAccount> {
        let custodian = *custodian;
        self.all_accounts().filter(move |account| account.custodian == custodian)
    }

    /// One account.
    pub fn account(&self, label: &Label) -> Result<&WalletAccount, WalletFault> {
        self.accounts.iter().find(|account| account.label == *label).ok_or(WalletFault::UnknownAccount)
    }

    /// Calls an account something else.
    pub fn set_account_nickname(&mut self, label: &Label, nickname: Nickname) -> Result<(), WalletFault> {
        self.account_mut(label)?.nickname = nickname;
        Ok(())
    }

    /// Agrees to an account at a custodian: to one agreed to before that is not open yet, otherwise to the next one. Whoever keeps
    /// the wallet stands in the agreement.
    pub fn agree(&mut self, custodian: &OrganisationId) -> Result<Agreement, WalletFault> {
        let own = |account: &&WalletAccount| account.custodian == *custodian && matches!(account.origin, Origin::Own(_));
        let waiting = self.accounts.iter().filter(own).find(|account| !account.open);
        let number = match waiting.map(|account| account.origin) {
            Some(Origin::Own(number)) => number,
            _ => self
                .accounts
                .iter()
                .filter(own)
                .filter_map(|account| account.own_number())
                .map(|last| last + 1)
                .max()
                .unwrap_or(0),
        };
        let first = self.secret.account_key(&self.chain, custodian, number, 0);
        let (chain, first_key, custodial) = (self.chain, first.public(), self.custodial);
        let label = Account::label_of(&first_key);
        if self.account(&label).is_err() {
            let (origin, nickname) = (Origin::Own(number), Nickname::default());
            self.add(WalletAccount { label, custodian: *custodian, origin, key: Some(0), open: false, custodial, nickname })?;
        }
        let opening = AccountOpening { chain, custodian: *custodian, first_key, custodial };
        let signature = opening.sign(&first);
        Ok(Agreement { label, opening, signature })
    }

    /// Takes over what the ledger says of an account of this wallet. The caller has checked that the ledger says so.
    pub fn note(&mut self, label: &Label, state: &Account) -> Result<&WalletAccount, WalletFault> {
        let known = self.account(label)?;
        if known.custodian != state.custodian {
            return Err(WalletFault::WrongCustodian);
        }
        // The key expected first, then all the others.
        let order = known.key.into_iter().chain(0..KEYS_TRIED);
        let key = order.into_iter().find(|key| self.derived(known, *key).public() == state.controller);
        let account = self.account_mut(label)?;
        (account.key, account.open, account.custodial) = (key, true, state.custodial);
        Ok(account)
    }

    /// Takes over what another copy of this wallet found on the ledger: accounts, whether they are open, and which key speaks for
    /// them. Names stay as they are.
    pub fn take_over(&mut self, found: &Wallet) -> Result<(), WalletFault> {
        for account in found.accounts() {
            match self.account_mut(&account.label) {
                Ok(known) => (known.key, known.open, known.custodial) = (account.key, account.open, account.custodial),
                Err(_) => self.add(account.clone())?,
            }
        }
        self.nodes.clone_from(&found.nodes);
        Ok(())
    }

    /// Remembers that an account is open, after its opening was committed.
    pub fn note_open(&mut self, label: &Label) -> Result<(), WalletFault> {
        self.account_mut(label)?.open = true;
        Ok(())
    }

    /// Signs something for an account with the key that speaks for it, under a fresh nonce.
    pub fn sign(&self, label: &Label, action: Action, void_after: Time) -> Result<SignedTransaction, WalletFault> {
        Ok(self.sign_with(&self.controller(label)?, action, void_after))
    }

    /// The key that speaks for an account now.
    pub fn controller(&self, label: &Label) -> Result<SecretKey, WalletFault> {
        let account = self.account(label)?;
        match (account.open, account.key) {
            (false, _) => Err(WalletFault::NotOpenYet),
            (true, None) => Err(WalletFault::NotTheController),
            (true, Some(key)) => Ok(self.derived(account, key)),
        }
    }

    /// A one-time key for reading a payload of an account; see [`WalletSecret::reading_key`].
    pub fn reading_key(&self, label: &Label, access: &[u8; 32]) -> OneTimeSecret {
        self.secret.reading_key(&self.chain, label, access)
    }

    /// The replacement of an account's key by the next one, and that key's number for [`Wallet::note_key`] once it is committed.
    pub fn rotation(&self, label: &Label) -> Result<(Action, u32), WalletFault> {
        let account = self.account(label)?;
        self.controller(label)?;
        let number = account.key.unwrap_or_default() + 1;
        let next = self.derived(account, number);
        let key = next.public();
        let possession = self.possession(label, &next);
        Ok((Action::RotateController { account: *label, key, custodial: self.custodial, possession }, number))
    }

    /// Remembers which key speaks for an account now.
    pub fn note_key(&mut self, label: &Label, key: u32) -> Result<(), WalletFault> {
        let account = self.account_mut(label)?;
        (account.key, account.open) = (Some(key), true);
        Ok(())
    }

    /// A key for an account whose secret was lost, with its proof of possession: two organisations have to attest it. The account
    /// is remembered, but not spoken for until the recovery is completed.
    pub fn adopt(&mut self, label: &Label, custodian: &OrganisationId) -> Result<(PublicKey, Signature), WalletFault> {
        if self.account(label).is_err() {
            let (nickname, custodial) = (Nickname::default(), false);
            let origin = Origin::Adopted;
            self.add(WalletAccount { label: *label, custodian: *custodian, origin, key: None, open: true, custodial, nickname })?;
        }
        let key = self.recovery_key(label)?;
        Ok((key.public(), self.possession(label, &key)))
    }

    /// Completes the recovery of an account by [`Wallet::adopt`]'s key.
    pub fn sign_recovery(&self, label: &Label, void_after: Time) -> Result<SignedTransaction, WalletFault> {
        Ok(self.sign_with(&self.recovery_key(label)?, Action::CompleteRecovery { account: *label }, void_after))
    }

    /// This wallet's key as a guardian of somebody else's account. It is remembered.
    pub fn guardian_key(&mut self, ward: &Label) -> Result<PublicKey, WalletFault> {
        let key = match self.guardianship(ward) {
            Some(known) => known.key,
            None => {
                let nickname = Nickname::default();
                let added = self.guardianships.push(Guardianship { ward: *ward, key: 0, nickname });
                added.map_err(|_| WalletFault::Full("it holds 256 guardianships"))?;
                0
            }
        };
        Ok(self.secret.guardian_key(&self.chain, ward, key).public())
    }

    /// Signs something as the guardian of somebody else's account.
    pub fn sign_as_guardian(&self, ward: &Label, action: Action, void_after: Time) -> Result<SignedTransaction, WalletFault> {
        let known = self.guardianship(ward).ok_or(WalletFault::NotAGuardian)?;
        Ok(self.sign_with(&self.secret.guardian_key(&self.chain, ward, known.key), action, void_after))
    }

    /// The guardianships.
    pub fn guardianships(&self) -> &[Guardianship] {
        &self.guardianships
    }

    /// What this wallet did, the newest last.
    pub fn marks(&self) -> &[Mark] {
        &self.marks
    }

    /// Remembers something that this wallet did. The oldest mark makes room.
    pub fn add_mark(&mut self, mark: Mark) {
        let excess = (self.marks.len() + 1).saturating_sub(MARKS_MAX);
        let mut place = 0;
        self.marks.retain(|known| {
            place += 1;
            place > excess && known.id != mark.id
        });
        // There is room for it now.
        let _ = self.marks.push(mark);
    }

    /// Forgets a mark: the grant is revoked, the seal is lifted.
    pub fn remove_mark(&mut self, id: &Hash) {
        self.marks.retain(|known| known.id != *id);
    }

    /// The nodes that the wallet asks.
    pub fn nodes(&self) -> impl Iterator<Item = &str> {
        self.nodes.iter().map(Text::as_str)
    }

    /// Remembers nodes instead of those known before; what is too long or too many is left out.
    pub fn set_nodes<'a>(&mut self, urls: impl IntoIterator<Item = &'a str>) {
        let mut nodes: Vec<Text<200>> = Vec::new();
        for url in urls.into_iter().filter_map(|url| Text::new(url).ok()) {
            if nodes.len() < 16 && !nodes.contains(&url) {
                nodes.push(url);
            }
        }
        self.nodes = List::new(nodes).unwrap_or_default();
    }

    /// Refuses another ledger than the wallet's.
    pub fn expect_chain(&self, found: &ChainId) -> Result<(), WalletFault> {
        if self.chain == *found { Ok(()) } else { Err(WalletFault::OtherLedger { expected: self.chain, found: *found }) }
    }

    fn add(&mut self, account: WalletAccount) -> Result<(), WalletFault> {
        self.accounts.push(account).map_err(|_| WalletFault::Full("it holds 1024 accounts"))
    }

    fn account_mut(&mut self, label: &Label) -> Result<&mut WalletAccount, WalletFault> {
        self.accounts.iter_mut().find(|account| account.label == *label).ok_or(WalletFault::UnknownAccount)
    }

    fn guardianship(&self, ward: &Label) -> Option<&Guardianship> {
        self.guardianships.iter().find(|known| known.ward == *ward)
    }

    fn derived(&self, account: &WalletAccount, key: u32) -> SecretKey {
        match account.origin {
            Origin::Own(number) => self.secret.account_key(&self.chain, &account.custodian, number, key),
            Origin::Adopted => self.secret.adopted_key(&self.chain, &account.label, key),
        }
    }

    /// The key that is to control an account after its recovery: always the first one that is derived from its label.
    fn recovery_key(&self, label: &Label) -> Result<SecretKey, WalletFault> {
        match self.account(label)?.origin {
            Origin::Adopted => Ok(self.secret.adopted_key(&self.chain, label, 0)),
            Origin::Own(_) => Err(WalletFault::NotTheController),
        }
    }

    fn possession(&self, label: &Label, key: &SecretKey) -> Signature {
        Possession { chain: self.chain, subject: Hash(label.0), key: key.public() }.sign(key)
    }

    fn sign_with(&self, key: &SecretKey, action: Action, void_after: Time) -> SignedTransaction {
        let (chain, signer, nonce) = (self.chain, key.public(), OsRng.r#gen());
        Transaction { chain, signer, void_after, nonce, action }.sign(key)
    }
}

impl WalletAccount {
    fn own_number(&self) -> Option<u32> {
        match self.origin {
            Origin::Own(number) => Some(number),
            Origin::Adopted => None,
        }
    }
}

impl Canonical for Wallet {
    const BYTES_MAX: usize = 1024 * 1024;
}

#[cfg(test)]
pub(crate) mod tests {
    use inro_contracts::fixture::{Consortium, FOUNDED};
    use inro_contracts::transaction::ParsedTransaction;

    use super::*;

    pub(crate) fn a_wallet(number: u8, chain: ChainId) -> Wallet {
        Wallet::new(WalletSecret::new(&Words::of_entropy(&[number; 32], WordList::English), ""), chain, false)
    }

    fn ready(custodians: usize) -> (Consortium, Wallet) {
        let consortium = Consortium::new(4);
        let mut wallet = a_wallet(1, consortium.chain);
        for member in &consortium.organisations[..custodians] {
            let agreement = wallet.agree(&member.id).unwrap();
            wallet.note_open(&agreement.label).unwrap();
        }
        (consortium, wallet)
    }

    #[test]
    fn an_agreement_is_repeated_until_the_account_is_open_and_then_the_next_one_begins() {
        let (consortium, mut wallet) = ready(0);
        let custodian = consortium.organisations[0].id;
        let first = wallet.agree(&custodian).unwrap();
        assert!(wallet.agree(&custodian).unwrap() == first);
        assert_eq!(wallet.all_accounts().count(), 0);
        assert!(matches!(wallet.controller(&first.label), Err(WalletFault::NotOpenYet)));
        wallet.note_open(&first.label).unwrap();
        let second = wallet.agree(&custodian).unwrap();
        assert!(second.label != first.label);
        let elsewhere = wallet.agree(&consortium.organisations[1].id).unwrap();
        assert!(elsewhere.label != first.label && elsewhere.label != second.label);
        assert_eq!(wallet.accounts_at(&custodian).map(|account| account.label).collect::<Vec<_>>(), [first.label]);
    }

    #[test]
    fn what_the_wallet_signs_holds_and_two_accounts_share_nothing() {
        let (_, wallet) = ready(2);
        let accounts: Vec<_> = wallet.all_accounts().cloned().collect();
        let signed: Vec<_> = accounts
            .iter()
            .map(|account| wallet.sign(&account.label, Action::VetoRecovery { account: account.label }, FOUNDED).unwrap())
            .collect();
        for signed in &signed {
            ParsedTransaction::from(signed.clone()).verify().unwrap();
        }
        let (one, other) = (&signed[0].transaction, &signed[1].transaction);
        assert_ne!(one.signer, other.signer);
        assert_ne!(one.nonce, other.nonce);
        assert!(matches!(wallet.sign(&Label([9; 32]), one.action.clone(), FOUNDED), Err(WalletFault::UnknownAccount)));
    }

    #[test]
    fn the_key_that_speaks_for_an_account_is_found_among_the_derived_ones() {
        let (consortium, mut wallet) = ready(1);
        let label = wallet.accounts()[0].label;
        let (Action::RotateController { key, .. }, 1) = wallet.rotation(&label).unwrap() else { panic!() };
        let custodian = consortium.organisations[0].id;
        let mut state = Account {
            custodian,
            controller: key,
            custodial: false,
            guardians: List::default(),
            recovery: None,
            journal_length: 2,
            journal_head: Hash([0; 32]),
        };
        assert_eq!(wallet.note(&label, &state).unwrap().key, Some(1));
        assert_eq!(wallet.controller(&label).unwrap().public(), key);
        state.controller = wallet.secret.account_key(&wallet.chain, &custodian, 0, KEYS_TRIED - 1).public();
        assert_eq!(wallet.note(&label, &state).unwrap().key, Some(KEYS_TRIED - 1));
        state.controller = consortium.organisations[0].authority.public();
        assert_eq!(wallet.note(&label, &state).unwrap().key, None);
        assert!(matches!(wallet.controller(&label), Err(WalletFault::NotTheController)));
        assert_eq!(wallet.all_accounts().count(), 0);
        state.custodian = consortium.organisations[1].id;
        assert!(matches!(wallet.note(&label, &state), Err(WalletFault::WrongCustodian)));
    }

    #[test]
    fn a_guardians_key_follows_from_the_wards_label() {
        let (_, mut wallet) = ready(1);
        let ward = Label([7; 32]);
        assert!(matches!(
            wallet.sign_as_guardian(&ward, Action::VetoRecovery { account: ward }, FOUNDED),
            Err(WalletFault::NotAGuardian)
        ));
        let key = wallet.guardian_key(&ward).unwrap();
        assert_eq!(wallet.guardian_key(&ward).unwrap(), key);
        assert_ne!(wallet.guardian_key(&Label([8; 32])).unwrap(), key);
        let signed = wallet.sign_as_guardian(&ward, Action::VetoRecovery { account: ward }, FOUNDED).unwrap();
        assert_eq!(signed.transaction.signer, key);
    }

    #[test]
    fn the_oldest_mark_makes_room_and_a_mark_stands_once() {
        let (_, mut wallet) = ready(1);
        let account = wallet.accounts()[0].label;
        let id = |number: usize| Hash(std::array::from_fn(|place| number.to_le_bytes().get(place).copied().unwrap_or(0)));
        let mark = |number| Mark { account, kind: MarkKind::Grant, id: id(number), nickname: Nickname::default() };
        for number in 0..=MARKS_MAX {
            wallet.add_mark(mark(number));
        }
        assert_eq!((wallet.marks().len(), wallet.marks()[0].id), (MARKS_MAX, id(1)));
        wallet.add_mark(mark(5));
        assert_eq!(wallet.marks().iter().filter(|mark| mark.id == id(5)).count(), 1);
        wallet.remove_mark(&id(5));
        assert!(wallet.marks().iter().all(|mark| mark.id != id(5)));
        assert!(wallet.to_bytes().len() <= Wallet::BYTES_MAX);
    }

    #[test]
    fn no_debug_output_shows_what_a_wallet_holds() {
        let (_, wallet) = ready(2);
        assert_eq!(format!("{wallet:?} {:?}", wallet.accounts()[0]), "Wallet(…) WalletAccount(…)");
    }
}
