//! Which headers can be believed: the walk over the changes of the validator set, from the founding document or from a header that
//! the verifier trusts already. It knows nothing of files, so whoever follows a ledger can walk on with it.

use inro_contracts::block::Header;
use inro_contracts::bytes::Malformed;
use inro_contracts::certificate::BadCertificate;
use inro_contracts::genesis::Founding;
use inro_contracts::id::{BlockId, ChainId, Hash};
use inro_contracts::key::PublicKey;
use inro_contracts::time::{Height, Time};
use inro_contracts::validator::ValidatorSet;

use crate::certified::{Certified, Change};
use crate::file::{Evidence, Start, Statement};
use crate::step::{Fault, Step};

/// What the verifier holds before it reads anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anchor {
    /// The ledger: the founding document's hash.
    pub chain: ChainId,
    /// The founding document's validator set.
    pub validators: ValidatorSet,
    /// A block that the verifier trusts already.
    pub pinned: Option<BlockId>,
}

impl Anchor {
    /// Trust begins with this block, for files that begin there.
    pub fn pinned(self, block: BlockId) -> Self {
        Self { pinned: Some(block), ..self }
    }
}

impl From<&Founding> for Anchor {
    fn from(founding: &Founding) -> Self {
        Self { chain: founding.chain, validators: founding.validators.clone(), pinned: None }
    }
}

/// A header that is believed, and by whose signatures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// The block.
    pub block: BlockId,
    /// Its height.
    pub height: Height,
    /// Its time.
    pub time: Time,
    /// In which round it was decided.
    pub round: u32,
    /// Who signed.
    pub signers: Vec<PublicKey>,
    /// Their power.
    pub power: u64,
    /// All power.
    pub total: u64,
}

/// The validator sets that are believed, each from which height on, and the changes that led from one to the next.
#[derive(Debug, Clone)]
pub struct Walk {
    chain: ChainId,
    start: Start,
    changes: Vec<Change>,
    /// The first height of each set, with its hash. Never empty.
    sets: Vec<InForce>,
}

/// A validator set and from which height on it votes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InForce {
    /// Its first height.
    pub from: Height,
    /// The set.
    pub set: ValidatorSet,
    hash: Hash,
}

impl InForce {
    fn new(from: Height, set: ValidatorSet) -> Self {
        Self { from, hash: set.hash(), set }
    }

    /// The set's hash, as it stands in headers.
    pub fn hash(&self) -> Hash {
        self.hash
    }
}

impl Walk {
    /// From the founding document.
    pub fn from_genesis(chain: ChainId, validators: ValidatorSet) -> Self {
        Self { chain, start: Start::Genesis, changes: Vec::new(), sets: vec![InForce::new(Height(1), validators)] }
    }

    /// From a header that is trusted, with the set that votes on the next block (step V-5).
    pub fn from_header(chain: ChainId, header: &Header, set: ValidatorSet) -> Result<Self, Fault> {
        Step::Start.require(header.chain == chain, || "the pinned header is of another ledger".into())?;
        let first = InForce::new(header.height.next(), set.clone());
        Step::Start.require(first.hash == header.next_validators, || "the set is not the one that votes next".into())?;
        let start = Start::Pinned { header: Box::new(header.clone()), set };
        Ok(Self { chain, start, changes: Vec::new(), sets: vec![first] })
    }

    /// The ledger.
    pub fn chain(&self) -> ChainId {
        self.chain
    }

    /// Where it began.
    pub fn start(&self) -> &Start {
        &self.start
    }

    /// The changes that were followed, the oldest first.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// The file that states something to whoever believes this walk's start; it is not verified here.
    pub fn file(&self, statement: Statement) -> Result<Evidence, Malformed> {
        Evidence::stating(self.chain, self.start.clone(), &self.changes, statement)
    }

    /// The sets that are believed, the oldest first.
    pub fn sets(&self) -> &[InForce] {
        &self.sets
    }

    /// The newest set that is believed.
    pub fn newest(&self) -> &InForce {
        // There is a first set from the start, and none is ever taken away.
        &self.sets[self.sets.len() - 1]
    }

    /// Goes on to the next set (steps V-6 to V-12).
    pub fn step(&mut self, change: Change) -> Result<Signed, Fault> {
        let header = &change.certified.header;
        let newest = self.newest();
        let signed = self.certify_under(newest, &change.certified)?;
        let next = InForce::new(header.height.next(), change.set.clone());
        Step::Change.require(next.hash == header.next_validators, || {
            format!("the header of block {} names another set than the one that follows", header.height)
        })?;
        Step::Change.require(next.hash != newest.hash, || format!("block {} changes nothing", header.height))?;
        self.sets.push(next);
        self.changes.push(change);
        Ok(signed)
    }

    /// Did a set vote on this header to which changes lead that were not followed yet?
    pub fn lacks_set_of(&self, header: &Header) -> bool {
        let newest = self.newest();
        header.chain == self.chain && header.height >= newest.from && header.validators != newest.hash
    }

    /// After which height the next change comes.
    pub fn changes_after(&self) -> Height {
        Height(self.newest().from.0.saturating_sub(1))
    }

    /// Goes on by those of these changes that come before a header; says whether there were any.
    pub fn follow(&mut self, changes: Vec<Change>, header: &Header) -> Result<bool, Fault> {
        let known = self.changes.len();
        for change in changes.into_iter().filter(|change| change.certified.header.height < header.height) {
            self.step(change)?;
        }
        Ok(self.changes.len() > known)
    }

    /// Checks a header after the last change (steps V-6 to V-11).
    pub fn certify(&self, certified: &Certified) -> Result<Signed, Fault> {
        self.certify_under(self.newest(), certified)
    }

    /// Checks a header of any height since the start, against the set of its height (steps V-6 to V-11).
    pub fn certify_older(&self, certified: &Certified) -> Result<Signed, Fault> {
        let height = certified.header.height;
        // A header below the first set's is refused there for its place.
        let set = self.sets.iter().rev().find(|set| set.from <= height).unwrap_or(&self.sets[0]);
        self.certify_under(set, certified)
    }

    fn certify_under(&self, in_force: &InForce, certified: &Certified) -> Result<Signed, Fault> {
        let Certified { header, certificate } = certified;
        let (height, block) = (header.height, header.id());
        Step::HeaderChain.require(header.chain == self.chain, || format!("block {height} is of another ledger"))?;
        Step::HeaderPlace.require(height >= in_force.from, || {
            format!("block {height} stands where block {} or a later one is expected", in_force.from)
        })?;
        Step::HeaderValidators.require(header.validators == in_force.hash, || {
            format!("block {height} names another validator set than the one in force since block {}", in_force.from)
        })?;
        Step::CertificateBlock.require(certificate.height == height && certificate.block == block, || {
            format!("the certificate beside block {height} is for another block")
        })?;
        match certificate.check(&self.chain, &in_force.set) {
            Ok(()) => {}
            Err(error @ BadCertificate::Order) => return Err(Step::Form.failed(error)),
            Err(error @ (BadCertificate::Stranger(_) | BadCertificate::Quorum { .. })) => return Err(Step::Quorum.failed(error)),
            Err(error @ BadCertificate::Signature(_)) => return Err(Step::Signatures.failed(error)),
        }
        let signers: Vec<_> = certificate.signatures.iter().map(|part| part.validator).collect();
        let power = signers.iter().filter_map(|key| in_force.set.find(key)).map(|validator| u64::from(validator.power)).sum();
        let (round, total) = (certificate.round, in_force.set.power());
        Ok(Signed { block, height, time: header.time, round, signers, power, total })
    }
}
