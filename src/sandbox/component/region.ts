import type { Handles, Scope } from './handles.ts';
import type { TextEncoding } from './model.ts';
import { trap } from './trap.ts';

type Realloc = (old: number, oldSize: number, align: number, size: number) => number;

/** Bytes that may be held of what was taken out of guests, values that are not bytes counted as more: pointers that repeat make much of little memory. */
const MOST_LIFTED = 128 << 20;

/** Counts what one task holds of what it took out of its guests' memories. */
export class Meter {
  #lifted = 0;

  /** In bytes, with what values cost beside theirs. */
  get lifted(): number {
    return this.#lifted;
  }

  charge(bytes: number): void {
    this.#lifted += bytes;
    if (this.#lifted > MOST_LIFTED) throw trap(`the component passed more than ${MOST_LIFTED} bytes`);
  }

  /** Nothing is held any more of what was taken out since `lifted` was this. */
  forget(lifted: number): void {
    this.#lifted = lifted;
  }
}

const NO_VIEW = new DataView(new ArrayBuffer(0));

/** One side of a call: the memory and the handles that a component's core values mean. All addresses are checked here. */
export class Region {
  readonly handles: Handles;
  /** Number of the component instance. */
  readonly instance: number;
  readonly text: TextEncoding;
  readonly #memory: WebAssembly.Memory | undefined;
  readonly #realloc: Realloc | undefined;
  readonly #meter: Meter;
  #view = NO_VIEW;

  constructor(side: {
    readonly handles: Handles;
    readonly instance: number;
    readonly text: TextEncoding;
    readonly memory: WebAssembly.Memory | undefined;
    readonly realloc: Realloc | undefined;
    readonly meter: Meter;
  }) {
    this.handles = side.handles;
    this.instance = side.instance;
    this.text = side.text;
    this.#memory = side.memory;
    this.#realloc = side.realloc;
    this.#meter = side.meter;
  }

  /** Of the memory as it is now: growing gives it another buffer. */
  get view(): DataView {
    if (this.#memory === undefined) throw trap('a value is passed through memory, and the function names none');
    const { buffer } = this.#memory;
    if (this.#view.buffer !== buffer) this.#view = new DataView(buffer);
    return this.#view;
  }

  /** The address, if all of it lies in memory. */
  check(address: number, length: number, align: number): number {
    const at = address >>> 0;
    const { byteLength } = this.view;
    if (at + length > byteLength) throw trap(`address ${at} with ${length} bytes lies beyond the ${byteLength} bytes of memory`);
    if (at % align !== 0) throw trap(`address ${at} is not aligned to ${align}`);
    return at;
  }

  /** Bytes of a value taken out, and the values it consists of. They are a view: to be copied. */
  lift(address: number, length: number, align: number, weight: number): Uint8Array {
    const at = this.check(address, length, align);
    this.#meter.charge(length + weight);
    return new Uint8Array(this.view.buffer, at, length);
  }

  /** Room in the guest's memory, from the guest. */
  allocate(size: number, align: number): number {
    if (this.#realloc === undefined) throw trap('a value needs memory, and the function names no realloc');
    return this.check(this.#realloc(0, 0, align, size), size, align);
  }

  write(bytes: Uint8Array, at: number): void {
    new Uint8Array(this.view.buffer).set(bytes, at);
  }
}

/** A region, for the time of one call. */
export interface Passage {
  readonly region: Region;
  readonly scope: Scope;
}
