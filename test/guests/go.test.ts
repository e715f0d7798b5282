import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, it } from 'node:test';
import * as Cid from '../../src/ipld/cid.ts';
import { isMap } from '../../src/ipld/value.ts';
import type { Failure } from '../../src/receipt/outcome.ts';
import * as Tree from '../../src/store/tree.ts';
import { hex, jobOf, never, slotOver, temporaryStore } from '../runner/helpers.ts';

const SOURCE = new URL('../../guests/go/files.go', import.meta.url).pathname;

const folder = mkdtempSync(join(tmpdir(), 'docket-go-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** What the compiler says against it; undefined if it compiled. Works with the Go of this machine alone: nothing is fetched. */
function compile(source: string, out: string): string | undefined {
  const env = { ...process.env, GOOS: 'wasip1', GOARCH: 'wasm', GOFLAGS: '', GOTOOLCHAIN: 'local', GOPROXY: 'off', GOWORK: 'off' };
  const { status, stderr, error } = spawnSync('go', ['build', '-o', join(folder, out), source], { cwd: folder, env });
  return status === 0 ? undefined : (error?.message ?? String(stderr));
}

/** GOOS=wasip1 is there from Go 1.21 on. */
function absent(): string | false {
  const trial = join(folder, 'trial.go');
  writeFileSync(trial, 'package main\n\nfunc main() {}\n');
  return compile(trial, 'trial.wasm') === undefined ? false : 'no Go of 1.21 or later';
}

it('runs a Go program that uses files, links, goroutines, time, randomness and stdin', { skip: absent() }, async (t) => {
  assert.equal(compile(SOURCE, 'files.wasm'), undefined);
  const module = readFileSync(join(folder, 'files.wasm'));
  const slot = slotOver(t, await temporaryStore(t));
  const endWith = async (how: string, grants: readonly string[]): Promise<Failure & { small: ReadonlyMap<string, Uint8Array> }> => {
    const input = { args: [how, 'one', 'two'], env: { NAME: 'value' }, stdin: 'some input', outputs: ['**'] };
    const end = await slot.submit(jobOf('wasi/run', module, input, { grants, limits: { time: 60_000 } }), { signal: never });
    assert.ok(end.kind === 'ended' && end.end.outcome.tag === 'error');
    return { ...end.end.outcome.failure, small: end.end.small };
  };
  const text = (bytes: unknown): string => {
    assert.ok(bytes instanceof Uint8Array);
    return new TextDecoder().decode(bytes);
  };

  for (const grants of [[], ['clock', 'random']]) {
    const { code, data, small } = await endWith('all', grants);
    assert.deepEqual([code, data?.['exit'], text(data?.['stderr'])], ['exit', 3, 'to stderr\n']);
    assert.deepEqual(text(data?.['stdout']).split('\n'), [
      'args [one two] value ',
      'link b/second.txt hello',
      'same true true',
      'walk . d---------',
      'walk a d---------',
      'walk a/b d---------',
      'walk a/b/second.txt ----------',
      'walk a/hard ----------',
      'walk a/link L---------',
      'errors exists exists missing denied',
      'outside true',
      'many 300',
      'gone missing',
      'end two',
      'truncated "on\\x00\\x00"',
      'after close closed',
      'time 2020-02-03 04:05:06.000000007 +0000 UTC',
      'unnamed 70011 there',
      'packed 200000 32',
      'slept true',
      'ticked true',
      'goroutines 499500',
      'random true true',
      'recovered true',
      'stdin some input',
      '',
    ]);
    const files = data?.['files'];
    assert.ok(files !== undefined && !isMap(files));
    const tree = Tree.decode(small.get(hex(files as Cid.CID))!);
    assert.deepEqual(Object.keys(tree).toSorted(), ['a/b/second.txt', 'a/hard', 'a/link', 'log', 'packed.gz']);
  }

  for (const [how, said] of [
    ['panic', /^panic: on purpose\n/],
    ['deadlock', /^fatal error: all goroutines are asleep - deadlock!\n/],
  ] as const) {
    const { code, data } = await endWith(how, []);
    assert.deepEqual([code, data?.['exit']], ['exit', 2]);
    assert.match(text(data?.['stderr']), said);
  }
});
