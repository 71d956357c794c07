//! A ledger in memory whose blocks every founder's validator signs.

use std::convert::Infallible;
use std::num::NonZeroUsize;

use inro_audit::export::Block;
use inro_audit::report::Report;
use inro_audit::{Audited, Options};
use inro_contracts::fixture::{Consortium, FOUNDED};
use inro_contracts::genesis::GenesisDocument;
use inro_contracts::id::{Hash, TransactionId};
use inro_contracts::key::SecretKey;
use inro_contracts::memory::MemoryLedger;
use inro_contracts::parameters::Parameters;
use inro_contracts::time::{Height, Time};
use inro_contracts::transaction::{Action, VerifiedTransaction};
use rand::SeedableRng;
use rand::rngs::StdRng;

/// The ledger, its blocks, and what waits for the next one.
pub struct Ledger {
    pub consortium: Consortium,
    pub blocks: Vec<Block>,
    memory: MemoryLedger,
    waiting: Vec<VerifiedTransaction>,
    time: Time,
    nonce: u64,
}

impl Ledger {
    pub fn new() -> Self {
        let consortium = Consortium::with_parameters(4, Parameters { emergency_quota: 3, ..Parameters::default() });
        let memory = consortium.ledger();
        Self { consortium, blocks: Vec::new(), memory, waiting: Vec::new(), time: FOUNDED, nonce: 0 }
    }

    pub fn act(&mut self, action: Action, secret: &SecretKey) -> TransactionId {
        self.nonce += 1;
        let void_after = self.time.plus_ms(9 * 60_000);
        let signed = self.consortium.sign_with_nonce(action, secret, void_after, self.nonce);
        let verified = inro_contracts::transaction::ParsedTransaction::from(signed).verify().expect("it was just signed");
        let id = verified.id();
        self.waiting.push(verified);
        id
    }

    /// Commits what waits, so many milliseconds after the last block.
    pub fn block(&mut self, after_ms: u64) {
        self.time = self.time.plus_ms(after_ms);
        let proposer = self.consortium.organisations[0].validator.public();
        let built = self.memory.append(self.time, proposer, &self.waiting).expect("the block stands");
        let entries = inro_contracts::machine::entries(&self.waiting, &built.outcomes).collect();
        let certificate = self.consortium.certificate(&built.header, 0);
        self.blocks.push(Block { header: built.header, certificate, entries });
        self.waiting.clear();
    }

    pub fn audited(&self, name_accounts: bool) -> Report {
        audited(&self.consortium.document, self.blocks.clone(), name_accounts)
    }
}

pub fn audited(document: &GenesisDocument, blocks: Vec<Block>, name_accounts: bool) -> Report {
    audited_with_roots(document, blocks, name_accounts, |_, _| {})
}

/// The report; `on_root` hears of each block's state root.
pub fn audited_with_roots(
    document: &GenesisDocument,
    blocks: Vec<Block>,
    name_accounts: bool,
    mut on_root: impl FnMut(Height, Hash),
) -> Report {
    let options = Options { threads: NonZeroUsize::new(2).unwrap(), now: None, name_accounts };
    let copy = blocks.into_iter().map(Ok::<_, Infallible>);
    let said = &mut |progress: inro_audit::Progress| on_root(progress.height, progress.state_root);
    let Audited { report, .. } = inro_audit::audit(document, copy, &options, &StdRng::from_entropy, said).unwrap();
    report
}
