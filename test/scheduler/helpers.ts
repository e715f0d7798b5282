import * as Cid from '../../src/ipld/cid.ts';
import type { Ipld } from '../../src/ipld/value.ts';
import type { Branch, Plan, Task } from '../../src/workflow/model.ts';
import { build } from '../../src/workflow/plan.ts';
import { identify } from '../../src/workflow/identify.ts';

/** A task for a graph: a name, what it awaits, and what else its instruction says. */
export interface Sketch {
  readonly name: string;
  readonly awaits?: readonly (string | readonly [string, Branch])[];
  readonly input?: Readonly<Record<string, Ipld>>;
  readonly meta?: Readonly<Record<string, Ipld>>;
  readonly module?: Cid.CID;
  readonly op?: string;
}

export const MODULE = Cid.ofBlob(new TextEncoder().encode('a module'));

/** A plan of the sketches, in which each promise stands in `args`. Labels are the names. */
export function planOf(sketches: readonly Sketch[], outputs: Plan['outputs'] = {}): Plan {
  const made = new Map<string, Cid.CID>();
  const drafts = sketches.map(({ name, awaits = [], input = {}, meta = {}, module = MODULE, op = 'wasm/run' }) => {
    const args = awaits.map((awaited): Ipld => {
      const [to, branch] = typeof awaited === 'string' ? [awaited, 'await/ok'] : awaited;
      return { [branch]: made.get(to)! };
    });
    const task: Task = { run: { rsc: `ipfs://${module}`, op, input: { func: name, args, ...input }, nnc: '' }, cause: null, meta, prf: [] };
    made.set(name, identify(task).instruction);
    return { task, module, label: name, group: name.replace(/[0-9]+$/, '') };
  });
  return build(drafts, { name: 'test', outputs });
}

export function indexOf(plan: Plan, label: string): number {
  return plan.tasks.findIndex((task) => task.label === label);
}

/** Of each kind of memo one: granted something, `never`, granted and `always`, and one that any run may take the result of. */
export const kindsOfMemo: readonly Sketch[] = [
  { name: 'now', op: 'wasi/run', input: { grant: ['clock'] } },
  { name: 'never', awaits: ['now'], meta: { memo: 'never' } },
  { name: 'always', op: 'wasi/run', input: { grant: ['clock'] }, meta: { memo: 'always' } },
  { name: 'pure', awaits: ['never', 'always'] },
];
