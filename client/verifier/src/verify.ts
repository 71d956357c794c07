// Verifies an evidence file (docs/spec/evidence.md): every numbered step, in its order. It reads no network and asks nobody.

import { hex } from './bytes.js';
import { type Evidence, type Located, type Statement, readFile } from './file.js';
import { continues, doubleSigners, isFork } from './history.js';
import { accountIs, accountOf, isComplete, signaturesHold, standsIn } from './journal.js';
import type { U64 } from './ledger.js';
import { DENIALS, RULES } from './numbers.js';
import { decisionHolds } from './replay.js';
import { type Event, type Outcome, transactionId } from './transaction.js';
import { type Anchor, type InForce, type Signed, Walk } from './trust.js';

/** What was proved. Only the verifier makes one. */
export interface Proved {
  readonly statement: Statement;
  /** The validator sets from the start up to the header. */
  readonly sets: readonly InForce[];
  /** The statement's headers, in their order in the file; the last one says up to which height and time something is proved. */
  readonly signed: readonly Signed[];
  readonly summary: Summary;
}

/** An outcome in JSON, as everywhere: `"applied"`, `{"granted": …}`, `{"denied": "D-1.10"}`, `{"rejected": "T-6"}`; where a facility
 * keeps the key that signed, the word ends in `-custodially`. */
export type OutcomeJson =
  | 'applied' | 'applied-custodially' | { readonly rejected: string } | { readonly denied: string } | { readonly 'denied-custodially': string }
  | { readonly granted: GrantedJson } | { readonly 'granted-custodially': GrantedJson };

interface GrantedJson {
  readonly records: readonly string[];
  readonly more: boolean;
  readonly sealed: boolean;
}

/** What was proved, in few fields; those that do not apply are left out. */
export interface Summary {
  readonly kind: Statement['kind'];
  /** Up to which block and time. */
  readonly height: U64;
  readonly time: U64;
  readonly block: string;
  /** How many validators signed it, with what power of what total. */
  readonly signers: number;
  readonly power: bigint;
  readonly total: bigint;
  /** How often the validator set changed since the start. */
  readonly changes: number;
  readonly transaction?: string;
  readonly outcome?: OutcomeJson;
  readonly account?: string;
  readonly events?: number;
  /** The older block's height. */
  readonly older?: U64;
  /** In which rounds a fork's blocks were decided, and who signed both. */
  readonly rounds?: readonly number[];
  readonly double_signers?: readonly string[];
}

/** Verifies a file; throws a `Fault` that names the first step that fails. */
export async function verify(bytes: Uint8Array, anchor: Anchor): Promise<Proved> {
  const evidence = readFile(bytes);
  const walk = Walk.begin(evidence, anchor);
  for (const change of evidence.changes) await walk.step(change);
  const signed = await certify(walk, evidence.statement);
  await check(evidence, signed);
  const { sets } = walk;
  return { statement: evidence.statement, sets, signed, summary: summary(evidence.statement, sets, signed) };
}

/** Steps V-6 to V-11 for the statement's headers. */
async function certify(walk: Walk, statement: Statement): Promise<Signed[]> {
  switch (statement.kind) {
    case 'consistency': return [await walk.certifyOlder(statement.older), await walk.certify(statement.newer)];
    case 'fork': return [await walk.certify(statement.first), await walk.certify(statement.second)];
    default: return [await walk.certify(statement.head)];
  }
}

/** The statement's own steps; its headers are believed. */
async function check({ chain, statement }: Evidence, signed: readonly Signed[]): Promise<void> {
  switch (statement.kind) {
    case 'entry': {
      standsIn(statement.head.header, statement.entry);
      return signaturesHold(chain, statement.entry.entry);
    }
    case 'journal': {
      const { head: { header }, label, account, proof, events } = statement;
      accountIs(header, label, account, proof);
      return isComplete(header, label, account, events);
    }
    case 'absence': return accountIs(statement.head.header, statement.label, undefined, statement.proof);
    case 'decision': return decisionHolds(chain, statement);
    case 'consistency': return continues(statement);
    case 'validators': return;
    case 'fork': return isFork(signed[0]!, signed[1]!);
  }
}

/** The entry that is proved, for an entry and a decision. */
export function entryOf(statement: Statement): Located | undefined {
  if (statement.kind === 'entry') return statement.entry;
  return statement.kind === 'decision' ? statement.access : undefined;
}

/** All events of the account up to the header, for a journal and a decision; none for an absence. */
export function eventsOf(statement: Statement): readonly Event[] | undefined {
  if (statement.kind === 'absence') return [];
  return statement.kind === 'journal' || statement.kind === 'decision' ? statement.events : undefined;
}

/** Checks what a proof believes a quorum for: every signature inside the events (step V-15 for each). */
export async function eventSignaturesHold({ chain }: Anchor, { statement }: Proved): Promise<void> {
  for (const event of eventsOf(statement) ?? []) await signaturesHold(chain, event.entry);
}

function summary(statement: Statement, sets: readonly InForce[], signed: readonly Signed[]): Summary {
  const { height, time, block, signers, power, total } = signed[signed.length - 1]!;
  const entry = entryOf(statement)?.entry;
  const account = 'label' in statement ? statement.label : entry && accountOf(entry.action);
  const events = eventsOf(statement);
  return {
    kind: statement.kind,
    height,
    time,
    block: hex(block),
    signers: signers.length,
    power,
    total,
    changes: sets.length - 1,
    ...(entry && { transaction: hex(transactionId(entry)), outcome: outcomeJson(entry.outcome) }),
    ...(account && { account: hex(account) }),
    ...(events && { events: events.length }),
    ...(statement.kind === 'consistency' && { older: signed[0]!.height }),
    ...(statement.kind === 'fork' && {
      rounds: signed.map(({ round }) => round),
      double_signers: doubleSigners(signed[0]!, signed[1]!).map(hex),
    }),
  };
}

function outcomeJson(outcome: Outcome): OutcomeJson {
  switch (outcome.is) {
    case 'applied':
    case 'applied-custodially': return outcome.is;
    case 'rejected': return { rejected: RULES.get(outcome.rule)! };
    case 'granted': {
      const granted = { records: outcome.records.map(hex), more: outcome.more, sealed: outcome.sealed };
      return outcome.custodial ? { 'granted-custodially': granted } : { granted };
    }
    case 'denied': {
      const denied = DENIALS.get(outcome.denial)!;
      return outcome.custodial ? { 'denied-custodially': denied } : { denied };
    }
  }
}
