// The file's bytes (docs/spec/evidence.md, File): steps V-1 to V-3. What is read here is sound in form; whether it is true is the
// other files' matter.

import { compare, inStrictOrder, Malformed, Reader, same } from './bytes.js';
import {
  type Account, type Certificate, type Desk, type Disaster, type Header, type Organisation, type Parameters, type Practitioner,
  type ValidatorSet, readAccount, readCertificate, readDesk, readDisasters, readHeader, readOrganisation, readParameters,
  readPractitioner, readValidatorSet,
} from './ledger.js';
import { Fault, require } from './step.js';
import { type Entry, type Event, readEntry, readEvent } from './transaction.js';
import { type StateProof, readStateProof } from './tree.js';

/** The largest file, in bytes. */
export const FILE_BYTES_MAX = 67_108_864;
const MAGIC = new TextEncoder().encode('INROEVID');
const VERSION = 1;

/** A header with the certificate that its block was committed. */
export interface Certified {
  readonly header: Header;
  readonly certificate: Certificate;
}

/** A header that names another set as the next one, and that set. */
export interface Change extends Certified {
  readonly set: ValidatorSet;
}

/** An entry and where it stands in its block. */
export interface Located {
  readonly index: number;
  readonly entry: Entry;
  readonly path: readonly Uint8Array[];
}

/** An object of the state as it was before the block, or that there was none. */
export type FactObject =
  | { readonly of: 'parameters'; readonly object: Parameters | undefined }
  | { readonly of: 'disasters'; readonly object: readonly Disaster[] | undefined }
  | { readonly of: 'organisation'; readonly id: Uint8Array; readonly object: Organisation | undefined }
  | { readonly of: 'practitioner'; readonly id: Uint8Array; readonly object: Practitioner | undefined }
  | { readonly of: 'desk'; readonly id: Uint8Array; readonly object: Desk | undefined };

export interface Fact {
  readonly key: Uint8Array;
  readonly value: Uint8Array | undefined;
  readonly fact: FactObject;
  readonly proof: StateProof;
}

export interface EntryStatement {
  readonly kind: 'entry';
  readonly head: Certified;
  readonly entry: Located;
}

export interface JournalStatement {
  readonly kind: 'journal';
  readonly head: Certified;
  readonly label: Uint8Array;
  readonly account: Account;
  readonly proof: StateProof;
  readonly events: readonly Event[];
}

export interface AbsenceStatement {
  readonly kind: 'absence';
  readonly head: Certified;
  readonly label: Uint8Array;
  readonly proof: StateProof;
}

export interface DecisionStatement {
  readonly kind: 'decision';
  readonly head: Certified;
  readonly parent: Header;
  readonly access: Located;
  readonly account: Account | undefined;
  readonly proof: StateProof;
  readonly events: readonly Event[];
  readonly facts: readonly Fact[];
  readonly earlier: readonly Located[];
}

export interface ConsistencyStatement {
  readonly kind: 'consistency';
  readonly older: Certified;
  readonly newer: Certified;
  readonly inclusion: readonly Uint8Array[];
  readonly consistency: readonly Uint8Array[];
}

export interface ValidatorsStatement {
  readonly kind: 'validators';
  readonly head: Certified;
}

export interface ForkStatement {
  readonly kind: 'fork';
  readonly first: Certified;
  readonly second: Certified;
}

export type Statement =
  | EntryStatement | JournalStatement | AbsenceStatement | DecisionStatement | ConsistencyStatement | ValidatorsStatement | ForkStatement;

/** What an evidence file holds. */
export interface Evidence {
  readonly chain: Uint8Array;
  /** The header at which trust begins, and the set that votes on the next block; nothing for the founding. */
  readonly pinned: { readonly header: Header; readonly set: ValidatorSet } | undefined;
  readonly changes: readonly Change[];
  readonly statement: Statement;
}

/** Steps V-1 to V-3. */
export function readFile(bytes: Uint8Array): Evidence {
  require(1, bytes.length <= FILE_BYTES_MAX, `${bytes.length} bytes where at most ${FILE_BYTES_MAX} are allowed`);
  const reader = new Reader(bytes);
  require(2, hasMagic(reader, bytes), 'this is no evidence file of version 1');
  try {
    const evidence = readEvidence(reader);
    reader.end();
    return evidence;
  } catch (error) {
    if (error instanceof Malformed) throw new Fault(3, error.message);
    throw error;
  }
}

function hasMagic(reader: Reader, bytes: Uint8Array): boolean {
  return bytes.length >= MAGIC.length + 2 && same(reader.fixed(MAGIC.length), MAGIC) && reader.u16() === VERSION;
}

function readEvidence(reader: Reader): Evidence {
  const chain = reader.id();
  const pinned = reader.option(() => ({ header: readHeader(reader), set: readValidatorSet(reader) }));
  const changes = reader.list(1024, () => ({ ...readCertified(reader), set: readValidatorSet(reader) }));
  return { chain, pinned, changes, statement: readStatement(reader) };
}

function readCertified(reader: Reader): Certified {
  return { header: readHeader(reader), certificate: reader.within(24_640, 'a certificate', readCertificate) };
}

function readStatement(reader: Reader): Statement {
  const kind = reader.u8();
  switch (kind) {
    case 1: return { kind: 'entry', head: readCertified(reader), entry: readLocated(reader) };
    case 2: return {
      kind: 'journal', head: readCertified(reader), label: reader.id(), account: readAccount(reader), proof: readStateProof(reader),
      events: readEvents(reader),
    };
    case 3: return { kind: 'absence', head: readCertified(reader), label: reader.id(), proof: readStateProof(reader) };
    case 4: return readDecision(reader);
    case 5: return {
      kind: 'consistency', older: readCertified(reader), newer: readCertified(reader), inclusion: readHashes(64, reader),
      consistency: readHashes(64, reader),
    };
    case 6: return { kind: 'validators', head: readCertified(reader) };
    case 7: return { kind: 'fork', first: readCertified(reader), second: readCertified(reader) };
    default: throw new Malformed(`${kind} is no kind of statement`);
  }
}

function readLocated(reader: Reader): Located {
  const index = reader.u32();
  return { index, entry: reader.within(13_312, 'an entry', readEntry), path: readHashes(32, reader) };
}

function readEvents(reader: Reader): Event[] {
  return reader.list(262_144, () => reader.within(13_332, 'an event', readEvent));
}

function readHashes(most: number, reader: Reader): Uint8Array[] {
  return reader.list(most, (each) => each.id());
}

function readDecision(reader: Reader): DecisionStatement {
  const decision: DecisionStatement = {
    kind: 'decision',
    head: readCertified(reader),
    parent: readHeader(reader),
    access: readLocated(reader),
    account: reader.option(readAccount),
    proof: readStateProof(reader),
    events: readEvents(reader),
    facts: reader.list(64, readFact),
    earlier: reader.list(256, readLocated),
  };
  if (!inStrictOrder(decision.facts, (a, b) => compare(a.key, b.key))) throw new Malformed('facts are not in strict order');
  if (!inStrictOrder(decision.earlier, (a, b) => a.index - b.index)) throw new Malformed('earlier entries are not in strict order');
  return decision;
}

function readFact(reader: Reader): Fact {
  const from = reader.at;
  const kind = reader.u8();
  const id = kind >= 0x0a ? reader.id() : new Uint8Array();
  const key = reader.since(from);
  let value: Uint8Array | undefined;
  const object = <T>(read: (reader: Reader) => T): T | undefined => reader.option(() => {
    const start = reader.at;
    const found = read(reader);
    value = reader.since(start);
    return found;
  });
  const fact = readFactObject(kind, id, object);
  return { key, value, fact, proof: readStateProof(reader) };
}

function readFactObject(kind: number, id: Uint8Array, object: <T>(read: (reader: Reader) => T) => T | undefined): FactObject {
  switch (kind) {
    case 0x02: return { of: 'parameters', object: object(readParameters) };
    case 0x05: return { of: 'disasters', object: object(readDisasters) };
    case 0x0a: return { of: 'organisation', id, object: object(readOrganisation) };
    case 0x0b: return { of: 'practitioner', id, object: object(readPractitioner) };
    case 0x0f: return { of: 'desk', id, object: object(readDesk) };
    default: throw new Malformed(`${kind} is no kind of fact`);
  }
}
