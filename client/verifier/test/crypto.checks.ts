// Hashes and signatures: against published vectors, and against what Node and the browser compute themselves.

import { hex, join, unhex } from '../src/bytes.js';
import { type Claim, holds, holdsByTheRule, isWeak } from '../src/ed25519.js';
import { sha256 } from '../src/sha256.js';
import { type Check, expect, random } from './check.js';
import { Key } from './world.js';

const letters = (text: string): Uint8Array => new TextEncoder().encode(text);

/** FIPS 180-4's examples, as NIST publishes them. */
const NIST: readonly (readonly [Uint8Array, string])[] = [
  [letters(''), 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
  [letters('abc'), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
  [letters('abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq'), '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1'],
  [
    letters('abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu'),
    'cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1',
  ],
  [letters('a'.repeat(1_000_000)), 'cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0'],
];

async function sha256IsNists(): Promise<void> {
  for (const [message, expected] of NIST) expect(hex(sha256(message)) === expected, `SHA-256 of ${message.length} bytes`);
}

async function sha256IsTheBrowsersInPiecesToo(): Promise<void> {
  const next = random(1);
  for (let length = 0; length < 300; length++) {
    const message = Uint8Array.from({ length }, () => next(256));
    const [first, second] = [next(length + 1), next(length + 1)].sort((a, b) => a - b) as [number, number];
    const pieces = [message.subarray(0, first), message.subarray(first, second), message.subarray(second)];
    const expected = hex(new Uint8Array(await crypto.subtle.digest('SHA-256', message)));
    expect(hex(sha256(...pieces)) === expected, `SHA-256 of ${length} bytes, cut at ${first} and ${second}`);
  }
}

const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;

function littleEndian(value: bigint): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, index) => Number((value >> BigInt(8 * index)) & 255n));
}

const P = 2n ** 255n - 19n;
/** The y of four of the points of order 8; the other four have its negative. */
const ORDER_8 = BigInt('0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7');

/** All 14 encodings of the eight points of small order, the six that are not canonical included. */
function smallOrder(): Uint8Array[] {
  const signs = (y: bigint): Uint8Array[] => [littleEndian(y), littleEndian(y + 2n ** 255n)];
  return [...signs(0n), ...signs(1n), ...signs(P - 1n), ...signs(ORDER_8), ...signs(P - ORDER_8), ...signs(P), ...signs(P + 1n)];
}

async function everySmallOrderSignatureIsValid(): Promise<void> {
  for (const key of smallOrder()) {
    expect(isWeak(key), `${hex(key)} is of small order`);
    for (const first of smallOrder()) {
      const claim = { key, message: letters('Zcash'), signature: join(first, new Uint8Array(32)) };
      expect(await holds(claim), `ZIP-215 accepts key ${hex(key)} with R ${hex(first)}`);
    }
  }
}

/** RFC 8032, section 7.1, tests 1 and 2. */
const RFC8032: readonly Claim[] = [
  {
    key: unhex('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a'),
    message: letters(''),
    signature: unhex('e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b'),
  },
  {
    key: unhex('3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c'),
    message: unhex('72'),
    signature: unhex('92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00'),
  },
];

async function bothWaysAcceptHonestSignatures(): Promise<void> {
  const made = await Promise.all([1, 33, 300].map(async (length) => {
    const key = await Key.make();
    const message = new Uint8Array(length).fill(length);
    return { key: key.public, message, signature: await key.signMessage(message) };
  }));
  for (const claim of [...RFC8032, ...made]) {
    expect(await holds(claim), 'an honest signature holds');
    expect(await holdsByTheRule(claim), 'an honest signature holds by the rule alone');
    expect(!isWeak(claim.key), 'an honest key is not weak');
  }
}

async function bothWaysRefuseWhatWasAltered(): Promise<void> {
  const next = random(2);
  for (const { key, message, signature } of RFC8032) {
    for (let round = 0; round < 40; round++) {
      const bit = next(512);
      const altered = Uint8Array.from(signature);
      altered[bit >> 3]! ^= 1 << (bit & 7);
      const claim = { key, message, signature: altered };
      expect(!(await holds(claim)) && !(await holdsByTheRule(claim)), `bit ${bit} of a signature was altered`);
    }
    expect(!(await holds({ key, message: join(message, letters('.')), signature })), 'another message');
  }
}

async function anUnreducedScalarIsRefused(): Promise<void> {
  const [claim] = RFC8032 as [Claim];
  const s = BigInt('0x' + hex(Uint8Array.from(claim.signature.subarray(32)).reverse()));
  const signature = join(claim.signature.subarray(0, 32), littleEndian(s + ORDER));
  expect(!(await holds({ ...claim, signature })) && !(await holdsByTheRule({ ...claim, signature })), 's + L is refused');
}

async function whatIsNoPointNeverHolds(): Promise<void> {
  const noPoints = Array.from({ length: 254 }, (_, index) => new Uint8Array(32).fill(index + 2)).filter(isWeak);
  expect(noPoints.length > 60 && noPoints.length < 190, `about half of all encodings are no point; found ${noPoints.length}`);
  const [claim] = RFC8032 as [Claim];
  for (const key of noPoints.slice(0, 10)) {
    expect(!(await holds({ ...claim, key })), 'a key that is no point');
    expect(!(await holds({ ...claim, signature: join(key, claim.signature.subarray(32)) })), 'an R that is no point');
  }
}

export const cryptoChecks: readonly Check[] = [
  { name: 'SHA-256 gives what NIST publishes', run: sha256IsNists },
  { name: 'SHA-256 gives what WebCrypto gives, in pieces too', run: sha256IsTheBrowsersInPiecesToo },
  { name: 'ZIP-215 accepts all 196 signatures of small order, in every encoding', run: everySmallOrderSignatureIsValid },
  { name: 'honest signatures hold, by WebCrypto and by the rule alone', run: bothWaysAcceptHonestSignatures },
  { name: 'altered signatures and messages are refused both ways', run: bothWaysRefuseWhatWasAltered },
  { name: 'a scalar that is not reduced is refused', run: anUnreducedScalarIsRefused },
  { name: 'what is no point of the curve never holds', run: whatIsNoPointNeverHolds },
];
