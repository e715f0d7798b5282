import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryPool } from '../../src/runner/memory-pool.ts';

const PAGE = 65_536;
const bytesOf = ({ buffer }: WebAssembly.Memory): Uint8Array => new Uint8Array(buffer);

/** What a guest of this shape gets, filled with something when it ends. */
function use(pool: MemoryPool, initial: number, maximum: number): WebAssembly.Memory {
  using lent = pool.take({ initial, maximum });
  bytesOf(lent.memory).fill(7);
  return lent.memory;
}

test('the next guest of the same shape gets the memory, emptied', () => {
  const pool = new MemoryPool();
  const first = use(pool, 2, 5);
  using lent = pool.take({ initial: 2, maximum: 5 });
  assert.equal(lent.memory, first);
  assert.ok(bytesOf(lent.memory).every((byte) => byte === 0));
  assert.equal(lent.memory.grow(3), 2);
  assert.throws(() => lent.memory.grow(1), RangeError);
});

test('two at a time have a memory each', () => {
  const pool = new MemoryPool();
  use(pool, 1, 1);
  using one = pool.take({ initial: 1, maximum: 1 });
  using other = pool.take({ initial: 1, maximum: 1 });
  assert.notEqual(one.memory, other.memory);
});

test('one of another shape is made anew', () => {
  const pool = new MemoryPool();
  const first = use(pool, 1, 5);
  for (const [initial, maximum] of [
    [1, 6],
    [2, 5],
  ] as const) {
    using lent = pool.take({ initial, maximum });
    assert.notEqual(lent.memory, first);
    assert.equal(lent.memory.buffer.byteLength, initial * PAGE);
  }
});

test('one that grew is not given again, nor is a large one', () => {
  const pool = new MemoryPool();
  const grown = use(pool, 1, 2);
  {
    using lent = pool.take({ initial: 1, maximum: 2 });
    assert.equal(lent.memory, grown);
    lent.memory.grow(1);
  }
  assert.notEqual(use(pool, 1, 2), grown);
  assert.notEqual(use(pool, 17, 17), use(pool, 17, 17));
});

test('there being no room is told', () => {
  assert.throws(() => new MemoryPool().take({ initial: 2, maximum: 1 }), RangeError);
});
