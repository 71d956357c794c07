//! Answers that carry their proof. Whoever hands a payload over shows the committed entry that lets it leave (docs/spec/exchange.md),
//! and the reader's node takes no byte before it has checked that entry against its own ledger. As a file, the same evidence is the
//! receipt that a reader keeps (`api/receipt.rs`).
//!
//! What it refuses to do: to believe the giver, or to decide anything. Whether the right still holds is asked at the door.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use inro_contracts::bytes::{Canonical, Malformed};
use inro_contracts::entry::Entry;
use inro_contracts::id::TransactionId;
use inro_contracts::transaction::Action;
use inro_evidence::{EntryStatement, Fault, Located, Walk, check_entry, transaction_id};
use inro_network::{Authorisation, ObjectId};
use inro_payload::Handover;

use super::Desk;
use super::door::{NotHandedOver, blocking, own_fault};
use crate::store::{Location, Snapshot, StoreError};

/// For so many accesses and consults what was made is kept: one has many records, and each is fetched by itself.
const KEPT_MAX: usize = 1_024;

/// What this node shows to those that fetch from it.
#[derive(Default)]
pub(super) struct Authorisations(Mutex<BTreeMap<TransactionId, Authorisation>>);

impl Authorisations {
    fn made(&self) -> MutexGuard<'_, BTreeMap<TransactionId, Authorisation>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, id: &TransactionId) -> Option<Authorisation> {
        self.made().get(id).cloned()
    }

    fn keep(&self, id: TransactionId, authorisation: &Authorisation) {
        let mut made = self.made();
        if made.len() >= KEPT_MAX {
            made.clear();
        }
        made.insert(id, authorisation.clone());
    }
}

/// Why an answer is not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotAuthorised {
    /// There is no evidence.
    #[error("the answer came without the evidence that the ledger authorises it")]
    Missing,
    /// It is no evidence of an entry.
    #[error("the evidence that came with the answer is malformed: {0}")]
    Malformed(#[from] Malformed),
    /// It is not proved.
    #[error("the evidence that came with the answer proves nothing: {0}")]
    Unproved(#[from] Fault),
    /// It is in another block, or another ledger's.
    #[error("the evidence that came with the answer is not of the block in which this node's ledger has the access")]
    OtherBlock,
    /// It is about something else.
    #[error("the evidence that came with the answer is about something else than what was asked for")]
    OtherEntry,
    /// Nobody's lie: this node cannot tell yet.
    #[error("this node cannot check the evidence that came with the answer yet: {0}")]
    Undecided(String),
}

impl From<StoreError> for NotAuthorised {
    fn from(fault: StoreError) -> Self {
        Self::Undecided(fault.to_string())
    }
}

impl Desk {
    /// What shows that the ledger lets this node hand the object over.
    pub(super) async fn authorisation(&self, object: &ObjectId) -> Result<Authorisation, NotHandedOver> {
        let id = entry_of(object);
        if let Some(made) = self.0.authorisations.find(&id) {
            return Ok(made);
        }
        let desk = self.clone();
        blocking(move || {
            let statement = entry_statement(&desk.snapshot().map_err(own_fault)?, &id).map_err(own_fault)?;
            let bytes = statement.ok_or(NotHandedOver::NotOnLedger)?.to_bytes();
            let authorisation = Authorisation::new(bytes).map_err(own_fault)?;
            desk.0.authorisations.keep(id, &authorisation);
            Ok(authorisation)
        })
        .await
    }

    /// Does it show that the ledger lets this object be handed over to this node's organisation?
    pub(super) async fn check_authorisation(
        &self,
        object: ObjectId,
        handover: Handover,
        shown: Authorisation,
    ) -> Result<(), NotAuthorised> {
        let desk = self.clone();
        let checking =
            tokio::task::spawn_blocking(move || check(&desk.store().snapshot()?, &object, &handover, shown.as_bytes()));
        // The work does not panic; if the runtime is ending, nobody waits for the payload any more.
        checking.await.unwrap_or(Err(NotAuthorised::Undecided("it is stopping".into())))
    }
}

/// The entry on the ledger that lets an object leave.
fn entry_of(object: &ObjectId) -> TransactionId {
    match object {
        ObjectId::Record { access, .. } => *access,
        ObjectId::ConsultAnswer { consult } => TransactionId(consult.0),
    }
}

/// A committed entry, proved to whoever believes its header; `None` if this node does not have it.
pub(crate) fn entry_statement(snapshot: &Snapshot<'_>, id: &TransactionId) -> Result<Option<EntryStatement>, StoreError> {
    let Some(location) = snapshot.transaction(id)? else { return Ok(None) };
    let Some(proved) = snapshot.prove_entry(location)? else { return Ok(None) };
    let Some(head) = snapshot.certified(location.height)? else { return Ok(None) };
    let entry = Entry::from_bytes(&proved.entry).map_err(|_| StoreError::Damaged { what: "an entry does not parse".into() })?;
    Ok(Some(EntryStatement { head, entry: Located { index: location.index, entry, path: proved.proof } }))
}

fn check(snapshot: &Snapshot<'_>, object: &ObjectId, handover: &Handover, shown: &[u8]) -> Result<(), NotAuthorised> {
    if shown.is_empty() {
        return Err(NotAuthorised::Missing);
    }
    let shown = EntryStatement::from_bytes(shown)?;
    let Some(Location { height, index }) = snapshot.transaction(&entry_of(object))? else {
        return Err(NotAuthorised::Undecided("its ledger does not have the access".into()));
    };
    let own = snapshot.header(height)?.filter(|own| *own == shown.head.header && index == shown.entry.index);
    let own = own.ok_or(NotAuthorised::OtherBlock)?;
    let set = snapshot.validator_set(&own.validators)?;
    let set = set.ok_or_else(|| StoreError::Damaged { what: "a validator set that voted is missing".into() })?;
    Walk::from_genesis(own.chain, set).certify(&shown.head)?;
    check_entry(&own.chain, &own, &shown.entry)?;
    if authorises(&shown.entry.entry, object, handover) { Ok(()) } else { Err(NotAuthorised::OtherEntry) }
}

/// Is it the entry that lets this object leave, sealed to this key? For which organisation the reader asked is nothing that the
/// entry says: the handover was made from this node's own ledger, which does.
fn authorises(entry: &Entry, object: &ObjectId, handover: &Handover) -> bool {
    let is_named = transaction_id(&entry.transaction) == entry_of(object);
    is_named
        && match (object, &entry.transaction.transaction.action) {
            (ObjectId::Record { account, record, .. }, Action::Access(request)) => {
                let granted = entry.outcome.granted().is_some_and(|granted| granted.records.contains(record));
                granted && request.account == *account && request.reply_key == handover.reply_key
            }
            (ObjectId::ConsultAnswer { .. }, Action::OpenConsult { terms, .. }) => {
                entry.outcome.is_applied() && terms.reply_key == handover.reply_key
            }
            _ => false,
        }
}
