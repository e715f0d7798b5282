import type { CID } from '../ipld/cid.ts';
import type { Ipld } from '../ipld/value.ts';
import type { Awaited, PlannedTask } from './model.ts';
import { visitPromises } from './promise.ts';

/** What one task awaits; `awaits` counts tasks in whatever order the caller has them. */
export interface Edges {
  readonly awaits: PlannedTask['awaits'];
  readonly external: readonly Awaited[];
}

const NO_EDGES: Edges = { awaits: [], external: [] };

/** Edges from the promises in an input; `taskOf` tells which task has an instruction. */
export function edgesOf(input: Ipld, taskOf: (instruction: CID) => number | undefined): Edges {
  let found: { readonly awaits: PlannedTask['awaits'][number][]; readonly external: Awaited[]; readonly seen: Set<string> } | undefined;
  visitPromises(input, (awaited) => {
    found ??= { awaits: [], external: [], seen: new Set() };
    const task = taskOf(awaited.instruction);
    if (task === undefined) return void found.external.push(awaited);
    const edge = `${awaited.branch} ${task}`;
    if (!found.seen.has(edge)) found.awaits.push({ task, branch: awaited.branch });
    found.seen.add(edge);
  });
  return found === undefined ? NO_EDGES : { awaits: found.awaits, external: found.external };
}

/**
 * Topological order: each task after those it awaits, otherwise as given. Depth first with a stack of its own, since a chain may be a
 * million tasks long. Content addresses leave no room for cycles.
 */
export function sort(edges: readonly Edges[]): number[] {
  const order: number[] = [];
  const next = new Int32Array(edges.length).fill(-1);
  const stack: number[] = [];
  for (let start = 0; start < edges.length; start++) {
    if (next[start] === -1) stack.push(start);
    while (stack.length > 0) {
      const node = stack.at(-1)!;
      const awaited = edges[node]!.awaits[++next[node]!]?.task;
      if (awaited === undefined) {
        stack.pop();
        order.push(node);
      } else if (next[awaited] === -1) stack.push(awaited);
    }
  }
  return order;
}
