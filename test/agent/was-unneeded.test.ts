import assert from 'node:assert/strict';
import { test } from 'node:test';
import { wasUnneeded } from '../../src/agent/was-unneeded.ts';
import type { TaskEnd } from '../../src/workflow/run-state.ts';
import { indexOf, planOf } from '../scheduler/helpers.ts';

test('of the tasks a stopped run has no row of, those that nobody needed are told from those it did not reach', () => {
  const plan = planOf([{ name: 'a' }, { name: 'b', awaits: ['a'] }, { name: 'c', awaits: ['b'] }, { name: 'd', awaits: ['a'] }]);
  const unneeded = (rows: Readonly<Record<string, TaskEnd>>): string[] => {
    const known = new Map(Object.entries(rows).map(([label, state]) => [indexOf(plan, label), { state }]));
    const isUnneeded = wasUnneeded(plan, known);
    return plan.tasks.filter((_, i) => !known.has(i) && isUnneeded(i)).map(({ label }) => label);
  };
  assert.deepEqual(unneeded({}), []);
  assert.deepEqual(unneeded({ c: 'ok', d: 'ok' }).toSorted(), ['a', 'b']);
  assert.deepEqual(unneeded({ c: 'ok' }), ['b'], 'd was not reached, which needs a');
  assert.deepEqual(unneeded({ c: 'failed', d: 'cancelled' }), ['b']);
  assert.deepEqual(unneeded({ b: 'skipped', d: 'ok' }), ['a']);
});

test('what a named output awaits is needed, whoever else has ended', () => {
  const sketches = [{ name: 'a' }, { name: 'b', awaits: ['a'] }];
  const { instruction } = planOf(sketches).tasks[0]!;
  const plan = planOf(sketches, { first: { 'await/ok': instruction } });
  const ended = new Map([[indexOf(plan, 'b'), { state: 'ok' as const }]]);
  assert.equal(wasUnneeded(plan, ended)(indexOf(plan, 'a')), false);
});
