// Drives a real Chromium over the DevTools protocol, through two pipes: no port, no package. For tests only.

import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';

const PROGRAMS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const ANSWER_MS_MAX = 120_000;

type Child = ReturnType<typeof spawn>;
type Json = Readonly<Record<string, unknown>>;

interface Waiting {
  readonly resolve: (result: Json) => void;
  readonly reject: (error: Error) => void;
}

/** A page of a Chromium of its own, with an empty profile and nothing on its network. */
export class Chromium {
  readonly #child: Child;
  readonly #profile: string;
  readonly #waiting = new Map<number, Waiting>();
  readonly #session: { id: string | undefined } = { id: undefined };
  /** What the page wrote on its console, and what its policy refused. */
  readonly complaints: string[] = [];
  #last = 0;

  private constructor(child: Child, profile: string) {
    [this.#child, this.#profile] = [child, profile];
  }

  static async start(): Promise<Chromium> {
    const program = process.env['CHROMIUM'] ?? PROGRAMS.find(existsSync);
    if (program === undefined) throw new Error('Chromium is missing: install it with scripts/setup, or name it in CHROMIUM');
    const profile = mkdtempSync(`${tmpdir()}/inro-chromium-`);
    const child = spawn(program, [
      '--headless=new', '--remote-debugging-pipe', `--user-data-dir=${profile}`, '--no-first-run', '--disable-gpu', '--disable-dev-shm-usage',
      '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-default-browser-check', '--lang=en',
      '--host-resolver-rules=MAP * ~NOTFOUND', ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []), 'about:blank',
    ], { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });
    const chromium = new Chromium(child, profile);
    chromium.#listen();
    const { targetInfos } = await chromium.send('Target.getTargets', {});
    const page = (targetInfos as { targetId: string; type: string }[]).find(({ type }) => type === 'page');
    if (page === undefined) throw new Error('Chromium has no page');
    const { sessionId } = await chromium.send('Target.attachToTarget', { targetId: page.targetId, flatten: true });
    chromium.#session.id = sessionId as string;
    for (const domain of ['Page', 'Runtime', 'Log', 'DOM']) await chromium.send(`${domain}.enable`, {});
    return chromium;
  }

  /** Opens a page and waits until its script has run. */
  async open(url: string): Promise<void> {
    await this.send('Page.navigate', { url });
    await this.until("document.readyState === 'complete' && location.href !== 'about:blank'");
  }

  /** The value of an expression in the page; promises are waited for. */
  async evaluate(expression: string): Promise<unknown> {
    const answer = await this.send('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true });
    const { result, exceptionDetails } = answer as { result: { value?: unknown }; exceptionDetails?: { text: string; exception?: { description?: string } } };
    if (exceptionDetails !== undefined) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }

  /** Waits until an expression is true, at most 60 seconds. */
  async until(expression: string): Promise<void> {
    for (let waited = 0; waited < 60_000; waited += 50) {
      if (await this.evaluate(expression) === true) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`this did not become true: ${expression}`);
  }

  /** Chooses files in an input. */
  async choose(selector: string, ...files: readonly string[]): Promise<void> {
    const { result } = await this.send('Runtime.evaluate', { expression: `document.querySelector(${JSON.stringify(selector)})` });
    await this.send('DOM.setFileInputFiles', { files, objectId: (result as { objectId: string }).objectId });
  }

  /** Presses a key. */
  async press(key: string, code: number): Promise<void> {
    const event = { key, code: key, windowsVirtualKeyCode: code, ...(key === 'Enter' && { text: '\r' }) };
    await this.send('Input.dispatchKeyEvent', { type: 'keyDown', ...event });
    await this.send('Input.dispatchKeyEvent', { type: 'keyUp', ...event });
  }

  /** A picture of the page, as PNG in base64. */
  async picture(): Promise<string> {
    return (await this.send('Page.captureScreenshot', { captureBeyondViewport: true }))['data'] as string;
  }

  async stop(): Promise<void> {
    const gone = new Promise<void>((resolve) => {
      if (this.#child.exitCode !== null) resolve();
      this.#child.on('exit', resolve);
    });
    this.send('Browser.close', {}).catch(() => this.#child.kill('SIGKILL'));
    const late = setTimeout(() => this.#child.kill('SIGKILL'), 5000);
    await gone;
    clearTimeout(late);
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 5 });
  }

  send(method: string, params: Json): Promise<Json> {
    const id = ++this.#last;
    const sessionId = method.startsWith('Target.') || method.startsWith('Browser.') ? undefined : this.#session.id;
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => this.#fail(id, new Error(`Chromium did not answer ${method} in ${ANSWER_MS_MAX} ms`)), ANSWER_MS_MAX);
      const done = <T>(settle: (value: T) => void) => (value: T): void => {
        clearTimeout(late);
        settle(value);
      };
      this.#waiting.set(id, { resolve: done(resolve), reject: done(reject) });
      this.#child.stdio[3]!.write(`${JSON.stringify({ id, method, params, ...(sessionId && { sessionId }) })}\0`);
    });
  }

  #listen(): void {
    const decoder = new TextDecoder();
    let pending = '';
    this.#child.stdio[4]!.on('data', (chunk) => {
      const messages = (pending + decoder.decode(chunk, { stream: true })).split('\0');
      pending = messages.pop()!;
      for (const message of messages) this.#hear(JSON.parse(message) as Json);
    });
    const over = (): void => {
      for (const id of [...this.#waiting.keys()]) this.#fail(id, new Error('Chromium ended'));
    };
    this.#child.on('exit', over);
    this.#child.on('error', over);
    for (const pipe of [3, 4]) this.#child.stdio[pipe]!.on('error', over);
  }

  #hear({ id, result, error, method, params }: Json): void {
    if (method === 'Log.entryAdded') this.complaints.push(String((params as { entry: { text: string } }).entry.text));
    if (method === 'Runtime.exceptionThrown') this.complaints.push(JSON.stringify(params));
    const waiting = this.#waiting.get(id as number);
    if (waiting === undefined) return;
    this.#waiting.delete(id as number);
    if (error !== undefined) waiting.reject(new Error((error as { message: string }).message));
    else waiting.resolve(result as Json);
  }

  #fail(id: number, error: Error): void {
    this.#waiting.get(id)?.reject(error);
    this.#waiting.delete(id);
  }
}
