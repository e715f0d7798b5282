import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import * as Cid from '../../src/ipld/cid.ts';
import { bzip2, join, makePatch, number } from '../patch/make-patch.ts';
import { Door, type Problem } from './helpers.ts';

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
