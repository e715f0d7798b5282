import { DocketError } from '../errors.ts';
import type { CID } from '../ipld/cid.ts';
import { DigestTable } from '../workflow/digest-table.ts';
import type { Awaited, Plan } from '../workflow/model.ts';
import { visitPromises } from '../workflow/promise.ts';
import type { Hit, Lookup } from './lookup.ts';
import { nameOfBytes } from './name-of-bytes.ts';
import type { RunState, Settled } from './state.ts';

/** What the promises of a run stand for: results of its own tasks, or of instructions of earlier runs. */
export class Promises {
  readonly #state: RunState;
  /** Made at the first promise: a flat graph of a million tasks has none. */
  #instructions: DigestTable | undefined;
  readonly #external = new Map<string, Hit>();

  constructor(state: RunState) {
    this.#state = state;
  }

  /** Looks up the instructions that are not in the plan: the newest receipt of each counts. Throws `PROMISE_UNRESOLVED`. */
  findExternal(plan: Plan, lookup: Lookup): void {
    for (const { external, label } of plan.tasks) {
      for (const { instruction } of external) {
        const name = nameOfBytes(instruction.multihash.digest);
        if (this.#external.has(name)) continue;
        const hit = lookup.newest(instruction);
        if (hit === undefined) {
          throw new DocketError(
            'PROMISE_UNRESOLVED',
            `task ${label} awaits ${instruction}, which is not in the workflow and has no receipt here`,
          );
        }
        this.#external.set(name, hit);
      }
    }
  }

  /** Tasks the named outputs await. */
  tasksOf(outputs: Plan['outputs']): number[] {
    const found: number[] = [];
    visitPromises(Object.values(outputs), ({ instruction }) => {
      const task = this.#taskOf(instruction);
      if (task !== undefined) found.push(task);
    });
    return found;
  }

  given({ instruction }: Awaited): { readonly result: Settled | undefined; readonly label: string } {
    const task = this.#taskOf(instruction);
    if (task === undefined) return { result: this.#external.get(nameOfBytes(instruction.multihash.digest)), label: instruction.toString() };
    return { result: this.#state.results[task], label: this.#state.plan.tasks[task]!.label };
  }

  #taskOf({ multihash }: CID): number | undefined {
    if (this.#instructions === undefined) {
      this.#instructions = new DigestTable();
      for (const { digest } of this.#state.plan.tasks) this.#instructions.add(digest);
    }
    return this.#instructions.find(multihash.digest);
  }
}
