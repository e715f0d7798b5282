import { closeSync, existsSync, openSync, readFileSync, rmSync } from 'node:fs';
import { writeAll } from '../base/write-all.ts';
import { DocketError, systemCode } from '../errors.ts';
import type { SpareFlights } from './spare-flights.ts';
import { writeFailure } from './write-failure.ts';

/**
 * Which tasks of a run were given to a runner, made with the first: one line `<index> <attempt>` each, appended at once and never rewritten; `-<index> <attempt>` takes
 * back what a runner gave back unstarted, and what has its receipt while its task has no row yet. When the coordinator was killed, those without a result in the ledger were in
 * flight. The kernel keeps what a killed process wrote; after
 * a power cut lines may be missing, which is why nothing is concluded from their absence.
 */

/** An attempt that was begun. */
export interface Started {
  /** Position of the task in the plan. */
  readonly index: number;
  readonly attempt: number;
}

/** Whole lines only: what a killed writer left of its last line counts as not written. */
const LINE = /^(-?)([0-9]{1,10}) ([0-9]{1,10})$/;

export class Flight {
  readonly #path: string;
  readonly #spares: SpareFlights | undefined;
  #descriptor: number | undefined;
  /** Whether a killed writer, or a full disk, may have left a line unfinished: it must not run into the next. */
  #isTorn = false;
  #isClosed = false;

  /** The journal at `path`, or a new one; out of the spares if there are some. */
  constructor(path: string, spares?: SpareFlights) {
    this.#path = path;
    this.#spares = spares;
  }

  /**
   * To be called before the tasks are handed over. One system call for all: each costs as much as the encoding of a small task. Throws
   * `STORE_FULL`, `HOME_UNUSABLE`.
   */
  started(attempts: readonly Started[]): void {
    this.#append(attempts.map(({ index, attempt }) => `${index} ${attempt}\n`).join(''));
  }

  /** The attempt is no more: nothing of the task had run, or it has its receipt and the task waits for more. */
  returned({ index, attempt }: Started): void {
    this.#append(`-${index} ${attempt}\n`);
  }

  #append(text: string): void {
    if (this.#isClosed) throw new DocketError('INTERNAL', `${this.#path} is closed`);
    try {
      if (this.#descriptor === undefined) this.#begin(text);
      else this.#write(text);
    } catch (cause) {
      this.#isTorn = true;
      throw writeFailure(this.#path, cause);
    }
  }

  #begin(text: string): void {
    const spare = existsSync(this.#path) ? undefined : this.#spares?.take(this.#path);
    this.#descriptor = spare ?? openSync(this.#path, 'a', 0o600);
    this.#isTorn = spare === undefined;
    this.#write(text);
  }

  #write(text: string): void {
    writeAll(this.#descriptor!, Buffer.from(this.#isTorn ? `\n${text}` : text, 'latin1'));
    this.#isTorn = false;
  }

  /** Keeps the file. A second time does nothing. */
  close(): void {
    this.#isClosed = true;
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }

  /** The run ended and all is in the ledger: the journal is no more, whether anything was begun or not. */
  remove(): void {
    if (this.#descriptor !== undefined && this.#spares?.give(this.#path, this.#descriptor) === true) {
      this.#descriptor = undefined;
      this.#isClosed = true;
      return;
    }
    this.close();
    Flight.discard(this.#path);
  }

  /** All attempts begun and not taken back, in order; empty if there is no journal. */
  static read(path: string): Started[] {
    let text: string;
    try {
      text = readFileSync(path, 'latin1');
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return [];
      throw error;
    }
    const whole = text.slice(0, text.lastIndexOf('\n') + 1);
    const begun: Started[] = [];
    for (const line of whole.split('\n')) {
      const [, sign, index, attempt] = LINE.exec(line) ?? [];
      if (index === undefined) continue;
      const started = { index: Number(index), attempt: Number(attempt) };
      if (sign === '') begun.push(started);
      else takeBack(begun, started);
    }
    return begun;
  }

  /** Deletes a journal; absent is no error. */
  static discard(path: string): void {
    rmSync(path, { force: true });
  }
}

function takeBack(begun: Started[], { index, attempt }: Started): void {
  const at = begun.findLastIndex((started) => started.index === index && started.attempt === attempt);
  if (at >= 0) begun.splice(at, 1);
}
