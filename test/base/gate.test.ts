import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Gate } from '../../src/base/gate.ts';

const never = new AbortController().signal;

test('so many are in at a time, the others come in the order they waited', async () => {
  const gate = new Gate(2);
  const order: string[] = [];
  const enter = async (name: string): Promise<Disposable> => {
    const place = await gate.enter(never);
    order.push(name);
    return place;
  };
  const first = await enter('a');
  await enter('b');
  const waiting = ['c', 'd'].map(enter);
  await Promise.resolve();
  assert.deepEqual(order, ['a', 'b']);
  first[Symbol.dispose]();
  const third = await waiting[0]!;
  assert.deepEqual(order, ['a', 'b', 'c']);
  third[Symbol.dispose]();
  await waiting[1];
  assert.deepEqual(order, ['a', 'b', 'c', 'd']);
});

test('who gives up waiting takes nobody’s place', async () => {
  const gate = new Gate(1);
  const place = await gate.enter(never);
  const stop = new AbortController();
  const given = gate.enter(stop.signal);
  const next = gate.enter(never);
  stop.abort(new Error('enough'));
  await assert.rejects(given, /enough/);
  place[Symbol.dispose]();
  (await next)[Symbol.dispose]();
  (await gate.enter(never))[Symbol.dispose]();
  await assert.rejects(gate.enter(AbortSignal.abort(new Error('late'))), /late/);
});
