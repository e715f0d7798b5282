import assert from 'node:assert/strict';
import { WebSocket as WsClient } from 'ws';
import type { AgentOptions } from '../../../src/agent/agent.ts';
import { decode } from '../../../src/ipld/dag-json.ts';
import type { Ipld, IpldMap } from '../../../src/ipld/value.ts';
import { Door, module } from '../helpers.ts';

/** A real agent with a port for Homestar's clients, and clients as they are. */

export class HomestarPort implements AsyncDisposable {
  readonly door: Door;
  /** Of the module `numeric`. */
  readonly rsc: string;
  readonly #clients = new Set<Client>();

  private constructor(door: Door, rsc: string) {
    this.door = door;
    this.rsc = rsc;
  }

  static async open({ origins, ...options }: Partial<AgentOptions> & { readonly origins?: readonly string[] } = {}): Promise<HomestarPort> {
    const door = await Door.open({ homestar: { port: 0, ...(origins === undefined ? {} : { origins }) }, ...options });
    return new HomestarPort(door, await stored(door, 'numeric'));
  }

  get url(): string {
    return this.door.agent.homestarUrl!;
  }

  get port(): number {
    return Number(new URL(this.url).port);
  }

  /** The WebSocket of Node, as browsers have it; or that of `ws`. */
  async client(kind: 'node' | 'ws' = 'ws'): Promise<Client> {
    const url = this.url.replace('http', 'ws');
    const client = new Client(kind === 'ws' ? (new WsClient(url) as unknown as WebSocket) : new WebSocket(url));
    this.#clients.add(client);
    await client.opened;
    return client;
  }

  /** A task that calls an export of `numeric`. */
  task(
    func: string,
    args: readonly unknown[],
    { nnc = '', rsc = this.rsc, meta = {} }: { readonly nnc?: string; readonly rsc?: string; readonly meta?: IpldMap } = {},
  ): IpldMap {
    const input = { args: args as readonly Ipld[], func };
    return { cause: null, meta: { memory: 4294967296, time: 100000, ...meta }, prf: [], run: { input, nnc, op: 'wasm/run', rsc } };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) client.close();
    await this.door[Symbol.asyncDispose]();
  }
}

/** Stores a guest; gives what tasks name it by. */
export async function stored(door: Door, guest: string): Promise<string> {
  const reply = await door.ask('POST', '/v1/blobs', { body: module(guest) });
  const { cid } = (await reply.json()) as { cid: string };
  return `ipfs://${cid}`;
}

interface Reply {
  readonly id: unknown;
  readonly result?: unknown;
  readonly error?: { readonly code: number; readonly message: string; readonly data?: Record<string, unknown> };
}

interface Notification {
  readonly method: string;
  readonly params: Readonly<Record<string, unknown>>;
}

/** What a notification about a receipt says. */
export interface Told {
  readonly metadata: { readonly name: string; readonly replayed: boolean; readonly workflow: Ipld };
  readonly receipt: IpldMap & { readonly out: readonly [string, Ipld] };
  readonly receipt_cid: Ipld;
}

export class Client {
  readonly socket: WebSocket;
  readonly opened: Promise<void>;
  readonly closed: Promise<number>;
  /** In the order they came. */
  readonly notifications: Notification[] = [];
  readonly #replies = new Map<unknown, (reply: Reply) => void>();
  #changed = Promise.withResolvers<void>();
  #last = 0;

  constructor(socket: WebSocket) {
    this.socket = socket;
    this.opened = new Promise((resolve, reject) => {
      socket.addEventListener('open', () => resolve());
      socket.addEventListener('error', () => reject(new Error('no connection')));
    });
    this.opened.catch(() => {});
    this.closed = new Promise((resolve) => socket.addEventListener('close', ({ code }) => resolve(code)));
    socket.addEventListener('message', ({ data }) => this.#take(JSON.parse(String(data)) as Reply | Notification));
  }

  #take(message: Reply | Notification): void {
    if ('method' in message) this.notifications.push(message);
    else this.#replies.get(message.id)?.(message);
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  send(text: string): void {
    this.socket.send(text);
  }

  ask(method: string, params?: unknown, id: unknown = ++this.#last): Promise<Reply> {
    const reply = new Promise<Reply>((resolve) => this.#replies.set(id, resolve));
    this.send(JSON.stringify({ jsonrpc: '2.0', id, method, ...(params === undefined ? {} : { params }) }));
    return reply;
  }

  /** The reply to whatever is sent, by its id. */
  answer(text: string, id: unknown): Promise<Reply> {
    const reply = new Promise<Reply>((resolve) => this.#replies.set(id, resolve));
    this.send(text);
    return reply;
  }

  async call<T>(method: string, params?: unknown): Promise<T> {
    const { result, error } = await this.ask(method, params);
    assert.equal(error, undefined, JSON.stringify(error));
    return result as T;
  }

  /** Subscribes to a run; gives the id. */
  run(request: unknown): Promise<string> {
    return this.call<string>('subscribe_run_workflow', [request]);
  }

  /** What it was told of receipts, of one subscription or of all. */
  receipts(subscription?: string): Told[] {
    return this.notifications
      .filter(
        ({ method, params }) =>
          method === 'subscribe_run_workflow' && (subscription === undefined || params['subscription'] === subscription),
      )
      .map(({ params }) => decode(Buffer.from(params['result'] as number[]).toString()) as unknown as Told);
  }

  events(event: string, subscription?: string): Readonly<Record<string, unknown>>[] {
    return this.notifications
      .filter(
        ({ method, params }) =>
          method === 'docket_run_event' &&
          params['event'] === event &&
          (subscription === undefined || params['subscription_id'] === subscription),
      )
      .map(({ params }) => params);
  }

  /** Waits until as many runs ended. */
  async ended(runs = 1, subscription?: string): Promise<Readonly<Record<string, unknown>>> {
    await this.until(() => this.events('ended', subscription).length >= runs);
    return this.events('ended', subscription)[runs - 1]!;
  }

  async until(isSo: () => boolean): Promise<void> {
    const gone = this.closed.then((code) => assert.fail(`the connection was closed: ${code}`));
    while (!isSo()) await Promise.race([this.#changed.promise, gone]);
    gone.catch(() => {});
  }

  close(): void {
    this.socket.close();
  }
}
