// Evidence files of a ledger that is made here: every kind is proved, and whatever is done to a file is refused.

import { hex } from '../src/bytes.js';
import { eventSignaturesHold, verify } from '../src/verify.js';
import { access, readJournal, registerRecord } from './actions.js';
import { type Check, expect, expectProved, expectRefused, random, verdict } from './check.js';
import { type Bytes, filled, join, u32, u64, u8 } from './codec.js';
import { APPLIED, Key, type Line, World, granted } from './world.js';

interface Small {
  readonly world: World;
  readonly person: Key;
  readonly label: Bytes;
}

/** A ledger of three blocks with one account: opened, two records, one access; in the second block another account too. */
async function small(houses = 4): Promise<Small> {
  const world = await World.found(houses);
  const [person, neighbour] = [await Key.make(), await Key.make()];
  const [opened, other] = [await world.open(person), await world.open(neighbour)];
  const { label } = opened;
  await world.commit([opened.line]);
  await world.commit([other.line, await record(world, label, 1), await record(world, label, 2)]);
  const asked = await world.sign(world.houses[0]!.physician, access(label, { by: world.houses[0]!.physicianId }));
  await world.commit([{ transaction: asked, outcome: granted([filled(1), filled(2)]), account: label }]);
  return { world, person, label };
}

async function record(world: World, label: Bytes, name: number): Promise<Line> {
  const { physician, physicianId } = world.houses[0]!;
  return { transaction: await world.sign(physician, registerRecord(label, physicianId, filled(name))), outcome: APPLIED, account: label };
}

async function everyKindIsProved(): Promise<void> {
  const { world, label } = await small();
  const { anchor } = world;
  await expectProved(world.entry(2, 1), anchor, { kind: 'entry', height: 2n, outcome: 'applied', account: hex(label), signers: 3, power: 30n, total: 40n });
  await expectProved(world.journal(label), anchor, { kind: 'journal', height: 3n, events: 4, account: hex(label), changes: 0 });
  await expectProved(world.absence(filled(8)), anchor, { kind: 'absence', height: 3n, events: 0, account: hex(filled(8)) });
  await expectProved(world.consistency(1, 3), anchor, { kind: 'consistency', height: 3n, older: 1n });
  await expectProved(world.consistency(2, 3), anchor, { kind: 'consistency', height: 3n, older: 2n });
  await expectProved(world.validators(), anchor, { kind: 'validators', height: 3n });
  const fork = await verdict(await world.fork(), anchor);
  expect('proved' in fork && fork.proved.kind === 'fork' && fork.proved.double_signers?.length === 3, 'a fork names its double signers');
}

async function changesOfTheSetAreFollowed(): Promise<void> {
  const { world, label } = await small();
  const added = { key: await Key.make(), organisation: world.houses[0]!.id, power: 12 };
  await world.commit([await record(world, label, 3)], [...world.voters.slice(1), added]);
  await world.commit([await record(world, label, 4)], [...world.voters, { ...added, key: await Key.make() }]);
  await world.commit([await record(world, label, 5)]);
  const { anchor } = world;
  await expectProved(world.journal(label), anchor, { kind: 'journal', events: 7, changes: 2, height: 6n });
  await expectProved(world.consistency(2, 6), anchor, { older: 2n, changes: 2 });
  await expectProved(world.consistency(4, 6), anchor, { older: 4n, changes: 2 });
  await expectProved(world.consistency(5, 6), anchor, { older: 5n, changes: 2 });
  const [first, second] = world.changes as [Bytes, Bytes];
  const kind = join(u8(6), world.block(6).header, world.block(6).certificate);
  await expectRefused(world.file(kind, [second]), anchor, 'V-8');
  await expectRefused(world.file(kind, [first]), anchor, 'V-8');
  await expectRefused(world.file(kind, [first, first]), anchor, 'V-7');
}

async function everyTamperingOfAJournalIsRefused(): Promise<void> {
  const { world, label } = await small();
  const { anchor } = world;
  const events = [...world.events(label)];
  const refused = async (tampered: readonly Bytes[], what: string): Promise<void> => {
    expect('step' in await verdict(world.journal(label, tampered), anchor), what);
  };
  const altered = (event: Bytes, at: number): Bytes => Uint8Array.from(event, (byte, index) => (index === at ? byte ^ 1 : byte));
  for (const [place, event] of events.entries()) {
    await refused(events.filter((_, index) => index !== place), `event ${place} hidden`);
    await refused([...events.slice(0, place), event, ...events.slice(place)], `event ${place} duplicated`);
    await refused(events.map((each, index) => (index === place ? altered(event, 8) : each)), `event ${place} dated otherwise`);
    await refused(events.map((each, index) => (index === place ? altered(event, 0) : each)), `event ${place} moved to another block`);
    await refused(events.map((each, index) => (index === place ? altered(event, 16) : each)), `event ${place} moved in its block`);
    await refused(events.map((each, index) => (index === place ? altered(event, 60) : each)), `event ${place} altered`);
    for (let other = 0; other < place; other++) {
      const swapped = events.map((each, index) => (index === place ? events[other]! : index === other ? event : each));
      await refused(swapped, `events ${other} and ${place} swapped`);
      await refused(events.map((each, index) => (index === place ? events[other]! : each)), `event ${place} replaced by ${other}`);
    }
  }
}

async function otherPeoplesFilesAreRefused(): Promise<void> {
  const [{ world, label }, other] = [await small(), await World.found(4)];
  await expectRefused(world.journal(label), other.anchor, 'V-4');
  await expectRefused(world.file(join(u8(6), world.block(3).header, world.block(2).certificate)), world.anchor, 'V-9');
  const few = await world.certify(3n, world.block(3).id, world.voters.slice(0, 2));
  await expectRefused(world.file(join(u8(6), world.block(3).header, few)), world.anchor, 'V-10');
  const stranger = { key: await Key.make(), organisation: filled(1), power: 100 };
  const strange = await world.certify(3n, world.block(3).id, [...world.voters, stranger]);
  await expectRefused(world.file(join(u8(6), world.block(3).header, strange)), world.anchor, 'V-10');
  const another = await world.certify(3n, world.block(2).id);
  await expectRefused(world.file(join(u8(6), world.block(3).header, another)), world.anchor, 'V-9');
  const round = await world.certify(3n, world.block(3).id, undefined, 1);
  const relabelled = Uint8Array.from(round, (byte, index) => (index === 8 ? 2 : byte));
  await expectRefused(world.file(join(u8(6), world.block(3).header, relabelled)), world.anchor, 'V-11');
}

async function aPinnedStartNeedsAWord(): Promise<void> {
  const { world } = await small();
  const set = join(u32(4), ...world.anchor.validators.validators.map(({ key, organisation, power }) => join(key, organisation, u32(power))));
  const bytes = world.validators();
  // After magic, version and chain: `01`, a header and its next set, in place of `00`.
  const from = (start: number): Bytes => join(bytes.subarray(0, 42), u8(1), world.block(start).header, set, bytes.subarray(43));
  const pinned = { ...world.anchor, pinned: world.block(2).id };
  await expectProved(from(2), pinned, { kind: 'validators', height: 3n });
  await expectRefused(from(2), world.anchor, 'V-5');
  await expectRefused(from(1), pinned, 'V-5');
  await expectRefused(from(3), { ...world.anchor, pinned: world.block(3).id }, 'V-7');
}

async function eventsCanBeCheckedToo(): Promise<void> {
  const { world, label } = await small();
  await eventSignaturesHold(world.anchor, await verify(world.journal(label), world.anchor));
}

async function everyFlippedBitIsRefused(): Promise<void> {
  // One validator: so a file is small, and few of its bits are signatures.
  const { world, label } = await small(1);
  const files = { entry: world.entry(2, 1), journal: world.journal(label), absence: world.absence(filled(8)), consistency: world.consistency(1, 3) };
  for (const [kind, file] of Object.entries(files)) {
    expect('proved' in await verdict(file, world.anchor), `${kind} is proved before it is spoilt`);
    for (let bit = 0; bit < 8 * file.length; bit++) {
      // A signature's refusal is slow, and the vectors have it for every step: of those, one bit in sixteen.
      const flipped = Uint8Array.from(file);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      if (isInSignature(file, bit >> 3) && bit % 16 !== 0) continue;
      const found = await verdict(flipped, world.anchor);
      // Of an absence, another label may be absent too: then the file states that, and it is true.
      const another = 'proved' in found && kind === 'absence' && found.proved.account !== hex(filled(8));
      expect('step' in found || another, `bit ${bit} of ${kind} flipped, and it is proved all the same`);
    }
  }
}

/** Magic, version, chain, start, changes and kind have 48 bytes; header, height, round, block, count and validator stand before the signature. */
function isInSignature(file: Bytes, at: number): boolean {
  const from = 48 + 276 + 8 + 4 + 32 + 4 + 32;
  return file[47] !== 5 && at >= from && at < from + 64;
}

async function everyBeginningOfAFileIsMalformed(): Promise<void> {
  const { world, label } = await small();
  const file = world.journal(label);
  for (let length = 0; length < file.length; length++) await expectRefused(file.subarray(0, length), world.anchor, length < 10 ? 'V-2' : 'V-3');
  await expectRefused(join(file, u8(0)), world.anchor, 'V-3');
}

async function arbitraryBytesAreRefused(): Promise<void> {
  const { world, label } = await small();
  const files = [world.entry(2, 1), world.journal(label), world.absence(filled(8)), world.consistency(1, 3), await world.fork()];
  const seed = Math.floor(Math.random() * 2 ** 32);
  const next = random(seed);
  for (let round = 0; round < 3000; round++) {
    const base = files[next(files.length)]!;
    const [from, until] = [next(base.length), next(base.length)].sort((a, b) => a - b) as [number, number];
    const noise = Uint8Array.from({ length: next(200) }, () => (next(3) === 0 ? 255 : next(256)));
    const arbitrary = round % 3 === 0 ? join(base.subarray(0, 10), noise) : join(base.subarray(0, from), noise, base.subarray(until));
    const found = await verdict(arbitrary, world.anchor).catch((error: unknown) => {
      throw new Error(`seed ${seed}, round ${round}: ${String(error)}`);
    });
    const same = arbitrary.length === base.length && arbitrary.every((byte, index) => byte === base[index]);
    expect(same || 'step' in found, `seed ${seed}, round ${round}: arbitrary bytes are proved`);
  }
}

async function hugeCountsCostNothing(): Promise<void> {
  const { world, label } = await small();
  const file = world.journal(label);
  const events = world.events(label).reduce((length, event) => length + event.length, 0);
  const at = file.length - events - 4;
  for (const count of [262_144, 262_145, 2 ** 32 - 1]) {
    await expectRefused(join(file.subarray(0, at), u32(count), file.subarray(at + 4)), world.anchor, 'V-3');
  }
  await expectRefused(new Uint8Array(67_108_865), world.anchor, 'V-1');
}

/** A history of so many events, all of one account, in blocks of 1,000; its file and the anchor. */
export async function longHistory(count: number): Promise<{ file: Bytes; world: World; label: Bytes }> {
  const world = await World.found(4);
  const person = await Key.make();
  const { label, line } = await world.open(person);
  const lines = [line];
  // The signatures inside a journal's events are not checked, so one stands for all; a nonce tells the events apart.
  const [records, reading] = [await record(world, label, 1), await world.sign(person, readJournal(label))];
  for (let number = 1; number < count; number++) {
    const transaction = number % 2 === 0 ? renumbered(records.transaction, number) : renumbered(reading, number);
    lines.push({ transaction, outcome: APPLIED, account: label });
  }
  for (let from = 0; from < lines.length; from += 1000) await world.commit(lines.slice(from, from + 1000));
  return { file: world.journal(label), world, label };
}

function renumbered(transaction: Bytes, nonce: number): Bytes {
  const copy = Uint8Array.from(transaction);
  copy.set(u64(BigInt(nonce)), 72);
  return copy;
}

async function aLongHistoryIsProvedAndNoEventCanBeHidden(): Promise<void> {
  const { file, world, label } = await longHistory(10_000);
  await expectProved(file, world.anchor, { kind: 'journal', events: 10_000, height: 10n });
  const next = random(4);
  const events = world.events(label);
  for (let round = 0; round < 10; round++) {
    const hidden = next(events.length);
    await expectRefused(world.journal(label, events.filter((_, index) => index !== hidden)), world.anchor, 'V-17');
    const [a, b] = [1 + next(events.length - 1), 1 + next(events.length - 1)];
    if (a === b) continue;
    const swapped = events.map((event, index) => (index === a ? events[b]! : index === b ? events[a]! : event));
    await expectRefused(world.journal(label, swapped), world.anchor, 'V-18');
    const place = 1 + next(events.length - 1);
    const altered = Uint8Array.from(events[place]!);
    altered[20 + 32 + 32]! ^= 1;
    await expectRefused(world.journal(label, events.map((event, index) => (index === place ? altered : event))), world.anchor, 'V-20');
  }
}

export const fileChecks: readonly Check[] = [
  { name: 'evidence of every kind is proved from the founding document alone', run: everyKindIsProved },
  { name: 'changes of the validator set are followed, and none can be left out', run: changesOfTheSetAreFollowed },
  { name: 'every tampering of a journal is refused at every position', run: everyTamperingOfAJournalIsRefused },
  { name: 'a file of another ledger, block, quorum or round is refused', run: otherPeoplesFilesAreRefused },
  { name: 'a pinned start is taken only from whoever was told of the block', run: aPinnedStartNeedsAWord },
  { name: "the signatures inside a journal's events can be checked too", run: eventsCanBeCheckedToo },
  { name: 'every single-bit flip of a small file is refused', run: everyFlippedBitIsRefused },
  { name: 'every beginning of a file is malformed', run: everyBeginningOfAFileIsMalformed },
  { name: 'arbitrary bytes are refused and never crash the verifier', run: arbitraryBytesAreRefused },
  { name: 'a count or a file that is too large is refused at once', run: hugeCountsCostNothing },
  { name: 'a history of 10,000 events is proved, and no event can be hidden, moved or altered', run: aLongHistoryIsProvedAndNoEventCanBeHidden },
];
