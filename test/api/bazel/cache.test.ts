import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { fields, MessageInvalid } from '../../../src/api/bazel/message.ts';
import { namedByActionResult, namedByTree } from '../../../src/api/bazel/action-result.ts';
import { Door, type Problem } from '../helpers.ts';
import { digest, directory, field, hex, outputFile } from './messages.ts';

let door: Door;
before(async () => void (door = await Door.open()));
after(() => door[Symbol.asyncDispose]());

const put = async (path: string, body: Uint8Array | string): Promise<number> => {
  const reply = await door.ask('PUT', `/cache/${path}`, { body });
  await reply.text();
  return reply.status;
};
const putBlob = (bytes: Uint8Array | string): Promise<number> => put(`cas/${hex(bytes)}`, bytes);
const status = async (method: string, path: string): Promise<number> => {
  const reply = await door.ask(method, `/cache/${path}`);
  await reply.arrayBuffer();
  return reply.status;
};
const code = async (reply: Response): Promise<string> => `${reply.status} ${((await reply.json()) as Problem).code}`;
const action = (name: string): string => `ac/${hex(`action ${name}`)}`;

test('a blob goes in under its digest only, and comes out as it was', async () => {
  for (const bytes of ['small', 'x'.repeat(1_000_000)]) {
    const path = `cas/${hex(bytes)}`;
    assert.deepEqual([await status('HEAD', path), await status('GET', path)], [404, 404]);
    assert.equal(await code(await door.ask('PUT', `/cache/${path}`, { body: `${bytes}!` })), '422 BLOB_MISMATCH');
    assert.equal(await status('GET', path), 404, 'nothing of what was wrong is kept');
    assert.equal(await put(path, bytes), 201);
    assert.equal(await (await door.ask('GET', `/cache/${path}`)).text(), bytes);
    const head = await door.ask('HEAD', `/cache/${path}`);
    assert.deepEqual([head.status, head.headers.get('content-length')], [200, String(bytes.length)]);
  }
});

test('the blob of no bytes is always there', async () => {
  const path = `cas/${hex('')}`;
  const got = await door.ask('GET', `/cache/${path}`);
  assert.deepEqual([got.status, await got.text(), await status('HEAD', path), await put(path, '')], [200, '', 200, 201]);
  assert.equal(await put(action('empty file'), outputFile('out', '')), 201);
  assert.equal(await status('GET', action('empty file')), 200);
});

test('an entry is served when the last blob it names is there, and byte for byte', async () => {
  const tree = Buffer.concat([
    field(1, directory({ a: 'in the root' }, { sub: directory({ b: 'below' }) })),
    field(2, directory({ b: 'below' })),
  ]);
  const root = directory({ c: 'by directory' }, { deep: directory({ d: 'deeper' }) });
  const entry = Buffer.concat([
    outputFile('bin/out', 'an output'),
    field(3, Buffer.concat([field(1, 'folder'), field(3, digest(tree))])),
    field(3, Buffer.concat([field(1, 'other'), field(3, digest(tree)), field(5, digest(root))])),
    field(4, 0),
    field(6, digest('its stdout')),
    field(8, digest('its stderr')),
    field(10, Buffer.concat([field(1, 'link'), field(2, 'bin/out')])),
    field(99, 'of a later version'),
  ]);
  const path = action('whole');
  assert.equal(await put(path, entry), 201);
  const parts = [
    tree,
    root,
    directory({ d: 'deeper' }),
    'an output',
    'its stdout',
    'its stderr',
    'in the root',
    'below',
    'by directory',
    'deeper',
  ];
  for (const part of parts) {
    assert.equal(await code(await door.ask('GET', `/cache/${path}`)), '404 ACTION_UNKNOWN', String(part));
    assert.equal(await status('HEAD', path), 404);
    assert.equal(await putBlob(part), 201);
  }
  const got = await door.ask('GET', `/cache/${path}`);
  assert.ok(Buffer.from(await got.arrayBuffer()).equals(entry));
  assert.equal(await status('HEAD', path), 200);
});

test('the last entry of an action stays; one that lies about a size is not served', async () => {
  await putBlob('one');
  const path = action('again');
  assert.equal(await put(path, outputFile('out', 'one', 4)), 201);
  assert.equal(await status('GET', path), 404);
  assert.equal(await put(path, outputFile('out', 'one')), 201);
  assert.equal(await status('GET', path), 200);
  assert.equal(await put(path, Buffer.concat([outputFile('out', 'one'), outputFile('other', 'one', 4)])), 201);
  assert.equal(await status('GET', path), 404);
  assert.equal(await put(path, outputFile('out', 'not here')), 201);
  assert.equal(await status('GET', path), 404);
});

test('garbage is no entry, whether it comes as one or is named by one', async () => {
  const digestOfOther = Buffer.concat([field(1, 'ff'), field(2, 1)]);
  const wrong = [
    '',
    'x',
    '\u0012',
    Buffer.from([0x12, 0xff, 0xff, 0xff, 0xff, 0x0f]),
    Buffer.alloc(20, 0xff),
    field(2, 5),
    field(2, field(1, 'a file without a digest')),
    field(2, field(2, digestOfOther)),
    field(3, field(1, 'a folder without a tree')),
    field(6, digestOfOther),
  ];
  for (const body of wrong)
    assert.equal(await code(await door.ask('PUT', `/cache/${action('garbage')}`, { body })), '400 REQUEST_INVALID', String(body));
  assert.equal(await status('GET', action('garbage')), 404);
  await putBlob('no tree');
  assert.equal(await put(action('of garbage'), field(3, Buffer.concat([field(1, 'd'), field(3, digest('no tree'))]))), 201);
  assert.equal(await status('GET', action('of garbage')), 404);
  for (const path of ['cas/x', `cas/${'A'.repeat(64)}`, 'ac/..%2f..%2fledger.db', `ac/${'0'.repeat(63)}`, `ac/${'0'.repeat(64)}0`])
    for (const method of ['GET', 'HEAD', 'PUT']) assert.equal(await status(method, path), 400, `${method} ${path}`);
  const huge = await door.ask('PUT', `/cache/${action('huge')}`, { body: Buffer.alloc(16 * 2 ** 20 + 1) });
  assert.equal(await code(huge), '413 BODY_TOO_LARGE');
});

test('no bytes make the decoder do anything but read or refuse them', () => {
  const refusedOrRead = (bytes: Uint8Array): void => {
    for (const read of [(all: Uint8Array) => [...fields(all)], namedByActionResult, namedByTree]) {
      try {
        read(bytes);
      } catch (error) {
        assert.ok(error instanceof MessageInvalid, String(error));
      }
    }
  };
  fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), refusedOrRead), { numRuns: 2000 });
  const good = Buffer.concat([outputFile('out', 'bytes'), field(6, digest('more'))]);
  for (let end = 0; end <= good.length; end++) refusedOrRead(good.subarray(0, end));
  fc.assert(
    fc.property(fc.nat({ max: Number.MAX_SAFE_INTEGER }), (value) =>
      assert.deepEqual([...fields(field(7, value))], [{ number: 7, integer: value }]),
    ),
  );
});

test('many put and get at a time, each gets its own', async () => {
  const names = Array.from({ length: 64 }, (_, i) => `output ${i} ${'x'.repeat((i % 8) * 3000)}`);
  await Promise.all(
    names.map(async (bytes, i) => {
      assert.deepEqual([await putBlob(bytes), await put(action(`many ${i}`), outputFile('out', bytes))], [201, 201]);
      const entry = Buffer.from(await (await door.ask('GET', `/cache/${action(`many ${i}`)}`)).arrayBuffer());
      assert.ok(entry.equals(outputFile('out', bytes)));
      assert.equal(await (await door.ask('GET', `/cache/cas/${hex(bytes)}`)).text(), bytes);
    }),
  );
});

test('it is an index of its own: Docket knows nothing of it as a receipt, a run or a result', async () => {
  assert.deepEqual([...door.agent.engine.ledger.allReceipts()], []);
  assert.deepEqual([...door.agent.engine.ledger.allKeys('declared'), ...door.agent.engine.ledger.allKeys('resolved')], []);
  assert.deepEqual(door.agent.engine.ledger.runIds(), []);
});

test('what is read needs the scope for reading, what is put that for writing', async () => {
  await using open = await Door.open({ anonymous: ['read'] });
  const path = `/cache/cas/${hex('x')}`;
  const ask = async (method: string, authorization: string): Promise<number> => {
    const reply = await open.ask(method, path, { headers: { authorization }, ...(method === 'PUT' ? { body: 'x' } : {}) });
    await reply.text();
    return reply.status;
  };
  // As Bazel sends what stands before the @ of a URL.
  const basic = `Basic ${Buffer.from(`:${open.agent.token}`).toString('base64')}`;
  assert.deepEqual([await ask('GET', ''), await ask('PUT', ''), await ask('PUT', basic), await ask('GET', '')], [404, 401, 201, 200]);
});

test('an entry survives the agent', async () => {
  const { home } = door;
  await door.agent[Symbol.asyncDispose]();
  const { Agent } = await import('../../../src/agent/agent.ts');
  await using again = await Agent.start({ home, port: 0 });
  const reply = await fetch(`${again.url}/cache/${action('whole')}`, { headers: { authorization: `Bearer ${again.token}` } });
  assert.equal((await reply.arrayBuffer()).byteLength > 0 && reply.status, 200);
});
