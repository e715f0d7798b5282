import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import { Access } from '../../src/api/access.ts';
import { createApp } from '../../src/api/app.ts';
import { BodyMemory } from '../../src/api/body-memory.ts';
import { storageRoutes } from '../../src/api/routes/storage.ts';
import * as Cid from '../../src/ipld/cid.ts';
import type { Offered } from '../../src/protocol/peers.ts';
import { MemoryStore } from '../../src/store/memory-store.ts';
import { bzip2, join, makePatch, number } from '../patch/make-patch.ts';
import { Door, type Problem } from './helpers.ts';
import { serveApp } from './serve-app.ts';

/** `PATCH /v1/storage/data/SRI`, as Serval means it: its own agents always answered 404. */

let door: Door;
let sri: string;
const OLD = Buffer.from('hello old world');

before(async () => {
  door = await Door.open();
  sri = await (await door.ask('POST', '/v1/storage/data', { body: OLD })).text();
});
after(() => door[Symbol.asyncDispose]());

const patch = (body: Uint8Array, of = sri): Promise<Response> => door.ask('PATCH', `/v1/storage/data/${of}`, { body });

async function problem(reply: Response): Promise<string> {
  const { code } = (await reply.json()) as Problem;
  return `${reply.status} ${code}`;
}

/** "hello " of the old, "new ", then "world". */
const STEPS = [
  { difference: new Uint8Array(6), extra: Buffer.from('new '), move: 4 },
  { difference: new Uint8Array(5), extra: new Uint8Array(0), move: 0 },
];
const NEW = Buffer.from('hello new world');

test('a patch makes a new blob, and the old one stays', async () => {
  const reply = await patch(makePatch(STEPS, NEW.length));
  assert.deepEqual([reply.status, await reply.text()], [201, Cid.toSri(Cid.ofBlob(NEW))]);
  const read = async (of: string): Promise<string> => await (await door.ask('GET', `/v1/storage/data/${of}`)).text();
  assert.deepEqual([await read(Cid.toSri(Cid.ofBlob(NEW))), await read(sri)], [NEW.toString(), OLD.toString()]);
});

test('what cannot be is refused, and nothing is kept of it', async () => {
  const count = async (): Promise<number> => (await Array.fromAsync(door.agent.engine.store.list())).length;
  const first = await count();
  assert.equal(await problem(await patch(Buffer.from('no patch'))), '422 PATCH_INVALID');
  assert.equal(await problem(await patch(new Uint8Array(0))), '422 PATCH_INVALID');
  // Makes half of what it announces before it ends.
  const half = makePatch([{ difference: new Uint8Array(0), extra: new Uint8Array(5), move: 0 }], 10);
  assert.equal(await problem(await patch(half)), '422 PATCH_INVALID');
  const large = makePatch(STEPS, 100 * 2 ** 20 + 1);
  assert.equal(await problem(await patch(large)), '413 BODY_TOO_LARGE');
  assert.equal(await problem(await patch(makePatch(STEPS, 15), Cid.toSri(Cid.ofBlob(Buffer.from('not here'))))), '404 BLOB_MISSING');
  assert.equal(await problem(await patch(makePatch(STEPS, 15), 'sha256-short')), '400 REQUEST_INVALID');
  assert.equal(await problem(await patch(new Uint8Array(32 * 2 ** 20 + 1))), '413 BODY_TOO_LARGE');
  assert.equal(await count(), first);
});

test('a token that may only read patches nothing', async () => {
  const reply = await door.ask('PATCH', `/v1/storage/data/${sri}`, { body: new Uint8Array(1), headers: { authorization: 'Bearer none' } });
  assert.equal(await problem(reply), '401 UNAUTHORIZED');
});

test('while bombs are opened others are answered, and all get their turn', async () => {
  const steps = bzip2(Buffer.concat([number(0), number(100 * 2 ** 20), number(0)]));
  // 45 MB of zeros, as bzip2 packs them: less than is announced.
  const zeros = Buffer.from('QlpoOTFBWSZTWckBtsgBWKtAIMAAEAAACCAAMMwFKaZSSFJsVJIUni7kinChIZIDbZA=', 'base64');
  const bomb = join(steps, bzip2(new Uint8Array(0)), zeros, 100 * 2 ** 20);
  const bombs = Array.from({ length: 3 }, async () => await problem(await patch(bomb)));
  assert.equal(await (await door.ask('GET', '/monitor/ping')).text(), 'pong');
  assert.deepEqual(await Promise.all(bombs), ['422 PATCH_INVALID', '422 PATCH_INVALID', '422 PATCH_INVALID']);
});

test('patches that wait for their turn are not taken in yet', async () => {
  const store = new MemoryStore();
  const { cid } = await store.put(OLD);
  let begun = 0;
  const twice = Promise.withResolvers<void>();
  class Told extends BodyMemory {
    override open(): ReturnType<BodyMemory['open']> {
      const held = super.open();
      const all: typeof held.all = (source) => {
        if (++begun === 2) twice.resolve();
        return held.all(source);
      };
      return { ...held, all };
    }
  }
  const access = new Access({ token: 't', rightsOf: () => undefined, anonymous: ['write'], hosts: new Set(['127.0.0.1']) });
  const app = createApp(storageRoutes({ store } as unknown as Offered), access, { bodies: new Told() });
  await using server = await serveApp(app);
  const { port } = server;
  const still = Array.from({ length: 3 }, () => {
    const socket = connect(port, '127.0.0.1');
    socket.write(`PATCH /v1/storage/data/${encodeURIComponent(Cid.toSri(cid))} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\nB`);
    return socket;
  });
  await twice.promise;
  for (let i = 0; i < 20; i++) await (await fetch(`http://127.0.0.1:${port}/nothing`)).text();
  for (const socket of still) socket.destroy();
  assert.equal(begun, 2);
});
