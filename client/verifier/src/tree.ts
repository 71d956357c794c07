// The state tree (docs/spec/ledger.md, L-3): proofs that an object has certain bytes, or that there is none.

import { join, Malformed, type Reader, same } from './bytes.js';
import { sha256 } from './sha256.js';
import { taggedHash } from './tag.js';

const LETTERS = new TextEncoder();
const EMPTY = LETTERS.encode('SPARSE_MERKLE_PLACEHOLDER_HASH__');
const LEAF = LETTERS.encode('JMT::LeafNode');
const INNER = LETTERS.encode('JMT::IntrnalNode');

/** A proof: the leaf met on the way, and the hashes of the siblings from the bottom up. */
export interface StateProof {
  readonly leaf: { readonly key: Uint8Array; readonly valueHash: Uint8Array } | undefined;
  readonly siblings: readonly Uint8Array[];
}

export function readStateProof(reader: Reader): StateProof {
  return reader.within(16_384, 'a state proof', () => ({
    leaf: reader.option((leaf) => ({ key: leaf.id(), valueHash: leaf.id() })),
    siblings: reader.list(256, readSibling),
  }));
}

/** Does the state with this root have `value` under the state key? Without a value: does it have nothing there? */
export function proves(proof: StateProof, root: Uint8Array, stateKey: Uint8Array, value: Uint8Array | undefined): boolean {
  const key = taggedHash('state-key', stateKey);
  const { leaf, siblings } = proof;
  if (value !== undefined) {
    if (leaf === undefined || !same(leaf.key, key) || !same(leaf.valueHash, sha256(value))) return false;
  } else if (leaf !== undefined && (same(leaf.key, key) || commonBits(leaf.key, key) < siblings.length)) {
    return false;
  }
  const lowest = leaf === undefined ? EMPTY : leafHash(leaf.key, leaf.valueHash);
  const reached = siblings.reduce((hash, sibling, height) => {
    const bit = siblings.length - 1 - height;
    return bitOf(key, bit) === 1 ? sha256(INNER, sibling, hash) : sha256(INNER, hash, sibling);
  }, lowest);
  return same(reached, root);
}

/** A leaf's hash; tests build trees with it. */
export function leafHash(key: Uint8Array, valueHash: Uint8Array): Uint8Array {
  return sha256(LEAF, join(key, valueHash));
}

function readSibling(reader: Reader): Uint8Array {
  const kind = reader.u8();
  switch (kind) {
    case 0: return EMPTY;
    case 1: return sha256(INNER, reader.fixed(64));
    case 2: return sha256(LEAF, reader.fixed(64));
    default: throw new Malformed(`${kind} is no kind of node`);
  }
}

function bitOf(key: Uint8Array, bit: number): number {
  return (key[bit >> 3]! >> (7 - (bit & 7))) & 1;
}

/** In how many leading bits two keys agree. */
function commonBits(a: Uint8Array, b: Uint8Array): number {
  let bit = 0;
  while (bit < 256 && bitOf(a, bit) === bitOf(b, bit)) bit++;
  return bit;
}
