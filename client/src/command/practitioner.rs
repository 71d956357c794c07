//! `inro practitioner`: the people who act for an organisation.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use inro_contracts::id::{Hash, PractitionerId};
use inro_contracts::organisation::{Practitioner, Role};
use inro_contracts::transaction::Action;
use inro_genesis::licence::Licence;
use serde_json::json;

use super::act::Actor;
use crate::arguments::{Acting, Common, NewKey, Valid, word};
use crate::fault::Fault;
use crate::output::Console;

#[derive(Debug, Subcommand)]
pub enum PractitionerCommand {
    /// Show a practitioner.
    #[command(after_help = "Example:\n  inro practitioner show 2f…")]
    Show {
        /// The practitioner's id.
        practitioner: PractitionerId,
    },
    /// Register a practitioner. Signed by the authority.
    #[command(after_help = "Example:\n  inro practitioner register --role physician --new-key keys/practitioner-2.pem \\\n    \
        --licence-file keys/practitioner-2.licence.json --licence-number 123456 --key keys/authority.pem")]
    Register {
        /// The role.
        #[arg(long, value_parser = word::<Role>)]
        role: Role,
        #[command(flatten)]
        licence: LicenceArguments,
        #[command(flatten)]
        valid: Valid,
        #[command(flatten)]
        new_key: NewKey,
        #[command(flatten)]
        acting: Acting,
    },
    /// Set a practitioner's validity anew, also after it ended. Signed by the authority.
    #[command(after_help = "Example:\n  inro practitioner renew 2f… --valid-days 730 --key keys/authority.pem")]
    Renew {
        /// The practitioner's id.
        practitioner: PractitionerId,
        #[command(flatten)]
        valid: Valid,
        #[command(flatten)]
        acting: Acting,
    },
    /// Replace a practitioner's key. Signed by the old key or the authority.
    #[command(after_help = "Example:\n  inro practitioner rotate 2f… --new-key keys/practitioner-1b.pem \\\n    \
        --key keys/practitioner-1.pem")]
    Rotate {
        /// The practitioner's id.
        practitioner: PractitionerId,
        #[command(flatten)]
        new_key: NewKey,
        #[command(flatten)]
        acting: Acting,
    },
    /// Suspend a practitioner. Signed by the authority.
    #[command(after_help = "Example:\n  inro practitioner suspend 2f… --key keys/authority.pem")]
    Suspend {
        /// The practitioner's id.
        practitioner: PractitionerId,
        #[command(flatten)]
        acting: Acting,
    },
    /// Let a suspended practitioner act again. Signed by the authority.
    #[command(after_help = "Example:\n  inro practitioner reinstate 2f… --key keys/authority.pem")]
    Reinstate {
        /// The practitioner's id.
        practitioner: PractitionerId,
        #[command(flatten)]
        acting: Acting,
    },
}

#[derive(Debug, Args)]
pub struct LicenceArguments {
    /// A file (mode 0600) with the licence's number and salt; it is made if there is none.
    #[arg(long, value_name = "FILE", required_unless_present = "licence_hash")]
    licence_file: Option<PathBuf>,
    /// The licence's number, for a file that is to be made; without it, the hash stands for a number that is not stated.
    #[arg(long, value_name = "NUMBER", requires = "licence_file")]
    licence_number: Option<String>,
    /// The licence's salted hash, when number and salt are elsewhere.
    #[arg(long, value_name = "HEX", conflicts_with = "licence_file")]
    licence_hash: Option<Hash>,
}

impl LicenceArguments {
    fn hash(&self) -> Result<Hash, Fault> {
        match (&self.licence_file, self.licence_hash) {
            (None, Some(hash)) => Ok(hash),
            (None, None) => Err(Fault::bad_input("name the licence with --licence-file or --licence-hash")),
            (Some(path), _) if !path.exists() => {
                let licence = Licence::new(self.licence_number.clone().unwrap_or_default());
                licence.write(path)?;
                Ok(licence.hash())
            }
            (Some(path), _) if self.licence_number.is_some() => Err(inro_genesis::files::FileFault::Exists(path.clone()).into()),
            (Some(path), _) => Licence::read(path)
                .map(|licence| licence.hash())
                .map_err(|error| Fault::bad_input(format!("{}: {error}", path.display()))),
        }
    }
}

pub async fn run(common: &Common, console: &Console, command: PractitionerCommand) -> Result<(), Fault> {
    match command {
        PractitionerCommand::Show { practitioner } => {
            console.print_object(&common.connect(None).await?.practitioner(&practitioner).await?)
        }
        PractitionerCommand::Register { role, licence, valid, new_key, acting } => {
            let actor = Actor::new(common, console, &acting).await?;
            let organisation = actor.organisation().await?;
            let validity = valid.validity(actor.now)?;
            let (key, possession) = new_key.prove(common, actor.chain, |_| Hash(organisation.0))?;
            let licence = licence.hash()?;
            let action = Action::RegisterPractitioner { organisation, key, possession, role, licence, validity };
            actor.act(action, &[("practitioner", json!(Practitioner::id_of(&key)))]).await
        }
        PractitionerCommand::Renew { practitioner, valid, acting } => {
            let actor = Actor::new(common, console, &acting).await?;
            let (organisation, validity) = (actor.organisation().await?, valid.validity(actor.now)?);
            actor.act(Action::RenewPractitioner { organisation, practitioner, validity }, &[]).await
        }
        PractitionerCommand::Rotate { practitioner, new_key, acting } => {
            let actor = Actor::new(common, console, &acting).await?;
            let (key, possession) = new_key.prove(common, actor.chain, |_| Hash(practitioner.0))?;
            actor.act(Action::RotatePractitioner { practitioner, key, possession }, &[("key", json!(key))]).await
        }
        PractitionerCommand::Suspend { practitioner, acting } => set_standing(common, console, practitioner, false, acting).await,
        PractitionerCommand::Reinstate { practitioner, acting } => {
            set_standing(common, console, practitioner, true, acting).await
        }
    }
}

async fn set_standing(
    common: &Common,
    console: &Console,
    practitioner: PractitionerId,
    active: bool,
    acting: Acting,
) -> Result<(), Fault> {
    let actor = Actor::new(common, console, &acting).await?;
    let organisation = actor.organisation().await?;
    actor.act(Action::SetPractitionerStanding { organisation, practitioner, active }, &[]).await
}
