import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join as path } from 'node:path';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import { isDocketError } from '../../src/errors.ts';
import { applyPatch } from '../../src/patch/bsdiff.ts';
import { bunzip2 } from '../../src/patch/bunzip2.ts';
import { patched } from '../../src/patch/patched.ts';
import { bzip2, join, makePatch, number, type Step } from './make-patch.ts';

/** Patches: right ones give the new file, and nothing that is sent can take more than its share of time and memory. */

const NONE = new Uint8Array(0);
const LIMIT = 1 << 20;

function unpacked(bytes: Uint8Array): Buffer {
  const pieces: Buffer[] = [];
  for (const piece of bunzip2(bytes)) pieces.push(Buffer.from(piece));
  return Buffer.concat(pieces);
}

const apply = (old: Uint8Array, patch: Uint8Array, limit = LIMIT): Buffer => Buffer.concat([...applyPatch(old, patch, { limit })]);

function codeOf(work: () => unknown): string {
  try {
    work();
    return 'none';
  } catch (error) {
    assert.ok(isDocketError(error), String(error));
    return error.code;
  }
}

/** Bytes with runs in them. */
const bytes = fc
  .array(fc.tuple(fc.nat(255), fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 300 }))), { maxLength: 40 })
  .map((runs) => Buffer.concat(runs.map(([byte, length]) => Buffer.alloc(length, byte))));

describe('bzip2', () => {
  test('what was packed comes out', () => {
    fc.assert(
      fc.property(bytes, fc.integer({ min: 1, max: 700 }), (plain, block) => assert.deepEqual(unpacked(bzip2(plain, block)), plain)),
      { numRuns: 60 },
    );
  });

  test('whatever is changed or cut off, it ends, with the right bytes or with an error', () => {
    const packed = bzip2(Buffer.from('the quick brown fox jumps over the lazy dog, the quick brown fox'.repeat(3)));
    fc.assert(
      fc.property(fc.nat(packed.length * 8 - 1), fc.nat(packed.length), (bit, length) => {
        const changed = Uint8Array.from(packed);
        changed[bit >> 3]! ^= 1 << (bit & 7);
        codeOf(() => unpacked(changed));
        assert.equal(
          codeOf(() => unpacked(packed.subarray(0, Math.min(length, packed.length - 1)))),
          'PATCH_INVALID',
        );
      }),
      { numRuns: 300 },
    );
  });

  test('a damaged byte is found by the checksums', () => {
    const packed = bzip2(Buffer.from('abc'));
    const crc = Uint8Array.from(packed);
    crc[10]! ^= 1;
    assert.equal(
      codeOf(() => unpacked(crc)),
      'PATCH_INVALID',
    );
    const whole = Uint8Array.from(packed);
    whole[whole.length - 2]! ^= 1;
    assert.equal(
      codeOf(() => unpacked(whole)),
      'PATCH_INVALID',
    );
  });

  test('a bomb is opened only as far as it is asked for', () => {
    // 45 MB of zeros in 50 bytes, made by bzip2 itself.
    const bomb = Buffer.from('QlpoOTFBWSZTWckBtsgBWKtAIMAAEAAACCAAMMwFKaZSSFJsVJIUni7kinChIZIDbZA=', 'base64');
    let taken = 0;
    for (const piece of bunzip2(bomb)) if ((taken += piece.length) > 100_000) break;
    assert.ok(taken < 200_000);
  });

  const isHere = spawnSync('bzip2', ['--help']).error === undefined;
  test('what bzip2 packs', { skip: !isHere && 'there is no bzip2' }, () => {
    const plain = Buffer.concat([
      readFileSync(process.execPath).subarray(0, 2_000_000),
      Buffer.alloc(1_000_000),
      Buffer.from('ab'.repeat(50_000)),
    ]);
    for (const level of ['-1', '-9'])
      assert.ok(unpacked(execFileSync('bzip2', ['-c', level], { input: plain, maxBuffer: 1 << 26 })).equals(plain));
  });
});

/** A patch, the file it is for, and what it makes: steps that each read somewhere in the old file. */
const patches = fc
  .tuple(
    fc.uint8Array({ minLength: 1, maxLength: 300 }),
    fc.array(fc.tuple(fc.nat(), fc.nat(), fc.uint8Array({ maxLength: 50 }), fc.uint8Array({ maxLength: 60 })), {
      minLength: 1,
      maxLength: 8,
    }),
  )
  .map(([old, wanted]) => {
    const reads = wanted.map(([at, length, noise]) => {
      const from = at % old.length;
      return { from, difference: Uint8Array.from({ length: length % (old.length - from + 1) }, (_, i) => noise[i] ?? 0) };
    });
    const steps = reads.map(({ from, difference }, i): Step => ({
      difference,
      extra: wanted[i]![3],
      move: (reads[i + 1]?.from ?? 0) - from - difference.length,
    }));
    // The first step reads at the beginning.
    const all: Step[] = [{ difference: NONE, extra: NONE, move: reads[0]!.from }, ...steps];
    const made = Buffer.concat(
      reads.flatMap(({ from, difference }, i) => [difference.map((byte, j) => byte + old[from + j]!), wanted[i]![3]]),
    );
    return { old, made, patch: makePatch(all, made.length) };
  });

describe('bsdiff', () => {
  test('a patch gives the new file', () => {
    fc.assert(
      fc.property(patches, ({ old, made, patch }) => assert.deepEqual(apply(old, patch), made)),
      { numRuns: 100 },
    );
  });

  test('whatever is changed in one, it ends with a file of the length announced or with an error of ours', () => {
    fc.assert(
      fc.property(patches, fc.nat(), fc.nat(255), ({ old, patch }, at, byte) => {
        const changed = Uint8Array.from(patch);
        changed[at % changed.length] = byte;
        codeOf(() => apply(old, changed));
      }),
      { numRuns: 300 },
    );
  });

  test('in a thread of its own the same, with the same errors, and not at all for who is gone', async () => {
    const old = Buffer.from('old bytes');
    const patch = makePatch([{ difference: new Uint8Array(3), extra: Buffer.from('!'), move: 0 }], 4);
    const signal = new AbortController().signal;
    assert.equal(Buffer.concat(await Array.fromAsync(patched(old, patch, { limit: LIMIT, signal }))).toString(), 'old!');
    await assert.rejects(Array.fromAsync(patched(old, Buffer.from('no patch'), { limit: LIMIT, signal })), { code: 'PATCH_INVALID' });
    await assert.rejects(Array.fromAsync(patched(old, patch, { limit: 3, signal })), { code: 'BODY_TOO_LARGE' });
    const stop = AbortSignal.abort(new Error('enough'));
    await assert.rejects(Array.fromAsync(patched(old, patch, { limit: LIMIT, signal: stop })), /enough/);
  });

  const old = Buffer.alloc(10);
  const step = (difference: number, extra: number, move: number | bigint = 0): Step => ({
    difference: new Uint8Array(difference),
    extra: new Uint8Array(extra),
    move,
  });
  const packed = (...triples: readonly (number | bigint)[]): Uint8Array => bzip2(Buffer.concat(triples.map(number)));
  const EMPTY = bzip2(NONE);
  const hostile: readonly [string, Uint8Array, string][] = [
    ['no header', Buffer.from('BSDIFF40'), 'PATCH_INVALID'],
    ['another format', Buffer.concat([Buffer.from('BSDIFF43'), Buffer.alloc(24)]), 'PATCH_INVALID'],
    ['a result beyond the limit', makePatch([step(1, 0)], LIMIT + 1), 'BODY_TOO_LARGE'],
    ['a result of 2^62 bytes', makePatch([step(1, 0)], 1n << 62n), 'PATCH_INVALID'],
    ['a result of less than nothing', makePatch([step(1, 0)], -1), 'PATCH_INVALID'],
    [
      'parts longer than the patch',
      Buffer.concat([Buffer.from('BSDIFF40'), number(1 << 30), number(0), number(1), EMPTY]),
      'PATCH_INVALID',
    ],
    [
      'parts whose lengths overflow',
      Buffer.concat([Buffer.from('BSDIFF40'), number(2n ** 53n - 1n), number(2n ** 53n - 1n), number(1)]),
      'PATCH_INVALID',
    ],
    ['parts of negative length', Buffer.concat([Buffer.from('BSDIFF40'), number(-1), number(1), number(1), EMPTY]), 'PATCH_INVALID'],
    ['a step of negative length', join(packed(-1, 1, 0), EMPTY, bzip2(Buffer.alloc(9)), 1), 'PATCH_INVALID'],
    ['a step beyond the result', join(packed(0, 2, 0), EMPTY, bzip2(Buffer.alloc(9)), 1), 'PATCH_INVALID'],
    ['two lengths that overflow together', join(packed(2n ** 53n - 1n, 2n ** 53n - 1n, 0), EMPTY, EMPTY, 1), 'PATCH_INVALID'],
    ['reading behind the end of the old', makePatch([step(0, 0, 5), step(6, 0)], 6), 'PATCH_INVALID'],
    ['reading before its beginning', makePatch([step(0, 0, -1), step(1, 0)], 1), 'PATCH_INVALID'],
    ['moving beyond all bounds', join(packed(0, 0, 2n ** 53n - 1n, 0, 0, 2n ** 53n - 1n), EMPTY, EMPTY, 1), 'PATCH_INVALID'],
    ['control that ends too early', makePatch([step(0, 1)], 2), 'PATCH_INVALID'],
    ['a difference that ends too early', join(packed(5, 0, 0), bzip2(Buffer.alloc(3)), EMPTY, 5), 'PATCH_INVALID'],
    ['parts that are not bzip2', join(Buffer.from('nonsense'), EMPTY, EMPTY, 1), 'PATCH_INVALID'],
  ];
  for (const [what, patch, code] of hostile)
    test(`refused: ${what}`, () =>
      assert.equal(
        codeOf(() => apply(old, patch)),
        code,
      ));

  test('refused: steps without end that make nothing', () => {
    // 110 MB of zeros, as bzip2 packs them: 4.6 million steps.
    const zeros = Buffer.from(
      'QlpoOTFBWSZTWQ4J4t8BX45AAMAAAAggADCATUZCoCWpCoCXMUFZJlNZDgni3wFfjkAAwAAACCAAMIBNRkKgJakKgJcxQVkmU1kZ5tnQAItpQEDAAAABAAAggACClNBmMiUpDYolKQ8XckU4UJA90pcSA',
      'base64',
    );
    assert.equal(
      codeOf(() => apply(old, join(zeros, EMPTY, EMPTY, 1))),
      'PATCH_INVALID',
    );
  });

  describe('as Debian’s bsdiff makes them', { skip: spawnSync('bsdiff').error !== undefined && 'there is no bsdiff' }, () => {
    let folder: string;
    before(() => void (folder = mkdtempSync(path(tmpdir(), 'docket-bsdiff-'))));
    after(() => rmSync(folder, { recursive: true, force: true }));

    test('they give the new file', () => {
      const source = readFileSync(process.execPath).subarray(0, 300_000);
      const news = [Buffer.concat([source.subarray(100_000), Buffer.from('new'), source.subarray(0, 150_000)]), source.subarray(7, 1000)];
      for (const now of news) {
        writeFileSync(path(folder, 'old'), source);
        writeFileSync(path(folder, 'new'), now);
        execFileSync(
          'bsdiff',
          ['old', 'new', 'patch'].map((name) => path(folder, name)),
        );
        assert.ok(apply(source, readFileSync(path(folder, 'patch'))).equals(now));
      }
    });
  });
});
