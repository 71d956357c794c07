//! What tests of every crate begin with: a consortium whose keys all follow from seeds, its founding document, and signed
//! transactions. Compiled only with the feature `fixture`; no program uses it, for its keys are no secrets.

use crate::account::{Account, AccountOpening, Guardian, Possession};
use crate::block::Header;
use crate::bytes::{List, Text};
use crate::category::Category;
use crate::certificate::{Certificate, CommitSignature};
use crate::genesis::{Declaration, DeclaredPractitioner, DeclaredValidator, Founding, GenesisDocument, SignedDeclaration};
use crate::id::{ChainId, Commitment, Hash, Label, OrganisationId, PractitionerId, RecordId};
use crate::key::{PublicKey, SecretKey, Signature};
use crate::memory::MemoryLedger;
use crate::organisation::{OrganisationKind, OrganisationProfile, PeerKind, PeerRecord, Practitioner, Role};
use crate::parameters::Parameters;
use crate::record::{ProviderFlags, RecordManifest};
use crate::tag::Tag;
use crate::time::{Time, Validity};
use crate::transaction::{Action, ParsedTransaction, SignedTransaction, Transaction, VerifiedTransaction};
use crate::vote::{VoteKind, VoteStatement};

/// When the fixture's ledger is founded: 2026-01-01T00:00:00Z.
pub const FOUNDED: Time = Time(1_767_225_600_000);

/// The secret key for a purpose and a number; the same in every run.
pub fn secret(purpose: &str, number: u64) -> SecretKey {
    SecretKey::from_seed(&bytes32(purpose, number))
}

/// A patient's secret key.
pub fn patient(seed: u64) -> SecretKey {
    secret("patient", seed)
}

/// The label of the account that [`patient`] opens.
pub fn label(seed: u64) -> Label {
    Account::label_of(&patient(seed).public())
}

/// A record's id.
pub fn record_id(seed: u64) -> RecordId {
    RecordId(bytes32("record", seed))
}

/// A record's manifest: a prescription without flags.
pub fn manifest(seed: u64) -> RecordManifest {
    RecordManifest {
        id: record_id(seed),
        category: Category::Prescription,
        commitment: Commitment(bytes32("commitment", seed)),
        size: 1000 + seed,
        flags: ProviderFlags::default(),
    }
}

/// A guardian with these powers for a year from the founding.
pub fn guardian(seed: u64, powers: crate::account::Powers) -> Guardian {
    Guardian { key: secret("guardian", seed).public(), powers, validity: one_year() }
}

/// A year from the founding.
pub fn one_year() -> Validity {
    Validity { from: FOUNDED, until: FOUNDED.plus_ms(365 * 24 * 3600 * 1000) }
}

fn bytes32(purpose: &str, number: u64) -> [u8; 32] {
    let mut seed = b"inro fixture ".to_vec();
    seed.extend_from_slice(purpose.as_bytes());
    seed.extend_from_slice(&number.to_le_bytes());
    crate::merkle::leaf_hash(&seed).0
}

/// One organisation with all its secrets.
#[derive(Debug, Clone)]
pub struct Member {
    /// The organisation's id.
    pub id: OrganisationId,
    /// Its authority's secret.
    pub authority: SecretKey,
    /// Its validator's secret.
    pub validator: SecretKey,
    /// Its machine's secret.
    pub peer: SecretKey,
    /// Its practitioner's secret.
    pub practitioner: SecretKey,
    /// Its practitioner's id.
    pub practitioner_id: PractitionerId,
}

impl Member {
    /// Organisation number `number`, whether or not it founds the ledger.
    pub fn new(number: u64) -> Self {
        let authority = secret("authority", number);
        let practitioner = secret("practitioner", number);
        Self {
            id: Tag::ORGANISATION.hash(&[&authority.public().0]).into(),
            validator: secret("validator", number),
            peer: secret("peer", number),
            practitioner_id: Practitioner::id_of(&practitioner.public()),
            authority,
            practitioner,
        }
    }
}

/// A founded consortium: organisations sorted by id, as their declarations are; each has one validator of power 10, one peer
/// and one physician.
#[derive(Debug, Clone)]
pub struct Consortium {
    /// The founding document.
    pub document: GenesisDocument,
    /// The ledger's id.
    pub chain: ChainId,
    /// The founders. The first is a hospital, the second a clinic, the third a pharmacy, and so on in turn.
    pub organisations: Vec<Member>,
}

impl Consortium {
    /// A consortium of `count` organisations (1 to 200) with default parameters, but as few validators allowed as there are.
    pub fn new(count: usize) -> Self {
        let validators_min = count.min(4) as u16;
        Self::with_parameters(count, Parameters { validators_min, ..Parameters::default() })
    }

    /// A consortium with these parameters. Peers have loopback addresses with ports from 20,000 on.
    pub fn with_parameters(count: usize, parameters: Parameters) -> Self {
        let port = |number: usize| format!("/ip4/127.0.0.1/tcp/{number}");
        Self::with_addresses(count, parameters, |index| (port(20_000 + 2 * index), port(20_001 + 2 * index)))
    }

    /// A consortium whose peer number `index` has the consensus and exchange address that `addresses` gives.
    pub fn with_addresses(count: usize, parameters: Parameters, addresses: impl Fn(usize) -> (String, String)) -> Self {
        let mut organisations: Vec<Member> = (0..count as u64).map(Member::new).collect();
        organisations.sort_by_key(|member| member.id);
        let ledger = text("inro-fixture");
        let declarations = organisations.iter().enumerate().map(|(index, member)| {
            let (consensus_address, exchange_address) = addresses(index);
            let declaration = Declaration {
                ledger: ledger.clone(),
                organisation: profile(index, &member.authority.public()),
                validator: Some(DeclaredValidator { key: member.validator.public(), power: 10 }),
                peers: list(vec![PeerRecord {
                    key: member.peer.public(),
                    kind: PeerKind::Validator,
                    consensus_address: text(&consensus_address),
                    exchange_address: text(&exchange_address),
                }]),
                practitioners: list(vec![DeclaredPractitioner {
                    key: member.practitioner.public(),
                    role: Role::Physician,
                    licence: Hash(bytes32("licence", index as u64)),
                    validity: one_year(),
                }]),
            };
            let secrets = [&member.authority, &member.validator, &member.peer, &member.practitioner];
            let signatures = list(secrets.iter().map(|secret| declaration.sign(secret)).collect());
            SignedDeclaration { declaration, signatures }
        });
        let document =
            GenesisDocument { declarations: list(declarations.collect()), ledger: ledger.clone(), time: FOUNDED, parameters };
        let chain = document.chain();
        Self { document, chain, organisations }
    }

    /// What a node stores before its first block. Panics if the document is at fault: tests ask that of `document` itself.
    pub fn founding(&self) -> Founding {
        self.document.found().expect("the fixture's document founds a ledger")
    }

    /// The founded ledger in memory.
    pub fn ledger(&self) -> MemoryLedger {
        MemoryLedger::found(&self.founding())
    }

    /// The proof that somebody holds `secret`, for a key that will belong to `subject`.
    pub fn possession(&self, subject: [u8; 32], secret: &SecretKey) -> Signature {
        Possession { chain: self.chain, subject: Hash(subject), key: secret.public() }.sign(secret)
    }

    /// Organisation `index` opens the account of [`patient`] `seed`.
    pub fn account_opening(&self, index: usize, seed: u64) -> Action {
        let member = &self.organisations[index];
        let secret = patient(seed);
        let opening = AccountOpening { chain: self.chain, custodian: member.id, first_key: secret.public(), custodial: false };
        Action::OpenAccount {
            practitioner: member.practitioner_id,
            custodian: member.id,
            first_key: secret.public(),
            custodial: false,
            agreement: opening.sign(&secret),
        }
    }

    /// Organisation `index` registers [`manifest`] `seed` in an account.
    pub fn register_record(&self, index: usize, account: Label, seed: u64) -> Action {
        Action::RegisterRecord { account, practitioner: self.organisations[index].practitioner_id, record: manifest(seed) }
    }

    /// The account's key is replaced by `secret`'s.
    pub fn rotate_controller(&self, account: Label, secret: &SecretKey) -> Action {
        Action::RotateController {
            account,
            key: secret.public(),
            custodial: false,
            possession: self.possession(account.0, secret),
        }
    }

    /// A practitioner of organisation `index` checked somebody's identity for `secret`'s key.
    pub fn attest_recovery(&self, index: usize, account: Label, secret: &SecretKey) -> Action {
        Action::AttestRecovery {
            account,
            practitioner: self.organisations[index].practitioner_id,
            new_key: secret.public(),
            possession: self.possession(account.0, secret),
        }
    }

    /// A signed transaction of the fixture's ledger, with nonce 0.
    pub fn sign(&self, action: Action, secret: &SecretKey, void_after: Time) -> SignedTransaction {
        self.sign_with_nonce(action, secret, void_after, 0)
    }

    /// A signed transaction with its nonce.
    pub fn sign_with_nonce(&self, action: Action, secret: &SecretKey, void_after: Time, nonce: u64) -> SignedTransaction {
        Transaction { chain: self.chain, signer: secret.public(), void_after, nonce, action }.sign(secret)
    }

    /// A signed transaction whose signatures were checked. Panics if one does not hold.
    pub fn verified(&self, action: Action, secret: &SecretKey, void_after: Time) -> VerifiedTransaction {
        ParsedTransaction::from(self.sign(action, secret, void_after)).verify().expect("the fixture's signatures hold")
    }

    /// A header's certificate, signed by every founder's validator.
    pub fn certificate(&self, header: &Header, round: u32) -> Certificate {
        let validators: Vec<_> = self.organisations.iter().map(|member| member.validator.clone()).collect();
        certificate_by(header, round, &validators)
    }
}

/// A header's certificate, signed by these validators.
pub fn certificate_by(header: &Header, round: u32, validators: &[SecretKey]) -> Certificate {
    let (height, block) = (header.height, header.id());
    let part = |secret: &SecretKey| {
        let (kind, validator) = (VoteKind::Precommit, secret.public());
        let vote = VoteStatement { chain: header.chain, kind, height, round, block: Some(block), validator };
        CommitSignature { validator, signature: secret.sign(Tag::VOTE, &crate::bytes::encode(&vote)) }
    };
    let mut signatures: Vec<_> = validators.iter().map(part).collect();
    signatures.sort_by_key(|part| part.validator);
    Certificate { height, round, block, signatures: list(signatures) }
}

/// A profile for an organisation with this authority key; kinds of facility take turns.
pub fn profile(index: usize, authority: &PublicKey) -> OrganisationProfile {
    let kinds = [
        (OrganisationKind::Hospital, "Hospital"),
        (OrganisationKind::Clinic, "Clinic"),
        (OrganisationKind::Pharmacy, "Pharmacy"),
        (OrganisationKind::CareFacility, "Care Facility"),
    ];
    let (kind, name) = kinds[index % kinds.len()];
    OrganisationProfile { name: text(&format!("{name} {index}")), kind, institution_number: text(""), authority: *authority }
}

/// A bounded text. Panics if it is too long.
pub fn text<const MAX: usize>(text: &str) -> Text<MAX> {
    Text::new(text).expect("the fixture's texts are short")
}

/// A bounded list. Panics if it is too long.
pub fn list<T: std::fmt::Debug, const MAX: usize>(elements: Vec<T>) -> List<T, MAX> {
    List::new(elements).expect("the fixture's lists are short")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::Outcome;
    use crate::time::Height;

    #[test]
    fn the_fixture_founds_a_ledger_that_takes_blocks() {
        let consortium = Consortium::new(4);
        let mut ledger = consortium.ledger();
        let member = &consortium.organisations[0];
        let now = FOUNDED.plus_ms(1000);
        let transactions = [
            consortium.verified(consortium.account_opening(0, 1), &member.practitioner, now),
            consortium.verified(consortium.register_record(0, label(1), 1), &member.practitioner, now),
        ];
        let built = ledger.append(now, member.validator.public(), &transactions).expect("the block stands");
        assert_eq!(built.outcomes, [Outcome::Applied, Outcome::Applied]);
        assert_eq!(ledger.tip().height, Height(1));
        assert_eq!(ledger.journal(&label(1)).len(), 2);
        let certificate = consortium.certificate(&built.header, 0);
        certificate.check(&consortium.chain, &consortium.founding().validators).expect("everybody signed");
    }
}
