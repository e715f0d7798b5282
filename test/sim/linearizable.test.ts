import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isLinearizable, type RecordCall } from './linearizable.ts';

const put = (begun: number, ended: number, expected: number, value: string, came: RecordCall['came']): RecordCall => ({
  begun,
  ended,
  asked: { verb: 'put', expected, value },
  came,
});
const get = (begun: number, ended: number, came: RecordCall['came']): RecordCall => ({ begun, ended, asked: { verb: 'get' }, came });
const remove = (begun: number, ended: number, expected: number, came: RecordCall['came']): RecordCall => ({
  begun,
  ended,
  asked: { verb: 'delete', expected },
  came,
});

test('the judge of histories lets pass what one record could have done', () => {
  const good: readonly (readonly RecordCall[])[] = [
    [],
    [put(0, 1, 0, 'a', { revision: 1 }), get(2, 3, { value: 'a', revision: 1 })],
    [put(0, 5, 0, 'a', { revision: 1 }), get(1, 2, 'nothing'), get(3, 4, { value: 'a', revision: 1 })],
    [put(0, Infinity, 0, 'a', 'unknown'), get(1, 2, 'nothing'), get(3, 4, { value: 'a', revision: 7 })],
    [put(0, Infinity, 0, 'a', 'unknown'), put(1, 2, 0, 'b', { revision: 2 })],
    [put(0, 1, 0, 'a', { revision: 1 }), remove(2, 3, 1, { revision: 0 }), put(4, 5, 0, 'b', { revision: 3 })],
  ];
  for (const calls of good) assert.equal(isLinearizable(calls), true, JSON.stringify(calls));
});

test('and nothing else', () => {
  const bad: readonly (readonly RecordCall[])[] = [
    [put(0, 1, 0, 'a', { revision: 1 }), get(2, 3, 'nothing')],
    [put(0, 9, 0, 'a', { revision: 1 }), put(0, 9, 0, 'b', { revision: 2 })],
    [put(0, 1, 0, 'a', { revision: 1 }), put(2, 3, 1, 'b', { revision: 1 })],
    [put(0, 9, 0, 'a', { revision: 1 }), get(1, 2, { value: 'a', revision: 1 }), get(3, 4, 'nothing')],
    [put(0, 1, 0, 'a', { revision: 1 }), put(2, 3, 1, 'b', 'refused')],
    [put(0, 1, 0, 'a', { revision: 1 }), remove(2, 3, 1, { revision: 0 }), put(4, 5, 1, 'b', { revision: 3 })],
    [put(0, Infinity, 0, 'a', 'unknown'), get(1, 2, { value: 'a', revision: 7 }), get(3, 4, { value: 'a', revision: 8 })],
  ];
  for (const calls of bad) assert.equal(isLinearizable(calls), false, JSON.stringify(calls));
});
