// Rule L-11: Ed25519 signatures, judged by ZIP-215, with the same answer as every validator of the ledger gives.
//
// The browser's own check is asked first. It may be stricter than the rule (RFC 8032 leaves room), so its "no" is not the answer;
// and only for canonical encodings can no reading of RFC 8032 be laxer, so only there its "yes" is. What remains is computed here,
// slowly: a few milliseconds, and only for signatures that honest signers do not make, or in a browser without Ed25519.

import { join } from './bytes.js';

/** One signature to check: by whom, over which bytes. */
export interface Claim {
  readonly key: Uint8Array;
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
}

/** Is the claim true, by rule L-11? */
export async function holds(claim: Claim): Promise<boolean> {
  if (littleEndian(claim.signature.subarray(32)) >= ORDER) return false;
  const plain = isCanonical(claim.key) && isCanonical(claim.signature.subarray(0, 32));
  if (plain && (await browserHolds(claim))) return true;
  return holdsByTheRule(claim);
}

/** The rule itself: `s` is reduced, and `[8][s]B = [8]R + [8][k]A`. */
export async function holdsByTheRule({ key, message, signature }: Claim): Promise<boolean> {
  const first = signature.subarray(0, 32);
  const s = littleEndian(signature.subarray(32));
  if (s >= ORDER) return false;
  const a = decompress(key);
  const r = decompress(first);
  if (a === undefined || r === undefined) return false;
  const digest = await crypto.subtle.digest('SHA-512', copy(join(first, key, message)));
  const k = littleEndian(new Uint8Array(digest)) % ORDER;
  const difference = add(combine(s, BASE, k, negate(a)), negate(r));
  return isIdentity(double(double(double(difference))));
}

/** A key that must not be registered (T-4): no point of the curve, or one of small order. */
export function isWeak(key: Uint8Array): boolean {
  const point = decompress(key);
  return point === undefined || isIdentity(double(double(double(point))));
}

async function browserHolds({ key, message, signature }: Claim): Promise<boolean> {
  try {
    const imported = await crypto.subtle.importKey('raw', copy(key), { name: 'Ed25519' }, false, ['verify']);
    return await crypto.subtle.verify({ name: 'Ed25519' }, imported, copy(signature), copy(message));
  } catch {
    // This browser has no Ed25519, or refuses the key outright.
    return false;
  }
}

/** Views into a file are copied, so that no browser sees more than it should check. */
function copy(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes);
}

// The curve, over numbers of any size. Nothing here is secret, so nothing has to take the same time.

const P = 2n ** 255n - 19n;
const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;
const D = 37095705934669439343138083508754565189542113879843219016388785533085940283555n;
const ROOT_OF_MINUS_ONE = 19681161376707505956807079304988542015446066515923890162744021073123829784752n;
const LOW_255_BITS = 2n ** 255n - 1n;

/** A point in extended coordinates: x = X/Z, y = Y/Z, xy = T/Z. */
interface Point {
  readonly x: bigint;
  readonly y: bigint;
  readonly z: bigint;
  readonly t: bigint;
}

const IDENTITY: Point = { x: 0n, y: 1n, z: 1n, t: 0n };
const BASE: Point = point(
  15112221349535400772501151409588531511454012693041857206046113283949847762202n,
  46316835694926478169428394003475163141307993866256225615783033603165251855960n,
);

function point(x: bigint, y: bigint): Point {
  return { x, y, z: 1n, t: (x * y) % P };
}

function littleEndian(bytes: Uint8Array): bigint {
  let value = 0n;
  for (let index = bytes.length - 1; index >= 0; index--) value = (value << 8n) | BigInt(bytes[index]!);
  return value;
}

/** One of the encodings that RFC 8032 knows: y is reduced, and x = 0 has no sign. */
function isCanonical(bytes: Uint8Array): boolean {
  const y = littleEndian(bytes) & LOW_255_BITS;
  const negative = bytes[31]! >= 0x80;
  return y < P && !(negative && (y === 1n || y === P - 1n));
}

/** The point of an encoding, canonical or not; nothing if it is none. */
function decompress(bytes: Uint8Array): Point | undefined {
  const y = (littleEndian(bytes) & LOW_255_BITS) % P;
  const yy = (y * y) % P;
  const u = (yy + P - 1n) % P;
  const v = (D * yy + 1n) % P;
  // x = (u/v)^((p+3)/8), made with one power: u v^3 (u v^7)^((p-5)/8).
  const v3 = (((v * v) % P) * v) % P;
  let x = (((u * v3) % P) * power((((u * v3) % P) * ((v3 * v) % P)) % P, (P - 5n) / 8n)) % P;
  const vxx = (((v * x) % P) * x) % P;
  if (vxx !== u) {
    if (vxx !== (P - u) % P) return undefined;
    x = (x * ROOT_OF_MINUS_ONE) % P;
  }
  const negative = bytes[31]! >= 0x80;
  if ((x & 1n) === 1n !== negative) x = (P - x) % P;
  return point(x, y);
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  for (const bit of exponent.toString(2)) {
    result = (result * result) % P;
    if (bit === '1') result = (result * base) % P;
  }
  return result;
}

function add(p: Point, q: Point): Point {
  const a = ((p.y - p.x + P) * (q.y - q.x + P)) % P;
  const b = ((p.y + p.x) * (q.y + q.x)) % P;
  const c = (((2n * p.t * D) % P) * q.t) % P;
  const d = (2n * p.z * q.z) % P;
  const [e, f, g, h] = [b - a + P, d - c + P, d + c, b + a];
  return { x: (e * f) % P, y: (g * h) % P, z: (f * g) % P, t: (e * h) % P };
}

function double(p: Point): Point {
  return add(p, p);
}

function negate(p: Point): Point {
  return { x: (P - p.x) % P, y: p.y, z: p.z, t: (P - p.t) % P };
}

/** `[m]p + [n]q`, for numbers below 2^253. */
function combine(m: bigint, p: Point, n: bigint, q: Point): Point {
  const both = add(p, q);
  let sum = IDENTITY;
  for (let bit = 252n; bit >= 0n; bit--) {
    sum = double(sum);
    const [inM, inN] = [(m >> bit) & 1n, (n >> bit) & 1n];
    if (inM === 1n) sum = add(sum, inN === 1n ? both : p);
    else if (inN === 1n) sum = add(sum, q);
  }
  return sum;
}

function isIdentity(p: Point): boolean {
  return p.x === 0n && p.y === p.z;
}
