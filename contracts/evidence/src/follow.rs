//! Following a journal: what an account's consent, records and keys are after its events. The ledger keeps these objects in its
//! state without proving them, because whoever has the events has them too. Outcomes are believed: a quorum signed them.

use std::collections::BTreeMap;

use inro_contracts::account::{Account, Guardian};
use inro_contracts::bytes::{List, Malformed};
use inro_contracts::consent::{Consent, Consult, ConsultTerms, Grant, Parent, Seal, SealTarget, SealTerms};
use inro_contracts::id::{ConsultId, GrantId, OrganisationId, PractitionerId, RecordId, SealId};
use inro_contracts::journal::{EMPTY_HEAD, Event};
use inro_contracts::key::PublicKey;
use inro_contracts::record::{Record, RecordManifest, RecordStatus};
use inro_contracts::time::Time;
use inro_contracts::transaction::Action;

use crate::journal::transaction_id;

/// Why an event does not follow from those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unfollowed {
    /// It names something that is not there.
    #[error("an event names what no event before it made")]
    Missing,
    /// It makes something that is there.
    #[error("an event makes what an event before it made")]
    Twice,
    /// It adds to a list that is full.
    #[error("an event adds to a list that is full")]
    Full,
}

impl From<Malformed> for Unfollowed {
    fn from(_: Malformed) -> Self {
        Self::Full
    }
}

/// What follows from a journal's events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Followed {
    /// Custodian, controller and guardians. A recovery under way, and the journal's length and head, are not followed.
    pub account: Account,
    /// Grants, seals and consults.
    pub consent: Consent,
    /// All records.
    pub records: BTreeMap<RecordId, Record>,
}

impl Followed {
    /// The account after these events of its journal; `None` after none.
    pub fn after<'a>(events: impl IntoIterator<Item = &'a Event>) -> Result<Option<Self>, Unfollowed> {
        let mut followed: Option<Self> = None;
        for event in events.into_iter().filter(|event| event.entry.outcome.is_applied()) {
            match (&mut followed, &event.entry.transaction.transaction.action) {
                (None, Action::OpenAccount { custodian, first_key, custodial, .. }) => {
                    followed = Some(Self::opened(*custodian, *first_key, *custodial));
                }
                (Some(followed), _) => followed.take(event)?,
                (None, _) => return Err(Unfollowed::Missing),
            }
        }
        Ok(followed)
    }

    /// Are these the custodian, the controller and the guardians of `account`?
    pub fn agrees_with(&self, account: &Account) -> bool {
        let parts = |account: &Account| (account.custodian, account.controller, account.custodial, account.guardians.clone());
        parts(&self.account) == parts(account)
    }

    fn opened(custodian: OrganisationId, controller: PublicKey, custodial: bool) -> Self {
        let account = Account {
            custodian,
            controller,
            custodial,
            guardians: List::default(),
            recovery: None,
            journal_length: 0,
            journal_head: EMPTY_HEAD,
        };
        Self { account, consent: Consent::default(), records: BTreeMap::new() }
    }

    fn take(&mut self, event: &Event) -> Result<(), Unfollowed> {
        let (signed, now) = (&event.entry.transaction, event.time);
        let id = || transaction_id(signed);
        match &signed.transaction.action {
            Action::RotateController { key, custodial, .. } => {
                (self.account.controller, self.account.custodial) = (*key, *custodial);
            }
            Action::AppointGuardian { guardian, .. } => self.appoint(guardian, now)?,
            Action::DismissGuardian { guardian, .. } => {
                self.account.guardian(guardian).ok_or(Unfollowed::Missing)?;
                self.account.guardians.retain(|known| known.key != *guardian);
            }
            Action::CompleteRecovery { .. } => self.recovered(signed.transaction.signer),
            Action::RegisterRecord { practitioner, record, .. } => self.register(practitioner, record, now)?,
            Action::SupersedeRecord { practitioner, old, record, .. } => self.supersede(practitioner, old, record, now)?,
            Action::EraseRecord { record, .. } => self.known(record)?.status = RecordStatus::Erased,
            Action::SetProviderFlags { record, flags, .. } => self.known(record)?.manifest.flags = *flags,
            Action::Grant { terms, .. } => self.grant(Grant { id: GrantId(id().0), terms: *terms, revoked: None }, now)?,
            Action::Revoke { grant, .. } => self.revoke(grant, now)?,
            Action::Seal { terms, .. } => self.seal(SealId(id().0), terms)?,
            Action::LiftSeal { seal, until, .. } => {
                let seal = self.consent.seals.iter_mut().find(|known| known.id == *seal).ok_or(Unfollowed::Missing)?;
                seal.lifted_until = (*until > now).then_some(*until);
            }
            Action::Unseal { seal, .. } => {
                self.consent.seals.iter().find(|known| known.id == *seal).ok_or(Unfollowed::Missing)?;
                self.consent.seals.retain(|known| known.id != *seal);
            }
            Action::OpenConsult { practitioner, terms, .. } => self.consult(ConsultId(id().0), practitioner, terms, now)?,
            Action::CloseConsult { consult, .. } => self.close(consult, now)?,
            // Nothing else that touches an account changes what is followed here.
            _ => {}
        }
        Ok(())
    }

    fn appoint(&mut self, guardian: &Guardian, now: Time) -> Result<(), Unfollowed> {
        self.account.guardians.retain(|known| known.validity.until > now);
        Ok(self.account.guardians.push(guardian.clone())?)
    }

    fn recovered(&mut self, key: PublicKey) {
        (self.account.controller, self.account.custodial) = (key, false);
        self.account.guardians.retain(|known| known.key != key);
    }

    fn known(&mut self, id: &RecordId) -> Result<&mut Record, Unfollowed> {
        self.records.get_mut(id).ok_or(Unfollowed::Missing)
    }

    fn register(&mut self, author: &PractitionerId, manifest: &RecordManifest, now: Time) -> Result<(), Unfollowed> {
        let record = Record { manifest: manifest.clone(), author: *author, registered: now, status: RecordStatus::Current };
        match self.records.insert(manifest.id, record) {
            None => Ok(()),
            Some(_) => Err(Unfollowed::Twice),
        }
    }

    fn supersede(
        &mut self,
        author: &PractitionerId,
        old: &RecordId,
        manifest: &RecordManifest,
        now: Time,
    ) -> Result<(), Unfollowed> {
        self.known(old)?.status = RecordStatus::Superseded(manifest.id);
        self.register(author, manifest, now)?;
        for seal in self.consent.seals.iter_mut() {
            let chosen = matches!(&seal.terms.target, SealTarget::Records(records) if records.contains(old));
            if chosen || seal.successors.contains(old) {
                seal.successors.push(manifest.id)?;
            }
        }
        Ok(())
    }

    fn grant(&mut self, grant: Grant, now: Time) -> Result<(), Unfollowed> {
        let grants = &mut self.consent.grants;
        if grants.push(grant).is_err() {
            grants.retain(|known| known.revoked.is_none() && now < known.terms.validity.until);
            grants.push(grant)?;
        }
        Ok(())
    }

    fn revoke(&mut self, id: &GrantId, now: Time) -> Result<(), Unfollowed> {
        let grant = self.consent.grants.iter_mut().find(|grant| grant.id == *id).ok_or(Unfollowed::Missing)?;
        grant.revoked = Some(now);
        self.consent.close_under(Parent::Grant(*id), now);
        Ok(())
    }

    fn seal(&mut self, id: SealId, terms: &SealTerms) -> Result<(), Unfollowed> {
        let mut successors = List::default();
        if let SealTarget::Records(chosen) = &terms.target {
            for record in chosen {
                let mut current = *record;
                while let Some(RecordStatus::Superseded(newer)) = self.records.get(&current).map(|record| record.status) {
                    if chosen.contains(&newer) || successors.contains(&newer) {
                        break;
                    }
                    successors.push(newer)?;
                    current = newer;
                }
            }
        }
        Ok(self.consent.seals.push(Seal { id, terms: terms.clone(), successors, lifted_until: None })?)
    }

    fn consult(&mut self, id: ConsultId, opener: &PractitionerId, terms: &ConsultTerms, now: Time) -> Result<(), Unfollowed> {
        let parent = match &terms.parent {
            Parent::Grant(grant) => self.consent.grant(grant).map(|grant| (grant.terms.purpose, 0)),
            Parent::Consult(consult) => self.consent.consult(consult).map(|consult| (consult.purpose, consult.depth)),
        };
        let (purpose, depth) = parent.ok_or(Unfollowed::Missing)?;
        let depth: u8 = depth.saturating_add(1);
        let consult = Consult { id, terms: terms.clone(), opener: *opener, purpose, depth, closed: None };
        let consults = &mut self.consent.consults;
        if consults.push(consult.clone()).is_err() {
            consults.retain(|known| known.holds_at(now));
            consults.push(consult)?;
        }
        Ok(())
    }

    fn close(&mut self, id: &ConsultId, now: Time) -> Result<(), Unfollowed> {
        let consult = self.consent.consults.iter_mut().find(|consult| consult.id == *id).ok_or(Unfollowed::Missing)?;
        consult.closed = Some(now);
        self.consent.close_under(Parent::Consult(*id), now);
        Ok(())
    }
}
