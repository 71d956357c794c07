//! Why a command fails, and the exit status that says so.

use inro_client::ClientError;
use inro_client::evidence::{NoEvidence, NoReceipt};
use inro_client::light::Distrust;
use inro_client::light::witness::NotWitnessed;
use inro_client::verify::FalseAnswer;
use inro_client::wallet::WalletFault;
use inro_client::wallet::scan::ScanFault;
use inro_genesis::ceremony::CeremonyFault;
use inro_genesis::files::FileFault;
use inro_genesis::keyfile::KeyFault;

use crate::words;

/// A failed command.
#[derive(Debug)]
pub struct Fault {
    /// Could the input not be understood?
    pub is_bad_input: bool,
    /// What happened, why, and what to do.
    pub sentence: String,
    /// The same in Japanese, where there is one.
    pub japanese: Option<String>,
    /// The code of the ledger's rule that was broken, if one was.
    pub rule: Option<String>,
}

impl Fault {
    /// The input was understood; what it asks is refused, or something is not in the right state.
    pub fn refused(sentence: impl Into<String>) -> Self {
        Self { is_bad_input: false, sentence: sentence.into(), japanese: None, rule: None }
    }

    /// The input could not be understood.
    pub fn bad_input(sentence: impl Into<String>) -> Self {
        Self { is_bad_input: true, sentence: sentence.into(), japanese: None, rule: None }
    }

    /// The same fault, with its sentence in Japanese.
    pub fn in_japanese(self, sentence: impl Into<String>) -> Self {
        Self { japanese: Some(sentence.into()), ..self }
    }

    /// The exit status.
    pub fn status(&self) -> u8 {
        if self.is_bad_input { 2 } else { 1 }
    }
}

impl From<FileFault> for Fault {
    fn from(fault: FileFault) -> Self {
        let japanese = words::file_fault_in_japanese(&fault);
        Self { is_bad_input: fault.is_bad_input(), sentence: fault.to_string(), japanese, rule: None }
    }
}

impl From<KeyFault> for Fault {
    fn from(fault: KeyFault) -> Self {
        let japanese = words::key_fault_in_japanese(&fault);
        Self { is_bad_input: fault.is_bad_input(), sentence: fault.to_string(), japanese, rule: None }
    }
}

impl From<WalletFault> for Fault {
    fn from(fault: WalletFault) -> Self {
        match fault {
            WalletFault::File(fault) => fault.into(),
            WalletFault::Key(fault) => fault.into(),
            fault => {
                let japanese = words::wallet_fault_in_japanese(&fault);
                Self { is_bad_input: fault.is_bad_input(), sentence: fault.to_string(), japanese, rule: None }
            }
        }
    }
}

impl From<ScanFault> for Fault {
    fn from(fault: ScanFault) -> Self {
        match fault {
            ScanFault::Wallet(fault) => fault.into(),
            ScanFault::Distrust(Distrust::Client(error)) => error.into(),
            ScanFault::Distrust(distrust) => {
                let japanese = words::distrust_in_japanese(&distrust);
                Self { japanese, ..Self::refused(distrust.to_string()) }
            }
            ScanFault::NoNode => Self::bad_input(fault.to_string()),
            ScanFault::OtherLedger { .. } => Self::refused(fault.to_string()),
        }
    }
}

impl From<Distrust> for Fault {
    fn from(distrust: Distrust) -> Self {
        ScanFault::Distrust(distrust).into()
    }
}

impl From<CeremonyFault> for Fault {
    fn from(fault: CeremonyFault) -> Self {
        match fault {
            CeremonyFault::File(fault) => fault.into(),
            CeremonyFault::Key(fault) => fault.into(),
            fault => {
                let japanese = words::ceremony_fault_in_japanese(&fault);
                Self { is_bad_input: fault.is_bad_input(), sentence: fault.to_string(), japanese, rule: None }
            }
        }
    }
}

impl From<ClientError> for Fault {
    fn from(error: ClientError) -> Self {
        let rule = error.problem().and_then(|problem| problem.rule.clone());
        let japanese = words::client_error_in_japanese(&error);
        Self { is_bad_input: matches!(error, ClientError::BadUrl { .. }), sentence: error.to_string(), japanese, rule }
    }
}

impl From<FalseAnswer> for Fault {
    fn from(answer: FalseAnswer) -> Self {
        Self::refused(format!("{answer}; do not trust this node: ask another one and tell its operator"))
    }
}

impl From<NoEvidence> for Fault {
    fn from(fault: NoEvidence) -> Self {
        match fault {
            NoEvidence::Distrust(distrust) => distrust.into(),
            fault => {
                let japanese = words::no_evidence_in_japanese(&fault);
                Self { japanese: Some(japanese), ..Self::refused(fault.to_string()) }
            }
        }
    }
}

impl From<NoReceipt> for Fault {
    fn from(fault: NoReceipt) -> Self {
        match fault {
            NoReceipt::Fault(fault) => fault.into(),
            NoReceipt::OfAnother => Self::refused(fault.to_string())
                .in_japanese("この閲覧の受領証ではありません。渡した相手を信用せず、ノードの管理者に知らせてください。"),
        }
    }
}

impl From<NotWitnessed> for Fault {
    fn from(fault: NotWitnessed) -> Self {
        Self::refused(fault.to_string()).in_japanese(words::not_witnessed_in_japanese(&fault))
    }
}

impl From<inro_evidence::Fault> for Fault {
    fn from(fault: inro_evidence::Fault) -> Self {
        let japanese = words::evidence_fault_in_japanese(&fault);
        Self { rule: Some(fault.step.code().into()), japanese: Some(japanese), ..Self::refused(fault.to_string()) }
    }
}
