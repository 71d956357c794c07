//! Checking a node's answers, so that the node need not be believed.
//!
//! A header is verified by its certificate and the validator set of its height. The founding document gives the first set; as
//! long as the set has not changed since, it verifies every header.

use inro_contracts::block::Header;
use inro_contracts::certificate::Certificate;
use inro_contracts::id::ChainId;
use inro_contracts::merkle;
use inro_contracts::transaction::ParsedTransaction;
use inro_contracts::validator::ValidatorSet;
use inro_evidence::{Certified, Fault, Step, Walk};

use crate::model::BlockAnswer;

/// How far a header could be checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verified {
    /// Signed by more than two thirds of the voting power.
    Yes {
        /// Voting power that signed.
        power: u64,
        /// All voting power.
        total: u64,
    },
    /// Another validator set voted on it than the one at hand, so its certificate could not be checked.
    OtherValidators,
}

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
    /// The entries are not those that the header binds.
    #[error("the entries are not those that the header binds")]
    Entries,
}

/// Checks a header by its certificate against a validator set.
pub fn header(
    chain: &ChainId,
    validators: &ValidatorSet,
    header: &Header,
    certificate: &Certificate,
) -> Result<Verified, FalseAnswer> {
    let certified = Certified { header: header.clone(), certificate: certificate.clone() };
    match Walk::from_genesis(*chain, validators.clone()).certify(&certified) {
        Ok(signed) => Ok(Verified::Yes { power: signed.power, total: signed.total }),
        Err(fault) if fault.step == Step::HeaderValidators => Ok(Verified::OtherValidators),
        Err(fault) => Err(fault.into()),
    }
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
    use inro_contracts::bytes::List;
    use inro_contracts::certificate::CommitSignature;
    use inro_contracts::id::{BlockId, Hash, OrganisationId};
    use inro_contracts::key::SecretKey;
    use inro_contracts::tag::Tag;
    use inro_contracts::time::{Height, Time};
    use inro_contracts::validator::Validator;
    use inro_contracts::vote::{VoteKind, VoteStatement};

    use super::*;

    fn secrets() -> Vec<SecretKey> {
        (1..=4).map(|number| SecretKey::from_seed(&[number; 32])).collect()
    }

    fn validators(secrets: &[SecretKey]) -> ValidatorSet {
        let validator = |secret: &SecretKey| Validator { key: secret.public(), organisation: OrganisationId([1; 32]), power: 1 };
        ValidatorSet::new(secrets.iter().map(validator).collect()).unwrap()
    }

    fn header_of(validators: &ValidatorSet) -> Header {
        Header {
            chain: ChainId([9; 32]),
            height: Height(3),
            time: Time(5),
            parent: BlockId([0; 32]),
            entries: 0,
            entries_root: merkle::root(&[]),
            state_root: Hash([0; 32]),
            history_root: Hash([0; 32]),
            validators: validators.hash(),
            next_validators: validators.hash(),
            proposer: validators.validators()[0].key,
        }
    }

    fn certificate_of(header: &Header, secrets: &[SecretKey]) -> Certificate {
        let mut signatures: Vec<_> = secrets.iter().map(|secret| vote(header, secret)).collect();
        signatures.sort_by_key(|part| part.validator);
        Certificate { height: header.height, round: 0, block: header.id(), signatures: List::new(signatures).unwrap() }
    }

    fn vote(header: &Header, secret: &SecretKey) -> CommitSignature {
        let statement = VoteStatement {
            chain: header.chain,
            kind: VoteKind::Precommit,
            height: header.height,
            round: 0,
            block: Some(header.id()),
            validator: secret.public(),
        };
        let signature = secret.sign(Tag::VOTE, &inro_contracts::bytes::encode(&statement));
        CommitSignature { validator: secret.public(), signature }
    }

    #[test]
    fn a_header_signed_by_three_of_four_validators_is_verified() {
        let secrets = secrets();
        let set = validators(&secrets);
        let signed = header_of(&set);
        let verified = header(&signed.chain, &set, &signed, &certificate_of(&signed, &secrets[..3])).unwrap();
        assert_eq!(verified, Verified::Yes { power: 3, total: 4 });
    }

    #[test]
    fn a_header_signed_by_two_of_four_or_of_another_ledger_or_changed_is_false() {
        let secrets = secrets();
        let set = validators(&secrets);
        let signed = header_of(&set);
        let certificate = certificate_of(&signed, &secrets);
        let two = certificate_of(&signed, &secrets[..2]);
        let step = |chain: &ChainId, signed: &Header, certificate: &Certificate| match header(chain, &set, signed, certificate) {
            Err(FalseAnswer::Header(fault)) => Some(fault.step),
            _ => None,
        };
        assert_eq!(step(&signed.chain, &signed, &two), Some(Step::Quorum));
        assert_eq!(step(&ChainId([8; 32]), &signed, &certificate), Some(Step::HeaderChain));
        let changed = Header { time: Time(6), ..signed.clone() };
        assert_eq!(step(&signed.chain, &changed, &certificate), Some(Step::CertificateBlock));
    }

    #[test]
    fn a_header_of_another_validator_set_is_neither_true_nor_false() {
        let secrets = secrets();
        let set = validators(&secrets);
        let signed = header_of(&set);
        let smaller = validators(&secrets[..3]);
        let verified = header(&signed.chain, &smaller, &signed, &certificate_of(&signed, &secrets)).unwrap();
        assert_eq!(verified, Verified::OtherValidators);
    }

    #[test]
    fn a_block_whose_entries_or_id_were_exchanged_is_false() {
        let secrets = secrets();
        let signed = header_of(&validators(&secrets));
        let certificate = certificate_of(&signed, &secrets);
        let sound = BlockAnswer { id: signed.id(), header: signed, certificate, entries: Vec::new() };
        assert_eq!(block(&sound), Ok(()));
        assert_eq!(block(&BlockAnswer { id: BlockId([1; 32]), ..sound.clone() }), Err(FalseAnswer::Id));
        let mut more = sound.clone();
        more.header.entries = 1;
        more.id = more.header.id();
        more.certificate.block = more.id;
        assert_eq!(block(&more), Err(FalseAnswer::Entries));
    }
}
