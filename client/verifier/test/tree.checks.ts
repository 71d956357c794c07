// Merkle trees: every proof of small trees, made as the definitions say, and each of them spoilt.

import { Reader } from '../src/bytes.js';
import { isConsistent, isIncluded, leafHash } from '../src/merkle.js';
import { type StateProof, proves, readStateProof } from '../src/tree.js';
import { type Check, expect, random } from './check.js';
import { type Bytes, filled, join, u32, u8 } from './codec.js';
import { State, consistency, path, root } from './trees.js';

const LEAVES = Array.from({ length: 40 }, (_, index) => leafHash(u32(index)));

async function everyPathLeads(): Promise<void> {
  for (let count = 1; count <= LEAVES.length; count++) {
    const leaves = LEAVES.slice(0, count);
    const top = root(leaves);
    for (const [index, leaf] of leaves.entries()) {
      const proof = path(index, leaves);
      expect(isIncluded(top, leaf, index, count, proof), `leaf ${index} of ${count}`);
      expect(!isIncluded(top, leaf, index, count, [...proof, top]), `leaf ${index} of ${count}, a hash too many`);
      expect(count === 1 || !isIncluded(top, leaf, index, count, proof.slice(1)), `leaf ${index} of ${count}, a hash too few`);
      expect(!isIncluded(top, filled(1), index, count, proof), `another leaf at ${index} of ${count}`);
      expect(!isIncluded(top, leaf, (index + 1) % count, count, proof) || count === 1, `leaf ${index} at another place of ${count}`);
      expect(!isIncluded(top, leaf, count, count, proof), 'a place outside the tree');
    }
  }
}

async function everyBeginningIsConsistent(): Promise<void> {
  for (let count = 2; count <= LEAVES.length; count++) {
    const leaves = LEAVES.slice(0, count);
    const top = root(leaves);
    for (let old = 1; old < count; old++) {
      const [oldTop, proof] = [root(LEAVES.slice(0, old)), consistency(old, leaves)];
      expect(isConsistent(top, count, oldTop, old, proof), `${old} of ${count}`);
      expect(!isConsistent(top, count, oldTop, old, [...proof, top]), `${old} of ${count}, a hash too many`);
      expect(!isConsistent(top, count, oldTop, old, proof.slice(0, -1)), `${old} of ${count}, a hash too few`);
      expect(!isConsistent(top, count, filled(1), old, proof), `another beginning of ${old} of ${count}`);
      expect(!isConsistent(filled(1), count, oldTop, old, proof), `${old} of another tree of ${count}`);
      for (const place of proof.keys()) {
        const spoilt = proof.map((hash, index) => (index === place ? filled(2) : hash));
        expect(!isConsistent(top, count, oldTop, old, spoilt), `${old} of ${count}, hash ${place} altered`);
      }
    }
  }
}

function parse(bytes: Bytes): StateProof {
  const reader = new Reader(bytes);
  const proof = readStateProof(reader);
  reader.end();
  return proof;
}

async function stateProofsProvePresenceAndAbsence(): Promise<void> {
  const keyOf = (index: number): Bytes => join(u8(0x28), u32(index));
  for (const count of [0, 1, 2, 3, 17, 100]) {
    const state = new State(Array.from({ length: count }, (_, index) => [keyOf(index), u32(index)] as const));
    const top = state.root();
    for (let index = 0; index < count + 20; index++) {
      const proof = parse(state.prove(keyOf(index)));
      const value = index < count ? u32(index) : undefined;
      expect(proves(proof, top, keyOf(index), value), `object ${index} of ${count}`);
      expect(!proves(proof, top, keyOf(index), index < count ? undefined : u32(index)), `the contrary about object ${index} of ${count}`);
      expect(!proves(proof, top, keyOf(index), u32(index + 1)), `another value of object ${index} of ${count}`);
      expect(!proves(proof, filled(1), keyOf(index), value), `object ${index} under another root`);
      const other = keyOf(index + 1);
      expect(!proves(proof, top, other, value) || value === undefined, `the proof of object ${index} for another`);
    }
  }
}

async function shortenedStateProofsProveNothing(): Promise<void> {
  const next = random(3);
  const objects = Array.from({ length: 64 }, (_, index) => [u32(index), u32(next(1000))] as const);
  const state = new State(objects);
  for (const [key, value] of objects) {
    const proof = parse(state.prove(key));
    for (const place of proof.siblings.keys()) {
      const siblings = proof.siblings.filter((_, index) => index !== place);
      expect(!proves({ ...proof, siblings }, state.root(), key, value), `sibling ${place} left out`);
    }
    expect(!proves({ leaf: undefined, siblings: proof.siblings }, state.root(), key, undefined), 'a leaf left out is no absence');
  }
}

export const treeChecks: readonly Check[] = [
  { name: 'every inclusion path of trees of up to 40 leaves leads to the root, and no spoilt one does', run: everyPathLeads },
  { name: 'every beginning of trees of up to 40 leaves is consistent, and no spoilt one is', run: everyBeginningIsConsistent },
  { name: 'state proofs prove presence and absence, and never the contrary', run: stateProofsProvePresenceAndAbsence },
  { name: 'a state proof without one of its siblings proves nothing', run: shortenedStateProofsProveNothing },
];
