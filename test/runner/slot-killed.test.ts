import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { call, never, slotOver, summary, temporaryStore, until, warm, wat } from './helpers.ts';

const module = wat(`(module
  (func (export "loop") (loop br 0))
  (func (export "same") (param i32) (result i32) local.get 0))`);

const loop = (): ReturnType<typeof call> => call(module, 'loop');
const same = (n: number): ReturnType<typeof call> => call(module, 'same', [n]);

describe('a slot process killed from outside', () => {
  test('while a job runs: that job is lost, the others unstarted, the next has a new process', async (t) => {
    const slot = slotOver(t, await temporaryStore(t));
    const pid = await warm(slot);
    const ends = [loop(), same(1), same(2)].map((job) => slot.submit(job, { signal: never }));
    process.kill(pid, 'SIGKILL');
    assert.deepEqual((await Promise.all(ends)).map(summary), [
      ['lost', 'lost', 'the slot process ended while it ran the task: signal SIGKILL'],
      ['unstarted'],
      ['unstarted'],
    ]);
    await warm(slot);
  });

  test('while it starts, or idle', async (t) => {
    const slot = slotOver(t, await temporaryStore(t));
    const starting = slot.submit(same(1), { signal: never });
    process.kill(slot.pid as number, 'SIGKILL');
    assert.deepEqual(summary(await starting), ['lost', 'lost', 'the slot process ended before it had started: signal SIGKILL']);
    const idle = await warm(slot);
    process.kill(idle, 'SIGKILL');
    await until(() => slot.pid !== idle);
    assert.notEqual(await warm(slot), idle);
  });

  test('at many moments: every job is told once how it ended, and no end is wrong', async (t) => {
    const slot = slotOver(t, await temporaryStore(t));
    for (let round = 1; round <= 3; round++) {
      const pid = await warm(slot);
      let ended = 0;
      const ends = Array.from({ length: 200 }, async (_, n) => {
        const end = await slot.submit(same(n), { signal: new AbortController().signal });
        if (end.kind === 'ended') assert.deepEqual(summary(end), ['ok', n]);
        if (++ended === round * 50) process.kill(pid, 'SIGKILL');
        return end.kind;
      });
      const kinds = await Promise.all(ends);
      assert.deepEqual(kinds, [
        ...kinds.filter((kind) => kind === 'ended'),
        ...kinds.filter((kind) => kind === 'lost'),
        ...kinds.filter((kind) => kind === 'unstarted'),
      ]);
      assert.ok(kinds.filter((kind) => kind === 'lost').length <= 1);
      // It may have done everything before it was killed; then nobody has noticed its death yet.
      await until(() => slot.pid !== pid);
    }
  });
});
