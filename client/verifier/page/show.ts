// What was proved, or the step that failed, as elements of the page. Only text is written, never markup.

import { hex } from '../src/bytes.js';
import type { Founding } from '../src/genesis.js';
import type { U64 } from '../src/ledger.js';
import { DENIALS as DENIAL_CODES, PURPOSES as PURPOSE_CODES, RULES } from '../src/numbers.js';
import type { Fault } from '../src/step.js';
import type { Entry, Event, Outcome } from '../src/transaction.js';
import { type Proved, entryOf } from '../src/verify.js';
import { ACTIONS, BASES, DENIALS, KINDS, type Language, OUTCOMES, PAGE, PURPOSES, STEPS, type Sentence, say } from './words.js';

/** How many events are shown at once. */
const PAGE_OF_EVENTS = 200;

/** Why the file proves nothing. */
export function showFault(language: Language, into: HTMLElement, fault: Fault): void {
  into.append(
    heading(say(language, fault.malformed ? PAGE.malformed : PAGE.false)),
    paragraph(say(language, PAGE.failedStep, fault.step, say(language, STEPS[fault.number]!))),
    paragraph(say(language, PAGE.doNotTrust)),
    paragraph(say(language, PAGE.found, fault.found)),
  );
}

/** What was proved, by whose signatures, up to which time. */
export function showProved(language: Language, into: HTMLElement, founding: Founding, proved: Proved): void {
  const { summary, statement, sets } = proved;
  const facts = new Facts(language);
  facts.say(PAGE.ledger, founding.ledger);
  facts.say(PAGE.chain, hex(founding.chain));
  facts.add(PAGE.upTo, timed(language, PAGE.upToValue, summary.height, summary.time));
  facts.say(PAGE.signedBy, say(language, PAGE.signedByValue, summary.signers, summary.total, summary.power));
  facts.say(PAGE.changes, say(language, PAGE.changesValue, summary.changes));
  if (summary.account !== undefined) facts.say(PAGE.account, summary.account);
  const entry = entryOf(statement)?.entry;
  if (entry !== undefined) showEntry(facts, entry, summary.transaction!);
  if (summary.older !== undefined) facts.say(PAGE.older, String(summary.older));
  if (summary.rounds !== undefined) facts.say(PAGE.rounds, summary.rounds.join(', '));
  for (const key of summary.double_signers ?? []) facts.say(PAGE.doubleSigners, key);
  if (summary.kind === 'validators') {
    for (const { from, set } of sets) {
      const names = set.validators.map(({ organisation }) => founding.founders.get(hex(organisation)) ?? hex(organisation));
      facts.say(PAGE.sets, say(language, PAGE.setFrom, from, names.join(', ')));
    }
  }
  into.append(heading(say(language, PAGE.proved)), paragraph(say(language, KINDS[summary.kind]!, summary.events ?? 0)), facts.list);
  into.append(paragraph(say(language, PAGE.notTheLatest)));
  if (statement.kind === 'journal') into.append(...history(language, statement.events));
}

function showEntry(facts: Facts, { number, signer, action, outcome }: Entry, id: string): void {
  const { language } = facts;
  facts.say(PAGE.action, say(language, ACTIONS[number]!));
  facts.say(PAGE.outcome, outcomeWords(language, outcome));
  if (action.does === 'access') {
    const { practitioner, basis, purpose } = action.request;
    facts.say(PAGE.reader, practitioner ? say(language, PAGE.practitioner, hex(practitioner)) : say(language, PAGE.person));
    facts.say(PAGE.basis, say(language, BASES[basis.of]!));
    facts.say(PAGE.purpose, say(language, PURPOSES[PURPOSE_CODES.get(purpose)!]!));
  }
  if (outcome.is === 'granted') {
    for (const record of outcome.records) facts.say(PAGE.records, hex(record));
  }
  facts.say(PAGE.signer, hex(signer));
  facts.say(PAGE.transaction, id);
}

function outcomeWords(language: Language, outcome: Outcome): string {
  const sentence = OUTCOMES[outcome.is]!;
  const custodial = outcome.is === 'applied-custodially' || ('custodial' in outcome && outcome.custodial);
  const mark = custodial ? say(language, PAGE.custodial) : '';
  switch (outcome.is) {
    case 'applied':
    case 'applied-custodially': return say(language, sentence) + mark;
    case 'rejected': return say(language, sentence, RULES.get(outcome.rule)!);
    case 'denied': return say(language, sentence, DENIAL_CODES.get(outcome.denial)!, say(language, DENIALS[outcome.denial]!)) + mark;
    case 'granted': return [
      say(language, sentence, outcome.records.length),
      outcome.more ? say(language, PAGE.recordsMore) : '',
      outcome.sealed ? say(language, PAGE.recordsSealed) : '',
      mark,
    ].join('');
  }
}

/** The events, the newest first, a part at a time. */
function history(language: Language, events: readonly Event[]): HTMLElement[] {
  const table = document.createElement('table');
  const caption = table.createCaption();
  caption.textContent = say(language, PAGE.eventsCaption);
  const head = table.createTHead().insertRow();
  for (const title of [PAGE.when, PAGE.block, PAGE.action, PAGE.reader, PAGE.outcome]) {
    const cell = document.createElement('th');
    cell.scope = 'col';
    cell.textContent = say(language, title);
    head.append(cell);
  }
  const body = table.createTBody();
  const more = document.createElement('button');
  more.type = 'button';
  let left = events.length;
  const showSome = (): void => {
    const until = Math.max(0, left - PAGE_OF_EVENTS);
    while (left > until) eventRow(language, body.insertRow(), events[--left]!);
    more.hidden = left === 0;
    more.textContent = say(language, PAGE.showMore, left);
  };
  more.addEventListener('click', showSome);
  showSome();
  const scroll = document.createElement('div');
  scroll.className = 'scroll';
  scroll.append(table);
  return [scroll, more];
}

function eventRow(language: Language, row: HTMLTableRowElement, { height, time, entry: { number, action, outcome } }: Event): void {
  const reader = action.does !== 'access' ? ''
    : action.request.practitioner ? say(language, PAGE.practitioner, hex(action.request.practitioner).slice(0, 16)) : say(language, PAGE.person);
  row.insertCell().append(timeElement(language, time));
  const what = action.does !== 'access' ? say(language, ACTIONS[number]!)
    : say(language, PAGE.accessFor, say(language, PURPOSES[PURPOSE_CODES.get(action.request.purpose)!]!), say(language, BASES[action.request.basis.of]!));
  for (const text of [String(height), what, reader, outcomeWords(language, outcome)]) {
    row.insertCell().textContent = text;
  }
}

/** A list of facts with their names. */
class Facts {
  readonly list = document.createElement('dl');
  readonly language: Language;

  constructor(language: Language) {
    this.language = language;
  }

  say(name: Sentence, value: string): void {
    this.add(name, document.createTextNode(value));
  }

  add(name: Sentence, ...value: readonly Node[]): void {
    const [term, description] = [document.createElement('dt'), document.createElement('dd')];
    term.textContent = say(this.language, name);
    description.append(...value);
    this.list.append(term, description);
  }
}

function heading(text: string): HTMLElement {
  const found = document.createElement('h2');
  found.id = 'verdict';
  found.textContent = text;
  return found;
}

function paragraph(text: string): HTMLElement {
  const found = document.createElement('p');
  found.textContent = text;
  return found;
}

function timed(language: Language, sentence: Sentence, height: U64, time: U64): Node {
  const found = document.createElement('span');
  const [before, after] = say(language, sentence, height, '\u0000').split('\u0000');
  found.append(before ?? '', timeElement(language, time), after ?? '');
  return found;
}

/** A block's time, in the reader's time zone. */
function timeElement(language: Language, time: U64): HTMLElement {
  const found = document.createElement('time');
  const date = new Date(time <= 8_640_000_000_000_000n ? Number(time) : NaN);
  if (Number.isNaN(date.getTime())) {
    found.textContent = `${time} ms`;
    return found;
  }
  found.dateTime = date.toISOString();
  found.textContent = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'long' }).format(date);
  return found;
}
