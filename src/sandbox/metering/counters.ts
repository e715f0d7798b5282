import { METERING } from '../module/host-modules.ts';
import type { ImportName } from '../module/model.ts';
import { CROSSING_SLOTS, type Toll, tooDeep, unitsOfBytes, unitsOfCall } from './toll.ts';

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

const CROSSING = BigInt(CROSSING_SLOTS);

/**
 * The two counters of one task. They count down; one that is below zero has ended the task, and stays there. Guests pay by themselves, the host as the `Toll` of
 * the task.
 */
export class Counters implements Toll {
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

  call(bytes = 0): void {
    this.#pay(unitsOfCall(bytes));
  }

  bytes(count: number): void {
    this.#pay(unitsOfBytes(count));
  }

  /** Takes the host's frames off what is left, as guests do with theirs. */
  enter(): void {
    const left = (this.#stack.value as bigint) - CROSSING;
    this.#stack.value = left;
    if (left < 0n) throw tooDeep();
  }

  /** A guest leaves the count as it found it when it was entered. */
  leave(): void {
    this.#stack.value = (this.#stack.value as bigint) + CROSSING;
  }

  /** Which of the two ended the task, if one did. The guest's failure is then this one, whatever its trap says. */
  get exhausted(): 'fuel' | 'stack' | undefined {
    if ((this.#fuel.value as bigint) < 0n) return 'fuel';
    return (this.#stack.value as bigint) < 0n ? 'stack' : undefined;
  }

  #pay(units: number): void {
    const left = (this.#fuel.value as bigint) - BigInt(units);
    this.#fuel.value = left;
    if (left < 0n) throw new WebAssembly.RuntimeError('the fuel is used up');
  }
}
