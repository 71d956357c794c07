//! Checking a node's answers, so that the node need not be believed: what of them is false, and whether a block's parts belong
//! together. Headers are the light client's.

use inro_contracts::merkle;
use inro_contracts::transaction::ParsedTransaction;
use inro_evidence::Fault;

use crate::model::BlockAnswer;

/// What a node says that is not true.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FalseAnswer {
    /// A header or its certificate fails a step of the evidence's verifier.
    #[error(transparent)]
    Header(#[from] Fault),
    /// The certificate is for another block.
    #[error("the certificate is not for this header")]
    OtherBlock,
    /// The block's stated id is not its header's.
    #[error("the block's stated id is not the hash of its header")]
    Id,
    /// What the node says became of a transaction is not what it proves.
    #[error("the node proves another outcome of the transaction than the one that it states")]
    Outcome,
    /// The proved entry is another one than the one asked for.
    #[error("the node proves another transaction than the one that was asked for")]
    OtherEntry,
    /// The history is another account's.
    #[error("the node gave another account's history")]
    OtherAccount,
    /// The object is not what the node proves.
    #[error("the node states another object than it proves")]
    OtherObject,
    /// The entries are not those that the header binds.
    #[error("the entries are not those that the header binds")]
    Entries,
}

/// Checks that a block's parts belong together: id, certificate, entries and their ids.
pub fn block(block: &BlockAnswer) -> Result<(), FalseAnswer> {
    if block.id != block.header.id() {
        return Err(FalseAnswer::Id);
    }
    if block.certificate.block != block.id || block.certificate.height != block.header.height {
        return Err(FalseAnswer::OtherBlock);
    }
    let leaves: Vec<_> =
        block.entries.iter().map(|answer| merkle::leaf_hash(&inro_contracts::bytes::encode(&answer.entry()))).collect();
    let ids_hold = block.entries.iter().all(|answer| ParsedTransaction::from(answer.entry().transaction).id() == answer.id);
    let counted = usize::try_from(block.header.entries) == Ok(leaves.len());
    if !ids_hold || !counted || merkle::root(&leaves) != block.header.entries_root {
        return Err(FalseAnswer::Entries);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use inro_contracts::block::Header;
    use inro_contracts::bytes::List;
    use inro_contracts::certificate::Certificate;
    use inro_contracts::id::{BlockId, ChainId, Hash};
    use inro_contracts::key::PublicKey;
    use inro_contracts::time::{Height, Time};

    use super::*;

    fn header() -> Header {
        Header {
            chain: ChainId([9; 32]),
            height: Height(3),
            time: Time(5),
            parent: BlockId([0; 32]),
            entries: 0,
            entries_root: merkle::root(&[]),
            state_root: Hash([0; 32]),
            history_root: Hash([0; 32]),
            validators: Hash([0; 32]),
            next_validators: Hash([0; 32]),
            proposer: PublicKey([0; 32]),
        }
    }

    #[test]
    fn a_block_whose_entries_or_id_were_exchanged_is_false() {
        let header = header();
        let certificate = Certificate { height: header.height, round: 0, block: header.id(), signatures: List::default() };
        let sound = BlockAnswer { id: header.id(), header, certificate, entries: Vec::new() };
        assert_eq!(block(&sound), Ok(()));
        assert_eq!(block(&BlockAnswer { id: BlockId([1; 32]), ..sound.clone() }), Err(FalseAnswer::Id));
        let mut more = sound.clone();
        more.header.entries = 1;
        more.id = more.header.id();
        more.certificate.block = more.id;
        assert_eq!(block(&more), Err(FalseAnswer::Entries));
    }
}
