// The files of vectors, read by Node.

import { readFileSync, readdirSync } from 'node:fs';
import type { Vectors } from './vectors.checks.js';

const FOLDER = new URL('../../../../contracts/evidence/vectors/', import.meta.url);

export function readVectors(): Vectors[] {
  const names = readdirSync(FOLDER).filter((name) => name.endsWith('.json')).sort();
  if (names.length === 0) throw new Error(`there are no vectors in ${FOLDER.pathname}`);
  return names.map((name) => JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8')) as Vectors);
}
