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
import { grantsBy } from './admission.ts';
import { agentMetrics } from './agent-metrics.ts';
import { type Certificate, type CertificateFiles, loadCertificate } from './certificate.ts';
import { Drained } from './drained.ts';
import { Engine } from './engine.ts';
import type { DoorOptions, HomestarDoor, HomestarOptions } from './homestar-door.ts';
import { HttpServer } from './http-server.ts';
import { isEverywhere, localHost, ownNames, publicHost, refuseOpenDoor } from './listening.ts';
import { allOps } from './op-policy.ts';
import { memoryHere } from './mesh/machine.ts';
import { lonely, ownView } from './mesh/own-view.ts';
import type { MeshOptions, MeshPart, openMesh, Tell } from './mesh/mesh-part.ts';
import type { MeshRuns } from './mesh/runs/mesh-runs.ts';
import type { openRuns as openMeshRuns } from './mesh/runs/open-runs.ts';
import { peerServiceOf } from './peers/peer-service.ts';
import { type PeerAddress, Peers } from './peers/peers.ts';
import { Places } from './places.ts';
import { ADDRESS_FILE, TOKEN_FILE } from './find-agent.ts';
import { fetchPolicy } from './resources/fetch-policy.ts';
import type { FetchSettings } from './resources/resources.ts';
import { recordsOf } from './records.ts';
import { runMetrics } from './run-metrics.ts';
import { together } from './run-watch.ts';
import { servicesOf } from './services.ts';
import { loadOrCreateToken } from './token-file.ts';
import type { TakenUp } from './take-up.ts';
import { rightsOf } from './tokens.ts';
import { type Tracing, tracedTo } from './tracing.ts';
import type { SharingOptions, SharingPart } from './trust/sharing-part.ts';
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
 * A4. Stopping takes no new connections, but of those who follow a run and then ask what came of it, and no new work over those there are; it waits for the requests under way, then closes their connections, which
 *     aborts what they asked for, and waits for that; the engine goes last. Homestar's clients hear how their runs ended before they are cut.
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
  /** Bytes that tasks may need together, where they say what they need. Default: all of the machine's. */
  readonly memory?: number;
  /** The mesh it is in. Default none. */
  readonly mesh?: MeshOptions;
  /** What it does with results there. */
  readonly sharing?: SharingOptions;
  /** Told of what happens in the mesh. Default nobody. */
  readonly tell?: Tell;
  /** Ends waiting for the engine of the mesh. */
  readonly signal?: AbortSignal;
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
  /** Name of the mesh it is in. */
  readonly mesh?: string;
  readonly pid: number;
}

interface Parts {
  readonly url: string;
  readonly token: string;
  readonly engine: Engine;
  readonly server: HttpServer;
  readonly local: HttpServer | undefined;
  readonly homestar: HomestarDoor | undefined;
  readonly mesh: MeshPart | undefined;
  readonly active: ActiveRuns;
  readonly runs: MeshRuns | undefined;
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

  /**
   * Waits for the engine of its mesh, if that cannot be reached. Throws as `Engine.open`, `AGENT_BUSY` if the home has an agent, `LISTEN_FAILED`, `TLS_INVALID`,
   * what joining the mesh throws that no waiting mends, and the signal's reason.
   */
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
    const state = { isDraining: false };
    const { tell = () => {} } = options;
    const drained = new Drained(engine.paths.home);
    const roles = options.roles ?? ALL_ROLES;
    const view = ownView(engine, { memory: options.memory ?? memoryHere(), ops, grants: grantsBy(policy), tags, roles });
    const mesh =
      options.mesh &&
      stack.use(
        await joinMesh({
          options: options.mesh,
          ...{ engine, view, drained, isStopping: () => state.isDraining, metrics, tell, signal: options.signal },
        }),
      );
    const sharing = mesh && stack.use(await shareResults({ ...options.sharing, mesh: mesh.mesh, engine, metrics, tell }));
    const known = stack.use(new Peers({ addresses: options.peers ?? [], did: engine.key.did, clock }));
    const peers = peerServiceOf(engine, known, roles, mesh?.peers);
    const members = mesh?.service ?? lonely(engine, view, drained);
    const runs = mesh && sharing && (await openRuns({ part: mesh, engine, active: () => active, peers, sharing, tell }));
    if (sharing !== undefined) await mesh?.work({ peers, policy, trust: sharing.trust, isRunner: roles.includes('runner') });
    if (runs !== undefined) watches.push(runs.watch);
    const watch = together(watches);
    const active: ActiveRuns = stack.use(
      new ActiveRuns(engine, {
        ...{ policy, ops, peers, watch, fetch, sharing, places: new Places('runs', options.maxRuns ?? MOST_RUNS), tenure: runs?.tenure },
        placing: (run, recorded, weight) => ({ here: view, ...(runs && mesh?.placing({ run, weight }, recorded, runs)) }),
      }),
    );
    // Handed over before they are stopped.
    if (runs !== undefined) stack.use(runs);
    const own = recordsOf(engine, {
      logOfRun: (run) => active.log(run),
      fetchingOf: (run) => active.fetching(run),
      whereaboutsOf: (run) => active.whereabouts(run),
    });
    const records = mesh === undefined || runs === undefined ? own : mesh.records(runs, own);
    let bound = 0;
    const services = servicesOf(engine, {
      policy,
      ops,
      tags,
      active,
      runs,
      records,
      jobs: new Places('jobs', options.maxJobs ?? MOST_JOBS),
      watch,
      peers,
      sharing,
      isDraining: () => state.isDraining,
      drained,
      mesh,
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
    const routes = routesOf({ ...services, peers, members });
    const httpMetrics = new HttpMetrics(metrics);
    const handle = createApp(routes, access, {
      peers,
      metrics: httpMetrics,
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
    await mesh?.begin({ routes, peers, httpMetrics, bodyIdle });
    const joined = mesh === undefined ? {} : { mesh: mesh.mesh.name };
    writeFileSync(file, `${JSON.stringify({ url, ...inside, ...joined, pid: process.pid } satisfies AgentAddress)}\n`, { mode: 0o600 });
    stack.defer(() => rmSync(file, { force: true }));
    return new Agent({ url, token, engine, server, local, homestar, mesh, active, runs, state, tls, certificate }, stack.move());
  }

  /** Why it can never be in its mesh, and is to end. */
  get meshFailure(): DocketError | undefined {
    return this.#parts.mesh?.failure;
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
    const { server, local, homestar, mesh, runs, active, state } = this.#parts;
    state.isDraining = true;
    // Others go on with them, if there are any.
    const handedOver = runs?.drain('the agent that drove it is being stopped');
    const isBusy = (): boolean => active.size > 0;
    await Promise.all([handedOver, ...[server, local, homestar, mesh].map((part) => part?.drain(ms, isBusy))]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { active, homestar } = this.#parts;
    if (homestar !== undefined) {
      await active[Symbol.asyncDispose]();
      await homestar.told();
    }
    await this.#stack.disposeAsync();
  }
}

async function shareResults(parts: ConstructorParameters<typeof SharingPart>[0]): Promise<SharingPart> {
  return new (await import('./trust/sharing-part.ts')).SharingPart(parts);
}

/** The mesh's part is loaded by those who are in one. */
async function joinMesh(options: Parameters<typeof openMesh>[0]): Promise<MeshPart> {
  return await (await import('./mesh/mesh-part.ts')).openMesh(options);
}

async function openRuns(options: Parameters<typeof openMeshRuns>[0]): Promise<MeshRuns> {
  return (await import('./mesh/runs/open-runs.ts')).openRuns(options);
}

/** What only this door needs is loaded with it. */
async function openHomestar(options: DoorOptions): Promise<HomestarDoor> {
  return await (await import('./homestar-door.ts')).openHomestarDoor(options);
}
