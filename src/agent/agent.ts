import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { getRequestListener } from '@hono/node-server';
import { Access } from '../api/access.ts';
import { type Scope } from '../protocol/rights.ts';
import { createApp } from '../api/app.ts';
import { HttpMetrics } from '../api/http-metrics.ts';
import { routesOf } from '../api/routes.ts';
import { DocketError, systemCode } from '../errors.ts';
import { Lock } from '../ledger/locks.ts';
import type { Permission } from '../manifest/model.ts';
import { Metrics } from '../telemetry/metrics.ts';
import type { Collector } from '../telemetry/span-exporter.ts';
import { ActiveRuns } from './active-runs.ts';
import { agentMetrics } from './agent-metrics.ts';
import { Engine } from './engine.ts';
import { ADDRESS_FILE, TOKEN_FILE } from './find-agent.ts';
import { runMetrics } from './run-metrics.ts';
import { type RunWatch, together } from './run-watch.ts';
import { servicesOf } from './services.ts';
import { rightsOf } from './tokens.ts';
import { loadOrCreateToken } from './token-file.ts';
import { VERSION } from './version.ts';

/**
 * The daemon: an engine and a door to it.
 *
 * Invariants
 * A1. A home has at most one agent: it holds the lock `agent` as long as it lives.
 * A2. The address file appears when requests are answered and goes when they are not any more; one that a killed agent left counts only while the
 *     lock is held.
 * A3. Stopping takes no new requests, waits for those under way, then closes their connections, which aborts what they asked for, and waits for that;
 *     the engine goes last.
 */

export interface AgentOptions {
  readonly home: string;
  readonly slots?: number;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Default 8100, or any that is free if that is taken. */
  readonly port?: number;
  /** What may be done without a token. Default nothing. */
  readonly anonymous?: readonly Scope[];
  /** What modules may be given if they ask. Default nothing. */
  readonly policy?: readonly Permission[];
  /** How long a request may stand still in the middle, in ms; default 30 s. */
  readonly bodyIdle?: number;
  /** Names it is called by beside its address. */
  readonly names?: readonly string[];
  /** Where traces of its runs go. Default nowhere. */
  readonly tracing?: Tracing | undefined;
}

export interface Tracing {
  readonly collector: Collector;
  /** What it is called there. */
  readonly service: string;
}

const DEFAULT_PORT = 8100;
const LOOPBACK: ReadonlySet<string> = new Set(['127.0.0.1', '::1', 'localhost']);

/** Bounds that keep one caller from taking the agent from the others. */
const HEADERS = { bytes: 16 * 1024, ms: 10_000 };
const CONNECTIONS = 20_000;
const KEEP_ALIVE = 30_000;
/** Time between two looks whether the last requests have ended, in ms. */
const LOOK = 20;

/** Where a running agent of a home is found, and its token. */
export interface AgentAddress {
  readonly url: string;
  readonly pid: number;
}

export class Agent implements AsyncDisposable {
  readonly url: string;
  readonly token: string;
  readonly engine: Engine;
  readonly #server: Server;
  readonly #active: ActiveRuns;
  readonly #state: { isDraining: boolean };
  readonly #stack: AsyncDisposableStack;

  private constructor(
    parts: Pick<Agent, 'url' | 'token' | 'engine'>,
    { server, active, state }: { readonly server: Server; readonly active: ActiveRuns; readonly state: { isDraining: boolean } },
    stack: AsyncDisposableStack,
  ) {
    this.url = parts.url;
    this.token = parts.token;
    this.engine = parts.engine;
    this.#server = server;
    this.#active = active;
    this.#state = state;
    this.#stack = stack;
  }

  /** Throws as `Engine.open`, `AGENT_BUSY` if the home has an agent, `LISTEN_FAILED`. */
  static async start(options: AgentOptions): Promise<Agent> {
    const { home, slots, host = '127.0.0.1', port, anonymous = [], policy = [], names = [], bodyIdle, tracing } = options;
    refuseOpenDoor(host);
    await using stack = new AsyncDisposableStack();
    const engine = stack.use(await Engine.open({ home, ...(slots === undefined ? {} : { slots }) }));
    const lock = Lock.tryAcquire(join(engine.paths.locks, 'agent'));
    if (lock === undefined) throw new DocketError('AGENT_BUSY', `the home ${engine.paths.home} has an agent already`);
    stack.defer(() => lock.remove());
    const token = loadOrCreateToken(join(engine.paths.home, TOKEN_FILE));
    const hosts = new Set([...LOOPBACK, '[::1]', host, ...names]);
    let bound = 0;
    const metrics = new Metrics();
    stack.use(agentMetrics(metrics, engine));
    const watches = [runMetrics(metrics, engine.clock)];
    if (tracing !== undefined) watches.push(await tracedBy(tracing, { engine, metrics, stack }));
    const watch = together(watches);
    const active = stack.use(new ActiveRuns(engine, policy, watch));
    const access = new Access({ token, rightsOf: (hash) => rightsOf(engine, hash), anonymous, hosts });
    const state = { isDraining: false };
    const services = servicesOf(engine, {
      policy,
      active,
      watch,
      isDraining: () => state.isDraining,
      metrics: () => metrics.text(),
      address: () => `${bracketed(host)}:${bound}`,
    });
    const app = createApp(routesOf(services), access, {
      metrics: new HttpMetrics(metrics),
      ...(bodyIdle === undefined ? {} : { bodyIdle }),
    });
    const underWay = new Set<Promise<void>>();
    const listener = getRequestListener(app.fetch, { overrideGlobalObjects: false });
    const server = createServer(
      { maxHeaderSize: HEADERS.bytes, headersTimeout: HEADERS.ms, keepAliveTimeout: KEEP_ALIVE, requestTimeout: 0 },
      (request, reply) => {
        const answered = listener(request, reply).finally(() => underWay.delete(answered));
        underWay.add(answered);
      },
    );
    stack.defer(() => Promise.allSettled(underWay).then(() => {}));
    server.maxConnections = CONNECTIONS;
    bound = await listen(server, host, port);
    stack.defer(() => closed(server));
    const url = `http://${bracketed(host)}:${bound}`;
    const file = join(engine.paths.home, ADDRESS_FILE);
    writeFileSync(file, `${JSON.stringify({ url, pid: process.pid } satisfies AgentAddress)}\n`, { mode: 0o600 });
    stack.defer(() => rmSync(file, { force: true }));
    return new Agent({ url, token, engine }, { server, active, state }, stack.move());
  }

  /** Takes up the runs that were cut off when an agent of this home was killed. Gives their ids; `onFailure` is told of those that cannot be. */
  resume(onFailure: (run: string, error: unknown) => void): Promise<string[]> {
    return this.#active.resumeAll(onFailure);
  }

  /** Takes no more requests; resolves when those under way and all runs have ended, or after `ms`. */
  async drain(ms: number): Promise<void> {
    this.#state.isDraining = true;
    const { clock } = this.engine;
    const deadline = clock.monotonic() + ms;
    const server = { isClosed: false };
    this.#server.close(() => (server.isClosed = true));
    // A connection whose reply was sent would stay for the next request.
    for (
      ;
      (!server.isClosed || this.#active.size > 0) && clock.monotonic() < deadline;
      await new Promise<void>((resolve) => clock.after(LOOK, resolve))
    )
      this.#server.closeIdleConnections();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

/** Spans are sent for as long as anything runs. Imported here: most agents send none. */
async function tracedBy(
  { collector, service }: Tracing,
  { engine, metrics, stack }: { readonly engine: Engine; readonly metrics: Metrics; readonly stack: AsyncDisposableStack },
): Promise<RunWatch> {
  const [{ SpanExporter }, { runTraces }] = await Promise.all([import('../telemetry/span-exporter.ts'), import('./run-traces.ts')]);
  const { clock } = engine;
  const exporter = stack.use(new SpanExporter({ collector, source: { service, version: VERSION }, clock, metrics }));
  return runTraces(exporter, clock);
}

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

/** A token in clear text is no protection on a network. */
function refuseOpenDoor(host: string): void {
  if (LOOPBACK.has(host)) return;
  throw new DocketError('LISTEN_FAILED', `the agent does not listen on ${host}: its requests would cross the network in clear text`, {
    next: 'Listen on 127.0.0.1, behind a proxy that speaks TLS.',
  });
}

async function listen(server: Server, host: string, port: number | undefined): Promise<number> {
  for (const candidate of port === undefined ? [DEFAULT_PORT, 0] : [port]) {
    try {
      server.listen(candidate, host);
      await once(server, 'listening');
      return (server.address() as AddressInfo).port;
    } catch (cause) {
      if (systemCode(cause) === 'EADDRINUSE' && port === undefined && candidate !== 0) continue;
      throw new DocketError('LISTEN_FAILED', `cannot listen on ${host}:${candidate}: ${(cause as Error).message}`, { cause });
    }
  }
  throw new DocketError('LISTEN_FAILED', `cannot listen on ${host}`);
}

async function closed(server: Server): Promise<void> {
  const isClosed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeAllConnections();
  await isClosed;
}
