import type { Usage } from '../receipt/outcome.ts';
import type { ModuleInfo } from '../sandbox/module/model.ts';
import { tableCaps } from '../sandbox/module/table-caps.ts';

/**
 * Bytes that were dropped, after which garbage is collected: the watchdog counts garbage like memory in use, so that one task would be blamed for what others left.
 * Small things do not count: V8 collects them in time by itself, and at less than half the cost.
 */
const COLLECT_AFTER = 64 << 20;

/** Bytes of a task's memories, or of its output, that need no collecting: such a memory goes to the next task (`memory-pool.ts`), or is soon gone. */
const SMALL = 1 << 20;

/** Entries that tables may come to hold before it is asked what they took: some 80 bytes each, outside of what V8 counts (measured). */
const MANY_ENTRIES = 65_536;

/** Milliseconds for which such tasks ran, after which it is asked: growing takes time, asking costs a tenth of a small task. */
const ASK_AFTER = 5;

/**
 * Resident bytes that V8 may keep to itself after a collection: pages of its heap that are empty, which count against the next task. Measured: 170 MiB for good after
 * one component of 200,000 definitions. To have them given back takes some 200 ms.
 */
const MOST_KEPT = 128 << 20;

declare const gc: (options?: { readonly type: 'major'; readonly flavor: 'last-resort' }) => void;

/** What a slot process has dropped since it collected garbage last. */
export class Garbage {
  #dropped = 0;
  #mayHaveTables = false;
  /** Milliseconds since it was asked. */
  #ran = 0;
  /** Resident bytes after it was collected last. */
  #resident = process.memoryUsage.rss();
  /** The least that was resident, since what was to be given back was. */
  #least = this.#resident;

  /** They are garbage soon: there is nothing to collect yet. */
  note(bytes: number): void {
    this.#dropped += bytes;
  }

  drop(bytes: number): void {
    this.note(bytes);
    if (this.#dropped > COLLECT_AFTER) this.#collect();
  }

  /** These modules are about to be instantiated. How large their tables become nobody is told. */
  expectTables(modules: readonly Pick<ModuleInfo, 'tables'>[]): void {
    let entries = 0;
    for (const { tables } of modules) if (tables.length > 0) for (const cap of tableCaps(tables)) entries += cap;
    if (entries > MANY_ENTRIES) this.#mayHaveTables = true;
  }

  /** A task has ended, which ran for `wall` milliseconds and held so many bytes of memories and of output. */
  ended({ memory, output, wall }: Pick<Usage, 'memory' | 'output' | 'wall'>): void {
    // Each by itself: the few bytes that a function returns must not make garbage of a memory that is used again.
    for (const held of [memory, output]) if (held > SMALL) this.note(held);
    if (this.#mayHaveTables) this.#ran += wall;
    this.#mayHaveTables = false;
    if (this.#dropped > COLLECT_AFTER || this.#hasGrown()) this.#collect();
  }

  #hasGrown(): boolean {
    if (this.#ran < ASK_AFTER) return false;
    this.#ran = 0;
    return process.memoryUsage.rss() - this.#resident > COLLECT_AFTER;
  }

  #collect(): void {
    gc();
    this.#dropped = 0;
    this.#resident = process.memoryUsage.rss();
    if (this.#resident - this.#least > MOST_KEPT) {
      gc({ type: 'major', flavor: 'last-resort' });
      this.#resident = process.memoryUsage.rss();
      // Whatever is left is in use, such as code: it is not asked for again.
      this.#least = this.#resident;
    }
    this.#least = Math.min(this.#least, this.#resident);
  }
}
