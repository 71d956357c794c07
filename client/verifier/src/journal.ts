// Entries and journals: steps V-13 to V-20. Headers are believed here; that is the caller's matter.

import { join, same } from './bytes.js';
import { holds } from './ed25519.js';
import type { Located } from './file.js';
import type { Account, Header } from './ledger.js';
import { leafHash, pathLength, rootOfPath } from './merkle.js';
import { require } from './step.js';
import { taggedHash } from './tag.js';
import { type Action, type Entry, type Event, claimsOf } from './transaction.js';
import { type StateProof, proves } from './tree.js';

const ACCOUNT_KEY = Uint8Array.of(0x28);
const EMPTY_HEAD: Uint8Array = new Uint8Array(32);

/** Steps V-13 and V-14: the entry stands at its place in the header's block. */
export function standsIn(header: Header, { index, entry, path }: Located, root = 14): void {
  require(13, index < header.entries, `entry ${index} of ${header.entries}`);
  const expected = pathLength(index, header.entries);
  require(13, path.length === expected, `${path.length} hashes where ${expected} are needed`);
  const reached = rootOfPath(leafHash(entry.bytes), index, header.entries, path);
  require(root, same(reached, header.entriesRoot), `the path of entry ${index} leads to another root`);
}

/** Step V-15: the transaction is for this ledger, and all its signatures hold. */
export async function signaturesHold(chain: Uint8Array, entry: Entry): Promise<void> {
  require(15, same(entry.chain, chain), 'the transaction is for another ledger');
  for (const [number, claim] of claimsOf(entry).entries()) {
    require(15, await holds(claim), `signature ${number} of the transaction does not verify`);
  }
}

/** Step V-16: the state after the header has this account, or none. */
export function accountIs(header: Header, label: Uint8Array, account: Account | undefined, proof: StateProof): void {
  const proved = proves(proof, header.stateRoot, join(ACCOUNT_KEY, label), account?.bytes);
  require(16, proved, account ? 'the state has not this account' : 'the state is not proved to be without this account');
}

/** Steps V-17 to V-20: these are all events of the account, in their order. */
export function isComplete(header: Header, label: Uint8Array, account: Account, events: readonly Event[]): void {
  const complete = BigInt(events.length) === account.journalLength;
  require(17, complete, `${events.length} events where the account has ${account.journalLength}`);
  areInOrder(header, events);
  require(19, events.length > 0, 'no event opens the account');
  for (const [index, event] of events.entries()) belongs(label, event, index + 1);
  let head = EMPTY_HEAD;
  for (const event of events) head = taggedHash('journal', head, event.bytes);
  require(20, same(head, account.journalHead), 'an event is left out, moved or changed');
}

/** The account whose first key this is. */
export function labelOf(firstKey: Uint8Array): Uint8Array {
  return taggedHash('label', firstKey);
}

/** The account that an action names. An opening names none: its account follows from the first key. */
export function accountOf(action: Action): Uint8Array | undefined {
  return 'account' in action ? action.account : undefined;
}

function areInOrder(header: Header, events: readonly Event[]): void {
  for (const [index, event] of events.entries()) {
    const before = events[index - 1];
    const sound = before === undefined || (before.height === event.height
      ? before.index < event.index && before.time === event.time
      : before.height < event.height && before.time < event.time);
    require(18, sound, `event ${index + 1} does not come after the one before`);
  }
  const last = events[events.length - 1];
  if (last === undefined) return;
  const sound = last.height === header.height ? last.time === header.time : last.height < header.height && last.time < header.time;
  require(18, sound, `the last event is not of block ${header.height} or an earlier one`);
}

function belongs(label: Uint8Array, { entry: { action, outcome } }: Event, number: number): void {
  const opens = action.does === 'open-account';
  const named = opens ? labelOf(action.firstKey) : accountOf(action);
  const own = opens === (number === 1) && named !== undefined && same(named, label);
  require(19, own && outcome.is !== 'rejected', `event ${number} is none of this account's journal`);
}
