import { DocketError, type Place } from '../errors.ts';
import { type CID, ofValueBytes } from '../ipld/cid.ts';
import { encode } from '../ipld/dag-cbor.ts';
import type { Ipld, IpldMap } from '../ipld/value.ts';
import { type Edges, edgesOf, keyOf, sort } from './graph.ts';
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

interface Node {
  readonly draft: Draft;
  readonly instruction: CID;
  aliases: string[] | undefined;
}

/**
 * Takes tasks one by one and puts them in topological order: each after those it awaits, otherwise in the order given. A draft that
 * awaits an instruction of another draft depends on it wherever it stands; instructions of nobody are external.
 */
export class PlanBuilder {
  readonly #duplicates: 'share' | 'refuse';
  readonly #namer = new WorkflowNamer();
  readonly #nodes: Node[] = [];
  readonly #byInstruction = new Map<string, number>();
  readonly #metas = new Map<IpldMap, Uint8Array>();

  constructor({ duplicates = 'share' }: BuilderOptions = {}) {
    this.#duplicates = duplicates;
  }

  /** Gives the CID of the draft's instruction. Throws `WORKFLOW_DUPLICATE`, at `place`. */
  add(draft: Draft, place?: () => Place): CID {
    const { task } = draft;
    const run = this.#namer.encode(task.run);
    const instruction = ofValueBytes(run);
    const key = keyOf(instruction);
    const twin = this.#byInstruction.get(key);
    if (twin !== undefined) {
      this.#share(this.#nodes[twin]!, draft, place);
      return this.#nodes[twin]!.instruction;
    }
    this.#namer.add(run, task, this.#metaOf(task));
    this.#byInstruction.set(key, this.#nodes.length);
    this.#nodes.push({ draft, instruction, aliases: draft.aliases === undefined ? undefined : [...draft.aliases] });
    return instruction;
  }

  finish({ name, outputs = {}, groups = [] }: PlanOptions = {}): Plan {
    const workflow = this.#namer.workflow();
    const edges = this.#nodes.map(({ draft }) => edgesOf(draft.task.run.input, this.#byInstruction));
    const order = sort(edges);
    const positions = new Int32Array(order.length);
    order.forEach((node, position) => (positions[node] = position));
    const tasks = order.map((index) => new Planned(this.#nodes[index]!, edges[index]!, positions));
    return { name: name ?? workflow.toString(), workflow, tasks, groups: countGroups(tasks, groups), outputs };
  }

  #share(first: Node, { task, label }: Draft, place: (() => Place) | undefined): void {
    const where = place === undefined ? {} : { place: place() };
    const details = { tasks: [first.draft.label, label], instruction: first.instruction.toString() };
    if (this.#duplicates === 'refuse') {
      throw new DocketError('WORKFLOW_DUPLICATE', 'workflow cannot contain duplicate tasks: use a nonce (nnc field) to ensure uniqueness', {
        ...where,
        details,
      });
    }
    if (!invocationOf(first.draft.task).equals(invocationOf(task))) {
      const message = `"${label}" is the same instruction as "${first.draft.label}" with other limits, retry or memo`;
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

/** The invocation is worked out when asked for: a cached task never is, and a CID is as large as all the rest. */
class Planned implements PlannedTask {
  readonly task: Task;
  readonly instruction: CID;
  readonly module: CID | undefined;
  readonly label: string;
  readonly aliases?: readonly string[];
  readonly group: string;
  readonly awaits: PlannedTask['awaits'];
  readonly external: readonly Awaited[];

  constructor({ draft, instruction, aliases }: Node, { awaits, external }: Edges, positions: Int32Array) {
    this.task = draft.task;
    this.instruction = instruction;
    this.module = draft.module;
    this.label = draft.label;
    if (aliases !== undefined) this.aliases = aliases;
    this.group = draft.group;
    this.awaits = awaits.length === 0 ? awaits : awaits.map(({ task, branch }) => ({ task: positions[task]!, branch }));
    this.external = external;
  }

  get invocation(): CID {
    return invocationOf(this.task);
  }
}

function countGroups(tasks: readonly PlannedTask[], names: readonly string[]): Plan['groups'] {
  const sizes = new Map<string, number>(names.map((name) => [name, 0]));
  for (const { group } of tasks) sizes.set(group, (sizes.get(group) ?? 0) + 1);
  return [...sizes].map(([name, size]) => ({ name, size }));
}
