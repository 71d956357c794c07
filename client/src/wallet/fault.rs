//! Why a wallet cannot do what is asked, by whose fault it is. No fault names a label, a word or a key.

use std::path::PathBuf;

use inro_contracts::id::ChainId;
use inro_genesis::files::FileFault;
use inro_genesis::keyfile::KeyFault;

use super::secret::BadWords;

/// Why a wallet cannot do what is asked.
#[derive(Debug, thiserror::Error)]
pub enum WalletFault {
    /// The file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileFault),
    /// A passphrase or the key of a store cannot be had.
    #[error(transparent)]
    Key(#[from] KeyFault),
    /// The words cannot be used.
    #[error(transparent)]
    Words(#[from] BadWords),
    /// Not a wallet file of any kind.
    #[error("{} is not a wallet file; name a file that `inro wallet new` or `inro wallet restore` made", .0.display())]
    NotAWallet(PathBuf),
    /// Made by a newer program.
    #[error("{} is a wallet file of version {found}, and this program reads version {readable}; use a newer program", .path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// What it says.
        found: u8,
        /// What this program reads.
        readable: u8,
    },
    /// Cut off, or changed by accident.
    #[error(
        "{} is damaged: its bytes are not those that were written; take a backup, or restore the wallet from its words with \
         `inro wallet restore`",
        .0.display()
    )]
    Damaged(PathBuf),
    /// Opening the file would cost more than any sound file.
    #[error("{} asks for more memory or time than any sound wallet file; do not use it", .0.display())]
    TooCostly(PathBuf),
    /// The passphrase does not open the file.
    #[error("the passphrase does not open {}; check which passphrase belongs to this wallet", .0.display())]
    WrongPassphrase(PathBuf),
    /// A file of a store was moved out of it, or the other way round.
    #[error("{} and the key of the folder it lies in do not belong together; put the file back where it was made", .0.display())]
    OtherStore(PathBuf),
    /// Another program wrote the file since, under another passphrase.
    #[error("{} was encrypted anew by another program in the meantime; run the command again", .0.display())]
    Changed(PathBuf),
    /// Something other than the wallet's passphrase protects it.
    #[error("{} has no passphrase of its own; change that of its store: inro key change-passphrase {}", .path.display(), .key.display())]
    KeptInStore {
        /// The wallet.
        path: PathBuf,
        /// The store's key.
        key: PathBuf,
    },
    /// The wallet is for another ledger.
    #[error("this wallet is for the ledger {}, not {}; check --node and --chain", .expected.to_hex(), .found.to_hex())]
    OtherLedger {
        /// The wallet's.
        expected: ChainId,
        /// The one at hand.
        found: ChainId,
    },
    /// The wallet does not know the account.
    #[error("this wallet has no such account; `inro wallet accounts` lists those it has, `inro wallet scan` looks for others")]
    UnknownAccount,
    /// The account is there, but another key speaks for it now.
    #[error("another key than this wallet's speaks for the account now; if that is wrong, ask two facilities to recover it")]
    NotTheController,
    /// The patient agreed to the account, but it is not on the ledger yet.
    #[error("the account is agreed to, but not open yet; once the facility has opened it, run `inro wallet scan`")]
    NotOpenYet,
    /// The wallet is not a guardian of the account.
    #[error("this wallet's guardian key was not appointed for the account; make one with `inro wallet guardian-key`")]
    NotAGuardian,
    /// The file would become too long.
    #[error("the wallet is full: {0}")]
    Full(&'static str),
    /// An account cannot be what the ledger says: our own bug, or a secret that somebody else also has.
    #[error(
        "an account opened with this wallet's key stands at another facility than the one agreed to; treat the words as exposed"
    )]
    WrongCustodian,
}

impl WalletFault {
    /// Could what was given not be understood? Otherwise it was understood, and something is not in the right state.
    pub fn is_bad_input(&self) -> bool {
        match self {
            Self::File(fault) => fault.is_bad_input(),
            Self::Key(fault) => fault.is_bad_input(),
            Self::Words(_) | Self::NotAWallet(_) | Self::Version { .. } | Self::TooCostly(_) => true,
            _ => false,
        }
    }
}
