import assert from 'node:assert/strict';
import { test } from 'node:test';
import { helpers, LOGGING, make, REALLOC, wasi } from '../components.ts';
import { Place } from './helpers.ts';

/** Logs what it is given, and gives it back. */
const SHOUT = `(module (import "wasi:logging/logging" "log" (func $log (param i32 i32 i32 i32 i32))) (memory (export "memory") 2) ${REALLOC}
  (func (export "shout") (param i32 i32) (result i32)
    (call $log (i32.const 2) (i32.const 0) (i32.const 0) (local.get 0) (local.get 1))
    (i32.store (i32.const 8) (local.get 0)) (i32.store (i32.const 12) (local.get 1)) (i32.const 8)))`;
const WORLD = 'world guest { import wasi:logging/logging; export shout: func(a: string) -> string; }';

test('components in a workflow: values pass from one to the next, logs are kept beside them', async () => {
  using place = new Place();
  const { component, core } = await make(SHOUT, WORLD, LOGGING);
  place.write('component.wasm', component);
  place.write('core.wasm', core);
  const long = 'x'.repeat(5000);
  place.write(
    'w.yaml',
    `docket: 1
tasks:
  first: { op: wasm/run, module: component.wasm, func: shout, args: ["héllo"] }
  second: { op: wasm/run, module: core.wasm, func: shout, args: [{ from: first }] }
  long: { op: wasm/run, module: core.wasm, func: shout, args: ["${long}"] }
outputs:
  said: { from: second }
`,
  );
  const ran = await place.docket(['run', 'w.yaml']);
  assert.equal(ran.status, 0, ran.stderr);
  assert.equal(ran.stdout, 'héllo\n');
  assert.equal((await place.docket(['logs', 'last', 'second'])).stderr, 'info: héllo\n');
  assert.equal((await place.docket(['logs', 'last', 'long'])).stderr, `info: ${long}\n`);
  assert.match((await place.docket(['run', 'w.yaml'])).stderr, /3 cached/);
  assert.equal((await place.docket(['logs', 'last', 'second'])).stderr, 'info: héllo\n');
});

test('exec of a component says how its functions are called', async () => {
  using place = new Place();
  place.write('component.wasm', (await make(SHOUT, WORLD, LOGGING)).component);
  const { status, stderr } = await place.docket(['exec', './component.wasm']);
  assert.equal(status, 126);
  assert.match(stderr, /component.*\n.*docket inspect \.\/component\.wasm/);
});

test('a component that imports what is not there is refused before anything runs', async () => {
  using place = new Place();
  const http = 'package wasi:http@0.2.0 { interface types { open: func(); } }';
  const wat = '(module (import "wasi:http/types@0.2.0" "open" (func)) (func (export "f")))';
  const { component } = await make(wat, 'world guest { import wasi:http/types@0.2.0; export f: func(); }', `${http} ${wasi('0.2.0')}`);
  place.write('c.wasm', component);
  place.write('w.yaml', 'docket: 1\ntasks:\n  t: { op: wasm/run, module: c.wasm, func: f }\n');
  const { status, stderr } = await place.docket(['run', 'w.yaml']);
  assert.equal(status, 2);
  assert.match(stderr, /imports what is not there: "wasi:http\/types@0\.2\.0" \[MODULE_INVALID\]/);
});

test('a component that is granted the clock runs every time, unless its author wants otherwise, and its receipt says so', async () => {
  using place = new Place();
  const { component } = await make(
    `(module (import "homestar:host/helpers@0.1.1" "get-current-time" (func $time (param i32))) (memory (export "memory") 2) ${REALLOC}
      (func (export "since-start") (result i32) (call $time (i32.const 64)) (i32.load (i32.const 76))))`,
    'world guest { import homestar:host/helpers@0.1.1; export since-start: func() -> u32; }',
    helpers('0.1.1'),
  );
  place.write('c.wasm', component);
  const flow = (more: string): string => place.write('w.yaml', `tasks: { t: { module: c.wasm, func: since-start${more} } }`);
  const cids = async (): Promise<{ instruction: string; task: string }> =>
    (JSON.parse((await place.docket(['cid', '--json', 'w.yaml'])).stdout) as { tasks: [{ instruction: string; task: string }] }).tasks[0];
  const ran = async (): Promise<{ out: string; line: string }> => {
    const { status, stdout, stderr } = await place.docket(['run', 'w.yaml']);
    assert.equal(status, 0, stderr);
    return { out: stdout, line: stderr };
  };
  flow('');
  const plain = await cids();
  assert.equal((await ran()).out, 't: 1000\n');
  flow(', grant: [clock]');
  const granted = await cids();
  assert.deepEqual([granted.instruction === plain.instruction, granted.task === plain.task], [true, false]);
  const real = await ran();
  assert.notEqual(real.out, 't: 1000\n', 'what was computed without the grant is no result of this');
  assert.match((await ran()).line, /1 ran/);
  const { tasks } = JSON.parse((await place.docket(['show', 'last', '--json'])).stdout) as { tasks: [{ receipt: string }] };
  const { receipt } = JSON.parse((await place.docket(['receipt', 'show', tasks[0].receipt])).stdout) as {
    receipt: { meta: { grants: unknown } };
  };
  assert.deepEqual(receipt.meta.grants, ['clock']);
  assert.equal((await place.docket(['receipt', 'verify', tasks[0].receipt])).status, 0);
  assert.match((await place.docket(['why', 'last', 't'])).stdout, /granted/);
  flow(', grant: [clock], memo: always');
  const kept = await ran();
  assert.match((await ran()).line, /1 cached/);
  assert.equal((await ran()).out, kept.out);
  flow('');
  const back = await ran();
  assert.deepEqual([back.out, /1 cached/.test(back.line)], ['t: 1000\n', true]);
});
