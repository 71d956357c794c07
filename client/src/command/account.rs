//! `inro account`: a patient's account at one custodian.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use inro_client::wallet::{Agreement, WalletFile};
use inro_contracts::account::{Account, AccountOpening, Guardian, Powers};
use inro_contracts::id::{ChainId, Hash, Label, OrganisationId, PractitionerId};
use inro_contracts::key::{PublicKey, Signature};
use inro_contracts::transaction::Action;
use serde_json::json;

use super::act::Actor;
use crate::arguments::{Acting, Common, NewKey, Valid};
use crate::fault::Fault;
use crate::output::Console;

#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "Example:\n  inro account 8c…\n  inro account open --account-key account.pem --key keys/practitioner-1.pem"
)]
pub struct AccountArguments {
    /// The account to show.
    #[arg(required = true)]
    label: Option<Label>,
    #[command(subcommand)]
    command: Option<AccountCommand>,
}

#[derive(Debug, Subcommand)]
pub enum AccountCommand {
    /// Open an account. Signed by a practitioner of the custodian; carries the patient's agreement.
    #[command(after_help = "Example:\n  inro account open --wallet hanako.wallet --key keys/practitioner-1.pem")]
    Open {
        #[command(flatten)]
        patient: Patient,
        /// The wallet is kept by the facility, for a person without a device.
        #[arg(long)]
        custodial: bool,
        /// The practitioner who signs; otherwise the one whose first key it is.
        #[arg(long, value_name = "HEX")]
        practitioner: Option<PractitionerId>,
        #[command(flatten)]
        acting: Acting,
    },
    /// Replace the account's controller. Signed by the controller.
    #[command(after_help = "Example:\n  inro account rotate 8c… --new-key account-2.pem --key account.pem")]
    Rotate {
        /// The account.
        label: Label,
        #[command(flatten)]
        new_key: NewKey,
        /// The wallet that holds the new key is kept by the facility.
        #[arg(long)]
        custodial: bool,
        #[command(flatten)]
        acting: Acting,
    },
    /// Appoint a guardian or carer. Signed by the controller.
    #[command(after_help = "Example:\n  inro account appoint-guardian 8c… --guardian 5d… --powers read-journal,grant \\\n    \
        --valid-days 365 --key account.pem")]
    AppointGuardian {
        /// The account.
        label: Label,
        /// The guardian's key.
        #[arg(long, value_name = "HEX")]
        guardian: PublicKey,
        /// What the guardian may do: read-journal, read-records, grant, seal, veto-recovery.
        #[arg(long, required = true, value_delimiter = ',', value_parser = power_of)]
        powers: Vec<Powers>,
        #[command(flatten)]
        valid: Valid,
        #[command(flatten)]
        acting: Acting,
    },
    /// Dismiss a guardian. Signed by the controller, or by the guardian.
    #[command(after_help = "Example:\n  inro account dismiss-guardian 8c… --guardian 5d… --key account.pem")]
    DismissGuardian {
        /// The account.
        label: Label,
        /// The guardian's key.
        #[arg(long, value_name = "HEX")]
        guardian: PublicKey,
        #[command(flatten)]
        acting: Acting,
    },
    /// State that a person's identity was checked for a new key. Signed by a practitioner; two organisations have to.
    #[command(after_help = "Example:\n  inro account attest-recovery 8c… --new-public 4a… --possession 44… \\\n    \
        --key keys/practitioner-1.pem")]
    AttestRecovery {
        /// The account.
        label: Label,
        #[command(flatten)]
        new_key: NewKey,
        /// The practitioner who signs; otherwise the one whose first key it is.
        #[arg(long, value_name = "HEX")]
        practitioner: Option<PractitionerId>,
        #[command(flatten)]
        acting: Acting,
    },
    /// Stop a recovery. Signed by the controller, or by a guardian with that power.
    #[command(after_help = "Example:\n  inro account veto-recovery 8c… --key account.pem")]
    VetoRecovery {
        /// The account.
        label: Label,
        #[command(flatten)]
        acting: Acting,
    },
    /// End a recovery after its delay. Signed by the new key.
    #[command(after_help = "Example:\n  inro account complete-recovery 8c… --key account-2.pem")]
    CompleteRecovery {
        /// The account.
        label: Label,
        #[command(flatten)]
        acting: Acting,
    },
}

/// The patient's first key for the account and the patient's agreement.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub struct Patient {
    /// The first key's file; it is opened with the same passphrase as --key.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["first_key", "agreement", "wallet"])]
    account_key: Option<PathBuf>,
    /// The patient's wallet, from which the first key is derived.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["first_key", "agreement"])]
    wallet: Option<PathBuf>,
    /// A file (mode 0600) with its passphrase. Otherwise the variable INRO_WALLET_PASSPHRASE, otherwise as for --key.
    #[arg(long, value_name = "FILE", requires = "wallet")]
    wallet_passphrase_file: Option<PathBuf>,
    /// The first public key, when its secret is elsewhere.
    #[arg(long, value_name = "HEX", requires = "agreement")]
    first_key: Option<PublicKey>,
    /// The agreement, made there with `inro wallet agree` or `inro key agree`.
    #[arg(long, value_name = "HEX", requires = "first_key")]
    agreement: Option<Signature>,
}

/// A first key with the patient's agreement; the wallet that they come from, if one is at hand.
struct Agreed {
    first_key: PublicKey,
    signature: Signature,
    custodial: bool,
    wallet: Option<WalletFile>,
}

impl Patient {
    fn agree(&self, common: &Common, chain: ChainId, custodian: OrganisationId, custodial: bool) -> Result<Agreed, Fault> {
        match (&self.account_key, &self.wallet, self.first_key, self.agreement) {
            (Some(path), ..) => {
                let secret = common.open(path)?;
                let first_key = secret.public();
                let signature = AccountOpening { chain, custodian, first_key, custodial }.sign(&secret);
                Ok(Agreed { first_key, signature, custodial, wallet: None })
            }
            (None, Some(path), ..) => self.agree_by_wallet(common, path, chain, custodian, custodial),
            (None, None, Some(first_key), Some(signature)) => Ok(Agreed { first_key, signature, custodial, wallet: None }),
            _ => Err(Fault::bad_input(
                "name the patient's key with --wallet FILE, with --account-key FILE, or with --first-key and --agreement",
            )),
        }
    }

    /// The wallet itself knows whether a facility keeps it.
    fn agree_by_wallet(
        &self,
        common: &Common,
        path: &Path,
        chain: ChainId,
        custodian: OrganisationId,
        custodial: bool,
    ) -> Result<Agreed, Fault> {
        let mut file = super::wallet::open(common, path, self.wallet_passphrase_file.as_ref())?;
        file.wallet().expect_chain(&chain)?;
        if custodial && !file.wallet().is_custodial() {
            return Err(Fault::bad_input(format!("{} is the patient's own wallet; leave out --custodial", path.display())));
        }
        let Agreement { opening, signature, .. } = file.update(|wallet| wallet.agree(&custodian))?;
        Ok(Agreed { first_key: opening.first_key, signature, custodial: opening.custodial, wallet: Some(file) })
    }
}

/// A guardian's power by its name.
pub fn power_of(text: &str) -> Result<Powers, String> {
    match text {
        "read-journal" => Ok(Powers::READ_JOURNAL),
        "grant" => Ok(Powers::GRANT),
        "seal" => Ok(Powers::SEAL),
        "veto-recovery" => Ok(Powers::VETO_RECOVERY),
        "read-records" => Ok(Powers::READ_RECORDS),
        _ => Err("a power is read-journal, read-records, grant, seal or veto-recovery".into()),
    }
}

pub async fn run(common: &Common, console: &Console, arguments: AccountArguments) -> Result<(), Fault> {
    match (arguments.command, arguments.label) {
        (Some(command), _) => act(common, console, command).await,
        (None, Some(label)) => console.print_object(&common.connect(None).await?.account(&label).await?),
        (None, None) => Err(Fault::bad_input("name the account to show")),
    }
}

async fn act(common: &Common, console: &Console, command: AccountCommand) -> Result<(), Fault> {
    match command {
        AccountCommand::Open { patient, custodial, practitioner, acting } => {
            let actor = Actor::new(common, console, &acting).await?;
            let practitioner = actor.practitioner(practitioner);
            let custodian = actor.node.practitioner(&practitioner).await?.organisation;
            let agreed = patient.agree(common, actor.chain, custodian, custodial)?;
            let Agreed { first_key, signature: agreement, custodial, wallet } = agreed;
            let label = Account::label_of(&first_key);
            let action = Action::OpenAccount { practitioner, custodian, first_key, custodial, agreement };
            actor.act(action, &[("account", json!(label))]).await?;
            match wallet {
                // What was not waited for is found by `inro wallet scan`.
                Some(mut file) if !acting.no_wait => Ok(file.update(|wallet| wallet.note_open(&label))?),
                _ => Ok(()),
            }
        }
        AccountCommand::Rotate { label, new_key, custodial, acting } => {
            let actor = Actor::new(common, console, &acting).await?;
            let (key, possession) = new_key.prove(common, actor.chain, |_| Hash(label.0))?;
            actor
                .act(Action::RotateController { account: label, key, custodial, possession }, &[("controller", json!(key))])
                .await
        }
        AccountCommand::AppointGuardian { label, guardian, powers, valid, acting } => {
            let actor = Actor::new(common, console, &acting).await?;
            let powers = Powers(powers.iter().fold(0, |all, power| all | power.0));
            let guardian = Guardian { key: guardian, powers, validity: valid.validity(actor.now)? };
            actor.act(Action::AppointGuardian { account: label, guardian }, &[]).await
        }
        AccountCommand::DismissGuardian { label, guardian, acting } => {
            let actor = Actor::new(common, console, &acting).await?;
            actor.act(Action::DismissGuardian { account: label, guardian }, &[]).await
        }
        AccountCommand::AttestRecovery { label, new_key, practitioner, acting } => {
            let actor = Actor::new(common, console, &acting).await?;
            let practitioner = actor.practitioner(practitioner);
            let (new_key, possession) = new_key.prove(common, actor.chain, |_| Hash(label.0))?;
            actor.act(Action::AttestRecovery { account: label, practitioner, new_key, possession }, &[]).await
        }
        AccountCommand::VetoRecovery { label, acting } => {
            let actor = Actor::new(common, console, &acting).await?;
            actor.act(Action::VetoRecovery { account: label }, &[]).await
        }
        AccountCommand::CompleteRecovery { label, acting } => {
            let actor = Actor::new(common, console, &acting).await?;
            actor.act(Action::CompleteRecovery { account: label }, &[]).await
        }
    }
}
