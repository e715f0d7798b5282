import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as Cid from '../../src/ipld/cid.ts';
import { encode } from '../../src/ipld/dag-cbor.ts';
import { type Ipld, isLink } from '../../src/ipld/value.ts';
import { BlobView, hexOf } from '../../src/scheduler/blob-view.ts';
import { type Given, resolve, resolveInput } from '../../src/scheduler/inputs.ts';
import * as State from '../../src/scheduler/state.ts';
import * as Tree from '../../src/store/tree.ts';

const instruction = Cid.ofValue('an instruction');
const blob = Cid.ofBlob(new TextEncoder().encode('text'));
const file = { cid: blob, size: 4, executable: false };
const tree = Tree.encode({ 'a.txt': file, 'dir/b.txt': file, 'dir/deep/c.txt': file, 'odd~/x': file });
const treeCid = Cid.ofTree(tree);

function view(): BlobView {
  const blobs = new BlobView({
    small: () => undefined,
    has: () => false,
    alias: () => undefined,
    read: (cid) => assert.fail(`read ${cid}`),
  });
  blobs.add(new Map([[hexOf(treeCid), tree]]));
  return blobs;
}

function follow(
  output: Ipld,
  at: string,
  blobs = view(),
  branch: 'await/ok' | 'await/error' | 'await/*' = 'await/ok',
): ReturnType<typeof resolve> {
  const promise: Ipld = at === '' ? { [branch]: instruction } : { [branch]: instruction, at };
  return resolve({ deep: [promise] }, () => ({ result: { status: State.OK, value: output, via: 'ran' }, label: 'task' }), blobs);
}

const valueOf = (found: ReturnType<typeof resolve>): Ipld | undefined =>
  'value' in found ? (found.value as { deep: Ipld[] }).deep[0] : undefined;
const argumentOf = (found: ReturnType<typeof resolve>): Ipld | undefined =>
  'value' in found ? (found.value as { args: Ipld[] }).args[0] : undefined;
const output = { exit: 0, stdout: 'text', list: [1, [2]], 'a/b': 3, files: treeCid };

describe('resolving promises', () => {
  it('follows a pointer through maps and lists, with escapes', () => {
    assert.equal(valueOf(follow(output, '')), output);
    assert.equal(valueOf(follow(output, '/stdout')), 'text');
    assert.equal(valueOf(follow(output, '/list/1/0')), 2);
    assert.equal(valueOf(follow(output, '/a~1b')), 3);
  });

  it('goes into a tree: a path with slashes as they are or escaped', () => {
    assert.deepEqual(valueOf(follow(output, '/files/a.txt')), file);
    assert.deepEqual(valueOf(follow(output, '/files/dir/b.txt')), file);
    assert.deepEqual(valueOf(follow(output, '/files/dir~1b.txt')), file);
    assert.deepEqual(valueOf(follow(output, '/files/odd~0/x')), file);
  });

  it('gives the tree below a folder, and has its bytes at hand', () => {
    const blobs = view();
    const link = valueOf(follow(output, '/files/dir', blobs));
    assert.ok(isLink(link));
    assert.deepEqual(blobs.tree(link), { 'b.txt': file, 'deep/c.txt': file });
  });

  it('says what is there when the pointer leads nowhere', () => {
    for (const [at, hint] of [
      ['/nowhere', /stdout/],
      ['/list/2', /"2"/],
      ['/list/-', /"-"/],
      ['/files/none.txt', /a\.txt/],
      ['/__proto__', /__proto__/],
      ['/list/length', /length/],
    ] as const) {
      const found = follow(output, at);
      assert.ok('failure' in found, at);
      assert.equal(found.failure.code, 'invalid');
      assert.match(found.failure.message, hint);
    }
  });

  it('gives nothing of a task that ended the other way', () => {
    const failed: State.Settled = { status: State.FAILED, value: { code: 'trap', message: 'unreachable' }, via: 'ran' };
    const found = resolve({ 'await/ok': instruction }, () => ({ result: failed, label: 'a' }), view());
    assert.ok('failure' in found);
    assert.match(found.failure.message, /a failed: unreachable/);
    assert.deepEqual(
      resolve({ 'await/error': instruction }, () => ({ result: failed, label: 'a' }), view()),
      { value: failed.value },
    );
    assert.ok('failure' in follow(1, '', view(), 'await/error'));
  });

  it('goes into a large value: small parts stand for themselves, large ones are named in inputs', () => {
    const value = encode({ name: 'a', 'odd~/': [new Uint8Array(5000)] });
    const link = Cid.ofLargeValue(value);
    const blobs = view();
    blobs.add(new Map([[hexOf(link), value]]));
    assert.deepEqual(valueOf(follow(link, '', blobs)), link);
    assert.equal(valueOf(follow({ deeper: link }, '/deeper/name', blobs)), 'a');
    assert.deepEqual(valueOf(follow(link, '/odd~0~1/0', blobs)), new Uint8Array(5000));
    const given = (): ReturnType<Given> => ({ result: { status: State.OK, value: link, via: 'ran' }, label: 'task' });
    const inputFor = (at: string): unknown => {
      const run = { rsc: '', op: 'wasm/run', nnc: '', input: { args: [{ 'await/ok': instruction, at }] } };
      return argumentOf(resolveInput(run, given, blobs));
    };
    assert.deepEqual(inputFor('/name'), 'a');
    assert.deepEqual(inputFor('/odd~0~1/0'), { 'await/ok': link, at: '/odd~0~1/0' });
    const nowhere = follow(link, '/odd', blobs);
    assert.match('failure' in nowhere ? nowhere.failure.message : '', /there is no "odd" \(there are: name, odd~\/\)/);
  });

  it('says of what is no large value that it is none', () => {
    const bytes = Uint8Array.of(0xff);
    const link = Cid.ofLargeValue(bytes);
    const blobs = view();
    blobs.add(new Map([[hexOf(link), bytes]]));
    const found = follow(link, '/x', blobs);
    assert.match('failure' in found ? found.failure.message : '', /is no value/);
  });

  it('tells success from failure where either was awaited', () => {
    assert.deepEqual(valueOf(follow(7, '', view(), 'await/*')), ['ok', 7]);
  });
});
