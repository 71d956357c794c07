//! A validator that lies on purpose: it signs conflicting votes and proposals, or keeps its own to itself. Only compiled for
//! tests of the others (feature `byzantine`).

use async_trait::async_trait;
use bytes::Bytes;
use inro_contracts::id::{BlockId, ChainId};
use inro_contracts::key::{SecretKey, Signature};
use inro_contracts::tag::Tag;
use malachite::{ByzantineContext, NetworkIdentity};
use malachite_byzantine::ByzantineConfig;
use malachite_core_types::{SignedMessage, ValidatorProof, VoteExtensionScope};
use malachite_signing::{Error, Signer};

use crate::codec::Wire;
use crate::context::{Address, Context, Proposal, Value, ValueId, Vote};

/// The liar's network: what it sends passes through here.
pub(crate) fn network(
    identity: NetworkIdentity,
    chain: ChainId,
    secret: &SecretKey,
    config: ByzantineConfig,
) -> ByzantineContext<Context, Wire> {
    ByzantineContext {
        identity,
        codec: Wire,
        config,
        signer: Box::new(Unguarded { chain, secret: secret.clone() }),
        address: Address(secret.public()),
        conflicting_value_fn: Some(Box::new(another_value)),
        conflicting_vote_value_fn: Some(Box::new(|id| another_id(id.copied()))),
    }
}

/// A block that differs from the given one in its time.
fn another_value(value: &Value) -> Value {
    let mut header = value.header.clone();
    header.time.0 ^= 1;
    Value::new(header)
}

fn another_id(id: Option<ValueId>) -> ValueId {
    let mut bytes = id.map_or([7; 32], |id| id.0.0);
    bytes[31] ^= 1;
    ValueId(BlockId(bytes))
}

/// Signs whatever it is given.
struct Unguarded {
    chain: ChainId,
    secret: SecretKey,
}

impl Unguarded {
    fn sign(&self, tag: Tag, message: &[u8]) -> Signature {
        self.secret.sign(tag, &message[1 + tag.text().len()..])
    }
}

#[async_trait]
impl Signer<Context> for Unguarded {
    async fn sign_vote(&self, vote: Vote) -> Result<SignedMessage<Context, Vote>, Error> {
        let statement = vote.statement(&self.chain).ok_or_else(Error::new)?;
        let signature = self.sign(Tag::VOTE, &statement.message());
        Ok(SignedMessage::new(vote, signature))
    }

    async fn sign_proposal(&self, proposal: Proposal) -> Result<SignedMessage<Context, Proposal>, Error> {
        let statement = proposal.statement(&self.chain).ok_or_else(Error::new)?;
        let signature = self.sign(Tag::PROPOSAL, &statement.message());
        Ok(SignedMessage::new(proposal, signature))
    }

    async fn sign_vote_extension(
        &self,
        _scope: VoteExtensionScope<Context>,
        _extension: Bytes,
    ) -> Result<SignedMessage<Context, Bytes>, Error> {
        Err(Error::new())
    }

    async fn sign_validator_proof(&self, key: Vec<u8>, peer: Vec<u8>) -> Result<ValidatorProof<Context>, Error> {
        let preimage = ValidatorProof::<Context>::signing_bytes(&key, &peer);
        let signature = self.secret.sign(Tag::VALIDATOR_PEER, &preimage);
        Ok(ValidatorProof::new(key, peer, signature))
    }
}
