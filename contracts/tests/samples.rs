//! One value of every type and every action, for tests that go through all of them.

use inro_contracts::access::{Access, AccessRequest, Basis, DisclosureRefusal, Granted, PayloadFault, Reader};
use inro_contracts::account::{Account, Guardian, Powers, Recovery};
use inro_contracts::block::Header;
use inro_contracts::category::{Categories, Category};
use inro_contracts::certificate::Certificate;
use inro_contracts::consent::{
    Against, Consent, Consult, ConsultTerms, Grant, GrantTerms, Grantee, InEmergency, Parent, Party, Seal, SealTarget, SealTerms,
    Visibility,
};
use inro_contracts::emergency::{
    Disaster, Disasters, EmergencyClaim, EmergencyDesk, EmergencyReason, Finding, OpenReview, Review,
};
use inro_contracts::entry::{Entry, Outcome};
use inro_contracts::fixture::{self, Consortium, FOUNDED, list, text};
use inro_contracts::id::{
    BlockId, ChainId, Commitment, ConsultId, GrantId, Hash, Label, OrganisationId, PractitionerId, ProposalId, RecordId, SealId,
    SealingKey, TransactionId,
};
use inro_contracts::journal::Event;
use inro_contracts::key::{PublicKey, SecretKey, Signature};
use inro_contracts::organisation::{PeerKind, PeerRecord, Role};
use inro_contracts::parameters::Parameters;
use inro_contracts::proposal::{Ballot, Change, Proposal, ProposalStatus};
use inro_contracts::purpose::Purpose;
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
        Change::DeclareDisaster { area: text("Kamakura"), organisations: list(vec![organisation]), duration_ms: 0x0102 },
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
        Action::RotateController { account, key, custodial: true, possession },
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
    actions.extend(words());
    actions.extend(exchanges());
    actions
}

pub const LABEL: Label = Label([0x16; 32]);
pub const PERSON: PractitionerId = PractitionerId([0x12; 32]);
pub const CONSULT: ConsultId = ConsultId([0x52; 32]);
pub const ACCESS: TransactionId = TransactionId([0x53; 32]);
pub const RECORD: RecordId = RecordId([0x17; 32]);

pub fn grant_terms(grantee: Grantee) -> GrantTerms {
    GrantTerms {
        grantee,
        categories: Categories::only(&[Category::Prescription, Category::Image]),
        purpose: Purpose::Treatment,
        validity: VALIDITY,
        may_pass_on: true,
    }
}

pub fn seal_terms(target: SealTarget, against: Against) -> SealTerms {
    SealTerms { target, against, visibility: Visibility::Silent, in_emergency: InEmergency::Never, hidden_from_guardians: true }
}

pub fn consult_terms(parent: Parent) -> ConsultTerms {
    ConsultTerms {
        parent,
        reader: PractitionerId([0x18; 32]),
        categories: Categories::ALL,
        records: list(vec![RECORD]),
        until: Time(9),
        may_pass_on: false,
        reply_key: SealingKey([0x19; 32]),
    }
}

pub fn request(reader: Reader, basis: Basis) -> AccessRequest {
    AccessRequest {
        account: LABEL,
        reader,
        basis,
        purpose: Purpose::BreakTheGlass,
        categories: Categories::ALL,
        records: list(vec![RECORD]),
        after: Some(RecordId([0x1A; 32])),
        reply_key: SealingKey([0x19; 32]),
    }
}

pub fn claim() -> EmergencyClaim {
    EmergencyClaim { reason: EmergencyReason::Incapable, text: Hash([0x1B; 32]) }
}

/// The actions by which a patient's word is given, passed on and ended.
pub fn words() -> Vec<Action> {
    let (organisation, account, role) = (OrganisationId([0x11; 32]), LABEL, Role::Nurse);
    let (grant, seal) = (GrantId([0x50; 32]), SealId([0x51; 32]));
    let parties = list(vec![Party::Organisation(organisation), Party::Practitioner(PERSON)]);
    let seals = [
        seal_terms(SealTarget::Records(list(vec![RECORD])), Against::Outside),
        seal_terms(SealTarget::Categories(Categories::only(&[Category::Infection])), Against::AllButAuthor),
        seal_terms(SealTarget::Everything, Against::Named(parties)),
    ];
    let grantees = [Grantee::Organisation(organisation), Grantee::Practitioner(PERSON), Grantee::Role { organisation, role }];
    let mut words: Vec<_> = grantees.into_iter().map(|grantee| Action::Grant { account, terms: grant_terms(grantee) }).collect();
    words.push(Action::Revoke { account, grant });
    words.extend(seals.into_iter().map(|terms| Action::Seal { account, terms }));
    words.extend([
        Action::LiftSeal { account, seal, until: Time(7) },
        Action::Unseal { account, seal },
        Action::OpenConsult { account, practitioner: PERSON, terms: consult_terms(Parent::Grant(grant)) },
        Action::OpenConsult { account, practitioner: PERSON, terms: consult_terms(Parent::Consult(CONSULT)) },
        Action::CloseConsult { account, consult: CONSULT, practitioner: None },
        Action::CloseConsult { account, consult: CONSULT, practitioner: Some(PERSON) },
        Action::AnswerConsult {
            account,
            consult: CONSULT,
            practitioner: PERSON,
            commitment: Commitment([0x1C; 32]),
            size: 0x0102,
        },
        Action::ReadJournal { account, practitioner: Some(PERSON) },
        Action::ReadJournal { account, practitioner: None },
    ]);
    words
}

/// The actions by which records are asked for and handed over.
pub fn exchanges() -> Vec<Action> {
    let (account, access, record, records) = (LABEL, ACCESS, RECORD, list(vec![RECORD]));
    let practitioner = Reader::Practitioner(PERSON);
    let (finding, report) = (Finding::NotJustified, Hash([0x1D; 32]));
    vec![
        Action::Access(request(Reader::Person, Basis::Own)),
        Action::Access(request(practitioner, Basis::Grant)),
        Action::Access(request(practitioner, Basis::Consult(CONSULT))),
        Action::Access(request(practitioner, Basis::Emergency(claim()))),
        Action::Disclose { account, access, records: records.clone() },
        Action::Acknowledge { account, access, records },
        Action::ReportPayload { account, access, record, fault: PayloadFault::Withheld },
        Action::RefuseDisclosure { account, access, record, reason: DisclosureRefusal::WithdrawnSince },
        Action::CloseReview { account, access, practitioner: PERSON, finding, report },
    ]
}

pub fn granted() -> Granted {
    Granted { records: list(vec![RECORD]), more: true, sealed: false }
}

pub fn access() -> Access {
    Access {
        request: request(Reader::Practitioner(PERSON), Basis::Grant),
        signer: PublicKey([0x22; 32]),
        custodian: OrganisationId([0x11; 32]),
        organisation: Some(OrganisationId([0x1E; 32])),
        at: Time(4),
        records: list(vec![RECORD, RecordId([0x1F; 32])]),
        disclosed: 2,
        acknowledged: 1,
    }
}

pub fn consent() -> Consent {
    let grant = Grant {
        id: GrantId([0x50; 32]),
        terms: grant_terms(Grantee::Organisation(OrganisationId([0x11; 32]))),
        revoked: Some(Time(6)),
    };
    let seal = Seal {
        id: SealId([0x51; 32]),
        terms: seal_terms(SealTarget::Records(list(vec![RECORD])), Against::Outside),
        successors: list(vec![RecordId([0x1F; 32])]),
        lifted_until: Some(Time(8)),
    };
    let consult = Consult {
        id: CONSULT,
        terms: consult_terms(Parent::Grant(grant.id)),
        opener: PERSON,
        purpose: Purpose::Treatment,
        depth: 1,
        closed: Some(Time(7)),
    };
    Consent { grants: list(vec![grant]), seals: list(vec![seal]), consults: list(vec![consult]) }
}

pub fn review() -> Review {
    Review {
        account: LABEL,
        organisation: OrganisationId([0x11; 32]),
        practitioner: PERSON,
        at: Time(4),
        deadline: Time(5),
        closed: Some((PractitionerId([0x18; 32]), Time(6), Finding::Unclear)),
    }
}

pub fn desk() -> EmergencyDesk {
    EmergencyDesk { day: 3, used: 2, open: list(vec![OpenReview { access: ACCESS, deadline: Time(5) }]) }
}

pub fn disasters() -> Disasters {
    let organisations = list(vec![OrganisationId([0x11; 32])]);
    Disasters(list(vec![Disaster { area: text("Kamakura"), organisations, until: Time(9) }]))
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
