//! Why somebody reads: the purposes of use, by their codes in HL7 v3 ActReason.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

macro_rules! purposes {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $code:literal;)*) => {
        /// A purpose of use (`http://terminology.hl7.org/CodeSystem/v3-ActReason`). The numbers are on the ledger and never
        /// change.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
        #[borsh(use_discriminant = true)]
        #[repr(u8)]
        pub enum Purpose {
            $($(#[$doc])* #[serde(rename = $code)] $name = $number,)*
        }

        impl Purpose {
            /// Every purpose.
            pub const ALL: &'static [Purpose] = &[$(Purpose::$name),*];

            /// The code of HL7 v3 ActReason.
            pub fn code(self) -> &'static str {
                match self { $(Purpose::$name => $code,)* }
            }
        }
    };
}

purposes! {
    /// Treatment.
    Treatment = 1, "TREAT";
    /// Emergency treatment, by somebody provisioned for it.
    EmergencyTreatment = 2, "ETREAT";
    /// Breaking the glass: an override by somebody not provisioned.
    BreakTheGlass = 3, "BTG";
    /// Coordination of care.
    CoordinationOfCare = 4, "COC";
    /// Care management.
    CareManagement = 5, "CAREMGT";
    /// The patient asked.
    PatientRequest = 6, "PATRQT";
    /// A family member asked.
    FamilyRequest = 7, "FAMRQT";
    /// A holder of a power of attorney asked.
    PowerOfAttorney = 8, "PWATRNY";
    /// Public health.
    PublicHealth = 9, "PUBHLTH";
    /// A disaster.
    Disaster = 10, "DISASTER";
    /// Health research.
    Research = 11, "HRESCH";
    /// A clinical trial.
    ClinicalTrial = 12, "CLINTRCH";
    /// Improvement of quality.
    Quality = 13, "HQUALIMP";
    /// Safety of patients.
    PatientSafety = 14, "PATSFTY";
}

impl Purpose {
    /// May an emergency be the basis of reading for this purpose?
    pub fn is_emergency(self) -> bool {
        matches!(self, Self::EmergencyTreatment | Self::BreakTheGlass | Self::Disaster)
    }
}

/// A text that is no purpose's code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "no purpose has this code; purposes are TREAT, ETREAT, BTG, COC, CAREMGT, PATRQT, FAMRQT, PWATRNY, PUBHLTH, DISASTER, HRESCH, CLINTRCH, HQUALIMP, PATSFTY"
)]
pub struct NoPurpose;

impl std::str::FromStr for Purpose {
    type Err = NoPurpose;
    fn from_str(text: &str) -> Result<Self, NoPurpose> {
        Self::ALL.iter().copied().find(|purpose| purpose.code().eq_ignore_ascii_case(text)).ok_or(NoPurpose)
    }
}
