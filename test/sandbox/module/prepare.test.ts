import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isDocketError } from '../../../src/errors.ts';
import { inspect } from '../../../src/sandbox/module/inspect.ts';
import { compile, prepare } from '../../../src/sandbox/module/prepare.ts';
import { tableCaps } from '../../../src/sandbox/module/table-caps.ts';
import { binary, section, text, wat } from './helpers.ts';

type Functions = Record<string, (...args: unknown[]) => unknown>;

function functions(bytes: Uint8Array, imports: WebAssembly.Imports = {}): Functions {
  return new WebAssembly.Instance(new WebAssembly.Module(bytes), imports).exports as unknown as Functions;
}

function docket(initial: number, maximum: number): WebAssembly.Imports & { docket: { memory: WebAssembly.Memory } } {
  return { docket: { memory: new WebAssembly.Memory({ initial, maximum }) } };
}

test('a defined memory becomes an import, with all indices as they were', () => {
  const original = wat(`(module
    (import "env" "add" (func $add (param i32 i32) (result i32)))
    (memory (export "memory") 2 10)
    (data (i32.const 65536) "\\2a\\00\\00\\00")
    (table 1 funcref) (elem (i32.const 0) $add)
    (func (export "sum") (result i32) (call_indirect (param i32 i32) (result i32) (i32.load (i32.const 65536)) (i32.const 1) (i32.const 0)))
    (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))`);
  const { bytes, info, memoryImport } = prepare(original);
  assert.deepEqual(memoryImport, { module: 'docket', name: 'memory' });
  assert.deepEqual(info, inspect(original));
  const again = inspect(bytes);
  assert.deepEqual(again.imports.at(-1), { module: 'docket', name: 'memory', kind: 'memory', type: { initial: 2, maximum: 10 } });
  assert.deepEqual(again.exports, info.exports);
  assert.deepEqual(again.names, info.names);

  const imports = { env: { add: (a: number, b: number) => a + b }, ...docket(2, 4) };
  const { sum, grow, memory } = functions(bytes, imports);
  assert.equal(sum?.(), 43);
  assert.equal(memory, imports.docket.memory, 'the export is the memory supplied');
  assert.equal(grow?.(2), 2);
  assert.equal(grow?.(1), -1, 'the cap of the memory supplied holds, not the declared one');
});

test('one compiled module serves every cap', () => {
  const module = new WebAssembly.Module(
    prepare(wat('(module (memory 1) (func (export "grow") (result i32) (memory.grow (i32.const 1))))')).bytes,
  );
  for (const cap of [1, 2, 65_536]) {
    const { grow } = new WebAssembly.Instance(module, docket(1, cap)).exports as unknown as Functions;
    assert.equal(grow?.(), cap === 1 ? -1 : 1);
  }
});

test('a module that imports its memory keeps that import', () => {
  const { memoryImport, info } = prepare(wat('(module (import "env" "mem" (memory 3)))'));
  assert.deepEqual(memoryImport, { module: 'env', name: 'mem' });
  assert.deepEqual(info.memory, { initial: 3, imported: { module: 'env', name: 'mem' } });
});

test('a module without memory stays without', () => {
  const prepared = prepare(wat('(module (func (export "f") (result i32) (i32.const 7)))'));
  assert.equal(prepared.memoryImport, undefined);
  assert.equal(functions(prepared.bytes)['f']?.(), 7);
});

test('a module with a memory and nothing else, and one with only custom sections before it', () => {
  for (const bytes of [
    binary(section(5, 1, 0, 1)),
    binary(section(0, ...text('first')), section(5, 1, 0, 1), section(0, ...text('last'))),
  ]) {
    const prepared = prepare(bytes);
    assert.deepEqual(
      inspect(prepared.bytes).imports.map((each) => each.name),
      ['memory'],
    );
    functions(prepared.bytes, docket(1, 1));
  }
});

test('what V8 does not accept is refused in its words, at the byte of the module given', () => {
  // A memory, so that the rewritten bytes are others; then a body that leaves nothing where an i32 is to be.
  const wrong = binary(section(1, 1, 0x60, 0, 1, 0x7f), section(3, 1, 0), section(5, 1, 0, 1), section(10, 1, 2, 0, 0x0b));
  const offset = wrong.length - 1;
  for (const make of [prepare, compile]) {
    assert.throws(
      () => make(wrong),
      (error) =>
        isDocketError(error, 'MODULE_INVALID') && error.message.includes(`@+${offset}`) && /expected 1 elements/.test(error.message),
    );
  }
});

test('compiling gives what preparing gives, and the module', () => {
  const original = wat('(module (memory 1) (func (export "f") (result i32) (memory.size)))');
  const { module, ...prepared } = compile(original);
  assert.deepEqual(prepared, prepare(original));
  const { f } = new WebAssembly.Instance(module, docket(1, 1)).exports as unknown as Functions;
  assert.equal(f?.(), 1);
});

test('preparing twice changes nothing more', () => {
  const once = prepare(wat('(module (memory 1 2) (table 3 funcref) (func nop))'));
  const twice = prepare(once.bytes);
  assert.deepEqual(twice.bytes, once.bytes);
  assert.deepEqual(twice.memoryImport, once.memoryImport);
});

test('traps name the function, other custom sections are gone', () => {
  const original = wat('(module (memory 1) (func $deep unreachable) (func $top (export "f") call $deep))');
  const { bytes } = prepare(Uint8Array.from([...original, ...section(0, ...text('sourceMappingURL'), ...text('http://example.test/'))]));
  assert.throws(
    () => functions(bytes, docket(1, 1))['f']?.(),
    (error: Error) => /deep[\s\S]*top/.test(error.stack ?? ''),
  );
  assert.equal(WebAssembly.Module.customSections(new WebAssembly.Module(bytes), 'sourceMappingURL').length, 0);
});

test('tables that grow without end are stopped', () => {
  const { bytes } = prepare(
    wat(`(module (table $a 10 funcref) (table $b 10 externref) (table $c 5 20 externref)
      (func (export "fill") (result i32) (local $grown i32)
        (loop $more
          (local.set $grown (i32.const 0))
          (if (i32.ne (table.grow $a (ref.null func) (i32.const 1000)) (i32.const -1)) (then (local.set $grown (i32.const 1))))
          (if (i32.ne (table.grow $b (ref.null extern) (i32.const 1000)) (i32.const -1)) (then (local.set $grown (i32.const 1))))
          (br_if $more (local.get $grown)))
        (drop (table.grow $c (ref.null extern) (i32.const 15)))
        (i32.add (table.size $c) (i32.add (table.size $a) (table.size $b)))))`),
  );
  const total = functions(bytes)['fill']?.() as number;
  assert.ok(total > 1_048_576 - 2000 && total <= 1_048_576, `${total} entries`);
});

test('caps of tables: what is declared, what is left in equal shares', () => {
  const table = (initial: number, maximum?: number) => ({
    element: 'funcref' as const,
    initial,
    ...(maximum === undefined ? {} : { maximum }),
  });
  assert.deepEqual(tableCaps([]), []);
  assert.deepEqual(tableCaps([table(5)]), [1_048_576]);
  assert.deepEqual(tableCaps([table(5, 5), table(1, 100)]), [5, 100]);
  assert.deepEqual(tableCaps([table(0), table(76, 576), table(0)]), [524_000, 576, 524_000]);
  assert.deepEqual(tableCaps([table(1_048_576), table(0, 7)]), [1_048_576, 0]);
});

test('exceptions, tags and tail calls work after rewriting', () => {
  const { bytes } = prepare(
    wat(`(module (memory 1) (tag $t (param i32))
      (func $count (param i32 i32) (result i32) (if (result i32) (local.get 0) (then (return_call $count (i32.sub (local.get 0) (i32.const 1)) (i32.add (local.get 1) (i32.const 1)))) (else (local.get 1))))
      (func (export "f") (result i32) (try (result i32) (do (throw $t (call $count (i32.const 100000) (i32.const 0)))) (catch $t))))`),
  );
  assert.equal(functions(bytes, docket(1, 1))['f']?.(), 100_000);
});
