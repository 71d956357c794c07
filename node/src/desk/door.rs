//! Handing over (rules ), to members' machines and to persons.
//!
//! The ledger granted the access at its place in the order of things; that is never decided anew. What is asked here, of this
//! node's own committed state, is whether it is this asker's access, whether it is still alive, and whether anything committed
//! since has taken the right away. It is asked again whenever a block was committed while the bytes are on their way.

use std::io::{Read, Seek, SeekFrom};

use async_trait::async_trait;
use bytes::Bytes;
use inro_contracts::access::{Access, DisclosureRefusal};
use inro_contracts::consent::Consent;
use inro_contracts::decision::still_granted;
use inro_contracts::id::{ConsultId, Label, OrganisationId, PractitionerId, RecordId, TransactionId};
use inro_contracts::key::PublicKey;
use inro_contracts::record::RecordStatus;
use inro_contracts::state::{ConsultPlace, StateKey, Working};
use inro_contracts::time::Height;
use inro_network::{Deposit, Holding, Holdings, ObjectId, Opened, PayloadDoor, Refusal, SealedSink, SealedSource};
use inro_payload::{Handover, SealedReader};
use inro_vault::{OpenRecord, RecordReader, VaultError};
use tracing::warn;

use super::outbox::{Statement, What};
use super::{Desk, DeskFault};
use crate::store::Snapshot;

/// Who asks for a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asker {
    /// A machine of this organisation.
    Organisation(OrganisationId),
    /// A person, by the key that signed the access.
    Person(PublicKey),
}

/// Why a payload is not handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotHandedOver {
    /// This node's ledger does not have the access.
    NotOnLedger,
    /// The access does not grant this record.
    NotGranted,
    /// It is somebody else's.
    OtherAsker,
    /// Its lifetime is over.
    TooOld,
    /// The right was taken away since.
    Withdrawn,
    /// The payload was erased.
    Erased,
    /// The payload is not here.
    NotHere,
    /// This node failed.
    Fault,
}

impl From<NotHandedOver> for Refusal {
    fn from(reason: NotHandedOver) -> Self {
        match reason {
            NotHandedOver::NotOnLedger => Self::NotOnLedger,
            NotHandedOver::NotGranted => Self::NotGranted,
            NotHandedOver::OtherAsker => Self::OtherOrganisation,
            NotHandedOver::TooOld => Self::TooOld,
            // Whether it was a revocation or a seal is not for the reader to learn: a seal may be silent.
            NotHandedOver::Withdrawn => Self::RevokedSince,
            NotHandedOver::Erased => Self::Erased,
            NotHandedOver::NotHere => Self::NotHere,
            NotHandedOver::Fault => Self::Fault,
        }
    }
}

impl NotHandedOver {
    /// What the custodian states on the ledger about it.
    fn refusal(self) -> Option<DisclosureRefusal> {
        match self {
            Self::Withdrawn => Some(DisclosureRefusal::WithdrawnSince),
            Self::TooOld => Some(DisclosureRefusal::TooOld),
            Self::Erased => Some(DisclosureRefusal::Erased),
            Self::Fault => Some(DisclosureRefusal::Unreadable),
            _ => None,
        }
    }
}

/// One payload on its way out.
pub struct Release {
    desk: Desk,
    asker: Asker,
    subject: Subject,
    /// `None` while a thread reads from it.
    reader: Option<SealedReader<RecordReader, RecordReader>>,
    position: u64,
    total: u64,
    checked_at: Height,
}

/// What is on its way.
#[derive(Clone, Copy)]
enum Subject {
    Record { access: TransactionId, account: Label, record: RecordId },
    Answer { consult: ConsultId },
}

impl Desk {
    /// Opens a record for the one who asked for it, from `offset` on.
    pub async fn release(
        &self,
        asker: Asker,
        access_id: TransactionId,
        account: Label,
        record: RecordId,
        offset: u64,
    ) -> Result<Release, NotHandedOver> {
        self.open_release(asker, Subject::Record { access: access_id, account, record }, offset).await
    }

    async fn open_release(&self, asker: Asker, subject: Subject, offset: u64) -> Result<Release, NotHandedOver> {
        match self.try_open_release(asker, subject, offset).await {
            Ok(release) => Ok(release),
            Err(reason) => Err(self.state_refusal(subject, reason).await),
        }
    }

    async fn try_open_release(&self, asker: Asker, subject: Subject, offset: u64) -> Result<Release, NotHandedOver> {
        let (checked_at, handover) = self.look_up(asker, subject).await?;
        let opened = self.open_stored(subject).await?;
        let mut reader = opened.sealed(&handover).await.map_err(own_fault)?;
        let total = reader.sealed_length();
        if offset > 0 {
            reader = blocking(move || reader.seek(SeekFrom::Start(offset)).map(|_| reader).map_err(own_fault)).await?;
        }
        let desk = self.clone();
        Ok(Release { desk, asker, subject, reader: Some(reader), position: offset, total, checked_at })
    }

    /// Rule X-1 on this node's last committed state, and the height of that state.
    async fn look_up(&self, asker: Asker, subject: Subject) -> Result<(Height, Handover), NotHandedOver> {
        let desk = self.clone();
        blocking(move || {
            let snapshot = desk.snapshot().map_err(own_fault)?;
            let handover = desk.authorise(&snapshot, asker, subject)?;
            Ok((snapshot.tip().height, handover))
        })
        .await
    }

    /// Where a refusal concerns the patient, the custodian states it on the ledger. Gives the reason back.
    async fn state_refusal(&self, subject: Subject, reason: NotHandedOver) -> NotHandedOver {
        if let (Subject::Record { access, account, record }, Some(refusal)) = (subject, reason.refusal()) {
            self.state(Statement { account, access, record, what: What::NotHandedOver(refusal as u8) }).await;
        }
        reason
    }

    /// A record whose registration the ledger shows is opened even if it still counts as staged here.
    async fn open_stored(&self, subject: Subject) -> Result<OpenRecord, NotHandedOver> {
        let (label, record) = match subject {
            Subject::Record { account, record, .. } => (account, record),
            Subject::Answer { consult } => {
                let answers = self.vault().of_account(shelf_of(consult)).await.map_err(own_fault)?;
                (shelf_of(consult), answers.last().ok_or(NotHandedOver::NotHere)?.record)
            }
        };
        let opened = match self.vault().open_record(label, record).await {
            Err(VaultError::OnlyStaged) => {
                self.vault().keep(label, record).await.map_err(own_fault)?;
                self.vault().open_record(label, record).await
            }
            opened => opened,
        };
        opened.map_err(|fault| match fault {
            VaultError::Unknown => NotHandedOver::NotHere,
            VaultError::Erased(_) => NotHandedOver::Erased,
            fault => own_fault(fault),
        })
    }

    /// Rule X-1, on this node's committed state.
    fn authorise(&self, snapshot: &Snapshot<'_>, asker: Asker, subject: Subject) -> Result<Handover, NotHandedOver> {
        match subject {
            Subject::Record { access, account, record } => self.authorise_record(snapshot, asker, access, account, record),
            Subject::Answer { consult } => self.authorise_answer(snapshot, asker, consult),
        }
    }

    fn authorise_record(
        &self,
        snapshot: &Snapshot<'_>,
        asker: Asker,
        id: TransactionId,
        account: Label,
        record: RecordId,
    ) -> Result<Handover, NotHandedOver> {
        let state = Working::new(snapshot);
        let access: Option<Access> = state.load(&StateKey::Access(id)).map_err(own_fault)?;
        let access = access.ok_or(NotHandedOver::NotOnLedger)?;
        let is_asker = match asker {
            Asker::Organisation(asker) => access.organisation == Some(asker),
            Asker::Person(key) => access.organisation.is_none() && access.signer == key,
        };
        if !is_asker {
            return Err(NotHandedOver::OtherAsker);
        }
        if access.request.account != account || !access.records.contains(&record) {
            return Err(NotHandedOver::NotGranted);
        }
        if access.custodian != self.organisation().map_err(own_fault)? {
            return Err(NotHandedOver::NotHere);
        }
        let now = self.now();
        if now > access.at.plus_ms(state.parameters().map_err(own_fault)?.access_ms) {
            return Err(NotHandedOver::TooOld);
        }
        let registered = state.record(&account, &record).map_err(own_fault)?;
        if registered.is_none_or(|registered| registered.status == RecordStatus::Erased) {
            return Err(NotHandedOver::Erased);
        }
        if !still_granted(&state, &access, now).map_err(own_fault)?.contains(&record) {
            return Err(NotHandedOver::Withdrawn);
        }
        Ok(Handover::of_access(self.0.chain, id, &access, record))
    }

    /// An answer goes to the organisation of the one who opened the consult. The reader gave it when the consult was open; that it
    /// has ended since takes nothing away from who asked for it.
    fn authorise_answer(&self, snapshot: &Snapshot<'_>, asker: Asker, id: ConsultId) -> Result<Handover, NotHandedOver> {
        let state = Working::new(snapshot);
        let place: Option<ConsultPlace> = state.load(&StateKey::Consult(id)).map_err(own_fault)?;
        let account = place.ok_or(NotHandedOver::NotOnLedger)?.account;
        let consent: Option<Consent> = state.load(&StateKey::Consent(account)).map_err(own_fault)?;
        let consult = consent.as_ref().and_then(|consent| consent.consult(&id)).ok_or(NotHandedOver::NotOnLedger)?;
        let organisation_of = |practitioner: &PractitionerId| -> Result<OrganisationId, NotHandedOver> {
            let found = state.practitioner(practitioner).map_err(own_fault)?;
            found.map(|found| found.organisation).ok_or(NotHandedOver::NotOnLedger)
        };
        let requester = organisation_of(&consult.opener)?;
        if asker != Asker::Organisation(requester) {
            return Err(NotHandedOver::OtherAsker);
        }
        Ok(Handover::of_answer(self.0.chain, id, organisation_of(&consult.terms.reader)?, requester, consult.terms.reply_key))
    }

    /// Keeps a statement for the ledger; a disk that is full does not stop a reader from being told the truth.
    pub(super) async fn state(&self, statement: Statement) {
        let desk = self.clone();
        match tokio::task::spawn_blocking(move || desk.0.outbox.state(statement)).await {
            Ok(Ok(())) => {}
            Ok(Err(fault)) => warn!(%fault, "a statement about a payload could not be kept"),
            Err(fault) => warn!(%fault, "a statement about a payload could not be kept"),
        }
    }
}

/// Where the vault has the answer to a consult: it belongs to no account here, so the consult stands in for one.
fn shelf_of(consult: ConsultId) -> Label {
    Label(consult.0)
}

pub(super) fn own_fault(fault: impl std::fmt::Display) -> NotHandedOver {
    warn!(%fault, "a payload could not be handed over");
    NotHandedOver::Fault
}

/// Disks may block.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, NotHandedOver> + Send + 'static,
) -> Result<T, NotHandedOver> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|fault| Err(own_fault(fault)))
}

impl Release {
    /// How many sealed bytes there are in all.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The next sealed bytes, at most `most`; none at the end. The last of them are given only after the statement that the record
    /// was handed over is on disk.
    pub async fn next(&mut self, most: usize) -> Result<Bytes, NotHandedOver> {
        self.check_again().await?;
        let left = self.total.saturating_sub(self.position);
        if left == 0 {
            self.state_handed_over().await;
            return Ok(Bytes::new());
        }
        let length = usize::try_from(left).map_or(most, |left| left.min(most));
        let mut reader = self.reader.take().ok_or(NotHandedOver::Fault)?;
        let (reader, bytes) = blocking(move || {
            let mut bytes = vec![0; length];
            reader.read_exact(&mut bytes).map_err(own_fault)?;
            Ok((reader, bytes))
        })
        .await?;
        self.reader = Some(reader);
        self.position += bytes.len() as u64;
        if self.position == self.total {
            // A block may have come while the vault was read.
            self.check_again().await?;
            self.state_handed_over().await;
        }
        Ok(bytes.into())
    }

    /// After every block that was committed meanwhile: is the asker still the one who may have it?
    async fn check_again(&mut self) -> Result<(), NotHandedOver> {
        if self.desk.0.ledger.view().tip.height == self.checked_at {
            return Ok(());
        }
        match self.desk.look_up(self.asker, self.subject).await {
            Ok((height, _)) => self.checked_at = height,
            Err(reason) => return Err(self.desk.state_refusal(self.subject, reason).await),
        }
        Ok(())
    }

    async fn state_handed_over(&mut self) {
        if let Subject::Record { access, account, record } = self.subject {
            self.desk.state(Statement { account, access, record, what: What::Disclosed }).await;
        }
    }
}

#[async_trait]
impl SealedSource for Release {
    fn total(&self) -> u64 {
        self.total
    }

    async fn next(&mut self, most: usize) -> Result<Bytes, Refusal> {
        Ok(Release::next(self, most).await?)
    }
}

/// The door that the network opens to members.
pub(super) struct Door(pub Desk);

impl Door {
    /// The organisation of a machine, while it is a member in good standing.
    fn organisation_of(&self, peer: &PublicKey) -> Result<OrganisationId, Refusal> {
        let view = self.0.0.ledger.view();
        view.directory.find(peer).map(|peer| peer.organisation).ok_or(Refusal::OtherOrganisation)
    }

    /// What this node's vault has, or what was left here for the peer's organisation.
    async fn open_source(&self, peer: &PublicKey, object: &ObjectId, offset: u64) -> Result<Box<dyn SealedSource>, Refusal> {
        let organisation = self.organisation_of(peer)?;
        let asker = Asker::Organisation(organisation);
        let released = match *object {
            ObjectId::Record { access, account, record } => self.0.release(asker, access, account, record, offset).await,
            ObjectId::ConsultAnswer { consult } => self.0.open_release(asker, Subject::Answer { consult }, offset).await,
        };
        match (released, &self.0.0.deposits) {
            (Ok(release), _) if offset > release.total() => Err(Refusal::BadOffset),
            (Ok(release), _) => Ok(Box::new(release)),
            (Err(NotHandedOver::NotHere | NotHandedOver::NotOnLedger), Some(deposits)) => {
                deposits.open_for(organisation, object, offset).await
            }
            (Err(reason), _) => Err(reason.into()),
        }
    }
}

#[async_trait]
impl PayloadDoor for Door {
    async fn open(&self, peer: &PublicKey, object: &ObjectId, offset: u64) -> Result<Opened, Refusal> {
        let source = self.open_source(peer, object, offset).await?;
        Ok(Opened { authorisation: self.0.authorisation(object).await?, source })
    }

    async fn keep(&self, peer: &PublicKey, deposit: &Deposit) -> Result<Box<dyn SealedSink>, Refusal> {
        let custodian = self.organisation_of(peer)?;
        let deposits = self.0.0.deposits.as_ref().ok_or(Refusal::NoRoom)?;
        self.0.may_be_deposited(custodian, deposit).await?;
        deposits.keep(deposit, self.0.now()).await
    }

    async fn holdings(&self, peer: &PublicKey, question: &Holding) -> Result<Holdings, Refusal> {
        let organisation = self.organisation_of(peer)?;
        match &self.0.0.deposits {
            Some(deposits) => deposits.holdings(organisation, question),
            None => Ok(Holdings::default()),
        }
    }

    async fn taken(&self, peer: &PublicKey, object: &ObjectId) -> Result<(), Refusal> {
        let organisation = self.organisation_of(peer)?;
        if let Some(deposits) = &self.0.0.deposits {
            deposits.remove_for(organisation, object);
        }
        Ok(())
    }
}

impl Desk {
    /// An intermediate keeps only what the ledger shows to be under way: from this custodian, for this requester.
    async fn may_be_deposited(&self, custodian: OrganisationId, deposit: &Deposit) -> Result<(), Refusal> {
        let ObjectId::Record { access, account, record } = deposit.object else { return Err(Refusal::NoRoom) };
        let (desk, requester) = (self.clone(), deposit.requester);
        let known = blocking(move || desk.access(&access).map_err(own_fault)).await?.ok_or(Refusal::NotOnLedger)?;
        let fits = known.request.account == account
            && known.records.contains(&record)
            && known.custodian == custodian
            && known.organisation == Some(requester);
        if fits { Ok(()) } else { Err(Refusal::NotGranted) }
    }

    /// Keeps the answer to a consult in the vault; what comes back is what the ledger is told. A new answer takes the place of one
    /// that was not fetched.
    pub async fn keep_answer(
        &self,
        id: ConsultId,
        media_type: inro_payload::MediaType,
        answer: Bytes,
    ) -> Result<inro_contracts::record::RecordManifest, DeskFault> {
        let label = shelf_of(id);
        for earlier in self.vault().of_account(label).await? {
            self.vault().erase(label, earlier.record, self.now()).await?;
        }
        let description = inro_vault::Description {
            label,
            category: inro_contracts::category::Category::Evaluation,
            flags: inro_contracts::record::ProviderFlags::default(),
            media_type,
            details: serde_json::Value::Null,
        };
        let manifest = self.vault().stage(description, answer.as_ref(), self.now()).await?;
        self.vault().keep(label, manifest.id).await?;
        Ok(manifest)
    }
}
