import { closeSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { DocketError, systemCode } from '../errors.ts';
import { writeFailure } from './write-failure.ts';

/**
 * Which tasks of a run were given to a runner: one line `<index> <attempt>` each, appended at once and never rewritten; `-<index> <attempt>` takes
 * back what a runner gave back unstarted. When the coordinator was killed, those without a result in the ledger were in flight. The kernel keeps what a killed process wrote; after
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
  #descriptor: number | undefined;

  private constructor(path: string) {
    this.#path = path;
    try {
      this.#descriptor = openSync(path, 'a', 0o600);
    } catch (cause) {
      throw writeFailure(path, cause);
    }
    // Ends a line that a killed writer left unfinished; it must not run into ours.
    this.#append('\n');
  }

  /** Opens the journal at `path` for appending, making it if need be. Throws `STORE_FULL`, `HOME_UNUSABLE`; so does `started`. */
  static open(path: string): Flight {
    return new Flight(path);
  }

  /** To be called before the tasks are handed over. One system call for all: each costs as much as the encoding of a small task. */
  started(attempts: readonly Started[]): void {
    this.#append(attempts.map(({ index, attempt }) => `${index} ${attempt}\n`).join(''));
  }

  /** The task came back before anything of it had run: the attempt counts as not begun. */
  returned({ index, attempt }: Started): void {
    this.#append(`-${index} ${attempt}\n`);
  }

  #append(text: string): void {
    if (this.#descriptor === undefined) throw new DocketError('INTERNAL', `${this.#path} is closed`);
    try {
      writeSync(this.#descriptor, text);
    } catch (cause) {
      throw writeFailure(this.#path, cause);
    }
  }

  /** Keeps the file. A second time does nothing. */
  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }

  /** Closes and deletes it: the run ended and all is in the ledger. */
  remove(): void {
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
