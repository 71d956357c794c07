//! Emergencies: reasons, reviews with a deadline, quotas, and disaster windows.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use crate::bytes::{Canonical, List, Text};
use crate::id::{Hash, Label, OrganisationId, PractitionerId, TransactionId};
use crate::parameters::Parameters;
use crate::time::Time;

/// Most open reviews of one organisation that count against its quota.
pub const OPEN_REVIEWS_MAX: usize = 1024;
/// Most disaster windows at once.
pub const DISASTERS_MAX: usize = 16;
/// The longest disaster window, in milliseconds: 31 days.
pub const DISASTER_MS_MAX: u64 = 31 * 24 * 3600 * 1000;
const DAY_MS: u64 = 24 * 3600 * 1000;

/// Why the glass is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum EmergencyReason {
    /// The patient is unconscious or cannot speak.
    Unconscious = 1,
    /// Life is in danger.
    DangerToLife = 2,
    /// The patient cannot decide now.
    Incapable = 3,
    /// Others are in danger.
    DangerToOthers = 4,
    /// A disaster.
    Disaster = 5,
    /// Another reason, told in the text.
    Other = 255,
}

/// What a review found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Finding {
    /// The emergency was real.
    Justified = 1,
    /// It was not.
    NotJustified = 2,
    /// It could not be found out.
    Unclear = 3,
}

/// The review of one emergency access. Follows from the account's journal.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Review {
    /// The account.
    pub account: Label,
    /// For whom the reader acted.
    pub organisation: OrganisationId,
    /// Who read.
    pub practitioner: PractitionerId,
    /// When.
    pub at: Time,
    /// Until when it is to be reviewed.
    pub deadline: Time,
    /// Who reviewed it, when, with what finding.
    pub closed: Option<(PractitionerId, Time, Finding)>,
}

/// An open review, as its organisation's quota counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct OpenReview {
    /// The emergency access.
    pub access: TransactionId,
    /// Until when it is to be reviewed.
    pub deadline: Time,
}

/// One organisation's emergencies: how many today, and which still wait for a review.
#[derive(Debug, Clone, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct EmergencyDesk {
    /// The day that `used` counts: block time in days.
    pub day: u64,
    /// Emergency accesses of that day.
    pub used: u32,
    /// Reviews that are open, the oldest first.
    pub open: List<OpenReview, OPEN_REVIEWS_MAX>,
}

impl EmergencyDesk {
    /// How many emergency accesses are left at `now`. Every overdue review takes one away, each day until it is closed.
    pub fn left(&self, now: Time, parameters: &Parameters) -> u32 {
        let overdue = self.open.iter().filter(|review| review.deadline <= now).count() as u32;
        let used = if self.day == now.0 / DAY_MS { self.used } else { 0 };
        u32::from(parameters.emergency_quota).saturating_sub(overdue).saturating_sub(used)
    }

    /// Counts one more; its review is counted as open if there is room.
    pub fn count(&mut self, now: Time, review: OpenReview) {
        let day = now.0 / DAY_MS;
        if self.day != day {
            (self.day, self.used) = (day, 0);
        }
        self.used = self.used.saturating_add(1);
        // Only a disaster can open so many; the review itself exists all the same.
        let _ = self.open.push(review);
    }
}

/// A disaster window, by a vote of the members. It closes by itself.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Disaster {
    /// Where.
    pub area: Text<60>,
    /// Whose emergency accesses have no quota meanwhile.
    pub organisations: List<OrganisationId, 64>,
    /// When it ends.
    pub until: Time,
}

/// The disaster windows that were declared and are not over.
#[derive(Debug, Clone, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Disasters(pub List<Disaster, DISASTERS_MAX>);

impl Disasters {
    /// Is this organisation inside a window at `now`?
    pub fn include(&self, organisation: &OrganisationId, now: Time) -> bool {
        self.0.iter().any(|disaster| now < disaster.until && disaster.organisations.contains(organisation))
    }
}

/// What an emergency access says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmergencyClaim {
    /// The coded reason.
    pub reason: EmergencyReason,
    /// The salted hash of the text that the facility keeps.
    pub text: Hash,
}

impl Canonical for Review {
    const BYTES_MAX: usize = 256;
}
impl Canonical for EmergencyDesk {
    const BYTES_MAX: usize = 64 * 1024;
}
impl Canonical for Disasters {
    const BYTES_MAX: usize = 40 * 1024;
}
