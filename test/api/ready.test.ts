import assert from 'node:assert/strict';
import { once } from 'node:events';
import { renameSync } from 'node:fs';
import { connect } from 'node:net';
import { DatabaseSync } from 'node:sqlite';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { obstacles } from '../../src/agent/readiness.ts';
import { outputFile } from './bazel/messages.ts';
import { Door, type Problem } from './helpers.ts';

const ready = async (door: Door): Promise<string> => {
  const reply = await fetch(`${door.agent.url}/readyz`);
  const said = await reply.text();
  if (reply.status === 200) return said;
  const { code, detail } = JSON.parse(said) as Problem;
  return `${reply.status} ${code}: ${detail}`;
};
const lives = async (door: Door): Promise<string> => (await fetch(`${door.agent.url}/healthz`)).text();

test('an agent that can take work is ready, and anybody may ask', async () => {
  await using door = await Door.open();
  assert.equal(await ready(door), 'ok');
});

test('one whose home went is not, and lives', async () => {
  await using door = await Door.open();
  const { store } = door.agent.engine.paths;
  renameSync(store, `${store}-away`);
  assert.deepEqual(
    [await ready(door), await lives(door)],
    ['503 NOT_READY: the agent can take no work: its store cannot be written', 'ok'],
  );
  renameSync(`${store}-away`, store);
  assert.equal(await ready(door), 'ok');
});

test('one whose ledger failed is not, and lives', async () => {
  await using door = await Door.open();
  const { paths } = door.agent.engine;
  {
    using db = new DatabaseSync(paths.ledger);
    db.exec('DROP TABLE actions');
  }
  assert.equal(await ready(door), 'ok', 'nobody has tried to write');
  assert.equal((await door.ask('PUT', `/cache/ac/${'0'.repeat(64)}`, { body: outputFile('out', 'x') })).status, 500);
  assert.match(await ready(door), /^503 NOT_READY: the agent can take no work: its ledger takes no more \([A-Z_]+\)$/);
  assert.equal(await lives(door), 'ok');
});

test('a full disk is told, one that does not count its files is not taken for full', async () => {
  await using door = await Door.open();
  const { engine } = door.agent;
  const on = (disk: { bavail: number; files: number; ffree: number }): Promise<string[]> =>
    obstacles(engine, { isDraining: false, disk: async () => ({ bsize: 4096, ...disk }) });
  assert.deepEqual(await on({ bavail: 16_383, files: 10, ffree: 1 }), ['its disk is full']);
  assert.deepEqual(await on({ bavail: 16_384, files: 10, ffree: 1 }), []);
  assert.deepEqual(await on({ bavail: 16_384, files: 10, ffree: 0 }), ['its disk can hold no more files']);
  assert.deepEqual(await on({ bavail: 16_384, files: 0, ffree: 0 }), []);
  assert.deepEqual(await obstacles(engine, { isDraining: false, disk: () => Promise.reject(new Error('no')) }), []);
});

test('one that is being stopped says so to who is still connected', async () => {
  await using door = await Door.open();
  const { port } = new URL(door.agent.url);
  const socket = connect(Number(port), '127.0.0.1');
  await once(socket, 'connect');
  // The agent waits for the end of this request.
  await new Promise<void>((resolve) => socket.write('GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\n', () => resolve()));
  assert.equal(await lives(door), 'ok');
  const drained = door.agent.drain(20_000);
  let reply = '';
  socket.on('data', (chunk: Buffer) => (reply += chunk.toString()));
  socket.write('\r\n');
  await drained;
  assert.match(reply, /^HTTP\/1\.1 503 [^]*it is being stopped/);
  socket.destroy();
});

test('one that is being stopped takes no work over connections there are, and every reply ends its connection', async () => {
  await using door = await Door.open();
  await door.push('count-words');
  const { port } = new URL(door.agent.url);
  const { cid } = (await (await door.ask('POST', '/v1/blobs', { body: 'x' })).json()) as { cid: string };
  /** A request of which the last `missing` bytes come when it is told to end. */
  const begun = async (
    path: string,
    body: string,
    missing: number,
  ): Promise<{ readonly end: () => void; readonly reply: Promise<string> }> => {
    const socket = connect(Number(port), '127.0.0.1');
    // Until the agent knows the connection.
    socket.write('GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
    await once(socket, 'data');
    const head = `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${door.agent.token}\r\nContent-Length: ${body.length}\r\n\r\n`;
    const all = head + body;
    await new Promise<void>((resolve) => socket.write(all.slice(0, -missing), () => resolve()));
    return { end: () => socket.write(all.slice(-missing)), reply: text(socket) };
  };
  const inHead = (path: string, body: string): ReturnType<typeof begun> => begun(path, body, body.length + 2);
  const run = 'tasks: { a: { module: org.example.count-words, stdin: "x" } }\n';
  const work = await Promise.all([
    inHead('/v1/runs', run),
    inHead(`/v1/plans/${cid}/runs`, '{}'),
    inHead('/v1/runs/last/resume', '{}'),
    inHead('/v1/jobs/org.example.count-words/run', 'a b'),
  ]);
  const other = await begun('/v1/blobs/missing', '{"cids":[]}', 1);
  assert.equal(await lives(door), 'ok');
  const drained = door.agent.drain(20_000);
  for (const { end } of [...work, other]) end();
  for (const { reply } of work) {
    const said = await reply;
    assert.match(said, /^HTTP\/1\.1 503 [^]*NOT_READY[^]*it is being stopped/);
    assert.match(said, /\r\nConnection: close\r\n/i);
  }
  assert.match(await other.reply, /^HTTP\/1\.1 200 [^]*\r\nConnection: close\r\n/i, 'what is no work is answered');
  await drained;
  assert.deepEqual(door.agent.engine.ledger.runs({ limit: 10 }), []);
});
