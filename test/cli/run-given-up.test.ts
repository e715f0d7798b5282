import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { buildGuests } from '../../scripts/build-guests.ts';
import { module } from '../api/helpers.ts';
import { startAgent } from './agent-process.ts';
import { type Failure, Place } from './helpers.ts';

before(() => buildGuests());

test('a run on which three agents died, alone, is not taken up again, and says so truly', { timeout: 60_000 }, async () => {
  using place = new Place();
  let run = '';
  const view = async (agent: Awaited<ReturnType<typeof startAgent>>) =>
    await agent.ask<{ state: string; failure?: { code: string } }>(`/v1/runs/${run}`);
  {
    await using agent = await startAgent(place);
    const headers = { authorization: `Bearer ${agent.token}` };
    const stored = await fetch(`${agent.url}/v1/blobs`, { method: 'POST', headers, body: module('loop') as Uint8Array<ArrayBuffer> });
    const { cid } = (await stored.json()) as { cid: string };
    const workflow = { tasks: [{ run: { rsc: `ipfs://${cid}`, op: 'wasi/run', input: {}, nnc: '' }, meta: {}, prf: [], cause: null }] };
    const reply = await fetch(`${agent.url}/v1/runs`, { method: 'POST', headers, body: JSON.stringify(workflow) });
    run = ((await reply.json()) as { run: string }).run;
    while (!(await agent.ask<{ tasks: { state: string }[] }>(`/v1/runs/${run}/tasks`)).tasks.some(({ state }) => state === 'running'));
    await agent.kill('SIGKILL');
  }
  for (const _ of ['second', 'third']) {
    await using agent = await startAgent(place);
    // With a runner.
    while (!(await agent.ask<{ tasks: { state: string }[] }>(`/v1/runs/${run}/tasks`)).tasks.some(({ state }) => state === 'running'));
    assert.equal((await view(agent)).state, 'running');
    await agent.kill('SIGKILL');
  }
  await using agent = await startAgent(place);
  while ((await view(agent)).state === 'interrupted');
  const { state, failure } = await view(agent);
  assert.deepEqual([state, failure?.code], ['failed', 'RUN_GIVEN_UP']);
  await agent.kill('SIGKILL');

  const shown = await place.out('show', run);
  assert.match(shown, /^state {5}failed$/m);
  assert.match(
    shown,
    /^failed {4}agents were killed 3 times while run .*, and no other, had tasks with runners.* \[RUN_GIVEN_UP\]\n {10}Those/m,
  );
  assert.match(shown, /^tasks {5}1 task: 0 ran, 0 cached, 1 failed$/m);
  assert.match(shown, /its coordinator ended while the task was with a runner/, 'what was running');
  assert.equal((await place.json<Partial<Failure> & { failure: { code: string } }>('show', run)).failure.code, 'RUN_GIVEN_UP');
  assert.deepEqual((await place.json<{ damaged: unknown[] }>('store', 'verify')).damaged, []);
});
