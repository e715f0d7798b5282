import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { hold, joins, standingOf, tabAt, usedOf } from '../../src/base/fair-share.ts';

test('places go by weight, whoever comes when, and nobody who waits is passed over for long', () => {
  const party = fc.record({ weight: fc.constantFrom(0.5, 1, 2, 5), from: fc.integer({ min: 0, max: 50 }) });
  fc.assert(
    fc.property(fc.array(party, { minLength: 2, maxLength: 12 }), fc.integer({ min: 1, max: 6 }), (parties, places) => {
      const all = parties.map(({ weight, from }) => ({ weight, from, tab: tabAt(0), turns: 0, isThere: false }));
      const since = Math.max(...parties.map(({ from }) => from));
      const most = 4_000;
      for (let turn = 0; turn < since + most; turn++) {
        const now = turn * 500;
        for (const one of all) {
          if (one.isThere || turn < one.from) continue;
          joins(
            one.tab,
            one.weight,
            Math.min(...all.filter(({ isThere }) => isThere).map(({ tab, weight }) => usedOf(tab, weight, now))),
            now,
          );
          one.isThere = true;
        }
        for (const one of all) if (one.tab.held > 0) hold(one.tab, one.weight, -one.tab.held, now);
        for (let place = 0; place < places; place++) {
          const waiting = all.filter(({ isThere }) => isThere);
          if (waiting.length === 0) continue;
          const next = waiting.reduce((a, b) => (standingOf(b.tab, b.weight, now) < standingOf(a.tab, a.weight, now) ? b : a));
          hold(next.tab, next.weight, 1, now);
          if (turn >= since) next.turns++;
        }
      }
      const weights = all.reduce((sum, { weight }) => sum + weight, 0);
      for (const { weight, turns } of all) {
        const due = (most * places * weight) / weights;
        assert.ok(Math.abs(turns - due) <= 0.05 * due + 2 * places + 50, `${turns} of ${due}`);
      }
    }),
    { numRuns: 40 },
  );
});
