import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Death, givenUp, judge, type Tries, withDeath, withTries } from '../../src/agent/tries.ts';

/** What is done with a run whose agent was killed, by what is known of this time and of earlier ones. */

const ALONE: Death = { inFlight: 1, others: 0 };
const AMONG: Death = { inFlight: 1, others: 1 };
const IDLE: Death = { inFlight: 0, others: 2 };

const row = (death?: Death, tries?: Tries) => {
  const options = withTries({ options: { agent: true } }, tries);
  return { run: 'R', options: death === undefined ? options : withDeath({ options }, death) };
};

/** What is kept of a run after it was on trial through deaths like these. */
function after(...deaths: readonly Death[]): Tries | undefined {
  return deaths.reduce<Tries | undefined>((tries, death) => judge(row(death, tries), 0, 'killed').tries, undefined);
}

test('a run that got on goes on, and what was before is forgotten', () => {
  for (const state of ['among others', 'on trial'] as const)
    assert.deepEqual(judge(row(ALONE, { alone: 2, trials: 7, ok: 3, state }), 4, 'killed'), {
      kind: 'goes on',
      tries: { alone: 0, trials: 0, ok: 4, state: 'among others' },
    });
  assert.equal(judge(row(ALONE), 1, 'killed').kind, 'goes on');
});

test('one that had nothing with a runner is innocent, and its counts do not grow', () => {
  for (const death of [IDLE, { inFlight: 0, others: 0 }, undefined]) {
    let tries: Tries = { alone: 2, trials: 2, ok: 0, state: 'on trial' };
    for (let time = 0; time < 10; time++) {
      const verdict = judge(row(death, tries), 0, 'killed');
      assert.deepEqual(verdict, { kind: 'goes on', tries: { alone: 2, trials: 2, ok: 0, state: 'among others' } });
      tries = verdict.tries;
    }
  }
});

test('one that alone had something with a runner is given up the third time', () => {
  const first = judge(row(ALONE), 0, 'killed');
  assert.deepEqual(first, {
    kind: 'on trial',
    tries: { alone: 1, trials: 1, ok: 0, state: 'on trial' },
    trial: 5_000,
    isFirst: false,
  });
  const second = judge(row(ALONE, first.tries), 0, 'killed');
  assert.ok(second.kind === 'on trial' && second.isFirst, 'nobody beside it');
  const third = judge(row(ALONE, second.tries), 0, 'killed');
  assert.deepEqual(third, { kind: 'given up', tries: { alone: 3, trials: 2, ok: 0, state: 'given up' } });
  assert.equal(givenUp(row(undefined, second.tries)), undefined);
  const error = givenUp(row(undefined, third.tries))!;
  assert.deepEqual([error.code, /killed 3 times while run R, and no other, had tasks/.test(error.message)], ['RUN_GIVEN_UP', true]);
});

test('deaths with others give nobody up, and do not make up for those that were not alone', () => {
  const tries = after(...Array.from({ length: 50 }, () => AMONG), ALONE, ALONE)!;
  assert.deepEqual([tries.alone, tries.state], [2, 'on trial']);
});

test('one that kills only after its trial gets longer ones', () => {
  const trials: number[] = [];
  let tries: Tries | undefined;
  for (let death = 0; death < 10; death++) {
    const verdict = judge(row(AMONG, tries), 0, 'killed');
    assert.ok(verdict.kind === 'on trial' && !verdict.isFirst);
    trials.push(verdict.trial);
    tries = { ...verdict.tries, state: 'among others' };
  }
  assert.deepEqual(trials.slice(0, 4), [5_000, 10_000, 20_000, 40_000]);
  assert.equal(trials.at(-1), 600_000);
});

test('an agent that was not killed blames nobody', () => {
  const tries: Tries = { alone: 2, trials: 2, ok: 0, state: 'on trial' };
  assert.deepEqual(judge(row(ALONE, tries), 0, 'reopened'), { kind: 'goes on', tries: { ...tries, state: 'among others' } });
  assert.equal(judge(row(ALONE), 0, 'reopened').kind, 'goes on');
});

test('what else stands in the options stays', () => {
  assert.deepEqual(withTries({ options: { agent: true, slots: 2, tries: 1, death: ALONE } }, undefined), { agent: true, slots: 2 });
});
