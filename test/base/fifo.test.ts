import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Fifo } from '../../src/base/fifo.ts';

describe('fifo', () => {
  it('gives what was pushed, in order, in batches of at most what was asked for', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.record({ push: fc.nat() }), fc.record({ take: fc.integer({ min: 1, max: 5 }) }))), (acts) => {
        const fifo = new Fifo<number>();
        const model: number[] = [];
        for (const act of acts) {
          if ('push' in act) {
            fifo.push(act.push);
            model.push(act.push);
          } else assert.deepEqual(fifo.take(act.take), model.splice(0, act.take));
          assert.equal(fifo.isEmpty, model.length === 0);
        }
      }),
    );
  });

  it('forgets everything when cleared', () => {
    const fifo = new Fifo<string>();
    fifo.push('a');
    fifo.clear();
    assert.deepEqual(fifo.take(1), []);
  });
});
