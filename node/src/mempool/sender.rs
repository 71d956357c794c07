//! Who sends a transaction: the organisation whose share of the mempool it counts against, if its signer may act at all.
//!
//! Only cheap checks stand here, the ones that keep strangers out. The machine checks every rule when the block is applied.

use inro_contracts::access::Reader;
use inro_contracts::account::{Account, Powers};
use inro_contracts::id::{Label, OrganisationId, PractitionerId};
use inro_contracts::key::PublicKey;
use inro_contracts::organisation::{Organisation, Peer, Practitioner, Standing};
use inro_contracts::rule::Rule;
use inro_contracts::state::{StateFault, StateKey, StateReader, load};
use inro_contracts::time::Time;
use inro_contracts::transaction::{Action, Transaction};

/// Why a transaction has no sender.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadSender {
    /// The signer may not send this.
    #[error("{0}")]
    Rule(Rule),
    /// Our own store failed.
    #[error(transparent)]
    State(#[from] StateFault),
}

impl From<Rule> for BadSender {
    fn from(rule: Rule) -> Self {
        Self::Rule(rule)
    }
}

/// The transaction's sender at `now`: for acts of an organisation or a practitioner that organisation, for acts of a patient
/// the account's custodian.
pub fn sender(state: &dyn StateReader, transaction: &Transaction, now: Time) -> Result<OrganisationId, BadSender> {
    let signer = &transaction.signer;
    match &transaction.action {
        Action::Propose { organisation, .. }
        | Action::Vote { organisation, .. }
        | Action::RotateAuthority { organisation, .. }
        | Action::RotateValidator { organisation, .. }
        | Action::RegisterPeer { organisation, .. }
        | Action::RemovePeer { organisation, .. }
        | Action::RegisterPractitioner { organisation, .. }
        | Action::RenewPractitioner { organisation, .. }
        | Action::SetPractitionerStanding { organisation, .. } => {
            let found = active(state, organisation)?;
            require(found.profile.authority == *signer, Rule::NotTheAuthority)?;
            Ok(*organisation)
        }
        Action::RotatePractitioner { practitioner, .. } => {
            let found = known_practitioner(state, practitioner)?;
            let organisation = active(state, &found.organisation)?;
            let own = found.key == *signer && found.standing == Standing::Active;
            require(own || organisation.profile.authority == *signer, Rule::NotTheKey)?;
            Ok(found.organisation)
        }
        Action::ReportDoubleSign { .. } => {
            let peer: Peer = load(state, &StateKey::Peer(*signer))?.ok_or(Rule::UnknownPeer)?;
            active(state, &peer.organisation)?;
            Ok(peer.organisation)
        }
        Action::OpenAccount { practitioner, .. }
        | Action::AttestRecovery { practitioner, .. }
        | Action::RegisterRecord { practitioner, .. }
        | Action::SupersedeRecord { practitioner, .. }
        | Action::EraseRecord { practitioner, .. }
        | Action::SetProviderFlags { practitioner, .. } => acting_practitioner(state, practitioner, signer, now),
        Action::RotateController { account, .. } | Action::AppointGuardian { account, .. } => {
            by_account(state, account, Rule::NotTheController, |account| account.controller == *signer)
        }
        Action::DismissGuardian { account, guardian } => {
            by_account(state, account, Rule::NotTheController, |account| account.controller == *signer || guardian == signer)
        }
        Action::VetoRecovery { account } => by_account(state, account, Rule::NoVeto, |account| {
            account.controller == *signer || account.guardian(signer).is_some()
        }),
        Action::OpenConsult { practitioner, .. }
        | Action::AnswerConsult { practitioner, .. }
        | Action::CloseReview { practitioner, .. }
        | Action::CloseConsult { practitioner: Some(practitioner), .. }
        | Action::ReadJournal { practitioner: Some(practitioner), .. } => acting_practitioner(state, practitioner, signer, now),
        Action::Grant { account, .. } | Action::Revoke { account, .. } | Action::CloseConsult { account, .. } => {
            by_account(state, account, Rule::MayNotConsent, |account| speaks(account, signer, Powers::GRANT))
        }
        Action::Seal { account, .. } | Action::LiftSeal { account, .. } | Action::Unseal { account, .. } => {
            by_account(state, account, Rule::MayNotConsent, |account| speaks(account, signer, Powers::SEAL))
        }
        Action::ReadJournal { account, practitioner: None } => {
            by_account(state, account, Rule::MayNotReadJournal, |account| account.guardian(signer).is_some())
        }
        Action::Access(request) => match &request.reader {
            // Suspended and expired ones too: their attempts are denied by the ledger and stand in the journal.
            Reader::Practitioner(id) => {
                let practitioner = known_practitioner(state, id)?;
                require(practitioner.key == *signer, Rule::NotTheKey)?;
                Ok(practitioner.organisation)
            }
            Reader::Person => by_account(state, &request.account, Rule::NotTheController, |account| {
                speaks(account, signer, Powers::READ_RECORDS)
            }),
        },
        Action::Disclose { account, .. }
        | Action::Acknowledge { account, .. }
        | Action::ReportPayload { account, .. }
        | Action::RefuseDisclosure { account, .. } => match load::<Peer>(state, &StateKey::Peer(*signer))? {
            Some(peer) => active(state, &peer.organisation).map(|_| peer.organisation),
            None => by_account(state, account, Rule::UnknownPeer, |account| speaks(account, signer, Powers::READ_RECORDS)),
        },
        Action::CompleteRecovery { account } => by_account(state, account, Rule::NotTheNewKey, |account| {
            account.recovery.as_ref().is_some_and(|recovery| recovery.new_key == *signer)
        }),
    }
}

/// The controller, or a guardian with this power.
fn speaks(account: &Account, signer: &PublicKey, power: Powers) -> bool {
    account.controller == *signer || account.guardian(signer).is_some_and(|guardian| guardian.powers.include(power))
}

fn require(holds: bool, rule: Rule) -> Result<(), BadSender> {
    if holds { Ok(()) } else { Err(rule.into()) }
}

fn active(state: &dyn StateReader, id: &OrganisationId) -> Result<Organisation, BadSender> {
    let organisation: Organisation = load(state, &StateKey::Organisation(*id))?.ok_or(Rule::UnknownOrganisation)?;
    require(organisation.standing == Standing::Active, Rule::SuspendedOrganisation)?;
    Ok(organisation)
}

fn known_practitioner(state: &dyn StateReader, id: &PractitionerId) -> Result<Practitioner, BadSender> {
    Ok(load(state, &StateKey::Practitioner(*id))?.ok_or(Rule::UnknownPractitioner)?)
}

fn acting_practitioner(
    state: &dyn StateReader,
    id: &PractitionerId,
    signer: &PublicKey,
    now: Time,
) -> Result<OrganisationId, BadSender> {
    let practitioner = known_practitioner(state, id)?;
    active(state, &practitioner.organisation)?;
    require(practitioner.is_valid_at(now), Rule::PractitionerNotValid)?;
    require(practitioner.key == *signer, Rule::NotTheKey)?;
    Ok(practitioner.organisation)
}

/// A patient's seal must work even while the custodian is suspended, so only the signer is checked here.
fn by_account(
    state: &dyn StateReader,
    label: &Label,
    rule: Rule,
    may_sign: impl Fn(&Account) -> bool,
) -> Result<OrganisationId, BadSender> {
    let account: Account = load(state, &StateKey::Account(*label))?.ok_or(Rule::UnknownAccount)?;
    require(may_sign(&account), rule)?;
    Ok(account.custodian)
}
