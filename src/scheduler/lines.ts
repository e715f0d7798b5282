import { ReadyQueue } from './ready-queue.ts';
import type { TaskKind } from './task-kind.ts';

/** Kinds that are looked at in one turn, so that a plan of which each task asks for something else does not take it all. */
const MOST_KINDS = 256;

interface Line {
  readonly kind: TaskKind;
  readonly queue: ReadyQueue;
  readonly isForHere: boolean;
}

/** Tasks that wait for a place: a line for each kind, so that those for which there is none keep no others waiting. The most urgent comes first. */
export class Lines {
  readonly #priorities: () => Float64Array;
  readonly #lines = new Map<string, Line>();
  readonly #isForHere: (kind: TaskKind) => boolean;
  #size = 0;
  #here = 0;

  /** `isForHere`: whether this agent itself could run such tasks. The same at all times. */
  constructor(priorities: () => Float64Array, isForHere: (kind: TaskKind) => boolean) {
    this.#priorities = priorities;
    this.#isForHere = isForHere;
  }

  get size(): number {
    return this.#size;
  }

  /** Those of them that this agent itself could run. */
  get here(): number {
    return this.#here;
  }

  push(task: number, kind: TaskKind): void {
    let line = this.#lines.get(kind.name);
    if (line === undefined) {
      line = { kind, queue: new ReadyQueue(this.#priorities), isForHere: this.#isForHere(kind) };
      this.#lines.set(kind.name, line);
    }
    line.queue.push(task);
    this.#count(line, 1);
  }

  /**
   * Goes through the tasks, the most urgent first. If `find` gives something for one, it leaves its line, and `take` is given both; if not, there is no place for its
   * kind now, and those behind it in its line are left alone.
   */
  visit<Found>(
    find: (task: number, kind: TaskKind) => Found | undefined,
    take: (task: number, found: Found, kind: TaskKind) => void,
  ): void {
    const [only] = this.#lines.values();
    if (only === undefined) return;
    if (this.#lines.size === 1) return void this.#serve(only, Number.POSITIVE_INFINITY, find, take);
    const lines = new Map<number, Line>();
    const heads = new ReadyQueue(this.#priorities);
    const show = (line: Line): void => {
      const head = line.queue.peek();
      if (head === undefined) return;
      lines.set(head, line);
      heads.push(head);
    };
    const isCut = this.#lines.size > MOST_KINDS;
    for (const line of [...this.#lines.values()].slice(0, MOST_KINDS)) show(line);
    for (let head = heads.pop(); head !== undefined; head = heads.pop()) {
      const line = lines.get(head)!;
      lines.delete(head);
      if (this.#serve(line, 1, find, take)) show(line);
      // The others are to have their turn.
      else if (isCut && this.#lines.delete(line.kind.name)) this.#lines.set(line.kind.name, line);
    }
  }

  /** At most so many of one line; false if there was no place for the next. */
  #serve<Found>(
    line: Line,
    most: number,
    find: (task: number, kind: TaskKind) => Found | undefined,
    take: (task: number, found: Found, kind: TaskKind) => void,
  ): boolean {
    const { kind, queue } = line;
    let isServed = true;
    for (let task = queue.peek(), i = 0; task !== undefined && i < most; task = queue.peek(), i++) {
      const found = find(task, kind);
      isServed = found !== undefined;
      if (found === undefined) break;
      queue.pop();
      this.#count(line, -1);
      take(task, found, kind);
    }
    if (queue.size === 0) this.#lines.delete(kind.name);
    return isServed;
  }

  /** All of a kind, which leave. */
  takeAll(kind: TaskKind): number[] {
    const line = this.#lines.get(kind.name);
    if (line === undefined) return [];
    this.#lines.delete(kind.name);
    this.#count(line, -line.queue.size);
    return line.queue.take(line.queue.size);
  }

  #count({ isForHere }: Line, tasks: number): void {
    this.#size += tasks;
    if (isForHere) this.#here += tasks;
  }

  clear(): void {
    this.#lines.clear();
    this.#size = 0;
    this.#here = 0;
  }
}
