import assert from 'node:assert/strict';
import { test } from 'node:test';
import { componentEmbed, componentNew, parse } from '@bytecodealliance/jco-transpile/wasm-tools';
import { isDocketError } from '../../../src/errors.ts';
import type { WitWorld } from '../../../src/sandbox/wit/model.ts';
import { functionText } from '../../../src/sandbox/wit/text.ts';
import { readWit, worldOf } from '../../../src/sandbox/wit/world.ts';

const WIT = `package test:types@1.2.0;
interface stuff {
  record point { x: u32, y: option<u32> }
  variant shape { dot, circle(f32), poly(list<point>) }
  enum color { red, light-green }
  flags perms { read, write-all }
  resource blob { constructor(init: list<u8>); read: func(n: u32) -> list<u8>; size: static func() -> u32; }
  type pairs = list<tuple<string, u64>>;
  echo: func(p: point, s: shape) -> result<point, string>;
  take: func(b: borrow<blob>) -> tuple<color, perms, char>;
  give: func(a: pairs) -> blob;
}
world w {
  import wasi:logging/logging;
  import host-time: func() -> u64;
  use stuff.{point};
  record num-keys { name: string, val: option<u32> }
  export num-to-kv: func(a: result<u32, string>) -> num-keys;
  export use-point: func(a: point, b: result, c: result<_, u8>);
  export all: func(a: bool, b: s8, c: u8, d: s16, e: u16, f: s32, g: u32, h: s64, i: u64, j: f32, k: f64, l: char, m: string);
  export stuff;
  export inline: interface { go: func() -> bool; }
}
package wasi:logging { interface logging { enum level { trace, info } log: func(level: level, context: string, message: string); } }
`;

/** As lines that WIT has too, to compare by eye. */
function lines({ imports, exports }: WitWorld): string[] {
  const side = (word: string, items: WitWorld['imports']): string[] =>
    items.flatMap((item) =>
      'func' in item
        ? [`${word} ${functionText(item.func)}`]
        : [`${word} ${item.name}`, ...item.interface.map((func) => `  ${functionText(func)}`)],
    );
  return [...side('import', imports), ...side('export', exports)];
}

const POINT = 'record point { x: u32, y: option<u32> }';
const STUFF = [
  '  [constructor]blob: func(init: list<u8>) -> own<blob>',
  '  [method]blob.read: func(self: borrow<blob>, n: u32) -> list<u8>',
  '  [static]blob.size: func() -> u32',
  `  echo: func(p: ${POINT}, s: variant shape { dot, circle(f32), poly(list<${POINT}>) }) -> result<${POINT}, string>`,
  '  take: func(b: borrow<blob>) -> tuple<enum color { red, light-green }, flags perms { read, write-all }, char>',
  '  give: func(a: list<tuple<string, u64>>) -> own<blob>',
];
const EXPECTED = [
  'import wasi:logging/logging',
  '  log: func(level: enum level { trace, info }, context: string, message: string)',
  'import test:types/stuff@1.2.0',
  ...STUFF,
  'import host-time: func() -> u64',
  'export num-to-kv: func(a: result<u32, string>) -> record num-keys { name: string, val: option<u32> }',
  `export use-point: func(a: ${POINT}, b: result, c: result<_, u8>)`,
  'export all: func(a: bool, b: s8, c: u8, d: s16, e: u16, f: s32, g: u32, h: s64, i: u64, j: f32, k: f64, l: char, m: string)',
  'export test:types/stuff@1.2.0',
  ...STUFF,
  'export inline',
  '  go: func() -> bool',
].toSorted();

const embedded = await componentEmbed({ witSource: WIT, dummy: true, world: 'w' });
const component = await componentNew(embedded);

test('the world of a core module stands in its component-type section', () => {
  const found = readWit(embedded);
  assert.equal(found.kind, 'typed-core');
  assert.deepEqual(lines(worldOf(embedded)).toSorted(), EXPECTED);
});

test('the world of a component is what it imports and exports', () => {
  const found = readWit(component);
  assert.ok(found.kind === 'component');
  assert.deepEqual(lines(found.world).toSorted(), EXPECTED);
  assert.ok(found.modules.length > 0 && found.modules.every((module) => WebAssembly.validate(new Uint8Array(module))));
});

/** The section of older tools: the type of the world without that of its package around it. */
test('a component-type section may hold the world without its package', async () => {
  const section = await parse(`(component
    (type (component (import "now" (func (result u64))) (export "add" (func (param "a" u32) (param "b" u32) (result u32)))))
    (export "test:old/world" (type 0)))`);
  assert.deepEqual(lines(worldOf(withSection('component-type:old', section))), [
    'import now: func() -> u64',
    'export add: func(a: u32, b: u32) -> u32',
  ]);
});

test('several component-type sections describe one world', async () => {
  const of = (exported: string): Promise<Uint8Array> => parse(`(component (type (component ${exported})) (export "w" (type 0)))`);
  const instance = (funcs: string): string => `(export "a:b/c" (instance ${funcs}))`;
  const one = withSection('component-type:1', await of(`${instance('(export "x" (func)) (export "y" (func))')} (export "f" (func))`));
  const two = withSection(
    'component-type:2',
    await of(`${instance('(export "y" (func)) (export "z" (func))')} (export "f" (func)) (export "g" (func))`),
  );
  assert.deepEqual(lines(worldOf(Buffer.concat([one, two.subarray(8)]))), [
    'export a:b/c',
    '  x: func()',
    '  y: func()',
    '  z: func()',
    'export f: func()',
    'export g: func()',
  ]);
});

test('a component may be made of others, of aliases and of instances', async () => {
  const bytes = await parse(
    `(component
    (import "host" (instance $host (export "f" (func (param "a" u8))) (type $r (record (field "x" u8))) (export "t" (type $t (eq $r))) (export "g" (func (param "p" $t)))))
    (alias export $host "f" (func $f))
    (component $inner (import "f" (func $f (param "a" u8))) (export "again" (func $f)))
    (instance $made (instantiate $inner (with "f" (func $f))))
    (export "made" (instance $made))
    (export "one" (func $made "again"))
    (instance $inline (export "two" (func $f)) (export "three" (func $host "g")))
    (export "inline" (instance $inline)))`,
  );
  assert.deepEqual(lines(worldOf(bytes)), [
    'import host',
    '  f: func(a: u8)',
    '  g: func(p: record t { x: u8 })',
    'export made',
    '  again: func(a: u8)',
    'export one: func(a: u8)',
    'export inline',
    '  two: func(a: u8)',
    '  three: func(p: record t { x: u8 })',
  ]);
});

test('what belongs to proposals that are not run is read and named', async () => {
  const bytes = await parse(`(component
    (import "a" (func async (param "a" (stream u8)) (param "b" (future)) (result (future string))))
    (import "b" (func (param "e" error-context)))
    (core func (canon error-context.drop))
    (type $s (stream u8)) (core func (canon stream.new $s)) (core func (canon stream.drop-readable $s))
    (core func (canon waitable-set.new)) (core func (canon task.cancel)) (core func (canon backpressure.inc)) (core func (canon task.return)) (core func (canon task.return (result u32)))
    (core func (canon subtask.cancel async)))`);
  assert.deepEqual(lines(worldOf(bytes)), [
    'import a: async func(a: stream<u8>, b: future) -> future<string>',
    'import b: func(e: error-context)',
  ]);
});

test('a core module without such a section has no world', async () => {
  const bytes = await parse('(module (@custom "producers" "x"))');
  assert.equal(readWit(bytes).kind, 'core');
  assert.throws(
    () => worldOf(bytes),
    (error) => isDocketError(error, 'MODULE_INVALID') && /without a component-type section/.test(error.message),
  );
});

function withSection(name: string, contents: Uint8Array): Uint8Array {
  const body = Buffer.concat([Uint8Array.of(name.length), Buffer.from(name), contents]);
  return Buffer.concat([Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 0), leb(body.length), body]);
}

function leb(value: number): Uint8Array {
  return value < 128 ? Uint8Array.of(value) : Buffer.concat([Uint8Array.of((value & 127) | 128), leb(value >>> 7)]);
}
