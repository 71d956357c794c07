//! Custodians that hand over something else than the payload that was registered, for the access that was granted.

use std::io::Cursor;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use inro_contracts::id::{SealingKey, TransactionId};
use inro_network::{Refusal, SealedSource};
use inro_payload::{Handover, MediaType, OneTimeSecret, Payload, Salt, SealedReader, SealingSecret, digest};
use rand::rngs::{OsRng, StdRng};
use rand::{Rng, SeedableRng};

use super::premises::{InMemory, Premises, failed};
use super::{Asked, Custodian};

/// What [`Inventing`] invents.
const INVENTED: &[u8] = b"no finding whatsoever; the patient may be discharged";
/// How much of the sealed bytes [`Truncating`] keeps, in percent.
const KEPT_PERCENT: usize = 60;

/// Hands over a payload of its own invention, sealed as it should be.
pub(super) struct Inventing;
/// Hands over another record's payload, sealed as if it were this one's.
pub(super) struct Swapping;
/// Hands over another record's sealed bytes.
pub(super) struct Misfiling;
/// Hands over the right payload, sealed for another access.
pub(super) struct Misaddressing;
/// Hands over the first part and says that this is all.
pub(super) struct Truncating;

/// Hands over, for every access to a record, what it handed over for the first one.
#[derive(Default)]
pub(super) struct Replaying(Mutex<Option<Vec<u8>>>);

/// Flips one bit at a random place.
pub(super) struct Flipping(Mutex<StdRng>);

impl Flipping {
    pub(super) fn new(seed: u64) -> Self {
        Self(Mutex::new(StdRng::seed_from_u64(seed)))
    }
}

/// What the asker's granted access has to be sealed for.
fn granted(premises: &Premises, asked: &Asked) -> Result<Handover, Refusal> {
    premises.handover(asked.access, &premises.granted(asked)?, asked.record)
}

/// What an honest custodian would hand over.
async fn honest_bytes(premises: &Premises, asked: &Asked) -> Result<Vec<u8>, Refusal> {
    let handover = granted(premises, asked)?;
    premises.seal(asked.account, asked.record, &handover).await
}

#[async_trait]
impl Custodian for Inventing {
    async fn open(&self, premises: &Premises, asked: Asked) -> Result<Box<dyn SealedSource>, Refusal> {
        let handover = granted(premises, &asked)?;
        let mut outboard = Vec::new();
        let digest = digest(INVENTED, &mut outboard).map_err(failed)?;
        let payload = Payload {
            bytes: Cursor::new(INVENTED),
            outboard: Cursor::new(outboard),
            salt: Salt(OsRng.r#gen()),
            root: digest.root,
            length: digest.length,
            media_type: MediaType::unknown(),
        };
        let secret = SealingSecret::from_bytes(OsRng.r#gen());
        let mut sealed = SealedReader::new(payload, &handover, &secret).map_err(failed)?;
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut sealed, &mut bytes).map_err(failed)?;
        Ok(InMemory::from(bytes, asked.offset))
    }
}

#[async_trait]
impl Custodian for Swapping {
    async fn open(&self, premises: &Premises, asked: Asked) -> Result<Box<dyn SealedSource>, Refusal> {
        let handover = granted(premises, &asked)?;
        let other = premises.another_record(&asked).await?;
        Ok(InMemory::from(premises.seal(asked.account, other, &handover).await?, asked.offset))
    }
}

#[async_trait]
impl Custodian for Misfiling {
    async fn open(&self, premises: &Premises, asked: Asked) -> Result<Box<dyn SealedSource>, Refusal> {
        let handover = granted(premises, &asked)?;
        let other = premises.another_record(&asked).await?;
        let bytes = premises.seal(asked.account, other, &Handover { record: other, ..handover }).await?;
        Ok(InMemory::from(bytes, asked.offset))
    }
}

#[async_trait]
impl Custodian for Misaddressing {
    async fn open(&self, premises: &Premises, asked: Asked) -> Result<Box<dyn SealedSource>, Refusal> {
        let handover = granted(premises, &asked)?;
        let another = Handover { access: TransactionId(OsRng.r#gen()), reply_key: some_key(), ..handover };
        Ok(InMemory::from(premises.seal(asked.account, asked.record, &another).await?, asked.offset))
    }
}

fn some_key() -> SealingKey {
    OneTimeSecret::generate(&mut OsRng).public()
}

#[async_trait]
impl Custodian for Truncating {
    async fn open(&self, premises: &Premises, asked: Asked) -> Result<Box<dyn SealedSource>, Refusal> {
        let mut bytes = honest_bytes(premises, &asked).await?;
        bytes.truncate(bytes.len() * KEPT_PERCENT / 100);
        Ok(InMemory::from(bytes, asked.offset))
    }
}

#[async_trait]
impl Custodian for Replaying {
    async fn open(&self, premises: &Premises, asked: Asked) -> Result<Box<dyn SealedSource>, Refusal> {
        let fresh = honest_bytes(premises, &asked).await?;
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(fresh).clone();
        Ok(InMemory::from(bytes, asked.offset))
    }
}

#[async_trait]
impl Custodian for Flipping {
    async fn open(&self, premises: &Premises, asked: Asked) -> Result<Box<dyn SealedSource>, Refusal> {
        let mut bytes = honest_bytes(premises, &asked).await?;
        let (place, bit) = {
            let mut random = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            (random.gen_range(0..bytes.len()), random.gen_range(0..8))
        };
        bytes[place] ^= 1 << bit;
        Ok(InMemory::from(bytes, asked.offset))
    }
}
