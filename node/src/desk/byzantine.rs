//! What a custodian that deviates needs of its desk, for tests of the others. Not in a release: only with the feature `byzantine`.

use inro_contracts::id::{Label, RecordId, TransactionId};
use inro_network::{Authorisation, ObjectId, Refusal};

use super::Desk;
use super::outbox::{Statement, What};
use crate::store::Store;

impl Desk {
    /// The ledger's store, for a custodian that looks where it should not.
    pub fn ledger_store(&self) -> &Store {
        self.store()
    }

    /// What an honest custodian shows for an object.
    pub async fn honest_authorisation(&self, object: &ObjectId) -> Result<Authorisation, Refusal> {
        Ok(self.authorisation(object).await?)
    }

    /// States on the ledger that a record was handed over, as an honest custodian does, whoever handed it over.
    pub async fn state_handed_over(&self, access: TransactionId, account: Label, record: RecordId) {
        self.state(Statement { account, access, record, what: What::Disclosed }).await;
    }
}
