import type { HttpMetrics } from '../../api/http-metrics.ts';
import type { Route } from '../../api/route.ts';
import { backoff } from '../../base/backoff.ts';
import type { Clock } from '../../base/clock.ts';
import { DocketError, isDocketError } from '../../errors.ts';
import type { Mesh } from '../../mesh/mesh.ts';
import { decodeDrain, DRAIN, encodeDrained } from '../../protocol/mesh/drain.ts';
import type { MemberView } from '../../protocol/mesh/member.ts';
import type { MemberService } from '../../protocol/members.ts';
import { decodeQuestion } from '../../protocol/mesh/question.ts';
import type { PeerService } from '../../protocol/peers.ts';
import type { Records } from '../../protocol/records.ts';
import { remoteRecords } from '../../sdk/remote-records.ts';
import type { Trust } from '../../receipt/trust.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import type { Drained } from '../drained.ts';
import type { Engine } from '../engine.ts';
import type { MeshPeers } from '../peers/mesh-peers.ts';
import { obstacles } from '../readiness.ts';
import { MemberDoor } from './door.ts';
import { Fitness } from './fitness.ts';
import { holdingsOf } from './holdings.ts';
import { doorAt } from './member-fetch.ts';
import { memberServiceOf } from './member-service.ts';
import { Members, type Own } from './members.ts';
import { meshPeersOf } from './mesh-peers.ts';
import type { Neighbors } from './neighbors.ts';
import { freeSlots } from './machine.ts';
import type { OwnView } from './own-view.ts';
import { Questions } from './questions.ts';
import { Refusals } from './refusals.ts';
import { Sweeper } from './sweep.ts';
import { type Transfers, transferMetrics } from './transfers.ts';
import { Ways } from './ways.ts';
import { CANCEL } from './runs/cancel.ts';
import { withKept } from './runs/kept-inputs.ts';
import type { MeshRuns } from './runs/mesh-runs.ts';
import { type Delegated, type Driven, WorkPart } from './work-part.ts';

/**
 * An agent's part in a mesh, put together.
 *
 * Invariants
 * P1. It listens from the start, and says nothing of itself before it can do what it says (`begin`).
 * P2. It stops in reverse: what is under way ends first, then it says goodbye, then its door closes, and the engine is left last.
 * P3. Who waits for an engine says so, and goes on trying; what no waiting mends ends the start.
 */

/** How a mesh is joined. */
export interface MeshOptions {
  readonly name: string;
  readonly join: (member: {
    /** DID. */
    readonly self: string;
    readonly clock: Clock;
    readonly onFault: (fault: DocketError) => void;
    /** As of `NatsOptions`. */
    readonly onMade: (others: readonly string[]) => void;
  }) => Promise<Mesh>;
  /** Address of this machine by which the engine is reached. */
  readonly reach: () => Promise<string>;
  /** Where other members come in. Default: that address, any port. */
  readonly listen?: { readonly host: string; readonly port: number } | undefined;
  /** Where they are told to come, if that is elsewhere. */
  readonly advertise?: readonly string[] | undefined;
}

/** Told of what happens in the mesh. */
export type Tell = (event: string, facts: Readonly<Record<string, unknown>>) => void;

interface PartOptions {
  readonly options: MeshOptions;
  readonly engine: Engine;
  readonly view: OwnView;
  readonly drained: Drained;
  /** Whether the agent is about to stop. */
  readonly isStopping: () => boolean;
  readonly metrics: Metrics;
  readonly tell: Tell;
  readonly signal: AbortSignal | undefined;
}

type WorkTerms = Parameters<(typeof WorkPart)['open']>[0];

/** What is known only when the agent can be asked. */
interface Beginning {
  /** All of the agent's. */
  readonly routes: readonly Route[];
  readonly peers: PeerService;
  readonly httpMetrics: HttpMetrics;
  readonly bodyIdle: number | undefined;
}

/** Between two tries to reach an engine, the first and the most, in ms. */
const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 10_000;

export class MeshPart implements AsyncDisposable {
  readonly mesh: Mesh;
  readonly members: Members;
  readonly questions: Questions;
  readonly refusals: Refusals;
  readonly ways: Ways;
  readonly transfers: Transfers;
  /** The other members, as those from whom blobs and names come. */
  readonly peers: MeshPeers;
  readonly service: MemberService;
  readonly #options: PartOptions;
  readonly #stack = new AsyncDisposableStack();
  #door: MemberDoor | undefined;
  #failure: DocketError | undefined;
  /** As of its last sweep. */
  #unreadable = 0;
  #work: WorkPart | undefined;
  #fitness: Fitness | undefined;
  /** Whose word counts. */
  #trust: Pick<Trust, 'accepts'> | undefined;
  #view: MemberView;

  /** The mesh is the part's from now on. */
  constructor(mesh: Mesh, options: PartOptions) {
    const { engine, drained, metrics, tell, view } = options;
    const { clock } = engine;
    this.#options = options;
    this.mesh = this.#stack.use(mesh);
    this.#view = { ...view, isDraining: false, door: null };
    this.refusals = new Refusals(clock, ({ reason, from, message, times }) => tell('mesh refused', { reason, from, message, times }));
    this.ways = this.#stack.use(new Ways({ mesh, clock }));
    this.transfers = transferMetrics(metrics);
    this.questions = this.#stack.use(new Questions(mesh, this.refusals));
    this.members = this.#stack.use(
      new Members({
        mesh,
        clock,
        own: () => this.#own(),
        onRefused: (refused) => this.refusals.add(refused),
        onDouble: ({ did, host, isOurs }) => {
          const code = 'MESH_IDENTITY_TAKEN';
          const error = isOurs
            ? `this agent left the mesh: an agent on ${host} with the same identity was there before`
            : `an agent on ${host} has the same identity as another that was there before, ${did}`;
          tell('mesh identity taken', { code, did, host, error });
          if (isOurs) this.#failure = new DocketError(code, error);
        },
      }),
    );
    this.service = memberServiceOf({ clock, drained, self: () => this.members.self.beat, joined: { mesh, members: this.members } });
    const around = { mesh, neighbors: neighborsOf(this.members), ways: this.ways, clock, transfers: this.transfers };
    this.peers = meshPeersOf({ ...around, accepts: (did) => this.#trust?.accepts(did).kind === 'yes' });
    this.#answer();
    this.#tellChanges(metrics);
  }

  /** Takes part in the work of others, and lets them take part in its own. To be called before the first run. Throws as `Host.open`. */
  async work({ peers, policy, trust, isRunner }: Pick<WorkTerms, 'peers' | 'policy' | 'trust' | 'isRunner'>): Promise<void> {
    const { engine, view, metrics } = this.#options;
    this.#trust = trust;
    const work = await WorkPart.open({
      ...{ engine, mesh: this.mesh, members: this.members, trust, refusals: this.refusals, transfers: this.transfers },
      ...{ peers, policy, view, isRunner, isDraining: () => this.#isDraining, metrics },
    });
    this.#work = this.#stack.use(work);
  }

  /** What a run of this agent is driven with; `known` resolves when it is driven. */
  placing(drive: Driven, known: Promise<unknown>, runs: MeshRuns): Partial<Delegated> {
    const epoch = async (signal: AbortSignal): Promise<number | undefined> => {
      await known;
      return await runs.drive(drive.run)?.lease.certain(signal);
    };
    const delegated = this.#work?.delegated(drive, epoch);
    return delegated === undefined ? {} : { ...delegated, elsewhere: withKept(delegated.elsewhere, runs.keptOf(drive.run)) };
  }

  /** The records of this agent, with the runs of its mesh; and what others ask of them. */
  records(runs: MeshRuns, local: Records): Records {
    const answer = this.questions.on(CANCEL, async (_from, bytes) => {
      const question = decodeQuestion(bytes);
      return 'refused' in question ? question : await runs.answerCancel(question.parts, local.runs);
    });
    this.#stack.use(answer);
    return { ...local, runs: runs.records(local.runs, async (did) => remoteRecords(doorAt(this.ways, did), local.store).runs) };
  }

  /** Opens the door, and tells the others that this agent is there. Throws `LISTEN_FAILED`. */
  async begin({ routes, peers, httpMetrics, bodyIdle }: Beginning): Promise<void> {
    const { engine, options } = this.#options;
    const { host, port } = options.listen ?? { host: await options.reach(), port: 0 };
    const door = await MemberDoor.open({
      ...{ routes, key: engine.key, name: this.mesh.name, clock: engine.clock, peers, host, port, metrics: httpMetrics },
      ...(options.advertise === undefined ? {} : { advertise: options.advertise }),
      ...(bodyIdle === undefined ? {} : { bodyIdle }),
    });
    this.#door = this.#stack.use(door);
    this.#fitness = this.#stack.use(await Fitness.watch(engine.clock, () => obstacles(engine, { isDraining: false })));
    this.#stack.use(this.questions.on('door', (from, question) => door.answer(from, question)));
    this.#stack.use(this.members.begin());
    this.#stack.use(this.#sweeper());
    const { hosts } = door;
    this.#options.tell('mesh joined', { mesh: this.mesh.name, door: { hosts, port: door.port } });
  }

  /** Takes its turn at deleting what no run of the mesh needs any more. */
  #sweeper(): Sweeper {
    const { engine, tell } = this.#options;
    return new Sweeper({
      mesh: this.mesh,
      clock: engine.clock,
      isPresent: (did) => this.members.get(did) !== undefined,
      onSwept: ({ objects, bytes, pins, unreadable }) => {
        this.#unreadable = unreadable;
        if (objects + pins > 0) tell('mesh swept', { objects, bytes, pins });
      },
      onUnreadable: (record, { message }) => tell('mesh not swept', { record, error: message }),
      onRefused: (refused) => this.refusals.add(refused),
      onFailure: (error) => tell('mesh not swept', { error: (error as Error).message }),
    });
  }

  /** Why it can never be in this mesh: the agent is to end. */
  get failure(): DocketError | undefined {
    return this.#failure;
  }

  /** Why it can take no work; nothing if it can. */
  obstacles(): string[] {
    const view = this.service.mesh();
    return view === null || view.link === 'up' ? [] : [`it is not in its mesh ${view.name}: ${view.error ?? 'the link is down'}`];
  }

  /** Says at once that it takes no new work; resolves when nobody is served any more, or after `ms`. */
  async drain(ms: number, isBusy: () => boolean): Promise<void> {
    this.members.nudge();
    await this.#door?.drain(ms, isBusy);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }

  #own(): Own {
    const { engine } = this.#options;
    const isDraining = this.#isDraining;
    const door = this.#door === undefined ? null : { hosts: this.#door.hosts, port: this.#door.port };
    // The same object as long as it says the same: it is encoded once.
    if (this.#view.isDraining !== isDraining || (this.#view.door === null) !== (door === null))
      this.#view = { ...this.#view, isDraining, door };
    const { room = 0, waiting = 0 } = this.#work?.host ?? {};
    const isFit = this.#fitness?.isFit !== false;
    return { view: this.#view, free: isFit ? freeSlots(engine) : 0, room: isDraining || !isFit ? 0 : room, waiting };
  }

  get #isDraining(): boolean {
    const { drained, isStopping } = this.#options;
    return drained.is || isStopping();
  }

  #answer(): void {
    const { engine, drained } = this.#options;
    const stop = new AbortController();
    this.#stack.defer(() => stop.abort(new DocketError('CANCELLED', 'the agent leaves the mesh')));
    const answers = holdingsOf(engine, { largest: this.mesh.messages.largest, signal: stop.signal });
    for (const [kind, answer] of Object.entries(answers)) this.#stack.use(this.questions.on(kind, answer));
    const drain = this.questions.on(DRAIN, async (_from, question) => {
      const asked = decodeDrain(question);
      if ('refused' in asked) return asked;
      await drained.set(asked.isDrained);
      return encodeDrained(asked);
    });
    this.#stack.use(drain);
    this.#stack.use(drained.onChange(() => this.members.nudge()));
  }

  #tellChanges(metrics: Metrics): void {
    const { tell } = this.#options;
    const links = this.mesh.onLink((link) => {
      tell(`mesh link ${link.tag}`, link.tag === 'down' ? { error: link.error.message } : {});
      // Others have heard nothing for some time, and are about to miss it.
      if (link.tag === 'up') this.members.nudge();
    });
    this.#stack.use(links);
    const changes = this.members.onChange((change) => {
      if (change.kind === 'joined') tell('member joined', { did: change.member.beat.view.did, host: change.member.beat.view.host });
      if (change.kind === 'gone') tell('member gone', { did: change.did, because: change.because });
    });
    this.#stack.use(changes);
    metrics.gauge({ name: 'docket_mesh_members', help: 'Members of the mesh that are present, this one too.' }, () => [
      [{}, this.members.size + 1],
    ]);
    metrics.gauge(
      {
        name: 'docket_mesh_unreadable_pins',
        help: 'Records of what runs keep in the mesh that could not be read when this agent swept last: no object is deleted.',
      },
      () => [[{}, this.#unreadable]],
    );
    metrics.countedBy({ name: 'docket_mesh_refused_total', help: 'Messages and records of other members that were not taken.' }, () =>
      [...this.refusals.totals].map(([reason, total]) => [{ reason }, total]),
    );
  }
}

/** Waits for the engine as long as it cannot be reached. Throws what `join` throws that no waiting mends, and the signal's reason. */
export async function openMesh(options: PartOptions): Promise<MeshPart> {
  const { options: how, engine, tell, signal } = options;
  const { clock, key } = engine;
  const onFault = ({ code, message }: DocketError): void => tell('mesh fault', { code, error: message });
  // A name that was mistyped makes a mesh of its own, where nobody is ever heard.
  const onMade = (others: readonly string[]): void =>
    tell('mesh made', { mesh: how.name, message: 'this agent begins the mesh: nothing of that name was there', others });
  for (let failures = 1; ; failures++) {
    try {
      return new MeshPart(await how.join({ self: key.did, clock, onFault, onMade }), options);
    } catch (error) {
      if (!isDocketError(error, 'MESH_UNREACHABLE')) throw error;
      const pause = Math.min(LONGEST_PAUSE, backoff(FIRST_PAUSE, failures));
      tell('mesh unreachable', { mesh: how.name, error: error.message, again: pause });
      await paused(pause, clock, signal);
    }
  }
}

async function paused(ms: number, clock: Clock, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  const over = Promise.withResolvers<void>();
  const cancel = clock.after(ms, over.resolve);
  const abort = (): void => over.reject(signal?.reason as Error);
  signal?.addEventListener('abort', abort, { once: true });
  try {
    await over.promise;
  } finally {
    cancel();
    signal?.removeEventListener('abort', abort);
  }
}

function neighborsOf(members: Members): Neighbors {
  return {
    all: () => members.others().map(({ beat }) => beat.view.did),
    has: (did) => members.get(did) !== undefined,
    hasDoor: (did) => (members.get(did)?.beat.view.door ?? null) !== null,
  };
}
