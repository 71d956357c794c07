// The founding document (docs/spec/genesis.md): what a verifier holds. It is read from the JSON file that the founders compared, is
// brought into its canonical bytes, and is sound or refused; its hash is the ledger's id.

import { Malformed, Reader, compare, hex, inStrictOrder, join, u32, u64, unhex, whole } from './bytes.js';
import { holds, isWeak } from './ed25519.js';
import {
  type Parameters, type Profile, type Validator, type Validity, type ValidatorSet, byKey, powerOf, readParameters, readProfile, readRole,
  readValidatorSet, readValidity,
} from './ledger.js';
import { ORGANISATION_KINDS, PEER_KINDS, ROLES, type Names } from './numbers.js';
import { taggedHash, taggedMessage } from './tag.js';
import { readPeerRecord } from './transaction.js';
import type { Anchor } from './trust.js';

/** A document that founds no ledger, or none that can be trusted. */
export class BadGenesis extends Error {
  override name = 'BadGenesis';
}

/** The largest document, in bytes. */
export const DOCUMENT_BYTES_MAX = 8_388_608;
/** The largest file: in JSON a document takes more room. */
export const GENESIS_FILE_BYTES_MAX = 4 * DOCUMENT_BYTES_MAX;

/** A founding document that is sound. */
export interface Founding extends Anchor {
  readonly ledger: string;
  readonly time: bigint;
  /** The founders' names, by their ids. */
  readonly founders: ReadonlyMap<string, string>;
}

/** Reads a genesis file, which is JSON. */
export async function readGenesisFile(file: Uint8Array): Promise<Founding> {
  if (file.length > GENESIS_FILE_BYTES_MAX) throw new BadGenesis(`${file.length} bytes where at most ${GENESIS_FILE_BYTES_MAX} are allowed`);
  return foundingOf(documentBytes(file));
}

/** Reads a document's canonical bytes and checks it (genesis.md, Document). */
export async function foundingOf(bytes: Uint8Array): Promise<Founding> {
  refuseIf(bytes.length > DOCUMENT_BYTES_MAX, `${bytes.length} bytes where at most ${DOCUMENT_BYTES_MAX} are allowed`);
  const document = readDocument(bytes);
  const { ledger, time, parameters, declarations } = document;
  refuseIf(parameters.fault !== undefined, `parameters: ${parameters.fault}`);
  const keys = new Set<string>();
  for (const declaration of declarations) {
    await declarationIsSound(declaration);
    const { profile } = declaration;
    refuseIf(declaration.ledger !== ledger, `the declaration of ${profile.name} is for another ledger`);
    refuseIf(declaration.peers.length > parameters.peersMax, `${profile.name} has more peers than peers_max`);
    for (const key of declaration.keys.map(hex)) {
      refuseIf(keys.has(key), `key ${key} stands in two declarations`);
      keys.add(key);
    }
  }
  refuseIf(!inStrictOrder(declarations, (a, b) => compare(a.id, b.id)), 'declarations are not in strict order of organisations');
  const validators = validatorsOf(declarations, parameters);
  const founders = new Map(declarations.map(({ id, profile }) => [hex(id), profile.name]));
  return { chain: taggedHash('genesis', bytes), validators, ledger, time, founders };
}

interface Declaration {
  readonly bytes: Uint8Array;
  readonly ledger: string;
  readonly profile: Profile;
  readonly id: Uint8Array;
  readonly validator: { readonly key: Uint8Array; readonly power: number } | undefined;
  readonly peers: readonly { readonly key: Uint8Array; readonly addresses: readonly string[] }[];
  readonly practitioners: readonly { readonly key: Uint8Array; readonly validity: Validity }[];
  /** Every key in it, in the order of its signatures. */
  readonly keys: readonly Uint8Array[];
  readonly signatures: readonly Uint8Array[];
}

interface Document {
  readonly ledger: string;
  readonly time: bigint;
  readonly parameters: Parameters;
  readonly declarations: readonly Declaration[];
}

function readDocument(bytes: Uint8Array): Document {
  try {
    return whole(bytes, (reader) => ({
      ledger: reader.text(64),
      time: reader.u64(),
      parameters: readParameters(reader),
      declarations: reader.list(256, readDeclaration),
    }));
  } catch (error) {
    if (error instanceof Malformed) throw new BadGenesis(`this is no founding document: ${error.message}`);
    throw error;
  }
}

function readDeclaration(reader: Reader): Declaration {
  const from = reader.at;
  const ledger = reader.text(64);
  const profile = readProfile(reader);
  const validator = reader.option(() => ({ key: reader.id(), power: reader.u32() }));
  const peers = reader.list(16, readPeerRecord);
  const practitioners = reader.list(64, readDeclaredPractitioner);
  const bytes = reader.since(from);
  const signatures = reader.list(96, (each) => each.fixed(64));
  const keys = [profile.authority, ...(validator ? [validator.key] : []), ...peers.map(({ key }) => key), ...practitioners.map(({ key }) => key)];
  return { bytes, ledger, profile, id: taggedHash('organisation', profile.authority), validator, peers, practitioners, keys, signatures };
}

function readDeclaredPractitioner(reader: Reader): { key: Uint8Array; validity: Validity } {
  const key = reader.id();
  readRole(reader);
  reader.id(); // The licence.
  return { key, validity: readValidity(reader) };
}

/** Checks a declaration by itself: its keys, its addresses, its signatures (genesis.md, Declaration). */
async function declarationIsSound({ bytes, profile, validator, peers, practitioners, keys, signatures }: Declaration): Promise<void> {
  const refuse = (wrong: boolean, why: string): void => refuseIf(wrong, `the declaration of ${profile.name}: ${why}`);
  refuse(/^\p{White_Space}*$/u.test(profile.name), 'the organisation has no name');
  refuse(new Set(keys.map(hex)).size !== keys.length, 'a key stands twice');
  refuse(keys.some(isWeak), 'a key is not a sound Ed25519 key');
  refuse(validator?.power === 0, 'the validator has no voting power');
  refuse(!peers.every(({ addresses }) => addresses.every(isPeerAddress)), 'an address is not /ip4/…/tcp/… or /ip6/…/tcp/…');
  refuse(practitioners.some(({ validity }) => validity.from >= validity.until), "a practitioner's validity ends before it begins");
  refuse(signatures.length !== keys.length, `${signatures.length} signatures for ${keys.length} keys`);
  const message = taggedMessage('declaration', bytes);
  const hold = await Promise.all(keys.map((key, index) => holds({ key, message, signature: signatures[index]! })));
  refuse(!hold.every(Boolean), 'a signature does not verify');
}

function validatorsOf(declarations: readonly Declaration[], { validatorsMin }: Parameters): ValidatorSet {
  const validators = declarations
    .flatMap(({ id, validator }) => (validator ? [{ key: validator.key, organisation: id, power: validator.power }] : []))
    .sort(byKey);
  refuseIf(validators.length === 0, 'nobody votes');
  refuseIf(validators.length < validatorsMin, `${validators.length} validators; the parameters ask for ${validatorsMin}`);
  refuseIf(somebodyReachesAThird(validators), 'somebody holds a third of the voting power or more');
  const encoded = validators.map(({ key, organisation, power }) => join(key, organisation, u32(power)));
  return whole(join(u32(validators.length), ...encoded), readValidatorSet);
}

/** Rule T-23. */
function somebodyReachesAThird(validators: readonly Validator[]): boolean {
  const reaches = (power: bigint): boolean => 3n * power >= powerOf(validators);
  const houses = byOrganisation(validators);
  return (validators.length >= 4 && validators.some(({ power }) => reaches(BigInt(power))))
    || (houses.size >= 4 && [...houses.values()].some((house) => reaches(powerOf(house))));
}

function byOrganisation(validators: readonly Validator[]): Map<string, Validator[]> {
  const groups = new Map<string, Validator[]>();
  for (const validator of validators) {
    const name = hex(validator.organisation);
    groups.set(name, [...(groups.get(name) ?? []), validator]);
  }
  return groups;
}

function refuseIf(wrong: boolean, why: string): void {
  if (wrong) throw new BadGenesis(why);
}

/** Is this `/ip4/a.b.c.d/tcp/n` or `/ip6/…/tcp/n` (rule T-14)? */
export function isPeerAddress(address: string): boolean {
  const [empty, family, host, tcp, port, ...more] = address.split('/');
  const soundHost = family === 'ip4' ? isIp4(host ?? '') : family === 'ip6' && isIp6(host ?? '');
  const soundPort = /^[1-9][0-9]{0,4}$/.test(port ?? '') && Number(port) <= 65_535;
  return empty === '' && soundHost && tcp === 'tcp' && soundPort && more.length === 0;
}

function isIp4(host: string): boolean {
  const parts = host.split('.');
  return parts.length === 4 && parts.every((part) => /^(0|[1-9][0-9]{0,2})$/.test(part) && Number(part) <= 255);
}

function isIp6(host: string): boolean {
  const halves = host.split('::');
  if (halves.length > 2) return false;
  const groups = halves.map((half) => (half === '' ? [] : half.split(':')));
  const last = groups[groups.length - 1]!;
  const embedded = last.length > 0 && last[last.length - 1]!.includes('.') ? last.pop()! : undefined;
  if (embedded !== undefined && !isIp4(embedded)) return false;
  const count = groups.flat().length + (embedded === undefined ? 0 : 2);
  const sound = groups.flat().every((group) => /^[0-9a-fA-F]{1,4}$/.test(group));
  return sound && (halves.length === 2 ? count < 8 : count === 8);
}

// From the file's JSON to canonical bytes (encoding.md, JSON). Fields that are not known are refused, as every other reader of the file
// refuses them.

type Json = { readonly [name: string]: unknown };

/** The canonical bytes of the document that a genesis file holds. */
export function documentBytes(file: Uint8Array): Uint8Array {
  try {
    return encodeDocument(parse(new TextDecoder('utf-8', { fatal: true }).decode(file)));
  } catch (error) {
    throw new BadGenesis(`this is no founding document: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Numbers that JavaScript would round are kept as their digits. */
function parse(text: string): unknown {
  const kept = text.replace(/"(?:[^"\\]|\\.)*"|-?[0-9][0-9.eE+-]*/g, (token) => (/^[0-9]{16,20}$/.test(token) ? `"${token}"` : token));
  return JSON.parse(kept);
}

function encodeDocument(value: unknown): Uint8Array {
  const document = object(value, ['ledger', 'time', 'parameters', 'declarations']);
  return join(text(document['ledger']), long(document['time']), encodeParameters(document['parameters']), list(document['declarations'], encodeSigned));
}

const PARAMETERS: readonly (readonly [string, (value: unknown) => Uint8Array])[] = [
  ['block_transactions_max', number32], ['block_bytes_max', number32], ['void_after_ms_max', long], ['clock_drift_ms_max', long],
  ['heartbeat_ms', long], ['proposal_ms', long], ['recovery_delay_ms', long], ['validators_min', number16], ['peers_max', number16],
  ['access_ms', long], ['emergency_quota', number16], ['review_ms', long], ['consult_depth_max', number8],
];

function encodeParameters(value: unknown): Uint8Array {
  const parameters = object(value, PARAMETERS.map(([name]) => name));
  return join(...PARAMETERS.map(([name, encode]) => encode(parameters[name])));
}

function encodeSigned(value: unknown): Uint8Array {
  const signed = object(value, ['declaration', 'signatures']);
  return join(encodeDeclaration(signed['declaration']), list(signed['signatures'], (signature) => bytes(signature, 64)));
}

function encodeDeclaration(value: unknown): Uint8Array {
  const declaration = object(value, ['ledger', 'organisation', 'validator', 'peers', 'practitioners'], ['validator']);
  return join(
    text(declaration['ledger']), encodeProfile(declaration['organisation']), option(declaration['validator'], encodeValidator),
    list(declaration['peers'], encodePeer), list(declaration['practitioners'], encodePractitioner),
  );
}

function encodeProfile(value: unknown): Uint8Array {
  const profile = object(value, ['name', 'kind', 'institution_number', 'authority']);
  return join(text(profile['name']), name(profile['kind'], ORGANISATION_KINDS), text(profile['institution_number']), bytes(profile['authority'], 32));
}

function encodeValidator(value: unknown): Uint8Array {
  const validator = object(value, ['key', 'power']);
  return join(bytes(validator['key'], 32), number32(validator['power']));
}

function encodePeer(value: unknown): Uint8Array {
  const peer = object(value, ['key', 'kind', 'consensus_address', 'exchange_address']);
  return join(bytes(peer['key'], 32), name(peer['kind'], PEER_KINDS), text(peer['consensus_address']), text(peer['exchange_address']));
}

function encodePractitioner(value: unknown): Uint8Array {
  const practitioner = object(value, ['key', 'role', 'licence', 'validity']);
  const validity = object(practitioner['validity'], ['from', 'until']);
  return join(
    bytes(practitioner['key'], 32), name(practitioner['role'], ROLES), bytes(practitioner['licence'], 32), long(validity['from']),
    long(validity['until']),
  );
}

function object(value: unknown, names: readonly string[], optional: readonly string[] = []): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Malformed('an object is expected');
  const unknown = Object.keys(value).find((found) => !names.includes(found));
  if (unknown !== undefined) throw new Malformed(`the field "${unknown}" is not known`);
  const missing = names.find((expected) => !(expected in value) && !optional.includes(expected));
  if (missing !== undefined) throw new Malformed(`the field "${missing}" is missing`);
  return value as Json;
}

function list(value: unknown, encode: (element: unknown) => Uint8Array): Uint8Array {
  if (!Array.isArray(value)) throw new Malformed('a list is expected');
  return join(u32(value.length), ...value.map(encode));
}

function option(value: unknown, encode: (value: unknown) => Uint8Array): Uint8Array {
  return value === null || value === undefined ? Uint8Array.of(0) : join(Uint8Array.of(1), encode(value));
}

function text(value: unknown): Uint8Array {
  if (typeof value !== 'string' || /\p{Surrogate}/u.test(value)) throw new Malformed('a text is expected');
  const encoded = new TextEncoder().encode(value);
  return join(u32(encoded.length), encoded);
}

function bytes(value: unknown, length: number): Uint8Array {
  const found = typeof value === 'string' ? unhex(value) : new Uint8Array();
  if (found.length !== length) throw new Malformed(`${2 * length} hexadecimal digits are expected`);
  return found;
}

function name(value: unknown, names: Names): Uint8Array {
  for (const [number, known] of names) if (known === value) return Uint8Array.of(number);
  throw new Malformed(`${JSON.stringify(value)} is not known`);
}

function long(value: unknown): Uint8Array {
  return u64(integer(value, 2n ** 64n - 1n));
}

function number32(value: unknown): Uint8Array {
  return u32(Number(integer(value, 2n ** 32n - 1n)));
}

function number16(value: unknown): Uint8Array {
  return number32(integer(value, 65_535n)).subarray(0, 2);
}

function number8(value: unknown): Uint8Array {
  return number32(integer(value, 255n)).subarray(0, 1);
}

function integer(value: unknown, most: bigint): bigint {
  const kept = typeof value === 'bigint' || Number.isSafeInteger(value) || (typeof value === 'string' && /^[0-9]{16,20}$/.test(value));
  const found = kept ? BigInt(value as bigint | number | string) : -1n;
  if (found < 0n || found > most) throw new Malformed(`a whole number from 0 to ${most} is expected`);
  return found;
}
