//! A dishonest quorum: somebody with every validator's key writes a ledger anew with crimes in it, each sealed so well that only the
//! one rule that it breaks can catch it. What comes after a crime is written honestly on top of it. Also writes honest ledgers in
//! memory, for tests and measurements that need many blocks and no cluster.

use std::collections::BTreeMap;

use inro_audit::export::Block;
use inro_audit::finding::Step;
use inro_contracts::block::{BlockContext, Header, Tip};
use inro_contracts::bytes::Canonical;
use inro_contracts::entry::{Entry, Outcome};
use inro_contracts::fixture::certificate_by;
use inro_contracts::genesis::GenesisDocument;
use inro_contracts::history;
use inro_contracts::id::Hash;
use inro_contracts::key::{PublicKey, SecretKey, Signature};
use inro_contracts::machine::{self, Built};
use inro_contracts::memory::MemoryLedger;
use inro_contracts::merkle;
use inro_contracts::rule::Rule;
use inro_contracts::time::Time;
use inro_contracts::transaction::{ParsedTransaction, SignedTransaction, VerifiedTransaction};
use inro_contracts::validator::{Validator, ValidatorSet};

/// A crime in one block.
#[derive(Debug, Clone)]
pub enum Crime {
    /// The first entry's outcome is another one.
    OutcomeFlipped,
    /// The last entry, which is in the header's root, is taken out.
    EntryRemoved,
    /// The first two entries change places.
    EntriesReordered,
    /// An entry that is not in the header's root is added.
    EntryAdded(Box<SignedTransaction>),
    /// A bit of the first transaction's signature is another one.
    SignatureAltered,
    /// Half of the validators sign.
    BelowQuorum,
    /// The header names a validator set that never was.
    WrongValidators,
    /// The header names a validator set for the next block that never will be.
    WrongNextValidators,
    /// The header has another state root.
    FalseStateRoot,
    /// The header has another history root.
    FalseHistoryRoot,
    /// The block has a later time than the next one.
    Postdated,
    /// A transaction of an earlier block is committed again.
    Replayed(Box<SignedTransaction>),
    /// The certificate has a signature of somebody who does not vote.
    StrangerSigned,
    /// An access's outcome no longer says that the facility keeps the key which signed it.
    CustodyHidden,
}

impl Crime {
    /// What an audit has to find, and nothing else: how many blocks later, and what.
    pub fn findings(&self) -> Vec<(u64, Step)> {
        match self {
            Self::OutcomeFlipped | Self::CustodyHidden => vec![(0, Step::Outcome)],
            Self::EntryRemoved | Self::EntryAdded(_) => vec![(0, Step::EntriesCount), (0, Step::EntriesRoot)],
            Self::EntriesReordered => vec![(0, Step::EntriesRoot)],
            Self::SignatureAltered => vec![(0, Step::Signature)],
            Self::BelowQuorum => vec![(0, Step::CertificateQuorum)],
            Self::WrongValidators => vec![(0, Step::Validators)],
            Self::WrongNextValidators => vec![(0, Step::NextValidators)],
            Self::FalseStateRoot => vec![(0, Step::StateRoot)],
            Self::FalseHistoryRoot => vec![(0, Step::HistoryRoot)],
            // That a block is late shows when the next one is early.
            Self::Postdated => vec![(1, Step::Time)],
            Self::Replayed(_) => vec![(0, Step::Replayed)],
            Self::StrangerSigned => vec![(0, Step::CertificateStranger)],
        }
    }
}

/// Writes ledgers with every validator's key.
pub struct Scribe {
    ledger: MemoryLedger,
    validators: BTreeMap<PublicKey, SecretKey>,
}

impl Scribe {
    /// A scribe at a ledger's founding.
    pub fn at_founding(document: &GenesisDocument, validators: &[SecretKey]) -> Self {
        let founding = document.found().expect("a ledger that was founded founds");
        let validators = validators.iter().map(|secret| (secret.public(), secret.clone())).collect();
        Self { ledger: MemoryLedger::found(&founding), validators }
    }

    /// The ledger so far.
    pub fn ledger(&self) -> &MemoryLedger {
        &self.ledger
    }

    /// The next block, honestly.
    pub fn write(&mut self, time: Time, transactions: &[VerifiedTransaction]) -> Block {
        let built = self.execute(time, transactions);
        let entries = machine::entries(transactions, &built.outcomes).collect();
        let block = self.seal(built.header.clone(), entries, |_| true);
        self.advance(built, &block, transactions);
        block
    }

    /// The next block, with a crime; `later` is the time of the block after it.
    pub fn write_with(&mut self, crime: &Crime, time: Time, later: Time, mut transactions: Vec<VerifiedTransaction>) -> Block {
        let honest = self.execute(time, &transactions);
        let time = if matches!(crime, Crime::Postdated) { later.plus_ms(1) } else { time };
        match crime {
            Crime::EntryRemoved => drop(transactions.pop().expect("a block from which an entry is removed has one")),
            Crime::EntriesReordered => transactions.swap(0, 1),
            Crime::EntryAdded(added) => transactions.push(verified(added)),
            Crime::SignatureAltered => transactions[0] = altered(&transactions[0]),
            _ => {}
        }
        let built = self.execute(time, &transactions);
        let mut entries: Vec<_> = machine::entries(&transactions, &built.outcomes).collect();
        let mut header = built.header.clone();
        match crime {
            Crime::OutcomeFlipped => {
                let flipped = match built.outcomes[0] {
                    Outcome::Rejected(_) | Outcome::Denied(_) | Outcome::DeniedCustodially(_) => Outcome::Applied,
                    _ => Outcome::Rejected(Rule::SuspendedOrganisation),
                };
                entries[0] = inro_contracts::entry::entry_bytes(transactions[0].bytes(), &flipped);
                bind(&mut header, &entries);
            }
            Crime::CustodyHidden => {
                let place =
                    built.outcomes.iter().position(Outcome::is_custodial).expect("an access with a custodial key is there");
                let plain = plainly(&built.outcomes[place]);
                entries[place] = inro_contracts::entry::entry_bytes(transactions[place].bytes(), &plain);
                bind(&mut header, &entries);
            }
            Crime::EntryRemoved | Crime::EntriesReordered | Crime::EntryAdded(_) => {
                (header.entries, header.entries_root) = (honest.header.entries, honest.header.entries_root);
            }
            Crime::Replayed(again) => {
                entries.push(Entry { transaction: (**again).clone(), outcome: Outcome::Applied }.to_bytes());
                bind(&mut header, &entries);
            }
            Crime::WrongValidators => header.validators = strangers().hash(),
            Crime::WrongNextValidators => header.next_validators = strangers().hash(),
            Crime::FalseStateRoot => header.state_root = Hash([0xbd; 32]),
            Crime::FalseHistoryRoot => header.history_root = Hash([0xbd; 32]),
            _ => {}
        }
        let half = self.ledger.validators().expect("a ledger has validators").validators().len() / 2;
        let mut block = self.seal(header, entries, |place| !matches!(crime, Crime::BelowQuorum) || place < half);
        if matches!(crime, Crime::StrangerSigned) {
            let everybody: Vec<_> = self.validators.values().cloned().chain([stranger()]).collect();
            block.certificate = certificate_by(&block.header, 0, &everybody);
        }
        self.advance(built, &block, &transactions);
        block
    }

    /// What these transactions give; a time that is not after the last block's does not matter to a dishonest quorum.
    fn execute(&self, time: Time, transactions: &[VerifiedTransaction]) -> Built {
        let tip = self.ledger.tip();
        let before = Tip { time: Time(tip.time.0.min(time.0 - 1)), ..tip };
        let context = BlockContext { chain: self.ledger.chain(), height: tip.height.next(), time };
        let proposer = self.ledger.validators().expect("a ledger has validators").validators()[0].key;
        machine::build(&self.ledger, &before, &context, proposer, transactions).expect("the transactions can stand in this block")
    }

    fn seal(&self, header: Header, entries: Vec<Vec<u8>>, signs: impl Fn(usize) -> bool) -> Block {
        let set = self.ledger.validators().expect("a ledger has validators");
        let secrets = set.validators().iter().filter_map(|validator| self.validators.get(&validator.key));
        let signing: Vec<_> = secrets.enumerate().filter(|(place, _)| signs(*place)).map(|(_, secret)| secret.clone()).collect();
        Block { certificate: certificate_by(&header, 0, &signing), header, entries }
    }

    /// Goes on from the block as it was sealed, with the state that its transactions give.
    fn advance(&mut self, mut built: Built, block: &Block, transactions: &[VerifiedTransaction]) {
        built.id = block.header.id();
        built.history = history::append(&self.ledger, block.header.height.0, &built.id).expect("the history is whole");
        self.ledger.commit(&built, transactions).expect("the block continues the ledger");
    }
}

/// Writes a ledger anew, with these crimes by height.
pub fn forge(
    document: &GenesisDocument,
    validators: &[SecretKey],
    blocks: &[Block],
    crimes: &BTreeMap<u64, Crime>,
) -> Vec<Block> {
    let mut scribe = Scribe::at_founding(document, validators);
    let mut forged = Vec::with_capacity(blocks.len());
    for (place, block) in blocks.iter().enumerate() {
        let transactions = transactions(block).iter().map(verified).collect::<Vec<_>>();
        let time = block.header.time;
        forged.push(match crimes.get(&block.header.height.0) {
            None => scribe.write(time, &transactions),
            Some(crime) => {
                let later = blocks.get(place + 1).map_or(time, |next| next.header.time);
                scribe.write_with(crime, time, later, transactions)
            }
        });
    }
    forged
}

/// One of each crime, from this height on, two blocks apart.
pub fn one_of_each(from: u64, blocks: &[Block], added: impl Fn(Time) -> Box<SignedTransaction>) -> BTreeMap<u64, Crime> {
    let block = |height: u64| &blocks[height as usize - 1];
    let mut crimes = BTreeMap::new();
    let mut height = from;
    for number in 0..15 {
        let needed = if number == 2 { 2 } else { usize::from(matches!(number, 0 | 1 | 4)) };
        // An earlier transaction that is not void yet is committed again.
        let earlier = |height: u64| {
            (height.saturating_sub(3)..height).rev().filter(|one| *one > 0).find_map(|one| transactions(block(one)).pop())
        };
        let fits = |height: u64| match number {
            11 => earlier(height).is_some(),
            13 => custodial(block(height)).is_some_and(|outcome| outcome.granted().is_some()),
            14 => custodial(block(height)).is_some_and(|outcome| outcome.denial().is_some()),
            _ => block(height).entries.len() >= needed,
        };
        while !fits(height) {
            height += 1;
            assert!(height < blocks.len() as u64, "the ledger is long enough for every crime");
        }
        let crime = match number {
            0 => Crime::OutcomeFlipped,
            1 => Crime::EntryRemoved,
            2 => Crime::EntriesReordered,
            3 => Crime::EntryAdded(added(block(height).header.time)),
            4 => Crime::SignatureAltered,
            5 => Crime::BelowQuorum,
            6 => Crime::WrongValidators,
            7 => Crime::WrongNextValidators,
            8 => Crime::FalseStateRoot,
            9 => Crime::FalseHistoryRoot,
            10 => Crime::Postdated,
            11 => Crime::Replayed(Box::new(earlier(height).expect("there is one, or it would not fit"))),
            12 => Crime::StrangerSigned,
            _ => Crime::CustodyHidden,
        };
        crimes.insert(height, crime);
        height += 2;
    }
    crimes
}

/// What an audit has to find of these crimes, and nothing else: height, and step.
pub fn expected(crimes: &BTreeMap<u64, Crime>) -> Vec<(u64, Step)> {
    let findings = |(height, crime): (&u64, &Crime)| {
        let height = *height;
        crime.findings().into_iter().map(move |(later, step)| (height + later, step)).collect::<Vec<_>>()
    };
    let mut all: Vec<_> = crimes.iter().flat_map(findings).collect();
    all.sort();
    all
}

/// The first outcome of a block that says that a facility keeps the key.
fn custodial(block: &Block) -> Option<Outcome> {
    let outcome = |bytes: &Vec<u8>| Entry::from_bytes(bytes).expect("a node writes sound entries").outcome;
    block.entries.iter().map(outcome).find(Outcome::is_custodial)
}

fn plainly(outcome: &Outcome) -> Outcome {
    match outcome.clone() {
        Outcome::GrantedCustodially(granted) => Outcome::Granted(granted),
        Outcome::DeniedCustodially(denial) => Outcome::Denied(denial),
        Outcome::AppliedCustodially => Outcome::Applied,
        plain => plain,
    }
}

/// The transactions of a block.
pub fn transactions(block: &Block) -> Vec<SignedTransaction> {
    let entry = |bytes: &Vec<u8>| Entry::from_bytes(bytes).expect("a node writes sound entries").transaction;
    block.entries.iter().map(entry).collect()
}

fn verified(signed: &SignedTransaction) -> VerifiedTransaction {
    // Who forges a ledger does not check signatures.
    ParsedTransaction::from(signed.clone()).with_claims_checked()
}

fn altered(transaction: &VerifiedTransaction) -> VerifiedTransaction {
    let mut signature = SignedTransaction::from_bytes(transaction.bytes()).expect("its own bytes parse").signature.0;
    signature[40] ^= 1;
    verified(&SignedTransaction { transaction: transaction.transaction().clone(), signature: Signature(signature) })
}

fn bind(header: &mut Header, entries: &[Vec<u8>]) {
    header.entries = entries.len() as u32;
    header.entries_root = merkle::root(&entries.iter().map(|entry| merkle::leaf_hash(entry)).collect::<Vec<_>>());
}

fn stranger() -> SecretKey {
    SecretKey::from_seed(&[0x5e; 32])
}

fn strangers() -> ValidatorSet {
    let organisation = inro_contracts::id::OrganisationId([0x5e; 32]);
    ValidatorSet::new(vec![Validator { key: stranger().public(), organisation, power: 1 }]).expect("one validator makes a set")
}
