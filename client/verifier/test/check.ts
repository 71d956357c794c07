// Checks: what runs both in Node's test runner and in a browser, so it uses neither of them.

import { hex } from '../src/bytes.js';
import { Fault } from '../src/step.js';
import { type Summary, verify } from '../src/verify.js';
import type { Anchor } from '../src/trust.js';

/** One sentence that is to be true, and the proof of it. */
export interface Check {
  readonly name: string;
  readonly run: () => Promise<void>;
}

export function expect(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(what);
}

/** Both are the same in JSON, whatever the order of their fields. */
export function expectSame(found: unknown, expected: unknown, what: string): void {
  const [a, b] = [canonical(found), canonical(expected)];
  expect(a === b, `${what}: found ${a}, expected ${b}`);
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_, each: unknown) => {
    if (typeof each === 'bigint') return Number(each);
    if (each instanceof Uint8Array) return hex(each);
    if (typeof each !== 'object' || each === null || Array.isArray(each)) return each;
    return Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}

/** What the verifier says: what was proved, or the step that failed. Anything else that it throws is an error of ours. */
export async function verdict(file: Uint8Array, anchor: Anchor): Promise<{ proved: Summary } | { step: string; malformed: boolean }> {
  try {
    return { proved: (await verify(file, anchor)).summary };
  } catch (error) {
    if (error instanceof Fault) return { step: error.step, malformed: error.malformed };
    throw error;
  }
}

export async function expectProved(file: Uint8Array, anchor: Anchor, expected: Partial<Summary>): Promise<void> {
  const found = await verdict(file, anchor);
  expect('proved' in found, `refused: ${canonical(found)}`);
  const parts = Object.fromEntries(Object.keys(expected).map((name) => [name, found.proved[name as keyof Summary]]));
  expectSame(parts, expected, 'what was proved');
}

export async function expectRefused(file: Uint8Array, anchor: Anchor, step: string): Promise<void> {
  const found = await verdict(file, anchor);
  expect('step' in found && found.step === step, `${step} was expected to fail; found ${canonical(found)}`);
}

/** Numbers that follow from a seed, for choices that a failed run can repeat. */
export function random(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}
