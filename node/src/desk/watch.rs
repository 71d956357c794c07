//! What the desk does when blocks are committed, and from time to time.

use std::time::Duration;

use inro_contracts::access::Access;
use inro_contracts::bytes::Canonical;
use inro_contracts::entry::Entry;
use inro_contracts::id::{Label, OrganisationId, RecordId, TransactionId};
use inro_contracts::key::PublicKey;
use inro_contracts::record::Record;
use inro_contracts::state::{StateKey, load};
use inro_contracts::time::{Height, Time};
use inro_contracts::transaction::{Action, ParsedTransaction};
use inro_network::{Deposit, ObjectId, PayloadError, Refusal, SealedSource};
use inro_vault::VaultError;
use tracing::warn;

use super::door::Asker;
use super::{Desk, DeskFault};

/// Pause before a block is looked at again in which an erased record could not be destroyed.
const AGAIN_AFTER: Duration = Duration::from_secs(5);
/// How long a staged record that the ledger does not show is kept, in milliseconds.
const STAGED_MS_MAX: u64 = 3_600_000;
/// Pauses between two attempts to leave a payload with an intermediate: the first, and the longest.
const DEPOSIT_PAUSE: Duration = Duration::from_millis(100);
const DEPOSIT_PAUSE_MAX: Duration = Duration::from_secs(5);

/// Follows every committed block: destroys what the ledger says is erased, and deposits what intermediates are to keep.
pub(super) async fn follow_blocks(desk: Desk) {
    let mut committed = desk.0.ledger.committed();
    let path = desk.store().path().with_file_name("desk-height");
    let known = std::fs::read(&path).ok().and_then(|bytes| borsh::from_slice::<u64>(&bytes).ok());
    let mut done = Height(known.unwrap_or(0));
    if !desk.0.settings.intermediates.is_empty() {
        let reading = desk.clone();
        match tokio::task::spawn_blocking(move || reading.last_height_without_living_accesses(done)).await {
            Ok(Ok(height)) => done = height,
            Ok(Err(fault)) => return warn!(%fault, "the desk does not follow the ledger"),
            Err(_) => return,
        }
    }
    loop {
        let tip = committed.borrow_and_update().height;
        let first = done;
        while done < tip {
            let next = done.next();
            let reading = desk.clone();
            let events = tokio::task::spawn_blocking(move || reading.store().snapshot()?.events_of(next)).await;
            match events {
                Ok(Ok(Some((header, events)))) => {
                    if let Err(fault) = desk.see_events(header.time, &events).await {
                        warn!(%fault, "an erased record could not be destroyed; it is tried again");
                        break;
                    }
                }
                // A block that is committed has a header.
                Ok(Ok(None)) => {}
                Ok(Err(fault)) => return warn!(%fault, "the desk no longer follows the ledger"),
                Err(_) => return,
            }
            done = next;
        }
        if done > first {
            // Seen again after a crash, a block does the same again.
            let _ = std::fs::write(&path, borsh::to_vec(&done.0).unwrap_or_default());
        }
        let behind = done < tip;
        tokio::select! {
            changed = committed.changed(), if !behind => if changed.is_err() { return },
            () = tokio::time::sleep(AGAIN_AFTER), if behind => {}
            () = desk.0.stopping.cancelled() => return,
        }
    }
}

impl Desk {
    /// Fails if an erased record could not be destroyed.
    async fn see_events(&self, time: Time, events: &[Vec<u8>]) -> Result<(), DeskFault> {
        let mut accesses = Vec::new();
        for bytes in events {
            let deposits = !self.0.settings.intermediates.is_empty();
            let concerns = match Action::number_in(bytes) {
                Some(Action::ERASE_RECORD) => true,
                Some(Action::ACCESS) => deposits,
                _ => false,
            };
            let Some(entry) = concerns.then(|| Entry::from_bytes(bytes).ok()).flatten() else { continue };
            if !entry.outcome.is_applied() {
                continue;
            }
            let id = ParsedTransaction::from(entry.transaction.clone()).id();
            match entry.transaction.transaction.action {
                Action::EraseRecord { account, record, .. } => self.erase_here(account, record, time).await?,
                Action::Access(_) => accesses.push(id),
                _ => {}
            }
        }
        // Only now: a block in which something could not be destroyed is seen again.
        for id in accesses {
            let desk = self.clone();
            self.0.arrivals.tasks.spawn(async move {
                tokio::select! {
                    () = desk.deposit(id) => {}
                    () = desk.0.stopping.cancelled() => {}
                }
            });
        }
        Ok(())
    }

    async fn erase_here(&self, account: Label, record: RecordId, time: Time) -> Result<(), DeskFault> {
        match self.vault().erase(account, record, time).await {
            Ok(proof) => {
                let desk = self.clone();
                let kept = tokio::task::spawn_blocking(move || desk.0.erasures.keep(&account, &record, &proof)).await;
                if let Ok(Err(fault)) = kept {
                    // The record is gone all the same, and cannot be destroyed a second time.
                    warn!(%fault, "the proof of an erasure could not be kept");
                }
                Ok(())
            }
            Err(VaultError::Unknown | VaultError::Erased(_)) => Ok(()),
            Err(fault) => Err(fault.into()),
        }
    }

    /// What the vault showed when it destroyed a record; `None` if none was destroyed here.
    pub fn erasure(&self, account: &Label, record: &RecordId) -> Result<Option<serde_json::Value>, DeskFault> {
        self.0.erasures.find(account, record)
    }

    /// A height, at most `seen`, up to which no access can still be made use of: later ones are looked at again after a start,
    /// because what they grant may not have reached the intermediates.
    fn last_height_without_living_accesses(&self, seen: Height) -> Result<Height, DeskFault> {
        let lifetime = self.0.ledger.view().parameters.access_ms;
        let (now, mut height) = (self.now(), seen);
        while height > Height(0) && self.store().header(height)?.is_some_and(|header| header.time.plus_ms(lifetime) >= now) {
            height = Height(height.0 - 1);
        }
        Ok(height)
    }

    /// Leaves what an access of another organisation grants with the configured intermediates, in case one of the two is away. An
    /// intermediate that is away itself is asked again, until the reader has the payload or the access's lifetime is over.
    async fn deposit(&self, id: TransactionId) {
        let Ok(Some(access)) = self.access(&id) else { return };
        let (Ok(own), Some(requester)) = (self.organisation(), access.organisation) else { return };
        if access.custodian != own || requester == own {
            return;
        }
        let until = access.at.plus_ms(self.0.ledger.view().parameters.access_ms);
        let intermediates = &self.0.settings.intermediates;
        let mut waiting: Vec<(RecordId, PublicKey)> =
            access.records.iter().flat_map(|record| intermediates.iter().map(|intermediate| (*record, *intermediate))).collect();
        let mut pause = DEPOSIT_PAUSE;
        while !waiting.is_empty() && self.now() < until {
            let Ok(Some(access)) = self.access(&id) else { return };
            let mut again = Vec::new();
            for (record, intermediate) in waiting {
                let has_it = access.bits(&[record]).is_none_or(|bit| access.acknowledged & bit != 0);
                if has_it {
                    continue;
                }
                match self.deposit_one(id, &access, record, requester, intermediate, until).await {
                    Ok(()) => {}
                    Err(error) if is_passing(&error) => again.push((record, intermediate)),
                    Err(error) => warn!(%error, "a payload could not be left with an intermediate"),
                }
            }
            waiting = again;
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(DEPOSIT_PAUSE_MAX);
        }
    }

    async fn deposit_one(
        &self,
        id: TransactionId,
        access: &Access,
        record: RecordId,
        requester: OrganisationId,
        intermediate: PublicKey,
        expires: Time,
    ) -> Result<(), PayloadError> {
        let account = access.request.account;
        let asker = Asker::Organisation(requester);
        let release = self.release(asker, id, account, record, 0).await.map_err(|reason| PayloadError::Source(reason.into()))?;
        let object = ObjectId::Record { access: id, account, record };
        let deposit = Deposit { object, requester, total: release.total(), expires };
        drop(release);
        let open = |offset| async move {
            let release = self.release(asker, id, account, record, offset).await.map_err(Refusal::from)?;
            Ok(Box::new(release) as Box<dyn SealedSource>)
        };
        self.0.network.deposit_payload(&intermediate, &deposit, open).await
    }
}

/// May the same deposit succeed later?
fn is_passing(error: &PayloadError) -> bool {
    match error {
        PayloadError::Refused { refusal, .. } | PayloadError::Source(refusal) => {
            matches!(refusal, Refusal::NotOnLedger | Refusal::Busy { .. } | Refusal::Fault)
        }
        PayloadError::Misbehaved { .. } => false,
        _ => true,
    }
}

/// What has to be done about every ten seconds.
pub(super) async fn keep_house(desk: Desk) {
    let mut ticks = tokio::time::interval(Duration::from_secs(10));
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = desk.0.stopping.cancelled() => return,
        }
        let now = desk.now();
        if let Some(deposits) = &desk.0.deposits {
            deposits.expire(now);
        }
        let lifetime = desk.0.ledger.view().parameters.access_ms;
        let age = Duration::from_millis(lifetime.saturating_add(desk.0.settings.keep_ms));
        desk.0.arrivals.forget_older_than(age);
        desk.0.reply_keys.forget_older_than(age);
        if let Err(fault) = desk.look_at_staged(now).await {
            warn!(%fault, "staged records could not be looked through");
        }
    }
}

impl Desk {
    /// Staged records that the ledger shows are kept; those that it does not show in time are destroyed.
    async fn look_at_staged(&self, now: Time) -> Result<(), DeskFault> {
        for (account, record, since) in self.vault().staged().await? {
            let registered = {
                let snapshot = self.snapshot()?;
                load::<Record>(&snapshot, &StateKey::Record(account, record))?.is_some()
            };
            if registered {
                self.vault().keep(account, record).await?;
            } else if since.plus_ms(STAGED_MS_MAX) < now {
                self.vault().discard(account, record).await?;
            }
        }
        Ok(())
    }
}
