import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { buildGuests } from '../../scripts/build-guests.ts';
import * as Cid from '../../src/ipld/cid.ts';
import { Door, module, type Problem } from './helpers.ts';

/** Named modules that use other named modules, through an agent. */

const FIBONACCI = [1, 1, 2, 3, 5, 8, 13, 21, 34].map((value, i) => `Fibonacci #${i + 1} = ${value}\n`).join('');

let door: Door;
before(async () => {
  await buildGuests();
  door = await Door.open({
    policy: [
      { kind: 'extension', target: 'fib' },
      { kind: 'extension', target: 'org.other.fib' },
      { kind: 'extension', target: 'ghost' },
      { kind: 'random' },
    ],
  });
  await door.push('fib', { version: '1' });
});
after(() => door[Symbol.asyncDispose]());

let version = 0;

/** Runs `uses-fib` with these permissions. */
async function run(permissions: readonly string[], headers: Record<string, string> = {}): Promise<Response> {
  version++;
  await door.push('uses-fib', { version: String(version), more: `required_permissions = ${JSON.stringify(permissions)}\n` });
  return await door.ask('POST', `/v1/jobs/org.example.uses-fib@${version}/run`, { body: '', headers });
}

async function problem(reply: Response): Promise<string> {
  const { code, detail } = (await reply.json()) as Problem;
  return `${reply.status} ${code} ${detail}`;
}

const extension = (name: string, wasm: Uint8Array, more = '', as = '1'): Promise<void> => pushBytes(name, wasm, more, as);

async function pushBytes(full: string, wasm: Uint8Array, more: string, as: string): Promise<void> {
  const at = full.lastIndexOf('.');
  const manifest = `namespace = "${full.slice(0, at)}"\nname = "${full.slice(at + 1)}"\nversion = "${as}"\nbinary = "x.wasm"\ndescription = ""\n${more}`;
  assert.equal((await door.ask('POST', '/v1/storage/manifests', { body: manifest })).status, 201);
  assert.equal((await door.ask('PUT', `/v1/storage/manifests/${full}/executable/${as}`, { body: wasm })).status, 201);
}

interface Job {
  readonly cached: boolean;
  readonly receipt: string;
  readonly extensions: Record<string, { readonly name: string; readonly module: string }>;
}

test('a module uses an extension that its manifest asks for and the agent gives', async () => {
  const reply = await run(['extension:fib']);
  assert.equal(reply.status, 200);
  assert.equal(await reply.text(), FIBONACCI);
});

test('the older way to ask, other spellings and full names do as well', async () => {
  for (const name of [
    'extension:FIB',
    'extension:org.example.fib',
    'extension:fib@1',
    'extension:fib@latest',
    `extension:fib@${Cid.toSri(Cid.ofBlob(module('fib')))}`,
  ]) {
    const reply = await run([name]);
    assert.equal(await reply.text(), FIBONACCI, name);
  }
});

test('which version was bound is told, stands in the receipt, and is part of what the task is', async () => {
  const first = (await (await run(['extension:fib'], { accept: 'application/json' })).json()) as Job;
  assert.deepEqual(first.extensions, { fib: { name: 'org.example.fib@1.0.0', module: Cid.ofBlob(module('fib')).toString() } });
  const receipt = (await (await door.ask('GET', `/v1/receipts/${first.receipt}`)).json()) as { receipt: { meta: { extensions: unknown } } };
  assert.deepEqual(receipt.receipt.meta.extensions, { fib: { '/': Cid.ofBlob(module('fib')).toString() } });
  const again = async (): Promise<Job> =>
    (await (
      await door.ask('POST', `/v1/jobs/org.example.uses-fib@${version}/run`, { body: '', headers: { accept: 'application/json' } })
    ).json()) as Job;
  assert.equal((await again()).cached, true);
  // Gives its argument.
  const identity = Buffer.from('0061736d0100000001060160017f017f030201000707010366696200000a0601040020000b', 'hex');
  await extension('org.example.fib', identity, '', '1.1');
  const other = await again();
  assert.deepEqual([other.cached, other.extensions['fib']?.name], [false, 'org.example.fib@1.1.0']);
  const pinned = (await (await run(['extension:fib@1.0.0'], { accept: 'application/json' })).json()) as Job;
  assert.deepEqual([pinned.cached, pinned.extensions['fib']?.name], [true, 'org.example.fib@1.0.0'], 'the same work as before');
});

test('what is not granted is refused, and nothing runs', async () => {
  assert.match(await problem(await run(['extension:*'])), /^403 PERMISSION_DENIED .*asks for extension:\*/);
  assert.match(await problem(await run(['extension:other'])), /^403 PERMISSION_DENIED/);
  assert.match(await problem(await run(['extension:fib', 'http:*'])), /^403 PERMISSION_DENIED .*http:\*/);
});

test('what is not there or does not fit is refused by name', async () => {
  assert.match(
    await problem(await run(['extension:ghost'])),
    /^422 EXTENSION_INVALID .*imports from "fib", which its manifest does not ask for/,
  );
  await extension('org.other.fib', module('noop'));
  // The import is "fib"; only a module of that very name is what it means.
  assert.match(await problem(await run(['extension:org.other.fib'])), /^422 EXTENSION_INVALID .*does not ask for/);
  assert.match(await problem(await run(['extension:fib@7'])), /^422 EXTENSION_INVALID .*org.example.fib has not version "7"/);
  await extension('org.example.fib', module('noop'), '', '3.0.0');
  assert.match(await problem(await run(['extension:fib'])), /^422 EXTENSION_INVALID .*is a command.*exports no "fib"/);
  await extension('org.example.fib', module('fib'), 'required_permissions = ["random"]\n', '4.0.0');
  assert.match(await problem(await run(['extension:fib'])), /^403 PERMISSION_DENIED .*org.example.fib@4.0.0 asks for random itself/);
  await extension('org.example.fib', module('uses-fib'), '', '5.0.0');
  assert.match(await problem(await run(['extension:fib'])), /^422 EXTENSION_INVALID .*no extension of its own/);
});

test('a workflow names extensions by itself, also by their names', async () => {
  const uses = Cid.ofBlob(module('uses-fib'));
  await door.ask('POST', '/v1/blobs', { body: module('uses-fib') });
  const text = `tasks:\n  t:\n    module: ipfs://${uses}\n    extensions: { fib: org.example.fib@1.0.0 }\noutputs: { out: { from: t, at: /stdout } }\n`;
  const begun = (await (await door.ask('POST', '/v1/runs', { body: text })).json()) as { run: string };
  const events = await (await door.ask('GET', `/v1/runs/${begun.run}/events`)).text();
  assert.match(events, /"state":"completed"/);
  const { outputs } = (await (await door.ask('GET', `/v1/runs/${begun.run}`)).json()) as { outputs: { out: { '/': { bytes: string } } } };
  assert.equal(Buffer.from(outputs.out['/'].bytes, 'base64').toString(), FIBONACCI);
});
