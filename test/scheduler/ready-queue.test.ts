import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { longestPath, ReadyQueue } from '../../src/scheduler/ready-queue.ts';

describe('ready queue', () => {
  it('gives tasks by priority, then in the order of the plan, for any pushes and pops', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 60 }), fc.array(fc.boolean()), (priorities, pops) => {
        const queue = new ReadyQueue(() => Float64Array.from(priorities));
        const inside = new Set<number>();
        const best = (): number => [...inside].sort((a, b) => priorities[b]! - priorities[a]! || a - b)[0]!;
        const popOne = (): void => {
          const expected = best();
          assert.equal(queue.peek(), expected);
          assert.equal(queue.pop(), expected);
          inside.delete(expected);
        };
        priorities.forEach((_, task) => {
          queue.push(task);
          inside.add(task);
          if (pops[task] === true) popOne();
        });
        while (inside.size > 0) popOne();
        assert.equal(queue.pop(), undefined);
        assert.equal(queue.size, 0);
      }),
    );
  });
});

describe('longest remaining path', () => {
  it('adds the heaviest chain behind a task to its own weight', () => {
    const awaits = [[], [], [0], [2, 1]].map((inputs) => ({ awaits: inputs.map((task) => ({ task })) }));
    assert.deepEqual([...longestPath(awaits, (task) => [1, 5, 2, 4][task]!)], [7, 9, 6, 4]);
  });
});
