/** A binary max-heap of task indices by fixed priorities; equal ones leave in the order of the plan. */
export class ReadyQueue {
  readonly #heap: number[] = [];
  readonly #priorities: () => Float64Array;
  #priority: Float64Array | undefined;

  /** `priorities` is called when two tasks have to be compared: a run that finds everything compares none. */
  constructor(priorities: () => Float64Array) {
    this.#priorities = priorities;
  }

  get size(): number {
    return this.#heap.length;
  }

  push(task: number): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(task);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#before(task, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = task;
  }

  peek(): number | undefined {
    return this.#heap[0];
  }

  pop(): number | undefined {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (top === undefined || last === undefined || heap.length === 0) return top;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && this.#before(heap[child + 1]!, heap[child]!)) child++;
      if (!this.#before(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return top;
  }

  /** At most `count` tasks, in order. */
  take(count: number): number[] {
    const taken: number[] = [];
    while (taken.length < count && this.#heap.length > 0) taken.push(this.pop()!);
    return taken;
  }

  clear(): void {
    this.#heap.length = 0;
  }

  #before(a: number, b: number): boolean {
    const priority = (this.#priority ??= this.#priorities());
    const difference = priority[a]! - priority[b]!;
    return difference > 0 || (difference === 0 && a < b);
  }
}

/**
 * Priorities by longest remaining path: a task's own weight plus the heaviest chain behind it, so that long chains start early.
 * `weight` is the expected duration in ms, or 1 where nothing was measured. Linear in tasks and edges.
 */
export function longestPath(
  awaits: readonly { readonly awaits: readonly { readonly task: number }[] }[],
  weight: (task: number) => number,
): Float64Array {
  const priority = new Float64Array(awaits.length);
  for (let i = awaits.length - 1; i >= 0; i--) {
    const own = (priority[i]! += weight(i));
    for (const { task } of awaits[i]!.awaits) if (priority[task]! < own) priority[task] = own;
  }
  return priority;
}
