// Decisions, made again (docs/spec/decision.md): the expected outcomes are written down here, not computed.

import { hex } from '../src/bytes.js';
import { taggedHash } from '../src/tag.js';
import {
  EMERGENCY, EVERYTHING, GRANT, REFERRAL, access, appointGuardian, consult, eraseRecord, grant, guardian, onRecords, openConsult,
  registerRecord, revoke, seal, supersedeRecord, unseal,
} from './actions.js';
import { type Check, expectProved, expectRefused } from './check.js';
import { type Bytes, bool, filled, join, list, u32, u64, u8, validity } from './codec.js';
import { APPLIED, FOR_EVER, Key, World, custodially, denied, granted, organisation, practitioner } from './world.js';

/** Two houses: the first is the custodian of an account with records 01 to 03 (a referral, a diagnosis, a referral). */
class Story {
  readonly world: World;
  readonly person: Key;
  readonly label: Bytes;

  private constructor(world: World, person: Key, label: Bytes) {
    [this.world, this.person, this.label] = [world, person, label];
  }

  static async begin(custodial = false): Promise<Story> {
    const world = await World.found(2);
    const person = await Key.make();
    const { label, line } = await world.open(person, custodial);
    await world.commit([line]);
    const story = new Story(world, person, label);
    for (const [name, category] of [[1, 1], [2, 10], [3, 1]] as const) {
      await story.happens(story.custodian.physician, registerRecord(label, story.custodian.physicianId, filled(name), category));
    }
    return story;
  }

  get custodian() {
    return this.world.houses[0]!;
  }

  get other() {
    return this.world.houses[1]!;
  }

  /** Something that took effect; returns the transaction's id. */
  async happens(signer: Key, action: Bytes): Promise<Bytes> {
    const transaction = await this.world.sign(signer, action);
    await this.world.commit([{ transaction, outcome: APPLIED, account: this.label }]);
    return taggedHash('transaction-id', transaction);
  }

  /** The state keys of what a practitioner's access reads. */
  facts(house = this.other, ...more: readonly Bytes[]): Bytes[] {
    return [join(u8(0x0b), house.physicianId), join(u8(0x0a), house.id), ...more];
  }

  /** An access in a block of its own with this outcome: its decision. */
  async asked(signer: Key, request: Bytes, outcome: Bytes, facts: readonly Bytes[]): Promise<Bytes> {
    const transaction = await this.world.sign(signer, request);
    await this.world.commit([{ transaction, outcome, account: this.label }]);
    return this.world.decision(this.label, 0, facts);
  }

  async decides(signer: Key, request: Bytes, outcome: Bytes, facts: readonly Bytes[]): Promise<void> {
    await expectProved(await this.asked(signer, request, outcome, facts), this.world.anchor, { kind: 'decision', account: hex(this.label) });
  }

  /** The other house's physician asks on a grant. */
  async otherDecides(outcome: Bytes, { records, categories, purpose }: { records?: Bytes[]; categories?: Bytes; purpose?: number } = {}): Promise<void> {
    const asked = { by: this.other.physicianId, basis: GRANT, ...(records && { records }), ...(categories && { categories }), ...(purpose && { purpose }) };
    await this.decides(this.other.physician, access(this.label, asked), outcome, this.facts());
  }
}

async function grantsPermitAndRevocationsEnd(): Promise<void> {
  const story = await Story.begin();
  const { label, person, other, world } = story;
  await story.otherDecides(denied(5));
  const first = await story.happens(person, grant(label, other.id, REFERRAL, 1, 0n, FOR_EVER));
  await story.otherDecides(granted([filled(1), filled(3)]));
  await story.otherDecides(denied(8), { purpose: 4 });
  await story.otherDecides(denied(9), { categories: u64(1n << 3n) });
  await story.otherDecides(granted([filled(3)]), { records: [filled(3), filled(2), filled(99)] });
  await story.happens(person, revoke(label, first));
  await story.otherDecides(denied(7));
  await story.happens(person, grant(label, other.id, REFERRAL, 1, world.now + 3_600_000n, FOR_EVER));
  await story.otherDecides(denied(6));
}

async function sealsRefuse(): Promise<void> {
  const story = await Story.begin();
  const { label, person, other, custodian } = story;
  await story.happens(person, grant(label, other.id));
  const noticed = await story.happens(person, seal(label, onRecords(filled(1))));
  await story.otherDecides(granted([filled(2), filled(3)], false, true));
  await story.otherDecides(denied(10), { records: [filled(1)] });
  await story.happens(person, seal(label, EVERYTHING, { silent: true }));
  await story.otherDecides(denied(10));
  await story.happens(person, unseal(label, noticed));
  await story.otherDecides(granted([]));
  const own = access(label, { by: custodian.physicianId });
  await story.decides(custodian.physician, own, granted([filled(1), filled(2), filled(3)]), story.facts(custodian));
}

async function correctionsOpenNothing(): Promise<void> {
  const story = await Story.begin();
  const { label, person, other, custodian } = story;
  await story.happens(person, grant(label, other.id));
  await story.happens(person, seal(label, onRecords(filled(1)), { silent: true }));
  await story.happens(custodian.physician, supersedeRecord(label, custodian.physicianId, filled(1), filled(4)));
  await story.otherDecides(granted([filled(2), filled(3)]));
  await story.happens(custodian.physician, supersedeRecord(label, custodian.physicianId, filled(2), filled(5)));
  await story.otherDecides(granted([filled(2)]), { records: [filled(2), filled(1)] });
  await story.happens(custodian.physician, eraseRecord(label, custodian.physicianId, filled(5)));
  await story.otherDecides(granted([]), { records: [filled(2)] });
}

async function flagsHide(): Promise<void> {
  const story = await Story.begin();
  const { label, person, custodian } = story;
  await story.happens(custodian.physician, registerRecord(label, custodian.physicianId, filled(6), 1, 1));
  await story.happens(custodian.physician, registerRecord(label, custodian.physicianId, filled(7), 1, 2));
  const all = [filled(1), filled(2), filled(3)];
  await story.decides(person, access(label, { purpose: 6 }), granted(all), []);
  const own = access(label, { by: custodian.physicianId });
  await story.decides(custodian.physician, own, granted([...all, filled(6), filled(7)]), story.facts(custodian));
}

async function personsAndGuardiansRead(): Promise<void> {
  const story = await Story.begin();
  const { label, person, custodian, world } = story;
  const relative = await Key.make();
  await story.decides(person, access(label, { purpose: 1 }), denied(8), []);
  await story.decides(relative, access(label, { purpose: 7 }), denied(5), []);
  world.account(label, { custodian: custodian.id, controller: person.public, guardians: [guardian(relative.public, 16)] });
  await story.happens(person, appointGuardian(label, guardian(relative.public, 16)));
  await story.decides(relative, access(label, { purpose: 7 }), granted([filled(1), filled(2), filled(3)]), []);
  await story.happens(person, seal(label, onRecords(filled(2)), { guardians: true }));
  await story.decides(relative, access(label, { purpose: 8 }), granted([filled(1), filled(3)], false, true), []);
  await story.decides(person, access(label, { purpose: 6 }), granted([filled(1), filled(2), filled(3)]), []);
}

async function consultsNarrow(): Promise<void> {
  const story = await Story.begin();
  const { label, person, other, custodian } = story;
  const given = await story.happens(person, grant(label, other.id));
  const opened = await story.happens(other.physician, openConsult(label, other.physicianId, given, custodian.physicianId, [filled(2)]));
  const request = access(label, { by: custodian.physicianId, basis: consult(opened) });
  const facts = [...story.facts(custodian), ...story.facts(other)];
  await story.decides(custodian.physician, request, granted([filled(2)]), facts);
  // Nobody passes on what is sealed against themselves.
  const sealed = await story.happens(person, seal(label, onRecords(filled(2))));
  await story.decides(custodian.physician, request, denied(10), facts);
  await story.happens(person, unseal(label, sealed));
  await story.happens(person, revoke(label, given));
  await story.decides(custodian.physician, request, denied(7), facts);
}

async function emergenciesAreCounted(): Promise<void> {
  const story = await Story.begin();
  const { label, world, other, person } = story;
  const desk = join(u8(0x0f), other.id);
  const request = access(label, { by: other.physicianId, basis: EMERGENCY, purpose: 2 });
  const facts = story.facts(other, u8(0x02), u8(0x05), desk);
  await story.happens(person, seal(label, onRecords(filled(1)), { silent: true, never: true }));
  await story.happens(person, seal(label, onRecords(filled(2)), { silent: true }));
  const shown = granted([filled(2), filled(3)]);
  await story.decides(other.physician, request, shown, facts);
  const today = world.now / 86_400_000n;
  world.put(desk, join(u64(today), u32(49), list([])));
  await world.commit([]);
  // The fiftieth of the day is granted, the fifty-first, in the same block, is not.
  const [fiftieth, next] = [await world.sign(other.physician, request), await world.sign(other.physician, request)];
  world.put(desk, join(u64(today), u32(50), list([join(taggedHash('transaction-id', fiftieth), u64(world.now + 259_200_000n))])));
  await world.commit([
    { transaction: fiftieth, outcome: shown, account: label }, { transaction: next, outcome: denied(11), account: label },
  ]);
  await expectProved(world.decision(label, 0, facts), world.anchor, { outcome: { granted: { records: [hex(filled(2)), hex(filled(3))], more: false, sealed: false } } });
  await expectProved(world.decision(label, 1, facts, [0]), world.anchor, { outcome: { denied: 'D-1.11' } });
  await expectRefused(world.decision(label, 1, facts), world.anchor, 'V-27');
  await expectRefused(world.decision(label, 0, facts, [1]), world.anchor, 'V-24');
  await expectRefused(world.decision(label, 1, facts.slice(0, 3), [0]), world.anchor, 'V-26');
}

async function requestersWhoMayNotActAreDenied(): Promise<void> {
  const story = await Story.begin();
  const { label, world, other, person } = story;
  await story.happens(person, grant(label, other.id));
  const request = access(label, { by: other.physicianId, basis: GRANT });
  await story.decides(person, request, denied(1), story.facts());
  world.put(join(u8(0x0b), other.physicianId), practitioner(other, other.physician.public, 1, 2));
  await world.commit([]);
  await story.otherDecides(denied(3));
  world.put(join(u8(0x0a), other.id), organisation(other, 2));
  await world.commit([]);
  await story.otherDecides(denied(2));
  const unknown = access(label, { by: filled(6), basis: GRANT });
  await story.decides(other.physician, unknown, denied(1), [join(u8(0x0b), filled(6))]);
}

async function changesInTheSameBlockCount(): Promise<void> {
  const story = await Story.begin();
  const { label, world, other, person } = story;
  await story.happens(person, grant(label, other.id));
  const suspended = await world.sign(other.authority, join(u8(10), other.id, other.physicianId, bool(false)));
  const asked = await world.sign(other.physician, access(label, { by: other.physicianId, basis: GRANT }));
  world.put(join(u8(0x0b), other.physicianId), practitioner(other, other.physician.public, 1, 2));
  await world.commit([{ transaction: suspended, outcome: APPLIED }, { transaction: asked, outcome: denied(3), account: label }]);
  await expectProved(world.decision(label, 1, story.facts(), [0]), world.anchor, { outcome: { denied: 'D-1.3' } });
  await expectRefused(world.decision(label, 1, story.facts()), world.anchor, 'V-27');
  const renewed = await world.sign(other.authority, join(u8(8), other.id, other.physicianId, validity(0n, 5n)));
  const again = await world.sign(other.physician, access(label, { by: other.physicianId, basis: GRANT }));
  await world.commit([{ transaction: renewed, outcome: APPLIED }, { transaction: again, outcome: denied(3), account: label }]);
  await expectProved(world.decision(label, 1, story.facts(), [0]), world.anchor, { outcome: { denied: 'D-1.3' } });
}

async function falseDecisionsAreRefused(): Promise<void> {
  const story = await Story.begin();
  const { label, world, other, person } = story;
  await story.happens(person, grant(label, other.id, REFERRAL));
  const request = access(label, { by: other.physicianId, basis: GRANT });
  // A quorum that decided otherwise than the rules say.
  for (const outcome of [granted([filled(1)]), granted([filled(1), filled(3)], true), granted([filled(1), filled(3)], false, true), denied(5)]) {
    await expectRefused(await story.asked(other.physician, request, outcome, story.facts()), world.anchor, 'V-27');
  }
  await expectRefused(await story.asked(other.physician, request, granted([filled(1), filled(3)]), story.facts().slice(1)), world.anchor, 'V-26');
  await story.happens(person, revoke(label, filled(77)));
  await expectRefused(await story.asked(other.physician, request, granted([filled(1), filled(3)]), story.facts()), world.anchor, 'V-25');
}

async function pagesGoOn(): Promise<void> {
  const story = await Story.begin();
  const { label, world, person, custodian } = story;
  const names = Array.from({ length: 130 }, (_, index) => join(filled(0x20).subarray(1), u8(index)));
  const lines = await Promise.all(names.map(async (name) => ({
    transaction: await world.sign(custodian.physician, registerRecord(label, custodian.physicianId, name)), outcome: APPLIED, account: label,
  })));
  await world.commit(lines);
  const all = [filled(1), filled(2), filled(3), ...names];
  await story.decides(person, access(label, { purpose: 6 }), granted(all.slice(0, 128), true), []);
  await story.decides(person, access(label, { purpose: 6, after: all[127]! }), granted(all.slice(128)), []);
}

async function keysThatAFacilityKeepsLeaveTheirMark(): Promise<void> {
  const story = await Story.begin(true);
  const { label, person, custodian, world } = story;
  const all = granted([filled(1), filled(2), filled(3)]);
  await story.decides(person, access(label, { purpose: 6 }), custodially(all), []);
  await story.decides(person, access(label, { purpose: 1 }), custodially(denied(8)), []);
  await story.decides(custodian.physician, access(label, { by: custodian.physicianId }), all, story.facts(custodian));
  await expectRefused(await story.asked(person, access(label, { purpose: 6 }), all, []), world.anchor, 'V-27');
  const own = access(label, { by: custodian.physicianId });
  await expectRefused(await story.asked(custodian.physician, own, custodially(all), story.facts(custodian)), world.anchor, 'V-27');
}

export const decisionChecks: readonly Check[] = [
  { name: 'grants permit, and revocations end them', run: grantsPermitAndRevocationsEnd },
  { name: 'seals refuse, and show only what they let show', run: sealsRefuse },
  { name: 'corrections open nothing that is sealed, and old versions lead around nothing', run: correctionsOpenNothing },
  { name: "the provider's flags hide", run: flagsHide },
  { name: 'the person reads everything, a guardian what is not hidden', run: personsAndGuardiansRead },
  { name: 'a consult narrows a grant, ends with it, and passes no seal', run: consultsNarrow },
  { name: 'emergencies are counted, in the same block too', run: emergenciesAreCounted },
  { name: 'requesters who may not act are denied', run: requestersWhoMayNotActAreDenied },
  { name: 'changes earlier in the same block count', run: changesInTheSameBlockCount },
  { name: 'a decision that does not follow from the rules is refused', run: falseDecisionsAreRefused },
  { name: 'a key that a facility keeps leaves its mark on what it asked for', run: keysThatAFacilityKeepsLeaveTheirMark },
  { name: 'an answer of many records goes on after its last one', run: pagesGoOn },
];
