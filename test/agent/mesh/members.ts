import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ActiveRuns } from '../../../src/agent/active-runs.ts';
import { Engine } from '../../../src/agent/engine.ts';
import { type DoorOptions, MemberDoor } from '../../../src/agent/mesh/door.ts';
import { type Answer, holdingsOf } from '../../../src/agent/mesh/holdings.ts';
import { type Bring, bringerOf, meshPeersOf } from '../../../src/agent/mesh/mesh-peers.ts';
import { transferMetrics } from '../../../src/agent/mesh/transfers.ts';
import { Ways } from '../../../src/agent/mesh/ways.ts';
import { allOps } from '../../../src/agent/op-policy.ts';
import { peerServiceOf } from '../../../src/agent/peers/peer-service.ts';
import { Peers } from '../../../src/agent/peers/peers.ts';
import { recordsOf } from '../../../src/agent/records.ts';
import { Drained } from '../../../src/agent/drained.ts';
import { lonely, ownView } from '../../../src/agent/mesh/own-view.ts';
import { Places } from '../../../src/agent/places.ts';
import { fetchPolicy } from '../../../src/agent/resources/fetch-policy.ts';
import { runMetrics } from '../../../src/agent/run-metrics.ts';
import { servicesOf } from '../../../src/agent/services.ts';
import type { Route } from '../../../src/api/route.ts';
import { routesOf } from '../../../src/api/routes.ts';
import { type Clock, systemClock } from '../../../src/base/clock.ts';
import type { LocalMesh } from '../../../src/mesh/local/local-mesh.ts';
import type { Mesh } from '../../../src/mesh/mesh.ts';
import { decodeQuestion } from '../../../src/protocol/mesh/question.ts';
import type { PeerService } from '../../../src/protocol/peers.ts';
import { Metrics } from '../../../src/telemetry/metrics.ts';

/** Who is there, as a test says. */
export class Town {
  readonly mesh: LocalMesh;
  /** DIDs of those that are present, and whether they say that they have a door. */
  readonly present = new Map<string, boolean>();

  constructor(mesh: LocalMesh) {
    this.mesh = mesh;
  }
}

interface MemberOptions {
  /** `closed`: it says that it has a door, and tells none. Default one on loopback. */
  readonly door?: 'open' | 'none' | 'closed';
  readonly accepts?: (did: string) => boolean;
  readonly listen?: Partial<DoorOptions>;
  /** By which it waits for others; default the system's. */
  readonly clock?: Clock;
}

/** An agent's home, API and door, in a mesh within this process. */
export class Member implements AsyncDisposable {
  readonly engine: Engine;
  readonly mesh: Mesh;
  readonly ways: Ways;
  readonly peers: PeerService;
  readonly bring: Bring;
  readonly metrics: Metrics;
  /** Kinds of questions that were refused. */
  readonly refused: string[] = [];
  door: MemberDoor | undefined;
  /** By kind; a test may put its own here. */
  readonly answers: Record<string, Answer>;
  readonly routes: readonly Route[];
  readonly #stack: AsyncDisposableStack;

  private constructor(
    parts: Pick<Member, 'engine' | 'mesh' | 'ways' | 'peers' | 'bring' | 'metrics' | 'door' | 'answers' | 'routes'>,
    stack: AsyncDisposableStack,
  ) {
    this.engine = parts.engine;
    this.mesh = parts.mesh;
    this.ways = parts.ways;
    this.peers = parts.peers;
    this.bring = parts.bring;
    this.metrics = parts.metrics;
    this.door = parts.door;
    this.answers = parts.answers;
    this.routes = parts.routes;
    this.#stack = stack;
  }

  static async open(
    town: Town,
    { door: how = 'open', accepts = () => true, listen = {}, clock = systemClock }: MemberOptions = {},
  ): Promise<Member> {
    await using stack = new AsyncDisposableStack();
    const folder = mkdtempSync(join(tmpdir(), 'docket-member-'));
    stack.defer(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
    const engine = stack.use(await Engine.open({ home: join(folder, 'home'), slots: 1 }));
    const { did } = engine.key;
    const mesh = stack.use(town.mesh.join(did));
    const ways = stack.use(new Ways({ mesh, clock }));
    const metrics = new Metrics();
    const transfers = transferMetrics(metrics);
    const neighbors = {
      all: () => [...town.present.keys()].filter((other) => other !== did),
      has: (other: string) => other !== did && town.present.has(other),
      hasDoor: (other: string) => town.present.get(other) === true,
    };
    const members = meshPeersOf({ mesh, neighbors, ways, clock, transfers, accepts });
    const known = stack.use(new Peers({ addresses: [], did, clock }));
    const peers = peerServiceOf(engine, known, ['runner', 'storage'], members);
    const watch = runMetrics(new Metrics(), clock);
    const fetch = { policy: fetchPolicy([], []), gateways: [], clock };
    const active = stack.use(new ActiveRuns(engine, { policy: [], ops: allOps(), peers, watch, fetch, places: new Places('runs', 10) }));
    const services = servicesOf(engine, {
      ...{ policy: [], ops: allOps(), tags: {}, active, watch, peers, records: recordsOf(engine) },
      jobs: new Places('jobs', 10),
      isDraining: () => false,
      metrics: () => metrics.text(),
      address: () => '',
    });
    const own = ownView(engine, { memory: 1, ops: [], tags: {}, roles: [] });
    const routes = routesOf({ ...services, peers, members: lonely(engine, own, new Drained(engine.paths.home)) });
    const stop = new AbortController();
    stack.defer(() => stop.abort());
    const options = { routes, key: engine.key, name: mesh.name, clock: systemClock, host: '127.0.0.1', peers, ...listen };
    const door = how === 'open' ? await MemberDoor.open(options) : undefined;
    const answers: Record<string, Answer> = { ...holdingsOf(engine, { largest: mesh.messages.largest, signal: stop.signal }) };
    if (how === 'open') answers['door'] = async (from, question) => await member.door?.answer(from, question);
    town.present.set(did, how !== 'none');
    const member = new Member(
      { engine, mesh, ways, peers, bring: bringerOf(engine.store, peers, transfers), metrics, door, answers, routes },
      stack.move(),
    );
    mesh.messages.onQuestion((from, question) => member.#answer(from, question));
    member.#stack.defer(() => void town.present.delete(did));
    return member;
  }

  get did(): string {
    return this.engine.key.did;
  }

  /** As if its agent were started again: another key, and another port. */
  async reopenDoor(): Promise<void> {
    await this.door?.[Symbol.asyncDispose]();
    this.door = await MemberDoor.open({
      routes: this.routes,
      key: this.engine.key,
      name: this.mesh.name,
      clock: systemClock,
      host: '127.0.0.1',
      peers: this.peers,
    });
  }

  /** Of one of its counters. */
  async counted(name: string, labels: string): Promise<number> {
    const line = (await this.metrics.text()).split('\n').find((text) => text.startsWith(`${name}{${labels}}`));
    return line === undefined ? 0 : Number(line.split(' ').at(-1));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.door?.[Symbol.asyncDispose]();
    await this.#stack.disposeAsync();
  }

  async #answer(from: string, question: Uint8Array): Promise<Uint8Array | undefined> {
    const read = decodeQuestion(question);
    if ('refused' in read) return void this.refused.push(read.refused);
    const answer = await this.answers[read.ask]?.(from, question);
    if (answer === undefined || answer instanceof Uint8Array) return answer;
    this.refused.push(`${read.ask} ${answer.refused}`);
    return undefined;
  }
}
