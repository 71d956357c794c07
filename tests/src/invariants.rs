//! What holds after whatever was done to a cluster. Every whole-system test ends with [`Verdict::of`] and these checks.

use std::collections::BTreeMap;

use inro_client::model::BlockAnswer;
use inro_client::verify;
use inro_contracts::id::TransactionId;
use inro_contracts::key::PublicKey;
use inro_contracts::memory::MemoryLedger;
use inro_contracts::time::Height;
use inro_contracts::transaction::{Action, ParsedTransaction};
use inro_contracts::validator::ValidatorSet;
use inro_contracts::vote::DoubleSign;
use inro_evidence::{Certified, Walk};

use crate::cluster::Cluster;
use crate::consortium::PASSPHRASE;
use crate::load::Told;

/// All blocks of all nodes that were asked.
pub struct Verdict<'a> {
    cluster: &'a Cluster,
    /// By node: its blocks from height 1 on.
    pub chains: BTreeMap<usize, Vec<BlockAnswer>>,
}

impl<'a> Verdict<'a> {
    /// Waits until nothing waits for a block and these nodes stand at one height, and reads all their blocks.
    pub async fn of(cluster: &'a Cluster, nodes: &[usize]) -> Self {
        for node in nodes {
            cluster.wait_idle(*node).await;
        }
        let height = cluster.wait_level(nodes).await as usize;
        let mut chains = BTreeMap::new();
        for node in nodes {
            let mut blocks = cluster.blocks(*node, 1).await;
            blocks.truncate(height);
            chains.insert(*node, blocks);
        }
        Self { cluster, chains }
    }

    /// Checks everything that holds without exception; `honest` are the validators whose keys were never abused on purpose.
    pub fn everything_holds(&self, told: &Told) {
        self.every_acknowledged_transaction_is_committed_on_every_node(&told.acknowledged(self.cluster));
        self.what_was_served_as_committed_stands_at_its_height(told);
        self.equal_blocks_and_state_roots_at_every_height();
        self.one_certificate_per_height_and_it_verifies();
        self.no_key_signed_twice(&[]);
        self.no_panic_and_no_canary_in_any_log();
    }

    /// Nothing that was acknowledged is lost.
    pub fn every_acknowledged_transaction_is_committed_on_every_node(&self, acknowledged: &[TransactionId]) {
        for (node, chain) in &self.chains {
            let committed: std::collections::BTreeSet<_> =
                chain.iter().flat_map(|block| block.entries.iter().map(|entry| entry.id)).collect();
            let lost: Vec<_> = acknowledged.iter().filter(|id| !committed.contains(*id)).collect();
            assert!(
                lost.is_empty(),
                "node {node} lacks {} of {} acknowledged transactions, the first is {:?}",
                lost.len(),
                acknowledged.len(),
                lost[0]
            );
        }
    }

    /// A transaction that was served in a block of some height stands in that block for ever.
    pub fn what_was_served_as_committed_stands_at_its_height(&self, told: &Told) {
        let Some(chain) = self.chains.values().next() else { return };
        let places: BTreeMap<_, _> =
            chain.iter().flat_map(|block| block.entries.iter().map(|entry| (entry.id, block.header.height))).collect();
        for (id, height) in &told.committed {
            assert_eq!(places.get(id), Some(height), "transaction {id:?} was served at height {height}");
        }
    }

    /// No fork: at every height all nodes have the same block, with the same state root; and no transaction stands twice.
    pub fn equal_blocks_and_state_roots_at_every_height(&self) {
        let mut nodes = self.chains.iter();
        let Some((first, reference)) = nodes.next() else { return };
        for (node, chain) in nodes {
            assert_eq!(chain.len(), reference.len(), "nodes {first} and {node} stand at one height");
            for (own, other) in reference.iter().zip(chain) {
                let height = own.header.height;
                assert_eq!(
                    own.header.state_root, other.header.state_root,
                    "state root of height {height}, nodes {first}, {node}"
                );
                assert_eq!(own.id, other.id, "block of height {height}, nodes {first} and {node}");
                assert_eq!(own.entries, other.entries, "entries of height {height}, nodes {first} and {node}");
            }
        }
        let mut seen = BTreeMap::new();
        for block in reference {
            for entry in &block.entries {
                let earlier = seen.insert(entry.id, block.header.height);
                assert_eq!(earlier, None, "transaction {:?} is committed again at {}", entry.id, block.header.height);
            }
        }
    }

    /// Every block's certificate verifies against the validator set of its height, which follows from replaying the chain; the
    /// replay's roots are the headers'.
    pub fn one_certificate_per_height_and_it_verifies(&self) {
        let replayed = replay(self.cluster, self.chains.values().next().map_or(&[][..], Vec::as_slice));
        for (node, chain) in &self.chains {
            for (block, validators) in chain.iter().zip(&replayed) {
                let height = block.header.height;
                verify::block(block).unwrap_or_else(|error| panic!("block {height} of node {node}: {error}"));
                let walk = Walk::from_genesis(self.cluster.consortium.chain, validators.clone());
                let certified = Certified { header: block.header.clone(), certificate: block.certificate.clone() };
                walk.certify(&certified).unwrap_or_else(|fault| panic!("block {height} of node {node}: {fault}"));
            }
        }
    }

    /// No validator but those `abused` signed two blocks of one height and round: not in any node's certificates, and not by
    /// evidence on the ledger.
    pub fn no_key_signed_twice(&self, abused: &[PublicKey]) {
        let mut signed = BTreeMap::new();
        for chain in self.chains.values() {
            for block in chain {
                for part in &block.certificate.signatures {
                    let step = (part.validator, block.certificate.height, block.certificate.round);
                    let earlier = *signed.entry(step).or_insert(block.certificate.block);
                    assert!(earlier == block.certificate.block || abused.contains(&part.validator), "{step:?} signed twice");
                }
            }
        }
        for (height, evidence) in self.evidence() {
            let validator = evidence.validator();
            assert!(
                abused.contains(&validator),
                "evidence of a double signature by {validator:?} at height {height}: {evidence:?}"
            );
        }
    }

    /// The evidence of double signatures on the ledger, with the height that committed it.
    pub fn evidence(&self) -> Vec<(Height, DoubleSign)> {
        let Some(chain) = self.chains.values().next() else { return Vec::new() };
        let evidence = |action: &Action| match action {
            Action::ReportDoubleSign { evidence } => Some(evidence.clone()),
            _ => None,
        };
        let entries = chain.iter().flat_map(|block| block.entries.iter().map(|entry| (block.header.height, entry)));
        entries.filter_map(|(height, entry)| Some((height, evidence(&entry.transaction.action)?))).collect()
    }

    /// No node panicked, and no log has a passphrase, a label or a record's id in it.
    pub fn no_panic_and_no_canary_in_any_log(&self) {
        let mut canaries: Vec<_> = vec![PASSPHRASE.to_owned()];
        if let Some(chain) = self.chains.values().next() {
            let entries = chain.iter().flat_map(|block| &block.entries);
            let marks = entries.filter_map(|entry| match &entry.transaction.action {
                Action::RegisterRecord { account, record, .. } => Some([hex::encode(account.0), hex::encode(record.id.0)]),
                _ => None,
            });
            canaries.extend(marks.take(500).flatten());
        }
        for (index, node) in self.cluster.nodes.iter().enumerate() {
            let log = node.log();
            if let Some(line) = log.lines().find(|line| line.contains("panicked at")) {
                panic!("node {index} panicked: {line}");
            }
            if let Some(canary) = canaries.iter().find(|canary| log.contains(canary.as_str())) {
                panic!("the log of node {index} contains {canary}");
            }
        }
    }
}

/// Replays a chain from its founding in memory and compares every header; returns each height's validator set.
pub fn replay(cluster: &Cluster, chain: &[BlockAnswer]) -> Vec<ValidatorSet> {
    let mut ledger = MemoryLedger::found(&cluster.founding);
    let mut sets = Vec::new();
    for block in chain {
        let height = block.header.height;
        sets.push(ledger.validators().expect("a ledger has validators"));
        let transactions: Vec<_> = block
            .entries
            .iter()
            .map(|entry| ParsedTransaction::from(entry.entry().transaction).verify())
            .collect::<Result<_, _>>()
            .unwrap_or_else(|error| panic!("block {height}: {error}"));
        let built = ledger
            .append(block.header.time, block.header.proposer, &transactions)
            .unwrap_or_else(|error| panic!("block {height} does not replay: {error}"));
        assert_eq!(built.header, block.header, "replaying block {height} gives its header");
        let outcomes: Vec<_> = block.entries.iter().map(|entry| entry.outcome.clone()).collect();
        assert_eq!(built.outcomes, outcomes, "replaying block {height} gives its outcomes");
    }
    sets
}
