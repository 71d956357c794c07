//! Custodians that hand over the right payload, for an access that was granted, and do not show truthfully that the ledger authorises
//! it: what a custodian would do who has bytes to give and no right to give them.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use inro_contracts::block::Header;
use inro_contracts::bytes::{Canonical, List, encode};
use inro_contracts::certificate::{Certificate, CommitSignature};
use inro_contracts::entry::Outcome;
use inro_contracts::id::{ChainId, OrganisationId};
use inro_contracts::key::SecretKey;
use inro_contracts::merkle::{leaf_hash, prove, root};
use inro_contracts::tag::Tag;
use inro_contracts::validator::{Validator, ValidatorSet};
use inro_contracts::vote::{VoteKind, VoteStatement};
use inro_evidence::{Certified, EntryStatement, Located};
use inro_network::Authorisation;
use rand::Rng;
use rand::rngs::OsRng;

use super::premises::Premises;
use super::{Asked, Custodian};

/// Of four validators of equal power, three make a quorum.
const TOO_FEW: usize = 2;

/// Shows nothing.
pub(super) struct Unproved;
/// Shows an outcome that grants more than the ledger did.
pub(super) struct Embellishing;
/// Shows a certificate that too few validators signed.
pub(super) struct Undersigning;
/// Shows the entry in a block of a ledger of its own.
pub(super) struct Counterfeiting;

/// Shows, for every access, what authorised the first one.
#[derive(Default)]
pub(super) struct Borrowing(Mutex<Option<Authorisation>>);

#[async_trait]
impl Custodian for Unproved {
    async fn authorisation(&self, _: &Premises, _: &Asked) -> Authorisation {
        Authorisation::default()
    }
}

#[async_trait]
impl Custodian for Borrowing {
    async fn authorisation(&self, premises: &Premises, asked: &Asked) -> Authorisation {
        let own = premises.authorisation(asked).await;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(own).clone()
    }
}

#[async_trait]
impl Custodian for Embellishing {
    async fn authorisation(&self, premises: &Premises, asked: &Asked) -> Authorisation {
        altered(premises, asked, |statement| {
            if let Outcome::Granted(granted) = &mut statement.entry.entry.outcome {
                let all = [granted.records.to_vec(), vec![inro_contracts::id::RecordId(OsRng.r#gen())]].concat();
                granted.records = List::new(all).expect("a stage has few records");
            }
        })
        .await
    }
}

#[async_trait]
impl Custodian for Undersigning {
    async fn authorisation(&self, premises: &Premises, asked: &Asked) -> Authorisation {
        altered(premises, asked, |statement| {
            let signatures = &mut statement.head.certificate.signatures;
            *signatures = List::new(signatures[..TOO_FEW].to_vec()).expect("fewer than before");
        })
        .await
    }
}

#[async_trait]
impl Custodian for Counterfeiting {
    async fn authorisation(&self, premises: &Premises, asked: &Asked) -> Authorisation {
        altered(premises, asked, |statement| *statement = counterfeit(statement)).await
    }
}

/// What an honest custodian would show, with a change.
async fn altered(premises: &Premises, asked: &Asked, change: impl FnOnce(&mut EntryStatement)) -> Authorisation {
    let honest = premises.authorisation(asked).await;
    let mut statement = EntryStatement::from_bytes(honest.as_bytes()).expect("what an honest custodian shows can be read");
    change(&mut statement);
    Authorisation::new(statement.to_bytes()).expect("it is hardly longer than the honest one")
}

/// The same entry as the only one of a block whose one validator is the custodian itself.
fn counterfeit(honest: &EntryStatement) -> EntryStatement {
    let secret = SecretKey::from_seed(&OsRng.r#gen());
    let validator = Validator { key: secret.public(), organisation: OrganisationId(OsRng.r#gen()), power: 1 };
    let set = ValidatorSet::new(vec![validator]).expect("one validator makes a set").hash();
    let leaves = [leaf_hash(&encode(&honest.entry.entry))];
    let header = Header {
        chain: ChainId(OsRng.r#gen()),
        entries: 1,
        entries_root: root(&leaves),
        validators: set,
        next_validators: set,
        proposer: secret.public(),
        ..honest.head.header.clone()
    };
    let path = prove(&leaves, 0).expect("the tree has this entry");
    let entry = Located { index: 0, entry: honest.entry.entry.clone(), path };
    EntryStatement { head: Certified { certificate: certificate(&header, &secret), header }, entry }
}

fn certificate(header: &Header, secret: &SecretKey) -> Certificate {
    let (validator, height, block) = (secret.public(), header.height, header.id());
    let kind = VoteKind::Precommit;
    let vote = VoteStatement { chain: header.chain, kind, height, round: 0, block: Some(block), validator };
    let signature = secret.sign(Tag::VOTE, &encode(&vote));
    let signatures = List::new(vec![CommitSignature { validator, signature }]).expect("one signature");
    Certificate { height, round: 0, block, signatures }
}
