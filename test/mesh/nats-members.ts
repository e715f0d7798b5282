import { systemClock } from '../../src/base/clock.ts';
import type { DocketError } from '../../src/errors.ts';
import type { Link, Mesh } from '../../src/mesh/mesh.ts';
import { Connection } from '../../src/mesh/nats/connection.ts';
import { Engine } from '../../src/mesh/nats/engine.ts';
import { openNatsMesh } from '../../src/mesh/nats/open.ts';
import type { NatsOptions } from '../../src/mesh/nats/options.ts';
import { Subjects } from '../../src/mesh/nats/subjects.ts';

export const [ANN, BEN, CAT] = ['did:key:z6MkAnn', 'did:key:z6MkBen', 'did:key:z6MkCat'] as const;

const MEBIBYTE = 2 ** 20;
const LIMIT = { bytes: 16 * MEBIBYTE, age: 0 };
/** What is promised to many meshes on one server has to fit on its disk. */
export const SMALL = { records: LIMIT, results: LIMIT, journals: LIMIT, objects: LIMIT, catalog: LIMIT };

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
export const textOf = (given: Uint8Array | undefined): string | undefined =>
  given === undefined ? undefined : new TextDecoder().decode(given);
export const keyOf = (number: number): Uint8Array => new Uint8Array(32).fill(number);

export interface Member extends AsyncDisposable {
  readonly mesh: Mesh;
  readonly faults: readonly DocketError[];
}

export async function join(servers: string | readonly string[], self: string, options: Partial<NatsOptions> = {}): Promise<Member> {
  const faults: DocketError[] = [];
  const mesh = await openNatsMesh({
    servers: typeof servers === 'string' ? [servers] : servers,
    name: 'lab',
    self,
    clock: systemClock,
    limits: SMALL,
    onFault: (fault) => faults.push(fault),
    ...options,
  });
  return { mesh, faults, [Symbol.asyncDispose]: async () => await mesh[Symbol.asyncDispose]() };
}

/** What a member's records, results, journals and objects are made of. */
export async function engineAt(server: string, given: Partial<NatsOptions> = {}): Promise<{ readonly engine: Engine } & AsyncDisposable> {
  const subjects = new Subjects('lab');
  const options = { servers: [server], name: 'lab', self: ANN, clock: systemClock, limits: SMALL, ...given };
  const connection = await Connection.open(options, subjects.inbox(''));
  return { engine: new Engine(connection, subjects, options), [Symbol.asyncDispose]: async () => await connection[Symbol.asyncDispose]() };
}

/** Resolves when the member's link is so. */
export async function linked(mesh: Mesh, tag: Link['tag']): Promise<Link> {
  const { promise, resolve } = Promise.withResolvers<Link>();
  using _listening = mesh.onLink((link) => {
    if (link.tag === tag) resolve(link);
  });
  return mesh.link.tag === tag ? mesh.link : await promise;
}

/** Some two minutes and more. */
const MOST_LOOKS = 6_000;

/** Tries until it is so: the engine takes its time. Throws when it took too long. */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  // Also a test that was given up goes on until this ends, and its file with it.
  for (let looks = 0; !(await isSo()); looks++) {
    if (looks === MOST_LOOKS) throw new Error('waited too long');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
