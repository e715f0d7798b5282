import type { CID } from '../ipld/cid.ts';
import type { IpldMap } from '../ipld/value.ts';
import { grantsOf } from '../workflow/grants.ts';
import type { Limits, Retry } from '../workflow/limits.ts';
import * as Limit from '../workflow/limits.ts';
import type { MemoPolicy, Plan, Task } from '../workflow/model.ts';
import { isPure, memoOf } from '../workflow/policy.ts';

/** How one task is to be run and filed, read once from its instruction and its `meta`. */
export interface Policy {
  readonly limits: Limits;
  readonly retry: Retry;
  readonly memo: MemoPolicy;
  readonly grants: readonly string[];
  /** Nothing but the key decides the result: no grants, and a module that is fixed. */
  readonly pure: boolean;
  readonly semantics: number;
  readonly module: CID | undefined;
}

/** The policies of a plan's tasks; tasks of one template share theirs, which is asked for several times per task. */
export class Policies {
  readonly #plan: Plan;
  readonly #semantics: (op: string, limits: Limits) => number;
  readonly #standsFor: (cid: CID) => CID;
  /** Of tasks without grants: by `meta`, then by op and resource. */
  readonly #shared = new Map<IpldMap, Map<string, Policy>>();
  /** The one asked for last: the next question is mostly about the same task, or another of its template. */
  #last: { readonly task: Task; readonly policy: Policy } | undefined;

  /** `standsFor`: the blob a module's CID names. */
  constructor(plan: Plan, semantics: (op: string, limits: Limits) => number, standsFor: (cid: CID) => CID) {
    this.#plan = plan;
    this.#semantics = semantics;
    this.#standsFor = standsFor;
  }

  of(index: number): Policy {
    const { task, module: named } = this.#plan.tasks[index]!;
    const module = named && this.#standsFor(named);
    const grants = grantsOf(task);
    if (grants.length > 0) return this.#read(task, module, grants);
    if (this.#last === undefined || !isAlike(this.#last, task, module)) this.#last = { task, policy: this.#share(task, module) };
    return this.#last.policy;
  }

  #share(task: Task, module: CID | undefined): Policy {
    let family = this.#shared.get(task.meta);
    if (family === undefined) this.#shared.set(task.meta, (family = new Map()));
    const name = `${task.run.op} ${task.run.rsc}`;
    const known = family.get(name);
    if (known !== undefined && isSame(known.module, module)) return known;
    const policy = this.#read(task, module, []);
    family.set(name, policy);
    return policy;
  }

  #read(task: Task, module: CID | undefined, grants: readonly string[]): Policy {
    const { meta } = task;
    const limits = Limit.fromMeta(meta);
    return {
      limits,
      retry: Limit.retryFromMeta(meta),
      memo: memoOf(meta),
      grants,
      pure: isPure(task),
      semantics: this.#semantics(task.run.op, limits),
      module,
    };
  }
}

function isAlike({ task: a, policy }: { readonly task: Task; readonly policy: Policy }, b: Task, module: CID | undefined): boolean {
  return a === b || (a.meta === b.meta && a.run.op === b.run.op && a.run.rsc === b.run.rsc && isSame(policy.module, module));
}

function isSame(a: CID | undefined, b: CID | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && a.equals(b));
}
