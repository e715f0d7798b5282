import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { isMap } from '../../src/ipld/value.ts';
import * as Cid from '../../src/ipld/cid.ts';
import * as Tree from '../../src/store/tree.ts';
import { hex, jobOf, never, slotOver, temporaryStore } from '../runner/helpers.ts';

/** Debian's, by its path: a Rust of the user's own may come first on the PATH and lack the target. */
const RUSTC = '/usr/bin/rustc';
const SOURCE = new URL('../../guests/rust/files.rs', import.meta.url).pathname;

/** The compiled program, or undefined without a compiler. */
function compileRust(): Uint8Array | undefined {
  const dir = mkdtempSync(join(tmpdir(), 'docket-rust-'));
  try {
    const out = join(dir, 'files.wasm');
    const { status } = spawnSync(RUSTC, ['--target', 'wasm32-wasi', '-O', '-o', out, SOURCE]);
    return status === 0 ? readFileSync(out) : undefined;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

const module = compileRust();

it('runs a Rust program that uses files, links, time, environment and stdin', { skip: module === undefined && 'no rustc with wasm32-wasi' }, async (t) => {
  const store = await temporaryStore(t);
  const slot = slotOver(t, store);
  const input = { args: ['one', 'two'], env: { NAME: 'value' }, stdin: 'some input', outputs: ['**'] };
  const end = await slot.submit(jobOf('wasi/run', module!, input), { signal: never });
  assert.ok(end.kind === 'ended' && end.end.outcome.tag === 'error');
  const { code, data } = end.end.outcome.failure;
  assert.equal(code, 'exit');
  assert.equal(data?.['exit'], 3);
  const stdout = data?.['stdout'];
  assert.ok(stdout instanceof Uint8Array);
  assert.deepEqual(new TextDecoder().decode(stdout).split('\n'), [
    'args ["one", "two"]',
    'env Ok("value")',
    'text hello world',
    'length 11',
    'names ["b", "linked.txt"]',
    'missing NotFound',
    'outside true',
    'slept 3600',
    'stdin some input',
    '',
  ]);
  const files = data?.['files'];
  assert.ok(files !== undefined && !isMap(files));
  const tree = Tree.decode(end.end.small.get(hex(files as Cid.CID))!);
  assert.deepEqual(Object.keys(tree).toSorted(), ['a/b/second.txt', 'a/linked.txt', 'out.txt']);
});
