import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { suite, test } from 'node:test';
import { fixedSize } from 'ipfs-unixfs-importer/chunker';
import { DocketError } from '../../../src/errors.ts';
import * as Cid from '../../../src/ipld/cid.ts';
import { sha256 } from '../../../src/ipld/hash.ts';
import * as Tree from '../../../src/store/tree.ts';
import { HandClock } from '../../hand-clock.ts';
import { HostileServer } from '../../store/hostile-server.ts';
import { car, DEFAULT, imported, sample } from '../../store/unixfs/helpers.ts';
import { Fetcher, gatewayAnswer, hostOf, hurried, refused, send } from './helpers.ts';

const SIZE = 600_000;
const bytes = sample(SIZE);
const held = await imported(bytes);
const rsc = `ipfs://${held.cid}`;
const blob = Cid.ofBlob(bytes);
const small = new TextEncoder().encode('a small file');
const smallCid = Cid.ofBlob(small);

suite('what gateways give', () => {
  for (const [name, offers] of Object.entries({
    'a CAR': {},
    'blocks one by one': { car: false },
    'nothing but the file': { car: false, raw: false },
  }))
    test(`a file of UnixFS from one that gives ${name}`, async () => {
      await using gateway = await HostileServer.open(gatewayAnswer(held, bytes, offers));
      const fetcher = new Fetcher([gateway.url]);
      assert.deepEqual(await fetcher.resources.get(rsc), blob);
      assert.deepEqual(await fetcher.store.read(blob), bytes);
      assert.deepEqual([...fetcher.aliases], [[held.cid.toString(), { blob, isPlain: true }]]);
      const asked = gateway.asked.length;
      await fetcher.resources.get(rsc);
      assert.equal(gateway.asked.length, asked, 'what is here is asked of nobody');
      assert.deepEqual(
        fetcher.progress.filter(({ kind }) => kind !== 'bytes' && kind !== 'asked').map(({ kind }) => kind),
        ['begun', 'fetched'],
      );
    });

  test('a file that is cut up otherwise, by CAR or blocks', async () => {
    const other = await imported(bytes, { ...DEFAULT, chunker: fixedSize({ chunkSize: 100_000 }) });
    for (const offers of [{}, { car: false }]) {
      await using gateway = await HostileServer.open(gatewayAnswer(other, bytes, offers));
      const fetcher = new Fetcher([gateway.url]);
      assert.deepEqual(await fetcher.resources.get(`ipfs://${other.cid}`), blob);
      assert.equal(fetcher.aliases.get(other.cid.toString())?.isPlain, false);
    }
    await using gateway = await HostileServer.open(gatewayAnswer(other, bytes, { car: false, raw: false }));
    const fetcher = new Fetcher([gateway.url]);
    await refused(fetcher.resources.get(`ipfs://${other.cid}`), 'RESOURCE_INVALID', /no blocks by which it could be checked/);
    assert.equal(await fetcher.count(), 0);
  });

  test('by the URL of a gateway, and by a subdomain', async () => {
    await using gateway = await HostileServer.open(gatewayAnswer(held, bytes));
    const byPath = new Fetcher([], { fetch: [hostOf(gateway)] });
    assert.deepEqual(await byPath.resources.get(`${gateway.url}/ipfs/${held.cid}`), blob);
    const port = new URL(gateway.url).port;
    const bySubdomain = new Fetcher([], { fetch: [`localhost:${port}`] });
    assert.deepEqual(await bySubdomain.resources.get(`http://${held.cid}.ipfs.localhost:${port}/`), blob);
  });

  test('raw blocks, and trees with their files', async () => {
    const tree = Tree.encode({ 'a.txt': { cid: smallCid, size: small.length, executable: false } });
    const blocks = new Map([
      [smallCid.toString(), small],
      [Cid.ofTree(tree).toString(), tree],
    ]);
    await using gateway = await HostileServer.open(gatewayAnswer({ cid: smallCid, blocks }, small));
    const fetcher = new Fetcher([gateway.url]);
    await fetcher.resources.bring(Cid.ofTree(tree));
    assert.deepEqual(await fetcher.store.read(smallCid), small);
    assert.deepEqual(
      gateway.asked.map((line) => line.split('/ipfs/')[1]),
      [`${Cid.ofTree(tree)}?format=raw`, `${smallCid}?format=raw`],
    );
  });

  test('a URL with an integrity, and one without', async () => {
    await using server = await HostileServer.open((_, response) => send(response, small));
    const fetcher = new Fetcher([], { fetch: [hostOf(server)] });
    const sri = `sha256-${Buffer.from(sha256(small)).toString('base64')}`;
    assert.deepEqual(await fetcher.resources.get(`${server.url}/a.wasm#${sri}`), smallCid);
    assert.deepEqual(await fetcher.resources.get(`${server.url}/a.wasm#${sri}`), smallCid);
    assert.equal(server.asked.length, 1);
    assert.deepEqual(await fetcher.resources.get(`${server.url}/a.wasm`), smallCid);
    assert.deepEqual(await fetcher.resources.get(`${server.url}/a.wasm`), smallCid);
    assert.deepEqual(server.asked.slice(1), ['GET /a.wasm', 'GET /a.wasm'], 'nobody knows what it gives today');
    const wrong = `sha256-${Buffer.from(sha256(bytes)).toString('base64')}`;
    await refused(fetcher.resources.get(`${server.url}/a.wasm#${wrong}`), 'RESOURCE_INVALID', /something else/);
  });

  test('one resource asked for many times at once is fetched once, and few are at a time', async () => {
    const waiting: (() => void)[] = [];
    await using server = await HostileServer.open((request, response) => void waiting.push(() => send(response, request.url!)));
    const fetcher = new Fetcher([], { fetch: [hostOf(server)] });
    const names = Array.from({ length: 9 }, (_, i) => `${server.url}/${i}`);
    const all = Promise.all([...names, ...names].map((name) => fetcher.resources.get(name)));
    for (let answered = 0; answered < 9; answered++) {
      while (waiting.length < Math.min(4, 9 - answered)) await new Promise((resolve) => setImmediate(resolve));
      // More would come now.
      for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
      assert.equal(waiting.length, Math.min(4, 9 - answered));
      waiting.shift()!();
    }
    await all;
    assert.equal(server.asked.length, 9);
  });

  test('nobody is asked for what nobody can be asked for', async () => {
    const fetcher = new Fetcher([]);
    assert.equal(await fetcher.resources.get(rsc), undefined);
    assert.equal(await fetcher.resources.get('ipns://example/a'), undefined);
  });
});

suite('servers that misbehave', () => {
  test('one that lies is not believed, and another is asked', async () => {
    const lies: [string, (response: ServerResponse) => void][] = [
      ['other bytes', (response) => send(response, 'lies', 'text/html')],
      ['a CAR of another file', (response) => send(response, car([smallCid], [[smallCid, small]]), 'application/vnd.ipld.car')],
      ['no CAR', (response) => send(response, 'lies, but as a CAR', 'application/vnd.ipld.car')],
      [
        'a cut CAR',
        (response) =>
          send(
            response,
            car(
              [],
              [...held.blocks].map(([cid, block]) => [Cid.parse(cid), block]),
            ).subarray(0, 300_000),
            'application/vnd.ipld.car',
          ),
      ],
      [
        'false blocks',
        (response) =>
          send(
            response,
            car(
              [],
              [...held.blocks].map(([cid, block]) => [Cid.parse(cid), block.map((byte) => byte ^ 1)]),
            ),
            'application/vnd.ipld.car',
          ),
      ],
    ];
    for (const [name, lie] of lies) {
      await using liar = await HostileServer.open((_, response) => lie(response));
      const alone = new Fetcher([liar.url], { clock: new HandClock() });
      await refused(alone.resources.get(rsc), 'RESOURCE_INVALID', /./);
      assert.equal(await alone.count(), 0, `${name}: nothing is kept`);
      assert.equal(alone.aliases.size, 0);
      await using gateway = await HostileServer.open(gatewayAnswer(held, bytes));
      const both = new Fetcher([liar.url, gateway.url]);
      assert.deepEqual(await both.resources.get(rsc), blob, name);
    }
  });

  test('one that fails in passing is asked again after growing pauses', async () => {
    let failures = 3;
    const honest = gatewayAnswer(held, bytes);
    await using gateway = await HostileServer.open((request, response) => {
      if (failures-- === 3) response.writeHead(503).end();
      else if (failures === 1) response.writeHead(429).end();
      else if (failures === 0) request.socket.destroy();
      else honest(request, response);
    });
    const clock = new HandClock();
    const fetcher = new Fetcher([gateway.url], { clock });
    assert.deepEqual(await hurried(clock, fetcher.resources.get(rsc)), blob);
    assert.equal(clock.now(), 500 + 1000 + 2000);
  });

  test('one that always fails is given up, with what it said', async () => {
    await using gateway = await HostileServer.open((_, response) => void response.writeHead(500).end());
    const clock = new HandClock();
    await refused(
      hurried(clock, new Fetcher([gateway.url], { clock }).resources.get(rsc)),
      'RESOURCE_UNREACHABLE',
      /cannot be fetched: .*status 500/,
    );
    assert.equal(gateway.asked.length, 4);
  });

  test('one that has it not is asked no more than once for each form', async () => {
    await using gateway = await HostileServer.open((_, response) => void response.writeHead(404).end());
    await refused(new Fetcher([gateway.url], { clock: new HandClock() }).resources.get(rsc), 'RESOURCE_UNREACHABLE', /status 404/);
    assert.equal(gateway.asked.length, 3);
  });

  test('one that is down is said to be', async () => {
    const gone = await HostileServer.open(() => {});
    await gone[Symbol.asyncDispose]();
    const clock = new HandClock();
    await refused(hurried(clock, new Fetcher([gone.url], { clock }).resources.get(rsc)), 'RESOURCE_UNREACHABLE', /ECONNREFUSED/);
  });

  for (const [name, begin] of Object.entries({
    'never answers': () => {},
    'stops in the middle': (response: ServerResponse) => void response.writeHead(200, { 'content-length': '1000000' }).write('some'),
  }))
    test(`one that ${name} is given up`, async () => {
      const begun = Promise.withResolvers<void>();
      await using gateway = await HostileServer.open((_, response) => {
        begin(response);
        begun.resolve();
      });
      const clock = new HandClock();
      const fetcher = new Fetcher([], { clock, fetch: [hostOf(gateway)] });
      const work = fetcher.resources.get(`${gateway.url}/a`);
      work.catch(() => {});
      for (let attempt = 0; attempt < 4; attempt++) {
        while (gateway.asked.length <= attempt) {
          await new Promise((resolve) => setImmediate(resolve));
          // The pause before it is asked again.
          const [timer] = clock.timers;
          if (timer !== undefined && timer.due - clock.now() < 30_000) await clock.tick();
        }
        await begun.promise;
        clock.advance(30_000);
      }
      await refused(work, 'RESOURCE_UNREACHABLE', /for 30 s/);
      assert.equal(await fetcher.count(), 0);
    });

  test('one that drips is given up like one that is silent', async () => {
    const clock = new HandClock();
    const drip = Promise.withResolvers<ServerResponse>();
    await using server = await HostileServer.open((_, response) => {
      response.writeHead(200).write('.');
      drip.resolve(response);
    });
    const fetcher = new Fetcher([], { clock, fetch: [hostOf(server)] });
    const work = fetcher.resources.get(`${server.url}/a`);
    work.catch(() => {});
    const response = await drip.promise;
    const heard = (): number => fetcher.progress.reduce((sum, progress) => sum + (progress.kind === 'bytes' ? progress.bytes : 0), 0);
    const until = async (least: number): Promise<void> => {
      while (heard() < least) await new Promise((resolve) => setImmediate(resolve));
    };
    await until(1);
    response.write('x'.repeat(5000));
    await until(5001);
    clock.advance(30_000);
    response.write('x'.repeat(10));
    await until(5011);
    clock.advance(30_000);
    if (!response.closed) await once(response, 'close');
    fetcher.stop.abort(new Error('enough'));
    await assert.rejects(work, /enough/);
  });

  test('a body without end is cut at the limit', async () => {
    const endless = (type: string) => (_: unknown, response: ServerResponse) => {
      response.writeHead(200, { 'content-type': type });
      const more = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536)));
        if (!response.destroyed) response.once('drain', more);
      };
      if (type === 'application/vnd.ipld.car') response.write(car([held.cid], [[held.cid, held.blocks.get(held.cid.toString())!]]));
      more();
    };
    await using server = await HostileServer.open(endless('text/plain'));
    const fetcher = new Fetcher([], { fetch: [hostOf(server)], limit: 1_000_000 });
    await refused(fetcher.resources.get(`${server.url}/a`), 'BLOB_TOO_LARGE', /1000000 are allowed/);
    await refused(new Fetcher([server.url], { limit: 1_000_000 }).resources.get(rsc), 'BLOB_TOO_LARGE', /1000000 are allowed/);
    await using cars = await HostileServer.open(endless('application/vnd.ipld.car'));
    await refused(new Fetcher([cars.url], { limit: 1_000_000 }).resources.get(rsc), 'RESOURCE_INVALID', /CAR/);
    assert.equal(await fetcher.count(), 0);
  });

  test('a CAR of blocks that nobody asked for is cut', async () => {
    let sent = 0;
    await using gateway = await HostileServer.open((_, response) => {
      response.writeHead(200, { 'content-type': 'application/vnd.ipld.car' }).write(car([held.cid], []));
      const more = (): void => {
        while (!response.destroyed) {
          const block = Buffer.alloc(1_000_000, ++sent);
          if (!response.write(car([], [[Cid.ofBlob(block), block]]).subarray(car([], []).length))) break;
        }
        if (!response.destroyed) response.once('drain', more);
      };
      more();
    });
    await refused(new Fetcher([gateway.url], { limit: 1_000_000 }).resources.get(rsc), 'BLOB_TOO_LARGE', /CAR of/);
    assert.ok(sent < 100);
  });

  test('redirects are followed a few times, and no further', async () => {
    let left = 5;
    await using server = await HostileServer.open((_, response) => {
      if (left-- > 0) response.writeHead(302, { location: `/again${left}` }).end();
      else send(response, small);
    });
    const fetcher = new Fetcher([], { fetch: [hostOf(server)], clock: new HandClock() });
    assert.deepEqual(await fetcher.resources.get(`${server.url}/a`), smallCid);
    const asked = server.asked.length;
    left = 6;
    await refused(fetcher.resources.get(`${server.url}/b`), 'RESOURCE_UNREACHABLE', /more than 5 redirects/);
    assert.equal(server.asked.length - asked, 6, 'and not asked again');
  });

  test('a redirect leads nowhere that was not named', async () => {
    await using inside = await HostileServer.open((_, response) => send(response, 'secret'));
    for (const target of [
      inside.url,
      `http://localhost:${new URL(inside.url).port}`,
      'file:///etc/passwd',
      'http://[::ffff:127.0.0.1]/',
      'http://2130706433/',
    ]) {
      await using outside = await HostileServer.open((_, response) => void response.writeHead(302, { location: `${target}/x` }).end());
      const fetcher = new Fetcher([], { fetch: ['public', hostOf(outside)] });
      await refused(fetcher.resources.get(`${outside.url}/a`), 'RESOURCE_REFUSED', /private address|not fetched/);
    }
    assert.deepEqual(inside.asked, []);
  });

  test('a block that is not to be had in passing is asked for again', async () => {
    let failures = 1;
    const honest = gatewayAnswer(held, bytes, { car: false, file: false });
    await using gateway = await HostileServer.open((request, response) => {
      if (request.url!.includes('format=raw') && !request.url!.includes(held.cid.toString()) && failures-- > 0)
        response.writeHead(503).end();
      else honest(request, response);
    });
    const clock = new HandClock();
    assert.deepEqual(await hurried(clock, new Fetcher([gateway.url], { clock }).resources.get(rsc)), blob);
  });

  test('where nothing can be kept the connection is closed, and nobody else is asked', async () => {
    const closed = Promise.withResolvers<void>();
    await using server = await HostileServer.open((_, response) => {
      response.on('close', () => closed.resolve());
      response.writeHead(200, { 'content-length': '1000000' }).write('some');
    });
    const fetcher = new Fetcher([], { fetch: [hostOf(server)], clock: new HandClock() });
    fetcher.store.put = () => Promise.reject(new DocketError('STORE_FULL', 'the disk is full'));
    await refused(fetcher.resources.get(`${server.url}/a`), 'STORE_FULL', /full/);
    await closed.promise;
    assert.equal(server.asked.length, 1);
  });

  test('who stops waits for nobody', async () => {
    const asked = Promise.withResolvers<void>();
    await using server = await HostileServer.open(() => asked.resolve());
    const fetcher = new Fetcher([], { fetch: [hostOf(server)] });
    const work = fetcher.resources.get(`${server.url}/a`);
    await asked.promise;
    fetcher.stop.abort(new Error('stopped by hand'));
    await assert.rejects(work, /stopped by hand/);
  });
});
