import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { isDocketError } from '../../../src/errors.ts';
import * as Cid from '../../../src/ipld/cid.ts';
import { Budget, LimitReached } from '../../../src/sandbox/files/budget.ts';
import { Content, type Storage } from '../../../src/sandbox/files/content.ts';
import { stage } from '../../../src/store/staging.ts';
import type { BlobHandle, BlobSource } from '../../../src/sandbox/files/source.ts';
import { ALL, Direct } from '../wasi/direct.ts';
import { Bench, bytesOf } from '../wasi/helpers.ts';

const storageOf = (bench: Bench, limit = 1 << 30): Storage => ({
  budget: new Budget(limit),
  blobs: bench.blobs,
  spills: { create: () => stage(bench.folder) },
});

const pattern = (size: number, seed: number): Uint8Array => Uint8Array.from({ length: size }, (_, i) => (i * 31 + seed) & 0xff);

/** A file as plain bytes. */
class Model {
  bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = Uint8Array.from(bytes);
  }

  resize(size: number): void {
    const bytes = new Uint8Array(size);
    bytes.set(this.bytes.subarray(0, size));
    this.bytes = bytes;
  }

  write(source: Uint8Array, position: number): void {
    if (source.length === 0) return;
    if (position + source.length > this.bytes.length) this.resize(position + source.length);
    this.bytes.set(source, position);
  }
}

type Step =
  | { readonly kind: 'read' | 'write'; readonly position: number; readonly size: number }
  | { readonly kind: 'resize'; readonly size: number };

const MIB = 1 << 20;
/** Around the borders where the kind of storage, or the page, changes. */
const place = fc.oneof(
  fc.nat(200),
  fc.nat(200).map((n) => 65_436 + n),
  fc.nat(200).map((n) => MIB - 100 + n),
  fc.nat(3 * MIB),
);
const size = fc.oneof(fc.nat(100), fc.nat(5000), fc.nat(150_000));
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('write' as const), position: place, size }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('read' as const), position: place, size }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('resize' as const), size: place }) },
);
const start = fc.constantFrom<'empty' | 'bytes' | 'small blob' | 'large blob'>('empty', 'bytes', 'small blob', 'large blob');

test('is a file like any other, wherever its bytes lie', () => {
  using bench = new Bench();
  const large = pattern(2 * MIB, 5);
  const small = pattern(70_000, 6);
  const blobs = { 'small blob': bench.blob(small), 'large blob': bench.blob(large) };
  const check = fc.property(start, fc.array(step, { minLength: 1, maxLength: 25 }), (from, steps) => {
    const storage = storageOf(bench);
    const before = from === 'empty' ? new Uint8Array(0) : from === 'large blob' ? large : small;
    const content =
      from === 'empty'
        ? Content.empty(storage)
        : from === 'bytes'
          ? Content.bytes(storage, small)
          : Content.blob(storage, blobs[from].blob);
    const model = new Model(before);
    let seed = 0;
    for (const each of steps) {
      if (each.kind === 'resize') {
        content.resize(each.size);
        model.resize(each.size);
      } else if (each.kind === 'write') {
        const source = pattern(each.size + 8, seed++);
        content.write(source, 8, each.size, each.position);
        model.write(source.subarray(8), each.position);
      } else {
        const target = new Uint8Array(each.size + 16).fill(0xee);
        const count = content.read(target, 8, each.size, each.position);
        const wanted = model.bytes.subarray(each.position, each.position + each.size);
        assert.equal(count, wanted.length);
        assert.ok(Buffer.from(target.subarray(8, 8 + count)).equals(wanted), 'the bytes read');
        assert.ok(
          [...target.subarray(0, 8), ...target.subarray(8 + count)].every((byte) => byte === 0xee),
          'nothing beside them',
        );
      }
      assert.equal(content.size, model.bytes.length);
      assert.equal(storage.budget.held, content.written ? content.size : 0);
    }
    if (content.written) assert.ok(Buffer.from(bytesOf(content.ref())).equals(model.bytes), 'the bytes handed out');
    content[Symbol.dispose]();
    assert.equal(storage.budget.held, 0);
  });
  fc.assert(check, { numRuns: 60 });
  assert.deepEqual(readdirSync(join(bench.folder, 'tmp')), [], 'no spill stays behind');
  assert.ok(Buffer.from(small).equals(pattern(70_000, 6)), 'bytes that were mounted are not written to');
});

test('a spill becomes the blob of its bytes', () => {
  using bench = new Bench();
  const content = Content.empty(storageOf(bench));
  const bytes = pattern(3 * MIB + 17, 1);
  content.write(bytes, 0, bytes.length, 0);
  content.write(bytes, 0, 10, 5);
  const wanted = Buffer.from(bytes);
  wanted.set(bytes.subarray(0, 10), 5);
  const ref = content.ref();
  assert.ok(ref.kind === 'spill');
  const { cid, size: found } = ref.spill.adopt();
  assert.ok(cid.equals(Cid.ofBlob(wanted)));
  assert.equal(found, wanted.length);
  content[Symbol.dispose]();
  assert.ok(Buffer.from(bench.blobs.readAll(cid)).equals(wanted), 'adopted, it stays when the content goes');
});

test('reading and truncating to nothing do not copy a blob', () => {
  using bench = new Bench();
  const storage = storageOf(bench, 10);
  const { blob } = bench.blob('x'.repeat(1000));
  const content = Content.blob(storage, blob);
  assert.equal(content.read(new Uint8Array(100), 0, 100, 950), 50);
  assert.ok(!content.written && content.ref().kind === 'blob');
  assert.throws(() => content.write(new Uint8Array(1), 0, 1, 0), LimitReached);
  assert.ok(!content.written, 'refused, it is what it was');
  content.resize(0);
  content.write(new Uint8Array(10), 0, 10, 0);
  assert.equal(storage.budget.held, 10);
});

test('a blob is open on the host only while a descriptor of the guest reads it', () => {
  using bench = new Bench();
  const open = new Set<BlobHandle>();
  const blobs: BlobSource = {
    open(cid) {
      const handle = bench.blobs.open(cid);
      const counted: BlobHandle = {
        size: handle.size,
        read: (target, position) => handle.read(target, position),
        close: () => {
          open.delete(counted);
          handle.close();
        },
      };
      open.add(counted);
      return counted;
    },
  };
  const { blob } = bench.blob('text');
  const guest = new Direct(bench.start({ blobs, mounts: { a: { blob }, b: { blob } }, stdinBlob: blob }));
  assert.deepEqual([guest.stat('a'), guest.stat('b')].length, 2);
  assert.equal(open.size, 0, 'only its size was asked for');
  const twice = [guest.open('a'), guest.open('a')] as number[];
  for (const fd of twice) assert.equal(guest.read(fd, 4), 'text');
  assert.equal(open.size, 1);
  guest.call('fd_close', twice[0] as number);
  assert.equal(guest.call('fd_pread', twice[1] as number, ...guest.iovecs([0x100, 4]), 0n, 0x80), 'OK');
  assert.equal(open.size, 1);
  guest.call('fd_close', twice[1] as number);
  assert.equal(open.size, 0);
  const b = guest.open('b', { rights: ALL }) as number;
  guest.read(b, 1);
  guest.write(b, 'changed');
  assert.equal(open.size, 0, 'copied');
  assert.equal(guest.read(0, 2), 'te');
  guest.read(guest.open('a') as number, 1);
  assert.equal(open.size, 2);
  guest.wasi[Symbol.dispose]();
  guest.wasi.files[Symbol.dispose]();
  assert.equal(open.size, 0);
});

test('a size that the blob does not have is refused at the first read', () => {
  using bench = new Bench();
  const content = Content.blob(storageOf(bench), bench.blob('four').blob, 5);
  assert.equal(content.size, 5);
  assert.throws(
    () => content.read(new Uint8Array(5), 0, 5, 0),
    (error) => isDocketError(error, 'TREE_INVALID'),
  );
});

test('a blob that is missing is told when someone looks', () => {
  using bench = new Bench();
  const content = Content.blob(storageOf(bench), Cid.ofBlob(Buffer.from('nowhere')));
  assert.throws(
    () => content.size,
    (error) => isDocketError(error, 'BLOB_MISSING'),
  );
});
