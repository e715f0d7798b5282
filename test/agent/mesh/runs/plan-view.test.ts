import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seenIn } from '../../../../src/agent/mesh/runs/plan-view.ts';

function stateAfter(...told: readonly (readonly [kind: string, more?: object])[]): string | undefined {
  const events = told.map(([kind, more], i) => ({ seq: i, kind, data: JSON.stringify({ task: 0, ...more }) }));
  return seenIn(events).get(0)?.state;
}

test('a task for which nobody is there any more, as when others have to say what comes out too, is not under way', () => {
  assert.equal(stateAfter(['started', { attempt: 1 }]), 'running');
  assert.equal(stateAfter(['started', { attempt: 1 }], ['unplaceable']), undefined);
  assert.equal(stateAfter(['started', { attempt: 1 }], ['unplaceable'], ['started', { attempt: 2 }]), 'running');
});

test('an attempt that came to nothing is told though nobody is there for the next', () => {
  assert.equal(stateAfter(['started', { attempt: 1 }], ['retrying', { message: 'no' }], ['unplaceable']), 'retrying');
});
