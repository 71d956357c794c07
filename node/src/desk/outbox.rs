//! The outbox: what this machine states on the ledger about payloads, until the ledger shows it.
//!
//! A statement is on disk before what it speaks of happens, so a node that is killed right after it handed a record over still says
//! so when it runs again. Statements of one access that were made in the same moment travel in one transaction.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use borsh::{BorshDeserialize, BorshSerialize};
use inro_contracts::access::{Access, DisclosureRefusal, GRANTED_MAX, PayloadFault};
use inro_contracts::bytes::{Canonical, List, encode};
use inro_contracts::id::{ChainId, Label, RecordId, TransactionId};
use inro_contracts::key::SecretKey;
use inro_contracts::state::{StateKey, load};
use inro_contracts::tag::Tag;
use inro_contracts::transaction::{Action, Transaction};
use inro_genesis::files::secret_folder;
use rand::Rng;
use rand::rngs::OsRng;
use tokio::sync::Notify;
use tracing::warn;

use super::Desk;
use super::fault::DeskFault;
use crate::admission::{Admission, wall_clock};

/// How long a statement's transaction may wait for its block before it is signed anew, in milliseconds.
const VOID_AFTER_MS: u64 = 60_000;
/// How long statements are gathered before they are sent.
const GATHER: Duration = Duration::from_millis(20);
/// How many statements of faults and refusals are remembered, so that none is made twice while somebody asks again and again.
const REMEMBERED_MAX: usize = 4_096;
/// How often it is looked whether what was sent has been committed.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// One statement about one record of one access.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub(super) struct Statement {
    pub account: Label,
    pub access: TransactionId,
    pub record: RecordId,
    pub what: What,
}

/// What is stated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub(super) enum What {
    /// It was handed over.
    Disclosed,
    /// It arrived, and is what was committed to.
    Arrived,
    /// It arrived wrong, or not at all: the number of a [`PayloadFault`].
    Wrong(u8),
    /// It is not handed over: the number of a [`DisclosureRefusal`].
    NotHandedOver(u8),
}

pub(super) struct Outbox {
    folder: PathBuf,
    machine: SecretKey,
    chain: ChainId,
    /// Statements, with the time until which their last transaction can be committed, in milliseconds.
    waiting: Mutex<BTreeMap<Statement, u64>>,
    /// Faults and refusals that were accepted. The ledger's state does not keep them, so it cannot be asked.
    made: Mutex<BTreeSet<Statement>>,
    more: Notify,
}

impl Outbox {
    pub(super) fn open(folder: &Path, machine: SecretKey, chain: ChainId) -> Result<Self, DeskFault> {
        secret_folder(folder)?;
        let mut waiting = BTreeMap::new();
        for entry in fs::read_dir(folder).map_err(DeskFault::file(folder, "read"))?.flatten() {
            let path = entry.path();
            let bytes = fs::read(&path).map_err(DeskFault::file(&path, "read"))?;
            match borsh::from_slice(&bytes) {
                Ok(statement) => drop(waiting.insert(statement, 0)),
                // Half-written when the node was killed: what it was to speak of did not happen.
                Err(_) => drop(fs::remove_file(&path)),
            }
        }
        Ok(Self {
            folder: folder.into(),
            machine,
            chain,
            waiting: Mutex::new(waiting),
            made: Mutex::default(),
            more: Notify::new(),
        })
    }

    /// Keeps a statement, durably, and sends it soon. The same one again changes nothing. Waits for the disk.
    pub(super) fn state(&self, statement: Statement) -> Result<(), DeskFault> {
        if self.waiting().contains_key(&statement) || self.made().contains(&statement) {
            return Ok(());
        }
        let path = self.path(&statement);
        let writing = File::create(&path).and_then(|mut file| {
            file.write_all(&encode(&statement))?;
            file.sync_data()
        });
        writing.map_err(DeskFault::file(&path, "written"))?;
        self.waiting().insert(statement, 0);
        self.more.notify_one();
        Ok(())
    }

    fn waiting(&self) -> MutexGuard<'_, BTreeMap<Statement, u64>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn made(&self) -> MutexGuard<'_, BTreeSet<Statement>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A fault or a refusal counts as made once it is accepted: the state shows nothing of it.
    fn accepted(&self, statement: &Statement) {
        let mut made = self.made();
        if made.len() >= REMEMBERED_MAX {
            made.clear();
        }
        made.insert(*statement);
        drop(made);
        self.done(statement);
    }

    fn path(&self, statement: &Statement) -> PathBuf {
        self.folder.join(Tag::TEXT.hash(&[b"outbox", &encode(statement)]).to_hex())
    }

    fn done(&self, statement: &Statement) {
        self.waiting().remove(statement);
        let _ = fs::remove_file(self.path(statement));
    }

    /// What is to be sent now, by access and kind.
    fn due(&self, now: u64) -> Vec<(Statement, Vec<RecordId>)> {
        let mut groups: BTreeMap<(Label, TransactionId, What), Vec<Statement>> = BTreeMap::new();
        for (statement, until) in self.waiting().iter() {
            if *until < now {
                groups.entry((statement.account, statement.access, statement.what)).or_default().push(*statement);
            }
        }
        let mut due = Vec::new();
        for ((_, _, what), statements) in groups {
            let at_once = if matches!(what, What::Disclosed | What::Arrived) { GRANTED_MAX } else { 1 };
            for part in statements.chunks(at_once) {
                due.push((part[0], part.iter().map(|statement| statement.record).collect()));
            }
        }
        due
    }

    fn sign(&self, statement: &Statement, records: &[RecordId], void_after: u64) -> Option<Vec<u8>> {
        let Statement { account, access, record, what } = *statement;
        let records = || List::new(records.to_vec()).ok();
        let action = match what {
            What::Disclosed => Action::Disclose { account, access, records: records()? },
            What::Arrived => Action::Acknowledge { account, access, records: records()? },
            What::Wrong(number) => {
                let fault = borsh::from_slice::<PayloadFault>(&[number]).ok()?;
                Action::ReportPayload { account, access, record, fault }
            }
            What::NotHandedOver(number) => {
                let reason = borsh::from_slice::<DisclosureRefusal>(&[number]).ok()?;
                Action::RefuseDisclosure { account, access, record, reason }
            }
        };
        let transaction = Transaction {
            chain: self.chain,
            signer: self.machine.public(),
            void_after: inro_contracts::time::Time(void_after),
            nonce: OsRng.r#gen(),
            action,
        };
        Some(transaction.sign(&self.machine).to_bytes())
    }
}

/// Sends what is stated until the ledger shows it.
pub(super) async fn run(desk: Desk, admission: Admission) {
    let outbox = &desk.0.outbox;
    loop {
        tokio::select! {
            () = outbox.more.notified() => tokio::time::sleep(GATHER).await,
            () = tokio::time::sleep(LOOK_AGAIN) => {}
            () = desk.0.stopping.cancelled() => return,
        }
        forget_committed(&desk);
        let now = wall_clock().0;
        let void_after = now + VOID_AFTER_MS;
        let due = outbox.due(now);
        let bytes: Vec<_> = due.iter().filter_map(|(statement, records)| outbox.sign(statement, records, void_after)).collect();
        if bytes.is_empty() {
            continue;
        }
        let answers = admission.submit_local(bytes).await;
        for ((statement, records), answer) in due.into_iter().zip(answers) {
            match answer {
                Ok(_) => {
                    for record in records {
                        let one = Statement { record, ..statement };
                        if matches!(one.what, What::Wrong(_) | What::NotHandedOver(_)) {
                            outbox.accepted(&one);
                        } else if let Some(until) = outbox.waiting().get_mut(&one) {
                            *until = void_after;
                        }
                    }
                }
                Err(refusal) => warn!(%refusal, "a statement about a payload was not accepted; it is sent again"),
            }
        }
    }
}

/// Forgets what the ledger shows, and what it will never take.
fn forget_committed(desk: &Desk) {
    let statements: Vec<Statement> = desk.0.outbox.waiting().keys().copied().collect();
    let Ok(snapshot) = desk.snapshot() else { return };
    for statement in statements {
        let Ok(access) = load::<Access>(&snapshot, &StateKey::Access(statement.access)) else { continue };
        let shown = access.is_none_or(|access| match (statement.what, access.bits(&[statement.record])) {
            (_, None) => true,
            (What::Disclosed, Some(bit)) => access.disclosed & bit != 0,
            (What::Arrived, Some(bit)) => access.acknowledged & bit != 0,
            (What::Wrong(_) | What::NotHandedOver(_), Some(_)) => false,
        });
        if shown {
            desk.0.outbox.done(&statement);
        }
    }
}
