import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import * as Cid from '../../src/ipld/cid.ts';
import { MemoryStore } from '../../src/store/memory-store.ts';
import { RemoteStore } from '../../src/store/remote-store.ts';
import { openSpool } from '../../src/store/spool.ts';
import { collect, rejects, stream } from '../contract/store.ts';
import { serveBlobs, TOKEN } from '../api/blob-server.ts';
import { HandClock } from '../hand-clock.ts';
import { readdirSync } from 'node:fs';
import { temporaryFolder } from './helpers.ts';
import { HostileServer } from './hostile-server.ts';

/** What is not an agent, or one that lies, stalls or dies. The contract itself is run where the agent is: test/api/remote-store.test.ts. */

const BYTES = randomBytes(300_000);
const CID = Cid.ofBlob(BYTES);

/** Lets time go on until it is over. */
async function passing<T>(clock: HandClock, promise: Promise<T>): Promise<T> {
  const state = { isOver: false };
  const over = (): void => void (state.isOver = true);
  promise.then(over, over);
  while (!state.isOver) {
    clock.advance(10_000);
    await turn();
  }
  return await promise;
}

test('bytes that do not match are not given, in memory, from the spool, or in part', async () => {
  for (const size of [0, 10, 300_000, 20 * 2 ** 20]) {
    const wrong = randomBytes(size + 1).subarray(0, size + (size === 0 ? 1 : 0));
    await using server = await HostileServer.open((_, response) => response.writeHead(200, { 'content-length': wrong.length }).end(wrong));
    const store = new RemoteStore({ url: server.url });
    const cid = Cid.ofBlob(randomBytes(size));
    await rejects(store.get(cid)[Symbol.asyncIterator]().next(), 'BLOB_DAMAGED');
    await rejects(store.get(cid, { start: 1, end: 2 })[Symbol.asyncIterator]().next(), 'BLOB_DAMAGED');
    await rejects(store.read(cid), 'BLOB_DAMAGED');
  }
});

test('a body that is cut, too short or too long is never given', async () => {
  for (const [length, sent, isCut] of [
    [BYTES.length, BYTES.length / 2, true],
    [BYTES.length + 5, BYTES.length, true],
    [BYTES.length - 5, BYTES.length - 5, false],
  ] as const) {
    await using server = await HostileServer.open((_, response) => {
      response.writeHead(200, { 'content-length': length });
      response.write(BYTES.subarray(0, sent), () => (isCut ? response.destroy() : response.end()));
    });
    const store = new RemoteStore({ url: server.url });
    await rejects(store.read(CID), isCut ? 'AGENT_UNREACHABLE' : 'BLOB_DAMAGED');
    await rejects(collect(store.get(CID)), isCut ? 'AGENT_UNREACHABLE' : 'BLOB_DAMAGED');
  }
});

test('a body without a length is refused, as is a length that is none', async () => {
  for (const headers of [{}, { 'content-length': '1e3' }]) {
    await using server = await HostileServer.open(({ socket }, response) => {
      if (!('content-length' in headers)) return response.writeHead(200).end(BYTES);
      socket.end('HTTP/1.1 200 OK\r\nContent-Length: 1e3\r\n\r\nabc');
    });
    await assert.rejects(new RemoteStore({ url: server.url }).read(CID), /AGENT|agent/);
  }
});

test('silence ends in a time-out, never in "missing"', async () => {
  for (const answer of ['nothing', 'a head', 'half'] as const) {
    await using server = await HostileServer.open((_, response) => {
      if (answer === 'nothing') return;
      response.writeHead(200, { 'content-length': BYTES.length });
      if (answer === 'a head') response.flushHeaders();
      else response.write(BYTES.subarray(0, 100_000));
    });
    const clock = new HandClock();
    const store = new RemoteStore({ url: server.url, clock, idle: 60_000, patience: 60_000 });
    await rejects(passing(clock, store.read(CID)), 'AGENT_TIMEOUT');
    await rejects(passing(clock, collect(store.get(CID))), 'AGENT_TIMEOUT');
    if (answer !== 'nothing') continue;
    for (const ask of [
      () => store.stat(CID),
      () => store.missing([CID]),
      () => store.put(BYTES),
      () => store.put(stream([BYTES])),
      () => store.delete(CID),
    ])
      await rejects(passing<unknown>(clock, ask()), 'AGENT_TIMEOUT');
    assert.equal(clock.timers.size, 0, 'nothing is left waiting');
  }
});

test('who reads slowly, or sends slowly, does not time out the agent', async () => {
  const clock = new HandClock();
  await using server = await serveBlobs(new MemoryStore());
  const store = new RemoteStore({ url: server.url, token: TOKEN, clock, idle: 1000, patience: 1000 });
  const slow = async function* (): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < BYTES.length; at += 100_000) {
      clock.advance(100_000);
      yield BYTES.subarray(at, at + 100_000);
    }
  };
  await store.put(slow());
  for await (const _ of store.fetch(CID)) clock.advance(100_000);
});

test('only an agent can say that a blob is missing', async () => {
  const page = '<h1>Not found</h1>';
  const answers = [
    { status: 404, headers: { 'content-type': 'text/html' }, body: page },
    { status: 404, headers: { 'content-type': 'application/problem+json' }, body: '{' },
    { status: 404, headers: { 'content-type': 'application/problem+json' }, body: '{"code":"constructor"}' },
    { status: 502, headers: {}, body: '' },
    { status: 204, headers: {}, body: '' },
    { status: 302, headers: { location: '/elsewhere' }, body: '' },
  ];
  for (const { status, headers, body } of answers) {
    await using server = await HostileServer.open((_, response) => response.writeHead(status, headers as Record<string, string>).end(body));
    const store = new RemoteStore({ url: server.url });
    await rejects(store.stat(CID), 'AGENT_INVALID');
    await rejects(store.read(CID), 'AGENT_INVALID');
    await rejects(store.missing([CID]), 'AGENT_INVALID');
    await rejects(store.put(BYTES), 'AGENT_INVALID');
  }
});

test('a redirect is not followed, and the token stays here', async () => {
  await using elsewhere = await HostileServer.open((_, response) => response.writeHead(200, { 'content-length': BYTES.length }).end(BYTES));
  await using server = await HostileServer.open((request, response) =>
    response.writeHead(307, { location: `${elsewhere.url}${request.url}` }).end(),
  );
  const store = new RemoteStore({ url: server.url, token: 'secret' });
  for (const ask of [() => store.read(CID), () => store.stat(CID), () => store.put(BYTES)]) await rejects(ask(), 'AGENT_INVALID');
  assert.deepEqual(elsewhere.asked, []);
});

test('what the agent refuses is told by its code, its advice and who it was', async () => {
  await using server = await serveBlobs(new MemoryStore());
  const store = new RemoteStore({ url: server.url, token: 'wrong' });
  for (const ask of [() => store.read(CID), () => store.stat(CID), () => store.put(BYTES), () => collect(store.get(CID))])
    await rejects(ask(), 'UNAUTHORIZED');
  await assert.rejects(store.read(CID), (error: { details: unknown; next: string }) => {
    assert.deepEqual(error.details, { agent: server.url });
    return error.next.includes('token');
  });
});

test('an agent that stored something else is found out', async () => {
  const other = Cid.ofBlob(randomBytes(3));
  for (const said of [{ cid: other.toString(), size: BYTES.length }, { cid: CID.toString(), size: 1 }, {}, null, 'x']) {
    await using server = await HostileServer.open((request, response) => {
      request.resume().on('end', () => response.writeHead(201).end(JSON.stringify(said)));
    });
    await rejects(new RemoteStore({ url: server.url }).put(BYTES), 'AGENT_INVALID');
  }
});

test('lists that break off, or name what is no blob, are errors', async () => {
  const line = `{"cid":"${CID}","size":3}\n`;
  for (const body of [
    `${line}{"cid"`,
    `${line}[`,
    '{"cid":"x","size":1}\n',
    `{"cid":"${CID}","size":-1}\n`,
    'null\n',
    'x'.repeat(100_000),
  ]) {
    await using server = await HostileServer.open((_, response) => response.writeHead(200).end(body));
    const store = new RemoteStore({ url: server.url });
    await assert.rejects(Array.fromAsync(store.list()), /agent|CID/);
    await assert.rejects(Array.fromAsync(store.verify()), /agent|CID/);
  }
  await using server = await HostileServer.open((_, response) => response.writeHead(200).write(line, () => response.destroy()));
  await rejects(Array.fromAsync(new RemoteStore({ url: server.url }).list()), 'AGENT_UNREACHABLE');
});

test('nobody listens there', async () => {
  const server = await HostileServer.open(() => {});
  await server[Symbol.asyncDispose]();
  await rejects(new RemoteStore({ url: server.url }).stat(CID), 'AGENT_UNREACHABLE');
});

test('an address that is none is refused, one with a token in it too', () => {
  for (const url of ['', 'x', 'ftp://127.0.0.1', 'http://:secret@127.0.0.1', '127.0.0.1:8100'])
    assert.throws(
      () => new RemoteStore({ url }),
      (error: Error & { code: string }) => error.code === 'USAGE' && !error.message.includes('secret'),
    );
});

test('a get that is left in the middle, or aborted while it waits, closes its connection', async () => {
  for (const how of ['left', 'aborted'] as const) {
    const closed = Promise.withResolvers<void>();
    await using server = await HostileServer.open((_, response) => {
      response.writeHead(200, { 'content-length': BYTES.length }).write(BYTES.subarray(0, 1000));
      response.on('close', () => closed.resolve());
    });
    const abort = new AbortController();
    const reason = new Error('enough');
    const bytes = new RemoteStore({ url: server.url }).fetch(CID, { signal: abort.signal });
    await bytes.next();
    if (how === 'left') await bytes.return(undefined);
    else {
      const next = bytes.next();
      abort.abort(reason);
      await assert.rejects(next, reason);
    }
    await closed.promise;
  }
});

test('what is too large for the caller is not fetched', async () => {
  await using server = await HostileServer.open((_, response) => {
    response.writeHead(200, { 'content-length': 2 ** 40 }).flushHeaders();
  });
  await rejects(new RemoteStore({ url: server.url }).read(CID, { limit: 1000 }), 'BLOB_TOO_LARGE');
});

test('what is too large for memory waits on disk, under no name, and comes in parts', async () => {
  using folder = temporaryFolder();
  const large = randomBytes(17 * 2 ** 20);
  await using server = await serveBlobs(new MemoryStore());
  const store = new RemoteStore({ url: server.url, token: TOKEN, spool: () => openSpool(folder.path) });
  const { cid } = await store.put(large);
  let size = 0;
  for await (const chunk of store.get(cid)) {
    assert.deepEqual(readdirSync(folder.path), []);
    assert.ok(chunk.length <= 2 ** 20);
    size += chunk.length;
  }
  assert.equal(size, large.length);
  assert.ok(large.subarray(5, 9_000_000).equals(await collect(store.get(cid, { start: 5, end: 9_000_000 }))));
});

test('an upload that is refused in the middle says why', async () => {
  await using server = await HostileServer.open((request, response) => {
    request.once('data', () => {
      const problem = { code: 'STORE_FULL', detail: 'no space left', next: 'free some' };
      response.writeHead(507, { 'content-type': 'application/problem+json', 'docket-error': 'STORE_FULL' }).end(JSON.stringify(problem));
    });
  });
  const endless = async function* (): AsyncGenerator<Uint8Array> {
    for (;;) yield BYTES;
  };
  await rejects(new RemoteStore({ url: server.url }).put(endless()), 'STORE_FULL');
});
