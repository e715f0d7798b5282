import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LateCrew } from '../../../src/agent/mesh/late-crew.ts';
import type { Crew, CrewParts, HomeCrew } from '../../../src/scheduler/crew.ts';
import type { TaskKind } from '../../../src/scheduler/task-kind.ts';
import { HandClock } from '../../hand-clock.ts';

/** Whether a task is said to have no place, before it is known whose places there are. */

const KIND = {} as TaskKind;

function crewWith(obstacle: string | undefined): HomeCrew {
  return {
    held: 0,
    hasIdle: false,
    isFreeFor: () => 'no',
    mayRunHere: () => obstacle === undefined,
    want() {},
    berth: () => undefined,
    obstacle: () => obstacle,
    distrust() {},
    praise() {},
    rest() {},
    dismiss() {},
    [Symbol.asyncDispose]: async () => {},
  };
}

function partsWith(clock: HandClock, onChange: () => void): CrewParts {
  return {
    self: 'did:key:self',
    local: crewWith('no tag gpu here'),
    clock,
    onChange,
    tasks: undefined as never,
    blobs: undefined as never,
  };
}

/** Whose right to give tasks away is not known yet. */
function beginning() {
  const [clock, told] = [new HandClock(), { changes: 0 }];
  const right = Promise.withResolvers<(parts: CrewParts) => Crew>();
  const crew = new LateCrew(
    partsWith(clock, () => told.changes++),
    () => right.promise,
  );
  return { clock, told, right, crew };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('a task that cannot be run here is not refused before the mesh has been heard', async () => {
  const { told, right, crew } = beginning();
  await using _crew = crew;
  assert.equal(crew.obstacle(KIND), undefined);
  right.resolve(() => crewWith(undefined));
  await turn();
  assert.deepEqual([crew.obstacle(KIND), told.changes], [undefined, 1]);
});

test('where nothing may be given away, only this home counts, and that is told', async () => {
  let changes = 0;
  await using crew = new LateCrew(
    partsWith(new HandClock(), () => changes++),
    async () => undefined,
  );
  await turn();
  assert.deepEqual([crew.obstacle(KIND), changes], ['no tag gpu here', 1]);
});

test('a mesh that does not answer is not waited for any longer, and counts when it does', async () => {
  const { clock, told, right, crew } = beginning();
  await using _crew = crew;
  clock.advance(5_000);
  assert.deepEqual([crew.obstacle(KIND), told.changes], ['no tag gpu here', 1]);
  right.resolve(() => crewWith(undefined));
  await turn();
  assert.deepEqual([crew.obstacle(KIND), told.changes], [undefined, 2]);
});
