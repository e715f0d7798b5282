import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { before, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { buildGuests } from '../../scripts/build-guests.ts';
import { fetchPolicy, parseFetch } from '../../src/agent/resources/fetch-policy.ts';
import * as Cid from '../../src/ipld/cid.ts';
import { hostOf, send } from '../agent/resources/helpers.ts';
import { HostileServer } from '../store/hostile-server.ts';
import { Door, module } from './helpers.ts';

/** Runs that are accepted, and fetch what they need afterwards. */

before(buildGuests);

/** A server that answers when the test says so. */
class Slow implements AsyncDisposable {
  readonly server: HostileServer;
  /** Requests that wait, by their path. */
  readonly waiting: Map<string, ServerResponse>;

  private constructor(server: HostileServer, waiting: Map<string, ServerResponse>) {
    this.server = server;
    this.waiting = waiting;
  }

  static async open(): Promise<Slow> {
    const waiting = new Map<string, ServerResponse>();
    const server = await HostileServer.open((request, response) => {
      waiting.set(request.url!, response);
      response.on('close', () => waiting.delete(request.url!));
    });
    return new Slow(server, waiting);
  }

  async asked(path: string): Promise<ServerResponse> {
    while (!this.waiting.has(path)) await turn();
    return this.waiting.get(path)!;
  }

  /** Resolves when nobody waits for it any more. */
  async left(path: string): Promise<void> {
    while (this.waiting.has(path)) await turn();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
  }
}

function openFor(...servers: readonly HostileServer[]): Promise<Door> {
  const policy = fetchPolicy(
    servers.map((server) => parseFetch(hostOf(server))!),
    [],
  );
  return Door.open({ fetch: { policy, gateways: [] } });
}

async function submit(door: Door, body: string): Promise<string> {
  const reply = await door.ask('POST', '/v1/runs', { body });
  const { run } = (await reply.json()) as { run: string };
  assert.equal(reply.status, 201);
  return run;
}

interface View {
  readonly state: string;
  readonly fetching?: readonly Record<string, unknown>[];
  readonly fetched?: readonly Record<string, unknown>[];
}

const viewOf = async (door: Door, run: string): Promise<View> => (await door.ask('GET', `/v1/runs/${run}`)).json() as Promise<View>;

interface Event {
  readonly kind: string;
  readonly [name: string]: unknown;
}

/** Everything that is told of a run, to its end. */
async function eventsOf(door: Door, run: string): Promise<Event[]> {
  const text = await (await door.ask('GET', `/v1/runs/${run}/events`)).text();
  return [...text.matchAll(/^event: (.*)\ndata: (.*)$/gm)].map(([, kind, data]) => ({ kind: kind!, ...(JSON.parse(data!) as object) }));
}

const counting = (name: string): string => `tasks: { count: { module: "${name}", stdin: "a b a" } }`;

test('a run is there, and says what it waits for, while its module is fetched', async () => {
  await using slow = await Slow.open();
  await using door = await openFor(slow.server);
  const url = `${slow.server.url}/w.wasm`;
  const run = await submit(door, counting(url));
  const response = await slow.asked('/w.wasm');
  assert.deepEqual(await viewOf(door, run).then(({ state, fetching }) => ({ state, fetching })), {
    state: 'running',
    fetching: [{ resource: url, from: null, bytes: 0, size: null }],
  });
  const bytes = module('count-words');
  response.writeHead(200, { 'content-length': bytes.length }).write(bytes.subarray(0, 1000));
  for (;;) {
    const { fetching } = await viewOf(door, run);
    if (fetching?.[0]?.['bytes'] === 0) continue;
    assert.deepEqual(fetching, [{ resource: url, from: url, bytes: 1000, size: bytes.length }]);
    break;
  }
  response.end(bytes.subarray(1000));
  const events = await eventsOf(door, run);
  assert.equal(events.at(-1)!['state'], 'completed');
  assert.deepEqual(
    events.filter(({ kind }) => kind.startsWith('fetch')).map(({ kind, from, bytes: came, size }) => [kind, from, came, size]),
    [
      ['fetching', null, 0, null],
      ['fetching', url, 1000, bytes.length],
      ['fetched', url, bytes.length, undefined],
    ],
  );
  assert.deepEqual(events.map(({ kind }) => kind).slice(0, 2), ['begun', 'fetching']);
  const { fetching, fetched } = await viewOf(door, run);
  assert.equal(fetching, undefined);
  assert.deepEqual(
    fetched!.map(({ seconds, ...rest }) => [typeof seconds, rest]),
    [['number', { resource: url, from: url, bytes: bytes.length, blob: Cid.ofBlob(bytes).toString(), isVerified: false }]],
  );
});

test('one that is cancelled while it waits ends, and leaves the server', async () => {
  await using slow = await Slow.open();
  await using door = await openFor(slow.server);
  const run = await submit(door, counting(`${slow.server.url}/w.wasm`));
  await slow.asked('/w.wasm');
  const cancelled = (await (await door.ask('POST', `/v1/runs/${run}/cancel`)).json()) as { state: string };
  assert.equal(cancelled.state, 'cancelled');
  await slow.left('/w.wasm');
  assert.equal((await eventsOf(door, run)).at(-1)!['state'], 'cancelled');
  // It goes on where it was, which is before the fetch.
  await door.ask('POST', `/v1/runs/${run}/resume`, { body: '{}', headers: { 'content-type': 'application/json' } });
  send(await slow.asked('/w.wasm'), module('count-words'));
  assert.equal((await eventsOf(door, run)).at(-1)!['state'], 'completed');
});

test('what cannot be had fails the tasks that need it, by name, and no others', async () => {
  await using server = await HostileServer.open((request, response) => {
    if (request.url === '/good') send(response, module('count-words'));
    else response.writeHead(404).end();
  });
  await using door = await openFor(server);
  const sri = Cid.toSri(Cid.ofBlob(Buffer.from('something else')));
  const file = Cid.ofUnixFs(Buffer.from('a file that nobody has'));
  const run = await submit(
    door,
    `tasks:
  good: { module: "${server.url}/good", stdin: a }
  gone: { module: "${server.url}/gone", stdin: a }
  wrong: { module: "${server.url}/good#${sri}", stdin: a }
  input: { module: "${server.url}/good", stdin: { cid: ${file} } }
  after: { module: "${server.url}/good", stdin: { from: gone, at: /stdout } }
`,
  );
  const events = await eventsOf(door, run);
  const end = events.at(-1)! as unknown as {
    state: string;
    tasks: Record<string, number>;
    errors: { task: string; code: string; message: string }[];
  };
  assert.deepEqual([end.state, end.tasks['ran'], end.tasks['failed'], end.tasks['skipped']], ['failed', 1, 3, 1]);
  const errors = new Map(end.errors.map((error) => [error.task, error]));
  assert.deepEqual([errors.get('gone')!.code, /status 404/.test(errors.get('gone')!.message)], ['unfetched', true]);
  assert.deepEqual([errors.get('wrong')!.code, /something else/.test(errors.get('wrong')!.message)], ['unfetched', true]);
  // There is nobody who could be asked for it.
  assert.deepEqual([errors.get('input')!.code, errors.get('input')!.message.includes(file.toString())], ['unfetched', true]);
  assert.deepEqual(
    events.filter(({ kind }) => kind === 'unfetched').map(({ resource, code }) => [resource, code]),
    [
      [`${server.url}/gone`, 'RESOURCE_UNREACHABLE'],
      [`${server.url}/good#${sri}`, 'RESOURCE_INVALID'],
    ],
  );
  const why = (await (await door.ask('GET', `/v1/runs/${run}/why?task=gone`)).json()) as { why: { failure: string } };
  assert.match(why.why.failure, /status 404.*\[unfetched\]/);
});

test('two runs that need the same share one request, and one that is cancelled does not take it from the other', async () => {
  await using slow = await Slow.open();
  await using door = await openFor(slow.server);
  const text = counting(`${slow.server.url}/w.wasm#${Cid.toSri(Cid.ofBlob(module('count-words')))}`);
  const [first, second] = [await submit(door, text), await submit(door, text)];
  const response = await slow.asked('/w.wasm');
  const bytes = module('count-words');
  let at = 0;
  // The second comes on the way, and hears of it with the next byte.
  while ((await viewOf(door, second)).fetching === undefined) response.write(bytes.subarray(at, ++at));
  await door.ask('POST', `/v1/runs/${first}/cancel`);
  assert.equal((await eventsOf(door, first)).at(-1)!['state'], 'cancelled');
  response.end(bytes.subarray(at));
  assert.equal((await eventsOf(door, second)).at(-1)!['state'], 'completed');
  assert.equal(slow.server.asked.length, 1);
});

test('an agent stops at once while runs wait for what is fetched', async () => {
  await using slow = await Slow.open();
  await using door = await openFor(slow.server);
  const run = await submit(door, counting(`${slow.server.url}/w.wasm`));
  await slow.asked('/w.wasm');
  const events = eventsOf(door, run).catch(() => {});
  await door.agent[Symbol.asyncDispose]();
  await slow.left('/w.wasm');
  await events;
});

test('a thousand resources that never come keep no other run waiting', async () => {
  await using slow = await Slow.open();
  await using quick = await HostileServer.open((_, response) => send(response, module('count-words')));
  await using door = await openFor(slow.server, quick);
  const many = Array.from({ length: 1000 }, (_, i) => `  t${i}: { module: "${slow.server.url}/${i}", stdin: a }`).join('\n');
  const greedy = await submit(door, `tasks:\n${many}\n`);
  await slow.asked('/0');
  const run = await submit(door, counting(`${quick.url}/w.wasm`));
  assert.equal((await eventsOf(door, run)).at(-1)!['state'], 'completed');
  assert.equal((await viewOf(door, greedy)).state, 'running');
  assert.ok(slow.waiting.size <= 4, String(slow.waiting.size));
  await door.ask('POST', `/v1/runs/${greedy}/cancel`);
  assert.equal((await eventsOf(door, greedy)).at(-1)!['state'], 'cancelled');
});

test('of a workflow with many tasks of one module it is fetched once', async () => {
  await using server = await HostileServer.open((_, response) => send(response, module('count-words')));
  await using door = await openFor(server);
  const many = Array.from({ length: 50 }, (_, i) => `  t${i}: { module: "${server.url}/w.wasm", stdin: "${i}" }`).join('\n');
  assert.equal((await eventsOf(door, await submit(door, `tasks:\n${many}\n`))).at(-1)!['state'], 'completed');
  assert.deepEqual(server.asked, ['GET /w.wasm']);
});
