// Builds the pages: each one a single file that holds its style and its script, and a policy that names both by their hashes and
// forbids everything else. So a page can be passed on as a file, opened without a server, and load nothing.

import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const home = resolve(dirname(fileURLToPath(import.meta.url)), '..');

mkdirSync(join(home, 'dist'), { recursive: true });
const style = readFileSync(join(home, 'page/style.css'), 'utf8');
write('inro-verify.html', readFileSync(join(home, 'page/index.html'), 'utf8'), style, bundle('page/page.ts'));
const empty = '<!doctype html>\n<meta charset="utf-8">\n<!-- policy -->\n<title>checks</title>\n<!-- style -->\n<!-- script -->\n';
write('checks.html', empty, '', bundle('test/browser.ts'));

function write(name, page, css, script) {
  const policy = [
    "default-src 'none'", `script-src '${hashOf(script)}'`, `style-src '${hashOf(css)}'`, "base-uri 'none'", "form-action 'none'",
    "require-trusted-types-for 'script'", "trusted-types 'none'",
  ].join('; ');
  const filled = page
    .replace('<!-- policy -->', () => `<meta http-equiv="Content-Security-Policy" content="${policy}">`)
    .replace('<!-- style -->', () => `<style>${css}</style>`)
    .replace('<!-- script -->', () => `<script>${script}</script>`);
  writeFileSync(join(home, 'dist', name), filled);
}

function hashOf(text) {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}

/** All modules that `entry` uses, in one script: each in a function of its own, run when it is first asked for. */
function bundle(entry) {
  const modules = new Map();
  take(join(home, entry), modules);
  const bodies = [...modules].map(([id, body]) => `${JSON.stringify(id)}: (require, exports) => {\n${body}}`).join(',\n');
  const script = `(() => {
const made = {};
const modules = {\n${bodies}\n};
const load = (id) => { if (!(id in made)) { made[id] = {}; modules[id](load, made[id]); } return made[id]; };
load(${JSON.stringify(idOf(join(home, entry)))});
})();\n`;
  if (/<\/script/i.test(script)) throw new Error('a script that ends its own element');
  return script;
}

function take(path, modules) {
  const id = idOf(path);
  if (modules.has(id)) return;
  modules.set(id, '');
  const { outputText } = ts.transpileModule(readFileSync(path, 'utf8'), {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.CommonJS, removeComments: true },
  });
  modules.set(id, outputText.replace(/require\("(\.[^"]+)\.js"\)/g, (_, relative) => {
    const used = resolve(dirname(path), `${relative}.ts`);
    take(used, modules);
    return `require(${JSON.stringify(idOf(used))})`;
  }));
}

function idOf(path) {
  return path.slice(home.length + 1).replaceAll('\\', '/').replace(/\.ts$/, '');
}
