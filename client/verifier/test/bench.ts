// Prints how long a complete history of 10,000 events takes to be verified in Chromium, from the founding document on: one JSON
// object on a line, as the other figures.

import { Chromium } from './chromium.js';

const EVENTS = 10_000;
const RUNS = 9;

const chromium = await Chromium.start();
try {
  await chromium.open(new URL('../checks.html', import.meta.url).href);
  const taken = await chromium.evaluate(`inroChecks.measure(${EVENTS}, ${RUNS})`) as number[];
  const digests = await chromium.evaluate(`inroChecks.measureDigests(${EVENTS})`) as number;
  const sorted = taken.map((ms) => Math.round(ms * 10) / 10).sort((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)]!;
  console.log(JSON.stringify({
    measure: 'evidence.verify_10k_ms_browser', value: median, unit: 'ms', runs: sorted.length, median, min: sorted[0], max: sorted[sorted.length - 1],
    note: `a journal of ${EVENTS} events with its founding document, in one page of Chromium, the first run included; as many digests by WebCrypto alone take ${Math.round(digests)} ms`,
  }));
} finally {
  await chromium.stop();
}
