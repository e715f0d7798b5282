import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { DocketError } from '../../../src/errors.ts';
import { ofBlob } from '../../../src/ipld/cid.ts';
import { type Ipld, isMap } from '../../../src/ipld/value.ts';
import type { RunTaskChange } from '../../../src/ledger/change.ts';
import { LocalMesh } from '../../../src/mesh/local/local-mesh.ts';
import { decodeShared, type SharedResult } from '../../../src/protocol/mesh/shared-result.ts';
import { issuerOf } from '../../../src/receipt/verify.ts';
import type { Movable } from '../../../src/scheduler/run-keys.ts';
import { type Behavior, gives, nameOf, type RunResult } from '../../scheduler/harness.ts';
import { kindsOfMemo, planOf } from '../../scheduler/helpers.ts';
import { Site } from './sharing.ts';

/** A run that another member goes on with: what it finished and no other run may take. */

const plan = planOf(kindsOfMemo);
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
    const index = kindsOfMemo.findIndex((task) => task.name === name);
    return { signal: stop.signal, onEvent: (event) => event.kind === 'settled' && event.task === index && stop.abort() };
  };
  const first = await mesh.drive(a, 0, { ...stopAfter('now'), expected: (task) => (task === 0 ? 1_000 : 1) });
  const second = await mesh.drive(b, 1, stopAfter('never'));
  const third = await mesh.drive(c, 2);
  const ran = [...first.started, ...second.started, ...third.started];
  assert.equal(third.state, 'completed');
  assert.equal(ran.filter((name) => name === 'now').length, 1);
  assert.equal(ran.filter((name) => name === 'never').length, 1);
});

for (const last of plan.tasks.keys())
  test(`finds all that was told by a member that died when it had told ${last + 1} of them`, async () => {
    await using mesh = new Mesh();
    const [a, b] = [await mesh.site(), await mesh.site()];
    const stop = new AbortController();
    const told: string[] = [];
    const driving = mesh.drive(
      a,
      0,
      {
        signal: stop.signal,
        kept: () => a.kept(10_000),
        onEvent(event) {
          if (event.kind !== 'settled' || event.state !== 'ok' || told.push(plan.tasks[event.task]!.label) <= last) return;
          a.mesh.results.file = () => Promise.reject(new DocketError('MESH_UNREACHABLE', 'it is dead'));
          stop.abort();
        },
      },
      40,
    );
    const over = { isSo: false };
    void driving.finally(() => (over.isSo = true));
    while (!over.isSo) {
      await nextTurn();
      a.clock.advance(1);
    }
    const { started } = await mesh.drive(b, 1);
    assert.deepEqual(
      started.filter((name) => told.slice(0, last + 1).includes(name)),
      [],
    );
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

test('tries a task whose output is gone as often as any, however many attempts it took before', async () => {
  await using mesh = new Mesh();
  const [a, b] = [await mesh.site(), await mesh.site()];
  const retried = planOf([{ ...kindsOfMemo[0]!, name: 'big', meta: { retry: { attempts: 3, backoff: 0 } } }]);
  const blob = ofBlob(new Uint8Array(5_000));
  const lostTwice = (value: Ipld): Behavior => {
    let left = 2;
    return (job) =>
      left-- > 0 ? { kind: 'lost', code: 'lost', message: 'killed', usage: { wall: 1, cpu: 1, memory: 0, output: 0 } } : gives(value)(job);
  };
  const first = await a.run(retried, lostTwice(blob), { run: RUN, movable: movable(0) });
  await a.fileAll();
  const second = await b.run(retried, lostTwice('here'), { run: RUN, movable: movable(1) });
  assert.deepEqual([first.state, second.state, second.started.length], ['completed', 'completed', 3]);
});

test('gives nothing to another run, nor to one of the same id with other inputs', async () => {
  await using mesh = new Mesh();
  const [a, b] = [await mesh.site(), await mesh.site()];
  await mesh.drive(a, 0);
  const other = await mesh.drive(b, 1, { run: 'RUN2' });
  assert.deepEqual(other.started.toSorted(), ['always', 'never', 'now', 'pure']);
  const changed = planOf(kindsOfMemo.map((task) => (task.name === 'now' ? { ...task, input: { ...task.input, x: 1 } } : task)));
  const c = await mesh.site();
  const result = await c.run(changed, gives('x'), { run: RUN, movable: movable(1) });
  assert.deepEqual(result.started.toSorted(), ['never', 'now', 'pure']);
});

test('runs what is forced, if it was not run in it', async () => {
  await using mesh = new Mesh();
  const [a, b] = [await mesh.site(), await mesh.site()];
  const forced = (task: number): boolean => task === 2;
  const first = await mesh.drive(a, 0, { forced });
  await mesh.drive(b, 0, { run: 'RUN2' });
  const second = await mesh.drive(b, 1, { forced });
  assert.deepEqual([second.started, second.outputs], [[], first.outputs]);
  assert.deepEqual((await mesh.drive(b, 1, { run: 'RUN3', forced })).started.toSorted(), ['always', 'never', 'now', 'pure']);
});

test('runs nothing again that was forced, and gives it to no other run that is', async () => {
  await using mesh = new Mesh();
  const [a, b] = [await mesh.site(), await mesh.site()];
  const forced = (): boolean => true;
  const first = await mesh.drive(a, 0, { forced });
  await mesh.drive(b, 0, { run: 'RUN2', forced });
  const second = await mesh.drive(b, 1, { forced });
  assert.deepEqual([second.started, second.outputs], [[], first.outputs]);
  assert.deepEqual((await mesh.drive(b, 1, { run: 'RUN3', forced })).started.toSorted(), ['always', 'never', 'now', 'pure']);
});

test('finds a pure task behind such a one where nobody told its resolved key', async () => {
  await using mesh = new Mesh();
  const [a, b] = [await mesh.site(), await mesh.site()];
  const file = a.mesh.results.file.bind(a.mesh.results);
  a.mesh.results.file = async (all) => await file(all.filter(({ value }) => (decodeShared(value) as SharedResult).statement !== undefined));
  const first = await mesh.drive(a, 0);
  const second = await mesh.drive(b, 1);
  assert.deepEqual([second.started, second.outputs], [[], first.outputs]);
});

test('takes what it finished before what this home knows of other runs', async () => {
  await using mesh = new Mesh();
  const [a, b] = [await mesh.site(), await mesh.site()];
  await mesh.drive(b, 0, { run: 'RUN2' });
  const first = await mesh.drive(a, 0);
  const second = await mesh.drive(b, 1);
  assert.deepEqual([second.started, second.outputs], [[], first.outputs]);
  assert.deepEqual((await mesh.drive(b, 1, { run: 'RUN3' })).started.toSorted(), ['never', 'now', 'pure'], 'which is found otherwise');
});

test('finds what a task gave that ran once more, and passes nothing on that it heard', async () => {
  await using mesh = new Mesh();
  const [a, b] = [await mesh.site(), await mesh.site()];
  await mesh.drive(a, 0);
  const again = await mesh.drive(a, 0, { forced: () => true });
  const second = await mesh.drive(b, 1);
  assert.deepEqual([second.started, second.outputs], [[], again.outputs]);
  assert.equal(b.filed.declared, 0);
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

/** A drive of the run at a site at which this is what questions come to; time goes on meanwhile. `ms`: when the last was asked; `asked`: keys. */
async function driveAsking(
  mesh: Mesh,
  site: Site,
  latest: (
    ask: (isCertain: boolean) => ReturnType<Site['mesh']['results']['latest']>,
    isCertain: boolean,
    ms: number,
  ) => ReturnType<Site['mesh']['results']['latest']>,
): Promise<RunResult & { readonly ms: number; readonly asked: number }> {
  const { clock } = site;
  const { results } = site.mesh;
  const real = results.latest.bind(results);
  const began = clock.monotonic();
  let [asked, ms] = [0, 0];
  results.latest = async (keys, signal, isCertain = false) => {
    asked += keys.length;
    ms = clock.monotonic() - began;
    return await latest(async (certain) => await real(keys, signal, certain), isCertain, ms);
  };
  const over = { isSo: false };
  const driving = mesh.drive(site, 1, { clock }).finally(() => (over.isSo = true));
  while (!over.isSo) {
    clock.advance(50);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return { ...(await driving), ms, asked };
}

const silent = (): Promise<never> => Promise.reject(new DocketError('MESH_NO_ANSWER', 'no leader'));
const lacking = async (found: Promise<readonly unknown[]>): Promise<undefined[]> => (await found).map(() => undefined);

test('waits for an answer at its beginning, and not later', async () => {
  await using mesh = new Mesh();
  const [a, b, c] = [await mesh.site(), await mesh.site(), await mesh.site()];
  const first = await mesh.drive(a, 0);
  const second = await driveAsking(mesh, b, async (ask, isCertain, ms) => (ms < 8_000 ? await silent() : await ask(isCertain)));
  assert.deepEqual([second.started, second.outputs], [[], first.outputs]);
  assert.ok(second.asked < 100, 'one key at a time');
  const third = await driveAsking(mesh, c, silent);
  assert.deepEqual(third.started.toSorted(), ['always', 'never', 'now', 'pure']);
});

test('asks who leads the results for what a copy lacks; if that does not answer the copies count', async () => {
  await using mesh = new Mesh();
  const [a, b, c, d] = [await mesh.site(), await mesh.site(), await mesh.site(), await mesh.site()];
  const first = await mesh.drive(a, 0);
  const behind = await driveAsking(mesh, b, async (ask, isCertain) => (isCertain ? await ask(true) : await lacking(ask(false))));
  assert.deepEqual([behind.started, behind.outputs], [[], first.outputs]);
  const leaderless = await driveAsking(mesh, c, async (ask, isCertain) => (isCertain ? await silent() : await ask(false)));
  assert.deepEqual([leaderless.started, leaderless.outputs], [[], first.outputs]);
  const refused = (): Promise<never> => Promise.reject(new DocketError('MESH_REFUSED', 'no right to do that'));
  const unable = await driveAsking(mesh, d, async (ask, isCertain) => (isCertain ? await refused() : await lacking(ask(false))));
  assert.deepEqual(unable.started.toSorted(), ['always', 'never', 'now', 'pure']);
  assert.ok(unable.ms < 1_000, 'it is not waited for what it may not ask');
});
