// The files of vectors, read by Node.

import { readFileSync, readdirSync } from 'node:fs';
import type { Vectors } from './vectors.checks.js';

const FOLDER = new URL('../../../../contracts/evidence/vectors/', import.meta.url);

/** The shared ones, and those of the files that `INRO_VECTORS` names, with colons between them. */
export function readVectors(): Vectors[] {
  const names = readdirSync(FOLDER).filter((name) => name.endsWith('.json')).sort();
  if (names.length === 0) throw new Error(`there are no vectors in ${FOLDER.pathname}`);
  const more = (process.env['INRO_VECTORS'] ?? '').split(':').filter((name) => name !== '');
  const files: (string | URL)[] = [...names.map((name) => new URL(name, FOLDER)), ...more];
  return files.map((file) => JSON.parse(readFileSync(file, 'utf8')) as Vectors);
}
