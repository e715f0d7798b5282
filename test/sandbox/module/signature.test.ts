import fc from 'fast-check';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Float, type Ipld } from '../../../src/ipld/value.ts';
import type { Failure } from '../../../src/receipt/outcome.ts';
import { prepare } from '../../../src/sandbox/module/prepare.ts';
import { callable, fromWasmResults, type Signature, toWasmArgs } from '../../../src/sandbox/module/signature.ts';
import { wat } from './helpers.ts';

const { bytes, info } = prepare(
  wat(`(module
    (memory (export "memory") 1)
    (func (export "i32") (param i32) (result i32) local.get 0)
    (func (export "i64") (param i64) (result i64) local.get 0)
    (func (export "f32") (param f32) (result f32) local.get 0)
    (func (export "f64") (param f64) (result f64) local.get 0)
    (func (export "none"))
    (func (export "many") (param i32 i64 f32 f64) (result f64 f32 i64 i32) local.get 3 local.get 2 local.get 1 local.get 0)
    (func (export "vector") (param v128))
    (func (export "reference") (result funcref) ref.null func))`),
);
const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), {
  docket: { memory: new WebAssembly.Memory({ initial: 1, maximum: 1 }) },
});

function signatureOf(func: string): Signature {
  const found = callable(info, func);
  assert.ok('signature' in found);
  return found.signature;
}

/** Through a real function that gives its arguments back. */
function call(func: string, ...args: Ipld[]): Ipld | Failure {
  const signature = signatureOf(func);
  const converted = toWasmArgs(signature, args);
  if ('failure' in converted) return converted.failure;
  const result = fromWasmResults(signature, (instance.exports[func] as (...args: unknown[]) => unknown)(...converted.args));
  return 'failure' in result ? result.failure : result.value;
}

function failureOf(result: unknown): Failure {
  assert.ok(typeof result === 'object' && result !== null && 'code' in result, `${String(result)} is no failure`);
  return result as Failure;
}

test('i32 takes both spellings of its bits and gives the signed one', () => {
  assert.equal(call('i32', -(2 ** 31)), -(2 ** 31));
  assert.equal(call('i32', 2 ** 32 - 1), -1);
  assert.equal(call('i32', 2 ** 31), -(2 ** 31));
  assert.equal(call('i32', 7n), 7);
  for (const bad of [2 ** 32, -(2 ** 31) - 1, 2n ** 70n, 1.5, new Float(1), '1', true, null, [1], { a: 1 }, new Uint8Array(2)]) {
    const failure = failureOf(call('i32', bad));
    assert.deepEqual([failure.code, failure.data?.['index'], failure.data?.['type']], ['invalid', 0, 'i32']);
  }
});

test('i64 takes both spellings of its bits and gives the signed one, exactly', () => {
  assert.equal(call('i64', 2n ** 64n - 1n), -1);
  assert.equal(call('i64', -(2n ** 63n)), -(2n ** 63n));
  assert.equal(call('i64', 2n ** 53n + 1n), 2n ** 53n + 1n);
  assert.equal(call('i64', 5), 5);
  assert.equal(failureOf(call('i64', 2n ** 64n)).code, 'invalid');
  assert.equal(failureOf(call('i64', -(2n ** 63n) - 1n)).code, 'invalid');
  assert.equal(failureOf(call('i64', 0.5)).code, 'invalid');
});

test('floats come back as floats, f32 in its shortest form', () => {
  assert.deepEqual(call('f64', 1), new Float(1));
  assert.deepEqual(call('f64', new Float(-0)), new Float(-0));
  assert.equal(call('f64', 0.1), 0.1);
  assert.deepEqual(call('f64', 2n ** 60n), new Float(2 ** 60));
  assert.equal(call('f32', 3883.2), 3883.2);
  assert.equal(call('f32', 1e-45), 1e-45);
  assert.match(failureOf(call('f32', 1e39)).message, /argument 0 is .* not an integer or float within/);
  assert.equal(failureOf(call('f64', '1.5')).data?.['value'], '"1.5"');
});

test('every f32 survives being written as its shortest decimal', () => {
  fc.assert(
    fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), (value) => {
      const back = call('f32', Number.isInteger(value) ? new Float(value) : value) as number | Float;
      assert.ok(Object.is(Math.fround(back instanceof Float ? back.value : back), value));
    }),
    { numRuns: 500 },
  );
});

test('no result is null, several are a list', () => {
  assert.equal(call('none'), null);
  assert.deepEqual(call('many', 1, 2, 3.5, 4), [new Float(4), 3.5, 2, 1]);
});

test('NaN and infinities have no IPLD form', () => {
  for (const value of [Number.NaN, Infinity, -Infinity]) {
    const result = fromWasmResults(signatureOf('many'), [1.5, value, 0n, 0]);
    assert.ok('failure' in result);
    assert.deepEqual(result.failure.data, { index: 1, type: 'f32', value: String(value) });
  }
});

test('a wrong number of arguments names the parameters', () => {
  assert.match(failureOf(call('many', 1, 2)).message, /2 arguments are given, the function takes 4: \(i32, i64, f32, f64\)/);
});

test('a function that is not there lists those that are', () => {
  const missing = callable(info, 'I32');
  assert.ok('failure' in missing);
  assert.equal(missing.failure.code, 'invalid');
  assert.deepEqual(missing.failure.data?.['exports'], ['i32', 'i64', 'f32', 'f64', 'none', 'many', 'vector', 'reference']);
  for (const [func, message] of [
    ['memory', /is a memory, not a function/],
    ['vector', /takes or returns v128/],
    ['reference', /takes or returns funcref/],
    ['__proto__', /does not export/],
  ] as const) {
    const found = callable(info, func);
    assert.ok('failure' in found, func);
    assert.match(found.failure.message, message);
  }
});
