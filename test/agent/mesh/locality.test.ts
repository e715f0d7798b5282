import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { buildGuests } from '../../../scripts/build-guests.ts';
import { Agent } from '../../../src/agent/agent.ts';
import { LocalMesh } from '../../../src/mesh/local/local-mesh.ts';
import { guest, Place, type Report } from '../../cli/helpers.ts';

/** Whole agents in a mesh of one process: where tasks run whose inputs are large, and what becomes of those inputs. */

const PATIENCE = 30_000;

let place: Place;
before(async () => {
  await buildGuests();
  place = new Place();
  for (const name of ['echo', 'count-words', 'top-words']) place.write(`${name}.wasm`, readFileSync(guest(name)));
  // All words are different: their counts are larger than they are.
  place.write('words', Array.from({ length: 90_000 }, (_, i) => `word${1_000_000 + i}`).join(' '));
});
after(() => place[Symbol.dispose]());

async function start(mesh: LocalMesh, name: string, tags: Readonly<Record<string, string>>): Promise<Agent> {
  const joining = { name: mesh.name, join: async ({ self }: { readonly self: string }) => mesh.join(self), reach: async () => '127.0.0.1' };
  return await Agent.start({ home: join(place.folder, name), port: 0, slots: 1, mesh: joining, tags });
}

const workflow = (top: object): string =>
  JSON.stringify({
    ...{ docket: 1, name: 'locality' },
    tasks: {
      count: { module: 'count-words.wasm', stdin: { file: 'words' }, needs: { tags: { counts: true } } },
      top: { module: 'top-words.wasm', args: ['3'], stdin: { from: 'count', at: '/stdout' }, ...top },
    },
    outputs: { top: { from: 'top', at: '/stdout' } },
  });

async function run(agent: Agent, name: string, content: string): Promise<Report> {
  const file = place.write(name, content);
  const { stdout, stderr } = await place.docket(['run', file, '--agent', agent.url, '--json'], { env: { DOCKET_TOKEN: agent.token } });
  assert.notEqual(stdout, '', stderr);
  return JSON.parse(stdout) as Report;
}

/** Sum of all counters whose line begins so. */
async function metric({ url, token }: Agent, begin: string): Promise<number> {
  const reply = await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${token}` } });
  const lines = (await reply.text()).split('\n').filter((line) => line.startsWith(begin));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

interface Going {
  readonly tasks: { readonly ran: number };
}

async function firstRun({ url, token }: Agent): Promise<Going | undefined> {
  const reply = await fetch(`${url}/v1/runs`, { headers: { authorization: `Bearer ${token}` } });
  return ((await reply.json()) as { readonly runs: readonly Going[] }).runs[0];
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + PATIENCE;
  while (!(await holds())) {
    assert.ok(performance.now() < end, 'it did not come to be');
    await new Promise((resolve) => setImmediate(resolve));
  }
}

suite('large inputs', () => {
  test('are used where they were made, though the coordinator has a free slot', async () => {
    const mesh = new LocalMesh();
    await using coordinator = await start(mesh, 'a1', {});
    await using counter = await start(mesh, 'a2', { counts: 'yes' });
    const { state, tasks } = await run(coordinator, 'near.json', workflow({}));
    assert.deepEqual([state, tasks.ran], ['completed', 2]);
    assert.equal(await metric(counter, 'docket_hosted_tasks_total'), 2);
    assert.equal(await metric(coordinator, 'docket_mesh_fetched_bytes_total'), 0, 'nothing came to the coordinator');
  });

  test('that are lost with the only member that had them are made again', async () => {
    const mesh = new LocalMesh();
    await using coordinator = await start(mesh, 'b1', {});
    await using later = new AsyncDisposableStack();
    const first = await start(mesh, 'b2', { counts: 'yes' });
    // Nobody has that tag before the first member is gone.
    const running = run(coordinator, 'lost.json', workflow({ needs: { tags: { late: true } } }));
    try {
      await until(async () => (await firstRun(coordinator))?.tasks.ran === 1);
    } finally {
      await first[Symbol.asyncDispose]();
    }
    const second = later.use(await start(mesh, 'b3', { counts: 'yes', late: 'yes' }));
    const { state, tasks } = await running;
    assert.deepEqual([state, tasks.failed], ['completed', 0]);
    assert.ok((await metric(second, 'docket_hosted_tasks_total')) >= 2, 'it counted again, and took the top of that');
  });
});
