import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Door } from '../api/helpers.ts';
import {
  cbor,
  HomestarClient,
  instructionCid,
  invocationCid,
  type Json,
  type JsonMap,
  receiptCid,
  type TaskForm,
  workflowCid,
} from './judge.ts';
import { component, rawCid } from './workflow.ts';

/** The port as Homestar's own tests try it (homestar-runtime/tests/webserver.rs, network.rs, metrics.rs), with a client that knows nothing of Docket. */

let door: Door;
let rsc: string;
let url: string;
before(async () => {
  door = await Door.open({ homestar: { port: 0 } });
  url = door.agent.homestarUrl!;
  const bytes = await component();
  rsc = `ipfs://${rawCid(bytes)}`;
  assert.equal((await door.ask('POST', '/v1/blobs', { body: bytes })).status, 201);
});
after(() => door[Symbol.asyncDispose]());

function task(
  func: string,
  args: readonly Json[],
  { nnc = '', meta = {} }: { readonly nnc?: Json; readonly meta?: JsonMap } = {},
): TaskForm {
  return {
    cause: null,
    meta: { memory: 4294967296, time: 100000, ...meta },
    prf: [],
    run: { rsc, op: 'wasm/run', input: { func, args }, nnc },
  };
}

const ok = (awaited: TaskForm): Json => ({ 'await/ok': { '/': instructionCid(awaited) } });

/** Three tasks, each on the one before, as the image pipeline is. */
function pipeline(start: number): { readonly tasks: readonly TaskForm[]; readonly values: readonly number[] } {
  const first = task('spin', [1, start]);
  const second = task('spin', [1, ok(first)]);
  return { tasks: [first, second, task('spin', [1, ok(second)])], values: [start + 1, start + 2, start + 3] };
}

const workflow = (tasks: readonly TaskForm[]): Json => ({ tasks }) as unknown as Json;

/** Runs it; gives what was told, in the order of the tasks. */
async function run(client: HomestarClient, params: Json, { tasks }: Pick<ReturnType<typeof pipeline>, 'tasks'>) {
  const id = (await client.call('subscribe_run_workflow', params)) as string;
  assert.match(id, /^[A-Za-z0-9]{16}$/);
  await client.until(() => client.messages.find(({ params: told }) => told?.event === 'ended' && told['subscription_id'] === id));
  const told = client.receipts(id);
  assert.equal(told.length, tasks.length, 'a receipt for each task, and nothing extra');
  return tasks.map((each) => told.find(({ receipt }) => receipt.ran['/'] === invocationCid(each))!);
}

function check(
  told: Awaited<ReturnType<typeof run>>,
  { tasks, values }: ReturnType<typeof pipeline>,
  name: string,
  replayed: boolean,
): void {
  told.forEach(({ metadata, receipt, receipt_cid, ...rest }, i) => {
    assert.deepEqual(metadata, { name, replayed, workflow: { '/': workflowCid(tasks) } });
    const form = { iss: null, meta: { op: 'spin' }, out: ['ok', values[i]!], prf: [], ran: { '/': invocationCid(tasks[i]!) } };
    assert.deepEqual([receipt, rest], [form, {}]);
    assert.equal(receipt_cid['/'], receiptCid(form));
  });
}

test('WS run, JSON; re-run by a second client with another name; run, CBOR', async () => {
  const three = pipeline(10);
  await using first = await HomestarClient.connect(url);
  check(await run(first, [{ name: 'test', workflow: workflow(three.tasks) }], three), three, 'test', false);
  await using second = await HomestarClient.connect(url);
  check(await run(second, [{ name: 'test2', workflow: workflow(three.tasks) }], three), three, 'test2', true);
  assert.equal(first.messages.filter(({ method }) => method === 'subscribe_run_workflow').length, 3, 'the first hears nothing of it');
  const others = pipeline(20);
  await using third = await HomestarClient.connect(url);
  const bytes = cbor({ name: 'test', workflow: workflow(others.tasks) });
  check(await run(third, [[...bytes]], others), others, 'test', false);
});

test('a name that is left out is adjective-noun-NNNN; unsubscribing is answered; the refusal hides the cause in data', async () => {
  await using client = await HomestarClient.connect(url);
  const three = pipeline(30);
  const [told] = await run(client, [{ workflow: workflow(three.tasks) }], three);
  assert.match(String(told!.metadata['name']), /^[a-z]+-[a-z]+-\d{4}$/);
  const id = (await client.call('subscribe_network_events')) as string;
  assert.deepEqual(
    [await client.call('unsubscribe_network_events', [id]), await client.call('unsubscribe_network_events', [id])],
    [true, false],
  );
  const twice = [task('spin', [1, 1]), task('spin', [1, 1])];
  const { error } = await client.ask('subscribe_run_workflow', [{ name: 'x', workflow: workflow(twice) }]);
  assert.deepEqual([error?.code, error?.message], [-32009, `not able to run workflow ${workflowCid(twice)}`]);

  assert.equal(
    (error!.data as { message: string }).message,
    'workflow cannot contain duplicate tasks: use a nonce (nnc field) to ensure uniqueness',
  );
});

test('health, metrics, node and rpc_discover, over the socket and over HTTP, from any client that is no page', async () => {
  await using client = await HomestarClient.connect(url);
  const both = async (method: string): Promise<unknown[]> => {
    const reply = await fetch(`${url}/${method}`);
    assert.deepEqual([reply.status, reply.headers.get('content-type')], [200, 'application/json']);
    return [await client.call(method), await reply.json()];
  };
  for (const health of await both('health')) assert.deepEqual(health, { healthy: true });
  for (const document of await both('rpc_discover')) {
    assert.equal(typeof document, 'string', 'one JSON string, not an object');
    const { openrpc, methods } = JSON.parse(document as string) as { openrpc: string; methods: { name: string }[] };
    assert.equal(openrpc, '1.2.6');
    for (const name of ['health', 'metrics', 'node', 'subscribe_run_workflow', 'subscribe_network_events'])
      assert.ok(
        methods.some((method) => method.name === name),
        name,
      );
  }
  for (const node of (await both('node')) as { static: JsonMap; dynamic: JsonMap }[]) {
    assert.deepEqual([Object.keys(node).toSorted(), Object.keys(node.static)], [['dynamic', 'static'], ['peer_id']]);
    assert.match(String(node.static['peer_id']), /^12D3KooW[1-9A-HJ-NP-Za-km-z]{44}$/);
    assert.deepEqual([Array.isArray(node.dynamic['listeners']), node.dynamic['connections']], [true, {}]);
  }
  for (const { metrics } of (await both('metrics')) as { metrics: readonly JsonMap[] }[]) {
    assert.ok(metrics.length > 0);
    for (const { metric_type, metric_name, help, data, ...rest } of metrics) {
      assert.deepEqual(
        [typeof metric_type, typeof metric_name, typeof help, Array.isArray(data), rest],
        ['string', 'string', 'string', true, {}],
      );
    }
  }
});

test('names of functions are looked for as given, then UPPER, kebab, snake, lowerCamel, Pascal', async () => {
  await using client = await HomestarClient.connect(url);
  for (const [i, func] of ['spin', 'SPIN', 'Spin'].entries()) {
    const tasks = [task(func, [1, 1000 + i])];
    const [told] = await run(client, [{ name: func, workflow: workflow(tasks) }], { tasks });
    assert.deepEqual([told!.receipt.out, told!.receipt['meta']], [['ok', 1001 + i], { op: func }], 'the receipt has the name as given');
  }
  const unknown = await client.ask('subscribe_run_workflow', [{ name: 'x', workflow: workflow([task('no_such', [])]) }]);
  assert.equal(unknown.error?.code, -32009);
});

test('the three cases of resumption, over the port', async () => {
  const three = pipeline(40);
  await using client = await HomestarClient.connect(url);
  const replayed = async (name: string, tasks: readonly TaskForm[]): Promise<unknown[]> =>
    (await run(client, [{ name, workflow: workflow(tasks) }], { tasks })).map(({ metadata }) => metadata['replayed']);
  assert.deepEqual(await replayed('nothing is known', three.tasks.slice(0, 1)), [false]);
  assert.deepEqual(await replayed('the first is known', three.tasks.slice(0, 2)), [true, false]);
  assert.deepEqual(await replayed('all is known', three.tasks.slice(0, 2)), [true, true]);
  assert.deepEqual(await replayed('in another order', three.tasks.toReversed()), [false, true, true]);
});

test('one instruction with other meta is found where its limits cannot have changed what it gives', async () => {
  await using client = await HomestarClient.connect(url);
  const [first, second] = [task('spin', [1, 70]), task('spin', [1, 70], { meta: { time: 50000 } })];
  const [a] = await run(client, [{ name: 'a', workflow: workflow([first]) }], { tasks: [first] });
  const id = (await client.call('subscribe_run_workflow', [{ name: 'b', workflow: workflow([second]) }])) as string;
  const [b] = await client.receiptsOf(id, 1);
  assert.deepEqual([b!.metadata['replayed'], b!.receipt.out], [true, a!.receipt.out]);
  assert.deepEqual(b!.metadata['workflow'], { '/': workflowCid([second]) });
});
