// Canonical bytes (docs/spec/encoding.md): a reader that takes exactly one form of every value. Whatever it accepts would encode
// back to the same bytes, because no value has two forms here: so nothing is encoded again to find out.

/** Bytes that are not the canonical form of what was asked for. */
export class Malformed extends Error {
  override name = 'Malformed';
}

/** Reads canonical values one after the other. It never reads beyond its bytes, and hands out views, not copies. */
export class Reader {
  #at: number;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#at = at;
  }

  /** How many bytes were read. */
  get at(): number {
    return this.#at;
  }

  /** The bytes from `from` up to where reading stands. */
  since(from: number): Uint8Array {
    return this.#bytes.subarray(from, this.#at);
  }

  /** Nothing is left over. */
  end(): void {
    if (this.#at !== this.#bytes.length) throw new Malformed(`${this.#bytes.length - this.#at} bytes are left over`);
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2), true);
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  u64(): bigint {
    return this.#view.getBigUint64(this.#take(8), true);
  }

  /** So many bytes as they are. */
  fixed(length: number): Uint8Array {
    const from = this.#take(length);
    return this.#bytes.subarray(from, from + length);
  }

  /** A hash, an id or a key. */
  id(): Uint8Array {
    return this.fixed(32);
  }

  bool(): boolean {
    const byte = this.u8();
    if (byte > 1) throw new Malformed(`a truth value is 0 or 1, not ${byte}`);
    return byte === 1;
  }

  option<T>(read: (reader: Reader) => T): T | undefined {
    return this.bool() ? read(this) : undefined;
  }

  list<T>(most: number, read: (reader: Reader) => T): T[] {
    const count = this.u32();
    if (count > most) throw new Malformed(`${count} elements where at most ${most} are allowed`);
    const elements: T[] = [];
    for (let index = 0; index < count; index++) elements.push(read(this));
    return elements;
  }

  text(most: number): string {
    const length = this.u32();
    if (length > most) throw new Malformed(`${length} bytes of text where at most ${most} are allowed`);
    return decodeText(this.fixed(length));
  }

  /** One of these numbers in a byte. */
  oneOf(known: ReadonlySet<number>, what: string): number {
    const number = this.u8();
    if (!known.has(number)) throw new Malformed(`${number} is no ${what}`);
    return number;
  }

  /** A value whose bytes are at most so many. */
  within<T>(most: number, what: string, read: (reader: Reader) => T): T {
    const from = this.#at;
    const value = read(this);
    if (this.#at - from > most) throw new Malformed(`${what} has ${this.#at - from} bytes where at most ${most} are allowed`);
    return value;
  }

  #take(length: number): number {
    const from = this.#at;
    if (length > this.#bytes.length - from) throw new Malformed('the bytes end early');
    this.#at = from + length;
    return from;
  }
}

/** Reads one value that takes all of the bytes. */
export function whole<T>(bytes: Uint8Array, read: (reader: Reader) => T): T {
  const reader = new Reader(bytes);
  const value = read(reader);
  reader.end();
  return value;
}

/** Are the bytes the same? */
export function same(a: Uint8Array, b: Uint8Array): boolean {
  return compare(a, b) === 0;
}

/** The order of two byte strings: negative, zero or positive. */
export function compare(a: Uint8Array, b: Uint8Array): number {
  const shorter = Math.min(a.length, b.length);
  for (let index = 0; index < shorter; index++) {
    const difference = a[index]! - b[index]!;
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** Does each element stand before the next? */
export function inStrictOrder<T>(elements: readonly T[], order: (a: T, b: T) => number): boolean {
  return elements.every((element, index) => index === 0 || order(elements[index - 1]!, element) < 0);
}

/** The parts, one after the other. */
export function join(...parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** A number below 2^32, in four bytes. */
export function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}

/** A number below 2^64, in eight bytes. */
export function u64(value: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, value, true);
  return bytes;
}

const DIGITS = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** In lower-case hexadecimal. */
export function hex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += DIGITS[byte]!;
  return text;
}

/** From hexadecimal. */
export function unhex(text: string): Uint8Array {
  if (text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text)) throw new Malformed('this is not hexadecimal');
  return Uint8Array.from({ length: text.length / 2 }, (_, index) => parseInt(text.slice(2 * index, 2 * index + 2), 16));
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decodeText(bytes: Uint8Array): string {
  let text: string;
  try {
    text = UTF8.decode(bytes);
  } catch {
    throw new Malformed('text is not UTF-8');
  }
  if (/\p{Cc}/u.test(text)) throw new Malformed('text holds a control character');
  return text;
}
