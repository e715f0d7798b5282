import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { buildGuests } from '../../scripts/build-guests.ts';
import { fetchPolicy, parseFetch } from '../../src/agent/resources/fetch-policy.ts';
import type { FetchSettings } from '../../src/agent/resources/resources.ts';
import { create } from '../../src/agent/tokens.ts';
import * as Cid from '../../src/ipld/cid.ts';
import { compile } from '../../src/workflow/compile.ts';
import { encodePlan } from '../../src/workflow/stored-plan.ts';
import { blockAnswer, gatewayAnswer, hostOf, send } from '../agent/resources/helpers.ts';
import { HostileServer } from '../store/hostile-server.ts';
import { imported, importedFolder } from '../store/unixfs/helpers.ts';
import { Door, module, type Problem } from './helpers.ts';

/** An agent stands where its clients cannot reach: what it fetches for them is its owner's to say. */

before(buildGuests);

const TEXT = 'b a b '.repeat(60_000);

function fetchFrom(hosts: readonly string[], gateways: readonly string[] = []): FetchSettings {
  return {
    policy: fetchPolicy(
      hosts.map((text) => parseFetch(text)!),
      gateways,
    ),
    gateways,
  };
}

async function submitted(door: Door, text: string): Promise<string> {
  const { token } = await create(door.agent.engine, { scopes: ['run', 'read'] }, undefined);
  const reply = await door.ask('POST', '/v1/runs', { body: text, headers: { authorization: `Bearer ${token}` } });
  const answer = (await reply.json()) as Problem & { run: string };
  if (reply.status !== 201) return `${reply.status} ${answer.code}`;
  await (await door.ask('GET', `/v1/runs/${answer.run}/events`)).text();
  return ((await (await door.ask('GET', `/v1/runs/${answer.run}`)).json()) as { state: string }).state;
}

const counting = (name: string, stdin = '"a b a"'): string => `tasks: { count: { module: "${name}", stdin: ${stdin} } }`;

test('by default an agent fetches nothing, whatever a workflow names', async () => {
  await using door = await Door.open();
  await using server = await HostileServer.open((_, response) => send(response, module('count-words')));
  const words = Cid.ofBlob(module('count-words'));
  for (const name of [
    `${server.url}/w.wasm`,
    `${server.url}/w.wasm#${Cid.toSri(words)}`,
    `${server.url}/ipfs/${words}`,
    'http://169.254.169.254/latest/meta-data',
  ])
    assert.equal(await submitted(door, counting(name)), '403 RESOURCE_REFUSED', name);
  assert.deepEqual(server.asked, []);
  // Without anybody to ask it is only missing.
  assert.equal(await submitted(door, counting(`ipfs://${words}`)), 'failed');
});

test('an agent that may fetch from the open internet fetches nothing from its own network', async () => {
  await using door = await Door.open({ fetch: fetchFrom(['public']) });
  await using server = await HostileServer.open((_, response) => send(response, module('count-words')));
  for (const [host, end] of [
    ['127.0.0.1', '403 RESOURCE_REFUSED'],
    ['[::1]', '403 RESOURCE_REFUSED'],
    ['2130706433', '403 RESOURCE_REFUSED'],
    // Where a name leads is known when it is looked up, and then there is a run.
    ['localhost', 'failed'],
  ] as const)
    assert.equal(await submitted(door, counting(`${server.url.replace('127.0.0.1', host)}/w.wasm`)), end, host);
  assert.deepEqual(server.asked, []);
});

test('an agent fetches from the gateways and hosts that it was told, and redirects lead nowhere else', async () => {
  const held = await imported(Buffer.from(TEXT));
  await using gateway = await HostileServer.open(gatewayAnswer(held, Buffer.from(TEXT)));
  await using inside = await HostileServer.open((_, response) => send(response, module('count-words')));
  await using server = await HostileServer.open((request, response) => {
    if (request.url === '/inside') response.writeHead(302, { location: `${inside.url}/w.wasm` }).end();
    else send(response, module('count-words'));
  });
  await using door = await Door.open({ fetch: fetchFrom([hostOf(server)], [gateway.url]) });
  assert.equal(await submitted(door, counting(`${server.url}/w.wasm`, `{ cid: ${held.cid} }`)), 'completed');
  assert.equal(await submitted(door, counting(`${server.url}/inside`)), 'failed');
  assert.deepEqual(inside.asked, []);
  const alias = await door.ask('GET', `/v1/aliases/${held.cid}`);
  assert.deepEqual(await alias.json(), { alias: held.cid.toString(), blob: Cid.ofBlob(Buffer.from(TEXT)).toString() });
});

test('names are computed by the agent, and asked for by their form', async () => {
  await using door = await Door.open();
  const { cid } = await door.agent.engine.store.put(new Uint8Array(300_000));
  const post = async (blob: string): Promise<Response> =>
    await door.ask('POST', '/v1/aliases', { body: JSON.stringify({ blob }), headers: { 'content-type': 'application/json' } });
  const named = await post(cid.toString());
  const { alias } = (await named.json()) as { alias: string };
  assert.equal(named.status, 201);
  assert.equal((await door.ask('GET', `/v1/aliases/${alias}`)).status, 200);
  assert.equal((await door.ask('GET', `/v1/aliases/${Cid.parse(alias).toV0()}`)).status, 200);
  assert.equal((await door.ask('GET', `/v1/aliases/${Cid.ofUnixFs(Uint8Array.of(1))}`)).status, 404);
  assert.equal((await door.ask('GET', `/v1/aliases/${cid}`)).status, 400);
  assert.equal((await post(Cid.ofBlob(Buffer.from('nowhere')).toString())).status, 404);
  assert.equal((await post(alias)).status, 400);
});

test('a path is followed by the agent itself, and of a plan nobody is believed where it leads', async () => {
  const folder = await importedFolder({ 'bin/words.wasm': module('count-words'), 'bin/other.wasm': module('loop') });
  await using gateway = await HostileServer.open(blockAnswer(folder));
  await using door = await Door.open({ fetch: fetchFrom([], [gateway.url]) });
  const rsc = `ipfs://${folder.cid}/bin/words.wasm`;
  assert.equal(await submitted(door, counting(rsc)), 'completed');

  // What cannot be a path is refused; what leads nowhere is known when it was looked for.
  assert.equal(await submitted(door, counting(`ipfs://${folder.cid}/bin%2Fwords.wasm`)), '422 WORKFLOW_INVALID');
  assert.equal(await submitted(door, counting(`ipfs://${folder.cid}/bin/none.wasm`)), 'failed');

  // A plan that says that the path leads to the other module.
  await using there = await Door.open();
  const { token } = await create(there.agent.engine, { scopes: ['run', 'read', 'write'] }, undefined);
  const { engine } = there.agent;
  const run = async (led: Cid.CID): Promise<string> => {
    const plan = await compile(counting(rsc), {
      file: 'w.yaml',
      inputs: {},
      sources: { module: async () => led, blob: async () => led } as never,
    });
    const { cid } = await engine.store.put(encodePlan(plan));
    const reply = await there.ask('POST', `/v1/plans/${cid}/runs`, {
      body: '{}',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    });
    return `${reply.status} ${((await reply.json()) as Partial<Problem>).code}`;
  };
  const [words, other] = [Cid.ofBlob(module('count-words')), Cid.ofBlob(module('loop'))];
  for (const bytes of [module('count-words'), module('loop')]) await engine.store.put(bytes);
  assert.equal(await run(words), '422 WORKFLOW_INVALID', 'its directories are not here');
  for (const [name, bytes] of folder.blocks) if (Cid.isUnixFs(Cid.parse(name))) await engine.store.put(bytes);
  assert.equal(await run(words), '201 undefined');
  assert.equal(await run(other), '422 WORKFLOW_INVALID');
});

test('who may only read makes an agent fetch nothing', async () => {
  const held = await imported(Buffer.from(TEXT));
  await using gateway = await HostileServer.open(gatewayAnswer(held, Buffer.from(TEXT)));
  await using door = await Door.open({ fetch: fetchFrom(['public'], [gateway.url]) });
  const { token } = await create(door.agent.engine, { scopes: ['read'] }, undefined);
  const headers = { authorization: `Bearer ${token}` };
  const blob = Cid.ofBlob(Buffer.from(TEXT));
  for (const [method, path, status] of [
    ['GET', `/v1/aliases/${held.cid}`, 404],
    ['GET', `/v1/blobs/${blob}`, 404],
    ['HEAD', `/v1/blobs/${blob}`, 404],
    ['POST', '/v1/runs', 403],
    ['POST', '/v1/aliases', 403],
  ] as const) {
    const body = method === 'POST' ? { body: counting(`${gateway.url}/ipfs/${held.cid}`) } : {};
    assert.equal((await door.ask(method, path, { headers, ...body })).status, status, `${method} ${path}`);
  }
  assert.deepEqual(gateway.asked, []);
});
