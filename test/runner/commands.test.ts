import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import * as Cid from '../../src/ipld/cid.ts';
import * as DagCbor from '../../src/ipld/dag-cbor.ts';
import type { Ipld, IpldMap } from '../../src/ipld/value.ts';
import type { Failure } from '../../src/receipt/outcome.ts';
import { adapted } from '../commands.ts';
import { buildC, noCompiler } from '../sandbox/wasi/helpers.ts';
import { jobOf, SharedSlot, wat } from './helpers.ts';

/** Each guest as a preview 1 module and as a component, which must give the same: output, files, and how it ended. */

const shared = new SharedSlot();

const built = (name: string): Buffer => readFileSync(new URL(`../../build/guests/${name}.wasm`, import.meta.url));

type Options = NonNullable<Parameters<typeof jobOf>[3]>;

type Ended = { readonly value: IpldMap } | { readonly failure: Failure };

async function run(module: Uint8Array, input: IpldMap, options: Options = {}): Promise<Ended> {
  const end = await shared.run(jobOf('wasi/run', module, input, options));
  if (end.kind !== 'ended') return assert.fail(`the slot process: ${JSON.stringify(end)}`);
  const { outcome } = end.end;
  return outcome.tag === 'ok' ? { value: outcome.value as IpldMap } : { failure: outcome.failure };
}

/** A component tells no exit status but 1 from success. */
function comparable(ended: Ended): Ipld {
  if ('value' in ended) return ended.value;
  const { code, data } = ended.failure;
  if (code !== 'exit') return code;
  return { ...data, exit: 1 };
}

/** Gives how the component ended. */
async function checkBoth(
  core: Uint8Array,
  input: IpldMap = {},
  options: Options & { readonly component?: Uint8Array } = {},
): Promise<Ended> {
  const asked = { outputs: ['**'], ...input };
  const one = await run(core, asked, options);
  const other = await run(await adapted(options.component ?? core), asked, options);
  assert.deepEqual(
    DagCbor.encode(comparable(other)),
    DagCbor.encode(comparable(one)),
    `${JSON.stringify(other)} was ${JSON.stringify(one)}`,
  );
  return other;
}

function textOf(ended: Ended, stream: 'stdout' | 'stderr'): string {
  const data = 'value' in ended ? ended.value : (ended.failure.data as IpldMap);
  return Buffer.from(data[stream] as Uint8Array).toString();
}

function codeOf(ended: Ended): string {
  return 'value' in ended ? 'ok' : ended.failure.code;
}

suite('programs in C', { skip: noCompiler() }, () => {
  const INPUTS: Readonly<Record<string, IpldMap>> = {
    stdio: { stdin: 'one\ntwo\nthree', files: { '/data/numbers.txt': '1 22 333\n' } },
    files: { files: { 'mounted.txt': 'mounted', 'untouched.txt': 'mounted' }, outputs: ['*mounted.txt', 'untouched.txt'] },
    directories: {
      files: {
        'mounted.txt': 'm',
        'tree/below/leaf.txt': 'leaf',
        'tree/below/deep/er.txt': 'leaf',
        'tree/top.txt': 'leaf',
        'sorted/b': 'b',
        'sorted/a': { directory: true },
        'sorted/c': { link: 'b' },
      },
    },
    links: { files: { 'mounted-link': { link: '../../../../etc/passwd' } } },
    process: { args: ['a b', '', 'ü😀'], env: { HOME: '/', EMPTY: '', 'ODD NAME': 'x=y' }, stdin: 'ready' },
  };
  for (const [name, input] of Object.entries(INPUTS)) {
    test(name, async () => {
      const ended = await checkBoth(buildC(name), input, { component: buildC(name, 'ADAPTER') });
      assert.equal(codeOf(ended), 'ok', JSON.stringify(ended));
      assert.match(textOf(ended, 'stdout'), /(^|\n)ok\n$/);
    });
  }

  test('ends: exit, _exit, abort', async () => {
    const core = buildC('process');
    for (const [args, code] of [
      [['exit', '0'], 'ok'],
      [['_exit', '0'], 'ok'],
      [['exit', '1'], 'exit'],
      [['exit', '255'], 'exit'],
      [['_exit', '3'], 'exit'],
      [['abort'], 'trap'],
    ] as const)
      assert.equal(codeOf(await checkBoth(core, { args })), code, args.join(' '));
  });

  test('the clock and randomness of the machine by grant', async () => {
    const component = await adapted(buildC('process', 'ADAPTER'));
    const input = { stdin: 'ready' };
    const random = async (grants: readonly string[]): Promise<string> => textOf(await run(component, input, { grants }), 'stdout');
    assert.equal(await random([]), await random([]));
    assert.notEqual(await random(['random']), await random(['random']));
    // The program sleeps for an hour, which a real clock takes its time for.
    const end = await shared.run(jobOf('wasi/run', component, input, { grants: ['clock'], limits: { time: 300 } }));
    assert.equal(end.kind === 'lost' ? end.code : end.kind, 'limit/time');
  });
});

suite('programs in Rust', () => {
  const folder = mkdtempSync(join(tmpdir(), 'docket-rust-'));
  const out = join(folder, 'files.wasm');
  /** Debian's, by its path: a Rust of the user's own may come first on the PATH and lack the target. */
  const { status } = spawnSync('/usr/bin/rustc', [
    '--target',
    'wasm32-wasi',
    '-O',
    '-o',
    out,
    new URL('../../guests/rust/files.rs', import.meta.url).pathname,
  ]);
  const core = status === 0 ? readFileSync(out) : undefined;
  rmSync(folder, { recursive: true, force: true });

  test('files, links, time, environment and stdin', { skip: core === undefined && 'no rustc with wasm32-wasi' }, async () => {
    const ended = await checkBoth(core!, { args: ['one', 'two'], env: { NAME: 'value' }, stdin: 'some input' });
    assert.match(textOf(ended, 'stdout'), /^args \["one", "two"\]\n[^]*slept 3600\nstdin some input\n$/);
  });
});

suite('guests of the examples', () => {
  const CASES: Readonly<Record<string, IpldMap>> = {
    echo: { stdin: 'what was said\n' },
    'count-words': { stdin: 'the cat the dog\n' },
    'split-counts': { stdin: '{"a": 1, "b": 2}' },
    'top-words': { stdin: '{"a": 1, "b": 2}' },
    'merge-counts': { files: { 'parts/': ['{"a": 1}', '{"b": 2}'] } },
    exit: { args: ['7'] },
    noop: {},
    'huge-offset': {},
    'many-files': {},
    recurse: {},
    'grow-table': {},
    'flood-stdout': {},
    'huge-file': {},
  };
  for (const [name, input] of Object.entries(CASES)) {
    test(name, async () => {
      await checkBoth(built(name), input, { limits: { output: 16 << 20 } });
    });
  }

  test('fewer open files than it opens', async () => {
    for (const openFiles of [4, 10, 20]) await checkBoth(built('many-files'), {}, { limits: { openFiles } });
  });
});

test('what a program writes in all may be more than a component may pass at once', async () => {
  const ended = await run(await adapted(built('flood-stdout')), {}, { limits: { output: 160 << 20 } });
  assert.equal(codeOf(ended), 'limit/output', JSON.stringify(ended).slice(0, 200));
});

suite('limits', () => {
  test('time', async () => {
    const end = await shared.run(jobOf('wasi/run', await adapted(built('loop')), {}, { limits: { time: 300 } }));
    assert.equal(end.kind === 'lost' ? end.code : end.kind, 'limit/time');
  });

  test('memory', async () => {
    const ended = await run(await adapted(built('echo')), { stdin: 'x' }, { limits: { memory: 65_536 } });
    assert.equal(codeOf(ended), 'limit/memory');
  });

  test('fuel is counted, and the same each time', async () => {
    const component = await adapted(built('count-words'));
    const input = { stdin: 'the cat the dog\n' };
    const burnt = async (fuel: bigint): Promise<{ readonly code: string; readonly used: bigint }> => {
      const end = await shared.run(jobOf('wasi/run', component, input, { limits: { fuel } }));
      assert.ok(end.kind === 'ended');
      const { outcome, usage } = end.end;
      return { code: outcome.tag === 'ok' ? 'ok' : outcome.failure.code, used: BigInt(usage.fuel ?? 0) };
    };
    const { code, used } = await burnt(10_000_000n);
    assert.equal(code, 'ok');
    assert.deepEqual(await burnt(used), { code: 'ok', used });
    assert.equal((await burnt(used - 1n)).code, 'limit/fuel');
    const loop = await run(await adapted(built('loop')), {}, { limits: { fuel: 1_000_000n } });
    assert.equal(codeOf(loop), 'limit/fuel');
  });

  test('descriptors that are open at the start', async () => {
    assert.equal(codeOf(await checkBoth(built('noop'), {}, { limits: { openFiles: 4 } })), 'ok');
    assert.notEqual(codeOf(await checkBoth(built('noop'), {}, { limits: { openFiles: 3 } })), 'ok');
  });
});

test('a component takes no extensions', async () => {
  const extension = wat('(module (func (export "f")))');
  const ended = await run(await adapted(built('noop')), { extensions: { other: Cid.ofBlob(extension) } }, { blobs: [extension] });
  assert.ok('failure' in ended);
  assert.equal(ended.failure.code, 'invalid');
  assert.match(ended.failure.message, /a component takes no extensions/);
});
