import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { suite, test } from 'node:test';
import { DocketError } from '../../src/errors.ts';
import * as Cid from '../../src/ipld/cid.ts';
import { BlobView } from '../../src/scheduler/blob-view.ts';
import { Bringing } from '../../src/scheduler/bringing.ts';
import { withKept } from '../../src/agent/mesh/runs/kept-inputs.ts';
import { HandClock } from '../hand-clock.ts';

const INPUT = Cid.ofBlob(Buffer.from('what the run was given'));
const OUTPUT = Cid.ofBlob(Buffer.from('what a task gave'));
const AWAY = new DocketError('BLOB_UNREACHABLE', 'the engine has no leader');
const NOWHERE = new DocketError('BLOB_MISSING', 'nobody has it');

/** Errands of a run whose one input lies in the objects of the mesh, while a member holds an output; what is brought ends as `answers` say, the last one for ever. */
class Lab {
  readonly clock = new HandClock();
  readonly asked: Cid.CID[] = [];
  readonly over: string[] = [];
  readonly #answers: (DocketError | undefined)[];
  readonly #bringing: Bringing;

  constructor(answers: readonly (DocketError | undefined)[]) {
    this.#answers = [...answers];
    const held = { add() {}, forget() {}, of: (cid: Cid.CID) => (cid.equals(OUTPUT) ? { size: 1, dids: ['did:key:m'] } : undefined) };
    this.#bringing = new Bringing({
      bring: async (cid) => {
        this.asked.push(cid);
        const answer = this.#answers.length > 1 ? this.#answers.shift() : this.#answers[0];
        if (answer !== undefined) throw answer;
      },
      blobs: new BlobView(
        { small: () => undefined, has: () => false, read: () => new Uint8Array(), alias: () => undefined },
        withKept(held, [INPUT]),
      ),
      onBrought: (go) => go(),
      onFailure: (cause) => void this.over.push(String(cause)),
      clock: this.clock,
    });
  }

  begin(cid: Cid.CID): boolean {
    return this.#bringing.begin([cid], () => void this.over.push(this.#bringing.isVain(cid) ? 'in vain' : 'here'));
  }

  stop(): void {
    this.#bringing.stop();
  }

  async pass(seconds: number): Promise<void> {
    for (let left = seconds; left > 0; left--) {
      await nextTurn();
      this.clock.advance(1_000);
      await nextTurn();
    }
  }
}

suite('what a run was given and only the mesh keeps', () => {
  test('is tried again as long as it cannot be reached', async () => {
    const lab = new Lab([AWAY, AWAY, AWAY, undefined]);
    assert.ok(lab.begin(INPUT) && lab.begin(INPUT));
    await lab.pass(2);
    assert.deepEqual(lab.over, []);
    await lab.pass(10);
    assert.deepEqual([lab.over, lab.asked.length], [['here', 'here'], 4]);
  });

  test('is given up after ten minutes', async () => {
    const lab = new Lab([AWAY]);
    lab.begin(INPUT);
    await lab.pass(590);
    assert.deepEqual(lab.over, []);
    await lab.pass(30);
    assert.deepEqual(lab.over, ['in vain']);
    assert.ok(lab.asked.length < 80, `${lab.asked.length} times`);
    assert.equal(lab.begin(INPUT), false);
  });

  test('is in vain at once where nobody has it', async () => {
    const lab = new Lab([NOWHERE]);
    lab.begin(INPUT);
    await lab.pass(1);
    assert.deepEqual([lab.over, lab.asked.length], [['in vain'], 1]);
  });

  test('is asked for no more when the run is stopped', async () => {
    const lab = new Lab([AWAY]);
    lab.begin(INPUT);
    await lab.pass(1);
    const asked = lab.asked.length;
    lab.stop();
    await lab.pass(60);
    assert.deepEqual([lab.over, lab.asked.length], [[], asked]);
  });
});

test('what a task gave is in vain at once where it cannot be reached: it can be made again', async () => {
  const lab = new Lab([AWAY]);
  lab.begin(OUTPUT);
  await lab.pass(1);
  assert.deepEqual([lab.over, lab.asked.length], [['in vain'], 1]);
});
