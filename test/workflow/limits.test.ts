import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { isDocketError } from '../../src/errors.ts';
import { Float, type IpldMap } from '../../src/ipld/value.ts';
import { DEFAULT_LIMITS, DEFAULT_RETRY, fromMeta, retryFromMeta, toMeta } from '../../src/workflow/limits.ts';

function refused(meta: IpldMap, pattern: RegExp): void {
  assert.throws(
    () => fromMeta(meta),
    (error) => isDocketError(error, 'LIMIT_REFUSED') && pattern.test(`${error.message} ${error.next}`),
    inspect(meta),
  );
}

test('an empty meta gives the defaults', () => {
  assert.deepEqual(fromMeta({}), DEFAULT_LIMITS);
  assert.deepEqual(retryFromMeta({}), DEFAULT_RETRY);
});

test('limits given replace the defaults one by one', () => {
  assert.deepEqual(fromMeta({ memory: 65_536, openFiles: 4 }), { ...DEFAULT_LIMITS, memory: 65_536, openFiles: 4 });
  assert.deepEqual(fromMeta({ memory: 2 ** 32, time: 100_000, output: 0 }), {
    ...DEFAULT_LIMITS,
    memory: 2 ** 32,
    time: 100_000,
    output: 0,
  });
});

test('memory is rounded down to whole pages', () => {
  assert.equal(fromMeta({ memory: 100_000 }).memory, 65_536);
});

test('values out of range or of the wrong kind are refused, naming the range', () => {
  refused({ memory: 65_535 }, /65536 to 4294967296.*64 KiB to 4 GiB/);
  refused({ memory: 2 ** 32 + 1 }, /64 KiB to 4 GiB/);
  refused({ time: 0 }, /1 ms to 24 d/);
  refused({ time: 25 * 86_400_000 }, /1 ms to 24 d/);
  refused({ output: -1 }, /0 B to 1 TiB/);
  refused({ openFiles: 3 }, /4 to 65536/);
  for (const value of ['64MiB', null, true, new Float(65_536), 1.5, 2n ** 64n, [], {}]) refused({ memory: value }, /"memory" must be/);
});

test('fuel is any u64; the largest and above mean none, also as the float parsers make of it', () => {
  for (const fuel of [2n ** 64n - 1n, 2n ** 64n, new Float(18_446_744_073_709_552_000)])
    assert.deepEqual(fromMeta({ fuel }), DEFAULT_LIMITS);
  for (const fuel of [0, 1000, 2 ** 53 - 1, 2n ** 63n, 2n ** 64n - 2n]) {
    assert.deepEqual(fromMeta({ fuel }), { ...DEFAULT_LIMITS, fuel });
    assert.deepEqual(toMeta({ fuel }), { fuel });
  }
  for (const fuel of [-1, 1.5, new Float(1e18), 'none', null, true, [], {}, -(2n ** 60n)]) refused({ fuel }, /0 to 18446744073709551614/);
});

test('a key that is not known is refused: it might be a limit', () => {
  refused({ gas: 5 }, /"gas".*Known keys: memory/);
  refused({ toString: 5 }, /"toString"/);
  refused(Object.fromEntries([['__proto__', 1]]), /"__proto__"/);
});

test('toMeta keeps only what is given', () => {
  assert.deepEqual(toMeta({}), {});
  assert.deepEqual(toMeta({ time: 10 }), { time: 10 });
  assert.deepEqual(toMeta({ time: 10, fuel: 2n ** 64n - 1n }), { time: 10 });
  assert.throws(() => toMeta({ time: 0 }), { code: 'LIMIT_REFUSED' });
});

test('retry', () => {
  assert.deepEqual(retryFromMeta({ retry: { attempts: 1 } }), { ...DEFAULT_RETRY, attempts: 1 });
  assert.deepEqual(retryFromMeta({ retry: { backoff: 0, onFailure: true } }), { attempts: 3, backoff: 0, onFailure: true });
  assert.throws(() => retryFromMeta({ retry: { attempts: 0 } }), { code: 'LIMIT_REFUSED' });
  assert.throws(() => retryFromMeta({ retry: { backoff: 3_600_001 } }), { code: 'LIMIT_REFUSED' });
  for (const retry of [3, null, [], { onFailure: 1 }, { tries: 3 }])
    assert.throws(() => retryFromMeta({ retry }), { code: 'WORKFLOW_INVALID' });
});
