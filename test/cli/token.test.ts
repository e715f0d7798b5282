import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { buildGuests } from '../../scripts/build-guests.ts';
import { Agent } from '../../src/agent/agent.ts';
import { type Failure, guest, Place } from './helpers.ts';

/** Tokens of less than every right, made by the command and tried at an agent. */

let place: Place;
let agent: Agent;
before(async () => {
  await buildGuests();
  place = new Place();
  for (const name of ['noop', 'loop', 'grow-memory', 'echo', 'exit']) {
    place.write(`${name}.wasm`, readFileSync(guest(name)));
    const manifest = `namespace = "org.example"\nname = "${name}"\nversion = "1"\nbinary = "${name}.wasm"\ndescription = ""\n${name === 'exit' ? 'args = ["7"]\n' : ''}`;
    await place.out('manifest', 'push', place.write(`${name}.toml`, manifest));
  }
  agent = await Agent.start({ home: place.home, port: 0 });
});
after(async () => {
  await agent[Symbol.asyncDispose]();
  place[Symbol.dispose]();
});

async function ask(token: string, method: string, path: string, body?: string): Promise<string> {
  const reply = await fetch(`${agent.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}` },
    ...(body === undefined ? {} : { body }),
  });
  const text = await reply.text();
  return reply.status < 400 ? String(reply.status) : `${reply.status} ${(JSON.parse(text) as { code: string }).code}`;
}

test('a token for one module runs that one, within its limits, and can do nothing else', async () => {
  const token = (
    await place.out('token', 'create', '--module', 'org.example.loop', '--module', 'ORG.example.noop', '--time', '100ms')
  ).trim();
  assert.match(token, /^docket_[0-9a-f]{12}_[A-Za-z0-9_-]{43}$/);
  assert.equal(await ask(token, 'POST', '/v1/jobs/org.example.noop/run'), '200');
  assert.equal(await ask(token, 'POST', '/v1/jobs/org.example.noop@1.0/run'), '200');
  assert.equal(await ask(token, 'POST', '/v1/jobs/org.example.loop/run'), '400 JOB_FAILED', 'the limit is its own, the manifest has none');
  assert.equal(await ask(token, 'POST', '/v1/jobs/org.example.grow-memory/run'), '403 FORBIDDEN');
  const thrifty = (await place.out('token', 'create', '--module', 'org.example.loop', '--fuel', '1000')).trim();
  assert.equal(await ask(thrifty, 'POST', '/v1/jobs/org.example.loop/run'), '400 JOB_FAILED', 'so does fuel, which has no default');
  assert.match(await place.out('token', 'ls'), /fuel 1000/);
  const description = (await (await fetch(`${agent.url}/openapi.json`)).json()) as {
    paths: Record<string, Record<string, { security: unknown[] }>>;
  };
  let refused = 0;
  for (const [path, methods] of Object.entries(description.paths))
    for (const [method, { security }] of Object.entries(methods)) {
      if (security.length === 0 || path === '/v1/jobs/{name}/run' || method === 'head') continue;
      const real = path
        .replace('{name}', 'org.example.noop')
        .replace('{version}', '1')
        .replace(/\{\w+\}/g, 'x');
      assert.equal(await ask(token, method.toUpperCase(), real), '403 FORBIDDEN', `${method} ${path}`);
      refused++;
    }
  assert.ok(refused > 15);
});

test('exec of a named module works with a token for that one: stdin goes in, its output and its exit status come out', async () => {
  const names = ['echo', 'exit', 'loop'].flatMap((name) => ['--module', `org.example.${name}`]);
  const token = (await place.out('token', 'create', ...names, '--time', '100ms')).trim();
  const env = { DOCKET_AGENT: agent.url, DOCKET_TOKEN: token };
  const exec = (args: readonly string[], stdin = ''): ReturnType<Place['docket']> => place.docket(['exec', ...args], { env, stdin });
  assert.deepEqual(await exec(['org.example.echo'], 'said'), { status: 0, stdout: 'said', stderr: '' });
  place.write('said.txt', 'read');
  assert.deepEqual(await exec(['org.example.echo@1', 'said.txt']), { status: 0, stdout: 'read', stderr: '' });
  const { status, stdout } = await exec(['org.example.echo', '--json'], 'said');
  const document = JSON.parse(stdout) as Record<string, unknown>;
  assert.deepEqual([status, document['exit'], document['cached']], [0, 0, true]);
  assert.equal((await exec(['org.example.exit'])).status, 7);
  const loop = await exec(['org.example.loop']);
  assert.deepEqual([loop.status, loop.stdout], [124, '']);
  assert.match(loop.stderr, /\[limit\/time\]/);
  const failed = await exec(['org.example.loop', '--json']);
  assert.deepEqual([failed.status, (JSON.parse(failed.stdout) as { failure: { code: string } }).failure.code], [124, 'limit/time']);
  const other = await exec(['org.example.noop']);
  assert.deepEqual([other.status, other.stdout], [125, '']);
  assert.match(other.stderr, /FORBIDDEN/);
  for (const more of [['--env', 'A=1'], ['--force'], ['--', 'x']]) {
    const refused = await exec(['org.example.echo', ...more]);
    assert.equal(refused.status, 125);
    assert.match(refused.stderr, /single modules, which allows no (--env|--force|arguments after --)/);
  }
  assert.match((await exec([guest('echo')])).stderr, /which allows no modules of your own/);
});

test('scopes are what a token may do', async () => {
  const read = (await place.out('token', 'create', '--scope', 'read')).trim();
  const write = (await place.out('token', 'create', '--scope', 'read,write')).trim();
  const run = (await place.out('token', 'create')).trim();
  const bounded = (await place.out('token', 'create', '--memory', '64MiB')).trim();
  const workflow = 'tasks: { t: { module: org.example.noop } }';
  const rows: readonly (readonly [token: string, read: string, run: string, write: string])[] = [
    [read, '200', '403 FORBIDDEN', '403 FORBIDDEN'],
    [write, '200', '403 FORBIDDEN', '201'],
    [run, '403 FORBIDDEN', '201', '403 FORBIDDEN'],
    [bounded, '403 FORBIDDEN', '403 FORBIDDEN', '403 FORBIDDEN'],
  ];
  for (const [token, ...expected] of rows) {
    const found = [
      await ask(token, 'GET', '/v1/runs'),
      await ask(token, 'POST', '/v1/runs', workflow),
      await ask(token, 'POST', '/v1/storage/data', 'x'),
    ];
    assert.deepEqual(found, expected);
  }
});

test('a token that was revoked or has expired is as good as none, at once', async () => {
  const { id, token } = await place.json<{ id: string; token: string }>('token', 'create', '--scope', 'read', '--expires', '1d');
  assert.equal(await ask(token, 'GET', '/v1/runs'), '200');
  const listed = (await place.json<{ tokens: { id: string; scopes: string[]; expires: string }[] }>('token', 'ls')).tokens;
  assert.deepEqual(listed.find((row) => row.id === id)?.scopes, ['read']);
  assert.doesNotMatch(await place.out('token', 'ls', '--json'), new RegExp(token.slice(-20)));
  await place.out('token', 'revoke', id);
  assert.equal(await ask(token, 'GET', '/v1/runs'), '401 UNAUTHORIZED');
  const brief = (await place.out('token', 'create', '--scope', 'read', '--expires', '1ms')).trim();
  assert.equal(await ask(brief, 'GET', '/v1/runs'), '401 UNAUTHORIZED');
  assert.match(await place.out('token', 'ls'), /\(over\)/);
  assert.equal((await place.json<Failure>('token', 'revoke', id)).error.code, 'TOKEN_UNKNOWN');
});

test('wrong words are told apart', async () => {
  for (const words of [
    [],
    ['make'],
    ['revoke'],
    ['ls', 'x'],
    ['create', 'x'],
    ['create', '--scope', 'rad'],
    ['create', '--module', 'x'],
    ['ls', '--scope', 'read'],
    ['revoke', 'x', '--time', '1s'],
    ['create', '--scope', 'read', '--module', 'a.b'],
    ['create', '--expires', 'soon'],
  ])
    assert.equal((await place.json<Failure>('token', ...words)).error.code, 'USAGE', words.join(' '));
  assert.equal((await place.json<Failure>('token', 'create', '--open-files', '1')).error.code, 'LIMIT_REFUSED');
});
