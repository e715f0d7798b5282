import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { buildGuests } from '../../scripts/build-guests.ts';
import * as Cid from '../../src/ipld/cid.ts';
import { Door, type Problem } from './helpers.ts';

let door: Door;
before(async () => {
  await buildGuests();
  door = await Door.open();
  await Promise.all(['count-words', 'exit', 'loop'].map((guest) => door.push(guest)));
});
after(() => door[Symbol.asyncDispose]());

const chain = (salt: string): string => `
name: chain
tasks:
  a: { module: org.example.count-words, stdin: "b a ${salt}" }
  b: { module: org.example.count-words@1, stdin: { from: a, at: /stdout } }
outputs:
  out: { from: b, at: /stdout }
`;
const LOOP = 'tasks: { loop: { module: org.example.loop, limits: { time: 10min } } }';

interface View {
  readonly run: string;
  readonly state: string;
  readonly tasks: Readonly<Record<string, number>>;
  readonly outputs: Readonly<Record<string, { '/': { bytes: string } }>>;
}

const code = async (reply: Response): Promise<string> => `${reply.status} ${((await reply.json()) as Problem).code}`;
const submit = (text: string, headers: Record<string, string> = {}, query = ''): Promise<Response> =>
  door.ask('POST', `/v1/runs${query}`, { body: text, headers });
const started = async (text: string): Promise<string> => ((await (await submit(text)).json()) as View).run;
const view = async (run: string): Promise<View> => (await (await door.ask('GET', `/v1/runs/${run}`)).json()) as View;

interface Event {
  readonly id: number;
  readonly event: string;
  readonly data: Record<string, unknown>;
}

/** The events of a run to its end. */
async function events(run: string, last?: number): Promise<Event[]> {
  const reply = await door.ask('GET', `/v1/runs/${run}/events`, last === undefined ? {} : { headers: { 'last-event-id': String(last) } });
  assert.equal(reply.headers.get('content-type'), 'text/event-stream');
  const blocks = (await reply.text()).split('\n\n').filter((block) => block !== '' && block !== ':');
  return blocks.map((block) => {
    const fields = Object.fromEntries(
      block.split('\n').map((line) => [line.slice(0, line.indexOf(': ')), line.slice(line.indexOf(': ') + 2)]),
    );
    return { id: Number(fields['id']), event: fields['event']!, data: JSON.parse(fields['data']!) as Record<string, unknown> };
  });
}

test('a workflow is submitted, watched to its end, and looked at', async () => {
  const submitted = await submit(chain('1'));
  const { run } = (await submitted.json()) as View;
  assert.deepEqual([submitted.status, submitted.headers.get('location')], [201, `/v1/runs/${run}`]);
  const told = await events(run);
  assert.deepEqual(
    told.map(({ id }) => id),
    told.map((_, i) => i + 1),
  );
  const settled = told.filter(({ event }) => event === 'settled').map(({ data }) => `${data['label']} ${data['state']} ${data['via']}`);
  assert.deepEqual([settled, told.at(-1)?.event], [['a ok ran', 'b ok ran'], 'ended']);
  assert.deepEqual(await events(run, told.length - 2), told.slice(-2), 'a reader that was cut off goes on');

  const { state, tasks, outputs } = await view(run);
  assert.deepEqual([state, tasks['ran'], Buffer.from(outputs['out']!['/'].bytes, 'base64').toString()], ['completed', 2, 'a\t1\nb\t1\n']);
  const { tasks: rows } = (await (await door.ask('GET', `/v1/runs/${run}/tasks?from=1`)).json()) as {
    tasks: { label: string; receipt: string }[];
  };
  assert.deepEqual(
    rows.map(({ label }) => label),
    ['b'],
  );
  const graph = (await (await door.ask('GET', `/v1/runs/${run}/graph`)).json()) as { tasks: { awaits: number[] }[] };
  assert.deepEqual(
    graph.tasks.map(({ awaits }) => awaits),
    [[], [0]],
  );
  const json = (await (await door.ask('GET', `/v1/receipts/${rows[0]!.receipt}`)).json()) as { receipt: { out: unknown[] } };
  assert.equal(json.receipt.out[0], 'ok');
  const cbor = await door.ask('GET', `/v1/receipts/${rows[0]!.receipt}`, { headers: { accept: 'application/vnd.ipld.dag-cbor' } });
  assert.equal((await cbor.arrayBuffer()).byteLength > 200, true);

  const again = await started(chain('1'));
  await events(again);
  assert.deepEqual((await view(again)).tasks['cached'], 2);
  const page = (await (await door.ask('GET', '/v1/runs?limit=1&state=completed')).json()) as { runs: View[]; next: string };
  const second = (await (await door.ask('GET', `/v1/runs?limit=1&before=${page.next}`)).json()) as { runs: View[] };
  assert.deepEqual([page.runs[0]?.run, second.runs[0]?.run], [again, run]);
});

test('one key is one run, also if it comes many times at once', async () => {
  const headers = { 'idempotency-key': 'only once' };
  const replies = await Promise.all(Array.from({ length: 8 }, () => submit(chain('key'), headers)));
  const runs = new Set(await Promise.all(replies.map(async (reply) => ((await reply.json()) as View).run)));
  assert.equal(runs.size, 1);
  assert.deepEqual(replies.map(({ status }) => status).toSorted(), [200, 200, 200, 200, 200, 200, 200, 201]);
  assert.equal(await code(await submit(chain('other'), headers)), '422 KEY_REUSED');
  assert.equal(await code(await submit(chain('other'), { 'idempotency-key': 'x'.repeat(300) })), '400 REQUEST_INVALID');
});

test('a run is cancelled, and forgotten when it is over', async () => {
  const run = await started(LOOP);
  assert.equal(await code(await door.ask('DELETE', `/v1/runs/${run}`)), '409 RUN_BUSY');
  const watching = events(run);
  const cancelled = await door.ask('POST', `/v1/runs/${run}/cancel`);
  assert.deepEqual(await cancelled.json(), { run, state: 'cancelled' });
  assert.deepEqual((await watching).at(-1)?.data['state'], 'cancelled');
  assert.equal((await door.ask('DELETE', `/v1/runs/${run}`)).status, 204);
  for (const path of ['', '/events', '/tasks', '/graph'])
    assert.equal(await code(await door.ask('GET', `/v1/runs/${run}${path}`)), '404 RUN_UNKNOWN');
});

test('blobs of the store are inputs, files of the machine are not', async () => {
  const text = Buffer.from('stored words stored');
  const cid = Cid.ofBlob(text);
  await door.ask('PUT', `/v1/blobs/${cid}`, { body: text });
  const run = await started(
    `tasks: { t: { module: org.example.count-words, stdin: { file: "ipfs://${cid}" } } }\noutputs: { out: { from: t, at: /stdout } }`,
  );
  await events(run);
  assert.equal(Buffer.from((await view(run)).outputs['out']!['/'].bytes, 'base64').toString(), 'stored\t2\nwords\t1\n');
  for (const file of ['/etc/passwd', '../x', 'ipfs://x', `ipfs://${Cid.ofBlob(Buffer.from('absent'))}`])
    assert.match(
      await code(await submit(`tasks: { t: { module: org.example.count-words, stdin: { file: "${file}" } } }`)),
      /^(422 INPUT_ESCAPES|400 CID_INVALID|404 BLOB_MISSING)$/,
    );
  assert.equal(await code(await submit('tasks: { t: { each: { glob: "/etc/*" }, module: org.example.exit } }')), '422 INPUT_ESCAPES');
  assert.equal(await code(await submit('tasks: { t: { module: "file:///bin/true" } }')), '422 INPUT_ESCAPES');
  assert.match(await code(await submit('tasks: { t: { module: /bin/true } }')), /^400 USAGE$|^422 INPUT_ESCAPES$/);
});

test('wrong workflows are refused with their place, and start nothing', async () => {
  const count = async (): Promise<number> =>
    ((await (await door.ask('GET', '/v1/runs?limit=1000')).json()) as { runs: unknown[] }).runs.length;
  const held = await count();
  const cases: Record<string, string> = {
    '': '422 WORKFLOW_SYNTAX',
    'tasks: [': '422 WORKFLOW_SYNTAX',
    'tasks: {}': '422 WORKFLOW_INVALID',
    'tasks: { t: { module: org.example.gone } }': '404 MANIFEST_UNKNOWN',
    'tasks: { t: { module: org.example.exit, grant: [clock] } }': '403 PERMISSION_DENIED',
    'tasks: { t: { module: org.example.exit, limits: { fuel: -1 } } }': '422 LIMIT_REFUSED',
  };
  for (const [text, expected] of Object.entries(cases)) assert.equal(await code(await submit(text)), expected, text);
  assert.equal(await code(await submit(chain('x'), {}, '?input=1')), '400 REQUEST_INVALID');
  assert.equal(await code(await submit(chain('x'), {}, '?input={"gone":"1"}')), '422 WORKFLOW_INPUT');
  assert.equal(await code(await submit(chain('x'), {}, '?slots=0')), '400 REQUEST_INVALID');
  assert.equal(await count(), held);
});

test('a thousand watch one run, and all hear of its end', async () => {
  const run = await started(LOOP);
  const watching = Promise.all(Array.from({ length: 1000 }, () => events(run)));
  await door.ask('POST', `/v1/runs/${run}/cancel`);
  const all = await watching;
  assert.ok(all.every((told) => told.at(-1)?.event === 'ended'));
});
