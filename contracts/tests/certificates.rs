//! Certificates: what is accepted, and each way of being refused.

use inro_contracts::block::Header;
use inro_contracts::certificate::{BadCertificate, Certificate, CommitSignature};
use inro_contracts::fixture::{Consortium, list};
use inro_contracts::id::{BlockId, ChainId};
use inro_contracts::key::Signature;
use inro_contracts::time::Height;
use inro_contracts::validator::{BadValidatorSet, Validator, ValidatorSet};

use crate::samples::{header, secret};

fn validators(consortium: &Consortium) -> ValidatorSet {
    consortium.document.check().expect("the fixture's document is sound")
}

/// Signed by all validators, for a block of their ledger.
fn certificate(consortium: &Consortium) -> Certificate {
    consortium.certificate(&Header { chain: consortium.chain, ..header() }, 2)
}

fn with(certificate: &Certificate, change: impl FnOnce(&mut Vec<CommitSignature>)) -> Certificate {
    let mut signatures = certificate.signatures.to_vec();
    change(&mut signatures);
    Certificate { signatures: list(signatures), ..certificate.clone() }
}

#[test]
fn more_than_two_thirds_make_a_certificate_and_two_thirds_do_not() {
    for count in [1, 2, 3, 4, 6, 7, 10] {
        let consortium = Consortium::new(count);
        let validators = validators(&consortium);
        let certificate = certificate(&consortium);
        for signers in 0..=count {
            let part = with(&certificate, |signatures| signatures.truncate(signers));
            let expected = if signers * 3 > count * 2 {
                Ok(())
            } else {
                Err(BadCertificate::Quorum { found: 10 * signers as u64, total: 10 * count as u64 })
            };
            assert_eq!(part.check(&consortium.chain, &validators), expected, "{signers} of {count}");
        }
    }
}

#[test]
fn a_signature_that_stands_twice_or_out_of_order_is_malformed() {
    let consortium = Consortium::new(4);
    let validators = validators(&consortium);
    let certificate = certificate(&consortium);
    let twice = with(&certificate, |signatures| signatures[1] = signatures[0].clone());
    let swapped = with(&certificate, |signatures| signatures.swap(1, 2));
    for malformed in [twice, swapped] {
        assert_eq!(malformed.check(&consortium.chain, &validators), Err(BadCertificate::Order));
    }
}

#[test]
fn a_stranger_adds_nothing() {
    let consortium = Consortium::new(4);
    let stranger = Consortium::new(5);
    let certificate = certificate(&stranger);
    let result = certificate.check(&stranger.chain, &validators(&consortium));
    assert!(matches!(result, Err(BadCertificate::Stranger(_))), "{result:?}");
}

#[test]
fn a_signature_is_for_one_block_height_round_and_ledger() {
    let consortium = Consortium::new(4);
    let validators = validators(&consortium);
    let certificate = certificate(&consortium);
    assert_eq!(certificate.check(&consortium.chain, &validators), Ok(()));
    let others = [
        Certificate { block: BlockId([9; 32]), ..certificate.clone() },
        Certificate { height: Height(9), ..certificate.clone() },
        Certificate { round: 3, ..certificate.clone() },
        with(&certificate, |signatures| signatures[3].signature = Signature([1; 64])),
        with(&certificate, |signatures| signatures[0].signature = signatures[1].signature),
    ];
    for other in others {
        assert!(matches!(other.check(&consortium.chain, &validators), Err(BadCertificate::Signature(_))));
    }
    assert!(matches!(certificate.check(&ChainId([0; 32]), &validators), Err(BadCertificate::Signature(_))));
}

#[test]
fn a_validator_set_has_each_key_once_with_power() {
    let validator = |byte: u8, power: u32| Validator {
        key: secret(byte).public(),
        organisation: Consortium::new(1).organisations[0].id,
        power,
    };
    assert_eq!(ValidatorSet::new(vec![]), Err(BadValidatorSet::Empty));
    assert!(matches!(ValidatorSet::new(vec![validator(1, 1), validator(1, 2)]), Err(BadValidatorSet::Duplicate(_))));
    assert!(matches!(ValidatorSet::new(vec![validator(1, 0)]), Err(BadValidatorSet::Powerless(_))));
    let set = ValidatorSet::new((1..=9).map(|byte| validator(byte, u32::MAX)).collect()).expect("sound");
    assert_eq!(set.power(), 9 * u64::from(u32::MAX));
    assert!(set.is_quorum(u64::MAX) && !set.is_quorum(set.power() / 3 * 2));
    assert!(set.validators().windows(2).all(|pair| pair[0].key < pair[1].key));
    assert!(set.validators().iter().all(|one| set.find(&one.key) == Some(one)));
}
