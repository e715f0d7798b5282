import { DocketError, type Place } from '../errors.ts';
import { type CID, ofValueBytes, ofValueDigest } from '../ipld/cid.ts';
import { encode } from '../ipld/dag-cbor.ts';
import type { Ipld, IpldMap } from '../ipld/value.ts';
import { DigestTable } from './digest-table.ts';
import { type Edges, edgesOf, sort } from './graph.ts';
import { invocationOf, WorkflowNamer } from './identify.ts';
import type { Awaited, Plan, PlannedTask, Task } from './model.ts';

/** A task on its way into a plan. */
export interface Draft {
  readonly task: Task;
  readonly module: CID | undefined;
  /** Unique among the drafts. */
  readonly label: string;
  readonly group: string;
  /** Labels it is also known by. */
  readonly aliases?: readonly string[];
}

export interface BuilderOptions {
  /**
   * What happens to two drafts that are the same task: shared (the default), so that the work is done once, or refused, which is
   * Homestar's rule. The same instruction with another `meta` is refused either way: which limits would apply?
   */
  readonly duplicates?: 'share' | 'refuse';
}

export interface PlanOptions {
  /** Default: the CID of the workflow. */
  readonly name?: string | undefined;
  readonly outputs?: Readonly<Record<string, Ipld>>;
  /** Group names in the order they are to be shown, also those without tasks; default: as met. */
  readonly groups?: readonly string[];
}

/** The plan of these drafts. Throws `WORKFLOW_DUPLICATE`. */
export function build(drafts: readonly Draft[], options: PlanOptions & BuilderOptions = {}): Plan {
  const builder = new PlanBuilder(options);
  for (const draft of drafts) builder.add(draft);
  return builder.finish(options);
}

/**
 * Takes tasks one by one and puts them in topological order: each after those it awaits, otherwise in the order given. A draft that
 * awaits an instruction of another draft depends on it wherever it stands; instructions of nobody are external.
 */
export class PlanBuilder {
  readonly #duplicates: 'share' | 'refuse';
  readonly #namer = new WorkflowNamer();
  /** In the order given, their edges still open. */
  readonly #tasks: Planned[] = [];
  /** Of their instructions. */
  readonly #digests = new DigestTable();
  readonly #metas = new Map<IpldMap, Uint8Array>();

  constructor({ duplicates = 'share' }: BuilderOptions = {}) {
    this.#duplicates = duplicates;
  }

  /** Gives the CID of the draft's instruction. Throws `WORKFLOW_DUPLICATE`, at `place`. */
  add(draft: Draft, place?: () => Place): CID {
    const { task } = draft;
    const run = this.#namer.encode(task.run);
    const instruction = ofValueBytes(run);
    const { position, isNew } = this.#digests.add(instruction.multihash.digest);
    if (!isNew) {
      this.#share(this.#tasks[position]!, draft, place);
      return instruction;
    }
    this.#namer.add(run, task, this.#metaOf(task));
    this.#tasks.push(new Planned(draft, this.#digests, position));
    return instruction;
  }

  /** The builder is of no more use. */
  finish({ name, outputs = {}, groups = [] }: PlanOptions = {}): Plan {
    const workflow = this.#namer.workflow();
    const edges = this.#tasks.map(({ task }) => edgesOf(task.run.input, ({ multihash }) => this.#digests.find(multihash.digest)));
    const order = sort(edges);
    const positions = new Int32Array(order.length);
    order.forEach((index, position) => (positions[index] = position));
    const tasks = order.map((index) => this.#tasks[index]!.connect(edges[index]!, positions));
    this.#digests.freeze();
    return { name: name ?? workflow.toString(), workflow, tasks, groups: countGroups(tasks, groups), outputs };
  }

  #share(first: Planned, { task, label }: Draft, place: (() => Place) | undefined): void {
    const where = place === undefined ? {} : { place: place() };
    const details = { tasks: [first.label, label], instruction: first.instruction.toString() };
    if (this.#duplicates === 'refuse') {
      throw new DocketError('WORKFLOW_DUPLICATE', 'workflow cannot contain duplicate tasks: use a nonce (nnc field) to ensure uniqueness', {
        ...where,
        details,
      });
    }
    if (!first.invocation.equals(invocationOf(task))) {
      const message = `"${label}" is the same instruction as "${first.label}" with other limits, retry, memo or grant`;
      throw new DocketError('WORKFLOW_DUPLICATE', message, {
        ...where,
        details,
        next: 'Give both the same settings, or one of them a `nonce`, so that they differ.',
      });
    }
    (first.aliases ??= []).push(label);
  }

  /** Tasks of one template share their `meta`, so it is encoded once. */
  #metaOf({ meta }: Task): Uint8Array {
    let bytes = this.#metas.get(meta);
    if (bytes === undefined) this.#metas.set(meta, (bytes = encode(meta)));
    return bytes;
  }
}

const NONE: readonly never[] = [];

/** Both CIDs are made when asked for: each is as large as all the rest, and a cached task is never asked for its invocation. */
class Planned implements PlannedTask {
  readonly task: Task;
  readonly module: CID | undefined;
  readonly label: string;
  aliases?: string[];
  readonly group: string;
  awaits: PlannedTask['awaits'] = NONE;
  external: readonly Awaited[] = NONE;
  readonly #digests: DigestTable;
  readonly #index: number;

  /** `digests` holds the digest of the instruction at `index`. */
  constructor({ task, module, label, aliases, group }: Draft, digests: DigestTable, index: number) {
    this.task = task;
    this.module = module;
    this.label = label;
    if (aliases !== undefined) this.aliases = [...aliases];
    this.group = group;
    this.#digests = digests;
    this.#index = index;
  }

  /** `positions` tells where the tasks it awaits came to stand. */
  connect({ awaits, external }: Edges, positions: Int32Array): this {
    if (awaits.length > 0) this.awaits = awaits.map(({ task, branch }) => ({ task: positions[task]!, branch }));
    if (external.length > 0) this.external = external;
    return this;
  }

  /** The same task, with what its `rsc` turned out to stand for. */
  withModule(module: CID): Planned {
    const { task, label, aliases, group } = this;
    const known = new Planned({ task, module, label, group, ...(aliases === undefined ? {} : { aliases }) }, this.#digests, this.#index);
    known.awaits = this.awaits;
    known.external = this.external;
    return known;
  }

  get instruction(): CID {
    return ofValueDigest(this.digest);
  }

  get digest(): Uint8Array {
    return this.#digests.at(this.#index);
  }

  get invocation(): CID {
    return invocationOf(this.task);
  }
}

/** A plan with modules for tasks that have none, by their `rsc`; itself if there are none for any. */
export function withModules(plan: Plan, found: ReadonlyMap<string, CID>): Plan {
  let isNew = false;
  const tasks = plan.tasks.map((planned) => {
    const module = planned.module === undefined ? found.get(planned.task.run.rsc) : undefined;
    if (module === undefined || !(planned instanceof Planned)) return planned;
    isNew = true;
    return planned.withModule(module);
  });
  return isNew ? { ...plan, tasks } : plan;
}

function countGroups(tasks: readonly PlannedTask[], names: readonly string[]): Plan['groups'] {
  const sizes = new Map<string, number>(names.map((name) => [name, 0]));
  for (const { group } of tasks) sizes.set(group, (sizes.get(group) ?? 0) + 1);
  return [...sizes].map(([name, size]) => ({ name, size }));
}
