import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Access } from '../api/access.ts';
import { createApp } from '../api/app.ts';
import { HttpMetrics } from '../api/http-metrics.ts';
import { RateLimit } from '../api/rate-limit.ts';
import { routesOf } from '../api/routes.ts';
import { type Clock, systemClock } from '../base/clock.ts';
import { DocketError } from '../errors.ts';
import { Lock } from '../ledger/locks.ts';
import type { Permission } from '../manifest/model.ts';
import type { Role } from '../protocol/peers.ts';
import type { Scope } from '../protocol/rights.ts';
import { Metrics } from '../telemetry/metrics.ts';
import { ActiveRuns } from './active-runs.ts';
import { agentMetrics } from './agent-metrics.ts';
import { type Certificate, type CertificateFiles, loadCertificate } from './certificate.ts';
import { Engine } from './engine.ts';
import type { DoorOptions, HomestarDoor, HomestarOptions } from './homestar-door.ts';
import { HttpServer } from './http-server.ts';
import { isEverywhere, localHost, ownNames, publicHost, refuseOpenDoor } from './listening.ts';
import { allOps } from './op-policy.ts';
import { peerServiceOf } from './peers/peer-service.ts';
import { type PeerAddress, Peers } from './peers/peers.ts';
import { Places } from './places.ts';
import { ADDRESS_FILE, TOKEN_FILE } from './find-agent.ts';
import { fetchPolicy } from './resources/fetch-policy.ts';
import type { FetchSettings } from './resources/resources.ts';
import { runMetrics } from './run-metrics.ts';
import { together } from './run-watch.ts';
import { servicesOf } from './services.ts';
import { loadOrCreateToken } from './token-file.ts';
import type { TakenUp } from './take-up.ts';
import { rightsOf } from './tokens.ts';
import { type Tracing, tracedTo } from './tracing.ts';
import type { Cause } from './tries.ts';

/**
 * The daemon: an engine and a door to it.
 *
 * Invariants
 * A1. A home has at most one agent: it holds the lock `agent` as long as it lives.
 * A2. The address file appears when requests are answered and goes when they are not any more; one that a killed agent left counts only while the
 *     lock is held.
 * A3. Commands on the same home need not trust a certificate, or know a name in it: beside TLS there is a door on loopback in clear text, with the same
 *     rights, which is told to nobody but them.
 * A4. Stopping takes no new connections, and no new work over those there are; it waits for the requests under way, then closes their connections, which
 *     aborts what they asked for, and waits for that; the engine goes last.
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
  /** Default: clear text. */
  readonly tls?: CertificateFiles;
  /** Whether it may listen beyond this machine in clear text. Default false. */
  readonly insecure?: boolean;
  /** What others may tell it from other agents by. */
  readonly tags?: Readonly<Record<string, string>>;
  /** Ops of tasks it runs. Default all. */
  readonly ops?: readonly string[];
  /** Requests a second it takes of one client. Default as many as come. */
  readonly rate?: number;
  /** Runs that were submitted, and jobs, that go on at a time. */
  readonly maxRuns?: number;
  readonly maxJobs?: number;
  /** Where traces of its runs go. Default nowhere. */
  readonly tracing?: Tracing | undefined;
  /** Agents that are asked for what is not here, those that are believed first first. */
  readonly peers?: readonly PeerAddress[];
  /** What it does itself; the rest is relayed to peers. Default all. */
  readonly roles?: readonly Role[];
  /** From where what workflows name is fetched. Default nowhere. */
  readonly fetch?: FetchSettings;
  /** A door for Homestar's clients, on loopback. Default none. */
  readonly homestar?: HomestarOptions;
  readonly clock?: Clock;
}

export const DEFAULT_HOST = '127.0.0.1';
/** What an agent of ours can be. */
export const ALL_ROLES: readonly Role[] = ['runner', 'storage'];
export const MOST_RUNS = 1_000;
export const MOST_JOBS = 1_000;

/** Where a running agent of a home is found, and its token. */
export interface AgentAddress {
  readonly url: string;
  /** Where commands on the same home find it, if that is another. */
  readonly local?: string;
  readonly pid: number;
}

interface Parts {
  readonly url: string;
  readonly token: string;
  readonly engine: Engine;
  readonly server: HttpServer;
  readonly local: HttpServer | undefined;
  readonly homestar: HomestarDoor | undefined;
  readonly active: ActiveRuns;
  readonly state: { isDraining: boolean };
  readonly tls: CertificateFiles | undefined;
  readonly certificate: Certificate | undefined;
}

export class Agent implements AsyncDisposable {
  readonly url: string;
  readonly token: string;
  readonly engine: Engine;
  /** Undefined if it speaks clear text. */
  readonly certificate: Certificate | undefined;
  /** Where it listens. */
  readonly port: number;
  /** Where Homestar's clients find it. */
  readonly homestarUrl: string | undefined;
  readonly #parts: Parts;
  readonly #stack: AsyncDisposableStack;

  private constructor(parts: Parts, stack: AsyncDisposableStack) {
    this.url = parts.url;
    this.token = parts.token;
    this.engine = parts.engine;
    this.certificate = parts.certificate;
    this.port = parts.server.port;
    this.homestarUrl = parts.homestar?.url;
    this.#parts = parts;
    this.#stack = stack;
  }

  /** Throws as `Engine.open`, `AGENT_BUSY` if the home has an agent, `LISTEN_FAILED`, `TLS_INVALID`. */
  static async start(options: AgentOptions): Promise<Agent> {
    const { home, slots, clock = systemClock, host = DEFAULT_HOST, port, tls, rate, bodyIdle, tracing } = options;
    const { fetch = { policy: fetchPolicy([], []), gateways: [], clock } } = options;
    const { insecure = false, anonymous = [], policy = [], names = [], tags = {}, ops = allOps() } = options;
    refuseOpenDoor({ host, hasTls: tls !== undefined, insecure, anonymous });
    const certificate = tls === undefined ? undefined : loadCertificate(tls, clock.now());
    await using stack = new AsyncDisposableStack();
    const engine = stack.use(await Engine.open({ home, clock, ...(slots === undefined ? {} : { slots }) }));
    const lock = Lock.tryAcquire(join(engine.paths.locks, 'agent'));
    if (lock === undefined) throw new DocketError('AGENT_BUSY', `the home ${engine.paths.home} has an agent already`);
    stack.defer(() => lock.remove());
    const file = join(engine.paths.home, ADDRESS_FILE);
    // What a killed agent left leads to nobody, or to whoever listens there now.
    rmSync(file, { force: true });
    const token = await loadOrCreateToken(join(engine.paths.home, TOKEN_FILE));
    const metrics = new Metrics();
    stack.use(agentMetrics(metrics, engine));
    const watches = [runMetrics(metrics, clock)];
    if (tracing !== undefined) watches.push(await tracedTo(tracing, { engine, metrics, stack }));
    const watch = together(watches);
    const known = stack.use(new Peers({ addresses: options.peers ?? [], did: engine.key.did, clock }));
    const peers = peerServiceOf(engine, known, options.roles ?? ALL_ROLES);
    const active = stack.use(
      new ActiveRuns(engine, { policy, ops, peers, watch, fetch, places: new Places('runs', options.maxRuns ?? MOST_RUNS) }),
    );
    const state = { isDraining: false };
    let bound = 0;
    const services = servicesOf(engine, {
      policy,
      ops,
      tags,
      active,
      jobs: new Places('jobs', options.maxJobs ?? MOST_JOBS),
      watch,
      peers,
      isDraining: () => state.isDraining,
      metrics: () => metrics.text(),
      address: () => `${publicHost(host)}:${bound}`,
    });
    const access = new Access({
      token,
      rightsOf: (hash) => rightsOf(engine, hash),
      anonymous,
      hosts: ownNames(host, names),
      anyAddress: isEverywhere(host),
    });
    const handle = createApp(routesOf({ ...services, peers }), access, {
      peers,
      metrics: new HttpMetrics(metrics),
      ...(bodyIdle === undefined ? {} : { bodyIdle }),
      rate: rate === undefined ? undefined : new RateLimit({ rate, clock }),
    });
    const server = stack.use(await HttpServer.listen({ host, port, certificate, clock, handle }));
    bound = server.port;
    const local = certificate && stack.use(await HttpServer.listen({ host: DEFAULT_HOST, port: 0, certificate: undefined, clock, handle }));
    const maxRuns = options.maxRuns ?? MOST_RUNS;
    const homestar =
      options.homestar &&
      stack.use(await openHomestar({ ...options.homestar, services: { ...services, peers }, access, rate, clock, maxRuns }));
    const url = `${tls === undefined ? 'http' : 'https'}://${localHost(host)}:${bound}`;
    const inside = local === undefined ? {} : { local: `http://${DEFAULT_HOST}:${local.port}` };
    writeFileSync(file, `${JSON.stringify({ url, ...inside, pid: process.pid } satisfies AgentAddress)}\n`, { mode: 0o600 });
    stack.defer(() => rmSync(file, { force: true }));
    return new Agent({ url, token, engine, server, local, homestar, active, state, tls, certificate }, stack.move());
  }

  /** Takes up the runs that were cut off. Resolves when those go on of which nothing is to be feared. */
  resume(told: TakenUp, cause: Cause): Promise<void> {
    return this.#parts.active.resumeAll(told, cause);
  }

  /** Reads certificate and key again; who is connected stays so. Throws `TLS_INVALID`, and goes on with the old one then. */
  renewCertificate(): Certificate {
    const { tls, server, engine } = this.#parts;
    if (tls === undefined) throw new DocketError('TLS_INVALID', 'the agent was started without a certificate');
    const certificate = loadCertificate(tls, engine.clock.now());
    server.renew(certificate);
    return certificate;
  }

  /** Takes no more connections and no more work; resolves when those under way and all runs have ended, or after `ms`. */
  async drain(ms: number): Promise<void> {
    const { server, local, homestar, active, state } = this.#parts;
    state.isDraining = true;
    const isBusy = (): boolean => active.size > 0;
    await Promise.all([server.drain(ms, isBusy), local?.drain(ms, isBusy), homestar?.drain(ms, isBusy)]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

/** What only this door needs is loaded with it. */
async function openHomestar(options: DoorOptions): Promise<HomestarDoor> {
  return await (await import('./homestar-door.ts')).openHomestarDoor(options);
}
