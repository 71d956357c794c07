//! What an organisation's authority decides: proposals, votes, its own keys and machines.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use inro_contracts::id::{Hash, OrganisationId, ProposalId};
use inro_contracts::key::PublicKey;
use inro_contracts::organisation::{OrganisationKind, OrganisationProfile, PeerKind, PeerRecord};
use inro_contracts::proposal::Change;
use inro_contracts::tag::Tag;
use inro_contracts::transaction::Action;
use inro_genesis::ceremony;
use serde_json::json;

use super::act::{Actor, text};
use crate::arguments::{Acting, Common, NewKey, word};
use crate::fault::Fault;
use crate::output::Console;

#[derive(Debug, Subcommand)]
pub enum GovernCommand {
    /// Propose a change that the members vote on; the proposer votes for it at once.
    #[command(subcommand)]
    Propose(ProposeCommand),
    /// Vote on a proposal.
    #[command(after_help = "Example:\n  inro vote 5c… --approve --key keys/authority.pem")]
    Vote {
        /// The proposal's id.
        proposal: ProposalId,
        #[command(flatten)]
        vote: Vote,
        #[command(flatten)]
        acting: Acting,
    },
    /// Replace the organisation's authority key. Signed by the old one.
    #[command(after_help = "Example:\n  inro rotate-authority --new-key keys/authority-2.pem --key keys/authority.pem")]
    RotateAuthority {
        #[command(flatten)]
        new_key: NewKey,
        #[command(flatten)]
        acting: Acting,
    },
    /// Replace a validator's consensus key, keeping its voting power.
    #[command(after_help = "Example:\n  inro rotate-validator --old 7d… --new-key keys/validator-2.pem --key keys/authority.pem")]
    RotateValidator {
        /// The consensus key to be replaced.
        #[arg(long, value_name = "HEX")]
        old: PublicKey,
        #[command(flatten)]
        new_key: NewKey,
        #[command(flatten)]
        acting: Acting,
    },
    /// Register and remove machines.
    #[command(subcommand)]
    Peer(PeerCommand),
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Vote {
    /// For it.
    #[arg(long)]
    approve: bool,
    /// Against it.
    #[arg(long)]
    refuse: bool,
}

#[derive(Debug, Subcommand)]
pub enum ProposeCommand {
    /// Admit an organisation.
    #[command(after_help = "Example:\n  inro propose admit --name 'E Medical Centre' --kind hospital --new-public 1b… \\\n    \
        --possession 44… --key keys/authority.pem")]
    Admit {
        /// Its public name.
        #[arg(long)]
        name: String,
        /// What it is.
        #[arg(long, value_parser = word::<OrganisationKind>)]
        kind: OrganisationKind,
        /// Its institution number.
        #[arg(long, value_name = "NUMBER", default_value = "")]
        institution_number: String,
        /// Its authority key.
        #[command(flatten)]
        new_key: NewKey,
        #[command(flatten)]
        acting: Acting,
    },
    /// Cut an organisation off: its practitioners, machines and validators.
    #[command(after_help = "Example:\n  inro propose suspend 9a… --reason 'key lost' --key keys/authority.pem")]
    Suspend {
        /// Its id.
        organisation: OrganisationId,
        /// Why, in words that name no person.
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        acting: Acting,
    },
    /// Let a suspended organisation act again.
    #[command(after_help = "Example:\n  inro propose reinstate 9a… --key keys/authority.pem")]
    Reinstate {
        /// Its id.
        organisation: OrganisationId,
        #[command(flatten)]
        acting: Acting,
    },
    /// Add a validator, or change its voting power.
    #[command(after_help = "Example:\n  inro propose set-validator 9a… --power 1 --new-public 7d… --possession 44… \\\n    \
        --key keys/authority.pem")]
    SetValidator {
        /// Whose validator.
        organisation: OrganisationId,
        /// Its voting power.
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
        power: u32,
        #[command(flatten)]
        new_key: NewKey,
        #[command(flatten)]
        acting: Acting,
    },
    /// Take a validator out of the set.
    #[command(after_help = "Example:\n  inro propose remove-validator 7d… --key keys/authority.pem")]
    RemoveValidator {
        /// Its consensus key.
        validator: PublicKey,
        #[command(flatten)]
        acting: Acting,
    },
    /// Give an organisation that lost its authority key a new one.
    #[command(after_help = "Example:\n  inro propose replace-authority 9a… --new-public 1b… --possession 44… \\\n    \
        --key keys/authority.pem")]
    ReplaceAuthority {
        /// Its id.
        organisation: OrganisationId,
        #[command(flatten)]
        new_key: NewKey,
        #[command(flatten)]
        acting: Acting,
    },
    /// Change the ledger's parameters.
    #[command(after_help = "Example:\n  inro propose set-parameters parameters.toml --key keys/authority.pem")]
    SetParameters {
        /// A TOML file with the parameters that are to differ from those now.
        file: PathBuf,
        #[command(flatten)]
        acting: Acting,
    },
}

#[derive(Debug, Subcommand)]
pub enum PeerCommand {
    /// Register a machine, or change what is registered of it.
    #[command(after_help = "Example:\n  inro peer register --kind observer --consensus-address /ip4/192.0.2.9/tcp/7000 \\\n    \
        --exchange-address /ip4/192.0.2.9/tcp/7100 --new-key keys/peer-2.pem --key keys/authority.pem")]
    Register {
        /// What it does: validator or observer.
        #[arg(long, value_parser = word::<PeerKind>)]
        kind: PeerKind,
        /// Where its consensus engine listens.
        #[arg(long, value_name = "/ip4/…/tcp/…")]
        consensus_address: String,
        /// Where it exchanges transactions and payloads.
        #[arg(long, value_name = "/ip4/…/tcp/…")]
        exchange_address: String,
        #[command(flatten)]
        new_key: NewKey,
        #[command(flatten)]
        acting: Acting,
    },
    /// Remove a machine; it can connect no longer.
    #[command(after_help = "Example:\n  inro peer remove 6e… --key keys/authority.pem")]
    Remove {
        /// Its network identity.
        peer: PublicKey,
        #[command(flatten)]
        acting: Acting,
    },
}

pub async fn run(common: &Common, console: &Console, command: GovernCommand) -> Result<(), Fault> {
    match command {
        GovernCommand::Propose(command) => propose(common, console, command).await,
        GovernCommand::Vote { proposal, vote, acting } => {
            let actor = Actor::new(common, console, &acting).await?;
            let organisation = actor.organisation().await?;
            actor.act(Action::Vote { organisation, proposal, approve: vote.approve }, &[]).await
        }
        GovernCommand::RotateAuthority { new_key, acting } => {
            let actor = Actor::new(common, console, &acting).await?;
            let organisation = actor.organisation().await?;
            let (key, possession) = new_key.prove(common, actor.chain, |_| Hash(organisation.0))?;
            actor.act(Action::RotateAuthority { organisation, key, possession }, &[("authority", json!(key))]).await
        }
        GovernCommand::RotateValidator { old, new_key, acting } => {
            let actor = Actor::new(common, console, &acting).await?;
            let organisation = actor.organisation().await?;
            let (key, possession) = new_key.prove(common, actor.chain, |_| Hash(organisation.0))?;
            actor.act(Action::RotateValidator { organisation, old, key, possession }, &[("validator", json!(key))]).await
        }
        GovernCommand::Peer(command) => peer(common, console, command).await,
    }
}

async fn propose(common: &Common, console: &Console, command: ProposeCommand) -> Result<(), Fault> {
    let acting = match &command {
        ProposeCommand::Admit { acting, .. }
        | ProposeCommand::Suspend { acting, .. }
        | ProposeCommand::Reinstate { acting, .. }
        | ProposeCommand::SetValidator { acting, .. }
        | ProposeCommand::RemoveValidator { acting, .. }
        | ProposeCommand::ReplaceAuthority { acting, .. }
        | ProposeCommand::SetParameters { acting, .. } => acting.clone(),
    };
    let actor = Actor::new(common, console, &acting).await?;
    let organisation = actor.organisation().await?;
    let change = change_of(common, &actor, command)?;
    actor.act_knowing_its_id(Action::Propose { organisation, change }, |id| vec![("proposal", json!(id))]).await
}

fn change_of(common: &Common, actor: &Actor<'_>, command: ProposeCommand) -> Result<Change, Fault> {
    Ok(match command {
        ProposeCommand::Admit { name, kind, institution_number, new_key, .. } => {
            let (authority, possession) =
                new_key.prove(common, actor.chain, |authority| Tag::ORGANISATION.hash(&[&authority.0]))?;
            let profile = OrganisationProfile {
                name: text("--name", &name)?,
                kind,
                institution_number: text("--institution-number", &institution_number)?,
                authority,
            };
            Change::AdmitOrganisation { profile, possession }
        }
        ProposeCommand::Suspend { organisation, reason, .. } => {
            Change::SuspendOrganisation { organisation, reason: text("--reason", &reason)? }
        }
        ProposeCommand::Reinstate { organisation, .. } => Change::ReinstateOrganisation { organisation },
        ProposeCommand::SetValidator { organisation, power, new_key, .. } => {
            let (key, possession) = new_key.prove(common, actor.chain, |_| Hash(organisation.0))?;
            Change::SetValidator { organisation, key, power, possession }
        }
        ProposeCommand::RemoveValidator { validator, .. } => Change::RemoveValidator { key: validator },
        ProposeCommand::ReplaceAuthority { organisation, new_key, .. } => {
            let (key, possession) = new_key.prove(common, actor.chain, |_| Hash(organisation.0))?;
            Change::ReplaceAuthority { organisation, key, possession }
        }
        ProposeCommand::SetParameters { file, .. } => Change::SetParameters(ceremony::read_parameters(&file, &actor.parameters)?),
    })
}

async fn peer(common: &Common, console: &Console, command: PeerCommand) -> Result<(), Fault> {
    match command {
        PeerCommand::Register { kind, consensus_address, exchange_address, new_key, acting } => {
            let consensus_address = text("--consensus-address", &consensus_address)?;
            let exchange_address = text("--exchange-address", &exchange_address)?;
            let actor = Actor::new(common, console, &acting).await?;
            let organisation = actor.organisation().await?;
            let (key, possession) = new_key.prove(common, actor.chain, |_| Hash(organisation.0))?;
            let peer = PeerRecord { key, kind, consensus_address, exchange_address };
            actor.act(Action::RegisterPeer { organisation, peer, possession }, &[("peer", json!(key))]).await
        }
        PeerCommand::Remove { peer, acting } => {
            let actor = Actor::new(common, console, &acting).await?;
            let organisation = actor.organisation().await?;
            actor.act(Action::RemovePeer { organisation, peer }, &[]).await
        }
    }
}
