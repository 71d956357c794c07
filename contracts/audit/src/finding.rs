//! Findings: what is wrong with a ledger, where, and which rule says so.

use inro_contracts::certificate::BadCertificate;
use inro_contracts::machine::Inadmissible;
use inro_contracts::time::Height;
use serde::{Serialize, Serializer};

macro_rules! steps {
    ($($name:ident, $rule:literal, $word:literal, $text:literal;)*) => {
        /// What an audit checks, in the order in which it checks a block. Words and rules are printed; they do not change.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Step { $(#[doc = $text] $name,)* }

        impl Step {
            /// Every step.
            pub const ALL: &'static [Step] = &[$(Step::$name),*];

            /// The rule's code, as in the specification.
            pub fn rule(self) -> &'static str {
                match self { $(Step::$name => $rule,)* }
            }

            /// The step's word.
            pub fn word(self) -> &'static str {
                match self { $(Step::$name => $word,)* }
            }

            /// What has to hold, in a sentence.
            pub fn text(self) -> &'static str {
                match self { $(Step::$name => $text,)* }
            }
        }
    };
}

steps! {
    Height, "L-1", "height", "A block's height is its parent's plus one.";
    Chain, "L-1", "chain", "A header names this ledger.";
    Parent, "L-1", "parent", "A header names the block before.";
    Time, "L-6", "time", "A block's time is after its parent's.";
    Clock, "L-6", "clock", "A block's time is not in the future.";
    Proposer, "L-1", "proposer", "A block is proposed by somebody who votes.";
    Validators, "L-1", "validators", "A header names the validator set that follows from the ledger.";
    NextValidators, "L-1", "next-validators", "A header names the next block's validator set as it follows from the ledger.";
    CertificateBlock, "L-1", "certificate-block", "A certificate is for its block's header.";
    CertificateOrder, "L-1", "certificate-order", "A certificate's signatures stand in strict order.";
    CertificateStranger, "L-1", "certificate-stranger", "A certificate is signed by members of the height's validator set.";
    CertificateSignature, "L-11", "certificate-signature", "A certificate's signatures hold.";
    CertificateQuorum, "L-1", "certificate-quorum", "A certificate has more than two thirds of the voting power.";
    EntriesCount, "L-2", "entries-count", "A block has as many entries as its header says.";
    EntriesRoot, "L-2", "entries-root", "A block's entries lead to its header's root.";
    Entry, "L-2", "entry", "An entry has its canonical form.";
    Signature, "L-11", "signature", "A transaction's signatures hold.";
    OtherChain, "L-9.1", "other-chain", "A transaction names this ledger.";
    Void, "L-9.2", "void", "A transaction stands in no block after its time is over.";
    TooFarAhead, "L-9.3", "too-far-ahead", "A transaction's end lies no further ahead than allowed.";
    Replayed, "L-9.4", "replayed", "A transaction is committed once.";
    Size, "L-9", "size", "A block is no larger than the parameters allow.";
    Outcome, "L-5", "outcome", "An entry's outcome is what the rules give.";
    StateRoot, "L-3", "state-root", "A header's state root is what the ledger's transactions give.";
    HistoryRoot, "L-4", "history-root", "A header's history root is that of all earlier blocks.";
}

impl Serialize for Step {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

impl Step {
    /// Does it compare with the replayed state?
    pub fn needs_state(self) -> bool {
        matches!(
            self,
            Self::Proposer
                | Self::Validators
                | Self::NextValidators
                | Self::CertificateStranger
                | Self::CertificateQuorum
                | Self::Size
                | Self::Outcome
        )
    }

    /// The step that a bad certificate fails.
    pub fn of_certificate(fault: &BadCertificate) -> Self {
        match fault {
            BadCertificate::Order => Self::CertificateOrder,
            BadCertificate::Stranger(_) => Self::CertificateStranger,
            BadCertificate::Signature(_) => Self::CertificateSignature,
            BadCertificate::Quorum { .. } => Self::CertificateQuorum,
        }
    }

    /// The step that a transaction fails which cannot stand in its block.
    pub fn of_inadmissible(fault: Inadmissible) -> Self {
        match fault {
            Inadmissible::OtherChain => Self::OtherChain,
            Inadmissible::Void => Self::Void,
            Inadmissible::TooFarAhead => Self::TooFarAhead,
            Inadmissible::Committed => Self::Replayed,
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The block.
    pub height: Height,
    /// The last block for which the same was found without a break, if it is another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Height>,
    /// The entry's place in the block, if one entry is concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<u32>,
    /// What does not hold.
    pub step: Step,
    /// The rule's code.
    pub rule: &'static str,
    /// What had to be there.
    pub expected: String,
    /// What is there.
    pub found: String,
    /// From this height on the replayed state is not the one that the headers name, so this finding may only follow from that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub may_follow_from: Option<Height>,
}

/// Part of the ledger that could not be checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unchecked {
    /// From this height on.
    pub from: Height,
    /// Up to this one; open if to the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Height>,
    /// What could not be checked, and why.
    pub why: Gap,
}

/// Why something could not be checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gap {
    /// The copy ends early: nothing after this was there to be checked.
    CopyEnds,
    /// Blocks are missing before: outcomes, state and validator sets of these blocks do not follow from what is there.
    BlocksMissing,
    /// A block could not be replayed with its transactions: it was replayed without them.
    NotReplayed,
}

#[cfg(test)]
mod tests {
    use super::Step;

    #[test]
    fn no_two_steps_share_a_word() {
        for (index, step) in Step::ALL.iter().enumerate() {
            assert!(Step::ALL[..index].iter().all(|other| other.word() != step.word()), "{step:?}");
        }
    }
}
