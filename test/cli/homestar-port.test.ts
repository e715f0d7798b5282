import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { buildGuests } from '../../scripts/build-guests.ts';
import { module } from '../api/helpers.ts';
import { HomestarClient } from '../homestar/judge.ts';
import { startAgent } from './agent-process.ts';
import { Place } from './helpers.ts';

before(() => buildGuests());

const MORE = ['--homestar-port', '0'];
/** Long enough to be in the middle of, and ends. */
const SLOW = 30;

test('a run that came over Homestar’s port goes on after the agent was killed', { timeout: 60_000 }, async () => {
  using place = new Place();
  let run = '';
  {
    await using agent = await startAgent(place, { more: MORE });
    const stored = await fetch(`${agent.url}/v1/blobs`, {
      method: 'POST',
      headers: { authorization: `Bearer ${agent.token}` },
      body: module('numeric') as Uint8Array<ArrayBuffer>,
    });
    const { cid } = (await stored.json()) as { cid: string };
    const tasks = Array.from({ length: 8 }, (_, i) => ({
      run: {
        rsc: `ipfs://${cid}`,
        op: 'wasm/run',
        input: { func: 'fib', args: [SLOW + (i % 4)] },
        nnc: i < 4 ? '' : '1sod60ml6g26mfhsrsa0',
      },
      meta: {},
      prf: [],
      cause: null,
    }));
    const socket = new WebSocket(agent.homestar!.replace('http', 'ws'));
    await new Promise((resolve) => socket.addEventListener('open', resolve));
    const begun = new Promise<string>((resolve) =>
      socket.addEventListener('message', ({ data }) => {
        const { params } = JSON.parse(String(data)) as { params?: { event?: string; run?: string } };
        if (params?.event === 'begun') resolve(params.run!);
      }),
    );
    socket.send(
      JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'subscribe_run_workflow', params: [{ name: 'cut off', workflow: { tasks } }] }),
    );
    run = await begun;
    await agent.kill('SIGKILL');
  }
  await using agent = await startAgent(place, { more: MORE });
  const watched = await fetch(`${agent.url}/v1/runs/${run}/events`, { headers: { authorization: `Bearer ${agent.token}` } });
  assert.match(await watched.text(), /event: ended\ndata: \{"state":"completed"/);
  const view = await agent.ask<{ name: string; tasks: { total: number } }>(`/v1/runs/${run}`);
  assert.deepEqual([view.name, view.tasks.total], ['cut off', 8]);
});

test('an agent that is stopped tells its subscribers how their runs ended, and ends', { timeout: 60_000 }, async () => {
  using place = new Place();
  await using agent = await startAgent(place, { more: [...MORE, '--drain', '1s'] });
  const headers = { authorization: `Bearer ${agent.token}` };
  const stored = await fetch(`${agent.url}/v1/blobs`, { method: 'POST', headers, body: module('loop') as Uint8Array<ArrayBuffer> });
  const { cid } = (await stored.json()) as { cid: string };
  const clients = await Promise.all(
    Array.from({ length: 20 }, async (_, i) => {
      const client = await HomestarClient.connect(agent.homestar!);
      const task = { run: { rsc: `ipfs://${cid}`, op: 'wasi/run', input: {}, nnc: '' }, meta: {}, prf: [], cause: null };
      // The last ones ask for nothing.
      if (i < 18) await client.call('subscribe_run_workflow', [{ name: `run ${i}`, workflow: { tasks: [task] } }]);
      return client;
    }),
  );
  await agent.kill('SIGTERM');
  for (const client of clients)
    await assert.rejects(
      client.until(() => undefined),
      /closed/,
    );
  const ends = clients.flatMap(({ messages }) =>
    messages.filter(({ params }) => params?.event === 'ended').map(({ params }) => params!['state']),
  );
  assert.deepEqual(
    ends,
    Array.from({ length: 18 }, () => 'cancelled'),
  );
  await using again = await startAgent(place);
  const { runs } = await again.ask<{ runs: { state: string }[] }>('/v1/runs');
  assert.deepEqual([...new Set(runs.map(({ state }) => state))], ['cancelled']);
});

test('origins without a port, ports and origins that are none are refused', async () => {
  using place = new Place();
  for (const [args, message] of [
    [['--homestar-origin', 'https://a.example'], /there are origins for Homestar’s port, and no port \[CONFIG_INVALID\]/],
    [['--homestar-port', '65536'], /takes the number of a port, at most 65535/],
    [['--homestar-port', 'x'], /takes the number of a port, not "x"/],
    [['--homestar-port', '0', '--homestar-origin', 'a.example'], /takes origins such as https:\/\/example\.org, or \*, not "a\.example"/],
    [['--homestar-port', '0', '--homestar-origin', 'https://a.example/path'], /takes origins/],
  ] as const) {
    const { status, stderr } = await place.docket(['agent', '--listen', '127.0.0.1:0', ...args]);
    assert.equal(status, 2, stderr);
    assert.match(stderr, message);
  }
  const shown = await place.out('agent', '--print-config', '--homestar-port', '1337', '--homestar-origin', '*');
  assert.match(shown, /^homestar-port = 1337 # --homestar-port$/m);
  assert.match(shown, /^homestar-origin = \[ "\*" \] # --homestar-origin$/m);
});
