import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import * as Cid from '../../src/ipld/cid.ts';
import { Door, type Problem } from './helpers.ts';

let door: Door;
before(async () => void (door = await Door.open()));
after(() => door[Symbol.asyncDispose]());

const code = async (reply: Response): Promise<string> => ((await reply.json()) as Problem).code;

test('a large blob goes in and comes out as it was', async () => {
  const bytes = randomBytes(20 * 2 ** 20);
  const cid = Cid.ofBlob(bytes);
  const missing = { body: JSON.stringify({ cids: [cid.toString()] }) };
  assert.deepEqual(await (await door.ask('POST', '/v1/blobs/missing', missing)).json(), { missing: [cid.toString()] });
  const put = await door.ask('PUT', `/v1/blobs/${cid}`, { body: bytes });
  assert.deepEqual([put.status, await put.json()], [201, { cid: cid.toString(), size: bytes.length, sri: Cid.toSri(cid) }]);
  assert.deepEqual(await (await door.ask('POST', '/v1/blobs/missing', missing)).json(), { missing: [] });
  const got = await door.ask('GET', `/v1/blobs/${cid}`);
  assert.ok(Buffer.from(await got.arrayBuffer()).equals(bytes));
  const part = await door.ask('GET', `/v1/blobs/${cid}`, { headers: { range: 'bytes=10000000-10000009' } });
  assert.ok(Buffer.from(await part.arrayBuffer()).equals(bytes.subarray(10_000_000, 10_000_010)));
});

test('what does not match its CID is not kept', async () => {
  const cid = Cid.ofBlob(Buffer.from('right'));
  for (const body of ['wrong', 'x'.repeat(100_000), ''])
    assert.equal(await code(await door.ask('PUT', `/v1/blobs/${cid}`, { body })), 'BLOB_MISMATCH');
  assert.equal((await door.ask('HEAD', `/v1/blobs/${cid}`)).status, 404);
});

test('half an upload leaves nothing, and the agent goes on', async () => {
  const bytes = randomBytes(2 ** 20);
  const cid = Cid.ofBlob(bytes);
  const { port } = new URL(door.agent.url);
  const socket = connect(Number(port), '127.0.0.1');
  socket.on('error', () => {});
  socket.write(
    `PUT /v1/blobs/${cid} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${door.agent.token}\r\nContent-Length: ${bytes.length}\r\n\r\n`,
  );
  await new Promise<void>((resolve) => socket.write(bytes.subarray(0, bytes.length / 2), () => resolve()));
  socket.destroy();
  assert.equal((await door.ask('HEAD', `/v1/blobs/${cid}`)).status, 404);
  assert.equal((await door.ask('PUT', `/v1/blobs/${cid}`, { body: bytes })).status, 201);
});

test('wrong CIDs are refused by name', async () => {
  for (const text of [
    'x',
    'bafyrmifozk4afj7sgio3ck73iw6qenubkrb2txcdliz52i5nf7x42sfim4',
    '..',
    '%2e%2e%2fidentity.json',
    '%00',
    'a'.repeat(5000),
  ]) {
    const reply = await door.ask('GET', `/v1/blobs/${text}`);
    assert.match(`${reply.status} ${await code(reply)}`, /^(400 REQUEST_INVALID|404 ROUTE_UNKNOWN)$/, text);
  }
  for (const body of ['', '{', '{}', '{"cids":"x"}', '{"cids":["x"]}', '[]', '\u0000'])
    assert.equal(await code(await door.ask('POST', '/v1/blobs/missing', { body })), 'REQUEST_INVALID', body);
});

test('who falls silent in the middle of a body is cut off, and keeps nobody', async () => {
  await using impatient = await Door.open({ bodyIdle: 100 });
  const { port } = new URL(impatient.agent.url);
  const silent = connect(Number(port), '127.0.0.1');
  silent.write(
    `POST /v1/storage/data HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${impatient.agent.token}\r\nContent-Length: 10\r\n\r\nhalf`,
  );
  const closed = new Promise<void>((resolve) => silent.on('error', () => {}).on('close', () => resolve()));
  silent.resume();
  assert.equal((await impatient.ask('POST', '/v1/storage/data', { body: 'whole' })).status, 201);
  await closed;
});

test('who sends more than is taken is refused, and the agent lives on', async () => {
  const { port } = new URL(door.agent.url);
  const greedy = connect(Number(port), '127.0.0.1');
  const closed = new Promise<void>((resolve) => greedy.on('error', () => {}).on('close', () => resolve()));
  let reply = '';
  greedy.on('data', (text: Buffer) => (reply += text.toString()));
  greedy.write(
    `POST /v1/storage/data HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${door.agent.token}\r\nContent-Length: 104857601\r\n\r\n`,
  );
  greedy.write(Buffer.alloc(1 << 20));
  await closed;
  assert.match(reply, /^HTTP\/1\.1 413 [^]*BODY_TOO_LARGE/);
  const endless = connect(Number(port), '127.0.0.1');
  const over = new Promise<void>((resolve) => endless.on('error', () => {}).on('close', () => resolve()));
  let told = '';
  endless.on('data', (text: Buffer) => (told += text.toString()));
  endless.write(
    `POST /v1/storage/manifests HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${door.agent.token}\r\nTransfer-Encoding: chunked\r\n\r\n`,
  );
  const piece = `10000\r\n${'x'.repeat(0x10000)}\r\n`;
  const pour = (): void => void (endless.destroyed || endless.write(piece, () => setImmediate(pour)));
  pour();
  await over;
  assert.match(told, /^HTTP\/1\.1 413 [^]*BODY_TOO_LARGE/);
  assert.equal((await door.ask('POST', '/v1/storage/data', { body: 'whole' })).status, 201);
});
