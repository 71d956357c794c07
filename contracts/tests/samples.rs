//! One value of every type and every action, for tests that go through all of them.

use inro_contracts::account::{Account, Guardian, Powers, Recovery};
use inro_contracts::block::Header;
use inro_contracts::certificate::Certificate;
use inro_contracts::entry::{Entry, Outcome};
use inro_contracts::fixture::{self, Consortium, FOUNDED, list, text};
use inro_contracts::id::{BlockId, ChainId, Hash, OrganisationId, PractitionerId, ProposalId};
use inro_contracts::journal::Event;
use inro_contracts::key::{PublicKey, SecretKey, Signature};
use inro_contracts::organisation::{PeerKind, PeerRecord, Role};
use inro_contracts::parameters::Parameters;
use inro_contracts::proposal::{Ballot, Change, Proposal, ProposalStatus};
use inro_contracts::record::{ErasureReason, ProviderFlags};
use inro_contracts::rule::Rule;
use inro_contracts::time::{Height, Time, Validity};
use inro_contracts::transaction::{Action, SignedTransaction, Transaction};
use inro_contracts::vote::{DoubleSign, ProposalStatement, VoteKind, VoteStatement};

/// The secret of the seed that is 32 times this byte.
pub fn secret(byte: u8) -> SecretKey {
    SecretKey::from_seed(&[byte; 32])
}

pub const SIGNATURE: Signature = Signature([0xEE; 64]);
pub const VALIDITY: Validity = Validity { from: Time(5), until: Time(9) };

pub fn peer_record() -> PeerRecord {
    PeerRecord {
        key: PublicKey([0x21; 32]),
        kind: PeerKind::Observer,
        consensus_address: text("/ip4/127.0.0.1/tcp/1"),
        exchange_address: text("/ip6/::1/tcp/2"),
    }
}

pub fn vote(block: Option<BlockId>) -> VoteStatement {
    VoteStatement {
        chain: ChainId([1; 32]),
        kind: VoteKind::Precommit,
        height: Height(7),
        round: 3,
        block,
        validator: PublicKey([0x31; 32]),
    }
}

pub fn proposal_statement(valid_round: Option<u32>) -> ProposalStatement {
    ProposalStatement {
        chain: ChainId([1; 32]),
        height: Height(7),
        round: 3,
        valid_round,
        block: BlockId([2; 32]),
        validator: PublicKey([0x31; 32]),
    }
}

pub fn double_votes() -> DoubleSign {
    DoubleSign::Votes {
        first: vote(None),
        first_signature: SIGNATURE,
        second: vote(Some(BlockId([2; 32]))),
        second_signature: SIGNATURE,
    }
}

pub fn double_proposals() -> DoubleSign {
    DoubleSign::Proposals {
        first: proposal_statement(None),
        first_signature: SIGNATURE,
        second: proposal_statement(Some(1)),
        second_signature: SIGNATURE,
    }
}

pub fn changes() -> Vec<Change> {
    let organisation = OrganisationId([0x11; 32]);
    let key = PublicKey([0x22; 32]);
    vec![
        Change::AdmitOrganisation { profile: fixture::profile(0, &key), possession: SIGNATURE },
        Change::SuspendOrganisation { organisation, reason: text("reads too much") },
        Change::ReinstateOrganisation { organisation },
        Change::ReplaceAuthority { organisation, key, possession: SIGNATURE },
        Change::SetValidator { organisation, key, power: 5, possession: SIGNATURE },
        Change::RemoveValidator { key },
        Change::SetParameters(Parameters::default()),
    ]
}

pub fn actions() -> Vec<Action> {
    let organisation = OrganisationId([0x11; 32]);
    let practitioner = PractitionerId([0x12; 32]);
    let account = fixture::label(1);
    let (key, possession) = (PublicKey([0x22; 32]), SIGNATURE);
    let guardian = Guardian { key, powers: Powers::ALL, validity: VALIDITY };
    let (record, flags) = (fixture::manifest(1), ProviderFlags::UNDELIVERED);
    let mut actions: Vec<_> = changes().into_iter().map(|change| Action::Propose { organisation, change }).collect();
    actions.extend([
        Action::Vote { organisation, proposal: ProposalId([0x13; 32]), approve: true },
        Action::RotateAuthority { organisation, key, possession },
        Action::RotateValidator { organisation, old: PublicKey([0x23; 32]), key, possession },
        Action::RegisterPeer { organisation, peer: peer_record(), possession },
        Action::RemovePeer { organisation, peer: key },
        Action::RegisterPractitioner {
            organisation,
            key,
            possession,
            role: Role::Nurse,
            licence: Hash([0x14; 32]),
            validity: VALIDITY,
        },
        Action::RenewPractitioner { organisation, practitioner, validity: VALIDITY },
        Action::RotatePractitioner { practitioner, key, possession },
        Action::SetPractitionerStanding { organisation, practitioner, active: false },
        Action::ReportDoubleSign { evidence: double_votes() },
        Action::ReportDoubleSign { evidence: double_proposals() },
        Action::OpenAccount { practitioner, custodian: organisation, first_key: key, custodial: true, agreement: SIGNATURE },
        Action::RotateController { account, key, possession },
        Action::AppointGuardian { account, guardian },
        Action::DismissGuardian { account, guardian: key },
        Action::AttestRecovery { account, practitioner, new_key: key, possession },
        Action::VetoRecovery { account },
        Action::CompleteRecovery { account },
        Action::RegisterRecord { account, practitioner, record: record.clone() },
        Action::SupersedeRecord { account, practitioner, old: fixture::record_id(2), record: record.clone() },
        Action::EraseRecord { account, practitioner, record: record.id, reason: ErasureReason::LegalOrder },
        Action::SetProviderFlags { account, practitioner, record: record.id, flags },
    ]);
    actions
}

pub fn transaction(action: Action) -> SignedTransaction {
    let signer = secret(1);
    Transaction { chain: ChainId([1; 32]), signer: signer.public(), void_after: Time(1000), nonce: 6, action }.sign(&signer)
}

pub fn header() -> Header {
    Header {
        chain: ChainId([0x01; 32]),
        height: Height(0x0203),
        time: FOUNDED,
        parent: BlockId([0x04; 32]),
        entries: 0x0506,
        entries_root: Hash([0x07; 32]),
        state_root: Hash([0x08; 32]),
        history_root: Hash([0x09; 32]),
        validators: Hash([0x0A; 32]),
        next_validators: Hash([0x0B; 32]),
        proposer: PublicKey([0x0C; 32]),
    }
}

pub fn certificate() -> Certificate {
    Consortium::new(4).certificate(&header(), 2)
}

pub fn entry(outcome: Outcome) -> Entry {
    Entry { transaction: transaction(Action::VetoRecovery { account: fixture::label(1) }), outcome }
}

pub fn event() -> Event {
    Event { height: Height(3), time: Time(4), index: 5, entry: entry(Outcome::Rejected(Rule::NoRecovery)) }
}

pub fn account() -> Account {
    Account {
        custodian: OrganisationId([0x11; 32]),
        controller: PublicKey([0x22; 32]),
        custodial: false,
        guardians: list(vec![Guardian { key: PublicKey([0x23; 32]), powers: Powers::SEAL, validity: VALIDITY }]),
        recovery: Some(Recovery {
            new_key: PublicKey([0x24; 32]),
            first: OrganisationId([0x12; 32]),
            second: Some((OrganisationId([0x13; 32]), Time(8))),
        }),
        journal_length: 2,
        journal_head: Hash([0x15; 32]),
    }
}

pub fn proposal() -> Proposal {
    Proposal {
        proposer: OrganisationId([0x11; 32]),
        change: changes().remove(4),
        until: Time(7),
        votes: list(vec![Ballot { organisation: OrganisationId([0x11; 32]), approve: true }]),
        status: ProposalStatus::Open,
    }
}
