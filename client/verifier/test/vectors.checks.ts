// The vectors that every verifier of evidence passes (contracts/evidence/vectors).

import { hex, unhex, whole } from '../src/bytes.js';
import { foundingOf } from '../src/genesis.js';
import { readValidatorSet } from '../src/ledger.js';
import { LAST_STEP } from '../src/step.js';
import { type Check, expect, expectSame, verdict } from './check.js';

/** One file of vectors. */
export interface Vectors {
  readonly genesis: string;
  readonly chain: string;
  readonly validators: string;
  readonly cases: readonly Vector[];
}

interface Vector {
  readonly name: string;
  readonly evidence: string;
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

/** A check for each case. */
function checksOf(vectors: Vectors): Check[] {
  const anchor = foundingOf(unhex(vectors.genesis));
  const ofTheLedger = async (): Promise<void> => {
    const { chain, validators } = await anchor;
    expect(hex(chain) === vectors.chain, 'the chain is the hash of the founding document');
    expect(hex(whole(unhex(vectors.validators), readValidatorSet).hash) === hex(validators.hash), 'the first set follows from the document');
  };
  return [
    { name: 'vectors: the ledger', run: ofTheLedger },
    ...vectors.cases.map((vector) => ({ name: `vectors: ${vector.name}`, run: () => holds(vector, anchor) })),
  ];
}

async function holds(vector: Vector, anchor: ReturnType<typeof foundingOf>): Promise<void> {
  const pinned = vector.pinned === undefined ? undefined : unhex(vector.pinned);
  const found = await verdict(fileOf(vector), { ...(await anchor), pinned });
  const expected = vector.proved === undefined ? { step: vector.step, malformed: vector.malformed } : { proved: vector.proved };
  expectSame(found, expected, vector.name);
}

function fileOf({ evidence, pad_to }: Vector): Uint8Array {
  const bytes = unhex(evidence);
  if (pad_to === undefined) return bytes;
  const padded = new Uint8Array(pad_to);
  padded.set(bytes);
  return padded;
}
