import { createHash } from 'node:crypto';
import { make, REALLOC } from '../components.ts';
import { type Json, instructionCid, type TaskForm } from './judge.ts';

/** A component, and a workflow of Homestar for it with all that one can hold: nested promises, error branches, tasks that are skipped, large values. */

const WORLD = `world guest {
  record place { index: u32 }
  record failure { code: string, message: string, data: place }
  export spin: func(times: u32, a: s64) -> s64;
  export total: func(parts: list<list<s64>>) -> s64;
  export broken: func(why: string) -> s64;
  export weigh: func(failure: failure) -> u32;
  export fill: func(size: u32) -> list<u8>;
  export measure: func(bytes: list<u8>) -> u32;
}`;

const WAT = `(module (memory (export "memory") 2) ${REALLOC}
  (func (export "spin") (param $times i32) (param $a i64) (result i64)
    (loop $again
      (local.set $times (i32.sub (local.get $times) (i32.const 1)))
      (br_if $again (i32.gt_s (local.get $times) (i32.const 0))))
    (i64.add (local.get $a) (i64.const 1)))
  (func (export "total") (param $at i32) (param $count i32) (result i64) (local $sum i64) (local $inner i32) (local $left i32)
    (block $done (loop $lists
      (br_if $done (i32.eqz (local.get $count)))
      (local.set $inner (i32.load (local.get $at)))
      (local.set $left (i32.load offset=4 (local.get $at)))
      (block $next (loop $items
        (br_if $next (i32.eqz (local.get $left)))
        (local.set $sum (i64.add (local.get $sum) (i64.load (local.get $inner))))
        (local.set $inner (i32.add (local.get $inner) (i32.const 8)))
        (local.set $left (i32.sub (local.get $left) (i32.const 1)))
        (br $items)))
      (local.set $at (i32.add (local.get $at) (i32.const 8)))
      (local.set $count (i32.sub (local.get $count) (i32.const 1)))
      (br $lists)))
    (local.get $sum))
  (func (export "broken") (param i32 i32) (result i64) unreachable)
  (func (export "weigh") (param i32 i32 i32 i32 i32) (result i32) (local.get 1))
  (func (export "fill") (param $size i32) (result i32) (local $at i32)
    (local.set $at (call $realloc (i32.const 0) (i32.const 0) (i32.const 1) (local.get $size)))
    (memory.fill (local.get $at) (i32.const 7) (local.get $size))
    (i32.store (i32.const 16) (local.get $at)) (i32.store (i32.const 20) (local.get $size)) (i32.const 16))
  (func (export "measure") (param i32 i32) (result i32) (local.get 1)))`;

export async function component(): Promise<Uint8Array> {
  return (await make(WAT, WORLD)).component;
}

/** CIDv1 of raw bytes, as Docket and IPFS name small files. */
export function rawCid(bytes: Uint8Array): string {
  const digest = createHash('sha256').update(bytes).digest();
  const all = Buffer.concat([Buffer.of(0x01, 0x55, 0x12, 0x20), digest]);
  let bits = '';
  for (const byte of all) bits += byte.toString(2).padStart(8, '0');
  return `b${bits
    .match(/.{1,5}/g)!
    .map((five) => 'abcdefghijklmnopqrstuvwxyz234567'[Number.parseInt(five.padEnd(5, '0'), 2)])
    .join('')}`;
}

export interface Expected {
  readonly label: string;
  readonly task: TaskForm;
  /** What it gives; undefined if it fails or is skipped. */
  readonly value?: Json;
  readonly end: 'ok' | 'failed' | 'skipped';
}

/** Its tasks in the order of the file, which is not that in which they can run. `salt` makes them differ from others, `times` says how long they take. */
export function workflowOf(rsc: string, salt: string, times = 10_000_000): Expected[] {
  const all: Expected[] = [];
  const add = (label: string, func: string, args: Json, expected: Pick<Expected, 'value' | 'end'>): Json => {
    const nnc = createHash('sha256').update(`${salt} ${label}`).digest().subarray(0, 12).toString('base64').replace(/=+$/, '');
    const run = { rsc, op: 'wasm/run', input: { func, args }, nnc: { '/': { bytes: nnc } } };
    const task: TaskForm = { run, meta: { memory: 4294967296, time: 100000 }, prf: [] };
    all.unshift({ label, task, ...expected });
    return { '/': instructionCid(task) };
  };
  const ok = (link: Json): Json => ({ 'await/ok': link });
  const good = (value: Json): Pick<Expected, 'value' | 'end'> => ({ value, end: 'ok' });
  const spins = Array.from({ length: 12 }, (_, i) => add(`spin ${i}`, 'spin', [times, 10 * i], good(10 * i + 1)));
  const first = add('first', 'total', [[[ok(spins[0]!), ok(spins[1]!)], [ok(spins[2]!), 100], []]], good(1 + 11 + 21 + 100));
  const second = add('second', 'total', [[spins.slice(3, 8).map(ok)]], good(31 + 41 + 51 + 61 + 71));
  const broken = add('broken', 'broken', ['because'], { end: 'failed' });
  add('after failure', 'weigh', [{ 'await/error': broken }], good('trap'.length));
  add('skipped', 'total', [[[ok(broken)]]], { end: 'skipped' });
  const large = add('large', 'fill', [100_000], { end: 'ok' });
  add('measured', 'measure', [ok(large)], good(100_000));
  const spun = add('spun again', 'spin', [times, ok(first)], good(134));
  add('last', 'total', [[[ok(spun), ok(second)], spins.slice(8).map(ok)]], good(134 + 255 + 81 + 91 + 101 + 111));
  return all;
}
