//! What of a node's answers can be believed: what a certificate and a proof show, starting from the founding document.
//!
//! The founding document gives the first validator set. When another set signed a header, the sets between them are followed one
//! by one: the last header of each set, certified by it, names the hash of the next. So a node can withhold, but not invent. What
//! is believed is decided by the verifier of evidence; this file only asks the node for what that needs.

use inro_contracts::block::Header;
use inro_contracts::bytes::Canonical;
use inro_contracts::certificate::Certificate;
use inro_contracts::genesis::Founding;
use inro_contracts::id::{BlockId, ChainId};
use inro_contracts::state::StateKey;
use inro_contracts::time::{Height, Time};
use inro_contracts::tree::{FalseStateProof, StateProof};
use inro_evidence::{Certified, Change, Fault, Step, Walk};

use crate::model::{At, ProvedAnswer};
use crate::verify::FalseAnswer;
use crate::{ClientError, NodeClient};

/// Why an answer is not believed.
#[derive(Debug, thiserror::Error)]
pub enum Distrust {
    /// The node could not be asked.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// A header or a certificate is false.
    #[error("{0}; do not trust this node: ask another one and tell its operator")]
    Answer(#[from] FalseAnswer),
    /// A state proof is not one, or does not lead to the header's state root.
    #[error("{0}; do not trust this node: ask another one and tell its operator")]
    Proof(#[from] FalseStateProof),
    /// A state proof's bytes cannot be read.
    #[error("malformed state proof; do not trust this node: ask another one and tell its operator")]
    MalformedProof,
    /// The headers do not lead from the validators known to those that signed.
    #[error("the headers around block {height} do not lead from one validator set to the next; do not trust this node")]
    Validators {
        /// Where.
        height: Height,
    },
    /// The last block is old: the node may be cut off, or hide what happened since.
    #[error(
        "the node's last block ({height}) is {minutes} minutes old; it may be cut off or hide newer ones: ask another node, or \
         allow old blocks with --allow-old"
    )]
    Old {
        /// The block.
        height: Height,
        /// Its age.
        minutes: u64,
    },
}

/// The validator sets that are believed, and the headers that led from one to the next.
#[derive(Debug, Clone)]
pub struct Trust {
    walk: Walk,
    changes: Vec<Change>,
    verified: Option<BlockId>,
    fresh: Option<Freshness>,
    oldest: Option<(Height, Time)>,
}

/// How old a last block may be.
#[derive(Debug, Clone, Copy)]
pub struct Freshness {
    /// The time now.
    pub now: Time,
    /// The oldest block that is taken, in milliseconds.
    pub age_ms_max: u64,
}

impl Trust {
    /// Begins with the founding.
    pub fn new(founding: &Founding) -> Self {
        let walk = Walk::from_genesis(founding.chain, founding.validators.clone());
        Self { walk, changes: Vec::new(), verified: None, fresh: None, oldest: None }
    }

    /// Refuses proofs that lead to an old block.
    pub fn with_freshness(self, fresh: Freshness) -> Self {
        Self { fresh: Some(fresh), ..self }
    }

    /// The ledger.
    pub fn chain(&self) -> ChainId {
        self.walk.chain()
    }

    /// The changes of the validator set that were followed so far.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// The oldest block that a believed answer was as of.
    pub fn oldest(&self) -> Option<(Height, Time)> {
        self.oldest
    }

    /// The object that an answer proves, or `None` if it proves that there is none.
    pub async fn object<T: Canonical>(
        &mut self,
        node: &NodeClient,
        key: &StateKey,
        answer: ProvedAnswer<T>,
    ) -> Result<Option<T>, Distrust> {
        self.header(node, &answer.header, &answer.certificate).await?;
        self.check_age(&answer.header)?;
        let bytes = hex::decode(&answer.proof).map_err(|_| Distrust::MalformedProof)?;
        let proof = StateProof::from_bytes(&bytes).map_err(|_| Distrust::MalformedProof)?;
        let object = answer.object.as_ref().map(Canonical::to_bytes);
        proof.check(&answer.header.state_root, key, object.as_deref())?;
        let (height, time) = (answer.header.height, answer.header.time);
        self.oldest = Some(self.oldest.map_or((height, time), |oldest| oldest.min((height, time))));
        Ok(answer.object)
    }

    /// Checks that a header's block was committed.
    pub async fn header(&mut self, node: &NodeClient, header: &Header, certificate: &Certificate) -> Result<(), Distrust> {
        let id = header.id();
        if self.verified == Some(id) {
            return Ok(());
        }
        let certified = Certified { header: header.clone(), certificate: certificate.clone() };
        while self.is_of_a_later_set(header) {
            self.follow_to(node, header).await?;
        }
        self.walk.certify_older(&certified).map_err(FalseAnswer::from)?;
        self.verified = Some(id);
        Ok(())
    }

    fn is_of_a_later_set(&self, header: &Header) -> bool {
        let newest = self.walk.newest();
        header.chain == self.walk.chain() && header.height >= newest.from && header.validators != newest.hash()
    }

    /// Goes on by one validator set, towards the one that signed `target`.
    async fn follow_to(&mut self, node: &NodeClient, target: &Header) -> Result<(), Distrust> {
        let (mut known, mine) = (self.walk.newest().from, self.walk.newest().hash());
        let mut other = target.height;
        // The set signed `known` and did not sign `other`; the last block that it signed before the change lies between them.
        while other.0.saturating_sub(known.0) > 1 {
            let middle = Height(known.0 + (other.0 - known.0) / 2);
            if node.header(At::Height(middle)).await?.validators == mine { known = middle } else { other = middle }
        }
        let broken = Distrust::Validators { height: known };
        if other <= known {
            return Err(broken);
        }
        let header = node.header(At::Height(known)).await?;
        let certificate = node.certificate(At::Height(known)).await?;
        if header.height != known {
            return Err(broken);
        }
        let set = node.validator_set(&header.next_validators).await?;
        let change = Change { certified: Certified { header, certificate }, set };
        match self.walk.step(change.clone()) {
            Ok(_) => self.changes.push(change),
            Err(Fault { step: Step::HeaderValidators | Step::Change, .. }) => return Err(broken),
            Err(fault) => return Err(FalseAnswer::from(fault).into()),
        }
        Ok(())
    }

    fn check_age(&self, header: &Header) -> Result<(), Distrust> {
        match self.fresh {
            Some(Freshness { now, age_ms_max }) if now.0.saturating_sub(header.time.0) > age_ms_max => {
                let minutes = now.0.saturating_sub(header.time.0) / 60_000;
                Err(Distrust::Old { height: header.height, minutes })
            }
            _ => Ok(()),
        }
    }
}
