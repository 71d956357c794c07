//! What a witness sees: it asks nodes for their last blocks, believes what a quorum signed, and finds out whether one of them
//! continues the tree that it cosigned last and holds every other block that it was shown. Two blocks of one height are a fork.
//!
//! It decides and writes nothing down; that is its caller's part.

use futures::future::join_all;
use inro_contracts::genesis::Founding;
use inro_contracts::key::PublicKey;
use inro_contracts::time::Height;
use inro_evidence::checkpoint::Checkpoint;
use inro_evidence::{Anchor, Certified, Statement, Walk, verify_evidence};

use super::memory::Last;
use super::node::Node;

/// Sees a ledger through its nodes.
pub(super) struct Observer {
    anchor: Anchor,
    nodes: Vec<Node>,
    walk: Walk,
    last: Option<Last>,
    /// By node: the first block that a quorum signed and that was not proved to continue the tree. Looked into again every time.
    suspects: Vec<Option<Seen>>,
}

/// A block that a quorum signed, and the validator sets that this was checked with.
#[derive(Clone)]
struct Seen {
    certified: Certified,
    walk: Walk,
    /// Who showed it; nobody for the block that was cosigned last.
    node: Option<usize>,
}

/// What was seen in one look.
pub(super) struct Look {
    /// By node: how far it is, or why that is not known.
    pub(super) nodes: Vec<Result<Height, String>>,
    /// What follows from it.
    pub(super) found: Found,
}

/// What follows from a look.
pub(super) enum Found {
    /// Nothing new that is proved.
    Nothing,
    /// A block that continues the tree.
    Continued(Box<(Walk, Last)>),
    /// Two blocks of one height.
    Fork(Fork),
}

/// Two blocks of one height, each signed by a quorum.
pub(super) struct Fork {
    pub(super) height: Height,
    /// Who signed both.
    pub(super) double_signers: Vec<PublicKey>,
    /// The evidence file; none if the blocks were signed by sets that no one chain of changes leads to.
    pub(super) evidence: Option<Vec<u8>>,
}

/// Why a block is not cosigned.
enum Doubt {
    Unproved(String),
    Fork(Fork),
}

impl Seen {
    fn height(&self) -> Height {
        self.certified.header.height
    }
}

impl Observer {
    /// Goes on from what was cosigned last.
    pub(super) fn new(founding: &Founding, nodes: Vec<Node>, memory: Option<(Walk, Last)>) -> Self {
        let (walk, last) = match memory {
            Some((walk, last)) => (walk, Some(last)),
            None => (Walk::from_genesis(founding.chain, founding.validators.clone()), None),
        };
        let suspects = nodes.iter().map(|_| None).collect();
        Self { anchor: Anchor::from(founding), nodes, walk, last, suspects }
    }

    /// What was cosigned last.
    pub(super) fn last(&self) -> Option<&Last> {
        self.last.as_ref()
    }

    /// From now on, this is what was cosigned last.
    pub(super) fn accept(&mut self, walk: Walk, last: Last) {
        let height = last.certified.header.height;
        // A suspect below it was proved to be in its tree.
        self.suspects.iter_mut().for_each(|suspect| *suspect = suspect.take().filter(|seen| seen.height() > height));
        (self.walk, self.last) = (walk, Some(last));
    }

    /// Asks every node.
    pub(super) async fn look(&mut self) -> Look {
        let heads = join_all((0..self.nodes.len()).map(|node| self.head(node))).await;
        let mut nodes: Vec<_> = heads.iter().map(|head| head.as_ref().map(Seen::height).map_err(Clone::clone)).collect();
        let mut shown: Vec<_> = heads.into_iter().filter_map(Result::ok).collect();
        shown.extend(self.suspects.iter().flatten().cloned());
        if let Some(fork) = self.fork_among(&shown) {
            return Look { nodes, found: Found::Fork(fork) };
        }
        shown.sort_by_key(|seen| std::cmp::Reverse(seen.height()));
        let cosigned = self.last.as_ref().map_or(Height(0), |last| last.certified.header.height);
        for candidate in shown.iter().filter(|seen| seen.height() > cosigned) {
            match self.examine(candidate, &shown).await {
                Ok(last) => return Look { nodes, found: Found::Continued(Box::new((candidate.walk.clone(), last))) },
                Err(Doubt::Fork(fork)) => return Look { nodes, found: Found::Fork(fork) },
                Err(Doubt::Unproved(why)) => self.suspect(candidate, why, &mut nodes),
            }
        }
        Look { nodes, found: Found::Nothing }
    }

    fn suspect(&mut self, seen: &Seen, why: String, nodes: &mut [Result<Height, String>]) {
        let Some(node) = seen.node else { return };
        nodes[node] = Err(format!("block {}, which a quorum signed, is not proved to continue the tree: {why}", seen.height()));
        self.suspects[node].get_or_insert_with(|| seen.clone());
    }

    /// A node's last block, if a quorum signed it.
    async fn head(&self, index: usize) -> Result<Seen, String> {
        let node = &self.nodes[index];
        let certified = node.head().await.map_err(|error| error.to_string())?;
        let walk = self.believe(node, &certified).await?;
        Ok(Seen { certified, walk, node: Some(index) })
    }

    /// Checks a block's certificate; follows the changes of the validator set as far as that needs.
    async fn believe(&self, node: &Node, certified: &Certified) -> Result<Walk, String> {
        let (header, mut walk) = (&certified.header, self.walk.clone());
        while walk.lacks_set_of(header) {
            let changes = node.changes(walk.changes_after()).await.map_err(|error| error.to_string())?;
            if !walk.follow(changes, header).map_err(|fault| fault.to_string())? {
                return Err(format!("no changes lead to the validator set that signed block {}", header.height));
            }
        }
        walk.certify_older(certified).map_err(|fault| fault.to_string())?;
        Ok(walk)
    }

    /// Does the block continue the tree that was cosigned last, and hold every other block below it?
    async fn examine(&self, candidate: &Seen, shown: &[Seen]) -> Result<Last, Doubt> {
        let header = &candidate.certified.header;
        let node = candidate.node.and_then(|node| self.nodes.get(node)).ok_or(Doubt::Unproved("nobody shows it".into()))?;
        let (height, size) = (header.height.0, header.height.0.saturating_add(1));
        let unproved = |why: &dyn std::fmt::Display| Doubt::Unproved(why.to_string());
        let path = node.history(height, size).await.map_err(|error| unproved(&error))?.inclusion;
        let checkpoint = Checkpoint::of(header, &path).map_err(|fault| unproved(&fault))?;
        if let Some(last) = &self.last {
            let why = match node.history(last.checkpoint.size, size).await {
                Ok(proof) => checkpoint.continues(&last.checkpoint, &proof.consistency).err().map(|fault| fault.to_string()),
                Err(error) => Some(error.to_string()),
            };
            if let Some(why) = why {
                return Err(self.doubt(candidate, node, &self.cosigned(last), why).await);
            }
        }
        for other in shown.iter().filter(|other| other.height() < header.height) {
            let why = match node.history(other.height().0, size).await {
                Ok(proof) => checkpoint.holds(&other.certified.header, &proof.inclusion).err().map(|fault| fault.to_string()),
                Err(error) => Some(error.to_string()),
            };
            if let Some(why) = why {
                return Err(self.doubt(candidate, node, other, why).await);
            }
        }
        Ok(Last { certified: candidate.certified.clone(), path, checkpoint })
    }

    /// A block is not proved to be in the candidate's tree. If its node shows another one in that place, there is a fork.
    async fn doubt(&self, candidate: &Seen, node: &Node, other: &Seen, why: String) -> Doubt {
        let Ok(certified) = node.block(other.height()).await else { return Doubt::Unproved(why) };
        let is_signed = candidate.walk.certify_older(&certified).is_ok();
        if !is_signed || certified.header.id() == other.certified.header.id() {
            return Doubt::Unproved(why);
        }
        Doubt::Fork(self.fork(&Seen { certified, walk: candidate.walk.clone(), node: candidate.node }, other))
    }

    fn cosigned(&self, last: &Last) -> Seen {
        Seen { certified: last.certified.clone(), walk: self.walk.clone(), node: None }
    }

    fn fork_among(&self, shown: &[Seen]) -> Option<Fork> {
        let mut all: Vec<_> = shown.to_vec();
        all.extend(self.last.as_ref().map(|last| self.cosigned(last)));
        all.sort_by_key(|seen| (seen.height(), seen.certified.header.id()));
        let is_fork = |pair: &&[Seen]| {
            pair[0].height() == pair[1].height() && pair[0].certified.header.id() != pair[1].certified.header.id()
        };
        all.windows(2).find(is_fork).map(|pair| self.fork(&pair[0], &pair[1]))
    }

    fn fork(&self, one: &Seen, other: &Seen) -> Fork {
        let signers = |seen: &Seen| seen.certified.certificate.signatures.iter().map(|part| part.validator).collect::<Vec<_>>();
        let (mut double_signers, both) = (signers(one), signers(other));
        double_signers.retain(|key| both.contains(key));
        let evidence = [one, other].into_iter().find_map(|seen| self.evidence(&seen.walk, one, other));
        Fork { height: one.height(), double_signers, evidence }
    }

    /// The file that proves the fork to anybody.
    fn evidence(&self, walk: &Walk, one: &Seen, other: &Seen) -> Option<Vec<u8>> {
        let evidence = walk.file(Statement::fork(one.certified.clone(), other.certified.clone())).ok()?;
        let bytes = evidence.to_bytes();
        verify_evidence(evidence, &self.anchor).ok().map(|_| bytes)
    }
}
