import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Ipld } from '../../../src/ipld/value.ts';
import type { WitType } from '../../../src/sandbox/wit/model.ts';
import { toJs } from '../../../src/sandbox/wit/values.ts';
import { anyType, valueOf } from '../wit/arbitrary.ts';
import { passOn } from './pass-on.ts';
import { callIn, start } from './start.ts';

const shapeOf = (type: WitType, value: Ipld): unknown => {
  const shape = toJs(type, value);
  assert.ok('value' in shape);
  return shape.value;
};

test('values of any type pass into a guest, to the host, back and out as they were', async () => {
  const types = fc.sample(anyType(), 150);
  const { plan } = await passOn(types);
  assert.equal(plan.exports.size, types.length);
  for (const [i, type] of types.entries()) {
    fc.assert(
      fc.property(valueOf(type), (value) => {
        const seen: unknown[] = [];
        const running = start(plan, (_interface, _name, [argument]) => {
          seen.push(argument);
          return argument;
        });
        const shape = shapeOf(type, value);
        const returned = callIn(running, plan, `pass${i}`, [shape]);
        assert.deepEqual(seen, [shape]);
        assert.deepEqual(returned, shape);
      }),
      { numRuns: 10 },
    );
  }
});
