// All checks in a real Chromium, and the page as a person uses it.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { type Context, test } from 'node:test';
import { unhex } from '../src/bytes.js';
import { Chromium } from './chromium.js';
import { documentJson } from './json.js';
import { expect } from './check.js';
import { readVectors } from './vectors.js';
import { type Vectors, fileOf } from './vectors.checks.js';

const TIMEOUT = { timeout: 180_000 };
const WHOLE = { timeout: 900_000 };
const page = (name: string): string => new URL(`../${name}`, import.meta.url).href;

const chromium = await Chromium.start();
const folder = mkdtempSync(`${tmpdir()}/inro-page-`);
const vectors = readVectors();

const [first] = vectors as [Vectors];
writeFileSync(`${folder}/genesis.json`, documentJson(unhex(first.genesis)));

function caseFile(name: string): string {
  const found = first.cases.find((vector) => vector.name === name);
  if (found === undefined) throw new Error(`there is no vector of the name ${name}`);
  const path = `${folder}/${first.cases.indexOf(found)}.evidence`;
  writeFileSync(path, fileOf(found, []));
  return path;
}

function kindOf(kind: string): string {
  return first.cases.find(({ proved }) => (proved as { kind?: string } | undefined)?.kind === kind)!.name;
}

async function verifyOnThePage(name: string): Promise<string> {
  await chromium.choose('#genesis', `${folder}/genesis.json`);
  await chromium.choose('#evidence', caseFile(name));
  await chromium.evaluate("document.querySelector('#verify').focus()");
  await chromium.press('Enter', 13);
  await chromium.until("!document.querySelector('#result').hidden || /cannot|could not/.test(document.querySelector('#status').textContent)");
  return await chromium.evaluate("document.querySelector('main').innerText") as string;
}

await test('in Chromium', WHOLE, async (context) => {
  try {
    await checksHold(context);
    await pageHolds(context);
  } finally {
    await chromium.stop();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
});

async function checksHold(context: Context): Promise<void> {
  await chromium.open(page('checks.html'));
  const names = await chromium.evaluate(`inroChecks.names(${JSON.stringify(vectors)})`) as string[];
  for (const [index, name] of names.entries()) {
    await context.test(`in Chromium: ${name}`, TIMEOUT, async () => {
      const failure = await chromium.evaluate(`inroChecks.run(${index})`);
      if (failure !== null) throw new Error(String(failure));
    });
  }
}

async function pageHolds(context: Context): Promise<void> {
  await context.test('the page says what was proved, in English and Japanese', TIMEOUT, async () => {
    await chromium.open(page('inro-verify.html'));
    expect(await chromium.evaluate("document.querySelector('#result').hidden && document.querySelector('#status').textContent === ''") === true, 'nothing is shown before anything is verified');
    const english = await verifyOnThePage(kindOf('journal'));
    expect(english.includes('Verified') && english.includes('is complete') && english.includes('Opening of the account'), english);
    await chromium.evaluate("language.value = 'ja'; language.dispatchEvent(new Event('change'))".replaceAll('language.', "document.querySelector('#language')."));
    const japanese = await chromium.evaluate("document.querySelector('main').innerText") as string;
    expect(japanese.includes('検証できました') && japanese.includes('口座の開設'), japanese);
    await chromium.evaluate("document.querySelector('#language').value = 'en'; document.querySelector('#language').dispatchEvent(new Event('change'))");
    for (const kind of ['entry', 'absence', 'decision', 'consistency', 'validators']) {
      const text = await verifyOnThePage(kindOf(kind));
      expect(text.includes('Verified') && text.includes('more than two thirds'), text);
    }
    expect((await verifyOnThePage(kindOf('fork'))).includes('Warning'), 'a fork is a warning');
  });

  await context.test('the page names the step that failed, and shows nothing else', TIMEOUT, async () => {
    for (const vector of first.cases.filter(({ step, pinned, pad_to }) => step !== undefined && pinned === undefined && pad_to === undefined)) {
      const text = await verifyOnThePage(vector.name);
      expect(text.includes(`Step ${vector.step} failed`), `${vector.name}: ${text}`);
      expect(text.includes(vector.malformed ? 'no evidence file' : 'does not prove'), `${vector.name}: ${text}`);
      expect(!text.includes('Verified') && await chromium.evaluate("document.querySelectorAll('dl, table').length") === 0, `${vector.name} shows a fact`);
    }
  });

  await context.test('a verdict goes away when another file is chosen', TIMEOUT, async () => {
    await verifyOnThePage(kindOf('journal'));
    await chromium.choose('#evidence', caseFile('another magic'));
    expect(await chromium.evaluate("document.querySelector('#result').hidden && document.querySelector('#result').childElementCount === 0") === true, 'the old verdict is gone');
  });

  await context.test('a genesis file that founds nothing is refused', TIMEOUT, async () => {
    writeFileSync(`${folder}/other.json`, '{}');
    await chromium.choose('#genesis', `${folder}/other.json`);
    await chromium.evaluate("document.querySelector('form').requestSubmit()");
    await chromium.until("document.querySelector('#status').textContent.includes('cannot be used')");
  });

  await context.test('every control has a name, the verdict is announced, and the policy lets nothing out', TIMEOUT, async () => {
    const unnamed = await chromium.evaluate("[...document.querySelectorAll('input, select, button')].filter((each) => !each.labels?.[0]?.textContent && !each.textContent).length");
    expect(unnamed === 0, 'every control has a name');
    expect(await chromium.evaluate("document.querySelector('#status').getAttribute('aria-live')") === 'polite', 'the verdict is announced');
    expect(chromium.complaints.length === 0, `the page complained: ${chromium.complaints.join('; ')}`);
    const refused = await chromium.evaluate("fetch('http://127.0.0.1:9/').then(() => 'sent', (error) => String(error))");
    expect(String(refused).includes('Failed to fetch') && chromium.complaints.some((text) => text.includes('Content Security Policy')), 'the policy forbids the network');
  });
}
