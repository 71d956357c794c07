//! Nodes that lie about what is on the ledger, as named actors. A lie is told as an evidence file: that file is what a person is given,
//! and its parts are what a patched node answers over HTTP (`lying_node.rs`). So each lie is defined once, for the verifier in Rust,
//! for the one in the browser, and for `inro`.
//!
//! A liar has all that is on the ledger, also as it was earlier and of other accounts, and the keys of validators: of its own, or, for a
//! fork, of enough of them. What a quorum signs is true to everybody who asks one node only; that it signed twice shows when two nodes
//! are asked, or when the answer is compared with an earlier one ([`certified_fork`], [`stale`]).
//!
//! It needs no more than evidence needs, because the tests of `inro-evidence` take it in as a file.

mod accounts;
mod events;
mod headers;

use std::collections::BTreeMap;

use inro_contracts::account::Account;
use inro_contracts::block::Header;
use inro_contracts::bytes::{Canonical, List};
use inro_contracts::fixture::certificate_by;
use inro_contracts::id::Hash;
use inro_contracts::journal::Event;
use inro_contracts::key::SecretKey;
use inro_contracts::state::{StateFault, StateKey};
use inro_contracts::time::Height;
use inro_contracts::tree::{self, StateProof, TreeStore};
use inro_evidence::{Certified, Evidence, JournalStatement, Located, Statement, Step, journal_head};

/// What a liar has: true evidence of one kind (a journal's or an entry's), and keys.
#[derive(Debug, Clone)]
pub struct Stock {
    /// What an honest node would serve.
    pub honest: Evidence,
    /// What it would have served earlier: of the same account, with fewer events; or another, older entry.
    pub earlier: Evidence,
    /// The same of another account, or another entry.
    pub other: Evidence,
    /// The keys of the validators that vote at the honest evidence's height, in the order of the set.
    pub validators: Vec<SecretKey>,
}

/// One lie.
#[derive(Debug, Clone)]
pub struct Lie {
    /// What is done, in a few words.
    pub how: &'static str,
    /// What is told.
    pub told: Evidence,
    /// The step that has to fail; one of them, where it follows from the place.
    pub fails: &'static [Step],
}

/// A node that lies in one way.
pub struct Liar {
    /// What it does, as a fact.
    pub name: &'static str,
    /// Does the lie depend on the event's place?
    pub by_place: bool,
    tells: fn(&Stock, usize, usize) -> Vec<Lie>,
}

macro_rules! liars {
    ($($family:ident :: $name:ident, $by_place:literal;)*) => {
        /// All liars.
        pub const LIARS: &[Liar] = &[$(Liar { name: stringify!($name), by_place: $by_place, tells: $family::$name }),*];
    };
}

liars! {
    events::hides_an_event, true;
    events::reorders_events, true;
    events::alters_an_event, true;
    events::duplicates_an_event, true;
    events::postdates_an_event, true;
    headers::serves_an_old_header, false;
    headers::serves_a_forked_header, false;
    headers::serves_a_subquorum_certificate, false;
    headers::serves_a_wrong_validator_set, false;
    accounts::serves_a_proof_for_another_account, false;
}

impl Liar {
    /// Its lies about the event at `place`, with the help of the one at `other`.
    pub fn lies(&self, stock: &Stock, place: usize, other: usize) -> Vec<Lie> {
        let mut lies = (self.tells)(stock, place, other);
        // Of two transactions that stand alone in their blocks, each one's path is the other's too: that is the truth.
        lies.retain(|lie| lie.told != stock.honest);
        lies
    }
}

/// All lies, with their liars, about one place (and another).
pub fn lies_at(stock: &Stock, place: usize, other: usize) -> Vec<(&'static str, Lie)> {
    LIARS.iter().flat_map(|liar| liar.lies(stock, place, other).into_iter().map(|lie| (liar.name, lie))).collect()
}

/// All lies about every place, each with another one: every pair, or the next one only.
pub fn lies_everywhere(stock: &Stock, every_pair: bool) -> Vec<(String, Lie)> {
    let count = stock.events();
    let mut lies = Vec::new();
    for liar in LIARS {
        let places = if liar.by_place { 0..count } else { 0..1 };
        for place in places {
            let next = (place + 1) % count;
            let others = if every_pair && liar.by_place { 0..count } else { next..next + 1 };
            for other in others {
                let told = liar.lies(stock, place, other).into_iter();
                lies.extend(told.map(|lie| (format!("{} {place} {other}: {}", liar.name, lie.how), lie)));
            }
        }
    }
    lies
}

/// What was true earlier, served as what is true now. The file says which block it is of, and is true of that: whoever remembers a later
/// block, or asks another node, or looks at the clock, refuses it.
pub fn stale(stock: &Stock) -> Evidence {
    stock.earlier.clone()
}

/// The honest statement under another header of the same height that all validators signed too. It stands alone as well as the honest
/// one; beside it, it is a fork.
pub fn certified_fork(stock: &Stock) -> Evidence {
    stock
        .told("", &[], |told| {
            let head = head_of(&mut told.statement);
            // Neither an entry nor a journal is bound to the history, so all the rest still fits.
            head.header.history_root = Hash([0xf0; 32]);
            *head = certified_by(&head.header, &stock.validators);
        })
        .told
}

impl Stock {
    /// How many events the honest journal has; an entry counts as one.
    pub fn events(&self) -> usize {
        match &self.honest.statement {
            Statement::Journal(journal) => journal.events.len(),
            _ => 1,
        }
    }

    /// The honest evidence, changed.
    fn told(&self, how: &'static str, fails: &'static [Step], change: impl FnOnce(&mut Evidence)) -> Lie {
        let mut told = self.honest.clone();
        change(&mut told);
        Lie { how, told, fails }
    }

    /// The honest evidence under another header.
    fn under(&self, how: &'static str, fails: &'static [Step], change: impl FnOnce(&mut Certified)) -> Lie {
        self.told(how, fails, |told| change(head_of(&mut told.statement)))
    }

    /// The honest journal, changed; for an entry there is no such lie.
    fn journal(&self, how: &'static str, fails: &'static [Step], change: impl FnOnce(&mut JournalStatement)) -> Option<Lie> {
        matches!(self.honest.statement, Statement::Journal(_)).then(|| {
            self.told(how, fails, |told| {
                if let Statement::Journal(journal) = &mut told.statement {
                    change(journal);
                }
            })
        })
    }

    /// The honest journal with other events.
    fn with_events(&self, how: &'static str, fails: &'static [Step], change: impl FnOnce(&mut Vec<Event>)) -> Option<Lie> {
        self.journal(how, fails, |journal| {
            let mut events = std::mem::take(&mut journal.events).into_vec();
            change(&mut events);
            journal.events = List::new(events).expect("not many more than before");
        })
    }

    /// The same, and the account's object says that these are all.
    fn with_chain(&self, how: &'static str, change: impl FnOnce(&mut Vec<Event>)) -> Option<Lie> {
        let mut lie = self.with_events(how, &[Step::State], change)?;
        if let Statement::Journal(journal) = &mut lie.told.statement {
            journal.account = chained_anew(&journal.account, &journal.events);
        }
        Some(lie)
    }

    /// The same again, under a state and a header of the liar's own, which one validator signs.
    fn with_seal(&self, how: &'static str, change: impl FnOnce(&mut Vec<Event>)) -> Option<Lie> {
        let mut lie = self.with_chain(how, change)?;
        if let Statement::Journal(journal) = &mut lie.told.statement {
            let (root, mut proofs) = forged_state(&[(StateKey::Account(journal.label), journal.account.to_bytes())]);
            journal.proof = proofs.remove(0);
            let header = Header { state_root: root, ..journal.head.header.clone() };
            journal.head = certified_by(&header, &self.validators[..1]);
        }
        Some(Lie { fails: &[Step::Quorum], ..lie })
    }

    /// The honest entry, changed; for a journal there is no such lie.
    fn entry(&self, how: &'static str, fails: &'static [Step], change: impl FnOnce(&mut Located)) -> Option<Lie> {
        matches!(self.honest.statement, Statement::Entry(_)).then(|| {
            self.told(how, fails, |told| {
                if let Statement::Entry(entry) = &mut told.statement {
                    change(&mut entry.entry);
                }
            })
        })
    }
}

/// The statement's (only) header.
fn head_of(statement: &mut Statement) -> &mut Certified {
    match statement {
        Statement::Entry(entry) => &mut entry.head,
        Statement::Journal(journal) => &mut journal.head,
        Statement::Absence(absence) => &mut absence.head,
        _ => unreachable!("liars tell of entries, journals and absences"),
    }
}

/// A header that these validators sign.
fn certified_by(header: &Header, validators: &[SecretKey]) -> Certified {
    Certified { header: header.clone(), certificate: certificate_by(header, 0, validators) }
}

/// The account whose journal has these events.
pub fn chained_anew(account: &Account, events: &[Event]) -> Account {
    Account { journal_length: events.len() as u64, journal_head: journal_head(events), ..account.clone() }
}

/// The root of a state that no block made, and its objects' proofs.
pub fn forged_state(objects: &[(StateKey, Vec<u8>)]) -> (Hash, Vec<StateProof>) {
    struct Nodes(BTreeMap<Vec<u8>, Vec<u8>>);
    impl TreeStore for Nodes {
        fn tree_node(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateFault> {
            Ok(self.0.get(key).cloned())
        }
    }
    let writes: BTreeMap<_, _> = objects.iter().map(|(key, value)| (key.clone(), Some(value.clone()))).collect();
    let (root, update) = tree::update(&Nodes(BTreeMap::new()), Height(0), &writes).expect("an empty tree can grow");
    let nodes = Nodes(update.nodes.into_iter().collect());
    let proof = |(key, value): &(StateKey, Vec<u8>)| tree::prove(&nodes, Height(0), key, Some(value)).expect("it is there");
    (root, objects.iter().map(proof).collect())
}
