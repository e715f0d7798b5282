import type { CID } from '../ipld/cid.ts';
import type { Limits, Retry } from '../workflow/limits.ts';
import * as Limit from '../workflow/limits.ts';
import type { MemoPolicy, Plan } from '../workflow/model.ts';
import { grantsOf, isPure, memoOf } from '../workflow/policy.ts';

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

/** The policies of a plan's tasks; tasks of one template share the parsed `meta`. */
export class Policies {
  readonly #plan: Plan;
  readonly #semantics: (op: string) => number;
  readonly #parsed = new Map<object, Pick<Policy, 'limits' | 'retry' | 'memo'>>();

  constructor(plan: Plan, semantics: (op: string) => number) {
    this.#plan = plan;
    this.#semantics = semantics;
  }

  of(index: number): Policy {
    const { task, module } = this.#plan.tasks[index]!;
    let parsed = this.#parsed.get(task.meta);
    if (parsed === undefined) {
      parsed = { limits: Limit.fromMeta(task.meta), retry: Limit.retryFromMeta(task.meta), memo: memoOf(task.meta) };
      this.#parsed.set(task.meta, parsed);
    }
    const grants = grantsOf(task);
    return { ...parsed, grants, pure: isPure(task), semantics: this.#semantics(task.run.op), module };
  }
}
