//! The verifier's numbered steps (`docs/spec/evidence.md`), and the fault that names the first one that fails. A step's number
//! never changes and is never reused.

use serde::{Serialize, Serializer};

macro_rules! steps {
    ($($name:ident = $number:literal, $code:literal, $fails:ident, $text:literal;)*) => {
        /// One step of the verifier.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Step {
            $(#[doc = $text] $name = $number,)*
        }

        impl Step {
            /// Every step, in the order in which they are taken.
            pub const ALL: &'static [Step] = &[$(Step::$name),*];

            /// The step's code.
            pub fn code(self) -> &'static str {
                match self { $(Step::$name => $code,)* }
            }

            /// What holds if the step succeeds.
            pub fn text(self) -> &'static str {
                match self { $(Step::$name => $text,)* }
            }

            /// Is a file that fails here malformed, or does it not prove what it states?
            pub fn fails(self) -> Verdict {
                match self { $(Step::$name => Verdict::$fails,)* }
            }
        }
    };
}

/// Whose fault it is that a file proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The bytes are not an evidence file.
    Malformed,
    /// It is an evidence file and does not prove what it states.
    False,
}

steps! {
    Size = 1, "V-1", Malformed, "The file is not too large.";
    Magic = 2, "V-2", Malformed, "Magic and version are known.";
    Form = 3, "V-3", Malformed, "The bytes are the canonical form of an evidence file.";
    Chain = 4, "V-4", False, "The file is of the ledger that the founding document founds.";
    Start = 5, "V-5", False, "A pinned start is the block that the verifier trusts.";
    HeaderChain = 6, "V-6", False, "The header is of this ledger.";
    HeaderPlace = 7, "V-7", False, "The header's height is in its place.";
    HeaderValidators = 8, "V-8", False, "The header names the validator set in force.";
    CertificateBlock = 9, "V-9", False, "The certificate is for the header.";
    Quorum = 10, "V-10", False, "Validators with more than two thirds of the power signed, and nobody else.";
    Signatures = 11, "V-11", False, "Every validator's signature holds.";
    Change = 12, "V-12", False, "The change's header names the next validator set, and it is another one.";
    EntryPlace = 13, "V-13", Malformed, "The entry's place lies in the block, and its path has the length for it.";
    EntryRoot = 14, "V-14", False, "The entry stands at its place in the block.";
    EntrySignatures = 15, "V-15", False, "The transaction is for this ledger, and its signatures hold.";
    State = 16, "V-16", False, "The state has the account as the file says.";
    JournalLength = 17, "V-17", False, "There are as many events as the account has.";
    JournalOrder = 18, "V-18", False, "The events are in order, and none is later than the header.";
    JournalAccount = 19, "V-19", False, "Every event is the account's, and the first one opens it.";
    JournalHead = 20, "V-20", False, "The events make the journal that the account's object names.";
    Parent = 21, "V-21", False, "The parent is the block before.";
    AccessEvent = 22, "V-22", False, "The entry is an access, and an event of the account's journal.";
    Facts = 23, "V-23", False, "The state before the block has the facts as the file says.";
    Earlier = 24, "V-24", False, "The earlier entries stand before the access in its block, and change facts.";
    Follow = 25, "V-25", False, "The journal can be followed, and leads to the account's object.";
    Replay = 26, "V-26", False, "All that the decision reads is in the file.";
    Outcome = 27, "V-27", False, "The decision made again is the one on the ledger.";
    Older = 28, "V-28", False, "The older block is older than the newer one.";
    Inclusion = 29, "V-29", False, "The older block is in the newer one's history.";
    Consistency = 30, "V-30", False, "The older block's history is the beginning of the newer one's.";
    Fork = 31, "V-31", False, "The two blocks are different ones of one height, in the order of their ids.";
}

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.code(), self.text())
    }
}

impl Serialize for Step {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

/// Why a file proves nothing: the first step that failed, and what was found there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} evidence, step {step}: {found}", if self.is_malformed() { "malformed" } else { "false" })]
pub struct Fault {
    /// The step.
    pub step: Step,
    /// What was found. Names no account and no record.
    pub found: String,
}

impl Fault {
    /// The bytes are not an evidence file.
    pub fn is_malformed(&self) -> bool {
        self.step.fails() == Verdict::Malformed
    }
}

impl Step {
    /// The fault that this step failed.
    pub fn failed(self, found: impl std::fmt::Display) -> Fault {
        Fault { step: self, found: found.to_string() }
    }

    /// `Ok` if the condition holds.
    pub(crate) fn require(self, holds: bool, found: impl FnOnce() -> String) -> Result<(), Fault> {
        if holds { Ok(()) } else { Err(self.failed(found())) }
    }
}
