import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { checkCalls } from '../../src/agent/check-calls.ts';
import { Engine } from '../../src/agent/engine.ts';
import { importerOf } from '../../src/agent/importer.ts';
import { checkModule, judgeModule } from '../../src/agent/module-check.ts';
import { runPlan } from '../../src/agent/run-plan.ts';
import { localSources } from '../../src/agent/sources.ts';
import { type DocketError, isDocketError } from '../../src/errors.ts';
import * as Cid from '../../src/ipld/cid.ts';
import * as DagJson from '../../src/ipld/dag-json.ts';
import type { Ipld } from '../../src/ipld/value.ts';
import { digestHex } from '../../src/store/digest.ts';
import { compile } from '../../src/workflow/compile.ts';
import type { Plan } from '../../src/workflow/model.ts';
import { echoComponent } from '../sandbox/wit/echo.ts';
import { Place, wat } from './helpers.ts';

/** What a task may call of a module with WIT types is known before the run. */

let place: Place;
let engine: Engine;
const { component, core } = await echoComponent(
  { 'echo-numbers': 'u16', 'echo-points': 'point', 'echo-bytes': 'list<u8>' },
  { declarations: 'record point { x: u8, y: option<u8> }' },
);

before(async () => {
  place = new Place();
  engine = await Engine.open({ home: place.paths.home });
  place.write('component.wasm', component);
  place.write('typed.wasm', core);
  place.write('plain.wasm', wat('(module (func (export "f") (param i32)))'));
});
after(async () => {
  await engine[Symbol.asyncDispose]();
  place[Symbol.dispose]();
});

/** A workflow as Homestar's clients write it. */
function plan(
  module: string,
  ...calls: readonly { readonly func: string; readonly args: readonly Ipld[]; readonly grant?: readonly string[] }[]
): Promise<Plan> {
  const file = place.at('w.json');
  const tasks = calls.map(({ grant, ...input }) => ({
    cause: null,
    meta: grant === undefined ? {} : { grant },
    prf: [],
    run: { input: { ...input }, nnc: '', op: 'wasm/run', rsc: module },
  }));
  return compile(DagJson.encode({ tasks }), { file, inputs: {}, sources: localSources(file, importerOf(engine), {}) });
}

async function refusal(module: string, func: string, ...args: Ipld[]): Promise<DocketError> {
  const error: unknown = await plan(module, { func, args })
    .then((made) => checkCalls(engine, made))
    .then(
      () => assert.fail('accepted'),
      (reason: unknown) => reason,
    );
  assert.ok(isDocketError(error, 'ARGUMENT_INVALID'), String(error));
  return error;
}

for (const module of ['component.wasm', 'typed.wasm']) {
  test(`a wrong argument of ${module} is told with its parameter, type and value`, async () => {
    const error = await refusal(module, 'echoPoints', [
      { x: 1, y: null },
      { x: 256, y: 1 },
    ]);
    assert.match(
      error.message,
      /^task \S+: parameter "a" at \[1\]\.x is 256, not u8: it takes integers of 0 to 255 \(all of it: list<record point \{ x: u8, y: option<u8> \}>\)$/,
    );
    assert.deepEqual(error.details['param'], 'a');
    assert.match(
      (await refusal(module, 'echo_numbers')).message,
      /0 arguments are given, the function takes 1: "a" \(list<u16>\) is missing/,
    );
    assert.match(
      (await refusal(module, 'echo')).message,
      /does not export "echo": it exports "echo-numbers", "echo-points", "echo-bytes"$/,
    );
  });
}

test('nothing is run, and no run is recorded', async () => {
  await assert.rejects(runPlan(engine, await plan('component.wasm', { func: 'echo-numbers', args: ['x'] })), { code: 'ARGUMENT_INVALID' });
  assert.deepEqual(engine.ledger.runs({ limit: 10 }), []);
});

test('what is only known in the run is not looked at', async () => {
  const first = await plan('component.wasm', { func: 'echo-numbers', args: [[1]] });
  const promise = { 'await/ok': first.tasks[0]!.instruction };
  const calls = [promise, [promise]].map((arg) => ({ func: 'echo-numbers', args: [arg] }));
  await checkCalls(engine, await plan('component.wasm', { func: 'echo-numbers', args: [[1]] }, ...calls));
});

test('a link stands for bytes where bytes are wanted, and nowhere else', async () => {
  const link = Cid.ofBlob(Uint8Array.of(1));
  const unixFs = Cid.parse('bafybeiejevluvtoevgk66plh5t6xiy3ikyuuxg3vgofuvpeckb6eadresm');
  await checkCalls(engine, await plan('component.wasm', { func: 'echo-bytes', args: [[link, unixFs, Uint8Array.of(1)]] }));
  assert.match((await refusal('component.wasm', 'echo-numbers', [link])).message, /at \[0\] is the link bafkrei\w+, not u16/);
  assert.match((await refusal('component.wasm', 'echo-numbers', link)).message, /is the link bafkrei\w+, not list<u16>/);
});

test('core modules, and modules that are not here, are judged in the run', async () => {
  await checkCalls(engine, await plan('plain.wasm', { func: 'nothing', args: ['x'] }));
  const absent = Cid.ofBlob(Uint8Array.of(9));
  await checkCalls(engine, await plan(`ipfs://${absent}`, { func: 'nothing', args: ['x'] }));
});

test('what can be used of the host is granted to modules with WIT types, and refused to those that call nothing', async () => {
  const grant = ['clock'];
  for (const module of ['component.wasm', 'typed.wasm'])
    await checkCalls(engine, await plan(module, { func: 'echo-numbers', args: [[1]], grant }));
  const granted = await plan('plain.wasm', { func: 'f', args: [1] }, { func: 'f', args: [2], grant });
  await assert.rejects(checkCalls(engine, granted), {
    code: 'WORKFLOW_INVALID',
    message: /^task 1: the module .* cannot use what it is granted: clock$/,
  });
  await checkCalls(engine, await plan('plain.wasm', { func: 'f', args: [2], grant: [] }));
});

test('the kind of a module is remembered; what a mark of an earlier Docket does not say is found out', async () => {
  const { cid } = await engine.store.put(component);
  const mark = join(engine.paths.modules, digestHex(cid));
  assert.equal(await checkModule(engine, cid, 'x'), 'wit');
  assert.equal(readFileSync(mark, 'utf8'), 'wit');
  writeFileSync(mark, '');
  assert.equal(await checkModule(engine, cid, 'x'), 'wit');
  assert.equal(readFileSync(mark, 'utf8'), 'wit');
});

test('a component with a core module that is not let in is refused', async () => {
  const inner = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 5, 4, 1, 3, 1, 2);
  const broken = Buffer.concat([Uint8Array.of(0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0, 1, inner.length), inner]);
  place.write('broken.wasm', broken);
  await assert.rejects(
    plan('broken.wasm', { func: 'f', args: [] }),
    (error) => isDocketError(error, 'MODULE_INVALID') && /module broken\.wasm: .*threads/.test(error.message),
  );
});

test('a result among the arguments is checked as what it holds', async () => {
  await checkCalls(engine, await plan('component.wasm', { func: 'echo-numbers', args: [['ok', [1, 2]]] }));
  assert.match((await refusal('component.wasm', 'echo-numbers', ['ok', ['one']])).message, /u16/);
});

test('a component is judged without V8 compiling anything of it', async () => {
  const { Module } = WebAssembly;
  try {
    WebAssembly.Module = function refuse() {
      throw new Error('compiled');
    } as unknown as typeof Module;
    assert.equal(await judgeModule(component, 'component.wasm'), 'wit');
  } finally {
    WebAssembly.Module = Module;
  }
});
