import { constants } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerOptions, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Server as TlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TlsOptions } from 'node:tls';
import { problemReply } from '../api/problem.ts';
import { descriptorLimit } from '../base/descriptor-limit.ts';
import type { Clock } from '../base/clock.ts';
import { DocketError, systemCode } from '../errors.ts';
import type { Certificate } from './certificate.ts';

/**
 * The server below the API: who may connect, for how long, and how it ends.
 *
 * Invariants
 * H1. A request is under way until its handler has ended, also if its caller went away; closing waits for all of them.
 * H2. What cannot be read as a request is answered by name where no other reply would be broken into, and its connection ends.
 * H3. From the moment it drains, every reply whose headers are not sent yet ends its connection, and says so.
 * H4. While it drains, whoever follows events over it may still ask for what came of them: as long as such a stream is open, and until nothing was asked for a moment, new
 *     connections are taken. (What is no reading is refused by the API.)
 * H5. A connection that asks for nothing is cut by a timer: in its handshake, in its headers, between two requests. (Bodies: `api/request-body.ts`.)
 */

interface HttpServerOptions {
  readonly host: string;
  /** Default 8100, or any that is free if that is taken. */
  readonly port: number | undefined;
  /** Undefined for clear text. */
  readonly certificate: Certificate | SharedKey | undefined;
  readonly clock: Clock;
  /** How long headers may take, in ms; default 10 s. */
  readonly headersTime?: number;
  readonly handle: (request: IncomingMessage, reply: ServerResponse) => Promise<void>;
  /** Takes over connections that ask for another protocol, and all care for them; who drains or disposes of the server cuts them. Default: they get an HTTP reply. */
  readonly upgrade?: (request: IncomingMessage, stream: Duplex, head: Buffer) => void;
  /** How many connections there may be. Default 20,000. */
  readonly connections?: number;
}

/**
 * TLS among those who know a key, without certificates: 1.3 alone, whose handshake adds a secret of its own (`psk_dhe_ke`), so that who learns the key later reads
 * nothing of before. Others do not get past the handshake.
 */
export interface SharedKey {
  /** How clients call it. */
  readonly identity: string;
  /** 32 bytes. */
  readonly psk: Uint8Array;
}

/** Those whose hash is the one that a key of this kind is bound to, RFC 8446 (4.2.11); the faster on most machines first. */
export const SHARED_KEY_TLS = { minVersion: 'TLSv1.3', ciphers: 'TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256' } as const;

export const DEFAULT_PORT = 8100;

/** What is followed. */
const EVENTS = 'text/event-stream';

/** Bounds that keep one caller from taking the agent from the others. Times are in ms. */
const HEADERS = { bytes: 16 * 1024, ms: 10_000 };
const HANDSHAKE = 10_000;
const CONNECTIONS = 20_000;
/** Of the descriptors of the process, what connections leave to the store, the slots and the rest. */
const KEPT = 1 / 4;
const KEEP_ALIVE = 30_000;
/** How often Node looks for headers that take too long; by default every 30 s, which would triple their time. */
const CHECKS = 1_000;
/** How long who was refused may take to read why. */
const LINGER = 2_000;
/** Time between two looks whether the last requests have ended. */
const LOOK = 20;
/** How long who followed a stream of events to its end may take to the next question. */
const AFTERWARDS = 1_000;

const OPTIONS: ServerOptions = { maxHeaderSize: HEADERS.bytes, keepAliveTimeout: KEEP_ALIVE, requestTimeout: 0, requireHostHeader: false };

/** The replies on a connection that are not sent yet, and the last that was begun. */
interface Replies {
  open: number;
  last: ServerResponse;
}

/** What a server is doing. */
interface Doing {
  isDraining: boolean;
  /** The connections below TLS, among them those that are in their handshake and no connections of HTTP yet. */
  readonly below: Set<Duplex>;
  /** The replies that are not sent yet, and when their handlers have ended. */
  readonly underWay: Map<ServerResponse, Promise<void>>;
}

export class HttpServer implements AsyncDisposable {
  readonly port: number;
  readonly #server: Server | TlsServer;
  readonly #clock: Clock;
  readonly #doing: Doing;

  private constructor(server: Server | TlsServer, clock: Clock, doing: Doing) {
    this.port = (server.address() as AddressInfo).port;
    this.#server = server;
    this.#clock = clock;
    this.#doing = doing;
  }

  /** Throws `LISTEN_FAILED`. */
  static async listen(options: HttpServerOptions): Promise<HttpServer> {
    const { host, port, certificate, clock, headersTime = HEADERS.ms, handle, upgrade, connections = CONNECTIONS } = options;
    const doing: Doing = { isDraining: false, below: new Set(), underWay: new Map() };
    const replies = new WeakMap<Duplex, Replies>();
    const onRequest = (request: IncomingMessage, reply: ServerResponse): void => {
      const own = replies.get(request.socket);
      if (own === undefined) replies.set(request.socket, { open: 1, last: reply });
      else [own.open, own.last] = [own.open + 1, reply];
      if (doing.isDraining) reply.shouldKeepAlive = false;
      const answered = handle(request, reply).finally(() => {
        doing.underWay.delete(reply);
        replies.get(request.socket)!.open--;
      });
      doing.underWay.set(reply, answered);
    };
    const server = await serverOf(
      { ...OPTIONS, headersTimeout: headersTime, connectionsCheckingInterval: Math.min(CHECKS, headersTime) },
      certificate,
      onRequest,
    );
    server.maxConnections = Math.min(connections, Math.floor((descriptorLimit() ?? Number.POSITIVE_INFINITY) * (1 - KEPT)));
    if (certificate !== undefined)
      server.on('connection', (socket: Duplex) => {
        doing.below.add(socket);
        socket.once('close', () => doing.below.delete(socket));
      });
    if (upgrade !== undefined) server.on('upgrade', upgrade);
    server.on('clientError', (error, socket) => refuse(error, socket, { clock, replies: replies.get(socket) }));
    await listen(server, host, port);
    return new HttpServer(server, clock, doing);
  }

  /** Connections from now on get this one; those there are go on with theirs. Throws if the server has none to replace. */
  renew({ cert, key }: Certificate): void {
    if (!('setSecureContext' in this.#server)) throw new DocketError('INTERNAL', 'a server without TLS has no certificate');
    this.#server.setSecureContext({ cert, key });
  }

  /** Takes no more connections, but of those who follow events; resolves when all there are have ended and nothing `isBusy`, or after `ms`. */
  async drain(ms: number, isBusy: () => boolean): Promise<void> {
    const deadline = this.#clock.monotonic() + ms;
    this.#doing.isDraining = true;
    for (const reply of this.#doing.underWay.keys()) reply.shouldKeepAlive = false;
    const server = { isClosing: false, isClosed: false };
    let openUntil = Number.NEGATIVE_INFINITY;
    for (;;) {
      const now = this.#clock.monotonic();
      if (this.#isFollowed(now < openUntil)) openUntil = now + AFTERWARDS;
      if (now >= openUntil && !server.isClosing) {
        server.isClosing = true;
        this.#server.close(() => (server.isClosed = true));
      }
      // A connection whose reply was sent would stay for the next request.
      this.#server.closeIdleConnections();
      if ((server.isClosed && !isBusy()) || now >= deadline) return;
      await new Promise<void>((resolve) => this.#clock.after(LOOK, resolve));
    }
  }

  /** `before`: somebody did a moment ago, who may ask for the rest now. */
  #isFollowed(before: boolean): boolean {
    const replies = [...this.#doing.underWay.keys()];
    return before ? replies.length > 0 : replies.some((reply) => reply.getHeader('content-type') === EVENTS);
  }

  /** Cuts every connection, which aborts what was asked for by it, and waits for that. */
  async [Symbol.asyncDispose](): Promise<void> {
    const isClosed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    for (const socket of this.#doing.below) socket.destroy();
    await isClosed;
    await Promise.allSettled(this.#doing.underWay.values());
  }
}

type OnRequest = (request: IncomingMessage, reply: ServerResponse) => void;

async function serverOf(
  options: ServerOptions,
  secret: HttpServerOptions['certificate'],
  onRequest: OnRequest,
): Promise<Server | TlsServer> {
  if (secret === undefined) return createServer(options, onRequest);
  const https = await import('node:https');
  return https.createServer({ ...options, ...tlsOf(secret), handshakeTimeout: HANDSHAKE }, onRequest);
}

function tlsOf(secret: Certificate | SharedKey): TlsOptions {
  if ('cert' in secret) return { cert: secret.cert, key: secret.key };
  const { identity, psk } = secret;
  // A session that went on without the key would outlive it.
  return { ...SHARED_KEY_TLS, secureOptions: constants.SSL_OP_NO_TICKET, pskCallback: (_, name) => (name === identity ? psk : null) };
}

async function listen(server: Server, host: string, port: number | undefined): Promise<void> {
  for (const candidate of port === undefined ? [DEFAULT_PORT, 0] : [port]) {
    try {
      server.listen(candidate, host);
      await once(server, 'listening');
      return;
    } catch (cause) {
      if (systemCode(cause) === 'EADDRINUSE' && port === undefined && candidate !== 0) continue;
      throw new DocketError('LISTEN_FAILED', `cannot listen on ${host}:${candidate}: ${(cause as Error).message}`, { cause });
    }
  }
}

function refuse(error: Error, socket: Duplex, { clock, replies }: { readonly clock: Clock; readonly replies: Replies | undefined }): void {
  // What comes behind what was refused is refused too, and told once.
  if (socket.writableEnded) return;
  const isFree = replies === undefined || replies.open === 0 || (replies.open === 1 && !replies.last.headersSent);
  const isGone = !socket.writable || /^(?:ECONNRESET|ERR_(?:TLS|SSL)_.*)$/.test(systemCode(error) ?? '');
  if (isGone || !isFree) return void socket.destroy();
  const { status, headers = {}, body } = problemReply(problemOf(error));
  const text = String(body);
  const all = { ...headers, 'content-length': String(Buffer.byteLength(text)), connection: 'close' };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${text}`);
  // Closing at once with bytes unread would reset the connection, and the reply with it.
  const cancel = clock.after(LINGER, () => socket.destroy());
  socket.once('close', cancel);
}

function problemOf(error: Error): DocketError {
  switch (systemCode(error)) {
    case 'HPE_HEADER_OVERFLOW':
      return new DocketError('HEADERS_TOO_LARGE', `the headers have more than ${HEADERS.bytes} bytes`);
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new DocketError('REQUEST_TIMEOUT', 'the headers did not come in time');
    default:
      return new DocketError('REQUEST_INVALID', 'what came is no HTTP request');
  }
}
