import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CommitLine } from '../../src/agent/commit-line.ts';
import type { Trust } from '../../src/receipt/trust.ts';
import type { Berth, Crew, CrewParts, Wanted } from '../../src/scheduler/crew.ts';
import { signAll } from '../../src/scheduler/filed.ts';
import { parseAgree } from '../../src/workflow/agree.ts';
import { Bench, gives } from './harness.ts';
import { planOf } from './helpers.ts';
import { Voter, VotingCrew } from './voters.ts';

const everybody: Trust = { accepts: () => ({ kind: 'yes' }), refused: (refusal) => assert.fail(refusal.message) };

/** First a member in trouble, then this home as often as it may, then others. */
class TroubledCrew extends VotingCrew implements Crew {
  readonly #local: CrewParts['local'];
  readonly #ill: VotingCrew;
  #wasAsked = false;

  constructor(parts: CrewParts, ill: Voter, voters: readonly Voter[]) {
    super(parts, voters);
    this.#local = parts.local;
    this.#ill = new VotingCrew(parts, [ill]);
  }

  override want(wanted = 1): void {
    this.#local.want(wanted);
  }

  override berth(wanted: Wanted): Berth | undefined {
    const first = this.#wasAsked ? undefined : this.#ill.berth(wanted);
    if (first !== undefined) {
      this.#wasAsked = true;
      return first;
    }
    return this.#local.obstacle(wanted.kind) === undefined ? this.#local.berth(wanted) : super.berth(wanted);
  }
}

test('a run here is not counted as the vote of a member that was in trouble before', async () => {
  await using bench = await Bench.open();
  const ill = new Voter(() => ({ tag: 'error', failure: { code: 'lost', message: 'its disk is full', data: { error: 'STORE_FULL' } } }));
  const honest = new Voter(() => 'right');
  const line = new CommitLine({
    settle: () => Promise.resolve(),
    sign: (changes) => signAll(changes, bench.key),
    commit: (changes) => bench.ledger.commit(changes.filter(({ kind }) => kind !== 'run-task')),
  });
  const agree = parseAgree('2/3');
  assert.ok(agree !== undefined);
  const result = await bench.run(planOf([{ name: 'a' }]), gives('right'), {
    ...{ commit: (changes, written) => line.commit(changes, written), agree, trust: everybody, cpu: 'x64' },
    here: { ops: ['wasm/run', 'op', 'a'], tags: {}, memory: 2 ** 40, slots: 2 },
    crew: (parts) => new TroubledCrew(parts, ill, [honest]),
  });
  assert.equal(result.state, 'completed');
  assert.deepEqual([result.started.length, honest.asked.length], [1, 1]);
});
