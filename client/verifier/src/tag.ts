// Domain tags (docs/spec/encoding.md, Tags): no message of one kind can be taken for another kind.

import { join } from './bytes.js';
import { sha256 } from './sha256.js';

const TEXTS = [
  'genesis', 'header', 'transaction', 'transaction-id', 'vote', 'proposal', 'validators', 'account-opening', 'possession', 'label',
  'organisation', 'practitioner', 'journal', 'state-key', 'declaration',
] as const;

/** The tags that a verifier needs, without `inro/1/`. */
export type Tag = (typeof TEXTS)[number];

const PREFIXES = new Map<Tag, Uint8Array>(TEXTS.map((text) => [text, prefixOf(`inro/1/${text}`)]));

/** `SHA-256(length of tag ‖ tag ‖ parts)`. */
export function taggedHash(tag: Tag, ...parts: readonly Uint8Array[]): Uint8Array {
  return sha256(PREFIXES.get(tag)!, ...parts);
}

/** What is signed: `length of tag ‖ tag ‖ statement`. */
export function taggedMessage(tag: Tag, ...statement: readonly Uint8Array[]): Uint8Array {
  return join(PREFIXES.get(tag)!, ...statement);
}

function prefixOf(text: string): Uint8Array {
  const letters = new TextEncoder().encode(text);
  return join(Uint8Array.of(letters.length), letters);
}
