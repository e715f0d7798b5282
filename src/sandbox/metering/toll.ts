/**
 * What the host takes of a task's limits for what it does itself: fuel for its work, and a part of the depth of calls for its own frames between two guests.
 * docs/fuel.md lists what costs how much; whoever changes it raises the `metered` numbers of the ops.
 */
export interface Toll {
  /** For a call, and for `bytes` that are moved, made or looked at in it. Throws if the task cannot pay. */
  call(bytes?: number): void;
  /** For bytes alone, and for what counts as so many. Throws if the task cannot pay. */
  bytes(count: number): void;
  /** The host is about to call a guest, from within a guest perhaps. Throws if calls nest too deep. */
  enter(): void;
  /** It returned. Not called where it threw: the task has ended. */
  leave(): void;
}

/** Units for a call of the host beside what it moves: about what it takes, an instruction being one. */
const CALL_UNITS = 256;

export function unitsOfCall(bytes: number): number {
  return CALL_UNITS + unitsOfBytes(bytes);
}

/** As for what instructions move: a unit for 16 bytes, begun ones too. */
export function unitsOfBytes(bytes: number): number {
  return Math.ceil(bytes / 16);
}

/**
 * What the host's frames take of the stack for each guest it calls within another. Measured: 2,330 bytes for a call with 16 parameters, 1,660 for a destructor, interpreted or
 * compiled.
 */
export const CROSSING_SLOTS = 300;

/** How many guests may be called within each other through the host where nothing else counts how deep calls are: half of what V8 gives a thread is left for the guests. */
export const MOST_CROSSINGS = 200;

/** For a task without limited fuel: its calls of the host are free, and only nest so deep. */
export class Uncounted implements Toll {
  #crossings = 0;
  #isExhausted = false;

  /** Whether it was the depth that ended the task. */
  get isExhausted(): boolean {
    return this.#isExhausted;
  }

  call(): void {}

  bytes(): void {}

  enter(): void {
    this.#crossings++;
    if (this.#crossings <= MOST_CROSSINGS) return;
    this.#isExhausted = true;
    throw tooDeep();
  }

  leave(): void {
    this.#crossings--;
  }
}

export function tooDeep(): WebAssembly.RuntimeError {
  return new WebAssembly.RuntimeError('calls through the host nest too deep');
}
