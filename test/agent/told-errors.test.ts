import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EventLog } from '../../src/base/event-log.ts';
import { KeptLogs } from '../../src/agent/kept-logs.ts';
import { toldErrors } from '../../src/agent/told-errors.ts';

/** What is told of a run stays bounded, however it fails. */

const errors = (count: number, message: string): Parameters<typeof toldErrors>[0] =>
  Array.from({ length: count }, (_, i) => ({ task: `t[${i}]`, code: 'trap', message, skipped: i }));

test('few short errors are told as they are', () => {
  assert.deepEqual(toldErrors(errors(3, 'no')), { errors: errors(3, 'no'), moreErrors: 0 });
});

test('of many a thousand are told, of long ones the beginning, and never more than a line holds', () => {
  const many = toldErrors(errors(300_000, 'no'));
  assert.deepEqual([many.errors.length, many.moreErrors], [1000, 299_000]);
  const [long] = toldErrors(errors(1, '😀'.repeat(10_000))).errors;
  assert.ok(long!.message.length <= 2001 && long!.message.isWellFormed());
  for (const message of ['x'.repeat(5000), '\0'.repeat(5000)]) {
    const told = toldErrors(errors(2000, message));
    assert.equal(told.errors.length + told.moreErrors, 2000);
    assert.ok(told.errors.length > 0 && JSON.stringify(told).length < 2 ** 20);
  }
  const named = toldErrors([{ task: 't'.repeat(2 ** 21), code: 'trap', message: '', skipped: 0 }]);
  assert.ok(JSON.stringify(named).length < 2 ** 20);
});

function logOf(size: number): EventLog {
  const log = new EventLog();
  log.add('x', 'y'.repeat(size - 2));
  log.close();
  return log;
}

test('of logs as many are kept as there is room for, the newest first of all', () => {
  const logs = new KeptLogs({ characters: 100 });
  for (const name of ['a', 'b', 'c']) logs.keep(name, logOf(40));
  const has = (): string[] => ['a', 'b', 'c', 'd', 'e'].filter((name) => logs.get(name) !== undefined);
  assert.deepEqual(has(), ['b', 'c']);
  logs.keep('c', logOf(50));
  assert.deepEqual(has(), ['b', 'c'], 'one that is kept again counts once');
  logs.keep('d', logOf(60));
  assert.deepEqual(has(), ['d']);
  const many = new KeptLogs();
  for (let i = 0; i < 150; i++) many.keep(String(i), logOf(10));
  assert.deepEqual([many.get('49'), many.get('50') !== undefined], [undefined, true]);
});
