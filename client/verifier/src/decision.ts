// The decision (rule D-1, docs/spec/decision.md): who may read what, as a function of state, request and block time. Objects are
// asked for in the order of the rule, and no more of them than it needs.

import { compare, hex, same } from './bytes.js';
import { type Consult, CONSENTS_MAX, type Followed, type KeptRecord, type Seal } from './follow.js';
import { ACTIVE, type Desk, type Disaster, type Organisation, type Parameters, type Practitioner, type U64, holdsAt } from './ledger.js';
import { type AccessRequest, ALL_CATEGORIES, type Categories, type Granted, type Party, holdsCategory } from './transaction.js';

/** The state before an access. What is asked for and not there in any way (not even as absent) is the state's fault to report. */
export interface State {
  readonly followed: Followed | undefined;
  parameters(): Parameters;
  disasters(): readonly Disaster[];
  organisation(id: Uint8Array): Organisation | undefined;
  practitioner(id: Uint8Array): Practitioner | undefined;
  desk(organisation: Uint8Array): Desk;
}

export const MS_OF_DAY = 86_400_000n;
const GRANTED_MAX = 128;
const VERSIONS_MAX = 32;
const READ_RECORDS = 16;
const UNINFORMED = 1;
const UNDELIVERED = 2;
const PURPOSE = { ETREAT: 2, BTG: 3, PATRQT: 6, FAMRQT: 7, PWATRNY: 8, DISASTER: 10 } as const;
/** Physician, dentist, pharmacist, nurse, public health nurse, midwife. */
const BREAK_THE_GLASS: ReadonlySet<number> = new Set([1, 2, 3, 4, 5, 6]);

/** A reason to deny, by its number. */
class Denied extends Error {
  readonly denial: number;

  constructor(denial: number) {
    super(`D-1.${denial}`);
    this.denial = denial;
  }
}

function unless(holds: boolean, denial: number): asserts holds {
  if (!holds) throw new Denied(denial);
}

/** The ledger's answer: what may be read, or the number of the denial. */
export type Decision = Granted | number;

/** Decides a request that `signer` signed. */
export function decide(state: State, signer: Uint8Array, request: AccessRequest, now: U64): Decision {
  try {
    const requester = request.practitioner && requesterOf(state, request.practitioner, signer, now);
    unless(state.followed !== undefined, 4);
    return new Asker(state, state.followed, signer, requester, now).answer(request);
  } catch (error) {
    if (error instanceof Denied) return error.denial;
    throw error;
  }
}

interface Person {
  readonly id: Uint8Array;
  readonly found: Practitioner;
}

function requesterOf(state: State, id: Uint8Array, signer: Uint8Array, now: U64): Person {
  const found = state.practitioner(id);
  unless(found !== undefined && same(found.key, signer), 1);
  const unfit = unfitness(state, found, now);
  if (unfit !== undefined) throw new Denied(unfit);
  return { id, found };
}

/** Why this practitioner may not act now, if so. */
function unfitness(state: State, practitioner: Practitioner, now: U64): number | undefined {
  if (state.organisation(practitioner.organisation)?.standing !== ACTIVE) return 2;
  return practitioner.standing === ACTIVE && holdsAt(practitioner.validity, now) ? undefined : 3;
}

/** What a basis permits, before seals. */
interface Permit {
  readonly categories: Categories;
  /** Only these records; nothing: all. */
  readonly records: readonly Uint8Array[];
  /** Through whose hands the right went. */
  readonly through: readonly Person[];
  readonly emergency: boolean;
}

function permitOf(categories: Categories): Permit {
  return { categories, records: [], through: [], emergency: false };
}

/** What a reader sees of one record, the most first. */
const SHOWN = 0;
const NOTICED = 1;
const HIDDEN = 2;

class Asker {
  readonly #state: State;
  readonly #account: Followed;
  readonly #signer: Uint8Array;
  readonly #requester: Person | undefined;
  readonly #now: U64;

  constructor(state: State, account: Followed, signer: Uint8Array, requester: Person | undefined, now: U64) {
    [this.#state, this.#account, this.#signer, this.#requester, this.#now] = [state, account, signer, requester, now];
  }

  answer(request: AccessRequest): Granted {
    const permit = this.#permit(request);
    const categories = permit.categories & request.categories;
    unless(categories !== 0n, 9);
    return this.#select(request, { ...permit, categories });
  }

  #permit({ basis, purpose }: AccessRequest): Permit {
    const requester = this.#requester;
    if (requester === undefined) {
      unless(basis.of === 'own', 5);
      return this.#asPerson(purpose);
    }
    switch (basis.of) {
      case 'own': return this.#asCustodian(requester.found);
      case 'grant': return this.#byGrants(requester, purpose);
      case 'consult': return this.#byConsult(requester.id, hex(basis.consult), purpose);
      case 'emergency': return this.#byEmergency(requester.found, purpose);
    }
  }

  #asPerson(purpose: number): Permit {
    if (this.#isController()) {
      unless(purpose === PURPOSE.PATRQT, 8);
      return permitOf(ALL_CATEGORIES);
    }
    const guardian = this.#account.guardians.find((known) => same(known.key, this.#signer));
    unless(guardian !== undefined && (guardian.powers & READ_RECORDS) !== 0, 5);
    unless(guardian.from <= this.#now, 6);
    unless(this.#now < guardian.until, 7);
    unless(purpose === PURPOSE.FAMRQT || purpose === PURPOSE.PWATRNY, 8);
    return permitOf(ALL_CATEGORIES);
  }

  #asCustodian(practitioner: Practitioner): Permit {
    unless(this.#isOfCustodian(practitioner), 5);
    return permitOf(ALL_CATEGORIES);
  }

  /** All grants that fit count together. */
  #byGrants(requester: Person, purpose: number): Permit {
    const mine = this.#account.grants.filter((grant) => includes(grant.terms.grantee, requester));
    unless(mine.length > 0, 5);
    const inForce = mine.filter((grant) => !grant.revoked && holdsAt(grant.terms.validity, this.#now));
    const toCome = mine.some((grant) => !grant.revoked && this.#now < grant.terms.validity.from);
    unless(inForce.length > 0, toCome ? 6 : 7);
    const fitting = inForce.filter((grant) => grant.terms.purpose === purpose);
    const categories = fitting.reduce((all, grant) => all | grant.terms.categories, 0n);
    unless(categories !== 0n, 8);
    return permitOf(categories);
  }

  #byConsult(reader: Uint8Array, id: string, purpose: number): Permit {
    const consult = this.#account.consults.find((known) => known.id === id);
    unless(consult !== undefined && same(consult.terms.reader, reader), 5);
    const through = this.#openersOf(consult);
    unless(through !== undefined, 7);
    unless(consult.purpose === purpose, 8);
    return { categories: consult.terms.categories, records: consult.terms.records, through, emergency: false };
  }

  /** Those through whose hands an open consult went, if all that it follows from is in force. */
  #openersOf(consult: Consult): Person[] | undefined {
    const openers: Person[] = [];
    let current = consult;
    // Parents are older than their children, so the way up ends; the bound only says so.
    for (let step = 0; step <= CONSENTS_MAX; step++) {
      const found = this.#state.practitioner(current.opener);
      const open = !current.closed && this.#now < current.terms.until;
      if (found === undefined || !open || unfitness(this.#state, found, this.#now) !== undefined) return undefined;
      openers.push({ id: current.opener, found });
      const id = hex(current.terms.parent.id);
      if (current.terms.parent.of === 'grant') {
        const grant = this.#account.grants.find((known) => known.id === id);
        return grant && !grant.revoked && holdsAt(grant.terms.validity, this.#now) ? openers : undefined;
      }
      const parent = this.#account.consults.find((known) => known.id === id);
      if (parent === undefined) return undefined;
      current = parent;
    }
    return undefined;
  }

  #byEmergency({ organisation, role }: Practitioner, purpose: number): Permit {
    const inDisaster = this.#state.disasters().some((disaster) => (
      this.#now < disaster.until && disaster.organisations.some((member) => same(member, organisation))
    ));
    unless(BREAK_THE_GLASS.has(role), 12);
    const fits = purpose === PURPOSE.ETREAT || purpose === PURPOSE.BTG || (purpose === PURPOSE.DISASTER && inDisaster);
    unless(fits, 8);
    unless(inDisaster || this.#emergenciesLeft(organisation) > 0, 11);
    return { ...permitOf(ALL_CATEGORIES), emergency: true };
  }

  #emergenciesLeft(organisation: Uint8Array): number {
    const desk = this.#state.desk(organisation);
    const overdue = desk.open.filter((review) => review.deadline <= this.#now).length;
    const used = desk.day === this.#now / MS_OF_DAY ? desk.used : 0;
    return this.#state.parameters().emergencyQuota - overdue - used;
  }

  /** The records that are shown, and whether something sealed lets that show. */
  #select(request: AccessRequest, permit: Permit): Granted {
    const shown: Uint8Array[] = [];
    let sealed = false;
    for (const [name, record] of this.#inQuestion(request, permit)) {
      if (!isAskedFor(request, record) || !permits(permit, record)) continue;
      const sight = this.#sight(permit, name, record);
      if (sight === NOTICED) sealed = true;
      if (sight === SHOWN && shown.push(record.id) > GRANTED_MAX) break;
    }
    unless(shown.length > 0 || !sealed, 10);
    return { records: shown.slice(0, GRANTED_MAX), more: shown.length > GRANTED_MAX, sealed };
  }

  /** The records after the one at which an earlier answer ended, in the order of their ids. */
  #inQuestion({ records, after }: AccessRequest, permit: Permit): [string, KeptRecord][] {
    const named = records.length > 0 ? records : permit.records;
    const names = named.length > 0 ? [...new Set(named.map(hex))] : [...this.#account.records.keys()];
    const from = after && hex(after);
    const found: [string, KeptRecord][] = [];
    for (const name of names.sort()) {
      const record = this.#account.records.get(name);
      if (record !== undefined && (from === undefined || name > from)) found.push([name, record]);
    }
    return found;
  }

  /** The least that is seen of any version, from this one to the current one. */
  #sight(permit: Permit, name: string, record: KeptRecord): number {
    let sight = this.#sightOfVersion(permit, name, record);
    let status = record.status;
    for (let later = 0; later <= VERSIONS_MAX; later++) {
      if (status === 'current') return sight;
      if (status === 'erased') return HIDDEN; // Nobody knows what came after it.
      const newer = this.#account.records.get(status.supersededBy);
      if (newer === undefined) return HIDDEN;
      sight = Math.max(sight, this.#sightOfVersion(permit, status.supersededBy, newer));
      status = newer.status;
    }
    return HIDDEN;
  }

  #sightOfVersion(permit: Permit, name: string, record: KeptRecord): number {
    const ownHouse = this.#requester !== undefined && this.#isOfCustodian(this.#requester.found);
    if ((record.flags & UNDELIVERED) !== 0 && !ownHouse) return HIDDEN;
    if ((record.flags & UNINFORMED) !== 0 && this.#requester === undefined) return HIDDEN;
    const covering = this.#account.seals.filter((seal) => (
      isInForce(seal, this.#now)
      && (!permit.emergency || seal.terms.neverOpens)
      && covers(seal, name, record.category)
      && this.#isMeant(permit, seal, record)
    ));
    const narrowest = Math.max(...covering.map(narrowness));
    const telling = covering.filter((seal) => narrowness(seal) === narrowest);
    if (telling.length === 0) return SHOWN;
    return telling.some((seal) => seal.terms.silent) ? HIDDEN : NOTICED;
  }

  /** Does a seal hold against the one who asks, or against somebody through whose hands the right went? */
  #isMeant(permit: Permit, { terms }: Seal, record: KeptRecord): boolean {
    if (this.#requester === undefined) return terms.hiddenFromGuardians && !this.#isController();
    return [this.#requester, ...permit.through].some((person) => {
      switch (terms.against.of) {
        case 'outside': return !this.#isOfCustodian(person.found);
        case 'all-but-author': return !same(record.author, person.id);
        case 'named': return terms.against.parties.some((party) => isNamed(party, person));
      }
    });
  }

  #isController(): boolean {
    return same(this.#account.controller, this.#signer);
  }

  #isOfCustodian(practitioner: Practitioner): boolean {
    return same(practitioner.organisation, this.#account.custodian);
  }
}

function includes(grantee: Followed['grants'][number]['terms']['grantee'], { id, found }: Person): boolean {
  switch (grantee.of) {
    case 'organisation': return same(found.organisation, grantee.organisation);
    case 'practitioner': return same(id, grantee.practitioner);
    case 'role': return same(found.organisation, grantee.organisation) && found.role === grantee.role;
  }
}

function isNamed(party: Party, { id, found }: Person): boolean {
  return party.of === 'organisation' ? same(found.organisation, party.organisation) : same(id, party.practitioner);
}

function isAskedFor({ records }: AccessRequest, { id, status }: KeptRecord): boolean {
  const named = records.some((record) => compare(record, id) === 0);
  return status === 'current' ? records.length === 0 || named : status !== 'erased' && named;
}

function permits({ categories, records }: Permit, { id, category }: KeptRecord): boolean {
  return holdsCategory(categories, category) && (records.length === 0 || records.some((record) => same(record, id)));
}

function isInForce(seal: Seal, now: U64): boolean {
  return seal.liftedUntil === undefined || seal.liftedUntil <= now;
}

function covers({ terms: { target }, chosen, successors }: Seal, record: string, category: number): boolean {
  if (successors.has(record)) return true;
  switch (target.of) {
    case 'records': return chosen.has(record);
    case 'categories': return holdsCategory(target.categories, category);
    case 'everything': return true;
  }
}

/** The narrower decides whether something shows. */
function narrowness({ terms: { target } }: Seal): number {
  return target.of === 'records' ? 2 : target.of === 'categories' ? 1 : 0;
}
