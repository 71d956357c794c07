// What stands in blocks and in the state (docs/spec/ledger.md), read from canonical bytes.

import { compare, inStrictOrder, Malformed, type Reader, u32, u64 } from './bytes.js';
import { taggedHash, taggedMessage } from './tag.js';
import { ORGANISATION_KINDS, ROLES, numbersOf } from './numbers.js';

/** Times, heights and lengths on the ledger have 64 bits. */
export type U64 = bigint;

/** L-1. */
export interface Header {
  readonly chain: Uint8Array;
  readonly height: U64;
  readonly time: U64;
  readonly parent: Uint8Array;
  readonly entries: number;
  readonly entriesRoot: Uint8Array;
  readonly stateRoot: Uint8Array;
  readonly historyRoot: Uint8Array;
  readonly validators: Uint8Array;
  readonly nextValidators: Uint8Array;
  /** The block's id, which follows from the header. */
  readonly id: Uint8Array;
}

export function readHeader(reader: Reader): Header {
  const from = reader.at;
  const chain = reader.id();
  const height = reader.u64();
  const time = reader.u64();
  const parent = reader.id();
  const entries = reader.u32();
  const [entriesRoot, stateRoot, historyRoot] = [reader.id(), reader.id(), reader.id()];
  const [validators, nextValidators] = [reader.id(), reader.id()];
  reader.id(); // Who proposed it; nothing depends on that here.
  const id = taggedHash('header', reader.since(from));
  return { chain, height, time, parent, entries, entriesRoot, stateRoot, historyRoot, validators, nextValidators, id };
}

export interface Validator {
  readonly key: Uint8Array;
  readonly organisation: Uint8Array;
  readonly power: number;
}

/** Who votes, with the hash that headers name. */
export interface ValidatorSet {
  readonly validators: readonly Validator[];
  readonly power: bigint;
  readonly hash: Uint8Array;
}

export function readValidatorSet(reader: Reader): ValidatorSet {
  const from = reader.at;
  const validators = reader.list(256, (each) => ({ key: each.id(), organisation: each.id(), power: each.u32() }));
  if (validators.length === 0) throw new Malformed('a validator set has at least one validator');
  if (!inStrictOrder(validators, byKey)) throw new Malformed('validators are not sorted by key');
  if (validators.some((validator) => validator.power === 0)) throw new Malformed('a validator has no voting power');
  return { validators, power: powerOf(validators), hash: taggedHash('validators', reader.since(from)) };
}

export function byKey(a: { key: Uint8Array }, b: { key: Uint8Array }): number {
  return compare(a.key, b.key);
}

export function powerOf(validators: readonly Validator[]): bigint {
  return validators.reduce((power, validator) => power + BigInt(validator.power), 0n);
}

export interface CommitSignature {
  readonly validator: Uint8Array;
  readonly signature: Uint8Array;
}

export interface Certificate {
  readonly height: U64;
  readonly round: number;
  readonly block: Uint8Array;
  readonly signatures: readonly CommitSignature[];
}

export function readCertificate(reader: Reader): Certificate {
  const certificate = {
    height: reader.u64(),
    round: reader.u32(),
    block: reader.id(),
    signatures: reader.list(256, (each) => ({ validator: each.id(), signature: each.fixed(64) })),
  };
  if (!inStrictOrder(certificate.signatures, (a, b) => compare(a.validator, b.validator))) {
    throw new Malformed('signatures are not in strict order of validators');
  }
  return certificate;
}

/** What a validator signs when it precommits to a block (L-1, Vote). */
export function precommitMessage(chain: Uint8Array, certificate: Certificate, validator: Uint8Array): Uint8Array {
  const { height, round, block } = certificate;
  return taggedMessage('vote', chain, Uint8Array.of(2), u64(height), u32(round), Uint8Array.of(1), block, validator);
}

/** From `from`, inclusive, to `until`, exclusive. */
export interface Validity {
  readonly from: U64;
  readonly until: U64;
}

export function readValidity(reader: Reader): Validity {
  return { from: reader.u64(), until: reader.u64() };
}

export function holdsAt(validity: Validity, now: U64): boolean {
  return validity.from <= now && now < validity.until;
}

export interface Guardian extends Validity {
  readonly key: Uint8Array;
  readonly powers: number;
}

export function readGuardian(reader: Reader): Guardian {
  return { key: reader.id(), powers: reader.u16(), ...readValidity(reader) };
}

/** An account's leaf in the state, with the bytes that are proved. */
export interface Account {
  readonly bytes: Uint8Array;
  readonly custodian: Uint8Array;
  readonly controller: Uint8Array;
  readonly custodial: boolean;
  readonly guardians: readonly Guardian[];
  readonly journalLength: U64;
  readonly journalHead: Uint8Array;
}

export function readAccount(reader: Reader): Account {
  const from = reader.at;
  const custodian = reader.id();
  const controller = reader.id();
  const custodial = reader.bool();
  const guardians = reader.list(16, readGuardian);
  reader.option((recovery) => {
    recovery.fixed(64);
    recovery.option((second) => second.fixed(40));
  });
  const journalLength = reader.u64();
  const journalHead = reader.id();
  return { bytes: reader.since(from), custodian, controller, custodial, guardians, journalLength, journalHead };
}

export const ACTIVE = 1;
const STANDINGS: ReadonlySet<number> = new Set([ACTIVE, 2]);
const KINDS = numbersOf(ORGANISATION_KINDS);
const ROLE_NUMBERS = numbersOf(ROLES);

export interface Organisation {
  readonly standing: number;
}

export function readOrganisation(reader: Reader): Organisation {
  readProfile(reader);
  const standing = reader.oneOf(STANDINGS, 'standing');
  reader.u64();
  reader.u16();
  return { standing };
}

/** What an organisation says of itself. */
export interface Profile {
  readonly name: string;
  readonly authority: Uint8Array;
}

export function readProfile(reader: Reader): Profile {
  const name = reader.text(120);
  reader.oneOf(KINDS, 'kind of organisation');
  reader.text(16);
  return { name, authority: reader.id() };
}

export interface Practitioner {
  readonly organisation: Uint8Array;
  readonly key: Uint8Array;
  readonly role: number;
  readonly validity: Validity;
  readonly standing: number;
}

export function readRole(reader: Reader): number {
  return reader.oneOf(ROLE_NUMBERS, 'role');
}

export function readPractitioner(reader: Reader): Practitioner {
  const organisation = reader.id();
  const key = reader.id();
  const role = readRole(reader);
  reader.id(); // The licence.
  return { organisation, key, role, validity: readValidity(reader), standing: reader.oneOf(STANDINGS, 'standing') };
}

/** What a decision asks of the parameters. */
export interface Parameters {
  readonly validatorsMin: number;
  readonly peersMax: number;
  readonly emergencyQuota: number;
  readonly reviewMs: U64;
  /** The first parameter that lies outside its bounds, if one does. */
  readonly fault: string | undefined;
}

const MS_OF_DAY = 86_400_000n;

export function readParameters(reader: Reader): Parameters {
  const faults: string[] = [];
  const within = <T extends number | bigint>(value: T, least: T, most: T, name: string): T => {
    if (value < least || value > most) faults.push(`${name} must lie between ${least} and ${most}`);
    return value;
  };
  within(reader.u32(), 1, 50_000, 'block_transactions_max');
  within(reader.u32(), 65_536, 16_777_216, 'block_bytes_max');
  within(reader.u64(), 10_000n, 600_000n, 'void_after_ms_max');
  within(reader.u64(), 100n, 60_000n, 'clock_drift_ms_max');
  within(reader.u64(), 1_000n, 60_000n, 'heartbeat_ms');
  within(reader.u64(), 1_000n, 365n * MS_OF_DAY, 'proposal_ms');
  within(reader.u64(), 1_000n, 30n * MS_OF_DAY, 'recovery_delay_ms');
  const validatorsMin = within(reader.u16(), 1, 200, 'validators_min');
  const peersMax = within(reader.u16(), 1, 256, 'peers_max');
  within(reader.u64(), 1_000n, MS_OF_DAY, 'access_ms');
  const emergencyQuota = within(reader.u16(), 1, 65_535, 'emergency_quota');
  const reviewMs = within(reader.u64(), 1_000n, 30n * MS_OF_DAY, 'review_ms');
  within(reader.u8(), 1, 16, 'consult_depth_max');
  return { validatorsMin, peersMax, emergencyQuota, reviewMs, fault: faults[0] };
}

export interface Disaster {
  readonly organisations: readonly Uint8Array[];
  readonly until: U64;
}

export function readDisasters(reader: Reader): Disaster[] {
  return reader.list(16, (each) => {
    each.text(60);
    return { organisations: each.list(64, (one) => one.id()), until: each.u64() };
  });
}

/** One organisation's emergencies. */
export interface Desk {
  readonly day: U64;
  readonly used: number;
  readonly open: readonly { readonly access: Uint8Array; readonly deadline: U64 }[];
}

export const OPEN_REVIEWS_MAX = 1024;

export function readDesk(reader: Reader): Desk {
  return {
    day: reader.u64(),
    used: reader.u32(),
    open: reader.list(OPEN_REVIEWS_MAX, (each) => ({ access: each.id(), deadline: each.u64() })),
  };
}
