// Trees of RFC 6962 (section 2.1): a block's entries (L-2) and the history of block ids (L-4). A proof has exactly the hashes that
// its tree needs.

import { same } from './bytes.js';
import { sha256 } from './sha256.js';

const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

/** A leaf's hash. */
export function leafHash(bytes: Uint8Array): Uint8Array {
  return sha256(LEAF, bytes);
}

/** The hash of two nodes. */
export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  return sha256(NODE, left, right);
}

/** How many hashes the path of leaf `index` of `count` has. */
export function pathLength(index: number, count: number): number {
  let length = 0;
  // The last node of an odd layer has no sibling and moves up as it is.
  for (; count > 1; index = half(index), count = half(count + 1)) {
    if (index % 2 === 1 || index + 1 < count) length++;
  }
  return length;
}

/** Where a path of exactly the right length leads from leaf `index` of `count`. */
export function rootOfPath(leaf: Uint8Array, index: number, count: number, path: readonly Uint8Array[]): Uint8Array {
  let hash = leaf;
  let used = 0;
  for (; count > 1; index = half(index), count = half(count + 1)) {
    if (index % 2 === 1) hash = nodeHash(path[used++]!, hash);
    else if (index + 1 < count) hash = nodeHash(hash, path[used++]!);
  }
  return hash;
}

/** Does the path lead from the leaf to the root, with exactly the hashes that it needs? */
export function isIncluded(root: Uint8Array, leaf: Uint8Array, index: number, count: number, path: readonly Uint8Array[]): boolean {
  return index < count && path.length === pathLength(index, count) && same(rootOfPath(leaf, index, count, path), root);
}

/** Is the tree of `old` leaves the beginning of the tree of `count` (section 2.1.2)? For 0 < old < count. */
export function isConsistent(root: Uint8Array, count: number, oldRoot: Uint8Array, old: number, proof: readonly Uint8Array[]): boolean {
  // Both roots are computed on the way up from the old tree's last complete subtree. If that subtree is the whole old tree, its root
  // is known and does not stand in the proof.
  let [index, last] = [old - 1, count - 1];
  while (index % 2 === 1) [index, last] = [half(index), half(last)];
  const hashes = index > 0 ? [...proof] : [oldRoot, ...proof];
  const first = hashes.shift();
  if (first === undefined) return false;
  let [oldHash, newHash] = [first, first];
  for (const hash of hashes) {
    if (last === 0) return false;
    if (index % 2 === 1 || index === last) {
      [oldHash, newHash] = [nodeHash(hash, oldHash), nodeHash(hash, newHash)];
      while (index % 2 === 0 && index !== 0) [index, last] = [half(index), half(last)];
    } else {
      newHash = nodeHash(newHash, hash);
    }
    [index, last] = [half(index), half(last)];
  }
  return last === 0 && same(oldHash, oldRoot) && same(newHash, root);
}

/** Numbers here may have more than 32 bits, so they are not shifted. */
function half(number: number): number {
  return Math.floor(number / 2);
}
