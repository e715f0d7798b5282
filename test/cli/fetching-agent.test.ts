import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { before, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { buildGuests } from '../../scripts/build-guests.ts';
import { hostOf, send } from '../agent/resources/helpers.ts';
import { module } from '../api/helpers.ts';
import { HostileServer } from '../store/hostile-server.ts';
import { startAgent } from './agent-process.ts';
import { Place } from './helpers.ts';

/** Runs that are left to an agent which fetches for them. */

before(() => buildGuests());

test('a run whose agent is killed while it fetches goes on with the next, and what it lacked is fetched then', async () => {
  using place = new Place();
  const waiting: ServerResponse[] = [];
  await using server = await HostileServer.open((_, response) => void waiting.push(response));
  const more = ['--fetch', hostOf(server)];
  await using first = await startAgent(place, { more });
  const body = `tasks: { count: { module: "${server.url}/w.wasm", stdin: "a b a" } }\noutputs: { o: { from: count, at: /stdout } }`;
  const reply = await fetch(`${first.url}/v1/runs`, { method: 'POST', body, headers: { authorization: `Bearer ${first.token}` } });
  const { run } = (await reply.json()) as { run: string };
  while (waiting.length === 0) await turn();
  waiting[0]!.writeHead(200).write(module('count-words').subarray(0, 5000));
  assert.match(await place.out('show', run), /^fetching {2}http.*w\.wasm: /m);
  await first.kill('SIGKILL');
  await using second = await startAgent(place, { more });
  while (waiting.length === 1) await turn();
  send(waiting[1]!, module('count-words'));
  assert.equal(await place.out('watch', run), 'a\t2\nb\t1\n');
  assert.equal(second.url.startsWith('http'), true);
});

test('a run that is left to an agent is fetched for by the agent, or here if that may not', async () => {
  using place = new Place();
  const waiting: ServerResponse[] = [];
  await using server = await HostileServer.open((_, response) => void waiting.push(response));
  place.write(
    'w.yaml',
    `tasks: { count: { module: "${server.url}/w.wasm", stdin: "a b a" } }\noutputs: { o: { from: count, at: /stdout } }`,
  );
  {
    await using _ = await startAgent(place, { more: ['--fetch', hostOf(server)] });
    // It returns while the server still says nothing.
    const run = (await place.out('run', 'w.yaml', '--detach')).trim();
    while (waiting.length === 0) await turn();
    send(waiting[0]!, module('count-words'));
    assert.equal(await place.out('watch', run), 'a\t2\nb\t1\n');
  }
  await using _ = await startAgent(place);
  const refused = await place.docket(['run', 'w.yaml', '--detach']);
  assert.match(refused.stderr, /RESOURCE_REFUSED|is at a private address/);
  const left = place.out('run', 'w.yaml', '--detach', '--fetch', hostOf(server));
  while (waiting.length === 1) await turn();
  send(waiting[1]!, module('count-words'));
  assert.equal(await place.out('watch', (await left).trim()), 'a\t2\nb\t1\n');
});
