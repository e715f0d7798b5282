/**
 * Keeps the memory of a guest that ended for the next one of the same shape, emptied. Making one costs more than the rest of a small
 * task, and V8 counts each toward its next full collection: one page for each of 800 tasks brought about one (measured; 84 µs of processor time a task
 * with a page, 30 with this). Whoever comes next cannot tell: the memory holds zeros, has the size its module declares and may grow as far.
 */

const PAGE = 65_536;

/** Pages up to which zeroing is cheaper than a fresh memory. */
const MOST = 16;

interface Shape {
  /** Pages to begin with, and the most there may be. */
  readonly initial: number;
  readonly maximum: number;
}

/** A memory that goes back when it is disposed of; nothing may touch it afterwards. */
export interface Lent extends Disposable {
  readonly memory: WebAssembly.Memory;
}

export class MemoryPool {
  #spare: (Shape & { readonly memory: WebAssembly.Memory }) | undefined;

  /** Throws `RangeError` if the machine has no room. */
  take({ initial, maximum }: Shape): Lent {
    const memory = this.#reuse(initial, maximum) ?? new WebAssembly.Memory({ initial, maximum });
    return { memory, [Symbol.dispose]: () => this.#give(memory, { initial, maximum }) };
  }

  #reuse(initial: number, maximum: number): WebAssembly.Memory | undefined {
    const spare = this.#spare;
    if (spare?.initial !== initial || spare.maximum !== maximum) return undefined;
    this.#spare = undefined;
    return spare.memory;
  }

  /** One that grew cannot shrink again, and is left to the collector like a large one. */
  #give(memory: WebAssembly.Memory, { initial, maximum }: Shape): void {
    const { buffer } = memory;
    if (initial > MOST || buffer.byteLength !== initial * PAGE) return;
    new Uint8Array(buffer).fill(0);
    this.#spare = { memory, initial, maximum };
  }
}
