// Transactions and entries (docs/spec/transactions.md, ledger.md L-2), read from canonical bytes. What a verifier asks of an action
// is kept; the rest is read only so far as to know that it is well formed.

import { Malformed, type Reader } from './bytes.js';
import type { Claim } from './ed25519.js';
import { type Guardian, readGuardian, readParameters, readProfile, readRole, readValidity, type U64, type Validity } from './ledger.js';
import { CATEGORIES, DENIALS, EMERGENCY_REASONS, PEER_KINDS, PURPOSES, RULES, numbersOf } from './numbers.js';
import { taggedHash, taggedMessage } from './tag.js';

/** A set of categories: a bit each. */
export type Categories = bigint;

export const ALL_CATEGORIES: Categories = 2n ** 64n - 1n;
const PLACES = new Map([...CATEGORIES.keys()].map((number, place) => [number, 1n << BigInt(place)]));
const KNOWN_CATEGORIES = (1n << BigInt(PLACES.size)) - 1n;

/** Is the category in the set? */
export function holdsCategory(categories: Categories, category: number): boolean {
  return (categories & PLACES.get(category)!) !== 0n;
}

export interface Manifest {
  readonly id: Uint8Array;
  readonly category: number;
  readonly flags: number;
}

export type Grantee =
  | { readonly of: 'organisation'; readonly organisation: Uint8Array }
  | { readonly of: 'practitioner'; readonly practitioner: Uint8Array }
  | { readonly of: 'role'; readonly organisation: Uint8Array; readonly role: number };

export interface GrantTerms {
  readonly grantee: Grantee;
  readonly categories: Categories;
  readonly purpose: number;
  readonly validity: Validity;
}

export type Target =
  | { readonly of: 'records'; readonly records: readonly Uint8Array[] }
  | { readonly of: 'categories'; readonly categories: Categories }
  | { readonly of: 'everything' };

export type Party =
  | { readonly of: 'organisation'; readonly organisation: Uint8Array }
  | { readonly of: 'practitioner'; readonly practitioner: Uint8Array };

export type Against = { readonly of: 'outside' } | { readonly of: 'all-but-author' } | { readonly of: 'named'; readonly parties: readonly Party[] };

export interface SealTerms {
  readonly target: Target;
  readonly against: Against;
  readonly silent: boolean;
  readonly neverOpens: boolean;
  readonly hiddenFromGuardians: boolean;
}

export type Parent =
  | { readonly of: 'grant'; readonly id: Uint8Array }
  | { readonly of: 'consult'; readonly id: Uint8Array };

export interface ConsultTerms {
  readonly parent: Parent;
  readonly reader: Uint8Array;
  readonly categories: Categories;
  readonly records: readonly Uint8Array[];
  readonly until: U64;
}

export type Basis =
  | { readonly of: 'own' }
  | { readonly of: 'grant' }
  | { readonly of: 'consult'; readonly consult: Uint8Array }
  | { readonly of: 'emergency'; readonly reason: number };

export interface AccessRequest {
  readonly account: Uint8Array;
  /** The practitioner who asks; nobody for the person or a guardian. */
  readonly practitioner: Uint8Array | undefined;
  readonly basis: Basis;
  readonly purpose: number;
  readonly categories: Categories;
  readonly records: readonly Uint8Array[];
  readonly after: Uint8Array | undefined;
}

/** A key's proof that its secret is held. */
interface Possession {
  readonly subject: Uint8Array;
  readonly key: Uint8Array;
  readonly signature: Uint8Array;
}

type OnAccount = { readonly account: Uint8Array };
type Held = { readonly possession: Possession };

/** What a transaction asks for; the numbers are those of transactions.md. Actions that need no more than their account are `other`. */
export type Action =
  | ({ readonly does: 'register-practitioner'; readonly organisation: Uint8Array; readonly key: Uint8Array; readonly role: number; readonly validity: Validity } & Held)
  | { readonly does: 'renew-practitioner'; readonly practitioner: Uint8Array; readonly validity: Validity }
  | ({ readonly does: 'rotate-practitioner'; readonly practitioner: Uint8Array; readonly key: Uint8Array } & Held)
  | { readonly does: 'set-practitioner-standing'; readonly practitioner: Uint8Array; readonly active: boolean }
  | { readonly does: 'report-double-sign'; readonly claims: readonly Claim[] }
  | { readonly does: 'open-account'; readonly custodian: Uint8Array; readonly firstKey: Uint8Array; readonly custodial: boolean; readonly agreement: Uint8Array }
  | ({ readonly does: 'rotate-controller'; readonly key: Uint8Array; readonly custodial: boolean } & OnAccount & Held)
  | ({ readonly does: 'appoint-guardian'; readonly guardian: Guardian } & OnAccount)
  | ({ readonly does: 'dismiss-guardian'; readonly guardian: Uint8Array } & OnAccount)
  | ({ readonly does: 'complete-recovery' } & OnAccount)
  | ({ readonly does: 'register-record'; readonly practitioner: Uint8Array; readonly record: Manifest } & OnAccount)
  | ({ readonly does: 'supersede-record'; readonly practitioner: Uint8Array; readonly old: Uint8Array; readonly record: Manifest } & OnAccount)
  | ({ readonly does: 'erase-record'; readonly record: Uint8Array } & OnAccount)
  | ({ readonly does: 'set-provider-flags'; readonly record: Uint8Array; readonly flags: number } & OnAccount)
  | ({ readonly does: 'grant'; readonly terms: GrantTerms } & OnAccount)
  | ({ readonly does: 'revoke'; readonly grant: Uint8Array } & OnAccount)
  | ({ readonly does: 'seal'; readonly terms: SealTerms } & OnAccount)
  | ({ readonly does: 'lift-seal'; readonly seal: Uint8Array; readonly until: U64 } & OnAccount)
  | ({ readonly does: 'unseal'; readonly seal: Uint8Array } & OnAccount)
  | ({ readonly does: 'access'; readonly request: AccessRequest } & OnAccount)
  | ({ readonly does: 'open-consult'; readonly practitioner: Uint8Array; readonly terms: ConsultTerms } & OnAccount)
  | ({ readonly does: 'close-consult'; readonly consult: Uint8Array } & OnAccount)
  | ({ readonly does: 'close-review'; readonly access: Uint8Array } & OnAccount)
  | { readonly does: 'other'; readonly account: Uint8Array | undefined; readonly possession: Possession | undefined };

export type Outcome =
  | { readonly is: 'applied' }
  | { readonly is: 'rejected'; readonly rule: number }
  | { readonly is: 'applied-custodially' }
  | ({ readonly is: 'granted'; readonly custodial: boolean } & Granted)
  | { readonly is: 'denied'; readonly custodial: boolean; readonly denial: number };

/** What a granted access may read. */
export interface Granted {
  readonly records: readonly Uint8Array[];
  readonly more: boolean;
  readonly sealed: boolean;
}

/** A committed transaction, with what became of it and the bytes that are hashed. */
export interface Entry {
  readonly bytes: Uint8Array;
  /** The signed transaction's bytes, the signature last. */
  readonly transaction: Uint8Array;
  readonly chain: Uint8Array;
  readonly signer: Uint8Array;
  /** The action's number. */
  readonly number: number;
  readonly action: Action;
  readonly outcome: Outcome;
}

/** An event of a journal. */
export interface Event {
  readonly bytes: Uint8Array;
  readonly height: U64;
  readonly time: U64;
  readonly index: number;
  readonly entry: Entry;
}

export function readEvent(reader: Reader): Event {
  const from = reader.at;
  const [height, time, index] = [reader.u64(), reader.u64(), reader.u32()];
  const entry = readEntry(reader);
  return { bytes: reader.since(from), height, time, index, entry };
}

export function readEntry(reader: Reader): Entry {
  const from = reader.at;
  const { transaction, ...signed } = reader.within(5120, 'a transaction', readTransaction);
  const outcome = readOutcome(reader);
  return { bytes: reader.since(from), transaction, ...signed, outcome };
}

/** A transaction's id. */
export function transactionId(entry: Entry): Uint8Array {
  return taggedHash('transaction-id', entry.transaction);
}

/** Every signature that has to hold, the signer's own first (transactions.md, Validity). */
export function claimsOf(entry: Entry): Claim[] {
  const { transaction, chain, signer, action } = entry;
  const signed = transaction.length - 64;
  const own = { key: signer, message: taggedMessage('transaction', transaction.subarray(0, signed)), signature: transaction.subarray(signed) };
  return [own, ...innerClaims(chain, action)];
}

function innerClaims(chain: Uint8Array, action: Action): readonly Claim[] {
  if (action.does === 'report-double-sign') return action.claims;
  if (action.does === 'open-account') {
    const { custodian, firstKey, custodial, agreement } = action;
    const message = taggedMessage('account-opening', chain, custodian, firstKey, Uint8Array.of(custodial ? 1 : 0));
    return [{ key: firstKey, message, signature: agreement }];
  }
  if (!('possession' in action) || action.possession === undefined) return [];
  const { subject, key, signature } = action.possession;
  return [{ key, message: taggedMessage('possession', chain, subject, key), signature }];
}

function readTransaction(reader: Reader): Pick<Entry, 'transaction' | 'chain' | 'signer' | 'number' | 'action'> {
  const from = reader.at;
  const [chain, signer] = [reader.id(), reader.id()];
  reader.u64(); // Until when it could be committed.
  reader.u64(); // The nonce.
  const number = reader.u8();
  const action = readAction(number, reader);
  reader.fixed(64);
  return { transaction: reader.since(from), chain, signer, number, action };
}

const RULE_NUMBERS = numbersOf(RULES);
const DENIAL_NUMBERS = numbersOf(DENIALS);
const APPLIED: Outcome = { is: 'applied' };

function readOutcome(reader: Reader): Outcome {
  const number = reader.u8();
  switch (number) {
    case 1: return APPLIED;
    case 2: return { is: 'rejected', rule: reader.oneOf(RULE_NUMBERS, 'rule') };
    case 3: return { is: 'applied-custodially' };
    // With 6 and 7 the facility keeps the key that asked for the person.
    case 4:
    case 6: return { is: 'granted', custodial: number === 6, records: reader.list(128, readId), more: reader.bool(), sealed: reader.bool() };
    case 5:
    case 7: return { is: 'denied', custodial: number === 7, denial: reader.oneOf(DENIAL_NUMBERS, 'denial') };
    default: throw new Malformed(`${number} is no outcome`);
  }
}

function readAction(number: number, reader: Reader): Action {
  if (number < 40) return readTrustAction(number, reader);
  if (number < 70) return number === 40 ? readOpening(reader) : readAccountAction(number, reader, reader.id());
  if (number < 100) return readRecordAction(number, reader, reader.id());
  if (number < 105) return readConsentAction(number, reader, reader.id());
  return readExchangeAction(number, reader, reader.id());
}

const CHANGE = { does: 'other', account: undefined, possession: undefined } as const;

function readTrustAction(number: number, reader: Reader): Action {
  switch (number) {
    case 1: return readProposal(reader);
    case 2: return reader.fixed(64), reader.bool(), CHANGE;
    case 3: return { ...CHANGE, possession: readPossession(reader, reader.id()) };
    case 4: {
      const organisation = reader.id();
      reader.id();
      return { ...CHANGE, possession: readPossession(reader, organisation) };
    }
    case 5: {
      const organisation = reader.id();
      const key = readPeer(reader);
      return { ...CHANGE, possession: { subject: organisation, key, signature: reader.fixed(64) } };
    }
    case 6: return reader.fixed(64), CHANGE;
    case 7: {
      const organisation = reader.id();
      const possession = readPossession(reader, organisation);
      const role = readRole(reader);
      reader.id(); // The licence.
      return { does: 'register-practitioner', organisation, key: possession.key, possession, role, validity: readValidity(reader) };
    }
    case 8: {
      reader.id();
      return { does: 'renew-practitioner', practitioner: reader.id(), validity: readValidity(reader) };
    }
    case 9: {
      const practitioner = reader.id();
      const possession = readPossession(reader, practitioner);
      return { does: 'rotate-practitioner', practitioner, key: possession.key, possession };
    }
    case 10: {
      reader.id();
      return { does: 'set-practitioner-standing', practitioner: reader.id(), active: reader.bool() };
    }
    case 11: return { does: 'report-double-sign', claims: readDoubleSign(reader) };
    default: throw new Malformed(`${number} is no action`);
  }
}

/** A new key, then its proof of possession. */
function readPossession(reader: Reader, subject: Uint8Array): Possession {
  return { subject, key: reader.id(), signature: reader.fixed(64) };
}

const PEER_KIND_NUMBERS = numbersOf(PEER_KINDS);

/** A peer, of which only the key is asked for. */
export function readPeer(reader: Reader): Uint8Array {
  return readPeerRecord(reader).key;
}

export function readPeerRecord(reader: Reader): { key: Uint8Array; addresses: string[] } {
  const key = reader.id();
  reader.oneOf(PEER_KIND_NUMBERS, 'kind of peer');
  return { key, addresses: [reader.text(96), reader.text(96)] };
}

function readProposal(reader: Reader): Action {
  reader.id(); // Who proposes.
  const change = reader.u8();
  switch (change) {
    case 1: {
      const key = readProfile(reader).authority;
      return { ...CHANGE, possession: { subject: taggedHash('organisation', key), key, signature: reader.fixed(64) } };
    }
    case 2: return reader.id(), reader.text(200), CHANGE;
    case 3: return reader.id(), CHANGE;
    case 4: return { ...CHANGE, possession: readPossession(reader, reader.id()) };
    case 5: {
      const [subject, key] = [reader.id(), reader.id()];
      reader.u32();
      return { ...CHANGE, possession: { subject, key, signature: reader.fixed(64) } };
    }
    case 6: return reader.id(), CHANGE;
    case 7: return readParameters(reader), CHANGE;
    case 8: return reader.text(60), reader.list(64, readId), reader.u64(), CHANGE;
    default: throw new Malformed(`${change} is no change`);
  }
}

const VOTE_KINDS: ReadonlySet<number> = new Set([1, 2]);

function readDoubleSign(reader: Reader): Claim[] {
  const proposals = reader.bool();
  return [0, 1].map(() => {
    const from = reader.at;
    reader.id();
    if (!proposals) reader.oneOf(VOTE_KINDS, 'kind of vote');
    reader.u64();
    reader.u32();
    if (proposals) {
      reader.option((round) => round.u32());
      reader.id();
    } else {
      reader.option(readId);
    }
    const key = reader.id();
    const message = taggedMessage(proposals ? 'proposal' : 'vote', reader.since(from));
    return { key, message, signature: reader.fixed(64) };
  });
}

function readOpening(reader: Reader): Action {
  reader.id(); // The practitioner who signs.
  return { does: 'open-account', custodian: reader.id(), firstKey: reader.id(), custodial: reader.bool(), agreement: reader.fixed(64) };
}

function onlyOn(account: Uint8Array): Action {
  return { does: 'other', account, possession: undefined };
}

function readAccountAction(number: number, reader: Reader, account: Uint8Array): Action {
  switch (number) {
    case 41: {
      const key = reader.id();
      const custodial = reader.bool();
      return { does: 'rotate-controller', account, key, custodial, possession: { subject: account, key, signature: reader.fixed(64) } };
    }
    case 42: return { does: 'appoint-guardian', account, guardian: readGuardian(reader) };
    case 43: return { does: 'dismiss-guardian', account, guardian: reader.id() };
    case 44: {
      reader.id(); // The practitioner who signs.
      return { does: 'other', account, possession: readPossession(reader, account) };
    }
    case 45: return onlyOn(account);
    case 46: return { does: 'complete-recovery', account };
    default: throw new Malformed(`${number} is no action`);
  }
}

const ERASURE_REASONS: ReadonlySet<number> = new Set([1, 2, 3, 4]);

function readRecordAction(number: number, reader: Reader, account: Uint8Array): Action {
  const practitioner = reader.id();
  switch (number) {
    case 70: return { does: 'register-record', account, practitioner, record: readManifest(reader) };
    case 71: return { does: 'supersede-record', account, practitioner, old: reader.id(), record: readManifest(reader) };
    case 72: {
      const record = reader.id();
      reader.oneOf(ERASURE_REASONS, 'reason to erase');
      return { does: 'erase-record', account, record };
    }
    case 73: return { does: 'set-provider-flags', account, record: reader.id(), flags: reader.u8() };
    default: throw new Malformed(`${number} is no action`);
  }
}

const CATEGORY_NUMBERS = numbersOf(CATEGORIES);

function readManifest(reader: Reader): Manifest {
  const id = reader.id();
  const category = reader.oneOf(CATEGORY_NUMBERS, 'category');
  reader.id(); // The commitment.
  reader.u64(); // The payload's length.
  return { id, category, flags: reader.u8() };
}

function readConsentAction(number: number, reader: Reader, account: Uint8Array): Action {
  switch (number) {
    case 100: return { does: 'grant', account, terms: readGrantTerms(reader) };
    case 101: return { does: 'revoke', account, grant: reader.id() };
    case 102: return { does: 'seal', account, terms: readSealTerms(reader) };
    case 103: return { does: 'lift-seal', account, seal: reader.id(), until: reader.u64() };
    default: return { does: 'unseal', account, seal: reader.id() };
  }
}

const PURPOSE_NUMBERS = numbersOf(PURPOSES);

function readPurpose(reader: Reader): number {
  return reader.oneOf(PURPOSE_NUMBERS, 'purpose');
}

function readCategories(reader: Reader): Categories {
  const categories = reader.u64();
  if (categories !== ALL_CATEGORIES && (categories & ~KNOWN_CATEGORIES) !== 0n) throw new Malformed('a set names a category that does not exist');
  return categories;
}

function readGrantTerms(reader: Reader): GrantTerms {
  const grantee = readGrantee(reader);
  const [categories, purpose, validity] = [readCategories(reader), readPurpose(reader), readValidity(reader)];
  reader.bool(); // May it be passed on?
  return { grantee, categories, purpose, validity };
}

function readGrantee(reader: Reader): Grantee {
  const number = reader.u8();
  switch (number) {
    case 1: return { of: 'organisation', organisation: reader.id() };
    case 2: return { of: 'practitioner', practitioner: reader.id() };
    case 3: return { of: 'role', organisation: reader.id(), role: readRole(reader) };
    default: throw new Malformed(`${number} is no grantee`);
  }
}

const ONE_OR_TWO: ReadonlySet<number> = new Set([1, 2]);

function readSealTerms(reader: Reader): SealTerms {
  const [target, against] = [readTarget(reader), readAgainst(reader)];
  const silent = reader.oneOf(ONE_OR_TWO, 'visibility') === 2;
  const neverOpens = reader.oneOf(ONE_OR_TWO, 'word on emergencies') === 2;
  return { target, against, silent, neverOpens, hiddenFromGuardians: reader.bool() };
}

function readTarget(reader: Reader): Target {
  const number = reader.u8();
  switch (number) {
    case 1: return { of: 'records', records: reader.list(32, readId) };
    case 2: return { of: 'categories', categories: readCategories(reader) };
    case 3: return { of: 'everything' };
    default: throw new Malformed(`${number} is no target of a seal`);
  }
}

function readAgainst(reader: Reader): Against {
  const number = reader.u8();
  switch (number) {
    case 1: return { of: 'outside' };
    case 2: return { of: 'all-but-author' };
    case 3: return { of: 'named', parties: reader.list(16, readParty) };
    default: throw new Malformed(`${number} says nothing of whom a seal is against`);
  }
}

function readParty(reader: Reader): Party {
  const number = reader.oneOf(ONE_OR_TWO, 'party');
  return number === 1 ? { of: 'organisation', organisation: reader.id() } : { of: 'practitioner', practitioner: reader.id() };
}

const PAYLOAD_FAULTS: ReadonlySet<number> = new Set([1, 2, 3, 4, 5, 6]);
const REFUSALS: ReadonlySet<number> = new Set([1, 2, 3, 4]);
const FINDINGS: ReadonlySet<number> = new Set([1, 2, 3]);

function readExchangeAction(number: number, reader: Reader, account: Uint8Array): Action {
  switch (number) {
    case 105: return { does: 'access', account, request: readRequest(reader, account) };
    case 106:
    case 107: return reader.id(), reader.list(128, readId), onlyOn(account);
    case 108: return reader.fixed(64), reader.oneOf(PAYLOAD_FAULTS, 'fault'), onlyOn(account);
    case 109: return reader.fixed(64), reader.oneOf(REFUSALS, 'reason to refuse'), onlyOn(account);
    case 110: return { does: 'open-consult', account, practitioner: reader.id(), terms: readConsultTerms(reader) };
    case 111: {
      const consult = reader.id();
      reader.option(readId);
      return { does: 'close-consult', account, consult };
    }
    case 112: return reader.fixed(96), reader.u64(), onlyOn(account);
    case 113: {
      const access = reader.id();
      reader.id(); // The practitioner who signs.
      reader.oneOf(FINDINGS, 'finding');
      reader.id(); // The report.
      return { does: 'close-review', account, access };
    }
    case 114: return reader.option(readId), onlyOn(account);
    default: throw new Malformed(`${number} is no action`);
  }
}

function readRequest(reader: Reader, account: Uint8Array): AccessRequest {
  const practitioner = reader.oneOf(ONE_OR_TWO, 'reader') === 1 ? reader.id() : undefined;
  const basis = readBasis(reader);
  const [purpose, categories] = [readPurpose(reader), readCategories(reader)];
  const [records, after] = [reader.list(64, readId), reader.option(readId)];
  reader.id(); // The reply key.
  return { account, practitioner, basis, purpose, categories, records, after };
}

const REASONS = numbersOf(EMERGENCY_REASONS);

function readBasis(reader: Reader): Basis {
  const number = reader.u8();
  switch (number) {
    case 1: return { of: 'own' };
    case 2: return { of: 'grant' };
    case 3: return { of: 'consult', consult: reader.id() };
    case 4: {
      const reason = reader.oneOf(REASONS, 'reason of an emergency');
      reader.id(); // The text's hash.
      return { of: 'emergency', reason };
    }
    default: throw new Malformed(`${number} is no basis`);
  }
}

function readConsultTerms(reader: Reader): ConsultTerms {
  const of = reader.oneOf(ONE_OR_TWO, 'parent') === 1 ? 'grant' : 'consult';
  const parent: Parent = { of, id: reader.id() };
  const [who, categories, records, until] = [reader.id(), readCategories(reader), reader.list(32, readId), reader.u64()];
  reader.bool(); // May it be passed on?
  reader.id(); // The reply key.
  return { parent, reader: who, categories, records, until };
}

function readId(reader: Reader): Uint8Array {
  return reader.id();
}
