// The founding document: what founds a ledger, and what does not.

import { hex } from '../src/bytes.js';
import { BadGenesis, documentBytes, foundingOf, isPeerAddress, readGenesisFile } from '../src/genesis.js';
import { type Check, expect } from './check.js';
import { type Bytes, join, list, text, u64 } from './codec.js';
import { World, parameters } from './world.js';

async function expectBad(bytes: Bytes, what: string): Promise<void> {
  const refused = await foundingOf(bytes).then(() => false, (error: unknown) => error instanceof BadGenesis);
  expect(refused, `${what} founds no ledger`);
}

async function everyFlippedBitOfADocumentFoundsNothing(): Promise<void> {
  const { document } = await World.found(2);
  for (let bit = 0; bit < 8 * document.length; bit += 13) {
    const flipped = Uint8Array.from(document);
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    // The time and some parameters are in nobody's declaration; the founders compare the hash.
    if (bit >> 3 < 9 + 8 + 71) continue;
    await expectBad(flipped, `bit ${bit} flipped: it`);
  }
  await expectBad(document.subarray(0, -1), 'a document that ends early');
  await expectBad(join(document, list([])), 'a document with bytes left over');
}

async function tooFewOrTooMightyValidatorsFoundNothing(): Promise<void> {
  const { document } = await World.found(2);
  const declarations = document.subarray(9 + 8 + 71);
  await expectBad(join(text('tests'), u64(1n), parameters(3), declarations), 'a document with too few validators');
  await expectBad(join(text('tests'), u64(1n), parameters(0), declarations), 'a document with a parameter out of bounds');
  await expectBad(join(text('other'), u64(1n), parameters(1), declarations), 'a document of declarations for another ledger');
}

async function jsonGivesTheCanonicalBytes(): Promise<void> {
  const ledger = { ledger: '台帳', time: 1767225600000, parameters: PARAMETERS, declarations: [] };
  const expected = join(text('台帳'), u64(1767225600000n), parameters(1), list([]));
  const encode = (value: unknown): Bytes => new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value));
  expect(hex(documentBytes(encode(ledger))) === hex(expected), 'JSON and canonical bytes say the same');
  const great = JSON.stringify(ledger).replace('1767225600000', '18446744073709551615');
  expect(hex(documentBytes(encode(great))).includes('f'.repeat(16)), 'no number is rounded');
  const bad = [
    { ...ledger, more: 1 }, { ...ledger, time: -1 }, { ...ledger, time: 1.5 }, { ...ledger, time: '1767225600000' },
    { ...ledger, parameters: { ...PARAMETERS, peers_max: 65536 } }, { ...ledger, parameters: undefined }, [], 'null', '{"ledger":',
    { ...ledger, ledger: '\ud800' }, JSON.stringify(ledger).replace('1767225600000', '18446744073709551616'),
  ];
  for (const value of bad) {
    const refused = await readGenesisFile(encode(value)).then(() => false, (error: unknown) => error instanceof BadGenesis);
    expect(refused, `${JSON.stringify(value)} is no founding document`);
  }
}

const PARAMETERS = {
  block_transactions_max: 4000, block_bytes_max: 4194304, void_after_ms_max: 600000, clock_drift_ms_max: 5000, heartbeat_ms: 15000,
  proposal_ms: 1209600000, recovery_delay_ms: 259200000, validators_min: 1, peers_max: 16, access_ms: 900000, emergency_quota: 50,
  review_ms: 259200000, consult_depth_max: 3,
};

async function addressesAreNumbers(): Promise<void> {
  const good = ['/ip4/127.0.0.1/tcp/1', '/ip4/255.255.255.255/tcp/65535', '/ip6/::/tcp/9', '/ip6/::1/tcp/9', '/ip6/1:2:3:4:5:6:7:8/tcp/9',
    '/ip6/fe80::1:2/tcp/9', '/ip6/::ffff:1.2.3.4/tcp/9', '/ip6/1:2:3:4:5:6:1.2.3.4/tcp/9'];
  const bad = ['', '/ip4/127.0.0.1/tcp/0', '/ip4/127.0.0.1/tcp/01', '/ip4/127.0.0.1/tcp/65536', '/ip4/1.2.3/tcp/9', '/ip4/1.2.3.04/tcp/9',
    '/ip4/1.2.3.256/tcp/9', '/ip4/1.2.3.4/tcp/9/', '/ip4/1.2.3.4/udp/9', '/dns/a.example/tcp/9', 'x/ip4/1.2.3.4/tcp/9', '/ip6/1:2:3:4:5:6:7/tcp/9',
    '/ip6/1:2:3:4:5:6:7:8:9/tcp/9', '/ip6/1::2::3/tcp/9', '/ip6/1:2:3:4:5:6:7::8/tcp/9', '/ip6/12345::/tcp/9', '/ip6/::1.2.3/tcp/9',
    '/ip6/1.2.3.4::/tcp/9', '/ip6/:1/tcp/9'];
  for (const address of good) expect(isPeerAddress(address), `${address} is an address`);
  for (const address of bad) expect(!isPeerAddress(address), `${address} is none`);
}

export const genesisChecks: readonly Check[] = [
  { name: 'a flipped bit in a declaration founds nothing', run: everyFlippedBitOfADocumentFoundsNothing },
  { name: 'too few validators, parameters out of bounds and mixed ledgers found nothing', run: tooFewOrTooMightyValidatorsFoundNothing },
  { name: 'the JSON of a genesis file gives its canonical bytes, to the last digit', run: jsonGivesTheCanonicalBytes },
  { name: "peers' addresses are numbers", run: addressesAreNumbers },
];
