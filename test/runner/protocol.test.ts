import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { DocketError, isDocketError } from '../../src/errors.ts';
import * as Cid from '../../src/ipld/cid.ts';
import { float, integer, type Ipld } from '../../src/ipld/value.ts';
import { HEADER } from '../../src/runner/frames.ts';
import type { Job, JobEnd } from '../../src/runner/job.ts';
import { decodeJob, decodeMessage, Encoder } from '../../src/runner/protocol.ts';

const bytes = fc.uint8Array({ maxLength: 40 });
const digest = fc.uint8Array({ minLength: 32, maxLength: 32 });
const raw = digest.map((sha256) => Cid.fromSha256(sha256));
const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const ipld: fc.Arbitrary<Ipld> = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constant(null),
    fc.boolean(),
    fc.maxSafeInteger(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map(float),
    fc.string(),
    bytes,
    raw,
    tie('list'),
    tie('map'),
  ),
  list: fc.array(tie('value'), { maxLength: 4 }),
  map: fc.dictionary(fc.string(), tie('value'), { maxKeys: 4, noNullPrototype: true }),
})).value as fc.Arbitrary<Ipld>;
const small = fc
  .array(
    fc.tuple(
      digest.map((sha256) => Buffer.from(sha256).toString('hex')),
      bytes,
    ),
    { maxLength: 4 },
  )
  .map((list) => new Map(list));

/** The largest u64 stands for none. */
const fuel = fc.bigInt({ min: 0n, max: 2n ** 64n - 2n }).map(integer);

const job: fc.Arbitrary<Job> = fc.record({
  id: u32,
  op: fc.constantFrom('wasm/run', 'wasi/run', ''),
  module: raw,
  input: ipld,
  limits: fc.record(
    { memory: fc.maxSafeNat(), time: fc.maxSafeNat(), output: fc.maxSafeNat(), openFiles: fc.maxSafeNat(), fuel },
    { requiredKeys: ['memory', 'time', 'output', 'openFiles'] },
  ),
  grants: fc.array(fc.string(), { maxLength: 3 }),
  seed: digest,
  small,
});

const failure = fc.record(
  {
    code: fc.constantFrom('trap', 'exit', 'limit/output'),
    message: fc.string(),
    data: fc.dictionary(fc.string(), ipld, { maxKeys: 3, noNullPrototype: true }),
  },
  { requiredKeys: ['code', 'message'] },
);
const end = fc.record({
  id: u32,
  outcome: fc.oneof(fc.record({ tag: fc.constant('ok'), value: ipld }), fc.record({ tag: fc.constant('error'), failure })),
  usage: fc.record(
    {
      wall: fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }),
      cpu: fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }),
      memory: fc.maxSafeNat(),
      output: fc.maxSafeNat(),
      fuel,
    },
    { requiredKeys: ['wall', 'cpu', 'memory', 'output'] },
  ),
  small,
  written: fc.array(raw, { maxLength: 3 }),
}) as fc.Arbitrary<JobEnd>;

/** In a form that tells by value: bytes and links as text, floats apart from integers. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString('hex')}`;
  if (value instanceof Map) return [...value].map(([key, item]) => [key, plain(item)]);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  if ('asCID' in value) return String(value);
  return Object.entries(value)
    .map(([key, item]): [string, unknown] => [key, plain(item)])
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
}

const body = (frame: Uint8Array): Uint8Array => frame.subarray(HEADER);

describe('protocol', () => {
  test('jobs come back as they were', () => {
    const encoder = new Encoder();
    fc.assert(fc.property(job, (value) => assert.deepEqual(plain(decodeJob(body(encoder.job(value)))), plain(value))));
  });

  test('ends come back as they were', () => {
    const encoder = new Encoder();
    fc.assert(
      fc.property(end, (value) => assert.deepEqual(plain(decodeMessage(body(encoder.end(value)))), plain({ kind: 'end', end: value }))),
    );
  });

  test('the announced length is that of the body', () => {
    const frame = new Encoder().ready();
    assert.equal(new DataView(frame.buffer, frame.byteOffset).getUint32(0, true), frame.length - HEADER);
    assert.deepEqual(decodeMessage(body(frame)), { kind: 'ready' });
  });

  test('what was cut short, grew or was changed is refused or is another value, never a crash', () => {
    const encoder = new Encoder();
    const check = (decode: (frame: Uint8Array) => unknown, frame: Uint8Array): void => {
      try {
        decode(frame);
      } catch (error) {
        assert.ok(error instanceof DocketError, String(error));
      }
    };
    fc.assert(
      fc.property(job, end, fc.nat(), fc.integer({ min: 1, max: 255 }), (aJob, anEnd, place, change) => {
        for (const [decode, frame] of [
          [decodeJob, body(encoder.job(aJob))],
          [decodeMessage, body(encoder.end(anEnd))],
        ] as const) {
          const at = place % frame.length;
          assert.throws(() => decode(frame.subarray(0, at)), Error);
          assert.throws(
            () => decode(Buffer.concat([frame, Uint8Array.of(change)])),
            (error) => isDocketError(error, 'INTERNAL'),
          );
          const changed = frame.slice();
          changed[at] = (changed[at] as number) ^ change;
          check(decode, changed);
        }
      }),
    );
  });

  test('an end that says what no receipt could say is refused', () => {
    const usual = { id: 1, usage: { wall: 1, cpu: 1, memory: 1, output: 1 }, small: new Map(), written: [] };
    const sent = (more: object): Uint8Array => body(new Encoder().end({ ...usual, outcome: { tag: 'ok', value: null }, ...more }));
    const failed = (said: object): object => ({ outcome: { tag: 'error', failure: said } });
    assert.throws(
      () => decodeMessage(sent(failed({ code: 'no-such-code', message: 'x' }))),
      (error) => isDocketError(error, 'IPLD_INVALID'),
    );
    assert.throws(
      () => decodeMessage(sent(failed({ code: 'trap', message: 7 }))),
      (error) => isDocketError(error, 'IPLD_INVALID'),
    );
    for (const wrong of [{ wall: Number.NaN }, { cpu: Infinity }, { memory: -1 }, { output: 0.5 }])
      assert.throws(
        () => decodeMessage(sent({ usage: { ...usual.usage, ...wrong } })),
        (error) => isDocketError(error, 'INTERNAL'),
      );
  });

  test('a count beyond what is there is refused before a list is made of it', () => {
    const frame = body(
      new Encoder().end({
        id: 1,
        outcome: { tag: 'ok', value: null },
        usage: { wall: 0, cpu: 0, memory: 0, output: 0 },
        small: new Map(),
        written: [],
      }),
    ).slice();
    new DataView(frame.buffer).setUint32(frame.length - 4, 0xffff_ffff, true);
    assert.throws(
      () => decodeMessage(frame),
      (error) => isDocketError(error, 'INTERNAL'),
    );
  });
});
