//! The scenario that must always run (P1 to P8), on real nodes, with real documents: a patient knows who has which of the own
//! records, seals some, consents at a visit; a physician reads everywhere in one call, writes a chart, consults a colleague, and
//! closes the case; and everybody who may not read is refused.
//!
//! The demo plays it on the processes that it started, the whole-system test on its cluster.

mod forbidden;
mod people;
mod steps;

use std::path::{Path, PathBuf};
use std::time::Instant;

pub use people::{Facility, Patient};

use crate::treatment::Failure;

/// What one step showed.
#[derive(Debug, Clone)]
pub struct Shown {
    /// The step's short name.
    pub step: &'static str,
    /// Did it show what it should?
    pub ok: bool,
    /// How long it took.
    pub millis: u128,
    /// In a sentence.
    pub detail: String,
}

/// The facilities, the patient, and what has happened so far.
pub struct Play {
    /// At least three: the first keeps what is sealed, the second is visited, the third is consulted.
    pub facilities: Vec<Facility>,
    /// Hojo.
    pub patient: Patient,
    /// Where each facility's documents lie: a folder each, by the facility's short name.
    pub documents: PathBuf,
    /// What was shown.
    pub shown: Vec<Shown>,
    on_step: fn(&Shown, &str),
    memory: steps::Memory,
}

impl Play {
    /// A play with these people and documents; `on_step` hears of each step and its title.
    pub fn new(facilities: Vec<Facility>, patient: Patient, documents: &Path, on_step: fn(&Shown, &str)) -> Self {
        let (shown, memory) = (Vec::new(), steps::Memory::default());
        Self { facilities, patient, documents: documents.into(), shown, on_step, memory }
    }

    /// Plays everything. Stops at the first step that fails; says whether all held.
    pub async fn all(&mut self) -> bool {
        macro_rules! step {
            ($name:literal, $title:literal, $act:expr) => {
                let began = Instant::now();
                let outcome: Result<String, Failure> = $act.await;
                if !self.note($name, $title, began, outcome) {
                    return false;
                }
            };
        }
        step!("intake", "The facilities hand their documents in", self.take_in_documents());
        step!("P1", "Hojo sees all own records, and reads one", self.patient_sees_own_records());
        step!("P2", "Hojo seals records of the first facility", self.patient_seals());
        step!("P3", "Hojo visits the second facility and consents", self.patient_consents());
        step!("P4", "Dr. X reads Hojo's records everywhere, in one call", self.physician_reads_everywhere());
        step!("P5", "Dr. X writes a new chart, governed at once", self.physician_writes_chart());
        step!("P6", "Dr. X opens a consult with Dr. Y", self.physician_opens_consult());
        step!("P7", "Dr. Y reads by linked ID and answers", self.specialist_reads_and_answers());
        step!("P8", "Dr. X settles the plan; the consult closes", self.physician_closes());
        step!("sealed", "A sealed record cannot be read", self.sealed_record_is_refused());
        step!("outside-consult", "Outside the consult nothing can be read", self.outside_the_consult_is_refused());
        step!("purpose", "For another purpose nothing can be read", self.other_purpose_is_refused());
        step!("category", "Another category cannot be read", self.other_category_is_refused());
        step!("expired", "After the consent's end nothing can be read", self.expired_consent_is_refused());
        step!("revoked", "After a revocation nothing can be read", self.revoked_consent_is_refused());
        step!("emergency", "An emergency is announced and to be reviewed", self.emergency_is_announced());
        step!("stranger", "A stranger cannot even ask", self.stranger_is_refused());
        step!("suspended", "A suspended organisation cannot read", self.suspended_organisation_is_refused());
        step!("history", "Hojo sees who read, and who tried", self.patient_sees_who_read());
        true
    }

    fn note(&mut self, step: &'static str, title: &str, began: Instant, outcome: Result<String, Failure>) -> bool {
        let millis = began.elapsed().as_millis();
        let shown = match outcome {
            Ok(detail) => Shown { step, ok: true, millis, detail },
            Err(detail) => Shown { step, ok: false, millis, detail },
        };
        (self.on_step)(&shown, title);
        let ok = shown.ok;
        self.shown.push(shown);
        ok
    }
}
