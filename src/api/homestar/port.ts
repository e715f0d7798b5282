import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import type { Clock } from '../../base/clock.ts';
import { DocketError } from '../../errors.ts';
import type { Offered } from '../../protocol/peers.ts';
import type { Access } from '../access.ts';
import { BodyMemory } from '../body-memory.ts';
import { problemReply } from '../problem.ts';
import type { RateLimit } from '../rate-limit.ts';
import { asText, awake, BODY_IDLE, limited } from '../request-body.ts';
import type { Reply } from '../route.ts';
import { send } from '../send.ts';
import { Client } from './client.ts';
import { Connection } from './connection.ts';
import { Followers } from './followers.ts';
import { failed, type Item, read, replied, ReplyRoom, unknownMethod } from './json-rpc.ts';
import { type Method, methodNamed, methodsOf } from './methods.ts';
import { NetworkWatch } from './network-watch.ts';

/**
 * The door that Homestar's clients know: JSON-RPC over a WebSocket, and what needs no subscription over HTTP too. They bring no token, so whoever reaches it may
 * do all it offers: run workflows, and be told their receipts. Hence it is to be reached from this machine alone, and from web pages only of the origins named.
 *
 * Invariants
 * W1. A request that calls the agent by a name that is not its own, or that a page of another origin sent, is refused before it is looked at: no page gets here by
 *     leading its own name to this machine.
 * W2. Every connection is either in `#connections` or closed; when the port is disposed of all are cut, and none is taken any more.
 * W3. What a client does is bounded for each (`Connection`, `Client`, `Followers`), and memory for unfinished messages for all of them together.
 */

/** Bytes of one message: as much as jsonrpsee takes, and so Homestar. */
const MOST_MESSAGE = 10 * 2 ** 20;
/** Bytes of all messages that are not whole yet. */
const MOST_HELD = 64 * 2 ** 20;
/** Frames of one message: many small ones would cost more than their bytes. */
const MOST_FRAGMENTS = 4_096;
/** Time between two beats, in ms. */
const BEAT = 30_000;

/** Paths of HTTP, with the methods they stand for. */
const PATHS: ReadonlyMap<string, string> = new Map(['health', 'metrics', 'node', 'rpc_discover'].map((name) => [`/${name}`, name]));

export interface PortOptions {
  readonly services: Offered;
  readonly access: Access;
  /** Origins of web pages that may come; `*` is every one. */
  readonly origins: readonly string[];
  readonly rate: RateLimit | undefined;
  readonly clock: Clock;
  /** `host:port` where it is reached. */
  readonly doors: () => readonly string[];
}

export class Port implements Disposable {
  readonly #options: PortOptions;
  readonly #methods: ReadonlyMap<string, Method>;
  readonly #followers: Followers;
  readonly #network: NetworkWatch;
  readonly #bodies = new BodyMemory({ most: MOST_HELD });
  readonly #sockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    // A small frame could unfold to anything.
    perMessageDeflate: false,
    maxPayload: MOST_MESSAGE,
    maxFragments: MOST_FRAGMENTS,
  });
  readonly #connections = new Set<Connection>();
  #state: 'open' | 'draining' | 'closed' = 'open';
  #cancelBeat: () => void;

  constructor(options: PortOptions) {
    const { services, clock } = options;
    this.#options = options;
    this.#methods = methodsOf(options);
    this.#followers = new Followers((run, signal, turn) => services.work.ends(run, signal, turn));
    this.#network = new NetworkWatch(services.peers, clock);
    this.#cancelBeat = clock.after(BEAT, () => this.#beat());
  }

  /** Answers a request over HTTP. */
  readonly handle = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    let headers: Record<string, string> = {};
    let reply: Reply;
    try {
      headers = this.#admit(incoming);
      reply = await this.#answer(incoming);
    } catch (error) {
      reply = problemReply(error);
    }
    await send(incoming, outgoing, { ...reply, headers: { ...reply.headers, ...headers } });
  };

  /** Takes up a WebSocket. */
  readonly upgrade = (incoming: IncomingMessage, stream: Duplex, head: Buffer): void => {
    try {
      this.#admit(incoming);
      if (this.#state !== 'open') throw new DocketError('NOT_READY', 'the agent takes no work: it is being stopped');
    } catch (error) {
      return refuse(stream, problemReply(error));
    }
    this.#sockets.handleUpgrade(incoming, stream, head, (socket) => {
      const admit = (): void => this.#take(incoming);
      const onIdle = (idle: Connection): void => this.#leaveIdle(idle);
      const held = this.#bodies.open();
      const connection: Connection = new Connection({
        socket,
        stream,
        held,
        answer: (text) => client.answer(text),
        onDone: () => this.#leaveIdle(connection),
      });
      const client = new Client(connection, {
        services: this.#options.services,
        methods: this.#methods,
        followers: this.#followers,
        network: this.#network,
        admit,
        onIdle,
      });
      this.#connections.add(connection);
      connection.signal.addEventListener('abort', () => this.#connections.delete(connection));
    });
  };

  /** From now on connections are closed as soon as there is nothing more to tell them, and no more are taken. */
  drain(): void {
    if (this.#state === 'open') this.#state = 'draining';
    for (const connection of this.#connections) this.#leaveIdle(connection);
  }

  [Symbol.dispose](): void {
    this.#state = 'closed';
    this.#cancelBeat();
    for (const connection of this.#connections) connection.cut();
  }

  #leaveIdle(connection: Connection): void {
    if (this.#state !== 'open' && !connection.isBusy && this.#followers.followed(connection) === 0) connection.leave();
  }

  #beat(): void {
    for (const connection of this.#connections) connection.beat();
    this.#cancelBeat = this.#options.clock.after(BEAT, () => this.#beat());
  }

  /** Gives the headers by which a browser lets the page have the reply. Throws `REQUEST_INVALID`, `FORBIDDEN`, `RATE_LIMITED`. */
  #admit(incoming: IncomingMessage): Record<string, string> {
    const { access, origins } = this.#options;
    const { host, origin } = incoming.headers;
    const isNamed = origin !== undefined && (origins.includes('*') || origins.includes(origin.toLowerCase()));
    const isOwn = origin === undefined || origin === `http://${host}`;
    if (!isNamed && !isOwn)
      throw new DocketError('FORBIDDEN', `the request comes from a web page of ${origin.slice(0, 200)}, which was not named`, {
        next: `Start the agent with --homestar-origin ${origin.slice(0, 200)} if you trust everything on that site to run workflows.`,
      });
    access.checkOrigin(host, undefined, incoming.socket.localAddress);
    this.#take(incoming);
    if (!isNamed) return {};
    return { 'access-control-allow-origin': origin, vary: 'origin' };
  }

  #take({ socket }: IncomingMessage): void {
    const { rate, access } = this.#options;
    rate?.take(access.clientOf(undefined, socket.remoteAddress));
  }

  async #answer(incoming: IncomingMessage): Promise<Reply> {
    const { method = '', url = '' } = incoming;
    const { pathname, searchParams } = URL.parse(url, 'http://localhost') ?? {};
    if (method === 'OPTIONS') return preflight();
    if (pathname === '/' && method === 'POST') return await this.#posted(incoming);
    const name = PATHS.get(pathname ?? '');
    if (name === undefined) throw new DocketError('ROUTE_UNKNOWN', 'there is nothing at this path');
    if (method !== 'GET' && method !== 'HEAD')
      throw new DocketError('METHOD_UNKNOWN', 'there is GET, HEAD here', { details: { allow: 'GET, HEAD' } });
    const prefix = searchParams?.get('prefix');
    return jsonReply(await methodNamed(this.#methods, name)(typeof prefix === 'string' ? [{ prefix }] : undefined));
  }

  /** JSON-RPC over HTTP. */
  async #posted(incoming: IncomingMessage): Promise<Reply> {
    if (!/^application\/json\s*(?:;|$)/i.test(incoming.headers['content-type'] ?? ''))
      throw new DocketError('REQUEST_INVALID', 'the body of a call is to be sent as application/json');
    using held = this.#bodies.open();
    const body = await held.all(limited(awake(incoming, BODY_IDLE), MOST_MESSAGE, incoming.headers['content-length']));
    const { isBatch, items } = read(asText(body));
    const room = new ReplyRoom();
    const replies: string[] = [];
    for (const item of items) replies.push(await this.#called(item, room));
    if (replies.length === 0) return { status: 204 };
    return jsonReply(isBatch ? `[${replies.join(',')}]` : replies[0]!);
  }

  async #called(item: Item, room: ReplyRoom): Promise<string> {
    if ('error' in item) return failed(item.id, item.error);
    const { id, method, params } = item.call;
    try {
      if (/^(?:un)?subscribe_/.test(method)) throw unknownMethod(method, 'Subscriptions need a WebSocket.');
      room.check();
      return room.counted(replied(id, await methodNamed(this.#methods, method)(params)));
    } catch (error) {
      return failed(id, error);
    }
  }
}

function jsonReply(body: string): Reply {
  return { status: 200, headers: { 'content-type': 'application/json' }, body };
}

function preflight(): Reply {
  return {
    status: 204,
    headers: {
      'access-control-allow-methods': 'GET, POST',
      'access-control-allow-headers': 'content-type',
      'access-control-max-age': '600',
    },
  };
}

function refuse(stream: Duplex, { status, headers = {}, body = '' }: Reply): void {
  const all = { ...headers, 'content-length': String(Buffer.byteLength(body as string)), connection: 'close' };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  stream.on('error', () => {});
  stream.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${body as string}`, () => stream.destroy());
}
