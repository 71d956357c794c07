//! A second, naive account of consent: it keeps nothing but the list of what happened, and answers every question ("may this
//! reader see this record now?", "does this consult hold?") by walking that list from its beginning. It shares the types of
//! transactions with the machine, and no rule.
//!
//! It refuses to be fast, and to know signatures, blocks, trees or votes: what the members decided is told to it.

use std::collections::BTreeMap;

use inro_contracts::access::{AccessRequest, Basis, Reader};
use inro_contracts::account::{Guardian, Powers};
use inro_contracts::category::{Categories, Category};
use inro_contracts::consent::{
    Against, ConsultTerms, GrantTerms, Grantee, InEmergency, Parent, Party, SealTarget, SealTerms, Visibility,
};
use inro_contracts::genesis::GenesisDocument;
use inro_contracts::id::{ConsultId, GrantId, Label, OrganisationId, PractitionerId, RecordId, SealId};
use inro_contracts::key::PublicKey;
use inro_contracts::organisation::{OrganisationKind, Role};
use inro_contracts::parameters::Parameters;
use inro_contracts::proposal::Change;
use inro_contracts::purpose::Purpose;
use inro_contracts::time::Validity;
use inro_contracts::transaction::Action;

use crate::model::tagged;

const DAY: u64 = 24 * 3_600_000;

/// What becomes of a transaction; rules and denials by their codes.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    Applied,
    AppliedCustodially,
    Rejected(&'static str),
    Granted { records: Vec<RecordId>, more: bool, sealed: bool, custodially: bool },
    Denied(&'static str, bool),
}

type Judged<T> = Result<T, &'static str>;

/// When, by whom, and as what a transaction stands in the ledger.
#[derive(Debug, Clone, Copy)]
pub struct At {
    pub now: u64,
    pub id: [u8; 32],
    pub signer: PublicKey,
}

/// One thing that happened.
#[derive(Debug, Clone)]
struct Happened {
    at: At,
    account: Option<Label>,
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    Did(Action),
    Decided(Change),
    Granted(AccessRequest, Vec<RecordId>),
}

#[derive(Debug, Clone)]
pub struct Org {
    pub kind: OrganisationKind,
    pub authority: PublicKey,
    pub suspended: bool,
}

#[derive(Debug, Clone)]
pub struct Person {
    pub organisation: OrganisationId,
    pub key: PublicKey,
    pub role: Role,
    pub validity: Validity,
    pub suspended: bool,
}

#[derive(Debug, Clone)]
pub struct Acc {
    pub custodian: OrganisationId,
    pub controller: PublicKey,
    pub custodial: bool,
    pub guardians: Vec<Guardian>,
}

#[derive(Debug, Clone)]
pub struct Rec {
    pub category: Category,
    pub flags: u8,
    pub author: PractitionerId,
    pub replaces: Option<RecordId>,
    pub superseded: bool,
    /// The place in the list at which it was erased.
    pub erased: Option<usize>,
}

impl Rec {
    pub fn is_current(&self) -> bool {
        !self.superseded && self.erased.is_none()
    }
}

#[derive(Debug, Clone)]
pub struct Sealing {
    pub id: SealId,
    pub terms: SealTerms,
    /// Its place in the list.
    place: usize,
    pub lifted_until: Option<u64>,
}

#[derive(Debug, Clone)]
pub struct Consulting {
    pub id: ConsultId,
    pub terms: ConsultTerms,
    pub opener: PractitionerId,
}

/// Target, against, visibility, in an emergency, hidden from guardians, lifted: the dimensions of a seal.
pub type Dimensions = (u8, u8, u8, u8, bool, bool);

pub fn dimensions(terms: &SealTerms, lifted: bool) -> Dimensions {
    let target = match terms.target {
        SealTarget::Records(_) => 1,
        SealTarget::Categories(_) => 2,
        SealTarget::Everything => 3,
    };
    let against = match terms.against {
        Against::Outside => 1,
        Against::AllButAuthor => 2,
        Against::Named(_) => 3,
    };
    (target, against, terms.visibility as u8, terms.in_emergency as u8, terms.hidden_from_guardians, lifted)
}

#[derive(Debug, Clone)]
pub struct Naive {
    parameters: Parameters,
    list: Vec<Happened>,
    /// Seals that stood between a reader and a record, by their dimensions, or would have if they were not lifted.
    pub met: BTreeMap<Dimensions, u32>,
}

/// Everything on which it depends what of an account is seen.
struct Ask<'a> {
    at: &'a At,
    asker: Asker,
    hands: Vec<(PractitionerId, Person)>,
    emergency: bool,
    account: Acc,
    records: BTreeMap<RecordId, Rec>,
    seals: Vec<Sealing>,
}

/// What one reader sees of one record, the most first.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Eq, Ord)]
enum Sight {
    Shown,
    Noticed,
    Hidden,
}

/// Who asks: `None` for the person and for guardians.
type Asker = Option<(PractitionerId, Person)>;

fn ensure(holds: bool, code: &'static str) -> Judged<()> {
    if holds { Ok(()) } else { Err(code) }
}

fn account_of(action: &Action) -> Option<Label> {
    match action {
        Action::OpenAccount { first_key, .. } => Some(Label(tagged("inro/1/label", &first_key.0))),
        Action::Access(request) => Some(request.account),
        Action::RotateController { account, .. }
        | Action::AppointGuardian { account, .. }
        | Action::DismissGuardian { account, .. }
        | Action::RegisterRecord { account, .. }
        | Action::SupersedeRecord { account, .. }
        | Action::EraseRecord { account, .. }
        | Action::SetProviderFlags { account, .. }
        | Action::Grant { account, .. }
        | Action::Revoke { account, .. }
        | Action::Seal { account, .. }
        | Action::LiftSeal { account, .. }
        | Action::Unseal { account, .. }
        | Action::Disclose { account, .. }
        | Action::Acknowledge { account, .. }
        | Action::ReportPayload { account, .. }
        | Action::RefuseDisclosure { account, .. }
        | Action::OpenConsult { account, .. }
        | Action::CloseConsult { account, .. }
        | Action::AnswerConsult { account, .. }
        | Action::CloseReview { account, .. }
        | Action::ReadJournal { account, .. } => Some(*account),
        _ => None,
    }
}

fn within(validity: &Validity, now: u64) -> bool {
    validity.from.0 <= now && now < validity.until.0
}

fn meant(grantee: &Grantee, id: &PractitionerId, person: &Person) -> bool {
    match grantee {
        Grantee::Organisation(organisation) => person.organisation == *organisation,
        Grantee::Practitioner(named) => id == named,
        Grantee::Role { organisation, role } => (person.organisation, person.role) == (*organisation, *role),
    }
}

/// Lists that are bounded keep the ended ones until their room is needed.
fn keep<T>(kept: &mut Vec<T>, new: T, still_counts: impl Fn(&T) -> bool) {
    if kept.len() == 64 {
        kept.retain(still_counts);
    }
    kept.push(new);
}

impl Naive {
    pub fn found(document: &GenesisDocument) -> Self {
        let mut naive = Self { parameters: document.parameters.clone(), list: Vec::new(), met: BTreeMap::new() };
        for signed in document.declarations.iter() {
            let declared = &signed.declaration;
            let at = At { now: document.time.0, id: [0; 32], signer: declared.organisation.authority };
            let organisation = declared.organisation.id();
            let possession = inro_contracts::key::Signature([0; 64]);
            naive.decided(at, Change::AdmitOrganisation { profile: declared.organisation.clone(), possession });
            for peer in declared.peers.iter() {
                naive.happened(at, What::Did(Action::RegisterPeer { organisation, peer: peer.clone(), possession }));
            }
            for practitioner in declared.practitioners.iter() {
                let action = Action::RegisterPractitioner {
                    organisation,
                    key: practitioner.key,
                    possession,
                    role: practitioner.role,
                    licence: practitioner.licence,
                    validity: practitioner.validity,
                };
                naive.happened(at, What::Did(action));
            }
        }
        naive
    }

    fn happened(&mut self, at: At, what: What) {
        let account = match &what {
            What::Did(action) => account_of(action),
            What::Decided(_) => None,
            What::Granted(request, _) => Some(request.account),
        };
        self.list.push(Happened { at, account, what });
    }

    /// The members decided.
    pub fn decided(&mut self, at: At, change: Change) {
        self.happened(at, What::Decided(change));
    }

    pub fn run(&mut self, at: At, action: &Action) -> Verdict {
        let mut met = std::mem::take(&mut self.met);
        let verdict = match action {
            Action::Access(request) => {
                let decided = self.access(&at, request, &mut met).unwrap_or_else(|code| Verdict::Denied(code, false));
                let kept =
                    self.account(&request.account).is_some_and(|account| account.custodial && account.controller == at.signer);
                match decided {
                    Verdict::Granted { records, more, sealed, .. } => {
                        Verdict::Granted { records, more, sealed, custodially: kept }
                    }
                    Verdict::Denied(code, _) => Verdict::Denied(code, kept),
                    other => other,
                }
            }
            action => self.judge(&at, action).unwrap_or_else(Verdict::Rejected),
        };
        self.met = met;
        match (&verdict, action) {
            (Verdict::Rejected(_) | Verdict::Denied(..), _) => {}
            (Verdict::Granted { records, .. }, Action::Access(request)) => {
                self.happened(at, What::Granted(request.clone(), records.clone()));
            }
            _ => self.happened(at, What::Did(action.clone())),
        }
        verdict
    }

    // What the list says of organisations and people.

    fn deeds(&self) -> impl Iterator<Item = (&At, &Action)> {
        self.list.iter().filter_map(|happened| match &happened.what {
            What::Did(action) => Some((&happened.at, action)),
            _ => None,
        })
    }

    fn decisions(&self) -> impl Iterator<Item = (&At, &Change)> {
        self.list.iter().filter_map(|happened| match &happened.what {
            What::Decided(change) => Some((&happened.at, change)),
            _ => None,
        })
    }

    pub fn organisations(&self) -> Vec<OrganisationId> {
        let admitted = self.decisions().filter_map(|(_, change)| match change {
            Change::AdmitOrganisation { profile, .. } => Some(profile.id()),
            _ => None,
        });
        admitted.collect()
    }

    pub fn organisation(&self, id: &OrganisationId) -> Option<Org> {
        let mut found: Option<Org> = None;
        for (_, change) in self.decisions() {
            match change {
                Change::AdmitOrganisation { profile, .. } if profile.id() == *id => {
                    found = Some(Org { kind: profile.kind, authority: profile.authority, suspended: false });
                }
                Change::SuspendOrganisation { organisation, .. } if organisation == id => {
                    found = found.map(|org| Org { suspended: true, ..org });
                }
                Change::ReinstateOrganisation { organisation } if organisation == id => {
                    found = found.map(|org| Org { suspended: false, ..org });
                }
                _ => {}
            }
        }
        found
    }

    pub fn person(&self, id: &PractitionerId) -> Option<Person> {
        let mut found: Option<Person> = None;
        for (_, action) in self.deeds() {
            match action {
                Action::RegisterPractitioner { organisation, key, role, validity, .. }
                    if tagged("inro/1/practitioner", &key.0) == id.0 =>
                {
                    let (organisation, key, role, validity) = (*organisation, *key, *role, *validity);
                    found = Some(Person { organisation, key, role, validity, suspended: false });
                }
                Action::RenewPractitioner { practitioner, validity, .. } if practitioner == id => {
                    found = found.map(|person| Person { validity: *validity, ..person });
                }
                Action::RotatePractitioner { practitioner, key, .. } if practitioner == id => {
                    found = found.map(|person| Person { key: *key, ..person });
                }
                Action::SetPractitionerStanding { practitioner, active, .. } if practitioner == id => {
                    found = found.map(|person| Person { suspended: !active, ..person });
                }
                _ => {}
            }
        }
        found
    }

    fn machine(&self, key: &PublicKey) -> Option<OrganisationId> {
        let registered = self.deeds().filter_map(|(_, action)| match action {
            Action::RegisterPeer { organisation, peer, .. } if peer.key == *key => Some(*organisation),
            _ => None,
        });
        registered.last()
    }

    fn in_disaster(&self, organisation: &OrganisationId, now: u64) -> bool {
        self.decisions().any(|(at, change)| match change {
            Change::DeclareDisaster { organisations, duration_ms, .. } => {
                organisations.contains(organisation) && now < at.now + duration_ms
            }
            _ => false,
        })
    }

    pub fn disasters(&self, now: u64) -> usize {
        let open = |(at, change): &(&At, &Change)| match change {
            Change::DeclareDisaster { duration_ms, .. } => now < at.now + duration_ms,
            _ => false,
        };
        self.decisions().filter(open).count()
    }

    /// Why somebody may not act now, if so: by the denial's code.
    fn unfit(&self, person: &Person, now: u64) -> Option<&'static str> {
        if self.organisation(&person.organisation).is_none_or(|org| org.suspended) {
            Some("D-1.2")
        } else if person.suspended || !within(&person.validity, now) {
            Some("D-1.3")
        } else {
            None
        }
    }

    fn acts(&self, at: &At, id: &PractitionerId) -> Judged<Person> {
        let person = self.person(id).ok_or("T-8")?;
        match self.unfit(&person, at.now) {
            Some("D-1.2") => return Err("T-2"),
            Some(_) => return Err("T-10"),
            None => {}
        }
        ensure(person.key == at.signer, "T-11")?;
        Ok(person)
    }

    fn active(&self, id: &OrganisationId) -> Judged<Org> {
        let org = self.organisation(id).ok_or("T-1")?;
        ensure(!org.suspended, "T-2")?;
        Ok(org)
    }

    fn authority(&self, at: &At, id: &OrganisationId) -> Judged<()> {
        ensure(self.active(id)?.authority == at.signer, "T-3")
    }

    // What the list says of one account.

    fn of<'a>(&'a self, label: &'a Label) -> impl Iterator<Item = (usize, &'a At, &'a Action)> {
        self.list.iter().enumerate().filter_map(|(place, happened)| match &happened.what {
            What::Did(action) if happened.account.as_ref() == Some(label) => Some((place, &happened.at, action)),
            _ => None,
        })
    }

    pub fn account(&self, label: &Label) -> Option<Acc> {
        let mut found: Option<Acc> = None;
        for (_, at, action) in self.of(label) {
            match (action, &mut found) {
                (Action::OpenAccount { custodian, first_key, custodial, .. }, none) => {
                    let (custodian, controller, custodial) = (*custodian, *first_key, *custodial);
                    *none = Some(Acc { custodian, controller, custodial, guardians: Vec::new() });
                }
                (Action::RotateController { key, custodial, .. }, Some(account)) => {
                    (account.controller, account.custodial) = (*key, *custodial);
                }
                (Action::AppointGuardian { guardian, .. }, Some(account)) => {
                    account.guardians.retain(|known| at.now < known.validity.until.0);
                    account.guardians.push(guardian.clone());
                }
                (Action::DismissGuardian { guardian, .. }, Some(account)) => {
                    account.guardians.retain(|known| known.key != *guardian);
                }
                _ => {}
            }
        }
        found
    }

    pub fn records(&self, label: &Label) -> BTreeMap<RecordId, Rec> {
        let mut found = BTreeMap::<RecordId, Rec>::new();
        for (place, _, action) in self.of(label) {
            let (manifest, author, replaces) = match action {
                Action::RegisterRecord { practitioner, record, .. } => (record, practitioner, None),
                Action::SupersedeRecord { practitioner, old, record, .. } => (record, practitioner, Some(*old)),
                Action::EraseRecord { record, .. } => {
                    found.entry(*record).and_modify(|known| known.erased = Some(place));
                    continue;
                }
                Action::SetProviderFlags { record, flags, .. } => {
                    found.entry(*record).and_modify(|known| known.flags = flags.0);
                    continue;
                }
                _ => continue,
            };
            if let Some(old) = replaces {
                found.entry(old).and_modify(|known| known.superseded = true);
            }
            let (category, flags, author) = (manifest.category, manifest.flags.0, *author);
            found.insert(manifest.id, Rec { category, flags, author, replaces, superseded: false, erased: None });
        }
        found
    }

    /// The grants that are kept, and when each was revoked.
    pub fn grants(&self, label: &Label) -> Vec<(GrantId, GrantTerms, Option<u64>)> {
        let mut kept: Vec<(GrantId, GrantTerms, Option<u64>)> = Vec::new();
        for (_, at, action) in self.of(label) {
            match action {
                Action::Grant { terms, .. } => {
                    let counts =
                        |(_, terms, revoked): &(_, GrantTerms, Option<u64>)| revoked.is_none() && at.now < terms.validity.until.0;
                    keep(&mut kept, (GrantId(at.id), *terms, None), counts);
                }
                Action::Revoke { grant, .. } => {
                    kept.iter_mut().filter(|(id, ..)| id == grant).for_each(|known| known.2 = Some(at.now));
                }
                _ => {}
            }
        }
        kept
    }

    pub fn seals(&self, label: &Label) -> Vec<Sealing> {
        let mut found: Vec<Sealing> = Vec::new();
        for (place, at, action) in self.of(label) {
            match action {
                Action::Seal { terms, .. } => {
                    found.push(Sealing { id: SealId(at.id), terms: terms.clone(), place, lifted_until: None });
                }
                Action::LiftSeal { seal, until, .. } => {
                    let until = Some(until.0).filter(|until| *until > at.now);
                    found.iter_mut().filter(|known| known.id == *seal).for_each(|known| known.lifted_until = until);
                }
                Action::Unseal { seal, .. } => found.retain(|known| known.id != *seal),
                _ => {}
            }
        }
        found
    }

    /// The consults that are kept.
    pub fn consults(&self, label: &Label) -> Vec<Consulting> {
        let mut kept: Vec<Consulting> = Vec::new();
        for (place, at, action) in self.of(label) {
            if let Action::OpenConsult { practitioner, terms, .. } = action {
                let new = Consulting { id: ConsultId(at.id), terms: terms.clone(), opener: *practitioner };
                let counts = |known: &Consulting| {
                    at.now < known.terms.until.0 && !self.is_closed(label, &Parent::Consult(known.id), place)
                };
                keep(&mut kept, new, counts);
            }
        }
        kept
    }

    fn opened(&self, label: &Label, id: &ConsultId) -> Option<(ConsultTerms, PractitionerId)> {
        self.of(label).find_map(|(_, at, action)| match action {
            Action::OpenConsult { practitioner, terms, .. } if at.id == id.0 => Some((terms.clone(), *practitioner)),
            _ => None,
        })
    }

    fn given(&self, label: &Label, id: &GrantId) -> Option<GrantTerms> {
        self.of(label).find_map(|(_, at, action)| match action {
            Action::Grant { terms, .. } if at.id == id.0 => Some(*terms),
            _ => None,
        })
    }

    /// Was it, or anything that it follows from, closed or revoked before this place in the list?
    fn is_closed(&self, label: &Label, parent: &Parent, before: usize) -> bool {
        let own = self.of(label).take_while(|(place, ..)| *place < before).any(|(_, _, action)| match (action, parent) {
            (Action::Revoke { grant, .. }, Parent::Grant(id)) => grant == id,
            (Action::CloseConsult { consult, .. }, Parent::Consult(id)) => consult == id,
            _ => false,
        });
        let above = match parent {
            Parent::Grant(_) => None,
            Parent::Consult(id) => self.opened(label, id).map(|(terms, _)| terms.parent),
        };
        own || above.is_some_and(|above| self.is_closed(label, &above, before))
    }

    /// Is it open, and is everything that it follows from in force?
    pub fn holds(&self, label: &Label, parent: &Parent, now: u64) -> bool {
        if self.is_closed(label, parent, self.list.len()) {
            return false;
        }
        match parent {
            Parent::Grant(id) => self.given(label, id).is_some_and(|terms| within(&terms.validity, now)),
            Parent::Consult(id) => self.opened(label, id).is_some_and(|(terms, opener)| {
                let fit = self.person(&opener).is_some_and(|person| self.unfit(&person, now).is_none());
                now < terms.until.0 && fit && self.holds(label, &terms.parent, now)
            }),
        }
    }

    /// How many consults lie between this and its grant, and the grant's purpose.
    fn descent(&self, label: &Label, parent: &Parent) -> Option<(u8, Purpose)> {
        match parent {
            Parent::Grant(id) => Some((0, self.given(label, id)?.purpose)),
            Parent::Consult(id) => {
                let (above, purpose) = self.descent(label, &self.opened(label, id)?.0.parent)?;
                Some((above + 1, purpose))
            }
        }
    }

    // Who may see which record.

    /// The record, what it replaces, what that replaces, and so on.
    fn line(records: &BTreeMap<RecordId, Rec>, id: &RecordId) -> Vec<RecordId> {
        let mut line = vec![*id];
        while let Some(Some(old)) = line.last().and_then(|last| records.get(last)).map(|record| record.replaces) {
            line.push(old);
        }
        line
    }

    /// Does the seal cover the record? A seal on chosen records covers those that supersede them, whether before or after the
    /// sealing; only through a record that was erased before the sealing, no way leads.
    fn covers(seal: &Sealing, records: &BTreeMap<RecordId, Rec>, id: &RecordId) -> bool {
        match &seal.terms.target {
            SealTarget::Everything => true,
            SealTarget::Categories(categories) => categories.holds(records[id].category),
            SealTarget::Records(chosen) => {
                let way = Self::line(records, id).into_iter().enumerate().take_while(|(steps, ancestor)| {
                    *steps == 0 || records[ancestor].erased.is_none_or(|place| place > seal.place)
                });
                way.into_iter().any(|(_, ancestor)| chosen.contains(&ancestor))
            }
        }
    }

    /// What is seen of a record: the least that is seen of it and of every version that came after it.
    fn sight(ask: &Ask<'_>, id: &RecordId, met: &mut BTreeMap<Dimensions, u32>) -> Sight {
        let mut sight = Self::sight_of_version(ask, id, met);
        let mut version = *id;
        let mut newer = 0;
        while ask.records[&version].superseded {
            let next = ask.records.iter().find(|(_, record)| record.replaces == Some(version));
            let Some((next, record)) = next.filter(|_| newer < 32) else { return Sight::Hidden };
            if record.erased.is_some() {
                // What came after it is not known any more.
                return Sight::Hidden;
            }
            sight = sight.max(Self::sight_of_version(ask, next, met));
            (version, newer) = (*next, newer + 1);
        }
        sight
    }

    fn sight_of_version(ask: &Ask<'_>, id: &RecordId, met: &mut BTreeMap<Dimensions, u32>) -> Sight {
        let record = &ask.records[id];
        let at_home = ask.asker.as_ref().is_some_and(|(_, person)| person.organisation == ask.account.custodian);
        if record.flags & 2 != 0 && !at_home || record.flags & 1 != 0 && ask.asker.is_none() {
            return Sight::Hidden;
        }
        let mut against_it: Vec<(u8, Visibility)> = Vec::new();
        for seal in &ask.seals {
            let meant = match &ask.asker {
                None => seal.terms.hidden_from_guardians && ask.at.signer != ask.account.controller,
                // Against the reader, or against anybody who passed the right on to the reader.
                Some(reader) => std::iter::once(reader).chain(&ask.hands).any(|(who, person)| match &seal.terms.against {
                    Against::Outside => person.organisation != ask.account.custodian,
                    Against::AllButAuthor => *who != record.author,
                    Against::Named(parties) => parties.iter().any(|party| match party {
                        Party::Organisation(organisation) => person.organisation == *organisation,
                        Party::Practitioner(named) => who == named,
                    }),
                }),
            };
            if !meant || !Self::covers(seal, &ask.records, id) {
                continue;
            }
            let lifted = seal.lifted_until.is_some_and(|until| ask.at.now < until);
            *met.entry(dimensions(&seal.terms, lifted)).or_default() += 1;
            if lifted || ask.emergency && seal.terms.in_emergency == InEmergency::MayOpen {
                continue;
            }
            let width = match seal.terms.target {
                SealTarget::Everything => 3,
                SealTarget::Categories(_) => 2,
                SealTarget::Records(_) => 1,
            };
            against_it.push((width, seal.terms.visibility));
        }
        match against_it.iter().map(|(width, _)| *width).min() {
            None => Sight::Shown,
            Some(narrowest) if against_it.contains(&(narrowest, Visibility::Silent)) => Sight::Hidden,
            Some(_) => Sight::Noticed,
        }
    }

    /// Those who passed a consult on, from its own opener up.
    fn hands(&self, label: &Label, parent: &Parent) -> Vec<(PractitionerId, Person)> {
        let Parent::Consult(id) = parent else { return Vec::new() };
        let Some((terms, opener)) = self.opened(label, id) else { return Vec::new() };
        let mut hands: Vec<_> = self.person(&opener).map(|person| (opener, person)).into_iter().collect();
        hands.extend(self.hands(label, &terms.parent));
        hands
    }

    fn emergencies(&self) -> impl Iterator<Item = (&At, &AccessRequest, PractitionerId)> {
        self.list.iter().filter_map(|happened| match &happened.what {
            What::Granted(request, _) => match (&request.basis, &request.reader) {
                (Basis::Emergency(_), Reader::Practitioner(id)) => Some((&happened.at, request, *id)),
                _ => None,
            },
            _ => None,
        })
    }

    fn is_reviewed(&self, access: &[u8; 32]) -> bool {
        self.deeds().any(|(_, action)| matches!(action, Action::CloseReview { access: closed, .. } if closed.0 == *access))
    }

    /// How many emergencies the organisation had today, and how many of its reviews are overdue.
    fn spent(&self, organisation: &OrganisationId, now: u64) -> u64 {
        let own = |id: &PractitionerId| self.person(id).is_some_and(|person| person.organisation == *organisation);
        let mine: Vec<_> = self.emergencies().filter(|(_, _, id)| own(id)).map(|(at, _, _)| *at).collect();
        let today = mine.iter().filter(|at| at.now / DAY == now / DAY).count();
        let overdue = mine.iter().filter(|at| at.now + self.parameters.review_ms <= now && !self.is_reviewed(&at.id)).count();
        (today + overdue) as u64
    }

    fn access(&self, at: &At, request: &AccessRequest, met: &mut BTreeMap<Dimensions, u32>) -> Judged<Verdict> {
        let asker: Asker = match &request.reader {
            Reader::Person => None,
            Reader::Practitioner(id) => {
                let person = self.person(id).filter(|person| person.key == at.signer).ok_or("D-1.1")?;
                if let Some(denial) = self.unfit(&person, at.now) {
                    return Err(denial);
                }
                Some((*id, person))
            }
        };
        let label = &request.account;
        let account = self.account(label).ok_or("D-1.4")?;
        // For each category, does the basis permit it? And which records, if not all?
        let (mut only, mut hands) = (Vec::new(), Vec::new());
        let permits: Box<dyn Fn(Category) -> bool> = match (&asker, &request.basis) {
            (None, Basis::Own) if account.controller == at.signer => {
                ensure(request.purpose == Purpose::PatientRequest, "D-1.8")?;
                Box::new(|_| true)
            }
            (None, Basis::Own) => {
                let guardian = account.guardians.iter().find(|guardian| guardian.key == at.signer).ok_or("D-1.5")?;
                ensure(guardian.powers.0 & Powers::READ_RECORDS.0 != 0, "D-1.5")?;
                ensure(guardian.validity.from.0 <= at.now, "D-1.6")?;
                ensure(at.now < guardian.validity.until.0, "D-1.7")?;
                ensure([Purpose::FamilyRequest, Purpose::PowerOfAttorney].contains(&request.purpose), "D-1.8")?;
                Box::new(|_| true)
            }
            (None, _) => return Err("D-1.5"),
            (Some((_, person)), Basis::Own) => {
                ensure(person.organisation == account.custodian, "D-1.5")?;
                Box::new(|_| true)
            }
            (Some((id, person)), Basis::Grant) => {
                let mut mine = self.grants(label);
                mine.retain(|(_, terms, _)| meant(&terms.grantee, id, person));
                ensure(!mine.is_empty(), "D-1.5")?;
                let to_come = mine.iter().any(|(_, terms, revoked)| revoked.is_none() && at.now < terms.validity.from.0);
                mine.retain(|(_, terms, revoked)| revoked.is_none() && within(&terms.validity, at.now));
                ensure(!mine.is_empty(), if to_come { "D-1.6" } else { "D-1.7" })?;
                mine.retain(|(_, terms, _)| terms.purpose == request.purpose);
                ensure(!mine.is_empty(), "D-1.8")?;
                Box::new(move |category| mine.iter().any(|(_, terms, _)| terms.categories.holds(category)))
            }
            (Some((id, _)), Basis::Consult(consult)) => {
                let kept = self.consults(label).into_iter().find(|kept| kept.id == *consult && kept.terms.reader == *id);
                let kept = kept.ok_or("D-1.5")?;
                let parent = Parent::Consult(*consult);
                ensure(self.holds(label, &parent, at.now), "D-1.7")?;
                ensure(self.descent(label, &parent).is_some_and(|(_, purpose)| purpose == request.purpose), "D-1.8")?;
                only = kept.terms.records.to_vec();
                hands = self.hands(label, &parent);
                Box::new(move |category| kept.terms.categories.holds(category))
            }
            (Some((_, person)), Basis::Emergency(_)) => {
                let treats =
                    [Role::Physician, Role::Dentist, Role::Pharmacist, Role::Nurse, Role::PublicHealthNurse, Role::Midwife];
                ensure(treats.contains(&person.role), "D-1.12")?;
                let disaster = self.in_disaster(&person.organisation, at.now);
                let fits = match request.purpose {
                    Purpose::EmergencyTreatment | Purpose::BreakTheGlass => true,
                    Purpose::Disaster => disaster,
                    _ => false,
                };
                ensure(fits, "D-1.8")?;
                let quota = u64::from(self.parameters.emergency_quota);
                ensure(disaster || self.spent(&person.organisation, at.now) < quota, "D-1.11")?;
                Box::new(|_| true)
            }
        };
        let wanted = |category: Category| request.categories.holds(category) && permits(category);
        ensure(Category::ALL.into_iter().any(wanted), "D-1.9")?;
        let emergency = matches!(request.basis, Basis::Emergency(_));
        let (known, seals) = (self.records(label), self.seals(label));
        let ask = Ask { at, asker, hands, emergency, account, records: known, seals };
        let (mut records, mut sealed) = (Vec::new(), false);
        for (id, record) in &ask.records {
            let asked = match request.records.is_empty() {
                true => !record.superseded,
                false => request.records.contains(id),
            };
            let later = request.after.is_none_or(|after| after < *id);
            let permitted = only.is_empty() || only.contains(id);
            if !asked || !later || !permitted || record.erased.is_some() || !wanted(record.category) {
                continue;
            }
            match Self::sight(&ask, id, met) {
                Sight::Shown if records.len() == 128 => {
                    return Ok(Verdict::Granted { records, more: true, sealed, custodially: false });
                }
                Sight::Shown => records.push(*id),
                Sight::Noticed => sealed = true,
                Sight::Hidden => {}
            }
        }
        ensure(!records.is_empty() || !sealed, "D-1.10")?;
        Ok(Verdict::Granted { records, more: false, sealed, custodially: false })
    }

    // The rules, action by action.

    /// The account, if the signer is its controller or a guardian with the power.
    fn speaks(&self, at: &At, label: &Label, power: Powers) -> Judged<Acc> {
        let account = self.account(label).ok_or("A-1")?;
        let may = |guardian: &Guardian| {
            guardian.key == at.signer && guardian.powers.0 & power.0 != 0 && within(&guardian.validity, at.now)
        };
        ensure(account.controller == at.signer || account.guardians.iter().any(may), "C-1")?;
        Ok(account)
    }

    fn spoken(at: &At, account: &Acc) -> Judged<Verdict> {
        let custodially = account.custodial && account.controller == at.signer;
        Ok(if custodially { Verdict::AppliedCustodially } else { Verdict::Applied })
    }

    fn controls(&self, at: &At, label: &Label) -> Judged<Acc> {
        let account = self.account(label).ok_or("A-1")?;
        ensure(account.controller == at.signer, "A-5")?;
        Ok(account)
    }

    fn keeps(&self, at: &At, label: &Label, id: &PractitionerId) -> Judged<BTreeMap<RecordId, Rec>> {
        let person = self.acts(at, id)?;
        let account = self.account(label).ok_or("A-1")?;
        ensure(account.custodian == person.organisation, "R-1")?;
        Ok(self.records(label))
    }

    fn party_exists(&self, organisation: Option<&OrganisationId>, person: Option<&PractitionerId>) -> Judged<()> {
        ensure(organisation.is_none_or(|id| self.organisation(id).is_some()), "T-1")?;
        ensure(person.is_none_or(|id| self.person(id).is_some()), "T-8")
    }

    /// The seal, if whoever spoke for the account may change it.
    fn in_hand(&self, at: &At, label: &Label, id: &SealId) -> Judged<(Acc, Sealing)> {
        let account = self.speaks(at, label, Powers::SEAL)?;
        let seal = self.seals(label).into_iter().find(|seal| seal.id == *id).ok_or("C-9")?;
        ensure(account.controller == at.signer || !seal.terms.hidden_from_guardians, "C-6")?;
        Ok((account, seal))
    }

    /// How many records a seal covers only because they supersede chosen ones.
    fn followed(seal: &Sealing, records: &BTreeMap<RecordId, Rec>) -> usize {
        let SealTarget::Records(chosen) = &seal.terms.target else { return 0 };
        records.keys().filter(|id| !chosen.contains(id) && Self::covers(seal, records, id)).count()
    }

    fn of_machine(&self, at: &At, organisation: &OrganisationId, rule: &'static str) -> Judged<()> {
        let owner = self.machine(&at.signer).ok_or("T-12")?;
        self.active(&owner)?;
        ensure(owner == *organisation, rule)
    }

    fn granted(&self, label: &Label, id: &[u8; 32]) -> Judged<(&At, &AccessRequest, &Vec<RecordId>)> {
        let found = self.list.iter().find_map(|happened| match &happened.what {
            What::Granted(request, records) if happened.at.id == *id && request.account == *label => {
                Some((&happened.at, request, records))
            }
            _ => None,
        });
        found.ok_or("E-1")
    }

    fn of_reader(&self, at: &At, asked: &At, request: &AccessRequest) -> Judged<Verdict> {
        match &request.reader {
            Reader::Person => {
                ensure(asked.signer == at.signer, "E-3")?;
                Self::spoken(at, &self.account(&request.account).ok_or("A-1")?)
            }
            Reader::Practitioner(id) => {
                self.of_machine(at, &self.person(id).ok_or("T-8")?.organisation, "E-3")?;
                Ok(Verdict::Applied)
            }
        }
    }

    /// Does this statement about records say anything that earlier ones of its kind did not?
    fn says_more(&self, id: &[u8; 32], records: &[RecordId], disclosed: bool) -> Judged<()> {
        let said = |record: &RecordId| {
            self.deeds().any(|(_, action)| match action {
                Action::Disclose { access, records, .. } => disclosed && access.0 == *id && records.contains(record),
                Action::Acknowledge { access, records, .. } => !disclosed && access.0 == *id && records.contains(record),
                _ => false,
            })
        };
        ensure(!records.iter().all(said), "T-27")
    }

    fn judge(&self, at: &At, action: &Action) -> Judged<Verdict> {
        match action {
            Action::Grant { account: label, terms } => {
                let account = self.speaks(at, label, Powers::GRANT)?;
                ensure(!terms.categories.is_empty(), "C-2")?;
                ensure(terms.validity.from < terms.validity.until && terms.validity.until.0 > at.now, "T-7")?;
                match &terms.grantee {
                    Grantee::Organisation(id) | Grantee::Role { organisation: id, .. } => self.party_exists(Some(id), None)?,
                    Grantee::Practitioner(id) => self.party_exists(None, Some(id))?,
                }
                let grants = self.grants(label);
                let lasting = grants.iter().filter(|(_, terms, revoked)| revoked.is_none() && at.now < terms.validity.until.0);
                ensure(lasting.count() < 64, "C-3")?;
                return Self::spoken(at, &account);
            }
            Action::Revoke { account: label, grant } => {
                let account = self.speaks(at, label, Powers::GRANT)?;
                let grants = self.grants(label);
                let (_, _, revoked) = grants.iter().find(|(id, ..)| id == grant).ok_or("C-4")?;
                ensure(revoked.is_none(), "C-5")?;
                return Self::spoken(at, &account);
            }
            Action::Seal { account: label, terms } => {
                let account = self.speaks(at, label, Powers::SEAL)?;
                ensure(account.controller == at.signer || !terms.hidden_from_guardians, "C-6")?;
                let records = self.records(label);
                match &terms.target {
                    SealTarget::Records(chosen) => {
                        ensure(!chosen.is_empty(), "C-7")?;
                        ensure(chosen.iter().all(|id| records.contains_key(id)), "R-3")?;
                    }
                    SealTarget::Categories(categories) => ensure(!categories.is_empty(), "C-7")?,
                    SealTarget::Everything => {}
                }
                if let Against::Named(parties) = &terms.against {
                    ensure(!parties.is_empty(), "C-7")?;
                    for party in parties {
                        match party {
                            Party::Organisation(id) => self.party_exists(Some(id), None)?,
                            Party::Practitioner(id) => self.party_exists(None, Some(id))?,
                        }
                    }
                }
                ensure(self.seals(label).len() < 64, "C-8")?;
                let seal = Sealing { id: SealId(at.id), terms: terms.clone(), place: self.list.len(), lifted_until: None };
                ensure(Self::followed(&seal, &records) <= 224, "C-10")?;
                return Self::spoken(at, &account);
            }
            Action::LiftSeal { account: label, seal, until } => {
                let (account, seal) = self.in_hand(at, label, seal)?;
                ensure(seal.lifted_until != Some(until.0).filter(|until| *until > at.now), "T-27")?;
                return Self::spoken(at, &account);
            }
            Action::Unseal { account: label, seal } => return Self::spoken(at, &self.in_hand(at, label, seal)?.0),
            Action::RotateController { account: label, key, .. } => {
                let account = self.controls(at, label)?;
                ensure(account.controller != *key, "T-27")?;
                ensure(account.guardians.iter().all(|guardian| guardian.key != *key), "A-7")?;
                return Self::spoken(at, &account);
            }
            Action::AppointGuardian { account: label, guardian } => {
                let account = self.controls(at, label)?;
                ensure(guardian.powers.0 != 0 && guardian.powers.0 < 32, "A-9")?;
                ensure(guardian.validity.from < guardian.validity.until && guardian.validity.until.0 > at.now, "T-7")?;
                let lasting = || account.guardians.iter().filter(|known| at.now < known.validity.until.0);
                ensure(guardian.key != account.controller && lasting().all(|known| known.key != guardian.key), "A-7")?;
                ensure(lasting().count() < 16, "A-6")?;
                return Self::spoken(at, &account);
            }
            Action::DismissGuardian { account: label, guardian } => {
                let account = self.account(label).ok_or("A-1")?;
                ensure(account.controller == at.signer || *guardian == at.signer, "A-5")?;
                ensure(account.guardians.iter().any(|known| known.key == *guardian), "A-8")?;
                return Self::spoken(at, &account);
            }
            Action::CloseConsult { account: label, consult, practitioner } => {
                let speaker = match practitioner {
                    None => Some(self.speaks(at, label, Powers::GRANT)?),
                    Some(id) => {
                        self.acts(at, id)?;
                        self.account(label).ok_or("A-1")?;
                        None
                    }
                };
                let kept = self.consults(label).into_iter().find(|kept| kept.id == *consult).ok_or("C-17")?;
                ensure(practitioner.is_none_or(|id| [kept.opener, kept.terms.reader].contains(&id)), "C-19")?;
                ensure(!self.is_closed(label, &Parent::Consult(*consult), self.list.len()), "C-18")?;
                return speaker.map_or(Ok(Verdict::Applied), |account| Self::spoken(at, &account));
            }
            Action::OpenConsult { account, practitioner, terms } => self.open_consult(at, account, practitioner, terms)?,
            Action::AnswerConsult { account: label, consult, practitioner, .. } => {
                self.acts(at, practitioner)?;
                self.account(label).ok_or("A-1")?;
                let kept = self.consults(label).into_iter().find(|kept| kept.id == *consult).ok_or("C-17")?;
                ensure(kept.terms.reader == *practitioner, "C-19")?;
                ensure(self.holds(label, &Parent::Consult(*consult), at.now), "C-18")?;
            }
            Action::ReadJournal { account: label, practitioner: None } => {
                let account = self.account(label).ok_or("A-1")?;
                let guardian = account.guardians.iter().find(|guardian| guardian.key == at.signer).ok_or("C-20")?;
                let may = guardian.powers.0 & Powers::READ_JOURNAL.0 != 0 && within(&guardian.validity, at.now);
                ensure(may, "C-20")?;
            }
            Action::ReadJournal { account: label, practitioner: Some(id) } => {
                let person = self.acts(at, id)?;
                self.account(label).ok_or("A-1")?;
                ensure(self.is_auditor(&person), "C-20")?;
            }
            Action::Disclose { account, access, records } => {
                let (_, _, granted) = self.granted(account, &access.0)?;
                let custodian = self.account(account).ok_or("A-1")?.custodian;
                self.of_machine(at, &custodian, "E-2")?;
                ensure(records.iter().all(|record| granted.contains(record)), "E-4")?;
                self.says_more(&access.0, records, true)?;
            }
            Action::Acknowledge { account, access, records } => {
                let (asked, request, granted) = self.granted(account, &access.0)?;
                let verdict = self.of_reader(at, asked, request)?;
                ensure(records.iter().all(|record| granted.contains(record)), "E-4")?;
                self.says_more(&access.0, records, false)?;
                return Ok(verdict);
            }
            Action::ReportPayload { account, access, record, .. } => {
                let (asked, request, granted) = self.granted(account, &access.0)?;
                let verdict = self.of_reader(at, asked, request)?;
                ensure(granted.contains(record), "E-4")?;
                return Ok(verdict);
            }
            Action::RefuseDisclosure { account, access, record, .. } => {
                let (_, _, granted) = self.granted(account, &access.0)?;
                let custodian = self.account(account).ok_or("A-1")?.custodian;
                self.of_machine(at, &custodian, "E-2")?;
                ensure(granted.contains(record), "E-4")?;
            }
            Action::CloseReview { account: label, access, practitioner, .. } => {
                let reviewer = self.acts(at, practitioner)?;
                let account = self.account(label).ok_or("A-1")?;
                let found = self.emergencies().find(|(asked, request, _)| asked.id == access.0 && request.account == *label);
                let (_, _, reader) = found.ok_or("E-5")?;
                ensure(!self.is_reviewed(&access.0), "E-6")?;
                let home = self.person(&reader).ok_or("T-8")?.organisation;
                let concerned = reviewer.organisation == home || reviewer.organisation == account.custodian;
                ensure(*practitioner != reader && (concerned || self.is_auditor(&reviewer)), "E-7")?;
            }
            Action::RegisterRecord { account, practitioner, record } => {
                let records = self.keeps(at, account, practitioner)?;
                ensure(!records.contains_key(&record.id), "R-2")?;
                ensure(record.flags.0 < 4, "R-5")?;
            }
            Action::SupersedeRecord { account: label, practitioner, old, record } => {
                let records = self.keeps(at, label, practitioner)?;
                ensure(records.get(old).ok_or("R-3")?.is_current(), "R-4")?;
                ensure(*old != record.id, "R-6")?;
                ensure(!records.contains_key(&record.id), "R-2")?;
                ensure(record.flags.0 < 4, "R-5")?;
                let chosen = |seal: &Sealing| matches!(seal.terms.target, SealTarget::Records(_));
                let mut covering = self.seals(label);
                covering.retain(|seal| chosen(seal) && Self::covers(seal, &records, old));
                ensure(covering.iter().all(|seal| Self::followed(seal, &records) < 224), "C-10")?;
            }
            Action::EraseRecord { account, practitioner, record, .. } => {
                let records = self.keeps(at, account, practitioner)?;
                ensure(records.get(record).ok_or("R-3")?.erased.is_none(), "R-7")?;
            }
            Action::SetProviderFlags { account, practitioner, record, flags } => {
                let records = self.keeps(at, account, practitioner)?;
                let known = records.get(record).ok_or("R-3")?;
                ensure(known.is_current(), "R-4")?;
                ensure(flags.0 < 4, "R-5")?;
                ensure(known.flags != flags.0, "T-27")?;
            }
            Action::RegisterPractitioner { organisation, .. } | Action::RegisterPeer { organisation, .. } => {
                self.authority(at, organisation)?;
            }
            Action::RenewPractitioner { organisation, practitioner, validity } => {
                self.authority(at, organisation)?;
                ensure(self.person(practitioner).ok_or("T-8")?.organisation == *organisation, "T-9")?;
                ensure(validity.from < validity.until && validity.until.0 > at.now, "T-7")?;
            }
            Action::SetPractitionerStanding { organisation, practitioner, active } => {
                self.authority(at, organisation)?;
                let person = self.person(practitioner).ok_or("T-8")?;
                ensure(person.organisation == *organisation, "T-9")?;
                ensure(person.suspended == *active, "T-27")?;
            }
            Action::RotatePractitioner { practitioner, .. } => {
                let person = self.person(practitioner).ok_or("T-8")?;
                let org = self.active(&person.organisation)?;
                let own = person.key == at.signer && !person.suspended;
                ensure(own || org.authority == at.signer, "T-11")?;
            }
            Action::OpenAccount { practitioner, custodian, .. } => {
                ensure(self.acts(at, practitioner)?.organisation == *custodian, "T-9")?;
            }
            other => panic!("these histories have no {other:?}"),
        }
        Ok(Verdict::Applied)
    }

    fn is_auditor(&self, person: &Person) -> bool {
        let kind = self.organisation(&person.organisation).map(|org| org.kind);
        (person.role, kind) == (Role::Auditor, Some(OrganisationKind::Regulator))
    }

    fn open_consult(&self, at: &At, label: &Label, opener: &PractitionerId, terms: &ConsultTerms) -> Judged<()> {
        let person = self.acts(at, opener)?;
        self.account(label).ok_or("A-1")?;
        let (may_pass_on, held, categories, records, until): (bool, bool, Categories, Vec<RecordId>, u64);
        match &terms.parent {
            Parent::Grant(id) => {
                let grants = self.grants(label);
                let (_, grant, revoked) = grants.iter().find(|(known, ..)| known == id).ok_or("C-4")?;
                ensure(revoked.is_none() && within(&grant.validity, at.now), "C-5")?;
                (may_pass_on, held) = (grant.may_pass_on, meant(&grant.grantee, opener, &person));
                (categories, records, until) = (grant.categories, Vec::new(), grant.validity.until.0);
            }
            Parent::Consult(id) => {
                let kept = self.consults(label).into_iter().find(|kept| kept.id == *id).ok_or("C-17")?;
                ensure(self.holds(label, &terms.parent, at.now), "C-18")?;
                (may_pass_on, held) = (kept.terms.may_pass_on, kept.terms.reader == *opener);
                (categories, records, until) = (kept.terms.categories, kept.terms.records.to_vec(), kept.terms.until.0);
            }
        }
        ensure(may_pass_on, "C-11")?;
        ensure(held, "C-12")?;
        let reader = self.person(&terms.reader).ok_or("T-8")?;
        self.active(&reader.organisation)?;
        ensure(terms.reader != *opener, "C-13")?;
        let outside = |category: &Category| terms.categories.holds(*category) && !categories.holds(*category);
        ensure(!terms.categories.is_empty() && !Category::ALL.iter().any(outside), "C-14")?;
        ensure(terms.categories != Categories::ALL || categories == Categories::ALL, "C-14")?;
        if !records.is_empty() {
            ensure(!terms.records.is_empty() && terms.records.iter().all(|record| records.contains(record)), "C-14")?;
        }
        ensure(at.now < terms.until.0 && terms.until.0 <= until, "C-14")?;
        let (above, _) = self.descent(label, &terms.parent).ok_or("C-17")?;
        ensure(above < self.parameters.consult_depth_max, "C-15")?;
        let lasting = self
            .consults(label)
            .into_iter()
            .filter(|known| at.now < known.terms.until.0 && !self.is_closed(label, &Parent::Consult(known.id), self.list.len()));
        ensure(lasting.count() < 64, "C-16")
    }

    // What a history in the making may want to know.

    /// The granted accesses, the oldest first: account, id, request, records.
    pub fn accesses(&self) -> Vec<(Label, [u8; 32], AccessRequest, Vec<RecordId>)> {
        let granted = self.list.iter().filter_map(|happened| match &happened.what {
            What::Granted(request, records) => Some((request.account, happened.at.id, request.clone(), records.clone())),
            _ => None,
        });
        granted.collect()
    }
}
