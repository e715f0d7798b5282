import { randomBytes } from 'node:crypto';
import { closeSync, fstatSync, readSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { writeAll } from '../base/write-all.ts';
import * as Files from './claim-files.ts';
import { type ClaimRecord, decodeRecords, encodeRecords, nameOf, RECORD_BYTES, TAG_BYTES } from './claim-record.ts';
import { ClaimTable } from './claim-table.ts';
import { Lock } from './locks.ts';
import { writeFailure } from './write-failure.ts';

/**
 * Who does which work at the moment, among all commands of a home: one file to which everybody appends what they begin and what they let go of.
 * Work is named by its resolved key. A claim saves work and guards nothing: where one is lost, two commands do the same.
 *
 * Invariants
 * C1. What is appended has one order, the same for all. (Whether a claimant that was suspended for a while still holds is not: then two do the work.) Of
 *     the claims of a piece of work that were not let go of, the first whose claimant lives
 *     holds. Who claims reads on past the own claim before believing it.
 * C2. A claimant lives as long as its lock `claimant-<tag>` is held and its process does not stand still: the work of one that was killed or
 *     suspended is free without anybody's doing.
 * C3. Results are filed before work is let go of. So who found none, and then gets the work without `hasChanged` since, has missed none.
 * C4. A file that grew large is replaced by one with the claims of those who live. The others notice that theirs has lost its name, go over
 *     to the new one, and claim there what they find missing.
 */

/** Bytes after which the file is replaced. */
const LARGE = 1024 * 1024;
const CHUNK = 64 * 1024;

interface ClaimsOptions {
  /** Bytes after which the file is replaced; default 1 MiB. */
  readonly large?: number;
}

interface Membership {
  readonly lock: Lock;
  descriptor: number;
  /** How far the file is read. */
  offset: number;
  /** Bytes that were appended here since. */
  appended: number;
}

/** The claims of one claimant, and what it knows of those of others. Throws `STORE_FULL`, `HOME_UNUSABLE`. */
export class Claims implements Disposable {
  readonly #folder: string;
  readonly #file: string;
  readonly #large: number;
  readonly #tag = randomBytes(TAG_BYTES).toString('latin1');
  readonly #others = new ClaimTable();
  /** Names of the work claimed here. */
  readonly #held = new Set<string>();
  /** Those of them whose place in the order is not known yet. */
  readonly #open = new Set<string>();
  /** Those that somebody else had claimed before. */
  readonly #lost = new Set<string>();
  #membership: Membership | undefined;
  /** Bytes after which it is time to replace the file. */
  #limit: number;

  /** `folder` is that of the home's locks. Nothing is made there before the first use. */
  constructor(folder: string, { large = LARGE }: ClaimsOptions = {}) {
    this.#folder = folder;
    this.#file = join(folder, Files.CLAIMS);
    this.#large = this.#limit = large;
  }

  /** A moment, for `hasChanged`. */
  now(): number {
    if (this.#membership === undefined) this.#with(() => {});
    return this.#others.changes;
  }

  /** Whether others may have let go of this work since then, as far as `take` and `areTaken` have read. */
  hasChanged(key: Uint8Array, since: number): boolean {
    return since !== this.#others.changes && this.#others.hasChanged(nameOf(key), since);
  }

  /** Claims work that is about to be done; for each, whether it is ours. What is not is not claimed. */
  take(keys: readonly Uint8Array[]): boolean[] {
    return this.#with((membership) => {
      const names = keys.map(nameOf);
      const fresh = names.filter((name) => !this.#held.has(name));
      for (const name of fresh) {
        this.#held.add(name);
        this.#open.add(name);
      }
      this.#append(membership, 'claim', fresh);
      this.#read(membership);
      // One that is not in the file after all, since the file is damaged, counts as the first.
      if (this.#open.size > 0 || membership.offset > this.#limit) this.#replace(membership);
      this.#open.clear();
      const ours = names.map((name) => !this.#lost.has(name));
      this.#letGo(membership, [...this.#lost]);
      this.#lost.clear();
      return ours;
    });
  }

  /** The work is done and its result filed, or none will come. */
  drop(keys: readonly Uint8Array[]): void {
    this.#with((membership) => {
      const names = keys.map(nameOf);
      this.#letGo(
        membership,
        names.filter((name) => this.#held.has(name)),
      );
    });
  }

  /** For each, whether somebody else who lives claims it now. */
  areTaken(keys: readonly Uint8Array[]): boolean[] {
    return this.#with((membership) => {
      this.#read(membership);
      const lives = this.#census();
      return keys.map((key) => this.#others.holder(nameOf(key), lives) !== undefined);
    });
  }

  /** What fails is the disk or the home. */
  #with<T>(work: (membership: Membership) => T): T {
    try {
      return work((this.#membership ??= this.#join()));
    } catch (cause) {
      throw writeFailure(this.#file, cause);
    }
  }

  #join(): Membership {
    for (;;) {
      const lock = Lock.tryAcquire(Files.lockOf(this.#folder, this.#tag));
      // Nobody else wants it, but who sweeps may hold it for a moment.
      if (lock !== undefined) return { lock, descriptor: Files.open(this.#file), offset: 0, appended: 0 };
    }
  }

  #records(kind: ClaimRecord['kind'], names: readonly string[]): ClaimRecord[] {
    return names.map((name) => ({ kind, tag: this.#tag, name }));
  }

  #append(membership: Membership, kind: ClaimRecord['kind'], names: readonly string[]): void {
    if (names.length === 0) return;
    writeAll(membership.descriptor, encodeRecords(this.#records(kind, names)));
    membership.appended += names.length * RECORD_BYTES;
  }

  #letGo(membership: Membership, names: readonly string[]): void {
    for (const name of names) this.#held.delete(name);
    this.#append(membership, 'release', names);
  }

  /** Takes note of what was appended since the last time. */
  #read(membership: Membership): void {
    const { size, nlink } = fstatSync(membership.descriptor);
    if (nlink === 0 || size < membership.offset) return this.#goOver(membership);
    if (size > membership.offset + membership.appended) {
      const own = this.#readOn(membership, size);
      // Copied while the file was replaced, after they had been let go of.
      this.#letGo(
        membership,
        [...own].filter((name) => !this.#held.has(name)),
      );
      return;
    }
    // Nobody else wrote anything, which is how it mostly is.
    const lives = this.#census();
    for (const name of this.#open) this.#decide(name, lives);
    this.#open.clear();
    membership.offset = size;
    membership.appended = 0;
  }

  /** Reads on to `size`. Gives the claims of this claimant it has met that were not followed by a release. */
  #readOn(membership: Membership, size: number): Set<string> {
    const lives = this.#census();
    const own = new Set<string>();
    const chunk = Buffer.allocUnsafe(Math.min(CHUNK, size - membership.offset));
    membership.appended = 0;
    while (membership.offset + RECORD_BYTES <= size) {
      const count = readSync(membership.descriptor, chunk, 0, chunk.length, membership.offset);
      const whole = count - (count % RECORD_BYTES);
      if (whole === 0) break;
      membership.offset += whole;
      for (const record of decodeRecords(chunk.subarray(0, whole))) {
        const { kind, tag, name } = record;
        if (tag !== this.#tag) this.#others.note(record);
        else if (kind === 'release') own.delete(name);
        else {
          own.add(name);
          if (this.#open.delete(name)) this.#decide(name, lives);
        }
      }
    }
    return own;
  }

  /** To be called when all that was claimed before this name is known, and nothing that came after. */
  #decide(name: string, lives: (tag: string) => boolean): void {
    if (this.#others.holder(name, lives) !== undefined) this.#lost.add(name);
  }

  /** The file has lost its name, or what it held: goes on with the one that has it. */
  #goOver(membership: Membership): void {
    closeSync(membership.descriptor);
    membership.descriptor = Files.open(this.#file);
    membership.offset = 0;
    this.#others.clear();
    const own = this.#readOn(membership, fstatSync(membership.descriptor).size);
    const missing = [...this.#held].filter((name) => !own.has(name) && !this.#lost.has(name));
    this.#append(membership, 'claim', missing);
    this.#letGo(
      membership,
      [...own].filter((name) => !this.#held.has(name)),
    );
    if (missing.length > 0) this.#read(membership);
  }

  /** Puts a file in the place of this one that holds what is claimed now, and nothing else. */
  #replace(membership: Membership): void {
    const gate = Lock.tryAcquire(join(this.#folder, Files.REPLACING), { patience: 0 });
    // Somebody else is at it.
    if (gate === undefined) return;
    try {
      const { descriptor: old } = membership;
      this.#read(membership);
      if (membership.descriptor !== old) return;
      const made = Files.replacementBy(this.#folder, this.#tag);
      rmSync(made, { force: true });
      const descriptor = Files.open(made);
      try {
        const held = [...this.#held].filter((name) => !this.#lost.has(name));
        writeAll(descriptor, encodeRecords([...this.#records('claim', held), ...this.#others.list(this.#census())]));
        renameSync(made, this.#file);
        // What is appended to the old one from now on is noticed by who does it; what came just before the renaming is not.
        writeAll(descriptor, Files.readFrom(old, membership.offset));
      } finally {
        closeSync(descriptor);
      }
      this.#goOver(membership);
      this.#limit = Math.max(this.#large, 2 * membership.offset);
    } finally {
      gate.remove();
    }
  }

  /** Whether a claimant lives is asked once, so this serves for one turn only. */
  #census(): (tag: string) => boolean {
    const known = new Map<string, boolean>();
    return (tag) => {
      let lives = known.get(tag);
      if (lives === undefined) known.set(tag, (lives = Files.isActive(Files.lockOf(this.#folder, tag))));
      return lives;
    };
  }

  /** Lets go of everything. */
  [Symbol.dispose](): void {
    if (this.#membership === undefined) return;
    closeSync(this.#membership.descriptor);
    this.#membership.lock.remove();
    this.#membership = undefined;
    Files.sweepClaims(this.#folder);
  }
}
