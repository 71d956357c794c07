//! Fetching what an access grants, and keeping it sealed until it is shown.
//!
//! Nothing is taken from a node that does not show the ledger's authorisation first; another one is asked, and the ledger is told. On
//! disk lie only the sealed bytes, as they came. They are checked as they come, against the commitment on the ledger; a payload
//! counts as ready when all of it was checked, and nothing of it is shown before. A transfer that breaks off goes on where it
//! was, also after this node was killed. What arrived is deleted, and its key forgotten, some time after the access's lifetime.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use inro_contracts::access::{Access, PayloadFault};
use inro_contracts::bytes::encode;
use inro_contracts::consent::Consent;
use inro_contracts::decision::still_granted;
use inro_contracts::id::{Commitment, ConsultId, RecordId, SealingKey, TransactionId};
use inro_contracts::key::PublicKey;
use inro_contracts::record::RecordStatus;
use inro_contracts::state::{ConsultPlace, StateKey, Working};
use inro_contracts::tag::Tag;
use inro_contracts::transaction::Action;
use inro_genesis::files::secret_folder;
use inro_network::{ObjectId, PayloadError, Refusal};
use inro_payload::{Handover, OneTimeSecret, OpenError, Opener};
use serde::Serialize;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use super::authorisation::NotAuthorised;
use super::door::{Asker, NotHandedOver};
use super::outbox::{Statement, What};
use super::{Desk, DeskFault};

/// How many payloads are fetched at the same time.
const AT_ONCE: usize = 16;
/// How many pieces wait between the network and the disk.
const PIECES_WAITING_MAX: usize = 4;
/// First pause between two attempts; it doubles up to two seconds.
const PAUSE: Duration = Duration::from_millis(25);
/// A failed payload is fetched again, when somebody asks for it, not sooner than this.
const AGAIN_AFTER: Duration = Duration::from_secs(2);
/// Most events of a journal in which a consult's answer is looked for.
const EVENTS_MAX: usize = 10_000;

/// Where one payload stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum ArrivalState {
    /// Nothing has come yet.
    Waiting,
    /// It is on its way.
    Arriving {
        /// Sealed bytes that came.
        bytes: u64,
        /// Sealed bytes in all.
        total: u64,
    },
    /// All of it is here and was checked.
    Ready {
        /// Its length in bytes.
        bytes: u64,
        /// What it is, as the custodian says.
        media_type: String,
    },
    /// It did not come, or was not what it should be.
    Failed {
        /// What was wrong.
        fault: PayloadFault,
        /// In a sentence.
        detail: String,
    },
}

impl ArrivalState {
    /// Is it settled, one way or the other?
    pub fn is_settled(&self) -> bool {
        matches!(self, Self::Ready { .. } | Self::Failed { .. })
    }
}

/// One payload that is fetched here; watch it change.
pub type Arrival = watch::Receiver<ArrivalState>;

pub(super) struct Arrivals {
    folder: PathBuf,
    known: Mutex<BTreeMap<ObjectId, Known>>,
    places: Semaphore,
    pub(super) tasks: TaskTracker,
}

struct Known {
    state: watch::Sender<ArrivalState>,
    began: Instant,
}

/// One payload that a reader here is to have: where it stands, and how it is read again.
pub struct Fetching {
    /// Where it stands.
    pub arrival: Arrival,
    /// What the ledger has of it.
    pub commitment: Commitment,
    object: ObjectId,
    handover: Handover,
}

/// What is to be fetched.
#[derive(Clone)]
struct Wanted {
    object: ObjectId,
    handover: Handover,
    commitment: Commitment,
    /// When asking is over, in milliseconds of block time.
    until_ms: u64,
}

impl Arrivals {
    pub(super) fn open(folder: &Path) -> Result<Self, DeskFault> {
        secret_folder(folder)?;
        let (known, places, tasks) = (Mutex::default(), Semaphore::new(AT_ONCE), TaskTracker::new());
        Ok(Self { folder: folder.into(), known, places, tasks })
    }

    pub(super) async fn stop(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<ObjectId, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn path(&self, object: &ObjectId) -> PathBuf {
        self.folder.join(Tag::TEXT.hash(&[b"arrival", &encode(object)]).to_hex())
    }

    /// Deletes what arrived longer ago than this.
    pub(super) fn forget_older_than(&self, age: Duration) {
        self.known().retain(|_, known| known.began.elapsed() < age || !known.state.borrow().is_settled());
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let written = entry.metadata().and_then(|data| data.modified());
            if written.is_ok_and(|written| SystemTime::now().duration_since(written).is_ok_and(|since| since > age)) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

impl Desk {
    /// Makes a one-time key for one access of a reader here.
    pub fn make_reply_key(&self) -> Result<SealingKey, DeskFault> {
        self.0.reply_keys.make()
    }

    /// Fetches every record of a granted access of this node's organisation that is not here yet; returns where each stands.
    pub fn fetch(&self, id: TransactionId, access: &Access) -> Result<Vec<(RecordId, Fetching)>, DeskFault> {
        let snapshot = self.snapshot()?;
        let state = Working::new(&snapshot);
        let fetching = |record: &RecordId| Ok(self.fetch_in(&state, id, access, *record)?.map(|fetching| (*record, fetching)));
        access.records.iter().filter_map(|record| fetching(record).transpose()).collect()
    }

    /// Fetches one record of such an access; `None` if the access does not grant it.
    pub fn fetch_one(&self, id: TransactionId, access: &Access, record: RecordId) -> Result<Option<Fetching>, DeskFault> {
        if !access.records.contains(&record) {
            return Ok(None);
        }
        self.fetch_in(&Working::new(&self.snapshot()?), id, access, record)
    }

    fn fetch_in(
        &self,
        state: &Working<'_>,
        id: TransactionId,
        access: &Access,
        record: RecordId,
    ) -> Result<Option<Fetching>, DeskFault> {
        let account = access.request.account;
        let Some(registered) = state.record(&account, &record)? else { return Ok(None) };
        Ok(Some(self.begin(Wanted {
            object: ObjectId::Record { access: id, account, record },
            handover: Handover::of_access(self.0.chain, id, access, record),
            commitment: registered.manifest.commitment,
            until_ms: access.at.plus_ms(state.parameters()?.access_ms).0,
        })))
    }

    /// Fetches the answer to a consult that was opened here; `None` if there is none on the ledger yet.
    pub fn fetch_answer(&self, id: ConsultId) -> Result<Option<Fetching>, DeskFault> {
        let snapshot = self.snapshot()?;
        let state = Working::new(&snapshot);
        let Some(ConsultPlace { account }) = state.load(&StateKey::Consult(id))? else { return Ok(None) };
        let consent: Option<Consent> = state.load(&StateKey::Consent(account))?;
        let Some(consult) = consent.as_ref().and_then(|consent| consent.consult(&id)) else { return Ok(None) };
        let Some(reader) = state.practitioner(&consult.terms.reader)? else { return Ok(None) };
        let length = state.account(&account)?.map_or(0, |account| account.journal_length);
        let from = length.saturating_sub(EVENTS_MAX as u64).max(1);
        // The last answer counts.
        let commitment = snapshot.journal(&account, from, EVENTS_MAX)?.into_iter().rev().find_map(|event| {
            match event.entry.transaction.transaction.action {
                Action::AnswerConsult { consult, commitment, .. } if consult == id && event.entry.outcome.is_applied() => {
                    Some(commitment)
                }
                _ => None,
            }
        });
        let Some(commitment) = commitment else { return Ok(None) };
        let own = self.organisation()?;
        Ok(Some(self.begin(Wanted {
            object: ObjectId::ConsultAnswer { consult: id },
            handover: Handover::of_answer(self.0.chain, id, reader.organisation, own, consult.terms.reply_key),
            commitment,
            until_ms: self.now().plus_ms(state.parameters()?.access_ms).0,
        })))
    }

    fn begin(&self, wanted: Wanted) -> Fetching {
        let Wanted { object, handover, commitment, .. } = wanted;
        Fetching { arrival: self.begin_arrival(wanted), commitment, object, handover }
    }

    /// Begins to fetch, unless it is under way or here.
    fn begin_arrival(&self, wanted: Wanted) -> Arrival {
        let mut known = self.0.arrivals.known();
        if let Some(known) = known.get(&wanted.object) {
            let failed = matches!(*known.state.borrow(), ArrivalState::Failed { fault, .. } if worth_another_try(fault));
            if !(failed && known.began.elapsed() > AGAIN_AFTER) {
                return known.state.subscribe();
            }
        }
        let state = watch::Sender::new(ArrivalState::Waiting);
        let arrival = state.subscribe();
        known.insert(wanted.object, Known { state: state.clone(), began: Instant::now() });
        drop(known);
        let desk = self.clone();
        self.0.arrivals.tasks.spawn(async move {
            tokio::select! {
                () = desk.bring(&wanted, &state) => {}
                () = desk.0.stopping.cancelled() => {}
            }
        });
        arrival
    }

    /// Fetches one payload until it is here, is wrong, or patience is at its end.
    async fn bring(&self, wanted: &Wanted, state: &watch::Sender<ArrivalState>) {
        let Ok(_place) = self.0.arrivals.places.acquire().await else { return };
        let secret = match self.0.reply_keys.secret(&wanted.handover.reply_key) {
            Ok(Some(secret)) => secret,
            Ok(None) => {
                let detail = "the access names a key that this node did not make, or has forgotten; ask for access again";
                return self.settle(wanted, state, PayloadFault::NotForThisAccess, detail, false).await;
            }
            Err(fault) => {
                return self.settle(wanted, state, PayloadFault::NotForThisAccess, &fault.to_string(), false).await;
            }
        };
        let patience = Duration::from_millis(self.0.settings.patience_ms);
        let mut patient_until = Instant::now() + patience;
        let mut pause = PAUSE;
        let mut came = 0;
        let mut last = "nobody who has it could be reached".to_owned();
        // What came before this node was stopped may be all of it.
        let mut own_disk = self.0.arrivals.path(&wanted.object).exists().then_some(Source::Disk);
        // Who showed no authorisation is not asked again; the others are.
        let (mut unbelieved, mut unauthorised) = (Vec::new(), None);
        loop {
            let mut sources = self.sources(wanted);
            sources.retain(|source| !unbelieved.contains(source));
            for source in own_disk.take().into_iter().chain(sources) {
                match self.attempt(wanted, &secret, source, state).await {
                    Ok(ready) => {
                        // First the statement: a node that is killed before it could make it finds it in its outbox.
                        self.state_arrived(wanted).await;
                        state.send_replace(ready);
                        return self.say_taken(wanted).await;
                    }
                    Err(Trouble::Wrong(fault, detail)) => {
                        let _ = fs::remove_file(self.0.arrivals.path(&wanted.object));
                        return self.settle(wanted, state, fault, &detail, true).await;
                    }
                    Err(Trouble::Unauthorised(detail)) => {
                        self.state_wrong(wanted, PayloadFault::Unauthorised).await;
                        unbelieved.push(source);
                        unauthorised = Some(detail);
                    }
                    Err(Trouble::Final(detail)) => {
                        let honest = self.is_withdrawn(wanted);
                        if honest || matches!(source, Source::Here) {
                            return self.settle(wanted, state, PayloadFault::Withheld, &detail, !honest).await;
                        }
                        // What the custodian goes by may stand in a block that this node does not have yet: nobody is accused
                        // before patience is at its end.
                        last = detail;
                    }
                    Err(Trouble::Passing(detail, bytes)) => {
                        if bytes > came {
                            // As long as something comes, it is waited for.
                            (came, pause, patient_until) = (bytes, PAUSE, Instant::now() + patience);
                        }
                        last = detail;
                    }
                }
            }
            let is_over = Instant::now() > patient_until || self.now().0 > wanted.until_ms;
            if let Some(detail) = &unauthorised
                && (is_over || self.sources(wanted).iter().all(|source| unbelieved.contains(source)))
            {
                return self.settle(wanted, state, PayloadFault::Unauthorised, detail, false).await;
            }
            if is_over {
                let fault = if came > 0 { PayloadFault::Truncated } else { PayloadFault::Withheld };
                return self.settle(wanted, state, fault, &last, true).await;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(2));
        }
    }

    /// Where it may be had: here, from the custodian's machines, from intermediates.
    fn sources(&self, wanted: &Wanted) -> Vec<Source> {
        if wanted.handover.custodian == wanted.handover.requester {
            return vec![Source::Here];
        }
        let connected = self.0.network.connected();
        let directory = self.0.ledger.view().directory;
        let machines = directory.machines_of(&wanted.handover.custodian);
        let intermediates = self.0.settings.intermediates.iter().copied();
        machines.into_iter().chain(intermediates).filter(|machine| connected.contains(machine)).map(Source::Machine).collect()
    }

    async fn attempt(
        &self,
        wanted: &Wanted,
        secret: &OneTimeSecret,
        source: Source,
        state: &watch::Sender<ArrivalState>,
    ) -> Result<ArrivalState, Trouble> {
        let (pieces, to_disk) = mpsc::channel::<Bytes>(PIECES_WAITING_MAX);
        let (begun, resumed) = tokio::sync::oneshot::channel();
        let path = self.0.arrivals.path(&wanted.object);
        let opener = Opener::new(secret.clone(), wanted.handover, wanted.commitment);
        let progress = state.clone();
        let writing = tokio::task::spawn_blocking(move || take_in(&path, opener, begun, to_disk, &progress));
        // The thread says how much is here already, or ends.
        let bringing = async {
            let Ok(offset) = resumed.await else { return Ok(()) };
            match source {
                Source::Machine(machine) => self.bring_from_machine(machine, wanted, offset, pieces).await,
                Source::Here => self.bring_from_here(wanted, offset, pieces).await,
                Source::Disk => Ok(()),
            }
        };
        let brought = bringing.await;
        let written = writing.await.unwrap_or_else(|fault| Err(Trouble::Passing(fault.to_string(), 0)));
        match (written, brought) {
            (Ok(ready), _) => Ok(ready),
            // What was wrong with the bytes says more than that the transfer was broken off.
            (Err(Trouble::Wrong(fault, detail)), _) => Err(Trouble::Wrong(fault, detail)),
            (Err(Trouble::Passing(_, bytes)), Err(Trouble::Passing(detail, _))) => Err(Trouble::Passing(detail, bytes)),
            (Err(_), Err(trouble)) => Err(trouble),
            (Err(trouble), Ok(())) => Err(trouble),
        }
    }

    async fn bring_from_machine(
        &self,
        machine: PublicKey,
        wanted: &Wanted,
        offset: u64,
        pieces: mpsc::Sender<Bytes>,
    ) -> Result<(), Trouble> {
        let mut payload = self.0.network.fetch_payload(&machine, &wanted.object, offset).await.map_err(Trouble::from)?;
        self.check_authorisation(wanted.object, wanted.handover, payload.authorisation().clone()).await?;
        while let Some(piece) = payload.next().await.map_err(Trouble::from)? {
            if pieces.send(piece).await.is_err() {
                break;
            }
        }
        Ok(())
    }

    /// A record of this facility's own: the same way, without the network.
    async fn bring_from_here(&self, wanted: &Wanted, offset: u64, pieces: mpsc::Sender<Bytes>) -> Result<(), Trouble> {
        let ObjectId::Record { access, account, record } = wanted.object else {
            return Err(Trouble::Final("an answer to oneself".into()));
        };
        let asker = Asker::Organisation(wanted.handover.requester);
        let refused = |reason: NotHandedOver| match reason {
            NotHandedOver::NotOnLedger | NotHandedOver::Fault => Trouble::Passing("this node's vault failed".into(), 0),
            NotHandedOver::NotHere => Trouble::Final("this facility does not have the payload".into()),
            reason => Trouble::Final(Refusal::from(reason).to_string()),
        };
        let mut release = self.release(asker, access, account, record, offset).await.map_err(refused)?;
        loop {
            let bytes = release.next(256 * 1024).await.map_err(refused)?;
            if bytes.is_empty() || pieces.send(bytes).await.is_err() {
                return Ok(());
            }
        }
    }

    /// Was the right taken away, as far as this node's ledger knows? Then a refusal is honest.
    fn is_withdrawn(&self, wanted: &Wanted) -> bool {
        let ObjectId::Record { access, account, record } = wanted.object else { return false };
        let ask = || -> Result<bool, DeskFault> {
            let snapshot = self.snapshot()?;
            let ledger = Working::new(&snapshot);
            let Some(granted) = ledger.load::<Access>(&StateKey::Access(access))? else { return Ok(true) };
            let erased = ledger.record(&account, &record)?.is_none_or(|record| record.status == RecordStatus::Erased);
            let old = self.now().0 > wanted.until_ms;
            Ok(erased || old || !still_granted(&ledger, &granted, self.now())?.contains(&record))
        };
        ask().unwrap_or(false)
    }

    async fn state_arrived(&self, wanted: &Wanted) {
        if let ObjectId::Record { access, account, record } = wanted.object {
            self.state(Statement { account, access, record, what: What::Arrived }).await;
        }
    }

    /// Tells the intermediates that they need not keep it any longer, whoever it came from.
    async fn say_taken(&self, wanted: &Wanted) {
        let connected = self.0.network.connected();
        for intermediate in self.0.settings.intermediates.iter().filter(|machine| connected.contains(machine)) {
            // One that does not hear it deletes its copy when the access's lifetime is over.
            let _ = self.0.network.payload_taken(intermediate, &wanted.object).await;
        }
    }

    async fn settle(
        &self,
        wanted: &Wanted,
        state: &watch::Sender<ArrivalState>,
        fault: PayloadFault,
        detail: &str,
        report: bool,
    ) {
        debug!(?fault, "a payload did not arrive as it should");
        if report {
            self.state_wrong(wanted, fault).await;
        }
        state.send_replace(ArrivalState::Failed { fault, detail: detail.to_owned() });
    }

    async fn state_wrong(&self, wanted: &Wanted, fault: PayloadFault) {
        if let ObjectId::Record { access, account, record } = wanted.object {
            self.state(Statement { account, access, record, what: What::Wrong(fault as u8) }).await;
        }
    }

    /// Reads a payload that is ready: from byte `from`, at most `length` bytes. Bytes come as they are opened and checked once
    /// more.
    pub fn read_arrived(
        &self,
        fetching: &Fetching,
        from: u64,
        length: u64,
    ) -> Result<mpsc::Receiver<io::Result<Bytes>>, DeskFault> {
        let Fetching { object, handover, commitment, .. } = *fetching;
        let path = self.0.arrivals.path(&object);
        let secret = self.0.reply_keys.secret(&handover.reply_key)?.ok_or_else(|| DeskFault::Damaged(path.clone()))?;
        let mut file = File::open(&path).map_err(DeskFault::file(&path, "read"))?;
        let (sender, receiver) = mpsc::channel(PIECES_WAITING_MAX);
        tokio::task::spawn_blocking(move || {
            let mut opener = Opener::new(secret, handover, commitment);
            let mut window = Window { sender, skip: from, left: length };
            let mut buffer = vec![0; 256 * 1024];
            let outcome = loop {
                match file.read(&mut buffer) {
                    Ok(0) => break opener.finish().map(drop).map_err(io::Error::other),
                    Ok(count) => {
                        if let Err(error) = opener.push(&buffer[..count], &mut window) {
                            break Err(io::Error::other(error));
                        }
                        if window.left == 0 {
                            break Ok(());
                        }
                    }
                    Err(error) => break Err(error),
                }
            };
            if let Err(error) = outcome {
                warn!("a payload that was ready cannot be read again");
                let _ = window.sender.blocking_send(Err(io::Error::new(error.kind(), "the payload cannot be read again")));
            }
        });
        Ok(receiver)
    }
}

/// Where a payload is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    /// What lies here from before, and nothing else.
    Disk,
    Here,
    Machine(PublicKey),
}

/// Why an attempt did not bring the payload.
enum Trouble {
    /// The bytes are wrong.
    Wrong(PayloadFault, String),
    /// It was not shown that the ledger authorises it, and nothing was taken.
    Unauthorised(String),
    /// It is refused; asking again helps only if this node does not have yet what the refusal rests on.
    Final(String),
    /// It may help to ask again, or somebody else; so many sealed bytes are here.
    Passing(String, u64),
}

impl From<PayloadError> for Trouble {
    fn from(error: PayloadError) -> Self {
        let passing = match &error {
            PayloadError::Refused { refusal, .. } => matches!(
                refusal,
                Refusal::NotOnLedger | Refusal::NotHere | Refusal::Busy { .. } | Refusal::Fault | Refusal::BadOffset
            ),
            _ => true,
        };
        if passing { Self::Passing(error.to_string(), 0) } else { Self::Final(error.to_string()) }
    }
}

impl From<NotAuthorised> for Trouble {
    fn from(reason: NotAuthorised) -> Self {
        match reason {
            NotAuthorised::Undecided(_) => Self::Passing(reason.to_string(), 0),
            reason => Self::Unauthorised(reason.to_string()),
        }
    }
}

fn worth_another_try(fault: PayloadFault) -> bool {
    matches!(fault, PayloadFault::Withheld | PayloadFault::Truncated | PayloadFault::Unauthorised)
}

/// Checks what is here, says how much that is, and takes in what comes; says that it is ready when all of it is.
fn take_in(
    path: &Path,
    mut opener: Opener,
    begun: tokio::sync::oneshot::Sender<u64>,
    mut pieces: mpsc::Receiver<Bytes>,
    state: &watch::Sender<ArrivalState>,
) -> Result<ArrivalState, Trouble> {
    let disk = |error: io::Error| Trouble::Passing(format!("this node's disk: {error}"), 0);
    let mut file = File::options().create(true).truncate(false).read(true).write(true).open(path).map_err(disk)?;
    let mut buffer = vec![0; 256 * 1024];
    let mut held = 0;
    loop {
        let count = file.read(&mut buffer).map_err(disk)?;
        if count == 0 {
            break;
        }
        if opener.push(&buffer[..count], &mut io::sink()).is_err() {
            // What was left by an earlier attempt is no good: begin anew.
            drop(file);
            fs::remove_file(path).map_err(disk)?;
            return Err(Trouble::Passing("what had arrived before was damaged on this node's disk".into(), 0));
        }
        held += count as u64;
    }
    if !opener.progress().complete {
        // A receiver that is gone was stopped.
        let _ = begun.send(held);
        while let Some(piece) = pieces.blocking_recv() {
            file.write_all(&piece).map_err(disk)?;
            held += piece.len() as u64;
            let progress = opener.push(&piece, &mut io::sink()).map_err(wrong)?;
            let total = progress.sealed_length.unwrap_or(0);
            state.send_replace(ArrivalState::Arriving { bytes: held, total });
        }
    } else {
        drop(begun);
    }
    match opener.finish() {
        Ok(opened) => Ok(ArrivalState::Ready { bytes: opened.length, media_type: opened.media_type.as_str().to_owned() }),
        Err(OpenError::Truncated { .. }) => Err(Trouble::Passing("the transfer ended early".into(), held)),
        Err(error) => Err(wrong(error)),
    }
}

fn wrong(error: OpenError) -> Trouble {
    match error.payload_fault() {
        Some(fault) => Trouble::Wrong(fault, error.to_string()),
        None => Trouble::Passing(error.to_string(), 0),
    }
}

/// Passes on a part of what is written into it.
struct Window {
    sender: mpsc::Sender<io::Result<Bytes>>,
    skip: u64,
    left: u64,
}

impl Write for Window {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let skipped = usize::try_from(self.skip).map_or(bytes.len(), |skip| skip.min(bytes.len()));
        self.skip -= skipped as u64;
        let rest = &bytes[skipped..];
        let taken = usize::try_from(self.left).map_or(rest.len(), |left| left.min(rest.len()));
        if taken > 0 {
            let piece = Bytes::copy_from_slice(&rest[..taken]);
            self.sender.blocking_send(Ok(piece)).map_err(|_| io::Error::other("nobody reads any more"))?;
            self.left -= taken as u64;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
