//! Golden bytes: every type that is hashed, signed or stored in common, field by field. A test here that fails means that old
//! ledgers can no longer be read. Changing what is pinned is a decision; the commit states it.
//!
//! Hashes and signatures here were computed by a second implementation, from the layouts in `docs/spec/`.

use borsh::BorshSerialize;
use inro_contracts::access::{Basis, Denial, DisclosureRefusal, PayloadFault, Reader};
use inro_contracts::account::{Account, AccountOpening, Possession, Powers};
use inro_contracts::bytes::encode;
use inro_contracts::category::Category;
use inro_contracts::certificate::{Certificate, CommitSignature};
use inro_contracts::consent::{InEmergency, Visibility};
use inro_contracts::emergency::{EmergencyReason, Finding};
use inro_contracts::entry::Outcome;
use inro_contracts::fixture::{self, Consortium, list};
use inro_contracts::genesis::{Declaration, DeclaredPractitioner, DeclaredValidator, GenesisDocument, SignedDeclaration};
use inro_contracts::id::{
    BlockId, ChainId, Commitment, ConsultId, Hash, Label, OrganisationId, PractitionerId, ProposalId, RecordId,
};
use inro_contracts::key::PublicKey;
use inro_contracts::organisation::{Organisation, OrganisationKind, Peer, PeerKind, Practitioner, Role, Standing};
use inro_contracts::parameters::Parameters;
use inro_contracts::proposal::Change;
use inro_contracts::purpose::Purpose;
use inro_contracts::record::{ErasureReason, ProviderFlags, Record, RecordManifest, RecordStatus};
use inro_contracts::rule::Rule;
use inro_contracts::state::{Clock, ConsultPlace, EvidenceTaken, KeyUse, Members, StateKey};
use inro_contracts::time::{Height, Time};
use inro_contracts::transaction::{Action, ParsedTransaction};
use inro_contracts::validator::{Validator, ValidatorSet};
use inro_contracts::vote::DoubleSign;

use crate::samples;

/// A field's name, and its bytes in hexadecimal; `41x32` is the byte 41 thirty-two times, `"…"` is text.
type Field<'a> = (&'a str, &'a str);

fn field_bytes(field: &str) -> Vec<u8> {
    if let Some(text) = field.strip_prefix('"') {
        return text.trim_end_matches('"').as_bytes().to_vec();
    }
    match field.split_once('x') {
        Some((byte, count)) => {
            let byte = u8::from_str_radix(byte, 16).expect("a golden byte is hexadecimal");
            vec![byte; count.parse().expect("a golden count is decimal")]
        }
        None => {
            let digits: Vec<u8> = field.bytes().filter(|byte| *byte != b' ').collect();
            digits
                .chunks(2)
                .map(|pair| {
                    u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16).expect("golden bytes are hexadecimal")
                })
                .collect()
        }
    }
}

/// The value's bytes are these fields, one after the other, and nothing else.
fn golden<T: BorshSerialize>(value: &T, fields: &[Field<'_>]) {
    let bytes = encode(value);
    let mut rest = bytes.as_slice();
    for (name, field) in fields {
        let expected = field_bytes(field);
        let found = &rest[..expected.len().min(rest.len())];
        assert_eq!(hex(found), hex(&expected), "field {name} of {}", std::any::type_name::<T>());
        rest = &rest[expected.len()..];
    }
    assert!(rest.is_empty(), "{} has bytes that no field explains: {}", std::any::type_name::<T>(), hex(rest));
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

const KEY_1: &str = "8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c";

const TRANSACTION: [Field<'_>; 7] = [
    ("chain", "01x32"),
    ("signer", KEY_1),
    ("void_after", "e8030000 00000000"),
    ("nonce", "06000000 00000000"),
    ("action", "2d"),
    ("account", "16x32"),
    ("signature", SIGNATURE_1),
];
const SIGNATURE_1: &str = "562492561815c6f34098e1100d5f807ab777dc0dff891f6326be79a804d395f7ba04a4cd328e5fc54b455691668008e974bd987710eadd5c6785bf77f5b8060b";

fn veto() -> inro_contracts::transaction::SignedTransaction {
    samples::transaction(Action::VetoRecovery { account: Label([0x16; 32]) })
}

#[test]
fn a_transaction() {
    assert_eq!(samples::secret(1).public().to_hex(), KEY_1);
    golden(&veto(), &TRANSACTION);
    let id = ParsedTransaction::from(veto()).id();
    assert_eq!(id.to_hex(), "d607c455387d87c8aa687ddbade68d45937c434b9b0d50d443895a266752db08");
}

#[test]
fn an_entry_and_an_event() {
    golden(&Outcome::Applied, &[("applied", "01")]);
    golden(&Outcome::Rejected(Rule::NoRecovery), &[("rejected", "02"), ("rule", "33")]);
    golden(&Outcome::AppliedCustodially, &[("applied custodially", "03")]);
    let granted = [("granted", "04"), ("records", "01000000"), ("record", "17x32"), ("more", "01"), ("sealed", "00")];
    golden(&Outcome::Granted(samples::granted()), &granted);
    golden(&Outcome::Denied(Denial::Sealed), &[("denied", "05"), ("denial", "0a")]);
    let granted = [&[("granted custodially", "06")], &granted[1..]].concat();
    golden(&Outcome::GrantedCustodially(samples::granted()), &granted);
    golden(&Outcome::DeniedCustodially(Denial::Sealed), &[("denied custodially", "07"), ("denial", "0a")]);
    let entry = inro_contracts::entry::Entry { transaction: veto(), outcome: Outcome::Rejected(Rule::NoRecovery) };
    let outcome = [("outcome", "02"), ("rule", "33")];
    golden(&entry, &[&TRANSACTION[..], &outcome].concat());
    let event = inro_contracts::journal::Event { height: Height(3), time: Time(4), index: 5, entry };
    let place = [("height", "03000000 00000000"), ("time", "04000000 00000000"), ("index", "05000000")];
    golden(&event, &[&place[..], &TRANSACTION, &outcome].concat());
    let head = inro_contracts::journal::next_head(&inro_contracts::journal::EMPTY_HEAD, &encode(&event));
    assert_eq!(head.to_hex(), "456f404fd47c614dae526cd204959e82c706590184f695b09f04061389faf8de");
}

#[test]
fn a_header() {
    let fields = [
        ("chain", "01x32"),
        ("height", "03020000 00000000"),
        ("time", "00a8da76 9b010000"),
        ("parent", "04x32"),
        ("entries", "06050000"),
        ("entries_root", "07x32"),
        ("state_root", "08x32"),
        ("history_root", "09x32"),
        ("validators", "0ax32"),
        ("next_validators", "0bx32"),
        ("proposer", "0cx32"),
    ];
    golden(&samples::header(), &fields);
    assert_eq!(samples::header().id().to_hex(), "2f895a68b0526a87d197023635deaab5fee8163da187e055774436baa876d64b");
}

#[test]
fn votes_and_proposals_of_the_engine() {
    let start = [("chain", "01x32"), ("kind", "02"), ("height", "07000000 00000000"), ("round", "03000000")];
    let nil = [("block", "00"), ("validator", "31x32")];
    let block = [("block", "01"), ("block id", "02x32"), ("validator", "31x32")];
    golden(&samples::vote(None), &[&start[..], &nil].concat());
    golden(&samples::vote(Some(BlockId([2; 32]))), &[&start[..], &block].concat());
    let message = samples::vote(None).message();
    assert_eq!(message[..12], *b"\x0binro/1/vote");
    assert_eq!(message[12..], encode(&samples::vote(None)));

    let start = [("chain", "01x32"), ("height", "07000000 00000000"), ("round", "03000000")];
    let end = [("block", "02x32"), ("validator", "31x32")];
    golden(&samples::proposal_statement(None), &[&start[..], &[("valid_round", "00")], &end].concat());
    golden(&samples::proposal_statement(Some(1)), &[&start[..], &[("valid_round", "01 01000000")], &end].concat());
    assert_eq!(samples::proposal_statement(None).message()[..16], *b"\x0finro/1/proposal");
    let DoubleSign::Votes { first, .. } = samples::double_votes() else { panic!("two votes") };
    let bytes = encode(&samples::double_votes());
    assert_eq!(bytes[..1 + encode(&first).len()], [&[0][..], &encode(&first)].concat());
    assert_eq!(encode(&samples::double_proposals())[0], 1);
}

#[test]
fn a_certificate() {
    let part = CommitSignature { validator: PublicKey([0x31; 32]), signature: samples::SIGNATURE };
    let certificate = Certificate { height: Height(7), round: 3, block: BlockId([2; 32]), signatures: list(vec![part]) };
    let fields = [
        ("height", "07000000 00000000"),
        ("round", "03000000"),
        ("block", "02x32"),
        ("signatures", "01000000"),
        ("validator", "31x32"),
        ("signature", "eex64"),
    ];
    golden(&certificate, &fields);
}

#[test]
fn a_validator_set() {
    let validator =
        |byte: u8, power: u32| Validator { key: PublicKey([byte; 32]), organisation: OrganisationId([byte + 1; 32]), power };
    let set = ValidatorSet::new(vec![validator(0x41, 9), validator(0x31, 5)]).expect("sound");
    let fields = [
        ("validators", "02000000"),
        ("key", "31x32"),
        ("organisation", "32x32"),
        ("power", "05000000"),
        ("key", "41x32"),
        ("organisation", "42x32"),
        ("power", "09000000"),
    ];
    golden(&set, &fields);
    assert_eq!(set.hash().to_hex(), "7980802cd79a547d2ff9f1f63fccc194ba47e0b06ffad0ce2b995e5703484024");
}

#[test]
fn keys_of_the_state() {
    let cases: [(StateKey, &[Field<'_>]); 18] = [
        (StateKey::Clock, &[("kind", "01")]),
        (StateKey::Parameters, &[("kind", "02")]),
        (StateKey::Validators, &[("kind", "03")]),
        (StateKey::Members, &[("kind", "04")]),
        (StateKey::Disasters, &[("kind", "05")]),
        (StateKey::EmergencyDesk(OrganisationId([1; 32])), &[("kind", "0f"), ("organisation", "01x32")]),
        (StateKey::Consent(Label([1; 32])), &[("kind", "47"), ("account", "01x32")]),
        (StateKey::Consult(ConsultId([1; 32])), &[("kind", "48"), ("consult", "01x32")]),
        (StateKey::Access(samples::ACCESS), &[("kind", "49"), ("access", "53x32")]),
        (StateKey::Review(samples::ACCESS), &[("kind", "4a"), ("access", "53x32")]),
        (StateKey::Organisation(OrganisationId([1; 32])), &[("kind", "0a"), ("organisation", "01x32")]),
        (StateKey::Practitioner(PractitionerId([1; 32])), &[("kind", "0b"), ("practitioner", "01x32")]),
        (StateKey::Peer(PublicKey([1; 32])), &[("kind", "0c"), ("peer", "01x32")]),
        (StateKey::Proposal(ProposalId([1; 32])), &[("kind", "0d"), ("proposal", "01x32")]),
        (
            StateKey::Evidence(PublicKey([1; 32]), Height(2)),
            &[("kind", "0e"), ("validator", "01x32"), ("height", "02000000 00000000")],
        ),
        (StateKey::Account(Label([1; 32])), &[("kind", "28"), ("account", "01x32")]),
        (StateKey::Record(Label([1; 32]), RecordId([2; 32])), &[("kind", "46"), ("account", "01x32"), ("record", "02x32")]),
        (StateKey::Key(PublicKey([1; 32])), &[("kind", "64"), ("key", "01x32")]),
    ];
    for (key, fields) in cases {
        golden(&key, fields);
        assert_eq!(key.to_bytes(), encode(&key));
        let follows = [0x46, 0x47, 0x48, 0x49, 0x4A, 0x64].contains(&key.to_bytes()[0]);
        assert_eq!(key.is_proved(), !follows, "{key:?}");
    }
    assert_eq!(StateKey::Clock.tree_key().to_hex(), "41883a363571a6f5f112a2855c5e02d50bf5c83e807455c6a4f8b03d1bd8ed4d");
    assert_eq!(
        StateKey::Account(Label([1; 32])).tree_key().to_hex(),
        "93a529337431fad42d9b0ccd232cf2bda69825f13cee496329946b52fbe3c783"
    );
    assert_eq!(StateKey::records_prefix(&Label([1; 32])), field_bytes("46").into_iter().chain([1; 32]).collect::<Vec<_>>());
}

#[test]
fn ids_follow_from_first_keys() {
    let key = PublicKey([0x22; 32]);
    assert_eq!(Account::label_of(&key).to_hex(), "91c1ccf926d8669b3c2ad25990417e2be31b6f6e311e44f5c31cd6dce6565552");
    assert_eq!(Practitioner::id_of(&key).to_hex(), "08d57aed9fc7fe2e896e29a046201631078877c410aed228d28de49dea6e77f5");
    assert_eq!(fixture::profile(0, &key).id().to_hex(), "ef97d8e6a339dcd684cd2113ce29455fb1c89b95592fbff5b226f6b235f2093c");
}

#[test]
fn statements_about_keys() {
    let opening = AccountOpening {
        chain: ChainId([1; 32]),
        custodian: OrganisationId([2; 32]),
        first_key: PublicKey([3; 32]),
        custodial: true,
    };
    golden(&opening, &[("chain", "01x32"), ("custodian", "02x32"), ("first_key", "03x32"), ("custodial", "01")]);
    let possession = Possession { chain: ChainId([1; 32]), subject: Hash([2; 32]), key: PublicKey([3; 32]) };
    golden(&possession, &[("chain", "01x32"), ("subject", "02x32"), ("key", "03x32")]);
}

const ACCOUNT: [Field<'_>; 16] = [
    ("custodian", "11x32"),
    ("controller", "22x32"),
    ("custodial", "00"),
    ("guardians", "01000000"),
    ("key", "23x32"),
    ("powers", "0400"),
    ("from", "05000000 00000000"),
    ("until", "09000000 00000000"),
    ("recovery", "01"),
    ("new_key", "24x32"),
    ("first", "12x32"),
    ("second", "01"),
    ("organisation", "13x32"),
    ("from", "08000000 00000000"),
    ("journal_length", "02000000 00000000"),
    ("journal_head", "15x32"),
];

#[test]
fn objects_of_the_state() {
    golden(&samples::account(), &ACCOUNT);
    golden(&Clock { height: Height(1), time: Time(2) }, &[("height", "01000000 00000000"), ("time", "02000000 00000000")]);
    golden(&Members(list(vec![OrganisationId([1; 32])])), &[("members", "01000000"), ("member", "01x32")]);
    let id = OrganisationId([1; 32]);
    golden(&KeyUse::Authority(id), &[("use", "00"), ("organisation", "01x32")]);
    golden(&KeyUse::Practitioner(PractitionerId([1; 32])), &[("use", "01"), ("practitioner", "01x32")]);
    golden(&KeyUse::Peer(id), &[("use", "02"), ("organisation", "01x32")]);
    golden(&KeyUse::Validator(id), &[("use", "03"), ("organisation", "01x32")]);
    let transaction = inro_contracts::id::TransactionId([2; 32]);
    let taken = EvidenceTaken { transaction, height: Height(3), organisation: id };
    golden(&taken, &[("transaction", "02x32"), ("height", "03000000 00000000"), ("organisation", "01x32")]);
    let practitioner = Practitioner {
        organisation: id,
        key: PublicKey([2; 32]),
        role: Role::Nurse,
        licence: Hash([3; 32]),
        validity: samples::VALIDITY,
        standing: Standing::Suspended,
    };
    let fields = [
        ("organisation", "01x32"),
        ("key", "02x32"),
        ("role", "04"),
        ("licence", "03x32"),
        ("from", "05000000 00000000"),
        ("until", "09000000 00000000"),
        ("standing", "02"),
    ];
    golden(&practitioner, &fields);
    let proposal = [
        ("proposer", "11x32"),
        ("change", "05"),
        ("organisation", "11x32"),
        ("key", "22x32"),
        ("power", "05000000"),
        ("possession", "eex64"),
        ("until", "07000000 00000000"),
        ("votes", "01000000"),
        ("organisation", "11x32"),
        ("approve", "01"),
        ("status", "01"),
    ];
    golden(&samples::proposal(), &proposal);
}

#[test]
fn records() {
    let manifest = RecordManifest {
        id: RecordId([1; 32]),
        category: Category::DischargeSummary,
        commitment: Commitment([2; 32]),
        size: 0x0102,
        flags: ProviderFlags::UNDELIVERED,
    };
    let record = |status| Record { manifest: manifest.clone(), author: PractitionerId([3; 32]), registered: Time(4), status };
    let fields = [
        ("id", "01x32"),
        ("category", "02"),
        ("commitment", "02x32"),
        ("size", "02010000 00000000"),
        ("flags", "02"),
        ("author", "03x32"),
        ("registered", "04000000 00000000"),
    ];
    golden(&record(RecordStatus::Current), &[&fields[..], &[("status", "00")]].concat());
    golden(&record(RecordStatus::Superseded(RecordId([5; 32]))), &[&fields[..], &[("status", "01"), ("by", "05x32")]].concat());
    golden(&record(RecordStatus::Erased), &[&fields[..], &[("status", "02")]].concat());
}

const PARAMETERS: [Field<'_>; 13] = [
    ("block_transactions_max", "a00f0000"),
    ("block_bytes_max", "00004000"),
    ("void_after_ms_max", "c0270900 00000000"),
    ("clock_drift_ms_max", "88130000 00000000"),
    ("heartbeat_ms", "983a0000 00000000"),
    ("proposal_ms", "00081948 00000000"),
    ("recovery_delay_ms", "0014730f 00000000"),
    ("validators_min", "0400"),
    ("peers_max", "1000"),
    ("access_ms", "a0bb0d00 00000000"),
    ("emergency_quota", "3200"),
    ("review_ms", "0014730f 00000000"),
    ("consult_depth_max", "03"),
];

const PROFILE: [Field<'_>; 5] = [
    ("name", "0a000000"),
    ("name", "\"Hospital 0\""),
    ("kind", "01"),
    ("institution_number", "00000000"),
    ("authority", "22x32"),
];

const PEER: [Field<'_>; 6] = [
    ("key", "21x32"),
    ("kind", "02"),
    ("consensus_address", "14000000"),
    ("consensus_address", "\"/ip4/127.0.0.1/tcp/1\""),
    ("exchange_address", "0e000000"),
    ("exchange_address", "\"/ip6/::1/tcp/2\""),
];

#[test]
fn organisations_peers_and_parameters() {
    golden(&Parameters::default(), &PARAMETERS);
    golden(&samples::peer_record(), &PEER);
    let profile = fixture::profile(0, &PublicKey([0x22; 32]));
    golden(&profile, &PROFILE);
    let organisation = Organisation { profile, standing: Standing::Active, since: Height(3), peers: 2 };
    let rest = [("standing", "01"), ("since", "03000000 00000000"), ("peers", "0200")];
    golden(&organisation, &[&PROFILE[..], &rest].concat());
    let peer = Peer { organisation: OrganisationId([1; 32]), record: samples::peer_record() };
    golden(&peer, &[&[("organisation", "01x32")][..], &PEER].concat());
}

#[test]
fn a_founding_document() {
    let declaration = Declaration {
        ledger: fixture::text("inro"),
        organisation: fixture::profile(0, &PublicKey([0x22; 32])),
        validator: Some(DeclaredValidator { key: PublicKey([0x23; 32]), power: 10 }),
        peers: list(vec![samples::peer_record()]),
        practitioners: list(vec![DeclaredPractitioner {
            key: PublicKey([0x24; 32]),
            role: Role::Physician,
            licence: Hash([0x25; 32]),
            validity: samples::VALIDITY,
        }]),
    };
    let ledger = [("ledger", "04000000"), ("ledger", "\"inro\"")];
    let validator = [("validator", "01"), ("key", "23x32"), ("power", "0a000000"), ("peers", "01000000")];
    let practitioner = [
        ("practitioners", "01000000"),
        ("key", "24x32"),
        ("role", "01"),
        ("licence", "25x32"),
        ("from", "05000000 00000000"),
        ("until", "09000000 00000000"),
    ];
    let declared = [&ledger[..], &PROFILE, &validator, &PEER, &practitioner].concat();
    golden(&declaration, &declared);
    let signed = SignedDeclaration { declaration, signatures: list(vec![samples::SIGNATURE]) };
    let signature = [("signatures", "01000000"), ("signature", "eex64")];
    let document = GenesisDocument {
        ledger: fixture::text("inro"),
        time: Time(7),
        parameters: Parameters::default(),
        declarations: list(vec![signed]),
    };
    let time = [("time", "07000000 00000000")];
    let count = [("declarations", "01000000")];
    golden(&document, &[&ledger[..], &time, &PARAMETERS, &count, &declared, &signature].concat());
    assert_eq!(document.chain().to_hex(), "371ae5cb17ac9084a38fba45af9ede2b8a393a65b25e8d2a57193680cef2d746");
}

#[test]
fn the_first_states_of_the_fixture() {
    let founding = Consortium::new(4).founding();
    assert_eq!(founding.tip.block.0, founding.chain.0);
    // The roots hold every byte of the founding state and of the tree; they change with the fixture too.
    assert_eq!(founding.chain.to_hex(), "8eb75a51d86198b3bf313e919d18d03a93657198a9150acef4307e7e93ef3ba3");
    assert_eq!(founding.state_root.to_hex(), "51ba67e55c5c2b013d15ae1c5852a284e4bdb8d210d54a0643bbcd1c5a14fb2d");
    assert_eq!(founding.validators.hash().to_hex(), "0d44393f5923974c332ebec608c742d97ef7f23030f6f5f1e6ec9eb86fa28d56");
}

#[test]
fn numbers_of_actions_and_changes() {
    let mut actions = vec![1; 8];
    actions.extend([2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 11, 40, 41, 42, 43, 44, 45, 46, 70, 71, 72, 73]);
    actions.extend([100, 100, 100, 101, 102, 102, 102, 103, 104, 110, 110, 111, 111, 112, 114, 114]);
    actions.extend([105, 105, 105, 105, 106, 107, 108, 109, 113]);
    let found: Vec<u8> = samples::actions().iter().map(|action| encode(action)[0]).collect();
    assert_eq!(found, actions);
    let found: Vec<u8> = samples::changes().iter().map(|change| encode(change)[0]).collect();
    assert_eq!(found, [1, 2, 3, 4, 5, 6, 7, 8]);
    assert!(matches!(samples::changes()[6], Change::SetParameters(_)));
}

#[test]
fn numbers_of_kinds_roles_categories_and_reasons() {
    use OrganisationKind::*;
    let kinds = [
        Hospital,
        Clinic,
        Pharmacy,
        CareFacility,
        RegionalCloud,
        PhrOperator,
        DataManagementService,
        ResearchBody,
        Agency,
        Regulator,
        AcademicSociety,
        Company,
    ];
    assert_eq!(kinds.map(|kind| encode(&kind)), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12].map(|number| vec![number]));
    let roles = [
        Role::Physician,
        Role::Dentist,
        Role::Pharmacist,
        Role::Nurse,
        Role::PublicHealthNurse,
        Role::Midwife,
        Role::RadiologicalTechnologist,
        Role::LaboratoryTechnologist,
        Role::CareWorker,
        Role::RecordsAdministrator,
        Role::Auditor,
    ];
    assert_eq!(roles.map(|role| encode(&role)), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11].map(|number| vec![number]));
    let categories = [
        (Category::Referral, 1),
        (Category::DischargeSummary, 2),
        (Category::CheckUp, 3),
        (Category::Diagnosis, 10),
        (Category::Allergy, 11),
        (Category::Infection, 12),
        (Category::DrugContraindication, 13),
        (Category::EmergencyTest, 14),
        (Category::LifestyleTest, 15),
        (Category::Prescription, 16),
        (Category::Chart, 20),
        (Category::Dispensing, 21),
        (Category::PersonalHealthRecord, 22),
        (Category::TreatmentHistory, 23),
        (Category::TestResult, 24),
        (Category::Image, 26),
        (Category::VitalSigns, 27),
        (Category::SelfRecorded, 28),
        (Category::Evaluation, 29),
        (Category::Plan, 30),
        (Category::Other, 255),
    ];
    for (category, number) in categories {
        assert_eq!(encode(&category), [number]);
    }
    use ErasureReason::*;
    let reasons = [RetentionEnded, PatientRequest, EnteredInError, LegalOrder];
    assert_eq!(reasons.map(|reason| encode(&reason)), [1, 2, 3, 4].map(|number| vec![number]));
    assert_eq!([PeerKind::Validator, PeerKind::Observer].map(|kind| encode(&kind)), [vec![1], vec![2]]);
    assert_eq!(categories.map(|(category, _)| category), Category::ALL, "a category's place is its bit");
}

#[test]
fn numbers_of_purposes_denials_faults_and_findings() {
    let numbers = |count: u8| (1..=count).map(|number| vec![number]).collect::<Vec<_>>();
    assert_eq!(Purpose::ALL.iter().map(encode).collect::<Vec<_>>(), numbers(14));
    let codes: Vec<_> = Purpose::ALL.iter().map(|purpose| purpose.code()).collect();
    let expected = "TREAT ETREAT BTG COC CAREMGT PATRQT FAMRQT PWATRNY PUBHLTH DISASTER HRESCH CLINTRCH HQUALIMP PATSFTY";
    assert_eq!(codes.join(" "), expected);
    assert_eq!(Denial::ALL.iter().map(encode).collect::<Vec<_>>(), numbers(12));
    for (number, denial) in Denial::ALL.iter().enumerate() {
        assert_eq!(denial.code(), format!("D-1.{}", number + 1));
    }
    use PayloadFault::*;
    let faults = [Substituted, Truncated, Withheld, NotForThisAccess, Malformed, Unauthorised];
    assert_eq!(faults.iter().map(encode).collect::<Vec<_>>(), numbers(6));
    use DisclosureRefusal::*;
    let refusals = [WithdrawnSince, TooOld, Erased, Unreadable];
    assert_eq!(refusals.iter().map(encode).collect::<Vec<_>>(), numbers(4));
    let findings = [Finding::Justified, Finding::NotJustified, Finding::Unclear];
    assert_eq!(findings.iter().map(encode).collect::<Vec<_>>(), numbers(3));
    use EmergencyReason::*;
    let reasons = [Unconscious, DangerToLife, Incapable, DangerToOthers, Disaster];
    assert_eq!(reasons.iter().map(encode).collect::<Vec<_>>(), numbers(5));
    assert_eq!(encode(&EmergencyReason::Other), [255]);
    assert_eq!([Visibility::Notice, Visibility::Silent].iter().map(encode).collect::<Vec<_>>(), numbers(2));
    assert_eq!([InEmergency::MayOpen, InEmergency::Never].iter().map(encode).collect::<Vec<_>>(), numbers(2));
    let powers = [Powers::READ_JOURNAL, Powers::GRANT, Powers::SEAL, Powers::VETO_RECOVERY, Powers::READ_RECORDS, Powers::ALL];
    assert_eq!(powers.map(|powers| powers.0), [1, 2, 4, 8, 16, 31]);
}

const GRANT_TERMS: [Field<'_>; 5] = [
    // Prescription and image are the 10th and 16th category of the list.
    ("categories", "00820000 00000000"),
    ("purpose", "01"),
    ("from", "05000000 00000000"),
    ("until", "09000000 00000000"),
    ("may_pass_on", "01"),
];
const SEAL_TERMS: [Field<'_>; 3] = [("visibility", "02"), ("in_emergency", "02"), ("hidden_from_guardians", "01")];
const ONE_RECORD: [Field<'_>; 2] = [("records", "01000000"), ("record", "17x32")];
const CONSULT_TERMS: [Field<'_>; 7] = [
    ("reader", "18x32"),
    ("categories", "ffx8"),
    ("records", "01000000"),
    ("record", "17x32"),
    ("until", "09000000 00000000"),
    ("may_pass_on", "00"),
    ("reply_key", "19x32"),
];

#[test]
fn grants_seals_and_consults_as_actions() {
    let account = ("account", "16x32");
    let grant = |grantee: &[Field<'static>]| [&[("grant", "64"), account][..], grantee, &GRANT_TERMS].concat();
    let seal = |target: &[Field<'static>], against: &[Field<'static>]| {
        [&[("seal", "66"), account][..], target, against, &SEAL_TERMS].concat()
    };
    let consult = |parent: &[Field<'static>]| {
        [&[("open consult", "6e"), account, ("practitioner", "12x32")][..], parent, &CONSULT_TERMS].concat()
    };
    let parties = [
        ("named", "03"),
        ("parties", "02000000"),
        ("organisation", "01"),
        ("organisation", "11x32"),
        ("practitioner", "02"),
        ("practitioner", "12x32"),
    ];
    let expected: [Vec<Field<'_>>; 16] = [
        grant(&[("organisation", "01"), ("organisation", "11x32")]),
        grant(&[("practitioner", "02"), ("practitioner", "12x32")]),
        grant(&[("role", "03"), ("organisation", "11x32"), ("role", "04")]),
        vec![("revoke", "65"), account, ("grant", "50x32")],
        seal(&[("records", "01"), ("records", "01000000"), ("record", "17x32")], &[("outside", "01")]),
        // Infection is the 6th category of the list.
        seal(&[("categories", "02"), ("categories", "20000000 00000000")], &[("all but author", "02")]),
        seal(&[("everything", "03")], &parties),
        vec![("lift seal", "67"), account, ("seal", "51x32"), ("until", "07000000 00000000")],
        vec![("unseal", "68"), account, ("seal", "51x32")],
        consult(&[("grant", "01"), ("grant", "50x32")]),
        consult(&[("consult", "02"), ("consult", "52x32")]),
        vec![("close consult", "6f"), account, ("consult", "52x32"), ("practitioner", "00")],
        vec![("close consult", "6f"), account, ("consult", "52x32"), ("practitioner", "01"), ("practitioner", "12x32")],
        vec![
            ("answer consult", "70"),
            account,
            ("consult", "52x32"),
            ("practitioner", "12x32"),
            ("commitment", "1cx32"),
            ("size", "02010000 00000000"),
        ],
        vec![("read journal", "72"), account, ("practitioner", "01"), ("practitioner", "12x32")],
        vec![("read journal", "72"), account, ("practitioner", "00")],
    ];
    for (action, fields) in samples::words().iter().zip(&expected) {
        golden(action, fields);
    }
}

/// A request, with the bytes of its reader and its basis.
fn request<'a>(reader: &[Field<'a>], basis: &[Field<'a>]) -> Vec<Field<'a>> {
    let rest = [("after", "01"), ("after", "1ax32"), ("reply_key", "19x32")];
    let middle = [("purpose", "03"), ("categories", "ffx8")];
    [&[("account", "16x32")], reader, basis, &middle, &ONE_RECORD, &rest].concat()
}

#[test]
fn accesses_and_what_follows_from_them_as_actions() {
    let practitioner = [("practitioner", "01"), ("practitioner", "12x32")];
    let emergency = [("emergency", "04"), ("reason", "03"), ("text", "1bx32")];
    let access = |request: Vec<Field<'static>>| [vec![("access", "69")], request].concat();
    let on = |name: &'static str, number: &'static str, rest: &[Field<'static>]| {
        [&[(name, number), ("account", "16x32"), ("access", "53x32")], rest].concat()
    };
    let expected: [Vec<Field<'_>>; 9] = [
        access(request(&[("person", "02")], &[("own", "01")])),
        access(request(&practitioner, &[("grant", "02")])),
        access(request(&practitioner, &[("consult", "03"), ("consult", "52x32")])),
        access(request(&practitioner, &emergency)),
        on("disclose", "6a", &ONE_RECORD),
        on("acknowledge", "6b", &ONE_RECORD),
        on("report payload", "6c", &[("record", "17x32"), ("fault", "03")]),
        on("refuse disclosure", "6d", &[("record", "17x32"), ("reason", "01")]),
        on("close review", "71", &[("practitioner", "12x32"), ("finding", "02"), ("report", "1dx32")]),
    ];
    for (action, fields) in samples::exchanges().iter().zip(&expected) {
        golden(action, fields);
    }
    assert!(matches!(samples::request(Reader::Person, Basis::Own).reader, Reader::Person));
    let disaster = [
        ("declare disaster", "08"),
        ("area", "08000000"),
        ("area", "\"Kamakura\""),
        ("organisations", "01000000"),
        ("organisation", "11x32"),
        ("duration_ms", "02010000 00000000"),
    ];
    golden(&samples::changes()[7], &disaster);
}

#[test]
fn objects_of_consent_and_exchange() {
    let grant = [("grants", "01000000"), ("id", "50x32"), ("organisation", "01"), ("organisation", "11x32")];
    let revoked = [("revoked", "01"), ("revoked", "06000000 00000000")];
    let seal = [("seals", "01000000"), ("id", "51x32"), ("records", "01")];
    let seal_ends =
        [("successors", "01000000"), ("successor", "1fx32"), ("lifted_until", "01"), ("lifted_until", "08000000 00000000")];
    let consult = [("consults", "01000000"), ("id", "52x32"), ("grant", "01"), ("grant", "50x32")];
    let consult_ends =
        [("opener", "12x32"), ("purpose", "01"), ("depth", "01"), ("closed", "01"), ("closed", "07000000 00000000")];
    let consent = [
        &grant[..],
        &GRANT_TERMS,
        &revoked,
        &seal,
        &ONE_RECORD,
        &[("outside", "01")],
        &SEAL_TERMS,
        &seal_ends,
        &consult,
        &CONSULT_TERMS,
        &consult_ends,
    ];
    golden(&samples::consent(), &consent.concat());
    golden(&ConsultPlace { account: samples::LABEL }, &[("account", "16x32")]);
    let rest = [
        ("signer", "22x32"),
        ("custodian", "11x32"),
        ("organisation", "01"),
        ("organisation", "1ex32"),
        ("at", "04000000 00000000"),
        ("records", "02000000"),
        ("record", "17x32"),
        ("record", "1fx32"),
        ("disclosed", "02"),
        ("disclosed", "00x15"),
        ("acknowledged", "01"),
        ("acknowledged", "00x15"),
    ];
    let asked = request(&[("practitioner", "01"), ("practitioner", "12x32")], &[("grant", "02")]);
    golden(&samples::access(), &[&asked[..], &rest].concat());
    let review = [
        ("account", "16x32"),
        ("organisation", "11x32"),
        ("practitioner", "12x32"),
        ("at", "04000000 00000000"),
        ("deadline", "05000000 00000000"),
        ("closed", "01"),
        ("reviewer", "18x32"),
        ("closed at", "06000000 00000000"),
        ("finding", "03"),
    ];
    golden(&samples::review(), &review);
    let desk = [
        ("day", "03000000 00000000"),
        ("used", "02000000"),
        ("open", "01000000"),
        ("access", "53x32"),
        ("deadline", "05000000 00000000"),
    ];
    golden(&samples::desk(), &desk);
    let disasters = [
        ("disasters", "01000000"),
        ("area", "08000000"),
        ("area", "\"Kamakura\""),
        ("organisations", "01000000"),
        ("organisation", "11x32"),
        ("until", "09000000 00000000"),
    ];
    golden(&samples::disasters(), &disasters);
}
