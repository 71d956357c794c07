//! Signing behind the guard, and checking signatures by rule L-11.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use inro_contracts::id::{ChainId, Hash};
use inro_contracts::key::{PublicKey, SecretKey, Signature};
use inro_contracts::tag::Tag;
use inro_contracts::time;
use malachite_core_types::{SignedMessage, ValidatorProof, VoteExtensionScope, VoteType};
use malachite_signing::{Error, Signer, VerificationResult, Verifier};
use tokio::sync::watch;
use tracing::error;

use crate::context::{Context, Proposal, Vote};
use crate::guard::{Guard, Refused, Step};

/// Signs votes and proposals of one chain with one key, if the guard permits.
#[derive(Clone)]
pub(crate) struct GuardedSigner {
    chain: ChainId,
    secret: SecretKey,
    guard: Arc<Mutex<Guard>>,
    refused: watch::Sender<Option<Refused>>,
}

impl GuardedSigner {
    pub fn new(chain: ChainId, secret: SecretKey, guard: Arc<Mutex<Guard>>) -> Self {
        Self { chain, secret, guard, refused: watch::Sender::new(None) }
    }

    /// Shows the first refusal: from then on the engine must not go on as a validator.
    pub fn refusals(&self) -> watch::Receiver<Option<Refused>> {
        self.refused.subscribe()
    }

    /// Blocks for one synced write; a vote is worth waiting for, and the engine waits for it anyhow.
    fn sign(&self, height: u64, round: u32, step: Step, message: Vec<u8>, tag: Tag) -> Result<Signature, Error> {
        let digest = Hash(sha256(&message));
        // The lock is never held across a panic: `permit` does not panic.
        let mut guard = self.guard.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match guard.permit(time::Height(height), round, step, digest) {
            Ok(()) => Ok(self.secret.sign(tag, &message[1 + tag.text().len()..])),
            Err(refused) => {
                error!(%refused, "the sign guard refused a signature; this node stops voting");
                self.refused.send_replace(Some(refused.clone()));
                Err(Error::from_source(refused))
            }
        }
    }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    use sha2::Digest;
    sha2::Sha256::digest(bytes).into()
}

#[async_trait]
impl Signer<Context> for GuardedSigner {
    async fn sign_vote(&self, vote: Vote) -> Result<SignedMessage<Context, Vote>, Error> {
        let statement = vote.statement(&self.chain).ok_or_else(Error::new)?;
        let step = match vote.kind {
            VoteType::Prevote => Step::Prevote,
            VoteType::Precommit => Step::Precommit,
        };
        let signature = self.sign(vote.height.0, statement.round, step, statement.message(), Tag::VOTE)?;
        Ok(SignedMessage::new(vote, signature))
    }

    async fn sign_proposal(&self, proposal: Proposal) -> Result<SignedMessage<Context, Proposal>, Error> {
        let statement = proposal.statement(&self.chain).ok_or_else(Error::new)?;
        let signature = self.sign(proposal.height.0, statement.round, Step::Propose, statement.message(), Tag::PROPOSAL)?;
        Ok(SignedMessage::new(proposal, signature))
    }

    async fn sign_vote_extension(
        &self,
        _scope: VoteExtensionScope<Context>,
        _extension: Bytes,
    ) -> Result<SignedMessage<Context, Bytes>, Error> {
        // The ledger has no vote extensions; the engine is never told to make one.
        Err(Error::new())
    }

    async fn sign_validator_proof(&self, key: Vec<u8>, peer: Vec<u8>) -> Result<ValidatorProof<Context>, Error> {
        let preimage = ValidatorProof::<Context>::signing_bytes(&key, &peer);
        let signature = self.secret.sign(Tag::VALIDATOR_PEER, &preimage);
        Ok(ValidatorProof::new(key, peer, signature))
    }
}

/// Checks signatures of one chain.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ChainVerifier {
    pub chain: ChainId,
}

type Verdict = Result<VerificationResult, Error>;

fn verdict(valid: bool) -> Verdict {
    Ok(VerificationResult::from_bool(valid))
}

#[async_trait]
impl Verifier<Context> for ChainVerifier {
    async fn verify_signed_vote(&self, vote: &Vote, signature: &Signature, key: &PublicKey) -> Verdict {
        verdict(vote.statement(&self.chain).is_some_and(|statement| key.verifies(&statement.message(), signature)))
    }

    async fn verify_signed_proposal(&self, proposal: &Proposal, signature: &Signature, key: &PublicKey) -> Verdict {
        verdict(proposal.statement(&self.chain).is_some_and(|statement| key.verifies(&statement.message(), signature)))
    }

    async fn verify_signed_vote_extension(
        &self,
        _scope: &VoteExtensionScope<Context>,
        _extension: &Bytes,
        _signature: &Signature,
        _key: &PublicKey,
    ) -> Verdict {
        verdict(false)
    }

    async fn verify_validator_proof(&self, proof: &ValidatorProof<Context>) -> Verdict {
        let message = Tag::VALIDATOR_PEER.message(&proof.preimage());
        verdict(proof.decoded_public_key().is_ok_and(|key| key.verifies(&message, &proof.signature)))
    }
}
