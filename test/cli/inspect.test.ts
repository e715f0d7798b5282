import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import * as Cid from '../../src/ipld/cid.ts';
import { componentEmbed, componentNew, parse } from '@bytecodealliance/jco-transpile/wasm-tools';
import { echoComponent } from '../sandbox/wit/echo.ts';
import { type Failure, guest, Place } from './helpers.ts';

/** `docket inspect`. */

let place: Place;
const declarations = 'record point { x: u8, y: option<u8> }';
const { component, core } = await echoComponent({ 'echo-points': 'point', 'echo-texts': 'string' }, { declarations });
const WIT = `package a:b@1.0.0;
interface i { resource blob; make: func(n: u32) -> blob; name: func(s: string, l: list<u8>) -> result<string>; }
world w { import wasi:io/poll@0.2.3; import wasi:http/types@0.2.0; import now: func() -> u64; export i; }
package wasi:io@0.2.3 { interface poll { resource pollable; poll: func(all: list<borrow<pollable>>) -> list<u32>; } }
package wasi:http@0.2.0 { interface types { go: func(); } }`;
const strange = await componentNew(await componentEmbed({ witSource: WIT, dummy: true, world: 'a:b/w' }));

before(() => {
  place = new Place();
  place.write('echo.wasm', component);
  place.write('typed.wasm', core);
  place.write('strange.wasm', strange);
});
after(() => place[Symbol.dispose]());

interface Inspected {
  readonly cid: string;
  readonly kind: string;
  readonly size: number;
  readonly memories: readonly unknown[];
  readonly exports: readonly { readonly name: string; readonly type: string; readonly notCallable: string | null }[];
  readonly imports: readonly {
    readonly name: string;
    readonly offered: boolean;
    readonly types: readonly string[];
    readonly note: string | null;
  }[];
  readonly call: unknown;
}

const ECHOES = [
  'echo-points: func(a: list<record point { x: u8, y: option<u8> }>) -> list<record point { x: u8, y: option<u8> }>',
  'echo-texts: func(a: list<string>) -> list<string>',
];

test('a component is shown with its WIT types, and how to call it', async () => {
  assert.equal(
    await place.out('inspect', 'echo.wasm'),
    `kind    component
cid     ${Cid.ofBlob(component)}
size    ${component.length} B
memory  12.5 MiB to begin with, as much as the task may have

exports
  ${ECHOES[0]}
  ${ECHOES[1]}

imports nothing

call it from a task of a workflow:
  result: { module: "echo.wasm", func: "echo-points", args: [[{"x":1,"y":1}]] }
`,
  );
});

test('a core module with a component type too', async () => {
  const found = await place.json<Inspected>('inspect', 'typed.wasm');
  assert.equal(found.kind, 'core module with a component type');
  assert.deepEqual(
    found.exports.map(({ type }) => type),
    ECHOES,
  );
  assert.deepEqual(found.memories, [{ initial: 200 * 65_536, maximum: null }]);
});

test('what cannot be called and what is not offered is said', async () => {
  const { exports, imports, call } = await place.json<Inspected>('inspect', 'strange.wasm');
  assert.deepEqual(
    exports.map(({ name, notCallable }) => [name, notCallable]),
    [
      ['a:b/i@1.0.0#make', 'its result holds own<blob>, which cannot be passed'],
      ['a:b/i@1.0.0#name', null],
    ],
  );
  assert.deepEqual(
    imports.map(({ name, offered, types }) => [name, offered, types]),
    [
      ['wasi:io/poll@0.2.3', true, ['poll: func(all: list<borrow<pollable>>) -> list<u32>']],
      ['wasi:http/types@0.2.0', false, ['go: func()']],
      ['now', false, ['now: func() -> u64']],
    ],
  );
  assert.deepEqual(call, { op: 'wasm/run', func: 'a:b/i@1.0.0#name', args: ['text', [1]] });
  assert.match(
    await place.out('inspect', 'strange.wasm'),
    /a:b\/i@1\.0\.0#make: func\(n: u32\) -> own<blob>\n    cannot be called: its result holds own<blob>/,
  );
});

test('a command of preview 1 is shown as one', async () => {
  const path = guest('count-words');
  const shown = await place.out('inspect', path);
  assert.match(shown, /wasi_snapshot_preview1\.fd_read: \(i32, i32, i32, i32\) -> \(i32\)  \[offered: preview 1, with wasi\/run\]/);
  assert.match(shown, /run it as a command:\n  docket exec .*count-words\.wasm -- ARGS\n/);
});

test('imports that nobody gives are marked', async () => {
  place.write(
    'wants.wasm',
    await parse(`(module (import "env" "f" (func)) (import "wasi_snapshot_preview1" "fd_read" (func (param f32))) (import "e\\1bv" "t" (table 1 funcref))
      (import "env" "memory" (memory 1 2)) (func (export "v") (param v128)))`),
  );
  const { imports, exports, memories, call } = await place.json<Inspected>('inspect', './wants.wasm');
  assert.deepEqual(
    imports.map(({ name, offered, note }) => [name, offered, note]),
    [
      ['env.f', false, 'only an extension named env could give it'],
      ['wasi_snapshot_preview1.fd_read', false, 'fd_read is imported as (f32) -> (), it is (i32, i32, i32, i32) -> (i32)'],
      ['e\u001bv.t', false, null],
      ['env.memory', true, 'the memory of the task'],
    ],
  );
  assert.deepEqual(memories, [{ initial: 65_536, maximum: 131_072 }]);
  assert.match(exports[0]?.notCallable ?? '', /other than i32/);
  assert.equal(call, null);
  const text = await place.out('inspect', './wants.wasm');
  assert.ok(!text.includes('\u001b') && text.endsWith('A task cannot call anything in it.\n'));
});

test('a module is found by its CID and by its name', async () => {
  const cid = Cid.ofBlob(component).toString();
  const missing = await place.json<Failure>('inspect', cid);
  assert.equal(missing.error.code, 'BLOB_MISSING');
  await place.out('store', 'put', 'echo.wasm');
  for (const word of [cid, `ipfs://${cid}`]) assert.equal((await place.json<Inspected>('inspect', word)).cid, cid);
  assert.match(await place.out('inspect', cid), new RegExp(`module: \\{ cid: ${cid} \\}`));
  const words = guest('count-words');
  place.write(
    'words.toml',
    `namespace = "sh.example"\nname = "words"\ndescription = "counts"\nversion = "1.0.0"\nbinary = ${JSON.stringify(words)}\n`,
  );
  await place.out('manifest', 'push', 'words.toml');
  const found = await place.json<Inspected>('inspect', 'sh.example.words@1');
  assert.equal(found.cid, Cid.ofBlob(readFileSync(words)).toString());
});

/** Larger than one chunk of UnixFS, as Homestar's modules are: then IPFS has a name of its own for it. */
test('a module is found by what IPFS calls it, and its arguments are checked by that name too', async () => {
  const padding = await parse(`(module (memory 10) (data (i32.const 0) "${'x'.repeat(300_000)}"))`);
  const large = Buffer.concat([component, Uint8Array.of(1), leb(padding.length), padding]);
  place.write('large.wasm', large);
  const name = (await place.out('store', 'put', '--unixfs', 'large.wasm')).trim();
  assert.match(name, /^bafybei/);
  for (const word of [name, `ipfs://${name}`])
    assert.equal((await place.json<Inspected>('inspect', word)).cid, Cid.ofBlob(large).toString());
  const run = { rsc: `ipfs://${name}`, op: 'wasm/run', input: { func: 'echo_texts', args: [[7]] }, nnc: '' };
  place.write('w.json', JSON.stringify({ tasks: [{ run, cause: null, meta: {}, prf: [] }] }));
  const { error } = await place.json<Failure>('run', 'w.json');
  assert.equal(error.code, 'ARGUMENT_INVALID');
  assert.match(error.message, /parameter "a" at \[0\] is 7, not string/);
});

function leb(value: number): Uint8Array {
  return value < 128 ? Uint8Array.of(value) : Buffer.concat([Uint8Array.of((value & 127) | 128), leb(value >>> 7)]);
}

test('what is no module is refused, with its name', async () => {
  place.write('broken.wasm', component.subarray(0, 100));
  for (const [word, code, message] of [
    ['broken.wasm', 'MODULE_INVALID', /^broken\.wasm: not valid WebAssembly: .* at byte \d+$/],
    ['absent.wasm', 'INPUT_UNREADABLE', /absent\.wasm/],
    ['word', 'USAGE', /neither the path of a module nor a full name/],
    ['sh.example.nobody', 'MANIFEST_UNKNOWN', /no module named/],
    ['ipfs://nothing', 'CID_INVALID', /not a CID/],
  ] as const) {
    const { error } = await place.json<Failure>('inspect', word);
    assert.equal(error.code, code);
    assert.match(error.message, message);
  }
});

test('a wrong argument is refused before anything runs', async () => {
  place.write(
    'w.yaml',
    'tasks:\n  good: { module: echo.wasm, func: echo-texts, args: [[a]] }\n  bad: { module: echo.wasm, func: echoPoints, args: [[{ x: 1, y: many }]] }\n',
  );
  const { error } = await place.json<Failure>('run', 'w.yaml');
  assert.equal(error.code, 'ARGUMENT_INVALID');
  assert.match(error.message, /^task bad: parameter "a" at \[0\]\.y is "many", not u8: it takes integers of 0 to 255/);
  assert.deepEqual((await place.json<{ runs: unknown[] }>('runs')).runs, []);
});

test('how to call it is not said of a component that wants what nobody offers', async () => {
  const text = await place.out('inspect', 'strange.wasm');
  assert.match(text, /NOT OFFERED[^]*\nA task cannot call anything in it: not all it imports is offered\.\n$/);
});
