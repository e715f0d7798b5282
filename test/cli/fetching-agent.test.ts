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

/** An agent that is killed while it fetches. */

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
