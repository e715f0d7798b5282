import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, test } from 'node:test';
import { buildGuests } from '../../scripts/build-guests.ts';
import * as Cid from '../../src/ipld/cid.ts';
import { blockAnswer, gatewayAnswer, hostOf, send } from '../agent/resources/helpers.ts';
import { HostileServer } from '../store/hostile-server.ts';
import { car, type Imported, imported, importedFolder, varint } from '../store/unixfs/helpers.ts';
import { type Failure, guest, Place, type Report } from './helpers.ts';

/** Workflows that name what is elsewhere. */

/** A guest that is longer than a chunk, for what is added to it and means nothing. */
let words: Uint8Array;
let held: Imported;
const text = 'b a b '.repeat(100_000);
let texts: Imported;

before(async () => {
  await buildGuests();
  const filler = Buffer.concat([varint(1), Buffer.from('x'), Buffer.alloc(300_000, 7)]);
  words = Buffer.concat([readFileSync(guest('count-words')), Uint8Array.of(0), varint(filler.length), filler]);
  held = await imported(words);
  texts = await imported(Buffer.from(text));
});

const homestar = (rsc: string, stdin: unknown = { '/': texts.cid.toString() }): string =>
  JSON.stringify({ tasks: [{ run: { rsc, op: 'wasi/run', input: { stdin } }, cause: null, meta: {}, prf: [] }] });
/** Among what the task gave, in DAG-JSON. */
const COUNTED = new RegExp(Buffer.from('a\t100000\nb\t200000\n').toString('base64'));

/** Holds both files. */
function gateway(): Promise<HostileServer> {
  const one = gatewayAnswer(held, words);
  const other = gatewayAnswer(texts, Buffer.from(text));
  return HostileServer.open((request, response) => (request.url!.includes(texts.cid.toString()) ? other : one)(request, response));
}

test('a file stored with --unixfs is known by what IPFS calls it', async () => {
  using place = new Place();
  place.write('words.wasm', words);
  place.write('short', 'short');
  place.write('text', text);
  assert.equal(await place.out('store', 'put', '--unixfs', 'words.wasm'), `${held.cid}\n`);
  assert.equal(
    await place.out('store', 'put', '--unixfs', 'text', 'short'),
    `${texts.cid}  text\n${Cid.ofBlob(Buffer.from('short'))}  short\n`,
  );
  const blob = Cid.ofBlob(Buffer.from(text));
  const { stored } = await place.json<{ stored: unknown }>('store', 'put', '--unixfs', 'text');
  assert.deepEqual(stored, [{ path: 'text', cid: blob.toString(), size: text.length, unixfs: texts.cid.toString() }]);
  assert.equal(await place.out('store', 'cat', texts.cid.toString()), text);
  assert.equal((await place.json<{ cid: string }>('store', 'stat', texts.cid.toString())).cid, blob.toString());
  assert.match(await place.out('show', texts.cid.toString()), /^blob {2}600000 bytes/);
  await place.out('store', 'get', texts.cid.toString(), 'got');
  assert.equal(readFileSync(place.at('got'), 'utf8'), text);
  assert.match((await place.docket(['store', 'verify'])).stderr, /2 aliases checked, 0 damaged/);

  assert.match((await place.docket(['store', 'cat', '--unixfs', texts.cid.toString()])).stderr, /--unixfs goes with put/);
  assert.match(
    (await place.docket(['store', 'stat', 'bafybeibk42jwhq7w2zcpe6q3wgtleugp3ymfs3pa5gerjmnakqihhqx4zq'])).stderr,
    /no blob is known here as/,
  );

  place.write('w.json', homestar(`ipfs://${held.cid}`));
  assert.match(await place.out('run', 'w.json'), COUNTED);
  // The same module and text by another name are the same work.
  place.write('w.yaml', 'tasks: { count: { module: words.wasm, stdin: { file: text } } }\noutputs: { o: { from: count, at: /stdout } }');
  assert.equal((await place.json<Report>('run', 'w.yaml')).tasks.cached, 1);
});

test('a file is found behind the CID of its folder, in the store and at a gateway', async () => {
  const files = { 'bin/words.wasm': words, text: Buffer.from(text) };
  const folder = await importedFolder(files);
  using place = new Place();
  for (const [path, bytes] of Object.entries(files)) place.write(`folder/${path}`, bytes);
  place.write('folder/.hidden', 'not for IPFS');
  assert.equal(await place.out('store', 'put', '--unixfs', 'folder'), `${folder.cid}\n`);
  const { stored } = await place.json<{ stored: unknown }>('store', 'put', '--unixfs', 'folder');
  const node = Cid.fromSha256(folder.cid.multihash.digest).toString();
  assert.deepEqual(stored, [{ path: 'folder', cid: node, size: words.length + text.length, unixfs: folder.cid.toString() }]);
  const rsc = `ipfs://${folder.cid}/bin/words.wasm`;
  place.write('w.json', homestar(rsc));
  assert.match(await place.out('run', 'w.json'), COUNTED);
  // As before: the URL is part of the instruction, and so of every CID above it.
  const { tasks } = await place.json<Report>('run', 'w.json');
  assert.equal(tasks.cached, 1);
  place.write('w.yaml', `tasks: { count: { module: "${rsc}", stdin: { file: text } } }\noutputs: { o: { from: count, at: /stdout } }`);
  place.write('text', text);
  assert.equal((await place.json<Report>('run', 'w.yaml')).tasks.cached, 1, 'the same bytes by other names');

  using other = new Place();
  await using server = await HostileServer.open(blockAnswer(folder));
  other.write('text', text);
  for (const url of [rsc, `${server.url}/ipfs/${folder.cid}/bin/words.wasm`]) {
    other.write('w.yaml', `tasks: { count: { module: "${url}", stdin: { file: text } } }\noutputs: { o: { from: count, at: /stdout } }`);
    const { status, stdout, stderr } = await other.docket(['run', 'w.yaml', '--gateway', server.url, '--json']);
    assert.equal(status, 0, stderr);
    assert.equal((JSON.parse(stdout) as Report).state, 'completed');
  }
  other.write('w.yaml', `tasks: { count: { module: "ipfs://${folder.cid}/bin/none.wasm", stdin: a } }`);
  const missing = JSON.parse((await other.docket(['run', 'w.yaml', '--json'])).stdout) as Failure;
  assert.equal(missing.error.code, 'RESOURCE_INVALID');
  assert.match(missing.error.message, /\/bin has nothing called "none\.wasm"/);
  assert.equal((missing.error.place as { line: number }).line, 1);
});

// At an agent the command fetches, and what it sent is not told from what was there.
test('a file in a folder of IPFS is had by its path, and the folder itself is told from what is unknown', async () => {
  using place = new Place();
  place.write('folder/bin/words.wasm', words);
  place.write('folder/short', 'short');
  const folder = (await place.out('store', 'put', '--unixfs', 'folder')).trim();
  assert.equal(await place.out('store', 'cat', `ipfs://${folder}/short`), 'short');
  const { cid } = await place.json<{ cid: string }>('store', 'stat', `ipfs://${folder}/bin/words.wasm`);
  assert.equal(cid, Cid.ofBlob(words).toString());
  await place.out('store', 'get', `ipfs://${folder}/bin/words.wasm`, 'got');
  assert.deepEqual(readFileSync(place.at('got')), Buffer.from(words));
  await place.out('store', 'verify', `ipfs://${folder}/short`);
  assert.equal((await place.json<{ cid: string }>('inspect', `ipfs://${folder}/bin/words.wasm`)).cid, cid);
  const folders = [['store', 'stat'], ['store', 'ls'], ['store', 'cat'], ['store', 'verify'], ['show']].map((verb) => [...verb, folder]);
  for (const call of [...folders, ['inspect', `ipfs://${folder}`], ['store', 'cat', `ipfs://${folder}/bin`]]) {
    const { status, stderr } = await place.docket(call);
    assert.equal(status, 1, stderr);
    assert.match(stderr, /is a folder of IPFS.*\n.*ipfs:\/\/bafy\w+\/PATH/);
  }
  for (const path of ['none', 'short/x', '../short', 'bin//words.wasm'])
    assert.notEqual((await place.docket(['store', 'cat', `ipfs://${folder}/${path}`])).status, 0);
  assert.match((await place.docket(['store', 'cat', `ipfs://${texts.cid}/a`])).stderr, /on the way .* is not here/);
});

test('what a command fetched for a run of its home stands with the run', async () => {
  using place = new Place();
  await using server = await gateway();
  place.write('w.json', homestar(`ipfs://${held.cid}`));
  await place.out('run', 'w.json', '--gateway', server.url);
  const { fetched } = await place.json<{ fetched: Record<string, unknown>[] }>('show', 'last');
  assert.deepEqual(
    fetched.map(({ resource, from, bytes, blob, isVerified }) => [resource, from, bytes, blob, isVerified]).toSorted(),
    [
      [`ipfs://${held.cid}`, server.url, words.length, Cid.ofBlob(words).toString(), true],
      [`ipfs://${texts.cid}`, server.url, text.length, Cid.ofBlob(Buffer.from(text)).toString(), true],
    ].toSorted(),
  );
  assert.match(await place.out('show', 'last'), /^fetched {3}ipfs:.* from http.* in \d.* s, verified$/m);
});

test('a module that can never be had is refused with its line, and hashed all the same', async () => {
  using place = new Place();
  place.write('text', text);
  await place.out('store', 'put', '--unixfs', 'text');
  for (const rsc of ['ipfs://hello', 'ftp://a/b', 'ipns://example.org', `ipfs://${Cid.ofBlob(words)}/a`, `ipfs://${held.cid}?x`]) {
    place.write('w.json', `\n${homestar(rsc)}`);
    const { status, stdout } = await place.docket(['run', 'w.json', '--json']);
    const { error } = JSON.parse(stdout) as Failure;
    assert.deepEqual([status, error.code, (error.place as { line: number }).line], [2, 'WORKFLOW_INVALID', 2], stdout);
    assert.ok(error.message.includes(rsc), error.message);
    assert.match(await place.out('cid', 'w.json'), /^workflow bafyrmi/);
  }
  place.write('w.yaml', 'tasks:\n  a: { module: "ipfs://hello" }');
  assert.match((await place.docket(['run', 'w.yaml'])).stderr, /w\.yaml:2:.*ipfs:\/\/hello.*\n.*ipfs:\/\/CID/);
});

test('where nobody can be asked for what is not here, its task ends as unfetched, and what its instruction does stays open', async () => {
  using place = new Place();
  place.write('words.wasm', words);
  await place.out('store', 'put', '--unixfs', 'words.wasm');
  const none = Cid.ofBlob(Buffer.from('never stored'));
  const task = (rsc: string, stdin: unknown, nnc = ''): unknown => ({
    run: { rsc, op: 'wasi/run', input: { stdin }, nnc },
    cause: null,
    meta: { memo: 'errors' },
    prf: [],
  });
  const lacking = [
    task(`ipfs://${none}`, 'a'),
    task(`ipfs://${held.cid}`, { '/': none.toString() }),
    task(`ipfs://${held.cid}`, { '/': texts.cid.toString() }),
    task(`ipfs://${texts.cid}/none.wasm`, 'a'),
  ];
  place.write('w.json', JSON.stringify({ tasks: [task(`ipfs://${held.cid}`, 'a'), ...lacking] }));
  const { status, stdout } = await place.docket(['run', 'w.json', '--json']);
  const report = JSON.parse(stdout) as Report & { errors: { code: string; message: string }[] };
  assert.deepEqual([status, report.tasks.ran, report.errors.map(({ code }) => code)], [1, 1, lacking.map(() => 'unfetched')], stdout);
  for (const [i, what] of [
    `its module is not in the store: ${none}`,
    `a blob it needs .*${none}`,
    `a file .*${texts.cid}`,
    'no module here',
  ].entries())
    assert.match(report.errors[i]!.message, new RegExp(what));

  // It says nothing of the instruction: whoever awaits its failure gets none.
  const [first] = (await place.json<{ tasks: { state: string; instruction: string }[] }>('show', 'last')).tasks.filter(
    ({ state }) => state === 'failed',
  );
  const promise = { '/': first!.instruction };
  place.write('await.json', JSON.stringify({ tasks: [task(`ipfs://${held.cid}`, { 'await/error': promise, at: '/message' })] }));
  const awaiting = await place.docket(['run', 'await.json', '--await-time', '1ms', '--json']);
  assert.equal((JSON.parse(awaiting.stdout) as typeof report).errors[0]!.code, 'unresolved', awaiting.stdout);
});

test('what is not here is fetched from a gateway, and then not again', async () => {
  using place = new Place();
  await using server = await gateway();
  place.write('w.json', homestar(`ipfs://${held.cid}`));
  const alone = await place.docket(['run', 'w.json']);
  assert.equal(alone.status, 1);
  assert.match(alone.stderr, new RegExp(`not in the store: ${held.cid}|not in the store: ${texts.cid}`));
  const { status, stdout, stderr } = await place.docket(['run', 'w.json', '--gateway', server.url]);
  assert.equal(status, 0, stderr);
  assert.match(stdout, COUNTED);
  assert.match(stderr, new RegExp(`fetched ipfs://${held.cid}: .* from ${server.url}`));
  assert.equal(server.asked.length, 2);
  assert.match((await place.docket(['store', 'verify'])).stderr, /1 alias|2 aliases/);
  const again = await place.docket(['run', 'w.json', '--gateway', server.url]);
  assert.match(again.stderr, /1 cached/);
  assert.equal(server.asked.length, 2);
  using other = new Place();
  other.write('w.json', homestar(`ipfs://${held.cid}`));
  assert.match((await other.docket(['run', 'w.json'], { env: { DOCKET_GATEWAY: server.url } })).stdout, COUNTED);
});

test('a URL leads to a private address only if its host was named', async () => {
  using place = new Place();
  await using server = await gateway();
  place.write('text', text);
  await place.out('store', 'put', '--unixfs', 'text');
  place.write('w.json', homestar(`${server.url}/ipfs/${held.cid}`));
  const refused = await place.docket(['run', 'w.json', '--json']);
  const { error } = JSON.parse(refused.stdout) as Failure;
  assert.deepEqual([refused.status, error.code], [1, 'RESOURCE_REFUSED'], refused.stdout);
  assert.equal(server.asked.length, 0);
  assert.match((await place.docket(['run', 'w.json', '--fetch', hostOf(server)])).stdout, COUNTED);
});

test('a module by URL: with an integrity it is as fixed as a file, without it nothing is reused', async () => {
  using place = new Place();
  await using server = await HostileServer.open((_, response) => send(response, words));
  const run = async (module: string) => {
    place.write('w.yaml', `tasks: { count: { module: ${module}, stdin: "b a b" } }\noutputs: { o: { from: count, at: /stdout } }`);
    return await place.docket(['run', 'w.yaml', '--fetch', hostOf(server), '--json']);
  };
  const report = async (module: string) => JSON.parse((await run(module)).stdout) as Report;
  const sri = Cid.toSri(Cid.ofBlob(words));
  for (const module of [`{ url: "${server.url}/w.wasm", integrity: "${sri}" }`, `"${server.url}/w.wasm#${sri}"`])
    assert.equal((await report(module)).state, 'completed');
  assert.equal(server.asked.length, 1);
  assert.equal((await report(`{ url: "${server.url}/w.wasm", integrity: "${sri}" }`)).tasks.cached, 1);
  for (const ran of [1, 2]) {
    const { tasks } = await report(`${server.url}/w.wasm`);
    assert.deepEqual([tasks.ran, tasks.cached, server.asked.length], [1, 0, 1 + ran]);
  }
  assert.match(await place.out('why', 'last', 'count'), /URL without integrity/);

  const wrong = await run(`{ url: "${server.url}/w.wasm", integrity: "${Cid.toSri(Cid.ofBlob(Buffer.from('x')))}" }`);
  const { error } = JSON.parse(wrong.stdout) as Failure;
  assert.equal(error.code, 'RESOURCE_INVALID');
  assert.deepEqual((error.place as { line: number }).line, 1);
  for (const module of [
    `"${server.url}/w.wasm#sha384-abc"`,
    `{ url: "${server.url}/w.wasm", integrity: sha1-x }`,
    '{ url: words.wasm }',
    '{ integrity: x }',
  ])
    assert.equal((await run(module)).status, 2, module);
});

test('a gateway that lies, and options that are none', async () => {
  using place = new Place();
  await using liar = await HostileServer.open((_, response) =>
    send(response, car([], [[held.cid, Buffer.from('lies')]]), 'application/vnd.ipld.car'),
  );
  place.write('w.json', homestar(`ipfs://${held.cid}`, 'x'));
  const { error } = JSON.parse((await place.docket(['run', 'w.json', '--gateway', liar.url, '--json'])).stdout) as Failure;
  assert.equal(error.code, 'RESOURCE_INVALID');
  assert.match(error.message, new RegExp(`ipfs://${held.cid} cannot be fetched`));
  for (const option of [
    ['--gateway', 'nowhere'],
    ['--fetch', 'http://x'],
    ['--max-resource', 'much'],
  ]) {
    const wrong = await place.docket(['run', 'w.json', ...option]);
    assert.deepEqual([wrong.status, wrong.stderr.includes(option[1]!)], [2, true], wrong.stderr);
  }
  assert.equal((await place.docket(['run', 'w.json'], { env: { DOCKET_GATEWAY: 'nowhere' } })).status, 2);
  await using server = await gateway();
  const small = await place.docket(['run', 'w.json', '--gateway', server.url, '--max-resource', '1kB', '--json']);
  assert.equal((JSON.parse(small.stdout) as Failure).error.code, 'BLOB_TOO_LARGE');
});
