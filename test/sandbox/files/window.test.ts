import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Window } from '../../../src/sandbox/files/window.ts';

const PAGE = 4096;

/** A file that counts what is done to it. */
class CountedFile {
  bytes = new Uint8Array(0);
  calls = 0;
  moved = 0;

  read(target: Uint8Array, position: number): number {
    const part = this.bytes.subarray(position, position + target.length);
    target.set(part);
    this.#count(part.length);
    return part.length;
  }

  write(source: Uint8Array, position: number): void {
    const end = position + source.length;
    if (end > this.bytes.length) {
      const longer = new Uint8Array(end);
      longer.set(this.bytes);
      this.bytes = longer;
    }
    this.bytes.set(source, position);
    this.#count(source.length);
  }

  #count(bytes: number): void {
    this.calls++;
    this.moved += bytes;
  }
}

function over(size: number): { readonly file: CountedFile; readonly window: Window } {
  const file = new CountedFile();
  file.bytes = Uint8Array.from({ length: size }, (_, i) => (i * 7) & 0xff);
  return { file, window: new Window(file, PAGE) };
}

/** Positions all over `size` bytes, none near the one before. */
const jumps = (count: number, size: number): number[] => Array.from({ length: count }, (_, i) => (i * 7919 * PAGE + i * 13) % size);

test('reads and writes that jump about move no more than they ask for', () => {
  const { file, window } = over(200 * PAGE);
  const target = Buffer.alloc(100);
  for (const at of jumps(500, 199 * PAGE)) {
    window.read(target, 0, 100, at);
    assert.ok(target.equals(file.bytes.subarray(at, at + 100)));
    window.write(target, 0, 100, (at + 100 * PAGE) % (199 * PAGE));
  }
  assert.ok(
    file.moved <= 2 * 500 * 100 + PAGE,
    `${file.moved} bytes: a page, at most, for a jump that happens to end beside the one before`,
  );
});

test('a run costs one call for each page, byte by byte', () => {
  const { file, window } = over(20 * PAGE);
  const byte = new Uint8Array(1);
  for (let at = 0; at < 20 * PAGE; at++) window.read(byte, 0, 1, at);
  assert.equal(file.calls, 20);
  for (let at = 0; at < 20 * PAGE; at++) window.write(byte, 0, 1, at);
  window.flush();
  // The first byte jumped back; then each page is read and written once.
  assert.equal(file.calls, 20 + 1 + 2 * 20);
});

test('what lies between the end of the file and a page that was not written back reads as zeros', () => {
  const { file, window } = over(0);
  const source = new Uint8Array([1, 2, 3]);
  window.write(source, 0, 3, 0);
  window.write(source, 0, 3, 3 * PAGE);
  window.write(source, 0, 3, 3 * PAGE + 3);
  assert.ok(file.bytes.length < 3 * PAGE + 6, 'the page is not written back yet');
  const target = new Uint8Array(8).fill(0xee);
  window.read(target, 1, 4, PAGE);
  assert.deepEqual([...target], [0xee, 0, 0, 0, 0, 0xee, 0xee, 0xee]);
  window.read(target, 0, 8, 3 * PAGE);
  assert.deepEqual([...target], [1, 2, 3, 1, 2, 3, 0, 0]);
});
