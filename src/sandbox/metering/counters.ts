import { METERING } from '../module/host-modules.ts';
import type { ImportName } from '../module/model.ts';

/** What metered code imports: two mutable globals (i64), which all instances of one task share. */
export const FUEL: ImportName = { module: METERING, name: 'fuel' };
export const STACK: ImportName = { module: METERING, name: 'stack' };

/**
 * Slots of 8 bytes that the calls of a task may take together: what V8 gives a thread is 984 KiB, and the host needs some of it above and below the guest. That
 * it is less than every tier of V8 can give is what makes it the same everywhere.
 */
export const STACK_SLOTS = 100_000;

/** Beyond it a limit cannot be reached: nothing runs for centuries. */
const MOST = 2n ** 63n - 1n;

/** The two counters of one task. They count down; one that is below zero has ended the task, and stays there. */
export class Counters {
  readonly #limit: bigint;
  readonly #fuel: WebAssembly.Global;
  readonly #stack: WebAssembly.Global;
  /** To be added to the imports of each instance of the task. */
  readonly moduleImports: WebAssembly.Imports;

  /** `limit`: units of fuel. */
  constructor(limit: number | bigint) {
    const wanted = BigInt(limit);
    this.#limit = wanted < MOST ? wanted : MOST;
    this.#fuel = new WebAssembly.Global({ value: 'i64', mutable: true }, this.#limit);
    this.#stack = new WebAssembly.Global({ value: 'i64', mutable: true }, BigInt(STACK_SLOTS));
    this.moduleImports = { [METERING]: { [FUEL.name]: this.#fuel, [STACK.name]: this.#stack } };
  }

  /** Units used; what was begun and could not be paid counts as all that was left. */
  get used(): bigint {
    return this.#limit - this.left;
  }

  get left(): bigint {
    const left = this.#fuel.value as bigint;
    return left < 0n ? 0n : left;
  }

  /** Which of the two ended the task, if one did. The guest's failure is then this one, whatever its trap says. */
  get exhausted(): 'fuel' | 'stack' | undefined {
    if ((this.#fuel.value as bigint) < 0n) return 'fuel';
    return (this.#stack.value as bigint) < 0n ? 'stack' : undefined;
  }
}
