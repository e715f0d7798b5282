import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Float, type Ipld } from '../../src/ipld/value.ts';
import type { SlotEnd } from '../../src/runner/slot.ts';
import { embed, helpers, LOGGING, type Made, make, REALLOC, wasi } from '../components.ts';
import { call, never, SharedSlot, slotOver, summary, temporaryStore } from './helpers.ts';

const shared = new SharedSlot();
const { run, check } = shared;

/** The same from the component and from the core module it was made of. */
async function checkBoth({ component, core }: Made, func: string, args: Ipld, expected: Ipld[]): Promise<void> {
  await check(call(component, func, args), expected);
  await check(call(core, func, args), expected);
}

function stderrOf(end: SlotEnd): string {
  return textOf(end, 'stderr');
}

function textOf(end: SlotEnd, stream: 'stdout' | 'stderr'): string {
  if (end.kind !== 'ended' || end.end.outcome.tag !== 'ok') return '';
  return Buffer.from((end.end.outcome.logs?.[stream] ?? new Uint8Array()) as Uint8Array).toString();
}

/** Gives back a list, whatever its elements are. */
const echo = (name: string): string => `(func (export "${name}") (param i32 i32) (result i32)
  (i32.store (i32.const 8) (local.get 0)) (i32.store (i32.const 12) (local.get 1)) (i32.const 8))`;

describe('wasm/run on components', () => {
  test('values of WIT types, from the world and from an interface it exports', async () => {
    const made = await make(
      `(module (memory (export "memory") 2) ${REALLOC} ${echo('echo')} ${echo('test:guest/more@1.0.0#echo')}
        (func (export "check") (param i32) (result i32)
          (i32.store8 (i32.const 32) (i32.eqz (local.get 0))) (i32.store (i32.const 36) (i32.const 7)) (i32.const 32))
        (func (export "add-one") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
        (func (export "half") (param f64) (result f64) (f64.div (local.get 0) (f64.const 2)))
        (func (export "nothing")))`,
      `interface more { record point { x: u8, y: option<string> } echo: func(a: list<point>) -> list<point>; }
       world guest { export more; export echo: func(a: string) -> string; export check: func(fine: bool) -> result<u32, u32>;
         export add-one: func(a: s32) -> s32; export half: func(a: f64) -> f64; export nothing: func(); }`,
    );
    await checkBoth(made, 'echo', ['héllo 𝄞'], ['ok', 'héllo 𝄞']);
    await checkBoth(made, 'addOne', [-2], ['ok', -1]);
    await checkBoth(made, 'half', [1], ['ok', 0.5]);
    await checkBoth(made, 'half', [2], ['ok', new Float(1)]);
    await checkBoth(made, 'nothing', [], ['ok', null]);
    await checkBoth(made, 'check', [true], ['ok', [7, null]]);
    await checkBoth(made, 'check', [false], ['ok', [null, 7]]);
    const points = [
      { x: 1, y: null },
      { x: 2, y: 'é' },
    ];
    await checkBoth(made, 'test:guest/more@1.0.0#echo', [points], ['ok', points]);
    await checkBoth(made, 'test:guest/more#echo', [points], ['ok', points]);
  });

  test('refuses arguments that do not fit, functions that are not there, and handles', async () => {
    const made = await make(
      `(module (import "[export]test:guest/things@1.0.0" "[resource-new]thing" (func $new (param i32) (result i32)))
        (memory (export "memory") 2) ${REALLOC} (func (export "f") (param i32))
        (func (export "test:guest/things@1.0.0#make") (result i32) (call $new (i32.const 1))))`,
      `interface things { resource thing; make: func() -> thing; } world guest { export things; export f: func(a: u8); }`,
    );
    const { component } = made;
    const [, code, message] = summary(await run(call(component, 'f', [256])));
    assert.equal(code, 'invalid');
    assert.match(String(message), /parameter "a" is 256, not u8/);
    assert.match(String(summary(await run(call(component, 'g', [])))[2]), /does not export "g": it exports/);
    assert.match(
      String(summary(await run(call(component, 'test:guest/things@1.0.0#make', [])))[2]),
      /cannot be called: its result holds own<\S+>/,
    );
    assert.match(String(summary(await run(call(component, 'f', [])))[2]), /0 arguments are given, the function takes 1/);
  });

  test('what the host lends: logging, helpers, deterministic times', async () => {
    const made = await make(
      `(module
        (import "wasi:logging/logging" "log" (func $log (param i32 i32 i32 i32 i32)))
        (import "homestar:host/helpers@0.1.1" "get-current-time" (func $time (param i32)))
        (import "homestar:host/helpers@0.1.1" "print" (func $print (param i32 i32)))
        (memory (export "memory") 2) ${REALLOC}
        (func (export "say") (param i32 i32) (call $log (i32.const 3) (local.get 0) (local.get 1) (local.get 0) (local.get 1)) (call $print (local.get 0) (local.get 1)))
        (func (export "time") (result i32) (call $time (i32.const 64)) (call $time (i32.const 64)) (i32.const 64)))`,
      `world guest { import wasi:logging/logging; import homestar:host/helpers@0.1.1; export say: func(a: string);
        export time: func() -> tuple<u64, u32, u32>; }`,
      `${LOGGING} ${helpers('0.1.1')}`,
    );
    await checkBoth(made, 'time', [], ['ok', [0, 0, 2000]]);
    for (const module of [made.component, made.core]) {
      const end = await run(call(module, 'say', ['two\nlines']));
      assert.deepEqual(summary(end), ['ok', null]);
      assert.equal(stderrOf(end), 'warn two\\nlines: two\\nlines\n');
      assert.equal(textOf(end, 'stdout'), 'two\nlines\n');
      const limited = await run(call(module, 'say', ['a long message'], { limits: { output: 10 } }));
      assert.equal(summary(limited)[1], 'limit/output');
    }
    const old = await make(
      `(module (import "homestar:host/helpers@0.0.1" "print" (func $print (param i32 i32))) (memory (export "memory") 2) ${REALLOC}
        (func (export "say") (param i32 i32) (call $print (local.get 0) (local.get 1))))`,
      'world guest { import homestar:host/helpers@0.0.1; export say: func(a: string); }',
      helpers('0.0.1'),
    );
    await checkBoth(old, 'say', ['hello'], ['ok', null]);
  });

  test('WASI 0.2: what it gives is the same each time, and nothing of the machine', async () => {
    const made = await make(
      `(module
        (import "wasi:clocks/wall-clock@0.2.3" "now" (func $now (param i32)))
        (import "wasi:clocks/monotonic-clock@0.2.3" "now" (func $instant (result i64)))
        (import "wasi:clocks/monotonic-clock@0.2.3" "subscribe-duration" (func $after (param i64) (result i32)))
        (import "wasi:io/poll@0.2.3" "[method]pollable.block" (func $block (param i32)))
        (import "wasi:io/poll@0.2.3" "[method]pollable.ready" (func $ready (param i32) (result i32)))
        (import "wasi:io/poll@0.2.3" "poll" (func $poll (param i32 i32 i32)))
        (import "wasi:io/poll@0.2.3" "[resource-drop]pollable" (func $drop (param i32)))
        (import "wasi:random/random@0.2.3" "get-random-u64" (func $random (result i64)))
        (import "wasi:random/insecure-seed@0.2.3" "insecure-seed" (func $seed (param i32)))
        (import "wasi:cli/environment@0.2.3" "get-environment" (func $env (param i32)))
        (import "wasi:filesystem/preopens@0.2.3" "get-directories" (func $dirs (param i32)))
        (import "wasi:cli/stdin@0.2.3" "get-stdin" (func $stdin (result i32)))
        (import "wasi:cli/stdout@0.2.3" "get-stdout" (func $stdout (result i32)))
        (import "wasi:io/streams@0.2.3" "[method]input-stream.blocking-read" (func $read (param i32 i64 i32)))
        (import "wasi:io/streams@0.2.3" "[method]output-stream.blocking-write-and-flush" (func $write (param i32 i32 i32 i32)))
        (import "wasi:cli/terminal-stdout@0.2.3" "get-terminal-stdout" (func $terminal (param i32)))
        (memory (export "memory") 2) ${REALLOC}
        (func (export "wall") (result i32) (call $now (i32.const 64)) (i32.const 64))
        (func (export "slept") (result i64) (local $before i64) (local $p i32)
          (local.set $before (call $instant))
          (local.set $p (call $after (i64.const 5000000000)))
          (if (call $ready (local.get $p)) (then unreachable))
          (call $block (local.get $p)) (call $drop (local.get $p))
          (i64.div_u (i64.sub (call $instant) (local.get $before)) (i64.const 1000000)))
        (func (export "polled") (result i32)
          (i32.store (i32.const 128) (call $after (i64.const 9000000)))
          (i32.store (i32.const 132) (call $after (i64.const 1000000)))
          (call $poll (i32.const 128) (i32.const 2) (i32.const 64)) (i32.const 64))
        (func (export "random") (result i64) (call $random))
        (func (export "seed") (result i32) (call $seed (i32.const 64)) (i32.const 64))
        (func (export "environment") (result i32) (call $env (i32.const 64)) (i32.const 64))
        (func (export "folders") (result i32) (call $dirs (i32.const 64)) (i32.load (i32.const 68)))
        (func (export "input") (result i32) (call $read (call $stdin) (i64.const 10) (i32.const 64))
          (i32.add (i32.load8_u (i32.const 64)) (i32.load8_u (i32.const 68))))
        (func (export "print") (param i32 i32) (call $write (call $stdout) (local.get 0) (local.get 1) (i32.const 64)))
        (func (export "is-terminal") (result i32) (call $terminal (i32.const 64)) (i32.load8_u (i32.const 64))))`,
      `world guest { import wasi:clocks/wall-clock@0.2.3; import wasi:clocks/monotonic-clock@0.2.3; import wasi:random/random@0.2.3;
         import wasi:random/insecure-seed@0.2.3; import wasi:cli/environment@0.2.3; import wasi:filesystem/preopens@0.2.3; import wasi:cli/stdin@0.2.3;
         import wasi:cli/stdout@0.2.3; import wasi:cli/terminal-stdout@0.2.3;
         export wall: func() -> tuple<u64, u32>; export slept: func() -> u64; export polled: func() -> list<u32>; export random: func() -> u64;
         export seed: func() -> tuple<u64, u64>; export environment: func() -> list<tuple<string, string>>; export folders: func() -> u32;
         export input: func() -> u32; export print: func(a: string); export is-terminal: func() -> bool; }`,
      wasi('0.2.3'),
    );
    await checkBoth(made, 'wall', [], ['ok', [946_684_800, 2000]]);
    await checkBoth(made, 'slept', [], ['ok', 5000]);
    await checkBoth(made, 'polled', [], ['ok', [1]]);
    await checkBoth(made, 'environment', [], ['ok', {}]);
    await checkBoth(made, 'folders', [], ['ok', 0]);
    await checkBoth(made, 'is-terminal', [], ['ok', false]);
    // An error (1) of the second kind (1): closed.
    await checkBoth(made, 'input', [], ['ok', 2]);
    const first = summary(await run(call(made.component, 'random')));
    assert.equal(first[0], 'ok');
    await checkBoth(made, 'random', [], first);
    const other = { ...call(made.component, 'random'), seed: new Uint8Array(32).fill(8) };
    assert.notDeepEqual(summary(await run(other)), first);
    for (const module of [made.component, made.core]) assert.equal(textOf(await run(call(module, 'print', ['héllo'])), 'stdout'), 'héllo');
  });

  test('the clocks and the randomness of the machine, where they are granted', async () => {
    const made = await make(
      `(module
        (import "wasi:clocks/wall-clock@0.2.3" "now" (func $now (param i32)))
        (import "wasi:clocks/monotonic-clock@0.2.3" "now" (func $instant (result i64)))
        (import "wasi:clocks/monotonic-clock@0.2.3" "subscribe-duration" (func $after (param i64) (result i32)))
        (import "wasi:io/poll@0.2.3" "poll" (func $poll (param i32 i32 i32)))
        (import "homestar:host/helpers@0.1.1" "get-current-time" (func $time (param i32)))
        (import "wasi:random/random@0.2.3" "get-random-u64" (func $random (result i64)))
        (memory (export "memory") 2) ${REALLOC}
        (func (export "wall") (result i64) (call $now (i32.const 64)) (i64.load (i32.const 64)))
        (func (export "slept") (result i64) (local $before i64)
          (local.set $before (call $instant))
          (i32.store (i32.const 128) (call $after (i64.const 5000123)))
          (call $poll (i32.const 128) (i32.const 1) (i32.const 64))
          (if (i32.ne (i32.load (i32.const 68)) (i32.const 1)) (then unreachable))
          (i64.sub (call $instant) (local.get $before)))
        (func (export "since-start") (result i32) (call $time (i32.const 64)) (i32.const 64))
        (func (export "random") (result i64) (call $random)))`,
      `world guest { import wasi:clocks/wall-clock@0.2.3; import wasi:clocks/monotonic-clock@0.2.3; import wasi:io/poll@0.2.3;
         import wasi:random/random@0.2.3; import homestar:host/helpers@0.1.1;
         export wall: func() -> u64; export slept: func() -> u64; export since-start: func() -> tuple<u64, u32, u32>; export random: func() -> u64; }`,
      `${wasi('0.2.3')} ${helpers('0.1.1')}`,
    );
    for (const module of [made.component, made.core]) {
      const ask = async (func: string, ...grants: string[]): Promise<Ipld> => {
        const [tag, value] = summary(await run(call(module, func, [], { grants })));
        assert.equal(tag, 'ok', String(value));
        return value!;
      };
      const asked = Math.floor(Date.now() / 1000);
      assert.ok(((await ask('wall', 'clock')) as number) >= asked);
      assert.equal(await ask('wall', 'random'), 946_684_800);
      // All of it was waited for, and the guest that polled found what it waited for ready.
      assert.ok(((await ask('slept', 'clock')) as number) >= 5_000_123);
      // Two readings of the virtual clock are 1 µs apart, however long what is between them took.
      assert.deepEqual(await ask('since-start', 'random'), [0, 0, 1000]);
      assert.notDeepEqual(await ask('since-start', 'clock'), [0, 0, 1000]);
      assert.equal(await ask('random'), await ask('random', 'clock'));
      assert.notEqual(await ask('random', 'random'), await ask('random', 'random'));
    }
  });

  test('wrong versions, missing imports and wrong types are refused by name', async () => {
    const one = (name: string, func: string, core: string, packages: string): Promise<Made> =>
      make(
        `(module (import "${name}" "${func}" (func ${core})) (func (export "f")))`,
        `world guest { import ${name}; export f: func(); }`,
        packages,
      );
    const refusal = async (made: Made): Promise<string> => {
      const [[, code, message], fromCore] = [summary(await run(call(made.component, 'f'))), summary(await run(call(made.core, 'f')))];
      assert.equal(code, 'invalid');
      const afterCid = (text: unknown): string => String(text).replace(/^module \S+: /, '');
      assert.equal(afterCid(fromCore[2]), afterCid(message));
      return afterCid(message);
    };
    const clock = (version: string): Promise<Made> => one(`wasi:clocks/monotonic-clock@${version}`, 'now', '(result i64)', wasi(version));
    assert.equal(summary(await run(call((await clock('0.2.0')).component, 'f')))[0], 'ok');
    assert.equal(summary(await run(call((await clock('0.2.99')).core, 'f')))[0], 'ok');
    assert.match(
      summary(await run(call((await clock('0.3.0')).component, 'f')))[2] as string,
      /not there: .*"wasi:clocks\/monotonic-clock@0\.3\.0"$/,
    );
    const http = 'package wasi:http@0.2.0 { interface types { open: func() -> u32; } }';
    assert.equal(
      await refusal(await one('wasi:http/types@0.2.0', 'open', '(result i32)', http)),
      'the component imports what is not there: "wasi:http/types@0.2.0"',
    );
    const more = 'package wasi:random@0.2.0 { interface random { get-dice: func() -> u32; } }';
    assert.equal(
      await refusal(await one('wasi:random/random@0.2.0', 'get-dice', '(result i32)', more)),
      'the component imports what is not there: "wasi:random/random@0.2.0 get-dice"',
    );
    const other = 'package wasi:random@0.2.0 { interface random { get-random-u64: func(a: u32) -> u32; } }';
    assert.equal(
      await refusal(await one('wasi:random/random@0.2.0', 'get-random-u64', '(param i32) (result i32)', other)),
      'the component takes wasi:random/random get-random-u64 to be func(u32) -> u32, it is func() -> u64',
    );
  });

  test('a core module for preview 1 with a world needs no adapter', async () => {
    const core = await embed(
      `(module (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_prestat_get" (func $prestat (param i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (memory (export "memory") 2) ${REALLOC} (global $ready (mut i32) (i32.const 0))
        (func (export "_initialize") (global.set $ready (i32.const 1)))
        (func (export "print") (param i32 i32) (result i32)
          (i32.store (i32.const 8) (local.get 0)) (i32.store (i32.const 12) (local.get 1))
          (i32.add (global.get $ready) (call $write (i32.const 2) (i32.const 8) (i32.const 1) (i32.const 16))))
        (func (export "random") (result i32) (drop (call $random (i32.const 8) (i32.const 4))) (i32.load (i32.const 8)))
        (func (export "folders") (result i32) (call $prestat (i32.const 3) (i32.const 8)))
        (func (export "leave") (call $exit (i32.const 3))))`,
      'import wasi:http/unused; export print: func(a: string) -> u32; export random: func() -> u32; export folders: func() -> u32; export leave: func();',
      'package wasi:http { interface unused { f: func(); } }',
    );
    const end = await run(call(core, 'print', ['héllo']));
    assert.deepEqual(summary(end), ['ok', 1]);
    assert.equal(textOf(end, 'stderr'), 'héllo');
    assert.deepEqual(summary(await run(call(core, 'random'))), summary(await run(call(core, 'random'))));
    // EBADF: no folder is open.
    await check(call(core, 'folders'), ['ok', 8]);
    await check(call(core, 'leave'), ['error', 'exit', 'the component ended itself with exit status 3 instead of returning']);
  });

  test('two tasks do not see each other', async () => {
    const made = await make(
      `(module (memory (export "memory") 1) (global $n (mut i32) (i32.const 0))
        (func (export "count") (result i32) (global.set $n (i32.add (global.get $n) (i32.const 1)))
          (i32.store (i32.const 8) (i32.add (i32.load (i32.const 8)) (i32.const 10))) (i32.add (global.get $n) (i32.load (i32.const 8)))))`,
      'export count: func() -> u32;',
    );
    for (let i = 0; i < 3; i++) await checkBoth(made, 'count', [], ['ok', 11]);
  });

  test('another home gives the same', async (t) => {
    const made = await make(
      `(module (import "wasi:random/random@0.2.0" "get-random-u64" (func $random (result i64)))
        (import "wasi:clocks/monotonic-clock@0.2.0" "now" (func $now (result i64)))
        (import "wasi:logging/logging" "log" (func $log (param i32 i32 i32 i32 i32))) (memory (export "memory") 1)
        (func (export "f") (result i64) (i64.store (i32.const 0) (i64.or (call $random) (i64.const 1)))
          (call $log (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 100) (i32.const 3)) (i64.xor (i64.load (i32.const 0)) (call $now))))`,
      'world guest { import wasi:random/random@0.2.0; import wasi:clocks/monotonic-clock@0.2.0; import wasi:logging/logging; export f: func() -> u64; }',
      `${wasi('0.2.0')} ${LOGGING}`,
    );
    const other = slotOver(t, await temporaryStore(t));
    const ends = [await run(call(made.component, 'f')), await other.submit(call(made.component, 'f'), { signal: never })];
    const [here, there] = ends.map((end) => (end.kind === 'ended' ? end.end.outcome : undefined));
    assert.equal(here?.tag, 'ok');
    assert.deepEqual(there, here);
  });

  test('a component that ends itself', async () => {
    const made = await make(
      `(module (import "wasi:cli/exit@0.2.0" "exit" (func $exit (param i32))) (func (export "f") (call $exit (i32.const 1))))`,
      'world guest { import wasi:cli/exit@0.2.0; export f: func(); }',
      wasi('0.2.0'),
    );
    await checkBoth(made, 'f', [], ['error', 'exit', 'the component ended itself with exit status 1 instead of returning']);
  });
});
