import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../../../src/base/clock.ts';
import { type ErrorCode, isDocketError } from '../../../src/errors.ts';
import * as Cid from '../../../src/ipld/cid.ts';
import type { HandClock } from '../../hand-clock.ts';
import { fetchPolicy, parseFetch } from '../../../src/agent/resources/fetch-policy.ts';
import type { FetchProgress } from '../../../src/agent/resources/fetch-progress.ts';
import { type FetchSettings, Resources } from '../../../src/agent/resources/resources.ts';
import type { ResourceShelf } from '../../../src/agent/resources/shelf.ts';
import { MemoryStore } from '../../../src/store/memory-store.ts';
import { HostileServer } from '../../store/hostile-server.ts';
import { car, type Imported } from '../../store/unixfs/helpers.ts';

/** What a gateway knows to give. */
export interface Offers {
  readonly car?: boolean;
  readonly raw?: boolean;
  readonly file?: boolean;
}

/** A gateway that holds one file, and does as it should. */
export function gatewayAnswer(held: Imported, bytes: Uint8Array, { car: cars = true, raw = true, file = true }: Offers = {}) {
  return (request: IncomingMessage, response: ServerResponse): void => {
    const url = new URL(request.url!, 'http://gateway');
    const name = /^\/(?:ipfs\/)?(\w+)?$/.exec(url.pathname)?.[1] ?? /^(\w+)\.ipfs\./.exec(request.headers.host ?? '')?.[1] ?? '';
    const format = url.searchParams.get('format');
    if (format === 'car' && cars && name === held.cid.toString()) {
      const blocks = [...held.blocks].toReversed().map(([cid, block]) => [Cid.parse(cid), block] as const);
      return send(response, car([held.cid], blocks), 'application/vnd.ipld.car; version=1');
    }
    const block = held.blocks.get(name);
    if (format === 'raw' && raw && block !== undefined) return send(response, block, 'application/vnd.ipld.raw');
    if (format === null && file && name === held.cid.toString()) return send(response, bytes, 'application/wasm');
    response.writeHead(404).end('no');
  };
}

export function send(response: ServerResponse, bytes: Uint8Array | string, type = 'application/octet-stream'): void {
  response.writeHead(200, { 'content-type': type }).end(bytes);
}

/** A store with its names, and who fetches into it. */
export class Fetcher {
  readonly store = new MemoryStore();
  readonly aliases = new Map<string, { readonly blob: Cid.CID; readonly isPlain: boolean }>();
  readonly progress: FetchProgress[] = [];
  readonly stop = new AbortController();
  readonly resources: Resources;
  readonly shelf: ResourceShelf;

  constructor(
    gateways: readonly string[],
    {
      fetch = [],
      ...settings
    }: Partial<Omit<FetchSettings, 'policy'>> & { readonly fetch?: readonly string[]; readonly clock?: Clock } = {},
  ) {
    this.shelf = {
      store: this.store,
      find: async (name) => this.aliases.get(name.toString())?.blob,
      file: async (name, { blob, isPlain }) => void this.aliases.set(name.toString(), { blob, isPlain }),
    };
    const policy = fetchPolicy(
      fetch.map((text) => parseFetch(text)!),
      gateways,
    );
    this.resources = new Resources(
      this.shelf,
      { policy, gateways, onProgress: (progress) => this.progress.push(progress), ...settings },
      this.stop.signal,
    );
  }

  async count(): Promise<number> {
    return (await Array.fromAsync(this.store.list())).length;
  }
}

/** The `HOST:PORT` by which a server is named. */
export function hostOf({ url }: HostileServer): string {
  return new URL(url).host;
}

/** A gateway that holds blocks, and gives each by itself. */
export function blockAnswer({ blocks }: Pick<Imported, 'blocks'>) {
  return (request: IncomingMessage, response: ServerResponse): void => {
    const url = new URL(request.url!, 'http://gateway');
    const name = /^\/(?:ipfs\/)?(\w+)?$/.exec(url.pathname)?.[1] ?? /^(\w+)\.ipfs\./.exec(request.headers.host ?? '')?.[1] ?? '';
    const block = blocks.get(name);
    if (url.searchParams.get('format') === 'raw' && block !== undefined) return send(response, block, 'application/vnd.ipld.raw');
    response.writeHead(404).end('no');
  };
}

export async function refused(promise: Promise<unknown>, code: ErrorCode, message: RegExp): Promise<void> {
  await assert.rejects(promise, (error) => {
    assert.ok(isDocketError(error, code), String(error));
    assert.match(error.message, message);
    return true;
  });
}

/** A clock that is moved on as long as somebody waits for it. */
export async function hurried<T>(clock: HandClock, work: Promise<T>): Promise<T> {
  const state = { isOver: false };
  const over = work.finally(() => (state.isOver = true));
  over.catch(() => {});
  while (!state.isOver) {
    await new Promise((resolve) => setImmediate(resolve));
    // Only pauses: who waits for a server may still get its answer.
    const [timer] = clock.timers;
    if (clock.timers.size === 1 && timer!.due - clock.now() < 30_000) await clock.tick();
  }
  return await over;
}
