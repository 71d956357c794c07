//! The founding: what a document may not hold, and what follows from one that is sound.

use inro_contracts::bytes::Canonical;
use inro_contracts::fixture::{self, Consortium, Member, list, text};
use inro_contracts::genesis::{BadGenesis, Declaration, GenesisDocument, SignedDeclaration};
use inro_contracts::id::Hash;
use inro_contracts::key::{PublicKey, SecretKey, Signature};
use inro_contracts::memory::MemoryLedger;
use inro_contracts::parameters::Parameters;
use inro_contracts::state::StateKey;
use inro_contracts::time::{Height, Time};

/// The secret of a key that the fixture made.
fn secret_of(key: &PublicKey) -> SecretKey {
    (0..8)
        .map(Member::new)
        .flat_map(|member| [member.authority, member.validator, member.peer, member.practitioner])
        .find(|secret| secret.public() == *key)
        .unwrap_or_else(|| fixture::secret("extra", 1))
}

/// Changes one declaration and signs it anew with every key in it.
fn redeclared(document: &GenesisDocument, index: usize, change: impl FnOnce(&mut Declaration)) -> GenesisDocument {
    let mut declarations = document.declarations.to_vec();
    let mut declaration = declarations[index].declaration.clone();
    change(&mut declaration);
    let signatures = declaration.keys().iter().map(|key| declaration.sign(&secret_of(key))).collect();
    declarations[index] = SignedDeclaration { declaration, signatures: list(signatures) };
    GenesisDocument { declarations: list(declarations), ..document.clone() }
}

/// What is wrong with a document whose first declaration was changed so.
fn fault_after(change: impl FnOnce(&mut Declaration)) -> String {
    let document = redeclared(&Consortium::new(4).document, 0, change);
    document.check().expect_err("the change is a fault").to_string()
}

#[test]
fn a_declaration_is_refused_for_each_fault_of_its_own() {
    let expect = |fault: String, words: &str| assert!(fault.contains(words), "{fault}");
    expect(fault_after(|declaration| declaration.organisation.name = text(" ")), "has no name");
    expect(fault_after(|declaration| declaration.peers = list(vec![declaration.peers[0].clone(); 2])), "a key stands twice");
    let authority = |declaration: &mut Declaration| {
        let mut validator = declaration.validator.clone().expect("declared");
        validator.key = declaration.organisation.authority;
        declaration.validator = Some(validator);
    };
    expect(fault_after(authority), "a key stands twice");
    let weak = |declaration: &mut Declaration| declaration.organisation.authority = PublicKey([0; 32]);
    expect(fault_after(weak), "not a sound Ed25519 key");
    let powerless = |declaration: &mut Declaration| {
        let mut validator = declaration.validator.clone().expect("declared");
        validator.power = 0;
        declaration.validator = Some(validator);
    };
    expect(fault_after(powerless), "no voting power");
    let named = |declaration: &mut Declaration| {
        let mut peer = declaration.peers[0].clone();
        peer.exchange_address = text("/dns4/peer/tcp/1");
        declaration.peers = list(vec![peer]);
    };
    expect(fault_after(named), "is not /ip4");
    let ended = |declaration: &mut Declaration| {
        let mut practitioner = declaration.practitioners[0].clone();
        practitioner.validity.until = practitioner.validity.from;
        declaration.practitioners = list(vec![practitioner]);
    };
    expect(fault_after(ended), "ends before it begins");
    expect(fault_after(|declaration| declaration.ledger = text("another")), "for the ledger");
}

#[test]
fn every_key_signs_its_declaration() {
    let document = Consortium::new(4).document;
    for place in 0..4 {
        let mut declarations = document.declarations.to_vec();
        let mut signatures = declarations[1].signatures.to_vec();
        signatures[place] = Signature([3; 64]);
        declarations[1].signatures = list(signatures.clone());
        let false_one = GenesisDocument { declarations: list(declarations.clone()), ..document.clone() };
        assert!(matches!(false_one.check(), Err(BadGenesis::Declaration { .. })));
        signatures.remove(place);
        declarations[1].signatures = list(signatures);
        let missing = GenesisDocument { declarations: list(declarations), ..document.clone() };
        assert!(missing.check().expect_err("a signature is missing").to_string().contains("3 signatures for 4 keys"));
    }
}

#[test]
fn declarations_fit_together() {
    let document = Consortium::new(4).document;
    let with = |declarations: Vec<SignedDeclaration>| GenesisDocument { declarations: list(declarations), ..document.clone() };
    let mut swapped = document.declarations.to_vec();
    swapped.swap(0, 1);
    assert_eq!(with(swapped).check(), Err(BadGenesis::Order));
    let twice = [document.declarations.to_vec(), document.declarations.to_vec()].concat();
    assert!(matches!(with(twice).check(), Err(BadGenesis::SharedKey(_))));
    let shared = document.declarations[1].declaration.peers[0].clone();
    let sharing = redeclared(&document, 0, |declaration| declaration.peers = list(vec![shared]));
    assert!(matches!(sharing.check(), Err(BadGenesis::SharedKey(_))));
    let parameters = Parameters { peers_max: 1, ..document.parameters.clone() };
    let narrow = GenesisDocument { parameters, ..document.clone() };
    let mut second = document.declarations[0].declaration.peers[0].clone();
    second.key = fixture::secret("extra", 1).public();
    let crowded = redeclared(&narrow, 0, |declaration| {
        declaration.peers = list(vec![declaration.peers[0].clone(), second]);
    });
    assert!(matches!(crowded.check(), Err(BadGenesis::Declaration { .. })));
}

#[test]
fn validators_and_parameters_can_be_trusted_from_the_start() {
    let document = Consortium::new(4).document;
    let validators = |fault: Result<_, BadGenesis>| matches!(fault, Err(BadGenesis::Validators(_)));
    let fewer = redeclared(&document, 0, |declaration| declaration.validator = None);
    assert!(validators(fewer.check()), "four are asked for");
    let nobody = GenesisDocument { declarations: list(vec![]), ..document.clone() };
    assert!(validators(nobody.check()));
    let heavy = redeclared(&document, 0, |declaration| {
        declaration.validator = declaration.validator.clone().map(|mut validator| {
            validator.power = 15;
            validator
        });
    });
    assert!(validators(heavy.check()), "15 of 45 is a third");
    let parameters = Parameters { void_after_ms_max: 1, ..document.parameters.clone() };
    let unbounded = GenesisDocument { parameters, ..document.clone() };
    assert!(matches!(unbounded.check(), Err(BadGenesis::Parameters(_))));
}

#[test]
fn every_bound_of_the_parameters_holds_on_both_sides() {
    let sound = Parameters::default();
    assert_eq!(sound.fault(), None);
    let zero = |change: fn(&mut Parameters, u64)| {
        for value in [0, u64::from(u16::MAX), u64::MAX] {
            let mut parameters = sound.clone();
            change(&mut parameters, value);
            assert!(value == u64::from(u16::MAX) || parameters.fault().is_some(), "{parameters:?}");
        }
    };
    zero(|parameters, value| parameters.block_transactions_max = value as u32);
    zero(|parameters, value| parameters.block_bytes_max = value as u32);
    zero(|parameters, value| parameters.void_after_ms_max = value);
    zero(|parameters, value| parameters.clock_drift_ms_max = value);
    zero(|parameters, value| parameters.heartbeat_ms = value);
    zero(|parameters, value| parameters.proposal_ms = value);
    zero(|parameters, value| parameters.recovery_delay_ms = value);
    zero(|parameters, value| parameters.validators_min = value as u16);
    zero(|parameters, value| parameters.peers_max = value as u16);
}

#[test]
fn the_document_names_the_chain_and_any_change_names_another() {
    let consortium = Consortium::new(4);
    let document = &consortium.document;
    assert_eq!(document.chain(), consortium.chain);
    assert_ne!(GenesisDocument { time: Time(document.time.0 + 1), ..document.clone() }.chain(), consortium.chain);
    let read = GenesisDocument::from_bytes(&document.to_bytes()).expect("canonical");
    assert_eq!(read.chain(), consortium.chain);
}

#[test]
fn a_founded_ledger_proves_its_first_state() {
    let consortium = Consortium::new(7);
    let founding = consortium.founding();
    let ledger = MemoryLedger::found(&founding);
    assert_eq!((ledger.tip(), ledger.state_root()), (founding.tip, founding.state_root));
    assert_eq!(ledger.tip().height, Height(0));
    assert_eq!(ledger.state_root(), crate::tree::plain_root(ledger.objects()));
    assert_eq!(ledger.validators().as_ref(), Ok(&founding.validators));
    assert_eq!((ledger.block(Height(0)), ledger.block(Height(1))), (None, None));
    for member in &consortium.organisations {
        let key = StateKey::Organisation(member.id);
        let (value, proof) = ledger.prove(&key).expect("provable");
        assert!(value.is_some());
        assert_eq!(proof.check(&ledger.state_root(), &key, value.as_deref()), Ok(()));
        assert!(proof.check(&Hash([0; 32]), &key, value.as_deref()).is_err());
    }
}
