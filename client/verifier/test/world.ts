// A small ledger, made from the spec's pages alone (docs/spec/ledger.md, transactions.md, genesis.md) with real keys, and the evidence
// that it can give. It executes nothing: whoever writes a test says what a transaction's outcome is. For tests only.

import { compare, hex } from '../src/bytes.js';
import { type Anchor } from '../src/trust.js';
import { foundingOf } from '../src/genesis.js';
import { leafHash } from '../src/merkle.js';
import { type Tag, taggedHash, taggedMessage } from '../src/tag.js';
import { type Bytes, bool, filled, join, list, option, text, u16, u32, u64, u8, validity } from './codec.js';
import { State, consistency, path, root } from './trees.js';

/** A key pair. */
export class Key {
  readonly public: Bytes;
  readonly #secret: CryptoKey;

  private constructor(key: Bytes, secret: CryptoKey) {
    [this.public, this.#secret] = [key, secret];
  }

  static async make(): Promise<Key> {
    const pair = await crypto.subtle.generateKey({ name: 'Ed25519' }, true, ['sign', 'verify']) as CryptoKeyPair;
    return new Key(new Uint8Array(await crypto.subtle.exportKey('raw', pair.publicKey)), pair.privateKey);
  }

  async sign(tag: Tag, ...statement: readonly Bytes[]): Promise<Bytes> {
    return this.signMessage(taggedMessage(tag, ...statement));
  }

  async signMessage(message: Bytes): Promise<Bytes> {
    return new Uint8Array(await crypto.subtle.sign({ name: 'Ed25519' }, this.#secret, new Uint8Array(message)));
  }
}

/** An organisation with its keys; its practitioner is a physician. */
export interface House {
  readonly id: Bytes;
  readonly authority: Key;
  readonly validator: Key;
  readonly physician: Key;
  readonly physicianId: Bytes;
}

export const APPLIED = u8(1);
export const FOR_EVER = 2n ** 63n;
const START = 1_767_225_600_000n;

export function granted(records: readonly Bytes[], more = false, sealed = false): Bytes {
  return join(u8(4), list(records), bool(more), bool(sealed));
}

export function denied(number: number): Bytes {
  return Uint8Array.of(5, number);
}

/** The outcome of an access whose key a facility keeps. */
export function custodially(outcome: Bytes): Bytes {
  return join(u8(outcome[0]! + 2), outcome.subarray(1));
}

/** What stands in a block: a signed transaction, its outcome, and the account whose event it is. */
export interface Line {
  readonly transaction: Bytes;
  readonly outcome: Bytes;
  readonly account?: Bytes | undefined;
}

interface Journal {
  events: Bytes[];
  head: Bytes;
}

/** An account's own part of its object; the journal's part is the ledger's matter. */
export interface AccountPart {
  readonly custodian: Bytes;
  readonly controller: Bytes;
  readonly custodial?: boolean;
  readonly guardians?: readonly Bytes[];
}

interface Block {
  readonly header: Bytes;
  readonly id: Bytes;
  readonly certificate: Bytes;
  readonly entries: readonly Bytes[];
  readonly state: State;
  readonly objects: ReadonlyMap<string, readonly [Bytes, Bytes]>;
  readonly history: readonly Bytes[];
}

export class World {
  readonly houses: readonly House[];
  readonly document: Bytes;
  readonly anchor: Anchor;
  readonly chain: Bytes;
  readonly blocks: Block[] = [];
  readonly objects = new Map<string, [Bytes, Bytes]>();
  readonly #journals = new Map<string, Journal>();
  readonly #accounts = new Map<string, AccountPart>();
  voters: readonly { key: Key; organisation: Bytes; power: number }[];
  changes: Bytes[] = [];
  #nonce = 0n;

  private constructor(houses: readonly House[], document: Bytes, anchor: Anchor) {
    [this.houses, this.document, this.anchor, this.chain] = [houses, document, anchor, anchor.chain];
    this.voters = houses.map(({ id, validator }) => ({ key: validator, organisation: id, power: 10 }));
    this.put(u8(2), parameters(1));
    for (const house of houses) {
      this.put(join(u8(0x0a), house.id), organisation(house, 1));
      this.put(join(u8(0x0b), house.physicianId), practitioner(house, house.physician.public, 1, 1));
    }
  }

  static async found(count: number): Promise<World> {
    const houses = await Promise.all(Array.from({ length: count }, makeHouse));
    houses.sort((a, b) => compare(a.id, b.id));
    const declarations = await Promise.all(houses.map(declare));
    const document = join(text('tests'), u64(START), parameters(1), list(declarations));
    return new World(houses, document, await foundingOf(document));
  }

  put(key: Bytes, value: Bytes): void {
    this.objects.set(hex(key), [key, value]);
  }

  get height(): bigint {
    return BigInt(this.blocks.length);
  }

  /** The time of the next block. */
  get now(): bigint {
    return START + (this.height + 1n) * 1000n;
  }

  /** A signed transaction. */
  async sign(signer: Key, action: Bytes): Promise<Bytes> {
    const unsigned = join(this.chain, signer.public, u64(FOR_EVER), u64(this.#nonce++), action);
    return join(unsigned, await signer.sign('transaction', unsigned));
  }

  /** Opens an account at the first house; returns its label. */
  async open(person: Key, custodial = false): Promise<{ label: Bytes; line: Line }> {
    const { id, physician, physicianId } = this.houses[0]!;
    const agreement = await person.sign('account-opening', this.chain, id, person.public, bool(custodial));
    const label = taggedHash('label', person.public);
    this.#accounts.set(hex(label), { custodian: id, controller: person.public, custodial });
    const transaction = await this.sign(physician, join(u8(40), physicianId, id, person.public, bool(custodial), agreement));
    return { label, line: { transaction, outcome: APPLIED, account: label } };
  }

  /** What the account's object says from the next block on. */
  account(label: Bytes, part: AccountPart): void {
    this.#accounts.set(hex(label), part);
  }

  /** Makes a block; `next` are the voters from the next one on. */
  async commit(lines: readonly Line[], next = this.voters): Promise<void> {
    const [height, time] = [this.height + 1n, this.now];
    const entries = lines.map(({ transaction, outcome }) => join(transaction, outcome));
    for (const [index, { account }] of lines.entries()) {
      if (account !== undefined) this.#append(account, join(u64(height), u64(time), u32(index), entries[index]!));
    }
    this.put(u8(1), join(u64(height), u64(time)));
    for (const [name, part] of this.#accounts) {
      const journal = this.#journals.get(name);
      if (journal !== undefined) this.put(join(u8(0x28), bytesOf(name)), accountObject(part, journal));
    }
    const state = new State([...this.objects.values()]);
    const history = [this.chain, ...this.blocks.map(({ id }) => id)].map((id) => leafHash(id));
    const [set, nextSet] = [setOf(this.voters), setOf(next)];
    const parent = this.blocks[this.blocks.length - 1]?.id ?? this.chain;
    const header = join(
      this.chain, u64(height), u64(time), parent, u32(entries.length), root(entries.map((entry) => leafHash(entry))), state.root(),
      root(history), taggedHash('validators', set), taggedHash('validators', nextSet), this.voters[0]!.key.public,
    );
    const id = taggedHash('header', header);
    const certificate = await this.certify(height, id);
    this.blocks.push({ header, id, certificate, entries, state, objects: new Map(this.objects), history });
    if (next !== this.voters) this.changes.push(join(header, certificate, nextSet));
    this.voters = next;
  }

  /** A certificate by those that are named; otherwise of four voters by three, of fewer by all. */
  async certify(height: bigint, id: Bytes, signers: World['voters'] = this.voters.filter((_, index) => index < 3 || index + 1 < this.voters.length), round = 0): Promise<Bytes> {
    const sorted = [...signers].sort((a, b) => compare(a.key.public, b.key.public));
    const signatures = await Promise.all(sorted.map(async ({ key }) => {
      const vote = join(this.chain, u8(2), u64(height), u32(round), option(id), key.public);
      return join(key.public, await key.sign('vote', vote));
    }));
    return join(u64(height), u32(round), id, list(signatures));
  }

  block(height: number): Block {
    return this.blocks[height - 1]!;
  }

  #certified(height: number): Bytes {
    const { header, certificate } = this.block(height);
    return join(header, certificate);
  }

  /** A file that begins with the founding document. */
  file(statement: Bytes, changes: readonly Bytes[] = this.changes): Bytes {
    return join(new TextEncoder().encode('INROEVID'), u16(1), this.chain, u8(0), list(changes), statement);
  }

  located(height: number, index: number): Bytes {
    const { entries } = this.block(height);
    return join(u32(index), entries[index]!, list(path(index, entries.map((entry) => leafHash(entry)))));
  }

  entry(height: number, index: number): Bytes {
    return this.file(join(u8(1), this.#certified(height), this.located(height, index)));
  }

  /** The newest block's journal; `events` in place of its own. */
  journal(label: Bytes, events: readonly Bytes[] = this.events(label)): Bytes {
    const height = this.blocks.length;
    const key = join(u8(0x28), label);
    const object = this.objects.get(hex(key))![1];
    return this.file(join(u8(2), this.#certified(height), label, object, this.block(height).state.prove(key), list(events)));
  }

  events(label: Bytes): readonly Bytes[] {
    return this.#journals.get(hex(label))?.events ?? [];
  }

  absence(label: Bytes): Bytes {
    const height = this.blocks.length;
    return this.file(join(u8(3), this.#certified(height), label, this.block(height).state.prove(join(u8(0x28), label))));
  }

  /** The decision of an entry of the newest block, with these facts (by their state keys) and these earlier entries (by their indices). */
  decision(label: Bytes, index: number, facts: readonly Bytes[], earlier: readonly number[] = []): Bytes {
    const height = this.blocks.length;
    const { state } = this.block(height);
    const key = join(u8(0x28), label);
    const sorted = [...facts].sort(compare).map((fact) => (
      join(fact, option(this.block(height - 1).objects.get(hex(fact))?.[1]), this.block(height - 1).state.prove(fact))
    ));
    return this.file(join(
      u8(4), this.#certified(height), this.block(height - 1).header, this.located(height, index), option(this.objects.get(hex(key))?.[1]),
      state.prove(key), list(this.events(label)), list(sorted), list(earlier.map((place) => this.located(height, place))),
    ));
  }

  consistency(older: number, newer: number): Bytes {
    const { history } = this.block(newer);
    const [inclusion, proof] = [path(older, history), consistency(older, history)];
    return this.file(join(u8(5), this.#certified(older), this.#certified(newer), list(inclusion), list(proof)));
  }

  validators(): Bytes {
    return this.file(join(u8(6), this.#certified(this.blocks.length)));
  }

  /** The newest block, and another one of its height that the voters signed too. */
  async fork(): Promise<Bytes> {
    const { header, id, certificate } = this.blocks[this.blocks.length - 1]!;
    const otherHeader = join(header.subarray(0, 40), u64(this.now), header.subarray(48));
    const otherId = taggedHash('header', otherHeader);
    const other = { id: otherId, bytes: join(otherHeader, await this.certify(this.height, otherId, this.voters, 1)) };
    const both = [{ id, bytes: join(header, certificate) }, other].sort((a, b) => compare(a.id, b.id));
    return this.file(join(u8(7), ...both.map(({ bytes }) => bytes)));
  }

  #append(account: Bytes, event: Bytes): void {
    const name = hex(account);
    const journal = this.#journals.get(name) ?? { events: [], head: filled(0) };
    journal.events.push(event);
    journal.head = taggedHash('journal', journal.head, event);
    this.#journals.set(name, journal);
  }
}

async function makeHouse(): Promise<House> {
  const [authority, validator, physician] = [await Key.make(), await Key.make(), await Key.make()];
  const [id, physicianId] = [taggedHash('organisation', authority.public), taggedHash('practitioner', physician.public)];
  return { id, authority, validator, physician, physicianId };
}

async function declare({ authority, validator, physician }: House, index: number): Promise<Bytes> {
  const profile = join(text(`House ${index}`), u8(1), text(''), authority.public);
  const machine = await Key.make();
  const peers = list([join(machine.public, u8(1), text('/ip4/127.0.0.1/tcp/4000'), text('/ip6/::1/tcp/4001'))]);
  const practitioners = list([join(physician.public, u8(1), filled(7), validity(0n, FOR_EVER))]);
  const declaration = join(text('tests'), profile, option(join(validator.public, u32(10))), peers, practitioners);
  const signatures = await Promise.all([authority, validator, machine, physician].map((key) => key.sign('declaration', declaration)));
  return join(declaration, list(signatures));
}

/** All parameters at their defaults but the fewest validators. */
export function parameters(validatorsMin: number, emergencyQuota = 50): Bytes {
  return join(
    u32(4000), u32(4 * 1024 * 1024), u64(600_000n), u64(5000n), u64(15_000n), u64(1_209_600_000n), u64(259_200_000n), u16(validatorsMin),
    u16(16), u64(900_000n), u16(emergencyQuota), u64(259_200_000n), u8(3),
  );
}

export function organisation({ authority }: House, standing: number): Bytes {
  return join(text('House'), u8(1), text(''), authority.public, u8(standing), u64(0n), u16(1));
}

export function practitioner({ id }: House, key: Bytes, role: number, standing: number): Bytes {
  return join(id, key, u8(role), filled(7), validity(0n, FOR_EVER), u8(standing));
}

function accountObject({ custodian, controller, custodial = false, guardians = [] }: AccountPart, { events, head }: Journal): Bytes {
  return join(custodian, controller, bool(custodial), list(guardians), option(undefined), u64(BigInt(events.length)), head);
}

function setOf(voters: World['voters']): Bytes {
  const sorted = [...voters].sort((a, b) => compare(a.key.public, b.key.public));
  return list(sorted.map(({ key, organisation: house, power }) => join(key.public, house, u32(power))));
}

function bytesOf(name: string): Bytes {
  return Uint8Array.from(name.match(/../g)!, (digits) => parseInt(digits, 16));
}
