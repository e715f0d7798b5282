import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { buildGuests } from '../../scripts/build-guests.ts';
import { create } from '../../src/agent/tokens.ts';
import type { CID } from '../../src/ipld/cid.ts';
import * as Cid from '../../src/ipld/cid.ts';
import { encode } from '../../src/ipld/dag-cbor.ts';
import type { Ipld } from '../../src/ipld/value.ts';
import { embed } from '../components.ts';
import { Door, module, type Problem } from './helpers.ts';

/** Plans that somebody else compiled: whatever a compiler would have refused is refused here too. */

let door: Door;
let words: CID;
before(async () => {
  await buildGuests();
  door = await Door.open();
  words = (await door.agent.engine.store.put(module('count-words'))).cid;
});
after(() => door[Symbol.asyncDispose]());

interface Row {
  readonly label?: string;
  readonly module?: CID | null;
  readonly meta?: Ipld;
  readonly rsc?: string;
  readonly op?: string;
  readonly input?: Ipld;
  readonly nnc?: Ipld;
}

/** As `encodePlan` writes it. */
function planOf(rows: readonly Row[], more: Readonly<Record<string, Ipld>> = {}): Uint8Array {
  const tasks = rows.map(({ label = 'a', module: own = words, rsc = `ipfs://${words}`, op = 'wasi/run', input = {}, nnc = '' }, i) => {
    return [label, 'group', own, i, null, [], rsc, op, input, nnc, []];
  });
  const metas = rows.map(({ meta = {} }) => meta);
  return encode({ format: 1, groups: ['group'], metas, name: 'sent', outputs: {}, tasks, workflow: Cid.ofValue('w'), ...more });
}

async function submit(plan: Uint8Array | CID, options: unknown = {}, headers: Record<string, string> = {}): Promise<Response> {
  const cid = plan instanceof Uint8Array ? (await door.agent.engine.store.put(plan)).cid : plan;
  const json = { 'content-type': 'application/json', ...headers };
  return await door.ask('POST', `/v1/plans/${cid}/runs`, { body: JSON.stringify(options), headers: json });
}

test('a plan is run, once for each idempotency key', async () => {
  const plan = planOf([{ input: { stdin: Buffer.from('one') } }]);
  const first = await submit(plan, {}, { 'idempotency-key': 'k1' });
  assert.equal(first.status, 201);
  const { run } = (await first.json()) as { run: string };
  const again = await submit(plan, {}, { 'idempotency-key': 'k1' });
  assert.deepEqual([again.status, await again.json()], [200, { run }]);
  const other = await submit(plan, { failFast: true }, { 'idempotency-key': 'k1' });
  assert.equal(((await other.json()) as Problem).code, 'KEY_REUSED');
});

const HOSTILE: readonly (readonly [what: string, code: string, plan: () => Uint8Array])[] = [
  ['garbage', 'WORKFLOW_INVALID', () => Buffer.from('garbage')],
  ['nothing', 'WORKFLOW_INVALID', () => new Uint8Array()],
  ['another document', 'WORKFLOW_INVALID', () => encode({ hello: 'world' })],
  ['a newer format', 'WORKFLOW_INVALID', () => planOf([{}], { format: 2 })],
  ['an op that is not known', 'OP_UNKNOWN', () => planOf([{ op: 'shell/run' }])],
  ['an op of every object', 'OP_UNKNOWN', () => planOf([{ op: 'constructor' }])],
  ['a limit out of range', 'LIMIT_REFUSED', () => planOf([{ meta: { memory: 1 } }])],
  ['fuel below none', 'LIMIT_REFUSED', () => planOf([{ meta: { fuel: -1 } }])],
  ['a retry without end', 'LIMIT_REFUSED', () => planOf([{ meta: { retry: { attempts: 1_000_000 } } }])],
  ['a memo policy there is not', 'WORKFLOW_INVALID', () => planOf([{ meta: { memo: 'sometimes' } }])],
  ['a nonce that is none', 'WORKFLOW_INVALID', () => planOf([{ nnc: 'x' }])],
  ['an input of the wrong form', 'WORKFLOW_INVALID', () => planOf([{ input: { args: 'no list' } }])],
  ['a grant there is not', 'WORKFLOW_INVALID', () => planOf([{ input: { grant: ['network'] } }])],
  ['a grant at the wrong place', 'WORKFLOW_INVALID', () => planOf([{ meta: { grant: ['clock'] } }])],
  ['a path out of the guest', 'WORKFLOW_INVALID', () => planOf([{ input: { files: { '../../etc': words } } }])],
  ['two tasks of one name', 'WORKFLOW_INVALID', () => planOf([{}, { input: { args: ['other'] } }])],
  ['another module than it names', 'WORKFLOW_INVALID', () => planOf([{ rsc: `ipfs://${Cid.ofBlob(Buffer.from('x'))}` }])],
  ['another module, by a query', 'WORKFLOW_INVALID', () => planOf([{ rsc: `ipfs://${Cid.ofBlob(Buffer.from('x'))}?` }])],
  ['another module, by a scheme in capitals', 'WORKFLOW_INVALID', () => planOf([{ rsc: `IPFS://${Cid.ofBlob(Buffer.from('x'))}` }])],
  ['a module it only names', 'WORKFLOW_INVALID', () => planOf([{ module: null }])],
  ['more settings than tasks', 'WORKFLOW_TOO_LARGE', () => planOf([{}], { metas: [{}, {}] })],
  [
    'more values than its tasks account for',
    'WORKFLOW_TOO_LARGE',
    () => planOf([{ input: { args: Array.from({ length: 1_000_300 }, () => 0) } }]),
  ],
  ['a list that says it is longer than the bytes', 'WORKFLOW_INVALID', () => Buffer.from('a1656d657461739affffffff', 'hex')],
  ['a stdin that is a list', 'WORKFLOW_INVALID', () => planOf([{ module: words, input: { stdin: [[]] } }])],
];
for (const [what, code, plan] of HOSTILE) {
  test(`${what} is refused before anything runs`, async () => {
    const earlier = door.agent.engine.ledger.runs({ limit: 100 }).length;
    const reply = await submit(plan());
    assert.deepEqual([((await reply.json()) as Problem).code, reply.status >= 400 && reply.status < 500], [code, true]);
    assert.equal(door.agent.engine.ledger.runs({ limit: 100 }).length, earlier);
  });
}

test('a module that is none, and a plan that is not there', async () => {
  const { cid } = await door.agent.engine.store.put(Buffer.from('no module'));
  const none = await submit(planOf([{ module: cid, rsc: `ipfs://${cid}` }]));
  assert.equal(((await none.json()) as Problem).code, 'MODULE_INVALID');
  const missing = await submit(Cid.ofBlob(Buffer.from('nowhere')));
  assert.deepEqual([missing.status, ((await missing.json()) as Problem).code], [404, 'BLOB_MISSING']);
});

test('the clock is for plans of those who may do everything; others get what the agent was told to give', async () => {
  const plan = planOf([{ label: 'clock', input: { grant: ['clock'] } }]);
  const { token } = await create(door.agent.engine, { scopes: ['run'] }, undefined);
  const denied = await submit(plan, {}, { authorization: `Bearer ${token}` });
  assert.deepEqual([denied.status, ((await denied.json()) as Problem).code], [403, 'PERMISSION_DENIED']);
  assert.equal((await submit(plan)).status, 201);
});

test('so it is for wasm/run, where the clock is in meta', async () => {
  const typed = (
    await door.agent.engine.store.put(
      await embed('(module (func (export "f") (result i32) (i32.const 1)))', 'world guest { export f: func() -> u32; }'),
    )
  ).cid;
  const input = { func: 'f', args: [] };
  const plan = planOf([{ module: typed, rsc: `ipfs://${typed}`, op: 'wasm/run', input, meta: { grant: ['clock'] } }]);
  const { token } = await create(door.agent.engine, { scopes: ['run'] }, undefined);
  const denied = await submit(plan, {}, { authorization: `Bearer ${token}` });
  assert.deepEqual([denied.status, ((await denied.json()) as Problem).code], [403, 'PERMISSION_DENIED']);
  assert.equal((await submit(plan)).status, 201);
});

test('what a URL gave only those are believed who may do everything', async () => {
  const plan = planOf([{ label: 'url', rsc: 'https://example.com/words.wasm' }]);
  const { token } = await create(door.agent.engine, { scopes: ['run'] }, undefined);
  const denied = await submit(plan, {}, { authorization: `Bearer ${token}` });
  const { code, next } = (await denied.json()) as Problem & { next: string };
  assert.deepEqual([denied.status, code, /integrity/.test(next)], [422, 'WORKFLOW_INVALID', true]);
  assert.equal((await submit(plan)).status, 201);
});

test('to take a run up needs what it took to submit it', async () => {
  const { engine } = door.agent;
  const submitted = await submit(planOf([{ label: 'later', input: { grant: ['clock'], args: ['--'] } }]));
  const { run } = (await submitted.json()) as { run: string };
  await (await door.ask('GET', `/v1/runs/${run}/events`)).text();
  await engine.ledger.commit([{ kind: 'run-update', run, state: 'interrupted', finished: null }]);
  const resume = async (token: string): Promise<string> => {
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
    const reply = await door.ask('POST', `/v1/runs/${run}/resume`, { body: '{}', headers });
    return reply.status === 202 ? 'taken up' : ((await reply.json()) as Problem).code;
  };
  const plain = await create(engine, { scopes: ['run'] }, undefined);
  const bounded = await create(engine, { scopes: ['run'], limits: { time: 100 } }, undefined);
  assert.deepEqual([await resume(plain.token), await resume(bounded.token)], ['PERMISSION_DENIED', 'FORBIDDEN']);
  assert.equal(await resume(door.agent.token), 'taken up');
});

test('a run that turns out to be complete is not waited for', async () => {
  const { engine } = door.agent;
  const submitted = await submit(planOf([{ label: 'done', input: { args: ['done'] } }]));
  const { run } = (await submitted.json()) as { run: string };
  await (await door.ask('GET', `/v1/runs/${run}/events`)).text();
  await engine.ledger.commit([{ kind: 'run-update', run, state: 'interrupted' }]);
  const resumed = door.ask('POST', `/v1/runs/${run}/resume`, { body: '{}', headers: { 'content-type': 'application/json' } });
  // Between the look at it and its being taken up.
  await engine.ledger.commit([{ kind: 'run-update', run, state: 'completed' }]);
  assert.equal((await resumed).status, 202);
});

test('names of every kind: a label is data, whatever it means to the language', async () => {
  const { cid } = await door.agent.engine.store.put(module('noop'));
  const noop = { module: cid, rsc: `ipfs://${cid}` };
  const labels = ['__proto__', 'constructor'];
  const submitted = await submit(planOf(labels.map((label) => ({ ...noop, label, input: { args: [label] } }))));
  const { run } = (await submitted.json()) as { run: string };
  await (await door.ask('GET', `/v1/runs/${run}/events`)).text();
  const view = (await (await door.ask('GET', `/v1/runs/${run}`)).json()) as { state: string; outputs: object };
  assert.deepEqual([view.state, Object.keys(view.outputs).toSorted()], ['completed', labels]);
});

test('a plan of whoever may not do everything has 64 MiB at most', async () => {
  const large = await door.agent.engine.store.put(new Uint8Array(64 * 2 ** 20 + 1));
  const { token } = await create(door.agent.engine, { scopes: ['run'] }, undefined);
  const refused = await submit(large.cid, {}, { authorization: `Bearer ${token}` });
  assert.deepEqual([refused.status, ((await refused.json()) as Problem).code], [413, 'WORKFLOW_TOO_LARGE']);
  const looked = await submit(large.cid);
  assert.deepEqual([looked.status, ((await looked.json()) as Problem).code], [422, 'WORKFLOW_INVALID'], 'that of others is looked at');
});
