// Actions in canonical bytes (docs/spec/transactions.md), as far as the tests need them.

import { type Bytes, bool, filled, join, list, option, u16, u64, u8, validity } from './codec.js';
import { FOR_EVER } from './world.js';

export const ALL = u64(2n ** 64n - 1n);

/** A category's bit: referral is in place 0, diagnosis in place 3. */
export const REFERRAL = u64(1n);
export const DIAGNOSIS = u64(1n << 3n);

export function registerRecord(account: Bytes, by: Bytes, record: Bytes, category = 1, flags = 0): Bytes {
  return join(u8(70), account, by, manifest(record, category, flags));
}

export function supersedeRecord(account: Bytes, by: Bytes, old: Bytes, record: Bytes, category = 1): Bytes {
  return join(u8(71), account, by, old, manifest(record, category, 0));
}

export function eraseRecord(account: Bytes, by: Bytes, record: Bytes): Bytes {
  return join(u8(72), account, by, record, u8(1));
}

function manifest(record: Bytes, category: number, flags: number): Bytes {
  return join(record, u8(category), filled(9), u64(1000n), u8(flags));
}

export function grant(account: Bytes, organisation: Bytes, categories = ALL, purpose = 1, from = 0n, until = FOR_EVER): Bytes {
  return join(u8(100), account, u8(1), organisation, categories, u8(purpose), validity(from, until), bool(true));
}

export function revoke(account: Bytes, granted: Bytes): Bytes {
  return join(u8(101), account, granted);
}

/** A seal against everyone outside the custodian. */
export function seal(account: Bytes, target: Bytes, { silent = false, never = false, guardians = false } = {}): Bytes {
  return join(u8(102), account, target, u8(1), u8(silent ? 2 : 1), u8(never ? 2 : 1), bool(guardians));
}

export function onRecords(...records: readonly Bytes[]): Bytes {
  return join(u8(1), list(records));
}

export const EVERYTHING = u8(3);

export function unseal(account: Bytes, made: Bytes): Bytes {
  return join(u8(104), account, made);
}

interface Asked {
  readonly by?: Bytes;
  readonly basis?: Bytes;
  readonly purpose?: number;
  readonly categories?: Bytes;
  readonly records?: readonly Bytes[];
  readonly after?: Bytes;
}

export const OWN = u8(1);
export const GRANT = u8(2);
export const EMERGENCY = join(u8(4), u8(1), filled(3));

/** An access; without `by` the person or a guardian asks. */
export function access(account: Bytes, { by, basis = OWN, purpose = 1, categories = ALL, records = [], after }: Asked): Bytes {
  const reader = by === undefined ? u8(2) : join(u8(1), by);
  return join(u8(105), account, reader, basis, u8(purpose), categories, list(records), option(after), filled(4));
}

export function openConsult(account: Bytes, by: Bytes, parentGrant: Bytes, reader: Bytes, records: readonly Bytes[] = []): Bytes {
  return join(u8(110), account, by, u8(1), parentGrant, reader, ALL, list(records), u64(FOR_EVER), bool(false), filled(5));
}

export function consult(id: Bytes): Bytes {
  return join(u8(3), id);
}

export function guardian(key: Bytes, powers: number): Bytes {
  return join(key, u16(powers), validity(0n, FOR_EVER));
}

export function appointGuardian(account: Bytes, appointed: Bytes): Bytes {
  return join(u8(42), account, appointed);
}

export function readJournal(account: Bytes): Bytes {
  return join(u8(114), account, option(undefined));
}
