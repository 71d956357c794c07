//! Any bytes as whatever comes from strangers: transactions, entries, blocks' parts, founding documents. What is taken encodes back to
//! the same bytes, and can be looked at.

#![no_main]

use inro_contracts::account::Account;
use inro_contracts::block::Header;
use inro_contracts::bytes::Canonical;
use inro_contracts::certificate::Certificate;
use inro_contracts::entry::Entry;
use inro_contracts::genesis::GenesisDocument;
use inro_contracts::id::Hash;
use inro_contracts::journal::Event;
use inro_contracts::merkle::InclusionProof;
use inro_contracts::state::StateKey;
use inro_contracts::transaction::{ParsedTransaction, SignedTransaction};
use inro_contracts::tree::StateProof;
use inro_contracts::validator::ValidatorSet;
use inro_contracts::vote::{DoubleSign, VoteStatement};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Some(transaction) = taken::<SignedTransaction>(bytes) {
        let parsed = ParsedTransaction::from(transaction);
        let _ = (parsed.id(), parsed.claims());
    }
    if let (Some(set), Some(certificate)) = (taken::<ValidatorSet>(bytes), taken::<Certificate>(bytes)) {
        let _ = certificate.check_power(&set);
    }
    if let Some(document) = taken::<GenesisDocument>(bytes) {
        let _ = document.check();
    }
    taken::<Header>(bytes).map(|header| header.id());
    taken::<Entry>(bytes);
    taken::<Event>(bytes);
    taken::<Account>(bytes);
    if let Ok(proof) = StateProof::from_bytes(bytes) {
        assert!(proof.to_bytes() == bytes, "another form of the same proof was taken");
        let _ = proof.check(&Hash([0; 32]), &StateKey::Parameters, None);
        let _ = proof.check(&Hash([0; 32]), &StateKey::Parameters, Some(bytes));
    }
    taken::<InclusionProof>(bytes);
    taken::<VoteStatement>(bytes);
    taken::<DoubleSign>(bytes);
});

fn taken<T: Canonical>(bytes: &[u8]) -> Option<T> {
    let value = T::from_bytes(bytes).ok()?;
    assert!(value.to_bytes() == bytes, "another form of the same {} was taken", std::any::type_name::<T>());
    Some(value)
}
