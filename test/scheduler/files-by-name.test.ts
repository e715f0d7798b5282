import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as Cid from '../../src/ipld/cid.ts';
import type { Ipld } from '../../src/ipld/value.ts';
import { BlobView } from '../../src/scheduler/blob-view.ts';
import { filesByName } from '../../src/scheduler/files-by-name.ts';
import { resolveInput } from '../../src/scheduler/inputs.ts';
import { OK } from '../../src/scheduler/state.ts';

const named = Cid.ofUnixFs(Uint8Array.of(1));
const unknown = Cid.ofUnixFs(Uint8Array.of(2));
const blob = Cid.ofBlob(Uint8Array.of(3));
const awaited = Cid.ofValue('an instruction');

function view(): BlobView {
  return new BlobView({
    small: () => undefined,
    has: () => true,
    read: () => assert.fail('nothing is read'),
    alias: (cid) => (cid.equals(named) ? blob : undefined),
  });
}

function replaced(op: string, input: Ipld): unknown {
  const found = filesByName({ op, input }, view());
  return 'value' in found ? found.value : found.failure;
}

test('an argument of wasm/run that names a file is the blob; deeper inside it is data', () => {
  const deep = [named, { a: named }];
  assert.deepEqual(replaced('wasm/run', { func: 'f', args: [named, 1, deep] }), { func: 'f', args: [blob, 1, deep] });
  const input = { func: 'f', args: [deep, blob] };
  assert.equal(replaced('wasm/run', input), input);
});

test('of wasi/run every file is its blob', () => {
  const promise = { 'await/ok': awaited };
  const input = {
    stdin: named,
    files: { a: named, 'b/': [named, blob], ['__proto__']: { cid: named, size: 1, executable: false }, c: promise },
    extensions: { x: named },
  };
  assert.deepEqual(replaced('wasi/run', input), {
    stdin: blob,
    files: { a: blob, 'b/': [blob, blob], ['__proto__']: { cid: blob, size: 1, executable: false }, c: promise },
    extensions: { x: blob },
  });
});

test('a file that nobody knows is a failure that names it', () => {
  assert.deepEqual(replaced('wasi/run', { stdin: unknown }), {
    code: 'unfetched',
    message: `a file it needs is not in the store: ${unknown} (\`docket store put --unixfs\` stores it, --gateway says where to fetch it)`,
    data: { error: 'BLOB_MISSING' },
  });
  assert.deepEqual(replaced('wasm/run', { func: 'f', args: [unknown] }), {
    code: 'unfetched',
    message: `a file it needs is not in the store: ${unknown} (\`docket store put --unixfs\` stores it, --gateway says where to fetch it)`,
    data: { error: 'BLOB_MISSING' },
  });
});

test('what a promise gives is data, whatever it names', () => {
  const result = { status: OK, value: named, via: 'ran', receipt: awaited } as const;
  const run = { rsc: 'a', op: 'wasm/run', input: { func: 'f', args: [{ 'await/ok': awaited }, named] }, nnc: '' };
  const found = resolveInput(run, () => ({ result, label: 'earlier' }), view());
  assert.deepEqual('value' in found && found.value, { func: 'f', args: [named, blob] });
});
