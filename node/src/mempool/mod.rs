//! The mempool: verified transactions that wait for a block, in lanes (rule L-10).
//!
//! A plain data structure: no clock, no threads, no IO; time is an argument. Each operation costs at most the logarithm of what
//! waits. What was accepted is never thrown out to make room: it leaves when it is committed or when its time is over.
//!
//! How room is shared: every lane has room of its own that no other lane can take, the rest goes to whoever comes first. So
//! when bulk traffic fills everything that it may, a seal still finds room. Within a lane one organisation may fill only its
//! share of what the lane could hold at that moment, so no member keeps the others out.

mod lanes;
mod pool;
mod sender;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::iter::Peekable;
use std::sync::Arc;

use foldhash::fast::RandomState;
use inro_contracts::id::{ChainId, OrganisationId, TransactionId};
use inro_contracts::machine::admissible;
use inro_contracts::parameters::Parameters;
use inro_contracts::time::Time;
use inro_contracts::transaction::{Lane, VerifiedTransaction};

pub use lanes::{LanePolicy, policy};
pub use pool::Pool;
pub use sender::{BadSender, sender};

/// After how long a client should try again when there was no room, in milliseconds.
pub const RETRY_AFTER_MS: u64 = 1_000;

/// Room for transactions: how many, and how many bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Room {
    /// How many transactions.
    pub transactions: usize,
    /// How many bytes of them.
    pub bytes: usize,
}

impl Room {
    /// The room that blocks have.
    pub fn of_block(parameters: &Parameters) -> Self {
        Self { transactions: parameters.block_transactions_max as usize, bytes: parameters.block_bytes_max as usize }
    }

    fn one(transaction: &VerifiedTransaction) -> Self {
        Self { transactions: 1, bytes: transaction.bytes().len() }
    }

    fn percent(self, percent: u8) -> Self {
        // Widened, so that no product overflows.
        let part = |whole: usize| (whole as u128 * u128::from(percent) / 100) as usize;
        Self { transactions: part(self.transactions), bytes: part(self.bytes) }
    }

    fn plus(self, other: Self) -> Self {
        Self { transactions: self.transactions.saturating_add(other.transactions), bytes: self.bytes.saturating_add(other.bytes) }
    }

    fn minus(self, other: Self) -> Self {
        Self { transactions: self.transactions.saturating_sub(other.transactions), bytes: self.bytes.saturating_sub(other.bytes) }
    }

    fn larger(self, other: Self) -> Self {
        Self { transactions: self.transactions.max(other.transactions), bytes: self.bytes.max(other.bytes) }
    }

    fn holds(self, other: Self) -> bool {
        other.transactions <= self.transactions && other.bytes <= self.bytes
    }
}

/// The mempool's bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Everything that may wait.
    pub room: Room,
    /// Most of a lane's room that one organisation may fill, in percent.
    pub organisation_share_percent: u8,
}

/// Why a transaction does not wait here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It waits already.
    #[error("the transaction waits already")]
    Duplicate,
    /// Its time is over.
    #[error("the transaction is void: its time is over")]
    Void,
    /// Its lane is full.
    #[error("no room is left in this lane; try again in {retry_after_ms} ms")]
    MempoolFull {
        /// When to try again.
        retry_after_ms: u64,
    },
    /// Its organisation fills its share of the lane.
    #[error("the organisation fills its share of this lane; try again in {retry_after_ms} ms")]
    OverQuota {
        /// When to try again.
        retry_after_ms: u64,
    },
}

/// Who waits longest in a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Oldest {
    /// The transaction.
    pub id: TransactionId,
    /// Since when it waits, by the clock of whoever inserted it.
    pub since: Time,
}

/// Verified transactions that wait.
#[derive(Debug)]
pub struct Mempool {
    limits: Limits,
    entries: HashMap<TransactionId, Waiting, RandomState>,
    lanes: [LaneQueue; Lane::ALL.len()],
    ends: BTreeSet<(Time, TransactionId)>,
    arrivals: u64,
    commits: u64,
}

#[derive(Debug)]
struct Waiting {
    transaction: Arc<VerifiedTransaction>,
    sender: OrganisationId,
    lane: Lane,
    arrival: u64,
}

#[derive(Debug, Default)]
struct LaneQueue {
    senders: BTreeMap<OrganisationId, SenderQueue>,
    arrivals: BTreeMap<u64, Oldest>,
    used: Room,
    /// Who was served last: the next block begins with who comes after, so that the same organisation is not always first.
    last: Option<OrganisationId>,
}

#[derive(Debug, Default)]
struct SenderQueue {
    queue: BTreeMap<u64, Arc<VerifiedTransaction>>,
    used: Room,
}

impl Mempool {
    /// Nothing waits.
    pub fn new(limits: Limits) -> Self {
        Self { limits, entries: HashMap::default(), lanes: Default::default(), ends: BTreeSet::new(), arrivals: 0, commits: 0 }
    }

    /// Lets a transaction wait. `sender` is the organisation whose share it counts against ([`sender`]).
    pub fn insert(&mut self, transaction: Arc<VerifiedTransaction>, sender: OrganisationId, now: Time) -> Result<(), Refused> {
        let lane = transaction.transaction().action.lane();
        self.insert_into(lane, transaction, sender, now)
    }

    /// Would a transaction of this size find room? A cheap question before its signatures are checked.
    pub fn has_room(&self, lane: Lane, sender: Option<&OrganisationId>, bytes: usize) -> Result<(), Refused> {
        let new = Room { transactions: 1, bytes };
        let capacity = self.capacity(lane);
        let queue = &self.lanes[lane as usize];
        if !capacity.holds(queue.used.plus(new)) {
            return Err(Refused::MempoolFull { retry_after_ms: RETRY_AFTER_MS });
        }
        let used = sender.and_then(|sender| queue.senders.get(sender)).map(|queue| queue.used).unwrap_or_default();
        // One transaction is always within the share, however small the lane.
        let share = capacity.percent(self.limits.organisation_share_percent).larger(new);
        if !share.holds(used.plus(new)) {
            return Err(Refused::OverQuota { retry_after_ms: RETRY_AFTER_MS });
        }
        Ok(())
    }

    /// The transactions of the next block: each lane its share first, then what is left over in the order of lanes; within a
    /// lane the organisations in turn, each in order of arrival. Nothing is removed, and what is void or not yet admissible at
    /// the block's `time` is passed over. Guard transactions stand first in the block.
    pub fn take_for_block(
        &mut self,
        room: Room,
        time: Time,
        chain: &ChainId,
        parameters: &Parameters,
    ) -> Vec<Arc<VerifiedTransaction>> {
        let fits = |transaction: &VerifiedTransaction| admissible(transaction.transaction(), chain, time, parameters).is_ok();
        let mut turns: Vec<Turns<'_>> = self.lanes.iter().map(Turns::new).collect();
        let mut left = room;
        for (lane, turns) in Lane::ALL.into_iter().zip(&mut turns) {
            let share = room.percent(policy(lane).block_share_percent);
            left = left.minus(turns.take(share, &fits));
        }
        for turns in &mut turns {
            left = left.minus(turns.take(left, &fits));
        }
        let (taken, last): (Vec<_>, Vec<_>) = turns.into_iter().map(|turns| (turns.taken, turns.last)).unzip();
        for (lane, last) in self.lanes.iter_mut().zip(last) {
            lane.last = last;
        }
        taken.into_iter().flatten().collect()
    }

    /// The transaction, if it waits.
    pub fn get(&self, id: &TransactionId) -> Option<Arc<VerifiedTransaction>> {
        self.entries.get(id).map(|waiting| Arc::clone(&waiting.transaction))
    }

    /// Does it wait?
    pub fn contains(&self, id: &TransactionId) -> bool {
        self.entries.contains_key(id)
    }

    /// Removes what a block committed; call it after the block is written and before the next one is proposed. Returns how many
    /// of them waited.
    pub fn remove_committed<'a>(&mut self, ids: impl IntoIterator<Item = &'a TransactionId>) -> usize {
        self.commits += 1;
        ids.into_iter().filter(|id| self.remove(id)).count()
    }

    /// How often [`Self::remove_committed`] was called. Whoever looked up that a transaction is not committed, and finds
    /// another number when inserting it, looks again.
    pub fn commits(&self) -> u64 {
        self.commits
    }

    /// Removes what is void in every block from `now` on; returns how many.
    pub fn expire(&mut self, now: Time) -> usize {
        let mut removed = 0;
        while let Some((_, id)) = self.ends.first().copied().filter(|(void_after, _)| *void_after < now) {
            self.remove(&id);
            removed += 1;
        }
        removed
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Does nothing wait?
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// What waits, all lanes together.
    pub fn used(&self) -> Room {
        self.lanes.iter().fold(Room::default(), |sum, lane| sum.plus(lane.used))
    }

    /// What waits in one lane.
    pub fn used_by(&self, lane: Lane) -> Room {
        self.lanes[lane as usize].used
    }

    /// Who waits longest in a lane.
    pub fn oldest(&self, lane: Lane) -> Option<Oldest> {
        self.lanes[lane as usize].arrivals.first_key_value().map(|(_, oldest)| *oldest)
    }

    /// Who waits in a lane since `before` or longer, the longest first, at most `limit` of them. A validator that finds these
    /// skipped in a proposal that had room for them may refuse it.
    pub fn overdue(&self, lane: Lane, before: Time, limit: usize) -> Vec<Arc<VerifiedTransaction>> {
        let arrivals = self.lanes[lane as usize].arrivals.values();
        arrivals.take_while(|oldest| oldest.since <= before).take(limit).filter_map(|oldest| self.get(&oldest.id)).collect()
    }

    fn insert_into(
        &mut self,
        lane: Lane,
        transaction: Arc<VerifiedTransaction>,
        sender: OrganisationId,
        now: Time,
    ) -> Result<(), Refused> {
        let (id, void_after) = (transaction.id(), transaction.transaction().void_after);
        if self.entries.contains_key(&id) {
            return Err(Refused::Duplicate);
        }
        if void_after < now {
            return Err(Refused::Void);
        }
        self.has_room(lane, Some(&sender), transaction.bytes().len())?;
        let arrival = self.arrivals;
        self.arrivals += 1;
        let room = Room::one(&transaction);
        let queue = &mut self.lanes[lane as usize];
        let own = queue.senders.entry(sender).or_default();
        own.queue.insert(arrival, Arc::clone(&transaction));
        own.used = own.used.plus(room);
        queue.used = queue.used.plus(room);
        queue.arrivals.insert(arrival, Oldest { id, since: now });
        self.ends.insert((void_after, id));
        self.entries.insert(id, Waiting { transaction, sender, lane, arrival });
        Ok(())
    }

    fn remove(&mut self, id: &TransactionId) -> bool {
        let Some(Waiting { transaction, sender, lane, arrival }) = self.entries.remove(id) else { return false };
        let room = Room::one(&transaction);
        let queue = &mut self.lanes[lane as usize];
        queue.arrivals.remove(&arrival);
        queue.used = queue.used.minus(room);
        if let Some(own) = queue.senders.get_mut(&sender) {
            own.queue.remove(&arrival);
            own.used = own.used.minus(room);
            if own.queue.is_empty() {
                queue.senders.remove(&sender);
            }
        }
        self.ends.remove(&(transaction.transaction().void_after, *id));
        true
    }

    /// What a lane could hold now: everything but what the other lanes hold or have kept for them.
    fn capacity(&self, lane: Lane) -> Room {
        let others = Lane::ALL.into_iter().filter(|other| *other != lane).fold(Room::default(), |sum, other| {
            let kept = self.limits.room.percent(policy(other).mempool_share_percent);
            sum.plus(self.lanes[other as usize].used.larger(kept))
        });
        self.limits.room.minus(others)
    }
}

/// The organisations of one lane, taking turns in a circle that is ordered by their ids.
struct Turns<'a> {
    waiting: VecDeque<Turn<'a>>,
    last: Option<OrganisationId>,
    taken: Vec<Arc<VerifiedTransaction>>,
}

type Turn<'a> = (OrganisationId, Peekable<std::collections::btree_map::Values<'a, u64, Arc<VerifiedTransaction>>>);

impl<'a> Turns<'a> {
    fn new(lane: &'a LaneQueue) -> Self {
        let waiting = lane.senders.iter().map(|(id, own)| (*id, own.queue.values().peekable())).collect();
        let mut turns = Self { waiting, last: lane.last, taken: Vec::new() };
        turns.begin_after_last();
        turns
    }

    /// Takes what fits into `room`, one from each organisation at a time; returns the room used.
    fn take(&mut self, room: Room, fits: &impl Fn(&VerifiedTransaction) -> bool) -> Room {
        let mut left = room;
        let mut held_up = Vec::new();
        while left.transactions > 0
            && let Some((sender, mut queue)) = self.waiting.pop_front()
        {
            while queue.next_if(|transaction| !fits(transaction)).is_some() {}
            match queue.peek() {
                None => {}
                // It does not fit; what its organisation sent later must not overtake it.
                Some(next) if next.bytes().len() > left.bytes => held_up.push((sender, queue)),
                Some(next) => {
                    left = left.minus(Room::one(next));
                    self.last = Some(sender);
                    self.taken.extend(queue.next().cloned());
                    self.waiting.push_back((sender, queue));
                }
            }
        }
        self.waiting.extend(held_up);
        self.begin_after_last();
        room.minus(left)
    }

    /// Puts the circle in order, whoever comes after the last one served in front.
    fn begin_after_last(&mut self) {
        let circle = self.waiting.make_contiguous();
        circle.sort_unstable_by_key(|(sender, _)| *sender);
        let first = circle.partition_point(|(sender, _)| Some(*sender) <= self.last);
        circle.rotate_left(first);
    }
}

#[cfg(test)]
mod tests;
