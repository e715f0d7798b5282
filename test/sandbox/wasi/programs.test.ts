import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as Cid from '../../../src/ipld/cid.ts';
import { changes, outputs } from '../../../src/sandbox/files/collect.ts';
import { realClock } from '../../../src/sandbox/wasi/clock.ts';
import { realRandom, seededRandom } from '../../../src/sandbox/wasi/random.ts';
import { Bench, compileC, noCompiler, runCommand, textOf } from './helpers.ts';

/** Programs in C through wasi-libc: each checks itself and prints "ok". */
describe('programs compiled from C', { skip: noCompiler() }, () => {
  test('streams', () => {
    using bench = new Bench();
    const wasi = bench.start({ stdin: 'one\ntwo\nthree', mounts: { '/data/numbers.txt': bench.blob('1 22 333\n') } });
    assert.equal(runCommand(compileC('stdio'), wasi), 0, textOf(wasi.stdout.ref()));
    assert.equal(textOf(wasi.stdout.ref()), 'ok\n');
    assert.equal(textOf(wasi.stderr.ref()), '1:one\n2:two\n3:three');
    const made = changes(wasi.files);
    assert.deepEqual(
      made.map(({ path }) => path),
      ['data/numbers.txt', 'new.txt'],
    );
    const [numbers, lines] = made.map((each) => (each.kind === 'file' ? textOf(each.content) : each.kind));
    assert.equal(numbers, '1 22 333\n4444\n');
    assert.match(lines ?? '', /^line 0\n[^]*line 999\n$/);
  });

  test('files', () => {
    using bench = new Bench();
    const mounted = bench.blob('mounted');
    const wasi = bench.start({ mounts: { 'mounted.txt': mounted, 'untouched.txt': mounted } });
    assert.equal(runCommand(compileC('files'), wasi), 0, textOf(wasi.stdout.ref()));
    const [changed, untouched] = outputs(wasi.files, ['*mounted.txt', 'untouched.txt']);
    assert.ok(changed?.kind === 'file' && untouched?.kind === 'file');
    assert.equal(textOf(changed.content), 'moUNTed');
    assert.ok(untouched.content.kind === 'blob' && untouched.content.cid.equals(mounted.blob));
  });

  test('directories', () => {
    using bench = new Bench();
    const file = { cid: Cid.ofBlob(Buffer.from('leaf')), size: 4, executable: true };
    const wasi = bench.start({
      mounts: {
        'mounted.txt': bench.blob('m'),
        tree: { tree: { 'below/leaf.txt': file, 'below/deep/er.txt': file, 'top.txt': file } },
        'sorted/b': { bytes: Buffer.from('b') },
        'sorted/a': { directory: true },
        'sorted/c': { link: 'b' },
      },
    });
    assert.equal(runCommand(compileC('directories'), wasi), 0, textOf(wasi.stdout.ref()));
    assert.equal(textOf(wasi.stdout.ref()), '. .. a b c \nok\n');
    const made = changes(wasi.files);
    assert.deepEqual(
      made.map(({ path, kind }) => `${kind} ${path}`),
      ['directory d/slash', 'directory empty', 'file moved/deep/er.txt', 'file moved/leaf.txt', 'file y/b', 'file y/c'],
      'also what a renamed directory of the input holds',
    );
    const moved = made.find(({ path }) => path === 'moved/leaf.txt');
    assert.ok(moved?.kind === 'file' && moved.executable && moved.content.kind === 'blob' && moved.content.cid.equals(file.cid));
  });

  test('links', () => {
    using bench = new Bench();
    const wasi = bench.start({ mounts: { 'mounted-link': { link: '../../../../etc/passwd' } } });
    assert.equal(runCommand(compileC('links'), wasi), 0, textOf(wasi.stdout.ref()));
    const hard = changes(wasi.files).filter(({ path }) => path === 'hard' || path === 'followed');
    assert.ok(hard[0]?.kind === 'file' && hard[1]?.kind === 'file' && hard[0].content === hard[1].content, 'one content for two names');
  });

  describe('process', () => {
    const program = noCompiler() === false ? compileC('process') : undefined;
    const run = (options: Parameters<Bench['start']>[0]): { status: number; stdout: string } => {
      assert.ok(program);
      using bench = new Bench();
      const wasi = bench.start(options);
      const status = runCommand(program, wasi);
      return { status, stdout: textOf(wasi.stdout.ref()) };
    };

    test('arguments, environment, clocks and randomness are what the task says, the same each time', () => {
      const options = { args: ['prog', 'a b', '', 'ü😀'], env: { HOME: '/', EMPTY: '', 'ODD NAME': 'x=y' }, stdin: 'ready' };
      const { status, stdout } = run(options);
      assert.equal(status, 0, stdout);
      assert.match(stdout, /^arg prog\narg a b\narg \narg ü😀\nenv HOME=\/\nenv EMPTY=\nenv ODD NAME=x=y\n/);
      assert.match(stdout, /\nrealtime 946684800\d{9}\ntime 946684800\n/);
      assert.equal(run(options).stdout, stdout);
      assert.notEqual(run({ ...options, random: seededRandom(new Uint8Array(32).fill(1)) }).stdout, stdout, 'another seed, other bytes');
    });

    test('real ones by grant', () => {
      const before = Date.now();
      const short = realClock();
      const clock = { ...short, wait: (duration: bigint) => short.wait(duration > 1_000_000n ? 1_000_000n : duration) };
      const { stdout } = run({ clock, random: realRandom(), stdin: 'ready' });
      const realtime = Number(/\nrealtime (\d+)\n/.exec(`\n${stdout}`)?.[1]) / 1e6;
      assert.ok(realtime >= before - 1 && realtime <= Date.now() + 1, stdout);
    });

    for (const status of [0, 1, 3, 124, 126, 255, 256, 2147483647, -1]) {
      test(`exit ${status}`, () => {
        assert.deepEqual(run({ args: ['p', 'exit', String(status)] }), { status: status >>> 0, stdout: '' });
        assert.deepEqual(run({ args: ['p', '_exit', String(status)] }), { status: status >>> 0, stdout: '' });
      });
    }

    test('abort is a trap', () => {
      assert.throws(() => run({ args: ['p', 'abort'] }), WebAssembly.RuntimeError);
    });
  });
});
