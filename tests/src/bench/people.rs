//! Who acts in a measurement: practitioners with keys of their own at each organisation, accounts of patients there, and the
//! transactions that they sign before the clock starts.

use std::time::Duration;

use inro_contracts::account::{Account, AccountOpening, Possession};
use inro_contracts::bytes::Canonical;
use inro_contracts::id::{ChainId, Hash, Label, OrganisationId, PractitionerId, TransactionId};
use inro_contracts::key::SecretKey;
use inro_contracts::organisation::{Practitioner, Role};
use inro_contracts::tag::Tag;
use inro_contracts::time::{Time, Validity};
use inro_contracts::transaction::{Action, SignedTransaction, Transaction};
use rand::Rng;
use rand::rngs::OsRng;

use crate::cluster::Cluster;
use crate::consortium::{manifest, now};

/// Practitioners of all organisations together; each signs with a key of its own.
pub const PRACTITIONERS: usize = 1024;
/// Accounts at all organisations together.
pub const ACCOUNTS: usize = 2048;
/// A transaction may lie at most ten minutes ahead; what is signed before a run is used within this time.
const VALID_FOR: Duration = Duration::from_secs(9 * 60);

/// A transaction as it is sent.
#[derive(Debug, Clone)]
pub struct Ready {
    /// Which.
    pub id: TransactionId,
    /// Its canonical bytes.
    pub bytes: Vec<u8>,
}

/// Everybody who acts.
#[derive(Debug)]
pub struct People {
    chain: ChainId,
    organisations: Vec<(OrganisationId, SecretKey)>,
    practitioners: Vec<(usize, PractitionerId, SecretKey)>,
    accounts: Vec<(usize, SecretKey, Label)>,
}

impl People {
    /// New people at a cluster's first four members. Nothing is on the ledger yet.
    pub fn of(cluster: &Cluster) -> Self {
        let members = &cluster.consortium.members[..4];
        let key = || SecretKey::from_seed(&OsRng.r#gen());
        let practitioner = |number: usize| {
            let secret = key();
            (number % members.len(), Practitioner::id_of(&secret.public()), secret)
        };
        let account = |number: usize| {
            let secret = key();
            let label = Account::label_of(&secret.public());
            (number % members.len(), secret, label)
        };
        Self {
            chain: cluster.consortium.chain,
            organisations: members.iter().map(|member| (member.id, member.authority.clone())).collect(),
            practitioners: (0..PRACTITIONERS).map(practitioner).collect(),
            accounts: (0..ACCOUNTS).map(account).collect(),
        }
    }

    /// The transactions that register all practitioners.
    pub fn registrations(&self) -> Vec<Ready> {
        let validity = Validity { from: Time(0), until: now().plus_ms(365 * 24 * 3600 * 1000) };
        in_parallel(self.practitioners.len(), |number| {
            let (home, _, secret) = &self.practitioners[number];
            let (organisation, authority) = &self.organisations[*home];
            let statement = Possession { chain: self.chain, subject: Hash(organisation.0), key: secret.public() };
            let action = Action::RegisterPractitioner {
                organisation: *organisation,
                key: secret.public(),
                possession: statement.sign(secret),
                role: Role::Physician,
                licence: Hash(OsRng.r#gen()),
                validity,
            };
            self.sign(action, authority)
        })
    }

    /// The transactions that open all accounts.
    pub fn openings(&self) -> Vec<Ready> {
        in_parallel(self.accounts.len(), |number| {
            let (home, patient, _) = &self.accounts[number];
            let (custodian, _) = self.organisations[*home];
            let (practitioner, secret) = self.physician_of(*home, number);
            let first_key = patient.public();
            let opening = AccountOpening { chain: self.chain, custodian, first_key, custodial: false };
            let agreement = opening.sign(patient);
            self.sign(Action::OpenAccount { practitioner, custodian, first_key, custodial: false, agreement }, secret)
        })
    }

    /// Transactions that each register a record: every practitioner signs in turn, every account grows in turn.
    pub fn records(&self, count: usize) -> Vec<Ready> {
        in_parallel(count, |number| {
            // The turn of the practitioners goes round within one round of the accounts, and is shifted each time.
            let (home, _, account) = self.accounts[number % self.accounts.len()];
            let (practitioner, secret) = self.physician_of(home, number / 4 + number / self.accounts.len());
            self.sign(Action::RegisterRecord { account, practitioner, record: manifest() }, secret)
        })
    }

    fn physician_of(&self, home: usize, turn: usize) -> (PractitionerId, &SecretKey) {
        let own = self.practitioners.len() / self.organisations.len();
        let (_, id, secret) = &self.practitioners[home + self.organisations.len() * (turn % own)];
        (*id, secret)
    }

    fn sign(&self, action: Action, secret: &SecretKey) -> Ready {
        let void_after = now().plus_ms(VALID_FOR.as_millis() as u64);
        let unsigned = Transaction { chain: self.chain, signer: secret.public(), void_after, nonce: OsRng.r#gen(), action };
        let signed: SignedTransaction = unsigned.sign(secret);
        let bytes = signed.to_bytes();
        Ready { id: Tag::TRANSACTION_ID.hash(&[&bytes]).into(), bytes }
    }
}

/// Makes transactions on all cores, in order.
fn in_parallel(count: usize, make: impl Fn(usize) -> Ready + Sync) -> Vec<Ready> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let share = count.div_ceil(cores).max(1);
    let make = &make;
    std::thread::scope(|scope| {
        let part = |start: usize| scope.spawn(move || (start..(start + share).min(count)).map(make).collect::<Vec<_>>());
        let parts: Vec<_> = (0..count).step_by(share).map(part).collect();
        parts.into_iter().flat_map(|part| part.join().expect("signing does not panic")).collect()
    })
}
