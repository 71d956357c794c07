//! Liars about the block that an answer is of: an old one, one that was made up, one that too few or the wrong validators signed.

use inro_contracts::bytes::{List, encode};
use inro_contracts::certificate::CommitSignature;
use inro_contracts::id::{Hash, OrganisationId};
use inro_contracts::key::SecretKey;
use inro_contracts::tag::Tag;
use inro_contracts::validator::{Validator, ValidatorSet};
use inro_contracts::vote::{VoteKind, VoteStatement};
use inro_evidence::{Certified, Change, Evidence, Step};

use super::{Lie, Stock, certified_by, head_of};

/// Serves a header that was the newest once.
pub(super) fn serves_an_old_header(stock: &Stock, _: usize, _: usize) -> Vec<Lie> {
    let old = stock.earlier.statement.heads()[0].clone();
    let dressed = |how, fails, number: bool| {
        stock.under(how, fails, |head| {
            let (height, time) = (head.header.height, head.header.time);
            *head = old.clone();
            (head.header.height, head.header.time) = (height, time);
            if number {
                (head.certificate.height, head.certificate.block) = (height, head.header.id());
            }
        })
    };
    vec![
        stock.under(
            "with what is true now",
            &[Step::HeaderPlace, Step::HeaderValidators, Step::State, Step::EntryPlace, Step::EntryRoot],
            |head| *head = old.clone(),
        ),
        stock.told(
            "with what was true then, and the newest header beside it",
            &[Step::State, Step::EntryPlace, Step::EntryRoot],
            {
                |told| {
                    let head = head_of(&mut told.statement).clone();
                    told.statement = stock.earlier.statement.clone();
                    *head_of(&mut told.statement) = head;
                }
            },
        ),
        dressed("numbered and dated as the newest", &[Step::HeaderValidators, Step::CertificateBlock], false),
        dressed("numbered and dated as the newest, and its certificate too", &[Step::HeaderValidators, Step::Signatures], true),
    ]
}

/// Serves another block in the place of the one that was decided.
pub(super) fn serves_a_forked_header(stock: &Stock, _: usize, _: usize) -> Vec<Lie> {
    let third = stock.validators.len() / 3;
    vec![
        stock.under("with the other block's certificate", &[Step::CertificateBlock], fork),
        stock.under("with the other block's certificate, renamed", &[Step::Signatures], |head| {
            fork(head);
            head.certificate.block = head.header.id();
        }),
        stock.under("signed by a third of the validators", &[Step::Quorum], |head| {
            fork(head);
            *head = certified_by(&head.header, &stock.validators[..third]);
        }),
        stock.under("the same block, said to be decided in another round", &[Step::Signatures], |head| {
            head.certificate.round += 1
        }),
    ]
}

fn fork(head: &mut Certified) {
    head.header.history_root = Hash([0xf0; 32]);
}

/// Serves a certificate that is none: too few signed, or nobody signed what is said.
pub(super) fn serves_a_subquorum_certificate(stock: &Stock, _: usize, _: usize) -> Vec<Lie> {
    let (validators, honest) = (&stock.validators, stock.honest.statement.heads()[0].clone());
    // Equal powers: of so many validators, two thirds are no quorum.
    let few = &validators[..validators.len() * 2 / 3];
    let signed = |how, fails, signatures: Vec<CommitSignature>| {
        stock.under(how, fails, |head| head.certificate.signatures = List::new(signatures).expect("few sign"))
    };
    let sorted = |mut signatures: Vec<CommitSignature>| {
        signatures.sort_by_key(|part| part.validator);
        signatures
    };
    let parts = |keys: &[SecretKey]| certified_by(&honest.header, keys).certificate.signatures.to_vec();
    let strangers: Vec<_> = few.iter().cloned().chain(strangers()).collect();
    let mut altered = parts(validators);
    altered[1].signature.0[7] ^= 1;
    let borrowed = parts(few).into_iter().chain(validators[few.len()..].iter().map(|absent| {
        let signature = parts(few)[0].signature;
        CommitSignature { validator: absent.public(), signature }
    }));
    let twice = [parts(few), parts(few)].concat();
    vec![
        signed("nobody signed", &[Step::Quorum], Vec::new()),
        signed("one signed", &[Step::Quorum], parts(&validators[..1])),
        signed("two thirds signed, and no more", &[Step::Quorum], parts(few)),
        signed("strangers make up the number", &[Step::Quorum], parts(&strangers)),
        signed("some signed twice", &[Step::Form], sorted(twice)),
        signed("others' signatures stand for the absent ones'", &[Step::Signatures], sorted(borrowed.collect())),
        signed("one signature is altered", &[Step::Signatures], altered),
        signed("first votes in the place of second ones", &[Step::Signatures], prevotes(&honest, validators)),
    ]
}

fn prevotes(of: &Certified, validators: &[SecretKey]) -> Vec<CommitSignature> {
    let part = |secret: &SecretKey| {
        let (height, block) = (of.header.height, Some(of.header.id()));
        let (chain, kind, validator) = (of.header.chain, VoteKind::Prevote, secret.public());
        let vote = VoteStatement { chain, kind, height, round: 0, block, validator };
        CommitSignature { validator, signature: secret.sign(Tag::VOTE, &encode(&vote)) }
    };
    let mut parts: Vec<_> = validators.iter().map(part).collect();
    parts.sort_by_key(|part| part.validator);
    parts
}

/// Says that others vote than those who do.
pub(super) fn serves_a_wrong_validator_set(stock: &Stock, _: usize, _: usize) -> Vec<Lie> {
    let (theirs, old) = (set_of(&strangers()), stock.earlier.statement.heads()[0].clone());
    let usurp = |told: &mut Evidence| {
        let head = head_of(&mut told.statement);
        (head.header.validators, head.header.next_validators) = (theirs.hash(), theirs.hash());
        *head = certified_by(&head.header, &strangers());
    };
    let introduced = |told: &mut Evidence, certified: Certified| {
        let mut changes = std::mem::take(&mut told.changes).into_vec();
        changes.push(Change { certified, set: theirs.clone() });
        told.changes = List::new(changes).expect("few changes");
    };
    let mut naming = old.header.clone();
    naming.next_validators = theirs.hash();
    let by_nobody = Certified { header: naming.clone(), certificate: old.certificate.clone() };
    let by_strangers = certified_by(&naming, &strangers());
    let mut lies = vec![
        stock.told("strangers, of whom nobody heard", &[Step::HeaderValidators], usurp),
        stock.told(
            "strangers, after a block that did not change the set",
            &[Step::HeaderPlace, Step::HeaderValidators, Step::Change],
            |told| {
                introduced(told, old.clone());
                usurp(told);
            },
        ),
        stock.told(
            "strangers, named in a block that nobody signed so",
            &[Step::HeaderPlace, Step::HeaderValidators, Step::CertificateBlock],
            {
                |told| {
                    introduced(told, by_nobody);
                    usurp(told);
                }
            },
        ),
        stock.told(
            "strangers, named in a block that they signed",
            &[Step::HeaderPlace, Step::HeaderValidators, Step::Quorum],
            |told| {
                introduced(told, by_strangers);
                usurp(told);
            },
        ),
        stock.under("strangers, under the validators' signatures", &[Step::HeaderValidators], |head| {
            head.header.validators = theirs.hash();
        }),
    ];
    if !stock.honest.changes.is_empty() {
        lies.push(stock.told("a change is left out", &[Step::HeaderValidators], |told| told.changes = List::default()));
    }
    lies
}

fn strangers() -> Vec<SecretKey> {
    (0..3).map(|number| SecretKey::from_seed(&[0xa0 + number; 32])).collect()
}

fn set_of(secrets: &[SecretKey]) -> ValidatorSet {
    let validator = |secret: &SecretKey| Validator { key: secret.public(), organisation: OrganisationId([0xaa; 32]), power: 10 };
    ValidatorSet::new(secrets.iter().map(validator).collect()).expect("a few validators make a set")
}
