//! Every decoder survives any bytes, and encodes back exactly what it accepts.

use inro_contracts::access::{Access, Denial};
use inro_contracts::account::Account;
use inro_contracts::block::Header;
use inro_contracts::bytes::{Canonical, List, Malformed, Text};
use inro_contracts::category::{Categories, Category};
use inro_contracts::certificate::Certificate;
use inro_contracts::consent::{Against, Consent, Parent, Party, SealTarget};
use inro_contracts::emergency::{Disasters, EmergencyDesk, Review};
use inro_contracts::entry::{Entry, Outcome};
use inro_contracts::fixture::{self, Consortium, text};
use inro_contracts::genesis::{Declaration, GenesisDocument, SignedDeclaration};
use inro_contracts::id::{OrganisationId, PractitionerId};
use inro_contracts::journal::Event;
use inro_contracts::merkle::InclusionProof;
use inro_contracts::organisation::{Organisation, OrganisationProfile, Peer, PeerRecord, Practitioner, Standing};
use inro_contracts::parameters::Parameters;
use inro_contracts::proposal::{Change, Proposal};
use inro_contracts::record::{Record, RecordStatus};
use inro_contracts::rule::Rule;
use inro_contracts::state::{Clock, ConsultPlace, EvidenceTaken, KeyUse, Members};
use inro_contracts::time::{Height, Time};
use inro_contracts::transaction::{Action, ParsedTransaction, SignedTransaction};
use inro_contracts::validator::ValidatorSet;
use inro_contracts::vote::{DoubleSign, ProposalStatement, VoteStatement};
use proptest::prelude::*;

use crate::samples;

/// What one decoder does with bytes: re-encoded if it accepts them.
type Decoder = fn(&[u8]) -> Option<Vec<u8>>;

/// A type's name, its decoder, and valid encodings.
type Case = (&'static str, Decoder, Vec<Vec<u8>>);

fn decoder<T: Canonical>(bytes: &[u8]) -> Option<Vec<u8>> {
    T::from_bytes(bytes).ok().map(|value| value.to_bytes())
}

/// Every canonical type with a few valid encodings.
fn all() -> Vec<Case> {
    fn of<T: Canonical>(values: Vec<T>) -> Case {
        (std::any::type_name::<T>(), decoder::<T>, values.iter().map(Canonical::to_bytes).collect())
    }
    let consortium = Consortium::new(2);
    let profile = fixture::profile(0, &samples::secret(1).public());
    let organisation = Organisation { profile: profile.clone(), standing: Standing::Active, since: Height(3), peers: 2 };
    let practitioner = Practitioner {
        organisation: OrganisationId([1; 32]),
        key: samples::secret(1).public(),
        role: inro_contracts::organisation::Role::Auditor,
        licence: inro_contracts::id::Hash([2; 32]),
        validity: samples::VALIDITY,
        standing: Standing::Suspended,
    };
    let record = |status| Record { manifest: fixture::manifest(1), author: PractitionerId([4; 32]), registered: Time(9), status };
    let leaves = crate::merkle::leaves(7);
    let proofs = (0..7).filter_map(|index| inro_contracts::merkle::prove(&leaves, index)).collect::<Vec<_>>();
    let id = OrganisationId([1; 32]);
    let evidence = EvidenceTaken { transaction: inro_contracts::id::TransactionId([1; 32]), height: Height(2), organisation: id };
    vec![
        of::<Account>(vec![samples::account()]),
        of::<Header>(vec![samples::header()]),
        of::<Certificate>(vec![samples::certificate()]),
        of::<Entry>(vec![
            samples::entry(Outcome::Applied),
            samples::entry(Outcome::Rejected(Rule::NoVeto)),
            samples::entry(Outcome::AppliedCustodially),
            samples::entry(Outcome::Granted(samples::granted())),
            samples::entry(Outcome::Denied(Denial::Sealed)),
            samples::entry(Outcome::GrantedCustodially(samples::granted())),
            samples::entry(Outcome::DeniedCustodially(Denial::Sealed)),
        ]),
        of::<Access>(vec![samples::access()]),
        of::<Consent>(vec![samples::consent(), Consent::default()]),
        of::<Review>(vec![samples::review()]),
        of::<EmergencyDesk>(vec![samples::desk(), EmergencyDesk::default()]),
        of::<Disasters>(vec![samples::disasters(), Disasters::default()]),
        of::<ConsultPlace>(vec![ConsultPlace { account: samples::LABEL }]),
        of::<Event>(vec![samples::event()]),
        of::<GenesisDocument>(vec![consortium.document.clone()]),
        of::<SignedDeclaration>(consortium.document.declarations.to_vec()),
        of::<Declaration>(vec![consortium.document.declarations[0].declaration.clone()]),
        of::<InclusionProof>(proofs),
        of::<OrganisationProfile>(vec![profile]),
        of::<Organisation>(vec![organisation]),
        of::<Practitioner>(vec![practitioner]),
        of::<PeerRecord>(vec![samples::peer_record()]),
        of::<Peer>(vec![Peer { organisation: id, record: samples::peer_record() }]),
        of::<Parameters>(vec![Parameters::default()]),
        of::<Change>(samples::changes()),
        of::<Proposal>(vec![samples::proposal()]),
        of::<Record>(vec![
            record(RecordStatus::Current),
            record(RecordStatus::Superseded(fixture::record_id(2))),
            record(RecordStatus::Erased),
        ]),
        of::<Clock>(vec![Clock { height: Height(1), time: Time(2) }]),
        of::<Members>(vec![Members(fixture::list(vec![id]))]),
        of::<KeyUse>(vec![
            KeyUse::Authority(id),
            KeyUse::Validator(id),
            KeyUse::Practitioner(PractitionerId([7; 32])),
            KeyUse::Peer(id),
        ]),
        of::<EvidenceTaken>(vec![evidence]),
        of::<SignedTransaction>(samples::actions().into_iter().map(samples::transaction).collect()),
        of::<ValidatorSet>(vec![consortium.document.check().expect("sound")]),
        of::<DoubleSign>(vec![samples::double_votes(), samples::double_proposals()]),
        of::<VoteStatement>(vec![samples::vote(None), samples::vote(Some(inro_contracts::id::BlockId([5; 32])))]),
        of::<ProposalStatement>(vec![samples::proposal_statement(None), samples::proposal_statement(Some(4))]),
    ]
}

#[test]
fn every_type_round_trips_and_leaves_no_byte_over() {
    for (name, decode, encodings) in all() {
        for bytes in encodings {
            assert_eq!(decode(&bytes).as_ref(), Some(&bytes), "{name}");
            for length in 0..bytes.len().min(400) {
                assert_eq!(decode(&bytes[..length]), None, "{name} cut to {length} bytes");
            }
            assert_eq!(decode(&[&bytes[..], &[0]].concat()), None, "{name} with a byte left over");
        }
    }
}

#[test]
fn a_length_from_a_stranger_allocates_nothing() {
    for (name, decode, _) in all() {
        assert_eq!(decode(&[0xFF; 64]), None, "{name}");
    }
    let huge = [0xFF, 0xFF, 0xFF, 0x7F, 1, 2, 3];
    assert!(borsh::from_slice::<List<u64, 16>>(&huge).is_err());
    assert!(borsh::from_slice::<Text<16>>(&huge).is_err());
}

#[test]
fn more_bytes_than_a_type_may_have_are_not_looked_at() {
    let found = SignedTransaction::BYTES_MAX + 1;
    let result = SignedTransaction::from_bytes(&vec![0; found]);
    assert_eq!(result, Err(Malformed::TooLong { limit: SignedTransaction::BYTES_MAX, found }));
}

#[test]
fn the_longest_value_of_a_type_fits_its_limit() {
    let mut account = samples::account();
    let guardian = account.guardians[0].clone();
    account.guardians = fixture::list(vec![guardian; 16]);
    assert!(Account::from_bytes(&account.to_bytes()).is_ok());
    let mut proposal = samples::proposal();
    proposal.votes = fixture::list(vec![proposal.votes[0].clone(); 1024]);
    assert!(Proposal::from_bytes(&proposal.to_bytes()).is_ok());
    let members = Members(fixture::list(vec![OrganisationId([1; 32]); 1024]));
    assert!(Members::from_bytes(&members.to_bytes()).is_ok());
    let mut certificate = samples::certificate();
    certificate.signatures = fixture::list(vec![certificate.signatures[0].clone(); 256]);
    assert!(Certificate::from_bytes(&certificate.to_bytes()).is_ok());
}

#[test]
fn the_longest_word_of_a_patient_and_the_longest_answer_fit_their_limits() {
    let record = samples::RECORD;
    let mut consent = samples::consent();
    let party = Party::Organisation(OrganisationId([1; 32]));
    let mut seal = consent.seals[0].clone();
    seal.terms.target = SealTarget::Records(fixture::list(vec![record; 32]));
    seal.terms.against = Against::Named(fixture::list(vec![party; 16]));
    seal.successors = fixture::list(vec![record; 224]);
    let mut consult = consent.consults[0].clone();
    consult.terms.records = fixture::list(vec![record; 32]);
    consult.terms.parent = Parent::Consult(samples::CONSULT);
    consent.grants = fixture::list(vec![consent.grants[0]; 64]);
    consent.seals = fixture::list(vec![seal.clone(); 64]);
    consent.consults = fixture::list(vec![consult.clone(); 64]);
    assert!(Consent::from_bytes(&consent.to_bytes()).is_ok());
    let mut access = samples::access();
    access.request.records = fixture::list(vec![record; 64]);
    access.request.basis = inro_contracts::access::Basis::Emergency(samples::claim());
    access.records = fixture::list(vec![record; 128]);
    assert!(Access::from_bytes(&access.to_bytes()).is_ok());
    let mut desk = samples::desk();
    desk.open = fixture::list(vec![desk.open[0]; 1024]);
    assert!(EmergencyDesk::from_bytes(&desk.to_bytes()).is_ok());
    let mut disasters = samples::disasters();
    disasters.0 = fixture::list(vec![
        inro_contracts::emergency::Disaster {
            area: text(&"x".repeat(60)),
            organisations: fixture::list(vec![OrganisationId([1; 32]); 64]),
            until: Time(1),
        };
        16
    ]);
    assert!(Disasters::from_bytes(&disasters.to_bytes()).is_ok());

    let (account, practitioner) = (samples::LABEL, samples::PERSON);
    let declaration = inro_contracts::proposal::Change::DeclareDisaster {
        area: text(&"x".repeat(60)),
        organisations: fixture::list(vec![OrganisationId([1; 32]); 64]),
        duration_ms: 1,
    };
    assert!(Change::from_bytes(&declaration.to_bytes()).is_ok());
    use inro_contracts::transaction::Action;
    for action in [
        Action::Disclose { account, access: samples::ACCESS, records: fixture::list(vec![record; 128]) },
        Action::Access(access.request),
        Action::Seal { account, terms: seal.terms },
        Action::OpenConsult { account, practitioner, terms: consult.terms },
        Action::Propose { organisation: OrganisationId([1; 32]), change: declaration },
    ] {
        let signed = samples::transaction(action);
        assert!(SignedTransaction::from_bytes(&signed.to_bytes()).is_ok());
    }
    let mut granted = samples::granted();
    granted.records = fixture::list(vec![record; 128]);
    let entry = samples::entry(Outcome::Granted(granted));
    assert!(Entry::from_bytes(&entry.to_bytes()).is_ok());
}

#[test]
fn a_set_of_categories_names_only_categories_that_exist() {
    let only = Categories::only(&[Category::Referral, Category::Other]);
    assert_eq!(borsh::to_vec(&only).ok(), Some(((1u64 << 20) | 1).to_le_bytes().to_vec()));
    for bits in [0, 1, (1 << 21) - 1, u64::MAX] {
        assert!(borsh::from_slice::<Categories>(&u64::to_le_bytes(bits)).is_ok(), "{bits:x}");
    }
    for bits in [1 << 21, u64::MAX - 1, u64::MAX >> 1] {
        assert!(borsh::from_slice::<Categories>(&u64::to_le_bytes(bits)).is_err(), "{bits:x}");
    }
    for category in Category::ALL {
        assert_eq!(category.name().parse(), Ok(category));
        assert_eq!(serde_json::to_string(&category).ok(), Some(format!("\"{}\"", category.name())));
        assert!(Categories::ALL.holds(category) && Categories::only(&[category]).within(Categories::ALL));
        assert!(!Categories::ALL.within(Categories::only(&[category])));
    }
    assert_eq!(serde_json::to_string(&Categories::ALL).ok(), Some("\"all\"".into()));
    assert_eq!(serde_json::to_string(&only).ok(), Some("[\"referral\",\"other\"]".into()));
    assert!(serde_json::from_str::<Categories>("\"some\"").is_err());
}

#[test]
fn purposes_rules_and_denials_read_back_their_codes() {
    for purpose in inro_contracts::purpose::Purpose::ALL {
        assert_eq!(purpose.code().parse(), Ok(*purpose));
        assert_eq!(serde_json::to_string(purpose).ok(), Some(format!("\"{}\"", purpose.code())));
    }
    for denial in Denial::ALL {
        let json = serde_json::to_string(denial).expect("memory");
        assert_eq!(serde_json::from_str::<Denial>(&json).ok(), Some(*denial));
    }
    assert!(serde_json::from_str::<Denial>("\"D-1.99\"").is_err());
}

#[test]
fn text_has_no_control_characters_and_keeps_its_bound() {
    assert!(Text::<8>::new("印籠").is_ok());
    assert!(Text::<5>::new("印籠").is_err());
    for bad in ["a\nb", "\0", "\u{85}", "\u{7f}"] {
        assert!(Text::<8>::new(bad).is_err());
        let bytes = borsh::to_vec(bad).expect("memory");
        assert!(borsh::from_slice::<Text<8>>(&bytes).is_err());
    }
    assert!(borsh::from_slice::<Text<8>>(&[1, 0, 0, 0, 0xFF]).is_err());
    assert_eq!(borsh::to_vec(&text::<8>("ab")).ok(), Some(vec![2, 0, 0, 0, b'a', b'b']));
}

#[test]
fn validators_out_of_order_or_without_power_are_not_canonical() {
    let set = Consortium::new(2).document.check().expect("sound");
    let bytes = set.to_bytes();
    let (count, rest) = bytes.split_at(4);
    let (first, second) = rest.split_at(68);
    assert!(ValidatorSet::from_bytes(&[count, second, first].concat()).is_err());
    assert!(ValidatorSet::from_bytes(&[count, first, first].concat()).is_err());
    assert!(ValidatorSet::from_bytes(&[0, 0, 0, 0]).is_err());
    let powerless = [&[1, 0, 0, 0], &first[..64], &[0; 4]].concat();
    assert!(ValidatorSet::from_bytes(&powerless).is_err());
}

#[test]
fn a_transaction_made_here_and_one_parsed_from_its_bytes_are_the_same() {
    for action in samples::actions() {
        let signed = samples::transaction(action);
        let made = ParsedTransaction::from(signed.clone());
        let parsed = ParsedTransaction::parse(signed.to_bytes()).expect("canonical");
        assert_eq!((made.id(), made.bytes()), (parsed.id(), parsed.bytes()));
        assert!(made.claims()[0].holds(), "the signer's own signature stands first and holds");
    }
}

#[test]
fn json_reads_back_what_it_wrote() {
    for action in samples::actions() {
        let signed = samples::transaction(action);
        let json = serde_json::to_string(&signed).expect("memory");
        assert_eq!(serde_json::from_str::<SignedTransaction>(&json).expect("it was written here"), signed);
    }
    let document = Consortium::new(2).document;
    let json = serde_json::to_string(&document).expect("memory");
    let read: GenesisDocument = serde_json::from_str(&json).expect("it was written here");
    assert_eq!(read.chain(), document.chain());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        for (name, decode, _) in all_once() {
            if let Some(encoded) = decode(&bytes) {
                prop_assert_eq!(&encoded, &bytes, "{}", name);
            }
        }
    }

    #[test]
    fn altered_encodings_are_refused_or_mean_what_they_say(
        which: prop::sample::Index,
        sample: prop::sample::Index,
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0u8..4), 1..4),
    ) {
        let all = all_once();
        let (name, decode, encodings) = &all[which.index(all.len())];
        let mut bytes = encodings[sample.index(encodings.len())].clone();
        for (place, value, kind) in edits {
            let place = place.index(bytes.len().max(1));
            match kind {
                0 if place < bytes.len() => bytes[place] = value,
                1 => bytes.insert(place, value),
                2 if place < bytes.len() => drop(bytes.remove(place)),
                _ if place < bytes.len() => bytes[place] ^= 1 << (value % 8),
                _ => {}
            }
        }
        if let Some(encoded) = decode(&bytes) {
            prop_assert_eq!(&encoded, &bytes, "{}", name);
        }
    }
}

fn all_once() -> &'static [Case] {
    static ALL: std::sync::OnceLock<Vec<Case>> = std::sync::OnceLock::new();
    ALL.get_or_init(all)
}

#[test]
fn an_actions_number_is_found_in_the_bytes_of_a_transaction_and_of_an_entry() {
    for action in samples::actions() {
        let number = inro_contracts::bytes::encode(&action)[0];
        match &action {
            Action::EraseRecord { .. } => assert_eq!(number, Action::ERASE_RECORD),
            Action::Access(_) => assert_eq!(number, Action::ACCESS),
            _ => {}
        }
        let mut entry = samples::entry(Outcome::Applied);
        entry.transaction.transaction.action = action;
        assert_eq!(Action::number_in(&entry.transaction.to_bytes()), Some(number));
        assert_eq!(Action::number_in(&entry.to_bytes()), Some(number));
    }
    assert_eq!(Action::number_in(&[0; 80]), None);
}
