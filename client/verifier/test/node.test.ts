// All checks in Node.

import { test } from 'node:test';
import { allChecks } from './checks.js';
import { readVectors } from './vectors.js';

for (const { name, run } of allChecks(readVectors())) await test(name, { timeout: 120_000 }, run);
