import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Engine } from '../../../src/agent/engine.ts';
import { allOps } from '../../../src/agent/op-policy.ts';
import type { Bring } from '../../../src/agent/mesh/host-blobs.ts';
import type { DriverOf } from '../../../src/agent/mesh/host-contest.ts';
import { hostCounts } from '../../../src/agent/mesh/host-counts.ts';
import { Host } from '../../../src/agent/mesh/host.ts';
import { listenToWork } from '../../../src/agent/mesh/work-line.ts';
import { type Clock, systemClock } from '../../../src/base/clock.ts';
import { DocketError } from '../../../src/errors.ts';
import * as Cid from '../../../src/ipld/cid.ts';
import type { IpldMap } from '../../../src/ipld/value.ts';
import type { Permission } from '../../../src/manifest/model.ts';
import { LocalMesh } from '../../../src/mesh/local/local-mesh.ts';
import type { Mesh } from '../../../src/mesh/mesh.ts';
import { decodeWork, encodeWork } from '../../../src/protocol/mesh/work-codec.ts';
import type { AttemptName, DriveName, EndedTask, HeldState, Offer, OfferedTask, WorkMessage } from '../../../src/protocol/mesh/work.ts';
import { decode, verify } from '../../../src/receipt/verify.ts';
import type { Receipt } from '../../../src/receipt/model.ts';
import { Metrics } from '../../../src/telemetry/metrics.ts';
import { GUESTS, Place } from '../helpers.ts';
import type { HandClock } from '../../hand-clock.ts';

/** A real host, on a home of its own with real slots, and coordinators that say what a test has them say. */

export const RUN = '01K00000000000000000000000';

export const guest = (name: string): Uint8Array => readFileSync(join(GUESTS, `${name}.wasm`));
export const NUMERIC = guest('numeric');
export const LOOP = guest('loop');
const PATIENCE = 60_000;

export function offered(
  over: Partial<OfferedTask> & { readonly func?: string; readonly args?: IpldMap['args']; readonly meta?: IpldMap } = {},
): OfferedTask {
  const { func = 'add', args = [1, 2], meta = {}, ...rest } = over;
  const module = rest.module ?? Cid.ofBlob(NUMERIC);
  const run = { rsc: `ipfs://${module}`, op: 'wasm/run', input: { func, args }, nnc: '' };
  const work = rest.work ?? { run, cause: null, meta, prf: [] };
  return {
    ...{ task: 0, attempt: 1, priority: 1, depth: 1, alone: false, slots: 1, isForced: false, label: func, small: {}, holders: [] },
    module,
    work,
    input: work.run.input,
    ...rest,
  };
}

/** Runs until it is killed. `nnc` tells one from another. */
export function endless(over: Partial<OfferedTask> & { readonly nnc?: string; readonly meta?: IpldMap } = {}): OfferedTask {
  const { nnc = '', meta = {}, ...rest } = over;
  const module = Cid.ofBlob(LOOP);
  const run = { rsc: `ipfs://${module}`, op: 'wasm/run', input: { func: 'loop', args: [] }, nnc };
  return offered({ module, work: { run, cause: null, meta, prf: [] }, label: 'loop', ...rest });
}

/** A coordinator, as far as a host can see. */
export class Coordinator implements AsyncDisposable {
  readonly mesh: Mesh;
  readonly heard: WorkMessage[] = [];
  readonly #host: string;
  readonly #waiting = new Set<() => void>();

  constructor(mesh: Mesh, host: string) {
    this.mesh = mesh;
    this.#host = host;
    mesh.messages.onMessage((from, bytes) => {
      const read = decodeWork(bytes);
      assert.ok('message' in read, 'a host sends what can be read');
      assert.equal(from, host);
      this.heard.push(read.message);
      for (const look of this.#waiting) look();
    });
  }

  offer(tasks: readonly OfferedTask[], over: Partial<Offer> = {}): void {
    this.send({ kind: 'offer', run: RUN, epoch: 1, weight: 1, tasks, kept: [], ...over });
  }

  send(message: WorkMessage): void {
    this.sendBytes(encodeWork(message));
  }

  sendBytes(bytes: Uint8Array): void {
    this.mesh.messages.send(this.#host, bytes);
  }

  withdraw(tasks: readonly AttemptName[], over: Partial<DriveName> = {}): void {
    this.send({ kind: 'withdraw', run: RUN, epoch: 1, ...over, tasks });
  }

  received(tasks: readonly AttemptName[], over: Partial<DriveName> = {}): void {
    this.send({ kind: 'received', run: RUN, epoch: 1, ...over, tasks });
  }

  /** What `find` finds in what was heard, now or later. */
  async until<T>(find: () => T | undefined, what: string): Promise<T> {
    const found = Promise.withResolvers<T>();
    const look = (): void => {
      const value = find();
      if (value !== undefined) found.resolve(value);
    };
    const late = setTimeout(() => found.reject(new Error(`no ${what}; heard: ${JSON.stringify(this.heard).slice(0, 2000)}`)), PATIENCE);
    this.#waiting.add(look);
    try {
      look();
      return await found.promise;
    } finally {
      this.#waiting.delete(look);
      clearTimeout(late);
    }
  }

  ends(task = 0, attempt = 1): readonly EndedTask[] {
    return this.heard.flatMap((message) =>
      message.kind === 'ends' ? message.tasks.filter((end) => end.task === task && end.attempt === attempt) : [],
    );
  }

  /** The end of an attempt, with its receipt, which is sound. */
  async end(task = 0, attempt = 1): Promise<{ readonly end: EndedTask; readonly receipt: Receipt }> {
    const end = await this.until(() => this.ends(task, attempt)[0], `end of ${task}/${attempt}`);
    assert.deepEqual(verify(end.receipt), []);
    return { end, receipt: decode(end.receipt).receipt };
  }

  /** What was said of an attempt, in order. */
  said(task = 0, attempt = 1): readonly { readonly state: HeldState; readonly message: string | undefined }[] {
    return this.heard.flatMap((message) =>
      message.kind === 'states'
        ? message.tasks
            .filter((held) => held.task === task && held.attempt === attempt)
            .map(({ state, message: why }) => ({ state, message: why }))
        : [],
    );
  }

  async state(state: HeldState, task = 0, attempt = 1): Promise<string | undefined> {
    const said = await this.until(() => this.said(task, attempt).find((each) => each.state === state), `${state} of ${task}/${attempt}`);
    return said.message;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.mesh[Symbol.asyncDispose]();
  }
}

interface HostingOptions {
  readonly slots?: number;
  readonly clock?: Clock;
  readonly room?: number;
  readonly bytes?: number;
  readonly ops?: readonly string[];
  readonly policy?: readonly Permission[];
  /** Default: nobody has anything. */
  readonly bring?: (hosting: Hosting) => Bring;
  /** Modules that are in the home from the start; default numeric and loop. */
  readonly modules?: readonly Uint8Array[];
}

export class Hosting implements AsyncDisposable {
  readonly place: Place;
  readonly engine: Engine;
  readonly meshes: LocalMesh;
  readonly metrics = new Metrics();
  readonly gone = new Set<string>();
  isDraining = false;
  /** What the record of each run says. */
  driver: Awaited<ReturnType<DriverOf>> = 'nobody';
  host!: Host;
  readonly #stack = new AsyncDisposableStack();

  private constructor(place: Place, engine: Engine) {
    this.place = place;
    this.engine = engine;
    this.meshes = new LocalMesh();
  }

  /** `place`: that of another, which removes it. */
  static async open(
    { slots = 1, clock = systemClock, modules = [NUMERIC, LOOP], ...options }: HostingOptions = {},
    shared?: Place,
  ): Promise<Hosting> {
    const place = shared ?? new Place();
    const engine = await Engine.open({ home: place.paths.home, slots, clock });
    const hosting = new Hosting(place, engine);
    if (shared === undefined) hosting.#stack.use(place);
    hosting.#stack.use(engine);
    for (const module of modules) await engine.store.put(module);
    const mesh = hosting.#stack.use(hosting.meshes.join(engine.key.did));
    const counts = hostCounts(hosting.metrics, () => hosting.host.held);
    const nobody: Bring = async (cid) => {
      throw new DocketError('BLOB_MISSING', `nobody has ${cid}`);
    };
    const opening = Host.open({
      engine,
      messages: mesh.messages,
      terms: { ops: options.ops ?? allOps(), policy: options.policy ?? [], tags: { zone: 'eu' }, memory: 2 ** 32, slots },
      bring: options.bring?.(hosting) ?? nobody,
      isGone: (did) => hosting.gone.has(did),
      isDraining: () => hosting.isDraining,
      driverOf: async () => hosting.driver,
      counts,
      ...(options.room === undefined ? {} : { room: options.room }),
      ...(options.bytes === undefined ? {} : { bytes: options.bytes }),
    });
    // Who is refused leaves nothing open.
    opening.catch(() => hosting[Symbol.asyncDispose]());
    const host = await opening;
    hosting.host = hosting.#stack.use(host);
    hosting.#stack.use(listenToWork(mesh.messages, { host, coordinators: { receive: () => {} }, counts, refused: () => {} }));
    return hosting;
  }

  coordinator(did = 'did:key:zCoordinator'): Coordinator {
    return this.#stack.use(new Coordinator(this.meshes.join(did), this.engine.key.did));
  }

  /** Lines of what is counted that have this in them. */
  async counted(part: string): Promise<readonly string[]> {
    return (await this.metrics.text()).split('\n').filter((line) => line.includes(part) && !line.startsWith('#'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

/** So many seconds of this clock, one after another, with turns for others in between. */
export async function seconds(clock: HandClock, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    clock.advance(1_000);
    if (i % 50 === 0 || count < 50) await new Promise((resolve) => setImmediate(resolve));
  }
}
