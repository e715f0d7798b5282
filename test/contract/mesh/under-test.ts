import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isDocketError, type ErrorCode } from '../../../src/errors.ts';
import type { Mesh } from '../../../src/mesh/mesh.ts';

/** One implementation under test, with an engine or a name of its own. Disposing it disposes of the members it opened. */
export interface MeshUnderTest extends AsyncDisposable {
  /** A member that hears and is heard. */
  open(did: string): Promise<Mesh>;
  /** A member of another mesh on the same engine. */
  openElsewhere(did: string): Promise<Mesh>;
  /** Has the engine lose all records. */
  loseRecords(): Promise<void>;
  /** A member that may only read, where there can be one. */
  openReader?(did: string): Promise<Mesh>;
  /** Takes the engine away from a member, where that can be done. Need not wait until it notices. */
  cut?(member: Mesh): Promise<void>;
  heal?(member: Mesh): Promise<void>;
}

export type Check = (what: string, body: (under: MeshUnderTest) => Promise<void>) => void;

export function checkWith(make: () => Promise<MeshUnderTest>): Check {
  return (what, body) => {
    test(what, async () => {
      await using under = await make();
      await body(under);
    });
  };
}

export const [ANN, BEN, CAT] = ['did:key:z6MkAnn', 'did:key:z6MkBen', 'did:key:z6MkCat'] as const;
export const SOON = { patience: 200 };
/** Longer than a test may take: what it is given to may not wait for it. */
export const LATE = { patience: 600_000 };
export const never = new AbortController().signal;

/** Not words, and for engines perhaps more than that. */
export const NO_WORDS = [
  '',
  ' ',
  'a b',
  'a.b',
  '.',
  '*',
  '>',
  'did:key:*',
  'a/b',
  'a\n',
  '\0',
  'ä',
  '$JS',
  'x'.repeat(256),
  'x'.repeat(100_000),
];
export const NO_KEYS = [...NO_WORDS.filter((word) => word !== 'a.b'), 'a.', '.a', 'a..b', 'a.*', 'a.>', '../a', 'a.ä', 'a. b'];
/** Words all the same. */
export const ODD_KEYS = [
  '-',
  '_',
  ':',
  '0',
  '__proto__',
  'constructor',
  'a:b.c-d_e',
  'did:key:z6MkAnn.x',
  'UPPER.case',
  'upper.case',
  'x'.repeat(255),
];

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
export const textOf = (given: Uint8Array | undefined): string | undefined =>
  given === undefined ? undefined : new TextDecoder().decode(given);
export const withCode =
  (code: ErrorCode) =>
  (error: unknown): boolean =>
    isDocketError(error, code);

/** What was heard, for who waits for some of it. */
export class Heard {
  readonly all: string[] = [];
  #news = Promise.withResolvers<void>();

  readonly listen = (from: string, given: Uint8Array): void => this.add(`${from} ${textOf(given)}`);

  add(what: string): void {
    this.all.push(what);
    this.#news.resolve();
    this.#news = Promise.withResolvers();
  }

  async until(isEnough: (all: readonly string[]) => boolean): Promise<void> {
    while (!isEnough(this.all)) await this.#news.promise;
  }

  /** Does something again and again until this was heard: messages may be lost. */
  async insist(action: () => void, ...wanted: readonly string[]): Promise<void> {
    action();
    // What is never heard shall end in the time-out of its test, not keep the process.
    const timer = setInterval(action, 50).unref();
    try {
      await this.until((all) => wanted.every((what) => all.includes(what)));
    } finally {
      clearInterval(timer);
    }
  }
}

/** The first `count` of what comes. */
export async function take<Item>(count: number, source: AsyncIterable<Item>): Promise<Item[]> {
  const taken: Item[] = [];
  if (count === 0) return taken;
  for await (const item of source) if (taken.push(item) === count) break;
  return taken;
}

export async function gather<Item>(source: AsyncIterable<Item>): Promise<Item[]> {
  return await Array.fromAsync(source);
}

/** Rejects with exactly this reason. */
export async function rejectsWith(reason: Error, promise: Promise<unknown>): Promise<void> {
  await assert.rejects(promise, (error) => error === reason);
}

/** An answer of somebody who may not have been heard of at the engine yet. */
export async function askUntilAnswered(asker: Mesh, to: string, question: string): Promise<string | undefined> {
  for (;;) {
    try {
      return textOf(await asker.messages.ask(to, bytes(question), SOON));
    } catch (error) {
      if (!isDocketError(error, 'MESH_NO_ANSWER')) throw error;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}
