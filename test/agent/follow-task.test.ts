import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Engine } from '../../src/agent/engine.ts';
import { taskServiceOf } from '../../src/agent/follow-task.ts';
import * as Cid from '../../src/ipld/cid.ts';
import { HandClock } from '../hand-clock.ts';

/** Followers of tasks that wait for their turn, on a real home; how often the ledger is asked for their sake. */
async function waiting(followers: Readonly<Record<string, number>>): Promise<
  AsyncDisposable & {
    readonly clock: HandClock;
    readonly asked: string[];
    /** How it fails, if it does. */
    readonly ledger: { failure?: Error };
    readonly stop: AbortController;
    readonly ends: readonly Promise<unknown>[];
  }
> {
  await using stack = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), 'docket-follow-'));
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  const clock = new HandClock();
  const engine = stack.use(await Engine.open({ home: join(folder, 'home'), slots: 1, clock }));
  const asked: string[] = [];
  const ledger: { failure?: Error } = {};
  const names = new Map(Object.keys(followers).map((name) => [Cid.ofValue({ name }).toString(), name]));
  const stop = new AbortController();
  const read = engine.ledger.receiptsOfInstruction.bind(engine.ledger);
  engine.ledger.receiptsOfInstruction = (task, limit) => {
    if (ledger.failure !== undefined) throw ledger.failure;
    asked.push(names.get(task.toString())!);
    return read(task, limit);
  };
  const service = taskServiceOf(engine, { expects: () => true });
  const ends = Object.entries(followers).flatMap(([name, count]) =>
    Array.from({ length: count }, async () => {
      try {
        return await Array.fromAsync(service.follow(Cid.ofValue({ name }), stop.signal));
      } catch (error) {
        return error;
      }
    }),
  );
  const owned = stack.move();
  return { clock, asked, ledger, stop, ends, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

test('however many follow a task, the ledger is asked once a time', async () => {
  await using all = await waiting({ one: 20, other: 3 });
  for (let i = 0; i < 3; i++) {
    all.asked.length = 0;
    await all.clock.tick();
    assert.deepEqual(all.asked.toSorted(), ['one', 'other']);
  }
  all.stop.abort(new Error('enough'));
  await all.clock.tick();
  assert.deepEqual(new Set((await Promise.all(all.ends)).map(String)), new Set(['Error: enough']));
  assert.equal(all.clock.timers.size, 0, 'nobody waits');
});

test('what keeps the ledger from answering is told to each', async () => {
  await using all = await waiting({ one: 3 });
  all.ledger.failure = new Error('no ledger');
  await all.clock.tick();
  assert.deepEqual((await Promise.all(all.ends)).map(String), Array(3).fill('Error: no ledger'));
});
