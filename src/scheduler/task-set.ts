/** Some tasks of a plan, by index. A byte each: a `Set` of a million numbers takes tens of times that. */
export class TaskSet implements Iterable<number> {
  readonly #members: Uint8Array;

  /** `size` is that of the plan. */
  constructor(size: number) {
    this.#members = new Uint8Array(size);
  }

  add(task: number): void {
    this.#members[task] = 1;
  }

  has(task: number): boolean {
    return this.#members[task] === 1;
  }

  /** In the order of the plan. */
  *[Symbol.iterator](): Generator<number> {
    for (let task = 0; task < this.#members.length; task++) if (this.has(task)) yield task;
  }
}
