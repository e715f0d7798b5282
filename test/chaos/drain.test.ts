import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { buildGuests } from '../../scripts/build-guests.ts';
import { ROOT } from '../../scripts/run-command.ts';
import { systemClock } from '../../src/base/clock.ts';
import { until } from '../mesh/nats-members.ts';
import { NatsServer, noNatsServer } from '../mesh/nats-server.ts';
import { FleetAgent, freePort } from './fleet.ts';
import { docketIn, submit } from './submit.ts';
import { watchRun } from './watch-run.ts';

/** Agents that are drained while a run goes on: what they have is finished, nothing new comes, and afterwards it does. */

before(() => buildGuests());

const STEPS = 300;

/** One task after the other, all of which only one of the agents can run. */
function chain(): string {
  const steps = Array.from({ length: STEPS }, (_, i) => [
    `step${i}`,
    {
      module: join(ROOT, 'build', 'guests', 'numeric.wasm'),
      func: 'add-long',
      args: [i === 0 ? 1 : { from: `step${i - 1}` }, 1],
      nonce: `drain-${i}`,
      needs: { tags: { pool: 'b' } },
    },
  ]);
  return JSON.stringify({ docket: 1, name: 'chain', tasks: Object.fromEntries(steps), outputs: { last: { from: `step${STEPS - 1}` } } });
}

test('a host and a coordinator are drained in mid-run and take work again', { skip: noNatsServer, timeout: 180_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'docket-drain-'));
  await using stack = new AsyncDisposableStack();
  stack.defer(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  mkdirSync(join(folder, 'work'));
  const server = stack.use(await NatsServer.start());
  const more = ['--slots', '1', '--mesh', server.url, '--mesh-name', 'lab'];
  const driver = stack.use(new FleetAgent('driver', folder, await freePort(), more));
  const host = stack.use(new FleetAgent('host', folder, await freePort(), [...more, '--tag', 'pool=b']));
  await Promise.all([driver.start(), host.start()]);
  const docket = docketIn(folder);
  const drain = async (verb: 'drain' | 'undrain', agent: FleetAgent): Promise<void> => {
    const { status, stderr } = await docket(['agents', verb, agent.did, '--agent', agent.url, '--token-file', agent.tokenFile]);
    assert.equal(status, 0, stderr);
  };
  const ask = async (agent: FleetAgent, path: string): Promise<string> => await (await agent.ask(path, AbortSignal.timeout(10_000))).text();
  const holds = async (): Promise<number> =>
    [...(await ask(host, '/metrics')).matchAll(/^docket_hosted_tasks\{.*\} (\d+)/gm)].reduce((sum, [, count]) => sum + Number(count), 0);
  await until(async () => (await ask(driver, '/metrics')).includes('docket_mesh_members 2'));

  const work = { name: 'chain', workflow: chain(), tasks: STEPS, own: 0, isForced: false, outputs: {} };
  const submitted = await submit(docket, { folder, agent: driver, work, clock: systemClock });
  assert.ok('run' in submitted, JSON.stringify(submitted));
  const { run } = submitted;
  const settled = new Map<string, unknown>();
  let [unplaceable, ended] = [0, ''];
  const over = new AbortController();
  stack.defer(() => over.abort());
  const onEvent = (kind: string, data: string): void => {
    if (kind === 'unplaceable') unplaceable++;
    else if (kind === 'ended') ended = data;
    else if (kind === 'settled') {
      const { label, via } = JSON.parse(data) as { label: string; via: unknown };
      if (!settled.has(label)) settled.set(label, via);
    }
  };
  const watching = watchRun({ run, pick: () => host, onEvent }, over.signal);

  await until(() => settled.size >= 5);
  await drain('drain', host);
  await until(() => unplaceable > 0);
  await until(async () => (await holds()) === 0);
  assert.ok(settled.size < STEPS && ended === '', 'the rest waits for somebody who takes it');
  const waiting = settled.size;
  await drain('undrain', host);
  await until(() => settled.size > waiting + 5);

  await drain('drain', driver);
  const refused = await submit(docket, { folder, agent: driver, work: { ...work, name: 'other' }, clock: systemClock });
  assert.ok('refused' in refused && /NOT_READY/.test(refused.refused), 'it takes no run');
  await watching;
  assert.equal((JSON.parse(ended) as { state: string }).state, 'completed');
  assert.deepEqual([settled.size, [...settled.values()].filter((via) => via !== 'ran')], [STEPS, []], 'each was run, once');
  assert.deepEqual((JSON.parse(await ask(driver, `/v1/runs/${run}`)) as { outputs: unknown }).outputs, { last: STEPS + 1 });
  await drain('undrain', driver);
  const again = await docket(['run', submitted.file, '--agent', driver.url, '--token-file', driver.tokenFile, '--json']);
  assert.equal((JSON.parse(again.stdout) as { tasks: { cached: number } }).tasks.cached, STEPS, again.stderr);
});
