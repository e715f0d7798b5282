import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { buildGuests } from '../../../scripts/build-guests.ts';
import * as Cid from '../../../src/ipld/cid.ts';
import { encode } from '../../../src/ipld/dag-cbor.ts';
import { decode as fromJson, encode as toJson } from '../../../src/ipld/dag-json.ts';
import type { Ipld, IpldMap } from '../../../src/ipld/value.ts';
import { identify } from '../../../src/workflow/identify.ts';
import type { Task } from '../../../src/workflow/model.ts';
import { type Client, HomestarPort, stored } from './helpers.ts';

/** Workflows over the port, as Homestar's own tests run them (homestar-runtime/tests/webserver.rs), and what it lacks. */

let port: HomestarPort;
before(async () => {
  await buildGuests();
  port = await HomestarPort.open();
});
after(() => port[Symbol.asyncDispose]());

const instruction = (task: IpldMap): Cid.CID => identify(task as unknown as Task).instruction;
const awaits = (task: IpldMap): IpldMap => ({ 'await/ok': instruction(task) });

/** Three tasks, each on the one before; `salt` makes them differ from others. */
function chain(salt: number): { readonly tasks: readonly IpldMap[] } {
  const first = port.task('add', [salt, 1]);
  const second = port.task('add', [awaits(first), 2]);
  return { tasks: [first, second, port.task('add', [awaits(second), 3])] };
}

const workflowCid = (workflow: Ipld): Cid.CID => Cid.ofValue(workflow);
/** A request as a client writes it: DAG-JSON within JSON. */
const asJson = (request: Ipld): unknown => JSON.parse(toJson(request));
const namesOf = (client: Client): string[] => [...new Set(client.receipts().map(({ metadata }) => metadata.name))];

for (const kind of ['node', 'ws'] as const)
  test(`a workflow is run and its receipts are told, to the WebSocket of ${kind}`, async () => {
    const salt = kind === 'node' ? 10 : 20;
    const workflow = chain(salt);
    const client = await port.client(kind);
    const id = await client.run(asJson({ name: 'test', workflow }));
    assert.match(id, /^[A-Za-z0-9]{16}$/);
    const ended = await client.ended();
    assert.deepEqual([ended['state'], ended['subscription_id'], ended['workflow']], ['completed', id, workflowCid(workflow).toString()]);
    const told = client.receipts(id);
    assert.equal(told.length, 3);
    told.forEach(({ metadata, receipt, receipt_cid, ...rest }, i) => {
      assert.deepEqual(rest, {});
      assert.deepEqual(metadata, { name: 'test', replayed: false, workflow: workflowCid(workflow) });
      const { invocation } = identify(workflow.tasks[i] as unknown as Task);
      const form = { iss: null, meta: { op: 'add' }, out: ['ok', salt + [1, 3, 6][i]!], prf: [], ran: invocation };
      assert.deepEqual(receipt, form);
      assert.deepEqual(receipt_cid, Cid.ofValue(form));
    });
    client.close();
  });

test('a second client that runs the same under another name is told every receipt, as replayed, and nothing else', async () => {
  const workflow = chain(100);
  const first = await port.client();
  await first.run(asJson({ name: 'first', workflow }));
  await first.ended();
  const second = await port.client();
  await second.run(asJson({ name: 'second', workflow }));
  await second.ended();
  assert.deepEqual(
    second.receipts().map(({ metadata: { name, replayed } }) => [name, replayed]),
    [0, 1, 2].map(() => ['second', true]),
  );
  assert.deepEqual(
    second
      .receipts()
      .map(({ receipt_cid }) => receipt_cid)
      .toSorted(),
    first
      .receipts()
      .map(({ receipt_cid }) => receipt_cid)
      .toSorted(),
  );
  assert.deepEqual(namesOf(first), ['first'], 'who subscribed under another name hears nothing of it');
  assert.equal(first.receipts().length, 3);
});

test('whoever subscribed to a workflow under a name is told of later runs of it', async () => {
  const workflow = chain(200);
  const [first, second] = [await port.client(), await port.client('node')];
  await first.run(asJson({ name: 'shared', workflow }));
  await first.ended();
  await second.run(asJson({ name: 'shared', workflow }));
  await Promise.all([first.ended(2), second.ended()]);
  assert.deepEqual(
    first.receipts().map(({ metadata }) => metadata.replayed),
    [false, false, false, true, true, true],
  );
  assert.equal(second.receipts().length, 3);
});

test('a workflow comes in DAG-CBOR as a list of bytes', async () => {
  const workflow = chain(300);
  const client = await port.client();
  const bytes = encode({ name: 'test', workflow });
  await client.run([...bytes]);
  await client.ended();
  assert.deepEqual(
    client.receipts().map(({ metadata }) => metadata),
    [0, 1, 2].map(() => ({ name: 'test', replayed: false, workflow: workflowCid(workflow) })),
  );
});

test('numbers in a workflow keep their kind: its CID is that of the text', async () => {
  const text = `{"tasks":[{"cause":null,"meta":{"fuel":18446744073709552000,"time":100000},"prf":[],"run":{"input":{"args":[1.0,2.5],"func":"add-double"},"nnc":"","op":"wasm/run","rsc":"${port.rsc}"}}]}`;
  const client = await port.client();
  client.send(`{"jsonrpc":"2.0","id":1,"method":"subscribe_run_workflow","params":[{"workflow":${text}}]}`);
  await client.ended();
  const [told] = client.receipts();
  assert.deepEqual([told!.metadata.workflow, told!.receipt.out], [workflowCid(fromJson(text)), ['ok', 3.5]]);
  assert.match(told!.metadata.name, /^[a-z]+-[a-z]+-\d{4}$/);
});

test('failures are told: an error receipt, what did not run because of it, and how the run ended', async () => {
  const broken = port.task('unreachable', [], { nnc: '1sod60ml6g26mfhsrsa0' });
  const fine = port.task('add', [400, 1]);
  const behind = port.task('add', [awaits(broken), 1]);
  const client = await port.client();
  const id = await client.run(asJson({ name: 'failing', workflow: { tasks: [broken, behind, fine] } }));
  const ended = await client.ended();
  const outs = client.receipts(id).map(({ receipt }) => receipt.out);
  assert.deepEqual(outs.map(([tag]) => tag).toSorted(), ['error', 'ok']);
  const [, error] = outs.find(([tag]) => tag === 'error')!;
  assert.equal((error as { code: string }).code, 'trap');
  const [failed] = client.events('failed', id);
  assert.deepEqual([failed!['task'], failed!['code'], failed!['instruction']], ['0', 'trap', instruction(broken).toString()]);
  assert.ok((await port.door.ask('GET', `/v1/receipts/${String(failed!['receipt'])}`)).ok, 'the signed receipt is there');
  const [skipped] = client.events('skipped', id);
  assert.deepEqual([skipped!['task'], skipped!['cause']], ['1', '0']);
  assert.equal(ended['state'], 'failed');
  assert.deepEqual(
    (ended['errors'] as { task: string }[]).map(({ task }) => task),
    ['0'],
  );
});

test('half of a workflow that is there is replayed, the rest is run', async () => {
  const workflow = chain(500);
  const client = await port.client();
  await client.run(asJson({ name: 'a', workflow: { tasks: workflow.tasks.slice(0, 2) } }));
  await client.ended();
  const id = await client.run(asJson({ name: 'b', workflow }));
  await client.ended(1, id);
  assert.deepEqual(
    client.receipts(id).map(({ receipt: { out }, metadata: { replayed } }) => [out[1], replayed]),
    [
      [501, true],
      [503, true],
      [506, false],
    ],
  );
});

test('what is told is a run like others', async () => {
  const client = await port.client();
  await client.run(asJson({ name: 'listed under this name', workflow: chain(600) }));
  const { run } = await client.ended();
  const view = (await (await port.door.ask('GET', `/v1/runs/${String(run)}`)).json()) as { name: string; state: string };
  assert.deepEqual([view.name, view.state], ['listed under this name', 'completed']);
});

test('a workflow that cannot be run is refused with its CID and the cause', async () => {
  const client = await port.client();
  const twice = { tasks: [port.task('add', [1, 1]), port.task('add', [1, 1])] };
  const refused = async (workflow: Ipld): Promise<readonly [number, string, unknown, unknown]> => {
    const { error } = await client.ask('subscribe_run_workflow', [asJson({ name: 'x', workflow })]);
    return [error!.code, error!.message, error!.data?.['code'], error!.data?.['message']];
  };
  const duplicate = 'workflow cannot contain duplicate tasks: use a nonce (nnc field) to ensure uniqueness';
  assert.deepEqual(await refused(twice), [-32009, `not able to run workflow ${workflowCid(twice)}`, 'WORKFLOW_DUPLICATE', duplicate]);
  const empty = { tasks: [] };
  assert.deepEqual((await refused(empty)).slice(0, 3), [-32009, `not able to run workflow ${workflowCid(empty)}`, 'WORKFLOW_INVALID']);
  assert.deepEqual((await refused({})).slice(2), ['WORKFLOW_INVALID', 'no tasks field set']);
  const escaping = { tasks: [port.task('add', [1, 1], { rsc: '../../etc/passwd' })] };
  assert.equal((await refused(escaping))[1], `not able to run workflow ${workflowCid(escaping)}`);
  const unhurt = chain(700);
  const id = await client.run(asJson({ name: 'x', workflow: unhurt }));
  await client.ended(1, id);
});

test('params that ask for no workflow are invalid', async () => {
  const client = await port.client();
  const bytes = encode({ workflow: chain(1) });
  for (const params of [
    undefined,
    [],
    [1],
    {},
    [{}],
    [{ workflow: undefined }],
    [{ name: 1, workflow: {} }],
    [[256]],
    [['a']],
    [[1, 2, 3]],
    [[...bytes]],
    [{ name: '', workflow: {} }],
  ]) {
    const { error } = await client.ask('subscribe_run_workflow', params);
    assert.deepEqual([error?.code, error?.message], [-32602, 'Invalid params'], JSON.stringify(params));
  }
});

test('unsubscribing ends what is told, and not the run', async () => {
  const client = await port.client();
  const loop = await stored(port.door, 'loop');
  const workflow = { tasks: [{ ...port.task('_start', [], { rsc: loop }), run: { rsc: loop, op: 'wasi/run', input: {}, nnc: '' } }] };
  const id = await client.run(asJson({ name: 'long', workflow }));
  await client.until(() => client.events('begun', id).length > 0);
  const { run } = client.events('begun', id)[0] as { run: string };
  assert.equal(await client.call('unsubscribe_run_workflow', [id]), true);
  assert.equal(await client.call('unsubscribe_run_workflow', [id]), false);
  assert.equal(await client.call('unsubscribe_network_events', [id]), false);
  const state = async (): Promise<string> => ((await (await port.door.ask('GET', `/v1/runs/${run}`)).json()) as { state: string }).state;
  assert.equal(await state(), 'running');
  await (await port.door.ask('POST', `/v1/runs/${run}/cancel`)).text();
  assert.equal(await state(), 'cancelled');
  const later = await client.run(asJson({ name: 'later', workflow: chain(800) }));
  await client.ended(1, later);
  assert.deepEqual([client.receipts(id), client.events('ended', id)], [[], []]);
});

test('the same is submitted over HTTP, in DAG-CBOR', async () => {
  const workflow = chain(900);
  const post = (body: Uint8Array, type: string): Promise<Response> =>
    port.door.ask('POST', '/v1/runs', { body, headers: { 'content-type': type } });
  for (const type of ['application/vnd.ipld.dag-cbor', 'application/cbor; x=y']) {
    const reply = await post(encode({ name: type, workflow }), type);
    const { run } = (await reply.json()) as { run: string };
    assert.equal(reply.status, 201);
    const view = (await (await port.door.ask('GET', `/v1/runs/${run}`)).json()) as { name: string; workflow: string };
    assert.deepEqual([view.name, view.workflow], [type, workflowCid(workflow).toString()]);
  }
  const torn = await post(encode({ workflow }).slice(0, 9), 'application/cbor');
  assert.deepEqual([torn.status, ((await torn.json()) as { code: string }).code], [422, 'WORKFLOW_SYNTAX']);
  const asText = await post(encode({ workflow }), 'application/yaml');
  assert.deepEqual([asText.status, ((await asText.json()) as { code: string }).code], [400, 'REQUEST_INVALID']);
});

test('the clock and randomness are asked for in meta, and given by the policy of the agent alone', async () => {
  const asking = port.task('add', [900, 1], { meta: { grant: ['clock'] } });
  const client = await port.client();
  const { error } = await client.ask('subscribe_run_workflow', [{ workflow: { tasks: [asking] } }]);
  assert.deepEqual([error?.code, error?.data?.['code']], [-32009, 'PERMISSION_DENIED']);
});
