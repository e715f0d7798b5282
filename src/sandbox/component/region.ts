import type { Handles, Scope } from './handles.ts';
import type { Meter, Weight } from './meter.ts';
import type { TextEncoding } from './model.ts';
import { trap } from './trap.ts';

type Realloc = (old: number, oldSize: number, align: number, size: number) => number;

const NO_VIEW: DataView<ArrayBuffer> = new DataView(new ArrayBuffer(0));

/** One side of a call: the memory and the handles that a component's core values mean. All addresses are checked here. */
export class Region {
  readonly handles: Handles;
  /** Number of the component instance. */
  readonly instance: number;
  readonly text: TextEncoding;
  readonly #memory: WebAssembly.Memory | undefined;
  readonly #realloc: Realloc | undefined;
  readonly meter: Meter;
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
    this.meter = side.meter;
  }

  /** Of the memory as it is now: growing gives it another buffer. */
  get view(): DataView<ArrayBuffer> {
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

  /** Bytes of a value taken out, and what the values weigh that are made of them. They are a view: to be copied. */
  lift(address: number, length: number, align: number, { weight, items }: Weight): Uint8Array<ArrayBuffer> {
    const at = this.check(address, length, align);
    this.meter.lift(length + weight, items);
    return new Uint8Array(this.view.buffer, at, length);
  }

  /** Room in the guest's memory, from the guest, for what weighs so much beside its bytes. */
  allocate(size: number, align: number, weight: number): number {
    this.meter.lowered(size + weight);
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
