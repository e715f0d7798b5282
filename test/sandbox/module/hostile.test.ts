import fc from 'fast-check';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isDocketError } from '../../../src/errors.ts';
import { inspect } from '../../../src/sandbox/module/inspect.ts';
import { prepare } from '../../../src/sandbox/module/prepare.ts';
import { binary, HEADER, invalid, leb, section, text, vector, wat, withBody } from './helpers.ts';

/** A module with something of everything. */
const RICH = wat(`(module $rich
  (import "env" "f" (func $imported (param i32) (result i32)))
  (import "env" "g" (global $ig (mut i64)))
  (type $binary (func (param i32 i32) (result i32)))
  (table $a 4 funcref) (table $b 1 8 externref)
  (memory (export "memory") 1 3)
  (tag $t (param i32))
  (global $g (export "g") (mut i32) (i32.const 7))
  (global f64 (f64.const 0.5))
  (global v128 (v128.const i32x4 1 2 3 4))
  (func $add (type $binary) (i32.add (local.get 0) (local.get 1)))
  (func $main (export "main") (param i32) (result i32) (local i64 f32) (local v128)
    (block $out (block (br_table 0 $out 0 (local.get 0))))
    (try (do (throw $t (i32.const 300))) (catch $t drop) (catch_all nop))
    (memory.fill (i32.const 0) (i32.const 1) (i32.const 2))
    (memory.copy (i32.const 0) (i32.const 1) (i32.const 2))
    (memory.init $d (i32.const 0) (i32.const 0) (i32.const 1))
    (table.copy $a $a (i32.const 0) (i32.const 1) (i32.const 1))
    (drop (table.grow $b (ref.null extern) (i32.const 1)))
    (local.set 3 (i8x16.shuffle 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 (v128.load offset=16 (i32.const 0)) (v128.const i64x2 1 2)))
    (local.set 1 (i64.extend_i32_u (i32.trunc_sat_f32_s (f32.const 1.5))))
    (local.set 0 (select (result i32) (i32.const -5) (i32.const 1000000) (ref.is_null (ref.func $add))))
    (i64.store offset=4 (i32.const 8) (i64.const -1234567890123))
    (if (result i32) (local.get 0) (then (call_indirect $a (type $binary) (i32.const 1) (i32.const 2) (i32.const 0))) (else (return_call $imported (i32.const 1)))))
  (func $start nop)
  (start $start)
  (elem (table $a) (i32.const 0) func $add $main)
  (elem declare func $add)
  (data $d "passive") (data (i32.const 8) "active"))`);

const MEMORY_ONLY = wat('(module (memory 1) (func (export "f") (result i32) (memory.grow (i32.const 1))))');

test('the rich module is fine', () => {
  assert.equal(inspect(RICH).functions, 3);
  assert.ok(WebAssembly.validate(prepare(RICH).bytes));
});

test('a module cut off at any byte is invalid, never another error', () => {
  // Between two sections the rest may be missing without the part before being malformed; V8 then agrees that it is a module.
  for (let length = 0; length < RICH.length; length++) {
    const part = RICH.slice(0, length);
    if (WebAssembly.validate(part)) inspect(part);
    else invalid(() => prepare(part));
  }
});

test('numbers longer or larger than their type', () => {
  invalid(() => inspect(binary([1, 0x81, 0x80, 0x80, 0x80, 0x80, 0x00, 0])), /longer than 5 bytes/);
  invalid(() => inspect(binary([1, 0x81, 0x80, 0x80, 0x80, 0x10, 0])), /too large for its type/);
  invalid(() => inspect(withBody(0x41, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x1a)), /too large/);
  invalid(() => inspect(withBody(0x41, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00, 0x1a)), /longer than 5/);
  invalid(() => inspect(withBody(0x42, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01, 0x1a)), /too large/);
  inspect(withBody(0x41, 0xff, 0xff, 0xff, 0xff, 0x7f, 0x1a));
  inspect(withBody(0x42, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7f, 0x1a));
  // Longer than needed within the type's length is allowed: linkers pad numbers to patch them.
  inspect(withBody(0x41, 0x81, 0x80, 0x00, 0x1a));
});

const HUGE = [0xff, 0xff, 0xff, 0xff, 0x0f];

test('announced counts cost nothing', () => {
  for (const id of [1, 2, 3, 4, 5, 13, 6, 7, 9, 10, 11]) invalid(() => inspect(binary(section(id, ...HUGE))), /4294967295/);
  invalid(() => inspect(binary(section(1, 1, 0x60, ...HUGE))), /4294967295 types of a parameter/);
  invalid(() => inspect(withBody(0x0e, ...HUGE)), /branch labels/);
  invalid(() => inspect(binary(section(1, 1, 0x60, 0, 0), section(3, 1, 0), section(10, 1, 6, ...HUGE, 0x0b))), /groups of locals/);
  invalid(() => inspect(binary(section(0, ...HUGE, 0x61))), /beyond the end/);
  invalid(() => inspect(binary([1, ...HUGE])), /beyond the end/);
});

test('lists beyond what anyone reads are refused before they are built', () => {
  const entry = [...text(''), ...text(''), 0, 0];
  const contents = [0xa1, 0x8d, 0x06, ...Array.from({ length: 100_001 * entry.length }, (_, i) => entry[i % entry.length] as number)];
  const bytes = Uint8Array.from([...HEADER, 2, ...leb(contents.length)].concat(contents));
  invalid(() => inspect(bytes), /100001 imports are more than the 100000 allowed/);
});

test('four billion locals in one group are for V8 to judge', () => {
  const body = [1, ...HUGE, 0x7f, 0x0b];
  const bytes = binary(section(1, 1, 0x60, 0, 0), section(3, 1, 0), section(10, 1, body.length, ...body));
  inspect(bytes);
  invalid(() => prepare(bytes), /local count too large/);
});

test('sections out of order, twice, of unknown kind, too short, too long', () => {
  const types = section(1, ...vector([[0x60, 0, 0]]));
  const memory = section(5, ...vector([[0, 1]]));
  invalid(() => inspect(binary(memory, types)), /type section comes twice or too late/);
  invalid(() => inspect(binary(types, types)), /twice/);
  invalid(() => inspect(binary(memory, section(13, 0), section(13, 0))), /tag section comes twice/);
  invalid(() => inspect(binary(section(14, 0))), /section 0x0e does not exist/);
  invalid(() => inspect(binary(section(5, 1, 0, 1, 9))), /memory section has 1 bytes too many/);
  invalid(() => inspect(binary(section(3, 0), section(10, 1, 2, 0, 0x0b))), /0 functions are declared, 1 have a body/);
  invalid(() => inspect(binary(section(12, 2))), /2 data segments are announced, 0 are there/);
  invalid(() => inspect(binary([1])), /expected|end/);
});

test('names', () => {
  const exported = (...names: number[][]): Uint8Array => binary(memorySection, section(7, ...vector(names.map((name) => [...name, 2, 0]))));
  const memorySection = section(5, ...vector([[0, 1]]));
  invalid(() => inspect(exported(text('a'), text('a'))), /two exports are named "a"/);
  invalid(() => inspect(exported([1, 0xff])), /not UTF-8/);
  const long = 'x'.repeat(5000);
  assert.ok(invalid(() => inspect(exported(text(long), text(long)))).message.length < 300, 'messages stay short');
  invalid(() => inspect(exported(text('x'.repeat(100_001)))), /100001 bytes, 100000 are allowed/);
  assert.deepEqual(
    inspect(exported(text('\uFEFFa'), text('a'))).exports.map((each) => each.name),
    ['\uFEFFa', 'a'],
  );
  assert.equal(inspect(exported(text('__proto__'))).exports[0]?.name, '__proto__');
});

test('bodies that do not end where they say', () => {
  invalid(() => inspect(withBody(0x41)), /ends inside an instruction|does not end/);
  invalid(() => inspect(withBody(0x43, 1, 2)), /ends inside an instruction/);
  invalid(() => inspect(withBody(0xfd, 0x0c, 1, 2, 3)), /ends inside an instruction/);
  invalid(() => inspect(binary(section(1, 1, 0x60, 0, 0), section(3, 1, 0), section(10, 1, 2, 0, 0x01))), /does not end with/);
  invalid(() => inspect(binary(section(1, 1, 0x60, 0, 0), section(3, 1, 0), section(10, 1, 1, 0))), /does not end with/);
});

test('what V8 does not accept is refused in its words, with the offset in the bytes given', () => {
  const broken = withBody(0x6a);
  invalid(() => prepare(broken), new RegExp(`Compiling function #0 failed: not enough arguments.*@\\+${broken.length - 2}`));
});

/** Flips and deletes bytes behind the header, so that most of the changes reach the sections. */
function mutation(original: Uint8Array): fc.Arbitrary<Uint8Array> {
  const change = fc.record({ at: fc.nat(original.length - 9), byte: fc.nat(255), bits: fc.boolean() });
  return fc.array(change, { minLength: 1, maxLength: 4 }).map((changes) => {
    const bytes = original.slice();
    for (const { at, byte, bits } of changes) bytes[at + 8] = bits ? (bytes[at + 8] as number) ^ (1 << (byte % 8)) : byte;
    return bytes;
  });
}

for (const [name, original, runs] of [
  ['rich', RICH, 4000],
  ['small', MEMORY_ONLY, 3000],
] as const) {
  test(`changed bytes never crash it, and the rewritten module is valid exactly if the original is: ${name}`, () => {
    let passed = 0;
    fc.assert(
      fc.property(mutation(original), (bytes) => {
        try {
          inspect(bytes);
        } catch (error) {
          assert.ok(isDocketError(error, 'MODULE_INVALID'), String(error));
          return;
        }
        passed++;
        const valid = WebAssembly.validate(bytes);
        try {
          prepare(bytes);
          assert.ok(valid, 'prepared what V8 refuses');
        } catch (error) {
          assert.ok(isDocketError(error, 'MODULE_INVALID'), String(error));
          assert.ok(!valid || /tables/.test(error.message), error.message);
        }
      }),
      { numRuns: runs },
    );
    assert.ok(passed > runs / 20, `${passed} of ${runs} were let in`);
  });
}

test('any bytes at all', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (tail, header) => {
      try {
        inspect(header ? Uint8Array.from([...HEADER, ...tail]) : tail);
      } catch (error) {
        assert.ok(isDocketError(error, 'MODULE_INVALID'), String(error));
      }
    }),
    { numRuns: 2000 },
  );
});
