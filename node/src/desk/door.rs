//! Handing over (rules ), to members' machines and to persons.
//!
//! The ledger granted the access at its place in the order of things; that is never decided anew. What is asked here, of this
//! node's own committed state, is whether it is this asker's access, whether it is still alive, and whether anything committed
//! since has taken the right away. It is asked again whenever a block was committed while the bytes are on their way.

use std::io::{self, Read, Seek, SeekFrom};

use async_trait::async_trait;
use bytes::Bytes;
use inro_contracts::access::{Access, DisclosureRefusal};
use inro_contracts::consent::Consent;
use inro_contracts::decision::still_granted;
use inro_contracts::id::{ConsultId, Label, OrganisationId, RecordId, TransactionId};
use inro_contracts::key::PublicKey;
use inro_contracts::organisation::{Organisation, Peer, Practitioner, Standing};
use inro_contracts::parameters::Parameters;
use inro_contracts::record::{Record, RecordStatus};
use inro_contracts::state::{ConsultPlace, StateFault, StateKey, Working, load};
use inro_contracts::time::Height;
use inro_network::{Deposit, Holding, Holdings, ObjectId, PayloadDoor, Refusal, SealedSink, SealedSource};
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
        let subject = Subject::Record { access: access_id, account, record };
        let opened = self.open_release(asker, subject, offset).await;
        if let (Err(reason), Subject::Record { .. }) = (&opened, subject)
            && let Some(refusal) = reason.refusal()
        {
            self.state(Statement { account, access: access_id, record, what: What::NotHandedOver(refusal as u8) });
        }
        opened
    }

    async fn open_release(&self, asker: Asker, subject: Subject, offset: u64) -> Result<Release, NotHandedOver> {
        let (checked_at, handover) = {
            let snapshot = self.snapshot().map_err(own_fault)?;
            let handover = self.authorise(&snapshot, asker, subject)?;
            (snapshot.tip().height, handover)
        };
        let opened = self.open_stored(subject).await?;
        let mut reader = opened.sealed(&handover).await.map_err(own_fault)?;
        let total = reader.sealed_length();
        if offset > 0 {
            reader = blocking(move || reader.seek(SeekFrom::Start(offset)).map(|_| reader)).await?;
        }
        let desk = self.clone();
        Ok(Release { desk, asker, subject, reader: Some(reader), position: offset, total, checked_at })
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
        let access: Option<Access> = load(snapshot, &StateKey::Access(id)).map_err(own_fault)?;
        let access = access.ok_or(NotHandedOver::NotOnLedger)?;
        let requester = match (asker, access.organisation) {
            (Asker::Organisation(asker), Some(organisation)) if asker == organisation => organisation,
            (Asker::Person(key), None) if key == access.signer => OrganisationId([0; 32]),
            _ => return Err(NotHandedOver::OtherAsker),
        };
        if access.request.account != account || !access.records.contains(&record) {
            return Err(NotHandedOver::NotGranted);
        }
        if access.custodian != self.organisation().map_err(own_fault)? {
            return Err(NotHandedOver::NotHere);
        }
        let now = self.now();
        let parameters: Option<Parameters> = load(snapshot, &StateKey::Parameters).map_err(own_fault)?;
        if now > access.at.plus_ms(parameters.unwrap_or_default().access_ms) {
            return Err(NotHandedOver::TooOld);
        }
        let registered: Option<Record> = load(snapshot, &StateKey::Record(account, record)).map_err(own_fault)?;
        if registered.is_none_or(|registered| registered.status == RecordStatus::Erased) {
            return Err(NotHandedOver::Erased);
        }
        if !still_granted(&Working::new(snapshot), &access, now).map_err(own_fault)?.contains(&record) {
            return Err(NotHandedOver::Withdrawn);
        }
        let (chain, reply_key) = (self.0.chain, access.request.reply_key);
        Ok(Handover { chain, access: id, record, custodian: access.custodian, requester, reply_key })
    }

    /// An answer goes to the organisation of the one who opened the consult. The reader gave it when the consult was open; that it
    /// has ended since takes nothing away from who asked for it.
    fn authorise_answer(&self, snapshot: &Snapshot<'_>, asker: Asker, id: ConsultId) -> Result<Handover, NotHandedOver> {
        let place: Option<ConsultPlace> = load(snapshot, &StateKey::Consult(id)).map_err(own_fault)?;
        let account = place.ok_or(NotHandedOver::NotOnLedger)?.account;
        let consent: Consent = load(snapshot, &StateKey::Consent(account)).map_err(own_fault)?.unwrap_or_default();
        let consult = consent.consult(&id).ok_or(NotHandedOver::NotOnLedger)?;
        let organisation_of = |practitioner| -> Result<OrganisationId, NotHandedOver> {
            let found: Option<Practitioner> = load(snapshot, &StateKey::Practitioner(practitioner)).map_err(own_fault)?;
            found.map(|found| found.organisation).ok_or(NotHandedOver::NotOnLedger)
        };
        let requester = organisation_of(consult.opener)?;
        if asker != Asker::Organisation(requester) {
            return Err(NotHandedOver::OtherAsker);
        }
        Ok(answer_handover(self.0.chain, id, organisation_of(consult.terms.reader)?, requester, consult.terms.reply_key))
    }

    /// Keeps a statement for the ledger; a disk that is full does not stop a reader from being told the truth.
    pub(super) fn state(&self, statement: Statement) {
        if let Err(fault) = self.0.outbox.state(statement) {
            warn!(%fault, "a statement about a payload could not be kept");
        }
    }
}

/// What an answer is bound to: the consult stands in the place of access and record.
pub(super) fn answer_handover(
    chain: inro_contracts::id::ChainId,
    consult: ConsultId,
    custodian: OrganisationId,
    requester: OrganisationId,
    reply_key: inro_contracts::id::SealingKey,
) -> Handover {
    let (access, record) = (TransactionId(consult.0), RecordId(consult.0));
    Handover { chain, access, record, custodian, requester, reply_key }
}

/// Where the vault has the answer to a consult: it belongs to no account here, so the consult stands in for one.
fn shelf_of(consult: ConsultId) -> Label {
    Label(consult.0)
}

fn own_fault(fault: impl std::fmt::Display) -> NotHandedOver {
    warn!(%fault, "a payload could not be handed over");
    NotHandedOver::Fault
}

/// Reading from the vault may block.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T, NotHandedOver> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(own_fault),
        Err(fault) => Err(own_fault(fault)),
    }
}

impl Release {
    /// How many sealed bytes there are in all.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The next sealed bytes, at most `most`; none at the end. The last of them are given only after the statement that the record
    /// was handed over is on disk.
    pub async fn next(&mut self, most: usize) -> Result<Bytes, NotHandedOver> {
        self.check_again()?;
        let left = self.total.saturating_sub(self.position);
        if left == 0 {
            self.note_handed_over();
            return Ok(Bytes::new());
        }
        let length = usize::try_from(left).map_or(most, |left| left.min(most));
        let mut reader = self.reader.take().ok_or(NotHandedOver::Fault)?;
        let (reader, bytes) = blocking(move || {
            let mut bytes = vec![0; length];
            reader.read_exact(&mut bytes)?;
            Ok((reader, bytes))
        })
        .await?;
        self.reader = Some(reader);
        self.position += bytes.len() as u64;
        if self.position == self.total {
            // A block may have come while the vault was read.
            self.check_again()?;
            self.note_handed_over();
        }
        Ok(bytes.into())
    }

    /// After every block that was committed meanwhile: is the asker still the one who may have it?
    fn check_again(&mut self) -> Result<(), NotHandedOver> {
        if self.desk.0.ledger.view().tip.height == self.checked_at {
            return Ok(());
        }
        let snapshot = self.desk.snapshot().map_err(own_fault)?;
        let allowed = self.desk.authorise(&snapshot, self.asker, self.subject).map(drop);
        self.checked_at = snapshot.tip().height;
        if let (Err(reason), Subject::Record { access, account, record }) = (&allowed, self.subject)
            && let Some(refusal) = reason.refusal()
        {
            self.desk.state(Statement { account, access, record, what: What::NotHandedOver(refusal as u8) });
        }
        allowed
    }

    fn note_handed_over(&self) {
        if let Subject::Record { access, account, record } = self.subject {
            self.desk.state(Statement { account, access, record, what: What::Disclosed });
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
        let find = || -> Result<Option<OrganisationId>, DeskFault> {
            let snapshot = self.0.snapshot()?;
            let Some(peer) = load::<Peer>(&snapshot, &StateKey::Peer(*peer))? else { return Ok(None) };
            let organisation: Option<Organisation> = load(&snapshot, &StateKey::Organisation(peer.organisation))?;
            let active = organisation.is_some_and(|organisation| organisation.standing == Standing::Active);
            Ok(active.then_some(peer.organisation))
        };
        find().map_err(|fault| Refusal::from(own_fault(fault)))?.ok_or(Refusal::OtherOrganisation)
    }
}

#[async_trait]
impl PayloadDoor for Door {
    async fn open(&self, peer: &PublicKey, object: &ObjectId, offset: u64) -> Result<Box<dyn SealedSource>, Refusal> {
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

    async fn keep(&self, peer: &PublicKey, deposit: &Deposit) -> Result<Box<dyn SealedSink>, Refusal> {
        let custodian = self.organisation_of(peer)?;
        let deposits = self.0.0.deposits.as_ref().ok_or(Refusal::NoRoom)?;
        self.0.may_be_deposited(custodian, deposit)?;
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
    fn may_be_deposited(&self, custodian: OrganisationId, deposit: &Deposit) -> Result<(), Refusal> {
        let snapshot = self.snapshot().map_err(own_fault)?;
        let fault = |fault: StateFault| Refusal::from(own_fault(fault));
        match deposit.object {
            ObjectId::Record { access, account, record } => {
                let access: Access = load(&snapshot, &StateKey::Access(access)).map_err(fault)?.ok_or(Refusal::NotOnLedger)?;
                let fits = access.request.account == account
                    && access.records.contains(&record)
                    && access.custodian == custodian
                    && access.organisation == Some(deposit.requester);
                if fits { Ok(()) } else { Err(Refusal::NotGranted) }
            }
            ObjectId::ConsultAnswer { .. } => Err(Refusal::NoRoom),
        }
    }
}

impl Desk {
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
