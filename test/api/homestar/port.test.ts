import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { buildGuests } from '../../../scripts/build-guests.ts';
import { isDocketError } from '../../../src/errors.ts';
import { peerIdOf } from '../../../src/ipld/peer-id.ts';
import { HandClock } from '../../hand-clock.ts';
import { Door, type Problem } from '../helpers.ts';
import { type Client, HomestarPort, stored } from './helpers.ts';

/** What the port is beside subscriptions to runs. */

let port: HomestarPort;
before(async () => {
  await buildGuests();
  port = await HomestarPort.open({ origins: ['https://app.example'] });
});
after(() => port[Symbol.asyncDispose]());

const ask = (path: string, init: RequestInit = {}): Promise<Response> => fetch(`${port.url}${path}`, init);

interface Family {
  readonly metric_type: string;
  readonly metric_name: string;
  readonly help: string;
  readonly data: readonly Readonly<Record<string, unknown>>[];
}

test('health, metrics, node and rpc_discover are answered over HTTP as over the WebSocket', async () => {
  const client = await port.client('node');
  const both = async (method: string): Promise<unknown> => {
    const [overHttp, overSocket] = [await (await ask(`/${method}`)).json(), await client.call(method)];
    if (method !== 'metrics') assert.deepEqual(overHttp, overSocket);
    return overHttp;
  };
  assert.deepEqual(await both('health'), { healthy: true });
  const { static: own, dynamic } = (await both('node')) as {
    static: { peer_id: string };
    dynamic: { listeners: string[]; connections: unknown };
  };
  assert.equal(own.peer_id, peerIdOf(port.door.agent.engine.key.did));
  assert.match(own.peer_id, /^12D3KooW/);
  assert.deepEqual(dynamic.connections, {});
  assert.ok(
    dynamic.listeners.includes(`/ip4/127.0.0.1/tcp/${port.port}/ws`) &&
      dynamic.listeners.includes(`/ip4/127.0.0.1/tcp/${port.door.agent.port}/http`),
  );
  const document = JSON.parse((await both('rpc_discover')) as string) as { openrpc: string; methods: { name: string }[] };
  assert.equal(document.openrpc, '1.2.6');
  for (const { name } of document.methods) assert.notEqual((await client.ask(name, ['x'])).error?.code, -32601, name);
  const { metrics } = (await both('metrics')) as { metrics: Family[] };
  assert.ok(metrics.length > 10);
  for (const family of metrics) {
    assert.deepEqual(Object.keys(family), ['metric_type', 'metric_name', 'help', 'data']);
    assert.match(family.metric_type, /^(?:gauge|histogram)$/);
  }
});

test('metrics are those whose names begin with a prefix', async () => {
  const client = await port.client();
  const names = ({ metrics }: { metrics: Family[] }): string[] => metrics.map(({ metric_name }) => metric_name);
  const overSocket = names(await client.call('metrics', [{ prefix: 'docket_runs_' }]));
  const overHttp = names((await (await ask('/metrics?prefix=docket_runs_')).json()) as { metrics: Family[] });
  assert.ok(overSocket.includes('docket_runs_active') && overSocket.every((name) => name.startsWith('docket_runs_')));
  assert.deepEqual(overHttp, overSocket);
  assert.deepEqual(names(await client.call('metrics', { prefix: 'no such thing' })), []);
});

test('calls come over HTTP too, but no subscriptions', async () => {
  const post = (body: string, type = 'application/json'): Promise<Response> =>
    ask('/', { method: 'POST', body, headers: { 'content-type': type } });
  const call = (method: string): string => `{"jsonrpc":"2.0","id":1,"method":"${method}"}`;
  assert.equal(await (await post(call('health'))).text(), '{"jsonrpc":"2.0","id":1,"result":{"healthy":true}}');
  assert.equal(
    await (await post(`[${call('health')}]`, 'application/json; charset=utf-8')).text(),
    '[{"jsonrpc":"2.0","id":1,"result":{"healthy":true}}]',
  );
  assert.equal((await post('{"jsonrpc":"2.0","method":"health"}')).status, 204);
  const { error } = (await (await post(call('subscribe_run_workflow'))).json()) as { error: { code: number } };
  assert.equal(error.code, -32601);
  const code = async (reply: Response): Promise<string> => `${reply.status} ${((await reply.json()) as Problem).code}`;
  assert.equal(await code(await post(call('health'), 'text/plain')), '400 REQUEST_INVALID');
  assert.equal(await code(await ask('/nothing')), '404 ROUTE_UNKNOWN');
  assert.equal(await code(await ask('/health', { method: 'POST' })), '405 METHOD_UNKNOWN');
  assert.equal(await code(await ask('/v1/runs')), '404 ROUTE_UNKNOWN');
});

test('pages of an origin that was named get in, and the browser lets them read; others do not', async () => {
  const from = (origin: string, init: RequestInit = {}): Promise<Response> => ask('/health', { ...init, headers: { origin } });
  const named = await from('https://app.example');
  assert.deepEqual(
    [named.status, named.headers.get('access-control-allow-origin'), named.headers.get('vary')],
    [200, 'https://app.example', 'origin'],
  );
  const preflight = await from('https://app.example', { method: 'OPTIONS' });
  assert.deepEqual([preflight.status, preflight.headers.get('access-control-allow-methods')], [204, 'GET, POST']);
  for (const origin of ['https://other.example', 'https://app.example.evil', 'http://app.example', 'null']) {
    const refused = await from(origin);
    assert.deepEqual([refused.status, refused.headers.get('access-control-allow-origin')], [403, null], origin);
  }
  await using open = await HomestarPort.open({ origins: ['*'] });
  const any = await fetch(`${open.url}/health`, { headers: { origin: 'https://any.example' } });
  assert.equal(any.headers.get('access-control-allow-origin'), 'https://any.example');
});

test('the port is on loopback whatever the agent listens on', async () => {
  await using own = await HomestarPort.open({ host: '0.0.0.0', insecure: true });
  assert.equal(new URL(own.url).hostname, '127.0.0.1');
  const outside = Object.values(networkInterfaces())
    .flatMap((all) => all ?? [])
    .find(({ internal, family }) => !internal && family === 'IPv4');
  for (const address of ['127.0.0.2', ...(outside === undefined ? [] : [outside.address])]) {
    const socket = connect(own.port, address);
    const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
    assert.equal(error.code, 'ECONNREFUSED', address);
  }
});

const noSixth = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === '::1'))
  ? false
  : 'there is no ::1 here';

test('it is there in version 6 as well', { skip: noSixth }, async () => {
  const socket = connect(port.port, '::1');
  socket.write(`GET /health HTTP/1.1\r\nHost: [::1]:${port.port}\r\nConnection: close\r\n\r\n`);
  assert.match(await text(socket), /^HTTP\/1\.1 200 /);
});

test('a port that is taken is told with the option to change; an agent that runs nothing has none', async () => {
  const next = (error: unknown): string => (isDocketError(error) ? `${error.code} ${error.next}` : String(error));
  await assert.rejects(Door.open({ homestar: { port: port.port } }), (error) => /^LISTEN_FAILED .*--homestar-port/.test(next(error)));
  await assert.rejects(Door.open({ homestar: { port: 0 }, roles: ['storage'] }), (error) => next(error).startsWith('CONFIG_INVALID '));
});

const workflow = (task: Readonly<Record<string, unknown>>): unknown => ({ tasks: [task] });
const loopTask = (rsc: string, nnc = ''): Readonly<Record<string, unknown>> => ({
  run: { rsc, op: 'wasi/run', input: {}, nnc },
  meta: {},
  prf: [],
  cause: null,
});
const NONCES = ['', '1sod60ml6g26mfhsrsa0', '1sod60ml6g26mfhsrsag'];
const begun = async (client: Client): Promise<string> => {
  await client.until(() => client.events('begun').length > 0);
  return String(client.events('begun').at(-1)!['run']);
};

test('runs that come in here leave places for others', async () => {
  await using own = await HomestarPort.open({ maxRuns: 2 });
  const loop = await stored(own.door, 'loop');
  const client = await own.client();
  await client.run({ workflow: workflow(loopTask(loop)) });
  const { error } = await client.ask('subscribe_run_workflow', [{ workflow: workflow(loopTask(loop, NONCES[1])) }]);
  assert.deepEqual([error?.code, error?.data?.['code']], [-32009, 'AGENT_FULL']);
  const other = await own.door.ask('POST', '/v1/runs', { body: JSON.stringify(workflow(loopTask(loop, NONCES[2]))) });
  assert.equal(other.status, 201);
  const run = await begun(client);
  await (await own.door.ask('POST', `/v1/runs/${run}/cancel`)).text();
  await client.ended();
  // The place is free a moment after the end was told.
  for (let refused = true; refused;)
    refused = (await client.ask('subscribe_run_workflow', [{ workflow: workflow(loopTask(loop, NONCES[1])) }])).error !== undefined;
});

test('who asks for more than the rate is told so', async () => {
  await using own = await HomestarPort.open({ rate: 5, clock: new HandClock() });
  const client = await own.client();
  const replies = await Promise.all(Array.from({ length: 10 }, () => client.ask('health')));
  const refused = replies.filter(({ error }) => error !== undefined);
  assert.equal(refused.length, 6);
  assert.deepEqual([refused[0]!.error!.code, refused[0]!.error!.data?.['code']], [-32009, 'RATE_LIMITED']);
  assert.equal((await fetch(`${own.url}/health`)).status, 429);
});

test('an agent that is stopped closes idle clients at once, and tells the others the end of their runs', async () => {
  await using own = await HomestarPort.open();
  const loop = await stored(own.door, 'loop');
  const [idle, busy] = [await own.client(), await own.client('node')];
  await busy.run({ workflow: workflow(loopTask(loop)) });
  const run = await begun(busy);
  const drained = own.door.agent.drain(60_000);
  assert.equal(await idle.closed, 1001);
  assert.equal(busy.socket.readyState, WebSocket.OPEN);
  await assert.rejects(own.client());
  const refused = await busy.ask('subscribe_run_workflow', [{ workflow: workflow(loopTask(loop, NONCES[1])) }]);
  assert.equal(refused.error?.data?.['code'], 'NOT_READY');
  await own.door.agent.engine.ledger.commit([{ kind: 'run-update', run, state: 'cancelled', finished: 0 }]);
  assert.equal(await busy.closed, 1001);
  assert.deepEqual(
    busy.events('ended').map(({ state }) => state),
    ['cancelled'],
  );
  await drained;
});

test('peers that begin and cease to answer are network events', async () => {
  const clock = new HandClock();
  const peer = await Door.open();
  await using own = await HomestarPort.open({ clock, peers: [{ url: peer.agent.url, token: peer.agent.token }] });
  const peerId = peerIdOf(peer.agent.engine.key.did);
  const address = `/ip4/127.0.0.1/tcp/${peer.agent.port}/http`;
  const client = await own.client();
  const id = await client.call<string>('subscribe_network_events');
  const events = (): Readonly<Record<string, Readonly<Record<string, unknown>>>>[] =>
    client.notifications
      .filter(({ method, params }) => method === 'subscribe_network_events' && params['subscription'] === id)
      .map(({ params }) => JSON.parse(Buffer.from(params['result'] as number[]).toString()) as Record<string, Record<string, unknown>>);
  const until = async (count: number): Promise<void> => {
    // Looks are made by the clock, and answered in their own time.
    while (events().length < count) {
      await client.call('health');
      clock.advance(10_000);
    }
  };
  await until(1);
  assert.deepEqual(Object.keys(events()[0]!), ['connection_established']);
  const { timestamp, ...told } = events()[0]!['connection_established']!;
  assert.deepEqual([told, typeof timestamp], [{ address, peer_id: peerId }, 'number']);
  assert.deepEqual((await client.call<{ dynamic: { connections: unknown } }>('node')).dynamic.connections, { [peerId!]: address });
  await peer[Symbol.asyncDispose]();
  await until(3);
  assert.deepEqual(
    events()
      .slice(1, 3)
      .map((event) => Object.keys(event)[0]),
    ['connection_closed', 'outgoing_connection_error'],
  );
  assert.equal(events()[1]!['connection_closed']!['peer_id'], peerId);
  assert.equal(await client.call('unsubscribe_network_events', [id]), true);
});
