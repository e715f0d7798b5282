import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { compileMetered } from '../../../src/sandbox/metering/compile.ts';
import { Counters, STACK_SLOTS } from '../../../src/sandbox/metering/counters.ts';
import { meter } from '../../../src/sandbox/metering/meter.ts';
import { prepare } from '../../../src/sandbox/module/prepare.ts';
import { binary, invalid, leb, section, text, vector, wat } from '../module/helpers.ts';
import { Program } from './programs.ts';

const TAPE = Array.from({ length: 800 }, (_, i) => (i * 7919 + i * i * 31) % 65_536);

type Functions = Record<string, (...args: readonly unknown[]) => unknown>;

function start(bytes: Uint8Array, { fuel = 10_000_000, imports = {} }: { fuel?: number; imports?: WebAssembly.Imports } = {}) {
  const counters = new Counters(fuel);
  const { module, memoryImport, info } = compileMetered(bytes);
  const memory = memoryImport && new WebAssembly.Memory({ initial: info.memory!.initial, maximum: info.memory!.maximum ?? 65_536 });
  const instance = new WebAssembly.Instance(module, {
    ...imports,
    ...counters.moduleImports,
    ...(memory === undefined ? {} : { docket: { memory } }),
  });
  return { counters, instance, functions: instance.exports as unknown as Functions, exports: instance.exports };
}

const stackOf = (counters: Counters): unknown => (counters.moduleImports['docket:metering']!['stack'] as WebAssembly.Global).value;

describe('a metered module', () => {
  test('has its globals where they were, wherever they are named', () => {
    const bytes = wat(`(module
      (import "env" "base" (global $base i32))
      (global $own (export "own") (mut i32) (i32.const 7))
      (global $copy (export "copy") i32 (i32.add (global.get $base) (i32.const 1)))
      (global $function (export "function") funcref (ref.func $give))
      (memory (export "memory") 1) (table (export "table") 10 funcref)
      (data (global.get $base) "here") (elem (global.get $base) $give) (elem (table 0) (i32.const 0) funcref (ref.func $give))
      (func $give (export "give") (result i32) (global.set $own (i32.add (global.get $own) (global.get $base))) (global.get $own))
      (export "base" (global $base)))`);
    const { functions, exports } = start(bytes, { imports: { env: { base: new WebAssembly.Global({ value: 'i32' }, 5) } } });
    assert.equal(functions['give']!(), 12);
    const valueOf = (name: string): unknown => (exports[name] as WebAssembly.Global).value;
    assert.deepEqual([valueOf('own'), valueOf('copy'), valueOf('base')], [12, 6, 5]);
    const memory = exports['memory'] as WebAssembly.Memory;
    assert.equal(Buffer.from(memory.buffer, 5, 4).toString(), 'here');
    const table = exports['table'] as WebAssembly.Table & { get(at: number): Functions[string] | null };
    assert.equal(table.get(5)!(), 17);
    assert.equal(table.get(0)!(), 22);
    assert.equal(table.get(1), null);
    assert.equal((valueOf('function') as Functions[string])(), 27);
  });

  test('exports what it exported, under the same types', () => {
    const bytes = wat(`(module (import "env" "f" (func $f (param i64) (result f64)))
      (func $g (export "g") (param i32 i64 f32) (result i32 i64) (drop (call $f (local.get 1))) (local.get 0) (local.get 1))
      (export "f" (func $f)) (export "again" (func $g)))`);
    const { functions, exports } = start(bytes, { imports: { env: { f: (n: bigint) => Number(n) } } });
    assert.deepEqual(functions['g']!(1, 2n, 3), [1, 2n]);
    assert.deepEqual(functions['again']!(1, 2n, 3), [1, 2n]);
    assert.equal(functions['f']!(4n), 4);
    assert.deepEqual(Object.keys(exports), ['g', 'f', 'again']);
  });

  test('may name by reference a function that only its export declares', () => {
    const { functions } = start(
      wat(`(module (table 1 funcref) (type $t (func (result i32)))
        (func $odd (export "odd") (result i32) (call_indirect (type $t) (i32.const 0)))
        (func $one (result i32) (i32.const 1)) (elem (i32.const 0) $one)
        (func (export "isNull") (result i32) (ref.is_null (ref.func $odd))))`),
    );
    assert.equal(functions['isNull']!(), 0);
    assert.equal(functions['odd']!(), 1);
  });

  test('keeps the names of its functions, for traps', () => {
    const bytes = wat('(module (global $g (mut i32) (i32.const 0)) (func $inner unreachable) (func (export "run") (call $inner)))');
    assert.throws(
      () => start(bytes).functions['run']!(),
      (error: Error) => error.stack!.includes('at inner (wasm'),
    );
  });

  test('runs its start function on its fuel', () => {
    const bytes = wat('(module (func $start (loop (br 0))) (start $start))');
    const counters = new Counters(1000);
    assert.throws(() => new WebAssembly.Instance(compileMetered(bytes).module, counters.moduleImports), WebAssembly.RuntimeError);
    assert.deepEqual([counters.exhausted, counters.used], ['fuel', 1000n]);
  });

  test('pays for lengths, and for what grew and not for what was refused', () => {
    const { functions, counters } = start(
      wat(`(module (memory 1 3) (table 0 8 externref)
        (func (export "fill") (param i32) (memory.fill (i32.const 0) (i32.const 1) (local.get 0)))
        (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
        (func (export "growTable") (param i32) (result i32) (table.grow (ref.null extern) (local.get 0))))`),
      { fuel: 1_000_000_000 },
    );
    const cost = (name: string, argument: number): [unknown, bigint] => {
      const before = counters.used;
      const result = functions[name]!(argument);
      return [result, counters.used - before];
    };
    assert.deepEqual(cost('fill', 0), [undefined, 4n]);
    assert.deepEqual(cost('fill', 15), [undefined, 4n]);
    assert.deepEqual(cost('fill', 65_536), [undefined, 4n + 4096n]);
    assert.deepEqual(cost('grow', 2), [1, 2n + 8192n]);
    assert.deepEqual(cost('grow', 60_000), [-1, 2n]);
    assert.deepEqual(cost('growTable', 8), [0, 3n + 8n]);
    assert.deepEqual(cost('growTable', -1), [-1, 3n]);
    assert.throws(() => functions['fill']!(-1), /memory access out of bounds/);
  });

  test('cannot fill for more than its fuel', () => {
    const { functions, counters } = start(
      wat('(module (memory 1) (func (export "f") (memory.fill (i32.const 0) (i32.const 1) (i32.const 65536))))'),
      {
        fuel: 100,
      },
    );
    assert.throws(() => functions['f']!(), /unreachable/);
    assert.equal(counters.exhausted, 'fuel');
  });

  test('has no more once it had none, whoever calls it again', () => {
    const { functions, counters } = start(
      wat('(module (func (export "f")) (func (export "loop") (loop (br 0))) (func (export "g") nop))'),
      { fuel: 100 },
    );
    assert.throws(() => functions['loop']!());
    functions['f']!();
    assert.throws(() => functions['g']!());
    assert.deepEqual([counters.exhausted, counters.left, counters.used], ['fuel', 0n, 100n]);
  });
});

describe('the depth of calls', () => {
  const calls = wat(`(module (import "env" "back" (func $back (param i32)))
    (func $down (export "down") (param i32) (if (local.get 0) (then (call $down (i32.sub (local.get 0) (i32.const 1))))))
    (func (export "bounce") (param i32) (call $back (local.get 0))))`);

  test('is what it was when the guest returned, however often it is called', () => {
    const back: { call: (n: number) => void } = { call: () => undefined };
    const { functions, counters } = start(calls, { imports: { env: { back: (n: number) => back.call(n) } } });
    back.call = (n) => {
      for (let i = 0; i < 100; i++) functions['down']!(n);
    };
    for (let i = 0; i < 1000; i++) functions['down']!(20);
    for (let i = 0; i < 20; i++) functions['bounce']!(50);
    assert.equal(stackOf(counters), BigInt(STACK_SLOTS));
    let inside: unknown;
    back.call = () => void (inside = stackOf(counters));
    functions['bounce']!(0);
    // The door: 10 and the parameter twice. The function: 10, the parameter, an operand.
    assert.equal(inside, BigInt(STACK_SLOTS - 12 - 12));
  });

  test('is not used up by what was left through exceptions or replaced by tail calls', () => {
    const { functions, counters } = start(
      wat(`(module (tag $t)
        (func $throw (param i32) (if (local.get 0) (then (call $throw (i32.sub (local.get 0) (i32.const 1))))) (throw $t))
        (func (export "catch") (param i32)
          (loop $again
            (try (do (call $throw (i32.const 50))) (catch_all))
            (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
        (func $a (export "tail") (param i32) (call $none) (if (local.get 0) (then (return_call $b (i32.sub (local.get 0) (i32.const 1))))))
        (func $b (param i32) (call $throwNot (i32.const 3)) (return_call $a (local.get 0)))
        (func $throwNot (param i32) (if (local.get 0) (then (call $throwNot (i32.sub (local.get 0) (i32.const 1))))))
        (func $none))`),
      { fuel: 100_000_000 },
    );
    functions['catch']!(5000);
    functions['tail']!(100_000);
    assert.equal(counters.exhausted, undefined);
    assert.equal(stackOf(counters), BigInt(STACK_SLOTS));
  });

  test('is bounded through tables, imports of other modules, and large frames of functions that call nobody', () => {
    const through = start(
      wat(
        `(module (table 1 funcref) (type $t (func)) (elem (i32.const 0) $f) (func $f (export "f") (call_indirect (type $t) (i32.const 0)) nop))`,
      ),
    );
    assert.throws(() => through.functions['f']!(), /unreachable/);
    assert.equal(through.counters.exhausted, 'stack');
    const large = start(
      wat(`(module (func $f (export "f") (param i32) (if (local.get 0) (then (call $f (i32.sub (local.get 0) (i32.const 1)))) (else (call $large))))
        (func $large (local ${'i64 '.repeat(5000)})))`),
    );
    large.functions['f']!(5000);
    assert.throws(() => large.functions['f']!(7700), /unreachable/);
    assert.equal(large.counters.exhausted, 'stack');
  });
});

describe('hostile modules', () => {
  const importing = wat('(module (import "docket:metering" "fuel" (global (mut i64))))');

  test('cannot import the counters', () => {
    invalid(() => meter(prepare(importing).bytes), /not for modules/);
    invalid(() => meter(prepare(wat('(module (import "docket:metering" "x" (func)))')).bytes), /not for modules/);
  });

  test('cannot reach what is put in: it would be theirs if V8 were not asked before', () => {
    const withCode = (...code: readonly number[]): Uint8Array => {
      const body = [0, ...code, 0x0b];
      return binary(
        section(1, ...vector([[0x60, 0, 0]])),
        section(3, ...vector([[0]])),
        section(7, ...vector([[...text('f'), 0, 0]])),
        section(10, ...vector([[...leb(body.length), ...body]])),
      );
    };
    const setsLocal = withCode(0x42, 99, 0x21, 0);
    const callsDoor = withCode(0x10, 1);
    const setsGlobal = withCode(0x42, 99, 0x24, 0);
    const branchesOut = withCode(0x0c, 9);
    for (const bytes of [setsLocal, callsDoor, setsGlobal, branchesOut]) invalid(() => compileMetered(bytes));
  });

  test('that V8 only just accepts and that have no room are refused by name', () => {
    const locals = wat(`(module (func (export "f") (local ${'i32 '.repeat(50_000)}) nop))`);
    assert.ok(WebAssembly.validate(prepare(locals).bytes));
    invalid(() => compileMetered(locals), /no room for metering/);
  });

  test('changed anywhere are invalid, or can be metered like any other', () => {
    const guest = readFileSync(new URL('../../../build/guests/compute/bodies.wasm', import.meta.url));
    const modules = (['legacy', 'references'] as const).map((exceptions) => new Program(TAPE, exceptions).encode(false));
    let accepted = 0;
    fc.assert(
      fc.property(
        fc.constantFrom(guest, ...modules),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 3 }),
        (bytes, changes) => {
          const changed = Uint8Array.from(bytes);
          for (const [at, byte] of changes) changed[at % changed.length] = byte;
          try {
            prepare(changed);
          } catch {
            invalid(() => compileMetered(changed));
            return;
          }
          compileMetered(changed);
          accepted++;
        },
      ),
      { numRuns: 3000 },
    );
    assert.ok(accepted > 100, `${accepted}`);
  });

  test('nested as deep as they like are metered without recursion', () => {
    const depth = 100_000;
    const body = [0, ...Array.from({ length: depth * 2 }, (_, i) => (i % 2 === 0 ? 0x02 : 0x40)), ...Array<number>(depth).fill(0x0b), 0x0b];
    const head = [1, ...leb(body.length)];
    const module = binary(section(1, ...vector([[0x60, 0, 0]])), section(3, 1, 0));
    const bytes = Uint8Array.from([...module, 10, ...leb(head.length + body.length), ...head, ...body]);
    assert.ok(meter(bytes).length > bytes.length);
  });

  test('whose functions form a long chain are looked through in bounded rounds', () => {
    const count = 20_000;
    const chain = Array.from({ length: count }, (_, i) => (i === count - 1 ? '(func nop)' : `(func (call ${i + 1}))`)).join('');
    const { functions, counters } = start(wat(`(module ${chain} (export "f" (func 0)))`));
    assert.throws(() => functions['f']!(), /unreachable/);
    assert.equal(counters.exhausted, 'stack');
  });
});
