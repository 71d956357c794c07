// Following a journal (docs/spec/evidence.md): what an account's keys, consent and records are after its events. Outcomes are
// believed, because a quorum signed them; what cannot follow from the events before it fails as V-25.

import { hex, same } from './bytes.js';
import type { Account, Guardian, U64 } from './ledger.js';
import { Fault } from './step.js';
import { type ConsultTerms, type Event, type GrantTerms, type Manifest, type Parent, type SealTerms, transactionId } from './transaction.js';

/** Most grants, seals and consults of one account, each. */
export const CONSENTS_MAX = 64;
const GUARDIANS_MAX = 16;
const SUCCESSORS_MAX = 224;

export interface Grant {
  readonly id: string;
  readonly terms: GrantTerms;
  revoked: boolean;
}

export interface Seal {
  readonly id: string;
  readonly terms: SealTerms;
  /** The chosen records, if the seal is on chosen ones. */
  readonly chosen: ReadonlySet<string>;
  /** What has superseded them. */
  readonly successors: Set<string>;
  liftedUntil: U64 | undefined;
}

export interface Consult {
  readonly id: string;
  readonly terms: ConsultTerms;
  readonly opener: Uint8Array;
  readonly purpose: number;
  closed: boolean;
}

export interface KeptRecord {
  readonly id: Uint8Array;
  readonly category: number;
  readonly author: Uint8Array;
  flags: number;
  status: 'current' | 'erased' | { readonly supersededBy: string };
}

/** What follows from the events up to some place. Ids are in hexadecimal, so that they can be compared and looked up. */
export class Followed {
  readonly custodian: Uint8Array;
  controller: Uint8Array;
  custodial: boolean;
  guardians: Guardian[] = [];
  grants: Grant[] = [];
  seals: Seal[] = [];
  consults: Consult[] = [];
  readonly records = new Map<string, KeptRecord>();

  private constructor(custodian: Uint8Array, controller: Uint8Array, custodial: boolean) {
    [this.custodian, this.controller, this.custodial] = [custodian, controller, custodial];
  }

  /** The account after these events of its journal; nothing after none. */
  static after(events: readonly Event[]): Followed | undefined {
    let followed: Followed | undefined;
    for (const event of events) {
      const { action, outcome } = event.entry;
      if (outcome.is === 'denied') continue;
      if (followed !== undefined) followed.#take(event);
      else if (action.does === 'open-account') followed = new Followed(action.custodian, action.firstKey, action.custodial);
      else throw unfollowed('the first event opens no account');
    }
    return followed;
  }

  /** Are these the custodian, the controller and the guardians of `account`? */
  agreesWith(account: Account): boolean {
    const guardiansAgree = this.guardians.length === account.guardians.length
      && this.guardians.every((guardian, index) => isSameGuardian(guardian, account.guardians[index]!));
    return guardiansAgree && same(this.custodian, account.custodian) && same(this.controller, account.controller)
      && this.custodial === account.custodial;
  }

  #take({ entry, time }: Event): void {
    const { action, signer } = entry;
    switch (action.does) {
      case 'rotate-controller': return void ([this.controller, this.custodial] = [action.key, action.custodial]);
      case 'appoint-guardian': return this.#appoint(action.guardian, time);
      case 'dismiss-guardian': return this.#dismiss(action.guardian);
      case 'complete-recovery': return this.#recovered(signer);
      case 'register-record': return this.#register(action.practitioner, action.record);
      case 'supersede-record': return this.#supersede(action.practitioner, hex(action.old), action.record);
      case 'erase-record': return void (this.#known(hex(action.record)).status = 'erased');
      case 'set-provider-flags': return void (this.#known(hex(action.record)).flags = action.flags);
      case 'grant': return this.#grant(hex(transactionId(entry)), action.terms, time);
      case 'revoke': return this.#revoke(hex(action.grant));
      case 'seal': return this.#seal(hex(transactionId(entry)), action.terms);
      case 'lift-seal': return void (this.#ownSeal(hex(action.seal)).liftedUntil = action.until > time ? action.until : undefined);
      case 'unseal': return this.#unseal(hex(action.seal));
      case 'open-consult': return this.#openConsult(hex(transactionId(entry)), action.practitioner, action.terms, time);
      case 'close-consult': return this.#closeConsult(hex(action.consult));
      default: return; // Nothing that a decision reads follows from it.
    }
  }

  #appoint(guardian: Guardian, now: U64): void {
    this.guardians = this.guardians.filter((known) => known.until > now);
    push(this.guardians, guardian, GUARDIANS_MAX, 'guardians');
  }

  #dismiss(key: Uint8Array): void {
    if (!this.guardians.some((guardian) => same(guardian.key, key))) throw unfollowed('a guardian is dismissed who is not appointed');
    this.guardians = this.guardians.filter((guardian) => !same(guardian.key, key));
  }

  #recovered(key: Uint8Array): void {
    [this.controller, this.custodial] = [key, false];
    this.guardians = this.guardians.filter((guardian) => !same(guardian.key, key));
  }

  #known(id: string): KeptRecord {
    const record = this.records.get(id);
    if (record === undefined) throw unfollowed('an event names a record that is not there');
    return record;
  }

  #register(author: Uint8Array, { id, category, flags }: Manifest): void {
    const name = hex(id);
    if (this.records.has(name)) throw unfollowed('a record is registered twice');
    this.records.set(name, { id, category, author, flags, status: 'current' });
  }

  #supersede(author: Uint8Array, old: string, manifest: Manifest): void {
    const replaced = this.#known(old);
    this.#register(author, manifest);
    const supersededBy = hex(manifest.id);
    replaced.status = { supersededBy };
    for (const seal of this.seals) {
      if (seal.chosen.has(old) || seal.successors.has(old)) follow(seal.successors, supersededBy);
    }
  }

  #grant(id: string, terms: GrantTerms, now: U64): void {
    if (this.grants.length >= CONSENTS_MAX) this.grants = this.grants.filter((known) => !known.revoked && now < known.terms.validity.until);
    push(this.grants, { id, terms, revoked: false }, CONSENTS_MAX, 'grants');
  }

  #revoke(id: string): void {
    const grant = this.grants.find((known) => known.id === id);
    if (grant === undefined) throw unfollowed('a grant is revoked that is not there');
    grant.revoked = true;
    this.#closeUnder('grant', id);
  }

  #seal(id: string, terms: SealTerms): void {
    const chosen = terms.target.of === 'records' ? terms.target.records.map(hex) : [];
    const [set, successors] = [new Set(chosen), new Set<string>()];
    for (const record of chosen) {
      let status = this.records.get(record)?.status;
      while (typeof status === 'object' && !set.has(status.supersededBy) && !successors.has(status.supersededBy)) {
        follow(successors, status.supersededBy);
        status = this.records.get(status.supersededBy)?.status;
      }
    }
    push(this.seals, { id, terms, chosen: set, successors, liftedUntil: undefined }, CONSENTS_MAX, 'seals');
  }

  #ownSeal(id: string): Seal {
    const seal = this.seals.find((known) => known.id === id);
    if (seal === undefined) throw unfollowed('an event names a seal that is not there');
    return seal;
  }

  #unseal(id: string): void {
    const gone = this.#ownSeal(id);
    this.seals = this.seals.filter((seal) => seal !== gone);
  }

  #openConsult(id: string, opener: Uint8Array, terms: ConsultTerms, now: U64): void {
    const purpose = this.#purposeOf(terms.parent);
    if (this.consults.length >= CONSENTS_MAX) this.consults = this.consults.filter((known) => !known.closed && now < known.terms.until);
    push(this.consults, { id, terms, opener, purpose, closed: false }, CONSENTS_MAX, 'consults');
  }

  #purposeOf(parent: Parent): number {
    const id = hex(parent.id);
    const purpose = parent.of === 'grant'
      ? this.grants.find((grant) => grant.id === id)?.terms.purpose
      : this.consults.find((consult) => consult.id === id)?.purpose;
    if (purpose === undefined) throw unfollowed('a consult follows from what is not there');
    return purpose;
  }

  #closeConsult(id: string): void {
    const consult = this.consults.find((known) => known.id === id);
    if (consult === undefined) throw unfollowed('a consult is closed that is not there');
    consult.closed = true;
    this.#closeUnder('consult', id);
  }

  /** Closes every consult that follows from this, near or far. */
  #closeUnder(of: Parent['of'], id: string): void {
    for (const consult of this.consults) {
      if (!consult.closed && consult.terms.parent.of === of && hex(consult.terms.parent.id) === id) {
        consult.closed = true;
        this.#closeUnder('consult', consult.id);
      }
    }
  }
}

function unfollowed(found: string): Fault {
  return new Fault(25, found);
}

function push<T>(list: T[], element: T, most: number, what: string): void {
  if (list.length >= most) throw unfollowed(`an event adds to ${most} ${what}`);
  list.push(element);
}

function follow(successors: Set<string>, record: string): void {
  if (!successors.has(record) && successors.size >= SUCCESSORS_MAX) throw unfollowed('a seal follows too many records');
  successors.add(record);
}

function isSameGuardian(a: Guardian, b: Guardian): boolean {
  return same(a.key, b.key) && a.powers === b.powers && a.from === b.from && a.until === b.until;
}
