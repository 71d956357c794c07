//! The light client: what of nodes' answers can be believed, starting from the founding document or from a block that is trusted.
//!
//! A header is believed if it is certified by the validator set of its height; the sets are followed change by change (the walk of
//! `inro_evidence`), so a node can withhold, but not invent. Every believed header must continue, or be continued by, the newest one
//! that was believed before, here, at another node, or in an earlier run ([`Memory`]): two that do not are kept as evidence that
//! names who signed twice. Where a policy demands witnesses, a header is believed only when enough of them cover it. A node whose
//! last block is old, or older than what was seen, is not believed to show the ledger as it is.
//!
//! Give a [`Light`] to a node's client with [`NodeClient::verified_by`]: what that client answers is then proved, or an error.

mod distrust;
mod fork;
mod memory;
pub mod witness;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use inro_contracts::block::Header;
use inro_contracts::bytes::Canonical;
use inro_contracts::certificate::Certificate;
use inro_contracts::entry::Entry;
use inro_contracts::genesis::{Founding, GenesisDocument};
use inro_contracts::id::{BlockId, ChainId, Label, TransactionId};
use inro_contracts::merkle::InclusionProof;
use inro_contracts::state::StateKey;
use inro_contracts::time::{Height, Time};
use inro_contracts::tree::StateProof;
use inro_evidence::{
    Anchor, Certified, EntryStatement, Fault, JournalStatement, Located, Signed, Step, Walk, check_entry, check_journal,
    transaction_id,
};

use crate::desk::Desk;
use crate::model::{At, ProvedAnswer};
use crate::verify::FalseAnswer;
use crate::{ClientError, NodeClient};

pub use distrust::Distrust;
pub use fork::Fork;
pub use memory::Memory;
use witness::Witnesses;

/// A node whose last block is this much older than the newest that was seen does not show the ledger as it is.
const BEHIND_MS_MAX: u64 = 60_000;
/// Nodes that were just asked for a later block are given so long to have it too.
const CATCH_UP_WITHIN: Duration = Duration::from_secs(5);
const CATCH_UP_PAUSE: Duration = Duration::from_millis(100);

/// How old a last block may be.
#[derive(Debug, Clone, Copy)]
pub struct Freshness {
    /// The time now.
    pub now: Time,
    /// The oldest block that is taken, in milliseconds.
    pub age_ms_max: u64,
}

/// Something about a node that its user should know, although it makes no answer false.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remark {
    /// It does not answer.
    Silent {
        /// Its address.
        node: String,
    },
    /// It is far behind the others.
    Stale {
        /// Its address.
        node: String,
        /// Its last block.
        height: Height,
        /// The newest block that was seen.
        newest: Height,
    },
    /// What an earlier run remembered cannot be read: this one begins anew.
    Forgotten {
        /// The file.
        path: PathBuf,
    },
    /// What was seen could not be remembered for the next run.
    NotRemembered {
        /// Why.
        why: String,
    },
}

/// A header that is believed, and what shows it.
#[derive(Debug, Clone)]
struct Newest {
    certified: Certified,
    id: BlockId,
    /// Who showed it; nobody, if it was remembered.
    by: Option<NodeClient>,
    /// Does the memory have it?
    is_kept: bool,
}

/// The light client's state: the validator sets that are believed, and the newest header.
#[derive(Debug, Clone)]
pub struct Light {
    founding: Arc<Founding>,
    anchor: Anchor,
    walk: Walk,
    newest: Option<Newest>,
    memory: Option<Memory>,
    fresh: Option<Freshness>,
    witnesses: Option<Witnesses>,
    /// Up to which height witnesses cover the ledger; what comes before a witnessed block is witnessed with it.
    witnessed: Height,
    oldest: Option<(Height, Time)>,
    remarks: Vec<Remark>,
}

impl Light {
    /// Begins with the founding.
    pub fn new(founding: &Founding) -> Self {
        let anchor = Anchor::from(founding);
        let walk = Walk::from_genesis(anchor.chain, anchor.validators.clone());
        Self::begin(Arc::new(founding.clone()), anchor, walk)
    }

    /// Begins with the founding of a ledger whose id is known; the node gives the document, and the id is its hash.
    pub async fn of_chain(chain: ChainId, node: &NodeClient) -> Result<Self, Distrust> {
        let document = node.genesis().await?;
        let document = GenesisDocument::from_bytes(&document).map_err(|_| Distrust::Genesis)?;
        if document.chain() != chain {
            return Err(Distrust::OtherLedger { expected: chain, found: document.chain() });
        }
        match document.check().map(|_| document.found()) {
            Ok(Ok(founding)) => Ok(Self::new(&founding)),
            _ => Err(Distrust::Genesis),
        }
    }

    /// Goes on from a block that is trusted, instead of from the founding: nothing before it is asked for.
    pub async fn pinned(self, height: Height, block: BlockId, node: &NodeClient) -> Result<Self, Distrust> {
        let node = node.unverified();
        let header = node.header(At::Height(height)).await?;
        if header.height != height || header.id() != block {
            return Err(Distrust::Pin { height, expected: block });
        }
        let set = node.validator_set(&header.next_validators).await?;
        let walk = Walk::from_header(self.anchor.chain, &header, set)?;
        Ok(Self::begin(self.founding, self.anchor.pinned(block), walk))
    }

    fn begin(founding: Arc<Founding>, anchor: Anchor, walk: Walk) -> Self {
        Self {
            founding,
            anchor,
            walk,
            newest: None,
            memory: None,
            fresh: None,
            witnesses: None,
            witnessed: Height(0),
            oldest: None,
            remarks: Vec::new(),
        }
    }

    /// Refuses answers as of an old block.
    pub fn with_freshness(self, fresh: Freshness) -> Self {
        Self { fresh: Some(fresh), ..self }
    }

    /// Believes no block that too few of these witnesses cover.
    pub fn with_witnesses(self, witnesses: Witnesses) -> Self {
        Self { witnesses: Some(witnesses), ..self }
    }

    /// Remembers the newest header for the next run, and begins with what an earlier run remembered.
    pub fn with_memory(mut self, memory: Memory) -> Self {
        let recalled = memory.recall(&self.anchor, &self.walk).unwrap_or_else(|damaged| {
            self.remarks.push(damaged);
            None
        });
        if let Some(remembered) = recalled {
            let (certified, id) = (remembered.newest.clone(), remembered.newest.header.id());
            self.walk = remembered.walk;
            self.newest = Some(Newest { certified, id, by: None, is_kept: true });
        }
        Self { memory: Some(memory), ..self }
    }

    /// The ledger.
    pub fn chain(&self) -> ChainId {
        self.anchor.chain
    }

    /// What the founding document founds.
    pub fn founding(&self) -> Arc<Founding> {
        Arc::clone(&self.founding)
    }

    /// What a verifier of this light client's evidence holds.
    pub fn anchor(&self) -> &Anchor {
        &self.anchor
    }

    /// The validator sets that were followed so far.
    pub fn walk(&self) -> &Walk {
        &self.walk
    }

    /// The newest header that is believed.
    pub fn newest(&self) -> Option<&Certified> {
        self.newest.as_ref().map(|newest| &newest.certified)
    }

    /// The oldest block that a believed state was as of.
    pub fn oldest(&self) -> Option<(Height, Time)> {
        self.oldest
    }

    /// What there is to say about the nodes; said once.
    pub fn take_remarks(&mut self) -> Vec<Remark> {
        std::mem::take(&mut self.remarks)
    }

    /// Asks several nodes for their last blocks and compares them: all must be of one ledger. One that does not answer, or is far
    /// behind, is remarked; if none answers, or none shows what was seen before, that is an error.
    pub async fn compare(&mut self, nodes: &[NodeClient]) -> Result<(), Distrust> {
        let mut answered = Vec::new();
        let mut failed = Vec::new();
        for (node, head) in self.heads(nodes).await {
            match head {
                Ok(head) => answered.push((node, head)),
                // There is no block yet.
                Err(ClientError::Problem(problem)) if problem.status == 404 && self.newest.is_none() => {}
                Err(error) => failed.push((node, error)),
            }
        }
        if failed.len() == nodes.len() {
            return Err(failed.pop().map_or(Distrust::NoNode, |(_, error)| error.into()));
        }
        self.remarks.extend(failed.iter().map(|(node, _)| Remark::Silent { node: node.url().into() }));
        // The newest first: whoever shows it can prove what the others show.
        answered.sort_by_key(|(_, head)| std::cmp::Reverse(head.header.height));
        for (node, head) in &answered {
            self.believe(node, head).await?;
        }
        let Some(newest) = self.newest().map(|newest| newest.header.clone()) else { return Ok(()) };
        for (node, head) in answered.iter().filter(|(_, head)| is_behind(&head.header, &newest)) {
            let node = node.url().to_owned();
            self.remarks.push(Remark::Stale { node, height: head.header.height, newest: newest.height });
        }
        Ok(())
    }

    /// Every node's last block. Nodes that were asked a moment after each other differ by a block or two, so they get a few seconds to
    /// reach what was seen.
    async fn heads(&self, nodes: &[NodeClient]) -> Vec<(NodeClient, Result<Certified, ClientError>)> {
        let seen = self.newest().map_or(Height(0), |newest| newest.header.height);
        let ask = async |node: &NodeClient| {
            let node = node.unverified();
            let deadline = Instant::now() + CATCH_UP_WITHIN;
            loop {
                let head = node.stated(At::Latest).await;
                let reached = head.as_ref().map_or(true, |head| head.header.height >= seen);
                if reached || Instant::now() > deadline {
                    return (node, head);
                }
                tokio::time::sleep(CATCH_UP_PAUSE).await;
            }
        };
        futures::future::join_all(nodes.iter().map(ask)).await
    }

    /// Checks that a header's block was committed, by whom, and that it is of the one ledger that was seen before.
    pub async fn believe(&mut self, node: &NodeClient, certified: &Certified) -> Result<Signed, Distrust> {
        while self.walk.lacks_set_of(&certified.header) {
            self.follow(node, &certified.header).await?;
        }
        let signed = self.walk.certify_older(certified)?;
        // First the place: a fork leaves evidence, and says more than that witnesses do not cover it.
        self.place(node, certified, signed.block).await?;
        self.require_witnesses(node, &certified.header).await?;
        // What witnesses do not cover is not remembered: who asks next believes another node.
        self.keep_newest(signed.block);
        Ok(signed)
    }

    fn keep_newest(&mut self, id: BlockId) {
        let Some(newest) = self.newest.as_mut().filter(|newest| newest.id == id && !newest.is_kept) else { return };
        newest.is_kept = true;
        if let Some(Err(why)) = self.memory.as_ref().map(|memory| memory.keep(&self.walk, &newest.certified)) {
            self.remarks.push(Remark::NotRemembered { why: why.to_string() });
        }
    }

    async fn require_witnesses(&mut self, node: &NodeClient, header: &Header) -> Result<(), Distrust> {
        if let Some(witnesses) = self.witnesses.as_ref().filter(|_| header.height > self.witnessed) {
            witnesses.require(&node.unverified(), header).await?;
            self.witnessed = header.height;
        }
        Ok(())
    }

    /// The same for a header and a certificate that came apart.
    pub async fn header(&mut self, node: &NodeClient, header: &Header, certificate: &Certificate) -> Result<Signed, Distrust> {
        self.believe(node, &Certified { header: header.clone(), certificate: certificate.clone() }).await
    }

    /// The object that an answer proves, or `None` if it proves that there is none.
    pub async fn object<T: Canonical>(
        &mut self,
        node: &NodeClient,
        key: &StateKey,
        answer: ProvedAnswer<T>,
    ) -> Result<Option<T>, Distrust> {
        let bytes = answer.object.as_ref().map(Canonical::to_bytes);
        let proof = state_proof(&answer.proof)?;
        let head = Certified { header: answer.header, certificate: answer.certificate };
        self.state(node, key, &head, bytes.as_deref(), &proof).await?;
        Ok(answer.object)
    }

    /// An object of the state, asked of this node; `None` if it proves that there is none.
    pub async fn read<T: Canonical>(&mut self, node: &NodeClient, key: &StateKey) -> Result<Option<T>, Distrust> {
        let answer = match node.unverified().proved_state(key).await {
            Err(ClientError::Problem(problem)) if problem.status == 404 && self.newest.is_none() => return self.founded(key),
            answer => answer?,
        };
        let bytes = answer.object.as_deref().map(hex::decode).transpose().map_err(|_| Distrust::MalformedProof)?;
        let proof = state_proof(&answer.proof)?;
        let head = Certified { header: answer.header, certificate: answer.certificate };
        self.state(node, key, &head, bytes.as_deref(), &proof).await?;
        bytes.map(|bytes| T::from_bytes(&bytes).map_err(|_| Distrust::MalformedProof)).transpose()
    }

    /// Before the first block, the state is what the founding document says.
    fn founded<T: Canonical>(&self, key: &StateKey) -> Result<Option<T>, Distrust> {
        self.require_age(self.founding.tip.height, self.founding.tip.time)?;
        let object = self.founding.state.get(key).and_then(Option::as_ref);
        object.map(|bytes| T::from_bytes(bytes).map_err(|_| Distrust::Genesis)).transpose()
    }

    /// A committed entry with its outcome, asked of this node: what it proves, and by whose signatures.
    pub async fn entry(&mut self, node: &NodeClient, id: &TransactionId) -> Result<(EntryStatement, Signed), Distrust> {
        let answer = node.unverified().proved_entry(id).await?;
        let bytes = hex::decode(&answer.entry).map_err(|_| Distrust::MalformedProof)?;
        let entry = Entry::from_bytes(&bytes).map_err(|_| Distrust::MalformedProof)?;
        let entry = Located { index: answer.index, entry, path: InclusionProof { path: answer.path } };
        let head = Certified { header: answer.header, certificate: answer.certificate };
        let signed = self.believe(node, &head).await?;
        check_entry(&self.anchor.chain, &head.header, &entry)?;
        if transaction_id(&entry.entry.transaction) != *id {
            return Err(FalseAnswer::OtherEntry.into());
        }
        Ok((EntryStatement { head, entry }, signed))
    }

    /// All that happened to an account up to the node's last block, and by whose signatures that is believed. An account that does not
    /// exist is an error of the node: whoever may not read a journal learns nothing of it.
    pub async fn history(&mut self, desk: &Desk, label: &Label) -> Result<(JournalStatement, Signed), Distrust> {
        let statement = desk.history(label).await?;
        let signed = self.believe(desk.node(), &statement.head).await?;
        self.require_current(&statement.head.header)?;
        let JournalStatement { head, account, proof, events, .. } = &statement;
        check_journal(&head.header, label, account, proof, events)?;
        Ok((statement, signed))
    }

    async fn state(
        &mut self,
        node: &NodeClient,
        key: &StateKey,
        head: &Certified,
        object: Option<&[u8]>,
        proof: &StateProof,
    ) -> Result<(), Distrust> {
        self.believe(node, head).await?;
        self.require_current(&head.header)?;
        proof.check(&head.header.state_root, key, object)?;
        let (height, time) = (head.header.height, head.header.time);
        self.oldest = Some(self.oldest.map_or((height, time), |oldest| oldest.min((height, time))));
        Ok(())
    }

    /// Does this header show the ledger as it is?
    fn require_current(&self, header: &Header) -> Result<(), Distrust> {
        self.require_age(header.height, header.time)?;
        match self.newest() {
            Some(newest) if is_behind(header, &newest.header) => {
                Err(Distrust::Behind { height: header.height, newest: newest.header.height })
            }
            _ => Ok(()),
        }
    }

    fn require_age(&self, height: Height, time: Time) -> Result<(), Distrust> {
        match self.fresh {
            Some(Freshness { now, age_ms_max }) if now.0.saturating_sub(time.0) > age_ms_max => {
                Err(Distrust::Old { height, minutes: now.0.saturating_sub(time.0) / 60_000 })
            }
            _ => Ok(()),
        }
    }

    /// Goes on by one validator set or more, towards the one that signed `target`.
    async fn follow(&mut self, node: &NodeClient, target: &Header) -> Result<(), Distrust> {
        let broken = Distrust::Validators { height: target.height };
        let changes = node.unverified().changes(self.walk.changes_after()).await?;
        match self.walk.follow(changes, target) {
            Ok(true) => Ok(()),
            Ok(false) | Err(Fault { step: Step::HeaderValidators | Step::HeaderPlace | Step::Change, .. }) => Err(broken),
            Err(fault) => Err(fault.into()),
        }
    }

    /// Puts a certified header beside the newest one: the later must continue the earlier.
    async fn place(&mut self, node: &NodeClient, certified: &Certified, id: BlockId) -> Result<(), Distrust> {
        let header = &certified.header;
        let Some(newest) = self.newest.clone().filter(|newest| newest.id != id) else {
            self.take(node, certified, id);
            return Ok(());
        };
        let known = &newest.certified;
        match header.height.cmp(&known.header.height) {
            std::cmp::Ordering::Equal => Err(self.forked(known, certified)),
            std::cmp::Ordering::Greater => {
                self.require_one_ledger(known, certified, node).await?;
                self.take(node, certified, id);
                Ok(())
            }
            // Whoever showed the newest can prove what came before; what was remembered, only a node that has it.
            std::cmp::Ordering::Less => {
                let teller = newest.by.as_ref().unwrap_or(node);
                let deadline = Instant::now() + CATCH_UP_WITHIN;
                loop {
                    match self.require_one_ledger(certified, known, teller).await {
                        Err(Distrust::Client(ClientError::Problem(problem))) if problem.status == 404 => {
                            if Instant::now() > deadline {
                                return Err(Distrust::Behind { height: header.height, newest: known.header.height });
                            }
                            tokio::time::sleep(CATCH_UP_PAUSE).await;
                        }
                        done => return done,
                    }
                }
            }
        }
    }

    fn take(&mut self, node: &NodeClient, certified: &Certified, id: BlockId) {
        let is_kept = self.newest.as_ref().is_some_and(|newest| newest.id == id && newest.is_kept);
        self.newest = Some(Newest { certified: certified.clone(), id, by: Some(node.unverified()), is_kept });
    }

    /// Both headers are certified. Does the newer one continue the older one's ledger, as `teller`, who shows the newer one, proves?
    async fn require_one_ledger(&mut self, older: &Certified, newer: &Certified, teller: &NodeClient) -> Result<(), Distrust> {
        let teller = teller.unverified();
        let (from, to) = (older.header.height, newer.header.height);
        let answer = teller.proved_history(from, to).await;
        match answer {
            Ok(proofs) if fork::continues(older, newer, &proofs) => return Ok(()),
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
        // What does the teller have in the older one's place?
        let theirs = teller.stated(At::Height(from)).await?;
        if theirs.header.height == from && theirs.header.id() != older.header.id() && self.walk.certify_older(&theirs).is_ok() {
            return Err(self.forked(older, &theirs));
        }
        Err(Distrust::Discontinued { older: from, newer: to })
    }

    /// Two certified blocks of one height: evidence, kept where this light client remembers.
    fn forked(&self, one: &Certified, other: &Certified) -> Distrust {
        let fork = match fork::prove(&self.anchor, &self.walk, one, other) {
            Ok(fork) => fork,
            Err(fault) => return fault.into(),
        };
        let kept = self.memory.as_ref().and_then(|memory| memory.keep_fork(&self.anchor.chain, &fork).ok());
        Distrust::Fork(Box::new(Fork { kept, ..fork }))
    }
}

fn is_behind(header: &Header, newest: &Header) -> bool {
    newest.height.0 > header.height.0 + 1 && newest.time.0.saturating_sub(header.time.0) > BEHIND_MS_MAX
}

fn state_proof(hexadecimal: &str) -> Result<StateProof, Distrust> {
    let bytes = hex::decode(hexadecimal).map_err(|_| Distrust::MalformedProof)?;
    StateProof::from_bytes(&bytes).map_err(|_| Distrust::MalformedProof)
}
