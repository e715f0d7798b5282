import { isDocketError } from '../../errors.ts';
import type { Permission } from '../../manifest/model.ts';
import type { Mesh } from '../../mesh/mesh.ts';
import type { PeerService } from '../../protocol/peers.ts';
import { encodeOffered, encodeWork } from '../../protocol/mesh/work-codec.ts';
import type { Elsewhere } from '../../scheduler/blob-view.ts';
import type { CoordinatorOptions } from '../../scheduler/coordinator-options.ts';
import type { Keep } from '../../scheduler/lasting.ts';
import type { Trust } from '../../receipt/trust.ts';
import { Delegation } from '../../scheduler/delegation/delegation.ts';
import type { Mail } from '../../scheduler/delegation/outgoing.ts';
import type { Store } from '../../store/store.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import type { Offer } from '../../workflow/needs.ts';
import type { Engine } from '../engine.ts';
import { keeperOf } from './durable.ts';
import { BelievedMembers } from './believed-members.ts';
import { Host } from './host.ts';
import { hostCounts } from './host-counts.ts';
import { LateCrew } from './late-crew.ts';
import type { Members } from './members.ts';
import { type Bring, bringerOf } from './mesh-peers.ts';
import { MeshObjects } from './objects.ts';
import type { Refusals } from './refusals.ts';
import { driverOf } from './runs/reached.ts';
import type { Transfers } from './transfers.ts';
import { listenToWork } from './work-line.ts';

/**
 * Work that members do for each other: this agent's part as one that runs tasks of others, and as one that gives tasks away.
 *
 * Both hear the same messages, and stop in reverse: nothing is offered any more before what is held for others is let go.
 */

interface WorkOptions {
  readonly engine: Engine;
  readonly mesh: Mesh;
  readonly members: Members;
  readonly trust: Pick<Trust, 'accepts'>;
  readonly refusals: Refusals;
  readonly transfers: Transfers;
  readonly peers: PeerService;
  /** What modules may be given. */
  readonly policy: readonly Permission[];
  /** What it has of what tasks may need. */
  readonly view: Offer;
  /** Whether it runs tasks at all. */
  readonly isRunner: boolean;
  readonly isDraining: () => boolean;
  readonly metrics: Metrics;
}

/** What a run is driven with where there are members. */
export interface Delegated extends Pick<CoordinatorOptions, 'crew' | 'bring' | 'keep'> {
  /** Which members hold which blobs: what one run hears of that serves all. */
  readonly elsewhere: Elsewhere;
}

/** A run, and its share beside that of others. */
export interface Driven {
  readonly run: string;
  readonly weight: number;
}

interface Inner {
  readonly delegation: Delegation;
  readonly bring: Bring;
  readonly keep: (run: string) => Keep;
}

export class WorkPart implements AsyncDisposable {
  readonly host: Host;
  readonly #delegation: Delegation;
  readonly #bring: Bring;
  readonly #keep: Inner['keep'];
  readonly #stack: AsyncDisposableStack;

  private constructor(parts: Pick<WorkPart, 'host'>, { delegation, bring, keep }: Inner, stack: AsyncDisposableStack) {
    this.host = parts.host;
    this.#delegation = delegation;
    this.#bring = bring;
    this.#keep = keep;
    this.#stack = stack;
  }

  /** Throws as `Host.open`. */
  static async open(options: WorkOptions): Promise<WorkPart> {
    const { engine, mesh, members, trust, refusals, transfers, peers, policy, view, isRunner, isDraining, metrics } = options;
    const { clock } = engine;
    await using stack = new AsyncDisposableStack();
    const bring = bringerOf(engine.store, peers, transfers);
    const held = { of: (): Host['held'] => ({}) };
    const counts = hostCounts(metrics, () => held.of());
    const host = stack.use(
      await Host.open({
        ...{ engine, messages: mesh.messages, terms: { ...view, policy, ops: isRunner ? view.ops : [] }, bring, isDraining },
        driverOf: async (run, signal) => await driverOf(run, { records: mesh.records, clock }, signal),
        isGone: (did) => members.isJudging && members.get(did) === undefined,
        counts,
      }),
    );
    held.of = () => host.held;
    const objects = new MeshObjects({ mesh, store: engine.store, clock, onRefused: (refused) => refusals.add(refused) });
    const keep = (run: string): Keep => keeperOf(run, { objects, bring, clock });
    const believed = stack.use(new BelievedMembers({ members, trust, clock }));
    const delegation = stack.use(new Delegation({ members: believed, mail: mailOf(mesh, engine.store), clock }));
    stack.use(
      listenToWork(mesh.messages, {
        host,
        coordinators: delegation,
        counts,
        refused: (from, { refused, problem }) => refusals.add({ reason: `work ${refused}`, from, message: problem }),
      }),
    );
    return new WorkPart({ host }, { delegation, bring, keep }, stack.move());
  }

  /** What a run is driven with. `epoch`: resolves when the mesh knows that it is driven here; undefined if that is not to be. */
  delegated({ run, weight }: Driven, epoch: (signal: AbortSignal) => Promise<number | undefined>): Delegated {
    const right = async (signal: AbortSignal) => {
      const known = await epoch(signal);
      return known === undefined ? undefined : this.#delegation.crewOf({ run, epoch: known, weight });
    };
    return {
      crew: (parts) => new LateCrew(parts, right),
      ...{ bring: this.#bring, keep: this.#keep(run), elsewhere: this.#delegation.holders },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

/** A message that is lost is no different from one that was not sent: who sends has a timer. */
function mailOf({ messages }: Pick<Mesh, 'messages'>, store: Store): Mail {
  return {
    send(to, message) {
      const bytes = encodeWork(message);
      if (bytes.length > messages.largest) return false;
      try {
        messages.send(to, bytes);
      } catch (error) {
        if (!isDocketError(error)) throw error;
        return error.code !== 'MESH_MESSAGE_TOO_LARGE';
      }
      return true;
    },
    // Members fetch it from this one.
    keep: async (task) => (await store.put(encodeOffered(task))).cid,
  };
}
