// Writes what the verifier reads (docs/spec): made from the spec's pages alone, so that it checks them too. For tests only.

import { join, u32, u64 } from '../src/bytes.js';

export { join, u32, u64 };

export type Bytes = Uint8Array;

export function u8(value: number): Bytes {
  return Uint8Array.of(value);
}

export function u16(value: number): Bytes {
  return u32(value).slice(0, 2);
}

export function bool(value: boolean): Bytes {
  return u8(value ? 1 : 0);
}

export function text(value: string): Bytes {
  const letters = new TextEncoder().encode(value);
  return join(u32(letters.length), letters);
}

export function list(elements: readonly Bytes[]): Bytes {
  return join(u32(elements.length), ...elements);
}

export function option(value: Bytes | undefined): Bytes {
  return value === undefined ? u8(0) : join(u8(1), value);
}

/** 32 bytes that are all the same. */
export function filled(byte: number): Bytes {
  return new Uint8Array(32).fill(byte);
}

export function validity(from: bigint, until: bigint): Bytes {
  return join(u64(from), u64(until));
}
