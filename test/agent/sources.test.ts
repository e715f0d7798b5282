import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Engine } from '../../src/agent/engine.ts';
import { checkModule } from '../../src/agent/module-check.ts';
import { importerOf } from '../../src/agent/importer.ts';
import { localSources } from '../../src/agent/sources.ts';
import { type DocketError, isDocketError } from '../../src/errors.ts';
import * as Cid from '../../src/ipld/cid.ts';
import { digestHex } from '../../src/store/digest.ts';
import { contentPath } from '../../src/store/paths.ts';
import { compile } from '../../src/workflow/compile.ts';
import type { Plan } from '../../src/workflow/model.ts';
import { Place, wat } from './helpers.ts';

/** What a workflow file may name on this machine. */

let place: Place;
let engine: Engine;

/** Too large to lie in the ledger. */
const GOOD = wat(`(module (memory 1) (data (i32.const 0) "${'x'.repeat(8000)}") (func (export "_start")))`);

before(async () => {
  place = new Place();
  engine = await Engine.open({ home: place.paths.home });
  place.write('outside/secret.txt', 'secret');
  place.write('outside/notes/a.md', 'a');
  place.write('outside/good.wasm', GOOD);
  place.write('flow/inside.txt', 'mine');
  place.write('flow/notes/b.md', 'b');
  place.write('flow/broken.wasm', 'no module');
  symlinkSync('../outside/secret.txt', place.at('flow', 'link.txt'));
  symlinkSync('inside.txt', place.at('flow', 'own-link.txt'));
  symlinkSync('../outside', place.at('flow', 'elsewhere'));
  symlinkSync('flow', place.at('alias'));
});
after(async () => {
  await engine[Symbol.asyncDispose]();
  place[Symbol.dispose]();
});

function plan(text: string, options: { reach?: readonly string[]; file?: string } = {}): Promise<Plan> {
  const { file = place.at('flow', 'w.yaml'), ...rest } = options;
  return compile(text, { file, inputs: {}, sources: localSources(file, importerOf(engine), rest) });
}

async function refusal(text: string, options?: Parameters<typeof plan>[1]): Promise<DocketError> {
  const error: unknown = await plan(text, options).then(
    () => assert.fail(`accepted: ${text}`),
    (reason: unknown) => reason,
  );
  assert.ok(isDocketError(error), String(error));
  return error;
}

test('a path with a colon in it is no URL', async () => {
  place.write('flow/a:b.wasm', GOOD);
  const { tasks } = await plan('tasks: { a: { module: "a:b.wasm", stdin: x } }');
  assert.equal(tasks[0]!.module?.toString(), Cid.ofBlob(GOOD).toString());
});

const task = (rest: string): string => `tasks:\n  a:\n    module: ../outside/good.wasm\n    ${rest}\n`;

const OUT_OF_REACH: Readonly<Record<string, (path: string) => string>> = {
  'stdin: {file}': (path) => task(`stdin: { file: ${path} }`),
  'files: {file}': (path) => task(`files: { x: { file: ${path} } }`),
  'files: {dir}': (path) => task(`files: { x: { dir: ${path} } }`),
  'each: {glob}': (path) => task(`each: { glob: "${path}/*" }`),
};

test('what lies outside of the folder of the workflow file is refused with its place, however it is named', async () => {
  for (const [what, text] of Object.entries(OUT_OF_REACH)) {
    for (const path of [
      '../outside/secret.txt',
      '/etc/hostname',
      '../outside/not/there',
      'notes/../../outside',
      'elsewhere/secret.txt',
      'elsewhere',
    ]) {
      const error = await refusal(text(path));
      assert.equal(error.code, 'INPUT_ESCAPES', `${what} ${path}: ${error.message}`);
      assert.deepEqual([error.place?.file, error.place?.line], [place.at('flow', 'w.yaml'), 4]);
      assert.match(error.next, /--input/);
    }
  }
  assert.equal((await refusal(task('stdin: { file: link.txt }'))).code, 'INPUT_ESCAPES', 'a link is followed before it is judged');
});

test('what lies inside is fine, through links and other names of the folder too', async () => {
  for (const path of ['inside.txt', './notes/../inside.txt', place.at('flow', 'inside.txt'), 'own-link.txt', '../flow/inside.txt'])
    assert.equal((await plan(task(`stdin: { file: "${path}" }`))).tasks.length, 1, path);
  assert.equal((await plan(task('stdin: { file: inside.txt }'), { file: place.at('alias', 'w.yaml') })).tasks.length, 1);
  assert.equal((await refusal(task('stdin: { file: missing.txt }'))).code, 'INPUT_UNREADABLE');
});

test('what whoever runs it pointed at is fine: files, folders, and where patterns start', async () => {
  for (const reach of ['../outside', '../outside/secret.txt', place.at('outside'), place.at('outside', '*.txt'), place.folder, '/'])
    assert.equal((await plan(task('stdin: { file: ../outside/secret.txt }'), { reach: [reach] })).tasks.length, 1, reach);
  const each = task('each: { glob: "../outside/**/*.md" }\n    stdin: { file: "${item}" }');
  assert.equal((await plan(each, { reach: ['../outside/**/*.md'] })).tasks[0]!.label, 'a[../outside/notes/a.md]');
  assert.equal(
    (await refusal(task('stdin: { file: ../outside/secret.txt }'), { reach: ['../out', '../outside/notes'] })).code,
    'INPUT_ESCAPES',
  );
});

test('a module that could never run is refused before anything does, at the place that names it', async () => {
  const own = await refusal('tasks:\n  fine: { module: ../outside/good.wasm }\n  bad: { module: broken.wasm }\n');
  assert.deepEqual([own.code, own.place?.line, own.place?.column], ['MODULE_INVALID', 3, 18]);
  assert.match(own.message, /^module broken\.wasm: not valid WebAssembly/);
  assert.equal((await refusal('tasks:\n  bad: { module: broken.wasm }\n')).code, 'MODULE_INVALID', 'also when the file is known');

  const run = '{ "run": { "rsc": "broken.wasm", "op": "wasm/run", "input": { "func": "f", "args": [] } }, "meta": {}, "prf": [] }';
  const homestar = await refusal(`{ "tasks": [\n${run} ] }`, { file: place.at('flow', 'w.json') });
  assert.deepEqual([homestar.code, homestar.place?.line, homestar.place?.column], ['MODULE_INVALID', 2, 12]);

  const { cid } = await engine.store.put(Buffer.from('\0asm no module'));
  const named = await refusal(`tasks:\n  bad: { module: { cid: ${cid} } }\n`);
  assert.deepEqual([named.code, named.place?.line], ['MODULE_INVALID', 2]);
  const absent = Cid.ofBlob(Buffer.from('never stored'));
  assert.equal((await plan(`tasks:\n  a: { module: { cid: ${absent} } }\n`)).tasks.length, 1, 'what is not there is not judged');
  assert.deepEqual(engine.ledger.runs({ limit: 1 }), []);
});

test('a module is looked into once: afterwards it is not even read', async () => {
  const file = place.write('flow/once.wasm', GOOD);
  await plan('tasks:\n  a: { module: once.wasm }\n');
  const cid = Cid.ofBlob(GOOD);
  assert.ok(readdirSync(place.paths.modules).includes(digestHex(cid)));
  writeFileSync(contentPath(place.paths.store, digestHex(cid)), 'damaged');
  await checkModule(engine, cid, file);
  await engine.store.put(GOOD);
});

test('marks are not needed: where none can be made, modules are looked into again', async () => {
  using other = new Place();
  await using fresh = await Engine.open({ home: other.paths.home });
  mkdirSync(join(other.paths.modules, '..'), { recursive: true });
  writeFileSync(other.paths.modules, 'a file where the folder would be');
  const { cid } = await fresh.store.put(GOOD);
  await checkModule(fresh, cid, 'x');
  const bad = await fresh.store.put(Buffer.from('nothing'));
  for (let times = 0; times < 2; times++) await assert.rejects(checkModule(fresh, bad.cid, 'x'), { code: 'MODULE_INVALID' });
});
