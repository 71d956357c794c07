//! Why a command fails, and the exit status that says so.

use inro_client::ClientError;
use inro_client::verify::FalseAnswer;
use inro_genesis::ceremony::CeremonyFault;
use inro_genesis::files::FileFault;
use inro_genesis::keyfile::KeyFault;

/// A failed command.
#[derive(Debug)]
pub struct Fault {
    /// Could the input not be understood?
    pub is_bad_input: bool,
    /// What happened, why, and what to do.
    pub sentence: String,
    /// The code of the ledger's rule that was broken, if one was.
    pub rule: Option<String>,
}

impl Fault {
    /// The input was understood; what it asks is refused, or something is not in the right state.
    pub fn refused(sentence: impl Into<String>) -> Self {
        Self { is_bad_input: false, sentence: sentence.into(), rule: None }
    }

    /// The input could not be understood.
    pub fn bad_input(sentence: impl Into<String>) -> Self {
        Self { is_bad_input: true, sentence: sentence.into(), rule: None }
    }

    /// The exit status.
    pub fn status(&self) -> u8 {
        if self.is_bad_input { 2 } else { 1 }
    }
}

impl From<FileFault> for Fault {
    fn from(fault: FileFault) -> Self {
        Self { is_bad_input: fault.is_bad_input(), sentence: fault.to_string(), rule: None }
    }
}

impl From<KeyFault> for Fault {
    fn from(fault: KeyFault) -> Self {
        Self { is_bad_input: fault.is_bad_input(), sentence: fault.to_string(), rule: None }
    }
}

impl From<CeremonyFault> for Fault {
    fn from(fault: CeremonyFault) -> Self {
        Self { is_bad_input: fault.is_bad_input(), sentence: fault.to_string(), rule: None }
    }
}

impl From<ClientError> for Fault {
    fn from(error: ClientError) -> Self {
        let rule = error.problem().and_then(|problem| problem.rule.clone());
        Self { is_bad_input: matches!(error, ClientError::BadUrl { .. }), sentence: error.to_string(), rule }
    }
}

impl From<FalseAnswer> for Fault {
    fn from(answer: FalseAnswer) -> Self {
        Self::refused(format!("{answer}; do not trust this node: ask another one and tell its operator"))
    }
}
