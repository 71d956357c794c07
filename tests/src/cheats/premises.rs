//! What every cheat has: its desk, the honest door, and bytes in memory.

use std::io::Read;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use inro_contracts::access::Access;
use inro_contracts::decision::still_granted;
use inro_contracts::id::{Label, OrganisationId, RecordId, TransactionId};
use inro_contracts::key::PublicKey;
use inro_contracts::organisation::Peer;
use inro_contracts::state::{StateKey, StateReader, Working, load};
use inro_network::{Authorisation, PayloadDoor, Refusal, SealedSource};
use inro_node::desk::Desk;
use inro_node::store::{Snapshot, Store};
use inro_payload::Handover;
use inro_vault::{OpenRecord, VaultError};

use super::Asked;
use crate::consortium::now;

/// A cheat's place of work.
pub(super) struct Premises {
    desk: Desk,
    honest: Arc<dyn PayloadDoor>,
    /// Lives as long as the process, so that what was seen of it once can be looked at for ever.
    store: &'static Store,
}

impl Premises {
    /// The premises of this desk, whose own door is `honest`.
    pub(super) fn new(desk: Desk, honest: Arc<dyn PayloadDoor>) -> Self {
        let store = Box::leak(Box::new(desk.ledger_store().clone()));
        Self { desk, honest, store }
    }

    /// The door that an honest node would open.
    pub(super) fn honest(&self) -> &dyn PayloadDoor {
        &*self.honest
    }

    pub(super) fn desk(&self) -> &Desk {
        &self.desk
    }

    /// The ledger as it is now, for as long as anybody wants to look at it.
    pub(super) fn ledger_now(&self) -> Result<Snapshot<'static>, Refusal> {
        look_at(self.store)
    }

    pub(super) fn store(&self) -> &'static Store {
        self.store
    }

    pub(super) fn organisation_of(&self, peer: &PublicKey) -> Result<OrganisationId, Refusal> {
        let found: Option<Peer> = load(&self.ledger_now()?, &StateKey::Peer(*peer)).map_err(failed)?;
        found.map(|peer| peer.organisation).ok_or(Refusal::OtherOrganisation)
    }

    /// The asker's access, if the ledger grants it.
    pub(super) fn granted(&self, asked: &Asked) -> Result<Access, Refusal> {
        access_in(&self.ledger_now()?, self.organisation_of(&asked.peer)?, asked)
    }

    /// What an honest custodian would seal for.
    pub(super) fn handover(&self, id: TransactionId, access: &Access, record: RecordId) -> Result<Handover, Refusal> {
        let requester = access.organisation.ok_or(Refusal::OtherOrganisation)?;
        let chain = self.ledger_now()?.chain();
        Ok(Handover { chain, access: id, record, custodian: access.custodian, requester, reply_key: access.request.reply_key })
    }

    /// What an honest custodian would show; nothing where the ledger has nothing.
    pub(super) async fn authorisation(&self, asked: &Asked) -> Authorisation {
        self.desk.honest_authorisation(&asked.object()).await.unwrap_or_default()
    }

    /// A record of the vault, sealed for whatever the cheat wants.
    pub(super) async fn seal(&self, account: Label, record: RecordId, handover: &Handover) -> Result<Vec<u8>, Refusal> {
        let mut sealed = self.stored(account, record).await?.sealed(handover).await.map_err(failed)?;
        let reading = tokio::task::spawn_blocking(move || {
            let mut bytes = Vec::new();
            sealed.read_to_end(&mut bytes).map(|_| bytes)
        });
        reading.await.map_err(failed)?.map_err(failed)
    }

    pub(super) async fn stored(&self, account: Label, record: RecordId) -> Result<OpenRecord, Refusal> {
        let vault = self.desk.vault();
        let opened = match vault.open_record(account, record).await {
            Err(VaultError::OnlyStaged) => {
                vault.keep(account, record).await.map_err(failed)?;
                vault.open_record(account, record).await
            }
            opened => opened,
        };
        opened.map_err(|_| Refusal::NotHere)
    }

    /// Another record of the same account.
    pub(super) async fn another_record(&self, asked: &Asked) -> Result<RecordId, Refusal> {
        let held = self.desk.vault().of_account(asked.account).await.map_err(failed)?;
        held.iter().map(|held| held.record).find(|record| *record != asked.record).ok_or(Refusal::NotHere)
    }

    /// Hands over as an honest custodian does, without asking anybody: seals, and states it on the ledger.
    pub(super) async fn hand_over(&self, asked: &Asked, access: &Access) -> Result<Box<dyn SealedSource>, Refusal> {
        let handover = self.handover(asked.access, access, asked.record)?;
        let bytes = self.seal(asked.account, asked.record, &handover).await?;
        self.desk.state_handed_over(asked.access, asked.account, asked.record).await;
        Ok(InMemory::from(bytes, asked.offset))
    }
}

/// A view of a store that lives as long as the process.
pub(super) fn look_at(store: &'static Store) -> Result<Snapshot<'static>, Refusal> {
    store.snapshot().map_err(failed)
}

/// The access, if this state shows it, and shows it to be the asker's and for this record.
pub(super) fn access_in(state: &Snapshot<'_>, asker: OrganisationId, asked: &Asked) -> Result<Access, Refusal> {
    let access: Option<Access> = load(state, &StateKey::Access(asked.access)).map_err(failed)?;
    let access = access.ok_or(Refusal::NotOnLedger)?;
    if access.organisation != Some(asker) {
        return Err(Refusal::OtherOrganisation);
    }
    if access.request.account != asked.account || !access.records.contains(&asked.record) {
        return Err(Refusal::NotGranted);
    }
    Ok(access)
}

/// Is the record still granted, as this state shows the patient's word?
pub(super) fn require_still_granted(state: &dyn StateReader, access: &Access, record: &RecordId) -> Result<(), Refusal> {
    let still = still_granted(&Working::new(state), access, now()).map_err(failed)?;
    if still.contains(record) { Ok(()) } else { Err(Refusal::RevokedSince) }
}

pub(super) fn failed(fault: impl std::fmt::Display) -> Refusal {
    tracing::warn!(%fault, "the cheat failed");
    Refusal::Fault
}

/// Sealed bytes in memory, from some offset on.
pub(super) struct InMemory {
    rest: Bytes,
    total: u64,
}

impl InMemory {
    pub(super) fn from(bytes: Vec<u8>, offset: u64) -> Box<dyn SealedSource> {
        let total = bytes.len() as u64;
        let mut rest = Bytes::from(bytes);
        drop(rest.split_to(usize::try_from(offset).map_or(rest.len(), |offset| offset.min(rest.len()))));
        Box::new(Self { rest, total })
    }
}

#[async_trait]
impl SealedSource for InMemory {
    fn total(&self) -> u64 {
        self.total
    }

    async fn next(&mut self, most: usize) -> Result<Bytes, Refusal> {
        Ok(self.rest.split_to(most.min(self.rest.len())))
    }
}
