// The vectors that every verifier of evidence passes (contracts/evidence/vectors).

import { hex, unhex, whole } from '../src/bytes.js';
import { foundingOf } from '../src/genesis.js';
import { readValidatorSet } from '../src/ledger.js';
import { LAST_STEP } from '../src/step.js';
import { type Check, expect, expectSame, verdict } from './check.js';
import { join } from './codec.js';

/** One file of vectors. */
export interface Vectors {
  readonly genesis: string;
  readonly chain: string;
  readonly validators: string;
  /** Files that others are written as differences from. */
  readonly bases?: readonly string[];
  readonly cases: readonly Vector[];
}

interface Vector {
  readonly name: string;
  /** Cases of one group are one check. */
  readonly group?: string;
  readonly evidence?: string;
  /** Instead of `evidence`: from which of `bases`, and of what the file is made: hexadecimal, or a stretch (from, length) of the base. */
  readonly base?: number;
  readonly parts?: readonly (string | readonly [number, number])[];
  /** The block that the verifier is told to trust. */
  readonly pinned?: string;
  /** The evidence is followed by zeros up to so many bytes. */
  readonly pad_to?: number;
  readonly proved?: unknown;
  readonly step?: string;
  readonly malformed?: boolean;
}

/** Checks of all files of vectors. */
export function vectorChecks(files: readonly Vectors[]): Check[] {
  const everyStep = async (): Promise<void> => {
    const found = new Set(files.flatMap(({ cases }) => cases.map(({ step }) => step)));
    for (let number = 1; number <= LAST_STEP; number++) expect(found.has(`V-${number}`), `no case fails at V-${number}`);
  };
  return [{ name: 'vectors: every step fails somewhere', run: everyStep }, ...files.flatMap(checksOf)];
}

/** A check for each case, or group of cases. */
function checksOf(vectors: Vectors): Check[] {
  const anchor = foundingOf(unhex(vectors.genesis));
  const ofTheLedger = async (): Promise<void> => {
    const { chain, validators } = await anchor;
    expect(hex(chain) === vectors.chain, 'the chain is the hash of the founding document');
    expect(hex(whole(unhex(vectors.validators), readValidatorSet).hash) === hex(validators.hash), 'the first set follows from the document');
  };
  const bases = (vectors.bases ?? []).map(unhex);
  const groups = new Map<string, Vector[]>();
  for (const vector of vectors.cases) {
    const name = vector.group ?? vector.name;
    groups.set(name, [...(groups.get(name) ?? []), vector]);
  }
  const all = async (cases: readonly Vector[]): Promise<void> => {
    for (const vector of cases) await holds(vector, fileOf(vector, bases), anchor);
  };
  return [
    { name: 'vectors: the ledger', run: ofTheLedger },
    ...[...groups].map(([name, cases]) => ({ name: `vectors: ${name}`, run: () => all(cases) })),
  ];
}

async function holds(vector: Vector, file: Uint8Array, anchor: ReturnType<typeof foundingOf>): Promise<void> {
  const pinned = vector.pinned === undefined ? undefined : unhex(vector.pinned);
  const found = await verdict(file, { ...(await anchor), pinned });
  const expected = vector.proved === undefined ? { step: vector.step, malformed: vector.malformed } : { proved: vector.proved };
  expectSame(found, expected, vector.name);
}

export function fileOf({ evidence, pad_to, base, parts }: Vector, bases: readonly Uint8Array[]): Uint8Array {
  const bytes = evidence === undefined ? put(parts!, bases[base!]!) : unhex(evidence);
  if (pad_to === undefined) return bytes;
  const padded = new Uint8Array(pad_to);
  padded.set(bytes);
  return padded;
}

function put(parts: NonNullable<Vector['parts']>, base: Uint8Array): Uint8Array {
  return join(...parts.map((part) => (typeof part === 'string' ? unhex(part) : base.subarray(part[0], part[0] + part[1]))));
}
