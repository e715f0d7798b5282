import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import type { Ipld, IpldMap } from '../../src/ipld/value.ts';
import { FAILURE_CODES } from '../../src/receipt/outcome.ts';
import { adapted } from '../commands.ts';
import { make, REALLOC, sockets, wasi } from '../components.ts';
import { jobOf, SharedSlot, summary } from './helpers.ts';

/** Command components that no compiler makes. */

const shared = new SharedSlot();

const V = '0.2.3';
const TYPES = `wasi:filesystem/types@${V}`;
const STREAMS = `wasi:io/streams@${V}`;

/** Calls that the bodies below use, with what they import of. Results are written where the last argument says: the case first. */
const CALLS: Readonly<Record<string, readonly [from: string, name: string, type: string]>> = {
  $directories: [`wasi:filesystem/preopens@${V}`, 'get-directories', '(param i32)'],
  $open: [TYPES, '[method]descriptor.open-at', '(param i32 i32 i32 i32 i32 i32 i32)'],
  $read: [TYPES, '[method]descriptor.read', '(param i32 i64 i64 i32)'],
  $write: [TYPES, '[method]descriptor.write', '(param i32 i32 i32 i64 i32)'],
  $reader: [TYPES, '[method]descriptor.read-via-stream', '(param i32 i64 i32)'],
  $writer: [TYPES, '[method]descriptor.write-via-stream', '(param i32 i64 i32)'],
  $unlink: [TYPES, '[method]descriptor.unlink-file-at', '(param i32 i32 i32 i32)'],
  $list: [TYPES, '[method]descriptor.read-directory', '(param i32 i32)'],
  $entry: [TYPES, '[method]directory-entry-stream.read-directory-entry', '(param i32 i32)'],
  $drop: [TYPES, '[resource-drop]descriptor', '(param i32)'],
  $get: [STREAMS, '[method]input-stream.read', '(param i32 i64 i32)'],
  $put: [STREAMS, '[method]output-stream.write', '(param i32 i32 i32 i32)'],
  $splice: [STREAMS, '[method]output-stream.splice', '(param i32 i32 i64 i32)'],
  $zeroes: [STREAMS, '[method]output-stream.write-zeroes', '(param i32 i64 i32)'],
  $dropIn: [STREAMS, '[resource-drop]input-stream', '(param i32)'],
  $dropOut: [STREAMS, '[resource-drop]output-stream', '(param i32)'],
  $stdin: [`wasi:cli/stdin@${V}`, 'get-stdin', '(result i32)'],
  $stdout: [`wasi:cli/stdout@${V}`, 'get-stdout', '(result i32)'],
  $exit: [`wasi:cli/exit@${V}`, 'exit', '(param i32)'],
  $arguments: [`wasi:cli/environment@${V}`, 'get-arguments', '(param i32)'],
  $cwd: [`wasi:cli/environment@${V}`, 'initial-cwd', '(param i32)'],
  $tcp: [`wasi:sockets/tcp-create-socket@${V}`, 'create-tcp-socket', '(param i32 i32)'],
  $udp: [`wasi:sockets/udp-create-socket@${V}`, 'create-udp-socket', '(param i32 i32)'],
  $network: [`wasi:sockets/instance-network@${V}`, 'instance-network', '(result i32)'],
  $resolve: [`wasi:sockets/ip-name-lookup@${V}`, 'resolve-addresses', '(param i32 i32 i32 i32)'],
  $listening: [`wasi:sockets/tcp@${V}`, '[method]tcp-socket.is-listening', '(param i32) (result i32)'],
};

/** The paths `f`, `g` at 16 and 17, a path that is no UTF-8 at 24. */
const COMMON = `
  (data (i32.const 16) "fg") (data (i32.const 24) "\\ff\\fe") (data (i32.const 32) "hello")
  (global $root (mut i32) (i32.const 0))
  (func $start (call $directories (i32.const 1024)) (global.set $root (i32.load (i32.load (i32.const 1024)))))
  (func $tag (result i32) (i32.load8_u (i32.const 1024)))
  (func $handle (result i32) (i32.load (i32.const 1028)))
  (func $fine (if (call $tag) (then (call $fail))))
  (func $fail (call $exit (i32.const 1)) unreachable)
  (func $want (param i32) (if (i32.eqz (local.get 0)) (then (call $fail))))
  (func $openAs (param $path i32) (param $how i32) (param $flags i32) (result i32)
    (call $open (global.get $root) (i32.const 1) (local.get $path) (i32.const 1) (local.get $how) (local.get $flags) (i32.const 1024))
    (call $fine) (call $handle))
  (func $make (param $path i32) (result i32) (call $openAs (local.get $path) (i32.const 1) (i32.const 3)))`;

/** A command whose `run` does `body` and ends well; `$fail` ends it with 1. */
async function command(body: string, more = '', type = '(result i32)'): Promise<Uint8Array> {
  const text = `${COMMON} ${body} ${more}`;
  const used = new Set(Object.keys(CALLS).filter((name) => new RegExp(`\\${name}(?![\\w])`).test(text)));
  const imports = [...used].map((name) => {
    const [from, label, signature] = CALLS[name]!;
    return `(import "${from}" "${label}" (func ${name} ${signature}))`;
  });
  const names = new Set([...used].map((name) => CALLS[name]![0]));
  const wat = `(module ${imports.join('\n')} (memory (export "memory") 2) ${REALLOC} ${COMMON} ${more}
    (func (export "wasi:cli/run@${V}#run") ${type} (local $a i32) (local $b i32) (local $c i32) (call $start) ${body} (i32.const 0)))`;
  const world = `world guest { ${[...names].map((name) => `import ${name};`).join(' ')} export wasi:cli/run@${V}; }`;
  return (await make(wat, world, `${wasi(V)} ${sockets(V)}`)).component;
}

type Options = Parameters<typeof jobOf>[3];

async function run(module: Uint8Array, input: IpldMap = {}, options: Options = {}): Promise<Ipld[]> {
  return summary(await shared.run(jobOf('wasi/run', module, input, options)));
}

async function ends(body: string, code: Ipld, words: RegExp, more?: string): Promise<void> {
  const [, found, message] = await run(await command(body, more));
  assert.deepEqual(found, code, String(message));
  assert.match(String(message), words);
}

async function endsWell(body: string, input: IpldMap = {}, options: Options = {}): Promise<IpldMap> {
  const [tag, value, message] = await run(await command(body), input, options);
  assert.equal(tag, 'ok', `${String(value)}: ${String(message)}`);
  return value as IpldMap;
}

const READ_INTO = '(call $want (i32.eq (i32.load (i32.const 1032)) (i32.const 5)))';

suite('handles', () => {
  test('that are made up, of another kind, or were given up', async () => {
    await ends('(call $read (i32.const 9999) (i64.const 1) (i64.const 0) (i32.const 1024))', 'trap', /there is no handle 9999/);
    await ends('(call $read (i32.const 0) (i64.const 1) (i64.const 0) (i32.const 1024))', 'trap', /there is no handle 0/);
    await ends('(call $read (i32.const -1) (i64.const 1) (i64.const 0) (i32.const 1024))', 'trap', /there is no handle 4294967295/);
    await ends('(call $read (call $stdin) (i64.const 1) (i64.const 0) (i32.const 1024))', 'trap', /input-stream, not a descriptor/);
    await ends('(call $put (global.get $root) (i32.const 0) (i32.const 1) (i32.const 1024))', 'trap', /descriptor, not a output-stream/);
    await ends('(call $drop (global.get $root)) (drop (call $make (i32.const 16)))', 'trap', /there is no handle/);
    await ends('(call $drop (global.get $root)) (call $drop (global.get $root))', 'trap', /there is no handle/);
    await ends('(call $dropIn (global.get $root))', 'trap', /descriptor, not a input-stream/);
  });

  test('as many as one component may hold, and not one more', async () => {
    await ends('(loop $on (drop (call $stdin)) (br $on))', 'trap', /more than 65536 handles/);
    await ends('(loop $on (call $directories (i32.const 1024)) (br $on))', 'trap', /more than 65536 handles|unreachable/);
  });

  test('of streams outlive those of their file, in any order, and keep it open', async () => {
    await endsWell(`(local.set $a (call $make (i32.const 16)))
      (call $writer (local.get $a) (i64.const 0) (i32.const 1024)) (call $fine) (local.set $b (call $handle))
      (call $reader (local.get $a) (i64.const 0) (i32.const 1024)) (call $fine) (local.set $c (call $handle))
      (call $drop (local.get $a))
      (call $unlink (global.get $root) (i32.const 16) (i32.const 1) (i32.const 1024)) (call $fine)
      (call $put (local.get $b) (i32.const 32) (i32.const 5) (i32.const 1024)) (call $fine)
      (call $dropOut (local.get $b))
      (call $get (local.get $c) (i64.const 100) (i32.const 1024)) (call $fine) ${READ_INTO}
      (call $dropIn (local.get $c))`);
    // Four are open at the start: one file more, which its stream keeps open.
    const body = `(local.set $a (call $make (i32.const 16)))
      (call $reader (local.get $a) (i64.const 0) (i32.const 1024)) (call $fine) (local.set $b (call $handle))
      (call $drop (local.get $a))
      (call $open (global.get $root) (i32.const 0) (i32.const 17) (i32.const 1) (i32.const 1) (i32.const 3) (i32.const 1024))
      (call $want (call $tag)) (call $want (i32.eq (i32.load8_u (i32.const 1028)) (i32.const 6)))
      (call $dropIn (local.get $b)) (drop (call $make (i32.const 17)))`;
    await endsWell(body, {}, { limits: { openFiles: 5 } });
  });
});

suite('reading and writing', () => {
  test('as much as there can be asked for: what is there is given', async () => {
    const files = { f: 'hello' };
    await endsWell(
      `(call $read (call $openAs (i32.const 16) (i32.const 0) (i32.const 1)) (i64.const -1) (i64.const 0) (i32.const 1024)) (call $fine) ${READ_INTO}`,
      { files },
    );
    await endsWell(`(call $get (call $stdin) (i64.const -1) (i32.const 1024)) (call $fine) ${READ_INTO}`, { stdin: 'hello' });
    const much = { stdin: 'x'.repeat(3 << 20) };
    await endsWell(
      `(call $get (call $stdin) (i64.const -1) (i32.const 1024)) (call $fine)
      (call $want (i32.le_u (i32.load (i32.const 1032)) (i32.const 1048576)))`,
      much,
    );
    await endsWell('', much);
  });

  test('stdin ends, and stays at its end, for all who read it', async () => {
    await endsWell(
      `(local.set $a (call $stdin)) (local.set $b (call $stdin))
      (call $get (local.get $a) (i64.const 5) (i32.const 1024)) (call $fine)
      (call $get (local.get $b) (i64.const 5) (i32.const 1024)) (call $want (call $tag)) (call $want (i32.eq (i32.load8_u (i32.const 1028)) (i32.const 1)))
      (call $get (local.get $a) (i64.const 5) (i32.const 1024)) (call $want (call $tag))
      (call $get (local.get $a) (i64.const 0) (i32.const 1024)) (call $fine)`,
      { stdin: 'hello' },
    );
  });

  test('more than a stream takes, and from outside of memory', async () => {
    await ends('(call $zeroes (call $stdout) (i64.const -1) (i32.const 1024))', 'trap', /takes 1048576 bytes at a time/);
    await ends('(call $put (call $stdout) (i32.const 131071) (i32.const 2) (i32.const 1024))', 'trap', /beyond the 131072 bytes of memory/);
    await ends('(call $put (call $stdout) (i32.const 0) (i32.const -1) (i32.const 1024))', 'trap', /beyond the 131072 bytes of memory/);
    await ends('(call $put (call $stdout) (i32.const 0) (i32.const 1) (i32.const 131072))', 'trap', /beyond the 131072 bytes of memory/);
    await ends('(call $unlink (global.get $root) (i32.const 24) (i32.const 2) (i32.const 1024))', 'trap', /UTF-8/);
  });

  test('from one stream to another, without end: the output limit ends it', async () => {
    const value = await endsWell('(call $splice (call $stdout) (call $stdin) (i64.const -1) (i32.const 1024)) (call $fine)', {
      stdin: 'hello',
    });
    assert.equal(Buffer.from(value['stdout'] as Uint8Array).toString(), 'hello');
    const [, code] = await run(
      await command('(local.set $a (call $stdout)) (loop $on (call $zeroes (local.get $a) (i64.const 1048576) (i32.const 1024)) (br $on))'),
    );
    assert.equal(code, 'limit/output');
    // A file that is read and written at once grows until then too.
    const [, other] = await run(
      await command(`(local.set $a (call $make (i32.const 16)))
        (call $write (local.get $a) (i32.const 32) (i32.const 5) (i64.const 0) (i32.const 1024))
        (call $reader (local.get $a) (i64.const 0) (i32.const 1024)) (local.set $b (call $handle))
        (call $writer (local.get $a) (i64.const 5) (i32.const 1024)) (local.set $c (call $handle))
        (loop $on (call $splice (local.get $c) (local.get $b) (i64.const -1) (i32.const 1024)) (call $fine) (br $on))`),
      {},
      { limits: { output: 100_000, time: 10_000 } },
    );
    assert.equal(other, 'limit/output');
  });

  test('a position where no file reaches is an error of the stream, which says what it was', async () => {
    await endsWell(`(call $writer (call $make (i32.const 16)) (i64.const 0x7fffffffffffffff) (i32.const 1024)) (call $fine)
      (call $put (call $handle) (i32.const 32) (i32.const 5) (i32.const 1024))
      (call $want (call $tag)) (call $want (i32.eqz (i32.load8_u (i32.const 1028))))`);
  });

  test('opened and closed two hundred thousand times', async () => {
    await endsWell(
      `(local.set $a (i32.const 200000))
      (loop $on (call $drop (call $openAs (i32.const 16) (i32.const 0) (i32.const 1)))
        (br_if $on (local.tee $a (i32.sub (local.get $a) (i32.const 1)))))`,
      { files: { f: 'hello' } },
      { limits: { openFiles: 5 } },
    );
  });

  test('a directory is listed while it loses and gains entries', async () => {
    await endsWell(
      `(call $list (global.get $root) (i32.const 1024)) (call $fine) (local.set $a (call $handle))
      (call $entry (local.get $a) (i32.const 1024)) (call $fine) (call $want (i32.load8_u (i32.const 1028)))
      (call $unlink (global.get $root) (i32.const 17) (i32.const 1) (i32.const 1024)) (call $fine)
      (call $entry (local.get $a) (i32.const 1024)) (call $fine) (call $want (i32.eqz (i32.load8_u (i32.const 1028))))
      (drop (call $make (i32.const 17)))
      (call $entry (local.get $a) (i32.const 1024)) (call $fine) (call $want (i32.load8_u (i32.const 1028)))
      (call $entry (local.get $a) (i32.const 1024)) (call $fine) (call $want (i32.eqz (i32.load8_u (i32.const 1028))))`,
      { files: { f: 'x', g: 'y' } },
    );
  });
});

suite('sockets', () => {
  test('are there to be linked to, and denied', async () => {
    const denied = '(call $want (call $tag)) (call $want (i32.eq (i32.load8_u (i32.const 1028)) (i32.const 1)))';
    await endsWell(`(call $tcp (i32.const 0) (i32.const 1024)) ${denied} (call $udp (i32.const 1) (i32.const 1024)) ${denied}
      (call $resolve (call $network) (i32.const 32) (i32.const 5) (i32.const 1024)) ${denied}`);
    await ends('(drop (call $listening (i32.const 1)))', 'trap', /not a tcp-socket/);
  });
});

suite('how it ends', () => {
  test('an exit counts, whatever the component does about it', async () => {
    const caught = '(block $out (try_table (catch_all $out) (call $exit (i32.const 1))))';
    const [, code, message] = await run(await command(caught));
    assert.deepEqual([code, message], ['exit', 'the program ended with exit status 1']);
    await endsWell('(block $out (try_table (catch_all $out) (call $exit (i32.const 0)))) (call $fail)');
    await endsWell('(block $out (try_table (catch_all $out) (call $exit (i32.const 0)))) unreachable');
  });

  test('what run returns is the exit status', async () => {
    const [, code, message] = await run(await command('(if (i32.const 1) (then (return (i32.const 1))))'));
    assert.deepEqual([code, message], ['exit', 'the program ended with exit status 1']);
    const [, other] = await run(await command('(if (i32.const 1) (then (return (i32.const 2))))'));
    assert.equal(other, 'trap', 'a result has two cases');
  });

  test('it starts in its root, by the name that all programs have', async () => {
    await endsWell(
      `(call $arguments (i32.const 1024)) (call $want (i32.eq (i32.load (i32.const 1028)) (i32.const 2)))
      (call $want (i32.eq (i32.load offset=4 (i32.load (i32.const 1024))) (i32.const 7)))
      (call $cwd (i32.const 1024)) (call $want (call $tag)) (call $want (i32.eq (i32.load (i32.const 1032)) (i32.const 1)))
      (call $want (i32.eq (i32.load8_u (i32.load (i32.const 1028))) (i32.const 47)))`,
      { args: ['one'] },
    );
  });
});

suite('what is no command', () => {
  test('is refused, with what it is', async () => {
    const library = await make('(module (func (export "f")))', 'export f: func();');
    const [, code, message] = await run(library.component);
    assert.deepEqual(
      [code, message],
      ['invalid', 'not a command, but a component whose functions are called: it does not export wasi:cli/run'],
    );
    assert.match(String((await run(library.core))[2]), /not a command: .*make a component of it/);
    const newer = await make(
      '(module (func (export "wasi:cli/run@0.3.0#run") (result i32) i32.const 0))',
      'world guest { export wasi:cli/run@0.3.0; }',
      'package wasi:cli@0.3.0 { interface run { run: func() -> result; } }',
    );
    assert.match(String((await run(newer.component))[2]), /exports wasi:cli\/run@0\.3\.0#run; Docket runs those of wasi:cli\/run@0\.2/);
    const other = await make(
      `(module (func (export "wasi:cli/run@${V}#run") (param i32) (result i32) local.get 0))`,
      `world guest { export wasi:cli/run@${V}; }`,
      `package wasi:cli@${V} { interface run { run: func(a: u32) -> u32; } }`,
    );
    assert.match(
      String((await run(other.component))[2]),
      /not a command: its wasi:cli\/run@0\.2\.3#run is func\(u32\) -> u32, not func\(\) -> result/,
    );
  });

  test('also if bytes of it were changed: it ends by itself or by its limit, and the slot goes on', async () => {
    const fine = await adapted(readFileSync(new URL('../../build/guests/echo.wasm', import.meta.url)));
    await fc.assert(
      fc.asyncProperty(fc.nat(fine.length - 1), fc.integer({ min: 1, max: 255 }), async (at, by) => {
        const broken = Uint8Array.from(fine);
        broken[at] = (broken[at]! + by) & 0xff;
        const end = await run(broken, { stdin: 'x', files: { f: 'y' } }, { limits: { time: 2000, output: 1 << 20 } });
        const [kind, code] = end;
        assert.ok(kind === 'ok' || kind === 'error' || (kind === 'lost' && code === 'limit/time'), JSON.stringify(end));
        if (kind === 'error') assert.ok((FAILURE_CODES as readonly Ipld[]).includes(code as Ipld) && code !== 'lost', JSON.stringify(end));
      }),
      { numRuns: 150 },
    );
    assert.equal((await run(fine, { stdin: 'x' }))[0], 'ok');
  });
});
