import { test } from 'node:test';
import assert from 'node:assert/strict';
import { inspect } from '../../../src/sandbox/module/inspect.ts';
import { prepare } from '../../../src/sandbox/module/prepare.ts';
import { binary, invalid, section, text, vector, wat, withBody } from './helpers.ts';

/** Each with a module that V8 may well run; the message must name the feature. */
const REFUSED: readonly (readonly [feature: string, what: string, bytes: () => Uint8Array])[] = [
  ['garbage collection', 'struct type', () => binary(section(1, ...vector([[0x5f, 1, 0x7f, 1]])))],
  ['garbage collection', 'array type', () => binary(section(1, ...vector([[0x5e, 0x7f, 1]])))],
  ['garbage collection', 'recursive group', () => binary(section(1, ...vector([[0x4e, 1, 0x60, 0, 0]])))],
  ['garbage collection', 'subtype', () => binary(section(1, ...vector([[0x50, 0, 0x60, 0, 0]])))],
  ['garbage collection', 'final subtype', () => binary(section(1, ...vector([[0x4f, 0, 0x60, 0, 0]])))],
  ['garbage collection', 'anyref parameter', () => binary(section(1, ...vector([[0x60, 1, 0x6e, 0]])))],
  ['garbage collection', 'array.new_default', () => withBody(0xfb, 7, 0)],
  ['garbage collection', 'ref.i31', () => withBody(0x41, 0, 0xfb, 0x1c, 0x1a)],
  ['garbage collection', 'ref.i31 in a global', () => binary(section(6, ...vector([[0x7f, 0, 0x41, 0, 0xfb, 0x1c, 0x0b]])))],
  ['garbage collection', 'ref.eq', () => withBody(0xd3)],
  ['garbage collection', 'ref.null any', () => withBody(0xd0, 0x6e, 0x1a)],
  ['garbage collection', 'eqref table', () => binary(section(4, ...vector([[0x6d, 0, 1]])))],
  ['garbage collection', 'i31ref block', () => withBody(0x02, 0x6c, 0x00, 0x0b, 0x1a)],
  ['typed function references', 'call_ref', () => withBody(0x14, 0)],
  ['typed function references', '(ref 0) parameter', () => binary(section(1, ...vector([[0x60, 1, 0x64, 0, 0]])))],
  ['typed function references', 'ref.null 0', () => withBody(0xd0, 0, 0x1a)],
  ['typed function references', 'table with initial value', () => binary(section(4, ...vector([[0x40, 0, 0x70, 0, 1, 0xd0, 0x70, 0x0b]])))],
  [
    'multi-memory',
    'two memories',
    () =>
      binary(
        section(
          5,
          ...vector([
            [0, 1],
            [0, 1],
          ]),
        ),
      ),
  ],
  ['multi-memory', 'two imported memories', () => binary(section(2, ...vector([1, 2].map(() => [...text('a'), ...text('b'), 2, 0, 1]))))],
  [
    'multi-memory',
    'imported and defined',
    () => binary(section(2, ...vector([[...text('a'), ...text('b'), 2, 0, 1]])), section(5, ...vector([[0, 1]]))),
  ],
  ['multi-memory', 'memory.grow of another', () => withBody(0x41, 0, 0x40, 1, 0x1a)],
  ['multi-memory', 'load from another', () => withBody(0x41, 0, 0x28, 0x42, 0, 0, 0x1a)],
  ['multi-memory', 'load from the first, named', () => withBody(0x41, 0, 0x28, 0x40, 0, 0, 0x1a)],
  ['multi-memory', 'data of another', () => binary(section(5, ...vector([[0, 1]])), section(11, ...vector([[2, 1, 0x41, 0, 0x0b, 0]])))],
  ['memory64', '64-bit memory', () => wat('(module (memory i64 1))')],
  ['memory64', '64-bit imported memory', () => wat('(module (import "a" "b" (memory i64 1)))')],
  ['memory64', '64-bit table', () => binary(section(4, ...vector([[0x70, 4, 1]])))],
  ['threads', 'shared memory', () => wat('(module (memory 1 1 shared))')],
  ['threads', 'shared table', () => binary(section(4, ...vector([[0x70, 3, 1, 1]])))],
  ['threads', 'shared global', () => binary(section(6, ...vector([[0x7f, 3, 0x41, 0, 0x0b]])))],
  ['threads', 'atomic load', () => wat('(module (memory 1 1) (func (drop (i32.atomic.load (i32.const 0)))))')],
  ['threads', 'atomic fence', () => wat('(module (func (atomic.fence)))')],
  [
    'relaxed SIMD',
    'relaxed swizzle',
    () => wat('(module (func (drop (i8x16.relaxed_swizzle (v128.const i64x2 0 0) (v128.const i64x2 0 0)))))'),
  ],
  ['half precision', 'f16x8.splat', () => withBody(0xfd, 0xa0, 0x02)],
  ['stringref', 'string parameter', () => binary(section(1, ...vector([[0x60, 1, 0x67, 0]])))],
  ['stringref', 'string.new_utf8', () => withBody(0xfb, 0x80, 0x01, 0)],
  ['custom page sizes', 'one byte pages', () => binary(section(5, ...vector([[8, 1, 0]])))],
  [
    'stack switching',
    'continuation type',
    () =>
      binary(
        section(
          1,
          ...vector([
            [0x60, 0, 0],
            [0x5d, 0],
          ]),
        ),
      ),
  ],
  ['stack switching', 'suspend', () => withBody(0xe2, 0)],
  ['wide arithmetic', 'i64.add128', () => withBody(0xfc, 19)],
  ['memory control', 'memory.discard', () => withBody(0xfc, 18, 0)],
  ['exnref', 'global', () => binary(section(6, ...vector([[0x69, 1, 0xd0, 0x69, 0x0b]])))],
  ['exnref', 'table', () => binary(section(4, ...vector([[0x69, 0, 1]])))],
  ['exnref', 'payload of a tag', () => binary(section(1, ...vector([[0x60, 1, 0x69, 0]])), section(13, ...vector([[0, 0]])))],
];

for (const [feature, what, bytes] of REFUSED) {
  test(`refuses ${feature}: ${what}`, () => {
    const error = invalid(() => inspect(bytes()), /refused/);
    assert.ok(String(error.details['feature']).includes(feature), error.message);
    assert.ok(error.message.includes(feature), error.message);
  });
}

test('refuses a large payload of exceptions', () => {
  const params = Array.from({ length: 17 }, () => 0x7e);
  invalid(
    () => inspect(binary(section(1, ...vector([[0x60, ...vector(params.map((type) => [type])), 0]])), section(13, ...vector([[0, 0]])))),
    /17 values, 16 are allowed/,
  );
});

test('refuses more than 16 tables, and tables that start too large', () => {
  const tables = (count: number, initial: number): string => `(module ${`(table ${initial} funcref)`.repeat(count)})`;
  invalid(() => prepare(wat(tables(17, 1))), /more than 16 tables/);
  invalid(() => prepare(wat(tables(2, 600_000))), /start with 1200000 entries, 1048576 are allowed/);
  prepare(wat(tables(16, 65_536)));
});
