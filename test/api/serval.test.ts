import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { buildGuests } from '../../scripts/build-guests.ts';
import { Door, module, type Problem } from './helpers.ts';

/** Serval's API, as its own client uses it, and what its agents got wrong. */

let door: Door;
before(async () => {
  await buildGuests();
  door = await Door.open();
});
after(() => door[Symbol.asyncDispose]());

const HELLO = 'sha256-uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=';
const EMPTY = 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=';
const SRI = /^sha256-[A-Za-z0-9+/]{43}=$/;

async function problem(reply: Response): Promise<string> {
  assert.equal(reply.headers.get('content-type'), 'application/problem+json');
  const { code, status, next } = (await reply.json()) as Problem;
  assert.equal(status, reply.status);
  assert.ok(next.length > 0);
  return `${status} ${code}`;
}

test('ping', async () => {
  const reply = await door.ask('GET', '/monitor/ping');
  assert.equal(await reply.text(), 'pong');
  assert.equal(reply.headers.get('x-clacks-overhead'), 'GNU/Terry Pratchett');
});

test('`store`, then `run`, as its client sends them', async () => {
  const toml = 'name = "Words"\nnamespace = "sh.serval"\nversion = "1"\nbinary = "/home/someone/words.wasm"\ndescription = "counts"\n';
  const posted = await door.ask('POST', '/v1/storage/manifests', { body: toml });
  assert.equal(posted.status, 201);
  assert.match(await posted.text(), SRI);
  const unsent = await door.ask('GET', '/v1/storage/manifests/sh.serval.words');
  assert.equal(unsent.status, 200, 'before its module was sent, too');
  assert.doesNotMatch(await unsent.text(), /someone/);
  assert.equal(await problem(await door.ask('POST', '/v1/jobs/sh.serval.words/run')), '404 MANIFEST_UNKNOWN');

  const put = await door.ask('PUT', '/v1/storage/manifests/sh.serval.words/executable/1', { body: module('count-words') });
  assert.equal(put.status, 201);
  const integrity = await put.text();
  const got = await door.ask('GET', '/v1/storage/manifests/sh.serval.words/executable/1');
  assert.deepEqual(Buffer.from(await got.arrayBuffer()), Buffer.from(module('count-words')));
  assert.equal(got.headers.get('docket-integrity'), integrity);
  assert.deepEqual(await (await door.ask('GET', '/v1/storage/manifests')).json(), [
    'sh.serval.words.manifest.toml',
    'sh.serval.words.1.wasm',
  ]);

  const runs: string[] = [];
  for (const isCached of ['false', 'true']) {
    const ran = await door.ask('POST', '/v1/jobs/sh.serval.words/run', { body: 'b a b' });
    assert.deepEqual([ran.status, await ran.text()], [200, 'a\t1\nb\t2\n']);
    assert.deepEqual([ran.headers.get('docket-exit'), ran.headers.get('docket-cached')], ['0', isCached]);
    runs.push(ran.headers.get('docket-run')!);
  }
  const other = await door.ask('POST', '/v1/runs', { body: 'tasks: { a: { module: sh.serval.words, stdin: x } }' });
  assert.equal(other.status, 201, 'a workflow is no job');
  const history = (await (await door.ask('GET', '/v1/monitor/history')).json()) as { id: string; state: string }[];
  assert.deepEqual(
    history.map(({ id, state }) => [id, state]),
    runs.toReversed().map((id) => [id, 'completed']),
  );
  const status = (await (await door.ask('GET', '/monitor/status')).json()) as { jobs: Record<string, { manifest: string }>; total: number };
  assert.deepEqual([status.total, status.jobs[runs[0]!]?.manifest], [2, 'sh.serval.words@1.0.0']);
});

test('what is missing is 404, for HEAD too', async () => {
  for (const method of ['GET', 'HEAD'])
    for (const path of ['manifests/sh.serval.gone', 'manifests/sh.serval.gone/executable/1', `data/${EMPTY.replace('47', '48')}`]) {
      const reply = await door.ask(method, `/v1/storage/${path}`);
      assert.equal(reply.status, 404, `${method} ${path}`);
      await reply.text();
    }
  assert.equal(
    await problem(await door.ask('PUT', '/v1/storage/manifests/sh.serval.gone/executable/1', { body: 'x' })),
    '404 MANIFEST_UNKNOWN',
  );
  assert.equal(await problem(await door.ask('POST', '/v1/jobs/sh.serval.gone/run')), '404 MANIFEST_UNKNOWN');
});

describe('blobs by integrity', () => {
  test('go in and come out, whole and in parts', async () => {
    for (const [body, sri] of [
      ['hello world', HELLO],
      ['', EMPTY],
    ] as const) {
      const posted = await door.ask('POST', '/v1/storage/data', { body });
      assert.deepEqual([posted.status, await posted.text()], [201, sri]);
      const got = await door.ask('GET', `/v1/storage/data/${sri}`);
      assert.deepEqual([got.status, await got.text()], [200, body]);
      const head = await door.ask('HEAD', `/v1/storage/data/${encodeURIComponent(sri)}`);
      assert.deepEqual([head.status, head.headers.get('content-length')], [200, String(body.length)]);
    }
    const part = await door.ask('GET', `/v1/storage/data/${HELLO}`, { headers: { range: 'bytes=6-99999999999999999999' } });
    assert.deepEqual([part.status, await part.text(), part.headers.get('content-range')], [206, 'world', 'bytes 6-10/11']);
    const beyond = await door.ask('GET', `/v1/storage/data/${HELLO}`, { headers: { range: 'bytes=11-' } });
    assert.deepEqual([beyond.headers.get('content-range'), await problem(beyond)], ['bytes */11', '416 RANGE_INVALID']);
    const known = await door.ask('GET', `/v1/storage/data/${HELLO}`, { headers: { 'if-none-match': part.headers.get('etag')! } });
    assert.deepEqual([known.status, await known.text()], [304, '']);
  });

  test('are never known by what is no integrity', async () => {
    for (const address of ['sha512-abc', '..%2f..%2fetc%2fpasswd', '%00', 'sha256-%ff', '', 'sha256-'])
      assert.match(await problem(await door.ask('GET', `/v1/storage/data/${address}`)), /^40[04] /);
  });
});

describe('a job that fails', () => {
  before(() =>
    Promise.all([
      door.push('exit', { more: 'args = ["3"]\n' }),
      door.push('loop', { more: '[limits]\ntime = "100ms"\n' }),
      door.push('recurse'),
    ]),
  );

  test('by its exit status gives its stderr, and tells the rest', async () => {
    const plain = await door.ask('POST', '/v1/jobs/org.example.exit/run');
    assert.deepEqual([plain.status, plain.headers.get('docket-exit'), await plain.text()], [200, '3', '']);
    const told = await door.ask('POST', '/v1/jobs/org.example.exit/run', { headers: { accept: 'application/json' } });
    const { exit, failure, stderr } = (await told.json()) as { exit: number; failure: { code: string }; stderr: { size: number } };
    assert.deepEqual([exit, failure.code, stderr.size], [3, 'exit', 0]);
  });

  test('by a limit or a trap is told as a problem, and stops nobody else', async () => {
    const looping = door.ask('POST', '/v1/jobs/org.example.loop/run');
    assert.equal(await (await door.ask('GET', '/monitor/ping')).text(), 'pong');
    assert.equal(await problem(await looping), '400 JOB_FAILED');
    assert.equal(await problem(await door.ask('POST', '/v1/jobs/org.example.recurse/run')), '400 JOB_FAILED');
  });
});

test('what a manifest asks for is given only if the agent allows it', async () => {
  await door.push('noop', { more: 'required_permissions = ["clock"]\n' });
  assert.equal(await problem(await door.ask('POST', '/v1/jobs/org.example.noop/run')), '403 PERMISSION_DENIED');
  await using generous = await Door.open({ policy: [{ kind: 'clock' }] });
  await generous.push('noop', { more: 'required_permissions = ["clock"]\n' });
  assert.equal((await generous.ask('POST', '/v1/jobs/org.example.noop/run')).status, 200);
});

test('wrong manifests and modules are refused, and name nothing', async () => {
  const post = (body: string | Uint8Array) => door.ask('POST', '/v1/storage/manifests', { body });
  assert.equal(await problem(await post('name = ')), '400 MANIFEST_INVALID');
  assert.equal(await problem(await post(Uint8Array.of(0xff, 0xfe))), '400 REQUEST_INVALID');
  assert.equal(await problem(await post('x'.repeat(300 * 1024))), '413 BODY_TOO_LARGE');
  const toml = 'name = "x"\nnamespace = "org.example"\nversion = "1"\nbinary = "x.wasm"\ndescription = ""\n';
  assert.equal((await post(toml)).status, 201);
  const put = (version: string, body: string | Uint8Array) =>
    door.ask('PUT', `/v1/storage/manifests/org.example.x/executable/${version}`, { body });
  assert.equal(await problem(await put('1', 'no module')), '422 MODULE_INVALID');
  assert.equal(await problem(await put('2', module('noop'))), '404 MANIFEST_UNKNOWN');
  assert.equal((await put('1', module('noop'))).status, 201);
  assert.equal((await put('1.0.0', module('noop'))).status, 201, 'the same again is the same');
  assert.equal(await problem(await put('1', module('exit'))), '409 MANIFEST_EXISTS');
  assert.equal(await problem(await post(toml.replace('""', '"other"'))), '409 MANIFEST_EXISTS');
});

test('peers are this agent, in a shape that both its agents and its client read', async () => {
  const peers = (await (await door.ask('GET', '/v1/mesh/peers')).json()) as {
    http_address: string;
    address: string;
    inner: { roles: string[] };
  }[];
  assert.deepEqual(
    peers.map(({ http_address, address, inner }) => [`http://${http_address}`, `http://${address}`, inner.roles]),
    [[door.agent.url, door.agent.url, ['runner', 'storage']]],
  );
  for (const [role, count] of [
    ['runner', 1],
    ['storage', 1],
    ['scheduler', 0],
    ['observer', 0],
  ] as const)
    assert.equal(((await (await door.ask('GET', `/v1/mesh/peers/${role}`)).json()) as unknown[]).length, count);
  assert.equal(await problem(await door.ask('GET', '/v1/mesh/peers/king')), '400 REQUEST_INVALID');
  const { agents } = (await (await door.ask('GET', '/v1/agents')).json()) as {
    agents: { address: string; slots: number; ops: string[] }[];
  };
  assert.deepEqual(
    agents.map(({ address, slots, ops }) => [`http://${address}`, slots, ops.toSorted()]),
    [[door.agent.url, 2, ['wasi/run', 'wasm/run']]],
  );
});
