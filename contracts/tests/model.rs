//! A second, naive ledger for trust, accounts and records (`consent_model.rs` has the patient's word): plain structs, rules in the order of `docs/spec/transactions.md`, nothing shared with the machine
//! but the types of transactions. It works on a copy and throws the copy away when a rule is broken.

use std::collections::BTreeMap;

use inro_contracts::account::Guardian;
use inro_contracts::emergency::Disaster;
use inro_contracts::genesis::GenesisDocument;
use inro_contracts::id::{Hash, Label, OrganisationId, PractitionerId, ProposalId, RecordId};
use inro_contracts::key::PublicKey;
use inro_contracts::organisation::{OrganisationKind, OrganisationProfile, PeerRecord, Role};
use inro_contracts::parameters::Parameters;
use inro_contracts::proposal::Change;
use inro_contracts::record::RecordManifest;
use inro_contracts::time::Validity;
use inro_contracts::transaction::Action;
use inro_contracts::vote::DoubleSign;
use sha2::{Digest, Sha256};

/// `Ok`, or the code of the rule that was broken.
pub type Verdict = Result<(), &'static str>;

#[derive(Debug, Clone, PartialEq)]
pub struct Org {
    pub profile: OrganisationProfile,
    pub suspended: bool,
    pub since: u64,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Person {
    pub organisation: OrganisationId,
    pub key: PublicKey,
    pub role: Role,
    pub licence: Hash,
    pub validity: Validity,
    pub suspended: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Motion {
    pub proposer: OrganisationId,
    pub change: Change,
    pub until: u64,
    pub votes: Vec<(OrganisationId, bool)>,
    pub status: &'static str,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Check {
    pub key: PublicKey,
    pub first: OrganisationId,
    pub second: Option<(OrganisationId, u64)>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Acc {
    pub custodian: OrganisationId,
    pub controller: PublicKey,
    pub custodial: bool,
    pub guardians: Vec<Guardian>,
    pub recovery: Option<Check>,
    pub events: u64,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Rec {
    pub manifest: RecordManifest,
    pub author: PractitionerId,
    pub registered: u64,
    pub superseded_by: Option<RecordId>,
    pub erased: bool,
}

/// Whose a key is: a letter for the kind, and the owner's id.
pub type Owner = (char, [u8; 32]);

#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    pub parameters: Parameters,
    pub organisations: BTreeMap<OrganisationId, Org>,
    pub people: BTreeMap<PractitionerId, Person>,
    pub peers: BTreeMap<PublicKey, (OrganisationId, PeerRecord)>,
    pub validators: BTreeMap<PublicKey, (OrganisationId, u32)>,
    pub motions: BTreeMap<ProposalId, Motion>,
    pub evidence: BTreeMap<(PublicKey, u64), OrganisationId>,
    pub keys: BTreeMap<PublicKey, Owner>,
    pub accounts: BTreeMap<Label, Acc>,
    pub records: BTreeMap<(Label, RecordId), Rec>,
    /// Disaster windows, as they stood when the last one was declared; `None` before the first.
    pub disasters: Option<Vec<Disaster>>,
    /// Keys that must never be registered.
    pub weak: Vec<PublicKey>,
    /// Addresses that are no peer's.
    pub bad_addresses: Vec<String>,
}

/// Everything an action may know of its surroundings.
#[derive(Debug, Clone, Copy)]
pub struct Around {
    pub chain: [u8; 32],
    pub height: u64,
    pub now: u64,
    pub id: [u8; 32],
    pub signer: PublicKey,
}

pub fn tagged(tag: &str, bytes: &[u8]) -> [u8; 32] {
    Sha256::digest([&[tag.len() as u8], tag.as_bytes(), bytes].concat()).into()
}

fn ensure(holds: bool, code: &'static str) -> Verdict {
    if holds { Ok(()) } else { Err(code) }
}

impl Model {
    pub fn found(document: &GenesisDocument, weak: Vec<PublicKey>, bad_addresses: Vec<String>) -> Self {
        let mut model = Self {
            parameters: document.parameters.clone(),
            organisations: BTreeMap::new(),
            people: BTreeMap::new(),
            peers: BTreeMap::new(),
            validators: BTreeMap::new(),
            motions: BTreeMap::new(),
            evidence: BTreeMap::new(),
            keys: BTreeMap::new(),
            accounts: BTreeMap::new(),
            records: BTreeMap::new(),
            disasters: None,
            weak,
            bad_addresses,
        };
        for signed in document.declarations.iter() {
            let declared = &signed.declaration;
            let profile = declared.organisation.clone();
            let id = OrganisationId(tagged("inro/1/organisation", &profile.authority.0));
            model.keys.insert(profile.authority, ('a', id.0));
            model.organisations.insert(id, Org { profile, suspended: false, since: 0 });
            for validator in declared.validator.iter() {
                model.validators.insert(validator.key, (id, validator.power));
                model.keys.insert(validator.key, ('v', id.0));
            }
            for peer in declared.peers.iter() {
                model.peers.insert(peer.key, (id, peer.clone()));
                model.keys.insert(peer.key, ('p', id.0));
            }
            for one in declared.practitioners.iter() {
                let person = PractitionerId(tagged("inro/1/practitioner", &one.key.0));
                model.keys.insert(one.key, ('h', person.0));
                let (role, licence, validity) = (one.role, one.licence, one.validity);
                let one = Person { organisation: id, key: one.key, role, licence, validity, suspended: false };
                model.people.insert(person, one);
            }
        }
        model
    }

    /// Runs one action; on a broken rule everything stays as it was. If it took effect: is it a word that was given for a
    /// person with a key that the facility keeps?
    pub fn run(&mut self, around: Around, action: &Action) -> Result<bool, &'static str> {
        let spoken_for = match action {
            Action::RotateController { account, .. }
            | Action::AppointGuardian { account, .. }
            | Action::DismissGuardian { account, .. }
            | Action::VetoRecovery { account } => self.accounts.get(account),
            _ => None,
        };
        let custodially = spoken_for.is_some_and(|account| account.custodial && account.controller == around.signer);
        let mut copy = self.clone();
        copy.act(around, action)?;
        *self = copy;
        Ok(custodially)
    }

    fn org(&self, id: &OrganisationId) -> Result<&Org, &'static str> {
        let org = self.organisations.get(id).ok_or("T-1")?;
        if org.suspended { Err("T-2") } else { Ok(org) }
    }

    fn is_active(&self, id: &OrganisationId) -> bool {
        self.organisations.get(id).is_some_and(|org| !org.suspended)
    }

    fn by_authority(&self, around: Around, id: &OrganisationId) -> Verdict {
        ensure(self.org(id)?.profile.authority == around.signer, "T-3")
    }

    fn by_practitioner(&self, around: Around, id: &PractitionerId) -> Result<OrganisationId, &'static str> {
        let person = self.people.get(id).ok_or("T-8")?;
        self.org(&person.organisation)?;
        let valid = person.validity.from.0 <= around.now && around.now < person.validity.until.0;
        ensure(valid && !person.suspended, "T-10")?;
        ensure(person.key == around.signer, "T-11")?;
        Ok(person.organisation)
    }

    fn not_weak(&self, key: &PublicKey) -> Verdict {
        ensure(!self.weak.contains(key), "T-4")
    }

    fn fresh(&self, key: &PublicKey) -> Verdict {
        self.not_weak(key)?;
        ensure(!self.keys.contains_key(key), "T-6")
    }

    fn lasting(&self, around: Around, validity: &Validity) -> Verdict {
        ensure(validity.from.0 < validity.until.0 && around.now < validity.until.0, "T-7")
    }

    fn account(&mut self, label: &Label) -> Result<&mut Acc, &'static str> {
        self.accounts.get_mut(label).ok_or("A-1")
    }

    fn event(&mut self, label: &Label) -> Verdict {
        self.account(label)?.events += 1;
        Ok(())
    }

    fn for_custodian(&mut self, around: Around, label: &Label, person: &PractitionerId) -> Verdict {
        let organisation = self.by_practitioner(around, person)?;
        ensure(self.account(label)?.custodian == organisation, "R-1")
    }

    fn act(&mut self, around: Around, action: &Action) -> Verdict {
        match action {
            Action::Propose { organisation, change } => {
                self.by_authority(around, organisation)?;
                self.clone().change(around, change)?;
                let until = around.now + self.parameters.proposal_ms;
                let motion = Motion { proposer: *organisation, change: change.clone(), until, votes: vec![], status: "open" };
                self.motions.insert(ProposalId(around.id), motion);
                self.count(around, ProposalId(around.id), *organisation, true)
            }
            Action::Vote { organisation, proposal, approve } => {
                self.by_authority(around, organisation)?;
                let motion = self.motions.get(proposal).ok_or("T-15")?;
                ensure(motion.status == "open" && around.now < motion.until, "T-16")?;
                ensure(motion.votes.iter().all(|(voter, _)| voter != organisation), "T-17")?;
                self.count(around, *proposal, *organisation, *approve)
            }
            Action::RotateAuthority { organisation, key, .. } => {
                self.by_authority(around, organisation)?;
                self.fresh(key)?;
                self.set_authority(organisation, key)
            }
            Action::RotateValidator { organisation, old, key, .. } => {
                self.by_authority(around, organisation)?;
                let (owner, power) = *self.validators.get(old).ok_or("T-20")?;
                ensure(owner == *organisation, "T-22")?;
                self.fresh(key)?;
                self.validators.remove(old);
                self.validators.insert(*key, (owner, power));
                self.keys.insert(*key, ('v', organisation.0));
                Ok(())
            }
            Action::RegisterPeer { organisation, peer, .. } => self.register_peer(around, organisation, peer),
            Action::RemovePeer { organisation, peer } => {
                self.by_authority(around, organisation)?;
                let (owner, _) = self.peers.get(peer).ok_or("T-12")?;
                ensure(owner == organisation, "T-12")?;
                self.peers.remove(peer);
                Ok(())
            }
            Action::RegisterPractitioner { organisation, key, role, licence, validity, .. } => {
                self.by_authority(around, organisation)?;
                self.fresh(key)?;
                self.lasting(around, validity)?;
                let id = PractitionerId(tagged("inro/1/practitioner", &key.0));
                let (organisation, role, licence, validity) = (*organisation, *role, *licence, *validity);
                self.people.insert(id, Person { organisation, key: *key, role, licence, validity, suspended: false });
                self.keys.insert(*key, ('h', id.0));
                Ok(())
            }
            Action::RenewPractitioner { organisation, practitioner, validity } => {
                self.by_authority(around, organisation)?;
                ensure(self.people.get(practitioner).ok_or("T-8")?.organisation == *organisation, "T-9")?;
                self.lasting(around, validity)?;
                self.people.get_mut(practitioner).ok_or("T-8")?.validity = *validity;
                Ok(())
            }
            Action::RotatePractitioner { practitioner, key, .. } => {
                let person = self.people.get(practitioner).ok_or("T-8")?;
                let authority = self.org(&person.organisation)?.profile.authority;
                let own = person.key == around.signer && !person.suspended;
                ensure(own || authority == around.signer, "T-11")?;
                self.fresh(key)?;
                self.people.get_mut(practitioner).ok_or("T-8")?.key = *key;
                self.keys.insert(*key, ('h', practitioner.0));
                Ok(())
            }
            Action::SetPractitionerStanding { organisation, practitioner, active } => {
                self.by_authority(around, organisation)?;
                let person = self.people.get_mut(practitioner).ok_or("T-8")?;
                ensure(person.organisation == *organisation, "T-9")?;
                ensure(person.suspended == *active, "T-27")?;
                person.suspended = !active;
                Ok(())
            }
            Action::ReportDoubleSign { evidence } => self.report(around, evidence),
            Action::OpenAccount { practitioner, custodian, first_key, custodial, .. } => {
                let organisation = self.by_practitioner(around, practitioner)?;
                ensure(organisation == *custodian, "T-9")?;
                use OrganisationKind::*;
                let facilities = [Hospital, Clinic, Pharmacy, CareFacility, RegionalCloud, PhrOperator];
                ensure(facilities.contains(&self.org(custodian)?.profile.kind), "A-3")?;
                self.not_weak(first_key)?;
                let label = Label(tagged("inro/1/label", &first_key.0));
                ensure(!self.accounts.contains_key(&label), "A-2")?;
                let account = Acc {
                    custodian: *custodian,
                    controller: *first_key,
                    custodial: *custodial,
                    guardians: vec![],
                    recovery: None,
                    events: 0,
                };
                self.accounts.insert(label, account);
                self.event(&label)
            }
            Action::RotateController { account: label, key, custodial, .. } => {
                let weak = self.not_weak(key);
                let account = self.account(label)?;
                ensure(account.controller == around.signer, "A-5")?;
                weak?;
                ensure(account.controller != *key, "T-27")?;
                ensure(account.guardians.iter().all(|guardian| guardian.key != *key), "A-7")?;
                (account.controller, account.custodial) = (*key, *custodial);
                self.event(label)
            }
            Action::AppointGuardian { account: label, guardian } => self.appoint(around, label, guardian),
            Action::DismissGuardian { account: label, guardian } => {
                let account = self.account(label)?;
                ensure(account.controller == around.signer || *guardian == around.signer, "A-5")?;
                let before = account.guardians.len();
                account.guardians.retain(|known| known.key != *guardian);
                ensure(account.guardians.len() < before, "A-8")?;
                self.event(label)
            }
            Action::AttestRecovery { account, practitioner, new_key, .. } => {
                let organisation = self.by_practitioner(around, practitioner)?;
                self.attest(around, account, organisation, new_key)
            }
            Action::VetoRecovery { account: label } => {
                let account = self.account(label)?;
                let may = account.guardians.iter().any(|guardian| {
                    let in_time = guardian.validity.from.0 <= around.now && around.now < guardian.validity.until.0;
                    guardian.key == around.signer && guardian.powers.0 & 8 == 8 && in_time
                });
                ensure(account.controller == around.signer || may, "A-14")?;
                ensure(account.recovery.is_some(), "A-12")?;
                account.recovery = None;
                self.event(label)
            }
            Action::CompleteRecovery { account: label } => {
                let recovery = self.account(label)?.recovery.clone().ok_or("A-12")?;
                ensure(recovery.key == around.signer, "A-15")?;
                let (second, from) = recovery.second.ok_or("A-13")?;
                ensure(around.now >= from, "A-13")?;
                ensure(self.is_active(&recovery.first) && self.is_active(&second), "T-2")?;
                let account = self.account(label)?;
                (account.controller, account.custodial) = (recovery.key, false);
                account.recovery = None;
                account.guardians.retain(|guardian| guardian.key != recovery.key);
                self.event(label)
            }
            Action::RegisterRecord { account, practitioner, record } => {
                self.for_custodian(around, account, practitioner)?;
                self.add_record(around, account, practitioner, record)?;
                self.event(account)
            }
            Action::SupersedeRecord { account, practitioner, old, record } => {
                self.for_custodian(around, account, practitioner)?;
                let replaced = self.records.get(&(*account, *old)).ok_or("R-3")?;
                ensure(replaced.superseded_by.is_none() && !replaced.erased, "R-4")?;
                ensure(*old != record.id, "R-6")?;
                self.add_record(around, account, practitioner, record)?;
                self.records.get_mut(&(*account, *old)).ok_or("R-3")?.superseded_by = Some(record.id);
                self.event(account)
            }
            Action::EraseRecord { account, practitioner, record, .. } => {
                self.for_custodian(around, account, practitioner)?;
                let record = self.records.get_mut(&(*account, *record)).ok_or("R-3")?;
                ensure(!record.erased, "R-7")?;
                (record.erased, record.superseded_by) = (true, None);
                self.event(account)
            }
            Action::SetProviderFlags { account, practitioner, record, flags } => {
                self.for_custodian(around, account, practitioner)?;
                let record = self.records.get_mut(&(*account, *record)).ok_or("R-3")?;
                ensure(record.superseded_by.is_none() && !record.erased, "R-4")?;
                ensure(flags.0 < 4, "R-5")?;
                ensure(record.manifest.flags != *flags, "T-27")?;
                record.manifest.flags = *flags;
                self.event(account)
            }
            _ => Err("a matter of the other model"),
        }
    }

    /// Counts a vote; carries the change out, or closes the motion, once that is decided.
    fn count(&mut self, around: Around, id: ProposalId, voter: OrganisationId, approve: bool) -> Verdict {
        let motion = self.motions.get_mut(&id).ok_or("T-15")?;
        motion.votes.push((voter, approve));
        let motion = motion.clone();
        let active: Vec<_> = self.organisations.iter().filter(|(_, org)| !org.suspended).map(|(id, _)| *id).collect();
        let say = |wanted: bool| active.iter().filter(|id| motion.votes.contains(&(**id, wanted))).count();
        let status = if say(true) * 3 > active.len() * 2 {
            let mut after = self.clone();
            if after.change(around, &motion.change).is_ok() {
                *self = after;
                "accepted"
            } else {
                "impossible"
            }
        } else if (active.len() - say(false)) * 3 <= active.len() * 2 {
            "refused"
        } else {
            "open"
        };
        self.motions.get_mut(&id).ok_or("T-15")?.status = status;
        Ok(())
    }

    fn change(&mut self, around: Around, change: &Change) -> Verdict {
        match change {
            Change::AdmitOrganisation { profile, .. } => {
                let id = OrganisationId(tagged("inro/1/organisation", &profile.authority.0));
                ensure(!self.organisations.contains_key(&id), "T-18")?;
                ensure(self.organisations.len() < 1024, "T-28")?;
                self.fresh(&profile.authority)?;
                self.keys.insert(profile.authority, ('a', id.0));
                self.organisations.insert(id, Org { profile: profile.clone(), suspended: false, since: around.height });
                Ok(())
            }
            Change::SuspendOrganisation { organisation, .. } => {
                self.org(organisation)?;
                let before = self.validators.len();
                self.validators.retain(|_, (owner, _)| owner != organisation);
                if self.validators.len() != before {
                    self.sound_validators()?;
                }
                self.organisations.get_mut(organisation).ok_or("T-1")?.suspended = true;
                Ok(())
            }
            Change::ReinstateOrganisation { organisation } => {
                let org = self.organisations.get_mut(organisation).ok_or("T-1")?;
                ensure(org.suspended, "T-19")?;
                org.suspended = false;
                Ok(())
            }
            Change::ReplaceAuthority { organisation, key, .. } => {
                ensure(self.organisations.contains_key(organisation), "T-1")?;
                self.fresh(key)?;
                self.set_authority(organisation, key)
            }
            Change::SetValidator { organisation, key, power, .. } => {
                self.org(organisation)?;
                ensure(*power > 0, "T-23")?;
                match self.validators.get(key) {
                    Some((owner, now)) => {
                        ensure(owner == organisation, "T-22")?;
                        ensure(now != power, "T-27")?;
                    }
                    None => {
                        self.not_weak(key)?;
                        let owner = self.keys.get(key);
                        ensure(owner.is_none() || owner == Some(&('v', organisation.0)), "T-6")?;
                    }
                }
                self.validators.insert(*key, (*organisation, *power));
                self.keys.insert(*key, ('v', organisation.0));
                self.sound_validators()
            }
            Change::RemoveValidator { key } => {
                self.validators.remove(key).ok_or("T-20")?;
                self.sound_validators()
            }
            Change::SetParameters(parameters) => {
                ensure(parameters.fault().is_none(), "T-24")?;
                ensure(*parameters != self.parameters, "T-27")?;
                ensure(self.validators.len() >= usize::from(parameters.validators_min), "T-21")?;
                self.parameters = parameters.clone();
                Ok(())
            }
            Change::DeclareDisaster { area, organisations, duration_ms } => {
                ensure(!area.as_str().is_empty() && !organisations.is_empty(), "T-29")?;
                ensure(*duration_ms >= 1000 && *duration_ms <= 31 * 24 * 3_600_000, "T-29")?;
                ensure(organisations.iter().all(|organisation| self.organisations.contains_key(organisation)), "T-1")?;
                let mut disasters = self.disasters.clone().unwrap_or_default();
                disasters.retain(|disaster| around.now < disaster.until.0);
                ensure(disasters.len() < 16, "T-29")?;
                let until = inro_contracts::time::Time(around.now + duration_ms);
                disasters.push(Disaster { area: area.clone(), organisations: organisations.clone(), until });
                self.disasters = Some(disasters);
                Ok(())
            }
        }
    }

    fn sound_validators(&self) -> Verdict {
        ensure(self.validators.len() >= usize::from(self.parameters.validators_min), "T-21")?;
        ensure(self.validators.len() <= 256, "T-23")?;
        let all: u64 = self.validators.values().map(|(_, power)| u64::from(*power)).sum();
        for (owner, power) in self.validators.values() {
            ensure(self.validators.len() < 4 || u64::from(*power) * 3 < all, "T-23")?;
            let owners: std::collections::BTreeSet<_> = self.validators.values().map(|(owner, _)| owner).collect();
            let of_owner: u64 =
                self.validators.values().filter(|(other, _)| other == owner).map(|(_, power)| u64::from(*power)).sum();
            ensure(owners.len() < 4 || of_owner * 3 < all, "T-23")?;
        }
        Ok(())
    }

    fn set_authority(&mut self, id: &OrganisationId, key: &PublicKey) -> Verdict {
        self.organisations.get_mut(id).ok_or("T-1")?.profile.authority = *key;
        self.keys.insert(*key, ('a', id.0));
        Ok(())
    }

    fn register_peer(&mut self, around: Around, id: &OrganisationId, record: &PeerRecord) -> Verdict {
        self.by_authority(around, id)?;
        match self.peers.get(&record.key) {
            Some((owner, known)) => {
                ensure(owner == id, "T-6")?;
                ensure(known != record, "T-27")?;
            }
            None => {
                self.not_weak(&record.key)?;
                let owner = self.keys.get(&record.key);
                ensure(owner.is_none() || owner == Some(&('p', id.0)), "T-6")?;
                let count = self.peers.values().filter(|(owner, _)| owner == id).count();
                ensure(count < usize::from(self.parameters.peers_max), "T-13")?;
            }
        }
        for address in [record.consensus_address.as_str(), record.exchange_address.as_str()] {
            ensure(!self.bad_addresses.iter().any(|bad| bad == address), "T-14")?;
        }
        self.keys.insert(record.key, ('p', id.0));
        self.peers.insert(record.key, (*id, record.clone()));
        Ok(())
    }

    fn report(&mut self, around: Around, evidence: &DoubleSign) -> Verdict {
        let (reporter, _) = self.peers.get(&around.signer).ok_or("T-12")?;
        self.org(reporter)?;
        let (same_step, differ, chains, validator, height) = match evidence {
            DoubleSign::Votes { first, second, .. } => (
                first.kind == second.kind
                    && first.height == second.height
                    && first.round == second.round
                    && first.validator == second.validator,
                first.block != second.block,
                [first.chain.0, second.chain.0],
                first.validator,
                first.height.0,
            ),
            DoubleSign::Proposals { first, second, .. } => (
                first.height == second.height && first.round == second.round && first.validator == second.validator,
                first.block != second.block || first.valid_round != second.valid_round,
                [first.chain.0, second.chain.0],
                first.validator,
                first.height.0,
            ),
        };
        let here = chains == [around.chain; 2];
        ensure(same_step && differ && here && height <= around.height, "T-25")?;
        let Some(('v', owner)) = self.keys.get(&validator) else { return Err("T-20") };
        ensure(!self.evidence.contains_key(&(validator, height)), "T-26")?;
        self.evidence.insert((validator, height), OrganisationId(*owner));
        Ok(())
    }

    fn appoint(&mut self, around: Around, label: &Label, guardian: &Guardian) -> Verdict {
        ensure(self.account(label)?.controller == around.signer, "A-5")?;
        self.not_weak(&guardian.key)?;
        ensure(guardian.powers.0 != 0 && guardian.powers.0 < 32, "A-9")?;
        self.lasting(around, &guardian.validity)?;
        let account = self.account(label)?;
        account.guardians.retain(|known| around.now < known.validity.until.0);
        let new = guardian.key != account.controller && account.guardians.iter().all(|known| known.key != guardian.key);
        ensure(new, "A-7")?;
        ensure(account.guardians.len() < 16, "A-6")?;
        account.guardians.push(guardian.clone());
        self.event(label)
    }

    fn attest(&mut self, around: Around, label: &Label, by: OrganisationId, key: &PublicKey) -> Verdict {
        let account = self.account(label)?.clone();
        self.not_weak(key)?;
        ensure(account.controller != *key, "T-27")?;
        let delay = self.parameters.recovery_delay_ms;
        let mut recovery = account.recovery;
        // A recovery that rests on a suspended organisation is as good as none, and so is one long overdue.
        if let Some(check) = &recovery {
            let second_suspended = check.second.is_some_and(|(second, _)| !self.is_active(&second));
            let overdue = check.second.is_some_and(|(_, from)| around.now > from + delay);
            if !self.is_active(&check.first) || second_suspended || overdue {
                recovery = None;
            }
        }
        let recovery = match recovery {
            Some(Check { second: Some(_), .. }) => return Err("A-16"),
            Some(check) if check.key == *key && check.first == by => return Err("A-11"),
            Some(check) if check.key == *key => Check { second: Some((by, around.now + delay)), ..check },
            _ => Check { key: *key, first: by, second: None },
        };
        self.account(label)?.recovery = Some(recovery);
        self.event(label)
    }

    fn add_record(&mut self, around: Around, label: &Label, author: &PractitionerId, manifest: &RecordManifest) -> Verdict {
        ensure(!self.records.contains_key(&(*label, manifest.id)), "R-2")?;
        ensure(manifest.flags.0 < 4, "R-5")?;
        let record =
            Rec { manifest: manifest.clone(), author: *author, registered: around.now, superseded_by: None, erased: false };
        self.records.insert((*label, manifest.id), record);
        Ok(())
    }
}
