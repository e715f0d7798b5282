import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ipld, IpldMap } from '../../src/ipld/value.ts';
import type { Task } from '../../src/workflow/model.ts';
import { isPure, memoOf } from '../../src/workflow/policy.ts';

function task(op: string, input: Ipld, rsc = 'a.wasm', meta: IpldMap = {}): Task {
  return { run: { rsc, op, input, nnc: '' }, cause: null, meta, prf: [] };
}

test('a task is pure without grants and with a module that cannot change', () => {
  assert.equal(isPure(task('wasi/run', {})), true);
  assert.equal(isPure(task('wasi/run', { grant: ['clock'] })), false);
  assert.equal(isPure(task('wasm/run', { func: 'f', args: [] }, 'a.wasm', { grant: ['clock'] })), false);
  const cid = 'bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy';
  for (const rsc of [`ipfs://${cid}`, `https://ipfs.io/ipfs/${cid}`, `https://${cid}.ipfs.dweb.link/`, 'file:///a.wasm', '../a.wasm']) {
    assert.equal(isPure(task('wasi/run', {}, rsc)), true, rsc);
  }
  for (const rsc of [
    'https://example.com/a.wasm',
    'https://example.com/ipfs/nothing',
    'ipfs://nothing',
    `https://ipfs.io/ipfs/${cid}/a.wasm`,
  ]) {
    assert.equal(isPure(task('wasi/run', {}, rsc)), false, rsc);
  }
});

test('memo', () => {
  assert.equal(memoOf({}), 'default');
  for (const memo of ['always', 'never', 'errors'] as const) assert.equal(memoOf({ memo }), memo);
  for (const memo of ['default', 'sometimes', true, null]) assert.throws(() => memoOf({ memo }), { code: 'WORKFLOW_INVALID' });
});
