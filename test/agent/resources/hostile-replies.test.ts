import assert from 'node:assert/strict';
import dns from 'node:dns';
import { once } from 'node:events';
import { syncBuiltinESMExports } from 'node:module';
import { type AddressInfo, createServer } from 'node:net';
import { mock, suite, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { HandClock } from '../../hand-clock.ts';
import { HostileServer } from '../../store/hostile-server.ts';
import { Fetcher, hostOf, hurried, refused, send } from './helpers.ts';

/** Replies that are none, and ways that lead elsewhere. */

/** Sends the beginning, and then the same again and again. */
async function openRaw(first: string, again: string): Promise<AsyncDisposable & { readonly url: string }> {
  const server = createServer((socket) => {
    socket.on('error', () => {}).write(first);
    const more = (): void => {
      while (!socket.destroyed && socket.write(again));
    };
    socket.on('drain', more);
    more();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => void server.close(),
  };
}

suite('hostile replies', () => {
  test('a redirect to nowhere, or in a circle, is given up at once', async () => {
    const targets: Record<string, string | undefined> = { '/none': undefined, '/empty': '', '/bad': 'http://[', '/circle': '/circle' };
    await using server = await HostileServer.open((request, response) => {
      const target = targets[request.url!];
      response.writeHead(302, target === undefined ? {} : { location: target }).end();
    });
    for (const [path, why, asked] of [
      ['/none', /redirect to nowhere/, 1],
      ['/empty', /redirect to nowhere/, 1],
      ['/bad', /redirect to what is no URL/, 1],
      ['/circle', /more than 5 redirects/, 6],
    ] as const) {
      const before = server.asked.length;
      const fetcher = new Fetcher([], { fetch: [hostOf(server)], clock: new HandClock() });
      await refused(fetcher.resources.get(`${server.url}${path}`), 'RESOURCE_UNREACHABLE', why);
      assert.equal(server.asked.length - before, asked, path);
    }
  });

  test('a redirect to what is no web server, or with a name and password in it, is refused', async () => {
    for (const target of [
      'file:///etc/passwd',
      'data:,x',
      'ftp://127.0.0.1/x',
      'ipfs://x',
      'javascript:0',
      'blob:x',
      'http://a:b@127.0.0.1/',
    ]) {
      await using server = await HostileServer.open((_, response) => void response.writeHead(302, { location: target }).end());
      await refused(
        new Fetcher([], { fetch: ['public', hostOf(server)] }).resources.get(`${server.url}/a`),
        'RESOURCE_REFUSED',
        /not fetched/,
      );
    }
  });

  test('what is packed is not unpacked, and not kept', async () => {
    const bomb = gzipSync(Buffer.alloc(50_000_000));
    await using server = await HostileServer.open((request, response) => {
      assert.equal(request.headers['accept-encoding'], 'identity');
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb);
    });
    const fetcher = new Fetcher([], { fetch: [hostOf(server)], limit: 10_000_000 });
    await refused(fetcher.resources.get(`${server.url}/a`), 'RESOURCE_INVALID', /sent as "gzip"/);
    assert.equal(await fetcher.count(), 0);
  });

  test('one that announces more than is allowed is cut before a byte is taken, and one that gives less than it announced is not believed', async () => {
    await using server = await HostileServer.open((request, response) => {
      response.writeHead(200, { 'content-length': request.url === '/much' ? 10_000_000 : 100 });
      if (request.url === '/much') response.write('x');
      else response.write('few', () => response.socket!.end());
    });
    const clock = new HandClock();
    const fetcher = new Fetcher([], { fetch: [hostOf(server)], limit: 1_000_000, clock });
    await refused(fetcher.resources.get(`${server.url}/much`), 'BLOB_TOO_LARGE', /10000000 bytes/);
    assert.deepEqual(
      fetcher.progress.filter(({ kind }) => kind === 'bytes'),
      [],
    );
    await refused(hurried(clock, fetcher.resources.get(`${server.url}/few`)), 'RESOURCE_UNREACHABLE', /ECONNRESET|aborted/);
    assert.equal(await fetcher.count(), 0);
  });

  test('headers without end are cut', async () => {
    await using server = await openRaw('HTTP/1.1 200 OK\r\n', `x: ${'y'.repeat(8000)}\r\n`);
    const clock = new HandClock();
    const fetcher = new Fetcher([], { fetch: [new URL(server.url).host], clock });
    await refused(hurried(clock, fetcher.resources.get(`${server.url}/a`)), 'RESOURCE_UNREACHABLE', /HPE_HEADER_OVERFLOW/);
  });

  test('a name that leads to a private address is asked for nothing, whatever it led to before, and among whatever others', async () => {
    await using inside = await HostileServer.open((_, response) => send(response, 'secret'));
    const { port } = new URL(inside.url);
    const answers = [
      '127.0.0.1',
      '::1',
      '0.0.0.0',
      '::',
      '::ffff:127.0.0.1',
      '::ffff:7f00:1',
      '64:ff9b::7f00:1',
      '169.254.169.254',
      'fe80::1',
      'fd00::1',
      '10.0.0.1',
    ];
    let answer: readonly string[] = [];
    const asked = mock.method(dns, 'lookup', (_name: string, _options: unknown, callback: (...results: unknown[]) => void) =>
      callback(
        null,
        answer.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
      ),
    );
    syncBuiltinESMExports();
    try {
      for (const addresses of [...answers.map((one) => [one]), answers]) {
        answer = addresses;
        const before = asked.mock.callCount();
        const fetcher = new Fetcher([], { fetch: ['public'] });
        await refused(fetcher.resources.get(`http://rebound.example:${port}/a`), 'RESOURCE_REFUSED', /private address/);
        // It is not looked up once for the look and once more for the connection.
        assert.equal(asked.mock.callCount() - before, 1);
      }
    } finally {
      asked.mock.restore();
      syncBuiltinESMExports();
    }
    assert.deepEqual(inside.asked, []);
  });
});
