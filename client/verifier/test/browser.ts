// The checks inside a browser: whoever drives it asks for their names, and runs them one by one.

import type { Check } from './check.js';
import { allChecks } from './checks.js';
import { longHistory } from './files.checks.js';
import type { Vectors } from './vectors.checks.js';
import { foundingOf } from '../src/genesis.js';
import { verify } from '../src/verify.js';

let checks: Check[] = [];

const inroChecks = {
  names(vectors: readonly Vectors[]): string[] {
    checks = allChecks(vectors);
    return checks.map(({ name }) => name);
  },

  async run(index: number): Promise<string | null> {
    try {
      await checks[index]!.run();
      return null;
    } catch (error) {
      return error instanceof Error ? `${error.message}\n${error.stack}` : String(error);
    }
  },

  /** How long it takes to verify a history of so many events, from the founding document on, in milliseconds, each time. */
  async measure(events: number, times: number): Promise<number[]> {
    const { file, world } = await longHistory(events);
    const taken: number[] = [];
    for (let time = 0; time < times; time++) {
      const from = performance.now();
      const proved = await verify(file, await foundingOf(world.document));
      taken.push(performance.now() - from);
      if (proved.summary.events !== events) throw new Error('another history was proved');
    }
    return taken;
  },

  /** How long the browser's own digest takes for as many hashes, one from the other. */
  async measureDigests(count: number): Promise<number> {
    let head = new Uint8Array(32);
    const from = performance.now();
    for (let number = 0; number < count; number++) {
      const message = new Uint8Array(400);
      message.set(head);
      head = new Uint8Array(await crypto.subtle.digest('SHA-256', message));
    }
    return performance.now() - from;
  },
};

Object.assign(globalThis, { inroChecks });
