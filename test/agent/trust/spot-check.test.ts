import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isMap } from '../../../src/ipld/value.ts';
import { LocalMesh } from '../../../src/mesh/local/local-mesh.ts';
import type { Dissent } from '../../../src/scheduler/voting.ts';
import { type Behavior, gives, nameOf, type RunResult } from '../../scheduler/harness.ts';
import { planOf, type Sketch } from '../../scheduler/helpers.ts';
import { Site } from './sharing.ts';

/** Hits taken from another member, of which some are run once more here. */

const honest: Behavior = (job) => gives([nameOf(job), isMap(job.input) ? job.input['args']! : null])(job);
const lying: Behavior = (job) => gives(['a lie', nameOf(job)])(job);
const chain: readonly Sketch[] = [{ name: 'a' }, { name: 'b', awaits: ['a'] }];

interface Checked {
  readonly result: RunResult;
  readonly dissents: readonly Dissent[];
  readonly liar: string;
}

async function check(
  first: Behavior,
  mayCheck: (task: number) => boolean,
  cpus: readonly [string, string] = ['x64', 'x64'],
): Promise<Checked> {
  await using stack = new AsyncDisposableStack();
  const [mesh, members] = [new LocalMesh(), new Set<string>()];
  const a = stack.use(await Site.open(mesh, members));
  const b = stack.use(await Site.open(mesh, members));
  await a.run(planOf(chain), first, { cpu: cpus[0] });
  await a.fileAll();
  const dissents: Dissent[] = [];
  const result = await b.run(planOf(chain), honest, { cpu: cpus[1], mayCheck, onDissent: (dissent) => dissents.push(dissent) });
  return { result, dissents, liar: a.did };
}

test('what is not checked is taken', async () => {
  const { result, dissents } = await check(lying, () => false);
  assert.deepEqual([result.started, dissents], [[], []]);
});

test('a liar is found out by what is run here, which is what counts', async () => {
  const { result, dissents, liar } = await check(lying, () => true);
  assert.deepEqual(result.started, ['a', 'b']);
  assert.equal(result.state, 'completed');
  // The liar's b was of another input, so it is no word on this one.
  assert.deepEqual(
    dissents.map(({ task, issuer, isProof }) => [task, issuer, isProof]),
    [[0, liar, true]],
  );
  assert(result.events.some((event) => event.kind === 'dissent' && event.member === liar));
});

test('what cannot be run here is taken, for it cannot be checked', async () => {
  await using stack = new AsyncDisposableStack();
  const [mesh, members] = [new LocalMesh(), new Set<string>()];
  const a = stack.use(await Site.open(mesh, members));
  const b = stack.use(await Site.open(mesh, members));
  const plan = planOf([
    { name: 'a', meta: { needs: { tags: { gpu: 'h100' }, within: 0 } } },
    { name: 'b', awaits: ['a'] },
  ]);
  const place = { ops: ['wasm/run'], memory: 1, slots: 1 };
  await a.run(plan, honest, { here: { ...place, tags: { gpu: 'h100' } } });
  await a.fileAll();
  const result = await b.run(plan, honest, { here: { ...place, tags: {} }, mayCheck: () => true });
  assert.deepEqual([result.started, result.state], [['b'], 'completed']);
});

test('of an honest member nothing is told', async () => {
  const { result, dissents } = await check(honest, () => true);
  assert.deepEqual([result.started, dissents, result.state], [['a', 'b'], [], 'completed']);
});

test('a difference between kinds of processors is told, and proves nothing', async () => {
  const { dissents } = await check(lying, () => true, ['arm64', 'x64']);
  assert.deepEqual(
    dissents.map(({ isProof }) => isProof),
    [false],
  );
});

test('a check of one task leaves hits on others', async () => {
  const { result } = await check(honest, (task) => task === 1);
  assert.deepEqual(result.started, ['b']);
});
