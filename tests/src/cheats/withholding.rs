//! Custodians that hand nothing over although the access was granted.

use async_trait::async_trait;
use bytes::Bytes;
use inro_network::{Refusal, SealedSource};

use super::premises::Premises;
use super::{Asked, Custodian};

/// How much [`Silent`] promises.
const PROMISED_BYTES: u64 = 100_000;

/// Says that the permission was revoked when it was not.
pub(super) struct Refusing;
/// Promises what the ledger grants, and sends nothing.
pub(super) struct Silent;

#[async_trait]
impl Custodian for Refusing {
    async fn open(&self, _: &Premises, _: Asked) -> Result<Box<dyn SealedSource>, Refusal> {
        Err(Refusal::RevokedSince)
    }
}

#[async_trait]
impl Custodian for Silent {
    async fn open(&self, premises: &Premises, asked: Asked) -> Result<Box<dyn SealedSource>, Refusal> {
        // A promise without an authorisation is another cheat's.
        premises.granted(&asked)?;
        Ok(Box::new(Nothing))
    }
}

struct Nothing;

#[async_trait]
impl SealedSource for Nothing {
    fn total(&self) -> u64 {
        PROMISED_BYTES
    }

    async fn next(&mut self, _: usize) -> Result<Bytes, Refusal> {
        std::future::pending().await
    }
}
