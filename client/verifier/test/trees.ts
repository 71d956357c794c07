// Trees made as their definitions say, without a thought of speed (docs/spec/ledger.md, L-2 to L-4). For tests only.

import { compare, join } from '../src/bytes.js';
import { nodeHash } from '../src/merkle.js';
import { sha256 } from '../src/sha256.js';
import { taggedHash } from '../src/tag.js';
import { type Bytes, list, option, u8 } from './codec.js';

/** MTH of RFC 6962, section 2.1, over leaf hashes. */
export function root(leaves: readonly Bytes[]): Bytes {
  if (leaves.length === 0) return sha256();
  if (leaves.length === 1) return leaves[0]!;
  const split = splitOf(leaves.length);
  return nodeHash(root(leaves.slice(0, split)), root(leaves.slice(split)));
}

/** PATH of section 2.1.1. */
export function path(index: number, leaves: readonly Bytes[]): Bytes[] {
  if (leaves.length <= 1) return [];
  const split = splitOf(leaves.length);
  return index < split
    ? [...path(index, leaves.slice(0, split)), root(leaves.slice(split))]
    : [...path(index - split, leaves.slice(split)), root(leaves.slice(0, split))];
}

/** PROOF of section 2.1.2. */
export function consistency(old: number, leaves: readonly Bytes[], whole = true): Bytes[] {
  if (old === leaves.length) return whole ? [] : [root(leaves)];
  const split = splitOf(leaves.length);
  return old <= split
    ? [...consistency(old, leaves.slice(0, split), whole), root(leaves.slice(split))]
    : [...consistency(old - split, leaves.slice(split), false), root(leaves.slice(0, split))];
}

/** The largest power of two below the number. */
function splitOf(count: number): number {
  let split = 1;
  while (split * 2 < count) split *= 2;
  return split;
}

const letters = (text: string): Bytes => new TextEncoder().encode(text);

interface Leaf {
  readonly key: Bytes;
  readonly valueHash: Bytes;
}

/** The state: proved objects by their state keys. */
export class State {
  readonly #leaves: Leaf[];

  constructor(objects: readonly (readonly [key: Bytes, value: Bytes])[]) {
    this.#leaves = objects
      .map(([key, value]) => ({ key: taggedHash('state-key', key), valueHash: sha256(value) }))
      .sort((a, b) => compare(a.key, b.key));
  }

  root(): Bytes {
    return hashOf(this.#leaves, 0);
  }

  /** The proof for a state key, whether there is an object or not. */
  prove(stateKey: Bytes): Bytes {
    const key = taggedHash('state-key', stateKey);
    const siblings: Bytes[] = [];
    let leaves = this.#leaves;
    for (let depth = 0; leaves.length > 1; depth++) {
      const bit = bitOf(key, depth);
      siblings.unshift(nodeOf(leaves.filter((leaf) => bitOf(leaf.key, depth) !== bit), depth + 1));
      leaves = leaves.filter((leaf) => bitOf(leaf.key, depth) === bit);
    }
    const met = leaves[0];
    return join(option(met && join(met.key, met.valueHash)), list(siblings));
  }
}

function bitOf(key: Bytes, depth: number): number {
  return (key[Math.floor(depth / 8)]! >> (7 - (depth % 8))) & 1;
}

function hashOf(leaves: readonly Leaf[], depth: number): Bytes {
  if (leaves.length === 0) return letters('SPARSE_MERKLE_PLACEHOLDER_HASH__');
  if (leaves.length === 1) return sha256(letters('JMT::LeafNode'), leaves[0]!.key, leaves[0]!.valueHash);
  return sha256(letters('JMT::IntrnalNode'), ...halves(leaves, depth));
}

function halves(leaves: readonly Leaf[], depth: number): [Bytes, Bytes] {
  const half = (bit: number): Bytes => hashOf(leaves.filter((leaf) => bitOf(leaf.key, depth) === bit), depth + 1);
  return [half(0), half(1)];
}

function nodeOf(leaves: readonly Leaf[], depth: number): Bytes {
  if (leaves.length === 0) return u8(0);
  if (leaves.length === 1) return join(u8(2), leaves[0]!.key, leaves[0]!.valueHash);
  return join(u8(1), ...halves(leaves, depth));
}
