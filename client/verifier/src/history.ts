// Two headers of one ledger, or of one that was forked: steps V-28 to V-31. Both headers are believed here.

import { compare, hex } from './bytes.js';
import type { ConsistencyStatement } from './file.js';
import type { U64 } from './ledger.js';
import { isConsistent, isIncluded, leafHash } from './merkle.js';
import { require } from './step.js';
import type { Signed } from './trust.js';

/** More blocks than any ledger will have: a proof over more of them proves nothing. */
const BLOCKS_MAX: U64 = 2n ** 48n;

/** Steps V-28 to V-30. */
export function continues({ older, newer, inclusion, consistency }: ConsistencyStatement): void {
  const [old, count] = [older.header.height, newer.header.height];
  require(28, old < count, `block ${old} is not older than block ${count}`);
  const root = newer.header.historyRoot;
  const included = count <= BLOCKS_MAX && isIncluded(root, leafHash(older.header.id), Number(old), Number(count), inclusion);
  require(29, included, `block ${old} does not stand in the history of block ${count}`);
  const consistent = isConsistent(root, Number(count), older.header.historyRoot, Number(old), consistency);
  require(30, consistent, `the history of block ${old} is not the beginning of that of block ${count}`);
}

/** Step V-31. */
export function isFork(first: Signed, second: Signed): void {
  const fork = first.height === second.height && compare(first.block, second.block) < 0;
  require(31, fork, `blocks of height ${first.height} and ${second.height} are no fork in order`);
}

/** Who signed both blocks of a fork. */
export function doubleSigners(first: Signed, second: Signed): Uint8Array[] {
  const others = new Set(second.signers.map(hex));
  return first.signers.filter((key) => others.has(hex(key)));
}
