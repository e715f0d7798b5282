import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FetchEvents } from '../../../src/agent/resources/fetch-events.ts';
import { HandClock } from '../../hand-clock.ts';
import { HostileServer } from '../../store/hostile-server.ts';
import { Fetcher, hostOf, hurried } from './helpers.ts';

/** What a run is told of how far its resources are. */

const SIZE = 1_000_000;

test('each attempt counts from the start: no more comes than there is', async () => {
  let attempts = 0;
  await using server = await HostileServer.open((_, response) => {
    response.writeHead(200, { 'content-length': SIZE });
    if (++attempts === 3) response.end(Buffer.alloc(SIZE));
    else response.write(Buffer.alloc((SIZE / 4) * 3), () => setImmediate(() => response.destroy()));
  });
  const clock = new HandClock();
  const fetcher = new Fetcher([], { clock, fetch: [hostOf(server)] });
  await hurried(clock, fetcher.resources.get(`${server.url}/a`));
  const came = fetcher.progress.reduce((sum, progress) => sum + (progress.kind === 'bytes' ? progress.bytes : 0), 0);
  assert.ok(attempts === 3 && came > SIZE, `${came} bytes in ${attempts} attempts`);

  const events = new FetchEvents(new HandClock(), () => {});
  const seen = fetcher.progress.flatMap((progress) => {
    events.add(progress);
    return events.views.map(({ bytes }) => bytes);
  });
  assert.equal(Math.max(...seen), SIZE);
});
