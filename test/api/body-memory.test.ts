import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { z } from 'zod';
import { Access } from '../../src/api/access.ts';
import { createApp } from '../../src/api/app.ts';
import { BodyMemory } from '../../src/api/body-memory.ts';
import { route, text } from '../../src/api/route.ts';
import { Door, type Problem } from './helpers.ts';
import { serveApp } from './serve-app.ts';

/** Bodies that are held whole, many at once. */

async function problem(reply: Response): Promise<string> {
  const { code } = (await reply.json()) as Problem;
  return `${reply.status} ${code}`;
}

async function* chunks(...sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  for (const size of sizes) yield new Uint8Array(size);
}

test('bodies together have so much memory, and give it back', async () => {
  const memory = new BodyMemory({ most: 100, small: 20 });
  const hold = async (...sizes: readonly number[]): Promise<Disposable> => {
    using held = new DisposableStack();
    await held.use(memory.open()).all(chunks(...sizes));
    return held.move();
  };
  const full = { code: 'AGENT_FULL', details: { retryAfter: 5 } };
  const first = await hold(40, 30);
  await assert.rejects(hold(6, 15), full, 'large ones leave a quarter');
  using _ = await hold(10, 10);
  using _more = await hold(10);
  await assert.rejects(hold(1), full);
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  using _again = await hold(45);
  await assert.rejects(hold(26), full, 'what was refused, and what was given back twice, counts for nothing');
});

test('whoever comes when all of it is taken by requests that stand still is told to come later', async () => {
  const access = new Access({ token: 't', rightsOf: () => undefined, anonymous: ['read'], hosts: new Set(['127.0.0.1']) });
  const spec = { method: 'POST', summary: '', tag: '', scope: 'read', replies: {} } as const;
  let begun = Promise.withResolvers<void>();
  async function* told(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of source) {
      yield chunk;
      begun.resolve();
    }
  }
  class Told extends BodyMemory {
    override open(): ReturnType<BodyMemory['open']> {
      const held = super.open();
      return { ...held, all: (source) => held.all(told(source)) };
    }
  }
  const app = createApp(
    [
      route({ ...spec, path: '/json', json: z.array(z.unknown()), handle: ({ json }) => text(String(json.length)) }),
      route({
        ...spec,
        path: '/bytes',
        bytes: { mediaType: 'application/octet-stream' },
        handle: async ({ whole }) => text(String((await whole()).length)),
      }),
    ],
    access,
    { bodies: new Told({ most: 100 }) },
  );
  await using server = await serveApp(app);
  const { port } = server;
  const post = (path: string, body: string): Promise<Response> => fetch(`http://127.0.0.1:${port}${path}`, { method: 'POST', body });
  const still = async (path: string): Promise<Socket> => {
    begun = Promise.withResolvers<void>();
    const socket = connect(port, '127.0.0.1');
    socket.write(`POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 41\r\n\r\n[${' '.repeat(39)}`);
    await begun.promise;
    return socket;
  };
  const [one, other] = [await still('/json'), await still('/bytes')];
  const refused = await post('/json', `[${' '.repeat(30)}]`);
  assert.equal(refused.headers.get('retry-after'), '5');
  assert.equal(await problem(refused), '503 AGENT_FULL');
  assert.equal(await problem(await post('/bytes', 'x'.repeat(30))), '503 AGENT_FULL');
  assert.equal(await (await post('/json', '[1]')).text(), '1', 'what there is room for goes on');
  one.write(']');
  const [reply] = (await once(one, 'data')) as [Buffer];
  assert.match(reply.toString(), /^HTTP\/1\.1 200/);
  assert.equal(await (await post('/bytes', 'x'.repeat(30))).text(), '30');
  one.destroy();
  other.destroy();
});

test('JSON has a mebibyte, and more where what is asked for needs it', async () => {
  await using door = await Door.open();
  const post = (path: string, bytes: number): Promise<Response> => door.ask('POST', path, { body: `{${' '.repeat(bytes - 2)}}` });
  const MIB = 2 ** 20;
  assert.equal(await problem(await post('/v1/blobs/missing', MIB + 1)), '413 BODY_TOO_LARGE');
  assert.equal(await problem(await post('/v1/blobs/missing', MIB)), '400 REQUEST_INVALID');
  const { cid } = (await (await door.ask('POST', '/v1/blobs', { body: 'x' })).json()) as { cid: string };
  const body = JSON.stringify({ cids: Array.from({ length: 10_000 }, () => cid) });
  assert.deepEqual(await (await door.ask('POST', '/v1/blobs/missing', { body })).json(), { missing: [] });
  assert.equal(await problem(await post('/v1/modules', 1.5 * MIB)), '400 REQUEST_INVALID');
  assert.equal(await problem(await post(`/v1/plans/${cid}/runs`, 16 * MIB)), '422 WORKFLOW_INVALID');
  assert.equal(await problem(await post(`/v1/plans/${cid}/runs`, 16 * MIB + 1)), '413 BODY_TOO_LARGE');
});
