// A decision, made again (docs/spec/evidence.md): steps V-21 to V-27. The state before the access is put together from proved
// objects and from the account's journal.

import { hex, same } from './bytes.js';
import { type Decision, type State, MS_OF_DAY, decide } from './decision.js';
import type { DecisionStatement, Fact, Located } from './file.js';
import { Followed } from './follow.js';
import { accountIs, isComplete, signaturesHold, standsIn } from './journal.js';
import {
  ACTIVE, type Desk, type Disaster, type Organisation, OPEN_REVIEWS_MAX, type Parameters, type Practitioner, type U64,
} from './ledger.js';
import { Fault, require } from './step.js';
import { taggedHash } from './tag.js';
import { type AccessRequest, type Event, type Outcome, transactionId } from './transaction.js';
import { proves } from './tree.js';

/** Steps V-13 to V-27 for an access in a block whose header is believed. */
export async function decisionHolds(chain: Uint8Array, decision: DecisionStatement): Promise<void> {
  const { head: { header }, access, account, events } = decision;
  standsIn(header, access);
  await signaturesHold(chain, access.entry);
  const { action, signer } = access.entry;
  require(22, action.does === 'access', 'the entry is no access');
  const { request } = action;
  accountIs(header, request.account, account, decision.proof);
  if (account !== undefined) isComplete(header, request.account, account, events);
  else require(17, events.length === 0, 'events of an account that does not exist');
  parentIsTheBlockBefore(chain, decision);
  const before = eventsBefore(decision);
  const facts = new Facts();
  for (const fact of decision.facts) facts.take(decision, fact);
  for (const located of decision.earlier) changesAFact(decision, located);
  const whole = Followed.after(events);
  const agrees = whole === undefined ? account === undefined : account !== undefined && whole.agreesWith(account);
  require(25, agrees, 'the journal leads to another account');
  facts.followed = Followed.after(before);
  for (const located of decision.earlier) facts.change(located, header.time);
  const again = decide(facts, signer, request, header.time);
  const custodial = facts.followed?.custodial === true && same(facts.followed.controller, signer);
  require(27, isOutcomeOf(again, custodial, access.entry.outcome), 'another outcome follows from the rules');
}

function parentIsTheBlockBefore(chain: Uint8Array, { head: { header }, parent }: DecisionStatement): void {
  const sound = same(parent.chain, chain) && parent.height + 1n === header.height && same(parent.id, header.parent);
  require(21, sound, `it is not the parent of block ${header.height}`);
}

/** Step V-22: the events before the access, which is an event itself if the account existed. */
function eventsBefore({ head: { header }, access, events }: DecisionStatement): readonly Event[] {
  require(22, ['granted', 'denied'].includes(access.entry.outcome.is), 'the access was not decided');
  const isBefore = (event: Event): boolean => event.height < header.height || (event.height === header.height && event.index < access.index);
  const before = events.filter(isBefore);
  if (before.length > 0) {
    const event = events[before.length];
    const recorded = event !== undefined && event.height === header.height && event.index === access.index
      && same(event.entry.bytes, access.entry.bytes);
    require(22, recorded, "the account's journal has no such event");
  }
  return before;
}

/** Step V-24. */
function changesAFact({ head: { header }, access }: DecisionStatement, located: Located): void {
  const { index, entry: { action, outcome } } = located;
  require(24, index < access.index, `entry ${index} does not come before the access`);
  standsIn(header, located, 24);
  const kind = action.does === 'access' ? action.request.basis.of === 'emergency' : CHANGES.has(action.does);
  require(24, kind && outcome.is !== 'rejected' && outcome.is !== 'denied', `entry ${index} changes no fact`);
}

const CHANGES: ReadonlySet<string> = new Set([
  'register-practitioner', 'renew-practitioner', 'rotate-practitioner', 'set-practitioner-standing', 'close-review',
]);

/** Is this the decision's outcome, to the last record and to the mark of a key that a facility keeps? */
function isOutcomeOf(decision: Decision, custodial: boolean, outcome: Outcome): boolean {
  if (outcome.is !== 'granted' && outcome.is !== 'denied') return false;
  if (outcome.custodial !== custodial) return false;
  if (outcome.is === 'denied') return decision === outcome.denial;
  return typeof decision === 'object' && decision.more === outcome.more && decision.sealed === outcome.sealed
    && decision.records.length === outcome.records.length
    && decision.records.every((record, index) => same(record, outcome.records[index]!));
}

const NO_DESK: Desk = { day: 0n, used: 0, open: [] };

/** The proved objects, changed by the block's earlier entries. An object that is not among them fails as V-26. */
class Facts implements State {
  followed: Followed | undefined;
  #parameters: { object: Parameters | undefined } | undefined;
  #disasters: { object: readonly Disaster[] | undefined } | undefined;
  readonly #organisations = new Map<string, Organisation | undefined>();
  readonly #practitioners = new Map<string, Practitioner | undefined>();
  readonly #desks = new Map<string, Desk | undefined>();

  /** Step V-23, for one fact. */
  take({ parent }: DecisionStatement, { key, value, fact, proof }: Fact): void {
    require(23, proves(proof, parent.stateRoot, key, value), 'a fact does not stand in the state before the block');
    switch (fact.of) {
      case 'parameters': return void (this.#parameters = { object: fact.object });
      case 'disasters': return void (this.#disasters = { object: fact.object });
      case 'organisation': return void this.#organisations.set(hex(fact.id), fact.object);
      case 'practitioner': return void this.#practitioners.set(hex(fact.id), fact.object);
      case 'desk': return void this.#desks.set(hex(fact.id), fact.object);
    }
  }

  parameters(): Parameters {
    require(26, this.#parameters?.object !== undefined, 'the parameters are not in the file');
    return this.#parameters.object;
  }

  disasters(): readonly Disaster[] {
    require(26, this.#disasters !== undefined, 'the disasters are not in the file');
    return this.#disasters.object ?? [];
  }

  organisation(id: Uint8Array): Organisation | undefined {
    return read(this.#organisations, id, 'an organisation');
  }

  practitioner(id: Uint8Array): Practitioner | undefined {
    return read(this.#practitioners, id, 'a practitioner');
  }

  desk(organisation: Uint8Array): Desk {
    return read(this.#desks, organisation, "an organisation's emergencies") ?? NO_DESK;
  }

  /** What an earlier entry of the block does. */
  change({ entry }: Located, now: U64): void {
    const { action } = entry;
    switch (action.does) {
      case 'register-practitioner': {
        const { organisation, key, role, validity } = action;
        const id = taggedHash('practitioner', key);
        this.practitioner(id); // It has to be known that there was none.
        return void this.#practitioners.set(hex(id), { organisation, key, role, validity, standing: ACTIVE });
      }
      case 'renew-practitioner': return this.#changePractitioner(action.practitioner, { validity: action.validity });
      case 'rotate-practitioner': return this.#changePractitioner(action.practitioner, { key: action.key });
      case 'set-practitioner-standing': return this.#changePractitioner(action.practitioner, { standing: action.active ? ACTIVE : 2 });
      case 'access': return this.#countEmergency(action.request, transactionId(entry), now);
      case 'close-review': return this.#closeReview(action.access);
    }
  }

  #changePractitioner(id: Uint8Array, changed: Partial<Practitioner>): void {
    this.#practitioners.set(hex(id), { ...this.#registered(id), ...changed });
  }

  #registered(id: Uint8Array): Practitioner {
    const found = this.practitioner(id);
    require(26, found !== undefined, 'an earlier entry is by or about a practitioner who is not registered');
    return found;
  }

  #countEmergency({ practitioner }: AccessRequest, access: Uint8Array, now: U64): void {
    require(26, practitioner !== undefined, 'an earlier emergency is by nobody');
    const { organisation } = this.#registered(practitioner);
    const deadline = now + this.parameters().reviewMs;
    const desk = this.desk(organisation);
    const day = now / MS_OF_DAY;
    const used = (desk.day === day ? desk.used : 0) + 1;
    const open = desk.open.length < OPEN_REVIEWS_MAX ? [...desk.open, { access, deadline }] : desk.open;
    this.#desks.set(hex(organisation), { day, used, open });
  }

  #closeReview(access: Uint8Array): void {
    for (const [organisation, desk] of this.#desks) {
      if (desk !== undefined) this.#desks.set(organisation, { ...desk, open: desk.open.filter((review) => !same(review.access, access)) });
    }
  }
}

function read<T>(objects: ReadonlyMap<string, T | undefined>, id: Uint8Array, what: string): T | undefined {
  const name = hex(id);
  if (!objects.has(name)) throw new Fault(26, `${what} is not in the file`);
  return objects.get(name);
}
