// The page: two files in, one verdict out. It shows nothing of a file before the file is verified, writes nothing but text into the
// document, and reads no network (its policy forbids it).

import { BadGenesis, type Founding, readGenesisFile } from '../src/genesis.js';
import { FILE_BYTES_MAX } from '../src/file.js';
import { unhex } from '../src/bytes.js';
import { Fault } from '../src/step.js';
import { type Proved, verify } from '../src/verify.js';
import { showFault, showProved } from './show.js';
import { type Language, PAGE, type Sentence, say } from './words.js';

function element<T extends HTMLElement>(id: string): T {
  return document.getElementById(id) as T;
}

const language = element<HTMLSelectElement>('language');
const genesis = element<HTMLInputElement>('genesis');
const evidence = element<HTMLInputElement>('evidence');
const pinned = element<HTMLInputElement>('pinned');
const button = element<HTMLButtonElement>('verify');
const status = element('status');
const result = element('result');

/** Says in the chosen language what the page says now; nothing, until there is something. */
let tell: (language: Language) => void = () => {};
/** Counts what was asked, so that an answer to an earlier question is never shown. */
let question = 0;

function chosen(): Language {
  return language.value === 'en' ? 'en' : 'ja';
}

function speak(): void {
  document.documentElement.lang = chosen();
  document.title = `Inro: ${say(chosen(), PAGE.title)}`;
  for (const spoken of document.querySelectorAll<HTMLElement>('[data-say]')) {
    spoken.textContent = say(chosen(), PAGE[spoken.dataset['say'] as keyof typeof PAGE]);
  }
  tell(chosen());
}

function forget(): void {
  question++;
  tell = () => {};
  status.textContent = '';
  result.hidden = true;
  result.className = '';
  result.replaceChildren();
  button.disabled = false;
}

function announce(sentence: Sentence, ...parts: readonly string[]): void {
  tell = (spoken) => {
    status.textContent = say(spoken, sentence, ...parts);
  };
  speak();
}

function show(verdict: Sentence, className: 'good' | 'bad', fill: (spoken: Language, into: HTMLElement) => void): void {
  tell = (spoken) => {
    status.textContent = say(spoken, verdict);
    result.replaceChildren();
    result.className = className;
    fill(spoken, result);
    result.hidden = false;
  };
  speak();
  result.focus();
}

async function answer(asked: number): Promise<void> {
  const [genesisFile, evidenceFile] = [genesis.files?.[0], evidence.files?.[0]];
  if (!genesisFile || !evidenceFile) return announce(PAGE.chooseBoth);
  const trusted = pinned.value.trim();
  if (trusted !== '' && !/^[0-9a-fA-F]{64}$/.test(trusted)) return announce(PAGE.badPinned);
  announce(PAGE.verifying);
  button.disabled = true;
  try {
    const founding = await readGenesisFile(await bytesOf(genesisFile));
    const proved = await verifyFile(evidenceFile, founding, trusted === '' ? undefined : unhex(trusted));
    if (asked !== question) return;
    const verdict = proved.summary.kind === 'fork' ? 'bad' : 'good';
    show(PAGE.proved, verdict, (spoken, into) => showProved(spoken, into, founding, proved));
  } catch (error) {
    if (asked !== question) return;
    if (error instanceof Fault) {
      show(error.malformed ? PAGE.malformed : PAGE.false, 'bad', (spoken, into) => showFault(spoken, into, error));
    } else {
      announce(error instanceof BadGenesis ? PAGE.badGenesis : PAGE.unreadable, error instanceof Error ? error.message : String(error));
    }
  }
  button.disabled = false;
}

async function verifyFile(file: File, founding: Founding, trusted: Uint8Array | undefined): Promise<Proved> {
  // What is too large is not even read.
  if (file.size > FILE_BYTES_MAX) throw new Fault(1, `${file.size} bytes where at most ${FILE_BYTES_MAX} are allowed`);
  return verify(await bytesOf(file), { ...founding, pinned: trusted });
}

async function bytesOf(file: File): Promise<Uint8Array> {
  return new Uint8Array(await file.arrayBuffer());
}

for (const input of [genesis, evidence, pinned]) input.addEventListener('input', forget);
language.addEventListener('change', speak);
element('form').addEventListener('submit', (event) => {
  event.preventDefault();
  forget();
  void answer(question);
});

language.value = navigator.language.startsWith('ja') ? 'ja' : 'en';
speak();
