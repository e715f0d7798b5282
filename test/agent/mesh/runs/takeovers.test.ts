import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type Present, rankOf } from '../../../../src/agent/mesh/runs/company.ts';
import { Ranks } from '../../../../src/agent/mesh/runs/ranks.ts';
import { Takeovers } from '../../../../src/agent/mesh/runs/takeovers.ts';
import { HandClock } from '../../../hand-clock.ts';

const SELF: Present = { did: 'did:key:self', incarnation: '1', isDraining: false };

function memberOf(i: number, isDraining = false): Present {
  return { did: `did:key:${i}`, incarnation: '1', isDraining };
}

describe('ranks', () => {
  it('are those of the members that are there, however these come, go and drain', () => {
    const member = fc.tuple(fc.nat({ max: 9 }), fc.boolean());
    fc.assert(
      fc.property(fc.array(fc.uniqueArray(member, { selector: ([i]) => i }), { maxLength: 9 }), (looks) => {
        const ranks = new Ranks();
        for (const [at, look] of looks.entries()) {
          const others = look.map(([i, isDraining]) => memberOf(i, isDraining));
          ranks.look(SELF, others);
          for (let run = 0; run <= at; run++) assert.equal(ranks.of(`RUN${run}`), rankOf({ self: SELF, others }, `RUN${run}`));
          ranks.forget(`RUN${at - 3}`);
        }
      }),
    );
  });

  it('of many runs are found in several looks', () => {
    const ranks = new Ranks();
    const others = Array.from({ length: 1_000 }, (_, i) => memberOf(i));
    const known = (): number => {
      ranks.look(SELF, others);
      return Array.from({ length: 12 }, (_, run) => ranks.of(`RUN${run}`)).filter((rank) => rank !== undefined).length;
    };
    assert.deepEqual([known(), known(), known()], [5, 10, 12]);
  });
});

/** So many runs of a lost member, and others that are there. */
function lost(runs: number, others: readonly Present[]): { takeovers: Takeovers; clock: HandClock; taken: string[] } {
  const clock = new HandClock();
  const taken: string[] = [];
  const known = Array.from({ length: runs }, (_, i) => ({
    record: { run: `RUN${i}`, state: 'running', tries: 0, coordinator: { did: 'did:key:lost', incarnation: '1' } },
  }));
  const takeovers = new Takeovers({
    clock,
    company: { isJudging: true, self: SELF, others: () => others },
    known: () => known as never[],
    isHere: (run) => taken.includes(run),
    take: async ({ record }) => {
      taken.push(record.run);
      return true;
    },
  });
  return { takeovers, clock, taken };
}

describe('runs of a lost member', () => {
  it('are taken by rank', async () => {
    const others = [memberOf(0), memberOf(1)];
    const { takeovers, clock, taken } = lost(9, others);
    const first = Array.from({ length: 9 }, (_, i) => `RUN${i}`).filter((run) => rankOf({ self: SELF, others }, run) === 0);
    assert.ok(first.length > 0 && first.length < 9);
    assert.deepEqual(taken, first);
    for (let looks = 0; looks < 4; looks++) {
      await new Promise(setImmediate);
      clock.advance(100);
    }
    assert.equal(taken.length, 9);
    await takeovers[Symbol.asyncDispose]();
  });

  it('are looked for without going through all members for each', async () => {
    let asked = 0;
    const others = Array.from({ length: 1_000 }, (_, i) => ({
      incarnation: '1',
      isDraining: false,
      get did() {
        asked++;
        return `did:key:${i}`;
      },
    }));
    const { takeovers, clock } = lost(50, others);
    for (let looks = 0; looks < 15; looks++) clock.advance(100);
    const before = asked;
    clock.advance(100);
    assert.ok(asked - before <= 10 * others.length, `${asked - before} times`);
    await takeovers[Symbol.asyncDispose]();
  });
});
