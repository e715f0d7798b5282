import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from '../../../src/sandbox/module/inspect.ts';
import { binary, HEADER, invalid, section, text, vector, wat, withBody } from './helpers.ts';

test('tells imports, exports, memory, tables, start and names', () => {
  const info = inspect(
    wat(`(module $sample
      (import "env" "log" (func $log (param i32 i64) (result f32)))
      (import "env" "limit" (global $limit i32))
      (import "env" "table" (table 3 9 externref))
      (table 1 funcref)
      (memory (export "memory") 2 10)
      (global $g (export "g") (mut f64) (f64.const 1))
      (func $swap (export "swap") (param f64 v128) (result v128 f64) local.get 1 local.get 0)
      (func $main nop)
      (export "table" (table 1))
      (start $main))`),
  );
  assert.deepEqual(info, {
    imports: [
      { module: 'env', name: 'log', kind: 'function', type: { params: ['i32', 'i64'], results: ['f32'] } },
      { module: 'env', name: 'limit', kind: 'global', type: { value: 'i32', mutable: false } },
      { module: 'env', name: 'table', kind: 'table', type: { element: 'externref', initial: 3, maximum: 9 } },
    ],
    exports: [
      { name: 'memory', kind: 'memory', type: { initial: 2, maximum: 10 } },
      { name: 'g', kind: 'global', type: { value: 'f64', mutable: true } },
      { name: 'swap', kind: 'function', type: { params: ['f64', 'v128'], results: ['v128', 'f64'] } },
      { name: 'table', kind: 'table', type: { element: 'funcref', initial: 1 } },
    ],
    memory: { initial: 2, maximum: 10 },
    tables: [
      { element: 'externref', initial: 3, maximum: 9, imported: { module: 'env', name: 'table' } },
      { element: 'funcref', initial: 1 },
    ],
    globals: 2,
    functions: 2,
    start: true,
    hasComponentType: false,
    names: { module: 'sample', functions: 3 },
    features: ['multi-value', 'mutable-globals', 'reference-types', 'simd'],
  });
});

test('tells an imported memory and the names of a component to be', () => {
  const info = inspect(
    binary(
      section(2, ...vector([[...text('env'), ...text('memory'), 2, 0, 5]])),
      section(0, ...text('component-type:world'), 1, 2, 3),
      section(0, ...text('name'), 0xff),
    ),
  );
  assert.deepEqual(info.memory, { initial: 5, imported: { module: 'env', name: 'memory' } });
  assert.equal(info.hasComponentType, true);
  assert.equal(info.names, undefined, 'a broken name section is no fault of the module');
});

test('the empty module is a module', () => {
  const info = inspect(Uint8Array.from(HEADER));
  assert.deepEqual([info.memory, info.tables, info.features], [undefined, [], []]);
});

const FEATURES: Readonly<Record<string, string>> = {
  'sign-extension': '(func (drop (i32.extend8_s (i32.const 1))))',
  'nontrapping-float-to-int': '(func (drop (i32.trunc_sat_f32_s (f32.const 1))))',
  'bulk-memory': '(memory 1) (func (memory.fill (i32.const 0) (i32.const 0) (i32.const 0)))',
  'reference-types': '(table 1 externref) (func (drop (table.size 0)))',
  'multi-value': '(func (result i32 i32) (i32.const 1) (i32.const 2))',
  simd: '(func (drop (v128.const i64x2 1 2)))',
  'mutable-globals': '(global (export "g") (mut i32) (i32.const 0))',
  'tail-call': '(func $f (return_call $f))',
  'extended-const': '(global i32 (i32.add (i32.const 1) (i32.const 2)))',
  exceptions: '(tag $t (param i32)) (func (throw $t (i32.const 1)))',
  'legacy-exceptions': '(func (try (do nop) (catch_all nop)))',
};

for (const [name, body] of Object.entries(FEATURES)) {
  test(`names the feature ${name}`, () => {
    assert.deepEqual(inspect(wat(`(module ${body})`)).features, [name]);
  });
}

test('exceptions by reference may stand on the stack', () => {
  const info = inspect(withBody(0x02, 0x69, 0x1f, 0x40, 1, 3, 1, 0x0b, 0x00, 0x0b, 0x0a));
  assert.ok(info.features.includes('exceptions'));
});

/** Element and data segments of every kind, and a branch table, in one module. */
test('walks segments of every kind', () => {
  const info = inspect(
    wat(`(module
      (memory 1) (table $a 4 funcref) (table $b 4 externref)
      (func $f (param i32) (block (block (br_table 0 1 0 (local.get 0)))))
      (elem (i32.const 0) $f $f)
      (elem func $f)
      (elem declare func $f)
      (elem (table $a) (i32.const 0) funcref (ref.func $f) (ref.null func))
      (elem (table $b) (i32.const 1) externref (ref.null extern))
      (elem funcref (ref.func $f))
      (elem declare funcref (ref.func $f))
      (data (i32.const 8) "active")
      (data "passive")
      (func (table.init 1 (i32.const 0) (i32.const 0) (i32.const 1)) (memory.init 1 (i32.const 0) (i32.const 0) (i32.const 1))))`),
  );
  assert.equal(info.functions, 2);
  assert.deepEqual(info.features, ['bulk-memory', 'reference-types']);
});

test('a component is refused as one', () => {
  const error = invalid(() => inspect(Uint8Array.from([0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0])), /component, where a core module is needed/);
  assert.equal(error.details['component'], true);
});

test('errors say at which byte', () => {
  const error = invalid(() => inspect(withBody(0x01, 0xff)), /opcode 0xff does not exist, at byte 35/);
  assert.equal(error.details['offset'], 35);
});
