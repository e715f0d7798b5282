import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DocketError } from '../../../src/errors.ts';
import { isMap } from '../../../src/ipld/value.ts';
import type { RunTaskChange } from '../../../src/ledger/change.ts';
import { LocalMesh } from '../../../src/mesh/local/local-mesh.ts';
import { issuerOf } from '../../../src/receipt/verify.ts';
import type { Movable } from '../../../src/scheduler/run-keys.ts';
import { type Behavior, gives, nameOf, type RunResult } from '../../scheduler/harness.ts';
import { planOf, type Sketch } from '../../scheduler/helpers.ts';
import { Site } from './sharing.ts';

/** A run that another member goes on with: what it finished and no other run may take. */

const CLOCK = { op: 'wasi/run', input: { grant: ['clock'] } };
const sketch: readonly Sketch[] = [
  { name: 'now', ...CLOCK },
  { name: 'never', awaits: ['now'], meta: { memo: 'never' } },
  { name: 'always', ...CLOCK, meta: { memo: 'always' } },
  { name: 'pure', awaits: ['never', 'always'] },
];
const plan = planOf(sketch);
const RUN = 'RUN1';

type Options = NonNullable<Parameters<Site['run']>[2]>;

const movable = (epoch: number): Movable => ({ epoch, before: Array.from({ length: epoch }, (_, i) => epoch - 1 - i) });

/** Sites of one mesh, at which everything that runs gives something new each time. */
class Mesh implements AsyncDisposable {
  readonly mesh = new LocalMesh();
  readonly members = new Set<string>();
  readonly #stack = new AsyncDisposableStack();
  #time = 0;

  async site(): Promise<Site> {
    return this.#stack.use(await Site.open(this.mesh, this.members));
  }

  /** The drive with that number, from 0 on. */
  async drive(site: Site, epoch: number, options: Options = {}, tries?: number): Promise<RunResult> {
    const behave: Behavior = (job) => gives([nameOf(job), ++this.#time, isMap(job.input) ? job.input['args']! : null])(job);
    const result = await site.run(plan, behave, { run: RUN, movable: movable(epoch), ...options });
    await site.fileAll(tries);
    return result;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

test('runs no finished task again, and says who ran it', async () => {
  await using mesh = new Mesh();
  const [a, b] = [await mesh.site(), await mesh.site()];
  const first = await mesh.drive(a, 0);
  assert.deepEqual(first.started.toSorted(), ['always', 'never', 'now', 'pure']);
  const rows = new Map<string, RunTaskChange>();
  const second = await mesh.drive(b, 1, {
    commit: async (changes) => {
      for (const change of changes) if (change.kind === 'run-task') rows.set(change.label, change);
      return await b.bench.commit(changes);
    },
  });
  assert.deepEqual([second.started, second.outputs], [[], first.outputs]);
  assert.deepEqual(second.tasks, { total: 4, ran: 0, cached: 4, failed: 0, skipped: 0, cancelled: 0 });
  for (const label of ['now', 'never', 'always']) {
    const { state, via, attempts, receipt } = rows.get(label)!;
    assert.deepEqual([state, via, attempts], ['ok', 'ran', 1]);
    assert.equal(issuerOf(b.bench.ledger.receipt(receipt!)!.bytes), a.did);
  }
});

test('finds what two members finished before, and runs the rest', async () => {
  await using mesh = new Mesh();
  const [a, b, c] = [await mesh.site(), await mesh.site(), await mesh.site()];
  const stopAfter = (name: string): Options => {
    const stop = new AbortController();
    const index = sketch.findIndex((task) => task.name === name);
    return { signal: stop.signal, onEvent: (event) => event.kind === 'filed' && event.tasks.includes(index) && stop.abort() };
  };
  const first = await mesh.drive(a, 0, { ...stopAfter('now'), expected: (task) => (task === 0 ? 1_000 : 1) });
  const second = await mesh.drive(b, 1, stopAfter('never'));
  const third = await mesh.drive(c, 2);
  const ran = [...first.started, ...second.started, ...third.started];
  assert.equal(third.state, 'completed');
  assert.equal(ran.filter((name) => name === 'now').length, 1);
  assert.equal(ran.filter((name) => name === 'never').length, 1);
});

test('goes by the last drive, also where one that was taken for dead tells later what it had finished', async () => {
  await using mesh = new Mesh();
  const [a, b, c] = [await mesh.site(), await mesh.site(), await mesh.site()];
  const file = a.mesh.results.file.bind(a.mesh.results);
  a.mesh.results.file = () => Promise.reject(new DocketError('MESH_UNREACHABLE', 'it stands still'));
  const first = await mesh.drive(a, 0, {}, 40);
  const second = await mesh.drive(b, 1);
  assert.equal(second.started.length, 4);
  a.mesh.results.file = file;
  await a.fileAll();
  const third = await mesh.drive(c, 2);
  assert.deepEqual([third.started, third.outputs], [[], second.outputs]);
  assert.notDeepEqual(first.outputs, second.outputs);
});

test('gives nothing to another run, nor to one of the same id with other inputs', async () => {
  await using mesh = new Mesh();
  const [a, b] = [await mesh.site(), await mesh.site()];
  await mesh.drive(a, 0);
  const other = await mesh.drive(b, 1, { run: 'RUN2' });
  assert.deepEqual(other.started.toSorted(), ['always', 'never', 'now', 'pure']);
  const changed = planOf(sketch.map((task) => (task.name === 'now' ? { ...task, input: { ...CLOCK.input, x: 1 } } : task)));
  const c = await mesh.site();
  const result = await c.run(changed, gives('x'), { run: RUN, movable: movable(1) });
  assert.deepEqual(result.started.toSorted(), ['never', 'now', 'pure']);
});

test('runs what is still forced', async () => {
  await using mesh = new Mesh();
  const [a, b] = [await mesh.site(), await mesh.site()];
  await mesh.drive(a, 0);
  assert.deepEqual((await mesh.drive(b, 1, { forced: (task) => task === 2 })).started, ['always', 'pure']);
});

test('asks for nothing in its first drive, and files nothing where nobody else goes on with it', async () => {
  await using mesh = new Mesh();
  const [a, b, c] = [await mesh.site(), await mesh.site(), await mesh.site()];
  await mesh.drive(a, 0, { movable: undefined });
  assert.deepEqual((await mesh.drive(b, 1)).started.toSorted(), ['always', 'never', 'now', 'pure']);
  assert.deepEqual((await mesh.drive(c, 0)).started.toSorted(), ['always', 'never', 'now', 'pure']);
});

test('takes the word of nobody who is not believed', async () => {
  await using mesh = new Mesh();
  const [a, b] = [await mesh.site(), await mesh.site()];
  await mesh.drive(a, 0);
  mesh.members.delete(a.did);
  const second = await mesh.drive(b, 1);
  assert.deepEqual(second.started.toSorted(), ['always', 'never', 'now', 'pure']);
  assert.ok(b.refused.length >= 2 && b.refused.every(({ issuer, reason }) => issuer === a.did && reason === 'untrusted'));
});

test('waits for an answer at its beginning, and not later', async () => {
  await using mesh = new Mesh();
  const [a, b, c] = [await mesh.site(), await mesh.site(), await mesh.site()];
  const first = await mesh.drive(a, 0);
  /** It answers from so many ms on. */
  const drive = async (site: Site, from: number): Promise<RunResult> => {
    const { results } = site.mesh;
    const latest = results.latest.bind(results);
    const began = site.clock.monotonic();
    results.latest = async (keys, signal) => {
      if (site.clock.monotonic() - began < from) throw new DocketError('MESH_NO_ANSWER', 'no leader');
      return await latest(keys, signal);
    };
    const over = { isSo: false };
    const { clock } = site;
    const driving = mesh.drive(site, 1, { clock }).finally(() => (over.isSo = true));
    while (!over.isSo) {
      clock.advance(50);
      await new Promise((resolve) => setImmediate(resolve));
    }
    return await driving;
  };
  const second = await drive(b, 8_000);
  assert.deepEqual([second.started, second.outputs], [[], first.outputs]);
  const third = await drive(c, 3_600_000);
  assert.deepEqual(third.started.toSorted(), ['always', 'never', 'now', 'pure']);
});
