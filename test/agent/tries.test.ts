import assert from 'node:assert/strict';
import { test } from 'node:test';
import { givenUp, judge, type Tries, withTries } from '../../src/agent/tries.ts';

/** What is done with a run whose agent was killed, by what is known of earlier times. */

const row = (tries?: Tries) => ({ run: 'R', options: withTries({ options: { agent: true } }, tries) });

test('a run that got on goes on, and what was before is forgotten', () => {
  for (const state of ['among others', 'alone'] as const)
    assert.deepEqual(judge(row({ count: 7, ok: 3, state }), 4, 'killed'), {
      kind: 'goes on',
      tries: { count: 1, ok: 4, state: 'among others' },
    });
  assert.equal(judge(row(), 1, 'killed').kind, 'goes on');
});

test('one that did not is tried alone, and given up if that kills its agent too', () => {
  const first = judge(row(), 0, 'killed');
  assert.deepEqual(first, { kind: 'alone', tries: { count: 2, ok: 0, state: 'alone' }, trial: 5_000 });
  const second = judge(row(first.tries), 0, 'killed');
  assert.deepEqual(second, { kind: 'given up', tries: { count: 2, ok: 0, state: 'given up' } });
  assert.equal(givenUp(row(first.tries)), undefined);
  const error = givenUp(row(second.tries))!;
  assert.deepEqual([error.code, /2 times in a row while they drove run R/.test(error.message)], ['RUN_GIVEN_UP', true]);
});

test('one that kills only after its trial gets longer ones', () => {
  const trials: number[] = [];
  let tries: Tries | undefined;
  for (let death = 0; death < 10; death++) {
    const verdict = judge(row(tries), 0, 'killed');
    assert.ok(verdict.kind === 'alone');
    trials.push(verdict.trial);
    tries = { ...verdict.tries, state: 'among others' };
  }
  assert.deepEqual(trials.slice(0, 4), [5_000, 10_000, 20_000, 40_000]);
  assert.equal(trials.at(-1), 600_000);
});

test('an agent that was not killed blames nobody', () => {
  const tries: Tries = { count: 2, ok: 0, state: 'alone' };
  assert.deepEqual(judge(row(tries), 0, 'reopened'), { kind: 'goes on', tries: { count: 2, ok: 0, state: 'among others' } });
  assert.equal(judge(row(), 0, 'reopened').kind, 'goes on');
});

test('what else stands in the options stays', () => {
  assert.deepEqual(withTries({ options: { agent: true, slots: 2, tries: 1 } }, undefined), { agent: true, slots: 2 });
});
