import assert from 'node:assert/strict';
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { buildGuests } from '../../scripts/build-guests.ts';
import { checkHome } from '../../src/agent/check-home.ts';
import type { Engine } from '../../src/agent/engine.ts';
import { explain } from '../../src/agent/explain.ts';
import { localDriver } from '../../src/agent/local-driver.ts';
import { planOf } from '../../src/agent/plan-of.ts';
import { resumption } from '../../src/agent/resumption.ts';
import { resumeRun, type RunOptions } from '../../src/agent/run-plan.ts';
import { DocketError } from '../../src/errors.ts';
import type { Keep } from '../../src/scheduler/lasting.ts';
import type { RunTaskRow } from '../../src/ledger/change.ts';
import { isLink, isMap } from '../../src/ipld/value.ts';
import { decode } from '../../src/receipt/verify.ts';
import { hexOf } from '../../src/scheduler/blob-view.ts';
import type { FinishedRun } from '../../src/scheduler/driver.ts';
import type { RunEvent } from '../../src/scheduler/events.ts';
import type { Movable } from '../../src/scheduler/run-keys.ts';
import { contentPath } from '../../src/store/paths.ts';
import { countBy, GUESTS, Place, slotsOf, wat } from './helpers.ts';

/** A run that is resumed on its home runs nothing again that it has finished, whatever that is granted and its memo policy. */

before(() => buildGuests());

/** Writes so many random letters. */
function randomLetters(size: number): Uint8Array {
  return wat(`(module
    (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 2)
    (func (export "_start") (local $i i32)
      (drop (call $random (i32.const 64) (i32.const ${size})))
      (loop $next
        (i32.store8 offset=64 (local.get $i) (i32.add (i32.const 97) (i32.and (i32.load8_u offset=64 (local.get $i)) (i32.const 15))))
        (br_if $next (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const ${size}))))
      (i32.store (i32.const 0) (i32.const 64))
      (i32.store (i32.const 4) (i32.const ${size}))
      (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))`);
}

/** A task of each kind, one that gives something else each time it is run among them. Named so, none differs from that of another such workflow. */
const tasks = {
  pure: { module: join(GUESTS, 'noop.wasm') },
  random: { module: 'random.wasm', grant: ['random'] },
  never: { module: join(GUESTS, 'count-words.wasm'), stdin: { from: 'random', at: '/stdout' }, memo: 'never' },
  behind: { module: join(GUESTS, 'count-words.wasm'), stdin: { from: 'never', at: '/stdout' } },
};
const FINISHED = Object.keys(tasks);

function prepare(place: Place, more: object, size = 16): void {
  place.write('random.wasm', randomLetters(size));
  place.write('w.yaml', JSON.stringify({ tasks: { ...tasks, ...more } }));
}

/** One that cannot succeed. */
const failing = { fail: { module: join(GUESTS, 'exit.wasm'), args: ['1'] } };
/** One that does not end, and begins when all others have. */
const endless = {
  last: { module: join(GUESTS, 'loop.wasm'), files: Object.fromEntries(FINISHED.map((name) => [name, { from: name, at: '/stdout' }])) },
};

/** Takes it up again in the way of `docket resume`, until the task with this index begins. */
async function resume(engine: Engine, run: string, until?: number): Promise<FinishedRun> {
  const plan = await planOf(engine, run);
  return await localDriver(engine).resume(run, plan, until === undefined ? {} : stopAt(until));
}

/** Cancels the run when a task with this index begins. */
function stopAt(task: number): Pick<RunOptions, 'signal' | 'onEvent'> {
  const stop = new AbortController();
  return { signal: stop.signal, onEvent: (event) => void (event.kind === 'started' && event.task === task && stop.abort()) };
}

function rowsOf(engine: Engine, run: string): Map<string, RunTaskRow> {
  return new Map([...engine.ledger.runTasks(run)].map((row) => [row.label, row]));
}

/** What is on record of the tasks that finished. */
function endsIn(engine: Engine, run: string): object {
  const rows = rowsOf(engine, run);
  return FINISHED.map((label) => {
    const { state, receipt, attempts } = rows.get(label)!;
    return { label, state, receipt: String(receipt), attempts };
  });
}

function attemptsOf(engine: Engine, run: string, label: string): number {
  return rowsOf(engine, run).get(label)!.attempts;
}

/** How often each finished task came to its end. */
function okReceipts(place: Place): Record<string, number> {
  const labels = place.labels();
  const ok = place.receipts().filter(({ tag }) => tag === 'ok');
  return Object.fromEntries([...countBy(ok, ({ instruction }) => labels.get(instruction)!)].toSorted());
}

const ONCE = Object.fromEntries(FINISHED.toSorted().map((label) => [label, 1]));

for (const force of [undefined, 'all'] as const)
  test(`of a run that failed only what failed is run again, however often it is resumed${force === undefined ? '' : ', also if all was forced'}`, async () => {
    using place = new Place();
    prepare(place, failing);
    await using engine = await place.open();
    const { run, state } = await place.runWith(engine, 'w.yaml', force === undefined ? {} : { force });
    const ends = endsIn(engine, run);
    assert.deepEqual([state, okReceipts(place)], ['failed', ONCE]);
    for (const time of [2, 3]) {
      const again = await resume(engine, run);
      assert.deepEqual([again.state, again.tasks], ['failed', { total: 5, ran: 0, cached: 4, failed: 1, skipped: 0, cancelled: 0 }]);
      assert.deepEqual(endsIn(engine, run), ends);
      assert.equal(attemptsOf(engine, run, 'fail'), time);
    }
    assert.deepEqual([rowsOf(engine, run).get('random')!.via, rowsOf(engine, run).get('never')!.via], ['ran', 'ran'], 'as they came about');
    assert.deepEqual(okReceipts(place), ONCE);

    const other = await place.runWith(engine, 'w.yaml');
    assert.deepEqual([other.tasks.ran, other.tasks.cached], [3, 1], 'a new run is another matter');
    assert.deepEqual(endsIn(engine, run), ends);
  });

test('of a run that was cancelled only what had not ended is run again, however often it is resumed', async () => {
  using place = new Place();
  prepare(place, endless);
  await using engine = await place.open();
  const last = FINISHED.length;
  const { run, state } = await place.runWith(engine, 'w.yaml', stopAt(last));
  const ends = endsIn(engine, run);
  assert.deepEqual([state, okReceipts(place)], ['cancelled', ONCE]);
  for (const time of [2, 3]) {
    assert.equal((await resume(engine, run, last)).state, 'cancelled');
    assert.deepEqual([endsIn(engine, run), attemptsOf(engine, run, 'last')], [ends, time]);
  }
  assert.deepEqual(okReceipts(place), ONCE);
});

test('of a run whose docket was killed only what was in flight is run again', async () => {
  using place = new Place();
  prepare(place, endless);
  const docket = place.start('run', 'w.yaml');
  const isThere = (): boolean => place.query("SELECT 1 FROM run_tasks WHERE state = 'ok'").length === FINISHED.length;
  await docket.until(() => isThere() && [...place.journals().values()].some((lines) => lines.length > FINISHED.length));
  const slots = [...place.slots(), ...slotsOf(docket)];
  await docket.kill('SIGKILL');
  await place.slotsGone(slots);

  await using engine = await place.open();
  const { run } = place.runs()[0]!;
  const ends = endsIn(engine, run);
  for (const time of [2, 3]) {
    assert.equal((await resume(engine, run, FINISHED.length)).state, 'cancelled');
    assert.deepEqual([endsIn(engine, run), attemptsOf(engine, run, 'last')], [ends, time]);
  }
  assert.deepEqual(okReceipts(place), ONCE);
});

test('what it gave is gone: the task is run again, and what came of the old output too, and why says so', async () => {
  using place = new Place();
  prepare(place, failing, 8192);
  place.write(
    'w.yaml',
    JSON.stringify({ tasks: { ...tasks, ...failing }, outputs: { random: { from: 'random', at: '/stdout' }, fail: { from: 'fail' } } }),
  );
  await using engine = await place.open();
  const { run } = await place.runWith(engine, 'w.yaml');
  const plan = await planOf(engine, run);
  const because = (label: string): unknown => {
    const why = explain(engine, { run, plan, index: FINISHED.indexOf(label), forced: false, isOver: true });
    return why.kind === 'ran' ? why.because : undefined;
  };
  const { receipt } = rowsOf(engine, run).get('random')!;
  const filed = engine.ledger.receipt(receipt!)!;
  const [, value] = decode(filed.bytes).receipt.out;
  assert.ok(isMap(value) && isLink(value['stdout']!));
  assert.deepEqual([because('random'), because('never')], [{ kind: 'impure', grants: ['random'], isOpen: false }, { kind: 'memo: never' }]);

  rmSync(contentPath(place.paths.store, hexOf(value['stdout'])));
  await resume(engine, run);
  assert.deepEqual(okReceipts(place), { ...ONCE, random: 2, never: 2, behind: 2 });
  const earlier = { receipt, at: filed.at, failure: undefined };
  assert.deepEqual([because('random'), because('never')], [{ kind: 'blobs gone', earlier }, { kind: 'memo: never' }]);
  const ends = endsIn(engine, run);
  await resume(engine, run);
  assert.deepEqual(endsIn(engine, run), ends);
});

for (const force of [undefined, 'all'] as const)
  test(`what could not be kept is put when the run is resumed, by no other attempt${force === undefined ? '' : ', also if all was forced'}`, async () => {
    using place = new Place();
    prepare(place, {});
    place.write('w.yaml', JSON.stringify({ tasks: { random: { ...tasks.random, durable: true } } }));
    await using engine = await place.open();
    const kept: unknown[] = [];
    const keep: Keep = async (outputs) => outputs.map(({ value }) => void kept.push(value));
    const noRoom: Keep = async (outputs) => outputs.map(() => new DocketError('MESH_FULL', 'no room'));
    const { run, state } = await place.runWith(engine, 'w.yaml', {
      placing: () => ({ keep: noRoom }),
      ...(force === undefined ? {} : { force }),
    });
    const made = place.receipts().find(({ tag }) => tag === 'ok')!;
    assert.deepEqual([state, rowsOf(engine, run).get('random')!.state], ['failed', 'failed']);

    const plan = await planOf(engine, run);
    const again = await resumeRun(engine, run, plan, {
      ...resumption(engine, engine.ledger.run(run)!, plan, {}),
      placing: () => ({ keep }),
    });
    assert.deepEqual([again.state, okReceipts(place), kept], ['completed', { random: 1 }, [made.value]]);
    const row = rowsOf(engine, run).get('random')!;
    assert.deepEqual([row.state, row.via, row.attempts, Buffer.from(row.receipt!.bytes).toString('hex')], ['ok', 'ran', 1, made.cid]);
  });

/** Keeps nothing until the run is stopped, which it then is. `look`: what is done before that. */
function stopWhileKept(look: () => void = () => {}): { readonly keep: Keep; readonly signal: AbortSignal } {
  const stop = new AbortController();
  const keep: Keep = async (_outputs, signal) => {
    look();
    const stopped = Promise.withResolvers<never>();
    signal.addEventListener('abort', () => stopped.reject(signal.reason as Error), { once: true });
    stop.abort(new DocketError('CANCELLED', 'enough'));
    return await stopped.promise;
  };
  return { keep, signal: stop.signal };
}

for (const how of ['stopped', 'killed'] as const) {
  test(`a run that is ${how} while an output is kept keeps it when it goes on, by no other attempt`, async () => {
    using place = new Place();
    using crashed = new Place();
    prepare(place, {});
    place.write('w.yaml', JSON.stringify({ tasks: { random: { ...tasks.random, durable: true } } }));
    await using stack = new AsyncDisposableStack();
    const first = stack.use(await place.open());
    // What a process leaves that is killed in the middle of it.
    const { keep: never, signal } = stopWhileKept(() => cpSync(place.paths.home, crashed.paths.home, { recursive: true }));
    const { run, state, tasks: counts } = await place.runWith(first, 'w.yaml', { placing: () => ({ keep: never }), signal });
    assert.deepEqual([state, counts.ran, counts.cancelled], ['cancelled', 0, 1]);
    const [home, engine] = how === 'stopped' ? [place, first] : [crashed, stack.use(await crashed.open())];
    const plan = await planOf(engine, run);
    const resumed = async ({ keep, signal: until }: { readonly keep: Keep; readonly signal?: AbortSignal }): Promise<FinishedRun> => {
      const more = { placing: () => ({ keep }), ...(until === undefined ? {} : { signal: until }) };
      return await resumeRun(engine, run, plan, { ...resumption(engine, engine.ledger.run(run)!, plan, {}), ...more });
    };
    const standing = (): unknown[] => {
      const { state: stand, via, attempts } = rowsOf(engine, run).get('random')!;
      return [stand, via, attempts, home.receipts().length];
    };
    assert.deepEqual(standing(), ['held', 'ran', 1, 1]);
    assert.equal((await resumed(stopWhileKept())).state, 'cancelled');
    assert.deepEqual(standing(), ['held', 'ran', 1, 1], 'also after another stop');
    const looked = await Array.fromAsync(checkHome(engine, new AbortController().signal));
    assert.deepEqual(
      looked.flatMap(({ damage }) => damage ?? []),
      [],
    );
    const kept: unknown[] = [];
    const again = await resumed({ keep: async (outputs) => outputs.map(({ value }) => void kept.push(value)) });
    assert.deepEqual([again.state, okReceipts(home), kept.length], ['completed', { random: 1 }, 1]);
    assert.deepEqual(standing(), ['ok', 'ran', 1, 1]);
  });
}

test('what a home has on record counts only if nobody else has driven the run since', async () => {
  using place = new Place();
  prepare(place, endless);
  await using engine = await place.open();
  const drive = async (movable: Movable, run?: string): Promise<string> => {
    const stop = new AbortController();
    const onEvent = ({ kind, ...event }: RunEvent): void => {
      if (kind === 'started' && 'task' in event && event.task === FINISHED.length) stop.abort(new DocketError('CANCELLED', 'enough'));
    };
    const more = { movable, signal: stop.signal, onEvent };
    if (run === undefined) return (await place.runWith(engine, 'w.yaml', more)).run;
    const plan = await planOf(engine, run);
    return (await resumeRun(engine, run, plan, { ...resumption(engine, engine.ledger.run(run)!, plan, {}), ...more })).run;
  };
  const run = await drive({ epoch: 0, before: [] });
  assert.deepEqual(okReceipts(place), ONCE);
  await drive({ epoch: 4, before: [0] }, run);
  await drive({ epoch: 6, before: [4, 0] }, run);
  assert.deepEqual(okReceipts(place), ONCE, 'as it was always here');
  await drive({ epoch: 9, before: [8, 6, 4, 0] }, run);
  assert.deepEqual(okReceipts(place), { ...ONCE, random: 2, never: 2, behind: 2 }, 'another drove it in between');
  await drive({ epoch: 11, before: [9, 8, 6, 4, 0] }, run);
  assert.deepEqual(okReceipts(place), { ...ONCE, random: 2, never: 2, behind: 2 });
});
