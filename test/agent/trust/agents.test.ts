import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { buildGuests } from '../../../scripts/build-guests.ts';
import { Agent, type AgentOptions } from '../../../src/agent/agent.ts';
import { LocalMesh } from '../../../src/mesh/local/local-mesh.ts';
import { guest, Place, type Report } from '../../cli/helpers.ts';

/** Whole agents in a mesh of one process, and workflows that are run at them. */

const PATIENCE = 20_000;

let place: Place;
before(async () => {
  await buildGuests();
  place = new Place();
  place.write('noop.wasm', readFileSync(guest('noop')));
  place.write(
    'workflow.yaml',
    'name: two\ntasks:\n  one:\n    module: noop.wasm\n    args: [a]\n  two:\n    module: noop.wasm\n    args: [b]\n    memo: errors\n',
  );
});
after(() => place[Symbol.dispose]());

async function start(mesh: LocalMesh, name: string, more: Partial<AgentOptions> = {}): Promise<Agent> {
  return await Agent.start({
    home: join(place.folder, name),
    port: 0,
    mesh: { name: mesh.name, join: async ({ self, clock }) => mesh.join(self, clock), reach: async () => '127.0.0.1' },
    ...more,
  });
}

async function run(agent: Agent, ...options: string[]): Promise<Report & { readonly error?: { readonly code: string } }> {
  const { stdout, stderr } = await place.docket(['run', place.at('workflow.yaml'), '--agent', agent.url, '--json', ...options], {
    env: { DOCKET_TOKEN: agent.token },
  });
  assert.notEqual(stdout, '', stderr);
  return JSON.parse(stdout) as Report;
}

async function metric(agent: Agent, line: RegExp): Promise<number> {
  const reply = await fetch(`${agent.url}/metrics`, { headers: { authorization: `Bearer ${agent.token}` } });
  return Number(line.exec(await reply.text())?.[1] ?? Number.NaN);
}

/** Until it told the mesh of all its results. */
async function told(agent: Agent): Promise<void> {
  const until = performance.now() + PATIENCE;
  while ((await metric(agent, /^docket_results_unfiled (\d+)$/m)) > 0) {
    assert.ok(performance.now() < until, 'results are not filed');
    await new Promise((resolve) => setImmediate(resolve));
  }
}

suite('Agents in a mesh', () => {
  test('what one ran is a hit at another that came later, also when the first is gone', async () => {
    const mesh = new LocalMesh();
    await using later = new AsyncDisposableStack();
    {
      await using first = await start(mesh, 'a1');
      assert.deepEqual((await run(first)).tasks.ran, 2);
      await told(first);
    }
    const second = later.use(await start(mesh, 'a2'));
    assert.deepEqual((await run(second)).tasks, { total: 2, ran: 0, cached: 2, failed: 0, skipped: 0, cancelled: 0 });
    assert.equal(await metric(second, /^docket_results_asked_total\{answer="found"\} (\d+)$/m), 2);
  });

  test('what a run finished at one that is stopped is taken by the next, whatever its grants and memo', async () => {
    const mesh = new LocalMesh();
    place.write('loop.wasm', readFileSync(guest('loop')));
    const tasks = {
      granted: { module: 'noop.wasm', grant: ['clock'] },
      never: { module: 'noop.wasm', memo: 'never' },
      endless: { module: 'loop.wasm', files: { a: { from: 'granted', at: '/stdout' }, b: { from: 'never', at: '/stdout' } } },
    };
    const file = place.write('own.yaml', JSON.stringify({ name: 'own', tasks }));
    await using stopping = new AsyncDisposableStack();
    await using stack = new AsyncDisposableStack();
    const first = stopping.use(await start(mesh, 'd1'));
    const second = stack.use(await start(mesh, 'd2'));
    const at = (agent: Agent, ...args: string[]): ReturnType<Place['docket']> =>
      place.docket([...args, '--agent', agent.url], { env: { DOCKET_TOKEN: agent.token } });
    const id = (await at(first, 'run', file, '--detach')).stdout.trim();
    const shown = async (agent: Agent): Promise<string[][]> => {
      const { tasks: all } = JSON.parse((await at(agent, 'show', id, '--json')).stdout) as { tasks: Record<string, string>[] };
      return all.map(({ label, state, via, agent: by }) => [label!, state!, via!, by!]);
    };
    const until = async (agent: Agent, isSo: (rows: string[][]) => boolean): Promise<string[][]> => {
      const end = performance.now() + PATIENCE;
      for (;;) {
        const rows = await shown(agent);
        if (isSo(rows)) return rows;
        assert.ok(performance.now() < end, JSON.stringify(rows));
      }
    };
    await until(first, (rows) => rows.some(([label, state]) => label === 'endless' && state === 'running'));
    const { did } = first.engine.key;
    await stopping.disposeAsync();
    const rows = await until(second, (all) => all.filter(([, state]) => state === 'ok').length === 2);
    const ended = rows.filter(([, state]) => state === 'ok').toSorted();
    assert.deepEqual(ended, [
      ['granted', 'ok', 'ran', did],
      ['never', 'ok', 'ran', did],
    ]);
    await at(second, 'cancel', id);
  });

  test('what was forced and was run at one that is stopped is taken as it is, and nothing that was known before', async () => {
    const mesh = new LocalMesh();
    place.write('loop.wasm', readFileSync(guest('loop')));
    const noops = Array.from({ length: 6 }, (_, i) => [`t${i}`, { module: 'noop.wasm', args: [`forced ${i}`] }]);
    const known = place.write('known.yaml', JSON.stringify({ name: 'known', tasks: Object.fromEntries(noops) }));
    const endless = { module: 'loop.wasm', files: Object.fromEntries(noops.map(([name]) => [name, { from: name, at: '/stdout' }])) };
    const file = place.write('forced.yaml', JSON.stringify({ name: 'forced', tasks: { ...Object.fromEntries(noops), endless } }));
    await using stopping = new AsyncDisposableStack();
    await using stack = new AsyncDisposableStack();
    const second = stack.use(await start(mesh, 'f2'));
    const at = (agent: Agent, ...args: string[]): ReturnType<Place['docket']> =>
      place.docket([...args, '--agent', agent.url], { env: { DOCKET_TOKEN: agent.token } });
    const shown = async (agent: Agent, id: string): Promise<Record<string, string>[]> =>
      (JSON.parse((await at(agent, 'show', id, '--json')).stdout) as { tasks: Record<string, string>[] }).tasks;
    const earlier = JSON.parse((await at(second, 'run', known, '--json')).stdout) as { run: string };
    const old = new Set((await shown(second, earlier.run)).map(({ receipt }) => receipt));
    assert.equal(old.size, 6);
    const first = stopping.use(await start(mesh, 'f1'));
    const id = (await at(first, 'run', file, '--force', '--detach')).stdout.trim();
    const until = async (agent: Agent, isSo: (rows: Record<string, string>[]) => boolean): Promise<Record<string, string>[]> => {
      const end = performance.now() + PATIENCE;
      for (;;) {
        const rows = await shown(agent, id);
        if (isSo(rows)) return rows.filter(({ state }) => state === 'ok');
        assert.ok(performance.now() < end, JSON.stringify(rows));
      }
    };
    const isUnderWay = (rows: Record<string, string>[]): boolean =>
      rows.some(({ label, state }) => label === 'endless' && state === 'running');
    const own = await until(first, isUnderWay);
    assert.deepEqual([own.length, own.filter(({ receipt }) => old.has(receipt)).length], [6, 0], 'it was forced');
    await stopping.disposeAsync();
    const facts = ({ label, via, receipt }: Record<string, string>): unknown[] => [label, via, receipt];
    assert.deepEqual((await until(second, isUnderWay)).map(facts), own.map(facts));
    await at(second, 'cancel', id);
  });

  test('listed, it is not believed, counted, and shown by who signed', async () => {
    const mesh = new LocalMesh();
    await using first = await start(mesh, 'b1');
    await run(first);
    await told(first);
    const lines: { readonly event: string; readonly facts: Readonly<Record<string, unknown>> }[] = [];
    await using second = await start(mesh, 'b2', {
      sharing: { mode: 'listed' },
      tell: (event, facts) => void lines.push({ event, facts }),
    });
    assert.equal((await run(second)).tasks.ran, 2);
    assert.ok((await metric(second, /^docket_receipts_refused_total\{reason="untrusted"\} (\d+)$/m)) >= 2);
    const { did } = first.engine.key;
    assert.ok(lines.some(({ event, facts }) => event === 'receipt refused' && facts['issuer'] === did));
  });

  test('agreement where there is nobody to agree with is refused, or waits for somebody', async () => {
    await using alone = await Agent.start({ home: join(place.folder, 'c1'), port: 0 });
    assert.equal((await run(alone, '--agree', '2/3')).error?.code, 'AGREE_ALONE');
    assert.equal((await run(alone, '--agree', '2/5')).error?.code, 'USAGE');
    const codeHere = async (file: string, ...options: string[]): Promise<string> => {
      const { stdout } = await place.docket(['run', file, ...options, '--json']);
      return (JSON.parse(stdout) as { error: { code: string } }).error.code;
    };
    assert.equal(await codeHere(place.at('workflow.yaml'), '--agree', '2/2'), 'AGREE_ALONE');
    const task = (more: string): string => place.write('t.yaml', `name: t\ntasks:\n  t:\n    module: noop.wasm\n    agree: 2/3\n${more}`);
    assert.equal(await codeHere(task('')), 'AGREE_ALONE');
    assert.equal(await codeHere(task('    grant: [clock]\n')), 'WORKFLOW_INVALID');
  });
});
