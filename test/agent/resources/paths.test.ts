import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as Cid from '../../../src/ipld/cid.ts';
import { HandClock } from '../../hand-clock.ts';
import { HostileServer } from '../../store/hostile-server.ts';
import { importedFolder, sample } from '../../store/unixfs/helpers.ts';
import { blockAnswer, Fetcher, hostOf, refused, send } from './helpers.ts';

/** Files by their path in a directory of IPFS. */

const large = sample(600_000);
const small = new TextEncoder().encode('a small file');
const folder = await importedFolder({ 'a/large.wasm': large, 'a/b c%.txt': small, 'top.txt': small });
const root = folder.cid;

suite('a file behind a CID', () => {
  test('is fetched block by block, and afterwards found without anybody', async () => {
    await using gateway = await HostileServer.open(blockAnswer(folder));
    const fetcher = new Fetcher([gateway.url]);
    assert.deepEqual(await fetcher.resources.get(`ipfs://${root}/a/large.wasm`), Cid.ofBlob(large));
    assert.deepEqual(await fetcher.store.read(Cid.ofBlob(large)), large);
    assert.deepEqual(await fetcher.resources.get(`ipfs://${root}/a/b%20c%25.txt`), Cid.ofBlob(small));
    const asked = gateway.asked.length;
    const again = new Fetcher([]);
    for await (const { cid } of fetcher.store.list()) await again.store.put(await fetcher.store.read(cid));
    for (const [name, names] of fetcher.aliases) again.aliases.set(name, names);
    assert.deepEqual(await again.resources.get(`ipfs://${root}/a/large.wasm`), Cid.ofBlob(large));
    assert.equal(gateway.asked.length, asked);
  });

  test('by the URL of a gateway, by a subdomain, and by the older form of a CID', async () => {
    await using gateway = await HostileServer.open(blockAnswer(folder));
    const { port } = new URL(gateway.url);
    for (const url of [
      `${gateway.url}/ipfs/${root}/a/large.wasm`,
      `http://${root}.ipfs.localhost:${port}/a/large.wasm`,
      `${gateway.url}/ipfs/${root.toV0()}/a/large.wasm/`,
    ]) {
      const fetcher = new Fetcher([], { fetch: [hostOf(gateway), `localhost:${port}`] });
      assert.deepEqual(await fetcher.resources.get(url), Cid.ofBlob(large), url);
    }
  });

  test('of which nothing is here is not to be had from nobody', async () => {
    const { resources } = new Fetcher([]);
    assert.equal(await resources.get(`ipfs://${root}/a/large.wasm`), undefined);
    assert.equal(await resources.lead(`ipfs://${root}/a/large.wasm`), undefined);
  });

  test('that is none is said so, and nobody else is asked', async () => {
    await using gateway = await HostileServer.open(blockAnswer(folder));
    const { resources } = new Fetcher([gateway.url], { clock: new HandClock() });
    await refused(resources.get(`ipfs://${root}/a/none`), 'RESOURCE_INVALID', /\/a has nothing called "none"/);
    await refused(resources.get(`ipfs://${root}/a`), 'RESOURCE_INVALID', /a directory, and not a file/);
    await refused(resources.get(`ipfs://${root}/top.txt/x`), 'RESOURCE_INVALID', /top\.txt is a file/);
  });

  test('paths that mean something else to everybody are refused before anybody is asked', async () => {
    await using gateway = await HostileServer.open(blockAnswer(folder));
    const { resources } = new Fetcher([gateway.url]);
    for (const [path, why] of [
      ['a//large.wasm', /empty name/],
      ['a/./large.wasm', /has the name "\."/],
      ['a/../top.txt', /has the name "\.\."/],
      ['a/%2e%2e/top.txt', /has the name "\.\."/],
      ['a%2Flarge.wasm', /with a \/ in it/],
      ['top.txt%00.wasm', /NUL/],
      ['top%ff.txt', /not percent-encoded/],
      ['top%.txt', /not percent-encoded/],
      [Array(200).fill('a').join('/'), /more than 128 names/],
    ] as const)
      await refused(resources.get(`ipfs://${root}/${path}`), 'WORKFLOW_INVALID', why);
    assert.deepEqual(gateway.asked, []);
  });

  test('a gateway that lies about a block on the way is not believed, and another is asked', async () => {
    const directories = [...folder.blocks].filter(([name]) => Cid.isUnixFs(Cid.parse(name)));
    // The last but one is the directory in the middle, the root comes last.
    for (const [name] of directories.slice(-2)) {
      const honest = blockAnswer(folder);
      await using liar = await HostileServer.open((request, response) => {
        if (request.url!.includes(name)) return send(response, folder.blocks.get(directories[0]![0])!, 'application/vnd.ipld.raw');
        honest(request, response);
      });
      await using other = await HostileServer.open(honest);
      assert.deepEqual(await new Fetcher([liar.url, other.url]).resources.get(`ipfs://${root}/a/large.wasm`), Cid.ofBlob(large));
      const alone = new Fetcher([liar.url]);
      await refused(alone.resources.get(`ipfs://${root}/a/large.wasm`), 'RESOURCE_INVALID', /is something else/);
    }
  });

  test('a block on the way that has no end is cut', async () => {
    await using gateway = await HostileServer.open((_, response) => {
      const more = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536)));
      };
      response.on('drain', more);
      more();
    });
    const fetcher = new Fetcher([gateway.url]);
    await refused(fetcher.resources.get(`ipfs://${root}/top.txt`), 'RESOURCE_INVALID', /a block of more than/);
    assert.equal(await fetcher.count(), 0);
  });

  test('many files of one directory ask for its blocks once', async () => {
    await using gateway = await HostileServer.open(blockAnswer(folder));
    const { resources } = new Fetcher([gateway.url]);
    await Promise.all(['a/large.wasm', 'a/b%20c%25.txt', 'top.txt'].map((path) => resources.get(`ipfs://${root}/${path}`)));
    assert.equal(gateway.asked.filter((line) => line.includes(`${root}?format=raw`)).length, 1);
  });
});
