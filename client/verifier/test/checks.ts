// All checks: the same in Node and in a browser.

import type { Check } from './check.js';
import { cryptoChecks } from './crypto.checks.js';
import { decisionChecks } from './decisions.checks.js';
import { fileChecks } from './files.checks.js';
import { genesisChecks } from './genesis.checks.js';
import { treeChecks } from './tree.checks.js';
import { type Vectors, vectorChecks } from './vectors.checks.js';

export function allChecks(vectors: readonly Vectors[]): Check[] {
  return [...cryptoChecks, ...treeChecks, ...genesisChecks, ...fileChecks, ...decisionChecks, ...vectorChecks(vectors)];
}
